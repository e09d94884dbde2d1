/*
 * Partitions.
 */
#include <stdio.h>
#include <string.h>

#include "base/checksum.h"
#include "milvus/milvus_internal.h"
#include "milvus/schema_map.h"

#define NUMBER_MASK       UINT64_C(0x1fffffffffffff) /* exact in a double, which some clients use */
#define PARTITION_DEFAULT "_default"

int64_t milvus_partition_id(const struct milvus_collection *collection, const char *partition)
{
    return (int64_t)(hash64(partition, strlen(partition), collection->id) & NUMBER_MASK) | 1;
}

static bool has(const struct kith_collection_info *info, const char *name)
{
    for (size_t i = 0; i < info->partition_count; i++)
        if (strcmp(info->partitions[i], name) == 0) return true;
    return false;
}

static MilvusStatus *exists(struct milvus_call *call, const struct milvus_collection *collection,
                            const char *name, bool *out)
{
    struct kith_collection_info *info;
    struct kith_error err = {0};
    const int rc = kith_collection_describe(collection->handle, &info, &err);
    if (rc) return milvus_error(call, rc, &err);
    *out = has(info, name);
    kith_collection_info_free(info);
    return NULL;
}

static MilvusStatus *key_mode(struct milvus_call *call, const struct milvus_collection *collection,
                              const char *verb)
{
    if (!schema_partition_key(collection->record->schema)) return NULL;
    return milvus_status(call, MILVUS_PLAIN, "disable %s partition if partition key mode is used",
                         verb);
}

static MilvusStatus *create(struct milvus_call *call, const struct milvus_collection *collection,
                            const char *name)
{
    struct kith_error err = {0};
    MilvusStatus *refusal = key_mode(call, collection, "create");
    if (!refusal) refusal = milvus_check_partition_name(call, name);
    if (refusal) return refusal;
    const int rc = kith_partition_create(collection->handle, name, &err);
    if (rc == KITH_ELIMIT)
        return milvus_status(
            call, MILVUS_PLAIN,
            "partition number (1024) exceeds max configuration (1024), collection: %s",
            collection->name);
    return rc == 0 || rc == KITH_EEXISTS ? NULL : milvus_error(call, rc, &err);
}

MILVUS_HANDLER(CreatePartition)
{
    const WIRE(CreatePartitionRequest) *in = request;
    MilvusStatus *refusal = NULL;
    struct milvus_collection *collection =
        milvus_collection_get(call, in->collection_name, false, &refusal);
    if (collection) refusal = milvus_owned(call, collection);
    if (collection && !refusal) refusal = create(call, collection, in->partition_name);
    milvus_collection_unref(collection);
    milvus_finish(call, reply, refusal);
}

static MilvusStatus *drop(struct milvus_call *call, const struct milvus_collection *collection,
                          const char *name)
{
    struct kith_error err = {0};
    bool there = false;
    MilvusStatus *refusal = key_mode(call, collection, "drop");
    if (!refusal) refusal = milvus_check_partition_name(call, name);
    if (refusal) return refusal;
    if (strcmp(name, PARTITION_DEFAULT) == 0)
        return milvus_status(call, MILVUS_PLAIN, "default partition cannot be deleted");
    refusal = exists(call, collection, name, &there);
    if (refusal || !there) return refusal;
    if (milvus_partition_loaded(collection, name))
        return milvus_status(
            call, MILVUS_PLAIN,
            "partition cannot be dropped, partition is loaded, please release it first");
    const int rc = kith_partition_drop(collection->handle, name, &err);
    return rc == 0 || rc == KITH_ENOTFOUND ? NULL : milvus_error(call, rc, &err);
}

MILVUS_HANDLER(DropPartition)
{
    const WIRE(DropPartitionRequest) *in = request;
    MilvusStatus *refusal = NULL;
    struct milvus_collection *collection =
        milvus_collection_get(call, in->collection_name, false, &refusal);
    if (collection) refusal = milvus_owned(call, collection);
    if (collection && !refusal) refusal = drop(call, collection, in->partition_name);
    milvus_collection_unref(collection);
    milvus_finish(call, reply, refusal);
}

MILVUS_HANDLER(HasPartition)
{
    const WIRE(HasPartitionRequest) *in = request;
    WIRE(BoolResponse) *out = reply;
    bool there = false;
    struct milvus_collection *collection =
        milvus_collection_get(call, in->collection_name, false, &out->status);
    if (!collection) return;
    out->status = exists(call, collection, in->partition_name, &there);
    if (!out->status) out->status = milvus_success(call);
    out->value = there;
    milvus_collection_unref(collection);
}

static MilvusStatus *count_rows(struct milvus_call *call,
                                const struct milvus_collection *collection, const char *partition,
                                uint64_t *rows)
{
    struct kith_query_opts opts = KITH_QUERY_OPTS_INIT;
    struct kith_error err = {0};
    bool there = false;
    MilvusStatus *refusal = exists(call, collection, partition, &there);
    if (refusal) return refusal;
    if (!there)
        return milvus_status(call, MILVUS_PARTITION_NOT_FOUND,
                             "partition not found[partition=%.300s]", partition);
    opts.partitions = &partition;
    opts.partition_count = 1;
    const int rc = kith_count_matching(collection->handle, &opts, call->call, rows, &err);
    return rc ? milvus_error(call, rc, &err) : NULL;
}

MILVUS_HANDLER(GetPartitionStatistics)
{
    const WIRE(GetPartitionStatisticsRequest) *in = request;
    WIRE(GetPartitionStatisticsResponse) *out = reply;
    uint64_t rows = 0;
    struct milvus_collection *collection =
        milvus_collection_get(call, in->collection_name, false, &out->status);
    if (!collection) return;
    out->status = count_rows(call, collection, in->partition_name, &rows);
    milvus_collection_unref(collection);
    if (out->status) return;
    out->status = milvus_success(call);
    if ((out->stats = milvus_row_count(call, rows))) out->n_stats = 1;
}

/* ---- ShowPartitions ---- */

static bool show_room(struct milvus_call *call, size_t count, WIRE(ShowPartitionsResponse) * out)
{
    struct arena *arena = call->arena;
    out->partition_names = arena_alloc_array(arena, count + 1, sizeof(char *));
    out->partitionids = arena_alloc_array(arena, count + 1, sizeof(int64_t));
    out->created_timestamps = arena_alloc_array(arena, count + 1, sizeof(uint64_t));
    out->created_utc_timestamps = arena_alloc_array(arena, count + 1, sizeof(uint64_t));
    out->inmemory_percentages = arena_alloc_array(arena, count + 1, sizeof(int64_t));
    return out->partition_names && out->partitionids && out->created_timestamps &&
           out->created_utc_timestamps && out->inmemory_percentages;
}

static void show_one(struct milvus_call *call, const struct milvus_collection *collection,
                     const char *name, WIRE(ShowPartitionsResponse) * out)
{
    const size_t at = out->n_partition_names;
    out->partition_names[at] = milvus_strdup(call, name);
    out->partitionids[at] = milvus_partition_id(collection, name);
    out->created_timestamps[at] = collection->record->created_ts;
    out->created_utc_timestamps[at] = collection->record->created_ts >> 18;
    out->inmemory_percentages[at] = milvus_partition_loaded(collection, name) ? 100 : 0;
    out->n_partition_names = out->n_partitionids = out->n_created_timestamps =
        out->n_created_utc_timestamps = out->n_inmemory_percentages = at + 1;
}

static bool asked(const WIRE(ShowPartitionsRequest) * in, const char *name)
{
    for (size_t i = 0; i < in->n_partition_names; i++)
        if (strcmp(in->partition_names[i], name) == 0) return true;
    return in->n_partition_names == 0;
}

static MilvusStatus *show(struct milvus_call *call, const struct milvus_collection *collection,
                          const WIRE(ShowPartitionsRequest) * in,
                          WIRE(ShowPartitionsResponse) * out)
{
    struct kith_collection_info *info;
    struct kith_error err = {0};
    MilvusStatus *refusal = NULL;
    const bool in_memory = in->type == MILVUS__PROTO__MILVUS__SHOW_TYPE__InMemory;
    const int rc = kith_collection_describe(collection->handle, &info, &err);
    if (rc) return milvus_error(call, rc, &err);
    for (size_t i = 0; !refusal && i < in->n_partition_names; i++)
        if (!has(info, in->partition_names[i]))
            refusal = milvus_status(call, MILVUS_PARTITION_NOT_FOUND,
                                    "partition not found[partition=%.300s]",
                                    in->partition_names[i]);
        else if (in_memory && !milvus_partition_loaded(collection, in->partition_names[i]))
            refusal = milvus_status(call, 201, "partition not loaded[partition=%.300s]",
                                    in->partition_names[i]);
    if (!refusal && !show_room(call, info->partition_count, out))
        refusal = milvus_error(call, KITH_ENOMEM, NULL);
    for (size_t i = 0; !refusal && i < info->partition_count; i++) {
        const char *name = info->partitions[i];
        if (in_memory && !milvus_partition_loaded(collection, name)) continue;
        if (asked(in, name)) show_one(call, collection, name, out);
    }
    kith_collection_info_free(info);
    return refusal;
}

MILVUS_HANDLER(ShowPartitions)
{
    const WIRE(ShowPartitionsRequest) *in = request;
    WIRE(ShowPartitionsResponse) *out = reply;
    struct milvus_collection *collection = milvus_collection_either(
        call, in->collection_name, in->collectionid, &out->status);
    if (!collection) return;
    out->status = show(call, collection, in, out);
    if (!out->status) out->status = milvus_success(call);
    milvus_collection_unref(collection);
}
