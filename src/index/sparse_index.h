/*
 * Sparse vectors of one segment: a scalar index of kind "SPARSE_INVERTED_INDEX" (scalar_index.h),
 * with a list of rows and weights for every dimension. Inner product, largest first; only rows
 * whose product is above zero are found, as rows that share nothing with the query are no answer.
 *
 * The walk finds candidates by sums in double; what they are compared by in the end is the distance
 * that the caller computes from the row itself, so that an index and a scan give the same floats.
 */
#ifndef KITH_INDEX_SPARSE_INDEX_H
#define KITH_INDEX_SPARSE_INDEX_H

#include "index/scalar_index.h"
#include "index/sparse_walk.h"

extern const struct scalar_index_ops sparse_index_ops;

struct sparse_query {
    const uint8_t *entries; /* u32 dimension, f32 weight; dimensions ascend */
    size_t count;
    int (*exact)(void *ctx, uint32_t row, float *distance);
    void *ctx;
};
KITH_NODISCARD int sparse_index_search(const struct scalar_index *index,
                                       const struct sparse_query *query,
                                       const struct walk_search *search, struct hit *hits,
                                       size_t *count);

/* Leaves out floor(ratio * count) entries with the smallest absolute weights (of equal ones the
 * later); out has room for count * 8 bytes. Returns how many are left. KITH_ENOMEM < 0. */
long sparse_query_drop(const uint8_t *entries, size_t count, float ratio, uint8_t *out);

#endif
