/*
 * The metric of a vector field that nobody named when its collection was created: the first index
 * that names one sets it, also when there are rows.
 *
 * Graphs of the old metric are of no use. Sealed segments are opened a second time, without them
 * and under the new schema, and take the place of the first in one publication, with the kills they
 * have; reads that began keep theirs. Growing rows are compared by whatever metric the schema has.
 */
#include <string.h>

#include "base/alloc.h"
#include "engine/engine.h"

struct changing {
    struct kith_collection *collection;
    uint32_t field;
    struct schema_age *age;     /* owns */
    struct manifest edited;     /* its schema is borrowed of the age */
    struct index_wishes wishes; /* owns */
    struct version *next;       /* owns a reference */
};

static void changing_release(struct changing *changing)
{
    version_unref(changing->next);
    index_wishes_release(&changing->wishes);
    changing->edited.schema = (struct schema){ 0 };
    manifest_release(&changing->edited);
    if (changing->age) schema_release(&changing->age->schema);
    mem_free(changing->age);
}

/* No segment has an index of the field any more. */
static void forget_graphs(struct manifest *manifest, uint32_t number)
{
    for (uint32_t i = 0; i < manifest->segment_count; i++) {
        struct manifest_segment *segment = &manifest->segments[i];
        uint32_t kept = 0;
        for (uint32_t j = 0; j < segment->index_count; j++)
            if (segment->indexes[j].number != number)
                segment->indexes[kept++] = segment->indexes[j];
        segment->index_count = kept;
    }
}

static int edit(struct changing *changing, enum kith_metric metric, struct kith_error *err)
{
    struct kith_collection *collection = changing->collection;
    if (!(changing->age = mem_zalloc(sizeof *changing->age)))
        return error_set(err, KITH_ENOMEM, "setting a metric: no memory");
    int rc = schema_set_metric(collection->schema, changing->field, metric,
                               &changing->age->schema, err);
    if (rc) return rc;
    rc = manifest_copy(&collection->manifest, &changing->edited);
    schema_release(&changing->edited.schema);
    changing->edited.schema = changing->age->schema;
    forget_graphs(&changing->edited, changing->field);
    if (rc == 0) rc = index_wishes_make(&changing->edited, &changing->wishes);
    return rc ? error_set(err, rc, "setting a metric: no memory") : 0;
}

static int carry(void *ctx, size_t row, uint64_t ts) { return segment_kill(ctx, row, ts); }

static int open_again(const struct changing *changing, const struct segment *old,
                      struct segment **out, struct kith_error *err)
{
    struct kith_collection *collection = changing->collection;
    const struct manifest *manifest = &changing->edited;
    uint32_t at = 0;
    while (at < manifest->segment_count && manifest->segments[at].id != segment_id(old)) at++;
    if (at == manifest->segment_count)
        return error_set(err, KITH_ECORRUPT, "a segment is in no manifest");
    const struct manifest_segment *entry = &manifest->segments[at];
    struct sealed_opts opts;
    struct sealed_index_file *files = mem_zalloc_array(entry->index_count + 1u, sizeof *files);
    if (!files) return error_set(err, KITH_ENOMEM, "setting a metric: no memory");
    sealed_opts_of(collection->db, collection, entry->id, &opts);
    opts.schema = &changing->age->schema;
    opts.dead_file = entry->dead_file;
    opts.indexes = files;
    opts.index_count = recover_index_files(&changing->wishes, entry, files);
    int rc = sealed_open(&opts, out, NULL, err);
    mem_free(files);
    if (rc == 0 && (rc = segment_kills_since(old, 0, carry, *out))) {
        segment_unref(*out);
        (void)error_set(err, rc, "setting a metric: no memory");
    }
    return rc;
}

static int open_all(struct changing *changing, struct kith_error *err)
{
    struct version *now = version_current(changing->collection);
    struct version *next = version_new(&changing->age->schema, now->count);
    if (!next) return error_set(err, KITH_ENOMEM, "setting a metric: no memory");
    int rc = 0;
    for (next->count = 0; rc == 0 && next->count < now->count; next->count += rc == 0) {
        const size_t i = next->count;
        next->last_ts[i] = now->last_ts[i];
        next->segments[i] = now->segments[i];
        if (i < now->sealed)
            rc = open_again(changing, now->segments[i], &next->segments[i], err);
        else
            segment_ref(now->segments[i]);
    }
    next->sealed = now->sealed;
    changing->next = next;
    return rc;
}

/* Nothing here fails. */
static void put_in_place(struct changing *changing)
{
    struct kith_collection *collection = changing->collection;
    struct version *next = changing->next;
    for (size_t i = next->sealed; i < next->count; i++)
        segment_widen(next->segments[i], &changing->age->schema, NULL);
    os_mutex_lock(&collection->version_lock); /* searches read wishes under it */
    struct index_wishes old = collection->wishes;
    collection->wishes = changing->wishes;
    os_mutex_unlock(&collection->version_lock);
    changing->wishes = old;
    forget_graphs(&collection->manifest, changing->field);
    collection_set_schema(collection, changing->age);
    changing->age = NULL;
    changing->next = NULL;
    version_publish(collection, next);
}

int collection_set_metric(struct kith_collection *collection, size_t field,
                          enum kith_metric metric, struct kith_error *err)
{
    struct changing changing = { .collection = collection, .field = (uint32_t)field };
    const struct schema *schema = collection->schema;
    if (schema->fields[field].metric == metric) return 0;
    os_mutex_lock(&collection->write_lock);
    int rc = collection_writable(collection, err);
    if (rc == 0) rc = edit(&changing, metric, err);
    if (rc == 0) rc = open_all(&changing, err);
    if (rc == 0) rc = collection_save(collection, &changing.edited, err);
    if (rc == 0) put_in_place(&changing);
    os_mutex_unlock(&collection->write_lock);
    changing_release(&changing);
    return rc;
}
