/*
 * Out of memory at every allocation, once and from then on, of the simulated machine, its crash
 * images, the pool and the real machine: an error each time, no leak, and the disk still usable.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "os/pool.h"
#include "os/sim.h"

static int nothing(void *ctx, size_t i)
{
    (void)ctx;
    (void)i;
    return 0;
}

static int see_name(void *ctx, const char *name)
{
    (void)ctx;
    return name[0] ? 0 : KITH_EIO;
}

static int work_on_file(const struct os *os)
{
    struct os_file *file = NULL;
    uint8_t *shared = NULL;
    int rc = os_open(os, "a", OS_WRITE | OS_CREATE, &file, NULL);
    if (rc == 0) rc = os_pwrite(file, "text", 4, 9000, NULL);
    if (rc == 0) rc = os_truncate(file, 8000, NULL);
    if (rc == 0) rc = os_sync(file, NULL);
    if (rc == 0) rc = os_pwrite(file, "text", 4, 100, NULL);
    if (rc == 0) rc = os_map_shared(file, 4096, true, &shared, NULL);
    os_unmap(os, shared, 4096);
    os_close(file);
    if (rc == 0) rc = os_rename(os, "a", "b", NULL);
    if (rc == 0) rc = os_list(os, ".", see_name, NULL, NULL);
    if (rc == 0) rc = os_sync_dir(os, ".", NULL);
    return rc;
}

static int work_on_pool(const struct os *os)
{
    struct pool *pool = NULL;
    int rc = pool_new(os, "p", 2, 0, 4, &pool, NULL);
    if (rc == 0) rc = pool_for(pool, 3, 10, nothing, NULL);
    pool_free(pool);
    return rc;
}

static int work(void)
{
    struct os_sim *sim = os_sim_new(1);
    struct os_sim *image = NULL;
    int rc = sim ? work_on_file(os_sim_os(sim)) : KITH_ENOMEM;
    if (rc == 0) rc = work_on_pool(os_sim_os(sim));
    if (rc == 0) {
        image = os_sim_crash(sim, OS_SIM_RANDOM, 1);
        if (!image) rc = KITH_ENOMEM;
    }
    os_sim_free(image);
    os_sim_free(sim);
    if (rc == 0) rc = work_on_pool(os_real());
    return rc;
}

static void fail_each(bool sticky)
{
    alloc_fault_arm(UINT64_MAX, false);
    assert_int_equal(work(), 0);
    uint64_t count = alloc_fault_count();
    assert_true(count > 20);
    for (uint64_t n = 1; n <= count; n++) {
        alloc_fault_arm(n, sticky);
        int rc = work();
        alloc_fault_disarm();
        /* the parallel loop alone goes on without memory, with less parallelism */
        if (rc != 0) assert_int_equal(rc, KITH_ENOMEM);
    }
    alloc_fault_disarm();
}

static void test_every_allocation_fails_once(void **state)
{
    (void)state;
    fail_each(false);
}

static void test_every_allocation_fails_from_then_on(void **state)
{
    (void)state;
    fail_each(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_allocation_fails_once),
        cmocka_unit_test(test_every_allocation_fails_from_then_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
