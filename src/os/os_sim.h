/*
 * The simulated machine's inside, shared by os_sim*.c and sim_*.c.
 *
 * Disk: inodes hold what programs see (`live`) and what a power cut would leave (`durable`), and
 * in between the operations not yet synced, in order: `writes` of a file, `changes` of names for
 * the whole disk. os_sync moves a file's writes into its durable content; os_sync_dir moves the
 * changes that touch that directory into its durable names (a rename between two directories moves
 * as one, as journals do). A crash image starts from the durable side and replays a drawn subset.
 *
 * An inode lives while anything refers to it: a live or durable name, a pending change, an open
 * file, a mapping. `links` counts the live names and opens, which is what occupies the disk.
 *
 * Threads: `lock` guards everything here. `current` is the one thread that runs; every other waits
 * on its own `wake`. sim_enter takes the lock and lets the seed pick who runs next; sim_leave
 * releases it. No call out of the machine is made with the lock held.
 */
#ifndef KITH_OS_OS_SIM_H
#define KITH_OS_OS_SIM_H

#include <pthread.h>

#include "base/rng.h"
#include "os/os_internal.h"
#include "os/sim.h"
#include "os/sim_content.h"

#define SIM_NAME_BYTES 256 /* with the NUL */

struct sim_write { /* [offset, offset + len) of a file changed */
    uint64_t seq;
    uint64_t offset;
    uint64_t len;
    uint8_t *bytes;  /* owns; NULL: zeros */
    bool is_resize;  /* the size became `size`, nothing was written */
    uint64_t size;
};

struct sim_inode;
struct sim_name {
    char *name;             /* owns */
    struct sim_inode *node; /* owns a reference */
};
struct sim_names {
    struct sim_name *list; /* owns */
    size_t count;
    size_t cap;
};

struct sim_inode {
    struct sim_inode *prev, *next; /* all inodes of the machine */
    unsigned refs;
    unsigned links;
    bool is_dir;
    struct sim_content live, durable; /* of a file */
    struct sim_write *writes;         /* owns */
    size_t write_count, write_cap;
    struct sim_names live_names, durable_names; /* of a directory */
    const struct os_file *locked_by;            /* borrows; the file whose os_lock holds */
    struct sim_inode *clone;                    /* scratch of os_sim_crash */
};

struct sim_change { /* from_dir/from is gone and to_dir/to is node, each if its dir is set */
    uint64_t seq;
    struct sim_inode *from_dir, *to_dir, *node; /* own references */
    char *from, *to;                            /* own */
};

struct sim_mapping {
    struct sim_mapping *next;
    const uint8_t *ptr;
    size_t len;
    struct sim_inode *node; /* owns a reference; NULL: ptr is an owned copy */
};

struct sim_file {
    struct os_file base; /* first */
    struct os_sim *sim;  /* borrows */
    struct sim_inode *node; /* owns a reference */
    bool writable;
    char path[];
};

enum sim_thread_state { SIM_RUNNABLE, SIM_BLOCKED, SIM_DONE };
struct sim_thread {
    struct os_thread base; /* first */
    struct os_sim *sim;    /* borrows */
    pthread_t id;
    pthread_cond_t wake; /* it became `current` */
    uint64_t number;     /* in order of starting; 0 is the thread from outside */
    enum sim_thread_state state;
    const char *waits_what;  /* for the report: "mutex", ... */
    const void *waits_for;   /* the mutex, condition, or thread; NULL: only time */
    int64_t deadline_us;
    bool timed_out;
    void (*fn)(void *);
    void *arg;
    char name[32];
};

struct os_sim {
    struct os os; /* first */
    pthread_mutex_t lock;
    uint64_t seed;
    struct rng schedule_rng, entropy_rng;
    int64_t clock_us;
    uint64_t process_id;
    uint64_t boot_id;
    uint64_t trace;
    uint64_t disk_limit;
    uint64_t seq; /* of the next write or change */
    struct sim_inode *root;   /* owns a reference */
    struct sim_inode *inodes; /* every inode */
    struct sim_change *changes; /* owns */
    size_t change_count, change_cap;
    struct sim_mapping *mappings; /* owns */
    struct sim_thread outside;
    struct sim_thread **threads; /* owns the array; [0] is &outside */
    size_t thread_count, thread_cap;
    uint64_t threads_started;
    struct sim_thread *current;
};

/* The machine is its maker's, and writable; only the view through `struct os` is const. */
static inline struct os_sim *sim_of(const struct os *os)
{
    return (struct os_sim *)(uintptr_t)os;
}

/* ---- os_sim_thread.c ---- */
void sim_enter(struct os_sim *sim);
void sim_leave(struct os_sim *sim);
_Noreturn void sim_fail(const struct os_sim *sim, const char *what);
int sim_mutex_init(const struct os *os, struct os_mutex *mutex);
void sim_mutex_release(struct os_mutex *mutex);
void sim_mutex_lock(struct os_mutex *mutex);
bool sim_mutex_try(struct os_mutex *mutex);
void sim_mutex_unlock(struct os_mutex *mutex);
int sim_cond_init(const struct os *os, struct os_cond *cond);
void sim_cond_release(struct os_cond *cond);
int sim_cond_wait(struct os_cond *cond, struct os_mutex *mutex, int64_t deadline_us);
void sim_cond_signal(struct os_cond *cond);
void sim_cond_broadcast(struct os_cond *cond);
int sim_thread_start(const struct os *os, const char *name, int nice, void (*fn)(void *),
                     void *arg, struct os_thread **out, struct kith_error *err);
void sim_thread_join(struct os_thread *thread);
void sim_sleep_us(const struct os *os, int64_t us);

/* ---- sim_disk.c: inodes, names and pending changes; the lock is held ---- */
/* one reference; NULL: no memory */
struct sim_inode *sim_inode_new(struct os_sim *sim, bool is_dir);
struct sim_inode *sim_inode_ref(struct sim_inode *node);
void sim_inode_unref(struct os_sim *sim, struct sim_inode *node); /* NULL is a no-op */
struct sim_inode *sim_names_get(const struct sim_names *names, const char *name);
KITH_NODISCARD int sim_names_set(struct os_sim *sim, struct sim_names *names, const char *name,
                                 struct sim_inode *node);
void sim_names_remove(struct os_sim *sim, struct sim_names *names, const char *name);
/* Does the change in the live names and notes it as pending. All or nothing. */
KITH_NODISCARD int sim_change_names(struct os_sim *sim, struct sim_inode *from_dir,
                                    const char *from, struct sim_inode *to_dir, const char *to,
                                    struct sim_inode *node);
void sim_change_release(struct os_sim *sim, struct sim_change *change);
struct sim_path {
    struct sim_inode *dir;  /* the parent; NULL: the path is the root */
    struct sim_inode *node; /* NULL: the last name is not there */
    char name[SIM_NAME_BYTES];
};
/* KITH_ENOTFOUND when a directory on the way is missing. */
KITH_NODISCARD int sim_resolve(struct os_sim *sim, const char *path, struct sim_path *out,
                               const char *operation, struct kith_error *err);
KITH_NODISCARD int sim_note_write(struct os_sim *sim, struct sim_inode *node,
                                  struct sim_write write);
void sim_writes_clear(struct sim_inode *node);
uint64_t sim_disk_used(const struct os_sim *sim);

/* ---- os_sim_file.c ---- */
int sim_open(const struct os *os, const char *path, unsigned flags, struct os_file **out,
             struct kith_error *err);
void sim_close(struct os_file *file);
int sim_pread(struct os_file *file, void *buf, size_t len, uint64_t offset, size_t *got,
              struct kith_error *err);
int sim_pwrite(struct os_file *file, const void *buf, size_t len, uint64_t offset,
               struct kith_error *err);
int sim_sync(struct os_file *file, struct kith_error *err);
int sim_size(struct os_file *file, uint64_t *size, struct kith_error *err);
int sim_truncate(struct os_file *file, uint64_t size, struct kith_error *err);
int sim_allocate(struct os_file *file, uint64_t offset, uint64_t len, struct kith_error *err);
int sim_lock(struct os_file *file, struct kith_error *err);
int sim_map(struct os_file *file, size_t len, const uint8_t **out, struct kith_error *err);
int sim_map_shared(struct os_file *file, size_t len, bool writable, uint8_t **out,
                   struct kith_error *err);
void sim_unmap(const struct os *os, const uint8_t *ptr, size_t len);

/* ---- os_sim_dir.c ---- */
int sim_mkdir(const struct os *os, const char *path, struct kith_error *err);
int sim_rename(const struct os *os, const char *from, const char *to, struct kith_error *err);
int sim_link(const struct os *os, const char *from, const char *to, struct kith_error *err);
int sim_unlink(const struct os *os, const char *path, struct kith_error *err);
int sim_rmdir(const struct os *os, const char *path, struct kith_error *err);
int sim_sync_dir(const struct os *os, const char *path, struct kith_error *err);
int sim_stat(const struct os *os, const char *path, struct os_stat *out, struct kith_error *err);
int sim_list(const struct os *os, const char *path, os_list_fn *fn, void *ctx,
             struct kith_error *err);
int sim_disk_free(const struct os *os, const char *path, uint64_t *free_bytes,
                  uint64_t *total_bytes, struct kith_error *err);

#endif
