/*
 * Query over gRPC.
 */
#include <string.h>

#include "milvus/rows_out.h"

static void put(struct buffer *reply, struct milvus_call *call,
                const struct milvus_collection *collection, const char *asked_name,
                const void *outcome)
{
    const struct milvus_query_outcome *found = outcome;
    struct rows_page_size size;
    if (rows_page_measure(&found->page, 2, call->arena, &size)) {
        reply->failed = true;
        return;
    }
    rows_status_put(reply, NULL);
    rows_page_put(reply, 2, &found->page, &size);
    wire_put_text(reply, 3, asked_name);
    for (size_t i = 0; i < found->output.name_count; i++)
        wire_put_bytes(reply, 4, found->output.names[i], strlen(found->output.names[i]));
    wire_put_varint(reply, 5, milvus_timestamp(call->milvus));
    wire_put_text(reply, 6, collection->primary->name);
}

static MilvusStatus *run(struct milvus_call *call, const struct milvus_collection *collection,
                         const void *request, void *out)
{
    const Milvus__Proto__Milvus__QueryRequest *in = request;
    struct milvus_template *templates;
    struct milvus_query query = {
        .expr = in->expr,
        .output = in->output_fields,
        .output_count = in->n_output_fields,
        .partitions = (const char *const *)in->partition_names,
        .partition_count = in->n_partition_names,
        .guarantee = in->use_default_consistency ? 0 : in->guarantee_timestamp,
    };
    MILVUS_TEMPLATES(call, in->expr_template_values, in->n_expr_template_values, templates);
    MilvusStatus *refused = milvus_templates_text(call, templates, in->n_expr_template_values,
                                                  &query.expr_params);
    if (!refused)
        refused = milvus_query_params(call, in->query_params, in->n_query_params, &query);
    return refused ? refused : milvus_query_run(call, collection, &query, out);
}

static void release(void *found) { milvus_query_release(found); }

MILVUS_RAW(Query)
{
    static const struct milvus_frame frame = {
        "Query", "query", &milvus__proto__milvus__query_request__descriptor, run, put, release
    };
    struct milvus_query_outcome found = { 0 };
    return milvus_frame_run(call, &frame, request, &found, reply);
}
