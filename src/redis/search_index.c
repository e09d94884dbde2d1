/* See search_index.h: which indexes there are, and how they follow the keyspace. */
#include "redis/search_index.h"

#include <string.h>

#include "base/alloc.h"
#include "cache/heap.h"
#include "redis/keep.h"
#include "redis/search_derived.h"
#include "redis/search_guard.h"
#include "redis/search_lexicon.h"
#include "redis/search_text.h"
#include "redis/search_turn.h"

#define SCAN_ROUNDS 64   /* of one piece of a rebuild */
#define PENDING_ROUND 512 /* keys of one piece of catching up */

/* ---- documents of an index ---- */

#define KEY_SLOT_BYTES 32u /* of struct map */

/* The index's own tables, as the heap counts them. */
static void count_tables(struct search_index *index)
{
    if (!index->heap) return;
    const size_t now = index->cap * sizeof *index->docs + index->by_key.cap * KEY_SLOT_BYTES +
                       (size_t)index->sizes.keys;
    if (now > index->counted) heap_count(index->heap, now - index->counted);
    else heap_uncount(index->heap, index->counted - now);
    index->counted = now;
}

static void remove_doc(struct search_index *index, struct kith_str key)
{
    uintptr_t value;
    if (!map_get(&index->by_key, key.data, key.len, &value)) return;
    struct search_doc *doc = (struct search_doc *)value;
    struct search_doc *last = index->docs[--index->count];
    index->docs[doc->place] = last;
    last->place = doc->place;
    map_remove(&index->by_key, key.data, key.len);
    search_derived_note(index, doc, NULL);
    search_doc_weigh(index, doc, -1, &index->sizes);
    search_bury(index, doc);
    count_tables(index);
}

static int make_place(struct search_index *index)
{
    if (index->count < index->cap) return 0;
    const size_t cap = index->cap ? index->cap * 2 : 16;
    struct search_doc **docs = mem_realloc(index->docs, cap * sizeof *docs);
    if (!docs) return KITH_ENOMEM;
    index->docs = docs;
    index->cap = cap;
    return 0;
}

static int put_doc(struct search_index *index, struct search_doc *doc)
{
    uintptr_t value;
    struct search_doc *old = NULL;
    if (map_get(&index->by_key, doc->key, doc->key_len, &value)) old = (struct search_doc *)value;
    if (!old && make_place(index) != 0) return KITH_ENOMEM;
    if (map_put(&index->by_key, doc->key, doc->key_len, (uintptr_t)doc) != 0) return KITH_ENOMEM;
    doc->place = old ? old->place : index->count++;
    index->docs[doc->place] = doc;
    if (doc->stale_ms < index->stale_ms) index->stale_ms = doc->stale_ms;
    search_derived_note(index, old, doc);
    if (old) search_doc_weigh(index, old, -1, &index->sizes);
    search_doc_weigh(index, doc, 1, &index->sizes);
    search_bury(index, old);
    count_tables(index);
    return 0;
}

/* Reads one key anew. The key must not lie in the document that goes. */
static int update(struct redis *redis, struct search_index *index, struct kith_str key)
{
    struct search_doc *doc = NULL;
    bool unusable = false;
    const struct entry *entry = cache_read(redis->cache, 0, key, CACHE_NO_TOUCH | CACHE_NO_STATS);
    int rc = entry ? search_doc_read(index, entry, &doc, &unusable) : 0;
    index->failures += unusable;
    if (rc == 0 && doc) {
        rc = put_doc(index, doc);
        if (rc) search_doc_free(index, doc);
    } else if (rc == 0) {
        remove_doc(index, key);
    }
    return rc;
}

static void clear_docs(struct search_index *index)
{
    for (size_t i = 0; i < index->count; i++) search_bury(index, index->docs[i]);
    index->count = 0;
    index->stale_ms = INT64_MAX;
    map_release(&index->by_key);
    map_init(&index->by_key);
    index->sizes = (struct search_sizes){0};
    count_tables(index);
    search_derived_clear(index);
}

static bool has_prefix(const struct search_index *index, struct kith_str key)
{
    for (size_t i = 0; i < index->prefix_count; i++) {
        const struct kith_str prefix = index->prefixes[i];
        if (prefix.len == 0 ||
            (key.len >= prefix.len && memcmp(key.data, prefix.data, prefix.len) == 0))
            return true;
    }
    return index->prefix_count == 0;
}

/* ---- catching up ---- */

struct scan {
    const struct search_index *index;
    struct buffer keys;
};

static void collect(void *ctx, struct entry *entry)
{
    struct scan *scan = ctx;
    const struct kith_str key = entry_key(entry);
    if (has_prefix(scan->index, key)) buffer_put_bytes(&scan->keys, key.data, key.len);
}

static int update_collected(struct redis *redis, struct search_index *index, struct scan *scan)
{
    struct cursor in;
    int rc = buffer_failed(&scan->keys) ? KITH_ENOMEM : 0;
    cursor_init(&in, scan->keys.data, scan->keys.len);
    while (rc == 0 && cursor_left(&in)) {
        struct kith_str key;
        key.data = (const char *)cursor_bytes(&in, &key.len);
        rc = key.data ? update(redis, index, key) : KITH_ECORRUPT;
    }
    buffer_clear(&scan->keys);
    return rc;
}

/* At most `rounds` steps of the scan. Changes behind it are followed, so it may pause. */
static int rebuild(struct redis *redis, struct search_index *index, size_t rounds)
{
    struct scan scan = {.index = index};
    int rc;
    if (!index->scanning) {
        clear_docs(index);
        index->failures = 0;
        index->scan = 0;
        index->scanning = true;
    }
    do {
        index->scan = cache_scan(redis->cache, 0, index->scan, collect, &scan);
        rc = update_collected(redis, index, &scan);
    } while (rc == 0 && index->scan && --rounds);
    buffer_release(&scan.keys);
    index->scanning = rc == 0 && index->scan;
    index->rebuild = rc != 0 || index->scan;
    return rc;
}

static void rebuild_all(struct search *search)
{
    for (struct search_index *at = search->indexes; at; at = at->next) {
        at->rebuild = true;
        at->scanning = false;
    }
    map_release(&search->pending);
    map_init(&search->pending);
}

static void apply_key(struct search *search, struct kith_str key)
{
    for (struct search_index *at = search->indexes; at; at = at->next)
        if ((!at->rebuild || at->scanning) && has_prefix(at, key) &&
            update(search->redis, at, key) != 0) {
            at->rebuild = true;
            at->scanning = false;
        }
}

/* The changed keys go to every index, so that nothing is kept for those that nobody asks. Reading a
 * key may note it again (its time was over): for that the list is taken out first. */
static void apply_pending(struct search *search)
{
    struct map pending = search->pending;
    const void *data;
    uintptr_t value;
    size_t it = 0, len;
    map_init(&search->pending);
    while (map_next(&pending, &it, &data, &len, &value))
        apply_key(search, (struct kith_str){data, len});
    map_release(&pending);
}

/* The same for some of them. */
static void apply_round(struct search *search)
{
    struct buffer keys;
    struct cursor in;
    const void *data;
    uintptr_t value;
    size_t it = 0, len, count = 0;
    buffer_init(&keys);
    while (count++ < PENDING_ROUND && map_next(&search->pending, &it, &data, &len, &value))
        buffer_put_bytes(&keys, data, len);
    cursor_init(&in, keys.data, keys.len);
    while (!buffer_failed(&keys) && cursor_left(&in)) {
        struct kith_str key;
        key.data = (const char *)cursor_bytes(&in, &key.len);
        if (!key.data) break;
        (void)map_remove(&search->pending, key.data, key.len);
        apply_key(search, key);
    }
    if (buffer_failed(&keys)) apply_pending(search);
    buffer_release(&keys);
}

/* Documents whose time, or a field's, is over. Downwards: a removal moves the last one. */
static int refresh_stale(struct redis *redis, struct search_index *index)
{
    const int64_t now = cache_now_ms(redis->cache);
    int rc = 0;
    if (index->stale_ms > now) return 0;
    index->stale_ms = INT64_MAX;
    for (size_t i = index->count; rc == 0 && i-- > 0;) {
        const struct search_doc *doc = index->docs[i];
        if (doc->stale_ms > now) {
            if (doc->stale_ms < index->stale_ms) index->stale_ms = doc->stale_ms;
            continue;
        }
        char *key = mem_strndup(doc->key, doc->key_len);
        rc = key ? update(redis, index, (struct kith_str){key, doc->key_len}) : KITH_ENOMEM;
        mem_free(key);
    }
    if (rc) index->stale_ms = 0; /* not all were looked at */
    return rc;
}

int search_catch_up(struct redis *redis, struct search_index *index)
{
    int rc = index->rebuild ? rebuild(redis, index, SIZE_MAX) : 0;
    if (rc) return rc;
    apply_pending(search_of(redis));
    if (index->rebuild) rc = rebuild(redis, index, SIZE_MAX);
    return rc ? rc : refresh_stale(redis, index);
}

bool search_catch_up_some(struct redis *redis)
{
    struct search *search = search_of(redis);
    bool more = false;
    for (struct search_index *at = search->indexes; at; at = at->next) {
        if (at->rebuild && rebuild(redis, at, SCAN_ROUNDS) != 0) continue;
        (void)!refresh_stale(redis, at);
        more = more || at->rebuild;
    }
    if (search->pending.count) apply_round(search);
    return more || search->pending.count;
}

/* redis->indexed. A key without bytes: all of the database may have changed. */
static void note_change(void *ctx, unsigned db, struct kith_str key)
{
    struct search *search = ctx;
    bool wanted = false;
    if (db != 0) return;
    if (!key.data) {
        rebuild_all(search);
        if (search->asleep) search_sync_poke(search->redis);
        return;
    }
    for (struct search_index *at = search->indexes; at && !wanted; at = at->next)
        wanted = has_prefix(at, key);
    if (!wanted) return;
    if (search->pending.count >= SEARCH_PENDING_MAX ||
        map_put(&search->pending, key.data, key.len, 1) != 0)
        rebuild_all(search);
    if (search->asleep) search_sync_poke(search->redis);
}

/* ---- the list ---- */

static void define_words(const struct search *search, struct keep *keep)
{
    struct kith_str head[3] = {str_of("FT.DICTADD")};
    for (const struct search_lexicon *at = search->dictionaries; at; at = at->next) {
        head[1] = str_of(at->name);
        search_lexicon_define(at, keep, head, 2);
    }
    head[0] = str_of("FT.SYNUPDATE");
    for (const struct search_index *at = search->indexes; at; at = at->next)
        for (const struct search_lexicon *group = at->synonyms; group; group = group->next) {
            head[1] = str_of(at->name);
            head[2] = str_of(group->name);
            search_lexicon_define(group, keep, head, 3);
        }
}

static void define(void *ctx, struct keep *keep)
{
    const struct search *search = search_of(ctx);
    for (const struct search_index *at = search->indexes; at; at = at->next)
        keep_definition(keep, 0, at->words, at->word_count);
    define_words(search, keep);
    for (const struct search_alias *at = search->aliases; at; at = at->next) {
        const struct kith_str words[3] = {str_of("FT.ALIASADD"), str_of(at->name),
                                          str_of(at->index->name)};
        keep_definition(keep, 0, words, 3);
    }
}

int search_init(struct redis *redis)
{
    struct search *search = mem_zalloc(sizeof *search);
    if (!search) return KITH_ENOMEM;
    if (search_guard_new(redis, &search->guard) != 0) {
        mem_free(search);
        return KITH_ENOMEM;
    }
    search->redis = redis;
    map_init(&search->pending);
    map_init(&search->making);
    redis->indexed = note_change;
    redis->indexed_ctx = search;
    redis->define = define;
    return 0;
}

void search_index_free(struct search_index *index)
{
    if (!index) return;
    clear_docs(index);
    if (index->derived) index->derived->dropped = true; /* for who writes to it just now */
    search_derived_unref(index->derived);
    index->derived = NULL;
    map_release(&index->by_key);
    if (search_pins_orphan(index)) return;
    for (size_t i = 0; i < index->field_count; i++) mem_free(index->fields[i].path);
    search_stemmer_free(index->stemmer);
    search_lexicon_free(&index->synonyms);
    search_languages_free(index->languages);
    arena_release(&index->arena);
    index->cap = 0;
    count_tables(index);
    mem_free(index->docs);
    mem_free(index->fields);
    mem_free(index->words);
    mem_free(index->name);
    mem_free(index);
}

#define SWAP(member)                                                                               \
    do {                                                                                           \
        const typeof(index->member) old = index->member;                                           \
        index->member = fresh->member;                                                             \
        fresh->member = old;                                                                       \
    } while (0)

void search_redefine(struct search_index *index, struct search_index *fresh)
{
    clear_docs(index);
    SWAP(words);
    SWAP(word_count);
    SWAP(prefixes);
    SWAP(prefix_count);
    SWAP(fields);
    SWAP(field_count);
    SWAP(stop_words);
    SWAP(stop_word_count);
    SWAP(stemmer);
    SWAP(arena);
    SWAP(filter);
    SWAP(score_field);
    SWAP(payload_field);
    SWAP(language);
    SWAP(language_field);
    SWAP(languages);
    SWAP(filter_text);
    SWAP(score);
    SWAP(pins);
    index->rebuild = true;
    index->scanning = false;
    search_index_free(fresh);
}

void search_cursor_free(struct search_cursor *cursor)
{
    buffer_release(&cursor->rows);
    mem_free(cursor->name);
    mem_free(cursor->ends);
    mem_free(cursor);
}

void search_unlink(struct redis *redis, struct search_index *index)
{
    struct search *search = search_of(redis);
    struct search_index **at = &search->indexes;
    while (*at != index) at = &(*at)->next;
    *at = index->next;
    for (struct search_alias **to = &search->aliases; *to;) {
        struct search_alias *alias = *to;
        if (alias->index != index) {
            to = &alias->next;
            continue;
        }
        *to = alias->next;
        mem_free(alias->name);
        mem_free(alias);
    }
    for (struct search_cursor **to = &search->cursors; *to;) {
        struct search_cursor *cursor = *to;
        if (cursor->index != index) {
            to = &cursor->next;
            continue;
        }
        *to = cursor->next;
        search->cursor_count--;
        search_cursor_free(cursor);
    }
    search_index_free(index);
    if (!search->indexes) redis->interests &= ~(unsigned)INTEREST_INDEX;
}

void search_link(struct redis *redis, struct search_index *index)
{
    struct search *search = search_of(redis);
    struct search_index **at = &search->indexes;
    if (index->skip_scan) {
        index->rebuild = false;
        apply_pending(search); /* changes from before are not this index's */
    }
    while (*at) at = &(*at)->next;
    *at = index;
    redis->interests |= INTEREST_INDEX;
    if (search->asleep) search_sync_poke(redis);
}

void search_release(struct redis *redis)
{
    struct search *search = search_of(redis);
    if (!search) return;
    while (search->indexes) search_unlink(redis, search->indexes);
    map_release(&search->pending);
    map_release(&search->making);
    search_lexicon_free(&search->dictionaries);
    search_guard_free(redis, search->guard);
    mem_free(search);
    redis->indexed = NULL;
    redis->indexed_ctx = NULL;
}

struct search_index *search_find(struct redis *redis, struct kith_str name)
{
    const struct search *search = search_of(redis);
    for (struct search_index *at = search->indexes; at; at = at->next)
        if (str_same(str_of(at->name), name)) return at;
    for (const struct search_alias *at = search->aliases; at; at = at->next)
        if (str_same(str_of(at->name), name)) return at->index;
    return NULL;
}

const struct search_field *search_field_of(const struct search_index *index, struct kith_str name)
{
    if (name.len && name.data[0] == '@') name = (struct kith_str){name.data + 1, name.len - 1};
    for (size_t i = 0; i < index->field_count; i++)
        if (str_same(index->fields[i].name, name)) return &index->fields[i];
    return NULL;
}
