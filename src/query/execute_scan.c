/*
 * Exact scan of one unit: the allowed rows of a run, piece by piece (a sealed segment is one piece,
 * a growing one has a piece a chunk).
 *
 * Rows without a vector were dropped from the bitmap when the search was bound, so a piece of the
 * bitmap is used in place. Ties of the k-th are handed over by the index and merged by key.
 */
#include <stdlib.h>
#include <string.h>

#include "query/execute_internal.h"

static int compare_tied(const void *a, const void *b, void *ctx)
{
    const struct hit *x = a, *y = b;
    const struct pass_tied *tied = ctx;
    struct key p, q;
    int order = 0;
    if (segment_key(tied->segment, tied->first + x->id, &p) == 0 &&
        segment_key(tied->segment, tied->first + y->id, &q) == 0)
        order = key_compare(p, q);
    return order ? order : x->id < y->id ? -1 : x->id > y->id;
}

/* All are equally near, so no more than k of them, those with the smallest keys, can be wanted. */
void pass_shrink_ties(void *ctx, struct hit *hits, size_t *count)
{
    struct pass_tied *tied = ctx;
    qsort_r(hits, *count, sizeof *hits, compare_tied, tied);
    if (*count > tied->keep) *count = tied->keep;
}

/* Rows [from, to) of a piece; from is a multiple of 64. */
static void cut_piece(struct vectors *vectors, size_t from, size_t to)
{
    vectors->rows.data += from * vectors->stride_bytes;
    vectors->rows.len -= from * vectors->stride_bytes;
    vectors->count = to - from;
}

static int scan_piece(struct pass *pass, uint32_t number, const struct vectors *vectors,
                      size_t first, struct kith_error *err)
{
    const struct bitset *set = &pass->binding->allowed->sets[number];
    struct pass_tied tied = { pass->binding->rows->segments[number], first, pass->k };
    struct index_ties ties = { pass->hits + pass->k, pass->ties_room, 0, pass_shrink_ties, &tied };
    struct bitset piece = { 0 };
    struct index_search search = { .query = pass->query->data,
                                   .k = pass->k,
                                   .bound = pass_bound(pass),
                                   .poll = pass_poll,
                                   .poll_ctx = pass,
                                   .stats = &pass->stats,
                                   .ties = &ties };
    if (set->words) {
        bitset_wrap(&piece, set->words + first / 64, vectors->count);
        search.allowed = &piece;
        search.allowed_count = bitset_count_range(set, first, first + vectors->count);
        if (search.allowed_count == 0) return 0;
    }
    size_t count = 0;
    int rc = index_scan(vectors, &search, pass->hits, &count, err);
    if (rc == 0) rc = pass_add(pass, number, (uint32_t)first, pass->hits, count);
    if (rc == 0) rc = pass_add(pass, number, (uint32_t)first, ties.hits, ties.count);
    return rc;
}

int pass_scan(struct pass *pass, const struct search_unit *unit, struct kith_error *err)
{
    const struct search_binding *binding = pass->binding;
    const struct segment *segment = binding->rows->segments[unit->segment];
    const size_t bits = binding->allowed->sets[unit->segment].bits;
    for (size_t piece = 0;; piece++) {
        struct vectors vectors;
        size_t first;
        int rc = segment_vectors(segment, binding->search.field, bits, piece, &vectors, &first,
                                 NULL);
        if (rc == KITH_ENOTFOUND) return 0;
        if (rc) return rc;
        size_t end = first + vectors.count;
        if (first >= unit->end) return 0;
        if (end <= unit->first) continue;
        size_t from = unit->first > first ? unit->first - first : 0;
        cut_piece(&vectors, from, (end < unit->end ? end : unit->end) - first);
        rc = scan_piece(pass, unit->segment, &vectors, first + from, err);
        if (rc) return rc;
    }
}
