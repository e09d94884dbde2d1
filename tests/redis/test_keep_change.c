/*
 * From one log to the next, and the failures of the disk on the way (simulated): what links two
 * logs, what a log that lost its end means, a sync that fails, every operation of a snapshot that
 * fails, an end of logging on a full disk; and files of older versions.
 */
#include "redis/keep_place.h"

#include "base/checksum.h"
#include "base/endian.h"
#include "redis/keep_internal.h"

#define LOG_1 DIR "/log-1"
#define LOG_2 DIR "/log-2"

/* ---- two logs ---- */

static bool is_snapshot_write(void *ctx, const char *operation, const char *path)
{
    (void)ctx;
    return strcmp(operation, "pwrite") == 0 && strstr(path, "/snapshot-") != NULL;
}

/* Ten units, a change of the log and ten more; the snapshot could not be written. */
static struct os_sim *two_logs(uint64_t seed, struct model *model)
{
    struct os_sim *sim = os_sim_new(seed);
    struct os_fault fault;
    struct place place = { 0 };
    struct kith_error err;
    memset(model, 0, sizeof *model);
    os_fault_init(&fault, os_sim_os(sim));
    fault.select = is_snapshot_write;
    fault.fail_at = 2; /* the first is the header */
    assert_int_equal(open_place(&place, &fault.os, &err), 0);
    assert_int_equal(keep_log(place.keep, FSYNC_ALWAYS, false, &err), 0);
    for (int i = 0; i < 10; i++, acknowledge(&place, model)) put_unit(&place, model);
    assert_int_not_equal(keep_save(place.keep, &err), 0);
    for (int i = 0; i < 10; i++, acknowledge(&place, model)) put_unit(&place, model);
    assert_int_equal(model->acked, 20);
    close_place(&place);
    return sim;
}

static void cut_file(struct os_sim *sim, const char *path, size_t lost)
{
    struct os_file *file;
    struct kith_error err;
    uint64_t size;
    assert_int_equal(os_open(os_sim_os(sim), path, OS_READ | OS_WRITE, &file, &err), 0);
    assert_int_equal(os_size(file, &size, &err), 0);
    assert_int_equal(os_truncate(file, size - lost, &err), 0);
    os_close(file);
}

static unsigned found_now(struct os_sim *sim, bool recover, struct kith_error *err, int *rc)
{
    struct place place = { .recover = recover };
    *rc = open_place(&place, os_sim_os(sim), err);
    const unsigned found = found_since(place.cache, 0);
    close_place(&place);
    return found;
}

/* The end of the first log is gone, at a border of groups or elsewhere, though the second says that
 * it was synced: that is damage. Asked to recover, nothing behind the hole is taken, then or
 * later. */
static void test_log_without_its_end(void **state)
{
    (void)state;
    for (size_t lost = 1; lost < 200; lost += lost < 20 ? 1 : 7) {
        struct model model;
        struct os_sim *sim = two_logs(lost, &model);
        struct kith_error err = { 0 };
        int rc;
        assert_int_equal(found_now(sim, false, &err, &rc), 20);
        cut_file(sim, LOG_1, lost);
        (void)found_now(sim, false, &err, &rc);
        assert_int_equal(rc, KITH_ECORRUPT);
        assert_non_null(strstr(err.text, LOG_1));
        const unsigned found = found_now(sim, true, &err, &rc);
        assert_int_equal(rc, 0);
        assert_true(found < 10);
        assert_int_equal(found_now(sim, false, &err, &rc), found);
        assert_int_equal(rc, 0);
        os_sim_free(sim);
    }
}

/* A flipped bit of either log is damage, or takes what nothing else proves: the last group. */
static void test_damaged_links(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 80; seed++) {
        struct model model;
        struct os_sim *sim = two_logs(seed, &model);
        struct kith_error err = { 0 };
        struct rng rng;
        uint8_t *bytes;
        size_t len;
        int rc;
        rng_init(&rng, seed);
        assert_int_equal(os_sim_file_bytes(sim, seed % 2 ? LOG_1 : LOG_2, &bytes, &len), 0);
        bytes[rng_below(&rng, len)] ^= (uint8_t)(1u << rng_below(&rng, 8));
        const unsigned found = found_now(sim, false, &err, &rc);
        assert_true(rc == KITH_ECORRUPT || rc == KITH_EVERSION ||
                    (rc == 0 && found >= 19 && seed % 2 == 0));
        os_sim_free(sim);
    }
}

/* ---- what was read is durable before anything follows it ---- */

struct order {
    bool synced, early;
};

static void note_order(void *ctx, const char *operation, const char *path)
{
    struct order *order = ctx;
    if (!strcmp(operation, "sync") && strstr(path, "/log-1")) order->synced = true;
    if (!strcmp(operation, "rename") && strstr(path, "/log-2")) order->early = !order->synced;
}

static void test_read_is_synced(void **state)
{
    (void)state;
    struct os_sim *sim = os_sim_new(7);
    struct os_fault fault;
    struct place place = { 0 };
    struct model model = { 0 };
    struct order order = { 0 };
    struct kith_error err;
    assert_int_equal(open_place(&place, os_sim_os(sim), &err), 0);
    assert_int_equal(keep_log(place.keep, FSYNC_NO, false, &err), 0);
    put_unit(&place, &model);
    acknowledge(&place, &model);
    struct os_sim *killed = os_sim_crash(sim, OS_SIM_KEEP_ALL, 1);
    close_place(&place);
    os_sim_free(sim);
    os_fault_init(&fault, os_sim_os(killed));
    fault.hook = note_order;
    fault.hook_ctx = &order;
    fault.sticky = true;
    fault.fail_at = 1;
    assert_int_equal(open_place(&place, &fault.os, &err), 0);
    assert_int_equal(keep_log(place.keep, FSYNC_NO, false, &err), 0);
    assert_true(order.synced);
    assert_false(order.early);
    assert_true(is_right(place.cache, &model, 1));
    close_place(&place);
    os_sim_free(killed);
}

/* ---- a sync that fails ---- */

static bool is_log_sync(void *ctx, const char *operation, const char *path)
{
    (void)ctx;
    return strcmp(operation, "sync") == 0 && strstr(path, "/log-") != NULL;
}

/* One unit comes though changes are refused; nothing of it is acknowledged before a snapshot. */
static void heal(struct place *place, struct model *model)
{
    struct kith_error err;
    put_unit(place, model);
    struct keep_info info = { .saving = true };
    while (keep_refusal(place->keep)) {
        (void)!keep_save(place->keep, &err);
        while (keep_info_get(place->keep, &info), info.saving)
            os_sleep_us(place->os, 1000);
    }
    acknowledge(place, model);
    assert_int_equal(model->acked, model->submitted);
}

/* A log's n-th sync fails, and disks are drawn before every operation, until a snapshot has made
 * good and after. false: there were fewer. */
static bool lose_a_sync(uint64_t seed, enum fsync_policy policy, uint64_t n)
{
    struct cutting cutting = { .always = policy == FSYNC_ALWAYS, .seed = seed, .every = 2 };
    struct os_fault failing, fault;
    struct place place = { 0 };
    struct kith_error err;
    bool lost = false;
    cutting.sim = os_sim_new(seed);
    os_fault_init(&failing, os_sim_os(cutting.sim));
    os_fault_init(&fault, &failing.os);
    failing.select = is_log_sync;
    fault.hook = cut;
    fault.hook_ctx = &cutting;
    fault.sticky = true;
    fault.fail_at = 1;
    assert_int_equal(open_place(&place, &fault.os, &err), 0);
    assert_int_equal(keep_log(place.keep, policy, false, &err), 0);
    failing.fail_at = os_fault_count(&failing) + n;
    cutting.active = true;
    for (int step = 0; step < 40; step++) {
        if (keep_refusal(place.keep)) {
            lost = true;
            heal(&place, &cutting.model);
        }
        put_unit(&place, &cutting.model);
        if (step % 3 == 0) acknowledge(&place, &cutting.model);
        if (step % 8 == 5) (void)!keep_save_begin(place.keep, &err);
        if (policy == FSYNC_EVERYSEC && step % 6 == 3) os_sleep_us(place.os, 1200000);
    }
    if (keep_refusal(place.keep)) heal(&place, &cutting.model);
    acknowledge(&place, &cutting.model);
    cutting.active = false;
    failing.fail_at = 0;
    close_place(&place);
    if (open_place(&place, &fault.os, &err))
        fail_msg("seed %llu, sync %llu: %s", (unsigned long long)seed, (unsigned long long)n,
                 err.text);
    assert_true(is_right(place.cache, &cutting.model, cutting.model.acked));
    close_place(&place);
    os_sim_free(cutting.sim);
    return lost;
}

static void test_lost_syncs(void **state)
{
    (void)state;
    unsigned lost = 0;
    for (uint64_t n = 1; n <= 16; n++) {
        lost += lose_a_sync(n, FSYNC_ALWAYS, n);
        lost += lose_a_sync(n + 100, FSYNC_EVERYSEC, n);
        lost += lose_a_sync(n + 200, FSYNC_NO, n);
    }
    print_message("%u of 48 lost their log\n", lost);
    assert_true(lost >= 10);
}

/* Not only refused for a write that failed, which is tried again. */
static bool is_lost(struct keep *keep)
{
    struct keep_info info;
    keep_info_get(keep, &info);
    return info.lost_for_ms > 0;
}

/* A change for which the log has no memory is not called good, nor is what comes behind it. */
static void test_no_memory(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 9; seed++) {
        const enum fsync_policy policies[] = { FSYNC_ALWAYS, FSYNC_EVERYSEC, FSYNC_NO };
        struct os_sim *sim = os_sim_new(seed);
        struct place place = { 0 };
        struct model model = { 0 };
        struct kith_error err;
        assert_int_equal(open_place(&place, os_sim_os(sim), &err), 0);
        assert_int_equal(keep_log(place.keep, policies[seed % 3], false, &err), 0);
        for (uint64_t i = 0; i < seed * 5; i++) put_unit(&place, &model);
        acknowledge(&place, &model);
        place.starved = true;
        while (!is_lost(place.keep)) put_unit(&place, &model);
        put_unit(&place, &model);
        place.starved = false;
        const unsigned acked = model.acked;
        acknowledge(&place, &model);
        assert_int_equal(model.acked, acked);
        check_image(sim, &model, seed);
        heal(&place, &model);
        check_image(sim, &model, seed);
        put_unit(&place, &model);
        acknowledge(&place, &model);
        assert_int_equal(model.acked, model.submitted);
        check_image(sim, &model, seed);
        close_place(&place);
        os_sim_free(sim);
    }
}

/* ---- any operation of a snapshot fails ---- */

static bool fail_in_save(uint64_t seed, enum fsync_policy policy, uint64_t n, int status,
                         bool sticky)
{
    struct os_sim *sim = os_sim_new(seed);
    struct os_fault fault;
    struct place place = { 0 };
    struct model model = { 0 };
    struct kith_error err;
    os_fault_init(&fault, os_sim_os(sim));
    fault.fail_status = status;
    assert_int_equal(open_place(&place, &fault.os, &err), 0);
    assert_int_equal(keep_log(place.keep, policy, false, &err), 0);
    for (int i = 0; i < 12; i++) put_unit(&place, &model);
    acknowledge(&place, &model);
    fault.sticky = sticky;
    fault.fail_at = os_fault_count(&fault) + n;
    put_unit(&place, &model);
    (void)!keep_save(place.keep, &err);
    const bool failed = os_fault_count(&fault) >= fault.fail_at;
    if (!keep_refusal(place.keep) && !sticky) acknowledge(&place, &model);
    check_image(sim, &model, seed + n);
    fault.fail_at = 0;
    put_unit(&place, &model);
    if (keep_save(place.keep, &err)) fail_msg("operation %u: %s", (unsigned)n, err.text);
    acknowledge(&place, &model);
    assert_int_equal(model.acked, model.submitted);
    check_image(sim, &model, seed + n);
    check_and_end(&place, sim, &model);
    return failed;
}

static void test_every_failure(void **state)
{
    (void)state;
    uint64_t operations = 0;
    for (unsigned i = 0; i < 12; i++) {
        const enum fsync_policy policies[] = { FSYNC_ALWAYS, FSYNC_EVERYSEC, FSYNC_NO };
        const int status = i % 2 ? KITH_ENOSPC : KITH_EIO;
        uint64_t n = 1;
        while (fail_in_save(i, policies[i % 3], n, status, i / 6)) n++;
        operations += n - 1;
    }
    print_message("%llu operations\n", (unsigned long long)operations);
    assert_true(operations > 12 * 15);
}

/* ---- the end of logging ---- */

static void test_end_on_full_disk(void **state)
{
    (void)state;
    struct os_sim *sim = os_sim_new(11);
    struct place place = { 0 };
    struct model model = { 0 };
    struct kith_error err;
    assert_int_equal(open_place(&place, os_sim_os(sim), &err), 0);
    assert_int_equal(keep_log(place.keep, FSYNC_EVERYSEC, false, &err), 0);
    os_sim_disk_limit(sim, 1000);
    put_unit(&place, &model);
    assert_int_equal(keep_settle(place.keep), 0);
    assert_non_null(keep_refusal(place.keep));
    const uint64_t ticket = keep_ticket(place.keep);
    put_unit(&place, &model);
    keep_log_off(place.keep);
    assert_true(keep_settle(place.keep) >= ticket); /* whoever waits is answered */
    os_sim_disk_limit(sim, 0);
    put_unit(&place, &model);
    assert_int_equal(keep_log(place.keep, FSYNC_ALWAYS, true, &err), 0);
    while (!keep_is_logging(place.keep)) os_sleep_us(os_sim_os(sim), 100);
    put_unit(&place, &model);
    acknowledge(&place, &model);
    struct keep_info info = { .saving = true };
    while (info.saving) {
        os_sleep_us(os_sim_os(sim), 1000);
        keep_info_get(place.keep, &info);
    }
    assert_int_equal(model.acked, 4);
    check_image(sim, &model, 1);
    close_place(&place);
    os_sim_free(sim);
}

/* ---- files of version 2 ---- */

static void put_old_log(struct place *place, struct model *model, uint64_t number, unsigned units)
{
    uint8_t header[KEEP_HEADER_BYTES];
    struct os_file *file;
    struct kith_error err;
    size_t got;
    uint64_t offset = KEEP_HEADER_BYTES;
    assert_int_equal(keep_create(place->keep, KEEP_LOG, number, &file, &err), 0);
    assert_int_equal(os_pread(file, header, sizeof header, 0, &got, &err), 0);
    le32_put(header + 8, 2);
    le32_put(header + 60, checksum32(header, 60, 0));
    assert_int_equal(os_pwrite(file, header, sizeof header, 0, &err), 0);
    for (unsigned i = 0; i < units; i++) {
        struct buffer group;
        char key[16], text[16];
        (void)snprintf(key, sizeof key, "k%u", model->submitted % KEYS);
        (void)snprintf(text, sizeof text, "%u,", model->submitted++);
        const struct kith_str argv[3] = { str("APPEND"), str(key), str(text) };
        buffer_init(&group);
        memset(buffer_extend(&group, KEEP_GROUP_BYTES), 0, KEEP_GROUP_BYTES);
        buffer_put_varint(&group, 2);
        for (unsigned db = 0; db < 2; db++) keep_put_command(&group, db, argv, 3);
        keep_seal(place->keep, KEEP_LOG, number, offset, KEEP_HEADER_BYTES, &group);
        assert_int_equal(os_pwrite(file, group.data, group.len, offset, &err), 0);
        offset += group.len;
        buffer_release(&group);
    }
    os_close(file);
}

static void test_old_files(void **state)
{
    (void)state;
    for (unsigned damage = 0; damage < 2; damage++) {
        struct os_sim *sim = os_sim_new(13);
        struct place place = { 0 };
        struct model model = { 0 };
        struct kith_error err = { 0 };
        assert_int_equal(open_place(&place, os_sim_os(sim), &err), 0);
        put_old_log(&place, &model, 1, 3);
        put_old_log(&place, &model, 2, 4);
        close_place(&place);
        if (damage) cut_file(sim, LOG_1, 3);
        const int rc = open_place(&place, os_sim_os(sim), &err);
        assert_int_equal(rc, damage ? KITH_ECORRUPT : 0);
        if (damage) assert_non_null(strstr(err.text, LOG_1));
        if (rc == 0) { /* and go on */
            assert_int_equal(keep_log(place.keep, FSYNC_ALWAYS, false, &err), 0);
            put_unit(&place, &model);
            acknowledge(&place, &model);
            assert_int_equal(model.acked, 8);
        }
        close_place(&place);
        if (!damage) check_image(sim, &model, 1);
        os_sim_free(sim);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log_without_its_end), cmocka_unit_test(test_damaged_links),
        cmocka_unit_test(test_read_is_synced),      cmocka_unit_test(test_lost_syncs),
        cmocka_unit_test(test_every_failure),       cmocka_unit_test(test_end_on_full_disk),
        cmocka_unit_test(test_old_files),           cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
