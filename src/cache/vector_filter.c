/*
 * Tokens to a program: Dijkstra's shunting yard, in place. Values keep their order and an operator
 * is written once those that bind tighter are, so the program is never longer than the tokens read
 * so far, and the array of tokens is the array of the program.
 *
 * Whether an operator finds its operands is counted while it is written, as Redis counts it: that
 * is why `not not .x` has no meaning (the second `not` sends the first away before its value came).
 */
#include "cache/vector_filter.h"

#include <string.h>

#include "base/alloc.h"
#include "cache/vector_filter_internal.h"

struct yard {
    struct vector_filter *filter;
    struct filter_value *waiting; /* operators */
    size_t waiting_count;
    size_t written; /* steps of the program */
    size_t stack;   /* values when it has run so far */
};

/* false: the operator lacks operands */
static bool write_top(struct yard *yard)
{
    const struct filter_value op = yard->waiting[--yard->waiting_count];
    const size_t arity = filter_op_arity(op.op);
    if (yard->stack < arity) return false;
    yard->stack = yard->stack - arity + 1;
    yard->filter->steps[yard->written++] = op;
    return true;
}

static bool close_parenthesis(struct yard *yard)
{
    while (yard->waiting_count > 0) {
        if (yard->waiting[yard->waiting_count - 1].op == FILTER_OPEN) {
            yard->waiting_count--;
            return true;
        }
        if (!write_top(yard)) return false;
    }
    return false;
}

/* Whether the operator that waits must be written before `op` waits. */
static bool goes_first(enum filter_op waiting, enum filter_op op)
{
    if (waiting == FILTER_OPEN) return false;
    const int level = filter_op_level(op);
    return op == FILTER_POW ? filter_op_level(waiting) > level : filter_op_level(waiting) >= level;
}

static bool take_operator(struct yard *yard, const struct filter_value *token)
{
    if (token->op == FILTER_CLOSE) return close_parenthesis(yard);
    while (token->op != FILTER_OPEN && yard->waiting_count > 0 &&
           goes_first(yard->waiting[yard->waiting_count - 1].op, token->op)) {
        if (!write_top(yard)) return false;
    }
    yard->waiting[yard->waiting_count++] = *token;
    return true;
}

static bool take_token(struct yard *yard, const struct filter_value token)
{
    if (token.kind == FILTER_OPERATOR) return take_operator(yard, &token);
    yard->filter->steps[yard->written++] = token;
    yard->stack++;
    if (yard->stack > yard->filter->depth) yard->filter->depth = yard->stack;
    return true;
}

static int compile_program(struct vector_filter *filter)
{
    struct yard yard = {.filter = filter};
    yard.waiting = mem_alloc_array(filter->step_count + 1, sizeof *yard.waiting);
    if (!yard.waiting) return KITH_ENOMEM;
    bool fine = true;
    for (size_t i = 0; fine && i < filter->step_count; i++) {
        fine = take_token(&yard, filter->steps[i]);
    }
    while (fine && yard.waiting_count > 0) {
        fine = yard.waiting[yard.waiting_count - 1].op != FILTER_OPEN && write_top(&yard);
    }
    mem_free(yard.waiting);
    filter->step_count = yard.written;
    return fine && yard.stack == 1 ? 0 : KITH_EINVAL;
}

static int compile_text(struct vector_filter *filter, const char *text, size_t len,
                        size_t *error_at)
{
    filter->text = mem_strndup(text, len);
    if (!filter->text) return KITH_ENOMEM;
    filter->len = len;
    int rc = filter_tokenize(filter, error_at);
    if (rc) return rc;
    *error_at = 0;
    return compile_program(filter);
}

int vector_filter_compile(const char *text, size_t len, struct vector_filter **out,
                          size_t *error_at)
{
    *error_at = 0;
    if (len > VECTOR_FILTER_BYTES_MAX) return KITH_ELIMIT;
    struct vector_filter *filter = mem_zalloc(sizeof *filter);
    if (!filter) return KITH_ENOMEM;
    const int rc = compile_text(filter, text, len, error_at);
    if (rc) {
        if (*error_at >= len) *error_at = 0; /* nothing is left to show: all of it */
        vector_filter_free(filter);
        return rc;
    }
    *out = filter;
    return 0;
}

void vector_filter_free(struct vector_filter *filter)
{
    if (!filter) return;
    mem_free(filter->text);
    mem_free(filter->steps);
    mem_free(filter->items);
    mem_free(filter);
}

struct filter_value *vector_filter_scratch(const struct vector_filter *filter)
{
    return mem_alloc_array(filter->depth + 1, sizeof(struct filter_value));
}
