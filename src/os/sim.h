/*
 * The twins of the real machine, for tests.
 *
 * 1. os_fault: a decorator over any os. Counts every operation that can fail, named as in os.h
 *    without the prefix ("open", "pread", "pwrite", "sync", "size", "truncate", "allocate", "lock",
 *    "mkdir", "rename", "link", "unlink", "rmdir", "sync_dir", "stat", "list", "disk_free", "map",
 *    "map_shared", "pages_alloc", "thread_start"; the path of rename and link is the new name, of
 *    pages_alloc "", of thread_start the thread's name), and makes the n-th
 *    fail with a chosen status, once or from then on; or calls a hook there (a test kills itself).
 * 2. os_sim: a machine in memory, drawn from a seed. Files live in memory; what was not synced is
 *    lost, torn at 512 bytes or zero-filled in os_sim_crash(), as a power cut would (names too:
 *    creation, rename and unlink are durable only after os_sync_dir). The clock is virtual.
 *    Threads are real, but exactly one runs: every call through the seam is a switch point at which
 *    the seed picks the next, so one seed reproduces one run.
 */
#ifndef KITH_OS_SIM_H
#define KITH_OS_SIM_H

#include "os/os.h"

struct os_fault {
    struct os os; /* first: pass &fault->os */
    const struct os *inner; /* borrows; outlives the fault and every file opened through it */
    uint64_t count;    /* operations seen (atomic: read it with os_fault_count) */
    uint64_t fail_at;  /* 1-based; 0: never. Set while no other thread is in the machine */
    bool sticky;       /* from fail_at on */
    bool partial;      /* a failing pwrite writes the first half before it fails */
    int fail_status;   /* KITH_EIO, KITH_ENOSPC, ... */
    void (*hook)(void *ctx, const char *operation, const char *path); /* at fail_at, instead of
                          failing: it is called before the operation, which then goes on. With
                          sticky, before every operation from there on */
    void *hook_ctx;
    /* When set, only operations for which this returns true are counted. Called by any thread. */
    bool (*select)(void *ctx, const char *operation, const char *path);
    void *select_ctx;
};
void os_fault_init(struct os_fault *fault, const struct os *inner); /* fail_status KITH_EIO */
uint64_t os_fault_count(const struct os_fault *fault);

/* One thread from outside at a time, and those started through the machine, may call into it. A
 * thread that waits for ever while nobody can wake it, a mutex locked twice by one thread and the
 * like are reported on stderr with the seed, and abort. */
struct os_sim; /* owns its files */
KITH_NODISCARD struct os_sim *os_sim_new(uint64_t seed); /* NULL: no memory */
void os_sim_free(struct os_sim *sim); /* after its files are closed and its threads joined */
const struct os *os_sim_os(struct os_sim *sim);
/* A hash of every choice of who runs next so far: equal for equal seeds and programs. */
uint64_t os_sim_trace(const struct os_sim *sim);

enum os_sim_loss {
    OS_SIM_KEEP_SYNCED, /* everything unsynced is gone */
    OS_SIM_KEEP_ALL,    /* a killed process: nothing is gone */
    OS_SIM_RANDOM       /* each unsynced write and name change is kept, dropped, torn or
                           zero-filled; for one seed in four, a prefix of them is kept and the
                           rest is gone */
};
/* A new machine as the disk of `sim` would be found after losing power now, with `seed` for its
 * threads too. NULL: no memory. `sim` is unchanged, so one run yields many crash states; call it
 * at any point (from a fault hook, too). */
KITH_NODISCARD struct os_sim *os_sim_crash(const struct os_sim *sim, enum os_sim_loss loss,
                                           uint64_t seed);
/* The bytes of a stored file, to be flipped or overwritten in place (os_truncate cuts it); for
 * corruption tests. Borrowed until os_sim_free. KITH_ENOTFOUND. */
KITH_NODISCARD int os_sim_file_bytes(struct os_sim *sim, const char *path, uint8_t **data,
                                     size_t *len);
/* The disk's size: writes and allocations past it fail with KITH_ENOSPC. 0: unlimited. */
void os_sim_disk_limit(struct os_sim *sim, uint64_t bytes);

#endif
