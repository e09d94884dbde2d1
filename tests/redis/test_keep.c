/*
 * The log and the snapshots of the keyspace, on a simulated machine: before every operation that
 * touches the disk, disks as a power cut or a kill could leave them are drawn and loaded. What was
 * acknowledged is there, a unit is there whole or not at all, nothing is called damage that is
 * none; and damage is called so.
 *
 * The workload appends to strings, so that a change applied twice, or not at all, shows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "os/sim.h"
#include "redis/keep.h"

#define KEYS 40u
#define DIR "keyspace"

static struct kith_str str(const char *text) { return (struct kith_str){ text, strlen(text) }; }

/* ---- commands of the log: APPEND key text, FLUSH ---- */

static int append(struct cache *cache, unsigned db, struct kith_str key, struct kith_str text)
{
    struct entry *entry = cache_write(cache, db, key);
    char *bytes, scratch[ENTRY_TEXT_MAX];
    if (!entry)
        return cache_set_string(cache, db, key, text, CACHE_NO_DEADLINE, true, NULL);
    const size_t before = entry_text(entry, scratch).len;
    const int rc = cache_edit_string(cache, db, &entry, before + text.len, &bytes);
    if (rc == 0) memcpy(bytes + before, text.data, text.len);
    return rc;
}

static int replay(void *ctx, unsigned db, const struct kith_str *argv, size_t argc)
{
    struct cache *cache = *(struct cache **)ctx;
    if (argc == 1) cache_flush(cache, db, false);
    return argc == 1 ? 0 : append(cache, db, argv[1], argv[2]);
}

/* ---- a keyspace with its files ---- */

struct place {
    const struct os *os;
    struct cache *cache;
    struct keep *keep;
    char heard[512]; /* the last thing that was said at level 0 */
    bool recover;
};

static void hear(void *ctx, int level, const char *text)
{
    struct place *place = ctx;
    if (level == 0) (void)snprintf(place->heard, sizeof place->heard, "%s", text);
}

static int open_place(struct place *place, const struct os *os, struct kith_error *err)
{
    struct cache_opts opts = { .os = os, .databases = 2, .seed = 1 };
    cache_settings_init(&opts.settings);
    *place = (struct place){ .os = os, .recover = place->recover };
    assert_int_equal(cache_new(&opts, &place->cache, err), 0);
    const struct keep_opts keep = { .os = os, .dir = DIR, .cache = place->cache, .replay = replay,
                                    .log = hear, .ctx = &place->cache, .log_ctx = place,
                                    .recover = place->recover };
    const int rc = keep_open(&keep, &place->keep, err);
    if (rc) return rc;
    const struct cache_hooks hooks = { .changing = keep_changing, .flushing = keep_flushing,
                                       .keeping = keep_keeping,
                                       .ctx = place->keep };
    cache_set_hooks(place->cache, &hooks);
    return 0;
}

static void close_place(struct place *place)
{
    keep_close(place->keep);
    cache_free(place->cache);
    place->keep = NULL;
}

/* ---- the workload: unit n appends "n," to the key n % KEYS of both databases ---- */

struct model {
    unsigned submitted, acked, flushed; /* units; `flushed`: everything below it is gone */
    unsigned flushing; /* a flush that is under way came after so many; 0: none */
    unsigned flushes[64], flush_count; /* all of them, the first at 0 */
};

static void put_unit(struct place *place, struct model *model)
{
    char key[16], text[16];
    const unsigned n = model->submitted;
    (void)snprintf(key, sizeof key, "k%u", n % KEYS);
    (void)snprintf(text, sizeof text, "%u,", n);
    const struct kith_str argv[3] = { str("APPEND"), str(key), str(text) };
    const struct keep_command commands[2] = { { 0, argv, 3 }, { 1, argv, 3 } };
    cache_lock(place->cache);
    cache_begin(place->cache);
    assert_int_equal(append(place->cache, 0, argv[1], argv[2]), 0);
    assert_int_equal(append(place->cache, 1, argv[1], argv[2]), 0);
    keep_append(place->keep, commands, 2);
    model->submitted++;
    cache_unlock(place->cache);
}

static void acknowledge(struct place *place, struct model *model)
{
    if (keep_wait(place->keep, keep_ticket(place->keep)) == 0) model->acked = model->submitted;
}

static void flush_all(struct place *place, struct model *model)
{
    const struct kith_str argv[1] = { str("FLUSH") };
    const struct keep_command commands[2] = { { 0, argv, 1 }, { 1, argv, 1 } };
    acknowledge(place, model);
    cache_lock(place->cache);
    cache_flush(place->cache, 0, false);
    cache_flush(place->cache, 1, false);
    model->flushing = model->submitted;
    keep_append(place->keep, commands, 2);
    cache_unlock(place->cache);
    acknowledge(place, model);
    model->flushed = model->flushing;
    model->flushes[++model->flush_count] = model->flushing;
    model->flushing = 0;
}

/* ---- what is found ---- */

/* Units of a key, which must be the model's in order; how many there are in all is counted. */
static bool read_key(struct cache *cache, unsigned db, unsigned key, unsigned flushed,
                     unsigned *count, unsigned *last)
{
    char name[16], scratch[ENTRY_TEXT_MAX];
    (void)snprintf(name, sizeof name, "k%u", key);
    struct entry *entry = cache_read(cache, db, str(name), 0);
    if (!entry) return true;
    const struct kith_str text = entry_text(entry, scratch);
    unsigned next = flushed + (KEYS + key - flushed % KEYS) % KEYS;
    for (size_t at = 0; at < text.len; next += KEYS) {
        char want[16];
        const int len = snprintf(want, sizeof want, "%u,", next);
        if (text.len - at < (size_t)len || memcmp(text.data + at, want, (size_t)len)) return false;
        at += (size_t)len;
        ++*count;
        if (next + 1 > *last) *last = next + 1;
    }
    return true;
}

/* Up to which unit everything since the flush is there, in both databases; UINT32_MAX: something
 * else is. */
static unsigned found_since(struct cache *cache, unsigned flushed)
{
    unsigned counts[2] = { 0, 0 }, last[2] = { flushed, flushed };
    cache_lock(cache);
    for (unsigned db = 0; db < 2; db++)
        for (unsigned key = 0; key < KEYS; key++)
            if (!read_key(cache, db, key, flushed, &counts[db], &last[db])) counts[db] = UINT32_MAX;
    cache_unlock(cache);
    const bool whole = counts[0] == counts[1] && last[0] == last[1] &&
                       counts[0] == last[0] - flushed;
    return whole ? last[0] : UINT32_MAX;
}

/* The state after any unit at all. */
static bool is_past(struct cache *cache, const struct model *model)
{
    for (unsigned i = 0; i <= model->flush_count; i++) {
        const unsigned end = i < model->flush_count ? model->flushes[i + 1] : model->submitted;
        if (found_since(cache, model->flushes[i]) <= end) return true;
    }
    return false;
}

static bool is_right(struct cache *cache, const struct model *model, unsigned least)
{
    const unsigned found = found_since(cache, model->flushed);
    if (found >= least && found <= model->submitted) return true;
    return model->flushing && found_since(cache, model->flushing) == model->flushing;
}

/* ---- cutting the power ---- */

struct cutting {
    struct os_sim *sim;
    struct model model;
    bool always, active;
    uint64_t seed, states, operations, every;
};

static void check_state(struct cutting *cutting, enum os_sim_loss loss, const char *operation,
                        const char *path)
{
    const uint64_t seed = rng_mix(cutting->seed * 7919 + cutting->states++);
    struct os_sim *image = os_sim_crash(cutting->sim, loss, seed);
    struct place place = { 0 };
    struct kith_error err = { 0 };
    const bool kept = cutting->always || loss == OS_SIM_KEEP_ALL;
    assert_non_null(image);
    const int rc = open_place(&place, os_sim_os(image), &err);
    const struct model *model = &cutting->model;
    const bool right = rc == 0 && (kept ? is_right(place.cache, model, model->acked)
                                        : is_past(place.cache, model));
    if (!right)
        fail_msg("seed %llu, operation %llu (%s %s), loss %d: rc %d %s; found %d, acked %u of %u",
                 (unsigned long long)cutting->seed, (unsigned long long)cutting->operations,
                 operation, path, (int)loss, rc, err.text,
                 (int)found_since(place.cache, cutting->model.flushed), cutting->model.acked,
                 cutting->model.submitted);
    close_place(&place);
    os_sim_free(image);
}

static void cut(void *ctx, const char *operation, const char *path)
{
    struct cutting *cutting = ctx;
    if (!cutting->active || cutting->operations++ % cutting->every) return;
    cutting->active = false;
    check_state(cutting, OS_SIM_KEEP_SYNCED, operation, path);
    check_state(cutting, OS_SIM_KEEP_ALL, operation, path);
    check_state(cutting, OS_SIM_RANDOM, operation, path);
    cutting->active = true;
}

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
    close_place(&place);
    assert_int_equal(open_place(&place, os_sim_os(sim), &err), 0);
    assert_true(is_right(place.cache, &model, model.submitted));
    close_place(&place);
    os_sim_free(sim);
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

/* What a kill now would leave. */
static void check_image(struct os_sim *sim, const struct model *model, uint64_t seed)
{
    struct os_sim *image = os_sim_crash(sim, OS_SIM_KEEP_ALL, seed);
    struct place place = { 0 };
    struct kith_error err = { 0 };
    assert_non_null(image);
    if (open_place(&place, os_sim_os(image), &err)) fail_msg("%s", err.text);
    assert_true(is_right(place.cache, model, model->acked));
    close_place(&place);
    os_sim_free(image);
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
    close_place(&place);
    assert_int_equal(open_place(&place, os_sim_os(sim), &err), 0);
    assert_true(is_right(place.cache, &model, model.submitted));
    close_place(&place);
    os_sim_free(sim);
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
