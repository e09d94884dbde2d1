/*
 * Indexes created, dropped, altered. The record keeps what was asked for; the engine's index has a
 * name of its own ("ix.<id>"), so that names of the protocol never meet names of fields.
 */
#include <stdio.h>
#include <string.h>

#include "milvus/index_rules.h"
#include "milvus/milvus_internal.h"
#include "milvus/schema_map.h"

static const char *index_param(const Kith__Door__IndexRecord *index, const char *key)
{
    const char *value = milvus_pair_get(index->params, index->n_params, key);
    return value ? value : "";
}

static bool same_params(const Kith__Door__IndexRecord *index, const struct index_ask *ask)
{
    if (index->n_params != ask->pair_count) return false;
    for (size_t i = 0; i < ask->pair_count; i++) {
        const char *value = milvus_pair_get(index->params, index->n_params, ask->pairs[i]->key);
        if (!value || strcmp(value, ask->pairs[i]->value) != 0) return false;
    }
    return true;
}

/* Is there one already? *same: and it is this one. */
static MilvusStatus *check_other(struct milvus_call *call,
                                 const struct milvus_collection *collection,
                                 const struct index_ask *ask, const char *name, bool *same)
{
    const Kith__Door__CollectionRecord *record = collection->record;
    for (size_t i = 0; i < record->n_indexes; i++) {
        const Kith__Door__IndexRecord *index = record->indexes[i];
        const bool field = strcmp(index->field, ask->engine_field) == 0;
        const bool path =
            strcmp(index_param(index, "json_path"), ask->json_path ? ask->json_path : "") == 0;
        const bool named = strcmp(index->name, name) == 0;
        if (!named && !(field && path)) continue;
        *same = named && field && same_params(index, ask);
        if (*same) return NULL;
        return milvus_status(call, MILVUS_PLAIN,
                             "CreateIndex failed: at most one distinct index is allowed per field");
    }
    return NULL;
}

/* ---- edits of the record ---- */

struct edit_add {
    const struct index_ask *ask;
    const char *name;
    int64_t id;
};

/* Grown by one; the last is a copy of the new one. */
static int add_record(void *ctx, Kith__Door__CollectionRecord *record,
                      ProtobufCAllocator *allocator)
{
    const struct edit_add *edit = ctx;
    Kith__Door__IndexRecord fresh = KITH__DOOR__INDEX_RECORD__INIT;
    fresh.name = milvus_text(edit->name);
    fresh.field = milvus_text(edit->ask->engine_field);
    fresh.id = edit->id;
    fresh.params = edit->ask->pairs;
    fresh.n_params = edit->ask->pair_count;
    Kith__Door__IndexRecord **grown = allocator->alloc(
        allocator->allocator_data, (record->n_indexes + 1) * sizeof *record->indexes);
    Kith__Door__IndexRecord *copy = registry_own(allocator, &fresh.base);
    if (!grown || !copy) {
        if (grown) allocator->free(allocator->allocator_data, grown);
        if (copy) kith__door__index_record__free_unpacked(copy, allocator);
        return KITH_ENOMEM;
    }
    if (record->n_indexes) memcpy(grown, record->indexes, record->n_indexes * sizeof *grown);
    if (record->indexes) allocator->free(allocator->allocator_data, record->indexes);
    grown[record->n_indexes++] = copy;
    record->indexes = grown;
    if (record->next_index <= edit->id) record->next_index = edit->id + 1;
    return 0;
}

static int drop_record(void *ctx, Kith__Door__CollectionRecord *record,
                       ProtobufCAllocator *allocator)
{
    const int64_t *id = ctx;
    size_t kept = 0;
    for (size_t i = 0; i < record->n_indexes; i++) {
        if (record->indexes[i]->id == *id)
            kith__door__index_record__free_unpacked(record->indexes[i], allocator);
        else
            record->indexes[kept++] = record->indexes[i];
    }
    record->n_indexes = kept;
    return 0;
}

/* ---- CreateIndex ---- */

static const char *index_name(struct milvus_call *call, const WIRE(CreateIndexRequest) * in,
                              const struct index_ask *ask)
{
    if (*in->index_name) return in->index_name;
    if (!ask->json_path) return ask->engine_field;
    char text[1024];
    (void)snprintf(text, sizeof text, "%s%s", ask->engine_field, ask->json_path);
    return milvus_strdup(call, text);
}

static MilvusStatus *create(struct milvus_call *call, struct milvus_collection *collection,
                            const WIRE(CreateIndexRequest) * in)
{
    struct index_ask ask;
    struct kith_error err = {0};
    bool same = false;
    char engine_name[32];
    MilvusStatus *refusal = milvus_check_index_name(call, in->index_name);
    if (!refusal) refusal = index_ask_read(call, collection, in, &ask);
    if (refusal) return refusal;
    const char *name = index_name(call, in, &ask);
    refusal = check_other(call, collection, &ask, name, &same);
    if (refusal || same) return refusal;
    struct edit_add edit = {&ask, name, collection->record->next_index};
    const bool vector = ask.field && field_is_vector(ask.field);
    (void)snprintf(engine_name, sizeof engine_name, "ix.%lld", (long long)edit.id);
    if (!vector) ask.engine.name = engine_name; /* a vector field's is called like the field */
    int rc = kith_index_create(collection->handle, ask.engine_field, &ask.engine, &err);
    if (rc == 0) rc = registry_change_quietly(call, collection->id, add_record, &edit, &err);
    return rc ? milvus_error(call, rc, &err) : NULL;
}

MILVUS_HANDLER(CreateIndex)
{
    const WIRE(CreateIndexRequest) *in = request;
    MilvusStatus *refusal = NULL;
    os_mutex_lock(&call->milvus->ddl_lock);
    struct milvus_collection *collection =
        milvus_collection_get(call, in->collection_name, false, &refusal);
    if (collection) refusal = milvus_owned(call, collection);
    if (collection && !refusal) refusal = create(call, collection, in);
    os_mutex_unlock(&call->milvus->ddl_lock);
    milvus_collection_unref(collection);
    milvus_finish(call, reply, refusal);
}

/* ---- DropIndex ---- */

static int drop_engine(const struct milvus_collection *collection,
                       const Kith__Door__IndexRecord *index, struct kith_error *err)
{
    char engine_name[32];
    const MilvusField *field = milvus_field_find(collection, index->field);
    (void)snprintf(engine_name, sizeof engine_name, "ix.%lld", (long long)index->id);
    int rc = field && field_is_vector(field)
                 ? kith_index_drop(collection->handle, index->field, err)
                 : kith_index_drop(collection->handle, engine_name, err);
    if (rc == KITH_ENOTFOUND) rc = kith_index_drop(collection->handle, index->name, err);
    return rc == KITH_ENOTFOUND ? 0 : rc;
}

static MilvusStatus *drop(struct milvus_call *call, struct milvus_collection *collection,
                          const Kith__Door__IndexRecord *index)
{
    struct kith_error err = {0};
    const MilvusField *field = milvus_field_find(collection, index->field);
    int64_t id = index->id;
    if (collection->record->loaded && field && field_is_vector(field))
        return milvus_status(call, MILVUS_INVALID,
                             "vector index cannot be dropped on loaded collection: %llu: invalid "
                             "parameter",
                             (unsigned long long)collection->id);
    int rc = drop_engine(collection, index, &err);
    if (rc == 0) rc = registry_change_quietly(call, collection->id, drop_record, &id, &err);
    return rc ? milvus_error(call, rc, &err) : NULL;
}

/* By the index's name, or all of a field. An absent one was dropped already. */
MILVUS_HANDLER(DropIndex)
{
    const WIRE(DropIndexRequest) *in = request;
    MilvusStatus *refusal = NULL;
    os_mutex_lock(&call->milvus->ddl_lock);
    struct milvus_collection *collection =
        milvus_collection_get(call, in->collection_name, false, &refusal);
    const Kith__Door__CollectionRecord *record = collection ? collection->record : NULL;
    if (collection) refusal = milvus_owned(call, collection);
    for (size_t i = 0; record && !refusal && i < record->n_indexes; i++) {
        const Kith__Door__IndexRecord *index = record->indexes[i];
        const bool fits = *in->index_name
                              ? strcmp(index->name, in->index_name) == 0
                              : !*in->field_name || strcmp(index->field, in->field_name) == 0;
        if (fits) refusal = drop(call, collection, index);
    }
    os_mutex_unlock(&call->milvus->ddl_lock);
    milvus_collection_unref(collection);
    milvus_finish(call, reply, refusal);
}

/* ---- AlterIndex ---- */

struct edit_alter {
    int64_t id;
    const WIRE(AlterIndexRequest) * in;
};

static int alter_record(void *ctx, Kith__Door__CollectionRecord *record,
                        ProtobufCAllocator *allocator)
{
    const struct edit_alter *edit = ctx;
    for (size_t i = 0; i < record->n_indexes; i++) {
        Kith__Door__IndexRecord *index = record->indexes[i];
        if (index->id != edit->id) continue;
        return registry_edit_pairs(&index->params, &index->n_params, edit->in->extra_params,
                                   edit->in->n_extra_params, edit->in->delete_keys,
                                   edit->in->n_delete_keys, allocator);
    }
    return KITH_ENOTFOUND;
}

static MilvusStatus *check_alterable(struct milvus_call *call, const char *key)
{
    static const char *const may[] = {"mmap.enabled", "indexoffsetcache.enabled", "warmup"};
    for (size_t i = 0; i < sizeof may / sizeof may[0]; i++)
        if (strcmp(key, may[i]) == 0) return NULL;
    return milvus_status(call, MILVUS_INVALID,
                         "%.100s is not a configable index property: invalid parameter", key);
}

static MilvusStatus *alter(struct milvus_call *call, struct milvus_collection *collection,
                           const WIRE(AlterIndexRequest) * in)
{
    struct kith_error err = {0};
    MilvusStatus *refusal = NULL;
    if (in->n_extra_params && in->n_delete_keys)
        return milvus_status(call, MILVUS_INVALID,
                             "cannot provide both DeleteKeys and ExtraParams: invalid parameter");
    for (size_t i = 0; !refusal && i < in->n_extra_params; i++)
        refusal = check_alterable(call, in->extra_params[i]->key);
    for (size_t i = 0; !refusal && i < in->n_delete_keys; i++)
        refusal = check_alterable(call, in->delete_keys[i]);
    if (refusal) return refusal;
    const Kith__Door__IndexRecord *index = milvus_index_find(collection, NULL, in->index_name);
    if (!*in->index_name || !index)
        return milvus_status(call, MILVUS_INDEX_NOT_FOUND, "index not found[indexName=%.300s]",
                             in->index_name);
    if (collection->record->loaded)
        return milvus_status(
            call, MILVUS_COLLECTION_LOADED,
            "can't alter index on loaded collection, please release the collection "
            "first: collection already loaded[collection=%s]",
            collection->name);
    struct edit_alter edit = {index->id, in};
    const int rc = registry_change_quietly(call, collection->id, alter_record, &edit, &err);
    return rc ? milvus_error(call, rc, &err) : NULL;
}

MILVUS_HANDLER(AlterIndex)
{
    const WIRE(AlterIndexRequest) *in = request;
    MilvusStatus *refusal = NULL;
    struct milvus_collection *collection =
        milvus_collection_get(call, in->collection_name, false, &refusal);
    if (collection) refusal = alter(call, collection, in);
    milvus_collection_unref(collection);
    milvus_finish(call, reply, refusal);
}
