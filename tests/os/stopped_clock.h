/*
 * The real machine with clocks that stand still until a test lets time pass: what depends on a
 * deadline then answers the same however slowly the test itself is run. Sleeping and waiting with
 * a deadline take as long as they do without it. Any thread may read the clocks; one sets them.
 */
#ifndef KITH_TESTS_OS_STOPPED_CLOCK_H
#define KITH_TESTS_OS_STOPPED_CLOCK_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "os/os_internal.h"

struct stopped_clock {
    struct os os; /* first: pass &clock->os */
    struct os_ops ops;
    int64_t began_us, began_wall_us;
    _Atomic int64_t passed_ms;
};

/* Operations get their `struct os`, which is the first member. */
static inline const struct stopped_clock *stopped_clock_of(const struct os *os)
{
    return (const struct stopped_clock *)(const void *)os;
}

static inline int64_t stopped_now_us(const struct os *os)
{
    const struct stopped_clock *clock = stopped_clock_of(os);
    return clock->began_us + 1000 * atomic_load(&clock->passed_ms);
}

static inline int64_t stopped_wall_us(const struct os *os)
{
    const struct stopped_clock *clock = stopped_clock_of(os);
    return clock->began_wall_us + 1000 * atomic_load(&clock->passed_ms);
}

static inline int stopped_cond_wait(struct os_cond *cond, struct os_mutex *mutex,
                                    int64_t deadline_us)
{
    const struct os *real = os_real();
    if (deadline_us != OS_FOREVER)
        deadline_us += real->ops->now_us(real) - stopped_now_us(cond->os);
    return real->ops->cond_wait(cond, mutex, deadline_us);
}

static inline void stopped_clock_init(struct stopped_clock *clock)
{
    const struct os *real = os_real();
    clock->ops = *real->ops;
    clock->ops.now_us = stopped_now_us;
    clock->ops.now_ns = NULL;
    clock->ops.wall_us = stopped_wall_us;
    clock->ops.cond_wait = stopped_cond_wait;
    clock->os.ops = &clock->ops;
    clock->began_us = os_now_us(real);
    clock->began_wall_us = real->ops->wall_us(real);
    atomic_store(&clock->passed_ms, 0);
}

static inline void stopped_clock_pass_ms(struct stopped_clock *clock, int64_t ms)
{
    atomic_fetch_add(&clock->passed_ms, ms);
}

#endif
