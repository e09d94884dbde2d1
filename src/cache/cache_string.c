/*
 * Setting and editing strings.
 *
 * A short string stands in its entry; a write that fits the block is done there without an
 * allocation. Long ones have a block of their own, which grows by half of itself when it is edited,
 * so that appending n bytes one by one costs O(n).
 *
 * Order of a write: everything that can fail (blocks, the wheel's record), then the change.
 */
#include "base/alloc.h"
#include "cache/cache_internal.h"
#include "cache/deflate.h"

/* ---- setting ---- */

static void free_long_text(struct cache *cache, const struct entry_parts *parts)
{
    if (parts->type == VALUE_STRING && text_kind_is_block(parts->text_kind))
        heap_free(&cache->heap, parts->value);
}

/* What becomes of the deadline's bytes. KITH_ENOMEM: the wheel could not take it. */
static int plan_deadline(struct cache *cache, struct database *database, uint64_t hash,
                         const struct entry *old, int64_t deadline, struct entry_parts *parts)
{
    parts->filed = old ? entry_filed(old) : ENTRY_UNFILED;
    parts->live = old && entry_is_live(old);
    if (deadline == CACHE_KEEP_DEADLINE) return 0;
    parts->live = deadline != CACHE_NO_DEADLINE;
    if (!parts->live) return 0;
    if (!old || !entry_filed_by(old, deadline)) {
        int rc = cache_file(cache, database, hash, deadline);
        if (rc) return rc;
    }
    parts->filed = deadline;
    return 0;
}

static void count_deadline(struct database *database, bool before, bool after)
{
    database->deadlines += (size_t)after - (size_t)before;
}

static int set_new(struct cache *cache, struct database *database, uint64_t hash,
                   const struct entry_parts *parts, struct entry **out)
{
    struct entry *entry = cache_make_entry(cache, parts);
    if (!entry) return KITH_ENOMEM;
    int rc = dict_add(&database->keys, hash, entry);
    if (rc) {
        heap_free(&cache->heap, entry);
        return rc;
    }
    count_deadline(database, false, parts->live);
    *out = entry;
    return 0;
}

/* Over an entry that is there: in its block, or in a new one at the same seat. */
static int set_over(struct cache *cache, unsigned db, struct seat seat, struct entry_parts *parts,
                    struct entry **out)
{
    struct database *database = &cache->databases[db];
    struct entry *old = seat_entry(&seat);
    bool string = entry_type_of(old) == VALUE_STRING;
    bool was_live = entry_is_live(old);
    bool plain = string && !text_kind_is_block(entry_text_kind(old));
    parts->key = entry_key_of(old);
    parts->mark = string ? entry_mark(old) : parts->mark;
    cache_tell(cache, db, old);
    if (plain && entry_remake(old, parts)) {
        *out = old;
    } else {
        struct entry *entry = cache_make_entry(cache, parts);
        if (!entry) return KITH_ENOMEM;
        if (!string && cache->hooks.removed)
            cache->hooks.removed(cache->hooks.ctx, db, old, REMOVED_REPLACED);
        *seat.place = entry;
        cache_free_value(cache, old);
        heap_free(&cache->heap, old);
        *out = entry;
    }
    count_deadline(database, was_live, parts->live);
    return 0;
}

/* What most writes are: another text for a string without a deadline, in its own block. */
static bool set_again(struct cache *cache, unsigned db, struct seat seat, struct kith_str text,
                      bool raw, struct entry **out)
{
    struct entry *entry = seat.place ? seat_entry(&seat) : NULL;
    if (!entry || entry_text_width(entry) == 0 || entry_deadline_form(entry) != DEADLINE_NONE)
        return false;
    cache_tell(cache, db, entry);
    if (!entry_put_text(entry, text, raw)) return false;
    mark_touch(cache, entry, true);
    if (out) *out = entry;
    return true;
}

/* The parts say what the string is. */
static int set_parts(struct cache *cache, unsigned db, struct seat seat, struct kith_str key,
                     int64_t deadline, struct entry_parts *parts, struct entry **out)
{
    struct database *database = &cache->databases[db];
    if (seat.place && entry_is_due(cache, seat_entry(&seat))) {
        cache_drop(cache, db, seat, REMOVED_EXPIRED);
        seat.place = NULL;
    }
    parts->key = key;
    parts->mark = mark_new(cache);
    parts->fields_filed = ENTRY_UNFILED;
    const struct entry *old = seat.place ? seat_entry(&seat) : NULL;
    struct entry *entry = NULL;
    int rc = plan_deadline(cache, database, seat.hash, old, deadline, parts);
    if (!rc) rc = seat.place ? set_over(cache, db, seat, parts, &entry)
                             : set_new(cache, database, seat.hash, parts, &entry);
    if (rc) {
        free_long_text(cache, parts);
        return rc;
    }
    if (old) mark_touch(cache, entry, true);
    cache_note_peak(cache);
    if (out) *out = entry;
    return 0;
}

int cache_set_integer(struct cache *cache, unsigned db, struct kith_str key, int64_t value,
                      int64_t deadline, struct entry **out)
{
    struct entry_parts parts = {.text_kind = TEXT_INTEGER, .integer = value};
    return set_parts(cache, db, seat_find(cache, db, key), key, deadline, &parts, out);
}

static bool is_deflated(const struct cache *cache, struct kith_str text)
{
    const size_t from = cache->settings.deflate_from;
    return from && text.len >= from;
}

/* Texts without the memory to compress them are kept as they are. */
static bool deflate_parts(struct cache *cache, struct entry_parts *parts, struct kith_str text)
{
    const struct cache_settings *settings = &cache->settings;
    if (!is_deflated(cache, text)) return false;
    if (!cache->deflater && deflater_new(&cache->deflater)) return false;
    parts->value = deflate_text(cache->deflater, &cache->heap, settings->deflate_level, text);
    if (parts->value) parts->text_kind = TEXT_DEFLATED;
    return parts->value != NULL;
}

static int set_text(struct cache *cache, unsigned db, struct kith_str key, struct kith_str value,
                    int64_t deadline, bool raw, struct entry **out)
{
    const struct seat seat = seat_find(cache, db, key);
    if (deadline == CACHE_NO_DEADLINE && !is_deflated(cache, value) &&
        set_again(cache, db, seat, value, raw, out))
        return 0;
    struct entry_parts parts = {.raw = raw};
    int rc = deflate_parts(cache, &parts, value)
                 ? 0 : entry_parts_text(&cache->heap, &parts, value);
    return rc ? rc : set_parts(cache, db, seat, key, deadline, &parts, out);
}

int cache_set_text(struct cache *cache, unsigned db, struct kith_str key, struct kith_str value,
                   int64_t deadline, struct entry **out)
{
    return set_text(cache, db, key, value, deadline, false, out);
}

int cache_set_string(struct cache *cache, unsigned db, struct kith_str key, struct kith_str value,
                     int64_t deadline, bool raw, struct entry **out)
{
    int64_t integer;
    if (!raw && text_is_integer(value, &integer))
        return cache_set_integer(cache, db, key, integer, deadline, out);
    return set_text(cache, db, key, value, deadline, raw, out);
}

/* ---- editing ---- */

static size_t room_for(size_t len)
{
    const size_t spare_max = (size_t)1 << 20;
    return len + (len / 2 < spare_max ? len / 2 : spare_max);
}

/* A long text grows or shrinks in its own block. */
static int edit_long(struct cache *cache, struct entry *entry, size_t len, char **bytes)
{
    struct long_text *text = entry_value(entry);
    size_t room = heap_room(text) - sizeof *text;
    if (len > room) {
        size_t want;
        if (!size_add(room_for(len), sizeof *text, &want)) return KITH_ENOMEM;
        struct long_text *grown = heap_realloc(&cache->heap, text, want);
        if (!grown) return KITH_ENOMEM;
        text = grown;
        entry_set_value(entry, text);
    }
    if (len > text->len) memset(text->data + text->len, 0, len - text->len);
    text->len = len;
    *bytes = text->data;
    entry_set_raw(entry);
    return 0;
}

/* The text grows where it stands. */
static bool edit_in_place(struct entry *entry, size_t len)
{
    if (entry_text_kind(entry) != TEXT_INLINE || len > ENTRY_INLINE_MAX) return false;
    struct entry_parts parts;
    entry_parts_get(entry, &parts);
    size_t before = parts.text.len;
    parts.text.len = len;
    parts.raw = true;
    if (!entry_remake(entry, &parts)) return false;
    if (len > before) memset(entry_inline_bytes(entry) + before, 0, len - before);
    return true;
}

/* Text, compressed text and integer of an entry become len bytes in a new entry, or in a block of
 * their own. */
static int edit_anew(struct cache *cache, unsigned db, struct entry **entry, size_t len)
{
    char scratch[ENTRY_TEXT_MAX];
    struct entry_parts parts;
    struct kith_str old = entry_text(*entry, scratch);
    entry_parts_get(*entry, &parts);
    void *deflated = parts.text_kind == TEXT_DEFLATED ? parts.value : NULL;
    struct long_text *text = long_text_new(&cache->heap, len, room_for(len));
    if (!text) return KITH_ENOMEM;
    size_t keep = old.len < len ? old.len : len;
    if (keep) memcpy(text->data, old.data, keep);
    memset(text->data + keep, 0, len - keep);
    bool inside = len <= ENTRY_INLINE_MAX;
    parts.raw = true;
    parts.text_kind = inside ? TEXT_INLINE : TEXT_LONG;
    parts.text = inside ? (struct kith_str){text->data, len} : (struct kith_str){0};
    parts.value = inside ? NULL : text;
    struct seat seat = seat_of(&cache->databases[db], *entry);
    struct entry *fresh = cache_make_entry(cache, &parts);
    if (inside || !fresh) heap_free(&cache->heap, text);
    if (!fresh) return KITH_ENOMEM;
    *seat.place = fresh;
    heap_free(&cache->heap, deflated);
    heap_free(&cache->heap, *entry);
    *entry = fresh;
    return 0;
}

static int edit_short(struct cache *cache, unsigned db, struct entry **entry, size_t len,
                      char **bytes)
{
    if (!edit_in_place(*entry, len)) {
        int rc = edit_anew(cache, db, entry, len);
        if (rc) return rc;
    }
    if (entry_text_kind(*entry) == TEXT_LONG) {
        struct long_text *text = entry_value(*entry);
        *bytes = text->data;
    } else {
        *bytes = entry_inline_bytes(*entry);
    }
    return 0;
}

int cache_edit_string(struct cache *cache, unsigned db, struct entry **entry, size_t len,
                      char **bytes)
{
    int rc = entry_text_kind(*entry) == TEXT_LONG ? edit_long(cache, *entry, len, bytes)
                                                  : edit_short(cache, db, entry, len, bytes);
    if (!rc) cache_note_peak(cache);
    return rc;
}
