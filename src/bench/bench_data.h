/*
 * The vectors that a measurement is over, whole in memory as f32, from any file that import reads.
 */
#ifndef KITH_BENCH_BENCH_DATA_H
#define KITH_BENCH_BENCH_DATA_H

#include "bench/bench_internal.h"

struct bench_vectors {
    struct buffer bytes; /* owns; f32, row after row */
    size_t count;
    uint32_t dim;
    enum kith_metric metric; /* what the file says, KITH_METRIC_DEFAULT when it does not */
    bool hdf5;
};
/* dataset: of HDF5 files ("train", "test"), ignored by others. Refuses infinities and NaN. */
KITH_NODISCARD int bench_vectors_load(struct bench_vectors *vectors, const struct os *os,
                                      const char *path, const char *dataset,
                                      struct kith_error *err);
void bench_vectors_release(struct bench_vectors *vectors);
static inline const float *bench_vectors_rows(const struct bench_vectors *vectors)
{
    return (const float *)(const void *)vectors->bytes.data;
}

/* A base, queries and what near means: the question that truth answers. */
struct bench_problem {
    const float *base; /* borrows */
    size_t base_count;
    const float *queries; /* borrows */
    size_t query_count;
    uint32_t dim;
    enum kith_metric metric; /* L2, IP or COSINE */
};
/* Queries whose very values are also a row of the base. KITH_ENOMEM or 0. */
KITH_NODISCARD int bench_count_shared(const struct bench_problem *problem, size_t *count);

/* Both files of the options, and the metric. KITH_EDIM when they do not fit together. */
struct bench_input {
    struct bench_vectors base;
    struct bench_vectors queries;
    struct bench_problem problem; /* borrows base and queries */
};
KITH_NODISCARD int bench_input_load(struct bench_input *input, const struct os *os,
                                    const struct bench_options *options, struct kith_error *err);
void bench_input_release(struct bench_input *input);

#endif
