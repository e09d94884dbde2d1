/*
 * Building a graph: train, encode, insert, connect, order, write.
 *
 * The result is a function of rows, parameters and format version only: the order of insertion is a
 * fixed shuffle, batches follow from the count, distances are integers, and what is float
 * (training, the error figure) is plain C in a fixed order. Threads and instruction sets change the
 * time.
 *
 * Memory while building, a row: code (chunks * 64), list ((capacity + slack) * 4), about 20 bytes
 * of numbers, and the blocks being written at the end; reserved from the budget before it is taken.
 */
#include "index/graph_build.h"

#include <string.h>

#include "base/alloc.h"
#include "base/endian.h"

#define LEVEL_FACTOR 16u
#define LEVEL_LEAST 64u
#define ERROR_NODES 256u
#define BLOCK_TASK 256u
#define PAGES_LEAST ((size_t)1 << 20) /* bytes from which a section is made of huge pages */

/* ---- workers ---- */

struct build_worker *build_worker_take(struct graph_build *b)
{
    for (unsigned i = 0;; i = (i + 1) % b->worker_count) {
        struct build_worker *worker = &b->workers[i];
        if (!atomic_exchange_explicit(&worker->taken, true, memory_order_acquire)) return worker;
    }
}

void build_worker_return(struct build_worker *worker)
{
    atomic_store_explicit(&worker->taken, false, memory_order_release);
}

bool build_cancelled(const struct graph_build *b)
{
    return b->job->cancel && atomic_load_explicit(b->job->cancel, memory_order_relaxed);
}

static int worker_init(const struct graph_build *b, struct build_worker *worker)
{
    const size_t ef = BUILD_EF(b->header.ef_construction);
    const size_t lists = (size_t)b->link_room + BUILD_BATCH_MAX;
    worker->room = (ef > lists ? ef : lists) + 1;
    worker->candidates = mem_alloc_array(worker->room, sizeof *worker->candidates);
    worker->ids = mem_alloc_array(worker->room, sizeof *worker->ids);
    worker->distances = mem_alloc_array(worker->room, sizeof *worker->distances);
    worker->alive = mem_alloc_array(worker->room, sizeof *worker->alive);
    const size_t floats = scalar_offsets(b->quantizer.type, b->quantizer.dim);
    worker->other = mem_alloc_array(floats + 1, sizeof *worker->other);
    if (!worker->candidates || !worker->ids || !worker->distances || !worker->alive ||
        !worker->other) {
        return KITH_ENOMEM;
    }
    const int rc = beam_init(&worker->beam, b->header.rows, b->chunks, floats);
    if (rc) return rc;
    worker->beam.code.code = worker->beam.query;
    return beam_reserve(&worker->beam, ef, 0);
}

static void worker_release(struct build_worker *worker)
{
    beam_release(&worker->beam);
    mem_free(worker->candidates);
    mem_free(worker->ids);
    mem_free(worker->distances);
    mem_free(worker->alive);
    mem_free(worker->other);
}

/* ---- memory ---- */

static uint64_t scratch_bytes(const struct graph_build *b)
{
    const uint64_t row = b->chunks * WALK_CHUNK + (uint64_t)b->link_room * sizeof(uint32_t) +
                         graph_block_bytes(&b->quantizer, b->header.capacity) + 24;
    return row * b->header.rows;
}

static int allocate(struct graph_build *b)
{
    const size_t rows = b->header.rows;
    const uint64_t bytes = scratch_bytes(b);
    if (b->job->budget && !budget_reserve(b->job->budget, BUDGET_BUILD, bytes)) {
        return error_set(b->err, KITH_EBUSY,
                         "building this graph takes %llu MiB; the budget is full",
                         (unsigned long long)(bytes >> 20));
    }
    b->reserved_bytes = bytes;
    b->codes_bytes = rows * b->chunks * WALK_CHUNK;
    b->links_bytes = rows * b->link_room * sizeof *b->links;
    b->codes = os_pages_alloc(b->job->os, b->codes_bytes);
    b->links = os_pages_alloc(b->job->os, b->links_bytes);
    b->row_of = mem_alloc_array(rows, sizeof *b->row_of);
    b->node_of = mem_alloc_array(rows, sizeof *b->node_of);
    b->place = mem_alloc_array(rows, sizeof *b->place);
    b->degree = mem_zalloc_array(rows, sizeof *b->degree);
    b->worker_count = b->job->threads > 0 ? b->job->threads : 1;
    b->workers = mem_zalloc_array(b->worker_count, sizeof *b->workers);
    if (!b->codes || !b->links || !b->row_of || !b->node_of || !b->place || !b->degree ||
        !b->workers) {
        return error_set(b->err, KITH_ENOMEM, "no memory to build a graph");
    }
    for (unsigned i = 0; i < b->worker_count; i++) {
        if (worker_init(b, &b->workers[i])) {
            return error_set(b->err, KITH_ENOMEM, "no memory to build a graph");
        }
    }
    return 0;
}

static void release(struct graph_build *b)
{
    if (b->codes) os_pages_free(b->job->os, b->codes, b->codes_bytes);
    if (b->links) os_pages_free(b->job->os, b->links, b->links_bytes);
    mem_free(b->row_of);
    mem_free(b->node_of);
    mem_free(b->place);
    mem_free(b->degree);
    mem_free(b->order);
    for (unsigned i = 0; b->workers && i < b->worker_count; i++) worker_release(&b->workers[i]);
    mem_free(b->workers);
    for (size_t l = 0; l < GRAPH_LEVELS_MAX; l++) mem_free(b->levels[l].links);
    scalar_release(&b->quantizer);
    if (b->job->budget) budget_release(b->job->budget, BUDGET_BUILD, b->reserved_bytes);
}

/* ---- phases ---- */

static int prepare(struct graph_build *b, const struct index_params *params)
{
    const struct vectors *v = b->vectors;
    if (v->count > GRAPH_NODES_MAX) {
        return error_set(b->err, KITH_ELIMIT, "a graph holds at most %u rows", GRAPH_NODES_MAX);
    }
    if (v->dim == 0 || v->dim > graph_dim_max(v->type)) {
        return error_set(b->err, KITH_ELIMIT, "a graph takes 1 to %u dimensions",
                         graph_dim_max(v->type));
    }
    if (v->count > 0 && vectors_touch(v, 0, v->count)) {
        return error_set(b->err, KITH_ECORRUPT, "the vectors of a graph to be built are damaged");
    }
    const struct index_params p = index_params_adapt(*params, v->count, v->dim);
    b->header = (struct graph_header){.rows = (uint32_t)v->count, .m = p.m, .capacity = 2 * p.m,
                                      .ef_construction = p.ef_construction};
    b->link_room = b->header.capacity + BUILD_SLACK;
    b->kernel = graph_kernel(v->metric);
    const struct scalar_rows rows = {v->rows.data, v->stride_bytes, v->count};
    const int rc = scalar_train(&b->quantizer, v->metric, v->type, v->dim, &rows, b->err);
    if (!rc) b->chunks = graph_chunks(&b->quantizer);
    return rc;
}

static void choose_levels(struct graph_build *b)
{
    uint32_t count = b->header.nodes / LEVEL_FACTOR;
    while (count >= LEVEL_LEAST && b->header.levels < GRAPH_LEVELS_MAX) {
        b->levels[b->header.levels].count = count;
        b->header.level_count[b->header.levels++] = count;
        count /= LEVEL_FACTOR;
    }
}

static int prune_task(void *ctx, size_t task)
{
    struct graph_build *b = ctx;
    if (build_cancelled(b)) return KITH_ECANCELLED;
    struct build_worker *worker = build_worker_take(b);
    const size_t end = (task + 1) * BLOCK_TASK;
    for (size_t i = task * BLOCK_TASK; i < end && i < b->header.nodes; i++) {
        build_prune(b, worker, (uint32_t)i, b->header.capacity);
    }
    build_worker_return(worker);
    return 0;
}

/* ---- the image ---- */

static uint8_t *section_add(const struct graph_build *b, struct index_image *image, uint32_t id,
                            size_t len)
{
    struct index_section *section = &image->sections[image->count];
    *section = (struct index_section){.id = id, .len = len, .hot = true};
    section->pages = len >= PAGES_LEAST;
    section->data = section->pages ? os_pages_alloc(b->job->os, len) : mem_alloc(len);
    if (!section->data) return NULL;
    image->count++;
    return section->data;
}

struct block_job {
    const struct graph_build *b;
    uint8_t *out;
    size_t block_bytes;
};

/* A block: code, then ids mapped by `place` (NULL: as they are), then the node's own id. */
static void block_write(const struct block_job *job, uint8_t *out, const uint8_t *code,
                        const uint32_t *links, uint32_t self, const uint32_t *place)
{
    const struct graph_build *b = job->b;
    const size_t code_bytes = b->chunks * WALK_CHUNK;
    memcpy(out, code, code_bytes);
    uint8_t *ids = out + code_bytes;
    const uint32_t own = place ? place[self] : self;
    for (uint32_t j = 0; j < b->header.capacity; j++) {
        const uint32_t id = links[j];
        le32_put(ids + 4 * (size_t)j, id == self ? own : place ? place[id] : id);
    }
    memset(ids + 4 * (size_t)b->header.capacity, 0,
           job->block_bytes - code_bytes - 4 * (size_t)b->header.capacity);
}

static int block_task(void *ctx, size_t task)
{
    const struct block_job *job = ctx;
    const struct graph_build *b = job->b;
    const size_t end = (task + 1) * BLOCK_TASK;
    for (size_t i = task * BLOCK_TASK; i < end && i < b->header.nodes; i++) {
        const uint32_t position = b->order[i];
        block_write(job, job->out + i * job->block_bytes, build_code(b, position),
                    build_links(b, position), position, b->place);
    }
    return 0;
}

static int write_blocks(const struct graph_build *b, struct index_image *image)
{
    struct block_job job = {.b = b};
    job.block_bytes = graph_block_bytes(&b->quantizer, b->header.capacity);
    job.out = section_add(b, image, GRAPH_SECTION_BLOCKS, b->header.nodes * job.block_bytes);
    if (!job.out) return KITH_ENOMEM;
    const size_t tasks = (b->header.nodes + BLOCK_TASK - 1) / BLOCK_TASK;
    return pool_for(b->job->pool, b->job->threads, tasks, block_task, &job);
}

static int write_upper(const struct graph_build *b, struct index_image *image)
{
    size_t nodes = 0;
    for (uint32_t l = 0; l < b->header.levels; l++) nodes += b->header.level_count[l];
    if (nodes == 0) return 0;
    const size_t block_bytes = graph_block_bytes(&b->quantizer, b->header.capacity);
    const struct block_job job = {.b = b, .block_bytes = block_bytes};
    uint8_t *out = section_add(b, image, GRAPH_SECTION_UPPER, nodes * block_bytes);
    if (!out) return KITH_ENOMEM;
    for (uint32_t l = 0; l < b->header.levels; l++) {
        const uint32_t *links = b->levels[l].links;
        for (uint32_t i = 0; i < b->header.level_count[l]; i++, out += block_bytes) {
            block_write(&job, out, build_code(b, i), links + (size_t)i * b->header.capacity, i,
                        NULL);
        }
    }
    uint8_t *down = section_add(b, image, GRAPH_SECTION_DOWN, 4 * (size_t)b->header.level_count[0]);
    if (!down) return KITH_ENOMEM;
    for (uint32_t i = 0; i < b->header.level_count[0]; i++) {
        le32_put(down + 4 * (size_t)i, b->place[i]);
    }
    return 0;
}

/* Rows grouped by node, ascending inside: a counting sort. */
static int write_rows(const struct graph_build *b, struct index_image *image)
{
    const uint32_t rows = b->header.rows;
    const uint32_t nodes = b->header.nodes;
    uint8_t *out = section_add(b, image, GRAPH_SECTION_ROWS, 4 * (size_t)rows);
    if (!out) return KITH_ENOMEM;
    uint32_t *first = mem_zalloc_array((size_t)nodes + 1, sizeof *first);
    if (!first) return KITH_ENOMEM;
    for (uint32_t row = 0; row < rows; row++) first[b->place[b->node_of[row]] + 1]++;
    for (uint32_t i = 0; i < nodes; i++) first[i + 1] += first[i];
    uint8_t *saved = NULL;
    if (b->header.shared_nodes) {
        saved = section_add(b, image, GRAPH_SECTION_FIRST, 4 * ((size_t)nodes + 1));
        if (saved) memcpy(saved, first, 4 * ((size_t)nodes + 1));
    }
    for (uint32_t row = 0; row < rows; row++) {
        le32_put(out + 4 * (size_t)first[b->place[b->node_of[row]]]++, row);
    }
    mem_free(first);
    return b->header.shared_nodes && !saved ? KITH_ENOMEM : 0;
}

static int write_image(const struct graph_build *b, struct index_image *image)
{
    size_t len;
    uint8_t *header = graph_header_encode(&b->header, &b->quantizer, &len);
    if (!header) return error_set(b->err, KITH_ENOMEM, "no memory to write a graph");
    image->sections[image->count++] =
        (struct index_section){.id = GRAPH_SECTION_HEADER, .data = header, .len = len};
    if (b->header.nodes == 0) return 0;
    int rc = write_blocks(b, image);
    if (!rc) rc = write_rows(b, image);
    if (!rc) rc = write_upper(b, image);
    return rc ? error_set(b->err, rc, "writing a graph failed") : 0;
}

static int build_nodes(struct graph_build *b)
{
    int rc = allocate(b);
    if (!rc) rc = build_codes(b);
    if (rc) return rc;
    choose_levels(b);
    rc = build_insert(b);
    if (rc) return rc;
    const size_t tasks = (b->header.nodes + BLOCK_TASK - 1) / BLOCK_TASK;
    rc = pool_for(b->job->pool, b->job->threads, tasks, prune_task, b);
    if (rc) return error_set(b->err, rc, "building a graph was stopped");
    rc = build_balance(b);
    if (!rc) rc = build_connect(b);
    if (!rc) rc = build_order(b);
    if (!rc && !b->quantizer.lossless) {
        const uint32_t samples = b->header.nodes < ERROR_NODES ? b->header.nodes : ERROR_NODES;
        b->header.error = build_error(b, &b->workers[0], samples);
    }
    return rc;
}

int graph_build_on(const struct graph_base *base, const struct vectors *vectors,
                   const struct index_params *params, const struct index_job *job,
                   struct index_image *out, struct kith_error *err)
{
    struct graph_build b = {.vectors = vectors, .job = job, .err = err};
    struct index_image image = {0};
    int rc = prepare(&b, params);
    if (base && base->graph->header.capacity == b.header.capacity) b.base = base;
    if (!rc && b.header.rows > 0) rc = build_nodes(&b);
    if (!rc) rc = write_image(&b, &image);
    release(&b);
    if (rc) {
        index_image_release(job->os, &image);
        return rc;
    }
    *out = image;
    return 0;
}

int graph_build(const struct vectors *vectors, const struct index_params *params,
                const struct index_job *job, struct index_image *out, struct kith_error *err)
{
    return graph_build_on(NULL, vectors, params, job, out, err);
}
