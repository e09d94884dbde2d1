/*
 * The rules of one field: name, flags, dimension, lengths, metric, analyzer and default value.
 *
 * Each rule is one function that returns 0 or writes a text which names the field, the rule and
 * what was given. Attributes that mean nothing for a type (a dimension of an Int64) are refused,
 * not ignored: a misplaced one is most often a mistake about the type. What is stored is canonical:
 * a metric is never DEFAULT, a VarChar always has its max_length, a Float default is rounded to
 * float, and members of a value that its type does not use are zero. So equal schemas have equal
 * bytes.
 */
#include "model/field_internal.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "model/limits.h"

#define AUTO_TEXT_BYTES 20 /* decimal digits and sign of an int64: an automatic VarChar key */

#define FLAGS_KNOWN                                                                                \
    ((unsigned)KITH_FIELD_PRIMARY | (unsigned)KITH_FIELD_AUTO_ID | (unsigned)KITH_FIELD_NULLABLE | \
     (unsigned)KITH_FIELD_PARTITION_KEY)

static bool has_flag(const struct schema_field *field, enum kith_field_flag flag)
{
    return (field->flags & (unsigned)flag) != 0;
}

/* Control characters are C0, DEL and C1, which is C2 80..9F in UTF-8. */
static bool has_control(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == 0x7f) return true;
        if (c == 0xc2 && i + 1 < len && (unsigned char)text[i + 1] < 0xa0) return true;
    }
    return false;
}

bool name_valid(const char *name)
{
    if (!name) return false;
    const size_t len = strnlen(name, LIMIT_NAME_BYTES + 1);
    if (len == 0 || len > LIMIT_NAME_BYTES) return false;
    return utf8_valid(name, len) && !has_control(name, len);
}

static int check_type(const struct schema_field *field, struct kith_error *err)
{
    switch (field->type) {
    case KITH_TEXT:
        return error_set(err, KITH_EUNSUPPORTED,
                         "field '%s': the type %s is reserved, not built in", field->name,
                         type_name(field->type));
    case KITH_VARCHAR:
    case KITH_ARRAY:
    case KITH_JSON:
    case KITH_GEOMETRY:
    case KITH_SPARSE_VECTOR: return 0;
    default: break;
    }
    if (type_is_fixed(field->type)) return 0;
    return error_set(err, KITH_EINVAL, "field '%s': there is no type %d", field->name,
                     (int)field->type);
}

static bool key_type(enum kith_type type) { return type == KITH_INT64 || type == KITH_VARCHAR; }

static int check_primary(const struct schema_field *field, struct kith_error *err)
{
    if (!has_flag(field, KITH_FIELD_PRIMARY)) {
        if (!has_flag(field, KITH_FIELD_AUTO_ID)) return 0;
        return error_set(err, KITH_EINVAL, "field '%s': auto id is for the primary key only",
                         field->name);
    }
    if (!key_type(field->type)) {
        return error_set(err, KITH_EINVAL, "field '%s': a primary key is Int64 or VarChar, not %s",
                         field->name, type_name(field->type));
    }
    if (has_flag(field, KITH_FIELD_NULLABLE)) {
        return error_set(err, KITH_EINVAL, "field '%s': a primary key is never nullable",
                         field->name);
    }
    if (has_flag(field, KITH_FIELD_AUTO_ID) && field->type == KITH_VARCHAR &&
        field->max_length < AUTO_TEXT_BYTES) {
        return error_set(err, KITH_EINVAL, "field '%s': an automatic key needs max_length >= %d",
                         field->name, AUTO_TEXT_BYTES);
    }
    return 0;
}

static int check_partition_key(const struct schema_field *field, struct kith_error *err)
{
    if (!has_flag(field, KITH_FIELD_PARTITION_KEY)) return 0;
    if (!key_type(field->type)) {
        return error_set(err, KITH_EINVAL,
                         "field '%s': a partition key is Int64 or VarChar, not %s", field->name,
                         type_name(field->type));
    }
    if (has_flag(field, KITH_FIELD_PRIMARY) || has_flag(field, KITH_FIELD_NULLABLE)) {
        return error_set(err, KITH_EINVAL,
                         "field '%s': a partition key is neither the primary key nor nullable",
                         field->name);
    }
    return 0;
}

static int check_flags(const struct schema_field *field, struct kith_error *err)
{
    if (field->flags & ~FLAGS_KNOWN) {
        return error_set(err, KITH_EINVAL, "field '%s': flags %#x are not for callers to set",
                         field->name, field->flags & ~FLAGS_KNOWN);
    }
    int rc = check_primary(field, err);
    return rc ? rc : check_partition_key(field, err);
}

static int check_dim(const struct schema_field *field, struct kith_error *err)
{
    if (!type_is_vector(field->type) || field->type == KITH_SPARSE_VECTOR) {
        if (field->dim == 0) return 0;
        return error_set(err, KITH_EINVAL, "field '%s': %s has no dimension", field->name,
                         type_name(field->type));
    }
    const bool binary = field->type == KITH_BINARY_VECTOR;
    const uint32_t max = binary ? LIMIT_DIM_BITS : LIMIT_DIM;
    if (field->dim < 1 || field->dim > max) {
        return error_set(err, KITH_EINVAL, "field '%s': dimension %u is not in 1..%u", field->name,
                         field->dim, max);
    }
    if (binary && field->dim % 8 != 0) {
        return error_set(err, KITH_EINVAL, "field '%s': dimension %u is not a multiple of 8",
                         field->name, field->dim);
    }
    return 0;
}

static bool element_type_valid(enum kith_type type)
{
    return type == KITH_VARCHAR ||
           (type_is_fixed(type) && !type_is_vector(type) && type != KITH_TIMESTAMPTZ);
}

static int check_array(const struct schema_field *field, struct kith_error *err)
{
    if (field->type != KITH_ARRAY) {
        if (field->max_capacity == 0 && field->element_type == 0) return 0;
        return error_set(err, KITH_EINVAL,
                         "field '%s': only an Array has max_capacity and an element type",
                         field->name);
    }
    if (!element_type_valid(field->element_type)) {
        return error_set(err, KITH_EINVAL, "field '%s': %s is no element type of an Array",
                         field->name, type_name(field->element_type));
    }
    if (field->max_capacity < 1 || field->max_capacity > LIMIT_ARRAY_ELEMENTS) {
        return error_set(err, KITH_EINVAL, "field '%s': max_capacity %u is not in 1..%d",
                         field->name, field->max_capacity, LIMIT_ARRAY_ELEMENTS);
    }
    return 0;
}

static int resolve_length(struct schema_field *field, struct kith_error *err)
{
    if (field->type != KITH_VARCHAR && field->element_type != KITH_VARCHAR) {
        if (field->max_length == 0) return 0;
        return error_set(err, KITH_EINVAL, "field '%s': only VarChar has max_length", field->name);
    }
    if (field->max_length == 0) field->max_length = LIMIT_VARCHAR_BYTES;
    if (field->max_length <= LIMIT_VARCHAR_BYTES) return 0;
    return error_set(err, KITH_EINVAL, "field '%s': max_length %u is not in 1..%d", field->name,
                     field->max_length, LIMIT_VARCHAR_BYTES);
}

static enum kith_metric default_metric(enum kith_type type)
{
    if (type == KITH_BINARY_VECTOR) return KITH_HAMMING;
    return type == KITH_SPARSE_VECTOR ? KITH_IP : KITH_L2;
}

static bool metric_fits(enum kith_type type, enum kith_metric metric)
{
    switch (metric) {
    case KITH_HAMMING:
    case KITH_JACCARD: return type == KITH_BINARY_VECTOR;
    case KITH_IP: return type != KITH_BINARY_VECTOR;
    case KITH_L2:
    case KITH_COSINE: return type != KITH_BINARY_VECTOR && type != KITH_SPARSE_VECTOR;
    case KITH_BM25: return type == KITH_SPARSE_VECTOR; /* if a function fills it: see there */
    case KITH_METRIC_DEFAULT: break;
    }
    return false;
}

static int resolve_metric(struct schema_field *field, struct kith_error *err)
{
    if (!type_is_vector(field->type)) {
        if (field->metric == KITH_METRIC_DEFAULT) return 0;
        return error_set(err, KITH_EINVAL, "field '%s': only vectors have a metric", field->name);
    }
    if (field->metric == KITH_METRIC_DEFAULT) {
        field->metric = default_metric(field->type);
        field->metric_open = true;
    }
    if (metric_fits(field->type, field->metric)) return 0;
    return error_set(err, KITH_EINVAL, "field '%s': the metric %s is not for %s", field->name,
                     metric_name(field->metric), type_name(field->type));
}

static bool default_integer_fits(enum kith_type type, int64_t i)
{
    switch (type) {
    case KITH_BOOL: return i == 0 || i == 1;
    case KITH_INT8: return i >= INT8_MIN && i <= INT8_MAX;
    case KITH_INT16: return i >= INT16_MIN && i <= INT16_MAX;
    case KITH_INT32: return i >= INT32_MIN && i <= INT32_MAX;
    default: return true;
    }
}

static size_t text_max(const struct schema_field *field)
{
    if (field->type == KITH_JSON) return LIMIT_JSON_BYTES;
    return field->type == KITH_GEOMETRY ? LIMIT_GEOMETRY_BYTES : field->max_length;
}

static int copy_default_text(struct schema_field *field, struct kith_str text,
                             struct kith_error *err)
{
    const bool json = field->type == KITH_JSON;
    const size_t max = text_max(field);
    if (text.len > max || (!text.data && text.len > 0)) {
        return error_set(err, KITH_EINVAL, "field '%s': the default value is longer than %zu bytes",
                         field->name, max);
    }
    const char *const data = text.data ? text.data : "";
    if (json ? json_validate(data, text.len, NULL) != 0 : !utf8_valid(data, text.len)) {
        return error_set(err, KITH_EINVAL, "field '%s': the default value is not valid %s",
                         field->name, json ? "JSON" : "UTF-8");
    }
    char *const copy = mem_strndup(data, text.len);
    if (!copy) return error_set(err, KITH_ENOMEM, "no memory for a default value");
    field->default_value.s = (struct kith_str){copy, text.len};
    return 0;
}

static int copy_default_number(struct schema_field *field, const struct kith_value *given,
                               struct kith_error *err)
{
    bool fits;
    if (field->type == KITH_FLOAT || field->type == KITH_DOUBLE) {
        const bool narrow = field->type == KITH_FLOAT;
        fits = isfinite(given->d) && (!narrow || fabs(given->d) <= (double)FLT_MAX);
        if (fits) field->default_value.d = narrow ? (double)(float)given->d : given->d;
    } else {
        fits = default_integer_fits(field->type, given->i);
        field->default_value.i = given->i;
    }
    if (fits) return 0;
    return error_set(err, KITH_EINVAL, "field '%s': the default value is out of the range of %s",
                     field->name, type_name(field->type));
}

static int copy_default(struct schema_field *field, const struct kith_value *given,
                        struct kith_error *err)
{
    if (given->type == 0) return 0;
    if (has_flag(field, KITH_FIELD_PRIMARY) || field->type == KITH_ARRAY ||
        type_is_vector(field->type)) {
        return error_set(err, KITH_EINVAL,
                         "field '%s': primary keys, arrays and vectors have no default value",
                         field->name);
    }
    if (given->type != field->type) {
        return error_set(err, KITH_EINVAL, "field '%s' is %s, but its default value %s",
                         field->name, type_name(field->type), type_name(given->type));
    }
    int rc = type_is_fixed(field->type) ? copy_default_number(field, given, err)
                                        : copy_default_text(field, given->s, err);
    if (rc == 0) field->default_value.type = field->type;
    return rc;
}

static int copy_name(struct schema_field *out, const char *name, size_t number,
                     struct kith_error *err)
{
    if (!name_valid(name)) {
        return error_set(err, KITH_EINVAL,
                         "field number %zu: a name is 1 to %d bytes of UTF-8 "
                         "without control characters",
                         number, LIMIT_NAME_BYTES);
    }
    if (strcmp(name, SCHEMA_META_FIELD) == 0) {
        return error_set(err, KITH_EINVAL, "field '%s': the name is reserved", name);
    }
    out->name = mem_strdup(name);
    return out->name ? 0 : error_set(err, KITH_ENOMEM, "no memory for a field");
}

/* Only that it is a JSON object: what its members may be, the room of analyzers knows. */
static int copy_analyzer(const struct kith_field *given, struct schema_field *out,
                         struct kith_error *err)
{
    if (out->type != KITH_VARCHAR && (given->analyzer || given->enable_match)) {
        return error_set(err, KITH_EINVAL, "field '%s': only VarChar has an analyzer", out->name);
    }
    if (given->enable_match && !given->analyzer) {
        return error_set(err, KITH_EINVAL, "field '%s': enable_match needs an analyzer", out->name);
    }
    if (!given->analyzer) return 0;
    const size_t len = strnlen(given->analyzer, LIMIT_ANALYZER_BYTES + 1);
    if (len > LIMIT_ANALYZER_BYTES) {
        return error_set(err, KITH_ELIMIT, "field '%s': the analyzer is longer than %d bytes",
                         out->name, LIMIT_ANALYZER_BYTES);
    }
    struct json_value value;
    size_t used = 0;
    if (json_validate(given->analyzer, len, NULL) ||
        json_read(given->analyzer, len, &value, &used, NULL) || value.kind != JSON_OBJECT) {
        return error_set(err, KITH_EINVAL, "field '%s': the analyzer is not a JSON object",
                         out->name);
    }
    out->enable_match = given->enable_match;
    out->analyzer = mem_strndup(given->analyzer, len);
    return out->analyzer ? 0 : error_set(err, KITH_ENOMEM, "no memory for a field");
}

int field_from_public(const struct kith_field *given, size_t number, struct schema_field *out,
                      struct kith_error *err)
{
    int rc = copy_name(out, given->name, number, err);
    if (rc) return rc;
    out->type = given->type;
    out->flags = given->flags;
    out->dim = given->dim;
    out->max_length = given->max_length;
    out->max_capacity = given->max_capacity;
    out->element_type = given->element_type;
    out->metric = given->metric;
    if ((rc = check_type(out, err)) != 0) return rc;
    if ((rc = check_array(out, err)) != 0) return rc;
    if ((rc = resolve_length(out, err)) != 0) return rc;
    if ((rc = check_flags(out, err)) != 0) return rc;
    if ((rc = check_dim(out, err)) != 0) return rc;
    if ((rc = resolve_metric(out, err)) != 0) return rc;
    out->width = type_width(out->type, out->dim);
    out->bm25_of = SIZE_MAX;
    if ((rc = copy_analyzer(given, out, err)) != 0) return rc;
    return copy_default(out, &given->default_value, err);
}

static void release_default(struct schema_field *field)
{
    char *text;
    memcpy(&text, &field->default_value.s.data, sizeof text); /* owned here, const in the type */
    mem_free(text);
    field->default_value = (struct kith_value){0};
}

void field_drop(struct schema_field *field)
{
    release_default(field);
    mem_free(field->analyzer);
    field->analyzer = NULL;
    field->enable_match = false;
    field->flags = 0;
    field->dropped = true;
}

void field_release(struct schema_field *field)
{
    release_default(field);
    mem_free(field->name);
    mem_free(field->analyzer);
    memset(field, 0, sizeof *field);
}
