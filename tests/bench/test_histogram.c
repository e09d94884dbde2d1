/*
 * Times in cells: a cell's time is within a thousandth of what was added, shares are nearest ranks,
 * and merging adds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "bench/bench_histogram.h"

static struct bench_histogram *fresh(void)
{
    struct bench_histogram *histogram = mem_zalloc(sizeof *histogram);
    assert_non_null(histogram);
    return histogram;
}

static void within_a_thousandth(void **state)
{
    struct bench_histogram *histogram = fresh();
    struct rng rng;
    (void)state;
    rng_init(&rng, 5);
    for (unsigned i = 0; i < 2000; i++) {
        const uint64_t ns = 1 + (rng_u64(&rng) >> (22 + rng_below(&rng, 42)));
        memset(histogram, 0, sizeof *histogram);
        bench_histogram_add(histogram, ns);
        histogram->max_ns = UINT64_MAX; /* the cell alone */
        const double at = bench_histogram_at(histogram, .5);
        if (ns < UINT64_C(3600000000000)) assert_true(fabs(at - (double)ns) <= (double)ns / 1000);
    }
    mem_free(histogram);
}

static void ranks(void **state)
{
    struct bench_histogram *a = fresh(), *b = fresh();
    (void)state;
    assert_true(bench_histogram_at(a, .99) < 1);
    for (uint64_t i = 1; i <= 1000; i++) bench_histogram_add(i % 2 ? a : b, i);
    bench_histogram_merge(a, b);
    assert_int_equal(a->count, 1000);
    assert_int_equal((int)bench_histogram_at(a, .5), 500);
    assert_int_equal((int)bench_histogram_at(a, .999), 999);
    assert_int_equal((int)bench_histogram_at(a, 1), 1000);
    assert_int_equal((int)bench_histogram_at(a, 0), 1);
    assert_true(fabs(bench_histogram_mean(a) - 500.5) < 1e-9);
    assert_true(fabs(bench_histogram_deviation(a) - 288.675) < .01);
    mem_free(a);
    mem_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(within_a_thousandth),
        cmocka_unit_test(ranks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
