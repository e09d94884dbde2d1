/*
 * Rows of NumPy files, one for each field and named as it: the arrays' values are put into column
 * messages as they are. Vectors are arrays of two dimensions: of floats, of int8, or of the bytes
 * of a binary, float16 or bfloat16 vector.
 */
#include <string.h>

#include "base/alloc.h"
#include "import/import.h"
#include "milvus/job.h"

enum { FILES_MAX = 128 };

struct numpy_column {
    struct import_reader *reader; /* owns */
    const MilvusField *field;     /* NULL: $meta */
    struct import_position next;
};

struct numpy_rows {
    struct job_rows rows; /* first */
    struct numpy_column columns[FILES_MAX];
    size_t column_count;
    uint64_t row_count, row_bytes; /* of all files together */
    struct buffer values, message; /* own */
};

/* ---- column messages ---- */

static void put_head(struct buffer *out, int type, const char *name)
{
    wire_put_varint(out, 1, (uint64_t)type);
    wire_put_text(out, 2, name);
}

/* values: the contents of the array message behind `member` of field `number`. */
static void put_values(struct buffer *out, uint32_t number, uint64_t dim, uint32_t member,
                       const struct buffer *values)
{
    const size_t head = dim ? wire_tag_size(1) + wire_varint_size(dim) : 0;
    wire_put_head(out, number, head + wire_bytes_size(member, values->len));
    if (dim) wire_put_varint(out, 1, dim);
    wire_put_bytes(out, member, values->data, values->len);
}

/* ---- values ---- */

static int mismatch(const struct numpy_column *column, struct kith_error *err)
{
    const struct import_column *shape = import_describe(column->reader)->columns;
    return error_set(err, KITH_EINVAL, "an array of %s does not fit the field %.200s",
                     import_kind_name(shape->kind), column->field ? column->field->name : "$meta");
}

static double number_of(enum import_kind kind, const void *values, size_t row)
{
    return kind == IMPORT_F64 ? ((const double *)values)[row]
                              : (double)((const int64_t *)values)[row];
}

static bool scalars_in(int type, enum import_kind kind, const void *from, size_t rows,
                       struct buffer *out)
{
    const bool texts = kind == IMPORT_STRING;
    for (size_t i = 0; i < rows; i++) {
        if (type == KITH_BOOL && kind == IMPORT_BOOL)
            buffer_put_u8(out, ((const uint8_t *)from)[i]);
        else if (type >= KITH_INT8 && type <= KITH_INT64 && kind == IMPORT_I64)
            buffer_put_varint(out, (uint64_t)((const int64_t *)from)[i]);
        else if (type == KITH_FLOAT && !texts && kind != IMPORT_BOOL)
            buffer_put_f32(out, (float)number_of(kind, from, i));
        else if (type == KITH_DOUBLE && !texts && kind != IMPORT_BOOL)
            buffer_put_f64(out, number_of(kind, from, i));
        else
            return false;
    }
    return true;
}

static bool texts_in(enum import_kind kind, const void *from, size_t rows, struct buffer *out)
{
    const struct import_text *texts = from;
    for (size_t i = 0; kind == IMPORT_STRING && i < rows; i++) {
        buffer_put_u8(out, 1 << 3 | WIRE_BYTES);
        buffer_put_bytes(out, texts[i].text, texts[i].len);
    }
    return kind == IMPORT_STRING;
}

/* The member of ScalarField, and whether its values are packed. */
static uint32_t member_of(int type, bool *packed)
{
    *packed = true;
    switch (type) {
    case KITH_BOOL: return 1;
    case KITH_INT8:
    case KITH_INT16:
    case KITH_INT32: return 2;
    case KITH_INT64: return 3;
    case KITH_FLOAT: return 4;
    case KITH_DOUBLE: return 5;
    default: break;
    }
    *packed = false;
    return type == KITH_JSON ? 9 : type == KITH_GEOMETRY ? 12 : 6;
}

static bool put_scalars(struct numpy_rows *numpy, int type, enum import_kind kind,
                        const void *from, size_t rows, struct buffer *out)
{
    struct buffer packed_run;
    bool packed;
    const uint32_t member = member_of(type, &packed);
    buffer_clear(&numpy->values);
    if (!packed) {
        const bool good = type != KITH_ARRAY && texts_in(kind, from, rows, &numpy->values);
        if (good) put_values(out, 3, 0, member, &numpy->values);
        return good;
    }
    if (!scalars_in(type, kind, from, rows, &numpy->values)) return false;
    buffer_init(&packed_run);
    wire_put_bytes(&packed_run, 1, numpy->values.data, numpy->values.len);
    put_values(out, 3, 0, member, &packed_run);
    if (buffer_failed(&packed_run)) out->failed = true;
    buffer_release(&packed_run);
    return true;
}

/* Bytes of a row of the vector as it is sent, and which member of VectorField takes it. */
static bool vector_shape(int type, enum import_kind kind, uint32_t width, uint64_t *dim,
                         uint32_t *member)
{
    const bool bytes = kind == IMPORT_VECTOR_U8;
    *dim = width;
    switch (type) {
    case KITH_FLOAT_VECTOR: *member = 2; return kind == IMPORT_VECTOR_F32;
    case KITH_BINARY_VECTOR: *member = 3, *dim = 8ull * width; return bytes;
    case KITH_FLOAT16_VECTOR: *member = 4, *dim = width / 2; return bytes && width % 2 == 0;
    case KITH_BFLOAT16_VECTOR: *member = 5, *dim = width / 2; return bytes && width % 2 == 0;
    case KITH_INT8_VECTOR: *member = 7; return kind == IMPORT_VECTOR_I8;
    default: return false;
    }
}

static bool put_vectors(struct numpy_rows *numpy, int type, const struct import_column *shape,
                        const void *from, size_t rows, struct buffer *out)
{
    uint64_t dim;
    uint32_t member;
    if (!vector_shape(type, shape->kind, shape->dim, &dim, &member)) return false;
    const size_t cell = shape->kind == IMPORT_VECTOR_F32 ? sizeof(float) : 1;
    buffer_clear(&numpy->values);
    if (member == 2) wire_put_bytes(&numpy->values, 1, from, rows * shape->dim * cell);
    else buffer_put(&numpy->values, from, rows * shape->dim * cell);
    put_values(out, 4, dim, member, &numpy->values);
    return true;
}

static int put_column(struct numpy_rows *numpy, struct numpy_column *column, size_t rows,
                      struct buffer *out, struct kith_error *err)
{
    const struct import_column *shape = import_describe(column->reader)->columns;
    const int type = column->field ? (int)column->field->data_type : KITH_JSON;
    struct import_batch batch;
    int rc = import_next(column->reader, rows, &batch, err);
    if (rc) return rc;
    if (batch.rows != rows) return error_set(err, KITH_ECORRUPT, "a file became shorter");
    struct buffer *message = &numpy->message;
    buffer_clear(message);
    put_head(message, type, column->field ? column->field->name : "$meta");
    const void *from = batch.columns[0].values;
    if (!(shape->dim ? put_vectors(numpy, type, shape, from, rows, message)
                     : put_scalars(numpy, type, shape->kind, from, rows, message)))
        return mismatch(column, err);
    if (!column->field) wire_put_varint(message, 6, 1);
    wire_put_bytes(out, 5, message->data, message->len);
    const bool failed = buffer_failed(message) || buffer_failed(&numpy->values);
    return failed ? error_set(err, KITH_ENOMEM, "no memory for rows") : 0;
}

/* ---- job_rows ---- */

static int numpy_next(struct job_rows *rows, struct rest *rest, size_t max_rows,
                      struct buffer *columns, size_t *count, struct kith_error *err)
{
    struct numpy_rows *numpy = (struct numpy_rows *)rows;
    (void)rest;
    const uint64_t left = numpy->row_count - rows->row;
    const uint64_t fit = JOB_BATCH_BYTES / numpy->row_bytes + 1;
    size_t take = max_rows < fit ? max_rows : (size_t)fit;
    if (take > left) take = (size_t)left;
    int rc = 0;
    for (size_t i = 0; rc == 0 && take && i < numpy->column_count; i++)
        rc = put_column(numpy, &numpy->columns[i], take, columns, err);
    rows->row += take;
    *count = take;
    return rc;
}

static struct job_place numpy_place(const struct job_rows *rows)
{
    const struct numpy_rows *numpy = (const struct numpy_rows *)rows;
    const uint64_t all = numpy->row_count ? numpy->row_count : 1;
    return (struct job_place){ (uint64_t)((double)rows->bytes * ((double)rows->row / (double)all)),
                               rows->row };
}

/* All files have rows of one size. */
static void numpy_seek(struct job_rows *rows, struct job_place place)
{
    struct numpy_rows *numpy = (struct numpy_rows *)rows;
    for (size_t i = 0; i < numpy->column_count; i++) {
        struct import_reader *reader = numpy->columns[i].reader;
        const struct import_description *about = import_describe(reader);
        const uint64_t start = numpy->columns[i].next.offset;
        const uint64_t stride = about->rows ? (about->bytes - start) / about->rows : 0;
        const struct import_position to = { .offset = start + place.row * stride,
                                            .row = place.row };
        (void)!import_seek(reader, to, NULL); /* a place that was there a moment ago */
    }
    rows->row = place.row;
}

static void numpy_close(struct job_rows *rows)
{
    struct numpy_rows *numpy = (struct numpy_rows *)rows;
    for (size_t i = 0; i < numpy->column_count; i++) import_close(numpy->columns[i].reader);
    buffer_release(&numpy->values);
    buffer_release(&numpy->message);
    mem_free(numpy);
}

static const struct job_rows_ops numpy_ops = { numpy_next, numpy_place, numpy_seek, numpy_close };

/* The field of "folder/NAME.npy". */
static int find_field(const struct job_source *source, const char *name,
                      struct numpy_column *column, struct kith_error *err)
{
    const MilvusSchema *schema = source->collection->record->schema;
    const char *slash = strrchr(name, '/');
    const char *base = slash ? slash + 1 : name;
    char field[256];
    const size_t len = strlen(base) - strlen(".npy");
    if (len == 0 || len >= sizeof field)
        return error_set(err, KITH_EINVAL, "%.300s: a file is named as its field", name);
    memcpy(field, base, len);
    field[len] = 0;
    column->field = milvus_field_find(source->collection, field);
    if (column->field || (schema->enable_dynamic_field && strcmp(field, "$meta") == 0)) return 0;
    return error_set(err, KITH_EINVAL, "%.300s: the collection has no field of that name", name);
}

static int open_column(struct numpy_rows *numpy, const struct job_source *source, size_t i,
                       struct kith_error *err)
{
    const struct import_options options = { .format = IMPORT_NPY };
    struct numpy_column *column = &numpy->columns[i];
    int rc = import_open(source->os, source->paths[i], &options, &column->reader, err);
    if (rc) return rc;
    numpy->column_count++;
    const struct import_description *about = import_describe(column->reader);
    column->next = import_position(column->reader);
    numpy->rows.bytes += about->bytes;
    if (i == 0) numpy->row_count = about->rows;
    if (about->rows != numpy->row_count)
        return error_set(err, KITH_EINVAL, "%.300s has %llu rows, %.300s %llu", source->names[i],
                         (unsigned long long)about->rows, source->names[0],
                         (unsigned long long)numpy->row_count);
    numpy->row_bytes += about->rows ? about->bytes / about->rows : 0;
    return find_field(source, source->names[i], column, err);
}

int job_numpy_open(const struct job_source *source, struct job_rows **out, struct kith_error *err)
{
    if (source->count > FILES_MAX)
        return error_set(err, KITH_ELIMIT, "more files than a collection has fields");
    struct numpy_rows *numpy = mem_zalloc(sizeof *numpy);
    if (!numpy) return error_set(err, KITH_ENOMEM, "no memory to read files");
    numpy->rows = (struct job_rows){ .ops = &numpy_ops, .name = source->names[0] };
    numpy->row_bytes = 1;
    buffer_init(&numpy->values);
    buffer_init(&numpy->message);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < source->count; i++) rc = open_column(numpy, source, i, err);
    if (rc) numpy_close(&numpy->rows);
    else *out = &numpy->rows;
    return rc;
}

int job_rows_open(const struct job_source *source, struct job_rows **out, struct kith_error *err)
{
    switch (job_kind_of(source->names[0])) {
    case JOB_JSON: return job_json_open(source, out, err);
    case JOB_CSV: return job_csv_open(source, out, err);
    case JOB_NUMPY: return job_numpy_open(source, out, err);
    default: return error_set(err, KITH_EUNSUPPORTED, "unexpected file type");
    }
}
