/*
 * Groups as a page of a reply: sorted, cut to the window, one column an item.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "milvus/query_aggregate.h"

/* ---- order ---- */

struct group {
    const struct querying *q;
    const struct aggregate_plan *plan;
    const struct cell_value *values;
};

static int compare_term(const struct order_term *term, const struct cell_value *a,
                        const struct cell_value *b)
{
    const int way = cell_value_compare(a, b);
    if (a->kind == CELL_NULL || b->kind == CELL_NULL) return term->nulls_last ? -way : way;
    return term->descending ? -way : way;
}

static int compare(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    int way = 0;
    for (size_t t = 0; way == 0 && t < x->q->order.count; t++) {
        const size_t item = x->plan->terms[t];
        way = compare_term(&x->q->order.terms[t], &x->values[item], &y->values[item]);
    }
    for (size_t i = 0; way == 0 && i < x->plan->count; i++)
        if (x->plan->items[i].grouping) way = cell_value_compare(&x->values[i], &y->values[i]);
    return way;
}

/* ---- columns ---- */

static size_t width_of(enum kith_type type)
{
    return type == KITH_VARCHAR ? sizeof(struct kith_str) : milvus_scalar_width(type);
}

static void put_cell(void *data, enum kith_type type, size_t row, const struct cell_value *value)
{
    switch (type) {
    case KITH_BOOL: ((uint8_t *)data)[row] = (uint8_t)value->number; break;
    case KITH_INT8: ((int8_t *)data)[row] = (int8_t)value->number; break;
    case KITH_INT16: ((int16_t *)data)[row] = (int16_t)value->number; break;
    case KITH_INT32: ((int32_t *)data)[row] = (int32_t)value->number; break;
    case KITH_FLOAT: ((float *)data)[row] = (float)value->real; break;
    case KITH_DOUBLE: ((double *)data)[row] = value->real; break;
    case KITH_VARCHAR: ((struct kith_str *)data)[row] = value->text; break;
    default: ((int64_t *)data)[row] = value->number;
    }
}

static MilvusStatus *fill(struct querying *q, const struct aggregate *item, size_t number,
                          const struct group *groups, size_t count, struct milvus_column *out)
{
    const struct time_zone *zone;
    struct arena *arena = q->call->arena;
    uint8_t *valid = arena_alloc(arena, count + 1);
    void *data = arena_zalloc(arena, (count + 1) * width_of(item->type));
    bool nulls = false;
    if (!valid || !data) return milvus_no_memory(q->call);
    for (size_t row = 0; row < count; row++) {
        const struct cell_value *value = &groups[row].values[number];
        valid[row] = value->kind != CELL_NULL;
        nulls = nulls || !valid[row];
        if (valid[row]) put_cell(data, item->type, row, value);
        else if (item->type == KITH_VARCHAR) ((struct kith_str *)data)[row].data = "";
    }
    *out = (struct milvus_column){ .name = item->name, .type = item->type, .data = data,
                                   .valid = nulls ? valid : NULL };
    if (item->op == AGGREGATE_VALUE) out->id = item->field->fieldid;
    if (item->type != KITH_TIMESTAMPTZ) return NULL;
    MilvusStatus *refused = milvus_zone(q->call, q->collection, q->query->times.zone, &zone);
    return refused ? refused : milvus_times_text(q->call, zone, data, count, out);
}

static MilvusStatus *make(struct querying *q, const struct aggregate_plan *plan,
                          const struct group *groups, size_t count)
{
    struct milvus_column *columns =
        arena_alloc_array(q->call->arena, plan->shown + 1, sizeof *columns);
    const char **names = arena_alloc_array(q->call->arena, plan->shown + 1, sizeof *names);
    if (!columns || !names) return milvus_no_memory(q->call);
    for (size_t i = 0; i < plan->shown; i++) {
        names[i] = plan->items[i].name;
        MilvusStatus *refused = fill(q, &plan->items[i], i, groups, count, &columns[i]);
        if (refused) return refused;
    }
    q->out->output = (struct milvus_output){ .names = names, .name_count = plan->shown };
    q->out->page = (struct milvus_page){ .columns = columns, .column_count = plan->shown,
                                         .rows = count };
    return NULL;
}

MilvusStatus *aggregate_page(struct querying *q, const struct aggregate_plan *plan,
                             const struct cell_value *values, size_t count)
{
    size_t from, to;
    struct group *groups = mem_alloc_array(count + 1, sizeof *groups);
    if (!groups) return milvus_no_memory(q->call);
    for (size_t i = 0; i < count; i++)
        groups[i] = (struct group){ q, plan, values + i * plan->count };
    qsort(groups, count, sizeof *groups, compare);
    query_window(q->query, count, &from, &to);
    MilvusStatus *refused = make(q, plan, groups + from, to - from);
    mem_free(groups);
    return refused;
}
