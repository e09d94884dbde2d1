/*
 * What the files of one instruction set share with the dispatcher and with each other.
 *
 * A kernel of one instruction set is written as three small pieces: `prepare` computes what depends
 * on the query alone, `rows` answers a fixed number of rows at once (so that a load of the query
 * serves several rows and several cache misses are waited for together), `row` answers one. The
 * loops below turn them into the contract's many and gather.
 *
 * Everything here is static: a file compiled with wide instructions gets copies of its own, and the
 * linker has no symbol from which to pick a wide version for the baseline code.
 *
 * Invariant: within one instruction set, pair, many and gather give the same bits for the same two
 * vectors, so that a scan and a graph walk agree on ties. Integer and bit kernels give the same
 * bits on every instruction set.
 */
#ifndef KITH_KERNEL_KERNEL_INTERNAL_H
#define KITH_KERNEL_KERNEL_INTERNAL_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/kernel.h"

#define KERNEL_INLINE static inline __attribute__((always_inline))
#define KERNEL_UNROLL _Pragma("GCC unroll 8")

/* Integer sums run in int32 over this many elements, then join an int64: 32,768 * 255^2 < 2^31. */
#define KERNEL_INT_CHUNK ((size_t)32768)
/* Rows a gather prefetches ahead, and how much of each: enough to hide a miss, and few enough for
 * the line fill buffers; the hardware's stream prefetcher follows on longer rows. */
#define KERNEL_PREFETCH_ROWS ((size_t)8)
#define KERNEL_PREFETCH_BYTES ((size_t)1024)
#define KERNEL_ROWS_MAX 4

enum { KERNEL_FLOAT_TYPES = 3, KERNEL_INT_TYPES = 2, KERNEL_PLAIN_METRICS = 3 };

/* One instruction set. */
struct kernel_isa {
    const char *name;
    const struct kernel (*floats)[KERNEL_FLOAT_TYPES]; /* [L2, DOT, COSINE][F32, F16, BF16] */
    const struct kernel (*ints)[KERNEL_INT_TYPES];     /* [L2, DOT, COSINE][I8, U8] */
    const struct kernel *bits;                         /* [HAMMING, JACCARD] */
    const struct kernel_int *codes;
    float (*norm2_f32)(const float *a, size_t dim);
    void (*f16_to_f32)(const uint16_t *in, float *out, size_t dim);
    void (*f32_to_f16)(const float *in, uint16_t *out, size_t dim);
    void (*bf16_to_f32)(const uint16_t *in, float *out, size_t dim);
    void (*f32_to_bf16)(const float *in, uint16_t *out, size_t dim);
};

extern const struct kernel_isa kernel_isa_serial;
#if defined(__x86_64__)
extern const struct kernel_isa kernel_isa_avx2;
extern const struct kernel_isa kernel_isa_avx512;
#elif defined(__aarch64__)
extern const struct kernel_isa kernel_isa_neon;
#endif

/* The tables of an instruction set that spans several files. */
#if defined(__x86_64__)
extern const struct kernel kernel_floats_avx512[KERNEL_PLAIN_METRICS][KERNEL_FLOAT_TYPES];
extern const struct kernel kernel_ints_avx512[KERNEL_PLAIN_METRICS][KERNEL_INT_TYPES];
extern const struct kernel kernel_bits_avx512[2];
extern const struct kernel_int kernel_codes_avx512;
#endif

/* The cosine distance in double precision, for norms near the ends of the f32 range. */
float kernel_cosine_extreme(enum kernel_type type, const void *a, const void *b, size_t dim);

/* One query on its way through the loops. */
struct kernel_query {
    const uint8_t *vector; /* borrows for the call */
    size_t dim;
    float norm2;       /* floats, cosine */
    int64_t norm2_int; /* integers, cosine */
    int64_t sum;       /* integers: sum of the elements, for the sign correction of VNNI */
};

typedef void kernel_prepare(struct kernel_query *query);
typedef void kernel_rows(const struct kernel_query *query, const uint8_t *const *rows, float *out);

KERNEL_INLINE size_t kernel_type_bytes(enum kernel_type type, size_t count)
{
    switch (type) {
    case KERNEL_F32: return count * 4;
    case KERNEL_F16:
    case KERNEL_BF16: return count * 2;
    case KERNEL_BIT: return (count + 7) / 8;
    default: return count;
    }
}

/* Outside these norms a f32 sum of squares may have overflowed or lost digits (0 and NaN too). */
KERNEL_INLINE bool kernel_norms_plain(float a2, float b2)
{
    return a2 > 1e-30f && a2 < 1e30f && b2 > 1e-30f && b2 < 1e30f;
}

KERNEL_INLINE float kernel_cosine_float(float dot, float a2, float b2)
{
    const float distance = 1.0f - dot / (sqrtf(a2) * sqrtf(b2));
    return distance < 0.0f ? 0.0f : distance; /* rounding only; NaN stays */
}

KERNEL_INLINE float kernel_cosine_int(int64_t dot, int64_t a2, int64_t b2)
{
    if (a2 == 0 || b2 == 0) return 1.0f;
    const double distance = 1.0 - (double)dot / (sqrt((double)a2) * sqrt((double)b2));
    return distance < 0.0 ? 0.0f : (float)distance;
}

KERNEL_INLINE float kernel_jaccard(int64_t both, int64_t either)
{
    return either == 0 ? 0.0f : (float)(1.0 - (double)both / (double)either);
}

KERNEL_INLINE void kernel_prefetch(const uint8_t *row, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 64) __builtin_prefetch(row + i, 0, 3);
}

KERNEL_INLINE void kernel_loop_many(kernel_rows *rows_at_once, kernel_rows *row_alone, size_t width,
                                    const struct kernel_query *query, const uint8_t *base,
                                    size_t stride, size_t count, float *out)
{
    const uint8_t *rows[KERNEL_ROWS_MAX];
    size_t i = 0;
    for (; i + width <= count; i += width) {
        for (size_t r = 0; r < width; r++) rows[r] = base + (i + r) * stride;
        rows_at_once(query, rows, out + i);
    }
    for (; i < count; i++) {
        rows[0] = base + i * stride;
        row_alone(query, rows, out + i);
    }
}

KERNEL_INLINE void kernel_loop_gather(kernel_rows *rows_at_once, kernel_rows *row_alone,
                                      size_t width, const struct kernel_query *query,
                                      const uint8_t *base, size_t stride, const uint32_t *ids,
                                      size_t count, size_t row_bytes, float *out)
{
    const uint8_t *rows[KERNEL_ROWS_MAX];
    const size_t ahead = row_bytes < KERNEL_PREFETCH_BYTES ? row_bytes : KERNEL_PREFETCH_BYTES;
    size_t warm = 0, i = 0;
    for (; i < count; i += width) {
        for (; warm < count && warm < i + width + KERNEL_PREFETCH_ROWS; warm++)
            kernel_prefetch(base + ids[warm] * stride, ahead);
        if (i + width > count) break;
        for (size_t r = 0; r < width; r++) rows[r] = base + ids[i + r] * stride;
        rows_at_once(query, rows, out + i);
    }
    for (; i < count; i++) {
        rows[0] = base + ids[i] * stride;
        row_alone(query, rows, out + i);
    }
}

/*
 * Defines <name>_pair, <name>_many and <name>_gather over the including file's always-inline
 *   prepare(metric, type, query), distances(metric, type, width, query, rows, out) and
 *   pair(metric, type, a, b, dim).
 */
#define KERNEL_DEFINE(name, METRIC, TYPE, WIDTH)                                                   \
    static void name##_rows(const struct kernel_query *q, const uint8_t *const *rows, float *out)  \
    {                                                                                              \
        distances(METRIC, TYPE, WIDTH, q, rows, out);                                              \
    }                                                                                              \
    static void name##_row(const struct kernel_query *q, const uint8_t *const *rows, float *out)   \
    {                                                                                              \
        distances(METRIC, TYPE, 1, q, rows, out);                                                  \
    }                                                                                              \
    static float name##_pair(const void *a, const void *b, size_t dim)                             \
    {                                                                                              \
        return pair(METRIC, TYPE, a, b, dim);                                                      \
    }                                                                                              \
    static void name##_many(const void *query, const void *rows, size_t stride_bytes,              \
                            size_t count, size_t dim, float *out)                                  \
    {                                                                                              \
        struct kernel_query q = {.vector = query, .dim = dim};                                     \
        prepare(METRIC, TYPE, &q);                                                                 \
        kernel_loop_many(name##_rows, name##_row, WIDTH, &q, rows, stride_bytes, count, out);      \
    }                                                                                              \
    static void name##_gather(const void *query, const void *base, size_t stride_bytes,            \
                              const uint32_t *ids, size_t count, size_t dim, float *out)           \
    {                                                                                              \
        struct kernel_query q = {.vector = query, .dim = dim};                                     \
        prepare(METRIC, TYPE, &q);                                                                 \
        kernel_loop_gather(name##_rows, name##_row, WIDTH, &q, base, stride_bytes, ids, count,     \
                           kernel_type_bytes(TYPE, dim), out);                                     \
    }
#define KERNEL_ENTRY(name) {name##_pair, name##_many, name##_gather}

#endif
