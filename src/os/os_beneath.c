/*
 * A file below a directory, wherever links lead: for names that come from clients. Both are
 * resolved by the system, and compared.
 */
#include "os/os.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "os/os_internal.h"

static_assert(OS_PATH_MAX >= PATH_MAX, "what realpath may write");

static int resolve(const char *path, char out[OS_PATH_MAX], struct kith_error *err)
{
    if (realpath(path, out)) return 0;
    const int number = errno;
    return error_set(err, number == ENOENT ? KITH_ENOTFOUND : KITH_EIO, "'%s': %s", path,
                     strerror(number));
}

int os_beneath(const char *dir, const char *name, char *out, size_t size, struct kith_error *err)
{
    char root[OS_PATH_MAX], path[OS_PATH_MAX], joined[OS_PATH_MAX];
    struct stat about;
    int rc = resolve(dir, root, err);
    if (rc) return rc;
    const int len = snprintf(joined, sizeof joined, "%s%s%s", *name == '/' ? "" : root,
                             *name == '/' ? "" : "/", name);
    if (len < 0 || (size_t)len >= sizeof joined)
        return error_set(err, KITH_EINVAL, "'%s': the path is too long", name);
    rc = resolve(joined, path, err);
    if (rc) return error_set(err, rc, "'%s' %s", name,
                             rc == KITH_ENOTFOUND ? "is not there" : "cannot be read");
    const size_t root_len = strcmp(root, "/") == 0 ? 0 : strlen(root);
    if (strncmp(path, root, root_len) != 0 || path[root_len] != '/')
        return error_set(err, KITH_EINVAL, "'%s' leads out of its directory", name);
    if (stat(path, &about) != 0 || !S_ISREG(about.st_mode))
        return error_set(err, KITH_EINVAL, "'%s' is no regular file", name);
    if (strlen(path) >= size) return error_set(err, KITH_EINVAL, "'%s': too long", name);
    memcpy(out, path, strlen(path) + 1);
    return 0;
}
