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
/* For a server that was started with nothing to keep: from now on there are files, and the first
 * snapshot replaces what an earlier server left. Any thread, not under the lock. 0: also when there
 * were files before. KITH_EBUSY, KITH_EUNSUPPORTED (no directory), what opening files says */
KITH_NODISCARD int persist_begin(struct redis *redis, struct kith_error *err);
/* How soon persist_turn has something to look at, in ms. Under the lock. */
int64_t persist_due_ms(const struct redis *redis);
void persist_close(struct redis *redis); /* saves if save points ask for it */
/* A save has begun: what was dirty is in it. Takes the lock. */
void persist_saved(struct redis *redis);
/* A write that failed refuses further ones. Under the lock; cheap. */
void persist_check(struct redis *redis);

#endif
