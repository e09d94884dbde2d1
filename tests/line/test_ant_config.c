/*
 * Ant-Cache's flags and JSON: values, precedence, durations, what is refused, and a password that
 * is never shown.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "line/ant_config.h"

static int flags(struct ant_config *config, const char *a, const char *b)
{
    struct kith_error err = { 0 };
    char first[64], second[64];
    char *argv[] = { first, second };
    (void)strncpy(first, a, sizeof first - 1);
    first[63] = 0;
    (void)strncpy(second, b ? b : "", sizeof second - 1);
    second[63] = 0;
    return ant_config_flags(config, argv, b ? 2 : 1, &err);
}

static int json(struct ant_config *config, const char *text)
{
    struct kith_error err = { 0 };
    return ant_config_json(config, text, strlen(text), &err);
}

static void values(void **state)
{
    struct ant_config config;
    (void)state;
    assert_int_equal(ant_config_init(&config), 0);
    assert_int_equal(config.port, 8890);
    assert_int_equal(flags(&config, "-port", "1234"), 0);
    assert_int_equal(flags(&config, "--host=0.0.0.0", NULL), 0);
    assert_int_equal(flags(&config, "-server", "pooled-goroutine"), 0);
    assert_int_equal(flags(&config, "-query", NULL), 0);
    assert_int_equal(flags(&config, "-atd=", NULL), 0);
    assert_int_equal(config.port, 1234);
    assert_string_equal(config.host, "0.0.0.0");
    assert_true(config.pooled && config.query);
    assert_string_equal(config.atd_file, "");
    assert_int_equal(flags(&config, "-port", NULL), KITH_EINVAL);
    assert_int_equal(flags(&config, "-port", "12x"), KITH_EINVAL);
    assert_int_equal(flags(&config, "-nope", "1"), KITH_EINVAL);
    assert_int_equal(flags(&config, "word", NULL), KITH_EINVAL);
    assert_int_equal(flags(&config, "-server", "other"), KITH_EINVAL);
    ant_config_release(&config);
}

static void file(void **state)
{
    struct ant_config config;
    struct buffer out;
    (void)state;
    assert_int_equal(ant_config_init(&config), 0);
    assert_int_equal(
        json(&config, "{\"server\":{\"host\":\"h\",\"port\":\"1\"},\"auth\":{\"password\":\"pw\"},"
                      "\"persistence\":{\"atd_interval\":\"1h30m\",\"acl_file\":\"\"},"
                      "\"compression\":{\"enabled\":true,\"min_size\":10,\"new\":1},\"more\":2}"),
        0);
    assert_int_equal(config.port, 1);
    assert_int_equal(config.atd_interval_ms, 5400000);
    assert_string_equal(config.acl_file, "");
    assert_true(config.compression);
    assert_int_equal(config.compression_min_bytes, 10);
    buffer_put_u8(&config.notes, 0);
    assert_non_null(strstr((const char *)config.notes.data, "\"compression\".\"new\""));
    assert_int_equal(json(&config, "{\"server\":{\"port\":8891}}"), 0);
    assert_int_equal(config.port, 8891);
    assert_int_equal(json(&config, "[1]"), KITH_EINVAL);
    assert_int_equal(json(&config, "{\"server\":{\"port\":\"x\"}}"), KITH_EINVAL);
    assert_int_equal(json(&config, "{"), KITH_EINVAL);
    buffer_init(&out);
    ant_config_write(&config, &out);
    buffer_put_u8(&out, 0);
    assert_non_null(strstr((const char *)out.data, "(set)"));
    assert_null(strstr((const char *)out.data, "pw"));
    buffer_release(&out);
    ant_config_release(&config);
}

static void durations(void **state)
{
    static const struct { const char *text; int64_t ms; } table[] = {
        { "300ms", 300 }, { "30s", 30000 }, { "1h30m", 5400000 }, { "1.5h", 5400000 },
        { "0", 0 },       { "2d", 172800000 }, { "1m0.5s", 60500 },
    };
    static const char *const bad[] = { "", "5", "s", "1x", "1h-2m", "1.h2", "-1s", " 1s" };
    int64_t ms;
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        assert_true(ant_duration(table[i].text, strlen(table[i].text), &ms));
        assert_int_equal(ms, table[i].ms);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(ant_duration(bad[i], strlen(bad[i]), &ms));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values), cmocka_unit_test(file), cmocka_unit_test(durations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
