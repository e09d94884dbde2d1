/*
 * The routes: what is not here is 404, what has a privilege needs it. Sorted by path, so that a
 * look-up is a binary search and a double entry shows. Privileges are those of the RPC behind it; a
 * handler that uses several RPCs needs the privilege of each.
 */
#include <stdlib.h>
#include <string.h>

#include "milvus/rest.h"

#define COLLECTION AUTH_COLLECTION
#define GLOBAL     AUTH_GLOBAL
#define USER       AUTH_USER
#define NEED(key)  (uint8_t)(REST_##key + 1)
#define NEED_COLLECTION { NEED(COLLECTION_NAME) }
#define NEED_TWO(a, b)  { NEED(a), NEED(b) }

/* clang-format off */
static const struct rest_route routes[] = {
    { "aliases/alter", rest_plain, "AlterAlias", "CreateAlias", GLOBAL,
      NEED_TWO(COLLECTION_NAME, ALIAS_NAME) },
    { "aliases/create", rest_plain, "CreateAlias", "CreateAlias", GLOBAL,
      NEED_TWO(COLLECTION_NAME, ALIAS_NAME) },
    { "aliases/describe", rest_aliases_describe, "DescribeAlias", "DescribeAlias", GLOBAL,
      { NEED(ALIAS_NAME) } },
    { "aliases/drop", rest_plain, "DropAlias", "DropAlias", GLOBAL, { NEED(ALIAS_NAME) } },
    { "aliases/list", rest_aliases_list, "ListAliases", "ListAliases", GLOBAL, { 0 } },
    { "collections/add_function", rest_collections_add_function, "AddCollectionFunction",
      "AddCollectionFunction", GLOBAL, NEED_TWO(COLLECTION_NAME, FUNCTION) },
    { "collections/alter_function", rest_collections_add_function, "AlterCollectionFunction",
      "AlterCollectionFunction", GLOBAL, { NEED(COLLECTION_NAME), NEED(FUNCTION_NAME),
                                           NEED(FUNCTION) } },
    { "collections/alter_properties", rest_properties_alter, "AlterCollection", "CreateCollection",
      GLOBAL, NEED_COLLECTION },
    { "collections/compact", rest_collections_compact, "ManualCompaction", "Compaction", COLLECTION,
      NEED_COLLECTION },
    { "collections/create", rest_collections_create, "CreateCollection", "CreateCollection", GLOBAL,
      NEED_COLLECTION },
    { "collections/describe", rest_collections_describe, "DescribeCollection", "DescribeCollection",
      GLOBAL, NEED_COLLECTION },
    { "collections/drop", rest_plain, "DropCollection", "DropCollection", GLOBAL, NEED_COLLECTION },
    { "collections/drop_function", rest_plain, "DropCollectionFunction", "DropCollectionFunction",
      GLOBAL, NEED_TWO(COLLECTION_NAME, FUNCTION_NAME) },
    { "collections/drop_properties", rest_properties_drop, "AlterCollection", "CreateCollection",
      GLOBAL, NEED_TWO(COLLECTION_NAME, PROPERTY_KEYS) },
    { "collections/fields/add", rest_fields_add, "AddCollectionField", "AddCollectionField", GLOBAL,
      NEED_TWO(COLLECTION_NAME, SCHEMA) },
    { "collections/fields/alter_properties", rest_fields_alter, "AlterCollectionField",
      "CreateCollection", GLOBAL, NEED_TWO(COLLECTION_NAME, FIELD_NAME) },
    { "collections/fields/drop", rest_fields_drop, "AlterCollectionSchema", "AddCollectionField",
      GLOBAL, NEED_COLLECTION },
    { "collections/flush", rest_collections_flush, "Flush", "Flush", COLLECTION, NEED_COLLECTION },
    { "collections/get_compaction_state", rest_collections_compaction_state, "GetCompactionState",
      NULL, GLOBAL, { NEED(JOB_ID) } },
    { "collections/get_load_state", rest_collections_load_state, "GetLoadState", "GetLoadState",
      COLLECTION, NEED_COLLECTION },
    { "collections/get_stats", rest_collections_stats, "GetCollectionStatistics", "GetStatistics",
      COLLECTION, NEED_COLLECTION },
    { "collections/has", rest_collections_has, "HasCollection", "DescribeCollection", GLOBAL,
      NEED_COLLECTION },
    { "collections/list", rest_collections_list, "ShowCollections", "ShowCollections", GLOBAL,
      { 0 } },
    { "collections/load", rest_plain, "LoadCollection", "Load", COLLECTION, NEED_COLLECTION },
    { "collections/refresh_load", rest_collections_refresh_load, "LoadCollection", "Load",
      COLLECTION, NEED_COLLECTION },
    { "collections/release", rest_plain, "ReleaseCollection", "Release", COLLECTION,
      NEED_COLLECTION },
    { "collections/rename", rest_collections_rename, "RenameCollection", "RenameCollection", GLOBAL,
      NEED_TWO(COLLECTION_NAME, NEW_COLLECTION_NAME) },
    { "collections/truncate", rest_plain, "TruncateCollection", "DropCollection", GLOBAL,
      NEED_COLLECTION },
    { "common/run_analyzer", rest_run_analyzer, "RunAnalyzer", NULL, GLOBAL,
      { NEED(TEXT) } },
    { "databases/alter", rest_properties_alter, "AlterDatabase", "AlterDatabase", GLOBAL,
      { NEED(DB_NAME) } },
    { "databases/alter_properties", rest_properties_alter, "AlterDatabase", "AlterDatabase", GLOBAL,
      { NEED(DB_NAME) } },
    { "databases/create", rest_databases_create, "CreateDatabase", "CreateDatabase", GLOBAL,
      { NEED(DB_NAME) } },
    { "databases/describe", rest_databases_describe, "DescribeDatabase", "DescribeDatabase", GLOBAL,
      { NEED(DB_NAME) } },
    { "databases/drop", rest_plain, "DropDatabase", "DropDatabase", GLOBAL, { NEED(DB_NAME) } },
    { "databases/drop_properties", rest_properties_drop, "AlterDatabase", "AlterDatabase", GLOBAL,
      NEED_TWO(DB_NAME, PROPERTY_KEYS) },
    { "databases/list", rest_databases_list, "ListDatabases", "ListDatabases", GLOBAL, { 0 } },
    { "entities/advanced_search", rest_entities_hybrid_search, "HybridSearch", "Search", COLLECTION,
      NEED_TWO(COLLECTION_NAME, SEARCH) },
    { "entities/delete", rest_entities_delete, "Delete", "Delete", COLLECTION,
      NEED_TWO(COLLECTION_NAME, FILTER) },
    { "entities/get", rest_entities_get, "Query", "Query", COLLECTION,
      NEED_TWO(COLLECTION_NAME, ID) },
    { "entities/hybrid_search", rest_entities_hybrid_search, "HybridSearch", "Search", COLLECTION,
      NEED_TWO(COLLECTION_NAME, SEARCH) },
    { "entities/insert", rest_entities_insert, "Insert", "Insert", COLLECTION, NEED_COLLECTION },
    { "entities/query", rest_entities_query, "Query", "Query", COLLECTION, NEED_COLLECTION },
    { "entities/search", rest_entities_search, "Search", "Search", COLLECTION, NEED_COLLECTION },
    { "entities/upsert", rest_entities_upsert, "Upsert", "Upsert", COLLECTION, NEED_COLLECTION },
    { "indexes/alter_properties", rest_indexes_alter, "AlterIndex", "CreateIndex", COLLECTION,
      NEED_TWO(COLLECTION_NAME, INDEX_NAME) },
    { "indexes/create", rest_indexes_create, "CreateIndex", "CreateIndex", COLLECTION,
      NEED_TWO(COLLECTION_NAME, INDEX_PARAMS) },
    { "indexes/describe", rest_indexes_describe, "DescribeIndex", "IndexDetail", COLLECTION,
      NEED_TWO(COLLECTION_NAME, INDEX_NAME) },
    { "indexes/drop", rest_plain, "DropIndex", "DropIndex", COLLECTION,
      NEED_TWO(COLLECTION_NAME, INDEX_NAME) },
    { "indexes/drop_properties", rest_properties_drop, "AlterIndex", "CreateIndex", COLLECTION,
      { NEED(COLLECTION_NAME), NEED(INDEX_NAME), NEED(PROPERTY_KEYS) } },
    { "indexes/list", rest_indexes_list, "DescribeIndex", "IndexDetail", COLLECTION,
      NEED_COLLECTION },
    { "jobs/import/create", rest_jobs_create, "Import", "Import", COLLECTION,
      NEED_TWO(COLLECTION_NAME, FILES) },
    /* These show the jobs of collections that the caller may import into. */
    { "jobs/import/describe", rest_jobs_describe, "GetImportState", NULL, GLOBAL,
      { NEED(JOB_ID) } },
    { "jobs/import/get_progress", rest_jobs_describe, "GetImportState", NULL, GLOBAL,
      { NEED(JOB_ID) } },
    { "jobs/import/list", rest_jobs_list, "ListImportTasks", NULL, GLOBAL, { 0 } },
    { "partitions/create", rest_plain, "CreatePartition", "CreatePartition", COLLECTION,
      NEED_TWO(COLLECTION_NAME, PARTITION_NAME) },
    { "partitions/drop", rest_plain, "DropPartition", "DropPartition", COLLECTION,
      NEED_TWO(COLLECTION_NAME, PARTITION_NAME) },
    { "partitions/get_stats", rest_partitions_stats, "GetPartitionStatistics", "GetStatistics",
      COLLECTION, NEED_TWO(COLLECTION_NAME, PARTITION_NAME) },
    { "partitions/has", rest_partitions_has, "HasPartition", "HasPartition", COLLECTION,
      NEED_TWO(COLLECTION_NAME, PARTITION_NAME) },
    { "partitions/list", rest_partitions_list, "ShowPartitions", "ShowPartitions", COLLECTION,
      NEED_COLLECTION },
    { "partitions/load", rest_plain, "LoadPartitions", "Load", COLLECTION,
      NEED_TWO(COLLECTION_NAME, PARTITION_NAMES) },
    { "partitions/release", rest_plain, "ReleasePartitions", "Release", COLLECTION,
      NEED_TWO(COLLECTION_NAME, PARTITION_NAMES) },
    { "privilege_groups/add_privileges_to_group", rest_groups_add, "OperatePrivilegeGroup",
      "OperatePrivilegeGroup", GLOBAL, NEED_TWO(PRIVILEGE_GROUP_NAME, PRIVILEGES) },
    { "privilege_groups/create", rest_plain, "CreatePrivilegeGroup", "CreatePrivilegeGroup", GLOBAL,
      { NEED(PRIVILEGE_GROUP_NAME) } },
    { "privilege_groups/drop", rest_plain, "DropPrivilegeGroup", "DropPrivilegeGroup", GLOBAL,
      { NEED(PRIVILEGE_GROUP_NAME) } },
    { "privilege_groups/list", rest_groups_list, "ListPrivilegeGroups", "ListPrivilegeGroups",
      GLOBAL, { 0 } },
    { "privilege_groups/remove_privileges_from_group", rest_groups_remove, "OperatePrivilegeGroup",
      "OperatePrivilegeGroup", GLOBAL, NEED_TWO(PRIVILEGE_GROUP_NAME, PRIVILEGES) },
    { "quotacenter/describe", rest_later, NULL, "GetMetrics", GLOBAL, { 0 } },
    { "resource_groups/alter", rest_resources_alter, "UpdateResourceGroups", "UpdateResourceGroups",
      GLOBAL, { 0 } },
    { "resource_groups/create", rest_resources_create, "CreateResourceGroup", "CreateResourceGroup",
      GLOBAL, { 0 } },
    { "resource_groups/describe", rest_resources_describe, "DescribeResourceGroup",
      "DescribeResourceGroup", GLOBAL, { 0 } },
    { "resource_groups/drop", rest_plain, "DropResourceGroup", "DropResourceGroup", GLOBAL, { 0 } },
    { "resource_groups/list", rest_resources_list, "ListResourceGroups", "ListResourceGroups",
      GLOBAL, { 0 } },
    { "resource_groups/transfer_replica", rest_resources_transfer, "TransferReplica",
      "TransferReplica", GLOBAL, { NEED(COLLECTION_NAME) } },
    { "roles/create", rest_roles_create, "CreateRole", "CreateOwnership", GLOBAL,
      { NEED(ROLE_NAME) } },
    { "roles/describe", rest_roles_describe, "SelectGrant", "SelectOwnership", GLOBAL,
      { NEED(ROLE_NAME) } },
    { "roles/drop", rest_plain, "DropRole", "DropOwnership", GLOBAL, { NEED(ROLE_NAME) } },
    { "roles/grant_privilege", rest_roles_grant, "OperatePrivilege", "ManageOwnership", GLOBAL,
      { NEED(ROLE_NAME), NEED(OBJECT_TYPE), NEED(OBJECT_NAME), NEED(PRIVILEGE) } },
    { "roles/grant_privilege_v2", rest_roles_grant_v2, "OperatePrivilegeV2", "ManageOwnership",
      GLOBAL, { NEED(ROLE_NAME), NEED(PRIVILEGE), NEED(COLLECTION_NAME) } },
    { "roles/list", rest_roles_list, "SelectRole", "SelectOwnership", GLOBAL, { 0 } },
    { "roles/revoke_privilege", rest_roles_revoke, "OperatePrivilege", "ManageOwnership", GLOBAL,
      { NEED(ROLE_NAME), NEED(OBJECT_TYPE), NEED(OBJECT_NAME), NEED(PRIVILEGE) } },
    { "roles/revoke_privilege_v2", rest_roles_revoke_v2, "OperatePrivilegeV2", "ManageOwnership",
      GLOBAL, { NEED(ROLE_NAME), NEED(PRIVILEGE), NEED(COLLECTION_NAME) } },
    { "segments/describe", rest_segments_describe, "GetPersistentSegmentInfo", "GetStatistics",
      COLLECTION, NEED_COLLECTION },
    { "users/create", rest_users_create, "CreateCredential", "CreateOwnership", GLOBAL,
      NEED_TWO(USER_NAME, PASSWORD) },
    { "users/describe", rest_users_describe, "SelectUser", "SelectUser", USER,
      { NEED(USER_NAME) } },
    { "users/drop", rest_plain, "DeleteCredential", "DropOwnership", GLOBAL, { NEED(USER_NAME) } },
    { "users/grant_role", rest_users_grant, "OperateUserRole", "ManageOwnership", GLOBAL,
      NEED_TWO(USER_NAME, ROLE_NAME) },
    { "users/list", rest_users_list, "ListCredUsers", "SelectOwnership", GLOBAL, { 0 } },
    { "users/revoke_role", rest_users_revoke, "OperateUserRole", "ManageOwnership", GLOBAL,
      NEED_TWO(USER_NAME, ROLE_NAME) },
    { "users/update_password", rest_users_password, "UpdateCredential", "UpdateUser", USER,
      { NEED(USER_NAME), NEED(PASSWORD), NEED(NEW_PASSWORD) } },
};
/* clang-format on */
#define ROUTE_COUNT (sizeof routes / sizeof routes[0])

static int compare_path(const void *key, const void *element)
{
    const struct kith_str *path = key;
    const char *name = ((const struct rest_route *)element)->path;
    const size_t len = strlen(name), shorter = path->len < len ? path->len : len;
    const int order = memcmp(path->data, name, shorter);
    if (order) return order;
    return path->len < len ? -1 : path->len > len;
}

const struct rest_route *rest_route_find(struct kith_str path)
{
    const size_t base = sizeof REST_BASE - 1;
    if (path.len < base || memcmp(path.data, REST_BASE, base) != 0) return NULL;
    const struct kith_str rest = { path.data + base, path.len - base };
    return bsearch(&rest, routes, ROUTE_COUNT, sizeof routes[0], compare_path);
}

const struct rest_route *rest_route_at(size_t i) { return i < ROUTE_COUNT ? &routes[i] : NULL; }
