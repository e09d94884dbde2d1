/*
 * The bytes of a schema, for the log and the manifest. Little-endian; "bytes" is a varint length
 * and as many bytes.
 *
 *   size   meaning
 *   1      version, 1
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
 *     1      metric, 0 unless a vector
 *     4      dim
 *     4      max_length
 *     4      max_capacity
 *     1      type of the default value, 0: none
 *     ...    the default value: i64 (Bool, integers), f64 (Float, Double), bytes (VarChar, JSON)
 *
 * Decoding makes the public form in an arena and hands it to schema_from_public, so that the rules
 * are in one place. What breaks one is a corrupt schema: KITH_ECORRUPT.
 */
#include "model/schema.h"

#include <string.h>

#include "base/arena.h"
#include "model/limits.h"

#define SCHEMA_VERSION 1
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
    case KITH_INT64: buffer_put_u64(out, (uint64_t)value->i); break;
    case KITH_FLOAT:
    case KITH_DOUBLE: buffer_put_f64(out, value->d); break;
    case KITH_VARCHAR:
    case KITH_JSON: buffer_put_bytes(out, value->s.data, value->s.len); break;
    default: break;
    }
}

static void encode_field(const struct schema_field *field, struct buffer *out)
{
    buffer_put_cstr(out, field->name);
    buffer_put_u8(out, (uint8_t)field->type);
    buffer_put_u8(out, (uint8_t)field->flags);
    buffer_put_u8(out, (uint8_t)field->element_type);
    buffer_put_u8(out, (uint8_t)field->metric);
    buffer_put_u32(out, field->dim);
    buffer_put_u32(out, field->max_length);
    buffer_put_u32(out, field->max_capacity);
    encode_default(&field->default_value, out);
}

void schema_encode(const struct schema *schema, struct buffer *out)
{
    const bool dynamic = schema->meta != SIZE_MAX;
    const size_t count = schema->field_count - (dynamic ? 1 : 0); /* the hidden field is last */
    buffer_put_u8(out, SCHEMA_VERSION);
    buffer_put_u8(out, (uint8_t)schema->on_duplicate);
    buffer_put_u8(out, dynamic);
    buffer_put_u8(out, 0);
    buffer_put_u32(out, schema->key_partitions);
    buffer_put_u32(out, (uint32_t)count);
    buffer_put_cstr(out, schema->description);
    for (size_t i = 0; i < count; i++) encode_field(&schema->fields[i], out);
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
    case KITH_INT64: out->i = (int64_t)cursor_u64(cur); break;
    case KITH_FLOAT:
    case KITH_DOUBLE: out->d = cursor_f64(cur); break;
    case KITH_VARCHAR:
    case KITH_JSON: out->s.data = (const char *)cursor_bytes(cur, &out->s.len); break;
    default: break; /* refused with the field: no field of such a type has a default */
    }
}

static int decode_field(struct cursor *cur, struct arena *arena, struct kith_field *out,
                        struct kith_error *err)
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
    return cursor_failed(cur) ? malformed(cur, err) : 0;
}

static int decode_head(struct cursor *cur, struct kith_schema *out, struct kith_error *err)
{
    const uint8_t version = cursor_u8(cur);
    if (!cursor_failed(cur) && version != SCHEMA_VERSION) {
        return error_set(err, KITH_EVERSION, "schema: version %u is not known", version);
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

static int decode_public(struct cursor *cur, struct arena *arena, struct kith_schema *out,
                         struct kith_error *err)
{
    int rc = decode_head(cur, out, err);
    if (rc) return rc;
    rc = decode_text(cur, arena, LIMIT_TEXT_BYTES, &out->description, err);
    if (rc) return rc;
    struct kith_field *const fields = arena_alloc_array(arena, out->field_count, sizeof *fields);
    if (!fields) return error_set(err, KITH_ENOMEM, "no memory for a schema");
    out->fields = fields;
    for (size_t i = 0; i < out->field_count && rc == 0; i++) {
        rc = decode_field(cur, arena, &fields[i], err);
    }
    return rc;
}

int schema_decode(struct cursor *cur, struct schema *out, struct kith_error *err)
{
    struct kith_schema given = KITH_SCHEMA_INIT;
    struct arena arena;
    arena_init(&arena);
    int rc = decode_public(cur, &arena, &given, err);
    if (rc == 0) {
        rc = schema_from_public(&given, out, err);
        if (rc && rc != KITH_ENOMEM) rc = error_wrap(err, KITH_ECORRUPT, "schema");
    }
    arena_release(&arena);
    return rc;
}
