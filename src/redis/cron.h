/*
 * The background turn: expiry and eviction, idle clients, the end of a pause. One thread, blocked
 * while nothing is due.
 */
#ifndef KITH_REDIS_CRON_H
#define KITH_REDIS_CRON_H

#include "redis/redis_internal.h"

KITH_NODISCARD int cron_start(struct redis *redis, struct kith_error *err);
void cron_stop(struct redis *redis); /* without the keyspace lock */
/* Something may be due sooner than it thinks. Under the keyspace lock; cheap when it is awake. */
void cron_poke(struct redis *redis);
/* CLIENT PAUSE is over: what was put off goes on. */
void redis_end_pause(struct redis *redis);

#endif
