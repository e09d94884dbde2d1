/*
 * The slow whole-structure validator behind `kith check`: everything the walk checks on the way,
 * for every node, and what it does not need: that rows is a permutation, that first ascends, and
 * that every node can be reached from the entry.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/bitset.h"
#include "base/endian.h"
#include "index/graph_format.h"

static int bad(struct kith_error *err, uint64_t position, const char *what)
{
    return error_set_at(err, KITH_ECORRUPT, position, "graph index: %s", what);
}

static int touch_all(const struct graph *graph, struct kith_error *err)
{
    const struct section *const all[] = {&graph->blocks, &graph->rows, &graph->first, &graph->upper,
                                         &graph->down};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (section_touch(all[i], 0, all[i]->len)) return bad(err, i, "a page is damaged");
    }
    return 0;
}

static int check_layer(const struct graph_layer *layer, struct kith_error *err)
{
    for (uint32_t node = 0; node < layer->count; node++) {
        const uint32_t *links = layer_links(layer, node);
        for (uint32_t j = 0; j < layer->capacity && links[j] != node; j++) {
            if (links[j] >= layer->count) return bad(err, node, "a neighbour is out of range");
        }
    }
    return 0;
}

static int check_rows(const struct graph *graph, struct bitset *seen, struct kith_error *err)
{
    for (uint32_t i = 0; i < graph->header.rows; i++) {
        const uint32_t row = le32_get(graph->rows.data + 4 * (size_t)i);
        if (row >= graph->header.rows) return bad(err, i, "a row is out of range");
        if (bitset_get(seen, row)) return bad(err, i, "a row is there twice");
        bitset_set(seen, row);
    }
    return 0;
}

static int check_first(const struct graph *graph, struct kith_error *err)
{
    if (!graph->header.shared_nodes) return 0;
    uint32_t before = le32_get(graph->first.data);
    if (before != 0) return bad(err, 0, "the first node does not have the first row");
    for (uint32_t i = 1; i <= graph->header.nodes; i++) {
        const uint32_t first = le32_get(graph->first.data + 4 * (size_t)i);
        if (first <= before) return bad(err, i, "a node without rows");
        before = first;
    }
    return before == graph->header.rows ? 0 : bad(err, graph->header.nodes, "rows without a node");
}

static int check_reach(const struct graph_layer *layer, struct bitset *seen, uint32_t *queue,
                       struct kith_error *err)
{
    uint32_t taken = 0;
    uint32_t reached = 1;
    queue[0] = 0;
    bitset_set(seen, 0);
    while (taken < reached) {
        const uint32_t node = queue[taken++];
        const uint32_t *links = layer_links(layer, node);
        for (uint32_t j = 0; j < layer->capacity && links[j] != node; j++) {
            if (bitset_get(seen, links[j])) continue;
            bitset_set(seen, links[j]);
            queue[reached++] = links[j];
        }
    }
    return reached == layer->count ? 0 : bad(err, reached, "a node that cannot be reached");
}

static int check_down(const struct graph *graph, struct kith_error *err)
{
    const uint32_t count = graph->header.levels > 0 ? graph->header.level_count[0] : 0;
    for (uint32_t i = 0; i < count; i++) {
        if (le32_get(graph->down.data + 4 * (size_t)i) >= graph->header.nodes) {
            return bad(err, i, "a way down is out of range");
        }
    }
    return 0;
}

static int check_all(const struct graph *graph, struct bitset *seen, uint32_t *queue,
                     struct kith_error *err)
{
    int rc = touch_all(graph, err);
    for (uint32_t l = 0; !rc && l <= graph->header.levels; l++) {
        rc = check_layer(&graph->layers[l], err);
    }
    if (!rc) rc = check_down(graph, err);
    if (!rc) rc = check_rows(graph, seen, err);
    if (!rc) rc = check_first(graph, err);
    if (rc) return rc;
    bitset_fill(seen, false);
    return check_reach(&graph->layers[0], seen, queue, err);
}

int graph_validate(const struct index *index, struct kith_error *err)
{
    const struct graph *graph = (const struct graph *)index;
    if (graph->header.nodes == 0) return 0;
    struct bitset seen = {0};
    uint32_t *queue = mem_alloc_array(graph->header.nodes, sizeof *queue);
    int rc = bitset_init(&seen, graph->header.rows, false);
    if (rc || !queue) {
        rc = error_set(err, KITH_ENOMEM, "no memory to check a graph");
    } else {
        rc = check_all(graph, &seen, queue, err);
    }
    bitset_release(&seen);
    mem_free(queue);
    return rc;
}
