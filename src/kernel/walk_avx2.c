/*
 * The walk with AVX2. maddubs would saturate (255 * 127 * 2 > 32,767), so bytes are widened to
 * 16 bits and multiplied with madd, which is exact.
 */
#include "kernel/walk.h"

#if defined(__AVX2__)

#include <immintrin.h>

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

static int32_t distance_one(const uint8_t *code, const struct walk_query *query, size_t chunks)
{
    __m256i sum0 = _mm256_setzero_si256();
    __m256i sum1 = sum0;
    const size_t bytes = chunks * WALK_CHUNK;
    for (size_t j = 0; j < bytes; j += 32) {
        sum0 = _mm256_add_epi32(sum0, products_16(code + j, query->code + j));
        sum1 = _mm256_add_epi32(sum1, products_16(code + j + 16, query->code + j + 16));
    }
    const uint32_t dot = (uint32_t)add_lanes(_mm256_add_epi32(sum0, sum1));
    return (int32_t)((uint32_t)query->base + le32_get(code + bytes - sizeof(uint32_t)) - 2u * dot);
}

static void distances_avx2(const struct walk_codes *codes, const struct walk_query *query,
                           const uint32_t *ids, size_t count, int32_t *out)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = distance_one(codes->base + ids[i] * codes->stride, query, codes->chunks);
    }
}

static int expand_avx2(const struct walk_codes *codes, const struct walk_links *links,
                       uint64_t *seen, uint32_t *out)
{
    return walk_expand(codes, links, seen, out);
}

const struct walk_kernel walk_kernel_avx2 = {distances_avx2, expand_avx2};

#else
typedef int walk_avx2_unused; /* a translation unit is not empty */
#endif
