/*
 * What the tests of storage share: a schema with a field of every type, and rows that are a
 * function of their key, so that any row read back can be checked alone.
 */
#ifndef TEST_STORAGE_HELP_H
#define TEST_STORAGE_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/rng.h"
#include "os/sim.h"
#include "storage/segment.h"

#define DIR_NAME "c"
#define DATABASE 77u
#define DIM 8u

enum help_field {
    F_KEY, F_BOOL, F_I8, F_I16, F_I32, F_I64, F_FLOAT, F_DOUBLE, F_TEXT, F_ARRAY, F_JSON, F_VECTOR,
    F_HALF, F_BYTES, F_BITS, F_SPARSE, F_COUNT
};

static const struct kith_field help_fields[F_COUNT] = {
    [F_KEY] = {.size = sizeof(struct kith_field), .name = "key", .type = KITH_INT64,
               .flags = KITH_FIELD_PRIMARY},
    [F_BOOL] = {.size = sizeof(struct kith_field), .name = "bool", .type = KITH_BOOL},
    [F_I8] = {.size = sizeof(struct kith_field), .name = "i8", .type = KITH_INT8,
              .flags = KITH_FIELD_NULLABLE},
    [F_I16] = {.size = sizeof(struct kith_field), .name = "i16", .type = KITH_INT16},
    [F_I32] = {.size = sizeof(struct kith_field), .name = "i32", .type = KITH_INT32,
               .flags = KITH_FIELD_NULLABLE},
    [F_I64] = {.size = sizeof(struct kith_field), .name = "i64", .type = KITH_INT64},
    [F_FLOAT] = {.size = sizeof(struct kith_field), .name = "float", .type = KITH_FLOAT},
    [F_DOUBLE] = {.size = sizeof(struct kith_field), .name = "double", .type = KITH_DOUBLE,
                  .flags = KITH_FIELD_NULLABLE},
    [F_TEXT] = {.size = sizeof(struct kith_field), .name = "text", .type = KITH_VARCHAR,
                .flags = KITH_FIELD_NULLABLE, .max_length = 100},
    [F_ARRAY] = {.size = sizeof(struct kith_field), .name = "array", .type = KITH_ARRAY,
                 .flags = KITH_FIELD_NULLABLE, .max_capacity = 9, .element_type = KITH_INT32},
    [F_JSON] = {.size = sizeof(struct kith_field), .name = "json", .type = KITH_JSON},
    [F_VECTOR] = {.size = sizeof(struct kith_field), .name = "vector", .type = KITH_FLOAT_VECTOR,
                  .dim = DIM, .metric = KITH_L2},
    [F_HALF] = {.size = sizeof(struct kith_field), .name = "half", .type = KITH_FLOAT16_VECTOR,
                .dim = DIM, .metric = KITH_IP},
    [F_BYTES] = {.size = sizeof(struct kith_field), .name = "bytes", .type = KITH_INT8_VECTOR,
                 .dim = DIM, .metric = KITH_COSINE},
    [F_BITS] = {.size = sizeof(struct kith_field), .name = "bits", .type = KITH_BINARY_VECTOR,
                .dim = 64, .metric = KITH_HAMMING},
    [F_SPARSE] = {.size = sizeof(struct kith_field), .name = "sparse",
                  .type = KITH_SPARSE_VECTOR, .metric = KITH_IP},
};

static inline void help_schema(struct schema *out)
{
    const struct kith_schema given = {.size = sizeof given, .fields = help_fields,
                                      .field_count = F_COUNT};
    struct kith_error err = {0};
    if (schema_from_public(&given, out, &err) != 0) fail_msg("%s", err.text);
}

/* With a text key, an int and a small vector: where only keys matter. */
static inline void help_text_schema(struct schema *out)
{
    const struct kith_field fields[] = {
        {.size = sizeof(struct kith_field), .name = "key", .type = KITH_VARCHAR,
         .flags = KITH_FIELD_PRIMARY, .max_length = 64},
        {.size = sizeof(struct kith_field), .name = "vector", .type = KITH_FLOAT_VECTOR, .dim = 2,
         .metric = KITH_L2},
    };
    const struct kith_schema given = {.size = sizeof given, .fields = fields, .field_count = 2};
    struct kith_error err = {0};
    if (schema_from_public(&given, out, &err) != 0) fail_msg("%s", err.text);
}

static inline uint64_t help_mix(int64_t key, size_t field)
{
    return rng_mix((uint64_t)key * 64 + field);
}

static inline bool help_null(int64_t key, size_t field)
{
    return (help_fields[field].flags & KITH_FIELD_NULLABLE) && help_mix(key, field) % 5 == 0;
}

/* The value of a cell: its bytes into `room` (64 at least); how many. */
static inline size_t help_value(int64_t key, size_t field, const struct schema *schema,
                                uint8_t *room)
{
    const size_t width = schema->fields[field].width;
    const uint64_t mix = help_mix(key, field);
    if (field == F_KEY) {
        memcpy(room, &key, 8);
        return 8;
    }
    if (field == F_JSON) {
        return (size_t)snprintf((char *)room, 64, "{\"n\":%d}", (int)(mix % 99999));
    }
    if (field == F_VECTOR || field == F_FLOAT) {
        for (size_t i = 0; i < width / 4; i++) {
            lef32_put(room + 4 * i, (float)(rng_mix(mix + i) % 1000) / 8.0f);
        }
        return width;
    }
    if (field == F_DOUBLE) {
        lef64_put(room, (double)(mix % 100000) / 4.0);
        return 8;
    }
    if (field == F_SPARSE) {
        const size_t count = mix % 4;
        for (size_t i = 0; i < count; i++) {
            le32_put(room + 8 * i, (uint32_t)(10 * i + mix % 7));
            lef32_put(room + 8 * i + 4, 1.5f);
        }
        return 8 * count;
    }
    size_t len = width > 0 ? width : (field == F_ARRAY ? 4 * (mix % 9) : mix % 30);
    for (size_t i = 0; i < len; i++) {
        const uint64_t byte = field == F_TEXT ? 'a' + (mix + i) % 26 : mix >> (i % 8 * 8);
        room[i] = (uint8_t)byte;
    }
    if (field == F_BOOL) room[0] &= 1;
    return len;
}

/* A normalised batch of rows with the given keys, in the arena. */
static inline void help_batch(const struct schema *schema, struct arena *arena, const int64_t *keys,
                              size_t rows, struct kith_batch *out)
{
    struct kith_column *columns = arena_zalloc(arena, schema->field_count * sizeof *columns);
    assert_non_null(columns);
    for (size_t f = 0; f < schema->field_count; f++) {
        const struct schema_field *field = &schema->fields[f];
        uint8_t *data = arena_zalloc(arena, rows * (field->width ? field->width : 16));
        uint8_t *valid = arena_zalloc(arena, rows);
        assert_true(data && valid);
        for (size_t i = 0; i < rows; i++) {
            uint8_t room[512];
            const size_t len = help_value(keys[i], f, schema, room);
            valid[i] = !help_null(keys[i], f);
            if (field->width) {
                memcpy(data + i * field->width, room, len);
                continue;
            }
            const struct kith_str s = {arena_strndup(arena, (char *)room, len), len};
            memcpy(data + i * sizeof s, &s, sizeof s);
        }
        columns[f] = (struct kith_column){.field = field->name, .type = field->type,
                                          .dim = field->dim, .data = data, .valid = valid};
    }
    *out = (struct kith_batch){.size = sizeof *out, .rows = rows, .columns = columns,
                               .column_count = schema->field_count};
}

/* Keys first, first + 1, ... */
static inline int help_append(struct segment *segment, const struct schema *schema, int64_t first,
                              size_t rows, uint64_t ts, uint32_t partition)
{
    struct arena arena;
    arena_init(&arena);
    int64_t *keys = arena_alloc(&arena, rows * sizeof *keys + 8);
    uint32_t *partitions = arena_alloc(&arena, rows * sizeof *partitions + 8);
    assert_true(keys && partitions);
    for (size_t i = 0; i < rows; i++) {
        keys[i] = first + (int64_t)i;
        partitions[i] = partition;
    }
    struct kith_batch batch;
    help_batch(schema, &arena, keys, rows, &batch);
    const int rc = growing_append(segment, &batch, partitions, ts, NULL);
    arena_release(&arena);
    return rc;
}

/* 0 when every cell of the row is what its key says; an error of reading; 1 when one is wrong. */
static inline int help_check_row(const struct segment *segment, const struct schema *schema,
                                 size_t row, int64_t key)
{
    for (size_t f = 0; f < schema->field_count; f++) {
        struct chunk chunk;
        size_t at;
        const int rc = segment_cell(segment, f, row, &chunk, &at);
        if (rc) return rc;
        if (chunk_valid(&chunk, at) == help_null(key, f)) return 1;
        uint8_t want[512] = {0};
        size_t len = help_value(key, f, schema, want);
        if (help_null(key, f)) {
            memset(want, 0, sizeof want);
            if (!chunk.width) len = 0;
        }
        if (chunk.width) {
            if (memcmp(chunk.data + at * chunk.width, want, len) != 0) return 1;
            continue;
        }
        const struct kith_str s = chunk_str(&chunk, at);
        if (s.len != len || (len && memcmp(s.data, want, len) != 0)) return 1;
    }
    return 0;
}

#endif
