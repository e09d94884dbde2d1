/*
 * JSON lines and CSV: inference, nulls, vectors, resuming, and errors that name the line.
 */
#include "import_help.h"

#include <stdio.h>

static struct import_reader *open_text(const char *text, const char *name)
{
    return open_ok(text, strlen(text), name);
}

static void refuses(const char *text, const char *name, const char *part)
{
    struct import_reader *reader = NULL;
    struct kith_error err = {0};
    int rc = import_open_bytes(text, strlen(text), name, NULL, &reader, &err);
    if (rc >= 0 || !strstr(err.text, part)) fail_msg("%s: %d '%s'", text, rc, err.text);
}

static void assert_text(const struct import_batch *batch, size_t column, size_t row,
                        const char *want)
{
    const struct import_text *texts = batch->columns[column].values;
    assert_int_equal(texts[row].len, strlen(want));
    assert_memory_equal(texts[row].text, want, texts[row].len);
}

static void test_jsonl_kinds(void **state)
{
    (void)state;
    struct import_reader *reader = open_text(
        "\xEF\xBB\xBF{\"id\":1,\"score\":2,\"on\":true,\"name\":\"a\\u00e9\\n\",\"v\":[1,2.5],\"m\":{\"x\":1}}\r\n"
        "\n"
        "{\"id\":9007199254740993,\"score\":0.5,\"on\":null,\"v\":[3,-4],\"m\":[\"y\"],\"late\":1}",
        "x.jsonl");
    const struct import_description *about = import_describe(reader);
    const enum import_kind kinds[] = {IMPORT_I64, IMPORT_F64, IMPORT_BOOL, IMPORT_STRING,
                                      IMPORT_VECTOR_F32, IMPORT_JSON, IMPORT_I64};
    assert_int_equal(about->column_count, 7);
    for (size_t i = 0; i < 7; i++) assert_int_equal(about->columns[i].kind, kinds[i]);
    assert_int_equal(about->columns[4].dim, 2);
    assert_string_equal(about->columns[6].name, "late");
    struct import_batch b = next_ok(reader, 10);
    assert_int_equal(b.rows, 2);
    assert_true(((const int64_t *)b.columns[0].values)[1] == 9007199254740993);
    assert_true(((const double *)b.columns[1].values)[0] == 2.0);
    assert_true(b.columns[2].nulls[1] == 1 && b.columns[2].nulls[0] == 0);
    assert_text(&b, 3, 0, "a\xc3\xa9\n");
    assert_true(b.columns[3].nulls[1] == 1);
    assert_text(&b, 3, 1, "");
    assert_true(((const float *)b.columns[4].values)[3] == -4.0f);
    assert_text(&b, 5, 1, "[\"y\"]");
    assert_true(b.columns[6].nulls[0] == 1);
    assert_null(b.columns[0].nulls);
    import_close(reader);
}

static void test_jsonl_refuses(void **state)
{
    (void)state;
    refuses("", "x.jsonl", "no JSON object");
    refuses("{\"a\":1}\n[1]\n", "x.jsonl", "line 2 is no JSON object");
    refuses("{\"a\":1}\n{\"a\":\n", "x.jsonl", "line 2");
    refuses("{\"a\":\"\xff\"}\n", "x.jsonl", "line 1");
    struct import_reader *reader = open_text("{\"a\":1,\"a\":2}\n", "x.jsonl");
    next_fails(reader, 1, KITH_EINVAL, "line 1: key 'a' is there twice");
    import_close(reader);
}

/* What contradicts the first rows comes after them. */
static void test_jsonl_late(void **state)
{
    (void)state;
    struct buffer b;
    buffer_init(&b);
    for (int i = 0; i < IMPORT_SAMPLE_ROWS; i++) buffer_printf(&b, "{\"a\":%d,\"v\":[1,2]}\n", i);
    size_t good = b.len;
    buffer_printf(&b, "{\"a\":\"x\"}\n");
    struct import_reader *reader = open_ok(b.data, b.len, "x.jsonl");
    assert_int_equal(next_ok(reader, 1000).rows, 1000);
    next_fails(reader, 1, KITH_EINVAL, "line 1001: 'a' is no int64");
    import_close(reader);
    b.len = good;
    buffer_printf(&b, "{\"a\":7,\"v\":[1,2,3]}\n");
    reader = open_ok(b.data, b.len, "x.jsonl");
    assert_int_equal(next_ok(reader, 1000).rows, 1000);
    next_fails(reader, 1, KITH_EINVAL, "another dimension");
    import_close(reader);
    b.len = good;
    buffer_printf(&b, "{\"b\":7}\n");
    reader = open_ok(b.data, b.len, "x.jsonl");
    assert_int_equal(next_ok(reader, 1000).rows, 1000);
    next_fails(reader, 1, KITH_EINVAL, "line 1001: key 'b'");
    import_close(reader);
    const struct import_options skip = {.skip_unknown = true};
    assert_int_equal(import_open_bytes(b.data, b.len, "x.jsonl", &skip, &reader, NULL), 0);
    assert_int_equal(next_ok(reader, 2000).rows, 1001);
    import_close(reader);
    buffer_release(&b);
}

static void test_csv(void **state)
{
    (void)state;
    struct import_reader *reader = open_text(
        "id,zip,name,v,score,\"a \"\"b\"\"\"\r\n"
        "1,007,\"two\nlines, one \"\"cell\"\"\",\"[1,2]\",1,true\r\n"
        "\r\n"
        "2,10115,\"\",\"[3, 4.5]\",,false\r\n"
        "3,x,,,2.5,",
        "x.csv");
    const struct import_description *about = import_describe(reader);
    const enum import_kind kinds[] = {IMPORT_I64, IMPORT_STRING, IMPORT_STRING,
                                      IMPORT_VECTOR_F32, IMPORT_F64, IMPORT_BOOL};
    assert_int_equal(about->column_count, 6);
    for (size_t i = 0; i < 6; i++) assert_int_equal(about->columns[i].kind, kinds[i]);
    assert_string_equal(about->columns[5].name, "a \"b\"");
    struct import_batch b = next_ok(reader, 10);
    assert_int_equal(b.rows, 3);
    assert_text(&b, 1, 0, "007");
    assert_text(&b, 2, 0, "two\nlines, one \"cell\"");
    assert_true(b.columns[2].nulls[1] == 0 && b.columns[2].nulls[2] == 1);
    assert_true(((const float *)b.columns[3].values)[3] == 4.5f);
    assert_true(b.columns[3].nulls[2] == 1 && b.columns[4].nulls[1] == 1);
    assert_true(b.columns[5].nulls[2] == 1);
    import_close(reader);
}

static void test_csv_refuses(void **state)
{
    (void)state;
    refuses("", "x.csv", "header row");
    refuses("a,a\n", "x.csv", "twice");
    refuses("a,\n", "x.csv", "without a name");
    refuses("a,b\n1\n", "x.csv", "line 2 has 1 cells, the header 2");
    refuses("a,b\n1,\"x", "x.csv", "line 2: a quoted cell does not end");
    refuses("a,b\n1,x\"y\"\n", "x.csv", "line 2: a quote inside");
    refuses("a,b\n1,\"x\"y\n", "x.csv", "line 2: a quoted cell");
    refuses("a\n\xff\n", "x.csv", "UTF-8");
}

/* Reads to the end in batches of every size, reopening at each saved position. */
static void check_resume(const char *bytes, size_t len, const char *name, int64_t rows)
{
    for (size_t step = 1; step < 40; step += 6) {
        struct import_position at = {0};
        int64_t seen = 0;
        for (bool first = true;; first = false) {
            struct import_reader *reader = open_ok(bytes, len, name);
            if (!first) assert_int_equal(import_seek(reader, at, NULL), 0);
            struct import_batch b = next_ok(reader, step);
            const int64_t *ids = b.columns[0].values;
            assert_int_equal(b.first_row, seen);
            for (size_t i = 0; i < b.rows; i++) assert_int_equal(ids[i], seen++);
            at = import_position(reader);
            import_close(reader);
            if (b.rows == 0) break;
        }
        assert_int_equal(seen, rows);
        assert_int_equal(at.offset, len);
    }
}

static void test_resume(void **state)
{
    (void)state;
    struct buffer json, csv;
    buffer_init(&json);
    buffer_init(&csv);
    buffer_printf(&csv, "id,text\n");
    for (int i = 0; i < 100; i++) {
        buffer_printf(&json, "{\"id\":%d,\"text\":\"%*d\"}\n%s", i, i % 9, i, i % 7 ? "" : "\n");
        buffer_printf(&csv, "%d,\"a\n%d\"\n", i, i);
    }
    check_resume((const char *)json.data, json.len, "x.jsonl", 100);
    check_resume((const char *)csv.data, csv.len, "x.csv", 100);
    buffer_release(&json);
    buffer_release(&csv);
}

/* Records larger than a read-ahead piece, and one that never ends. */
static void test_long_records(void **state)
{
    (void)state;
    struct buffer b;
    buffer_init(&b);
    for (int row = 0; row < 3; row++) {
        buffer_printf(&b, "{\"id\":%d,\"text\":\"", row);
        memset(buffer_extend(&b, 700000), 'x', 700000);
        buffer_printf(&b, "\"}\n");
    }
    check_resume((const char *)b.data, b.len, "x.jsonl", 3);
    buffer_clear(&b);
    buffer_printf(&b, "a\n\"");
    memset(buffer_extend(&b, IMPORT_RECORD_MAX + 10), 'x', IMPORT_RECORD_MAX + 10);
    open_fails(b.data, b.len, "x.csv", KITH_ELIMIT, "line 2");
    buffer_release(&b);
}

/* Every allocation fails once: an error, no leak, and the reader still works afterwards. */
static void test_out_of_memory(void **state)
{
    (void)state;
    const char *texts[] = {"{\"a\":1,\"b\":\"x\",\"v\":[1,2]}\n", "a,b,v\n1,x,\"[1,2]\"\n"};
    const char *names[] = {"x.jsonl", "x.csv"};
    for (int i = 0; i < 2; i++) {
        for (uint64_t nth = 1;; nth++) {
            struct import_reader *reader = NULL;
            struct import_batch batch;
            alloc_fault_arm(nth, false);
            int rc = import_open_bytes(texts[i], strlen(texts[i]), names[i], NULL, &reader, NULL);
            if (rc == 0) rc = import_next(reader, 10, &batch, NULL);
            bool reached = alloc_fault_count() >= nth;
            alloc_fault_disarm();
            if (reached) assert_int_equal(rc, KITH_ENOMEM);
            if (reader) assert_int_equal(next_ok(reader, 10).rows, reached ? 1 : 0);
            import_close(reader);
            if (!reached) break;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jsonl_kinds),   cmocka_unit_test(test_jsonl_refuses),
        cmocka_unit_test(test_jsonl_late),    cmocka_unit_test(test_csv),
        cmocka_unit_test(test_csv_refuses),   cmocka_unit_test(test_resume),
        cmocka_unit_test(test_long_records),  cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
