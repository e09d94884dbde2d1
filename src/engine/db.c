/*
 * Opening and closing a database.
 *
 * Open: lock, identity, journal (catalog and manifests), segments by mapping, then the log's tail.
 * What no manifest names is unlinked; readers in other processes are told. Close: stops the
 * background thread, closes the log, forgets the catalog; the struct itself lives until the last
 * collection handle is released.
 */
#include "engine/db.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/engine.h"
#include "engine/identity.h"
#include "storage/file_name.h"

#define AUTO_ID_SHIFT 18 /* automatic ids start at the time, as timestamps do */

static void db_free(struct kith_db *db)
{
    for (size_t i = 0; i < db->collection_count; i++) collection_unref(db->collections[i]);
    db->collection_count = 0;
    mem_free(db->collections);
    db->collections = NULL;
    map_release(&db->databases);
    map_release(&db->names);
    map_release(&db->aliases);
    wal_close(db->wal);
    journal_close(db->journal);
    wal_tail_free(db->tail);
    reader_page_close(&db->page);
    pool_free(db->pool);
    pool_free(db->search_pool);
    os_mutex_release(&db->follow_lock);
    os_mutex_release(&db->catalog_lock);
    os_mutex_release(&db->id_lock);
    os_mutex_release(&db->work_lock);
    os_mutex_release(&db->step_lock);
    os_mutex_release(&db->seal_lock);
    os_cond_release(&db->seal_cond);
    os_cond_release(&db->sync_cond);
    os_cond_release(&db->work_cond);
    os_cond_release(&db->done_cond);
    os_close(db->lock);
    mem_free(db->dir);
    db->dir = NULL;
    db->wal = NULL;
    db->journal = NULL;
    if (atomic_fetch_sub_explicit(&db->handles, 1, memory_order_acq_rel) == 1) mem_free(db);
}

/* Searches that began before the close may still use the pool; later ones see `closed`. */
static void wait_for_pool_users(struct kith_db *db)
{
    os_mutex_lock(&db->work_lock);
    while (atomic_load(&db->pool_users) > 0)
        (void)os_cond_wait(&db->done_cond, &db->work_lock, OS_FOREVER);
    os_mutex_unlock(&db->work_lock);
}

void kith_close(struct kith_db *db)
{
    if (!db) return;
    atomic_store(&db->closed, true);
    if (db->search_pool) wait_for_pool_users(db);
    if (db->worker) {
        os_mutex_lock(&db->work_lock);
        db->stopping = true;
        os_cond_broadcast(&db->work_cond);
        os_cond_broadcast(&db->done_cond);
        os_cond_broadcast(&db->seal_cond);
        os_cond_broadcast(&db->sync_cond);
        os_mutex_unlock(&db->work_lock);
        os_thread_join(db->worker);
        if (db->sealer) os_thread_join(db->sealer);
        if (db->syncer) os_thread_join(db->syncer);
        db->worker = db->sealer = db->syncer = NULL;
    }
    db_free(db);
}

static int locks_init(struct kith_db *db)
{
    int rc = os_mutex_init(db->os, &db->catalog_lock);
    if (rc == 0) rc = os_mutex_init(db->os, &db->follow_lock);
    if (rc == 0) rc = os_mutex_init(db->os, &db->id_lock);
    if (rc == 0) rc = os_mutex_init(db->os, &db->work_lock);
    if (rc == 0) rc = os_mutex_init(db->os, &db->step_lock);
    if (rc == 0) rc = os_mutex_init(db->os, &db->seal_lock);
    if (rc == 0) rc = os_cond_init(db->os, &db->seal_cond);
    if (rc == 0) rc = os_cond_init(db->os, &db->sync_cond);
    if (rc == 0) rc = os_cond_init(db->os, &db->work_cond);
    return rc ? rc : os_cond_init(db->os, &db->done_cond);
}

static void take_options(struct kith_db *db, const struct kith_open_opts *opts)
{
    db->read_only = opts->read_only;
    db->no_threads = opts->no_threads;
    db->pin = !opts->no_pin;
    db->sync = opts->sync ? opts->sync : KITH_SYNC_ALWAYS;
    db->seal_rows = opts->seal_rows ? opts->seal_rows : ENGINE_SEAL_ROWS;
    db->seal_bytes = opts->seal_bytes ? opts->seal_bytes : ENGINE_SEAL_BYTES;
    if (db->seal_rows > LIMIT_SEGMENT_ROWS / 4) db->seal_rows = LIMIT_SEGMENT_ROWS / 4;
    db->threads = opts->no_threads ? 1 : opts->threads ? opts->threads : os_cpu_count(db->os);
    db->log = opts->log;
    db->log_ctx = opts->log_ctx;
    budget_init(&db->budget, opts->memory_bytes ? opts->memory_bytes : os_memory_bytes(db->os) / 2);
    map_init(&db->databases);
    map_init(&db->names);
    map_init(&db->aliases);
}

/* The parent too, so that a new directory survives a power cut. */
static int sync_parent(const struct os *os, const char *path, struct kith_error *err)
{
    char parent[OS_PATH_MAX];
    (void)snprintf(parent, sizeof parent, "%s", path);
    size_t len = strlen(parent);
    while (len > 1 && parent[len - 1] == '/') parent[--len] = 0;
    char *slash = strrchr(parent, '/');
    if (!slash) return os_sync_dir(os, ".", err);
    slash[slash == parent ? 1 : 0] = 0;
    return os_sync_dir(os, parent, err);
}

static int open_dir(struct kith_db *db, const struct kith_open_opts *opts, struct kith_error *err)
{
    char path[OS_PATH_MAX];
    int rc = 0;
    if (!db->read_only) {
        struct kith_error why = { 0 };
        if (opts->must_exist && identity_read(db->os, db->dir, &db->id, &why) == KITH_ENOTFOUND)
            return error_set(err, KITH_ENOTFOUND, "no Kith database in '%s'", db->dir);
        if (!opts->must_exist) {
            rc = os_mkdir(db->os, db->dir, err);
            if (rc == 0) rc = sync_parent(db->os, db->dir, err);
        }
        if (rc == 0) rc = path_join(path, db->dir, "LOCK", err);
        if (rc == 0)
            rc = os_open(db->os, path, OS_WRITE | OS_CREATE, &db->lock, err);
        if (rc == 0) rc = os_lock(db->lock, err);
        if (rc == KITH_ELOCKED)
            return error_set(
                err, rc, "'%s' is open for writing in another process; until it ends, only reading "
                "works", db->dir);
        if (rc) return rc;
    }
    struct kith_error why = { 0 };
    rc = identity_read(db->os, db->dir, &db->id, &why);
    if (rc == KITH_ENOTFOUND && !db->read_only && !opts->must_exist)
        return identity_write(db->os, db->dir, &db->id, err);
    if (rc == KITH_ENOTFOUND)
        return error_set(err, rc, "no Kith database in '%s'", db->dir);
    if (rc && err) *err = why;
    return rc;
}

struct replaying {
    struct kith_db *db;
    struct kith_error *err;
};

static int replay_record(void *ctx, const struct wal_record *record)
{
    struct replaying *replaying = ctx;
    struct kith_collection *collection = catalog_by_id(replaying->db, record->channel);
    if (!collection) return 0; /* dropped since */
    struct kith_error why = { 0 };
    int rc = collection_apply(collection, record, &why);
    if (rc == KITH_ECORRUPT || rc == KITH_EINVAL || rc == KITH_EDIM) {
        /* The record's checksum held, so this is not damage of the disk: say it and go on. */
        engine_log(replaying->db, 0, "log record skipped: %s", why.text);
        collection->quarantined++;
        return 0;
    }
    if (rc && replaying->err) *replaying->err = why;
    return rc;
}

static int open_log(struct kith_db *db, struct kith_error *err)
{
    uint64_t last = 0;
    for (size_t i = 0; i < db->collection_count; i++)
        if (db->collections[i]->manifest.checkpoint_ts > last)
            last = db->collections[i]->manifest.checkpoint_ts;
    struct wal_opts opts = { .os = db->os, .dir = db->dir, .database_id = db->id, .sync = db->sync,
                             .last_ts = last, .read_only = db->read_only };
    struct wal_replay_report report = { 0 };
    struct replaying replaying = { db, err };
    int rc = wal_open(&opts, replay_record, &replaying, &report, &db->wal, err);
    if (rc) return rc;
    if (report.damaged_bytes) {
        engine_log(db, 0, "the log is damaged, records were lost: %s", report.text);
        for (size_t i = 0; i < db->collection_count; i++) db->collections[i]->quarantined++;
    } else if (report.cut_bytes) {
        engine_log(db, 1, "a torn end of the log was cut: %s", report.text);
    }
    uint64_t now = (uint64_t)os_wall_ms(db->os) << AUTO_ID_SHIFT;
    last = wal_last_ts(db->wal);
    atomic_store(&db->next_auto_id, now > last ? now : last + 1);
    return 0;
}

/* ---- files that no manifest names */

struct sweeping {
    struct kith_db *db;
    struct map known; /* names of files, without the directory */
};

static int sweep_name(void *ctx, const char *name)
{
    struct sweeping *sweeping = ctx;
    struct file_name parsed;
    if (!file_name_parse(name, &parsed)) return 0;
    if (map_get(&sweeping->known, name, strlen(name), NULL)) return 0;
    char path[OS_PATH_MAX];
    if (path_join(path, sweeping->db->dir, name, NULL) == 0)
        (void)!os_unlink(sweeping->db->os, path, NULL); /* a leftover may stay: it is only space */
    return 0;
}

static int sweep_know(void *ctx, const struct file_name *name)
{
    struct sweeping *sweeping = ctx;
    char path[OS_PATH_MAX];
    int rc = file_name_path(name, ".", path, sizeof path);
    return rc ? rc : map_put(&sweeping->known, path + 2, strlen(path + 2), 1);
}

static int sweep(struct kith_db *db, struct kith_error *err)
{
    struct sweeping sweeping = { .db = db };
    map_init(&sweeping.known);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < db->collection_count; i++)
        rc = manifest_files(&db->collections[i]->manifest, sweep_know, &sweeping);
    if (rc)
        error_set(err, rc, "opening '%s': no memory", db->dir);
    else
        rc = os_list(db->os, db->dir, sweep_name, &sweeping, err);
    map_release(&sweeping.known);
    return rc;
}

static int start_threads(struct kith_db *db, struct kith_error *err)
{
    if (db->no_threads) return 0;
    int rc = pool_new(db->os, "kith-search", db->threads - 1, 0, 1024, &db->search_pool, err);
    if (rc || db->read_only) return rc;
    rc = pool_new(db->os, "kith-build", db->threads - 1, 10, 4096, &db->pool, err);
    if (rc == 0)
        rc = os_thread_start(db->os, "kith-background", 10, background_main, db, &db->worker, err);
    if (rc == 0)
        rc = os_thread_start(db->os, "kith-seal", 5, background_seal, db, &db->sealer, err);
    if (rc == 0 && db->sync == KITH_SYNC_EVERYSEC)
        rc = os_thread_start(db->os, "kith-sync", 0, background_sync, db, &db->syncer, err);
    if (rc == 0) background_wake(db);
    return rc;
}

static int db_open(struct kith_db *db, const struct kith_open_opts *opts, struct kith_error *err)
{
    bool followed = false;
    int rc = open_dir(db, opts, err);
    if (rc == 0 && db->read_only) rc = follow_open(db, &followed, err);
    if (rc || followed) return rc ? rc : start_threads(db, err);
    if (rc == 0) rc = journal_open(db->os, db->dir, db->id, db->read_only, &db->journal, err);
    if (rc == 0) rc = catalog_load(db, err);
    if (rc == 0) rc = open_log(db, err);
    if (rc == 0 && !db->read_only && !db->catalog_damaged) rc = sweep(db, err);
    if (rc == 0 && !db->read_only) rc = follow_publish(db, err);
    return rc ? rc : start_threads(db, err);
}

int db_open_on(const struct os *os, const char *path, const struct kith_open_opts *given,
               struct kith_db **out, struct kith_error *err)
{
    struct kith_open_opts opts = KITH_OPEN_OPTS_INIT;
    if (given) memcpy(&opts, given, given->size < sizeof opts ? given->size : sizeof opts);
    if (!path || !*path) return error_set(err, KITH_EINVAL, "a database needs a directory");
    struct kith_db *db = mem_zalloc(sizeof *db);
    if (!db) return error_set(err, KITH_ENOMEM, "opening '%s': no memory", path);
    db->os = os;
    atomic_init(&db->handles, 1);
    take_options(db, &opts);
    db->dir = mem_strdup(path);
    int rc = locks_init(db);
    if (rc || !db->dir)
        rc = error_set(err, KITH_ENOMEM, "opening '%s': no memory", path);
    else
        rc = db_open(db, &opts, err);
    if (rc) {
        kith_close(db);
        return rc;
    }
    *out = db;
    return 0;
}

int kith_open(const char *path, const struct kith_open_opts *opts, struct kith_db **out,
              struct kith_error *err)
{
    return db_open_on(os_real(), path, opts, out, err);
}
