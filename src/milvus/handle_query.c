/*
 * Query over gRPC.
 */
#include <string.h>

#include "milvus/rows_out.h"

static void put_reply(struct buffer *reply, struct milvus_call *call,
                      const struct milvus_collection *collection, const char *asked_name,
                      const struct milvus_query_outcome *found)
{
    struct rows_page_size size;
    if (rows_page_measure(&found->page, 2, call->arena, &size)) {
        reply->failed = true;
        return;
    }
    rows_status_put(reply, NULL);
    rows_page_put(reply, 2, &found->page, &size);
    wire_put_text(reply, 3, asked_name);
    for (size_t i = 0; i < found->output.name_count; i++)
        wire_put_text(reply, 4, found->output.names[i]);
    wire_put_varint(reply, 5, milvus_timestamp(call->milvus));
    wire_put_text(reply, 6, collection->primary->name);
}

static MilvusStatus *run(struct milvus_call *call, const struct milvus_collection *collection,
                         const Milvus__Proto__Milvus__QueryRequest *in,
                         struct milvus_query_outcome *out)
{
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

MILVUS_RAW(Query)
{
    if (!message_check(&milvus__proto__milvus__query_request__descriptor, request))
        return KITH_EINVAL;
    ProtobufCAllocator allocator = milvus_allocator(call->arena);
    const Milvus__Proto__Milvus__QueryRequest *in = milvus__proto__milvus__query_request__unpack(
        &allocator, request.len, (const uint8_t *)request.data);
    struct milvus_query_outcome found = { 0 };
    MilvusStatus *refused;
    int rc;
    if (!in) return KITH_EINVAL;
    struct milvus_collection *collection =
        milvus_data_begin(call, "Query", in->db_name, in->collection_name, &refused, &rc);
    if (rc) return rc;
    if (!refused) refused = run(call, collection, in, &found);
    if (refused) rows_status_put(reply, refused);
    else put_reply(reply, call, collection, in->collection_name, &found);
    rc = milvus_data_end(call, "query", collection, refused, reply);
    milvus_query_release(&found);
    milvus_collection_unref(collection);
    return rc;
}
