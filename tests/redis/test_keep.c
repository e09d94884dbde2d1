/*
 * The log and the snapshots of the keyspace, on a simulated machine: before every operation that
 * touches the disk, disks as a power cut or a kill could leave them are drawn and loaded. What was
 * acknowledged is there, a unit is there whole or not at all, nothing is called damage that is
 * none; and damage is called so.
 */
#include "redis/keep_place.h"

static uint64_t cut_a_run(uint64_t seed, enum fsync_policy policy, uint64_t every)
{
    struct cutting cutting = { .always = policy == FSYNC_ALWAYS, .seed = seed, .every = every };
    struct os_fault fault;
    struct place place = { 0 };
    struct kith_error err;
    struct rng rng;
    rng_init(&rng, seed);
    cutting.sim = os_sim_new(seed);
    os_fault_init(&fault, os_sim_os(cutting.sim));
    fault.hook = cut;
    fault.hook_ctx = &cutting;
    fault.sticky = true;
    fault.fail_at = 1;
    assert_int_equal(open_place(&place, &fault.os, &err), 0);
    assert_int_equal(keep_log(place.keep, policy, false, &err), 0);
    cutting.active = true;
    for (int step = 0; step < 120; step++) {
        const uint64_t what = rng_below(&rng, 100);
        put_unit(&place, &cutting.model);
        if (what < 60) acknowledge(&place, &cutting.model);
        else if (what < 66) (void)!keep_save_begin(place.keep, &err);
        else if (what < 68) flush_all(&place, &cutting.model);
        else if (what < 72) (void)keep_settle(place.keep);
        if (what == 99) {
            acknowledge(&place, &cutting.model);
            close_place(&place);
            assert_int_equal(open_place(&place, &fault.os, &err), 0);
            assert_int_equal(keep_log(place.keep, policy, false, &err), 0);
        }
    }
    acknowledge(&place, &cutting.model);
    close_place(&place);
    cutting.active = false;
    assert_int_equal(open_place(&place, &fault.os, &err), 0);
    assert_true(is_right(place.cache, &cutting.model, cutting.model.submitted));
    close_place(&place);
    os_sim_free(cutting.sim);
    return cutting.states;
}

static void test_power_cuts(void **state)
{
    (void)state;
    uint64_t states = 0;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        states += cut_a_run(seed, FSYNC_ALWAYS, 3);
        states += cut_a_run(seed + 100, FSYNC_EVERYSEC, 3);
        states += cut_a_run(seed + 200, FSYNC_NO, 5);
    }
    print_message("%llu states\n", (unsigned long long)states);
    assert_true(states > 500);
}

/* ---- failures ---- */

/* A disk that is full refuses changes and goes on when there is room; nothing is lost. */
static void test_disk_full(void **state)
{
    (void)state;
    struct os_sim *sim = os_sim_new(3);
    struct place place = { 0 };
    struct model model = { 0 };
    struct kith_error err;
    assert_int_equal(open_place(&place, os_sim_os(sim), &err), 0);
    assert_int_equal(keep_log(place.keep, FSYNC_NO, false, &err), 0);
    put_unit(&place, &model);
    acknowledge(&place, &model);
    assert_int_equal(model.acked, 1);
    os_sim_disk_limit(sim, 1000);
    while (!keep_refusal(place.keep) && model.submitted < 2000000) {
        for (int i = 0; i < 50000; i++) put_unit(&place, &model);
        (void)keep_settle(place.keep);
    }
    assert_non_null(keep_refusal(place.keep));
    assert_non_null(strstr(place.heard, "cannot be written"));
    assert_true(model.acked < model.submitted);
    os_sim_disk_limit(sim, 0);
    acknowledge(&place, &model);
    assert_null(keep_refusal(place.keep));
    assert_int_equal(model.acked, model.submitted);
    check_and_end(&place, sim, &model);
}

/* A disk that is full from the moment when the next log file has been made. */
struct full_disk {
    bool armed, full;
};

static bool is_refused(void *ctx, const char *operation, const char *path)
{
    struct full_disk *disk = ctx;
    if (disk->armed && strcmp(operation, "rename") == 0 && strstr(path, "/log-")) disk->full = true;
    return disk->full && (strcmp(operation, "pwrite") == 0 || strcmp(operation, "allocate") == 0);
}

/* true: the log was caught between its files. */
static bool cut_on_full_disk(uint64_t seed, enum fsync_policy policy)
{
    struct os_sim *sim = os_sim_new(seed);
    struct full_disk disk = { 0 };
    struct os_fault fault;
    struct place place = { 0 };
    struct model model = { 0 };
    struct keep_info info;
    struct kith_error err;
    os_fault_init(&fault, os_sim_os(sim));
    fault.select = is_refused;
    fault.select_ctx = &disk;
    fault.fail_status = KITH_ENOSPC;
    assert_int_equal(open_place(&place, &fault.os, &err), 0);
    assert_int_equal(keep_log(place.keep, policy, false, &err), 0);
    for (int i = 0; i < 20; i++) put_unit(&place, &model);
    acknowledge(&place, &model);
    fault.sticky = true;
    fault.fail_at = 1;
    disk.armed = true;
    for (unsigned i = 0; i < 1 + seed % 4; i++) put_unit(&place, &model);
    assert_int_not_equal(keep_save(place.keep, &err), 0);
    keep_info_get(place.keep, &info);
    const bool caught = info.between_logs;
    for (int i = 0; i < 5; i++) put_unit(&place, &model);
    (void)keep_settle(place.keep);
    check_image(sim, &model, seed);
    if (caught && policy != FSYNC_ALWAYS) { /* who waits is told, and not kept for ever */
        assert_int_not_equal(keep_wait(place.keep, keep_ticket(place.keep)), 0);
        assert_non_null(keep_refusal(place.keep));
    }
    assert_int_not_equal(keep_save(place.keep, &err), 0); /* still full */
    disk.armed = disk.full = false;
    if (caught) assert_int_equal(keep_save(place.keep, &err), 0); /* as persist_turn does */
    acknowledge(&place, &model);
    assert_int_equal(model.acked, model.submitted);
    assert_null(keep_refusal(place.keep));
    keep_info_get(place.keep, &info);
    assert_false(info.between_logs);
    put_unit(&place, &model);
    acknowledge(&place, &model);
    check_image(sim, &model, seed + 1);
    check_and_end(&place, sim, &model);
    return caught;
}

/* The disk is full exactly when the log goes on in a new file: nothing that was acknowledged is
 * lost, and when there is room again all is answered. */
static void test_full_at_cut(void **state)
{
    (void)state;
    unsigned caught = 0;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        caught += cut_on_full_disk(seed, FSYNC_ALWAYS);
        caught += cut_on_full_disk(seed, FSYNC_EVERYSEC);
        caught += cut_on_full_disk(seed, FSYNC_NO);
    }
    print_message("caught between files: %u of 30\n", caught);
    assert_true(caught >= 20);
}

static bool is_sync(void *ctx, const char *operation, const char *path)
{
    (void)ctx;
    (void)path;
    return strcmp(operation, "sync") == 0;
}

/* A sync that failed is not repeated; a snapshot begins anew. */
static void test_failed_sync(void **state)
{
    (void)state;
    struct os_sim *sim = os_sim_new(4);
    struct os_fault fault;
    struct place place = { 0 };
    struct model model = { 0 };
    struct kith_error err;
    os_fault_init(&fault, os_sim_os(sim));
    fault.select = is_sync;
    assert_int_equal(open_place(&place, &fault.os, &err), 0);
    assert_int_equal(keep_log(place.keep, FSYNC_ALWAYS, false, &err), 0);
    put_unit(&place, &model);
    acknowledge(&place, &model);
    put_unit(&place, &model);
    fault.sticky = true;
    fault.fail_at = os_fault_count(&fault) + 1;
    assert_int_not_equal(keep_wait(place.keep, keep_ticket(place.keep)), 0);
    assert_non_null(keep_refusal(place.keep));
    fault.fail_at = 0;
    assert_int_not_equal(keep_wait(place.keep, keep_ticket(place.keep)), 0);
    assert_int_equal(keep_save(place.keep, &err), 0);
    assert_null(keep_refusal(place.keep));
    put_unit(&place, &model);
    acknowledge(&place, &model);
    assert_int_equal(model.acked, 3);
    close_place(&place);
    assert_int_equal(open_place(&place, os_sim_os(sim), &err), 0);
    assert_true(is_right(place.cache, &model, 3));
    close_place(&place);
    os_sim_free(sim);
}

/* Logging that begins late begins with a snapshot of what is there. */
static void test_begin_late(void **state)
{
    (void)state;
    struct os_sim *sim = os_sim_new(5);
    struct place place = { 0 };
    struct model model = { 0 };
    struct kith_error err;
    assert_int_equal(open_place(&place, os_sim_os(sim), &err), 0);
    for (int i = 0; i < 100; i++) put_unit(&place, &model);
    assert_int_equal(keep_save(place.keep, &err), 0);
    for (int i = 0; i < 100; i++) put_unit(&place, &model);
    assert_int_equal(keep_log(place.keep, FSYNC_ALWAYS, true, &err), 0);
    while (!keep_is_logging(place.keep)) os_sleep_us(os_sim_os(sim), 100);
    for (int i = 0; i < 10; i++) put_unit(&place, &model);
    acknowledge(&place, &model);
    struct keep_info info = { .saving = true };
    while (info.saving) {
        os_sleep_us(os_sim_os(sim), 1000);
        keep_info_get(place.keep, &info);
    }
    assert_int_equal(info.saves, 2);
    close_place(&place);
    assert_int_equal(open_place(&place, os_sim_os(sim), &err), 0);
    assert_true(is_right(place.cache, &model, 210));
    close_place(&place);
    os_sim_free(sim);
}

/* One flipped bit of a log or a snapshot is seen, and the place is named; at the end of the log it
 * may count as a torn write. `recover` opens what stands before it. */
static void test_damage(void **state)
{
    (void)state;
    struct model model = { 0 };
    struct kith_error err;
    unsigned refused = 0, torn = 0;
    for (uint64_t seed = 1; seed <= 120; seed++) {
        struct os_sim *sim = os_sim_new(seed);
        struct place place = { 0 };
        struct rng rng;
        rng_init(&rng, seed);
        memset(&model, 0, sizeof model);
        assert_int_equal(open_place(&place, os_sim_os(sim), &err), 0);
        assert_int_equal(keep_log(place.keep, FSYNC_ALWAYS, false, &err), 0);
        for (int i = 0; i < 30; i++) put_unit(&place, &model);
        assert_int_equal(keep_save(place.keep, &err), 0);
        for (int i = 0; i < 20; i++) {
            put_unit(&place, &model);
            acknowledge(&place, &model);
        }
        close_place(&place);
        uint8_t *bytes;
        size_t len;
        const char *file = seed % 2 ? DIR "/log-2" : DIR "/snapshot-2";
        assert_int_equal(os_sim_file_bytes(sim, file, &bytes, &len), 0);
        bytes[rng_below(&rng, len)] ^= (uint8_t)(1u << rng_below(&rng, 8));
        const int rc = open_place(&place, os_sim_os(sim), &err);
        if (rc == 0) {
            assert_true(seed % 2); /* never in a snapshot */
            assert_true(is_right(place.cache, &model, model.acked - 1));
            torn++;
        } else {
            assert_true(rc == KITH_ECORRUPT || rc == KITH_EVERSION);
            assert_non_null(strstr(err.text, file));
            refused++;
        }
        close_place(&place);
        place.recover = true;
        if (rc && seed % 2) {
            const int again = open_place(&place, os_sim_os(sim), &err);
            assert_true(again || is_right(place.cache, &model, 30)); /* the header may be hit */
            close_place(&place);
        }
        os_sim_free(sim);
    }
    assert_true(refused > 100);
    assert_true(torn < 15);
}

/* Two processes do not share a folder. */
static void test_lock(void **state)
{
    (void)state;
    struct os_sim *sim = os_sim_new(9);
    struct place one = { 0 }, two = { 0 };
    struct kith_error err;
    assert_int_equal(open_place(&one, os_sim_os(sim), &err), 0);
    assert_int_equal(open_place(&two, os_sim_os(sim), &err), KITH_ELOCKED);
    close_place(&two);
    close_place(&one);
    os_sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_power_cuts), cmocka_unit_test(test_disk_full),
        cmocka_unit_test(test_failed_sync), cmocka_unit_test(test_begin_late),
        cmocka_unit_test(test_damage),     cmocka_unit_test(test_lock),
        cmocka_unit_test(test_full_at_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
