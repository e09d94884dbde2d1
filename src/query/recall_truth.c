/*
 * The true k-th distance of sampled rows, for recall.c: an exact scan of the allowed rows, many
 * queries at a time, so that a row is fetched once for a whole batch of them.
 */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "query/recall.h"

#define TRUTH_BATCH 32u /* queries that share one pass over the rows */
#define TRUTH_ROWS 128u /* rows that stay in the near caches meanwhile */

struct batch {
    const struct search_binding *binding;
    struct recall_sample *samples;
    size_t count;
    size_t k;
    struct topk tops[TRUTH_BATCH];
};

static void offer_block(struct batch *batch, const struct vectors *vectors, uint32_t segment,
                        size_t first, const uint32_t *ids, size_t count)
{
    const struct kernel *kernel = kernel_get(vectors->metric, vectors->type);
    float distances[TRUTH_ROWS];
    for (size_t q = 0; q < batch->count; q++) {
        const struct recall_sample *sample = &batch->samples[q];
        kernel->gather(sample->query.data, vectors->rows.data, vectors->stride_bytes, ids, count,
                       vectors->dim, distances);
        const bool own = sample->query.skip_segment == segment;
        for (size_t i = 0; i < count; i++)
            if (!own || first + ids[i] != sample->row)
                topk_push(&batch->tops[q], (struct hit){ distances[i], ids[i] });
    }
}

static int scan_piece(struct batch *batch, const struct vectors *vectors, uint32_t segment,
                      size_t first, const struct bitset *allowed)
{
    uint32_t ids[TRUTH_ROWS];
    size_t count = 0;
    for (size_t row = 0; row < vectors->count; row++) {
        if (allowed->words && !bitset_get(allowed, first + row)) continue;
        ids[count++] = (uint32_t)row;
        if (vectors_touch(vectors, row, 1)) return KITH_ECORRUPT;
        if (count < TRUTH_ROWS) continue;
        offer_block(batch, vectors, segment, first, ids, count);
        count = 0;
        const struct view_rows *rows = batch->binding->rows;
        if (rows->poll && row % 4096 < TRUTH_ROWS) {
            const int rc = rows->poll(rows->poll_ctx);
            if (rc) return rc;
        }
    }
    if (count) offer_block(batch, vectors, segment, first, ids, count);
    return 0;
}

static int scan_segment(struct batch *batch, uint32_t number)
{
    const struct search_binding *binding = batch->binding;
    const struct bitset *allowed = &binding->allowed->sets[number];
    for (size_t piece = 0; binding->allowed->counts[number] > 0; piece++) {
        struct vectors vectors;
        size_t first;
        const uint64_t *valid;
        int rc = segment_vectors(binding->rows->segments[number], binding->search.field,
                                 allowed->bits, piece, &vectors, &first, &valid);
        if (rc == KITH_ENOTFOUND) return 0;
        if (rc == 0) rc = scan_piece(batch, &vectors, number, first, allowed);
        if (rc) return rc;
    }
    return 0;
}

static int run_batch(struct batch *batch)
{
    struct hit *hits = mem_alloc_array(TRUTH_BATCH * batch->k, sizeof *hits);
    if (!hits) return KITH_ENOMEM;
    for (size_t q = 0; q < batch->count; q++)
        topk_init(&batch->tops[q], hits + q * batch->k, batch->k);
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < batch->binding->rows->count; i++)
        rc = scan_segment(batch, i);
    for (size_t q = 0; rc == 0 && q < batch->count; q++) {
        struct topk *top = &batch->tops[q];
        topk_sort(top);
        batch->samples[q].nearest = top->count;
        batch->samples[q].kth = top->count ? hits[q * batch->k + top->count - 1].distance : 0;
    }
    mem_free(hits);
    return rc;
}

struct truth {
    const struct search_binding *binding;
    struct recall_sample *samples;
    size_t count;
};

static int truth_batch(void *ctx, size_t i)
{
    const struct truth *truth = ctx;
    const size_t first = i * TRUTH_BATCH, left = truth->count - first;
    struct batch *batch = mem_alloc(sizeof *batch);
    if (!batch) return KITH_ENOMEM;
    *batch = (struct batch){ .binding = truth->binding,
                             .samples = truth->samples + first,
                             .count = left < TRUTH_BATCH ? left : TRUTH_BATCH,
                             .k = truth->binding->search.k };
    const int rc = run_batch(batch);
    mem_free(batch);
    return rc;
}

int recall_truth(const struct search_binding *binding, struct recall_sample *samples, size_t count,
                 struct search_threads threads)
{
    struct truth truth = { binding, samples, count };
    return pool_for(threads.pool, threads.count, (count + TRUTH_BATCH - 1) / TRUTH_BATCH,
                    truth_batch, &truth);
}
