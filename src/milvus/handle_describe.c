/*
 * What collections are: DescribeCollection and its batch, ShowCollections, statistics.
 *
 * Replies are packed after the handler has let go of the collection, so what they show of it is
 * copied into the call's arena.
 */
#include <stdio.h>
#include <string.h>

#include "milvus/milvus_internal.h"
#include "milvus/schema_map.h"

typedef WIRE(DescribeCollectionResponse) Description;

static char **copy_names(struct milvus_call *call, char *const *names, size_t count)
{
    char **copy = arena_alloc_array(call->arena, count + 1, sizeof *copy);
    for (size_t i = 0; copy && i < count; i++) copy[i] = milvus_strdup(call, names[i]);
    return copy;
}

/* One channel a shard; clients show them and do nothing else with them. */
static char **channels(struct milvus_call *call, uint64_t id, int32_t shards, bool physical)
{
    char **names = arena_alloc_array(call->arena, (size_t)shards + 1, sizeof *names);
    char text[96];
    for (int32_t i = 0; names && i < shards; i++) {
        if (physical)
            (void)snprintf(text, sizeof text, "by-dev-rootcoord-dml_%d", i);
        else
            (void)snprintf(text, sizeof text, "by-dev-rootcoord-dml_%d_%lluv%d", i,
                           (unsigned long long)id, i);
        names[i] = milvus_strdup(call, text);
    }
    return names;
}

static bool describe_record(struct milvus_call *call, const struct milvus_collection *collection,
                            Description *out)
{
    const Kith__Door__CollectionRecord *record = collection->record;
    Kith__Door__CollectionRecord *copy = milvus_copy(call, &record->base);
    const int32_t shards = record->shards > 0 ? record->shards : 1;
    char text[32];
    if (!copy) return false;
    out->schema = copy->schema;
    out->schema->name = milvus_strdup(call, collection->name);
    out->schema->dbname = milvus_strdup(call, collection->database);
    out->properties = copy->properties;
    out->n_properties = copy->n_properties;
    out->collectionid = (int64_t)collection->id;
    out->shards_num = shards;
    out->consistency_level = (Milvus__Proto__Common__ConsistencyLevel)record->consistency;
    out->created_timestamp = record->created_ts;
    out->created_utc_timestamp = record->created_ts >> 18;
    out->update_timestamp = record->updated_ts;
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)record->updated_ts);
    out->update_timestamp_str = milvus_strdup(call, text);
    out->virtual_channel_names = channels(call, collection->id, shards, false);
    out->physical_channel_names = channels(call, collection->id, shards, true);
    if (out->virtual_channel_names) out->n_virtual_channel_names = (size_t)shards;
    if (out->physical_channel_names) out->n_physical_channel_names = (size_t)shards;
    return true;
}

static int describe(struct milvus_call *call, const struct milvus_collection *collection,
                    const char *asked, Description *out, struct kith_error *err)
{
    struct kith_collection_info *info;
    int rc = kith_collection_describe(collection->handle, &info, err);
    if (rc) return rc;
    out->aliases = copy_names(call, info->aliases, info->alias_count);
    if (out->aliases) out->n_aliases = info->alias_count;
    out->num_partitions = schema_partition_key(collection->record->schema)
                              ? collection->record->partition_count
                              : (int64_t)info->partition_count;
    kith_collection_info_free(info);
    out->collection_name = milvus_strdup(call, *asked ? asked : collection->name);
    out->db_name = milvus_strdup(call, collection->database);
    out->db_id = milvus_database_id(collection->database);
    out->request_time = milvus_timestamp(call->milvus);
    return describe_record(call, collection, out) ? 0 : KITH_ENOMEM;
}

/* By name, else by number. */
static void answer(struct milvus_call *call, const char *name, int64_t id, Description *out)
{
    struct kith_error err = {0};
    MilvusStatus *refusal = NULL;
    struct milvus_collection *collection = NULL;
    if (*name || id == 0)
        collection = milvus_collection_get(call, name, true, &refusal);
    else if (!(collection = milvus_collection_by_id(call, (uint64_t)id)))
        refusal = milvus_status(call, MILVUS_COLLECTION_NOT_FOUND,
                                "collection not found[collection=%lld]", (long long)id);
    if (collection) {
        const int rc = describe(call, collection, name, out, &err);
        if (rc) refusal = milvus_error(call, rc, &err);
    }
    milvus_collection_unref(collection);
    out->status = refusal ? refusal : milvus_success(call);
}

MILVUS_HANDLER(DescribeCollection)
{
    const WIRE(DescribeCollectionRequest) *in = request;
    answer(call, in->collection_name, in->collectionid, reply);
}

/* Each has a status of its own, so the batch as a whole succeeds. */
MILVUS_HANDLER(BatchDescribeCollection)
{
    const WIRE(BatchDescribeCollectionRequest) *in = request;
    WIRE(BatchDescribeCollectionResponse) *out = reply;
    const bool by_name = in->n_collection_name > 0;
    const size_t count = by_name ? in->n_collection_name : in->n_collectionid;
    if (count == 0) {
        out->status = milvus_status(call, MILVUS_PLAIN, "collection names cannot be empty");
        return;
    }
    out->status = milvus_success(call);
    out->responses = arena_alloc_array(call->arena, count, sizeof *out->responses);
    for (size_t i = 0; out->responses && i < count; i++) {
        Description *one =
            milvus_message(call, &milvus__proto__milvus__describe_collection_response__descriptor);
        if (!one) break;
        answer(call, by_name ? in->collection_name[i] : "", by_name ? 0 : in->collectionid[i], one);
        out->responses[out->n_responses++] = one;
    }
    if (out->n_responses < count) out->status = milvus_error(call, KITH_ENOMEM, NULL);
}

/* ---- ShowCollections ---- */

static bool wanted(const WIRE(ShowCollectionsRequest) * in, const struct milvus_collection *item)
{
    const bool in_memory = in->type == MILVUS__PROTO__MILVUS__SHOW_TYPE__InMemory;
    if (in_memory && !item->record->loaded) return false;
    for (size_t i = 0; i < in->n_collection_names; i++)
        if (strcmp(in->collection_names[i], item->name) == 0) return true;
    return in->n_collection_names == 0;
}

static MilvusStatus *show_named(struct milvus_call *call, const WIRE(ShowCollectionsRequest) * in)
{
    for (size_t i = 0; i < in->n_collection_names; i++) {
        MilvusStatus *refusal = NULL;
        struct milvus_collection *one =
            milvus_collection_get(call, in->collection_names[i], false, &refusal);
        const bool missing = one && in->type == MILVUS__PROTO__MILVUS__SHOW_TYPE__InMemory &&
                             !one->record->loaded;
        if (missing)
            refusal = milvus_status(call, MILVUS_COLLECTION_NOT_LOADED,
                                    "collection not loaded[collection=%.300s]", one->name);
        milvus_collection_unref(one);
        if (refusal) return refusal;
    }
    return NULL;
}

static bool show_room(struct milvus_call *call, size_t count, WIRE(ShowCollectionsResponse) * out)
{
    struct arena *arena = call->arena;
    out->collection_names = arena_alloc_array(arena, count + 1, sizeof(char *));
    out->collection_ids = arena_alloc_array(arena, count + 1, sizeof(int64_t));
    out->created_timestamps = arena_alloc_array(arena, count + 1, sizeof(uint64_t));
    out->created_utc_timestamps = arena_alloc_array(arena, count + 1, sizeof(uint64_t));
    out->inmemory_percentages = arena_alloc_array(arena, count + 1, sizeof(int64_t));
    out->query_service_available = arena_alloc_array(arena, count + 1, sizeof(protobuf_c_boolean));
    out->shards_num = arena_alloc_array(arena, count + 1, sizeof(int32_t));
    return out->collection_names && out->collection_ids && out->created_timestamps &&
           out->created_utc_timestamps && out->inmemory_percentages &&
           out->query_service_available && out->shards_num;
}

static void show_one(struct milvus_call *call, const struct milvus_collection *item, bool in_memory,
                     WIRE(ShowCollectionsResponse) * out)
{
    const size_t at = out->n_collection_names;
    out->collection_names[at] = milvus_strdup(call, item->name);
    out->collection_ids[at] = (int64_t)item->id;
    out->created_timestamps[at] = item->record->created_ts;
    out->created_utc_timestamps[at] = item->record->created_ts >> 18;
    out->inmemory_percentages[at] = 100;
    out->query_service_available[at] = item->record->loaded;
    out->shards_num[at] = item->record->shards;
    out->n_collection_names = out->n_collection_ids = out->n_created_timestamps =
        out->n_created_utc_timestamps = out->n_shards_num = at + 1;
    if (in_memory) out->n_inmemory_percentages = out->n_query_service_available = at + 1;
}

MILVUS_HANDLER(ShowCollections)
{
    const WIRE(ShowCollectionsRequest) *in = request;
    WIRE(ShowCollectionsResponse) *out = reply;
    struct milvus_collection **items = NULL;
    size_t count = 0;
    if (!milvus_database_exists(call->milvus, call->database)) {
        out->status = milvus_status(call, MILVUS_DATABASE_NOT_FOUND,
                                    "database not found[database=%.300s]", call->database);
        return;
    }
    if ((out->status = show_named(call, in))) return;
    out->status = milvus_success(call);
    if (milvus_collection_list(call, &items, &count) || !show_room(call, count, out)) {
        out->status = milvus_error(call, KITH_ENOMEM, NULL);
        memset(&out->n_collection_names, 0, sizeof out->n_collection_names);
    } else {
        for (size_t i = 0; i < count; i++)
            if (wanted(in, items[i]))
                show_one(call, items[i], in->type == MILVUS__PROTO__MILVUS__SHOW_TYPE__InMemory,
                         out);
    }
    for (size_t i = 0; i < count; i++) milvus_collection_unref(items[i]);
}

/* ---- statistics ---- */

MilvusPair **milvus_row_count(struct milvus_call *call, uint64_t rows)
{
    MilvusPair **pairs = arena_alloc_array(call->arena, 1, sizeof *pairs);
    MilvusPair *pair = milvus_message(call, &milvus__proto__common__key_value_pair__descriptor);
    char text[32];
    if (!pairs || !pair) return NULL;
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)rows);
    pair->key = milvus_text("row_count");
    pair->value = milvus_strdup(call, text);
    pairs[0] = pair;
    return pairs;
}

/* Rows written and not compacted away yet: deletes show later. */
MILVUS_HANDLER(GetCollectionStatistics)
{
    const WIRE(GetCollectionStatisticsRequest) *in = request;
    WIRE(GetCollectionStatisticsResponse) *out = reply;
    struct kith_stats stats = {.size = sizeof stats};
    struct kith_error err = {0};
    struct milvus_collection *collection =
        milvus_collection_get(call, in->collection_name, false, &out->status);
    if (!collection) return;
    const int rc = kith_collection_stats(collection->handle, &stats, &err);
    milvus_collection_unref(collection);
    out->status = rc ? milvus_error(call, rc, &err) : milvus_success(call);
    if (rc == 0 && (out->stats = milvus_row_count(call, stats.rows + stats.deleted_rows)))
        out->n_stats = 1;
}
