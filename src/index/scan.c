/*
 * Exact search by computing every distance: what FLAT is, what a growing segment uses, and what a
 * graph falls back to. Rows go through in blocks of BLOCK: whole runs by `many` (no ids to read),
 * sparse ones by `gather` (which prefetches). Bits are looked at a word at a time: a word of ones
 * extends a run, a word of zeros costs one comparison for 64 rows.
 */
#include <string.h>

#include "base/bitset.h"
#include "index/index.h"

#define BLOCK 256u
#define POLL_ROWS 4096u

struct scan {
    const struct vectors *vectors;
    const struct index_search *search;
    const struct kernel *kernel;
    struct topk top;
    float distances[BLOCK];
    uint32_t ids[BLOCK];
    size_t waiting;  /* ids */
    size_t unpolled; /* rows */
};

static int poll_rows(struct scan *scan, size_t rows)
{
    scan->unpolled += rows;
    if (scan->unpolled < POLL_ROWS || !scan->search->poll) return 0;
    scan->unpolled = 0;
    return scan->search->poll(scan->search->poll_ctx);
}

static void keep_tie(struct index_ties *ties, struct hit hit)
{
    if (ties->count == ties->room) ties->shrink(ties->ctx, ties->hits, &ties->count);
    if (ties->count < ties->room) ties->hits[ties->count++] = hit;
}

/* Whoever is not among the k nearest, though as near as the last of them, becomes a tie. */
static void offer_tied(struct scan *scan, struct hit hit)
{
    struct index_ties *ties = scan->search->ties;
    const bool full = scan->top.count == scan->top.k;
    const struct hit worst = scan->top.hits[0];
    topk_push(&scan->top, hit);
    if (!full) return;
    const float bound = topk_bound(&scan->top);
    const struct hit out = hit_less(hit, worst) ? worst : hit;
    if (bound < worst.distance) ties->count = 0;
    if (out.distance <= bound) keep_tie(ties, out);
}

static void offer(struct scan *scan, float distance, uint32_t row)
{
    if (!(distance < scan->search->bound) || distance > topk_bound(&scan->top)) return;
    const struct hit hit = {distance, row};
    if (scan->search->ties) offer_tied(scan, hit);
    else topk_push(&scan->top, hit);
}

static int scan_run(struct scan *scan, size_t first, size_t end)
{
    const struct vectors *v = scan->vectors;
    for (size_t at = first; at < end; at += BLOCK) {
        const size_t count = end - at < BLOCK ? end - at : BLOCK;
        if (vectors_touch(v, at, count)) return KITH_ECORRUPT;
        scan->kernel->many(scan->search->query, v->rows.data + at * v->stride_bytes,
                           v->stride_bytes, count, v->dim, scan->distances);
        for (size_t i = 0; i < count; i++) offer(scan, scan->distances[i], (uint32_t)(at + i));
        const int rc = poll_rows(scan, count);
        if (rc) return rc;
    }
    return 0;
}

static int flush(struct scan *scan)
{
    const struct vectors *v = scan->vectors;
    const size_t count = scan->waiting;
    scan->waiting = 0;
    for (size_t i = 0; v->rows.guard && i < count; i++) {
        if (vectors_touch(v, scan->ids[i], 1)) return KITH_ECORRUPT;
    }
    scan->kernel->gather(scan->search->query, v->rows.data, v->stride_bytes, scan->ids, count,
                         v->dim, scan->distances);
    for (size_t i = 0; i < count; i++) offer(scan, scan->distances[i], scan->ids[i]);
    return poll_rows(scan, count);
}

static int scan_word(struct scan *scan, size_t base, uint64_t word)
{
    while (word) {
        scan->ids[scan->waiting++] = (uint32_t)(base + (size_t)__builtin_ctzll(word));
        word &= word - 1;
        if (scan->waiting < BLOCK) continue;
        const int rc = flush(scan);
        if (rc) return rc;
    }
    return 0;
}

static int scan_allowed(struct scan *scan, const struct bitset *allowed, size_t rows)
{
    size_t run = 0; /* first row of the words of ones so far */
    size_t run_end = 0;
    int rc = 0;
    for (size_t base = 0; !rc && base < rows; base += 64) {
        uint64_t word = allowed->words[base / 64];
        if (rows - base < 64) word &= (UINT64_C(1) << (rows - base)) - 1;
        if (word == UINT64_MAX) {
            if (run_end != base) run = base;
            run_end = base + 64;
            if (run_end - run < BLOCK) continue;
            rc = scan_run(scan, run, run_end);
            run = run_end;
            continue;
        }
        if (run < run_end) rc = scan_run(scan, run, run_end);
        run = run_end = 0;
        if (!rc && word) rc = scan_word(scan, base, word);
    }
    if (!rc && run < run_end) rc = scan_run(scan, run, run_end);
    return !rc && scan->waiting > 0 ? flush(scan) : rc;
}

int index_scan(const struct vectors *vectors, const struct index_search *search, struct hit *hits,
               size_t *count, struct kith_error *err)
{
    struct scan scan = {.vectors = vectors, .search = search};
    scan.kernel = kernel_get(vectors->metric, vectors->type);
    if (!scan.kernel) {
        return error_set(err, KITH_EINVAL, "this metric has no distance for this element type");
    }
    if (search->allowed && search->allowed->bits < vectors->count) {
        return error_set(err, KITH_EINVAL, "a filter of %zu bits for %zu rows",
                         search->allowed->bits, vectors->count);
    }
    topk_init(&scan.top, hits, search->k);
    int rc = 0;
    if (search->k > 0 && vectors->count > 0) {
        rc = search->allowed ? scan_allowed(&scan, search->allowed, vectors->count)
                             : scan_run(&scan, 0, vectors->count);
    }
    if (rc == KITH_ECORRUPT) return error_set(err, rc, "a page of vectors is damaged");
    if (rc) return error_set(err, rc, "the scan was stopped");
    topk_sort(&scan.top);
    *count = scan.top.count;
    if (search->stats) {
        const uint64_t seen = search->allowed ? search->allowed_count : vectors->count;
        search->stats->distances += seen;
        search->stats->exact_distances += seen;
    }
    return 0;
}
