/*
 * An elastic pool of threads with a bounded queue: between a quarter of and twice the configured
 * number of workers, moved by line_scale every five seconds. Idle means blocked, the thread that
 * samples included: it sleeps without a deadline while there is nothing to decide.
 */
#ifndef KITH_LINE_LINE_POOL_H
#define KITH_LINE_LINE_POOL_H

#include "os/os.h"

struct line_pool;

KITH_NODISCARD int line_pool_new(const struct os *os, unsigned workers, struct line_pool **out,
                                 struct kith_error *err);
void line_pool_free(struct line_pool *pool); /* runs what is queued; NULL is a no-op */
/* KITH_EBUSY: the queue is full. Any thread. */
KITH_NODISCARD int line_pool_submit(struct line_pool *pool, void (*fn)(void *arg), void *arg);

struct line_pool_stats {
    unsigned workers, workers_min, workers_max, busy, queued, queue_max;
    uint64_t tasks, completed, rejected;
    uint64_t mean_us; /* of all tasks */
};
void line_pool_stats_get(struct line_pool *pool, struct line_pool_stats *out);

#endif
