/*
 * Several append logs as one: order over files, lines that are none, names of rotated files; every
 * allocation fails once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/alloc.h"
#include "line/ant_log.h"

struct odd {
    size_t lines[4], count;
};

static void take_odd(void *ctx, enum ant_line why, size_t number)
{
    struct odd *odd = ctx;
    assert_true(why != ANT_LINE_GOOD && odd->count < 4);
    odd->lines[odd->count++] = number;
}

static void several(void **state)
{
    static const char old[] = "20|SET|b|old|0\n10|SET|a|1|0\n\nnonsense\n30|DEL|a||0\n";
    static const char late[] = "20|SET|b|new|0\n30|SETNX|a|[x y]|0\n25|SET|c|v|w|0";
    static const char *const want[] = { "1", "old", "new", "", "x y" };
    struct odd odd = { .count = 0 };
    struct ant_log log = { .odd = take_odd, .ctx = &odd };
    (void)state;
    assert_int_equal(ant_log_read(&log, old, sizeof old - 1), 0);
    assert_int_equal(ant_log_read(&log, late, sizeof late - 1), 0);
    ant_log_sort(&log);
    assert_int_equal(log.count, 5);
    for (size_t i = 0; i < 5; i++) {
        const struct kith_str value = log.lines[i].change.value;
        assert_int_equal(value.len, strlen(want[i]));
        assert_memory_equal(value.data, want[i], value.len);
    }
    assert_int_equal(odd.count, 2);
    assert_int_equal(odd.lines[0], 4);
    assert_int_equal(odd.lines[1], 3);
    ant_log_release(&log);
}

static void names(void **state)
{
    (void)state;
    assert_true(ant_log_is_rotated("cache.acl", "cache.acl.20250102_030405"));
    assert_false(ant_log_is_rotated("cache.acl", "cache.acl"));
    assert_false(ant_log_is_rotated("cache.acl", "cache.acl.20250102_03040"));
    assert_false(ant_log_is_rotated("cache.acl", "cache.acl.20250102_0304055"));
    assert_false(ant_log_is_rotated("cache.acl", "cache.acl.20250102-030405"));
    assert_false(ant_log_is_rotated("cache.acl", "other.acl.20250102_030405"));
    assert_false(ant_log_is_rotated("cache.acl", ""));
}

static void without_memory(void **state)
{
    static char text[64 * 3000];
    size_t len = 0;
    (void)state;
    while (len + 64 < sizeof text) {
        memcpy(text + len, "10|SET|a|1|0\n", 13);
        len += 13;
    }
    for (uint64_t n = 1; n < 40; n++) {
        struct ant_log log = { .odd = NULL };
        alloc_fault_arm(n, false);
        const int rc = ant_log_read(&log, text, len);
        alloc_fault_disarm();
        const size_t count = log.count;
        ant_log_release(&log);
        if (rc == 0) {
            assert_int_equal(count, len / 13);
            return;
        }
        assert_int_equal(rc, KITH_ENOMEM);
    }
    fail();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several),
        cmocka_unit_test(names),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
