/*
 * FieldData out of columns: see rows_out.h.
 *
 *   FieldData    type=1 name=2 scalars=3 | vectors=4 id=5 dynamic=6 valid=7
 *   ScalarField  one array message by type; scalars under null are sent as they lie (zero, empty)
 *   VectorField  dim=1 and the member of the type; rows that are null are not sent at all
 */
#include "milvus/rows_out.h"

#include <string.h>

#include "base/endian.h"

enum shape { VARINTS, FIXED, TEXTS, ARRAYS, FLOATS, BYTES, SPARSE };

struct layout {
    enum shape shape;
    uint32_t member; /* of ScalarField or VectorField */
    size_t width;    /* of a value or vector */
};

static struct layout layout_of(const struct milvus_column *column)
{
    const size_t dim = column->dim;
    switch (column->type) {
    case KITH_BOOL: return (struct layout){ VARINTS, 1, 1 };
    case KITH_INT8: return (struct layout){ VARINTS, 2, 1 };
    case KITH_INT16: return (struct layout){ VARINTS, 2, 2 };
    case KITH_INT32: return (struct layout){ VARINTS, 2, 4 };
    case KITH_INT64: return (struct layout){ VARINTS, 3, 8 };
    case KITH_FLOAT: return (struct layout){ FIXED, 4, 4 };
    case KITH_DOUBLE: return (struct layout){ FIXED, 5, 8 };
    case KITH_ARRAY: return (struct layout){ ARRAYS, 8, sizeof(struct kith_str) };
    case KITH_JSON: return (struct layout){ TEXTS, 9, sizeof(struct kith_str) };
    case KITH_GEOMETRY: return (struct layout){ TEXTS, 12, sizeof(struct kith_str) };
    case KITH_FLOAT_VECTOR: return (struct layout){ FLOATS, 2, dim * 4 };
    case KITH_BINARY_VECTOR: return (struct layout){ BYTES, 3, dim / 8 };
    case KITH_FLOAT16_VECTOR: return (struct layout){ BYTES, 4, dim * 2 };
    case KITH_BFLOAT16_VECTOR: return (struct layout){ BYTES, 5, dim * 2 };
    case KITH_SPARSE_VECTOR: return (struct layout){ SPARSE, 6, sizeof(struct kith_str) };
    case KITH_INT8_VECTOR: return (struct layout){ BYTES, 7, dim };
    default: return (struct layout){ TEXTS, 6, sizeof(struct kith_str) }; /* also TIMESTAMPTZ */
    }
}

static bool is_vector(const struct layout *layout) { return layout->shape >= FLOATS; }

static size_t row_at(const struct milvus_page *page, size_t i)
{
    return page->order ? page->order[i] : i;
}

/* Not of vectors: sent although null. */
static bool skipped(const struct milvus_column *column, const struct layout *layout, size_t row)
{
    return is_vector(layout) && column->valid && !column->valid[row];
}

static uint64_t integer_at(const struct milvus_column *column, size_t width, size_t row)
{
    const uint8_t *cell = (const uint8_t *)column->data + row * width;
    switch (width) {
    case 1: return column->type == KITH_BOOL ? *cell : (uint64_t)(int64_t)(int8_t)*cell;
    case 2: return (uint64_t)(int64_t)(int16_t)le16_get(cell);
    case 4: return (uint64_t)(int64_t)(int32_t)le32_get(cell);
    default: return le64_get(cell);
    }
}

static const struct kith_str *text_at(const struct milvus_column *column, size_t row)
{
    return &((const struct kith_str *)column->data)[row];
}

/* ---- rows of arrays: packed elements into a ScalarField ---- */

static uint64_t element_at(const struct milvus_column *column, const char *at)
{
    const struct milvus_column one = { .type = column->element, .data = at };
    return integer_at(&one, milvus_scalar_width(column->element), 0);
}

/* Bytes of the elements inside their array message. */
static size_t elements_size(const struct milvus_column *column, struct kith_str row)
{
    size_t total = 0;
    const size_t width = milvus_scalar_width(column->element);
    if (column->element == KITH_FLOAT || column->element == KITH_DOUBLE) return row.len;
    if (column->element == KITH_VARCHAR) {
        for (size_t at = 0; at + 4 <= row.len; at += 4 + le32_get(row.data + at))
            total += wire_bytes_size(1, le32_get(row.data + at));
        return total;
    }
    for (size_t at = 0; at + width <= row.len; at += width)
        total += wire_varint_size(element_at(column, row.data + at));
    return total;
}

static size_t array_message_size(const struct milvus_column *column, size_t elements)
{
    return column->element == KITH_VARCHAR || elements == 0 ? elements
                                                            : wire_bytes_size(1, elements);
}

static uint32_t element_member(const struct milvus_column *column)
{
    const struct milvus_column one = { .type = column->element };
    return layout_of(&one).member;
}

static size_t array_row_size(const struct milvus_column *column, struct kith_str row)
{
    const size_t message = array_message_size(column, elements_size(column, row));
    return wire_bytes_size(element_member(column), message);
}

static uint8_t *array_row_put(uint8_t *to, const struct milvus_column *column, struct kith_str row)
{
    const size_t elements = elements_size(column, row);
    const size_t width = milvus_scalar_width(column->element);
    to = rows_varint(to, element_member(column) << 3 | WIRE_BYTES);
    to = rows_varint(to, array_message_size(column, elements));
    if (column->element == KITH_VARCHAR) {
        for (size_t at = 0; at + 4 <= row.len;) {
            const size_t len = le32_get(row.data + at);
            to = rows_varint(to, 1 << 3 | WIRE_BYTES);
            to = rows_varint(to, len);
            memcpy(to, row.data + at + 4, len);
            to += len;
            at += 4 + len;
        }
        return to;
    }
    if (elements == 0) return to;
    to = rows_varint(to, 1 << 3 | WIRE_BYTES);
    to = rows_varint(to, elements);
    if (column->element == KITH_FLOAT || column->element == KITH_DOUBLE) {
        memcpy(to, row.data, row.len);
        return to + row.len;
    }
    for (size_t at = 0; at + width <= row.len; at += width)
        to = rows_varint(to, element_at(column, row.data + at));
    return to;
}

/* ---- sizes ---- */

static size_t values_size(const struct milvus_column *column, const struct layout *layout,
                          const struct milvus_page *page)
{
    size_t total = 0;
    if (layout->shape == FIXED) return page->rows * layout->width;
    for (size_t i = 0; i < page->rows; i++) {
        const size_t row = row_at(page, i);
        if (skipped(column, layout, row)) continue;
        switch (layout->shape) {
        case VARINTS: total += wire_varint_size(integer_at(column, layout->width, row)); break;
        case TEXTS:
        case SPARSE: total += wire_bytes_size(1, text_at(column, row)->len); break;
        case ARRAYS:
            total += wire_bytes_size(1, array_row_size(column, *text_at(column, row)));
            break;
        case FIXED:
        case FLOATS:
        case BYTES: total += layout->width; break;
        }
    }
    return total;
}

/* The largest index of all rows and one. */
static uint32_t sparse_dim(const struct milvus_column *column, const struct layout *layout,
                           const struct milvus_page *page)
{
    uint32_t dim = 0;
    for (size_t i = 0; i < page->rows; i++) {
        const size_t row = row_at(page, i);
        const struct kith_str *text = text_at(column, row);
        if (skipped(column, layout, row) || text->len < 8) continue;
        const uint32_t last = le32_get(text->data + text->len - 8);
        if (last + 1 > dim) dim = last + 1;
    }
    return dim;
}

static size_t varint_field_size(uint64_t value)
{
    return value ? 1 + wire_varint_size(value) : 0; /* all numbers here are below 16 */
}

static void field_measure(const struct milvus_column *column, const struct layout *layout,
                          const struct milvus_page *page, struct rows_column_size *out)
{
    const size_t run = out->values ? wire_bytes_size(1, out->values) : 0;
    const uint64_t dim = layout->shape == SPARSE ? sparse_dim(column, layout, page) : column->dim;
    switch (layout->shape) {
    case VARINTS:
    case FIXED:
    case FLOATS: out->array = run; break;
    case ARRAYS: out->array = out->values + varint_field_size((uint64_t)column->element); break;
    case SPARSE: out->array = out->values + varint_field_size(dim); break;
    case TEXTS:
    case BYTES: out->array = out->values; break;
    }
    out->field = wire_bytes_size(layout->member, out->array);
    if (is_vector(layout)) out->field += varint_field_size(dim);
}

void rows_column_measure(const struct milvus_column *column, const struct milvus_page *page,
                         struct rows_column_size *out)
{
    const struct layout layout = layout_of(column);
    const size_t name = strlen(column->name);
    out->values = values_size(column, &layout, page);
    field_measure(column, &layout, page, out);
    out->valid = column->valid ? page->rows : 0;
    out->whole = varint_field_size((uint64_t)column->type) + wire_bytes_size(2, name) +
                 wire_bytes_size(is_vector(&layout) ? 4 : 3, out->field) +
                 varint_field_size((uint64_t)column->id) + (column->dynamic ? 2 : 0) +
                 (out->valid ? wire_bytes_size(7, out->valid) : 0);
}

/* ---- bytes ---- */

static uint8_t *text_put(uint8_t *to, struct kith_str text)
{
    to = rows_varint(to, 1 << 3 | WIRE_BYTES);
    to = rows_varint(to, text.len);
    if (text.len) memcpy(to, text.data, text.len);
    return to + text.len;
}

static uint8_t *row_put(uint8_t *to, const struct milvus_column *column,
                        const struct layout *layout, size_t row)
{
    switch (layout->shape) {
    case VARINTS: return rows_varint(to, integer_at(column, layout->width, row));
    case TEXTS:
    case SPARSE: return text_put(to, *text_at(column, row));
    case ARRAYS:
        to = rows_varint(to, 1 << 3 | WIRE_BYTES);
        to = rows_varint(to, array_row_size(column, *text_at(column, row)));
        return array_row_put(to, column, *text_at(column, row));
    case FIXED:
    case FLOATS:
    case BYTES: break;
    }
    memcpy(to, (const uint8_t *)column->data + row * layout->width, layout->width);
    return to + layout->width;
}

static void values_put(struct buffer *out, const struct milvus_column *column,
                       const struct layout *layout, const struct milvus_page *page, size_t size)
{
    uint8_t *to = buffer_extend(out, size);
    if (!to || size == 0) return;
    for (size_t i = 0; i < page->rows; i++) {
        const size_t row = row_at(page, i);
        if (!skipped(column, layout, row)) to = row_put(to, column, layout, row);
    }
}

static void field_put(struct buffer *out, const struct milvus_column *column,
                      const struct layout *layout, const struct milvus_page *page,
                      const struct rows_column_size *size)
{
    const uint64_t dim = layout->shape == SPARSE ? sparse_dim(column, layout, page) : column->dim;
    if (is_vector(layout)) wire_put_varint(out, 1, dim);
    wire_put_head(out, layout->member, size->array);
    if (size->values && (layout->shape == VARINTS || layout->shape == FIXED ||
                         layout->shape == FLOATS))
        wire_put_head(out, 1, size->values);
    values_put(out, column, layout, page, size->values);
    if (layout->shape == ARRAYS) wire_put_varint(out, 2, (uint64_t)column->element);
    if (layout->shape == SPARSE) wire_put_varint(out, 2, dim);
}

void rows_column_put(struct buffer *out, uint32_t number, const struct milvus_column *column,
                     const struct milvus_page *page, const struct rows_column_size *size)
{
    const struct layout layout = layout_of(column);
    wire_put_head(out, number, size->whole);
    wire_put_varint(out, 1, (uint64_t)column->type);
    wire_put_bytes(out, 2, column->name, strlen(column->name));
    wire_put_head(out, is_vector(&layout) ? 4 : 3, size->field);
    field_put(out, column, &layout, page, size);
    wire_put_varint(out, 5, (uint64_t)column->id);
    wire_put_varint(out, 6, column->dynamic);
    if (size->valid == 0) return;
    wire_put_head(out, 7, size->valid);
    uint8_t *to = buffer_extend(out, size->valid);
    for (size_t i = 0; to && i < page->rows; i++) to[i] = column->valid[row_at(page, i)] != 0;
}

/* ---- pages, keys, statuses ---- */

int rows_page_measure(const struct milvus_page *page, uint32_t number, struct arena *arena,
                      struct rows_page_size *out)
{
    out->whole = 0;
    out->columns = arena_alloc_array(arena, page->column_count + 1, sizeof *out->columns);
    if (!out->columns) return KITH_ENOMEM;
    for (size_t i = 0; i < page->column_count; i++) {
        rows_column_measure(&page->columns[i], page, &out->columns[i]);
        out->whole += wire_bytes_size(number, out->columns[i].whole);
    }
    return 0;
}

void rows_page_put(struct buffer *out, uint32_t number, const struct milvus_page *page,
                   const struct rows_page_size *size)
{
    for (size_t i = 0; i < page->column_count; i++)
        rows_column_put(out, number, &page->columns[i], page, &size->columns[i]);
}

/* The one member of IDs: LongArray or StringArray. */
static size_t keys_run(const struct kith_keys *keys)
{
    size_t total = 0;
    if (!keys->ints && !keys->strings) return 0;
    for (size_t i = 0; i < keys->count; i++)
        total += keys->ints ? wire_varint_size((uint64_t)keys->ints[i])
                            : wire_bytes_size(1, keys->strings[i].len);
    return total;
}

static size_t keys_array(const struct kith_keys *keys, size_t run)
{
    return keys->ints && run ? wire_bytes_size(1, run) : run;
}

size_t rows_keys_size(const struct kith_keys *keys)
{
    return wire_bytes_size(1, keys_array(keys, keys_run(keys)));
}

void rows_keys_put(struct buffer *out, uint32_t number, const struct kith_keys *keys)
{
    const size_t run = keys_run(keys), array = keys_array(keys, run);
    wire_put_head(out, number, wire_bytes_size(1, array));
    wire_put_head(out, keys->strings ? 2 : 1, array);
    if (run == 0) return;
    if (keys->ints) wire_put_head(out, 1, run);
    uint8_t *to = buffer_extend(out, run);
    for (size_t i = 0; to && i < keys->count; i++)
        to = keys->ints ? rows_varint(to, (uint64_t)keys->ints[i]) : text_put(to, keys->strings[i]);
}

void rows_status_put(struct buffer *out, const MilvusStatus *status)
{
    if (!status || status->code == 0) {
        wire_put_head(out, 1, 0);
        return;
    }
    const size_t len = milvus__proto__common__status__get_packed_size(status);
    wire_put_head(out, 1, len);
    uint8_t *room = buffer_extend(out, len);
    if (room) (void)milvus__proto__common__status__pack(status, room);
}

static void put_sequence(struct buffer *out, uint32_t number, size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++) total += wire_varint_size(i);
    if (total == 0) return;
    wire_put_head(out, number, total);
    uint8_t *to = buffer_extend(out, total);
    for (size_t i = 0; to && i < count; i++) to = rows_varint(to, i);
}

void rows_mutation_put(struct buffer *out, struct milvus_call *call,
                       const struct milvus_mutation *mutation)
{
    const uint64_t written = mutation->written.timestamp;
    rows_status_put(out, NULL);
    rows_keys_put(out, 2, &mutation->keys);
    put_sequence(out, 3, mutation->inserted);
    wire_put_varint(out, 6, mutation->inserted);
    wire_put_varint(out, 7, mutation->deleted);
    wire_put_varint(out, 8, mutation->upserted);
    wire_put_varint(out, 9, written ? written : milvus_timestamp(call->milvus));
}
