/*
 * Groups of a search as they are shown, and hits in an order that the client asked for.
 *
 * The value of a group is the field's, or what lies at its path below a JSON field or a key of the
 * dynamic field: JSON, or of the type that `json_type` names. An order moves whole groups, each to
 * where its nearest row belongs; inside a group rows stay by score.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/map.h"
#include "milvus/search_internal.h"

/* ---- values below a path ---- */

static MilvusStatus *type_of(struct milvus_call *call, const char *name, enum kith_type *out)
{
    static const struct {
        const char *name;
        enum kith_type type;
    } types[] = { { "bool", KITH_BOOL },   { "int8", KITH_INT64 },   { "int16", KITH_INT64 },
                  { "int32", KITH_INT64 }, { "int64", KITH_INT64 },  { "double", KITH_DOUBLE },
                  { "float", KITH_DOUBLE }, { "varchar", KITH_VARCHAR } };
    *out = KITH_JSON;
    if (!name || !*name) return NULL;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcasecmp(types[i].name, name) != 0) continue;
        *out = types[i].type;
        return NULL;
    }
    return milvus_status(call, MILVUS_INVALID,
                         "unsupported json_type %.100s for group by: invalid parameter", name);
}

struct values { /* a column that is being made */
    enum kith_type type;
    void *data;
    uint8_t *valid;
};

/* false: the value is not of the type. */
static bool put_value(const struct values *to, size_t row, const struct json_value *json,
                      const struct cell_value *value)
{
    if (to->type == KITH_JSON) {
        ((struct kith_str *)to->data)[row] = (struct kith_str){ json->text, json->len };
        return true;
    }
    if (to->type == KITH_BOOL && value->kind == CELL_BOOL)
        ((uint8_t *)to->data)[row] = (uint8_t)value->number;
    else if (to->type == KITH_INT64 && value->kind == CELL_NUMBER && value->integer)
        ((int64_t *)to->data)[row] = value->number;
    else if (to->type == KITH_DOUBLE && value->kind == CELL_NUMBER)
        ((double *)to->data)[row] = value->real;
    else if (to->type == KITH_VARCHAR && value->kind == CELL_TEXT)
        ((struct kith_str *)to->data)[row] = value->text;
    else return false;
    return true;
}

static MilvusStatus *fill(struct milvus_call *call, const struct field_path *path,
                          const struct search_grouping *group, const struct kith_column *from,
                          size_t rows, const struct values *to)
{
    for (size_t row = 0; row < rows; row++) {
        const struct kith_str *cell = &((const struct kith_str *)from->data)[row];
        struct json_value json;
        struct cell_value value;
        to->valid[row] = 0;
        if (to->type == KITH_VARCHAR || to->type == KITH_JSON)
            ((struct kith_str *)to->data)[row] = (struct kith_str){ "", 0 };
        if (from->valid && !from->valid[row]) continue;
        if (json_find(cell->data, cell->len, path->steps, path->count, &json)) continue;
        if (cell_value_of_json(&json, call->arena, &value)) return milvus_no_memory(call);
        if (value.kind == CELL_NULL) continue;
        to->valid[row] = put_value(to, row, &json, &value);
        if (!to->valid[row] && group->strict_cast)
            return milvus_status(call, MILVUS_INVALID,
                                 "group by %.255s: %.*s is not of json_type %.100s: invalid "
                                 "parameter",
                                 group->by, (int)(json.len > 100 ? 100 : json.len), json.text,
                                 group->type);
    }
    return NULL;
}

static MilvusStatus *values_below(struct milvus_call *call, const struct field_path *path,
                                  const struct search_grouping *group,
                                  const struct kith_column *from, size_t rows,
                                  struct milvus_column *out)
{
    struct values to = { .valid = arena_alloc(call->arena, rows + 1) };
    MilvusStatus *refused = type_of(call, group->type, &to.type);
    if (refused) return refused;
    to.data = arena_zalloc(call->arena, (rows + 1) * sizeof(struct kith_str));
    if (!to.valid || !to.data) return milvus_no_memory(call);
    out->type = to.type;
    out->data = to.data;
    out->valid = to.valid;
    return fill(call, path, group, from, rows, &to);
}

MilvusStatus *search_groups(struct milvus_call *call, const struct milvus_collection *collection,
                            const struct search_grouping *group, struct milvus_hits *out)
{
    struct field_path path = { .head = group->by };
    if (strchr(group->by, '[') && !field_path_parse(group->by, call->arena, &path)) return NULL;
    const MilvusField *field = milvus_field_find(collection, path.head);
    for (size_t i = 0; i < out->result->column_count; i++) {
        const struct kith_column *from = &out->result->columns[i];
        if (strcmp(from->field, path.head)) continue;
        struct milvus_column *column = arena_alloc(call->arena, sizeof *column);
        if (!column) return milvus_no_memory(call);
        *column = (struct milvus_column){ .name = group->by, .id = field ? field->fieldid : 0,
                                          .type = from->type, .data = from->data,
                                          .valid = from->valid };
        out->groups = column;
        if (from->type != KITH_JSON) return NULL;
        return values_below(call, &path, group, from, out->result->rows, column);
    }
    return NULL;
}

/* ---- orders ---- */

#define NO_ROW UINT32_MAX

struct members { /* rows of one query by group, as chains */
    struct map numbers;
    uint32_t *first; /* the nearest row of each group */
    uint32_t *last;
    uint32_t *next; /* of each row: the next of its group */
    size_t groups;
};

/* Bytes of the group's value in a row; equal for equal ones. */
static void put_group(struct buffer *out, const struct milvus_column *column, size_t row)
{
    const struct kith_column cell = { .type = column->type, .data = column->data,
                                      .valid = column->valid };
    struct cell_value value;
    cell_value_read(&cell, row, &value);
    buffer_put_u8(out, (uint8_t)value.kind);
    if (value.kind >= CELL_TEXT) buffer_put(out, value.text.data, value.text.len);
    else if (value.integer || value.kind == CELL_BOOL) buffer_put_u64(out, (uint64_t)value.number);
    else buffer_put_f64(out, value.real);
}

static int find_members(const struct milvus_hits *hits, size_t from, size_t to,
                        struct members *out)
{
    struct buffer value;
    int rc = 0;
    buffer_init(&value);
    for (size_t row = from; rc == 0 && row < to; row++) {
        uintptr_t number = out->groups;
        buffer_clear(&value);
        put_group(&value, hits->groups, row);
        if (buffer_failed(&value)) rc = KITH_ENOMEM;
        if (rc == 0 && map_get(&out->numbers, value.data, value.len, &number)) {
            out->next[out->last[number] - from] = (uint32_t)row;
        } else if (rc == 0) {
            rc = map_put(&out->numbers, value.data, value.len, number);
            out->first[out->groups++] = (uint32_t)row;
        }
        out->last[number] = (uint32_t)row;
        out->next[row - from] = NO_ROW;
    }
    buffer_release(&value);
    return rc;
}

/* Groups in their order, each with its rows by score. */
static int sort_groups(struct milvus_call *call, const struct milvus_order *order,
                       const struct milvus_hits *hits, size_t from, size_t to, uint32_t *out)
{
    struct members members = { .groups = 0 };
    members.first = arena_alloc_array(call->arena, to - from + 1, sizeof *members.first);
    members.last = arena_alloc_array(call->arena, to - from + 1, sizeof *members.last);
    members.next = arena_alloc_array(call->arena, to - from + 1, sizeof *members.next);
    if (!members.first || !members.last || !members.next) return KITH_ENOMEM;
    map_init(&members.numbers);
    int rc = find_members(hits, from, to, &members);
    map_release(&members.numbers);
    if (rc == 0)
        rc = order_by_sort(order, hits->result, call->arena, members.first, members.groups);
    for (size_t g = 0; rc == 0 && g < members.groups; g++)
        for (uint32_t row = members.first[g]; row != NO_ROW; row = members.next[row - from])
            *out++ = row;
    return rc;
}

MilvusStatus *search_sort(struct milvus_call *call, const struct search_ending *ending,
                          struct milvus_hits *out)
{
    const struct kith_result *result = out->result;
    uint32_t *order = arena_alloc_array(call->arena, result->rows + 1, sizeof *order);
    int rc = order ? 0 : KITH_ENOMEM;
    for (size_t q = 0; rc == 0 && q < result->query_count; q++) {
        const size_t from = result->offsets[q], to = result->offsets[q + 1];
        if (out->groups) {
            rc = sort_groups(call, ending->order, out, from, to, order + from);
            continue;
        }
        for (size_t row = from; row < to; row++) order[row] = (uint32_t)row;
        rc = order_by_sort(ending->order, result, call->arena, order + from, to - from);
    }
    out->page.order = order;
    return rc ? milvus_no_memory(call) : NULL;
}
