/*
 * The part that all writes share: what they kill, the record in the log, the rows in the growing
 * segment, and the wait until both may be seen. See write.c for the order.
 */
#include <string.h>

#include "base/alloc.h"
#include "engine/write_internal.h"

void writing_release(struct writing *writing)
{
    buffer_release(&writing->payload);
    arena_release(&writing->arena);
    mem_free(writing->written.int_ids);
    mem_free(writing->written.str_ids);
}

void writing_init(struct writing *writing, struct kith_collection *collection,
                         const struct kith_call *call)
{
    memset(writing, 0, sizeof *writing);
    writing->collection = collection;
    writing->schema = collection->schema;
    writing->oldest_s = collection_oldest_s(collection);
    arena_init(&writing->arena);
    buffer_init(&writing->payload);
    request_init(&writing->request, collection->db->os, call);
    writing_revive(collection->db);
}

int writing_no_memory(const struct writing *writing, struct kith_error *err)
{
    return error_set(err, KITH_ENOMEM, "writing to collection '%s': no memory",
                     writing->collection->manifest.name);
}

/* ------------------------------------------------------------ the active segment */

/* A version with a new active segment behind `kept` places. */
static int version_begin(struct kith_collection *collection, const struct schema *schema,
                         size_t kept, size_t rows_next, struct version **out,
                         struct kith_error *err)
{
    struct kith_db *db = collection->db;
    uint64_t id;
    int rc = catalog_next_id(db, &id, err);
    if (rc) return rc;
    struct version *next = version_new(schema, kept + 1);
    if (!next) return error_set(err, KITH_ENOMEM, "a new segment: no memory");
    size_t rows_max = rows_next > db->seal_rows * 2 ? rows_next : (size_t)db->seal_rows * 2;
    rc = growing_new(db->os, schema, &db->budget, id, rows_max, &next->segments[kept]);
    if (rc) {
        next->count = 0;
        version_unref(next);
        return error_set(err, rc, "a new segment: %s", error_name(rc));
    }
    *out = next;
    return 0;
}

int version_emptied(struct kith_collection *collection, struct version **out,
                    struct kith_error *err)
{
    return version_begin(collection, collection->schema, 0, 0, out, err);
}

int version_grown(struct kith_collection *collection, const struct schema *schema,
                  size_t rows_next, struct version **out, struct kith_error *err)
{
    struct version *now = version_current(collection);
    size_t kept = now->count;
    if (kept > now->sealed && segment_rows(now->segments[kept - 1]) == 0) kept--;
    struct version *next = NULL;
    int rc = version_begin(collection, schema, kept, rows_next, &next, err);
    if (rc) return rc;
    for (size_t i = 0; i < kept; i++) {
        next->segments[i] = now->segments[i];
        next->last_ts[i] = now->last_ts[i];
        segment_ref(now->segments[i]);
    }
    if (kept == now->count && kept > now->sealed) next->last_ts[kept - 1] = collection->appended_ts;
    next->sealed = now->sealed;
    *out = next;
    return 0;
}

int collection_freeze(struct kith_collection *collection, size_t rows_next, struct kith_error *err)
{
    struct version *next;
    int rc = version_grown(collection, collection->schema, rows_next, &next, err);
    if (rc) return rc;
    collection->active_since_ts = collection->appended_ts;
    version_publish(collection, next);
    return 0;
}

struct segment *writing_active(struct kith_collection *collection)
{
    struct version *version = version_current(collection);
    return version->segments[version->count - 1];
}

bool writing_is_full(struct kith_collection *collection, size_t more)
{
    const struct kith_db *db = collection->db;
    const struct segment *active = writing_active(collection);
    size_t rows = segment_rows(active);
    if (rows == 0) return more > growing_rows_max(active);
    return rows >= db->seal_rows || growing_bytes(active) >= db->seal_bytes ||
           rows + more > db->seal_rows * 2;
}

/* Under write_lock, which is let go while it waits for frozen segments to be sealed. */
/* ------------------------------------------------------------------------ kills */

int writing_kill(struct writing *writing, struct segment *segment, uint32_t row)
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

static bool is_in(uint32_t id, const uint32_t *partitions, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (partitions[i] == id) return true;
    return partitions == NULL;
}

int writing_kill_key(struct writing *writing, struct key key, size_t *found)
{
    return writing_kill_key_in(writing, key, NULL, 0, found);
}

/* Room for 4 rows of a segment, then for as many as there are. */
int writing_kill_key_in(struct writing *writing, struct key key, const uint32_t *partitions,
                        size_t count, size_t *found)
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
        const size_t expired = segment_expired(version->segments[s], writing->oldest_s);
        for (int i = 0; i < got; i++) {
            if (!is_in(segment_partition(version->segments[s], rows[i]), partitions, count))
                continue;
            int rc = writing_kill(writing, version->segments[s], rows[i]);
            if (rc) return rc;
            writing->kills.expired += rows[i] < expired;
            *found += rows[i] >= expired;
        }
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
    writing->written.deleted = writing->kills.count - writing->kills.expired;
}

/* -------------------------------------------------------------------- the commit */

/* Under write_lock. Rows (if any), the record, the kills. */
int writing_commit(struct writing *writing, enum wal_type type, uint64_t *ts, uint64_t *ticket,
                         struct kith_error *err)
{
    struct kith_collection *collection = writing->collection;
    struct kith_db *db = collection->db;
    struct segment *active = writing_active(collection);
    if (kills_reserve(writing)) return writing_no_memory(writing, err);
    uint64_t row_ts = wal_next_ts(db->wal);
    bool rows = type != WAL_DELETE && writing->batch.rows > 0;
    int rc = 0;
    if (rows) rc = growing_append(active, &writing->batch, writing->partitions, row_ts, err);
    if (rc) return rc;
    struct wal_piece piece = { writing->payload.data, writing->payload.len };
    rc = wal_append(db->wal, (uint32_t)collection->manifest.id, (uint16_t)type, &piece, 1, ts,
                    ticket, err);
    if (rc) {
        if (rows) growing_cut(active, row_ts - 1);
        return rc;
    }
    kills_apply(writing, *ts);
    atomic_fetch_add(&db->unsettled, 1);
    collection->appended_ts = *ts;
    if (writing_is_full(collection, 0)) background_wake(db);
    return 0;
}

static void advance_visible(struct kith_collection *collection, uint64_t ts)
{
    uint64_t seen = atomic_load_explicit(&collection->visible_ts, memory_order_relaxed);
    while (seen < ts && !atomic_compare_exchange_weak_explicit(&collection->visible_ts, &seen, ts,
                                                               memory_order_release,
                                                               memory_order_relaxed)) {}
    atomic_store_explicit(&collection->updated_ms, os_wall_ms(collection->db->os),
                          memory_order_relaxed);
}

/* Rows and kills of writes whose record failed go: nobody has seen them. What the log did take is
 * another thread's to make visible. */
static void drop_invisible(struct kith_collection *collection)
{
    os_mutex_lock(&collection->write_lock);
    uint64_t kept = atomic_load_explicit(&collection->visible_ts, memory_order_relaxed);
    const uint64_t taken = wal_acknowledged_ts(collection->db->wal);
    if (taken > kept) kept = taken;
    struct version *version = version_current(collection);
    for (size_t i = 0; i < version->count; i++) {
        if (i < version->sealed)
            segment_cut_kills(version->segments[i], kept);
        else
            growing_cut(version->segments[i], kept);
    }
    if (collection->sealed_kill_ts > kept) collection->sealed_kill_ts = kept;
    os_mutex_unlock(&collection->write_lock);
}

int writing_wait(struct writing *writing, uint64_t ts, uint64_t ticket, struct kith_written *out,
                       struct kith_error *err)
{
    struct kith_collection *collection = writing->collection;
    int rc = wal_wait(collection->db->wal, ticket, err);
    if (rc)
        drop_invisible(collection);
    else
        advance_visible(collection, ts);
    atomic_fetch_sub(&collection->db->unsettled, 1);
    if (rc) return rc;
    writing->written.timestamp = ts;
    if (collection->db->sync == KITH_SYNC_EVERYSEC) background_written(collection->db);
    if (out) {
        *out = writing->written;
        writing->written.int_ids = NULL;
        writing->written.str_ids = NULL;
    }
    if (collection->db->no_threads) {
        bool did;
        (void)!background_step(collection->db, &did, NULL);
    }
    return 0;
}

/* There was nothing to write. That may be so because of writes that are not acknowledged yet, so
 * their fate is this one's too. */
int writing_unchanged(struct writing *writing, struct kith_written *out, struct kith_error *err)
{
    struct kith_collection *collection = writing->collection;
    os_mutex_lock(&collection->write_lock);
    bool pending = atomic_load(&collection->visible_ts) < collection->appended_ts;
    os_mutex_unlock(&collection->write_lock);
    int rc = pending ? wal_sync(collection->db->wal, err) : 0;
    if (rc == 0 && out) *out = writing->written;
    return rc;
}

/* What failed is taken back: nothing waits for its timestamps any more. Under write_lock. */
static void forget_failed(struct kith_collection *collection)
{
    const uint64_t visible = atomic_load_explicit(&collection->visible_ts, memory_order_relaxed);
    struct version *version = version_current(collection);
    for (size_t i = version->sealed; i < version->count; i++)
        if (version->last_ts[i] > visible) version->last_ts[i] = visible;
    if (collection->active_since_ts > visible) collection->active_since_ts = visible;
    if (collection->flush_ts > visible) collection->flush_ts = visible;
    collection->appended_ts = visible;
}

/* While the log is stopped nothing is appended, so once all writes in flight are settled, none
 * comes before it goes on, and that happens here only, under catalog_lock. */
void writing_revive(struct kith_db *db)
{
    if (!wal_is_stopped(db->wal)) return;
    os_mutex_lock(&db->catalog_lock);
    if (wal_is_stopped(db->wal) && atomic_load(&db->unsettled) == 0) {
        for (size_t i = 0; i < db->collection_count; i++) {
            os_mutex_lock(&db->collections[i]->write_lock);
            forget_failed(db->collections[i]);
            os_mutex_unlock(&db->collections[i]->write_lock);
        }
        if (wal_revive(db->wal)) engine_log(db, 2, "the log takes writes again after a full disk");
    }
    os_mutex_unlock(&db->catalog_lock);
}
