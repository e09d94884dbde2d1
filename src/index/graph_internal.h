/*
 * What the files of the graph index share: one layer, one beam, and the helpers of the build.
 *
 * Glossary
 *   row       a row of the segment
 *   node      a vertex of the graph: one distinct code; its rows are those that have this code
 *   position  a node's number during the build: its place in the order of insertion
 *   block     code and neighbour list of one node in one piece of memory
 *   key       (navigation distance, node, expanded) in one u64, so that keys order as candidates do
 */
#ifndef KITH_INDEX_GRAPH_INTERNAL_H
#define KITH_INDEX_GRAPH_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bitset.h"
#include "base/pages.h"
#include "index/index.h"
#include "kernel/walk.h"
#include "os/os.h"

/* ---- keys ---- */

static inline uint64_t key_make(int32_t distance, uint32_t node)
{
    return (uint64_t)((uint32_t)distance ^ 0x80000000u) << 32 | (uint64_t)node << 1;
}
static inline uint32_t key_node(uint64_t key) { return (uint32_t)key >> 1; }
static inline int32_t key_distance(uint64_t key)
{
    return (int32_t)((uint32_t)(key >> 32) ^ 0x80000000u);
}
#define KEY_EXPANDED UINT64_C(1)

/* ---- one layer of a graph ---- */

struct graph_layer {
    const struct walk_kernel *kernel;
    struct walk_codes codes;
    const uint8_t *links; /* borrows: the list of node i is at links + i * link_stride */
    size_t link_stride;
    uint32_t capacity; /* ids a list has room for */
    uint32_t count;    /* nodes */
    const struct section *guarded; /* borrows; NULL when nothing has to be verified */
    size_t guarded_offset;         /* of node 0 in that section */
};

static inline const uint32_t *layer_links(const struct graph_layer *layer, uint32_t node)
{
    const void *list = layer->links + (size_t)node * layer->link_stride;
    return list;
}

/* ---- the beam: a best-first walk with a sorted pool ---- */

#define GRAPH_CAPACITY_MAX 1024u /* ids in one list, file and build */
#define GRAPH_EF_MAX 65536u

struct beam_filter {
    const struct bitset *allowed;  /* borrows: one bit a row, as many as there are rows */
    const struct section *rows;    /* borrows: u32 */
    const struct section *first;   /* borrows: u32; NULL: node i has the one row rows[i] */
};

struct beam {
    uint64_t *seen; /* owns: one bit a node */
    size_t seen_words;
    /* owns; NULL for small graphs: nodes whose bit is set, while there is room */
    uint32_t *entered;
    size_t entered_room;
    size_t entered_count; /* above the room: too many, clear everything */
    uint64_t *pool; /* owns: sorted keys, room for ef + 1 */
    size_t pool_room;
    size_t pool_count;
    size_t ef; /* at most pool_room - 1 */
    uint64_t *found; /* owns: the allowed ones of a filtered walk, sorted; room for ef + 1 */
    size_t found_room;
    size_t found_count;
    size_t found_max;
    int8_t *query; /* owns: the query's code */
    float *row;    /* owns: the query as floats */
    struct walk_query code;
    uint64_t hops;
    uint64_t distances;
};

KITH_NODISCARD int beam_init(struct beam *beam, uint32_t nodes, size_t chunks, uint32_t dim);
void beam_release(struct beam *beam); /* accepts a zeroed struct */
/* Room for a pool of ef and for `found` results (0 without a filter). 0 or KITH_ENOMEM. */
KITH_NODISCARD int beam_reserve(struct beam *beam, size_t ef, size_t found);

/* Walks downhill from *node to a local minimum. 0 or KITH_ECORRUPT. */
KITH_NODISCARD int beam_descend(struct beam *beam, const struct graph_layer *layer, uint32_t *node);

struct beam_poll {
    int (*fn)(void *ctx);
    void *ctx;
};
/* Best-first search of width beam->ef from `entry`; the result is pool[0, pool_count), ascending
 * (and found[0, found_count) under a filter). 0, KITH_ECORRUPT, or what poll returned. */
KITH_NODISCARD int beam_walk(struct beam *beam, const struct graph_layer *layer, uint32_t entry,
                             const struct beam_filter *filter, const struct beam_poll *poll);

#endif
