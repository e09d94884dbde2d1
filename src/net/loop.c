/*
 * One event loop: a thread in ready_run, its listeners and its post queue.
 *
 * Other threads reach a loop in two ways only: loop_post() hands back an exchange that was
 * answered, loop_ask() says that the server stops; both leave a note under post_lock and wake the
 * loop.
 */
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "net/net_internal.h"

#define RELISTEN_MS 100

void net_log(const struct net *net, int level, const char *fmt, ...)
{
    if (!net->opts.log) return;
    char text[KITH_ERROR_TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    net->opts.log(net->opts.log_ctx, level, text);
}

static void on_delay(uv_timer_t *timer);

static void tell(const struct exchange *exchange)
{
    const struct net_opts *opts = &exchange->net->opts;
    if (!opts->on_end) return;
    const bool grpc = exchange->kind == EXCHANGE_GRPC;
    const struct net_ended ended = {
        .status = grpc ? exchange->grpc_status : exchange->http_status,
        .reply_bytes = exchange->reply.len,
        .us = os_now_us(opts->os) - exchange->started_us,
    };
    opts->on_end(opts->on_end_ctx, exchange, &ended);
}

static void answer(struct exchange *exchange)
{
    exchange->net->exchanges--;
    exchange->state = EXCHANGE_ENDED;
    struct conn *conn = exchange->conn;
    if (conn && exchange->trusted && !conn->known) {
        conn->known = true;
        if (conn->proto == CONN_H2) h2_know(conn);
    }
    if (conn) conn_send_reply(conn, exchange);
    else exchange_free(exchange);
}

/* Answers what waited long enough, and wakes again for the next. */
static void answer_delayed(struct loop *loop)
{
    const int64_t now = os_now_us(loop->net->opts.os);
    int64_t next_us = INT64_MAX;
    for (struct exchange **link = &loop->delayed; *link;) {
        struct exchange *exchange = *link;
        if (exchange->delayed_until_us > now && exchange->conn && !loop->stopping) {
            if (exchange->delayed_until_us < next_us) next_us = exchange->delayed_until_us;
            link = &exchange->next_posted;
            continue;
        }
        *link = exchange->next_posted;
        answer(exchange);
    }
    if (loop->delayed && !uv_is_closing((uv_handle_t *)&loop->delay_timer))
        (void)uv_timer_start(&loop->delay_timer, on_delay, (uint64_t)(next_us - now) / 1000 + 1, 0);
}

static void on_delay(uv_timer_t *timer) { answer_delayed(timer->data); }

/* Running until it is answered, for whoever waits for the loop to be quiet. */
static void ended(struct loop *loop, struct exchange *exchange)
{
    tell(exchange);
    if (exchange->delay_ms == 0) {
        answer(exchange);
        return;
    }
    exchange->delayed_until_us =
        os_now_us(loop->net->opts.os) + (int64_t)exchange->delay_ms * 1000;
    exchange->next_posted = loop->delayed;
    loop->delayed = exchange;
    answer_delayed(loop);
}

static void close_listeners(struct loop *loop, bool all)
{
    for (size_t i = 0; i < loop->net->opts.door_count; i++) {
        if (loop->net->opts.doors[i].until_end && !all) continue;
        uv_handle_t *handle = (uv_handle_t *)&loop->listeners[i];
        if (handle->loop && !uv_is_closing(handle)) uv_close(handle, NULL);
    }
}

static void obey(struct loop *loop, enum loop_order order)
{
    if (order >= LOOP_DRAIN && !loop->stopping) {
        loop->stopping = true;
        close_listeners(loop, false);
        answer_delayed(loop);
        for (struct conn *conn = loop->conns, *next; conn; conn = next) {
            next = conn->next;
            conn_drain(conn);
        }
    }
    if (order >= LOOP_CLOSE) close_listeners(loop, true);
    for (struct conn *conn = loop->conns, *next; order >= LOOP_CLOSE && conn; conn = next) {
        next = conn->next;
        conn_close(conn);
    }
    if (order >= LOOP_END && !loop->ended) {
        loop->ended = true;
        uv_close((uv_handle_t *)&loop->delay_timer, NULL);
        uv_close((uv_handle_t *)&loop->relisten_timer, NULL);
    }
}

void loop_heard(struct loop *loop)
{
    os_mutex_lock(&loop->post_lock);
    struct exchange *newest = loop->posted;
    loop->posted = NULL;
    const enum loop_order order = loop->order;
    os_mutex_unlock(&loop->post_lock);
    struct exchange *first = NULL; /* the oldest first */
    while (newest) {
        struct exchange *next = newest->next_posted;
        newest->next_posted = first;
        first = newest;
        newest = next;
    }
    while (first) {
        struct exchange *next = first->next_posted;
        ended(loop, first);
        first = next;
    }
    conn_flush_gathered(loop);
    streams_wake(loop);
    budget_shed(loop);
    obey(loop, order);
}

void loop_post(struct loop *loop, struct exchange *exchange)
{
    os_mutex_lock(&loop->post_lock);
    const bool wake = !loop->posted;
    exchange->next_posted = loop->posted;
    loop->posted = exchange;
    os_mutex_unlock(&loop->post_lock);
    if (wake) loop_ring(loop);
}

void loop_ask(struct loop *loop, enum loop_order order)
{
    os_mutex_lock(&loop->post_lock);
    if (order > loop->order) loop->order = order;
    os_mutex_unlock(&loop->post_lock);
    loop_ring(loop);
}

static void on_relisten(uv_timer_t *timer);

static void on_deaf(uv_handle_t *listener)
{
    struct loop *loop = listener->data;
    loop->deaf |= (uint64_t)1 << ((uv_tcp_t *)listener - loop->listeners);
    if (!uv_is_closing((uv_handle_t *)&loop->relisten_timer))
        (void)uv_timer_start(&loop->relisten_timer, on_relisten, RELISTEN_MS, 0);
}

/* Without descriptors or memory of the kernel libuv asks for the next connection again and again,
 * and nobody else on the loop is served. So the listener is closed for a moment; connections wait
 * in the system's queue. */
static void on_connection(uv_stream_t *listener, int status)
{
    struct loop *loop = listener->data;
    if (status == 0) {
        conn_accept(loop, (size_t)((uv_tcp_t *)listener - loop->listeners), listener);
    } else if (!uv_is_closing((uv_handle_t *)listener)) {
        net_log(loop->net, 1, "no connection can be taken for a moment: %s", uv_strerror(status));
        uv_close((uv_handle_t *)listener, on_deaf);
    }
}

/* Every loop listens on a copy of the door's socket; the system gives a connection to whichever
 * loop takes it first. */
static int listen_on(struct loop *loop, size_t door)
{
    uv_tcp_t *listener = &loop->listeners[door];
    int rc = uv_tcp_init(&loop->uv, listener);
    if (rc) return rc;
    listener->data = loop;
    const int fd = dup(loop->net->fds[door]);
    if (fd < 0) return UV_EMFILE;
    rc = uv_tcp_open(listener, fd);
    if (rc) (void)close(fd);
    else rc = uv_listen((uv_stream_t *)listener, 511, on_connection);
    return rc;
}

static void on_relisten(uv_timer_t *timer)
{
    struct loop *loop = timer->data;
    const uint64_t deaf = loop->deaf;
    loop->deaf = 0;
    for (size_t door = 0; door < loop->net->opts.door_count; door++) {
        const bool over = loop->stopping && !loop->net->opts.doors[door].until_end;
        if ((deaf >> door & 1) && !over && listen_on(loop, door))
            uv_close((uv_handle_t *)&loop->listeners[door], on_deaf);
    }
}

int loop_init(struct loop *loop, struct net *net, struct kith_error *err)
{
    loop->net = net;
    loop->poll = loop->bell = -1;
    loop->read_buffer = mem_alloc((size_t)2 * NET_READ_BYTES);
    loop->listeners = mem_zalloc_array(net->opts.door_count, sizeof *loop->listeners);
    if (!loop->read_buffer || !loop->listeners || os_mutex_init(net->opts.os, &loop->post_lock))
        return error_set(err, KITH_ENOMEM, "starting a loop: no memory");
    if (uv_loop_init(&loop->uv) || uv_timer_init(&loop->uv, &loop->delay_timer) ||
        uv_timer_init(&loop->uv, &loop->relisten_timer) || !ready_init(loop))
        return error_set(err, KITH_EIO, "starting a loop: the system refused");
    loop->delay_timer.data = loop->relisten_timer.data = loop;
    for (size_t door = 0; door < net->opts.door_count; door++) {
        const int rc = listen_on(loop, door);
        if (rc)
            return error_set(err, KITH_EIO, "listening on port %u: %s", net->ports[door],
                             uv_strerror(rc));
    }
    return 0;
}

void loop_release(struct loop *loop)
{
    ready_release(loop);
    os_mutex_release(&loop->post_lock);
    mem_free(loop->listeners);
    mem_free(loop->read_buffer);
    while (loop->spare_count) buffer_release(&loop->spare_outputs[--loop->spare_count]);
}

void loop_main(void *arg)
{
    struct loop *loop = arg;
    ready_run(loop);
    for (struct exchange *exchange = loop->posted, *next; exchange; exchange = next) {
        next = exchange->next_posted;
        exchange_free(exchange);
    }
    loop->posted = NULL;
    (void)uv_loop_close(&loop->uv);
}
