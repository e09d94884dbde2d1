/*
 * What the files of keep share: names, headers, checksums, and `current`.
 *
 *   OFFSET SIZE MEANING of a header
 *        0    8 "KITHKEEP"
 *        8    4 version
 *       12    4 kind: 1 current, 2 snapshot, 3 log
 *       16    8 id of the data
 *       24    8 number of the file; 0 for current
 *       32    8 current: number of the snapshot, 0: none
 *       40    8 current: number of the first log
 *       48   12 zero
 *       60    4 checksum of the 60 before
 *
 * A group of a log, and a block of a snapshot, is 4 bytes length of the payload, 4 bytes checksum,
 * 8 bytes offset up to which this file was synced before, payload. The checksum covers the offset
 * and the payload, and is seeded with id, kind, number and place: bytes of another file or place do
 * not pass.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checksum.h"
#include "base/endian.h"
#include "redis/keep_internal.h"

static const char magic[8] = { 'K', 'I', 'T', 'H', 'K', 'E', 'E', 'P' };

void keep_name(const struct keep *keep, enum keep_kind kind, uint64_t number, char *out,
               size_t size)
{
    const char *name = kind == KEEP_LOG ? "log" : "snapshot";
    if (kind == KEEP_CURRENT) (void)snprintf(out, size, "%s/current", keep->dir);
    else (void)snprintf(out, size, "%s/%s-%llu", keep->dir, name, (unsigned long long)number);
}

uint32_t keep_checksum(const struct keep *keep, enum keep_kind kind, uint64_t number,
                       uint64_t offset, const void *data, size_t len)
{
    return checksum32(data, len, checksum_seed(keep->id, number * 4 + (uint64_t)kind, offset));
}

void keep_seal(const struct keep *keep, enum keep_kind kind, uint64_t number, uint64_t offset,
               uint64_t durable, struct buffer *group)
{
    const size_t len = group->len - KEEP_GROUP_BYTES;
    le32_put(group->data, (uint32_t)len);
    le64_put(group->data + 8, durable);
    le32_put(group->data + 4,
             keep_checksum(keep, kind, number, offset, group->data + 8, len + 8));
}

uint64_t keep_chain(uint64_t chain, const uint8_t *head)
{
    return hash64(head, KEEP_GROUP_BYTES, chain);
}

static void put_header(const struct keep *keep, enum keep_kind kind, uint64_t number, uint64_t a,
                       uint64_t b, uint8_t out[KEEP_HEADER_BYTES])
{
    memset(out, 0, KEEP_HEADER_BYTES);
    memcpy(out, magic, sizeof magic);
    le32_put(out + 8, KEEP_VERSION);
    le32_put(out + 12, (uint32_t)kind);
    le64_put(out + 16, keep->id);
    le64_put(out + 24, number);
    le64_put(out + 32, a);
    le64_put(out + 40, b);
    le32_put(out + 60, checksum32(out, 60, 0));
}

static int write_header(struct keep *keep, const char *path, const uint8_t *header,
                        struct os_file **out, struct kith_error *err)
{
    struct os_file *file;
    int rc = os_open(keep->opts.os, path, OS_READ | OS_WRITE | OS_CREATE, &file, err);
    if (rc) return rc;
    rc = os_truncate(file, 0, err);
    if (rc == 0) rc = os_pwrite(file, header, KEEP_HEADER_BYTES, 0, err);
    if (rc == 0) rc = os_sync(file, err);
    if (rc) os_close(file);
    else *out = file;
    return rc;
}

/* Under its name only when the header is durable: a file with a torn header does not exist. */
static int create_as(struct keep *keep, const char *path, const uint8_t *header,
                     struct os_file **out, struct kith_error *err)
{
    char fresh[OS_PATH_MAX + 8];
    struct os_file *file;
    (void)snprintf(fresh, sizeof fresh, "%s.new", path);
    int rc = write_header(keep, fresh, header, &file, err);
    if (rc) return rc;
    rc = os_rename(keep->opts.os, fresh, path, err);
    if (rc == 0) rc = os_sync_dir(keep->opts.os, keep->dir, err);
    if (rc) os_close(file);
    else *out = file;
    return rc;
}

int keep_create(struct keep *keep, enum keep_kind kind, uint64_t number, struct os_file **out,
                struct kith_error *err)
{
    char path[OS_PATH_MAX];
    uint8_t header[KEEP_HEADER_BYTES];
    keep_name(keep, kind, number, path, sizeof path);
    put_header(keep, kind, number, 0, 0, header);
    return create_as(keep, path, header, out, err);
}

static int check_header(const struct keep *keep, const char *path, enum keep_kind kind,
                        uint64_t number, const uint8_t *header, struct kith_error *err)
{
    if (memcmp(header, magic, sizeof magic) || le32_get(header + 60) != checksum32(header, 60, 0))
        return error_set_at(err, KITH_ECORRUPT, 0, "%s: the header is damaged", path);
    if (le32_get(header + 8) > KEEP_VERSION)
        return error_set(err, KITH_EVERSION, "%s: written by a newer version (format %u)", path,
                         le32_get(header + 8));
    if (le32_get(header + 12) != (uint32_t)kind || le64_get(header + 24) != number ||
        (keep->id && le64_get(header + 16) != keep->id))
        return error_set_at(err, KITH_ECORRUPT, 0, "%s: the file belongs elsewhere", path);
    return 0;
}

int keep_open_file(struct keep *keep, enum keep_kind kind, uint64_t number,
                   struct keep_opened *out, struct kith_error *err)
{
    char path[OS_PATH_MAX];
    uint8_t header[KEEP_HEADER_BYTES];
    size_t got = 0;
    keep_name(keep, kind, number, path, sizeof path);
    struct os_file *file;
    uint64_t bytes = 0;
    int rc = os_open(keep->opts.os, path, OS_READ | OS_WRITE, &file, err);
    if (rc) return rc;
    rc = os_pread(file, header, sizeof header, 0, &got, err);
    if (rc == 0 && got < sizeof header)
        rc = error_set_at(err, KITH_ECORRUPT, got, "%s: the header is cut off", path);
    if (rc == 0) rc = check_header(keep, path, kind, number, header, err);
    if (rc == 0) rc = os_size(file, &bytes, err);
    if (rc == 0 && kind == KEEP_CURRENT) {
        keep->id = le64_get(header + 16);
        keep->snapshot = le64_get(header + 32);
        keep->log_first = le64_get(header + 40);
    }
    if (rc) os_close(file);
    else *out = (struct keep_opened){ file, bytes, le32_get(header + 8) };
    return rc;
}

/* Whoever made it may have been killed before its name was durable, and what it makes useless will
 * be removed. */
int keep_read_current(struct keep *keep, struct kith_error *err)
{
    struct keep_opened current;
    const int rc = keep_open_file(keep, KEEP_CURRENT, 0, &current, err);
    if (rc == 0) {
        os_close(current.file);
        return os_sync_dir(keep->opts.os, keep->dir, err);
    }
    if (rc != KITH_ENOTFOUND) return rc;
    while (keep->id == 0) os_random(keep->opts.os, &keep->id, sizeof keep->id);
    keep->log_first = 1;
    return keep_write_current(keep, 0, 1, err);
}

int keep_write_current(struct keep *keep, uint64_t snapshot, uint64_t log_first,
                       struct kith_error *err)
{
    char path[OS_PATH_MAX];
    uint8_t header[KEEP_HEADER_BYTES];
    struct os_file *file;
    keep_name(keep, KEEP_CURRENT, 0, path, sizeof path);
    put_header(keep, KEEP_CURRENT, 0, snapshot, log_first, header);
    const int rc = create_as(keep, path, header, &file, err);
    if (rc) return rc;
    os_close(file);
    keep->snapshot = snapshot;
    keep->log_first = log_first;
    return 0;
}

void keep_remove(struct keep *keep, enum keep_kind kind, uint64_t number)
{
    char path[OS_PATH_MAX];
    struct kith_error err;
    keep_name(keep, kind, number, path, sizeof path);
    const int rc = os_unlink(keep->opts.os, path, &err);
    if (rc && rc != KITH_ENOTFOUND) keep_say(keep, 1, "%s", err.text);
}
