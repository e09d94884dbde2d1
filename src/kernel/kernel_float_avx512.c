/*
 * f32, f16 and bf16 distances with AVX-512 (F, BW, VL, DQ).
 *
 * A step is 32 elements: two registers of 16, `lo` and `hi`. Which element lands in which lane does
 * not matter to a sum, only that both vectors agree: bf16 takes the even elements as lo and the odd
 * ones as hi, one shift and one mask instead of two widening shuffles.
 *
 * L2 and dot keep four accumulators (two steps), cosine two for each of its sums. Four rows are
 * answered at once: each load (and widening) of the query serves all four, and their horizontal
 * sums share one transposition. The last, partial step loads under a mask: nothing past the end is
 * read and no dimension falls to scalar code.
 *
 * The order of additions is the same for one row and for four: see the invariant in
 * kernel_internal.h.
 */
#include "kernel/kernel_internal.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define ROWS 4
#define STEP ((size_t)32)

struct f32x32 {
    __m512 lo, hi;
};

struct sums {
    __m512 cross[ROWS][4];  /* (a-b)^2 or a*b; cosine uses the first two */
    __m512 square[ROWS][2]; /* b*b, cosine only */
    __m512 query[2];        /* a*a, cosine of a pair only */
};

/* mask: which of the 32 elements exist. `full` (a constant) says all. */
KERNEL_INLINE struct f32x32 f32_load(const uint8_t *p, bool full, __mmask32 mask)
{
    if (full) return (struct f32x32){_mm512_loadu_ps(p), _mm512_loadu_ps(p + 64)};
    return (struct f32x32){_mm512_maskz_loadu_ps((__mmask16)mask, p),
                           _mm512_maskz_loadu_ps((__mmask16)(mask >> 16), p + 64)};
}

KERNEL_INLINE struct f32x32 f16_widen(__m512i half)
{
    return (struct f32x32){_mm512_cvtph_ps(_mm512_castsi512_si256(half)),
                           _mm512_cvtph_ps(_mm512_extracti64x4_epi64(half, 1))};
}

KERNEL_INLINE struct f32x32 f16_load(const uint8_t *p, bool full, __mmask32 mask)
{
    if (!full) return f16_widen(_mm512_maskz_loadu_epi16(mask, p));
    return (struct f32x32){_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)p)),
                           _mm512_cvtph_ps(
                               _mm256_loadu_si256((const __m256i *)(const void *)(p + 32)))};
}

KERNEL_INLINE struct f32x32 bf16_load(const uint8_t *p, bool full, __mmask32 mask)
{
    const __m512i half = full ? _mm512_loadu_si512(p) : _mm512_maskz_loadu_epi16(mask, p);
    const __m512i odd = _mm512_and_si512(half, _mm512_set1_epi32((int)0xffff0000u));
    return (struct f32x32){_mm512_castsi512_ps(_mm512_slli_epi32(half, 16)),
                           _mm512_castsi512_ps(odd)};
}

KERNEL_INLINE struct f32x32 load(enum kernel_type type, const uint8_t *v, size_t i, bool full,
                                 __mmask32 mask)
{
    const uint8_t *p = v + kernel_type_bytes(type, i);
    if (type == KERNEL_F32) return f32_load(p, full, mask);
    return type == KERNEL_F16 ? f16_load(p, full, mask) : bf16_load(p, full, mask);
}

/* Adds one step of one row; `set` picks the accumulators. */
KERNEL_INLINE void row_add(struct sums *s, enum kernel_metric metric, size_t r, size_t set,
                           struct f32x32 a, struct f32x32 b)
{
    __m512 *lo = &s->cross[r][set * 2], *hi = &s->cross[r][set * 2 + 1];
    if (metric == KERNEL_L2) {
        const __m512 dlo = _mm512_sub_ps(a.lo, b.lo), dhi = _mm512_sub_ps(a.hi, b.hi);
        *lo = _mm512_fmadd_ps(dlo, dlo, *lo);
        *hi = _mm512_fmadd_ps(dhi, dhi, *hi);
        return;
    }
    *lo = _mm512_fmadd_ps(a.lo, b.lo, *lo);
    *hi = _mm512_fmadd_ps(a.hi, b.hi, *hi);
    if (metric != KERNEL_COSINE) return;
    s->square[r][0] = _mm512_fmadd_ps(b.lo, b.lo, s->square[r][0]);
    s->square[r][1] = _mm512_fmadd_ps(b.hi, b.hi, s->square[r][1]);
}

/* One step of all rows. */
KERNEL_INLINE void step(struct sums *s, enum kernel_metric metric, enum kernel_type type,
                        size_t width, bool with_query, const uint8_t *query,
                        const uint8_t *const *rows, size_t i, size_t set, bool full,
                        __mmask32 mask)
{
    const struct f32x32 a = load(type, query, i, full, mask);
    KERNEL_UNROLL
    for (size_t r = 0; r < width; r++)
        row_add(s, metric, r, set, a, load(type, rows[r], i, full, mask));
    if (!with_query) return;
    s->query[0] = _mm512_fmadd_ps(a.lo, a.lo, s->query[0]);
    s->query[1] = _mm512_fmadd_ps(a.hi, a.hi, s->query[1]);
}

KERNEL_INLINE void sums_run(struct sums *s, enum kernel_metric metric, enum kernel_type type,
                            size_t width, bool with_query, const uint8_t *query,
                            const uint8_t *const *rows, size_t dim)
{
    const size_t other = metric == KERNEL_COSINE ? 0 : 1;
    size_t i = 0;
    for (; i + 2 * STEP <= dim; i += 2 * STEP) {
        step(s, metric, type, width, with_query, query, rows, i, 0, true, 0);
        step(s, metric, type, width, with_query, query, rows, i + STEP, other, true, 0);
    }
    if (i + STEP <= dim) {
        step(s, metric, type, width, with_query, query, rows, i, 0, true, 0);
        i += STEP;
    }
    if (i == dim) return;
    const __mmask32 mask = (1u << (dim - i)) - 1;
    step(s, metric, type, width, with_query, query, rows, i, other, false, mask);
}

KERNEL_INLINE void sums_zero(struct sums *s)
{
    KERNEL_UNROLL
    for (size_t r = 0; r < ROWS; r++) {
        KERNEL_UNROLL
        for (size_t k = 0; k < 4; k++) s->cross[r][k] = _mm512_setzero_ps();
        s->square[r][0] = s->square[r][1] = _mm512_setzero_ps();
    }
    s->query[0] = s->query[1] = _mm512_setzero_ps();
}

/* 16 lanes to 4. */
KERNEL_INLINE __m128 fold(__m512 v)
{
    const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}

/* (v0 + v2) + (v1 + v3), the same order as in reduce4. */
KERNEL_INLINE float reduce1(__m512 sum)
{
    const __m128 v = fold(sum);
    const __m128 two = _mm_add_ps(v, _mm_movehl_ps(v, v));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

/* Four horizontal sums by one transposition. */
KERNEL_INLINE __m128 reduce4(const __m512 *sum)
{
    const __m128 a = fold(sum[0]), b = fold(sum[1]), c = fold(sum[2]), d = fold(sum[3]);
    const __m128 ab = _mm_add_ps(_mm_unpacklo_ps(a, b), _mm_unpackhi_ps(a, b));
    const __m128 cd = _mm_add_ps(_mm_unpacklo_ps(c, d), _mm_unpackhi_ps(c, d));
    return _mm_add_ps(_mm_movelh_ps(ab, cd), _mm_movehl_ps(cd, ab));
}

KERNEL_INLINE void reduce(const __m512 *sum, size_t width, float *out)
{
    if (width == 4) _mm_storeu_ps(out, reduce4(sum));
    else out[0] = reduce1(sum[0]);
}

/* The sums of `width` rows: cross terms, and for cosine the rows' squared lengths. */
KERNEL_INLINE void sums_finish(const struct sums *s, enum kernel_metric metric, size_t width,
                               float *cross, float *square)
{
    __m512 total[ROWS];
    KERNEL_UNROLL
    for (size_t r = 0; r < width; r++) {
        total[r] = _mm512_add_ps(s->cross[r][0], s->cross[r][1]);
        if (metric != KERNEL_COSINE)
            total[r] = _mm512_add_ps(total[r], _mm512_add_ps(s->cross[r][2], s->cross[r][3]));
    }
    reduce(total, width, cross);
    if (metric != KERNEL_COSINE) return;
    KERNEL_UNROLL
    for (size_t r = 0; r < width; r++) total[r] = _mm512_add_ps(s->square[r][0], s->square[r][1]);
    reduce(total, width, square);
}

KERNEL_INLINE float cosine(enum kernel_type type, const uint8_t *a, const uint8_t *b, size_t dim,
                           float dot, float a2, float b2)
{
    if (kernel_norms_plain(a2, b2)) return kernel_cosine_float(dot, a2, b2);
    return kernel_cosine_extreme(type, a, b, dim);
}

KERNEL_INLINE void distances(enum kernel_metric metric, enum kernel_type type, size_t width,
                             const struct kernel_query *query, const uint8_t *const *rows,
                             float *out)
{
    struct sums s;
    float cross[ROWS], square[ROWS];
    sums_zero(&s);
    sums_run(&s, metric, type, width, false, query->vector, rows, query->dim);
    sums_finish(&s, metric, width, cross, square);
    KERNEL_UNROLL
    for (size_t r = 0; r < width; r++) {
        if (metric == KERNEL_L2) out[r] = cross[r];
        else if (metric == KERNEL_DOT) out[r] = -cross[r];
        else
            out[r] = cosine(type, query->vector, rows[r], query->dim, cross[r], query->norm2,
                            square[r]);
    }
}

KERNEL_INLINE float pair(enum kernel_metric metric, enum kernel_type type, const uint8_t *a,
                         const uint8_t *b, size_t dim)
{
    struct sums s;
    float cross, square;
    sums_zero(&s);
    sums_run(&s, metric, type, 1, metric == KERNEL_COSINE, a, &b, dim);
    sums_finish(&s, metric, 1, &cross, &square);
    if (metric == KERNEL_L2) return cross;
    if (metric == KERNEL_DOT) return -cross;
    return cosine(type, a, b, dim, cross, reduce1(_mm512_add_ps(s.query[0], s.query[1])), square);
}

/* The squared length of the query, added up in the order a pair would. */
KERNEL_INLINE void prepare(enum kernel_metric metric, enum kernel_type type,
                           struct kernel_query *query)
{
    struct sums s;
    if (metric != KERNEL_COSINE) return;
    sums_zero(&s);
    sums_run(&s, metric, type, 0, true, query->vector, NULL, query->dim);
    query->norm2 = reduce1(_mm512_add_ps(s.query[0], s.query[1]));
}

KERNEL_DEFINE(l2sq_f32, KERNEL_L2, KERNEL_F32, ROWS)
KERNEL_DEFINE(l2sq_f16, KERNEL_L2, KERNEL_F16, ROWS)
KERNEL_DEFINE(l2sq_bf16, KERNEL_L2, KERNEL_BF16, ROWS)
KERNEL_DEFINE(dot_f32, KERNEL_DOT, KERNEL_F32, ROWS)
KERNEL_DEFINE(dot_f16, KERNEL_DOT, KERNEL_F16, ROWS)
KERNEL_DEFINE(dot_bf16, KERNEL_DOT, KERNEL_BF16, ROWS)
KERNEL_DEFINE(cosine_f32, KERNEL_COSINE, KERNEL_F32, ROWS)
KERNEL_DEFINE(cosine_f16, KERNEL_COSINE, KERNEL_F16, ROWS)
KERNEL_DEFINE(cosine_bf16, KERNEL_COSINE, KERNEL_BF16, ROWS)

const struct kernel kernel_floats_avx512[KERNEL_PLAIN_METRICS][KERNEL_FLOAT_TYPES] = {
    {KERNEL_ENTRY(l2sq_f32), KERNEL_ENTRY(l2sq_f16), KERNEL_ENTRY(l2sq_bf16)},
    {KERNEL_ENTRY(dot_f32), KERNEL_ENTRY(dot_f16), KERNEL_ENTRY(dot_bf16)},
    {KERNEL_ENTRY(cosine_f32), KERNEL_ENTRY(cosine_f16), KERNEL_ENTRY(cosine_bf16)},
};
#endif
