/*
 * Collections as the door sees them: see milvus.h.
 *
 * What is kept of a collection (field ids, descriptions, properties, load state, indexes as they
 * were asked for) is one message under "milvus/c/<id>" of the database's metadata. A collection
 * that was made elsewhere (the C API, `kith import`) has none: its record is derived from the
 * engine's schema, loaded, and written when it first changes.
 *
 * In memory a collection is immutable and counted, so a call that holds one is not disturbed by
 * changes; a change makes a new one and exchanges the pointers under names_lock. Names change
 * through this door only while the server runs, so the map of names is complete, but for search
 * indexes of the Redis door (server/owner.h): those are taken up when they are first asked for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "milvus/milvus_internal.h"
#include "milvus/schema_map.h"
#include "server/owner.h"

/* ---- memory of records ---- */

static void *heap_take(void *ctx, size_t size)
{
    (void)ctx;
    return mem_alloc(size ? size : 1);
}
static void heap_give(void *ctx, void *pointer)
{
    (void)ctx;
    mem_free(pointer);
}
ProtobufCAllocator milvus_heap = {heap_take, heap_give, NULL};

static void record_free(Kith__Door__CollectionRecord *record)
{
    if (record) kith__door__collection_record__free_unpacked(record, &milvus_heap);
}

static Kith__Door__CollectionRecord *record_copy(const Kith__Door__CollectionRecord *record)
{
    const size_t len = kith__door__collection_record__get_packed_size(record);
    uint8_t *bytes = mem_alloc(len + 1);
    if (!bytes) return NULL;
    (void)kith__door__collection_record__pack(record, bytes);
    Kith__Door__CollectionRecord *copy =
        kith__door__collection_record__unpack(&milvus_heap, len, bytes);
    mem_free(bytes);
    return copy;
}

static void meta_key(uint64_t id, char out[64])
{
    (void)snprintf(out, 64, "milvus/c/%llu", (unsigned long long)id);
}

static int record_write(struct milvus *milvus, uint64_t id,
                        const Kith__Door__CollectionRecord *record, struct kith_error *err)
{
    char key[64];
    meta_key(id, key);
    const size_t len = kith__door__collection_record__get_packed_size(record);
    uint8_t *bytes = mem_alloc(len + 1);
    if (!bytes) return error_set(err, KITH_ENOMEM, "keeping a collection: no memory");
    (void)kith__door__collection_record__pack(record, bytes);
    const struct kith_meta_change change = {key, bytes, len};
    const int rc = kith_meta_write(milvus->opts.db, &change, 1, err);
    mem_free(bytes);
    return rc;
}

/* ---- a record for a collection that the door did not make ---- */

static MilvusPair *new_pair(struct arena *arena, const char *key, const char *value)
{
    MilvusPair *pair = arena_alloc(arena, sizeof *pair);
    if (!pair) return NULL;
    milvus__proto__common__key_value_pair__init(pair);
    pair->key = (char *)(uintptr_t)key;
    pair->value = arena_strndup(arena, value, strlen(value));
    return pair->value ? pair : NULL;
}

static int derive_indexes(struct arena *arena, const struct kith_collection_info *info,
                          Kith__Door__CollectionRecord *record)
{
    record->indexes = arena_alloc_array(arena, info->index_count + 1, sizeof *record->indexes);
    if (!record->indexes) return KITH_ENOMEM;
    for (size_t i = 0; i < info->index_count; i++) {
        const struct kith_index_info *from = &info->indexes[i];
        Kith__Door__IndexRecord *index = arena_alloc(arena, sizeof *index);
        if (!index) return KITH_ENOMEM;
        kith__door__index_record__init(index);
        index->name = from->name ? from->name : from->field;
        index->field = from->field;
        index->id = (int64_t)i + 1;
        index->params = arena_alloc_array(arena, 2, sizeof *index->params);
        if (!index->params) return KITH_ENOMEM;
        index->params[0] =
            new_pair(arena, "index_type", strcmp(from->kind, "AUTO") ? from->kind : "AUTOINDEX");
        index->params[1] = new_pair(arena, "metric_type", metric_to_name(from->metric));
        if (!index->params[0] || !index->params[1]) return KITH_ENOMEM;
        index->n_params = from->metric ? 2 : 1;
        record->indexes[record->n_indexes++] = index;
    }
    return 0;
}

static Kith__Door__CollectionRecord *derive(const struct kith_collection_info *info)
{
    struct arena arena;
    arena_init(&arena);
    Kith__Door__CollectionRecord record = KITH__DOOR__COLLECTION_RECORD__INIT;
    MilvusSchema schema = MILVUS__PROTO__SCHEMA__COLLECTION_SCHEMA__INIT;
    schema.name = info->name;
    record.schema = &schema;
    record.consistency = MILVUS__PROTO__COMMON__CONSISTENCY_LEVEL__Bounded;
    record.shards = 1;
    record.partition_count = (int64_t)info->partition_count;
    record.created_ts = record.updated_ts = (uint64_t)info->created_ms << 18;
    record.loaded = true;
    int rc = schema_from_engine(&arena, &info->schema, &schema);
    if (rc == 0) rc = derive_indexes(&arena, info, &record);
    record.next_field = SCHEMA_FIRST_FIELD_ID + (int64_t)schema.n_fields +
                        schema.enable_dynamic_field;
    record.next_index = (int64_t)record.n_indexes + 1;
    Kith__Door__CollectionRecord *copy = rc ? NULL : record_copy(&record);
    arena_release(&arena);
    return copy;
}

static Kith__Door__CollectionRecord *record_read(struct milvus *milvus,
                                                 const struct kith_collection_info *info)
{
    char key[64];
    void *value;
    size_t len;
    meta_key(info->id, key);
    if (kith_meta_get(milvus->opts.db, key, &value, &len, NULL)) return derive(info);
    Kith__Door__CollectionRecord *record =
        kith__door__collection_record__unpack(&milvus_heap, len, value);
    kith_meta_free(value);
    if (record && record->schema && registry_match(record, &info->schema, &milvus_heap) == 0)
        return record;
    record_free(record);
    return derive(info);
}

/* ---- collections ---- */

void milvus_collection_unref(struct milvus_collection *collection)
{
    if (!collection || atomic_fetch_sub(&collection->refs, 1) != 1) return;
    kith_collection_release(collection->handle);
    record_free(collection->record);
    registry_names_free(collection);
    mem_free(collection->database);
    mem_free(collection->name);
    mem_free(collection);
}

static const MilvusField *find_primary(const MilvusSchema *schema)
{
    for (size_t i = 0; i < schema->n_fields; i++)
        if (schema->fields[i]->is_primary_key) return schema->fields[i];
    return NULL;
}

/* Takes handle and record, also on failure. */
static struct milvus_collection *collection_make(uint64_t id, const char *database,
                                                 const char *name, struct kith_collection *handle,
                                                 Kith__Door__CollectionRecord *record)
{
    struct milvus_collection *collection = mem_zalloc(sizeof *collection);
    if (!collection) {
        kith_collection_release(handle);
        record_free(record);
        return NULL;
    }
    atomic_init(&collection->refs, 1);
    collection->id = id;
    collection->handle = handle;
    collection->record = record;
    collection->database = mem_strdup(database);
    collection->name = mem_strdup(name);
    collection->primary = record ? find_primary(record->schema) : NULL;
    if (collection->database && collection->name && collection->primary) return collection;
    milvus_collection_unref(collection);
    return NULL;
}

static struct milvus_collection *collection_load(struct milvus *milvus, const char *database,
                                                 const char *name,
                                                 const Kith__Door__CollectionRecord *given)
{
    struct kith_collection *handle;
    struct kith_collection_info *info;
    if (kith_collection_open(milvus->opts.db, database, name, &handle, NULL)) return NULL;
    if (kith_collection_describe(handle, &info, NULL)) {
        kith_collection_release(handle);
        return NULL;
    }
    Kith__Door__CollectionRecord *record = given ? record_copy(given) : record_read(milvus, info);
    struct milvus_collection *collection =
        collection_make(info->id, info->database, info->name, handle, record);
    if (collection)
        collection->derived = owner_is_redis(milvus->opts.db, info->database, info->name);
    kith_collection_info_free(info);
    return collection;
}

/* ---- all of them ---- */

static int load_database(struct milvus *milvus, const char *database, struct kith_error *err)
{
    struct kith_names names;
    int rc = kith_collection_list(milvus->opts.db, database, &names, err);
    for (size_t i = 0; rc == 0 && i < names.count; i++) {
        struct milvus_collection *collection =
            collection_load(milvus, database, names.names[i], NULL);
        /* One that does not open is reported by the engine and is not there. */
        if (!collection) continue;
        /* The clock may have been set back since; what was handed out is not handed out again. */
        if (collection->record->updated_ts > atomic_load(&milvus->last_ts))
            atomic_store(&milvus->last_ts, collection->record->updated_ts);
        rc = registry_append(milvus, collection);
    }
    if (rc == 0) kith_names_free(&names);
    return rc;
}

int registry_open(struct milvus *milvus, struct kith_error *err)
{
    struct kith_names databases;
    int rc = kith_database_list(milvus->opts.db, &databases, err);
    for (size_t i = 0; rc == 0 && i < databases.count; i++)
        rc = load_database(milvus, databases.names[i], err);
    if (rc == 0) kith_names_free(&databases);
    return rc;
}

void registry_close(struct milvus *milvus)
{
    for (size_t i = 0; i < milvus->collection_count; i++)
        milvus_collection_unref(milvus->collections[i]);
    mem_free(milvus->collections);
    milvus->collections = NULL;
    milvus->collection_count = 0;
    map64_release(&milvus->places);
}

bool milvus_database_exists(struct milvus *milvus, const char *database)
{
    struct kith_names databases;
    bool found = false;
    if (kith_database_list(milvus->opts.db, &databases, NULL)) return false;
    for (size_t i = 0; i < databases.count; i++)
        found = found || strcmp(databases.names[i], database) == 0;
    kith_names_free(&databases);
    return found;
}

/* ---- look-ups ---- */

static struct milvus_collection *find(struct milvus *milvus, const char *database, const char *name)
{
    os_mutex_lock(&milvus->names_lock);
    struct milvus_collection *collection = registry_find(milvus, database, name);
    if (collection) atomic_fetch_add(&collection->refs, 1);
    os_mutex_unlock(&milvus->names_lock);
    return collection;
}

/* ---- collections that another door makes and drops ---- */

static int replace(struct milvus *milvus, struct milvus_collection *fresh);

static bool is_dropped(const struct milvus_collection *collection)
{
    struct kith_stats stats = {.size = sizeof stats};
    return kith_collection_stats(collection->handle, &stats, NULL) == KITH_ECLOSED;
}

/* One that the registry does not know yet; a reference, or NULL. */
static struct milvus_collection *adopt(struct milvus_call *call, const char *name)
{
    struct milvus *milvus = call->milvus;
    if (!owner_is_redis(milvus->opts.db, call->database, name)) return NULL;
    os_mutex_lock(&milvus->change_lock);
    struct milvus_collection *there = find(milvus, call->database, name);
    if (!there && (there = collection_load(milvus, call->database, name, NULL))) {
        atomic_fetch_add(&there->refs, 1);
        os_mutex_lock(&milvus->names_lock);
        const int rc = replace(milvus, there);
        os_mutex_unlock(&milvus->names_lock);
        if (rc) {
            milvus_collection_unref(there);
            there = NULL;
        }
    }
    os_mutex_unlock(&milvus->change_lock);
    return there;
}

/* As find(), and what is derived is there, and up to date. */
static struct milvus_collection *find_current(struct milvus_call *call, const char *name)
{
    struct milvus_collection *found = find(call->milvus, call->database, name);
    if (found && found->derived && is_dropped(found)) {
        (void)!registry_refresh(call, found->id, NULL);
        milvus_collection_unref(found);
        found = NULL;
    }
    if (!found) found = adopt(call, name);
    if (found && found->derived && call->milvus->settle)
        call->milvus->settle(call->milvus->settle_ctx);
    return found;
}

static void adopt_all(struct milvus_call *call)
{
    struct kith_names names;
    if (owner_list(call->milvus->opts.db, call->database, &names, NULL)) return;
    for (size_t i = 0; i < names.count; i++)
        milvus_collection_unref(find_current(call, names.names[i]));
    kith_names_free(&names);
}

void milvus_set_settle(struct milvus *milvus, void (*settle)(void *ctx), void *ctx)
{
    milvus->settle_ctx = ctx;
    milvus->settle = settle;
}

void milvus_set_changed(struct milvus *milvus, void (*changed)(void *ctx), void *ctx)
{
    milvus->changed_ctx = ctx;
    milvus->changed = changed;
}

void milvus_names_changed(struct milvus *milvus)
{
    if (milvus->changed) milvus->changed(milvus->changed_ctx);
}

MilvusStatus *milvus_owned(struct milvus_call *call, const struct milvus_collection *collection)
{
    char text[512];
    if (!collection->derived) return NULL;
    owner_refusal(collection->name, text, sizeof text);
    return milvus_status(call, MILVUS_UNSUPPORTED, "%s", text);
}

struct milvus_collection *milvus_collection_get(struct milvus_call *call, const char *name,
                                                bool describe, MilvusStatus **status)
{
    struct milvus_collection *collection = find_current(call, name);
    if (collection) return collection;
    if (!milvus_database_exists(call->milvus, call->database)) {
        *status = milvus_status(call, MILVUS_DATABASE_NOT_FOUND, "database not found[database=%s]",
                                call->database);
    } else if (describe) { /* clients look for this text, and for UnexpectedError beside 100 */
        *status = milvus_status(call, MILVUS_COLLECTION_NOT_FOUND,
                                "can't find collection[database=%s][collection=%s]", call->database,
                                name);
        (*status)->error_code = MILVUS__PROTO__COMMON__ERROR_CODE__UnexpectedError;
    } else {
        *status = milvus_status(call, MILVUS_COLLECTION_NOT_FOUND,
                                "collection not found[database=%s][collection=%s]", call->database,
                                name);
    }
    return NULL;
}

struct milvus_collection *milvus_collection_by_id(struct milvus_call *call, uint64_t id)
{
    struct milvus *milvus = call->milvus;
    os_mutex_lock(&milvus->names_lock);
    struct milvus_collection *collection = registry_at(milvus, id);
    if (collection) atomic_fetch_add(&collection->refs, 1);
    os_mutex_unlock(&milvus->names_lock);
    return collection;
}

struct milvus_collection *milvus_collection_either(struct milvus_call *call, const char *name,
                                                   int64_t id, MilvusStatus **status)
{
    if (*name || !id) return milvus_collection_get(call, name, false, status);
    struct milvus_collection *collection = milvus_collection_by_id(call, (uint64_t)id);
    if (!collection)
        *status = milvus_status(call, MILVUS_COLLECTION_NOT_FOUND,
                                "collection not found[collection=%lld]", (long long)id);
    return collection;
}

static int by_name(const void *a, const void *b)
{
    const struct milvus_collection *const *left = a, *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

int milvus_collection_list(struct milvus_call *call, struct milvus_collection ***out, size_t *count)
{
    struct milvus *milvus = call->milvus;
    size_t found = 0;
    adopt_all(call);
    os_mutex_lock(&milvus->names_lock);
    struct milvus_collection **items =
        arena_alloc_array(call->arena, milvus->collection_count + 1, sizeof(void *));
    for (size_t i = 0; items && i < milvus->collection_count; i++) {
        if (strcmp(milvus->collections[i]->database, call->database) != 0) continue;
        if (milvus->collections[i]->derived && is_dropped(milvus->collections[i])) continue;
        items[found++] = milvus->collections[i];
        atomic_fetch_add(&milvus->collections[i]->refs, 1);
    }
    os_mutex_unlock(&milvus->names_lock);
    if (!items) return KITH_ENOMEM;
    qsort(items, found, sizeof(void *), by_name);
    *out = items;
    *count = found;
    return 0;
}

struct milvus_collection *milvus_alias_get(struct milvus_call *call, const char *alias)
{
    struct milvus_collection *collection = find(call->milvus, call->database, alias);
    if (!collection || strcmp(collection->name, alias) != 0) return collection;
    milvus_collection_unref(collection);
    return NULL;
}

const MilvusField *milvus_field_find(const struct milvus_collection *collection, const char *name)
{
    const MilvusSchema *schema = collection->record->schema;
    for (size_t i = 0; i < schema->n_fields; i++)
        if (strcmp(schema->fields[i]->name, name) == 0) return schema->fields[i];
    return NULL;
}

const Kith__Door__IndexRecord *milvus_index_find(const struct milvus_collection *collection,
                                                 const char *field, const char *name)
{
    const Kith__Door__CollectionRecord *record = collection->record;
    for (size_t i = 0; i < record->n_indexes; i++) {
        const Kith__Door__IndexRecord *index = record->indexes[i];
        const bool field_fits = !field || !*field || strcmp(index->field, field) == 0;
        const bool name_fits = !name || !*name || strcmp(index->name, name) == 0;
        if (field_fits && name_fits) return index;
    }
    return NULL;
}

/* ---- changes ---- */

/* Under both locks: `fresh` takes the place of the collection with its id. */
static int replace(struct milvus *milvus, struct milvus_collection *fresh)
{
    struct milvus_collection *old = registry_at(milvus, fresh->id);
    if (!old) return registry_append(milvus, fresh);
    const int rc = registry_exchange(milvus, old, fresh);
    milvus_collection_unref(old);
    return rc;
}

int registry_add(struct milvus_call *call, const char *name,
                 const Kith__Door__CollectionRecord *record, struct kith_error *err)
{
    struct milvus *milvus = call->milvus;
    os_mutex_lock(&milvus->change_lock);
    struct milvus_collection *fresh = collection_load(milvus, call->database, name, record);
    int rc = fresh ? record_write(milvus, fresh->id, record, err)
                   : error_set(err, KITH_ENOMEM, "the collection could not be registered");
    if (rc == 0) {
        os_mutex_lock(&milvus->names_lock);
        rc = replace(milvus, fresh);
        os_mutex_unlock(&milvus->names_lock);
    } else {
        milvus_collection_unref(fresh);
    }
    os_mutex_unlock(&milvus->change_lock);
    return rc;
}

static int change(struct milvus_call *call, struct milvus_collection *old, registry_edit *edit,
                  void *ctx, bool newer, struct kith_error *err)
{
    struct milvus *milvus = call->milvus;
    Kith__Door__CollectionRecord *record = record_copy(old->record);
    if (!record) return error_set(err, KITH_ENOMEM, "changing a collection: no memory");
    int rc = edit(ctx, record, &milvus_heap);
    const uint64_t ts = milvus_timestamp(milvus);
    if (newer) record->updated_ts = ts > record->updated_ts ? ts : record->updated_ts + 1;
    if (rc == 0) rc = record_write(milvus, old->id, record, err);
    struct milvus_collection *fresh = NULL;
    if (rc) {
        record_free(record);
    } else {
        fresh = collection_load(milvus, old->database, old->name, record);
        record_free(record);
        if (!fresh) rc = error_set(err, KITH_ENOMEM, "changing a collection: no memory");
    }
    if (rc) return rc;
    os_mutex_lock(&milvus->names_lock);
    rc = replace(milvus, fresh);
    os_mutex_unlock(&milvus->names_lock);
    return rc;
}

static int change_by_id(struct milvus_call *call, uint64_t id, registry_edit *edit, void *ctx,
                        bool newer, struct kith_error *err)
{
    os_mutex_lock(&call->milvus->change_lock);
    struct milvus_collection *old = milvus_collection_by_id(call, id);
    const int rc = old ? change(call, old, edit, ctx, newer, err)
                       : error_set(err, KITH_ENOTFOUND, "the collection is gone");
    milvus_collection_unref(old);
    os_mutex_unlock(&call->milvus->change_lock);
    return rc;
}

int registry_change(struct milvus_call *call, uint64_t id, registry_edit *edit, void *ctx,
                    struct kith_error *err)
{
    return change_by_id(call, id, edit, ctx, true, err);
}

int registry_change_quietly(struct milvus_call *call, uint64_t id, registry_edit *edit, void *ctx,
                            struct kith_error *err)
{
    return change_by_id(call, id, edit, ctx, false, err);
}

/* The record of a dropped collection. What stays behind after a crash here is never read again:
 * numbers of collections are given once. */
static void forget(struct milvus *milvus, uint64_t id)
{
    char key[64];
    meta_key(id, key);
    const struct kith_meta_change change = {key, NULL, 0};
    (void)!kith_meta_write(milvus->opts.db, &change, 1, NULL);
}

/* Under both locks. A dropped one goes, a renamed one is made anew, the names of others may have
 * changed. *gone: it was dropped. */
static int read_again(struct milvus *milvus, struct milvus_collection *collection, bool *gone)
{
    struct kith_collection_info *info;
    struct milvus_collection *fresh = collection;
    int rc = 0;
    if (kith_collection_describe(collection->handle, &info, NULL)) {
        registry_remove(milvus, collection);
        milvus_collection_unref(collection);
        *gone = true;
        return 0;
    }
    if (strcmp(info->name, collection->name) || strcmp(info->database, collection->database))
        fresh = collection_load(milvus, info->database, info->name, collection->record);
    rc = fresh ? registry_exchange(milvus, collection, fresh) : KITH_ENOMEM;
    if (fresh && fresh != collection) milvus_collection_unref(collection);
    kith_collection_info_free(info);
    return rc;
}

int registry_refresh(struct milvus_call *call, uint64_t id, struct kith_error *err)
{
    struct milvus *milvus = call->milvus;
    bool gone = false;
    os_mutex_lock(&milvus->change_lock);
    os_mutex_lock(&milvus->names_lock);
    struct milvus_collection *collection = registry_at(milvus, id);
    const int rc = collection ? read_again(milvus, collection, &gone) : 0;
    os_mutex_unlock(&milvus->names_lock);
    if (gone) forget(milvus, id);
    os_mutex_unlock(&milvus->change_lock);
    return rc ? error_set(err, rc, "the door could not read the collection again") : 0;
}
