/*
 * Parsing a command line against a table of options; see args.h.
 *
 * One pass over argv. What is missing is checked at the end, so that `--help` anywhere wins over
 * every complaint. Errors name the option and what to write.
 */
#include "cmd/args.h"

#include <string.h>

#define OPTIONS_MAX 64 /* of one verb; more are never suggested */

struct parse {
    const struct args_spec *spec;
    uint8_t *values; /* borrows: the verb's struct */
    size_t operands; /* seen so far */
    struct kith_error *err;
};

int args_number(const char *text, uint64_t *out)
{
    uint64_t number = 0;
    if (!*text) return KITH_EINVAL;
    for (const char *at = text; *at; at++) {
        if (*at < '0' || *at > '9') return KITH_EINVAL;
        if (__builtin_mul_overflow(number, 10u, &number)) return KITH_EINVAL;
        if (__builtin_add_overflow(number, (uint64_t)(*at - '0'), &number)) return KITH_EINVAL;
    }
    *out = number;
    return 0;
}

static const struct args_option *find_option(const struct args_spec *spec, const char *name,
                                             size_t len)
{
    for (size_t i = 0; i < spec->option_count; i++) {
        const struct args_option *option = &spec->options[i];
        if (strlen(option->name) == len && memcmp(option->name, name, len) == 0) return option;
    }
    return NULL;
}

static int unknown_option(const struct parse *parse, const char *name, size_t len)
{
    const struct args_spec *spec = parse->spec;
    const char *names[OPTIONS_MAX + 1] = {NULL};
    size_t count = 0;
    char word[64] = {0};
    names[count++] = "help";
    for (size_t i = 0; i < spec->option_count && count < OPTIONS_MAX; i++) {
        names[count++] = spec->options[i].name;
    }
    if (len < sizeof word) memcpy(word, name, len);
    const char *near = args_suggest(word, names, count);
    if (near) {
        return error_set(parse->err, KITH_EINVAL, "unknown option '--%.*s'; did you mean '--%s'?",
                         (int)len, name, near);
    }
    return error_set(parse->err, KITH_EINVAL,
                     "unknown option '--%.*s'; 'kith %s --help' lists the options", (int)len, name,
                     spec->verb);
}

static int store_number(const struct parse *parse, const struct args_option *option,
                        const char *text)
{
    uint64_t number = 0;
    uint64_t max = option->max ? option->max : UINT64_MAX;
    if (args_number(text, &number) || number < option->min || number > max) {
        if (option->max) {
            return error_set(parse->err, KITH_EINVAL,
                             "--%s takes a number from %llu to %llu, not '%s'", option->name,
                             (unsigned long long)option->min, (unsigned long long)max, text);
        }
        return error_set(parse->err, KITH_EINVAL, "--%s takes a number of at least %llu, not '%s'",
                         option->name, (unsigned long long)option->min, text);
    }
    memcpy(parse->values + option->offset, &number, sizeof number);
    return 0;
}

static int store(const struct parse *parse, const struct args_option *option, const char *text)
{
    const bool on = true;
    switch (option->kind) {
    case ARGS_FLAG:
        memcpy(parse->values + option->offset, &on, sizeof on);
        return 0;
    case ARGS_NUMBER:
        return store_number(parse, option, text);
    case ARGS_TEXT:
        memcpy(parse->values + option->offset, &text, sizeof text);
        return 0;
    }
    return KITH_EINVAL;
}

/* Reads the option at argv[0]; *used is 1, or 2 when the value was the next word. */
static int parse_option(const struct parse *parse, int argc, char *const *argv, int *used)
{
    const char *name = argv[0] + 2;
    const char *equals = strchr(name, '=');
    size_t len = equals ? (size_t)(equals - name) : strlen(name);
    const struct args_option *option = find_option(parse->spec, name, len);
    *used = 1;
    if (!option) return unknown_option(parse, name, len);
    if (option->kind == ARGS_FLAG) {
        if (!equals) return store(parse, option, NULL);
        return error_set(parse->err, KITH_EINVAL, "--%s takes no value; write just '--%s'",
                         option->name, option->name);
    }
    if (equals) return store(parse, option, equals + 1);
    if (argc < 2 || strncmp(argv[1], "--", 2) == 0) {
        return error_set(parse->err, KITH_EINVAL, "--%s needs a value; write '--%s %s'",
                         option->name, option->name, option->value);
    }
    *used = 2;
    return store(parse, option, argv[1]);
}

static int parse_operand(struct parse *parse, const char *text)
{
    const struct args_spec *spec = parse->spec;
    if (parse->operands == spec->operand_count) {
        return error_set(parse->err, KITH_EINVAL,
                         "'%s' is one word too many; 'kith %s --help' shows the usage", text,
                         spec->verb);
    }
    return store(parse, &spec->operands[parse->operands++], text);
}

static bool asks_for_help(int argc, char *const *argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) return true;
    }
    return false;
}

static int check_required(const struct parse *parse)
{
    const struct args_spec *spec = parse->spec;
    for (size_t i = parse->operands; i < spec->operand_count; i++) {
        if (!spec->operands[i].required) continue;
        return error_set(parse->err, KITH_EINVAL, "%s is missing; 'kith %s --help' shows the usage",
                         spec->operands[i].name, spec->verb);
    }
    for (size_t i = 0; i < spec->option_count; i++) {
        const struct args_option *option = &spec->options[i];
        const char *text = NULL;
        if (!option->required) continue; /* only ARGS_TEXT may be */
        memcpy(&text, parse->values + option->offset, sizeof text);
        if (text) continue;
        return error_set(parse->err, KITH_EINVAL, "--%s is missing; add '--%s %s'", option->name,
                         option->name, option->value);
    }
    return 0;
}

int args_parse(const struct args_spec *spec, int argc, char *const *argv, void *values, bool *help,
               struct kith_error *err)
{
    struct parse parse = {.spec = spec, .values = values, .err = err};
    bool ended = false;
    *help = asks_for_help(argc, argv);
    if (*help) return 0;
    for (int i = 0, used = 1; i < argc; i += used) {
        int rc;
        used = 1;
        if (ended || argv[i][0] != '-' || argv[i][1] == '\0') {
            rc = parse_operand(&parse, argv[i]);
        } else if (strcmp(argv[i], "--") == 0) {
            ended = true;
            continue;
        } else if (argv[i][1] == '-') {
            rc = parse_option(&parse, argc - i, argv + i, &used);
        } else {
            rc = error_set(err, KITH_EINVAL, "unknown option '%s'; options have two dashes",
                           argv[i]);
        }
        if (rc) return rc;
    }
    return check_required(&parse);
}
