/*
 * The simulated machine: its table, its making and its knobs. Anonymous memory is the real one's.
 */
#include "os/os_sim.h"

#include <string.h>

#include "base/alloc.h"
#include "os/os_real.h"

#define WALL_START_MS 1700000000000 /* some day in 2023 */
#define START_US 1000000
#define CPU_COUNT_SIM 2

static void sim_advise(const struct os *os, const uint8_t *ptr, size_t len, enum os_advice advice)
{
    (void)os;
    (void)ptr;
    (void)len;
    (void)advice;
}

static int64_t sim_now_us(const struct os *os)
{
    struct os_sim *sim = sim_of(os);
    sim_enter(sim);
    int64_t now = sim->clock_us;
    sim_leave(sim);
    return now;
}

static int64_t sim_wall_us(const struct os *os)
{
    return WALL_START_MS * 1000 + sim_now_us(os);
}

static void sim_random(const struct os *os, void *buf, size_t len)
{
    struct os_sim *sim = sim_of(os);
    sim_enter(sim);
    for (size_t i = 0; i < len; i++) ((uint8_t *)buf)[i] = (uint8_t)rng_u64(&sim->entropy_rng);
    sim_leave(sim);
}

static uint64_t sim_memory_bytes(const struct os *os)
{
    (void)os;
    return UINT64_C(1) << 32;
}

static unsigned sim_cpu_count(const struct os *os)
{
    (void)os;
    return CPU_COUNT_SIM;
}

static uint64_t sim_process_id(const struct os *os)
{
    return sim_of(os)->process_id;
}

static uint64_t sim_boot_id(const struct os *os)
{
    return sim_of(os)->boot_id;
}

static const struct os_ops sim_ops = {
    .open = sim_open,
    .close = sim_close,
    .pread = sim_pread,
    .pwrite = sim_pwrite,
    .sync = sim_sync,
    .size = sim_size,
    .truncate = sim_truncate,
    .allocate = sim_allocate,
    .lock = sim_lock,
    .mkdir = sim_mkdir,
    .rename = sim_rename,
    .link = sim_link,
    .unlink = sim_unlink,
    .rmdir = sim_rmdir,
    .sync_dir = sim_sync_dir,
    .stat = sim_stat,
    .list = sim_list,
    .disk_free = sim_disk_free,
    .map = sim_map,
    .map_shared = sim_map_shared,
    .unmap = sim_unmap,
    .advise = sim_advise,
    .pages_alloc = real_pages_alloc,
    .pages_free = real_pages_free,
    .now_us = sim_now_us,
    .wall_us = sim_wall_us,
    .random = sim_random,
    .sleep_us = sim_sleep_us,
    .cpu_count = sim_cpu_count,
    .memory_bytes = sim_memory_bytes,
    .process_id = sim_process_id,
    .boot_id = sim_boot_id,
    .mutex_init = sim_mutex_init,
    .mutex_release = sim_mutex_release,
    .mutex_lock = sim_mutex_lock,
    .mutex_try = sim_mutex_try,
    .mutex_unlock = sim_mutex_unlock,
    .cond_init = sim_cond_init,
    .cond_release = sim_cond_release,
    .cond_wait = sim_cond_wait,
    .cond_signal = sim_cond_signal,
    .cond_broadcast = sim_cond_broadcast,
    .thread_start = sim_thread_start,
    .thread_join = sim_thread_join,
};

struct os_sim *os_sim_new(uint64_t seed)
{
    struct os_sim *sim = mem_zalloc(sizeof *sim);
    if (!sim) return NULL;
    sim->os.ops = &sim_ops;
    sim->seed = seed;
    sim->clock_us = START_US;
    sim->process_id = 1000;
    sim->boot_id = 1;
    rng_init(&sim->schedule_rng, seed);
    rng_init(&sim->entropy_rng, ~seed);
    sim->outside = (struct sim_thread){.sim = sim, .id = pthread_self(), .name = "outside"};
    sim->current = &sim->outside;
    sim->thread_cap = 8;
    sim->threads = mem_zalloc_array(sim->thread_cap, sizeof(struct sim_thread *));
    sim->root = sim_inode_new(sim, true);
    if (!sim->threads || !sim->root) {
        mem_free(sim->threads);
        mem_free(sim->root);
        mem_free(sim);
        return NULL;
    }
    sim->threads[sim->thread_count++] = &sim->outside;
    (void)pthread_mutex_init(&sim->lock, NULL);
    (void)pthread_cond_init(&sim->outside.wake, NULL);
    return sim;
}

static void free_disk(struct os_sim *sim)
{
    for (size_t i = 0; i < sim->change_count; i++) sim_change_release(sim, &sim->changes[i]);
    mem_free(sim->changes);
    while (sim->mappings) {
        struct sim_mapping *mapping = sim->mappings;
        sim->mappings = mapping->next;
        if (!mapping->node) mem_free((void *)(uintptr_t)mapping->ptr);
        sim_inode_unref(sim, mapping->node);
        mem_free(mapping);
    }
    sim_inode_unref(sim, sim->root);
    if (sim->inodes) sim_fail(sim, "freed while a file is open");
}

void os_sim_free(struct os_sim *sim)
{
    if (!sim) return;
    if (sim->thread_count != 1) sim_fail(sim, "freed while a thread is not joined");
    free_disk(sim);
    mem_free(sim->threads);
    (void)pthread_cond_destroy(&sim->outside.wake);
    (void)pthread_mutex_destroy(&sim->lock);
    mem_free(sim);
}

const struct os *os_sim_os(struct os_sim *sim)
{
    return &sim->os;
}

uint64_t os_sim_trace(const struct os_sim *sim)
{
    return sim->trace;
}

void os_sim_disk_limit(struct os_sim *sim, uint64_t bytes)
{
    sim->disk_limit = bytes;
}

int os_sim_file_bytes(struct os_sim *sim, const char *path, uint8_t **data, size_t *len)
{
    struct sim_path at;
    sim_enter(sim);
    int rc = sim_resolve(sim, path, &at, "open", NULL);
    if (rc == 0 && (!at.node || at.node->is_dir)) rc = KITH_ENOTFOUND;
    if (rc == 0) rc = sim_content_flatten(&at.node->live, at.node->live.size);
    if (rc == 0) {
        *data = at.node->live.flat;
        *len = (size_t)at.node->live.size;
    }
    sim_leave(sim);
    return rc;
}
