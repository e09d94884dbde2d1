/*
 * Choosing what goes when memory is short: access marks and the pool of candidates. The essay is in
 * evict.c.
 */
#ifndef KITH_CACHE_EVICT_H
#define KITH_CACHE_EVICT_H

#include "cache/cache.h"

enum { EVICT_POOL = 16 };

struct evict_candidate {
    uint64_t score; /* the larger, the sooner it goes */
    uint64_t hash;
    unsigned db;
};
struct evict_pool {
    struct evict_candidate best[EVICT_POOL]; /* ascending by score */
    unsigned count;
    enum eviction policy; /* that the scores are of */
};

/* The mark of a key made now. */
uint32_t mark_new(const struct cache *cache);
/* The entry was read or written. */
void mark_touch(struct cache *cache, struct entry *entry, bool write);

#endif
