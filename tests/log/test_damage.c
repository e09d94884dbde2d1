/*
 * Each byte of a log flipped, one at a time: what was durable is reported as damaged, never
 * replayed wrong. And group commit on real threads: fewer syncs than records.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "log/wal.h"
#include "os/sim.h"

#define THREADS 16
#define EACH 50

static int see(void *ctx, const struct wal_record *record)
{
    unsigned *count = ctx;
    assert_int_equal(record->len, 20);
    for (size_t i = 0; i < record->len; i++) assert_int_equal(record->payload[i], record->type);
    (*count)++;
    return 0;
}

static void append(struct wal *wal, uint16_t type)
{
    uint64_t ts, ticket;
    uint8_t bytes[20];
    memset(bytes, type, sizeof bytes);
    const struct wal_piece piece = {bytes, sizeof bytes};
    assert_int_equal(wal_append(wal, 1, type, &piece, 1, &ts, &ticket, NULL), 0);
    assert_int_equal(wal_wait(wal, ticket, NULL), 0);
}

static void test_every_flipped_byte_is_found(void **state)
{
    (void)state;
    struct os_sim *sim = os_sim_new(5);
    struct wal *wal = NULL;
    struct wal_replay_report report;
    struct wal_opts opts = {.os = os_sim_os(sim), .dir = ".", .database_id = 4, .file_bytes = 512};
    assert_int_equal(wal_open(&opts, NULL, NULL, NULL, &wal, NULL), 0);
    for (uint16_t i = 1; i <= 9; i++) append(wal, i);
    wal_close(wal);
    opts.read_only = true;
    for (unsigned number = 1; number <= 2; number++) {
        char name[64];
        uint8_t *data;
        size_t len;
        (void)snprintf(name, sizeof name, "./wal-%016x.log", number);
        assert_int_equal(os_sim_file_bytes(sim, name, &data, &len), 0);
        for (size_t at = 0; at < len; at++) {
            unsigned count = 0;
            data[at] ^= (uint8_t)(1u << at % 8);
            assert_int_equal(wal_open(&opts, see, &count, &report, &wal, NULL), 0);
            wal_close(wal);
            assert_true(count == 9 || report.damaged_bytes > 0);
            assert_true(count >= 8);
            data[at] ^= (uint8_t)(1u << at % 8);
        }
    }
    os_sim_free(sim);
}

struct writers {
    struct wal *wal;
};

static void write_some(void *arg)
{
    const struct writers *writers = arg;
    for (uint16_t i = 0; i < EACH; i++) append(writers->wal, i);
}

static bool is_sync(void *ctx, const char *operation, const char *path)
{
    (void)ctx;
    (void)path;
    return strcmp(operation, "sync") == 0;
}

static void test_threads_share_syncs(void **state)
{
    (void)state;
    char dir[] = "/tmp/kith-wal-XXXXXX", command[64];
    assert_non_null(mkdtemp(dir));
    struct os_fault fault;
    os_fault_init(&fault, os_real());
    fault.select = is_sync;
    const struct wal_opts opts = {.os = &fault.os, .dir = dir, .database_id = 4,
                                  .file_bytes = 16384};
    struct writers writers = {NULL};
    struct os_thread *threads[THREADS];
    assert_int_equal(wal_open(&opts, NULL, NULL, NULL, &writers.wal, NULL), 0);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(os_thread_start(&fault.os, "w", 0, write_some, &writers, &threads[i], NULL), 0);
    }
    for (int i = 0; i < THREADS; i++) os_thread_join(threads[i]);
    assert_int_equal(wal_trim(writers.wal, 1, wal_last_ts(writers.wal) / 2, NULL), 0);
    wal_close(writers.wal);
    assert_true(os_fault_count(&fault) < THREADS * EACH);
    unsigned count = 0;
    assert_int_equal(wal_open(&opts, see, &count, NULL, &writers.wal, NULL), 0);
    assert_int_equal(count, THREADS * EACH);
    wal_close(writers.wal);
    (void)snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_flipped_byte_is_found),
        cmocka_unit_test(test_threads_share_syncs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
