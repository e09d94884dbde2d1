/*
 * The adaptive rules that only this room needs; the others are in index.h. One file holds them all.
 */
#ifndef KITH_INDEX_ADAPT_H
#define KITH_INDEX_ADAPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "index/index.h"

enum index_walk_way {
    INDEX_WALK_NONE,    /* cheaper to compute the distance of every allowed row */
    INDEX_WALK_ALL,     /* through all nodes; with a filter, only allowed ones are results */
    INDEX_WALK_ALLOWED, /* among allowed nodes */
};

struct index_walk_plan {
    enum index_walk_way way;
    size_t pool;  /* width of the walk; of INDEX_WALK_ALL with a filter, to begin with */
    size_t found; /* INDEX_WALK_ALL with a filter: allowed nodes to settle; else 0 */
    uint64_t work_max; /* distances after which a filtered walk gives up */
};

struct index_walk_input {
    enum index_filter_mode mode;
    uint32_t ef;
    size_t k;
    size_t rows;
    size_t allowed;   /* rows that may be returned, > 0 */
    bool filtered;    /* false: all rows may be returned */
    uint32_t degree;  /* ids in a list */
    size_t row_bytes; /* of an exact row */
};

/* How to search. */
struct index_walk_plan index_walk_adapt(const struct index_walk_input *input);

#endif
