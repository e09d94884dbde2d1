/*
 * Freeing keys whose time has come, and fields of hashes.
 *
 * The wheel gives chunks of records; each is looked up in three strides over a group (bucket,
 * entries, work) so that the misses of a group overlap, about 0.1 us a record. A key that is due is
 * removed; one that is not is filed again: its record came early, because the deadline moved or
 * because the wheel spreads a coarse slot over finer ones.
 *
 * Records outlive keys that are deleted or replaced. When a wheel has more than twice the records
 * that there are deadlines, all its slots are looked through in the same way, ahead of time; what
 * belongs to nobody is gone then. That costs two lookups for each record that was left behind.
 */
#include "base/alloc.h"
#include "cache/cache_internal.h"
#include "cache/hash.h"

enum { GROUP = 25, CANDIDATES = 8, SIFT_MIN = 65536, FIELDS_AT_ONCE = 256 };
static const int64_t PAUSED_MS = 1000; /* between looks while nothing may expire */

struct look { /* at the keys of one record */
    unsigned count;
    struct entry *entries[CANDIDATES];
};

/* ---- the keys of a record ---- */

/* Bucket numbers that agree with 24 bits: first, first + 2^24, ... */
static size_t first_bucket(const struct dict *keys, uint32_t record)
{
    return dict_index(keys, record & 0xffffff);
}

static size_t bucket_step(const struct dict *keys)
{
    return keys->buckets > (size_t)1 << 24 ? (size_t)1 << 24 : SIZE_MAX / 2;
}

DICT_PREFETCH void prefetch_record(const struct dict *keys, uint32_t record)
{
    if (keys->count == 0) return;
    for (size_t i = first_bucket(keys, record); i < keys->buckets; i += bucket_step(keys))
        __builtin_prefetch(dict_bucket(keys, i));
}

static void collect(const struct dict *keys, uint32_t record, struct look *look)
{
    look->count = 0;
    if (keys->count == 0) return;
    for (size_t i = first_bucket(keys, record); i < keys->buckets; i += bucket_step(keys)) {
        const struct dict_bucket *bucket = dict_bucket(keys, i);
        for (; bucket; bucket = dict_chain(bucket)) {
            unsigned hits = dict_matches(bucket, (uint8_t)(record >> 24));
            for (; hits && look->count < CANDIDATES; hits &= hits - 1) {
                struct entry *entry = bucket->slots[__builtin_ctz(hits)];
                __builtin_prefetch(entry);
                look->entries[look->count++] = entry;
            }
        }
    }
}

/* A small table has few bits of the bucket, so others may have the same tag there. */
static bool is_of(const struct dict *keys, const struct entry *entry, uint32_t record)
{
    return wheel_record(dict_hash(keys, entry_key_of(entry))) == record;
}

/* ---- one key ---- */

struct turn {
    struct cache *cache;
    unsigned db;
    int64_t first_ms, last_ms; /* what the record's slot stands for */
};

static bool in_slot(const struct turn *turn, int64_t unix_ms)
{
    return unix_ms >= turn->first_ms && unix_ms <= turn->last_ms;
}

static void refile(struct turn *turn, uint32_t record, int64_t unix_ms)
{
    struct wheel *wheel = turn->cache->databases[turn->db].wheel;
    /* Without memory the key is freed when somebody meets it. */
    (void)!wheel_file(wheel, unix_ms, record, true);
}

struct field_call {
    struct cache *cache;
    unsigned db;
    struct entry *entry;
};

static void tell_field(void *ctx, struct kith_str name)
{
    const struct field_call *call = ctx;
    const struct cache_hooks *hooks = &call->cache->hooks;
    if (hooks->field_expired) hooks->field_expired(hooks->ctx, call->db, call->entry, name);
}

bool cache_expire_fields(struct cache *cache, unsigned db, struct entry *entry, size_t max)
{
    struct hash *hash = entry_value(entry);
    struct field_call call = {cache, db, entry};
    cache_tell(cache, db, entry);
    cache->stats.expired_fields += hash_expire(hash, cache->now_ms, max, tell_field, &call);
    if (hash_count(hash) > 0) return false;
    cache_remove(cache, db, entry, REMOVED_EXPIRED);
    return true;
}

/* Its fields' record has come. */
static void look_at_fields(struct turn *turn, struct entry *entry, uint32_t record)
{
    struct cache *cache = turn->cache;
    if (entry_fields_filed(entry) <= cache->now_ms &&
        cache_expire_fields(cache, turn->db, entry, FIELDS_AT_ONCE))
        return;
    int64_t next = hash_next_deadline(entry_value(entry));
    entry_set_fields_filed(entry, next < ENTRY_UNFILED ? next : ENTRY_UNFILED);
    if (next < ENTRY_UNFILED) refile(turn, record, next);
}

static void look_at(struct turn *turn, struct entry *entry, uint32_t record)
{
    struct cache *cache = turn->cache;
    int64_t filed = entry_filed(entry);
    if (entry_is_due(cache, entry)) {
        cache->stats.expired_active++;
        cache_remove(cache, turn->db, entry, REMOVED_EXPIRED);
        return;
    }
    bool fields = entry_fields_filed(entry) != ENTRY_UNFILED;
    bool fields_own = fields && in_slot(turn, entry_fields_filed(entry));
    bool key_own = filed != ENTRY_UNFILED && in_slot(turn, filed);
    if (filed != ENTRY_UNFILED && (key_own || !fields_own)) {
        if (entry_is_live(entry)) {
            refile(turn, record, filed);
        } else {
            (void)entry_put_deadline(entry, ENTRY_UNFILED, false);
        }
    }
    if (fields && (fields_own || !key_own)) look_at_fields(turn, entry, record);
}

/* The third stride collects anew: the key of a second record of it may be gone by then. */
static void look_up_chunk(struct turn *turn, const struct wheel_chunk *chunk)
{
    const struct dict *keys = &turn->cache->databases[turn->db].keys;
    struct look look;
    for (uint32_t at = 0; at < chunk->count; at += GROUP) {
        uint32_t end = chunk->count - at < GROUP ? chunk->count : at + GROUP;
        for (uint32_t i = at; i < end; i++) prefetch_record(keys, chunk->records[i]);
        for (uint32_t i = at; i < end; i++) collect(keys, chunk->records[i], &look);
        for (uint32_t i = at; i < end; i++) {
            collect(keys, chunk->records[i], &look);
            for (unsigned j = 0; j < look.count; j++) {
                if (is_of(keys, look.entries[j], chunk->records[i]))
                    look_at(turn, look.entries[j], chunk->records[i]);
            }
        }
    }
}

/* ---- turns ---- */

/* Begins to look through all slots when too many records belong to nobody. */
static bool wants_sifting(const struct database *database)
{
    const struct wheel *wheel = database->wheel;
    if (wheel->lifted || wheel->sift_at < WHEEL_LEVELS * WHEEL_SLOTS) return true;
    size_t limit = 2 * database->deadlines + SIFT_MIN;
    return wheel->count > limit && wheel->count > 2 * wheel->sift_left;
}

void expiry_sift(struct cache *cache, unsigned db, const struct wheel_chunk *chunk)
{
    struct turn turn = {cache, db, 0, -1}; /* a slot that no time lies in */
    look_up_chunk(&turn, chunk);
}

/* Looks at one chunk ahead of time; false: the wheel is through. */
static bool sift_step(struct cache *cache, unsigned db)
{
    struct wheel *wheel = cache->databases[db].wheel;
    bool begins = !wheel->lifted && wheel->sift_at == WHEEL_LEVELS * WHEEL_SLOTS;
    if (begins) wheel->sift_at = 0;
    while (!wheel->lifted) {
        if (wheel->sift_at == WHEEL_LEVELS * WHEEL_SLOTS) {
            wheel->sift_left = wheel->count;
            return false;
        }
        unsigned at = wheel->sift_at++;
        wheel->lifted = wheel_lift(wheel, at / WHEEL_SLOTS, at % WHEEL_SLOTS);
    }
    struct wheel_chunk *chunk = wheel->lifted;
    wheel->lifted = chunk->next;
    expiry_sift(cache, db, chunk);
    wheel_return(wheel, chunk);
    return true;
}

/* One chunk of what is due; false: nothing is. */
static bool due_step(struct cache *cache, unsigned db)
{
    struct wheel *wheel = cache->databases[db].wheel;
    struct wheel_due due = wheel_take(wheel, cache->now_ms);
    if (!due.chunk) return false;
    struct turn turn = {cache, db, due.first_ms, due.last_ms};
    look_up_chunk(&turn, due.chunk);
    wheel_return(wheel, due.chunk);
    return true;
}

static bool step(struct cache *cache, unsigned db)
{
    if (due_step(cache, db)) return true;
    return wants_sifting(&cache->databases[db]) && sift_step(cache, db);
}

int64_t expiry_turn(struct cache *cache, int64_t until_us)
{
    int64_t next = INT64_MAX;
    if (cache->paused) return cache->now_ms + PAUSED_MS;
    for (unsigned i = 0; i < cache->database_count; i++) {
        unsigned db = (cache->turn_db + i) % cache->database_count;
        if (!cache->databases[db].wheel) continue;
        while (step(cache, db)) {
            if (os_now_us(cache->os) < until_us) continue;
            cache->turn_db = db;
            return cache->now_ms;
        }
        int64_t due = wheel_next(cache->databases[db].wheel);
        if (due < next) next = due;
    }
    return next;
}
