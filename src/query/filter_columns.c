/*
 * left op right of two columns, 64 rows a step.
 *
 * Integers are widened to 64 bits, floats to doubles; integers of up to 32 bits beside floats too,
 * which is exact. Only 64-bit integers beside floats are compared one by one, by value. A NaN is
 * unequal to everything and neither below nor above it, as the machine has it.
 */
#include "query/filter_leaf.h"

enum side { SIDE_NONE, SIDE_INT, SIDE_LONG, SIDE_FLOAT, SIDE_TEXT };

static enum side side_of(const struct operand *operand)
{
    if (operand->form != OPERAND_FIELD || !operand_is_plain(operand)) return SIDE_NONE;
    switch (operand->type) {
    case KITH_INT8: case KITH_INT16: case KITH_INT32: return SIDE_INT;
    case KITH_INT64: case KITH_TIMESTAMPTZ: return SIDE_LONG;
    case KITH_FLOAT: case KITH_DOUBLE: return SIDE_FLOAT;
    case KITH_VARCHAR: return SIDE_TEXT;
    default: return SIDE_NONE;
    }
}

bool columns_have_loop(const struct plan *plan)
{
    enum side left = side_of(&plan->left), right = side_of(&plan->right);
    return left != SIDE_NONE && right != SIDE_NONE && (left == SIDE_TEXT) == (right == SIDE_TEXT);
}

#define COMPARE(op)                                                                       \
    for (size_t i = 0; i < 64; i++) hit[i] = (uint8_t)(a[i] op b[i]);                     \
    break

#define COMPARE_WORD(name, type)                                                          \
    static uint64_t name(enum filter_token op, const type a[64], const type b[64])        \
    {                                                                                     \
        uint8_t hit[64];                                                                  \
        switch (op) {                                                                     \
        case TOKEN_EQ: COMPARE(==);                                                       \
        case TOKEN_NE: COMPARE(!=);                                                       \
        case TOKEN_LT: COMPARE(<);                                                        \
        case TOKEN_LE: COMPARE(<=);                                                       \
        case TOKEN_GT: COMPARE(>);                                                        \
        default: COMPARE(>=);                                                             \
        }                                                                                 \
        return pack_bits(hit);                                                            \
    }
COMPARE_WORD(compare_integers, int64_t)
COMPARE_WORD(compare_doubles, double)

/* The orders -1, 0, 1 against 0; 2 is a NaN. */
static uint64_t compare_orders(enum filter_token op, const int64_t order[64])
{
    static const int64_t zero[64];
    uint64_t word = compare_integers(op, order, zero), nan = 0;
    for (size_t i = 0; i < 64; i++) nan |= (uint64_t)(order[i] == 2) << i;
    return op == TOKEN_NE ? word | nan : word & ~nan;
}

static uint64_t long_float_word(const struct plan *plan, const struct chunk *left,
                                const struct chunk *right, size_t row, size_t count)
{
    bool swapped = side_of(&plan->left) == SIDE_FLOAT;
    int64_t whole[64] = { 0 }, order[64];
    double number[64] = { 0 };
    widen_integers(swapped ? right : left, row, count, whole);
    widen_doubles(swapped ? left : right, row, count, number);
    for (size_t i = 0; i < 64; i++) {
        int one = number_compare(false, whole[i], 0, true, 0, number[i]);
        order[i] = number[i] != number[i] ? 2 : swapped ? -one : one;
    }
    return compare_orders(plan->op, order);
}

static uint64_t number_word(const struct plan *plan, const struct chunk *left,
                            const struct chunk *right, size_t row, size_t count)
{
    enum side a = side_of(&plan->left), b = side_of(&plan->right);
    bool floats = a == SIDE_FLOAT || b == SIDE_FLOAT, longs = a == SIDE_LONG || b == SIDE_LONG;
    if (floats && longs) return long_float_word(plan, left, right, row, count);
    if (floats) {
        double x[64] = { 0 }, y[64] = { 0 };
        widen_doubles(left, row, count, x);
        widen_doubles(right, row, count, y);
        return compare_doubles(plan->op, x, y);
    }
    int64_t x[64] = { 0 }, y[64] = { 0 };
    widen_integers(left, row, count, x);
    widen_integers(right, row, count, y);
    return compare_integers(plan->op, x, y);
}

static uint64_t text_word(const struct plan *plan, const struct chunk *left,
                          const struct chunk *right, size_t row, uint64_t active)
{
    int64_t order[64] = { 0 };
    for (uint64_t rest = active; rest != 0; rest &= rest - 1) {
        size_t at = row + (unsigned)__builtin_ctzll(rest);
        int one = text_order(chunk_str(left, at), chunk_str(right, at));
        order[at - row] = one < 0 ? -1 : one > 0;
    }
    return compare_orders(plan->op, order);
}

void columns_bits(const struct plan *plan, const struct chunk *left, const struct chunk *right,
                  size_t first, size_t rows, const uint64_t *active, uint64_t *yes)
{
    bool text = side_of(&plan->left) == SIDE_TEXT;
    for (size_t w = 0; w < BITSET_WORDS(rows); w++) {
        size_t after = rows - 64 * w, count = after < 64 ? after : 64, row = first + 64 * w;
        yes[w] = 0;
        if (active[w] == 0) continue;
        yes[w] = text ? text_word(plan, left, right, row, active[w])
                      : number_word(plan, left, right, row, count);
    }
}
