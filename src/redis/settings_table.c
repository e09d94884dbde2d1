/*
 * The table of parameters: see settings.h. Defaults are those of a Redis without a file.
 */
#include <string.h>

#include "redis/redis_internal.h"

#define AT(member) offsetof(struct redis_settings, member)
#define NUMBER(name, member, low, high, preset, flags)                                             \
    {name, PARAMETER_NUMBER, flags, low, high, preset, NULL, AT(member)}
#define MEMORY(name, member, low, high, preset, flags)                                             \
    {name, PARAMETER_MEMORY, flags, low, high, preset, NULL, AT(member)}
#define SHARE(name, member, preset)                                                                \
    {name, PARAMETER_PERCENT, 0, -100, BIG, preset, NULL, AT(member)}
#define YES_NO(name, member, preset, flags)                                                        \
    {name, PARAMETER_YES_NO, flags, 0, 1, preset, NULL, AT(member)}
#define CHOICE(name, member, preset, choices, flags)                                               \
    {name, PARAMETER_CHOICE, flags, 0, 0, preset, choices, AT(member)}
#define TEXT(name, member, preset, flags)                                                          \
    {name, PARAMETER_TEXT, flags, 0, 0, preset, NULL, AT(member)}

#define FIXED PARAMETER_FIXED
#define ALIAS PARAMETER_ALIAS
#define SECRET PARAMETER_SECRET
#define PROTECTED PARAMETER_PROTECTED
#define IDLE PARAMETER_IDLE
#define BIG INT64_MAX
#define INT INT32_MAX
#define POLICIES                                                                                   \
    "volatile-lru|volatile-lfu|volatile-lrm|volatile-random|volatile-ttl|allkeys-lru|allkeys-lfu|" \
    "allkeys-lrm|allkeys-random|noeviction"

static const struct parameter table[] = {
    {"save", PARAMETER_SAVE, 0, 0, 0, "3600 1 300 100 60 10000", NULL, AT(saves)},
    {"client-output-buffer-limit", PARAMETER_OUTPUT, 0, 0, 0,
     "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60", NULL, AT(output)},
    {"notify-keyspace-events", PARAMETER_NOTIFY, 0, 0, 0, "", NULL, AT(notify)},
    /* the network */
    NUMBER("port", port, 0, 65535, "6379", FIXED),
    TEXT("bind", bind, "127.0.0.1 -::1", FIXED),
    TEXT("unixsocket", unixsocket, "", FIXED),
    {"unixsocketperm", PARAMETER_OCTAL, FIXED, 0, 0777, "0", NULL, AT(unixsocketperm)},
    NUMBER("tcp-backlog", tcp_backlog, 0, INT, "511", FIXED | IDLE),
    NUMBER("timeout", timeout, 0, INT, "0", 0),
    NUMBER("tcp-keepalive", tcp_keepalive, 0, INT, "300", 0),
    NUMBER("maxclients", maxclients, 1, UINT32_MAX, "10000", 0),
    YES_NO("protected-mode", protected_mode, "yes", 0),
    NUMBER("io-threads", io_threads, 1, 128, "1", FIXED),
    YES_NO("io-threads-do-reads", io_threads_do_reads, "no", FIXED | IDLE),
    NUMBER("socket-mark-id", socket_mark, 0, UINT32_MAX, "0", FIXED | IDLE),
    NUMBER("tls-port", tls_port, 0, 65535, "0", FIXED),
    TEXT("tls-cert-file", tls_cert, "", FIXED),
    TEXT("tls-key-file", tls_key, "", FIXED),
    TEXT("tls-ca-cert-file", tls_ca, "", FIXED),
    TEXT("tls-ca-cert-dir", tls_ca_dir, "", FIXED | IDLE),
    CHOICE("tls-auth-clients", tls_auth_clients, "yes", "no|yes|optional", FIXED),
    YES_NO("tls-replication", tls_replication, "no", IDLE),
    YES_NO("cluster-enabled", cluster_enabled, "no", FIXED | IDLE),
    MEMORY("proto-max-bulk-len", bulk_bytes_max, 1048576, BIG, "536870912", 0),
    MEMORY("client-query-buffer-limit", query_bytes_max, 1048576, BIG, "1073741824", 0),
    /* the process */
    YES_NO("daemonize", daemonize, "no", FIXED),
    CHOICE("supervised", supervised, "no", "no|auto|upstart|systemd", FIXED),
    TEXT("pidfile", pidfile, "", FIXED),
    CHOICE("loglevel", loglevel, "notice", "debug|verbose|notice|warning|nothing", 0),
    TEXT("logfile", logfile, "", FIXED),
    YES_NO("syslog-enabled", syslog_enabled, "no", FIXED | IDLE),
    TEXT("syslog-ident", syslog_ident, "redis", FIXED | IDLE),
    TEXT("syslog-facility", syslog_facility, "local0", FIXED | IDLE),
    NUMBER("databases", databases, 1, CACHE_DATABASES_MAX, "16", FIXED),
    YES_NO("always-show-logo", always_show_logo, "no", FIXED | IDLE),
    YES_NO("set-proc-title", set_proc_title, "yes", FIXED | IDLE),
    TEXT("proc-title-template", proc_title, "{title} {listen-addr} {server-mode}", FIXED | IDLE),
    TEXT("locale-collate", locale_collate, "", IDLE),
    CHOICE("oom-score-adj", oom_score_adj, "no", "no|yes|relative|absolute", IDLE),
    TEXT("oom-score-adj-values", oom_values, "0 200 800", IDLE),
    YES_NO("disable-thp", thp_disable, "yes", FIXED | IDLE),
    YES_NO("crash-log-enabled", crash_log, "yes", IDLE),
    NUMBER("hz", hz, 0, INT, "10", 0),
    YES_NO("dynamic-hz", dynamic_hz, "yes", IDLE),
    NUMBER("shutdown-timeout", shutdown_timeout, 0, INT, "10", IDLE),
    TEXT("shutdown-on-sigint", shutdown_on_sigint, "default", IDLE),
    TEXT("shutdown-on-sigterm", shutdown_on_sigterm, "default", IDLE),
    /* files */
    TEXT("dir", dir, "", PROTECTED),
    TEXT("dbfilename", dbfilename, "dump.rdb", PROTECTED | IDLE),
    YES_NO("rdbcompression", rdb_compression, "yes", IDLE),
    YES_NO("rdbchecksum", rdb_checksum, "yes", FIXED | IDLE),
    YES_NO("rdb-del-sync-files", rdb_del_sync, "no", IDLE),
    YES_NO("rdb-save-incremental-fsync", save_incremental_fsync, "yes", IDLE),
    YES_NO("stop-writes-on-bgsave-error", stop_on_save_error, "yes", 0),
    YES_NO("appendonly", appendonly, "no", 0),
    TEXT("appendfilename", appendfilename, "appendonly.aof", FIXED | IDLE),
    TEXT("appenddirname", appenddirname, "appendonlydir", FIXED | IDLE),
    CHOICE("appendfsync", appendfsync, "everysec", "everysec|always|no", 0),
    YES_NO("no-appendfsync-on-rewrite", no_fsync_on_rewrite, "no", IDLE),
    NUMBER("auto-aof-rewrite-percentage", rewrite_percentage, 0, INT, "100", 0),
    MEMORY("auto-aof-rewrite-min-size", rewrite_min_size, 0, BIG, "67108864", 0),
    YES_NO("aof-load-truncated", aof_load_truncated, "yes", IDLE),
    YES_NO("aof-use-rdb-preamble", aof_preamble, "yes", IDLE),
    YES_NO("aof-timestamp-enabled", aof_timestamp, "no", IDLE),
    YES_NO("aof-rewrite-incremental-fsync", rewrite_incremental_fsync, "yes", IDLE),
    /* who may what */
    TEXT("requirepass", requirepass, "", SECRET),
    TEXT("aclfile", aclfile, "", FIXED),
    NUMBER("acllog-max-len", acllog_max_len, 0, INT, "128", 0),
    CHOICE("acl-pubsub-default", acl_pubsub_default, "resetchannels", "resetchannels|allchannels",
           0),
    CHOICE("enable-debug-command", debug_command, "no", "no|yes|local", FIXED),
    CHOICE("enable-protected-configs", protected_configs, "no", "no|yes|local", FIXED),
    CHOICE("enable-module-command", module_command, "no", "no|yes|local", FIXED | IDLE),
    /* memory */
    MEMORY("maxmemory", maxmemory, 0, BIG, "0", 0),
    CHOICE("maxmemory-policy", maxmemory_policy, "noeviction", POLICIES, 0),
    NUMBER("maxmemory-samples", maxmemory_samples, 1, INT, "5", 0),
    NUMBER("maxmemory-eviction-tenacity", maxmemory_tenacity, 0, 100, "10", 0),
    SHARE("maxmemory-clients", maxmemory_clients, "0"),
    NUMBER("lfu-log-factor", lfu_log_factor, 0, INT, "10", 0),
    NUMBER("lfu-decay-time", lfu_decay_time, 0, INT, "1", 0),
    YES_NO("lazyfree-lazy-eviction", lazy_evict, "no", 0),
    YES_NO("lazyfree-lazy-expire", lazy_expire, "no", 0),
    YES_NO("lazyfree-lazy-server-del", lazy_server_del, "no", 0),
    YES_NO("lazyfree-lazy-user-del", lazy_user_del, "no", 0),
    YES_NO("lazyfree-lazy-user-flush", lazy_user_flush, "no", 0),
    YES_NO("replica-lazy-flush", replica_lazy_flush, "no", IDLE),
    YES_NO("slave-lazy-flush", replica_lazy_flush, "no", ALIAS | IDLE),
    NUMBER("active-expire-effort", active_expire_effort, 1, 10, "1", IDLE),
    YES_NO("activerehashing", active_rehashing, "yes", IDLE),
    YES_NO("activedefrag", active_defrag, "no", IDLE),
    YES_NO("jemalloc-bg-thread", jemalloc_bg, "yes", IDLE),
    /* encodings */
    NUMBER("hash-max-listpack-entries", hash_entries, 0, BIG, "512", 0),
    NUMBER("hash-max-ziplist-entries", hash_entries, 0, BIG, "512", ALIAS),
    MEMORY("hash-max-listpack-value", hash_value, 0, BIG, "64", 0),
    MEMORY("hash-max-ziplist-value", hash_value, 0, BIG, "64", ALIAS),
    NUMBER("set-max-intset-entries", set_intset, 0, BIG, "512", 0),
    NUMBER("set-max-listpack-entries", set_entries, 0, BIG, "128", 0),
    MEMORY("set-max-listpack-value", set_value, 0, BIG, "64", 0),
    NUMBER("zset-max-listpack-entries", zset_entries, 0, BIG, "128", 0),
    NUMBER("zset-max-ziplist-entries", zset_entries, 0, BIG, "128", ALIAS),
    MEMORY("zset-max-listpack-value", zset_value, 0, BIG, "64", 0),
    MEMORY("zset-max-ziplist-value", zset_value, 0, BIG, "64", ALIAS),
    NUMBER("list-max-listpack-size", list_size, INT32_MIN, INT, "-2", 0),
    NUMBER("list-max-ziplist-size", list_size, INT32_MIN, INT, "-2", ALIAS),
    NUMBER("list-compress-depth", list_depth, 0, INT, "0", IDLE),
    NUMBER("stream-node-max-entries", stream_entries, 0, BIG, "100", IDLE),
    MEMORY("stream-node-max-bytes", stream_bytes, 0, BIG, "4096", IDLE),
    MEMORY("hll-sparse-max-bytes", hll_sparse, 0, BIG, "3000", IDLE),
    YES_NO("vset-force-single-threaded-execution", vset_single_threaded, "no", 0),
    YES_NO("vset-strict-filter-ef", vset_strict_filter_ef, "no", 0),
    /* watching */
    NUMBER("slowlog-log-slower-than", slowlog_slower_than, -1, BIG, "10000", 0),
    NUMBER("slowlog-max-len", slowlog_max_len, 0, BIG, "128", 0),
    NUMBER("latency-monitor-threshold", latency_threshold, 0, BIG, "0", 0),
    YES_NO("latency-tracking", latency_tracking, "yes", IDLE),
    TEXT("latency-tracking-info-percentiles", latency_percentiles, "50 99 99.9",
         PARAMETER_PERCENTS),
    NUMBER("tracking-table-max-keys", tracking_keys_max, 0, BIG, "1000000", 0),
    NUMBER("busy-reply-threshold", busy_threshold, 0, BIG, "5000", IDLE),
    NUMBER("lua-time-limit", busy_threshold, 0, BIG, "5000", ALIAS | IDLE),
    /* replicas: understood, and without effect */
    TEXT("masteruser", masteruser, "", IDLE),
    TEXT("masterauth", masterauth, "", SECRET | IDLE),
    TEXT("replica-announce-ip", replica_announce_ip, "", IDLE),
    YES_NO("replica-read-only", repl_read_only, "yes", IDLE),
    YES_NO("slave-read-only", repl_read_only, "yes", ALIAS | IDLE),
    YES_NO("replica-serve-stale-data", repl_serve_stale, "yes", IDLE),
    YES_NO("slave-serve-stale-data", repl_serve_stale, "yes", ALIAS | IDLE),
    NUMBER("replica-priority", repl_priority, 0, INT, "100", IDLE),
    NUMBER("slave-priority", repl_priority, 0, INT, "100", ALIAS | IDLE),
    YES_NO("repl-diskless-sync", repl_diskless_sync, "yes", IDLE),
    NUMBER("repl-diskless-sync-delay", repl_diskless_delay, 0, INT, "5", IDLE),
    MEMORY("repl-backlog-size", repl_backlog_size, 1, BIG, "1048576", 0),
    NUMBER("repl-backlog-ttl", repl_backlog_ttl, 0, BIG, "3600", IDLE),
    NUMBER("repl-timeout", repl_timeout, 1, INT, "60", IDLE),
    YES_NO("repl-disable-tcp-nodelay", repl_disable_nodelay, "no", IDLE),
    NUMBER("min-replicas-to-write", min_replicas, 0, INT, "0", IDLE),
    NUMBER("min-replicas-max-lag", min_replicas_lag, 0, INT, "10", IDLE),
};
#define PARAMETER_COUNT (sizeof table / sizeof table[0])

const struct parameter *parameters(size_t *count)
{
    *count = PARAMETER_COUNT;
    return table;
}

const struct parameter *parameter_find(struct kith_str name)
{
    for (size_t i = 0; i < PARAMETER_COUNT; i++)
        if (str_is(name, table[i].name)) return &table[i];
    return NULL;
}
