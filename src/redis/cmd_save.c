/*
 * SAVE, BGSAVE, BGREWRITEAOF, LASTSAVE, WAITAOF.
 */
#include "base/alloc.h"
#include "redis/keep_bind.h"
#include "redis/persist.h"
#include "redis/server_commands.h"

struct saving {
    struct redis *redis;
    const char *begun; /* what is answered at its beginning; NULL: wait for its end */
    const char *busy;  /* the answer while another is under way; NULL: an error */
    struct kith_error err;
    int rc;
};

static void save_elsewhere(void *ctx)
{
    struct saving *saving = ctx;
    struct redis *redis = saving->redis;
    saving->rc = persist_begin(redis, &saving->err);
    if (saving->rc == 0)
        saving->rc = saving->begun ? keep_save_begin(redis->keep, &saving->err)
                                   : keep_save(redis->keep, &saving->err);
    if (saving->rc) redis_log(redis, 0, "saving: %s", saving->err.text);
    else persist_saved(redis);
}

static void answer(struct redis_call *call, const struct saving *saving)
{
    if (saving->rc == KITH_EBUSY && saving->busy) resp_status(call->reply, saving->busy);
    else if (saving->rc == KITH_EBUSY) call_error(call, "ERR Background save already in progress");
    else if (saving->rc) call_errorf(call, "ERR saving failed: %s", saving->err.text);
    else resp_status(call->reply, saving->begun ? saving->begun : "OK");
}

static void save_over(struct redis_call *call, void *ctx)
{
    answer(call, ctx);
    mem_free(ctx);
}

/* A server that was started with nothing to keep opens its files now. */
static void save(struct redis_call *call, const char *begun, const char *busy)
{
    struct redis *redis = call->redis;
    struct saving *saving = mem_alloc(sizeof *saving);
    if (!saving) {
        call_no_memory(call);
        return;
    }
    *saving = (struct saving){.redis = redis, .begun = begun, .busy = busy};
    if (redis->keep && begun) {
        saving->rc = keep_save_begin(redis->keep, &saving->err);
        if (saving->rc == 0) redis->dirty_saved = redis->dirty;
        save_over(call, saving);
    } else if (!call->session || !call->session->stream) {
        call_error(call, "ERR this client cannot wait for the files");
        mem_free(saving);
    } else if (!call_offload(call, save_elsewhere, save_over, saving)) {
        mem_free(saving);
    }
}

static void run_save(struct redis_call *call) { save(call, NULL, NULL); }

static void run_bgsave(struct redis_call *call)
{
    const bool schedule = call_is(call, 1, "schedule");
    if (call->argc > 2 || (call->argc == 2 && !schedule)) call_syntax_error(call);
    else save(call, "Background saving started", schedule ? "Background saving scheduled" : NULL);
}

static void run_bgrewriteaof(struct redis_call *call)
{
    save(call, "Background append only file rewriting started", NULL);
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
