/*
 * Counters and histograms, as Prometheus reads them. A metric is found once by name and labels and
 * then counted with an atomic add; rendering walks them in the order of their names.
 */
#ifndef KITH_SERVER_METRICS_H
#define KITH_SERVER_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "os/os.h"

struct metrics;
struct metric; /* one series; lives as long as `metrics` */

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

KITH_NODISCARD int metrics_new(const struct os *os, struct metrics **out);
void metrics_free(struct metrics *metrics);
/* labels as rendered: "function_name=\"Search\",status=\"success\"", or "". Histograms have the
 * buckets 2^0 .. 2^17 (milliseconds). At most LIMIT_METRIC_SERIES series; past it, and without
 * memory, a series that is counted and never shown. Never NULL. */
struct metric *metrics_get(struct metrics *metrics, enum metric_kind kind, const char *name,
                           const char *help, const char *labels);
void metric_add(struct metric *metric, double value);
void metric_set(struct metric *metric, double value);
void metric_observe(struct metric *metric, double value);
/* Called before each rendering, to set gauges. */
void metrics_on_render(struct metrics *metrics, void (*fn)(void *ctx), void *ctx);
void metrics_render(struct metrics *metrics, struct buffer *out);

#endif
