/*
 * The door as a whole: made, opened and closed. See redis.h.
 */
#include "redis/redis.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "redis/acl.h"
#include "redis/blocked.h"
#include "redis/conf.h"
#include "redis/cron.h"
#include "redis/persist.h"
#include "redis/scache_book.h"
#include "redis/search_derived.h"
#include "redis/slowlog.h"
#include "redis/tracking.h"
#include "redis/vector_upkeep.h"

void redis_log(const struct redis *redis, int level, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    if (!redis->log) return;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    redis->log(redis->log_ctx, level, text);
}

struct kith_str redis_place(struct redis *redis, unsigned db, struct kith_str key)
{
    struct buffer *out = &redis->scratch;
    buffer_clear(out);
    buffer_put_u32(out, db);
    buffer_put(out, key.data, key.len);
    return (struct kith_str){(const char *)out->data, out->len};
}

static void draw_run_id(struct redis *redis)
{
    uint8_t bytes[20];
    os_random(redis->os, bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        (void)snprintf(redis->run_id + 2 * i, 3, "%02x", bytes[i]);
}

static int open_cache(struct redis *redis, struct kith_error *err)
{
    struct cache_opts opts = {.os = redis->os,
                              .databases = (unsigned)redis->settings.databases};
    cache_settings_init(&opts.settings);
    const int rc = cache_new(&opts, &redis->cache, err);
    if (rc == 0) redis_hook_cache(redis);
    return rc;
}

static void take_opts(struct redis *redis, const struct redis_opts *opts)
{
    redis->os = opts->os;
    redis->db = opts->db;
    redis->metrics = opts->metrics;
    redis->log = opts->log;
    redis->log_ctx = opts->log_ctx;
    redis->port = opts->port;
    redis->shutdown = opts->shutdown;
    redis->shutdown_ctx = opts->shutdown_ctx;
    redis->saved_at_ms = os_wall_ms(opts->os);
    redis->opened_us = os_now_us(opts->os);
    redis->opened_ms = os_wall_ms(opts->os);
}

/* Everything that only needs memory. */
static int make_parts(struct redis *redis, const struct redis_opts *opts)
{
    int rc = registry_init(&redis->registry);
    if (rc == 0) rc = settings_init(&redis->settings);
    if (rc == 0 && opts->config_file) {
        redis->config_file = mem_strdup(opts->config_file);
        rc = redis->config_file ? 0 : KITH_ENOMEM;
    }
    if (rc == 0) rc = slowlog_init(redis);
    if (rc == 0) rc = latency_init(redis);
    if (rc == 0) rc = acl_new(redis, &redis->acl);
    if (rc == 0) rc = search_init(redis);
    return rc;
}

static int load_users(struct redis *redis, struct kith_error *err)
{
    const char *path = redis->settings.aclfile;
    struct buffer why;
    if (!path) return 0;
    buffer_init(&why);
    int rc = acl_load(redis->acl, path, &why);
    if (rc) rc = error_set_at(err, KITH_EINVAL, UINT64_MAX, "Error loading ACLs from %s: %.*s",
                              path, (int)why.len, (const char *)why.data);
    buffer_release(&why);
    return rc;
}

static int open_parts(struct redis *redis, const struct redis_opts *opts, struct kith_error *err)
{
    char folder[OS_PATH_MAX];
    int rc = make_parts(redis, opts);
    if (rc == 0) rc = os_mutex_init(redis->os, &redis->settled_lock);
    if (rc) return error_set(err, rc, "redis: no memory");
    rc = conf_apply(redis, opts->directives, opts->directive_count, err);
    if (rc == 0) rc = load_users(redis, err);
    if (rc == 0) rc = open_cache(redis, err);
    if (rc) return rc;
    redis->settings.port = (int64_t)opts->port;
    if (!redis->settings.dir && os_folder(folder, sizeof folder) == 0)
        redis->settings.dir = mem_strdup(folder); /* to be shown; NULL does no harm */
    redis_apply_settings(redis);
    cache_settings(redis->cache)->deflate_from = opts->deflate_from;
    if (opts->deflate_level) cache_settings(redis->cache)->deflate_level = opts->deflate_level;
    redis_refresh(redis);
    rc = persist_open(redis, opts->dir, err);
    if (rc == 0) rc = offload_init(redis, opts->workers, err);
    if (rc == 0) rc = cron_start(redis, err);
    if (rc == 0) rc = search_sync_start(redis, err);
    return rc;
}

int redis_new(const struct redis_opts *opts, struct redis **out, struct kith_error *err)
{
    struct redis *redis = mem_zalloc(sizeof *redis);
    if (!redis) return error_set(err, KITH_ENOMEM, "redis: no memory");
    take_opts(redis, opts);
    draw_run_id(redis);
    const int rc = open_parts(redis, opts, err);
    if (rc == 0) *out = redis;
    else redis_free(redis);
    return rc;
}

/* What local sessions left behind goes with them. */
static void close_sessions(struct redis *redis)
{
    if (!redis->cache) return;
    cache_lock(redis->cache);
    while (redis->sessions) session_free(redis->sessions);
    cache_begin(redis->cache);
    scache_fold(redis, true);
    redis_settle(redis);
    cache_unlock(redis->cache);
}

void redis_free(struct redis *redis)
{
    if (!redis) return;
    cron_stop(redis);
    search_sync_stop(redis);
    background_release(redis);
    offload_release(redis);
    close_sessions(redis);
    persist_close(redis);
    search_release(redis);
    tracking_release(redis);
    acl_free(redis->acl);
    slowlog_release(redis);
    latency_release(redis);
    cache_free(redis->cache);
    registry_release(&redis->registry);
    settings_release(&redis->settings);
    map_release(&redis->errors);
    map_release(&redis->waiting);
    map_release(&redis->watched);
    scache_book_release(redis);
    for (size_t i = 0; i < 3; i++) map_release(&redis->channels[i]);
    map64_release(&redis->session_ids);
    arena_release(&redis->effect_words);
    buffer_release(&redis->scratch);
    os_mutex_release(&redis->settled_lock);
    mem_free(redis->effects);
    mem_free(redis->keep_dir);
    mem_free(redis->config_file);
    mem_free(redis);
}

struct cache *redis_cache(struct redis *redis) { return redis->cache; }
