/*
 * Commands of other doors: see private_call.h.
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

const char *private_run(struct session *session, struct command_entry *entry,
                        const struct kith_str *argv, size_t argc,
                        void (*fn)(struct redis_call *call, void *ctx), void *ctx)
{
    struct redis *redis = session->redis;
    const char *why = refusal(session, entry, argv, argc);
    if (why) {
        entry->stats.rejected++;
        return why;
    }
    if (redis->monitor_count) monitor_feed(redis, session, entry, argv, argc);
    struct redis_call call = { .redis = redis,
                               .cache = redis->cache,
                               .session = session,
                               .command = entry->command,
                               .db = session->db,
                               .argv = argv,
                               .argc = argc,
                               .reply = &session->reply };
    const size_t before = session->reply.out->len;
    session->commands++;
    redis_call_finish(redis, session, entry, &call, fn, ctx);
    redis->counters.bytes_out += session->reply.out->len - before;
    redis_settle(redis);
    return NULL;
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
