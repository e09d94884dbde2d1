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
