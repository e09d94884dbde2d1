/*
 * What the machines of os/ share: the table of operations behind `struct os`, and the first
 * members of an open file and of a thread.
 *
 * A machine is a `struct os` (first member of its own state, if it has any) with a filled table.
 * Every file it opens begins with `struct os_file` and every thread it starts with `struct
 * os_thread`, whose `os` says which table serves it. Paths reach a machine only after os.c has
 * checked their length, and lengths of zero never do. Mutexes and conditions are inited by their
 * machine, which writes itself (or, a decorator, the machine below) into their `os`.
 */
#ifndef KITH_OS_OS_INTERNAL_H
#define KITH_OS_OS_INTERNAL_H

#include "os/os.h"
#include "os/thread.h"

struct os_file {
    const struct os *os;
};
struct os_thread {
    const struct os *os;
};

typedef int os_list_fn(void *ctx, const char *name);

struct os_ops {
    int (*open)(const struct os *os, const char *path, unsigned flags, struct os_file **out,
                struct kith_error *err);
    void (*close)(struct os_file *file);
    int (*pread)(struct os_file *file, void *buf, size_t len, uint64_t offset, size_t *got,
                 struct kith_error *err);
    int (*pwrite)(struct os_file *file, const void *buf, size_t len, uint64_t offset,
                  struct kith_error *err);
    int (*sync)(struct os_file *file, struct kith_error *err);
    int (*size)(struct os_file *file, uint64_t *size, struct kith_error *err);
    int (*truncate)(struct os_file *file, uint64_t size, struct kith_error *err);
    int (*allocate)(struct os_file *file, uint64_t offset, uint64_t len, struct kith_error *err);
    int (*lock)(struct os_file *file, struct kith_error *err);

    int (*mkdir)(const struct os *os, const char *path, struct kith_error *err);
    int (*rename)(const struct os *os, const char *from, const char *to, struct kith_error *err);
    int (*link)(const struct os *os, const char *from, const char *to, struct kith_error *err);
    int (*unlink)(const struct os *os, const char *path, struct kith_error *err);
    int (*rmdir)(const struct os *os, const char *path, struct kith_error *err);
    int (*sync_dir)(const struct os *os, const char *path, struct kith_error *err);
    int (*stat)(const struct os *os, const char *path, struct os_stat *out,
                struct kith_error *err);
    int (*list)(const struct os *os, const char *path, os_list_fn *fn, void *ctx,
                struct kith_error *err);
    int (*disk_free)(const struct os *os, const char *path, uint64_t *free_bytes,
                     uint64_t *total_bytes, struct kith_error *err);

    int (*map)(struct os_file *file, size_t len, const uint8_t **out, struct kith_error *err);
    int (*map_shared)(struct os_file *file, size_t len, bool writable, uint8_t **out,
                      struct kith_error *err);
    void (*unmap)(const struct os *os, const uint8_t *ptr, size_t len);
    void (*advise)(const struct os *os, const uint8_t *ptr, size_t len, enum os_advice advice);
    void *(*pages_alloc)(const struct os *os, size_t len);
    void (*pages_free)(const struct os *os, void *ptr, size_t len);

    int64_t (*now_us)(const struct os *os);
    int64_t (*now_ns)(const struct os *os); /* nullable: the clock counts microseconds */
    int64_t (*wall_us)(const struct os *os);
    void (*random)(const struct os *os, void *buf, size_t len);
    void (*sleep_us)(const struct os *os, int64_t us);
    unsigned (*cpu_count)(const struct os *os);
    uint64_t (*memory_bytes)(const struct os *os);
    uint64_t (*process_id)(const struct os *os);
    uint64_t (*boot_id)(const struct os *os);

    int (*mutex_init)(const struct os *os, struct os_mutex *mutex);
    void (*mutex_release)(struct os_mutex *mutex);
    void (*mutex_lock)(struct os_mutex *mutex);
    bool (*mutex_try)(struct os_mutex *mutex);
    void (*mutex_unlock)(struct os_mutex *mutex);
    int (*cond_init)(const struct os *os, struct os_cond *cond);
    void (*cond_release)(struct os_cond *cond);
    int (*cond_wait)(struct os_cond *cond, struct os_mutex *mutex, int64_t deadline_us);
    void (*cond_signal)(struct os_cond *cond);
    void (*cond_broadcast)(struct os_cond *cond);
    int (*thread_start)(const struct os *os, const char *name, int nice, void (*fn)(void *),
                        void *arg, struct os_thread **out, struct kith_error *err);
    void (*thread_join)(struct os_thread *thread);
};

/* The status of an errno, and the text "<operation> '<path>': <reason>[; <remedy>]". */
int os_errno_status(int number);
int os_errno_set(struct kith_error *err, int number, const char *operation, const char *path);

#endif
