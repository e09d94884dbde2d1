/*
 * AVX-512: the conversions, and the table that names all its kernels.
 *
 * vcvtps2ph rounds to nearest even and keeps NaNs as kernel_half.h does. The f32 to bf16 conversion
 * is integer arithmetic: vcvtneps2bf16 needs a further extension and flushes subnormals.
 */
#include "kernel/kernel_internal.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define STEP ((size_t)16)

KERNEL_INLINE __mmask16 mask_of(size_t left)
{
    return (__mmask16)(left >= STEP ? 0xffffu : (1u << left) - 1u);
}

static void f16_to_f32_avx512(const uint16_t *in, float *out, size_t dim)
{
    for (size_t i = 0; i < dim; i += STEP) {
        const __mmask16 mask = mask_of(dim - i);
        const __m256i half = _mm256_maskz_loadu_epi16(mask, in + i);
        _mm512_mask_storeu_ps(out + i, mask, _mm512_cvtph_ps(half));
    }
}

static void f32_to_f16_avx512(const float *in, uint16_t *out, size_t dim)
{
    for (size_t i = 0; i < dim; i += STEP) {
        const __mmask16 mask = mask_of(dim - i);
        const __m512 wide = _mm512_maskz_loadu_ps(mask, in + i);
        _mm256_mask_storeu_epi16(
            out + i, mask, _mm512_cvtps_ph(wide, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
    }
}

static void bf16_to_f32_avx512(const uint16_t *in, float *out, size_t dim)
{
    for (size_t i = 0; i < dim; i += STEP) {
        const __mmask16 mask = mask_of(dim - i);
        const __m512i half = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, in + i));
        _mm512_mask_storeu_epi32(out + i, mask, _mm512_slli_epi32(half, 16));
    }
}

KERNEL_INLINE __m256i bf16_narrow(__m512i wide)
{
    const __m512i size = _mm512_and_si512(wide, _mm512_set1_epi32(0x7fffffff));
    const __mmask16 nan = _mm512_cmpgt_epi32_mask(size, _mm512_set1_epi32(0x7f800000));
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(wide, 16), _mm512_set1_epi32(1));
    const __m512i rounded =
        _mm512_add_epi32(wide, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
    const __m512i quiet = _mm512_or_si512(wide, _mm512_set1_epi32(0x400000));
    return _mm512_cvtepi32_epi16(
        _mm512_srli_epi32(_mm512_mask_blend_epi32(nan, rounded, quiet), 16));
}

static void f32_to_bf16_avx512(const float *in, uint16_t *out, size_t dim)
{
    for (size_t i = 0; i < dim; i += STEP) {
        const __mmask16 mask = mask_of(dim - i);
        const __m512i wide = _mm512_maskz_loadu_epi32(mask, in + i);
        _mm256_mask_storeu_epi16(out + i, mask, bf16_narrow(wide));
    }
}

static float norm2_f32_avx512(const float *a, size_t dim)
{
    return -kernel_floats_avx512[KERNEL_DOT][KERNEL_F32].pair(a, a, dim);
}

const struct kernel_isa kernel_isa_avx512 = {
    .name = "avx512",
    .floats = kernel_floats_avx512,
    .ints = kernel_ints_avx512,
    .bits = kernel_bits_avx512,
    .codes = &kernel_codes_avx512,
    .norm2_f32 = norm2_f32_avx512,
    .f16_to_f32 = f16_to_f32_avx512,
    .f32_to_f16 = f32_to_f16_avx512,
    .bf16_to_f32 = bf16_to_f32_avx512,
    .f32_to_bf16 = f32_to_bf16_avx512,
};
#endif
