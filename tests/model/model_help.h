/*
 * One schema with a field of every type, and a batch of four rows for it: row 1 has nulls wherever
 * it may, row 2 has what is empty or extreme.
 */
#ifndef KITH_TESTS_MODEL_HELP_H
#define KITH_TESTS_MODEL_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/batch.h"

#define HELP_ROWS   4
#define HELP_FIELDS 16

static inline struct kith_field help_field(const char *name, enum kith_type type)
{
    struct kith_field field = KITH_FIELD_INIT;
    field.name = name;
    field.type = type;
    return field;
}

static inline struct kith_field help_vector(const char *name, enum kith_type type, uint32_t dim)
{
    struct kith_field field = help_field(name, type);
    field.dim = dim;
    return field;
}

/* fields: room for HELP_FIELDS. */
static inline struct kith_schema help_schema(struct kith_field *fields)
{
    const struct kith_field all[HELP_FIELDS] = {
        help_field("id", KITH_INT64),
        help_field("flag", KITH_BOOL),
        help_field("tiny", KITH_INT8),
        help_field("small", KITH_INT16),
        help_field("medium", KITH_INT32),
        help_field("ratio", KITH_FLOAT),
        help_field("exact", KITH_DOUBLE),
        help_field("title", KITH_VARCHAR),
        help_field("numbers", KITH_ARRAY),
        help_field("words", KITH_ARRAY),
        help_field("more", KITH_JSON),
        help_vector("dense", KITH_FLOAT_VECTOR, 3),
        help_vector("half", KITH_FLOAT16_VECTOR, 2),
        help_vector("brain", KITH_BFLOAT16_VECTOR, 2),
        help_vector("bits", KITH_BINARY_VECTOR, 16),
        help_field("sparse", KITH_SPARSE_VECTOR),
    };
    for (size_t i = 0; i < HELP_FIELDS; i++) fields[i] = all[i];
    fields[0].flags = KITH_FIELD_PRIMARY;
    fields[2].default_value = (struct kith_value){.type = KITH_INT8, .i = -7};
    fields[7].flags = KITH_FIELD_NULLABLE;
    fields[7].max_length = 8;
    fields[8].element_type = KITH_INT32;
    fields[8].max_capacity = 3;
    fields[9].element_type = KITH_VARCHAR;
    fields[9].max_capacity = 2;
    fields[9].max_length = 4;
    fields[9].flags = KITH_FIELD_NULLABLE;
    fields[10].flags = KITH_FIELD_NULLABLE;
    fields[11].metric = KITH_COSINE;
    fields[11].flags = KITH_FIELD_NULLABLE;
    struct kith_schema schema = KITH_SCHEMA_INIT;
    schema.fields = fields;
    schema.field_count = HELP_FIELDS;
    schema.description = "all types";
    schema.dynamic = true;
    return schema;
}

#define HELP_STR(text)         \
    {                          \
        text, sizeof(text) - 1 \
    }

static const uint8_t help_nulls[HELP_ROWS] = {1, 0, 1, 1};
static const int64_t help_ids[HELP_ROWS] = {5, -1, INT64_MAX, INT64_MIN};
static const uint8_t help_flags[HELP_ROWS] = {0, 1, 7, 255};
static const int8_t help_tiny[HELP_ROWS - 1] = {1, 127, -128}; /* compact */
static const int16_t help_small[HELP_ROWS] = {1, 2, 32767, -32768};
static const int32_t help_medium[HELP_ROWS] = {1, 2, 3, 4};
static const float help_ratio[HELP_ROWS] = {0.5f, -0.0f, 3e38f, 1e-45f};
static const double help_exact[HELP_ROWS] = {0.5, 1e308, -1e-308, 0};
static const struct kith_str help_title[HELP_ROWS] = {
    HELP_STR("one"), {NULL, 99}, {NULL, 0}, HELP_STR("12345678")};
static const struct kith_str help_numbers[HELP_ROWS] = {
    HELP_STR("\1\0\0\0\2\0\0\0"), {NULL, 0}, HELP_STR("\1\0\0\0\2\0\0\0\3\0\0\0"), {"", 0}};
static const struct kith_str help_words[HELP_ROWS - 1] = {/* compact */
                                                          HELP_STR("\4\0\0\0word\0\0\0\0"),
                                                          {"", 0},
                                                          HELP_STR("\1\0\0\0x")};
static const struct kith_str help_more[HELP_ROWS] = {HELP_STR("{\"a\":[1]}"), HELP_STR("junk"),
                                                     HELP_STR("null"), HELP_STR(" 1 ")};
static const float help_dense[(HELP_ROWS - 1) * 3] = {1, 2, 3, 0, 0, 0, -1, -2, -3}; /* compact */
static const uint16_t help_half[HELP_ROWS * 2] = {0x3c00, 0x7bff, 0, 0x8000, 1, 2, 3, 4};
static const uint16_t help_brain[HELP_ROWS * 2] = {0x3f80, 0x7f7f, 0, 0x8000, 1, 2, 3, 4};
static const uint8_t help_bits[HELP_ROWS * 2] = {1, 2, 3, 4, 255, 255, 0, 0};
static const struct kith_str help_sparse[HELP_ROWS] = {
    HELP_STR("\0\0\0\0\0\0\x80\x3f\xfe\xff\xff\xff\0\0\x80\xbf"), {"", 0}, {NULL, 0}, {"", 0}};
static const struct kith_str help_meta[HELP_ROWS] = {
    HELP_STR("{\"x\":1}"), HELP_STR("{}"), HELP_STR("{\"iD\":2,\"\":3}"), HELP_STR(" {} ")};

#define HELP_COLUMNS 17

/* columns: room for HELP_COLUMNS; in another order than the schema's. */
static inline struct kith_batch help_batch(struct kith_column *columns)
{
    const struct kith_column all[HELP_COLUMNS] = {
        {.field = "$meta", .data = help_meta},
        {.field = "id", .type = KITH_INT64, .data = help_ids},
        {.field = "flag", .data = help_flags},
        {.field = "tiny", .data = help_tiny, .valid = help_nulls, .compact = true},
        {.field = "small", .data = help_small},
        {.field = "medium", .data = help_medium},
        {.field = "ratio", .data = help_ratio},
        {.field = "exact", .data = help_exact},
        {.field = "title", .data = help_title, .valid = help_nulls},
        {.field = "numbers", .data = help_numbers},
        {.field = "words", .data = help_words, .valid = help_nulls, .compact = true},
        {.field = "more", .data = help_more, .valid = help_nulls},
        {.field = "dense", .dim = 3, .data = help_dense, .valid = help_nulls, .compact = true},
        {.field = "half", .data = help_half},
        {.field = "brain", .data = help_brain},
        {.field = "bits", .data = help_bits},
        {.field = "sparse", .data = help_sparse},
    };
    for (size_t i = 0; i < HELP_COLUMNS; i++) columns[i] = all[i];
    struct kith_batch batch = KITH_BATCH_INIT;
    batch.rows = HELP_ROWS;
    batch.columns = columns;
    batch.column_count = HELP_COLUMNS;
    return batch;
}

/* An encoded schema that was cut is refused, and one with another bit is refused or valid. */
static inline void help_damage(struct buffer *bytes)
{
    struct schema back;
    struct cursor cur;
    for (size_t len = 0; len < bytes->len; len++) {
        uint8_t *exact = malloc(len + 1); /* so that a sanitizer sees a read past the end */
        assert_non_null(exact);
        memcpy(exact, bytes->data, len);
        cursor_init(&cur, exact, len);
        assert_int_equal(schema_decode(&cur, &back, NULL), KITH_ECORRUPT);
        free(exact);
    }
    for (size_t bit = 0; bit < 8 * bytes->len; bit++) {
        bytes->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        cursor_init(&cur, bytes->data, bytes->len);
        const int rc = schema_decode(&cur, &back, NULL);
        assert_true(rc == 0 || rc == KITH_ECORRUPT || rc == KITH_EVERSION);
        if (rc == 0) schema_release(&back);
        bytes->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

#endif
