/*
 * The log's files: begun one after the other, zero-written ahead, synced, and unlinked when nothing
 * in them is needed.
 *
 * A file is begun by: sync of the one before; create with O_EXCL, header, first zeros; sync; sync
 * of the folder. So a file with a successor is durable to its end, which the successor's header
 * names, and no record is in a file whose name a crash could take back.
 *
 * Zeros are written, not reserved: a write into reserved space still changes metadata at its first
 * sync, one into written space does not. They are written in steps, so that a small database does
 * not pay for 64 MiB. Under everysec and no there is at most one sync a second, which may as well
 * change metadata, and nothing is written twice.
 */
#include "log/wal_internal.h"

#include <string.h>

#include "base/alloc.h"

#define ZERO_STEP_BYTES ((uint64_t)1 << 20)

/* ---- the list ---- */

int wal_files_add(struct wal *wal, uint64_t number, uint64_t size)
{
    if (wal->file_count == wal->file_cap) {
        const size_t cap = wal->file_cap ? wal->file_cap * 2 : 8;
        struct wal_file *files = mem_realloc(wal->files, cap * sizeof *files);
        if (!files) return KITH_ENOMEM;
        wal->files = files;
        wal->file_cap = cap;
    }
    wal->files[wal->file_count++] = (struct wal_file){.number = number, .size = size};
    return 0;
}

/* Timestamps ascend, so the last one is the largest. */
void wal_files_note(struct wal_file *file, uint32_t channel, uint64_t ts)
{
    if (map64_put(&file->channels, channel, ts) != 0) file->pinned = true;
}

void wal_files_release(struct wal *wal)
{
    for (size_t i = 0; i < wal->file_count; i++) map64_release(&wal->files[i].channels);
    mem_free(wal->files);
    wal->files = NULL;
    wal->file_count = wal->file_cap = 0;
}

/* ---- the file that is written to ---- */

int wal_file_sync(struct wal *wal, struct kith_error *err)
{
    if (!wal->file || wal->durable == wal->end) return 0;
    int rc = os_sync(wal->file, err);
    if (rc != 0) {
        return error_wrap(err, rc, "log file %016llx, up to offset %llu",
                          (unsigned long long)wal->id.number, (unsigned long long)wal->end);
    }
    wal->durable = wal->end;
    return 0;
}

static int write_zeros(struct wal *wal, uint64_t from, uint64_t to, struct kith_error *err)
{
    static const uint8_t zeros[1 << 16];
    while (from < to) {
        const size_t len = to - from < sizeof zeros ? (size_t)(to - from) : sizeof zeros;
        int rc = os_pwrite(wal->file, zeros, len, from, err);
        if (rc != 0) return rc;
        from += len;
    }
    return 0;
}

int wal_file_extend(struct wal *wal, uint64_t end, struct kith_error *err)
{
    if (end <= wal->zeroed) return 0;
    if (wal->sync != KITH_SYNC_ALWAYS) {
        wal->zeroed = end;
        return 0;
    }
    uint64_t target = (end + ZERO_STEP_BYTES - 1) / ZERO_STEP_BYTES * ZERO_STEP_BYTES;
    if (target > wal->file_bytes) target = wal->file_bytes;
    if (target < end) target = end; /* a record larger than a file */
    int rc = write_zeros(wal, end, target, err);
    if (rc == 0) wal->zeroed = target;
    return rc;
}

/* Creates the file and makes it durable, empty. */
static int create(struct wal *wal, struct kith_error *err)
{
    char path[OS_PATH_MAX];
    uint8_t bytes[WAL_HEADER_BYTES];
    const struct wal_file_header header = {.id = wal->id,
                                           .prev_number = wal->prev_number,
                                           .prev_end = wal->prev_number ? wal->end : 0,
                                           .base_ts = wal->group_ts};
    wal_header_encode(&header, bytes);
    wal->zeroed = 0;
    int rc = wal_file_path(wal->dir, wal->id.number, path, err);
    if (rc == 0) rc = os_open(wal->os, path, OS_WRITE | OS_CREATE | OS_EXCL, &wal->file, err);
    if (rc == 0) rc = os_pwrite(wal->file, bytes, sizeof bytes, 0, err);
    if (rc == 0) rc = wal_file_extend(wal, sizeof bytes, err);
    if (rc == 0) rc = os_sync(wal->file, err);
    if (rc == 0) rc = os_sync_dir(wal->os, wal->dir, err);
    return rc;
}

/* The log goes on as if just opened: with no file, after the one before. */
static int uncreate(struct wal *wal, int rc)
{
    char path[OS_PATH_MAX];
    os_close(wal->file);
    wal->file = NULL;
    wal->zeroed = 0;
    wal->uncreated = wal_file_path(wal->dir, wal->id.number, path, NULL) == 0;
    if (wal->uncreated) {
        const int gone = os_unlink(wal->os, path, NULL);
        wal->uncreated = (gone == 0 || gone == KITH_ENOTFOUND) &&
                         os_sync_dir(wal->os, wal->dir, NULL) == 0;
    }
    return rc;
}

int wal_file_cut(struct wal *wal)
{
    if (!wal->file) return wal->uncreated ? 0 : KITH_EIO;
    int rc = os_truncate(wal->file, wal->end, NULL);
    if (rc == 0) rc = os_sync(wal->file, NULL);
    if (rc == 0) wal->zeroed = wal->durable = wal->end;
    return rc;
}

void wal_file_take_aside(struct wal *wal)
{
    if (wal->file && wal->aside_number == wal->id.number && wal->aside_end > wal->durable)
        wal->durable = wal->aside_end;
}

/* A sync beside us uses the file. */
static void wait_for_syncing(struct wal *wal)
{
    os_mutex_lock(&wal->lock);
    while (wal->syncing) (void)os_cond_wait(&wal->progress, &wal->lock, OS_FOREVER);
    wal_file_take_aside(wal);
    os_mutex_unlock(&wal->lock);
}

static int begin(struct wal *wal, struct kith_error *err)
{
    wait_for_syncing(wal);
    int rc = wal_file_sync(wal, err);
    if (rc != 0) return rc;
    os_close(wal->file);
    wal->file = NULL;
    wal->id = (struct wal_file_id){wal->database_id, wal->next_number};
    rc = create(wal, err);
    if (rc != 0) return uncreate(wal, rc);
    wal->next_number++;
    wal->prev_number = wal->id.number;
    wal->end = wal->durable = wal->stated = WAL_HEADER_BYTES;
    os_mutex_lock(&wal->lock);
    rc = wal_files_add(wal, wal->id.number, wal->zeroed);
    os_mutex_unlock(&wal->lock);
    return rc == 0 ? 0 : error_set(err, rc, "no memory for the list of log files");
}

int wal_file_prepare(struct wal *wal, size_t padded, struct kith_error *err)
{
    const bool is_fresh = wal->file && wal->end == WAL_HEADER_BYTES;
    if (is_fresh) return 0;
    if (wal->file && wal->end + WAL_GROUP_BYTES + padded <= wal->file_bytes) return 0;
    return begin(wal, err);
}

/* With one more statement of the durable end, damage to the very last group is told from a torn
 * tail too. It needs no sync: without it the log is as good as after a crash. */
void wal_file_finish(struct wal *wal)
{
    if (!wal->file || wal->durable != wal->end || wal->stated == wal->durable) return;
    uint8_t group[WAL_GROUP_BYTES];
    wal_group_encode(group, wal->group_ts, wal->id.number, wal->durable);
    (void)wal_record_seal(&wal->id, group, wal->end);
    if (os_pwrite(wal->file, group, sizeof group, wal->end, NULL) != 0) return;
    (void)!os_truncate(wal->file, wal->end + sizeof group, NULL);
}

/* ---- trimming ---- */

static bool is_trimmed(const struct wal *wal, const struct wal_file *file)
{
    if (file->pinned) return false;
    for (size_t i = 0; i < file->channels.cap; i++) {
        uint64_t ts;
        if (!file->channels.used[i]) continue;
        if (!map64_get(&wal->trimmed, file->channels.keys[i], &ts)) return false;
        if (file->channels.values[i] > ts) return false;
    }
    return true;
}

/* Forgets a channel that no file holds, so that dropped ones do not pile up. */
static void forget_unused(struct wal *wal, uint32_t channel)
{
    for (size_t i = 0; i < wal->file_count; i++) {
        if (map64_get(&wal->files[i].channels, channel, NULL)) return;
    }
    (void)map64_remove(&wal->trimmed, channel);
}

static int note_trimmed(struct wal *wal, uint32_t channel, uint64_t ts, struct kith_error *err)
{
    uint64_t known;
    if (map64_get(&wal->trimmed, channel, &known) && known >= ts) return 0;
    if (map64_put(&wal->trimmed, channel, ts) == 0) return 0;
    return error_set(err, KITH_ENOMEM, "no memory to trim the log");
}

/* Durable before the next one goes: a crash must not leave a gap in the numbers. */
static int unlink_file(struct wal *wal, uint64_t number, struct kith_error *err)
{
    char path[OS_PATH_MAX];
    int rc = wal_file_path(wal->dir, number, path, err);
    if (rc == 0) rc = os_unlink(wal->os, path, err);
    if (rc == KITH_ENOTFOUND) rc = 0; /* unlinked by a trim whose folder sync failed */
    if (rc == 0) rc = os_sync_dir(wal->os, wal->dir, err);
    return rc;
}

static void drop_first(struct wal *wal)
{
    map64_release(&wal->files[0].channels);
    memmove(wal->files, wal->files + 1, --wal->file_count * sizeof *wal->files);
}

/* The last file stays, so that a number is never used twice. */
int wal_trim(struct wal *wal, uint32_t channel, uint64_t ts, struct kith_error *err)
{
    if (wal->read_only) return error_set(err, KITH_EREADONLY, "the log is open for reading only");
    os_mutex_lock(&wal->trim_lock);
    os_mutex_lock(&wal->lock);
    int rc = note_trimmed(wal, channel, ts, err);
    while (rc == 0 && wal->file_count > 1 && is_trimmed(wal, &wal->files[0])) {
        const uint64_t number = wal->files[0].number;
        os_mutex_unlock(&wal->lock);
        rc = unlink_file(wal, number, err);
        os_mutex_lock(&wal->lock);
        if (rc == 0) drop_first(wal);
    }
    forget_unused(wal, channel);
    os_mutex_unlock(&wal->lock);
    os_mutex_unlock(&wal->trim_lock);
    return rc;
}
