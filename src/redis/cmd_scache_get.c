/*
 * SCACHE.GET cache prompt [FP32 blob | VALUES n v ...] [THRESHOLD t] [FILTER expr] [K n] [MODEL m].
 *
 * A small cache is searched where the command runs; a large one by a worker, while other commands,
 * SCACHE.SET of the same cache too, go on. The steps are those of scache_look.h.
 */
#include "base/alloc.h"
#include "redis/redis_internal.h"
#include "redis/scache_look.h"

static void finish(struct redis_call *call, void *ctx)
{
    struct scache_look *look = ctx;
    while (scache_look_end(call, look) == SCACHE_SEARCH) scache_look_search(look);
    scache_look_release(look);
    mem_free(look);
}

static void start(struct redis_call *call, struct scache_look *look)
{
    if (look->small) {
        scache_look_search(look);
        finish(call, look);
    } else if (!call_offload(call, scache_look_search, finish, look)) {
        scache_look_release(look);
        mem_free(look);
    }
}

void run_scache_get(struct redis_call *call)
{
    struct scache_look look = {.rc = 0};
    if (!scache_permits(call, false) || !scache_look_read(call, &look) ||
        scache_look_begin(call, &look) == SCACHE_ANSWERED) {
        scache_look_release(&look);
        return;
    }
    struct scache_look *kept = mem_alloc(sizeof *kept);
    if (kept) {
        *kept = look;
        start(call, kept);
        return;
    }
    scache_look_release(&look);
    call_no_memory(call);
}
