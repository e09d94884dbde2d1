/* See search_table.h. */
#include "redis/search_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "redis/cmd_search.h"
#include "redis/search_turn.h"

struct search_row *search_row_new(struct search_table *table, const struct search_hit *hit)
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
        table->rows[table->count] = search_row_new(table, &hits->items[table->count]);
        if (!table->rows[table->count]) return KITH_ENOMEM;
    }
    return 0;
}

void search_table_release(struct search_table *table)
{
    mem_free(table->rows);
    arena_release(&table->arena);
}

int search_copy_text(struct search_table *table, struct kith_str text, struct kith_str *out)
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

int search_table_make_column(struct search_table *table, struct kith_str name, size_t *column)
{
    if (find_column(table, name, column) == 0) return 0;
    if (table->columns == table->columns_max) return KITH_ELIMIT;
    *column = table->columns++;
    table->names[*column] = name;
    return 0;
}

/* Is what a document holds under this name a number, whatever it looks like? */
static bool is_number(const struct search_table *table, struct kith_str name)
{
    const struct search_field *field = search_field_of(table->query->index, name);
    return search_distance_of(table->query, name) != SIZE_MAX ||
           (field && field->type == SEARCH_NUMERIC);
}

int search_table_column(struct search_table *table, struct redis_call *call, struct kith_str name,
                        size_t *column)
{
    if (find_column(table, name, column) == 0) return 0;
    int rc = search_table_make_column(table, name, column);
    const bool number = is_number(table, name);
    for (size_t i = 0; rc == 0 && i < table->count; i++) {
        struct search_row *row = table->rows[i];
        struct buffer text;
        search_breathe(table->query->index);
        if (search_query_is_late(table->query, i)) return KITH_ETIMEDOUT;
        if (!row->hit) continue;
        buffer_init(&text);
        if (search_value_text(call, table->query, row->hit, name, &text))
            rc = search_copy_text(table, (struct kith_str){(const char *)text.data, text.len},
                           &row->cells[*column].text);
        row->cells[*column].number = number;
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
        if (table->columns == table->columns_max) {
            loading->rc = KITH_ELIMIT;
            return;
        }
        loading->rc = search_copy_text(table, name, &table->names[column]);
        table->columns += loading->rc == 0;
    }
    struct search_cell *cell = &loading->row->cells[column];
    cell->number = is_number(table, name);
    if (loading->rc == 0) loading->rc = search_copy_text(table, value, &cell->text);
}

int search_table_load_all(struct search_table *table, struct redis_call *call)
{
    struct loading loading = {.table = table};
    for (size_t i = 0; loading.rc == 0 && i < table->count; i++) {
        loading.row = table->rows[i];
        search_breathe(table->query->index);
        if (search_query_is_late(table->query, i)) return KITH_ETIMEDOUT;
        if (!loading.row->hit) continue;
        const int rc = search_each_field(call, table->query->index, loading.row->hit, load_field,
                                         &loading);
        if (rc) loading.rc = rc;
    }
    return loading.rc;
}

/* ---- order ---- */

int search_compare_cells(const struct search_cell *a, const struct search_cell *b, bool down)
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
    const struct search_query *query;
    const size_t *columns;
    const bool *down;
    size_t count, compared;
    bool late; /* all are alike then: the sort ends soon */
};

static int compare_rows(const void *left, const void *right, void *ctx)
{
    const struct search_row *a = *(struct search_row *const *)left,
                            *b = *(struct search_row *const *)right;
    struct sort_order *by = ctx;
    int order = 0;
    by->late = by->late || search_query_is_late(by->query, by->compared++);
    if (by->late) return 0;
    for (size_t i = 0; order == 0 && i < by->count; i++)
        order = search_compare_cells(&a->cells[by->columns[i]], &b->cells[by->columns[i]],
                                     by->down[i]);
    return order;
}

int search_table_sort(struct search_table *table, const size_t *columns, const bool *down,
                      size_t count)
{
    struct sort_order by = {table->query, columns, down, count, 0, false};
    search_let_go(table->query->index);
    qsort_r(table->rows, table->count, sizeof *table->rows, compare_rows, &by);
    search_take_back(table->query->index);
    return by.late ? KITH_ETIMEDOUT : 0;
}
