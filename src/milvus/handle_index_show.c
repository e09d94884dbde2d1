/*
 * Indexes shown: DescribeIndex and its older kin.
 *
 * An index counts as built at once: rows that no graph has yet are compared one by one, so a search
 * finds them, and a client that waits for "Finished" need not wait for background work.
 */
#include <string.h>

#include "milvus/milvus_internal.h"

static MilvusStatus *not_found(struct milvus_call *call, const struct milvus_collection *collection,
                               const char *name)
{
    if (*name)
        return milvus_status(call, MILVUS_INDEX_NOT_FOUND, "index not found[indexName=%.300s]",
                             name);
    return milvus_status(call, MILVUS_INDEX_NOT_FOUND, "index not found[collection=%s]",
                         collection->name);
}

/* By name when one is given, else by field, else all; 0 of them is a refusal. */
static bool fits(const Kith__Door__IndexRecord *index, const char *field, const char *name)
{
    if (*name) return strcmp(index->name, name) == 0;
    return !*field || strcmp(index->field, field) == 0;
}

static uint64_t rows_of(const struct milvus_collection *collection)
{
    struct kith_stats stats = {.size = sizeof stats};
    return kith_collection_stats(collection->handle, &stats, NULL) ? 0 : stats.rows;
}

static WIRE(IndexDescription) *
    describe(struct milvus_call *call, const Kith__Door__IndexRecord *index, uint64_t rows)
{
    WIRE(IndexDescription) *out =
        milvus_message(call, &milvus__proto__milvus__index_description__descriptor);
    const Kith__Door__IndexRecord *copy = milvus_copy(call, &index->base);
    if (!out || !copy) return NULL;
    out->index_name = copy->name;
    out->field_name = copy->field;
    out->indexid = copy->id;
    out->params = copy->params;
    out->n_params = copy->n_params;
    out->indexed_rows = out->total_rows = (int64_t)rows;
    out->state = MILVUS__PROTO__COMMON__INDEX_STATE__Finished;
    return out;
}

static MilvusStatus *list(struct milvus_call *call, const struct milvus_collection *collection,
                          const char *field, const char *name, WIRE(IndexDescription) * **out,
                          size_t *count)
{
    const Kith__Door__CollectionRecord *record = collection->record;
    const uint64_t rows = rows_of(collection);
    size_t found = 0;
    WIRE(IndexDescription) **items =
        arena_alloc_array(call->arena, record->n_indexes + 1, sizeof *items);
    if (!items) return milvus_error(call, KITH_ENOMEM, NULL);
    for (size_t i = 0; i < record->n_indexes; i++) {
        if (!fits(record->indexes[i], field, name)) continue;
        if (!(items[found++] = describe(call, record->indexes[i], rows)))
            return milvus_error(call, KITH_ENOMEM, NULL);
    }
    if (found == 0) return not_found(call, collection, name);
    *out = items;
    *count = found;
    return NULL;
}

MILVUS_HANDLER(DescribeIndex)
{
    const WIRE(DescribeIndexRequest) *in = request;
    WIRE(DescribeIndexResponse) *out = reply;
    struct milvus_collection *collection =
        milvus_collection_get(call, in->collection_name, false, &out->status);
    if (!collection) return;
    out->status = list(call, collection, in->field_name, in->index_name, &out->index_descriptions,
                       &out->n_index_descriptions);
    if (!out->status) out->status = milvus_success(call);
    milvus_collection_unref(collection);
}

MILVUS_HANDLER(GetIndexStatistics)
{
    const WIRE(GetIndexStatisticsRequest) *in = request;
    WIRE(GetIndexStatisticsResponse) *out = reply;
    struct milvus_collection *collection =
        milvus_collection_get(call, in->collection_name, false, &out->status);
    if (!collection) return;
    out->status = list(call, collection, "", in->index_name, &out->index_descriptions,
                       &out->n_index_descriptions);
    if (!out->status) out->status = milvus_success(call);
    milvus_collection_unref(collection);
}

/* The first index that fits; NULL: the status says why. */
static MilvusStatus *find(struct milvus_call *call, const char *name, const char *field,
                          const char *index, const WIRE(IndexDescription) **out)
{
    WIRE(IndexDescription) * *items;
    MilvusStatus *status;
    size_t count;
    struct milvus_collection *collection = milvus_collection_get(call, name, false, &status);
    *out = NULL;
    if (!collection) return status;
    status = list(call, collection, field, index, &items, &count);
    milvus_collection_unref(collection);
    if (status) return status;
    *out = items[0];
    return milvus_success(call);
}

MILVUS_HANDLER(GetIndexState)
{
    const WIRE(GetIndexStateRequest) *in = request;
    WIRE(GetIndexStateResponse) *out = reply;
    const WIRE(IndexDescription) *index;
    out->status = find(call, in->collection_name, in->field_name, in->index_name, &index);
    if (index) out->state = MILVUS__PROTO__COMMON__INDEX_STATE__Finished;
}

MILVUS_HANDLER(GetIndexBuildProgress)
{
    const WIRE(GetIndexBuildProgressRequest) *in = request;
    WIRE(GetIndexBuildProgressResponse) *out = reply;
    const WIRE(IndexDescription) *index;
    out->status = find(call, in->collection_name, in->field_name, in->index_name, &index);
    if (index) out->indexed_rows = out->total_rows = index->total_rows;
}
