/*
 * The bare index when the machine is against it: every operation of a save fails once, power is cut
 * before each of them, every allocation fails once, many threads search one mapped file, and files
 * are forged: fields changed at random and all checksums made right again, so that only the checks
 * of what they say are left.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checksum.h"
#include "base/endian.h"
#include "base/rng.h"
#include "engine/ann_file.h"
#include "os/pool.h"
#include "os/sim.h"

#define N 300
#define DIM 12
#define K 8
#define FILE_NAME "dir/x.ann"

static float rows[2 * N * DIM]; /* two sets */

static int set_up(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 5);
    for (size_t i = 0; i < 2 * N * DIM; i++) rows[i] = (float)rng_gauss(&rng);
    return 0;
}

static struct kith_ann *build(const char *kind, size_t set)
{
    struct kith_ann_params params = KITH_ANN_PARAMS_INIT;
    params.kind = kind;
    params.dim = DIM;
    params.m = 6;
    params.ef_construction = 40;
    struct kith_ann *ann = NULL;
    assert_int_equal(kith_ann_build(&params, rows + set * N * DIM, N, &ann, NULL), 0);
    return ann;
}

struct answer {
    uint32_t ids[K];
    float distances[K];
    size_t found;
};

static int ask(const struct kith_ann *ann, size_t q, struct answer *a)
{
    memset(a, 0, sizeof *a);
    return kith_ann_search(ann, rows + q * DIM, K, 30, a->ids, a->distances, &a->found, NULL, NULL);
}

static bool same(const struct kith_ann *a, const struct kith_ann *b)
{
    struct answer x, y;
    for (size_t q = 0; q < 5; q++) {
        assert_int_equal(ask(a, q, &x), 0);
        assert_int_equal(ask(b, q, &y), 0);
        if (memcmp(&x, &y, sizeof x) != 0) return false;
    }
    return true;
}

static int count_name(void *ctx, const char *name)
{
    (void)name;
    ++*(size_t *)ctx;
    return 0;
}

static size_t files_in(const struct os *os)
{
    size_t count = 0;
    assert_int_equal(os_list(os, "dir", count_name, &count, NULL), 0);
    return count;
}

static struct kith_ann *open_on(const struct os *os, bool pin)
{
    struct kith_ann *ann = NULL;
    struct kith_error err = {0};
    assert_int_equal(ann_open(os, FILE_NAME, pin, &ann, &err), 0);
    return ann;
}

/* A machine with "dir" and an index of the first set in it, all durable. */
static struct os_sim *machine_with_old(const struct kith_ann *old, uint64_t seed)
{
    struct os_sim *sim = os_sim_new(seed);
    assert_non_null(sim);
    assert_int_equal(os_mkdir(os_sim_os(sim), "dir", NULL), 0);
    assert_int_equal(os_sync_dir(os_sim_os(sim), ".", NULL), 0);
    assert_int_equal(ann_save(old, os_sim_os(sim), FILE_NAME, NULL), 0);
    return sim;
}

/* A save that fails leaves the old index, or the new one when only the last sync failed; never
 * another file beside it. */
static void every_operation_fails(void **state)
{
    (void)state;
    struct kith_ann *old = build("HNSW", 0);
    struct kith_ann *new = build("HNSW", 1);
    for (uint64_t nth = 1;; nth++) {
        struct os_sim *sim = machine_with_old(old, nth);
        struct os_fault fault;
        os_fault_init(&fault, os_sim_os(sim));
        fault.fail_at = nth;
        fault.fail_status = KITH_ENOSPC;
        fault.partial = true;
        struct kith_error err = {0};
        const int rc = ann_save(new, &fault.os, FILE_NAME, &err);
        assert_int_equal(files_in(os_sim_os(sim)), 1);
        struct kith_ann *opened = open_on(os_sim_os(sim), nth % 2);
        assert_true(same(opened, new) || (rc && same(opened, old)));
        if (rc) assert_true(err.text[0] != '\0');
        kith_ann_free(opened);
        os_sim_free(sim);
        if (os_fault_count(&fault) < nth) {
            assert_int_equal(rc, 0);
            assert_true(nth > 8);
            break;
        }
        assert_int_equal(rc, KITH_ENOSPC);
    }
    kith_ann_free(old);
    kith_ann_free(new);
}

struct crash {
    struct os_sim *sim;
    const struct kith_ann *old;
    const struct kith_ann *new;
    uint64_t seed;
    size_t states;
};

/* What is found after the power comes back, just before an operation. */
static void cut_power(void *ctx, const char *operation, const char *path)
{
    (void)operation;
    (void)path;
    struct crash *crash = ctx;
    for (enum os_sim_loss loss = OS_SIM_KEEP_SYNCED; loss <= OS_SIM_RANDOM; loss++) {
        struct os_sim *after = os_sim_crash(crash->sim, loss, ++crash->seed);
        assert_non_null(after);
        struct kith_ann *opened = open_on(os_sim_os(after), crash->seed % 2);
        assert_true(same(opened, crash->old) || same(opened, crash->new));
        kith_ann_free(opened);
        os_sim_free(after);
        crash->states++;
    }
}

static void power_is_cut(void **state)
{
    (void)state;
    struct kith_ann *old = build("FLAT", 0);
    struct kith_ann *new = build("HNSW", 1);
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct crash crash = {.sim = machine_with_old(old, seed), .old = old, .new = new,
                              .seed = seed * 1000};
        struct os_fault fault;
        os_fault_init(&fault, os_sim_os(crash.sim));
        fault.fail_at = 1;
        fault.sticky = true;
        fault.hook = cut_power;
        fault.hook_ctx = &crash;
        assert_int_equal(ann_save(new, &fault.os, FILE_NAME, NULL), 0);
        /* Once save has returned, only the new one. */
        struct os_sim *after = os_sim_crash(crash.sim, OS_SIM_KEEP_SYNCED, seed);
        struct kith_ann *opened = open_on(os_sim_os(after), false);
        assert_true(same(opened, new));
        kith_ann_free(opened);
        os_sim_free(after);
        os_sim_free(crash.sim);
        assert_true(crash.states >= 24);
    }
    kith_ann_free(old);
    kith_ann_free(new);
}

/* One life of an index on a machine, from build to a search of the opened file. */
static int whole_life(const struct os *os)
{
    struct kith_ann_params params = KITH_ANN_PARAMS_INIT;
    params.kind = "HNSW";
    params.dim = DIM;
    params.m = 4;
    params.ef_construction = 10;
    struct kith_ann *built = NULL;
    struct kith_ann *opened = NULL;
    struct answer a;
    int rc = kith_ann_build(&params, rows, 40, &built, NULL);
    if (rc == 0) rc = ann_save(built, os, FILE_NAME, NULL);
    if (rc == 0) rc = ann_open(os, FILE_NAME, true, &opened, NULL);
    if (rc == 0) rc = ask(opened, 0, &a);
    kith_ann_free(opened);
    kith_ann_free(built);
    return rc;
}

static void every_allocation_fails(void **state)
{
    (void)state;
    struct kith_ann *old = build("FLAT", 0);
    struct os_sim *sim = machine_with_old(old, 1);
    for (uint64_t nth = 1;; nth++) {
        alloc_fault_arm(nth, false);
        const int rc = whole_life(os_sim_os(sim));
        const uint64_t seen = alloc_fault_count();
        alloc_fault_disarm();
        assert_int_equal(files_in(os_sim_os(sim)), 1);
        if (seen < nth) {
            assert_int_equal(rc, 0);
            assert_true(nth > 10);
            break;
        }
        assert_true(rc == KITH_ENOMEM || rc == 0); /* 0: what failed was done without */
    }
    os_sim_free(sim);
    kith_ann_free(old);
}

/* ---- many threads ---- */

struct crowd {
    const struct kith_ann *ann;
    struct answer expected[100];
};

static int search_one(void *ctx, size_t i)
{
    const struct crowd *crowd = ctx;
    struct answer a;
    const int rc = ask(crowd->ann, i % 100, &a);
    return rc ? rc : memcmp(&a, &crowd->expected[i % 100], sizeof a) == 0 ? 0 : KITH_EINVAL;
}

static void many_threads(void **state)
{
    (void)state;
    static const char *const kinds[] = {"FLAT", "HNSW"};
    char path[128];
    snprintf(path, sizeof path, "test_ann_faults_%llu.ann",
             (unsigned long long)os_process_id(os_real()));
    struct pool *pool = NULL;
    assert_int_equal(pool_new(os_real(), "test", 7, 0, 16, &pool, NULL), 0);
    for (size_t i = 0; i < 2; i++) {
        struct kith_ann *built = build(kinds[i], 0);
        struct kith_ann *opened = NULL;
        struct crowd crowd = {0};
        for (size_t q = 0; q < 100; q++) assert_int_equal(ask(built, q, &crowd.expected[q]), 0);
        assert_int_equal(kith_ann_save(built, path, NULL), 0);
        assert_int_equal(kith_ann_open(path, false, &opened, NULL), 0);
        crowd.ann = opened; /* no page is verified yet: threads do that together */
        assert_int_equal(pool_for(pool, 8, 2000, search_one, &crowd), 0);
        kith_ann_free(opened);
        kith_ann_free(built);
    }
    pool_free(pool);
    (void)remove(path);
}

/* ---- forged files ---- */

static void seal(uint8_t *bytes, size_t len)
{
    const uint64_t id = le64_get(bytes + 16);
    const uint64_t checksums = le64_get(bytes + 80);
    const uint64_t directory = le64_get(bytes + 88);
    if (checksums % PAGE_BYTES == 0 && checksums < len && directory >= checksums &&
        directory < len) {
        for (uint64_t p = 1; p < checksums / PAGE_BYTES && checksums + 4 * p <= len; p++) {
            le32_put(bytes + checksums + 4 * (p - 1),
                     checksum32(bytes + p * PAGE_BYTES, PAGE_BYTES, checksum_seed(0, id, p)));
        }
        le64_put(bytes + 104, hash64(bytes + checksums, directory - checksums,
                                     checksum_seed(0, id, checksums)));
        le64_put(bytes + 112, hash64(bytes + directory, len - directory,
                                     checksum_seed(0, id, directory)));
    }
    le64_put(bytes + 120, hash64(bytes, 120, 0));
}

static uint64_t odd_number(struct rng *rng, uint64_t was)
{
    static const uint64_t odd[] = {0, 1, 2, 255, 4096, UINT32_MAX, UINT64_MAX, UINT64_MAX - 4095,
                                   UINT64_C(1) << 32, UINT64_C(1) << 63, INT64_MAX};
    switch (rng_below(rng, 4)) {
    case 0: return odd[rng_below(rng, sizeof odd / sizeof *odd)];
    case 1: return was + rng_below(rng, 3) - 1;
    case 2: return was ^ (UINT64_C(1) << rng_below(rng, 64));
    default: return rng_u64(rng);
    }
}

/* Header fields, directory entries or contents; sealed again. */
static void forge(struct rng *rng, uint8_t *bytes, size_t len, size_t directory)
{
    const uint64_t where = rng_below(rng, 3);
    size_t at = where == 0   ? 8 + 4 * rng_below(rng, 23)
                : where == 1 ? directory + 8 * rng_below(rng, (len - directory) / 8)
                             : PAGE_BYTES + 4 * rng_below(rng, (directory - PAGE_BYTES) / 4);
    if (at + 8 > len) at = len - 8;
    uint64_t value = odd_number(rng, le64_get(bytes + at));
    memcpy(bytes + at, &value, rng_below(rng, 2) ? 4 : 8);
    seal(bytes, len);
}

static void forged(void **state)
{
    (void)state;
    static const char *const kinds[] = {"FLAT", "HNSW"};
    const uint64_t seed = 77;
    struct rng rng;
    rng_init(&rng, seed);
    print_message("seed %llu\n", (unsigned long long)seed);
    for (size_t i = 0; i < 3000; i++) {
        static struct kith_ann *ann;
        static struct os_sim *sim;
        static uint8_t *good, *bytes;
        static size_t len;
        if (i % 1500 == 0) {
            if (sim) os_sim_free(sim);
            free(good);
            ann = build(kinds[i / 1500], 0);
            sim = machine_with_old(ann, 1);
            kith_ann_free(ann);
            assert_int_equal(os_sim_file_bytes(sim, FILE_NAME, &bytes, &len), 0);
            good = malloc(len);
            assert_non_null(good);
            memcpy(good, bytes, len);
        }
        forge(&rng, bytes, len, (size_t)le64_get(good + 88));
        if (rng_below(&rng, 4) == 0) forge(&rng, bytes, len, (size_t)le64_get(good + 88));
        struct kith_error err = {0};
        const int rc = ann_open(os_sim_os(sim), FILE_NAME, i % 2, &ann, &err);
        if (rc) {
            assert_true(rc == KITH_ECORRUPT || rc == KITH_EVERSION || rc == KITH_ENOMEM);
        } else {
            struct answer a;
            /* the dimension may be another now: ask with a query that is long enough */
            const int got = ann->spec.dim <= DIM ? ask(ann, i % N, &a) : 0;
            assert_true(got == 0 || got == KITH_ECORRUPT || got == KITH_EINVAL);
            kith_ann_free(ann);
        }
        memcpy(bytes, good, len);
        if (i == 2999) {
            os_sim_free(sim);
            free(good);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operation_fails), cmocka_unit_test(power_is_cut),
        cmocka_unit_test(every_allocation_fails), cmocka_unit_test(many_threads),
        cmocka_unit_test(forged),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
