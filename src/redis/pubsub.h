/*
 * Channels and who listens to them. Under the keyspace lock.
 */
#ifndef KITH_REDIS_PUBSUB_H
#define KITH_REDIS_PUBSUB_H

#include "redis/redis_internal.h"

enum pubsub_kind { PUBSUB_CHANNEL, PUBSUB_PATTERN, PUBSUB_SHARD, PUBSUB_KINDS };

struct channel { /* or a pattern */
    struct session **subscribers; /* owns the array */
    size_t count, cap;
    size_t name_len;
    char name[];
};

/* Receivers: a session with the channel and a matching pattern counts twice. */
size_t pubsub_publish(struct redis *redis, struct kith_str channel, struct kith_str message);
size_t pubsub_publish_shard(struct redis *redis, struct kith_str channel,
                            struct kith_str message);
/* *fresh: it was not subscribed before. */
KITH_NODISCARD int pubsub_subscribe(struct session *session, enum pubsub_kind kind,
                                    struct kith_str name, bool *fresh);
bool pubsub_unsubscribe(struct session *session, enum pubsub_kind kind, struct kith_str name);
void pubsub_leave_all(struct session *session);
struct map *pubsub_map(struct redis *redis, enum pubsub_kind kind);
struct map *pubsub_of(struct session *session, enum pubsub_kind kind);
static inline struct kith_str channel_name(const struct channel *channel)
{
    return (struct kith_str){channel->name, channel->name_len};
}

#endif
