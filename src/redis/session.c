/*
 * Sessions: their life, the messages that others send them, and those without a socket.
 *
 * A local session is fed by its owner's thread; what others send it waits in `out` until it is fed
 * again, with nothing if need be.
 */
#include <string.h>

#include "base/alloc.h"
#include "net/stream.h"
#include "redis/acl.h"
#include "redis/blocked.h"
#include "redis/client_memory.h"
#include "redis/multi.h"
#include "redis/pubsub.h"
#include "redis/slowlog.h"
#include "redis/tracking.h"
#include "redis/watch.h"

/* ---- life ---- */

struct session *session_new(struct redis *redis, struct stream *stream)
{
    struct session *session = mem_zalloc(sizeof *session);
    if (!session) return NULL;
    session->redis = redis;
    session->stream = stream;
    session->id = ++redis->last_id;
    if (map64_put(&redis->session_ids, session->id, (uint64_t)(uintptr_t)session)) {
        mem_free(session);
        return NULL;
    }
    session->opened_ms = session->active_ms = cache_now_ms(redis->cache);
    session->reply = (struct resp){&session->out, 2};
    resp_parser_init(&session->parser);
    session->user = redis->acl->standard;
    session->authenticated = !stream || acl_default_is_open(redis->acl);
    session->next = redis->sessions;
    if (session->next) session->next->prev = session;
    redis->sessions = session;
    redis->session_count++;
    session_refresh(session);
    return session;
}

void session_free(struct session *session)
{
    struct redis *redis = session->redis;
    offload_forget(session);
    blocked_leave(session);
    multi_clear(session);
    watch_clear(session);
    tracking_end(session);
    monitor_end(session);
    pubsub_leave_all(session);
    if (session->prev) session->prev->next = session->next;
    else redis->sessions = session->next;
    if (session->next) session->next->prev = session->prev;
    redis->session_count--;
    client_memory_forget(session);
    (void)map64_remove(&redis->session_ids, session->id);
    resp_parser_release(&session->parser);
    buffer_release(&session->input);
    buffer_release(&session->out);
    mem_free(session->name);
    mem_free(session->lib_name);
    mem_free(session->lib_version);
    mem_free(session);
}

void session_refresh(struct session *session)
{
    const bool hushed = session->reply.version == 2 && session_is_subscribed(session);
    session->plain = session->authenticated && session->user && session->user->unlimited &&
                     !session->in_multi && !hushed;
}

void session_reset(struct session *session)
{
    multi_clear(session);
    watch_clear(session);
    tracking_end(session);
    monitor_end(session);
    pubsub_leave_all(session);
    mem_free(session->name);
    session->name = NULL;
    session->reply_mode = REPLY_ON;
    session->reply.version = 2;
    session->db = 0;
    session->no_touch = session->no_evict = false;
    session->user = session->redis->acl->standard;
    session->authenticated = acl_default_is_open(session->redis->acl);
    session_refresh(session);
}

struct session *session_of_id(struct redis *redis, uint64_t id)
{
    uint64_t at;
    if (!map64_get(&redis->session_ids, id, &at)) return NULL;
    return (struct session *)(uintptr_t)at;
}

const char *session_peer(const struct session *session)
{
    return session->stream ? stream_peer(session->stream) : "";
}

bool session_is_local(const struct session *session)
{
    return !session || !session->stream || stream_peer_is_local(session->stream);
}

/* ---- messages ---- */

void session_wake(struct session *session)
{
    if (!session->stream || session->woken || session == session->redis->current) return;
    session->woken = true;
    stream_wake(session->stream);
}

void session_kill(struct session *session, bool now)
{
    session->closing = true;
    session->close_now = session->close_now || now;
    session_wake(session);
}

void session_go_on(struct session *session)
{
    session->state = SESSION_RUNNING;
    session_wake(session);
}

bool session_is_subscribed(const struct session *session)
{
    return session->channels.count || session->patterns.count || session->shards.count;
}

struct resp session_push_begin(struct session *session)
{
    return (struct resp){&session->out, session->reply.version};
}

static const struct output_limit *limit_of(const struct session *session)
{
    return &session->redis->settings.output[session_is_subscribed(session) ? 2 : 0];
}

void session_check_output(struct session *session, size_t unsent)
{
    const struct output_limit *limit = limit_of(session);
    const size_t waits = session->out.len + unsent;
    const int64_t now = cache_now_ms(session->redis->cache);
    if (!limit->soft || waits <= limit->soft) session->soft_since_ms = 0;
    else if (!session->soft_since_ms) session->soft_since_ms = now;
    const bool long_over = session->soft_since_ms &&
                           now - session->soft_since_ms > limit->soft_seconds * 1000;
    if (!(limit->hard && waits > limit->hard) && !long_over && !buffer_failed(&session->out))
        return;
    if (!session->closing)
        redis_log(session->redis, 1,
                  "Client %s scheduled to be closed ASAP for overcoming of output buffer limits.",
                  session_peer(session));
    session_kill(session, true);
}

void session_push_end(struct session *session)
{
    session_check_output(session, 0);
    session_wake(session);
}

/* ---- without a socket ---- */

struct session *session_open_local(struct redis *redis)
{
    cache_lock(redis->cache);
    cache_begin(redis->cache);
    struct session *session = session_new(redis, NULL);
    cache_unlock(redis->cache);
    return session;
}

void session_close_local(struct session *session)
{
    if (!session) return;
    struct cache *cache = session->redis->cache;
    cache_lock(cache);
    cache_begin(cache);
    session_free(session);
    cache_unlock(cache);
}

/* Runs one batch; false: nothing more is executed now. *at: what is done with. */
static bool feed_batch(struct session *session, struct batch *batch, const uint8_t *data,
                       size_t len, size_t *at)
{
    size_t used;
    const enum batch_end end = batch_parse(session, batch, data + *at, len - *at,
                                           session->authenticated, &used);
    session->redis->now_ns = os_now_ns(session->redis->os);
    session_run_batch(session, batch);
    if (batch->done < batch->count) {
        *at += batch_rewind(session, batch);
        return false;
    }
    *at += used;
    if (end == BATCH_ERROR) resp_error(&session->reply, session->parser.error);
    if (end == BATCH_NO_MEMORY) session->out.failed = true;
    if (end == BATCH_FULL || end == BATCH_ALONE) return true;
    session->closing = session->closing || end != BATCH_MORE;
    return false;
}

/* Runs what stands in data; gives how many bytes of it are done with. */
static size_t feed(struct session *session, const uint8_t *data, size_t len)
{
    struct batch batch;
    size_t at = 0;
    batch_init(&batch);
    while (session->state == SESSION_RUNNING && !session->closing &&
           feed_batch(session, &batch, data, len, &at))
        continue;
    batch_release(&batch);
    return at;
}

static int begin_local(struct session *session, struct buffer *out)
{
    struct cache *cache = session->redis->cache;
    cache_lock(cache);
    cache_begin(cache);
    if (session->closing) return KITH_ECLOSED;
    if (session->state == SESSION_BLOCKED &&
        blocked_deadline(session) <= os_now_us(session->redis->os))
        blocked_time_out(session);
    buffer_put(out, session->out.data, session->out.len);
    buffer_clear(&session->out);
    session->reply.out = out;
    return 0;
}

static int end_local(struct session *session, struct buffer *out)
{
    session->reply.out = &session->out;
    cache_unlock(session->redis->cache);
    return buffer_failed(out) ? KITH_ENOMEM : 0;
}

int session_feed(struct session *session, const void *data, size_t len, struct buffer *out)
{
    struct buffer *input = &session->input;
    size_t done;
    const int rc = begin_local(session, out);
    if (rc) {
        cache_unlock(session->redis->cache);
        return rc;
    }
    if (input->len == 0) {
        done = feed(session, data, len);
        if (!session->closing) buffer_put(input, (const uint8_t *)data + done, len - done);
    } else {
        buffer_put(input, data, len);
        done = feed(session, input->data, input->len);
        if (done) memmove(input->data, input->data + done, input->len - done);
        input->len -= done;
    }
    if (buffer_failed(input)) { /* a part of what was sent is lost: the rest makes no sense */
        out->failed = true;
        session->closing = true;
    }
    return end_local(session, out);
}

int session_run(struct session *session, const struct kith_str *argv, size_t argc,
                struct buffer *out)
{
    const int rc = begin_local(session, out);
    if (rc) {
        cache_unlock(session->redis->cache);
        return rc;
    }
    session->redis->now_ns = os_now_ns(session->redis->os);
    if (argc) session_execute(session, argv, argc);
    return end_local(session, out);
}
