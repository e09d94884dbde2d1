/*
 * What the lexer, the compiler and the evaluator of vector filters share.
 */
#ifndef KITH_CACHE_VECTOR_FILTER_INTERNAL_H
#define KITH_CACHE_VECTOR_FILTER_INTERNAL_H

#include <stdint.h>

#include "cache/vector_filter.h"

enum filter_op {
    FILTER_OPEN, FILTER_CLOSE, FILTER_NOT, FILTER_POW, FILTER_MUL, FILTER_DIV, FILTER_MOD,
    FILTER_ADD, FILTER_SUB, FILTER_GT, FILTER_GE, FILTER_LT, FILTER_LE, FILTER_EQ, FILTER_NE,
    FILTER_IN, FILTER_AND, FILTER_OR, FILTER_OPS
};

enum filter_kind {
    FILTER_NUMBER,
    FILTER_STRING,   /* text, len */
    FILTER_NULL,
    FILTER_TUPLE,    /* items, len of them: written in the expression */
    FILTER_ARRAY,    /* text, len: the JSON of an attribute */
    FILTER_SELECTOR, /* text, len: a name; in programs only */
    FILTER_OPERATOR  /* op; in programs only */
};

struct filter_value { /* also a token, and a step of a program */
    enum filter_kind kind;
    enum filter_op op;
    double number;
    const char *text; /* borrows: the filter's text, or the attribute's */
    size_t len;
    size_t first; /* of a tuple: its first item in filter->items */
};

struct vector_filter {
    char *text; /* owns; NUL at the end */
    size_t len;
    struct filter_value *steps; /* owns: tokens, then the program in postfix order */
    size_t step_count, step_cap;
    struct filter_value *items; /* owns: of all tuples */
    size_t item_count, item_cap;
    size_t depth; /* of the stack while it runs */
};

/* Text to tokens in filter->steps. KITH_EINVAL, KITH_ENOMEM. */
KITH_NODISCARD int filter_tokenize(struct vector_filter *filter, size_t *error_at);
int filter_op_level(enum filter_op op);
size_t filter_op_arity(enum filter_op op);
/* strtod of the whole text, without its locale; false: something is left, or too long. */
bool filter_number(const char *text, size_t len, double *out);

#endif
