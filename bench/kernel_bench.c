/*
 * Nanoseconds per pair, rows in L1, for every kernel, type and instruction set this machine has.
 *
 *     kernel_bench [isa]
 *
 * pair: one call a pair; many: one call for 8 rows. The least of 15 short rounds, which on a shared
 * machine is the figure that repeats. Integer codes (kernel_int) come last.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "kernel/kernel.h"

#define ROWS 8
#define ROUNDS 15
#define REPEATS 400

static const size_t dims[] = {100, 128, 768, 784};
static uint8_t query[8192], rows[ROWS * 8192];
static volatile float sink;

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static size_t stride_of(int type, size_t dim)
{
    return type == KERNEL_F32 ? dim * 4 : type <= KERNEL_BF16 ? dim * 2
                                      : type == KERNEL_BIT    ? (dim + 7) / 8
                                                              : dim;
}

static double pair_ns(const struct kernel *kernel, size_t stride, size_t dim)
{
    double best = 1e9;
    for (int round = 0; round < ROUNDS; round++) {
        const double start = now_ns();
        for (int i = 0; i < REPEATS; i++)
            for (size_t r = 0; r < ROWS; r++) sink = kernel->pair(query, rows + r * stride, dim);
        const double each = (now_ns() - start) / (REPEATS * ROWS);
        if (each < best) best = each;
    }
    return best;
}

static double many_ns(const struct kernel *kernel, size_t stride, size_t dim)
{
    double best = 1e9;
    float out[ROWS];
    for (int round = 0; round < ROUNDS; round++) {
        const double start = now_ns();
        for (int i = 0; i < REPEATS; i++) {
            kernel->many(query, rows, stride, ROWS, dim, out);
            sink = out[0];
        }
        const double each = (now_ns() - start) / (REPEATS * ROWS);
        if (each < best) best = each;
    }
    return best;
}

static double code_ns(int which, size_t dim)
{
    const struct kernel_int *codes = kernel_int_get();
    const int8_t *a = (const int8_t *)query, *b = (const int8_t *)rows;
    double best = 1e9;
    for (int round = 0; round < ROUNDS; round++) {
        const double start = now_ns();
        for (size_t i = 0; i < REPEATS * ROWS; i++) {
            const size_t at = i % ROWS * dim;
            sink = (float)(which == 0   ? codes->dot_i8(a, b + at, dim)
                           : which == 1 ? codes->l2sq_i8(a, b + at, dim)
                                        : codes->l2sq_u8(query, rows + at, dim));
        }
        const double each = (now_ns() - start) / (REPEATS * ROWS);
        if (each < best) best = each;
    }
    return best;
}

static void isa_run(const char *isa)
{
    static const char *const metrics[] = {"l2", "dot", "cosine", "hamming", "jaccard"};
    static const char *const types[] = {"f32", "f16", "bf16", "i8", "u8", "bit"};
    static const char *const codes[] = {"dot_i8", "l2sq_i8", "l2sq_u8"};
    for (int m = 0; m < KERNEL_METRIC_COUNT; m++)
        for (int t = 0; t < KERNEL_TYPE_COUNT; t++) {
            const struct kernel *kernel = kernel_get((enum kernel_metric)m, (enum kernel_type)t);
            if (kernel == NULL) continue;
            printf("%-7s %-8s %-5s", isa, metrics[m], types[t]);
            for (size_t d = 0; d < 4; d++)
                printf(" %7.1f/%6.1f", pair_ns(kernel, stride_of(t, dims[d]), dims[d]),
                       many_ns(kernel, stride_of(t, dims[d]), dims[d]));
            printf("\n");
        }
    for (int which = 0; which < 3; which++) {
        printf("%-7s %-14s", isa, codes[which]);
        for (size_t d = 0; d < 4; d++) printf(" %7.1f       ", code_ns(which, dims[d]));
        printf("\n");
    }
}

int main(int argc, char **argv)
{
    static const char *const isas[] = {"avx512", "avx2", "neon", "serial"};
    for (size_t i = 0; i < sizeof query / 4; i++) { /* small normal numbers of any type */
        const uint32_t x = 0x3c003c00u + ((uint32_t)i * 2654435761u >> 26) * 0x10001u;
        memcpy(query + i * 4, &x, 4);
        for (size_t r = 0; r < ROWS; r++) memcpy(rows + r * sizeof query + i * 4, &x, 4);
    }
    printf("ns a pair: pair/many     %12zu %14zu %14zu %14zu\n", dims[0], dims[1], dims[2],
           dims[3]);
    for (size_t i = 0; i < 4; i++)
        if ((argc < 2 || strcmp(argv[1], isas[i]) == 0) && kernel_select(isas[i])) isa_run(isas[i]);
    return 0;
}
