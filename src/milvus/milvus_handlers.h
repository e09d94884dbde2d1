/*
 * The handlers of everything but rows: each fills an initialised reply from a request, whose types
 * the table in milvus_rpc.c names, and reports through the reply's status. (Rows: milvus_data.h.)
 */
#ifndef KITH_MILVUS_MILVUS_HANDLERS_H
#define KITH_MILVUS_MILVUS_HANDLERS_H

struct milvus_call;

#define MILVUS_HANDLER(rpc) \
    void handle_##rpc(struct milvus_call *call, const void *request, void *reply)

/* handle_connect.c */
MILVUS_HANDLER(AllocTimestamp);
MILVUS_HANDLER(CheckHealth);
MILVUS_HANDLER(Connect);
MILVUS_HANDLER(GetComponentStates);
MILVUS_HANDLER(GetMetrics);
MILVUS_HANDLER(GetVersion);

/* handle_collection.c */
MILVUS_HANDLER(CreateCollection);
MILVUS_HANDLER(DropCollection);
MILVUS_HANDLER(HasCollection);

/* handle_describe.c */
MILVUS_HANDLER(BatchDescribeCollection);
MILVUS_HANDLER(DescribeCollection);
MILVUS_HANDLER(GetCollectionStatistics);
MILVUS_HANDLER(ShowCollections);

/* handle_load.c */
MILVUS_HANDLER(GetLoadState);
MILVUS_HANDLER(GetLoadingProgress);
MILVUS_HANDLER(LoadCollection);
MILVUS_HANDLER(LoadPartitions);
MILVUS_HANDLER(ReleaseCollection);
MILVUS_HANDLER(ReleasePartitions);

/* handle_index.c, handle_index_show.c */
MILVUS_HANDLER(AlterIndex);
MILVUS_HANDLER(CreateIndex);
MILVUS_HANDLER(DescribeIndex);
MILVUS_HANDLER(DropIndex);
MILVUS_HANDLER(GetIndexBuildProgress);
MILVUS_HANDLER(GetIndexState);
MILVUS_HANDLER(GetIndexStatistics);

/* handle_partition.c */
MILVUS_HANDLER(CreatePartition);
MILVUS_HANDLER(DropPartition);
MILVUS_HANDLER(GetPartitionStatistics);
MILVUS_HANDLER(HasPartition);
MILVUS_HANDLER(ShowPartitions);

/* handle_alias.c */
MILVUS_HANDLER(AlterAlias);
MILVUS_HANDLER(CreateAlias);
MILVUS_HANDLER(DescribeAlias);
MILVUS_HANDLER(DropAlias);
MILVUS_HANDLER(ListAliases);

/* handle_database.c */
MILVUS_HANDLER(AlterDatabase);
MILVUS_HANDLER(CreateDatabase);
MILVUS_HANDLER(DescribeDatabase);
MILVUS_HANDLER(DropDatabase);
MILVUS_HANDLER(ListDatabases);

/* handle_alter.c */
MILVUS_HANDLER(AlterCollection);
MILVUS_HANDLER(AlterCollectionField);
MILVUS_HANDLER(RenameCollection);
MILVUS_HANDLER(TruncateCollection);

/* handle_field.c */
MILVUS_HANDLER(AddCollectionField);
MILVUS_HANDLER(AddCollectionFunction);
MILVUS_HANDLER(AlterCollectionFunction);
MILVUS_HANDLER(AlterCollectionSchema);
MILVUS_HANDLER(DropCollectionFunction);

/* handle_upkeep.c */
MILVUS_HANDLER(Flush);
MILVUS_HANDLER(FlushAll);
MILVUS_HANDLER(GetCompactionState);
MILVUS_HANDLER(GetCompactionStateWithPlans);
MILVUS_HANDLER(GetFlushAllState);
MILVUS_HANDLER(GetFlushState);
MILVUS_HANDLER(GetPersistentSegmentInfo);
MILVUS_HANDLER(GetQuerySegmentInfo);
MILVUS_HANDLER(GetReplicas);
MILVUS_HANDLER(LoadBalance);
MILVUS_HANDLER(ManualCompaction);

/* handle_import.c */
MILVUS_HANDLER(GetImportState);
MILVUS_HANDLER(Import);
MILVUS_HANDLER(ListImportTasks);

/* handle_analyzer.c */
MILVUS_HANDLER(RunAnalyzer);

/* handle_user.c */
MILVUS_HANDLER(AlterRole);
MILVUS_HANDLER(CreateCredential);
MILVUS_HANDLER(CreateRole);
MILVUS_HANDLER(DeleteCredential);
MILVUS_HANDLER(DropRole);
MILVUS_HANDLER(ListCredUsers);
MILVUS_HANDLER(OperateUserRole);
MILVUS_HANDLER(SelectRole);
MILVUS_HANDLER(SelectUser);
MILVUS_HANDLER(UpdateCredential);

/* handle_grant.c */
MILVUS_HANDLER(CreatePrivilegeGroup);
MILVUS_HANDLER(DropPrivilegeGroup);
MILVUS_HANDLER(ListPrivilegeGroups);
MILVUS_HANDLER(OperatePrivilege);
MILVUS_HANDLER(OperatePrivilegeGroup);
MILVUS_HANDLER(OperatePrivilegeV2);
MILVUS_HANDLER(SelectGrant);

/* handle_rbac.c */
MILVUS_HANDLER(BackupRBAC);
MILVUS_HANDLER(RestoreRBAC);

/* handle_resource_group.c */
MILVUS_HANDLER(CreateResourceGroup);
MILVUS_HANDLER(DescribeResourceGroup);
MILVUS_HANDLER(DropResourceGroup);
MILVUS_HANDLER(ListResourceGroups);
MILVUS_HANDLER(TransferNode);
MILVUS_HANDLER(TransferReplica);
MILVUS_HANDLER(UpdateResourceGroups);

#endif
