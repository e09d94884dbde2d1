/*
 * The routes below "collections": what is told of collections, and what is done to them as a whole.
 * Creating one is in rest_create.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "milvus/rest.h"

typedef Milvus__Proto__Milvus__DescribeCollectionResponse Described;
typedef Milvus__Proto__Milvus__DescribeIndexResponse Indexes;

REST_HANDLER(collections_list)
{
    const Milvus__Proto__Milvus__ShowCollectionsResponse *reply =
        rest_run(rest, "ShowCollections", rest_request(rest, "ShowCollections"));
    if (!reply) return;
    rest_key(rest->out, "data");
    rest_names(rest->out, reply->collection_names, reply->n_collection_names);
}

REST_HANDLER(collections_has)
{
    const Milvus__Proto__Milvus__BoolResponse *reply =
        rest_run(rest, "HasCollection", rest_request(rest, "HasCollection"));
    if (!reply) return;
    rest_raw(rest->out, ",\"data\":{");
    rest_add_bool(rest->out, "has", reply->value);
    rest_raw(rest->out, "}");
}

REST_HANDLER(collections_stats)
{
    const Milvus__Proto__Milvus__GetCollectionStatisticsResponse *reply =
        rest_run(rest, "GetCollectionStatistics", rest_request(rest, "GetCollectionStatistics"));
    if (!reply) return;
    const char *rows = milvus_pair_get(reply->stats, reply->n_stats, "row_count");
    rest_raw(rest->out, ",\"data\":{");
    rest_add_int(rest->out, "rowCount", rows ? strtoll(rows, NULL, 10) : 0);
    rest_raw(rest->out, "}");
}

/* ---- load state ---- */

static const char *state_name(Milvus__Proto__Common__LoadState state)
{
    switch (state) {
    case MILVUS__PROTO__COMMON__LOAD_STATE__LoadStateLoaded: return "LoadStateLoaded";
    case MILVUS__PROTO__COMMON__LOAD_STATE__LoadStateLoading: return "LoadStateLoading";
    case MILVUS__PROTO__COMMON__LOAD_STATE__LoadStateNotLoad: return "LoadStateNotLoad";
    default: return "LoadStateNotExist";
    }
}

static const char *load_state(struct rest *rest, Milvus__Proto__Common__LoadState *out)
{
    const Milvus__Proto__Milvus__GetLoadStateResponse *reply =
        rest_run(rest, "GetLoadState", rest_request(rest, "GetLoadState"));
    if (!reply) return NULL;
    *out = reply->state;
    return state_name(reply->state);
}

REST_HANDLER(collections_load_state)
{
    Milvus__Proto__Common__LoadState state;
    const char *name = load_state(rest, &state);
    if (!name) return;
    if (state == MILVUS__PROTO__COMMON__LOAD_STATE__LoadStateNotExist) {
        rest_fail(rest, MILVUS_COLLECTION_NOT_FOUND,
                  "can't find collection[database=%s][collection=%s]", rest->call.database,
                  rest_text(rest, &rest->body, REST_COLLECTION_NAME));
        return;
    }
    int64_t progress = 100;
    if (state == MILVUS__PROTO__COMMON__LOAD_STATE__LoadStateLoading) {
        const Milvus__Proto__Milvus__GetLoadingProgressResponse *reply =
            rest_run(rest, "GetLoadingProgress", rest_request(rest, "GetLoadingProgress"));
        if (!reply) return;
        progress = reply->progress;
    }
    rest_raw(rest->out, ",\"data\":{");
    rest_add_text(rest->out, "loadState", name);
    if (state != MILVUS__PROTO__COMMON__LOAD_STATE__LoadStateNotLoad)
        rest_add_int(rest->out, "loadProgress", progress);
    rest_add_text(rest->out, "message", "");
    rest_raw(rest->out, "}");
}

/* ---- describe ---- */

static const char *enum_name(const ProtobufCEnumDescriptor *type, int value)
{
    const ProtobufCEnumValue *known = protobuf_c_enum_descriptor_get_value(type, value);
    return known ? known->name : "Unknown";
}

static const char *type_name(int type)
{
    return enum_name(&milvus__proto__schema__data_type__descriptor, type);
}

static void put_default(struct buffer *out, const Milvus__Proto__Schema__ValueField *value)
{
    rest_key(out, "defaultValue");
    switch (value->data_case) {
    case MILVUS__PROTO__SCHEMA__VALUE_FIELD__DATA_BOOL_DATA:
        rest_raw(out, value->bool_data ? "true" : "false");
        break;
    case MILVUS__PROTO__SCHEMA__VALUE_FIELD__DATA_INT_DATA: rest_int64(out, value->int_data); break;
    case MILVUS__PROTO__SCHEMA__VALUE_FIELD__DATA_LONG_DATA:
        rest_int64(out, value->long_data);
        break;
    case MILVUS__PROTO__SCHEMA__VALUE_FIELD__DATA_TIMESTAMPTZ_DATA:
        rest_int64(out, value->timestamptz_data);
        break;
    case MILVUS__PROTO__SCHEMA__VALUE_FIELD__DATA_FLOAT_DATA:
        json_write_float(out, value->float_data);
        break;
    case MILVUS__PROTO__SCHEMA__VALUE_FIELD__DATA_DOUBLE_DATA:
        json_write_double(out, value->double_data);
        break;
    case MILVUS__PROTO__SCHEMA__VALUE_FIELD__DATA_STRING_DATA:
        json_write_string(out, value->string_data, strlen(value->string_data));
        break;
    case MILVUS__PROTO__SCHEMA__VALUE_FIELD__DATA_BYTES_DATA:
        json_write_string(out, (const char *)value->bytes_data.data, value->bytes_data.len);
        break;
    default: rest_raw(out, "null"); break;
    }
}

static void put_field(struct buffer *out, const MilvusField *field)
{
    rest_comma(out);
    rest_raw(out, "{");
    rest_add_text(out, "name", field->name);
    rest_add_int(out, "id", field->fieldid);
    rest_add_text(out, "type", type_name((int)field->data_type));
    rest_add_bool(out, "primaryKey", field->is_primary_key);
    rest_add_bool(out, "partitionKey", field->is_partition_key);
    rest_add_bool(out, "clusteringKey", field->is_clustering_key);
    rest_add_bool(out, "autoId", field->autoid);
    rest_add_bool(out, "nullable", field->nullable);
    rest_add_text(out, "description", field->description);
    if (field->n_type_params) {
        rest_key(out, "params");
        rest_pairs(out, field->type_params, field->n_type_params);
    }
    if (field->data_type == MILVUS__PROTO__SCHEMA__DATA_TYPE__Array)
        rest_add_text(out, "elementType", type_name((int)field->element_type));
    if (field->default_value) put_default(out, field->default_value);
    if (field->is_function_output) rest_add_bool(out, "isFunctionOutput", true);
    rest_raw(out, "}");
}

static void put_function(struct buffer *out, const Milvus__Proto__Schema__FunctionSchema *function)
{
    rest_comma(out);
    rest_raw(out, "{");
    rest_add_text(out, "name", function->name);
    rest_add_text(out, "description", function->description);
    rest_add_text(out, "type", enum_name(&milvus__proto__schema__function_type__descriptor,
                                         (int)function->type));
    rest_add_int(out, "id", function->id);
    rest_key(out, "inputFieldNames");
    rest_names(out, function->input_field_names, function->n_input_field_names);
    rest_key(out, "outputFieldNames");
    rest_names(out, function->output_field_names, function->n_output_field_names);
    rest_key(out, "params");
    rest_pairs(out, function->params, function->n_params);
    rest_raw(out, "}");
}

static void put_schema(struct buffer *out, const MilvusSchema *schema)
{
    rest_add_bool(out, "autoId", schema->autoid);
    rest_add_text(out, "description", schema->description);
    rest_key(out, "fields");
    rest_raw(out, "[");
    for (size_t i = 0; i < schema->n_fields; i++)
        if (!schema->fields[i]->is_dynamic) put_field(out, schema->fields[i]);
    rest_raw(out, "]");
    rest_key(out, "functions");
    rest_raw(out, "[");
    for (size_t i = 0; i < schema->n_functions; i++) put_function(out, schema->functions[i]);
    rest_raw(out, "]");
    rest_add_bool(out, "enableDynamicField", schema->enable_dynamic_field);
}

/* Those of the first vector field. */
static void put_indexes(struct rest *rest, const MilvusSchema *schema, const Indexes *indexes)
{
    const MilvusField *vector = NULL;
    for (size_t i = 0; i < schema->n_fields && !vector; i++)
        if (schema->fields[i]->data_type >= MILVUS__PROTO__SCHEMA__DATA_TYPE__BinaryVector)
            vector = schema->fields[i];
    rest_key(rest->out, "indexes");
    rest_raw(rest->out, "[");
    for (size_t i = 0; indexes && vector && i < indexes->n_index_descriptions; i++) {
        const Milvus__Proto__Milvus__IndexDescription *one = indexes->index_descriptions[i];
        if (strcmp(one->field_name, vector->name) != 0) continue;
        const char *metric = milvus_pair_get(one->params, one->n_params, "metric_type");
        rest_comma(rest->out);
        rest_raw(rest->out, "{");
        rest_add_text(rest->out, "indexName", one->index_name);
        rest_add_text(rest->out, "fieldName", one->field_name);
        rest_add_text(rest->out, "metricType", metric ? metric : "");
        rest_raw(rest->out, "}");
    }
    rest_raw(rest->out, "]");
}

/* No index is an error there, and none here. */
static const Indexes *indexes_of(struct rest *rest)
{
    const struct milvus_rpc *rpc = milvus_rpc_find("DescribeIndex", 13);
    const void *request = rpc ? rest_request(rest, "DescribeIndex") : NULL;
    Indexes *reply = request ? arena_alloc(rest->call.arena, sizeof *reply) : NULL;
    if (!reply || !rpc->handle) return NULL;
    milvus__proto__milvus__describe_index_response__init(reply);
    rpc->handle(&rest->call, request, reply);
    return reply->status && reply->status->code ? NULL : reply;
}

REST_HANDLER(collections_describe)
{
    struct buffer *out = rest->out;
    const Described *reply =
        rest_run(rest, "DescribeCollection", rest_request(rest, "DescribeCollection"));
    if (!reply || !reply->schema) return;
    Milvus__Proto__Common__LoadState state;
    const char *load = load_state(rest, &state);
    const Indexes *indexes = indexes_of(rest);
    if (rest->failed) return;
    rest_raw(out, ",\"data\":{");
    rest_add_text(out, "collectionName", reply->collection_name);
    rest_add_int(out, "collectionID", reply->collectionid);
    put_schema(out, reply->schema);
    rest_key(out, "aliases");
    rest_names(out, reply->aliases, reply->n_aliases);
    put_indexes(rest, reply->schema, indexes);
    rest_add_text(out, "load", load);
    rest_add_int(out, "shardsNum", reply->shards_num);
    rest_add_int(out, "partitionsNum", reply->num_partitions);
    rest_add_text(out, "consistencyLevel",
                  enum_name(&milvus__proto__common__consistency_level__descriptor,
                            (int)reply->consistency_level));
    rest_key(out, "properties");
    rest_pairs(out, reply->properties, reply->n_properties);
    rest_raw(out, "},\"message\":\"\"");
}

/* ---- changes ---- */

REST_HANDLER(collections_rename)
{
    Milvus__Proto__Milvus__RenameCollectionRequest *request =
        rest_request(rest, "RenameCollection");
    if (!request) return;
    request->oldname = rest_text(rest, &rest->body, REST_COLLECTION_NAME);
    (void)rest_run(rest, "RenameCollection", request);
}

REST_HANDLER(collections_refresh_load)
{
    Milvus__Proto__Milvus__LoadCollectionRequest *request = rest_request(rest, "LoadCollection");
    if (request) request->refresh = true;
    (void)rest_run(rest, "LoadCollection", request);
}

REST_HANDLER(collections_flush)
{
    Milvus__Proto__Milvus__FlushRequest *request = rest_request(rest, "Flush");
    char **names = request ? rest_array(rest, 1, sizeof *names) : NULL;
    if (!names) return;
    names[0] = rest_text(rest, &rest->body, REST_COLLECTION_NAME);
    request->collection_names = names;
    request->n_collection_names = 1;
    (void)rest_run(rest, "Flush", request);
}

REST_HANDLER(collections_compact)
{
    Milvus__Proto__Milvus__ManualCompactionRequest *request =
        rest_request(rest, "ManualCompaction");
    if (request) request->majorcompaction = rest_bool(rest, &rest->body, REST_IS_CLUSTERING, false);
    const Milvus__Proto__Milvus__ManualCompactionResponse *reply =
        rest_run(rest, "ManualCompaction", request);
    if (!reply) return;
    rest_raw(rest->out, ",\"data\":{");
    rest_add_id(rest, "compactionID", reply->compactionid);
    rest_raw(rest->out, "}");
}

REST_HANDLER(collections_compaction_state)
{
    Milvus__Proto__Milvus__GetCompactionStateRequest *request =
        rest_request(rest, "GetCompactionState");
    if (!request) return;
    request->compactionid = rest_int(rest, &rest->body, REST_JOB_ID, 0);
    const Milvus__Proto__Milvus__GetCompactionStateResponse *reply =
        rest_run(rest, "GetCompactionState", request);
    if (!reply) return;
    rest_raw(rest->out, ",\"data\":{");
    rest_add_id(rest, "compactionID", request->compactionid);
    rest_add_text(rest->out, "state",
                  enum_name(&milvus__proto__common__compaction_state__descriptor,
                            (int)reply->state));
    rest_add_int(rest->out, "executingPlanNumber", reply->executingplanno);
    rest_add_int(rest->out, "timeoutPlanNumber", reply->timeoutplanno);
    rest_add_int(rest->out, "completedPlanNumber", reply->completedplanno);
    rest_raw(rest->out, "}");
}
