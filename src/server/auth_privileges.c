/*
 * Privileges by name, what kind of object each is about, and the built-in groups.
 *
 * A group of a level contains the one before it: ReadOnly, ReadWrite, Admin. So a privilege is
 * listed once, with the first group that has it.
 */
#include <string.h>

#include "server/auth_internal.h"

enum level { LEVEL_NONE, COLLECTION_RO, COLLECTION_RW, COLLECTION_ADMIN, DATABASE_RO, DATABASE_RW,
             DATABASE_ADMIN, CLUSTER_RO, CLUSTER_RW, CLUSTER_ADMIN };

static const struct {
    const char *name;
    enum auth_object object;
    enum level level;
} privileges[] = {
    { "Query", AUTH_COLLECTION, COLLECTION_RO },
    { "Search", AUTH_COLLECTION, COLLECTION_RO },
    { "IndexDetail", AUTH_COLLECTION, COLLECTION_RO },
    { "GetFlushState", AUTH_COLLECTION, COLLECTION_RO },
    { "GetLoadState", AUTH_COLLECTION, COLLECTION_RO },
    { "GetLoadingProgress", AUTH_COLLECTION, COLLECTION_RO },
    { "HasPartition", AUTH_COLLECTION, COLLECTION_RO },
    { "ShowPartitions", AUTH_COLLECTION, COLLECTION_RO },
    { "GetStatistics", AUTH_COLLECTION, COLLECTION_RO },
    { "DescribeCollection", AUTH_GLOBAL, COLLECTION_RO },
    { "DescribeAlias", AUTH_GLOBAL, COLLECTION_RO },
    { "ListAliases", AUTH_GLOBAL, COLLECTION_RO },
    { "GetImportProgress", AUTH_COLLECTION, COLLECTION_RO },
    { "ListImport", AUTH_COLLECTION, COLLECTION_RO },
    { "Load", AUTH_COLLECTION, COLLECTION_RW },
    { "Release", AUTH_COLLECTION, COLLECTION_RW },
    { "Insert", AUTH_COLLECTION, COLLECTION_RW },
    { "Delete", AUTH_COLLECTION, COLLECTION_RW },
    { "Upsert", AUTH_COLLECTION, COLLECTION_RW },
    { "Import", AUTH_COLLECTION, COLLECTION_RW },
    { "Flush", AUTH_COLLECTION, COLLECTION_RW },
    { "Compaction", AUTH_COLLECTION, COLLECTION_RW },
    { "LoadBalance", AUTH_COLLECTION, COLLECTION_RW },
    { "CreateIndex", AUTH_COLLECTION, COLLECTION_RW },
    { "DropIndex", AUTH_COLLECTION, COLLECTION_RW },
    { "CreatePartition", AUTH_COLLECTION, COLLECTION_RW },
    { "DropPartition", AUTH_COLLECTION, COLLECTION_RW },
    { "AddCollectionField", AUTH_GLOBAL, COLLECTION_RW },
    { "AddCollectionFunction", AUTH_GLOBAL, COLLECTION_RW },
    { "AlterCollectionFunction", AUTH_GLOBAL, COLLECTION_RW },
    { "DropCollectionFunction", AUTH_GLOBAL, COLLECTION_RW },
    { "TruncateCollection", AUTH_GLOBAL, COLLECTION_RW },
    { "AlterCollection", AUTH_GLOBAL, COLLECTION_RW },
    { "AlterCollectionField", AUTH_GLOBAL, COLLECTION_RW },
    { "CreateAlias", AUTH_GLOBAL, COLLECTION_ADMIN },
    { "DropAlias", AUTH_GLOBAL, COLLECTION_ADMIN },
    { "ShowCollections", AUTH_GLOBAL, DATABASE_RO },
    { "DescribeDatabase", AUTH_GLOBAL, DATABASE_RO },
    { "AlterDatabase", AUTH_GLOBAL, DATABASE_RW },
    { "CreateCollection", AUTH_GLOBAL, DATABASE_ADMIN },
    { "DropCollection", AUTH_GLOBAL, DATABASE_ADMIN },
    { "ListDatabases", AUTH_GLOBAL, CLUSTER_RO },
    { "SelectOwnership", AUTH_GLOBAL, CLUSTER_RO },
    { "SelectUser", AUTH_USER, CLUSTER_RO },
    { "DescribeResourceGroup", AUTH_GLOBAL, CLUSTER_RO },
    { "ListResourceGroups", AUTH_GLOBAL, CLUSTER_RO },
    { "ListPrivilegeGroups", AUTH_GLOBAL, CLUSTER_RO },
    { "FlushAll", AUTH_GLOBAL, CLUSTER_RW },
    { "TransferNode", AUTH_GLOBAL, CLUSTER_RW },
    { "TransferReplica", AUTH_GLOBAL, CLUSTER_RW },
    { "UpdateResourceGroups", AUTH_GLOBAL, CLUSTER_RW },
    { "BackupRBAC", AUTH_GLOBAL, CLUSTER_ADMIN },
    { "RestoreRBAC", AUTH_GLOBAL, CLUSTER_ADMIN },
    { "CreateDatabase", AUTH_GLOBAL, CLUSTER_ADMIN },
    { "DropDatabase", AUTH_GLOBAL, CLUSTER_ADMIN },
    { "CreateOwnership", AUTH_GLOBAL, CLUSTER_ADMIN },
    { "DropOwnership", AUTH_GLOBAL, CLUSTER_ADMIN },
    { "ManageOwnership", AUTH_GLOBAL, CLUSTER_ADMIN },
    { "UpdateUser", AUTH_USER, CLUSTER_ADMIN },
    { "CreateResourceGroup", AUTH_GLOBAL, CLUSTER_ADMIN },
    { "DropResourceGroup", AUTH_GLOBAL, CLUSTER_ADMIN },
    { "RenameCollection", AUTH_GLOBAL, CLUSTER_ADMIN },
    { "CreatePrivilegeGroup", AUTH_GLOBAL, CLUSTER_ADMIN },
    { "DropPrivilegeGroup", AUTH_GLOBAL, CLUSTER_ADMIN },
    { "OperatePrivilegeGroup", AUTH_GLOBAL, CLUSTER_ADMIN },
    { "All", AUTH_GLOBAL, LEVEL_NONE },
};
#define PRIVILEGE_COUNT (sizeof privileges / sizeof privileges[0])

static const struct {
    const char *name;
    enum level first, last;
} groups[] = {
    { "CollectionReadOnly", COLLECTION_RO, COLLECTION_RO },
    { "CollectionReadWrite", COLLECTION_RO, COLLECTION_RW },
    { "CollectionAdmin", COLLECTION_RO, COLLECTION_ADMIN },
    { "DatabaseReadOnly", DATABASE_RO, DATABASE_RO },
    { "DatabaseReadWrite", DATABASE_RO, DATABASE_RW },
    { "DatabaseAdmin", DATABASE_RO, DATABASE_ADMIN },
    { "ClusterReadOnly", CLUSTER_RO, CLUSTER_RO },
    { "ClusterReadWrite", CLUSTER_RO, CLUSTER_RW },
    { "ClusterAdmin", CLUSTER_RO, CLUSTER_ADMIN },
};
#define GROUP_COUNT (sizeof groups / sizeof groups[0])

static size_t privilege_find(const char *name)
{
    size_t at = 0;
    while (at < PRIVILEGE_COUNT && strcmp(privileges[at].name, name) != 0) at++;
    return at;
}

static size_t group_find(const char *name)
{
    size_t at = 0;
    while (at < GROUP_COUNT && strcmp(groups[at].name, name) != 0) at++;
    return at;
}

int auth_privilege_object(const char *privilege)
{
    const size_t at = privilege_find(privilege);
    if (at < PRIVILEGE_COUNT) return (int)privileges[at].object;
    const size_t group = group_find(privilege);
    if (group == GROUP_COUNT) return -1;
    return groups[group].first == COLLECTION_RO ? AUTH_COLLECTION : AUTH_GLOBAL;
}

bool auth_group_next(const char *group, size_t *it, const char **privilege)
{
    const size_t at = group_find(group);
    for (; at < GROUP_COUNT && *it < PRIVILEGE_COUNT; (*it)++) {
        if (privileges[*it].level < groups[at].first || privileges[*it].level > groups[at].last)
            continue;
        *privilege = privileges[(*it)++].name;
        return true;
    }
    return false;
}

bool auth_group_builtin(const char *group) { return group_find(group) < GROUP_COUNT; }

static bool builtin_covers(const char *group, const char *privilege)
{
    const size_t at = group_find(group), wanted = privilege_find(privilege);
    return at < GROUP_COUNT && wanted < PRIVILEGE_COUNT &&
           privileges[wanted].level >= groups[at].first &&
           privileges[wanted].level <= groups[at].last;
}

/* A group of a user's own may contain privileges and built-in groups. */
bool auth_group_covers(const struct auth_data *data, const char *group, const char *privilege)
{
    if (builtin_covers(group, privilege)) return true;
    const struct auth_entry *entry = auth_find(data, AUTH_KIND_GROUP, group);
    for (size_t i = 0; entry && i < entry->name_count; i++)
        if (strcmp(entry->names[i], privilege) == 0 || builtin_covers(entry->names[i], privilege))
            return true;
    return false;
}
