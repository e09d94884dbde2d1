/*
 * From one log to the next: see keep.h.
 *
 * Nobody waits for a disk when the log changes. The old log is written to its end, the new one gets
 * a link that says where that is, and both are synced later, the old one first (keep_sync). A power
 * cut may take the end of the old log and leave groups of the new one: the link shows the hole, and
 * what is behind it is not replayed. None of it was called synced: a ticket of the new log is good
 * only after the old one was.
 *
 * A log that could not be synced has no next one that follows it. Changes are refused, and those
 * that come in spite of it (keys that expire) wait in memory until a snapshot has taken the place
 * of the lost log and of all before.
 */
#include "base/alloc.h"
#include "base/endian.h"
#include "redis/keep_internal.h"

int keep_link(struct keep *keep, struct keep_log *log, const struct keep_log *before,
              struct kith_error *err)
{
    uint8_t bytes[KEEP_LINK_BYTES] = { 0 };
    struct buffer group = { .data = bytes, .len = sizeof bytes, .cap = sizeof bytes };
    le64_put(bytes + KEEP_GROUP_BYTES, before->offset);
    le64_put(bytes + KEEP_GROUP_BYTES + 8, before->chain);
    keep_seal(keep, KEEP_LOG, log->number, KEEP_HEADER_BYTES, log->durable, &group);
    const int rc = os_pwrite(log->file, bytes, sizeof bytes, KEEP_HEADER_BYTES, err);
    if (rc) return rc;
    log->offset = KEEP_HEADER_BYTES + KEEP_LINK_BYTES;
    log->chain = keep_chain(0, bytes);
    return 0;
}

/* With the turn. */
static int go_on(struct keep *keep, struct kith_error *err)
{
    struct keep_log next = keep->next;
    os_mutex_lock(&keep->lock);
    const bool busy = keep->old.file != NULL;
    os_mutex_unlock(&keep->lock);
    if (busy) return error_set(err, KITH_EBUSY, "the log before the last is not synced yet");
    int rc = keep_write_rest(keep);
    if (rc) return error_set(err, rc, "the log cannot be written");
    next.durable = keep->log.file ? 0 : KEEP_HEADER_BYTES;
    rc = keep_link(keep, &next, &keep->log, err);
    if (rc) keep_fail(keep, &keep->write_failed, "the log cannot be written", err);
    if (rc) return rc;
    keep->write_failed = false;
    os_mutex_lock(&keep->lock);
    keep->old = keep->log;
    keep->old_ticket = keep->cut_ticket;
    keep->log = next;
    keep->next = (struct keep_log){ 0 };
    keep->cut_due = false;
    os_mutex_unlock(&keep->lock);
    return 0;
}

int keep_change_log(struct keep *keep, struct kith_error *err)
{
    keep_take_turn(keep);
    const int rc = keep->next.file ? go_on(keep, err) : 0;
    keep_end_turn(keep);
    return rc;
}

static void close_file(struct keep_log *log)
{
    struct kith_error err;
    if (log->file && log->offset >= KEEP_HEADER_BYTES) {
        const int rc = os_truncate(log->file, log->offset, &err);
        (void)rc; /* zeros at the end mean the same */
    }
    os_close(log->file);
    *log = (struct keep_log){ 0 };
}

int keep_begin_anew(struct keep *keep, struct kith_error *err)
{
    const struct keep_log none = { 0 };
    keep_take_turn(keep);
    keep_take_files(keep);
    struct keep_log next = keep->next;
    next.durable = KEEP_HEADER_BYTES;
    int rc = keep->abandoned ? keep_link(keep, &next, &none, err)
                             : error_set(err, KITH_ENOMEM, "the log misses a change");
    if (rc == 0) {
        close_file(&keep->old);
        close_file(&keep->log);
        buffer_clear(&keep->group);
        os_mutex_lock(&keep->lock);
        keep->log = next;
        keep->next = none;
        keep->cut_due = false;
        keep->written = keep->synced = keep->cut_ticket;
        keep->abandoned = keep->sync_failed = keep->write_failed = false;
        os_mutex_unlock(&keep->lock);
    }
    keep_end_turn(keep);
    if (rc == 0) keep_say(keep, 1, "a snapshot has taken the place of the lost log");
    return rc;
}

void keep_drop_next(struct keep *keep, bool remove)
{
    os_mutex_lock(&keep->lock);
    const struct keep_log next = keep->next;
    keep->next = (struct keep_log){ 0 };
    keep->cut_due = false;
    keep->abandoned = false;
    keep->cut = 0;
    if (keep->sync_failed) buffer_clear(&keep->pending);
    if (next.file && remove) keep->log_end = next.number; /* logs are numbered without gaps */
    os_mutex_unlock(&keep->lock);
    os_close(next.file);
    if (next.file && remove) keep_remove(keep, KEEP_LOG, next.number);
}

void keep_drop_log(struct keep *keep)
{
    keep_take_turn(keep);
    keep_take_files(keep);
    close_file(&keep->old);
    close_file(&keep->log);
    buffer_clear(&keep->group);
    os_mutex_lock(&keep->lock);
    buffer_clear(&keep->pending);
    keep->cut = 0;
    keep->written = keep->synced = (uint64_t)keep->end; /* nobody waits for it any more */
    keep->write_failed = keep->sync_failed = false;
    os_mutex_unlock(&keep->lock);
    keep_end_turn(keep);
}
