/*
 * The figures of the Redis door as Prometheus reads them: commands by name, hits and misses,
 * expired and evicted keys, memory, databases; what a command did stands in the next look.
 */
#include "redis/door.h"

#include <stdio.h>
#include <stdlib.h>

#include "server/metrics.h"

static struct redis *open_measured(struct metrics **metrics)
{
    static const char *const directives[] = { "maxmemory-policy allkeys-random" };
    struct redis *redis = NULL;
    struct kith_error err = { 0 };
    assert_int_equal(metrics_new(os_real(), metrics), 0);
    const struct redis_opts opts = { .os = os_real(), .metrics = *metrics, .workers = 1,
                                     .directives = directives, .directive_count = 1 };
    if (redis_new(&opts, &redis, &err)) fail_msg("%s", err.text);
    return redis;
}

static const char *look(struct redis *redis, struct metrics *metrics, struct buffer *out)
{
    buffer_clear(out);
    redis_measure(redis);
    metrics_render(metrics, out);
    buffer_put_u8(out, 0);
    return (const char *)out->data;
}

/* The value behind "\nNAME ". */
static double value_of(const char *text, const char *name)
{
    for (const char *at = text; (at = strstr(at, name)) != NULL; at++)
        if (at > text && at[-1] == '\n' && at[strlen(name)] == ' ')
            return strtod(at + strlen(name), NULL);
    fail_msg("no %s in\n%s", name, text);
    return 0;
}

static void test_figures(void **state)
{
    (void)state;
    struct metrics *metrics;
    struct buffer out;
    struct redis *redis = open_measured(&metrics);
    struct session *session = session_open_local(redis);
    buffer_init(&out);
    EXPECT(session, "SET a 1", "+OK\r\n");
    EXPECT(session, "SET b 2 PX 1000000", "+OK\r\n");
    EXPECT(session, "GET a", "$1\r\n1\r\n");
    EXPECT(session, "GET none", "$-1\r\n");
    EXPECT(session, "GET none", "$-1\r\n");
    EXPECT_HAS(session, "LPUSH a x", "-WRONGTYPE");
    EXPECT_HAS(session, "GET", "-ERR wrong number");
    EXPECT(session, "CONFIG GET port", "*2\r\n$4\r\nport\r\n$1\r\n0\r\n");
    const char *text = look(redis, metrics, &out);
    assert_true(value_of(text, "redis_up") == 1);
    assert_true(value_of(text, "redis_commands_total{cmd=\"set\"}") == 2);
    assert_true(value_of(text, "redis_commands_total{cmd=\"get\"}") == 3);
    assert_true(value_of(text, "redis_commands_total{cmd=\"config|get\"}") == 1);
    assert_true(value_of(text, "redis_commands_duration_seconds_total{cmd=\"set\"}") > 0);
    assert_true(value_of(text, "redis_commands_failed_calls_total{cmd=\"lpush\"}") == 1);
    assert_true(value_of(text, "redis_commands_rejected_calls_total{cmd=\"get\"}") == 1);
    assert_true(value_of(text, "redis_keyspace_hits_total") == 1);
    assert_true(value_of(text, "redis_keyspace_misses_total") == 2);
    assert_true(value_of(text, "redis_db_keys{db=\"db0\"}") == 2);
    assert_true(value_of(text, "redis_db_keys_expiring{db=\"db0\"}") == 1);
    assert_true(value_of(text, "redis_db_keys{db=\"db1\"}") == 0);
    assert_true(value_of(text, "redis_memory_used_bytes") > 0);
    assert_true(value_of(text, "redis_aof_enabled") == 0);
    assert_null(strstr(text, "cmd=\"zadd\"")); /* nobody called it */
    session_close_local(session);
    redis_free(redis);
    metrics_free(metrics);
    buffer_release(&out);
}

static void test_memory_and_expiry(void **state)
{
    (void)state;
    struct metrics *metrics;
    struct buffer out;
    struct redis *redis = open_measured(&metrics);
    struct session *session = session_open_local(redis);
    char line[64];
    buffer_init(&out);
    for (int i = 0; i < 2000; i++) {
        (void)snprintf(line, sizeof line, "SET key:%d %040d", i, i);
        EXPECT(session, line, "+OK\r\n");
    }
    EXPECT(session, "SET soon 1", "+OK\r\n");
    EXPECT(session, "PEXPIREAT soon 1", ":1\r\n");
    const double used = value_of(look(redis, metrics, &out), "redis_memory_used_bytes");
    (void)snprintf(line, sizeof line, "CONFIG SET maxmemory %.0f", used / 2);
    EXPECT(session, line, "+OK\r\n");
    EXPECT(session, "SET more 1", "+OK\r\n");
    const char *text = look(redis, metrics, &out);
    assert_true(value_of(text, "redis_evicted_keys_total") > 100);
    assert_true(value_of(text, "redis_memory_max_bytes") == (double)(long long)(used / 2));
    assert_true(value_of(text, "redis_memory_used_peak_bytes") >= used);
    assert_true(value_of(text, "redis_db_keys{db=\"db0\"}") < 1900);
    session_close_local(session);
    redis_free(redis);
    metrics_free(metrics);
    buffer_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_figures),
        cmocka_unit_test(test_memory_and_expiry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
