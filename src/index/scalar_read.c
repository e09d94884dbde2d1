/*
 * Reading a column (or a path of a JSON column) into the entries of a build.
 *
 * A row exists when it is not null, and for a path when the path is there and not JSON null. It is
 * typed when its value is of the index' kind, so that a probe has true or false for it. Elements of
 * an array, and of a JSON array those of the kind, are one entry each. Texts are copied: a chunk
 * may go when the next one is read. Chunks may come from a damaged file: reads are bounded.
 */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "index/scalar_terms.h"

#define REST_BIAS 0x8000

struct reader {
    struct scalar_values *values;
    struct scalar_path path;
    struct buffer plain; /* a string without its escapes */
    enum kith_type type; /* of one value */
    struct kith_error *err;
};

/* ---- what is collected ---- */

int scalar_values_reserve(struct scalar_values *values, uint64_t bytes)
{
    struct budget *budget = values->job->budget;
    if (!budget) return 0;
    if (!budget_reserve(budget, BUDGET_BUILD, bytes)) return KITH_EBUSY;
    values->reserved += bytes;
    return 0;
}

static int grow(struct scalar_values *values)
{
    const size_t cap = values->cap < 1024 ? 1024 : 2 * values->cap;
    const uint64_t more = (uint64_t)(cap - values->cap) * sizeof *values->entries;
    if (cap > UINT32_MAX) return KITH_ELIMIT;
    const int rc = scalar_values_reserve(values, more);
    if (rc) return rc;
    struct scalar_entry *entries = mem_realloc(values->entries, cap * sizeof *entries);
    if (!entries) return KITH_ENOMEM;
    values->entries = entries;
    values->cap = cap;
    return 0;
}

static int put(struct scalar_values *values, uint64_t key, uint32_t row, uint32_t extra)
{
    const int rc = values->count == values->cap ? grow(values) : 0;
    if (rc) return rc;
    values->entries[values->count++] = (struct scalar_entry){ key, row, extra };
    return 0;
}

static int put_number(struct scalar_values *values, uint32_t row, double number, int32_t rest)
{
    return put(values, scalar_float_bits(number), row, (uint32_t)(rest + REST_BIAS));
}

static int put_text(struct scalar_values *values, uint32_t row, struct kith_str text)
{
    uint8_t front[8] = { 0 };
    const size_t at = values->text.len;
    if (values->fn) return values->fn(values->fn_ctx, row, text);
    if (text.len > UINT32_MAX - 4 || at > UINT32_MAX - 4 - text.len) return KITH_ELIMIT;
    const size_t more = at + 4 + text.len;
    if (more > values->text_reserved) { /* as the buffer doubles */
        const int rc = scalar_values_reserve(values, 2 * more - values->text_reserved);
        if (rc) return rc;
        values->text_reserved = 2 * more;
    }
    buffer_put_u32(&values->text, (uint32_t)text.len);
    buffer_put(&values->text, text.data, text.len);
    if (buffer_failed(&values->text)) return KITH_ENOMEM;
    if (text.len > 0) memcpy(front, text.data, text.len < sizeof front ? text.len : sizeof front);
    return put(values, __builtin_bswap64(le64_get(front)), row, (uint32_t)at);
}

/* ---- values of columns ---- */

static int put_fixed(struct scalar_values *values, enum kith_type type, uint32_t row,
                     const uint8_t *at)
{
    int64_t i;
    switch (type) {
    case KITH_BOOL: i = *at != 0; break;
    case KITH_INT8: i = (int8_t)*at; break;
    case KITH_INT16: i = (int16_t)le16_get(at); break;
    case KITH_INT32: i = (int32_t)le32_get(at); break;
    case KITH_INT64: case KITH_TIMESTAMPTZ: i = (int64_t)le64_get(at); break;
    case KITH_FLOAT: return put_number(values, row, (double)lef32_get(at), 0);
    default: return put_number(values, row, lef64_get(at), 0);
    }
    return put(values, scalar_int_bits(i), row, REST_BIAS);
}

static int put_array(struct reader *reader, uint32_t row, struct kith_str packed)
{
    const size_t width = type_width(reader->type, 0);
    const uint8_t *data = (const uint8_t *)packed.data;
    int rc = 0;
    if (width > 0) {
        for (size_t at = 0; !rc && packed.len - at >= width; at += width)
            rc = put_fixed(reader->values, reader->type, row, data + at);
        return rc;
    }
    for (size_t at = 0; !rc && packed.len - at >= sizeof(uint32_t);) {
        const size_t len = le32_get(data + at);
        at += sizeof(uint32_t);
        if (len > packed.len - at) break;
        rc = put_text(reader->values, row, (struct kith_str){ packed.data + at, len });
        at += len;
    }
    return rc;
}

/* ---- values below a path ---- */

static bool is_of_kind(const struct json_value *json, enum kith_type type)
{
    switch (json->kind) {
    case JSON_BOOL: return type == KITH_BOOL;
    case JSON_INT: case JSON_DOUBLE: return type == KITH_DOUBLE;
    case JSON_STRING: return type == KITH_VARCHAR;
    default: return false;
    }
}

/* 1: it is a value that the filter knows; 0: a text whose escapes cannot be decoded. */
static int put_json(struct reader *reader, uint32_t row, const struct json_value *json)
{
    struct scalar_values *values = reader->values;
    int rc;
    if (json->kind == JSON_BOOL) {
        rc = put(values, scalar_int_bits(json->boolean), row, REST_BIAS);
    } else if (json->kind == JSON_INT) {
        rc = put_number(values, row, (double)json->integer, scalar_int_rest(json->integer));
    } else if (json->kind == JSON_DOUBLE) {
        rc = put_number(values, row, json->number, 0);
    } else if (!json->has_escapes) {
        rc = put_text(values, row, (struct kith_str){ json->text + 1, json->len - 2 });
    } else {
        buffer_clear(&reader->plain);
        rc = json_unescape(json, &reader->plain);
        if (rc == KITH_ENOMEM) return rc;
        if (rc) return 0;
        rc = put_text(values, row, (struct kith_str){ (const char *)reader->plain.data,
                                                      reader->plain.len });
    }
    return rc ? rc : 1;
}

static int put_json_array(struct reader *reader, uint32_t row, const struct json_value *list)
{
    struct json_iter iter;
    struct json_value item;
    json_iter_init(&iter, list);
    while (json_iter_next(&iter, NULL, &item) == 1) {
        if (!is_of_kind(&item, reader->type)) continue;
        const int rc = put_json(reader, row, &item);
        if (rc < 0) return rc;
    }
    return 1;
}

static int read_json(struct reader *reader, uint32_t row, struct kith_str text)
{
    struct scalar_values *values = reader->values;
    struct json_value json;
    if (!scalar_path_find(&reader->path, text, &json) || json.kind == JSON_NULL) return 0;
    bitset_set(&values->exists, row);
    int rc = 0;
    if (values->array && json.kind == JSON_ARRAY) rc = put_json_array(reader, row, &json);
    else if (!values->array && is_of_kind(&json, reader->type)) rc = put_json(reader, row, &json);
    if (rc == 1) bitset_set(&values->typed, row);
    return rc < 0 ? rc : 0;
}

/* ---- all rows ---- */

static int read_row(struct reader *reader, const struct chunk *chunk, size_t i, uint32_t row)
{
    struct scalar_values *values = reader->values;
    if (chunk->type == KITH_JSON) return read_json(reader, row, chunk_str(chunk, i));
    bitset_set(&values->exists, row);
    bitset_set(&values->typed, row);
    if (values->array) return put_array(reader, row, chunk_str(chunk, i));
    if (values->key == SCALAR_TEXT) return put_text(values, row, chunk_str(chunk, i));
    return put_fixed(values, reader->type, row, chunk->data + i * chunk->width);
}

static int read_chunk(struct reader *reader, const struct chunk *chunk, size_t first)
{
    const enum kith_type type = reader->values->params->field->type;
    if (chunk->type != type || chunk->rows > reader->values->exists.bits - first)
        return error_set(reader->err, KITH_ECORRUPT, "a chunk is not of the column");
    if (chunk->width != type_width(type, 0))
        return error_set(reader->err, KITH_ECORRUPT, "a chunk is not of the column's width");
    for (size_t i = 0; i < chunk->rows; i++) {
        if (!chunk_valid(chunk, i)) continue;
        const int rc = read_row(reader, chunk, i, (uint32_t)(first + i));
        if (rc) return rc;
    }
    return 0;
}

static int read_chunks(struct reader *reader, const struct chunk_source *source, size_t field)
{
    int rc = 0;
    for (size_t first = 0; !rc && first < source->rows; first += source->chunk_rows) {
        struct chunk chunk;
        rc = scalar_cancelled(reader->values->job);
        if (rc) break;
        rc = source->get(source->ctx, field, first / source->chunk_rows, &chunk);
        if (rc) return error_set(reader->err, rc, "a column of the segment is damaged");
        rc = read_chunk(reader, &chunk, first);
    }
    return rc;
}

static enum kith_type value_type(const struct scalar_index_params *params)
{
    if (params->field->type == KITH_JSON) return params->cast;
    if (params->field->type == KITH_ARRAY) return params->field->element_type;
    return params->field->type;
}

bool scalar_key_of(const struct scalar_index_params *params, enum scalar_key *key, bool *array)
{
    *array = params->field->type == KITH_JSON ? params->cast_array
                                              : params->field->type == KITH_ARRAY;
    switch (value_type(params)) {
    case KITH_BOOL: case KITH_INT8: case KITH_INT16: case KITH_INT32: case KITH_INT64:
    case KITH_TIMESTAMPTZ:
        *key = SCALAR_INT;
        return true;
    case KITH_FLOAT: case KITH_DOUBLE: *key = SCALAR_FLOAT; return true;
    case KITH_VARCHAR: *key = SCALAR_TEXT; return true;
    case KITH_GEOMETRY: *key = SCALAR_TEXT; return true;
    default: return false;
    }
}

int scalar_values_read(struct scalar_values *values, const struct chunk_source *source,
                       size_t field, struct kith_error *err)
{
    struct reader reader = { .values = values, .type = value_type(values->params), .err = err };
    if (source->rows > UINT32_MAX - 1)
        return error_set(err, KITH_ELIMIT, "an index takes at most 2^32 - 2 rows");
    if (!scalar_key_of(values->params, &values->key, &values->array))
        return error_set(err, KITH_EINVAL, "an index over %s is not possible",
                         type_name(values->params->field->type));
    int rc = bitset_init(&values->exists, source->rows, false);
    if (!rc) rc = bitset_init(&values->typed, source->rows, false);
    if (!rc && values->params->field->type == KITH_JSON)
        rc = scalar_path_init(&reader.path, values->params->path);
    if (!rc) rc = read_chunks(&reader, source, field);
    scalar_path_release(&reader.path);
    buffer_release(&reader.plain);
    if (rc && rc != KITH_ECORRUPT)
        return error_set(err, rc, "reading the values of an index: %s", error_name(rc));
    return rc;
}

void scalar_values_release(struct scalar_values *values)
{
    mem_free(values->entries);
    mem_free(values->spare);
    buffer_release(&values->text);
    bitset_release(&values->exists);
    bitset_release(&values->typed);
    if (values->reserved > 0) budget_release(values->job->budget, BUDGET_BUILD, values->reserved);
    values->entries = values->spare = NULL;
    values->reserved = 0;
}
