/*
 * The table of RPCs: what is not in it is UNIMPLEMENTED, what has a privilege needs it. Sorted by
 * name, so that a look-up is a binary search and a double entry shows.
 */
#include <stdlib.h>
#include <string.h>

#include "milvus/milvus_data.h"

#define MESSAGE(name) &milvus__proto__milvus__##name##__descriptor
#define RPC(name, request, reply, privilege, object) \
    { #name, MESSAGE(request), MESSAGE(reply), handle_##name, NULL, privilege, object }
/* The reply is a bare status. */
#define CHANGE(name, request, privilege, object)                                                  \
    { #name, MESSAGE(request), &milvus__proto__common__status__descriptor, handle_##name, NULL, \
      privilege, object }

/* From bytes to bytes. */
#define ROWS(name, request, reply, privilege) \
    { #name, MESSAGE(request), MESSAGE(reply), NULL, raw_##name, privilege, AUTH_COLLECTION }

/* clang-format off */
static const struct milvus_rpc rpcs[] = {
    RPC(AllocTimestamp, alloc_timestamp_request, alloc_timestamp_response, NULL, AUTH_GLOBAL),
    CHANGE(AlterIndex, alter_index_request, "CreateIndex", AUTH_COLLECTION),
    RPC(BatchDescribeCollection, batch_describe_collection_request, batch_describe_collection_response, "DescribeCollection", AUTH_GLOBAL),
    RPC(CheckHealth, check_health_request, check_health_response, NULL, AUTH_GLOBAL),
    RPC(Connect, connect_request, connect_response, NULL, AUTH_GLOBAL),
    CHANGE(CreateCollection, create_collection_request, "CreateCollection", AUTH_GLOBAL),
    CHANGE(CreateIndex, create_index_request, "CreateIndex", AUTH_COLLECTION),
    ROWS(Delete, delete_request, mutation_result, "Delete"),
    RPC(DescribeCollection, describe_collection_request, describe_collection_response, "DescribeCollection", AUTH_GLOBAL),
    RPC(DescribeIndex, describe_index_request, describe_index_response, "IndexDetail", AUTH_COLLECTION),
    CHANGE(DropCollection, drop_collection_request, "DropCollection", AUTH_GLOBAL),
    CHANGE(DropIndex, drop_index_request, "DropIndex", AUTH_COLLECTION),
    RPC(GetCollectionStatistics, get_collection_statistics_request, get_collection_statistics_response, "GetStatistics", AUTH_COLLECTION),
    RPC(GetComponentStates, get_component_states_request, component_states, NULL, AUTH_GLOBAL),
    RPC(GetIndexBuildProgress, get_index_build_progress_request, get_index_build_progress_response, "IndexDetail", AUTH_COLLECTION),
    RPC(GetIndexState, get_index_state_request, get_index_state_response, "IndexDetail", AUTH_COLLECTION),
    RPC(GetIndexStatistics, get_index_statistics_request, get_index_statistics_response, "IndexDetail", AUTH_COLLECTION),
    RPC(GetLoadState, get_load_state_request, get_load_state_response, "GetLoadState", AUTH_COLLECTION),
    RPC(GetLoadingProgress, get_loading_progress_request, get_loading_progress_response, "GetLoadingProgress", AUTH_COLLECTION),
    RPC(GetMetrics, get_metrics_request, get_metrics_response, NULL, AUTH_GLOBAL),
    RPC(GetVersion, get_version_request, get_version_response, NULL, AUTH_GLOBAL),
    RPC(HasCollection, has_collection_request, bool_response, "DescribeCollection", AUTH_GLOBAL),
    ROWS(HybridSearch, hybrid_search_request, search_results, "Search"),
    ROWS(Insert, insert_request, mutation_result, "Insert"),
    CHANGE(LoadCollection, load_collection_request, "Load", AUTH_COLLECTION),
    CHANGE(LoadPartitions, load_partitions_request, "Load", AUTH_COLLECTION),
    ROWS(Query, query_request, query_results, "Query"),
    CHANGE(ReleaseCollection, release_collection_request, "Release", AUTH_COLLECTION),
    CHANGE(ReleasePartitions, release_partitions_request, "Release", AUTH_COLLECTION),
    ROWS(Search, search_request, search_results, "Search"),
    RPC(ShowCollections, show_collections_request, show_collections_response, "ShowCollections", AUTH_GLOBAL),
    ROWS(Upsert, upsert_request, mutation_result, "Upsert"),
};
/* clang-format on */
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
