/*
 * An order: cells sorted by (score, what compare says), with ranks. A B+ tree whose inner nodes
 * know how many cells are below each child (an order-statistic tree: Knuth, TAOCP 3, 6.2.4 and
 * 6.2.3), so that a rank, a range by score and a position all cost O(log n); sorted sets and the
 * deadlines of hash fields stand on it.
 *
 * Against a skip list with spans: 16 bytes a cell and about a quarter of spare room, no pointers of
 * its own in the cells, and one or two cache misses a level of 31 instead of one a hop.
 *
 * The cells are the caller's; a score is kept beside the pointer, so that most comparisons do not
 * touch the cell. Equal (score, cell) pairs must not be put in twice.
 */
#ifndef KITH_CACHE_ORDER_H
#define KITH_CACHE_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/heap.h"

#define ORDER_LEAF_KEYS 62u
#define ORDER_INNER_KEYS 31u

struct order_key {
    double score; /* not NaN */
    void *cell;
};

struct order_leaf;
struct order {
    struct heap *heap; /* borrows */
    void *root;        /* owns; NULL: empty */
    unsigned depth;    /* inner levels above the leaves */
    uint64_t count;
    int (*compare)(const void *a, const void *b); /* of cells with equal scores */
};

struct order_place { /* good until the order changes */
    struct order_leaf *leaf; /* NULL: past an end */
    unsigned index;
};

void order_init(struct order *order, struct heap *heap,
                int (*compare)(const void *a, const void *b));
void order_release(struct order *order); /* accepts a zeroed struct; the cells stay */
/* KITH_ENOMEM changes nothing. */
KITH_NODISCARD int order_add(struct order *order, double score, void *cell);
/* It must be there. Never fails. */
void order_remove(struct order *order, double score, const void *cell);
/* How many stand before it; it must be there. */
uint64_t order_rank(const struct order *order, double score, const void *cell);
/* How many of the first keys `before` holds for; it may turn from true to false once. */
uint64_t order_count_while(const struct order *order,
                           bool (*before)(const void *ctx, const struct order_key *key),
                           const void *ctx);
struct order_place order_at(const struct order *order, uint64_t rank);
const struct order_key *order_key(struct order_place place); /* NULL: past an end */
struct order_place order_next(struct order_place place);
struct order_place order_previous(struct order_place place);
size_t order_bytes(const struct order *order); /* heap_size of all nodes */
/* All invariants; slow. For tests. */
bool order_is_valid(const struct order *order);

#endif
