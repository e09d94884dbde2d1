/*
 * Settings: every kind of value, the three ways in and which of them wins, what is refused with
 * which text, and YAML that is damaged.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "server/config.h"

static int setup(void **state)
{
    struct server_config *config = test_calloc(1, sizeof *config);
    *state = config;
    return config_init(config, NULL);
}

static int teardown(void **state)
{
    config_release(*state);
    test_free(*state);
    return 0;
}

static void yaml(struct server_config *config, const char *text, const char *complaint)
{
    struct kith_error err = { 0 };
    const int rc = config_yaml(config, "k.yaml", text, strlen(text), &err);
    if (!complaint) {
        assert_string_equal(err.text, "");
        assert_int_equal(rc, 0);
        return;
    }
    assert_int_equal(rc, KITH_EINVAL);
    assert_string_equal(err.text, complaint);
}

static void test_values(void **state)
{
    struct server_config *config = *state;
    assert_int_equal(config->milvus_port, 19530);
    assert_string_equal(config->bind, "127.0.0.1");
    yaml(config,
         "# a comment\n"
         "data: \"/var/lib/kith\"\n"
         "milvus:\n  port: auto\n"
         "ops: { port: 0 }\n"
         "storage:\n  sync: everysec\n  memory: 2g\n"
         "log.level: DEBUG\n"
         "common:\n  security:\n    authorizationEnabled: true\n    tlsMode: 2\n"
         "tls:\n  serverPemPath: a.pem\n",
         NULL);
    assert_string_equal(config->data, "/var/lib/kith");
    assert_int_equal(config->milvus_port, CONFIG_PORT_AUTO);
    assert_int_equal(config->ops_port, 0);
    assert_int_equal(config->sync, KITH_SYNC_EVERYSEC);
    assert_int_equal(config->memory_bytes, UINT64_C(2) << 30);
    assert_int_equal(config->log_level, 3);
    assert_true(config->auth);
    assert_int_equal(config->tls, CONFIG_TLS_MUTUAL);
    assert_string_equal(config->tls_cert, "a.pem");
}

static void test_refusals(void **state)
{
    struct server_config *config = *state;
    yaml(config, "data: a\nmilvus:\n  prot: 1\n",
         "k.yaml, line 3: there is no setting 'milvus.prot'; did you mean 'milvus.port'?");
    yaml(config, "zzz: 1\n",
         "k.yaml, line 1: there is no setting 'zzz'; 'kith serve --help' lists them");
    yaml(config, "milvus.port: 65536\n",
         "k.yaml, line 1: milvus.port: '65536' is no port; 1 to 65535, 0 for off, or auto");
    yaml(config, "log: {level: loud}\n",
         "k.yaml, line 1: log.level: 'loud' is none of error|warning|info|debug");
    yaml(config, "drain.grace_s: 3601\n",
         "k.yaml, line 1: drain.grace_s: '3601' is no number from 0 to 3600");
    yaml(config, "insecure: maybe\n",
         "k.yaml, line 1: insecure: 'maybe' is neither true nor false");
    yaml(config, "storage.memory: 1x\n",
         "k.yaml, line 1: storage.memory: '1x' is no number of bytes, as 64m or 2g");
    yaml(config, "bind: [a, b]\n", "k.yaml, line 1: no setting is a list");
    yaml(config, "just text\n", "k.yaml, line 1: 'name: value' lines are expected");
    yaml(config, "a: {b: {c: {d: {e: {f: {g: {h: {i: 1}}}}}}}}\n",
         "k.yaml, line 1: nested too deep");
}

static void test_environment_wins(void **state)
{
    struct server_config *config = *state;
    struct kith_error err = { 0 };
    yaml(config, "ops.port: 1\nbind: 127.0.0.2\n", NULL);
    setenv("KITH_OPS_PORT", "2", 1);
    assert_int_equal(config_environment(config, &err), 0);
    assert_int_equal(config->ops_port, 2);
    assert_string_equal(config->bind, "127.0.0.2");
    setenv("KITH_OPS_PORT", "two", 1);
    assert_int_equal(config_environment(config, &err), KITH_EINVAL);
    assert_string_equal(err.text, "KITH_OPS_PORT: ops.port: 'two' is no port; 1 to 65535, 0 for "
                                  "off, or auto");
    unsetenv("KITH_OPS_PORT");
}

static void set(struct server_config *config, const char *name, const char *value)
{
    assert_int_equal(config_set(config, name, value, NULL), 0);
}

static void test_together(void **state)
{
    struct server_config *config = *state;
    struct kith_error err = { 0 };
    assert_int_equal(config_check(config, &err), 0);
    set(config, "bind", "0.0.0.0");
    assert_int_equal(config_check(config, &err), KITH_EINVAL);
    assert_non_null(strstr(err.text, "refusing to listen on 0.0.0.0 without authentication"));
    set(config, "auth.enabled", "yes");
    assert_int_equal(config_check(config, &err), KITH_EINVAL);
    assert_non_null(strstr(err.text, "for Redis clients without a password"));
    set(config, "redis.password", "secret");
    assert_int_equal(config_check(config, &err), 0);
    set(config, "redis.port", "19530");
    assert_int_equal(config_check(config, &err), KITH_EINVAL);
    assert_non_null(strstr(err.text, "milvus.port and redis.port are both 19530"));
    set(config, "redis.port", "6379");
    set(config, "ops.bind", "::");
    assert_int_equal(config_check(config, &err), KITH_EINVAL);
    set(config, "insecure", "on");
    assert_int_equal(config_check(config, &err), 0);
    set(config, "tls.mode", "server");
    assert_int_equal(config_check(config, &err), KITH_EINVAL);
    set(config, "tls.cert", "c");
    set(config, "tls.key", "k");
    assert_int_equal(config_check(config, &err), 0);
    set(config, "tls.mode", "mutual");
    assert_int_equal(config_check(config, &err), KITH_EINVAL);
    set(config, "tls.mode", "off");
    assert_int_equal(config_check(config, &err), KITH_EINVAL); /* a certificate for nothing */
    set(config, "tls.cert", "");
    set(config, "ops.port", "19530");
    assert_int_equal(config_check(config, &err), KITH_EINVAL);
}

/* What is written reads back as the same. */
static void test_round_trip(void **state)
{
    struct server_config *config = *state, again;
    struct buffer first, second;
    buffer_init(&first);
    buffer_init(&second);
    set(config, "log.level", "error");
    set(config, "milvus.port", "auto");
    set(config, "storage.memory", "3k");
    config_write(config, &first);
    assert_int_equal(config_init(&again, NULL), 0);
    assert_int_equal(config_yaml(&again, "x", first.data, first.len, NULL), 0);
    config_write(&again, &second);
    assert_int_equal(first.len, second.len);
    assert_memory_equal(first.data, second.data, first.len);
    size_t count;
    const struct setting *settings = config_settings(&count);
    for (size_t i = 0; i < count; i++) assert_true(strlen(settings[i].name) < CONFIG_NAME_MAX);
    config_release(&again);
    buffer_release(&first);
    buffer_release(&second);
}

/* Flipped and missing bytes are read or refused, never more. */
static void test_damaged(void **state)
{
    struct server_config *config = *state;
    const uint64_t seed = 7;
    struct rng rng;
    struct buffer text;
    struct kith_error err;
    buffer_init(&text);
    config_write(config, &text);
    rng_init(&rng, seed);
    for (int i = 0; i < 2000; i++) {
        struct server_config fresh;
        const size_t at = (size_t)rng_below(&rng, text.len);
        const uint8_t before = text.data[at];
        text.data[at] = (uint8_t)rng_u64(&rng);
        assert_int_equal(config_init(&fresh, NULL), 0);
        (void)!config_yaml(&fresh, "x", text.data, (size_t)rng_below(&rng, text.len + 1), &err);
        config_release(&fresh);
        text.data[at] = before;
    }
    buffer_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_values, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_environment_wins, setup, teardown),
        cmocka_unit_test_setup_teardown(test_together, setup, teardown),
        cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
