/*
 * Recovery: segments named by a manifest are opened, then the log's records above its checkpoint
 * are applied by key, in order, on the same path that writers use. A damaged segment is
 * quarantined: left out, reported, and its collection answers with complete = false. An error of
 * the machine fails the open.
 */
#include <string.h>

#include "base/alloc.h"
#include "engine/engine.h"

void sealed_opts_of(const struct kith_db *db, const struct kith_collection *collection, uint64_t id,
                    struct sealed_opts *out)
{
    struct kith_db *mutable_db = collection->db;
    *out = (struct sealed_opts){ .os = db->os,
                                 .dir = db->dir,
                                 .database_id = db->id,
                                 .id = id,
                                 .schema = collection->schema,
                                 .budget = &mutable_db->budget,
                                 .pin = db->pin };
}

static bool same_files(const struct manifest_segment *a, const struct manifest_segment *b)
{
    return a->id == b->id && a->dead_file == b->dead_file && a->index_count == b->index_count &&
           (a->index_count == 0 ||
            memcmp(a->indexes, b->indexes, a->index_count * sizeof *a->indexes) == 0);
}

/* The open segment of `like` with the same files, or NULL. Kills that the log made on it so far are
 * among those that a replay from the checkpoint makes, so it can be taken over as it is. */
static struct segment *find_open(const struct kith_collection *like,
                                 const struct manifest_segment *entry)
{
    bool same = false;
    for (uint32_t i = 0; i < like->manifest.segment_count; i++)
        same |= same_files(&like->manifest.segments[i], entry);
    const struct version *version = like->version;
    for (size_t s = 0; same && s < version->sealed; s++)
        if (segment_id(version->segments[s]) == entry->id) return version->segments[s];
    return NULL;
}

size_t recover_index_files(const struct index_wishes *wishes, const struct manifest_segment *entry,
                           struct sealed_index_file *out)
{
    size_t count = 0;
    for (uint32_t i = 0; i < entry->index_count; i++) {
        const struct manifest_file *file = &entry->indexes[i];
        const struct index_wish *wish = index_wishes_find(wishes, file->number);
        if (!wish || wish->field != file->field) continue;
        out[count++] = (struct sealed_index_file){.field = file->field,
                                                  .kind = file->kind,
                                                  .params = wish->vectors ? NULL : &wish->params,
                                                  .number = file->number};
    }
    return count;
}

static int load_one(struct kith_collection *collection, const struct manifest_segment *entry,
                    struct segment **out, struct kith_error *err)
{
    struct segment *open = collection->like ? find_open(collection->like, entry) : NULL;
    if (open) {
        segment_ref(open);
        *out = open;
        return 0;
    }
    struct sealed_opts opts;
    sealed_opts_of(collection->db, collection, entry->id, &opts);
    opts.dead_file = entry->dead_file;
    struct sealed_index_file *indexes = mem_zalloc_array(entry->index_count + 1u, sizeof *indexes);
    if (!indexes) return error_set(err, KITH_ENOMEM, "opening a segment: no memory");
    opts.indexes = indexes;
    opts.index_count = recover_index_files(&collection->wishes, entry, indexes);
    size_t missing = 0;
    int rc = sealed_open(&opts, out, &missing, err);
    if (rc == 0 && missing)
        engine_log(collection->db, 1,
                   "segment %016llx: %zu index files do not open; they are built again",
                   (unsigned long long)entry->id, missing);
    mem_free(indexes);
    return rc;
}

/* Else it may well open the next time: with writes in between that did not see its rows, deleted
 * ones would be back then. */
static bool is_damage(int rc)
{
    return rc == KITH_ECORRUPT || rc == KITH_ENOTFOUND || rc == KITH_EVERSION ||
           rc == KITH_EUNSUPPORTED;
}

int collection_load_segments(struct kith_collection *collection, struct kith_error *err)
{
    const struct manifest *manifest = &collection->manifest;
    struct version *version = version_new(collection->schema, manifest->segment_count);
    if (!version) return error_set(err, KITH_ENOMEM, "opening a collection: no memory");
    version->count = 0;
    for (uint32_t i = 0; i < manifest->segment_count; i++) {
        struct kith_error why = { 0 };
        struct segment *segment;
        int rc = load_one(collection, &manifest->segments[i], &segment, &why);
        if (rc == 0) {
            version->segments[version->count++] = segment;
        } else if (!is_damage(rc) || follow_is_behind(collection->db)) {
            version_unref(version);
            if (err) *err = why;
            return rc;
        } else {
            collection->quarantined++;
            engine_log(collection->db, 0, "collection '%s': segment %016llx is quarantined: %s",
                       manifest->name, (unsigned long long)manifest->segments[i].id, why.text);
        }
    }
    version->sealed = version->count;
    version_publish(collection, version);
    return collection_freeze(collection, 0, err);
}

struct partition_set {
    uint32_t *ids;
    size_t count;
};

static bool is_meant(const struct segment *segment, uint32_t row, const struct partition_set *only)
{
    const uint32_t id = only ? segment_partition(segment, row) : 0;
    for (size_t i = 0; only && i < only->count; i++)
        if (only->ids[i] == id) return true;
    return only == NULL;
}

/* Rows that are not meant are found again, so there has to be room for all of them. */
static int kill_in_segment(struct kith_collection *collection, struct segment *segment,
                           struct key key, const struct partition_set *only, uint64_t ts)
{
    uint32_t few[16], *rows = few;
    size_t room = 16;
    int got = segment_find(segment, key, UINT64_MAX, rows, room);
    while (got >= 0 && (size_t)got == room) {
        if (rows != few) mem_free(rows);
        room *= 8;
        if (!(rows = mem_alloc_array(room, sizeof *rows))) return KITH_ENOMEM;
        got = segment_find(segment, key, UINT64_MAX, rows, room);
    }
    int rc = got < 0 ? got : 0;
    for (int i = 0; rc == 0 && i < got; i++) {
        if (!is_meant(segment, rows[i], only)) continue;
        rc = segment_kill(segment, rows[i], ts);
        if (!segment_is_growing(segment)) collection->sealed_kill_ts = ts;
    }
    if (rows != few) mem_free(rows);
    return rc;
}

static int kill_key_in(struct kith_collection *collection, struct key key,
                       const struct partition_set *only, uint64_t ts)
{
    struct version *version = version_current(collection);
    for (size_t s = version->count; s-- > 0;) {
        struct segment *segment = version->segments[s];
        const int rc = kill_in_segment(collection, segment, key, only, ts);
        if (rc == KITH_ECORRUPT)
            segment_set_damaged(segment);
        else if (rc < 0)
            return rc;
    }
    return 0;
}

int collection_kill_key(struct kith_collection *collection, struct key key, uint64_t ts)
{
    return kill_key_in(collection, key, NULL, ts);
}

static int bad_record(const struct kith_collection *collection, const struct wal_record *record,
                      struct kith_error *err)
{
    return error_set(err, KITH_ECORRUPT, "collection '%s': log record %llu is malformed",
                     collection->manifest.name, (unsigned long long)record->ts);
}

static int apply_keys(struct kith_collection *collection, const struct wal_record *record,
                      struct cursor *cur, const struct partition_set *only,
                      struct kith_error *err)
{
    bool text = cursor_u8(cur) != 0;
    uint32_t count = cursor_u32(cur);
    if (text != (schema_primary(collection->schema)->type == KITH_VARCHAR))
        return bad_record(collection, record, err);
    for (uint32_t i = 0; i < count && !cursor_failed(cur); i++) {
        struct key key = { 0 };
        if (text) {
            size_t len = 0;
            const uint8_t *bytes = cursor_bytes(cur, &len);
            key = key_text((struct kith_str){ (const char *)bytes, len });
        } else {
            key = key_int((int64_t)cursor_u64(cur));
        }
        if (cursor_failed(cur)) break;
        int rc = kill_key_in(collection, key, only, record->ts);
        if (rc) return error_set(err, rc, "replaying a delete: %s", error_name(rc));
    }
    return cursor_failed(cur) ? bad_record(collection, record, err) : 0;
}

static int apply_delete_in(struct kith_collection *collection, const struct wal_record *record,
                           struct cursor *cur, struct arena *arena, struct kith_error *err)
{
    struct partition_set only = { .count = cursor_u32(cur) };
    if (cursor_failed(cur) || only.count > cursor_left(cur) / 4)
        return bad_record(collection, record, err);
    only.ids = arena_alloc_array(arena, only.count + 1, sizeof *only.ids);
    if (!only.ids) return error_set(err, KITH_ENOMEM, "replaying a delete: no memory");
    for (size_t i = 0; i < only.count; i++) only.ids[i] = cursor_u32(cur);
    return apply_keys(collection, record, cur, &only, err);
}

struct dropping {
    struct kith_collection *collection;
    uint64_t ts;
};

static int drop_row(void *ctx, struct segment *segment, uint32_t row)
{
    const struct dropping *dropping = ctx;
    if (!segment_is_growing(segment)) dropping->collection->sealed_kill_ts = dropping->ts;
    return segment_kill(segment, row, dropping->ts);
}

static int apply_drop(struct kith_collection *collection, const struct wal_record *record,
                      struct cursor *cur, struct kith_error *err)
{
    const uint32_t id = cursor_u32(cur);
    if (cursor_failed(cur)) return bad_record(collection, record, err);
    struct dropping dropping = { collection, record->ts };
    int rc = collection_partition_rows(collection, id, drop_row, &dropping);
    if (rc) return error_set(err, rc, "replaying a dropped partition: %s", error_name(rc));
    mem_free(collection_take_partition(collection, id));
    return 0;
}

static int append_rows(struct kith_collection *collection, const struct wal_record *record,
                       const struct kith_batch *batch, const uint32_t *partitions,
                       struct kith_error *err)
{
    struct version *version = version_current(collection);
    struct segment *active = version->segments[version->count - 1];
    size_t rows = segment_rows(active);
    if (rows &&
        (rows >= collection->db->seal_rows || rows + batch->rows > collection->db->seal_rows * 2 ||
         growing_bytes(active) >= collection->db->seal_bytes)) {
        int rc = collection_freeze(collection, batch->rows, err);
        if (rc) return rc;
        version = version_current(collection);
        active = version->segments[version->count - 1];
    }
    return growing_append(active, batch, partitions, record->ts, err);
}

static int apply_rows(struct kith_collection *collection, const struct wal_record *record,
                      struct cursor *cur, struct arena *arena, struct kith_error *err)
{
    uint32_t rows = cursor_u32(cur);
    if (rows > LIMIT_BATCH_ROWS || rows > cursor_left(cur) / 4)
        return bad_record(collection, record, err);
    uint32_t *partitions = arena_alloc_array(arena, rows + 1u, sizeof *partitions);
    if (!partitions) return error_set(err, KITH_ENOMEM, "replaying the log: no memory");
    for (uint32_t i = 0; i < rows; i++) partitions[i] = cursor_u32(cur);
    struct kith_batch batch;
    int rc = batch_decode(collection->schema, cur, arena, &batch, err);
    if (rc) return rc;
    if (batch.rows != rows || rows == 0) return bad_record(collection, record, err);
    const struct kith_column *keys = &batch.columns[collection->schema->primary];
    for (size_t i = 0; record->type == WAL_UPSERT && i < rows; i++) {
        rc = collection_kill_key(collection, key_of_column(keys, i), record->ts);
        if (rc) return error_set(err, rc, "replaying an upsert: %s", error_name(rc));
    }
    return append_rows(collection, record, &batch, partitions, err);
}

int collection_apply(struct kith_collection *collection, const struct wal_record *record,
                     struct kith_error *err)
{
    if (record->ts <= collection->manifest.checkpoint_ts) return 0;
    struct arena arena;
    struct cursor cur;
    arena_init(&arena);
    cursor_init(&cur, record->payload, record->len);
    int rc = 0;
    switch (record->type) {
    case WAL_DELETE: rc = apply_keys(collection, record, &cur, NULL, err); break;
    case WAL_DELETE_IN: rc = apply_delete_in(collection, record, &cur, &arena, err); break;
    case WAL_REPLACE:
        rc = apply_keys(collection, record, &cur, NULL, err);
        if (rc == 0) rc = apply_rows(collection, record, &cur, &arena, err);
        break;
    case WAL_INSERT:
    case WAL_UPSERT: rc = apply_rows(collection, record, &cur, &arena, err); break;
    case WAL_DROP_PARTITION: rc = apply_drop(collection, record, &cur, err); break;
    default: rc = bad_record(collection, record, err); break;
    }
    arena_release(&arena);
    if (rc == 0) {
        collection->appended_ts = record->ts;
        atomic_store_explicit(&collection->visible_ts, record->ts, memory_order_release);
    }
    return rc;
}
