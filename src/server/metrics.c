/*
 * Counters and histograms: see metrics.h.
 *
 * Series are found through a map under a lock and live to the end, so that a caller may keep the
 * pointer; counting is an atomic add on a double's bits. Rendering sorts by name and labels,
 * because a scrape format groups the series of one name under one HELP and TYPE.
 */
#include "server/metrics.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/map.h"
#include "model/limits.h"
#include "os/thread.h"

#define METRIC_BUCKETS 18 /* 2^0 .. 2^17, and one above */
#define METRIC_KEY_MAX 640

struct metric {
    enum metric_kind kind;
    char *name, *help, *labels; /* own */
    _Atomic double value;       /* histograms: the sum */
    _Atomic uint64_t buckets[METRIC_BUCKETS + 1];
};

struct metrics {
    struct os_mutex lock;
    struct map series;    /* name + labels -> metric; guard: lock */
    struct metric **list; /* owns; guard: lock */
    size_t count, cap;    /* guard: lock */
    struct metric lost;   /* counts what found no place */
    void (*on_render)(void *ctx);
    void *on_render_ctx;
};

int metrics_new(const struct os *os, struct metrics **out)
{
    struct metrics *metrics = mem_zalloc(sizeof *metrics);
    if (!metrics) return KITH_ENOMEM;
    map_init(&metrics->series);
    if (os_mutex_init(os, &metrics->lock)) {
        mem_free(metrics);
        return KITH_ENOMEM;
    }
    *out = metrics;
    return 0;
}

static void metric_free(struct metric *metric)
{
    mem_free(metric->name);
    mem_free(metric->help);
    mem_free(metric->labels);
    mem_free(metric);
}

void metrics_free(struct metrics *metrics)
{
    if (!metrics) return;
    for (size_t i = 0; i < metrics->count; i++) metric_free(metrics->list[i]);
    mem_free(metrics->list);
    map_release(&metrics->series);
    os_mutex_release(&metrics->lock);
    mem_free(metrics);
}

static struct metric *metric_new(enum metric_kind kind, const char *name, const char *help,
                                 const char *labels)
{
    struct metric *metric = mem_zalloc(sizeof *metric);
    if (!metric) return NULL;
    metric->kind = kind;
    metric->name = mem_strdup(name);
    metric->help = mem_strdup(help);
    metric->labels = mem_strdup(labels);
    if (metric->name && metric->help && metric->labels) return metric;
    metric_free(metric);
    return NULL;
}

static bool list_has_room(struct metrics *metrics)
{
    if (metrics->count < metrics->cap) return true;
    if (metrics->count == LIMIT_METRIC_SERIES) return false;
    const size_t cap = metrics->cap ? metrics->cap * 2 : 64;
    struct metric **grown = mem_realloc(metrics->list, cap * sizeof *grown);
    if (!grown) return false;
    metrics->list = grown;
    metrics->cap = cap < LIMIT_METRIC_SERIES ? cap : LIMIT_METRIC_SERIES;
    return true;
}

static struct metric *add(struct metrics *metrics, enum metric_kind kind, const char *name,
                          const char *help, const char *labels, const char *key, size_t key_len)
{
    struct metric *metric =
        list_has_room(metrics) ? metric_new(kind, name, help, labels) : NULL;
    if (!metric) return &metrics->lost;
    if (map_put(&metrics->series, key, key_len, (uintptr_t)metric)) {
        metric_free(metric);
        return &metrics->lost;
    }
    metrics->list[metrics->count++] = metric;
    return metric;
}

struct metric *metrics_get(struct metrics *metrics, enum metric_kind kind, const char *name,
                           const char *help, const char *labels)
{
    char key[METRIC_KEY_MAX];
    const int len = snprintf(key, sizeof key, "%s{%s", name, labels);
    if (len < 0 || (size_t)len >= sizeof key) return &metrics->lost;
    uintptr_t found;
    os_mutex_lock(&metrics->lock);
    struct metric *metric = map_get(&metrics->series, key, (size_t)len, &found)
                                ? (struct metric *)found
                                : add(metrics, kind, name, help, labels, key, (size_t)len);
    os_mutex_unlock(&metrics->lock);
    return metric;
}

void metric_add(struct metric *metric, double value)
{
    double old = atomic_load_explicit(&metric->value, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&metric->value, &old, old + value,
                                                  memory_order_relaxed, memory_order_relaxed))
        continue;
}

void metric_set(struct metric *metric, double value)
{
    atomic_store_explicit(&metric->value, value, memory_order_relaxed);
}

void metric_observe(struct metric *metric, double value)
{
    size_t bucket = 0;
    for (double bound = 1; bucket < METRIC_BUCKETS && value > bound; bound *= 2) bucket++;
    atomic_fetch_add_explicit(&metric->buckets[bucket], 1, memory_order_relaxed);
    metric_add(metric, value);
}

void metrics_on_render(struct metrics *metrics, void (*fn)(void *ctx), void *ctx)
{
    metrics->on_render = fn;
    metrics->on_render_ctx = ctx;
}

/* ---- rendering ---- */

static int compare_series(const void *a, const void *b)
{
    const struct metric *const *x = a, *const *y = b;
    const int order = strcmp((*x)->name, (*y)->name);
    return order ? order : strcmp((*x)->labels, (*y)->labels);
}

static void render_histogram(const struct metric *metric, struct buffer *out)
{
    const char *comma = metric->labels[0] ? "," : "";
    uint64_t total = 0;
    for (unsigned i = 0; i <= METRIC_BUCKETS; i++) {
        total += atomic_load_explicit(&metric->buckets[i], memory_order_relaxed);
        if (i < METRIC_BUCKETS)
            buffer_printf(out, "%s_bucket{%s%sle=\"%u\"} %llu\n", metric->name, metric->labels,
                          comma, 1u << i, (unsigned long long)total);
    }
    buffer_printf(out, "%s_bucket{%s%sle=\"+Inf\"} %llu\n", metric->name, metric->labels, comma,
                  (unsigned long long)total);
    buffer_printf(out, "%s_sum{%s} %.17g\n", metric->name, metric->labels,
                  atomic_load_explicit(&metric->value, memory_order_relaxed));
    buffer_printf(out, "%s_count{%s} %llu\n", metric->name, metric->labels,
                  (unsigned long long)total);
}

static void render_series(const struct metric *metric, struct buffer *out)
{
    if (metric->kind == METRIC_HISTOGRAM) {
        render_histogram(metric, out);
        return;
    }
    const double value = atomic_load_explicit(&metric->value, memory_order_relaxed);
    if (metric->labels[0])
        buffer_printf(out, "%s{%s} %.17g\n", metric->name, metric->labels, value);
    else buffer_printf(out, "%s %.17g\n", metric->name, value);
}

void metrics_render(struct metrics *metrics, struct buffer *out)
{
    static const char *const types[] = { "counter", "gauge", "histogram" };
    if (metrics->on_render) metrics->on_render(metrics->on_render_ctx);
    os_mutex_lock(&metrics->lock);
    if (metrics->count)
        qsort(metrics->list, metrics->count, sizeof(struct metric *), compare_series);
    const char *name = "";
    for (size_t i = 0; i < metrics->count; i++) {
        const struct metric *metric = metrics->list[i];
        if (strcmp(name, metric->name) != 0)
            buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help,
                          metric->name, types[metric->kind]);
        name = metric->name;
        render_series(metric, out);
    }
    os_mutex_unlock(&metrics->lock);
}
