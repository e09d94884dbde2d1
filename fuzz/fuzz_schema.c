/*
 * Schemas and batches from arbitrary bytes. What must hold:
 *
 * - a schema that decodes encodes to bytes that decode to an equal one, and so does its public
 * copy;
 * - a batch that decodes against a fixed schema of many types normalises to itself, and its encoded
 *   bytes decode and encode to the same.
 *
 * The first byte chooses: even a schema, odd a batch; the rest is the bytes.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "model/batch.h"

#define FIELD(...)                                     \
    {                                                  \
        .size = sizeof(struct kith_field), __VA_ARGS__ \
    }

static const struct kith_field fields[] = {
    FIELD(.name = "id", .type = KITH_VARCHAR, .flags = KITH_FIELD_PRIMARY, .max_length = 16),
    FIELD(.name = "flag", .type = KITH_BOOL, .flags = KITH_FIELD_NULLABLE),
    FIELD(.name = "ratio", .type = KITH_FLOAT, .default_value = {.type = KITH_FLOAT, .d = 0.5}),
    FIELD(.name = "words", .type = KITH_ARRAY, .element_type = KITH_VARCHAR, .max_length = 4,
          .max_capacity = 3),
    FIELD(.name = "flags", .type = KITH_ARRAY, .element_type = KITH_BOOL, .max_capacity = 4),
    FIELD(.name = "dense", .type = KITH_FLOAT_VECTOR, .dim = 2, .flags = KITH_FIELD_NULLABLE),
    FIELD(.name = "sparse", .type = KITH_SPARSE_VECTOR),
};

static struct schema schema;

static void prepare(void)
{
    if (schema.fields) return;
    struct kith_schema given = KITH_SCHEMA_INIT;
    given.fields = fields;
    given.field_count = sizeof fields / sizeof *fields;
    given.dynamic = true;
    MUST(schema_from_public(&given, &schema, NULL) == 0);
}

static void try_schema(const uint8_t *data, size_t size)
{
    struct schema first, second;
    struct kith_schema shown;
    struct buffer bytes;
    struct cursor cur;
    cursor_init(&cur, data, size);
    if (schema_decode(&cur, &first, NULL)) return;
    buffer_init(&bytes);
    schema_encode(&first, &bytes);
    cursor_init(&cur, bytes.data, bytes.len);
    MUST(schema_decode(&cur, &second, NULL) == 0);
    MUST(cursor_left(&cur) == 0);
    MUST(schema_equal(&first, &second));
    schema_release(&second);
    MUST(schema_to_public(&first, &shown) == 0);
    MUST(schema_from_public(&shown, &second, NULL) == 0);
    MUST(schema_equal(&first, &second));
    schema_public_release(&shown);
    schema_release(&second);
    schema_release(&first);
    buffer_release(&bytes);
}

static void encode(const struct kith_batch *batch, struct buffer *out)
{
    buffer_init(out);
    batch_encode(&schema, batch, out);
    MUST(!buffer_failed(out));
}

static void try_batch(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct cursor cur;
    struct kith_batch first, second;
    struct buffer bytes, again;
    arena_init(&arena);
    cursor_init(&cur, data, size);
    if (batch_decode(&schema, &cur, &arena, &first, NULL) == 0) {
        encode(&first, &bytes);
        MUST(batch_normalise(&schema, &first, &arena, &second, NULL) == 0);
        encode(&second, &again);
        MUST(bytes.len == again.len && memcmp(bytes.data, again.data, bytes.len) == 0);
        buffer_release(&again);
        cursor_init(&cur, bytes.data, bytes.len);
        MUST(batch_decode(&schema, &cur, &arena, &second, NULL) == 0);
        encode(&second, &again);
        MUST(bytes.len == again.len && memcmp(bytes.data, again.data, bytes.len) == 0);
        buffer_release(&again);
        buffer_release(&bytes);
    }
    arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    prepare();
    if (size == 0) return 0;
    if (data[0] % 2 == 0) {
        try_schema(data + 1, size - 1);
    } else {
        try_batch(data + 1, size - 1);
    }
    return 0;
}
