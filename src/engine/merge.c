/*
 * Publications: sealing a frozen segment, compacting sealed ones, giving a segment an index, saving
 * kills. All have one form: make new files without a lock; then, under the write lock, carry over the
 * kills that arrived meanwhile, commit the edited manifest, switch the version.
 *
 * One step at a time (step_lock), so positions in the version only move by appends at its end.
 * When the journal's commit fails its outcome is unknown: neither the old nor the new files are unlinked
 * then; the next open removes what its manifest does not name.
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

const char *index_kind_of(const struct kith_collection *collection, size_t field)
{
    const struct schema_field *f = &collection->schema->fields[field];
    if (!type_is_vector(f->type) || f->type == KITH_SPARSE_VECTOR || f->type == KITH_BINARY_VECTOR)
        return NULL;
    const struct manifest_index *wish = manifest_index_of(&collection->manifest, field);
    if (wish && strcmp(wish->kind, "FLAT") == 0) return NULL;
    return "HNSW";
}

/* The old version with [first, first + count) replaced by `made`. */
static int next_version(struct publication *p)
{
    struct version *now = version_current(p->collection);
    size_t made = p->made ? 1 : 0;
    struct version *next = version_new(now->count - p->count + made);
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
    while (next->sealed < next->count && !segment_is_growing(next->segments[next->sealed])) next->sealed++;
    p->next = next;
    return 0;
}

static uint32_t indexes_of(const struct kith_collection *collection, const struct segment *segment)
{
    uint32_t count = 0;
    for (size_t f = 0; f < collection->schema->field_count; f++) count += segment_index(segment, f) != NULL;
    return count;
}

static int list_segment(struct publication *p, const struct segment *segment, uint64_t dead_file)
{
    struct manifest_segment *entry;
    int rc = manifest_add_segment(&p->manifest, segment_id(segment), segment_rows(segment), dead_file,
                                  indexes_of(p->collection, segment), &entry);
    if (rc) return rc;
    uint32_t n = 0;
    for (size_t f = 0; f < p->collection->schema->field_count; f++) {
        const struct index *index = segment_index(segment, f);
        if (!index) continue;
        entry->index_fields[n] = (uint32_t)f;
        (void)snprintf(entry->index_kinds[n++], sizeof entry->index_kinds[0], "%s", index->ops->kind);
    }
    return 0;
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
        for (size_t s = 0; s < now->count; s++) present |= segment_id(now->segments[s]) == entry->id;
        struct manifest_segment *copy;
        if (present || manifest_add_segment(&p->manifest, entry->id, entry->rows, entry->dead_file,
                                            entry->index_count, &copy))
            continue;
        memcpy(copy->index_fields, entry->index_fields, entry->index_count * sizeof *entry->index_fields);
        memcpy(copy->index_kinds, entry->index_kinds, entry->index_count * sizeof *entry->index_kinds);
    }
}

static int edit_manifest(struct publication *p, struct kith_error *err)
{
    if (manifest_copy(&p->collection->manifest, &p->manifest))
        return error_set(err, KITH_ENOMEM, "publishing a segment: no memory");
    for (uint32_t i = 0; i < p->manifest.segment_count; i++) {
        mem_free(p->manifest.segments[i].index_fields);
        mem_free(p->manifest.segments[i].index_kinds);
    }
    p->manifest.segment_count = 0;
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

static int open_made(struct kith_collection *collection, uint64_t id, const struct segment *like,
                     size_t field, const char *kind, struct segment **out, struct kith_error *err)
{
    struct sealed_opts opts;
    sealed_opts_of(collection->db, collection, id, &opts);
    struct sealed_index_file files[LIMIT_VECTOR_FIELDS + 1];
    size_t count = 0;
    for (size_t f = 0; like && f < collection->schema->field_count && count < LIMIT_VECTOR_FIELDS; f++) {
        const struct index *index = segment_index(like, f);
        if (index && f != field) files[count++] = (struct sealed_index_file){ f, index->ops->kind };
    }
    if (kind) files[count++] = (struct sealed_index_file){ field, kind };
    opts.indexes = files;
    opts.index_count = count;
    size_t missing;
    return sealed_open(&opts, out, &missing, err);
}

static int merge_publish(struct publication *p, struct version *inputs, uint32_t *const *maps, uint64_t ts,
                         struct kith_error *err)
{
    struct kith_collection *collection = p->collection;
    int rc = 0;
    os_mutex_lock(&collection->write_lock);
    for (size_t i = 0; rc == 0 && i < p->count && p->made; i++) {
        struct carrying carrying = { p->made, maps[i], ts, 0 };
        rc = segment_kills_since(inputs->segments[p->first + i], 0, carry_kill, &carrying);
        if (carrying.newest_ts > collection->sealed_kill_ts) collection->sealed_kill_ts = carrying.newest_ts;
    }
    if (rc)
        error_set(err, rc, "carrying deletes over: %s", error_name(rc));
    else if (!(rc = collection_writable(collection, err)))
        rc = publish(p, true, err);
    os_mutex_unlock(&collection->write_lock);
    return rc;
}

int merge_segments(struct kith_collection *collection, size_t first, size_t count, struct kith_error *err)
{
    struct kith_db *db = collection->db;
    struct view view;
    view_take(collection, &view);
    bool seal = segment_is_growing(view.version->segments[first]);
    uint64_t ts = seal ? view.version->last_ts[first + count - 1] : view.ts;
    uint64_t id = 0;
    uint32_t **maps = mem_zalloc_array(count, sizeof *maps);
    size_t rows = 0;
    int rc = maps ? catalog_next_id(db, &id, err) : error_set(err, KITH_ENOMEM, "merging: no memory");
    if (rc == 0) {
        struct seal_input input = { .os = db->os,
                                    .dir = db->dir,
                                    .database_id = db->id,
                                    .id = id,
                                    .schema = collection->schema,
                                    .segments = &view.version->segments[first],
                                    .count = count,
                                    .ts = ts,
                                    .cancel = &db->closed };
        rc = sealed_write(&input, maps, &rows, err);
    }
    struct publication p = { .collection = collection, .first = first, .count = count,
                             .checkpoint_ts = seal ? ts : 0 };
    if (rc == 0 && rows) rc = open_made(collection, id, NULL, 0, NULL, &p.made, err);
    if (rc == 0) rc = merge_publish(&p, view.version, maps, ts, err);
    segment_unref(p.made);
    for (size_t i = 0; maps && i < count; i++) mem_free(maps[i]);
    mem_free(maps);
    view_drop(&view);
    if (rc == 0 && seal) rc = wal_trim(db->wal, (uint32_t)collection->manifest.id, ts, err);
    return rc;
}

static int index_publish(struct kith_collection *collection, const struct view *view, size_t number,
                         size_t field, const char *kind, struct kith_error *err)
{
    struct publication p = { .collection = collection, .first = number, .count = 1 };
    struct segment *old = view->version->segments[number];
    int rc = open_made(collection, segment_id(old), old, field, kind, &p.made, err);
    if (rc) return rc;
    struct carrying carrying = { p.made, NULL, 0, 0 };
    os_mutex_lock(&collection->write_lock);
    rc = segment_kills_since(old, 0, carry_kill, &carrying);
    if (rc)
        error_set(err, rc, "carrying deletes over: %s", error_name(rc));
    else if (!(rc = collection_writable(collection, err)))
        rc = publish(&p, false, err);
    os_mutex_unlock(&collection->write_lock);
    segment_unref(p.made);
    return rc;
}

int index_segment(struct kith_collection *collection, size_t number, size_t field, struct kith_error *err)
{
    struct kith_db *db = collection->db;
    struct index_params params = { 0 };
    os_mutex_lock(&collection->write_lock);
    const char *kind = index_kind_of(collection, field);
    const struct manifest_index *wish = manifest_index_of(&collection->manifest, field);
    if (wish) params = (struct index_params){ wish->m, wish->ef_construction };
    os_mutex_unlock(&collection->write_lock);
    if (!kind) return 0; /* dropped since it was due */
    struct view view;
    view_take(collection, &view);
    const struct segment *segment = view.version->segments[number];
    struct sealed_opts opts;
    sealed_opts_of(db, collection, segment_id(segment), &opts);
    struct index_job job = { .os = db->os, .pool = db->pool, .threads = db->threads ? db->threads : 1,
                             .budget = &db->budget, .cancel = &db->closed };
    bool built = false;
    int rc = sealed_build_index(&opts, segment, field, kind, &params, &job, &built, err);
    if (rc == 0 && built)
        rc = index_publish(collection, &view, number, field, kind, err);
    else if (rc == 0)
        rc = map64_put(&collection->unindexable, segment_id(segment) * 1024 + field, 1);
    view_drop(&view);
    return rc;
}

/* Moves the checkpoint past kills on sealed segments when nothing is growing. */
int save_kills(struct kith_collection *collection, struct kith_error *err)
{
    struct publication p = { .collection = collection };
    os_mutex_lock(&collection->write_lock);
    struct version *version = version_current(collection);
    uint64_t ts = atomic_load(&collection->visible_ts);
    bool idle = version->count == version->sealed + 1 && segment_rows(version->segments[version->sealed]) == 0 &&
                ts == collection->appended_ts;
    int rc = 0;
    p.checkpoint_ts = ts;
    p.first = version->count;
    if (idle) rc = publish(&p, false, err);
    os_mutex_unlock(&collection->write_lock);
    if (rc == 0 && idle) rc = wal_trim(collection->db->wal, (uint32_t)collection->manifest.id, ts, err);
    return rc;
}
