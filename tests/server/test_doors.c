/*
 * The names of one door at the others (S1), all doors of one process with passwords on: every route
 * of REST and every RPC at the Redis, line and operations ports; every Redis command and every verb
 * of the line protocol at the others and, on their own, by nobody and after a wrong password. What
 * may be said without a password is listed here by name.
 *
 * (With credentials: tests/server/test_surface.c, tests/milvus/test_rest_routes.c,
 * tests/redis/test_surface.c.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "line/line.h"
#include "milvus/milvus_internal.h"
#include "milvus/rest.h"
#include "milvus/rest_server.h"
#include "net/hostile.h"
#include "redis/redis_internal.h"
#include "server/ops.h"

enum { OPS, REDIS, LINE, DOORS };

struct doors {
    struct rest_server milvus; /* with a net of its own */
    struct redis *redis;
    struct line *line;
    struct ops ops;
    struct net_door door[DOORS];
    struct net *net;
};

static void set_aside(struct doors *doors)
{
    struct session *admin = session_open_local(doors->redis);
    struct buffer out;
    buffer_init(&out);
    static const char text[] = "AUTH secret\r\nSET untouched yes\r\n";
    assert_int_equal(session_feed(admin, text, sizeof text - 1, &out), 0);
    assert_int_equal(out.len, 10);
    buffer_release(&out);
    session_close_local(admin);
}

static int open_doors(void **state)
{
    static const char *const directives[] = { "requirepass secret" };
    struct doors *doors = test_calloc(1, sizeof *doors);
    struct kith_error err = { 0 };
    server_open(&doors->milvus, true);
    doors->ops.metrics = doors->milvus.metrics;
    const struct redis_opts redis = { .os = os_real(), .workers = 1, .directives = directives,
                                      .directive_count = 1 };
    assert_int_equal(redis_new(&redis, &doors->redis, &err), 0);
    const struct line_opts line = { .os = os_real(), .redis = doors->redis, .password = "secret",
                                    .extensions = true };
    if (line_new(&line, &doors->line, &err)) fail_msg("%s", err.text);
    const struct net_door plain = { .name = "test", .bind = "127.0.0.1", .fd = -1,
                                    .body_bytes_max = 1024 };
    for (int i = 0; i < DOORS; i++) doors->door[i] = plain;
    doors->door[OPS].handle = ops_handle;
    doors->door[OPS].ctx = &doors->ops;
    doors->door[REDIS].stream = redis_stream_ops();
    doors->door[REDIS].ctx = doors->redis;
    doors->door[LINE].stream = line_stream_ops();
    doors->door[LINE].ctx = doors->line;
    const struct net_opts net = { .os = os_real(), .doors = doors->door, .door_count = DOORS,
                                  .limits = { .loops = 1, .workers = 1 } };
    if (net_new(&net, &doors->net, &err) || net_start(doors->net, &err)) fail_msg("%s", err.text);
    set_aside(doors);
    *state = doors;
    return 0;
}

static int close_doors(void **state)
{
    struct doors *doors = *state;
    net_stop(doors->net, 1000);
    net_free(doors->net);
    line_free(doors->line);
    redis_free(doors->redis);
    server_close(&doors->milvus);
    test_free(doors);
    return 0;
}

/* What the door says until it closes or says no more; the caller's until the next call. */
static const char *told(uint16_t port, const char *text, size_t len)
{
    static char answer[1 << 16];
    const int fd = hostile_dial(port);
    (void)hostile_send(fd, text, len);
    (void)shutdown(fd, SHUT_WR);
    (void)hostile_hear(fd, answer, sizeof answer, NULL);
    (void)close(fd);
    return answer;
}

static uint16_t port_of(const struct doors *doors, int door)
{
    return net_port(doors->net, (size_t)door);
}

static bool is_untouched(const struct doors *doors)
{
    return strcmp(told(port_of(doors, REDIS), "AUTH secret\r\nGET untouched\r\nDBSIZE\r\n", 36),
                  "+OK\r\n$3\r\nyes\r\n:1\r\n") == 0;
}

/* ---- HTTP elsewhere ---- */

/* Nothing is answered at the ports of Redis and lines, and no word of the request is a command. */
static void try_path(const struct doors *doors, const char *path)
{
    char request[512];
    const int len = snprintf(request, sizeof request,
                             "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 24\r\n\r\n"
                             "AUTH secret\r\nFLUSHALL\r\n\r\n", path);
    const char *answer = told(port_of(doors, REDIS), request, (size_t)len);
    if (answer[0]) fail_msg("%s at the Redis port: %s", path, answer);
    answer = told(port_of(doors, LINE), request, (size_t)len);
    if (answer[0]) fail_msg("%s at the line port: %s", path, answer);
    answer = told(port_of(doors, OPS), request, (size_t)len);
    if (answer[0] && strncmp(answer, "HTTP/1.1 404 ", 13) != 0)
        fail_msg("%s at the operations port: %s", path, answer);
}

static void test_http_elsewhere(void **state)
{
    const struct doors *doors = *state;
    char path[160];
    unsigned tried = 0;
    for (size_t i = 0; rest_route_at(i); i++, tried++) {
        (void)snprintf(path, sizeof path, REST_BASE "%s", rest_route_at(i)->path);
        try_path(doors, path);
    }
    for (size_t i = 0; milvus_rpc_at(i); i++, tried++) {
        (void)snprintf(path, sizeof path, "/" MILVUS_SERVICE "/%s", milvus_rpc_at(i)->name);
        try_path(doors, path);
    }
    const char *answer = told(port_of(doors, REDIS), H2_PREFACE, 24);
    assert_int_equal(answer[0], '-');
    assert_null(strstr(answer, "+OK"));
    assert_true(is_untouched(doors));
    print_message("S1: %u paths at three other ports\n", tried);
}

/* ---- Redis commands ---- */

static const char *const for_nobody[] = { "auth", "hello", "quit", "reset", NULL };

static bool in(const char *const *names, const char *name)
{
    for (; *names; names++)
        if (strcmp(*names, name) == 0) return true;
    return false;
}

/* As few words as it takes, as an array. */
static size_t command_of(const struct command_entry *entry, char *out, size_t room)
{
    const int arity = entry->command->arity;
    const size_t words = (size_t)(arity < 0 ? -arity : arity);
    size_t have = entry->parent ? 2 : 1;
    size_t at = (size_t)snprintf(out, room, "*%zu\r\n", words > have ? words : have);
    if (entry->parent)
        at += (size_t)snprintf(out + at, room - at, "$%zu\r\n%s\r\n",
                               strlen(entry->parent->command->name), entry->parent->command->name);
    at += (size_t)snprintf(out + at, room - at, "$%zu\r\n%s\r\n", strlen(entry->command->name),
                           entry->command->name);
    for (; have < words; have++) at += (size_t)snprintf(out + at, room - at, "$1\r\n1\r\n");
    return at;
}

/* EXEC says it in the words of a transaction that ends. */
static bool is_noauth(const struct command_entry *entry, const char *answer)
{
    static const char ended[] = "-EXECABORT Transaction discarded because of: NOAUTH ";
    if (!strcmp(entry->name, "exec")) return strncmp(answer, ended, sizeof ended - 1) == 0;
    return strncmp(answer, "-NOAUTH ", 8) == 0;
}

static void try_command(const struct doors *doors, const struct command_entry *entry)
{
    char own[512], again[640];
    const uint64_t calls = entry->stats.calls;
    const size_t len = command_of(entry, own, sizeof own);
    const int more = snprintf(again, sizeof again, "AUTH wrong\r\n%.*s", (int)len, own);
    const char *answer = told(port_of(doors, REDIS), own, len);
    if (!is_noauth(entry, answer)) fail_msg("%s answers nobody: %s", entry->name, answer);
    answer = told(port_of(doors, REDIS), again, (size_t)more);
    const char *second = strstr(answer, "\r\n");
    if (strncmp(answer, "-WRONGPASS ", 11) != 0 || !second || !is_noauth(entry, second + 2))
        fail_msg("%s after a wrong password: %s", entry->name, answer);
    answer = told(port_of(doors, LINE), own, len);
    if (answer[0] && !is_noauth(entry, answer))
        fail_msg("%s at the line port: %s", entry->name, answer);
    answer = told(port_of(doors, OPS), own, len);
    if (answer[0] && strncmp(answer, "HTTP/1.1 400 ", 13) != 0)
        fail_msg("%s at the operations port: %s", entry->name, answer);
    answer = told(net_port(doors->milvus.net, 0), own, len);
    if (answer[0] && strncmp(answer, "HTTP/1.1 400 ", 13) != 0)
        fail_msg("%s at the Milvus port: %s", entry->name, answer);
    if (entry->stats.calls != calls) fail_msg("%s was executed", entry->name);
}

static void test_redis_commands(void **state)
{
    const struct doors *doors = *state;
    unsigned tried = 0, open = 0;
    for (size_t i = 0; i < doors->redis->registry.count; i++) {
        const struct command_entry *entry = &doors->redis->registry.entries[i];
        if (!entry->command->run) continue;
        if (!in(for_nobody, entry->name)) try_command(doors, entry);
        else open++;
        tried++;
    }
    assert_int_equal(open, 4);
    assert_true(tried > 250);
    assert_true(is_untouched(doors));
    print_message("S1: %u Redis commands, %u of them open to nobody\n", tried, open);
}

/* ---- lines ---- */

static const char *const verbs[] = {
    "GET", "SET", "SETNX", "SETS", "SETSNX", "SETX", "SETXNX", "DEL", "KEYS", "FLUSHALL", "TTL",
    "EXPIRE", "PERSIST", "EXISTS", "INCR", "MGET", "UNLOCK", "PING", "STATS", NULL
};

static void test_line_verbs(void **state)
{
    const struct doors *doors = *state;
    char text[256];
    for (int i = 0; verbs[i]; i++) {
        int len = snprintf(text, sizeof text, "%s untouched 1\n", verbs[i]);
        const char *answer = told(port_of(doors, LINE), text, (size_t)len);
        if (!strstr(answer, "ERROR") || !strstr(answer, "auth"))
            fail_msg("%s answers nobody: %s", verbs[i], answer);
        answer = told(port_of(doors, OPS), text, (size_t)len);
        if (answer[0] && strncmp(answer, "HTTP/1.1 400 ", 13) != 0)
            fail_msg("%s at the operations port: %s", verbs[i], answer);
        answer = told(net_port(doors->milvus.net, 0), text, (size_t)len);
        if (answer[0] && strncmp(answer, "HTTP/1.1 400 ", 13) != 0)
            fail_msg("%s at the Milvus port: %s", verbs[i], answer);
    }
    const char *answer = told(port_of(doors, LINE), "AUTH wrong\nFLUSHALL\n", 20);
    assert_non_null(strstr(answer, "invalid password"));
    assert_null(strstr(answer, "OK"));
    assert_true(is_untouched(doors));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_http_elsewhere, open_doors, close_doors),
        cmocka_unit_test_setup_teardown(test_redis_commands, open_doors, close_doors),
        cmocka_unit_test_setup_teardown(test_line_verbs, open_doors, close_doors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
