/*
 * What the files of the keyspace share: its state, and the steps between them.
 *
 * Everything is guarded by the keyspace lock but the heap's counter and the queue of the lazy
 * thread, which have guards of their own.
 */
#ifndef KITH_CACHE_CACHE_INTERNAL_H
#define KITH_CACHE_CACHE_INTERNAL_H

#include "cache/cache.h"
#include "cache/deflate.h"
#include "cache/dict.h"
#include "cache/entry.h"
#include "cache/evict.h"
#include "cache/lazy.h"
#include "cache/wheel.h"
#include "os/thread.h"

struct database {
    struct dict keys;    /* of struct entry, owned */
    struct wheel *wheel; /* owns; NULL until the first deadline */
    size_t deadlines;    /* live ones */
};

struct cache {
    const struct os *os;
    struct heap heap;
    struct os_mutex lock;
    struct cache_settings settings;
    struct cache_hooks hooks;
    int64_t now_ms;
    bool paused;
    struct { /* cache_expect */
        const char *data; /* NULL: nothing */
        size_t len;
        uint64_t hash;
    } expected;
    unsigned turn_db; /* where the next turn of expiry begins */
    struct rng rng;
    bool epoch; /* the mark of entries that a snapshot need not write down any more */
    uint64_t seed; /* of the hashes: one, so that entries may change their database */
    unsigned database_count;
    struct database *databases; /* owns */
    struct cache_stats stats;   /* used, used_tables and lazy_* are filled in when asked for */
    struct evict_pool pool;
    struct lazy lazy;
    size_t limit_less; /* so much less than memory_max; evict.c */
    size_t kept_count, kept_bytes; /* of values that `keeping` has kept; about */
    struct deflater *deflater; /* owns; NULL until the first text is compressed */
};

/* A key in its table. */
struct seat {
    uint64_t hash;
    void **place; /* NULL: it is not there */
};

static inline struct entry *seat_entry(const struct seat *seat)
{
    return *seat->place;
}

struct seat seat_find(const struct cache *cache, unsigned db, struct kith_str key);
struct seat seat_of(const struct database *database, const struct entry *entry);

static inline bool entry_is_due(const struct cache *cache, const struct entry *entry)
{
    return entry_is_live(entry) && entry_deadline(entry) <= cache->now_ms;
}

/* entry_make; what is new is not of the instant that a snapshot saves. */
static inline struct entry *cache_make_entry(struct cache *cache, const struct entry_parts *parts)
{
    struct entry *entry = entry_make(&cache->heap, parts);
    if (entry) entry_set_epoch(entry, cache->epoch);
    return entry;
}

/* Tells `changing`. */
static inline void cache_tell(struct cache *cache, unsigned db, struct entry *entry)
{
    if (cache->hooks.changing) cache->hooks.changing(cache->hooks.ctx, db, entry);
}
/* Counts for used_peak; after what may have added memory. */
static inline void cache_note_peak(struct cache *cache)
{
    size_t used = heap_used(&cache->heap);
    if (used > cache->stats.used_peak) cache->stats.used_peak = used;
}

/* Takes a key out and frees it; tells the hooks and counts. */
void cache_drop(struct cache *cache, unsigned db, struct seat seat, enum removal why);
/* Frees the value of an entry, in the background when it is large; not the entry. */
void cache_free_value(struct cache *cache, struct entry *entry);
/* Files a record for a deadline that the wheel does not know of yet. */
KITH_NODISCARD int cache_file(struct cache *cache, struct database *database, uint64_t hash,
                              int64_t unix_ms);
/* Whether an entry's bytes say that the wheel has a record at or before this time. */
static inline bool entry_filed_by(const struct entry *entry, int64_t unix_ms)
{
    int64_t filed = entry_filed(entry);
    return filed != ENTRY_UNFILED && filed <= unix_ms;
}
/* Frees tables, entries and values; no hooks. */
void database_release(struct heap *heap, struct database *database);

/* ---- expiry.c ---- */
/* Removes at most max fields that are due; true: these were all, and the key is gone. */
bool cache_expire_fields(struct cache *cache, unsigned db, struct entry *entry, size_t max);
/* Bounded by the clock: stops when os_now_us passes until_us. Returns the next time in Unix ms at
 * which there is work (in the past: more is due); INT64_MAX: none. */
int64_t expiry_turn(struct cache *cache, int64_t until_us);
/* Looks at the keys of a chunk ahead of time: what is due goes, what lives is filed again, records
 * of nobody are dropped. */
void expiry_sift(struct cache *cache, unsigned db, const struct wheel_chunk *chunk);

#endif
