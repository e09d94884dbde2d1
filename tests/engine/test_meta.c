/*
 * Metadata of the application: written together, found after reopening, listed by prefix, refused
 * when it is too large, and every failing allocation.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kith/kith.h>

#include "base/alloc.h"
#include "model/limits.h"
#include "os/os.h"

static char dir[64];

static struct kith_db *open_db(bool read_only)
{
    struct kith_open_opts opts = KITH_OPEN_OPTS_INIT;
    opts.no_threads = true;
    opts.read_only = read_only;
    struct kith_db *db;
    struct kith_error err;
    const int rc = kith_open(dir, &opts, &db, &err);
    if (rc) print_message("%s\n", err.text);
    assert_int_equal(rc, 0);
    return db;
}

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof dir, "/tmp/kith-meta-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    char command[96];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command);
}

static void expect(struct kith_db *db, const char *key, const char *value)
{
    void *got;
    size_t len;
    assert_int_equal(kith_meta_get(db, key, &got, &len, NULL), 0);
    assert_string_equal(got, value);
    assert_int_equal(len, strlen(value));
    kith_meta_free(got);
}

static void test_kept(void **state)
{
    (void)state;
    struct kith_db *db = open_db(false);
    const struct kith_meta_change first[] = { { "a/1", "one", 3 }, { "a/2", "two", 3 },
                                              { "b", "", 0 } };
    const struct kith_meta_change second[] = { { "a/1", NULL, 0 }, { "a/2", "zwei", 4 } };
    assert_int_equal(kith_meta_write(db, first, 3, NULL), 0);
    assert_int_equal(kith_meta_write(db, second, 2, NULL), 0);
    kith_close(db);
    for (int read_only = 0; read_only < 2; read_only++) {
        db = open_db(read_only);
        void *got;
        size_t len;
        assert_int_equal(kith_meta_get(db, "a/1", &got, &len, NULL), KITH_ENOTFOUND);
        expect(db, "a/2", "zwei");
        expect(db, "b", "");
        struct kith_names names;
        assert_int_equal(kith_meta_list(db, "a/", &names, NULL), 0);
        assert_int_equal(names.count, 1);
        assert_string_equal(names.names[0], "a/2");
        kith_names_free(&names);
        assert_int_equal(kith_meta_list(db, NULL, &names, NULL), 0);
        assert_int_equal(names.count, 2);
        kith_names_free(&names);
        kith_close(db);
    }
}

static void test_refused(void **state)
{
    (void)state;
    struct kith_db *db = open_db(false);
    static char key[LIMIT_META_KEY_BYTES + 2], value[LIMIT_META_VALUE_BYTES + 1];
    memset(key, 'k', LIMIT_META_KEY_BYTES);
    struct kith_meta_change change = { key, value, LIMIT_META_VALUE_BYTES };
    assert_int_equal(kith_meta_write(db, &change, 1, NULL), 0);
    change.len++;
    assert_int_equal(kith_meta_write(db, &change, 1, NULL), KITH_ELIMIT);
    change.len = 1;
    key[LIMIT_META_KEY_BYTES] = 'k';
    assert_int_equal(kith_meta_write(db, &change, 1, NULL), KITH_EINVAL);
    change.key = "\xff";
    assert_int_equal(kith_meta_write(db, &change, 1, NULL), KITH_EINVAL);
    change.key = "";
    assert_int_equal(kith_meta_write(db, &change, 1, NULL), KITH_EINVAL);
    kith_close(db);
    db = open_db(true);
    change.key = "x";
    assert_int_equal(kith_meta_write(db, &change, 1, NULL), KITH_EREADONLY);
    kith_close(db);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct kith_db *db = open_db(false);
    const struct kith_meta_change change = { "k", "v", 1 };
    for (int call = 0; call < 3; call++) {
        int rc = KITH_ENOMEM;
        for (uint64_t nth = 1; rc; nth++) {
            void *got = NULL;
            size_t len;
            struct kith_names names = { 0 };
            alloc_fault_arm(nth, false);
            if (call == 0) rc = kith_meta_write(db, &change, 1, NULL);
            else if (call == 1) rc = kith_meta_get(db, "k", &got, &len, NULL);
            else rc = kith_meta_list(db, "", &names, NULL);
            alloc_fault_disarm();
            assert_true(rc == 0 || rc == KITH_ENOMEM);
            assert_true(nth < 100);
            kith_meta_free(got);
            kith_names_free(&names);
        }
    }
    expect(db, "k", "v");
    kith_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
