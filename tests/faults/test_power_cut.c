/*
 * D2: a power cut on a real file system. The database is on an ext4 image behind a loop device; the writer is
 * stopped, the image copied as it is (with what the file system had pushed to its device, nothing
 * else), and the copy mounted and opened. Under `always` every acknowledged row is there; under `no` what
 * is there is a prefix. Needs root, loop devices and mkfs.ext4; skipped by name without.
 *
 * KITH_CUTS=n for other than 2 cuts.
 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workload.h"

static char base[64];

/* In the folder of the test. */
static int shell(const char *what)
{
    char command[400];
    (void)snprintf(command, sizeof command, "cd '%s' && (%s) >/dev/null 2>&1", base, what);
    return system(command);
}

static int open_rows(const char *path, enum kith_sync sync, struct kith_db **db,
                     struct kith_collection **rows, struct kith_error *err)
{
    struct kith_open_opts opts = KITH_OPEN_OPTS_INIT;
    opts.sync = sync;
    opts.seal_rows = 200;
    int rc = kith_open(path, &opts, db, err);
    if (rc == 0) rc = rows_make(*db, NAME, 4, rows, err);
    return rc;
}

/* Rows 0, 1, 2, ...; each number goes into the pipe when it is acknowledged. */
static void write_for_ever(const char *path, enum kith_sync sync, int out)
{
    struct kith_db *db = NULL;
    struct kith_collection *rows = NULL;
    struct kith_error err = {0};
    if (open_rows(path, sync, &db, &rows, &err)) _exit(3);
    for (int64_t id = 0;; id++) {
        const float vector[4] = {(float)id, 0, 0, 0};
        const struct kith_column columns[2] = {{.field = "id", .data = &id},
                                               {.field = "v", .data = vector}};
        struct kith_batch batch = KITH_BATCH_INIT;
        batch.rows = 1;
        batch.columns = columns;
        batch.column_count = 2;
        if (kith_insert(rows, &batch, NULL, NULL, &err)) _exit(3);
        if (write(out, &id, sizeof id) != (ssize_t)sizeof id) _exit(4);
    }
}

static void is_prefix(const char *path, enum kith_sync sync, int64_t acknowledged)
{
    struct kith_db *db = NULL;
    struct kith_collection *rows = NULL;
    struct kith_error err = {0};
    uint64_t count = 0, below = 0;
    char filter[64];
    int rc = open_rows(path, sync, &db, &rows, &err);
    if (rc == 0) rc = kith_count(rows, NULL, NULL, &count, &err);
    (void)snprintf(filter, sizeof filter, "id < %llu", (unsigned long long)count);
    if (rc == 0) rc = kith_count(rows, filter, NULL, &below, &err);
    if (rc) fail_msg("after the cut: %d %s", rc, err.text);
    print_message("acknowledged %lld, there %llu\n", (long long)acknowledged, (unsigned long long)count);
    assert_int_equal(below, count);
    if (sync == KITH_SYNC_ALWAYS) assert_true((int64_t)count >= acknowledged);
    kith_collection_release(rows);
    kith_close(db);
}

static void one_cut(enum kith_sync sync, unsigned ms)
{
    char path[96];
    int notes[2];
    (void)snprintf(path, sizeof path, "%s/mnt/db", base);
    assert_int_equal(shell("mount -o loop d.img mnt"), 0);
    assert_int_equal(pipe(notes), 0);
    (void)fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) write_for_ever(path, sync, notes[1]);
    (void)close(notes[1]);
    int64_t id, acknowledged = 0;
    assert_int_equal(read(notes[0], &id, sizeof id), sizeof id);
    acknowledged = id + 1;
    (void)usleep(ms * 1000);
    assert_int_equal(kill(pid, SIGSTOP), 0);
    const int copied = shell("cp --sparse=always d.img cut.img");
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    while (read(notes[0], &id, sizeof id) == (ssize_t)sizeof id) acknowledged = id + 1;
    (void)close(notes[0]);
    assert_int_equal(shell("umount mnt"), 0);
    assert_int_equal(copied, 0);
    assert_int_equal(shell("mount -o loop cut.img mnt"), 0);
    is_prefix(path, sync, acknowledged);
    assert_int_equal(shell("umount mnt"), 0);
}

static void power_cuts(void **state)
{
    (void)state;
    (void)snprintf(base, sizeof base, "/tmp/kith-cut-XXXXXX");
    assert_non_null(mkdtemp(base));
    for (uint64_t i = 0; i < from_env("KITH_CUTS", 2); i++) {
        const bool can = geteuid() == 0 && shell("truncate -s 192M d.img; mkdir -p mnt") == 0 &&
                         shell("mkfs.ext4 -qF d.img") == 0 &&
                         shell("mount -o loop d.img mnt && umount mnt") == 0;
        if (!can) {
            print_message("skipped: needs root, loop devices and mkfs.ext4\n");
            (void)shell("rm -rf \"$PWD\"");
            skip();
        }
        one_cut(i % 2 ? KITH_SYNC_NO : KITH_SYNC_ALWAYS, 100 + (unsigned)(i * 37 % 400));
    }
    assert_int_equal(shell("rm -rf \"$PWD\""), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(power_cuts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
