/*
 * A collection's life, its manifest, partitions and description.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/engine.h"
#include "query/recall.h"
#include "text/analyzer.h"

static void ages_free(struct schema_age *age)
{
    while (age) {
        struct schema_age *before = age->before;
        schema_release(&age->schema);
        mem_free(age);
        age = before;
    }
}

void collection_set_schema(struct kith_collection *collection, struct schema_age *age)
{
    age->before = collection->ages;
    collection->ages = age;
    collection->manifest.schema = age->schema;
    atomic_store_explicit(&collection->schema, &age->schema, memory_order_release);
}

static void collection_free(struct kith_collection *collection)
{
    struct kith_db *db = collection->db;
    version_unref(collection->version);
    map64_release(&collection->unindexable);
    recall_book_free(atomic_load(&collection->recall));
    index_wishes_release(&collection->wishes);
    collection->manifest.schema = (struct schema){ 0 }; /* the ages own it */
    manifest_release(&collection->manifest);
    ages_free(collection->ages);
    os_mutex_release(&collection->write_lock);
    os_mutex_release(&collection->version_lock);
    mem_free(collection);
    if (atomic_fetch_sub_explicit(&db->handles, 1, memory_order_acq_rel) == 1) mem_free(db);
}

void collection_unref(struct kith_collection *collection)
{
    if (collection && atomic_fetch_sub_explicit(&collection->refs, 1, memory_order_acq_rel) == 1)
        collection_free(collection);
}

void kith_collection_release(struct kith_collection *collection) { collection_unref(collection); }

int collection_new(struct kith_db *db, struct manifest *manifest, struct kith_collection **out,
                   struct kith_error *err)
{
    struct kith_collection *collection = mem_zalloc(sizeof *collection);
    if (!collection)
        return error_set(err, KITH_ENOMEM, "collection '%s': no memory", manifest->name);
    collection->db = db;
    map64_init(&collection->unindexable);
    atomic_init(&collection->refs, 1);
    int rc = index_wishes_make(manifest, &collection->wishes);
    if (rc == 0) rc = os_mutex_init(db->os, &collection->write_lock);
    if (rc == 0) rc = os_mutex_init(db->os, &collection->version_lock);
    struct schema_age *age = mem_zalloc(sizeof *age);
    if (rc == 0 && age) collection->version = version_new(&age->schema, 0);
    if (rc == 0 && !collection->version) rc = KITH_ENOMEM;
    if (rc) {
        os_mutex_release(&collection->write_lock);
        os_mutex_release(&collection->version_lock);
        index_wishes_release(&collection->wishes);
        mem_free(age);
        mem_free(collection);
        return error_set(err, rc, "collection '%s': no memory", manifest->name);
    }
    atomic_fetch_add_explicit(&db->handles, 1, memory_order_relaxed);
    collection->manifest = *manifest;
    memset(manifest, 0, sizeof *manifest);
    age->schema = collection->manifest.schema;
    collection_set_schema(collection, age);
    atomic_init(&collection->ttl_s, collection->manifest.ttl_s);
    atomic_init(&collection->visible_ts, collection->manifest.checkpoint_ts);
    collection->appended_ts = collection->manifest.checkpoint_ts;
    atomic_init(&collection->updated_ms, collection->manifest.created_ms);
    *out = collection;
    return 0;
}

static int collection_open(const struct kith_collection *collection, struct kith_error *err)
{
    if (atomic_load_explicit(&collection->dropped, memory_order_acquire) ||
        atomic_load_explicit(&collection->db->closed, memory_order_acquire))
        return error_set(err, KITH_ECLOSED,
                         "collection is closed: it was dropped, or its database closed");
    return 0;
}

/* A reader beside a writing process first goes on to what that has acknowledged; it may have
 * dropped the collection, too. */
int collection_usable(const struct kith_collection *collection, struct kith_error *err)
{
    int rc = collection_open(collection, err);
    if (rc || !collection->db->read_only) return rc;
    rc = follow(collection->db, err);
    return rc ? rc : collection_open(collection, err);
}

int collection_writable(const struct kith_collection *collection, struct kith_error *err)
{
    int rc = collection_usable(collection, err);
    if (rc) return rc;
    if (collection->db->read_only)
        return error_set(err, KITH_EREADONLY,
                         "the database is open read-only; open it for writing");
    if (collection->doubtful)
        return error_set(err, KITH_ECORRUPT,
                         "collection '%s' is read-only: the meta file is damaged and may have lost "
                         "changes of it",
                         collection->manifest.name);
    return 0;
}

int collection_save(struct kith_collection *collection, const struct manifest *manifest,
                    struct kith_error *err)
{
    char key[32];
    (void)snprintf(key, sizeof key, "c/%016llx", (unsigned long long)manifest->id);
    struct buffer bytes;
    buffer_init(&bytes);
    manifest_encode(manifest, &bytes);
    int rc;
    if (buffer_failed(&bytes)) {
        rc = error_set(err, KITH_ENOMEM, "manifest of '%s': no memory", manifest->name);
    } else {
        struct journal_change change = { .key = key, .value = bytes.data, .len = bytes.len };
        rc = journal_commit(collection->db->journal, &change, 1, err);
    }
    buffer_release(&bytes);
    return rc;
}

int schema_check_analyzers(const struct schema *schema, struct kith_error *err)
{
    for (size_t i = 0; i < schema->field_count; i++) {
        const char *text = schema->fields[i].analyzer;
        struct analyzer *analyzer;
        struct kith_error why = { 0 };
        if (!text) continue;
        const int rc = analyzer_new(text, strlen(text), &analyzer, &why);
        if (rc) return error_set(err, rc, "field '%s': %s", schema->fields[i].name, why.text);
        analyzer_free(analyzer);
    }
    return 0;
}

int manifest_copy(const struct manifest *manifest, struct manifest *out)
{
    struct buffer bytes;
    buffer_init(&bytes);
    manifest_encode(manifest, &bytes);
    int rc = buffer_failed(&bytes) ? KITH_ENOMEM
                                   : manifest_decode(bytes.data, bytes.len, out, NULL);
    buffer_release(&bytes);
    return rc;
}

const struct manifest_index *manifest_index_of(const struct manifest *manifest, size_t field)
{
    return field < LIMIT_FIELDS ? manifest_find_index(manifest, (uint32_t)field) : NULL;
}

int collection_partition(const struct kith_collection *collection, const char *name, uint32_t *id,
                         struct kith_error *err)
{
    const struct manifest *manifest = &collection->manifest;
    for (uint32_t i = 0; i < manifest->partition_count; i++) {
        if (strcmp(manifest->partitions[i].name, name) == 0) {
            *id = manifest->partitions[i].id;
            return 0;
        }
    }
    return error_set(err, KITH_ENOTFOUND, "partition '%s' not found in collection '%s'", name,
                     manifest->name);
}

/* Takes over what an edit changes: partitions and indexes. The rest stays where it is. */
static void manifest_adopt(struct manifest *current, struct manifest *edited)
{
    struct manifest_partition *partitions = current->partitions;
    uint32_t partition_count = current->partition_count;
    struct manifest_index *indexes = current->indexes;
    current->partitions = edited->partitions;
    current->partition_count = edited->partition_count;
    current->next_partition = edited->next_partition;
    current->indexes = edited->indexes;
    current->index_count = edited->index_count;
    edited->partitions = partitions;
    edited->partition_count = partition_count;
    edited->indexes = indexes;
    manifest_release(edited);
}

static int partition_add(struct manifest *manifest, const char *name)
{
    struct manifest_partition *grown = mem_realloc(
        manifest->partitions, (manifest->partition_count + 1u) * sizeof *manifest->partitions);
    if (!grown) return KITH_ENOMEM;
    manifest->partitions = grown;
    char *copy = mem_strdup(name);
    if (!copy) return KITH_ENOMEM;
    grown[manifest->partition_count++] =
        (struct manifest_partition){ .id = manifest->next_partition++, .name = copy };
    return 0;
}

int kith_partition_create(struct kith_collection *collection, const char *partition,
                          struct kith_error *err)
{
    int rc = collection_writable(collection, err);
    if (rc) return rc;
    if (!name_valid(partition))
        return error_set(err, KITH_EINVAL, "partition name must be 1 to 255 bytes of UTF-8");
    struct manifest edited = { 0 };
    os_mutex_lock(&collection->write_lock);
    uint32_t id;
    if (collection->schema->partition_key != SIZE_MAX)
        rc = error_set(err, KITH_EINVAL,
                       "a collection with a partition key has no named partitions");
    else if (collection->manifest.partition_count >= LIMIT_PARTITIONS)
        rc =
            error_set(err, KITH_ELIMIT, "a collection has at most %d partitions", LIMIT_PARTITIONS);
    else if (collection_partition(collection, partition, &id, NULL) == 0)
        rc = error_set(err, KITH_EEXISTS, "partition '%s' already exists", partition);
    if (rc == 0 &&
        (manifest_copy(&collection->manifest, &edited) || partition_add(&edited, partition)))
        rc = error_set(err, KITH_ENOMEM, "partition '%s': no memory", partition);
    if (rc == 0) rc = collection_save(collection, &edited, err);
    if (rc == 0)
        manifest_adopt(&collection->manifest, &edited);
    else
        manifest_release(&edited);
    os_mutex_unlock(&collection->write_lock);
    return rc;
}
