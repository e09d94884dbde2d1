/*
 * Values of cells, as orders and aggregates compare them: see order_by.h.
 */
#include <string.h>

#include "base/buffer.h"
#include "milvus/order_by.h"

static struct cell_value integer(int64_t value)
{
    return (struct cell_value){ .kind = CELL_NUMBER, .integer = true, .number = value,
                            .real = (double)value };
}

static struct cell_value real(double value)
{
    return (struct cell_value){ .kind = CELL_NUMBER, .real = value };
}

static struct cell_value text_of(const char *data, size_t len)
{
    return (struct cell_value){ .kind = CELL_TEXT, .text = { data, len } };
}

static int read_string(const struct json_value *value, struct arena *arena, struct cell_value *out)
{
    struct buffer plain;
    *out = text_of(value->text + 1, value->len - 2);
    if (!value->has_escapes) return 0;
    buffer_init(&plain);
    int rc = json_unescape(value, &plain);
    char *copy = rc ? NULL : arena_strndup(arena, (const char *)plain.data, plain.len);
    if (copy) *out = text_of(copy, plain.len);
    buffer_release(&plain);
    return rc == KITH_ENOMEM || (!rc && !copy) ? KITH_ENOMEM : 0;
}

int cell_value_of_json(const struct json_value *value, struct arena *arena, struct cell_value *out)
{
    switch (value->kind) {
    case JSON_NULL: *out = (struct cell_value){ .kind = CELL_NULL }; return 0;
    case JSON_BOOL:
        *out = (struct cell_value){ .kind = CELL_BOOL, .number = value->boolean };
        return 0;
    case JSON_INT: *out = integer(value->integer); return 0;
    case JSON_DOUBLE: *out = real(value->number); return 0;
    case JSON_STRING: return read_string(value, arena, out);
    case JSON_ARRAY:
    case JSON_OBJECT: break;
    }
    *out = (struct cell_value){ .kind = CELL_OTHER, .text = { value->text, value->len } };
    return 0;
}

void cell_value_read(const struct kith_column *column, size_t row, struct cell_value *out)
{
    const void *data = column->data;
    *out = (struct cell_value){ .kind = CELL_NULL };
    if (column->valid && !column->valid[row]) return;
    switch (column->type) {
    case KITH_BOOL:
        out->kind = CELL_BOOL;
        out->number = ((const uint8_t *)data)[row];
        break;
    case KITH_INT8: *out = integer(((const int8_t *)data)[row]); break;
    case KITH_INT16: *out = integer(((const int16_t *)data)[row]); break;
    case KITH_INT32: *out = integer(((const int32_t *)data)[row]); break;
    case KITH_INT64:
    case KITH_TIMESTAMPTZ: *out = integer(((const int64_t *)data)[row]); break;
    case KITH_FLOAT: *out = real((double)((const float *)data)[row]); break;
    case KITH_DOUBLE: *out = real(((const double *)data)[row]); break;
    default: {
        const struct kith_str *text = &((const struct kith_str *)data)[row];
        *out = text_of(text->data, text->len);
    }
    }
}

int texts_compare(struct kith_str a, struct kith_str b)
{
    const size_t shorter = a.len < b.len ? a.len : b.len;
    const int order = shorter ? memcmp(a.data, b.data, shorter) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

int cell_value_compare(const struct cell_value *a, const struct cell_value *b)
{
    if (a->kind != b->kind) return a->kind < b->kind ? -1 : 1;
    switch (a->kind) {
    case CELL_NULL: return 0;
    case CELL_BOOL: return (a->number > b->number) - (a->number < b->number);
    case CELL_NUMBER:
        if (a->integer && b->integer) return (a->number > b->number) - (a->number < b->number);
        return (a->real > b->real) - (a->real < b->real);
    case CELL_TEXT:
    case CELL_OTHER: break;
    }
    return texts_compare(a->text, b->text);
}

int cell_value_keep(struct cell_value *value, struct arena *arena)
{
    if (value->kind < CELL_TEXT) return 0;
    value->text.data = arena_strndup(arena, value->text.data, value->text.len);
    return value->text.data ? 0 : KITH_ENOMEM;
}
