/*
 * The walk with AVX2. maddubs would saturate (255 * 127 * 2 > 32,767), so bytes are widened to
 * 16 bits and multiplied with madd, which is exact. Bits are counted a word at a time.
 */
#include "kernel/walk.h"

#if defined(__AVX2__)

#include <immintrin.h>
#include <string.h>

#include "base/endian.h"
#include "kernel/walk_expand.h"

static inline int32_t add_lanes(__m256i sum)
{
    __m128i half = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4e));
    half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xb1));
    return _mm_cvtsi128_si32(half);
}

static inline __m256i products_16(const uint8_t *code, const int8_t *query)
{
    const __m256i c = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(const void *)code));
    const __m256i q = _mm256_cvtepi8_epi16(_mm_load_si128((const __m128i *)(const void *)query));
    return _mm256_madd_epi16(c, q);
}

static inline uint32_t bytes_both(const uint8_t *code, const int8_t *query, size_t bytes)
{
    __m256i sum0 = _mm256_setzero_si256();
    __m256i sum1 = sum0;
    for (size_t j = 0; j < bytes; j += 32) {
        sum0 = _mm256_add_epi32(sum0, products_16(code + j, query + j));
        sum1 = _mm256_add_epi32(sum1, products_16(code + j + 16, query + j + 16));
    }
    return (uint32_t)add_lanes(_mm256_add_epi32(sum0, sum1));
}

static inline uint32_t bits_both(const uint8_t *code, const int8_t *query, size_t bytes)
{
    uint64_t both = 0;
    for (size_t j = 0; j < bytes; j += sizeof(uint64_t)) {
        uint64_t x;
        uint64_t y;
        memcpy(&x, code + j, sizeof x);
        memcpy(&y, query + j, sizeof y);
        both += (uint64_t)__builtin_popcountll(x & y);
    }
    return (uint32_t)both;
}

static inline __attribute__((always_inline)) void
distances(enum walk_form form, const struct walk_codes *codes, const struct walk_query *query,
          const uint32_t *ids, size_t count, int32_t *out)
{
    const size_t bytes = codes->chunks * WALK_CHUNK;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *code = codes->base + ids[i] * codes->stride;
        const uint32_t both = form == WALK_BYTES ? bytes_both(code, query->code, bytes)
                                                 : bits_both(code, query->code, bytes);
        const uint32_t bias = le32_get(code + bytes - sizeof(uint32_t));
        out[i] = walk_finish(form, (uint32_t)query->base + bias, both);
    }
}

WALK_DEFINE(avx2)

#else
typedef int walk_avx2_unused; /* a translation unit is not empty */
#endif
