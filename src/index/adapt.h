/*
 * The adaptive rules that only this room needs; the others are in index.h. One file holds them all.
 */
#ifndef KITH_INDEX_ADAPT_H
#define KITH_INDEX_ADAPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct index_walk_plan {
    bool scan;   /* cheaper to compute the distance of every allowed row */
    size_t ef;   /* candidates kept for the result */
    size_t pool; /* width of the walk: ef, widened when few rows are allowed */
};

/* How to search `rows` rows of which `allowed` may be returned, in a graph of `degree`; an exact
 * row has row_bytes. */
struct index_walk_plan index_walk_adapt(uint32_t ef, size_t k, size_t rows, size_t allowed,
                                        uint32_t degree, size_t row_bytes);

#endif
