/*
 * Users, roles, grants and groups: who gets in, who may do what, what survives a restart, what is
 * forgotten with a change, and no memory at every allocation.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "os/stopped_clock.h"
#include "server/auth_internal.h"

struct fixture {
    char dir[64], path[80];
    struct stopped_clock clock;
    struct kith_db *db;
    struct auth *auth;
};

static void open_all(struct fixture *f)
{
    struct kith_open_opts opts = KITH_OPEN_OPTS_INIT;
    struct kith_error err = { 0 };
    opts.no_threads = true;
    assert_int_equal(kith_open(f->path, &opts, &f->db, &err), 0);
    assert_int_equal(auth_open(f->db, &f->clock.os, true, &f->auth, &err), 0);
}

static void close_all(struct fixture *f)
{
    auth_close(f->auth);
    kith_close(f->db);
}

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);
    (void)snprintf(f->dir, sizeof f->dir, "/tmp/kith-auth-XXXXXX");
    if (!mkdtemp(f->dir)) return 1;
    stopped_clock_init(&f->clock);
    (void)snprintf(f->path, sizeof f->path, "%s/db", f->dir);
    open_all(f);
    *state = f;
    return 0;
}

static int unlink_one(void *dir, const char *name)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", (const char *)dir, name);
    (void)unlink(path);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    close_all(f);
    assert_int_equal(os_list(os_real(), f->path, unlink_one, f->path, NULL), 0);
    (void)rmdir(f->path);
    (void)rmdir(f->dir);
    test_free(f);
    return 0;
}

static struct kith_str str(const char *text) { return (struct kith_str){ text, strlen(text) }; }

static enum auth_result enter(struct fixture *f, const char *header, bool http,
                              struct principal *who)
{
    unsigned delay_ms;
    return auth_verify(f->auth, str(header), http, "10.0.0.1:1", who, &delay_ms);
}

static void make_user(struct fixture *f, const char *name)
{
    struct kith_error err = { 0 };
    assert_int_equal(auth_user_create(f->auth, name, str("secret1"), NULL, &err), 0);
}

static void test_headers(void **state)
{
    struct fixture *f = *state;
    struct principal who = { .root = false };
    assert_int_equal(enter(f, "cm9vdDpNaWx2dXM=", false, &who), AUTH_OK); /* root:Milvus */
    assert_string_equal(who.name, "root");
    assert_true(who.root);
    assert_int_equal(enter(f, "cm9vdDpNaWx2dXM", false, &who), AUTH_OK);
    assert_int_equal(enter(f, "Bearer root:Milvus", true, &who), AUTH_OK);
    assert_int_equal(enter(f, "bearer root:Milvus", true, &who), AUTH_OK);
    assert_int_equal(enter(f, "Basic cm9vdDpNaWx2dXM=", true, &who), AUTH_OK);
    assert_true(auth_is_cached(f->auth, str("cm9vdDpNaWx2dXM="), false));
    assert_int_equal(enter(f, "", false, &who), AUTH_MISSING);
    assert_int_equal(enter(f, "!!", false, &who), AUTH_MALFORMED);
    assert_int_equal(enter(f, "root:Milvus", true, &who), AUTH_MALFORMED);
    assert_int_equal(enter(f, "a2V5", false, &who), AUTH_WRONG_KEY); /* no colon */
    assert_int_equal(enter(f, "Bearer root:milvus", true, &who), AUTH_WRONG);
    assert_int_equal(enter(f, "Bearer nobody:Milvus", true, &who), AUTH_WRONG);
    char huge[AUTH_HEADER_BYTES_MAX + 1];
    memset(huge, 'A', sizeof huge - 1);
    huge[sizeof huge - 1] = 0;
    assert_int_equal(enter(f, huge, false, &who), AUTH_MALFORMED);
}

static void test_delay_grows(void **state)
{
    struct fixture *f = *state;
    struct principal who;
    unsigned delay_ms;
    const struct kith_str wrong = str("Bearer root:wrong1"), right = str("Bearer root:Milvus");
    assert_int_equal(auth_verify(f->auth, wrong, true, "10.0.0.9:1", &who, &delay_ms), AUTH_WRONG);
    assert_int_equal(delay_ms, 100);
    /* Too early, and so not looked at; another peer's user is not held back. */
    assert_int_equal(auth_verify(f->auth, right, true, "10.0.0.9:2", &who, &delay_ms), AUTH_WRONG);
    assert_int_equal(auth_verify(f->auth, right, true, "10.0.0.8:2", &who, &delay_ms), AUTH_OK);
    assert_int_equal(delay_ms, 0);
    /* What was right before is known now, so that a guesser cannot keep the user out. */
    assert_int_equal(auth_verify(f->auth, right, true, "10.0.0.9:2", &who, &delay_ms), AUTH_OK);
    stopped_clock_pass_ms(&f->clock, 250);
    assert_int_equal(auth_verify(f->auth, wrong, true, "10.0.0.9:3", &who, &delay_ms), AUTH_WRONG);
    assert_true(delay_ms >= 100);
}

static void test_passwords(void **state)
{
    struct fixture *f = *state;
    struct kith_error err = { 0 };
    struct principal who;
    make_user(f, "ada");
    assert_int_equal(auth_user_create(f->auth, "ada", str("secret1"), NULL, &err), KITH_EEXISTS);
    assert_string_equal(err.text, "user already exists: ada");
    assert_int_equal(auth_user_create(f->auth, "bob", str("short"), NULL, &err), KITH_EINVAL);
    assert_int_equal(auth_user_create(f->auth, "1bob", str("secret1"), NULL, &err), KITH_EINVAL);
    assert_int_equal(auth_user_create(f->auth, "", str("secret1"), NULL, &err), KITH_EINVAL);
    assert_int_equal(enter(f, "Bearer ada:secret1", true, &who), AUTH_OK);
    assert_false(who.root);
    assert_int_equal(auth_user_password(f->auth, "ada", str("wrong12"), str("secret2"), true, &err),
                     KITH_ELOCKED);
    assert_string_equal(err.text, "old password not correct for ada: not authenticated");
    assert_int_equal(auth_user_password(f->auth, "ada", str("secret1"), str("secret2"), true, &err),
                     0);
    assert_false(auth_is_cached(f->auth, str("Bearer ada:secret1"), true));
    assert_int_equal(enter(f, "Bearer ada:secret1", true, &who), AUTH_WRONG);
    close_all(f);
    open_all(f);
    assert_int_equal(enter(f, "Bearer ada:secret2", true, &who), AUTH_OK);
    assert_true(auth_has_first_password(f->auth));
    assert_int_equal(auth_user_password(f->auth, "root", str("Milvus"), str("secret3"), true, &err),
                     0);
    assert_false(auth_has_first_password(f->auth));
    assert_int_equal(enter(f, "Bearer root:Milvus", true, &who), AUTH_WRONG);
    assert_int_equal(auth_user_drop(f->auth, "ada", &err), 0);
    assert_int_equal(auth_user_drop(f->auth, "ada", &err), KITH_ENOTFOUND);
    assert_int_equal(auth_user_drop(f->auth, "root", &err), KITH_EUNSUPPORTED);
    stopped_clock_pass_ms(&f->clock, 220);
    assert_int_equal(enter(f, "Bearer ada:secret2", true, &who), AUTH_WRONG);
}

static bool may(struct fixture *f, const char *user, const char *privilege, const char *database,
                const char *collection)
{
    struct principal who = { .root = false };
    (void)snprintf(who.name, sizeof who.name, "%s", user);
    return auth_allowed(f->auth, &who, privilege,
                        (enum auth_object)auth_privilege_object(privilege), database, collection);
}

static void give(struct fixture *f, const char *role, const char *privilege, const char *database,
                 const char *object, bool revoke)
{
    struct kith_error err = { 0 };
    const struct grant grant = { .role = role, .object = AUTH_COLLECTION, .object_name = object,
                                 .database = database, .privilege = privilege, .grantor = "root" };
    assert_int_equal(auth_grant(f->auth, &grant, revoke, &err), 0);
}

static void test_roles(void **state)
{
    struct fixture *f = *state;
    struct kith_error err = { 0 };
    make_user(f, "ada");
    assert_true(may(f, "ada", "DescribeCollection", "default", "a")); /* public */
    assert_false(may(f, "ada", "Search", "default", "a"));
    assert_int_equal(auth_role_create(f->auth, "reader", "reads", &err), 0);
    assert_int_equal(auth_role_create(f->auth, "reader", NULL, &err), KITH_EEXISTS);
    assert_int_equal(auth_role_member(f->auth, "ada", "nobody", true, &err), KITH_ENOTFOUND);
    assert_int_equal(auth_role_member(f->auth, "ada", "reader", true, &err), 0);
    give(f, "reader", "Search", "default", "a", false);
    give(f, "reader", "Search", "default", "a", false); /* again */
    assert_true(may(f, "ada", "Search", "default", "a"));
    assert_false(may(f, "ada", "Search", "default", "b"));
    assert_false(may(f, "ada", "Search", "other", "a"));
    assert_false(may(f, "ada", "Query", "default", "a"));
    close_all(f);
    open_all(f);
    assert_true(may(f, "ada", "Search", "default", "a"));
    give(f, "reader", "Search", "default", "a", true);
    assert_false(may(f, "ada", "Search", "default", "a"));
    give(f, "reader", "*", "*", "*", false); /* of collections, not of the whole server */
    assert_true(may(f, "ada", "Insert", "other", "b"));
    assert_false(may(f, "ada", "CreateOwnership", "default", NULL));
    assert_int_equal(auth_role_drop(f->auth, "reader", false, &err), KITH_EEXISTS);
    assert_int_equal(auth_role_drop(f->auth, "public", true, &err), KITH_EUNSUPPORTED);
    assert_int_equal(auth_role_drop(f->auth, "reader", true, &err), 0);
    assert_false(may(f, "ada", "Insert", "other", "b"));
    struct kith_names roles;
    assert_int_equal(auth_user_roles(f->auth, "ada", &roles, &err), 0);
    assert_int_equal(roles.count, 0);
    kith_names_free(&roles);
    assert_int_equal(auth_role_member(f->auth, "ada", "admin", true, &err), 0);
    assert_true(may(f, "ada", "CreateOwnership", "default", NULL));
    struct kith_names users;
    assert_int_equal(auth_role_users(f->auth, "admin", &users, &err), 0);
    assert_int_equal(users.count, 2);
    assert_string_equal(users.names[0], "ada");
    kith_names_free(&users);
    const struct grant bad = { "public", AUTH_GLOBAL, "*", "*", "Fly", "root" };
    assert_int_equal(auth_grant(f->auth, &bad, false, &err), KITH_EINVAL);
    assert_true(may(f, "ada", "SelectUser", "default", "ada"));
    assert_false(may(f, "nobody", "SelectUser", "default", "ada"));
}

static void test_groups(void **state)
{
    struct fixture *f = *state;
    struct kith_error err = { 0 };
    const char *const own[] = { "Insert", "CollectionReadOnly" };
    make_user(f, "ada");
    assert_int_equal(auth_role_create(f->auth, "r", NULL, &err), 0);
    assert_int_equal(auth_role_member(f->auth, "ada", "r", true, &err), 0);
    give(f, "r", "DatabaseAdmin", "default", "*", false);
    assert_true(may(f, "ada", "ShowCollections", "default", NULL));
    assert_true(may(f, "ada", "DropCollection", "default", "x"));
    assert_false(may(f, "ada", "DropDatabase", "default", NULL));
    assert_false(may(f, "ada", "Insert", "default", "x"));
    assert_int_equal(auth_group_create(f->auth, "writers", &err), 0);
    assert_int_equal(auth_group_create(f->auth, "Search", &err), KITH_EEXISTS);
    assert_int_equal(auth_group_change(f->auth, "writers", own, 2, true, &err), 0);
    assert_true(auth_privilege_known(f->auth, "writers"));
    give(f, "r", "writers", "default", "x", false);
    assert_true(may(f, "ada", "Insert", "default", "x"));
    assert_true(may(f, "ada", "Search", "default", "x"));
    assert_false(may(f, "ada", "Delete", "default", "x"));
    assert_int_equal(auth_group_drop(f->auth, "writers", &err), KITH_EEXISTS);
    assert_int_equal(auth_group_change(f->auth, "writers", own, 1, false, &err), 0);
    assert_false(may(f, "ada", "Insert", "default", "x"));
    struct arena arena;
    struct grant *grants;
    size_t count;
    arena_init(&arena);
    assert_int_equal(auth_grants(f->auth, "r", &arena, &grants, &count, &err), 0);
    assert_int_equal(count, 2);
    assert_string_equal(grants[0].privilege, "DatabaseAdmin");
    arena_release(&arena);
    struct kith_names names;
    assert_int_equal(auth_group_privileges(f->auth, "DatabaseReadOnly", &names, &err), 0);
    assert_int_equal(names.count, 2);
    kith_names_free(&names);
    give(f, "r", "writers", "default", "x", true);
    assert_int_equal(auth_group_drop(f->auth, "writers", &err), 0);
}

static void make_all(struct fixture *f)
{
    struct kith_error err = { 0 };
    const char *const own[] = { "Insert", "CollectionReadOnly" };
    make_user(f, "ada");
    assert_int_equal(auth_role_create(f->auth, "r", "text", &err), 0);
    assert_int_equal(auth_role_member(f->auth, "ada", "r", true, &err), 0);
    assert_int_equal(auth_group_create(f->auth, "writers", &err), 0);
    assert_int_equal(auth_group_change(f->auth, "writers", own, 2, true, &err), 0);
    give(f, "r", "writers", "default", "x", false);
    give(f, "r", "Delete", "default", "y", false);
    give(f, "public", "ShowCollections", "*", "*", false);
}

static void drop_all(struct fixture *f)
{
    struct kith_error err = { 0 };
    give(f, "public", "ShowCollections", "*", "*", true);
    assert_int_equal(auth_role_drop(f->auth, "r", true, &err), 0);
    assert_int_equal(auth_group_drop(f->auth, "writers", &err), 0);
    assert_int_equal(auth_user_drop(f->auth, "ada", &err), 0);
}

static void expect_all(struct fixture *f, bool there)
{
    struct principal who;
    assert_int_equal(enter(f, "Bearer ada:secret1", true, &who), there ? AUTH_OK : AUTH_WRONG);
    assert_int_equal(may(f, "ada", "Search", "default", "x"), there);
    assert_int_equal(may(f, "ada", "Delete", "default", "y"), there);
    assert_int_equal(may(f, "ada", "ShowCollections", "default", NULL), there);
    assert_false(may(f, "ada", "Delete", "default", "x"));
}

/* Everything in it comes back, once; and what is not sound changes nothing. */
static void test_backup(void **state)
{
    struct fixture *f = *state;
    struct kith_error err = { 0 };
    struct arena arena;
    struct auth_backup all, bad;
    arena_init(&arena);
    make_all(f);
    assert_int_equal(auth_backup(f->auth, &arena, &all, &err), 0);
    assert_true(all.users.count == 1 && all.roles.count == 1 && all.groups.count == 1);
    assert_memory_equal(all.users.entries[0].password, "pbkdf2-sha256$120000$", 21);
    assert_int_equal(auth_restore(f->auth, &all, &err), KITH_EEXISTS);
    drop_all(f);

    struct auth_backup_entry user = all.users.entries[0], twice[2] = { user, user };
    struct grant grant = all.grants[0];
    bad = all;
    bad.users.entries = &user;
    user.password = "$2a$10$abcdefghijklmnopqrstuv";
    assert_int_equal(auth_restore(f->auth, &bad, &err), KITH_EINVAL);
    assert_string_equal(err.text,
                        "the password of user [ada] is not in a form that can be restored");
    bad.users = (struct auth_backup_list){ twice, 2 };
    assert_int_equal(auth_restore(f->auth, &bad, &err), KITH_EEXISTS);
    bad = all;
    bad.roles.count = 0; /* of whom the user has one */
    assert_int_equal(auth_restore(f->auth, &bad, &err), KITH_ENOTFOUND);
    bad = all;
    bad.grants = &grant;
    bad.grant_count = 1;
    grant.role = "admin";
    assert_int_equal(auth_restore(f->auth, &bad, &err), KITH_ENOTFOUND);
    grant = all.grants[0];
    grant.privilege = "Nonsense";
    assert_int_equal(auth_restore(f->auth, &bad, &err), KITH_EINVAL);

    int rc = KITH_ENOMEM;
    for (uint64_t nth = 1; rc && nth < 1000; nth++) {
        struct kith_names users;
        assert_int_equal(auth_user_list(f->auth, &users), 0);
        assert_int_equal(users.count, 1);
        kith_names_free(&users);
        alloc_fault_arm(nth, false);
        rc = auth_restore(f->auth, &all, &err);
        alloc_fault_disarm();
        if (rc) assert_int_equal(rc, KITH_ENOMEM);
    }
    assert_int_equal(rc, 0);
    arena_release(&arena);
    expect_all(f, true);
    close_all(f);
    open_all(f);
    expect_all(f, true);
    drop_all(f);
    expect_all(f, false);
}

/* A change is made whole or not at all. */
static void test_no_memory(void **state)
{
    struct fixture *f = *state;
    struct kith_error err = { 0 };
    assert_int_equal(auth_role_create(f->auth, "r", NULL, &err), 0);
    make_user(f, "ada");
    assert_int_equal(auth_role_member(f->auth, "ada", "r", true, &err), 0);
    const struct grant grant = { "r", AUTH_COLLECTION, "c", "default", "Search", "root" };
    int rc = KITH_ENOMEM;
    for (uint64_t nth = 1; rc && nth < 500; nth++) {
        alloc_fault_arm(nth, false);
        rc = auth_grant(f->auth, &grant, false, &err);
        alloc_fault_disarm();
        assert_int_equal(may(f, "ada", "Search", "default", "c"), rc == 0);
    }
    assert_int_equal(rc, 0);
    rc = KITH_ENOMEM;
    for (uint64_t nth = 1; rc && nth < 500; nth++) {
        alloc_fault_arm(nth, false);
        rc = auth_role_drop(f->auth, "r", true, &err);
        alloc_fault_disarm();
        assert_int_equal(may(f, "ada", "Search", "default", "c"), rc != 0);
    }
    assert_int_equal(rc, 0);
}

/* Every prefix of an entry, and every flipped byte, is refused or read; never more than that. */
static void test_damaged_bytes(void **state)
{
    struct fixture *f = *state;
    struct kith_error err = { 0 };
    assert_int_equal(auth_role_create(f->auth, "r", "text", &err), 0);
    give(f, "r", "Search", "default", "c", false);
    struct auth_data *data = auth_data_ref(f->auth);
    struct buffer bytes;
    buffer_init(&bytes);
    auth_encode(auth_find(data, AUTH_KIND_ROLE, "r"), &bytes);
    for (size_t i = 0; i < bytes.len; i++) {
        struct auth_entry *entry = auth_entry_new(f->auth, AUTH_KIND_ROLE, "r");
        assert_int_not_equal(auth_decode(entry, bytes.data, i), 0);
        auth_entry_unref(entry);
        for (unsigned bit = 0; bit < 8; bit++) {
            bytes.data[i] ^= (uint8_t)(1u << bit);
            entry = auth_entry_new(f->auth, AUTH_KIND_ROLE, "r");
            (void)!auth_decode(entry, bytes.data, bytes.len);
            auth_entry_unref(entry);
            bytes.data[i] ^= (uint8_t)(1u << bit);
        }
    }
    buffer_release(&bytes);
    auth_data_unref(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_headers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_delay_grows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_passwords, setup, teardown),
        cmocka_unit_test_setup_teardown(test_roles, setup, teardown),
        cmocka_unit_test_setup_teardown(test_groups, setup, teardown),
        cmocka_unit_test_setup_teardown(test_backup, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damaged_bytes, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
