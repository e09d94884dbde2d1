/*
 * The table of RPCs: what is not in it is UNIMPLEMENTED, what has a privilege needs it. Sorted by
 * name, so that a look-up is a binary search and a double entry shows.
 */
#include <stdlib.h>
#include <string.h>

#include "milvus/milvus_internal.h"

#define MESSAGE(name) &milvus__proto__milvus__##name##__descriptor
#define STATUS_REPLY  &milvus__proto__common__status__descriptor

static const struct milvus_rpc rpcs[] = {
    { "AllocTimestamp", MESSAGE(alloc_timestamp_request), MESSAGE(alloc_timestamp_response),
      handle_AllocTimestamp, NULL, NULL, AUTH_GLOBAL },
    { "CheckHealth", MESSAGE(check_health_request), MESSAGE(check_health_response),
      handle_CheckHealth, NULL, NULL, AUTH_GLOBAL },
    { "Connect", MESSAGE(connect_request), MESSAGE(connect_response), handle_Connect, NULL, NULL,
      AUTH_GLOBAL },
    { "GetComponentStates", MESSAGE(get_component_states_request), MESSAGE(component_states),
      handle_GetComponentStates, NULL, NULL, AUTH_GLOBAL },
    { "GetMetrics", MESSAGE(get_metrics_request), MESSAGE(get_metrics_response), handle_GetMetrics,
      NULL, NULL, AUTH_GLOBAL },
    { "GetVersion", MESSAGE(get_version_request), MESSAGE(get_version_response), handle_GetVersion,
      NULL, NULL, AUTH_GLOBAL },
};
#define RPC_COUNT (sizeof rpcs / sizeof rpcs[0])

struct name {
    const char *text;
    size_t len;
};

static int compare_name(const void *key, const void *element)
{
    const struct name *name = key;
    const struct milvus_rpc *rpc = element;
    const size_t len = strlen(rpc->name), shorter = name->len < len ? name->len : len;
    const int order = memcmp(name->text, rpc->name, shorter);
    if (order) return order;
    return name->len < len ? -1 : name->len > len;
}

const struct milvus_rpc *milvus_rpc_find(const char *name, size_t len)
{
    const struct name wanted = { name, len };
    return bsearch(&wanted, rpcs, RPC_COUNT, sizeof rpcs[0], compare_name);
}

const struct milvus_rpc *milvus_rpc_at(size_t i) { return i < RPC_COUNT ? &rpcs[i] : NULL; }
