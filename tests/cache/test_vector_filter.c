/*
 * The filter language: the recorded table, what is odd about it, damage, and every allocation that
 * fails.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "cache/vector_filter.h"
#include "cache/vector_filter_table.h"

static struct heap heap;

struct outcome {
    enum filter_verdict verdict;
    size_t error_at;
};

static struct outcome run(const char *attribute, const char *text)
{
    struct outcome outcome = {VERDICT_ERROR, 0};
    struct vector_attribute *parsed = NULL;
    struct vector_filter *filter;
    if (attribute)
        assert_int_equal(vector_attribute_new(&heap, attribute, strlen(attribute), &parsed), 0);
    if (vector_filter_compile(text, strlen(text), &filter, &outcome.error_at) == 0) {
        struct filter_value *scratch = vector_filter_scratch(filter);
        assert_non_null(scratch);
        const bool match = vector_filter_matches(filter, scratch, parsed);
        outcome.verdict = match ? VERDICT_TRUE : VERDICT_FALSE;
        mem_free(scratch);
        vector_filter_free(filter);
    }
    heap_free(&heap, parsed);
    return outcome;
}

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < FILTER_TABLE_ROWS; i++) {
        const struct outcome got = run(filter_table_attribute, filter_table[i].text);
        if (got.verdict != filter_table[i].verdict)
            fail_msg("|%s| gives %d", filter_table[i].text, (int)got.verdict);
        if (got.verdict == VERDICT_ERROR)
            assert_string_equal(filter_table[i].text + got.error_at, filter_table[i].near);
    }
}

static void expect(const char *attribute, const char *text, enum filter_verdict verdict)
{
    const struct outcome got = run(attribute, text);
    if (got.verdict != verdict) fail_msg("|%s| gives %d", text, (int)got.verdict);
}

static void test_oddities(void **state)
{
    (void)state;
    expect("{\"a\":[1,2],\"b\":[1,2]}", ".a == .b", VERDICT_FALSE);
    expect("{\"a\":[1,2]}", ".a != .a", VERDICT_FALSE);
    expect("{}", "[1] == [1]", VERDICT_FALSE);
    expect("{}", "[] == 0", VERDICT_TRUE);
    expect("{}", "[5] == 'x'", VERDICT_TRUE);
    expect("{}", "1 / 0 == -1 / 0", VERDICT_FALSE);
    expect("{}", "0 / 0 == 0 / 0", VERDICT_FALSE);
    expect("{}", "5e-3 > 0", VERDICT_ERROR);
    expect("{}", "null==null", VERDICT_TRUE);
    expect("{}", "-1 in [-1]", VERDICT_TRUE);
    expect("{}", "(1)-1", VERDICT_FALSE);
    expect("{}", "3 -1 == 2", VERDICT_TRUE);
    expect("{\"\":1}", ".", VERDICT_FALSE);
    expect("{\"x\":\" 12\"}", ".x == 12", VERDICT_TRUE);
    expect("{\"x\":\"0x10\"}", ".x == 16", VERDICT_TRUE);
    expect("{\"x\":\"12 \"}", ".x == 12", VERDICT_FALSE);
    expect("{\"x\":\"a\\\"b\"}", ".x == 'a\"b'", VERDICT_TRUE);
    expect("{\"x\":[\"a\\\"b\\u00e9\"]}", "'a\"bu00e9' in .x", VERDICT_TRUE);
    expect("{\"x\":\"\\\\\",\"y\":\"a\\tb\"}", "'\t' in .y and .x in '\\\\'", VERDICT_TRUE);
    expect("{}", ". == 1", VERDICT_ERROR);
    expect("{}", "[-]", VERDICT_ERROR);
    expect("{\"x\":[{\"y\":1}]}", ".x", VERDICT_FALSE);
    expect("{\"x\":[[1]]}", ".x", VERDICT_FALSE);
    expect("  {\"x\" : 1 }  ", ".x", VERDICT_TRUE);
}

static void test_malformed_attributes_are_false(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", " ", "1", "[1]", "\"x\"", "null", "{", "{\"x\":1", "{\"x\":1}}", "{\"x\":1,}", "{x:1}",
        "{\"x\":}", "{\"x\" 1}", "{\"x\":1} 2", "not-json", "{\"x\":1,\"y\":tru}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        expect(texts[i], ".x == 1 or 1", VERDICT_FALSE);
        expect(texts[i], "1", VERDICT_TRUE);
    }
    expect(NULL, "1", VERDICT_FALSE);
}

static void test_long_expressions(void **state)
{
    (void)state;
    static char text[VECTOR_FILTER_BYTES_MAX + 2];
    memset(text, '(', sizeof text);
    text[VECTOR_FILTER_BYTES_MAX] = 0;
    expect("{}", text, VERDICT_ERROR);
    memset(text, '(', 30000);
    text[30000] = '7';
    memset(text + 30001, ')', 30000);
    text[60001] = 0;
    expect("{}", text, VERDICT_TRUE);
    memset(text, '1', 255);
    text[255] = 0;
    expect("{}", text, VERDICT_ERROR);
    text[254] = 0;
    expect("{}", text, VERDICT_TRUE);
    struct vector_filter *filter;
    size_t at;
    memset(text, ' ', sizeof text);
    text[0] = '1';
    assert_int_equal(vector_filter_compile(text, VECTOR_FILTER_BYTES_MAX, &filter, &at), 0);
    vector_filter_free(filter);
    assert_int_equal(vector_filter_compile(text, VECTOR_FILTER_BYTES_MAX + 1, &filter, &at),
                     KITH_ELIMIT);
}

static void test_allocation_failures(void **state)
{
    (void)state;
    static const char text[] = ".n > 4 and (.s in ['a', \"abc\", 5] or not .t == 2 ** 3 ** 2) "
                               "and 1 and 1 and 1 and 1 and 1 and 1";
    int rc = KITH_ENOMEM;
    uint64_t nth = 1;
    for (; rc == KITH_ENOMEM && nth < 100; nth++) {
        struct vector_filter *filter;
        size_t at;
        alloc_fault_arm(nth, false);
        rc = vector_filter_compile(text, strlen(text), &filter, &at);
        alloc_fault_disarm();
        if (rc == 0) vector_filter_free(filter);
    }
    assert_int_equal(rc, 0);
    assert_true(nth > 4);
    struct vector_attribute *attribute;
    alloc_fault_arm(1, false);
    assert_int_equal(vector_attribute_new(&heap, "{}", 2, &attribute), KITH_ENOMEM);
    alloc_fault_disarm();
    assert_int_equal(heap_used(&heap), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_oddities),
        cmocka_unit_test(test_malformed_attributes_are_false),
        cmocka_unit_test(test_long_expressions),
        cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
