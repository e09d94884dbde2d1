/*
 * Fields and functions that come to a collection that is there already, and functions that should
 * go. Fields that go: handle_field_drop.c.
 */
#include <stdio.h>
#include <string.h>

#include "milvus/milvus_internal.h"
#include "milvus/schema_map.h"

#define FIELDS_MAX 64

/* ---- AddCollectionField ---- */

static MilvusStatus *check_added(struct milvus_call *call,
                                 const struct milvus_collection *collection,
                                 const MilvusField *field)
{
    MilvusStatus *refusal = NULL;
    if (milvus_field_find(collection, field->name))
        return milvus_status(call, MILVUS_INVALID, "duplicate field name: %s: invalid parameter",
                             field->name);
    if (collection->record->schema->n_fields >= FIELDS_MAX)
        return milvus_status(call, MILVUS_PLAIN, "maximum field's number should be limited to %d",
                             FIELDS_MAX);
    if (!field->nullable)
        refusal = milvus_status(call, MILVUS_INVALID,
                                "added field must be nullable, please check it, field name = %s: "
                                "invalid parameter",
                                field->name);
    else if (field->is_primary_key)
        refusal = milvus_status(call, MILVUS_INVALID,
                                "not support to add pk field, field name = %s: invalid parameter",
                                field->name);
    else if (field->autoid)
        refusal = milvus_status(call, MILVUS_INVALID,
                                "only primary field can speficy AutoID with true, field name = %s: "
                                "invalid parameter",
                                field->name);
    else if (field->is_partition_key)
        refusal = milvus_status(call, MILVUS_INVALID,
                                "not support to add partition key field, field name  = %s: invalid "
                                "parameter",
                                field->name);
    return refusal ? refusal : schema_check_field(call, field, collection->name);
}

static int add_record(void *ctx, Kith__Door__CollectionRecord *record,
                      ProtobufCAllocator *allocator)
{
    return registry_append_field(record, ctx, allocator);
}

static MilvusStatus *add_field(struct milvus_call *call, const struct milvus_collection *collection,
                               MilvusField *field)
{
    struct kith_field engine;
    struct kith_error err = {0};
    MilvusStatus *refusal = check_added(call, collection, field);
    if (!refusal) refusal = field_to_engine(call, field, &engine);
    if (refusal) return refusal;
    int rc = kith_field_add(collection->handle, &engine, &err);
    if (rc == 0) rc = registry_change(call, collection->id, add_record, field, &err);
    return rc ? milvus_error(call, rc, &err) : NULL;
}

static MilvusField *read_field(struct milvus_call *call, ProtobufCBinaryData bytes)
{
    ProtobufCAllocator allocator = milvus_allocator(call->arena);
    const struct kith_str text = {(const char *)bytes.data, bytes.len};
    if (!message_check(&milvus__proto__schema__field_schema__descriptor, text)) return NULL;
    return milvus__proto__schema__field_schema__unpack(&allocator, bytes.len, bytes.data);
}

/* Looks again under the lock: two calls may add the same name. */
static MilvusStatus *add_to(struct milvus_call *call, const char *name, int64_t id,
                            MilvusField *field)
{
    MilvusStatus *refusal = NULL;
    struct milvus_collection *collection = NULL;
    os_mutex_lock(&call->milvus->ddl_lock);
    if (*name || !id)
        collection = milvus_collection_get(call, name, false, &refusal);
    else if (!(collection = milvus_collection_by_id(call, (uint64_t)id)))
        refusal = milvus_status(call, MILVUS_COLLECTION_NOT_FOUND,
                                "collection not found[collection=%lld]", (long long)id);
    if (collection) refusal = milvus_owned(call, collection);
    if (collection && !refusal) refusal = add_field(call, collection, field);
    os_mutex_unlock(&call->milvus->ddl_lock);
    milvus_collection_unref(collection);
    return refusal;
}

MILVUS_HANDLER(AddCollectionField)
{
    const WIRE(AddCollectionFieldRequest) *in = request;
    MilvusField *field = read_field(call, in->schema);
    milvus_finish(
        call, reply,
        field ? add_to(call, in->collection_name, in->collectionid, field)
              : milvus_status(call, MILVUS_PLAIN, "the schema of the request cannot be read"));
}

/* ---- functions ---- */

static MilvusStatus *need(struct milvus_call *call, const char *name)
{
    MilvusStatus *refusal = NULL;
    milvus_collection_unref(milvus_collection_get(call, name, false, &refusal));
    return refusal;
}

static MilvusStatus *no_function(struct milvus_call *call, const char *verb, int type)
{
    if (type == KITH_FUNCTION_BM25)
        return milvus_status(call, MILVUS_INVALID,
                             "Currently does not support %s BM25 function: invalid parameter",
                             verb);
    return milvus_status(call, MILVUS_UNIMPLEMENTED, "service unimplemented: functions of type %d",
                         type);
}

MILVUS_HANDLER(AddCollectionFunction)
{
    const WIRE(AddCollectionFunctionRequest) *in = request;
    MilvusStatus *refusal = need(call, in->collection_name);
    if (!refusal && !in->functionschema)
        refusal =
            milvus_status(call, MILVUS_INVALID, "function schema is empty: invalid parameter");
    if (!refusal) refusal = no_function(call, "adding", (int)in->functionschema->type);
    milvus_finish(call, reply, refusal);
}

/* The collection's function of that name. */
static MilvusStatus *refuse_named(struct milvus_call *call, const char *collection_name,
                                  const char *function, const char *verb)
{
    MilvusStatus *refusal = NULL;
    struct milvus_collection *collection =
        milvus_collection_get(call, collection_name, false, &refusal);
    if (!collection) return refusal;
    const MilvusSchema *schema = collection->record->schema;
    for (size_t i = 0; !refusal && i < schema->n_functions; i++)
        if (strcmp(schema->functions[i]->name, function) == 0)
            refusal = no_function(call, verb, (int)schema->functions[i]->type);
    milvus_collection_unref(collection);
    return refusal;
}

MILVUS_HANDLER(AlterCollectionFunction)
{
    const WIRE(AlterCollectionFunctionRequest) *in = request;
    MilvusStatus *refusal = refuse_named(call, in->collection_name, in->function_name, "altering");
    if (!refusal)
        refusal = milvus_status(call, MILVUS_INVALID,
                                "function %.300s not exists: invalid parameter", in->function_name);
    milvus_finish(call, reply, refusal);
}

/* One that is not there was dropped already. */
MILVUS_HANDLER(DropCollectionFunction)
{
    const WIRE(DropCollectionFunctionRequest) *in = request;
    milvus_finish(call, reply,
                  refuse_named(call, in->collection_name, in->function_name, "droping"));
}

/* ---- AlterCollectionSchema ---- */

enum { DROP_FUNCTION_NAME = 3 }; /* of DropRequest.identifier */

static MilvusStatus *drop_named(struct milvus_call *call,
                                const WIRE(AlterCollectionSchemaRequest) * in)
{
    const WIRE(AlterCollectionSchemaRequest__DropRequest) *drop = in->action->drop_request;
    if ((int)drop->identifier_case == 0)
        return milvus_status(call, MILVUS_INVALID,
                             "the request names nothing to drop: invalid parameter");
    if ((int)drop->identifier_case != DROP_FUNCTION_NAME)
        return milvus_field_drop(call, in->collection_name, in->collectionid, drop);
    MilvusStatus *refusal = need(call, in->collection_name);
    return refusal ? refusal
                   : refuse_named(call, in->collection_name, drop->function_name, "droping");
}

/* The index that comes with a field, where one was asked for. */
static MilvusStatus *index_added(struct milvus_call *call, const char *collection,
                                 const WIRE(AlterCollectionSchemaRequest__FieldInfo) * info)
{
    WIRE(CreateIndexRequest) request = MILVUS__PROTO__MILVUS__CREATE_INDEX_REQUEST__INIT;
    MilvusStatus status = MILVUS__PROTO__COMMON__STATUS__INIT;
    const char *text;
    if (info->n_extra_params == 0) return NULL;
    if (!milvus_permit(call, milvus_rpc_find("CreateIndex", strlen("CreateIndex")), collection,
                       &text))
        return milvus_status(call, MILVUS_NOT_PERMITTED, "%s: privilege not permitted", text);
    request.collection_name = milvus_text(collection);
    request.field_name = info->field_schema->name;
    request.index_name = info->index_name;
    request.extra_params = info->extra_params;
    request.n_extra_params = info->n_extra_params;
    handle_CreateIndex(call, &request, &status);
    return status.code ? milvus_status(call, status.code, "%s", status.reason) : NULL;
}

static MilvusStatus *add_all(struct milvus_call *call,
                             const WIRE(AlterCollectionSchemaRequest) * in)
{
    const WIRE(AlterCollectionSchemaRequest__AddRequest) *add = in->action->add_request;
    MilvusStatus *refusal = NULL;
    if (add->n_func_schema > 0)
        return no_function(call, "adding", (int)add->func_schema[0]->type);
    if (add->n_field_infos == 0)
        return milvus_status(call, MILVUS_INVALID,
                             "the request has no field to add: invalid parameter");
    for (size_t i = 0; !refusal && i < add->n_field_infos; i++) {
        const WIRE(AlterCollectionSchemaRequest__FieldInfo) *info = add->field_infos[i];
        if (!info->field_schema)
            return milvus_status(call, MILVUS_INVALID,
                                 "a field to add has no schema: invalid parameter");
        refusal = add_to(call, in->collection_name, in->collectionid, info->field_schema);
        if (!refusal) refusal = index_added(call, in->collection_name, info);
    }
    return refusal;
}

static MilvusStatus *alter_schema(struct milvus_call *call,
                                  const WIRE(AlterCollectionSchemaRequest) * in)
{
    const int op = in->action ? (int)in->action->op_case : 0;
    if (op == MILVUS__PROTO__MILVUS__ALTER_COLLECTION_SCHEMA_REQUEST__ACTION__OP_DROP_REQUEST)
        return drop_named(call, in);
    if (op == MILVUS__PROTO__MILVUS__ALTER_COLLECTION_SCHEMA_REQUEST__ACTION__OP_ADD_REQUEST)
        return add_all(call, in);
    return milvus_status(call, MILVUS_INVALID,
                         "the action of the request is empty: invalid parameter");
}

MILVUS_HANDLER(AlterCollectionSchema)
{
    const WIRE(AlterCollectionSchemaRequest) *in = request;
    WIRE(AlterCollectionSchemaResponse) *out = reply;
    MilvusStatus *refusal = alter_schema(call, in);
    out->alter_status = refusal ? refusal : milvus_success(call);
}
