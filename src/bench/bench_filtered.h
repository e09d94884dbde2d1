/*
 * What `kith bench filter` and `kith bench recall` search: a database beside the base file (kept,
 * and used again) that has two numbers beside each vector, in thousandths: `rand`, which has
 * nothing to do with the vector, and `near`, the rank of the row by distance to a pivot, so that a
 * filter on it keeps one corner of the space. `far` is the corner opposite. Truth is an exact
 * search through the same door. One thread.
 */
#ifndef KITH_BENCH_BENCH_FILTERED_H
#define KITH_BENCH_BENCH_FILTERED_H

#include "bench/bench_data.h"

#define FILTERED_THOUSAND 1000

struct filtered {
    const struct os *os;
    const struct bench_options *options; /* borrows */
    struct bench_input input;
    struct kith_db *db;                 /* owns */
    struct kith_collection *collection; /* owns */
    size_t queries;
    float *truth; /* owns: the k-th exact distance of each query, from filtered_truth on */
    size_t *due;  /* owns: rows each query has to give */
};

/* Builds the database when it is not there. filtered_close after a failure too. */
KITH_NODISCARD int filtered_open(struct filtered *filtered, const struct bench_options *options,
                                 size_t queries_max, struct kith_error *err);
/* The same database, that has never been asked anything. */
KITH_NODISCARD int filtered_reopen(struct filtered *filtered, struct kith_error *err);
void filtered_close(struct filtered *filtered);

/* The filter that keeps `share` thousandths of the rows of a kind: "rand", "near" or "far". */
void filtered_text(const char *kind, int share, char *out, size_t size);
/* All queries under the filter; filter is borrowed, NULL: none. */
struct kith_search_opts filtered_opts(const struct filtered *filtered, const char *filter);
/* The exact answer, for filtered_recall. */
KITH_NODISCARD int filtered_truth(struct filtered *filtered, const char *filter,
                                  struct kith_error *err);
/* The mean share of what is due that came; *least: rows of the query that got fewest. */
double filtered_recall(const struct filtered *filtered, const struct kith_result *result,
                       size_t *least);
/* Of EXPLAIN: how the first (largest) segment was searched, and the width of its walk; 0: none. */
void filtered_plan(const struct kith_result *result, char *plan, size_t size, uint64_t *ef);

#endif
