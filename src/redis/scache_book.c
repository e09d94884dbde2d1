/*
 * Counts that wait for their hash, and vectors that follow their entry: see scache_book.h.
 *
 * Notes of what has gone are records of one buffer: database (4 bytes), length of the key (4), key.
 */
#include "redis/scache_book.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "redis/cron.h"
#include "redis/scache.h"
#include "redis/vector_upkeep.h"

#define FOLD_MS 10000
#define CACHES_MAX 4096u /* that have counts waiting; more are not counted until the next fold */

const char *const scache_counter_names[SCACHE_COUNTERS] = {
    "exact_hits", "semantic_hits", "misses", "guard_refused", "false_hits",
};

struct counts {
    uint64_t of[SCACHE_COUNTERS];
};

/* ---- counting ---- */

int64_t scache_counter_value(const struct hash *hash, enum scache_counter counter)
{
    struct hash_field field;
    int64_t value = 0;
    if (!hash || !hash_get(hash, str_of(scache_counter_names[counter]), &field) ||
        !text_integer(field.value, &value))
        return 0;
    return value;
}

static struct counts *find_counts(struct redis *redis, unsigned db, struct kith_str cache)
{
    uintptr_t value = 0;
    const struct kith_str place = redis_place(redis, db, cache);
    if (buffer_failed(&redis->scratch)) return NULL;
    return map_get(&redis->scache_counts, place.data, place.len, &value) ? (struct counts *)value
                                                                         : NULL;
}

static bool is_counted(struct redis_call *call)
{
    struct buffer buf;
    buffer_init(&buf);
    const struct kith_str key = scache_key(&buf, call->argv[1], str_of("stats"));
    const struct entry *entry =
        buffer_failed(&buf) ? NULL
                            : cache_read(call->cache, call->db, key,
                                         CACHE_NO_TOUCH | CACHE_NO_STATS);
    buffer_release(&buf);
    return entry && entry_type(entry) == VALUE_HASH;
}

static struct counts *new_counts(struct redis_call *call)
{
    struct redis *redis = call->redis;
    if (redis->scache_counts.count >= CACHES_MAX || !is_counted(call)) return NULL;
    struct counts *counts = mem_zalloc(sizeof *counts);
    if (!counts) return NULL;
    const struct kith_str place = redis_place(redis, call->db, call->argv[1]);
    if (buffer_failed(&redis->scratch) ||
        map_put(&redis->scache_counts, place.data, place.len, (uintptr_t)counts)) {
        mem_free(counts);
        return NULL;
    }
    if (redis->scache_counts.count == 1) {
        redis->scache_fold_ms = cache_now_ms(call->cache) + FOLD_MS;
        cron_poke(redis);
    }
    return counts;
}

void scache_count(struct redis_call *call, enum scache_counter counter)
{
    struct counts *counts = find_counts(call->redis, call->db, call->argv[1]);
    if (!counts) counts = new_counts(call);
    if (counts) counts->of[counter]++;
}

int64_t scache_pending(struct redis *redis, unsigned db, struct kith_str cache,
                       enum scache_counter counter)
{
    const struct counts *counts = find_counts(redis, db, cache);
    return counts ? (int64_t)counts->of[counter] : 0;
}

/* ---- into the hashes ---- */

#define FOLD_WORDS (2u + 2u * SCACHE_COUNTERS)

struct fold {
    struct redis *redis;
    unsigned db;
    struct kith_str key;
    struct kith_str words[FOLD_WORDS]; /* HSET key counter value ... */
    size_t count;
    char digits[SCACHE_COUNTERS][24];
};

static int64_t sum_of(int64_t value, uint64_t more)
{
    const uint64_t room = (uint64_t)INT64_MAX - (value > 0 ? (uint64_t)value : 0);
    return more > room ? INT64_MAX : value + (int64_t)more;
}

static void fold_one(struct fold *fold, struct hash *hash, struct counts *counts,
                     enum scache_counter i)
{
    struct redis *redis = fold->redis;
    if (!counts->of[i]) return;
    const int64_t value = sum_of(scache_counter_value(hash, i), counts->of[i]);
    const int len = snprintf(fold->digits[i], 24, "%lld", (long long)value);
    const struct kith_str name = str_of(scache_counter_names[i]);
    const struct kith_str text = {fold->digits[i], (size_t)len};
    counts->of[i] = 0;
    if (hash_set(hash, cache_settings(redis->cache), name, text, CACHE_KEEP_DEADLINE, NULL)) return;
    fold->words[fold->count++] = name;
    fold->words[fold->count++] = text;
}

static void fold_counts(struct fold *fold, struct counts *counts)
{
    struct redis *redis = fold->redis;
    struct entry *entry = cache_write(redis->cache, fold->db, fold->key);
    if (!entry || entry_type(entry) != VALUE_HASH) return;
    fold->words[0] = str_of("HSET");
    fold->words[1] = fold->key;
    fold->count = 2;
    for (int i = 0; i < SCACHE_COUNTERS; i++)
        fold_one(fold, entry_value(entry), counts, (enum scache_counter)i);
    if (fold->count == 2) return;
    redis->dirty++;
    redis_effect(redis, fold->db, fold->words, fold->count);
    if (redis->interests == 0) return;
    redis_key_changed(redis, fold->db, fold->key);
    if (redis->interests & INTEREST_EVENTS)
        redis_event(redis, fold->db, fold->key, EVENT_HASH, "hset");
}

static unsigned place_db(const void *place)
{
    struct cursor cur;
    cursor_init(&cur, place, 4);
    return cursor_u32(&cur);
}

void scache_fold(struct redis *redis, bool now)
{
    size_t it = 0, len;
    const void *place;
    uintptr_t value;
    if (!redis->scache_counts.count || redis->loading || redis->write_refusal) return;
    if (!now && cache_now_ms(redis->cache) < redis->scache_fold_ms) return;
    struct buffer buf;
    buffer_init(&buf);
    while (map_next(&redis->scache_counts, &it, &place, &len, &value)) {
        const struct kith_str cache = {(const char *)place + 4, len - 4};
        struct fold fold = {.redis = redis, .db = place_db(place)};
        fold.key = scache_key(&buf, cache, str_of("stats"));
        if (!buffer_failed(&buf)) fold_counts(&fold, (struct counts *)value);
        mem_free((struct counts *)value);
    }
    buffer_release(&buf);
    map_release(&redis->scache_counts);
    map_init(&redis->scache_counts);
}

int64_t scache_fold_due_ms(const struct redis *redis)
{
    if (!redis->scache_counts.count) return INT64_MAX;
    const int64_t left = redis->scache_fold_ms - cache_now_ms(redis->cache);
    if (redis->write_refusal) return FOLD_MS;
    return left < 1 ? 1 : left;
}

void scache_forget_counts(struct redis *redis, unsigned db)
{
    size_t it = 0, len;
    const void *place;
    uintptr_t value;
    while (map_next(&redis->scache_counts, &it, &place, &len, &value))
        if (place_db(place) == db) memset((struct counts *)value, 0, sizeof(struct counts));
}

void scache_book_release(struct redis *redis)
{
    size_t it = 0, len;
    const void *place;
    uintptr_t value;
    while (map_next(&redis->scache_counts, &it, &place, &len, &value))
        mem_free((struct counts *)value);
    map_release(&redis->scache_counts);
    buffer_release(&redis->scache_gone);
}

/* ---- what has gone ---- */

#define MODEL_SUFFIX ":model"

static bool is_hex(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
            return false;
    return true;
}

/* "c:<id>": where the id begins; 0: it is no such name. */
static size_t id_place(struct kith_str key)
{
    if (key.len < SCACHE_ID_LEN + 1) return 0;
    const size_t at = key.len - SCACHE_ID_LEN;
    return key.data[at - 1] == ':' && is_hex(key.data + at, SCACHE_ID_LEN) ? at : 0;
}

static size_t model_place(struct kith_str key)
{
    const size_t len = sizeof MODEL_SUFFIX - 1;
    if (key.len < len || memcmp(key.data + key.len - len, MODEL_SUFFIX, len) != 0) return 0;
    return key.len - len + 1;
}

void scache_note_gone(struct redis *redis, unsigned db, struct kith_str key)
{
    struct buffer *out = &redis->scache_gone;
    const size_t before = out->len;
    if (key.len > UINT32_MAX) return;
    buffer_put_u32(out, db);
    buffer_put_u32(out, (uint32_t)key.len);
    buffer_put(out, key.data, key.len);
    if (!buffer_failed(out)) return;
    out->failed = false; /* whoever meets the vector removes it */
    out->len = before;
}

void scache_entry_gone(struct redis *redis, unsigned db, const struct entry *entry,
                       enum removal why)
{
    if (why == REMOVED_REPLACED || redis->loading || entry_type(entry) != VALUE_HASH) return;
    const struct kith_str key = entry_key(entry);
    if (id_place(key) || (why == REMOVED_EVICTED && model_place(key)))
        scache_note_gone(redis, db, key);
}

/* ---- what follows ---- */

static void drop_set(struct redis *redis, unsigned db, struct entry *entry)
{
    const struct kith_str words[2] = {str_of("DEL"), entry_key(entry)};
    redis->dirty++;
    redis_effect(redis, db, words, 2);
    redis_key_changed(redis, db, words[1]);
    if (redis->interests & INTEREST_EVENTS)
        redis_event(redis, db, words[1], EVENT_GENERIC, "del");
    cache_remove(redis->cache, db, entry, REMOVED_DELETED);
}

static void drop_element(struct redis *redis, unsigned db, struct entry *entry,
                         struct kith_str id)
{
    struct vector_set *set = vector_set_of(entry);
    struct vset_element *element = vset_find(set, id);
    if (!element) return;
    if (vset_count(set) == 1) {
        drop_set(redis, db, entry);
        return;
    }
    const struct kith_str words[3] = {str_of("VREM"), entry_key(entry), id};
    redis->dirty++;
    redis_effect(redis, db, words, 3);
    vset_remove(set, element);
    vector_upkeep(redis, set);
    redis_key_changed(redis, db, words[1]);
    if (redis->interests & INTEREST_EVENTS)
        redis_event(redis, db, words[1], EVENT_MODULE, "vrem");
}

/* The key may have come back since. */
static void follow(struct redis *redis, unsigned db, struct kith_str key)
{
    const size_t id = id_place(key), at = id ? id : model_place(key);
    if (at == 0 || cache_read(redis->cache, db, key, CACHE_NO_TOUCH | CACHE_NO_STATS)) return;
    struct entry *entry = cache_write(redis->cache, db, (struct kith_str){key.data, at - 1});
    if (!entry || entry_type(entry) != VALUE_VECTORS) return;
    if (id) drop_element(redis, db, entry, (struct kith_str){key.data + at, key.len - at});
    else drop_set(redis, db, entry);
}

void scache_settle(struct redis *redis)
{
    while (redis->scache_gone.len) { /* looking may let others expire */
        struct buffer notes = redis->scache_gone;
        struct cursor cur;
        buffer_init(&redis->scache_gone);
        cursor_init(&cur, notes.data, notes.len);
        while (cursor_left(&cur) > 0) {
            const unsigned db = cursor_u32(&cur);
            const size_t len = cursor_u32(&cur);
            const uint8_t *key = cursor_take(&cur, len);
            if (!key) break;
            follow(redis, db, (struct kith_str){(const char *)key, len});
        }
        buffer_release(&notes);
    }
}
