/*
 * Open files of the real machine.
 *
 * Transfers loop over EINTR and short counts. A write that makes no progress is ENOSPC's cousin
 * and reported as an I/O error, never spun on. A sync is tried once: after a failure the kernel
 * may have dropped the dirty pages and would answer the second call with success (the "fsyncgate"
 * of 2018), so the caller must treat the file as lost.
 *
 * Locks are open-file-description locks: two opens of one file conflict even inside one process,
 * and closing an unrelated descriptor of the same file does not drop the lock, as it would with
 * classic POSIX locks.
 */
#include "os/os_real.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"

#define ZERO_BYTES 65536u
#define TRANSFER_BYTES_MAX 0x7ffff000u /* what one system call moves at most on Linux */

static struct real_file *real_of(struct os_file *file)
{
    return (struct real_file *)file;
}

static int open_flags(unsigned flags)
{
    int o = O_CLOEXEC | ((flags & OS_WRITE) ? O_RDWR : O_RDONLY);
    if ((flags & OS_WRITE) && (flags & OS_CREATE)) o |= O_CREAT;
    if ((o & O_CREAT) && (flags & OS_EXCL)) o |= O_EXCL;
    return o;
}

int real_open(const struct os *os, const char *path, unsigned flags, struct os_file **out,
              struct kith_error *err)
{
    size_t len = strlen(path) + 1;
    struct real_file *file = mem_alloc(sizeof *file + len);
    if (!file) return error_set(err, KITH_ENOMEM, "open '%s': out of memory", path);
    memcpy(file->path, path, len);
    file->base.os = os;
    do {
        file->fd = open(path, open_flags(flags), 0644);
    } while (file->fd < 0 && errno == EINTR);
    if (file->fd < 0) {
        int number = errno;
        mem_free(file);
        return os_errno_set(err, number, "open", path);
    }
    *out = &file->base;
    return 0;
}

void real_close(struct os_file *file)
{
    struct real_file *real = real_of(file);
    (void)close(real->fd); /* not retried: on Linux the descriptor is gone even after EINTR */
    mem_free(real);
}

int real_pread(struct os_file *file, void *buf, size_t len, uint64_t offset, size_t *got,
               struct kith_error *err)
{
    struct real_file *real = real_of(file);
    size_t done = 0;
    while (done < len) {
        size_t want = len - done < TRANSFER_BYTES_MAX ? len - done : TRANSFER_BYTES_MAX;
        ssize_t n = pread(real->fd, (uint8_t *)buf + done, want, (off_t)(offset + done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return os_errno_set(err, errno, "read", real->path);
        if (n == 0) break;
        done += (size_t)n;
    }
    *got = done;
    return 0;
}

int real_pwrite(struct os_file *file, const void *buf, size_t len, uint64_t offset,
                struct kith_error *err)
{
    struct real_file *real = real_of(file);
    size_t done = 0;
    while (done < len) {
        size_t want = len - done < TRANSFER_BYTES_MAX ? len - done : TRANSFER_BYTES_MAX;
        ssize_t n = pwrite(real->fd, (const uint8_t *)buf + done, want, (off_t)(offset + done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return os_errno_set(err, errno, "write", real->path);
        if (n == 0) return os_errno_set(err, EIO, "write", real->path);
        done += (size_t)n;
    }
    return 0;
}

int real_sync(struct os_file *file, struct kith_error *err)
{
    struct real_file *real = real_of(file);
    return fdatasync(real->fd) ? os_errno_set(err, errno, "sync", real->path) : 0;
}

int real_size(struct os_file *file, uint64_t *size, struct kith_error *err)
{
    struct real_file *real = real_of(file);
    struct stat st;
    if (fstat(real->fd, &st)) return os_errno_set(err, errno, "size", real->path);
    *size = (uint64_t)st.st_size;
    return 0;
}

int real_truncate(struct os_file *file, uint64_t size, struct kith_error *err)
{
    struct real_file *real = real_of(file);
    int rc;
    do {
        rc = ftruncate(real->fd, (off_t)size);
    } while (rc && errno == EINTR);
    return rc ? os_errno_set(err, errno, "truncate", real->path) : 0;
}

/* For file systems without fallocate: writes zeros past the present end; what lies before it is
 * left alone, since it may hold data. */
static int allocate_by_writing(struct os_file *file, uint64_t end, struct kith_error *err)
{
    static const uint8_t zeros[ZERO_BYTES];
    uint64_t at;
    int rc = real_size(file, &at, err);
    while (rc == 0 && at < end) {
        size_t len = end - at < ZERO_BYTES ? (size_t)(end - at) : ZERO_BYTES;
        rc = real_pwrite(file, zeros, len, at, err);
        at += len;
    }
    return rc;
}

int real_allocate(struct os_file *file, uint64_t offset, uint64_t len, struct kith_error *err)
{
    struct real_file *real = real_of(file);
    int rc;
    do {
        rc = fallocate(real->fd, 0, (off_t)offset, (off_t)len);
    } while (rc && errno == EINTR);
    if (rc == 0) return 0;
    if (errno == EOPNOTSUPP) return allocate_by_writing(file, offset + len, err);
    return os_errno_set(err, errno, "allocate", real->path);
}

int real_lock(struct os_file *file, struct kith_error *err)
{
    struct real_file *real = real_of(file);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int rc;
    do {
        rc = fcntl(real->fd, F_OFD_SETLK, &lock);
    } while (rc && errno == EINTR);
    if (rc == 0) return 0;
    if (errno != EAGAIN && errno != EACCES) return os_errno_set(err, errno, "lock", real->path);
    return error_set(err, KITH_ELOCKED, "lock '%s': held by another opener; close it first",
                     real->path);
}
