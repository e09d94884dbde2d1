/*
 * What binds the door to its files: see keep.h. The rest of the room calls keep_* for saving and
 * asking, with redis->keep (NULL: nothing is kept).
 */
#ifndef KITH_REDIS_KEEP_BIND_H
#define KITH_REDIS_KEEP_BIND_H

#include "redis/keep.h"
#include "redis/redis.h"

/* Once the registry and the cache are there, before any session: reads what is in dir, and logs
 * from then on if asked to. */
KITH_NODISCARD int redis_keep_open(struct redis *redis, const char *dir, bool logging, bool recover,
                                   struct kith_error *err);
/* The same for a keyspace that has data already: what is in dir is replaced by the first snapshot.
 * Not under the keyspace lock. */
KITH_NODISCARD int redis_keep_begin(struct redis *redis, const char *dir, struct kith_error *err);
void redis_keep_close(struct redis *redis);
/* For stream_ops of doors over this keyspace. */
uint64_t redis_ticket(const struct redis *redis);
uint64_t redis_settle_log(struct redis *redis);

#endif
