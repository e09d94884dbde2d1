/*
 * Access marks, and choosing what goes when memory is short.
 *
 * The mark is 24 bits of an entry. For LRU and LRM it is the time of the last access or change in
 * quarters of a second (256 ms, which wrap after 49 days), finer than the seconds of Redis, because
 * in a second a million keys are touched that would all look alike. For LFU it is Redis' counter:
 * 16 bits of minutes and a logarithmic count of 8 bits that loses one a minute; of equal counts the
 * one that was not used for longer goes.
 *
 * Choosing follows Redis' evict.c: some keys are drawn, the best candidates stay in a pool of 16
 * over all databases, the best of the pool goes. Three things differ. Drawing takes a whole bucket
 * of the table, a line that names about five keys, so that twice as many are looked at for the same
 * misses. A candidate is looked at again when its turn comes, and goes back into the pool if it was
 * used meanwhile. And keys with a deadline, when they are few, are drawn from the wheel, which
 * holds nothing else; the nearest deadline is where the wheel's hand points.
 *
 * The pool holds hashes and no pointers: what it names may be gone.
 */
#include "cache/evict.h"

#include "cache/block.h"
#include "cache/cache_internal.h"

enum { LFU_START = 5, MARK_MS_LOG2 = 8, TRIES = 64, DRAWN_MAX = 128 };

#define LEAVING_LEAST ((size_t)1 << 20) /* of what is about to be freed, taken as gone */

static bool policy_is_lfu(enum eviction policy)
{
    return policy == EVICT_ALL_LFU || policy == EVICT_VOLATILE_LFU;
}

static bool policy_is_volatile(enum eviction policy)
{
    return policy >= EVICT_VOLATILE_LRU;
}

/* ---- marks ---- */

static uint32_t time_mark(const struct cache *cache)
{
    return (uint32_t)(cache->now_ms >> MARK_MS_LOG2) & ENTRY_MARK_MAX;
}

static uint32_t minutes_of(const struct cache *cache)
{
    return (uint32_t)(cache->now_ms / 60000) & 0xffff;
}

uint32_t mark_new(const struct cache *cache)
{
    if (!policy_is_lfu(cache->settings.policy)) return time_mark(cache);
    return minutes_of(cache) << 8 | LFU_START;
}

unsigned entry_frequency(const struct cache *cache, const struct entry *entry)
{
    uint32_t mark = entry_mark(entry);
    unsigned count = mark & 0xff;
    unsigned period = cache->settings.lfu_decay_minutes;
    unsigned minutes = (minutes_of(cache) - (mark >> 8)) & 0xffff;
    unsigned lost = period ? minutes / period : 0;
    return lost < count ? count - lost : 0;
}

static void touch_lfu(struct cache *cache, struct entry *entry)
{
    unsigned count = entry_frequency(cache, entry);
    double base = count > LFU_START ? count - LFU_START : 0;
    double odds = 1 / (base * cache->settings.lfu_log_factor + 1);
    if (count < 255 && rng_f64(&cache->rng) < odds) count++;
    entry_set_mark(entry, minutes_of(cache) << 8 | count);
}

void mark_touch(struct cache *cache, struct entry *entry, bool write)
{
    enum eviction policy = cache->settings.policy;
    if (policy_is_lfu(policy)) {
        touch_lfu(cache, entry);
    } else if (write || (policy != EVICT_ALL_LRM && policy != EVICT_VOLATILE_LRM)) {
        const uint32_t mark = time_mark(cache);
        if (entry_mark(entry) != mark) entry_set_mark(entry, mark); /* else its line stays clean */
    }
}

static uint32_t idle_marks(const struct cache *cache, const struct entry *entry)
{
    return (time_mark(cache) - entry_mark(entry)) & ENTRY_MARK_MAX;
}

int64_t entry_idle_s(const struct cache *cache, const struct entry *entry)
{
    return ((int64_t)idle_marks(cache, entry) << MARK_MS_LOG2) / 1000;
}

static uint64_t score_of(const struct cache *cache, const struct entry *entry)
{
    enum eviction policy = cache->settings.policy;
    if (policy == EVICT_VOLATILE_TTL) return (uint64_t)INT64_MAX - (uint64_t)entry_deadline(entry);
    if (!policy_is_lfu(policy)) return idle_marks(cache, entry);
    uint32_t minutes = (minutes_of(cache) - (entry_mark(entry) >> 8)) & 0xffff;
    return (uint64_t)(255 - entry_frequency(cache, entry)) << 16 | minutes;
}

/* ---- the pool ---- */

static bool in_pool(const struct evict_pool *pool, const struct evict_candidate *candidate)
{
    for (unsigned i = 0; i < pool->count; i++) {
        if (pool->best[i].hash == candidate->hash && pool->best[i].db == candidate->db) return true;
    }
    return false;
}

/* Keeps the best; the worst falls out. */
static void pool_offer(struct evict_pool *pool, struct evict_candidate candidate)
{
    if (pool->count == EVICT_POOL && candidate.score <= pool->best[0].score) return;
    if (in_pool(pool, &candidate)) return;
    if (pool->count == EVICT_POOL) {
        memmove(&pool->best[0], &pool->best[1], (EVICT_POOL - 1) * sizeof pool->best[0]);
        pool->count--;
    }
    unsigned at = pool->count++;
    for (; at > 0 && pool->best[at - 1].score > candidate.score; at--)
        pool->best[at] = pool->best[at - 1];
    pool->best[at] = candidate;
}

/* ---- drawing ---- */

struct drawn {
    struct entry *entries[DRAWN_MAX];
    size_t count;
};

static void draw_entry(const struct cache *cache, struct drawn *drawn, struct entry *entry)
{
    bool eligible = !policy_is_volatile(cache->settings.policy) || entry_is_live(entry);
    if (eligible && drawn->count < DRAWN_MAX) drawn->entries[drawn->count++] = entry;
}

DICT_PREFETCH void prefetch_chain(const struct dict_bucket *bucket)
{
    unsigned taken = bucket->state & DICT_PRESENT;
    for (; taken; taken &= taken - 1) __builtin_prefetch(bucket->slots[__builtin_ctz(taken)]);
}

static void draw_chain(const struct cache *cache, struct drawn *drawn,
                       const struct dict_bucket *bucket)
{
    for (; bucket; bucket = dict_chain(bucket)) {
        prefetch_chain(bucket);
        unsigned taken = bucket->state & DICT_PRESENT;
        for (; taken; taken &= taken - 1)
            draw_entry(cache, drawn, bucket->slots[__builtin_ctz(taken)]);
    }
}

static void draw_buckets(struct cache *cache, const struct dict *keys, size_t want,
                         struct drawn *drawn)
{
    if (keys->count == 0) return;
    for (unsigned i = 0; i < TRIES && drawn->count < want; i++) {
        size_t index = (size_t)rng_below(&cache->rng, keys->buckets);
        draw_chain(cache, drawn, dict_bucket(keys, index));
    }
}

static void draw_record(const struct cache *cache, const struct dict *keys, uint32_t record,
                        struct drawn *drawn)
{
    if (keys->count == 0) return;
    size_t low = record & 0xffffff;
    size_t step = keys->buckets > (size_t)1 << 24 ? (size_t)1 << 24 : SIZE_MAX / 2;
    for (size_t i = dict_index(keys, low); i < keys->buckets; i += step) {
        const struct dict_bucket *bucket = dict_bucket(keys, i);
        for (; bucket; bucket = dict_chain(bucket)) {
            unsigned hits = dict_matches(bucket, (uint8_t)(record >> 24));
            for (; hits; hits &= hits - 1)
                draw_entry(cache, drawn, bucket->slots[__builtin_ctz(hits)]);
        }
    }
}

static void draw_records(struct cache *cache, struct database *database, size_t want,
                         struct drawn *drawn)
{
    uint32_t records[DRAWN_MAX];
    for (unsigned i = 0; database->wheel && i < TRIES && drawn->count < want; i++) {
        size_t count = wheel_sample(database->wheel, &cache->rng, records, want);
        for (size_t j = 0; j < count; j++)
            draw_record(cache, &database->keys, records[j], drawn);
    }
}

struct search {
    struct cache *cache;
    struct drawn *drawn;
};

static void draw_scanned(void *ctx, void **place)
{
    struct search *search = ctx;
    draw_entry(search->cache, search->drawn, *place);
}

/* When chance found nothing although there is something: from bucket to bucket. */
static void draw_by_search(struct cache *cache, const struct database *database,
                           struct drawn *drawn)
{
    struct search search = {cache, drawn};
    uint64_t cursor = 0;
    do {
        cursor = dict_scan(&database->keys, cursor, draw_scanned, &search);
    } while (cursor && drawn->count == 0);
}

static void draw(struct cache *cache, unsigned db, struct drawn *drawn)
{
    struct database *database = &cache->databases[db];
    size_t samples = cache->settings.samples ? cache->settings.samples : 1;
    size_t want = samples < DRAWN_MAX / 6 ? samples * 3 : DRAWN_MAX / 2;
    bool few = database->deadlines < dict_count(&database->keys) / 8;
    drawn->count = 0;
    if (policy_is_volatile(cache->settings.policy) && few) {
        draw_records(cache, database, want, drawn);
    } else {
        draw_buckets(cache, &database->keys, want, drawn);
    }
    if (drawn->count == 0) draw_by_search(cache, database, drawn);
}

static size_t eligible(const struct cache *cache, unsigned db)
{
    const struct database *database = &cache->databases[db];
    return policy_is_volatile(cache->settings.policy) ? database->deadlines
                                                      : dict_count(&database->keys);
}

/* A database in proportion to what may go in it; false: nothing may. */
static bool draw_database(struct cache *cache, unsigned *out)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < cache->database_count; i++) total += eligible(cache, i);
    if (total == 0) return false;
    uint64_t at = rng_below(&cache->rng, total);
    unsigned db = 0;
    while (at >= eligible(cache, db)) at -= eligible(cache, db++);
    *out = db;
    return true;
}

/* ---- evicting ---- */

static void offer_drawn(struct cache *cache, unsigned db, const struct drawn *drawn,
                        int64_t deadline_max)
{
    const struct database *database = &cache->databases[db];
    for (size_t i = 0; i < drawn->count; i++) {
        const struct entry *entry = drawn->entries[i];
        if (entry_deadline(entry) > deadline_max) continue;
        uint64_t hash = dict_hash(&database->keys, entry_key_of(entry));
        pool_offer(&cache->pool,
                   (struct evict_candidate){score_of(cache, entry), hash, db});
    }
}

/* Looks at the first slot of each level; what is not past the horizon of all of them is nearer than
 * any key elsewhere. The records are filed again; those of keys that are gone would be found for
 * ever otherwise, because time does not pass here. */
static void offer_soonest(struct cache *cache, unsigned db)
{
    struct database *database = &cache->databases[db];
    int64_t horizon = wheel_horizon(database->wheel);
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        struct wheel_chunk *chunk = wheel_soonest(database->wheel, level);
        if (!chunk) continue;
        struct drawn drawn = {.count = 0};
        expiry_sift(cache, db, chunk);
        for (uint32_t i = 0; i < chunk->count; i++)
            draw_record(cache, &database->keys, chunk->records[i], &drawn);
        wheel_return(database->wheel, chunk);
        offer_drawn(cache, db, &drawn, horizon);
    }
}

static void fill_pool_soonest(struct cache *cache, unsigned db)
{
    if (!cache->databases[db].wheel) return;
    for (unsigned i = 0; i < TRIES && cache->pool.count == 0; i++) offer_soonest(cache, db);
}

static void fill_pool(struct cache *cache, unsigned db)
{
    struct drawn drawn;
    draw(cache, db, &drawn);
    offer_drawn(cache, db, &drawn, CACHE_NO_DEADLINE);
}

static struct seat seat_of_hash(const struct database *database, uint64_t hash)
{
    const struct dict *keys = &database->keys;
    const struct dict_bucket *bucket =
        keys->count ? dict_bucket(keys, dict_index(keys, hash)) : NULL;
    for (; bucket; bucket = dict_chain(bucket)) {
        unsigned hits = dict_matches(bucket, dict_tag(hash));
        for (; hits; hits &= hits - 1) {
            const struct entry *entry = bucket->slots[__builtin_ctz(hits)];
            if (dict_hash(keys, entry_key_of(entry)) == hash)
                return (struct seat){hash, dict_place(keys, hash, entry)};
        }
    }
    return (struct seat){hash, NULL};
}

/* The best of the pool goes, if it is still there and still as good. */
static bool evict_best(struct cache *cache)
{
    struct evict_pool *pool = &cache->pool;
    while (pool->count > 0) {
        struct evict_candidate best = pool->best[--pool->count];
        struct seat seat = seat_of_hash(&cache->databases[best.db], best.hash);
        if (!seat.place) continue;
        const struct entry *entry = seat_entry(&seat);
        if (policy_is_volatile(pool->policy) && !entry_is_live(entry)) continue;
        uint64_t score = score_of(cache, entry);
        if (score < best.score) {
            best.score = score;
            pool_offer(pool, best);
            if (pool->best[pool->count - 1].hash != best.hash) continue;
            pool->count--;
        }
        cache_drop(cache, best.db, seat, REMOVED_EVICTED);
        return true;
    }
    return false;
}

static bool evict_any(struct cache *cache, unsigned db)
{
    struct drawn drawn;
    draw(cache, db, &drawn);
    if (drawn.count == 0) return false;
    struct entry *entry = drawn.entries[rng_below(&cache->rng, drawn.count)];
    cache_remove(cache, db, entry, REMOVED_EVICTED);
    return true;
}

/* One key goes; false: none may. */
static bool evict_one(struct cache *cache)
{
    enum eviction policy = cache->settings.policy;
    if (policy == EVICT_NEVER) return false;
    if (cache->pool.policy != policy) cache->pool.count = 0;
    cache->pool.policy = policy;
    unsigned db;
    if (!draw_database(cache, &db)) return false;
    if (policy == EVICT_ALL_RANDOM || policy == EVICT_VOLATILE_RANDOM) return evict_any(cache, db);
    if (policy != EVICT_VOLATILE_TTL) {
        fill_pool(cache, db);
    } else if (cache->pool.count == 0) { /* of a slot the nearest are known at once */
        fill_pool_soonest(cache, db);
    }
    return evict_best(cache) || evict_any(cache, db);
}

/* Values of all sizes that come and go leave holes: at 64 MiB of strings from 8 bytes to 64 KiB,
 * lists, sets, hashes and sorted sets the process had 1.24 times what is counted after 8 s, and it
 * rose. A smaller limit leaves holes that are used again. When most of the memory is not the
 * keyspace's, this says nothing. */
void cache_note_resident(struct cache *cache, size_t bytes)
{
    const size_t max = cache->settings.memory_max, used = heap_used(&cache->heap);
    const size_t high = max + max / 100 * 13;
    cache->limit_less = 0;
    if (max == 0 || bytes <= high || bytes / 2 > used) return;
    const size_t less = (bytes - high) * 4;
    cache->limit_less = less < max / 15 ? less : max / 15;
}

size_t cache_scattered_bytes(const struct cache *cache)
{
    const size_t used = heap_used(&cache->heap), given = block_given();
    return used > given ? used - given : 0;
}

/* Of what is about to be freed no more than `leaving_most` is taken as gone. */
static bool is_over(const struct cache *cache, size_t leaving_most)
{
    size_t used = heap_used(&cache->heap);
    size_t leaving = lazy_pending_bytes(&cache->lazy) + cache->kept_bytes;
    size_t max = cache->settings.memory_max;
    max -= cache->limit_less < max ? cache->limit_less : 0;
    if (leaving > leaving_most) leaving = leaving_most;
    return max != 0 && used > max && (leaving > used || used - leaving > max);
}

/* A thread that frees may have to wait for a core, and meanwhile its share of the memory would be
 * given away a second time; so only some of it is. */
static bool over_limit(const struct cache *cache)
{
    return is_over(cache, cache->settings.memory_max / 32 + LEAVING_LEAST);
}

/* How long one command may evict: 50 us a step of tenacity up to 10, then 15 % more each; 100:
 * until it is done. */
static int64_t tenacity_us(unsigned tenacity)
{
    if (tenacity <= 10) return 50 * (int64_t)tenacity;
    if (tenacity >= 100) return INT64_MAX / 2;
    double us = 500;
    for (unsigned i = 10; i < tenacity; i++) us *= 1.15;
    return (int64_t)us;
}

/* false: nothing more may go and the limit does not hold. */
static bool evict_until(struct cache *cache, int64_t until_us)
{
    for (unsigned done = 1; over_limit(cache); done++) {
        if (!evict_one(cache)) return !is_over(cache, SIZE_MAX);
        if (done % 16 == 0 && os_now_us(cache->os) >= until_us) break;
    }
    return true;
}

bool cache_make_room(struct cache *cache)
{
    if (!over_limit(cache)) return true;
    if (cache->paused) return true;
    int64_t until = os_now_us(cache->os) + tenacity_us(cache->settings.tenacity);
    return evict_until(cache, until);
}

int64_t cache_turn(struct cache *cache, int64_t budget_us)
{
    int64_t until = os_now_us(cache->os) + budget_us;
    int64_t next = expiry_turn(cache, until);
    bool evict = !cache->paused && cache->settings.policy != EVICT_NEVER && over_limit(cache);
    if (evict && evict_until(cache, until) && over_limit(cache))
        return lazy_pending_bytes(&cache->lazy) ? 1 : 0;
    if (next == INT64_MAX) return INT64_MAX;
    return next > cache->now_ms ? next - cache->now_ms : 0;
}
