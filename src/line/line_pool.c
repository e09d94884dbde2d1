/*
 * The elastic pool: see line_pool.h.
 *
 * One lock for the queue (a ring), the counts and the list of workers. A worker that is too many
 * ends after its task and leaves its thread in `ended`; the sampler joins it. The sampler wakes ten
 * times an interval while there is something to see, and sleeps without a deadline once a whole
 * interval was idle at the floor; the next task wakes it.
 */
#include "line/line_pool.h"

#include <string.h>

#include "base/alloc.h"
#include "line/line_scale.h"
#include "os/thread.h"

#define WORKERS_DEFAULT 200u
#define INTERVAL_US 5000000

struct task {
    void (*fn)(void *arg);
    void *arg;
};

struct worker {
    struct worker *next;
    struct line_pool *pool;
    struct os_thread *thread;
};

struct line_pool {
    const struct os *os;
    unsigned configured, queue_max;
    struct os_mutex lock; /* guards all that follows */
    struct os_cond work, watch;
    struct task *ring; /* owns */
    unsigned first, queued;
    unsigned live, target, busy, idle; /* idle: they wait for work */
    struct worker *ended; /* a list: to be joined */
    bool stopping, watching;
    uint64_t tasks, completed, rejected, busy_us;
    uint64_t seen_completed, seen_us; /* at the end of the last interval */
    struct line_sample samples[LINE_SCALE_SAMPLES];
    size_t sample_count;
    struct os_thread *sampler;
};

/* ---- workers ---- */

static bool take(struct line_pool *pool, struct task *out)
{
    while (!pool->queued) {
        if (pool->stopping || pool->live > pool->target) return false;
        pool->idle++;
        (void)os_cond_wait(&pool->work, &pool->lock, OS_FOREVER);
        pool->idle--;
    }
    *out = pool->ring[pool->first];
    pool->first = (pool->first + 1) % pool->queue_max;
    pool->queued--;
    return true;
}

static void run_one(struct line_pool *pool, const struct task *task)
{
    pool->busy++;
    os_mutex_unlock(&pool->lock);
    const int64_t before = os_now_us(pool->os);
    task->fn(task->arg);
    const int64_t took = os_now_us(pool->os) - before;
    os_mutex_lock(&pool->lock);
    pool->busy--;
    pool->completed++;
    pool->busy_us += took > 0 ? (uint64_t)took : 0;
}

static void work(void *arg)
{
    struct worker *worker = arg;
    struct line_pool *pool = worker->pool;
    struct task task;
    os_mutex_lock(&pool->lock);
    while (take(pool, &task)) run_one(pool, &task);
    pool->live--;
    worker->next = pool->ended;
    pool->ended = worker;
    os_cond_signal(&pool->watch);
    os_mutex_unlock(&pool->lock);
}

/* Under the lock. Without memory or threads there are fewer: work goes on with those. */
static int hire(struct line_pool *pool, struct kith_error *err)
{
    struct worker *worker = mem_zalloc(sizeof *worker);
    if (!worker) return error_set(err, KITH_ENOMEM, "a worker: no memory");
    worker->pool = pool;
    const int rc = os_thread_start(pool->os, "line", 0, work, worker, &worker->thread, err);
    if (rc) mem_free(worker);
    else pool->live++;
    return rc;
}

/* Under the lock, which is let go for the joins. */
static void join_ended(struct line_pool *pool)
{
    struct worker *list = pool->ended;
    pool->ended = NULL;
    if (!list) return;
    os_mutex_unlock(&pool->lock);
    while (list) {
        struct worker *next = list->next;
        os_thread_join(list->thread);
        mem_free(list);
        list = next;
    }
    os_mutex_lock(&pool->lock);
}

/* ---- the sampler ---- */

static void resize(struct line_pool *pool)
{
    struct kith_error err;
    const uint64_t done = pool->completed - pool->seen_completed;
    const uint64_t mean = done ? (pool->busy_us - pool->seen_us) / done : 0;
    pool->seen_completed = pool->completed;
    pool->seen_us = pool->busy_us;
    pool->target =
        line_scale(pool->configured, pool->target, pool->samples, pool->sample_count, mean);
    pool->sample_count = 0;
    while (pool->live < pool->target && hire(pool, &err) == 0) continue;
    if (pool->live < pool->target) pool->target = pool->live;
    if (pool->live > pool->target) os_cond_broadcast(&pool->work);
    if (done == 0 && pool->target == line_scale_floor(pool->configured) && !pool->busy)
        pool->watching = false;
}

static void sample(void *arg)
{
    struct line_pool *pool = arg;
    int64_t due = os_now_us(pool->os);
    os_mutex_lock(&pool->lock);
    while (!pool->stopping) {
        join_ended(pool);
        const int64_t now = os_now_us(pool->os);
        if (pool->watching && now >= due) {
            due = now + INTERVAL_US / (int64_t)LINE_SCALE_SAMPLES;
            pool->samples[pool->sample_count++] = (struct line_sample){ pool->busy, pool->queued };
            if (pool->sample_count == LINE_SCALE_SAMPLES) resize(pool);
        }
        (void)os_cond_wait(&pool->watch, &pool->lock, pool->watching ? due : OS_FOREVER);
    }
    os_mutex_unlock(&pool->lock);
}

/* ---- the outside ---- */

int line_pool_submit(struct line_pool *pool, void (*fn)(void *arg), void *arg)
{
    os_mutex_lock(&pool->lock);
    const bool fits = pool->queued < pool->queue_max && !pool->stopping;
    if (fits) {
        pool->ring[(pool->first + pool->queued++) % pool->queue_max] = (struct task){ fn, arg };
        pool->tasks++;
    } else {
        pool->rejected++;
    }
    if (fits && !pool->watching) {
        pool->watching = true;
        os_cond_signal(&pool->watch);
    }
    const bool wake = fits && pool->queued <= pool->idle; /* else enough were woken, or work */
    os_mutex_unlock(&pool->lock);
    if (wake) os_cond_signal(&pool->work);
    return fits ? 0 : KITH_EBUSY;
}

static int start(struct line_pool *pool, struct kith_error *err)
{
    int rc = os_mutex_init(pool->os, &pool->lock);
    if (rc == 0) rc = os_cond_init(pool->os, &pool->work);
    if (rc == 0) rc = os_cond_init(pool->os, &pool->watch);
    if (rc) return error_set(err, rc, "the pool of the line protocol: no lock");
    pool->ring = mem_zalloc_array(pool->queue_max, sizeof *pool->ring);
    if (!pool->ring) return error_set(err, KITH_ENOMEM, "the pool of the line protocol: no memory");
    os_mutex_lock(&pool->lock);
    while (rc == 0 && pool->live < pool->target) rc = hire(pool, err);
    os_mutex_unlock(&pool->lock);
    return rc ? rc : os_thread_start(pool->os, "line-scale", 0, sample, pool, &pool->sampler, err);
}

int line_pool_new(const struct os *os, unsigned workers, struct line_pool **out,
                  struct kith_error *err)
{
    struct line_pool *pool = mem_zalloc(sizeof *pool);
    if (!pool) return error_set(err, KITH_ENOMEM, "the pool of the line protocol: no memory");
    pool->os = os;
    pool->configured = workers ? workers : WORKERS_DEFAULT;
    pool->target = line_scale_floor(pool->configured);
    pool->queue_max = line_scale_ceiling(pool->configured);
    const int rc = start(pool, err);
    if (rc == 0) *out = pool;
    else line_pool_free(pool);
    return rc;
}

void line_pool_free(struct line_pool *pool)
{
    if (!pool) return;
    if (pool->ring) {
        os_mutex_lock(&pool->lock);
        pool->stopping = true;
        os_cond_broadcast(&pool->work);
        os_cond_broadcast(&pool->watch);
        os_mutex_unlock(&pool->lock);
        if (pool->sampler) os_thread_join(pool->sampler);
        os_mutex_lock(&pool->lock);
        while (pool->live || pool->ended) {
            if (!pool->ended) (void)os_cond_wait(&pool->watch, &pool->lock, OS_FOREVER);
            join_ended(pool);
        }
        os_mutex_unlock(&pool->lock);
    }
    os_cond_release(&pool->watch);
    os_cond_release(&pool->work);
    os_mutex_release(&pool->lock);
    mem_free(pool->ring);
    mem_free(pool);
}

void line_pool_stats_get(struct line_pool *pool, struct line_pool_stats *out)
{
    os_mutex_lock(&pool->lock);
    *out = (struct line_pool_stats){
        .workers = pool->live,
        .workers_min = line_scale_floor(pool->configured),
        .workers_max = line_scale_ceiling(pool->configured),
        .busy = pool->busy,
        .queued = pool->queued,
        .queue_max = pool->queue_max,
        .tasks = pool->tasks,
        .completed = pool->completed,
        .rejected = pool->rejected,
        .mean_us = pool->completed ? pool->busy_us / pool->completed : 0,
    };
    os_mutex_unlock(&pool->lock);
}
