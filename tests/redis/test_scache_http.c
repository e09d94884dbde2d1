/*
 * The cache over HTTP, on a port: what each route answers, what it refuses, and who may. No route
 * is without a rule, and none is reached without its privilege.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "milvus/rest_server.h"
#include "redis/scache_http.h"
#include "redis/scache_json.h"

struct cache_server {
    struct rest_server rest;
    struct redis *redis;
    struct scache_http *http;
};

static void open_cache(struct cache_server *server, bool with_auth, const char *directive)
{
    struct rest_server *rest = &server->rest;
    struct kith_open_opts opts = KITH_OPEN_OPTS_INIT;
    struct kith_error err = {0};
    memset(server, 0, sizeof *server);
    (void)snprintf(rest->dir, sizeof rest->dir, "/tmp/kith-cache-XXXXXX");
    assert_non_null(mkdtemp(rest->dir));
    (void)snprintf(rest->path, sizeof rest->path, "%s/db", rest->dir);
    opts.no_threads = true;
    opts.sync = KITH_SYNC_NO;
    assert_int_equal(kith_open(rest->path, &opts, &rest->db, &err), 0);
    assert_int_equal(auth_open(rest->db, os_real(), with_auth, &rest->auth, &err), 0);
    const struct redis_opts redis = {.os = os_real(), .directives = &directive,
                                     .directive_count = directive != NULL, .workers = 1};
    assert_int_equal(redis_new(&redis, &server->redis, &err), 0);
    assert_int_equal(scache_http_new(server->redis, rest->auth, &server->http, &err), 0);
    rest->door = (struct net_door){.name = "cache", .bind = "127.0.0.1", .fd = -1,
                                   .body_bytes_max = 1 << 20, .handle = scache_http_handle,
                                   .ctx = server->http};
    const struct net_opts net = {.os = os_real(), .doors = &rest->door, .door_count = 1,
                                 .limits = {.loops = 1, .workers = 2}};
    assert_int_equal(net_new(&net, &rest->net, &err), 0);
    assert_int_equal(net_start(rest->net, &err), 0);
    rest->fd = socket(AF_INET, SOCK_STREAM, 0);
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons(net_port(rest->net, 0)),
                                        .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const struct timeval patience = {.tv_sec = 60};
    assert_int_equal(setsockopt(rest->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(connect(rest->fd, (const struct sockaddr *)&address, sizeof address), 0);
}

static void close_cache(struct cache_server *server)
{
    struct rest_server *rest = &server->rest;
    (void)close(rest->fd);
    net_stop(rest->net, 1000);
    net_free(rest->net);
    scache_http_free(server->http);
    redis_free(server->redis);
    auth_close(rest->auth);
    kith_close(rest->db);
    (void)!os_list(os_real(), rest->path, server_unlink, rest->path, NULL);
    (void)rmdir(rest->path);
    (void)rmdir(rest->dir);
}

/* "POST /v1/cache/c/get"; headers: whole lines, or "". */
static const char *say(struct cache_server *server, const char *line, const char *headers,
                       const char *body)
{
    char head[1024];
    const int len = snprintf(head, sizeof head, "%s HTTP/1.1\r\n%sContent-Length: %zu\r\n\r\n%s",
                             line, headers, strlen(body), strlen(body) < 700 ? body : "");
    server_send(&server->rest, head, (size_t)len);
    if (strlen(body) >= 700) server_send(&server->rest, body, strlen(body));
    server_receive(&server->rest);
    return server->rest.body;
}

static void expect_reply(struct cache_server *server, const char *line, const char *body,
                         int status, const char *reply)
{
    const char *got = say(server, line, "", body);
    if (server->rest.status != status || strcmp(got, reply) != 0)
        fail_msg("%s %s\n  gave %d %s\n  want %d %s", line, body, server->rest.status, got, status,
                 reply);
}

static void expect_error(struct cache_server *server, const char *line, const char *body,
                         int status, const char *part)
{
    const char *got = say(server, line, "", body);
    const bool shaped = strncmp(got, "{\"error\":\"", 10) == 0 && strstr(got, ",\"message\":\"") &&
                        strstr(got, ",\"detail\":");
    if (server->rest.status != status || !shaped || !strstr(got, part))
        fail_msg("%s %s\n  gave %d %s\n  want %d %s", line, body, server->rest.status, got, status,
                 part);
}

static void test_routes(void **state)
{
    (void)state;
    struct cache_server server;
    open_cache(&server, false, NULL);
    const char *got = say(&server, "POST /v1/cache/faq/set", "",
                          "{\"prompt\":\"how to enable 2FA\",\"response\":\"a \\\"b\\\" \\u00e9\\n\","
                          "\"vector\":[1,0],\"ttl\":100,\"attr\":{\"lang\":\"en\"},\"model\":null}");
    assert_int_equal(server.rest.status, 200);
    char id[33], line[256];
    assert_memory_equal(got, "{\"entry\":\"", 10);
    memcpy(id, got + 10, 32);
    id[32] = 0;
    (void)snprintf(line, sizeof line,
                   "{\"response\":\"a \\\"b\\\" \xc3\xa9\\n\",\"entry\":\"%s\",\"distance\":0,"
                   "\"kind\":\"exact\",\"ttl_left\":100}", id);
    expect_reply(&server, "POST /v1/cache/faq/get", "{\"prompt\":\"How to  enable 2FA\"}", 200, line);
    got = say(&server, "POST /v1/cache/faq/get", "",
              "{\"prompt\":\"enabling 2fa how\",\"vector\":[1,0.1],\"k\":3,"
              "\"filter\":\".lang == \\\"en\\\"\"}");
    assert_non_null(strstr(got, "\"kind\":\"semantic\""));
    expect_reply(&server, "POST /v1/cache/faq/get",
                 "{\"prompt\":\"disable 2fa\",\"vector\":[1,0]}", 200, "{\"response\":null}");
    expect_reply(&server, "POST /v1/cache/faq/get",
                 "{\"prompt\":\"enabling 2fa how\",\"vector\":[1,0.1],\"threshold\":0.001}", 200,
                 "{\"response\":null}");
    expect_reply(&server, "POST /v1/cache/faq/calibrate",
                 "{\"pairs\":[{\"same\":true,\"distance\":0.05},{\"same\":false,\"distance\":0.2}],"
                 "\"rate\":0,\"model\":\"m\"}", 200,
                 "{\"threshold\":0.05,\"false_hit_rate\":0,\"hit_rate\":1,\"pairs\":2}");
    expect_reply(&server, "GET /v1/cache/f%61q/stats", "", 200,
                 "{\"exact_hits\":1,\"semantic_hits\":1,\"misses\":2,\"guard_refused\":1,"
                 "\"false_hits\":0,\"vectors\":1,\"dimension\":2,\"model\":\"m\",\"threshold\":0.05}");
    (void)snprintf(line, sizeof line, "{\"entry\":[\"%s\",\"x\"],\"falsehit\":true}", id);
    expect_reply(&server, "POST /v1/cache/faq/del", line, 200, "{\"deleted\":1}");
    expect_reply(&server, "POST /v1/cache/faq/get", "{\"prompt\":\"how to enable 2FA\"}", 200,
                 "{\"response\":null}");
    /* The same keys as a client of Redis sees. */
    struct session *session = session_open_local(server.redis);
    struct buffer out;
    buffer_init(&out);
    assert_int_equal(session_feed(session, "SCACHE.STATS faq\r\n", 18, &out), 0);
    assert_non_null(memmem(out.data, out.len, "false_hits\r\n:1", 14));
    buffer_release(&out);
    session_close_local(session);
    close_cache(&server);
}

static void test_refusals(void **state)
{
    (void)state;
    struct cache_server server;
    open_cache(&server, false, NULL);
    static const struct {
        const char *line, *body, *part;
        int status;
    } all[] = {
        {"POST /v1/cache/c/get", "", "no JSON object", 422},
        {"POST /v1/cache/c/get", "[]", "no JSON object", 422},
        {"POST /v1/cache/c/get", "{\"prompt\":\"\xff\"}", "no JSON object", 422},
        {"POST /v1/cache/c/get", "{}", "\"detail\":\"prompt\"", 422},
        {"POST /v1/cache/c/get", "{\"prompt\":1}", "\"detail\":\"prompt\"", 422},
        {"POST /v1/cache/c/get", "{\"prompt\":\"p\",\"tresh\":1}", "no key of this route", 422},
        {"POST /v1/cache/c/get", "{\"prompt\":\"p\",\"vector\":[]}", "\"vector\"", 422},
        {"POST /v1/cache/c/get", "{\"prompt\":\"p\",\"vector\":[1e99]}", "\"vector\"", 422},
        {"POST /v1/cache/c/get", "{\"prompt\":\"p\",\"vector\":[\"1\"]}", "\"vector\"", 422},
        {"POST /v1/cache/c/get", "{\"prompt\":\"p\",\"k\":0}", "K must be", 400},
        {"POST /v1/cache/c/get", "{\"prompt\":\"p\",\"threshold\":3}", "THRESHOLD", 400},
        {"POST /v1/cache/c/get", "{\"prompt\":\"p\",\"filter\":\"(\"}", "FILTER", 400},
        {"POST /v1/cache/c/set", "{\"prompt\":\"p\"}", "\"detail\":\"response\"", 422},
        {"POST /v1/cache/c/set", "{\"prompt\":\"p\",\"response\":\"r\",\"ttl\":0}", "expire", 400},
        {"POST /v1/cache/c/set", "{\"prompt\":\"p\",\"response\":\"r\",\"attr\":[]}", "attr", 422},
        {"POST /v1/cache/c/del", "{\"entry\":[]}", "\"entry\"", 422},
        {"POST /v1/cache/c/del", "{\"entry\":[1]}", "\"entry\"", 422},
        {"POST /v1/cache/c/calibrate", "{\"pairs\":[{\"same\":true,\"a\":\"x\",\"b\":\"y\"}]}",
         "embedder", 400},
        {"POST /v1/cache/string/get", "{\"prompt\":\"p\"}", "\"detail\":\"WRONGTYPE\"", 400},
        {"GET /v1/cache/c/get", "", "method", 405},
        {"POST /v1/cache/c/stats", "{}", "method", 405},
        {"DELETE /v1/cache/c/set", "", "method", 405},
        {"POST /v1/cache/c/what", "{}", "no such path", 404},
        {"POST /v1/cache/c", "{}", "no such path", 404},
        {"POST /v1/cache//get", "{}", "no such path", 404},
        {"POST /v1/cache/%zz/get", "{}", "no such path", 404},
        {"POST /v1/cache/%ff/get", "{}", "no such path", 404},
        {"POST /v1/cache/c/get/", "{}", "no such path", 404},
    };
    struct session *session = session_open_local(server.redis);
    struct buffer out;
    buffer_init(&out);
    assert_int_equal(session_feed(session, "SET string x\r\n", 14, &out), 0);
    buffer_release(&out);
    session_close_local(session);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        expect_error(&server, all[i].line, all[i].body, all[i].status, all[i].part);
    (void)say(&server, "OPTIONS /v1/cache/c/get", "", "");
    assert_int_equal(server.rest.status, 204);
    close_cache(&server);
}

/* The n-th allocation fails, for every n: a status, and no other words. */
static void test_memory(void **state)
{
    (void)state;
    static const char body[] = "{\"prompt\":\"a \\u00e9\",\"response\":\"b \\n\",\"vector\":[1,2,3],"
                               "\"ttl\":5,\"attr\":{\"a\":1},\"model\":\"m\"}";
    static const char reply[] = "%2\r\n$1\r\na\r\n,0.5\r\n$1\r\nb\r\n_\r\n";
    int rc = KITH_ENOMEM;
    for (uint64_t n = 1; rc == KITH_ENOMEM && n < 100; n++) {
        struct arena arena;
        struct scache_words words = {0};
        struct buffer out;
        const char *key = NULL;
        arena_init(&arena);
        buffer_init(&out);
        alloc_fault_arm(n, false);
        rc = scache_json_read(SCACHE_VERB_SET, (struct kith_str){"c", 1},
                              (struct kith_str){body, sizeof body - 1}, &arena, &words, &key, NULL);
        if (rc == 0) {
            rc = scache_json_write((struct kith_str){reply, sizeof reply - 1}, "x", &out);
            assert_int_equal(words.argc, 12);
        }
        alloc_fault_disarm();
        if (rc == 0) assert_memory_equal(out.data, "{\"a\":0.5,\"b\":null}", out.len);
        buffer_release(&out);
        arena_release(&arena);
    }
    assert_int_equal(rc, 0);
}

/* Replies that no cache gives are refused, wherever they are cut. */
static void test_replies(void **state)
{
    (void)state;
    static const char reply[] = "%2\r\n$1\r\na\r\n:12\r\n$2\r\nbc\r\n$0\r\n\r\n";
    struct buffer out;
    buffer_init(&out);
    for (size_t len = 0; len < sizeof reply - 1; len++) {
        char *cut = malloc(len ? len : 1);
        assert_non_null(cut);
        memcpy(cut, reply, len);
        assert_int_equal(scache_json_write((struct kith_str){cut, len}, "x", &out), KITH_EINVAL);
        buffer_clear(&out);
        free(cut);
    }
    const struct kith_str whole = {reply, sizeof reply - 1};
    assert_int_equal(scache_json_write(whole, "x", &out), 0);
    assert_memory_equal(out.data, "{\"a\":12,\"bc\":\"\"}", out.len);
    buffer_release(&out);
}

static int as(struct cache_server *server, const struct scache_route *route, const char *cache,
              const char *who)
{
    char line[128], header[128] = "";
    const bool get = strcmp(route->method, "GET") == 0;
    (void)snprintf(line, sizeof line, "%s /v1/cache/%s/%s", route->method, cache, route->action);
    if (who) (void)snprintf(header, sizeof header, "Authorization: Bearer %s\r\n", who);
    (void)say(server, line, header, get ? "" : "{}");
    return server->rest.status;
}

static void test_rights(void **state)
{
    (void)state;
    struct cache_server server;
    struct kith_error err = {0};
    open_cache(&server, true, NULL);
    struct auth *auth = server.rest.auth;
    const struct kith_str password = {"secret1", 7};
    assert_int_equal(auth_user_create(auth, "one", password, "", &err), 0);
    assert_int_equal(auth_role_create(auth, "only", "", &err), 0);
    assert_int_equal(auth_role_member(auth, "one", "only", true, &err), 0);
    for (size_t i = 0; scache_route_at(i); i++) {
        const struct scache_route *route = scache_route_at(i);
        assert_non_null(route->privilege);
        assert_true(auth_privilege_known(auth, route->privilege));
        assert_int_equal(as(&server, route, "c", NULL), 401);
        assert_int_equal(as(&server, route, "c", "one:secret1"), 403);
        const struct grant grant = {.role = "only", .object = AUTH_COLLECTION,
                                    .object_name = "cache/c", .database = "default",
                                    .privilege = route->privilege, .grantor = "root"};
        assert_int_equal(auth_grant(auth, &grant, false, &err), 0);
        const int allowed = as(&server, route, "c", "one:secret1");
        assert_true(allowed == 200 || allowed == 422); /* "{}" lacks a key, and that is all */
        assert_int_equal(as(&server, route, "d", "one:secret1"), 403);
        for (size_t k = 0; scache_route_at(k); k++)
            if (strcmp(scache_route_at(k)->privilege, route->privilege) != 0)
                assert_int_equal(as(&server, scache_route_at(k), "c", "one:secret1"), 403);
        assert_int_equal(auth_grant(auth, &grant, true, &err), 0);
    }
    /* A collection called c is something else. */
    const struct grant other = {.role = "only", .object = AUTH_COLLECTION, .object_name = "c",
                                .database = "default", .privilege = "Search", .grantor = "root"};
    assert_int_equal(auth_grant(auth, &other, false, &err), 0);
    for (size_t i = 0; scache_route_at(i); i++)
        assert_int_equal(as(&server, scache_route_at(i), "c", "one:secret1"), 403);
    assert_int_equal(as(&server, scache_route_at(0), "c", "root:Milvus"), 422);
    close_cache(&server);
}

/* A password of the keyspace is not gone round. */
static void test_password(void **state)
{
    (void)state;
    struct cache_server server;
    open_cache(&server, false, "requirepass secret");
    for (size_t i = 0; scache_route_at(i); i++)
        assert_int_equal(as(&server, scache_route_at(i), "c", NULL), 403);
    close_cache(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_routes),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_replies),
        cmocka_unit_test(test_rights),
        cmocka_unit_test(test_password),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
