/*
 * WATCH: which keys a transaction relies on. Under the keyspace lock.
 */
#ifndef KITH_REDIS_WATCH_H
#define KITH_REDIS_WATCH_H

#include "redis/redis_internal.h"

KITH_NODISCARD int watch_add(struct session *session, unsigned db, struct kith_str key);
void watch_clear(struct session *session);
void watch_key_changed(struct redis *redis, unsigned db, struct kith_str key);
void watch_flushing(struct redis *redis, unsigned db); /* while its keys are still there */
void watch_swapped(struct redis *redis, unsigned a, unsigned b);
/* Has a watched key changed, or expired, since? */
bool watch_is_broken(const struct session *session);

#endif
