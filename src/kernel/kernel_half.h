/*
 * The two 16-bit float formats, one value at a time, by integer arithmetic on the bits.
 *
 *     format  sign exponent mantissa   range
 *     f16       1      5       10      6e-8 (subnormal) .. 65,504
 *     bf16      1      8        7      the upper half of a f32
 *
 * Rounding is to nearest, ties to even. A NaN stays one: going down it keeps its sign and upper
 * mantissa bits and becomes quiet, which is what the hardware's conversions do, so that every
 * instruction set gives the same bits. No intermediate is a f32 subnormal: the results do not
 * depend on flush-to-zero modes a host program may have set.
 */
#ifndef KITH_KERNEL_KERNEL_HALF_H
#define KITH_KERNEL_KERNEL_HALF_H

#include <stdint.h>
#include <string.h>

static inline uint32_t half_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float half_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline float half_f16_to_f32(uint16_t half)
{
    const uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    const uint32_t shifted = (uint32_t)(half & 0x7fffu) << 13; /* exponent still biased by 15 */
    const uint32_t exponent = shifted & 0x0f800000u;
    const uint32_t normal = shifted + (112u << 23);
    const uint32_t quiet = (shifted & 0x007fffffu) != 0 ? 0x00400000u : 0;
    const uint32_t special = (normal + (112u << 23)) | quiet;
    /* 2^-14 + mantissa, less 2^-14: the hardware normalises. */
    const uint32_t subnormal =
        half_bits(half_float(shifted + (113u << 23)) - half_float(113u << 23));
    const uint32_t value = exponent == 0x0f800000u ? special : exponent == 0 ? subnormal : normal;
    return half_float(sign | value);
}

static inline uint16_t half_f32_to_f16(float value)
{
    const uint32_t bits = half_bits(value);
    const uint32_t sign = (bits >> 16) & 0x8000u;
    const uint32_t size = bits & 0x7fffffffu;
    if (size > 0x7f800000u) return (uint16_t)(sign | 0x7e00u | ((size >> 13) & 0x3ffu));
    if (size >= 0x47800000u) return (uint16_t)(sign | 0x7c00u); /* 65,536 and up */
    if (size < 0x38800000u) { /* below 2^-14: adding 0.5 rounds at the subnormals' last bit */
        const uint32_t magic = 126u << 23;
        return (uint16_t)(sign | (half_bits(half_float(size) + half_float(magic)) - magic));
    }
    const uint32_t odd = (size >> 13) & 1u;
    return (uint16_t)(sign | ((size - (112u << 23) + 0xfffu + odd) >> 13));
}

static inline float half_bf16_to_f32(uint16_t half)
{
    return half_float((uint32_t)half << 16);
}

static inline uint16_t half_f32_to_bf16(float value)
{
    const uint32_t bits = half_bits(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return (uint16_t)((bits >> 16) | 0x40u);
    return (uint16_t)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

#endif
