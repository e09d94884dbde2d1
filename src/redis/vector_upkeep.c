/*
 * Work that nobody waits for runs on one thread of low priority, which is started with the first of
 * it: builds of seconds must not take the workers on which searches wait. When a job is done the
 * thread hands its result to the set and goes on with what became due meanwhile, so a set needs no
 * commands to become whole.
 *
 * A set whose last rows are too few for a job is watched; when nobody has changed it for a second,
 * they are built in after all. Watches own a reference, so a set that was deleted meanwhile is
 * freed by cron, outside the lock.
 *
 * Threading: watches are guarded by the keyspace lock, the trash is cron's own.
 */
#include "redis/vector_upkeep.h"

#include "base/alloc.h"
#include "cache/vectors.h"
#include "redis/cron.h"
#include "redis/redis_internal.h"

#define BUILDER_NICE 10
#define BUILDER_QUEUE_MAX 1024u
#define QUIET_MS 1000
#define LOOK_MS 100

struct upkeep {
    struct vset_job *job; /* owns */
    struct redis *redis;
};

struct vector_watch {
    struct vector_watch *next;
    struct vector_set *set; /* owns a reference */
    uint64_t rows;          /* when it was looked at last */
    int64_t since_ms;       /* has it so many */
};

/* ---- jobs ---- */

static void run_upkeep(void *arg)
{
    struct upkeep *upkeep = arg;
    struct redis *redis = upkeep->redis;
    struct vset_job *job = upkeep->job;
    struct vector_set *set = vset_job_set(job);
    mem_free(upkeep);
    vset_ref(set); /* the job has one of its own until it ran */
    while (job) {
        vset_job_run(job, redis->os, &redis->stopping);
        cache_lock(redis->cache);
        struct vset_job *done = vset_job_settle(set);
        job = vset_job_take(set);
        cache_unlock(redis->cache);
        vset_job_free(done);
    }
    vset_unref(set);
}

static bool start_builder(struct redis *redis)
{
    return redis->builder || pool_new(redis->os, "builder", 1, BUILDER_NICE, BUILDER_QUEUE_MAX,
                                      &redis->builder, NULL) == 0;
}

static bool submit(struct redis *redis, struct vset_job *job)
{
    if (!start_builder(redis)) return false;
    struct upkeep *upkeep = mem_alloc(sizeof *upkeep);
    if (!upkeep) return false;
    *upkeep = (struct upkeep){job, redis};
    if (pool_submit(redis->builder, run_upkeep, upkeep) == 0) return true;
    mem_free(upkeep);
    return false;
}

static void start(struct redis *redis, struct vset_job *job)
{
    if (job && !submit(redis, job)) vset_job_drop(job);
}

/* ---- watches ---- */

/* Without memory nobody watches: the rows stay scanned. */
static void watch(struct redis *redis, struct vector_set *set)
{
    if (vset_watched(set, true)) return;
    struct vector_watch *at = mem_alloc(sizeof *at);
    if (!at) {
        vset_watched(set, false);
        return;
    }
    vset_ref(set);
    *at = (struct vector_watch){redis->vector_watches, set, vset_node_uid(set),
                                cache_now_ms(redis->cache)};
    redis->vector_watches = at;
    cron_poke(redis);
}

/* Whether it need not be watched any longer. */
static bool look(struct redis *redis, struct vector_watch *at)
{
    const int64_t now_ms = cache_now_ms(redis->cache);
    if (vset_is_gone(at->set) || !vset_rest_is_due(at->set)) return true;
    if (at->rows != vset_node_uid(at->set)) {
        at->rows = vset_node_uid(at->set);
        at->since_ms = now_ms;
    }
    if (now_ms - at->since_ms < QUIET_MS) return false;
    struct vset_shape shape;
    vset_shape_get(at->set, &shape);
    if (shape.busy) return false;
    start(redis, vset_job_take_rest(at->set));
    return true;
}

int64_t vector_upkeep_turn(struct redis *redis)
{
    for (struct vector_watch **link = &redis->vector_watches; *link;) {
        struct vector_watch *at = *link;
        if (!look(redis, at)) {
            link = &at->next;
            continue;
        }
        vset_watched(at->set, false);
        *link = at->next;
        at->next = redis->vector_trash;
        redis->vector_trash = at;
    }
    return redis->vector_watches ? LOOK_MS : INT64_MAX;
}

static void free_watches(struct vector_watch *at)
{
    while (at) {
        struct vector_watch *next = at->next;
        vset_unref(at->set);
        mem_free(at);
        at = next;
    }
}

void vector_upkeep_sweep(struct redis *redis)
{
    free_watches(redis->vector_trash);
    redis->vector_trash = NULL;
}

/* ---- for commands ---- */

void vector_upkeep(struct redis *redis, struct vector_set *set)
{
    start(redis, vset_job_take(set));
    if (vset_rest_is_due(set)) watch(redis, set);
}

void background_release(struct redis *redis)
{
    atomic_store_explicit(&redis->stopping, true, memory_order_relaxed);
    pool_free(redis->builder);
    redis->builder = NULL;
    vector_upkeep_sweep(redis);
    free_watches(redis->vector_watches);
    redis->vector_watches = NULL;
}
