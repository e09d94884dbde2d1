/*
 * f16 and bf16: all 65,536 values up, and the rounding of random and chosen f32 values down, the
 * same bits on every instruction set.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/kernel.h"

#define COUNT ((size_t)65536)

static const char *const isas[] = {"serial", "avx2", "avx512", "neon"};
static uint16_t halves[COUNT], back[COUNT];
static float floats[COUNT];

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float f16_reference(uint16_t h)
{
    const int exponent = h >> 10 & 31, mantissa = h & 1023;
    float size = ldexpf((float)(exponent == 0 ? mantissa : mantissa + 1024),
                        (exponent == 0 ? 1 : exponent) - 25);
    if (exponent == 31) size = mantissa == 0 ? INFINITY : NAN;
    return h & 0x8000 ? -size : size;
}

static void f16_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++) halves[i] = (uint16_t)i;
    for (size_t k = 0; k < 4; k++) {
        if (!kernel_select(isas[k])) continue;
        kernel_f16_to_f32(halves, floats, COUNT);
        kernel_f32_to_f16(floats, back, COUNT);
        for (size_t i = 0; i < COUNT; i++) {
            const float wanted = f16_reference(halves[i]);
            if (isnan(wanted)) {
                assert_true(isnan(floats[i]));
                assert_int_equal(back[i], i | 0x200); /* quiet, payload kept */
            } else {
                assert_int_equal(bits_of(floats[i]), bits_of(wanted));
                assert_int_equal(back[i], i);
            }
        }
    }
}

static void bf16_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++) halves[i] = (uint16_t)i;
    for (size_t k = 0; k < 4; k++) {
        if (!kernel_select(isas[k])) continue;
        kernel_bf16_to_f32(halves, floats, COUNT);
        kernel_f32_to_bf16(floats, back, COUNT);
        for (size_t i = 0; i < COUNT; i++) {
            uint32_t bits; /* compared in memory: moving a signalling NaN may quiet it */
            memcpy(&bits, &floats[i], sizeof bits);
            assert_int_equal(bits, (uint32_t)i << 16);
            assert_int_equal(back[i], (i & 0x7fff) > 0x7f80 ? i | 0x40 : i);
        }
    }
}

/* |x - rounded| is the least possible, and an even mantissa wins a tie. */
static void f16_nearest(float x, uint16_t rounded)
{
    const double size = fabs((double)x);
    const uint16_t h = rounded & 0x7fff;
    if (size >= 65520.0) {
        assert_int_equal(h, 0x7c00);
        return;
    }
    const double here = fabs((double)f16_reference(h) - size);
    const double up = h == 0x7bff ? 65536.0 : (double)f16_reference((uint16_t)(h + 1));
    const double down = h == 0 ? -1.0 : (double)f16_reference((uint16_t)(h - 1));
    assert_true(here <= fabs(up - size) && here <= fabs(down - size));
    if (here == fabs(up - size) || here == fabs(down - size)) assert_int_equal(h & 1, 0);
    assert_int_equal(rounded >> 15, signbit(x) != 0);
}

/* Random bits in f16's range, with every third one exactly on a tie. */
static void floats_fill(uint32_t low_exponent, uint32_t exponents, uint32_t tie, uint32_t mask)
{
    uint64_t seed = 20240607;
    for (size_t i = 0; i < COUNT; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        uint32_t bits = (uint32_t)(seed >> 32) & 0x807fffffu;
        bits |= (low_exponent + (uint32_t)(seed >> 20) % exponents) << 23;
        if (i % 3 == 0) bits = (bits & ~mask) | tie;
        memcpy(&floats[i], &bits, sizeof bits);
    }
}

static void f16_rounding(void **state)
{
    (void)state;
    floats_fill(100, 45, 0x1000, 0x1fff);
    for (size_t k = 0; k < 4; k++) {
        if (!kernel_select(isas[k])) continue;
        kernel_f32_to_f16(floats, back, COUNT);
        for (size_t i = 0; i < COUNT; i++) f16_nearest(floats[i], back[i]);
    }
}

static void bf16_rounding(void **state)
{
    (void)state;
    floats_fill(0, 255, 0x8000, 0xffff);
    for (size_t k = 0; k < 4; k++) {
        if (!kernel_select(isas[k])) continue;
        kernel_f32_to_bf16(floats, back, COUNT);
        for (size_t i = 0; i < COUNT; i++) {
            const uint32_t bits = bits_of(floats[i]), low = bits & 0xffff;
            uint32_t wanted = bits >> 16;
            if (low > 0x8000 || (low == 0x8000 && wanted % 2 == 1)) wanted++;
            assert_int_equal(back[i], wanted);
        }
    }
}

static void odd_lengths_write_no_further(void **state)
{
    (void)state;
    floats_fill(120, 10, 0, 0);
    for (size_t k = 0; k < 4; k++) {
        if (!kernel_select(isas[k])) continue;
        for (size_t dim = 1; dim < 40; dim++) {
            float wide[41];
            for (size_t i = 0; i < 41; i++) halves[i] = 0x1234, wide[i] = 7.0f;
            kernel_f32_to_f16(floats, halves, dim);
            kernel_f16_to_f32(halves, wide, dim);
            assert_int_equal(halves[dim], 0x1234);
            assert_true(wide[dim] == 7.0f);
            f16_nearest(floats[dim - 1], halves[dim - 1]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f16_values),    cmocka_unit_test(bf16_values),
        cmocka_unit_test(f16_rounding),  cmocka_unit_test(bf16_rounding),
        cmocka_unit_test(odd_lengths_write_no_further),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
