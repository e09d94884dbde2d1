/*
 * One point of a curve: all queries with one value of the knob, timed one by one.
 */
#ifndef KITH_BENCH_BENCH_MEASURE_H
#define KITH_BENCH_BENCH_MEASURE_H

#include "bench/bench_truth.h"

struct bench_runner {
    const struct os *os;
    struct pool *pool; /* nullable; threads - 1 threads */
    unsigned threads;
    unsigned repeat;
    const struct kith_ann *ann;
    const struct bench_problem *problem;
    size_t k;
    const double *thresholds; /* borrows: one a query, of its k-th true neighbour */
};
KITH_NODISCARD int bench_measure(const struct bench_runner *runner, uint32_t knob,
                                 struct bench_point *out, struct kith_error *err);

/* The nearest-rank percentile of sorted samples: the smallest one that share of them do not
 * exceed. count > 0, 0 < share <= 1. */
uint64_t bench_percentile(const uint64_t *sorted, size_t count, double share);

#endif
