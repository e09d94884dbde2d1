/*
 * Listeners, connections and event loops: bytes from a socket become exchanges (one request and its
 * reply), whatever carried them: gRPC over HTTP/2, or HTTP/1.1 and HTTP/2 requests on the same
 * port. What an exchange means is the handler's.
 *
 * A few threads run one loop each (epoll around libuv's); a connection belongs to one loop for its
 * life. Handlers are called on the loop's thread and must not block: what takes longer than some
 * tens of microseconds goes to a worker (net_work), and exchange_end() may be called from any
 * thread.
 */
#ifndef KITH_NET_NET_H
#define KITH_NET_NET_H

#include <kith/kith.h>

#include "base/buffer.h"
#include "os/os.h"

struct net;
struct exchange;
struct stream_ops;

enum exchange_kind { EXCHANGE_GRPC, EXCHANGE_HTTP };

struct net_door { /* a port and what answers there */
    const char *name;    /* for logs and metrics: "milvus", "ops" */
    const char *bind;    /* an address: "127.0.0.1", "::1", "0.0.0.0" */
    uint16_t port;       /* 0: chosen by the system; net_port() says which */
    int fd;              /* a listening socket that was passed in; -1: none */
    bool grpc;           /* HTTP/2 is gRPC; else HTTP/1.1 only */
    size_t body_bytes_max; /* of HTTP requests; gRPC has its own limit */
    const struct net_tls *tls; /* NULL: clear text */
    bool until_end;      /* goes on listening while net_stop waits for what runs */
    /* Called on a loop's thread for each whole request; must lead to one exchange_end(). */
    void (*handle)(void *ctx, struct exchange *exchange);
    /* Nullable. On a worker, before a compressed message is unpacked, because few bytes may become
     * very many: is it somebody to listen to? Else it has set the status, and nothing more. */
    bool (*admit)(void *ctx, struct exchange *exchange);
    /* Instead of handle: the door speaks bytes (net/stream.h). */
    const struct stream_ops *stream;
    void *ctx;
    const char *path; /* a unix socket instead of bind and port; NULL: none */
    unsigned path_mode; /* its permissions; 0: those of the umask */
    unsigned keepalive_s;  /* probes a peer that is silent for so long; 0: no */
    unsigned socket_bytes; /* of the kernel's buffers, each way; 0: what the system does */
};

struct net_tls {
    const char *cert_path, *key_path;
    const char *client_ca_path; /* NULL: clients need no certificate */
    bool client_optional;       /* who shows none is let in, who shows a wrong one is not */
};

struct net_limits { /* 0: the default */
    unsigned loops;             /* threads; CPUs, at most 4 */
    unsigned workers;           /* threads for net_work; CPUs */
    unsigned queue_max;         /* waiting work; past it net_work refuses. 4,096 */
    unsigned connections_max;   /* 10,000 */
    unsigned idle_timeout_s;    /* HTTP/1.1 between requests: 75 */
    unsigned request_timeout_s; /* from the first byte of a request to its last: 60 */
    unsigned handshake_timeout_s; /* TLS, and the first bytes: 10 */
    size_t output_bytes_max;    /* replies that a connection has not read: 256 MiB */
    size_t output_bytes_all;    /* of all connections: a quarter of the machine's memory */
    size_t input_bytes_all;     /* requests that are not answered, of all: as much. Half for one */
};

struct net_ended { /* what became of an exchange */
    int status;          /* of HTTP, or of gRPC */
    size_t reply_bytes;
    int64_t us;          /* from the whole request to the end of its handler */
};

struct net_opts {
    const struct os *os;
    const struct net_door *doors; /* borrowed until net_free */
    size_t door_count;
    struct net_limits limits;
    void (*log)(void *ctx, int level, const char *text); /* as in kith_open_opts */
    void *log_ctx;
    /* Nullable: called on a loop's thread when a handler has ended its exchange; must not block. */
    void (*on_end)(void *ctx, const struct exchange *exchange, const struct net_ended *ended);
    void *on_end_ctx;
};

/* Binds and listens; nothing is accepted before net_start. KITH_EINVAL for a bad address,
 * KITH_ELOCKED when the port is taken; the text names address and port. */
KITH_NODISCARD int net_new(const struct net_opts *opts, struct net **out, struct kith_error *err);
uint16_t net_port(const struct net *net, size_t door);
KITH_NODISCARD int net_start(struct net *net, struct kith_error *err);
/* Stops accepting, tells clients (GOAWAY, Connection: close), waits up to grace_ms for running
 * exchanges, then cancels them and closes. From one thread that is not a loop's. */
void net_stop(struct net *net, unsigned grace_ms);
void net_free(struct net *net); /* after net_stop; NULL is a no-op */
/* Reads certificates again; connections that stand keep theirs. */
KITH_NODISCARD int net_reload_tls(struct net *net, struct kith_error *err);

struct net_stats {
    uint64_t connections, accepted, refused;
    uint64_t exchanges; /* running */
    uint64_t bytes_in, bytes_out;
    uint64_t queued;
};
void net_stats_get(const struct net *net, struct net_stats *out);

/* ---- an exchange: the handler has it until exchange_end() ---- */

enum exchange_kind exchange_kind(const struct exchange *exchange);
struct kith_str exchange_method(const struct exchange *exchange); /* "POST" */
struct kith_str exchange_path(const struct exchange *exchange);   /* without the query */
struct kith_str exchange_query(const struct exchange *exchange);  /* behind '?'; may be empty */
struct kith_str exchange_body(const struct exchange *exchange);   /* gRPC: the message */
/* name in lower case; gRPC metadata are headers. Empty when absent. */
struct kith_str exchange_header(const struct exchange *exchange, const char *name);
const char *exchange_peer(const struct exchange *exchange); /* "127.0.0.1:50312" */
uint64_t exchange_connection(const struct exchange *exchange); /* a number, never reused */
/* Deadline (grpc-timeout, Request-Timeout) and a token that fires when the client went away. */
const struct kith_call *exchange_call(const struct exchange *exchange);
/* Memory that lives as long as the exchange. */
struct arena *exchange_arena(struct exchange *exchange);

/* Runs fn(ctx, exchange) on a worker. KITH_EBUSY: the queue is full, fn will not run. */
KITH_NODISCARD int net_work(struct exchange *exchange,
                            void (*fn)(void *ctx, struct exchange *exchange), void *ctx);

/* The reply body; gRPC: the message without its prefix. Owned by the exchange. */
struct buffer *exchange_reply(struct exchange *exchange);
void exchange_set_status(struct exchange *exchange, int http_status); /* 200 unless set */
/* text is copied; gRPC ends with it instead of a message. */
void exchange_set_grpc_status(struct exchange *exchange, int grpc_status, const char *text);
/* name and value are copied into the arena; what does not fit is dropped and logged. */
void exchange_add_header(struct exchange *exchange, const char *name, const char *value);
/* The handler knows who asks: the connection may have more under way from now on. Any thread. */
void exchange_trust(struct exchange *exchange);
/* Holds the reply back for so long; costs no thread. Before exchange_end(). At most 60 s. */
void exchange_delay(struct exchange *exchange, unsigned ms);
/* Sends and frees. From any thread, once. */
void exchange_end(struct exchange *exchange);

#endif
