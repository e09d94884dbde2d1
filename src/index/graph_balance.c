/*
 * After insertion: no node is hard to find.
 *
 * Pruning drops edges by what they are worth to the node that holds them; a node in a sparse place
 * can lose nearly all edges that lead to it, and then only a very wide search meets it. So each
 * node that few edges lead to is offered to its own neighbours, nearest first: there it takes a
 * free place, or that of the farthest neighbour which many edges lead to.
 *
 * One pass in order of position, sequential: a few milliseconds for 10^5 nodes.
 */
#include "base/alloc.h"
#include "index/graph_build.h"

/* Fewer edges than this lead to a node that is hard to find. */
#define IN_LEAST(capacity) ((capacity) / 4)
/* An edge may be taken from a node that keeps this many. */
#define IN_PLENTY(capacity) ((capacity) / 2)

static bool holds(const struct graph_build *b, uint32_t host, uint32_t position)
{
    const uint32_t *links = build_links(b, host);
    for (uint32_t j = 0; j < b->degree[host]; j++) {
        if (links[j] == position) return true;
    }
    return false;
}

static bool offer(const struct graph_build *b, uint32_t *incoming, uint32_t host, uint32_t position)
{
    uint32_t *links = build_links(b, host);
    if (b->degree[host] < b->header.capacity) {
        links[b->degree[host]++] = position;
        incoming[position]++;
        return true;
    }
    for (uint32_t j = b->degree[host]; j > 0; j--) {
        const uint32_t other = links[j - 1];
        if (incoming[other] <= IN_PLENTY(b->header.capacity)) continue;
        incoming[other]--;
        incoming[position]++;
        links[j - 1] = position;
        return true;
    }
    return false;
}

int build_balance(struct graph_build *b)
{
    const uint32_t nodes = b->header.nodes;
    uint32_t *incoming = mem_zalloc_array(nodes, sizeof *incoming);
    if (!incoming) return error_set(b->err, KITH_ENOMEM, "no memory to balance a graph");
    for (uint32_t i = 0; i < nodes; i++) {
        const uint32_t *links = build_links(b, i);
        for (uint32_t j = 0; j < b->degree[i]; j++) incoming[links[j]]++;
    }
    const uint32_t least = IN_LEAST(b->header.capacity);
    for (uint32_t i = 0; i < nodes; i++) {
        const uint32_t *links = build_links(b, i);
        for (uint32_t j = 0; j < b->degree[i] && incoming[i] < least; j++) {
            if (!holds(b, links[j], i)) offer(b, incoming, links[j], i);
        }
    }
    mem_free(incoming);
    return 0;
}
