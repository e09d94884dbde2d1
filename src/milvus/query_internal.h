/*
 * Between the files of queries: rows and aggregates.
 */
#ifndef KITH_MILVUS_QUERY_INTERNAL_H
#define KITH_MILVUS_QUERY_INTERNAL_H

#include "milvus/order_by.h"

struct querying { /* one query on its way */
    struct milvus_call *call;
    const struct milvus_collection *collection;
    const struct milvus_query *query; /* partitions: those that are loaded */
    struct milvus_query_outcome *out;
    struct milvus_order order; /* count 0: by key */
    bool grouped;
    struct kith_error err;
};

/* query_run.c */
struct kith_query_opts query_opts_of(const struct milvus_query *query);
MilvusStatus *query_engine_error(struct querying *q, int rc);
/* [offset, offset + limit) of what is there */
void query_window(const struct milvus_query *query, size_t count, size_t *from, size_t *to);

/* query_aggregate.c: count(f), sum(f), min(f), max(f), avg(f), alone or by groups. */
bool query_is_aggregate(const struct milvus_query *query);
MilvusStatus *query_aggregate(struct querying *q);

#endif
