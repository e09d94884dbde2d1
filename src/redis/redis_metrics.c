/*
 * The door's figures for Prometheus, measured when somebody looks. Names are those of
 * redis_exporter, so that dashboards made for Redis show them.
 *
 * What is read under the keyspace lock is copied there and shown without it: finding a few hundred
 * series takes longer than clients should wait.
 */
#include <stdio.h>

#include "base/alloc.h"
#include "redis/keep.h"
#include "redis/pubsub.h"
#include "redis/redis_internal.h"

#define LABELS_MAX 80u

struct command_figures {
    const char *name;
    uint64_t calls, rejected, failed, ns;
};

struct figures { /* one look */
    struct cache_stats cache;
    struct redis_counters counters;
    struct keep_info keep;
    size_t clients, blocked, subscribers, tracking, channels, patterns, query_bytes;
    uint64_t dirty, maxmemory;
    bool loading, refuses_writes;
    uint64_t keys[CACHE_DATABASES_MAX], expiring[CACHE_DATABASES_MAX];
    unsigned databases;
    struct command_figures *commands; /* owns */
    size_t command_count;
};

static void read_commands(const struct redis *redis, struct figures *out)
{
    const struct registry *registry = &redis->registry;
    for (size_t i = 0; out->commands && i < registry->count; i++) {
        const struct command_entry *entry = &registry->entries[i];
        const struct command_stats *stats = &entry->stats;
        if (!stats->calls && !stats->rejected) continue;
        out->commands[out->command_count++] = (struct command_figures){
            entry->name, stats->calls, stats->rejected, stats->failed, stats->ns};
    }
}

static void read_figures(struct redis *redis, struct figures *out)
{
    cache_lock(redis->cache);
    cache_stats_get(redis->cache, &out->cache);
    out->counters = redis->counters;
    if (redis->keep) keep_info_get(redis->keep, &out->keep);
    out->clients = redis->session_count;
    out->blocked = redis->blocked_count;
    out->subscribers = redis->subscriber_count;
    out->tracking = redis->tracking_count;
    out->channels = pubsub_map(redis, PUBSUB_CHANNEL)->count;
    out->patterns = pubsub_map(redis, PUBSUB_PATTERN)->count;
    out->query_bytes = redis->query_bytes;
    out->dirty = redis->dirty - redis->dirty_saved;
    out->maxmemory = (uint64_t)redis->settings.maxmemory;
    out->loading = redis->loading;
    out->refuses_writes = redis->write_refusal || redis->saving_failed;
    out->databases = cache_databases(redis->cache);
    for (unsigned db = 0; db < out->databases; db++) {
        out->keys[db] = cache_count(redis->cache, db);
        out->expiring[db] = cache_deadline_count(redis->cache, db);
    }
    read_commands(redis, out);
    cache_unlock(redis->cache);
}

static void show(struct metrics *metrics, enum metric_kind kind, const char *name,
                 const char *help, const char *labels, double value)
{
    metric_set(metrics_get(metrics, kind, name, help, labels), value);
}

static void show_commands(struct metrics *metrics, const struct figures *figures)
{
    for (size_t i = 0; i < figures->command_count; i++) {
        const struct command_figures *command = &figures->commands[i];
        char labels[LABELS_MAX];
        (void)snprintf(labels, sizeof labels, "cmd=\"%s\"", command->name);
        show(metrics, METRIC_COUNTER, "redis_commands_total", "Calls of a command.", labels,
             (double)command->calls);
        show(metrics, METRIC_COUNTER, "redis_commands_duration_seconds_total",
             "Time in a command.", labels, (double)command->ns / 1e9);
        show(metrics, METRIC_COUNTER, "redis_commands_failed_calls_total",
             "Calls that ended with an error.", labels, (double)command->failed);
        show(metrics, METRIC_COUNTER, "redis_commands_rejected_calls_total",
             "Calls that were refused before they began.", labels, (double)command->rejected);
    }
}

static void show_databases(struct metrics *metrics, const struct figures *figures)
{
    for (unsigned db = 0; db < figures->databases; db++) {
        char labels[LABELS_MAX];
        (void)snprintf(labels, sizeof labels, "db=\"db%u\"", db);
        show(metrics, METRIC_GAUGE, "redis_db_keys", "Keys of a database.", labels,
             (double)figures->keys[db]);
        show(metrics, METRIC_GAUGE, "redis_db_keys_expiring", "Keys with an expiry.", labels,
             (double)figures->expiring[db]);
    }
}

struct figure {
    enum metric_kind kind;
    const char *name, *help;
    uint64_t value;
};

static void show_all(struct metrics *metrics, const struct figure *figures, size_t count)
{
    for (size_t i = 0; i < count; i++)
        show(metrics, figures[i].kind, figures[i].name, figures[i].help, "",
             (double)figures[i].value);
}

#define SHOW_ALL(figures) show_all(metrics, figures, sizeof(figures) / sizeof(figures)[0])
#define COUNT METRIC_COUNTER
#define LEVEL METRIC_GAUGE

static void show_clients(struct metrics *metrics, const struct figures *at)
{
    const struct redis_counters *counters = &at->counters;
    const struct figure figures[] = {
        {LEVEL, "redis_connected_clients", "Clients.", at->clients},
        {LEVEL, "redis_blocked_clients", "Clients that wait for a key.", at->blocked},
        {LEVEL, "redis_pubsub_clients", "Clients that listen to channels.", at->subscribers},
        {LEVEL, "redis_tracking_clients", "Clients with a cache of their own.", at->tracking},
        {LEVEL, "redis_pubsub_channels", "Channels that somebody listens to.", at->channels},
        {LEVEL, "redis_pubsub_patterns", "Patterns that somebody listens to.", at->patterns},
        {COUNT, "redis_connections_received_total", "Connections.", counters->connections},
        {COUNT, "redis_rejected_connections_total", "Connections above maxclients.",
         counters->rejected},
        {COUNT, "redis_evicted_clients_total", "Clients closed for their memory.",
         counters->evicted_clients},
        {COUNT, "redis_net_input_bytes_total", "Bytes from clients.", counters->bytes_in},
        {COUNT, "redis_net_output_bytes_total", "Bytes to clients.", counters->bytes_out},
        {COUNT, "redis_commands_processed_total", "Commands.", counters->commands},
        {COUNT, "redis_errors_total", "Errors that were answered.", counters->errors},
        {COUNT, "redis_acl_access_denied_auth_total", "Wrong passwords.", counters->denied_auth},
        {COUNT, "redis_acl_access_denied_cmd_total", "Commands that a user may not.",
         counters->denied_cmd},
        {COUNT, "redis_acl_access_denied_key_total", "Keys that a user may not.",
         counters->denied_key},
        {COUNT, "redis_acl_access_denied_channel_total", "Channels that a user may not.",
         counters->denied_channel},
    };
    SHOW_ALL(figures);
}

static void show_keyspace(struct metrics *metrics, const struct figures *at)
{
    const struct cache_stats *cache = &at->cache;
    const struct figure figures[] = {
        {COUNT, "redis_keyspace_hits_total", "Reads that found their key.", cache->hits},
        {COUNT, "redis_keyspace_misses_total", "Reads that found none.", cache->misses},
        {COUNT, "redis_expired_keys_total", "Keys that expired.", cache->expired},
        {COUNT, "redis_expired_subkeys_total", "Fields of hashes that expired.",
         cache->expired_fields},
        {COUNT, "redis_evicted_keys_total", "Keys that made room for others.", cache->evicted},
        {LEVEL, "redis_memory_used_bytes", "Memory of the keyspace, as maxmemory counts it.",
         cache->used + at->query_bytes},
        {LEVEL, "redis_memory_used_peak_bytes", "The most there was.", cache->used_peak},
        {LEVEL, "redis_memory_max_bytes", "maxmemory; 0: none.", at->maxmemory},
        {LEVEL, "redis_lazyfree_pending_objects", "Values that are being taken apart.",
         cache->lazy_pending},
    };
    SHOW_ALL(figures);
}

static void show_disk(struct metrics *metrics, const struct figures *at)
{
    const struct keep_info *keep = &at->keep;
    const struct figure figures[] = {
        {LEVEL, "redis_loading_dump_file", "1 while the keyspace is read.", at->loading},
        {LEVEL, "redis_aof_enabled", "1: changes are logged.", keep->logging},
        {LEVEL, "redis_aof_last_write_status", "0: the log could not be written.",
         !keep->log_failed},
        {LEVEL, "redis_aof_current_size_bytes", "Bytes of the log.", keep->log_bytes},
        {LEVEL, "redis_aof_base_size_bytes", "Bytes of the log when it was made anew.",
         keep->log_base_bytes},
        {LEVEL, "redis_aof_buffer_length", "Bytes of the log that are not written yet.",
         keep->pending_bytes},
        {LEVEL, "redis_rdb_bgsave_in_progress", "1 while a snapshot is written.", keep->saving},
        {LEVEL, "redis_rdb_last_bgsave_status", "0: the last snapshot failed.",
         !keep->save_failed},
        {COUNT, "redis_rdb_saves_total", "Snapshots.", keep->saves},
        {LEVEL, "redis_rdb_changes_since_last_save", "Changes since the last snapshot.",
         at->dirty},
        {LEVEL, "kith_redis_refuses_writes", "1: clients are told that nothing can be written.",
         at->refuses_writes},
    };
    SHOW_ALL(figures);
}

void redis_measure(struct redis *redis)
{
    struct metrics *metrics = redis->metrics;
    if (!metrics) return;
    struct figures *figures = mem_zalloc(sizeof *figures);
    if (!figures) return;
    figures->commands = mem_alloc_array(redis->registry.count, sizeof *figures->commands);
    read_figures(redis, figures);
    show(metrics, LEVEL, "redis_up", "1: the Redis door is open.", "", 1);
    show_clients(metrics, figures);
    show_keyspace(metrics, figures);
    show_disk(metrics, figures);
    show_databases(metrics, figures);
    show_commands(metrics, figures);
    mem_free(figures->commands);
    mem_free(figures);
}
