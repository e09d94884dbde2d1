/*
 * The n-th allocation fails, once or from then on, at points spread over a run of the workload: no
 * crash, no leak (under the sanitizers), the caller is told that memory is out, a refused write is
 * not there, an acknowledged one is, in this process and after a new start. The simulated machine
 * takes its memory from the same place, so its operations fail too.
 */
#include "workload.h"

#define STEPS 20
#define POINTS 2000

struct totals {
    uint64_t runs, told, unknown;
};

static void fail_at(uint64_t seed, uint64_t nth, bool sticky, const char *text)
{
    fail_msg("seed %llu, allocation %llu fails%s: %s", (unsigned long long)seed,
             (unsigned long long)nth, sticky ? ", and all after it" : "", text);
}

static void fail_one(uint64_t seed, uint64_t nth, bool sticky, bool wide, struct totals *totals)
{
    static struct model model;
    static struct run run;
    run.wide = wide;
    struct os_sim *sim = os_sim_new(seed);
    assert_non_null(sim);
    alloc_fault_arm(nth, sticky);
    (void)run_begin(&run, os_sim_os(sim), &model, seed);
    for (unsigned i = 0; i < STEPS && run.collection; i++) run_step(&run, i);
    alloc_fault_disarm();
    struct reading reading;
    if (run.collection) {
        read_all(run.collection, &model, &reading);
        if (reading.verdict != ROWS_OLD || !reading.complete)
            fail_at(seed, nth, sticky, reading.text[0] ? reading.text : "not complete");
    }
    run_close(&run);
    if (run.broken[0]) fail_at(seed, nth, sticky, run.broken);
    totals->runs++;
    totals->told += run.failed > 0;
    totals->unknown += run.unknown;
    if (run.failed && run.first_failure != KITH_ENOMEM && run.first_failure != KITH_EOUTCOME)
        fail_at(seed, nth, sticky, run.err.text);
    struct heard heard = {0};
    reopen_and_read(os_sim_os(sim), &model, &heard, &reading);
    if ((reading.verdict != ROWS_OLD && reading.verdict != ROWS_NEW) || !reading.complete)
        fail_at(seed, nth, sticky, reading.text[0] ? reading.text : "not complete");
    if (heard.errors) fail_at(seed, nth, sticky, heard.text);
    os_sim_free(sim);
}

static uint64_t allocations_of(uint64_t seed, bool wide)
{
    static struct model model;
    static struct run run;
    run.wide = wide;
    struct os_sim *sim = os_sim_new(seed);
    assert_non_null(sim);
    alloc_fault_arm(UINT64_MAX, false);
    assert_int_equal(run_begin(&run, os_sim_os(sim), &model, seed), 0);
    for (unsigned i = 0; i < STEPS; i++) run_step(&run, i);
    const uint64_t count = alloc_fault_count();
    alloc_fault_disarm();
    run_close(&run);
    assert_int_equal(run.failed, 0);
    os_sim_free(sim);
    return count;
}

static void fail_a_run(uint64_t seed, bool wide, uint64_t points)
{
    const uint64_t allocations = allocations_of(seed, wide);
    const uint64_t stride = allocations > points ? allocations / points : 1;
    struct totals totals = {0};
    for (uint64_t nth = 1 + seed % stride; nth <= allocations; nth += stride) {
        fail_one(seed, nth, false, wide, &totals);
        fail_one(seed, nth, true, wide, &totals);
    }
    print_message("seed %llu%s: %llu allocations, %llu runs: %llu told the caller, %llu with an "
                  "unknown outcome\n", (unsigned long long)seed, wide ? ", wide" : "",
                  (unsigned long long)allocations, (unsigned long long)totals.runs,
                  (unsigned long long)totals.told, (unsigned long long)totals.unknown);
    assert_true(totals.told > totals.runs / 2);
}

static void out_of_memory(void **state)
{
    (void)state;
    const uint64_t seed = from_env("KITH_SEED", 1);
    const uint64_t points = POINTS * from_env("KITH_FAULTS", 1);
    fail_a_run(seed, false, points);
    fail_a_run(seed, true, points / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(out_of_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
