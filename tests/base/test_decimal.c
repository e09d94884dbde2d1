/*
 * Numbers in JSON: text to double against the C library, the shortest text of random doubles and
 * floats, and the table of powers.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/json.h"
#include "base/json_internal.h"
#include "base/rng.h"

__extension__ typedef unsigned __int128 u128;

#define SEED 2024

static double read_number(const char *text, size_t len)
{
    struct json_value value;
    size_t used;
    if (json_read(text, len, &value, &used, NULL) != 0) return INFINITY; /* out of range */
    assert_int_equal(used, len);
    return value.number;
}

static void assert_reads_like_strtod(const char *text)
{
    double want = strtod(text, NULL);
    double got = read_number(text, strlen(text));
    if (isinf(want) ? !isinf(got) : memcmp(&want, &got, sizeof want) != 0) {
        fail_msg("%s: %a, not %a", text, got, want);
    }
}

static void test_hard_cases(void **state)
{
    (void)state;
    const char *const cases[] = {
        "0", "-0", "-0.0e5", "0e99999999999999999999", "4.9e-324", "2.4703282292062327e-324",
        "2.4703282292062328e-324", "2.2250738585072011e-308", "2.2250738585072014e-308",
        "1.7976931348623157e308", "1.7976931348623158e308", "1.7976931348623159e308", "1e309",
        "9007199254740993", "9007199254740992.99999999999999999999999999999", "1e23",
        "9007199254740993.00000000000000000000000000000", "8.5e22", "6.02214076e23",
        "9007199254740993.00000000000000000000000000001", "0.000000000000000000000000000001e30",
        "100000000000000000000000000000000000000000000000000000e-53",
        "123456789012345678901234567890",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) assert_reads_like_strtod(cases[i]);
}

/* The exact middle of two doubles, printed in full (up to 767 digits), and just beside it. */
static void test_middles(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, SEED);
    static char text[1300];
    for (int i = 0; i < 300; i++) {
        uint64_t bits = rng_below(&rng, 0x3ffull << 52) + 1; /* below 1 */
        if (i % 3 == 0) bits %= 1ull << 53;
        double a, b;
        memcpy(&a, &bits, sizeof a);
        bits++;
        memcpy(&b, &bits, sizeof b);
        int len = snprintf(text, sizeof text, "%.1150Lf", ((long double)a + (long double)b) / 2);
        assert_true(len > 0 && (size_t)len < sizeof text - 1);
        assert_reads_like_strtod(text);
        text[len - 1] = '1';
        assert_reads_like_strtod(text);
    }
}

static void test_random_literals(void **state)
{
    (void)state;
    print_message("seed %d\n", SEED);
    struct rng rng;
    rng_init(&rng, SEED);
    char text[128];
    for (int i = 0; i < 30000; i++) {
        char digits[64];
        size_t count = 1 + (size_t)rng_below(&rng, i % 10 ? 20 : 60);
        for (size_t d = 0; d < count; d++) digits[d] = (char)('0' + rng_below(&rng, 10));
        int exponent = (int)rng_below(&rng, 700) - 360;
        (void)snprintf(text, sizeof text, "%u.%.*se%d", (unsigned)rng_below(&rng, 10), (int)count,
                       digits, exponent);
        assert_reads_like_strtod(text);
    }
}

static size_t significant_digits(const char *text, size_t len)
{
    size_t count = 0, zeros = 0;
    for (size_t i = 0; i < len && text[i] != 'e'; i++) {
        if (text[i] == '-' || text[i] == '.' || (count == 0 && text[i] == '0')) continue;
        count++;
        zeros = text[i] == '0' ? zeros + 1 : 0;
    }
    return count - zeros;
}

/* The same double comes back, and no text with fewer digits would do. */
static void assert_double_is_shortest(struct buffer *buf, double value)
{
    buffer_clear(buf);
    json_write_double(buf, value);
    const char *text = (const char *)buf->data;
    double back = read_number(text, buf->len);
    assert_memory_equal(&back, &value, sizeof back);
    size_t digits = significant_digits(text, buf->len);
    if (digits <= 1) return;
    char shorter[40];
    (void)snprintf(shorter, sizeof shorter, "%.*e", (int)digits - 2, value);
    if (strtod(shorter, NULL) == value) fail_msg("%.*s, but %s", (int)buf->len, text, shorter);
}

static void assert_float_round_trips(struct buffer *buf, float value)
{
    buffer_clear(buf);
    json_write_float(buf, value);
    float back = (float)read_number((const char *)buf->data, buf->len);
    assert_memory_equal(&back, &value, sizeof back);
    assert_true(significant_digits((const char *)buf->data, buf->len) <= 9);
}

static void test_shortest_round_trip(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, SEED);
    struct buffer buf;
    buffer_init(&buf);
    for (int i = 0; i < 40000; i++) {
        uint64_t bits = rng_u64(&rng);
        if (i % 8 == 0) bits &= ~((1ull << 52) - 1);    /* powers of two */
        if (i % 8 == 1) bits &= 0x800fffffffffffffull;  /* subnormals */
        uint32_t low = (uint32_t)bits;
        if (i % 8 == 2) low &= 0xff800000u;
        if (i % 8 == 3) low &= 0x807fffffu;
        double value;
        float single;
        memcpy(&value, &bits, sizeof value);
        memcpy(&single, &low, sizeof single);
        if (isfinite(value)) assert_double_is_shortest(&buf, value);
        if (isfinite(value)) assert_double_is_shortest(&buf, (double)(int64_t)(bits >> 30) / 1000);
        if (isfinite(single)) assert_float_round_trips(&buf, single);
    }
    buffer_release(&buf);
}

/* What reads as an integer is the double's value: no zeros stand for digits that were left out. */
static void test_whole_numbers(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, SEED);
    struct buffer buf;
    buffer_init(&buf);
    for (int i = 0; i < 40000; i++) {
        const double value = (double)(int64_t)(rng_u64(&rng) >> rng_below(&rng, 64));
        struct json_value back;
        size_t used;
        buffer_clear(&buf);
        json_write_double(&buf, value);
        assert_int_equal(json_read((const char *)buf.data, buf.len, &back, &used, NULL), 0);
        assert_int_equal(used, buf.len);
        assert_true(back.number == value);
        if (back.kind == JSON_INT) assert_true(back.integer == (int64_t)value);
    }
    buffer_release(&buf);
}

static void assert_writes(struct buffer *buf, double value, const char *want)
{
    buffer_clear(buf);
    json_write_double(buf, value);
    buffer_put_u8(buf, 0);
    assert_string_equal((const char *)buf->data, want);
}

static void test_layout(void **state)
{
    (void)state;
    struct buffer buf;
    buffer_init(&buf);
    assert_writes(&buf, 0.1, "0.1");
    assert_writes(&buf, -1.0, "-1");
    assert_writes(&buf, 1e300, "1e300");
    assert_writes(&buf, 5e-324, "5e-324");
    assert_writes(&buf, 1.7976931348623157e308, "1.7976931348623157e308");
    assert_writes(&buf, 123456.789, "123456.789");
    assert_writes(&buf, 1e20, "100000000000000000000");
    assert_writes(&buf, 1e21, "1e21");
    assert_writes(&buf, 1e-6, "0.000001");
    assert_writes(&buf, 1.5e-7, "1.5e-7");
    assert_writes(&buf, -0.0, "-0");
    assert_writes(&buf, 9007199254740993.0, "9007199254740992");
    assert_writes(&buf, 2305843009213693952.0, "2305843009213694000.0");
    assert_writes(&buf, NAN, "null");
    buffer_clear(&buf);
    json_write_float(&buf, 0.1f);
    assert_int_equal(buf.len, 3);
    buffer_release(&buf);
}

/* Exact where 64 bits hold the power; each next one is ten times it, to the last unit. */
static void test_powers(void **state)
{
    (void)state;
    uint64_t exact = 1;
    for (int k = DECIMAL_POWER_MIN; k <= DECIMAL_POWER_MAX; k++) {
        const uint64_t *entry = DECIMAL_POWERS[k - DECIMAL_POWER_MIN];
        assert_true(entry[0] >> 63);
        if (k >= 0 && k <= 19) {
            assert_true(entry[0] == exact << __builtin_clzll(exact) && entry[1] == 0);
            exact *= 10;
        }
        if (k == DECIMAL_POWER_MAX) break;
        u128 g = (u128)entry[0] << 64 | entry[1];
        u128 next = (u128)entry[2] << 64 | entry[3];
        int up = decimal_log2_power(k + 1) - decimal_log2_power(k); /* 3 or 4 */
        u128 tens = (g >> 4) * 10 + (((g & 15) * 10) >> 4); /* g * 10 / 16, rounded down */
        u128 got = up == 4 ? next : next >> 1;
        assert_true(got <= tens + 1 && tens <= got + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hard_cases),    cmocka_unit_test(test_middles),
        cmocka_unit_test(test_random_literals), cmocka_unit_test(test_shortest_round_trip),
        cmocka_unit_test(test_whole_numbers),
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_powers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
