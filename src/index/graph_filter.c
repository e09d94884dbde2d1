/*
 * Walking among allowed nodes only (INDEX_FILTER_WALK), after ACORN-1 (Patel et al. 2024): when
 * only a share of the nodes may be returned, the graph between them falls apart, so a hop also
 * looks through the lists of neighbours that are not allowed, for allowed nodes two steps away.
 * Nodes that are not allowed cost a look at their list and never a distance.
 *
 * How we differ:
 * - lists are looked through nearest first, and only until a hop has found as many allowed nodes as
 *   a list can hold: a filter that allows much costs little;
 * - entries: besides the one the levels lead to, a few allowed nodes from all over the graph, so
 *   that a filter whose rows lie far from the query is entered where they are. Nodes are tried in a
 *   fixed scattered order; a search gives the same result each time.
 *
 * Two bits a node: `seen`, tried or listed; `stepped`, allowed or looked through. Both are cleared
 * by the list of nodes seen. Every id is compared with the number of nodes, every block's pages are
 * verified before it is read. Work is bounded: a list is looked through once a walk.
 */
#include "base/endian.h"
#include "index/graph_internal.h"

/* Allowed nodes to enter by, and how many nodes are tried for each that is expected. */
#define SAMPLES 32u
#define TRIES 2.0
#define TRIES_MAX 4096.0
#define SCATTER UINT32_C(2654435769) /* 2^32 over the golden ratio */

static inline bool u32_read(const struct section *section, size_t i, uint32_t *out)
{
    if (section_touch(section, i * sizeof *out, sizeof *out)) return false;
    *out = le32_get(section->data + i * sizeof *out);
    return true;
}

bool filter_allows(const struct beam_filter *filter, uint32_t node)
{
    uint32_t first = node;
    uint32_t end = node + 1;
    if (filter->first && !(u32_read(filter->first, node, &first) &&
                           u32_read(filter->first, (size_t)node + 1, &end))) {
        return false;
    }
    for (uint32_t i = first; i < end; i++) {
        uint32_t row;
        if (!u32_read(filter->rows, i, &row)) return false;
        if (row < filter->allowed->bits && bitset_get(filter->allowed, row)) return true;
    }
    return false;
}

/* Without a page to verify and with one row a node, which is the usual case. */
static inline bool allows_plain(const struct beam_filter *filter, uint32_t node)
{
    const uint32_t row = le32_get(filter->rows->data + sizeof(uint32_t) * (size_t)node);
    const uint32_t last = (uint32_t)filter->allowed->bits - 1;
    const uint64_t word = filter->allowed->words[(row < last ? row : last) >> 6];
    return (row <= last) & (word >> (row & 63) & 1);
}

static inline void bit_set(uint64_t *bits, uint32_t node)
{
    bits[node >> 6] |= UINT64_C(1) << (node & 63);
}

static inline bool bit_get(const uint64_t *bits, uint32_t node)
{
    return (bits[node >> 6] >> (node & 63) & 1) != 0;
}

/* Lists the unseen of a node's neighbours and marks them. Without branches on what is a coin toss,
 * like walk_expand; what is asked from memory is not codes but the numbers of rows. -1: an id is
 * out of range. */
static int list_unseen(struct beam *beam, const struct graph_layer *layer,
                       const struct beam_filter *filter, uint32_t node, uint32_t *out)
{
    const uint32_t *list = layer_links(layer, node);
    const struct section *numbers = filter->first ? filter->first : filter->rows;
    int found = 0;
    for (uint32_t j = 0; j < layer->capacity && list[j] != node; j++) {
        const uint32_t id = list[j];
        if (id >= layer->count) {
            beam->entered_count = SIZE_MAX / 2; /* which bits were set is not known */
            return -1;
        }
        const uint64_t word = beam->seen[id >> 6];
        const uint64_t bit = UINT64_C(1) << (id & 63);
        out[found] = id;
        found += (word & bit) == 0;
        beam->seen[id >> 6] = word | bit;
    }
    for (int i = 0; i < found; i++) {
        __builtin_prefetch(numbers->data + sizeof(uint32_t) * (size_t)out[i], 0, 3);
    }
    beam_note(beam, out, (size_t)found);
    return found;
}

/* Those of ids that are allowed join the hop. */
static void join_allowed(struct beam *beam, const struct beam_filter *filter, const uint32_t *ids,
                         size_t count, struct hop *hop)
{
    const size_t before = hop->count;
    size_t joined = before;
    const bool plain = !filter->first && !filter->rows->guard;
    for (size_t i = 0; i < count; i++) {
        hop->ids[joined] = ids[i];
        joined += plain ? allows_plain(filter, ids[i]) : filter_allows(filter, ids[i]);
    }
    hop->count = joined;
    for (size_t i = before; i < joined; i++) bit_set(beam->stepped, hop->ids[i]);
}

/* Looks through the lists of nodes that are not allowed. One list is always on its way: the rows
 * of its nodes are being fetched while those of the list before are looked up. */
static int step_over(struct beam *beam, const struct graph_layer *layer,
                     const struct beam_filter *filter, const uint32_t *over, size_t over_count,
                     struct hop *hop)
{
    uint32_t lists[2][GRAPH_CAPACITY_MAX];
    size_t waiting = 0; /* ids of the list before */
    size_t i = 0;
    for (; i < over_count && hop->count < layer->capacity; i++) {
        if (layer_verify(layer, over[i])) return KITH_ECORRUPT;
        const int found = list_unseen(beam, layer, filter, over[i], lists[i % 2]);
        if (found < 0) return KITH_ECORRUPT;
        bit_set(beam->stepped, over[i]);
        beam->steps++;
        join_allowed(beam, filter, lists[(i + 1) % 2], waiting, hop);
        waiting = (size_t)found;
    }
    join_allowed(beam, filter, lists[(i + 1) % 2], waiting, hop);
    return 0;
}

static int hop_ready(const struct graph_layer *layer, const struct hop *hop)
{
    for (size_t i = 0; i < hop->count; i++) {
        if (layer_verify(layer, hop->ids[i])) return KITH_ECORRUPT;
        const uint8_t *code = layer->codes.base + hop->ids[i] * layer->codes.stride;
        for (size_t c = 0; c < layer->codes.chunks; c++) {
            __builtin_prefetch(code + c * WALK_CHUNK, 0, 3);
        }
    }
    return 0;
}

int filter_hop(struct beam *beam, const struct graph_layer *layer,
               const struct beam_filter *filter, uint32_t node, struct hop *hop)
{
    uint32_t ids[GRAPH_CAPACITY_MAX];
    hop->count = 0;
    beam->hops++;
    const int found = list_unseen(beam, layer, filter, node, ids);
    if (found < 0) return KITH_ECORRUPT;
    join_allowed(beam, filter, ids, (size_t)found, hop);
    const uint32_t *list = layer_links(layer, node);
    size_t over = 0;
    for (uint32_t j = 0; j < layer->capacity && list[j] != node; j++) {
        if (bit_get(beam->stepped, list[j])) continue;
        ids[over++] = list[j];
        prefetch_links(layer, list[j]);
    }
    const int rc = step_over(beam, layer, filter, ids, over, hop);
    return rc ? rc : hop_ready(layer, hop);
}

int filter_sample(struct beam *beam, const struct graph_layer *layer,
                  const struct beam_filter *filter, struct hop *hop)
{
    double tries = TRIES * (double)SAMPLES / filter->share;
    if (!(tries < TRIES_MAX)) tries = TRIES_MAX;
    hop->count = 0;
    for (uint32_t i = 0; i < (uint32_t)tries && hop->count < SAMPLES; i++) {
        const uint32_t node = (uint32_t)((uint64_t)(i * SCATTER) * layer->count >> 32);
        if (bit_get(beam->seen, node)) continue;
        bit_set(beam->seen, node);
        beam_note(beam, &node, 1);
        join_allowed(beam, filter, &node, 1, hop);
    }
    return hop_ready(layer, hop);
}
