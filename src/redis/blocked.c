/*
 * Commands that wait: for a key, and for work that is done elsewhere.
 */
#include "redis/redis_internal.h"

bool call_block(struct redis_call *call, const struct kith_str *keys, size_t count,
                int64_t deadline_us)
{
    (void)call;
    (void)keys;
    (void)count;
    (void)deadline_us;
    return false;
}

bool call_offload(struct redis_call *call, void (*fn)(void *ctx),
                  void (*done)(struct redis_call *call, void *ctx), void *ctx)
{
    fn(ctx);
    done(call, ctx);
    return true;
}
