/*
 * The inside of the door: what connections share, and one connection.
 *
 * A connection belongs to its loop's thread. While a worker or the key derivation has it (`busy`),
 * its input is paused and only they touch `job` and `session`; the door's lock guards the hand-over
 * (`closed`, `answered`) and is a leaf but for stream_wake().
 *
 *   state     input is   leaves by
 *   reading   executed   a password, a batch for the pool; close
 *   waiting   paused     the timer: the peer's penalty is over, or the pool is asked again
 *   busy      paused     stream_wake by who has it; close (then who has it frees it)
 */
#ifndef KITH_LINE_LINE_INTERNAL_H
#define KITH_LINE_LINE_INTERNAL_H

#include <stdatomic.h>

#include "line/line.h"
#include "line/line_auth.h"
#include "line/line_commands.h"
#include "line/line_pool.h"
#include "os/thread.h"

struct line_counters {
    atomic_uint_fast64_t connections, active, rejected, attacks;
    /* Lines answered: those that touch keys, others, and AUTH with a password, which is said when
     * it was checked. keyed and on_loops: written under the keyspace lock. */
    atomic_uint_fast64_t keyed, others, passwords, said;
    atomic_uint_fast64_t on_loops; /* batches */
};

struct line {
    struct line_opts opts;
    struct redis *redis;
    const struct stream_ops *resp;
    struct line_commands commands; /* guard: the keyspace lock */
    struct line_auth *auth;        /* owns; NULL: no password */
    struct line_pool *pool;        /* owns; NULL: single mode */
    struct line_counters counters;
    struct os_mutex lock;
};

enum line_end {
    LINE_END_MORE,
    LINE_END_AUTH,
    LINE_END_CLOSE,
    LINE_END_ATTACK,
    LINE_END_POOL /* what follows is not for a loop */
};

struct line_job { /* a batch on a worker */
    struct buffer input, output;
    bool last; /* nothing follows */
    enum line_end end;
};

enum line_state { LINE_READING, LINE_WAITING, LINE_BUSY };

struct line_conn {
    struct line *line;
    struct stream *stream;
    struct session *session; /* owns; made by the first command */
    void *resp;              /* the Redis door's session; NULL: lines */
    bool decided, authenticated;
    bool checking; /* what is under way is a password, not a batch */
    enum line_state state;
    bool closed, answered, good; /* guard: the lock of line */
    struct buffer password;      /* of the AUTH that is under way */
    int64_t active_us, retry_us, give_up_us;
    struct line_job job;
};

/* line_serve.c: executes the whole lines of data; with `last` also what has no end. Returns how
 * much was done. Any thread, one at a time. With `quick` as long as it is quick: no command that
 * looks at all keys, nothing large, and nobody has the keyspace lock for long; else
 * LINE_END_POOL. */
size_t line_serve(struct line_conn *conn, const uint8_t *data, size_t len, bool last, bool quick,
                  struct buffer *out, enum line_end *end);
void line_conn_free(struct line_conn *conn);
void line_write_info(void *line, struct buffer *out); /* line_stats.c */
void line_write_json(struct line *line, struct buffer *out); /* one line of JSON */

#endif
