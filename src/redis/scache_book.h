/*
 * What the semantic caches keep in memory beside their keys: counts that are not in `c:stats` yet,
 * and entries that have gone whose vector is still there. See scache.h for the keys.
 *
 * A look-up is a read: what it counts stays here and is put into the hash, as one HSET a cache,
 * ten seconds later at most and when the door closes. A crash loses those seconds of counting, and
 * nothing else. Only a cache that is there (it has `c:stats`, which the first SET makes) is
 * counted, so asking for names that nobody has costs no memory.
 *
 * An entry that expires, is evicted or deleted is noted when it happens, in the middle of whatever
 * removed it, and its vector follows at the end of the command or turn (scache_settle), logged in
 * the same unit. An eviction of `c:model` takes the whole set of vectors along: without its
 * threshold a cache would guess.
 *
 * All under the keyspace lock.
 */
#ifndef KITH_REDIS_SCACHE_BOOK_H
#define KITH_REDIS_SCACHE_BOOK_H

#include "redis/redis_internal.h"

enum scache_counter {
    SCACHE_EXACT_HITS, SCACHE_SEMANTIC_HITS, SCACHE_MISSES, SCACHE_GUARD_REFUSED,
    SCACHE_FALSE_HITS, SCACHE_COUNTERS
};
extern const char *const scache_counter_names[SCACHE_COUNTERS];

struct hash;
/* A field of c:stats; 0: there is none, or it is no number. hash: nullable. */
int64_t scache_counter_value(const struct hash *hash, enum scache_counter counter);

/* One more for call->argv[1]. What finds no memory is not counted. */
void scache_count(struct redis_call *call, enum scache_counter counter);
/* What is not in the hash yet. */
int64_t scache_pending(struct redis *redis, unsigned db, struct kith_str cache,
                       enum scache_counter counter);
/* Into the hashes, when it is time or `now`. For the turns of cron. */
void scache_fold(struct redis *redis, bool now);
int64_t scache_fold_due_ms(const struct redis *redis); /* INT64_MAX: nothing waits */
void scache_forget_counts(struct redis *redis, unsigned db); /* the database is emptied */
void scache_book_release(struct redis *redis);

/* From cache_hooks.removed: notes what must follow. */
void scache_entry_gone(struct redis *redis, unsigned db, const struct entry *entry,
                       enum removal why);
void scache_note_gone(struct redis *redis, unsigned db, struct kith_str key);
/* Redis' own end of a command: what was noted is done. */
void scache_settle(struct redis *redis);

#endif
