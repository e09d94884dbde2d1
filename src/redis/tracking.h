/*
 * Client-side caching: which session has read which key, and who is told when it changes. Under the
 * keyspace lock.
 */
#ifndef KITH_REDIS_TRACKING_H
#define KITH_REDIS_TRACKING_H

#include "redis/redis_internal.h"

void tracking_begin(struct session *session, const struct tracking *wish);
void tracking_end(struct session *session);
/* After a command that reads: its keys are remembered. */
void tracking_remember(struct session *session, const struct command_entry *entry,
                       const struct kith_str *argv, size_t argc);
void tracking_key_changed(struct redis *redis, struct kith_str key);
void tracking_flushed(struct redis *redis);
void tracking_limit(struct redis *redis); /* tracking-table-max-keys */
void tracking_release(struct redis *redis);

#endif
