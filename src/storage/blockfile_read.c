/*
 * Opening a sealed file. Nothing in it is believed before it was compared: the trailer with the
 * file's size, offsets and counts with each other, then checksums. Only then are the page checksums
 * handed to the guard that verifies everything else when it is touched.
 */
#include <inttypes.h>
#include <string.h>

#include <kith/kith.h>

#include "base/alloc.h"
#include "base/endian.h"
#include "storage/blockfile.h"
#include "storage/blockfile_format.h"

struct layout { /* of a file, from its trailer */
    uint64_t sums;
    uint64_t sums_bytes;
    uint64_t directory;
    uint64_t directory_bytes;
    uint64_t trailer;
};

static bool sum_is(const struct blockfile *f, uint64_t offset, uint64_t len, uint64_t where,
                   const uint8_t *stored)
{
    const uint64_t seed = checksum_seed(f->database_id, blockfile_identity(&f->name), where);
    return checksum32(f->map + offset, (size_t)len, seed) == le32_get(stored);
}

static int map_file(struct blockfile *f, const char *path, struct kith_error *err)
{
    struct os_file *file = NULL;
    int rc = os_open(f->os, path, OS_READ, &file, err);
    if (rc) return rc;
    uint64_t size = 0;
    rc = os_size(file, &size, err);
    if (!rc && size < BLOCKFILE_HEADER_BYTES + BLOCKFILE_TRAILER_BYTES) {
        rc = error_set(err, KITH_ECORRUPT, "'%s' ends after %" PRIu64 " bytes", path, size);
    }
    if (!rc && size > SIZE_MAX / 2) rc = error_set(err, KITH_ELIMIT, "'%s' is too large", path);
    if (!rc) rc = os_map(file, (size_t)size, &f->map, err);
    if (!rc) f->len = (size_t)size;
    os_close(file);
    return rc;
}

static int check_header(struct blockfile *f, const char *path, struct kith_error *err)
{
    const uint8_t *h = f->map;
    const uint32_t kind = le32_get(h + HEADER_AT_KIND);
    if (le32_get(h + HEADER_AT_MAGIC) != HEADER_MAGIC || kind < FILE_SEGMENT || kind > FILE_DEAD) {
        return error_set(err, KITH_ECORRUPT, "'%s' is not a segment, index or tombstone file",
                         path);
    }
    f->name = (struct file_name){.kind = (enum file_kind)kind,
                                 .id = le64_get(h + HEADER_AT_ID),
                                 .part = le64_get(h + HEADER_AT_PART)};
    f->database_id = le64_get(h + HEADER_AT_DATABASE);
    if (!sum_is(f, 0, HEADER_AT_CHECKSUM, SEED_HEADER, h + HEADER_AT_CHECKSUM)) {
        return error_set(err, KITH_ECORRUPT, "'%s': the header is damaged", path);
    }
    if (le32_get(h + HEADER_AT_VERSION) != BLOCKFILE_VERSION ||
        le32_get(h + HEADER_AT_INCOMPATIBLE) != 0) {
        return error_set(err, KITH_EVERSION, "'%s' was written by %.16s, newer than this %s", path,
                         (const char *)(h + HEADER_AT_WRITER), KITH_VERSION_TEXT);
    }
    return 0;
}

static bool layout_holds(const struct blockfile *f, struct layout *l)
{
    l->trailer = f->len - BLOCKFILE_TRAILER_BYTES;
    const uint8_t *t = f->map + l->trailer;
    if (le32_get(t + TRAILER_AT_MAGIC) != TRAILER_MAGIC) return false;
    if (!sum_is(f, l->trailer, TRAILER_AT_CHECKSUM, SEED_TRAILER, t + TRAILER_AT_CHECKSUM)) {
        return false;
    }
    l->sums = le64_get(t + TRAILER_AT_SUMS);
    l->sums_bytes = le64_get(t + TRAILER_AT_SUMS_BYTES);
    l->directory = le64_get(t + TRAILER_AT_DIRECTORY);
    l->directory_bytes = (uint64_t)le32_get(t + TRAILER_AT_COUNT) * BLOCKFILE_ENTRY_BYTES;
    if (le64_get(t + TRAILER_AT_FILE_BYTES) != f->len) return false;
    if (l->sums < BLOCKFILE_HEADER_BYTES || l->sums > l->trailer) return false;
    if (l->directory < l->sums || l->directory > l->trailer) return false;
    if (l->trailer - l->directory != l->directory_bytes) return false;
    if (l->sums_bytes != l->directory - l->sums) return false;
    return l->sums_bytes == (l->sums + PAGE_BYTES - 1) / PAGE_BYTES * sizeof(uint32_t);
}

static int check_ends(struct blockfile *f, const char *path, struct kith_error *err)
{
    struct layout l;
    if (!layout_holds(f, &l)) {
        return error_set_at(err, KITH_ECORRUPT, f->len - BLOCKFILE_TRAILER_BYTES,
                            "'%s': the trailer is damaged, or the file was cut", path);
    }
    const uint8_t *t = f->map + l.trailer;
    if (!sum_is(f, l.directory, l.directory_bytes, SEED_DIRECTORY,
                t + TRAILER_AT_DIRECTORY_CHECKSUM)) {
        return error_set_at(err, KITH_ECORRUPT, l.directory, "'%s': the directory is damaged",
                            path);
    }
    if (!sum_is(f, l.sums, l.sums_bytes, SEED_SUMS, t + TRAILER_AT_SUMS_CHECKSUM)) {
        return error_set_at(err, KITH_ECORRUPT, l.sums, "'%s': the page checksums are damaged",
                            path);
    }
    f->directory = f->map + l.directory;
    f->count = (size_t)(l.directory_bytes / BLOCKFILE_ENTRY_BYTES);
    for (size_t i = 0; i < f->count; i++) {
        const struct blockfile_section s = blockfile_entry(f, i);
        if (s.offset < BLOCKFILE_HEADER_BYTES || s.offset > l.sums || s.len > l.sums - s.offset) {
            return error_set_at(err, KITH_ECORRUPT, l.directory + i * BLOCKFILE_ENTRY_BYTES,
                                "'%s': section %zu lies outside the file", path, i);
        }
    }
    return page_guard_init(&f->guard, f->map, (size_t)l.sums, f->map + l.sums, f->database_id,
                           blockfile_identity(&f->name), 0);
}

int blockfile_open_path(struct blockfile *f, const struct os *os, const char *path,
                        const uint64_t *database_id, struct kith_error *err)
{
    *f = (struct blockfile){.os = os};
    int rc = map_file(f, path, err);
    if (!rc) rc = check_header(f, path, err);
    if (!rc && database_id && *database_id != f->database_id) {
        rc = error_set(err, KITH_ECORRUPT, "'%s' belongs to another database", path);
    }
    if (!rc) rc = check_ends(f, path, err);
    if (rc == KITH_ENOMEM) rc = error_set(err, rc, "no memory to open '%s'", path);
    if (rc) blockfile_close(f);
    return rc;
}

int blockfile_open(struct blockfile *f, const struct os *os, const char *dir,
                   const struct file_name *name, uint64_t database_id, struct kith_error *err)
{
    char path[OS_PATH_MAX];
    *f = (struct blockfile){.os = os};
    int rc = file_name_path(name, dir, path, sizeof path);
    if (rc) return error_set(err, rc, "the path of a file in '%s' is too long", dir);
    rc = blockfile_open_path(f, os, path, &database_id, err);
    if (rc) return rc;
    if (f->name.kind == name->kind && f->name.id == name->id && f->name.part == name->part) {
        return 0;
    }
    blockfile_close(f);
    return error_set(err, KITH_ECORRUPT, "'%s' holds another file than its name says", path);
}

void blockfile_close(struct blockfile *f)
{
    page_guard_release(&f->guard);
    if (f->map) os_unmap(f->os, f->map, f->len);
    *f = (struct blockfile){0};
}

struct blockfile_section blockfile_entry(const struct blockfile *f, size_t number)
{
    const uint8_t *e = f->directory + number * BLOCKFILE_ENTRY_BYTES;
    return (struct blockfile_section){
        .id = le32_get(e),
        .field = le32_get(e + 4),
        .flags = le32_get(e + 24),
        .offset = le64_get(e + 8),
        .len = le64_get(e + 16),
    };
}

struct section blockfile_bytes(struct blockfile *f, const struct blockfile_section *entry)
{
    return (struct section){f->map + entry->offset, (size_t)entry->len, &f->guard};
}

bool blockfile_find(struct blockfile *f, uint32_t id, size_t field, struct section *out)
{
    *out = (struct section){0};
    for (size_t i = 0; i < f->count; i++) {
        const struct blockfile_section s = blockfile_entry(f, i);
        if (s.id != id || s.field != field) continue;
        *out = blockfile_bytes(f, &s);
        return true;
    }
    return false;
}
