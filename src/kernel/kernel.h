/*
 * Distance kernels: the arithmetic under every index, chosen once per process by cpuid (or by the
 * environment: KITH_ISA=serial|avx2|avx512|neon; an ISA the machine lacks falls back to serial).
 *
 * Results are *distances, smaller is better*:
 *   KERNEL_L2       sum (a-b)^2                       (squared, no root)
 *   KERNEL_DOT      -sum a*b                          (inner product, negated)
 *   KERNEL_COSINE   1 - a.b / (|a||b|); 1.0 when either norm is 0
 *   KERNEL_HAMMING  number of differing bits          (bits)
 *   KERNEL_JACCARD  1 - |a and b| / |a or b|; 0 when both are empty (bits)
 *
 * Element types: f32, f16 and bf16 (as uint16_t), i8, u8, bit (dim bits, dim/8 bytes rounded up;
 * bits past dim are zero). Accumulation: f32 in f32 (f16 and bf16 are widened to f32 first; integer
 * types in i32/i64, exact). Relative error against double precision: at most 1e-5 * sum of |terms|
 * for float types, 0 for integer ones up to 2^24. NaN in gives NaN out.
 *
 * Pointers need no alignment. dim >= 1. No allocation, no state, thread-safe.
 */
#ifndef KITH_KERNEL_KERNEL_H
#define KITH_KERNEL_KERNEL_H

#include <stddef.h>
#include <stdint.h>

enum kernel_metric { KERNEL_L2, KERNEL_DOT, KERNEL_COSINE, KERNEL_HAMMING, KERNEL_JACCARD,
                     KERNEL_METRIC_COUNT };
enum kernel_type { KERNEL_F32, KERNEL_F16, KERNEL_BF16, KERNEL_I8, KERNEL_U8, KERNEL_BIT,
                   KERNEL_TYPE_COUNT };

struct kernel {
    /* One pair of vectors of dim elements. */
    float (*pair)(const void *a, const void *b, size_t dim);
    /* out[i] = distance(query, rows + i * stride_bytes), i < count. */
    void (*many)(const void *query, const void *rows, size_t stride_bytes, size_t count, size_t dim,
                 float *out);
    /* out[i] = distance(query, base + ids[i] * stride_bytes); prefetches ahead of itself. */
    void (*gather)(const void *query, const void *base, size_t stride_bytes, const uint32_t *ids,
                   size_t count, size_t dim, float *out);
};

/* NULL when the pair makes no sense (Hamming of f32, L2 of bits, ...). Never freed. */
const struct kernel *kernel_get(enum kernel_metric metric, enum kernel_type type);

/* Integer dot products and squared distances for navigation codes: exact int32, so that the same
 * graph comes out on every instruction set. |a|,|b| <= 127 for i8 and any u8; dim <= 65,536 for
 * u8 L2 would overflow beyond 33,000 dimensions: callers keep dim * 255^2 < 2^31. */
struct kernel_int {
    int32_t (*dot_i8)(const int8_t *a, const int8_t *b, size_t dim);
    int32_t (*l2sq_i8)(const int8_t *a, const int8_t *b, size_t dim);
    int32_t (*l2sq_u8)(const uint8_t *a, const uint8_t *b, size_t dim);
};
const struct kernel_int *kernel_int_get(void);

/* Squared length of a f32 vector, in the accuracy above. */
float kernel_norm2_f32(const float *a, size_t dim);

/* Conversions, round to nearest even; dim elements. */
void kernel_f16_to_f32(const uint16_t *in, float *out, size_t dim);
void kernel_f32_to_f16(const float *in, uint16_t *out, size_t dim);
void kernel_bf16_to_f32(const uint16_t *in, float *out, size_t dim);
void kernel_f32_to_bf16(const float *in, uint16_t *out, size_t dim);

/* The instruction set in use: "serial", "avx2", "avx512", "neon". */
const char *kernel_isa(void);
/* Selects by name for tests, before other threads run. false: this machine or build lacks it. */
int kernel_select(const char *isa);

#endif
