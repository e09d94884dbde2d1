/*
 * low <= x op c <= high as a test of one column type, exactly.
 *
 * Constants and columns may be of different kinds of number; the range is brought into the
 * column's type so that it holds the same values as the comparison by value: x > 1.5 of integers
 * is x >= 2, x <= 2^53 + 1 of doubles is x <= 2^53. One step of integer arithmetic is undone on the
 * constants, so that `f + 1 > 5` costs, and asks indexes and zones, what `f > 4` does; rows where
 * the step overflows are unknown and lie outside known_low..known_high. Intermediate values take up
 * to 127 bits.
 */
#include <math.h>

#include "query/filter_leaf.h"

__extension__ typedef __int128 wide;

#define TWO_63 9223372036854775808.0

struct wide_range {
    wide low, high; /* empty when low > high */
};

/* ------------------------------------------------------------------ constants into a type */

/* Beyond every int64, but with room for a step. */
#define WIDE_FAR ((wide)1 << 70)

static wide wide_low(const struct bound *bound)
{
    const struct literal *value = &bound->value;
    if (!bound->given) return INT64_MIN;
    if (value->kind == LITERAL_BOOL) return (wide)value->boolean + !bound->inclusive;
    if (value->kind == LITERAL_INT) return (wide)value->integer + !bound->inclusive;
    double up = ceil(value->number);
    if (up >= TWO_63) return WIDE_FAR;
    if (up < -TWO_63) return INT64_MIN;
    return (wide)(int64_t)up + (up == value->number && !bound->inclusive);
}

static wide wide_high(const struct bound *bound)
{
    const struct literal *value = &bound->value;
    if (!bound->given) return INT64_MAX;
    if (value->kind == LITERAL_BOOL) return (wide)value->boolean - !bound->inclusive;
    if (value->kind == LITERAL_INT) return (wide)value->integer - !bound->inclusive;
    double down = floor(value->number);
    if (down >= TWO_63) return INT64_MAX;
    if (down < -TWO_63) return -WIDE_FAR;
    return (wide)(int64_t)down - (down == value->number && !bound->inclusive);
}

/* The least double of the range (side 1) or the greatest (side -1). */
static double double_bound(const struct bound *bound, int side)
{
    const struct literal *value = &bound->value;
    double towards = side * (double)INFINITY, d = value->number;
    if (!bound->given) return -towards;
    int order = 0; /* of the double against the constant */
    if (value->kind == LITERAL_INT) {
        d = (double)value->integer;
        order = number_compare(true, 0, d, false, value->integer, 0);
    }
    bool inside = order == 0 ? bound->inclusive : order * side > 0;
    return inside ? d : nextafter(d, towards);
}

static bool exclusive_infinity(const struct bound *bound, double d)
{
    return bound->given && !bound->inclusive && bound->value.kind == LITERAL_FLOAT &&
           bound->value.number == d;
}

/* ------------------------------------------------------------------ integer steps undone */

static wide floor_div(wide a, wide b)
{
    wide q = a / b;
    return q - (a % b != 0 && (a < 0) != (b < 0));
}
static wide ceil_div(wide a, wide b) { return -floor_div(-a, b); }

static struct wide_range times(struct wide_range r, wide by)
{
    if (by > 0) return (struct wide_range){ ceil_div(r.low, by), floor_div(r.high, by) };
    return (struct wide_range){ ceil_div(r.high, by), floor_div(r.low, by) };
}

/* x with low <= x / by <= high, where / cuts towards zero. */
static struct wide_range divided(struct wide_range r, wide by)
{
    if (by < 0) {
        r = (struct wide_range){ -r.high, -r.low };
        by = -by;
    }
    return (struct wide_range){ r.low > 0 ? r.low * by : (r.low - 1) * by + 1,
                                r.high >= 0 ? (r.high + 1) * by - 1 : r.high * by };
}

static struct wide_range clamp(struct wide_range r, wide low, wide high)
{
    return (struct wide_range){ r.low > low ? r.low : low, r.high < high ? r.high : high };
}

/* x whose step lies in r; *known: those whose step does not overflow. */
static struct wide_range undone(struct wide_range r, enum filter_token op, wide by,
                                struct wide_range *known)
{
    const struct wide_range all = { INT64_MIN, INT64_MAX };
    r = clamp(r, INT64_MIN, INT64_MAX);
    *known = all;
    if (r.low > r.high) r = (struct wide_range){ 1, 0 };
    bool none = r.low > r.high;
    switch (op) {
    case TOKEN_ADD: case TOKEN_SUB:
        if (op == TOKEN_SUB) by = -by;
        r = (struct wide_range){ r.low - by, r.high - by };
        *known = (struct wide_range){ all.low - by, all.high - by };
        break;
    case TOKEN_MUL:
        if (by == 0) {
            r = r.low <= 0 && r.high >= 0 ? all : (struct wide_range){ 1, 0 };
        } else {
            r = times(r, by);
            *known = times(all, by);
        }
        break;
    case TOKEN_DIV:
        r = divided(r, by);
        if (by == -1) known->low = (wide)INT64_MIN + 1;
        break;
    default: break;
    }
    *known = clamp(*known, INT64_MIN, INT64_MAX);
    return none ? (struct wide_range){ 1, 0 } : clamp(r, known->low, known->high);
}

/* ------------------------------------------------------------------ tests */

static struct wide_range type_range(enum kith_type type)
{
    switch (type) {
    case KITH_BOOL: return (struct wide_range){ 0, 1 };
    case KITH_INT8: return (struct wide_range){ INT8_MIN, INT8_MAX };
    case KITH_INT16: return (struct wide_range){ INT16_MIN, INT16_MAX };
    case KITH_INT32: return (struct wide_range){ INT32_MIN, INT32_MAX };
    default: return (struct wide_range){ INT64_MIN, INT64_MAX };
    }
}

static void known_range(struct column_test *out, struct wide_range known)
{
    struct wide_range all = type_range(out->type);
    out->partly = known.low > all.low || known.high < all.high;
    out->known_low = (int64_t)known.low;
    out->known_high = (int64_t)known.high;
}

static void integer_test(const struct plan *plan, struct column_test *out)
{
    struct wide_range r = { wide_low(&plan->low), wide_high(&plan->high) };
    struct wide_range known = { INT64_MIN, INT64_MAX };
    const struct operand *left = &plan->left;
    bool modulo = left->arith == TOKEN_MOD;
    out->by_int = left->by.integer;
    out->loop = modulo ? LOOP_MODULO : LOOP_RANGE;
    if (modulo) {
        r = clamp(r, INT64_MIN, INT64_MAX);
        if (left->by.integer == -1) known.low = (wide)INT64_MIN + 1;
    } else if (left->arith != TOKEN_END) {
        r = undone(r, left->arith, left->by.integer, &known);
    }
    known_range(out, known);
    if (!modulo) r = clamp(r, type_range(out->type).low, type_range(out->type).high);
    if (r.low > r.high) {
        out->loop = LOOP_NEVER;
        return;
    }
    out->int_low = (int64_t)r.low;
    out->int_high = (int64_t)r.high;
}

static void double_test(const struct plan *plan, struct column_test *out)
{
    double inf = (double)INFINITY;
    double low = double_bound(&plan->low, 1), high = double_bound(&plan->high, -1);
    bool plain = plan->left.arith == TOKEN_END;
    out->loop = plain ? LOOP_RANGE : LOOP_ARITHMETIC;
    out->by = plan->left.by.number;
    if (plain && out->type == KITH_FLOAT) { /* into the range, at what a float can be */
        float from = (float)low, to = (float)high;
        if ((double)from < low) from = nextafterf(from, INFINITY);
        if ((double)to > high) to = nextafterf(to, -INFINITY);
        low = (double)from;
        high = (double)to;
    }
    if (low > high || exclusive_infinity(&plan->low, inf) || exclusive_infinity(&plan->high, -inf))
        out->loop = LOOP_NEVER;
    out->float_low = low;
    out->float_high = high;
}

static bool constants_are(const struct plan *plan, bool (*fits)(const struct literal *literal))
{
    return (!plan->low.given || fits(&plan->low.value)) &&
           (!plan->high.given || fits(&plan->high.value));
}
static bool is_text(const struct literal *literal) { return literal->kind == LITERAL_STRING; }
static bool is_bool(const struct literal *literal) { return literal->kind == LITERAL_BOOL; }

static void text_test(const struct plan *plan, struct column_test *out)
{
    out->loop = plan->equal ? LOOP_TEXT_EQUAL : LOOP_TEXT_RANGE;
    out->low = plan->low;
    out->high = plan->high;
    out->texts = &plan->low.value.s;
    out->count = 1;
}

void test_of_bounds(const struct plan *plan, enum kith_type type, struct column_test *out)
{
    enum filter_token arith = plan->left.arith;
    *out = (struct column_test){ .loop = LOOP_UNKNOWN, .type = type, .arith = arith };
    bool numbers = type != KITH_BOOL && (type_is_number(type) || type == KITH_TIMESTAMPTZ);
    if (arith != TOKEN_END && !numbers) return;
    if (type == KITH_VARCHAR) {
        if (constants_are(plan, is_text)) text_test(plan, out);
    } else if (type == KITH_BOOL) {
        if (constants_are(plan, is_bool)) integer_test(plan, out);
    } else if (numbers && constants_are(plan, literal_is_number)) {
        bool whole = type_is_integral(type) &&
                     (arith == TOKEN_END || plan->left.by.kind == LITERAL_INT);
        if (!whole && arith == TOKEN_MOD) return; /* no integer: no remainder */
        if (whole) integer_test(plan, out);
        else double_test(plan, out);
    }
}
