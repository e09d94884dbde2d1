/*
 * Snapshots: see keep.h.
 *
 * One thread, while there is one to take. It prepares the files, then under the keyspace lock cuts
 * the log and marks the beginning; walks the keyspace in slices, writing what it gathered between
 * them; ends the file, and lets `current` name it. An entry is written down where cache_mark says
 * that it was not before: by the walk, or by keep_changing when it is about to change.
 *
 * When the keyspace is emptied or swapped meanwhile, what is left of the instant is gone with it;
 * the snapshot is given up and begun again, and the new one is small.
 *
 * When logging begins with the snapshot, the number of the new log leaves a gap: until `current`
 * names it, what it holds follows from nothing that is on disk, and must not be replayed.
 */
#include <string.h>

#include "base/alloc.h"
#include "redis/keep_internal.h"

#define SLICE_US 200
#define PAUSE_US 300
#define STEPS_A_LOOK 8u /* scan steps between two looks at the clock */
#define BYTES_A_LOOK (16u << 10)
#define BLOCK_BYTES (256u << 10)
#define TRIES_MAX 100u

/* ---- gathering: under the keyspace lock ---- */

static void begin_block(struct saving *saving)
{
    if (saving->block.len == 0) (void)buffer_extend(&saving->block, KEEP_GROUP_BYTES);
}

static void put_entry(struct keep *keep, unsigned db, struct entry *entry)
{
    struct saving *saving = &keep->saving;
    if (!cache_mark(keep->opts.cache, entry) || !saving->active) return;
    const struct kith_str key = entry_key(entry);
    begin_block(saving);
    saving->entries++;
    if (keep_large_begin(keep, db, entry)) return;
    buffer_put_u8(&saving->block, RECORD_ENTRY);
    buffer_put_varint(&saving->block, db);
    buffer_put_u64(&saving->block, (uint64_t)entry_deadline(entry));
    buffer_put_bytes(&saving->block, key.data, key.len);
    entry_encode(entry, &saving->block);
}

void keep_changing(void *ctx, unsigned db, struct entry *entry)
{
    struct keep *keep = ctx;
    if (keep->saving.marking) put_entry(keep, db, entry);
}

void keep_flushing(void *ctx, unsigned db)
{
    struct keep *keep = ctx;
    (void)db;
    keep->saving.aborted = true;
    keep_large_drop(keep);
}

void keep_definition(struct keep *keep, unsigned db, const struct kith_str *argv, size_t argc)
{
    begin_block(&keep->saving);
    buffer_put_u8(&keep->saving.block, RECORD_DEFINITION);
    keep_put_command(&keep->saving.block, db, argv, argc);
}

static void visit(void *ctx, struct entry *entry)
{
    struct keep *keep = ctx;
    put_entry(keep, keep->saving.db, entry);
}

/* A piece of a value that is being written, or else a step among the keys. */
static void walk_step(struct keep *keep)
{
    struct saving *saving = &keep->saving;
    struct cache *cache = keep->opts.cache;
    if (saving->large) {
        begin_block(saving);
        keep_large_step(keep);
    } else if (saving->db < cache_databases(cache)) {
        saving->cursor = cache_scan(cache, saving->db, saving->cursor, visit, keep);
        if (saving->cursor == 0) saving->db++;
    } else {
        saving->walked = true;
    }
}

/* One slice of the walk. Looks at the clock after so many steps, or so many bytes. */
static void walk(struct keep *keep)
{
    struct saving *saving = &keep->saving;
    struct cache *cache = keep->opts.cache;
    cache_lock(cache);
    const int64_t until = os_now_us(keep->opts.os) + SLICE_US;
    size_t seen = saving->block.len;
    for (unsigned step = 1; !saving->walked && saving->block.len < 4 * BLOCK_BYTES; step++) {
        walk_step(keep);
        if (step % STEPS_A_LOOK && saving->block.len < seen + BYTES_A_LOOK) continue;
        if (os_now_us(keep->opts.os) >= until) break;
        seen = saving->block.len;
    }
    cache_unlock(cache);
}

/* ---- writing ---- */

static int write_block(struct keep *keep, struct buffer *block, struct kith_error *err)
{
    struct saving *saving = &keep->saving;
    if (buffer_failed(block)) return error_set(err, KITH_ENOMEM, "the snapshot: no memory");
    if (block->len <= KEEP_GROUP_BYTES) return 0;
    keep_seal(keep, KEEP_SNAPSHOT, saving->number, saving->offset, 0, block);
    const int rc = os_pwrite(saving->file, block->data, block->len, saving->offset, err);
    if (rc == 0) saving->offset += block->len;
    buffer_clear(block);
    return rc;
}

/* What was gathered so far, when it is worth a block. */
static int write_gathered(struct keep *keep, size_t least, struct kith_error *err)
{
    struct buffer block = { 0 };
    cache_lock(keep->opts.cache);
    if (keep->saving.block.len > least || buffer_failed(&keep->saving.block)) {
        block = keep->saving.block;
        buffer_init(&keep->saving.block);
    }
    cache_unlock(keep->opts.cache);
    const int rc = write_block(keep, &block, err);
    buffer_release(&block);
    return rc;
}

static bool is_stopping(struct keep *keep)
{
    os_mutex_lock(&keep->lock);
    const bool stopping = keep->stopping;
    os_mutex_unlock(&keep->lock);
    return stopping;
}

/* From here on nothing is gathered. What was is the whole, if nothing was emptied up to now. */
static int end_gathering(struct keep *keep, int rc, struct kith_error *err)
{
    struct saving *saving = &keep->saving;
    cache_lock(keep->opts.cache);
    if (rc == 0 && saving->aborted) rc = error_set(err, KITH_ECANCELLED, "emptied meanwhile");
    if (rc == 0 && saving->lost) rc = error_set(err, saving->lost, "no memory for a large value");
    keep_large_drop(keep);
    saving->active = false;
    saving->marking = rc != 0;
    begin_block(saving);
    buffer_put_u8(&saving->block, RECORD_END);
    buffer_put_u64(&saving->block, saving->entries);
    cache_unlock(keep->opts.cache);
    return rc;
}

/* After a failure the walk goes on, only marking, until one pass was not disturbed: the next
 * snapshot begins with all entries marked. */
static void mark_rest(struct keep *keep)
{
    struct saving *saving = &keep->saving;
    do {
        cache_lock(keep->opts.cache);
        saving->aborted = saving->walked = false;
        saving->db = 0;
        saving->cursor = 0;
        cache_unlock(keep->opts.cache);
        while (!saving->walked && !is_stopping(keep)) {
            walk(keep);
            os_sleep_us(keep->opts.os, PAUSE_US);
        }
    } while (saving->aborted && !is_stopping(keep));
    cache_lock(keep->opts.cache);
    saving->marking = false;
    cache_unlock(keep->opts.cache);
}

static int write_all(struct keep *keep, struct kith_error *err)
{
    struct saving *saving = &keep->saving;
    int rc = 0;
    while (rc == 0 && !saving->walked && !saving->aborted) {
        walk(keep);
        rc = write_gathered(keep, BLOCK_BYTES, err);
        if (rc == 0 && is_stopping(keep)) rc = error_set(err, KITH_ECLOSED, "stopping");
        if (rc == 0 && !saving->walked) os_sleep_us(keep->opts.os, PAUSE_US);
    }
    rc = end_gathering(keep, rc, err);
    if (rc == 0) rc = write_gathered(keep, 0, err);
    if (rc == 0) rc = os_sync(saving->file, err);
    buffer_release(&saving->block);
    if (rc) mark_rest(keep);
    return rc;
}

/* ---- beginning and end ---- */

/* The instant: the log goes on in a new file, and every entry is unmarked. */
static void cut(struct keep *keep, bool logging)
{
    struct saving *saving = &keep->saving;
    cache_lock(keep->opts.cache);
    os_mutex_lock(&keep->lock);
    if (logging) {
        keep->abandoned = keep->sync_failed;
        if (keep->abandoned) buffer_clear(&keep->pending);
        keep->logging = true;
        keep->cut_due = true;
        keep->cut = keep->pending.len;
        keep->cut_ticket = keep->end;
    }
    keep->changes_before = keep->appended;
    os_mutex_unlock(&keep->lock);
    cache_mark_begin(keep->opts.cache);
    saving->active = saving->marking = true;
    saving->aborted = saving->walked = false;
    saving->db = 0;
    saving->lost = 0;
    saving->large_count = 0;
    saving->cursor = saving->entries = 0;
    buffer_clear(&saving->block);
    if (keep->opts.define) keep->opts.define(keep->opts.ctx, keep);
    cache_unlock(keep->opts.cache);
}

/* Room for the first changes, so that none of them waits for the disk's own log. */
static uint64_t lay_out(struct os_file *file)
{
    struct kith_error err;
    int rc = os_allocate(file, KEEP_HEADER_BYTES, KEEP_ALLOCATE_BYTES, &err);
    if (rc == 0) rc = os_sync(file, &err);
    return KEEP_HEADER_BYTES + (rc ? 0 : KEEP_ALLOCATE_BYTES);
}

static int prepare(struct keep *keep, bool logging, struct kith_error *err)
{
    struct saving *saving = &keep->saving;
    os_mutex_lock(&keep->lock);
    keep->log_end += keep->begins;
    saving->number = keep->log_end++;
    os_mutex_unlock(&keep->lock);
    saving->offset = KEEP_HEADER_BYTES;
    saving->file = NULL;
    int rc = keep_create(keep, KEEP_SNAPSHOT, saving->number, &saving->file, err);
    struct os_file *log = NULL;
    if (rc == 0 && logging) rc = keep_create(keep, KEEP_LOG, saving->number, &log, err);
    const uint64_t allocated = log ? lay_out(log) : 0;
    os_mutex_lock(&keep->lock);
    keep->next = (struct keep_log){ .file = log, .number = saving->number,
                                    .allocated = allocated };
    if (rc) keep->log_end--; /* logs are numbered without gaps */
    os_mutex_unlock(&keep->lock);
    return rc;
}

/* `current` names the new ones; what came before goes. */
static int publish(struct keep *keep, bool logging, struct kith_error *err)
{
    const uint64_t number = keep->saving.number, snapshot = keep->snapshot;
    const uint64_t first = keep->log_first;
    const int rc = keep_write_current(keep, number, logging ? number : number + 1, err);
    if (rc) return rc;
    if (snapshot) keep_remove(keep, KEEP_SNAPSHOT, snapshot);
    for (uint64_t old = first; old < number; old++) keep_remove(keep, KEEP_LOG, old);
    if (!logging) keep_remove(keep, KEEP_LOG, number);
    keep->log_bytes = keep->log.offset;
    keep->log_base_bytes = keep->saving.offset;
    return 0;
}

/* A snapshot that `current` may name stays, whatever failed: the next start removes what is not
 * wanted. */
static int take(struct keep *keep, bool logging, struct kith_error *err)
{
    struct kith_error why = { 0 };
    cut(keep, logging);
    const bool anew = keep->abandoned;
    const int changed = anew ? 0 : keep_change_log(keep, &why);
    (void)keep_sync(keep); /* the old log: nobody waits for it */
    int rc = write_all(keep, err);
    if (rc == 0 && changed) rc = error_set(err, changed, "%s", why.text);
    const bool named = rc == 0;
    if (rc == 0) rc = publish(keep, logging, err);
    if (rc == 0 && anew) rc = keep_begin_anew(keep, err);
    if (rc && anew) keep_drop_next(keep, !named);
    if (!named) keep_remove(keep, KEEP_SNAPSHOT, keep->saving.number);
    return rc;
}

static int save_once(struct keep *keep, struct kith_error *err)
{
    const bool logging = keep->logging || keep->begins;
    if (keep->sync_failed) keep_drop_next(keep, true);
    int rc = keep_change_log(keep, err); /* what an earlier one could not */
    if (rc) return rc;
    rc = prepare(keep, logging, err);
    (void)keep_sync(keep); /* the old log must be; of this one little is left for later */
    if (rc == 0) rc = take(keep, logging, err);
    else keep_remove(keep, KEEP_SNAPSHOT, keep->saving.number);
    os_close(keep->saving.file);
    keep->saving.file = NULL;
    return rc;
}

static void run_saver(void *ctx)
{
    struct keep *keep = ctx;
    struct kith_error err = { 0 };
    const int64_t began = os_now_us(keep->opts.os);
    int rc = KITH_ECANCELLED;
    for (unsigned i = 0; rc == KITH_ECANCELLED && i < TRIES_MAX; i++) rc = save_once(keep, &err);
    if (rc && rc != KITH_ECLOSED) keep_say(keep, 0, "the snapshot failed: %s", err.text);
    keep->save_failed = rc != 0;
    if (rc && keep->begins) keep_log_off(keep); /* what it holds follows from nothing */
    os_mutex_lock(&keep->lock);
    keep->begins = false;
    keep->saver_rc = rc;
    keep->saver_running = false;
    keep->saving_since_ms = 0;
    keep->tried_us = os_now_us(keep->opts.os);
    keep->save_seconds = (os_now_us(keep->opts.os) - began) / 1000000;
    if (rc == 0) {
        keep->saves++;
        keep->saved_at_ms = os_wall_ms(keep->opts.os);
    }
    os_cond_broadcast(&keep->done);
    os_mutex_unlock(&keep->lock);
}

void keep_join_saver(struct keep *keep)
{
    os_mutex_lock(&keep->lock);
    struct os_thread *thread = keep->saver_running ? NULL : keep->saver;
    if (thread) keep->saver = NULL;
    os_mutex_unlock(&keep->lock);
    if (thread) os_thread_join(thread);
}

int keep_save_begin(struct keep *keep, struct kith_error *err)
{
    keep_join_saver(keep);
    os_mutex_lock(&keep->lock);
    const bool busy = keep->saver_running || keep->saver || keep->stopping;
    if (!busy) {
        keep->saver_running = true;
        keep->saving_since_ms = os_wall_ms(keep->opts.os);
    }
    os_mutex_unlock(&keep->lock);
    if (busy) return error_set(err, KITH_EBUSY, "a snapshot is under way");
    const int rc =
        os_thread_start(keep->opts.os, "kith-save", 5, run_saver, keep, &keep->saver, err);
    if (rc == 0) return 0;
    os_mutex_lock(&keep->lock);
    keep->saver_running = false;
    keep->saving_since_ms = 0;
    os_mutex_unlock(&keep->lock);
    return rc;
}

int keep_save(struct keep *keep, struct kith_error *err)
{
    int rc = keep_save_begin(keep, err);
    if (rc) return rc;
    os_mutex_lock(&keep->lock);
    while (keep->saver_running) (void)os_cond_wait(&keep->done, &keep->lock, OS_FOREVER);
    rc = keep->saver_rc;
    os_mutex_unlock(&keep->lock);
    keep_join_saver(keep);
    return rc ? error_set(err, rc, "the snapshot failed; the log says why") : 0;
}
