/*
 * A field that goes (AlterCollectionSchema's drop_request): first out of the engine, which is the
 * commit, then out of the record with the indexes on it. A start between the two finds the field
 * in the record alone, and takes it out there (registry_match.c).
 */
#include <inttypes.h>
#include <string.h>

#include "milvus/milvus_internal.h"
#include "milvus/schema_map.h"

static MilvusStatus *invalid(struct milvus_call *call, const char *what, const char *name)
{
    return milvus_status(call, MILVUS_INVALID, "%s: %.300s: invalid parameter", what, name);
}

static bool names(char *const *list, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], name) == 0) return true;
    return false;
}

/* NULL: no function reads or fills it. */
static MilvusStatus *check_functions(struct milvus_call *call, const MilvusSchema *schema,
                                     const char *field)
{
    for (size_t i = 0; i < schema->n_functions; i++) {
        const Milvus__Proto__Schema__FunctionSchema *function = schema->functions[i];
        const bool in = names(function->input_field_names, function->n_input_field_names, field);
        if (!in && !names(function->output_field_names, function->n_output_field_names, field))
            continue;
        return milvus_status(call, MILVUS_INVALID,
                             "field is referenced by function %.300s as %s, drop function first: "
                             "invalid parameter",
                             function->name, in ? "input" : "output");
    }
    return NULL;
}

static bool is_vector(const MilvusField *field)
{
    return field->data_type >= MILVUS__PROTO__SCHEMA__DATA_TYPE__BinaryVector;
}

static bool has_other_vector(const MilvusSchema *schema, const MilvusField *field)
{
    for (size_t i = 0; i < schema->n_fields; i++)
        if (schema->fields[i] != field && is_vector(schema->fields[i])) return true;
    return false;
}

static MilvusStatus *check(struct milvus_call *call, const struct milvus_collection *collection,
                           const MilvusField *field)
{
    const MilvusSchema *schema = collection->record->schema;
    if (field->is_primary_key) return invalid(call, "cannot drop primary key field", field->name);
    if (field->is_partition_key)
        return invalid(call, "cannot drop partition key field", field->name);
    if (field->is_clustering_key)
        return invalid(call, "cannot drop clustering key field", field->name);
    MilvusStatus *refused = check_functions(call, schema, field->name);
    if (!refused && is_vector(field) && !has_other_vector(schema, field))
        refused = invalid(call, "cannot drop the last vector field", field->name);
    return refused;
}

static int edit(void *ctx, Kith__Door__CollectionRecord *record, ProtobufCAllocator *allocator)
{
    registry_remove_field(record, ctx, allocator);
    record->schema->version++;
    return 0;
}

static MilvusStatus *drop(struct milvus_call *call, const struct milvus_collection *collection,
                          const MilvusField *field)
{
    struct kith_error err = {0};
    MilvusStatus *refused = check(call, collection, field);
    if (refused) return refused;
    char *name = milvus_strdup(call, field->name);
    int rc = kith_field_drop(collection->handle, name, &err);
    if (rc == 0) rc = registry_change(call, collection->id, edit, name, &err);
    return rc ? milvus_error(call, rc, &err) : NULL;
}

static const MilvusField *find(const struct milvus_collection *collection,
                               const WIRE(AlterCollectionSchemaRequest__DropRequest) * in)
{
    const MilvusSchema *schema = collection->record->schema;
    if (in->identifier_case == MILVUS_DROP_FIELD_NAME)
        return milvus_field_find(collection, in->field_name);
    for (size_t i = 0; i < schema->n_fields; i++)
        if (schema->fields[i]->fieldid == in->field_id) return schema->fields[i];
    return NULL;
}

static MilvusStatus *drop_of(struct milvus_call *call, const struct milvus_collection *collection,
                             const WIRE(AlterCollectionSchemaRequest__DropRequest) * in)
{
    MilvusStatus *refused = milvus_owned(call, collection);
    const MilvusField *field = refused ? NULL : find(collection, in);
    if (refused) return refused;
    if (field) return drop(call, collection, field);
    if (in->identifier_case == MILVUS_DROP_FIELD_NAME)
        return *in->field_name ? invalid(call, "field not found", in->field_name)
                               : milvus_status(call, MILVUS_INVALID,
                                               "field name cannot be empty: invalid parameter");
    return milvus_status(call, MILVUS_INVALID,
                         "field not found: %" PRId64 ": invalid parameter", in->field_id);
}

MilvusStatus *milvus_field_drop(struct milvus_call *call, const char *name, int64_t id,
                                const WIRE(AlterCollectionSchemaRequest__DropRequest) * in)
{
    MilvusStatus *refused = NULL;
    os_mutex_lock(&call->milvus->ddl_lock);
    struct milvus_collection *collection = milvus_collection_either(call, name, id, &refused);
    if (collection) refused = drop_of(call, collection, in);
    os_mutex_unlock(&call->milvus->ddl_lock);
    milvus_collection_unref(collection);
    return refused;
}
