/*
 * All kernels with Advanced SIMD (NEON), which every aarch64 machine has.
 *
 * A step is 16 elements: four registers of four floats, or one of 16 bytes. With 32 registers two
 * rows are answered at once, four accumulators each. Tails are copied to a zeroed block, as in the
 * AVX2 file; zeros add nothing to any sum.
 *
 * Integers: vmull multiplies bytes into 16 bits, where 255 * 255 and 128 * 128 fit but not always
 * two of them, so vpadal joins each register of products to 32-bit lanes at once. L2 squares the
 * absolute difference, which is 8 bits without a sign for either type. int32 sums run over
 * KERNEL_INT_CHUNK elements and join an int64.
 *
 * Bits: vcnt counts a byte's bits; pairwise additions widen them to 32-bit lanes.
 *
 * f16: vcvt rounds to nearest even and keeps NaNs as kernel_half.h does, unless a host program set
 * the default-NaN or flush-to-zero modes of FPCR.
 */
#include "kernel/kernel_internal.h"

#include <string.h>

#include "kernel/kernel_half.h"

#if defined(__aarch64__)
#include <arm_neon.h>

#define ROWS 2
#define STEP ((size_t)16)
#define PARTS 4 /* registers of a step of floats */

struct f32x16 {
    float32x4_t part[PARTS];
};

struct sums {
    float32x4_t cross[ROWS][PARTS];
    float32x4_t square[ROWS][PARTS];
    float32x4_t query[PARTS];
};

KERNEL_INLINE float32x4_t f16_widen(uint16x4_t half)
{
    return vcvt_f32_f16(vreinterpret_f16_u16(half));
}

KERNEL_INLINE float32x4_t bf16_widen(uint16x4_t half)
{
    return vreinterpretq_f32_u32(vshll_n_u16(half, 16));
}

/* Four elements at p, which need not be aligned: byte loads, as vector types are. */
KERNEL_INLINE float32x4_t load_four(enum kernel_type type, const uint8_t *p)
{
    if (type == KERNEL_F32) return vreinterpretq_f32_u8(vld1q_u8(p));
    const uint16x4_t half = vreinterpret_u16_u8(vld1_u8(p));
    return type == KERNEL_F16 ? f16_widen(half) : bf16_widen(half);
}

KERNEL_INLINE struct f32x16 load_full(enum kernel_type type, const uint8_t *p)
{
    struct f32x16 v;
    KERNEL_UNROLL
    for (size_t i = 0; i < PARTS; i++)
        v.part[i] = load_four(type, p + kernel_type_bytes(type, 4 * i));
    return v;
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

KERNEL_INLINE void row_add(struct sums *s, enum kernel_metric metric, size_t r,
                           const struct f32x16 *a, const struct f32x16 *b)
{
    KERNEL_UNROLL
    for (size_t i = 0; i < PARTS; i++) {
        float32x4_t *cross = &s->cross[r][i];
        if (metric == KERNEL_L2) {
            const float32x4_t d = vsubq_f32(a->part[i], b->part[i]);
            *cross = vfmaq_f32(*cross, d, d);
        } else {
            *cross = vfmaq_f32(*cross, a->part[i], b->part[i]);
        }
        if (metric == KERNEL_COSINE)
            s->square[r][i] = vfmaq_f32(s->square[r][i], b->part[i], b->part[i]);
    }
}

KERNEL_INLINE void step(struct sums *s, enum kernel_metric metric, enum kernel_type type,
                        size_t width, bool with_query, const uint8_t *query,
                        const uint8_t *const *rows, size_t i, size_t left)
{
    const struct f32x16 a = load(type, query, i, left);
    KERNEL_UNROLL
    for (size_t r = 0; r < width; r++) {
        const struct f32x16 b = load(type, rows[r], i, left);
        row_add(s, metric, r, &a, &b);
    }
    KERNEL_UNROLL
    for (size_t p = 0; with_query && p < PARTS; p++)
        s->query[p] = vfmaq_f32(s->query[p], a.part[p], a.part[p]);
}

KERNEL_INLINE void sums_run(struct sums *s, enum kernel_metric metric, enum kernel_type type,
                            size_t width, bool with_query, const uint8_t *query,
                            const uint8_t *const *rows, size_t dim)
{
    size_t i = 0;
    memset(s, 0, sizeof *s);
    for (; i + STEP <= dim; i += STEP)
        step(s, metric, type, width, with_query, query, rows, i, STEP);
    if (i < dim) step(s, metric, type, width, with_query, query, rows, i, dim - i);
}

KERNEL_INLINE float reduce(const float32x4_t *part)
{
    return vaddvq_f32(vaddq_f32(vaddq_f32(part[0], part[1]), vaddq_f32(part[2], part[3])));
}

KERNEL_INLINE float float_finish(const struct sums *s, enum kernel_metric metric,
                                 enum kernel_type type, size_t r, const uint8_t *a,
                                 const uint8_t *b, size_t dim, float a2)
{
    const float cross = reduce(s->cross[r]);
    if (metric == KERNEL_L2) return cross;
    if (metric == KERNEL_DOT) return -cross;
    const float b2 = reduce(s->square[r]);
    if (kernel_norms_plain(a2, b2)) return kernel_cosine_float(cross, a2, b2);
    return kernel_cosine_extreme(type, a, b, dim);
}

/* ---- bytes ---- */

KERNEL_INLINE uint8x16_t bytes_load(const uint8_t *p, size_t left)
{
    if (left >= STEP) return vld1q_u8(p);
    uint8_t block[16] = {0};
    memcpy(block, p, left);
    return vld1q_u8(block);
}

KERNEL_INLINE uint32x4_t bytes_add(uint32x4_t sum, enum kernel_metric metric, enum kernel_type type,
                                   uint8x16_t x, uint8x16_t y)
{
    const int8x16_t sx = vreinterpretq_s8_u8(x), sy = vreinterpretq_s8_u8(y);
    if (type == KERNEL_I8 && metric != KERNEL_L2) {
        int32x4_t dot = vreinterpretq_s32_u32(sum);
        dot = vpadalq_s16(dot, vmull_s8(vget_low_s8(sx), vget_low_s8(sy)));
        return vreinterpretq_u32_s32(vpadalq_s16(dot, vmull_high_s8(sx, sy)));
    }
    if (metric == KERNEL_L2)
        x = y = type == KERNEL_I8 ? vreinterpretq_u8_s8(vabdq_s8(sx, sy)) : vabdq_u8(x, y);
    sum = vpadalq_u16(sum, vmull_u8(vget_low_u8(x), vget_low_u8(y)));
    return vpadalq_u16(sum, vmull_high_u8(x, y));
}

KERNEL_INLINE int32_t bytes_sum(enum kernel_metric metric, enum kernel_type type, const uint8_t *a,
                                const uint8_t *b, size_t dim)
{
    uint32x4_t even = vdupq_n_u32(0), odd = even;
    size_t i = 0;
    for (; i + 2 * STEP <= dim; i += 2 * STEP) {
        even = bytes_add(even, metric, type, vld1q_u8(a + i), vld1q_u8(b + i));
        odd = bytes_add(odd, metric, type, vld1q_u8(a + i + STEP), vld1q_u8(b + i + STEP));
    }
    for (; i < dim; i += STEP)
        even = bytes_add(even, metric, type, bytes_load(a + i, dim - i),
                         bytes_load(b + i, dim - i));
    return (int32_t)vaddvq_u32(vaddq_u32(even, odd));
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

/* ---- bits ---- */

KERNEL_INLINE uint32x4_t count_add(uint32x4_t sum, uint8x16_t bits)
{
    return vpadalq_u16(sum, vpaddlq_u8(vcntq_u8(bits)));
}

KERNEL_INLINE float bits_distance(enum kernel_metric metric, const uint8_t *a, const uint8_t *b,
                                  size_t dim)
{
    const size_t bytes = (dim + 7) / 8;
    uint32x4_t differ = vdupq_n_u32(0), both = differ;
    for (size_t i = 0; i < bytes; i += STEP) {
        const uint8x16_t x = bytes_load(a + i, bytes - i), y = bytes_load(b + i, bytes - i);
        differ = count_add(differ, veorq_u8(x, y));
        if (metric == KERNEL_JACCARD) both = count_add(both, vandq_u8(x, y));
    }
    const int64_t different = (int64_t)vaddlvq_u32(differ), common = (int64_t)vaddlvq_u32(both);
    return metric == KERNEL_HAMMING ? (float)different
                                    : kernel_jaccard(common, different + common);
}

/* ---- the three pieces of KERNEL_DEFINE ---- */

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
    query->norm2 = reduce(s.query);
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
    return float_finish(&s, metric, type, 0, a, b, dim, reduce(s.query));
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

static float norm2_f32_neon(const float *a, size_t dim)
{
    return -dot_f32_pair(a, a, dim);
}

/* ---- conversions ---- */

static void f16_to_f32_neon(const uint16_t *in, float *out, size_t dim)
{
    size_t i = 0;
    for (; i + 4 <= dim; i += 4) vst1q_f32(out + i, f16_widen(vld1_u16(in + i)));
    for (; i < dim; i++) out[i] = half_f16_to_f32(in[i]);
}

static void f32_to_f16_neon(const float *in, uint16_t *out, size_t dim)
{
    size_t i = 0;
    for (; i + 4 <= dim; i += 4)
        vst1_u16(out + i, vreinterpret_u16_f16(vcvt_f16_f32(vld1q_f32(in + i))));
    for (; i < dim; i++) out[i] = half_f32_to_f16(in[i]);
}

static void bf16_to_f32_neon(const uint16_t *in, float *out, size_t dim)
{
    size_t i = 0;
    for (; i + 4 <= dim; i += 4) vst1q_f32(out + i, bf16_widen(vld1_u16(in + i)));
    for (; i < dim; i++) out[i] = half_bf16_to_f32(in[i]);
}

static void f32_to_bf16_neon(const float *in, uint16_t *out, size_t dim)
{
    for (size_t i = 0; i < dim; i++) out[i] = half_f32_to_bf16(in[i]); /* vectorised as it is */
}

const struct kernel_isa kernel_isa_neon = {
    .name = "neon",
    .floats = floats,
    .ints = ints,
    .bits = bits,
    .codes = &codes,
    .norm2_f32 = norm2_f32_neon,
    .f16_to_f32 = f16_to_f32_neon,
    .f32_to_f16 = f32_to_f16_neon,
    .bf16_to_f32 = bf16_to_f32_neon,
    .f32_to_bf16 = f32_to_bf16_neon,
};
#else
typedef int kernel_neon_unused; /* a translation unit is not empty */
#endif
