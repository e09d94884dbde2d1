/*
 * A pool of threads with one bounded queue, and a parallel loop over it. Idle threads are blocked:
 * they use no CPU. With 0 threads, submit runs the task in the caller and the loop is a loop.
 */
#ifndef KITH_OS_POOL_H
#define KITH_OS_POOL_H

#include "os/os.h"

struct pool;

KITH_NODISCARD int pool_new(const struct os *os, const char *name, unsigned threads, int nice,
                            unsigned queue_max, struct pool **out, struct kith_error *err);
void pool_free(struct pool *pool); /* runs what is queued, joins; NULL is a no-op */
unsigned pool_threads(const struct pool *pool); /* 0 for NULL */

/* KITH_EBUSY when the queue is full. fn owns arg. */
KITH_NODISCARD int pool_submit(struct pool *pool, void (*fn)(void *arg), void *arg);

/* Calls fn(ctx, i) for every i in [0, count), on the caller and up to threads - 1 pool threads,
 * in no fixed order; returns when all have ended. `pool` may be NULL. May be called from inside a
 * pool task: the caller always takes part, so it cannot deadlock. The first negative return stops
 * further starts and is returned. */
KITH_NODISCARD int pool_for(struct pool *pool, unsigned threads, size_t count,
                            int (*fn)(void *ctx, size_t i), void *ctx);

#endif
