/*
 * Tests that look at one value after the other, straight in the chunk: sets, text equality, ranges
 * of text, `like`. Going through a row_value costs far more (23 against 1.6 ns a row for an
 * equality on short texts).
 *
 * Equality of texts looks at the lengths first, 64 rows a step in a sealed chunk, whose offsets lie
 * one after the other: most rows drop out without a look at their bytes.
 */
#include <string.h>

#include "query/filter_leaf.h"

static bool text_among(const struct column_test *test, struct kith_str text)
{
    size_t from = 0, to = test->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int order = text_order(text, test->texts[middle]);
        if (order == 0) return true;
        if (order < 0) to = middle;
        else from = middle + 1;
    }
    return false;
}

static bool text_between(const struct column_test *test, struct kith_str text)
{
    if (test->low.given) {
        int order = text_order(text, test->low.value.s);
        if (order < 0 || (order == 0 && !test->low.inclusive)) return false;
    }
    if (!test->high.given) return true;
    int order = text_order(text, test->high.value.s);
    return order < 0 || (order == 0 && test->high.inclusive);
}

static bool text_hit(const struct column_test *test, struct kith_str text)
{
    switch (test->loop) {
    case LOOP_LIKE: return like_matches(test->like, text);
    case LOOP_TEXTS: return text_among(test, text);
    case LOOP_TEXT_RANGE: return text_between(test, text);
    case LOOP_TEXT_FRONT:
        return text.len >= test->texts->len &&
               (test->texts->len == 0 ||
                memcmp(text.data, test->texts->data, test->texts->len) == 0);
    default:
        return text.len == test->texts->len &&
               (text.len == 0 || memcmp(text.data, test->texts->data, text.len) == 0);
    }
}

static uint64_t texts_word(const struct column_test *test, const struct chunk *chunk, size_t row,
                           uint64_t candidates)
{
    uint64_t word = 0;
    for (; candidates != 0; candidates &= candidates - 1) {
        unsigned bit = (unsigned)__builtin_ctzll(candidates);
        word |= (uint64_t)text_hit(test, chunk_str(chunk, row + bit)) << bit;
    }
    return word;
}

/* Rows of a sealed chunk whose text has this length. */
static uint64_t length_word(const struct chunk *chunk, size_t row, size_t count, uint32_t len)
{
    uint8_t hit[64] = { 0 };
    const uint8_t *offsets = chunk->offsets + 4 * row;
    for (size_t i = 0; i < count; i++)
        hit[i] = le32_get(offsets + 4 * i + 4) - le32_get(offsets + 4 * i) == len;
    return pack_bits(hit);
}

#define FEW_TEXTS 8

/* Each text against the rows of its length. */
static uint64_t few_texts_word(const struct column_test *test, const struct chunk *chunk,
                               size_t row, size_t count, uint64_t active)
{
    uint64_t word = 0;
    struct column_test one = { .loop = LOOP_TEXT_EQUAL, .count = 1 };
    for (size_t i = 0; i < test->count; i++) {
        if (test->texts[i].len > UINT32_MAX) continue;
        one.texts = &test->texts[i];
        uint64_t fit = length_word(chunk, row, count, (uint32_t)one.texts->len);
        word |= texts_word(&one, chunk, row, active & fit & ~word);
    }
    return word;
}

/* ------------------------------------------------------------------ integers, doubles */

static int64_t integer_at(const struct chunk *chunk, size_t row)
{
    const uint8_t *at = chunk->data + row * chunk->width;
    switch (chunk->type) {
    case KITH_BOOL: return *at != 0;
    case KITH_INT8: return (int8_t)*at;
    case KITH_INT16: return (int16_t)le16_get(at);
    case KITH_INT32: return (int32_t)le32_get(at);
    default: return (int64_t)le64_get(at);
    }
}

/* A few values, each compared with all rows of the step. */
#define FEW_WORD(name, type)                                                                  \
    static uint64_t name(const struct integer_set *set, const void *at, size_t count)         \
    {                                                                                         \
        uint8_t hit[64] = { 0 };                                                              \
        const type *values = at;                                                              \
        for (size_t v = 0; v < set->count; v++) {                                             \
            const type want = (type)set->values[v];                                           \
            if (want != set->values[v]) continue;                                             \
            for (size_t i = 0; i < count; i++) hit[i] |= values[i] == want;                       \
        }                                                                                     \
        return pack_bits(hit);                                                                \
    }
FEW_WORD(few_i8, int8_t)
FEW_WORD(few_i16, int16_t)
FEW_WORD(few_i32, int32_t)
FEW_WORD(few_i64, int64_t)

static uint64_t few_word(const struct column_test *test, const struct chunk *chunk, size_t row,
                         size_t count)
{
    const void *at = chunk->data + row * chunk->width;
    switch (chunk->type) {
    case KITH_INT8: return few_i8(&test->integers, at, count);
    case KITH_INT16: return few_i16(&test->integers, at, count);
    case KITH_INT32: return few_i32(&test->integers, at, count);
    default: return few_i64(&test->integers, at, count);
    }
}

/* Rows whose hash is taken, without a branch a row: the branches of the table are rarely foreseen
 * by the machine (13 to 2 ns a row for nine constants). */
static uint64_t sieve_word(const struct integer_set *set, const int64_t values[64])
{
    uint64_t word = 0;
    for (size_t i = 0; i < 64; i++) {
        uint64_t at = integer_hash(values[i]) >> set->sieve_shift;
        word |= ((set->sieve[at / 64] >> (at % 64)) & 1) << i;
    }
    return word;
}

static uint64_t integers_word(const struct column_test *test, const struct chunk *chunk,
                              size_t row, size_t count, uint64_t candidates)
{
    uint64_t word = 0;
    if (test->integers.sieve) {
        int64_t values[64] = { 0 };
        widen_integers(chunk, row, count, values);
        candidates &= sieve_word(&test->integers, values);
    }
    for (; candidates != 0; candidates &= candidates - 1) {
        unsigned bit = (unsigned)__builtin_ctzll(candidates);
        word |= (uint64_t)integer_set_has(&test->integers, integer_at(chunk, row + bit)) << bit;
    }
    return word;
}

static bool float_among(const struct column_test *test, double value)
{
    size_t from = 0, to = test->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (test->floats[middle] == value) return true;
        if (value < test->floats[middle]) to = middle;
        else from = middle + 1; /* a NaN ends here, and is nowhere */
    }
    return false;
}

static uint64_t floats_word(const struct column_test *test, const struct chunk *chunk, size_t row,
                            uint64_t candidates)
{
    uint64_t word = 0;
    for (; candidates != 0; candidates &= candidates - 1) {
        unsigned bit = (unsigned)__builtin_ctzll(candidates);
        const uint8_t *at = chunk->data + (row + bit) * chunk->width;
        double value = chunk->type == KITH_FLOAT ? (double)lef32_get(at) : lef64_get(at);
        word |= (uint64_t)float_among(test, value) << bit;
    }
    return word;
}

/* ------------------------------------------------------------------ */

static uint64_t direct_word(const struct column_test *test, const struct chunk *chunk, size_t row,
                            size_t count, uint64_t active)
{
    bool sealed = chunk->offsets && !chunk->strs;
    if (test->loop == LOOP_INTEGERS) {
        bool few = !test->integers.bitmap && !test->integers.table;
        return few ? few_word(test, chunk, row, count)
                   : integers_word(test, chunk, row, count, active);
    }
    if (test->loop == LOOP_FLOATS) return floats_word(test, chunk, row, active);
    bool few = test->loop == LOOP_TEXT_EQUAL || test->loop == LOOP_TEXTS;
    if (few && sealed && test->count <= FEW_TEXTS)
        return few_texts_word(test, chunk, row, count, active);
    return texts_word(test, chunk, row, active);
}

void direct_bits(const struct column_test *test, const struct chunk *chunk, size_t first,
                 size_t rows, const uint64_t *active, uint64_t *yes)
{
    for (size_t w = 0; w < BITSET_WORDS(rows); w++) {
        size_t left = rows - 64 * w;
        yes[w] = active[w] == 0 ? 0 : direct_word(test, chunk, first + 64 * w,
                                                  left < 64 ? left : 64, active[w]);
    }
}
