/*
 * Insert and upsert, whatever the transport: columns against the schema, then one call of the
 * engine. What the engine would refuse with words of its own is refused here first, where clients
 * look at the text.
 */
#include <string.h>

#include "milvus/milvus_data.h"

static const struct kith_column *column_of(const struct milvus_rows *rows, const char *name)
{
    for (size_t i = 0; i < rows->column_count; i++)
        if (strcmp(rows->columns[i].field, name) == 0) return &rows->columns[i];
    return NULL;
}

static bool allows_auto_id(const struct milvus_collection *collection)
{
    const Kith__Door__CollectionRecord *record = collection->record;
    bool allowed = false;
    const char *text =
        milvus_pair_get(record->properties, record->n_properties, "allow_insert_auto_id");
    return text && milvus_parse_bool(text, &allowed) && allowed;
}

static MilvusStatus *check_key(struct milvus_call *call, const struct milvus_collection *collection,
                               const struct milvus_rows *rows)
{
    const MilvusField *key = collection->primary;
    const bool given = column_of(rows, key->name) != NULL;
    if (rows->upsert && !given)
        return milvus_status(call, MILVUS_INVALID,
                             "must assign pk when upsert, primary field: %s: invalid parameter",
                             key->name);
    if (!rows->upsert && given && key->autoid && !allows_auto_id(collection))
        return milvus_status(call, MILVUS_INVALID,
                             "can not assign primary field data when auto id enabled and "
                             "allow_insert_auto_id is false %s: invalid parameter",
                             key->name);
    return NULL;
}

static MilvusStatus *check_fields(struct milvus_call *call,
                                  const struct milvus_collection *collection,
                                  const struct milvus_rows *rows)
{
    const MilvusSchema *schema = collection->record->schema;
    for (size_t i = 0; i < schema->n_fields; i++) {
        const MilvusField *field = schema->fields[i];
        const bool computed = milvus_field_computed(collection, field);
        const bool given = column_of(rows, field->name) != NULL;
        if (computed && given)
            return milvus_status(
                call, MILVUS_INVALID,
                "more fieldData has pass in: field %s is the output of a function: "
                "invalid parameter",
                field->name);
        if (given || computed || field->nullable || field->default_value || field->autoid) continue;
        return milvus_status(call, MILVUS_INVALID,
                             "fieldSchema(%s) has no corresponding fieldData pass in: invalid "
                             "parameter",
                             field->name);
    }
    return NULL;
}

static MilvusStatus *check_columns(struct milvus_call *call, const struct milvus_rows *rows)
{
    for (size_t i = 0; i < rows->column_count; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(rows->columns[i].field, rows->columns[j].field) == 0)
                return milvus_status(call, MILVUS_INVALID,
                                     "duplicated field %s found: invalid parameter",
                                     rows->columns[i].field);
    return NULL;
}

static MilvusStatus *check_version(struct milvus_call *call,
                                   const struct milvus_collection *collection, uint64_t seen)
{
    if (seen == 0 || seen >= collection->record->updated_ts) return NULL;
    return milvus_status(call, MILVUS_SCHEMA_MISMATCH,
                         "collection schema mismatch[collection=%s]", collection->name);
}

static MilvusStatus *check_partition(struct milvus_call *call,
                                     const struct milvus_collection *collection, const char *name)
{
    if (!name || !*name || !milvus_partition_key(collection)) return NULL;
    return milvus_status(call, MILVUS_PLAIN,
                         "not support manually specifying the partition names if partition key "
                         "mode is used");
}

/* The same key twice in one upsert: which row would win? */
static MilvusStatus *check_repeats(struct milvus_call *call,
                                   const struct milvus_collection *collection,
                                   const struct milvus_rows *rows)
{
    const struct kith_column *column = column_of(rows, collection->primary->name);
    const bool texts = collection->primary->data_type != MILVUS__PROTO__SCHEMA__DATA_TYPE__Int64;
    struct map seen;
    int rc = 0;
    bool repeated = false;
    map_init(&seen);
    for (size_t i = 0; rc == 0 && !repeated && i < rows->rows; i++) {
        const struct kith_str *text = &((const struct kith_str *)column->data)[i];
        const int64_t *number = &((const int64_t *)column->data)[i];
        const void *key = texts ? (const void *)text->data : (const void *)number;
        const size_t len = texts ? text->len : sizeof *number;
        repeated = map_get(&seen, key, len, NULL);
        if (!repeated) rc = map_put(&seen, key, len, 1);
    }
    map_release(&seen);
    if (rc) return milvus_no_memory(call);
    if (!repeated) return NULL;
    return milvus_status(call, MILVUS_INVALID,
                         "duplicate primary keys are not allowed in the same batch: invalid "
                         "parameter");
}

static MilvusStatus *check(struct milvus_call *call, const struct milvus_collection *collection,
                           const struct milvus_rows *rows)
{
    MilvusStatus *refused = check_version(call, collection, rows->schema_timestamp);
    if (!refused) refused = check_partition(call, collection, rows->partition);
    if (!refused) refused = check_columns(call, rows);
    if (!refused) refused = check_key(call, collection, rows);
    if (!refused && rows->upsert) refused = check_repeats(call, collection, rows);
    return refused;
}

static MilvusStatus *refused_by_engine(struct milvus_call *call, int rc,
                                       const struct kith_error *err, const char *partition)
{
    if (rc == KITH_ENOTFOUND)
        return milvus_status(call, MILVUS_PARTITION_NOT_FOUND,
                             "partition not found[partition=%.255s]", partition ? partition : "");
    return milvus_error(call, rc, err);
}

static void set_keys(const struct milvus_collection *collection, const struct milvus_rows *rows,
                     struct milvus_mutation *out)
{
    const struct kith_column *given = column_of(rows, collection->primary->name);
    const struct kith_written *written = &out->written;
    out->keys = (struct kith_keys){ .count = rows->rows };
    if (written->int_ids) {
        out->keys.ints = written->int_ids;
    } else if (written->str_ids) {
        out->keys.strings = written->str_ids;
    } else if (!given) {
        out->keys.count = 0;
    } else if (collection->primary->data_type == MILVUS__PROTO__SCHEMA__DATA_TYPE__Int64) {
        out->keys.ints = given->data;
    } else {
        out->keys.strings = given->data;
    }
}

static MilvusStatus *write(struct milvus_call *call, const struct milvus_collection *collection,
                           const struct milvus_rows *rows, struct milvus_mutation *out)
{
    MilvusStatus *owned = milvus_owned(call, collection);
    if (owned) return owned;
    struct kith_error err = { 0 };
    struct kith_batch batch = KITH_BATCH_INIT;
    batch.rows = rows->rows;
    batch.columns = rows->columns;
    batch.column_count = rows->column_count;
    batch.partition = rows->partition && *rows->partition ? rows->partition : NULL;
    batch.keep_keys = true; /* check_key has let them pass */
    const int rc =
        rows->upsert
            ? kith_upsert(collection->handle, &batch, call->call, &out->written, &err)
            : kith_insert(collection->handle, &batch, call->call, &out->written, &err);
    if (rc) return refused_by_engine(call, rc, &err, batch.partition);
    set_keys(collection, rows, out);
    out->inserted = rows->rows;
    if (rows->upsert) out->upserted = out->deleted = rows->rows;
    milvus_data_count(call, "milvus_proxy_insert_vectors_count", "Rows written.", collection,
                      (double)rows->rows);
    return NULL;
}

MilvusStatus *milvus_rows_check(struct milvus_call *call,
                                const struct milvus_collection *collection,
                                const struct milvus_rows *rows)
{
    MilvusStatus *refused = check(call, collection, rows);
    return refused ? refused : check_fields(call, collection, rows);
}

MilvusStatus *milvus_rows_write(struct milvus_call *call,
                                const struct milvus_collection *collection,
                                const struct milvus_rows *rows, struct milvus_mutation *out)
{
    struct milvus_rows whole = *rows;
    struct kith_result *held = NULL;
    *out = (struct milvus_mutation){ 0 };
    MilvusStatus *refused = check(call, collection, rows);
    if (!refused && rows->partial)
        refused = milvus_rows_complete(call, collection, rows, &whole, &held);
    if (!refused) refused = check_fields(call, collection, &whole);
    if (!refused) refused = write(call, collection, &whole, out);
    kith_result_free(held);
    return refused;
}
