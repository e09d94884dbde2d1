/*
 * A session in one line: see client_line.h.
 */
#include "redis/client_line.h"

#include "base/alloc.h"
#include "net/stream.h"
#include "redis/acl.h"
#include "redis/client_memory.h"

enum client_type client_type(const struct session *session)
{
    return session_is_subscribed(session) ? CLIENT_PUBSUB : CLIENT_NORMAL;
}

bool client_name_is_good(struct kith_str name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.data[i] < '!' || name.data[i] > '~') return false;
    return true;
}

bool client_set_text(char **at, struct kith_str text)
{
    char *copy = text.len ? mem_strndup(text.data, text.len) : NULL;
    if (text.len && !copy) return false;
    mem_free(*at);
    *at = copy;
    return true;
}

static void put_flags(const struct session *session, struct buffer *out)
{
    const size_t from = out->len;
    const struct {
        bool set;
        char letter;
    } flags[] = {
        {session->monitor, 'O'},         {session_is_subscribed(session), 'P'},
        {session->in_multi, 'x'},        {session->state == SESSION_BLOCKED, 'b'},
        {session->tracking.on, 't'},     {session->tracking.broken, 'R'},
        {session->tracking.bcast, 'B'},  {session->cas_failed, 'd'},
        {session->closing, 'c'},         {session->no_evict, 'e'},
        {session->no_touch, 'T'},
    };
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (flags[i].set) buffer_put_u8(out, (uint8_t)flags[i].letter);
    if (out->len == from) buffer_put_u8(out, 'N');
}

static size_t count_watches(const struct session *session)
{
    size_t count = 0;
    for (const struct watched *at = session->watches; at; at = at->next) count++;
    return count;
}

static long long age_s(const struct session *session, int64_t since_ms)
{
    return (long long)((cache_now_ms(session->redis->cache) - since_ms) / 1000);
}

void client_line(const struct session *session, struct buffer *out)
{
    const size_t omem = client_memory_output(session);
    buffer_printf(out, "id=%llu addr=%s laddr=%s fd=%d name=%s age=%lld idle=%lld flags=",
                  (unsigned long long)session->id, session_peer(session),
                  session->stream ? stream_local(session->stream) : "", session->stream ? 8 : -1,
                  session->name ? session->name : "", age_s(session, session->opened_ms),
                  age_s(session, session->active_ms));
    put_flags(session, out);
    buffer_printf(out, " db=%u sub=%zu psub=%zu ssub=%zu multi=%lld watch=%zu qbuf=%zu qbuf-free=0",
                  session->db, session->channels.count, session->patterns.count,
                  session->shards.count, session->in_multi ? (long long)session->queue_count : -1LL,
                  count_watches(session), session->query_bytes);
    buffer_printf(out, " argv-mem=0 multi-mem=%zu rbs=0 rbp=0 obl=0 oll=0 omem=%zu tot-mem=%zu",
                  session->queue_bytes, omem,
                  client_memory(session));
    buffer_printf(out, " events=r cmd=%s user=%s redir=%lld resp=%u lib-name=%s lib-ver=%s\n",
                  session->last ? session->last->name : "NULL",
                  session->user ? session->user->name : "",
                  session->tracking.on ? (long long)session->tracking.redirect : -1LL,
                  session->reply.version, session->lib_name ? session->lib_name : "",
                  session->lib_version ? session->lib_version : "");
}
