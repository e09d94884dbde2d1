/*
 * Names and directories of the real machine.
 */
#include "os/os_real.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

int real_mkdir(const struct os *os, const char *path, struct kith_error *err)
{
    (void)os;
    if (mkdir(path, 0755) == 0) return 0;
    int number = errno;
    struct stat st;
    if (number == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode)) return 0;
    return os_errno_set(err, number, "mkdir", path);
}

int real_rename(const struct os *os, const char *from, const char *to, struct kith_error *err)
{
    (void)os;
    return rename(from, to) ? os_errno_set(err, errno, "rename", from) : 0;
}

int real_link(const struct os *os, const char *from, const char *to, struct kith_error *err)
{
    (void)os;
    if (link(from, to) == 0) return 0;
    return os_errno_set(err, errno, "link", errno == EEXIST ? to : from);
}

int real_unlink(const struct os *os, const char *path, struct kith_error *err)
{
    (void)os;
    return unlink(path) ? os_errno_set(err, errno, "unlink", path) : 0;
}

int real_rmdir(const struct os *os, const char *path, struct kith_error *err)
{
    (void)os;
    return rmdir(path) ? os_errno_set(err, errno, "rmdir", path) : 0;
}

/* EINVAL means that the file system has no way to sync a directory; there is nothing else a
 * program could do on it, so that is not an error. */
int real_sync_dir(const struct os *os, const char *path, struct kith_error *err)
{
    (void)os;
    int fd;
    do {
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) return os_errno_set(err, errno, "open directory", path);
    int number = fsync(fd) ? errno : 0;
    (void)close(fd);
    if (number == 0 || number == EINVAL) return 0;
    return os_errno_set(err, number, "sync directory", path);
}

int real_stat(const struct os *os, const char *path, struct os_stat *out, struct kith_error *err)
{
    (void)os;
    struct stat st;
    if (stat(path, &st)) return os_errno_set(err, errno, "stat", path);
    *out = (struct os_stat){.size = (uint64_t)st.st_size, .is_dir = S_ISDIR(st.st_mode),
                            .is_file = S_ISREG(st.st_mode)};
    return 0;
}

int real_list(const struct os *os, const char *path, os_list_fn *fn, void *ctx,
              struct kith_error *err)
{
    (void)os;
    DIR *dir = opendir(path);
    if (!dir) return os_errno_set(err, errno, "list", path);
    int rc = 0;
    while (rc == 0) {
        errno = 0; /* readdir tells its end from an error only by errno */
        const struct dirent *entry = readdir(dir);
        if (!entry) {
            if (errno) rc = os_errno_set(err, errno, "list", path);
            break;
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            rc = fn(ctx, entry->d_name);
    }
    (void)closedir(dir);
    return rc;
}

int real_disk_free(const struct os *os, const char *path, uint64_t *free_bytes,
                   uint64_t *total_bytes, struct kith_error *err)
{
    (void)os;
    struct statvfs vfs;
    if (statvfs(path, &vfs)) return os_errno_set(err, errno, "disk space of", path);
    *free_bytes = (uint64_t)vfs.f_bavail * vfs.f_frsize;
    *total_bytes = (uint64_t)vfs.f_blocks * vfs.f_frsize;
    return 0;
}
