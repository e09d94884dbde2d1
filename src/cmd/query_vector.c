/*
 * Query vectors from text, files and rows; see query_vector.h.
 */
#include "cmd/query_vector.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "cmd/args.h"
#include "model/limits.h"

#define READ_ROWS 4096

void query_vector_release(struct query_vector *vector)
{
    buffer_release(&vector->bytes);
    *vector = (struct query_vector){0};
}

static int finish(struct query_vector *vector, enum kith_type type, struct kith_error *err)
{
    if (buffer_failed(&vector->bytes)) {
        return error_set(err, KITH_ENOMEM, "no memory for the query vector");
    }
    vector->type = type;
    vector->data = vector->bytes.data;
    if (type == KITH_SPARSE_VECTOR) {
        vector->sparse = (struct kith_str){(const char *)vector->bytes.data, vector->bytes.len};
        vector->data = &vector->sparse;
    }
    return 0;
}

static int wrong_dim(const struct kith_field *field, size_t count, struct kith_error *err)
{
    return error_set(err, KITH_EDIM, "the query vector has %zu values; field '%s' has dimension %u",
                     count, field->name, field->dim);
}

static int small_integer(float value, float low, float high, size_t at, struct kith_error *err)
{
    if (value >= low && value <= high && value == truncf(value)) return 0;
    return error_set_at(err, KITH_EINVAL, at,
                        "value %zu of the query vector is %g; this field takes whole numbers "
                        "from %g to %g", at, (double)value, (double)low, (double)high);
}

static int put_int8(struct query_vector *vector, const float *values, size_t count,
                    struct kith_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (small_integer(values[i], -128, 127, i, err)) return KITH_EINVAL;
        buffer_put_u8(&vector->bytes, (uint8_t)(int8_t)values[i]);
    }
    return finish(vector, KITH_INT8_VECTOR, err);
}

/* dim values are bits, first bit lowest; dim / 8 values are bytes. */
static int put_binary(struct query_vector *vector, const struct kith_field *field,
                      const float *values, size_t count, struct kith_error *err)
{
    bool bits = count == field->dim;
    uint8_t byte = 0;
    if (!bits && count != field->dim / 8) return wrong_dim(field, count, err);
    for (size_t i = 0; i < count; i++) {
        if (small_integer(values[i], 0, bits ? 1 : 255, i, err)) return KITH_EINVAL;
        if (!bits) {
            buffer_put_u8(&vector->bytes, (uint8_t)values[i]);
            continue;
        }
        byte = (uint8_t)(byte | (unsigned)values[i] << i % 8);
        if (i % 8 == 7) {
            buffer_put_u8(&vector->bytes, byte);
            byte = 0;
        }
    }
    return finish(vector, KITH_BINARY_VECTOR, err);
}

/* Values into the layout of the field; f16 and bf16 fields are asked in f32. */
static int put_values(struct query_vector *vector, const struct kith_field *field,
                      const float *values, size_t count, struct kith_error *err)
{
    buffer_clear(&vector->bytes);
    if (field->type == KITH_BINARY_VECTOR) return put_binary(vector, field, values, count, err);
    if (count != field->dim) return wrong_dim(field, count, err);
    if (field->type == KITH_INT8_VECTOR) return put_int8(vector, values, count, err);
    buffer_put(&vector->bytes, values, count * sizeof *values);
    return finish(vector, KITH_FLOAT_VECTOR, err);
}

/* ---- from text ---- */

static int parse_dense(struct query_vector *vector, const struct kith_field *field,
                       const struct json_value *array, struct kith_error *err)
{
    struct buffer values;
    struct json_iter iter;
    struct json_value key, value;
    int more, rc = 0;
    buffer_init(&values);
    json_iter_init(&iter, array);
    while ((more = json_iter_next(&iter, &key, &value)) == 1) {
        if (value.kind == JSON_INT || value.kind == JSON_DOUBLE) {
            buffer_put_f32(&values, (float)value.number);
            continue;
        }
        rc = error_set(err, KITH_EINVAL, "the query vector has '%.*s' in it; it takes numbers",
                       (int)(value.len < 40 ? value.len : 40), value.text);
        break;
    }
    if (!rc && more < 0)
        rc = error_set(err, KITH_EINVAL, "the query vector is no valid JSON array");
    if (!rc && buffer_failed(&values)) {
        rc = error_set(err, KITH_ENOMEM, "no memory for the query vector");
    }
    if (!rc) {
        const void *floats = values.data;
        rc = put_values(vector, field, floats, values.len / sizeof(float), err);
    }
    buffer_release(&values);
    return rc;
}

struct entry {
    uint32_t index;
    float value;
};

static int by_index(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return (x->index > y->index) - (x->index < y->index);
}

static int parse_entry(const struct json_value *key, const struct json_value *value,
                       struct entry *out, struct kith_error *err)
{
    char digits[16] = {0};
    uint64_t index = UINT64_MAX;
    size_t len = key->len - 2; /* without the quotes */
    if (len < sizeof digits) memcpy(digits, key->text + 1, len);
    if (args_number(digits, &index) || index >= UINT32_MAX ||
        (value->kind != JSON_INT && value->kind != JSON_DOUBLE)) {
        return error_set(err, KITH_EINVAL,
                         "a sparse query vector is written {\"7\": 0.5, \"90\": 1}: "
                         "index and value; '%.*s' is neither",
                         (int)(key->len < 40 ? key->len : 40), key->text);
    }
    *out = (struct entry){(uint32_t)index, (float)value->number};
    return 0;
}

static int parse_sparse(struct query_vector *vector, const struct json_value *object,
                        struct kith_error *err)
{
    struct json_iter iter;
    struct json_value key, value;
    int more, rc = 0;
    size_t count = 0;
    struct entry *entries = mem_alloc_array(LIMIT_SPARSE_ENTRIES, sizeof *entries);
    if (!entries) return error_set(err, KITH_ENOMEM, "no memory for the query vector");
    json_iter_init(&iter, object);
    while (!rc && (more = json_iter_next(&iter, &key, &value)) == 1) {
        if (count == LIMIT_SPARSE_ENTRIES) {
            rc = error_set(err, KITH_ELIMIT, "the query vector has more than %d entries",
                           LIMIT_SPARSE_ENTRIES);
        } else {
            rc = parse_entry(&key, &value, &entries[count++], err);
        }
    }
    qsort(entries, count, sizeof *entries, by_index);
    for (size_t i = 0; i < count; i++) {
        buffer_put_u32(&vector->bytes, entries[i].index);
        buffer_put_f32(&vector->bytes, entries[i].value);
    }
    mem_free(entries);
    return rc ? rc : finish(vector, KITH_SPARSE_VECTOR, err);
}

int query_vector_parse(struct query_vector *vector, const struct kith_field *field,
                       const char *text, struct kith_error *err)
{
    struct json_value value;
    size_t used;
    bool sparse = field->type == KITH_SPARSE_VECTOR;
    int rc = json_validate(text, strlen(text), err);
    if (rc) return error_wrap(err, rc, "--vector is no valid JSON");
    rc = json_read(text, strlen(text), &value, &used, err);
    if (rc) return rc;
    if (value.kind != (sparse ? JSON_OBJECT : JSON_ARRAY)) {
        return error_set(err, KITH_EINVAL, "--vector for field '%s' is written %s", field->name,
                         sparse ? "'{\"7\": 0.5, \"90\": 1}'" : "'[0.1, 0.2, 0.3]'");
    }
    return sparse ? parse_sparse(vector, &value, err) : parse_dense(vector, field, &value, err);
}

/* ---- from files ---- */

/* The row-th vector of a batch's column, as floats. */
static int widen(const struct import_column *column, const struct import_values *values, size_t row,
                 struct buffer *out)
{
    size_t first = row * column->dim;
    for (size_t i = first; i < first + column->dim; i++) {
        switch (column->kind) {
        case IMPORT_VECTOR_F32: buffer_put_f32(out, ((const float *)values->values)[i]); break;
        case IMPORT_VECTOR_U8: buffer_put_f32(out, ((const uint8_t *)values->values)[i]); break;
        case IMPORT_VECTOR_I8: buffer_put_f32(out, ((const int8_t *)values->values)[i]); break;
        default: buffer_put_f32(out, (float)((const int32_t *)values->values)[i]);
        }
    }
    return buffer_failed(out) ? KITH_ENOMEM : 0;
}

static size_t vector_column(const struct import_description *description)
{
    size_t c = 0;
    while (c < description->column_count && description->columns[c].kind < IMPORT_VECTOR_F32) c++;
    return c;
}

/* Reads on to the batch that holds `row`. */
static int read_row(struct import_reader *reader, uint64_t row, struct import_batch *batch,
                    struct kith_error *err)
{
    for (;;) {
        int rc = import_next(reader, READ_ROWS, batch, err);
        if (rc) return rc;
        if (!batch->rows) {
            return error_set(err, KITH_ENOTFOUND, "the file has %llu rows; --row counts from 0",
                             (unsigned long long)batch->first_row);
        }
        if (row - batch->first_row < batch->rows) return 0;
    }
}

int query_vector_from_file(struct query_vector *vector, const struct kith_field *field,
                           const char *path, enum import_format format, uint64_t row,
                           struct kith_error *err)
{
    const struct import_options options = {.format = format};
    struct import_reader *reader = NULL;
    struct import_batch batch;
    struct buffer values;
    int rc = import_open(os_real(), path, &options, &reader, err);
    if (rc) return rc;
    buffer_init(&values);
    const struct import_description *description = import_describe(reader);
    size_t c = vector_column(description);
    if (c == description->column_count) {
        rc = error_set(err, KITH_EINVAL, "%s has no column of vectors", path);
    }
    if (!rc) rc = read_row(reader, row, &batch, err);
    if (!rc && batch.columns[c].nulls && batch.columns[c].nulls[row - batch.first_row]) {
        rc = error_set(err, KITH_EINVAL, "row %llu of %s has no vector; take another --row",
                       (unsigned long long)row, path);
    }
    if (!rc) {
        rc = widen(&description->columns[c], &batch.columns[c], (size_t)(row - batch.first_row),
                   &values);
        const void *floats = values.data;
        if (rc) error_set(err, rc, "no memory for the query vector");
        if (!rc) rc = put_values(vector, field, floats, values.len / sizeof(float), err);
    }
    buffer_release(&values);
    import_close(reader);
    return rc;
}

/* ---- from rows ---- */

int query_vector_from_column(struct query_vector *vector, const struct kith_column *column,
                             struct kith_error *err)
{
    size_t bytes = column->dim;
    buffer_clear(&vector->bytes);
    if (column->valid && !column->valid[0]) {
        return error_set(err, KITH_EINVAL, "that row has no vector in '%s'", column->field);
    }
    switch (column->type) {
    case KITH_SPARSE_VECTOR: {
        const struct kith_str *value = column->data;
        buffer_put(&vector->bytes, value->data, value->len);
        return finish(vector, column->type, err);
    }
    case KITH_FLOAT_VECTOR: bytes *= 4; break;
    case KITH_FLOAT16_VECTOR:
    case KITH_BFLOAT16_VECTOR: bytes *= 2; break;
    case KITH_INT8_VECTOR: break;
    case KITH_BINARY_VECTOR: bytes /= 8; break;
    default: return error_set(err, KITH_EINVAL, "'%s' is no vector field", column->field);
    }
    buffer_put(&vector->bytes, column->data, bytes);
    return finish(vector, column->type, err);
}
