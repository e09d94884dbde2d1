/*
 * Publishing: see pubsub.h.
 *
 * A message is encoded once for each of the two protocols and then copied to its receivers' `out`.
 * Receivers of another thread are woken; the publisher itself reads its message behind the reply.
 */
#include "redis/pubsub.h"

#include <string.h>

#include "base/alloc.h"

struct map *pubsub_map(struct redis *redis, enum pubsub_kind kind)
{
    return &redis->channels[kind];
}

struct map *pubsub_of(struct session *session, enum pubsub_kind kind)
{
    if (kind == PUBSUB_CHANNEL) return &session->channels;
    return kind == PUBSUB_PATTERN ? &session->patterns : &session->shards;
}

static struct channel *find_channel(const struct map *map, struct kith_str name)
{
    uintptr_t value;
    return map_get(map, name.data, name.len, &value) ? (struct channel *)value : NULL;
}

/* ---- subscribing ---- */

static struct channel *channel_for(struct map *map, struct kith_str name)
{
    struct channel *channel = find_channel(map, name);
    if (channel) return channel;
    channel = mem_zalloc(sizeof *channel + name.len);
    if (!channel) return NULL;
    channel->name_len = name.len;
    if (name.len) memcpy(channel->name, name.data, name.len);
    if (map_put(map, name.data, name.len, (uintptr_t)channel) == 0) return channel;
    mem_free(channel);
    return NULL;
}

static void drop_if_empty(struct map *map, struct channel *channel)
{
    if (channel->count) return;
    (void)map_remove(map, channel->name, channel->name_len);
    mem_free(channel->subscribers);
    mem_free(channel);
}

static int join(struct channel *channel, struct session *session)
{
    if (channel->count == channel->cap) {
        const size_t cap = channel->cap ? channel->cap * 2 : 4;
        size_t bytes;
        if (!size_mul(cap, sizeof(struct session *), &bytes)) return KITH_ENOMEM;
        struct session **fresh = mem_realloc(channel->subscribers, bytes);
        if (!fresh) return KITH_ENOMEM;
        channel->subscribers = fresh;
        channel->cap = cap;
    }
    channel->subscribers[channel->count++] = session;
    return 0;
}

int pubsub_subscribe(struct session *session, enum pubsub_kind kind, struct kith_str name,
                     bool *fresh)
{
    struct map *all = pubsub_map(session->redis, kind), *own = pubsub_of(session, kind);
    const bool subscribed = session_is_subscribed(session);
    *fresh = false;
    if (map_get(own, name.data, name.len, NULL)) return 0;
    struct channel *channel = channel_for(all, name);
    if (!channel) return KITH_ENOMEM;
    if (join(channel, session)) {
        drop_if_empty(all, channel);
        return KITH_ENOMEM;
    }
    if (map_put(own, name.data, name.len, (uintptr_t)channel)) {
        channel->count--;
        drop_if_empty(all, channel);
        return KITH_ENOMEM;
    }
    if (!subscribed) session->redis->subscriber_count++;
    *fresh = true;
    session_refresh(session);
    return 0;
}

/* Order among receivers is nobody's concern, so the last takes the free place. */
static void leave(struct channel *channel, const struct session *session)
{
    size_t i = channel->count;
    while (i > 0 && channel->subscribers[i - 1] != session) i--;
    if (i) channel->subscribers[i - 1] = channel->subscribers[--channel->count];
}

bool pubsub_unsubscribe(struct session *session, enum pubsub_kind kind, struct kith_str name)
{
    struct map *own = pubsub_of(session, kind);
    uintptr_t value;
    if (!map_get(own, name.data, name.len, &value)) return false;
    struct channel *channel = (struct channel *)value;
    leave(channel, session);
    (void)map_remove(own, name.data, name.len);
    drop_if_empty(pubsub_map(session->redis, kind), channel);
    if (!session_is_subscribed(session)) session->redis->subscriber_count--;
    session_refresh(session);
    return true;
}

void pubsub_leave_all(struct session *session)
{
    const bool subscribed = session_is_subscribed(session);
    for (int kind = 0; kind < PUBSUB_KINDS; kind++) {
        struct map *own = pubsub_of(session, (enum pubsub_kind)kind);
        size_t it = 0, len;
        const void *name;
        uintptr_t value;
        while (map_next(own, &it, &name, &len, &value)) {
            struct channel *channel = (struct channel *)value;
            leave(channel, session);
            drop_if_empty(pubsub_map(session->redis, (enum pubsub_kind)kind), channel);
        }
        map_release(own);
    }
    if (subscribed) session->redis->subscriber_count--;
    session_refresh(session);
}

/* ---- publishing ---- */

struct message {
    const char *kind;
    const struct kith_str *pattern; /* NULL: none */
    struct kith_str channel, text;
    struct buffer bytes[2]; /* RESP2, RESP3; empty: not encoded yet */
};

static const struct buffer *encoded(struct message *message, unsigned version)
{
    struct buffer *bytes = &message->bytes[version == 3];
    if (bytes->len || buffer_failed(bytes)) return bytes;
    struct resp resp = {bytes, version};
    resp_push(&resp, message->pattern ? 4 : 3);
    resp_cstr(&resp, message->kind);
    if (message->pattern) resp_str(&resp, *message->pattern);
    resp_str(&resp, message->channel);
    resp_str(&resp, message->text);
    return bytes;
}

static size_t deliver(const struct channel *channel, struct message *message)
{
    for (size_t i = 0; i < channel->count; i++) {
        struct session *session = channel->subscribers[i];
        const struct buffer *bytes = encoded(message, session->reply.version);
        struct resp out = session_push_begin(session);
        buffer_put(out.out, bytes->data, bytes->len);
        if (buffer_failed(bytes)) out.out->failed = true;
        session_push_end(session);
    }
    buffer_release(&message->bytes[0]);
    buffer_release(&message->bytes[1]);
    return channel->count;
}

size_t pubsub_publish(struct redis *redis, struct kith_str channel, struct kith_str message)
{
    size_t receivers = 0, it = 0, len;
    const void *name;
    uintptr_t value;
    const struct channel *found = find_channel(pubsub_map(redis, PUBSUB_CHANNEL), channel);
    struct message plain = {.kind = "message", .channel = channel, .text = message};
    if (found) receivers += deliver(found, &plain);
    while (map_next(pubsub_map(redis, PUBSUB_PATTERN), &it, &name, &len, &value)) {
        const struct kith_str pattern = {name, len};
        if (!text_matches(pattern, channel, false)) continue;
        struct message matched = {
            .kind = "pmessage", .pattern = &pattern, .channel = channel, .text = message};
        receivers += deliver((const struct channel *)value, &matched);
    }
    return receivers;
}

size_t pubsub_publish_shard(struct redis *redis, struct kith_str channel, struct kith_str message)
{
    const struct channel *found = find_channel(pubsub_map(redis, PUBSUB_SHARD), channel);
    struct message plain = {.kind = "smessage", .channel = channel, .text = message};
    return found ? deliver(found, &plain) : 0;
}
