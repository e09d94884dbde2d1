/*
 * Every instruction set this machine has, every metric and type, against a reference in double.
 *
 * Vectors end at the last byte before a page without access: a kernel that reads past the end dies.
 * That also makes nearly every pointer unaligned.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kernel/kernel.h"

#define REGION ((size_t)1 << 18) /* one vector of 65,536 f32 */
#define PAGE ((size_t)4096)
#define ROW_COUNT 7 /* one block of four rows and a rest of three */

static const char *const isas[] = {"serial", "avx2", "avx512", "neon"};
static const size_t extra_dims[] = {100, 128, 768, 784, 1000, 1536, 40000};
static uint8_t *query_end, *rows_end;
static uint64_t seed = 0x6b697468;

static uint32_t random_u32(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 32);
}

static float random_float(void)
{
    return (float)random_u32() / 2147483648.0f - 1.0f;
}

/* The end of a region followed by a page without access. */
static uint8_t *guarded(size_t bytes)
{
    uint8_t *base = mmap(NULL, bytes + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                         -1, 0);
    assert_true(base != MAP_FAILED);
    assert_int_equal(mprotect(base + bytes, PAGE, PROT_NONE), 0);
    return base + bytes;
}

static int setup(void **state)
{
    (void)state;
    query_end = guarded(REGION);
    rows_end = guarded(REGION * ROW_COUNT);
    return 0;
}

static size_t bytes_of(unsigned type, size_t dim)
{
    if (type == KERNEL_F32) return dim * 4;
    if (type == KERNEL_F16 || type == KERNEL_BF16) return dim * 2;
    return type == KERNEL_BIT ? (dim + 7) / 8 : dim;
}

static void fill(unsigned type, uint8_t *v, size_t dim)
{
    for (size_t i = 0; i < dim && type <= KERNEL_BF16; i++) {
        const float x = random_float();
        uint16_t half;
        if (type == KERNEL_F16) kernel_f32_to_f16(&x, &half, 1);
        else kernel_f32_to_bf16(&x, &half, 1);
        if (type == KERNEL_F32) memcpy(v + i * 4, &x, 4);
        else memcpy(v + i * 2, &half, 2);
    }
    if (type <= KERNEL_BF16) return;
    for (size_t i = 0; i < bytes_of(type, dim); i++) v[i] = (uint8_t)random_u32();
    if (type == KERNEL_BIT && dim % 8 != 0) v[dim / 8] &= (uint8_t)((1u << (dim % 8)) - 1);
}

static double element(unsigned type, const uint8_t *v, size_t i)
{
    float x;
    uint16_t half;
    if (type == KERNEL_I8) return (double)(int8_t)v[i];
    if (type == KERNEL_U8) return (double)v[i];
    if (type == KERNEL_BIT) return (double)(v[i / 8] >> (i % 8) & 1);
    if (type == KERNEL_F32) {
        memcpy(&x, v + i * 4, 4);
        return (double)x;
    }
    memcpy(&half, v + i * 2, 2);
    if (type == KERNEL_F16) kernel_f16_to_f32(&half, &x, 1);
    else kernel_bf16_to_f32(&half, &x, 1);
    return (double)x;
}

/* The distance, and in *terms the sum of |terms| that errors are relative to. */
static double reference(unsigned metric, unsigned type, const uint8_t *a, const uint8_t *b,
                        size_t dim, double *terms)
{
    double dot = 0, size = 0, l2 = 0, a2 = 0, b2 = 0;
    for (size_t i = 0; i < dim; i++) {
        const double x = element(type, a, i), y = element(type, b, i);
        dot += x * y;
        size += fabs(x * y);
        l2 += (x - y) * (x - y);
        a2 += x * x;
        b2 += y * y;
    }
    *terms = metric == KERNEL_DOT ? size : metric == KERNEL_COSINE ? 2.0 : l2;
    if (metric == KERNEL_L2 || metric == KERNEL_HAMMING) return l2;
    if (metric == KERNEL_DOT) return -dot;
    if (metric == KERNEL_JACCARD) return a2 + b2 == 0 ? 0 : 1 - dot / (a2 + b2 - dot);
    return a2 == 0 || b2 == 0 ? 1 : 1 - dot / (sqrt(a2) * sqrt(b2));
}

static void check_one(const struct kernel *kernel, unsigned metric, unsigned type, size_t dim)
{
    const size_t stride = bytes_of(type, dim);
    uint8_t *query = query_end - stride, *rows = rows_end - stride * ROW_COUNT;
    static const uint32_t ids[ROW_COUNT] = {3, 6, 0, 5, 1, 4, 2};
    float many[ROW_COUNT], gathered[ROW_COUNT];
    fill(type, query, dim);
    for (size_t r = 0; r < ROW_COUNT; r++) fill(type, rows + r * stride, dim);
    kernel->many(query, rows, stride, ROW_COUNT, dim, many);
    kernel->gather(query, rows, stride, ids, ROW_COUNT, dim, gathered);
    for (size_t r = 0; r < ROW_COUNT; r++) {
        const uint8_t *row = rows + ids[r] * stride;
        double terms;
        const double wanted = reference(metric, type, query, row, dim, &terms);
        const float pair = kernel->pair(query, row, dim);
        const bool exact = type >= KERNEL_I8 && metric != KERNEL_COSINE;
        if (exact) assert_true(pair == (float)wanted);
        else assert_true(fabs((double)pair - wanted) <= 1e-5 * terms);
        assert_memory_equal(&pair, &gathered[r], sizeof pair); /* the same bits on every way */
        assert_memory_equal(&pair, &many[ids[r]], sizeof pair);
    }
}

static void check_dims(const struct kernel *kernel, unsigned metric, unsigned type)
{
    for (size_t dim = 1; dim <= 130; dim++) check_one(kernel, metric, type, dim);
    for (size_t i = 0; i < sizeof extra_dims / sizeof extra_dims[0]; i++)
        check_one(kernel, metric, type, extra_dims[i]);
}

static void every_kernel_meets_the_accuracy_contract(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        if (!kernel_select(isas[i])) continue;
        assert_string_equal(kernel_isa(), isas[i]);
        for (unsigned m = 0; m < KERNEL_METRIC_COUNT; m++)
            for (unsigned t = 0; t < KERNEL_TYPE_COUNT; t++) {
                const bool bits = m == KERNEL_HAMMING || m == KERNEL_JACCARD;
                const struct kernel *kernel =
                    kernel_get((enum kernel_metric)m, (enum kernel_type)t);
                assert_int_equal(kernel != NULL, bits == (t == KERNEL_BIT));
                if (kernel != NULL) check_dims(kernel, m, t);
            }
    }
}

static float pair_f32(enum kernel_metric metric, const float *a, const float *b, size_t dim)
{
    return kernel_get(metric, KERNEL_F32)->pair(a, b, dim);
}

static void edge_values(void **state)
{
    float zero[33] = {0}, x[33], bad[33] = {0}, tiny[33], huge[33];
    const uint8_t none[5] = {0};
    const int8_t low[3] = {-128, -128, -128}, zeros[3] = {0};
    (void)state;
    for (size_t i = 0; i < 33; i++) {
        x[i] = random_float();
        tiny[i] = x[i] * 1e-30f;
        huge[i] = x[i] * 1e30f;
    }
    bad[32] = NAN;
    for (size_t i = 0; i < 4; i++) {
        if (!kernel_select(isas[i])) continue;
        assert_true(pair_f32(KERNEL_COSINE, zero, x, 33) == 1.0f);
        assert_true(pair_f32(KERNEL_COSINE, x, zero, 33) == 1.0f);
        assert_true(pair_f32(KERNEL_COSINE, zero, zero, 33) == 1.0f);
        assert_true(fabsf(pair_f32(KERNEL_COSINE, x, x, 33)) < 1e-6f);
        assert_true(fabsf(pair_f32(KERNEL_COSINE, x, tiny, 33)) < 1e-6f);
        assert_true(fabsf(pair_f32(KERNEL_COSINE, huge, x, 33)) < 1e-6f);
        assert_true(pair_f32(KERNEL_L2, x, x, 33) == 0.0f);
        assert_true(pair_f32(KERNEL_DOT, zero, x, 33) == 0.0f);
        for (unsigned m = KERNEL_L2; m <= KERNEL_COSINE; m++) {
            assert_true(isnan(pair_f32((enum kernel_metric)m, bad, x, 33)));
            assert_true(isnan(pair_f32((enum kernel_metric)m, zero, bad, 33)));
        }
        assert_true(kernel_get(KERNEL_JACCARD, KERNEL_BIT)->pair(none, none, 40) == 0.0f);
        assert_true(kernel_get(KERNEL_DOT, KERNEL_I8)->pair(low, low, 3) == -49152.0f);
        assert_true(kernel_get(KERNEL_COSINE, KERNEL_I8)->pair(low, low, 3) < 1e-6f);
        assert_true(kernel_get(KERNEL_COSINE, KERNEL_I8)->pair(low, zeros, 3) == 1.0f);
    }
}

static void integer_codes_are_exact(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        if (!kernel_select(isas[i])) continue;
        const struct kernel_int *codes = kernel_int_get();
        for (size_t dim = 1; dim < 32000; dim += dim < 200 ? 1 : 7919) {
            uint8_t *a = query_end - dim, *b = rows_end - dim;
            const int8_t *sa = (const int8_t *)a, *sb = (const int8_t *)b;
            int64_t dot = 0, l2_i8 = 0, l2_u8 = 0;
            for (size_t j = 0; j < dim; j++) { /* extremes are as common as the rest */
                a[j] = random_u32() % 2 ? 127 : (uint8_t)(random_u32() % 255 + 129);
                b[j] = random_u32() % 2 ? 129 : (uint8_t)(random_u32() % 255 + 129);
                dot += sa[j] * sb[j];
                l2_i8 += (sa[j] - sb[j]) * (sa[j] - sb[j]);
                l2_u8 += (a[j] - b[j]) * (a[j] - b[j]);
            }
            assert_true(codes->dot_i8(sa, sb, dim) == dot);
            assert_true(codes->l2sq_i8(sa, sb, dim) == l2_i8);
            assert_true(codes->l2sq_u8(a, b, dim) == l2_u8);
        }
    }
}

static void unknown_instruction_sets_are_refused(void **state)
{
    (void)state;
#if defined(__aarch64__)
    assert_true(kernel_select("neon")); /* every such machine has it */
#endif
    assert_true(kernel_select("serial"));
    assert_false(kernel_select("sse9"));
    assert_false(kernel_select(NULL));
    assert_string_equal(kernel_isa(), "serial");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kernel_meets_the_accuracy_contract),
        cmocka_unit_test(edge_values),
        cmocka_unit_test(integer_codes_are_exact),
        cmocka_unit_test(unknown_instruction_sets_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
