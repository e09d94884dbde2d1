/*
 * Databases. Their properties are kept beside the records of collections, under "milvus/d/<name>".
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checksum.h"
#include "milvus/milvus_data.h"

#define NUMBER_MASK UINT64_C(0x1fffffffffffff) /* exact in a double, which some clients use */

int64_t milvus_database_id(const char *database)
{
    if (strcmp(database, "default") == 0) return 1;
    return (int64_t)(hash64(database, strlen(database), 1) & NUMBER_MASK) | 2;
}

/* ---- what is kept ---- */

static void meta_key(const char *database, char out[288])
{
    (void)snprintf(out, 288, "milvus/d/%.255s", database);
}

/* An empty record when there is none. In the arena. NULL: no memory. */
static Kith__Door__CollectionRecord *record_read(struct milvus_call *call, const char *database)
{
    ProtobufCAllocator allocator = milvus_allocator(call->arena);
    char key[288];
    void *value;
    size_t len;
    meta_key(database, key);
    if (kith_meta_get(call->milvus->opts.db, key, &value, &len, NULL))
        return milvus_message(call, &kith__door__collection_record__descriptor);
    Kith__Door__CollectionRecord *record =
        kith__door__collection_record__unpack(&allocator, len, value);
    kith_meta_free(value);
    return record;
}

/* NULL removes it. */
static int record_write(struct milvus_call *call, const char *database,
                        const Kith__Door__CollectionRecord *record, struct kith_error *err)
{
    char key[288];
    meta_key(database, key);
    struct kith_meta_change change = {.key = key};
    uint8_t *bytes = NULL;
    if (record) {
        change.len = kith__door__collection_record__get_packed_size(record);
        bytes = arena_alloc(call->arena, change.len + 1);
        if (!bytes) return error_set(err, KITH_ENOMEM, "database '%s': no memory", database);
        (void)kith__door__collection_record__pack(record, bytes);
        change.value = bytes;
    }
    return kith_meta_write(call->milvus->opts.db, &change, 1, err);
}

const char *milvus_database_property(struct milvus_call *call, const char *database,
                                     const char *key)
{
    const Kith__Door__CollectionRecord *record = record_read(call, database);
    return record ? milvus_pair_get(record->properties, record->n_properties, key) : NULL;
}

static MilvusStatus *not_found(struct milvus_call *call, const char *database)
{
    return milvus_status(call, MILVUS_DATABASE_NOT_FOUND, "database not found[database=%.300s]",
                         database);
}

/* ---- properties ---- */

static MilvusStatus *check_property(struct milvus_call *call, const MilvusPair *pair)
{
    static const char *const numbers[] = {"database.replica.number", "database.diskQuota.mb",
                                          "database.max.collections"};
    static const char *const switches[] = {"database.force.deny.writing",
                                           "database.force.deny.reading"};
    const struct time_zone *zone;
    int64_t number;
    bool value;
    bool fine = true;
    if (strcmp(pair->key, "timezone") == 0) return milvus_zone_find(call, pair->value, &zone);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (strcmp(pair->key, numbers[i]) == 0) fine = milvus_parse_int(pair->value, &number);
    for (size_t i = 0; i < sizeof switches / sizeof switches[0]; i++)
        if (strcmp(pair->key, switches[i]) == 0) fine = milvus_parse_bool(pair->value, &value);
    if (fine) return NULL;
    return milvus_status(call, MILVUS_INVALID,
                         "invalid property value: %.100s = %.100s: invalid parameter", pair->key,
                         pair->value);
}

static MilvusStatus *check_properties(struct milvus_call *call, MilvusPair *const *pairs,
                                      size_t count)
{
    MilvusStatus *refusal = NULL;
    for (size_t i = 0; !refusal && i < count; i++) refusal = check_property(call, pairs[i]);
    return refusal;
}

/* ---- handlers ---- */

MILVUS_HANDLER(CreateDatabase)
{
    const WIRE(CreateDatabaseRequest) *in = request;
    struct kith_error err = {0};
    Kith__Door__CollectionRecord record = KITH__DOOR__COLLECTION_RECORD__INIT;
    MilvusStatus *refusal = milvus_check_database_name(call, in->db_name);
    if (!refusal) refusal = check_properties(call, in->properties, in->n_properties);
    if (!refusal) {
        record.properties = in->properties;
        record.n_properties = in->n_properties;
        record.created_ts = milvus_timestamp(call->milvus);
        int rc = kith_database_create(call->milvus->opts.db, in->db_name, &err);
        if (rc == KITH_EEXISTS)
            refusal = milvus_status(call, MILVUS_PLAIN, "database already exist: %s", in->db_name);
        else if (rc == KITH_ELIMIT)
            refusal = milvus_status(call, MILVUS_DATABASE_LIMIT,
                                    "exceeded the limit number of database[database=%s]",
                                    in->db_name);
        else if (rc || (rc = record_write(call, in->db_name, &record, &err)))
            refusal = milvus_error(call, rc, &err);
    }
    milvus_finish(call, reply, refusal);
}

MILVUS_HANDLER(DropDatabase)
{
    const WIRE(DropDatabaseRequest) *in = request;
    struct kith_error err = {0};
    MilvusStatus *refusal = NULL;
    struct kith_names names = {0};
    if (strcmp(in->db_name, "default") == 0 || !*in->db_name) {
        refusal = milvus_status(call, MILVUS_PLAIN, "can not drop default database");
    } else if (kith_collection_list(call->milvus->opts.db, in->db_name, &names, NULL)) {
        refusal = not_found(call, in->db_name);
    } else if (names.count > 0) {
        refusal = milvus_status(call, MILVUS_PLAIN,
                                "%s not empty, must drop all collections before drop database",
                                in->db_name);
    } else {
        int rc = kith_database_drop(call->milvus->opts.db, in->db_name, &err);
        if (rc == 0) rc = record_write(call, in->db_name, NULL, &err);
        if (rc == KITH_ENOTFOUND)
            refusal = not_found(call, in->db_name);
        else if (rc)
            refusal = milvus_error(call, rc, &err);
    }
    kith_names_free(&names);
    milvus_finish(call, reply, refusal);
}

MILVUS_HANDLER(ListDatabases)
{
    (void)request;
    WIRE(ListDatabasesResponse) *out = reply;
    struct kith_names names;
    struct kith_error err = {0};
    const int rc = kith_database_list(call->milvus->opts.db, &names, &err);
    out->status = rc ? milvus_error(call, rc, &err) : milvus_success(call);
    if (rc) return;
    out->db_names = arena_alloc_array(call->arena, names.count + 1, sizeof(char *));
    out->created_timestamp = arena_alloc_array(call->arena, names.count + 1, sizeof(uint64_t));
    out->db_ids = arena_alloc_array(call->arena, names.count + 1, sizeof(int64_t));
    const bool room = out->db_names && out->created_timestamp && out->db_ids;
    for (size_t i = 0; room && i < names.count; i++) {
        const Kith__Door__CollectionRecord *record = record_read(call, names.names[i]);
        out->db_names[i] = milvus_strdup(call, names.names[i]);
        out->created_timestamp[i] = record ? record->created_ts : 0;
        out->db_ids[i] = milvus_database_id(names.names[i]);
        out->n_db_names = out->n_created_timestamp = out->n_db_ids = i + 1;
    }
    if (!room) out->status = milvus_error(call, KITH_ENOMEM, NULL);
    kith_names_free(&names);
}

MILVUS_HANDLER(DescribeDatabase)
{
    const WIRE(DescribeDatabaseRequest) *in = request;
    WIRE(DescribeDatabaseResponse) *out = reply;
    const char *name = *in->db_name ? in->db_name : call->database;
    if (!milvus_database_exists(call->milvus, name)) {
        out->status = not_found(call, name);
        return;
    }
    const Kith__Door__CollectionRecord *record = record_read(call, name);
    out->status = record ? milvus_success(call) : milvus_error(call, KITH_ENOMEM, NULL);
    if (!record) return;
    out->db_name = milvus_strdup(call, name);
    out->dbid = milvus_database_id(name);
    out->created_timestamp = record->created_ts;
    out->properties = record->properties;
    out->n_properties = record->n_properties;
}

static int alter(struct milvus_call *call, const char *name, const WIRE(AlterDatabaseRequest) * in,
                 struct kith_error *err)
{
    ProtobufCAllocator allocator = milvus_allocator(call->arena);
    Kith__Door__CollectionRecord *record = record_read(call, name);
    if (!record) return error_set(err, KITH_ENOMEM, "database '%s': no memory", name);
    int rc = registry_edit_pairs(&record->properties, &record->n_properties, in->properties,
                                 in->n_properties, in->delete_keys, in->n_delete_keys, &allocator);
    return rc ? rc : record_write(call, name, record, err);
}

MILVUS_HANDLER(AlterDatabase)
{
    const WIRE(AlterDatabaseRequest) *in = request;
    const char *name = *in->db_name ? in->db_name : call->database;
    struct kith_error err = {0};
    MilvusStatus *refusal = NULL;
    if (!milvus_database_exists(call->milvus, name))
        refusal = not_found(call, name);
    else if (in->n_properties && in->n_delete_keys)
        refusal =
            milvus_status(call, MILVUS_INVALID,
                          "cannot provide both DeleteKeys and ExtraParams: invalid parameter");
    else
        refusal = check_properties(call, in->properties, in->n_properties);
    if (!refusal) {
        os_mutex_lock(&call->milvus->ddl_lock);
        const int rc = alter(call, name, in, &err);
        os_mutex_unlock(&call->milvus->ddl_lock);
        if (rc) refusal = milvus_error(call, rc, &err);
    }
    milvus_finish(call, reply, refusal);
}
