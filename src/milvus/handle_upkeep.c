/*
 * Upkeep: flush, compaction, what segments and replicas there are. One machine holds everything, so
 * states are reached by the time that a reply leaves.
 */
#include <string.h>

#include "milvus/milvus_internal.h"

#define NODE_ID         1
#define COMPACT_WAIT_MS 1000 /* then it goes on in the background */

/* ---- flush ---- */

static Milvus__Proto__Schema__LongArray *no_ids(struct milvus_call *call)
{
    return milvus_message(call, &milvus__proto__schema__long_array__descriptor);
}

/* Maps are lists of entries, each of its own type with a key and a value. */
#define NEW_ENTRY(entry) milvus_message(call, &milvus__proto__milvus__##entry##__descriptor)

static bool note_flushed(struct milvus_call *call, const char *name, size_t at,
                         WIRE(FlushResponse) * out)
{
    WIRE(FlushResponse__CollSegIDsEntry) *ids = NEW_ENTRY(flush_response__coll_seg_ids_entry);
    WIRE(FlushResponse__FlushCollSegIDsEntry) *flushed =
        NEW_ENTRY(flush_response__flush_coll_seg_ids_entry);
    WIRE(FlushResponse__CollSealTimesEntry) *sealed =
        NEW_ENTRY(flush_response__coll_seal_times_entry);
    WIRE(FlushResponse__CollFlushTsEntry) *ts = NEW_ENTRY(flush_response__coll_flush_ts_entry);
    if (!ids || !flushed || !sealed || !ts) return false;
    ids->key = flushed->key = sealed->key = ts->key = milvus_text(name);
    ids->value = no_ids(call);
    flushed->value = no_ids(call);
    ts->value = milvus_timestamp(call->milvus);
    sealed->value = (int64_t)(ts->value >> 18) / 1000;
    out->coll_segids[at] = ids;
    out->flush_coll_segids[at] = flushed;
    out->coll_seal_times[at] = sealed;
    out->coll_flush_ts[at] = ts;
    out->n_coll_segids = out->n_flush_coll_segids = out->n_coll_seal_times = out->n_coll_flush_ts =
        at + 1;
    return ids->value && flushed->value;
}

static MilvusStatus *flush_one(struct milvus_call *call, const char *name)
{
    struct kith_error err = {0};
    MilvusStatus *refusal = NULL;
    struct milvus_collection *collection = milvus_collection_get(call, name, false, &refusal);
    if (!collection) return refusal;
    const int rc = kith_flush(collection->handle, call->call, &err);
    milvus_collection_unref(collection);
    return rc ? milvus_error(call, rc, &err) : NULL;
}

MILVUS_HANDLER(Flush)
{
    const WIRE(FlushRequest) *in = request;
    WIRE(FlushResponse) *out = reply;
    const size_t count = in->n_collection_names;
    struct arena *arena = call->arena;
    out->coll_segids = arena_alloc_array(arena, count + 1, sizeof(void *));
    out->flush_coll_segids = arena_alloc_array(arena, count + 1, sizeof(void *));
    out->coll_seal_times = arena_alloc_array(arena, count + 1, sizeof(void *));
    out->coll_flush_ts = arena_alloc_array(arena, count + 1, sizeof(void *));
    out->db_name = milvus_text(call->database);
    const bool room = out->coll_segids && out->flush_coll_segids && out->coll_seal_times &&
                      out->coll_flush_ts;
    MilvusStatus *refusal = room ? NULL : milvus_error(call, KITH_ENOMEM, NULL);
    for (size_t i = 0; !refusal && i < count; i++) {
        refusal = flush_one(call, in->collection_names[i]);
        if (!refusal && !note_flushed(call, in->collection_names[i], i, out))
            refusal = milvus_error(call, KITH_ENOMEM, NULL);
    }
    out->status = refusal ? refusal : milvus_success(call);
}

MILVUS_HANDLER(GetFlushState)
{
    (void)request;
    WIRE(GetFlushStateResponse) *out = reply;
    out->status = milvus_success(call);
    out->flushed = true;
}

/* All collections of a database. */
static MilvusStatus *flush_database(struct milvus_call *call)
{
    struct milvus_collection **items;
    size_t count;
    MilvusStatus *refusal = NULL;
    if (milvus_collection_list(call, &items, &count)) return milvus_error(call, KITH_ENOMEM, NULL);
    for (size_t i = 0; i < count; i++) {
        struct kith_error err = {0};
        const int rc = refusal ? 0 : kith_flush(items[i]->handle, call->call, &err);
        if (rc && rc != KITH_ECLOSED) refusal = milvus_error(call, rc, &err); /* closed: dropped */
        milvus_collection_unref(items[i]);
    }
    return refusal;
}

/* One database, the ones that are named, or all. */
static MilvusStatus *flush_all(struct milvus_call *call, const WIRE(FlushAllRequest) * in)
{
    struct kith_names names;
    MilvusStatus *refusal = NULL;
    const char *mine = call->database;
    if (*in->db_name) return flush_database(call);
    if (kith_database_list(call->milvus->opts.db, &names, NULL))
        return milvus_error(call, KITH_ENOMEM, NULL);
    for (size_t i = 0; !refusal && i < names.count; i++) {
        bool wanted = in->n_flush_targets == 0;
        for (size_t j = 0; j < in->n_flush_targets; j++)
            wanted = wanted || strcmp(in->flush_targets[j]->db_name, names.names[i]) == 0;
        call->database = names.names[i];
        if (wanted) refusal = flush_database(call);
    }
    call->database = mine;
    kith_names_free(&names);
    return refusal;
}

MILVUS_HANDLER(FlushAll)
{
    WIRE(FlushAllResponse) *out = reply;
    MilvusStatus *refusal = flush_all(call, request);
    out->status = refusal ? refusal : milvus_success(call);
    out->flush_all_ts = milvus_timestamp(call->milvus);
}

MILVUS_HANDLER(GetFlushAllState)
{
    (void)request;
    WIRE(GetFlushAllStateResponse) *out = reply;
    out->status = milvus_success(call);
    out->flushed = true;
}

/* ---- compaction ---- */

static MilvusStatus *compact(struct milvus_call *call, const struct milvus_collection *collection)
{
    struct kith_call limit = {.size = sizeof limit, .timeout_ms = COMPACT_WAIT_MS};
    struct kith_error err = {0};
    if (call->call) limit.cancel = call->call->cancel;
    const int rc = kith_compact(collection->handle, &limit, &err);
    return rc == 0 || rc == KITH_ETIMEDOUT ? NULL : milvus_error(call, rc, &err);
}

MILVUS_HANDLER(ManualCompaction)
{
    const WIRE(ManualCompactionRequest) *in = request;
    WIRE(ManualCompactionResponse) *out = reply;
    struct milvus_collection *collection = NULL;
    if (in->target_size > 0 && in->target_size < 64) {
        out->status = milvus_status(call, MILVUS_INVALID,
                                    "targetSize %lld MB is less than the smallest segment size: "
                                    "invalid parameter",
                                    (long long)in->target_size);
        return;
    }
    if (in->collectionid) {
        collection = milvus_collection_by_id(call, (uint64_t)in->collectionid);
        if (!collection)
            out->status = milvus_status(call, MILVUS_COLLECTION_NOT_FOUND,
                                        "collection not found[collection=%lld]",
                                        (long long)in->collectionid);
    } else {
        collection = milvus_collection_get(call, in->collection_name, false, &out->status);
    }
    if (!collection) return;
    out->status = compact(call, collection);
    milvus_collection_unref(collection);
    if (out->status) return;
    out->status = milvus_success(call);
    out->compactionid = (int64_t)(milvus_timestamp(call->milvus) & INT64_MAX);
    out->compactionplancount = 1;
}

/* An unknown number is as well done with as a known one. */
MILVUS_HANDLER(GetCompactionState)
{
    (void)request;
    WIRE(GetCompactionStateResponse) *out = reply;
    out->status = milvus_success(call);
    out->state = MILVUS__PROTO__COMMON__COMPACTION_STATE__Completed;
}

MILVUS_HANDLER(GetCompactionStateWithPlans)
{
    (void)request;
    WIRE(GetCompactionPlansResponse) *out = reply;
    out->status = milvus_success(call);
    out->state = MILVUS__PROTO__COMMON__COMPACTION_STATE__Completed;
}

/* ---- segments ----
 * The engine tells how many there are and how many rows they hold together. */

struct segments {
    uint64_t count, rows;
    int64_t collection, partition;
};

static MilvusStatus *segments_of(struct milvus_call *call, const char *name, struct segments *out,
                                 struct milvus_collection **collection)
{
    struct kith_stats stats = {.size = sizeof stats};
    struct kith_error err = {0};
    MilvusStatus *refusal = NULL;
    *collection = milvus_collection_get(call, name, false, &refusal);
    if (!*collection) return refusal;
    const int rc = kith_collection_stats((*collection)->handle, &stats, &err);
    if (rc) {
        milvus_collection_unref(*collection);
        *collection = NULL;
        return milvus_error(call, rc, &err);
    }
    const uint64_t all = stats.rows + stats.deleted_rows;
    out->count = stats.sealed_segments;
    out->rows = all > stats.growing_rows ? all - stats.growing_rows : 0;
    out->collection = (int64_t)(*collection)->id;
    out->partition = milvus_partition_id(*collection, "_default");
    return NULL;
}

/* The rows of one of them; the first has what does not divide. */
static int64_t share(const struct segments *all, uint64_t at)
{
    return (int64_t)(all->rows / all->count + (at == 0 ? all->rows % all->count : 0));
}

static int64_t segment_number(const struct segments *all, uint64_t at)
{
    return all->collection * 100000 + (int64_t)at + 1;
}

MILVUS_HANDLER(GetPersistentSegmentInfo)
{
    const WIRE(GetPersistentSegmentInfoRequest) *in = request;
    WIRE(GetPersistentSegmentInfoResponse) *out = reply;
    struct segments all;
    struct milvus_collection *collection;
    out->status = segments_of(call, in->collectionname, &all, &collection);
    if (!collection) return;
    milvus_collection_unref(collection);
    out->status = milvus_success(call);
    out->infos = arena_alloc_array(call->arena, all.count + 1, sizeof *out->infos);
    for (uint64_t i = 0; out->infos && i < all.count; i++) {
        WIRE(PersistentSegmentInfo) *info = NEW_ENTRY(persistent_segment_info);
        if (!info) return;
        info->segmentid = segment_number(&all, i);
        info->collectionid = all.collection;
        info->partitionid = all.partition;
        info->num_rows = share(&all, i);
        info->state = MILVUS__PROTO__COMMON__SEGMENT_STATE__Flushed;
        info->level = MILVUS__PROTO__COMMON__SEGMENT_LEVEL__L1;
        out->infos[out->n_infos++] = info;
    }
}

static WIRE(QuerySegmentInfo) *
    query_segment(struct milvus_call *call, const struct milvus_collection *collection)
{
    WIRE(QuerySegmentInfo) *info = NEW_ENTRY(query_segment_info);
    const Kith__Door__IndexRecord *index = milvus_index_find(collection, NULL, NULL);
    if (!info) return NULL;
    info->nodeid = NODE_ID;
    info->nodeids = arena_alloc_array(call->arena, 1, sizeof(int64_t));
    if (info->nodeids) info->nodeids[info->n_nodeids++] = NODE_ID;
    info->index_name = index ? milvus_strdup(call, index->name) : milvus_text("");
    info->indexid = index ? index->id : 0;
    info->state = MILVUS__PROTO__COMMON__SEGMENT_STATE__Sealed;
    info->level = MILVUS__PROTO__COMMON__SEGMENT_LEVEL__L1;
    return info;
}

MILVUS_HANDLER(GetQuerySegmentInfo)
{
    const WIRE(GetQuerySegmentInfoRequest) *in = request;
    WIRE(GetQuerySegmentInfoResponse) *out = reply;
    struct segments all;
    struct milvus_collection *collection;
    out->status = segments_of(call, in->collectionname, &all, &collection);
    if (!collection) return;
    out->status = milvus_success(call);
    out->infos = arena_alloc_array(call->arena, all.count + 1, sizeof *out->infos);
    for (uint64_t i = 0; out->infos && collection->record->loaded && i < all.count; i++) {
        WIRE(QuerySegmentInfo) *info = query_segment(call, collection);
        if (!info) break;
        info->segmentid = segment_number(&all, i);
        info->collectionid = all.collection;
        info->partitionid = all.partition;
        info->num_rows = share(&all, i);
        out->infos[out->n_infos++] = info;
    }
    milvus_collection_unref(collection);
}

/* ---- replicas, balance ---- */

static int64_t *one_id(struct milvus_call *call, int64_t id, size_t *count)
{
    int64_t *ids = arena_alloc_array(call->arena, 1, sizeof *ids);
    *count = ids ? 1 : 0;
    if (ids) ids[0] = id;
    return ids;
}

static WIRE(ReplicaInfo) *
    replica(struct milvus_call *call, const struct milvus_collection *collection)
{
    WIRE(ReplicaInfo) *info = NEW_ENTRY(replica_info);
    WIRE(ShardReplica) *shard = NEW_ENTRY(shard_replica);
    if (!info || !shard) return NULL;
    info->replicaid = (int64_t)collection->id * 10 + 1;
    info->collectionid = (int64_t)collection->id;
    info->node_ids = one_id(call, NODE_ID, &info->n_node_ids);
    info->partition_ids =
        one_id(call, milvus_partition_id(collection, "_default"), &info->n_partition_ids);
    info->resource_group_name = milvus_text("__default_resource_group");
    shard->leaderid = NODE_ID;
    shard->leader_addr = milvus_text("127.0.0.1:19530");
    shard->dm_channel_name = milvus_text("by-dev-rootcoord-dml_0");
    shard->node_ids = one_id(call, NODE_ID, &shard->n_node_ids);
    info->shard_replicas = arena_alloc_array(call->arena, 1, sizeof *info->shard_replicas);
    if (info->shard_replicas) info->shard_replicas[info->n_shard_replicas++] = shard;
    return info;
}

MILVUS_HANDLER(GetReplicas)
{
    const WIRE(GetReplicasRequest) *in = request;
    WIRE(GetReplicasResponse) *out = reply;
    struct milvus_collection *collection = milvus_collection_either(
        call, in->collection_name, in->collectionid, &out->status);
    if (!collection) return;
    if (collection->record->loaded) {
        WIRE(ReplicaInfo) *info = replica(call, collection);
        out->replicas = arena_alloc_array(call->arena, 1, sizeof *out->replicas);
        if (info && out->replicas) out->replicas[out->n_replicas++] = info;
        out->status = info && out->replicas ? milvus_success(call)
                                            : milvus_error(call, KITH_ENOMEM, NULL);
    } else {
        out->status = milvus_status(call, MILVUS_COLLECTION_NOT_LOADED,
                                    "collection not loaded[collection=%llu]",
                                    (unsigned long long)collection->id);
    }
    milvus_collection_unref(collection);
}

/* There is nowhere else to put anything. */
MILVUS_HANDLER(LoadBalance)
{
    const WIRE(LoadBalanceRequest) *in = request;
    MilvusStatus *refusal = NULL;
    milvus_collection_unref(milvus_collection_get(call, in->collectionname, false, &refusal));
    milvus_finish(call, reply, refusal);
}
