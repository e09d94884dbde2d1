/*
 * Reading a log. Each file is read whole (its size is the file system's, not a number in it) and
 * walked from record to record. Where one does not verify, the walk looks for the next group that
 * does; groups lie at multiples of 8, so this is a pass over memory.
 *
 * Damage or torn tail: every group states the durable end at the time it was written, and every
 * file header the end of the file before it. Let D be the largest statement about a file. What is
 * bad before D was lost after it had been synced: damage, reported and skipped. What is bad from D
 * on was never promised: the log ends there, even if a later group verifies (without the records
 * between it would not be a prefix). A file that has a successor was synced before that was
 * created, so there D is its end. Zeros from D to the end are the space written ahead.
 *
 * A last file without an intact header and without an intact group is unborn: its creation was
 * interrupted before the first record.
 */
#include "log/wal_scan.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/endian.h"

#define DURABLE_TO_THE_END UINT64_MAX
#define FILES_MAX (1u << 20)

struct image { /* one file in memory */
    struct wal_file_id id;
    uint8_t *bytes; /* owns */
    size_t len;
};

static int load(const struct wal_scan *scan, uint64_t number, size_t len_max, struct image *out,
                struct kith_error *err)
{
    char path[OS_PATH_MAX];
    struct os_file *file = NULL;
    uint64_t size = 0;
    *out = (struct image){.id = {scan->database_id, number}};
    int rc = wal_file_path(scan->dir, number, path, err);
    if (rc == 0) rc = os_open(scan->os, path, OS_READ, &file, err);
    if (rc == 0) rc = os_size(file, &size, err);
    if (rc == 0) {
        const size_t len = size < len_max ? (size_t)size : len_max;
        out->bytes = mem_alloc(len > 0 ? len : 1);
        rc = out->bytes ? os_pread(file, out->bytes, len, 0, &out->len, err)
                        : error_set(err, KITH_ENOMEM, "no memory for %zu bytes of '%s'", len, path);
    }
    os_close(file);
    if (rc != 0) {
        mem_free(out->bytes);
        *out = (struct image){0};
    }
    return rc;
}

static void image_release(struct image *image) { mem_free(image->bytes); }

/* The first intact group in [from, limit), or limit. */
static uint64_t find_group(const struct image *image, uint64_t from, uint64_t limit)
{
    struct wal_entry entry;
    for (uint64_t at = (from + 7) & ~(uint64_t)7; at + WAL_GROUP_BYTES <= limit; at += 8) {
        if (le32_get(image->bytes + at) != WAL_GROUP_PAYLOAD_BYTES) continue;
        if (wal_record_decode(&image->id, image->bytes, (size_t)limit, at, &entry) &&
            entry.is_group) {
            return at;
        }
    }
    return limit;
}

/* The largest durable end in this file that its own groups state. */
static uint64_t stated_end(const struct image *image)
{
    uint64_t end = 0, at = WAL_HEADER_BYTES;
    struct wal_entry entry;
    while (at < image->len) {
        if (!wal_record_decode(&image->id, image->bytes, image->len, at, &entry)) {
            at = find_group(image, at + 8, image->len);
            continue;
        }
        const bool is_about_us = entry.is_group && entry.durable_file == image->id.number;
        if (is_about_us && entry.durable_offset <= at && entry.durable_offset > end) {
            end = entry.durable_offset;
        }
        at = entry.next;
    }
    return end;
}

/* The offset after the last byte in [from, limit) that is not zero; from: all are. */
static uint64_t nonzero_end(const struct image *image, uint64_t from, uint64_t limit)
{
    while (limit > from && image->bytes[limit - 1] == 0) limit--;
    return limit;
}

/* ---- the files ---- */

static int note_name(void *ctx, const char *name)
{
    struct wal_scan *scan = ctx;
    uint64_t number;
    if (!wal_file_number(name, &number) || number == 0) return 0;
    if (scan->count == FILES_MAX) return KITH_ELIMIT;
    if (scan->count == scan->cap) {
        const size_t cap = scan->cap ? scan->cap * 2 : 8;
        struct wal_scan_file *files = mem_realloc(scan->files, cap * sizeof *files);
        if (!files) return KITH_ENOMEM;
        scan->files = files;
        scan->cap = cap;
    }
    scan->files[scan->count++] = (struct wal_scan_file){.number = number};
    return 0;
}

static int compare_numbers(const void *a, const void *b)
{
    const struct wal_scan_file *left = a, *right = b;
    return left->number < right->number ? -1 : left->number > right->number;
}

static int read_header(const struct wal_scan *scan, struct wal_scan_file *file,
                       struct kith_error *err)
{
    struct image image;
    int rc = load(scan, file->number, WAL_HEADER_BYTES, &image, err);
    if (rc != 0) return rc;
    file->header_status = wal_header_decode(&image.id, image.bytes, image.len, &file->header);
    image_release(&image);
    char name[WAL_NAME_BYTES];
    wal_file_name(file->number, name);
    if (file->header_status == KITH_EVERSION) {
        return error_set_at(err, KITH_EVERSION, 8, "%s: log format of a newer version", name);
    }
    if (file->header_status == KITH_EINVAL) {
        return error_set_at(err, KITH_ECORRUPT, 16, "%s: log file of another database", name);
    }
    return 0;
}

static int count_unborn(struct wal_scan *scan, struct kith_error *err)
{
    while (scan->unborn < scan->count) {
        const struct wal_scan_file *last = &scan->files[scan->count - 1 - scan->unborn];
        if (last->header_status == 0) return 0;
        struct image image;
        int rc = load(scan, last->number, SIZE_MAX, &image, err);
        if (rc != 0) return rc;
        const bool has_group = find_group(&image, 0, image.len) < image.len;
        image_release(&image);
        if (has_group) return 0;
        scan->unborn++;
    }
    return 0;
}

int wal_scan_init(struct wal_scan *scan, const struct os *os, const char *dir,
                  uint64_t database_id, struct kith_error *err)
{
    *scan = (struct wal_scan){.os = os, .dir = dir, .database_id = database_id};
    int rc = os_list(os, dir, note_name, scan, err);
    if (rc != 0) return rc == KITH_ENOMEM ? error_set(err, rc, "no memory to list '%s'", dir) : rc;
    if (scan->count > 1) qsort(scan->files, scan->count, sizeof *scan->files, compare_numbers);
    for (size_t i = 0; i < scan->count; i++) {
        rc = read_header(scan, &scan->files[i], err);
        if (rc != 0) return rc;
    }
    return count_unborn(scan, err);
}

void wal_scan_release(struct wal_scan *scan)
{
    mem_free(scan->files);
    *scan = (struct wal_scan){0};
}

/* ---- the walk ---- */

static void tell_damage(const struct wal_visitor *visitor, uint64_t number, uint64_t from,
                        uint64_t to, const char *what)
{
    if (visitor->damage && from < to) visitor->damage(visitor->ctx, number, from, to, what);
}

/* How far this file is durable, and where reading it has to end. */
static uint64_t durable_end(const struct wal_scan *scan, size_t i, const struct image *image)
{
    if (i + 1 + scan->unborn == scan->count) return stated_end(image);
    const struct wal_scan_file *next = &scan->files[i + 1];
    const bool tells = next->header_status == 0 && next->header.prev_number == image->id.number;
    return tells ? next->header.prev_end : DURABLE_TO_THE_END;
}

struct walk {
    struct wal_scan *scan;
    const struct wal_visitor *visitor;
    const struct image *image;
    uint64_t durable; /* D */
    uint64_t limit;   /* of reading */
    uint64_t at;
};

/* What to do where no record verifies: skips damage, or ends the log (false). */
static bool skip_bad(struct walk *walk)
{
    const uint64_t number = walk->image->id.number, at = walk->at;
    const uint64_t content_end = nonzero_end(walk->image, at, walk->limit);
    if (at >= walk->durable) {
        if (content_end > at && walk->visitor->torn) {
            walk->visitor->torn(walk->visitor->ctx, number, at, content_end);
        }
        return false;
    }
    if (walk->durable == DURABLE_TO_THE_END && content_end == at) return false;
    const uint64_t durable = walk->durable < walk->limit ? walk->durable : walk->limit;
    const uint64_t group = find_group(walk->image, at + 8, walk->limit);
    walk->at = group < durable ? group : durable;
    tell_damage(walk->visitor, number, at, walk->at, "records that were durable do not verify");
    return walk->at < walk->limit;
}

static int walk_entries(struct walk *walk)
{
    struct wal_entry entry;
    const struct image *image = walk->image;
    while (walk->at < walk->limit) {
        const bool intact =
            wal_record_decode(&image->id, image->bytes, (size_t)walk->limit, walk->at, &entry) &&
            (entry.is_group || entry.record.ts > walk->scan->last_ts);
        if (!intact) {
            if (!skip_bad(walk)) break;
            continue;
        }
        if (!entry.is_group) walk->scan->last_ts = entry.record.ts;
        walk->at = entry.next;
        const struct wal_visitor *visitor = walk->visitor;
        const int rc = visitor->entry ? visitor->entry(visitor->ctx, image->id.number, &entry) : 0;
        if (rc != 0) return rc;
    }
    return 0;
}

/* The number before this one must be the number before it in the folder, unless this is the first.
 */
static void check_predecessor(const struct wal_scan *scan, size_t i,
                              const struct wal_visitor *visitor)
{
    const struct wal_scan_file *file = &scan->files[i];
    if (i == 0 || file->header_status != 0) return;
    if (file->header.prev_number == scan->files[i - 1].number) return;
    tell_damage(visitor, file->header.prev_number, 0, file->header.prev_end, "the file is missing");
}

static int scan_file(struct wal_scan *scan, size_t i, const struct wal_visitor *visitor,
                     struct kith_error *err)
{
    struct wal_scan_file *file = &scan->files[i];
    struct image image;
    int rc = load(scan, file->number, SIZE_MAX, &image, err);
    if (rc != 0) return rc;
    file->size = image.len;
    const uint64_t durable = durable_end(scan, i, &image);
    const bool is_bounded = i + 1 + scan->unborn < scan->count && durable < image.len;
    struct walk walk = {.scan = scan, .visitor = visitor, .image = &image, .durable = durable,
                        .limit = is_bounded ? durable : image.len, .at = WAL_HEADER_BYTES};
    check_predecessor(scan, i, visitor);
    if (visitor->file) rc = visitor->file(visitor->ctx, file);
    if (rc == 0 && file->header_status != 0) {
        tell_damage(visitor, file->number, 0, WAL_HEADER_BYTES, "the file header does not verify");
    }
    if (rc == 0) rc = walk_entries(&walk);
    if (rc == 0 && durable != DURABLE_TO_THE_END && walk.at < durable) {
        tell_damage(visitor, file->number, walk.at, durable, "the file is too short");
        walk.at = durable;
    }
    file->end = walk.at < image.len ? walk.at : image.len;
    image_release(&image);
    return rc;
}

int wal_scan_run(struct wal_scan *scan, const struct wal_visitor *visitor, struct kith_error *err)
{
    for (size_t i = 0; i + scan->unborn < scan->count; i++) {
        int rc = scan_file(scan, i, visitor, err);
        if (rc != 0) return rc;
    }
    return 0;
}
