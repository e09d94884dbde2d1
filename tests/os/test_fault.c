/*
 * The fault decorator over the simulated machine: n-th once, sticky, filter, hook, partial writes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "os/pool.h"
#include "os/sim.h"

/* Writes a file beside, syncs, renames: 6 operations that can fail. */
static int publish(const struct os *os)
{
    struct os_file *file = NULL;
    struct kith_error err = {0};
    int rc = os_mkdir(os, "db", &err);
    if (rc == 0) rc = os_open(os, "db/new", OS_WRITE | OS_CREATE, &file, &err);
    if (rc == 0) rc = os_pwrite(file, "abcdef", 6, 0, &err);
    if (rc == 0) rc = os_sync(file, &err);
    os_close(file);
    if (rc == 0) rc = os_rename(os, "db/new", "db/current", &err);
    if (rc == 0) rc = os_sync_dir(os, "db", &err);
    if (rc) assert_non_null(strstr(err.text, "injected"));
    return rc;
}

static void test_every_operation_fails_once(void **state)
{
    (void)state;
    for (uint64_t n = 1; n <= 6; n++) {
        struct os_sim *sim = os_sim_new(n);
        struct os_fault fault;
        os_fault_init(&fault, os_sim_os(sim));
        fault.fail_at = n;
        fault.fail_status = KITH_ENOSPC;
        assert_int_equal(publish(&fault.os), KITH_ENOSPC);
        assert_int_equal(os_fault_count(&fault), n);
        assert_int_equal(publish(&fault.os), 0); /* once: the second time it goes through */
        os_sim_free(sim);
    }
}

static void test_sticky_fails_from_then_on(void **state)
{
    (void)state;
    struct os_sim *sim = os_sim_new(1);
    struct os_fault fault;
    os_fault_init(&fault, os_sim_os(sim));
    fault.fail_at = 4;
    fault.sticky = true;
    assert_int_equal(publish(&fault.os), KITH_EIO);
    for (int i = 0; i < 3; i++) assert_int_equal(publish(&fault.os), KITH_EIO);
    assert_int_equal(os_fault_count(&fault), 7);
    struct pool *pool = NULL;
    assert_int_equal(pool_new(&fault.os, "p", 1, 0, 1, &pool, NULL), KITH_EIO);
    assert_null(os_pages_alloc(&fault.os, 4096));
    os_sim_free(sim);
}

static bool only_syncs(void *ctx, const char *operation, const char *path)
{
    (void)ctx;
    (void)path;
    return strncmp(operation, "sync", 4) == 0;
}

struct image {
    struct os_sim *sim;
    struct os_sim *taken;
    const char *operation;
    char path[32];
};

static void take_image(void *ctx, const char *operation, const char *path)
{
    struct image *image = ctx;
    image->operation = operation;
    (void)strncpy(image->path, path, sizeof image->path - 1);
    image->taken = os_sim_crash(image->sim, OS_SIM_KEEP_ALL, 1);
}

static void test_filter_and_hook(void **state)
{
    (void)state;
    struct image image = {.sim = os_sim_new(3)};
    struct os_fault fault;
    os_fault_init(&fault, os_sim_os(image.sim));
    fault.select = only_syncs;
    fault.hook = take_image;
    fault.hook_ctx = &image;
    fault.fail_at = 2;
    assert_int_equal(publish(&fault.os), 0);
    assert_int_equal(os_fault_count(&fault), 2);
    assert_string_equal(image.operation, "sync_dir");
    assert_string_equal(image.path, "db");
    struct os_stat st;
    assert_int_equal(os_stat(os_sim_os(image.taken), "db/current", &st, NULL), 0);
    assert_int_equal(st.size, 6);
    os_sim_free(image.taken);
    os_sim_free(image.sim);
}

static void test_partial_write(void **state)
{
    (void)state;
    struct os_sim *sim = os_sim_new(1);
    struct os_fault fault;
    struct os_stat st;
    os_fault_init(&fault, os_sim_os(sim));
    fault.fail_at = 3;
    fault.partial = true;
    assert_int_equal(publish(&fault.os), KITH_EIO);
    assert_int_equal(os_stat(os_sim_os(sim), "db/new", &st, NULL), 0);
    assert_int_equal(st.size, 3);
    os_sim_free(sim);
}

static int stat_root(void *ctx, size_t i)
{
    (void)i;
    struct os_stat st;
    return os_stat(ctx, ".", &st, NULL);
}

static bool everything(void *ctx, const char *operation, const char *path)
{
    (void)ctx;
    return operation && path;
}

static void test_counting_is_thread_safe(void **state)
{
    (void)state;
    struct os_fault fault;
    struct pool *pool = NULL;
    os_fault_init(&fault, os_real());
    assert_int_equal(pool_new(os_real(), "count", 3, 0, 8, &pool, NULL), 0);
    fault.select = everything;
    struct os *os = &fault.os;
    assert_int_equal(pool_for(pool, 4, 5000, stat_root, os), 0);
    pool_free(pool);
    assert_int_equal(os_fault_count(&fault), 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_operation_fails_once),
        cmocka_unit_test(test_sticky_fails_from_then_on),
        cmocka_unit_test(test_filter_and_hook),
        cmocka_unit_test(test_partial_write),
        cmocka_unit_test(test_counting_is_thread_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
