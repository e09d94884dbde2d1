/*
 * Work that nobody waits for: graphs of vector sets.
 */
#ifndef KITH_REDIS_VECTOR_UPKEEP_H
#define KITH_REDIS_VECTOR_UPKEEP_H

#include "redis/command.h"

struct vector_set;
/* Starts what is due for the set, if anything is. Under the keyspace lock. */
void vector_upkeep(struct redis *redis, struct vector_set *set);
/* Cron's part, under the lock: sets that nobody changed for a second. Gives when it wants to be
 * called again, in ms. Then, without the lock, frees what went meanwhile. */
int64_t vector_upkeep_turn(struct redis *redis);
void vector_upkeep_sweep(struct redis *redis);
/* Stops what runs and drops what waits. Before the cache is freed; not under the lock. */
void background_release(struct redis *redis);

#endif
