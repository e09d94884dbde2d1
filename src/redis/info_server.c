/*
 * INFO: what the server is and does.
 */
#include <string.h>

#include "redis/client_memory.h"
#include "redis/info.h"
#include "redis/pubsub.h"

#define SECONDS_A_DAY 86400
#define NO_REPLICATION_ID "0000000000000000000000000000000000000000"

static unsigned long long wide(uint64_t value) { return value; }

void info_server(struct info *info)
{
    const struct redis *redis = info->redis;
    const int64_t up = (os_now_us(redis->os) - redis->opened_us) / 1000000;
    const int64_t now = os_wall_ms(redis->os), hz = redis->settings.hz;
    info_line(info, "redis_version", "%s", KITH_REDIS_VERSION);
    info_line(info, "kith_version", "%s", kith_version());
    info_line(info, "redis_git_sha1", "00000000");
    info_line(info, "redis_git_dirty", "0");
    info_line(info, "redis_build_id", "%.16s", redis->run_id);
    info_line(info, "redis_mode", "standalone");
    info_line(info, "os", "Linux");
    info_line(info, "arch_bits", "%zu", sizeof(void *) * 8);
    info_line(info, "monotonic_clock", "POSIX clock_gettime");
    info_line(info, "multiplexing_api", "epoll");
    info_line(info, "gcc_version", "%s", __VERSION__);
    info_line(info, "process_id", "%llu", wide(os_process_id(redis->os)));
    info_line(info, "process_supervised", "no");
    info_line(info, "run_id", "%s", redis->run_id);
    info_line(info, "tcp_port", "%u", redis->port);
    info_line(info, "server_time_usec", "%lld", (long long)now * 1000);
    info_line(info, "uptime_in_seconds", "%lld", (long long)up);
    info_line(info, "uptime_in_days", "%lld", (long long)(up / SECONDS_A_DAY));
    info_line(info, "hz", "%lld", (long long)(hz < 1 ? 1 : hz > 500 ? 500 : hz));
    info_line(info, "configured_hz", "%lld", (long long)hz);
    info_line(info, "lru_clock", "%llu", wide((uint64_t)(now / 1000) & 0xffffff));
    info_line(info, "executable", "kith");
    info_line(info, "config_file", "%s", redis->config_file ? redis->config_file : "");
    info_line(info, "io_threads_active", "0");
    info_line(info, "listener0", "name=tcp,bind=%s,port=%u",
              redis->settings.bind ? redis->settings.bind : "", redis->port);
}

struct client_counts {
    size_t watching, clients;
    size_t input_max, output_max, bytes;
    size_t input; /* of bytes: what maxmemory knows of */
};

static struct client_counts count_clients(const struct redis *redis)
{
    struct client_counts counts = {0};
    for (const struct session *at = redis->sessions; at; at = at->next) {
        if (at->watches) counts.watching++;
        if (at->stream) counts.clients++;
        if (at->query_bytes > counts.input_max) counts.input_max = at->query_bytes;
        const size_t output = client_memory_output(at);
        if (output > counts.output_max) counts.output_max = output;
        counts.input += at->query_bytes + at->queue_bytes;
        counts.bytes += client_memory(at);
    }
    return counts;
}

void info_clients(struct info *info)
{
    const struct redis *redis = info->redis;
    const struct client_counts counts = count_clients(redis);
    info_line(info, "connected_clients", "%zu", counts.clients);
    info_line(info, "cluster_connections", "0");
    info_line(info, "maxclients", "%lld", (long long)redis->settings.maxclients);
    info_line(info, "client_recent_max_input_buffer", "%zu", counts.input_max);
    info_line(info, "client_recent_max_output_buffer", "%zu", counts.output_max);
    info_line(info, "blocked_clients", "%zu", redis->blocked_count);
    info_line(info, "tracking_clients", "%zu", redis->tracking_count);
    info_line(info, "pubsub_clients", "%zu", redis->subscriber_count);
    info_line(info, "watching_clients", "%zu", counts.watching);
    info_line(info, "clients_in_timeout_table", "%zu", redis->blocked_count);
    info_line(info, "total_watched_keys", "%zu", redis->watched.count);
    info_line(info, "total_blocking_keys", "%zu", redis->waiting.count);
}

static double percent(uint64_t part, uint64_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void memory_policy(struct info *info)
{
    struct buffer policy;
    buffer_init(&policy);
    const struct parameter *parameter = parameter_find(str_of("maxmemory-policy"));
    if (parameter) settings_print(&info->redis->settings, parameter, &policy);
    info_line(info, "maxmemory_policy", "%.*s", (int)policy.len, (const char *)policy.data);
    buffer_release(&policy);
}

void info_memory(struct info *info)
{
    const struct redis *redis = info->redis;
    const struct cache_stats *stats = &info->cache;
    const struct client_counts counts = count_clients(redis);
    const uint64_t used = stats->used + counts.input, resident = info->usage.resident_bytes;
    const uint64_t tables = stats->used_tables + counts.input;
    const uint64_t data = used > tables ? used - tables : 0;
    const uint64_t machine = os_memory_bytes(redis->os);
    info_line(info, "used_memory", "%llu", wide(used));
    info_human(info, "used_memory_human", used);
    info_line(info, "used_memory_rss", "%llu", wide(resident));
    info_human(info, "used_memory_rss_human", resident);
    info_line(info, "used_memory_peak", "%llu", wide(stats->used_peak));
    info_human(info, "used_memory_peak_human", stats->used_peak);
    info_line(info, "used_memory_peak_perc", "%.2f%%", percent(used, stats->used_peak));
    info_line(info, "used_memory_overhead", "%llu", wide(tables));
    info_line(info, "used_memory_startup", "0");
    info_line(info, "used_memory_dataset", "%llu", wide(data));
    info_line(info, "used_memory_dataset_perc", "%.2f%%", percent(data, used));
    info_line(info, "total_system_memory", "%llu", wide(machine));
    info_human(info, "total_system_memory_human", machine);
    info_line(info, "used_memory_lua", "0");
    info_line(info, "used_memory_scripts", "0");
    info_line(info, "maxmemory", "%lld", (long long)redis->settings.maxmemory);
    info_human(info, "maxmemory_human", (uint64_t)redis->settings.maxmemory);
    memory_policy(info);
    info_line(info, "mem_fragmentation_ratio", "%.2f",
              used ? (double)resident / (double)used : 0.0);
    info_line(info, "mem_fragmentation_bytes", "%lld", (long long)resident - (long long)used);
    info_line(info, "mem_not_counted_for_evict", "0");
    info_line(info, "mem_clients_normal", "%zu", counts.bytes);
    info_line(info, "mem_clients_slaves", "0");
    info_line(info, "mem_aof_buffer", "0");
    info_line(info, "mem_allocator", "libc");
    info_line(info, "active_defrag_running", "0");
    info_line(info, "lazyfree_pending_objects", "%llu", wide(stats->lazy_pending));
    info_line(info, "lazyfreed_objects", "%llu", wide(stats->lazy_freed));
}

static void stats_of_traffic(struct info *info)
{
    const struct redis_counters *counters = &info->redis->counters;
    info_line(info, "total_connections_received", "%llu", wide(counters->connections));
    info_line(info, "total_commands_processed", "%llu", wide(counters->commands));
    info_line(info, "instantaneous_ops_per_sec", "%llu", wide(info_rate(info->redis, 0)));
    info_line(info, "total_net_input_bytes", "%llu", wide(counters->bytes_in));
    info_line(info, "total_net_output_bytes", "%llu", wide(counters->bytes_out));
    info_line(info, "instantaneous_input_kbps", "%.2f", (double)info_rate(info->redis, 1) / 1024);
    info_line(info, "instantaneous_output_kbps", "%.2f", (double)info_rate(info->redis, 2) / 1024);
    info_line(info, "rejected_connections", "%llu", wide(counters->rejected));
    info_line(info, "sync_full", "0");
    info_line(info, "sync_partial_ok", "0");
    info_line(info, "sync_partial_err", "0");
}

void info_stats(struct info *info)
{
    struct redis *redis = info->redis;
    const struct redis_counters *counters = &redis->counters;
    const struct cache_stats *stats = &info->cache;
    stats_of_traffic(info);
    info_line(info, "expired_subkeys", "%llu", wide(stats->expired_fields));
    info_line(info, "expired_keys", "%llu", wide(stats->expired));
    info_line(info, "expired_keys_active", "%llu", wide(stats->expired_active));
    info_line(info, "expired_stale_perc", "0.00");
    info_line(info, "expired_time_cap_reached_count", "0");
    info_line(info, "evicted_keys", "%llu", wide(stats->evicted));
    info_line(info, "evicted_clients", "%llu", wide(counters->evicted_clients));
    info_line(info, "keyspace_hits", "%llu", wide(stats->hits));
    info_line(info, "keyspace_misses", "%llu", wide(stats->misses));
    info_line(info, "pubsub_channels", "%zu", pubsub_map(redis, PUBSUB_CHANNEL)->count);
    info_line(info, "pubsub_patterns", "%zu", pubsub_map(redis, PUBSUB_PATTERN)->count);
    info_line(info, "pubsubshard_channels", "%zu", pubsub_map(redis, PUBSUB_SHARD)->count);
    info_line(info, "latest_fork_usec", "0");
    info_line(info, "total_forks", "0");
    info_line(info, "tracking_total_keys", "%zu", redis->tracked.count);
    info_line(info, "unexpected_error_replies", "%llu", wide(counters->unexpected_errors));
    info_line(info, "total_error_replies", "%llu", wide(counters->errors));
    info_line(info, "total_reads_processed", "%llu", wide(counters->reads));
    info_line(info, "total_writes_processed", "%llu", wide(counters->writes));
    info_line(info, "acl_access_denied_auth", "%llu", wide(counters->denied_auth));
    info_line(info, "acl_access_denied_cmd", "%llu", wide(counters->denied_cmd));
    info_line(info, "acl_access_denied_key", "%llu", wide(counters->denied_key));
    info_line(info, "acl_access_denied_channel", "%llu", wide(counters->denied_channel));
}

void info_replication(struct info *info)
{
    const struct redis *redis = info->redis;
    info_line(info, "role", "master");
    info_line(info, "connected_slaves", "0");
    info_line(info, "master_failover_state", "no-failover");
    info_line(info, "master_replid", "%s", redis->run_id);
    info_line(info, "master_replid2", NO_REPLICATION_ID);
    info_line(info, "master_repl_offset", "0");
    info_line(info, "second_repl_offset", "-1");
    info_line(info, "repl_backlog_active", "0");
    info_line(info, "repl_backlog_size", "%lld", (long long)redis->settings.repl_backlog_size);
    info_line(info, "repl_backlog_first_byte_offset", "0");
    info_line(info, "repl_backlog_histlen", "0");
}

void info_cpu(struct info *info)
{
    info_line(info, "used_cpu_sys", "0.000000");
    info_line(info, "used_cpu_user", "%.6f", (double)info->usage.cpu_us / 1e6);
    info_line(info, "used_cpu_sys_children", "0.000000");
    info_line(info, "used_cpu_user_children", "0.000000");
}

void info_modules(struct info *info)
{
    static const char rest[] = "api=1,filters=0,usedby=[],using=[],options=[]";
    info_line(info, "module", "name=vectorset,ver=1,%s", rest);
    if (registry_lookup(&info->redis->registry, str_of("ft.search")))
        info_line(info, "module", "name=search,ver=%d,%s", KITH_SEARCH_MODULE_VERSION, rest);
}

void info_cluster(struct info *info) { info_line(info, "cluster_enabled", "0"); }
