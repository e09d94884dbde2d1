/*
 * A field that goes from a collection that has rows.
 *
 * One commit of the journal under the write lock, as when a field is added: the manifest's schema
 * says that the field was dropped, and the indexes that somebody created on it are out of the
 * catalog. The active segment is frozen, for rows from now on hold nothing of the field; segments
 * of before keep their bytes, which nobody can name, until compaction writes the rows anew. Log
 * records of before have the values too, and replay passes over them. Files of its indexes go by
 * background work, as nobody wishes for them any more. Reads that began before go on with the
 * schema of their version, to which the segments still answer.
 */
#include <string.h>

#include "base/alloc.h"
#include "engine/engine.h"

struct dropping {
    struct kith_collection *collection;
    struct schema_age *age;     /* owns */
    struct manifest edited;     /* its schema is borrowed of the age */
    struct index_wishes wishes; /* owns */
    struct version *next;       /* owns a reference */
};

static void dropping_release(struct dropping *dropping)
{
    version_unref(dropping->next);
    index_wishes_release(&dropping->wishes);
    dropping->edited.schema = (struct schema){ 0 };
    manifest_release(&dropping->edited);
    if (dropping->age) schema_release(&dropping->age->schema);
    mem_free(dropping->age);
}

static void remove_indexes(struct manifest *manifest, size_t field)
{
    for (uint32_t i = manifest->index_count; i-- > 0;)
        if (manifest->indexes[i].field == field) manifest_remove_index(manifest, i);
}

static int drop_of_schema(struct dropping *dropping, const char *name, struct kith_error *err)
{
    const struct schema *schema = dropping->collection->schema;
    const size_t field = schema_find(schema, name, strlen(name));
    if (field == SIZE_MAX)
        return error_set(err, KITH_ENOTFOUND, "field '%s' not in schema", name);
    if (!(dropping->age = mem_zalloc(sizeof *dropping->age)))
        return error_set(err, KITH_ENOMEM, "dropping a field: no memory");
    int rc = schema_drop_field(schema, field, &dropping->age->schema, err);
    if (rc) return rc;
    rc = manifest_copy(&dropping->collection->manifest, &dropping->edited);
    schema_release(&dropping->edited.schema);
    dropping->edited.schema = dropping->age->schema;
    if (rc == 0) remove_indexes(&dropping->edited, field);
    if (rc == 0) rc = index_wishes_make(&dropping->edited, &dropping->wishes);
    return rc ? error_set(err, rc, "dropping a field: no memory") : 0;
}

/* Nothing here fails. */
static void put_in_place(struct dropping *dropping)
{
    struct kith_collection *collection = dropping->collection;
    struct manifest *now = &collection->manifest;
    struct manifest_index *indexes = now->indexes;
    const uint32_t count = now->index_count;
    now->indexes = dropping->edited.indexes;
    now->index_count = dropping->edited.index_count;
    dropping->edited.indexes = indexes;
    dropping->edited.index_count = count;
    os_mutex_lock(&collection->version_lock); /* searches read wishes under it */
    struct index_wishes old = collection->wishes;
    collection->wishes = dropping->wishes;
    os_mutex_unlock(&collection->version_lock);
    dropping->wishes = old;
    collection_set_schema(collection, dropping->age);
    dropping->age = NULL;
    collection->active_since_ts = collection->appended_ts;
    struct version *next = dropping->next;
    dropping->next = NULL;
    version_publish(collection, next);
}

int kith_field_drop(struct kith_collection *collection, const char *field, struct kith_error *err)
{
    struct dropping dropping = { .collection = collection };
    if (!field) return error_set(err, KITH_EINVAL, "the name of the field to drop is missing");
    int rc = collection_writable(collection, err);
    if (rc) return rc;
    os_mutex_lock(&collection->write_lock);
    rc = collection_writable(collection, err);
    if (rc == 0) rc = drop_of_schema(&dropping, field, err);
    if (rc == 0) rc = version_grown(collection, &dropping.age->schema, 0, &dropping.next, err);
    if (rc == 0) rc = collection_save(collection, &dropping.edited, err);
    if (rc == 0) put_in_place(&dropping);
    os_mutex_unlock(&collection->write_lock);
    dropping_release(&dropping);
    if (rc == 0) background_wake(collection->db);
    return rc;
}
