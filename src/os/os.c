/*
 * The dispatch of os.h: each function checks what every machine may rely on (a path that is
 * neither empty nor too long, a length above zero, an offset range that fits a signed 64-bit
 * number as the system's does) and calls through the table.
 */
#include "os/os.h"

#include <string.h>

#include "os/os_internal.h"

static int check_path(const char *path, struct kith_error *err)
{
    size_t len = path ? strnlen(path, OS_PATH_MAX + 1) : 0;
    if (len == 0) return error_set(err, KITH_EINVAL, "a path is empty");
    if (len <= OS_PATH_MAX) return 0;
    return error_set(err, KITH_EINVAL, "a path is longer than %d bytes: '%.64s...'", OS_PATH_MAX,
                     path);
}

static int check_range(uint64_t offset, uint64_t len, struct kith_error *err)
{
    if (len <= INT64_MAX && offset <= INT64_MAX - len) return 0;
    return error_set(err, KITH_EINVAL, "a file range ends beyond 2^63 bytes");
}

int os_open(const struct os *os, const char *path, unsigned flags, struct os_file **out,
            struct kith_error *err)
{
    int rc = check_path(path, err);
    return rc ? rc : os->ops->open(os, path, flags, out, err);
}

void os_close(struct os_file *file)
{
    if (file) file->os->ops->close(file);
}

int os_pread(struct os_file *file, void *buf, size_t len, uint64_t offset, size_t *got,
             struct kith_error *err)
{
    int rc = check_range(offset, len, err);
    return rc ? rc : file->os->ops->pread(file, buf, len, offset, got, err);
}

int os_pwrite(struct os_file *file, const void *buf, size_t len, uint64_t offset,
              struct kith_error *err)
{
    int rc = check_range(offset, len, err);
    if (rc || len == 0) return rc;
    return file->os->ops->pwrite(file, buf, len, offset, err);
}

int os_sync(struct os_file *file, struct kith_error *err)
{
    return file->os->ops->sync(file, err);
}

int os_size(struct os_file *file, uint64_t *size, struct kith_error *err)
{
    return file->os->ops->size(file, size, err);
}

int os_truncate(struct os_file *file, uint64_t size, struct kith_error *err)
{
    int rc = check_range(0, size, err);
    return rc ? rc : file->os->ops->truncate(file, size, err);
}

int os_allocate(struct os_file *file, uint64_t offset, uint64_t len, struct kith_error *err)
{
    int rc = check_range(offset, len, err);
    if (rc || len == 0) return rc;
    return file->os->ops->allocate(file, offset, len, err);
}

int os_lock(struct os_file *file, struct kith_error *err)
{
    return file->os->ops->lock(file, err);
}

int os_mkdir(const struct os *os, const char *path, struct kith_error *err)
{
    int rc = check_path(path, err);
    return rc ? rc : os->ops->mkdir(os, path, err);
}

int os_rename(const struct os *os, const char *from, const char *to, struct kith_error *err)
{
    int rc = check_path(from, err);
    if (rc == 0) rc = check_path(to, err);
    return rc ? rc : os->ops->rename(os, from, to, err);
}

int os_link(const struct os *os, const char *from, const char *to, struct kith_error *err)
{
    int rc = check_path(from, err);
    if (rc == 0) rc = check_path(to, err);
    return rc ? rc : os->ops->link(os, from, to, err);
}

int os_unlink(const struct os *os, const char *path, struct kith_error *err)
{
    int rc = check_path(path, err);
    return rc ? rc : os->ops->unlink(os, path, err);
}

int os_rmdir(const struct os *os, const char *path, struct kith_error *err)
{
    int rc = check_path(path, err);
    return rc ? rc : os->ops->rmdir(os, path, err);
}

int os_sync_dir(const struct os *os, const char *path, struct kith_error *err)
{
    int rc = check_path(path, err);
    return rc ? rc : os->ops->sync_dir(os, path, err);
}

int os_stat(const struct os *os, const char *path, struct os_stat *out, struct kith_error *err)
{
    int rc = check_path(path, err);
    return rc ? rc : os->ops->stat(os, path, out, err);
}

int os_list(const struct os *os, const char *path, os_list_fn *fn, void *ctx,
            struct kith_error *err)
{
    int rc = check_path(path, err);
    return rc ? rc : os->ops->list(os, path, fn, ctx, err);
}

int os_disk_free(const struct os *os, const char *path, uint64_t *free_bytes,
                 uint64_t *total_bytes, struct kith_error *err)
{
    int rc = check_path(path, err);
    return rc ? rc : os->ops->disk_free(os, path, free_bytes, total_bytes, err);
}

static int check_map(size_t len, struct kith_error *err)
{
    return len ? 0 : error_set(err, KITH_EINVAL, "an empty file cannot be mapped");
}

int os_map(struct os_file *file, size_t len, const uint8_t **out, struct kith_error *err)
{
    int rc = check_map(len, err);
    return rc ? rc : file->os->ops->map(file, len, out, err);
}

int os_map_shared(struct os_file *file, size_t len, bool writable, uint8_t **out,
                  struct kith_error *err)
{
    int rc = check_map(len, err);
    return rc ? rc : file->os->ops->map_shared(file, len, writable, out, err);
}

void os_unmap(const struct os *os, const uint8_t *ptr, size_t len)
{
    if (ptr) os->ops->unmap(os, ptr, len);
}

void os_advise(const struct os *os, const uint8_t *ptr, size_t len, enum os_advice advice)
{
    if (ptr && len) os->ops->advise(os, ptr, len, advice);
}

void *os_pages_alloc(const struct os *os, size_t len)
{
    return len ? os->ops->pages_alloc(os, len) : NULL;
}

void os_pages_free(const struct os *os, void *ptr, size_t len)
{
    if (ptr) os->ops->pages_free(os, ptr, len);
}

int64_t os_now_us(const struct os *os)
{
    return os->ops->now_us(os);
}

int64_t os_now_ns(const struct os *os)
{
    return os->ops->now_ns ? os->ops->now_ns(os) : 1000 * os->ops->now_us(os);
}

int64_t os_wall_us(const struct os *os)
{
    return os->ops->wall_us(os);
}

int64_t os_wall_ms(const struct os *os)
{
    return os_wall_us(os) / 1000;
}

void os_random(const struct os *os, void *buf, size_t len)
{
    os->ops->random(os, buf, len);
}

void os_sleep_us(const struct os *os, int64_t us)
{
    if (us > 0) os->ops->sleep_us(os, us);
}

uint64_t os_memory_bytes(const struct os *os)
{
    return os->ops->memory_bytes(os);
}

unsigned os_cpu_count(const struct os *os)
{
    return os->ops->cpu_count(os);
}

uint64_t os_process_id(const struct os *os)
{
    return os->ops->process_id(os);
}

uint64_t os_boot_id(const struct os *os)
{
    return os->ops->boot_id(os);
}
