/*
 * Rows of JSON as the columns of an InsertRequest or UpsertRequest.
 *
 * One column a field, filled row after row in the message's own encoding: packed numbers, strings
 * with their length, vectors end to end. A row first sorts its members into slots, one for each
 * field, so that the last of equal keys counts; keys that name no field become members of the
 * dynamic field's object, copied as they stand. A column that no row mentions is left out where the
 * protocol allows it, and nulls are told by valid_data with only the valid rows' data, so a whole
 * column costs what its values cost. What values may be (lengths, ranges of dates, dimensions in
 * detail) is checked where gRPC's rows are; here only what cannot be written as bytes is refused.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "milvus/rest.h"
#include "proto/wire.h"

enum { FIELDS_MAX = 128, EXTRAS_TRACKED = 64 };

struct column {
    const MilvusField *field;
    int type;
    size_t dim;
    struct buffer data;  /* encoded values; without their head */
    struct buffer valid; /* one byte a row */
    size_t given;        /* rows that have a value */
    bool named;          /* some row has the key */
};

struct rows_in {
    struct rest *rest;
    const MilvusSchema *schema;
    bool partial;
    size_t rows;
    struct column columns[FIELDS_MAX];
    struct json_value slots[FIELDS_MAX];
    struct buffer dynamic; /* contents of a JSONArray */
    struct buffer object;  /* the row's dynamic object */
    struct json_value extra_keys[EXTRAS_TRACKED], extra_values[EXTRAS_TRACKED];
    size_t extras;
    struct buffer scratch;
};

static bool bad(struct rows_in *in, const char *field, const char *problem)
{
    rest_fail(in->rest, 1804, "fail to deal the insert data, error: %s: field %.200s of row %zu",
              problem, field, in->rows);
    return false;
}

/* ---- single values: NULL, or what is wrong ---- */

static void put_varint(struct buffer *out, uint64_t value) { buffer_put_varint(out, value); }

static const char *int_in(const struct json_value *value, int type, struct buffer *out)
{
    int64_t number;
    if (!rest_value_int(value, &number)) return "an integer is expected";
    const int bits = type == KITH_INT8 ? 7 : type == KITH_INT16 ? 15 : type == KITH_INT32 ? 31 : 63;
    if (bits < 63 && (number < -(1ll << bits) || number >= 1ll << bits))
        return "the integer is out of range";
    put_varint(out, (uint64_t)number);
    return NULL;
}

static const char *real_in(const struct json_value *value, int type, struct buffer *out)
{
    double number;
    if (!rest_value_double(value, &number)) return "a number is expected";
    if (type == KITH_DOUBLE) {
        buffer_put_f64(out, number);
        return NULL;
    }
    if (!isfinite((float)number)) return "value is not a number or infinity";
    buffer_put_f32(out, (float)number);
    return NULL;
}

static const char *bool_in(const struct json_value *value, struct buffer *out)
{
    bool yes;
    if (!rest_value_bool(value, &yes)) return "a boolean is expected";
    buffer_put_u8(out, yes);
    return NULL;
}

/* field 1 of a StringArray, JSONArray and the like */
static void put_element(struct buffer *out, const void *data, size_t len)
{
    buffer_put_u8(out, 1 << 3 | WIRE_BYTES);
    buffer_put_bytes(out, data, len);
}

static const char *text_in(struct rows_in *in, const struct json_value *value, struct buffer *out)
{
    if (value->kind == JSON_ARRAY || value->kind == JSON_OBJECT) return "a string is expected";
    if (value->kind != JSON_STRING) {
        put_element(out, value->text, value->len);
    } else if (!value->has_escapes) {
        put_element(out, value->text + 1, value->len - 2);
    } else {
        buffer_clear(&in->scratch);
        if (json_unescape(value, &in->scratch)) return "no memory";
        put_element(out, in->scratch.data, in->scratch.len);
    }
    return NULL;
}

/* Any JSON; a string is the text of some. */
static const char *json_in(struct rows_in *in, const struct json_value *value, struct buffer *out)
{
    if (value->kind != JSON_STRING) {
        put_element(out, value->text, value->len);
        return NULL;
    }
    buffer_clear(&in->scratch);
    if (json_unescape(value, &in->scratch)) return "no memory";
    if (json_validate((const char *)in->scratch.data, in->scratch.len, NULL))
        return "the string is no JSON text";
    put_element(out, in->scratch.data, in->scratch.len);
    return NULL;
}

static const char *scalar_in(struct rows_in *in, const struct json_value *value, int type,
                             struct buffer *out)
{
    switch (type) {
    case KITH_BOOL: return bool_in(value, out);
    case KITH_INT8:
    case KITH_INT16:
    case KITH_INT32:
    case KITH_INT64: return int_in(value, type, out);
    case KITH_FLOAT:
    case KITH_DOUBLE: return real_in(value, type, out);
    case KITH_JSON: return json_in(in, value, out);
    default: return text_in(in, value, out);
    }
}

/* The member of ScalarField that holds a type. */
static uint32_t scalar_number(int type)
{
    switch (type) {
    case KITH_BOOL: return 1;
    case KITH_INT8:
    case KITH_INT16:
    case KITH_INT32: return 2;
    case KITH_INT64: return 3;
    case KITH_FLOAT: return 4;
    case KITH_DOUBLE: return 5;
    case KITH_ARRAY: return 8;
    case KITH_JSON: return 9;
    case KITH_GEOMETRY: return 12;
    default: return 6;
    }
}

static bool is_packed(int type) { return scalar_number(type) <= 5; }

/* Bytes of a "<Type>Array" message around elements, and the message itself. */
static size_t array_size(int type, size_t len)
{
    return is_packed(type) ? wire_bytes_size(1, len) : len;
}

static void put_array(struct buffer *out, int type, const struct buffer *data)
{
    if (is_packed(type)) wire_put_head(out, 1, data->len);
    buffer_put(out, data->data, data->len);
}

static const char *array_in(struct rows_in *in, const struct column *column,
                            const struct json_value *value, struct buffer *out)
{
    const int type = (int)column->field->element_type;
    struct buffer elements;
    struct json_iter iter;
    struct json_value element;
    const char *problem = NULL;
    if (value->kind != JSON_ARRAY) return "an array is expected";
    buffer_init(&elements);
    json_iter_init(&iter, value);
    while (!problem && json_iter_next(&iter, NULL, &element) == 1)
        problem = element.kind == JSON_NULL ? "an array has no null elements"
                                            : scalar_in(in, &element, type, &elements);
    const size_t inner = array_size(type, elements.len);
    wire_put_head(out, 1, wire_bytes_size(scalar_number(type), inner));
    wire_put_head(out, scalar_number(type), inner);
    put_array(out, type, &elements);
    if (buffer_failed(&elements)) problem = "no memory";
    buffer_release(&elements);
    return problem;
}

static const char *sparse_in(struct rows_in *in, const struct json_value *value, struct buffer *out)
{
    buffer_clear(&in->scratch);
    const char *problem = rest_vector_in(in->rest, value, KITH_SPARSE_VECTOR, 0, &in->scratch);
    put_element(out, in->scratch.data, in->scratch.len);
    return problem;
}

static const char *value_in(struct rows_in *in, struct column *column,
                            const struct json_value *value)
{
    if (column->type == KITH_ARRAY) return array_in(in, column, value, &column->data);
    if (column->type == KITH_SPARSE_VECTOR) return sparse_in(in, value, &column->data);
    if (column->type >= KITH_BINARY_VECTOR)
        return rest_vector_in(in->rest, value, column->type, column->dim, &column->data);
    return scalar_in(in, value, column->type, &column->data);
}

/* ---- rows ---- */

static size_t find_field(const struct rows_in *in, const char *name, size_t len, size_t hint)
{
    const size_t count = in->schema->n_fields;
    for (size_t i = 0; i < count; i++) {
        const size_t at = hint + i < count ? hint + i : hint + i - count;
        const char *have = in->schema->fields[at]->name;
        if (strncmp(have, name, len) == 0 && have[len] == 0) return at;
    }
    return count;
}

static bool same_key(const struct json_value *a, const struct json_value *b)
{
    return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

static void put_member(struct buffer *out, const struct json_value *key,
                       const struct json_value *value)
{
    rest_comma(out);
    buffer_put(out, key->text, key->len);
    buffer_put_u8(out, ':');
    buffer_put(out, value->text, value->len);
}

/* The first ones are held back, so that a later one of the same key replaces them. */
static void add_extra(struct rows_in *in, const struct json_value *key,
                      const struct json_value *value)
{
    for (size_t i = 0; i < in->extras; i++) {
        if (!same_key(&in->extra_keys[i], key)) continue;
        in->extra_values[i] = *value;
        return;
    }
    if (in->extras == EXTRAS_TRACKED) {
        put_member(&in->object, key, value);
        return;
    }
    in->extra_keys[in->extras] = *key;
    in->extra_values[in->extras++] = *value;
}

/* The field of a key; n_fields: none. */
static bool look_up(struct rows_in *in, const struct json_value *key, size_t hint, size_t *at)
{
    if (!key->has_escapes) {
        *at = find_field(in, key->text + 1, key->len - 2, hint);
        return true;
    }
    buffer_clear(&in->scratch);
    if (json_unescape(key, &in->scratch)) return false;
    *at = find_field(in, (const char *)in->scratch.data, in->scratch.len, hint);
    return true;
}

static bool sort_members(struct rows_in *in, const struct json_value *row)
{
    struct json_iter iter;
    struct json_value key, value;
    size_t hint = 0, at;
    const size_t count = in->schema->n_fields;
    for (size_t i = 0; i < count; i++) in->slots[i].text = NULL;
    in->extras = 0;
    buffer_clear(&in->object);
    rest_raw(&in->object, "{");
    json_iter_init(&iter, row);
    while (json_iter_next(&iter, &key, &value) == 1) {
        if (!look_up(in, &key, hint, &at)) return bad(in, "?", "a broken key");
        hint = at + 1 < count ? at + 1 : 0;
        if (at < count) in->slots[at] = value;
        else if (in->schema->enable_dynamic_field) add_extra(in, &key, &value);
        else if (!in->rest->failed) {
            rest_fail(in->rest, 1804, "fail to deal the insert data, error: has pass more field "
                      "without dynamic schema, please check it");
            return false;
        }
    }
    return true;
}

static bool may_lack(const struct rows_in *in, const MilvusField *field)
{
    return in->partial || field->nullable || field->default_value || field->is_function_output ||
           (field->is_primary_key && field->autoid);
}

static bool add_value(struct rows_in *in, size_t at)
{
    struct column *column = &in->columns[at];
    const struct json_value *value = &in->slots[at];
    const bool given = value->text && value->kind != JSON_NULL;
    column->named = column->named || value->text;
    buffer_put_u8(&column->valid, given);
    if (!given) {
        if (may_lack(in, column->field)) return true;
        rest_fail(in->rest, 1804, "fail to deal the insert data, error: fieldSchema(%s) has no "
                  "corresponding fieldData pass in: row %zu", column->field->name, in->rows);
        return false;
    }
    column->given++;
    const char *problem = value_in(in, column, value);
    return problem ? bad(in, column->field->name, problem) : true;
}

static bool add_row(struct rows_in *in, const struct json_value *row)
{
    if (row->kind != JSON_OBJECT) return bad(in, "", "a row is no object");
    if (!sort_members(in, row)) return false;
    for (size_t i = 0; i < in->schema->n_fields; i++)
        if (!add_value(in, i)) return false;
    if (in->schema->enable_dynamic_field) {
        for (size_t i = 0; i < in->extras; i++)
            put_member(&in->object, &in->extra_keys[i], &in->extra_values[i]);
        buffer_put_u8(&in->object, '}');
        put_element(&in->dynamic, in->object.data, in->object.len);
    }
    in->rows++;
    return true;
}

/* ---- columns out ---- */

static void put_common(struct buffer *out, int type, const char *name)
{
    wire_put_varint(out, 1, (uint64_t)type);
    wire_put_text(out, 2, name);
}

static void put_scalars(struct buffer *out, int type, const struct buffer *data, int element)
{
    size_t inner = array_size(type, data->len);
    const size_t tail = element ? wire_tag_size(2) + wire_varint_size((uint64_t)element) : 0;
    inner += tail;
    wire_put_head(out, 3, wire_bytes_size(scalar_number(type), inner));
    wire_put_head(out, scalar_number(type), inner);
    put_array(out, type, data);
    if (element) wire_put_varint(out, 2, (uint64_t)element);
}

/* Largest index + 1 is not needed on the way in; a dense vector's dim is the schema's. */
static void put_vectors(struct buffer *out, const struct column *column)
{
    static const uint8_t numbers[] = { 3, 2, 4, 5, 6, 7 }; /* by type from KITH_BINARY_VECTOR on */
    const uint32_t number = numbers[column->type - KITH_BINARY_VECTOR];
    const size_t inner = column->type == KITH_FLOAT_VECTOR ? wire_bytes_size(1, column->data.len)
                                                           : column->data.len;
    const size_t dim = column->dim ? wire_tag_size(1) + wire_varint_size(column->dim) : 0;
    wire_put_head(out, 4, dim + wire_bytes_size(number, inner));
    wire_put_varint(out, 1, column->dim);
    wire_put_head(out, number, inner);
    if (column->type == KITH_FLOAT_VECTOR) wire_put_head(out, 1, column->data.len);
    buffer_put(out, column->data.data, column->data.len);
}

static bool put_column(struct rows_in *in, const struct column *column, struct buffer *out)
{
    struct buffer *message = &in->scratch;
    if (!column->named || (column->given == 0 && may_lack(in, column->field) && !in->partial))
        return true; /* the field's default, or null */
    if (in->partial && column->given != in->rows && !column->field->nullable)
        return bad(in, column->field->name, "rows of a partial update have the same keys");
    buffer_clear(message);
    put_common(message, column->type, column->field->name);
    if (column->type >= KITH_BINARY_VECTOR) put_vectors(message, column);
    else put_scalars(message, column->type, &column->data,
                     column->type == KITH_ARRAY ? (int)column->field->element_type : 0);
    if (column->given != in->rows) wire_put_bytes(message, 7, column->valid.data, in->rows);
    wire_put_head(out, 5, message->len);
    buffer_put(out, message->data, message->len);
    if (buffer_failed(message)) out->failed = true;
    return true;
}

static void put_dynamic(struct rows_in *in, struct buffer *out)
{
    struct buffer *message = &in->scratch;
    buffer_clear(message);
    put_common(message, KITH_JSON, "$meta");
    put_scalars(message, KITH_JSON, &in->dynamic, 0);
    wire_put_varint(message, 6, 1);
    wire_put_head(out, 5, message->len);
    buffer_put(out, message->data, message->len);
}

/* ---- all of it ---- */

static bool rows_init(struct rows_in *in, struct rest *rest, const MilvusSchema *schema)
{
    memset(in, 0, sizeof *in);
    in->rest = rest;
    in->schema = schema;
    if (schema->n_fields > FIELDS_MAX) return false;
    for (size_t i = 0; i < schema->n_fields; i++) {
        const MilvusField *field = schema->fields[i];
        const char *dim = milvus_pair_get(field->type_params, field->n_type_params, "dim");
        in->columns[i] = (struct column){ .field = field, .type = (int)field->data_type };
        if (dim) in->columns[i].dim = strtoul(dim, NULL, 10);
        if (field->data_type > MILVUS__PROTO__SCHEMA__DATA_TYPE__Int8Vector) return false;
    }
    return true;
}

static void rows_release(struct rows_in *in)
{
    for (size_t i = 0; i < in->schema->n_fields && i < FIELDS_MAX; i++) {
        buffer_release(&in->columns[i].data);
        buffer_release(&in->columns[i].valid);
    }
    buffer_release(&in->dynamic);
    buffer_release(&in->object);
    buffer_release(&in->scratch);
}

static bool read_rows(struct rows_in *in, const struct json_value *data)
{
    struct json_iter iter;
    struct json_value row;
    if (data->kind == JSON_OBJECT) return add_row(in, data);
    json_iter_init(&iter, data);
    while (json_iter_next(&iter, NULL, &row) == 1)
        if (!add_row(in, &row)) return false;
    return true;
}

static bool write_columns(struct rows_in *in, struct buffer *out)
{
    for (size_t i = 0; i < in->schema->n_fields; i++)
        if (!put_column(in, &in->columns[i], out)) return false;
    if (in->schema->enable_dynamic_field && !in->partial) put_dynamic(in, out);
    bool failed = buffer_failed(&in->dynamic) || buffer_failed(&in->object) || buffer_failed(out);
    for (size_t i = 0; i < in->schema->n_fields; i++)
        failed = failed || buffer_failed(&in->columns[i].data) ||
                 buffer_failed(&in->columns[i].valid);
    if (failed) rest_no_memory(in->rest);
    return !failed;
}

bool rest_rows_in(struct rest *rest, const struct milvus_collection *collection,
                  const struct json_value *data, bool partial, struct buffer *out, size_t *rows)
{
    struct rows_in *in = arena_alloc(rest->call.arena, sizeof *in);
    if (!in) {
        rest_no_memory(rest);
        return false;
    }
    if (!rows_init(in, rest, collection->record->schema)) {
        rest_fail(rest, MILVUS_UNIMPLEMENTED, "service unimplemented: rows of this schema in JSON");
        return false;
    }
    in->partial = partial;
    const bool good = read_rows(in, data) && write_columns(in, out);
    *rows = in->rows;
    rows_release(in);
    return good;
}
