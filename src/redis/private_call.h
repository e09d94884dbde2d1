/*
 * Commands of other doors. They run as those of clients do (under the keyspace lock, with room made
 * first, logged, counted, seen by WATCH, notifications, tracking and blocked clients), but no
 * client can name them, and what they write is the other door's form, not RESP (CMD_RAW_REPLY).
 */
#ifndef KITH_REDIS_PRIVATE_CALL_H
#define KITH_REDIS_PRIVATE_CALL_H

#include "redis/command.h"
#include "redis/redis.h"
#include "redis/registry.h"

/* flags: CMD_WRITE, CMD_DENY_OOM, ...; name: shown by nobody but the slow log's owner. */
void private_entry_init(struct command_entry *entry, const struct command *command);
void private_entry_release(struct command_entry *entry);

/* session_open_local if the lock can be had within microseconds; KITH_EBUSY, KITH_ENOMEM. */
KITH_NODISCARD int private_open_soon(struct redis *redis, struct session **out);
/* Takes the keyspace lock for a batch of a local session; replies go to out. `bytes` came in.
 * KITH_ECLOSED: the session was killed; the lock is not held then. */
KITH_NODISCARD int private_begin(struct session *session, struct buffer *out, size_t bytes);
/* The same if the lock can be had within microseconds; KITH_EBUSY. */
KITH_NODISCARD int private_begin_soon(struct session *session, struct buffer *out, size_t bytes);
int64_t private_end(struct session *session); /* os_now_ns, as it was when its last command ended */
/* private_begin is near: what it looks at is fetched meanwhile. No lock. */
void private_expect(const struct session *session);

/* Neighbours of a batch that are the same command: their words lie `stride` apart. */
struct private_row {
    const struct kith_str *argv; /* borrows: of the first that did not run yet */
    size_t argc, stride, count;
    const uint64_t *hashes; /* borrows: of their keys, argv[1] (cache_prefetch); NULL: not known */
    void (*fn)(struct redis_call *call, void *ctx);
    void *ctx;
};
/* fn(call, ctx) does the work of each; argv is the command as a client of RESP would have given it:
 * that is what is logged, unless fn says otherwise (call_log). The row goes forward with what ran.
 * NULL: all of it did; else why the first of the rest did not run: "OOM ...". */
const char *private_run_row(struct session *session, struct command_entry *entry,
                            struct private_row *row);
static inline void private_skip(struct private_row *row) /* its first */
{
    row->argv += row->stride;
    row->count--;
    if (row->hashes) row->hashes++;
}
/* A row of one. */
const char *private_run(struct session *session, struct command_entry *entry,
                        const struct kith_str *argv, size_t argc,
                        void (*fn)(struct redis_call *call, void *ctx), void *ctx);
/* The whole database was emptied by fn. */
void private_flushed(struct redis_call *call);

/* Whoever connects is the default user, without a password. Takes the keyspace lock. */
bool redis_is_open(struct redis *redis);
/* maxclients is reached. Takes the keyspace lock. */
bool redis_is_crowded(struct redis *redis);

#endif
