/*
 * Normalising: from the columns that a caller gives, in any order, some compact, some left out, to
 * one full-length column a field in schema order.
 *
 * The rules of a row without a value: the field's default stands in for a null and for a missing
 * column; without a default a nullable field is null, and any other field refuses the batch. A null
 * row's cell is zero bytes (or the empty string), whatever the caller had there: what lies under a
 * null is neither looked at nor kept, so equal batches have equal encoded bytes.
 *
 * The result borrows: names and defaults from the schema, data from the caller where a column could
 * be taken as it is, the rest from the arena. Nothing is written through a pointer of the caller.
 */
#include "model/batch.h"

#include <stddef.h>
#include <string.h>

#include "base/endian.h"
#include "model/batch_internal.h"
#include "model/limits.h"

static int no_memory(struct kith_error *err)
{
    return error_set(err, KITH_ENOMEM, "no memory for a batch");
}

/* What a row without a value holds: the default, or zeroes and the empty string. */
struct filler {
    struct kith_str text; /* variable types */
    uint8_t bytes[8];     /* scalars */
    bool is_default;
};

static struct filler filler_of(const struct schema_field *field)
{
    const struct kith_value *const value = &field->default_value;
    struct filler filler = {.text = {"", 0}, .is_default = value->type != 0};
    if (!filler.is_default) return filler;
    if (field->type == KITH_FLOAT) {
        lef32_put(filler.bytes, (float)value->d);
    } else if (field->type == KITH_DOUBLE) {
        lef64_put(filler.bytes, value->d);
    } else if (field->width > 0) {
        le64_put(filler.bytes, (uint64_t)value->i); /* its low bytes are the narrow integer */
    } else {
        filler.text = value->s;
    }
    return filler;
}

static void fill_cell(const struct schema_field *field, const struct filler *filler, uint8_t *cell)
{
    if (field->width == 0) {
        memcpy(cell, &filler->text, sizeof filler->text);
    } else if (filler->is_default) {
        memcpy(cell, filler->bytes, field->width);
    } else {
        memset(cell, 0, field->width);
    }
}

/* A column of its own: valid rows from given (compact or not), the filler in the others. */
static int expand(const struct schema_field *field, const struct kith_column *given, size_t rows,
                  struct arena *arena, struct kith_column *out)
{
    const struct filler filler = filler_of(field);
    const size_t cell = batch_cell(field);
    const uint8_t *const from = given->data;
    uint8_t *const data = arena_alloc_array(arena, rows, cell);
    if (!data) return KITH_ENOMEM;
    size_t next = 0;
    for (size_t row = 0; row < rows; row++) {
        if (!given->valid[row]) {
            fill_cell(field, &filler, data + row * cell);
            continue;
        }
        memcpy(data + row * cell, from + (given->compact ? next : row) * cell, cell);
        next++;
    }
    out->data = data;
    return 0;
}

static int copy_valid(const uint8_t *given, size_t rows, struct arena *arena,
                      struct kith_column *out)
{
    uint8_t *const valid = arena_alloc(arena, rows);
    if (!valid) return KITH_ENOMEM;
    for (size_t row = 0; row < rows; row++) valid[row] = given[row] != 0;
    out->valid = valid;
    return 0;
}

static size_t first_null(const uint8_t *valid, size_t rows)
{
    const uint8_t *const null = valid && rows > 0 ? memchr(valid, 0, rows) : NULL;
    return null ? (size_t)(null - valid) : rows;
}

static bool any_valid(const uint8_t *valid, size_t rows)
{
    for (size_t row = 0; row < rows; row++) {
        if (!valid || valid[row]) return true;
    }
    return false;
}

static struct kith_column column_of(const struct schema_field *field)
{
    return (struct kith_column){.field = field->name, .type = field->type, .dim = field->dim};
}

int batch_take_column(const struct schema *schema, size_t number, const struct kith_column *given,
                      size_t rows, struct arena *arena, struct kith_column *out,
                      struct kith_error *err)
{
    const struct schema_field *const field = &schema->fields[number];
    struct kith_column made = column_of(field);
    const size_t null = first_null(given->valid, rows);
    if (!given->data && any_valid(given->valid, rows)) {
        return error_set(err, KITH_EINVAL, "field '%s' has no data", field->name);
    }
    made.data = given->data;
    if (null < rows) {
        const bool nullable = (field->flags & (unsigned)KITH_FIELD_NULLABLE) != 0;
        const bool has_default = field->default_value.type != 0;
        if (!nullable && !has_default) {
            return error_set_at(err, KITH_EINVAL, null,
                                "field '%s' is null in row %zu, and not nullable", field->name,
                                null);
        }
        if (expand(field, given, rows, arena, &made)) return no_memory(err);
        if (!has_default && copy_valid(given->valid, rows, arena, &made)) return no_memory(err);
    }
    int rc = batch_check_values(schema, number, rows, arena, &made, err);
    if (rc == 0) *out = made;
    return rc;
}

static bool is_auto_id(const struct schema_field *field)
{
    return (field->flags & (unsigned)KITH_FIELD_AUTO_ID) != 0;
}

/* A column that was not given: all rows are null, which the default may turn into values. */
int batch_missing_column(const struct schema *schema, size_t number, size_t rows,
                         struct arena *arena, struct kith_column *out, struct kith_error *err)
{
    const struct schema_field *const field = &schema->fields[number];
    *out = column_of(field);
    if (is_auto_id(field)) return 0; /* the caller fills it */
    if (!schema_field_stored(field)) return 0; /* nothing is stored */
    const bool nullable = (field->flags & (unsigned)KITH_FIELD_NULLABLE) != 0;
    if (!nullable && field->default_value.type == 0) {
        return error_set(err, KITH_EINVAL, "field '%s' is missing", field->name);
    }
    uint8_t *const valid = arena_zalloc(arena, rows);
    if (!valid) return no_memory(err);
    const struct kith_column nothing = {.valid = valid};
    if (expand(field, &nothing, rows, arena, out)) return no_memory(err);
    if (field->default_value.type == 0 && rows > 0) out->valid = valid;
    return 0;
}

static int check_shape(const struct schema_field *field, const struct kith_column *given,
                       bool keep_keys, struct kith_error *err)
{
    if (is_auto_id(field) && !keep_keys) {
        return error_set(err, KITH_EINVAL, "field '%s' is made automatically; leave it out",
                         field->name);
    }
    if (!schema_field_stored(field)) {
        return error_set(err, KITH_EINVAL, "field '%s' is filled by a function; leave it out",
                         field->name);
    }
    if (given->type != 0 && given->type != field->type) {
        return error_set(err, KITH_EINVAL, "field '%s' is %s, not %s", field->name,
                         type_name(field->type), type_name(given->type));
    }
    if (field->dim != 0 && given->dim != 0 && given->dim != field->dim) {
        return error_set(err, KITH_EDIM,
                         "vector dimension mismatch: field '%s' has %u dimensions, not %u",
                         field->name, field->dim, given->dim);
    }
    return 0;
}

/* A normalised batch has a column without data where a function fills the field; it may come in
 * again. */
static bool is_nothing(const struct schema_field *field, const struct kith_column *given)
{
    return !schema_field_stored(field) && !given->data && !given->valid;
}

/* given_of[field number] = the given column, NULL where there is none. */
static int match_columns(const struct schema *schema, const struct kith_batch *given,
                         const struct kith_column **given_of, struct kith_error *err)
{
    for (size_t i = 0; i < given->column_count; i++) {
        const struct kith_column *const column = &given->columns[i];
        if (!column->field) return error_set(err, KITH_EINVAL, "column %zu names no field", i);
        const size_t number = schema_find(schema, column->field, strlen(column->field));
        if (number == SIZE_MAX) {
            return error_set_at(err, KITH_EINVAL, i, "field '%s' not in schema", column->field);
        }
        if (given_of[number]) {
            return error_set_at(err, KITH_EINVAL, i, "field '%s' is given twice", column->field);
        }
        if (is_nothing(&schema->fields[number], column)) continue;
        int rc = check_shape(&schema->fields[number], column, given->keep_keys, err);
        if (rc) return rc;
        given_of[number] = column;
    }
    return 0;
}

static int check_batch(const struct schema *schema, const struct kith_batch *given,
                       struct kith_error *err)
{
    if (given->rows > LIMIT_BATCH_ROWS) {
        return error_set(err, KITH_ELIMIT, "%zu rows, and at most %d are allowed in a batch",
                         given->rows, LIMIT_BATCH_ROWS);
    }
    if (given->column_count > 0 && !given->columns) {
        return error_set(err, KITH_EINVAL, "%zu columns are counted and none is given",
                         given->column_count);
    }
    if (!given->partition) return 0;
    if (schema->partition_key != SIZE_MAX) {
        return error_set(err, KITH_EINVAL,
                         "a partition is named, but the partition key '%s' chooses it",
                         schema->fields[schema->partition_key].name);
    }
    if (name_valid(given->partition)) return 0;
    return error_set(err, KITH_EINVAL,
                     "the partition's name is not 1 to %d bytes of UTF-8 without "
                     "control characters",
                     LIMIT_NAME_BYTES);
}

static int normalise(const struct schema *schema, const struct kith_batch *given,
                     struct arena *arena, struct kith_batch *out, struct kith_error *err)
{
    int rc = check_batch(schema, given, err);
    if (rc) return rc;
    const size_t count = schema->field_count;
    const struct kith_column **const given_of = arena_zalloc(arena, count * sizeof *given_of);
    struct kith_column *const columns = arena_alloc_array(arena, count, sizeof *columns);
    if (!given_of || !columns) return no_memory(err);
    rc = match_columns(schema, given, given_of, err);
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = given_of[i]
                 ? batch_take_column(schema, i, given_of[i], given->rows, arena, &columns[i], err)
                 : batch_missing_column(schema, i, given->rows, arena, &columns[i], err);
    }
    if (rc) return rc;
    *out = (struct kith_batch){.size = sizeof *out,
                               .rows = given->rows,
                               .columns = columns,
                               .column_count = count,
                               .partition = given->partition};
    return 0;
}

int batch_normalise(const struct schema *schema, const struct kith_batch *given,
                    struct arena *arena, struct kith_batch *out, struct kith_error *err)
{
    if (!given || given->size < offsetof(struct kith_batch, partition)) {
        return error_set(err, KITH_EINVAL, "set the size of a batch to sizeof(struct kith_batch)");
    }
    struct kith_batch known = {0};
    memcpy(&known, given, given->size < sizeof known ? given->size : sizeof known);
    return normalise(schema, &known, arena, out, err);
}

static int select_column(const struct schema_field *field, const struct kith_column *from,
                         const uint32_t *rows, size_t count, struct arena *arena,
                         struct kith_column *out)
{
    const size_t cell = batch_cell(field);
    const uint8_t *const source = from->data;
    *out = *from;
    if (source) {
        uint8_t *const data = arena_alloc_array(arena, count, cell);
        if (!data) return KITH_ENOMEM;
        for (size_t i = 0; i < count; i++) {
            memcpy(data + i * cell, source + rows[i] * cell, cell);
        }
        out->data = data;
    }
    if (!from->valid) return 0;
    uint8_t *const valid = arena_alloc(arena, count);
    if (!valid) return KITH_ENOMEM;
    for (size_t i = 0; i < count; i++) valid[i] = from->valid[rows[i]];
    out->valid = first_null(valid, count) < count ? valid : NULL;
    return 0;
}

int batch_select(const struct schema *schema, const struct kith_batch *batch, const uint32_t *rows,
                 size_t count, struct arena *arena, struct kith_batch *out)
{
    struct kith_column *const columns =
        arena_alloc_array(arena, schema->field_count, sizeof *columns);
    if (!columns) return KITH_ENOMEM;
    for (size_t i = 0; i < schema->field_count; i++) {
        int rc =
            select_column(&schema->fields[i], &batch->columns[i], rows, count, arena, &columns[i]);
        if (rc) return rc;
    }
    struct kith_batch made = *batch;
    made.rows = count;
    made.columns = columns;
    *out = made;
    return 0;
}
