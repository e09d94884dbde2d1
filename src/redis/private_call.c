/*
 * Commands of other doors: see private_call.h.
 *
 * A row is one call for the dispatcher, which is told how many there were. So what neighbours share
 * is done once: they are measured together, and what they change is logged together (where a record
 * of the log ends is seen by nobody but a crash, which then takes all of them or none). A row ends
 * early when something follows from a command that the next must find done, and behind a long
 * reply: who was slow is the last.
 */
#include "redis/private_call.h"

#include <stdio.h>

#include "base/alloc.h"
#include "redis/acl.h"
#include "redis/redis_internal.h"
#include "redis/search_guard.h"
#include "redis/search_index.h"
#include "redis/slowlog.h"

#define LINE_BYTES 64u /* of the processor's cache */
#define LOGGED_TOGETHER 16u
#define SHORT_REPLY 1024u

void private_entry_init(struct command_entry *entry, const struct command *command)
{
    *entry = (struct command_entry){ .command = command,
                                     .flags = command->flags | CMD_RAW_REPLY,
                                     .categories = command->categories };
    (void)snprintf(entry->name, sizeof entry->name, "%s", command->name);
}

void private_entry_release(struct command_entry *entry)
{
    mem_free(entry->stats.histogram);
    entry->stats.histogram = NULL;
}

int private_open_soon(struct redis *redis, struct session **out)
{
    if (!cache_lock_soon(redis->cache)) return KITH_EBUSY;
    cache_begin(redis->cache);
    *out = session_new(redis, NULL);
    cache_unlock(redis->cache);
    return *out ? 0 : KITH_ENOMEM;
}

/* Under the lock; which is let go if it fails. */
static int begin(struct session *session, struct buffer *out, size_t bytes)
{
    struct redis *redis = session->redis;
    redis_read_time(redis);
    if (session->closing) {
        cache_unlock(redis->cache);
        return KITH_ECLOSED;
    }
    session->reply.out = out;
    session->active_ms = cache_now_ms(redis->cache);
    session->bytes_in += bytes;
    redis->counters.bytes_in += bytes;
    redis->counters.reads++;
    redis_share_begin(redis);
    return 0;
}

void private_expect(const struct session *session)
{
    for (size_t at = 0; at < offsetof(struct session, parser); at += LINE_BYTES)
        __builtin_prefetch((const char *)session + at);
}

int private_begin(struct session *session, struct buffer *out, size_t bytes)
{
    cache_lock(session->redis->cache);
    return begin(session, out, bytes);
}

int private_begin_soon(struct session *session, struct buffer *out, size_t bytes)
{
    return cache_lock_soon(session->redis->cache) ? begin(session, out, bytes) : KITH_EBUSY;
}

int64_t private_end(struct session *session)
{
    struct redis *redis = session->redis;
    redis_share_end(redis);
    const int64_t now_ns = redis->now_ns;
    session->reply.out = &session->out;
    cache_unlock(redis->cache);
    return now_ns;
}

static const char *refusal(struct session *session, const struct command_entry *entry,
                           const struct kith_str *argv, size_t argc)
{
    struct redis *redis = session->redis;
    const bool writes = entry->flags & CMD_WRITE;
    if (redis->calm && !writes) return NULL;
    if (redis->loading) return "LOADING the data set is being read";
    if (writes && redis->write_refusal && redis->settings.stop_on_save_error)
        return "MISCONF changes cannot be written to disk";
    if ((entry->flags & CMD_DENY_OOM) && redis->settings.maxmemory &&
        !cache_make_room(redis->cache))
        return "OOM command not allowed when used memory > 'maxmemory'";
    return writes ? search_guard_refusal(redis, session->db, argv, argc) : NULL;
}

/* Why the first of a row must not run; NULL: it may. */
static const char *admit(struct session *session, struct command_entry *entry,
                         const struct private_row *row)
{
    struct redis *redis = session->redis;
    const char *why = refusal(session, entry, row->argv, row->argc);
    if (why) entry->stats.rejected++;
    else if (redis->monitor_count) monitor_feed(redis, session, entry, row->argv, row->argc);
    return why;
}

struct run { /* of a row */
    struct command_entry *entry;
    struct private_row *row;
    const char *why; /* its next must not run */
    size_t effect_count;
    struct effect effects[LOGGED_TOGETHER]; /* not logged yet */
};

static void log_effects(const struct redis *redis, struct run *run)
{
    if (run->effect_count) redis->sink.take(redis->sink.ctx, run->effects, run->effect_count);
    run->effect_count = 0;
}

/* After a command, which leaves the call as it found it. If it logged something itself, or keys
 * went because of it, the dispatcher logs it: behind those before it, and it is the last. */
static void note(const struct redis *redis, struct run *run, struct redis_call *call)
{
    if (call->failed) run->entry->stats.failed++;
    call->failed = false;
    if (call->changes == 0 || !redis->sink.take) return;
    if (run->effect_count == LOGGED_TOGETHER) log_effects(redis, run);
    if (redis->effect_count || call->log_replaced) return;
    run->effects[run->effect_count++] = (struct effect){ call->db, call->argv, call->argc };
    call->changes = 0;
}

/* Something follows from a command that ran. */
static bool is_unsettled(const struct redis *redis)
{
    return redis->flushed || redis->scache_gone.len || redis->effect_count || redis->ready_first;
}

/* Neighbours may be measured together. */
static bool is_brief(const struct redis *redis, const struct command_entry *entry)
{
    return entry->flags & (CMD_FAST | CMD_BRIEF) && redis->slow_ns >= SHARED_NS;
}

/* A row's first, and as many of the others as may be part of the same call. */
static void run_part(struct redis_call *call, void *ctx)
{
    struct run *run = ctx;
    struct private_row *row = run->row;
    const struct redis *redis = call->redis;
    const struct buffer *out = call->reply->out;
    const size_t most = is_brief(redis, run->entry) ? row->count : 1;
    size_t ran = 0, start;
    do {
        start = out->len;
        call->argv = row->argv;
        if (row->hashes) cache_expect(call->cache, row->argv[1], *row->hashes);
        row->fn(call, row->ctx);
        note(redis, run, call);
        private_skip(row);
    } while (++ran < most && out->len - start <= SHORT_REPLY && !is_unsettled(redis) &&
             !call->log_replaced && !(run->why = admit(call->session, run->entry, row)));
    log_effects(redis, run);
    call->session->commands += ran - 1;
    call->redis->shared_calls += (unsigned)ran - 1; /* the dispatcher counts one */
}

static __attribute__((noinline)) const char *run_many(struct redis_call *call,
                                                      struct command_entry *entry,
                                                      struct private_row *row)
{
    struct run run;
    run.entry = entry;
    run.row = row;
    run.why = NULL;
    run.effect_count = 0;
    redis_call_finish(call->redis, call->session, entry, call, run_part, &run);
    return run.why;
}

static void run_one(struct redis_call *call, struct command_entry *entry, struct private_row *row)
{
    if (row->hashes) cache_expect(call->cache, row->argv[1], *row->hashes);
    redis_call_finish(call->redis, call->session, entry, call, row->fn, row->ctx);
    private_skip(row);
}

const char *private_run_row(struct session *session, struct command_entry *entry,
                            struct private_row *row)
{
    struct redis *redis = session->redis;
    const struct buffer *out = session->reply.out;
    const size_t before = out->len;
    const char *why = NULL;
    while (row->count && !why && !(why = admit(session, entry, row))) {
        struct redis_call call = { .redis = redis,
                                   .cache = redis->cache,
                                   .session = session,
                                   .command = entry->command,
                                   .db = session->db,
                                   .argv = row->argv,
                                   .argc = row->argc,
                                   .reply = &session->reply };
        session->commands++;
        if (row->count == 1) run_one(&call, entry, row);
        else why = run_many(&call, entry, row);
        if (is_unsettled(redis)) redis_settle(redis);
    }
    redis->counters.bytes_out += out->len - before;
    return why;
}

const char *private_run(struct session *session, struct command_entry *entry,
                        const struct kith_str *argv, size_t argc,
                        void (*fn)(struct redis_call *call, void *ctx), void *ctx)
{
    struct private_row row = { .argv = argv,
                               .argc = argc,
                               .stride = argc,
                               .count = 1,
                               .fn = fn,
                               .ctx = ctx };
    return private_run_row(session, entry, &row);
}

void private_flushed(struct redis_call *call)
{
    struct search_flush *flush = search_flush(call->redis);
    if (flush) { /* rare, and nobody here can wait: under the lock */
        search_flush_run(flush);
        search_flush_free(call->redis, flush);
    }
    call->changes++;
    call->redis->dirty++;
}

bool redis_is_open(struct redis *redis)
{
    cache_lock(redis->cache);
    const bool open = acl_default_is_open(redis->acl);
    cache_unlock(redis->cache);
    return open;
}

bool redis_is_crowded(struct redis *redis)
{
    cache_lock(redis->cache);
    const bool crowded = (int64_t)redis->session_count >= redis->settings.maxclients;
    if (crowded) redis->counters.rejected++;
    else redis->counters.connections++;
    cache_unlock(redis->cache);
    return crowded;
}
