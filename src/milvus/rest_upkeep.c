/*
 * What is left: resource groups (one process, so they are names), segments, and what an analyzer
 * makes of texts.
 */
#include <string.h>

#include "milvus/rest.h"

static struct json_value member(const struct json_value *object, const char *name)
{
    struct json_value found = { .text = NULL };
    const struct json_step step = { name, strlen(name), 0 };
    if (object->text && json_find(object->text, object->len, &step, 1, &found) == 0) return found;
    found.text = NULL;
    return found;
}

/* ---- resource groups ---- */

static Milvus__Proto__Rg__ResourceGroupLimit *limit_of(struct rest *rest,
                                                       const struct json_value *config,
                                                       const char *name)
{
    struct json_value limit = member(config, name);
    struct json_value nodes = member(&limit, "node_num");
    if (!nodes.text) nodes = member(&limit, "nodeNum");
    Milvus__Proto__Rg__ResourceGroupLimit *made = rest_array(rest, 1, sizeof *made);
    int64_t count = 0;
    if (!made) return NULL;
    milvus__proto__rg__resource_group_limit__init(made);
    if (nodes.text && rest_value_int(&nodes, &count)) made->node_num = (int32_t)count;
    return made;
}

static Milvus__Proto__Rg__ResourceGroupConfig *config_of(struct rest *rest,
                                                         const struct json_value *from)
{
    Milvus__Proto__Rg__ResourceGroupConfig *config = rest_array(rest, 1, sizeof *config);
    if (!config) return NULL;
    milvus__proto__rg__resource_group_config__init(config);
    config->requests = limit_of(rest, from, "requests");
    config->limits = limit_of(rest, from, "limits");
    return config;
}

REST_HANDLER(resources_create)
{
    Milvus__Proto__Milvus__CreateResourceGroupRequest *request =
        rest_request(rest, "CreateResourceGroup");
    if (!request) return;
    if (!*request->resource_group)
        request->resource_group = rest_text(rest, &rest->body, REST_NAME);
    if (rest_has(&rest->body, REST_CONFIG))
        request->config = config_of(rest, &rest->body.at[REST_CONFIG]);
    (void)rest_run(rest, "CreateResourceGroup", request);
}

/* {"resource_groups": {"name": config}} */
REST_HANDLER(resources_alter)
{
    typedef Milvus__Proto__Milvus__UpdateResourceGroupsRequest__ResourceGroupsEntry Entry;
    Milvus__Proto__Milvus__UpdateResourceGroupsRequest *request =
        rest_request(rest, "UpdateResourceGroups");
    const struct kith_str body = exchange_body(rest->exchange);
    const struct json_value all = { .kind = JSON_OBJECT, .text = body.data, .len = body.len };
    struct json_value groups = member(&all, "resource_groups"), key, value;
    if (!groups.text) groups = member(&all, "resourceGroups");
    if (!request || !groups.text || groups.kind != JSON_OBJECT) {
        rest_fail(rest, 1802, "missing required parameters, error: Key: 'Request.ResourceGroups' "
                  "Error:Field validation for 'ResourceGroups' failed on the 'required' tag");
        return;
    }
    struct json_iter iter;
    request->resource_groups =
        rest_array(rest, rest_value_count(&groups), sizeof *request->resource_groups);
    json_iter_init(&iter, &groups);
    while (!rest->failed && json_iter_next(&iter, &key, &value) == 1) {
        Entry *entry = rest_array(rest, 1, sizeof *entry);
        if (!entry) return;
        milvus__proto__milvus__update_resource_groups_request__resource_groups_entry__init(entry);
        entry->key = rest_value_any(rest, &key);
        entry->value = config_of(rest, &value);
        request->resource_groups[request->n_resource_groups++] = entry;
    }
    (void)rest_run(rest, "UpdateResourceGroups", request);
}

REST_HANDLER(resources_list)
{
    const Milvus__Proto__Milvus__ListResourceGroupsResponse *reply =
        rest_run(rest, "ListResourceGroups", rest_request(rest, "ListResourceGroups"));
    if (!reply) return;
    rest_key(rest->out, "data");
    rest_names(rest->out, reply->resource_groups, reply->n_resource_groups);
}

REST_HANDLER(resources_describe)
{
    Milvus__Proto__Milvus__DescribeResourceGroupRequest *request =
        rest_request(rest, "DescribeResourceGroup");
    if (request && !*request->resource_group)
        request->resource_group = rest_text(rest, &rest->body, REST_NAME);
    const Milvus__Proto__Milvus__DescribeResourceGroupResponse *reply =
        rest_run(rest, "DescribeResourceGroup", request);
    if (!reply) return;
    const Milvus__Proto__Milvus__ResourceGroup *group = reply->resource_group;
    rest_raw(rest->out, ",\"data\":{");
    if (group) {
        rest_add_text(rest->out, "resource_group", group->name);
        rest_add_int(rest->out, "capacity", group->capacity);
        rest_add_int(rest->out, "num_available_node", group->num_available_node);
        rest_add_int(rest->out, "requests", group->config && group->config->requests
                                                ? group->config->requests->node_num
                                                : 0);
        rest_add_int(rest->out, "limits", group->config && group->config->limits
                                              ? group->config->limits->node_num
                                              : 0);
    }
    rest_raw(rest->out, "}");
}

REST_HANDLER(resources_transfer)
{
    Milvus__Proto__Milvus__TransferReplicaRequest *request =
        rest_request(rest, "TransferReplica");
    if (request) request->num_replica = rest_int(rest, &rest->body, REST_REPLICA_NUM, 0);
    (void)rest_run(rest, "TransferReplica", request);
}

/* ---- segments ---- */

REST_HANDLER(segments_describe)
{
    Milvus__Proto__Milvus__GetPersistentSegmentInfoRequest *request =
        rest_request(rest, "GetPersistentSegmentInfo");
    if (!request) return;
    request->dbname = milvus_strdup(&rest->call, rest->call.database);
    request->collectionname = rest_text(rest, &rest->body, REST_COLLECTION_NAME);
    const Milvus__Proto__Milvus__GetPersistentSegmentInfoResponse *reply =
        rest_run(rest, "GetPersistentSegmentInfo", request);
    if (!reply) return;
    rest_raw(rest->out, ",\"data\":{\"segmentInfos\":[");
    for (size_t i = 0; i < reply->n_infos; i++) {
        const Milvus__Proto__Milvus__PersistentSegmentInfo *info = reply->infos[i];
        const ProtobufCEnumValue *state = protobuf_c_enum_descriptor_get_value(
            &milvus__proto__common__segment_state__descriptor, (int)info->state);
        rest_comma(rest->out);
        rest_raw(rest->out, "{");
        rest_add_id(rest, "segmentID", info->segmentid);
        rest_add_id(rest, "collectionID", info->collectionid);
        rest_add_id(rest, "partitionID", info->partitionid);
        rest_add_int(rest->out, "numRows", info->num_rows);
        rest_add_text(rest->out, "state", state ? state->name : "SegmentStateNone");
        rest_raw(rest->out, "}");
    }
    rest_raw(rest->out, "]}");
}

/* ---- analyzers ---- */

static bool fill_texts(struct rest *rest, Milvus__Proto__Milvus__RunAnalyzerRequest *request)
{
    size_t count;
    char **texts = rest_value_texts(rest, &rest->body.at[REST_TEXT], &count);
    request->placeholder = rest_array(rest, count, sizeof *request->placeholder);
    if (!texts || !request->placeholder) return false;
    for (size_t i = 0; i < count; i++)
        request->placeholder[i] =
            (ProtobufCBinaryData){ strlen(texts[i]), (uint8_t *)texts[i] };
    request->n_placeholder = count;
    const struct json_value *params = &rest->body.at[REST_ANALYZER_PARAMS];
    if (params->text) request->analyzer_params = rest_value_any(rest, params);
    request->with_detail = rest_bool(rest, &rest->body, REST_WITH_DETAIL, false);
    request->with_hash = rest_bool(rest, &rest->body, REST_WITH_HASH, false);
    return !rest->failed;
}

static void put_token(struct buffer *out, const Milvus__Proto__Milvus__AnalyzerToken *token,
                      bool detail, bool hash)
{
    rest_comma(out);
    rest_raw(out, "{");
    rest_add_text(out, "token", token->token);
    if (detail) {
        rest_add_int(out, "startOffset", token->start_offset);
        rest_add_int(out, "endOffset", token->end_offset);
        rest_add_int(out, "position", token->position);
        rest_add_int(out, "positionLength", token->position_length);
    }
    if (hash) rest_add_int(out, "hash", token->hash);
    rest_raw(out, "}");
}

REST_HANDLER(run_analyzer)
{
    Milvus__Proto__Milvus__RunAnalyzerRequest *request = rest_request(rest, "RunAnalyzer");
    if (!request || !fill_texts(rest, request)) return;
    const Milvus__Proto__Milvus__RunAnalyzerResponse *reply =
        rest_run(rest, "RunAnalyzer", request);
    if (!reply) return;
    rest_raw(rest->out, ",\"data\":{\"results\":[");
    for (size_t i = 0; i < reply->n_results; i++) {
        rest_comma(rest->out);
        rest_raw(rest->out, "{\"tokens\":[");
        for (size_t j = 0; j < reply->results[i]->n_tokens; j++)
            put_token(rest->out, reply->results[i]->tokens[j], request->with_detail,
                      request->with_hash);
        rest_raw(rest->out, "]}");
    }
    rest_raw(rest->out, "]}");
}
