/*
 * The parts of the real machine's table, one file per subject (os_real_file.c, os_real_dir.c,
 * os_real_memory.c, os_real_clock.c, os_real_thread.c); os_real.c puts them together.
 * Contracts: os/os.h and os/thread.h.
 */
#ifndef KITH_OS_OS_REAL_H
#define KITH_OS_OS_REAL_H

#include "os/os_internal.h"

struct real_file {
    struct os_file base; /* first */
    int fd;              /* owns */
    char path[];         /* for error texts */
};

int real_open(const struct os *os, const char *path, unsigned flags, struct os_file **out,
              struct kith_error *err);
void real_close(struct os_file *file);
int real_pread(struct os_file *file, void *buf, size_t len, uint64_t offset, size_t *got,
               struct kith_error *err);
int real_pwrite(struct os_file *file, const void *buf, size_t len, uint64_t offset,
                struct kith_error *err);
int real_sync(struct os_file *file, struct kith_error *err);
int real_size(struct os_file *file, uint64_t *size, struct kith_error *err);
int real_truncate(struct os_file *file, uint64_t size, struct kith_error *err);
int real_allocate(struct os_file *file, uint64_t offset, uint64_t len, struct kith_error *err);
int real_lock(struct os_file *file, struct kith_error *err);

int real_mkdir(const struct os *os, const char *path, struct kith_error *err);
int real_rename(const struct os *os, const char *from, const char *to, struct kith_error *err);
int real_link(const struct os *os, const char *from, const char *to, struct kith_error *err);
int real_unlink(const struct os *os, const char *path, struct kith_error *err);
int real_rmdir(const struct os *os, const char *path, struct kith_error *err);
int real_sync_dir(const struct os *os, const char *path, struct kith_error *err);
int real_stat(const struct os *os, const char *path, struct os_stat *out, struct kith_error *err);
int real_list(const struct os *os, const char *path, os_list_fn *fn, void *ctx,
              struct kith_error *err);
int real_disk_free(const struct os *os, const char *path, uint64_t *free_bytes,
                   uint64_t *total_bytes, struct kith_error *err);

int real_map(struct os_file *file, size_t len, const uint8_t **out, struct kith_error *err);
int real_map_shared(struct os_file *file, size_t len, bool writable, uint8_t **out,
                    struct kith_error *err);
void real_unmap(const struct os *os, const uint8_t *ptr, size_t len);
void real_advise(const struct os *os, const uint8_t *ptr, size_t len, enum os_advice advice);
void *real_pages_alloc(const struct os *os, size_t len);
void real_pages_free(const struct os *os, void *ptr, size_t len);

int64_t real_now_us(const struct os *os);
int64_t real_now_ns(const struct os *os);
int64_t real_wall_us(const struct os *os);
void real_random(const struct os *os, void *buf, size_t len);
void real_sleep_us(const struct os *os, int64_t us);
unsigned real_cpu_count(const struct os *os);
uint64_t real_memory_bytes(const struct os *os);
uint64_t real_process_id(const struct os *os);
uint64_t real_boot_id(const struct os *os);

int real_mutex_init(const struct os *os, struct os_mutex *mutex);
void real_mutex_release(struct os_mutex *mutex);
void real_mutex_lock(struct os_mutex *mutex);
bool real_mutex_try(struct os_mutex *mutex);
void real_mutex_unlock(struct os_mutex *mutex);
int real_cond_init(const struct os *os, struct os_cond *cond);
void real_cond_release(struct os_cond *cond);
int real_cond_wait(struct os_cond *cond, struct os_mutex *mutex, int64_t deadline_us);
void real_cond_signal(struct os_cond *cond);
void real_cond_broadcast(struct os_cond *cond);
int real_thread_start(const struct os *os, const char *name, int nice, void (*fn)(void *),
                      void *arg, struct os_thread **out, struct kith_error *err);
void real_thread_join(struct os_thread *thread);

#endif
