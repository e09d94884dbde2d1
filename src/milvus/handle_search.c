/*
 * Search over gRPC: the request's messages into a search, hits into the reply.
 */
#include <string.h>

#include "milvus/highlight.h"
#include "milvus/rows_in.h"
#include "milvus/rows_out.h"

typedef Milvus__Proto__Milvus__SearchRequest SearchRequest;

/* PlaceholderGroup: placeholders[0] {tag=1, type=2, values=3}. KITH_EINVAL, KITH_ENOMEM. */
int rows_placeholders(struct kith_str group, struct arena *arena, struct milvus_vectors *out)
{
    struct kith_str *placeholders, *values;
    struct wire wire;
    struct wire_field field;
    size_t count;
    *out = (struct milvus_vectors){ 0 };
    int rc = rows_slices(group, 1, arena, &placeholders, &count);
    if (rc || count == 0) return rc;
    wire_init(&wire, placeholders[0].data, placeholders[0].len);
    while ((rc = wire_next(&wire, &field)) > 0)
        if (field.number == 2) out->type = (int)field.value;
    if (rc == 0) rc = rows_slices(placeholders[0], 3, arena, &values, &out->count);
    if (rc == 0) out->values = values;
    return rc;
}

static MilvusStatus *read_keys(struct milvus_call *call, const Milvus__Proto__Schema__IDs *ids,
                               struct milvus_search *out)
{
    struct kith_keys *keys = arena_zalloc(call->arena, sizeof *keys);
    if (!keys) return milvus_no_memory(call);
    out->by_keys = keys;
    if (ids->id_field_case == MILVUS__PROTO__SCHEMA__IDS__ID_FIELD_INT_ID) {
        keys->count = ids->int_id->n_data;
        keys->ints = ids->int_id->data;
        return NULL;
    }
    if (ids->id_field_case != MILVUS__PROTO__SCHEMA__IDS__ID_FIELD_STR_ID) return NULL;
    struct kith_str *texts = arena_alloc_array(call->arena, ids->str_id->n_data + 1, sizeof *texts);
    if (!texts) return milvus_no_memory(call);
    for (size_t i = 0; i < ids->str_id->n_data; i++)
        texts[i] = (struct kith_str){ ids->str_id->data[i], strlen(ids->str_id->data[i]) };
    keys->count = ids->str_id->n_data;
    keys->strings = texts;
    return NULL;
}

MilvusStatus *rows_search_read(struct milvus_call *call, const SearchRequest *in,
                               struct milvus_search *out)
{
    struct milvus_template *templates;
    MilvusStatus *refused;
    *out = (struct milvus_search){
        .expr = in->dsl,
        .output = in->output_fields,
        .output_count = in->n_output_fields,
        .partitions = (const char *const *)in->partition_names,
        .partition_count = in->n_partition_names,
        .guarantee = in->use_default_consistency ? 0 : in->guarantee_timestamp,
    };
    MILVUS_TEMPLATES(call, in->expr_template_values, in->n_expr_template_values, templates);
    refused = milvus_templates_text(call, templates, in->n_expr_template_values, &out->expr_params);
    if (!refused)
        refused = milvus_search_params(call, in->search_params, in->n_search_params, out);
    if (!refused && in->highlighter)
        refused = highlight_read(call, in->highlighter, &out->highlighter);
    if (refused) return refused;
    if (in->search_input_case == MILVUS__PROTO__MILVUS__SEARCH_REQUEST__SEARCH_INPUT_IDS && in->ids)
        return read_keys(call, in->ids, out);
    if (in->search_input_case !=
        MILVUS__PROTO__MILVUS__SEARCH_REQUEST__SEARCH_INPUT_PLACEHOLDER_GROUP)
        return NULL;
    const struct kith_str group = { (const char *)in->placeholder_group.data,
                                    in->placeholder_group.len };
    if (rows_placeholders(group, call->arena, &out->vectors))
        return milvus_status(call, MILVUS_INVALID,
                             "failed to get placeholder group: invalid parameter");
    return NULL;
}

static MilvusStatus *check_extensions(struct milvus_call *call, const SearchRequest *in)
{
    if (in->search_aggregation.len || in->n_function_chains || in->n_sub_reqs)
        return milvus_status(call, MILVUS_UNIMPLEMENTED,
                             "aggregations and function chains of a search: service "
                             "unimplemented");
    return NULL;
}

/* A search with a reranking function is a hybrid search of one. */
static MilvusStatus *run_ranked(struct milvus_call *call,
                                const struct milvus_collection *collection,
                                const SearchRequest *in, struct milvus_search *search,
                                struct milvus_hits *out)
{
    struct milvus_hybrid hybrid = {
        .searches = search,
        .search_count = 1,
        .ranker = KITH_RANKER_INIT,
        .limit = search->topk,
        .offset = search->offset,
        .round_decimal = search->round_decimal,
        .group_by = search->group_by,
        .group_size = search->group_size,
        .strict_group_size = search->strict_group_size,
        .output = search->output,
        .output_count = search->output_count,
        .partitions = search->partitions,
        .partition_count = search->partition_count,
        .times = search->times,
        .guarantee = search->guarantee,
    };
    MilvusStatus *refused = milvus_rerank_function(call, in->function_score, &hybrid.ranker);
    if (!refused && search->iterator)
        refused = milvus_status(call, MILVUS_INVALID,
                                "rerank is not supported by search iterators: invalid parameter");
    if (!refused && search->order_by)
        refused = milvus_status(call, MILVUS_INVALID,
                                "order_by and function_score cannot be used together: invalid "
                                "parameter");
    if (!refused && search->highlighter)
        refused = milvus_status(call, MILVUS_UNIMPLEMENTED,
                                "highlighters beside function_score: service unimplemented");
    search->topk += search->offset;
    search->offset = 0;
    search->group_by = NULL;
    return refused ? refused : milvus_hybrid_run(call, collection, &hybrid, out);
}

static MilvusStatus *run(struct milvus_call *call, const struct milvus_collection *collection,
                         const void *request, void *out)
{
    const SearchRequest *in = request;
    struct milvus_search search;
    MilvusStatus *refused = check_extensions(call, in);
    if (!refused) refused = rows_search_read(call, in, &search);
    if (refused) return refused;
    if (in->function_score && in->function_score->n_functions)
        return run_ranked(call, collection, in, &search, out);
    return milvus_search_run(call, collection, &search, out);
}

MILVUS_RAW(Search)
{
    static const struct milvus_frame frame = {
        "Search", "search", &milvus__proto__milvus__search_request__descriptor, run, rows_put_hits,
        rows_release_hits
    };
    struct milvus_hits found = { 0 };
    return milvus_frame_run(call, &frame, request, &found, reply);
}
