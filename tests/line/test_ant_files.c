/*
 * Files of Ant-Cache: a snapshot of every kind of value, cut at every byte and with every byte
 * flipped; lines of its log.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "line/ant_files.h"

static const char snapshot[] =
    "ANTC\x01\0\0\0\0\0\0\0\x05"
    "\x01\0\x01" "a\x01\0\0\0\x02" "hi\0\0\0\0\0\0\0\0"
    "\x01\0\x01" "b\x02\0\x02\0\x01" "x\0\x01" "y\0\0\0\0\0\0\0\x07"
    "\x01\0\x01" "c\x03\0\x01\0\x01" "k\0\x01" "v\0\0\0\0\0\0\0\0"
    "\xff";
#define SNAPSHOT_BYTES (sizeof snapshot - 1)

static int print(void *ctx, const struct ant_item *item)
{
    char *out = ctx;
    size_t at = strlen(out);
    at += (size_t)snprintf(out + at, 256 - at, "%.*s=", (int)item->key.len, item->key.data);
    for (size_t i = 0; i < item->count; i++)
        at += (size_t)snprintf(out + at, 256 - at, "%.*s,", (int)item->words[i].len,
                               item->words[i].data);
    (void)snprintf(out + at, 256 - at, "%d@%lld ", (int)item->kind, (long long)item->expiry_ns);
    return 0;
}

static int count(void *ctx, const struct ant_item *item)
{
    (void)item;
    ++*(size_t *)ctx;
    return 0;
}

static void snapshots(void **state)
{
    char out[256] = "", copy[SNAPSHOT_BYTES];
    int64_t saved;
    struct kith_error err = { 0 };
    const struct ant_sink sink = { print, out };
    size_t items = 0;
    const struct ant_sink counter = { count, &items };
    (void)state;
    assert_int_equal(ant_atd_read(snapshot, SNAPSHOT_BYTES, &sink, &saved, &err), 0);
    assert_string_equal(out, "a=hi,1@0 b=x,y,2@7 c=k,v,3@0 ");
    assert_int_equal(saved, 5);
    for (size_t cut = 0; cut < SNAPSHOT_BYTES; cut++)
        assert_int_equal(ant_atd_read(snapshot, cut, &counter, &saved, &err), KITH_ECORRUPT);
    items = 0;
    assert_int_equal(ant_atd_read(snapshot, SNAPSHOT_BYTES - 1, &counter, &saved, &err),
                     KITH_ECORRUPT);
    assert_int_equal(items, 3);
    for (size_t i = 0; i < SNAPSHOT_BYTES; i++) {
        memcpy(copy, snapshot, sizeof copy);
        copy[i] ^= (char)0xff;
        const int rc = ant_atd_read(copy, sizeof copy, &counter, &saved, &err);
        assert_true(rc == 0 || rc == KITH_ECORRUPT);
    }
}

static enum ant_line line(const char *text, bool first_bar, char out[128])
{
    struct ant_change change;
    const enum ant_line got = ant_acl_line(text, strlen(text), first_bar, &change);
    if (got == ANT_LINE_GOOD)
        (void)snprintf(out, 128, "%d %d %lld %lld %.*s %.*s", (int)change.kind,
                       (int)change.value_kind, (long long)change.unix_ns,
                       (long long)change.ttl_ns, (int)change.key.len, change.key.data,
                       (int)change.value.len, change.value.data);
    return got;
}

static void logs(void **state)
{
    static const char *const bad[] = { "", "|", "1|SET|k", "1|SET|k|0", "x|SET|k|v|0",
                                       "1|NOPE|k|v|0", "1|SET|k|v|",
                                       "1|SET|k|v|99999999999999999999" };
    char out[128];
    (void)state;
    assert_int_equal(line("17|SET|k|v w|5", false, out), ANT_LINE_GOOD);
    assert_string_equal(out, "0 1 17 5 k v w");
    assert_int_equal(line("17|SETNX|k|[a b]|0", false, out), ANT_LINE_GOOD);
    assert_string_equal(out, "1 2 17 0 k a b");
    assert_int_equal(line("17|SET|k|map[a:1]]|0", false, out), ANT_LINE_GOOD);
    assert_string_equal(out, "0 3 17 0 k a:1]");
    assert_int_equal(line("17|DEL|k||0", false, out), ANT_LINE_GOOD);
    assert_string_equal(out, "2 1 17 0 k ");
    assert_int_equal(line("17|SET|k|a|b|0", false, out), ANT_LINE_AMBIGUOUS);
    assert_int_equal(line("17|SET|k|a|b|0", true, out), ANT_LINE_GOOD);
    assert_string_equal(out, "0 1 17 0 k a|b");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(line(bad[i], true, out), ANT_LINE_BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(snapshots), cmocka_unit_test(logs) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
