/*
 * Publications: sealing a frozen segment, compacting sealed ones, saving kills, naming new indexes.
 * All have one form: make new files without a lock; then, under the write lock, carry over the
 * kills that arrived meanwhile, commit the edited manifest, switch the version. An index is
 * attached to the open segment before its manifest is committed: it is derived, so nobody misses it
 * when that fails.
 *
 * One step at a time (step_lock, seal_lock), but for seals beside the building of an index; so
 * positions in the version only move by appends at its end.
 * When the journal's commit fails its outcome is unknown: neither the old nor the new files are
 * unlinked then; the next open removes what its manifest does not name.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/engine.h"

struct publication {
    struct kith_collection *collection;
    struct manifest manifest; /* the edited copy */
    struct version *next;
    size_t first, count;      /* segments of the old version that are replaced */
    struct segment *made;     /* owns a reference; NULL: nothing is left of them */
    uint64_t checkpoint_ts;   /* 0: as it was */
};

/* The old version with [first, first + count) replaced by `made`. */
static int next_version(struct publication *p)
{
    struct version *now = version_current(p->collection);
    size_t made = p->made ? 1 : 0;
    struct version *next = version_new(now->schema, now->count - p->count + made);
    if (!next) return KITH_ENOMEM;
    size_t out = 0;
    for (size_t i = 0; i < now->count; i++) {
        if (i == p->first && p->made) {
            segment_ref(p->made);
            next->segments[out++] = p->made;
        }
        if (i >= p->first && i < p->first + p->count) continue;
        segment_ref(now->segments[i]);
        next->last_ts[out] = now->last_ts[i];
        next->segments[out++] = now->segments[i];
    }
    next->sealed = 0;
    while (next->sealed < next->count && !segment_is_growing(next->segments[next->sealed]))
        next->sealed++;
    p->next = next;
    return 0;
}

static int list_segment(struct publication *p, const struct segment *segment, uint64_t dead_file)
{
    struct manifest_segment *entry;
    const size_t count = segment_indexes(segment, NULL, 0);
    struct segment_index_entry *indexes = mem_alloc_array(count + 1, sizeof *indexes);
    if (!indexes) return KITH_ENOMEM;
    /* Damage that is found meanwhile makes them fewer, never more. */
    size_t n = segment_indexes(segment, indexes, count);
    if (n > count) n = count;
    const int rc = manifest_add_segment(&p->manifest, segment_id(segment), segment_rows(segment),
                                        dead_file, (uint32_t)n, &entry);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        entry->indexes[i].number = indexes[i].number;
        entry->indexes[i].field = (uint32_t)indexes[i].field;
        (void)snprintf(entry->indexes[i].kind, sizeof entry->indexes[i].kind, "%s",
                       indexes[i].kind);
    }
    mem_free(indexes);
    return rc;
}

static uint64_t old_dead_file(const struct manifest *manifest, uint64_t id)
{
    for (uint32_t i = 0; i < manifest->segment_count; i++)
        if (manifest->segments[i].id == id) return manifest->segments[i].dead_file;
    return 0;
}

/* The .del file of a segment as of the checkpoint; 0 when it has no dead rows. */
static int dead_file_of(struct publication *p, const struct segment *segment, uint64_t *number,
                        struct kith_error *err)
{
    *number = old_dead_file(&p->collection->manifest, segment_id(segment));
    /* A merged segment was made without the rows dead at the checkpoint. */
    if (segment == p->made || segment_kill_count(segment) == 0) return 0;
    if (!p->checkpoint_ts || !collection_unsaved(p->collection)) return 0;
    struct sealed_opts opts;
    sealed_opts_of(p->collection->db, p->collection, segment_id(segment), &opts);
    int rc = catalog_next_id(p->collection->db, number, err);
    return rc ? rc : sealed_write_dead(&opts, segment, p->manifest.checkpoint_ts, *number, err);
}

static void keep_quarantined(struct publication *p, const struct manifest *old, struct version *now)
{
    for (uint32_t i = 0; i < old->segment_count; i++) {
        const struct manifest_segment *entry = &old->segments[i];
        bool present = false;
        for (size_t s = 0; s < now->count; s++)
            present |= segment_id(now->segments[s]) == entry->id;
        struct manifest_segment *copy;
        if (present || manifest_add_segment(&p->manifest, entry->id, entry->rows, entry->dead_file,
                                            entry->index_count, &copy))
            continue;
        memcpy(copy->indexes, entry->indexes, entry->index_count * sizeof *entry->indexes);
    }
}

static int edit_manifest(struct publication *p, struct kith_error *err)
{
    if (manifest_copy(&p->collection->manifest, &p->manifest))
        return error_set(err, KITH_ENOMEM, "publishing a segment: no memory");
    manifest_clear_segments(&p->manifest);
    if (p->checkpoint_ts) p->manifest.checkpoint_ts = p->checkpoint_ts;
    keep_quarantined(p, &p->collection->manifest, version_current(p->collection));
    for (size_t i = 0; i < p->next->sealed; i++) {
        uint64_t dead_file;
        int rc = dead_file_of(p, p->next->segments[i], &dead_file, err);
        if (rc) return rc;
        if (list_segment(p, p->next->segments[i], dead_file))
            return error_set(err, KITH_ENOMEM, "publishing a segment: no memory");
    }
    return 0;
}

static void adopt(struct publication *p)
{
    struct manifest *current = &p->collection->manifest;
    struct manifest_segment *segments = current->segments;
    uint32_t count = current->segment_count;
    current->segments = p->manifest.segments;
    current->segment_count = p->manifest.segment_count;
    current->checkpoint_ts = p->manifest.checkpoint_ts;
    p->manifest.segments = segments;
    p->manifest.segment_count = count;
}

/* Under write_lock. */
static int publish(struct publication *p, bool doom, struct kith_error *err)
{
    int rc = next_version(p);
    if (rc) return error_set(err, rc, "publishing a segment: no memory");
    rc = edit_manifest(p, err);
    if (rc == 0) rc = collection_save(p->collection, &p->manifest, err);
    if (rc) {
        version_unref(p->next);
    } else {
        struct version *now = version_current(p->collection);
        for (size_t i = p->first; doom && i < p->first + p->count; i++)
            if (!segment_is_growing(now->segments[i])) segment_doom(now->segments[i]);
        adopt(p);
        version_publish(p->collection, p->next);
    }
    manifest_release(&p->manifest);
    return rc;
}

struct carrying {
    struct segment *to;
    const uint32_t *map; /* NULL: rows keep their numbers */
    uint64_t after_ts;
    uint64_t newest_ts; /* of those carried */
};

static int carry_kill(void *ctx, size_t row, uint64_t ts)
{
    struct carrying *carrying = ctx;
    if (ts <= carrying->after_ts) return 0;
    size_t to = carrying->map ? carrying->map[row] : row;
    if (to == UINT32_MAX) return 0;
    if (ts > carrying->newest_ts) carrying->newest_ts = ts;
    return segment_kill(carrying->to, to, ts);
}

/* Between the view and now the collection was emptied. */
static bool is_stale(const struct publication *p, const struct version *inputs)
{
    const struct version *now = version_current(p->collection);
    if (p->first + p->count > now->count) return true;
    for (size_t i = p->first; i < p->first + p->count; i++)
        if (now->segments[i] != inputs->segments[i]) return true;
    return false;
}

/* Between the view and now a field was added. */
static int widen_made(struct publication *p)
{
    const struct schema *schema = p->collection->schema;
    struct filled_column *filled = NULL;
    if (!p->made) return 0;
    const int rc = segment_fill(p->made, schema, true, &filled);
    if (rc == 0) segment_widen(p->made, schema, filled);
    return rc;
}

static int merge_publish(struct publication *p, struct version *inputs, uint32_t *const *maps,
                         uint64_t ts, struct kith_error *err)
{
    struct kith_collection *collection = p->collection;
    os_mutex_lock(&collection->write_lock);
    if (is_stale(p, inputs)) {
        if (p->made) segment_doom(p->made);
        os_mutex_unlock(&collection->write_lock);
        return 0;
    }
    int rc = widen_made(p);
    for (size_t i = 0; rc == 0 && i < p->count && p->made; i++) {
        struct carrying carrying = { p->made, maps[i], ts, 0 };
        rc = segment_kills_since(inputs->segments[p->first + i], 0, carry_kill, &carrying);
        if (carrying.newest_ts > collection->sealed_kill_ts)
            collection->sealed_kill_ts = carrying.newest_ts;
    }
    if (rc)
        error_set(err, rc, "publishing a segment: %s", error_name(rc));
    else if (!(rc = collection_writable(collection, err)))
        rc = publish(p, true, err);
    os_mutex_unlock(&collection->write_lock);
    return rc;
}

int merge_segments(struct kith_collection *collection, size_t first, size_t count,
                   struct kith_error *err)
{
    struct kith_db *db = collection->db;
    struct view view;
    view_take(collection, &view);
    bool seal = segment_is_growing(view.version->segments[first]);
    uint64_t ts = seal ? view.version->last_ts[first + count - 1] : view.ts;
    uint64_t id = 0;
    uint32_t **maps = mem_zalloc_array(count, sizeof *maps);
    size_t rows = 0;
    int rc = maps ? catalog_next_id(db, &id, err)
                  : error_set(err, KITH_ENOMEM, "merging: no memory");
    if (rc == 0) {
        struct seal_input input = { .os = db->os,
                                    .dir = db->dir,
                                    .database_id = db->id,
                                    .id = id,
                                    .schema = view_schema(&view),
                                    .oldest_s = view.oldest_s,
                                    .segments = &view.version->segments[first],
                                    .count = count,
                                    .ts = ts,
                                    .cancel = &db->closed };
        rc = sealed_write(&input, maps, &rows, err);
    }
    struct publication p = { .collection = collection, .first = first, .count = count,
                             .checkpoint_ts = seal ? ts : 0 };
    if (rc == 0 && rows) {
        struct sealed_opts opts;
        sealed_opts_of(db, collection, id, &opts);
        rc = sealed_open(&opts, &p.made, NULL, err);
    }
    if (rc == 0) rc = merge_publish(&p, view.version, maps, ts, err);
    segment_unref(p.made);
    for (size_t i = 0; maps && i < count; i++) mem_free(maps[i]);
    mem_free(maps);
    view_drop(&view);
    if (rc == 0 && seal) rc = wal_trim(db->wal, (uint32_t)collection->manifest.id, ts, err);
    return rc;
}

/* Moves the checkpoint past kills on sealed segments when nothing is growing. */
int save_kills(struct kith_collection *collection, struct kith_error *err)
{
    struct publication p = { .collection = collection };
    os_mutex_lock(&collection->write_lock);
    struct version *version = version_current(collection);
    uint64_t ts = atomic_load(&collection->visible_ts);
    bool idle = version->count == version->sealed + 1 &&
                segment_rows(version->segments[version->sealed]) == 0 &&
                ts == collection->appended_ts;
    int rc = 0;
    p.checkpoint_ts = ts;
    p.first = version->count;
    if (idle) rc = publish(&p, false, err);
    os_mutex_unlock(&collection->write_lock);
    if (rc == 0 && idle)
        rc = wal_trim(collection->db->wal, (uint32_t)collection->manifest.id, ts, err);
    return rc;
}

int publish_indexes(struct kith_collection *collection, struct kith_error *err)
{
    struct publication p = { .collection = collection };
    os_mutex_lock(&collection->write_lock);
    p.first = version_current(collection)->count;
    int rc = collection_writable(collection, err);
    if (rc == 0) rc = publish(&p, false, err);
    os_mutex_unlock(&collection->write_lock);
    return rc;
}
