/*
 * Work that nobody waits for: graphs of vector sets.
 */
#ifndef KITH_REDIS_VECTOR_UPKEEP_H
#define KITH_REDIS_VECTOR_UPKEEP_H

#include "redis/command.h"

struct vector_set;
/* Starts what is due for the set, if anything is. Under the keyspace lock. */
void vector_upkeep(struct redis *redis, struct vector_set *set);
/* Stops what runs and drops what waits. Before the cache is freed; not under the lock. */
void background_release(struct redis *redis);

#endif
