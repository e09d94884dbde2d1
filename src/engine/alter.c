/*
 * What changes about a collection that has rows: a field more, no rows at all, a time to live.
 *
 * Each is one commit of the journal under the write lock, and everything that may fail for want of
 * memory comes before it. A field: the active segment is frozen (an empty one replaced), for rows
 * from now on hold the field; the segments of before show its default or nulls until compaction
 * writes them; log records of before have it filled in when they are replayed. Reads that began
 * before go on with the schema of their version. No rows: a version of one empty segment, whose
 * manifest says that the log up to now is covered.
 */
#include <string.h>

#include "base/alloc.h"
#include "engine/engine.h"

/* ------------------------------------------------------------------ a new field */

struct adding {
    struct kith_collection *collection;
    struct schema_age *age;     /* owns */
    struct manifest edited;     /* its schema is borrowed of the age */
    struct index_wishes wishes; /* owns */
    struct version *next;       /* owns a reference */
    struct filled_column **filled; /* owns: one a segment of it */
};

static void adding_release(struct adding *adding)
{
    for (size_t i = 0; adding->filled && i < adding->next->count; i++)
        filled_free(adding->filled[i]);
    mem_free(adding->filled);
    version_unref(adding->next);
    index_wishes_release(&adding->wishes);
    adding->edited.schema = (struct schema){ 0 };
    manifest_release(&adding->edited);
    if (adding->age) schema_release(&adding->age->schema);
    mem_free(adding->age);
}

static int add_to_schema(struct adding *adding, const struct kith_field *field,
                         struct kith_error *err)
{
    const struct schema *schema = adding->collection->schema;
    if (!(adding->age = mem_zalloc(sizeof *adding->age)))
        return error_set(err, KITH_ENOMEM, "adding a field: no memory");
    int rc = schema_add_field(schema, field, &adding->age->schema, err);
    if (rc == 0) rc = schema_check_analyzers(&adding->age->schema, err);
    if (rc) return rc;
    rc = manifest_copy(&adding->collection->manifest, &adding->edited);
    schema_release(&adding->edited.schema);
    adding->edited.schema = adding->age->schema;
    if (rc == 0) rc = index_wishes_make(&adding->edited, &adding->wishes);
    return rc ? error_set(err, rc, "adding a field: no memory") : 0;
}

/* The last segment of the next version is new: it holds the field. */
static int fill_segments(struct adding *adding, struct kith_error *err)
{
    struct version *next = adding->next;
    int rc = 0;
    adding->filled = mem_zalloc_array(next->count, sizeof *adding->filled);
    if (!adding->filled) rc = KITH_ENOMEM;
    for (size_t i = 0; rc == 0 && i + 1 < next->count; i++)
        rc = segment_fill(next->segments[i], &adding->age->schema, false, &adding->filled[i]);
    if (rc == KITH_EBUSY)
        return error_set(err, rc,
                         "adding a field: its default values do not fit the memory budget");
    return rc ? error_set(err, rc, "adding a field: no memory for its values") : 0;
}

/* Nothing here fails. Segments before the version, so that who has the one sees the other. */
static void put_in_place(struct adding *adding)
{
    struct kith_collection *collection = adding->collection;
    struct version *next = adding->next;
    for (size_t i = 0; i + 1 < next->count; i++) {
        segment_widen(next->segments[i], &adding->age->schema, adding->filled[i]);
        adding->filled[i] = NULL;
    }
    os_mutex_lock(&collection->version_lock); /* searches read wishes under it */
    struct index_wishes old = collection->wishes;
    collection->wishes = adding->wishes;
    os_mutex_unlock(&collection->version_lock);
    adding->wishes = old;
    collection_set_schema(collection, adding->age);
    adding->age = NULL;
    collection->active_since_ts = collection->appended_ts;
    mem_free(adding->filled);
    adding->filled = NULL;
    adding->next = NULL;
    version_publish(collection, next);
}

int kith_field_add(struct kith_collection *collection, const struct kith_field *field,
                   struct kith_error *err)
{
    struct adding adding = { .collection = collection };
    int rc = collection_writable(collection, err);
    if (rc) return rc;
    os_mutex_lock(&collection->write_lock);
    rc = collection_writable(collection, err);
    if (rc == 0) rc = add_to_schema(&adding, field, err);
    if (rc == 0) rc = version_grown(collection, &adding.age->schema, 0, &adding.next, err);
    if (rc == 0) rc = fill_segments(&adding, err);
    if (rc == 0) rc = collection_save(collection, &adding.edited, err);
    if (rc == 0) put_in_place(&adding);
    os_mutex_unlock(&collection->write_lock);
    adding_release(&adding);
    if (rc == 0) background_wake(collection->db);
    return rc;
}

/* ---------------------------------------------------------------------- no rows */

static int empty_manifest(struct kith_collection *collection, struct manifest *edited,
                          struct kith_error *err)
{
    if (manifest_copy(&collection->manifest, edited))
        return error_set(err, KITH_ENOMEM, "truncating a collection: no memory");
    manifest_clear_segments(edited);
    edited->checkpoint_ts = collection->appended_ts;
    return 0;
}

/* Records up to now are covered, also those that are not acknowledged yet: their rows came before.
 * Segments that did not open are forgotten with the others. */
static void put_empty(struct kith_collection *collection, struct version *next)
{
    struct version *now = version_current(collection);
    for (size_t i = 0; i < now->sealed; i++) segment_doom(now->segments[i]);
    manifest_clear_segments(&collection->manifest);
    collection->manifest.checkpoint_ts = collection->appended_ts;
    collection->active_since_ts = collection->appended_ts;
    collection->flush_ts = 0;
    collection->compact_wanted = false;
    atomic_store(&collection->quarantined, 0);
    version_publish(collection, next);
}

int kith_collection_truncate(struct kith_collection *collection, const struct kith_call *call,
                             struct kith_error *err)
{
    (void)call; /* one commit */
    struct manifest edited = { 0 };
    struct version *next = NULL;
    uint64_t ts = 0;
    int rc = collection_writable(collection, err);
    if (rc) return rc;
    os_mutex_lock(&collection->write_lock);
    rc = collection_writable(collection, err);
    if (rc == 0) rc = version_emptied(collection, &next, err);
    if (rc == 0) rc = empty_manifest(collection, &edited, err);
    if (rc == 0) rc = collection_save(collection, &edited, err);
    if (rc == 0) {
        ts = collection->appended_ts;
        put_empty(collection, next);
        next = NULL;
    }
    os_mutex_unlock(&collection->write_lock);
    version_unref(next);
    manifest_release(&edited);
    atomic_store(&collection->updated_ms, os_wall_ms(collection->db->os));
    if (rc == 0) background_wake(collection->db);
    return rc ? rc : wal_trim(collection->db->wal, (uint32_t)collection->manifest.id, ts, err);
}

/* ---------------------------------------------------------------- a time to live */

int kith_collection_set_ttl(struct kith_collection *collection, uint64_t seconds,
                            struct kith_error *err)
{
    struct manifest edited = { 0 };
    int rc = collection_writable(collection, err);
    if (rc) return rc;
    os_mutex_lock(&collection->write_lock);
    rc = collection_writable(collection, err);
    if (rc == 0 && manifest_copy(&collection->manifest, &edited))
        rc = error_set(err, KITH_ENOMEM, "setting a time to live: no memory");
    edited.ttl_s = seconds;
    if (rc == 0) rc = collection_save(collection, &edited, err);
    if (rc == 0) {
        collection->manifest.ttl_s = seconds;
        atomic_store_explicit(&collection->ttl_s, seconds, memory_order_relaxed);
    }
    os_mutex_unlock(&collection->write_lock);
    manifest_release(&edited);
    if (rc == 0) background_wake(collection->db);
    return rc;
}
