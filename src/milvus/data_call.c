/*
 * The frame of a raw data RPC: who may, on which collection, and what is counted at the end.
 */
#include <stdio.h>
#include <string.h>

#include "milvus/rows_out.h"

struct milvus_collection *milvus_data_begin(struct milvus_call *call, const char *rpc,
                                            const char *database, const char *collection,
                                            MilvusStatus **refused, int *rc)
{
    const struct milvus_rpc *entry = milvus_rpc_find(rpc, strlen(rpc));
    *rc = 0;
    *refused = NULL;
    if (database && *database) call->database = database;
    if (entry && !milvus_permit(call, entry, collection, &call->refusal)) {
        *rc = KITH_EUNSUPPORTED;
        return NULL;
    }
    return milvus_collection_get(call, collection, false, refused);
}

int milvus_data_end(struct milvus_call *call, const char *kind,
                    const struct milvus_collection *collection, const MilvusStatus *refused,
                    const struct buffer *reply)
{
    struct metrics *metrics = call->milvus->opts.metrics;
    const double ms = (double)(os_now_us(call->milvus->opts.os) - call->started_us) / 1000;
    char labels[600];
    const bool mutation = kind[0] == 'm';
    (void)snprintf(labels, sizeof labels, "db_name=\"%s\",collection_name=\"%s\",status=\"%s\"",
                   call->database, collection ? collection->name : "",
                   refused ? "fail" : "success");
    metric_observe(metrics_get(metrics, METRIC_HISTOGRAM,
                               mutation ? "milvus_proxy_mutation_latency"
                                        : "milvus_proxy_sq_latency",
                               mutation ? "Milliseconds of a write." : "Milliseconds of a read.",
                               labels),
                   ms);
    return buffer_failed(reply) ? KITH_ENOMEM : 0;
}

int milvus_frame_run(struct milvus_call *call, const struct milvus_frame *frame,
                     struct kith_str request, void *found, struct buffer *reply)
{
    ProtobufCAllocator allocator = milvus_allocator(call->arena);
    MilvusStatus *refused;
    int rc;
    if (!message_check(frame->request, request)) return KITH_EINVAL;
    const ProtobufCMessage *in = protobuf_c_message_unpack(
        frame->request, &allocator, request.len, (const uint8_t *)request.data);
    if (!in) return KITH_EINVAL;
    const char *asked = milvus_request_text(in, "collection_name");
    if (!asked) asked = "";
    struct milvus_collection *collection = milvus_data_begin(
        call, frame->rpc, milvus_request_text(in, "db_name"), asked, &refused, &rc);
    if (rc) return rc;
    if (!refused) refused = frame->run(call, collection, in, found);
    if (refused) rows_status_put(reply, refused);
    else frame->put(reply, call, collection, asked, found);
    rc = milvus_data_end(call, frame->kind, collection, refused, reply);
    frame->release(found);
    milvus_collection_unref(collection);
    return rc;
}
