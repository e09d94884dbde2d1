/*
 * A session: one client's state, with a socket behind it (session_stream.c) or without (session.c).
 *
 * Guards. Everything is guarded by the keyspace lock, but for `parser` and `input`, which
 * belong to whoever feeds the session: its loop's thread, or the caller of session_feed. `stream`
 * is written once at opening; stream_wake() may be called under the lock by any thread, because
 * closing takes the lock first.
 *
 * Replies of the session's own commands go to *reply.out: the output buffer of its stream while a
 * batch runs on its loop's thread, `out` when another thread answers for it (a blocked command that
 * is served, work that ended). `out` also takes messages and invalidations, whoever sends them: its
 * owner moves it behind the reply of the command that runs, or fetches it when it is woken.
 *
 *   state      input is   leaves by
 *   running    executed   a command that blocks, offloads or is put off; close
 *   blocked    paused     a key that was changed, the deadline, CLIENT UNBLOCK, close
 *   busy       paused     the end of the work elsewhere, close (then its reply goes nowhere)
 *   put off    paused     the end of CLIENT PAUSE, close
 *   closing    dropped    close, when its output is out
 */
#ifndef KITH_REDIS_SESSION_H
#define KITH_REDIS_SESSION_H

#include <stdatomic.h>

#include "base/map.h"
#include "proto/resp.h"
#include "redis/redis.h"
#include "redis/registry.h"

struct acl_user;
struct blocked;
struct job;
struct watch_list;

enum session_state { SESSION_RUNNING, SESSION_BLOCKED, SESSION_BUSY, SESSION_PUT_OFF };
enum reply_mode { REPLY_ON, REPLY_OFF, REPLY_SKIP_NEXT, REPLY_SKIP };

#define BATCH_WORDS_FIRST 160u
#define BATCH_ITEMS_FIRST 48u

struct words { /* a command that is kept: one allocation */
    size_t argc;
    struct kith_str *argv;
};

struct batch_item {
    uint32_t words; /* of this command */
    bool alike;     /* the same command, with as many words, as the one before it */
    size_t end;     /* of its bytes, from where the batch began */
    uint64_t hash; /* of its second word, while it is warm: session_run_batch */
};

/* Commands that were parsed and not executed yet. It lies on the stack of who feeds the session:
 * memory that is warm, and none for the many who wait. */
struct batch {
    struct kith_str *words; /* first_words, or owns the array; the words borrow the input */
    size_t word_count, word_cap;
    struct batch_item *items; /* first_items, or owns */
    size_t count, cap;
    size_t done, done_words;
    struct resp_head head; /* of the last command */
    struct kith_str first_words[BATCH_WORDS_FIRST];
    struct batch_item first_items[BATCH_ITEMS_FIRST];
};

struct queued { /* inside MULTI */
    struct command_entry *entry;
    struct words *words; /* owns */
};

struct watched { /* by WATCH: one a key */
    struct watched *next;       /* of the session */
    struct watched *next_of_key;
    struct session *session;
    struct watch_list *list;
    bool existed; /* at WATCH */
};

struct tracking {
    bool on, bcast, optin, optout, noloop, caching, broken;
    struct session *prev, *next; /* of redis->broadcasts, while bcast */
    uint64_t redirect; /* 0: itself */
    const struct words *words;       /* owns; what the prefixes lie in */
    const struct kith_str *prefixes; /* borrow */
    size_t prefix_count;
};

/* What every command looks at stands first (see struct conn). */
struct session {
    struct redis *redis;
    struct stream *stream; /* NULL: local */
    enum session_state state;
    enum reply_mode reply_mode;
    unsigned db;
    bool waiting; /* the owner's: it left input behind because the session did not run */
    bool known;   /* the owner's: authenticated, when it last looked */
    bool woken;   /* stream_wake was called since the owner last looked */
    bool sized;   /* the owner's: maxmemory-clients wants to know when it grows */
    bool closing, close_now; /* nothing more is executed; ..., and what is unsent is dropped */
    bool plain; /* session_refresh: no check of the dispatcher can say no */
    bool authenticated;
    bool in_multi, multi_failed, cas_failed;
    bool no_touch, no_evict, monitor;
    bool tracking_keep; /* CLIENT CACHING is for the next command, not for itself */
    size_t query_max;   /* the owner's: client-query-buffer-limit */
    struct resp reply;
    struct blocked *blocked; /* owns; SESSION_BLOCKED */
    const struct command_entry *last; /* for CLIENT LIST */
    int64_t active_ms;                /* Unix */
    uint64_t bytes_in, bytes_out, commands;
    _Atomic size_t query_bytes; /* the owner's, shown by others: input that waits */
    struct buffer out;
    struct tracking tracking;
    struct resp_parser parser;

    struct acl_user *user; /* borrows; NULL: deleted */
    uint64_t id;
    struct session *prev, *next; /* of redis->sessions */
    struct buffer input; /* local sessions: an incomplete command */
    char *name, *lib_name, *lib_version; /* own; NULL: empty */

    struct queued *queue; /* owns */
    size_t queue_count, queue_cap;
    uint32_t queue_flags; /* of all its commands together */
    size_t queue_bytes;
    struct watched *watches;

    struct map channels, patterns, shards; /* -> struct channel */
    struct job *job;                       /* borrows; SESSION_BUSY */

    int64_t opened_ms;     /* Unix */
    int64_t soft_since_ms; /* over the soft output limit since; 0: not */
    size_t counted_bytes, query_counted; /* client_memory.h */
};

static inline unsigned session_subscriptions(const struct session *session)
{
    return (unsigned)(session->channels.count + session->patterns.count);
}

/* session.c: under the keyspace lock unless said otherwise */
struct session *session_new(struct redis *redis, struct stream *stream); /* NULL: no memory */
void session_free(struct session *session);
void session_refresh(struct session *session); /* after user, MULTI, subscriptions, ... changed */
void session_reset(struct session *session);   /* RESET */
/* The owner shall look: there is something in `out`, or the state changed. */
void session_wake(struct session *session);
/* No command of it is executed any more; the owner closes it. */
void session_kill(struct session *session, bool now);
/* The state becomes RUNNING again, and its owner goes on with its input. */
void session_go_on(struct session *session);
/* Messages: `out`, with the output limits checked. The writer speaks the session's protocol. */
struct resp session_push_begin(struct session *session);
void session_push_end(struct session *session);
bool session_is_subscribed(const struct session *session);
/* Closes it when `out` and what is unsent are over its class's limits. */
void session_check_output(struct session *session, size_t unsent);
struct session *session_of_id(struct redis *redis, uint64_t id);
const char *session_peer(const struct session *session);
bool session_is_local(const struct session *session); /* loopback, a unix socket, or none */

KITH_NODISCARD struct words *words_copy(const struct kith_str *argv, size_t argc);
void words_free(const struct words *words);
size_t words_bytes(const struct words *words);

/* session_batch.c: the feeder's; no lock */
#define UNKNOWN_OUTPUT_MAX 65536u /* replies that an unknown client has not read */
enum batch_end { BATCH_MORE, BATCH_FULL, BATCH_ALONE, BATCH_ERROR, BATCH_HTTP, BATCH_NO_MEMORY };
void batch_init(struct batch *batch);
void batch_release(struct batch *batch);
/* Parses commands from data on, until something ends it; *used is what they took. ALONE: the last
 * one's words lie in the parser, so it must be executed before more is parsed. What the batch held
 * is forgotten. */
enum batch_end batch_parse(struct session *session, struct batch *batch, const uint8_t *data,
                           size_t len, bool authenticated, size_t *used);
/* Where the next batch begins when the rest of this one shall be read again. */
size_t batch_rewind(struct session *session, const struct batch *batch);
/* After a command of very many words: an idle session does not keep the parser's arrays. */
#define PARSER_WORDS_KEPT 2048u
void session_trim_parser(struct session *session);

/* dispatch.c */
void session_execute(struct session *session, const struct kith_str *argv, size_t argc);
/* Executes what the batch holds until it is empty or the session does not run any more. The time
 * was read just before (redis->now_ns). */
void session_run_batch(struct session *session, struct batch *batch);

#endif
