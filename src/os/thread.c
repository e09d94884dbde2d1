/*
 * The dispatch of thread.h. A mutex, a condition and a thread each carry the machine that made
 * them, so that a decorator costs nothing here.
 */
#include "os/thread.h"

#include "os/os_internal.h"
#include "os/thread_try.h"

int os_mutex_init(const struct os *os, struct os_mutex *mutex)
{
    return os->ops->mutex_init(os, mutex);
}

void os_mutex_release(struct os_mutex *mutex)
{
    if (!mutex->os) return;
    mutex->os->ops->mutex_release(mutex);
    mutex->os = NULL;
}

void os_mutex_lock(struct os_mutex *mutex)
{
    mutex->os->ops->mutex_lock(mutex);
}

bool os_mutex_try(struct os_mutex *mutex)
{
    return mutex->os->ops->mutex_try(mutex);
}

void os_mutex_unlock(struct os_mutex *mutex)
{
    mutex->os->ops->mutex_unlock(mutex);
}

int os_cond_init(const struct os *os, struct os_cond *cond)
{
    return os->ops->cond_init(os, cond);
}

void os_cond_release(struct os_cond *cond)
{
    if (!cond->os) return;
    cond->os->ops->cond_release(cond);
    cond->os = NULL;
}

int os_cond_wait(struct os_cond *cond, struct os_mutex *mutex, int64_t deadline_us)
{
    return cond->os->ops->cond_wait(cond, mutex, deadline_us);
}

void os_cond_signal(struct os_cond *cond)
{
    cond->os->ops->cond_signal(cond);
}

void os_cond_broadcast(struct os_cond *cond)
{
    cond->os->ops->cond_broadcast(cond);
}

int os_thread_start(const struct os *os, const char *name, int nice, void (*fn)(void *), void *arg,
                    struct os_thread **out, struct kith_error *err)
{
    return os->ops->thread_start(os, name, nice, fn, arg, out, err);
}

void os_thread_join(struct os_thread *thread)
{
    if (thread) thread->os->ops->thread_join(thread);
}
