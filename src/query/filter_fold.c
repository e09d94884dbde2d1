/*
 * Constants: arithmetic and comparisons among them, casts to a field's type, order by value.
 *
 * An integer and a double compare by value, without rounding the integer: 2^53 + 1 is not 2^53.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "query/filter_internal.h"

#define TWO_63 9223372036854775808.0

bool literal_is_number(const struct literal *literal)
{
    return literal->kind == LITERAL_INT || literal->kind == LITERAL_FLOAT;
}

static struct literal of_int(int64_t i)
{
    return (struct literal){ .kind = LITERAL_INT, .integer = i, .number = (double)i };
}
static struct literal of_float(double d)
{
    return (struct literal){ .kind = LITERAL_FLOAT, .number = d };
}
static struct literal of_bool(bool b)
{
    return (struct literal){ .kind = LITERAL_BOOL, .boolean = b };
}

/* ------------------------------------------------------------------ order */

static int int_double_compare(int64_t i, double d)
{
    if (d >= TWO_63) return -1;
    if (d < -TWO_63) return 1;
    int64_t whole = (int64_t)d;
    if (i != whole) return i < whole ? -1 : 1;
    double rest = d - (double)whole;
    return rest > 0 ? -1 : rest < 0;
}

int number_compare(bool a_float, int64_t a_int, double a_double, bool b_float, int64_t b_int,
                   double b_double)
{
    if (!a_float && !b_float) return a_int < b_int ? -1 : a_int > b_int;
    if (a_float && b_float) return a_double < b_double ? -1 : a_double > b_double;
    return a_float ? -int_double_compare(b_int, a_double) : int_double_compare(a_int, b_double);
}

static int text_compare(struct kith_str a, struct kith_str b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len > 0 ? memcmp(a.data, b.data, len) : 0;
    if (order == 0) return a.len < b.len ? -1 : a.len > b.len;
    return order < 0 ? -1 : 1;
}

bool literal_compare(const struct literal *a, const struct literal *b, int *order)
{
    if (literal_is_number(a) && literal_is_number(b)) {
        bool a_float = a->kind == LITERAL_FLOAT, b_float = b->kind == LITERAL_FLOAT;
        if ((a_float && isnan(a->number)) || (b_float && isnan(b->number))) return false;
        *order = number_compare(a_float, a->integer, a->number, b_float, b->integer, b->number);
        return true;
    }
    if (a->kind != b->kind || a->kind == LITERAL_LIST) return false;
    *order = a->kind == LITERAL_STRING ? text_compare(a->s, b->s)
                                       : (int)a->boolean - (int)b->boolean;
    return true;
}

/* ------------------------------------------------------------------ casts */

bool literal_cast(const struct literal *from, enum kith_type type, struct literal *out)
{
    *out = *from;
    switch (type) {
    case KITH_BOOL: return from->kind == LITERAL_BOOL;
    case KITH_INT8: case KITH_INT16: case KITH_INT32: case KITH_INT64:
        return from->kind == LITERAL_INT;
    case KITH_FLOAT: /* as the column stores it, so that f == 0.1 finds 0.1 */
        *out = of_float((double)(float)from->number);
        return literal_is_number(from);
    case KITH_DOUBLE:
        *out = of_float(from->number);
        return literal_is_number(from);
    case KITH_VARCHAR: return from->kind == LITERAL_STRING;
    case KITH_JSON: return true;
    default: return false;
    }
}

void literal_show(const struct literal *literal, char *out, size_t room)
{
    size_t most = room - 1;
    switch (literal->kind) {
    case LITERAL_BOOL: (void)snprintf(out, room, "%s", literal->boolean ? "true" : "false"); break;
    case LITERAL_INT: (void)snprintf(out, room, "%lld", (long long)literal->integer); break;
    case LITERAL_FLOAT: (void)snprintf(out, room, "%g", literal->number); break;
    case LITERAL_LIST: (void)snprintf(out, room, "[...]"); break;
    case LITERAL_STRING:
        (void)snprintf(out, room, "%.*s", (int)(literal->s.len < most ? literal->s.len : most),
                       literal->s.data);
        break;
    }
}

/* ------------------------------------------------------------------ folding */

static int fold_error(struct checker *checker, const struct node *node, const char *what)
{
    size_t len = node->end - node->at;
    return filter_error(checker->err, node->op_at, "%s: %.*s", what,
                        (int)(len < FILTER_EXCERPT_BYTES ? len : FILTER_EXCERPT_BYTES),
                        checker->text + node->at);
}

int filter_fold_unary(struct checker *checker, const struct node *node, const struct literal *a,
                      struct literal *out)
{
    switch (node->op) {
    case TOKEN_NOT:
        if (a->kind != LITERAL_BOOL)
            return check_plain_error(checker, node,
                                     "not op can only be applied on boolean expression");
        *out = of_bool(!a->boolean);
        return 0;
    case TOKEN_BIT_NOT: return fold_error(checker, node, "BitNot is not supported");
    default: break;
    }
    if (!literal_is_number(a))
        return fold_error(checker, node, "sign can only be applied on numbers");
    *out = *a;
    if (node->op == TOKEN_ADD) return 0;
    if (a->kind == LITERAL_FLOAT) *out = of_float(-a->number);
    else if (!node->children[0]->overflow) { /* 2^63 is already held as its negation */
        if (a->integer == INT64_MIN) return fold_error(checker, node, "integer overflow");
        *out = of_int(-a->integer);
    }
    return 0;
}

static bool int_power(int64_t base, int64_t exponent, int64_t *out)
{
    int64_t result = 1;
    if (exponent < 0) return false;
    while (exponent > 0) {
        if ((exponent & 1) && __builtin_mul_overflow(result, base, &result)) return false;
        exponent >>= 1;
        if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) return false;
    }
    *out = result;
    return true;
}

static int fold_integers(struct checker *checker, const struct node *node, int64_t a, int64_t b,
                         struct literal *out)
{
    int64_t r = 0;
    bool bad = false;
    if ((node->op == TOKEN_DIV || node->op == TOKEN_MOD) && b == 0)
        return filter_error(checker->err, node->op_at, "division or modulus by zero");
    switch (node->op) {
    case TOKEN_ADD: bad = __builtin_add_overflow(a, b, &r); break;
    case TOKEN_SUB: bad = __builtin_sub_overflow(a, b, &r); break;
    case TOKEN_MUL: bad = __builtin_mul_overflow(a, b, &r); break;
    case TOKEN_POW:
        if (!int_power(a, b, &r)) {
            *out = of_float(pow((double)a, (double)b));
            return isfinite(out->number) ? 0 : fold_error(checker, node, "number out of range");
        }
        break;
    default:
        bad = a == INT64_MIN && b == -1;
        if (!bad) r = node->op == TOKEN_DIV ? a / b : a % b;
        break;
    }
    if (bad) return fold_error(checker, node, "integer overflow");
    *out = of_int(r);
    return 0;
}

static int fold_floats(struct checker *checker, const struct node *node, double a, double b,
                       struct literal *out)
{
    double r = 0;
    switch (node->op) {
    case TOKEN_ADD: r = a + b; break;
    case TOKEN_SUB: r = a - b; break;
    case TOKEN_MUL: r = a * b; break;
    case TOKEN_POW: r = pow(a, b); break;
    case TOKEN_MOD:
        return filter_error(checker->err, node->op_at, "modulo can only apply on integer types");
    default:
        if (b == 0) return filter_error(checker->err, node->op_at, "division or modulus by zero");
        r = a / b;
        break;
    }
    if (!isfinite(r)) return fold_error(checker, node, "number out of range");
    *out = of_float(r);
    return 0;
}

static int fold_comparison(struct checker *checker, const struct node *node,
                           const struct literal *a, const struct literal *b, struct literal *out)
{
    int order;
    if (!literal_compare(a, b, &order))
        return fold_error(checker, node, "constants of these types do not compare");
    switch (node->op) {
    case TOKEN_EQ: *out = of_bool(order == 0); break;
    case TOKEN_NE: *out = of_bool(order != 0); break;
    case TOKEN_LT: *out = of_bool(order < 0); break;
    case TOKEN_LE: *out = of_bool(order <= 0); break;
    case TOKEN_GT: *out = of_bool(order > 0); break;
    default: *out = of_bool(order >= 0); break;
    }
    return 0;
}

int filter_fold_binary(struct checker *checker, const struct node *node, const struct literal *a,
                       const struct literal *b, struct literal *out)
{
    switch (node->op) {
    case TOKEN_EQ: case TOKEN_NE: case TOKEN_LT: case TOKEN_LE: case TOKEN_GT: case TOKEN_GE:
        return fold_comparison(checker, node, a, b, out);
    default: break;
    }
    if (!literal_is_number(a) || !literal_is_number(b))
        return fold_error(checker, node, "arithmetic can only be applied on numbers");
    if (a->kind == LITERAL_INT && b->kind == LITERAL_INT)
        return fold_integers(checker, node, a->integer, b->integer, out);
    return fold_floats(checker, node, a->number, b->number, out);
}
