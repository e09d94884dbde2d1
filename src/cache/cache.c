/*
 * The life of a keyspace, its lock and clock, and looking keys up.
 *
 * A lookup hashes the key once (XXH3 with a seed drawn at the start, so that nobody can send keys
 * that collide), reads a line of the table and one entry. A key whose deadline has come is removed
 * by whoever meets it; while the keyspace is paused it is only not seen.
 */
#include "cache/cache.h"

#include <string.h>

#include "base/alloc.h"
#include "cache/cache_internal.h"
#include "os/thread_try.h"

#define LOCK_TRIES 32u
#define ROW_KEYS 16u /* whose ways from memory overlap */
#define LOCK_PAUSES 64u /* empty turns: some tens of nanoseconds */

void cache_settings_init(struct cache_settings *settings)
{
    *settings = (struct cache_settings){
        .policy = EVICT_NEVER,
        .samples = 5,
        .tenacity = 10,
        .lfu_log_factor = 10,
        .lfu_decay_minutes = 1,
        .piece_members = 1024,
        .pack_entries_hash = 512,
        .pack_value_hash = 64,
        .pack_entries_set = 128,
        .pack_value_set = 64,
        .pack_entries_zset = 128,
        .pack_value_zset = 64,
        .intset_entries = 512,
        .list_pack_size = -2,
        .deflate_level = 6,
    };
}

/* ---- life ---- */

static void init_databases(struct cache *cache)
{
    for (unsigned i = 0; i < cache->database_count; i++)
        dict_init(&cache->databases[i].keys, &cache->heap, entry_key_in_dict, cache->seed);
}

static int init_cache(struct cache *cache, const struct cache_opts *opts)
{
    cache->os = opts->os;
    cache->settings = opts->settings;
    cache->seed = opts->seed;
    if (!cache->seed) os_random(opts->os, &cache->seed, sizeof cache->seed);
    rng_init(&cache->rng, cache->seed);
    cache->heap.seed = rng_mix(cache->seed);
    cache->now_ms = os_wall_ms(opts->os);
    cache->database_count = opts->databases ? opts->databases : 16;
    int rc = os_mutex_init(opts->os, &cache->lock);
    if (!rc) rc = lazy_init(&cache->lazy, opts->os);
    if (rc) return rc;
    cache->databases = mem_zalloc_array(cache->database_count, sizeof *cache->databases);
    if (!cache->databases) return KITH_ENOMEM;
    init_databases(cache);
    return 0;
}

int cache_new(const struct cache_opts *opts, struct cache **out, struct kith_error *err)
{
    if (opts->databases > CACHE_DATABASES_MAX)
        return error_set(err, KITH_EINVAL, "%u databases are more than %u", opts->databases,
                         CACHE_DATABASES_MAX);
    struct cache *cache = mem_zalloc(sizeof *cache);
    if (!cache) return error_set(err, KITH_ENOMEM, "keyspace: out of memory");
    mem_put_nothing_off();
    int rc = init_cache(cache, opts);
    if (rc) {
        cache_free(cache);
        return error_set(err, rc, "keyspace: %s", error_name(rc));
    }
    *out = cache;
    return 0;
}

void cache_free(struct cache *cache)
{
    if (!cache) return;
    for (unsigned i = 0; cache->databases && i < cache->database_count; i++)
        database_release(&cache->heap, &cache->databases[i]);
    lazy_release(&cache->lazy);
    deflater_free(cache->deflater);
    mem_free(cache->databases);
    if (cache->lock.os) os_mutex_release(&cache->lock);
    mem_free(cache);
}

struct cache_settings *cache_settings(struct cache *cache)
{
    return &cache->settings;
}

void cache_set_hooks(struct cache *cache, const struct cache_hooks *hooks)
{
    cache->hooks = *hooks;
}

/* ---- lock and clock ---- */

void cache_lock(struct cache *cache)
{
    os_mutex_lock(&cache->lock);
}

/* Held for microseconds by most: those are waited for, on the processor. */
bool cache_lock_soon(struct cache *cache)
{
    for (unsigned tries = 0; tries < LOCK_TRIES; tries++) {
        if (os_mutex_try(&cache->lock)) return true;
        for (unsigned i = 0; i < LOCK_PAUSES; i++) atomic_signal_fence(memory_order_seq_cst);
    }
    return false;
}

void cache_unlock(struct cache *cache)
{
    cache->expected.data = NULL;
    os_mutex_unlock(&cache->lock);
}

void cache_begin(struct cache *cache)
{
    cache->now_ms = os_wall_ms(cache->os);
}

int64_t cache_now_ms(const struct cache *cache)
{
    return cache->now_ms;
}

void cache_set_now(struct cache *cache, int64_t unix_ms)
{
    cache->now_ms = unix_ms;
}

struct heap *cache_heap(struct cache *cache)
{
    return &cache->heap;
}

struct rng *cache_rng(struct cache *cache)
{
    return &cache->rng;
}

unsigned cache_databases(const struct cache *cache)
{
    return cache->database_count;
}

void cache_set_paused(struct cache *cache, bool paused)
{
    cache->paused = paused;
}

/* ---- looking up ---- */

static inline struct seat find(const struct cache *cache, unsigned db, struct kith_str key)
{
    const struct dict *keys = &cache->databases[db].keys;
    const bool expected = key.data == cache->expected.data && key.len == cache->expected.len;
    uint64_t hash = expected && key.data ? cache->expected.hash : dict_hash(keys, key);
    return (struct seat){hash, dict_find_by(keys, key, hash, entry_key_in_dict)};
}

struct seat seat_find(const struct cache *cache, unsigned db, struct kith_str key)
{
    return find(cache, db, key);
}

struct seat seat_of(const struct database *database, const struct entry *entry)
{
    uint64_t hash = dict_hash(&database->keys, entry_key_of(entry));
    return (struct seat){hash, dict_place(&database->keys, hash, entry)};
}

/* The entry, unless its time has come. */
static struct entry *look_up(struct cache *cache, unsigned db, struct kith_str key)
{
    struct seat seat = find(cache, db, key);
    if (!seat.place) return NULL;
    struct entry *entry = seat_entry(&seat);
    if (entry_is_due(cache, entry)) {
        if (!cache->paused) cache_drop(cache, db, seat, REMOVED_EXPIRED);
        return NULL;
    }
    /* Whoever looks at a hash sees none of its fields that are due. */
    if (entry_type_of(entry) == VALUE_HASH && entry_fields_filed(entry) <= cache->now_ms &&
        cache_expire_fields(cache, db, entry, SIZE_MAX))
        return NULL;
    return entry;
}

struct entry *cache_read(struct cache *cache, unsigned db, struct kith_str key, unsigned flags)
{
    struct entry *entry = look_up(cache, db, key);
    if (!(flags & CACHE_NO_STATS)) {
        if (entry) {
            cache->stats.hits++;
        } else {
            cache->stats.misses++;
        }
    }
    if (entry && !(flags & CACHE_NO_TOUCH)) mark_touch(cache, entry, false);
    return entry;
}

struct entry *cache_write(struct cache *cache, unsigned db, struct kith_str key)
{
    struct entry *entry = look_up(cache, db, key);
    if (!entry) return NULL;
    cache_tell(cache, db, entry);
    mark_touch(cache, entry, true);
    return entry;
}

uint64_t cache_prefetch(struct cache *cache, unsigned db, struct kith_str key)
{
    const struct dict *keys = &cache->databases[db].keys;
    const uint64_t hash = dict_hash(keys, key);
    dict_prefetch(keys, hash);
    return hash;
}

void cache_expect(struct cache *cache, struct kith_str key, uint64_t hash)
{
    cache->expected.data = key.data;
    cache->expected.len = key.len;
    cache->expected.hash = hash;
}

/* Blocks of 64 bytes begin at any multiple of 16: most lie in two lines. */
DICT_PREFETCH void prefetch_small(const void *entry)
{
    __builtin_prefetch(entry);
    __builtin_prefetch((const char *)entry + 63);
}

DICT_PREFETCH void prefetch_slots(const struct dict_bucket *bucket, uint64_t hash)
{
    unsigned hits = dict_matches(bucket, dict_tag(hash));
    for (; hits; hits &= hits - 1) prefetch_small(bucket->slots[__builtin_ctz(hits)]);
    if (bucket->state & DICT_CHAINED) __builtin_prefetch(bucket->slots[DICT_SLOTS - 1]);
}

void cache_prefetch_entry(struct cache *cache, unsigned db, uint64_t hash)
{
    const struct dict *keys = &cache->databases[db].keys;
    if (keys->count) prefetch_slots(dict_bucket(keys, dict_index(keys, hash)), hash);
}

/* Both stages of at most ROW_KEYS. */
static void prefetch_keys(const struct dict *dict, const struct kith_str *keys, size_t stride,
                          size_t count, uint64_t *hashes)
{
    const struct dict_bucket *buckets[ROW_KEYS];
    for (size_t i = 0; i < count; i++) {
        hashes[i] = dict_hash(dict, keys[i * stride]);
        if (dict->count == 0) continue;
        buckets[i] = dict_bucket(dict, dict_index(dict, hashes[i]));
        __builtin_prefetch(buckets[i]);
    }
    for (size_t i = 0; i < count && dict->count; i++) prefetch_slots(buckets[i], hashes[i]);
}

void cache_prefetch_row(struct cache *cache, unsigned db, const struct kith_str *keys,
                        size_t stride, size_t count, uint64_t *hashes)
{
    const struct dict *dict = &cache->databases[db].keys;
    for (size_t at = 0, n; at < count; at += n) {
        n = count - at < ROW_KEYS ? count - at : ROW_KEYS;
        prefetch_keys(dict, keys + at * stride, stride, n, hashes + at);
    }
}

/* ---- figures ---- */

size_t cache_count(const struct cache *cache, unsigned db)
{
    return dict_count(&cache->databases[db].keys);
}

size_t cache_deadline_count(const struct cache *cache, unsigned db)
{
    return cache->databases[db].deadlines;
}

void cache_stats_get(const struct cache *cache, struct cache_stats *out)
{
    *out = cache->stats;
    out->used = heap_used(&cache->heap);
    if (out->used > out->used_peak) out->used_peak = out->used;
    out->used_tables = 0;
    for (unsigned i = 0; i < cache->database_count; i++)
        out->used_tables += dict_bytes(&cache->databases[i].keys);
    out->lazy_pending = atomic_load(&cache->lazy.pending);
    out->lazy_freed = atomic_load(&cache->lazy.freed);
}

void cache_stats_reset(struct cache *cache)
{
    size_t peak = heap_used(&cache->heap);
    cache->stats = (struct cache_stats){.used_peak = peak};
    atomic_store(&cache->lazy.freed, 0);
}
