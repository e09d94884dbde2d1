/*
 * The simulated disk: what a power cut keeps. Contents need os_sync, names need os_sync_dir;
 * random images tear at 512 bytes and never touch what was synced.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "os/sim.h"

#define SECTOR 512u

static struct os_file *open_file(struct os_sim *sim, const char *path)
{
    struct os_file *file = NULL;
    assert_int_equal(os_open(os_sim_os(sim), path, OS_WRITE | OS_CREATE, &file, NULL), 0);
    return file;
}

static void put(struct os_file *file, const char *text, uint64_t offset)
{
    assert_int_equal(os_pwrite(file, text, strlen(text), offset, NULL), 0);
}

/* The file's text, or "-" when there is no such file. */
static const char *text_of(struct os_sim *sim, const char *path)
{
    static char text[64];
    struct os_file *file;
    size_t got;
    if (os_open(os_sim_os(sim), path, OS_READ, &file, NULL)) return "-";
    assert_int_equal(os_pread(file, text, sizeof text - 1, 0, &got, NULL), 0);
    text[got] = 0;
    os_close(file);
    return text;
}

static void check_after(struct os_sim *sim, enum os_sim_loss loss, const char *path,
                        const char *expected)
{
    struct os_sim *image = os_sim_crash(sim, loss, 7);
    assert_non_null(image);
    assert_string_equal(text_of(image, path), expected);
    os_sim_free(image);
}

static void test_contents_need_sync_and_names_need_sync_dir(void **state)
{
    (void)state;
    struct os_sim *sim = os_sim_new(1);
    const struct os *os = os_sim_os(sim);
    struct os_file *file = open_file(sim, "a");
    put(file, "one", 0);
    assert_int_equal(os_sync(file, NULL), 0);
    check_after(sim, OS_SIM_KEEP_SYNCED, "a", "-");
    check_after(sim, OS_SIM_KEEP_ALL, "a", "one");
    assert_int_equal(os_sync_dir(os, ".", NULL), 0);
    check_after(sim, OS_SIM_KEEP_SYNCED, "a", "one");
    put(file, "two", 3);
    check_after(sim, OS_SIM_KEEP_SYNCED, "a", "one");
    check_after(sim, OS_SIM_KEEP_ALL, "a", "onetwo");
    assert_int_equal(os_truncate(file, 1, NULL), 0);
    check_after(sim, OS_SIM_KEEP_SYNCED, "a", "one");
    assert_int_equal(os_sync(file, NULL), 0);
    check_after(sim, OS_SIM_KEEP_SYNCED, "a", "o");
    assert_int_equal(os_truncate(file, 3, NULL), 0); /* what was cut must not come back */
    assert_string_equal(text_of(sim, "a"), "o");
    os_close(file);
    os_sim_free(sim);
}

static void test_rename_and_unlink_need_sync_dir(void **state)
{
    (void)state;
    struct os_sim *sim = os_sim_new(2);
    const struct os *os = os_sim_os(sim);
    assert_int_equal(os_mkdir(os, "db", NULL), 0);
    assert_int_equal(os_sync_dir(os, "/", NULL), 0);
    struct os_file *old = open_file(sim, "db/current");
    struct os_file *new = open_file(sim, "db/new");
    put(old, "old", 0);
    put(new, "new", 0);
    assert_int_equal(os_sync(old, NULL), 0);
    assert_int_equal(os_sync(new, NULL), 0);
    assert_int_equal(os_sync_dir(os, "db", NULL), 0);
    assert_int_equal(os_rename(os, "db/new", "db/current", NULL), 0);
    assert_string_equal(text_of(sim, "db/current"), "new");
    check_after(sim, OS_SIM_KEEP_SYNCED, "db/current", "old");
    check_after(sim, OS_SIM_KEEP_SYNCED, "db/new", "new");
    for (uint64_t seed = 0; seed < 50; seed++) { /* a rename is whole or not there */
        struct os_sim *image = os_sim_crash(sim, OS_SIM_RANDOM, seed);
        bool renamed = strcmp(text_of(image, "db/current"), "new") == 0;
        assert_string_equal(text_of(image, "db/new"), renamed ? "-" : "new");
        os_sim_free(image);
    }
    assert_int_equal(os_sync_dir(os, "db", NULL), 0);
    check_after(sim, OS_SIM_KEEP_SYNCED, "db/current", "new");
    check_after(sim, OS_SIM_KEEP_SYNCED, "db/new", "-");
    assert_int_equal(os_unlink(os, "db/current", NULL), 0);
    check_after(sim, OS_SIM_KEEP_SYNCED, "db/current", "new");
    assert_int_equal(os_sync_dir(os, "db", NULL), 0);
    check_after(sim, OS_SIM_KEEP_SYNCED, "db/current", "-");
    os_close(old);
    os_close(new);
    os_sim_free(sim);
}

/* Each sector of the image is the synced one, the new one, or zeros. */
static unsigned sector_kinds(struct os_sim *image, size_t sectors)
{
    uint8_t *data;
    size_t len;
    unsigned kinds = 0;
    assert_int_equal(os_sim_file_bytes(image, "a", &data, &len), 0);
    assert_true(len >= 4 * SECTOR && len <= sectors * SECTOR);
    for (size_t i = 0; i < len; i += SECTOR) {
        for (size_t j = 1; j < SECTOR; j++) assert_int_equal(data[i + j], data[i]);
        assert_true(data[i] == 0 || data[i] == 1 || data[i] == 2);
        if (i < SECTOR) assert_int_equal(data[i], 1); /* synced and not written since */
        kinds |= 1u << data[i];
    }
    return kinds;
}

static void test_random_images_tear_at_sectors(void **state)
{
    (void)state;
    struct os_sim *sim = os_sim_new(3);
    struct os_file *file = open_file(sim, "a");
    uint8_t bytes[16 * SECTOR];
    memset(bytes, 1, sizeof bytes);
    assert_int_equal(os_pwrite(file, bytes, 4 * SECTOR, 0, NULL), 0);
    assert_int_equal(os_sync(file, NULL), 0);
    assert_int_equal(os_sync_dir(os_sim_os(sim), ".", NULL), 0);
    memset(bytes, 2, sizeof bytes);
    assert_int_equal(os_pwrite(file, bytes, 15 * SECTOR, SECTOR, NULL), 0);
    os_close(file);
    unsigned seen[8] = {0};
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct os_sim *image = os_sim_crash(sim, OS_SIM_RANDOM, seed);
        seen[sector_kinds(image, 16)]++;
        os_sim_free(image);
    }
    assert_true(seen[2] > 0);  /* dropped */
    assert_true(seen[6] > 0);  /* kept */
    assert_true(seen[3] > 0);  /* zero-filled */
    assert_true(seen[7] > 0);  /* torn, with a hole past the old end */
    os_sim_free(sim);
}

static void test_one_seed_is_one_image(void **state)
{
    (void)state;
    struct os_sim *sim = os_sim_new(4);
    struct os_file *file = open_file(sim, "a");
    assert_int_equal(os_sync_dir(os_sim_os(sim), ".", NULL), 0);
    for (uint64_t i = 0; i < 40; i++) put(file, "x", i);
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct os_sim *one = os_sim_crash(sim, OS_SIM_RANDOM, seed);
        struct os_sim *two = os_sim_crash(sim, OS_SIM_RANDOM, seed);
        char first[64];
        (void)strcpy(first, text_of(one, "a"));
        assert_string_equal(first, text_of(two, "a"));
        os_sim_free(one);
        os_sim_free(two);
    }
    os_close(file);
    os_sim_free(sim);
}

static void test_images_outlive_and_do_not_touch_the_machine(void **state)
{
    (void)state;
    struct os_sim *sim = os_sim_new(5);
    struct os_file *file = open_file(sim, "a");
    put(file, "before", 0);
    struct os_sim *image = os_sim_crash(sim, OS_SIM_KEEP_ALL, 1);
    struct os_file *other = open_file(image, "a");
    put(other, "IMAGE", 0);
    put(file, "AFTER!", 0);
    assert_int_equal(os_lock(file, NULL), 0);
    assert_int_equal(os_lock(other, NULL), 0); /* a crash drops locks */
    os_close(file);
    os_sim_free(sim);
    assert_string_equal(text_of(image, "a"), "IMAGEe");
    os_close(other);
    os_sim_free(image);
}

static void test_mappings(void **state)
{
    (void)state;
    struct os_sim *sim = os_sim_new(6);
    const struct os *os = os_sim_os(sim);
    struct os_file *first = open_file(sim, "page");
    struct os_file *second = open_file(sim, "page");
    uint8_t *a;
    uint8_t *b;
    const uint8_t *view;
    assert_int_equal(os_allocate(first, 0, 4096, NULL), 0);
    assert_int_equal(os_map_shared(first, 4096, true, &a, NULL), 0);
    assert_int_equal(os_map_shared(second, 4096, false, &b, NULL), 0);
    a[10] = 'x';
    assert_int_equal(b[10], 'x');
    assert_int_equal(os_sync(first, NULL), 0);
    assert_int_equal(os_sync_dir(os, ".", NULL), 0);
    a[10] = 'y';
    assert_int_equal(os_map(second, 4096, &view, NULL), 0);
    assert_int_equal(view[10], 'y');
    struct os_sim *image = os_sim_crash(sim, OS_SIM_KEEP_SYNCED, 1);
    uint8_t *data;
    size_t len;
    assert_int_equal(os_sim_file_bytes(image, "page", &data, &len), 0);
    assert_int_equal(len, 4096);
    assert_int_equal(data[10], 'x');
    os_sim_free(image);
    os_close(first);
    os_close(second);
    assert_int_equal(os_unlink(os, "page", NULL), 0);
    assert_int_equal(a[10], 'y'); /* the mapping outlives close and unlink */
    os_unmap(os, a, 4096);
    os_unmap(os, b, 4096);
    os_unmap(os, view, 4096);
    os_sim_free(sim);
}

static void test_full_disk_and_locks(void **state)
{
    (void)state;
    struct os_sim *sim = os_sim_new(7);
    const struct os *os = os_sim_os(sim);
    struct os_file *file = open_file(sim, "a");
    struct os_file *again = open_file(sim, "a");
    struct kith_error err;
    uint64_t free_bytes;
    uint64_t total_bytes;
    os_sim_disk_limit(sim, 3 * 4096);
    assert_int_equal(os_allocate(file, 0, 2 * 4096, NULL), 0);
    assert_int_equal(os_allocate(file, 0, 4 * 4096, &err), KITH_ENOSPC);
    assert_int_equal(os_pwrite(file, "x", 1, 3 * 4096, &err), KITH_ENOSPC);
    assert_int_equal(os_disk_free(os, ".", &free_bytes, &total_bytes, NULL), 0);
    assert_int_equal(free_bytes, 4096);
    assert_int_equal(os_lock(file, NULL), 0);
    assert_int_equal(os_lock(again, NULL), KITH_ELOCKED);
    os_close(file);
    assert_int_equal(os_lock(again, NULL), 0);
    os_close(again);
    assert_int_equal(os_unlink(os, "a", NULL), 0);
    assert_int_equal(os_disk_free(os, ".", &free_bytes, &total_bytes, NULL), 0);
    assert_int_equal(free_bytes, total_bytes);
    os_sim_free(sim);
}

/* Random reads and writes against a plain array. */
static void test_contents_match_an_array(void **state)
{
    (void)state;
    struct os_sim *sim = os_sim_new(8);
    struct os_file *file = open_file(sim, "a");
    static uint8_t model[40000];
    static uint8_t bytes[40000];
    size_t size = 0;
    srand(8);
    for (int round = 0; round < 2000; round++) {
        size_t at = (size_t)rand() % 30000;
        size_t len = 1 + (size_t)rand() % 9000;
        if (rand() % 8 == 0) {
            if (at < size) memset(model + at, 0, size - at);
            size = at;
            assert_int_equal(os_truncate(file, size, NULL), 0);
        } else {
            memset(model + at, rand() % 3, len);
            assert_int_equal(os_pwrite(file, model + at, len, at, NULL), 0);
            if (at + len > size) size = at + len;
        }
        if (rand() % 4 == 0) assert_int_equal(os_sync(file, NULL), 0);
        size_t got;
        assert_int_equal(os_pread(file, bytes, sizeof bytes, 0, &got, NULL), 0);
        assert_int_equal(got, size);
        assert_memory_equal(bytes, model, size);
    }
    os_close(file);
    os_sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contents_need_sync_and_names_need_sync_dir),
        cmocka_unit_test(test_rename_and_unlink_need_sync_dir),
        cmocka_unit_test(test_random_images_tear_at_sectors),
        cmocka_unit_test(test_one_seed_is_one_image),
        cmocka_unit_test(test_images_outlive_and_do_not_touch_the_machine),
        cmocka_unit_test(test_mappings),
        cmocka_unit_test(test_full_disk_and_locks),
        cmocka_unit_test(test_contents_match_an_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
