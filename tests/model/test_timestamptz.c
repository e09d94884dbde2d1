/*
 * Instants: texts both ways, offsets, what is refused, every day of some centuries, durations.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "model/timestamptz.h"

#define DAY INT64_C(86400000000)

static bool parse(const char *text, int64_t *out)
{
    return timestamptz_parse((struct kith_str){text, strlen(text)}, 0, out);
}

static void reads(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t micros;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01", 0},
        {"1970-01-02 00:00", DAY},
        {"1969-12-31T23:59:59.999999Z", -1},
        {"2025-01-01T00:00:00+08:00", 1735660800000000},
        {"2025-01-01t00:00:00.5z", 1735689600500000},
        {"2025-01-01T00:00:00.1234567890", 1735689600123456},
        {"2024-02-29T12:30:15-05:30", 1709229615000000},
        {"2024-02-29T12:30:15-0530", 1709229615000000},
        {"2024-02-29T12:30:15-05", 1709227815000000},
        {"0001-01-01T00:00:00Z", -62135596800000000},
        {"9999-12-31T23:59:59.999999Z", 253402300799999999},
        {"+12345-01-01T00:00:00Z", 327403382400000000},
        {"2016-12-31T23:59:60Z", 1483228800000000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t micros = 0;
        if (!parse(cases[i].text, &micros) || micros != cases[i].micros) {
            fail_msg("%s: %lld, want %lld", cases[i].text, (long long)micros,
                     (long long)cases[i].micros);
        }
    }
    int64_t east = 0;
    assert_true(timestamptz_parse((struct kith_str){"1970-01-01T08:00", 16}, 480, &east));
    assert_int_equal(east, 0);
}

static void refuses(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", "2025", "2025-1-1", "2025-13-01", "2025-00-01", "2025-02-29", "2025-01-32",
        "2025-01-00", "2025-01-01T", "2025-01-01T24:00", "2025-01-01T00:60", "2025-01-01T00:00:61",
        "2025-01-01T00:00:00.", "2025-01-01T00:00:00+", "2025-01-01T00:00:00+25:00",
        "2025-01-01T00:00:00+08:0", "2025-01-01T00:00:00Zx", "2025-01-01x", "+123-01-01",
        "+999999-01-01T00:00:00Z", "25-01-01", " 2025-01-01", "+99999999999999999999-01-01"};
    int64_t micros = 42;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (parse(texts[i], &micros)) fail_msg("'%s' was read", texts[i]);
    }
}

/* What is written reads back; days follow each other as a calendar's do. */
static void round_trips(void **state)
{
    (void)state;
    struct rng rng;
    char text[TIMESTAMPTZ_TEXT_BYTES], before[TIMESTAMPTZ_TEXT_BYTES] = "";
    rng_init(&rng, 7);
    for (int i = 0; i < 20000; i++) {
        int64_t micros = (int64_t)rng_u64(&rng) >> rng_below(&rng, 40), back = 0;
        int offset = i % 3 == 0 ? 0 : (int)rng_below(&rng, 1440) - 720;
        size_t len = timestamptz_format(micros, offset, text);
        assert_in_range(len, 10, TIMESTAMPTZ_TEXT_BYTES - 1);
        if (!timestamptz_parse((struct kith_str){text, len}, 0, &back) || back != micros) {
            fail_msg("%.*s: %lld, want %lld", (int)len, text, (long long)back, (long long)micros);
        }
    }
    for (int64_t day = -146097; day < 146097; day++) {
        size_t len = timestamptz_format(day * DAY, 0, text);
        assert_int_equal(len, 20);
        assert_true(memcmp(before, text, 10) < 0); /* texts of four-digit years are in order */
        memcpy(before, text, sizeof before);
    }
    assert_int_equal(timestamptz_format(-1, 90, text), 32);
    assert_memory_equal(text, "1970-01-01T01:29:59.999999+01:30", 32);
}

static void durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t months, micros;
    } good[] = {
        {"P1Y", 12, 0},           {"P1M", 1, 0},
        {"PT1M", 0, 60000000},    {"P1DT2H", 0, DAY + 7200000000},
        {"P1Y2M3DT4H5M6S", 14, 3 * DAY + 14706000000}, {"PT0S", 0, 0},
    };
    static const char *const bad[] = {"", "P", "PT", "P1", "P1DT", "1D", "P1H", "P1.5D", "P1D1Y",
                                      "P1DT1D", "P-1D", "P1d", "P1D ", "PT1HT1M", "P1W",
                                      "P9999999999999999999D", "PT1M1H"};
    struct time_interval interval;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct kith_str text = {good[i].text, strlen(good[i].text)};
        assert_true(time_interval_parse(text, &interval));
        assert_int_equal(interval.months, good[i].months);
        assert_int_equal(interval.micros, good[i].micros);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (time_interval_parse((struct kith_str){bad[i], strlen(bad[i])}, &interval)) {
            fail_msg("'%s' was read", bad[i]);
        }
    }
}

static void additions(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
        int64_t months, micros;
    } cases[] = {
        {"2025-01-31T10:00:00Z", "2025-02-28T10:00:00Z", 1, 0},
        {"2024-01-31T10:00:00Z", "2024-02-29T10:00:00Z", 1, 0},
        {"2024-02-29", "2025-02-28", 12, 0},
        {"2024-02-29", "2028-02-29", 48, 0},
        {"2025-03-31", "2025-02-28", -1, 0},
        {"2025-01-15", "2023-12-15", -13, 0},
        {"1969-12-31T23:00:00Z", "1970-01-31T23:00:00Z", 1, 0},
        {"2025-01-31", "2025-03-01", 1, DAY},
        {"2025-01-01", "2024-12-31", 0, -DAY},
    };
    int64_t from, to, got;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(parse(cases[i].from, &from) && parse(cases[i].to, &to));
        assert_true(timestamptz_add(
            from, &(struct time_interval){cases[i].months, cases[i].micros}, &got));
        if (got != to) fail_msg("%s: %lld, want %lld", cases[i].from, (long long)got, (long long)to);
    }
    assert_false(timestamptz_add(INT64_MAX, &(struct time_interval){1, 0}, &got));
    assert_false(timestamptz_add(INT64_MAX, &(struct time_interval){INT64_MAX, 0}, &got));
    assert_false(timestamptz_add(INT64_MIN, &(struct time_interval){0, -1}, &got));
    assert_true(timestamptz_add(INT64_MIN, &(struct time_interval){1, 0}, &got));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads),     cmocka_unit_test(refuses),   cmocka_unit_test(round_trips),
        cmocka_unit_test(durations), cmocka_unit_test(additions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
