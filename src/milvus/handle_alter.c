/*
 * Collections changed: renamed, moved, emptied, properties of them and of fields.
 */
#include <stdio.h>
#include <string.h>

#include "milvus/milvus_internal.h"
#include "milvus/schema_map.h"

/* ---- RenameCollection ---- */

static MilvusStatus *rename_to(struct milvus_call *call, const struct milvus_collection *collection,
                               const char *database, const char *name)
{
    struct kith_db *db = call->milvus->opts.db;
    struct kith_error err = {0};
    const int rc = kith_collection_move(db, call->database, collection->name, database, name, &err);
    if (rc == KITH_EEXISTS)
        return milvus_status(
            call, MILVUS_PLAIN,
            "duplicated new collection name %s in database %s with other collection "
            "name or alias",
            name, database);
    const int again = rc ? rc : registry_refresh(call, collection->id, &err);
    milvus_names_changed(call->milvus);
    return again ? milvus_error(call, again, &err) : NULL;
}

static MilvusStatus *rename_collection(struct milvus_call *call,
                                       const WIRE(RenameCollectionRequest) * in)
{
    const char *database = *in->newdbname ? in->newdbname : call->database;
    MilvusStatus *refusal = milvus_check_collection_name(call, in->newname);
    if (refusal) return refusal;
    if (strcmp(in->oldname, in->newname) == 0 && strcmp(database, call->database) == 0)
        return milvus_status(
            call, MILVUS_INVALID,
            "collection name or database name should be different: invalid parameter");
    if (!milvus_database_exists(call->milvus, database))
        return milvus_status(call, MILVUS_DATABASE_NOT_FOUND, "database not found[database=%.300s]",
                             database);
    struct milvus_collection *collection =
        milvus_collection_get(call, in->oldname, false, &refusal);
    if (!collection) return refusal;
    if (strcmp(collection->name, in->oldname) != 0)
        refusal = milvus_status(call, MILVUS_PLAIN,
                                "unsupported use an alias to rename collection, alias:%s",
                                in->oldname);
    else if (!(refusal = milvus_owned(call, collection)))
        refusal = rename_to(call, collection, database, in->newname);
    milvus_collection_unref(collection);
    return refusal;
}

MILVUS_HANDLER(RenameCollection) { milvus_finish(call, reply, rename_collection(call, request)); }

/* ---- TruncateCollection ---- */

MILVUS_HANDLER(TruncateCollection)
{
    const WIRE(TruncateCollectionRequest) *in = request;
    WIRE(TruncateCollectionResponse) *out = reply;
    struct kith_error err = {0};
    struct milvus_collection *collection =
        milvus_collection_get(call, in->collection_name, false, &out->status);
    if (!collection) return;
    out->status = milvus_owned(call, collection);
    const int rc = out->status ? 0
                               : kith_collection_truncate(collection->handle, call->call, &err);
    if (!out->status) out->status = rc ? milvus_error(call, rc, &err) : milvus_success(call);
    milvus_collection_unref(collection);
}

/* ---- AlterCollection ---- */

static bool mentions(MilvusPair *const *pairs, size_t count, char *const *keys, size_t key_count,
                     const char *word)
{
    for (size_t i = 0; i < count; i++)
        if (strncmp(pairs[i]->key, word, strlen(word)) == 0) return true;
    for (size_t i = 0; i < key_count; i++)
        if (strncmp(keys[i], word, strlen(word)) == 0) return true;
    return false;
}

static MilvusStatus *both(struct milvus_call *call)
{
    return milvus_status(call, MILVUS_INVALID,
                         "cannot provide both DeleteKeys and ExtraParams: invalid parameter");
}

static MilvusStatus *loaded(struct milvus_call *call, const struct milvus_collection *collection)
{
    return milvus_status(call, MILVUS_COLLECTION_LOADED,
                         "can not alter mmap properties if collection loaded: collection already "
                         "loaded[collection=%s]",
                         collection->name);
}

static int alter_record(void *ctx, Kith__Door__CollectionRecord *record,
                        ProtobufCAllocator *allocator)
{
    const WIRE(AlterCollectionRequest) *in = ctx;
    for (size_t i = 0; i < in->n_properties; i++) /* two keys that are no properties of their own */
        if (strcmp(in->properties[i]->key, "collection.description") == 0)
            (void)!registry_edit_text(&record->schema->description, in->properties[i]->value,
                                      allocator);
    return registry_edit_pairs(&record->properties, &record->n_properties, in->properties,
                               in->n_properties, in->delete_keys, in->n_delete_keys, allocator);
}

static MilvusStatus *alter(struct milvus_call *call, const struct milvus_collection *collection,
                           WIRE(AlterCollectionRequest) * in)
{
    struct kith_error err = {0};
    MilvusStatus *refusal = NULL;
    if (in->n_properties && in->n_delete_keys) return both(call);
    if (in->n_properties == 0 && in->n_delete_keys == 0)
        return milvus_status(call, MILVUS_INVALID,
                             "The collection properties to alter and keys to delete must not be "
                             "empty at the same time: invalid parameter");
    refusal =
        milvus_properties_check(call, collection->record->schema, in->properties, in->n_properties);
    if (refusal) return refusal;
    if (collection->record->loaded &&
        (mentions(in->properties, in->n_properties, in->delete_keys, in->n_delete_keys, "mmap") ||
         mentions(in->properties, in->n_properties, in->delete_keys, in->n_delete_keys, "warmup")))
        return loaded(call, collection);
    int rc = registry_change(call, collection->id, alter_record, in, &err);
    if (rc == 0) rc = milvus_properties_apply(call, collection->name, &err);
    return rc ? milvus_error(call, rc, &err) : NULL;
}

MILVUS_HANDLER(AlterCollection)
{
    WIRE(AlterCollectionRequest) in = *(const WIRE(AlterCollectionRequest) *)request;
    MilvusStatus *refusal = NULL;
    struct milvus_collection *collection = NULL;
    if (*in.collection_name || !in.collectionid)
        collection = milvus_collection_get(call, in.collection_name, false, &refusal);
    else if (!(collection = milvus_collection_by_id(call, (uint64_t)in.collectionid)))
        refusal = milvus_status(call, MILVUS_COLLECTION_NOT_FOUND,
                                "collection not found[collection=%lld]",
                                (long long)in.collectionid);
    if (collection) refusal = milvus_owned(call, collection);
    if (collection && !refusal) refusal = alter(call, collection, &in);
    milvus_collection_unref(collection);
    milvus_finish(call, reply, refusal);
}

/* ---- AlterCollectionField ---- */

static MilvusField *record_field(Kith__Door__CollectionRecord *record, const char *name)
{
    for (size_t i = 0; i < record->schema->n_fields; i++)
        if (strcmp(record->schema->fields[i]->name, name) == 0) return record->schema->fields[i];
    return NULL;
}

static int alter_field_record(void *ctx, Kith__Door__CollectionRecord *record,
                              ProtobufCAllocator *allocator)
{
    const WIRE(AlterCollectionFieldRequest) *in = ctx;
    MilvusField *field = record_field(record, in->field_name);
    if (!field) return KITH_ENOTFOUND;
    for (size_t i = 0; i < in->n_properties; i++) {
        MilvusPair *pair = in->properties[i];
        const int rc = strcmp(pair->key, "field.description") == 0 ||
                               strcmp(pair->key, "description") == 0
                           ? registry_edit_text(&field->description, pair->value, allocator)
                           : registry_edit_pairs(&field->type_params, &field->n_type_params, &pair,
                                                 1, NULL, 0, allocator);
        if (rc) return rc;
    }
    return registry_edit_pairs(&field->type_params, &field->n_type_params, NULL, 0, in->delete_keys,
                               in->n_delete_keys, allocator);
}

static MilvusStatus *check_key(struct milvus_call *call, const char *key, bool removed)
{
    static const char *const may[] = {
        "mmap.enabled", "warmup", "max_length", "max_capacity", "field.description", "description"};
    for (size_t i = 0; i < sizeof may / sizeof may[0]; i++)
        if (strcmp(key, may[i]) == 0 && !(removed && strncmp(key, "max_", 4) == 0)) return NULL;
    return milvus_status(call, MILVUS_INVALID,
                         "%.100s does not allow %s in collection field param: invalid parameter",
                         key, removed ? "delete" : "update");
}

/* The changed field has to be a valid one still. */
static MilvusStatus *check_result(struct milvus_call *call,
                                  const struct milvus_collection *collection,
                                  WIRE(AlterCollectionFieldRequest) * in)
{
    ProtobufCAllocator allocator = milvus_allocator(call->arena);
    Kith__Door__CollectionRecord *copy = milvus_copy(call, &collection->record->base);
    if (!copy || alter_field_record(in, copy, &allocator))
        return milvus_error(call, KITH_ENOMEM, NULL);
    return schema_check_field(call, record_field(copy, in->field_name), collection->name);
}

static MilvusStatus *alter_field(struct milvus_call *call,
                                 const struct milvus_collection *collection,
                                 WIRE(AlterCollectionFieldRequest) * in)
{
    struct kith_error err = {0};
    MilvusStatus *refusal = NULL;
    if (in->n_properties && in->n_delete_keys) return both(call);
    if (!milvus_field_find(collection, in->field_name))
        return milvus_status(call, MILVUS_FIELD_NOT_FOUND, "field not found[field=%.300s]",
                             in->field_name);
    for (size_t i = 0; !refusal && i < in->n_properties; i++)
        refusal = check_key(call, in->properties[i]->key, false);
    for (size_t i = 0; !refusal && i < in->n_delete_keys; i++)
        refusal = check_key(call, in->delete_keys[i], true);
    if (refusal) return refusal;
    if (collection->record->loaded &&
        (mentions(in->properties, in->n_properties, in->delete_keys, in->n_delete_keys, "mmap") ||
         mentions(in->properties, in->n_properties, in->delete_keys, in->n_delete_keys, "warmup")))
        return loaded(call, collection);
    refusal = check_result(call, collection, in);
    if (refusal) return refusal;
    const int rc = registry_change(call, collection->id, alter_field_record, in, &err);
    return rc ? milvus_error(call, rc, &err) : NULL;
}

MILVUS_HANDLER(AlterCollectionField)
{
    WIRE(AlterCollectionFieldRequest) in = *(const WIRE(AlterCollectionFieldRequest) *)request;
    MilvusStatus *refusal = NULL;
    struct milvus_collection *collection =
        milvus_collection_get(call, in.collection_name, false, &refusal);
    if (collection) refusal = milvus_owned(call, collection);
    if (collection && !refusal) refusal = alter_field(call, collection, &in);
    milvus_collection_unref(collection);
    milvus_finish(call, reply, refusal);
}
