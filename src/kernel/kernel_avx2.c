/*
 * All kernels with AVX2, FMA, F16C and POPCNT.
 *
 * A step is 16 elements: two registers of 8 floats, or one of 16 integers widened to int16 for
 * vpmaddwd. Two rows are answered at once, which with four accumulators each is what 16 registers
 * hold. AVX2 cannot load 16-bit or 8-bit elements under a mask, so the last partial step is copied
 * to a zeroed block first; zeros add nothing to any sum.
 *
 * int32 sums run over KERNEL_INT_CHUNK elements and join an int64.
 */
#include "kernel/kernel_internal.h"

#include <string.h>

#include "kernel/kernel_half.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define ROWS 2
#define STEP ((size_t)16)

struct f32x16 {
    __m256 lo, hi;
};

struct sums {
    __m256 cross[ROWS][4];
    __m256 square[ROWS][2];
    __m256 query[2];
};

KERNEL_INLINE __m128i load128(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

KERNEL_INLINE __m256 bf16_widen(__m128i half)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
}

KERNEL_INLINE struct f32x16 load_full(enum kernel_type type, const uint8_t *p)
{
    if (type == KERNEL_F32)
        return (struct f32x16){_mm256_loadu_ps((const float *)(const void *)p),
                               _mm256_loadu_ps((const float *)(const void *)(p + 32))};
    const __m128i lo = load128(p), hi = load128(p + 16);
    if (type == KERNEL_F16) return (struct f32x16){_mm256_cvtph_ps(lo), _mm256_cvtph_ps(hi)};
    return (struct f32x16){bf16_widen(lo), bf16_widen(hi)};
}

/* left: elements that exist, at least 1; STEP or more loads directly. */
KERNEL_INLINE struct f32x16 load(enum kernel_type type, const uint8_t *v, size_t i, size_t left)
{
    const uint8_t *p = v + kernel_type_bytes(type, i);
    if (left >= STEP) return load_full(type, p);
    uint8_t block[64] = {0};
    memcpy(block, p, kernel_type_bytes(type, left));
    return load_full(type, block);
}

KERNEL_INLINE void row_add(struct sums *s, enum kernel_metric metric, size_t r, size_t set,
                           struct f32x16 a, struct f32x16 b)
{
    __m256 *lo = &s->cross[r][set * 2], *hi = &s->cross[r][set * 2 + 1];
    if (metric == KERNEL_L2) {
        const __m256 dlo = _mm256_sub_ps(a.lo, b.lo), dhi = _mm256_sub_ps(a.hi, b.hi);
        *lo = _mm256_fmadd_ps(dlo, dlo, *lo);
        *hi = _mm256_fmadd_ps(dhi, dhi, *hi);
        return;
    }
    *lo = _mm256_fmadd_ps(a.lo, b.lo, *lo);
    *hi = _mm256_fmadd_ps(a.hi, b.hi, *hi);
    if (metric != KERNEL_COSINE) return;
    s->square[r][0] = _mm256_fmadd_ps(b.lo, b.lo, s->square[r][0]);
    s->square[r][1] = _mm256_fmadd_ps(b.hi, b.hi, s->square[r][1]);
}

KERNEL_INLINE void step(struct sums *s, enum kernel_metric metric, enum kernel_type type,
                        size_t width, bool with_query, const uint8_t *query,
                        const uint8_t *const *rows, size_t i, size_t set, size_t left)
{
    const struct f32x16 a = load(type, query, i, left);
    KERNEL_UNROLL
    for (size_t r = 0; r < width; r++)
        row_add(s, metric, r, set, a, load(type, rows[r], i, left));
    if (!with_query) return;
    s->query[0] = _mm256_fmadd_ps(a.lo, a.lo, s->query[0]);
    s->query[1] = _mm256_fmadd_ps(a.hi, a.hi, s->query[1]);
}

KERNEL_INLINE void sums_run(struct sums *s, enum kernel_metric metric, enum kernel_type type,
                            size_t width, bool with_query, const uint8_t *query,
                            const uint8_t *const *rows, size_t dim)
{
    const size_t other = metric == KERNEL_COSINE ? 0 : 1;
    size_t i = 0;
    memset(s, 0, sizeof *s);
    for (; i + 2 * STEP <= dim; i += 2 * STEP) {
        step(s, metric, type, width, with_query, query, rows, i, 0, STEP);
        step(s, metric, type, width, with_query, query, rows, i + STEP, other, STEP);
    }
    if (i + STEP <= dim) {
        step(s, metric, type, width, with_query, query, rows, i, 0, STEP);
        i += STEP;
    }
    if (i < dim) step(s, metric, type, width, with_query, query, rows, i, other, dim - i);
}

KERNEL_INLINE float reduce(__m256 sum)
{
    const __m128 v = _mm_add_ps(_mm256_castps256_ps128(sum), _mm256_extractf128_ps(sum, 1));
    const __m128 two = _mm_add_ps(v, _mm_movehl_ps(v, v));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

KERNEL_INLINE float float_finish(const struct sums *s, enum kernel_metric metric,
                                 enum kernel_type type, size_t r, const uint8_t *a,
                                 const uint8_t *b, size_t dim, float a2)
{
    __m256 total = _mm256_add_ps(s->cross[r][0], s->cross[r][1]);
    if (metric != KERNEL_COSINE)
        total = _mm256_add_ps(total, _mm256_add_ps(s->cross[r][2], s->cross[r][3]));
    const float cross = reduce(total);
    if (metric == KERNEL_L2) return cross;
    if (metric == KERNEL_DOT) return -cross;
    const float b2 = reduce(_mm256_add_ps(s->square[r][0], s->square[r][1]));
    if (kernel_norms_plain(a2, b2)) return kernel_cosine_float(cross, a2, b2);
    return kernel_cosine_extreme(type, a, b, dim);
}

KERNEL_INLINE float query_norm2(const struct sums *s)
{
    return reduce(_mm256_add_ps(s->query[0], s->query[1]));
}

/* 16 bytes as int16. */
KERNEL_INLINE __m256i bytes_load(enum kernel_type type, const uint8_t *p, size_t left)
{
    uint8_t block[16] = {0};
    if (left < STEP) memcpy(block, p, left);
    const __m128i v = load128(left < STEP ? block : p);
    return type == KERNEL_I8 ? _mm256_cvtepi8_epi16(v) : _mm256_cvtepu8_epi16(v);
}

KERNEL_INLINE __m256i bytes_add(__m256i sum, enum kernel_metric metric, enum kernel_type type,
                                const uint8_t *a, const uint8_t *b, size_t left)
{
    const __m256i x = bytes_load(type, a, left), y = bytes_load(type, b, left);
    const __m256i d = _mm256_sub_epi16(x, y);
    return _mm256_add_epi32(sum, metric == KERNEL_L2 ? _mm256_madd_epi16(d, d)
                                                     : _mm256_madd_epi16(x, y));
}

KERNEL_INLINE int32_t bytes_sum(enum kernel_metric metric, enum kernel_type type, const uint8_t *a,
                                const uint8_t *b, size_t dim)
{
    __m256i even = _mm256_setzero_si256(), odd = even;
    size_t i = 0;
    for (; i + 2 * STEP <= dim; i += 2 * STEP) {
        even = bytes_add(even, metric, type, a + i, b + i, STEP);
        odd = bytes_add(odd, metric, type, a + i + STEP, b + i + STEP, STEP);
    }
    for (; i + STEP <= dim; i += STEP) even = bytes_add(even, metric, type, a + i, b + i, STEP);
    if (i < dim) odd = bytes_add(odd, metric, type, a + i, b + i, dim - i);
    even = _mm256_add_epi32(even, odd);
    __m128i v = _mm_add_epi32(_mm256_castsi256_si128(even), _mm256_extracti128_si256(even, 1));
    v = _mm_add_epi32(v, _mm_shuffle_epi32(v, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(v, _mm_shuffle_epi32(v, 0xb1)));
}

KERNEL_INLINE int64_t bytes_sum_long(enum kernel_metric metric, enum kernel_type type,
                                     const uint8_t *a, const uint8_t *b, size_t dim)
{
    int64_t sum = 0;
    for (size_t i = 0; i < dim; i += KERNEL_INT_CHUNK) {
        const size_t n = dim - i < KERNEL_INT_CHUNK ? dim - i : KERNEL_INT_CHUNK;
        sum += bytes_sum(metric, type, a + i, b + i, n);
    }
    return sum;
}

KERNEL_INLINE float bytes_distance(enum kernel_metric metric, enum kernel_type type,
                                   const uint8_t *a, const uint8_t *b, size_t dim, int64_t a2)
{
    const int64_t cross = bytes_sum_long(metric, type, a, b, dim);
    if (metric == KERNEL_L2) return (float)cross;
    if (metric == KERNEL_DOT) return (float)-cross;
    return kernel_cosine_int(cross, a2, bytes_sum_long(KERNEL_DOT, type, b, b, dim));
}

KERNEL_INLINE float bits_distance(enum kernel_metric metric, const uint8_t *a, const uint8_t *b,
                                  size_t dim)
{
    const size_t bytes = (dim + 7) / 8;
    int64_t differ = 0, both = 0;
    for (size_t i = 0; i < bytes; i += 8) {
        uint64_t x = 0, y = 0;
        const size_t n = bytes - i;
        if (n >= 8) {
            memcpy(&x, a + i, 8);
            memcpy(&y, b + i, 8);
        } else {
            memcpy(&x, a + i, n);
            memcpy(&y, b + i, n);
        }
        differ += __builtin_popcountll(x ^ y);
        both += __builtin_popcountll(x & y);
    }
    return metric == KERNEL_HAMMING ? (float)differ : kernel_jaccard(both, differ + both);
}

KERNEL_INLINE void prepare(enum kernel_metric metric, enum kernel_type type,
                           struct kernel_query *query)
{
    struct sums s;
    if (metric != KERNEL_COSINE) return;
    if (type == KERNEL_I8 || type == KERNEL_U8) {
        query->norm2_int =
            bytes_sum_long(KERNEL_DOT, type, query->vector, query->vector, query->dim);
        return;
    }
    sums_run(&s, metric, type, 0, true, query->vector, NULL, query->dim);
    query->norm2 = query_norm2(&s);
}

KERNEL_INLINE void distances(enum kernel_metric metric, enum kernel_type type, size_t width,
                             const struct kernel_query *q, const uint8_t *const *rows, float *out)
{
    struct sums s;
    if (type < KERNEL_I8) sums_run(&s, metric, type, width, false, q->vector, rows, q->dim);
    KERNEL_UNROLL
    for (size_t r = 0; r < width; r++) {
        if (type == KERNEL_BIT) out[r] = bits_distance(metric, q->vector, rows[r], q->dim);
        else if (type >= KERNEL_I8)
            out[r] = bytes_distance(metric, type, q->vector, rows[r], q->dim, q->norm2_int);
        else
            out[r] = float_finish(&s, metric, type, r, q->vector, rows[r], q->dim, q->norm2);
    }
}

KERNEL_INLINE float pair(enum kernel_metric metric, enum kernel_type type, const uint8_t *a,
                         const uint8_t *b, size_t dim)
{
    struct kernel_query query = {.vector = a, .dim = dim};
    struct sums s;
    float out;
    if (type >= KERNEL_I8) {
        prepare(metric, type, &query);
        distances(metric, type, 1, &query, &b, &out);
        return out;
    }
    sums_run(&s, metric, type, 1, metric == KERNEL_COSINE, a, &b, dim);
    return float_finish(&s, metric, type, 0, a, b, dim, query_norm2(&s));
}

KERNEL_DEFINE(l2sq_f32, KERNEL_L2, KERNEL_F32, ROWS)
KERNEL_DEFINE(l2sq_f16, KERNEL_L2, KERNEL_F16, ROWS)
KERNEL_DEFINE(l2sq_bf16, KERNEL_L2, KERNEL_BF16, ROWS)
KERNEL_DEFINE(l2sq_i8, KERNEL_L2, KERNEL_I8, ROWS)
KERNEL_DEFINE(l2sq_u8, KERNEL_L2, KERNEL_U8, ROWS)
KERNEL_DEFINE(dot_f32, KERNEL_DOT, KERNEL_F32, ROWS)
KERNEL_DEFINE(dot_f16, KERNEL_DOT, KERNEL_F16, ROWS)
KERNEL_DEFINE(dot_bf16, KERNEL_DOT, KERNEL_BF16, ROWS)
KERNEL_DEFINE(dot_i8, KERNEL_DOT, KERNEL_I8, ROWS)
KERNEL_DEFINE(dot_u8, KERNEL_DOT, KERNEL_U8, ROWS)
KERNEL_DEFINE(cosine_f32, KERNEL_COSINE, KERNEL_F32, ROWS)
KERNEL_DEFINE(cosine_f16, KERNEL_COSINE, KERNEL_F16, ROWS)
KERNEL_DEFINE(cosine_bf16, KERNEL_COSINE, KERNEL_BF16, ROWS)
KERNEL_DEFINE(cosine_i8, KERNEL_COSINE, KERNEL_I8, ROWS)
KERNEL_DEFINE(cosine_u8, KERNEL_COSINE, KERNEL_U8, ROWS)
KERNEL_DEFINE(hamming_bit, KERNEL_HAMMING, KERNEL_BIT, ROWS)
KERNEL_DEFINE(jaccard_bit, KERNEL_JACCARD, KERNEL_BIT, ROWS)

static const struct kernel floats[KERNEL_PLAIN_METRICS][KERNEL_FLOAT_TYPES] = {
    {KERNEL_ENTRY(l2sq_f32), KERNEL_ENTRY(l2sq_f16), KERNEL_ENTRY(l2sq_bf16)},
    {KERNEL_ENTRY(dot_f32), KERNEL_ENTRY(dot_f16), KERNEL_ENTRY(dot_bf16)},
    {KERNEL_ENTRY(cosine_f32), KERNEL_ENTRY(cosine_f16), KERNEL_ENTRY(cosine_bf16)},
};
static const struct kernel ints[KERNEL_PLAIN_METRICS][KERNEL_INT_TYPES] = {
    {KERNEL_ENTRY(l2sq_i8), KERNEL_ENTRY(l2sq_u8)},
    {KERNEL_ENTRY(dot_i8), KERNEL_ENTRY(dot_u8)},
    {KERNEL_ENTRY(cosine_i8), KERNEL_ENTRY(cosine_u8)},
};
static const struct kernel bits[2] = {KERNEL_ENTRY(hamming_bit), KERNEL_ENTRY(jaccard_bit)};

static int32_t code_dot_i8(const int8_t *a, const int8_t *b, size_t dim)
{
    return bytes_sum(KERNEL_DOT, KERNEL_I8, (const uint8_t *)a, (const uint8_t *)b, dim);
}

static int32_t code_l2sq_i8(const int8_t *a, const int8_t *b, size_t dim)
{
    return bytes_sum(KERNEL_L2, KERNEL_I8, (const uint8_t *)a, (const uint8_t *)b, dim);
}

static int32_t code_l2sq_u8(const uint8_t *a, const uint8_t *b, size_t dim)
{
    return bytes_sum(KERNEL_L2, KERNEL_U8, a, b, dim);
}

static const struct kernel_int codes = {code_dot_i8, code_l2sq_i8, code_l2sq_u8};

static float norm2_f32_avx2(const float *a, size_t dim)
{
    return -dot_f32_pair(a, a, dim);
}

static void f16_to_f32_avx2(const uint16_t *in, float *out, size_t dim)
{
    size_t i = 0;
    for (; i + 8 <= dim; i += 8)
        _mm256_storeu_ps(out + i, _mm256_cvtph_ps(load128((const uint8_t *)(in + i))));
    for (; i < dim; i++) out[i] = half_f16_to_f32(in[i]);
}

static void f32_to_f16_avx2(const float *in, uint16_t *out, size_t dim)
{
    size_t i = 0;
    for (; i + 8 <= dim; i += 8)
        _mm_storeu_si128((__m128i *)(void *)(out + i),
                         _mm256_cvtps_ph(_mm256_loadu_ps(in + i),
                                         _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
    for (; i < dim; i++) out[i] = half_f32_to_f16(in[i]);
}

static void bf16_to_f32_avx2(const uint16_t *in, float *out, size_t dim)
{
    for (size_t i = 0; i < dim; i++) out[i] = half_bf16_to_f32(in[i]); /* vectorised as it is */
}

static void f32_to_bf16_avx2(const float *in, uint16_t *out, size_t dim)
{
    for (size_t i = 0; i < dim; i++) out[i] = half_f32_to_bf16(in[i]);
}

const struct kernel_isa kernel_isa_avx2 = {
    .name = "avx2",
    .floats = floats,
    .ints = ints,
    .bits = bits,
    .codes = &codes,
    .norm2_f32 = norm2_f32_avx2,
    .f16_to_f32 = f16_to_f32_avx2,
    .f32_to_f16 = f32_to_f16_avx2,
    .bf16_to_f32 = bf16_to_f32_avx2,
    .f32_to_bf16 = f32_to_bf16_avx2,
};
#endif
