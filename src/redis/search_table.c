/* See search_table.h. */
#include "redis/search_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "redis/cmd_search.h"

static struct search_row *new_row(struct search_table *table, const struct search_hit *hit)
{
    const size_t bytes =
        sizeof(struct search_row) + table->columns_max * sizeof(struct search_cell);
    struct search_row *row = arena_alloc_array(&table->arena, (bytes + 15) / 16, 16);
    if (!row) return NULL;
    memset(row, 0, bytes);
    row->hit = hit;
    return row;
}

int search_table_init(struct search_table *table, const struct search_query *query,
                      const struct search_hits *hits, size_t columns_max)
{
    *table = (struct search_table){.query = query};
    table->columns_max = columns_max < SEARCH_COLUMNS_MAX ? columns_max : SEARCH_COLUMNS_MAX;
    arena_init(&table->arena);
    table->rows = mem_alloc_array(hits->count + 1, sizeof *table->rows);
    if (!table->rows) return KITH_ENOMEM;
    for (; table->count < hits->count; table->count++) {
        table->rows[table->count] = new_row(table, &hits->items[table->count]);
        if (!table->rows[table->count]) return KITH_ENOMEM;
    }
    return 0;
}

void search_table_release(struct search_table *table)
{
    mem_free(table->rows);
    arena_release(&table->arena);
}

static int copy_text(struct search_table *table, struct kith_str text, struct kith_str *out)
{
    char *bytes = arena_alloc_array(&table->arena, text.len + 1, 1);
    if (!bytes) return KITH_ENOMEM;
    if (text.len) memcpy(bytes, text.data, text.len);
    *out = (struct kith_str){bytes, text.len};
    return 0;
}

static int find_column(struct search_table *table, struct kith_str name, size_t *column)
{
    for (*column = 0; *column < table->columns; ++*column)
        if (str_same(table->names[*column], name)) return 0;
    return KITH_ENOTFOUND;
}

int search_table_column(struct search_table *table, struct redis_call *call, struct kith_str name,
                        size_t *column)
{
    int rc = 0;
    if (find_column(table, name, column) == 0) return 0;
    if (table->columns == table->columns_max) return KITH_ELIMIT;
    *column = table->columns++;
    table->names[*column] = name;
    for (size_t i = 0; rc == 0 && i < table->count; i++) {
        struct search_row *row = table->rows[i];
        struct buffer text;
        if (!row->hit) continue;
        buffer_init(&text);
        if (search_value_text(call, table->query, row->hit, name, &text))
            rc = copy_text(table, (struct kith_str){(const char *)text.data, text.len},
                           &row->cells[*column].text);
        if (buffer_failed(&text)) rc = KITH_ENOMEM;
        buffer_release(&text);
    }
    return rc;
}

struct loading {
    struct search_table *table;
    struct search_row *row;
    int rc;
};

static void load_field(void *ctx, struct kith_str name, struct kith_str value)
{
    struct loading *loading = ctx;
    struct search_table *table = loading->table;
    size_t column;
    if (loading->rc) return;
    if (find_column(table, name, &column) != 0) {
        if (table->columns == table->columns_max) return;
        loading->rc = copy_text(table, name, &table->names[column]);
        table->columns += loading->rc == 0;
    }
    if (loading->rc == 0) loading->rc = copy_text(table, value, &loading->row->cells[column].text);
}

int search_table_load_all(struct search_table *table, struct redis_call *call)
{
    struct loading loading = {.table = table};
    for (size_t i = 0; loading.rc == 0 && i < table->count; i++) {
        loading.row = table->rows[i];
        if (!loading.row->hit) continue;
        const int rc = search_each_field(call, table->query->index, loading.row->hit, load_field,
                                         &loading);
        if (rc) loading.rc = rc;
    }
    return loading.rc;
}

/* ---- groups ---- */

struct group {
    size_t first, last; /* rows, linked by `next`; SIZE_MAX ends */
};

static int print_number(struct search_table *table, double number, struct search_cell *cell)
{
    struct buffer text;
    buffer_init(&text);
    buffer_printf(&text, "%.15g", number);
    int rc = buffer_failed(&text) ? KITH_ENOMEM : 0;
    if (rc == 0)
        rc = copy_text(table, (struct kith_str){(const char *)text.data, text.len}, &cell->text);
    buffer_release(&text);
    return rc;
}

/* Distinct values of the group's rows. list: where they go; nullable. */
static int distinct(struct search_table *table, const struct group *group, const size_t *next,
                    size_t column, struct kith_str *list, size_t *count)
{
    struct map seen;
    int rc = 0;
    map_init(&seen);
    *count = 0;
    for (size_t i = group->first; rc == 0 && i != SIZE_MAX; i = next[i]) {
        const struct kith_str text = table->rows[i]->cells[column].text;
        if (!text.data || map_get(&seen, text.data, text.len, NULL)) continue;
        rc = map_put(&seen, text.data, text.len, 1);
        if (list) list[*count] = text;
        ++*count;
    }
    map_release(&seen);
    return rc;
}

static int reduce_numbers(struct search_table *table, const struct group *group,
                          const size_t *next, const struct search_reducer *reducer,
                          struct search_cell *cell)
{
    double sum = 0, least = 0, most = 0, number;
    size_t count = 0;
    for (size_t i = group->first; i != SIZE_MAX; i = next[i]) {
        const struct kith_str text = table->rows[i]->cells[reducer->column].text;
        if (!text.data || !text_double(text, &number)) continue;
        sum += number;
        if (count == 0 || number < least) least = number;
        if (count == 0 || number > most) most = number;
        count++;
    }
    if (reducer->kind == REDUCE_MIN) return print_number(table, least, cell);
    if (reducer->kind == REDUCE_MAX) return print_number(table, most, cell);
    if (reducer->kind == REDUCE_AVG) sum = count ? sum / (double)count : 0;
    return print_number(table, sum, cell);
}

static int reduce(struct search_table *table, const struct group *group, const size_t *next,
                  const struct search_reducer *reducer, struct search_cell *cell)
{
    size_t count = 0;
    for (size_t i = group->first; i != SIZE_MAX; i = next[i]) count++;
    if (reducer->kind == REDUCE_COUNT) return print_number(table, (double)count, cell);
    if (reducer->kind == REDUCE_FIRST) {
        *cell = table->rows[group->first]->cells[reducer->column];
        return 0;
    }
    if (reducer->kind != REDUCE_DISTINCT && reducer->kind != REDUCE_LIST)
        return reduce_numbers(table, group, next, reducer, cell);
    struct kith_str *list = NULL;
    if (reducer->kind == REDUCE_LIST) {
        list = arena_alloc_array(&table->arena, count, sizeof *list);
        if (!list) return KITH_ENOMEM;
    }
    const int rc = distinct(table, group, next, reducer->column, list, &count);
    if (rc || !list) return rc ? rc : print_number(table, (double)count, cell);
    cell->list = list;
    cell->list_count = count;
    return 0;
}

/* Which rows belong together: by the texts of the key columns. */
static int collect_groups(struct search_table *table, const size_t *keys, size_t key_count,
                          struct group *groups, size_t *next, size_t *group_count)
{
    struct map places;
    struct buffer key;
    int rc = 0;
    map_init(&places);
    buffer_init(&key);
    *group_count = 0;
    for (size_t i = 0; rc == 0 && i < table->count; i++) {
        uintptr_t place = 0;
        buffer_clear(&key);
        buffer_put_u8(&key, 0);
        for (size_t j = 0; j < key_count; j++) {
            const struct kith_str text = table->rows[i]->cells[keys[j]].text;
            buffer_put_u8(&key, text.data != NULL);
            buffer_put_bytes(&key, text.data ? text.data : "", text.len);
        }
        next[i] = SIZE_MAX;
        if (buffer_failed(&key)) rc = KITH_ENOMEM;
        else if (map_get(&places, key.data, key.len, &place)) {
            next[groups[place].last] = i;
            groups[place].last = i;
        } else {
            rc = map_put(&places, key.data, key.len, *group_count);
            groups[(*group_count)++] = (struct group){i, i};
        }
    }
    map_release(&places);
    buffer_release(&key);
    return rc;
}

static int make_groups(struct search_table *table, const struct group *groups, size_t count,
                       const size_t *next, const size_t *keys, size_t key_count,
                       const struct search_reducer *reducers, size_t reducer_count,
                       struct search_row **rows)
{
    for (size_t g = 0; g < count; g++) {
        rows[g] = new_row(table, NULL);
        if (!rows[g]) return KITH_ENOMEM;
        for (size_t i = 0; i < key_count; i++)
            rows[g]->cells[i] = table->rows[groups[g].first]->cells[keys[i]];
        for (size_t i = 0; i < reducer_count; i++) {
            const int rc = reduce(table, &groups[g], next, &reducers[i],
                                  &rows[g]->cells[key_count + i]);
            if (rc) return rc;
        }
    }
    return 0;
}

int search_table_group(struct search_table *table, const size_t *keys, size_t key_count,
                       const struct search_reducer *reducers, size_t reducer_count)
{
    struct kith_str names[SEARCH_COLUMNS_MAX];
    if (key_count + reducer_count > table->columns_max) return KITH_ELIMIT;
    for (size_t i = 0; i < key_count; i++) names[i] = table->names[keys[i]];
    for (size_t i = 0; i < reducer_count; i++) names[key_count + i] = reducers[i].name;
    struct group *groups = mem_alloc_array(table->count + 1, sizeof *groups);
    size_t *next = mem_alloc_array(table->count + 1, sizeof *next), count = 0;
    struct search_row **rows = mem_alloc_array(table->count + 1, sizeof(struct search_row *));
    int rc = groups && next && rows ? 0 : KITH_ENOMEM;
    if (rc == 0) rc = collect_groups(table, keys, key_count, groups, next, &count);
    if (rc == 0)
        rc = make_groups(table, groups, count, next, keys, key_count, reducers, reducer_count,
                         rows);
    mem_free(groups);
    mem_free(next);
    mem_free(rc ? (void *)rows : (void *)table->rows);
    if (rc) return rc;
    table->rows = rows;
    table->count = count;
    table->columns = key_count + reducer_count;
    memcpy(table->names, names, table->columns * sizeof *names);
    return 0;
}

/* ---- order ---- */

static int compare_cells(const struct search_cell *a, const struct search_cell *b, bool down)
{
    double x, y;
    if (!a->text.data || !b->text.data) return (a->text.data == NULL) - (b->text.data == NULL);
    int order;
    if (text_double(a->text, &x) && text_double(b->text, &y)) {
        order = (x > y) - (x < y);
    } else {
        const size_t len = a->text.len < b->text.len ? a->text.len : b->text.len;
        order = len ? memcmp(a->text.data, b->text.data, len) : 0;
        if (!order) order = (a->text.len > b->text.len) - (a->text.len < b->text.len);
    }
    return down ? -order : order;
}

struct sort_order {
    const size_t *columns;
    const bool *down;
    size_t count;
};

static int compare_rows(const void *left, const void *right, void *ctx)
{
    const struct search_row *a = *(struct search_row *const *)left,
                            *b = *(struct search_row *const *)right;
    const struct sort_order *by = ctx;
    int order = 0;
    for (size_t i = 0; order == 0 && i < by->count; i++)
        order = compare_cells(&a->cells[by->columns[i]], &b->cells[by->columns[i]], by->down[i]);
    return order;
}

void search_table_sort(struct search_table *table, const size_t *columns, const bool *down,
                       size_t count)
{
    struct sort_order by = {columns, down, count};
    qsort_r(table->rows, table->count, sizeof *table->rows, compare_rows, &by);
}
