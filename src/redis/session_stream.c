/*
 * Sessions with a socket behind them: what a stream's callbacks do.
 *
 * Input: the commands of a read are parsed, then the keyspace lock is taken once and all of them
 * run, their replies going straight into the stream's output. A session that does not run (blocked,
 * busy, put off) leaves its input where it is; reading goes on, so that a peer that goes away is
 * noticed, until too much waits.
 *
 * Everything that needs the stream itself (timers, closing, going on) happens here, on its loop's
 * thread, outside the lock: whoever else wants it sets the session's state and wakes it.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "net/stream.h"
#include "redis/acl.h"
#include "redis/blocked.h"
#include "redis/client_memory.h"
#include "redis/keep_bind.h"

#define WAITING_BYTES_MAX (1u << 20) /* of input, while a session does not run */

static const char protected_text[] =
    "DENIED Redis is running in protected mode because protected mode is enabled and no password "
    "is set for the default user. In this mode connections are only accepted from the loopback "
    "interface. If you want to connect from external computers to Redis you may adopt one of the "
    "following solutions: 1) Just disable protected mode sending the command 'CONFIG SET "
    "protected-mode no' from the loopback interface by connecting to Redis from the same host "
    "the server is running, however MAKE SURE Redis is not publicly accessible from internet if "
    "you do so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just "
    "disable the protected mode by editing the Redis configuration file, and setting the "
    "protected mode option to 'no', and then restarting the server. 3) If you started the server "
    "manually just for testing, restart it with the '--protected-mode no' option. 4) Set up an "
    "authentication password for the default user. NOTE: You only need to do one of the above "
    "things in order for the server to start accepting connections from the outside.";

static void begin(struct redis *redis)
{
    cache_lock(redis->cache);
    redis_read_time(redis);
}

static void end(struct redis *redis) { cache_unlock(redis->cache); }

/* ---- open ---- */

static const char *refusal(struct redis *redis, const struct stream *stream)
{
    if ((int64_t)redis->session_count >= redis->settings.maxclients)
        return "ERR max number of clients reached";
    if (redis->settings.protected_mode && acl_default_is_open(redis->acl) &&
        !stream_peer_is_local(stream))
        return protected_text;
    return NULL;
}

static void *on_open(void *ctx, struct stream *stream)
{
    struct redis *redis = ctx;
    struct resp out = {stream_output(stream), 2};
    begin(redis);
    redis->counters.connections++;
    const char *refused = refusal(redis, stream);
    struct session *session = refused ? NULL : session_new(redis, stream);
    if (refused) redis->counters.rejected++;
    if (session) {
        session->known = session->authenticated;
        session->query_max = (size_t)redis->settings.query_bytes_max;
    }
    end(redis);
    if (refused) resp_error(&out, refused);
    return session;
}

/* ---- what the stream must do now ---- */

struct next {
    bool running, closing, now;
    int64_t deadline_us;
};

/* Under the lock. */
static struct next look(struct session *session)
{
    session->known = session->authenticated;
    session->query_max = (size_t)session->redis->settings.query_bytes_max;
    session->reply.out = &session->out;
    session->sized = session->redis->settings.maxmemory_clients != 0;
    if (session->sized) client_memory_changed(session);
    return (struct next){session->state == SESSION_RUNNING, session->closing, session->close_now,
                         blocked_deadline(session)};
}

static void take_messages(struct session *session)
{
    session->woken = false;
    if (!session->out.len) return;
    buffer_put(stream_output(session->stream), session->out.data, session->out.len);
    if (session->out.cap > COPY_BYTES_KEPT) buffer_release(&session->out);
    else buffer_clear(&session->out);
}

static void set_timer(struct session *session, int64_t deadline_us)
{
    if (deadline_us == OS_FOREVER) return;
    const int64_t left = deadline_us - os_now_us(session->redis->os);
    const int64_t ms = left <= 0 ? 1 : (left + 999) / 1000;
    stream_timer(session->stream, ms > INT32_MAX ? INT32_MAX : (unsigned)ms);
}

static void obey(struct session *session, const struct next *next)
{
    if (next->closing) {
        stream_close(session->stream, next->now);
        return;
    }
    if (!next->running) {
        session->waiting = true;
        set_timer(session, next->deadline_us);
    } else if (session->waiting) {
        session->waiting = false;
        stream_timer(session->stream, 0);
        stream_pause(session->stream); /* resuming brings the input that waits */
        stream_resume(session->stream);
    }
}

/* ---- input ---- */

static struct next run_batch(struct session *session, struct batch *batch, size_t bytes)
{
    struct redis *redis = session->redis;
    struct buffer *output = stream_output(session->stream);
    begin(redis);
    take_messages(session);
    const size_t before = output->len;
    session->reply.out = output;
    session->active_ms = cache_now_ms(redis->cache);
    redis->counters.reads++;
    session_run_batch(session, batch);
    redis->counters.bytes_in += bytes;
    redis->counters.bytes_out += output->len - before;
    session->bytes_in += bytes;
    session->bytes_out += output->len - before;
    const struct output_limit *limit = &redis->settings.output[0];
    if (limit->hard || limit->soft) session_check_output(session, stream_unsent(session->stream));
    const struct next next = look(session);
    end(redis);
    /* What the socket does not take of this is known when it was tried. */
    if (session->sized && output->len - before > CLIENT_GREW_BYTES) stream_wake(session->stream);
    return next;
}

static void broken_input(struct session *session, enum batch_end why)
{
    struct resp out = {stream_output(session->stream), session->reply.version};
    if (why == BATCH_ERROR) resp_error(&out, session->parser.error);
    if (why == BATCH_HTTP)
        redis_log(session->redis, 1,
                  "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or "
                  "Host: commands to Redis. Connection from %s closed.",
                  stream_peer(session->stream));
    stream_close(session->stream, why != BATCH_ERROR);
}

/* Too much that is no whole command, or a session that waits while its peer goes on sending. */
static void check_waiting(struct session *session, size_t left)
{
    atomic_store_explicit(&session->query_bytes, left, memory_order_relaxed);
    const size_t counted = session->query_counted;
    if (left > counted + CLIENT_GREW_BYTES || left + CLIENT_GREW_BYTES < counted) {
        begin(session->redis);
        client_memory_query(session, left);
        client_memory_changed(session);
        end(session->redis);
    }
    if (left > session->query_max) {
        redis_log(session->redis, 1, "Closing client that reached max query buffer length: %s",
                  stream_peer(session->stream));
        stream_close(session->stream, true);
    } else if (session->waiting && left > WAITING_BYTES_MAX) {
        stream_pause(session->stream);
    }
}

/* One batch; false: nothing more is executed now. *at: what is done with. */
static bool take_batch(struct session *session, struct batch *batch, const uint8_t *data,
                       size_t len, size_t *at)
{
    size_t used;
    const enum batch_end why =
        batch_parse(session, batch, data + *at, len - *at, session->known, &used);
    if (batch->count) {
        const struct next next = run_batch(session, batch, used);
        *at += batch->done == batch->count ? used : batch_rewind(session, batch);
        obey(session, &next);
        if (next.closing) *at = len;
        if (next.closing || !next.running) return false;
    } else {
        *at += used;
    }
    if (why == BATCH_FULL || why == BATCH_ALONE) return true;
    if (why != BATCH_MORE) {
        broken_input(session, why);
        *at = len;
    }
    return false;
}

static size_t on_input(void *ctx, const uint8_t *data, size_t len, bool ended)
{
    struct session *session = ctx;
    struct batch batch;
    size_t at = 0;
    (void)ended;
    if (session->waiting) {
        check_waiting(session, len);
        return 0;
    }
    batch_init(&batch);
    while (take_batch(session, &batch, data, len, &at)) continue;
    batch_release(&batch);
    if (session->parser.arg_cap > PARSER_WORDS_KEPT) session_trim_parser(session);
    check_waiting(session, len - at);
    return at;
}

/* ---- ahead of it ---- */

void redis_expect_keys(struct redis *redis, const struct redis_key *keys, size_t count)
{
    uint64_t hashes[STREAM_INPUTS_MAX];
    if (count == 0 || count > STREAM_INPUTS_MAX || !cache_lock_soon(redis->cache)) return;
    for (size_t i = 0; i < count; i++)
        hashes[i] = cache_prefetch(redis->cache, keys[i].db, keys[i].name);
    for (size_t i = 0; i < count; i++)
        cache_prefetch_entry(redis->cache, keys[i].db, hashes[i]);
    cache_unlock(redis->cache);
}

static void on_expect(void *ctx, const struct stream_input *inputs, size_t count)
{
    struct redis_key keys[STREAM_INPUTS_MAX];
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        const struct session *session = inputs[i].session;
        if (session->waiting || session->parser.args_due) continue;
        keys[found].db = session->db;
        found += resp_peek_key(inputs[i].data, inputs[i].len, &keys[found].name);
    }
    if (found > 1) redis_expect_keys(ctx, keys, found);
}

/* ---- the rest ---- */

static void on_wake(void *ctx)
{
    struct session *session = ctx;
    struct redis *redis = session->redis;
    begin(redis);
    if (session->state == SESSION_BLOCKED &&
        blocked_deadline(session) <= os_now_us(redis->os))
        blocked_time_out(session);
    take_messages(session);
    session_check_output(session, stream_unsent(session->stream));
    redis->counters.writes++;
    const struct next next = look(session);
    end(redis);
    obey(session, &next);
}

static void on_close(void *ctx)
{
    struct session *session = ctx;
    struct redis *redis = session->redis;
    begin(redis);
    session_free(session);
    redis_settle(redis);
    end(redis);
}

/* Of the loop's thread, without the lock: what the owner knew last. */
static size_t on_output_max(void *ctx)
{
    const struct session *session = ctx;
    return session->known ? SIZE_MAX : UNKNOWN_OUTPUT_MAX; /* client-output-buffer-limit */
}

/* Output waits until what it tells of is as safe as appendfsync says. */
static uint64_t on_ticket(void *ctx)
{
    const struct session *session = ctx;
    return redis_ticket(session->redis);
}

static uint64_t on_settle(void *ctx) { return redis_settle_log(ctx); }

static const struct stream_ops ops = {
    .open = on_open,
    .input = on_input,
    .expect = on_expect,
    .wake = on_wake,
    .close = on_close,
    .output_max = on_output_max,
    .ticket = on_ticket,
    .settle = on_settle,
};

const struct stream_ops *redis_stream_ops(void) { return &ops; }
