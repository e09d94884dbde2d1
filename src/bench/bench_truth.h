/*
 * Exact nearest neighbours, and recall against them.
 *
 * What counts as found: a returned row whose distance, computed here in double precision, is not
 * above that of the k-th true neighbour (relative 1e-6). So rows that tie the k-th are as good as
 * the one of them that the truth happens to name, and what an index says about its own distances
 * does not matter. A row that is returned twice counts once.
 */
#ifndef KITH_BENCH_BENCH_TRUTH_H
#define KITH_BENCH_BENCH_TRUTH_H

#include "bench/bench_data.h"

struct bench_truth {
    uint32_t *ids; /* owns; query q has ids[q * k, (q + 1) * k), nearest first */
    size_t query_count;
    size_t k;
};
void bench_truth_release(struct bench_truth *truth);

/* min(k, base) neighbours of each query by exhaustive scan. Cost: base * queries distances. */
KITH_NODISCARD int bench_truth_compute(struct bench_truth *truth,
                                       const struct bench_problem *problem, const struct os *os,
                                       unsigned threads, size_t k, struct kith_error *err);
/* From a file of neighbour numbers; dataset as for import. */
KITH_NODISCARD int bench_truth_read(struct bench_truth *truth, const struct bench_problem *problem,
                                    const struct os *os, const char *path, const char *dataset,
                                    struct kith_error *err);
/* From "<base>.<digest>.truth" when it is there and intact, else computed and written there. The
 * digest is of all values, the metric and k. Not being able to write is a warning. */
KITH_NODISCARD int bench_truth_cached(struct bench_truth *truth,
                                      const struct bench_problem *problem, const struct os *os,
                                      unsigned threads, const char *base_path, size_t k,
                                      struct kith_error *err);

/* In double precision: squared L2, negated inner product, 1 - cosine. */
double bench_distance(const struct bench_problem *problem, size_t query, size_t row);
/* Distance of the k-th true neighbour; k <= truth->k. */
double bench_truth_threshold(const struct bench_truth *truth, const struct bench_problem *problem,
                             size_t query, size_t k);
/* How many of the distinct rows in ids[0, count) are within the threshold, at most k of them. */
size_t bench_found(const struct bench_problem *problem, size_t query, double threshold,
                   const uint32_t *ids, size_t count, size_t k);

#endif
