/*
 * INFO: what is kept on disk.
 */
#include "redis/info.h"

void info_persistence(struct info *info)
{
    const struct redis *redis = info->redis;
    info_line(info, "loading", "%d", redis->loading);
    info_line(info, "async_loading", "0");
    info_line(info, "current_cow_size", "0");
    info_line(info, "rdb_changes_since_last_save", "%llu",
              (unsigned long long)(redis->dirty - redis->dirty_saved));
    info_line(info, "rdb_bgsave_in_progress", "0");
    info_line(info, "rdb_last_save_time", "%lld", (long long)(redis->saved_at_ms / 1000));
    info_line(info, "rdb_last_bgsave_status", "%s", redis->saving_failed ? "err" : "ok");
    info_line(info, "rdb_last_bgsave_time_sec", "-1");
    info_line(info, "rdb_current_bgsave_time_sec", "-1");
    info_line(info, "rdb_saves", "0");
    info_line(info, "aof_enabled", "0");
    info_line(info, "aof_rewrite_in_progress", "0");
    info_line(info, "aof_rewrite_scheduled", "0");
    info_line(info, "aof_last_rewrite_time_sec", "-1");
    info_line(info, "aof_current_rewrite_time_sec", "-1");
    info_line(info, "aof_last_bgrewrite_status", "ok");
    info_line(info, "aof_last_write_status", "ok");
}
