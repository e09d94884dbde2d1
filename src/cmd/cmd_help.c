/*
 * kith help [VERB]
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"

struct help_options {
    const char *verb;
};

static const struct args_option operands[] = {
    {.name = "VERB", .kind = ARGS_TEXT, .help = "the verb to explain",
     .offset = offsetof(struct help_options, verb)},
};

static const struct args_spec spec = {
    .verb = "help",
    .summary = "the list of verbs, or the help of one",
    .example = "kith help search",
    .operands = operands,
    .operand_count = 1,
};

static void list_verbs(void)
{
    size_t count;
    const struct cmd_verb *verbs = cmd_verbs(&count);
    printf("kith %s: a vector database in files, a server for clients of Milvus and of Redis\n\n"
           "usage: kith VERB ...\n\n",
           kith_version());
    for (size_t i = 0; i < count; i++) printf("  %-14s%s\n", verbs[i].name, verbs[i].summary);
    printf("\n'kith VERB --help' explains a verb. To begin with:\n"
           "  echo '{\"id\": 7, \"vector\": [1, 0.5]}' > words.jsonl\n"
           "  kith import words.jsonl --db data --collection words\n"
           "  kith search --db data --collection words --like 7\n");
}

int cmd_help(int argc, char **argv)
{
    struct help_options options = {0};
    char verb[32], ask[] = "--help";
    char *asking[] = {verb, ask, NULL};
    int exit_code;
    if (!cmd_begin(&spec, argc, argv, &options, &exit_code)) return exit_code;
    if (!options.verb) {
        list_verbs();
        return CMD_OK;
    }
    snprintf(verb, sizeof verb, "%s", options.verb);
    return cmd_run_verb(2, asking);
}
