/*
 * What the door counts: a section of INFO, and series for Prometheus.
 */
#include <stdio.h>

#include "line/line_internal.h"
#include "server/metrics.h"

#define NAME_MAX_BYTES 64u

struct figure {
    const char *name, *help;
    enum metric_kind kind;
    uint64_t value;
};
#define FIGURES 17u

static uint64_t load(const atomic_uint_fast64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void gather(struct line *line, struct figure *out)
{
    const struct line_counters *counters = &line->counters;
    const uint64_t batched = load(&counters->keyed) + load(&counters->others);
    struct line_pool_stats pool = { 0 };
    if (line->pool) line_pool_stats_get(line->pool, &pool);
    const struct figure figures[FIGURES] = {
        { "total_connections", "Connections taken.", METRIC_COUNTER, load(&counters->connections) },
        { "active_connections", "Connections that are open.", METRIC_GAUGE,
          load(&counters->active) },
        { "requests", "Lines that were not empty.", METRIC_COUNTER,
          batched + load(&counters->passwords) },
        { "responses", "Lines answered.", METRIC_COUNTER, batched + load(&counters->said) },
        { "rejected", "Connections and batches refused.", METRIC_COUNTER,
          load(&counters->rejected) },
        { "attacks", "Connections that spoke HTTP.", METRIC_COUNTER, load(&counters->attacks) },
        { "loop_batches", "Batches that a pooled door's loops ran themselves.", METRIC_COUNTER,
          load(&counters->on_loops) },
        { "worker_count", "Threads of the pool.", METRIC_GAUGE, pool.workers },
        { "min_workers", "The fewest there may be.", METRIC_GAUGE, pool.workers_min },
        { "max_workers", "The most there may be.", METRIC_GAUGE, pool.workers_max },
        { "busy_workers", "Threads that run a batch.", METRIC_GAUGE, pool.busy },
        { "queue_length", "Batches that wait.", METRIC_GAUGE, pool.queued },
        { "queue_capacity", "Batches that may wait.", METRIC_GAUGE, pool.queue_max },
        { "total_tasks", "Batches given to the pool.", METRIC_COUNTER, pool.tasks },
        { "completed_tasks", "Batches that ended.", METRIC_COUNTER, pool.completed },
        { "rejected_tasks", "Batches without a place.", METRIC_COUNTER, pool.rejected },
        { "avg_task_time", "Mean microseconds of a batch.", METRIC_GAUGE, pool.mean_us },
    };
    for (size_t i = 0; i < FIGURES; i++) out[i] = figures[i];
}

void line_write_info(void *ctx, struct buffer *out)
{
    struct figure figures[FIGURES];
    struct line *line = ctx;
    gather(line, figures);
    buffer_printf(out, "mode:%s\r\n", line->pool ? "pooled" : "single");
    for (size_t i = 0; i < FIGURES; i++)
        buffer_printf(out, "%s:%llu\r\n", figures[i].name, (unsigned long long)figures[i].value);
}

void line_write_json(struct line *line, struct buffer *out)
{
    struct figure figures[FIGURES];
    gather(line, figures);
    buffer_printf(out, "{\"mode\":\"%s\"", line->pool ? "pooled" : "single");
    for (size_t i = 0; i < FIGURES; i++)
        buffer_printf(out, ",\"%s\":%llu", figures[i].name, (unsigned long long)figures[i].value);
    buffer_put(out, "}\n", 2);
}

void line_measure(struct line *line)
{
    struct figure figures[FIGURES];
    gather(line, figures);
    for (size_t i = 0; line->opts.metrics && i < FIGURES; i++) {
        char name[NAME_MAX_BYTES];
        (void)snprintf(name, sizeof name, "kith_line_%s", figures[i].name);
        metric_set(metrics_get(line->opts.metrics, figures[i].kind, name, figures[i].help, ""),
                   (double)figures[i].value);
    }
}
