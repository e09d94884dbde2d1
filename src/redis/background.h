/*
 * Work that nobody waits for: graphs of vector sets.
 */
#ifndef KITH_REDIS_BACKGROUND_H
#define KITH_REDIS_BACKGROUND_H

#include "redis/command.h"

struct vector_set;
/* Starts what is due for the set, if anything is. Under the keyspace lock. */
void vector_upkeep(struct redis *redis, struct vector_set *set);

#endif
