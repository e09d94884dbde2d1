/*
 * The semantic cache: what its files share. A cache `c` is made of ordinary keys, so the log,
 * snapshots, eviction and expiry hold for it without a word here:
 *
 *   c        a vector set, unquantized; an element is an entry's id, its attribute the entry's
 *   c:<id>   an entry: a hash of prompt, response, inserted_at, updated_at, metadata; its deadline
 *   c:stats  a hash of counters; what is newer stands in scache_book.h
 *   c:model  a hash of model, threshold and how it came about; scache_model.c
 *
 * An id is 32 hex digits, the hash of the normalised prompt: so the exact lookup is one of a key,
 * and a prompt has one entry. Entries come and go alone, and their vectors follow (scache_book.h);
 * an element whose entry has gone is never an answer.
 *
 * Who may use a cache may use all of its keys: the dispatcher checks `c`, and scache_permits() asks
 * for the rights to every key that begins with `c:`.
 */
#ifndef KITH_REDIS_SCACHE_H
#define KITH_REDIS_SCACHE_H

#include "cache/hash.h"
#include "redis/vector_args.h"

#define SCACHE_ID_LEN 32u
#define SCACHE_THRESHOLD 0.1 /* of a cache that was not calibrated: the distance of redisvl */
#define SCACHE_MODEL_MAX 256u /* bytes of a model's id */

struct scache_id {
    char text[SCACHE_ID_LEN];
};

/* Blanks collapsed, ASCII folded. */
void scache_normalise(struct kith_str prompt, struct buffer *out);
/* KITH_ENOMEM */
KITH_NODISCARD int scache_id_of(struct kith_str prompt, struct scache_id *out);

/* "cache:suffix" in a buffer that is cleared first; failed: no memory. */
struct kith_str scache_key(struct buffer *buf, struct kith_str cache, struct kith_str suffix);
/* May the user read (and write) the keys of call->argv[1]? false: NOPERM was answered. Calls
 * without a session, and those of other doors, may. */
bool scache_permits(struct redis_call *call, bool write);
/* The hash that HSET words[1] words[2] words[3] ... would make, by nobody's key yet; NULL: no
 * memory. */
struct hash *scache_hash(struct redis_call *call, const struct kith_str *words, size_t count);
/* The vector of an entry, if there is one. */
void scache_drop_vector(struct redis_call *call, struct kith_str id);
/* The key of an entry; false: it was not there. Logged as it is done. */
bool scache_drop_entry(struct redis_call *call, struct kith_str id);

/* ---- the model of a cache: scache_model.c ---- */

struct scache_model {
    struct kith_str id;   /* borrows from the hash; data NULL: none was named */
    double threshold;     /* negative: none was found for it */
    char digits[24];      /* scratch of `id` */
};
void scache_model_read(struct redis_call *call, struct scache_model *out);
/* A vector of the model `id` comes (len 0: nobody said): does it belong here? false: the answer
 * was given, or no memory. `write`: the first to name a model gives it to the cache. */
bool scache_model_fits(struct redis_call *call, struct kith_str id, bool write);
/* What was found out: a threshold for a model (len 0: for the one that is there). */
struct scache_calibration {
    struct kith_str model;
    double threshold, rate, false_hits, hits; /* rates: asked for; of others; of pairs */
    int64_t pairs;
};
bool scache_model_store(struct redis_call *call, const struct scache_calibration *found);

void run_scache_set(struct redis_call *call);       /* cmd_scache_set.c */
void run_scache_get(struct redis_call *call);       /* cmd_scache_get.c */
void run_scache_calibrate(struct redis_call *call); /* cmd_scache_calibrate.c */
void run_scache_del(struct redis_call *call);       /* cmd_scache.c */
void run_scache_stats(struct redis_call *call);

#endif
