/* See search_expr.h: the value of a tree, and how kinds of values turn into each other. */
#include "redis/search_expr.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

int expr_fail(struct expr_run *run, const char *what)
{
    if (!run->error[0]) (void)snprintf(run->error, sizeof run->error, "%s", what);
    return KITH_EINVAL;
}

int expr_room(struct expr_run *run, size_t len, char **out)
{
    if (len > EXPR_TEXT_MAX || run->arena->used_bytes > EXPR_BYTES_MAX) return KITH_ELIMIT;
    *out = arena_alloc(run->arena, len + 1);
    return *out ? 0 : KITH_ENOMEM;
}

struct kith_str expr_number_text(double number, char *out)
{
    const bool whole = fabs(number) < 9e18 && number == floor(number);
    const int len = whole ? snprintf(out, 32, "%lld", (long long)number)
                          : snprintf(out, 32, "%.12g", number);
    return (struct kith_str){out, len > 0 ? (size_t)len : 0};
}

int expr_number(struct expr_run *run, const struct expr_value *value, double *out)
{
    if (value->kind == EXPR_TEXT && text_double(value->text, out)) return 0;
    if (value->kind != EXPR_NUMBER) return expr_fail(run, "Could not convert value to a number");
    *out = value->number;
    return 0;
}

int expr_text(struct expr_run *run, const struct expr_value *value, struct kith_str *out)
{
    char number[32], *room;
    if (value->kind == EXPR_TEXT) {
        *out = value->text;
        return 0;
    }
    if (value->kind == EXPR_LIST) return expr_fail(run, "Expected a text, got a list");
    struct kith_str text = str_of("(null)");
    if (value->kind == EXPR_NUMBER) text = expr_number_text(value->number, number);
    const int rc = expr_room(run, text.len, &room);
    if (rc) return rc;
    memcpy(room, text.data, text.len);
    *out = (struct kith_str){room, text.len};
    return 0;
}

bool expr_is_true(const struct expr_value *value)
{
    if (value->kind == EXPR_NUMBER) return value->number != 0; /* NaN is true, as in Redis */
    if (value->kind == EXPR_TEXT) return value->text.len > 0;
    return value->kind == EXPR_LIST && value->list_count > 0;
}

/* ---- operators ---- */

static int compare_texts(struct kith_str a, struct kith_str b)
{
    const size_t len = a.len < b.len ? a.len : b.len;
    const int order = len ? memcmp(a.data, b.data, len) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* Two texts as texts; with a number on one side as numbers, where both are. *order 2: neither. */
static int compare(struct expr_run *run, const struct expr_value *a, const struct expr_value *b,
                   int *order)
{
    double x, y;
    struct kith_str left, right;
    if ((a->kind == EXPR_NUMBER || b->kind == EXPR_NUMBER) &&
        (a->kind == EXPR_NUMBER || text_double(a->text, &x)) &&
        (b->kind == EXPR_NUMBER || text_double(b->text, &y))) {
        if (a->kind == EXPR_NUMBER) x = a->number;
        if (b->kind == EXPR_NUMBER) y = b->number;
        *order = isnan(x) || isnan(y) ? 2 : (x > y) - (x < y);
        return 0;
    }
    int rc = expr_text(run, a, &left);
    if (rc == 0) rc = expr_text(run, b, &right);
    if (rc == 0) *order = compare_texts(left, right);
    return rc;
}

static int eval_order(struct expr_run *run, enum expr_op op, const struct expr_value *a,
                      const struct expr_value *b, struct expr_value *out)
{
    int order = 2, rc = 0;
    if (a->kind == EXPR_NOTHING || b->kind == EXPR_NOTHING) {
        const bool same = a->kind == b->kind;
        *out = expr_of_number(op == EXPR_EQ ? same : op == EXPR_NE ? !same : 0);
        return 0;
    }
    if (a->kind == EXPR_LIST || b->kind == EXPR_LIST)
        return expr_fail(run, "A list cannot be compared");
    rc = compare(run, a, b, &order);
    const bool known = order != 2;
    const bool yes = op == EXPR_EQ   ? order == 0
                     : op == EXPR_NE ? order != 0
                     : op == EXPR_LT ? order < 0
                     : op == EXPR_LE ? order <= 0
                     : op == EXPR_GT ? known && order > 0
                                     : known && order >= 0;
    *out = expr_of_number(yes);
    return rc;
}

static double calculate(enum expr_op op, double a, double b)
{
    switch (op) {
    case EXPR_ADD: return a + b;
    case EXPR_SUB: return a - b;
    case EXPR_MUL: return a * b;
    case EXPR_DIV: return a / b;
    case EXPR_POW: return pow(a, b);
    default: return fmod(trunc(a), trunc(b)); /* whole numbers; by 0: NaN */
    }
}

static int eval_sum(struct expr_run *run, enum expr_op op, const struct expr_value *a,
                    const struct expr_value *b, struct expr_value *out)
{
    double x, y;
    *out = (struct expr_value){0};
    if (a->kind == EXPR_NOTHING || b->kind == EXPR_NOTHING) return 0;
    int rc = expr_number(run, a, &x);
    if (rc == 0) rc = expr_number(run, b, &y);
    if (rc == 0) *out = expr_of_number(calculate(op, x, y));
    return rc;
}

static int eval(const struct expr_node *node, struct expr_run *run, struct expr_value *out);

/* The right side only when the left one leaves it open. */
static int eval_logic(const struct expr_node *node, struct expr_run *run, struct expr_value *out)
{
    struct expr_value value;
    int rc = eval(node->children[0], run, &value);
    if (rc == 0 && expr_is_true(&value) == (node->op == EXPR_AND))
        rc = eval(node->children[1], run, &value);
    if (rc == 0) *out = expr_of_number(expr_is_true(&value));
    return rc;
}

static int eval_call(const struct expr_node *node, struct expr_run *run, struct expr_value *out)
{
    struct expr_value args[EXPR_ARGUMENTS_MAX];
    for (size_t i = 0; i < node->count; i++) {
        const int rc = eval(node->children[i], run, &args[i]);
        if (rc) return rc;
    }
    *out = (struct expr_value){0};
    return node->function->call(run, args, node->count, out);
}

static int eval_pair(const struct expr_node *node, struct expr_run *run, struct expr_value *out)
{
    struct expr_value a, b;
    int rc = eval(node->children[0], run, &a);
    if (rc == 0) rc = eval(node->children[1], run, &b);
    if (rc) return rc;
    return node->op <= EXPR_GE ? eval_order(run, node->op, &a, &b, out)
                               : eval_sum(run, node->op, &a, &b, out);
}

static int eval(const struct expr_node *node, struct expr_run *run, struct expr_value *out)
{
    struct expr_value value;
    int rc;
    switch (node->op) {
    case EXPR_VALUE: *out = node->value; return 0;
    case EXPR_NAME: *out = run->names[node->name]; return 0;
    case EXPR_CALL: return eval_call(node, run, out);
    case EXPR_OR:
    case EXPR_AND: return eval_logic(node, run, out);
    case EXPR_NOT:
        rc = eval(node->children[0], run, &value);
        if (rc == 0) *out = expr_of_number(!expr_is_true(&value));
        return rc;
    case EXPR_MINUS:
        rc = eval(node->children[0], run, &value);
        if (rc) return rc;
        const struct expr_value zero = expr_of_number(0);
        return eval_sum(run, EXPR_SUB, &zero, &value, out);
    default: return eval_pair(node, run, out);
    }
}

int expr_eval(const struct expr *expr, struct expr_run *run, struct expr_value *out)
{
    return eval(expr->root, run, out);
}
