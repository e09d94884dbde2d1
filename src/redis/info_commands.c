/*
 * INFO: what was called, how long it took, what failed, and how much there is.
 */
#include <string.h>

#include "redis/info.h"
#include "redis/slowlog.h"

#define TTL_SAMPLES 32u

static unsigned long long wide(uint64_t value) { return value; }

void info_commandstats(struct info *info)
{
    const struct registry *registry = &info->redis->registry;
    for (size_t i = 0; i < registry->count; i++) {
        const struct command_entry *entry = &registry->entries[i];
        const struct command_stats *stats = &entry->stats;
        if (!stats->calls && !stats->rejected) continue;
        const double us = (double)stats->ns / 1000;
        buffer_printf(info->out,
                      "cmdstat_%s:calls=%llu,usec=%llu,usec_per_call=%.2f,rejected_calls=%llu,"
                      "failed_calls=%llu\r\n",
                      entry->name, wide(stats->calls), wide(stats->ns / 1000),
                      stats->calls ? us / (double)stats->calls : 0.0, wide(stats->rejected),
                      wide(stats->failed));
    }
}

void info_errorstats(struct info *info)
{
    size_t it = 0, len;
    const void *code;
    uintptr_t count;
    while (map_next(&info->redis->errors, &it, &code, &len, &count))
        buffer_printf(info->out, "errorstat_%.*s:count=%llu\r\n", (int)len, (const char *)code,
                      wide(count));
}

static double percentile(const struct command_stats *stats, double share)
{
    uint64_t all = 0, sum = 0;
    for (unsigned i = 0; i < COMMAND_BUCKETS; i++) all += stats->histogram[i];
    const double need = share * (double)all;
    for (unsigned i = 0; i < COMMAND_BUCKETS; i++) {
        sum += stats->histogram[i];
        if (sum && (double)sum >= need) return stats_bucket_us(i);
    }
    return 0;
}

void info_latencystats(struct info *info)
{
    const struct registry *registry = &info->redis->registry;
    const char *text = info->redis->settings.latency_percentiles, *why;
    double percents[PERCENTS_MAX];
    const size_t count = settings_percents(str_of(text ? text : ""), percents, &why);
    for (size_t i = 0; i < registry->count; i++) {
        const struct command_entry *entry = &registry->entries[i];
        if (!entry->stats.histogram || !entry->stats.calls) continue;
        buffer_printf(info->out, "latency_percentiles_usec_%s:", entry->name);
        for (size_t k = 0; k < count; k++)
            buffer_printf(info->out, "%sp%.10g=%.3f", k ? "," : "", percents[k],
                          percentile(&entry->stats, percents[k] / 100));
        buffer_put(info->out, "\r\n", 2);
    }
}

/* Of a few keys, drawn; the clock's keys are what INFO is asked for, not a figure to rely on. */
static int64_t average_ttl(struct cache *cache, unsigned db)
{
    int64_t sum = 0, count = 0;
    if (!cache_deadline_count(cache, db)) return 0;
    for (unsigned i = 0; i < TTL_SAMPLES; i++) {
        const struct entry *entry = cache_random(cache, db);
        if (!entry || entry_deadline(entry) == CACHE_NO_DEADLINE) continue;
        sum += entry_deadline(entry) - cache_now_ms(cache);
        count++;
    }
    return count && sum > 0 ? sum / count : 0;
}

void info_keyspace(struct info *info)
{
    struct cache *cache = info->redis->cache;
    for (unsigned db = 0; db < cache_databases(cache); db++) {
        const size_t keys = cache_count(cache, db);
        if (keys)
            buffer_printf(info->out, "db%u:keys=%zu,expires=%zu,avg_ttl=%lld,subexpiry=0\r\n", db,
                          keys, cache_deadline_count(cache, db),
                          (long long)average_ttl(cache, db));
    }
}
