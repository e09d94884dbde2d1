/*
 * Threads, mutexes and conditions through the seam: under the simulator every wait here is a point
 * at which the seed picks who runs next. Deadlines are absolute os_now_us() times; OS_FOREVER waits
 * without one.
 */
#ifndef KITH_OS_THREAD_H
#define KITH_OS_THREAD_H

#include <pthread.h>
#include <stdint.h>

#include "os/os.h"

#define OS_FOREVER INT64_MAX

struct os_mutex {
    const struct os *os;
    pthread_mutex_t real;
    void *sim; /* the simulator's own state */
};
struct os_cond {
    const struct os *os;
    pthread_cond_t real;
    void *sim;
};
struct os_thread; /* owned by its starter until joined */

KITH_NODISCARD int os_mutex_init(const struct os *os, struct os_mutex *mutex);
void os_mutex_release(struct os_mutex *mutex); /* accepts a zeroed struct */
void os_mutex_lock(struct os_mutex *mutex);
void os_mutex_unlock(struct os_mutex *mutex);

KITH_NODISCARD int os_cond_init(const struct os *os, struct os_cond *cond);
void os_cond_release(struct os_cond *cond);
/* 0, or KITH_ETIMEDOUT. Spurious wake-ups happen. */
int os_cond_wait(struct os_cond *cond, struct os_mutex *mutex, int64_t deadline_us);
void os_cond_signal(struct os_cond *cond);
void os_cond_broadcast(struct os_cond *cond);

/* nice > 0 lowers the thread's priority; errors of that are ignored. */
KITH_NODISCARD int os_thread_start(const struct os *os, const char *name, int nice,
                                   void (*fn)(void *), void *arg, struct os_thread **out,
                                   struct kith_error *err);
void os_thread_join(struct os_thread *thread);
void os_thread_yield(void); /* whoever waits for this very processor goes first */

#endif
