/*
 * The arguments of commands about deadlines of hash fields: a time, conditions, "FIELDS n field
 * ...".
 */
#ifndef KITH_REDIS_FIELD_ARGS_H
#define KITH_REDIS_FIELD_ARGS_H

#include "redis/command.h"

#define FIELD_DEADLINE_MAX (((int64_t)1 << 46) - 1) /* Unix ms */

enum field_option { /* which words a command knows; also which were given */
    FIELD_NX = 1, FIELD_XX = 2, FIELD_GT = 4, FIELD_LT = 8,
    FIELD_CONDITIONS = 15,
    FIELD_TIME = 16,    /* EX, PX, EXAT, PXAT */
    FIELD_PERSIST = 32,
    FIELD_KEEP = 64,    /* KEEPTTL */
    FIELD_FNX = 128, FIELD_FXX = 256,
    FIELD_PAIRS = 512   /* not a word: each field is followed by a value */
};

struct field_args {
    unsigned given;     /* enum field_option */
    int64_t deadline;   /* Unix ms, with FIELD_TIME */
    size_t first;       /* argv of the first field */
    size_t count;
};

/* Reads argv[from...]. false: answered. */
bool field_args_read(struct redis_call *call, size_t from, unsigned known, struct field_args *out);
/* A time in argv[arg], in s or ms, relative to now or not, as Unix ms. false: answered. */
bool field_deadline_read(struct redis_call *call, size_t arg, bool seconds, bool relative,
                         int64_t *out);

#endif
