/*
 * Writes: insert, upsert, delete.
 *
 * Under the write lock: decide what the batch becomes (duplicates), append its rows to the active growing
 * segment with a timestamp above everything visible, append one record to the log, mark killed rows.
 * Then, without a lock, wait for the log and let visible_ts pass. What can fail for want of memory is
 * done or reserved before the record is in the log, so a logged write is always applied.
 *
 * Rows carry the lowest timestamp the record can get (log's last + 1): visible_ts of a collection only
 * takes values of its own records, so no reader can tell it from the record's own.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/endian.h"
#include "engine/engine.h"

struct kill_list { /* rows that this write removes; in the arena */
    struct segment **segments;
    uint32_t *rows;
    size_t count, cap;
};

struct writing {
    struct kith_collection *collection;
    struct arena arena;
    struct request request;
    struct kith_batch batch; /* normalised */
    uint32_t *partitions;    /* one a row */
    struct kill_list kills;
    struct buffer payload;
    bool upsert;
    struct kith_written written;
};

static void writing_release(struct writing *writing)
{
    buffer_release(&writing->payload);
    arena_release(&writing->arena);
    mem_free(writing->written.int_ids);
}

static void writing_init(struct writing *writing, struct kith_collection *collection,
                         const struct kith_call *call)
{
    memset(writing, 0, sizeof *writing);
    writing->collection = collection;
    arena_init(&writing->arena);
    buffer_init(&writing->payload);
    request_init(&writing->request, collection->db->os, call);
}

static int no_memory(const struct writing *writing, struct kith_error *err)
{
    return error_set(err, KITH_ENOMEM, "writing to collection '%s': no memory",
                     writing->collection->manifest.name);
}

/* ------------------------------------------------------------ the active segment */

int collection_freeze(struct kith_collection *collection, size_t rows_next, struct kith_error *err)
{
    struct kith_db *db = collection->db;
    struct version *now = version_current(collection);
    uint64_t id;
    int rc = catalog_next_id(db, &id, err);
    if (rc) return rc;
    struct version *next = version_new(now->count + 1);
    if (!next) return error_set(err, KITH_ENOMEM, "a new segment: no memory");
    size_t rows_max = rows_next > db->seal_rows * 2 ? rows_next : (size_t)db->seal_rows * 2;
    rc = growing_new(db->os, collection->schema, &db->budget, id, rows_max,
                     &next->segments[now->count]);
    if (rc) {
        next->count = 0;
        version_unref(next);
        return error_set(err, rc, "a new segment: %s", error_name(rc));
    }
    for (size_t i = 0; i < now->count; i++) {
        next->segments[i] = now->segments[i];
        next->last_ts[i] = now->last_ts[i];
        segment_ref(now->segments[i]);
    }
    if (now->count > now->sealed) next->last_ts[now->count - 1] = collection->appended_ts;
    next->sealed = now->sealed;
    collection->active_since_ts = collection->appended_ts;
    version_publish(collection, next);
    return 0;
}

static struct segment *active_of(struct kith_collection *collection)
{
    struct version *version = version_current(collection);
    return version->segments[version->count - 1];
}

static bool active_full(struct kith_collection *collection, size_t more)
{
    const struct kith_db *db = collection->db;
    const struct segment *active = active_of(collection);
    size_t rows = segment_rows(active);
    if (rows == 0) return more > growing_rows_max(active);
    return rows >= db->seal_rows || growing_bytes(active) >= db->seal_bytes ||
           rows + more > db->seal_rows * 2;
}

/* Under write_lock, which is let go while it waits for frozen segments to be sealed. */
static int make_room(struct writing *writing, size_t rows, struct kith_error *err)
{
    struct kith_collection *collection = writing->collection;
    struct kith_db *db = collection->db;
    while (active_full(collection, rows)) {
        struct version *version = version_current(collection);
        if (version->count - version->sealed <= ENGINE_FROZEN_MAX) {
            int rc = collection_freeze(collection, rows, err);
            if (rc) return rc;
            background_wake(db);
            continue;
        }
        if (collection->work_status) {
            int rc = error_set(err, collection->work_status, "collection '%s': sealing failed: %s",
                               collection->manifest.name, collection->work_error.text);
            collection->work_status = 0; /* the next write tries again */
            return rc;
        }
        os_mutex_unlock(&collection->write_lock);
        int rc = background_wait(db, NULL, &writing->request, err);
        os_mutex_lock(&collection->write_lock);
        if (rc == 0) rc = collection_writable(collection, err);
        if (rc) return rc;
    }
    return 0;
}

/* ------------------------------------------------------------------------ kills */

static int kill_add(struct writing *writing, struct segment *segment, uint32_t row)
{
    struct kill_list *kills = &writing->kills;
    if (kills->count == kills->cap) {
        size_t cap = kills->cap ? kills->cap * 2 : 64;
        struct segment **segments = arena_alloc_array(&writing->arena, cap, sizeof *segments);
        uint32_t *rows = arena_alloc_array(&writing->arena, cap, sizeof *rows);
        if (!segments || !rows) return KITH_ENOMEM;
        if (kills->count) {
            memcpy(segments, kills->segments, kills->count * sizeof *segments);
            memcpy(rows, kills->rows, kills->count * sizeof *rows);
        }
        kills->segments = segments;
        kills->rows = rows;
        kills->cap = cap;
    }
    kills->segments[kills->count] = segment;
    kills->rows[kills->count++] = row;
    return 0;
}

/* Every live row of the key, in any segment; *found counts. room 4 then as many as there are. */
static int find_all(struct writing *writing, struct key key, size_t *found)
{
    struct version *version = version_current(writing->collection);
    *found = 0;
    for (size_t s = version->count; s-- > 0;) {
        uint32_t few[4];
        uint32_t *rows = few;
        size_t room = 4;
        int got = segment_find(version->segments[s], key, UINT64_MAX, rows, room);
        while (got >= 0 && (size_t)got == room) {
            room *= 8;
            rows = arena_alloc_array(&writing->arena, room, sizeof *rows);
            if (!rows) return KITH_ENOMEM;
            got = segment_find(version->segments[s], key, UINT64_MAX, rows, room);
        }
        if (got == KITH_ECORRUPT) {
            segment_set_damaged(version->segments[s]);
            continue;
        }
        if (got < 0) return got;
        for (int i = 0; i < got; i++) {
            int rc = kill_add(writing, version->segments[s], rows[i]);
            if (rc) return rc;
        }
        *found += (size_t)got;
    }
    return 0;
}

static int key_exists(struct writing *writing, struct key key)
{
    struct version *version = version_current(writing->collection);
    uint32_t row;
    for (size_t s = version->count; s-- > 0;) {
        int got = segment_find(version->segments[s], key, UINT64_MAX, &row, 1);
        if (got == KITH_ECORRUPT) segment_set_damaged(version->segments[s]);
        if (got > 0 || (got < 0 && got != KITH_ECORRUPT)) return got;
    }
    return 0;
}

/* Room for every kill, so that applying them after the log cannot fail. */
static int kills_reserve(struct writing *writing)
{
    struct version *version = version_current(writing->collection);
    for (size_t s = 0; s < version->count && writing->kills.count; s++) {
        size_t count = 0;
        for (size_t i = 0; i < writing->kills.count; i++)
            count += writing->kills.segments[i] == version->segments[s];
        int rc = count ? segment_kill_reserve(version->segments[s], count) : 0;
        if (rc) return rc;
    }
    return 0;
}

static void kills_apply(struct writing *writing, uint64_t ts)
{
    struct kith_collection *collection = writing->collection;
    for (size_t i = 0; i < writing->kills.count; i++) {
        (void)!segment_kill(writing->kills.segments[i], writing->kills.rows[i], ts);
        if (!segment_is_growing(writing->kills.segments[i])) collection->sealed_kill_ts = ts;
    }
    writing->written.deleted = writing->kills.count;
}

/* ------------------------------------------------------------------- duplicates */

struct seen { /* keys of the batch, for duplicates inside it */
    struct map map;
};

static int seen_put(struct seen *seen, struct key key, uintptr_t row, bool *had, uintptr_t *before)
{
    const void *bytes = key.text ? (const void *)key.s.data : (const void *)&key.i;
    size_t len = key.text ? key.s.len : sizeof key.i;
    *had = map_get(&seen->map, bytes, len, before);
    return map_put(&seen->map, bytes, len, row);
}

/* Fills keep[] with the rows of the batch that are written. */
static int choose_rows(struct writing *writing, struct seen *seen, enum kith_duplicate policy,
                       uint32_t *keep, size_t *kept, struct kith_error *err)
{
    const struct kith_column *keys = &writing->batch.columns[writing->collection->schema->primary];
    uint8_t *drop = arena_zalloc(&writing->arena, writing->batch.rows);
    if (!drop) return no_memory(writing, err);
    for (size_t row = 0; row < writing->batch.rows; row++) {
        struct key key = key_of_column(keys, row);
        bool had;
        uintptr_t before = 0;
        if (seen_put(seen, key, row, &had, &before)) return no_memory(writing, err);
        int exists = 0;
        if (policy == KITH_DUPLICATE_REPLACE) {
            size_t found = 0;
            if (had)
                drop[before] = 1; /* the last of a batch wins */
            else
                exists = find_all(writing, key, &found);
        } else {
            exists = had ? 1 : key_exists(writing, key);
        }
        if (exists < 0) return exists == KITH_ENOMEM ? no_memory(writing, err) : exists;
        if (exists && policy == KITH_DUPLICATE_ERROR)
            return key.text ? error_set_at(err, KITH_EEXISTS, row, "document already exists: '%.*s'",
                                           (int)(key.s.len < 200 ? key.s.len : 200), key.s.data)
                            : error_set_at(err, KITH_EEXISTS, row, "document already exists: %lld",
                                           (long long)key.i);
        if (exists) drop[row] = 1;
    }
    *kept = 0;
    for (size_t row = 0; row < writing->batch.rows; row++)
        if (!drop[row]) keep[(*kept)++] = (uint32_t)row;
    return 0;
}

static int resolve_duplicates(struct writing *writing, struct kith_error *err)
{
    const struct schema *schema = writing->collection->schema;
    enum kith_duplicate policy = writing->upsert ? KITH_DUPLICATE_REPLACE : schema->on_duplicate;
    if (policy == KITH_DUPLICATE_ALLOW || schema_primary(schema)->flags & KITH_FIELD_AUTO_ID) return 0;
    struct seen seen;
    map_init(&seen.map);
    size_t rows = writing->batch.rows, kept = 0;
    uint32_t *keep = arena_alloc_array(&writing->arena, rows, sizeof *keep);
    int rc = keep ? choose_rows(writing, &seen, policy, keep, &kept, err) : no_memory(writing, err);
    map_release(&seen.map);
    if (rc || kept == rows) return rc;
    if (policy == KITH_DUPLICATE_IGNORE) writing->written.ignored = rows - kept;
    struct kith_batch selected;
    rc = batch_select(schema, &writing->batch, keep, kept, &writing->arena, &selected);
    if (rc) return no_memory(writing, err);
    for (size_t i = 0; i < kept; i++) writing->partitions[i] = writing->partitions[keep[i]];
    writing->batch = selected;
    return 0;
}

/* ------------------------------------------------------------------ preparation */

static int assign_keys(struct writing *writing, struct kith_error *err)
{
    const struct schema *schema = writing->collection->schema;
    const struct schema_field *primary = schema_primary(schema);
    if (!(primary->flags & KITH_FIELD_AUTO_ID)) return 0;
    if (primary->type != KITH_INT64)
        return error_set(err, KITH_EUNSUPPORTED, "automatic keys are made for INT64 primary keys only");
    size_t rows = writing->batch.rows;
    int64_t *ids = mem_alloc_array(rows, sizeof *ids);
    if (!ids) return no_memory(writing, err);
    uint64_t first = atomic_fetch_add_explicit(&writing->collection->db->next_auto_id, rows,
                                               memory_order_relaxed);
    for (size_t i = 0; i < rows; i++) ids[i] = (int64_t)(first + i);
    writing->written.int_ids = ids;
    struct kith_column *columns =
        arena_alloc_array(&writing->arena, schema->field_count, sizeof *columns);
    if (!columns) return no_memory(writing, err);
    memcpy(columns, writing->batch.columns, schema->field_count * sizeof *columns);
    columns[schema->primary].data = ids;
    writing->batch.columns = columns;
    return 0;
}

static int assign_partitions(struct writing *writing, const char *partition, struct kith_error *err)
{
    const struct kith_collection *collection = writing->collection;
    const struct schema *schema = collection->schema;
    size_t rows = writing->batch.rows;
    writing->partitions = arena_alloc_array(&writing->arena, rows, sizeof *writing->partitions);
    if (!writing->partitions) return no_memory(writing, err);
    uint32_t id = 0;
    if (schema->partition_key == SIZE_MAX) {
        int rc = collection_partition(collection, partition ? partition : ENGINE_DEFAULT_PARTITION, &id, err);
        if (rc) return rc;
    } else if (partition) {
        return error_set(err, KITH_EINVAL, "a collection with a partition key takes no partition name");
    }
    for (size_t i = 0; i < rows; i++) {
        if (schema->partition_key != SIZE_MAX)
            id = (uint32_t)(key_hash(key_of_column(&writing->batch.columns[schema->partition_key], i)) %
                            schema->key_partitions);
        writing->partitions[i] = id;
    }
    return 0;
}

static int encode_rows(struct writing *writing, struct kith_error *err)
{
    buffer_put_u32(&writing->payload, (uint32_t)writing->batch.rows);
    for (size_t i = 0; i < writing->batch.rows; i++)
        buffer_put_u32(&writing->payload, writing->partitions[i]);
    batch_encode(writing->collection->schema, &writing->batch, &writing->payload);
    return buffer_failed(&writing->payload) ? no_memory(writing, err) : 0;
}

/* -------------------------------------------------------------------- the commit */

/* Under write_lock. Rows (if any), the record, the kills. */
static int commit_locked(struct writing *writing, enum wal_type type, uint64_t *ts, uint64_t *ticket,
                         struct kith_error *err)
{
    struct kith_collection *collection = writing->collection;
    struct kith_db *db = collection->db;
    struct segment *active = active_of(collection);
    if (kills_reserve(writing)) return no_memory(writing, err);
    uint64_t row_ts = wal_last_ts(db->wal) + 1;
    bool rows = type != WAL_DELETE && writing->batch.rows > 0;
    int rc = 0;
    if (rows) rc = growing_append(active, &writing->batch, writing->partitions, row_ts, err);
    if (rc) return rc;
    struct wal_piece piece = { writing->payload.data, writing->payload.len };
    rc = wal_append(db->wal, (uint32_t)collection->manifest.id, (uint16_t)type, &piece, 1, ts, ticket, err);
    if (rc) {
        if (rows) growing_cut(active, row_ts - 1);
        return rc;
    }
    kills_apply(writing, *ts);
    collection->appended_ts = *ts;
    if (active_full(collection, 0)) background_wake(db);
    return 0;
}

static void advance_visible(struct kith_collection *collection, uint64_t ts)
{
    uint64_t seen = atomic_load_explicit(&collection->visible_ts, memory_order_relaxed);
    while (seen < ts && !atomic_compare_exchange_weak_explicit(&collection->visible_ts, &seen, ts,
                                                               memory_order_release,
                                                               memory_order_relaxed)) {}
    atomic_store_explicit(&collection->updated_ms, os_wall_ms(collection->db->os), memory_order_relaxed);
}

/* Rows of writes whose record failed go: nobody has seen them. */
static void drop_invisible(struct kith_collection *collection)
{
    uint64_t visible = atomic_load_explicit(&collection->visible_ts, memory_order_relaxed);
    os_mutex_lock(&collection->write_lock);
    struct version *version = version_current(collection);
    for (size_t i = version->sealed; i < version->count; i++) growing_cut(version->segments[i], visible);
    os_mutex_unlock(&collection->write_lock);
}

static int commit_wait(struct writing *writing, uint64_t ts, uint64_t ticket, struct kith_written *out,
                       struct kith_error *err)
{
    struct kith_collection *collection = writing->collection;
    int rc = wal_wait(collection->db->wal, ticket, err);
    if (rc) {
        drop_invisible(collection);
        return rc;
    }
    advance_visible(collection, ts);
    writing->written.timestamp = ts;
    if (collection->db->sync == KITH_SYNC_EVERYSEC) background_wake(collection->db);
    if (out) {
        *out = writing->written;
        writing->written.int_ids = NULL;
    }
    if (collection->db->no_threads) {
        bool did;
        (void)!background_step(collection->db, &did, NULL);
    }
    return 0;
}

/* There was nothing to write. That may be so because of writes that are not acknowledged yet, so their
 * fate is this one's too. */
static int unchanged_wait(struct writing *writing, struct kith_written *out, struct kith_error *err)
{
    struct kith_collection *collection = writing->collection;
    os_mutex_lock(&collection->write_lock);
    bool pending = atomic_load(&collection->visible_ts) < collection->appended_ts;
    os_mutex_unlock(&collection->write_lock);
    int rc = pending ? wal_sync(collection->db->wal, err) : 0;
    if (rc == 0 && out) *out = writing->written;
    return rc;
}

static int write_locked(struct writing *writing, const char *partition, uint64_t *ts, uint64_t *ticket,
                        struct kith_error *err)
{
    struct kith_collection *collection = writing->collection;
    int rc = collection_writable(collection, err);
    if (rc == 0) rc = make_room(writing, writing->batch.rows, err);
    if (rc == 0) rc = assign_keys(writing, err);
    if (rc == 0) rc = assign_partitions(writing, partition, err);
    if (rc == 0) rc = resolve_duplicates(writing, err);
    if (rc == 0) rc = encode_rows(writing, err);
    if (rc) return rc;
    writing->written.inserted = writing->batch.rows;
    bool kills = writing->upsert || collection->schema->on_duplicate == KITH_DUPLICATE_REPLACE;
    if (writing->batch.rows == 0) return 0;
    return commit_locked(writing, kills ? WAL_UPSERT : WAL_INSERT, ts, ticket, err);
}

static int write_batch(struct kith_collection *collection, const struct kith_batch *batch, bool upsert,
                       const struct kith_call *call, struct kith_written *out, struct kith_error *err)
{
    int rc = collection_writable(collection, err);
    if (rc) return rc;
    struct writing writing;
    writing_init(&writing, collection, call);
    writing.upsert = upsert;
    rc = batch_normalise(collection->schema, batch, &writing.arena, &writing.batch, err);
    if (rc == 0 && (rc = request_poll(&writing.request)))
        error_set(err, rc, "write stopped before it began: %s", error_name(rc));
    uint64_t ts = 0, ticket = 0;
    if (rc == 0) {
        os_mutex_lock(&collection->write_lock);
        rc = write_locked(&writing, batch->partition, &ts, &ticket, err);
        os_mutex_unlock(&collection->write_lock);
    }
    if (rc == 0 && ts == 0) rc = unchanged_wait(&writing, out, err); /* every row was ignored */
    if (rc == 0 && ts) rc = commit_wait(&writing, ts, ticket, out, err);
    writing_release(&writing);
    return rc;
}

int kith_insert(struct kith_collection *collection, const struct kith_batch *batch,
                const struct kith_call *call, struct kith_written *out, struct kith_error *err)
{
    return write_batch(collection, batch, false, call, out, err);
}

int kith_upsert(struct kith_collection *collection, const struct kith_batch *batch,
                const struct kith_call *call, struct kith_written *out, struct kith_error *err)
{
    return write_batch(collection, batch, true, call, out, err);
}

void kith_written_free(struct kith_written *written)
{
    if (!written) return;
    mem_free(written->int_ids);
    memset(written, 0, sizeof *written);
}

/* ---------------------------------------------------------------------- deletes */

static void put_key(struct buffer *out, struct key key)
{
    if (key.text)
        buffer_put_bytes(out, key.s.data, key.s.len);
    else
        buffer_put_u64(out, (uint64_t)key.i);
}

/* Under write_lock. keys of any number; those that match nothing are left out of the record. */
static int delete_locked(struct writing *writing, const struct key *keys, size_t count, uint64_t *ts,
                         uint64_t *ticket, struct kith_error *err)
{
    bool text = schema_primary(writing->collection->schema)->type == KITH_VARCHAR;
    struct buffer *payload = &writing->payload;
    buffer_put_u8(payload, text);
    buffer_put_u32(payload, 0);
    uint32_t listed = 0;
    for (size_t i = 0; i < count; i++) {
        size_t found;
        size_t before = writing->kills.count;
        if (find_all(writing, keys[i], &found)) return no_memory(writing, err);
        if (found == 0) continue;
        put_key(payload, keys[i]);
        listed++;
        if (writing->kills.count < before) return no_memory(writing, err);
    }
    if (buffer_failed(payload)) return no_memory(writing, err);
    if (listed == 0) return 0;
    le32_put(payload->data + 1, listed);
    return commit_locked(writing, WAL_DELETE, ts, ticket, err);
}

static int delete_keys(struct kith_collection *collection, const struct key *keys, size_t count,
                       struct writing *writing, struct kith_written *out, struct kith_error *err)
{
    uint64_t ts = 0, ticket = 0;
    os_mutex_lock(&collection->write_lock);
    int rc = collection_writable(collection, err);
    if (rc == 0) rc = delete_locked(writing, keys, count, &ts, &ticket, err);
    os_mutex_unlock(&collection->write_lock);
    if (rc == 0 && ts == 0) rc = unchanged_wait(writing, out, err);
    if (rc == 0 && ts) rc = commit_wait(writing, ts, ticket, out, err);
    return rc;
}

/* Each key once: killing a row twice would count it twice. */
static int unique_keys(struct writing *writing, const struct key *keys, size_t count, struct key **out,
                       size_t *kept)
{
    struct key *unique = arena_alloc_array(&writing->arena, count + 1, sizeof *unique);
    struct seen seen;
    map_init(&seen.map);
    int rc = unique ? 0 : KITH_ENOMEM;
    *kept = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        bool had;
        uintptr_t before;
        rc = seen_put(&seen, keys[i], i, &had, &before);
        if (!had) unique[(*kept)++] = keys[i];
    }
    map_release(&seen.map);
    *out = unique;
    return rc;
}

int kith_delete(struct kith_collection *collection, const struct kith_keys *keys,
                const struct kith_call *call, struct kith_written *out, struct kith_error *err)
{
    int rc = collection_writable(collection, err);
    if (rc) return rc;
    bool text = schema_primary(collection->schema)->type == KITH_VARCHAR;
    if (keys->count && (text ? !keys->strings : !keys->ints))
        return error_set(err, KITH_EINVAL, "keys are not of the primary key's type");
    struct writing writing;
    writing_init(&writing, collection, call);
    struct key *list = arena_alloc_array(&writing.arena, keys->count + 1, sizeof *list);
    struct key *unique = NULL;
    size_t count = 0;
    for (size_t i = 0; list && i < keys->count; i++)
        list[i] = text ? key_text(keys->strings[i]) : key_int(keys->ints[i]);
    if (!list || unique_keys(&writing, list, keys->count, &unique, &count))
        rc = no_memory(&writing, err);
    if (rc == 0) rc = delete_keys(collection, unique, count, &writing, out, err);
    writing_release(&writing);
    return rc;
}

/* What matches is read at one instant, then deleted by key. */
int kith_delete_matching(struct kith_collection *collection, const struct kith_query_opts *given,
                         const struct kith_call *call, struct kith_written *out,
                         struct kith_error *err)
{
    struct kith_query_opts opts = KITH_QUERY_OPTS_INIT;
    if (given) memcpy(&opts, given, given->size < sizeof opts ? given->size : sizeof opts);
    opts.output = (struct kith_output){ 0 };
    opts.offset = opts.limit = 0;
    opts.explain = false;
    int rc = collection_writable(collection, err);
    if (rc) return rc;
    if (!opts.filter || !*opts.filter)
        return error_set(err, KITH_EINVAL, "a delete needs a filter; drop the collection to empty it");
    struct kith_result *rows;
    if ((rc = kith_query(collection, &opts, call, &rows, err))) return rc;
    const struct kith_column *column = &rows->columns[0];
    struct kith_keys keys = { .count = rows->rows };
    if (column->type == KITH_INT64)
        keys.ints = column->data;
    else
        keys.strings = column->data;
    rc = kith_delete(collection, &keys, call, out, err);
    kith_result_free(rows);
    return rc;
}

int kith_delete_where(struct kith_collection *collection, const char *filter,
                      const struct kith_call *call, struct kith_written *out, struct kith_error *err)
{
    struct kith_query_opts opts = KITH_QUERY_OPTS_INIT;
    opts.filter = filter;
    return kith_delete_matching(collection, &opts, call, out, err);
}
