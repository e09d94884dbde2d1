/*
 * Power cuts. Before every operation that the workload has the machine do, disks as a power cut
 * there could leave them are drawn, opened and read: every acknowledged write is there, no deleted
 * row is back, the write in flight is there whole or not at all, and nothing is called damage that
 * is none. Some of the disks are written to, cut again and read again.
 */
#include "workload.h"

#define STEPS 40

struct cutting {
    struct os_sim *sim;
    struct run *run;
    uint64_t seed;
    uint64_t states;
    uint64_t every, randoms; /* images at every so many operations; random ones at each */
    uint64_t operations;
    uint64_t kept; /* states in which the write in flight was there */
};

static void fail_state(const struct cutting *cutting, enum os_sim_loss loss, uint64_t seed,
                       const char *operation, const char *path, const char *text)
{
    fail_msg("seed %llu, operation %llu (%s %s), loss %d, image seed %llu: %s",
             (unsigned long long)cutting->seed, (unsigned long long)cutting->operations, operation,
             path, (int)loss, (unsigned long long)seed, text);
}

/* Goes on after the cut: one more write, another cut, and all must be there still. */
static bool write_on(struct os_sim *image, const struct model *before, uint64_t seed,
                     bool kept, char *text, size_t size)
{
    static struct model model;
    static struct run run;
    memcpy(&model, before, sizeof model);
    if (model.pending) model_settle(&model, kept);
    memset(&run, 0, sizeof run);
    run.os = os_sim_os(image);
    run.model = &model;
    run.version = 1000000;
    run.new_key = model.keys;
    rng_init(&run.rng, seed);
    if (run_open(&run) == 0) run_put(&run, 30, true);
    if (run.collection && seed % 3 == 0)
        (void)note(&run, kith_flush(run.collection, NULL, &run.err));
    struct os_sim *again = os_sim_crash(image, OS_SIM_RANDOM, seed + 1);
    assert_non_null(again);
    run_close(&run);
    struct reading reading;
    struct heard heard = {0};
    reopen_and_read(os_sim_os(again), &model, &heard, &reading);
    os_sim_free(again);
    (void)snprintf(text, size, "a write after the cut: %.100s; read: %.100s; %.100s", run.err.text,
                   reading.text, heard.text);
    return run.failed == 0 && reading.verdict == ROWS_OLD && heard.errors == 0;
}

static void check_state(struct cutting *cutting, enum os_sim_loss loss, const char *operation,
                        const char *path)
{
    const uint64_t seed = rng_mix(cutting->seed * 1000003 + cutting->states++);
    const struct model *model = cutting->run->model;
    struct os_sim *image = os_sim_crash(cutting->sim, loss, seed);
    assert_non_null(image);
    struct heard heard = {0};
    struct reading reading;
    reopen_and_read(os_sim_os(image), model, &heard, &reading);
    bool right = reading.verdict == ROWS_OLD || reading.verdict == ROWS_NEW;
    /* Without a sync before the reply a power cut may take the last writes, a killed process none. */
    if (cutting->run->sync && loss != OS_SIM_KEEP_ALL) right |= reading.verdict == ROWS_PAST;
    if (!right) fail_state(cutting, loss, seed, operation, path, reading.text);
    if (heard.errors) fail_state(cutting, loss, seed, operation, path, heard.text);
    if (!reading.complete) fail_state(cutting, loss, seed, operation, path, "not complete");
    cutting->kept += reading.verdict == ROWS_NEW;
    if (cutting->states % 16 == 0 && !cutting->run->sync) {
        char text[400];
        if (!write_on(image, model, seed, reading.verdict == ROWS_NEW, text, sizeof text))
            fail_state(cutting, loss, seed, operation, path, text);
    }
    os_sim_free(image);
}

static void cut(void *ctx, const char *operation, const char *path)
{
    struct cutting *cutting = ctx;
    if (cutting->operations++ % cutting->every) return;
    check_state(cutting, OS_SIM_KEEP_SYNCED, operation, path);
    check_state(cutting, OS_SIM_KEEP_ALL, operation, path);
    for (uint64_t i = 0; i < cutting->randoms; i++)
        check_state(cutting, OS_SIM_RANDOM, operation, path);
}

static uint64_t cut_a_run(uint64_t seed, enum kith_sync sync, bool wide, uint64_t every,
                          uint64_t randoms)
{
    static struct model model;
    static struct run run;
    run.sync = sync;
    run.wide = wide;
    struct cutting cutting = {.run = &run, .seed = seed, .every = every, .randoms = randoms};
    cutting.sim = os_sim_new(seed);
    assert_non_null(cutting.sim);
    struct os_fault fault;
    os_fault_init(&fault, os_sim_os(cutting.sim));
    fault.fail_at = 1;
    fault.sticky = true;
    fault.hook = cut;
    fault.hook_ctx = &cutting;
    run.model = &model;
    memset(&model, 0, sizeof model);
    assert_int_equal(run_begin(&run, &fault.os, &model, seed), 0);
    for (unsigned i = 0; i < STEPS; i++) run_step(&run, i);
    run_close(&run);
    if (run.failed) fail_msg("seed %llu: %s", (unsigned long long)seed, run.err.text);
    assert_int_equal(run.heard.errors + run.heard.warnings, 0);
    struct reading reading;
    struct heard heard = {0};
    reopen_and_read(&fault.os, &model, &heard, &reading);
    if (reading.verdict != ROWS_OLD)
        fail_msg("seed %llu: %s", (unsigned long long)seed, reading.text);
    os_sim_free(cutting.sim);
    print_message("seed %llu: %llu operations, %llu states, the write in flight kept in %llu\n",
                  (unsigned long long)seed, (unsigned long long)cutting.operations,
                  (unsigned long long)cutting.states, (unsigned long long)cutting.kept);
    return cutting.states;
}

static void crash_states(void **state)
{
    (void)state;
    const uint64_t seed = from_env("KITH_SEED", 1);
    const uint64_t runs = from_env("KITH_FAULTS", 1);
    uint64_t states = 0;
    for (uint64_t i = 0; i < runs; i++) {
        states += cut_a_run(seed + i, KITH_SYNC_DEFAULT, false, 2, 2);
        states += cut_a_run(seed + i, KITH_SYNC_DEFAULT, true, 7, 1);
        states += cut_a_run(seed + i, KITH_SYNC_NO, true, 7, 2);
        states += cut_a_run(seed + i, KITH_SYNC_EVERYSEC, false, 7, 2);
    }
    print_message("%llu crash states\n", (unsigned long long)states);
    assert_true(states >= 1000 * runs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(crash_states)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
