/*
 * errno to status and text, for every failing system call of the real machine.
 *
 * The text names the operation, the path and the system's reason; where the caller can do
 * something about it, it says what. strerror_r is used in its GNU form, which is thread-safe.
 */
#include "os/os_internal.h"

#include <errno.h>
#include <string.h>

int os_errno_status(int number)
{
    switch (number) {
    case ENOMEM: return KITH_ENOMEM;
    case ENOENT:
    case ENOTDIR: return KITH_ENOTFOUND;
    case EEXIST:
    case ENOTEMPTY: return KITH_EEXISTS;
    case ENOSPC:
    case EDQUOT: return KITH_ENOSPC;
    case EROFS: return KITH_EREADONLY;
    case EINVAL:
    case ENAMETOOLONG: return KITH_EINVAL;
    case EOPNOTSUPP: return KITH_EUNSUPPORTED;
    default: return KITH_EIO;
    }
}

static const char *remedy(int number)
{
    switch (number) {
    case ENOSPC: return "; free disk space or move the database to a larger disk";
    case EDQUOT: return "; free disk space or raise the disk quota";
    case EMFILE: return "; raise the limit of open files (ulimit -n)";
    case ENFILE: return "; raise the system's limit of open files (fs.file-max)";
    case EACCES:
    case EPERM: return "; check the owner and the permissions";
    default: return "";
    }
}

int os_errno_set(struct kith_error *err, int number, const char *operation, const char *path)
{
    char text[128];
    const char *reason = strerror_r(number, text, sizeof text);
    return error_set(err, os_errno_status(number), "%s '%s': %s%s", operation, path, reason,
                     remedy(number));
}
