/*
 * Opening: every intact record is handed out, then, unless read only, the log is made ready to be
 * continued. What was read may have been in the system's cache only (a killed process under
 * everysec), so the last file is synced before anything relies on it. Writing goes on in a fresh
 * file, begun at the first record: nothing that was read is ever written over, and the new file's
 * header states where the old one ends.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "log/wal_internal.h"
#include "log/wal_scan.h"

struct opening {
    struct wal *wal;
    int (*replay)(void *ctx, const struct wal_record *record);
    void *ctx;
    struct wal_replay_report report;
    bool no_memory;
};

static int open_file(void *ctx, const struct wal_scan_file *file)
{
    struct opening *opening = ctx;
    const int rc = wal_files_add(opening->wal, file->number, file->size);
    opening->no_memory = rc != 0;
    return rc;
}

static int open_entry(void *ctx, uint64_t number, const struct wal_entry *entry)
{
    struct opening *opening = ctx;
    struct wal *wal = opening->wal;
    (void)number;
    if (entry->is_group) return 0;
    wal_files_note(&wal->files[wal->file_count - 1], entry->record.channel, entry->record.ts);
    opening->report.records++;
    const int rc = opening->replay ? opening->replay(opening->ctx, &entry->record) : 0;
    return rc < 0 ? rc : 0;
}

static void open_damage(void *ctx, uint64_t number, uint64_t from, uint64_t to, const char *what)
{
    struct wal_replay_report *report = &((struct opening *)ctx)->report;
    report->damaged_bytes += to - from;
    if (report->text[0] != 0) return;
    char name[WAL_NAME_BYTES];
    wal_file_name(number, name);
    (void)snprintf(report->text, sizeof report->text, "%s, offset %llu to %llu: damaged: %s", name,
                   (unsigned long long)from, (unsigned long long)to, what);
}

static void open_torn(void *ctx, uint64_t number, uint64_t from, uint64_t to)
{
    struct wal_replay_report *report = &((struct opening *)ctx)->report;
    report->cut_bytes += to - from;
    if (report->text[0] != 0) return;
    char name[WAL_NAME_BYTES];
    wal_file_name(number, name);
    (void)snprintf(report->text, sizeof report->text,
                   "%s, offset %llu: a torn tail of %llu bytes was cut", name,
                   (unsigned long long)from, (unsigned long long)(to - from));
}

/* Removes files whose creation was interrupted, from the last on, so that no number is missing. */
static int remove_unborn(const struct wal *wal, const struct wal_scan *scan, struct kith_error *err)
{
    for (size_t i = 0; i < scan->unborn; i++) {
        char path[OS_PATH_MAX];
        int rc = wal_file_path(wal->dir, scan->files[scan->count - 1 - i].number, path, err);
        if (rc == 0) rc = os_unlink(wal->os, path, err);
        if (rc == 0) rc = os_sync_dir(wal->os, wal->dir, err);
        if (rc != 0) return rc;
    }
    return 0;
}

/* Cuts the last file where its log ends and makes what was read durable. */
static int settle_last(struct wal *wal, const struct wal_scan_file *last, struct kith_error *err)
{
    char path[OS_PATH_MAX];
    struct os_file *file = NULL;
    int rc = wal_file_path(wal->dir, last->number, path, err);
    if (rc == 0) rc = os_open(wal->os, path, OS_WRITE, &file, err);
    if (rc == 0 && last->size > last->end) {
        rc = os_truncate(file, last->end, err);
        if (rc == 0) wal->files[wal->file_count - 1].size = last->end;
    }
    if (rc == 0) rc = os_sync(file, err);
    os_close(file);
    return rc;
}

static int make_writable(struct wal *wal, const struct wal_scan *scan, struct kith_error *err)
{
    int rc = remove_unborn(wal, scan, err);
    wal->next_number = scan->count > 0 ? scan->files[scan->count - 1].number + 1 : 1;
    if (rc != 0 || scan->unborn == scan->count) return rc;
    const struct wal_scan_file *last = &scan->files[scan->count - 1 - scan->unborn];
    wal->prev_number = last->number;
    wal->end = last->end;
    return settle_last(wal, last, err);
}

static int read_log(struct opening *opening, uint64_t last_ts, struct kith_error *err)
{
    struct wal *wal = opening->wal;
    struct wal_scan scan;
    const struct wal_visitor visitor = {open_file, open_entry, open_damage, open_torn, opening};
    int rc = wal_scan_init(&scan, wal->os, wal->dir, wal->database_id, err);
    if (rc == 0) rc = wal_scan_run(&scan, &visitor, err);
    if (opening->no_memory) rc = error_set(err, KITH_ENOMEM, "no memory for the list of log files");
    if (rc == 0 && !wal->read_only) rc = make_writable(wal, &scan, err);
    wal->group_ts = scan.last_ts;
    wal->last_ts = scan.last_ts > last_ts ? scan.last_ts : last_ts;
    wal_scan_release(&scan);
    return rc;
}

static struct wal *wal_new(const struct wal_opts *opts)
{
    struct wal *wal = mem_zalloc(sizeof *wal);
    if (!wal) return NULL;
    wal->os = opts->os;
    wal->database_id = opts->database_id;
    wal->sync = opts->sync == KITH_SYNC_DEFAULT ? KITH_SYNC_ALWAYS : opts->sync;
    wal->file_bytes = opts->file_bytes ? opts->file_bytes : WAL_FILE_BYTES;
    wal->read_only = true; /* until it is open: closing it then writes nothing */
    wal->dir = mem_strdup(opts->dir);
    if (!wal->dir || os_mutex_init(wal->os, &wal->trim_lock) != 0 ||
        os_mutex_init(wal->os, &wal->lock) != 0 || os_cond_init(wal->os, &wal->progress) != 0) {
        wal_close(wal);
        return NULL;
    }
    return wal;
}

int wal_open(const struct wal_opts *opts, int (*replay)(void *ctx, const struct wal_record *record),
             void *ctx, struct wal_replay_report *report, struct wal **out, struct kith_error *err)
{
    struct opening opening = {.replay = replay, .ctx = ctx, .wal = wal_new(opts)};
    if (!opening.wal) return error_set(err, KITH_ENOMEM, "no memory to open the log");
    opening.wal->read_only = opts->read_only;
    int rc = read_log(&opening, opts->last_ts, err);
    if (report) *report = opening.report;
    if (rc != 0) {
        opening.wal->read_only = true;
        wal_close(opening.wal);
        return rc;
    }
    *out = opening.wal;
    return 0;
}
