/*
 * The real machine: a constant table without state. Whoever asks for it first draws the seed of the
 * process's hash maps; a simulated machine leaves it 0 and repeats its runs.
 */
#include "os/os_real.h"

#include <pthread.h>

#include "base/map.h"

static const struct os_ops real_ops = {
    .open = real_open,
    .close = real_close,
    .pread = real_pread,
    .pwrite = real_pwrite,
    .sync = real_sync,
    .size = real_size,
    .truncate = real_truncate,
    .allocate = real_allocate,
    .lock = real_lock,
    .mkdir = real_mkdir,
    .rename = real_rename,
    .link = real_link,
    .unlink = real_unlink,
    .rmdir = real_rmdir,
    .sync_dir = real_sync_dir,
    .stat = real_stat,
    .list = real_list,
    .disk_free = real_disk_free,
    .map = real_map,
    .map_shared = real_map_shared,
    .unmap = real_unmap,
    .advise = real_advise,
    .pages_alloc = real_pages_alloc,
    .pages_free = real_pages_free,
    .now_us = real_now_us,
    .now_ns = real_now_ns,
    .wall_us = real_wall_us,
    .random = real_random,
    .sleep_us = real_sleep_us,
    .cpu_count = real_cpu_count,
    .memory_bytes = real_memory_bytes,
    .process_id = real_process_id,
    .boot_id = real_boot_id,
    .mutex_init = real_mutex_init,
    .mutex_release = real_mutex_release,
    .mutex_lock = real_mutex_lock,
    .mutex_try = real_mutex_try,
    .mutex_unlock = real_mutex_unlock,
    .cond_init = real_cond_init,
    .cond_release = real_cond_release,
    .cond_wait = real_cond_wait,
    .cond_signal = real_cond_signal,
    .cond_broadcast = real_cond_broadcast,
    .thread_start = real_thread_start,
    .thread_join = real_thread_join,
};

static const struct os real = {.ops = &real_ops};

static void draw_seed(void)
{
    uint64_t seed;
    real_random(&real, &seed, sizeof seed);
    map_set_seed(seed);
}

const struct os *os_real(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, draw_seed);
    return &real;
}
