/*
 * The JSON scanner against hand cases, malformed input and nesting; paths; strings both ways.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/json.h"

static int validate(const char *text) { return json_validate(text, strlen(text), NULL); }

static struct json_value read_one(const char *text)
{
    struct json_value value;
    size_t used;
    assert_int_equal(json_read(text, strlen(text), &value, &used, NULL), 0);
    return value;
}

static void test_scalars(void **state)
{
    (void)state;
    assert_int_equal(read_one(" null").kind, JSON_NULL);
    assert_true(read_one("true").boolean);
    assert_false(read_one("false").boolean);
    struct json_value v = read_one("-9223372036854775808");
    assert_int_equal(v.kind, JSON_INT);
    assert_true(v.integer == INT64_MIN);
    v = read_one("9223372036854775808");
    assert_int_equal(v.kind, JSON_DOUBLE);
    assert_true(v.number == 9223372036854775808.0);
    v = read_one("9007199254740993"); /* not a double */
    assert_true(v.integer == 9007199254740993);
    v = read_one("1.0");
    assert_int_equal(v.kind, JSON_DOUBLE);
    v = read_one("  \"a\\u00e9\" ,");
    assert_int_equal(v.kind, JSON_STRING);
    assert_int_equal(v.len, 9);
    assert_true(v.has_escapes);
}

static const char *const GOOD[] = {
    "{}", "[]", " [ ] ", "{\"\":0}", "[1,2.5e-3,\"x\",null,true,{\"a\":[{}]}]",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\ud800\"", "-0", "0e0", "1E+2", "\t\n\r 1 ",
    "\"\xf0\x9f\x98\x80\"", "\"\x7f\"", "1e-999999999999999999999", "{\"a\":1,\"a\":2}",
};

/* text, and the offset its error names */
static const struct {
    const char *text;
    unsigned offset;
} BAD[] = {
    {"", 0}, {"  ", 2}, {"[", 1}, {"{", 1}, {"[1", 2}, {"[1,", 3}, {"[1,]", 3}, {"[,1]", 1},
    {"[1 2]", 3}, {"[1}", 2}, {"{1:2}", 1}, {"{\"a\"}", 4}, {"{\"a\":}", 5}, {"{\"a\":1,}", 7},
    {"{\"a\":1", 6}, {"]", 0}, {"1 2", 2}, {"01", 1}, {"+1", 0}, {"-", 1}, {".5", 0}, {"1.", 2},
    {"1.e2", 2}, {"1e", 2}, {"1e+", 3}, {"0x1", 1}, {"NaN", 0}, {"-Infinity", 1}, {"1e400", 0},
    {"[1e400]", 1}, {"tru", 0}, {"nulll", 4}, {"True", 0}, {"'a'", 0}, {"\"", 1}, {"\"abc", 4},
    {"\"\\", 2}, {"\"\\x\"", 2}, {"\"\\u12g4\"", 5}, {"\"\\u12", 5}, {"\"a\nb\"", 2},
    {"\"12345678\x01\"", 9}, {"\"\xff\"", 1}, {"\"\xc0\x80\"", 1}, {"\"\xed\xa0\x80\"", 1},
    {"\"\xf4\x90\x80\x80\"", 1}, {"\"\xe2\x82\"", 1}, {"[1]//x", 3}, {"\xef\xbb\xbf[]", 0},
};

static void test_good_and_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++) {
        if (validate(GOOD[i]) != 0) fail_msg("refused: %s", GOOD[i]);
    }
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        struct kith_error err = {0};
        int rc = json_validate(BAD[i].text, strlen(BAD[i].text), &err);
        if (rc != KITH_EINVAL || err.position != BAD[i].offset) {
            fail_msg("'%s': %d at %d", BAD[i].text, rc, (int)err.position);
        }
    }
    assert_int_equal(json_validate("1\0", 2, NULL), KITH_EINVAL);
    assert_int_equal(json_validate("\"\0\"", 3, NULL), KITH_EINVAL);
}

/* A text cut anywhere is refused, and no byte past the cut is read (exact copies, sanitizers). */
static void test_every_prefix(void **state)
{
    (void)state;
    const char *text =
        "{\"k\\u00e9y\":[1,-2.5e+3,\"str\\n\xc3\xa9 longer than eight\",true,null,{}]}";
    for (size_t len = 0; len < strlen(text); len++) {
        char *copy = malloc(len ? len : 1);
        assert_non_null(copy);
        memcpy(copy, text, len);
        assert_int_equal(json_validate(copy, len, NULL), KITH_EINVAL);
        struct json_value value;
        struct json_step step = {.key = "absent", .key_len = 6};
        assert_true(json_find(copy, len, &step, 1, &value) < 0);
        free(copy);
    }
    assert_int_equal(validate(text), 0);
}

static void test_nesting(void **state)
{
    (void)state;
    enum { MUCH = 1000000 };
    char *text = malloc(MUCH);
    assert_non_null(text);
    for (size_t depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        int want = depth <= JSON_DEPTH_MAX ? 0 : KITH_EINVAL;
        assert_int_equal(json_validate(text, 2 * depth, NULL), want);
    }
    memset(text, '[', MUCH);
    assert_int_equal(json_validate(text, MUCH, NULL), KITH_EINVAL);
    for (size_t i = 0; i + 5 <= MUCH; i += 5) memcpy(text + i, "{\"a\":", 5);
    assert_int_equal(json_validate(text, MUCH, NULL), KITH_EINVAL);
    free(text);
    /* Levels alternate in kind across the 64-bit words of the stack. */
    struct buffer buf;
    buffer_init(&buf);
    for (int i = 0; i < JSON_DEPTH_MAX / 2; i++) buffer_printf(&buf, "[{\"a\":");
    buffer_printf(&buf, "1");
    for (int i = 0; i < JSON_DEPTH_MAX / 2; i++) buffer_printf(&buf, "}]");
    assert_int_equal(json_validate((const char *)buf.data, buf.len, NULL), 0);
    buf.data[buf.len - 2] = ']';
    assert_int_equal(json_validate((const char *)buf.data, buf.len, NULL), KITH_EINVAL);
    buffer_release(&buf);
}

static void test_iteration(void **state)
{
    (void)state;
    struct json_value object = read_one(" { \"a\" : 1 , \"b\" : [ 2 , 3 ] } ");
    struct json_iter iter;
    struct json_value key, value;
    json_iter_init(&iter, &object);
    assert_int_equal(json_iter_next(&iter, &key, &value), 1);
    assert_true(json_string_equals(&key, "a", 1));
    assert_int_equal(value.integer, 1);
    assert_int_equal(json_iter_next(&iter, &key, &value), 1);
    assert_true(json_string_equals(&key, "b", 1));
    struct json_iter inner;
    json_iter_init(&inner, &value);
    assert_int_equal(json_iter_next(&iter, &key, &value), 0);
    assert_int_equal(json_iter_next(&iter, &key, &value), 0);
    for (int64_t want = 2; want <= 3; want++) {
        assert_int_equal(json_iter_next(&inner, NULL, &value), 1);
        assert_true(value.integer == want);
    }
    assert_int_equal(json_iter_next(&inner, NULL, &value), 0);
    struct json_value unread = {.kind = JSON_ARRAY, .text = "[1 2]", .len = 5};
    json_iter_init(&iter, &unread);
    assert_int_equal(json_iter_next(&iter, NULL, &value), 1);
    assert_true(json_iter_next(&iter, NULL, &value) < 0);
}

static void test_find(void **state)
{
    (void)state;
    const char *text = "{\"skip\":{\"a\":[9]},\"a\":{\"b\":[10,{\"c\\u0064\":\"hit\"}]},\"a\":0}";
    struct json_step path[] = {
        {.key = "a", .key_len = 1}, {.key = "b", .key_len = 1}, {.index = 1},
        {.key = "cd", .key_len = 2}};
    struct json_value value;
    assert_int_equal(json_find(text, strlen(text), path, 4, &value), 0);
    assert_true(json_string_equals(&value, "hit", 3));
    assert_int_equal(json_find(text, strlen(text), path, 2, &value), 0);
    assert_int_equal(value.kind, JSON_ARRAY);
    path[2].index = 2;
    assert_int_equal(json_find(text, strlen(text), path, 3, &value), KITH_ENOTFOUND);
    path[1] = (struct json_step){.index = 0}; /* an index into an object */
    assert_int_equal(json_find(text, strlen(text), path, 2, &value), KITH_ENOTFOUND);
    assert_int_equal(json_find("7", 1, path, 1, &value), KITH_ENOTFOUND);
    assert_int_equal(json_find("{}", 2, path, 1, &value), KITH_ENOTFOUND);
    assert_int_equal(json_find("{\"x\" 1}", 7, path, 1, &value), KITH_EINVAL);
    assert_int_equal(json_find(" 7", 2, NULL, 0, &value), 0);
    assert_int_equal(value.integer, 7);
}

static void test_strings_both_ways(void **state)
{
    (void)state;
    struct json_value v = read_one("\"\\ud83d\\ude00 \\ud83d \\u00E9\\\"\\/\\t\"");
    const char *want = "\xf0\x9f\x98\x80 \xef\xbf\xbd \xc3\xa9\"/\t";
    struct buffer buf;
    buffer_init(&buf);
    assert_int_equal(json_unescape(&v, &buf), 0);
    assert_int_equal(buf.len, strlen(want));
    assert_memory_equal(buf.data, want, buf.len);
    assert_true(json_string_equals(&v, want, strlen(want)));
    assert_false(json_string_equals(&v, want, strlen(want) - 1));
    assert_false(json_string_equals(&v, "\xf0\x9f\x98\x80", 4));
    alloc_fault_arm(1, true); /* growing fails: an error, not a cut string */
    struct buffer none;
    buffer_init(&none);
    assert_int_equal(json_unescape(&v, &none), KITH_ENOMEM);
    alloc_fault_disarm();
    buffer_clear(&buf);
    json_write_string(&buf, "a\"\\\n\x01\xc3\xa9\xff\x7f", 9);
    buffer_put_u8(&buf, 0);
    assert_string_equal((const char *)buf.data, "\"a\\\"\\\\\\n\\u0001\xc3\xa9\xef\xbf\xbd\x7f\"");
    buffer_release(&buf);
}

/* Every byte string of up to two bytes comes back as itself when it is UTF-8, always as JSON. */
static void test_write_then_read(void **state)
{
    (void)state;
    struct buffer buf;
    buffer_init(&buf);
    for (unsigned i = 0; i < 65536; i++) {
        const char text[2] = {(char)(i & 255), (char)(i >> 8)};
        buffer_clear(&buf);
        json_write_string(&buf, text, 2);
        assert_int_equal(json_validate((const char *)buf.data, buf.len, NULL), 0);
        struct json_value v;
        size_t used;
        assert_int_equal(json_read((const char *)buf.data, buf.len, &v, &used, NULL), 0);
        assert_int_equal(json_string_equals(&v, text, 2), utf8_valid(text, 2));
    }
    buffer_release(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scalars),
        cmocka_unit_test(test_good_and_bad),
        cmocka_unit_test(test_every_prefix),
        cmocka_unit_test(test_nesting),
        cmocka_unit_test(test_iteration),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_strings_both_ways),
        cmocka_unit_test(test_write_then_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
