/*
 * The reader behind every format that is a header and then rows of one size: the vecs family, the
 * bin family and npy. A format's opener finds the layout; this file checks it against the file's
 * size, reads a batch with one read and converts it.
 *
 * Elements become: f32 f16 f64 -> f32 vector; u8, i8, i32 keep their kind; i64 -> i32 vector when
 * every value fits, an error otherwise. Scalars (dim 0) become double, int64, bool or text.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/endian.h"
#include "import/import_internal.h"

struct fixed {
    struct import_layout layout;
    size_t stride;      /* bytes of a row in the file */
    struct buffer raw;  /* owns: a batch as it is in the file */
    struct buffer text; /* owns: a text in UTF-8 */
};

size_t import_element_bytes(enum import_element element)
{
    static const uint8_t bytes[] = {2, 4, 8, 1, 1, 4, 8, 1, 2, 2, 4, 4, 1};
    return bytes[element];
}

static enum import_kind vector_kind(enum import_element element)
{
    switch (element) {
    case ELEMENT_U8: return IMPORT_VECTOR_U8;
    case ELEMENT_I8: return IMPORT_VECTOR_I8;
    case ELEMENT_I32:
    case ELEMENT_I64: return IMPORT_VECTOR_I32;
    default: return IMPORT_VECTOR_F32;
    }
}

static bool is_text(enum import_element element)
{
    return element == ELEMENT_UCS4 || element == ELEMENT_BYTES;
}

static enum import_kind scalar_kind(enum import_element element)
{
    bool real = element == ELEMENT_F16 || element == ELEMENT_F32 || element == ELEMENT_F64;
    if (element == ELEMENT_BOOL) return IMPORT_BOOL;
    if (is_text(element)) return IMPORT_STRING;
    return real ? IMPORT_F64 : IMPORT_I64;
}

/* IEEE binary16. Subnormals are counted out as multiples of 2^-24. */
static float half_to_float(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    uint32_t exponent = half >> 10 & 31, mantissa = half & 1023;
    uint32_t bits;
    float value;
    if (exponent == 0) {
        value = (float)mantissa * 0x1p-24f;
        return sign ? -value : value;
    }
    bits = sign | (exponent == 31 ? 255u << 23 : (exponent + 112) << 23) | mantissa << 13;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static double element_real(enum import_element element, const uint8_t *at)
{
    if (element == ELEMENT_F16) return (double)half_to_float(le16_get(at));
    return element == ELEMENT_F32 ? (double)lef32_get(at) : lef64_get(at);
}

static int64_t element_integer(enum import_element element, const uint8_t *at)
{
    switch (element) {
    case ELEMENT_U8: return *at;
    case ELEMENT_I8: return *at < 128 ? *at : *at - 256;
    case ELEMENT_I16: return (int16_t)le16_get(at);
    case ELEMENT_U16: return le16_get(at);
    case ELEMENT_I32: return (int32_t)le32_get(at);
    case ELEMENT_U32: return le32_get(at);
    default: return (int64_t)le64_get(at);
    }
}

/* Code points, up to the zeros behind the last; surrogates and what lies beyond are refused. */
static bool put_ucs4(struct buffer *out, const uint8_t *at, size_t count)
{
    while (count > 0 && le32_get(at + 4 * (count - 1)) == 0) count--;
    for (size_t i = 0; i < count; i++) {
        const uint32_t c = le32_get(at + 4 * i);
        if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) return false;
        if (c < 0x80) {
            buffer_put_u8(out, (uint8_t)c);
            continue;
        }
        const int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
        buffer_put_u8(out, (uint8_t)((0xf00u >> (more + 1)) | (c >> (6 * more))));
        for (int left = more - 1; left >= 0; left--)
            buffer_put_u8(out, (uint8_t)(0x80 | ((c >> (6 * left)) & 0x3f)));
    }
    return true;
}

/* false: no text. */
static bool put_text(struct import_store *store, const struct import_layout *layout,
                     struct buffer *scratch, const uint8_t *at)
{
    size_t len = layout->text_len;
    if (layout->element == ELEMENT_BYTES) {
        while (len > 0 && at[len - 1] == 0) len--;
        import_store_text(store, (const char *)at, len);
        return utf8_valid((const char *)at, len);
    }
    buffer_clear(scratch);
    if (!put_ucs4(scratch, at, len)) return false;
    import_store_text(store, scratch->len ? (const char *)scratch->data : "", scratch->len);
    return true;
}

static void put_scalar(struct import_store *store, enum import_element element, const uint8_t *at)
{
    if (element == ELEMENT_BOOL) {
        buffer_put_u8(&store->values, *at != 0);
        return;
    }
    if (scalar_kind(element) == IMPORT_F64) {
        buffer_put_f64(&store->values, element_real(element, at));
    } else {
        buffer_put_u64(&store->values, (uint64_t)element_integer(element, at));
    }
}

/* false: a value does not fit 32 bits. */
static bool put_vector(struct import_store *store, const struct import_layout *layout,
                       const uint8_t *at)
{
    size_t step = import_element_bytes(layout->element);
    switch (layout->element) {
    case ELEMENT_F16:
    case ELEMENT_F64:
        for (uint32_t d = 0; d < layout->dim; d++, at += step) {
            buffer_put_f32(&store->values, (float)element_real(layout->element, at));
        }
        return true;
    case ELEMENT_I64:
        for (uint32_t d = 0; d < layout->dim; d++, at += step) {
            int64_t value = (int64_t)le64_get(at);
            if (value != (int32_t)value) return false;
            buffer_put_u32(&store->values, (uint32_t)(int32_t)value);
        }
        return true;
    default:
        buffer_put(&store->values, at, layout->dim * step);
        return true;
    }
}

static int put_row(struct import_reader *reader, struct fixed *fixed, const uint8_t *at,
                   uint64_t row, struct kith_error *err)
{
    const struct import_layout *layout = &fixed->layout;
    if (layout->prefixed) {
        uint32_t dim = le32_get(at);
        if (dim != layout->dim) {
            return error_set_at(err, KITH_ECORRUPT, row,
                                "%s: row %llu has dimension %u, the first row %u; "
                                "all rows must agree", reader->path,
                                (unsigned long long)row, dim, layout->dim);
        }
        at += sizeof dim;
    }
    if (is_text(layout->element)) {
        if (!put_text(&reader->stores[0], layout, &fixed->text, at)) {
            return error_set_at(err, KITH_EINVAL, row, "%s: row %llu is no text in Unicode",
                                reader->path, (unsigned long long)row);
        }
        if (buffer_failed(&fixed->text)) return import_no_memory(reader, err);
    } else if (layout->dim == 0) {
        put_scalar(&reader->stores[0], layout->element, at);
    } else if (!put_vector(&reader->stores[0], layout, at)) {
        return error_set_at(err, KITH_EINVAL, row,
                            "%s: row %llu has a value beyond 32 bits; store it as i4 or f4",
                            reader->path, (unsigned long long)row);
    }
    buffer_put_u8(&reader->stores[0].nulls, 0);
    return 0;
}

static int fixed_next(struct import_reader *reader, size_t max_rows, struct kith_error *err)
{
    struct fixed *fixed = reader->state;
    uint64_t left = fixed->layout.rows - reader->position.row;
    size_t fit = IMPORT_BATCH_BYTES / fixed->stride;
    size_t rows = max_rows < fit ? max_rows : fit ? fit : 1;
    if (rows > left) rows = (size_t)left;
    buffer_clear(&fixed->raw);
    uint8_t *raw = buffer_extend(&fixed->raw, rows * fixed->stride);
    if (!raw && rows) return import_no_memory(reader, err);
    int rc = rows ? import_read_exact(reader, raw, rows * fixed->stride, reader->position.offset,
                                      err) : 0;
    for (size_t i = 0; !rc && i < rows; i++) {
        rc = put_row(reader, fixed, raw + i * fixed->stride, reader->position.row + i, err);
    }
    if (rc) return rc;
    reader->position.row += rows;
    reader->position.offset += rows * fixed->stride;
    return 0;
}

static int fixed_seek(struct import_reader *reader, struct import_position to,
                      struct kith_error *err)
{
    const struct fixed *fixed = reader->state;
    if (to.row <= fixed->layout.rows &&
        to.offset == fixed->layout.data_offset + to.row * fixed->stride) {
        return 0;
    }
    return error_set(err, KITH_EINVAL, "%s: row %llu is not at byte %llu; start again",
                     reader->path, (unsigned long long)to.row, (unsigned long long)to.offset);
}

static void fixed_close(struct import_reader *reader)
{
    struct fixed *fixed = reader->state;
    if (fixed) buffer_release(&fixed->raw);
    if (fixed) buffer_release(&fixed->text);
    mem_free(fixed);
}

static const struct import_ops fixed_ops = {fixed_next, fixed_seek, fixed_close};

/* data_offset + rows * stride is exactly the size of the file. */
static int check_size(const struct import_reader *reader, const struct import_layout *layout,
                      size_t stride, struct kith_error *err)
{
    uint64_t data, want;
    bool fits = !__builtin_mul_overflow(layout->rows, (uint64_t)stride, &data) &&
                !__builtin_add_overflow(data, layout->data_offset, &want);
    if (fits && want == reader->size) return 0;
    return error_set(err, KITH_ECORRUPT,
                     "%s: %llu rows of %zu bytes do not make a file of %llu bytes; it is "
                     "truncated or of another format", reader->path,
                     (unsigned long long)layout->rows, stride, (unsigned long long)reader->size);
}

int import_open_fixed(struct import_reader *reader, const struct import_layout *layout,
                      struct kith_error *err)
{
    if (layout->dim > IMPORT_DIM_MAX) {
        return error_set(err, KITH_ELIMIT, "%s: dimension %u is above %d", reader->path,
                         layout->dim, IMPORT_DIM_MAX);
    }
    const size_t values = is_text(layout->element) ? layout->text_len
                          : layout->dim            ? layout->dim
                                                   : 1;
    const size_t stride = values * import_element_bytes(layout->element) +
                          (layout->prefixed ? sizeof(uint32_t) : 0);
    int rc = check_size(reader, layout, stride, err);
    if (rc) return rc;
    struct fixed *fixed = mem_zalloc(sizeof *fixed);
    if (!fixed) return import_no_memory(reader, err);
    fixed->layout = *layout;
    fixed->stride = stride;
    reader->state = fixed;
    reader->ops = &fixed_ops;
    reader->position.offset = layout->data_offset;
    reader->description.rows = layout->rows;
    if (layout->dim) {
        return import_add_column(reader, "vector", 6, vector_kind(layout->element), layout->dim,
                                 err);
    }
    return import_add_column(reader, "value", 5, scalar_kind(layout->element), 0, err);
}
