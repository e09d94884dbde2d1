/*
 * The handlers of everything but rows: each fills an initialised reply from a request, whose types
 * the table in milvus_rpc.c names, and reports through the reply's status. (Rows: milvus_data.h.)
 */
#ifndef KITH_MILVUS_MILVUS_HANDLERS_H
#define KITH_MILVUS_MILVUS_HANDLERS_H

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

#endif
