/*
 * A run of rows: its memory, its numbers, its dead.
 */
#include <string.h>

#include "base/alloc.h"
#include "cache/vectors_internal.h"

#define PAGES_LEAST ((size_t)1 << 20) /* bytes of codes from which they lie in huge pages */

static size_t words_of(uint32_t rows) { return ((size_t)rows + 63) / 64; }

static bool allocate_codes(struct vset_run *run, size_t stride)
{
    if (!size_mul(run->cap, stride, &run->codes_bytes)) return false;
    run->pages = run->codes_bytes >= PAGES_LEAST;
    run->codes = run->pages ? heap_pages_alloc(run->codes_bytes)
                            : heap_alloc_line(run->heap, run->codes_bytes);
    if (run->codes && run->pages) heap_count(run->heap, run->codes_bytes);
    return run->codes != NULL;
}

static bool allocate_columns(struct vset_run *run, const struct vset_params *params, bool mapped)
{
    const size_t column = (size_t)run->cap * 4;
    run->norms = heap_alloc(run->heap, column);
    run->elements = heap_alloc(run->heap, column);
    run->dead = heap_zalloc(run->heap, 8 * words_of(run->cap));
    if (mapped) run->offsets = heap_alloc(run->heap, column);
    if (params->quant == VSET_Q8) run->ranges = heap_alloc(run->heap, column);
    return run->norms && run->elements && run->dead && (!mapped || run->offsets) &&
           (params->quant != VSET_Q8 || run->ranges);
}

struct vset_run *vset_run_new(struct heap *heap, const struct vset_params *params, uint64_t base,
                              uint32_t cap, bool mapped)
{
    struct vset_run *run = heap_zalloc(heap, sizeof *run);
    if (!run) return NULL;
    atomic_init(&run->refs, 1);
    run->heap = heap;
    run->base = base;
    run->cap = cap;
    if (!allocate_codes(run, vset_code_stride(params)) ||
        !allocate_columns(run, params, mapped)) {
        vset_run_unref(run);
        return NULL;
    }
    run->vectors = (struct vectors){
        .rows = {run->codes, run->codes_bytes, NULL}, .stride_bytes = vset_code_stride(params),
        .dim = params->dim, .type = vset_kernel_type(params->quant),
        .metric = params->quant == VSET_BIN ? KERNEL_HAMMING : KERNEL_COSINE};
    return run;
}

static void release(struct vset_run *run)
{
    if (run->graph) run->graph->ops->close(run->graph);
    if (run->os) index_image_release(run->os, &run->image);
    heap_uncount(run->heap, run->image_bytes);
    if (run->pages && run->codes) {
        heap_pages_free(run->codes, run->codes_bytes);
        heap_uncount(run->heap, run->codes_bytes);
    } else {
        heap_free(run->heap, run->codes);
    }
    heap_free(run->heap, run->norms);
    heap_free(run->heap, run->ranges);
    heap_free(run->heap, run->elements);
    heap_free(run->heap, run->offsets);
    heap_free(run->heap, (void *)(uintptr_t)run->dead);
    heap_free(run->heap, run);
}

void vset_run_unref(struct vset_run *run)
{
    if (!run) return;
    if (atomic_fetch_sub_explicit(&run->refs, 1, memory_order_acq_rel) == 1) release(run);
}

size_t vset_run_bytes(const struct vset_run *run)
{
    return heap_size(run) + (run->pages ? run->codes_bytes : heap_size(run->codes)) +
           heap_size(run->norms) + heap_size(run->ranges) + heap_size(run->elements) +
           heap_size(run->offsets) + heap_size((const void *)(uintptr_t)run->dead) +
           run->image_bytes;
}

bool vset_run_row(const struct vset_run *run, uint64_t number, uint32_t *row)
{
    if (run->count == 0 || number < run->base) return false;
    const uint64_t offset = number - run->base;
    if (offset > vset_run_number(run, run->count - 1) - run->base) return false;
    if (!run->offsets) {
        *row = (uint32_t)offset;
        return true;
    }
    uint32_t low = 0, high = run->count - 1;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (run->offsets[middle] < offset) low = middle + 1;
        else high = middle;
    }
    *row = low;
    return run->offsets[low] == offset;
}

void vset_run_kill(struct vset_run *run, uint32_t row)
{
    atomic_fetch_or_explicit(&run->dead[row / 64], UINT64_C(1) << (row % 64),
                             memory_order_relaxed);
    atomic_fetch_add_explicit(&run->dead_count, 1, memory_order_relaxed);
}
