/*
 * Records in, groups out.
 *
 * wal_append encodes a record into the buffer `filling` and returns its place in the row as a
 * ticket. wal_wait, when the ticket is not far enough yet and nobody leads, makes its caller the
 * leader: it swaps `filling` with `writing`, lets go of the lock, writes, syncs, and wakes all. So
 * a group is whatever arrived during the sync before it, without a timer and without a thread.
 *
 * The payload is copied under the lock. Reserving room under the lock and copying outside of it
 * would let copies run side by side, but then the leader has to wait for unfinished copies and a
 * growing buffer must not move; a copy of a usual batch takes microseconds where the sync that
 * everybody waits for takes hundreds. Checksums, the larger part of the work, are made by the
 * leader outside of the lock, when the place of each record is known.
 *
 * Under everysec and no a write waits for the file only: wal_sync syncs beside the leaders, who go
 * on writing behind what it syncs. It begins while nobody leads, so that file and end stand still
 * for a moment, and a leader that needs the next file waits for it.
 *
 * Failure: nothing is retried. A leader that fails stores the error in `poison`; tickets that may
 * be on disk then answer KITH_EOUTCOME, later ones and appends the cause.
 */
#include "log/wal.h"

#include <string.h>

#include "base/alloc.h"
#include "base/endian.h"
#include "log/wal_internal.h"

/* Records that wait for a leader: appends beyond it lead or wait. A larger record goes alone. */
#define PENDING_BYTES_MAX ((size_t)64 << 20)
#define BUFFER_KEPT_BYTES ((size_t)4 << 20)

/* ---- the leader: writes what it swapped out ---- */

/* The end of the records from `at` on that fit into the file; at least one is taken. */
static size_t part_end(const struct wal *wal, size_t at)
{
    const uint8_t *bytes = wal->writing.data;
    const uint64_t begin = wal->end + WAL_GROUP_BYTES;
    size_t stop = at + wal_padded(le32_get(bytes + at));
    while (stop < wal->writing.len) {
        const size_t next = stop + wal_padded(le32_get(bytes + stop));
        if (begin + (next - at) > wal->file_bytes) break;
        stop = next;
    }
    return stop;
}

/* Remembers what the file holds of each channel, so that it can be trimmed. */
static void note_records(struct wal *wal, size_t at, size_t stop)
{
    os_mutex_lock(&wal->lock);
    struct wal_file *file = &wal->files[wal->file_count - 1];
    while (at < stop) {
        const uint8_t *record = wal->writing.data + at;
        wal->group_ts = le64_get(record + 8);
        wal_files_note(file, le32_get(record + 16), wal->group_ts);
        at += wal_padded(le32_get(record));
    }
    if (file->size < wal->zeroed) file->size = wal->zeroed;
    os_mutex_unlock(&wal->lock);
}

/* Writes the records [at, stop) of `writing` as one group. Its group record goes into the bytes
 * before `at`: room left for it, or a record that is written already. */
static int write_part(struct wal *wal, size_t at, size_t stop, struct kith_error *err)
{
    uint8_t *group = wal->writing.data + at - WAL_GROUP_BYTES;
    const size_t len = stop - at + WAL_GROUP_BYTES;
    wal_group_encode(group, wal->group_ts, wal->id.number, wal->durable);
    for (size_t done = 0; done < len;) {
        done += wal_record_seal(&wal->id, group + done, wal->end + done);
    }
    int rc = wal_file_extend(wal, wal->end + len, err);
    if (rc != 0) return rc;
    note_records(wal, at, stop);
    wal->risky = true;
    rc = os_pwrite(wal->file, group, len, wal->end, err);
    if (rc != 0) {
        return error_wrap(err, rc, "log file %016llx, offset %llu",
                          (unsigned long long)wal->id.number, (unsigned long long)wal->end);
    }
    wal->stated = wal->durable;
    wal->end += len;
    return 0;
}

static int write_group(struct wal *wal, struct kith_error *err)
{
    wal->risky = false;
    for (size_t at = WAL_GROUP_BYTES; at < wal->writing.len;) {
        int rc = wal_file_prepare(wal, wal_padded(le32_get(wal->writing.data + at)), err);
        if (rc != 0) return rc;
        const size_t stop = part_end(wal, at);
        rc = write_part(wal, at, stop, err);
        if (rc != 0) return rc;
        at = stop;
    }
    return 0;
}

static void buffer_recycle(struct buffer *buf)
{
    buffer_clear(buf);
    if (buf->cap > BUFFER_KEPT_BYTES) buffer_release(buf);
}

/* Leads one round. The lock is held at entry and exit, not between. */
static void lead(struct wal *wal, bool must_sync)
{
    struct kith_error err = {0};
    const uint64_t last = wal->appended;
    const struct buffer empty = wal->writing;
    wal->leading = true;
    wal_file_take_aside(wal);
    wal->writing = wal->filling;
    wal->filling = empty;
    os_mutex_unlock(&wal->lock);

    const uint64_t number = wal->file ? wal->id.number : wal->prev_number, end = wal->end;
    int rc = write_group(wal, &err);
    const bool is_written = rc == 0;
    if (rc == 0 && must_sync) rc = wal_file_sync(wal, &err);
    /* A full disk is milder than an error: when nothing of the group is in the log, it may go on.
     */
    const bool is_untouched = wal->end == end &&
                              number == (wal->file ? wal->id.number : wal->prev_number);
    const bool is_cut = rc == KITH_ENOSPC && !is_written && is_untouched && wal_file_cut(wal) == 0;
    if (is_cut) wal->risky = false;

    os_mutex_lock(&wal->lock);
    buffer_recycle(&wal->writing);
    wal->leading = false;
    if (rc != 0 && wal->poison.code != 0) { /* by a sync beside us: it knows less, and came first */
        wal->revivable = false;
    } else if (rc != 0) {
        wal->risked = wal->risky || is_written ? last : wal->written;
        wal->poison = err;
        wal->poison.code = rc;
        wal->revivable = is_cut;
    } else {
        wal->acknowledged_ts = wal->group_ts;
        wal->written = last;
        if (must_sync) wal->synced = last;
        if (wal->watch) wal->watch(wal->watch_ctx, (struct wal_place){wal->id.number, wal->end});
    }
    os_cond_broadcast(&wal->progress);
}

/* ---- tickets ---- */

static int fail_poisoned(const struct wal *wal, uint64_t ticket, struct kith_error *err)
{
    if (ticket <= wal->risked) {
        return error_set(err, KITH_EOUTCOME,
                         "the log failed and this write may or may not be durable (%.300s); "
                         "reopen the database",
                         wal->poison.text);
    }
    return error_set(err, wal->poison.code, "the log failed (%.300s); reopen the database",
                     wal->poison.text);
}

/* 0 or an error: the ticket's outcome is known; 1: not yet. */
static int outcome(const struct wal *wal, uint64_t ticket, struct kith_error *err)
{
    if (ticket <= wal->synced) return 0;
    if (wal->poison.code != 0) return fail_poisoned(wal, ticket, err);
    return wal->sync != KITH_SYNC_ALWAYS && ticket <= wal->written ? 0 : 1;
}

int wal_wait(struct wal *wal, uint64_t ticket, struct kith_error *err)
{
    os_mutex_lock(&wal->lock);
    int rc = ticket > wal->appended ? error_set(err, KITH_EINVAL, "no such ticket of the log") : 1;
    while (rc == 1 && (rc = outcome(wal, ticket, err)) == 1) {
        if (wal->leading) {
            (void)os_cond_wait(&wal->progress, &wal->lock, OS_FOREVER);
        } else {
            lead(wal, wal->sync == KITH_SYNC_ALWAYS);
        }
    }
    os_mutex_unlock(&wal->lock);
    return rc;
}

/* Syncs what is written while others write on. The lock is held at entry and exit, not between;
 * nobody leads at entry. */
static int sync_aside(struct wal *wal, struct kith_error *err)
{
    struct os_file *file = wal->file;
    const uint64_t number = wal->id.number, end = wal->end, written = wal->written;
    wal->syncing = true;
    os_mutex_unlock(&wal->lock);
    int rc = file ? os_sync(file, err) : 0;
    if (rc != 0)
        rc = error_wrap(err, rc, "log file %016llx, up to offset %llu", (unsigned long long)number,
                        (unsigned long long)end);
    os_mutex_lock(&wal->lock);
    wal->syncing = false;
    if (rc != 0) {
        if (wal->poison.code == 0) wal->poison = *err;
        wal->poison.code = rc;
        wal->revivable = false;
        wal->risked = wal->appended;
    } else {
        if (written > wal->synced) wal->synced = written;
        wal->aside_number = number;
        wal->aside_end = end;
    }
    os_cond_broadcast(&wal->progress);
    return rc;
}

int wal_sync(struct wal *wal, struct kith_error *err)
{
    int rc = 0;
    os_mutex_lock(&wal->lock);
    const uint64_t target = wal->appended;
    while (wal->synced < target && rc == 0) {
        if (wal->poison.code != 0) {
            rc = fail_poisoned(wal, target, err);
        } else if (wal->leading || wal->syncing) {
            (void)os_cond_wait(&wal->progress, &wal->lock, OS_FOREVER);
        } else if (wal->sync != KITH_SYNC_ALWAYS && wal->written >= target) {
            struct kith_error why = {0};
            rc = sync_aside(wal, &why);
            if (rc != 0) rc = fail_poisoned(wal, target, err);
        } else {
            lead(wal, wal->sync == KITH_SYNC_ALWAYS);
        }
    }
    os_mutex_unlock(&wal->lock);
    return rc;
}

bool wal_dirty(struct wal *wal)
{
    os_mutex_lock(&wal->lock);
    const bool dirty = wal->synced < wal->appended && wal->poison.code == 0;
    os_mutex_unlock(&wal->lock);
    return dirty;
}

/* ---- append ---- */

static int payload_bytes(const struct wal_piece *pieces, size_t count, size_t *out,
                         struct kith_error *err)
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        if (!size_add(len, pieces[i].len, &len) || len > WAL_RECORD_MAX) {
            return error_set(err, KITH_ELIMIT, "a batch of more than %u bytes; write it in parts",
                             WAL_RECORD_MAX);
        }
    }
    *out = len;
    return 0;
}

/* Waits until `more` bytes may be added; what waits is bounded. Lock held. */
static int make_room(struct wal *wal, size_t more, struct kith_error *err)
{
    while (wal->poison.code == 0 && wal->filling.len > WAL_GROUP_BYTES &&
           wal->filling.len + more > PENDING_BYTES_MAX) {
        if (wal->leading) {
            (void)os_cond_wait(&wal->progress, &wal->lock, OS_FOREVER);
        } else {
            lead(wal, wal->sync == KITH_SYNC_ALWAYS);
        }
    }
    if (wal->poison.code != 0) return fail_poisoned(wal, UINT64_MAX, err);
    const size_t room = wal->filling.len == 0 ? WAL_GROUP_BYTES : 0;
    if (buffer_reserve(&wal->filling, room + more) != 0) {
        wal->filling.failed = false; /* what is in it stays good */
        return error_set(err, KITH_ENOMEM, "no memory for a log record of %zu bytes", more);
    }
    return 0;
}

static uint64_t next_ts(const struct wal *wal)
{
    const uint64_t now = (uint64_t)os_wall_ms(wal->os) << 18;
    return now > wal->last_ts ? now : wal->last_ts + 1;
}

/* The room is reserved. */
static void put_record(struct wal *wal, const struct wal_record *record,
                       const struct wal_piece *pieces, size_t piece_count)
{
    struct buffer *buf = &wal->filling;
    if (buf->len == 0) (void)buffer_extend(buf, WAL_GROUP_BYTES);
    const size_t padded = wal_padded(record->len);
    uint8_t *out = buffer_extend(buf, padded);
    memset(out + padded - 8, 0, 8); /* the padding is in these */
    wal_record_encode(out, record->ts, record->channel, record->type, record->len);
    out += WAL_RECORD_HEADER_BYTES;
    for (size_t i = 0; i < piece_count; i++) {
        if (pieces[i].len > 0) memcpy(out, pieces[i].data, pieces[i].len);
        out += pieces[i].len;
    }
}

int wal_append(struct wal *wal, uint32_t channel, uint16_t type, const struct wal_piece *pieces,
               size_t piece_count, uint64_t *ts, uint64_t *ticket, struct kith_error *err)
{
    struct wal_record record = {.channel = channel, .type = type};
    if (wal->read_only) return error_set(err, KITH_EREADONLY, "the log is open for reading only");
    int rc = payload_bytes(pieces, piece_count, &record.len, err);
    if (rc != 0) return rc;
    os_mutex_lock(&wal->lock);
    rc = make_room(wal, wal_padded(record.len), err);
    if (rc == 0) {
        record.ts = wal->last_ts = next_ts(wal);
        put_record(wal, &record, pieces, piece_count);
        *ts = record.ts;
        *ticket = ++wal->appended;
    }
    os_mutex_unlock(&wal->lock);
    return rc;
}

/* ---- the rest ---- */

uint64_t wal_acknowledged_ts(struct wal *wal)
{
    os_mutex_lock(&wal->lock);
    const uint64_t ts = wal->acknowledged_ts;
    os_mutex_unlock(&wal->lock);
    return ts;
}

bool wal_is_stopped(struct wal *wal)
{
    os_mutex_lock(&wal->lock);
    const bool is_stopped = wal->poison.code != 0 && wal->revivable;
    os_mutex_unlock(&wal->lock);
    return is_stopped;
}

bool wal_revive(struct wal *wal)
{
    os_mutex_lock(&wal->lock);
    const bool revives = wal->poison.code != 0 && wal->revivable && !wal->leading &&
                         !wal->syncing;
    if (revives) {
        buffer_clear(&wal->filling); /* of tickets that were told */
        wal->synced = wal->written = wal->appended;
        wal->risked = 0;
        wal->poison = (struct kith_error){0};
        wal->revivable = false;
    }
    os_mutex_unlock(&wal->lock);
    return revives;
}

void wal_watch(struct wal *wal, void (*fn)(void *ctx, struct wal_place end), void *ctx)
{
    os_mutex_lock(&wal->lock);
    wal->watch = fn;
    wal->watch_ctx = ctx;
    fn(ctx, (struct wal_place){wal->file ? wal->id.number : wal->prev_number,
                               wal->file || wal->prev_number ? wal->end : 0});
    os_mutex_unlock(&wal->lock);
}

void wal_close(struct wal *wal)
{
    if (!wal) return;
    if (!wal->read_only && wal_sync(wal, NULL) == 0 && wal->poison.code == 0) {
        wal_file_take_aside(wal);
        wal_file_finish(wal);
    }
    os_close(wal->file);
    wal_files_release(wal);
    map64_release(&wal->trimmed);
    buffer_release(&wal->filling);
    buffer_release(&wal->writing);
    os_cond_release(&wal->progress);
    os_mutex_release(&wal->lock);
    os_mutex_release(&wal->trim_lock);
    mem_free(wal->dir);
    mem_free(wal);
}

uint64_t wal_bytes(struct wal *wal)
{
    uint64_t bytes = 0;
    if (!wal) return 0;
    os_mutex_lock(&wal->lock);
    for (size_t i = 0; i < wal->file_count; i++) bytes += wal->files[i].size;
    os_mutex_unlock(&wal->lock);
    return bytes;
}

uint64_t wal_next_ts(struct wal *wal)
{
    os_mutex_lock(&wal->lock);
    const uint64_t ts = next_ts(wal);
    wal->last_ts = ts - 1;
    os_mutex_unlock(&wal->lock);
    return ts;
}

uint64_t wal_last_ts(struct wal *wal)
{
    os_mutex_lock(&wal->lock);
    const uint64_t ts = wal->last_ts;
    os_mutex_unlock(&wal->lock);
    return ts;
}
