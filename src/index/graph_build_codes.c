/*
 * First phase of the build: from rows to distinct codes in the order of insertion.
 *
 * Rows are shuffled with a fixed seed. So a batch of insertions is a random sample even when rows
 * arrive sorted (neighbours inserted in one batch do not see each other), and any prefix is a
 * random sample of the whole, which is what a level of the hierarchy has to be.
 *
 * Rows with equal codes become one node. A set with thousands of copies of one vector would
 * otherwise fill neighbour lists with copies, and the copies would be an island.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/checksum.h"
#include "base/endian.h"
#include "base/rng.h"
#include "index/graph_build.h"

#define SHUFFLE_SEED UINT64_C(0x6b697468)
#define ENCODE_ROWS 512u
#define EMPTY UINT32_MAX

static void shuffle(uint32_t *items, uint32_t count)
{
    struct rng rng;
    rng_init(&rng, SHUFFLE_SEED);
    for (uint32_t i = count; i > 1; i--) {
        const uint32_t j = (uint32_t)rng_below(&rng, i);
        const uint32_t item = items[i - 1];
        items[i - 1] = items[j];
        items[j] = item;
    }
}

static int encode_rows(void *ctx, size_t task)
{
    struct graph_build *b = ctx;
    if (build_cancelled(b)) return KITH_ECANCELLED;
    struct build_worker *worker = build_worker_take(b);
    const size_t bytes = b->chunks * WALK_CHUNK;
    const size_t end = (task + 1) * ENCODE_ROWS;
    for (size_t i = task * ENCODE_ROWS; i < end && i < b->header.rows; i++) {
        uint8_t *code = b->codes + i * bytes;
        uint32_t bias;
        scalar_encode(&b->quantizer,
                      b->vectors->rows.data + b->row_of[i] * b->vectors->stride_bytes,
                      worker->beam.row, code, &bias);
        le32_put(code + bytes - sizeof bias, bias);
    }
    build_worker_return(worker);
    return 0;
}

/* Finds the slot of code `i`: that of an equal code seen before, or an empty one. */
static size_t slot_find(const struct graph_build *b, const uint32_t *table, size_t mask, uint32_t i)
{
    const size_t bytes = b->chunks * WALK_CHUNK;
    const uint8_t *code = build_code(b, i);
    size_t slot = (size_t)hash64(code, bytes, 0) & mask;
    while (table[slot] != EMPTY && memcmp(build_code(b, table[slot]), code, bytes) != 0) {
        slot = (slot + 1) & mask;
    }
    return slot;
}

/* Moves the first of each set of equal codes to the front, in order, and numbers them. */
static int merge_equal(struct graph_build *b)
{
    size_t slots = 16;
    while (slots < 2 * (size_t)b->header.rows) slots *= 2;
    uint32_t *table = mem_alloc_array(slots, sizeof *table);
    if (!table) return error_set(b->err, KITH_ENOMEM, "no memory to compare codes");
    for (size_t i = 0; i < slots; i++) table[i] = EMPTY;
    const size_t bytes = b->chunks * WALK_CHUNK;
    uint32_t nodes = 0;
    for (uint32_t i = 0; i < b->header.rows; i++) {
        const uint32_t row = b->row_of[i];
        const size_t slot = slot_find(b, table, slots - 1, i);
        if (table[slot] == EMPTY) {
            memmove(b->codes + nodes * bytes, b->codes + i * bytes, bytes);
            table[slot] = nodes;
            b->row_of[nodes++] = row;
        }
        b->node_of[row] = table[slot];
        if (i < b->base_rows) b->base_nodes = nodes;
    }
    mem_free(table);
    b->header.nodes = nodes;
    b->header.shared_nodes = nodes != b->header.rows;
    return 0;
}

/* Nodes that have their lists already come first, so that the others are inserted into them. */
static void order_rows(struct graph_build *b)
{
    const uint32_t rows = b->header.rows;
    b->base_rows = b->base ? build_base_order(b) : 0;
    if (b->base_rows == 0) {
        b->base = NULL;
        for (uint32_t i = 0; i < rows; i++) b->row_of[i] = i;
    }
    shuffle(b->row_of, b->base_rows);
    shuffle(b->row_of + b->base_rows, rows - b->base_rows);
}

int build_codes(struct graph_build *b)
{
    order_rows(b);
    const size_t tasks = (b->header.rows + ENCODE_ROWS - 1) / ENCODE_ROWS;
    const int rc = pool_for(b->job->pool, b->job->threads, tasks, encode_rows, b);
    if (rc) return error_set(b->err, rc, "encoding rows for a graph was stopped");
    return merge_equal(b);
}
