/*
 * Keys of any type: adding, removing, moving, deadlines, and what concerns a whole database.
 *
 * Order of a change: what can fail first, then `changing`, then the change. A removal tells
 * `changing` and `removed` while the entry is whole.
 */
#include "base/alloc.h"
#include "cache/cache_internal.h"

enum { PARTS_AT_ONCE = 64 };                       /* more allocations than this: elsewhere */
static const size_t BYTES_AT_ONCE = (size_t)4 << 20; /* of a string: giving pages back takes long */

/* ---- freeing ---- */

static void free_value(void *ctx, void *what)
{
    const struct value_ops *const *ops = ctx;
    (*ops)->free(what);
}

static void free_block(void *ctx, void *what)
{
    heap_free(ctx, what);
}

static void free_of_type(struct cache *cache, enum value_type type, void *value)
{
    const struct value_ops *const *ops = value_ops_place(type);
    if ((*ops)->parts(value) <= PARTS_AT_ONCE) {
        (*ops)->free(value);
    } else {
        union { /* the job's context is not written */
            const void *in;
            void *out;
        } context = {.in = ops};
        lazy_free(&cache->lazy, free_value, context.out, value, (*ops)->bytes(value));
    }
}

static bool is_kept(struct cache *cache, enum value_type type, void *value)
{
    const struct cache_hooks *hooks = &cache->hooks;
    if (!hooks->keeping || !hooks->keeping(hooks->ctx, type, value)) return false;
    cache->kept_count++;
    cache->kept_bytes += value_of_type(type)->bytes(value);
    return true;
}

void cache_free_kept(struct cache *cache, enum value_type type, void *value)
{
    const size_t bytes = value_of_type(type)->bytes(value);
    cache->kept_bytes -= bytes < cache->kept_bytes ? bytes : cache->kept_bytes;
    if (--cache->kept_count == 0) cache->kept_bytes = 0; /* what is estimated may change */
    free_of_type(cache, type, value);
}

void cache_free_value(struct cache *cache, struct entry *entry)
{
    if (entry_type_of(entry) != VALUE_STRING) {
        if (is_kept(cache, entry_type_of(entry), entry_value(entry))) return;
        free_of_type(cache, entry_type_of(entry), entry_value(entry));
    } else if (text_kind_is_block(entry_text_kind(entry))) {
        void *text = entry_value(entry);
        if (heap_size(text) <= BYTES_AT_ONCE) {
            heap_free(&cache->heap, text);
        } else {
            lazy_free(&cache->lazy, free_block, &cache->heap, text, heap_size(text));
        }
    }
}

void database_release(struct heap *heap, struct database *database)
{
    struct dict_iter it = {0};
    for (struct entry *entry; (entry = dict_next(&database->keys, &it)) != NULL;) {
        if (entry_type_of(entry) != VALUE_STRING) {
            value_of_type(entry_type_of(entry))->free(entry_value(entry));
        } else if (text_kind_is_block(entry_text_kind(entry))) {
            heap_free(heap, entry_value(entry));
        }
        heap_free(heap, entry);
    }
    dict_release(&database->keys);
    wheel_free(database->wheel);
    database->wheel = NULL;
    database->deadlines = 0;
}

static void count_removal(struct cache *cache, enum removal why)
{
    if (why == REMOVED_EXPIRED) cache->stats.expired++;
    if (why == REMOVED_EVICTED) cache->stats.evicted++;
}

/* Out of the table; the entry lives on. */
static struct entry *unseat(struct database *database, struct seat seat)
{
    struct entry *entry = seat_entry(&seat);
    if (entry_is_live(entry)) database->deadlines--;
    dict_remove(&database->keys, seat.hash, seat.place);
    return entry;
}

void cache_drop(struct cache *cache, unsigned db, struct seat seat, enum removal why)
{
    struct entry *entry = seat_entry(&seat);
    cache_tell(cache, db, entry);
    if (cache->hooks.removed) cache->hooks.removed(cache->hooks.ctx, db, entry, why);
    count_removal(cache, why);
    (void)unseat(&cache->databases[db], seat);
    cache_free_value(cache, entry);
    heap_free(&cache->heap, entry);
}

void cache_remove(struct cache *cache, unsigned db, struct entry *entry, enum removal why)
{
    cache_drop(cache, db, seat_of(&cache->databases[db], entry), why);
}

/* ---- adding and moving ---- */

int cache_file(struct cache *cache, struct database *database, uint64_t hash, int64_t unix_ms)
{
    if (!database->wheel) database->wheel = wheel_new(&cache->heap, cache->now_ms);
    if (!database->wheel) return KITH_ENOMEM;
    return wheel_file(database->wheel, unix_ms, wheel_record(hash), false);
}

/* Puts a new entry for the parts into a database; what has the key there is replaced. */
static int seat_parts(struct cache *cache, unsigned db, struct entry_parts *parts,
                      struct entry **out)
{
    struct database *database = &cache->databases[db];
    struct seat seat = seat_find(cache, db, parts->key);
    parts->fields_filed = ENTRY_UNFILED;
    if (!parts->live) parts->filed = ENTRY_UNFILED;
    struct entry *entry = cache_make_entry(cache, parts);
    if (!entry) return KITH_ENOMEM;
    int rc = parts->live ? cache_file(cache, database, seat.hash, parts->filed) : 0;
    if (!rc && !seat.place) rc = dict_add(&database->keys, seat.hash, entry);
    if (rc) {
        heap_free(&cache->heap, entry);
        return rc;
    }
    if (seat.place) {
        struct entry *old = seat_entry(&seat);
        cache_tell(cache, db, old);
        if (cache->hooks.removed)
            cache->hooks.removed(cache->hooks.ctx, db, old, REMOVED_REPLACED);
        if (entry_is_live(old)) database->deadlines--;
        *seat.place = entry;
        cache_free_value(cache, old);
        heap_free(&cache->heap, old);
    }
    if (parts->live) database->deadlines++;
    cache_note_peak(cache);
    if (out) *out = entry;
    return 0;
}

int cache_add(struct cache *cache, unsigned db, struct kith_str key, enum value_type type,
              void *value, int64_t deadline, struct entry **out)
{
    struct entry_parts parts = {.type = type,
                                .key = key,
                                .value = value,
                                .filed = deadline,
                                .live = deadline != CACHE_NO_DEADLINE,
                                .mark = mark_new(cache)};
    int rc = seat_parts(cache, db, &parts, out);
    if (rc) value_of_type(type)->free(value);
    return rc;
}

int cache_move(struct cache *cache, unsigned db, struct entry *entry, unsigned to_db,
               struct kith_str to_key)
{
    struct kith_str key = entry_key_of(entry);
    bool same = db == to_db && key.len == to_key.len && memcmp(key.data, to_key.data, key.len) == 0;
    if (same) return 0;
    struct entry_parts parts;
    entry_parts_get(entry, &parts);
    int64_t fields_filed = parts.fields_filed;
    parts.key = to_key;
    cache_tell(cache, db, entry);
    struct entry *moved;
    int rc = seat_parts(cache, to_db, &parts, &moved);
    if (rc) return rc;
    if (cache->hooks.removed) cache->hooks.removed(cache->hooks.ctx, db, entry, REMOVED_DELETED);
    struct seat seat = seat_of(&cache->databases[db], entry);
    heap_free(&cache->heap, unseat(&cache->databases[db], seat));
    if (fields_filed != ENTRY_UNFILED) (void)!cache_watch_fields(cache, to_db, moved, fields_filed);
    return 0;
}

/* ---- deadlines ---- */

/* Gives the entry bytes for a deadline. */
static int make_room(struct cache *cache, struct seat seat, int64_t unix_ms, struct entry **entry)
{
    struct entry_parts parts;
    entry_parts_get(*entry, &parts);
    parts.filed = unix_ms;
    parts.live = true;
    struct entry *fresh = cache_make_entry(cache, &parts);
    if (!fresh) return KITH_ENOMEM;
    heap_free(&cache->heap, *entry);
    *seat.place = fresh;
    *entry = fresh;
    return 0;
}

int cache_set_deadline(struct cache *cache, unsigned db, struct entry **entry, int64_t unix_ms)
{
    struct database *database = &cache->databases[db];
    bool was = entry_is_live(*entry);
    bool live = unix_ms != CACHE_NO_DEADLINE;
    if (!was && !live) return 0;
    cache_tell(cache, db, *entry);
    if (!live) {
        (void)entry_put_deadline(*entry, entry_filed(*entry), false);
        database->deadlines--;
        return 0;
    }
    struct seat seat = seat_of(database, *entry);
    int rc = entry_filed_by(*entry, unix_ms) ? 0 : cache_file(cache, database, seat.hash, unix_ms);
    if (!rc && !entry_put_deadline(*entry, unix_ms, true))
        rc = make_room(cache, seat, unix_ms, entry);
    if (!rc && !was) database->deadlines++;
    return rc;
}

int cache_watch_fields(struct cache *cache, unsigned db, struct entry *entry, int64_t unix_ms)
{
    struct database *database = &cache->databases[db];
    int64_t filed = entry_fields_filed(entry);
    if (filed != ENTRY_UNFILED && filed <= unix_ms) return 0;
    if (unix_ms < 0) unix_ms = 0;
    if (unix_ms >= ENTRY_UNFILED) return 0; /* not in this civilisation */
    uint64_t hash = dict_hash(&database->keys, entry_key_of(entry));
    /* Without a record they still go when somebody looks at the hash. */
    entry_set_fields_filed(entry, unix_ms);
    return cache_file(cache, database, hash, unix_ms);
}

/* ---- a whole database ---- */

struct entry *cache_random(struct cache *cache, unsigned db)
{
    struct database *database = &cache->databases[db];
    for (unsigned tries = 0;;) {
        struct entry *entry = dict_random(&database->keys, &cache->rng);
        if (!entry || !entry_is_due(cache, entry)) return entry;
        if (!cache->paused) {
            cache_remove(cache, db, entry, REMOVED_EXPIRED);
        } else if (++tries == 100) {
            return NULL;
        }
    }
}

struct scan_call {
    const struct cache *cache;
    void (*fn)(void *ctx, struct entry *entry);
    void *ctx;
};

static void scan_entry(void *ctx, void **place)
{
    const struct scan_call *call = ctx;
    struct entry *entry = *place;
    if (!entry_is_due(call->cache, entry)) call->fn(call->ctx, entry);
}

uint64_t cache_scan(struct cache *cache, unsigned db, uint64_t cursor,
                    void (*fn)(void *ctx, struct entry *entry), void *ctx)
{
    struct scan_call call = {cache, fn, ctx};
    return dict_scan(&cache->databases[db].keys, cursor, scan_entry, &call);
}

bool cache_scanned(const struct cache *cache, unsigned db, uint64_t cursor, struct kith_str key)
{
    const struct dict *keys = &cache->databases[db].keys;
    return dict_scanned(keys, cursor, dict_hash(keys, key));
}

struct flushed { /* a database on its way out */
    struct heap *heap;
    struct database database;
};

static void free_flushed(void *ctx, void *what)
{
    (void)ctx;
    struct flushed *flushed = what;
    database_release(flushed->heap, &flushed->database);
    mem_free(flushed);
}

void cache_mark_begin(struct cache *cache) { cache->epoch = !cache->epoch; }

bool cache_mark(struct cache *cache, struct entry *entry)
{
    if (entry_epoch(entry) == cache->epoch) return false;
    entry_set_epoch(entry, cache->epoch);
    return true;
}

void cache_flush(struct cache *cache, unsigned db, bool in_background)
{
    struct database *database = &cache->databases[db];
    if (cache->hooks.flushing) cache->hooks.flushing(cache->hooks.ctx, db);
    struct flushed *flushed = in_background && dict_count(&database->keys) > PARTS_AT_ONCE
                                  ? mem_zalloc(sizeof *flushed)
                                  : NULL;
    if (flushed) {
        flushed->heap = &cache->heap;
        flushed->database = *database;
        size_t bytes = dict_count(&database->keys) * 64;
        lazy_free(&cache->lazy, free_flushed, NULL, flushed, bytes);
    } else {
        database_release(&cache->heap, database);
    }
    *database = (struct database){0};
    dict_init(&database->keys, &cache->heap, entry_key_in_dict, cache->seed);
}

void cache_swap(struct cache *cache, unsigned a, unsigned b)
{
    const struct cache_hooks *hooks = &cache->hooks;
    if (a != b && hooks->flushing) hooks->flushing(hooks->ctx, a); /* not where it was, either */
    if (a != b && hooks->flushing) hooks->flushing(hooks->ctx, b);
    struct database kept = cache->databases[a];
    cache->databases[a] = cache->databases[b];
    cache->databases[b] = kept;
}
