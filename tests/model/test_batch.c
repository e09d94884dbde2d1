/*
 * Batches: what is filled in, what is refused and with which row, the codec on intact, cut and
 * altered bytes, and every allocation failing in turn.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "model/key.h"
#include "model/limits.h"
#include "model/model_help.h"

struct fixture {
    struct kith_field fields[HELP_FIELDS];
    struct schema schema;
    struct kith_column columns[HELP_COLUMNS];
    struct kith_batch given;
    struct arena arena;
    struct kith_batch out;
    struct kith_error err;
};

static struct fixture fix;

static int begin(void **state)
{
    (void)state;
    memset(&fix, 0, sizeof fix);
    arena_init(&fix.arena);
    struct kith_schema given = help_schema(fix.fields);
    fix.given = help_batch(fix.columns);
    return schema_from_public(&given, &fix.schema, NULL);
}

static int end(void **state)
{
    (void)state;
    arena_release(&fix.arena);
    schema_release(&fix.schema);
    return 0;
}

static int normalise(void)
{
    return batch_normalise(&fix.schema, &fix.given, &fix.arena, &fix.out, &fix.err);
}

static struct kith_column *given_column(const char *field)
{
    for (size_t i = 0; i < HELP_COLUMNS; i++) {
        if (fix.columns[i].field && strcmp(fix.columns[i].field, field) == 0) {
            return &fix.columns[i];
        }
    }
    fail();
    return NULL;
}

static const struct kith_column *out_column(const char *field)
{
    return &fix.out.columns[schema_find(&fix.schema, field, strlen(field))];
}

/* The status with one column's data replaced, and the batch restored. */
static int with_data(const char *field, const void *data)
{
    struct kith_column *column = given_column(field);
    const struct kith_column before = *column;
    column->data = data;
    int rc = normalise();
    *column = before;
    return rc;
}

static void refused_at(const char *field, const void *data, int code, uint64_t row)
{
    assert_int_equal(with_data(field, data), code);
    assert_int_equal(fix.err.position, row);
    assert_non_null(strstr(fix.err.text, field));
}

/* The status with one row of a column of texts replaced. */
static int with_text(const char *field, size_t row, struct kith_str text)
{
    struct kith_str copy[HELP_ROWS];
    const struct kith_column *column = given_column(field);
    memcpy(copy, column->data, (column->compact ? HELP_ROWS - 1 : HELP_ROWS) * sizeof *copy);
    copy[row] = text;
    return with_data(field, copy);
}

static struct kith_str str(const void *data, size_t len) { return (struct kith_str){data, len}; }

#define LITERAL(text) str(text, sizeof(text) - 1)

static void test_normal_form(void **state)
{
    (void)state;
    assert_int_equal(normalise(), 0);
    assert_int_equal(fix.out.rows, HELP_ROWS);
    assert_int_equal(fix.out.column_count, HELP_FIELDS + 1);
    for (size_t i = 0; i < fix.out.column_count; i++) {
        assert_string_equal(fix.out.columns[i].field, fix.schema.fields[i].name);
        assert_int_equal(fix.out.columns[i].type, fix.schema.fields[i].type);
        assert_false(fix.out.columns[i].compact);
    }
    assert_ptr_equal(out_column("id")->data, help_ids); /* borrowed */
    assert_ptr_equal(out_column("half")->data, help_half);
    assert_memory_equal(out_column("flag")->data, ((const uint8_t[]){0, 1, 1, 1}), HELP_ROWS);
    assert_memory_equal(out_column("tiny")->data, ((const int8_t[]){1, -7, 127, -128}), HELP_ROWS);
    assert_null(out_column("tiny")->valid); /* the default made it whole */
    const struct kith_str *title = out_column("title")->data;
    assert_memory_equal(out_column("title")->valid, help_nulls, HELP_ROWS);
    assert_int_equal(title[1].len, 0);
    assert_non_null(title[2].data);
    assert_int_equal(((const struct kith_str *)out_column("words")->data)[2].len, 0);
    assert_int_equal(((const struct kith_str *)out_column("words")->data)[3].len, 5);
    const float dense[HELP_ROWS * 3] = {1, 2, 3, 0, 0, 0, 0, 0, 0, -1, -2, -3};
    assert_memory_equal(out_column("dense")->data, dense, sizeof dense);
    assert_memory_equal(out_column("dense")->valid, help_nulls, HELP_ROWS);
    assert_true(key_equal(key_of_column(out_column("id"), 1), key_int(-1)));
    assert_true(key_equal(key_of_column(out_column("title"), 0), key_text(LITERAL("one"))));
}

static void test_missing_columns(void **state)
{
    (void)state;
    given_column("tiny")->field = "x";
    assert_int_equal(normalise(), KITH_EINVAL);
    assert_string_equal(fix.err.text, "field 'x' not in schema");
    given_column("x")->field = "more";
    assert_int_equal(normalise(), KITH_EINVAL); /* twice */
    /* Leave out one with a default, nullable ones and $meta. */
    for (size_t i = 0; i < fix.given.column_count; i++) {
        const char *field = fix.columns[i].field;
        if (strcmp(field, "more") && strcmp(field, "title") && strcmp(field, "$meta")) continue;
        fix.columns[i] = fix.columns[--fix.given.column_count];
        i = (size_t)-1;
    }
    assert_int_equal(normalise(), 0);
    assert_memory_equal(out_column("tiny")->data, ((const int8_t[]){-7, -7, -7, -7}), HELP_ROWS);
    assert_memory_equal(out_column("title")->valid, ((const uint8_t[]){0, 0, 0, 0}), HELP_ROWS);
    const struct kith_str *meta = out_column("$meta")->data;
    assert_int_equal(meta[3].len, 2);
    assert_memory_equal(meta[3].data, "{}", 2);
    *given_column("id") = fix.columns[--fix.given.column_count];
    assert_int_equal(normalise(), KITH_EINVAL);
    assert_string_equal(fix.err.text, "field 'id' is missing");
}

static void test_shapes(void **state)
{
    (void)state;
    given_column("dense")->dim = 4;
    assert_int_equal(normalise(), KITH_EDIM);
    assert_non_null(strstr(fix.err.text, "vector dimension mismatch"));
    given_column("dense")->dim = 0;
    given_column("small")->type = KITH_INT32;
    assert_int_equal(normalise(), KITH_EINVAL);
    assert_non_null(strstr(fix.err.text, "'small' is Int16, not Int32"));
    given_column("small")->type = KITH_INT16;
    given_column("small")->valid = help_nulls;
    assert_int_equal(normalise(), KITH_EINVAL);
    assert_int_equal(fix.err.position, 1);
    given_column("small")->valid = NULL;
    assert_int_equal(with_data("small", NULL), KITH_EINVAL);
    fix.given.partition = "a\n";
    assert_int_equal(normalise(), KITH_EINVAL);
    fix.given.partition = "p";
    assert_int_equal(normalise(), 0);
    assert_string_equal(fix.out.partition, "p");
    fix.schema.partition_key = 0;
    assert_int_equal(normalise(), KITH_EINVAL);
    fix.given.size = 4;
    assert_int_equal(normalise(), KITH_EINVAL);
}

static void test_row_limit(void **state)
{
    (void)state;
    struct kith_field field = help_field("id", KITH_INT64);
    field.flags = KITH_FIELD_PRIMARY;
    struct kith_schema given = KITH_SCHEMA_INIT;
    given.fields = &field;
    given.field_count = 1;
    struct schema schema = {0};
    assert_int_equal(schema_from_public(&given, &schema, NULL), 0);
    const struct kith_column column = {.field = "id",
                                       .data = calloc(LIMIT_BATCH_ROWS + 1, sizeof(int64_t))};
    struct kith_batch batch = KITH_BATCH_INIT;
    batch.rows = LIMIT_BATCH_ROWS;
    batch.columns = &column;
    batch.column_count = 1;
    assert_int_equal(batch_normalise(&schema, &batch, &fix.arena, &fix.out, NULL), 0);
    batch.rows++;
    assert_int_equal(batch_normalise(&schema, &batch, &fix.arena, &fix.out, NULL), KITH_ELIMIT);
    batch.rows = SIZE_MAX;
    assert_int_equal(batch_normalise(&schema, &batch, &fix.arena, &fix.out, NULL), KITH_ELIMIT);
    batch.rows = 0;
    assert_int_equal(batch_normalise(&schema, &batch, &fix.arena, &fix.out, NULL), 0);
    free((void *)(uintptr_t)column.data);
    schema.fields[0].flags |= KITH_FIELD_AUTO_ID;
    batch.rows = 3;
    assert_int_equal(batch_normalise(&schema, &batch, &fix.arena, &fix.out, NULL), KITH_EINVAL);
    batch.column_count = 0;
    assert_int_equal(batch_normalise(&schema, &batch, &fix.arena, &fix.out, NULL), 0);
    assert_null(fix.out.columns[0].data);
    schema_release(&schema);
}

static void test_numbers_are_finite(void **state)
{
    (void)state;
    const float bad_f[2] = {NAN, -INFINITY};
    for (size_t i = 0; i < 2; i++) {
        float ratio[HELP_ROWS] = {0, 0, bad_f[i], 0};
        refused_at("ratio", ratio, KITH_EINVAL, 2);
        double exact[HELP_ROWS] = {0, 0, 0, (double)bad_f[i]};
        refused_at("exact", exact, KITH_EINVAL, 3);
        float dense[9] = {0, 0, 0, 0, 0, bad_f[i], 0, 0, 0};
        refused_at("dense", dense, KITH_EINVAL, 2); /* the second valid row is row 2 */
    }
    const uint16_t half_bad[2] = {0x7c00, 0xfe01};
    const uint16_t brain_bad[2] = {0xff80, 0x7fc0};
    for (size_t i = 0; i < 2; i++) {
        uint16_t half[HELP_ROWS * 2] = {0, 0, 0, half_bad[i]};
        refused_at("half", half, KITH_EINVAL, 1);
        uint16_t brain[HELP_ROWS * 2] = {0, 0, 0, 0, 0, 0, brain_bad[i]};
        refused_at("brain", brain, KITH_EINVAL, 3);
    }
}

static void test_texts(void **state)
{
    (void)state;
    assert_int_equal(with_text("title", 3, LITERAL("123456789")), KITH_EINVAL);
    assert_int_equal(fix.err.position, 3);
    assert_int_equal(with_text("title", 3, LITERAL("1234567\xc3")), KITH_EINVAL);
    assert_int_equal(with_text("title", 3, str(NULL, 1)), KITH_EINVAL);
    assert_int_equal(with_text("more", 2, LITERAL("")), KITH_EINVAL);
    assert_int_equal(with_text("more", 2, LITERAL("[1,]")), KITH_EINVAL);
    char *json = malloc(LIMIT_JSON_BYTES + 1);
    memset(json, '1', LIMIT_JSON_BYTES + 1);
    json[0] = json[LIMIT_JSON_BYTES - 1] = '"';
    assert_int_equal(with_text("more", 2, str(json, LIMIT_JSON_BYTES)), 0);
    assert_int_equal(with_text("more", 2, str(json, LIMIT_JSON_BYTES + 1)), KITH_ELIMIT);
    free(json);
}

static void test_meta(void **state)
{
    (void)state;
    const char *const refused[] = {"[]",
                                   "1",
                                   "{\"id\":1}",
                                   "{\"a\":1,\"$meta\":{}}",
                                   "{",
                                   "{\"\\u0069d\":1}",
                                   "{\"sparse\":null}"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        assert_int_equal(with_text("$meta", 2, str(refused[i], strlen(refused[i]))), KITH_EINVAL);
        assert_int_equal(fix.err.position, 2);
    }
    assert_int_equal(with_text("$meta", 2, LITERAL("{\"a\":{\"id\":1}}")), 0);
}

static void test_arrays(void **state)
{
    (void)state;
    assert_int_equal(with_text("numbers", 0, LITERAL("123412341234")), 0);
    assert_int_equal(with_text("numbers", 0, LITERAL("1234123412341234")), KITH_EINVAL);
    assert_int_equal(with_text("numbers", 0, LITERAL("123")), KITH_EINVAL);
    assert_int_equal(with_text("words", 0, LITERAL("\0\0\0\0\0\0\0\0")), 0);
    const struct kith_str refused[] = {LITERAL("\0\0\0\0\0\0\0\0\0\0\0\0"),
                                       LITERAL("\5\0\0\0abcde"),
                                       LITERAL("\1\0\0\0"),
                                       LITERAL("\1\0\0"),
                                       LITERAL("\xff\xff\xff\xff"),
                                       LITERAL("\1\0\0\0\xff")};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        assert_int_equal(with_text("words", 0, refused[i]), KITH_EINVAL);
    }
    fix.schema.fields[8].element_type = KITH_BOOL;
    assert_int_equal(with_text("numbers", 0, LITERAL("\0\2\1")), KITH_EINVAL); /* row 2 is long */
    const struct kith_str flags[HELP_ROWS] = {LITERAL("\0\2\1"), LITERAL(""), LITERAL("\1"),
                                              LITERAL("\xff")};
    assert_int_equal(with_data("numbers", flags), 0);
    const struct kith_str *tame = out_column("numbers")->data;
    assert_memory_equal(tame[0].data, "\0\1\1", 3);
    assert_memory_equal(tame[3].data, "\1", 1);
    fix.schema.fields[8].element_type = KITH_FLOAT;
    const struct kith_str floats[HELP_ROWS] = {LITERAL("\0\0\x80\x7f"), {"", 0}, {"", 0}, {"", 0}};
    refused_at("numbers", floats, KITH_EINVAL, 0);
}

static void test_sparse(void **state)
{
    (void)state;
    const struct kith_str refused[] = {LITERAL("\0\0\0\0\0\0\0"),           /* 7 bytes */
                                       LITERAL("\xff\xff\xff\xff\0\0\0\0"), /* the largest index */
                                       LITERAL("\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0"), /* equal */
                                       LITERAL("\2\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0"), /* descending */
                                       LITERAL("\1\0\0\0\0\0\xc0\x7f"),             /* NaN */
                                       LITERAL("\1\0\0\0\0\0\x80\xff")};            /* infinite */
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        assert_int_equal(with_text("sparse", 3, refused[i]), KITH_EINVAL);
        assert_int_equal(fix.err.position, 3);
    }
    uint8_t *many = calloc(LIMIT_SPARSE_ENTRIES + 1, 8);
    for (uint32_t i = 0; i <= LIMIT_SPARSE_ENTRIES; i++) memcpy(many + 8 * i, &i, sizeof i);
    assert_int_equal(with_text("sparse", 3, str(many, (size_t)LIMIT_SPARSE_ENTRIES * 8)), 0);
    assert_int_equal(with_text("sparse", 3, str(many, (size_t)LIMIT_SPARSE_ENTRIES * 8 + 8)),
                     KITH_ELIMIT);
    free(many);
}

static int decode(const uint8_t *data, size_t len, struct kith_batch *out)
{
    struct cursor cur;
    cursor_init(&cur, data, len);
    int rc = batch_decode(&fix.schema, &cur, &fix.arena, out, &fix.err);
    if (rc == 0) assert_int_equal(cursor_left(&cur), 0);
    return rc;
}

static void test_codec(void **state)
{
    (void)state;
    struct buffer bytes, again;
    struct kith_batch back;
    buffer_init(&bytes);
    buffer_init(&again);
    assert_int_equal(normalise(), 0);
    batch_encode(&fix.schema, &fix.out, &bytes);
    for (size_t shift = 0; shift < 8; shift++) { /* at every alignment */
        uint8_t *exact = malloc(bytes.len + shift);
        memcpy(exact + shift, bytes.data, bytes.len);
        assert_int_equal(decode(exact + shift, bytes.len, &back), 0);
        for (size_t i = 0; i < back.column_count; i++) {
            assert_int_equal((uintptr_t)back.columns[i].data % 8, 0);
        }
        buffer_clear(&again);
        batch_encode(&fix.schema, &back, &again);
        assert_int_equal(again.len, bytes.len);
        assert_memory_equal(again.data, bytes.data, bytes.len);
        free(exact);
    }
    for (size_t len = 0; len < bytes.len; len++) {
        uint8_t *exact = malloc(len + 1);
        memcpy(exact, bytes.data, len);
        assert_int_equal(decode(exact, len, &back), KITH_ECORRUPT);
        free(exact);
        arena_reset(&fix.arena);
    }
    buffer_release(&again);
    buffer_release(&bytes);
}

/* An altered byte is refused, or what is read is a batch that normalises to itself. */
static void test_altered_bytes(void **state)
{
    (void)state;
    struct buffer bytes;
    struct cursor cur;
    buffer_init(&bytes);
    assert_int_equal(normalise(), 0);
    batch_encode(&fix.schema, &fix.out, &bytes);
    for (size_t at = 0; at < bytes.len; at++) {
        for (unsigned flip = 1; flip < 256; flip <<= 1) {
            struct kith_batch back, same;
            bytes.data[at] ^= (uint8_t)flip;
            cursor_init(&cur, bytes.data, bytes.len);
            int rc = batch_decode(&fix.schema, &cur, &fix.arena, &back, NULL);
            assert_true(rc == 0 || rc == KITH_ECORRUPT);
            if (rc == 0) {
                rc = batch_normalise(&fix.schema, &back, &fix.arena, &same, NULL);
                assert_int_equal(rc, 0);
            }
            bytes.data[at] ^= (uint8_t)flip;
            arena_reset(&fix.arena);
        }
    }
    buffer_release(&bytes);
}

static void test_select(void **state)
{
    (void)state;
    struct kith_batch some;
    const uint32_t rows[] = {3, 0};
    const uint32_t null_row[] = {1};
    assert_int_equal(normalise(), 0);
    assert_int_equal(batch_select(&fix.schema, &fix.out, rows, 2, &fix.arena, &some), 0);
    assert_int_equal(some.rows, 2);
    assert_memory_equal(some.columns[0].data, ((const int64_t[]){INT64_MIN, 5}), 16);
    assert_memory_equal(some.columns[11].data, ((const float[]){-1, -2, -3, 1, 2, 3}), 24);
    assert_null(some.columns[11].valid);
    assert_memory_equal(((const struct kith_str *)some.columns[7].data)[1].data, "one", 3);
    assert_int_equal(batch_select(&fix.schema, &fix.out, null_row, 1, &fix.arena, &some), 0);
    assert_int_equal(some.columns[11].valid[0], 0);
    assert_int_equal(batch_select(&fix.schema, &fix.out, rows, 0, &fix.arena, &some), 0);
    assert_int_equal(some.rows, 0);
}

static int whole_way(void)
{
    struct arena arena;
    struct buffer bytes;
    struct cursor cur;
    struct kith_batch batch, back, some;
    const uint32_t row = 2;
    arena_init(&arena);
    buffer_init(&bytes);
    int rc = batch_normalise(&fix.schema, &fix.given, &arena, &batch, NULL);
    if (rc == 0) batch_encode(&fix.schema, &batch, &bytes);
    if (rc == 0 && buffer_failed(&bytes)) rc = KITH_ENOMEM;
    cursor_init(&cur, bytes.data, bytes.len);
    if (rc == 0) rc = batch_decode(&fix.schema, &cur, &arena, &back, NULL);
    if (rc == 0) rc = batch_select(&fix.schema, &back, &row, 1, &arena, &some);
    buffer_release(&bytes);
    arena_release(&arena);
    return rc;
}

static void test_no_memory(void **state)
{
    (void)state;
    /* Large texts, so that the arena and the buffer grow often. */
    static struct kith_str more[HELP_ROWS];
    static char json[LIMIT_JSON_BYTES];
    memset(json, ' ', sizeof json);
    json[0] = '1';
    for (size_t i = 0; i < HELP_ROWS; i++) more[i] = str(json, sizeof json);
    given_column("more")->data = more;
    uint64_t nth = 1;
    int rc;
    do {
        alloc_fault_arm(nth++, false);
        rc = whole_way();
        alloc_fault_disarm();
        assert_true(rc == 0 || rc == KITH_ENOMEM);
    } while (rc != 0);
    assert_true(nth > 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_normal_form),
        TEST(test_missing_columns),
        TEST(test_shapes),
        TEST(test_row_limit),
        TEST(test_numbers_are_finite),
        TEST(test_texts),
        TEST(test_meta),
        TEST(test_arrays),
        TEST(test_sparse),
        TEST(test_codec),
        TEST(test_altered_bytes),
        TEST(test_select),
        TEST(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
