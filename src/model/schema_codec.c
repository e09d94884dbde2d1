/*
 * The bytes of a schema, for the log and the manifest. Little-endian; "bytes" is a varint length
 * and as many bytes.
 *
 *   size   meaning
 *   1      version: 1, or 2 when a field has an analyzer or there is a function, or 3 when there
 *          are fields behind the hidden one, which were added later, or 4 when fields were
 *          dropped
 *   1      on_duplicate, resolved (1..4)
 *   1      dynamic, 0 or 1; the hidden field itself is not written
 *   1      0
 *   4      key_partitions; 0 without a partition key
 *   4      fields
 *   bytes  description
 *   per field:
 *     bytes  name
 *     1      type
 *     1      flags
 *     1      element type, 0 unless Array
 *     1      metric, 0 unless a vector; 128 is added when nobody named it
 *     4      dim
 *     4      max_length
 *     4      max_capacity
 *     1      type of the default value, 0: none
 *     ...    the default value: i64 (Bool, integers, Timestamptz), f64 (Float, Double), bytes
 *            (VarChar, JSON, Geometry)
 *     1      version 2: 1 the field has an analyzer, 2 enable_match
 *     bytes  version 2, with an analyzer: its JSON text
 *   version 2:
 *     4      functions
 *     per function: bytes name, 1 kind, 4 number of its input field, 4 of its output field
 *   version 3, which has all of version 2:
 *     4      fields before the hidden one
 *   version 4, which has all of version 3, with 0xFFFFFFFF when no field is behind the hidden one:
 *     4      fields that were dropped
 *     4      the number of each, ascending, the hidden field counted; they have no flags, default
 *            or analyzer any more
 *
 * Decoding makes the public form in an arena and hands it to schema_from_public, so that the rules
 * are in one place. What breaks one is a corrupt schema: KITH_ECORRUPT.
 */
#include "model/schema.h"

#include <string.h>

#include "base/arena.h"
#include "model/field_internal.h"
#include "model/limits.h"

#define SCHEMA_VERSION       1
#define SCHEMA_VERSION_TEXTS 2 /* analyzers and functions */
#define SCHEMA_VERSION_ADDED 3 /* fields behind the hidden one */
#define SCHEMA_VERSION_DROPPED 4

#define HIDDEN_LAST        UINT32_MAX
#define METRIC_OPEN        128u
#define FIELD_HAS_ANALYZER 1u
#define FIELD_MATCHES      2u

#define FUNCTION_BYTES_MIN 11
#define FIELD_BYTES_MIN \
    18 /* an encoded field is never shorter: bounds the count before allocating */

static void encode_default(const struct kith_value *value, struct buffer *out)
{
    buffer_put_u8(out, (uint8_t)value->type);
    switch (value->type) {
    case KITH_BOOL:
    case KITH_INT8:
    case KITH_INT16:
    case KITH_INT32:
    case KITH_INT64:
    case KITH_TIMESTAMPTZ: buffer_put_u64(out, (uint64_t)value->i); break;
    case KITH_FLOAT:
    case KITH_DOUBLE: buffer_put_f64(out, value->d); break;
    case KITH_VARCHAR:
    case KITH_JSON:
    case KITH_GEOMETRY: buffer_put_bytes(out, value->s.data, value->s.len); break;
    default: break;
    }
}

static bool is_behind_hidden(const struct schema *schema)
{
    return schema->meta != SIZE_MAX && schema->meta + 1 < schema->field_count;
}

static uint8_t version_of(const struct schema *schema)
{
    for (size_t i = 0; i < schema->field_count; i++) {
        if (schema->fields[i].dropped) return SCHEMA_VERSION_DROPPED;
    }
    if (is_behind_hidden(schema)) return SCHEMA_VERSION_ADDED;
    bool texts = schema->function_count > 0;
    for (size_t i = 0; i < schema->field_count; i++) texts |= schema->fields[i].analyzer != NULL;
    return texts ? SCHEMA_VERSION_TEXTS : SCHEMA_VERSION;
}

static void encode_analyzer(const struct schema_field *field, struct buffer *out)
{
    buffer_put_u8(out, (uint8_t)((field->analyzer ? FIELD_HAS_ANALYZER : 0) |
                                 (field->enable_match ? FIELD_MATCHES : 0)));
    if (field->analyzer) buffer_put_cstr(out, field->analyzer);
}

static void encode_field(const struct schema_field *field, uint8_t version, struct buffer *out)
{
    buffer_put_cstr(out, field->name);
    buffer_put_u8(out, (uint8_t)field->type);
    buffer_put_u8(out, (uint8_t)field->flags);
    buffer_put_u8(out, (uint8_t)field->element_type);
    buffer_put_u8(out, (uint8_t)((unsigned)field->metric | (field->metric_open ? METRIC_OPEN : 0)));
    buffer_put_u32(out, field->dim);
    buffer_put_u32(out, field->max_length);
    buffer_put_u32(out, field->max_capacity);
    encode_default(&field->default_value, out);
    if (version >= SCHEMA_VERSION_TEXTS) encode_analyzer(field, out);
}

static void encode_functions(const struct schema *schema, struct buffer *out)
{
    buffer_put_u32(out, (uint32_t)schema->function_count);
    for (size_t i = 0; i < schema->function_count; i++) {
        const struct schema_function *const function = &schema->functions[i];
        buffer_put_cstr(out, function->name);
        buffer_put_u8(out, (uint8_t)function->kind);
        buffer_put_u32(out, (uint32_t)function->input);
        buffer_put_u32(out, (uint32_t)function->output);
    }
}

static void encode_dropped(const struct schema *schema, struct buffer *out)
{
    uint32_t count = 0;
    for (size_t i = 0; i < schema->field_count; i++) count += schema->fields[i].dropped;
    buffer_put_u32(out, count);
    for (size_t i = 0; i < schema->field_count; i++) {
        if (schema->fields[i].dropped) buffer_put_u32(out, (uint32_t)i);
    }
}

void schema_encode(const struct schema *schema, struct buffer *out)
{
    const bool dynamic = schema->meta != SIZE_MAX;
    const size_t count = schema->field_count - (dynamic ? 1 : 0);
    const uint8_t version = version_of(schema);
    buffer_put_u8(out, version);
    buffer_put_u8(out, (uint8_t)schema->on_duplicate);
    buffer_put_u8(out, dynamic);
    buffer_put_u8(out, 0);
    buffer_put_u32(out, schema->key_partitions);
    buffer_put_u32(out, (uint32_t)count);
    buffer_put_cstr(out, schema->description);
    for (size_t i = 0; i < schema->field_count; i++) {
        if (i != schema->meta) encode_field(&schema->fields[i], version, out);
    }
    if (version >= SCHEMA_VERSION_TEXTS) encode_functions(schema, out);
    if (version >= SCHEMA_VERSION_ADDED) {
        buffer_put_u32(out, is_behind_hidden(schema) ? (uint32_t)schema->meta : HIDDEN_LAST);
    }
    if (version >= SCHEMA_VERSION_DROPPED) encode_dropped(schema, out);
}

static int malformed(const struct cursor *cur, struct kith_error *err)
{
    return error_set_at(err, KITH_ECORRUPT, cur->pos, "schema: the bytes end or break off at %zu",
                        cur->pos);
}

/* A C string out of counted bytes. A zero inside would cut it short: refused. */
static int decode_text(struct cursor *cur, struct arena *arena, size_t max, const char **out,
                       struct kith_error *err)
{
    size_t len = 0;
    const char *const text = (const char *)cursor_bytes(cur, &len);
    if (cursor_failed(cur) || !text || len > max || memchr(text, 0, len)) {
        return malformed(cur, err);
    }
    *out = arena_strndup(arena, text, len);
    return *out ? 0 : error_set(err, KITH_ENOMEM, "no memory for a schema");
}

static void decode_default(struct cursor *cur, struct kith_value *out)
{
    out->type = (enum kith_type)cursor_u8(cur);
    switch (out->type) {
    case KITH_BOOL:
    case KITH_INT8:
    case KITH_INT16:
    case KITH_INT32:
    case KITH_INT64:
    case KITH_TIMESTAMPTZ: out->i = (int64_t)cursor_u64(cur); break;
    case KITH_FLOAT:
    case KITH_DOUBLE: out->d = cursor_f64(cur); break;
    case KITH_VARCHAR:
    case KITH_JSON:
    case KITH_GEOMETRY: out->s.data = (const char *)cursor_bytes(cur, &out->s.len); break;
    default: break; /* refused with the field: no field of such a type has a default */
    }
}

static int decode_analyzer(struct cursor *cur, struct arena *arena, struct kith_field *out,
                           struct kith_error *err)
{
    const uint8_t bits = cursor_u8(cur);
    if (cursor_failed(cur) || bits > (FIELD_HAS_ANALYZER | FIELD_MATCHES)) {
        return malformed(cur, err);
    }
    out->enable_match = (bits & FIELD_MATCHES) != 0;
    if (!(bits & FIELD_HAS_ANALYZER)) return 0;
    return decode_text(cur, arena, LIMIT_ANALYZER_BYTES, &out->analyzer, err);
}

static int decode_field(struct cursor *cur, struct arena *arena, uint8_t version,
                        struct kith_field *out, struct kith_error *err)
{
    *out = (struct kith_field)KITH_FIELD_INIT;
    int rc = decode_text(cur, arena, LIMIT_NAME_BYTES, &out->name, err);
    if (rc) return rc;
    out->type = (enum kith_type)cursor_u8(cur);
    out->flags = cursor_u8(cur);
    out->element_type = (enum kith_type)cursor_u8(cur);
    out->metric = (enum kith_metric)cursor_u8(cur);
    out->dim = cursor_u32(cur);
    out->max_length = cursor_u32(cur);
    out->max_capacity = cursor_u32(cur);
    decode_default(cur, &out->default_value);
    if (cursor_failed(cur)) return malformed(cur, err);
    return version >= SCHEMA_VERSION_TEXTS ? decode_analyzer(cur, arena, out, err) : 0;
}

static int decode_function(struct cursor *cur, struct arena *arena,
                           const struct kith_schema *schema, struct kith_function *out,
                           struct kith_error *err)
{
    *out = (struct kith_function)KITH_FUNCTION_INIT;
    const int rc = decode_text(cur, arena, LIMIT_NAME_BYTES, &out->name, err);
    if (rc) return rc;
    out->kind = (enum kith_function_kind)cursor_u8(cur);
    const uint32_t input = cursor_u32(cur);
    const uint32_t output = cursor_u32(cur);
    if (cursor_failed(cur) || input >= schema->field_count || output >= schema->field_count) {
        return malformed(cur, err);
    }
    out->input = schema->fields[input].name;
    out->output = schema->fields[output].name;
    return 0;
}

static int decode_functions(struct cursor *cur, struct arena *arena, struct kith_schema *out,
                            struct kith_error *err)
{
    const uint32_t count = cursor_u32(cur);
    if (cursor_failed(cur) || count > cursor_left(cur) / FUNCTION_BYTES_MIN) {
        return malformed(cur, err);
    }
    struct kith_function *const functions = arena_alloc_array(arena, count, sizeof *functions);
    if (!functions) return error_set(err, KITH_ENOMEM, "no memory for a schema");
    int rc = 0;
    for (uint32_t i = 0; i < count && rc == 0; i++) {
        rc = decode_function(cur, arena, out, &functions[i], err);
    }
    out->functions = functions;
    out->function_count = count;
    return rc;
}

static int decode_head(struct cursor *cur, struct kith_schema *out, uint8_t *version,
                       struct kith_error *err)
{
    *version = cursor_u8(cur);
    if (!cursor_failed(cur) && (*version < SCHEMA_VERSION || *version > SCHEMA_VERSION_DROPPED)) {
        return error_set(err, KITH_EVERSION, "schema: version %u is not known", *version);
    }
    out->on_duplicate = (enum kith_duplicate)cursor_u8(cur);
    const uint8_t dynamic = cursor_u8(cur);
    const uint8_t zero = cursor_u8(cur);
    out->dynamic = dynamic != 0;
    out->key_partitions = cursor_u32(cur);
    out->field_count = cursor_u32(cur);
    if (cursor_failed(cur) || dynamic > 1 || zero != 0) return malformed(cur, err);
    if (out->field_count > cursor_left(cur) / FIELD_BYTES_MIN) return malformed(cur, err);
    return 0;
}

/* The hidden field takes its place among the others: `fields` has room for it. */
static int decode_place(struct cursor *cur, uint8_t version, struct kith_field *fields,
                        struct kith_schema *out, struct kith_error *err)
{
    const uint32_t before = cursor_u32(cur);
    if (!cursor_failed(cur) && version >= SCHEMA_VERSION_DROPPED && before == HIDDEN_LAST) return 0;
    if (cursor_failed(cur) || !out->dynamic || before >= out->field_count) {
        return malformed(cur, err);
    }
    memmove(&fields[before + 1], &fields[before], (out->field_count - before) * sizeof *fields);
    fields[before] = (struct kith_field)KITH_FIELD_INIT;
    fields[before].name = SCHEMA_META_FIELD;
    fields[before].type = KITH_JSON;
    fields[before].flags = KITH_FIELD_DYNAMIC;
    out->field_count++;
    return 0;
}

/* Numbers ascend, of fields that are there; none is the hidden one, which is flagged or not among
 * `fields` yet. */
static int decode_dropped(struct cursor *cur, const struct kith_schema *schema, bool *dropped,
                          struct kith_error *err)
{
    const uint32_t count = cursor_u32(cur);
    if (cursor_failed(cur) || count > schema->field_count) return malformed(cur, err);
    for (uint32_t i = 0, least = 0; i < count; i++) {
        const uint32_t number = cursor_u32(cur);
        if (cursor_failed(cur) || number < least || number >= schema->field_count ||
            schema->fields[number].flags != 0) {
            return malformed(cur, err);
        }
        dropped[number] = true;
        least = number + 1;
    }
    return 0;
}

/* *dropped: one a field, in the arena. */
static int decode_public(struct cursor *cur, struct arena *arena, struct kith_schema *out,
                         bool **dropped, struct kith_error *err)
{
    uint8_t version = 0;
    int rc = decode_head(cur, out, &version, err);
    if (rc) return rc;
    rc = decode_text(cur, arena, LIMIT_TEXT_BYTES, &out->description, err);
    if (rc) return rc;
    struct kith_field *const fields =
        arena_alloc_array(arena, out->field_count + 1, sizeof *fields);
    *dropped = arena_zalloc(arena, out->field_count + 1);
    if (!fields || !*dropped) return error_set(err, KITH_ENOMEM, "no memory for a schema");
    out->fields = fields;
    for (size_t i = 0; i < out->field_count && rc == 0; i++) {
        rc = decode_field(cur, arena, version, &fields[i], err);
    }
    if (rc || version < SCHEMA_VERSION_TEXTS) return rc;
    rc = decode_functions(cur, arena, out, err);
    if (rc || version < SCHEMA_VERSION_ADDED) return rc;
    rc = decode_place(cur, version, fields, out, err);
    return rc || version < SCHEMA_VERSION_DROPPED ? rc : decode_dropped(cur, out, *dropped, err);
}

/* The public form cannot say of a metric that it is open: it is shown with the bit, see decode. */
static void take_open(const struct kith_schema *given, bool *open)
{
    for (size_t i = 0; i < given->field_count; i++) {
        struct kith_field *field = (struct kith_field *)(uintptr_t)&given->fields[i];
        open[i] = ((unsigned)field->metric & METRIC_OPEN) != 0;
        field->metric = (enum kith_metric)((unsigned)field->metric & ~METRIC_OPEN);
    }
}

int schema_decode(struct cursor *cur, struct schema *out, struct kith_error *err)
{
    struct kith_schema given = KITH_SCHEMA_INIT;
    struct arena arena;
    arena_init(&arena);
    bool *dropped = NULL;
    int rc = decode_public(cur, &arena, &given, &dropped, err);
    bool *const open = rc ? NULL : arena_zalloc(&arena, given.field_count + 1);
    if (rc == 0 && !open) rc = error_set(err, KITH_ENOMEM, "no memory for a schema");
    if (rc == 0) {
        take_open(&given, open);
        rc = schema_from_public_dropped(&given, dropped, out, err);
        if (rc && rc != KITH_ENOMEM) rc = error_wrap(err, KITH_ECORRUPT, "schema");
        for (size_t i = 0; rc == 0 && i < given.field_count; i++) {
            if (type_is_vector(out->fields[i].type)) out->fields[i].metric_open = open[i];
        }
    }
    arena_release(&arena);
    return rc;
}
