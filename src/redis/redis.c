/*
 * The door as a whole: made, opened and closed. See redis.h.
 */
#include "redis/redis.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "redis/redis_internal.h"

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

int settings_init(struct redis_settings *settings)
{
    memset(settings, 0, sizeof *settings);
    settings->databases = 16;
    settings->bulk_bytes_max = RESP_BULK_BYTES_MAX;
    return 0;
}

void settings_release(struct redis_settings *settings) { (void)settings; }

int redis_new(const struct redis_opts *opts, struct redis **out, struct kith_error *err)
{
    struct redis *redis = mem_zalloc(sizeof *redis);
    if (!redis) return error_set(err, KITH_ENOMEM, "redis: no memory");
    redis->os = opts->os;
    redis->db = opts->db;
    redis->metrics = opts->metrics;
    redis->log = opts->log;
    redis->log_ctx = opts->log_ctx;
    redis->port = opts->port;
    redis->opened_us = os_now_us(opts->os);
    redis->opened_ms = os_wall_ms(opts->os);
    map_init(&redis->errors);
    map64_init(&redis->session_ids);
    arena_init(&redis->effect_words);
    draw_run_id(redis);
    int rc = settings_init(&redis->settings);
    if (rc == 0) rc = registry_init(&redis->registry);
    if (rc) error_set(err, rc, "redis: no memory");
    else rc = open_cache(redis, err);
    redis_refresh(redis);
    if (rc == 0) *out = redis;
    else redis_free(redis);
    return rc;
}

void redis_free(struct redis *redis)
{
    if (!redis) return;
    cache_free(redis->cache);
    registry_release(&redis->registry);
    settings_release(&redis->settings);
    map_release(&redis->errors);
    map64_release(&redis->session_ids);
    arena_release(&redis->effect_words);
    mem_free(redis->effects);
    mem_free(redis->config_file);
    mem_free(redis);
}

struct cache *redis_cache(struct redis *redis) { return redis->cache; }
