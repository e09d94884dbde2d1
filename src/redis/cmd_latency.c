/*
 * LATENCY: slow events by kind, and histograms of commands.
 *
 * A histogram has four buckets a power of two, so a figure read from it is at most a fifth too
 * high; counting is a shift and an increment.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "redis/server_commands.h"
#include "redis/slowlog.h"

#define EVENTS_MAX 16u
#define SAMPLES_MAX 160u

struct sample {
    int64_t unix_s, ms;
};

struct latency_event {
    const char *name;
    struct sample samples[SAMPLES_MAX]; /* a ring */
    size_t next;
    int64_t worst_ms;
};

struct latency {
    struct latency_event events[EVENTS_MAX];
    size_t count;
};

/* ---- histograms ---- */

unsigned stats_bucket(int64_t ns)
{
    const uint64_t quarters = (uint64_t)(ns > 0 ? ns : 0) / 125 + 4; /* 1/8 microseconds, from 4 */
    const unsigned top = 63u - (unsigned)__builtin_clzll(quarters);
    const unsigned bucket = (top - 2) * 4 + (unsigned)(quarters >> (top - 2) & 3);
    return bucket < COMMAND_BUCKETS ? bucket : COMMAND_BUCKETS - 1;
}

double stats_bucket_us(unsigned bucket)
{
    const double low = (double)(UINT64_C(1) << (bucket / 4)) * (4 + bucket % 4 + 1);
    return (low - 4) / 8;
}

void stats_count(struct command_stats *stats, int64_t ns, unsigned calls)
{
    if (!stats->histogram) {
        stats->histogram = mem_zalloc_array(COMMAND_BUCKETS, sizeof *stats->histogram);
        if (!stats->histogram) return;
    }
    stats->histogram[stats_bucket(ns)] += calls;
}

/* ---- events ---- */

int latency_init(struct redis *redis)
{
    redis->latency = mem_zalloc(sizeof *redis->latency);
    return redis->latency ? 0 : KITH_ENOMEM;
}

void latency_release(struct redis *redis)
{
    mem_free(redis->latency);
    redis->latency = NULL;
}

static struct latency_event *find_event(struct latency *latency, struct kith_str name)
{
    for (size_t i = 0; i < latency->count; i++)
        if (str_is(name, latency->events[i].name)) return &latency->events[i];
    return NULL;
}

void latency_add(struct redis *redis, const char *name, int64_t ms)
{
    struct latency *latency = redis->latency;
    struct latency_event *event = find_event(latency, str_of(name));
    const int64_t now = cache_now_ms(redis->cache) / 1000;
    if (!event) {
        if (latency->count == EVENTS_MAX) return;
        event = &latency->events[latency->count++];
        memset(event, 0, sizeof *event);
        event->name = name;
    }
    if (ms > event->worst_ms) event->worst_ms = ms;
    struct sample *last = &event->samples[(event->next + SAMPLES_MAX - 1) % SAMPLES_MAX];
    if (last->unix_s == now) { /* one a second, the worst */
        if (ms > last->ms) last->ms = ms;
        return;
    }
    event->samples[event->next] = (struct sample){now, ms};
    event->next = (event->next + 1) % SAMPLES_MAX;
}

static void run_latest(struct redis_call *call)
{
    const struct latency *latency = call->redis->latency;
    resp_array(call->reply, latency->count);
    for (size_t i = 0; i < latency->count; i++) {
        const struct latency_event *event = &latency->events[i];
        const struct sample *last = &event->samples[(event->next + SAMPLES_MAX - 1) % SAMPLES_MAX];
        resp_array(call->reply, 4);
        resp_cstr(call->reply, event->name);
        resp_integer(call->reply, last->unix_s);
        resp_integer(call->reply, last->ms);
        resp_integer(call->reply, event->worst_ms);
    }
}

static void run_history(struct redis_call *call)
{
    const struct latency_event *event = find_event(call->redis->latency, call->argv[2]);
    size_t count = 0;
    const size_t place = resp_open(call->reply);
    for (size_t i = 0; event && i < SAMPLES_MAX; i++) {
        const struct sample *sample = &event->samples[(event->next + i) % SAMPLES_MAX];
        if (!sample->unix_s) continue;
        resp_array(call->reply, 2);
        resp_integer(call->reply, sample->unix_s);
        resp_integer(call->reply, sample->ms);
        count++;
    }
    resp_close(call->reply, place, '*', count);
}

static void run_reset(struct redis_call *call)
{
    struct latency *latency = call->redis->latency;
    int64_t count = 0;
    if (call->argc == 2) {
        count = (int64_t)latency->count;
        latency->count = 0;
    }
    for (size_t i = 2; i < call->argc; i++) {
        struct latency_event *event = find_event(latency, call->argv[i]);
        if (!event) continue;
        *event = latency->events[--latency->count];
        count++;
    }
    resp_integer(call->reply, count);
}

static void run_doctor(struct redis_call *call)
{
    static const char off[] = "Latency monitoring is off. Turn it on with CONFIG SET "
                              "latency-monitor-threshold <milliseconds>.\n";
    static const char fine[] = "No latency spike was observed since the monitor was turned on.\n";
    struct buffer text;
    const struct latency *latency = call->redis->latency;
    buffer_init(&text);
    if (!call->redis->settings.latency_threshold && !latency->count)
        buffer_put(&text, off, sizeof off - 1);
    else if (!latency->count) buffer_put(&text, fine, sizeof fine - 1);
    for (size_t i = 0; i < latency->count; i++)
        buffer_printf(&text, "%zu. %s: worst %lld ms\n", i + 1, latency->events[i].name,
                      (long long)latency->events[i].worst_ms);
    resp_verbatim(call->reply, text.data, text.len);
    buffer_release(&text);
}

static void run_graph(struct redis_call *call)
{
    const struct latency_event *event = find_event(call->redis->latency, call->argv[2]);
    if (!event) {
        call_errorf(call, "ERR No samples available for event '%.*s'", (int)call->argv[2].len,
                    call->argv[2].data);
        return;
    }
    struct buffer text;
    buffer_init(&text);
    buffer_printf(&text, "%s - high %lld ms\n", event->name, (long long)event->worst_ms);
    for (size_t i = 0; i < SAMPLES_MAX; i++) {
        const struct sample *sample = &event->samples[(event->next + i) % SAMPLES_MAX];
        if (sample->unix_s)
            buffer_put_u8(&text, (uint8_t)"_.-o#"[sample->ms * 4 / (event->worst_ms + 1)]);
    }
    buffer_put_u8(&text, '\n');
    resp_verbatim(call->reply, text.data, text.len);
    buffer_release(&text);
}

static void put_histogram(struct resp *reply, const struct command_entry *entry)
{
    uint64_t sum = 0, pairs = 0;
    resp_cstr(reply, entry->name);
    resp_map(reply, 2);
    resp_cstr(reply, "calls");
    resp_integer(reply, (int64_t)entry->stats.calls);
    resp_cstr(reply, "histogram_usec");
    const size_t place = resp_open(reply);
    for (unsigned i = 0; i < COMMAND_BUCKETS; i++) { /* shown by powers of two */
        sum += entry->stats.histogram[i];
        if (i % 4 != 3 || i < 7 || !sum) continue;
        resp_integer(reply, (int64_t)stats_bucket_us(i));
        resp_integer(reply, (int64_t)sum);
        pairs++;
        if (sum == entry->stats.calls) break;
    }
    resp_close(reply, place, '%', pairs);
}

static void run_histogram(struct redis_call *call)
{
    const struct registry *registry = &call->redis->registry;
    size_t count = 0;
    const size_t place = resp_open(call->reply);
    for (size_t i = 0; i < registry->count; i++) {
        const struct command_entry *entry = &registry->entries[i];
        bool wanted = call->argc == 2;
        for (size_t k = 2; k < call->argc && !wanted; k++)
            wanted = str_is(call->argv[k], entry->name) ||
                     (entry->parent && str_is(call->argv[k], entry->parent->name));
        if (!wanted || !entry->stats.histogram) continue;
        put_histogram(call->reply, entry);
        count++;
    }
    resp_close(call->reply, place, '%', count);
}

#define LATENCY_FLAGS (CMD_ADMIN | CMD_LOADING | CMD_NO_SCRIPT)

const struct command latency_subcommands[] = {
    {.name = "latest", .run = run_latest, .arity = 2, .flags = LATENCY_FLAGS},
    {.name = "history", .run = run_history, .arity = 3, .flags = LATENCY_FLAGS},
    {.name = "reset", .run = run_reset, .arity = -2, .flags = LATENCY_FLAGS},
    {.name = "doctor", .run = run_doctor, .arity = 2, .flags = LATENCY_FLAGS},
    {.name = "graph", .run = run_graph, .arity = 3, .flags = LATENCY_FLAGS},
    {.name = "histogram", .run = run_histogram, .arity = -2, .flags = LATENCY_FLAGS},
    HELP_SUBCOMMAND(0),
    {.name = NULL},
};
