/*
 * The walk with Advanced SIMD (NEON). Bytes: u8 times i8 has no instruction in the baseline, so the
 * code is taken less 128, which makes it signed, and 128 times the query's sum is added once a
 * call. A product is at most 2^14, and two of them may leave 16 bits, so each register of products
 * joins 32-bit lanes at once. Bits: vcnt and pairwise additions.
 */
#include "kernel/walk.h"

#if defined(__aarch64__)

#include <arm_neon.h>

#include "base/endian.h"
#include "kernel/walk_expand.h"

#define HALF 32u /* bytes of a chunk summed apart, so that additions do not wait for each other */

static inline int32x4_t bytes_add(int32x4_t sum, const uint8_t *code, const int8_t *query)
{
    const int8x16_t c = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(code), vdupq_n_u8(0x80)));
    const int8x16_t q = vld1q_s8(query);
    sum = vpadalq_s16(sum, vmull_s8(vget_low_s8(c), vget_low_s8(q)));
    return vpadalq_s16(sum, vmull_high_s8(c, q));
}

static inline uint32_t bytes_both(const uint8_t *code, const int8_t *query, size_t bytes)
{
    int32x4_t sum0 = vdupq_n_s32(0);
    int32x4_t sum1 = sum0;
    for (size_t j = 0; j < bytes; j += HALF) {
        sum0 = bytes_add(sum0, code + j, query + j);
        sum1 = bytes_add(sum1, code + j + HALF / 2, query + j + HALF / 2);
    }
    return (uint32_t)vaddvq_s32(vaddq_s32(sum0, sum1));
}

static inline uint32x4_t bits_add(uint32x4_t sum, const uint8_t *code, const int8_t *query)
{
    const uint8x16_t both = vandq_u8(vld1q_u8(code), vreinterpretq_u8_s8(vld1q_s8(query)));
    return vpadalq_u16(sum, vpaddlq_u8(vcntq_u8(both)));
}

static inline uint32_t bits_both(const uint8_t *code, const int8_t *query, size_t bytes)
{
    uint32x4_t sum0 = vdupq_n_u32(0);
    uint32x4_t sum1 = sum0;
    for (size_t j = 0; j < bytes; j += HALF) {
        sum0 = bits_add(sum0, code + j, query + j);
        sum1 = bits_add(sum1, code + j + HALF / 2, query + j + HALF / 2);
    }
    return vaddvq_u32(vaddq_u32(sum0, sum1));
}

static uint32_t query_sum(const int8_t *query, size_t bytes)
{
    int32x4_t sum = vdupq_n_s32(0);
    for (size_t j = 0; j < bytes; j += 16) sum = vpadalq_s16(sum, vpaddlq_s8(vld1q_s8(query + j)));
    return (uint32_t)vaddvq_s32(sum);
}

static inline __attribute__((always_inline)) void
distances(enum walk_form form, const struct walk_codes *codes, const struct walk_query *query,
          const uint32_t *ids, size_t count, int32_t *out)
{
    const size_t bytes = codes->chunks * WALK_CHUNK;
    const uint32_t shift = form == WALK_BYTES ? 128u * query_sum(query->code, bytes) : 0;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *code = codes->base + ids[i] * codes->stride;
        const uint32_t both = form == WALK_BYTES ? bytes_both(code, query->code, bytes)
                                                 : bits_both(code, query->code, bytes);
        const uint32_t bias = le32_get(code + bytes - sizeof(uint32_t));
        out[i] = walk_finish(form, (uint32_t)query->base + bias, both + shift);
    }
}

WALK_DEFINE(neon)

#else
typedef int walk_neon_unused; /* a translation unit is not empty */
#endif
