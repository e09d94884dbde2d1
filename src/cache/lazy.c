/*
 * The lazy thread: a queue, a condition, and a thread that is born with the first job.
 *
 * A value that has reached the queue belongs to nobody else: the thread needs no lock but the
 * queue's, and the heap's counter is atomic. When there is no memory for a job, or no thread can be
 * had, the caller does the work.
 *
 * lock: a leaf; no other lock is taken under it, and jobs run without it.
 */
#include "cache/lazy.h"

#include "base/alloc.h"

int lazy_init(struct lazy *lazy, const struct os *os)
{
    lazy->os = os;
    int rc = os_mutex_init(os, &lazy->lock);
    if (rc) return rc;
    rc = os_cond_init(os, &lazy->wake);
    if (rc) {
        os_mutex_release(&lazy->lock);
        return rc;
    }
    lazy->ready = true;
    return 0;
}

static void run(struct lazy *lazy, struct lazy_job *job)
{
    job->fn(job->ctx, job->what);
    atomic_fetch_sub(&lazy->pending, 1);
    atomic_fetch_sub(&lazy->pending_bytes, job->bytes);
    atomic_fetch_add(&lazy->freed, 1);
    mem_free(job);
}

static struct lazy_job *take(struct lazy *lazy)
{
    struct lazy_job *job = lazy->first;
    if (job) lazy->first = job->next;
    if (!lazy->first) lazy->last = NULL;
    return job;
}

static void lazy_main(void *arg)
{
    struct lazy *lazy = arg;
    os_mutex_lock(&lazy->lock);
    for (;;) {
        struct lazy_job *job = take(lazy);
        if (job) {
            os_mutex_unlock(&lazy->lock);
            run(lazy, job);
            os_mutex_lock(&lazy->lock);
        } else if (lazy->stop) {
            break;
        } else {
            (void)os_cond_wait(&lazy->wake, &lazy->lock, OS_FOREVER);
        }
    }
    os_mutex_unlock(&lazy->lock);
}

void lazy_release(struct lazy *lazy)
{
    if (!lazy->ready) return;
    os_mutex_lock(&lazy->lock);
    lazy->stop = true;
    os_cond_signal(&lazy->wake);
    os_mutex_unlock(&lazy->lock);
    if (lazy->thread) os_thread_join(lazy->thread);
    os_cond_release(&lazy->wake);
    os_mutex_release(&lazy->lock);
    lazy->ready = false;
}

/* Takes the job; false: there is no thread. */
static bool hand_over(struct lazy *lazy, struct lazy_job *job)
{
    os_mutex_lock(&lazy->lock);
    if (!lazy->thread &&
        os_thread_start(lazy->os, "kith-lazy", 10, lazy_main, lazy, &lazy->thread, NULL)) {
        os_mutex_unlock(&lazy->lock);
        return false;
    }
    if (lazy->last) {
        lazy->last->next = job;
    } else {
        lazy->first = job;
    }
    lazy->last = job;
    os_cond_signal(&lazy->wake);
    os_mutex_unlock(&lazy->lock);
    return true;
}

void lazy_free(struct lazy *lazy, void (*fn)(void *ctx, void *what), void *ctx, void *what,
               size_t bytes)
{
    struct lazy_job *job = mem_zalloc(sizeof *job);
    if (!job) {
        fn(ctx, what);
        return;
    }
    job->fn = fn;
    job->ctx = ctx;
    job->what = what;
    job->bytes = bytes;
    atomic_fetch_add(&lazy->pending, 1);
    atomic_fetch_add(&lazy->pending_bytes, bytes);
    if (!hand_over(lazy, job)) run(lazy, job);
}
