/*
 * Expressions of FT.AGGREGATE (APPLY, FILTER) and of the FILTER of FT.CREATE:
 *
 *     or    := and { || and }           and   := equal { && equal }
 *     equal := order { == != order }    order := sum { < <= > >= sum }
 *     sum   := term { + - term }        term  := power { * / % power }
 *     power := unary [ ^ power ]        unary := '-' unary | '!' unary | leaf
 *     leaf  := number | 'text' | "text" | NULL | @name | name(or, ...) | '(' or ')'
 *
 * A value is a number, a text, a list of texts, or nothing. A text is turned into a number where
 * one is needed; one that is no number is an error, and so is what an operator cannot take. Nothing
 * stays nothing through operators and functions, and is false; `exists(@name)` asks for it.
 *
 * The text is untrusted: nesting is bounded by EXPR_DEPTH_MAX and EXPR_NODES_MAX, what values take
 * by EXPR_TEXT_MAX a text and EXPR_BYTES_MAX an arena. Nodes live in the caller's arena and borrow
 * the text. Functions are in search_expr_call.c, those of times in search_expr_time.c.
 */
#ifndef KITH_REDIS_SEARCH_EXPR_H
#define KITH_REDIS_SEARCH_EXPR_H

#include "base/arena.h"
#include "redis/redis_internal.h"

#define EXPR_DEPTH_MAX 64u
#define EXPR_NODES_MAX 1024u /* so chains of operators are no deeper either */
#define EXPR_NAMES_MAX 32u
#define EXPR_ARGUMENTS_MAX 16u
#define EXPR_TEXT_MAX ((size_t)1 << 20)
#define EXPR_BYTES_MAX ((size_t)512 << 20)

enum expr_kind { EXPR_NOTHING, EXPR_NUMBER, EXPR_TEXT, EXPR_LIST };
struct expr_value {
    enum expr_kind kind;
    double number;
    struct kith_str text;
    const struct kith_str *list;
    size_t list_count;
};

enum expr_op {
    EXPR_VALUE, EXPR_NAME, EXPR_CALL, EXPR_OR, EXPR_AND, EXPR_EQ, EXPR_NE, EXPR_LT, EXPR_LE,
    EXPR_GT, EXPR_GE, EXPR_ADD, EXPR_SUB, EXPR_MUL, EXPR_DIV, EXPR_MOD, EXPR_POW, EXPR_MINUS,
    EXPR_NOT
};
struct expr_function;
struct expr_node {
    enum expr_op op;
    struct expr_value value;              /* VALUE */
    size_t name;                          /* NAME: its place in expr.names */
    const struct expr_function *function; /* CALL */
    size_t count;                         /* of children */
    struct expr_node *children[];
};
struct expr {
    struct expr_node *root;
    struct kith_str names[EXPR_NAMES_MAX]; /* without '@' */
    size_t name_count;
};

/* KITH_EINVAL: error says why; KITH_ENOMEM. */
KITH_NODISCARD int expr_parse(struct arena *arena, struct kith_str text, struct expr *out,
                              char *error, size_t error_cap);

struct expr_run {
    struct arena *arena;                    /* of results */
    const struct expr_value *names;         /* one a name of the expression */
    char error[128];
};
/* KITH_EINVAL: run->error says why; KITH_ELIMIT: too much memory; KITH_ENOMEM. Results borrow the
 * arena, the names' values and the expression. */
KITH_NODISCARD int expr_eval(const struct expr *expr, struct expr_run *run, struct expr_value *out);
bool expr_is_true(const struct expr_value *value);
/* As Redis prints one: whole numbers without a point. out: 32 bytes. */
struct kith_str expr_number_text(double number, char *out);

/* ---- shared by the files of expressions ---- */

struct expr_function {
    const char *name;
    size_t least, most; /* arguments */
    int (*call)(struct expr_run *run, const struct expr_value *args, size_t count,
                struct expr_value *out);
};
const struct expr_function *expr_function_of(struct kith_str name); /* NULL */
extern const struct expr_function expr_time_functions[];            /* ends with no name */

int expr_fail(struct expr_run *run, const char *what); /* KITH_EINVAL */
/* A number, or a text that is one. */
KITH_NODISCARD int expr_number(struct expr_run *run, const struct expr_value *value, double *out);
/* The text of a value that is not a list; numbers as printed. */
KITH_NODISCARD int expr_text(struct expr_run *run, const struct expr_value *value,
                             struct kith_str *out);
/* Room for len bytes of a result. */
KITH_NODISCARD int expr_room(struct expr_run *run, size_t len, char **out);
static inline struct expr_value expr_of_number(double number)
{
    return (struct expr_value){.kind = EXPR_NUMBER, .number = number};
}
static inline struct expr_value expr_of_text(struct kith_str text)
{
    return (struct expr_value){.kind = EXPR_TEXT, .text = text};
}

#endif
