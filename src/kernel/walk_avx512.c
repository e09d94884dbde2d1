/*
 * The walk with AVX-512 VNNI: 64 products an instruction, four rows at a time so that one load of
 * the query serves four rows and one transposed addition serves four sums. Codes of one and two
 * chunks (up to 124 dimensions) keep the query in registers. Bits are counted by VPOPCNTDQ in the
 * same 32-bit lanes.
 */
#include "kernel/walk.h"

#if defined(__AVX512VNNI__) && defined(__AVX512VPOPCNTDQ__)

#include <immintrin.h>

#include "base/endian.h"
#include "kernel/walk_expand.h"

/* Four sums of sixteen lanes each -> four lanes. */
static inline __m128i add_lanes_4(__m512i a, __m512i b, __m512i c, __m512i d)
{
    const __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    const __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    const __m512i abcd =
        _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    const __m256i half =
        _mm256_add_epi32(_mm512_castsi512_si256(abcd), _mm512_extracti64x4_epi64(abcd, 1));
    return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

static inline __m128i bias_4(const uint8_t *const row[4], size_t at)
{
    return _mm_set_epi32((int32_t)le32_get(row[3] + at), (int32_t)le32_get(row[2] + at),
                         (int32_t)le32_get(row[1] + at), (int32_t)le32_get(row[0] + at));
}

static inline __attribute__((always_inline)) __m512i sum_add(enum walk_form form, __m512i sum,
                                                             const uint8_t *code, __m512i query)
{
    const __m512i c = _mm512_loadu_si512(code);
    if (form == WALK_BYTES) return _mm512_dpbusd_epi32(sum, c, query);
    return _mm512_add_epi32(sum, _mm512_popcnt_epi32(_mm512_and_si512(c, query)));
}

static inline __attribute__((always_inline)) void finish_4(enum walk_form form, __m128i sizes,
                                                           __m128i both, int32_t *out)
{
    if (form != WALK_JACCARD) {
        const __m128i distance = _mm_sub_epi32(sizes, _mm_slli_epi32(both, 1));
        _mm_storeu_si128((__m128i *)(void *)out, distance);
        return;
    }
    uint32_t size[4];
    uint32_t common[4];
    _mm_storeu_si128((__m128i *)(void *)size, sizes);
    _mm_storeu_si128((__m128i *)(void *)common, both);
    for (size_t i = 0; i < 4; i++) out[i] = walk_finish(form, size[i], common[i]);
}

static inline __attribute__((always_inline)) void
distance_4(enum walk_form form, const uint8_t *const row[4], const struct walk_query *query,
           size_t chunks, int32_t *out)
{
    __m512i sum0 = _mm512_setzero_si512();
    __m512i sum1 = sum0;
    __m512i sum2 = sum0;
    __m512i sum3 = sum0;
    for (size_t c = 0; c < chunks; c++) {
        const size_t at = c * WALK_CHUNK;
        const __m512i q = _mm512_load_si512(query->code + at);
        sum0 = sum_add(form, sum0, row[0] + at, q);
        sum1 = sum_add(form, sum1, row[1] + at, q);
        sum2 = sum_add(form, sum2, row[2] + at, q);
        sum3 = sum_add(form, sum3, row[3] + at, q);
    }
    const __m128i both = add_lanes_4(sum0, sum1, sum2, sum3);
    const __m128i bias = bias_4(row, chunks * WALK_CHUNK - sizeof(uint32_t));
    finish_4(form, _mm_add_epi32(bias, _mm_set1_epi32(query->base)), both, out);
}

static inline __attribute__((always_inline)) void
distances_of(enum walk_form form, const struct walk_codes *codes, const struct walk_query *query,
             const uint32_t *ids, size_t count, int32_t *out, size_t chunks)
{
    size_t i = 0;
    for (; i + 4 <= count; i += 4) {
        const uint8_t *const row[4] = {
            codes->base + ids[i] * codes->stride, codes->base + ids[i + 1] * codes->stride,
            codes->base + ids[i + 2] * codes->stride, codes->base + ids[i + 3] * codes->stride};
        distance_4(form, row, query, chunks, out + i);
    }
    if (i == count) return;
    const uint8_t *row[4];
    for (size_t j = 0; j < 4; j++) {
        row[j] = codes->base + ids[i + j < count ? i + j : i] * codes->stride;
    }
    int32_t tail[4];
    distance_4(form, row, query, chunks, tail);
    for (size_t j = 0; i + j < count; j++) out[i + j] = tail[j];
}

static inline __attribute__((always_inline)) void
distances(enum walk_form form, const struct walk_codes *codes, const struct walk_query *query,
          const uint32_t *ids, size_t count, int32_t *out)
{
    switch (codes->chunks) {
    case 1: distances_of(form, codes, query, ids, count, out, 1); return;
    case 2: distances_of(form, codes, query, ids, count, out, 2); return;
    default: distances_of(form, codes, query, ids, count, out, codes->chunks); return;
    }
}

WALK_DEFINE(avx512)

#else
typedef int walk_avx512_unused; /* a translation unit is not empty */
#endif
