/*
 * What the tests of the load tester share: a file name of its own, vectors written as fvecs.
 */
#ifndef KITH_TESTS_BENCH_BENCH_HELP_H
#define KITH_TESTS_BENCH_BENCH_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "os/os.h"

static inline void name_file(char *path, size_t room, const char *what)
{
    snprintf(path, room, "test_bench_%llu_%s", (unsigned long long)os_process_id(os_real()), what);
}

static inline void write_vecs(const char *path, const void *rows, size_t count, uint32_t dim)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(fwrite(&dim, sizeof dim, 1, file), 1);
        assert_int_equal(fwrite((const char *)rows + i * dim * 4, 4, dim, file), dim);
    }
    fclose(file);
}

static inline void fill_gauss(float *out, size_t count, uint64_t seed)
{
    struct rng rng;
    rng_init(&rng, seed);
    for (size_t i = 0; i < count; i++) out[i] = (float)rng_gauss(&rng);
}

#endif
