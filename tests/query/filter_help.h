/*
 * A small table for filter tests: columns as the chunks of a source, over one fixed schema.
 */
#ifndef TESTS_QUERY_FILTER_HELP_H
#define TESTS_QUERY_FILTER_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "query/filter.h"

enum table_field {
    FIELD_ID, FIELD_A, FIELD_B, FIELD_H, FIELD_W, FIELD_F, FIELD_D, FIELD_S, FIELD_FLAG, FIELD_J,
    FIELD_AI, FIELD_AS, FIELD_V, FIELD_TS, FIELD_G, FIELD_T, FIELD_META, FIELD_COUNT
};

struct column {
    uint8_t *data; /* owns */
    uint64_t *valid; /* owns */
    struct kith_str *strs; /* owns; the text is in the arena of the table */
};

struct table {
    struct schema schema;
    struct arena arena;
    size_t rows;
    bool sealed; /* texts come as offsets and bytes */
    struct column columns[FIELD_COUNT];
    struct chunk_source source;
};

static inline void table_schema(struct schema *out, bool dynamic)
{
    const struct kith_field fields[] = {
        { .size = sizeof *fields, .name = "id", .type = KITH_INT64, .flags = KITH_FIELD_PRIMARY },
        { .size = sizeof *fields, .name = "a", .type = KITH_INT64, .flags = KITH_FIELD_NULLABLE },
        { .size = sizeof *fields, .name = "b", .type = KITH_INT8 },
        { .size = sizeof *fields, .name = "h", .type = KITH_INT16 },
        { .size = sizeof *fields, .name = "w", .type = KITH_INT32 },
        { .size = sizeof *fields, .name = "f", .type = KITH_FLOAT, .flags = KITH_FIELD_NULLABLE },
        { .size = sizeof *fields, .name = "d", .type = KITH_DOUBLE },
        { .size = sizeof *fields, .name = "s", .type = KITH_VARCHAR, .flags = KITH_FIELD_NULLABLE },
        { .size = sizeof *fields, .name = "flag", .type = KITH_BOOL, .flags = KITH_FIELD_NULLABLE },
        { .size = sizeof *fields, .name = "j", .type = KITH_JSON, .flags = KITH_FIELD_NULLABLE },
        { .size = sizeof *fields, .name = "ai", .type = KITH_ARRAY, .flags = KITH_FIELD_NULLABLE,
          .max_capacity = 100, .element_type = KITH_INT64 },
        { .size = sizeof *fields, .name = "as", .type = KITH_ARRAY, .max_capacity = 100,
          .element_type = KITH_VARCHAR, .max_length = 100 },
        { .size = sizeof *fields, .name = "v", .type = KITH_FLOAT_VECTOR, .dim = 4 },
        { .size = sizeof *fields, .name = "ts", .type = KITH_TIMESTAMPTZ,
          .flags = KITH_FIELD_NULLABLE },
        { .size = sizeof *fields, .name = "g", .type = KITH_GEOMETRY,
          .flags = KITH_FIELD_NULLABLE },
        { .size = sizeof *fields, .name = "t", .type = KITH_VARCHAR, .flags = KITH_FIELD_NULLABLE,
          .analyzer = "{}", .enable_match = true },
    };
    const struct kith_schema given = { .size = sizeof given, .fields = fields,
                                       .field_count = sizeof fields / sizeof *fields,
                                       .dynamic = dynamic };
    struct kith_error err = { 0 };
    if (schema_from_public(&given, out, &err) != 0) fail_msg("schema: %s", err.text);
}

static inline void seal_texts(struct table *table, struct chunk *chunk)
{
    size_t len = 0, at = 0;
    for (size_t r = 0; r < chunk->rows; r++) len += chunk->strs[r].len;
    uint8_t *offsets = arena_alloc(&table->arena, 4 * (chunk->rows + 1));
    uint8_t *bytes = arena_alloc(&table->arena, len + 1);
    assert_true(offsets && bytes);
    for (size_t r = 0; r < chunk->rows; r++) {
        le32_put(offsets + 4 * r, (uint32_t)at);
        if (chunk->strs[r].len > 0) memcpy(bytes + at, chunk->strs[r].data, chunk->strs[r].len);
        at += chunk->strs[r].len;
    }
    le32_put(offsets + 4 * chunk->rows, (uint32_t)at);
    chunk->strs = NULL;
    chunk->offsets = offsets;
    chunk->bytes = bytes;
    chunk->bytes_len = len;
}

static inline int table_get(void *ctx, size_t field, size_t number, struct chunk *out)
{
    struct table *table = ctx;
    const struct column *column = &table->columns[field];
    const struct schema_field *f = &table->schema.fields[field];
    size_t first = number * table->source.chunk_rows, left = table->rows - first;
    *out = (struct chunk){ .type = f->type, .width = f->width,
                           .rows = left < table->source.chunk_rows ? left
                                                                   : table->source.chunk_rows };
    if (column->data) out->data = column->data + first * f->width;
    if (column->valid) out->valid = column->valid + first / 64;
    if (column->strs) out->strs = column->strs + first;
    if (column->strs && table->sealed) seal_texts(table, out);
    return 0;
}

static inline void table_init(struct table *table, size_t rows, size_t chunk_rows, bool dynamic)
{
    memset(table, 0, sizeof *table);
    table_schema(&table->schema, dynamic);
    arena_init(&table->arena);
    table->rows = rows;
    table->source = (struct chunk_source){
        .ctx = table, .rows = rows, .chunk_rows = chunk_rows, .get = table_get
    };
    for (size_t i = 0; i < table->schema.field_count; i++) {
        struct column *column = &table->columns[i];
        size_t width = table->schema.fields[i].width;
        column->valid = mem_zalloc_array(BITSET_WORDS(rows) + 1, sizeof(uint64_t));
        if (width > 0) column->data = mem_zalloc_array(rows + 1, width);
        else column->strs = mem_zalloc_array(rows + 1, sizeof(struct kith_str));
        assert_non_null(column->valid);
        memset(column->valid, 0xff, BITSET_WORDS(rows) * sizeof(uint64_t));
    }
}

static inline void table_release(struct table *table)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        mem_free(table->columns[i].data);
        mem_free(table->columns[i].valid);
        mem_free(table->columns[i].strs);
    }
    schema_release(&table->schema);
    arena_release(&table->arena);
}

static inline void table_null(struct table *table, enum table_field field, size_t row)
{
    table->columns[field].valid[row / 64] &= ~(1ull << (row % 64));
}

static inline void table_text(struct table *table, enum table_field field, size_t row,
                              const void *text, size_t len)
{
    char *kept = arena_strndup(&table->arena, len > 0 ? text : "", len);
    assert_non_null(kept);
    table->columns[field].strs[row] = (struct kith_str){ kept, len };
}

static inline void table_value(struct table *table, enum table_field field, size_t row,
                               const void *value)
{
    size_t width = table->schema.fields[field].width;
    memcpy(table->columns[field].data + row * width, value, width);
}

/* Compiles and evaluates; fails the test with the filter's text on any error. */
static inline void table_filter_with(struct table *table, const char *text, const char *params,
                                     const struct bitset *within, struct bitset *out)
{
    struct arena arena;
    struct filter *filter = NULL;
    struct kith_error err = { 0 };
    arena_init(&arena);
    if (filter_compile(text, params, &table->schema, &arena, &filter, &err) != 0)
        fail_msg("%s: %s", text, err.text);
    if (filter_evaluate(filter, &table->source, within, out, NULL, NULL, &err) != 0)
        fail_msg("%s: %s", text, err.text);
    arena_release(&arena);
}

static inline void table_filter(struct table *table, const char *text, const struct bitset *within,
                                struct bitset *out)
{
    table_filter_with(table, text, NULL, within, out);
}

#endif
