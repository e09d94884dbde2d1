/*
 * The semantic cache: what its files share. A cache `c` is made of ordinary keys, so the log,
 * snapshots, eviction, expiry and users' patterns hold for it without a word here:
 *
 *   c        a vector set, unquantized; an element is an entry's id, its attribute the entry's
 *   c:<id>   an entry: a hash of prompt, response, inserted_at, updated_at, metadata; its deadline
 *   c:stats  a hash of counters
 *
 * An id is 32 hex digits, the hash of the normalised prompt: so the exact lookup is one of a key,
 * and a prompt has one entry. Entries come and go alone; an element whose entry has gone is never
 * an answer, and goes when somebody meets it.
 */
#ifndef KITH_REDIS_SCACHE_H
#define KITH_REDIS_SCACHE_H

#include "cache/hash.h"
#include "redis/vector_args.h"

#define SCACHE_ID_LEN 32u

struct scache_id {
    char text[SCACHE_ID_LEN];
};

/* Blanks collapsed, ASCII folded. */
void scache_normalise(struct kith_str prompt, struct buffer *out);
/* KITH_ENOMEM */
KITH_NODISCARD int scache_id_of(struct kith_str prompt, struct scache_id *out);

/* "cache:suffix" in a buffer that is cleared first; failed: no memory. */
struct kith_str scache_key(struct buffer *buf, struct kith_str cache, struct kith_str suffix);
/* One more in c:stats; what has no room there is not counted. */
void scache_count(struct redis_call *call, const char *counter);
/* The vector of an entry, if there is one. */
void scache_drop_vector(struct redis_call *call, struct kith_str id);
/* The key of an entry; false: it was not there. Logged as it is done. */
bool scache_drop_entry(struct redis_call *call, struct kith_str id);

void run_scache_set(struct redis_call *call); /* cmd_scache_set.c */
void run_scache_get(struct redis_call *call); /* cmd_scache_get.c */

#endif
