/*
 * Aggregates of a query: count(*), count(f), sum(f), min(f), max(f), avg(f) over the rows that
 * match, as a whole or by groups of equal values (`group_by_fields`).
 *
 * All live rows as of one instant are walked in batches; per group there is one cell an item, so
 * memory grows with groups and not with rows, and is limited. Results are exact: sums of integers
 * are carried in 128 bits and refused when they do not fit Int64, sums of floating point are
 * compensated (Neumaier). Nulls are in no aggregate but count(*); sum, min, max and avg of nothing
 * are null; null is a group like any other. Groups come in the order that was asked for, else by
 * their values.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "milvus/query_aggregate.h"

#define BATCH_ROWS 16384

struct cell { /* of one item in one group */
    uint64_t count; /* values that are not null; of count(*): rows */
    uint64_t low;   /* the sum of integers, modulo 2^64 ... */
    int64_t high;   /* ... and above */
    double sum, lost;
    struct cell_value best; /* min, max; the group's value */
    char *text;         /* of best, when it is a text: in the arena */
    size_t text_cap;
};

struct grouping {
    struct querying *q;
    const struct aggregate_plan *plan;
    struct map numbers; /* bytes of the group's values -> its number */
    struct cell *cells; /* owns: plan->count a group */
    size_t groups, cap;
    struct buffer value;
    const struct kith_column *columns[AGGREGATE_ITEMS_MAX]; /* of the batch; NULL: "*" */
    size_t used_bytes;
};

static MilvusStatus *too_large(struct grouping *g)
{
    return milvus_status(g->q->call, MILVUS_MEMORY_LIMIT,
                         "too many groups: more than %d MiB are needed: memory limit exceeded",
                         AGGREGATE_BYTES_MAX >> 20);
}

/* ---- groups ---- */

/* Bytes that are equal for equal values of the group. */
static void put_value(struct buffer *out, const struct cell_value *value)
{
    buffer_put_u8(out, (uint8_t)value->kind);
    if (value->kind == CELL_TEXT) buffer_put_bytes(out, value->text.data, value->text.len);
    else if (value->kind != CELL_NULL) buffer_put_u64(out, (uint64_t)value->number);
}

static int grow(struct grouping *g)
{
    const size_t cap = g->cap ? 2 * g->cap : 16;
    struct cell *cells = mem_realloc(g->cells, cap * g->plan->count * sizeof *cells);
    if (!cells) return KITH_ENOMEM;
    g->cells = cells;
    g->cap = cap;
    return 0;
}

static int open_group(struct grouping *g, size_t row)
{
    const size_t bytes = g->value.len + g->plan->count * sizeof(struct cell);
    if (g->groups == g->cap && grow(g)) return KITH_ENOMEM;
    struct cell *cells = g->cells + g->groups * g->plan->count;
    memset(cells, 0, g->plan->count * sizeof *cells);
    for (size_t i = 0; i < g->plan->count; i++) {
        if (g->plan->items[i].op != AGGREGATE_VALUE) continue;
        cell_value_read(g->columns[i], row, &cells[i].best);
        if (cell_value_keep(&cells[i].best, g->q->call->arena)) return KITH_ENOMEM;
    }
    g->used_bytes += 2 * bytes;
    g->groups++;
    return g->used_bytes > AGGREGATE_BYTES_MAX ? KITH_ELIMIT : 0;
}

/* The cells of the row's group. */
static int find_group(struct grouping *g, size_t row, struct cell **out)
{
    uintptr_t number = 0;
    struct cell_value value;
    int rc = 0;
    buffer_clear(&g->value);
    for (size_t i = 0; i < g->plan->count; i++) {
        if (!g->plan->items[i].grouping) continue;
        cell_value_read(g->columns[i], row, &value);
        put_value(&g->value, &value);
    }
    if (buffer_failed(&g->value)) return KITH_ENOMEM;
    const void *bytes = g->value.len ? (const void *)g->value.data : "";
    if (!map_get(&g->numbers, bytes, g->value.len, &number)) {
        number = g->groups;
        rc = map_put(&g->numbers, bytes, g->value.len, number);
        if (rc == 0) rc = open_group(g, row);
    }
    *out = rc ? NULL : g->cells + number * g->plan->count;
    return rc;
}

/* ---- cells ---- */

static void add_integer(struct cell *cell, int64_t value)
{
    const uint64_t before = cell->low;
    cell->low += (uint64_t)value;
    cell->high += (value < 0 ? -1 : 0) + (cell->low < before ? 1 : 0);
}

/* Neumaier: what a sum loses is kept apart. */
static void add_real(struct cell *cell, double value)
{
    const double sum = cell->sum + value;
    const bool larger = (cell->sum < 0 ? -cell->sum : cell->sum) >= (value < 0 ? -value : value);
    cell->lost += larger ? (cell->sum - sum) + value : (value - sum) + cell->sum;
    cell->sum = sum;
}

/* The texts of a cell use one room again, so that they do not add up. */
static int keep_best(struct grouping *g, struct cell *cell, const struct cell_value *value)
{
    cell->best = *value;
    if (value->kind != CELL_TEXT) return 0;
    const size_t len = value->text.len;
    if (len >= cell->text_cap) {
        cell->text_cap = 2 * len + 16;
        cell->text = arena_alloc(g->q->call->arena, cell->text_cap);
        if (!cell->text) return KITH_ENOMEM;
        g->used_bytes += cell->text_cap;
    }
    if (len) memcpy(cell->text, value->text.data, len);
    cell->best.text.data = cell->text;
    return 0;
}

static int take_value(struct grouping *g, const struct aggregate *item, struct cell *cell,
                      const struct cell_value *value)
{
    if (value->kind == CELL_NULL) return 0;
    cell->count++;
    if (item->op == AGGREGATE_SUM || item->op == AGGREGATE_AVG) {
        if (value->integer) add_integer(cell, value->number);
        else add_real(cell, value->real);
    }
    if (item->op != AGGREGATE_MIN && item->op != AGGREGATE_MAX) return 0;
    const int way = cell->count == 1 ? 0 : cell_value_compare(value, &cell->best);
    if (cell->count > 1 && (item->op == AGGREGATE_MIN ? way >= 0 : way <= 0)) return 0;
    return keep_best(g, cell, value);
}

static int take_row(struct grouping *g, size_t row)
{
    struct cell *cells;
    int rc = find_group(g, row, &cells);
    for (size_t i = 0; rc == 0 && i < g->plan->count; i++) {
        const struct aggregate *item = &g->plan->items[i];
        struct cell_value value;
        if (item->op == AGGREGATE_VALUE) continue;
        if (!g->columns[i]) {
            cells[i].count++;
            continue;
        }
        cell_value_read(g->columns[i], row, &value);
        rc = take_value(g, item, &cells[i], &value);
    }
    if (rc == 0 && g->used_bytes > AGGREGATE_BYTES_MAX) rc = KITH_ELIMIT;
    return rc;
}

static int take_batch(struct grouping *g, const struct kith_result *rows)
{
    int rc = 0;
    for (size_t i = 0; i < g->plan->count; i++) {
        const MilvusField *field = g->plan->items[i].field;
        g->columns[i] = field ? milvus_column_find(rows, field->name) : NULL;
        if (field && !g->columns[i]) return KITH_EINVAL;
    }
    for (size_t i = 0; rc == 0 && i < rows->rows; i++) rc = take_row(g, i);
    return rc;
}

static int walk(struct grouping *g)
{
    struct querying *q = g->q;
    struct kith_query_opts opts = query_opts_of(q->query);
    struct kith_iterator *iterator;
    struct kith_result *rows = NULL;
    opts.output = (struct kith_output){ .fields = g->plan->fields, .count = g->plan->field_count };
    int rc = kith_iterator_open(q->collection->handle, &opts, BATCH_ROWS, &iterator, &q->err);
    if (rc) return rc;
    while ((rc = kith_iterator_next(iterator, q->call->call, &rows, &q->err)) == 0 && rows) {
        rc = take_batch(g, rows);
        kith_result_free(rows);
        rows = NULL;
        if (rc) break;
    }
    kith_iterator_close(iterator);
    return rc;
}

/* ---- what comes of it ---- */

static bool fits(const struct cell *cell)
{
    return cell->high == ((int64_t)cell->low < 0 ? -1 : 0);
}

static double total(const struct cell *cell)
{
    const double integers = fits(cell) ? (double)(int64_t)cell->low
                                       : (double)cell->high * 0x1p64 + (double)cell->low;
    return integers + (cell->sum + cell->lost);
}

static struct cell_value result_of(const struct aggregate *item, const struct cell *cell)
{
    struct cell_value value = { .kind = CELL_NUMBER, .integer = true,
                            .number = (int64_t)cell->count };
    value.real = (double)value.number;
    if (item->op == AGGREGATE_COUNT) return value;
    if (item->op == AGGREGATE_VALUE) return cell->best;
    if (cell->count == 0) return (struct cell_value){ .kind = CELL_NULL };
    if (item->op == AGGREGATE_MIN || item->op == AGGREGATE_MAX) return cell->best;
    value.integer = item->op == AGGREGATE_SUM && item->type == KITH_INT64;
    value.number = (int64_t)cell->low;
    value.real = item->op == AGGREGATE_AVG ? total(cell) / (double)cell->count : total(cell);
    return value;
}

static MilvusStatus *check_sums(struct grouping *g)
{
    for (size_t i = 0; i < g->groups * g->plan->count; i++) {
        const struct aggregate *item = &g->plan->items[i % g->plan->count];
        if (item->op == AGGREGATE_SUM && item->type == KITH_INT64 && !fits(&g->cells[i]))
            return milvus_status(g->q->call, MILVUS_INVALID,
                                 "%s is out of the range of Int64: invalid parameter", item->name);
    }
    return NULL;
}

/* groups * count values; NULL: no memory. */
static struct cell_value *results(struct grouping *g)
{
    const size_t count = g->groups * g->plan->count;
    struct cell_value *values = mem_alloc_array(count + 1, sizeof *values);
    for (size_t i = 0; values && i < count; i++)
        values[i] = result_of(&g->plan->items[i % g->plan->count], &g->cells[i]);
    return values;
}

static MilvusStatus *finish(struct grouping *g)
{
    MilvusStatus *refused = check_sums(g);
    if (refused) return refused;
    struct cell_value *values = results(g);
    if (!values) return milvus_no_memory(g->q->call);
    refused = aggregate_page(g->q, g->plan, values, g->groups);
    mem_free(values);
    return refused;
}

static MilvusStatus *run(struct grouping *g)
{
    int rc = walk(g);
    /* Without groups there is one row, also of nothing. */
    if (rc == 0 && !g->plan->grouped && g->groups == 0) rc = open_group(g, 0);
    if (rc == KITH_ELIMIT) return too_large(g);
    if (rc == KITH_ENOMEM) return milvus_no_memory(g->q->call);
    return rc ? query_engine_error(g->q, rc) : finish(g);
}

MilvusStatus *query_aggregate(struct querying *q)
{
    struct aggregate_plan plan;
    struct grouping g = { .q = q, .plan = &plan };
    MilvusStatus *refused = aggregate_plan_make(q, &plan);
    if (refused) return refused;
    map_init(&g.numbers);
    buffer_init(&g.value);
    refused = run(&g);
    buffer_release(&g.value);
    map_release(&g.numbers);
    mem_free(g.cells);
    return refused;
}
