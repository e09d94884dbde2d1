/*
 * Damage to the meta file, and memory that ends. One place costs nothing, wherever it is; what two
 * places cost is said; and no failing allocation loses what was committed. The log is trimmed no
 * further than it was told, and not past what a channel holds; wal_sync covers what was appended.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "log/journal.h"
#include "log/journal_internal.h"
#include "log/wal.h"
#include "os/sim.h"

#define KEYS 6
#define COMMITS 20

static void commit(struct journal *journal, unsigned i)
{
    char key[16], value[32];
    (void)snprintf(key, sizeof key, "key-%u", i % KEYS);
    (void)snprintf(value, sizeof value, "value-%u", i);
    const struct journal_change change = {key, value, strlen(value)};
    assert_int_equal(journal_commit(journal, &change, 1, NULL), 0);
}

/* The value of each key after `commits` commits; doubted ones are counted, and not compared. */
static unsigned compare(struct journal *journal, unsigned commits)
{
    unsigned doubted = 0;
    for (unsigned k = 0; k < KEYS; k++) {
        char key[16], value[32];
        struct buffer got = {0};
        unsigned last = (commits - 1) / KEYS * KEYS + k;
        if (last >= commits) last -= KEYS;
        (void)snprintf(key, sizeof key, "key-%u", k);
        (void)snprintf(value, sizeof value, "value-%u", last);
        const int rc = journal_get(journal, key, &got);
        if (journal_doubts(journal, key)) {
            doubted++;
        } else {
            assert_int_equal(rc, 0);
            assert_int_equal(got.len, strlen(value));
            assert_memory_equal(got.data, value, got.len);
        }
        buffer_release(&got);
    }
    return doubted;
}

/* A journal of two files, the second with commits after its snapshot. */
static struct os_sim *make(void)
{
    struct os_sim *sim = os_sim_new(6);
    struct journal *journal = NULL;
    assert_int_equal(journal_open(os_sim_os(sim), ".", 7, false, &journal, NULL), 0);
    for (unsigned i = 0; i < COMMITS / 2; i++) commit(journal, i);
    assert_int_equal(journal_rewrite(journal, NULL), 0);
    for (unsigned i = COMMITS / 2; i < COMMITS; i++) commit(journal, i);
    journal_close(journal);
    return sim;
}

static const char *const names[2] = {"./meta-0000000000000001.kv", "./meta-0000000000000002.kv"};

static void count_problem(void *ctx, uint64_t offset, const char *text)
{
    (void)offset;
    (void)text;
    ++*(unsigned *)ctx;
}

static bool is_seen(struct os_sim *sim, const char *name)
{
    unsigned problems = 0;
    const int rc = journal_inspect(os_sim_os(sim), name, 7, NULL, count_problem, &problems, NULL);
    return rc != 0 || problems > 0;
}

/* Opens a copy for writing: nothing is lost, and afterwards nothing is damaged. */
static void opens_whole(struct os_sim *sim, bool is_newest)
{
    struct os_sim *image = os_sim_crash(sim, OS_SIM_KEEP_ALL, 1);
    struct journal *journal = NULL;
    struct journal_health health;
    assert_non_null(image);
    assert_int_equal(journal_open(os_sim_os(image), ".", 7, false, &journal, NULL), 0);
    journal_health(journal, &health);
    assert_int_equal(health.lost, 0);
    if (is_newest) assert_true(health.repaired);
    assert_int_equal(compare(journal, COMMITS), 0);
    commit(journal, COMMITS);
    journal_close(journal);
    assert_int_equal(journal_open(os_sim_os(image), ".", 7, true, &journal, NULL), 0);
    journal_health(journal, &health);
    assert_false(health.repaired);
    assert_int_equal(compare(journal, COMMITS + 1), 0);
    journal_close(journal);
    os_sim_free(image);
}

static void every_flipped_byte(void **state)
{
    (void)state;
    struct os_sim *sim = make();
    for (int file = 0; file < 2; file++) {
        uint8_t *data;
        size_t len;
        assert_int_equal(os_sim_file_bytes(sim, names[file], &data, &len), 0);
        assert_false(is_seen(sim, names[file]));
        for (size_t at = 0; at < len; at++) {
            data[at] ^= (uint8_t)(1u << at % 8);
            if (!is_seen(sim, names[file])) fail_msg("file %d, byte %zu is not seen", file + 1, at);
            opens_whole(sim, file == 1);
            data[at] ^= (uint8_t)(1u << at % 8);
        }
    }
    os_sim_free(sim);
}

/* Where each commit of the file is: pairs of offsets. */
static size_t find_commits(const uint8_t *data, size_t len, uint64_t *at, size_t room)
{
    const struct journal_id id = {7, 2};
    struct journal_transaction transaction;
    size_t count = 0;
    uint64_t offset = JOURNAL_HEADER_BYTES;
    while (journal_decode(&id, data, len, offset, &transaction)) {
        if (transaction.kind == JOURNAL_COMMIT && count < room) at[count++] = offset;
        offset = transaction.next;
    }
    return count;
}

static void both_copies(void **state)
{
    (void)state;
    struct os_sim *sim = make();
    uint8_t *data;
    size_t len;
    uint64_t at[64];
    assert_int_equal(os_sim_file_bytes(sim, names[1], &data, &len), 0);
    const size_t count = find_commits(data, len, at, 64);
    assert_int_equal(count, COMMITS + 2); /* and the empty one of the close */
    for (size_t pair = 0; pair < COMMITS / 2; pair++) {
        struct journal *journal = NULL;
        struct journal_health health;
        data[at[2 * pair] + 26] ^= 1;
        data[at[2 * pair + 1] + 26] ^= 1;
        for (int again = 0; again < 2; again++) {
            struct os_sim *image = os_sim_crash(sim, OS_SIM_KEEP_ALL, 1);
            assert_int_equal(journal_open(os_sim_os(image), ".", 7, again == 1, &journal, NULL), 0);
            journal_health(journal, &health);
            assert_int_equal(health.lost, 1);
            /* Keys that later commits wrote are certain. */
            const size_t later = COMMITS / 2 - pair - 1;
            assert_int_equal(compare(journal, COMMITS), later < KEYS ? KEYS - later : 0);
            if (!again) commit(journal, COMMITS);
            if (!again) assert_int_equal(compare(journal, COMMITS + 1), later + 1 < KEYS ? KEYS - later - 1 : 0);
            journal_close(journal);
            os_sim_free(image);
        }
        data[at[2 * pair] + 26] ^= 1;
        data[at[2 * pair + 1] + 26] ^= 1;
    }
    os_sim_free(sim);
}

/* Header and snapshot at once: there is nothing to begin from. */
static void nothing_to_begin_from(void **state)
{
    (void)state;
    struct os_sim *sim = make();
    struct journal *journal = NULL;
    uint8_t *data;
    size_t len;
    assert_int_equal(os_sim_file_bytes(sim, names[1], &data, &len), 0);
    data[16] ^= 1;
    data[JOURNAL_HEADER_BYTES + 30] ^= 1;
    assert_int_equal(journal_open(os_sim_os(sim), ".", 7, false, &journal, NULL), KITH_ECORRUPT);
    os_sim_free(sim);
}

static void failing_allocations(void **state)
{
    (void)state;
    for (uint64_t n = 1;; n++) {
        struct os_sim *sim = make();
        struct journal *journal = NULL;
        unsigned done = COMMITS;
        alloc_fault_arm(n, n % 2);
        if (journal_open(os_sim_os(sim), ".", 7, false, &journal, NULL) == 0) {
            for (unsigned i = COMMITS; i < COMMITS + 4; i++) {
                const struct journal_change change = {"other", "x", 1};
                (void)!journal_commit(journal, &change, 1, NULL);
            }
            (void)!journal_rewrite(journal, NULL);
            journal_close(journal);
        }
        const bool is_over = alloc_fault_count() < n;
        alloc_fault_disarm();
        assert_int_equal(journal_open(os_sim_os(sim), ".", 7, false, &journal, NULL), 0);
        assert_int_equal(compare(journal, done), 0);
        journal_close(journal);
        os_sim_free(sim);
        if (is_over) break;
        assert_true(n < 10000);
    }
}

/* ---- the log ---- */

static uint64_t append(struct wal *wal, uint32_t channel, size_t len, uint64_t *ticket)
{
    static const uint8_t bytes[600];
    uint64_t ts;
    const struct wal_piece piece = {bytes, len};
    assert_int_equal(wal_append(wal, channel, 1, &piece, 1, &ts, ticket, NULL), 0);
    return ts;
}

struct seen {
    uint64_t ts[64];
    size_t count;
};

static int see(void *ctx, const struct wal_record *record)
{
    struct seen *seen = ctx;
    assert_true(seen->count < 64);
    seen->ts[seen->count++] = record->ts;
    return 0;
}

static void reread(struct os_sim *sim, struct seen *seen)
{
    struct os_sim *image = os_sim_crash(sim, OS_SIM_KEEP_SYNCED, 2);
    struct wal *wal = NULL;
    const struct wal_opts opts = {.os = os_sim_os(image), .dir = ".", .database_id = 4, .file_bytes = 1024};
    *seen = (struct seen){.count = 0};
    assert_int_equal(wal_open(&opts, see, seen, NULL, &wal, NULL), 0);
    wal_close(wal);
    os_sim_free(image);
}

/* Two channels in one file: it stays until both are trimmed past their last record there. */
static void trim_keeps_what_is_needed(void **state)
{
    (void)state;
    struct os_sim *sim = os_sim_new(8);
    struct wal *wal = NULL;
    struct seen seen;
    uint64_t ts[12], ticket = 0;
    const struct wal_opts opts = {.os = os_sim_os(sim), .dir = ".", .database_id = 4, .file_bytes = 1024};
    assert_int_equal(wal_open(&opts, NULL, NULL, NULL, &wal, NULL), 0);
    for (unsigned i = 0; i < 12; i++) {
        ts[i] = append(wal, 1 + i % 2, 300, &ticket);
        assert_int_equal(wal_wait(wal, ticket, NULL), 0);
    }
    const uint64_t bytes = wal_bytes(wal);
    assert_int_equal(wal_trim(wal, 1, ts[10], NULL), 0); /* the other channel pins all */
    assert_int_equal(wal_bytes(wal), bytes);
    for (unsigned upto = 0; upto < 12; upto += 2) {
        assert_int_equal(wal_trim(wal, 2, ts[upto + 1], NULL), 0);
        reread(sim, &seen);
        size_t needed = 0;
        for (size_t i = 0; i < seen.count; i++) needed += seen.ts[i] > ts[upto + 1];
        assert_int_equal(needed, 12 - upto - 2); /* nothing after what was named is gone */
    }
    assert_true(wal_bytes(wal) < bytes);
    wal_close(wal);
    os_sim_free(sim);
}

/* Under every policy, what was appended before wal_sync survives a power cut after it. */
static void sync_covers_what_was_appended(void **state)
{
    (void)state;
    for (int sync = KITH_SYNC_ALWAYS; sync <= KITH_SYNC_NO; sync++) {
        struct os_sim *sim = os_sim_new(9);
        struct wal *wal = NULL;
        struct seen seen;
        uint64_t ticket = 0;
        const struct wal_opts opts = {.os = os_sim_os(sim), .dir = ".", .database_id = 4,
                                      .file_bytes = 1024, .sync = (enum kith_sync)sync};
        assert_int_equal(wal_open(&opts, NULL, NULL, NULL, &wal, NULL), 0);
        for (unsigned round = 1; round <= 6; round++) {
            for (unsigned i = 0; i < 4; i++) (void)append(wal, 1, 100, &ticket);
            if (round % 2) assert_int_equal(wal_wait(wal, ticket, NULL), 0);
            assert_int_equal(wal_sync(wal, NULL), 0);
            assert_false(wal_dirty(wal));
            reread(sim, &seen);
            assert_int_equal(seen.count, round * 4);
        }
        wal_close(wal);
        os_sim_free(sim);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_flipped_byte),       cmocka_unit_test(both_copies),
        cmocka_unit_test(nothing_to_begin_from),    cmocka_unit_test(failing_allocations),
        cmocka_unit_test(trim_keeps_what_is_needed), cmocka_unit_test(sync_covers_what_was_appended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
