/*
 * The table of an aggregation: rows of texts, by named columns. Rows and texts live in the table's
 * arena; names are borrowed.
 */
#ifndef KITH_REDIS_SEARCH_TABLE_H
#define KITH_REDIS_SEARCH_TABLE_H

#include "redis/search_query.h"

#define SEARCH_COLUMNS_MAX 64u

struct search_cell {
    struct kith_str text;        /* data NULL: no value */
    const struct kith_str *list; /* TOLIST; NULL: it is a text */
    size_t list_count;
};
struct search_row {
    const struct search_hit *hit; /* NULL: a group */
    struct search_cell cells[];
};
struct search_table {
    struct arena arena;
    const struct search_query *query; /* borrows */
    struct kith_str names[SEARCH_COLUMNS_MAX];
    size_t columns, columns_max;
    struct search_row **rows;
    size_t count;
};

enum search_reduction {
    REDUCE_COUNT, REDUCE_DISTINCT, REDUCE_SUM, REDUCE_MIN, REDUCE_MAX, REDUCE_AVG, REDUCE_LIST,
    REDUCE_FIRST
};
struct search_reducer {
    enum search_reduction kind;
    struct kith_str name;
    size_t column;
};

/* KITH_ENOMEM; KITH_ELIMIT: too many columns. Release in every case. */
KITH_NODISCARD int search_table_init(struct search_table *table, const struct search_query *query,
                                     const struct search_hits *hits, size_t columns_max);
void search_table_release(struct search_table *table); /* accepts a zeroed struct */
/* The column of this name, loaded from the documents when it is new. */
KITH_NODISCARD int search_table_column(struct search_table *table, struct redis_call *call,
                                       struct kith_str name, size_t *column);
KITH_NODISCARD int search_table_load_all(struct search_table *table, struct redis_call *call);
KITH_NODISCARD int search_table_group(struct search_table *table, const size_t *keys,
                                      size_t key_count, const struct search_reducer *reducers,
                                      size_t reducer_count);
void search_table_sort(struct search_table *table, const size_t *columns, const bool *down,
                       size_t count);

#endif
