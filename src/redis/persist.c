/*
 * When the keyspace is kept: see persist.h.
 *
 * CONFIG SET only changes parameters; what follows from them (beginning or ending a log, a new
 * policy) may wait for a disk and happens in the next turn of cron, without the keyspace lock.
 */
#include "redis/persist.h"

#include "base/alloc.h"
#include "redis/keep_bind.h"

#define TURN_MS 1000
#define LOST_MS 10000 /* a log that could not be synced: between two tries to replace it */

static bool wants_files(const struct redis_settings *settings)
{
    return settings->appendonly || settings->save_count;
}

int persist_open(struct redis *redis, const char *dir, struct kith_error *err)
{
    const struct redis_settings *settings = &redis->settings;
    if (dir) redis->keep_dir = mem_strdup(dir);
    if (dir && !redis->keep_dir) return error_set(err, KITH_ENOMEM, "redis: no memory");
    if (!dir || !wants_files(settings)) return 0;
    redis->policy = settings->appendfsync;
    const int rc = redis_keep_open(redis, dir, settings->appendonly, false, err);
    redis->dirty_saved = redis->dirty;
    return rc;
}

/* It was started with nothing to keep, and the parameters have changed. Under the lock. */
static bool should_begin(const struct redis *redis)
{
    return !redis->keep && redis->keep_dir && !redis->keep_failed && wants_files(&redis->settings);
}

int64_t persist_due_ms(const struct redis *redis)
{
    if (!redis->keep) return should_begin(redis) ? TURN_MS : INT64_MAX;
    const bool idle = redis->dirty == redis->dirty_saved && !redis->write_refusal &&
                      redis->settings.appendonly == keep_is_logging(redis->keep) &&
                      redis->settings.appendfsync == redis->policy;
    return idle ? INT64_MAX : TURN_MS;
}

void persist_check(struct redis *redis)
{
    const char *why = redis->keep ? keep_refusal(redis->keep) : NULL;
    if (why == redis->write_refusal) return;
    redis->write_refusal = why;
    redis_refresh(redis);
}

/* ---- what is due ---- */

struct due { /* a copy, taken under the lock */
    struct redis_settings settings;
    uint64_t changes;
    int64_t now_ms;
};

static bool save_point_reached(const struct due *due, const struct keep_info *info)
{
    const int64_t seconds = (due->now_ms - info->saved_at_ms) / 1000;
    for (size_t i = 0; i < due->settings.save_count; i++)
        if (due->changes >= (uint64_t)due->settings.saves[i].changes &&
            seconds >= due->settings.saves[i].seconds)
            return due->changes > 0;
    return false;
}

static bool log_is_long(const struct due *due, const struct keep_info *info)
{
    const uint64_t percentage = (uint64_t)due->settings.rewrite_percentage;
    const uint64_t base = info->log_base_bytes ? info->log_base_bytes : 1;
    return percentage && info->log_bytes >= (uint64_t)due->settings.rewrite_min_size &&
           info->log_bytes / 100 >= base / 100 * (100 + percentage) / 100;
}

static void follow_settings(struct redis *redis, const struct due *due)
{
    struct kith_error err = {0};
    const bool logging = keep_is_logging(redis->keep);
    int rc = 0;
    if (!due->settings.appendonly && logging) keep_log_off(redis->keep);
    else if (due->settings.appendonly && (!logging || due->settings.appendfsync != redis->policy))
        rc = keep_log(redis->keep, (enum fsync_policy)due->settings.appendfsync, true, &err);
    redis->policy = due->settings.appendfsync;
    if (rc && rc != KITH_EBUSY) redis_log(redis, 1, "the append log: %s", err.text);
}

static void begin_save(struct redis *redis, const char *why)
{
    struct kith_error err = {0};
    redis_log(redis, 2, "%s: saving", why);
    if (keep_save_begin(redis->keep, &err)) redis_log(redis, 1, "saving: %s", err.text);
    else persist_saved(redis);
}

int persist_begin(struct redis *redis, struct kith_error *err)
{
    cache_lock(redis->cache);
    const bool there = redis->keep, may = redis->keep_dir && !redis->keep_beginning;
    if (!there && may) redis->keep_beginning = true;
    cache_unlock(redis->cache);
    if (there) return 0;
    if (!redis->keep_dir)
        return error_set(err, KITH_EUNSUPPORTED, "this server has no directory to save to");
    if (!may) return error_set(err, KITH_EBUSY, "the files are being opened");
    const int rc = redis_keep_begin(redis, redis->keep_dir, err);
    cache_lock(redis->cache);
    redis->keep_beginning = false;
    cache_unlock(redis->cache);
    return rc;
}

/* A failure is said once, and CONFIG GET shows what is true. */
static void begin_keeping(struct redis *redis)
{
    struct kith_error err = {0};
    const int rc = persist_begin(redis, &err);
    if (rc == 0 || rc == KITH_EBUSY) return;
    redis_log(redis, 0, "nothing can be kept: %s", err.text);
    cache_lock(redis->cache);
    redis->keep_failed = true;
    redis->settings.appendonly = false;
    cache_unlock(redis->cache);
}

void persist_turn(struct redis *redis)
{
    struct due due;
    struct keep_info info;
    cache_lock(redis->cache);
    const bool begin = should_begin(redis);
    cache_unlock(redis->cache);
    if (begin) begin_keeping(redis);
    if (!redis->keep) return;
    cache_lock(redis->cache);
    cache_begin(redis->cache);
    due.settings = redis->settings;
    due.changes = redis->dirty - redis->dirty_saved;
    due.now_ms = cache_now_ms(redis->cache);
    persist_check(redis);
    cache_unlock(redis->cache);
    follow_settings(redis, &due);
    keep_info_get(redis->keep, &info);
    if (info.saving) return;
    if (info.between_logs) {
        begin_save(redis, "the append log has no next file yet");
    } else if (info.lost_for_ms >= LOST_MS) {
        begin_save(redis, "the append log is lost");
    } else if (due.settings.appendonly) {
        if (log_is_long(&due, &info)) begin_save(redis, "the append log has grown");
    } else if (save_point_reached(&due, &info)) {
        begin_save(redis, "a save point is reached");
    }
}

void persist_saved(struct redis *redis)
{
    cache_lock(redis->cache);
    redis->dirty_saved = redis->dirty;
    cache_unlock(redis->cache);
}

void persist_close(struct redis *redis)
{
    struct kith_error err = {0};
    if (!redis->keep) return;
    const bool save = redis->settings.save_count && !redis->settings.appendonly &&
                      redis->dirty != redis->dirty_saved && !redis->no_final_save;
    if (save && keep_save(redis->keep, &err)) redis_log(redis, 0, "saving: %s", err.text);
    else if (save) redis_log(redis, 2, "DB saved on disk");
    redis_keep_close(redis);
}
