/*
 * Zones: rules of POSIX, TZif bytes made here and those of this machine, damage, and texts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "model/time_rule.h"
#include "model/time_zone.h"
#include "model/timestamptz.h"

static int64_t instant(const char *text)
{
    int64_t micros;
    assert_true(timestamptz_parse((struct kith_str){ text, strlen(text) }, 0, &micros));
    return micros / 1000000;
}

static int32_t ruled(const char *rule, const char *when)
{
    struct time_rule parsed;
    if (!time_rule_parse(rule, strlen(rule), &parsed)) fail_msg("%s", rule);
    return time_rule_offset(&parsed, instant(when));
}

static void test_rules(void **state)
{
    (void)state;
    static const char berlin[] = "CET-1CEST,M3.5.0,M10.5.0/3";
    assert_int_equal(ruled(berlin, "2038-03-28T00:59:59Z"), 3600);
    assert_int_equal(ruled(berlin, "2038-03-28T01:00:00Z"), 7200);
    assert_int_equal(ruled(berlin, "2038-10-31T00:59:59Z"), 7200);
    assert_int_equal(ruled(berlin, "2038-10-31T01:00:00Z"), 3600);
    static const char sydney[] = "AEST-10AEDT,M10.1.0,M4.1.0/3";
    assert_int_equal(ruled(sydney, "2040-01-01T00:00:00Z"), 11 * 3600);
    assert_int_equal(ruled(sydney, "2040-03-31T15:59:59Z"), 11 * 3600);
    assert_int_equal(ruled(sydney, "2040-03-31T16:00:00Z"), 10 * 3600);
    assert_int_equal(ruled("<+0330>-3:30", "2040-03-31T16:00:00Z"), 12600);
    /* Days of the year, and times of a negative hour. */
    assert_int_equal(ruled("A1B,J60/0,J61/0", "2040-03-01T01:00:00Z"), 0);
    assert_int_equal(ruled("A1B,59/0,60/0", "2040-02-29T01:00:00Z"), 0);
    assert_int_equal(ruled("A1B,59/0,60/0", "2041-03-01T01:00:00Z"), 0);
    assert_int_equal(ruled("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2040-03-25T01:00:00Z"), -3600);
    assert_int_equal(ruled("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2040-03-25T00:59:59Z"), -7200);
    static const char *const bad[] = { "", "CET", "1", "CET-1CEST", "CET-1CEST,M3.5.0",
                                       "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.6.0,M10.5.0",
                                       "CET-1CEST,M3.5.0,M10.5.0x", "CET-1CEST,J0,J1", "<X-1",
                                       "CET-99", "CET-1:99" };
    struct time_rule rule;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (time_rule_parse(bad[i], strlen(bad[i]), &rule)) fail_msg("%s", bad[i]);
}

/* ---- bytes ---- */

static size_t put_head(uint8_t *out, uint32_t changes, uint32_t types)
{
    memset(out, 0, 44);
    memcpy(out, "TZif2", 5);
    out[35] = (uint8_t)changes;
    out[39] = (uint8_t)types;
    return 44;
}

static void put32(uint8_t *out, int32_t value)
{
    for (int i = 0; i < 4; i++) out[i] = (uint8_t)((uint32_t)value >> (24 - 8 * i));
}

/* Nothing in the first block; 1 h, from 1000 on 2 h, from 2000 on 1 h, then a rule. */
static size_t make_file(uint8_t *out)
{
    size_t len = put_head(out, 0, 1) + 6;
    memset(out + 44, 0, 6);
    len += put_head(out + len, 2, 2);
    memset(out + len, 0, 16);
    put32(out + len + 4, 1000);
    put32(out + len + 12, 2000);
    len += 16;
    out[len++] = 1;
    out[len++] = 0;
    memset(out + len, 0, 12);
    put32(out + len, 3600);
    put32(out + len + 6, 7200);
    len += 12;
    memcpy(out + len, "\nCET-1CEST,M3.5.0,M10.5.0/3\n", 28);
    return len + 28;
}

static void test_bytes(void **state)
{
    (void)state;
    uint8_t bytes[256];
    const size_t len = make_file(bytes);
    struct time_zone *zone;
    assert_int_equal(time_zone_read(bytes, len, &zone), 0);
    assert_int_equal(time_zone_offset(zone, INT64_MIN), 3600);
    assert_int_equal(time_zone_offset(zone, 999), 3600);
    assert_int_equal(time_zone_offset(zone, 1000), 7200);
    assert_int_equal(time_zone_offset(zone, 1999), 7200);
    assert_int_equal(time_zone_offset(zone, 2000), 3600);
    assert_int_equal(time_zone_offset(zone, instant("2100-07-01T00:00:00Z")), 7200);
    time_zone_free(zone);
    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *copy = malloc(cut + 1); /* so that a read beyond is seen */
        memcpy(copy, bytes, cut);
        assert_int_equal(time_zone_read(copy, cut, &zone), KITH_EINVAL);
        free(copy);
    }
    for (size_t at = 0; at < len; at++) {
        for (int bit = 0; bit < 8; bit++) {
            bytes[at] ^= (uint8_t)(1 << bit);
            if (time_zone_read(bytes, len, &zone) == 0) {
                (void)time_zone_offset(zone, 4102444800);
                time_zone_free(zone);
            }
            bytes[at] ^= (uint8_t)(1 << bit);
        }
    }
}

static void expect_text(const struct time_zone *zone, const char *text, const char *utc,
                        const char *back)
{
    int64_t micros;
    char out[TIMESTAMPTZ_TEXT_BYTES];
    if (!time_zone_parse(zone, (struct kith_str){ text, strlen(text) }, &micros))
        fail_msg("%s", text);
    assert_int_equal(micros / 1000000, instant(utc));
    (void)time_zone_format(zone, micros, out);
    assert_string_equal(out, back);
}

static void test_texts(void **state)
{
    (void)state;
    uint8_t bytes[256];
    struct time_zone *zone, *fixed = time_zone_fixed(-19800);
    assert_int_equal(time_zone_read(bytes, make_file(bytes), &zone), 0);
    expect_text(zone, "2030-07-01T12:00:00", "2030-07-01T10:00:00Z", "2030-07-01T12:00:00+02:00");
    expect_text(zone, "2030-12-01", "2030-11-30T23:00:00Z", "2030-12-01T00:00:00+01:00");
    expect_text(zone, "2030-07-01T12:00:00Z", "2030-07-01T12:00:00Z", "2030-07-01T14:00:00+02:00");
    /* Around the changes: the hour before, the hour that comes twice, the hour that does not. */
    expect_text(zone, "2030-03-31T01:59:59", "2030-03-31T00:59:59Z", "2030-03-31T01:59:59+01:00");
    expect_text(zone, "2030-03-31T03:00:00", "2030-03-31T01:00:00Z", "2030-03-31T03:00:00+02:00");
    expect_text(zone, "2030-10-27T03:00:00", "2030-10-27T02:00:00Z", "2030-10-27T03:00:00+01:00");
    expect_text(zone, "2030-10-27T01:59:59", "2030-10-26T23:59:59Z", "2030-10-27T01:59:59+02:00");
    expect_text(fixed, "2030-01-01T00:00:00", "2030-01-01T05:30:00Z", "2030-01-01T00:00:00-05:30");
    time_zone_free(zone);
    time_zone_free(fixed);
}

/* What the C library says of the same files, where there are any. */
static void test_system(void **state)
{
    (void)state;
    static const char *const names[] = { "Europe/Berlin", "America/New_York", "Australia/Lord_Howe",
                                         "America/Sao_Paulo", "Africa/Casablanca", "Asia/Tehran",
                                         "Europe/Dublin", "Pacific/Apia", "America/Nuuk" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[96];
        static uint8_t bytes[65536];
        struct time_zone *zone;
        (void)snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", names[i]);
        FILE *file = fopen(path, "rb");
        if (!file) continue;
        const size_t len = fread(bytes, 1, sizeof bytes, file);
        (void)fclose(file);
        if (time_zone_read(bytes, len, &zone)) fail_msg("%s", names[i]);
        assert_int_equal(setenv("TZ", names[i], 1), 0);
        tzset();
        for (int64_t at = -3000000000; at < 5000000000; at += 1234567) {
            const time_t when = (time_t)at;
            struct tm local;
            assert_non_null(localtime_r(&when, &local));
            if (local.tm_gmtoff != time_zone_offset(zone, at))
                fail_msg("%s %lld: %ld, not %d", names[i], (long long)at, local.tm_gmtoff,
                         (int)time_zone_offset(zone, at));
        }
        time_zone_free(zone);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_rules), cmocka_unit_test(test_bytes),
                                        cmocka_unit_test(test_texts),
                                        cmocka_unit_test(test_system) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
