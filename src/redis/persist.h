/*
 * When the keyspace is kept: opening, save points, rewriting, the parameters that change it at run
 * time. How is keep.h's.
 */
#ifndef KITH_REDIS_PERSIST_H
#define KITH_REDIS_PERSIST_H

#include "redis/redis_internal.h"

/* Reads what is in dir, if anything is to be kept. Before any session. */
KITH_NODISCARD int persist_open(struct redis *redis, const char *dir, struct kith_error *err);
/* From cron, now and then, without the keyspace lock: saves and rewrites what is due. */
void persist_turn(struct redis *redis);
/* How soon persist_turn has something to look at, in ms. Under the lock. */
int64_t persist_due_ms(const struct redis *redis);
void persist_close(struct redis *redis); /* saves if save points ask for it */
/* A save has begun: what was dirty is in it. Takes the lock. */
void persist_saved(struct redis *redis);
/* A write that failed refuses further ones. Under the lock; cheap. */
void persist_check(struct redis *redis);

#endif
