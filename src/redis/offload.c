/*
 * Work of a command that takes long: on a pool, without the keyspace lock. See call_offload.
 *
 * The job owns a copy of the command's words. Its session is SESSION_BUSY meanwhile and executes
 * nothing else; when it goes away first, the job runs to its end and is answered nowhere.
 */
#include <string.h>

#include "base/alloc.h"
#include "redis/blocked.h"

#define OFFLOAD_QUEUE_MAX 65536u /* a session has one job at most */

struct job {
    struct redis *redis;
    struct session *session; /* guard: keyspace lock; NULL: gone */
    struct command_entry *entry;
    struct words *words; /* owns */
    unsigned db, version;
    int64_t took_ns;
    void (*fn)(void *ctx);
    void (*done)(struct redis_call *call, void *ctx);
    void *ctx;
};

static void free_job(struct job *job)
{
    words_free(job->words);
    mem_free(job);
}

/* Under the lock. */
static void answer(struct job *job, struct buffer *nowhere)
{
    struct redis *redis = job->redis;
    struct session *session = job->session;
    struct resp unread = {nowhere, job->version};
    struct redis_call call = {.redis = redis,
                              .cache = redis->cache,
                              .session = session,
                              .command = job->entry->command,
                              .db = job->db,
                              .argv = job->words->argv,
                              .argc = job->words->argc,
                              .reply = session ? &session->reply : &unread};
    redis->now_ns = os_now_ns(redis->os) - job->took_ns;
    redis_call_finish(redis, session, job->entry, &call, job->done, job->ctx);
    if (session) {
        session->job = NULL;
        session_go_on(session);
    }
    redis_settle(redis);
}

static void work(void *arg)
{
    struct job *job = arg;
    struct cache *cache = job->redis->cache;
    struct buffer nowhere;
    buffer_init(&nowhere);
    const int64_t began = os_now_ns(job->redis->os);
    job->fn(job->ctx);
    job->took_ns = os_now_ns(job->redis->os) - began;
    cache_lock(cache);
    cache_begin(cache);
    answer(job, &nowhere);
    cache_unlock(cache);
    buffer_release(&nowhere);
    free_job(job);
}

static struct job *new_job(const struct redis_call *call)
{
    struct job *job = mem_zalloc(sizeof *job);
    if (!job) return NULL;
    *job = (struct job){.redis = call->redis,
                        .session = call->session,
                        .entry = call->redis->running,
                        .words = words_copy(call->argv, call->argc),
                        .db = call->db,
                        .version = call->reply->version};
    if (job->words) return job;
    free_job(job);
    return NULL;
}

bool call_may_offload(const struct redis_call *call)
{
    const bool alone = call->session && call->session->stream && !call->in_multi && !call->again;
    return alone && pool_threads(call->redis->pool) > 0;
}

bool call_offload(struct redis_call *call, void (*fn)(void *ctx),
                  void (*done)(struct redis_call *call, void *ctx), void *ctx)
{
    struct redis *redis = call->redis;
    if (!call_may_offload(call)) {
        fn(ctx);
        done(call, ctx);
        return true;
    }
    struct job *job = new_job(call);
    if (!job) {
        call_no_memory(call);
        return false;
    }
    job->fn = fn;
    job->done = done;
    job->ctx = ctx;
    call->session->job = job;
    call->session->state = SESSION_BUSY;
    if (pool_submit(redis->pool, work, job) == 0) return true;
    call->session->job = NULL;
    call->session->state = SESSION_RUNNING;
    free_job(job);
    call_error(call, "BUSY Too many commands wait for a worker. Try again later.");
    return false;
}

void offload_forget(struct session *session)
{
    if (session->job) session->job->session = NULL;
    session->job = NULL;
}

int offload_init(struct redis *redis, unsigned workers, struct kith_error *err)
{
    const unsigned threads = workers ? workers : os_cpu_count(redis->os);
    return pool_new(redis->os, "redis", threads, 0, OFFLOAD_QUEUE_MAX, &redis->pool, err);
}

void offload_release(struct redis *redis)
{
    pool_free(redis->pool);
    redis->pool = NULL;
}
