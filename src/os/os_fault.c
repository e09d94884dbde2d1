/*
 * The fault decorator: every operation that can fail passes `strike`, which counts it and, at the
 * chosen one, fails it or calls the hook; all else goes through to the machine below.
 *
 * A file is wrapped, so that its operations pass too. Mutexes, conditions and threads become
 * those of the machine below: they cost nothing extra and never come back here.
 *
 * Threading: `count` is an atomic counter; the settings are written before the threads that use
 * the machine are started, or while they rest.
 */
#include <string.h>

#include "base/alloc.h"
#include "os/os_internal.h"
#include "os/sim.h"

struct fault_file {
    struct os_file base;   /* first */
    struct os_fault *fault; /* borrows */
    struct os_file *inner; /* owns */
    char path[];
};

/* The decorator is its caller's, and writable; only the view through `struct os` is const. */
static struct os_fault *fault_of(const struct os *os)
{
    return (struct os_fault *)(uintptr_t)os;
}

static struct fault_file *wrapper_of(struct os_file *file)
{
    return (struct fault_file *)file;
}

static const struct os *inner_of(const struct os *os)
{
    return fault_of(os)->inner;
}

/* 0: go on. Otherwise the status to fail with. */
static int strike(struct os_fault *fault, const char *operation, const char *path,
                  struct kith_error *err)
{
    if (fault->select && !fault->select(fault->select_ctx, operation, path)) return 0;
    uint64_t n = __atomic_add_fetch(&fault->count, 1, __ATOMIC_RELAXED);
    bool hit = fault->fail_at && (n == fault->fail_at || (fault->sticky && n > fault->fail_at));
    if (!hit) return 0;
    if (fault->hook) {
        fault->hook(fault->hook_ctx, operation, path);
        return 0;
    }
    return error_set(err, fault->fail_status, "%s '%s': injected fault at operation %llu",
                     operation, path, (unsigned long long)n);
}

static int strike_file(struct fault_file *file, const char *operation, struct kith_error *err)
{
    return strike(file->fault, operation, file->path, err);
}

/* ---- files ---- */

static int fault_open(const struct os *os, const char *path, unsigned flags, struct os_file **out,
                      struct kith_error *err)
{
    struct os_fault *fault = fault_of(os);
    int rc = strike(fault, "open", path, err);
    if (rc) return rc;
    size_t len = strlen(path) + 1;
    struct fault_file *file = mem_alloc(sizeof *file + len);
    if (!file) return error_set(err, KITH_ENOMEM, "open '%s': out of memory", path);
    file->base.os = os;
    file->fault = fault;
    memcpy(file->path, path, len);
    rc = os_open(fault->inner, path, flags, &file->inner, err);
    if (rc) {
        mem_free(file);
        return rc;
    }
    *out = &file->base;
    return 0;
}

static void fault_close(struct os_file *file)
{
    struct fault_file *wrapper = wrapper_of(file);
    os_close(wrapper->inner);
    mem_free(wrapper);
}

static int fault_pread(struct os_file *file, void *buf, size_t len, uint64_t offset, size_t *got,
                       struct kith_error *err)
{
    struct fault_file *wrapper = wrapper_of(file);
    int rc = strike_file(wrapper, "pread", err);
    return rc ? rc : os_pread(wrapper->inner, buf, len, offset, got, err);
}

static int fault_pwrite(struct os_file *file, const void *buf, size_t len, uint64_t offset,
                        struct kith_error *err)
{
    struct fault_file *wrapper = wrapper_of(file);
    int rc = strike_file(wrapper, "pwrite", err);
    if (rc == 0) return os_pwrite(wrapper->inner, buf, len, offset, err);
    if (wrapper->fault->partial)
        (void)!os_pwrite(wrapper->inner, buf, len / 2, offset, NULL); /* fails anyway */
    return rc;
}

static int fault_sync(struct os_file *file, struct kith_error *err)
{
    int rc = strike_file(wrapper_of(file), "sync", err);
    return rc ? rc : os_sync(wrapper_of(file)->inner, err);
}

static int fault_size(struct os_file *file, uint64_t *size, struct kith_error *err)
{
    int rc = strike_file(wrapper_of(file), "size", err);
    return rc ? rc : os_size(wrapper_of(file)->inner, size, err);
}

static int fault_truncate(struct os_file *file, uint64_t size, struct kith_error *err)
{
    int rc = strike_file(wrapper_of(file), "truncate", err);
    return rc ? rc : os_truncate(wrapper_of(file)->inner, size, err);
}

static int fault_allocate(struct os_file *file, uint64_t offset, uint64_t len,
                          struct kith_error *err)
{
    int rc = strike_file(wrapper_of(file), "allocate", err);
    return rc ? rc : os_allocate(wrapper_of(file)->inner, offset, len, err);
}

static int fault_lock(struct os_file *file, struct kith_error *err)
{
    int rc = strike_file(wrapper_of(file), "lock", err);
    return rc ? rc : os_lock(wrapper_of(file)->inner, err);
}

static int fault_map(struct os_file *file, size_t len, const uint8_t **out, struct kith_error *err)
{
    int rc = strike_file(wrapper_of(file), "map", err);
    return rc ? rc : os_map(wrapper_of(file)->inner, len, out, err);
}

static int fault_map_shared(struct os_file *file, size_t len, bool writable, uint8_t **out,
                            struct kith_error *err)
{
    int rc = strike_file(wrapper_of(file), "map_shared", err);
    return rc ? rc : os_map_shared(wrapper_of(file)->inner, len, writable, out, err);
}

/* ---- names ---- */

static int fault_mkdir(const struct os *os, const char *path, struct kith_error *err)
{
    int rc = strike(fault_of(os), "mkdir", path, err);
    return rc ? rc : os_mkdir(inner_of(os), path, err);
}

static int fault_rename(const struct os *os, const char *from, const char *to,
                        struct kith_error *err)
{
    int rc = strike(fault_of(os), "rename", to, err);
    return rc ? rc : os_rename(inner_of(os), from, to, err);
}

static int fault_link(const struct os *os, const char *from, const char *to,
                      struct kith_error *err)
{
    int rc = strike(fault_of(os), "link", to, err);
    return rc ? rc : os_link(inner_of(os), from, to, err);
}

static int fault_unlink(const struct os *os, const char *path, struct kith_error *err)
{
    int rc = strike(fault_of(os), "unlink", path, err);
    return rc ? rc : os_unlink(inner_of(os), path, err);
}

static int fault_rmdir(const struct os *os, const char *path, struct kith_error *err)
{
    int rc = strike(fault_of(os), "rmdir", path, err);
    return rc ? rc : os_rmdir(inner_of(os), path, err);
}

static int fault_sync_dir(const struct os *os, const char *path, struct kith_error *err)
{
    int rc = strike(fault_of(os), "sync_dir", path, err);
    return rc ? rc : os_sync_dir(inner_of(os), path, err);
}

static int fault_stat(const struct os *os, const char *path, struct os_stat *out,
                      struct kith_error *err)
{
    int rc = strike(fault_of(os), "stat", path, err);
    return rc ? rc : os_stat(inner_of(os), path, out, err);
}

static int fault_list(const struct os *os, const char *path, os_list_fn *fn, void *ctx,
                      struct kith_error *err)
{
    int rc = strike(fault_of(os), "list", path, err);
    return rc ? rc : os_list(inner_of(os), path, fn, ctx, err);
}

static int fault_disk_free(const struct os *os, const char *path, uint64_t *free_bytes,
                           uint64_t *total_bytes, struct kith_error *err)
{
    int rc = strike(fault_of(os), "disk_free", path, err);
    return rc ? rc : os_disk_free(inner_of(os), path, free_bytes, total_bytes, err);
}

/* ---- memory, clock, threads: through to the machine below ---- */

static void fault_unmap(const struct os *os, const uint8_t *ptr, size_t len)
{
    os_unmap(inner_of(os), ptr, len);
}

static void fault_advise(const struct os *os, const uint8_t *ptr, size_t len,
                         enum os_advice advice)
{
    os_advise(inner_of(os), ptr, len, advice);
}

static void *fault_pages_alloc(const struct os *os, size_t len)
{
    return strike(fault_of(os), "pages_alloc", "", NULL) ? NULL : os_pages_alloc(inner_of(os), len);
}

static void fault_pages_free(const struct os *os, void *ptr, size_t len)
{
    os_pages_free(inner_of(os), ptr, len);
}

static int64_t fault_now_us(const struct os *os)
{
    return os_now_us(inner_of(os));
}

static int64_t fault_wall_us(const struct os *os)
{
    return os_wall_us(inner_of(os));
}

static void fault_random(const struct os *os, void *buf, size_t len)
{
    os_random(inner_of(os), buf, len);
}

static void fault_sleep_us(const struct os *os, int64_t us)
{
    os_sleep_us(inner_of(os), us);
}

static unsigned fault_cpu_count(const struct os *os)
{
    return os_cpu_count(inner_of(os));
}

static uint64_t fault_memory_bytes(const struct os *os)
{
    return os_memory_bytes(inner_of(os));
}

static uint64_t fault_process_id(const struct os *os)
{
    return os_process_id(inner_of(os));
}

static uint64_t fault_boot_id(const struct os *os)
{
    return os_boot_id(inner_of(os));
}

static int fault_mutex_init(const struct os *os, struct os_mutex *mutex)
{
    return os_mutex_init(inner_of(os), mutex);
}

static int fault_cond_init(const struct os *os, struct os_cond *cond)
{
    return os_cond_init(inner_of(os), cond);
}

static int fault_thread_start(const struct os *os, const char *name, int nice, void (*fn)(void *),
                              void *arg, struct os_thread **out, struct kith_error *err)
{
    int rc = strike(fault_of(os), "thread_start", name, err);
    return rc ? rc : os_thread_start(inner_of(os), name, nice, fn, arg, out, err);
}

/* mutex_lock and the like are absent: those objects carry the machine below. */
static const struct os_ops fault_ops = {
    .open = fault_open,
    .close = fault_close,
    .pread = fault_pread,
    .pwrite = fault_pwrite,
    .sync = fault_sync,
    .size = fault_size,
    .truncate = fault_truncate,
    .allocate = fault_allocate,
    .lock = fault_lock,
    .mkdir = fault_mkdir,
    .rename = fault_rename,
    .link = fault_link,
    .unlink = fault_unlink,
    .rmdir = fault_rmdir,
    .sync_dir = fault_sync_dir,
    .stat = fault_stat,
    .list = fault_list,
    .disk_free = fault_disk_free,
    .map = fault_map,
    .map_shared = fault_map_shared,
    .unmap = fault_unmap,
    .advise = fault_advise,
    .pages_alloc = fault_pages_alloc,
    .pages_free = fault_pages_free,
    .now_us = fault_now_us,
    .wall_us = fault_wall_us,
    .random = fault_random,
    .sleep_us = fault_sleep_us,
    .cpu_count = fault_cpu_count,
    .memory_bytes = fault_memory_bytes,
    .process_id = fault_process_id,
    .boot_id = fault_boot_id,
    .mutex_init = fault_mutex_init,
    .cond_init = fault_cond_init,
    .thread_start = fault_thread_start,
};

void os_fault_init(struct os_fault *fault, const struct os *inner)
{
    *fault = (struct os_fault){.os = {&fault_ops}, .inner = inner, .fail_status = KITH_EIO};
}

uint64_t os_fault_count(const struct os_fault *fault)
{
    return __atomic_load_n(&fault->count, __ATOMIC_RELAXED);
}
