/*
 * Values of a file's batch in the types of the collection's fields. Arrays that are right already
 * are handed on as they are.
 */
#include <math.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/ingest.h"
#include "kernel/kernel.h"
#include "model/schema.h"

/* What all conversions of one field need. */
struct conversion {
    struct ingest_field *field;
    const struct import_values *in;
    size_t rows;
    uint64_t first_row;
    struct kith_error *err;
};

static int bad_value(const struct conversion *conversion, size_t row, const char *what)
{
    uint64_t at = conversion->first_row + row;
    return error_set_at(conversion->err, KITH_EINVAL, at, "row %llu: '%s' %s; mend the row, or "
                        "import into a new --collection", (unsigned long long)at,
                        conversion->field->name, what);
}

static int row_numbers(struct ingest_field *field, uint64_t first, size_t rows,
                       struct kith_error *err)
{
    if (first > INT64_MAX || rows > INT64_MAX - first) {
        return error_set(err, KITH_ELIMIT, "--first-id is too large: keys are 64-bit integers");
    }
    for (size_t i = 0; i < rows; i++) buffer_put_u64(&field->values, first + i);
    return 0;
}

static int integers(const struct conversion *conversion)
{
    static const int64_t limits[] = {[KITH_INT8] = INT8_MAX, [KITH_INT16] = INT16_MAX,
                                     [KITH_INT32] = INT32_MAX};
    const int64_t *in = conversion->in->values;
    struct buffer *out = &conversion->field->values;
    enum kith_type type = conversion->field->field.type;
    int64_t limit = limits[type];
    for (size_t i = 0; i < conversion->rows; i++) {
        if (in[i] > limit || in[i] < -limit - 1) {
            return bad_value(conversion, i, "does not fit the field's type");
        }
        if (type == KITH_INT8) buffer_put_u8(out, (uint8_t)in[i]);
        if (type == KITH_INT16) buffer_put_u16(out, (uint16_t)in[i]);
        if (type == KITH_INT32) buffer_put_u32(out, (uint32_t)in[i]);
    }
    return 0;
}

static int numbers(const struct conversion *conversion)
{
    const int64_t *ints = conversion->in->values;
    const double *doubles = conversion->in->values;
    struct buffer *out = &conversion->field->values;
    for (size_t i = 0; i < conversion->rows; i++) {
        double value = conversion->field->kind == IMPORT_I64 ? (double)ints[i] : doubles[i];
        if (conversion->field->field.type == KITH_DOUBLE) {
            buffer_put_f64(out, value);
        } else {
            buffer_put_f32(out, (float)value);
        }
    }
    return 0;
}

static int texts(const struct conversion *conversion)
{
    const struct import_text *in = conversion->in->values;
    for (size_t i = 0; i < conversion->rows; i++) {
        const struct kith_str text = {in[i].text, in[i].len};
        buffer_put(&conversion->field->values, &text, sizeof text);
    }
    return 0;
}

/* One vector's values as floats. */
static void widen(enum import_kind kind, const void *in, size_t first, float *out, size_t dim)
{
    for (size_t i = 0; i < dim; i++) {
        switch (kind) {
        case IMPORT_VECTOR_U8: out[i] = ((const uint8_t *)in)[first + i]; break;
        case IMPORT_VECTOR_I8: out[i] = ((const int8_t *)in)[first + i]; break;
        case IMPORT_VECTOR_I32: out[i] = (float)((const int32_t *)in)[first + i]; break;
        default: out[i] = ((const float *)in)[first + i];
        }
    }
}

static bool narrow_i8(const float *in, uint8_t *out, size_t dim)
{
    for (size_t i = 0; i < dim; i++) {
        if (!(in[i] >= -128 && in[i] <= 127) || in[i] != truncf(in[i])) return false;
        out[i] = (uint8_t)(int8_t)in[i];
    }
    return true;
}

static int vectors(const struct conversion *conversion)
{
    const struct ingest_field *field = conversion->field;
    enum kith_type type = field->field.type;
    size_t dim = field->field.dim;
    size_t width = type == KITH_FLOAT_VECTOR ? 4 : type == KITH_INT8_VECTOR ? 1 : 2;
    struct buffer row, *out = &conversion->field->values;
    int rc = 0;
    buffer_init(&row);
    if (!buffer_extend(&row, dim * sizeof(float))) {
        return error_set(conversion->err, KITH_ENOMEM, "no memory to convert vectors");
    }
    void *memory = row.data;
    float *floats = memory;
    for (size_t i = 0; !rc && i < conversion->rows; i++) {
        uint8_t *to = buffer_extend(out, dim * width);
        if (!to) break;
        void *halves = to;
        widen(field->kind, conversion->in->values, i * dim, floats, dim);
        if (type == KITH_FLOAT_VECTOR) memcpy(to, floats, dim * width);
        if (type == KITH_FLOAT16_VECTOR) kernel_f32_to_f16(floats, halves, dim);
        if (type == KITH_BFLOAT16_VECTOR) kernel_f32_to_bf16(floats, halves, dim);
        if (type == KITH_INT8_VECTOR && !narrow_i8(floats, to, dim)) {
            rc = bad_value(conversion, i, "has values other than whole numbers from -128 to 127");
        }
    }
    buffer_release(&row);
    return rc;
}

/* The values of the file can be used where they lie. */
static bool as_is(const struct ingest_field *field)
{
    enum kith_type type = field->field.type;
    switch (field->kind) {
    case IMPORT_I64: return type == KITH_INT64;
    case IMPORT_F64: return type == KITH_DOUBLE;
    case IMPORT_BOOL: return true;
    case IMPORT_VECTOR_F32: return type == KITH_FLOAT_VECTOR;
    case IMPORT_VECTOR_I8: return type == KITH_INT8_VECTOR;
    default: return false;
    }
}

static int convert(const struct conversion *conversion)
{
    enum kith_type type = conversion->field->field.type;
    if (type_is_vector(type)) return vectors(conversion);
    if (type == KITH_VARCHAR || type == KITH_JSON) return texts(conversion);
    if (type == KITH_FLOAT || type == KITH_DOUBLE) return numbers(conversion);
    return integers(conversion);
}

/* The file marks what is missing, the engine what is there. */
static int validity(const struct conversion *conversion)
{
    const uint8_t *nulls = conversion->in->nulls;
    const struct kith_field *field = &conversion->field->field;
    for (size_t i = 0; nulls && i < conversion->rows; i++) {
        if (nulls[i] && (field->flags & KITH_FIELD_PRIMARY || type_is_vector(field->type))) {
            return bad_value(conversion, i, "is missing");
        }
        buffer_put_u8(&conversion->field->valid, !nulls[i]);
    }
    return 0;
}

static int make_column(struct ingest_field *field, const struct import_batch *batch, size_t rows,
                       struct kith_column *out, struct kith_error *err)
{
    const struct import_values *in = &batch->columns[field->column];
    const struct conversion conversion = {field, in, rows, batch->first_row, err};
    int rc = validity(&conversion);
    if (rc) return rc;
    if (as_is(field)) {
        out->data = in->values;
    } else {
        rc = convert(&conversion);
        out->data = field->values.data;
    }
    if (in->nulls) out->valid = field->valid.data;
    return rc;
}

static int make_any(struct ingest *ingest, struct ingest_field *field,
                    const struct import_batch *batch, size_t rows, const struct kith_str *labels,
                    struct kith_column *out, struct kith_error *err)
{
    int rc = 0;
    buffer_clear(&field->values);
    buffer_clear(&field->valid);
    *out = (struct kith_column){.field = field->name, .type = field->field.type,
                                .dim = field->field.dim};
    switch (field->source) {
    case INGEST_ROW_NUMBER:
        rc = row_numbers(field, ingest->first_id + batch->first_row, rows, err);
        out->data = field->values.data;
        break;
    case INGEST_LABEL: out->data = labels; break;
    case INGEST_COLUMN: rc = make_column(field, batch, rows, out, err); break;
    case INGEST_ENGINE: break;
    }
    if (!rc && (buffer_failed(&field->values) || buffer_failed(&field->valid))) {
        rc = error_set(err, KITH_ENOMEM, "no memory for %zu rows; use a smaller --batch", rows);
    }
    return rc;
}

int ingest_batch(struct ingest *ingest, const struct import_batch *batch, size_t rows,
                 const struct kith_str *labels, struct kith_batch *out, struct kith_error *err)
{
    size_t count = 0;
    for (size_t i = 0; i < ingest->count; i++) {
        struct ingest_field *field = &ingest->fields[i];
        if (field->source == INGEST_ENGINE) continue;
        int rc = make_any(ingest, field, batch, rows, labels, &ingest->columns[count++], err);
        if (rc) return rc;
    }
    *out = (struct kith_batch)KITH_BATCH_INIT;
    out->rows = rows;
    out->columns = ingest->columns;
    out->column_count = count;
    return 0;
}

bool ingest_keys(const struct ingest *ingest, const struct kith_batch *batch, struct kith_keys *out)
{
    if (ingest->fields[0].source == INGEST_ENGINE) return false;
    *out = (struct kith_keys){.count = batch->rows};
    if (ingest->fields[0].field.type == KITH_INT64) {
        out->ints = batch->columns[0].data;
    } else {
        out->strings = batch->columns[0].data;
    }
    return true;
}
