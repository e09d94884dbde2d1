/*
 * INFO: which sections, and the rates that some of them show.
 */
#include "redis/info.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "redis/server_commands.h"

#define RATE_EVERY_MS 100

static const struct {
    const char *title;
    void (*write)(struct info *info);
    bool standard; /* also without being asked for */
} sections[] = {
    {"Server", info_server, true},
    {"Clients", info_clients, true},
    {"Memory", info_memory, true},
    {"Persistence", info_persistence, true},
    {"Stats", info_stats, true},
    {"Replication", info_replication, true},
    {"CPU", info_cpu, true},
    {"Modules", info_modules, true},
    {"Commandstats", info_commandstats, false},
    {"Errorstats", info_errorstats, true},
    {"Latencystats", info_latencystats, false},
    {"Cluster", info_cluster, true},
    {"Keyspace", info_keyspace, true},
};
#define SECTION_COUNT (sizeof sections / sizeof sections[0])

void info_line(struct info *info, const char *name, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    buffer_printf(info->out, "%s:%s\r\n", name, text);
}

void info_human(struct info *info, const char *name, uint64_t bytes)
{
    static const char units[] = "KMGTP";
    double value = (double)bytes;
    size_t unit = 0;
    if (bytes < 1024) {
        info_line(info, name, "%lluB", (unsigned long long)bytes);
        return;
    }
    for (value /= 1024; value >= 1024 && unit + 1 < sizeof units - 1; unit++) value /= 1024;
    info_line(info, name, "%.2f%c", value, units[unit]);
}

static bool is_asked(const struct redis_call *call, const char *title, bool standard)
{
    if (call->argc == 1) return standard;
    for (size_t i = 1; i < call->argc; i++) {
        if (call_is(call, i, "all") || call_is(call, i, "everything")) return true;
        if (call_is(call, i, "default") && standard) return true;
        if (call_is(call, i, title)) return true;
    }
    return false;
}

static void put_title(struct buffer *out, const char *title)
{
    buffer_printf(out, "%s# %s\r\n", out->len ? "\r\n" : "", title);
}

/* What another door has to say. */
static void put_more(const struct redis_call *call, struct buffer *out)
{
    const struct redis *redis = call->redis;
    if (!redis->info_title || !is_asked(call, redis->info_title, true)) return;
    put_title(out, redis->info_title);
    redis->info_more(redis->info_more_ctx, out);
}

void run_info(struct redis_call *call)
{
    struct buffer out;
    struct info info = {.redis = call->redis, .out = &out};
    buffer_init(&out);
    cache_stats_get(call->cache, &info.cache);
    os_usage(&info.usage);
    info_sample(call->redis);
    for (size_t i = 0; i < SECTION_COUNT; i++) {
        if (!is_asked(call, sections[i].title, sections[i].standard)) continue;
        put_title(&out, sections[i].title);
        sections[i].write(&info);
    }
    put_more(call, &out);
    resp_verbatim(call->reply, out.data ? (const char *)out.data : "", out.len);
    buffer_release(&out);
}

void redis_set_info(struct redis *redis, const char *title,
                    void (*fn)(void *ctx, struct buffer *out), void *ctx)
{
    cache_lock(redis->cache);
    redis->info_title = fn ? title : NULL;
    redis->info_more = fn;
    redis->info_more_ctx = ctx;
    cache_unlock(redis->cache);
}

/* ---- rates ---- */

void info_sample(struct redis *redis)
{
    struct rates *rates = &redis->rates;
    const int64_t now = cache_now_ms(redis->cache);
    if (now - rates->sampled_ms < RATE_EVERY_MS) return;
    rates->sampled_ms = now;
    const size_t at = rates->next;
    rates->samples[at].ms = now;
    rates->samples[at].commands = redis->counters.commands;
    rates->samples[at].in = redis->counters.bytes_in;
    rates->samples[at].out = redis->counters.bytes_out;
    rates->next = (at + 1) % RATE_SAMPLES;
}

static uint64_t figure(const struct rates *rates, size_t at, unsigned which)
{
    if (which == 0) return rates->samples[at].commands;
    return which == 1 ? rates->samples[at].in : rates->samples[at].out;
}

uint64_t info_rate(const struct redis *redis, unsigned which)
{
    const struct rates *rates = &redis->rates;
    const size_t last = (rates->next + RATE_SAMPLES - 1) % RATE_SAMPLES;
    size_t first = last;
    for (size_t back = 1; back < RATE_SAMPLES; back++) {
        const size_t at = (last + RATE_SAMPLES - back) % RATE_SAMPLES;
        const int64_t age = rates->samples[last].ms - rates->samples[at].ms;
        if (!rates->samples[at].ms || age > 2 * RATE_EVERY_MS * (int64_t)RATE_SAMPLES) break;
        first = at;
    }
    const int64_t ms = rates->samples[last].ms - rates->samples[first].ms;
    const uint64_t a = figure(rates, first, which), b = figure(rates, last, which);
    return ms > 0 && b > a ? (b - a) * 1000 / (uint64_t)ms : 0;
}

void info_reset(struct redis *redis)
{
    memset(&redis->counters, 0, sizeof redis->counters);
    memset(&redis->rates, 0, sizeof redis->rates);
    map_release(&redis->errors);
    cache_stats_reset(redis->cache);
    for (size_t i = 0; i < redis->registry.count; i++) {
        struct command_stats *stats = &redis->registry.entries[i].stats;
        uint32_t *histogram = stats->histogram;
        if (histogram) memset(histogram, 0, COMMAND_BUCKETS * sizeof *histogram);
        *stats = (struct command_stats){.histogram = histogram};
    }
}
