/*
 * The real machine: files, locks, names, mappings, memory, clocks, conditions; and the texts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/map.h"
#include "os/os.h"
#include "os/thread.h"

static char dir[64];

static const char *in_dir(const char *name)
{
    static char path[4][128];
    static unsigned next;
    char *out = path[next++ % 4];
    (void)snprintf(out, sizeof path[0], "%s/%s", dir, name);
    return out;
}

static int make_dir(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof dir, "/tmp/kith-os-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int drop_name(void *ctx, const char *name)
{
    (void)ctx;
    return os_unlink(os_real(), in_dir(name), NULL);
}

static int drop_dir(void **state)
{
    (void)state;
    int rc = os_list(os_real(), dir, drop_name, NULL, NULL);
    return rc ? rc : os_rmdir(os_real(), dir, NULL);
}

static struct os_file *open_file(const char *name, unsigned flags)
{
    struct os_file *file = NULL;
    assert_int_equal(os_open(os_real(), in_dir(name), flags, &file, NULL), 0);
    return file;
}

static void test_file_holds_what_was_written(void **state)
{
    (void)state;
    struct os_file *file = open_file("a", OS_WRITE | OS_CREATE);
    uint64_t size;
    size_t got;
    char buf[16] = {0};
    assert_int_equal(os_pwrite(file, "hello", 5, 3, NULL), 0);
    assert_int_equal(os_pread(file, buf, sizeof buf, 0, &got, NULL), 0);
    assert_int_equal(got, 8);
    assert_memory_equal(buf, "\0\0\0hello", 8);
    assert_int_equal(os_allocate(file, 4, 100, NULL), 0);
    assert_int_equal(os_size(file, &size, NULL), 0);
    assert_int_equal(size, 104);
    assert_int_equal(os_pread(file, buf, 5, 3, &got, NULL), 0);
    assert_memory_equal(buf, "hello", 5);
    assert_int_equal(os_truncate(file, 4, NULL), 0);
    assert_int_equal(os_size(file, &size, NULL), 0);
    assert_int_equal(size, 4);
    assert_int_equal(os_sync(file, NULL), 0);
    assert_int_equal(os_pwrite(file, "x", 1, UINT64_MAX - 3, NULL), KITH_EINVAL);
    os_close(file);
}

static void test_statuses_and_texts(void **state)
{
    (void)state;
    struct os_file *file = NULL;
    struct kith_error err = {0};
    assert_int_equal(os_open(os_real(), in_dir("none"), OS_READ, &file, &err), KITH_ENOTFOUND);
    assert_non_null(strstr(err.text, "open"));
    assert_non_null(strstr(err.text, "none"));
    assert_int_equal(os_open(os_real(), "", OS_READ, &file, &err), KITH_EINVAL);
    os_close(open_file("b", OS_WRITE | OS_CREATE | OS_EXCL));
    assert_int_equal(os_open(os_real(), in_dir("b"), OS_WRITE | OS_CREATE | OS_EXCL, &file, &err),
                     KITH_EEXISTS);
    assert_int_equal(os_open(os_real(), "/dev/full", OS_WRITE, &file, &err), 0);
    assert_int_equal(os_pwrite(file, "x", 1, 0, &err), KITH_ENOSPC);
    assert_non_null(strstr(err.text, "free disk space"));
    os_close(file);
}

static void test_two_opens_conflict_on_the_lock(void **state)
{
    (void)state;
    struct os_file *first = open_file("LOCK", OS_WRITE | OS_CREATE);
    struct os_file *second = open_file("LOCK", OS_WRITE | OS_CREATE);
    assert_int_equal(os_lock(first, NULL), 0);
    assert_int_equal(os_lock(second, NULL), KITH_ELOCKED);
    os_close(open_file("LOCK", OS_WRITE)); /* a third close must not drop it */
    assert_int_equal(os_lock(second, NULL), KITH_ELOCKED);
    os_close(first);
    assert_int_equal(os_lock(second, NULL), 0);
    os_close(second);
}

static int count_name(void *ctx, const char *name)
{
    unsigned *count = ctx;
    (*count)++;
    return strcmp(name, "stop") == 0 ? 77 : 0;
}

static void test_names(void **state)
{
    (void)state;
    const struct os *os = os_real();
    unsigned count = 0;
    struct os_stat st;
    uint64_t free_bytes;
    uint64_t total_bytes;
    assert_int_equal(os_mkdir(os, in_dir("d"), NULL), 0);
    assert_int_equal(os_mkdir(os, in_dir("d"), NULL), 0);
    os_close(open_file("d/x", OS_WRITE | OS_CREATE));
    assert_int_equal(os_link(os, in_dir("d/x"), in_dir("d/y"), NULL), 0);
    assert_int_equal(os_link(os, in_dir("d/x"), in_dir("d/y"), NULL), KITH_EEXISTS);
    assert_int_equal(os_rename(os, in_dir("d/x"), in_dir("d/stop"), NULL), 0);
    assert_int_equal(os_list(os, in_dir("d"), count_name, &count, NULL), 77);
    assert_int_equal(os_rmdir(os, in_dir("d"), NULL), KITH_EEXISTS);
    assert_int_equal(os_sync_dir(os, in_dir("d"), NULL), 0);
    assert_int_equal(os_stat(os, in_dir("d"), &st, NULL), 0);
    assert_true(st.is_dir);
    assert_int_equal(os_unlink(os, in_dir("d/y"), NULL), 0);
    assert_int_equal(os_unlink(os, in_dir("d/stop"), NULL), 0);
    assert_int_equal(os_unlink(os, in_dir("d/stop"), NULL), KITH_ENOTFOUND);
    assert_int_equal(os_rmdir(os, in_dir("d"), NULL), 0);
    assert_int_equal(os_disk_free(os, dir, &free_bytes, &total_bytes, NULL), 0);
    assert_true(free_bytes <= total_bytes);
}

static void test_mappings(void **state)
{
    (void)state;
    const struct os *os = os_real();
    struct os_file *file = open_file("m", OS_WRITE | OS_CREATE);
    const uint8_t *view;
    uint8_t *shared;
    assert_int_equal(os_pwrite(file, "abcd", 4, 0, NULL), 0);
    assert_int_equal(os_map(file, 0, &view, NULL), KITH_EINVAL);
    assert_int_equal(os_map(file, 5, &view, NULL), KITH_EINVAL);
    assert_int_equal(os_map(file, 4, &view, NULL), 0);
    assert_int_equal(os_map_shared(file, 4, true, &shared, NULL), 0);
    os_close(file);
    shared[1] = 'X';
    assert_memory_equal(view, "aXcd", 4);
    os_advise(os, view + 1, 3, OS_ADVICE_WILLNEED);
    os_unmap(os, view, 4);
    os_unmap(os, shared, 4);
}

static void test_pages_are_aligned_and_zero(void **state)
{
    (void)state;
    const size_t sizes[] = {1, 100000, (2u << 20) - 1, 2u << 20, (5u << 20) + 123};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint8_t *ptr = os_pages_alloc(os_real(), sizes[i]);
        assert_non_null(ptr);
        if (sizes[i] >= 2u << 20) assert_int_equal((uintptr_t)ptr % (2u << 20), 0);
        assert_int_equal(ptr[0] | ptr[sizes[i] - 1], 0);
        ptr[0] = ptr[sizes[i] - 1] = 1;
        os_pages_free(os_real(), ptr, sizes[i]);
    }
    assert_null(os_pages_alloc(os_real(), SIZE_MAX - 1));
}

static void test_condition_times_out(void **state)
{
    (void)state;
    const struct os *os = os_real();
    struct os_mutex lock;
    struct os_cond cond;
    assert_int_equal(os_mutex_init(os, &lock), 0);
    assert_int_equal(os_cond_init(os, &cond), 0);
    int64_t deadline = os_now_us(os) + 20000;
    os_mutex_lock(&lock);
    int rc = 0;
    while (rc == 0) rc = os_cond_wait(&cond, &lock, deadline);
    os_mutex_unlock(&lock);
    assert_int_equal(rc, KITH_ETIMEDOUT);
    assert_true(os_now_us(os) >= deadline);
    os_sleep_us(os, 1000);
    assert_true(os_now_us(os) >= deadline + 1000);
    assert_true(os_wall_ms(os) > 1600000000000);
    assert_true(os_cpu_count(os) >= 1 && os_process_id(os) > 0);
    os_cond_release(&cond);
    os_cond_release(&cond); /* a released one is zeroed enough to release again */
    os_mutex_release(&lock);
}

/* Whoever floods a map with keys must not know where they go. */
static void test_the_machine_seeds_the_maps(void **state)
{
    (void)state;
    (void)os_real();
    assert_true(map_seed() != 0);
}

static void test_random_differs(void **state)
{
    (void)state;
    uint64_t a[40];
    uint64_t b[40];
    os_random(os_real(), a, sizeof a);
    os_random(os_real(), b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file_holds_what_was_written),
        cmocka_unit_test(test_statuses_and_texts),
        cmocka_unit_test(test_two_opens_conflict_on_the_lock),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_mappings),
        cmocka_unit_test(test_pages_are_aligned_and_zero),
        cmocka_unit_test(test_condition_times_out),
        cmocka_unit_test(test_random_differs),
        cmocka_unit_test(test_the_machine_seeds_the_maps),
    };
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
