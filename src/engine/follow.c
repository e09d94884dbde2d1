/*
 * A reader beside a writing process, and the writer's side of it.
 *
 * The writer states two places in the page READERS: up to where its journal is durable, and up to
 * where its log is acknowledged. A reader compares the page's count of changes at the start of each
 * call. When only the log went on, its new records are applied to the reader's own growing
 * segments, on the path that recovery uses. When the journal went on, the catalog is read again: a
 * collection whose manifest changed is built anew beside the old one (segments with the same files
 * are taken over, the log is replayed from the new checkpoint) and put in its place at one instant.
 *
 * Order makes this safe without any message to the writer. The log's files are opened first, then
 * the journal is read: what was unlinked before is covered by its manifests. The log's place is
 * taken after the journal, so the log covers whatever those manifests reflect. A file that is gone
 * in between means that there is a newer journal: all is tried again. Nothing here blocks the
 * writer, and a reader that dies leaves nothing behind.
 *
 * Threads: follow_lock, outermost; one thread of the reader works, the others of the process wait
 * for it.
 */
#include <string.h>

#include "base/alloc.h"
#include "engine/engine.h"

#define FOLLOW_PATIENCE_US 10000000 /* a writer that is opening may be slow to state its places */
#define FOLLOW_NAP_US 500

/* ------------------------------------------------------------------- the writer */

static void tell_journal(void *ctx, struct journal_place place)
{
    reader_page_set_journal(&((struct kith_db *)ctx)->page, place);
}

static void tell_log(void *ctx, struct wal_place place)
{
    reader_page_set_log(&((struct kith_db *)ctx)->page, place);
}

int follow_publish(struct kith_db *db, struct kith_error *err)
{
    int rc = reader_page_open(&db->page, db->os, db->dir, true, err);
    if (rc) return rc;
    journal_watch(db->journal, tell_journal, db);
    wal_watch(db->wal, tell_log, db);
    reader_page_begin(&db->page, db->id);
    return 0;
}

/* ------------------------------------------------------------- reading the log on */

struct entry { /* a collection of the journal being loaded */
    struct kith_collection *old;  /* borrows; NULL: it is new here */
    struct kith_collection *made; /* owns a reference; NULL: its manifest is what we have */
};

struct reloading {
    struct kith_db *db;
    struct entry *entries; /* owns */
    size_t count, cap;
    struct map64 numbers; /* id -> number of the entry */
    struct kith_error *err;
};

static int apply(struct kith_collection *collection, const struct wal_record *record,
                 struct kith_error *err)
{
    if (record->ts <= collection->appended_ts) return 0;
    struct kith_error why = { 0 };
    os_mutex_lock(&collection->write_lock);
    int rc = collection_apply(collection, record, &why);
    os_mutex_unlock(&collection->write_lock);
    /* A record that needs a newer manifest, which has come: all is read again. */
    if (rc == KITH_ECORRUPT && follow_is_behind(collection->db)) return KITH_ENOTFOUND;
    if (rc == KITH_ECORRUPT || rc == KITH_EINVAL || rc == KITH_EDIM) {
        engine_log(collection->db, 0, "log record skipped: %s", why.text);
        atomic_fetch_add(&collection->quarantined, 1);
        return 0;
    }
    if (rc && err) *err = why;
    return rc;
}

static int apply_known(void *ctx, const struct wal_record *record)
{
    const struct reloading *reloading = ctx;
    struct kith_collection *collection = catalog_by_id(reloading->db, record->channel);
    return collection ? apply(collection, record, reloading->err) : 0;
}

static int apply_loaded(void *ctx, const struct wal_record *record)
{
    const struct reloading *reloading = ctx;
    uint64_t number;
    if (!map64_get(&reloading->numbers, record->channel, &number)) return 0; /* dropped since */
    const struct entry *entry = &reloading->entries[number];
    return apply(entry->made ? entry->made : entry->old, record, reloading->err);
}

static void say_damage(struct kith_db *db, uint64_t bytes)
{
    if (!bytes) return;
    engine_log(db, 0, "the log is damaged, records were lost: %llu bytes do not verify",
               (unsigned long long)bytes);
    for (size_t i = 0; i < db->collection_count; i++)
        atomic_fetch_add(&db->collections[i]->quarantined, 1);
}

static int catch_up(struct kith_db *db, struct kith_error *err)
{
    uint64_t damaged = 0;
    struct reloading reloading = { .db = db, .err = err };
    int rc =
        wal_tail_read(db->tail, reader_page_log(&db->page), apply_known, &reloading, &damaged, err);
    if (rc == 0) say_damage(db, damaged);
    return rc;
}

/* --------------------------------------------------------------- a new catalog */

static bool same_place(struct journal_place a, struct journal_place b)
{
    return a.number == b.number && a.end == b.end;
}

bool follow_is_behind(const struct kith_db *db)
{
    return db->read_only && db->following && !same_place(db->place, reader_page_journal(&db->page));
}

static bool is_unchanged(const struct kith_collection *old, const uint8_t *value, size_t len)
{
    struct buffer bytes;
    buffer_init(&bytes);
    manifest_encode(&old->manifest, &bytes);
    const bool same = !buffer_failed(&bytes) && bytes.len == len &&
                      memcmp(bytes.data, value, len) == 0;
    buffer_release(&bytes);
    return same;
}

static struct entry *entry_add(struct reloading *reloading, uint64_t id)
{
    if (reloading->count == reloading->cap) {
        const size_t cap = reloading->cap ? reloading->cap * 2 : 16;
        struct entry *grown = mem_realloc(reloading->entries, cap * sizeof *grown);
        if (!grown) return NULL;
        reloading->entries = grown;
        reloading->cap = cap;
    }
    if (map64_put(&reloading->numbers, id, reloading->count)) return NULL;
    struct entry *entry = &reloading->entries[reloading->count++];
    *entry = (struct entry){ 0 };
    return entry;
}

/* Fields were added or dropped, or a metric was set. Its segments are opened anew then, of the new
 * schema. */
static bool is_wider(const struct entry *entry)
{
    const struct schema *old = entry->old->schema;
    const struct schema *made = &entry->made->manifest.schema;
    bool differs = made->field_count > old->field_count;
    for (size_t i = 0; !differs && i < old->field_count; i++)
        differs = made->fields[i].metric != old->fields[i].metric ||
                  made->fields[i].dropped != old->fields[i].dropped;
    return differs;
}

/* The collection as the manifest says, beside the one we have, if any. Takes the manifest. */
static int entry_make(struct reloading *reloading, struct entry *entry, struct manifest *manifest)
{
    int rc = collection_new(reloading->db, manifest, &entry->made, reloading->err);
    if (rc) {
        manifest_release(manifest);
        return rc;
    }
    if (!entry->old || is_wider(entry)) return 0;
    entry->made->like = entry->old;
    /* Segments and wishes borrow the schema, and outlive `made`. */
    entry->made->schema = entry->old->schema;
    struct manifest view = entry->made->manifest;
    view.schema = *entry->old->schema;
    index_wishes_release(&entry->made->wishes);
    return index_wishes_make(&view, &entry->made->wishes);
}

static int load_manifest(void *ctx, const char *key, const uint8_t *value, size_t len)
{
    struct reloading *reloading = ctx;
    struct manifest manifest = { 0 };
    struct kith_error why = { 0 };
    int rc = manifest_decode(value, len, &manifest, &why);
    if (rc == KITH_ENOMEM) return rc;
    if (rc) {
        engine_log(reloading->db, 0, "collection %s is left out: %s", key, why.text);
        return 0;
    }
    struct entry *entry = entry_add(reloading, manifest.id);
    if (!entry) {
        manifest_release(&manifest);
        return KITH_ENOMEM;
    }
    struct kith_collection *old = catalog_by_id(reloading->db, manifest.id);
    if (old && schema_extends(&manifest.schema, old->schema)) entry->old = old;
    if (entry->old && is_unchanged(old, value, len)) {
        manifest_release(&manifest);
        return 0;
    }
    return entry_make(reloading, entry, &manifest);
}

static void reloading_release(struct reloading *reloading)
{
    for (size_t i = 0; i < reloading->count; i++) collection_unref(reloading->entries[i].made);
    mem_free(reloading->entries);
    map64_release(&reloading->numbers);
}

/* -------------------------------------------------------- putting it in place */

struct catalog { /* of the database, or to become it */
    struct map databases, names, aliases;
    struct kith_collection **collections; /* owns */
};

static void catalog_release(struct catalog *catalog)
{
    map_release(&catalog->databases);
    map_release(&catalog->names);
    map_release(&catalog->aliases);
    mem_free(catalog->collections);
}

/* All that may fail for want of memory. */
static int catalog_make(const struct reloading *reloading, struct journal *journal,
                        struct catalog *catalog)
{
    map_init(&catalog->databases);
    map_init(&catalog->names);
    map_init(&catalog->aliases);
    catalog->collections = mem_zalloc_array(reloading->count + 1, sizeof(struct kith_collection *));
    int rc = catalog->collections
                 ? catalog_read_names(journal, &catalog->databases, &catalog->aliases)
                 : KITH_ENOMEM;
    for (size_t i = 0; rc == 0 && i < reloading->count; i++) {
        const struct entry *entry = &reloading->entries[i];
        struct kith_collection *kept = entry->old ? entry->old : entry->made;
        catalog->collections[i] = kept;
        rc = catalog_put_name(&catalog->names, &(entry->made ? entry->made : kept)->manifest, kept);
    }
    return rc;
}

#define SWAP(type, a, b)                                                                           \
    do {                                                                                           \
        type swapped_ = (a);                                                                       \
        (a) = (b);                                                                                 \
        (b) = swapped_;                                                                            \
    } while (0)

/* Everything but the schema, which threads read without a lock; it is equal, or moves by itself. */
static void manifest_swap(struct manifest *a, struct manifest *b)
{
    SWAP(char *, a->database, b->database);
    SWAP(char *, a->name, b->name);
    SWAP(uint64_t, a->checkpoint_ts, b->checkpoint_ts);
    SWAP(uint64_t, a->ttl_s, b->ttl_s);
    SWAP(struct manifest_partition *, a->partitions, b->partitions);
    SWAP(uint32_t, a->partition_count, b->partition_count);
    SWAP(uint32_t, a->next_partition, b->next_partition);
    SWAP(struct manifest_index *, a->indexes, b->indexes);
    SWAP(uint32_t, a->index_count, b->index_count);
    SWAP(uint32_t, a->next_index, b->next_index);
    SWAP(struct manifest_segment *, a->segments, b->segments);
    SWAP(uint32_t, a->segment_count, b->segment_count);
}

/* What was built becomes the collection that handles know. The old version goes with `made`. */
static void take_over(struct kith_collection *collection, struct kith_collection *made)
{
    const bool wider = made->schema == &made->ages->schema;
    os_mutex_lock(&collection->write_lock);
    os_mutex_lock(&collection->version_lock);
    manifest_swap(&collection->manifest, &made->manifest);
    SWAP(struct index_wishes, collection->wishes, made->wishes);
    SWAP(struct version *, collection->version, made->version);
    if (wider) {
        struct schema_age *age = made->ages;
        made->ages = NULL;
        collection_set_schema(collection, age);
    }
    atomic_store(&collection->ttl_s, collection->manifest.ttl_s);
    atomic_store_explicit(&collection->visible_ts, atomic_load(&made->visible_ts),
                          memory_order_release);
    collection->appended_ts = made->appended_ts;
    atomic_store(&collection->quarantined, atomic_load(&made->quarantined));
    os_mutex_unlock(&collection->version_lock);
    atomic_store(&collection->updated_ms, os_wall_ms(collection->db->os));
    atomic_store(&collection->warmed, false);
    os_mutex_unlock(&collection->write_lock);
}

static bool is_kept(const struct reloading *reloading, const struct kith_collection *collection)
{
    for (size_t i = 0; i < reloading->count; i++)
        if (reloading->entries[i].old == collection) return true;
    return false;
}

static void put_in_place(struct reloading *reloading, struct catalog *catalog)
{
    struct kith_db *db = reloading->db;
    os_mutex_lock(&db->catalog_lock);
    for (size_t i = 0; i < db->collection_count; i++) {
        if (is_kept(reloading, db->collections[i])) continue;
        atomic_store_explicit(&db->collections[i]->dropped, true, memory_order_release);
        collection_unref(db->collections[i]);
    }
    for (size_t i = 0; i < reloading->count; i++) {
        struct entry *entry = &reloading->entries[i];
        if (entry->old && entry->made) take_over(entry->old, entry->made);
        if (entry->made) entry->made->like = NULL;
        if (!entry->old) entry->made = NULL; /* the catalog's now */
    }
    SWAP(struct map, db->databases, catalog->databases);
    SWAP(struct map, db->names, catalog->names);
    SWAP(struct map, db->aliases, catalog->aliases);
    SWAP(struct kith_collection **, db->collections, catalog->collections);
    db->collection_count = db->collection_cap = reloading->count;
    os_mutex_unlock(&db->catalog_lock);
}

static int load_catalog(struct reloading *reloading, struct journal *journal)
{
    struct kith_db *db = reloading->db;
    int rc = journal_range(journal, "c/", load_manifest, reloading);
    for (size_t i = 0; rc == 0 && i < reloading->count; i++) {
        struct kith_collection *made = reloading->entries[i].made;
        if (!made) continue;
        catalog_mark_doubtful(made, journal);
        rc = collection_load_segments(made, reloading->err);
    }
    if (rc == KITH_ENOMEM)
        error_set(reloading->err, rc, "reading '%s': no memory for the catalog", db->dir);
    return rc;
}

static int reload(struct kith_db *db, struct kith_error *err)
{
    struct reloading reloading = { .db = db, .err = err };
    struct catalog catalog = { 0 };
    struct journal *journal = NULL;
    uint64_t damaged = 0;
    map64_init(&reloading.numbers);
    int rc = wal_tail_pin(db->tail, err);
    db->place = reader_page_journal(&db->page);
    if (rc == 0) rc = journal_open_at(db->os, db->dir, db->id, db->place, &journal, err);
    if (rc == 0) rc = load_catalog(&reloading, journal);
    if (rc == 0 && catalog_make(&reloading, journal, &catalog))
        rc = error_set(err, KITH_ENOMEM, "reading '%s': no memory for the catalog", db->dir);
    if (rc == 0)
        rc = wal_tail_read(db->tail, reader_page_log(&db->page), apply_loaded, &reloading, &damaged,
                           err);
    if (rc == 0) {
        put_in_place(&reloading, &catalog);
        say_damage(db, damaged);
    } else {
        if (follow_is_behind(db)) rc = KITH_ENOTFOUND; /* files of an old manifest are gone */
        db->place = (struct journal_place){ 0 };
    }
    catalog_release(&catalog);
    reloading_release(&reloading);
    journal_close(journal);
    return rc;
}

/* ------------------------------------------------------------------- each call */

/* Under follow_lock. KITH_ENOTFOUND: a file was gone, and it is time to give up. */
static int go_on(struct kith_db *db, struct kith_error *err)
{
    const int64_t patience = os_now_us(db->os) + FOLLOW_PATIENCE_US;
    for (;;) {
        struct kith_error why = { 0 };
        const bool is_new = !db->following ||
                            !same_place(db->place, reader_page_journal(&db->page));
        db->following = true;
        int rc = is_new ? reload(db, &why) : catch_up(db, &why);
        if (rc == KITH_ENOTFOUND) db->place = (struct journal_place){ 0 };
        if (rc != KITH_ENOTFOUND || os_now_us(db->os) > patience) {
            if (rc && err) *err = why;
            return rc;
        }
        os_sleep_us(db->os, FOLLOW_NAP_US);
    }
}

/* Under follow_lock: is there a page to follow? */
static int find_page(struct kith_db *db, bool *valid, struct kith_error *err)
{
    *valid = false;
    if (!db->page.map) {
        struct kith_error why = { 0 };
        int rc = reader_page_open(&db->page, db->os, db->dir, false, &why);
        if (rc == KITH_ENOTFOUND) return 0; /* no writer of this release was here */
        if (rc && err) *err = why;
        if (rc) return rc;
        atomic_store_explicit(&db->seen_changes, reader_page_changes(&db->page) - 1,
                              memory_order_relaxed);
        atomic_store_explicit(&db->paged, true, memory_order_release);
    }
    *valid = reader_page_valid(&db->page, db->id);
    if (!*valid || db->tail) return 0;
    if (wal_tail_new(db->os, db->dir, db->id, &db->tail))
        return error_set(err, KITH_ENOMEM, "reading '%s': no memory", db->dir);
    return 0;
}

static int follow_locked(struct kith_db *db, struct kith_error *err)
{
    bool valid;
    int rc = find_page(db, &valid, err);
    if (rc || !db->page.map) return rc;
    const uint64_t changes = reader_page_changes(&db->page);
    if (changes == atomic_load_explicit(&db->seen_changes, memory_order_relaxed)) return 0;
    if (valid) rc = go_on(db, err);
    if (rc == 0) atomic_store_explicit(&db->seen_changes, changes, memory_order_release);
    return rc;
}

int follow(struct kith_db *db, struct kith_error *err)
{
    if (atomic_load_explicit(&db->paged, memory_order_acquire) &&
        reader_page_changes(&db->page) ==
            atomic_load_explicit(&db->seen_changes, memory_order_acquire))
        return 0;
    struct kith_error why = { 0 };
    os_mutex_lock(&db->follow_lock);
    int rc = follow_locked(db, &why);
    os_mutex_unlock(&db->follow_lock);
    if (rc == KITH_ENOTFOUND || rc == KITH_ECORRUPT) rc = KITH_EBUSY;
    return rc ? error_set(err, rc, "'%.100s' cannot be followed: %.300s", db->dir, why.text) : 0;
}

int follow_open(struct kith_db *db, bool *did, struct kith_error *err)
{
    bool valid = false;
    os_mutex_lock(&db->follow_lock);
    int rc = find_page(db, &valid, err);
    if (rc == 0 && valid) rc = follow_locked(db, err);
    os_mutex_unlock(&db->follow_lock);
    *did = rc == 0 && valid;
    return rc;
}
