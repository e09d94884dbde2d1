/*
 * Databases, collections and aliases by name. What is durable is in the journal: "d/<database>",
 * "c/<id>" (a manifest), "a/<database>\x01<alias>" (u64 id), "next" (u64: ids below it may be in
 * use). The maps here are the same in memory, under catalog_lock.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/endian.h"
#include "engine/db.h"
#include "engine/engine.h"

#define NAME_KEY_MAX (2 * LIMIT_NAME_BYTES + 8)

static size_t name_key(char out[NAME_KEY_MAX], const char *prefix, const char *database,
                       const char *name)
{
    return (size_t)snprintf(out, NAME_KEY_MAX, "%s%s\x01%s", prefix, database, name);
}

static const char *database_or_default(const char *database)
{
    return database ? database : ENGINE_DEFAULT_DATABASE;
}

struct kith_collection *catalog_by_id(struct kith_db *db, uint64_t id)
{
    for (size_t i = 0; i < db->collection_count; i++)
        if (db->collections[i]->manifest.id == id) return db->collections[i];
    return NULL;
}

int db_usable(struct kith_db *db, bool write, struct kith_error *err)
{
    if (atomic_load_explicit(&db->closed, memory_order_acquire))
        return error_set(err, KITH_ECLOSED, "the database is closed");
    if (write && db->read_only)
        return error_set(err, KITH_EREADONLY,
                         "the database is open read-only; open it for writing");
    return db->read_only ? follow(db, err) : 0;
}

int catalog_next_id(struct kith_db *db, uint64_t *id, struct kith_error *err)
{
    int rc = 0;
    os_mutex_lock(&db->id_lock);
    if (db->next_id >= db->id_limit && !db->read_only) { /* a reader's ids stay in memory */
        uint8_t limit[8];
        le64_put(limit, db->next_id + ENGINE_ID_BLOCK);
        struct journal_change change = { .key = "next", .value = limit, .len = sizeof limit };
        rc = journal_commit(db->journal, &change, 1, err);
        if (rc == 0) db->id_limit = db->next_id + ENGINE_ID_BLOCK;
    }
    if (rc == 0) *id = db->next_id++;
    os_mutex_unlock(&db->id_lock);
    return rc;
}

/* Under catalog_lock. Takes over one reference. */
static int catalog_add(struct kith_db *db, struct kith_collection *collection)
{
    if (db->collection_count == db->collection_cap) {
        size_t cap = db->collection_cap ? db->collection_cap * 2 : 16;
        struct kith_collection **grown = mem_realloc(db->collections, cap * sizeof *grown);
        if (!grown) return KITH_ENOMEM;
        db->collections = grown;
        db->collection_cap = cap;
    }
    int rc = catalog_put_name(&db->names, &collection->manifest, collection);
    if (rc == 0) db->collections[db->collection_count++] = collection;
    return rc;
}

static int load_database(void *ctx, const char *key, const uint8_t *value, size_t len)
{
    (void)value;
    (void)len;
    return map_put(ctx, key + 2, strlen(key + 2), 1);
}

static int load_alias(void *ctx, const char *key, const uint8_t *value, size_t len)
{
    if (len != 8) return KITH_ECORRUPT;
    return map_put(ctx, key + 2, strlen(key + 2), (uintptr_t)le64_get(value));
}

int catalog_read_names(struct journal *journal, struct map *databases, struct map *aliases)
{
    int rc = map_put(databases, ENGINE_DEFAULT_DATABASE, strlen(ENGINE_DEFAULT_DATABASE), 1);
    if (rc == 0) rc = journal_range(journal, "d/", load_database, databases);
    return rc ? rc : journal_range(journal, "a/", load_alias, aliases);
}

int catalog_put_name(struct map *names, const struct manifest *manifest,
                     struct kith_collection *collection)
{
    char key[NAME_KEY_MAX];
    const size_t len = name_key(key, "", manifest->database, manifest->name);
    return map_put(names, key, len, (uintptr_t)collection);
}

struct loading {
    struct kith_db *db;
    struct kith_error *err;
};

/* One bad collection does not stop the others: it is left out, and said. */
static int load_collection(void *ctx, const char *key, const uint8_t *value, size_t len)
{
    struct loading *loading = ctx;
    struct manifest manifest = { 0 };
    struct kith_error why = { 0 };
    int rc = manifest_decode(value, len, &manifest, &why);
    if (rc == KITH_ENOMEM) return rc;
    if (rc) {
        loading->db->catalog_damaged = true;
        engine_log(loading->db, 0, "collection %s is left out: %s", key, why.text);
        return 0;
    }
    struct kith_collection *collection;
    rc = collection_new(loading->db, &manifest, &collection, loading->err);
    if (rc) {
        manifest_release(&manifest);
        return rc;
    }
    rc = catalog_add(loading->db, collection);
    if (rc) collection_unref(collection);
    return rc;
}

#define IDS_AFTER_DAMAGE (1u << 20) /* more than lost commits can have taken */

void catalog_mark_doubtful(struct kith_collection *collection, struct journal *journal)
{
    char key[32];
    (void)snprintf(key, sizeof key, "c/%016llx", (unsigned long long)collection->manifest.id);
    if (!journal_doubts(journal, key)) return;
    collection->doubtful = true;
    atomic_fetch_add(&collection->quarantined, 1);
}

/* Commits were lost: collections that they may have changed are read, not written, and no file is
 * taken for a leftover. */
static void mark_doubtful(struct kith_db *db)
{
    struct journal_health health;
    journal_health(db->journal, &health);
    if (health.repaired)
        engine_log(db, 1, "meta file %llx was damaged at offset %llu; nothing is lost",
                   (unsigned long long)health.number, (unsigned long long)health.offset);
    if (health.lost == 0) return;
    engine_log(db, 0,
               "meta file %llx is damaged at offset %llu: %llu changes are lost; collections that "
               "they may have changed are read-only",
               (unsigned long long)health.number, (unsigned long long)health.offset,
               (unsigned long long)health.lost);
    db->catalog_damaged = true;
    db->next_id += IDS_AFTER_DAMAGE;
    for (size_t i = 0; i < db->collection_count; i++)
        catalog_mark_doubtful(db->collections[i], db->journal);
}

int catalog_load(struct kith_db *db, struct kith_error *err)
{
    struct buffer next;
    buffer_init(&next);
    int rc = journal_get(db->journal, "next", &next);
    if (rc == 0 && next.len == 8) db->next_id = db->id_limit = le64_get(next.data);
    if (rc == KITH_ENOTFOUND) rc = 0;
    if (db->next_id == 0) db->next_id = 1;
    buffer_release(&next);
    struct loading loading = { db, err };
    if (rc == 0) rc = catalog_read_names(db->journal, &db->databases, &db->aliases);
    if (rc == 0) rc = journal_range(db->journal, "c/", load_collection, &loading);
    if (rc == 0) mark_doubtful(db);
    /* Not while the journal is walked: a new segment's id may need a commit. */
    for (size_t i = 0; rc == 0 && i < db->collection_count; i++)
        rc = collection_load_segments(db->collections[i], err);
    if (rc == KITH_ENOMEM) error_set(err, rc, "opening '%s': no memory for the catalog", db->dir);
    if (rc == KITH_ECORRUPT)
        error_set(err, rc, "opening '%s': the catalog is damaged; run kith check", db->dir);
    return rc;
}

int kith_database_create(struct kith_db *db, const char *database, struct kith_error *err)
{
    int rc = db_usable(db, true, err);
    if (rc) return rc;
    if (!name_valid(database))
        return error_set(err, KITH_EINVAL,
                         "a database name is 1 to 255 bytes of UTF-8 without control characters");
    char key[NAME_KEY_MAX];
    (void)snprintf(key, sizeof key, "d/%s", database);
    os_mutex_lock(&db->catalog_lock);
    struct journal_change change = { .key = key, .value = "", .len = 0 };
    if (map_get(&db->databases, database, strlen(database), NULL))
        rc = error_set(err, KITH_EEXISTS, "database '%s' already exists", database);
    else if (db->databases.count >= LIMIT_DATABASES)
        rc = error_set(err, KITH_ELIMIT, "at most %d databases", LIMIT_DATABASES);
    else
        rc = journal_commit(db->journal, &change, 1, err);
    if (rc == 0) rc = map_put(&db->databases, database, strlen(database), 1);
    os_mutex_unlock(&db->catalog_lock);
    return rc;
}

static size_t collections_in(struct kith_db *db, const char *database)
{
    size_t count = 0;
    for (size_t i = 0; i < db->collection_count; i++)
        count += strcmp(db->collections[i]->manifest.database, database) == 0;
    return count;
}

int kith_database_drop(struct kith_db *db, const char *database, struct kith_error *err)
{
    int rc = db_usable(db, true, err);
    if (rc) return rc;
    char key[NAME_KEY_MAX];
    (void)snprintf(key, sizeof key, "d/%.255s", database);
    os_mutex_lock(&db->catalog_lock);
    struct journal_change change = { .key = key };
    if (strcmp(database, ENGINE_DEFAULT_DATABASE) == 0)
        rc = error_set(err, KITH_EINVAL, "the default database cannot be dropped");
    else if (!map_get(&db->databases, database, strlen(database), NULL))
        rc = error_set(err, KITH_ENOTFOUND, "database '%s' not found", database);
    else if (collections_in(db, database))
        rc = error_set(err, KITH_EINVAL, "database '%s' is not empty; drop its collections first",
                       database);
    else
        rc = journal_commit(db->journal, &change, 1, err);
    if (rc == 0) (void)map_remove(&db->databases, database, strlen(database));
    os_mutex_unlock(&db->catalog_lock);
    return rc;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int names_add(struct kith_names *names, const char *text, size_t len)
{
    char **grown = mem_realloc(names->names, (names->count + 1) * sizeof *grown);
    if (!grown) return KITH_ENOMEM;
    names->names = grown;
    if (!(grown[names->count] = mem_strndup(text, len))) return KITH_ENOMEM;
    names->count++;
    return 0;
}

static int names_done(struct kith_names *names, int rc, struct kith_names *out,
                      struct kith_error *err)
{
    if (rc) {
        kith_names_free(names);
        return error_set(err, rc, "listing names: no memory");
    }
    if (names->count) qsort(names->names, names->count, sizeof *names->names, compare_names);
    *out = *names;
    return 0;
}

int kith_database_list(struct kith_db *db, struct kith_names *out, struct kith_error *err)
{
    int rc = db_usable(db, false, err);
    if (rc) return rc;
    struct kith_names names = { 0 };
    os_mutex_lock(&db->catalog_lock);
    size_t it = 0, len;
    const void *key;
    while (rc == 0 && map_next(&db->databases, &it, &key, &len, NULL))
        rc = names_add(&names, key, len);
    os_mutex_unlock(&db->catalog_lock);
    return names_done(&names, rc, out, err);
}

int kith_collection_list(struct kith_db *db, const char *database, struct kith_names *out,
                         struct kith_error *err)
{
    int rc = db_usable(db, false, err);
    if (rc) return rc;
    database = database_or_default(database);
    struct kith_names names = { 0 };
    os_mutex_lock(&db->catalog_lock);
    for (size_t i = 0; rc == 0 && i < db->collection_count; i++) {
        const struct manifest *manifest = &db->collections[i]->manifest;
        if (strcmp(manifest->database, database) == 0)
            rc = names_add(&names, manifest->name, strlen(manifest->name));
    }
    os_mutex_unlock(&db->catalog_lock);
    return names_done(&names, rc, out, err);
}

/* Under catalog_lock: by name, then by alias. */
static struct kith_collection *catalog_find(struct kith_db *db, const char *database,
                                            const char *name)
{
    char key[NAME_KEY_MAX];
    size_t len = name_key(key, "", database, name);
    uintptr_t value;
    if (map_get(&db->names, key, len, &value)) return (struct kith_collection *)value;
    if (map_get(&db->aliases, key, len, &value)) return catalog_by_id(db, value);
    return NULL;
}

int kith_collection_open(struct kith_db *db, const char *database, const char *name,
                         struct kith_collection **out, struct kith_error *err)
{
    int rc = db_usable(db, false, err);
    if (rc) return rc;
    if (!name || !name_valid(name))
        return error_set(err, KITH_EINVAL, "a collection name is 1 to 255 bytes of UTF-8");
    database = database_or_default(database);
    if (!name_valid(database))
        return error_set(err, KITH_EINVAL, "a database name is 1 to 255 bytes of UTF-8");
    os_mutex_lock(&db->catalog_lock);
    struct kith_collection *collection = catalog_find(db, database, name);
    if (collection) atomic_fetch_add_explicit(&collection->refs, 1, memory_order_relaxed);
    os_mutex_unlock(&db->catalog_lock);
    if (!collection)
        return error_set(err, KITH_ENOTFOUND, "collection not found: '%s' in database '%s'", name,
                         database);
    *out = collection;
    return 0;
}

static int partitions_init(struct manifest *manifest)
{
    uint32_t count = manifest->schema.partition_key == SIZE_MAX ? 1
                                                                : manifest->schema.key_partitions;
    manifest->partitions = mem_zalloc_array(count, sizeof *manifest->partitions);
    if (!manifest->partitions) return KITH_ENOMEM;
    for (uint32_t i = 0; i < count; i++) {
        char name[32];
        if (manifest->schema.partition_key == SIZE_MAX)
            (void)snprintf(name, sizeof name, "%s", ENGINE_DEFAULT_PARTITION);
        else
            (void)snprintf(name, sizeof name, "%s_%u", ENGINE_DEFAULT_PARTITION, i);
        if (!(manifest->partitions[i].name = mem_strdup(name))) return KITH_ENOMEM;
        manifest->partitions[i].id = i;
        manifest->partition_count = manifest->next_partition = i + 1;
    }
    return 0;
}

static int manifest_make(struct kith_db *db, const char *database, const char *name,
                         const struct kith_schema *schema, struct manifest *out,
                         struct kith_error *err)
{
    int rc = schema_from_public(schema, &out->schema, err);
    if (rc == 0) rc = schema_check_analyzers(&out->schema, err);
    if (rc) return rc;
    if ((rc = catalog_next_id(db, &out->id, err))) return rc;
    out->created_ms = os_wall_ms(db->os);
    out->database = mem_strdup(database);
    out->name = mem_strdup(name);
    out->checkpoint_ts = wal_last_ts(db->wal);
    if (!out->database || !out->name || partitions_init(out))
        return error_set(err, KITH_ENOMEM, "collection '%s': no memory", name);
    return 0;
}

static int create_locked(struct kith_db *db, const char *database, const char *name,
                         struct kith_collection *collection, struct kith_error *err)
{
    if (!map_get(&db->databases, database, strlen(database), NULL))
        return error_set(err, KITH_ENOTFOUND, "database '%s' not found; create it first", database);
    if (catalog_find(db, database, name))
        return error_set(err, KITH_EEXISTS, "collection '%s' already exists", name);
    if (db->collection_count >= LIMIT_COLLECTIONS)
        return error_set(err, KITH_ELIMIT, "at most %d collections", LIMIT_COLLECTIONS);
    int rc = catalog_add(db, collection);
    if (rc) return error_set(err, rc, "collection '%s': no memory", name);
    rc = collection_save(collection, &collection->manifest, err);
    if (rc) {
        char key[NAME_KEY_MAX];
        (void)map_remove(&db->names, key, name_key(key, "", database, name));
        db->collection_count--;
    }
    return rc;
}

int kith_collection_create(struct kith_db *db, const char *database, const char *name,
                           const struct kith_schema *schema, struct kith_error *err)
{
    int rc = db_usable(db, true, err);
    if (rc) return rc;
    database = database_or_default(database);
    if (!name || !name_valid(name))
        return error_set(err, KITH_EINVAL,
                         "a collection name is 1 to 255 bytes of UTF-8 without control characters");
    struct manifest manifest = { 0 };
    struct kith_collection *collection = NULL;
    rc = manifest_make(db, database, name, schema, &manifest, err);
    if (rc == 0) rc = collection_new(db, &manifest, &collection, err);
    manifest_release(&manifest);
    if (rc) return rc;
    os_mutex_lock(&collection->write_lock);
    rc = collection_freeze(collection, 0, err);
    os_mutex_unlock(&collection->write_lock);
    if (rc == 0) {
        os_mutex_lock(&db->catalog_lock);
        rc = create_locked(db, database, name, collection, err);
        os_mutex_unlock(&db->catalog_lock);
    }
    if (rc) collection_unref(collection);
    return rc;
}

int kith_collection_get_or_create(struct kith_db *db, const char *database, const char *name,
                                  const struct kith_schema *schema, struct kith_collection **out,
                                  struct kith_error *err)
{
    struct kith_error why = { 0 };
    int rc = kith_collection_open(db, database, name, out, &why);
    if (rc == KITH_ENOTFOUND) {
        rc = kith_collection_create(db, database, name, schema, &why);
        if (rc == 0 || rc == KITH_EEXISTS) rc = kith_collection_open(db, database, name, out, &why);
        if (rc && err) *err = why;
        if (rc) return rc;
    } else if (rc) {
        if (err) *err = why;
        return rc;
    }
    struct schema wanted;
    rc = schema_from_public(schema, &wanted, err);
    if (rc == 0 && !schema_equal(&wanted, (*out)->schema))
        rc = error_set(err, KITH_EEXISTS, "collection '%s' already exists with another schema",
                       name);
    if (rc == 0) schema_release(&wanted);
    if (rc) {
        kith_collection_release(*out);
        *out = NULL;
    }
    return rc;
}

struct moving { /* a collection on its way to another name */
    struct kith_db *db;
    struct kith_collection *collection;
    char *database, *name; /* owns: the new ones, then the old ones */
};

/* Under catalog_lock and write_lock. */
static int check_place(const struct moving *moving, struct kith_error *err)
{
    struct kith_db *db = moving->db;
    int rc = collection_writable(moving->collection, err);
    if (rc) return rc;
    if (!moving->database || !moving->name)
        return error_set(err, KITH_ENOMEM, "renaming a collection: no memory");
    if (!map_get(&db->databases, moving->database, strlen(moving->database), NULL))
        return error_set(err, KITH_ENOTFOUND, "database '%s' not found; create it first",
                         moving->database);
    if (catalog_find(db, moving->database, moving->name))
        return error_set(err, KITH_EEXISTS, "collection '%s' already exists", moving->name);
    return 0;
}

static void swap_names(struct moving *moving)
{
    struct manifest *manifest = &moving->collection->manifest;
    char *database = manifest->database, *name = manifest->name;
    manifest->database = moving->database;
    manifest->name = moving->name;
    moving->database = database;
    moving->name = name;
}

/* Aliases name the collection by its number, so they keep pointing to it. */
static int move_locked(struct moving *moving, struct kith_error *err)
{
    struct kith_db *db = moving->db;
    struct manifest *manifest = &moving->collection->manifest;
    char key[NAME_KEY_MAX];
    int rc = check_place(moving, err);
    if (rc) return rc;
    const size_t len = name_key(key, "", moving->database, moving->name);
    if (map_put(&db->names, key, len, (uintptr_t)moving->collection))
        return error_set(err, KITH_ENOMEM, "renaming '%s': no memory", manifest->name);
    swap_names(moving);
    rc = collection_save(moving->collection, manifest, err);
    if (rc) swap_names(moving);
    /* What is left over is the name that it does not have. */
    (void)map_remove(&db->names, key, name_key(key, "", moving->database, moving->name));
    return rc;
}

int kith_collection_move(struct kith_db *db, const char *database, const char *name,
                         const char *new_database, const char *new_name, struct kith_error *err)
{
    int rc = db_usable(db, true, err);
    if (rc) return rc;
    new_database = database_or_default(new_database);
    if (!name_valid(new_name) || !name_valid(new_database))
        return error_set(err, KITH_EINVAL, "names are 1 to 255 bytes of UTF-8");
    struct moving moving = { .db = db };
    if ((rc = kith_collection_open(db, database, name, &moving.collection, err))) return rc;
    moving.database = mem_strdup(new_database);
    moving.name = mem_strdup(new_name);
    os_mutex_lock(&db->catalog_lock);
    os_mutex_lock(&moving.collection->write_lock);
    rc = move_locked(&moving, err);
    os_mutex_unlock(&moving.collection->write_lock);
    os_mutex_unlock(&db->catalog_lock);
    mem_free(moving.database);
    mem_free(moving.name);
    collection_unref(moving.collection);
    return rc;
}

int kith_collection_rename(struct kith_db *db, const char *database, const char *name,
                           const char *new_name, struct kith_error *err)
{
    return kith_collection_move(db, database, name, database, new_name, err);
}

static void catalog_forget(struct kith_db *db, struct kith_collection *collection)
{
    char key[NAME_KEY_MAX];
    (void)map_remove(&db->names, key,
                     name_key(key, "", collection->manifest.database, collection->manifest.name));
    for (size_t i = 0; i < db->collection_count; i++) {
        if (db->collections[i] != collection) continue;
        db->collections[i] = db->collections[--db->collection_count];
        break;
    }
    size_t it = 0, len;
    const void *alias;
    uintptr_t id;
    while (map_next(&db->aliases, &it, &alias, &len, &id)) {
        if (id != collection->manifest.id) continue;
        char name[NAME_KEY_MAX];
        (void)snprintf(name, sizeof name, "a/%.*s", (int)len, (const char *)alias);
        struct journal_change change = { .key = name };
        (void)!journal_commit(db->journal, &change, 1, NULL);
        (void)map_remove(&db->aliases, name + 2, len);
        it = 0;
    }
}

int kith_collection_drop(struct kith_db *db, const char *database, const char *name,
                         struct kith_error *err)
{
    int rc = db_usable(db, true, err);
    if (rc) return rc;
    struct kith_collection *collection;
    if ((rc = kith_collection_open(db, database, name, &collection, err))) return rc;
    char key[32];
    (void)snprintf(key, sizeof key, "c/%016llx", (unsigned long long)collection->manifest.id);
    struct journal_change change = { .key = key };
    os_mutex_lock(&db->catalog_lock);
    os_mutex_lock(&collection->write_lock);
    bool mine = !atomic_load(&collection->dropped);
    rc = mine ? journal_commit(db->journal, &change, 1, err)
              : error_set(err, KITH_ENOTFOUND, "collection not found: '%s'", name);
    if (rc == 0) {
        atomic_store_explicit(&collection->dropped, true, memory_order_release);
        catalog_forget(db, collection);
        struct version *version = version_current(collection);
        for (size_t i = 0; i < version->count; i++) segment_doom(version->segments[i]);
    }
    os_mutex_unlock(&collection->write_lock);
    os_mutex_unlock(&db->catalog_lock);
    if (rc == 0) {
        (void)!wal_trim(db->wal, (uint32_t)collection->manifest.id, UINT64_MAX, NULL);
        collection_unref(collection); /* the catalog's */
    }
    collection_unref(collection);
    return rc;
}

int kith_alias_set(struct kith_db *db, const char *database, const char *alias, const char *name,
                   struct kith_error *err)
{
    int rc = db_usable(db, true, err);
    if (rc) return rc;
    database = database_or_default(database);
    if (!name_valid(alias))
        return error_set(err, KITH_EINVAL, "an alias is 1 to 255 bytes of UTF-8");
    char key[NAME_KEY_MAX];
    size_t len = name_key(key, "a/", database, alias);
    uint8_t id[8];
    os_mutex_lock(&db->catalog_lock);
    struct kith_collection *collection = catalog_find(db, database, name);
    if (!collection) {
        rc = error_set(err, KITH_ENOTFOUND, "collection not found: '%s'", name);
    } else if (map_get(&db->names, key + 2, len - 2, NULL)) {
        rc = error_set(err, KITH_EEXISTS, "'%s' is the name of a collection", alias);
    } else {
        le64_put(id, collection->manifest.id);
        struct journal_change change = { .key = key, .value = id, .len = sizeof id };
        rc = journal_commit(db->journal, &change, 1, err);
        if (rc == 0)
            rc = map_put(&db->aliases, key + 2, len - 2, (uintptr_t)collection->manifest.id);
    }
    os_mutex_unlock(&db->catalog_lock);
    return rc;
}

int kith_alias_drop(struct kith_db *db, const char *database, const char *alias,
                    struct kith_error *err)
{
    int rc = db_usable(db, true, err);
    if (rc) return rc;
    if (!name_valid(alias)) return error_set(err, KITH_ENOTFOUND, "alias not found");
    char key[NAME_KEY_MAX];
    size_t len = name_key(key, "a/", database_or_default(database), alias);
    struct journal_change change = { .key = key };
    os_mutex_lock(&db->catalog_lock);
    if (!map_get(&db->aliases, key + 2, len - 2, NULL))
        rc = error_set(err, KITH_ENOTFOUND, "alias '%s' not found", alias);
    else
        rc = journal_commit(db->journal, &change, 1, err);
    if (rc == 0) (void)map_remove(&db->aliases, key + 2, len - 2);
    os_mutex_unlock(&db->catalog_lock);
    return rc;
}
