/*
 * A power cut after every operation of the log and the journal: what was acknowledged is replayed
 * whole and in order, nothing is invented; and no failing operation or allocation loses it either.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "log/journal.h"
#include "log/wal.h"
#include "os/sim.h"

#define RECORDS 40

struct world {
    struct os_sim *sim;
    struct os_fault fault;
    unsigned acknowledged;
};

static size_t payload_len(unsigned i) { return i % 7 == 3 ? 3000 : (i * 37) % 200; }

static void fill(uint8_t *out, unsigned i)
{
    for (size_t at = 0; at < payload_len(i); at++) out[at] = (uint8_t)(i * 31 + at);
}

struct seen {
    unsigned count;
    uint64_t ts;
};

static int see(void *ctx, const struct wal_record *record)
{
    struct seen *seen = ctx;
    uint8_t expected[3000];
    fill(expected, seen->count);
    assert_true(record->ts > seen->ts);
    assert_int_equal(record->type, seen->count);
    assert_int_equal(record->len, payload_len(seen->count));
    assert_memory_equal(record->payload, expected, record->len);
    seen->ts = record->ts;
    seen->count++;
    return 0;
}

static struct wal_opts opts_of(const struct os *os, enum kith_sync sync)
{
    return (struct wal_opts){.os = os, .dir = "db", .database_id = 9, .sync = sync,
                             .file_bytes = 4096};
}

/* Appends from where the log is; every fourth wait covers four records. */
static void work(struct world *world, enum kith_sync sync)
{
    struct wal *wal = NULL;
    const struct wal_opts opts = opts_of(&world->fault.os, sync);
    if (wal_open(&opts, NULL, NULL, NULL, &wal, NULL) != 0) return;
    for (unsigned i = 0; i < RECORDS; i++) {
        uint8_t bytes[3000];
        uint64_t ts, ticket;
        fill(bytes, i);
        const struct wal_piece piece = {bytes, payload_len(i)};
        if (wal_append(wal, i % 3, (uint16_t)i, &piece, 1, &ts, &ticket, NULL) != 0) break;
        if (i % 4 != 3) continue;
        if (wal_wait(wal, ticket, NULL) != 0) break;
        world->acknowledged = i + 1;
    }
    wal_close(wal);
}

static void check_image(const struct os_sim *sim, enum os_sim_loss loss, uint64_t seed,
                        unsigned at_least)
{
    struct os_sim *image = os_sim_crash(sim, loss, seed);
    assert_non_null(image);
    struct wal *wal = NULL;
    struct seen first = {0}, second = {0};
    struct wal_replay_report report;
    const struct wal_opts opts = opts_of(os_sim_os(image), KITH_SYNC_ALWAYS);
    const int rc = wal_open(&opts, see, &first, &report, &wal, NULL);
    if (rc == KITH_ENOTFOUND && at_least == 0) {
        os_sim_free(image);
        return;
    }
    assert_int_equal(rc, 0);
    assert_true(first.count >= at_least);
    assert_int_equal(report.damaged_bytes, 0);
    wal_close(wal);
    assert_int_equal(wal_open(&opts, see, &second, &report, &wal, NULL), 0);
    assert_int_equal(second.count, first.count);
    wal_close(wal);
    os_sim_free(image);
}

static enum kith_sync hook_sync;

static void crash_here(void *ctx, const char *operation, const char *path)
{
    const struct world *world = ctx;
    (void)operation;
    (void)path;
    const unsigned at_least = hook_sync == KITH_SYNC_ALWAYS ? world->acknowledged : 0;
    check_image(world->sim, OS_SIM_KEEP_SYNCED, 1, at_least);
    for (uint64_t seed = 0; seed < 4; seed++) {
        check_image(world->sim, OS_SIM_RANDOM, world->fault.count * 4 + seed, at_least);
    }
}

static void world_init(struct world *world)
{
    *world = (struct world){.sim = os_sim_new(3)};
    assert_non_null(world->sim);
    assert_int_equal(os_mkdir(os_sim_os(world->sim), "db", NULL), 0);
    assert_int_equal(os_sync_dir(os_sim_os(world->sim), ".", NULL), 0);
    os_fault_init(&world->fault, os_sim_os(world->sim));
}

static void test_power_cut_anywhere(void **state)
{
    (void)state;
    for (int sync = KITH_SYNC_ALWAYS; sync <= KITH_SYNC_NO; sync++) {
        struct world world;
        world_init(&world);
        hook_sync = (enum kith_sync)sync;
        world.fault.hook = crash_here;
        world.fault.hook_ctx = &world;
        world.fault.fail_at = 1;
        world.fault.sticky = true;
        work(&world, hook_sync);
        assert_int_equal(world.acknowledged, RECORDS);
        os_sim_free(world.sim);
    }
}

static void test_failing_operation_keeps_acknowledged(void **state)
{
    (void)state;
    for (int sticky = 0; sticky < 2; sticky++) {
        for (uint64_t n = 1;; n++) {
            struct world world;
            world_init(&world);
            world.fault.fail_at = n;
            world.fault.sticky = sticky;
            world.fault.partial = n % 2;
            work(&world, KITH_SYNC_ALWAYS);
            check_image(world.sim, OS_SIM_KEEP_SYNCED, n, world.acknowledged);
            check_image(world.sim, OS_SIM_RANDOM, n, world.acknowledged);
            const bool over = os_fault_count(&world.fault) < n;
            os_sim_free(world.sim);
            if (over) break;
        }
    }
}

static void test_failing_allocation_keeps_acknowledged(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 400; n++) {
        struct world world;
        world_init(&world);
        alloc_fault_arm(n, n % 2);
        work(&world, KITH_SYNC_ALWAYS);
        alloc_fault_disarm();
        check_image(world.sim, OS_SIM_KEEP_SYNCED, n, world.acknowledged);
        os_sim_free(world.sim);
    }
}

/* ---- the journal ---- */

static unsigned journal_acknowledged;

static void journal_work(const struct os *os)
{
    struct journal *journal = NULL;
    journal_acknowledged = 0;
    if (journal_open(os, "db", 9, false, &journal, NULL) != 0) return;
    for (unsigned i = 1; i <= 60; i++) {
        char value[5000];
        memset(value, (int)i, sizeof value);
        const struct journal_change changes[] = {{"a", value, sizeof value}, {"b", value, 1}};
        if (journal_commit(journal, changes, 2, NULL) != 0) break;
        journal_acknowledged = i;
    }
    journal_close(journal);
}

static void check_journal(const struct os_sim *sim, enum os_sim_loss loss, uint64_t seed)
{
    struct os_sim *image = os_sim_crash(sim, loss, seed);
    assert_non_null(image);
    struct journal *journal = NULL;
    struct buffer a = {0}, b = {0};
    assert_int_equal(journal_open(os_sim_os(image), "db", 9, false, &journal, NULL), 0);
    const int rc = journal_get(journal, "a", &a);
    if (journal_acknowledged > 0) assert_int_equal(rc, 0);
    if (rc == 0) {
        assert_int_equal(journal_get(journal, "b", &b), 0);
        assert_int_equal(a.data[0], b.data[0]); /* all of a transaction, or none */
        assert_true(a.data[0] >= journal_acknowledged);
    }
    buffer_release(&a);
    buffer_release(&b);
    journal_close(journal);
    os_sim_free(image);
}

static void journal_crash_here(void *ctx, const char *operation, const char *path)
{
    const struct world *world = ctx;
    (void)operation;
    (void)path;
    check_journal(world->sim, OS_SIM_KEEP_SYNCED, 1);
    check_journal(world->sim, OS_SIM_RANDOM, world->fault.count);
}

static void test_journal_power_cut_and_failures(void **state)
{
    (void)state;
    for (uint64_t n = 0;; n++) { /* 0: crash at every operation */
        struct world world;
        world_init(&world);
        world.fault.fail_at = n ? n : 1;
        world.fault.sticky = n == 0 || n % 2;
        if (n == 0) world.fault.hook = journal_crash_here;
        world.fault.hook_ctx = &world;
        journal_work(&world.fault.os);
        check_journal(world.sim, OS_SIM_KEEP_SYNCED, n);
        const bool over = n > 0 && os_fault_count(&world.fault) < n;
        os_sim_free(world.sim);
        if (over) break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_power_cut_anywhere),
        cmocka_unit_test(test_failing_operation_keeps_acknowledged),
        cmocka_unit_test(test_failing_allocation_keeps_acknowledged),
        cmocka_unit_test(test_journal_power_cut_and_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
