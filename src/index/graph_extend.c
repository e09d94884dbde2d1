/*
 * A build that takes up the graph of other rows: nodes whose rows are still there keep their
 * neighbours, only rows that it has not seen are inserted. A sixteenth of all nodes is inserted
 * besides, for the levels, which have to be graphs of a random sample; a narrow search does for
 * those, as they lead down to one node.
 *
 * Neighbours that are gone are replaced by theirs (one step, nearest first) and the list is chosen
 * anew: the repair of FreshDiskANN (Singh et al. 2021), at once for all that went. Balancing and
 * connecting then treat the graph like any other, so a node that lost all ways to it gets new ones.
 *
 * Codes are trained anew, because rows that come later may lie elsewhere; lists survive that, as
 * they are chosen by distances which codes change by little. A node of several rows may fall apart
 * then: its first row keeps the list, the others are inserted.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/endian.h"
#include "index/graph_build.h"

#define NONE UINT32_MAX
#define POLL_NODES 1024u
#define LEAST_SHARE 4u /* below one in so many nodes there is nothing worth to be taken up */

static uint32_t first_row(const struct graph *graph, uint32_t node)
{
    return graph->header.shared_nodes ? le32_get(graph->first.data + 4 * (size_t)node) : node;
}

/* The first row of a node that is still there, as it is called now. Damage is NONE too. */
static uint32_t survivor(const struct graph_base *base, uint32_t node)
{
    const struct graph *graph = base->graph;
    const uint32_t end = first_row(graph, node + 1);
    for (uint32_t i = first_row(graph, node); i < end && i < graph->header.rows; i++) {
        const uint32_t row = le32_get(graph->rows.data + 4 * (size_t)i);
        if (row < graph->header.rows && base->rows[row] != INDEX_ROW_GONE) return base->rows[row];
    }
    return NONE;
}

uint32_t build_base_order(struct graph_build *b)
{
    const uint32_t rows = b->header.rows;
    uint32_t first = 0, end = rows;
    memset(b->node_of, 0, rows * sizeof *b->node_of); /* here: whether a row has its place */
    for (uint32_t node = 0; node < b->base->graph->header.nodes; node++) {
        const uint32_t row = survivor(b->base, node);
        if (row == NONE || b->node_of[row]) continue;
        b->node_of[row] = 1;
        b->row_of[first++] = row;
    }
    if (first < rows / LEAST_SHARE) return 0;
    for (uint32_t row = rows; row > 0; row--) {
        if (!b->node_of[row - 1]) b->row_of[--end] = row - 1;
    }
    return first;
}

/* ---- lists ---- */

struct taking {
    struct graph_build *b;
    struct build_worker *worker;
    const uint32_t *position; /* borrows: of the base's nodes; NONE: gone */
    uint32_t self;
    size_t count; /* of worker->ids */
    size_t most;
};

static void add(struct taking *t, uint32_t position)
{
    if (position == t->self || t->count == t->most) return;
    for (size_t i = 0; i < t->count; i++) {
        if (t->worker->ids[i] == position) return;
    }
    t->worker->ids[t->count++] = position;
}

/* The list of a node of the base; it ends with the node itself. */
static void add_list(struct taking *t, uint32_t node, bool repair)
{
    const struct graph *graph = t->b->base->graph;
    const uint32_t *links = layer_links(&graph->layers[0], node);
    for (uint32_t j = 0; j < graph->header.capacity && links[j] != node; j++) {
        if (links[j] >= graph->header.nodes) return;
        const uint32_t position = t->position[links[j]];
        if (position != NONE) add(t, position);
        else if (repair) add_list(t, links[j], false);
    }
}

static void take_list(struct taking *t, uint32_t node)
{
    struct graph_build *b = t->b;
    t->self = t->position[node];
    t->count = 0;
    if (t->self == NONE || b->degree[t->self] > 0) return;
    add_list(t, node, true);
    uint32_t *links = build_links(b, t->self);
    if (t->count > b->header.capacity) {
        build_shorten(b, t->worker, t->self, t->count, b->header.capacity);
        return;
    }
    memcpy(links, t->worker->ids, t->count * sizeof *links);
    for (size_t i = t->count; i < b->link_room; i++) links[i] = t->self;
    b->degree[t->self] = (uint16_t)t->count;
}

static void start_lists(struct graph_build *b)
{
    memset(b->degree, 0, b->base_nodes * sizeof *b->degree);
    for (uint32_t i = 0; i < b->base_nodes; i++) {
        for (uint32_t j = 0; j < b->link_room; j++) build_links(b, i)[j] = i;
    }
}

int build_take_base(struct graph_build *b)
{
    const uint32_t nodes = b->base->graph->header.nodes;
    uint32_t *position = mem_alloc_array(nodes, sizeof *position);
    if (!position) return error_set(b->err, KITH_ENOMEM, "no memory to extend a graph");
    for (uint32_t i = 0; i < nodes; i++) {
        const uint32_t row = survivor(b->base, i);
        position[i] = row == NONE ? NONE : b->node_of[row];
        if (position[i] != NONE && position[i] >= b->base_nodes) position[i] = NONE;
    }
    start_lists(b);
    struct build_worker *worker = build_worker_take(b);
    struct taking t = {.b = b, .worker = worker, .position = position,
                       .most = 4 * (size_t)b->header.capacity};
    int rc = 0;
    for (uint32_t i = 0; !rc && i < nodes; i++) {
        if (i % POLL_NODES == 0 && build_cancelled(b)) rc = KITH_ECANCELLED;
        else take_list(&t, i);
    }
    build_worker_return(worker);
    mem_free(position);
    return rc ? error_set(b->err, rc, "extending a graph was stopped") : 0;
}

/* ---- the contract ---- */

static int check_base(const struct index_base *base, const struct vectors *vectors,
                      struct kith_error *err)
{
    const struct graph *graph = (const struct graph *)base->index;
    for (uint32_t i = 0; i < graph->header.rows; i++) {
        if (base->rows[i] == INDEX_ROW_GONE || base->rows[i] < vectors->count) continue;
        return error_set(err, KITH_EINVAL, "a row of the graph that is extended has no place");
    }
    if (section_touch(&graph->blocks, 0, graph->blocks.len) ||
        section_touch(&graph->rows, 0, graph->rows.len) ||
        section_touch(&graph->first, 0, graph->first.len)) {
        return error_set(err, KITH_ECORRUPT, "the graph that is extended is damaged");
    }
    return 0;
}

int index_extend(const struct index_base *base, const struct vectors *vectors,
                 const struct index_params *params, const struct index_job *job,
                 struct index_image *out, struct kith_error *err)
{
    const struct index_ops *ops = base->index->ops;
    if (strcmp(ops->kind, "HNSW") != 0) return ops->build(vectors, params, job, out, err);
    const int rc = check_base(base, vectors, err);
    if (rc) return rc;
    const struct graph_base graph = {(const struct graph *)base->index, base->rows};
    return graph_build_on(&graph, vectors, params, job, out, err);
}
