/*
 * HybridSearch: several searches, one ranker.
 */
#include <string.h>

#include "milvus/rows_in.h"
#include "milvus/rows_out.h"
#include "milvus/search_internal.h"

#define SEARCHES_MAX 1024

static MilvusStatus *check(struct milvus_call *call, const struct milvus_hybrid *hybrid)
{
    const struct milvus_search window = { .has_topk = true, .topk = hybrid->limit,
                                          .offset = hybrid->offset };
    const struct kith_ranker *ranker = &hybrid->ranker;
    if (hybrid->search_count == 0 || hybrid->search_count > SEARCHES_MAX)
        return milvus_status(call, MILVUS_INVALID,
                             "maximum of ann search requests is %d: invalid parameter",
                             SEARCHES_MAX);
    for (size_t i = 1; i < hybrid->search_count; i++)
        if (hybrid->searches[i].vectors.count != hybrid->searches[0].vectors.count)
            return milvus_status(call, MILVUS_INVALID,
                                 "sub search request nq should be the same: invalid parameter");
    if (ranker->kind == KITH_RANK_WEIGHTED && ranker->weight_count != hybrid->search_count)
        return milvus_status(call, MILVUS_INVALID,
                             "the length of weights param mismatch with ann search requests: "
                             "invalid parameter");
    MilvusStatus *refused = search_check_window(call, &window);
    return refused ? refused : search_check_queries(call, hybrid->searches[0].vectors.count);
}

static MilvusStatus *make_searches(struct milvus_call *call,
                                   const struct milvus_collection *collection,
                                   const struct milvus_hybrid *hybrid,
                                   struct kith_search_opts *out)
{
    for (size_t i = 0; i < hybrid->search_count; i++) {
        struct milvus_search search = hybrid->searches[i];
        struct milvus_target target;
        MilvusStatus *refused;
        search.offset = 0;
        if (!search.times.zone) search.times.zone = hybrid->times.zone;
        search.group_by = NULL;
        search.partitions = hybrid->partitions;
        search.partition_count = hybrid->partition_count;
        if (!search.has_topk) search.topk = hybrid->limit + hybrid->offset;
        search.has_topk = true;
        refused = search_check_window(call, &search);
        if (!refused)
            refused = milvus_target_find(call, collection, search.field, search.metric, &target);
        if (!refused)
            refused = milvus_search_opts_make(call, collection, &search, &target, &out[i]);
        if (refused) return refused;
    }
    return NULL;
}

static MilvusStatus *run(struct milvus_call *call, const struct milvus_collection *collection,
                         const struct milvus_hybrid *hybrid, struct milvus_hits *out)
{
    struct kith_error err = { 0 };
    struct kith_hybrid_opts opts = KITH_HYBRID_OPTS_INIT;
    struct kith_search_opts *searches =
        arena_alloc_array(call->arena, hybrid->search_count, sizeof *searches);
    if (!searches) return milvus_no_memory(call);
    struct milvus_order order = { 0 };
    MilvusStatus *refused = search_resolve(call, collection, hybrid->output, hybrid->output_count,
                                           hybrid->group_by, out, &opts.output);
    if (!refused && hybrid->order_by) refused = order_by_split(call, hybrid->order_by, &order);
    if (!refused) refused = order_by_resolve(call, collection, &order);
    if (!refused) refused = make_searches(call, collection, hybrid, searches);
    if (refused) return refused;
    if (order.count && order_by_output(call, &order, &opts.output, &opts.output))
        return milvus_no_memory(call);
    opts.searches = searches;
    opts.search_count = hybrid->search_count;
    opts.ranker = hybrid->ranker;
    opts.k = (uint64_t)hybrid->limit;
    opts.offset = (uint64_t)hybrid->offset;
    opts.group_by = hybrid->group_by;
    opts.group_size = hybrid->group_by ? (uint32_t)hybrid->group_size : 0;
    opts.strict_group_size = hybrid->strict_group_size;
    opts.group_scorer = hybrid->group_scorer;
    const int rc = kith_hybrid_search(collection->handle, &opts, call->call, &out->result, &err);
    if (rc) return milvus_filter_error(call, rc, &err, hybrid->searches[0].expr, "query");
    /* Final scores, as they are sent. */
    const struct search_ending ending = { .sign = MILVUS_DISTANCE,
                                          .round_decimal = hybrid->round_decimal,
                                          .times = hybrid->times,
                                          .group = { .by = hybrid->group_by },
                                          .order = order.count ? &order : NULL,
                                          .topk = hybrid->limit };
    return search_finish(call, collection, &ending, out);
}

MilvusStatus *milvus_hybrid_run(struct milvus_call *call,
                                const struct milvus_collection *collection,
                                const struct milvus_hybrid *hybrid, struct milvus_hits *out)
{
    struct milvus_hybrid loaded = *hybrid;
    *out = (struct milvus_hits){ 0 };
    milvus_wait_until(call, hybrid->guarantee);
    MilvusStatus *refused =
        milvus_read_check(call, collection, "search", &loaded.partitions, &loaded.partition_count);
    if (!refused) refused = check(call, hybrid);
    if (!refused) refused = run(call, collection, &loaded, out);
    milvus_slow_note(call, "hybrid search", collection, NULL,
                     out->result ? out->result->explain : NULL);
    return refused;
}

/* ---- gRPC ---- */

typedef Milvus__Proto__Milvus__HybridSearchRequest HybridSearchRequest;

static MilvusStatus *read_request(struct milvus_call *call, const HybridSearchRequest *in,
                                  struct milvus_hybrid *out)
{
    struct milvus_search *searches =
        arena_zalloc(call->arena, (in->n_requests + 1) * sizeof *searches);
    *out = (struct milvus_hybrid){
        .searches = searches,
        .ranker = KITH_RANKER_INIT,
        .output = in->output_fields,
        .output_count = in->n_output_fields,
        .partitions = (const char *const *)in->partition_names,
        .partition_count = in->n_partition_names,
        .guarantee = in->use_default_consistency ? 0 : in->guarantee_timestamp,
        .times = milvus_times_read(in->rank_params, in->n_rank_params),
    };
    if (!searches) return milvus_no_memory(call);
    if (in->n_function_chains)
        return milvus_status(call, MILVUS_UNIMPLEMENTED,
                             "function chains of a search: service unimplemented");
    MilvusStatus *refused = milvus_hybrid_params(call, in->rank_params, in->n_rank_params, out);
    for (size_t i = 0; !refused && i < in->n_requests && i <= SEARCHES_MAX; i++) {
        refused = rows_search_read(call, in->requests[i], &searches[i]);
        if (!refused && searches[i].highlighter)
            refused = milvus_status(call, MILVUS_UNIMPLEMENTED,
                                    "highlighters of a hybrid search: service unimplemented");
        out->search_count++;
    }
    if (!refused && in->function_score && in->function_score->n_functions)
        refused = milvus_rerank_function(call, in->function_score, &out->ranker);
    return refused;
}

static MilvusStatus *run_request(struct milvus_call *call,
                                 const struct milvus_collection *collection, const void *request,
                                 void *out)
{
    struct milvus_hybrid hybrid;
    MilvusStatus *refused = read_request(call, request, &hybrid);
    return refused ? refused : milvus_hybrid_run(call, collection, &hybrid, out);
}

MILVUS_RAW(HybridSearch)
{
    static const struct milvus_frame frame = {
        "HybridSearch", "search", &milvus__proto__milvus__hybrid_search_request__descriptor,
        run_request, rows_put_hits, rows_release_hits
    };
    struct milvus_hits found = { 0 };
    return milvus_frame_run(call, &frame, request, &found, reply);
}
