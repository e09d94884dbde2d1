/*
 * Orders: see order_by.h.
 */
#include "milvus/order_by.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"

/* ---- the text ---- */

static bool is_word(const char *text, size_t len, const char *word)
{
    return strlen(word) == len && strncasecmp(text, word, len) == 0;
}

/* One of the parts behind a name: a direction or a place of nulls. */
static bool read_part(const char *text, size_t len, struct order_term *out)
{
    if (is_word(text, len, "asc") || is_word(text, len, "ascending")) out->descending = false;
    else if (is_word(text, len, "desc") || is_word(text, len, "descending")) out->descending = true;
    else if (is_word(text, len, "nulls_first")) out->nulls_last = false;
    else if (is_word(text, len, "nulls_last")) out->nulls_last = true;
    else return false;
    return true;
}

static size_t trimmed(const char *text, size_t len)
{
    while (len && text[len - 1] == ' ') len--;
    return len;
}

/* The end of a term or of its name: a mark outside of brackets and quotes. */
static size_t until(const char *text, size_t len, char mark)
{
    char quote = 0;
    for (size_t i = 0; i < len; i++) {
        const char c = text[i];
        if (quote) {
            if (c == '\\') i++;
            else if (c == quote) quote = 0;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == mark) {
            return i;
        }
    }
    return len;
}

static MilvusStatus *read_term(struct milvus_call *call, const char *text, size_t len,
                               struct order_term *out)
{
    while (len && *text == ' ') text++, len--;
    const size_t name = until(text, len, ':');
    *out = (struct order_term){ 0 };
    out->name = arena_strndup(call->arena, text, trimmed(text, name));
    if (!out->name) return milvus_no_memory(call);
    if (!*out->name)
        return milvus_status(call, MILVUS_INVALID,
                             "empty field name in order_by_fields: invalid parameter");
    for (size_t at = name; at < len;) {
        at++; /* the colon */
        const size_t part = until(text + at, len - at, ':');
        size_t skip = 0;
        while (skip < part && text[at + skip] == ' ') skip++;
        if (!read_part(text + at + skip, trimmed(text + at + skip, part - skip), out))
            return milvus_status(call, MILVUS_INVALID,
                                 "invalid order direction '%.*s' for field '%.255s' (must be "
                                 "'asc', 'desc', 'ascending', or 'descending'): invalid parameter",
                                 (int)(part > 100 ? 100 : part), text + at, out->name);
        at += part;
    }
    return NULL;
}

MilvusStatus *order_by_split(struct milvus_call *call, const char *text, struct milvus_order *out)
{
    MilvusStatus *refused = NULL;
    const size_t len = strlen(text);
    out->count = 0;
    for (size_t at = 0; !refused && at <= len; at++) {
        const size_t term = until(text + at, len - at, ',');
        if (out->count == ORDER_TERMS_MAX)
            return milvus_status(call, MILVUS_INVALID,
                                 "more than %d order_by_fields: invalid parameter",
                                 ORDER_TERMS_MAX);
        refused = read_term(call, text + at, term, &out->terms[out->count++]);
        at += term;
    }
    return refused;
}

/* ---- columns ---- */

static MilvusStatus *check_type(struct milvus_call *call, const MilvusField *field)
{
    switch ((int)field->data_type) {
    case KITH_BOOL:
    case KITH_INT8:
    case KITH_INT16:
    case KITH_INT32:
    case KITH_INT64:
    case KITH_FLOAT:
    case KITH_DOUBLE:
    case KITH_VARCHAR:
    case KITH_TIMESTAMPTZ: return NULL;
    case KITH_JSON:
        return milvus_status(call, MILVUS_INVALID,
                             "order_by is not supported for JSON field '%s', use dynamic field "
                             "with JSON path instead: invalid parameter",
                             field->name);
    default: break;
    }
    const ProtobufCEnumValue *type = protobuf_c_enum_descriptor_get_value(
        &milvus__proto__schema__data_type__descriptor, (int)field->data_type);
    return milvus_status(call, MILVUS_INVALID,
                         "order_by field '%s' has unsortable type %s: invalid parameter",
                         field->name, type ? type->name : "?");
}

static MilvusStatus *resolve_term(struct milvus_call *call,
                                  const struct milvus_collection *collection,
                                  struct order_term *term)
{
    if (!field_path_parse(term->name, call->arena, &term->path))
        return milvus_status(call, MILVUS_INVALID,
                             "invalid JSON path in order_by field '%.255s': invalid parameter",
                             term->name);
    const MilvusField *field = milvus_field_find(collection, term->path.head);
    if (field) {
        MilvusStatus *refused = check_type(call, field);
        if (refused || term->path.count == 0) return refused;
        return milvus_status(call, MILVUS_INVALID,
                             "invalid JSON path in order_by field '%.255s': invalid parameter",
                             term->name);
    }
    if (collection->record->schema->enable_dynamic_field &&
        strcmp(term->path.head, "$meta") != 0)
        return NULL;
    return milvus_status(call, MILVUS_INVALID,
                         "order_by field '%.255s' does not exist in collection schema: invalid "
                         "parameter",
                         term->name);
}

MilvusStatus *order_by_resolve(struct milvus_call *call, const struct milvus_collection *collection,
                               struct milvus_order *order)
{
    MilvusStatus *refused = NULL;
    for (size_t i = 0; !refused && i < order->count; i++)
        refused = resolve_term(call, collection, &order->terms[i]);
    return refused;
}

int order_by_output(struct milvus_call *call, const struct milvus_order *order,
                    const struct kith_output *output, struct kith_output *out)
{
    const char **fields =
        arena_alloc_array(call->arena, output->count + order->count + 1, sizeof *fields);
    if (!fields) return KITH_ENOMEM;
    for (size_t i = 0; i < output->count; i++) fields[i] = output->fields[i];
    /* The engine skips what it has already. */
    for (size_t i = 0; i < order->count; i++)
        fields[output->count + i] = order->terms[i].path.head;
    *out = (struct kith_output){ .fields = fields, .count = output->count + order->count };
    return 0;
}

/* ---- values ---- */

/* Of a key of the dynamic field: the cell is JSON. */
static int read_path(const struct field_path *path, struct arena *arena, struct cell_value *value)
{
    struct json_value found;
    const struct kith_str text = value->text;
    if (value->kind == CELL_NULL) return 0;
    *value = (struct cell_value){ .kind = CELL_NULL };
    if (json_find(text.data, text.len, path->steps, path->count, &found)) return 0;
    return cell_value_of_json(&found, arena, value);
}

int order_by_values(const struct milvus_order *order, const struct kith_result *result, size_t row,
                    struct arena *arena, struct cell_value *out)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < order->count; i++) {
        const struct field_path *path = &order->terms[i].path;
        const struct kith_column *column = milvus_column_find(result, path->head);
        if (!column) return KITH_EINVAL;
        cell_value_read(column, row, &out[i]);
        if (column->type == KITH_JSON) rc = read_path(path, arena, &out[i]);
    }
    return rc;
}

int order_by_compare(const struct milvus_order *order, const struct cell_value *a,
                     const struct cell_value *b)
{
    for (size_t i = 0; i < order->count; i++) {
        const struct order_term *term = &order->terms[i];
        const int way = cell_value_compare(&a[i], &b[i]);
        if (way == 0) continue;
        if (a[i].kind == CELL_NULL || b[i].kind == CELL_NULL)
            return term->nulls_last ? -way : way;
        return term->descending ? -way : way;
    }
    return 0;
}

struct sorted {
    const struct milvus_order *order;
    const struct cell_value *values;
    uint32_t row, place;
};

static int compare(const void *a, const void *b)
{
    const struct sorted *x = a, *y = b;
    const int way = order_by_compare(x->order, x->values, y->values);
    return way ? way : (x->place > y->place) - (x->place < y->place);
}

int order_by_sort(const struct milvus_order *order, const struct kith_result *result,
                  struct arena *arena, uint32_t *rows, size_t count)
{
    struct sorted *sorted = mem_alloc_array(count + 1, sizeof *sorted);
    struct cell_value *values = mem_alloc_array(count + 1, order->count * sizeof *values);
    int rc = sorted && values ? 0 : KITH_ENOMEM;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct cell_value *own = values + i * order->count;
        rc = order_by_values(order, result, rows[i], arena, own);
        sorted[i] = (struct sorted){ order, own, rows[i], (uint32_t)i };
    }
    if (rc == 0) {
        qsort(sorted, count, sizeof *sorted, compare);
        for (size_t i = 0; i < count; i++) rows[i] = sorted[i].row;
    }
    mem_free(values);
    mem_free(sorted);
    return rc;
}
