/*
 * Properties, functions and fields of what is there: alter_properties and drop_properties of
 * collections, databases and indexes, the routes below "collections/fields", the functions of a
 * collection.
 */
#include <string.h>

#include "milvus/rest.h"

static MilvusPair **pairs_of(struct rest *rest, enum rest_key key, size_t *count)
{
    MilvusPair **pairs = rest_value_pairs(rest, &rest->body.at[key], count);
    if (!pairs && !rest->failed)
        rest_fail(rest, 1802, "missing required parameters, error: Key: 'Request.%s' Error:Field "
                  "validation for '%s' failed on the 'required' tag", rest_key_names[key],
                  rest_key_names[key]);
    return pairs;
}

REST_HANDLER(properties_alter)
{
    size_t count;
    MilvusPair **pairs = pairs_of(rest, REST_PROPERTIES, &count);
    void *request = pairs ? rest_request(rest, rest->route->rpc) : NULL;
    if (!request) return;
    if (strcmp(rest->route->rpc, "AlterDatabase") == 0) {
        Milvus__Proto__Milvus__AlterDatabaseRequest *database = request;
        database->properties = pairs;
        database->n_properties = count;
    } else {
        Milvus__Proto__Milvus__AlterCollectionRequest *collection = request;
        collection->properties = pairs;
        collection->n_properties = count;
    }
    (void)rest_run(rest, rest->route->rpc, request);
}

/* delete_keys are filled from propertyKeys. */
REST_HANDLER(properties_drop) { rest_plain(rest); }

REST_HANDLER(indexes_alter)
{
    size_t count;
    MilvusPair **pairs = pairs_of(rest, REST_PROPERTIES, &count);
    Milvus__Proto__Milvus__AlterIndexRequest *request =
        pairs ? rest_request(rest, "AlterIndex") : NULL;
    if (!request) return;
    request->extra_params = pairs;
    request->n_extra_params = count;
    (void)rest_run(rest, "AlterIndex", request);
}

REST_HANDLER(fields_alter)
{
    size_t count;
    MilvusPair **pairs = pairs_of(rest, REST_FIELD_PARAMS, &count);
    Milvus__Proto__Milvus__AlterCollectionFieldRequest *request =
        pairs ? rest_request(rest, "AlterCollectionField") : NULL;
    if (!request) return;
    request->properties = pairs;
    request->n_properties = count;
    (void)rest_run(rest, "AlterCollectionField", request);
}

REST_HANDLER(fields_add)
{
    Milvus__Proto__Milvus__AddCollectionFieldRequest *request =
        rest_request(rest, "AddCollectionField");
    const MilvusField *field =
        request ? rest_field_read(rest, &rest->body.at[REST_SCHEMA]) : NULL;
    if (!field) return;
    request->schema.len = milvus__proto__schema__field_schema__get_packed_size(field);
    request->schema.data = rest_array(rest, request->schema.len, 1);
    if (!request->schema.data) return;
    (void)milvus__proto__schema__field_schema__pack(field, request->schema.data);
    (void)rest_run(rest, "AddCollectionField", request);
}

/* By name or by id. */
static bool read_dropped(struct rest *rest,
                         Milvus__Proto__Milvus__AlterCollectionSchemaRequest__DropRequest *out)
{
    const struct json_value *id = &rest->body.at[REST_FIELD_ID];
    out->field_name = rest_text(rest, &rest->body, REST_FIELD_NAME);
    out->identifier_case = MILVUS_DROP_FIELD_NAME;
    if (rest->failed) return false;
    if ((*out->field_name != 0) == (id->text != NULL)) {
        rest_fail(rest, MILVUS_INVALID,
                  "exactly one of fieldName or fieldId is required: invalid parameter");
        return false;
    }
    if (!id->text) return true;
    int64_t number;
    out->identifier_case =
        MILVUS__PROTO__MILVUS__ALTER_COLLECTION_SCHEMA_REQUEST__DROP_REQUEST__IDENTIFIER_FIELD_ID;
    if (rest_value_int(id, &number) && number > 0) {
        out->field_id = number;
        return true;
    }
    rest_fail(rest, MILVUS_INVALID, "fieldId must be greater than 0: invalid parameter");
    return false;
}

REST_HANDLER(fields_drop)
{
    Milvus__Proto__Milvus__AlterCollectionSchemaRequest *request =
        rest_request(rest, "AlterCollectionSchema");
    Milvus__Proto__Milvus__AlterCollectionSchemaRequest__Action action =
        MILVUS__PROTO__MILVUS__ALTER_COLLECTION_SCHEMA_REQUEST__ACTION__INIT;
    Milvus__Proto__Milvus__AlterCollectionSchemaRequest__DropRequest drop =
        MILVUS__PROTO__MILVUS__ALTER_COLLECTION_SCHEMA_REQUEST__DROP_REQUEST__INIT;
    if (!request || !read_dropped(rest, &drop)) return;
    action.op_case =
        MILVUS__PROTO__MILVUS__ALTER_COLLECTION_SCHEMA_REQUEST__ACTION__OP_DROP_REQUEST;
    action.drop_request = &drop;
    request->action = &action;
    (void)rest_run(rest, "AlterCollectionSchema", request);
}

REST_HANDLER(collections_add_function)
{
    void *request = rest_request(rest, rest->route->rpc);
    Milvus__Proto__Schema__FunctionSchema *function =
        request ? rest_function_read(rest, &rest->body.at[REST_FUNCTION]) : NULL;
    if (!function) return;
    if (strcmp(rest->route->rpc, "AddCollectionFunction") == 0)
        ((Milvus__Proto__Milvus__AddCollectionFunctionRequest *)request)->functionschema = function;
    else
        ((Milvus__Proto__Milvus__AlterCollectionFunctionRequest *)request)->functionschema =
            function;
    (void)rest_run(rest, rest->route->rpc, request);
}
