/*
 * HTTP/1.1 on a connection: one request at a time, answered in order. What a client sends ahead
 * waits in h1_ahead, up to one read's worth; more is left to the socket.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "net/net_internal.h"

#define HEAD_BYTES_KEPT 4096u /* by a connection that is idle */

void h1_begin(struct conn *conn)
{
    http1_init(&conn->http1, conn->door->body_bytes_max);
    conn_timer(conn, conn->loop->net->limits.request_timeout_s);
}

static void put_text(struct conn *conn, const char *text) { conn_put(conn, text, strlen(text)); }

static void refuse(struct conn *conn, int status)
{
    char text[160];
    (void)snprintf(text, sizeof text,
                   "HTTP/1.1 %d %s\r\n%sContent-Length: 0\r\nConnection: close\r\n\r\n", status,
                   http1_reason(status), status == 503 ? "Retry-After: 1\r\n" : "");
    put_text(conn, text);
    conn->close_after_write = conn->linger = true;
}

/* What arrives counts as far as it is there. */
static bool count_body(struct conn *conn)
{
    const size_t len = conn->http1.head.len + conn->http1.body.len;
    return len <= conn->h1_body_bytes ||
           budget_take(conn, &conn->h1_body_bytes, len - conn->h1_body_bytes);
}

static int fill_exchange(struct conn *conn, struct exchange *exchange)
{
    const struct http1 *http = &conn->http1;
    exchange->method = exchange_str(exchange, http->method.data, http->method.len);
    exchange_set_target(exchange, http->target);
    if (!exchange->method.data || !exchange->path.data) return KITH_ENOMEM;
    for (size_t i = 0; i < http->header_count; i++) {
        const int rc =
            exchange_put_header(exchange, http->headers[i].name, http->headers[i].value);
        if (rc) return rc;
    }
    exchange->body = conn->http1.body; /* taken */
    buffer_init(&conn->http1.body);
    exchange->input_bytes += conn->h1_body_bytes;
    conn->h1_body_bytes = 0;
    return 0;
}

static void start_request(struct conn *conn)
{
    struct exchange *exchange = exchange_new(conn, EXCHANGE_HTTP);
    const int rc = exchange ? fill_exchange(conn, exchange) : KITH_ENOMEM;
    if (rc) {
        if (exchange) exchange_free(exchange);
        refuse(conn, rc == KITH_ELIMIT ? 431 : 503);
        return;
    }
    conn->h1_running = true;
    conn->h1_reading = false;
    conn_timer(conn, 0);
    exchange_start(exchange);
}

static void feed(struct conn *conn, const uint8_t *data, size_t len, size_t *used)
{
    const enum http1_state before = conn->http1.state;
    if (!conn->h1_reading) { /* once a request: bytes that drip in give no more time */
        conn->h1_reading = true;
        conn_timer(conn, conn->loop->net->limits.request_timeout_s);
    }
    if (http1_feed(&conn->http1, data, len, used) || !count_body(conn)) {
        refuse(conn, 503);
        return;
    }
    if (before == HTTP1_HEAD && conn->http1.state == HTTP1_BODY && conn->http1.expect_continue)
        put_text(conn, "HTTP/1.1 100 Continue\r\n\r\n");
    if (conn->http1.state == HTTP1_ERROR) refuse(conn, conn->http1.status);
    else if (conn->http1.state == HTTP1_DONE) start_request(conn);
}

/* While a handler runs, reading goes on, so that it is seen when the client goes away; while the
 * client has a reply to take, it may wait. */
static void keep_ahead(struct conn *conn, const uint8_t *data, size_t len)
{
    const bool much = conn->h1_ahead.len + len > NET_READ_BYTES;
    if (conn->h1_waits && much) conn_read(conn, false);
    if ((much && !conn->h1_waits) || !budget_take(conn, &conn->h1_ahead_bytes, len)) {
        conn_close(conn);
        return;
    }
    buffer_put(&conn->h1_ahead, data, len);
    if (buffer_failed(&conn->h1_ahead)) conn_close(conn);
}

void h1_input(struct conn *conn, const uint8_t *data, size_t len)
{
    size_t at = 0;
    while (at < len && !conn->closing && !conn->close_after_write) {
        if (conn->h1_running) {
            keep_ahead(conn, data + at, len - at);
            return;
        }
        size_t used;
        feed(conn, data + at, len - at, &used);
        at += used;
    }
}

static void put_header(struct buffer *out, const struct reply_header *header)
{
    const size_t name = strlen(header->name), value = strlen(header->value);
    uint8_t *to = buffer_extend(out, name + value + 4);
    if (!to) return;
    memcpy(to, header->name, name);
    memcpy(to + name, ": ", 2);
    memcpy(to + name + 2, header->value, value);
    memcpy(to + name + 2 + value, "\r\n", 2);
}

static void put_head(struct conn *conn, const struct exchange *exchange, bool keep_alive)
{
    struct buffer head;
    buffer_init(&head);
    (void)!buffer_reserve(&head, 1024); /* in one piece; without memory it fails below */
    buffer_printf(&head, "HTTP/1.1 %d %s\r\n", exchange->http_status,
                  http1_reason(exchange->http_status));
    for (const struct reply_header *h = exchange->reply_headers; h; h = h->next)
        put_header(&head, h);
    if (exchange->http_status != 204)
        buffer_printf(&head, "Content-Length: %zu\r\n", exchange->reply.len);
    buffer_printf(&head, "%s\r\n", keep_alive ? "" : "Connection: close\r\n");
    if (buffer_failed(&head)) conn_close(conn);
    else conn_put(conn, head.data, head.len);
    buffer_release(&head);
}

/* The next request may wait in h1_ahead already. */
static void go_on(struct conn *conn)
{
    struct buffer ahead = conn->h1_ahead;
    buffer_init(&conn->h1_ahead);
    budget_give(conn, conn->loop->net, &conn->h1_ahead_bytes);
    if (ahead.len) h1_input(conn, ahead.data, ahead.len);
    buffer_release(&ahead);
}

void h1_go_on(struct conn *conn)
{
    conn->h1_waits = conn->h1_running = false;
    if (conn->loop->stopping) {
        conn->close_after_write = true;
        return;
    }
    conn_read(conn, true);
    conn_timer(conn, conn->loop->net->limits.idle_timeout_s);
    go_on(conn);
}

void h1_send(struct conn *conn, struct exchange *exchange)
{
    const bool keep_alive = conn->http1.keep_alive && !conn->loop->stopping;
    const bool head_only =
        exchange->method.len == 4 && memcmp(exchange->method.data, "HEAD", 4) == 0;
    exchange_detach(exchange); /* a close while we put bytes must not free it */
    put_head(conn, exchange, keep_alive);
    if (exchange->http_status != 204 && !head_only && !conn->closing)
        conn_put(conn, exchange->reply.data, exchange->reply.len);
    exchange_free(exchange);
    if (conn->closing) return;
    if (!keep_alive) {
        conn->h1_running = false;
        conn->close_after_write = true;
        return;
    }
    http1_next(&conn->http1);
    if (conn->http1.head.cap > HEAD_BYTES_KEPT) buffer_release(&conn->http1.head);
    conn->h1_waits = conn_unsent(conn) > NET_OUTPUT_SLICE;
    if (conn->h1_waits) return;
    conn->h1_running = false;
    conn_timer(conn, conn->loop->net->limits.idle_timeout_s);
    go_on(conn);
}
