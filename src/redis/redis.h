/*
 * The Redis door: sessions over streams, commands over the keyspace. One struct a server; the line
 * protocol and the semantic cache's HTTP routes use it too, so that every change of a key goes one
 * way.
 */
#ifndef KITH_REDIS_REDIS_H
#define KITH_REDIS_REDIS_H

#include <kith/kith.h>

#include "cache/cache.h"
#include "net/stream.h"
#include "server/metrics.h"

struct redis;
struct session;

struct redis_opts {
    const struct os *os;
    struct kith_db *db;      /* nullable: then there are no search indexes */
    struct metrics *metrics; /* nullable */
    const char *dir;         /* of append log and snapshots; NULL: nothing is kept on disk */
    /* Lines of a redis.conf, already read; nullable. "name value ..." as CONFIG SET takes them. */
    const char *const *directives;
    size_t directive_count;
    const char *config_file; /* for CONFIG REWRITE; NULL: none */
    unsigned port;           /* shown by INFO and CONFIG */
    unsigned workers;        /* threads for work that takes long; 0: CPUs */
    size_t deflate_from;     /* strings of so many bytes are kept compressed; 0: none */
    int deflate_level;       /* 1 to 9; 0: 6 */
    void (*log)(void *ctx, int level, const char *text);
    void *log_ctx;
    void (*shutdown)(void *ctx, bool save); /* SHUTDOWN; nullable: then it is an error */
    void *shutdown_ctx;
};

/* Reads snapshot and log; KITH_ECORRUPT names file and offset. */
KITH_NODISCARD int redis_new(const struct redis_opts *opts, struct redis **out,
                             struct kith_error *err);
/* Syncs the log, saves if save points ask for it. After the streams are closed. */
void redis_free(struct redis *redis); /* NULL is a no-op */
/* For net_door.stream and .ctx (the struct redis). */
const struct stream_ops *redis_stream_ops(void);
struct cache *redis_cache(struct redis *redis);
/* For stream_ops.expect: what look-ups of these keys will read is asked for, for all at a time.
 * Takes the keyspace lock if it can be had within microseconds. */
struct redis_key {
    unsigned db;
    struct kith_str name;
};
void redis_expect_keys(struct redis *redis, const struct redis_key *keys, size_t count);
/* fn(ctx) is called, from any thread, when output that waits for the log may go: net_settled(). Set
 * it before the nets start, and NULL before they are freed. */
void redis_set_settled(struct redis *redis, void (*fn)(void *ctx), void *ctx);
/* Sets the door's figures in opts.metrics: before a rendering of them. Any thread. */
void redis_measure(struct redis *redis);
/* What was written to keys under search indexes is in their collections when this returns, or two
 * seconds are over: for doors that read those. Without the keyspace lock. */
void redis_settle_indexes(struct redis *redis);
/* Another door made, renamed or dropped a collection of database `default`: keys `<collection>:...`
 * are refused, or taken again, when this returns (search_guard.h). Without the keyspace lock. */
void redis_collections_changed(struct redis *redis);
/* Another door's section of INFO: fn writes "name:value\r\n" lines. Under the keyspace lock. NULL
 * takes it away. `title` is borrowed. */
void redis_set_info(struct redis *redis, const char *title,
                    void (*fn)(void *ctx, struct buffer *out), void *ctx);

/* ---- a session without a socket: the other doors, replay, tests ---- */

/* Speaks RESP2, authenticated as the default user. NULL: no memory. */
struct session *session_open_local(struct redis *redis);
void session_close_local(struct session *session);
/* Executes all whole commands in data, as if they had come from a socket; what stays incomplete is
 * kept. Replies, and what else was sent to the session, are moved to the end of out. Takes the
 * keyspace lock. */
KITH_NODISCARD int session_feed(struct session *session, const void *data, size_t len,
                                struct buffer *out);
/* One command by its words. */
KITH_NODISCARD int session_run(struct session *session, const struct kith_str *argv, size_t argc,
                               struct buffer *out);

#endif
