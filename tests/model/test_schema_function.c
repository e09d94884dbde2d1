/*
 * Analyzers and functions in a schema: each rule, the text that says it, both versions of the
 * bytes; and what a batch may carry of a function's output: nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "model/limits.h"
#include "model/model_help.h"

#define FIELDS 4 /* id, title, words, other */

struct given {
    struct kith_field fields[FIELDS];
    struct kith_function functions[2];
    struct kith_schema schema;
};

static void begin(struct given *given)
{
    given->fields[0] = help_field("id", KITH_INT64);
    given->fields[0].flags = KITH_FIELD_PRIMARY;
    given->fields[1] = help_field("title", KITH_VARCHAR);
    given->fields[1].analyzer = "{\"type\": \"english\"}";
    given->fields[1].enable_match = true;
    given->fields[2] = help_field("words", KITH_SPARSE_VECTOR);
    given->fields[3] = help_field("other", KITH_SPARSE_VECTOR);
    for (size_t i = 0; i < 2; i++) {
        given->functions[i] = (struct kith_function){.size = sizeof(struct kith_function),
                                                     .name = i ? "second" : "first",
                                                     .kind = KITH_FUNCTION_BM25,
                                                     .input = "title",
                                                     .output = i ? "other" : "words"};
    }
    given->schema = (struct kith_schema)KITH_SCHEMA_INIT;
    given->schema.fields = given->fields;
    given->schema.field_count = FIELDS;
    given->schema.functions = given->functions;
    given->schema.function_count = 1;
}

static int status(const struct given *given, struct kith_error *err)
{
    struct schema schema = {0};
    const int rc = schema_from_public(&given->schema, &schema, err);
    schema_release(&schema);
    return rc;
}

static void refused(const struct given *given, int code, const char *words)
{
    struct kith_error err = {0};
    assert_int_equal(status(given, &err), code);
    if (!strstr(err.text, words)) fail_msg("'%s' lacks '%s'", err.text, words);
}

static void test_analyzers(void **state)
{
    (void)state;
    struct given g;
    begin(&g);
    assert_int_equal(status(&g, NULL), 0);
    g.fields[1].analyzer = "[]";
    refused(&g, KITH_EINVAL, "'title': the analyzer is not a JSON object");
    g.fields[1].analyzer = "{}x";
    refused(&g, KITH_EINVAL, "not a JSON object");
    g.fields[1].analyzer = NULL;
    refused(&g, KITH_EINVAL, "'title': enable_match needs an analyzer");
    g.fields[1].enable_match = false;
    refused(&g, KITH_EINVAL, "'title' has no analyzer");
    begin(&g);
    g.fields[0].analyzer = "{}";
    refused(&g, KITH_EINVAL, "'id': only VarChar has an analyzer");
    begin(&g);
    char *longest = malloc(LIMIT_ANALYZER_BYTES + 2);
    memset(longest, ' ', LIMIT_ANALYZER_BYTES + 1);
    longest[0] = '{';
    longest[LIMIT_ANALYZER_BYTES - 1] = '}';
    longest[LIMIT_ANALYZER_BYTES] = 0;
    g.fields[1].analyzer = longest;
    assert_int_equal(status(&g, NULL), 0);
    longest[LIMIT_ANALYZER_BYTES] = ' ';
    longest[LIMIT_ANALYZER_BYTES + 1] = 0;
    refused(&g, KITH_ELIMIT, "'title': the analyzer is longer");
    free(longest);
}

static void test_functions(void **state)
{
    (void)state;
    struct given g;
    begin(&g);
    g.schema.function_count = 2;
    assert_int_equal(status(&g, NULL), 0);
    g.functions[1].name = "first";
    refused(&g, KITH_EINVAL, "'first' is there twice");
    g.functions[1].name = "";
    refused(&g, KITH_EINVAL, "function number 1");
    begin(&g);
    g.functions[0].kind = (enum kith_function_kind)2;
    refused(&g, KITH_EINVAL, "there is no kind 2");
    begin(&g);
    g.functions[0].input = "nothing";
    refused(&g, KITH_EINVAL, "its input 'nothing' is no field");
    g.functions[0].input = "id";
    refused(&g, KITH_EINVAL, "its input 'id' is Int64, not VarChar");
    begin(&g);
    g.functions[0].output = NULL;
    refused(&g, KITH_EINVAL, "its output '' is no field");
    g.functions[0].output = "title";
    refused(&g, KITH_EINVAL, "its output 'title' is VarChar, not SparseFloatVector");
    begin(&g);
    g.fields[2].flags = KITH_FIELD_NULLABLE;
    refused(&g, KITH_EINVAL, "its output 'words' cannot be nullable");
    begin(&g);
    g.schema.function_count = 2;
    g.functions[1].output = "words";
    refused(&g, KITH_EINVAL, "its output 'words' is that of another function");
    begin(&g);
    g.fields[3].metric = KITH_BM25;
    refused(&g, KITH_EINVAL, "'other': the metric BM25 is for the output of a BM25 function");
    g.schema.function_count = LIMIT_FUNCTIONS + 1;
    refused(&g, KITH_ELIMIT, "functions");
    g.schema.functions = NULL;
    g.schema.function_count = 1;
    refused(&g, KITH_EINVAL, "none is given");
}

static void encode(const struct schema *schema, struct buffer *out)
{
    buffer_init(out);
    schema_encode(schema, out);
    assert_false(buffer_failed(out));
}

/* Shown, given back, encoded and decoded, it stays the same. */
static void test_round_trips(void **state)
{
    (void)state;
    struct given g;
    begin(&g);
    struct schema schema = {0}, back = {0}, copy = {0};
    struct kith_schema shown;
    struct buffer bytes;
    struct cursor cur;
    assert_int_equal(schema_from_public(&g.schema, &schema, NULL), 0);
    assert_int_equal(schema.fields[2].bm25_of, 1);
    assert_int_equal(schema.fields[2].metric, KITH_BM25);
    assert_false(schema_field_stored(&schema.fields[2]));
    assert_int_equal(schema.fields[3].bm25_of, SIZE_MAX);
    assert_true(schema_field_stored(&schema.fields[3]));
    encode(&schema, &bytes);
    assert_int_equal(bytes.data[0], 2);
    cursor_init(&cur, bytes.data, bytes.len);
    assert_int_equal(schema_decode(&cur, &back, NULL), 0);
    assert_int_equal(cursor_left(&cur), 0);
    assert_true(schema_equal(&schema, &back));
    assert_int_equal(schema_to_public(&back, &shown), 0);
    assert_string_equal(shown.fields[1].analyzer, g.fields[1].analyzer);
    assert_true(shown.fields[1].enable_match);
    assert_string_equal(shown.functions[0].output, "words");
    assert_int_equal(schema_from_public(&shown, &copy, NULL), 0);
    assert_true(schema_equal(&schema, &copy));
    copy.fields[1].enable_match = false;
    assert_false(schema_equal(&schema, &copy));
    copy.fields[1].enable_match = true;
    copy.fields[1].analyzer[2] = 'T';
    assert_false(schema_equal(&schema, &copy));
    copy.fields[1].analyzer[2] = 't';
    copy.functions[0].output = 3;
    assert_false(schema_equal(&schema, &copy));
    schema_public_release(&shown);
    schema_release(&copy);
    schema_release(&back);
    schema_release(&schema);
    buffer_release(&bytes);
}

/* Without analyzers and functions the bytes are those of version 1, which older files have. */
static void test_first_version(void **state)
{
    (void)state;
    struct given g;
    begin(&g);
    g.schema.function_count = 0;
    g.fields[1].analyzer = NULL;
    g.fields[1].enable_match = false;
    struct schema schema = {0};
    struct buffer bytes;
    assert_int_equal(schema_from_public(&g.schema, &schema, NULL), 0);
    encode(&schema, &bytes);
    assert_int_equal(bytes.data[0], 1);
    schema_release(&schema);
    buffer_release(&bytes);
}

static void test_altered_bytes(void **state)
{
    (void)state;
    struct given g;
    begin(&g);
    struct schema schema = {0};
    struct buffer bytes;
    assert_int_equal(schema_from_public(&g.schema, &schema, NULL), 0);
    encode(&schema, &bytes);
    help_damage(&bytes);
    buffer_release(&bytes);
    schema_release(&schema);
}

static int all_of_it(const struct given *g)
{
    struct schema schema = {0}, back = {0};
    struct kith_schema shown = {0};
    struct buffer bytes;
    struct cursor cur;
    buffer_init(&bytes);
    int rc = schema_from_public(&g->schema, &schema, NULL);
    if (rc == 0) schema_encode(&schema, &bytes);
    if (rc == 0 && buffer_failed(&bytes)) rc = KITH_ENOMEM;
    cursor_init(&cur, bytes.data, bytes.len);
    if (rc == 0) rc = schema_decode(&cur, &back, NULL);
    if (rc == 0) rc = schema_to_public(&back, &shown);
    schema_public_release(&shown);
    schema_release(&back);
    schema_release(&schema);
    buffer_release(&bytes);
    return rc;
}

static void test_no_memory(void **state)
{
    (void)state;
    struct given g;
    begin(&g);
    uint64_t nth = 1;
    int rc;
    do {
        alloc_fault_arm(nth++, false);
        rc = all_of_it(&g);
        alloc_fault_disarm();
        assert_true(rc == 0 || rc == KITH_ENOMEM);
    } while (rc != 0);
    assert_true(nth > 20);
}

static void test_batches(void **state)
{
    (void)state;
    struct given g;
    begin(&g);
    struct schema schema = {0};
    struct kith_batch out, back, again;
    struct kith_error err = {0};
    struct arena arena;
    struct buffer bytes;
    struct cursor cur;
    arena_init(&arena);
    assert_int_equal(schema_from_public(&g.schema, &schema, NULL), 0);
    const int64_t ids[2] = {1, 2};
    const struct kith_str texts[2] = {HELP_STR("one"), HELP_STR("two")};
    const struct kith_str empty[2] = {{"", 0}, {"", 0}};
    struct kith_column columns[4] = {{.field = "id", .data = ids},
                                     {.field = "title", .data = texts},
                                     {.field = "other", .data = empty},
                                     {.field = "words", .data = empty}};
    struct kith_batch batch = KITH_BATCH_INIT;
    batch.rows = 2;
    batch.columns = columns;
    batch.column_count = 4;
    assert_int_equal(batch_normalise(&schema, &batch, &arena, &out, &err), KITH_EINVAL);
    assert_non_null(strstr(err.text, "'words' is filled by a function"));
    batch.column_count = 3;
    assert_int_equal(batch_normalise(&schema, &batch, &arena, &out, &err), 0);
    assert_int_equal(out.column_count, FIELDS);
    assert_null(out.columns[2].data);
    buffer_init(&bytes);
    batch_encode(&schema, &out, &bytes);
    cursor_init(&cur, bytes.data, bytes.len);
    assert_int_equal(batch_decode(&schema, &cur, &arena, &back, &err), 0);
    assert_int_equal(cursor_left(&cur), 0);
    assert_null(back.columns[2].data);
    assert_int_equal(batch_normalise(&schema, &back, &arena, &again, &err), 0);
    const uint32_t second = 1;
    assert_int_equal(batch_select(&schema, &again, &second, 1, &arena, &out), 0);
    assert_int_equal(((const int64_t *)out.columns[0].data)[0], 2);
    assert_null(out.columns[2].data);
    buffer_release(&bytes);
    schema_release(&schema);
    arena_release(&arena);
}

/* Times are int64, geometries text; both as nullable columns with defaults. */
static void test_new_scalars(void **state)
{
    (void)state;
    struct kith_field fields[3] = {help_field("id", KITH_INT64),
                                   help_field("at", KITH_TIMESTAMPTZ),
                                   help_field("where", KITH_GEOMETRY)};
    fields[0].flags = KITH_FIELD_PRIMARY;
    fields[1].default_value = (struct kith_value){.type = KITH_TIMESTAMPTZ, .i = -5};
    fields[2].flags = KITH_FIELD_NULLABLE;
    struct kith_schema given = KITH_SCHEMA_INIT;
    given.fields = fields;
    given.field_count = 3;
    struct schema schema = {0};
    assert_int_equal(schema_from_public(&given, &schema, NULL), 0);
    assert_int_equal(schema.fields[1].width, 8);
    const int64_t ids[2] = {1, 2};
    const int64_t times[2] = {INT64_MAX, 77};
    const uint8_t valid[2] = {1, 0};
    struct kith_str places[2] = {HELP_STR("POINT (1 2)"), HELP_STR("junk\xff")};
    const struct kith_column columns[3] = {
        {.field = "id", .data = ids},
        {.field = "at", .data = times, .valid = valid},
        {.field = "where", .data = places, .valid = valid}};
    struct kith_batch batch = KITH_BATCH_INIT, out;
    batch.rows = 2;
    batch.columns = columns;
    batch.column_count = 3;
    struct arena arena;
    arena_init(&arena);
    assert_int_equal(batch_normalise(&schema, &batch, &arena, &out, NULL), 0);
    assert_int_equal(((const int64_t *)out.columns[1].data)[0], INT64_MAX);
    assert_int_equal(((const int64_t *)out.columns[1].data)[1], -5);
    assert_null(out.columns[1].valid);
    assert_int_equal(out.columns[2].valid[1], 0);
    places[0] = (struct kith_str){"\xff", 1};
    assert_int_equal(batch_normalise(&schema, &batch, &arena, &out, NULL), KITH_EINVAL);
    char *longest = malloc(LIMIT_GEOMETRY_BYTES + 1);
    memset(longest, 'P', LIMIT_GEOMETRY_BYTES + 1);
    places[0] = (struct kith_str){longest, LIMIT_GEOMETRY_BYTES};
    assert_int_equal(batch_normalise(&schema, &batch, &arena, &out, NULL), 0);
    places[0].len++;
    assert_int_equal(batch_normalise(&schema, &batch, &arena, &out, NULL), KITH_ELIMIT);
    free(longest);
    schema_release(&schema);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_analyzers),     cmocka_unit_test(test_functions),
        cmocka_unit_test(test_round_trips),   cmocka_unit_test(test_first_version),
        cmocka_unit_test(test_altered_bytes), cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_batches),       cmocka_unit_test(test_new_scalars),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
