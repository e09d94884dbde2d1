/*
 * The inside of net: loops, connections, exchanges, and who owns what.
 *
 * Lifetimes
 *   net       net_new .. net_free; owns loops and the worker pool.
 *   loop      one thread in ready_run; owns its connections. Everything in a loop or a connection
 *             is touched by that thread only, but for the loop's post queue (guard: post_lock).
 *   conn      accept .. the close callback of its handles. On close it lets go of its exchanges:
 *             exchange->conn becomes NULL and their cancel tokens fire.
 *   exchange  made when a request begins. It is its connection's while the request is read, the
 *             handler's from `handle` to exchange_end(), the loop's again while the reply is sent.
 *
 *   exchange state   who may touch it        next
 *   READING          loop                    RUNNING, or freed when the request is broken off
 *   RUNNING          handler; loop may only  ENDED (exchange_end posts it to its loop)
 *                    detach conn and cancel
 *   ENDED            loop                    freed when sent, or when its connection is gone
 */
#ifndef KITH_NET_NET_INTERNAL_H
#define KITH_NET_NET_INTERNAL_H

#include <nghttp2/nghttp2.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <uv.h>

#include "base/arena.h"
#include "net/net.h"
#include "net/stream.h"
#include "os/pool.h"
#include "os/thread.h"
#include "proto/grpc.h"
#include "proto/http1.h"

#define NET_READ_BYTES 65536u
#define NET_HEADERS_MAX 100u
#define NET_HEADERS_FIRST 16u /* room for so many at first */
#define NET_HEADER_BYTES_MAX 65536u /* of one request; HPACK may say much with few bytes */
#define NET_WINDOW_BYTES (16 << 20)
#define NET_STREAMS_MAX 1024u
#define NET_STREAMS_A_TURN 4096u /* stream wake-ups between two looks at the sockets */
#define NET_STREAMS_STRANGER 100u /* until the handler knows who asks */
#define NET_EXCHANGE_BYTES 3072u  /* of one that waits, nghttp2's share too: counted as input */
#define NET_EXCHANGE_ROOM 1280u   /* for its headers, before they take a block of an arena */
#define NET_DELAY_MS_MAX 60000u
#define NET_PEER_BYTES 64u
#define NET_LINGER_S 2u /* how long a refused request may go on arriving */
#define NET_OUTPUT_SLICE 262144u /* how much of a reply is framed ahead of the socket */
#define NET_GATHERED 64u /* connections whose replies wait for each other */
#define NET_GATHER_BYTES 16384u /* a longer reply of a stream does not wait */

enum exchange_state { EXCHANGE_READING, EXCHANGE_RUNNING, EXCHANGE_ENDED };

struct reply_header {
    const char *name, *value; /* in the arena */
    struct reply_header *next;
};

struct exchange {
    struct loop *loop;   /* borrows */
    struct conn *conn;   /* borrows; NULL: gone. Loop's thread only */
    struct net *net;
    const struct net_door *door;
    enum exchange_state state;
    enum exchange_kind kind;
    int32_t stream; /* HTTP/2 */
    uint64_t connection;
    char peer[NET_PEER_BYTES];

    struct arena arena;
    size_t room_used;             /* of room */
    struct kith_str method, path, query;
    struct http1_header *headers; /* in room, or the arena */
    size_t header_count, header_room;
    size_t header_bytes;
    struct grpc_message message; /* HTTP/2 */
    struct buffer body;          /* HTTP/1.1; taken from the parser */
    bool headers_done;
    int refuse_status;           /* HTTP status to answer with at the end of the headers; 0: none */

    struct kith_cancel *cancel; /* owns */
    struct kith_call call;
    int64_t deadline_us; /* OS_FOREVER: none */
    int64_t started_us;     /* READING: since its first byte; then since it runs */
    int64_t progress_us;    /* ENDED: when the peer last took some of it */
    size_t input_bytes;     /* headers and body; counted in its connection and net->input_bytes */
    bool trusted;           /* exchange_trust; the handler's while RUNNING */
    size_t unpacked_bytes;  /* of a compressed request; counted in net->unpacked_bytes */
    size_t reply_bytes;     /* counted in net->output_bytes, from exchange_end on */
    size_t held_bytes;      /* of the reply; counted in its connection (HTTP/2) */
    unsigned delay_ms;   /* the reply waits so long on the loop */

    void (*work)(void *ctx, struct exchange *exchange);
    void *work_ctx;

    struct buffer reply; /* owns */
    size_t reply_sent;
    uint8_t prefix[GRPC_PREFIX_BYTES];
    size_t prefix_sent;
    int http_status;
    int grpc_status;
    char *grpc_text; /* in the arena, percent-encoded; NULL: none */
    struct reply_header *reply_headers;

    struct exchange *next_posted; /* also of the loop's list of delayed ones */
    int64_t delayed_until_us;
    struct exchange *prev, *next; /* of the connection's list */
    atomic_bool gone;      /* its client is: work that has not begun need not */
    alignas(16) uint8_t room[NET_EXCHANGE_ROOM]; /* the last: it is not zeroed */
};

enum loop_order { /* what net_stop asks for, one after the other */
    LOOP_RUN,
    LOOP_DRAIN, /* no new connections or requests */
    LOOP_CLOSE, /* close connections; cancel what runs */
    LOOP_END    /* nothing runs any more: leave ready_run */
};

struct taken { /* what a read brought */
    struct conn *conn;
    const uint8_t *data;
    ptrdiff_t len; /* as recv() said */
};

struct loop {
    struct net *net;
    uv_loop_t uv;
    int poll, bell;          /* ready.c: an epoll set, an eventfd in it */
    bool uv_due;             /* libuv was asked for something since it ran */
    bool ended;              /* LOOP_END was heard */
    bool busy;               /* there was something in the last turn */
    struct conn *unread;     /* list: more to read */
    _Atomic uint64_t bytes_in, bytes_out; /* written by its thread alone */
    uv_tcp_t *listeners; /* owns: one a door */
    struct os_thread *thread;
    struct os_mutex post_lock;
    struct exchange *posted; /* guard: post_lock; newest first */
    enum loop_order order;   /* guard: post_lock */
    struct stream *awake;    /* guard: post_lock; streams with a wake-up due */
    struct stream *held;     /* list: their output waits for a ticket */
    struct exchange *delayed; /* list: ended, and held back */
    bool gathering;           /* conn_flush_soon waits for others */
    struct conn *to_flush, **to_flush_end; /* list: first come, first flushed */
    unsigned to_flush_count;
    uv_timer_t delay_timer;   /* runs while there is any */
    bool stopping;
    struct conn *conns;      /* list */
    size_t listeners_open;
    uint8_t *read_buffer;    /* owns: twice NET_READ_BYTES */
    struct taken taken[STREAM_INPUTS_MAX]; /* reads that wait for each other, in read_buffer */
    unsigned taken_count;
    size_t taken_bytes;
    struct buffer spare_outputs[NET_GATHERED]; /* own: for whoever writes next */
    unsigned spare_count;
    size_t spare_bytes;
    uv_tcp_t refuser;        /* takes a connection that there is no memory for */
    bool refusing;           /* refuser is being closed */
    uint64_t missed;         /* doors whose listener waits for it; a bit each */
    uint64_t deaf;           /* doors whose listener is closed for a moment; a bit each */
    uv_timer_t relisten_timer; /* runs while there are any */
};

enum conn_proto { CONN_SNIFF, CONN_H1, CONN_H2, CONN_STREAM };

struct stream { /* what a connection of a stream door has besides */
    void *session;         /* the owner's; NULL: refused, or closed */
    uint64_t ticket;       /* the output waits for it; 0: it does not */
    bool paused, resuming;
    bool listed;           /* in its loop's list of those held */
    bool close_now;        /* asked for inside a callback */
    bool awake;            /* guard: loop.post_lock; in its list */
    struct buffer pending; /* owns: input that the session left */
    size_t pending_bytes;  /* of pending: how much is in net->input_bytes */
    struct buffer plain;   /* owns: output before TLS */
    int64_t due_us;        /* stream_timer; OS_FOREVER: off */
    struct stream *prev_held, *next_held;
    struct stream *next_awake;
    char local[NET_PEER_BYTES];
};

/* What every read and reply of a stream looks at stands first, in as few lines of the processor's
 * cache as it fits: with many connections each of them is a miss. */
struct conn {
    struct loop *loop;
    const struct net_door *door;
    struct tls_conn *tls; /* owns; NULL: clear text */
    int fd;               /* tcp's */
    enum conn_proto proto;
    bool closing;
    bool close_after_write; /* nothing more is read; close when the output is out */
    bool writing;           /* an uv_write of `inflight` is under way */
    bool h1_waits;          /* its request is answered by much that is not written yet */
    bool h1_running;        /* a request is with its handler: the next one waits unread */
    bool reading, unread, hung_up, listed, taken; /* ready.c */
    struct buffer output;   /* owns: not yet handed to the socket */
    size_t output_sent;
    _Atomic size_t counted_bytes; /* of output and inflight, in net->output_bytes; stream_held */
    struct stream stream;
    struct buffer inflight;
    size_t inflight_sent;
    size_t slice_bytes; /* of it, with the socket */
    size_t held_bytes;  /* replies of HTTP/2 that are not framed yet */
    struct conn *next_unread, **link_unread;

    uint64_t number;
    char peer[NET_PEER_BYTES];
    uv_tcp_t tcp;
    uv_timer_t timer;
    uv_write_t write;
    unsigned handles; /* open: the struct is freed when none is */
    bool linger;      /* after that, hear the peer out for a while */
    bool lingering;
    int64_t due_us;       /* conn_timer: close then; OS_FOREVER: off */
    int64_t write_due_us; /* the peer has to take something by then; OS_FOREVER: nothing waits */
    bool h1_reading;      /* the first byte of a request was seen */
    uint8_t sniffed[24];
    size_t sniffed_len;
    struct http1 http1;
    size_t input_bytes;   /* requests under way, and h1_body_bytes */
    size_t header_bytes;  /* of requests under way */
    size_t h1_body_bytes; /* of a body that is not whole: counted as input */
    bool known;           /* an exchange of it was trusted */
    struct buffer h1_ahead; /* bytes behind it; of input_bytes */
    size_t h1_ahead_bytes;
    nghttp2_session *h2;
    bool h2_goaway;
    bool flush_waits;          /* in its loop's list of those to flush */
    struct conn *next_to_flush;
    struct exchange *exchanges; /* list: READING and RUNNING and being sent */
    struct conn *prev, *next;
};

struct net {
    struct net_opts opts;
    struct net_limits limits; /* resolved */
    struct loop *loops;
    _Atomic unsigned loop_count; /* those below it are made */
    unsigned loops_running;
    int *fds;        /* a listening socket a door; owns */
    uint16_t *ports;
    struct tls_context **tls; /* one a door, NULL: clear text */
    struct pool *pool;
    bool started;
    _Atomic uint64_t next_connection, connections, accepted, refused, exchanges, output_bytes,
        queued, unpacked_bytes, input_bytes;
    atomic_bool shedding; /* loops were asked to (budget_shed) */
};

/* loop.c */
KITH_NODISCARD int loop_init(struct loop *loop, struct net *net, struct kith_error *err);
void loop_release(struct loop *loop);
void loop_main(void *loop);
void loop_post(struct loop *loop, struct exchange *exchange);
void loop_ask(struct loop *loop, enum loop_order order); /* any thread */
void net_log(const struct net *net, int level, const char *fmt, ...) KITH_PRINTF(3, 4);

/* conn.c */
void conn_accept(struct loop *loop, size_t door, uv_stream_t *listener);
/* In two steps, for who has a connection by other means: a struct whose tcp is not open yet (NULL:
 * no memory), and the beginning once it is. */
struct conn *conn_new(struct loop *loop, size_t door);
void conn_begin(struct conn *conn, size_t door);
void conn_close(struct conn *conn); /* no reply after it; the struct goes when libuv lets go */
void conn_drain(struct conn *conn); /* no new requests; closes when the running ones are answered */
/* Plain bytes for the peer; sent by conn_flush. */
void conn_put(struct conn *conn, const void *data, size_t len);
struct buffer *conn_output(struct conn *conn); /* to append to; the caller counts */
void conn_flush(struct conn *conn);
/* At the latest when the turn ends: one write a connection, together with those of others, so that
 * peers who sleep are woken once for several. */
void conn_flush_soon(struct conn *conn);
void conn_flush_gathered(struct loop *loop); /* what waits for that */
size_t conn_unsent(const struct conn *conn);
size_t conn_output_bytes(const struct conn *conn);
void conn_count_output(struct conn *conn); /* as it is now, in net->output_bytes */
void conn_timer(struct conn *conn, unsigned seconds); /* 0: off */
void conn_watch(struct conn *conn); /* sets the timer to whatever is due first */
/* Something new waits, and all patience is as long: a timer that runs comes early enough. */
void conn_watch_soon(struct conn *conn);
/* Decrypted input. */
void conn_input(struct conn *conn, const uint8_t *data, size_t len);
void conn_send_reply(struct conn *conn, struct exchange *exchange);

/* Bytes in the loop's read_buffer; 0: the peer sends no more; negative: the connection broke. */
void conn_took(struct conn *conn, const uint8_t *data, ptrdiff_t len);

/* ready.c: one turn of a loop after the other */
KITH_NODISCARD bool ready_init(struct loop *loop); /* the libuv loop is made; false: refused */
void ready_release(struct loop *loop);             /* accepts poll and bell of -1 */
void ready_run(struct loop *loop);                 /* until `ended` */
void ready_turn(struct loop *loop, bool wait);     /* one turn, of what there is; or waits first */
KITH_NODISCARD bool ready_watch(struct conn *conn); /* once its socket is open */
void ready_forget(struct conn *conn);               /* before it is closed */
void conn_read(struct conn *conn, bool on);
void loop_ring(const struct loop *loop); /* any thread: it calls loop_heard */
void loop_heard(struct loop *loop);
static inline void count_bytes(_Atomic uint64_t *counter, uint64_t more)
{
    const uint64_t before = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, before + more, memory_order_relaxed);
}

/* conn_stream.c */
void stream_begin(struct conn *conn);
void stream_input(struct conn *conn, const uint8_t *data, size_t len);
void stream_end(struct conn *conn);    /* the peer sends nothing more */
void stream_woken(struct conn *conn);
/* What the socket did not take, after a flush. false: it was too much, and it is closed. */
bool stream_check_unsent(struct conn *conn);
void streams_wake(struct loop *loop);  /* all that other threads woke */
struct settled { /* what a door answered in this round */
    const struct net_door *door; /* NULL: none was asked */
    uint64_t ticket;
};
/* Before its output is sent: frees it of its ticket, or puts it into the list of those held. */
void stream_settle(struct conn *conn, struct settled *known);
void streams_settle(struct loop *loop); /* sends what was held long enough */
void stream_closed(struct conn *conn); /* in conn_close */
void stream_release(struct conn *conn);

/* conn_h1.c, conn_h2.c */
void h1_begin(struct conn *conn);
void h1_input(struct conn *conn, const uint8_t *data, size_t len);
void h1_send(struct conn *conn, struct exchange *exchange);
void h1_go_on(struct conn *conn); /* while h1_waits: the reply was written */
KITH_NODISCARD int h2_begin(struct conn *conn);
void h2_input(struct conn *conn, const uint8_t *data, size_t len);
void h2_send(struct conn *conn, struct exchange *exchange);
void h2_pump(struct conn *conn); /* frames into the output while the socket keeps up */
void h2_goaway(struct conn *conn);
void h2_know(struct conn *conn); /* more streams, for a peer that is known */
/* Resets streams that stand still; when the next of the others would. OS_FOREVER: none. */
int64_t h2_sweep(struct conn *conn, int64_t now_us);
/* Counts a reply as held; false: the connection was closed, it holds too much. */
bool conn_hold(struct conn *conn, struct exchange *exchange);

/* net_budget.c */
/* Counts input in *counted, in the connection and in all; false: it has to be refused. */
bool budget_take(struct conn *conn, size_t *counted, size_t bytes);
/* Gives *counted back; conn NULL: the connection is gone. */
void budget_give(struct conn *conn, struct net *net, size_t *counted);
/* The same for headers, which have limits of their own. */
bool budget_headers(struct conn *conn, struct exchange *exchange, size_t bytes);
/* After output was counted. false: it was too much, and the connection is closed. */
bool budget_output(struct conn *conn);
bool budget_output_within(struct conn *conn, size_t most); /* with a limit of its own */
void budget_reply(struct exchange *exchange); /* counts the reply; any thread */
/* On a worker, while replies are too many, for a moment. false: still too many. */
bool budget_wait(struct net *net);
void budget_shed(struct loop *loop); /* when asked to: closes those that hold the most */

/* gunzip.c */
/* Appends to out. KITH_ELIMIT: more than out_max; KITH_EINVAL: malformed, cut off, or followed by
 * something else; KITH_ENOMEM. */
KITH_NODISCARD int net_gunzip(const uint8_t *data, size_t len, size_t out_max, struct buffer *out);
/* Instead of the door's handler, which it calls from a worker. */
void net_unpack_and_handle(struct exchange *exchange);

/* exchange.c */
struct exchange *exchange_new(struct conn *conn, enum exchange_kind kind); /* NULL: no memory */
void exchange_free(struct exchange *exchange); /* on the loop's thread */
void exchange_detach(struct exchange *exchange); /* its connection or stream is gone */
KITH_NODISCARD int exchange_put_header(struct exchange *exchange, struct kith_str name,
                                       struct kith_str value);
void exchange_set_target(struct exchange *exchange, struct kith_str target);
void exchange_start(struct exchange *exchange); /* READING -> RUNNING: calls the handler */
/* Memory that lives as long as the exchange; loop's thread, while READING. NULL: none */
void *exchange_alloc(struct exchange *exchange, size_t size);
struct kith_str exchange_str(struct exchange *exchange, const void *data, size_t len);

#endif
