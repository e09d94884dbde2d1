/*
 * Between the files of aggregates: what is asked (aggregate_plan.c), walked (query_aggregate.c) and
 * shown (aggregate_page.c).
 */
#ifndef KITH_MILVUS_QUERY_AGGREGATE_H
#define KITH_MILVUS_QUERY_AGGREGATE_H

#include "base/buffer.h"
#include "base/map.h"
#include "milvus/query_internal.h"

#define AGGREGATE_ITEMS_MAX 128
#define AGGREGATE_BYTES_MAX (256 << 20) /* of groups and their texts, about */

enum aggregate_op {
    AGGREGATE_VALUE, /* of the field, the same in the whole group */
    AGGREGATE_COUNT,
    AGGREGATE_SUM,
    AGGREGATE_MIN,
    AGGREGATE_MAX,
    AGGREGATE_AVG
};
struct aggregate {
    const char *name; /* as the client wrote it */
    enum aggregate_op op;
    const MilvusField *field; /* NULL: count(*) */
    enum kith_type type;      /* of the result */
    bool grouping;            /* makes the groups */
};
struct aggregate_plan {
    struct aggregate items[AGGREGATE_ITEMS_MAX]; /* shown first, in their order; then the others */
    size_t count, shown;
    bool grouped;
    const char *fields[AGGREGATE_ITEMS_MAX]; /* for the engine */
    size_t field_count;
    size_t terms[ORDER_TERMS_MAX]; /* the item of each term of the order */
};

/* Reads output, group_by and order of the query. aggregate_plan.c */
MilvusStatus *aggregate_plan_make(struct querying *q, struct aggregate_plan *plan);
/* Sorts groups, cuts the window, and makes the reply's columns; `values` holds plan->count values a
 * group. aggregate_page.c */
MilvusStatus *aggregate_page(struct querying *q, const struct aggregate_plan *plan,
                             const struct cell_value *values, size_t groups);

#endif
