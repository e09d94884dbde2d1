/*
 * Collections come and go: CreateCollection, DropCollection, HasCollection.
 */
#include <string.h>

#include "milvus/milvus_internal.h"
#include "milvus/schema_map.h"

#define SHARDS_MAX 16

/* Whether the database is there at all; NULL or the refusal. */
static MilvusStatus *need_database(struct milvus_call *call)
{
    if (milvus_database_exists(call->milvus, call->database)) return NULL;
    return milvus_status(call, MILVUS_DATABASE_NOT_FOUND, "database not found[database=%.300s]",
                         call->database);
}

static bool same_message(struct milvus_call *call, const ProtobufCMessage *a,
                         const ProtobufCMessage *b)
{
    const size_t len = protobuf_c_message_get_packed_size(a);
    if (len != protobuf_c_message_get_packed_size(b)) return false;
    uint8_t *bytes = arena_alloc_array(call->arena, 2, len + 1);
    if (!bytes) return false;
    (void)protobuf_c_message_pack(a, bytes);
    (void)protobuf_c_message_pack(b, bytes + len);
    return memcmp(bytes, bytes + len, len) == 0;
}

/* The name is taken: success when it is the same collection again. */
static MilvusStatus *create_again(struct milvus_call *call, const MilvusSchema *schema,
                                  const struct milvus_collection *there)
{
    if (strcmp(there->name, schema->name) != 0)
        return milvus_status(call, MILVUS_ALIAS_CONFLICT,
                             "collection name [%.300s] conflicts with an existing alias, please "
                             "choose a unique name",
                             schema->name);
    if (same_message(call, &schema->base, &there->record->schema->base)) return NULL;
    return milvus_status(
        call, MILVUS_PLAIN,
        "create duplicate collection with different parameters, collection: %.300s", schema->name);
}

/* The record of a new collection, borrowing from schema and request. */
static void fill_record(struct milvus_call *call, const WIRE(CreateCollectionRequest) * in,
                        MilvusSchema *schema, Kith__Door__CollectionRecord *out)
{
    kith__door__collection_record__init(out);
    out->schema = schema;
    out->n_properties = in->n_properties;
    out->properties = in->properties;
    out->consistency = (int32_t)in->consistency_level;
    out->shards = in->shards_num > 0 ? in->shards_num : 1;
    out->partition_count = 1;
    if (schema_partition_key(schema))
        out->partition_count = in->num_partitions > 0 ? in->num_partitions : SCHEMA_KEY_PARTITIONS;
    out->created_ts = out->updated_ts = milvus_timestamp(call->milvus);
    out->next_field = SCHEMA_FIRST_FIELD_ID + (int64_t)schema->n_fields +
                      schema->enable_dynamic_field;
    out->next_index = 1;
}

static void take_back(struct milvus_call *call, const char *name)
{
    MilvusStatus *absent;
    struct milvus_collection *there = milvus_collection_get(call, name, false, &absent);
    (void)!kith_collection_drop(call->milvus->opts.db, call->database, name, NULL);
    if (there) (void)!registry_refresh(call, there->id, NULL);
    milvus_collection_unref(there);
}

static MilvusStatus *create_new(struct milvus_call *call, const WIRE(CreateCollectionRequest) * in,
                                MilvusSchema *schema)
{
    struct kith_schema engine;
    struct kith_error err = {0};
    Kith__Door__CollectionRecord record;
    MilvusStatus *refusal = schema_to_engine(call, schema, in->num_partitions, &engine);
    if (refusal) return refusal;
    fill_record(call, in, schema, &record);
    struct kith_db *db = call->milvus->opts.db;
    int rc = kith_collection_create(db, call->database, schema->name, &engine, &err);
    if (rc == KITH_EEXISTS) { /* another call was first */
        struct milvus_collection *there =
            milvus_collection_get(call, schema->name, false, &refusal);
        if (there) refusal = create_again(call, schema, there);
        milvus_collection_unref(there);
        return refusal;
    }
    if (rc == KITH_ELIMIT)
        return milvus_status(call, 102, "exceeded the limit number of collections: %s", err.text);
    if (rc) return milvus_error(call, rc, &err);
    rc = registry_add(call, schema->name, &record, &err);
    if (rc == 0) rc = milvus_properties_apply(call, schema->name, &err);
    if (rc) take_back(call, schema->name);
    milvus_names_changed(call->milvus);
    return rc ? milvus_error(call, rc, &err) : NULL;
}

static MilvusStatus *create(struct milvus_call *call, const WIRE(CreateCollectionRequest) * in)
{
    ProtobufCAllocator allocator = milvus_allocator(call->arena);
    MilvusStatus *refusal = need_database(call);
    if (refusal) return refusal;
    const struct kith_str bytes = {(const char *)in->schema.data, in->schema.len};
    if (!message_check(&milvus__proto__schema__collection_schema__descriptor, bytes))
        return milvus_status(call, MILVUS_PLAIN, "the schema of the request cannot be read");
    MilvusSchema *schema = milvus__proto__schema__collection_schema__unpack(
        &allocator, in->schema.len, in->schema.data);
    if (!schema)
        return milvus_status(call, MILVUS_PLAIN, "the schema of the request cannot be read");
    schema->name = in->collection_name;
    if (in->shards_num > SHARDS_MAX)
        return milvus_status(call, MILVUS_PLAIN, "maximum shards's number should be limited to %d",
                             SHARDS_MAX);
    refusal = milvus_check_collection_name(call, schema->name);
    if (!refusal) refusal = schema_check(call, schema, in->num_partitions);
    if (!refusal) refusal = milvus_properties_check(call, schema, in->properties, in->n_properties);
    if (refusal) return refusal;
    if (!schema_complete(call, schema)) return milvus_error(call, KITH_ENOMEM, NULL);
    MilvusStatus *absent;
    struct milvus_collection *there = milvus_collection_get(call, schema->name, false, &absent);
    refusal = there ? create_again(call, schema, there) : create_new(call, in, schema);
    milvus_collection_unref(there);
    return refusal;
}

MILVUS_HANDLER(CreateCollection) { milvus_finish(call, reply, create(call, request)); }

MILVUS_HANDLER(DropCollection)
{
    const WIRE(DropCollectionRequest) *in = request;
    struct kith_error err = {0};
    MilvusStatus *absent = NULL, *refusal = NULL;
    struct milvus_collection *there =
        milvus_collection_get(call, in->collection_name, false, &absent);
    if (!there && absent->code != MILVUS_COLLECTION_NOT_FOUND) refusal = absent;
    if (there && strcmp(there->name, in->collection_name) != 0) {
        refusal = milvus_status(call, MILVUS_PLAIN, "cannot drop the collection via alias = %.300s",
                                in->collection_name);
    } else if (there && !(refusal = milvus_owned(call, there))) {
        int rc = kith_collection_drop(call->milvus->opts.db, call->database, there->name, &err);
        if (rc == 0 || rc == KITH_ENOTFOUND) rc = registry_refresh(call, there->id, &err);
        milvus_names_changed(call->milvus);
        if (rc) refusal = milvus_error(call, rc, &err);
    }
    milvus_collection_unref(there);
    milvus_finish(call, reply, refusal);
}

MILVUS_HANDLER(HasCollection)
{
    const WIRE(HasCollectionRequest) *in = request;
    WIRE(BoolResponse) *out = reply;
    MilvusStatus *absent;
    struct milvus_collection *there =
        milvus_collection_get(call, in->collection_name, false, &absent);
    out->value = there != NULL;
    out->status = there || absent->code == MILVUS_COLLECTION_NOT_FOUND ? milvus_success(call)
                                                                       : absent;
    milvus_collection_unref(there);
}
