/*
 * The table of RPCs: what is not in it is UNIMPLEMENTED, what has a privilege needs it. Sorted by
 * name, so that a look-up is a binary search and a double entry shows.
 */
#include <stdlib.h>
#include <string.h>

#include "milvus/milvus_data.h"

#define MESSAGE(name) &milvus__proto__milvus__##name##__descriptor
#define RPC(name, request, reply, privilege, object)                                    \
    {                                                                                   \
#name, MESSAGE(request), MESSAGE(reply), handle_##name, NULL, privilege, object \
    }
/* The reply is a bare status. */
#define CHANGE(name, request, privilege, object)                                                  \
    {                                                                                             \
#name, MESSAGE(request), &milvus__proto__common__status__descriptor, handle_##name, NULL, \
            privilege, object                                                                     \
    }

/* From bytes to bytes. */
#define ROWS(name, request, reply, privilege)                                                 \
    {                                                                                         \
#name, MESSAGE(request), MESSAGE(reply), NULL, raw_##name, privilege, AUTH_COLLECTION \
    }

static const struct milvus_rpc rpcs[] = {
    CHANGE(AddCollectionField, add_collection_field_request, "AddCollectionField", AUTH_GLOBAL),
    CHANGE(AddCollectionFunction, add_collection_function_request, "AddCollectionFunction",
           AUTH_GLOBAL),
    RPC(AllocTimestamp, alloc_timestamp_request, alloc_timestamp_response, NULL, AUTH_GLOBAL),
    CHANGE(AlterAlias, alter_alias_request, "CreateAlias", AUTH_GLOBAL),
    CHANGE(AlterCollection, alter_collection_request, "CreateCollection", AUTH_GLOBAL),
    CHANGE(AlterCollectionField, alter_collection_field_request, "CreateCollection", AUTH_GLOBAL),
    CHANGE(AlterCollectionFunction, alter_collection_function_request, "AlterCollectionFunction",
           AUTH_GLOBAL),
    RPC(AlterCollectionSchema, alter_collection_schema_request, alter_collection_schema_response,
        "AddCollectionField", AUTH_GLOBAL),
    CHANGE(AlterDatabase, alter_database_request, "AlterDatabase", AUTH_GLOBAL),
    CHANGE(AlterIndex, alter_index_request, "CreateIndex", AUTH_COLLECTION),
    CHANGE(AlterRole, alter_role_request, "CreateOwnership", AUTH_GLOBAL),
    RPC(BackupRBAC, backup_rbacmeta_request, backup_rbacmeta_response, "BackupRBAC", AUTH_GLOBAL),
    RPC(BatchDescribeCollection, batch_describe_collection_request,
        batch_describe_collection_response, "DescribeCollection", AUTH_GLOBAL),
    RPC(CheckHealth, check_health_request, check_health_response, NULL, AUTH_GLOBAL),
    RPC(Connect, connect_request, connect_response, NULL, AUTH_GLOBAL),
    CHANGE(CreateAlias, create_alias_request, "CreateAlias", AUTH_GLOBAL),
    CHANGE(CreateCollection, create_collection_request, "CreateCollection", AUTH_GLOBAL),
    CHANGE(CreateCredential, create_credential_request, "CreateOwnership", AUTH_GLOBAL),
    CHANGE(CreateDatabase, create_database_request, "CreateDatabase", AUTH_GLOBAL),
    CHANGE(CreateIndex, create_index_request, "CreateIndex", AUTH_COLLECTION),
    CHANGE(CreatePartition, create_partition_request, "CreatePartition", AUTH_COLLECTION),
    CHANGE(CreatePrivilegeGroup, create_privilege_group_request, "CreatePrivilegeGroup",
           AUTH_GLOBAL),
    CHANGE(CreateResourceGroup, create_resource_group_request, "CreateResourceGroup", AUTH_GLOBAL),
    CHANGE(CreateRole, create_role_request, "CreateOwnership", AUTH_GLOBAL),
    ROWS(Delete, delete_request, mutation_result, "Delete"),
    CHANGE(DeleteCredential, delete_credential_request, "DropOwnership", AUTH_GLOBAL),
    RPC(DescribeAlias, describe_alias_request, describe_alias_response, "DescribeAlias",
        AUTH_GLOBAL),
    RPC(DescribeCollection, describe_collection_request, describe_collection_response,
        "DescribeCollection", AUTH_GLOBAL),
    RPC(DescribeDatabase, describe_database_request, describe_database_response, "DescribeDatabase",
        AUTH_GLOBAL),
    RPC(DescribeIndex, describe_index_request, describe_index_response, "IndexDetail",
        AUTH_COLLECTION),
    RPC(DescribeResourceGroup, describe_resource_group_request, describe_resource_group_response,
        "DescribeResourceGroup", AUTH_GLOBAL),
    CHANGE(DropAlias, drop_alias_request, "DropAlias", AUTH_GLOBAL),
    CHANGE(DropCollection, drop_collection_request, "DropCollection", AUTH_GLOBAL),
    CHANGE(DropCollectionFunction, drop_collection_function_request, "DropCollectionFunction",
           AUTH_GLOBAL),
    CHANGE(DropDatabase, drop_database_request, "DropDatabase", AUTH_GLOBAL),
    CHANGE(DropIndex, drop_index_request, "DropIndex", AUTH_COLLECTION),
    CHANGE(DropPartition, drop_partition_request, "DropPartition", AUTH_COLLECTION),
    CHANGE(DropPrivilegeGroup, drop_privilege_group_request, "DropPrivilegeGroup", AUTH_GLOBAL),
    CHANGE(DropResourceGroup, drop_resource_group_request, "DropResourceGroup", AUTH_GLOBAL),
    CHANGE(DropRole, drop_role_request, "DropOwnership", AUTH_GLOBAL),
    RPC(Flush, flush_request, flush_response, "Flush", AUTH_COLLECTION),
    RPC(FlushAll, flush_all_request, flush_all_response, "FlushAll", AUTH_GLOBAL),
    RPC(GetCollectionStatistics, get_collection_statistics_request,
        get_collection_statistics_response, "GetStatistics", AUTH_COLLECTION),
    RPC(GetCompactionState, get_compaction_state_request, get_compaction_state_response, NULL,
        AUTH_GLOBAL),
    RPC(GetCompactionStateWithPlans, get_compaction_plans_request, get_compaction_plans_response,
        NULL, AUTH_GLOBAL),
    RPC(GetComponentStates, get_component_states_request, component_states, NULL, AUTH_GLOBAL),
    RPC(GetFlushAllState, get_flush_all_state_request, get_flush_all_state_response, NULL,
        AUTH_GLOBAL),
    RPC(GetFlushState, get_flush_state_request, get_flush_state_response, "GetFlushState",
        AUTH_COLLECTION),
    RPC(GetImportState, get_import_state_request, get_import_state_response, NULL, AUTH_GLOBAL),
    RPC(GetIndexBuildProgress, get_index_build_progress_request, get_index_build_progress_response,
        "IndexDetail", AUTH_COLLECTION),
    RPC(GetIndexState, get_index_state_request, get_index_state_response, "IndexDetail",
        AUTH_COLLECTION),
    RPC(GetIndexStatistics, get_index_statistics_request, get_index_statistics_response,
        "IndexDetail", AUTH_COLLECTION),
    RPC(GetLoadState, get_load_state_request, get_load_state_response, "GetLoadState",
        AUTH_COLLECTION),
    RPC(GetLoadingProgress, get_loading_progress_request, get_loading_progress_response,
        "GetLoadingProgress", AUTH_COLLECTION),
    RPC(GetMetrics, get_metrics_request, get_metrics_response, NULL, AUTH_GLOBAL),
    RPC(GetPartitionStatistics, get_partition_statistics_request, get_partition_statistics_response,
        "GetStatistics", AUTH_COLLECTION),
    RPC(GetPersistentSegmentInfo, get_persistent_segment_info_request,
        get_persistent_segment_info_response, "GetStatistics", AUTH_COLLECTION),
    RPC(GetQuerySegmentInfo, get_query_segment_info_request, get_query_segment_info_response,
        "GetStatistics", AUTH_COLLECTION),
    RPC(GetReplicas, get_replicas_request, get_replicas_response, "GetStatistics", AUTH_COLLECTION),
    RPC(GetVersion, get_version_request, get_version_response, NULL, AUTH_GLOBAL),
    RPC(HasCollection, has_collection_request, bool_response, "DescribeCollection", AUTH_GLOBAL),
    RPC(HasPartition, has_partition_request, bool_response, "HasPartition", AUTH_COLLECTION),
    ROWS(HybridSearch, hybrid_search_request, search_results, "Search"),
    RPC(Import, import_request, import_response, "Import", AUTH_COLLECTION),
    ROWS(Insert, insert_request, mutation_result, "Insert"),
    RPC(ListAliases, list_aliases_request, list_aliases_response, "ListAliases", AUTH_GLOBAL),
    RPC(ListCredUsers, list_cred_users_request, list_cred_users_response, "SelectOwnership",
        AUTH_GLOBAL),
    RPC(ListDatabases, list_databases_request, list_databases_response, "ListDatabases",
        AUTH_GLOBAL),
    RPC(ListImportTasks, list_import_tasks_request, list_import_tasks_response, NULL,
        AUTH_GLOBAL),
    RPC(ListPrivilegeGroups, list_privilege_groups_request, list_privilege_groups_response,
        "ListPrivilegeGroups", AUTH_GLOBAL),
    RPC(ListResourceGroups, list_resource_groups_request, list_resource_groups_response,
        "ListResourceGroups", AUTH_GLOBAL),
    CHANGE(LoadBalance, load_balance_request, "LoadBalance", AUTH_COLLECTION),
    CHANGE(LoadCollection, load_collection_request, "Load", AUTH_COLLECTION),
    CHANGE(LoadPartitions, load_partitions_request, "Load", AUTH_COLLECTION),
    RPC(ManualCompaction, manual_compaction_request, manual_compaction_response, "Compaction",
        AUTH_COLLECTION),
    CHANGE(OperatePrivilege, operate_privilege_request, "ManageOwnership", AUTH_GLOBAL),
    CHANGE(OperatePrivilegeGroup, operate_privilege_group_request, "OperatePrivilegeGroup",
           AUTH_GLOBAL),
    CHANGE(OperatePrivilegeV2, operate_privilege_v2_request, "ManageOwnership", AUTH_GLOBAL),
    CHANGE(OperateUserRole, operate_user_role_request, "ManageOwnership", AUTH_GLOBAL),
    ROWS(Query, query_request, query_results, "Query"),
    CHANGE(ReleaseCollection, release_collection_request, "Release", AUTH_COLLECTION),
    CHANGE(ReleasePartitions, release_partitions_request, "Release", AUTH_COLLECTION),
    CHANGE(RenameCollection, rename_collection_request, "RenameCollection", AUTH_GLOBAL),
    CHANGE(RestoreRBAC, restore_rbacmeta_request, "RestoreRBAC", AUTH_GLOBAL),
    RPC(RunAnalyzer, run_analyzer_request, run_analyzer_response, NULL, AUTH_GLOBAL),
    ROWS(Search, search_request, search_results, "Search"),
    RPC(SelectGrant, select_grant_request, select_grant_response, "SelectOwnership", AUTH_GLOBAL),
    RPC(SelectRole, select_role_request, select_role_response, "SelectOwnership", AUTH_GLOBAL),
    RPC(SelectUser, select_user_request, select_user_response, "SelectUser", AUTH_USER),
    RPC(ShowCollections, show_collections_request, show_collections_response, "ShowCollections",
        AUTH_GLOBAL),
    RPC(ShowPartitions, show_partitions_request, show_partitions_response, "ShowPartitions",
        AUTH_COLLECTION),
    CHANGE(TransferNode, transfer_node_request, "TransferNode", AUTH_GLOBAL),
    CHANGE(TransferReplica, transfer_replica_request, "TransferReplica", AUTH_GLOBAL),
    RPC(TruncateCollection, truncate_collection_request, truncate_collection_response,
        "DropCollection", AUTH_GLOBAL),
    CHANGE(UpdateCredential, update_credential_request, "UpdateUser", AUTH_USER),
    CHANGE(UpdateResourceGroups, update_resource_groups_request, "UpdateResourceGroups",
           AUTH_GLOBAL),
    ROWS(Upsert, upsert_request, mutation_result, "Upsert"),
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
    const struct name wanted = {name, len};
    return bsearch(&wanted, rpcs, RPC_COUNT, sizeof rpcs[0], compare_name);
}

size_t milvus_rpc_place(const struct milvus_rpc *rpc) { return (size_t)(rpc - rpcs); }

const struct milvus_rpc *milvus_rpc_at(size_t i) { return i < RPC_COUNT ? &rpcs[i] : NULL; }
