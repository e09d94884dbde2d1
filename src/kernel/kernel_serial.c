/*
 * Distances in plain C: what runs on a machine without wide instructions, and the oracle the other
 * files are tested against.
 *
 * Float sums run in LANES independent f32 accumulators. That keeps the rounding error near that of
 * the wide versions (a chain is dim/LANES long, not dim) and lets a compiler use the baseline's own
 * 128-bit vectors without being allowed to reorder a sum. Integer sums are exact.
 */
#include "kernel/kernel_internal.h"

#include <string.h>

#include "kernel/kernel_half.h"

#define LANES 16

KERNEL_INLINE float element(enum kernel_type type, const uint8_t *v, size_t i)
{
    float wide;
    uint16_t half;
    if (type == KERNEL_F32) {
        memcpy(&wide, v + i * 4, 4);
        return wide;
    }
    memcpy(&half, v + i * 2, 2);
    return type == KERNEL_F16 ? half_f16_to_f32(half) : half_bf16_to_f32(half);
}

/* sums[0] of the metric's cross term, [1] of b*b and [2] of a*a for cosine. */
struct lanes {
    float sum[3][LANES];
};

KERNEL_INLINE void lanes_add(struct lanes *s, enum kernel_metric metric, size_t lane, float a,
                             float b)
{
    const float d = a - b;
    s->sum[0][lane] += metric == KERNEL_L2 ? d * d : a * b;
    if (metric != KERNEL_COSINE) return;
    s->sum[1][lane] += b * b;
    s->sum[2][lane] += a * a;
}

KERNEL_INLINE float lanes_reduce(float *sum)
{
    for (size_t half = LANES / 2; half > 0; half /= 2)
        for (size_t i = 0; i < half; i++) sum[i] += sum[i + half];
    return sum[0];
}

KERNEL_INLINE float pair_float(enum kernel_metric metric, enum kernel_type type, const uint8_t *a,
                               const uint8_t *b, size_t dim)
{
    struct lanes s = {0};
    size_t i = 0;
    for (; i + LANES <= dim; i += LANES)
        for (size_t lane = 0; lane < LANES; lane++)
            lanes_add(&s, metric, lane, element(type, a, i + lane), element(type, b, i + lane));
    for (size_t lane = 0; i < dim; i++, lane++)
        lanes_add(&s, metric, lane, element(type, a, i), element(type, b, i));
    const float cross = lanes_reduce(s.sum[0]);
    if (metric == KERNEL_L2) return cross;
    if (metric == KERNEL_DOT) return -cross;
    const float b2 = lanes_reduce(s.sum[1]), a2 = lanes_reduce(s.sum[2]);
    if (!kernel_norms_plain(a2, b2)) return kernel_cosine_extreme(type, a, b, dim);
    return kernel_cosine_float(cross, a2, b2);
}

float kernel_cosine_extreme(enum kernel_type type, const void *a, const void *b, size_t dim)
{
    double dot = 0, a2 = 0, b2 = 0;
    for (size_t i = 0; i < dim; i++) {
        const double x = (double)element(type, a, i), y = (double)element(type, b, i);
        dot += x * y;
        a2 += x * x;
        b2 += y * y;
    }
    if (isnan(dot)) return (float)dot; /* also where the other vector is zero */
    if (a2 == 0 || b2 == 0) return 1.0f;
    const double distance = 1.0 - dot / (sqrt(a2) * sqrt(b2));
    return distance < 0 ? 0.0f : (float)distance;
}

/* Any byte type as an integer. */
KERNEL_INLINE int32_t byte_value(enum kernel_type type, const uint8_t *v, size_t i)
{
    return type == KERNEL_I8 ? (int32_t)(int8_t)v[i] : (int32_t)v[i];
}

KERNEL_INLINE int32_t byte_sum(enum kernel_metric metric, enum kernel_type type, const uint8_t *a,
                               const uint8_t *b, size_t dim)
{
    uint32_t sum = 0; /* wraps instead of overflowing; the callers' bounds keep it below 2^31 */
    for (size_t i = 0; i < dim; i++) {
        const int32_t x = byte_value(type, a, i), y = byte_value(type, b, i);
        sum += (uint32_t)(metric == KERNEL_L2 ? (x - y) * (x - y) : x * y);
    }
    return (int32_t)sum;
}

KERNEL_INLINE int64_t byte_sum_long(enum kernel_metric metric, enum kernel_type type,
                                    const uint8_t *a, const uint8_t *b, size_t dim)
{
    int64_t sum = 0;
    for (size_t i = 0; i < dim; i += KERNEL_INT_CHUNK) {
        const size_t n = dim - i < KERNEL_INT_CHUNK ? dim - i : KERNEL_INT_CHUNK;
        sum += byte_sum(metric, type, a + i, b + i, n);
    }
    return sum;
}

KERNEL_INLINE float pair_int(enum kernel_metric metric, enum kernel_type type, const uint8_t *a,
                             const uint8_t *b, size_t dim)
{
    const int64_t cross = byte_sum_long(metric, type, a, b, dim);
    if (metric == KERNEL_L2) return (float)cross;
    if (metric == KERNEL_DOT) return (float)-cross;
    return kernel_cosine_int(cross, byte_sum_long(KERNEL_DOT, type, a, a, dim),
                             byte_sum_long(KERNEL_DOT, type, b, b, dim));
}

KERNEL_INLINE float pair_bits(enum kernel_metric metric, const uint8_t *a, const uint8_t *b,
                              size_t dim)
{
    int64_t differ = 0, both = 0;
    for (size_t i = 0; i < (dim + 7) / 8; i += 8) {
        uint64_t x = 0, y = 0;
        const size_t n = (dim + 7) / 8 - i < 8 ? (dim + 7) / 8 - i : 8;
        memcpy(&x, a + i, n);
        memcpy(&y, b + i, n);
        differ += __builtin_popcountll(x ^ y);
        both += __builtin_popcountll(x & y);
    }
    return metric == KERNEL_HAMMING ? (float)differ : kernel_jaccard(both, differ + both);
}

KERNEL_INLINE float pair(enum kernel_metric metric, enum kernel_type type, const uint8_t *a,
                         const uint8_t *b, size_t dim)
{
    if (type == KERNEL_BIT) return pair_bits(metric, a, b, dim);
    if (type == KERNEL_I8 || type == KERNEL_U8) return pair_int(metric, type, a, b, dim);
    return pair_float(metric, type, a, b, dim);
}

KERNEL_INLINE void prepare(enum kernel_metric metric, enum kernel_type type,
                           struct kernel_query *query)
{
    (void)metric, (void)type, (void)query; /* nothing is worth keeping: rows go one by one */
}

KERNEL_INLINE void distances(enum kernel_metric metric, enum kernel_type type, size_t width,
                             const struct kernel_query *query, const uint8_t *const *rows,
                             float *out)
{
    for (size_t r = 0; r < width; r++)
        out[r] = pair(metric, type, query->vector, rows[r], query->dim);
}

KERNEL_DEFINE(l2sq_f32, KERNEL_L2, KERNEL_F32, 1)
KERNEL_DEFINE(l2sq_f16, KERNEL_L2, KERNEL_F16, 1)
KERNEL_DEFINE(l2sq_bf16, KERNEL_L2, KERNEL_BF16, 1)
KERNEL_DEFINE(l2sq_i8, KERNEL_L2, KERNEL_I8, 1)
KERNEL_DEFINE(l2sq_u8, KERNEL_L2, KERNEL_U8, 1)
KERNEL_DEFINE(dot_f32, KERNEL_DOT, KERNEL_F32, 1)
KERNEL_DEFINE(dot_f16, KERNEL_DOT, KERNEL_F16, 1)
KERNEL_DEFINE(dot_bf16, KERNEL_DOT, KERNEL_BF16, 1)
KERNEL_DEFINE(dot_i8, KERNEL_DOT, KERNEL_I8, 1)
KERNEL_DEFINE(dot_u8, KERNEL_DOT, KERNEL_U8, 1)
KERNEL_DEFINE(cosine_f32, KERNEL_COSINE, KERNEL_F32, 1)
KERNEL_DEFINE(cosine_f16, KERNEL_COSINE, KERNEL_F16, 1)
KERNEL_DEFINE(cosine_bf16, KERNEL_COSINE, KERNEL_BF16, 1)
KERNEL_DEFINE(cosine_i8, KERNEL_COSINE, KERNEL_I8, 1)
KERNEL_DEFINE(cosine_u8, KERNEL_COSINE, KERNEL_U8, 1)
KERNEL_DEFINE(hamming_bit, KERNEL_HAMMING, KERNEL_BIT, 1)
KERNEL_DEFINE(jaccard_bit, KERNEL_JACCARD, KERNEL_BIT, 1)

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

static int32_t dot_i8_serial(const int8_t *a, const int8_t *b, size_t dim)
{
    return byte_sum(KERNEL_DOT, KERNEL_I8, (const uint8_t *)a, (const uint8_t *)b, dim);
}

static int32_t l2sq_i8_serial(const int8_t *a, const int8_t *b, size_t dim)
{
    return byte_sum(KERNEL_L2, KERNEL_I8, (const uint8_t *)a, (const uint8_t *)b, dim);
}

static int32_t l2sq_u8_serial(const uint8_t *a, const uint8_t *b, size_t dim)
{
    return byte_sum(KERNEL_L2, KERNEL_U8, a, b, dim);
}

static const struct kernel_int codes = {dot_i8_serial, l2sq_i8_serial, l2sq_u8_serial};

static float norm2_f32_serial(const float *a, size_t dim)
{
    return -pair_float(KERNEL_DOT, KERNEL_F32, (const uint8_t *)a, (const uint8_t *)a, dim);
}

static void f16_to_f32_serial(const uint16_t *in, float *out, size_t dim)
{
    for (size_t i = 0; i < dim; i++) out[i] = half_f16_to_f32(in[i]);
}

static void f32_to_f16_serial(const float *in, uint16_t *out, size_t dim)
{
    for (size_t i = 0; i < dim; i++) out[i] = half_f32_to_f16(in[i]);
}

static void bf16_to_f32_serial(const uint16_t *in, float *out, size_t dim)
{
    for (size_t i = 0; i < dim; i++) out[i] = half_bf16_to_f32(in[i]);
}

static void f32_to_bf16_serial(const float *in, uint16_t *out, size_t dim)
{
    for (size_t i = 0; i < dim; i++) out[i] = half_f32_to_bf16(in[i]);
}

const struct kernel_isa kernel_isa_serial = {
    .name = "serial",
    .floats = floats,
    .ints = ints,
    .bits = bits,
    .codes = &codes,
    .norm2_f32 = norm2_f32_serial,
    .f16_to_f32 = f16_to_f32_serial,
    .f32_to_f16 = f32_to_f16_serial,
    .bf16_to_f32 = bf16_to_f32_serial,
    .f32_to_bf16 = f32_to_bf16_serial,
};
