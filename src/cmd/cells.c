/*
 * Values of results as text; see cells.h.
 */
#include "cmd/cells.h"

#include <math.h>
#include <string.h>

#include "base/endian.h"
#include "base/json.h"
#include "cmd/cmd.h"
#include "kernel/kernel.h"

#define SHOWN_MAX 6 /* elements of a vector or an array, for a person */

struct cells_column cells_column(const struct kith_column *column, const struct kith_schema *schema)
{
    const struct kith_field *field = cmd_find_field(schema, column->field);
    return (struct cells_column){.column = column, .element = field ? field->element_type : 0};
}

/* Where the row's value stands in the data. Compact columns hold the valid rows only; counting
 * is quadratic in the rows of one result part, which are at most some thousands. */
static size_t data_index(const struct kith_column *column, size_t row)
{
    size_t index = 0;
    if (!column->valid || !column->compact) return row;
    for (size_t i = 0; i < row; i++) index += column->valid[i] != 0;
    return index;
}

static void put_double(double value, struct buffer *out)
{
    if (isfinite(value)) {
        json_write_double(out, value);
    } else {
        buffer_printf(out, "null");
    }
}

static void put_float(float value, struct buffer *out)
{
    if (isfinite(value)) {
        json_write_float(out, value);
    } else {
        buffer_printf(out, "null");
    }
}

static float element_f32(enum kith_type type, const void *data, size_t i)
{
    const uint8_t *bytes = data;
    uint16_t half = 0;
    float value = 0;
    switch (type) {
    case KITH_FLOAT_VECTOR: return lef32_get(bytes + i * 4);
    case KITH_INT8_VECTOR: return (float)(int8_t)bytes[i];
    case KITH_BINARY_VECTOR: return (float)bytes[i];
    case KITH_FLOAT16_VECTOR:
        half = le16_get(bytes + i * 2);
        kernel_f16_to_f32(&half, &value, 1);
        return value;
    case KITH_BFLOAT16_VECTOR:
        half = le16_get(bytes + i * 2);
        kernel_bf16_to_f32(&half, &value, 1);
        return value;
    default: return 0;
    }
}

static size_t element_bytes(enum kith_type type)
{
    if (type == KITH_FLOAT_VECTOR) return 4;
    return type == KITH_FLOAT16_VECTOR || type == KITH_BFLOAT16_VECTOR ? 2 : 1;
}

static void put_vector(const struct kith_column *column, size_t index, bool shorten,
                       struct buffer *out)
{
    size_t count = column->type == KITH_BINARY_VECTOR ? column->dim / 8 : column->dim;
    const uint8_t *at = column->data;
    at += index * count * element_bytes(column->type);
    size_t shown = shorten && count > SHOWN_MAX ? SHOWN_MAX : count;
    buffer_put(out, "[", 1);
    for (size_t i = 0; i < shown; i++) {
        if (i) buffer_put(out, ", ", shorten ? 2 : 1);
        float value = element_f32(column->type, at, i);
        if (shorten) {
            buffer_printf(out, "%.4g", (double)value);
        } else {
            put_float(value, out);
        }
    }
    if (shown < count) buffer_printf(out, ", ... (%zu)", count);
    buffer_put(out, "]", 1);
}

static void put_sparse(struct kith_str value, bool shorten, struct buffer *out)
{
    size_t count = value.len / 8;
    size_t shown = shorten && count > SHOWN_MAX ? SHOWN_MAX : count;
    buffer_put(out, "{", 1);
    for (size_t i = 0; i < shown; i++) {
        buffer_printf(out, "%s\"%u\":", i ? "," : "", le32_get(value.data + i * 8));
        put_float(lef32_get(value.data + i * 8 + 4), out);
    }
    if (shown < count) buffer_printf(out, ", ... (%zu)", count);
    buffer_put(out, "}", 1);
}

/* One packed element at data[*at]; false at the end. */
static bool put_element(enum kith_type type, struct kith_str value, size_t *at, struct buffer *out)
{
    struct cursor cur;
    cursor_init(&cur, value.data + *at, value.len - *at);
    if (!cursor_left(&cur)) return false;
    size_t comma = out->len;
    if (*at) buffer_put(out, ",", 1);
    switch (type) {
    case KITH_BOOL: buffer_printf(out, cursor_u8(&cur) ? "true" : "false"); break;
    case KITH_INT8: buffer_printf(out, "%d", (int)(int8_t)cursor_u8(&cur)); break;
    case KITH_INT16: buffer_printf(out, "%d", (int)(int16_t)cursor_u16(&cur)); break;
    case KITH_INT32: buffer_printf(out, "%d", (int)(int32_t)cursor_u32(&cur)); break;
    case KITH_INT64: buffer_printf(out, "%lld", (long long)cursor_u64(&cur)); break;
    case KITH_FLOAT: put_float(cursor_f32(&cur), out); break;
    case KITH_DOUBLE: put_double(cursor_f64(&cur), out); break;
    case KITH_VARCHAR: {
        uint32_t len = cursor_u32(&cur);
        const uint8_t *text = cursor_take(&cur, len);
        if (text) json_write_string(out, (const char *)text, len);
        break;
    }
    default: cur.failed = true;
    }
    if (cursor_failed(&cur)) {
        out->len = comma;
        return false;
    }
    *at += cur.pos;
    return true;
}

static void put_array(enum kith_type element, struct kith_str value, struct buffer *out)
{
    size_t at = 0;
    buffer_put(out, "[", 1);
    while (put_element(element, value, &at, out)) continue;
    buffer_put(out, "]", 1);
}

static void put_string(struct kith_str value, bool json, struct buffer *out)
{
    if (json) {
        json_write_string(out, value.data, value.len);
    } else {
        buffer_put(out, value.data, value.len);
    }
}

static void put_value(const struct cells_column *cells, size_t row, bool json, struct buffer *out)
{
    const struct kith_column *column = cells->column;
    size_t i = data_index(column, row);
    if (column->valid && !column->valid[row]) {
        buffer_printf(out, "null");
        return;
    }
    switch (column->type) {
    case KITH_BOOL:
        buffer_printf(out, ((const uint8_t *)column->data)[i] ? "true" : "false");
        return;
    case KITH_INT8: buffer_printf(out, "%d", ((const int8_t *)column->data)[i]); return;
    case KITH_INT16: buffer_printf(out, "%d", ((const int16_t *)column->data)[i]); return;
    case KITH_INT32: buffer_printf(out, "%d", (int)((const int32_t *)column->data)[i]); return;
    case KITH_INT64:
    case KITH_TIMESTAMPTZ:
        buffer_printf(out, "%lld", (long long)((const int64_t *)column->data)[i]);
        return;
    case KITH_FLOAT: put_float(((const float *)column->data)[i], out); return;
    case KITH_DOUBLE: put_double(((const double *)column->data)[i], out); return;
    case KITH_VARCHAR:
    case KITH_GEOMETRY:
        put_string(((const struct kith_str *)column->data)[i], json, out);
        return;
    case KITH_JSON: put_string(((const struct kith_str *)column->data)[i], false, out); return;
    case KITH_ARRAY:
        put_array(cells->element, ((const struct kith_str *)column->data)[i], out);
        return;
    case KITH_SPARSE_VECTOR:
        put_sparse(((const struct kith_str *)column->data)[i], !json, out);
        return;
    case KITH_BINARY_VECTOR:
    case KITH_FLOAT_VECTOR:
    case KITH_FLOAT16_VECTOR:
    case KITH_BFLOAT16_VECTOR:
    case KITH_INT8_VECTOR: put_vector(column, i, !json, out); return;
    default: buffer_printf(out, "null");
    }
}

void cells_text(const struct cells_column *cells, size_t row, struct buffer *out)
{
    put_value(cells, row, false, out);
}

void cells_json(const struct cells_column *cells, size_t row, struct buffer *out)
{
    put_value(cells, row, true, out);
}

void cells_json_row(const struct kith_result *result, const struct kith_schema *schema, size_t row,
                    struct buffer *out)
{
    for (size_t c = 0; c < result->column_count; c++) {
        const struct cells_column cells = cells_column(&result->columns[c], schema);
        if (c) buffer_put(out, ",", 1);
        json_write_string(out, cells.column->field, strlen(cells.column->field));
        buffer_put(out, ":", 1);
        cells_json(&cells, row, out);
        if (c || !result->distances) continue;
        buffer_printf(out, ",\"distance\":");
        put_float(result->distances[row], out);
    }
}

static bool is_number(enum kith_type type)
{
    return type >= KITH_INT8 && type <= KITH_DOUBLE;
}

void cells_heading(struct table *table, const struct kith_result *result, bool bold)
{
    size_t extra = result->distances != NULL;
    table_init(table, result->column_count + extra, bold);
    for (size_t c = 0; c < result->column_count && c + extra < table->columns; c++) {
        table_cell_text(table, result->columns[c].field);
        table->right[c ? c + extra : 0] = is_number(result->columns[c].type);
        if (c || !extra) continue;
        table_cell_text(table, "distance");
        table->right[1] = true;
    }
}

void cells_rows(struct table *table, const struct kith_result *result,
                const struct kith_schema *schema)
{
    size_t extra = result->distances != NULL;
    struct buffer text;
    buffer_init(&text);
    for (size_t row = 0; row < result->rows; row++) {
        for (size_t c = 0; c < result->column_count && c + extra < table->columns; c++) {
            const struct cells_column cells = cells_column(&result->columns[c], schema);
            buffer_clear(&text);
            cells_text(&cells, row, &text);
            table_cell(table, (const char *)text.data, text.len);
            if (c || !extra) continue;
            buffer_clear(&text);
            buffer_printf(&text, "%.6g", (double)result->distances[row]);
            table_cell(table, (const char *)text.data, text.len);
        }
    }
    buffer_release(&text);
}
