/*
 * low <= x <= high over columns of numbers: 64 rows a step.
 *
 * The comparisons of a step are written as bytes, which the compiler turns into vector compares;
 * eight bytes at a time are then packed into eight bits with one multiplication. Integers use one
 * unsigned comparison, (x - low) <= (high - low).
 */
#include "query/filter_leaf.h"

#define INTEGER_WORD(name, type, wide)                                              \
    static uint64_t name(const type *values, size_t count, type low, type high)     \
    {                                                                               \
        uint8_t hit[64] = { 0 };                                                    \
        const wide base = (wide)low, span = (wide)((wide)high - base);              \
        if (count == 64) {                                                          \
            for (size_t i = 0; i < 64; i++)                                         \
                hit[i] = (wide)((wide)values[i] - base) <= span;                    \
        } else {                                                                    \
            for (size_t i = 0; i < count; i++)                                      \
                hit[i] = (wide)((wide)values[i] - base) <= span;                    \
        }                                                                           \
        return pack_bits(hit);                                                      \
    }

#define FLOAT_WORD(name, type)                                                      \
    static uint64_t name(const type *values, size_t count, type low, type high)     \
    {                                                                               \
        uint8_t hit[64] = { 0 };                                                    \
        if (count == 64) {                                                          \
            for (size_t i = 0; i < 64; i++)                                         \
                hit[i] = (uint8_t)((values[i] >= low) & (values[i] <= high));       \
        } else {                                                                    \
            for (size_t i = 0; i < count; i++)                                      \
                hit[i] = (uint8_t)((values[i] >= low) & (values[i] <= high));       \
        }                                                                           \
        return pack_bits(hit);                                                      \
    }

INTEGER_WORD(word_u8, uint8_t, uint8_t)
INTEGER_WORD(word_i8, int8_t, uint8_t)
INTEGER_WORD(word_i16, int16_t, uint16_t)
INTEGER_WORD(word_i32, int32_t, uint32_t)
INTEGER_WORD(word_i64, int64_t, uint64_t)
FLOAT_WORD(word_f32, float)
FLOAT_WORD(word_f64, double)

/* The range within the column's type; false: nothing of the type lies in it. */
static bool clamp_range(enum kith_type type, int64_t *low, int64_t *high)
{
    int64_t least = INT64_MIN, most = INT64_MAX;
    if (type == KITH_BOOL) least = 0, most = 1;
    else if (type == KITH_INT8) least = INT8_MIN, most = INT8_MAX;
    else if (type == KITH_INT16) least = INT16_MIN, most = INT16_MAX;
    else if (type == KITH_INT32) least = INT32_MIN, most = INT32_MAX;
    if (*low < least) *low = least;
    if (*high > most) *high = most;
    return *low <= *high;
}

static uint64_t one_word(const struct column_test *test, const struct chunk *chunk, size_t row,
                         size_t count, int64_t low, int64_t high)
{
    const void *at = chunk->data + row * chunk->width;
    double from = test->float_low, to = test->float_high;
    switch (test->type) {
    case KITH_BOOL: return word_u8(at, count, (uint8_t)low, (uint8_t)high);
    case KITH_INT8: return word_i8(at, count, (int8_t)low, (int8_t)high);
    case KITH_INT16: return word_i16(at, count, (int16_t)low, (int16_t)high);
    case KITH_INT32: return word_i32(at, count, (int32_t)low, (int32_t)high);
    case KITH_INT64: case KITH_TIMESTAMPTZ: return word_i64(at, count, low, high);
    case KITH_FLOAT: return word_f32(at, count, (float)from, (float)to);
    default: return word_f64(at, count, from, to);
    }
}

void range_bits(const struct column_test *test, const struct chunk *chunk, size_t first,
                size_t rows, const uint64_t *active, uint64_t *yes)
{
    int64_t low = test->int_low, high = test->int_high;
    bool integer = test->type != KITH_FLOAT && test->type != KITH_DOUBLE;
    bool empty = integer && !clamp_range(test->type, &low, &high);
    for (size_t w = 0; w < BITSET_WORDS(rows); w++) {
        yes[w] = 0;
        if (empty || active[w] == 0) continue;
        size_t left = rows - 64 * w;
        yes[w] = one_word(test, chunk, first + 64 * w, left < 64 ? left : 64, low, high);
    }
}
