/*
 * Background work: what is due, in what order, and the thread that does it.
 *
 * Order: seal frozen segments (memory), compact (before indexing, so that a graph is built once
 * over the merged rows), build indexes, copy hot sections. The thread sleeps on a condition while
 * nothing is due. Without threads writers and flush run the same steps.
 *
 * Two helpers sleep beside it. The sealer works only while an index is built, which takes seconds
 * that writers would wait for: frozen segments are bounded. A seal appends to the sealed segments
 * and an index changes none, so the two do not meet; everything else takes seal_lock too. The
 * syncer, under everysec, syncs the log a second after the first write that needs it.
 */
#include "base/alloc.h"
#include "engine/engine.h"

#define COMPACT_RUN 4        /* neighbours of a tier that are merged */
#define COMPACT_DEAD_SHARE 5 /* rewritten alone when one row in so many is dead */
#define COMPACT_DEAD_ROWS 1024

enum step_kind {
    STEP_NONE,
    STEP_FREEZE,
    STEP_MERGE,
    STEP_COMPACT,
    STEP_KILLS,
    STEP_INDEX,
    STEP_UNINDEX
};
struct step {
    enum step_kind kind;
    size_t first, count;
    uint32_t index; /* number of the one to build */
    uint64_t flushes; /* of the collection, when it was looked for */
};

static unsigned tier_of(const struct segment *segment)
{
    unsigned tier = 0;
    for (size_t rows = segment_rows(segment); rows > ENGINE_SEAL_ROWS * 2; rows /= COMPACT_RUN)
        tier++;
    return tier;
}

/* A run of COMPACT_RUN neighbours whose tiers are no higher than that of the first of them. */
static bool due_tiers(const struct version *version, struct step *step)
{
    for (size_t end = version->sealed; end >= COMPACT_RUN; end--) {
        unsigned top = 0;
        size_t rows = 0, count = 0;
        for (size_t i = end; i-- > 0 && count < COMPACT_RUN;) {
            unsigned tier = tier_of(version->segments[i]);
            if (count == 0) top = tier;
            if (tier > top || segment_damaged(version->segments[i])) break;
            rows += segment_rows(version->segments[i]);
            count++;
        }
        if (count < COMPACT_RUN || rows > LIMIT_SEGMENT_ROWS) continue;
        *step = (struct step){ .kind = STEP_MERGE, .first = end - count, .count = count };
        return true;
    }
    return false;
}

/* Dead or too old. The two may overlap. */
static size_t gone_rows(const struct kith_collection *collection, const struct segment *segment)
{
    return segment_dead(segment) + segment_expired(segment, collection_oldest_s(collection));
}

static bool due_dead(const struct kith_collection *collection, const struct version *version,
                     struct step *step)
{
    for (size_t i = 0; i < version->sealed; i++) {
        const struct segment *segment = version->segments[i];
        size_t dead = gone_rows(collection, segment);
        if (dead < COMPACT_DEAD_ROWS || dead < segment_rows(segment) / COMPACT_DEAD_SHARE ||
            segment_damaged(segment))
            continue;
        *step = (struct step){ .kind = STEP_MERGE, .first = i, .count = 1 };
        return true;
    }
    return false;
}

static bool is_due(const struct kith_collection *collection, const struct segment *segment,
                   const struct index_wish *wish)
{
    if (segment_has_index(segment, wish->number)) return false;
    if (wish->vectors && !segment_holds(segment, wish->field)) return false;
    const uint32_t dim = collection->schema->fields[wish->field].dim;
    if (wish->vectors && segment_rows(segment) < index_min_rows(dim)) return false;
    return !map64_get(&collection->unindexable, unindexable_key(segment, wish->number), NULL);
}

/* What is cheap first: everything but graphs. */
static bool due_index(const struct kith_collection *collection, const struct version *version,
                      struct step *step)
{
    for (size_t pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < version->sealed; i++) {
            const struct segment *segment = version->segments[i];
            if (segment_damaged(segment)) continue;
            for (size_t w = 0; w < collection->wishes.count; w++) {
                const struct index_wish *wish = &collection->wishes.items[w];
                if (wish->vectors != (pass == 1) || !is_due(collection, segment, wish)) continue;
                *step = (struct step){
                    .kind = STEP_INDEX, .first = i, .count = 1, .index = wish->number
                };
                return true;
            }
        }
    }
    return false;
}

/* A segment has an index that nobody wants any more. */
static bool due_unindex(const struct kith_collection *collection, const struct version *version,
                        struct step *step)
{
    for (size_t i = 0; i < version->sealed; i++) {
        if (!segment_unwanted(collection, version->segments[i], NULL)) continue;
        *step = (struct step){ .kind = STEP_UNINDEX };
        return true;
    }
    return false;
}

/* Bytes of fields that were dropped. */
static bool has_dropped(const struct schema *schema, const struct segment *segment)
{
    for (size_t f = 0; f < schema->field_count; f++)
        if (schema->fields[f].dropped && segment_stores(segment, f)) return true;
    return false;
}

static bool is_compact(const struct kith_collection *collection, const struct version *version)
{
    const size_t fields = version->schema->field_count;
    for (size_t i = 0; i < version->sealed; i++) {
        const struct segment *segment = version->segments[i];
        if (gone_rows(collection, segment) || !segment_holds(segment, fields - 1)) return false;
        if (has_dropped(version->schema, segment)) return false;
    }
    return version->sealed <= 1;
}

/* A frozen segment whose rows are all visible. Under write_lock. */
static bool due_seal(const struct kith_collection *collection, const struct version *version,
                     struct step *step)
{
    const uint64_t visible = atomic_load_explicit(&collection->visible_ts, memory_order_relaxed);
    if (version->count <= version->sealed + 1) return false;
    if (visible >= version->last_ts[version->sealed])
        *step = (struct step){ .kind = STEP_MERGE, .first = version->sealed, .count = 1 };
    return true;
}

static bool is_stopped(const struct kith_collection *collection)
{
    return collection->work_status || collection->doubtful || atomic_load(&collection->dropped);
}

/* Under write_lock. */
static struct step due_step(struct kith_collection *collection)
{
    struct step step = { 0 };
    if (is_stopped(collection)) return step;
    struct version *version = version_current(collection);
    uint64_t visible = atomic_load_explicit(&collection->visible_ts, memory_order_relaxed);
    if (due_seal(collection, version, &step)) return step;
    if (collection->flush_ts > collection->manifest.checkpoint_ts) {
        bool rows = segment_rows(version->segments[version->sealed]) > 0;
        if (rows && collection->active_since_ts < collection->flush_ts)
            return (struct step){ .kind = STEP_FREEZE };
        if (!rows && visible < collection->appended_ts) return step; /* its writer wakes us */
        if (!rows && collection_unsaved(collection)) return (struct step){ .kind = STEP_KILLS };
    }
    collection->flush_ts = 0; /* reached, or nothing up to it needs a file */
    if (collection->compact_wanted) {
        if (!is_compact(collection, version))
            return (struct step){ .kind = STEP_COMPACT, .count = version->sealed };
        collection->compact_wanted = false;
    }
    if (due_unindex(collection, version, &step)) return step;
    if (due_tiers(version, &step) || due_dead(collection, version, &step)) return step;
    (void)due_index(collection, version, &step);
    return step;
}

static int run_step(struct kith_collection *collection, const struct step *step,
                    struct kith_error *err)
{
    int rc = 0;
    switch (step->kind) {
    case STEP_NONE: break;
    case STEP_FREEZE:
        os_mutex_lock(&collection->write_lock);
        rc = collection_freeze(collection, 0, err);
        os_mutex_unlock(&collection->write_lock);
        break;
    case STEP_MERGE: rc = merge_segments(collection, step->first, step->count, err); break;
    case STEP_COMPACT: /* once a request: writers may go on killing rows for ever */
        rc = merge_segments(collection, step->first, step->count, err);
        os_mutex_lock(&collection->write_lock);
        collection->compact_wanted = false;
        os_mutex_unlock(&collection->write_lock);
        break;
    case STEP_KILLS: rc = save_kills(collection, err); break;
    case STEP_INDEX: rc = index_segment(collection, step->first, step->index, err); break;
    case STEP_UNINDEX: rc = unindex_segments(collection, err); break;
    }
    return rc;
}

/* A flush that began meanwhile is not told of it: it has the step tried again. */
static void step_failed(struct kith_collection *collection, const struct step *step, int rc,
                        const struct kith_error *why)
{
    if (atomic_load(&collection->db->closed) || atomic_load(&collection->dropped)) return;
    os_mutex_lock(&collection->write_lock);
    if (step->flushes == collection->flushes) {
        collection->work_status = rc;
        collection->work_error = *why;
    }
    engine_log(collection->db, 0, "collection '%s': background work failed: %s",
               collection->manifest.name, why->text);
    os_mutex_unlock(&collection->write_lock);
}

/* Copies hot sections of the current version once; returns whether there was anything to look at.
 */
static void warm(struct kith_collection *collection)
{
    if (!collection->db->pin || atomic_exchange(&collection->warmed, true)) return;
    struct view view;
    view_take(collection, &view);
    for (size_t i = 0; i < view.version->sealed && !atomic_load(&collection->db->closed); i++)
        (void)!segment_warm(view.version->segments[i]); /* no room in the budget: stays mapped */
    view_drop(&view);
}

static struct step look(struct kith_collection *collection)
{
    os_mutex_lock(&collection->write_lock);
    struct step step = due_step(collection);
    step.flushes = collection->flushes;
    os_mutex_unlock(&collection->write_lock);
    return step;
}

/* What was frozen just before is the sealer's too. */
static void set_indexing(struct kith_db *db, bool indexing)
{
    os_mutex_lock(&db->work_lock);
    db->indexing = db->seal_due = indexing;
    if (indexing) os_cond_signal(&db->seal_cond);
    os_mutex_unlock(&db->work_lock);
}

/* Under step_lock. The sealer may have been first: what is due is looked for again with its lock.
 */
static int run_locked(struct kith_collection *collection, struct step step, struct kith_error *err)
{
    struct kith_db *db = collection->db;
    int rc = 0;
    if (step.kind == STEP_INDEX) {
        set_indexing(db, true);
        rc = run_step(collection, &step, err);
        set_indexing(db, false);
        return rc;
    }
    os_mutex_lock(&db->seal_lock);
    step = look(collection);
    if (step.kind != STEP_INDEX) rc = run_step(collection, &step, err);
    os_mutex_unlock(&db->seal_lock);
    return rc;
}

static int step_collection(struct kith_collection *collection, bool *did, struct kith_error *err)
{
    const struct step step = look(collection);
    if (step.kind == STEP_NONE) {
        warm(collection);
        return 0;
    }
    *did = true;
    struct kith_error why = { 0 };
    int rc = run_locked(collection, step, &why);
    if (rc) {
        step_failed(collection, &step, rc, &why);
        if (err) *err = why;
    }
    return rc;
}

/* A collection with a reference, number i of the catalog; NULL past the end. */
static struct kith_collection *catalog_at(struct kith_db *db, size_t i)
{
    struct kith_collection *collection = NULL;
    os_mutex_lock(&db->catalog_lock);
    if (i < db->collection_count) {
        collection = db->collections[i];
        atomic_fetch_add_explicit(&collection->refs, 1, memory_order_relaxed);
    }
    os_mutex_unlock(&db->catalog_lock);
    return collection;
}

static void tell_waiting(struct kith_db *db)
{
    os_mutex_lock(&db->work_lock);
    db->work_rounds++;
    os_cond_broadcast(&db->done_cond);
    os_mutex_unlock(&db->work_lock);
}

int background_step(struct kith_db *db, bool *did, struct kith_error *err)
{
    *did = false;
    int rc = 0;
    if (db->read_only) return 0;
    os_mutex_lock(&db->step_lock);
    struct kith_collection *collection;
    for (size_t i = 0; !*did && !atomic_load(&db->closed) && (collection = catalog_at(db, i));
         i++) {
        rc = step_collection(collection, did, err);
        collection_unref(collection);
    }
    os_mutex_unlock(&db->step_lock);
    tell_waiting(db);
    return rc;
}

/* Under work_lock. */
static void wake(struct kith_db *db)
{
    db->work_due = true;
    os_cond_signal(&db->work_cond);
    if (!db->indexing) return;
    db->seal_due = true;
    os_cond_signal(&db->seal_cond);
}

void background_wake(struct kith_db *db)
{
    os_mutex_lock(&db->work_lock);
    wake(db);
    os_mutex_unlock(&db->work_lock);
}

void background_written(struct kith_db *db)
{
    if (atomic_load_explicit(&db->sync_due, memory_order_acquire)) return;
    os_mutex_lock(&db->work_lock);
    atomic_store_explicit(&db->sync_due, true, memory_order_release);
    os_cond_signal(&db->sync_cond);
    os_mutex_unlock(&db->work_lock);
}

int background_wait(struct kith_db *db, struct kith_collection *collection, struct request *request,
                    struct kith_error *err)
{
    (void)collection;
    int rc = request_poll(request);
    if (rc) return error_set(err, rc, "waiting for background work: %s", error_name(rc));
    if (!db->worker) {
        bool did;
        return background_step(db, &did, err);
    }
    int64_t slice = os_now_us(db->os) + 100000; /* so that a cancel is seen */
    os_mutex_lock(&db->work_lock);
    uint64_t round = db->work_rounds;
    wake(db);
    while (db->work_rounds == round && !db->stopping &&
           os_cond_wait(&db->done_cond, &db->work_lock, slice) == 0) {
    }
    os_mutex_unlock(&db->work_lock);
    return 0;
}

/* A log above its bound is shortened by flushing what pins it. */
static void bound_log(struct kith_db *db)
{
    if (wal_bytes(db->wal) <= ENGINE_LOG_BYTES_MAX) return;
    struct kith_collection *collection;
    for (size_t i = 0; (collection = catalog_at(db, i)); i++) {
        os_mutex_lock(&collection->write_lock);
        if (collection->manifest.checkpoint_ts < collection->appended_ts)
            collection->flush_ts = collection->appended_ts;
        os_mutex_unlock(&collection->write_lock);
        collection_unref(collection);
    }
}

static bool wait_for_work(struct kith_db *db)
{
    os_mutex_lock(&db->work_lock);
    while (!db->work_due && !db->stopping)
        (void)os_cond_wait(&db->work_cond, &db->work_lock, OS_FOREVER);
    db->work_due = false;
    bool go_on = !db->stopping;
    os_mutex_unlock(&db->work_lock);
    return go_on;
}

void background_main(void *arg)
{
    struct kith_db *db = arg;
    while (wait_for_work(db)) {
        bool did = true;
        bound_log(db);
        while (did && !atomic_load(&db->closed)) {
            struct kith_error why = { 0 };
            (void)!background_step(db, &did, &why);
        }
    }
}

/* ------------------------------------------------------------ the sealer */

static struct step look_for_seal(struct kith_collection *collection)
{
    struct step step = { 0 };
    os_mutex_lock(&collection->write_lock);
    if (!is_stopped(collection))
        (void)due_seal(collection, version_current(collection), &step);
    step.flushes = collection->flushes;
    os_mutex_unlock(&collection->write_lock);
    return step;
}

/* Whether a segment was sealed. */
static bool seal_one(struct kith_db *db)
{
    bool did = false;
    struct kith_collection *collection;
    os_mutex_lock(&db->seal_lock);
    for (size_t i = 0; !did && !atomic_load(&db->closed) && (collection = catalog_at(db, i));
         i++) {
        const struct step step = look_for_seal(collection);
        struct kith_error why = { 0 };
        const int rc = run_step(collection, &step, &why);
        did = step.kind != STEP_NONE && rc == 0;
        if (rc) step_failed(collection, &step, rc, &why);
        collection_unref(collection);
    }
    os_mutex_unlock(&db->seal_lock);
    return did;
}

static bool wait_for_seal(struct kith_db *db)
{
    os_mutex_lock(&db->work_lock);
    while (!db->seal_due && !db->stopping)
        (void)os_cond_wait(&db->seal_cond, &db->work_lock, OS_FOREVER);
    db->seal_due = false;
    const bool go_on = !db->stopping;
    os_mutex_unlock(&db->work_lock);
    return go_on;
}

void background_seal(void *arg)
{
    struct kith_db *db = arg;
    while (wait_for_seal(db))
        while (seal_one(db)) tell_waiting(db);
}

/* ------------------------------------------------------------ the syncer */

/* Until something was written, and then for a second. */
static bool wait_for_sync(struct kith_db *db)
{
    os_mutex_lock(&db->work_lock);
    while (!atomic_load(&db->sync_due) && !db->stopping)
        (void)os_cond_wait(&db->sync_cond, &db->work_lock, OS_FOREVER);
    const int64_t deadline = os_now_us(db->os) + 1000000;
    while (!db->stopping && os_cond_wait(&db->sync_cond, &db->work_lock, deadline) == 0) continue;
    atomic_store_explicit(&db->sync_due, false, memory_order_release);
    const bool go_on = !db->stopping;
    os_mutex_unlock(&db->work_lock);
    return go_on;
}

void background_sync(void *arg)
{
    struct kith_db *db = arg;
    while (wait_for_sync(db)) {
        struct kith_error why = { 0 };
        if (wal_dirty(db->wal) && wal_sync(db->wal, &why))
            engine_log(db, 0, "syncing the log failed: %s", why.text);
    }
}

/* ------------------------------------------------------------ flush and compact */

/* Until everything up to target is in files and, while no writer adds to it, indexed. Beside
 * running writers it ends with the files: something is always due then. */
static int flush_wait(struct kith_collection *collection, uint64_t target, struct request *request,
                      struct kith_error *err)
{
    for (;;) {
        int rc = collection_usable(collection, err);
        if (rc) return rc;
        os_mutex_lock(&collection->write_lock);
        struct step step = due_step(collection);
        struct version *version = version_current(collection);
        bool reached = collection->flush_ts == 0 && !collection->compact_wanted;
        bool idle = step.kind == STEP_NONE && version->count == version->sealed + 1;
        bool done = reached && (idle || collection->appended_ts != target);
        bool pending = step.kind == STEP_NONE &&
                       atomic_load(&collection->visible_ts) < collection->appended_ts;
        if (collection->work_status) {
            rc = collection->work_status;
            if (err) *err = collection->work_error;
            collection->work_status = 0;
        }
        os_mutex_unlock(&collection->write_lock);
        if (rc || done) return rc;
        /* A write whose log failed never becomes visible: waiting for it would not end. */
        if (pending && (rc = wal_sync(collection->db->wal, err))) return rc;
        if ((rc = background_wait(collection->db, collection, request, err))) return rc;
    }
}

static int flush(struct kith_collection *collection, bool compact, const struct kith_call *call,
                 struct kith_error *err)
{
    int rc = collection_writable(collection, err);
    if (rc) return rc;
    struct request request;
    request_init(&request, collection->db->os, call);
    os_mutex_lock(&collection->write_lock);
    uint64_t target = collection->appended_ts;
    if (target > collection->flush_ts) collection->flush_ts = target;
    collection->compact_wanted |= compact;
    collection->work_status = 0;
    collection->flushes++;
    os_mutex_unlock(&collection->write_lock);
    return flush_wait(collection, target, &request, err);
}

int kith_flush(struct kith_collection *collection, const struct kith_call *call,
               struct kith_error *err)
{
    return flush(collection, false, call, err);
}

int kith_compact(struct kith_collection *collection, const struct kith_call *call,
                 struct kith_error *err)
{
    return flush(collection, true, call, err);
}

int kith_checkpoint(struct kith_db *db, const struct kith_call *call, struct kith_error *err)
{
    struct kith_collection *collection;
    int rc = 0;
    for (size_t i = 0; rc == 0 && (collection = catalog_at(db, i)); i++) {
        rc = flush(collection, false, call, err);
        if (rc == KITH_ECLOSED && !atomic_load(&db->closed)) rc = 0; /* dropped meanwhile */
        collection_unref(collection);
    }
    return rc;
}
