/*
 * Values of a collection's rows as the texts that Redis clients expect: numbers in decimal, truth
 * as true and false, arrays as JSON, vectors as blobs of FLOAT32, everything else as it is. A key
 * of the dynamic field is a value of JSON: strings come bare.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/endian.h"
#include "base/json.h"
#include "kernel/kernel.h"
#include "redis/search_collection.h"

/* ---- vectors ---- */

static void put_floats(struct buffer *out, const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) buffer_put_f32(out, values[i]);
}

static void put_halves(struct buffer *out, const uint16_t *values, size_t count, bool brain)
{
    for (size_t i = 0; i < count; i++) {
        float value;
        if (brain) kernel_bf16_to_f32(&values[i], &value, 1);
        else kernel_f16_to_f32(&values[i], &value, 1);
        buffer_put_f32(out, value);
    }
}

static void put_bytes(struct buffer *out, const int8_t *values, size_t count)
{
    for (size_t i = 0; i < count; i++) buffer_put_f32(out, (float)values[i]);
}

static bool put_vector(const struct kith_column *column, size_t row, struct buffer *out)
{
    const size_t dim = column->dim;
    switch (column->type) {
    case KITH_FLOAT_VECTOR: put_floats(out, (const float *)column->data + row * dim, dim); break;
    case KITH_FLOAT16_VECTOR:
    case KITH_BFLOAT16_VECTOR:
        put_halves(out, (const uint16_t *)column->data + row * dim, dim,
                   column->type == KITH_BFLOAT16_VECTOR);
        break;
    case KITH_INT8_VECTOR: put_bytes(out, (const int8_t *)column->data + row * dim, dim); break;
    case KITH_BINARY_VECTOR:
        buffer_put(out, (const uint8_t *)column->data + row * (dim / 8), dim / 8);
        break;
    default: return false;
    }
    return true;
}

/* ---- arrays: packed elements to JSON ---- */

static void put_real(struct buffer *out, double value, bool single)
{
    if (!isfinite(value)) buffer_printf(out, "null");
    else if (single) json_write_float(out, (float)value);
    else json_write_double(out, value);
}

static void put_element(enum kith_type type, struct cursor *in, struct buffer *out)
{
    size_t len;
    const uint8_t *text;
    switch (type) {
    case KITH_BOOL: buffer_printf(out, "%s", cursor_u8(in) ? "true" : "false"); break;
    case KITH_INT8: buffer_printf(out, "%d", (int)(int8_t)cursor_u8(in)); break;
    case KITH_INT16: buffer_printf(out, "%d", (int)(int16_t)cursor_u16(in)); break;
    case KITH_INT32: buffer_printf(out, "%d", (int)(int32_t)cursor_u32(in)); break;
    case KITH_INT64: buffer_printf(out, "%lld", (long long)cursor_u64(in)); break;
    case KITH_FLOAT: put_real(out, (double)cursor_f32(in), true); break;
    case KITH_DOUBLE: put_real(out, cursor_f64(in), false); break;
    case KITH_VARCHAR:
        len = cursor_u32(in);
        text = cursor_take(in, len);
        if (text) json_write_string(out, (const char *)text, len);
        break;
    default: in->failed = true; break;
    }
}

static void put_array(enum kith_type element, struct kith_str packed, struct buffer *out)
{
    struct cursor in;
    cursor_init(&in, packed.data, packed.len);
    buffer_printf(out, "[");
    for (size_t i = 0; cursor_left(&in) && !cursor_failed(&in); i++) {
        if (i) buffer_printf(out, ",");
        put_element(element, &in, out);
    }
    buffer_printf(out, "]");
}

/* ---- one value ---- */

static void put_json(struct kith_str text, struct buffer *out)
{
    struct json_value value;
    size_t used;
    if (json_read(text.data, text.len, &value, &used, NULL) == 0 && value.kind == JSON_STRING) {
        if (json_unescape(&value, out) != 0) out->failed = true;
    } else {
        buffer_put(out, text.data, text.len);
    }
}

static enum kith_type element_of(const struct search_rows *rows, const char *name)
{
    const struct kith_schema *schema = &rows->info->schema;
    for (size_t i = 0; i < schema->field_count; i++)
        if (strcmp(schema->fields[i].name, name) == 0) return schema->fields[i].element_type;
    return KITH_VARCHAR;
}

static bool put_value(const struct search_rows *rows, const struct kith_column *column, size_t row,
                      struct buffer *out)
{
    const void *data = column->data;
    if (column->valid && !column->valid[row]) return false;
    switch (column->type) {
    case KITH_BOOL:
        buffer_printf(out, "%s", ((const uint8_t *)data)[row] ? "true" : "false");
        return true;
    case KITH_INT8: buffer_printf(out, "%d", (int)((const int8_t *)data)[row]); return true;
    case KITH_INT16: buffer_printf(out, "%d", (int)((const int16_t *)data)[row]); return true;
    case KITH_INT32: buffer_printf(out, "%d", (int)((const int32_t *)data)[row]); return true;
    case KITH_TIMESTAMPTZ:
    case KITH_INT64:
        buffer_printf(out, "%lld", (long long)((const int64_t *)data)[row]);
        return true;
    case KITH_FLOAT: put_real(out, (double)((const float *)data)[row], true); return true;
    case KITH_DOUBLE: put_real(out, ((const double *)data)[row], false); return true;
    case KITH_ARRAY:
        put_array(element_of(rows, column->field), ((const struct kith_str *)data)[row], out);
        return true;
    case KITH_JSON: put_json(((const struct kith_str *)data)[row], out); return true;
    case KITH_VARCHAR:
    case KITH_GEOMETRY:
    case KITH_TEXT:
    case KITH_SPARSE_VECTOR: {
        const struct kith_str text = ((const struct kith_str *)data)[row];
        buffer_put(out, text.data, text.len);
        return true;
    }
    default: return put_vector(column, row, out);
    }
}

bool search_rows_text(const struct search_rows *rows, const struct search_doc *doc,
                      struct kith_str name, struct buffer *out)
{
    const struct kith_result *result = rows->result;
    for (size_t i = 0; i < result->column_count; i++)
        if (str_same(str_of(result->columns[i].field), name))
            return put_value(rows, &result->columns[i], doc->place, out);
    return false;
}

int search_rows_each(const struct search_rows *rows, const struct search_doc *doc,
                     void (*fn)(void *ctx, struct kith_str name, struct kith_str value), void *ctx)
{
    const struct kith_result *result = rows->result;
    struct buffer text;
    buffer_init(&text);
    for (size_t i = 0; i < result->column_count; i++) {
        const struct kith_column *column = &result->columns[i];
        bool again = false; /* the key may be asked for once more */
        for (size_t j = 0; j < i && !again; j++)
            again = strcmp(result->columns[j].field, column->field) == 0;
        buffer_clear(&text);
        if (again || !put_value(rows, column, doc->place, &text)) continue;
        fn(ctx, str_of(column->field),
           (struct kith_str){text.data ? (const char *)text.data : "", text.len});
    }
    const bool failed = buffer_failed(&text);
    buffer_release(&text);
    return failed ? KITH_ENOMEM : 0;
}
