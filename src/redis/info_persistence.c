/*
 * INFO: what is kept on disk.
 */
#include "redis/info.h"
#include "redis/keep.h"

static const char *ok_or_err(bool failed) { return failed ? "err" : "ok"; }

void info_persistence(struct info *info)
{
    const struct redis *redis = info->redis;
    struct keep_info keep = {.saved_at_ms = redis->saved_at_ms, .save_seconds = -1};
    if (redis->keep) keep_info_get(redis->keep, &keep);
    const int64_t saving_s =
        keep.saving_since_ms ? (os_wall_ms(redis->os) - keep.saving_since_ms) / 1000 : -1;
    info_line(info, "loading", "%d", redis->loading);
    info_line(info, "async_loading", "0");
    info_line(info, "current_cow_size", "0");
    info_line(info, "rdb_changes_since_last_save", "%llu",
              (unsigned long long)(redis->dirty - redis->dirty_saved));
    info_line(info, "rdb_bgsave_in_progress", "%d", keep.saving);
    info_line(info, "rdb_last_save_time", "%lld", (long long)(keep.saved_at_ms / 1000));
    info_line(info, "rdb_last_bgsave_status", "%s", ok_or_err(keep.save_failed));
    info_line(info, "rdb_last_bgsave_time_sec", "%lld", (long long)keep.save_seconds);
    info_line(info, "rdb_current_bgsave_time_sec", "%lld", (long long)saving_s);
    info_line(info, "rdb_saves", "%llu", (unsigned long long)keep.saves);
    info_line(info, "aof_enabled", "%d", keep.logging);
    info_line(info, "aof_rewrite_in_progress", "%d", keep.logging && keep.saving);
    info_line(info, "aof_rewrite_scheduled", "0");
    info_line(info, "aof_last_rewrite_time_sec", "%lld", (long long)keep.save_seconds);
    info_line(info, "aof_current_rewrite_time_sec", "%lld", (long long)saving_s);
    info_line(info, "aof_last_bgrewrite_status", "%s", ok_or_err(keep.save_failed));
    info_line(info, "aof_last_write_status", "%s", ok_or_err(keep.log_failed));
    if (!keep.logging) return;
    info_line(info, "aof_current_size", "%llu", (unsigned long long)keep.log_bytes);
    info_line(info, "aof_base_size", "%llu", (unsigned long long)keep.log_base_bytes);
    info_line(info, "aof_pending_rewrite", "0");
    info_line(info, "aof_buffer_length", "%llu", (unsigned long long)keep.pending_bytes);
    info_line(info, "aof_pending_bio_fsync", "0");
    info_line(info, "aof_delayed_fsync", "0");
}
