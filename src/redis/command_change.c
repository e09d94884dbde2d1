/*
 * What follows from a change: see "changes" in command.h.
 *
 * A change that nobody waits for costs one counter and one test: whoever wants to know of changes
 * has a bit in redis->interests while there is any of his kind.
 *
 * Effects are collected while a command or a transaction runs and handed to the sink at its end, as
 * one unit. A key that expires or is evicted is an effect too, a DEL: of the unit that runs, or of
 * one alone.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "redis/keep.h"
#include "redis/blocked.h"
#include "redis/cron.h"
#include "redis/notify.h"
#include "redis/scache_book.h"
#include "redis/tracking.h"
#include "redis/watch.h"

#define LOG_WORDS_MAX 64u
#define LOG_DIGITS 24u

/* ---- effects ---- */

static bool room_for_effect(struct redis *redis)
{
    if (redis->effect_count < redis->effect_cap) return true;
    const size_t cap = redis->effect_cap ? redis->effect_cap * 2 : 16;
    size_t bytes;
    if (!size_mul(cap, sizeof *redis->effects, &bytes)) return false;
    struct effect *fresh = mem_realloc(redis->effects, bytes);
    if (!fresh) return false;
    redis->effects = fresh;
    redis->effect_cap = cap;
    return true;
}

static const struct kith_str *copy_words(struct arena *arena, const struct kith_str *argv,
                                         size_t argc)
{
    struct kith_str *words = arena_alloc_array(arena, argc, sizeof *words);
    for (size_t i = 0; words && i < argc; i++) {
        const char *copy = arena_strndup(arena, argv[i].data, argv[i].len);
        if (!copy) return NULL;
        words[i] = (struct kith_str){copy, argv[i].len};
    }
    return words;
}

void redis_effect(struct redis *redis, unsigned db, const struct kith_str *argv, size_t argc)
{
    if (!redis->sink.take) return;
    const struct kith_str *words = copy_words(&redis->effect_words, argv, argc);
    if (!words || !room_for_effect(redis)) {
        redis_log(redis, 0, "no memory to log a change: %.*s", (int)argv[0].len, argv[0].data);
        return;
    }
    redis->effects[redis->effect_count++] = (struct effect){db, words, argc};
}

void redis_flush_effects(struct redis *redis)
{
    if (!redis->effect_count) return;
    redis->sink.take(redis->sink.ctx, redis->effects, redis->effect_count);
    redis->effect_count = 0;
    arena_reset(&redis->effect_words);
}

void call_log(struct redis_call *call, const struct kith_str *argv, size_t argc)
{
    call->log_replaced = true;
    if (call->session) redis_effect(call->redis, call->db, argv, argc);
}

void call_log_nothing(struct redis_call *call) { call->log_replaced = true; }

static struct kith_str log_word(char kind, va_list *args, char digits[LOG_DIGITS])
{
    if (kind == 's') return str_of(va_arg(*args, const char *));
    if (kind == 'S') return *va_arg(*args, const struct kith_str *);
    const int len = snprintf(digits, LOG_DIGITS, "%lld", (long long)va_arg(*args, int64_t));
    return (struct kith_str){digits, (size_t)len};
}

void call_logf(struct redis_call *call, const char *fmt, ...)
{
    struct kith_str words[LOG_WORDS_MAX];
    char digits[LOG_WORDS_MAX][LOG_DIGITS];
    size_t count = 0;
    va_list args;
    va_start(args, fmt);
    for (const char *at = fmt; *at && count < LOG_WORDS_MAX;) {
        const size_t len = strcspn(at, " ");
        if (at[0] == '%' && len == 2) words[count] = log_word(at[1], &args, digits[count]);
        else words[count] = (struct kith_str){at, len};
        if (len) count++;
        at += len + (at[len] == ' ');
    }
    va_end(args);
    call_log(call, words, count);
}

/* ---- changes ---- */

void redis_key_changed(struct redis *redis, unsigned db, struct kith_str key)
{
    const unsigned interests = redis->interests;
    if (interests & INTEREST_WATCH) watch_key_changed(redis, db, key);
    if (interests & INTEREST_BLOCKED) blocked_key_changed(redis, db, key);
    if (interests & INTEREST_TRACKING) tracking_key_changed(redis, key);
    if (redis->indexed && (interests & INTEREST_INDEX)) redis->indexed(redis->indexed_ctx, db, key);
}

void redis_event(struct redis *redis, unsigned db, struct kith_str key, enum event_class class,
                 const char *event)
{
    notify_event(redis, db, key, class, event);
}

void call_changed_in(struct redis_call *call, unsigned db, struct kith_str key,
                     enum event_class class, const char *event)
{
    struct redis *redis = call->redis;
    call->changes++;
    redis->dirty++;
    if (call->changes == 1) cron_poke(redis);
    if (redis->interests == 0) return;
    redis_key_changed(redis, db, key);
    if (event && (redis->interests & INTEREST_EVENTS)) redis_event(redis, db, key, class, event);
}

void call_changed(struct redis_call *call, struct kith_str key, enum event_class class,
                  const char *event)
{
    call_changed_in(call, call->db, key, class, event);
}

void call_event(struct redis_call *call, struct kith_str key, enum event_class class,
                const char *event)
{
    if (call->redis->interests & INTEREST_EVENTS)
        redis_event(call->redis, call->db, key, class, event);
}

void call_delete_empty(struct redis_call *call, struct entry *entry, bool empty)
{
    if (!empty) return;
    const struct kith_str key = entry_key(entry);
    call_event(call, key, EVENT_GENERIC, "del");
    cache_remove(call->cache, call->db, entry, REMOVED_DELETED);
}

/* ---- what the keyspace does by itself ---- */

static void on_removed(void *ctx, unsigned db, const struct entry *entry, enum removal why)
{
    struct redis *redis = ctx;
    scache_entry_gone(redis, db, entry, why);
    if (why != REMOVED_EXPIRED && why != REMOVED_EVICTED) return;
    const struct kith_str words[2] = {str_of("DEL"), entry_key(entry)};
    redis->dirty++;
    redis_effect(redis, db, words, 2);
    if (redis->interests == 0) return;
    redis_key_changed(redis, db, words[1]);
    if (!(redis->interests & INTEREST_EVENTS)) return;
    if (why == REMOVED_EXPIRED) redis_event(redis, db, words[1], EVENT_EXPIRED, "expired");
    else redis_event(redis, db, words[1], EVENT_EVICTED, "evicted");
}

/* The field is logged as removed: a replay must not depend on its clock. */
static void on_field_expired(void *ctx, unsigned db, const struct entry *entry,
                             struct kith_str field)
{
    struct redis *redis = ctx;
    const struct kith_str words[3] = {str_of("HDEL"), entry_key(entry), field};
    redis->dirty++;
    redis_effect(redis, db, words, 3);
    if (redis->interests == 0) return;
    redis_key_changed(redis, db, words[1]);
    if (redis->interests & INTEREST_EVENTS)
        redis_event(redis, db, words[1], EVENT_HASH, "hexpired");
}

static void on_changing(void *ctx, unsigned db, struct entry *entry)
{
    const struct redis *redis = ctx;
    if (redis->keep) keep_changing(redis->keep, db, entry);
}

static bool on_keeping(void *ctx, enum value_type type, void *value)
{
    const struct redis *redis = ctx;
    return redis->keep && keep_keeping(redis->keep, type, value);
}

/* No key's bytes: any key may have changed. */
static void whole_database_changed(struct redis *redis, unsigned db)
{
    if (redis->indexed) redis->indexed(redis->indexed_ctx, db, (struct kith_str){NULL, 0});
}

static void on_flushing(void *ctx, unsigned db)
{
    struct redis *redis = ctx;
    if (redis->keep) keep_flushing(redis->keep, db);
    scache_forget_counts(redis, db);
    if (redis->interests & INTEREST_WATCH) watch_flushing(redis, db);
    if (redis->interests & INTEREST_TRACKING) redis->flushed = true;
    if (redis->interests & INTEREST_INDEX) whole_database_changed(redis, db);
}

void redis_databases_swapped(struct redis *redis, unsigned a, unsigned b)
{
    if (redis->interests & INTEREST_WATCH) watch_swapped(redis, a, b);
    if (redis->interests & INTEREST_BLOCKED) blocked_databases_changed(redis, a, b);
    if (redis->interests & INTEREST_INDEX) {
        whole_database_changed(redis, a);
        whole_database_changed(redis, b);
    }
}

void redis_hook_cache(struct redis *redis)
{
    const struct cache_hooks hooks = {.removed = on_removed,
                                      .changing = on_changing,
                                      .flushing = on_flushing,
                                      .field_expired = on_field_expired,
                                      .keeping = on_keeping,
                                      .ctx = redis};
    cache_set_hooks(redis->cache, &hooks);
}
