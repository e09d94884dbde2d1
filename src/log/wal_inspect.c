/*
 * The log in words, for check and dump. The path is the database's log folder or one file in it;
 * a single file is still judged beside its successor, which states where it ends.
 */
#include <stdio.h>
#include <string.h>

#include "log/wal_scan.h"

#define LINE_BYTES 200

struct inspection {
    void (*line)(void *ctx, const char *text);
    void (*problem)(void *ctx, uint64_t offset, const char *text);
    void *ctx;
    uint64_t only; /* 0: every file */
};

static bool is_wanted(const struct inspection *inspection, uint64_t number)
{
    return inspection->only == 0 || inspection->only == number;
}

static int inspect_file(void *ctx, const struct wal_scan_file *file)
{
    const struct inspection *inspection = ctx;
    if (!inspection->line || !is_wanted(inspection, file->number)) return 0;
    char text[LINE_BYTES], name[WAL_NAME_BYTES];
    wal_file_name(file->number, name);
    (void)snprintf(text, sizeof text, "%s: %llu bytes, after file %llx to its offset %llu", name,
                   (unsigned long long)file->size, (unsigned long long)file->header.prev_number,
                   (unsigned long long)file->header.prev_end);
    inspection->line(inspection->ctx, text);
    return 0;
}

static int inspect_entry(void *ctx, uint64_t number, const struct wal_entry *entry)
{
    const struct inspection *inspection = ctx;
    if (!inspection->line || !is_wanted(inspection, number)) return 0;
    char text[LINE_BYTES];
    if (entry->is_group) {
        (void)snprintf(text, sizeof text, "  %llu: group, durable to file %llx offset %llu",
                       (unsigned long long)entry->offset, (unsigned long long)entry->durable_file,
                       (unsigned long long)entry->durable_offset);
    } else {
        (void)snprintf(text, sizeof text, "  %llu: ts %llu channel %u type %u, %zu bytes",
                       (unsigned long long)entry->offset, (unsigned long long)entry->record.ts,
                       entry->record.channel, entry->record.type, entry->record.len);
    }
    inspection->line(inspection->ctx, text);
    return 0;
}

static void inspect_damage(void *ctx, uint64_t number, uint64_t from, uint64_t to,
                           const char *what)
{
    const struct inspection *inspection = ctx;
    if (!inspection->problem || !is_wanted(inspection, number)) return;
    char text[LINE_BYTES], name[WAL_NAME_BYTES];
    wal_file_name(number, name);
    (void)snprintf(text, sizeof text, "%s, offset %llu to %llu: %s", name,
                   (unsigned long long)from, (unsigned long long)to, what);
    inspection->problem(inspection->ctx, from, text);
}

/* Not a problem: what a crash leaves, and the next opening cuts. */
static void inspect_torn(void *ctx, uint64_t number, uint64_t from, uint64_t to)
{
    const struct inspection *inspection = ctx;
    if (!inspection->line || !is_wanted(inspection, number)) return;
    char text[LINE_BYTES];
    (void)snprintf(text, sizeof text, "  %llu: torn tail of %llu bytes", (unsigned long long)from,
                   (unsigned long long)(to - from));
    inspection->line(inspection->ctx, text);
}

/* Splits a file's path into its folder and its number; false: the name is not a log file's. */
static bool split_path(char *path, const char **dir, uint64_t *number)
{
    char *slash = strrchr(path, '/');
    if (!wal_file_number(slash ? slash + 1 : path, number)) return false;
    *dir = slash ? path : ".";
    if (slash) slash[slash == path ? 1 : 0] = 0;
    return true;
}

int wal_inspect(const struct os *os, const char *path, uint64_t database_id,
                void (*line)(void *ctx, const char *text),
                void (*problem)(void *ctx, uint64_t offset, const char *text), void *ctx,
                struct kith_error *err)
{
    struct inspection inspection = {line, problem, ctx, 0};
    const struct wal_visitor visitor = {inspect_file, inspect_entry, inspect_damage, inspect_torn,
                                        &inspection};
    char copy[OS_PATH_MAX];
    const char *dir = path;
    struct os_stat stat;
    int rc = os_stat(os, path, &stat, err);
    if (rc != 0) return rc;
    if (!stat.is_dir) {
        const int len = snprintf(copy, sizeof copy, "%s", path);
        if (len < 0 || len >= (int)sizeof copy || !split_path(copy, &dir, &inspection.only)) {
            return error_set(err, KITH_EINVAL, "'%.300s' is not the name of a log file", path);
        }
    }
    struct wal_scan scan;
    rc = wal_scan_init(&scan, os, dir, database_id, err);
    if (rc == 0) rc = wal_scan_run(&scan, &visitor, err);
    wal_scan_release(&scan);
    return rc;
}
