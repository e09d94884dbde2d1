/*
 * The command line of one verb: a table of options that the parser fills a struct from and that
 * the help text is generated from, so that the two cannot drift apart.
 *
 * `--name value` and `--name=value`; flags take no value; operands may stand anywhere; `--` ends
 * the options. A value that begins with `--` must be written `--name=value`: a forgotten value
 * would otherwise swallow the next option. No abbreviations: scripts outlive new options.
 */
#ifndef KITH_CMD_ARGS_H
#define KITH_CMD_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/suggest.h"

enum args_kind {
    ARGS_FLAG,   /* bool */
    ARGS_TEXT,   /* const char *, borrows argv */
    ARGS_NUMBER, /* uint64_t within [min, max] */
};

struct args_option {
    const char *name;  /* without dashes; of an operand: its name in capitals */
    enum args_kind kind;
    const char *value; /* the value's name in help; NULL for flags */
    const char *help;
    size_t offset;     /* of the member in the verb's struct; operands: a const char * */
    bool required;
    uint64_t min, max; /* ARGS_NUMBER; max 0: no maximum */
};

struct args_spec {
    const char *verb;    /* "search" */
    const char *summary; /* one line */
    const char *details; /* nullable: more lines of help */
    const char *example; /* one or more lines, each a command */
    const struct args_option *options;
    size_t option_count;
    const struct args_option *operands; /* in order */
    size_t operand_count;
};

/* Fills `values`, the verb's struct with its defaults in it, from argv[0..argc) (without program
 * and verb). *help is set, and nothing else is checked, when --help or -h is among them.
 * KITH_EINVAL with a text that says what to write instead. */
KITH_NODISCARD int args_parse(const struct args_spec *spec, int argc, char *const *argv,
                              void *values, bool *help, struct kith_error *err);

/* The help text of a verb. */
void args_help(const struct args_spec *spec, struct buffer *out);

/* Decimal, without sign, blanks or a suffix. KITH_EINVAL, without a text. */
KITH_NODISCARD int args_number(const char *text, uint64_t *out);

/* As suggest_name(). */
static inline const char *args_suggest(const char *word, const char *const *names, size_t count)
{
    return suggest_name(word, names, count);
}

#endif
