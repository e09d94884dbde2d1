/*
 * A connection whose door speaks bytes: see stream.h.
 *
 * A read goes to the session where it lies, in the loop's buffer; only what the session leaves is
 * kept, in `pending`, and comes again with the next read behind it. So a command that arrives
 * whole, which is nearly every one, is never copied, and one of many megabytes is gathered once.
 *
 * States: OPEN (input flows), PAUSED (nothing is read), ENDING (close_after_write: what was
 * answered still goes out). The session is closed in conn_close, once. Output that has to wait for
 * a ticket is in the connection's buffer. The door is asked to settle it when what the turn
 * gathered is sent, once for all that is in it; one whose ticket is not good even then, or that
 * does not gather, is in the loop's list `held`.
 */
#include <string.h>

#include "base/alloc.h"
#include "net/net_internal.h"

static struct conn *conn_of(struct stream *stream)
{
    return (struct conn *)((char *)stream - offsetof(struct conn, stream));
}

static const struct conn *conn_of_const(const struct stream *stream)
{
    return (const struct conn *)((const char *)stream - offsetof(struct conn, stream));
}

#define BYTES_KEPT 4096u /* by a connection with nothing to say */

static const struct stream_ops *ops_of(const struct conn *conn) { return conn->door->stream; }

/* ---- output ---- */

struct buffer *stream_output(struct stream *stream)
{
    struct conn *conn = conn_of(stream);
    return conn->tls ? &stream->plain : conn_output(conn);
}

size_t stream_unsent(const struct stream *stream)
{
    return conn_unsent(conn_of_const(stream)) + stream->plain.len;
}

size_t stream_held(const struct stream *stream)
{
    return atomic_load_explicit(&conn_of_const(stream)->counted_bytes, memory_order_relaxed);
}

/* It has a ticket, and nobody else will ask about it. */
static void hold(struct stream *stream)
{
    struct loop *loop = conn_of(stream)->loop;
    if (stream->listed) return;
    stream->listed = true;
    stream->prev_held = NULL;
    stream->next_held = loop->held;
    if (loop->held) loop->held->prev_held = stream;
    loop->held = stream;
}

static void let_go(struct stream *stream)
{
    struct loop *loop = conn_of(stream)->loop;
    stream->ticket = 0;
    if (!stream->listed) return;
    stream->listed = false;
    if (stream->prev_held) stream->prev_held->next_held = stream->next_held;
    else loop->held = stream->next_held;
    if (stream->next_held) stream->next_held->prev_held = stream->prev_held;
}

/* Doors with a `settle` of their own keep their tickets apart: each is asked once. */
static void settle_door(struct loop *loop, const struct net_door *door)
{
    const uint64_t settled = door->stream->settle(door->ctx);
    for (struct stream *stream = loop->held, *next; stream; stream = next) {
        struct conn *conn = conn_of(stream);
        next = stream->next_held;
        if (conn->door != door || stream->ticket > settled) continue;
        let_go(stream);
        conn_flush(conn);
    }
}

void stream_settle(struct conn *conn, struct settled *known)
{
    struct stream *stream = &conn->stream;
    const struct net_door *door = conn->door;
    if (!stream->ticket) return;
    if (door != known->door)
        *known = (struct settled){ door, door->stream->settle ? door->stream->settle(door->ctx)
                                                              : 0 };
    if (stream->ticket <= known->ticket) let_go(stream);
    else hold(stream);
}

void streams_settle(struct loop *loop)
{
    for (size_t i = 0; loop->held && i < loop->net->opts.door_count; i++) {
        const struct net_door *door = &loop->net->opts.doors[i];
        if (door->stream && door->stream->settle) settle_door(loop, door);
    }
}

void net_settled(struct net *net)
{
    for (unsigned i = 0; i < net->loop_count; i++) loop_ring(&net->loops[i]);
}

bool stream_check_unsent(struct conn *conn)
{
    if (conn->output.len + conn->inflight.len == 0) return true;
    const struct stream_ops *ops = ops_of(conn);
    const bool asks = ops->output_max && conn->stream.session;
    const size_t most = asks ? ops->output_max(conn->stream.session) : 0;
    conn_count_output(conn);
    return most ? budget_output_within(conn, most) : budget_output(conn);
}

/* What a callback wrote, into the socket. false: the connection is closed now. */
static bool send_output(struct conn *conn)
{
    struct stream *stream = &conn->stream;
    const struct stream_ops *ops = ops_of(conn);
    if (stream->close_now) conn_close(conn);
    if (conn->closing) return false;
    if (conn->tls && stream->plain.len) {
        conn_put(conn, stream->plain.data, stream->plain.len);
        buffer_clear(&stream->plain);
        if (stream->plain.cap > BYTES_KEPT) buffer_release(&stream->plain);
    }
    if (conn->output.failed) conn_close(conn);
    if (conn->closing) return false;
    if (!conn->writing && conn->output.len == conn->output_sent && !conn->close_after_write) {
        if (conn->output.data) conn_flush(conn); /* nothing to say: the buffer goes back */
        return true;
    }
    const uint64_t ticket = ops->ticket && stream->session ? ops->ticket(stream->session) : 0;
    if (ticket) stream->ticket = ticket;
    if (conn->output.len - conn->output_sent <= NET_GATHER_BYTES) conn_flush_soon(conn);
    else conn_flush(conn);
    if (stream->ticket && !conn->flush_waits) hold(stream);
    if (conn->closing) return false;
    return conn->flush_waits || stream_check_unsent(conn);
}

/* ---- input ---- */

static const uint8_t nothing[1];

/* Input that was left counts as that of requests does. */
static void count_pending(struct conn *conn)
{
    struct stream *stream = &conn->stream;
    const size_t len = stream->pending.len, counted = stream->pending_bytes;
    if (len < counted) {
        size_t less = counted - len;
        budget_give(conn, conn->loop->net, &less);
        stream->pending_bytes = len;
    } else if (len > counted && !budget_take(conn, &stream->pending_bytes, len - counted)) {
        net_log(conn->loop->net, 1, "%s: closed, the server holds too much input", conn->peer);
        conn_close(conn);
    }
}

/* Gives the session what there is; keeps what it leaves. */
static void offer(struct conn *conn, const uint8_t *data, size_t len, bool end)
{
    struct stream *stream = &conn->stream;
    const bool kept = stream->pending.len > 0;
    if (kept) {
        buffer_put(&stream->pending, data, len);
        if (buffer_failed(&stream->pending)) {
            conn_close(conn);
            return;
        }
        data = stream->pending.data;
        len = stream->pending.len;
    }
    const size_t used = ops_of(conn)->input(stream->session, data, len, end);
    if (kept) {
        stream->pending.len -= used;
        if (used) memmove(stream->pending.data, stream->pending.data + used, stream->pending.len);
        if (stream->pending.len == 0 && stream->pending.cap > BYTES_KEPT)
            buffer_release(&stream->pending);
    } else if (used < len) {
        buffer_put(&stream->pending, data + used, len - used);
        if (buffer_failed(&stream->pending)) conn_close(conn);
    }
    if (stream->pending.len != stream->pending_bytes && !conn->closing) count_pending(conn);
}

/* What the callbacks asked for, until nothing is left to do. */
static void settle(struct conn *conn)
{
    struct stream *stream = &conn->stream;
    while (send_output(conn) && stream->resuming) {
        stream->resuming = false;
        if (stream->paused || conn->close_after_write) continue;
        conn_read(conn, true);
        if (stream->pending.len) offer(conn, nothing, 0, false);
    }
}

void stream_input(struct conn *conn, const uint8_t *data, size_t len)
{
    offer(conn, data, len, false);
    settle(conn);
}

void stream_end(struct conn *conn)
{
    offer(conn, nothing, 0, true);
    if (conn->closing) return;
    /* A session that paused has something under way: it hears of the end again when it goes on. */
    if (!conn->stream.paused) stream_close(&conn->stream, false);
    settle(conn);
}

void stream_pause(struct stream *stream)
{
    struct conn *conn = conn_of(stream);
    stream->paused = true;
    stream->resuming = false;
    conn_read(conn, false);
}

void stream_resume(struct stream *stream)
{
    if (!stream->paused) return;
    stream->paused = false;
    stream->resuming = true;
}

void stream_close(struct stream *stream, bool now)
{
    struct conn *conn = conn_of(stream);
    conn->close_after_write = true;
    conn_read(conn, false);
    if (now) stream->close_now = true;
}

struct kith_str stream_pending(const struct stream *stream)
{
    return (struct kith_str){ (const char *)stream->pending.data, stream->pending.len };
}

/* ---- waking ---- */

void stream_woken(struct conn *conn)
{
    if (conn->closing || !conn->stream.session) return;
    ops_of(conn)->wake(conn->stream.session);
    settle(conn);
}

void stream_wake(struct stream *stream)
{
    struct loop *loop = conn_of(stream)->loop;
    os_mutex_lock(&loop->post_lock);
    const bool first = !loop->awake, listed = stream->awake;
    if (!listed) {
        stream->awake = true;
        stream->next_awake = loop->awake;
        loop->awake = stream;
    }
    os_mutex_unlock(&loop->post_lock);
    if (first && !listed) loop_ring(loop);
}

/* One that was woken and is still open; NULL: no more. */
static struct stream *next_awake(struct loop *loop)
{
    os_mutex_lock(&loop->post_lock);
    struct stream *stream = loop->awake;
    if (stream) {
        loop->awake = stream->next_awake;
        stream->awake = false;
    }
    os_mutex_unlock(&loop->post_lock);
    return stream;
}

void streams_wake(struct loop *loop)
{
    /* Those that are woken meanwhile have sent a new wake-up if the list was empty then; the bound
     * keeps two that wake each other from starving the rest. */
    for (unsigned turn = 0; turn < NET_STREAMS_A_TURN; turn++) {
        struct stream *stream = next_awake(loop);
        if (!stream) return;
        stream_woken(conn_of(stream));
    }
    loop_ring(loop);
}

static void forget(struct stream *stream)
{
    struct loop *loop = conn_of(stream)->loop;
    os_mutex_lock(&loop->post_lock);
    for (struct stream **link = &loop->awake; stream->awake && *link;
         link = &(*link)->next_awake) {
        if (*link != stream) continue;
        *link = stream->next_awake;
        break;
    }
    stream->awake = false;
    os_mutex_unlock(&loop->post_lock);
}

void stream_timer(struct stream *stream, unsigned ms)
{
    struct conn *conn = conn_of(stream);
    stream->due_us = ms ? os_now_us(conn->loop->net->opts.os) + (int64_t)ms * 1000 : OS_FOREVER;
    conn_watch(conn);
}

/* ---- begin and end ---- */

void stream_begin(struct conn *conn)
{
    struct stream *stream = &conn->stream;
    conn->proto = CONN_STREAM;
    stream->due_us = OS_FOREVER;
    stream->session = ops_of(conn)->open(conn->door->ctx, stream);
    if (!stream->session) conn->close_after_write = true;
    settle(conn);
}

void stream_closed(struct conn *conn)
{
    struct stream *stream = &conn->stream;
    if (stream->session) ops_of(conn)->close(stream->session);
    stream->session = NULL;
    budget_give(conn, conn->loop->net, &stream->pending_bytes);
    forget(stream);
    let_go(stream);
}

void stream_release(struct conn *conn)
{
    buffer_release(&conn->stream.pending);
    buffer_release(&conn->stream.plain);
}

/* ---- who it is ---- */

const char *stream_peer(const struct stream *stream) { return conn_of_const(stream)->peer; }

uint64_t stream_number(const struct stream *stream) { return conn_of_const(stream)->number; }

const char *stream_local(const struct stream *stream)
{
    return conn_of_const(stream)->stream.local;
}

bool stream_peer_is_local(const struct stream *stream)
{
    const struct conn *conn = conn_of_const(stream);
    return conn->door->path || strncmp(conn->peer, "127.", 4) == 0 ||
           strncmp(conn->peer, "::1:", 4) == 0 || strncmp(conn->peer, "[::1]", 5) == 0 ||
           strncmp(conn->peer, "::ffff:127.", 11) == 0;
}
