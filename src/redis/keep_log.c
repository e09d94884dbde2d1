/*
 * Writing the log: see keep.h.
 *
 * Records gather in `pending`, behind room for a group's header. Whoever has the turn takes all of
 * it, seals it and writes it at log.offset; the ticket of its last record is then `written`. A
 * group that could not be written stays in `group` and is tried again, at the same place, before
 * anything else.
 *
 * Who takes turns: loops at the end of theirs (keep_settle; they never wait for it), the syncer
 * under `always`, and the saver when a new file begins. A sync needs no turn: one thread at a time
 * syncs, the old log before the present one, beside those who write, so that under `everysec` no
 * reply waits for the disk.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "redis/keep_internal.h"

#define PENDING_KEPT (4u << 20)
#define EVERY_US 1000000
#define VARINT_MAX 10u /* bytes */

void keep_say(const struct keep *keep, int level, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    if (!keep->opts.log) return;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    keep->opts.log(keep->opts.log_ctx, level, text);
}

void keep_fail(struct keep *keep, _Atomic bool *flag, const char *what,
               const struct kith_error *err)
{
    if (*flag) return;
    os_mutex_lock(&keep->lock);
    (void)snprintf(keep->refusal, sizeof keep->refusal, "%s: %.180s", what, err->text);
    os_mutex_unlock(&keep->lock);
    *flag = true;
    keep_say(keep, 0, "%s: %s", what, err->text);
}

static void tell(struct keep *keep)
{
    if (keep->opts.settled) keep->opts.settled(keep->opts.ctx);
}

/* ---- appending ---- */

static uint8_t *lay_varint(uint8_t *at, uint64_t v)
{
    for (; v >= 0x80; v >>= 7) *at++ = (uint8_t)(v | 0x80);
    *at++ = (uint8_t)v;
    return at;
}

/* Of a command and all its words with their lengths, more than `room`; SIZE_MAX: no memory has as
 * much. */
static size_t with_command(size_t room, const struct keep_command *command)
{
    bool fits = size_add(room, 2 * VARINT_MAX, &room);
    for (size_t i = 0; fits && i < command->argc; i++)
        fits = size_add(room, command->argv[i].len, &room) && size_add(room, VARINT_MAX, &room);
    return fits ? room : SIZE_MAX;
}

static uint8_t *lay_command(uint8_t *at, const struct keep_command *command)
{
    at = lay_varint(at, command->db);
    at = lay_varint(at, command->argc);
    for (size_t i = 0; i < command->argc; i++) {
        const struct kith_str word = command->argv[i];
        at = lay_varint(at, word.len);
        if (word.len) memcpy(at, word.data, word.len);
        at += word.len;
    }
    return at;
}

void keep_put_command(struct buffer *out, unsigned db, const struct kith_str *argv, size_t argc)
{
    const struct keep_command command = { db, argv, argc };
    if (buffer_reserve(out, with_command(0, &command))) return;
    out->len = (size_t)(lay_command(out->data + out->len, &command) - out->data);
}

/* Each change passes here: room is asked for once, then the words go to their places. */
static void put_record(struct buffer *out, const struct keep_command *commands, size_t count)
{
    size_t room = VARINT_MAX;
    for (size_t i = 0; i < count; i++) room = with_command(room, &commands[i]);
    if (buffer_reserve(out, room)) return;
    uint8_t *at = lay_varint(out->data + out->len, count);
    for (size_t i = 0; i < count; i++) at = lay_command(at, &commands[i]);
    out->len = (size_t)(at - out->data);
}

/* Under the lock. A record that is there in part must not be written, nor called good. */
static void lose_change(struct keep *keep, size_t kept)
{
    keep->pending.len = kept;
    keep->pending.failed = false;
    keep->end++;
    keep->abandoned = false;
    keep->sync_failed = true;
    (void)snprintf(keep->refusal, sizeof keep->refusal, "the log misses a change: no memory");
}

void keep_append(struct keep *keep, const struct keep_command *commands, size_t count)
{
    if (!keep->logging) return;
    os_mutex_lock(&keep->lock);
    if (keep->sync_failed && !keep->abandoned) {
        keep->end++; /* good when a snapshot has it */
        os_mutex_unlock(&keep->lock);
        return;
    }
    struct buffer *pending = &keep->pending;
    const size_t kept = pending->len;
    const bool idle = kept == 0, due = keep->sync_due;
    if (idle) (void)buffer_extend(pending, KEEP_GROUP_BYTES);
    const size_t before = pending->len;
    put_record(pending, commands, count);
    keep->appended += count;
    atomic_store_explicit(&keep->end, keep->end + (pending->len - before), memory_order_release);
    const bool failed = buffer_failed(pending);
    if (failed) lose_change(keep, kept);
    keep->sync_due = due || keep->policy == FSYNC_EVERYSEC;
    if (keep->policy == FSYNC_ALWAYS ? idle : keep->sync_due && !due) os_cond_signal(&keep->work);
    os_mutex_unlock(&keep->lock);
    if (failed) keep_say(keep, 0, "the log misses a change: no memory");
}

/* ---- the turn ---- */

/* false: another has it, and will tell when it is done. */
static bool take_turn(struct keep *keep, bool wait)
{
    os_mutex_lock(&keep->lock);
    while (keep->writing && wait) os_cond_wait(&keep->done, &keep->lock, OS_FOREVER);
    const bool mine = !keep->writing;
    keep->missed = keep->missed || !mine;
    keep->writing = true;
    os_mutex_unlock(&keep->lock);
    return mine;
}

static void end_turn(struct keep *keep)
{
    os_mutex_lock(&keep->lock);
    const bool missed = keep->missed;
    keep->writing = keep->missed = false;
    os_cond_broadcast(&keep->done);
    os_mutex_unlock(&keep->lock);
    if (missed) tell(keep);
}

void keep_take_turn(struct keep *keep) { (void)take_turn(keep, true); }

void keep_take_files(struct keep *keep)
{
    os_mutex_lock(&keep->lock);
    keep->closing = true;
    while (keep->syncing) (void)os_cond_wait(&keep->done, &keep->lock, OS_FOREVER);
    os_mutex_unlock(&keep->lock);
}

void keep_end_turn(struct keep *keep)
{
    os_mutex_lock(&keep->lock);
    keep->closing = false;
    os_mutex_unlock(&keep->lock);
    end_turn(keep);
    os_mutex_lock(&keep->lock);
    os_cond_broadcast(&keep->work);
    os_mutex_unlock(&keep->lock);
    tell(keep);
}

/* What belongs to the present file becomes the group. */
static bool take_group(struct keep *keep)
{
    os_mutex_lock(&keep->lock);
    struct buffer *pending = &keep->pending;
    const bool cut = keep->cut_due;
    const size_t len = cut ? keep->cut : pending->len;
    /* Under `always` a group says that the log before it is durable. */
    const bool waits = keep->old.file && keep->policy == FSYNC_ALWAYS;
    const bool any = len > KEEP_GROUP_BYTES && !waits && !keep->sync_failed;
    if (any) {
        const struct buffer spare = keep->group;
        keep->group = *pending;
        *pending = spare;
        buffer_clear(pending);
        keep->group_ticket = cut ? keep->cut_ticket : (uint64_t)keep->end;
    }
    if (any && cut) {
        if (keep->group.len > len) {
            (void)buffer_extend(pending, KEEP_GROUP_BYTES);
            buffer_put(pending, keep->group.data + len, keep->group.len - len);
            if (buffer_failed(pending)) lose_change(keep, 0);
        }
        keep->group.len = len;
        keep->cut = 0;
    }
    os_mutex_unlock(&keep->lock);
    if (!any) return false;
    keep_seal(keep, KEEP_LOG, keep->log.number, keep->log.offset, keep->log.durable, &keep->group);
    return true;
}

/* Zeros ahead, so that a sync has no new length to write down. */
static int lay_out(struct keep_log *log, size_t more, struct kith_error *err)
{
    if (log->offset + more <= log->allocated) return 0;
    const uint64_t bytes = more > KEEP_ALLOCATE_BYTES ? more : KEEP_ALLOCATE_BYTES;
    const int rc = os_allocate(log->file, log->offset, bytes, err);
    if (rc == 0) log->allocated = log->offset + bytes;
    return rc;
}

static int write_group(struct keep *keep)
{
    struct keep_log *log = &keep->log;
    struct kith_error err;
    int rc = lay_out(log, keep->group.len, &err);
    if (rc == 0) rc = os_pwrite(log->file, keep->group.data, keep->group.len, log->offset, &err);
    if (rc) {
        keep_fail(keep, &keep->write_failed, "the log cannot be written", &err);
        return rc;
    }
    if (keep->write_failed) keep_say(keep, 1, "the log can be written again");
    keep->write_failed = false;
    log->chain = keep_chain(log->chain, keep->group.data);
    log->offset += keep->group.len;
    keep->log_bytes += keep->group.len;
    keep->written = keep->group_ticket;
    buffer_clear(&keep->group);
    if (keep->group.cap > PENDING_KEPT) buffer_release(&keep->group);
    return 0;
}

/* With the turn. */
static int write_turn(struct keep *keep)
{
    if (keep->sync_failed || keep->abandoned) return KITH_EIO;
    if (keep->group.len == 0 && !take_group(keep)) return 0;
    return write_group(keep);
}

int keep_write(struct keep *keep)
{
    if (!take_turn(keep, true)) return 0;
    const int rc = write_turn(keep);
    end_turn(keep);
    return rc;
}

int keep_write_rest(struct keep *keep)
{
    int rc = 0;
    while (rc == 0 && (keep->group.len || keep->cut > KEEP_GROUP_BYTES)) rc = write_turn(keep);
    return rc;
}

/* ---- syncing ---- */

struct sync_work {
    struct os_file *file;
    bool old;                /* the log before the present one, which ended */
    uint64_t offset, ticket; /* where it ended before the sync began */
};

/* false: there is nothing to sync, or it makes no sense any more. */
static bool begin_sync(struct keep *keep, struct sync_work *work)
{
    os_mutex_lock(&keep->lock);
    while (keep->closing || keep->syncing)
        (void)os_cond_wait(&keep->done, &keep->lock, OS_FOREVER);
    const bool old = keep->old.file != NULL;
    const struct keep_log *log = old ? &keep->old : &keep->log;
    *work = (struct sync_work){ log->file, old, log->offset,
                                old ? keep->old_ticket : (uint64_t)keep->written };
    const bool due = old || keep->synced < work->ticket;
    keep->syncing = log->file && due && !keep->sync_failed;
    const bool begun = keep->syncing;
    os_mutex_unlock(&keep->lock);
    return begun;
}

/* The present log may have become the old one meanwhile, and have grown. */
static void end_sync(struct keep *keep, const struct sync_work *work, bool good)
{
    struct kith_error err;
    os_mutex_lock(&keep->lock);
    if (good && keep->synced < work->ticket) keep->synced = work->ticket;
    if (good && work->old) {
        keep->old = (struct keep_log){ 0 };
        keep->log.durable = KEEP_HEADER_BYTES;
    } else if (good && keep->log.file == work->file) {
        keep->log.durable = work->offset;
    }
    keep->syncing = false;
    os_cond_broadcast(&keep->done);
    os_mutex_unlock(&keep->lock);
    if (!good || !work->old) return;
    const int rc = os_truncate(work->file, work->offset, &err);
    (void)rc; /* zeros at the end mean the same */
    os_close(work->file);
}

int keep_sync(struct keep *keep)
{
    struct sync_work work = { .old = true };
    struct kith_error err;
    int rc = 0;
    while (rc == 0 && work.old && begin_sync(keep, &work)) {
        rc = os_sync(work.file, &err);
        if (rc) keep_fail(keep, &keep->sync_failed, "the log cannot be synced", &err);
        end_sync(keep, &work, rc == 0);
    }
    if (rc && keep->opts.lost) keep->opts.lost(keep->opts.ctx);
    return keep->sync_failed ? KITH_EIO : 0;
}

uint64_t keep_ticket(const struct keep *keep)
{
    if (!keep->logging) return 0;
    const uint64_t end = keep->end;
    const uint64_t good = keep->policy == FSYNC_ALWAYS ? keep->synced : keep->written;
    return end > good ? end : 0;
}

uint64_t keep_settle(struct keep *keep)
{
    if (keep->policy == FSYNC_ALWAYS) return keep->synced;
    if (keep->written < keep->end && take_turn(keep, false)) {
        (void)write_turn(keep);
        end_turn(keep);
    }
    return keep->written;
}

static int wait_for_sync(struct keep *keep, uint64_t ticket, int64_t deadline_us)
{
    int rc = 0;
    os_mutex_lock(&keep->lock);
    while (rc == 0 && keep->synced < ticket)
        rc = keep->sync_failed || keep->stopping
                 ? KITH_EIO
                 : os_cond_wait(&keep->done, &keep->lock, deadline_us);
    os_mutex_unlock(&keep->lock);
    return rc;
}

/* What stands behind a cut can only be written when the saver has opened the next file. */
static int wait_for_file(struct keep *keep)
{
    int rc = 0;
    os_mutex_lock(&keep->lock);
    while (rc == 0 && keep->cut_due)
        rc = keep->sync_failed || keep->stopping || !keep->saver_running
                 ? KITH_EIO
                 : os_cond_wait(&keep->done, &keep->lock, OS_FOREVER);
    os_mutex_unlock(&keep->lock);
    return rc;
}

int keep_wait(struct keep *keep, uint64_t ticket)
{
    if (keep->policy == FSYNC_ALWAYS) return wait_for_sync(keep, ticket, OS_FOREVER);
    int rc = 0;
    while (rc == 0 && keep->written < ticket) {
        rc = keep_write(keep);
        if (rc == 0 && keep->written < ticket) rc = wait_for_file(keep);
    }
    return rc;
}

uint64_t keep_end(const struct keep *keep) { return keep->logging ? (uint64_t)keep->end : 0; }

int keep_wait_synced(struct keep *keep, uint64_t ticket, int64_t deadline_us)
{
    const int rc = keep->policy == FSYNC_ALWAYS ? 0 : keep_wait(keep, ticket);
    if (rc || keep->policy == FSYNC_NO) return rc;
    return wait_for_sync(keep, ticket, deadline_us);
}

/* ---- the syncer ---- */

/* Under `always`: all that came, then the next. */
static void sync_always(struct keep *keep)
{
    int rc = keep_sync(keep); /* the log before, if it ended just now */
    if (rc == 0) rc = keep_write(keep);
    if (rc == 0) rc = keep_sync(keep);
    tell(keep);
    if (rc == 0) return;
    os_mutex_lock(&keep->lock); /* no space: not at once again */
    if (!keep->stopping)
        (void)os_cond_wait(&keep->work, &keep->lock, os_now_us(keep->opts.os) + EVERY_US / 10);
    os_mutex_unlock(&keep->lock);
}

/* Under `everysec`: a second after the first change, beside those who write. */
static void sync_later(struct keep *keep)
{
    const int64_t deadline = os_now_us(keep->opts.os) + EVERY_US;
    os_mutex_lock(&keep->lock);
    while (!keep->stopping && keep->policy == FSYNC_EVERYSEC &&
           os_cond_wait(&keep->work, &keep->lock, deadline) == 0)
        continue;
    keep->sync_due = keep->write_failed;
    os_mutex_unlock(&keep->lock);
    if (keep->write_failed && keep_write(keep) == 0) tell(keep);
    (void)keep_sync(keep);
}

/* Idle means blocked: until something was appended. */
static bool has_work(const struct keep *keep)
{
    const bool waits = keep->cut_due && keep->synced >= keep->cut_ticket; /* for the new file */
    if (keep->sync_failed || keep->abandoned || waits) return false;
    return keep->policy == FSYNC_ALWAYS ? keep->synced < keep->end : keep->sync_due;
}

void keep_syncer(void *arg)
{
    struct keep *keep = arg;
    for (;;) {
        os_mutex_lock(&keep->lock);
        while (!keep->stopping && !has_work(keep))
            (void)os_cond_wait(&keep->work, &keep->lock, OS_FOREVER);
        const bool stop = keep->stopping;
        os_mutex_unlock(&keep->lock);
        if (stop) return;
        if (keep->policy == FSYNC_ALWAYS) sync_always(keep);
        else sync_later(keep);
    }
}

int keep_start_syncer(struct keep *keep, struct kith_error *err)
{
    if (keep->syncer) return 0;
    return os_thread_start(keep->opts.os, "kith-log", 0, keep_syncer, keep, &keep->syncer, err);
}
