/*
 * Second phase of the build: insertion in batches, deterministic on any number of threads.
 *
 * The sizes of batches follow from the number of nodes alone. All nodes of a batch search the graph
 * as it was before the batch (frozen: nobody writes it) and write their own lists; then the reverse
 * edges are chained by target in one sequential pass, and each target takes up its chain in
 * parallel (nobody else touches its list). No locks, and no order of events to depend on.
 *
 * A list may grow to capacity + BUILD_SLACK before it is pruned back to capacity, so that a node is
 * pruned once in BUILD_SLACK reverse edges; pruning at each was most of the time of a build.
 *
 * The search for candidates is wider by half than ef_construction asks: a build on integer codes
 * can afford it, and the last hundredth of a percent of recall (fashion, ef 320) needs it.
 *
 * Levels are not built: level l is a copy of the graph when it had n / 16^l nodes. A build that
 * takes up another graph makes them first and then puts that graph in the place of what it has.
 */
#include <string.h>

#include "base/alloc.h"
#include "index/graph_build.h"

#define NONE UINT32_MAX
#define TASK_NODES 16u
#define BATCH_DIVISOR 16u
#define LEVEL_WIDTH 4u /* levels of their own are searched for one node: a narrower search does */

struct insert {
    struct graph_build *b;
    uint32_t first; /* of the batch; also the size of the frozen graph */
    uint32_t count;
    uint32_t *head;    /* owns: a target's first edge, or NONE; one a position */
    uint32_t *next;    /* owns: one an edge */
    uint32_t *targets; /* owns: those with edges in this batch */
    uint32_t target_count;
};

static struct graph_layer layer_of(const struct graph_build *b, const uint32_t *links,
                                   uint32_t capacity, uint32_t count)
{
    const void *bytes = links;
    return (struct graph_layer){.kernel = b->kernel,
                                .codes = {b->codes, b->chunks * WALK_CHUNK, b->chunks},
                                .links = bytes, .link_stride = capacity * sizeof *links,
                                .capacity = capacity, .count = count};
}

/* Where a search of the frozen graph starts: the levels that exist by now lead there. */
static int find_entry(const struct insert *in, struct beam *beam, uint32_t *entry)
{
    const struct graph_build *b = in->b;
    *entry = 0;
    for (uint32_t l = b->header.levels; l > 0; l--) {
        const struct build_level *level = &b->levels[l - 1];
        if (level->count > in->first) break;
        const struct graph_layer layer =
            layer_of(b, level->links, b->header.capacity, level->count);
        const int rc = beam_descend(beam, &layer, entry);
        if (rc) return rc;
    }
    return 0;
}

static int insert_one(const struct insert *in, struct build_worker *worker, uint32_t position)
{
    const struct graph_build *b = in->b;
    struct beam *beam = &worker->beam;
    scalar_code_query(&b->quantizer, build_code(b, position), b->chunks * WALK_CHUNK, beam->query,
                      &beam->code.base);
    uint32_t entry;
    int rc = find_entry(in, beam, &entry);
    if (rc) return rc;
    const struct graph_layer layer = layer_of(b, b->links, b->link_room, in->first);
    rc = beam_walk(beam, &layer, entry, NULL, NULL);
    if (rc) return rc;
    memcpy(worker->candidates, beam->pool, beam->pool_count * sizeof *beam->pool);
    uint32_t *links = build_links(b, position);
    const struct build_choice choice = {b->header.capacity, b->header.capacity};
    const size_t kept = build_select(b, worker, beam->pool_count, choice, links);
    for (size_t i = kept; i < b->link_room; i++) links[i] = position;
    b->degree[position] = (uint16_t)kept;
    return 0;
}

static int insert_task(void *ctx, size_t task)
{
    const struct insert *in = ctx;
    if (build_cancelled(in->b)) return KITH_ECANCELLED;
    struct build_worker *worker = build_worker_take(in->b);
    int rc = 0;
    const uint32_t end = (uint32_t)(task + 1) * TASK_NODES;
    for (uint32_t i = (uint32_t)task * TASK_NODES; !rc && i < end && i < in->count; i++) {
        rc = insert_one(in, worker, in->first + i);
    }
    build_worker_return(worker);
    return rc;
}

/* Edge number e is the link e % capacity of the batch's node e / capacity. */
static void chain_edges(struct insert *in)
{
    const struct graph_build *b = in->b;
    const uint32_t capacity = b->header.capacity;
    in->target_count = 0;
    for (uint32_t i = 0; i < in->count; i++) {
        const uint32_t source = in->first + i;
        const uint32_t *links = build_links(b, source);
        for (uint32_t j = 0; j < b->degree[source]; j++) {
            const uint32_t target = links[j];
            if (in->head[target] == NONE) in->targets[in->target_count++] = target;
            in->next[i * capacity + j] = in->head[target];
            in->head[target] = i * capacity + j;
        }
    }
}

static void take_edges(struct insert *in, struct build_worker *worker, uint32_t target)
{
    const struct graph_build *b = in->b;
    uint32_t *links = build_links(b, target);
    size_t count = b->degree[target];
    memcpy(worker->ids, links, count * sizeof *links);
    for (uint32_t e = in->head[target]; e != NONE; e = in->next[e]) {
        worker->ids[count++] = in->first + e / b->header.capacity;
    }
    in->head[target] = NONE;
    if (count > b->link_room) {
        build_shorten(b, worker, target, count, b->header.capacity);
        return;
    }
    memcpy(links, worker->ids, count * sizeof *links);
    b->degree[target] = (uint16_t)count;
}

static int reverse_task(void *ctx, size_t task)
{
    struct insert *in = ctx;
    struct build_worker *worker = build_worker_take(in->b);
    const uint32_t end = (uint32_t)(task + 1) * TASK_NODES;
    for (uint32_t i = (uint32_t)task * TASK_NODES; i < end && i < in->target_count; i++) {
        take_edges(in, worker, in->targets[i]);
    }
    build_worker_return(worker);
    return 0;
}

static int run(const struct insert *in, uint32_t count, int (*task)(void *, size_t), void *ctx)
{
    const struct index_job *job = in->b->job;
    return pool_for(job->pool, job->threads, (count + TASK_NODES - 1) / TASK_NODES, task, ctx);
}

static int insert_batch(struct insert *in)
{
    int rc = run(in, in->count, insert_task, in);
    if (rc) return rc;
    chain_edges(in);
    return run(in, in->target_count, reverse_task, in);
}

static uint32_t batch_size(const struct graph_build *b, uint32_t first)
{
    uint32_t size = first / BATCH_DIVISOR;
    if (size < 1) size = 1;
    if (size > BUILD_BATCH_MAX) size = BUILD_BATCH_MAX;
    uint32_t end = b->header.nodes;
    for (uint32_t l = 0; l < b->header.levels; l++) { /* a level's copy is taken at its size */
        if (b->levels[l].count > first) end = b->levels[l].count;
    }
    return size < end - first ? size : end - first;
}

static int copy_level(struct graph_build *b, struct build_level *level)
{
    const uint32_t capacity = b->header.capacity;
    level->links = mem_alloc_array((size_t)level->count * capacity, sizeof *level->links);
    if (!level->links) return error_set(b->err, KITH_ENOMEM, "no memory for a level of a graph");
    struct build_worker *worker = build_worker_take(b);
    for (uint32_t i = 0; i < level->count; i++) {
        build_prune(b, worker, i, capacity);
        memcpy(level->links + (size_t)i * capacity, build_links(b, i), capacity * sizeof(uint32_t));
    }
    build_worker_return(worker);
    return 0;
}

static int copy_levels(struct graph_build *b, uint32_t inserted)
{
    for (uint32_t l = 0; l < b->header.levels; l++) {
        if (b->levels[l].count == inserted) return copy_level(b, &b->levels[l]);
    }
    return 0;
}

static int insert_until(struct insert *in, uint32_t end)
{
    struct graph_build *b = in->b;
    const struct index_job *job = b->job;
    while (in->first < end) {
        in->count = batch_size(b, in->first);
        int rc = insert_batch(in);
        if (rc) return error_set(b->err, rc, "building a graph was stopped");
        in->first += in->count;
        rc = copy_levels(b, in->first);
        if (rc) return rc;
        if (job->progress) job->progress(job->progress_ctx, in->first, b->header.nodes);
    }
    return 0;
}

static void set_width(const struct graph_build *b, size_t ef)
{
    for (unsigned i = 0; i < b->worker_count; i++) b->workers[i].beam.ef = ef;
}

/* Levels that nothing below is taken from: nobody searches them for more than a way down. */
static int insert_levels(struct insert *in)
{
    const struct graph_build *b = in->b;
    const size_t ef = BUILD_EF(b->header.ef_construction);
    const size_t narrow = ef / LEVEL_WIDTH > b->header.m ? ef / LEVEL_WIDTH : b->header.m;
    set_width(b, narrow < ef ? narrow : ef);
    const int rc = insert_until(in, b->levels[0].count);
    set_width(b, ef);
    return rc;
}

/* Under a base only the levels are made from nothing. */
static int insert_all(struct insert *in)
{
    struct graph_build *b = in->b;
    if (b->base && b->base_nodes >= b->levels[0].count) {
        int rc = insert_levels(in);
        if (!rc) rc = build_take_base(b);
        if (rc) return rc;
        in->first = b->base_nodes;
    }
    return insert_until(in, b->header.nodes);
}

int build_insert(struct graph_build *b)
{
    const size_t edges = (size_t)BUILD_BATCH_MAX * b->header.capacity;
    struct insert in = {.b = b, .first = 1};
    in.head = mem_alloc_array(b->header.nodes, sizeof *in.head);
    in.targets = mem_alloc_array(edges, sizeof *in.targets);
    in.next = mem_alloc_array(edges, sizeof *in.next);
    int rc = 0;
    if (!in.head || !in.next || !in.targets) {
        rc = error_set(b->err, KITH_ENOMEM, "no memory to insert into a graph");
        goto out;
    }
    memset(in.head, 0xff, (size_t)b->header.nodes * sizeof *in.head);
    for (uint32_t i = 0; i < b->link_room; i++) build_links(b, 0)[i] = 0;
    rc = insert_all(&in);
out:
    mem_free(in.head);
    mem_free(in.next);
    mem_free(in.targets);
    return rc;
}
