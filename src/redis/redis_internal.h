/*
 * The inside of the door: one struct, guarded by the keyspace lock but for what says otherwise.
 *
 * Lock order: keyspace lock, then a mutex of cron or offload (held for a few instructions). No
 * callback of a stream is called under either; stream_wake() is.
 */
#ifndef KITH_REDIS_REDIS_INTERNAL_H
#define KITH_REDIS_REDIS_INTERNAL_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/map.h"
#include "os/pool.h"
#include "os/thread.h"
#include "redis/command.h"
#include "redis/redis.h"
#include "redis/registry.h"
#include "redis/session.h"
#include "redis/settings.h"

#define KITH_REDIS_VERSION "7.4.0"
#define KITH_SEARCH_MODULE_VERSION 20800
#define COPY_BYTES_KEPT 65536u

/* ---- effects: what must be repeated to have the same data again ---- */

struct effect {
    unsigned db;
    const struct kith_str *argv;
    size_t argc;
};
/* Takes the effects of one command, or of one transaction: they belong together. Under the keyspace
 * lock; the words are borrowed for the call. */
struct effect_sink {
    void (*take)(void *ctx, const struct effect *effects, size_t count);
    void *ctx;
};

/* Who wants to know when a key changes: bits of redis->interests. */
enum interest {
    INTEREST_WATCH = 1,
    INTEREST_BLOCKED = 2,
    INTEREST_TRACKING = 4,
    INTEREST_EVENTS = 8,
    INTEREST_INDEX = 16
};

struct slowlog;
struct latency;
struct cron;
struct acl;
struct wait_queue;

#define RATE_SAMPLES 16u
struct rates { /* of the last 1.6 seconds; for INFO */
    int64_t sampled_ms;
    struct {
        int64_t ms;
        uint64_t commands, in, out;
    } samples[RATE_SAMPLES];
    size_t next;
};

struct redis_counters {
    uint64_t connections, rejected, commands, bytes_in, bytes_out, errors, reads, writes;
    uint64_t denied_auth, denied_cmd, denied_key, denied_channel, evicted_clients;
    uint64_t unexpected_errors;
};

struct redis {
    const struct os *os;
    struct kith_db *db; /* nullable */
    struct metrics *metrics;
    void (*log)(void *ctx, int level, const char *text);
    void *log_ctx;
    struct cache *cache;          /* owns */
    struct redis_settings settings;
    struct registry registry;
    unsigned port;
    char *config_file; /* owns; NULL: none */
    char run_id[41];

    struct session *sessions; /* list */
    size_t session_count, blocked_count;
    size_t client_bytes, query_bytes; /* client_memory.h */
    struct map64 session_ids; /* id -> struct session * */
    uint64_t last_id;
    bool calm; /* no loading, no pause, no monitor, no refusal of writes: one test a command */
    bool loading;

    struct session *current; /* whose command runs; NULL: none, or a replay */
    struct command_entry *running;
    unsigned depth;          /* 2: inside EXEC */
    bool sharing;            /* neighbours may be measured together (dispatch.c) */
    unsigned shared_calls;   /* that wait for it, all of `shared` */
    struct command_entry *shared;
    int64_t now_ns;          /* when the command began: the end of the one before */
    int64_t calendar_ns, calendar_ms; /* when the calendar was read last, and what it said (Unix) */
    int64_t opened_us, opened_ms;

    unsigned interests;
    uint64_t dirty; /* changes since the start */
    uint64_t dirty_saved;
    struct effect_sink sink; /* take NULL: none */
    struct effect *effects;  /* owns: of what runs */
    size_t effect_count, effect_cap;
    struct arena effect_words;
    /* Nullable: a key was changed or has gone; search indexes. INTEREST_INDEX turns it on. */
    void (*indexed)(void *ctx, unsigned db, struct kith_str key);
    void *indexed_ctx;

    /* owns; NULL: nothing is on disk (keep_bind.h); set under the keyspace lock */
    _Atomic(struct keep *) keep;
    char *keep_dir;   /* owns; where it may begin to be kept; NULL: nowhere */
    bool keep_failed; /* it could not begin; CONFIG SET tries again */
    bool keep_beginning; /* persist_begin */
    void (*define)(void *ctx, struct keep *keep); /* nullable: commands that make search indexes */
    struct os_mutex settled_lock;  /* a leaf; held while it is called */
    void (*on_settled)(void *ctx); /* guard: settled_lock; nullable: tickets became good */
    void *on_settled_ctx;

    const char *info_title; /* borrows; of another door's section of INFO; NULL: none */
    void (*info_more)(void *ctx, struct buffer *out);
    void *info_more_ctx;

    int64_t slow_ns; /* slower commands may be worth a note */
    struct redis_counters counters;
    struct map errors; /* code -> count */

    struct pool *pool;       /* owns; for call_offload */
    struct pool *builder;    /* owns; vector_upkeep.c; NULL until it has work */
    struct vector_watch *vector_watches; /* owns; vector_upkeep.c */
    struct vector_watch *vector_trash;   /* owns; only cron's thread */
    atomic_bool stopping;    /* what the builder does need not end */
    struct buffer scratch;   /* of redis_place */
    struct map waiting;      /* place -> struct wait_queue *; blocked.c */
    struct wait_queue *ready_first, *ready_last;
    struct map watched;      /* place -> struct watch_list *; watch.c */
    struct map channels[3];  /* by enum pubsub_kind: name -> struct channel * */
    size_t subscriber_count;
    struct map tracked;      /* key -> struct tracked *; tracking.c */
    struct session *broadcasts; /* list of those that track by prefix */
    size_t tracking_count, monitor_count;
    struct acl *acl;         /* owns */
    struct slowlog *slowlog; /* owns */
    struct latency *latency; /* owns */
    struct cron *cron;       /* owns */
    struct rates rates;      /* info.c */
    int64_t saved_at_ms;     /* Unix; LASTSAVE while nothing is kept */
    void (*shutdown)(void *ctx, bool save); /* nullable: SHUTDOWN asks the program to end */
    void *shutdown_ctx;
    int64_t paused_until_ms; /* CLIENT PAUSE; 0: not */
    bool paused_all;         /* not writes alone */
    bool saving_failed;      /* -MISCONF */
    bool shutting_down;
    int64_t policy;            /* appendfsync as it is in force; persist.c */
    const char *write_refusal; /* NULL: changes are taken */
    bool no_final_save;        /* SHUTDOWN NOSAVE */
    struct map scache_counts;  /* scache_book.h: owns its values */
    int64_t scache_fold_ms;    /* when they go into their hashes */
    struct buffer scache_gone; /* keys whose vector follows */
    bool flushed; /* tracking clients are told at the end of the command */
};

/* redis.c */
/* Database and key as one key of a map; good until the next call. */
struct kith_str redis_place(struct redis *redis, unsigned db, struct kith_str key);
void redis_log(const struct redis *redis, int level, const char *fmt, ...) KITH_PRINTF(3, 4);

/* The list of HELLO and MODULE LIST. cmd_connection.c */
void redis_put_modules(struct redis *redis, struct resp *reply);
/* A text of at most 16 MiB, to the end of out. acl_file.c */
KITH_NODISCARD int redis_read_file(const struct redis *redis, const char *path, struct buffer *out,
                                   struct kith_error *err);
/* Writes a file whole: beside it first, then renamed into its place. acl_file.c */
KITH_NODISCARD int redis_write_file(const struct redis *redis, const char *path,
                                    const struct buffer *text, struct kith_error *err);
/* What changed settings mean to others; called after every change. settings_apply.c */
void redis_apply_settings(struct redis *redis);

/* dispatch.c */
/* When the keyspace lock was taken: the clocks of this turn. */
void redis_read_time(struct redis *redis);
/* Around the commands of one batch: quick neighbours may be measured together. */
#define SHARED_NS 1000000 /* who wants to know of shorter times (slow_ns) gets each measured */
void redis_share_begin(struct redis *redis);
void redis_share_end(struct redis *redis);
/* Runs a command that was admitted; its words and its reply are the caller's. */
void redis_call_run(struct redis *redis, struct session *session, struct command_entry *entry,
                    struct redis_call *call);
/* The same for what a command left for later: fn in place of its function. */
void redis_call_finish(struct redis *redis, struct session *session, struct command_entry *entry,
                       struct redis_call *call, void (*fn)(struct redis_call *call, void *ctx),
                       void *ctx);
/* Everything that follows a command or a transaction: effects, blocked clients, messages. */
void redis_settle(struct redis *redis);
void redis_refresh(struct redis *redis); /* redis->calm */
void redis_count_error(struct redis *redis, const char *text, size_t len);

/* command_change.c */
void redis_effect(struct redis *redis, unsigned db, const struct kith_str *argv, size_t argc);
void redis_flush_effects(struct redis *redis);
void redis_key_changed(struct redis *redis, unsigned db, struct kith_str key);
void redis_event(struct redis *redis, unsigned db, struct kith_str key, enum event_class class,
                 const char *event);
void redis_hook_cache(struct redis *redis);
void redis_databases_swapped(struct redis *redis, unsigned a, unsigned b); /* after cache_swap */

static inline struct kith_str str_of(const char *text)
{
    return (struct kith_str){text, text ? __builtin_strlen(text) : 0};
}
static inline bool str_same(struct kith_str a, struct kith_str b)
{
    return a.len == b.len && (a.len == 0 || __builtin_memcmp(a.data, b.data, a.len) == 0);
}
bool str_is(struct kith_str text, const char *word); /* in any case */

#endif
