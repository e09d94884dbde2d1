/*
 * low <= x op c <= high over columns of numbers, 64 rows a step, where the step cannot be undone
 * on the constants: in floating point, which rounds, and the remainder of integers.
 *
 * The rows of a step are widened into doubles, stepped, and compared, each a loop of its own that
 * the compiler makes vectors of. A NaN is in no range. Division by zero is refused by the checks.
 */
#include "query/filter_leaf.h"

#define WIDEN(name, type, to)                                                       \
    static void name(const void *at, size_t count, to *out)                         \
    {                                                                               \
        const type *values = at;                                                    \
        for (size_t i = 0; i < count; i++) out[i] = (to)values[i];                  \
    }

WIDEN(double_i8, int8_t, double)
WIDEN(double_i16, int16_t, double)
WIDEN(double_i32, int32_t, double)
WIDEN(double_i64, int64_t, double)
WIDEN(double_f32, float, double)
WIDEN(double_f64, double, double)
WIDEN(int_i8, int8_t, int64_t)
WIDEN(int_i16, int16_t, int64_t)
WIDEN(int_i32, int32_t, int64_t)
WIDEN(int_i64, int64_t, int64_t)

void widen_doubles(const struct chunk *chunk, size_t row, size_t count, double out[64])
{
    const void *at = chunk->data + row * chunk->width;
    switch (chunk->type) {
    case KITH_INT8: double_i8(at, count, out); break;
    case KITH_INT16: double_i16(at, count, out); break;
    case KITH_INT32: double_i32(at, count, out); break;
    case KITH_FLOAT: double_f32(at, count, out); break;
    case KITH_DOUBLE: double_f64(at, count, out); break;
    default: double_i64(at, count, out); break;
    }
}

void widen_integers(const struct chunk *chunk, size_t row, size_t count, int64_t out[64])
{
    const void *at = chunk->data + row * chunk->width;
    switch (chunk->type) {
    case KITH_INT8: int_i8(at, count, out); break;
    case KITH_INT16: int_i16(at, count, out); break;
    case KITH_INT32: int_i32(at, count, out); break;
    default: int_i64(at, count, out); break;
    }
}

static void step(double values[64], enum filter_token op, double by)
{
    switch (op) {
    case TOKEN_ADD: for (size_t i = 0; i < 64; i++) values[i] += by; break;
    case TOKEN_SUB: for (size_t i = 0; i < 64; i++) values[i] -= by; break;
    case TOKEN_MUL: for (size_t i = 0; i < 64; i++) values[i] *= by; break;
    default: for (size_t i = 0; i < 64; i++) values[i] /= by; break;
    }
}

static uint64_t float_word(const struct column_test *test, const struct chunk *chunk, size_t row,
                           size_t count)
{
    double values[64] = { 0 };
    uint8_t hit[64];
    const double low = test->float_low, high = test->float_high;
    widen_doubles(chunk, row, count, values);
    step(values, test->arith, test->by);
    for (size_t i = 0; i < 64; i++) hit[i] = (uint8_t)((values[i] >= low) & (values[i] <= high));
    return pack_bits(hit);
}

/* x % -1 is 0 for every x, also for the least, where the machine would trap. */
static uint64_t modulo_word(const struct column_test *test, const struct chunk *chunk, size_t row,
                            size_t count)
{
    int64_t values[64] = { 0 };
    uint8_t hit[64];
    const int64_t by = test->by_int, low = test->int_low, high = test->int_high;
    widen_integers(chunk, row, count, values);
    for (size_t i = 0; i < 64; i++) {
        int64_t rest = by == -1 ? 0 : values[i] % by;
        hit[i] = (uint8_t)((rest >= low) & (rest <= high));
    }
    return pack_bits(hit);
}

void arithmetic_bits(const struct column_test *test, const struct chunk *chunk, size_t first,
                     size_t rows, const uint64_t *active, uint64_t *yes)
{
    for (size_t w = 0; w < BITSET_WORDS(rows); w++) {
        size_t left = rows - 64 * w, count = left < 64 ? left : 64, row = first + 64 * w;
        yes[w] = 0;
        if (active[w] == 0) continue;
        yes[w] = test->loop == LOOP_MODULO ? modulo_word(test, chunk, row, count)
                                           : float_word(test, chunk, row, count);
    }
}
