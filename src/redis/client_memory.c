/*
 * What clients hold: see client_memory.h.
 *
 * The counts may be old: a client that read its replies meanwhile did not say so. So before anybody
 * is closed, all are counted again.
 */
#include "redis/client_memory.h"

#include <string.h>

#include "net/stream.h"

#define PROCESS_BYTES ((size_t)5 << 19) /* resident before the first key */
#define SPARE_BYTES ((size_t)64 << 20)

size_t client_memory_output(const struct session *session)
{
    return session->out.cap + (session->stream ? stream_held(session->stream) : 0);
}

static size_t text_bytes(const char *text) { return text ? strlen(text) + 1 : 0; }

size_t client_memory(const struct session *session)
{
    return sizeof *session + client_memory_output(session) + session->query_bytes +
           session->queue_bytes + text_bytes(session->name) + text_bytes(session->lib_name) +
           text_bytes(session->lib_version);
}

/* maxmemory-clients; below 0: hundredths of maxmemory. 0: none */
static size_t limit_of(const struct redis *redis)
{
    const int64_t limit = redis->settings.maxmemory_clients, all = redis->settings.maxmemory;
    return (size_t)(limit < 0 ? all / 100 * -limit + all % 100 * -limit / 100 : limit);
}

static void count(struct session *session)
{
    const size_t bytes = session->closing ? 0 : client_memory(session);
    session->redis->client_bytes += bytes - session->counted_bytes;
    session->counted_bytes = bytes;
}

static struct session *largest_of(const struct redis *redis)
{
    struct session *largest = NULL;
    for (struct session *at = redis->sessions; at; at = at->next)
        if (at->stream && !at->no_evict && !at->closing &&
            (!largest || at->counted_bytes > largest->counted_bytes))
            largest = at;
    return largest;
}

static void close_largest(struct redis *redis, size_t limit)
{
    for (struct session *at = redis->sessions; at; at = at->next) count(at);
    while (redis->client_bytes >= limit) {
        struct session *largest = largest_of(redis);
        if (!largest) return;
        redis_log(redis, 1, "Evicting client: %s", session_peer(largest));
        redis->counters.evicted_clients++;
        session_kill(largest, true);
        count(largest);
    }
}

void client_memory_changed(struct session *session)
{
    const size_t limit = limit_of(session->redis);
    if (!limit) return;
    count(session);
    if (session->redis->client_bytes >= limit) close_largest(session->redis, limit);
}

size_t client_memory_process(const struct redis *redis)
{
    const size_t all = (size_t)redis->settings.maxmemory;
    return all / 32 < PROCESS_BYTES ? all / 32 : PROCESS_BYTES;
}

/* Keys have what waiting input leaves of maxmemory but for a 32nd: that is for the process itself
 * and for the allocator's holes. Nobody who sets a limit cares whose they are. */
static void apply_query(struct redis *redis)
{
    const size_t all = (size_t)redis->settings.maxmemory;
    const size_t spare = all / 32 < SPARE_BYTES ? all / 32 : SPARE_BYTES;
    const size_t taken = redis->query_bytes + spare;
    cache_settings(redis->cache)->memory_max = !all ? 0 : all > taken ? all - taken : 1;
}

void client_memory_apply(struct redis *redis)
{
    const size_t limit = limit_of(redis);
    apply_query(redis);
    if (limit) close_largest(redis, limit);
}

/* The places of words that came, while the command is not whole: four times what "$0" takes. */
static size_t word_bytes(const struct resp_parser *parser)
{
    const size_t one = sizeof *parser->args + sizeof *parser->offsets;
    return parser->args_due ? parser->arg_cap * one : 0;
}

void client_memory_query(struct session *session, size_t bytes)
{
    const size_t all = bytes + word_bytes(&session->parser);
    session->redis->query_bytes += all - session->query_counted;
    session->query_counted = all;
    if (all > (size_t)session->redis->settings.query_bytes_max) session_kill(session, true);
    apply_query(session->redis);
}

void client_memory_queue(struct session *session, size_t bytes)
{
    session->redis->query_bytes += bytes - session->queue_bytes;
    session->queue_bytes = bytes;
    apply_query(session->redis);
}

void client_memory_forget(struct session *session)
{
    session->redis->client_bytes -= session->counted_bytes;
    session->counted_bytes = 0;
    session->redis->query_bytes -= session->query_counted;
    session->query_counted = 0;
    apply_query(session->redis);
}
