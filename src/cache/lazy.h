/*
 * Freeing elsewhere: a thread that takes values apart whose release would take long. It is started
 * when the first such value comes, and sleeps when there is none.
 */
#ifndef KITH_CACHE_LAZY_H
#define KITH_CACHE_LAZY_H

#include <stdatomic.h>

#include "cache/heap.h"
#include "os/thread.h"

struct lazy_job {
    struct lazy_job *next;
    void (*fn)(void *ctx, void *what);
    void *ctx, *what;
    size_t bytes;
};

struct lazy {
    const struct os *os;
    struct os_mutex lock; /* guards the fields down to `stop` */
    struct os_cond wake;
    struct lazy_job *first, *last; /* owns */
    struct os_thread *thread;      /* NULL: not started */
    bool ready, stop;
    _Atomic size_t pending, pending_bytes, freed; /* values */
};

KITH_NODISCARD int lazy_init(struct lazy *lazy, const struct os *os);
/* Frees what waits and ends the thread; accepts a zeroed struct. */
void lazy_release(struct lazy *lazy);
/* Calls fn(ctx, what) on the thread, or here and now when that cannot be. bytes: about how much
 * it will give back. */
void lazy_free(struct lazy *lazy, void (*fn)(void *ctx, void *what), void *ctx, void *what,
               size_t bytes);
static inline size_t lazy_pending_bytes(const struct lazy *lazy)
{
    return atomic_load_explicit(&lazy->pending_bytes, memory_order_relaxed);
}

#endif
