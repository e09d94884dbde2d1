/*
 * The values of a column: every valid row against its field.
 *
 * A type's check is a function from one row's cell to a verdict: 0 or a text about what is wrong,
 * which the caller completes with the field and the row (also in err.position). Floats are tested
 * on their bits (an exponent of all ones is NaN or infinite), which the compiler turns into vector
 * code and which is the same for the three float formats.
 */
#include "model/batch_internal.h"

#include <string.h>

#include "base/endian.h"
#include "base/json.h"
#include "model/limits.h"

#define F32_EXPONENT  UINT32_C(0x7f800000)
#define F16_EXPONENT  0x7c00u
#define BF16_EXPONENT 0x7f80u
#define F64_EXPONENT  UINT64_C(0x7ff0000000000000)

struct verdict {
    int code;
    const char *problem; /* static text; NULL: all is well */
};

static const struct verdict good = {0, NULL};

static struct verdict bad(const char *problem) { return (struct verdict){KITH_EINVAL, problem}; }

static struct verdict beyond(const char *problem) { return (struct verdict){KITH_ELIMIT, problem}; }

static bool finite_f32(const uint8_t *values, size_t count)
{
    unsigned wild = 0;
    for (size_t i = 0; i < count; i++) {
        wild |= (le32_get(values + 4 * i) & F32_EXPONENT) == F32_EXPONENT;
    }
    return wild == 0;
}

static bool finite_f64(const uint8_t *values, size_t count)
{
    unsigned wild = 0;
    for (size_t i = 0; i < count; i++) {
        wild |= (le64_get(values + 8 * i) & F64_EXPONENT) == F64_EXPONENT;
    }
    return wild == 0;
}

static bool finite_half(const uint8_t *values, size_t count, unsigned exponent)
{
    unsigned wild = 0;
    for (size_t i = 0; i < count; i++) wild |= (le16_get(values + 2 * i) & exponent) == exponent;
    return wild == 0;
}

static bool all_finite(enum kith_type type, const uint8_t *values, size_t count)
{
    switch (type) {
    case KITH_FLOAT:
    case KITH_FLOAT_VECTOR: return finite_f32(values, count);
    case KITH_DOUBLE: return finite_f64(values, count);
    case KITH_FLOAT16_VECTOR: return finite_half(values, count, F16_EXPONENT);
    case KITH_BFLOAT16_VECTOR: return finite_half(values, count, BF16_EXPONENT);
    default: return true;
    }
}

static struct verdict check_fixed(const struct schema_field *field, const uint8_t *cell)
{
    const size_t count = type_is_vector(field->type) ? field->dim : 1;
    return all_finite(field->type, cell, count) ? good : bad("holds a number that is not finite");
}

static struct verdict check_text(const struct schema_field *field, struct kith_str text)
{
    if (text.len > field->max_length) return bad("is longer than max_length");
    return utf8_valid(text.data, text.len) ? good : bad("is not valid UTF-8");
}

static struct verdict check_array_text(const struct schema_field *field, const uint8_t *bytes,
                                       size_t len)
{
    size_t count = 0;
    while (len > 0) {
        if (len < 4 || le32_get(bytes) > len - 4) return bad("is a packed array that breaks off");
        const size_t used = 4 + (size_t)le32_get(bytes);
        if (++count > field->max_capacity) return bad("has more elements than max_capacity");
        const struct verdict verdict =
            check_text(field, (struct kith_str){(const char *)bytes + 4, used - 4});
        if (verdict.code) return verdict;
        bytes += used;
        len -= used;
    }
    return good;
}

static struct verdict check_array(const struct schema_field *field, struct kith_str array)
{
    const uint8_t *const bytes = (const uint8_t *)array.data;
    if (field->element_type == KITH_VARCHAR) return check_array_text(field, bytes, array.len);
    const size_t width = type_width(field->element_type, 0);
    if (array.len % width != 0) return bad("is not a whole number of elements");
    const size_t count = array.len / width;
    if (count > field->max_capacity) return bad("has more elements than max_capacity");
    return all_finite(field->element_type, bytes, count) ? good
                                                         : bad("holds a number that is not finite");
}

static struct verdict check_sparse(struct kith_str sparse)
{
    if (sparse.len % 8 != 0) return bad("is not a whole number of (index, value) pairs");
    const size_t count = sparse.len / 8;
    if (count > LIMIT_SPARSE_ENTRIES) return beyond("has too many entries");
    const uint8_t *pair = (const uint8_t *)sparse.data;
    for (size_t i = 0; i < count; i++, pair += 8) {
        const uint32_t index = le32_get(pair);
        if (index == UINT32_MAX) return bad("has the index 2^32 - 1, which is too large");
        if (i > 0 && index <= le32_get(pair - 8)) return bad("has indices that do not ascend");
        if (!finite_f32(pair + 4, 1)) return bad("holds a number that is not finite");
    }
    return good;
}

static bool is_field_name(const struct schema *schema, const struct json_value *key)
{
    if (!key->has_escapes) return schema_find(schema, key->text + 1, key->len - 2) != SIZE_MAX;
    for (size_t i = 0; i < schema->field_count; i++) { /* "$meta" is among them */
        const char *const name = schema->fields[i].name;
        if (schema->fields[i].dropped) continue;
        if (json_string_equals(key, name, strlen(name))) return true;
    }
    return false;
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/* The text is valid JSON already, so that its ends say what it is without a second scan. */
static struct verdict check_meta(const struct schema *schema, struct kith_str text)
{
    struct json_value object = {.kind = JSON_OBJECT, .text = text.data, .len = text.len};
    while (object.len > 0 && is_blank(object.text[0])) {
        object.text++;
        object.len--;
    }
    while (object.len > 0 && is_blank(object.text[object.len - 1])) object.len--;
    if (object.len < 2 || object.text[0] != '{') return bad("is not a JSON object");
    struct json_iter iter;
    struct json_value key, value;
    json_iter_init(&iter, &object);
    int rc;
    while ((rc = json_iter_next(&iter, &key, &value)) > 0) {
        if (is_field_name(schema, &key)) return bad("has a key that is a field of the schema");
    }
    return rc == 0 ? good : bad("is not a JSON object");
}

static struct verdict check_json(const struct schema *schema, size_t number, struct kith_str text)
{
    if (text.len > LIMIT_JSON_BYTES) return beyond("is JSON of too many bytes");
    if (json_validate(text.data, text.len, NULL)) return bad("is not valid JSON");
    return number == schema->meta ? check_meta(schema, text) : good;
}

/* Whether it is WKT, the engine checks: the rooms of geometry are above this one. */
static struct verdict check_geometry(struct kith_str text)
{
    if (text.len > LIMIT_GEOMETRY_BYTES) return beyond("is a geometry of too many bytes");
    return utf8_valid(text.data, text.len) ? good : bad("is not valid UTF-8");
}

static struct verdict check_variable(const struct schema *schema, size_t number,
                                     struct kith_str value)
{
    const struct schema_field *const field = &schema->fields[number];
    if (value.len > UINT32_MAX) return beyond("is too long");
    switch (field->type) {
    case KITH_VARCHAR: return check_text(field, value);
    case KITH_JSON: return check_json(schema, number, value);
    case KITH_GEOMETRY: return check_geometry(value);
    case KITH_ARRAY: return check_array(field, value);
    case KITH_SPARSE_VECTOR: return check_sparse(value);
    default: return bad("has a type without values");
    }
}

static int complain(const struct schema_field *field, size_t row, struct verdict verdict,
                    struct kith_error *err)
{
    return error_set_at(err, verdict.code, row, "field '%s' in row %zu %s", field->name, row,
                        verdict.problem);
}

static bool any_wild_bool(const uint8_t *bytes, size_t len)
{
    unsigned seen = 0;
    for (size_t i = 0; i < len; i++) seen |= bytes[i];
    return seen > 1;
}

static uint8_t *tame_bools(const uint8_t *bytes, size_t len, struct arena *arena)
{
    uint8_t *const tame = arena_alloc(arena, len);
    for (size_t i = 0; tame && i < len; i++) tame[i] = bytes[i] != 0;
    return tame;
}

/* NULL with length 0 becomes "", and elements of Bool arrays 0 or 1: both need a copy of the row.
 */
static bool needs_repair(const struct schema_field *field, struct kith_str value)
{
    return !value.data || (field->element_type == KITH_BOOL &&
                           any_wild_bool((const uint8_t *)value.data, value.len));
}

static int repair(struct kith_str *value, struct arena *arena)
{
    if (!value->data) {
        *value = (struct kith_str){"", 0};
        return 0;
    }
    const uint8_t *const tame = tame_bools((const uint8_t *)value->data, value->len, arena);
    if (!tame) return KITH_ENOMEM;
    value->data = (const char *)tame;
    return 0;
}

/* Repairs one row in *own, the column's own copy of the cells, made when first needed. */
static int repair_row(const struct kith_column *column, size_t rows, size_t row,
                      struct arena *arena, struct kith_str **own)
{
    if (!*own) {
        *own = arena_alloc_array(arena, rows, sizeof **own);
        if (!*own) return KITH_ENOMEM;
        memcpy(*own, column->data, rows * sizeof **own);
    }
    return repair(&(*own)[row], arena);
}

static int check_variable_rows(const struct schema *schema, size_t number, size_t rows,
                               struct arena *arena, struct kith_column *column,
                               struct kith_error *err)
{
    const struct schema_field *const field = &schema->fields[number];
    const struct kith_str *const values = column->data;
    struct kith_str *own = NULL;
    for (size_t row = 0; row < rows; row++) {
        if (column->valid && !column->valid[row]) continue;
        struct kith_str value = values[row];
        if (!value.data && value.len > 0) {
            return complain(field, row, bad("has a length but no bytes"), err);
        }
        if (!value.data) value.data = "";
        const struct verdict verdict = check_variable(schema, number, value);
        if (verdict.code) return complain(field, row, verdict, err);
        if (needs_repair(field, values[row]) && repair_row(column, rows, row, arena, &own)) {
            return error_set(err, KITH_ENOMEM, "no memory for a batch");
        }
    }
    if (own) column->data = own;
    return 0;
}

static int check_fixed_rows(const struct schema_field *field, size_t rows,
                            const struct kith_column *column, struct kith_error *err)
{
    const uint8_t *const cells = column->data;
    for (size_t row = 0; row < rows; row++) { /* a null's cell is zero, so it passes */
        const struct verdict verdict = check_fixed(field, cells + row * field->width);
        if (verdict.code) return complain(field, row, verdict, err);
    }
    return 0;
}

int batch_check_values(const struct schema *schema, size_t number, size_t rows, struct arena *arena,
                       struct kith_column *column, struct kith_error *err)
{
    const struct schema_field *const field = &schema->fields[number];
    if (field->width == 0) {
        return check_variable_rows(schema, number, rows, arena, column, err);
    }
    if (field->type != KITH_BOOL) return check_fixed_rows(field, rows, column, err);
    if (rows == 0 || !any_wild_bool(column->data, rows)) return 0;
    column->data = tame_bools(column->data, rows, arena);
    return column->data ? 0 : error_set(err, KITH_ENOMEM, "no memory for a batch");
}
