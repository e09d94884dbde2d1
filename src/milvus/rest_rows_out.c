/*
 * Columns of a reply as rows of JSON.
 *
 * A FieldData message is walked in place: each column keeps a position, and a row takes the next
 * value of each. Numbers come packed, so that position is a place in a run of varints or of fixed
 * widths; strings and sparse vectors are one wire field each. Vectors of nulls are not there at
 * all, scalars of nulls are there and passed over. The messages are our own replies, but nothing
 * here trusts their lengths: a column that ends early ends the reply with an error.
 */
#include <math.h>
#include <string.h>

#include "milvus/rest.h"
#include "proto/wire.h"

enum { COLUMNS_MAX = 160 };

struct column_out {
    const char *name;
    size_t name_len;
    int type, element;
    bool dynamic;
    size_t dim;
    const uint8_t *valid; /* packed booleans; NULL: all valid */
    size_t valid_count;
    size_t row;
    struct wire values; /* packed run, repeated field, or vector bytes */
};

struct rest_rows {
    struct rest *rest;
    size_t count;
    struct column_out columns[COLUMNS_MAX];
};

int rest_rows_new(struct rest *rest, struct rest_rows **out)
{
    struct rest_rows *rows = arena_alloc(rest->call.arena, sizeof *rows);
    if (!rows) return KITH_ENOMEM;
    rows->rest = rest;
    rows->count = 0;
    *out = rows;
    return 0;
}

/* ---- taking a FieldData apart ---- */

/* The only field of a "<Type>Array": the packed run, or the whole message when it repeats
 * strings. */
static int enter_array(struct column_out *column, const struct wire_field *array, uint32_t kind)
{
    struct wire inner;
    struct wire_field field;
    wire_enter(&inner, array);
    wire_enter(&column->values, array);
    if (kind > 5) return 0; /* strings, arrays, JSON, geometry: repeated */
    const int more = wire_next(&inner, &field);
    if (more == 0) return 0;
    if (more < 0 || field.number != 1 || field.type != WIRE_BYTES) return KITH_EINVAL;
    wire_enter(&column->values, &field);
    return 0;
}

static int enter_scalars(struct column_out *column, const struct wire_field *scalars)
{
    struct wire inner;
    struct wire_field field;
    int more;
    wire_enter(&inner, scalars);
    while ((more = wire_next(&inner, &field)) == 1) {
        if (field.type != WIRE_BYTES || field.number > 12) continue;
        const int rc = enter_array(column, &field, field.number);
        if (rc) return rc;
    }
    return more;
}

static int enter_vectors(struct column_out *column, const struct wire_field *vectors)
{
    struct wire inner, floats;
    struct wire_field field;
    int more;
    wire_enter(&inner, vectors);
    while ((more = wire_next(&inner, &field)) == 1) {
        if (field.number == 1) column->dim = (size_t)field.value;
        if (field.type != WIRE_BYTES || field.number == 9) continue;
        wire_enter(&column->values, &field);
        if (field.number != 2) continue;
        wire_enter(&floats, &field);
        column->values.end = column->values.pos;
        if (wire_next(&floats, &field) == 1 && field.type == WIRE_BYTES)
            wire_enter(&column->values, &field);
    }
    return more;
}

static int take_part(struct column_out *column, const struct wire_field *field)
{
    switch (field->number) {
    case 1: column->type = (int)field->value; return 0;
    case 2:
        column->name = (const char *)field->data;
        column->name_len = field->len;
        return 0;
    case 3: return enter_scalars(column, field);
    case 4: return enter_vectors(column, field);
    case 6: column->dynamic = field->value != 0; return 0;
    case 7:
        column->valid = field->len ? field->data : NULL;
        column->valid_count = field->len;
        return 0;
    default: return 0;
    }
}

int rest_rows_add(struct rest_rows *rows, const uint8_t *data, size_t len)
{
    static const uint8_t nothing[1];
    struct wire wire;
    struct wire_field field;
    int more;
    if (rows->count == COLUMNS_MAX) return KITH_ELIMIT;
    struct column_out *column = &rows->columns[rows->count];
    *column = (struct column_out){ .name = "" };
    wire_init(&column->values, nothing, 0);
    wire_init(&wire, len ? data : nothing, len);
    while ((more = wire_next(&wire, &field)) == 1) {
        const int rc = take_part(column, &field);
        if (rc) return rc;
    }
    if (more == 0) rows->count++;
    return more;
}

/* ---- how many rows there are ---- */

static size_t left(const struct wire *wire) { return (size_t)(wire->end - wire->pos); }

static size_t count_fields(struct wire wire)
{
    struct wire_field field;
    size_t count = 0;
    while (wire_next(&wire, &field) == 1) count += field.number == 1;
    return count;
}

static size_t vector_bytes(const struct column_out *column)
{
    switch (column->type) {
    case KITH_FLOAT_VECTOR: return column->dim * 4;
    case KITH_BINARY_VECTOR: return column->dim / 8;
    case KITH_INT8_VECTOR: return column->dim;
    default: return column->dim * 2;
    }
}

size_t rest_rows_count(const struct rest_rows *rows)
{
    if (rows->count == 0) return 0;
    const struct column_out *column = &rows->columns[0];
    if (column->valid) return column->valid_count;
    switch (column->type) {
    case KITH_BOOL:
    case KITH_INT8:
    case KITH_INT16:
    case KITH_INT32:
    case KITH_INT64: return wire_varint_count(column->values.pos, left(&column->values));
    case KITH_FLOAT: return left(&column->values) / 4;
    case KITH_DOUBLE: return left(&column->values) / 8;
    case KITH_BINARY_VECTOR:
    case KITH_FLOAT_VECTOR:
    case KITH_FLOAT16_VECTOR:
    case KITH_BFLOAT16_VECTOR:
    case KITH_INT8_VECTOR: {
        const size_t size = vector_bytes(column);
        return size ? left(&column->values) / size : 0;
    }
    default: return count_fields(column->values);
    }
}

/* ---- values: 0 or KITH_EINVAL ---- */

static int put_float(struct wire *wire, struct buffer *out)
{
    float value;
    if (left(wire) < sizeof value) return KITH_EINVAL;
    memcpy(&value, wire->pos, sizeof value);
    wire->pos += sizeof value;
    if (isfinite(value)) json_write_float(out, value);
    else rest_raw(out, "null");
    return 0;
}

static int put_double(struct wire *wire, struct buffer *out)
{
    double value;
    if (left(wire) < sizeof value) return KITH_EINVAL;
    memcpy(&value, wire->pos, sizeof value);
    wire->pos += sizeof value;
    if (isfinite(value)) json_write_double(out, value);
    else rest_raw(out, "null");
    return 0;
}

static int put_int(struct wire *wire, int type, bool as_text, struct buffer *out)
{
    uint64_t value;
    if (!wire_varint(wire, &value)) return KITH_EINVAL;
    if (type == KITH_BOOL) {
        rest_raw(out, value ? "true" : "false");
        return 0;
    }
    if (as_text) buffer_put_u8(out, '"');
    rest_int64(out, (int64_t)value);
    if (as_text) buffer_put_u8(out, '"');
    return 0;
}

static int next_bytes(struct wire *wire, struct wire_field *field)
{
    do {
        if (wire_next(wire, field) != 1) return KITH_EINVAL;
    } while (field->number != 1 || field->type != WIRE_BYTES);
    return 0;
}

static int put_string(struct wire *wire, struct buffer *out)
{
    struct wire_field field;
    if (next_bytes(wire, &field)) return KITH_EINVAL;
    json_write_string(out, (const char *)field.data, field.len);
    return 0;
}

static int put_sparse(struct wire *wire, struct buffer *out)
{
    struct wire_field field;
    if (next_bytes(wire, &field)) return KITH_EINVAL;
    rest_raw(out, "{");
    for (size_t i = 0; i + 8 <= field.len; i += 8) {
        uint32_t index;
        float value;
        memcpy(&index, field.data + i, sizeof index);
        memcpy(&value, field.data + i + 4, sizeof value);
        rest_comma(out);
        buffer_put_u8(out, '"');
        rest_int64(out, index);
        rest_raw(out, "\":");
        json_write_float(out, isfinite(value) ? value : 0);
    }
    rest_raw(out, "}");
    return 0;
}

static int put_vector(struct column_out *column, struct buffer *out)
{
    const size_t size = vector_bytes(column);
    int rc = 0;
    if (column->type == KITH_SPARSE_VECTOR) return put_sparse(&column->values, out);
    if (left(&column->values) < size) return KITH_EINVAL;
    if (column->type != KITH_FLOAT_VECTOR) {
        rest_base64(out, column->values.pos, size);
        column->values.pos += size;
        return 0;
    }
    rest_raw(out, "[");
    for (size_t i = 0; rc == 0 && i < column->dim; i++) {
        if (i) buffer_put_u8(out, ',');
        rc = put_float(&column->values, out);
    }
    rest_raw(out, "]");
    return rc;
}

static int put_scalar(struct wire *wire, int type, bool int64_text, struct buffer *out)
{
    switch (type) {
    case KITH_BOOL:
    case KITH_INT8:
    case KITH_INT16:
    case KITH_INT32:
    case KITH_INT64: return put_int(wire, type, type == KITH_INT64 && int64_text, out);
    case KITH_FLOAT: return put_float(wire, out);
    case KITH_DOUBLE: return put_double(wire, out);
    default: return put_string(wire, out);
    }
}

/* One ScalarField of an array column, in the shape that clients know:
 * {"Data":{"LongData":{"data":[...]}}}, elements always numbers. */
static int put_array(struct wire *wire, struct buffer *out)
{
    static const char *const names[] = { "BoolData", "IntData", "LongData", "FloatData",
                                         "DoubleData", "StringData" };
    static const uint8_t types[] = { KITH_BOOL, KITH_INT32, KITH_INT64, KITH_FLOAT, KITH_DOUBLE,
                                     KITH_VARCHAR };
    struct wire_field field;
    struct wire inner;
    struct column_out array = { .name = "" };
    if (next_bytes(wire, &field)) return KITH_EINVAL;
    wire_enter(&inner, &field);
    if (wire_next(&inner, &field) != 1 || field.number == 0 || field.number > 6 ||
        enter_array(&array, &field, field.number)) {
        rest_raw(out, "{\"Data\":null}");
        return 0;
    }
    rest_raw(out, "{\"Data\":{\"");
    rest_raw(out, names[field.number - 1]);
    rest_raw(out, "\":{\"data\":[");
    int rc = 0;
    while (rc == 0 && left(&array.values)) {
        rest_comma(out);
        rc = put_scalar(&array.values, types[field.number - 1], false, out);
    }
    rest_raw(out, "]}}}");
    return rc;
}

/* The object's members beside those of the row. */
static int put_dynamic(struct wire *wire, struct buffer *out)
{
    struct wire_field field;
    if (next_bytes(wire, &field)) return KITH_EINVAL;
    const char *text = (const char *)field.data;
    size_t len = field.len;
    while (len && (unsigned char)text[len - 1] <= ' ') len--;
    while (len && (unsigned char)*text <= ' ') text++, len--;
    if (len < 2 || text[0] != '{' || text[len - 1] != '}') return 0;
    text++;
    len -= 2;
    while (len && (unsigned char)*text <= ' ') text++, len--;
    if (len == 0) return 0;
    rest_comma(out);
    buffer_put(out, text, len);
    return 0;
}

/* ---- a row ---- */

static int put_value(const struct rest_rows *rows, struct column_out *column, struct buffer *out)
{
    if (column->type >= KITH_BINARY_VECTOR) return put_vector(column, out);
    if (column->type == KITH_ARRAY) return put_array(&column->values, out);
    return put_scalar(&column->values, column->type, rows->rest->int64_text, out);
}

/* Past the filler that stands for a null among scalars. */
static int skip(struct column_out *column)
{
    struct wire_field field;
    uint64_t value;
    const size_t width = column->type == KITH_FLOAT ? 4 : column->type == KITH_DOUBLE ? 8 : 0;
    if (column->type >= KITH_BINARY_VECTOR) return 0;
    if (width) {
        if (left(&column->values) < width) return KITH_EINVAL;
        column->values.pos += width;
        return 0;
    }
    if (column->type <= KITH_INT64) return wire_varint(&column->values, &value) ? 0 : KITH_EINVAL;
    return next_bytes(&column->values, &field);
}

static void put_name(const struct column_out *column, struct buffer *out)
{
    rest_comma(out);
    json_write_string(out, column->name, column->name_len);
    buffer_put_u8(out, ':');
}

static int put_member(const struct rest_rows *rows, struct column_out *column, bool hidden,
                      struct buffer *out)
{
    const bool valid = !column->valid ||
                       (column->row < column->valid_count && column->valid[column->row]);
    column->row++;
    if (hidden && column->type < KITH_BINARY_VECTOR) return skip(column);
    if (column->dynamic && valid) return put_dynamic(&column->values, out);
    if (!hidden && !column->dynamic) put_name(column, out);
    if (valid) return put_value(rows, column, out);
    if (!column->dynamic) rest_raw(out, "null");
    return skip(column);
}

int rest_rows_put(struct rest_rows *rows, const char *but, struct buffer *out)
{
    const size_t len = but ? strlen(but) : 0;
    for (size_t i = 0; i < rows->count; i++) {
        struct column_out *column = &rows->columns[i];
        const bool hidden =
            but && column->name_len == len && memcmp(column->name, but, len) == 0;
        const int rc = put_member(rows, column, hidden, out);
        if (rc) return rc;
    }
    return 0;
}
