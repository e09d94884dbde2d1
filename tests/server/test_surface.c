/*
 * Who may reach what, generated from the tables: every RPC with no credentials, with wrong ones, as
 * a user who may read and as root (S1); every privilege of the table against every RPC (S2); every
 * path of one listener at the other. What is allowed to a reader stands here by name: a new entry
 * of the table that everybody may call has to be added by hand, or this fails.
 * (RESTful routes: tests/milvus/test_rest_routes.c; methods at the operations door: test_ops.c.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/evp.h>

#include "milvus/milvus_internal.h"
#include "milvus/rest.h"
#include "milvus/rest_server.h"
#include "net/hostile.h"
#include "proto/grpc.h"
#include "server/ops.h"

struct surface {
    struct rest_server server;
    struct h2_reader reader;
    uint32_t stream;
};

/* ---- calls ---- */

static void connect_again(struct surface *surface)
{
    static const uint8_t more[] = { 0x7f, 0, 0, 0 };
    struct buffer bytes;
    if (surface->stream) h2_reader_release(&surface->reader);
    buffer_init(&bytes);
    h2_preface(&bytes);
    h2_frame(&bytes, 8, 0, 0, more, sizeof more);
    h2_reader_init(&surface->reader, hostile_dial(net_port(surface->server.net, 0)));
    assert_true(hostile_send(surface->reader.fd, bytes.data, bytes.len));
    buffer_release(&bytes);
    surface->stream = 1;
}

static void set_text(ProtobufCMessage *message, const char *name, const char *value)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor, name);
    if (field && field->type == PROTOBUF_C_TYPE_STRING && field->label != PROTOBUF_C_LABEL_REPEATED)
        memcpy((char *)message + field->offset, (const void *)&value, sizeof value);
}

/* About the collection "c" and the user "somebody", where a request can say so. */
static void request_of(const struct milvus_rpc *rpc, struct buffer *out)
{
    ProtobufCMessage *message = test_malloc(rpc->request->sizeof_message);
    protobuf_c_message_init(rpc->request, message);
    set_text(message, "collection_name", "c");
    set_text(message, "collectionName", "c");
    set_text(message, "oldName", "c");
    set_text(message, "username", "somebody");
    uint8_t *room = buffer_extend(out, protobuf_c_message_get_packed_size(message) + 1);
    out->len -= 1;
    (void)protobuf_c_message_pack(message, room);
    test_free(message);
}

static void put_call(struct surface *surface, const char *path, const struct milvus_rpc *rpc,
                     const char *name, const char *value)
{
    struct buffer bytes, request;
    buffer_init(&bytes);
    buffer_init(&request);
    if (rpc) request_of(rpc, &request);
    h2_call(&bytes, surface->stream, path, name, value);
    h2_message(&bytes, surface->stream, request.data, request.len);
    surface->stream += 2;
    assert_true(hostile_send(surface->reader.fd, bytes.data, bytes.len));
    buffer_release(&bytes);
    buffer_release(&request);
}

static void put_rpc(struct surface *surface, const struct milvus_rpc *rpc, const char *name,
                    const char *value)
{
    char path[128];
    (void)snprintf(path, sizeof path, "/" MILVUS_SERVICE "/%s", rpc->name);
    put_call(surface, path, rpc, name, value);
}

static int call(struct surface *surface, const struct milvus_rpc *rpc, const char *name,
                const char *value)
{
    put_rpc(surface, rpc, name, value);
    return h2_status(&surface->reader, NULL);
}

static void credentials(char *out, size_t room, const char *user, const char *password)
{
    char pair[128];
    const int len = snprintf(pair, sizeof pair, "%s:%s", user, password);
    assert_true((size_t)len * 2 < room);
    (void)EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)pair, len);
}

static void add_user(struct auth *auth, const char *user, const char *role)
{
    struct kith_error err = { 0 };
    assert_int_equal(auth_user_create(auth, user, (struct kith_str){ "secret1", 7 }, NULL, &err),
                     0);
    assert_int_equal(auth_role_create(auth, role, NULL, &err), 0);
    assert_int_equal(auth_role_member(auth, user, role, true, &err), 0);
}

static int grant(struct auth *auth, const char *role, enum auth_object object,
                 const char *privilege, bool revoke)
{
    struct kith_error err = { 0 };
    const struct grant entry = { .role = role, .object = object, .object_name = "*",
                                 .database = "*", .privilege = privilege, .grantor = "root" };
    return auth_grant(auth, &entry, revoke, &err);
}

static int open_surface(void **state)
{
    struct surface *surface = test_calloc(1, sizeof *surface);
    server_open(&surface->server, true);
    connect_again(surface);
    *state = surface;
    return 0;
}

static int close_surface(void **state)
{
    struct surface *surface = *state;
    h2_reader_release(&surface->reader);
    server_close(&surface->server);
    test_free(surface);
    return 0;
}

/* ---- S1 ---- */

static bool in(const char *const *names, const char *name)
{
    for (; *names; names++)
        if (strcmp(*names, name) == 0) return true;
    return false;
}

/* No privilege needed: what clients ask before anything else, what is about no data, and what
 * shows a caller only the import jobs that he may see (may_see in job.c). */
static const char *const for_everybody[] = {
    "AllocTimestamp", "CheckHealth", "Connect", "GetCompactionState", "GetCompactionStateWithPlans",
    "GetComponentStates", "GetFlushAllState", "GetImportState", "GetMetrics", "GetVersion",
    "ListImportTasks", "RunAnalyzer", NULL
};
/* By the role public. */
static const char *const for_public[] = { "DescribeCollection", "HasCollection",
                                          "BatchDescribeCollection", "ListAliases",
                                          "DescribeIndex", "GetIndexState",
                                          "GetIndexBuildProgress", "GetIndexStatistics", NULL };
static const char *const for_reader[] = { "Search", "HybridSearch", "Query", NULL };

static void test_every_rpc(void **state)
{
    struct surface *surface = *state;
    char root[128], reader[128], wrong[128], user[32];
    unsigned tried = 0, count = 0, allowed = 0;
    credentials(root, sizeof root, "root", "Milvus");
    credentials(reader, sizeof reader, "reader", "secret1");
    add_user(surface->server.auth, "reader", "readers");
    assert_int_equal(grant(surface->server.auth, "readers", AUTH_COLLECTION, "Search", false), 0);
    assert_int_equal(grant(surface->server.auth, "readers", AUTH_COLLECTION, "Query", false), 0);
    /* Nobody, also not with a header that another server once trusted; wrong ones. */
    for (; milvus_rpc_at(count); count++) {
        const struct milvus_rpc *rpc = milvus_rpc_at(count);
        if (call(surface, rpc, NULL, NULL) != GRPC_UNAUTHENTICATED ||
            call(surface, rpc, "sourceid", "QGRlZmF1bHQtbWVtYmVyQA==") != GRPC_UNAUTHENTICATED ||
            call(surface, rpc, "authorization", "!") != GRPC_UNAUTHENTICATED)
            fail_msg("%s answers nobody", rpc->name);
        tried += 3;
    }
    for (unsigned i = 0; i < count; i++) { /* at once: each answer is held back */
        (void)snprintf(user, sizeof user, "u%u", i % 4);
        credentials(wrong, sizeof wrong, i % 2 ? "reader" : user, "wrong1");
        put_rpc(surface, milvus_rpc_at(i), "authorization", wrong);
    }
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(h2_status(&surface->reader, NULL), GRPC_UNAUTHENTICATED);
    tried += count;
    connect_again(surface);
    os_sleep_us(os_real(), 400000); /* a right password counts again when the delay is over */
    for (unsigned i = 0; i < count; i++) {
        const struct milvus_rpc *rpc = milvus_rpc_at(i);
        const bool may = in(for_everybody, rpc->name) || in(for_public, rpc->name) ||
                         in(for_reader, rpc->name);
        const int status = call(surface, rpc, "authorization", reader);
        if ((status == GRPC_PERMISSION_DENIED) == may)
            fail_msg("%s answers a reader with %d", rpc->name, status);
        if (!may) {
            char text[256];
            (void)snprintf(text, sizeof text, "Privilege%s: permission deny to reader in the",
                           rpc->privilege);
            if (!strstr(surface->reader.text, text))
                fail_msg("%s says '%s'", rpc->name, surface->reader.text);
        }
        allowed += may;
        tried++;
    }
    for (unsigned i = 0; i < count; i++) {
        const struct milvus_rpc *rpc = milvus_rpc_at(i);
        const int status = call(surface, rpc, "authorization", root);
        if (status == GRPC_PERMISSION_DENIED || status == GRPC_UNAUTHENTICATED || status < 0)
            fail_msg("%s answers root with %d", rpc->name, status);
        tried++;
    }
    print_message("S1: %u calls of %u RPCs, %u of them open to a reader\n", tried, count, allowed);
}

/* What is not in the table: other services of the same family, spellings, the health of gRPC. */
static void test_not_in_the_table(void **state)
{
    struct surface *surface = *state;
    static const char *const paths[] = {
        "/milvus.proto.rootcoord.RootCoord/CreateCollection",
        "/milvus.proto.proxy.Proxy/InvalidateCollectionMetaCache",
        "/milvus.proto.query.QueryNode/Search", "/milvus.proto.data.DataNode/FlushSegments",
        "/milvus.proto.internal.X/Y", "/milvus.proto.milvus.ProxyService/RegisterLink",
        "/milvus.proto.milvus.MilvusService/search", "/milvus.proto.milvus.MilvusService/Searc",
        "/milvus.proto.milvus.MilvusService/Search/", "/milvus.proto.milvus.MilvusService/",
        "/milvus.proto.milvus.MilvusService", "/", "/Search", "//Search",
        "/milvus.proto.milvus.MilvusService/CreateReplicateStream",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/grpc.channelz.v1.Channelz/GetServers", "/grpc.health.v1.Health/Watch"
    };
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        put_call(surface, paths[i], NULL, "sourceid", "QGRlZmF1bHQtbWVtYmVyQA==");
        const int status = h2_status(&surface->reader, NULL);
        if (status != GRPC_UNIMPLEMENTED) fail_msg("%s: %d", paths[i], status);
    }
}

static int http_status(uint16_t port, const char *path)
{
    char request[512], text[1 << 12];
    const int fd = hostile_dial(port);
    (void)snprintf(request, sizeof request,
                   "POST %s HTTP/1.1\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}", path);
    assert_true(hostile_say(fd, request));
    assert_true(hostile_hear(fd, text, sizeof text, NULL));
    (void)close(fd);
    return atoi(text + 9);
}

/* Paths of one listener at the other. */
static void test_listeners(void **state)
{
    struct surface *surface = *state;
    static const char *const of_ops[] = { "/metrics", "/healthz", "/readyz" };
    struct ops ops = { .metrics = surface->server.metrics };
    struct hostile hostile = { .door = { .handle = ops_handle, .ctx = &ops,
                                         .body_bytes_max = 1024 } };
    char path[160];
    unsigned tried = 0;
    const uint16_t port = hostile_start(&hostile, (struct net_limits){ 0 });
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(http_status(net_port(surface->server.net, 0), of_ops[i]), 404);
    for (size_t i = 0; rest_route_at(i); i++, tried++) {
        (void)snprintf(path, sizeof path, REST_BASE "%s", rest_route_at(i)->path);
        assert_int_equal(http_status(port, path), 404);
    }
    for (size_t i = 0; milvus_rpc_at(i); i++, tried++) {
        (void)snprintf(path, sizeof path, "/" MILVUS_SERVICE "/%s", milvus_rpc_at(i)->name);
        assert_int_equal(http_status(port, path), 404);
    }
    print_message("S1: %u paths at the operations door\n", tried);
    hostile_stop(&hostile);
}

/* ---- S2 ---- */

/* One role with one privilege at a time: its own RPCs answer, and no others. */
static void test_every_privilege(void **state)
{
    struct surface *surface = *state;
    struct auth *auth = surface->server.auth;
    char one[128];
    unsigned privileges = 0, tried = 0;
    add_user(auth, "one", "only");
    credentials(one, sizeof one, "one", "secret1");
    for (size_t i = 0; milvus_rpc_at(i); i++) {
        const struct milvus_rpc *given = milvus_rpc_at(i);
        bool seen = !given->privilege;
        for (size_t j = 0; j < i && !seen; j++)
            seen = milvus_rpc_at(j)->privilege &&
                   strcmp(milvus_rpc_at(j)->privilege, given->privilege) == 0;
        if (seen) continue;
        privileges++;
        if (grant(auth, "only", given->object, given->privilege, false))
            fail_msg("%s cannot be granted", given->privilege);
        for (size_t j = 0; milvus_rpc_at(j); j++, tried++) {
            const struct milvus_rpc *rpc = milvus_rpc_at(j);
            const bool may = !rpc->privilege || in(for_public, rpc->name) ||
                             strcmp(rpc->privilege, given->privilege) == 0;
            const int status = call(surface, rpc, "authorization", one);
            if ((status == GRPC_PERMISSION_DENIED) == may || status < 0)
                fail_msg("%s with %s: %d", rpc->name, given->privilege, status);
        }
        assert_int_equal(grant(auth, "only", given->object, given->privilege, true), 0);
    }
    print_message("S2: %u privileges, %u calls\n", privileges, tried);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_rpc, open_surface, close_surface),
        cmocka_unit_test_setup_teardown(test_not_in_the_table, open_surface, close_surface),
        cmocka_unit_test_setup_teardown(test_listeners, open_surface, close_surface),
        cmocka_unit_test_setup_teardown(test_every_privilege, open_surface, close_surface),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
