/* See search_table.h: what a group is reduced to. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "redis/search_expr.h"
#include "redis/search_table.h"

/* ---- distinct values ---- */

struct distinct {
    struct map seen;
    struct kith_str *list; /* where they go; NULL: they are counted */
    size_t count, most;
    int rc;
};

static void see(struct distinct *distinct, struct kith_str text)
{
    static const char none[1] = "";
    if (!text.data || distinct->rc || distinct->count == distinct->most) return;
    if (text.len == 0) text.data = none;
    if (map_get(&distinct->seen, text.data, text.len, NULL)) return;
    distinct->rc = map_put(&distinct->seen, text.data, text.len, 1);
    if (distinct->list) distinct->list[distinct->count] = text;
    distinct->count++;
}

static size_t count_values(const struct search_table *table, const struct search_group *group,
                           const size_t *next, size_t column)
{
    size_t count = 0;
    for (size_t i = group->first; i != SIZE_MAX; i = next[i]) {
        const struct search_cell *cell = &table->rows[i]->cells[column];
        count += cell->list ? cell->list_count : 1;
    }
    return count;
}

static int reduce_distinct(struct search_table *table, const struct search_group *group,
                           const size_t *next, const struct search_reducer *reducer,
                           struct search_cell *cell)
{
    struct distinct distinct = {.most = SIZE_MAX};
    const bool list = reducer->kind == REDUCE_LIST || reducer->kind == REDUCE_SAMPLE;
    if (list) {
        distinct.most = count_values(table, group, next, reducer->column);
        if (reducer->kind == REDUCE_SAMPLE && reducer->sample < distinct.most)
            distinct.most = reducer->sample;
        distinct.list = arena_alloc_array(&table->arena, distinct.most + 1, sizeof *distinct.list);
        if (!distinct.list) return KITH_ENOMEM;
    }
    map_init(&distinct.seen);
    for (size_t i = group->first; i != SIZE_MAX; i = next[i]) {
        const struct search_cell *from = &table->rows[i]->cells[reducer->column];
        if (!from->list) see(&distinct, from->text);
        for (size_t j = 0; from->list && j < from->list_count; j++) see(&distinct, from->list[j]);
    }
    map_release(&distinct.seen);
    if (distinct.rc) return distinct.rc;
    if (!list) return search_cell_put_number(table, (double)distinct.count, cell);
    *cell = (struct search_cell){.list = distinct.list, .list_count = distinct.count};
    return 0;
}

/* ---- numbers ---- */

struct moments {
    double sum, least, most, mean, squares; /* Welford's: squares of what is off the mean */
    size_t count;
};

static struct moments moments_of(const struct search_table *table,
                                 const struct search_group *group, const size_t *next,
                                 size_t column)
{
    struct moments all = {.least = (double)INFINITY, .most = -(double)INFINITY};
    double number;
    for (size_t i = group->first; i != SIZE_MAX; i = next[i]) {
        const struct kith_str text = table->rows[i]->cells[column].text;
        if (!text.data || !text_double(text, &number)) continue;
        const double off = number - all.mean;
        all.count++;
        all.sum += number;
        all.mean += off / (double)all.count;
        all.squares += off * (number - all.mean);
        if (number < all.least) all.least = number;
        if (number > all.most) all.most = number;
    }
    return all;
}

static int compare_numbers(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* The value at the rank nearest to quantile * count. */
static int reduce_quantile(struct search_table *table, const struct search_group *group,
                           const size_t *next, const struct search_reducer *reducer,
                           struct search_cell *cell)
{
    size_t count = count_values(table, group, next, reducer->column), made = 0;
    double *numbers = mem_alloc_array(count + 1, sizeof *numbers);
    if (!numbers) return KITH_ENOMEM;
    for (size_t i = group->first; i != SIZE_MAX; i = next[i]) {
        const struct kith_str text = table->rows[i]->cells[reducer->column].text;
        if (text.data && text_double(text, &numbers[made])) made++;
    }
    qsort(numbers, made, sizeof *numbers, compare_numbers);
    const size_t rank = (size_t)ceil(reducer->quantile * (double)made);
    const size_t at = rank == 0 ? 0 : rank - 1;
    const int rc = made ? search_cell_put_number(table, numbers[at], cell) : 0;
    mem_free(numbers);
    return rc;
}

static int reduce_numbers(struct search_table *table, const struct search_group *group,
                          const size_t *next, const struct search_reducer *reducer,
                          struct search_cell *cell)
{
    const struct moments all = moments_of(table, group, next, reducer->column);
    const double count = (double)all.count;
    double number = all.sum;
    if (reducer->kind == REDUCE_MIN) number = all.least;
    else if (reducer->kind == REDUCE_MAX) number = all.most;
    else if (reducer->kind == REDUCE_AVG) number = all.count ? all.sum / count : 0;
    else if (reducer->kind == REDUCE_STDDEV)
        number = all.count > 1 ? sqrt(all.squares / (count - 1)) : 0;
    return search_cell_put_number(table, number, cell);
}

/* ---- one row of the group ---- */

static size_t first_row(const struct search_table *table, const struct search_group *group,
                        const size_t *next, const struct search_reducer *reducer)
{
    size_t best = group->first;
    for (size_t i = next[best]; reducer->ordered && i != SIZE_MAX; i = next[i])
        if (search_compare_cells(&table->rows[i]->cells[reducer->by],
                                 &table->rows[best]->cells[reducer->by], reducer->down) < 0)
            best = i;
    return best;
}

int search_table_reduce(struct search_table *table, const struct search_group *group,
                        const size_t *next, const struct search_reducer *reducer,
                        struct search_cell *cell)
{
    size_t count = 0;
    switch (reducer->kind) {
    case REDUCE_COUNT:
        for (size_t i = group->first; i != SIZE_MAX; i = next[i]) count++;
        return search_cell_put_number(table, (double)count, cell);
    case REDUCE_FIRST:
        *cell = table->rows[first_row(table, group, next, reducer)]->cells[reducer->column];
        return 0;
    case REDUCE_DISTINCT:
    case REDUCE_DISTINCTISH:
    case REDUCE_LIST:
    case REDUCE_SAMPLE: return reduce_distinct(table, group, next, reducer, cell);
    case REDUCE_QUANTILE: return reduce_quantile(table, group, next, reducer, cell);
    default: return reduce_numbers(table, group, next, reducer, cell);
    }
}

int search_cell_put_number(struct search_table *table, double number, struct search_cell *cell)
{
    char text[32];
    *cell = (struct search_cell){.number = true};
    return search_copy_text(table, expr_number_text(number, text), &cell->text);
}
