/*
 * Work that nobody waits for runs on one thread of low priority, which is started with the first of
 * it: builds of seconds must not take the workers on which searches wait. A set has one job at a
 * time, so the queue is as long as there are large sets that grow. See vector_upkeep.h.
 */
#include "redis/vector_upkeep.h"

#include "base/alloc.h"
#include "cache/vectors.h"
#include "redis/redis_internal.h"

struct upkeep {
    struct vset_job *job; /* owns */
    struct redis *redis;
};

#define BUILDER_NICE 10
#define BUILDER_QUEUE_MAX 1024u

static void run_upkeep(void *arg)
{
    struct upkeep *upkeep = arg;
    vset_job_run(upkeep->job, upkeep->redis->os, &upkeep->redis->stopping);
    mem_free(upkeep);
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

void vector_upkeep(struct redis *redis, struct vector_set *set)
{
    struct vset_job *job = vset_job_take(set);
    if (!job) return;
    if (!submit(redis, job)) vset_job_drop(job);
}

void background_release(struct redis *redis)
{
    atomic_store_explicit(&redis->stopping, true, memory_order_relaxed);
    pool_free(redis->builder);
    redis->builder = NULL;
}
