/*
 * A server in the process, a client on a blocking socket: HTTP/1.1 and gRPC, from loops and from
 * workers, clients that vanish, doors that refuse, and stopping with work under way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "net/net.h"
#include "proto/grpc.h"

struct service {
    struct net *net;
    _Atomic unsigned cancelled, ended;
};

/* /echo answers at once, /work on a worker, /slow when its client is gone or after 2 s, /fail with
 * an error of gRPC. */
static void answer(void *ctx, struct exchange *exchange)
{
    (void)ctx;
    const struct kith_str body = exchange_body(exchange), path = exchange_path(exchange);
    if (path.len == 5 && memcmp(path.data, "/fail", 5) == 0)
        exchange_set_grpc_status(exchange, GRPC_PERMISSION_DENIED, "no 100% right\n");
    exchange_add_header(exchange, "X-Query", exchange_query(exchange).len ? "yes" : "no");
    buffer_put(exchange_reply(exchange), body.data, body.len);
    exchange_end(exchange);
}

struct kith_cancel_view {
    _Atomic bool fired;
};

static void wait_for_cancel(void *ctx, struct exchange *exchange)
{
    struct service *service = ctx;
    const struct kith_cancel_view *cancel =
        (const struct kith_cancel_view *)(const void *)exchange_call(exchange)->cancel;
    for (int i = 0; i < 2000 && !cancel->fired; i++) os_sleep_us(os_real(), 1000);
    if (cancel->fired) service->cancelled++;
    service->ended++;
    exchange_end(exchange);
}

static void handle(void *ctx, struct exchange *exchange)
{
    const struct kith_str path = exchange_path(exchange);
    const bool slow = path.len == 5 && memcmp(path.data, "/slow", 5) == 0;
    const bool work = path.len == 5 && memcmp(path.data, "/work", 5) == 0;
    if (slow) assert_int_equal(net_work(exchange, wait_for_cancel, ctx), 0);
    else if (work) assert_int_equal(net_work(exchange, answer, ctx), 0);
    else answer(ctx, exchange);
}

static uint16_t start(struct service *service, struct net_door *door)
{
    *service = (struct service){ .net = NULL };
    *door = (struct net_door){ .name = "test", .bind = "127.0.0.1", .fd = -1, .grpc = true,
                               .body_bytes_max = 1 << 20, .handle = handle, .ctx = service };
    const struct net_opts opts = { .os = os_real(), .doors = door, .door_count = 1,
                                   .limits = { .loops = 2, .workers = 2 } };
    struct kith_error err;
    assert_int_equal(net_new(&opts, &service->net, &err), 0);
    assert_int_equal(net_start(service->net, &err), 0);
    return net_port(service->net, 0);
}

static void stop(struct service *service)
{
    net_stop(service->net, 1000);
    net_free(service->net);
}

static int dial(uint16_t port)
{
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port),
                                         .sin_addr = { htonl(INADDR_LOOPBACK) } };
    const struct timeval patience = { .tv_sec = 10 };
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Reads until `tail` stands at the end, or the peer closed. */
static size_t hear(int fd, char *text, size_t room, const char *tail)
{
    size_t len = 0;
    for (;;) {
        const ssize_t got = recv(fd, text + len, room - len - 1, 0);
        assert_true(got >= 0);
        if (got == 0) break;
        len += (size_t)got;
        text[len] = 0;
        const size_t n = strlen(tail);
        if (n && len >= n && memcmp(text + len - n, tail, n) == 0) break;
    }
    text[len] = 0;
    return len;
}

static void test_http1(void **state)
{
    (void)state;
    struct service service;
    struct net_door door;
    const int fd = dial(start(&service, &door));
    char text[4096];
    say(fd, "POST /echo?a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"
            "POST /work HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc");
    hear(fd, text, sizeof text, "abc");
    assert_non_null(strstr(text, "HTTP/1.1 200 OK\r\nX-Query: yes\r\nContent-Length: 5\r\n\r\nhello"));
    assert_non_null(strstr(text, "X-Query: no\r\nContent-Length: 3\r\n\r\nabc"));
    say(fd, "POST /echo HTTP/1.1\r\nContent-Length: 1048577\r\n\r\n");
    hear(fd, text, sizeof text, "");
    assert_non_null(strstr(text, "HTTP/1.1 413 "));
    (void)close(fd);
    stop(&service);
}

static void test_client_that_vanishes(void **state)
{
    (void)state;
    struct service service;
    struct net_door door;
    const uint16_t port = start(&service, &door);
    const int fd = dial(port);
    say(fd, "GET /slow HTTP/1.1\r\n\r\n");
    os_sleep_us(os_real(), 50000);
    (void)close(fd);
    for (int i = 0; i < 1000 && service.ended == 0; i++) os_sleep_us(os_real(), 1000);
    assert_int_equal(service.cancelled, 1);
    stop(&service);
}

/* ---- a small gRPC client ---- */

struct client {
    int fd;
    nghttp2_session *session;
    struct buffer data;
    char status[8], message[64];
    size_t sent;
    uint8_t request[4096];
    size_t request_len;
    unsigned open;
};

static ssize_t client_send(nghttp2_session *session, const uint8_t *data, size_t len, int flags,
                           void *user)
{
    (void)session;
    (void)flags;
    return send(((struct client *)user)->fd, data, len, MSG_NOSIGNAL);
}
static int client_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data,
                       size_t len, void *user)
{
    (void)session;
    (void)flags;
    (void)stream;
    buffer_put(&((struct client *)user)->data, data, len);
    return 0;
}
static int client_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                         size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                         void *user)
{
    (void)session;
    (void)frame;
    (void)value_len;
    (void)flags;
    struct client *client = user;
    if (name_len == 11 && memcmp(name, "grpc-status", 11) == 0)
        (void)snprintf(client->status, sizeof client->status, "%s", (const char *)value);
    if (name_len == 12 && memcmp(name, "grpc-message", 12) == 0)
        (void)snprintf(client->message, sizeof client->message, "%s", (const char *)value);
    if (name_len == 7 && memcmp(name, ":status", 7) == 0)
        (void)snprintf(client->status, sizeof client->status, "h%s", (const char *)value);
    return 0;
}
static int client_close(nghttp2_session *session, int32_t stream, uint32_t code, void *user)
{
    (void)session;
    (void)stream;
    (void)code;
    ((struct client *)user)->open--;
    return 0;
}
static ssize_t client_body(nghttp2_session *session, int32_t stream, uint8_t *out, size_t room,
                           uint32_t *flags, nghttp2_data_source *source, void *user)
{
    (void)session;
    (void)stream;
    (void)source;
    struct client *client = user;
    size_t len = client->request_len - client->sent;
    if (len > room) len = room;
    memcpy(out, client->request + client->sent, len);
    client->sent += len;
    if (client->sent == client->request_len) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)len;
}

static void client_open(struct client *client, uint16_t port)
{
    memset(client, 0, sizeof *client);
    client->fd = dial(port);
    nghttp2_session_callbacks *callbacks;
    assert_int_equal(nghttp2_session_callbacks_new(&callbacks), 0);
    nghttp2_session_callbacks_set_send_callback(callbacks, client_send);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, client_data);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, client_header);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, client_close);
    assert_int_equal(nghttp2_session_client_new(&client->session, callbacks, client), 0);
    nghttp2_session_callbacks_del(callbacks);
    assert_int_equal(nghttp2_submit_settings(client->session, 0, NULL, 0), 0);
}

static void client_release(struct client *client)
{
    nghttp2_session_del(client->session);
    buffer_release(&client->data);
    (void)close(client->fd);
}

static nghttp2_nv nv(const char *name, const char *value)
{
    return (nghttp2_nv){ (uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
                         strlen(value), 0 };
}

static int32_t client_ask(struct client *client, const char *path, const char *type,
                          const uint8_t *bytes, size_t len)
{
    const nghttp2_nv headers[] = { nv(":method", "POST"), nv(":scheme", "http"), nv(":path", path),
                                   nv(":authority", "x"), nv("content-type", type),
                                   nv("te", "trailers") };
    const nghttp2_data_provider provider = { .read_callback = client_body };
    memcpy(client->request, bytes, len);
    client->request_len = len;
    client->sent = 0;
    client->open++;
    buffer_clear(&client->data);
    const int32_t stream =
        nghttp2_submit_request(client->session, NULL, headers, 6, &provider, NULL);
    assert_true(stream > 0);
    assert_int_equal(nghttp2_session_send(client->session), 0);
    return stream;
}

static void client_wait(struct client *client)
{
    uint8_t bytes[16384];
    while (client->open > 0) {
        const ssize_t got = recv(client->fd, bytes, sizeof bytes, 0);
        assert_true(got > 0);
        assert_int_equal(nghttp2_session_mem_recv(client->session, bytes, (size_t)got), got);
        assert_int_equal(nghttp2_session_send(client->session), 0);
    }
}

static void test_grpc(void **state)
{
    (void)state;
    struct service service;
    struct net_door door;
    struct client client;
    client_open(&client, start(&service, &door));
    static const uint8_t hello[] = { 0, 0, 0, 0, 5, 'h', 'e', 'l', 'l', 'o' };
    static const char *const paths[] = { "/echo", "/work" };
    for (int i = 0; i < 20; i++) {
        client_ask(&client, paths[i % 2], "application/grpc", hello, sizeof hello);
        client_wait(&client);
        assert_string_equal(client.status, "0");
        assert_int_equal(client.data.len, sizeof hello);
        assert_memory_equal(client.data.data, hello, sizeof hello);
    }
    client_ask(&client, "/fail", "application/grpc+proto", hello, sizeof hello);
    client_wait(&client);
    assert_string_equal(client.status, "7");
    assert_string_equal(client.message, "no 100%25 right%0A");
    client_ask(&client, "/echo", "text/plain", hello, sizeof hello);
    client_wait(&client);
    assert_string_equal(client.status, "h415");
    static const uint8_t huge[] = { 0, 0xff, 0, 0, 0, 'x' };
    client_ask(&client, "/echo", "application/grpc", huge, sizeof huge);
    client_wait(&client);
    assert_string_equal(client.status, "8");
    client_ask(&client, "/echo", "application/grpc", hello, 7);
    client_wait(&client);
    assert_string_equal(client.status, "13");
    client_release(&client);
    stop(&service);
}

static void test_reset_cancels(void **state)
{
    (void)state;
    struct service service;
    struct net_door door;
    struct client client;
    client_open(&client, start(&service, &door));
    static const uint8_t empty[] = { 0, 0, 0, 0, 0 };
    const int32_t stream = client_ask(&client, "/slow", "application/grpc", empty, sizeof empty);
    os_sleep_us(os_real(), 50000);
    assert_int_equal(nghttp2_submit_rst_stream(client.session, 0, stream, NGHTTP2_CANCEL), 0);
    assert_int_equal(nghttp2_session_send(client.session), 0);
    for (int i = 0; i < 1000 && service.ended == 0; i++) os_sleep_us(os_real(), 1000);
    assert_int_equal(service.cancelled, 1);
    client_ask(&client, "/echo", "application/grpc", empty, sizeof empty); /* goes on */
    client.open = 1;
    client_wait(&client);
    assert_string_equal(client.status, "0");
    client_release(&client);
    stop(&service);
}

static void test_stop_waits_for_work(void **state)
{
    (void)state;
    struct service service;
    struct net_door door;
    const int fd = dial(start(&service, &door));
    say(fd, "GET /slow HTTP/1.1\r\n\r\n");
    os_sleep_us(os_real(), 50000);
    net_stop(service.net, 50); /* the grace ends, the call is cancelled, and waited for */
    assert_int_equal(service.ended, 1);
    net_free(service.net);
    (void)close(fd);
}

static void test_refused_doors(void **state)
{
    (void)state;
    struct service service;
    struct net_door door, again;
    const uint16_t port = start(&service, &door);
    again = door;
    again.port = port;
    const struct net_opts opts = { .os = os_real(), .doors = &again, .door_count = 1 };
    struct net *net;
    struct kith_error err;
    assert_int_equal(net_new(&opts, &net, &err), KITH_ELOCKED);
    assert_non_null(strstr(err.text, "another program has it"));
    again.bind = "localhost.example";
    assert_int_equal(net_new(&opts, &net, &err), KITH_EINVAL);
    stop(&service);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http1),         cmocka_unit_test(test_client_that_vanishes),
        cmocka_unit_test(test_grpc),          cmocka_unit_test(test_reset_cancels),
        cmocka_unit_test(test_stop_waits_for_work), cmocka_unit_test(test_refused_doors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
