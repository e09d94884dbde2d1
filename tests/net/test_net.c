/*
 * A server in the process, a client on a blocking socket: HTTP/1.1 and gRPC, from loops and from
 * workers, clients that vanish, doors that refuse, and stopping with work under way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <zlib.h>

#include "base/alloc.h"
#include "net/net_internal.h"
#include "proto/grpc.h"

struct service {
    struct net *net;
    _Atomic unsigned begun, cancelled, ended; /* of /slow */
};

#define LARGE_BYTES (6u << 20)

/* /large answers with LARGE_BYTES. /echo answers at once, /work on a worker, /slow when its client
 * is gone or after 20 s, /fail with an error of gRPC. */
static void answer(void *ctx, struct exchange *exchange)
{
    (void)ctx;
    const struct kith_str body = exchange_body(exchange), path = exchange_path(exchange);
    if (path.len == 5 && memcmp(path.data, "/fail", 5) == 0)
        exchange_set_grpc_status(exchange, GRPC_PERMISSION_DENIED, "no 100% right\n");
    exchange_add_header(exchange, "X-Query", exchange_query(exchange).len ? "yes" : "no");
    if (path.len == 6 && memcmp(path.data, "/large", 6) == 0) {
        uint8_t *room = buffer_extend(exchange_reply(exchange), LARGE_BYTES);
        assert_non_null(room);
        memset(room, 'x', LARGE_BYTES);
    } else {
        buffer_put(exchange_reply(exchange), body.data, body.len);
    }
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
    service->begun++;
    for (int i = 0; i < 20000 && !cancel->fired; i++) os_sleep_us(os_real(), 1000);
    if (cancel->fired) service->cancelled++;
    service->ended++;
    exchange_end(exchange);
}

/* /slow has begun, or ended. */
static void wait_until(const _Atomic unsigned *count)
{
    for (int i = 0; i < 20000 && *count == 0; i++) os_sleep_us(os_real(), 1000);
    assert_int_equal(*count, 1);
}

static void handle(void *ctx, struct exchange *exchange)
{
    const struct kith_str path = exchange_path(exchange);
    const bool slow = path.len == 5 && memcmp(path.data, "/slow", 5) == 0;
    if (path.len == 5 && memcmp(path.data, "/late", 5) == 0) exchange_delay(exchange, 100);
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
    const struct timeval patience = { .tv_sec = 60 };
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
    assert_non_null(strstr(text, "HTTP/1.1 200 OK\r\nX-Query: yes\r\nContent-Length: 5\r\n\r\n"
                                 "hello"));
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
    wait_until(&service.begun);
    (void)close(fd);
    wait_until(&service.ended);
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
    const char *encoding; /* of the message; NULL: plain */
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
                                   nv("te", "trailers"),
                                   nv("grpc-encoding",
                                      client->encoding ? client->encoding : "identity") };
    const nghttp2_data_provider provider = { .read_callback = client_body };
    memcpy(client->request, bytes, len);
    client->request_len = len;
    client->sent = 0;
    client->open++;
    buffer_clear(&client->data);
    const int32_t stream =
        nghttp2_submit_request(client->session, NULL, headers, 7, &provider, NULL);
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

/* Its peer gives a window for all of it and says nothing more, so that the server goes on by itself
 * from slice to slice, also when the socket takes a slice at once. */
static void test_large_reply(void **state)
{
    (void)state;
    struct service service;
    struct net_door door;
    struct client client;
    static const uint8_t hello[] = { 0, 0, 0, 0, 1, 'h' };
    const nghttp2_settings_entry window = { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 64 << 20 };
    client_open(&client, start(&service, &door));
    assert_int_equal(nghttp2_submit_settings(client.session, 0, &window, 1), 0);
    assert_int_equal(nghttp2_session_set_local_window_size(client.session, 0, 0, 64 << 20), 0);
    for (int i = 0; i < 4; i++) {
        client_ask(&client, "/large", "application/grpc", hello, sizeof hello);
        client_wait(&client);
        assert_string_equal(client.status, "0");
        assert_int_equal(client.data.len, GRPC_PREFIX_BYTES + LARGE_BYTES);
    }
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
    wait_until(&service.begun);
    assert_int_equal(nghttp2_submit_rst_stream(client.session, 0, stream, NGHTTP2_CANCEL), 0);
    assert_int_equal(nghttp2_session_send(client.session), 0);
    wait_until(&service.ended);
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
    wait_until(&service.begun);
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

/* ---- peers that mean harm, or are broken ---- */

static uint16_t start_limited(struct service *service, struct net_door *door,
                              struct net_limits limits)
{
    *service = (struct service){ .net = NULL };
    *door = (struct net_door){ .name = "test", .bind = "127.0.0.1", .fd = -1, .grpc = true,
                               .body_bytes_max = 1 << 20, .handle = handle, .ctx = service };
    limits.loops = 1;
    limits.workers = 2;
    const struct net_opts opts = { .os = os_real(), .doors = door, .door_count = 1,
                                   .limits = limits };
    struct kith_error err;
    assert_int_equal(net_new(&opts, &service->net, &err), 0);
    assert_int_equal(net_start(service->net, &err), 0);
    return net_port(service->net, 0);
}

static void test_other_methods(void **state)
{
    (void)state;
    struct service service;
    struct net_door door;
    const int fd = dial(start(&service, &door));
    char text[4096];
    say(fd, "HEAD /echo HTTP/1.1\r\n\r\nOPTIONS /echo HTTP/1.1\r\nConnection: close\r\n\r\n");
    hear(fd, text, sizeof text, "");
    assert_string_equal(text, "HTTP/1.1 200 OK\r\nX-Query: no\r\nContent-Length: 0\r\n\r\n"
                              "HTTP/1.1 200 OK\r\nX-Query: no\r\nContent-Length: 0\r\n"
                              "Connection: close\r\n\r\n");
    (void)close(fd);
    stop(&service);
}

/* A byte now and then buys no time: the request has to be whole within its second. */
static void test_dripping_request(void **state)
{
    (void)state;
    struct service service;
    struct net_door door;
    const int fd = dial(start_limited(&service, &door,
                                      (struct net_limits){ .request_timeout_s = 1 }));
    const int64_t start_us = os_now_us(os_real());
    char byte;
    say(fd, "GET /echo");
    for (int i = 0; i < 400; i++) {
        os_sleep_us(os_real(), 50000);
        if (send(fd, "x", 1, MSG_NOSIGNAL) < 0) break;
        if (recv(fd, &byte, 1, MSG_DONTWAIT) == 0) break;
    }
    assert_in_range(os_now_us(os_real()) - start_us, 900000, 19000000); /* a busy machine is slow */
    (void)close(fd);
    stop(&service);
}

/* The same over HTTP/2: headers without an end, while another stream goes on. */
static void test_unfinished_stream(void **state)
{
    (void)state;
    struct service service;
    struct net_door door;
    struct client client;
    client_open(&client, start_limited(&service, &door,
                                       (struct net_limits){ .request_timeout_s = 1 }));
    static const uint8_t empty[] = { 0, 0, 0, 0, 0 };
    const nghttp2_nv headers[] = { nv(":method", "POST"), nv(":scheme", "http"),
                                   nv(":path", "/echo"), nv(":authority", "x"),
                                   nv("content-type", "application/grpc") };
    assert_true(nghttp2_submit_headers(client.session, NGHTTP2_FLAG_NONE, -1, NULL, headers, 5,
                                       NULL) > 0);
    assert_int_equal(nghttp2_session_send(client.session), 0);
    client.open = 1;
    client_wait(&client); /* reset by the server */
    client_ask(&client, "/echo", "application/grpc", empty, sizeof empty);
    client_wait(&client);
    assert_string_equal(client.status, "0");
    client_release(&client);
    stop(&service);
}

static void test_too_many_connections(void **state)
{
    (void)state;
    struct service service;
    struct net_door door;
    const uint16_t port = start_limited(&service, &door,
                                        (struct net_limits){ .connections_max = 4 });
    int fds[5];
    char text[1024];
    for (int i = 0; i < 5; i++) {
        fds[i] = dial(port);
        if (i == 4) continue;
        say(fds[i], "GET /echo HTTP/1.1\r\n\r\n");
        hear(fds[i], text, sizeof text, "\r\n\r\n");
    }
    assert_int_equal(hear(fds[4], text, sizeof text, ""), 0); /* closed at once */
    struct net_stats stats;
    net_stats_get(service.net, &stats);
    assert_int_equal(stats.refused, 1);
    for (int i = 0; i < 5; i++) (void)close(fds[i]);
    stop(&service);
}

/* A reply that nobody reads: closed for what it holds, or for how long it holds it. */
static void test_peer_that_does_not_read(void **state)
{
    (void)state;
    for (int by_time = 0; by_time < 2; by_time++) {
        struct service service;
        struct net_door door;
        const struct net_limits limits = { .request_timeout_s = by_time ? 1 : 600,
                                           .output_bytes_max = by_time ? 0 : 4u << 20 };
        const uint16_t port = start_limited(&service, &door, limits);
        const int64_t start_us = os_now_us(os_real());
        const int fd = dial(port), small = 4096;
        char byte;
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
        say(fd, "GET /large HTTP/1.1\r\n\r\n");
        (void)recv(fd, &byte, 1, 0); /* there is something, or it is closed already */
        struct net_stats stats = { .connections = 1 };
        for (int i = 0; i < 20000 && stats.connections; i++) {
            os_sleep_us(os_real(), 1000);
            net_stats_get(service.net, &stats);
        }
        assert_int_equal(stats.connections, 0);
        if (by_time) assert_true(os_now_us(os_real()) - start_us > 900000);
        (void)close(fd);
        stop(&service);
    }
}

static void put_frame(struct buffer *out, uint8_t type, uint8_t flags, uint32_t stream,
                      const void *payload, size_t len)
{
    const uint8_t head[9] = { (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len, type, flags,
                              (uint8_t)(stream >> 24), (uint8_t)(stream >> 16),
                              (uint8_t)(stream >> 8), (uint8_t)stream };
    buffer_put(out, head, sizeof head);
    buffer_put(out, payload, len);
}

/* Everything is sent and everything is read until the server closes. */
static void drown(uint16_t port, const struct buffer *bytes)
{
    const int fd = dial(port);
    size_t at = 0;
    char text[4096];
    while (at < bytes->len) {
        const ssize_t put = send(fd, bytes->data + at, bytes->len - at, MSG_NOSIGNAL);
        if (put <= 0) break;
        at += (size_t)put;
    }
    ssize_t got;
    while ((got = recv(fd, text, sizeof text, 0)) > 0) continue;
    assert_true(got == 0 || errno == ECONNRESET); /* not that nothing came for a minute */
    (void)close(fd);
}

/* Header blocks without an end, and blocks that say much with few bytes. */
static void test_header_floods(void **state)
{
    (void)state;
    struct service service;
    struct net_door door;
    const uint16_t port = start_limited(&service, &door,
                                        (struct net_limits){ .request_timeout_s = 1 });
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    struct buffer bytes;
    buffer_init(&bytes);
    buffer_put(&bytes, preface, 24);
    put_frame(&bytes, 4, 0, 0, NULL, 0);
    put_frame(&bytes, 1, 0, 1, NULL, 0); /* HEADERS without END_HEADERS */
    for (int i = 0; i < 100000; i++) put_frame(&bytes, 9, 0, 1, NULL, 0); /* CONTINUATION */
    drown(port, &bytes);
    buffer_clear(&bytes);
    buffer_put(&bytes, preface, 24);
    put_frame(&bytes, 4, 0, 0, NULL, 0);
    static uint8_t block[16384]; /* a long header into the table, then 1 byte for each copy */
    static const uint8_t literal[] = { 0x40, 1, 'x', 0x7f, 0xa1, 0x1e }; /* value of 4,000 bytes */
    memset(block, 'a', sizeof block);
    memcpy(block, literal, sizeof literal);
    memset(block + sizeof literal + 4000, 0xbe, sizeof block - sizeof literal - 4000);
    put_frame(&bytes, 1, 4 | 1, 1, block, sizeof block);
    put_frame(&bytes, 6, 0, 0, "pingping", 8);
    put_frame(&bytes, 7, 0, 0, "\0\0\0\0\0\0\0\0", 8); /* and goes away */
    drown(port, &bytes);
    buffer_release(&bytes);
    const int fd = dial(port); /* others are served */
    char text[1024];
    say(fd, "GET /echo HTTP/1.1\r\n\r\n");
    hear(fd, text, sizeof text, "\r\n\r\n");
    assert_non_null(strstr(text, "200 OK"));
    (void)close(fd);
    stop(&service);
}

/* ---- compressed messages ---- */

static size_t gzip(const void *data, size_t len, uint8_t *out, size_t room)
{
    z_stream stream = { .next_in = (Bytef *)(uintptr_t)data, .avail_in = (unsigned)len,
                        .next_out = out, .avail_out = (unsigned)room };
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    (void)deflateEnd(&stream);
    return room - stream.avail_out;
}

static void test_gunzip(void **state)
{
    (void)state;
    static uint8_t zeros[1 << 20], packed[65536];
    const size_t len = gzip(zeros, sizeof zeros, packed, sizeof packed);
    struct buffer out;
    buffer_init(&out);
    assert_int_equal(net_gunzip(packed, len, sizeof zeros, &out), 0);
    assert_int_equal(out.len, sizeof zeros);
    buffer_clear(&out);
    assert_int_equal(net_gunzip(packed, len, sizeof zeros - 1, &out), KITH_ELIMIT);
    for (size_t cut = 0; cut < len; cut += 13) {
        buffer_clear(&out);
        assert_int_equal(net_gunzip(packed, cut, sizeof zeros, &out), KITH_EINVAL);
    }
    packed[len] = 'x'; /* something behind it */
    buffer_clear(&out);
    assert_int_equal(net_gunzip(packed, len + 1, sizeof zeros, &out), KITH_EINVAL);
    for (uint64_t nth = 1; nth < 20; nth++) {
        buffer_release(&out);
        alloc_fault_arm(nth, false);
        const int rc = net_gunzip(packed, len, sizeof zeros, &out);
        alloc_fault_disarm();
        assert_true(rc == 0 || rc == KITH_ENOMEM);
    }
    buffer_release(&out);
}

static void test_compressed_requests(void **state)
{
    (void)state;
    struct service service;
    struct net_door door;
    struct client client;
    uint8_t body[1024] = { 1 };
    client_open(&client, start(&service, &door));
    const size_t len = gzip("hello", 5, body + 5, sizeof body - 5);
    body[4] = (uint8_t)len;
    client.encoding = "gzip";
    client_ask(&client, "/echo", "application/grpc", body, len + 5);
    client_wait(&client);
    assert_string_equal(client.status, "0");
    assert_memory_equal(client.data.data + 5, "hello", 5);
    body[20] ^= 0x55;
    client_ask(&client, "/echo", "application/grpc", body, len + 5);
    client_wait(&client);
    assert_string_equal(client.status, "13");
    client.encoding = "br";
    client_ask(&client, "/echo", "application/grpc", body, len + 5);
    client_wait(&client);
    assert_string_equal(client.status, "12");
    client_release(&client);
    stop(&service);
}

/* A reply that is held back costs no thread, and stopping does not wait for it. */
static void test_delayed_reply(void **state)
{
    (void)state;
    struct service service;
    struct net_door door;
    const uint16_t port = start(&service, &door);
    int fds[8];
    char text[1024];
    const int64_t start_us = os_now_us(os_real());
    for (int i = 0; i < 8; i++) say(fds[i] = dial(port), "GET /late HTTP/1.1\r\n\r\n");
    for (int i = 0; i < 8; i++) hear(fds[i], text, sizeof text, "\r\n\r\n");
    assert_in_range(os_now_us(os_real()) - start_us, 100000, 700000);
    say(fds[0], "GET /late HTTP/1.1\r\n\r\n");
    (void)close(fds[1]);
    stop(&service);
    for (int i = 0; i < 8; i++)
        if (i != 1) (void)close(fds[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http1),         cmocka_unit_test(test_client_that_vanishes),
        cmocka_unit_test(test_grpc),          cmocka_unit_test(test_large_reply),
        cmocka_unit_test(test_reset_cancels),
        cmocka_unit_test(test_stop_waits_for_work), cmocka_unit_test(test_refused_doors),
        cmocka_unit_test(test_other_methods), cmocka_unit_test(test_dripping_request),
        cmocka_unit_test(test_unfinished_stream), cmocka_unit_test(test_too_many_connections),
        cmocka_unit_test(test_peer_that_does_not_read), cmocka_unit_test(test_header_floods),
        cmocka_unit_test(test_gunzip), cmocka_unit_test(test_compressed_requests),
        cmocka_unit_test(test_delayed_reply),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
