/*
 * A new file from the map: header, the snapshot in parts, sync, sync of the folder; only then the
 * journal goes over to it. The old file stays, since it says the same as the snapshot, should that
 * be damaged; the one before it is unlinked. The newest complete file counts.
 *
 * That rule is also the danger: a new file which was given up but is on disk would win over the
 * old one and hide later commits. So giving up means an unlink that is synced; without it the
 * journal takes no more commits.
 */
#include "base/alloc.h"
#include "log/journal_internal.h"

#define PART_BYTES ((size_t)1 << 20)
#define REWRITE_MIN_BYTES ((uint64_t)64 << 10) /* smaller files are not worth a rewrite */

struct rewriting {
    struct journal_id id;
    struct os_file *file; /* owns until it is the journal's */
    struct buffer buf;
    uint64_t sequence, end;
};

static int write_part(struct rewriting *to, uint32_t count, enum journal_kind kind,
                      struct kith_error *err)
{
    journal_encode_end(&to->buf, &to->id, to->end, to->sequence + 1, count, kind);
    if (buffer_failed(&to->buf)) return error_set(err, KITH_ENOMEM, "no memory for a snapshot");
    int rc = os_pwrite(to->file, to->buf.data, to->buf.len, to->end, err);
    if (rc != 0) return rc;
    to->sequence++;
    to->end += to->buf.len;
    journal_encode_begin(&to->buf);
    return 0;
}

static int write_snapshot(struct rewriting *to, const struct journal_map *map,
                          struct kith_error *err)
{
    uint32_t count = 0;
    journal_encode_begin(&to->buf);
    for (size_t i = 0; i < map->count; i++) {
        const struct journal_entry *entry = &map->entries[i];
        if (to->buf.len >= PART_BYTES) {
            int rc = write_part(to, count, JOURNAL_PART, err);
            if (rc != 0) return rc;
            count = 0;
        }
        journal_encode_change(&to->buf, entry->key, entry->value, entry->len);
        count++;
    }
    return write_part(to, count, JOURNAL_LAST_PART, err);
}

static int write_file(struct rewriting *to, const struct journal *journal, const char *path,
                      bool *created, struct kith_error *err)
{
    uint8_t header[JOURNAL_HEADER_BYTES];
    journal_header_encode(&to->id, journal->end, header);
    int rc = os_open(journal->os, path, OS_WRITE | OS_CREATE | OS_EXCL, &to->file, err);
    *created = true; /* even a failed open may have made the name */
    if (rc == 0) rc = os_pwrite(to->file, header, sizeof header, 0, err);
    to->end = sizeof header;
    if (rc == 0) rc = write_snapshot(to, &journal->map, err);
    if (rc == 0) rc = os_sync(to->file, err);
    if (rc == 0) rc = os_sync_dir(journal->os, journal->dir, err);
    return rc;
}

/* KITH_EIO or so when the new file may still be there after a crash. */
static int give_up(const struct journal *journal, const char *path)
{
    int rc = os_unlink(journal->os, path, NULL);
    if (rc == KITH_ENOTFOUND) rc = 0;
    return rc == 0 ? os_sync_dir(journal->os, journal->dir, NULL) : rc;
}

static void go_over(struct journal *journal, const struct rewriting *to)
{
    char old[OS_PATH_MAX];
    os_close(journal->file);
    if (journal->id.number > 1 &&
        journal_file_path(journal->dir, journal->id.number - 1, old, NULL) == 0 &&
        os_unlink(journal->os, old, NULL) == 0) {
        (void)!os_sync_dir(journal->os, journal->dir, NULL); /* it is only in the way */
    }
    journal->id = to->id;
    journal->file = to->file;
    journal->sequence = to->sequence;
    journal->end = to->end;
    journal->unconfirmed = false;
}

static uint64_t next_rewrite(uint64_t live)
{
    return live * 2 < REWRITE_MIN_BYTES ? REWRITE_MIN_BYTES : live * 2;
}

int journal_rewrite(struct journal *journal, struct kith_error *err)
{
    char path[OS_PATH_MAX];
    bool created = false;
    struct rewriting to = {.id = {journal->id.database_id, journal->id.number + 1}};
    int rc = journal_file_path(journal->dir, to.id.number, path, err);
    if (rc == 0) rc = write_file(&to, journal, path, &created, err);
    buffer_release(&to.buf);
    if (rc == 0) {
        go_over(journal, &to);
        journal->rewrite_at = next_rewrite(journal->end);
        return 0;
    }
    os_close(to.file);
    if (created && give_up(journal, path) != 0) {
        journal->poison.code =
            error_set(&journal->poison, rc,
                      "'%.300s' failed and cannot be removed; reopen the database", path);
    }
    journal->rewrite_at = next_rewrite(journal->end); /* not at every commit from now on */
    return rc;
}
