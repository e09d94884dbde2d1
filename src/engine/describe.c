/*
 * A collection described, and its figures.
 */
#include <string.h>

#include "base/alloc.h"
#include "engine/engine.h"

void kith_names_free(struct kith_names *names)
{
    if (!names) return;
    for (size_t i = 0; i < names->count; i++) mem_free(names->names[i]);
    mem_free(names->names);
    memset(names, 0, sizeof *names);
}

void kith_collection_info_free(struct kith_collection_info *info)
{
    if (!info) return;
    mem_free(info->name);
    mem_free(info->database);
    mem_free(info->description);
    schema_public_release(&info->schema);
    for (size_t i = 0; info->partitions && i < info->partition_count; i++)
        mem_free(info->partitions[i]);
    mem_free(info->partitions);
    for (size_t i = 0; info->aliases && i < info->alias_count; i++) mem_free(info->aliases[i]);
    mem_free(info->aliases);
    for (size_t i = 0; info->indexes && i < info->index_count; i++) {
        mem_free(info->indexes[i].field);
        mem_free(info->indexes[i].kind);
        mem_free(info->indexes[i].name);
        mem_free(info->indexes[i].params);
    }
    mem_free(info->indexes);
    mem_free(info);
}

static uint64_t live_rows(const struct view *view)
{
    uint64_t rows = 0;
    for (size_t i = 0; i < view->version->count; i++) {
        const struct segment *segment = view->version->segments[i];
        struct bitset visible;
        const size_t expired = segment_expired(segment, view->oldest_s);
        if (segment_dead(segment) == 0) {
            const size_t there = segment_rows_at(segment, view->ts);
            rows += there > expired ? there - expired : 0;
        } else if (segment_visible(segment, view->ts, &visible) == 0) {
            bitset_clear_first(&visible, expired);
            rows += bitset_count(&visible);
            bitset_release(&visible);
        }
    }
    return rows;
}

static int describe_partitions(const struct manifest *manifest, struct kith_collection_info *info)
{
    info->partitions = mem_zalloc_array(manifest->partition_count + 1u, sizeof *info->partitions);
    if (!info->partitions) return KITH_ENOMEM;
    for (uint32_t i = 0; i < manifest->partition_count; i++) {
        info->partitions[i] = mem_strdup(manifest->partitions[i].name);
        info->partition_count = i + 1;
        if (!info->partitions[i]) return KITH_ENOMEM;
    }
    return 0;
}

/* The number whose files an index has: BM25 reads the words of its input. */
static uint32_t file_number(const struct schema *schema, size_t field, uint32_t number)
{
    if (number >= LIMIT_FIELDS || schema_field_stored(&schema->fields[field])) return number;
    return (uint32_t)schema->fields[field].bm25_of;
}

/* `index` is NULL for a vector field of whose index nobody asked anything. */
static int describe_index(const struct schema *schema, const struct view *view, size_t field,
                          const struct manifest_index *index, struct kith_index_info *out)
{
    const struct schema_field *f = &schema->fields[field];
    const uint32_t number = file_number(schema, field, index ? index->number : (uint32_t)field);
    out->field = mem_strdup(f->name);
    out->kind = mem_strdup(index ? index->kind : INDEX_KIND_AUTO);
    out->name = mem_strdup(index ? index->name : f->name);
    if (!out->field || !out->kind || !out->name) return KITH_ENOMEM;
    if (index && *index->params && !(out->params = mem_strdup(index->params))) return KITH_ENOMEM;
    out->metric = f->metric;
    out->m = index ? index->m : 0;
    out->ef_construction = index ? index->ef_construction : 0;
    for (size_t i = 0; i < view->version->count; i++) {
        const struct segment *segment = view->version->segments[i];
        const uint64_t rows = segment_rows_at(segment, view->ts);
        out->total_rows += rows;
        if (segment_has_index(segment, number)) out->indexed_rows += rows;
    }
    return 0;
}

/* Those of vector fields first, then those that somebody created, in that order. */
static int describe_indexes(struct kith_collection *collection, const struct view *view,
                            struct kith_collection_info *info)
{
    const struct schema *schema = collection->schema;
    const struct manifest *manifest = &collection->manifest;
    info->indexes =
        mem_zalloc_array(schema->field_count + manifest->index_count + 1, sizeof *info->indexes);
    if (!info->indexes) return KITH_ENOMEM;
    int rc = 0;
    for (size_t f = 0; rc == 0 && f < schema->field_count; f++) {
        if (!type_is_vector(schema->fields[f].type) || schema->fields[f].dropped) continue;
        rc = describe_index(schema, view, f, manifest_index_of(manifest, f),
                            &info->indexes[info->index_count++]);
    }
    for (uint32_t i = 0; rc == 0 && i < manifest->index_count; i++) {
        const struct manifest_index *index = &manifest->indexes[i];
        if (index->number < LIMIT_FIELDS) continue;
        rc = describe_index(schema, view, index->field, index,
                            &info->indexes[info->index_count++]);
    }
    return rc;
}

static int describe_aliases(struct kith_collection *collection, struct kith_collection_info *info)
{
    struct kith_db *db = collection->db;
    int rc = 0;
    os_mutex_lock(&db->catalog_lock);
    info->aliases = mem_zalloc_array(db->aliases.count + 1, sizeof *info->aliases);
    if (!info->aliases) rc = KITH_ENOMEM;
    size_t it = 0, len;
    const void *key;
    uintptr_t id;
    while (rc == 0 && map_next(&db->aliases, &it, &key, &len, &id)) {
        if (id != collection->manifest.id) continue;
        const char *mark = memchr(key, 1, len); /* behind the database, which need not be its own */
        const size_t prefix = mark ? (size_t)(mark - (const char *)key) + 1 : 0;
        info->aliases[info->alias_count] = mem_strndup((const char *)key + prefix, len - prefix);
        if (!info->aliases[info->alias_count++]) rc = KITH_ENOMEM;
    }
    os_mutex_unlock(&db->catalog_lock);
    return rc;
}

static int describe_manifest(struct kith_collection *collection, const struct view *view,
                             struct kith_collection_info *info)
{
    const struct manifest *manifest = &collection->manifest;
    info->id = manifest->id;
    info->created_ms = manifest->created_ms;
    info->name = mem_strdup(manifest->name);
    info->database = mem_strdup(manifest->database);
    info->description =
        mem_strdup(manifest->schema.description ? manifest->schema.description : "");
    if (!info->name || !info->database || !info->description) return KITH_ENOMEM;
    int rc = schema_to_public(&manifest->schema, &info->schema);
    if (rc == 0) rc = describe_partitions(manifest, info);
    return rc ? rc : describe_indexes(collection, view, info);
}

int kith_collection_describe(struct kith_collection *collection, struct kith_collection_info **out,
                             struct kith_error *err)
{
    int rc = collection_usable(collection, err);
    if (rc) return rc;
    struct kith_collection_info *info = mem_zalloc(sizeof *info);
    if (!info) return error_set(err, KITH_ENOMEM, "describing a collection: no memory");
    struct view view;
    view_take(collection, &view);
    info->rows = live_rows(&view);
    os_mutex_lock(&collection->write_lock);
    rc = describe_manifest(collection, &view, info);
    os_mutex_unlock(&collection->write_lock);
    if (rc == 0) rc = describe_aliases(collection, info);
    view_drop(&view);
    if (rc) {
        kith_collection_info_free(info);
        return error_set(err, rc, "describing a collection: no memory");
    }
    *out = info;
    return 0;
}

int kith_collection_stats(struct kith_collection *collection, struct kith_stats *out,
                          struct kith_error *err)
{
    int rc = collection_usable(collection, err);
    if (rc) return rc;
    struct kith_stats stats = { .size = sizeof stats };
    struct view view;
    view_take(collection, &view);
    stats.rows = live_rows(&view);
    for (size_t i = 0; i < view.version->count; i++) {
        const struct segment *segment = view.version->segments[i];
        stats.deleted_rows += segment_dead(segment);
        stats.damaged_segments += segment_damaged(segment);
        stats.disk_bytes += segment_disk_bytes(segment);
        if (segment_is_growing(segment)) {
            stats.growing_rows += segment_rows_at(segment, view.ts);
            stats.growing_bytes += growing_bytes(segment);
            continue;
        }
        stats.sealed_segments++;
        stats.hot_bytes += segment_memory_bytes(segment);
        stats.indexed_segments += segment_indexes(segment, NULL, 0) > 0;
    }
    view_drop(&view);
    stats.log_bytes = wal_bytes(collection->db->wal);
    stats.updated_ms = atomic_load_explicit(&collection->updated_ms, memory_order_relaxed);
    size_t size = out->size && out->size < sizeof stats ? out->size : sizeof stats;
    memcpy(out, &stats, size);
    return 0;
}
