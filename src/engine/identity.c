/*
 * The file KITH: see identity.h.
 */
#include "engine/identity.h"

#include <stdio.h>
#include <string.h>

#include "base/checksum.h"
#include "base/endian.h"

#define IDENTITY_BYTES 64
#define IDENTITY_VERSION 1
static const char identity_magic[8] = { 'K', 'I', 'T', 'H', 'D', 'B', '1', '\n' };

int path_join(char *out, const char *dir, const char *name, struct kith_error *err)
{
    int n = snprintf(out, OS_PATH_MAX, "%s/%s", dir, name);
    if (n < 0 || n >= OS_PATH_MAX)
        return error_set(err, KITH_ELIMIT, "path too long: %.100s.../%.100s", dir, name);
    return 0;
}

int identity_read(const struct os *os, const char *dir, uint64_t *id, struct kith_error *err)
{
    char path[OS_PATH_MAX];
    struct os_file *file;
    int rc = path_join(path, dir, "KITH", err);
    if (rc == 0) rc = os_open(os, path, OS_READ, &file, err);
    if (rc) return rc;
    uint8_t bytes[IDENTITY_BYTES];
    size_t got = 0;
    rc = os_pread(file, bytes, sizeof bytes, 0, &got, err);
    os_close(file);
    if (rc) return rc;
    if (got != sizeof bytes || memcmp(bytes, identity_magic, 8) != 0 ||
        le32_get(bytes + 60) != checksum32(bytes, 60, 0))
        return error_set(err, KITH_ECORRUPT, "'%s' is damaged or not of a Kith database", path);
    if (le32_get(bytes + 8) != IDENTITY_VERSION)
        return error_set(err, KITH_EVERSION, "'%s' has format version %u, this release knows %d",
                         path, le32_get(bytes + 8), IDENTITY_VERSION);
    *id = le64_get(bytes + 16);
    return 0;
}

int identity_write(const struct os *os, const char *dir, uint64_t *id, struct kith_error *err)
{
    uint8_t bytes[IDENTITY_BYTES] = { 0 };
    memcpy(bytes, identity_magic, 8);
    le32_put(bytes + 8, IDENTITY_VERSION);
    os_random(os, bytes + 16, 8);
    le64_put(bytes + 24, (uint64_t)os_wall_ms(os));
    le32_put(bytes + 60, checksum32(bytes, 60, 0));
    char path[OS_PATH_MAX], temporary[OS_PATH_MAX];
    struct os_file *file;
    int rc = path_join(path, dir, "KITH", err);
    if (rc == 0) rc = path_join(temporary, dir, "KITH.tmp", err);
    if (rc == 0) rc = os_open(os, temporary, OS_WRITE | OS_CREATE, &file, err);
    if (rc) return rc;
    rc = os_pwrite(file, bytes, sizeof bytes, 0, err);
    if (rc == 0) rc = os_sync(file, err);
    os_close(file);
    if (rc == 0) rc = os_rename(os, temporary, path, err);
    if (rc == 0) rc = os_sync_dir(os, dir, err);
    if (rc == 0) *id = le64_get(bytes + 16);
    return rc;
}
