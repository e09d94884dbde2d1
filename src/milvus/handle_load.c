/*
 * Loading and releasing. Everything is served from mapped files whether it is "loaded" or not, so
 * this is a state that the door keeps: a released collection answers no search or query.
 *
 * record.loaded with no loaded_partitions: the whole collection, also partitions that come later;
 * with some: only these.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "milvus/milvus_internal.h"
#include "milvus/schema_map.h"

bool milvus_partition_loaded(const struct milvus_collection *collection, const char *partition)
{
    const Kith__Door__CollectionRecord *record = collection->record;
    if (!record->loaded) return false;
    for (size_t i = 0; i < record->n_loaded_partitions; i++)
        if (strcmp(record->loaded_partitions[i], partition) == 0) return true;
    return record->n_loaded_partitions == 0;
}

static bool listed(char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0) return true;
    return false;
}

/* "[a b]", as the texts show lists. */
static const char *joined(struct milvus_call *call, char *const *names, size_t count)
{
    size_t room = 3, len = 0;
    for (size_t i = 0; i < count; i++) room += strlen(names[i]) + 1;
    char *text = arena_alloc(call->arena, room);
    if (!text) return "[]";
    text[len++] = '[';
    for (size_t i = 0; i < count; i++)
        len += (size_t)snprintf(text + len, room - len, "%s%s", i ? " " : "", names[i]);
    text[len++] = ']';
    text[len] = 0;
    return text;
}

/* ---- may it be loaded? ---- */

static MilvusStatus *check_load_fields(struct milvus_call *call,
                                       const struct milvus_collection *collection,
                                       char *const *fields, size_t count)
{
    const MilvusSchema *schema = collection->record->schema;
    for (size_t i = 0; i < count; i++)
        if (!milvus_field_find(collection, fields[i]))
            return milvus_status(call, MILVUS_FIELD_NOT_FOUND, "field not found[field=%.300s]",
                                 fields[i]);
    for (size_t i = 0; count > 0 && i < schema->n_fields; i++) {
        const MilvusField *field = schema->fields[i];
        const char *what = field->is_primary_key      ? "primary key"
                           : field->is_partition_key  ? "partition key"
                           : field->is_clustering_key ? "clustering key"
                                                      : NULL;
        if (what && !listed(fields, count, field->name))
            return milvus_status(
                call, MILVUS_INVALID,
                "load field list %s does not contain %s field %s: invalid parameter",
                joined(call, fields, count), what, field->name);
    }
    return NULL;
}

/* Every vector field that is loaded has an index. */
static MilvusStatus *check_indexed(struct milvus_call *call,
                                   const struct milvus_collection *collection, char *const *fields,
                                   size_t count)
{
    const MilvusSchema *schema = collection->record->schema;
    char **missing = arena_alloc_array(call->arena, schema->n_fields + 1, sizeof *missing);
    size_t lacking = 0;
    if (!missing) return milvus_error(call, KITH_ENOMEM, NULL);
    if (collection->record->n_indexes == 0)
        return milvus_status(call, MILVUS_INDEX_NOT_FOUND, "index not found[collection=%s]",
                             collection->name);
    for (size_t i = 0; i < schema->n_fields; i++) {
        const MilvusField *field = schema->fields[i];
        if (!field_is_vector(field) || milvus_index_find(collection, field->name, NULL)) continue;
        if (count == 0 || listed(fields, count, field->name)) missing[lacking++] = field->name;
    }
    if (lacking == 0) return NULL;
    return milvus_status(call, MILVUS_PLAIN,
                         "there is no vector index on field: %s, please create index firstly",
                         joined(call, missing, lacking));
}

static MilvusStatus *partition_missing(struct milvus_call *call,
                                       const struct milvus_collection *collection,
                                       char *const *names, size_t count)
{
    struct kith_collection_info *info;
    struct kith_error err = {0};
    MilvusStatus *refusal = NULL;
    const int rc = kith_collection_describe(collection->handle, &info, &err);
    if (rc) return milvus_error(call, rc, &err);
    for (size_t i = 0; !refusal && i < count; i++)
        if (!listed(info->partitions, info->partition_count, names[i]))
            refusal = milvus_status(call, MILVUS_PARTITION_NOT_FOUND,
                                    "partition not found[partition=%.300s]", names[i]);
    kith_collection_info_free(info);
    return refusal;
}

/* ---- edits of the record ---- */

struct edit_load {
    bool loaded;
    char *const *partitions; /* exactly these; count 0: the whole collection */
    size_t partition_count;
};

static void drop_list(ProtobufCAllocator *allocator, char **names, size_t count)
{
    for (size_t i = 0; i < count; i++) allocator->free(allocator->allocator_data, names[i]);
    if (names) allocator->free(allocator->allocator_data, names);
}

static char **keep_list(ProtobufCAllocator *allocator, char *const *names, size_t count)
{
    char **list = allocator->alloc(allocator->allocator_data, (count + 1) * sizeof *list);
    for (size_t i = 0; list && i < count; i++) {
        const size_t len = strlen(names[i]) + 1;
        if ((list[i] = allocator->alloc(allocator->allocator_data, len))) {
            memcpy(list[i], names[i], len);
            continue;
        }
        drop_list(allocator, list, i);
        return NULL;
    }
    return list;
}

static int set_load(void *ctx, Kith__Door__CollectionRecord *record, ProtobufCAllocator *allocator)
{
    const struct edit_load *edit = ctx;
    char **list = keep_list(allocator, edit->partitions, edit->partition_count);
    if (!list) return KITH_ENOMEM;
    drop_list(allocator, record->loaded_partitions, record->n_loaded_partitions);
    record->loaded_partitions = list;
    record->n_loaded_partitions = edit->partition_count;
    record->loaded = edit->loaded;
    return 0;
}

static MilvusStatus *change(struct milvus_call *call, const struct milvus_collection *collection,
                            struct edit_load edit)
{
    struct kith_error err = {0};
    const Kith__Door__CollectionRecord *record = collection->record;
    if (edit.partition_count == 0 && record->loaded == edit.loaded &&
        record->n_loaded_partitions == 0)
        return NULL; /* as it is */
    const int rc = registry_change_quietly(call, collection->id, set_load, &edit, &err);
    return rc ? milvus_error(call, rc, &err) : NULL;
}

/* ---- whole collections ---- */

MILVUS_HANDLER(LoadCollection)
{
    const WIRE(LoadCollectionRequest) *in = request;
    MilvusStatus *refusal = NULL;
    struct milvus_collection *collection =
        milvus_collection_get(call, in->collection_name, false, &refusal);
    if (collection) {
        refusal = check_load_fields(call, collection, in->load_fields, in->n_load_fields);
        if (!refusal) refusal = check_indexed(call, collection, in->load_fields, in->n_load_fields);
        if (!refusal) refusal = change(call, collection, (struct edit_load){.loaded = true});
    }
    milvus_collection_unref(collection);
    milvus_finish(call, reply, refusal);
}

MILVUS_HANDLER(ReleaseCollection)
{
    const WIRE(ReleaseCollectionRequest) *in = request;
    MilvusStatus *refusal = NULL;
    struct milvus_collection *collection =
        milvus_collection_get(call, in->collection_name, false, &refusal);
    if (collection) refusal = change(call, collection, (struct edit_load){.loaded = false});
    milvus_collection_unref(collection);
    milvus_finish(call, reply, refusal);
}

/* ---- partitions ---- */

static MilvusStatus *check_partitions(struct milvus_call *call,
                                      const struct milvus_collection *collection, const char *verb,
                                      char *const *names, size_t count)
{
    if (schema_partition_key(collection->record->schema))
        return milvus_status(call, MILVUS_PLAIN,
                             "disable %s partitions if partition key mode is used", verb);
    if (count == 0)
        return milvus_status(call, MILVUS_INVALID,
                             "partition names cannot be empty: invalid parameter");
    return partition_missing(call, collection, names, count);
}

/* What is loaded now, and these. */
static MilvusStatus *load_more(struct milvus_call *call, const struct milvus_collection *collection,
                               char *const *names, size_t count)
{
    const Kith__Door__CollectionRecord *record = collection->record;
    const size_t before = record->loaded ? record->n_loaded_partitions : 0;
    if (record->loaded && before == 0) return NULL; /* all of them */
    char **list = arena_alloc_array(call->arena, before + count + 1, sizeof *list);
    size_t total = 0;
    if (!list) return milvus_error(call, KITH_ENOMEM, NULL);
    for (size_t i = 0; i < before; i++) list[total++] = record->loaded_partitions[i];
    for (size_t i = 0; i < count; i++)
        if (!listed(list, total, names[i])) list[total++] = names[i];
    return change(call, collection, (struct edit_load){true, list, total});
}

/* What is loaded now, without these. */
static MilvusStatus *load_less(struct milvus_call *call, const struct milvus_collection *collection,
                               char *const *names, size_t count)
{
    struct kith_collection_info *info;
    struct kith_error err = {0};
    if (!collection->record->loaded) return NULL;
    const int rc = kith_collection_describe(collection->handle, &info, &err);
    if (rc) return milvus_error(call, rc, &err);
    char **list = arena_alloc_array(call->arena, info->partition_count + 1, sizeof *list);
    size_t total = 0;
    for (size_t i = 0; list && i < info->partition_count; i++) {
        const char *name = info->partitions[i];
        if (milvus_partition_loaded(collection, name) && !listed(names, count, name))
            list[total++] = info->partitions[i];
    }
    MilvusStatus *refusal =
        list ? change(call, collection, (struct edit_load){total > 0, list, total})
             : milvus_error(call, KITH_ENOMEM, NULL);
    kith_collection_info_free(info);
    return refusal;
}

MILVUS_HANDLER(LoadPartitions)
{
    const WIRE(LoadPartitionsRequest) *in = request;
    MilvusStatus *refusal = NULL;
    struct milvus_collection *collection =
        milvus_collection_get(call, in->collection_name, false, &refusal);
    if (collection) {
        refusal =
            check_partitions(call, collection, "load", in->partition_names, in->n_partition_names);
        if (!refusal)
            refusal = check_load_fields(call, collection, in->load_fields, in->n_load_fields);
        if (!refusal) refusal = check_indexed(call, collection, in->load_fields, in->n_load_fields);
        if (!refusal)
            refusal = load_more(call, collection, in->partition_names, in->n_partition_names);
    }
    milvus_collection_unref(collection);
    milvus_finish(call, reply, refusal);
}

MILVUS_HANDLER(ReleasePartitions)
{
    const WIRE(ReleasePartitionsRequest) *in = request;
    MilvusStatus *refusal = NULL;
    struct milvus_collection *collection =
        milvus_collection_get(call, in->collection_name, false, &refusal);
    if (collection) {
        refusal = check_partitions(call, collection, "release", in->partition_names,
                                   in->n_partition_names);
        if (!refusal)
            refusal = load_less(call, collection, in->partition_names, in->n_partition_names);
    }
    milvus_collection_unref(collection);
    milvus_finish(call, reply, refusal);
}

/* ---- what is loaded ---- */

/* All of what is asked about. */
static bool all_loaded(const struct milvus_collection *collection, char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!milvus_partition_loaded(collection, names[i])) return false;
    return collection->record->loaded;
}

MILVUS_HANDLER(GetLoadState)
{
    const WIRE(GetLoadStateRequest) *in = request;
    WIRE(GetLoadStateResponse) *out = reply;
    MilvusStatus *absent = NULL;
    struct milvus_collection *collection =
        milvus_collection_get(call, in->collection_name, false, &absent);
    out->status = milvus_success(call);
    out->state = MILVUS__PROTO__COMMON__LOAD_STATE__LoadStateNotExist;
    if (!collection) {
        if (absent->code != MILVUS_COLLECTION_NOT_FOUND) out->status = absent;
        return;
    }
    MilvusStatus *missing =
        partition_missing(call, collection, in->partition_names, in->n_partition_names);
    if (missing)
        out->status = missing;
    else if (all_loaded(collection, in->partition_names, in->n_partition_names))
        out->state = MILVUS__PROTO__COMMON__LOAD_STATE__LoadStateLoaded;
    else
        out->state = MILVUS__PROTO__COMMON__LOAD_STATE__LoadStateNotLoad;
    milvus_collection_unref(collection);
}

MILVUS_HANDLER(GetLoadingProgress)
{
    const WIRE(GetLoadingProgressRequest) *in = request;
    WIRE(GetLoadingProgressResponse) *out = reply;
    struct milvus_collection *collection =
        milvus_collection_get(call, in->collection_name, false, &out->status);
    if (!collection) return;
    out->status = partition_missing(call, collection, in->partition_names, in->n_partition_names);
    if (out->status) {
        milvus_collection_unref(collection);
        return;
    }
    if (all_loaded(collection, in->partition_names, in->n_partition_names)) {
        out->status = milvus_success(call);
        out->progress = out->refresh_progress = 100;
    } else {
        out->status = milvus_status(call, MILVUS_COLLECTION_NOT_LOADED,
                                    "collection not loaded[collection=%llu]",
                                    (unsigned long long)collection->id);
    }
    milvus_collection_unref(collection);
}
