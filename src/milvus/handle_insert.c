/*
 * Insert and Upsert over gRPC: bytes of rows in, a MutationResult out.
 */
#include <string.h>

#include "milvus/rows_in.h"
#include "milvus/rows_out.h"

static MilvusStatus *run(struct milvus_call *call, const struct milvus_collection *collection,
                         const struct rows_request *request, bool upsert,
                         struct milvus_mutation *out)
{
    struct milvus_rows rows = { .upsert = upsert };
    MilvusStatus *refused = rows_in_columns(call, collection, request, &rows);
    return refused ? refused : milvus_rows_write(call, collection, &rows, out);
}

static int write_rows(struct milvus_call *call, struct kith_str bytes, bool upsert,
                      struct buffer *reply)
{
    struct rows_request request;
    MilvusStatus *refused;
    struct milvus_mutation done = { 0 };
    int rc = rows_request_read(bytes, upsert, call->arena, &request);
    if (rc) return rc;
    struct milvus_collection *collection =
        milvus_data_begin(call, upsert ? "Upsert" : "Insert", request.database, request.collection,
                          &refused, &rc);
    if (rc) return rc;
    if (!refused) refused = run(call, collection, &request, upsert, &done);
    if (refused) rows_status_put(reply, refused);
    else rows_mutation_put(reply, call, &done);
    rc = milvus_data_end(call, "mutation", collection, refused, reply);
    kith_written_free(&done.written);
    milvus_collection_unref(collection);
    return rc;
}

MILVUS_RAW(Insert) { return write_rows(call, request, false, reply); }
MILVUS_RAW(Upsert) { return write_rows(call, request, true, reply); }
