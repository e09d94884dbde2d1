/*
 * MEMORY: what keys and the server take.
 */
#include "redis/redis_internal.h"
#include "redis/server_commands.h"

static void run_usage(struct redis_call *call)
{
    int64_t samples;
    if (call->argc != 3 && !(call->argc == 5 && call_is(call, 3, "samples"))) {
        call_syntax_error(call);
        return;
    }
    if (call->argc == 5 && !call_range(call, 4, 0, INT64_MAX, &samples, "ERR syntax error")) return;
    const struct entry *entry =
        cache_read(call->cache, call->db, call->argv[2], CACHE_NO_TOUCH | CACHE_NO_STATS);
    if (entry) resp_integer(call->reply, (int64_t)entry_bytes(entry));
    else resp_null(call->reply);
}

static void put(struct resp *reply, const char *name, uint64_t value)
{
    resp_cstr(reply, name);
    resp_integer(reply, (int64_t)value);
}

static void run_stats(struct redis_call *call)
{
    struct cache_stats stats;
    struct os_usage usage;
    struct resp *reply = call->reply;
    uint64_t keys = 0;
    cache_stats_get(call->cache, &stats);
    os_usage(&usage);
    for (unsigned db = 0; db < cache_databases(call->cache); db++)
        keys += cache_count(call->cache, db);
    const uint64_t data = stats.used > stats.used_tables ? stats.used - stats.used_tables : 0;
    resp_map(reply, 15);
    put(reply, "peak.allocated", stats.used_peak);
    put(reply, "total.allocated", stats.used);
    put(reply, "startup.allocated", 0);
    put(reply, "replication.backlog", 0);
    put(reply, "clients.slaves", 0);
    put(reply, "clients.normal", call->redis->session_count * sizeof(struct session));
    put(reply, "cluster.links", 0);
    put(reply, "aof.buffer", 0);
    put(reply, "lua.caches", 0);
    put(reply, "overhead.total", stats.used_tables);
    put(reply, "keys.count", keys);
    put(reply, "keys.bytes-per-key", keys ? stats.used / keys : 0);
    put(reply, "dataset.bytes", data);
    resp_cstr(reply, "dataset.percentage");
    resp_double(reply, stats.used ? 100.0 * (double)data / (double)stats.used : 0);
    resp_cstr(reply, "fragmentation");
    resp_double(reply, stats.used ? (double)usage.resident_bytes / (double)stats.used : 0);
}

static void run_doctor(struct redis_call *call)
{
    static const char text[] = "The keyspace counts what its allocator gave; MEMORY STATS shows "
                               "it. There is nothing to complain of.\n";
    resp_verbatim(call->reply, text, sizeof text - 1);
}

static void run_purge(struct redis_call *call) { resp_ok(call->reply); }

static void run_malloc_stats(struct redis_call *call)
{
    static const char text[] = "Stats not supported for the current allocator";
    resp_verbatim(call->reply, text, sizeof text - 1);
}

const struct command memory_subcommands[] = {
    {.name = "usage", .run = run_usage, .arity = -3, .flags = CMD_READ, .first_key = 2,
     .last_key = 2, .key_step = 1},
    {.name = "stats", .run = run_stats, .arity = 2},
    {.name = "doctor", .run = run_doctor, .arity = 2},
    {.name = "purge", .run = run_purge, .arity = 2},
    {.name = "malloc-stats", .run = run_malloc_stats, .arity = 2},
    HELP_SUBCOMMAND(0),
    {.name = NULL},
};
