/*
 * The line protocol's door (Ant-Cache compatible) over the keyspace of the Redis door: one line a
 * request, one line a reply, database 0. A connection whose first byte is '*' speaks RESP instead,
 * for its life.
 */
#ifndef KITH_LINE_LINE_H
#define KITH_LINE_LINE_H

#include "net/stream.h"
#include "redis/redis.h"

#define LINE_KEEPALIVE_S 30u
#define LINE_SOCKET_BYTES 32768u

struct line;

struct line_opts {
    const struct os *os;
    struct redis *redis;     /* borrows */
    struct metrics *metrics; /* nullable */
    const char *password;    /* nullable, or "": none */
    const char *auth_file;   /* an auth.dat: salt and hash; nullable. Wins over password */
    unsigned idle_timeout_s; /* 0: never */
    bool pooled;             /* lines run on an elastic pool, not on the loops */
    unsigned workers;        /* of the pool; 0: 200 */
    bool unterminated_writes;
    bool extensions;      /* TTL, EXPIRE, ... STATS are commands, too */
    bool escape_newlines; /* LF, CR and backslash of values and names are sent as escapes */
    void (*log)(void *ctx, int level, const char *text); /* nullable */
    void *log_ctx;
};
KITH_NODISCARD int line_new(const struct line_opts *opts, struct line **out,
                            struct kith_error *err);
/* After the nets, before the redis. NULL is a no-op. */
void line_free(struct line *line);
void line_measure(struct line *line); /* sets kith_line_* of opts.metrics */
/* For net_door.stream and .ctx (the struct line). */
const struct stream_ops *line_stream_ops(void);

#endif
