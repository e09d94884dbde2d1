/*
 * SAVE, BGSAVE, BGREWRITEAOF, LASTSAVE, WAITAOF.
 */
#include "base/alloc.h"
#include "redis/keep_bind.h"
#include "redis/persist.h"
#include "redis/server_commands.h"

struct saving {
    struct redis *redis;
    int rc;
};

static void save_elsewhere(void *ctx)
{
    struct saving *saving = ctx;
    struct kith_error err = {0};
    saving->rc = keep_save(saving->redis->keep, &err);
    if (saving->rc) redis_log(saving->redis, 0, "saving: %s", err.text);
    else persist_saved(saving->redis);
}

static void save_over(struct redis_call *call, void *ctx)
{
    const struct saving *saving = ctx;
    if (saving->rc == KITH_EBUSY) call_error(call, "ERR Background save already in progress");
    else if (saving->rc) call_error(call, "ERR saving failed; the log says why");
    else resp_ok(call->reply);
    mem_free(ctx);
}

static void nothing_to_keep(struct redis *redis)
{
    redis->saved_at_ms = cache_now_ms(redis->cache);
    redis->dirty_saved = redis->dirty;
}

static void run_save(struct redis_call *call)
{
    struct redis *redis = call->redis;
    if (!redis->keep || !call->session || !call->session->stream) {
        nothing_to_keep(redis); /* without files or without a thread to wait on */
        resp_ok(call->reply);
        return;
    }
    struct saving *saving = mem_alloc(sizeof *saving);
    if (!saving) {
        call_no_memory(call);
        return;
    }
    *saving = (struct saving){.redis = redis};
    if (!call_offload(call, save_elsewhere, save_over, saving)) mem_free(saving);
}

static bool begin(struct redis_call *call)
{
    struct redis *redis = call->redis;
    const int rc = redis->keep ? keep_save_begin(redis->keep, NULL) : 0;
    if (rc == 0) nothing_to_keep(redis);
    if (rc == KITH_EBUSY) call_error(call, "ERR Background save already in progress");
    else if (rc) call_error(call, "ERR saving failed; the log says why");
    return rc == 0;
}

static void run_bgsave(struct redis_call *call)
{
    const bool schedule = call_is(call, 1, "schedule");
    if (call->argc > 2 || (call->argc == 2 && !schedule)) call_syntax_error(call);
    else if (begin(call)) resp_status(call->reply, "Background saving started");
    else if (schedule) resp_status(call->reply, "Background saving scheduled");
}

static void run_bgrewriteaof(struct redis_call *call)
{
    if (begin(call)) resp_status(call->reply, "Background append only file rewriting started");
}

static void run_lastsave(struct redis_call *call)
{
    struct keep_info info = {.saved_at_ms = call->redis->saved_at_ms};
    if (call->redis->keep) keep_info_get(call->redis->keep, &info);
    resp_integer(call->reply, info.saved_at_ms / 1000);
}

/* ---- WAITAOF ---- */

struct waiting {
    struct redis *redis;
    uint64_t ticket;
    int64_t deadline_us;
    int rc;
};

static void wait_elsewhere(void *ctx)
{
    struct waiting *waiting = ctx;
    waiting->rc = keep_wait_synced(waiting->redis->keep, waiting->ticket, waiting->deadline_us);
}

static void put_waited(struct redis_call *call, bool local)
{
    resp_array(call->reply, 2);
    resp_integer(call->reply, local);
    resp_integer(call->reply, 0);
}

static void wait_over(struct redis_call *call, void *ctx)
{
    const struct waiting *waiting = ctx;
    put_waited(call, waiting->rc == 0);
    mem_free(ctx);
}

static void run_waitaof(struct redis_call *call)
{
    struct redis *redis = call->redis;
    int64_t local, replicas, ms;
    if (!call_range(call, 1, 0, 1, &local, "ERR value is out of range, value must between 0 and 1"))
        return;
    if (!call_range(call, 2, 0, INT32_MAX, &replicas, NULL) || !call_integer(call, 3, &ms)) return;
    if (ms < 0) {
        call_error(call, "ERR timeout is negative");
        return;
    }
    if (local && !(redis->keep && keep_is_logging(redis->keep))) {
        call_error(call, "ERR WAITAOF cannot be used when numlocal is set but appendonly is "
                         "disabled.");
        return;
    }
    struct waiting *waiting = local && call->session->stream ? mem_alloc(sizeof *waiting) : NULL;
    if (!waiting) {
        put_waited(call, local == 0);
        return;
    }
    *waiting = (struct waiting){.redis = redis, .ticket = keep_end(redis->keep),
                                .deadline_us = ms && ms < INT64_MAX / 2000
                                                   ? os_now_us(redis->os) + ms * 1000
                                                   : OS_FOREVER};
    if (!call_offload(call, wait_elsewhere, wait_over, waiting)) mem_free(waiting);
}

#define SAVE_FLAGS (CMD_ADMIN | CMD_NO_SCRIPT)

const struct command save_commands[] = {
    {.name = "save", .run = run_save, .arity = 1, .flags = SAVE_FLAGS | CMD_NO_MULTI},
    {.name = "bgsave", .run = run_bgsave, .arity = -1, .flags = SAVE_FLAGS},
    {.name = "bgrewriteaof", .run = run_bgrewriteaof, .arity = 1, .flags = SAVE_FLAGS},
    {.name = "lastsave", .run = run_lastsave, .arity = 1, .flags = CMD_FAST | CMD_LOADING,
     .categories = CAT_ADMIN | CAT_DANGEROUS},
    {.name = "waitaof", .run = run_waitaof, .arity = 4, .flags = CMD_BLOCKING,
     .categories = CAT_CONNECTION},
    {.name = NULL},
};
