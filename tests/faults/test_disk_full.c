/*
 * D7 on the real machine: a disk that is really full (a small tmpfs; needs root), and a process without
 * free descriptors. Writers are refused, nothing that was acknowledged is lost, deletes and reads go on where
 * they can, and when space or descriptors are back, all goes on without a new start.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include "workload.h"

#define ROWS 40u
#define FILL_BATCHES 4000
#define DISK "size=24m"

struct world {
    char dir[64];
    char db_path[96];
    struct kith_db *db;
    struct kith_collection *rows;
    struct kith_error err;
    int64_t next; /* key */
};

static void world_open(struct world *world)
{
    struct kith_open_opts opts = KITH_OPEN_OPTS_INIT;
    opts.seal_rows = 2000;
    opts.threads = 2;
    opts.memory_bytes = 256u << 20;
    int rc = kith_open(world->db_path, &opts, &world->db, &world->err);
    if (rc == 0) rc = rows_make(world->db, NAME, 64, &world->rows, &world->err);
    if (rc) fail_msg("open: %d %s", rc, world->err.text);
}

static void world_close(struct world *world)
{
    kith_collection_release(world->rows);
    kith_close(world->db);
}

/* `next` moves on only when the rows are acknowledged. */
static int put(struct world *world)
{
    static int64_t ids[ROWS];
    static float vectors[ROWS * 64];
    for (unsigned i = 0; i < ROWS; i++) ids[i] = world->next + i;
    const struct kith_column columns[2] = {{.field = "id", .data = ids}, {.field = "v", .data = vectors}};
    struct kith_batch batch = KITH_BATCH_INIT;
    batch.rows = ROWS;
    batch.columns = columns;
    batch.column_count = 2;
    const int rc = kith_upsert(world->rows, &batch, NULL, NULL, &world->err);
    if (rc == 0) world->next += ROWS;
    return rc;
}

static uint64_t count(struct world *world)
{
    uint64_t n = 0;
    const int rc = kith_count(world->rows, NULL, NULL, &n, &world->err);
    if (rc) fail_msg("count: %d %s", rc, world->err.text);
    return n;
}

/* Unknown outcomes may be there or not. */
static void holds(struct world *world, unsigned unknown)
{
    const uint64_t rows = count(world);
    if (rows < (uint64_t)world->next || rows > (uint64_t)world->next + unknown * ROWS)
        fail_msg("%llu rows, acknowledged %lld", (unsigned long long)rows, (long long)world->next);
}

static void fill_up(const char *path)
{
    static const uint8_t bytes[65536];
    const int file = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(file >= 0);
    while (write(file, bytes, sizeof bytes) > 0) {}
    while (write(file, bytes, 512) > 0) {}
    (void)close(file);
}

static void full_disk(void **state)
{
    (void)state;
    struct world world = {.dir = "/tmp/kith-full-XXXXXX"};
    char hog[96];
    assert_non_null(mkdtemp(world.dir));
    if (geteuid() != 0 || mount("tmpfs", world.dir, "tmpfs", 0, DISK) != 0) {
        print_message("skipped: a small tmpfs needs root\n");
        (void)rmdir(world.dir);
        skip();
    }
    (void)snprintf(world.db_path, sizeof world.db_path, "%s/db", world.dir);
    (void)snprintf(hog, sizeof hog, "%s/hog", world.dir);
    world_open(&world);
    for (int i = 0; i < 20; i++) assert_int_equal(put(&world), 0);
    fill_up(hog);
    unsigned refused = 0, unknown = 0;
    for (int i = 0; i < FILL_BATCHES && refused < 20; i++) {
        const int rc = put(&world);
        if (rc == KITH_EOUTCOME) unknown++;
        if (rc == 0) continue;
        refused++;
        if (rc != KITH_ENOSPC && rc != KITH_EOUTCOME) fail_msg("refused with %d %s", rc, world.err.text);
    }
    assert_int_equal(refused, 20);
    holds(&world, 0);
    assert_int_equal(unlink(hog), 0);
    /* Without a new start, where the log is not poisoned. */
    int rc = put(&world);
    print_message("after %lld rows and %u refusals: %s\n", (long long)world.next, refused,
                  rc ? world.err.text : "goes on");
    if (rc == 0) rc = kith_flush(world.rows, NULL, &world.err);
    if (rc) fail_msg("space is back, and yet: %d %s", rc, world.err.text);
    holds(&world, unknown);
    world_close(&world);
    world_open(&world);
    holds(&world, unknown);
    world_close(&world);
    assert_int_equal(umount(world.dir), 0);
    (void)rmdir(world.dir);
}

static void no_descriptors(void **state)
{
    (void)state;
    struct world world = {.dir = "/tmp/kith-nofile-XXXXXX"};
    char command[128];
    struct rlimit old, low;
    assert_non_null(mkdtemp(world.dir));
    (void)snprintf(world.db_path, sizeof world.db_path, "%s/db", world.dir);
    world_open(&world);
    for (int i = 0; i < 20; i++) assert_int_equal(put(&world), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    const int next = dup(0); /* every number from here on is taken */
    assert_true(next > 0);
    (void)close(next);
    low = old;
    low.rlim_cur = (rlim_t)next;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    unsigned refused = 0;
    for (int i = 0; i < 60; i++) refused += put(&world) != 0; /* some need a file, for sealing */
    const int flushed = kith_flush(world.rows, NULL, &world.err);
    holds(&world, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    print_message("%u of 60 writes refused, flush %d: %s\n", refused, flushed, flushed ? world.err.text : "");
    assert_int_not_equal(flushed, 0);
    int rc = put(&world);
    if (rc) rc = put(&world); /* the first may still hear of what failed */
    if (rc == 0) rc = kith_flush(world.rows, NULL, &world.err);
    if (rc) fail_msg("descriptors are back, and yet: %d %s", rc, world.err.text);
    holds(&world, 0);
    world_close(&world);
    world_open(&world);
    holds(&world, 0);
    world_close(&world);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", world.dir);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(full_disk), cmocka_unit_test(no_descriptors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
