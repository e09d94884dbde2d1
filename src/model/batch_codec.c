/*
 * A normalised batch as bytes and back; the layout is in batch.h.
 *
 * Decoding trusts nothing: counts are compared with the schema and the limits before anything is
 * allocated, lengths with the bytes left, and then every column goes through the same checks as a
 * caller's (batch_take_column). What it allocates is bounded by the bytes there are: 16 bytes for
 * each length of 4. Any damage is KITH_ECORRUPT.
 */
#include "model/batch.h"

#include <string.h>

#include "base/alloc.h"
#include "base/endian.h"
#include "model/batch_internal.h"
#include "model/limits.h"

static void encode_texts(const struct kith_str *texts, size_t rows, struct buffer *out)
{
    for (size_t row = 0; row < rows; row++) buffer_put_u32(out, (uint32_t)texts[row].len);
    for (size_t row = 0; row < rows; row++) {
        if (texts[row].len > 0) buffer_put(out, texts[row].data, texts[row].len);
    }
}

/* The second byte of a column: what follows its head. */
enum { COLUMN_FULL = 0, COLUMN_NULLS = 1, COLUMN_DROPPED = 2 };

static void encode_column(const struct schema_field *field, const struct kith_column *column,
                          size_t rows, struct buffer *out)
{
    const int kind = field->dropped ? COLUMN_DROPPED : column->valid ? COLUMN_NULLS : COLUMN_FULL;
    buffer_put_u8(out, (uint8_t)field->type);
    buffer_put_u8(out, (uint8_t)kind);
    buffer_put_u16(out, 0);
    buffer_put_u32(out, field->dim);
    if (rows == 0 || !schema_field_stored(field)) return;
    if (column->valid) buffer_put(out, column->valid, rows);
    if (field->width > 0) {
        buffer_put(out, column->data, rows * field->width); /* the data exists, so it fits */
    } else {
        encode_texts(column->data, rows, out);
    }
}

void batch_encode(const struct schema *schema, const struct kith_batch *batch, struct buffer *out)
{
    buffer_put_u32(out, (uint32_t)batch->rows);
    buffer_put_u32(out, (uint32_t)schema->field_count);
    for (size_t i = 0; i < schema->field_count; i++) {
        encode_column(&schema->fields[i], &batch->columns[i], batch->rows, out);
    }
}

static int corrupt(const struct cursor *cur, const char *what, struct kith_error *err)
{
    return error_set_at(err, KITH_ECORRUPT, cur->pos, "batch: %s at byte %zu", what, cur->pos);
}

/* Fixed-width cells, in place where they lie aligned. */
static int decode_cells(const struct schema_field *field, size_t rows, struct cursor *cur,
                        struct arena *arena, struct kith_column *out, struct kith_error *err)
{
    size_t len;
    if (!size_mul(rows, field->width, &len)) return corrupt(cur, "a length overflows", err);
    const uint8_t *const bytes = cursor_take(cur, len);
    if (cursor_failed(cur)) return corrupt(cur, "a column breaks off", err);
    out->data = bytes;
    if (len == 0 || (uintptr_t)bytes % 8 == 0) return 0;
    uint8_t *const copy = arena_alloc(arena, len);
    if (!copy) return error_set(err, KITH_ENOMEM, "no memory for a batch");
    memcpy(copy, bytes, len);
    out->data = copy;
    return 0;
}

static int decode_texts(size_t rows, struct cursor *cur, struct arena *arena,
                        struct kith_column *out, struct kith_error *err)
{
    const uint8_t *const lengths = cursor_take(cur, rows * 4); /* rows <= LIMIT_BATCH_ROWS */
    if (cursor_failed(cur)) return corrupt(cur, "the lengths of a column break off", err);
    struct kith_str *const texts = arena_alloc_array(arena, rows, sizeof *texts);
    if (!texts) return error_set(err, KITH_ENOMEM, "no memory for a batch");
    for (size_t row = 0; row < rows; row++) {
        const size_t len = le32_get(lengths + 4 * row);
        const uint8_t *const bytes = cursor_take(cur, len);
        if (cursor_failed(cur)) return corrupt(cur, "a value breaks off", err);
        texts[row] = (struct kith_str){len > 0 ? (const char *)bytes : "", len};
    }
    out->data = texts;
    return 0;
}

static int decode_valid(size_t rows, struct cursor *cur, struct kith_column *out,
                        struct kith_error *err)
{
    out->valid = cursor_take(cur, rows);
    if (cursor_failed(cur)) return corrupt(cur, "the nulls of a column break off", err);
    for (size_t row = 0; row < rows; row++) {
        if (out->valid[row] > 1) return corrupt(cur, "a null is neither 0 nor 1", err);
    }
    return 0;
}

/* The cells as the record has them. */
static int decode_raw(const struct schema_field *field, size_t rows, bool nulls,
                      struct cursor *cur, struct arena *arena, struct kith_column *raw,
                      struct kith_error *err)
{
    const int rc = nulls ? decode_valid(rows, cur, raw, err) : 0;
    if (rc) return rc;
    return field->width > 0 ? decode_cells(field, rows, cur, arena, raw, err)
                            : decode_texts(rows, cur, arena, raw, err);
}

static int decode_column(const struct schema *schema, size_t number, size_t rows,
                         struct cursor *cur, struct arena *arena, struct kith_column *out,
                         struct kith_error *err)
{
    const struct schema_field *const field = &schema->fields[number];
    struct kith_column raw = {0};
    const uint8_t type = cursor_u8(cur);
    const uint8_t kind = cursor_u8(cur);
    const uint16_t zero = cursor_u16(cur);
    const uint32_t dim = cursor_u32(cur);
    if (cursor_failed(cur)) return corrupt(cur, "the head of a column breaks off", err);
    if (type != (uint8_t)field->type || dim != field->dim || zero != 0 ||
        kind > (field->dropped ? COLUMN_DROPPED : COLUMN_NULLS)) {
        return corrupt(cur, "a column is not of its field's shape, ending", err);
    }
    *out = (struct kith_column){.field = field->name, .type = field->type};
    if (kind == COLUMN_DROPPED) return 0;
    if (!field->dropped && !schema_field_stored(field)) { /* the engine fills it */
        return kind == COLUMN_NULLS ? corrupt(cur, "a column has nulls and no rows, ending", err)
                                    : 0;
    }
    int rc = decode_raw(field, rows, kind == COLUMN_NULLS, cur, arena, &raw, err);
    if (rc || field->dropped) return rc; /* written before it was dropped: passed over */
    rc = batch_take_column(schema, number, &raw, rows, arena, out, err);
    return rc && rc != KITH_ENOMEM ? error_wrap(err, KITH_ECORRUPT, "batch") : rc;
}

/* An older record lacks fields that were added since. */
static bool columns_fit(const struct schema *schema, size_t count)
{
    if (count == 0 || count > schema->field_count) return false;
    for (size_t i = count; i < schema->field_count; i++) {
        if (!schema_field_fillable(&schema->fields[i])) return false;
    }
    return true;
}

int batch_decode(const struct schema *schema, struct cursor *cur, struct arena *arena,
                 struct kith_batch *out, struct kith_error *err)
{
    const size_t rows = cursor_u32(cur);
    const size_t count = cursor_u32(cur);
    if (cursor_failed(cur)) return corrupt(cur, "the head breaks off", err);
    if (rows > LIMIT_BATCH_ROWS || !columns_fit(schema, count)) {
        return corrupt(cur, "rows or columns are not as they can be, before", err);
    }
    const size_t fields = schema->field_count;
    struct schema then = *schema; /* a dynamic key may have the name of a field that came later */
    then.field_count = count;
    struct kith_column *const columns = arena_alloc_array(arena, fields, sizeof *columns);
    if (!columns) return error_set(err, KITH_ENOMEM, "no memory for a batch");
    for (size_t i = 0; i < fields; i++) {
        const int rc = i < count ? decode_column(&then, i, rows, cur, arena, &columns[i], err)
                                 : batch_missing_column(schema, i, rows, arena, &columns[i], err);
        if (rc) return rc;
    }
    *out = (struct kith_batch){
        .size = sizeof *out, .rows = rows, .columns = columns, .column_count = fields};
    return 0;
}
