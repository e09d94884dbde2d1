/*
 * The routes below "partitions", "indexes" and "aliases", and the indexParams of
 * collections/create.
 */
#include <stdlib.h>
#include <string.h>

#include "milvus/rest.h"

typedef Milvus__Proto__Milvus__IndexDescription Index;

/* ---- partitions ---- */

REST_HANDLER(partitions_list)
{
    const Milvus__Proto__Milvus__ShowPartitionsResponse *reply =
        rest_run(rest, "ShowPartitions", rest_request(rest, "ShowPartitions"));
    if (!reply) return;
    rest_key(rest->out, "data");
    rest_names(rest->out, reply->partition_names, reply->n_partition_names);
}

REST_HANDLER(partitions_has)
{
    const Milvus__Proto__Milvus__BoolResponse *reply =
        rest_run(rest, "HasPartition", rest_request(rest, "HasPartition"));
    if (!reply) return;
    rest_raw(rest->out, ",\"data\":{");
    rest_add_bool(rest->out, "has", reply->value);
    rest_raw(rest->out, "}");
}

REST_HANDLER(partitions_stats)
{
    const Milvus__Proto__Milvus__GetPartitionStatisticsResponse *reply =
        rest_run(rest, "GetPartitionStatistics", rest_request(rest, "GetPartitionStatistics"));
    if (!reply) return;
    const char *rows = milvus_pair_get(reply->stats, reply->n_stats, "row_count");
    rest_raw(rest->out, ",\"data\":{");
    rest_add_int(rest->out, "rowCount", rows ? strtoll(rows, NULL, 10) : 0);
    rest_raw(rest->out, "}");
}

/* ---- indexes ---- */

/* index_type, metric_type, and the rest as the JSON text of "params". */
static bool read_index_params(struct rest *rest, const struct rest_object *from,
                              Milvus__Proto__Milvus__CreateIndexRequest *to)
{
    static const struct json_step type_step = { "index_type", 10, 0 };
    const struct json_value *params = &from->at[REST_PARAMS];
    const char *type = rest_text(rest, from, REST_INDEX_TYPE);
    const char *metric = rest_text(rest, from, REST_METRIC_TYPE);
    struct json_value inner;
    MilvusPair **pairs = rest_array(rest, 3, sizeof *pairs);
    if (!pairs || rest->failed) return false;
    if (!*type && params->text &&
        json_find(params->text, params->len, &type_step, 1, &inner) == 0)
        type = rest_value_any(rest, &inner);
    if (type && *type) pairs[to->n_extra_params++] = rest_pair(rest, "index_type", type);
    if (*metric) pairs[to->n_extra_params++] = rest_pair(rest, "metric_type", metric);
    if (params->text && params->kind == JSON_OBJECT && rest_value_count(params)) {
        const char *text = rest_value_any(rest, params);
        if (text) pairs[to->n_extra_params++] = rest_pair(rest, "params", text);
    }
    to->extra_params = pairs;
    return !rest->failed;
}

bool rest_index_create(struct rest *rest, const struct json_value *params)
{
    struct rest_object *from = arena_alloc(rest->call.arena, sizeof *from);
    Milvus__Proto__Milvus__CreateIndexRequest *request = rest_request(rest, "CreateIndex");
    if (!request || !from) return false;
    if (params->kind != JSON_OBJECT || !rest_scan(rest, params->text, params->len, from)) {
        rest_fail(rest, 1801, "can only accept json format request, error: indexParams");
        return false;
    }
    request->field_name = rest_text(rest, from, REST_FIELD_NAME);
    request->index_name = rest_text(rest, from, REST_INDEX_NAME);
    if (!*request->field_name)
        rest_fail(rest, 1802, "missing required parameters, error: Key: 'Request.IndexParams."
                  "FieldName' Error:Field validation for 'FieldName' failed on the 'required' tag");
    return !rest->failed && read_index_params(rest, from, request) &&
           rest_run(rest, "CreateIndex", request) != NULL;
}

REST_HANDLER(indexes_create)
{
    struct json_iter iter;
    struct json_value element;
    json_iter_init(&iter, &rest->body.at[REST_INDEX_PARAMS]);
    while (json_iter_next(&iter, NULL, &element) == 1)
        if (!rest_index_create(rest, &element)) return;
}

/* No index is an empty list here, and an error of the RPC. */
REST_HANDLER(indexes_list)
{
    const Milvus__Proto__Milvus__DescribeIndexResponse *reply = NULL;
    const void *request = rest_request(rest, "DescribeIndex");
    if (!request) return;
    reply = rest_run(rest, "DescribeIndex", request);
    if (!reply && !rest_forgive(rest, MILVUS_INDEX_NOT_FOUND)) return;
    rest_raw(rest->out, ",\"data\":[");
    for (size_t i = 0; reply && i < reply->n_index_descriptions; i++) {
        const char *name = reply->index_descriptions[i]->index_name;
        rest_comma(rest->out);
        json_write_string(rest->out, name, strlen(name));
    }
    rest_raw(rest->out, "]");
}

static void add_pair(struct buffer *out, const char *name, const Index *index, const char *key,
                     const char *otherwise)
{
    const char *value = milvus_pair_get(index->params, index->n_params, key);
    rest_add_text(out, name, value ? value : otherwise);
}

static const char *state_name(const Index *index)
{
    const ProtobufCEnumValue *known = protobuf_c_enum_descriptor_get_value(
        &milvus__proto__common__index_state__descriptor, (int)index->state);
    return known ? known->name : "IndexStateNone";
}

static void put_index(struct buffer *out, const Index *index)
{
    rest_comma(out);
    rest_raw(out, "{");
    rest_add_text(out, "indexName", index->index_name);
    rest_add_text(out, "fieldName", index->field_name);
    add_pair(out, "indexType", index, "index_type", "");
    add_pair(out, "metricType", index, "metric_type", "");
    add_pair(out, "mmap.enabled", index, "mmap.enabled", "");
    add_pair(out, "indexoffsetcache.enabled", index, "indexoffsetcache.enabled", "");
    add_pair(out, "warmup", index, "warmup", "");
    rest_add_int(out, "totalRows", index->total_rows);
    rest_add_int(out, "pendingRows", index->pending_index_rows);
    rest_add_int(out, "indexedRows", index->indexed_rows);
    rest_add_text(out, "indexState", state_name(index));
    rest_add_text(out, "failReason", index->index_state_fail_reason);
    rest_add_int(out, "minIndexVersion", index->min_index_version);
    rest_add_int(out, "maxIndexVersion", index->max_index_version);
    rest_key(out, "indexParams");
    rest_pairs(out, index->params, index->n_params);
    rest_raw(out, "}");
}

REST_HANDLER(indexes_describe)
{
    const Milvus__Proto__Milvus__DescribeIndexResponse *reply =
        rest_run(rest, "DescribeIndex", rest_request(rest, "DescribeIndex"));
    if (!reply) return;
    rest_raw(rest->out, ",\"data\":[");
    for (size_t i = 0; i < reply->n_index_descriptions; i++)
        put_index(rest->out, reply->index_descriptions[i]);
    rest_raw(rest->out, "]");
}

/* ---- aliases ---- */

REST_HANDLER(aliases_list)
{
    const Milvus__Proto__Milvus__ListAliasesResponse *reply =
        rest_run(rest, "ListAliases", rest_request(rest, "ListAliases"));
    if (!reply) return;
    rest_key(rest->out, "data");
    rest_names(rest->out, reply->aliases, reply->n_aliases);
}

REST_HANDLER(aliases_describe)
{
    const Milvus__Proto__Milvus__DescribeAliasResponse *reply =
        rest_run(rest, "DescribeAlias", rest_request(rest, "DescribeAlias"));
    if (!reply) return;
    rest_raw(rest->out, ",\"data\":{");
    rest_add_text(rest->out, "dbName", reply->db_name);
    rest_add_text(rest->out, "collectionName", reply->collection);
    rest_add_text(rest->out, "aliasName", reply->alias);
    rest_raw(rest->out, "}");
}
