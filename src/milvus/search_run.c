/*
 * Search: checks, the engine's search, scores as clients know them (section 9.4).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "milvus/highlight.h"
#include "milvus/search_internal.h"

/* ---- checks ---- */

static MilvusStatus *out_of_window(struct milvus_call *call, const char *what, int64_t value)
{
    return milvus_status(
        call, MILVUS_INVALID,
        "%s [%lld] is invalid, it should be in range [1, %d], but got %lld: invalid "
        "parameter",
        what, (long long)value, MILVUS_WINDOW_MAX, (long long)value);
}

static bool in_window(int64_t value) { return value >= 1 && value <= MILVUS_WINDOW_MAX; }

MilvusStatus *search_check_window(struct milvus_call *call, const struct milvus_search *search)
{
    if (!search->has_topk && !search->iterator)
        return milvus_status(call, MILVUS_INVALID, "topk is required: invalid parameter");
    if (search->has_topk && !in_window(search->topk))
        return out_of_window(call, "topk", search->topk);
    if (search->offset != 0 && !in_window(search->offset))
        return out_of_window(call, "offset", search->offset);
    if (search->offset != 0 && !in_window(search->offset + search->topk))
        return out_of_window(call, "offset+topk", search->offset + search->topk);
    return NULL;
}

MilvusStatus *search_check_queries(struct milvus_call *call, size_t count)
{
    if (count >= 1 && count <= MILVUS_WINDOW_MAX) return NULL;
    return milvus_status(call, MILVUS_INVALID,
                         "nq [%zu] is invalid, nq (number of search vector per search request) "
                         "should be in range [1, %d], but got %zu: invalid parameter",
                         count, MILVUS_WINDOW_MAX, count);
}

/* ---- results ---- */

float search_score(enum milvus_metric_sign sign, float distance)
{
    if (sign == MILVUS_COSINE) return 1 - distance;
    if (sign == MILVUS_NEGATED) return distance == 0 ? 0 : -distance;
    return distance;
}

float search_round(float score, int decimals)
{
    if (decimals < 0) return score;
    const double scale = pow(10, decimals);
    return (float)(floor((double)score * scale + 0.5) / scale);
}

static MilvusStatus *set_counts(struct milvus_call *call, struct milvus_hits *out)
{
    const struct kith_result *result = out->result;
    size_t *counts = arena_alloc_array(call->arena, result->query_count + 1, sizeof *counts);
    if (!counts) return milvus_no_memory(call);
    for (size_t q = 0; q < result->query_count; q++)
        counts[q] = result->offsets[q + 1] - result->offsets[q];
    out->query_count = result->query_count;
    out->counts = counts;
    return NULL;
}

MilvusStatus *search_finish(struct milvus_call *call, const struct milvus_collection *collection,
                            const struct search_ending *ending, struct milvus_hits *out)
{
    const struct kith_result *result = out->result;
    MilvusStatus *refused =
        milvus_page_make(call, collection, &out->output, result, &ending->times, &out->page);
    if (!refused) refused = set_counts(call, out);
    if (!refused && ending->group.by)
        refused = search_groups(call, collection, &ending->group, out);
    if (!refused && ending->order) refused = search_sort(call, ending, out);
    if (refused) return refused;
    out->topk = ending->topk;
    out->scores = arena_alloc_array(call->arena, result->rows + 1, sizeof *out->scores);
    if (!out->scores) return milvus_no_memory(call);
    for (size_t i = 0; i < result->rows; i++) {
        const size_t row = out->page.order ? out->page.order[i] : i;
        out->scores[i] = search_round(search_score(ending->sign, result->distances[row]),
                                      ending->round_decimal);
    }
    milvus_data_count(call, "milvus_proxy_search_vectors_count", "Query vectors.", collection,
                      (double)result->query_count);
    return NULL;
}

MilvusStatus *search_resolve(struct milvus_call *call, const struct milvus_collection *collection,
                             char *const *names, size_t count, const char *group_by,
                             struct milvus_hits *out, struct kith_output *asked)
{
    MilvusStatus *refused =
        milvus_output_resolve(call, collection, names, count, false, &out->output);
    if (refused) return refused;
    struct field_path group = { .head = group_by };
    if (group_by && strchr(group_by, '[') && !field_path_parse(group_by, call->arena, &group))
        group.head = NULL; /* the engine says what is wrong with it */
    const char **fields =
        arena_alloc_array(call->arena, out->output.asked_count + 1, sizeof *fields);
    if (!fields) return milvus_no_memory(call);
    for (size_t i = 0; i < out->output.asked_count; i++) fields[i] = out->output.asked[i];
    *asked = (struct kith_output){ .fields = fields, .count = out->output.asked_count };
    /* The engine skips one that it has already. */
    if (group.head) fields[asked->count++] = group.head;
    return NULL;
}

/* ---- a search ---- */

static MilvusStatus *run(struct milvus_call *call, const struct milvus_collection *collection,
                         const struct milvus_search *search, struct milvus_hits *out)
{
    struct milvus_target target;
    struct kith_search_opts opts;
    struct kith_error err = { 0 };
    struct kith_output asked;
    struct milvus_order order = { 0 };
    struct highlight_plan marks;
    MilvusStatus *refused =
        milvus_target_find(call, collection, search->field, search->metric, &target);
    if (!refused && search->order_by) refused = order_by_split(call, search->order_by, &order);
    if (!refused) refused = order_by_resolve(call, collection, &order);
    if (!refused) refused = highlight_plan_make(call, collection, search, &target, &marks);
    if (!refused)
        refused = search_resolve(call, collection, search->output, search->output_count,
                                 search->group_by, out, &asked);
    if (!refused) refused = milvus_search_opts_make(call, collection, search, &target, &opts);
    if (refused) return refused;
    opts.output = asked;
    if (order.count && order_by_output(call, &order, &opts.output, &opts.output))
        return milvus_no_memory(call);
    if (marks.field_count && highlight_output(call, &marks, &opts.output, &opts.output))
        return milvus_no_memory(call);
    if (search->iterator) return search_next_page(call, collection, search, &target, &opts, out);
    const int rc = kith_search(collection->handle, &opts, call->call, &out->result, &err);
    if (rc) return milvus_filter_error(call, rc, &err, search->expr, "query");
    const struct search_ending ending = { .sign = target.sign,
                                          .round_decimal = search->round_decimal,
                                          .times = search->times,
                                          .group = { search->group_by, search->group_type,
                                                     search->strict_cast },
                                          .order = order.count ? &order : NULL,
                                          .topk = search->topk };
    refused = search_finish(call, collection, &ending, out);
    if (refused || !marks.field_count) return refused;
    return highlight_make(call, &marks, search, out);
}

MilvusStatus *milvus_search_run(struct milvus_call *call,
                                const struct milvus_collection *collection,
                                const struct milvus_search *search, struct milvus_hits *out)
{
    struct milvus_search whole = *search;
    struct kith_result *held = NULL;
    *out = (struct milvus_hits){ 0 };
    milvus_wait_until(call, search->guarantee);
    MilvusStatus *refused =
        milvus_read_check(call, collection, "search", &whole.partitions, &whole.partition_count);
    if (!refused) refused = search_check_window(call, search);
    if (!refused && search->by_keys)
        refused = search_vectors_of_keys(call, collection, search, &whole.vectors, &held);
    if (!refused) refused = search_check_queries(call, whole.vectors.count);
    if (!refused) refused = run(call, collection, &whole, out);
    kith_result_free(held);
    milvus_slow_note(call, "search", collection, search->expr,
                     out->result ? out->result->explain : NULL);
    return refused;
}

void milvus_hits_release(struct milvus_hits *hits)
{
    kith_result_free(hits->result);
    hits->result = NULL;
}
