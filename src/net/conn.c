/*
 * One connection: reading, writing, timeouts, and finding out what the peer speaks.
 *
 * Input is read into the loop's buffer and consumed before the callback returns. Output is gathered
 * in conn->output; conn_flush() tries the socket at once and leaves the rest to one uv_write at a
 * time. What a peer does not read is bounded in net_budget.c.
 *
 * The first bytes decide: the HTTP/2 preface (or a prefix of it: wait) is gRPC, anything else is
 * HTTP/1.1.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "net/net_internal.h"
#include "net/tls.h"

static const char h2_preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
#define H2_PREFACE_BYTES 24u

/* ---- ending ---- */

static void conn_release(struct conn *conn)
{
    http1_release(&conn->http1);
    buffer_release(&conn->h1_ahead);
    stream_release(conn);
    buffer_release(&conn->output);
    buffer_release(&conn->inflight);
    tls_conn_free(conn->tls);
    if (conn->h2) nghttp2_session_del(conn->h2); /* not before: we may be in its callbacks */
    conn->loop->net->connections--;
    mem_free(conn);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct conn *conn = handle->data;
    if (--conn->handles == 0) conn_release(conn);
}

void conn_close(struct conn *conn)
{
    if (conn->closing) return;
    conn->closing = true;
    if (conn->proto == CONN_STREAM) stream_closed(conn);
    struct loop *loop = conn->loop;
    ready_forget(conn);
    loop->net->output_bytes -= conn->counted_bytes;
    conn->counted_bytes = 0;
    budget_give(conn, loop->net, &conn->h1_body_bytes);
    budget_give(conn, loop->net, &conn->h1_ahead_bytes);
    for (struct exchange *exchange = conn->exchanges, *next; exchange; exchange = next) {
        next = exchange->next;
        exchange_detach(exchange);
        if (exchange->state != EXCHANGE_RUNNING) exchange_free(exchange);
    }
    if (conn->prev) conn->prev->next = conn->next;
    else loop->conns = conn->next;
    if (conn->next) conn->next->prev = conn->prev;
    uv_close((uv_handle_t *)&conn->tcp, on_handle_closed);
    uv_close((uv_handle_t *)&conn->timer, on_handle_closed);
}

void conn_drain(struct conn *conn)
{
    if (conn->closing) return;
    if (conn->proto == CONN_H2) h2_goaway(conn);
    else if (!conn->h1_running) conn->close_after_write = true;
    conn_flush(conn);
}

/* ---- what is due ---- */

static int64_t now_of(const struct conn *conn) { return os_now_us(conn->loop->net->opts.os); }

static int64_t sooner(int64_t a, int64_t b) { return a < b ? a : b; }

/* A connection that only writes is not idle: it is watched by what its peer takes. */
static void on_timer(uv_timer_t *timer)
{
    struct conn *conn = timer->data;
    const int64_t now = now_of(conn);
    if (now >= conn->write_due_us) {
        net_log(conn->loop->net, 1, "%s: closed, it does not read its replies", conn->peer);
        conn_close(conn);
    } else if (now >= conn->due_us && !conn->writing) {
        conn_close(conn);
    } else {
        if (now >= conn->due_us) conn->due_us = conn->write_due_us;
        const bool stream_due = conn->proto == CONN_STREAM && now >= conn->stream.due_us;
        if (stream_due) conn->stream.due_us = OS_FOREVER;
        conn_watch(conn);
        if (stream_due) stream_woken(conn);
        if (conn->closing) return;
        if (conn->proto == CONN_H2) h2_pump(conn); /* what a sweep had to say */
        conn_flush(conn);
    }
}

/* A timer that runs out too early looks again: most requests end before theirs does, and a timer
 * that is set for each is a heap that is sorted for each. */
static void set_timer(struct conn *conn, uint64_t ms)
{
    if (uv_is_active((const uv_handle_t *)&conn->timer) &&
        uv_timer_get_due_in(&conn->timer) <= ms)
        return;
    (void)uv_timer_start(&conn->timer, on_timer, ms, 0);
}

void conn_watch(struct conn *conn)
{
    if (conn->closing) return;
    const int64_t now = now_of(conn);
    int64_t due = sooner(conn->due_us, conn->write_due_us);
    if (conn->proto == CONN_H2) due = sooner(due, h2_sweep(conn, now));
    if (conn->proto == CONN_STREAM) due = sooner(due, conn->stream.due_us);
    if (conn->closing) return;
    if (due != OS_FOREVER) set_timer(conn, due > now ? (uint64_t)(due - now) / 1000 + 1 : 1);
}

void conn_watch_soon(struct conn *conn)
{
    const uint64_t patience = (uint64_t)conn->loop->net->limits.request_timeout_s * 1000;
    if (!conn->closing) set_timer(conn, patience); /* one of a longer patience may still run */
}

void conn_timer(struct conn *conn, unsigned seconds)
{
    if (conn->closing) return;
    conn->due_us = seconds ? now_of(conn) + (int64_t)seconds * 1000000 : OS_FOREVER;
    conn_watch(conn);
}

/* The peer took something, or we begin to wait for it to. */
static void watch_write(struct conn *conn, bool waiting)
{
    const int64_t patience = (int64_t)conn->loop->net->limits.request_timeout_s * 1000000;
    const bool was = conn->write_due_us != OS_FOREVER;
    conn->write_due_us = waiting ? now_of(conn) + patience : OS_FOREVER;
    if (waiting || was) conn_watch(conn);
}

/* ---- writing ---- */

/* A connection with nothing to say has no buffer, however much it once said: those that were
 * written last are given to whoever writes next, and are warm. Until then all of it counts, also
 * what the socket took. */
static void spare_output(struct loop *loop, struct buffer *written)
{
    buffer_clear(written);
    if (!written->data) return;
    if (loop->spare_count == NET_GATHERED ||
        loop->spare_bytes + written->cap > NET_OUTPUT_SLICE) {
        buffer_release(written);
    } else {
        loop->spare_bytes += written->cap;
        loop->spare_outputs[loop->spare_count++] = *written;
        buffer_init(written);
    }
}

struct buffer *conn_output(struct conn *conn)
{
    struct loop *loop = conn->loop;
    if (!conn->output.data && !conn->output.failed && loop->spare_count) {
        conn->output = loop->spare_outputs[--loop->spare_count];
        loop->spare_bytes -= conn->output.cap;
    }
    return &conn->output;
}

size_t conn_unsent(const struct conn *conn)
{
    return conn->output.len - conn->output_sent + conn->inflight.len - conn->inflight_sent;
}

size_t conn_output_bytes(const struct conn *conn) { return conn->output.len + conn->inflight.len; }

void conn_count_output(struct conn *conn)
{
    const size_t bytes = conn_output_bytes(conn);
    if (bytes == conn->counted_bytes || conn->closing) return;
    conn->loop->net->output_bytes += bytes - conn->counted_bytes;
    atomic_store_explicit(&conn->counted_bytes, bytes, memory_order_relaxed);
}

void conn_put(struct conn *conn, const void *data, size_t len)
{
    if (conn->closing) return;
    int rc = 0;
    if (conn->tls) rc = tls_conn_seal(conn->tls, data, len, conn_output(conn));
    else buffer_put(conn_output(conn), data, len);
    conn_count_output(conn);
    if (rc || buffer_failed(&conn->output)) {
        conn_close(conn);
    } else {
        (void)budget_output(conn);
    }
}

bool conn_hold(struct conn *conn, struct exchange *exchange)
{
    exchange->held_bytes = exchange->reply.len;
    exchange->progress_us = now_of(conn);
    conn->held_bytes += exchange->held_bytes;
    return budget_output(conn);
}

static void write_slice(struct conn *conn);

static void on_written(uv_write_t *request, int status)
{
    struct conn *conn = request->data;
    conn->writing = false;
    if (conn->closing) return;
    count_bytes(&conn->loop->bytes_out, conn->slice_bytes);
    conn->inflight_sent += conn->slice_bytes;
    if (status) {
        conn_close(conn);
        return;
    }
    if (conn->inflight_sent < conn->inflight.len) {
        write_slice(conn);
        return;
    }
    conn->inflight_sent = 0;
    spare_output(conn->loop, &conn->inflight);
    conn_count_output(conn);
    watch_write(conn, false);
    if (conn->proto == CONN_H2) h2_pump(conn);
    conn_flush(conn);
}

/* A slice at a time, so that it is seen whether the peer takes any. */
static void write_slice(struct conn *conn)
{
    const size_t left = conn->inflight.len - conn->inflight_sent;
    conn->slice_bytes = left < NET_OUTPUT_SLICE ? left : NET_OUTPUT_SLICE;
    uv_buf_t bytes = uv_buf_init((char *)conn->inflight.data + conn->inflight_sent,
                                 (unsigned)conn->slice_bytes);
    conn->write.data = conn;
    conn->loop->uv_due = true;
    conn->writing = uv_write(&conn->write, (uv_stream_t *)&conn->tcp, &bytes, 1, on_written) == 0;
    if (conn->writing) watch_write(conn, true);
    else conn_close(conn);
}

/* What the socket did not take at once goes out by writes of its own; new output gathers in a
 * fresh buffer meanwhile. */
static void write_rest(struct conn *conn)
{
    struct buffer empty = conn->inflight;
    conn->inflight = conn->output;
    conn->output = empty;
    conn->inflight_sent = conn->output_sent;
    conn->output_sent = 0;
    conn_count_output(conn);
    write_slice(conn);
}

/* A socket that is closed with bytes unread resets the connection, and the peer, who is still
 * sending what was refused, never sees why. So: no more from us, and wait for the peer. */
static void end(struct conn *conn)
{
    uv_os_fd_t fd;
    if (!conn->linger || uv_fileno((const uv_handle_t *)&conn->tcp, &fd)) {
        conn_close(conn);
        return;
    }
    if (conn->lingering) return;
    conn->lingering = true;
    (void)shutdown(fd, SHUT_WR);
    conn_timer(conn, NET_LINGER_S);
}

/* Whether the socket took all of the output at once. */
static bool write_output(struct conn *conn)
{
    const size_t len = conn->output.len - conn->output_sent;
    ssize_t sent = 0;
    while (len && (sent = send(conn->fd, conn->output.data + conn->output_sent, len,
                               MSG_NOSIGNAL)) < 0 && errno == EINTR)
        continue;
    if (sent < 0 && errno != EAGAIN) {
        conn_close(conn);
        return false;
    }
    if (sent > 0) {
        count_bytes(&conn->loop->bytes_out, (size_t)sent);
        conn->output_sent += (size_t)sent;
    }
    if (conn->output_sent < conn->output.len) {
        write_rest(conn);
        return false;
    }
    conn->output_sent = 0;
    spare_output(conn->loop, &conn->output);
    conn_count_output(conn);
    return true;
}

/* A slice that the socket took whole makes room for the next one. */
void conn_flush(struct conn *conn)
{
    if (conn->closing || conn->writing || conn->stream.ticket) return;
    do {
        if (!write_output(conn)) return;
        if (conn->proto == CONN_H2 && conn->h2) h2_pump(conn);
        else if (conn->h1_waits) h1_go_on(conn);
        if (conn->closing) return;
    } while (conn->output.len > 0);
    const bool idle_h2 = conn->proto == CONN_H2 && conn->h2 &&
                         !nghttp2_session_want_read(conn->h2) &&
                         !nghttp2_session_want_write(conn->h2);
    if ((conn->close_after_write && !conn->h1_running) || idle_h2) end(conn);
}

void conn_flush_soon(struct conn *conn)
{
    struct loop *loop = conn->loop;
    if (!loop->gathering) {
        conn_flush(conn);
    } else if (!conn->flush_waits) {
        conn->flush_waits = true;
        conn->next_to_flush = NULL;
        if (loop->to_flush) *loop->to_flush_end = conn;
        else loop->to_flush = conn;
        loop->to_flush_end = &conn->next_to_flush;
        if (++loop->to_flush_count >= NET_GATHERED) conn_flush_gathered(loop);
    }
}

/* A connection that was closed meanwhile is not freed before its loop's turn ends. */
void conn_flush_gathered(struct loop *loop)
{
    struct settled known = { 0 };
    while (loop->to_flush) {
        struct conn *conn = loop->to_flush;
        loop->to_flush = conn->next_to_flush;
        loop->to_flush_count--;
        conn->flush_waits = false;
        stream_settle(conn, &known);
        conn_flush(conn);
        if (conn->proto == CONN_STREAM && !conn->closing) (void)stream_check_unsent(conn);
    }
}

/* ---- reading ---- */

static void sniff(struct conn *conn, const uint8_t *data, size_t len)
{
    size_t used = 0;
    while (used < len && conn->sniffed_len < H2_PREFACE_BYTES &&
           data[used] == (uint8_t)h2_preface[conn->sniffed_len])
        conn->sniffed[conn->sniffed_len++] = data[used++];
    const bool h2 = conn->door->grpc && conn->sniffed_len == H2_PREFACE_BYTES;
    if (!h2 && conn->door->grpc && used == len) return; /* may still become the preface */
    uint8_t first[H2_PREFACE_BYTES];
    const size_t first_len = conn->sniffed_len;
    memcpy(first, conn->sniffed, first_len);
    conn->proto = h2 ? CONN_H2 : CONN_H1;
    if (h2 && h2_begin(conn)) {
        conn_close(conn);
        return;
    }
    if (!h2) h1_begin(conn);
    conn_input(conn, first, first_len);
    if (!conn->closing && used < len) conn_input(conn, data + used, len - used);
}

void conn_input(struct conn *conn, const uint8_t *data, size_t len)
{
    if (len == 0) return;
    switch (conn->proto) {
    case CONN_SNIFF: sniff(conn, data, len); break;
    case CONN_H1: h1_input(conn, data, len); break;
    case CONN_H2: h2_input(conn, data, len); break;
    case CONN_STREAM: stream_input(conn, data, len); break;
    }
}

static void tls_input(struct conn *conn, const uint8_t *data, size_t len)
{
    struct buffer plain;
    buffer_init(&plain);
    const int rc = tls_conn_feed(conn->tls, data, len, &plain, conn_output(conn));
    conn_count_output(conn);
    if (plain.len && !buffer_failed(&plain)) conn_input(conn, plain.data, plain.len);
    buffer_release(&plain);
    if (conn->closing) return;
    conn_flush(conn);
    if (rc) conn_close(conn);
}

void conn_took(struct conn *conn, const uint8_t *data, ptrdiff_t len)
{
    struct loop *loop = conn->loop;
    if (len == 0 && conn->proto == CONN_STREAM && !conn->close_after_write) {
        stream_end(conn);
        return;
    }
    if (len <= 0) { /* also a half-closed one: nobody waits for the reply */
        conn_close(conn);
        return;
    }
    count_bytes(&loop->bytes_in, (uint64_t)len);
    if (conn->close_after_write) return;
    if (conn->tls) tls_input(conn, data, (size_t)len);
    else conn_input(conn, data, (size_t)len);
    if (!conn->closing && conn->proto != CONN_STREAM) conn_flush(conn);
}

/* ---- beginning ---- */

/* "127.0.0.1:50312"; a unix socket has the door's path for both ends. */
static void print_address(const struct conn *conn, const struct sockaddr_storage *address,
                          char out[NET_PEER_BYTES])
{
    char host[INET6_ADDRSTRLEN] = "";
    unsigned port = 0;
    if (conn->door->path) {
        (void)snprintf(out, NET_PEER_BYTES, "%.*s", (int)NET_PEER_BYTES - 1, conn->door->path);
        return;
    }
    if (address->ss_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof v6);
        (void)uv_ip6_name(&v6, host, sizeof host);
        port = ntohs(v6.sin6_port);
    } else {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof v4);
        (void)uv_ip4_name(&v4, host, sizeof host);
        port = ntohs(v4.sin_port);
    }
    (void)snprintf(out, NET_PEER_BYTES, "%s:%u", host, port);
}

static void name_ends(struct conn *conn)
{
    struct sockaddr_storage address;
    int len = sizeof address;
    if (uv_tcp_getpeername(&conn->tcp, (struct sockaddr *)&address, &len) == 0)
        print_address(conn, &address, conn->peer);
    len = sizeof address;
    if (conn->door->stream &&
        uv_tcp_getsockname(&conn->tcp, (struct sockaddr *)&address, &len) == 0)
        print_address(conn, &address, conn->stream.local);
}

static void link_conn(struct loop *loop, struct conn *conn)
{
    conn->next = loop->conns;
    if (loop->conns) loop->conns->prev = conn;
    loop->conns = conn;
}

struct conn *conn_new(struct loop *loop, size_t door)
{
    struct net *net = loop->net;
    struct conn *conn = mem_zalloc(sizeof *conn);
    if (!conn) return NULL;
    conn->loop = loop;
    conn->door = &net->opts.doors[door];
    conn->number = ++net->next_connection;
    conn->tcp.data = conn->timer.data = conn;
    conn->handles = 2;
    conn->due_us = conn->write_due_us = OS_FOREVER;
    net->connections++;
    (void)uv_timer_init(&loop->uv, &conn->timer);
    (void)uv_tcp_init(&loop->uv, &conn->tcp);
    link_conn(loop, conn);
    return conn;
}

static void set_socket(struct conn *conn)
{
    const struct net_door *door = conn->door;
    int in = (int)door->socket_bytes, out = in;
    (void)uv_tcp_nodelay(&conn->tcp, 1);
    if (door->keepalive_s) (void)uv_tcp_keepalive(&conn->tcp, 1, door->keepalive_s);
    if (in) (void)uv_recv_buffer_size((uv_handle_t *)&conn->tcp, &in);
    if (out) (void)uv_send_buffer_size((uv_handle_t *)&conn->tcp, &out);
}

void conn_begin(struct conn *conn, size_t door)
{
    struct net *net = conn->loop->net;
    net->accepted++;
    if (net->connections > net->limits.connections_max) {
        net->refused++;
        conn_close(conn);
        return;
    }
    name_ends(conn);
    set_socket(conn);
    if (net->tls[door] && tls_conn_new(net->tls[door], &conn->tls)) {
        conn_close(conn);
        return;
    }
    if (!conn->door->stream) conn_timer(conn, net->limits.handshake_timeout_s);
    conn->reading = true;
    if (!ready_watch(conn)) conn_close(conn);
    else if (conn->door->stream) stream_begin(conn);
}

static void on_refused(uv_handle_t *handle)
{
    struct loop *loop = handle->data;
    const uint64_t missed = loop->missed;
    loop->refusing = false;
    loop->missed = 0;
    for (size_t door = 0; door < loop->net->opts.door_count; door++)
        if (missed >> door & 1) conn_accept(loop, door, (uv_stream_t *)&loop->listeners[door]);
}

/* A connection that is not taken keeps its listener from waiting for others, so without memory it
 * is taken by a handle that every loop has ready, one at a time. */
static void refuse_without_memory(struct loop *loop, size_t door, uv_stream_t *listener)
{
    if (loop->refusing) {
        loop->missed |= (uint64_t)1 << door;
        return;
    }
    if (uv_tcp_init(&loop->uv, &loop->refuser)) return;
    loop->refuser.data = loop;
    loop->refusing = true;
    if (uv_accept(listener, (uv_stream_t *)&loop->refuser) == 0) {
        loop->net->accepted++;
        loop->net->refused++;
    }
    uv_close((uv_handle_t *)&loop->refuser, on_refused);
}

void conn_accept(struct loop *loop, size_t door, uv_stream_t *listener)
{
    struct conn *conn = conn_new(loop, door);
    if (!conn) refuse_without_memory(loop, door, listener);
    else if (uv_accept(listener, (uv_stream_t *)&conn->tcp)) conn_close(conn);
    else conn_begin(conn, door);
}

void conn_send_reply(struct conn *conn, struct exchange *exchange)
{
    if (conn->proto == CONN_H2) h2_send(conn, exchange);
    else h1_send(conn, exchange);
    if (!conn->closing) conn_flush_soon(conn);
}
