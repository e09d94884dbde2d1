/*
 * Work that nobody waits for runs on the pool of workers. See background.h.
 */
#include "redis/background.h"

#include "base/alloc.h"
#include "cache/vectors.h"
#include "redis/redis_internal.h"

struct upkeep {
    struct vset_job *job; /* owns */
    const struct os *os;
};

static void run_upkeep(void *arg)
{
    struct upkeep *upkeep = arg;
    vset_job_run(upkeep->job, upkeep->os);
    mem_free(upkeep);
}

void vector_upkeep(struct redis *redis, struct vector_set *set)
{
    struct vset_job *job = vset_job_take(set);
    if (!job) return;
    struct upkeep *upkeep = redis->pool ? mem_alloc(sizeof *upkeep) : NULL;
    if (upkeep) {
        *upkeep = (struct upkeep){job, redis->os};
        if (pool_submit(redis->pool, run_upkeep, upkeep) == 0) return;
    }
    mem_free(upkeep);
    vset_job_drop(job);
}
