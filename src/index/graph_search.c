/*
 * Searching a graph: encode the query, go down the levels, walk the bottom, rerank.
 *
 * Rerank: candidates come in order of navigation distance, which is within an error known since the
 * build. Exact distances are computed from the best on, in small gathers, until the next candidate
 * could not be among the k best even if its distance were ERROR_BOUND errors less than it seems.
 * When codes are lossless and the query is too, navigation distances are the distances.
 *
 * Filters: the walk keeps to allowed nodes (graph_filter.c), or it goes through all nodes until
 * enough allowed ones are settled; adapt.c chooses, and scans where that is cheaper. A walk that
 * costs much more than the scan of all allowed rows gives up, and these are scanned: a filter that
 * lies far from its query cannot make a search slower than that.
 *
 * Threading: any number of searches at once. Scratch is taken from a few slots by atomic exchange
 * and put back, so a search allocates nothing once as many beams exist as searches run together.
 */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/endian.h"
#include "index/adapt.h"
#include "index/graph_format.h"

#define ERROR_BOUND 4.0f
#define RERANK_ROWS 16u

/* ---- scratch ---- */

static struct beam *beam_take(const struct graph *graph)
{
    /* The slots are the only part of an opened graph that changes. */
    struct graph *owner = (struct graph *)(uintptr_t)graph;
    for (size_t i = 0; i < GRAPH_BEAMS; i++) {
        struct beam *beam = atomic_exchange_explicit(&owner->beams[i], NULL, memory_order_acquire);
        if (beam) return beam;
    }
    struct beam *beam = mem_zalloc(sizeof *beam);
    if (!beam) return NULL;
    const size_t floats = scalar_offsets(graph->quantizer.type, graph->quantizer.dim);
    if (beam_init(beam, graph->header.nodes, graph_chunks(&graph->quantizer), floats)) {
        mem_free(beam);
        return NULL;
    }
    return beam;
}

static void beam_return(const struct graph *graph, struct beam *beam)
{
    struct graph *owner = (struct graph *)(uintptr_t)graph;
    for (size_t i = 0; i < GRAPH_BEAMS; i++) {
        struct beam *none = NULL;
        if (atomic_compare_exchange_strong_explicit(&owner->beams[i], &none, beam,
                                                    memory_order_release, memory_order_relaxed)) {
            return;
        }
    }
    beam_release(beam);
    mem_free(beam);
}

/* ---- the walk ---- */

static int find_entry(const struct graph *graph, struct beam *beam, uint32_t *entry)
{
    *entry = 0;
    for (uint32_t l = graph->header.levels; l > 0; l--) {
        const int rc = beam_descend(beam, &graph->layers[l], entry);
        if (rc) return rc;
    }
    if (graph->header.levels == 0) return 0;
    if (section_touch(&graph->down, 4 * (size_t)*entry, 4)) return KITH_ECORRUPT;
    *entry = le32_get(graph->down.data + 4 * (size_t)*entry);
    return 0;
}

/* The rows of a node are rows[*first, *end). */
static int node_rows(const struct graph *graph, uint32_t node, uint32_t *first, uint32_t *end)
{
    *first = node;
    *end = node + 1;
    if (graph->header.shared_nodes) {
        if (section_touch(&graph->first, 4 * (size_t)node, 8)) return KITH_ECORRUPT;
        *first = le32_get(graph->first.data + 4 * (size_t)node);
        *end = le32_get(graph->first.data + 4 * (size_t)node + 4);
    }
    if (*first >= *end || *end > graph->header.rows) return KITH_ECORRUPT;
    const size_t bytes = 4 * (size_t)(*end - *first);
    return section_touch(&graph->rows, 4 * (size_t)*first, bytes) ? KITH_ECORRUPT : 0;
}

/* ---- results ---- */

struct rerank {
    const struct graph *graph;
    const struct index_search *search;
    const struct kernel *kernel; /* exact distances; NULL: navigation distances are exact */
    float factor;
    struct topk top;
    size_t waiting; /* rows of ids whose distance is not computed yet */
    uint32_t ids[RERANK_ROWS];
    uint64_t exact_distances;
    float farthest; /* navigation distance of the last candidate */
};

static void offer(struct rerank *r, float distance, uint32_t row)
{
    if (distance < r->search->bound) topk_push(&r->top, (struct hit){distance, row});
}

static void compute_waiting(struct rerank *r)
{
    const struct vectors *v = r->graph->vectors;
    float distances[RERANK_ROWS];
    r->kernel->gather(r->search->query, v->rows.data, v->stride_bytes, r->ids, r->waiting, v->dim,
                      distances);
    for (size_t i = 0; i < r->waiting; i++) offer(r, distances[i], r->ids[i]);
    r->exact_distances += r->waiting;
    r->waiting = 0;
}

static int add_row(struct rerank *r, uint32_t row, float navigation)
{
    const struct vectors *v = r->graph->vectors;
    if (row >= v->count) return KITH_ECORRUPT;
    if (r->search->allowed && !bitset_get(r->search->allowed, row)) return 0;
    if (!r->kernel) {
        offer(r, navigation, row);
        return 0;
    }
    if (v->rows.guard && vectors_touch(v, row, 1)) return KITH_ECORRUPT;
    const uint8_t *data = v->rows.data + row * v->stride_bytes;
    for (size_t at = 0; at < v->stride_bytes && at < 1024; at += 64) {
        __builtin_prefetch(data + at, 0, 3);
    }
    r->ids[r->waiting++] = row;
    if (r->waiting == RERANK_ROWS) compute_waiting(r);
    return 0;
}

/* Whether a candidate at this navigation distance can still be among the k best. */
static bool may_belong(struct rerank *r, float navigation)
{
    if (r->top.count + r->waiting < r->top.k) return true;
    const float margin = r->kernel ? ERROR_BOUND * r->graph->header.error : 0.0f;
    if (r->waiting > 0 && r->top.count < r->top.k) compute_waiting(r);
    return r->top.count < r->top.k || navigation - margin <= topk_bound(&r->top);
}

static int rerank_keys(struct rerank *r, const uint64_t *keys, size_t count)
{
    if (count > 0) r->farthest = (float)key_distance(keys[count - 1]) * r->factor;
    for (size_t i = 0; i < count; i++) {
        const float navigation = (float)key_distance(keys[i]) * r->factor;
        if (key_node(keys[i]) + 1 == r->search->skip) continue; /* it was the entry */
        if (!may_belong(r, navigation)) break;
        uint32_t first;
        uint32_t end;
        int rc = node_rows(r->graph, key_node(keys[i]), &first, &end);
        for (uint32_t j = first; !rc && j < end; j++) {
            rc = add_row(r, le32_get(r->graph->rows.data + 4 * (size_t)j), navigation);
        }
        if (rc) return rc;
    }
    if (r->waiting > 0) compute_waiting(r);
    topk_sort(&r->top);
    return 0;
}

/* ---- searching ---- */

static int walk(const struct graph *graph, const struct index_search *search, struct beam *beam,
                struct scalar_query *query, struct index_walk_plan plan)
{
    query->code = beam->query;
    scalar_encode_query(&graph->quantizer, search->query, beam->row,
                        graph_chunks(&graph->quantizer) * WALK_CHUNK, query);
    beam->code = (struct walk_query){beam->query, query->base};
    beam->skip = search->skip;
    beam->hops = 0;
    beam->steps = 0;
    beam->distances = 0;
    if (beam_reserve(beam, plan.pool, plan.found)) return KITH_ENOMEM;
    if (plan.way == INDEX_WALK_ALLOWED && beam_reserve_steps(beam)) return KITH_ENOMEM;
    uint32_t entry;
    const int rc = find_entry(graph, beam, &entry);
    if (rc) return rc;
    const struct beam_filter filter = {
        .allowed = search->allowed, .rows = &graph->rows,
        .first = graph->header.shared_nodes ? &graph->first : NULL,
        .only = plan.way == INDEX_WALK_ALLOWED, .work_max = plan.work_max,
        .share = (double)search->allowed_count / (double)graph->header.rows};
    const struct beam_poll poll = {search->poll, search->poll_ctx};
    return beam_walk(beam, &graph->layers[0], entry, search->allowed ? &filter : NULL, &poll);
}

/* *gave_up: fewer than `wanted` came although the walk never left the bound, so that what is
 * missing lies where it did not come, or the graph is odd. */
static int search_graph(const struct graph *graph, const struct index_search *search,
                        struct index_walk_plan plan, size_t wanted, struct hit *hits,
                        size_t *count, bool *gave_up)
{
    struct beam *beam = beam_take(graph);
    if (!beam) return KITH_ENOMEM;
    struct scalar_query query;
    struct rerank r = {.graph = graph, .search = search, .farthest = -INFINITY};
    int rc = walk(graph, search, beam, &query, plan);
    if (!rc && beam->gave_up) {
        *gave_up = true;
    } else if (!rc) {
        r.factor = query.distance;
        if (!query.exact) r.kernel = kernel_get(graph->vectors->metric, graph->vectors->type);
        topk_init(&r.top, hits, search->k);
        rc = plan.found > 0 ? rerank_keys(&r, beam->found, beam->found_count)
                            : rerank_keys(&r, beam->pool, beam->pool_count);
        *count = r.top.count;
        *gave_up = r.top.count < wanted && r.farthest < search->bound;
    }
    if (search->stats) {
        search->stats->nodes_visited += beam->hops;
        search->stats->nodes_stepped += beam->steps;
        search->stats->distances += beam->distances;
        search->stats->exact_distances += r.exact_distances;
    }
    beam_return(graph, beam);
    return rc;
}

uint32_t index_nodes(const struct index *index)
{
    return strcmp(index->ops->kind, "HNSW") == 0 ? ((const struct graph *)index)->header.nodes : 0;
}

bool index_sample(const struct index *index, uint32_t node, uint32_t *row, uint32_t *skip)
{
    const struct graph *graph = (const struct graph *)index;
    uint32_t first, end;
    if (node >= index_nodes(index) || node_rows(graph, node, &first, &end) || end - first != 1)
        return false;
    *row = le32_get(graph->rows.data + 4 * (size_t)first);
    *skip = node + 1;
    return *row < graph->header.rows;
}

static int fail(int rc, struct kith_error *err)
{
    switch (rc) {
    case KITH_ECORRUPT: return error_set(err, rc, "graph index: a page or an id is damaged");
    case KITH_ENOMEM: return error_set(err, rc, "no memory to search a graph");
    default: return error_set(err, rc, "the search was stopped");
    }
}

int graph_search(const struct index *index, const struct index_search *search, struct hit *hits,
                 size_t *count, struct kith_error *err)
{
    const struct graph *graph = (const struct graph *)index;
    const size_t rows = graph->header.rows;
    const size_t allowed = search->allowed ? search->allowed_count : rows;
    if (search->allowed && search->allowed->bits < rows) {
        return error_set(err, KITH_EINVAL, "a filter of %zu bits for %zu rows",
                         search->allowed->bits, rows);
    }
    size_t found = 0;
    const size_t wanted = search->k < allowed ? search->k : allowed;
    if (wanted == 0) {
        *count = 0;
        return 0;
    }
    const struct index_walk_input input = {
        .mode = search->mode, .ef = search->ef, .k = search->k, .rows = rows, .allowed = allowed,
        .filtered = search->allowed != NULL, .degree = graph->header.capacity,
        .row_bytes = graph->vectors->stride_bytes};
    const struct index_walk_plan plan = index_walk_adapt(&input);
    bool scan = plan.way == INDEX_WALK_NONE;
    if (!scan) {
        const int rc = search_graph(graph, search, plan, wanted, hits, &found, &scan);
        if (rc) return fail(rc, err);
    }
    if (scan) {
        return index_scan(graph->vectors, search, hits, count, err);
    }
    *count = found;
    return 0;
}
