/*
 * Names and values of the application: keys "m/..." of the journal, beside the catalog's own. The
 * journal makes a call's changes one durable transaction; there is nothing else to it.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "engine/db.h"
#include "engine/engine.h"

#define META_PREFIX "m/"
#define META_PREFIX_BYTES 2u

static int check_key(const char *key, struct kith_error *err)
{
    const size_t len = key ? strlen(key) : 0;
    if (len >= 1 && len <= LIMIT_META_KEY_BYTES && utf8_valid(key, len)) return 0;
    return error_set(err, KITH_EINVAL, "a metadata key is 1 to %d bytes of UTF-8",
                     LIMIT_META_KEY_BYTES);
}

static int check_change(const struct kith_meta_change *change, struct kith_error *err)
{
    if (change->len > LIMIT_META_VALUE_BYTES)
        return error_set(err, KITH_ELIMIT, "the value of '%s' has %zu bytes, more than %d",
                         change->key, change->len, LIMIT_META_VALUE_BYTES);
    return check_key(change->key, err);
}

static char *stored_key(struct arena *arena, const char *key)
{
    const size_t len = strlen(key);
    char *stored = arena_alloc(arena, META_PREFIX_BYTES + len + 1);
    if (!stored) return NULL;
    memcpy(stored, META_PREFIX, META_PREFIX_BYTES);
    memcpy(stored + META_PREFIX_BYTES, key, len + 1);
    return stored;
}

/* The journal to read from. A reader beside a writer has none open: it looks at what was durable
 * when it followed last. */
struct reading {
    struct journal *journal;
    bool owned;
};

static int reading_open(struct kith_db *db, struct reading *out, struct kith_error *err)
{
    *out = (struct reading){ .journal = db->journal };
    if (db->journal) return 0;
    out->owned = true;
    os_mutex_lock(&db->follow_lock);
    const struct journal_place place = db->place;
    os_mutex_unlock(&db->follow_lock);
    return journal_open_at(db->os, db->dir, db->id, place, &out->journal, err);
}

static void reading_close(struct reading *reading)
{
    if (reading->owned) journal_close(reading->journal);
}

int kith_meta_write(struct kith_db *db, const struct kith_meta_change *changes, size_t count,
                    struct kith_error *err)
{
    int rc = db_usable(db, true, err);
    for (size_t i = 0; rc == 0 && i < count; i++) rc = check_change(&changes[i], err);
    if (rc || count == 0) return rc;
    struct arena arena;
    arena_init(&arena);
    struct journal_change *stored = arena_alloc_array(&arena, count, sizeof *stored);
    for (size_t i = 0; stored && i < count; i++) {
        stored[i] = (struct journal_change){ .key = stored_key(&arena, changes[i].key),
                                             .value = changes[i].value,
                                             .len = changes[i].value ? changes[i].len : 0 };
        if (!stored[i].key) stored = NULL;
    }
    rc = stored ? journal_commit(db->journal, stored, count, err)
                : error_set(err, KITH_ENOMEM, "writing metadata: no memory");
    arena_release(&arena);
    return rc;
}

int kith_meta_get(struct kith_db *db, const char *key, void **value, size_t *len,
                  struct kith_error *err)
{
    int rc = db_usable(db, false, err);
    if (rc == 0) rc = check_key(key, err);
    struct reading reading;
    if (rc == 0) rc = reading_open(db, &reading, err);
    if (rc) return rc;
    struct arena arena;
    struct buffer bytes;
    arena_init(&arena);
    buffer_init(&bytes);
    const char *stored = stored_key(&arena, key);
    rc = stored ? journal_get(reading.journal, stored, &bytes) : KITH_ENOMEM;
    reading_close(&reading);
    if (rc == 0) buffer_put_u8(&bytes, 0); /* text values can be read as such */
    if (rc == 0 && buffer_failed(&bytes)) rc = KITH_ENOMEM;
    arena_release(&arena);
    if (rc) {
        buffer_release(&bytes);
        return error_set(err, rc, "metadata '%s': %s", key, error_name(rc));
    }
    *value = bytes.data;
    *len = bytes.len - 1;
    return 0;
}

void kith_meta_free(void *value) { mem_free(value); }

struct listing {
    struct kith_names names;
    size_t cap;
};

static int list_key(void *ctx, const char *key, const uint8_t *value, size_t len)
{
    (void)value;
    (void)len;
    struct listing *listing = ctx;
    if (listing->names.count == listing->cap) {
        const size_t cap = listing->cap ? listing->cap * 2 : 16;
        char **grown = mem_realloc(listing->names.names, cap * sizeof *grown);
        if (!grown) return KITH_ENOMEM;
        listing->names.names = grown;
        listing->cap = cap;
    }
    char *copy = mem_strndup(key + META_PREFIX_BYTES, strlen(key + META_PREFIX_BYTES));
    if (!copy) return KITH_ENOMEM;
    listing->names.names[listing->names.count++] = copy;
    return 0;
}

int kith_meta_list(struct kith_db *db, const char *prefix, struct kith_names *out,
                   struct kith_error *err)
{
    int rc = db_usable(db, false, err);
    struct reading reading;
    if (rc == 0) rc = reading_open(db, &reading, err);
    if (rc) return rc;
    struct arena arena;
    struct listing listing = { .cap = 0 };
    arena_init(&arena);
    const char *stored = stored_key(&arena, prefix ? prefix : "");
    rc = stored ? journal_range(reading.journal, stored, list_key, &listing) : KITH_ENOMEM;
    reading_close(&reading);
    arena_release(&arena);
    if (rc) {
        kith_names_free(&listing.names);
        return error_set(err, rc, "listing metadata: %s", error_name(rc));
    }
    *out = listing.names;
    return 0;
}
