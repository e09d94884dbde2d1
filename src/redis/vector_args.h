/*
 * A vector among the words of a command: [REDUCE dim] (FP32 blob | VALUES n v1 ... vn).
 */
#ifndef KITH_REDIS_VECTOR_ARGS_H
#define KITH_REDIS_VECTOR_ARGS_H

#include "cache/vectors.h"
#include "redis/command.h"

struct vector_arg {
    float *values;   /* owns (mem_alloc): dim of them */
    uint32_t dim;
    uint32_t reduce; /* 0: none was asked for */
    size_t next;     /* the word behind */
};

/* false: an answer was given. KITH_ENOMEM is one too. `may_reduce`: REDUCE may stand first. */
bool vector_arg_read(struct redis_call *call, size_t at, bool may_reduce, struct vector_arg *out);
void vector_arg_release(struct vector_arg *arg); /* accepts a zeroed struct */
/* Puts the projection in place of the vector. */
bool vector_arg_reduce(struct redis_call *call, struct vector_arg *arg, uint32_t dim);

static inline struct vector_set *vector_set_of(struct entry *entry) { return entry_value(entry); }

#endif
