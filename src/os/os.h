/*
 * Every system call of Kith: files, directories, mapping, clock, threads, locks. Nothing outside
 * os/ calls pthread, time or file functions (tests/house checks it).
 *
 * `struct os` is a table of operations with state behind it. os_real() is the machine. Others
 * stack on top or replace it (os/sim.h): a decorator that fails the n-th call or kills the process
 * there, and a simulated machine (memory file system that forgets what was not synced, virtual
 * clock, threads that run one at a time in an order drawn from a seed).
 *
 * Rules: a path is relative to the process's directory or absolute, UTF-8, at most OS_PATH_MAX.
 * Reads and writes loop over EINTR and short transfers; a short write that makes no progress is
 * an error. A failed sync is never retried: the caller must treat the file as lost.
 */
#ifndef KITH_OS_OS_H
#define KITH_OS_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define OS_PATH_MAX 4096

struct os_ops;
struct os {
    const struct os_ops *ops; /* os/os_internal.h */
};
struct os_file; /* an open file; owned by its opener until os_close */

const struct os *os_real(void);

/* ---- files ---- */
enum os_open_flag {
    OS_READ = 1,
    OS_WRITE = 2,  /* read and write */
    OS_CREATE = 4, /* with OS_WRITE: create when missing */
    OS_EXCL = 8,   /* with OS_CREATE: KITH_EEXISTS when present */
};
/* KITH_ENOTFOUND when missing without OS_CREATE. */
KITH_NODISCARD int os_open(const struct os *os, const char *path, unsigned flags,
                           struct os_file **out, struct kith_error *err);
void os_close(struct os_file *file); /* NULL is a no-op */
/* Reads up to len bytes; *got < len only at the end of the file. */
KITH_NODISCARD int os_pread(struct os_file *file, void *buf, size_t len, uint64_t offset,
                            size_t *got, struct kith_error *err);
/* Writes all of it or fails (KITH_ENOSPC, KITH_EIO). Part may have been written then. */
KITH_NODISCARD int os_pwrite(struct os_file *file, const void *buf, size_t len, uint64_t offset,
                             struct kith_error *err);
KITH_NODISCARD int os_sync(struct os_file *file, struct kith_error *err); /* fdatasync */
KITH_NODISCARD int os_size(struct os_file *file, uint64_t *size, struct kith_error *err);
KITH_NODISCARD int os_truncate(struct os_file *file, uint64_t size, struct kith_error *err);
/* Reserves disk space and extends with zeros, so that later writes inside need no metadata. */
KITH_NODISCARD int os_allocate(struct os_file *file, uint64_t offset, uint64_t len,
                               struct kith_error *err);
/* Exclusive advisory lock on the whole file, not waited for: KITH_ELOCKED when held elsewhere.
 * Held until os_close. */
KITH_NODISCARD int os_lock(struct os_file *file, struct kith_error *err);

/* ---- directories ---- */
/* 0 if present */
KITH_NODISCARD int os_mkdir(const struct os *os, const char *path, struct kith_error *err);
KITH_NODISCARD int os_rename(const struct os *os, const char *from, const char *to,
                             struct kith_error *err); /* replaces `to` */
KITH_NODISCARD int os_link(const struct os *os, const char *from, const char *to,
                           struct kith_error *err); /* KITH_EEXISTS when `to` is there */
KITH_NODISCARD int os_unlink(const struct os *os, const char *path, struct kith_error *err);
KITH_NODISCARD int os_rmdir(const struct os *os, const char *path, struct kith_error *err);
KITH_NODISCARD int os_sync_dir(const struct os *os, const char *path, struct kith_error *err);
struct os_stat {
    uint64_t size;
    bool is_dir;
    bool is_file; /* a regular one: no pipe, no device */
};
KITH_NODISCARD int os_stat(const struct os *os, const char *path, struct os_stat *out,
                           struct kith_error *err);
/* Calls fn for each name but . and ..; stops and returns its value when that is not 0. */
KITH_NODISCARD int os_list(const struct os *os, const char *path,
                           int (*fn)(void *ctx, const char *name), void *ctx,
                           struct kith_error *err);
/* The real path of a regular file of this machine below `dir`, wherever links lead. `name` is
 * relative to dir, or absolute. KITH_EINVAL: outside, or another kind of file; KITH_ENOTFOUND. */
KITH_NODISCARD int os_beneath(const char *dir, const char *name, char *out, size_t size,
                              struct kith_error *err);
KITH_NODISCARD int os_disk_free(const struct os *os, const char *path, uint64_t *free_bytes,
                                uint64_t *total_bytes, struct kith_error *err);

/* ---- memory ---- */
enum os_advice { OS_ADVICE_NORMAL, OS_ADVICE_RANDOM, OS_ADVICE_SEQUENTIAL, OS_ADVICE_WILLNEED };
/* Maps the whole file read-only, shared. The mapping outlives os_close. len > 0. */
KITH_NODISCARD int os_map(struct os_file *file, size_t len, const uint8_t **out,
                          struct kith_error *err);
/* As os_map, but shared and writable (the reader page of a database). The file is >= len. */
KITH_NODISCARD int os_map_shared(struct os_file *file, size_t len, bool writable, uint8_t **out,
                                 struct kith_error *err);
void os_unmap(const struct os *os, const uint8_t *ptr, size_t len);
void os_advise(const struct os *os, const uint8_t *ptr, size_t len, enum os_advice advice);
/* Zeroed anonymous memory in 2 MiB pages where the system gives them. NULL: no memory. */
KITH_NODISCARD void *os_pages_alloc(const struct os *os, size_t len);
void os_pages_free(const struct os *os, void *ptr, size_t len);
/* Zeroed anonymous memory of this machine in small pages, for arrays that are filled slowly:
 * nothing is paid before a page is touched, and then no more than that page. drop gives a part
 * back, which is zero and unpaid again; ptr and len of it are multiples of 4 KiB. NULL: no
 * memory. */
KITH_NODISCARD void *os_lazy_pages_alloc(size_t len);
/* The same of a range that may be larger than the machine's memory. */
KITH_NODISCARD void *os_addresses(size_t len);
void os_lazy_pages_drop(void *ptr, size_t len);
void os_lazy_pages_free(void *ptr, size_t len);

/* ---- clock and entropy ---- */
int64_t os_now_us(const struct os *os);   /* monotonic */
int64_t os_now_ns(const struct os *os);   /* the same clock, as finely as it counts; to measure */
int64_t os_wall_ms(const struct os *os);  /* Unix time */
int64_t os_wall_us(const struct os *os);
void os_random(const struct os *os, void *buf, size_t len);
void os_sleep_us(const struct os *os, int64_t us);
unsigned os_cpu_count(const struct os *os);
uint64_t os_memory_bytes(const struct os *os); /* of the machine */
uint64_t os_process_id(const struct os *os);
/* Another number after each start of the machine; 0: unknown. What was in shared memory when a
 * process died is there still while it is the same. */
uint64_t os_boot_id(const struct os *os);

/* ---- the program's own descriptors ---- */
bool os_is_terminal(int fd); /* 1: standard output, 2: standard error */

/* ---- the program as a service ---- */
enum os_signal { OS_SIGNAL_STOP /* SIGTERM, SIGINT */, OS_SIGNAL_RELOAD /* SIGHUP */ };
/* Before any thread is started: from now on these are only seen by os_signal_wait(). */
void os_signals_hold(void);
enum os_signal os_signal_wait(void); /* blocks */
void os_signal_stop(void); /* as if SIGTERM had come */
/* Leaves the terminal: the caller goes on as another process. Before any thread is started. */
KITH_NODISCARD int os_daemonize(void);
KITH_NODISCARD int os_enter(const char *path, struct kith_error *err); /* the working directory */
KITH_NODISCARD int os_folder(char *out, size_t size);
/* A descriptor that appends; made when missing. */
KITH_NODISCARD int os_log_open(const char *path, int *fd, struct kith_error *err);
void os_log_close(int fd); /* of standard output and error: no-op */
void os_exit_now(int code); /* nothing is flushed or saved */
/* Tells the service manager ("READY=1"), where there is one. */
void os_service_notify(const char *text);
/* The listening socket of this name that the service manager passed in; -1: none. */
int os_service_socket(const char *name);
struct os_usage {
    uint64_t resident_bytes; /* 0: unknown */
    uint64_t anonymous_bytes; /* of them, those that are of no file; 0: unknown */
    int64_t cpu_us;          /* of all threads, since the start */
};
void os_usage(struct os_usage *out);

#endif
