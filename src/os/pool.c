/*
 * A pool of threads over one bounded ring of tasks, and the parallel loop. Built on thread.h only,
 * so it runs under the simulator unchanged.
 *
 * The loop shares a job: an atomic counter hands out indices, the caller takes part, and helpers
 * are ordinary queued tasks. The caller waits for helpers that have *entered* the job, never for
 * one still in the queue; that one finds the job finished and only drops its reference. So a loop
 * inside a pool task cannot deadlock, however full the queue is, and a full queue or a failed
 * allocation costs parallelism, not the loop.
 *
 * Threading: ring, head, count and closing are guarded by `lock`; entered of a job by its own.
 * No lock is held while a task runs. Order: none of the locks is taken inside another.
 */
#include "os/pool.h"

#include <stdatomic.h>

#include "base/alloc.h"
#include "os/thread.h"

struct pool_task {
    void (*fn)(void *arg);
    void *arg; /* owned by fn */
};

struct pool {
    const struct os *os;
    struct os_mutex lock;
    struct os_cond wake;       /* a task was queued, or closing was set */
    struct pool_task *ring;    /* owns */
    unsigned ring_max;
    unsigned head;             /* guard: lock; the oldest task */
    unsigned count;            /* guard: lock */
    bool closing;              /* guard: lock */
    struct os_thread **threads; /* owns */
    unsigned thread_count;
};

struct pool_job {
    struct os_mutex lock;
    struct os_cond left;   /* a helper left the job */
    unsigned entered;      /* guard: lock; helpers inside run_indices */
    atomic_size_t next;    /* relaxed: only hands out indices */
    atomic_int result;     /* the first negative return; relaxed, published by lock */
    atomic_uint refs;      /* caller + queued helpers */
    size_t count;
    int (*fn)(void *ctx, size_t i);
    void *ctx; /* borrows until every index has ended */
};

/* ---- the queue ---- */

static bool take(struct pool *pool, struct pool_task *task)
{
    os_mutex_lock(&pool->lock);
    while (pool->count == 0 && !pool->closing)
        (void)os_cond_wait(&pool->wake, &pool->lock, OS_FOREVER);
    bool taken = pool->count > 0;
    if (taken) {
        *task = pool->ring[pool->head];
        pool->head = (pool->head + 1) % pool->ring_max;
        pool->count--;
    }
    os_mutex_unlock(&pool->lock);
    return taken;
}

static void worker(void *arg)
{
    struct pool *pool = arg;
    struct pool_task task;
    while (take(pool, &task)) task.fn(task.arg);
}

int pool_submit(struct pool *pool, void (*fn)(void *arg), void *arg)
{
    if (pool_threads(pool) == 0) {
        fn(arg);
        return 0;
    }
    os_mutex_lock(&pool->lock);
    bool fits = pool->count < pool->ring_max;
    if (fits) {
        unsigned tail = (unsigned)(((uint64_t)pool->head + pool->count) % pool->ring_max);
        pool->ring[tail] = (struct pool_task){fn, arg};
        pool->count++;
        os_cond_signal(&pool->wake);
    }
    os_mutex_unlock(&pool->lock);
    return fits ? 0 : KITH_EBUSY;
}

unsigned pool_threads(const struct pool *pool)
{
    return pool ? pool->thread_count : 0;
}

void pool_free(struct pool *pool)
{
    if (!pool) return;
    if (pool->thread_count) {
        os_mutex_lock(&pool->lock);
        pool->closing = true;
        os_cond_broadcast(&pool->wake);
        os_mutex_unlock(&pool->lock);
    }
    for (unsigned i = 0; i < pool->thread_count; i++) os_thread_join(pool->threads[i]);
    os_cond_release(&pool->wake);
    os_mutex_release(&pool->lock);
    mem_free(pool->threads);
    mem_free(pool->ring);
    mem_free(pool);
}

static int start_threads(struct pool *pool, const char *name, unsigned threads, int nice,
                         struct kith_error *err)
{
    for (unsigned started = 0; started < threads; started++) {
        struct os_thread *thread;
        int rc = os_thread_start(pool->os, name, nice, worker, pool, &thread, err);
        if (rc) return rc;
        pool->threads[started] = thread;
        pool->thread_count = started + 1;
    }
    return 0;
}

int pool_new(const struct os *os, const char *name, unsigned threads, int nice, unsigned queue_max,
             struct pool **out, struct kith_error *err)
{
    struct pool *pool = mem_zalloc(sizeof *pool);
    if (!pool) return error_set(err, KITH_ENOMEM, "pool '%s': out of memory", name);
    pool->os = os;
    pool->ring_max = queue_max ? queue_max : 1;
    pool->ring = mem_zalloc_array(pool->ring_max, sizeof *pool->ring);
    pool->threads = mem_zalloc_array(threads ? threads : 1, sizeof *pool->threads);
    int rc = pool->ring && pool->threads ? 0 : KITH_ENOMEM;
    if (rc == 0) rc = os_mutex_init(os, &pool->lock);
    if (rc == 0) rc = os_cond_init(os, &pool->wake);
    if (rc)
        (void)error_set(err, rc, "pool '%s': out of memory", name);
    else
        rc = start_threads(pool, name, threads, nice, err);
    if (rc) {
        pool_free(pool);
        return rc;
    }
    *out = pool;
    return 0;
}

/* ---- the parallel loop ---- */

static void run_indices(struct pool_job *job)
{
    while (atomic_load_explicit(&job->result, memory_order_relaxed) == 0) {
        size_t i = atomic_fetch_add_explicit(&job->next, 1, memory_order_relaxed);
        if (i >= job->count) break;
        int rc = job->fn(job->ctx, i);
        int none = 0;
        if (rc < 0)
            (void)atomic_compare_exchange_strong_explicit(&job->result, &none, rc,
                                                          memory_order_relaxed,
                                                          memory_order_relaxed);
    }
}

static void job_unref(struct pool_job *job)
{
    if (atomic_fetch_sub_explicit(&job->refs, 1, memory_order_acq_rel) != 1) return;
    os_cond_release(&job->left);
    os_mutex_release(&job->lock);
    mem_free(job);
}

/* The caller sets `next` to `count` under the lock before it returns, so a helper that enters
 * later sees nothing to do and does not touch ctx. */
static void help(void *arg)
{
    struct pool_job *job = arg;
    os_mutex_lock(&job->lock);
    bool enter = atomic_load_explicit(&job->next, memory_order_relaxed) < job->count;
    if (enter) job->entered++;
    os_mutex_unlock(&job->lock);
    if (enter) {
        run_indices(job);
        os_mutex_lock(&job->lock);
        job->entered--;
        os_cond_signal(&job->left);
        os_mutex_unlock(&job->lock);
    }
    job_unref(job);
}

static struct pool_job *job_new(const struct os *os, size_t count,
                                int (*fn)(void *ctx, size_t i), void *ctx)
{
    struct pool_job *job = mem_zalloc(sizeof *job);
    if (!job) return NULL;
    if (os_mutex_init(os, &job->lock) || os_cond_init(os, &job->left)) {
        os_mutex_release(&job->lock);
        mem_free(job);
        return NULL;
    }
    job->count = count;
    job->fn = fn;
    job->ctx = ctx;
    atomic_init(&job->refs, 1);
    return job;
}

static int run_alone(size_t count, int (*fn)(void *ctx, size_t i), void *ctx)
{
    for (size_t i = 0; i < count; i++) {
        int rc = fn(ctx, i);
        if (rc < 0) return rc;
    }
    return 0;
}

static void call_helpers(struct pool *pool, struct pool_job *job, size_t helpers)
{
    for (size_t i = 0; i < helpers; i++) {
        atomic_fetch_add_explicit(&job->refs, 1, memory_order_relaxed);
        if (pool_submit(pool, help, job) == 0) continue;
        atomic_fetch_sub_explicit(&job->refs, 1, memory_order_relaxed);
        break;
    }
}

static void wait_for_helpers(struct pool_job *job)
{
    os_mutex_lock(&job->lock);
    atomic_store_explicit(&job->next, job->count, memory_order_relaxed);
    while (job->entered > 0) (void)os_cond_wait(&job->left, &job->lock, OS_FOREVER);
    os_mutex_unlock(&job->lock);
}

int pool_for(struct pool *pool, unsigned threads, size_t count, int (*fn)(void *ctx, size_t i),
             void *ctx)
{
    size_t helpers = threads > 1 ? threads - 1 : 0;
    if (helpers > pool_threads(pool)) helpers = pool_threads(pool);
    if (count == 0 || helpers > count - 1) helpers = count ? count - 1 : 0;
    struct pool_job *job = helpers ? job_new(pool->os, count, fn, ctx) : NULL;
    if (!job) return run_alone(count, fn, ctx);
    call_helpers(pool, job, helpers);
    run_indices(job);
    wait_for_helpers(job);
    int rc = atomic_load_explicit(&job->result, memory_order_relaxed);
    job_unref(job);
    return rc;
}
