/*
 * The inside of the door: one struct, guarded by the keyspace lock but for what says otherwise.
 *
 * Lock order: keyspace lock, then a mutex of cron or offload (held for a few instructions). No
 * callback of a stream is called under either; stream_wake() is.
 */
#ifndef KITH_REDIS_REDIS_INTERNAL_H
#define KITH_REDIS_REDIS_INTERNAL_H

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
    struct map64 session_ids; /* id -> struct session * */
    uint64_t last_id;
    bool calm; /* no loading, no pause, no monitor, no refusal of writes: one test a command */
    bool loading;

    struct session *current; /* whose command runs; NULL: none, or a replay */
    struct command_entry *running;
    unsigned depth;          /* 2: inside EXEC */
    int64_t now_ns;          /* when the command began: the end of the one before */
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

    struct redis_counters counters;
    struct map errors; /* code -> count */
};

/* redis.c */
void redis_log(const struct redis *redis, int level, const char *fmt, ...) KITH_PRINTF(3, 4);

/* dispatch.c */
/* Runs a command that was admitted; its words and its reply are the caller's. */
void redis_call_run(struct redis *redis, struct session *session, struct command_entry *entry,
                    struct redis_call *call);
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
