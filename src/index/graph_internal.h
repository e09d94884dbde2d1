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
#include <string.h>

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
    bool only;          /* INDEX_FILTER_WALK: none but allowed nodes enter the pool */
    double share;       /* of rows that are allowed */
    uint64_t work_max;  /* a walk that costs more gives up: a scan is cheaper */
};

#define GRAPH_HOP_MAX (3 * GRAPH_CAPACITY_MAX) /* nodes one hop may list, two steps deep */

struct hop { /* one node being expanded */
    size_t count;
    uint32_t ids[GRAPH_HOP_MAX];
    int32_t distances[GRAPH_HOP_MAX];
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
    uint32_t skip;     /* a node + 1 that is not seen; 0: none */
    uint64_t *stepped; /* owns; NULL until needed: nodes that need not be stepped over (again) */
    bool gave_up;      /* the filter's work_max was reached */
    int8_t *query; /* owns: the query's code */
    float *row;    /* owns: the query as floats; room for one at least */
    struct walk_query code;
    uint64_t hops;
    uint64_t steps; /* lists of nodes that are not allowed, looked through */
    uint64_t distances;
};

KITH_NODISCARD int beam_init(struct beam *beam, uint32_t nodes, size_t chunks, size_t floats);
void beam_release(struct beam *beam); /* accepts a zeroed struct */
/* Room for a pool of ef and for `found` results (0: the pool is the result). 0 or KITH_ENOMEM. */
KITH_NODISCARD int beam_reserve(struct beam *beam, size_t ef, size_t found);
/* What a filter with `only` needs besides. 0 or KITH_ENOMEM. */
KITH_NODISCARD int beam_reserve_steps(struct beam *beam);

/* Walks downhill from *node to a local minimum. 0 or KITH_ECORRUPT. */
KITH_NODISCARD int beam_descend(struct beam *beam, const struct graph_layer *layer, uint32_t *node);

struct beam_poll {
    int (*fn)(void *ctx);
    void *ctx;
};
/* Best-first search of width beam->ef from `entry`; the result is pool[0, pool_count), ascending.
 * Under a filter without `only` it is found[0, found_count): the pool grows until beam->found_max
 * allowed nodes are settled. 0, KITH_ECORRUPT, or what poll returned. */
KITH_NODISCARD int beam_walk(struct beam *beam, const struct graph_layer *layer, uint32_t entry,
                             const struct beam_filter *filter, const struct beam_poll *poll);

/* ---- what graph_walk.c and graph_filter.c share ---- */

/* Remembers nodes whose bits in `seen` were set. */
static inline void beam_note(struct beam *beam, const uint32_t *nodes, size_t count)
{
    if (beam->entered_room == 0) return;
    if (beam->entered_count + count <= beam->entered_room) {
        memcpy(beam->entered + beam->entered_count, nodes, count * sizeof *nodes);
    }
    beam->entered_count += count;
}

/* 0 when the node's block, which must be below count, is verified. */
static inline int layer_verify(const struct graph_layer *layer, uint32_t node)
{
    if (!layer->guarded) return 0;
    const size_t at = layer->guarded_offset + (size_t)node * layer->codes.stride;
    return section_touch(layer->guarded, at, layer->codes.stride);
}

static inline void prefetch_links(const struct graph_layer *layer, uint32_t node)
{
    const uint8_t *list = layer->links + (size_t)node * layer->link_stride;
    __builtin_prefetch(list, 0, 3);
    __builtin_prefetch(list + WALK_CHUNK, 0, 3);
}

/* Whether some row of the node may be returned. What cannot be read is not allowed: whoever reads
 * it for a result reports the damage. */
bool filter_allows(const struct beam_filter *filter, uint32_t node);
/* Lists allowed nodes around `node` that were not seen, two steps deep. 0 or KITH_ECORRUPT. */
KITH_NODISCARD int filter_hop(struct beam *beam, const struct graph_layer *layer,
                              const struct beam_filter *filter, uint32_t node, struct hop *hop);
/* Lists allowed nodes from all over the graph that were not seen. 0 or KITH_ECORRUPT. */
KITH_NODISCARD int filter_sample(struct beam *beam, const struct graph_layer *layer,
                                 const struct beam_filter *filter, struct hop *hop);

#endif
