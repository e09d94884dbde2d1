/*
 * The table of an aggregation: rows of texts, by named columns. Rows and texts live in the table's
 * arena; names are borrowed. Grouping is in search_group.c, what a group is reduced to in
 * search_reduce.c, APPLY and FILTER in search_apply.c. Every step ends with KITH_ETIMEDOUT when the
 * query's deadline is over.
 */
#ifndef KITH_REDIS_SEARCH_TABLE_H
#define KITH_REDIS_SEARCH_TABLE_H

#include "redis/search_query.h"

#define SEARCH_COLUMNS_MAX 64u

struct search_cell {
    struct kith_str text;        /* data NULL: no value */
    const struct kith_str *list; /* NULL: it is a text */
    size_t list_count;
    bool number; /* the text is that of a number, not only one that can be read as one */
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
    REDUCE_COUNT, REDUCE_DISTINCT, REDUCE_DISTINCTISH, REDUCE_SUM, REDUCE_MIN, REDUCE_MAX,
    REDUCE_AVG, REDUCE_STDDEV, REDUCE_QUANTILE, REDUCE_LIST, REDUCE_FIRST, REDUCE_SAMPLE,
    REDUCE_KINDS
};
struct search_reducer {
    enum search_reduction kind;
    struct kith_str name;
    size_t column;
    double quantile;
    size_t sample;         /* at most so many; SAMPLE */
    bool ordered, down;    /* FIRST: of the row that comes first by the column `by` */
    size_t by;
};
struct search_group {
    size_t first, last; /* rows, linked by `next`; SIZE_MAX ends */
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
/* What a group is reduced to. */
KITH_NODISCARD int search_table_reduce(struct search_table *table, const struct search_group *group,
                                       const size_t *next, const struct search_reducer *reducer,
                                       struct search_cell *cell);
KITH_NODISCARD int search_table_sort(struct search_table *table, const size_t *columns,
                                     const bool *down, size_t count);
int search_compare_cells(const struct search_cell *a, const struct search_cell *b, bool down);

/* The value of the expression as the column `name` of every row; the rows for which it is true.
 * KITH_EINVAL: answered. */
KITH_NODISCARD int search_table_apply(struct search_table *table, struct redis_call *call,
                                      struct kith_str text, struct kith_str name);
KITH_NODISCARD int search_table_filter(struct search_table *table, struct redis_call *call,
                                       struct kith_str text);

/* ---- shared by the files of the table ---- */

struct search_row *search_row_new(struct search_table *table, const struct search_hit *hit);
KITH_NODISCARD int search_cell_put_number(struct search_table *table, double number,
                                          struct search_cell *cell);
KITH_NODISCARD int search_copy_text(struct search_table *table, struct kith_str text,
                                    struct kith_str *out);
/* The column of this name, or a new one without values. KITH_ELIMIT. */
KITH_NODISCARD int search_table_make_column(struct search_table *table, struct kith_str name,
                                            size_t *column);

#endif
