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
#define PERCENTS_MAX 16u

struct save_point {
    int64_t seconds, changes;
};

struct output_limit { /* 0: no limit */
    uint64_t hard, soft;
    int64_t soft_seconds;
};

enum fsync_policy { FSYNC_EVERYSEC, FSYNC_ALWAYS, FSYNC_NO };
enum debug_allowed { DEBUG_NO, DEBUG_YES, DEBUG_LOCAL };
enum user_channels { CHANNELS_NONE, CHANNELS_ALL }; /* of a new user: acl-pubsub-default */

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
    int64_t tls_auth_clients, thp_disable, vset_single_threaded,
        vset_strict_filter_ef, tls_port, tls_replication;
    int64_t cluster_enabled;
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

enum parameter_kind {
    PARAMETER_NUMBER,  /* min..max */
    PARAMETER_MEMORY,  /* bytes, with units; min..max */
    PARAMETER_PERCENT, /* bytes; below 0: hundredths of maxmemory */
    PARAMETER_YES_NO,
    PARAMETER_CHOICE,
    PARAMETER_OCTAL,
    PARAMETER_TEXT,
    PARAMETER_SAVE,
    PARAMETER_OUTPUT,
    PARAMETER_NOTIFY
};
enum parameter_flag {
    PARAMETER_FIXED = 1,  /* only before the start */
    PARAMETER_ALIAS = 2,  /* an old name of the one before it */
    PARAMETER_SECRET = 4, /* shown as (redacted) in logs */
    PARAMETER_PROTECTED = 8, /* fixed unless enable-protected-configs */
    PARAMETER_IDLE = 16,    /* kept and shown, without an effect: a redis.conf is told so */
    PARAMETER_PERCENTS = 32 /* a text of numbers from 0 to 100 */
};

struct parameter {
    const char *name;
    enum parameter_kind kind;
    unsigned flags;
    int64_t min, max;
    const char *preset;
    const char *choices; /* "a|b|c", valued 0, 1, 2 */
    size_t offset;
};

const struct parameter *parameters(size_t *count); /* settings_table.c */
const struct parameter *parameter_find(struct kith_str name); /* NULL: none */

/* The defaults. KITH_ENOMEM */
KITH_NODISCARD int settings_init(struct redis_settings *settings);
void settings_release(struct redis_settings *settings); /* accepts a zeroed struct */
/* A copy to try values on: settings_commit puts it in place of `settings`, settings_drop forgets
 * it. Texts that were not changed are shared until then. */
void settings_try(const struct redis_settings *settings, struct redis_settings *trial);
void settings_commit(struct redis_settings *settings, struct redis_settings *trial);
void settings_drop(const struct redis_settings *settings, struct redis_settings *trial);
/* Of a trial only. NULL: done; else why not, good until the next call. */
const char *settings_set(const struct redis_settings *settings, struct redis_settings *trial,
                         const struct parameter *parameter, struct kith_str value,
                         char error[SETTING_ERROR_MAX]);
void settings_print(const struct redis_settings *settings, const struct parameter *parameter,
                    struct buffer *out);
/* "50 99.9": how many; NULL or why not in `why`. */
size_t settings_percents(struct kith_str text, double out[PERCENTS_MAX], const char **why);
/* "64mb": false when it is none. */
bool settings_memory(struct kith_str text, int64_t *out);

#endif
