/* See search_table.h: rows that belong together become one. */
#include "redis/search_table.h"

#include <string.h>

#include "base/alloc.h"
#include "redis/search_expr.h"

/* A row whose column holds a list becomes one row for each of its texts. */
static int spread_lists(struct search_table *table, size_t column)
{
    size_t count = 0, made = 0;
    for (size_t i = 0; i < table->count; i++) {
        const struct search_cell *cell = &table->rows[i]->cells[column];
        count += cell->list ? cell->list_count : 1;
    }
    if (count == table->count) {
        for (size_t i = 0; i < count && table->rows[i]->cells[column].list == NULL; i++) made++;
        if (made == count) return 0;
        made = 0;
    }
    struct search_row **rows = mem_alloc_array(count + 1, sizeof(struct search_row *));
    int rc = rows ? 0 : KITH_ENOMEM;
    for (size_t i = 0; rc == 0 && i < table->count; i++) {
        struct search_row *from = table->rows[i];
        const struct search_cell cell = from->cells[column];
        if (search_query_is_late(table->query, i)) rc = KITH_ETIMEDOUT;
        if (rc) break;
        if (!cell.list) rows[made++] = from;
        for (size_t j = 0; rc == 0 && cell.list && j < cell.list_count; j++) {
            struct search_row *row = search_row_new(table, from->hit);
            if (!row) rc = KITH_ENOMEM;
            else if (table->arena.used_bytes > EXPR_BYTES_MAX) rc = KITH_ELIMIT;
            if (rc) break;
            memcpy(row->cells, from->cells, table->columns * sizeof *row->cells);
            row->cells[column] = (struct search_cell){.text = cell.list[j]};
            rows[made++] = row;
        }
    }
    mem_free(rc ? (void *)rows : (void *)table->rows);
    if (rc) return rc;
    table->rows = rows;
    table->count = made;
    return 0;
}

/* Which rows belong together: by the texts of the key columns. */
static int collect_groups(struct search_table *table, const size_t *keys, size_t key_count,
                          struct search_group *groups, size_t *next, size_t *group_count)
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
        buffer_put_u8(&key, 0); /* so that there are bytes */
        for (size_t j = 0; j < key_count; j++) {
            const struct kith_str text = table->rows[i]->cells[keys[j]].text;
            buffer_put_u64(&key, text.data ? text.len : UINT64_MAX);
            buffer_put_bytes(&key, text.data ? text.data : "", text.len);
        }
        next[i] = SIZE_MAX;
        if (buffer_failed(&key)) rc = KITH_ENOMEM;
        else if (search_query_is_late(table->query, i)) rc = KITH_ETIMEDOUT;
        if (rc) break;
        if (map_get(&places, key.data, key.len, &place)) {
            next[groups[place].last] = i;
            groups[place].last = i;
        } else {
            rc = map_put(&places, key.data, key.len, *group_count);
            groups[(*group_count)++] = (struct search_group){i, i};
        }
    }
    map_release(&places);
    buffer_release(&key);
    return rc;
}

static int make_groups(struct search_table *table, const struct search_group *groups, size_t count,
                       const size_t *next, const size_t *keys, size_t key_count,
                       const struct search_reducer *reducers, size_t reducer_count,
                       struct search_row **rows)
{
    for (size_t g = 0; g < count; g++) {
        rows[g] = search_row_new(table, NULL);
        if (!rows[g]) return KITH_ENOMEM;
        for (size_t i = 0; i < key_count; i++)
            rows[g]->cells[i] = table->rows[groups[g].first]->cells[keys[i]];
        for (size_t i = 0; i < reducer_count; i++) {
            if (search_query_is_late(table->query, g * reducer_count + i)) return KITH_ETIMEDOUT;
            const int rc = search_table_reduce(table, &groups[g], next, &reducers[i],
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
    for (size_t i = 0; i < key_count; i++) {
        const int spread = spread_lists(table, keys[i]);
        if (spread) return spread;
    }
    for (size_t i = 0; i < key_count; i++) names[i] = table->names[keys[i]];
    for (size_t i = 0; i < reducer_count; i++) names[key_count + i] = reducers[i].name;
    struct search_group *groups = mem_alloc_array(table->count + 1, sizeof *groups);
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
