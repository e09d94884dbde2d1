/*
 * A loop's turn: who has something to read, and when libuv is due.
 *
 * Sockets are read by an epoll set of our own, edge-triggered: libuv's set is level-triggered, so
 * the system looks at every socket twice a request, and a read through libuv passes its queues.
 * libuv's own descriptor stands in our set as one more. It keeps what is rare: accepting, timers,
 * and writes that the socket does not take at once. As its documents say (uv_backend_fd), it is run
 * when its descriptor is ready or a timer is due, and once more after that, because what its
 * callbacks began to wait for reaches its set at the next run only; so does a write that we began
 * (loop->uv_due).
 *
 * An edge says that something came, once. So a connection remembers `unread` until a read found
 * less than it had room for, and while it may not be read (conn_read) the edge waits there. One
 * with more than a buffer full stands in the loop's list and goes on in the next turn, after the
 * others. A peer that closed (`hung_up`) sends no second edge: it is read to its end, and the end
 * counts as unread for good: a stream that was busy then finds it when it goes on.
 *
 * Reads of streams wait for each other: what their commands will look up lies in memory that nobody
 * touched for long, and the doors fetch it for several at a time (stream_ops.expect). So two waits
 * for memory a request become two for sixteen.
 *
 * Replies wait for each other (conn_flush_soon), no longer than the turn: the first send wakes a
 * peer who sleeps, those that follow find it awake.
 *
 * A connection is freed by libuv's callback alone, which runs at the end of a turn: nothing that
 * the system handed us in this one can be gone.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/net_internal.h"

#define EVENTS_A_TURN 256
#define LINE_BYTES 64u
#define SESSION_BYTES 256u /* of what the owner of a stream looks at first */

static bool add(const struct loop *loop, int fd, uint32_t events, void *ptr)
{
    struct epoll_event event = { .events = events, .data.ptr = ptr };
    return epoll_ctl(loop->poll, EPOLL_CTL_ADD, fd, &event) == 0;
}

bool ready_init(struct loop *loop)
{
    loop->poll = epoll_create1(EPOLL_CLOEXEC);
    loop->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return loop->poll >= 0 && loop->bell >= 0 && add(loop, loop->bell, EPOLLIN, &loop->bell) &&
           add(loop, uv_backend_fd(&loop->uv), EPOLLIN, &loop->uv);
}

void ready_release(struct loop *loop)
{
    if (loop->poll >= 0) (void)close(loop->poll);
    if (loop->bell >= 0) (void)close(loop->bell);
}

void loop_ring(const struct loop *loop)
{
    const uint64_t one = 1;
    (void)!write(loop->bell, &one, sizeof one); /* it fails when it was rung and not heard */
}

/* ---- connections ---- */

static void unlist(struct conn *conn)
{
    if (!conn->listed) return;
    conn->listed = false;
    *conn->link_unread = conn->next_unread;
    if (conn->next_unread) conn->next_unread->link_unread = conn->link_unread;
}

static void list(struct conn *conn)
{
    struct loop *loop = conn->loop;
    if (conn->listed) return;
    conn->listed = true;
    conn->next_unread = loop->unread;
    conn->link_unread = &loop->unread;
    if (loop->unread) loop->unread->link_unread = &conn->next_unread;
    loop->unread = conn;
}

bool ready_watch(struct conn *conn)
{
    if (uv_fileno((const uv_handle_t *)&conn->tcp, &conn->fd)) return false;
    return add(conn->loop, conn->fd, EPOLLIN | EPOLLRDHUP | EPOLLET, conn);
}

void ready_forget(struct conn *conn)
{
    unlist(conn); /* the set forgets a descriptor when it is closed */
}

void conn_read(struct conn *conn, bool on)
{
    conn->reading = on;
    if (on && conn->unread && !conn->closing) list(conn);
}

/* Those of one door, from `first` on; how many. */
static unsigned announce(const struct loop *loop, unsigned first)
{
    struct stream_input inputs[STREAM_INPUTS_MAX];
    const struct net_door *door = loop->taken[first].conn->door;
    size_t count = 0;
    unsigned at = first;
    for (; at < loop->taken_count && loop->taken[at].conn->door == door; at++) {
        const struct taken *taken = &loop->taken[at];
        if (taken->len <= 0 || taken->conn->closing) continue;
        inputs[count++] = (struct stream_input){ taken->conn->stream.session, taken->data,
                                                 (size_t)taken->len };
    }
    if (count > 1) door->stream->expect(door->ctx, inputs, count);
    return at - first;
}

/* What was read goes to its connections. */
static void hand_out(struct loop *loop)
{
    const unsigned count = loop->taken_count;
    for (unsigned at = 0; at < count;) at += announce(loop, at);
    for (unsigned i = 0; i < count; i++) {
        const struct taken *taken = &loop->taken[i];
        struct conn *conn = taken->conn;
        conn->taken = false;
        if (!conn->closing) conn_took(conn, taken->data, taken->len);
        if (conn->unread && conn->reading && !conn->closing) list(conn);
    }
    loop->taken_count = 0;
    loop->taken_bytes = 0;
}

static bool gathers(const struct conn *conn)
{
    return conn->proto == CONN_STREAM && !conn->tls && conn->door->stream->expect &&
           conn->stream.session;
}

static void read_some(struct conn *conn)
{
    struct loop *loop = conn->loop;
    const bool full = loop->taken_count == STREAM_INPUTS_MAX || loop->taken_bytes > NET_READ_BYTES;
    const bool gather = gathers(conn);
    if (full || conn->taken || !gather) hand_out(loop);
    if (!conn->reading || conn->closing) return;
    uint8_t *room = loop->read_buffer + loop->taken_bytes;
    const ssize_t len = recv(conn->fd, room, NET_READ_BYTES, 0);
    const bool later = len < 0 && (errno == EAGAIN || errno == EINTR);
    conn->unread = len == NET_READ_BYTES || (len < 0 && errno == EINTR) || len == 0 ||
                   (len > 0 && conn->hung_up);
    if (!later) {
        loop->taken[loop->taken_count++] = (struct taken){ conn, room, len };
        conn->taken = true;
        if (len > 0) loop->taken_bytes += ((size_t)len + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES;
        if (!gather) hand_out(loop);
    } else if (conn->unread) {
        list(conn);
    }
}

static void on_event(struct conn *conn, uint32_t events)
{
    if (conn->closing) return;
    conn->unread = true;
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) conn->hung_up = true;
    if (conn->reading) read_some(conn);
}

/* Those that had more than one read takes, or may be read again. */
static void read_rest(struct loop *loop)
{
    struct conn *first = loop->unread;
    if (!first) return;
    loop->unread = NULL; /* whoever joins now comes in the next turn */
    first->link_unread = &first;
    while (first) {
        struct conn *conn = first;
        unlist(conn);
        if (conn->reading && conn->unread && !conn->closing) read_some(conn);
    }
}

/* ---- turns ---- */

/* While the workers have more to do, the one that rang goes on first if it waits for this very
 * processor: its next replies go out with this one. Else each costs two changes of threads and a
 * wake-up of the peer, and workers lose what their caches held. */
static void hear_bell(struct loop *loop)
{
    uint64_t rings;
    if (loop->net->queued > 0) os_thread_yield();
    (void)!read(loop->bell, &rings, sizeof rings);
    loop_heard(loop);
}

/* `fresh`: something happened, so its callbacks may begin to wait for more. */
static void run_uv(struct loop *loop, bool fresh)
{
    loop->uv_due = fresh;
    (void)uv_run(&loop->uv, UV_RUN_NOWAIT);
}

/* Milliseconds until libuv has a timer to call or a handle to close; -1: it has none. */
static int uv_patience(struct loop *loop)
{
    if (!uv_loop_alive(&loop->uv)) return -1;
    uv_update_time(&loop->uv);
    return uv_backend_timeout(&loop->uv);
}

static bool is_conn(const struct loop *loop, const void *who)
{
    return who != &loop->uv && who != &loop->bell;
}

/* Inlined before the compiler looks: it knows of no effect of this, and would leave a call out. */
#define ASKS static inline __attribute__((always_inline))

ASKS void ask_for(const void *state, size_t bytes)
{
    if (!state) return;
    for (size_t at = 0; at < bytes; at += LINE_BYTES)
        __builtin_prefetch((const char *)state + at);
}

/* With many connections each one's state has left the nearer caches since its last request. It is
 * asked for while those before it are served: first the connection, then its session. */
ASKS void look_ahead(const struct loop *loop, const struct epoll_event *events, int count)
{
    if (count > 2 && is_conn(loop, events[2].data.ptr))
        ask_for(events[2].data.ptr, offsetof(struct conn, stream.plain));
    if (count > 1 && is_conn(loop, events[1].data.ptr)) {
        const struct conn *next = events[1].data.ptr;
        ask_for(next->stream.session, SESSION_BYTES);
    }
}

static void take(struct loop *loop, const struct epoll_event *events, int count, bool *fresh)
{
    for (int i = 0; i < count; i++) {
        void *who = events[i].data.ptr;
        look_ahead(loop, events + i, count - i);
        if (who == &loop->uv) *fresh = true;
        else if (who == &loop->bell) hear_bell(loop);
        else on_event(who, events[i].events);
    }
    hand_out(loop);
}

/* Where several loops share the processors with those who ask, the one who waits for this very
 * processor goes on first: then there is more in the next turn, and nobody need be woken for it. */
static void make_way(const struct loop *loop)
{
    if (loop->busy && loop->net->loop_count > 1) os_thread_yield();
}

void ready_turn(struct loop *loop, bool wait)
{
    struct epoll_event events[EVENTS_A_TURN];
    const int due = uv_patience(loop);
    const int timeout = loop->unread || loop->uv_due || !wait ? 0 : due;
    make_way(loop);
    const int count = epoll_wait(loop->poll, events, EVENTS_A_TURN, timeout);
    loop->busy = count > 0;
    bool fresh = due == 0 || (count == 0 && timeout > 0);
    loop->gathering = true;
    read_rest(loop);
    take(loop, events, count, &fresh);
    loop->gathering = false;
    conn_flush_gathered(loop);
    if (fresh || loop->uv_due) run_uv(loop, fresh);
    if (loop->held) streams_settle(loop);
}

void ready_run(struct loop *loop)
{
    loop->uv_due = true;
    while (!loop->ended || uv_loop_alive(&loop->uv)) ready_turn(loop, true);
}
