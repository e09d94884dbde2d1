/*
 * i8, u8 and bit distances with AVX-512 (F, BW, VNNI, VPOPCNTDQ). Exact.
 *
 * vpdpbusd multiplies unsigned bytes by signed ones and adds four products into each int32.
 * Flipping the top bit moves a byte between the two ranges, x ^ 0x80 = x + 128 for i8 and x - 128
 * for u8, and the sums below take the 128s out again:
 *
 *   i8 dot     sum (b+128) a         = dot + 128 sum a       sum a once per query
 *   i8 square  sum (b+128) b - 128 b
 *   u8 dot     sum b (a-128)         = dot - 128 sum b       sum b as 2 * sum 64 b
 *   u8 square  sum b (b-128)         = square - 128 sum b
 *   L2         d = |a-b| as u8; sum d (d-128) = L2 - 128 sum d
 *
 * L2 costs six instructions for 64 elements: max, min, subtract, flip and two dot products.
 * Widening to 16 bits (vpmovzxbw, vpsubw, vpdpwssd) takes eight and splitting d into even and odd
 * bytes seven.
 *
 * int32 sums run over KERNEL_INT_CHUNK elements and join an int64. Unsigned lanes wrap in between,
 * and the total is in range.
 */
#include "kernel/kernel_internal.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define ROWS 4
#define STEP ((size_t)64)

/* Sums of one row: cross terms, squares, and the linear term that corrects both. */
struct sums {
    __m512i cross, square, linear;
};

KERNEL_INLINE __m512i load(const uint8_t *p, bool full, __mmask64 mask)
{
    return full ? _mm512_loadu_si512(p) : _mm512_maskz_loadu_epi8(mask, p);
}

KERNEL_INLINE __m512i flip(__m512i v)
{
    return _mm512_xor_si512(v, _mm512_set1_epi8((char)-128));
}

KERNEL_INLINE __m512i distance_abs(enum kernel_type type, __m512i a, __m512i b)
{
    if (type == KERNEL_I8) return _mm512_sub_epi8(_mm512_max_epi8(a, b), _mm512_min_epi8(a, b));
    return _mm512_sub_epi8(_mm512_max_epu8(a, b), _mm512_min_epu8(a, b));
}

/* Masked-off bytes are zero in a and b and add nothing to any sum: every product below has an
 * unflipped factor, or d, in it. */
KERNEL_INLINE void row_add(struct sums *s, enum kernel_metric metric, enum kernel_type type,
                           __m512i a, __m512i b)
{
    if (metric == KERNEL_L2) {
        const __m512i d = distance_abs(type, a, b);
        s->square = _mm512_dpbusd_epi32(s->square, d, flip(d));
        s->linear = _mm512_dpbusd_epi32(s->linear, d, _mm512_set1_epi8(64));
    } else if (type == KERNEL_I8) {
        s->cross = _mm512_dpbusd_epi32(s->cross, flip(b), a);
        if (metric != KERNEL_COSINE) return;
        s->square = _mm512_dpbusd_epi32(s->square, flip(b), b);
        s->linear = _mm512_dpbusd_epi32(s->linear, _mm512_set1_epi8((char)-128), b);
    } else {
        s->cross = _mm512_dpbusd_epi32(s->cross, b, flip(a));
        s->linear = _mm512_dpbusd_epi32(s->linear, b, _mm512_set1_epi8(64));
        if (metric == KERNEL_COSINE) s->square = _mm512_dpbusd_epi32(s->square, b, flip(b));
    }
}

KERNEL_INLINE void step(struct sums *s, enum kernel_metric metric, enum kernel_type type,
                        size_t width, const uint8_t *query, const uint8_t *const *rows, size_t i,
                        bool full, __mmask64 mask)
{
    const __m512i a = load(query + i, full, mask);
    KERNEL_UNROLL
    for (size_t r = 0; r < width; r++)
        row_add(&s[r], metric, type, a, load(rows[r] + i, full, mask));
}

/* Sums over elements i to end. A row alone alternates between two sets of accumulators, or the
 * latency of the dot product would be the speed; four rows have chains enough. */
KERNEL_INLINE void sums_run(struct sums *s, enum kernel_metric metric, enum kernel_type type,
                            size_t width, const uint8_t *query, const uint8_t *const *rows,
                            size_t i, size_t end)
{
    const size_t other = width == 1 ? 1 : 0;
    for (; i + 2 * STEP <= end; i += 2 * STEP) {
        step(s, metric, type, width, query, rows, i, true, 0);
        step(s + other, metric, type, width, query, rows, i + STEP, true, 0);
    }
    if (i + STEP <= end) {
        step(s, metric, type, width, query, rows, i, true, 0);
        i += STEP;
    }
    if (i == end) return;
    step(s + other, metric, type, width, query, rows, i, false, ((__mmask64)1 << (end - i)) - 1);
}

KERNEL_INLINE void sums_zero(struct sums *s, size_t count)
{
    KERNEL_UNROLL
    for (size_t r = 0; r < count; r++)
        s[r].cross = s[r].square = s[r].linear = _mm512_setzero_si512();
}

KERNEL_INLINE __m128i fold(__m512i v)
{
    const __m256i half =
        _mm256_add_epi32(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
    return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

/* Four horizontal sums by one transposition. */
KERNEL_INLINE __m128i reduce4(const __m512i *sum)
{
    const __m128i a = fold(sum[0]), b = fold(sum[1]), c = fold(sum[2]), d = fold(sum[3]);
    const __m128i ab = _mm_add_epi32(_mm_unpacklo_epi32(a, b), _mm_unpackhi_epi32(a, b));
    const __m128i cd = _mm_add_epi32(_mm_unpacklo_epi32(c, d), _mm_unpackhi_epi32(c, d));
    return _mm_add_epi32(_mm_unpacklo_epi64(ab, cd), _mm_unpackhi_epi64(ab, cd));
}

KERNEL_INLINE void reduce(const __m512i *sum, size_t width, int32_t *out)
{
    if (width == 4) _mm_storeu_si128((__m128i *)(void *)out, reduce4(sum));
    else out[0] = _mm512_reduce_add_epi32(sum[0]);
}

/* What one chunk adds: cross (or L2) and square, corrected except for the query's own term. */
KERNEL_INLINE void chunk_run(enum kernel_metric metric, enum kernel_type type, size_t width,
                             const uint8_t *query, const uint8_t *const *rows, size_t i,
                             size_t end, int32_t *cross, int32_t *square)
{
    struct sums s[ROWS];
    __m512i total[ROWS], squares[ROWS];
    sums_zero(s, ROWS);
    sums_run(s, metric, type, width, query, rows, i, end);
    if (width == 1) {
        s[0].cross = _mm512_add_epi32(s[0].cross, s[1].cross);
        s[0].square = _mm512_add_epi32(s[0].square, s[1].square);
        s[0].linear = _mm512_add_epi32(s[0].linear, s[1].linear);
    }
    KERNEL_UNROLL
    for (size_t r = 0; r < width; r++) {
        const __m512i twice = _mm512_add_epi32(s[r].linear, s[r].linear);
        if (metric == KERNEL_L2) total[r] = _mm512_add_epi32(s[r].square, twice);
        else if (type == KERNEL_I8) total[r] = s[r].cross;
        else total[r] = _mm512_add_epi32(s[r].cross, twice);
        if (metric != KERNEL_COSINE) continue;
        squares[r] = type == KERNEL_I8 ? _mm512_sub_epi32(s[r].square, s[r].linear)
                                       : _mm512_add_epi32(s[r].square, twice);
    }
    reduce(total, width, cross);
    if (metric == KERNEL_COSINE) reduce(squares, width, square);
}

/* 128 * sum of an i8 vector. */
KERNEL_INLINE int64_t sum128_i8(const uint8_t *v, size_t dim)
{
    const __m512i ones = _mm512_set1_epi8((char)-128);
    int64_t total = 0;
    for (size_t start = 0; start < dim; start += KERNEL_INT_CHUNK) {
        const size_t end = dim - start < KERNEL_INT_CHUNK ? dim : start + KERNEL_INT_CHUNK;
        __m512i sum = _mm512_setzero_si512();
        size_t i = start;
        for (; i + STEP <= end; i += STEP)
            sum = _mm512_dpbusd_epi32(sum, ones, load(v + i, true, 0));
        if (i < end)
            sum = _mm512_dpbusd_epi32(sum, ones,
                                      load(v + i, false, ((__mmask64)1 << (end - i)) - 1));
        total += _mm512_reduce_add_epi32(sum);
    }
    return total;
}

KERNEL_INLINE void int_distances(enum kernel_metric metric, enum kernel_type type, size_t width,
                                 const struct kernel_query *query, const uint8_t *const *rows,
                                 float *out)
{
    int64_t cross[ROWS] = {0}, square[ROWS] = {0};
    for (size_t i = 0; i < query->dim; i += KERNEL_INT_CHUNK) {
        const size_t end = query->dim - i < KERNEL_INT_CHUNK ? query->dim : i + KERNEL_INT_CHUNK;
        int32_t part[ROWS], part_square[ROWS] = {0};
        chunk_run(metric, type, width, query->vector, rows, i, end, part, part_square);
        for (size_t r = 0; r < width; r++) {
            cross[r] += part[r];
            square[r] += part_square[r];
        }
    }
    for (size_t r = 0; r < width; r++) {
        const int64_t dot = cross[r] - query->sum;
        if (metric == KERNEL_L2) out[r] = (float)cross[r];
        else if (metric == KERNEL_DOT) out[r] = (float)-dot;
        else out[r] = kernel_cosine_int(dot, query->norm2_int, square[r]);
    }
}

KERNEL_INLINE void bit_sums(enum kernel_metric metric, size_t width, const uint8_t *query,
                            const uint8_t *const *rows, size_t i, bool full, __mmask64 mask,
                            __m512i *both, __m512i *other)
{
    const __m512i a = load(query + i, full, mask);
    KERNEL_UNROLL
    for (size_t r = 0; r < width; r++) {
        const __m512i b = load(rows[r] + i, full, mask);
        other[r] = _mm512_add_epi32(other[r], _mm512_popcnt_epi32(_mm512_xor_si512(a, b)));
        if (metric == KERNEL_JACCARD)
            both[r] = _mm512_add_epi32(both[r], _mm512_popcnt_epi32(_mm512_and_si512(a, b)));
    }
}

KERNEL_INLINE void bit_distances(enum kernel_metric metric, size_t width,
                                 const struct kernel_query *query, const uint8_t *const *rows,
                                 float *out)
{
    const size_t bytes = (query->dim + 7) / 8;
    __m512i both[ROWS], differ[ROWS];
    int32_t both_count[ROWS] = {0}, differ_count[ROWS];
    size_t i = 0;
    KERNEL_UNROLL
    for (size_t r = 0; r < width; r++) both[r] = differ[r] = _mm512_setzero_si512();
    for (; i + STEP <= bytes; i += STEP)
        bit_sums(metric, width, query->vector, rows, i, true, 0, both, differ);
    if (i < bytes)
        bit_sums(metric, width, query->vector, rows, i, false,
                 ((__mmask64)1 << (bytes - i)) - 1, both, differ);
    reduce(differ, width, differ_count);
    if (metric == KERNEL_JACCARD) reduce(both, width, both_count);
    KERNEL_UNROLL
    for (size_t r = 0; r < width; r++)
        out[r] = metric == KERNEL_HAMMING
                     ? (float)differ_count[r]
                     : kernel_jaccard(both_count[r], (int64_t)both_count[r] + differ_count[r]);
}

KERNEL_INLINE void distances(enum kernel_metric metric, enum kernel_type type, size_t width,
                             const struct kernel_query *query, const uint8_t *const *rows,
                             float *out)
{
    if (type == KERNEL_BIT) bit_distances(metric, width, query, rows, out);
    else int_distances(metric, type, width, query, rows, out);
}

KERNEL_INLINE void prepare(enum kernel_metric metric, enum kernel_type type,
                           struct kernel_query *query)
{
    if (type == KERNEL_BIT || metric == KERNEL_L2) return;
    query->sum = type == KERNEL_I8 ? sum128_i8(query->vector, query->dim) : 0;
    if (metric != KERNEL_COSINE) return;
    for (size_t i = 0; i < query->dim; i += KERNEL_INT_CHUNK) {
        const size_t end = query->dim - i < KERNEL_INT_CHUNK ? query->dim : i + KERNEL_INT_CHUNK;
        const uint8_t *row = query->vector;
        int32_t cross, square;
        chunk_run(KERNEL_COSINE, type, 1, row, &row, i, end, &cross, &square);
        query->norm2_int += square;
    }
}

KERNEL_INLINE float pair(enum kernel_metric metric, enum kernel_type type, const uint8_t *a,
                         const uint8_t *b, size_t dim)
{
    struct kernel_query query = {.vector = a, .dim = dim};
    float out;
    prepare(metric, type, &query);
    distances(metric, type, 1, &query, &b, &out);
    return out;
}

KERNEL_DEFINE(l2sq_i8, KERNEL_L2, KERNEL_I8, ROWS)
KERNEL_DEFINE(l2sq_u8, KERNEL_L2, KERNEL_U8, ROWS)
KERNEL_DEFINE(dot_i8, KERNEL_DOT, KERNEL_I8, ROWS)
KERNEL_DEFINE(dot_u8, KERNEL_DOT, KERNEL_U8, ROWS)
KERNEL_DEFINE(cosine_i8, KERNEL_COSINE, KERNEL_I8, ROWS)
KERNEL_DEFINE(cosine_u8, KERNEL_COSINE, KERNEL_U8, ROWS)
KERNEL_DEFINE(hamming_bit, KERNEL_HAMMING, KERNEL_BIT, ROWS)
KERNEL_DEFINE(jaccard_bit, KERNEL_JACCARD, KERNEL_BIT, ROWS)

const struct kernel kernel_ints_avx512[KERNEL_PLAIN_METRICS][KERNEL_INT_TYPES] = {
    {KERNEL_ENTRY(l2sq_i8), KERNEL_ENTRY(l2sq_u8)},
    {KERNEL_ENTRY(dot_i8), KERNEL_ENTRY(dot_u8)},
    {KERNEL_ENTRY(cosine_i8), KERNEL_ENTRY(cosine_u8)},
};
const struct kernel kernel_bits_avx512[2] = {KERNEL_ENTRY(hamming_bit),
                                             KERNEL_ENTRY(jaccard_bit)};

/* One pair for the graph's codes: the chunk is the caller's whole vector by contract. */
KERNEL_INLINE int32_t code_pair(enum kernel_metric metric, enum kernel_type type, const void *a,
                                const void *b, size_t dim)
{
    const uint8_t *row = b;
    int32_t cross, square;
    chunk_run(metric, type, 1, a, &row, 0, dim, &cross, &square);
    return cross;
}

static int32_t code_dot_i8(const int8_t *a, const int8_t *b, size_t dim)
{
    const __m512i bias = _mm512_set1_epi8((char)-128);
    __m512i even = _mm512_setzero_si512(), odd = even, linear = even;
    size_t i = 0;
    for (; i + 2 * STEP <= dim; i += 2 * STEP) {
        const __m512i a0 = _mm512_loadu_si512(a + i), a1 = _mm512_loadu_si512(a + i + STEP);
        even = _mm512_dpbusd_epi32(even, flip(_mm512_loadu_si512(b + i)), a0);
        odd = _mm512_dpbusd_epi32(odd, flip(_mm512_loadu_si512(b + i + STEP)), a1);
        linear = _mm512_dpbusd_epi32(_mm512_dpbusd_epi32(linear, bias, a0), bias, a1);
    }
    for (; i < dim; i += STEP) {
        const size_t left = dim - i < STEP ? dim - i : STEP;
        const __mmask64 mask = ~(__mmask64)0 >> (STEP - left);
        const __m512i a0 = _mm512_maskz_loadu_epi8(mask, a + i);
        even = _mm512_dpbusd_epi32(even, flip(_mm512_maskz_loadu_epi8(mask, b + i)), a0);
        linear = _mm512_dpbusd_epi32(linear, bias, a0);
    }
    return _mm512_reduce_add_epi32(_mm512_sub_epi32(_mm512_add_epi32(even, odd), linear));
}

static int32_t code_l2sq_i8(const int8_t *a, const int8_t *b, size_t dim)
{
    return code_pair(KERNEL_L2, KERNEL_I8, a, b, dim);
}

static int32_t code_l2sq_u8(const uint8_t *a, const uint8_t *b, size_t dim)
{
    return code_pair(KERNEL_L2, KERNEL_U8, a, b, dim);
}

const struct kernel_int kernel_codes_avx512 = {code_dot_i8, code_l2sq_i8, code_l2sq_u8};
#endif
