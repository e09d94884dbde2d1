/*
 * About which share of a segment's rows passes a filter, for the planner.
 *
 * A sample of sixteen runs of 64 rows, spread evenly: runs, because the evaluation reads 64 rows a
 * step. The rows are the same at every call, so plans do not flicker.
 */
#include "query/filter_internal.h"

#define SAMPLE_RUNS 16

static size_t sample_rows(struct bitset *sample)
{
    size_t words = BITSET_WORDS(sample->bits), runs = words < SAMPLE_RUNS ? words : SAMPLE_RUNS;
    for (size_t i = 0; i < runs; i++) sample->words[i * words / runs] = UINT64_MAX;
    if (sample->bits % 64 != 0) sample->words[words - 1] &= (1ull << (sample->bits % 64)) - 1;
    return bitset_count(sample);
}

int filter_estimate(const struct filter *filter, const struct chunk_source *source,
                    double *share, struct kith_error *err)
{
    struct bitset sample = { 0 }, passed = { 0 };
    int rc = bitset_init(&sample, source->rows, false);
    if (rc == 0) rc = bitset_init(&passed, source->rows, false);
    if (rc != 0) error_set(err, rc, "no memory to estimate the filter");
    size_t rows = rc == 0 && source->rows > 0 ? sample_rows(&sample) : 0;
    if (rows > 0) rc = filter_evaluate(filter, source, &sample, &passed, NULL, NULL, err);
    if (rc == 0) *share = rows > 0 ? (double)bitset_count(&passed) / (double)rows : 0;
    bitset_release(&sample);
    bitset_release(&passed);
    return rc;
}
