/*
 * Pages of a search iterator (second version of the protocol's): the client repeats its search with
 * the score of the last row it has, and gets the rows strictly beyond it.
 *
 * Nothing is kept between pages. Rows with equal scores must neither repeat nor be lost, so a page
 * ends only between different scores: it may hold a few rows more than asked. The bound is compared
 * as the score that was sent; the range for the engine is a little wider, because a cosine's score
 * is rounded.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "milvus/search_internal.h"

#define EXTRA_ROWS 64
#define COSINE_SLACK 1.2e-7f

struct paging {
    struct milvus_call *call;
    const struct milvus_search *search;
    const struct milvus_target *target;
    struct milvus_hits *out;
};

static float score_at(const struct paging *p, size_t row)
{
    return search_score(p->target->sign, p->out->result->distances[row]);
}

static bool is_beyond(const struct paging *p, float score)
{
    const float bound = (float)p->search->bound;
    if (!p->search->has_bound) return true;
    return p->target->sign == MILVUS_DISTANCE ? score > bound : score < bound;
}

/* [from, to) of the result; false: look further, the last scores may go on. */
static bool cut(const struct paging *p, uint64_t k, size_t *from, size_t *to)
{
    const size_t rows = p->out->result->rows, batch = (size_t)p->search->iterator_batch;
    const bool more = rows == k && k < MILVUS_WINDOW_MAX;
    *from = 0;
    while (*from < rows && !is_beyond(p, score_at(p, *from))) (*from)++;
    *to = rows - *from > batch ? *from + batch : rows;
    if (*to == rows) return !more;
    while (*to < rows && score_at(p, *to) == score_at(p, *to - 1)) (*to)++;
    return *to < rows || !more;
}

static const char *token_of(struct milvus_call *call, const char *given)
{
    uint8_t b[16];
    char text[40];
    if (given) return given;
    os_random(call->milvus->opts.os, b, sizeof b);
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    (void)snprintf(text, sizeof text,
                   "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
                   b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
                   b[14], b[15]);
    return milvus_strdup(call, text);
}

/* The page's rows out of the result, by order. */
static MilvusStatus *keep(const struct paging *p, size_t from, size_t to)
{
    struct milvus_hits *out = p->out;
    uint32_t *order = arena_alloc_array(p->call->arena, to - from + 1, sizeof *order);
    size_t *counts = arena_alloc(p->call->arena, sizeof *counts);
    if (!order || !counts) return milvus_no_memory(p->call);
    for (size_t i = from; i < to; i++) {
        order[i - from] = (uint32_t)i;
        out->scores[i - from] = score_at(p, i);
    }
    *counts = to - from;
    out->counts = counts;
    out->page.order = order;
    out->page.rows = to - from;
    out->iterator_token = token_of(p->call, p->search->iterator_id);
    out->iterator_bound = to > from ? out->scores[to - from - 1] : (float)p->search->bound;
    return NULL;
}

static void set_bound(const struct paging *p, struct kith_search_opts *opts)
{
    const enum milvus_metric_sign sign = p->target->sign;
    const double bound = p->search->bound;
    if (!opts->has_range) opts->range_inner = -INFINITY, opts->range_outer = INFINITY;
    if (!p->search->has_bound) return;
    float inner = (float)(sign == MILVUS_NEGATED ? -bound : bound);
    if (sign == MILVUS_COSINE) inner = (float)(1 - bound) - COSINE_SLACK;
    if (inner > opts->range_inner) opts->range_inner = inner;
    opts->has_range = true;
}

static MilvusStatus *check(struct milvus_call *call, const struct milvus_search *search)
{
    if (search->vectors.count != 1)
        return milvus_status(
            call, MILVUS_INVALID,
            "search iterator does not support multiple queries: invalid parameter");
    if (search->offset != 0)
        return milvus_status(call, MILVUS_INVALID,
                             "search iterator does not support offset: invalid parameter");
    return NULL;
}

MilvusStatus *search_next_page(struct milvus_call *call, const struct milvus_collection *collection,
                               const struct milvus_search *search,
                               const struct milvus_target *target, struct kith_search_opts *opts,
                               struct milvus_hits *out)
{
    const struct paging p = { call, search, target, out };
    struct kith_error err = { 0 };
    size_t from = 0, to = 0;
    MilvusStatus *refused = check(call, search);
    if (refused) return refused;
    set_bound(&p, opts);
    opts->k = (uint64_t)search->iterator_batch + EXTRA_ROWS;
    for (bool done = false; !done; opts->k *= 2) {
        if (opts->k > MILVUS_WINDOW_MAX) opts->k = MILVUS_WINDOW_MAX;
        milvus_hits_release(out);
        const int rc = kith_search(collection->handle, opts, call->call, &out->result, &err);
        if (rc) return milvus_filter_error(call, rc, &err, search->expr, "query");
        done = cut(&p, opts->k, &from, &to);
    }
    const struct search_ending ending = { .sign = target->sign,
                                          .round_decimal = -1,
                                          .times = search->times,
                                          .topk = search->iterator_batch };
    refused = search_finish(call, collection, &ending, out);
    return refused ? refused : keep(&p, from, to);
}
