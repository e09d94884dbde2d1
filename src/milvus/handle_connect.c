/*
 * What clients ask first: connection, version, health, time.
 */
#include <stdio.h>
#include <string.h>

#include "milvus/milvus_internal.h"

static char *constant(const char *text) { return (char *)(uintptr_t)text; }

MILVUS_HANDLER(Connect)
{
    (void)request;
    Milvus__Proto__Milvus__ConnectResponse *out = reply;
    Milvus__Proto__Common__ServerInfo *info = arena_alloc(call->arena, sizeof *info);
    out->status = milvus_success(call);
    out->identifier = ++call->milvus->next_identifier; /* 0 would mean a server too old for it */
    if (!info) return;
    milvus__proto__common__server_info__init(info);
    info->build_tags = constant(MILVUS_VERSION_TEXT); /* clients branch on a 2.6 */
    info->build_time = constant("");
    info->git_commit = constant("kith-" KITH_VERSION_TEXT);
    info->go_version = constant("none");
    info->deploy_mode = constant("STANDALONE");
    out->server_info = info;
}

MILVUS_HANDLER(GetVersion)
{
    (void)request;
    Milvus__Proto__Milvus__GetVersionResponse *out = reply;
    out->status = milvus_success(call);
    out->version = constant(MILVUS_VERSION_TEXT);
}

MILVUS_HANDLER(CheckHealth)
{
    (void)request;
    Milvus__Proto__Milvus__CheckHealthResponse *out = reply;
    out->status = milvus_success(call);
    out->ishealthy = true;
}

MILVUS_HANDLER(AllocTimestamp)
{
    (void)request;
    Milvus__Proto__Milvus__AllocTimestampResponse *out = reply;
    out->status = milvus_success(call);
    out->timestamp = milvus_timestamp(call->milvus);
}

static Milvus__Proto__Milvus__ComponentInfo *component(struct milvus_call *call, const char *role)
{
    Milvus__Proto__Milvus__ComponentInfo *info = arena_alloc(call->arena, sizeof *info);
    if (!info) return NULL;
    milvus__proto__milvus__component_info__init(info);
    info->nodeid = 1;
    info->role = constant(role);
    info->state_code = MILVUS__PROTO__COMMON__STATE_CODE__Healthy;
    return info;
}

MILVUS_HANDLER(GetComponentStates)
{
    (void)request;
    Milvus__Proto__Milvus__ComponentStates *out = reply;
    out->status = milvus_success(call);
    out->state = component(call, "standalone");
}

/* The three roles that tools look for, all of them this process. */
MILVUS_HANDLER(GetMetrics)
{
    const Milvus__Proto__Milvus__GetMetricsRequest *in = request;
    Milvus__Proto__Milvus__GetMetricsResponse *out = reply;
    static const char node[] =
        "{\"identifier\":%d,\"connected\":null,\"infos\":{\"has_error\":false,\"error_reason\":"
        "\"\","
        "\"name\":\"%s1\",\"type\":\"%s\",\"id\":1,\"hardware_infos\":{\"ip\":\"127.0.0.1\"},"
        "\"system_info\":{\"system_version\":\"%s\",\"deploy_mode\":\"STANDALONE\"}}}";
    static const char *const roles[] = {"querynode", "proxy", "mixcoord"};
    if (!strstr(in->request, "\"system_info\"")) {
        out->status = milvus_status(call, MILVUS_METRIC_NOT_FOUND,
                                    "metric not found[metric=%.100s]", in->request);
        return;
    }
    char text[2048];
    int len = snprintf(text, sizeof text, "{\"nodes_info\":[");
    for (int i = 0; i < 3; i++) {
        len += snprintf(text + len, sizeof text - (size_t)len, "%s", i ? "," : "");
        len += snprintf(text + len, sizeof text - (size_t)len, node, i + 1, roles[i], roles[i],
                        MILVUS_VERSION_TEXT);
    }
    (void)snprintf(text + len, sizeof text - (size_t)len, "]}");
    out->status = milvus_success(call);
    out->response = milvus_strdup(call, text);
    out->component_name = constant("kith");
}
