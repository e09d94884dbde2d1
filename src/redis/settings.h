/*
 * The parameters of CONFIG: one table says each one's name, kind, bounds, default and where its
 * value lies. redis.conf, the command line, CONFIG SET and CONFIG REWRITE all go through it.
 *
 * Values are guarded by the keyspace lock once the door is open.
 */
#ifndef KITH_REDIS_SETTINGS_H
#define KITH_REDIS_SETTINGS_H

#include "base/buffer.h"
#include "cache/cache.h"

#define SAVE_POINTS_MAX 64u
#define OUTPUT_CLASSES 3u /* normal, slave, pubsub */
#define SETTING_ERROR_MAX 256u

struct save_point {
    int64_t seconds, changes;
};

struct output_limit { /* 0: no limit */
    uint64_t hard, soft;
    int64_t soft_seconds;
};

enum fsync_policy { FSYNC_EVERYSEC, FSYNC_ALWAYS, FSYNC_NO };
enum debug_allowed { DEBUG_NO, DEBUG_YES, DEBUG_LOCAL };

struct redis_settings { /* numbers, yes and no (1, 0), choices and bytes are all int64 */
    int64_t port, tcp_backlog, timeout, tcp_keepalive, maxclients, databases, hz, io_threads;
    int64_t protected_mode, daemonize, unixsocketperm, always_show_logo, loglevel;
    int64_t syslog_enabled, supervised;
    int64_t maxmemory, maxmemory_policy, maxmemory_samples, maxmemory_tenacity, maxmemory_clients;
    int64_t lfu_log_factor, lfu_decay_time;
    int64_t lazy_evict, lazy_expire, lazy_server_del, lazy_user_del, lazy_user_flush;
    int64_t replica_lazy_flush, active_expire_effort;
    int64_t hash_entries, hash_value, set_intset, set_entries, set_value, zset_entries, zset_value;
    int64_t list_size, list_depth, stream_bytes, stream_entries, hll_sparse;
    int64_t appendonly, appendfsync, no_fsync_on_rewrite, rewrite_percentage, rewrite_min_size;
    int64_t aof_load_truncated, aof_timestamp, aof_preamble, rdb_compression, rdb_checksum;
    int64_t stop_on_save_error, rdb_del_sync, repl_read_only, repl_serve_stale;
    int64_t repl_diskless_sync, repl_diskless_delay, repl_backlog_size, repl_backlog_ttl;
    int64_t repl_timeout, repl_priority, repl_disable_nodelay, min_replicas, min_replicas_lag;
    int64_t bulk_bytes_max, query_bytes_max, busy_threshold;
    int64_t slowlog_slower_than, slowlog_max_len, latency_threshold, latency_tracking;
    int64_t acllog_max_len, tracking_keys_max, acl_pubsub_default;
    int64_t debug_command, protected_configs, module_command;
    int64_t active_defrag, jemalloc_bg, active_rehashing, dynamic_hz;
    int64_t rewrite_incremental_fsync, save_incremental_fsync, oom_score_adj, set_proc_title;
    int64_t thp_disable, vset_single_threaded, tls_port, tls_replication, cluster_enabled;
    int64_t shutdown_timeout, crash_log, io_threads_do_reads, socket_mark;
    char *bind, *unixsocket, *pidfile, *logfile, *dir, *dbfilename; /* owns these texts */
    char *appendfilename, *appenddirname, *requirepass, *aclfile, *syslog_ident, *proc_title;
    char *tls_cert, *tls_key, *tls_ca, *tls_ca_dir, *replica_announce_ip, *masteruser, *masterauth;
    char *syslog_facility, *oom_values, *latency_percentiles, *shutdown_on_sigint;
    char *shutdown_on_sigterm, *locale_collate;
    struct save_point saves[SAVE_POINTS_MAX];
    size_t save_count;
    struct output_limit output[OUTPUT_CLASSES];
    int64_t notify; /* NOTIFY_* of notify.h */
};

/* The defaults. KITH_ENOMEM */
KITH_NODISCARD int settings_init(struct redis_settings *settings);
void settings_release(struct redis_settings *settings); /* accepts a zeroed struct */

#endif
