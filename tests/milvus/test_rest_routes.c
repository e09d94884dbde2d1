/*
 * Who may use which route: all of them by nobody, by somebody with a wrong password, by a user
 * without rights, by one who may only read, and by root. And the tables behind it: sorted, with the
 * privilege of the RPC that a route stands on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "milvus/rest.h"
#include "milvus/rest_server.h"

static void test_tables(void **state)
{
    (void)state;
    for (size_t i = 1; rest_route_at(i); i++)
        assert_true(strcmp(rest_route_at(i - 1)->path, rest_route_at(i)->path) < 0);
    for (size_t i = 1; i < REST_KEY_COUNT; i++)
        assert_true(strcasecmp(rest_key_names[i - 1], rest_key_names[i]) < 0);
    for (size_t i = 0; rest_route_at(i); i++) {
        const struct rest_route *route = rest_route_at(i);
        char path[128];
        const int len = snprintf(path, sizeof path, REST_BASE "%s", route->path);
        assert_ptr_equal(rest_route_find((struct kith_str){ path, (size_t)len }), route);
        assert_non_null(route->handle);
    }
    assert_null(rest_route_find((struct kith_str){ "/v2/vectordb/", 13 }));
    assert_null(rest_route_find((struct kith_str){ "/v1/vector/query", 16 }));
}

/* Nothing is easier to reach by JSON than by gRPC. */
static void test_privileges_are_those_of_rpcs(void **state)
{
    (void)state;
    for (size_t i = 0; rest_route_at(i); i++) {
        const struct rest_route *route = rest_route_at(i);
        const struct milvus_rpc *rpc =
            route->rpc ? milvus_rpc_find(route->rpc, strlen(route->rpc)) : NULL;
        if (!rpc) continue;
        if ((rpc->privilege == NULL) != (route->privilege == NULL) ||
            (rpc->privilege && strcmp(rpc->privilege, route->privilege) != 0) ||
            rpc->object != route->object)
            fail_msg("%s: %s of %s", route->path, route->privilege ? route->privilege : "none",
                     rpc->privilege ? rpc->privilege : "none");
    }
}

/* A body with all that any route requires. */
static const char whole[] =
    "{\"collectionName\":\"c\",\"aliasName\":\"a\",\"files\":[[\"a.json\"]],\"function\":{},\"functionName\":\"f\","
    "\"propertyKeys\":[\"x\"],\"schema\":{},\"fieldName\":\"f\",\"jobId\":1,"
    "\"newCollectionName\":\"n\",\"text\":[\"t\"],\"dbName\":\"default\",\"search\":[{}],"
    "\"filter\":\"id > 0\",\"id\":1,\"indexName\":\"i\",\"indexParams\":[{}],"
    "\"partitionName\":\"p\",\"partitionNames\":[\"p\"],\"privilegeGroupName\":\"g\","
    "\"privileges\":[\"Search\"],\"roleName\":\"r\",\"userName\":\"u\",\"password\":\"secret1\","
    "\"newPassword\":\"secret2\",\"objectType\":\"Collection\",\"objectName\":\"*\","
    "\"privilege\":\"Search\"}";

#define ROOT   "Authorization: Bearer root:Milvus\r\n"
#define READER "Authorization: Bearer reader:secret1\r\n"
#define NOBODY "Authorization: Bearer nobody:secret1\r\n"

static void as_root(struct rest_server *server, const char *path, const char *body)
{
    const char *reply = server_ask(server, path, ROOT, body);
    if (strncmp(reply, "{\"code\":0", 9) != 0) fail_msg("%s: %s", path, reply);
}

static bool reads(const struct rest_route *route)
{
    return route->privilege && (strcmp(route->privilege, "Search") == 0 ||
                                strcmp(route->privilege, "Query") == 0);
}

static void check_route(struct rest_server *server, const struct rest_route *route)
{
    (void)server_ask(server, route->path, "", whole);
    assert_int_equal(server->status, 401);
    assert_string_equal(server->body,
                        "{\"code\":1800,\"message\":\"user hasn't authenticated\"}");
    (void)server_ask(server, route->path, "Authorization: Basic !\r\n", whole);
    assert_int_equal(server->status, 401);
    if (!route->privilege) return; /* of oneself; the handler knows */
    (void)server_ask(server, route->path, NOBODY, whole);
    if (auth_allowed(server->auth, &(struct principal){ .name = "nobody" }, route->privilege,
                     route->object, "default", "c"))
        return; /* what everybody may, by the role public */
    if (server->status != 403) fail_msg("%s answers nobody with %d", route->path, server->status);
    assert_non_null(strstr(server->body, "permission deny to nobody"));
    (void)server_ask(server, route->path, READER, whole);
    if ((server->status == 403) == reads(route))
        fail_msg("%s answers a reader with %d", route->path, server->status);
}

static void test_every_route(void **state)
{
    (void)state;
    struct rest_server *server = test_malloc(sizeof *server);
    server_open(server, true);
    as_root(server, "users/create", "{\"userName\":\"reader\",\"password\":\"secret1\"}");
    as_root(server, "users/create", "{\"userName\":\"nobody\",\"password\":\"secret1\"}");
    as_root(server, "roles/create", "{\"roleName\":\"readers\"}");
    as_root(server, "users/grant_role", "{\"userName\":\"reader\",\"roleName\":\"readers\"}");
    for (int i = 0; i < 2; i++) {
        char body[160];
        (void)snprintf(body, sizeof body, "{\"roleName\":\"readers\",\"objectType\":\"Collection\","
                       "\"objectName\":\"*\",\"privilege\":\"%s\"}", i ? "Query" : "Search");
        as_root(server, "roles/grant_privilege", body);
    }
    for (size_t i = 0; rest_route_at(i); i++) check_route(server, rest_route_at(i));
    for (size_t i = 0; rest_route_at(i); i++) {
        (void)server_ask(server, rest_route_at(i)->path, ROOT, whole);
        assert_int_equal(server->status, 200);
    }
    /* Everybody may change the own password and see the own roles, of nobody else. */
    (void)server_ask(server, "users/describe", READER, "{\"userName\":\"reader\"}");
    assert_string_equal(server->body, "{\"code\":0,\"data\":[\"readers\"]}");
    (void)server_ask(server, "users/describe", READER, "{\"userName\":\"nobody\"}");
    assert_int_equal(server->status, 403);
    (void)server_ask(server, "users/update_password", READER,
                     "{\"userName\":\"reader\",\"password\":\"secret1\","
                     "\"newPassword\":\"secret2\"}");
    assert_string_equal(server->body, "{\"code\":0,\"data\":{}}");
    (void)server_ask(server, "users/list", READER, "{}");
    assert_int_equal(server->status, 401);
    (void)server_ask(server, "users/list", "Authorization: Bearer root:wrong\r\n", "{}");
    assert_int_equal(server->status, 401);
    server_close(server);
    test_free(server);
}

static void test_http(void **state)
{
    (void)state;
    struct rest_server *server = test_malloc(sizeof *server);
    server_open(server, false);
    static const char preflight[] = "OPTIONS /v2/vectordb/collections/list HTTP/1.1\r\n\r\n";
    server_send(server, preflight, sizeof preflight - 1);
    server_receive(server);
    assert_int_equal(server->status, 204);
    assert_non_null(strstr(server->text, "Access-Control-Allow-Origin: *\r\n"));
    static const char get[] = "GET /v2/vectordb/collections/list HTTP/1.1\r\n\r\n";
    server_send(server, get, sizeof get - 1);
    server_receive(server);
    assert_int_equal(server->status, 404);
    (void)server_ask(server, "collections/nothing", "", "{}");
    assert_int_equal(server->status, 404);
    expect(server, "collections/list", "{}", "{\"code\":0,\"data\":[]}");
    assert_non_null(strstr(server->text, "Content-Type: application/json; charset=utf-8\r\n"));
    assert_non_null(strstr(server->text, "X-Content-Type-Options: nosniff\r\n"));
    expect_part(server, "collections/list", "", "\"code\":1801");
    expect_part(server, "collections/list", "[]", "\"code\":1801");
    expect_part(server, "collections/list", "{\"dbName\":7}", "\"code\":1801");
    expect_part(server, "collections/list", "{\"dbName\":\"none\"}", "\"code\":800");
    expect_part(server, "collections/list", "{} x", "\"code\":1801");
    expect_part(server, "collections/describe", "{}", "failed on the 'required' tag");
    expect_part(server, "collections/describe", "{\"collectionName\":\"\"}", "\"code\":1802");
    expect(server, "jobs/import/list", "{}", "{\"code\":0,\"data\":{\"records\":[]}}");
    server_close(server);
    test_free(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_privileges_are_those_of_rpcs),
        cmocka_unit_test(test_every_route),
        cmocka_unit_test(test_http),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
