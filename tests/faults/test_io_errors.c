/*
 * The n-th operation of the machine fails, once or from then on, with an I/O error, a full disk or no descriptor left,
 * for every n of a run of the workload. Nothing crashes, the caller is told, reads go
 * on with what was acknowledged, nothing is acknowledged after a write of unknown outcome, and a
 * new start on the healthy machine finds every acknowledged write.
 */
#include "workload.h"

#define STEPS 24

struct totals {
    uint64_t runs, told, unknown;
};

static void fail_at(const char *what, uint64_t seed, uint64_t nth, const struct os_fault *fault,
                    const char *text)
{
    fail_msg("seed %llu, operation %llu fails (%s%s): %s: %s", (unsigned long long)seed,
             (unsigned long long)nth, fault->fail_status == KITH_EIO ? "EIO" : "ENOSPC",
             fault->sticky ? ", and all after it" : "", what, text);
}

/* Which operation it was that failed, for the message. */
struct failed {
    char text[160];
    uint64_t count, nth;
    bool opens_only;
};

static bool watch(void *ctx, const char *operation, const char *path)
{
    struct failed *failed = ctx;
    const bool opens = strcmp(operation, "open") == 0 || strcmp(operation, "sync_dir") == 0 ||
                       strcmp(operation, "list") == 0;
    if (failed->opens_only && !opens) return false;
    if (++failed->count == failed->nth)
        (void)snprintf(failed->text, sizeof failed->text, "%s %.100s", operation, path);
    return true;
}

static bool is_reported(int status, int injected)
{
    return status == injected || status == KITH_EIO || status == KITH_EOUTCOME ||
           status == KITH_ENOSPC || status == KITH_ENOMEM;
}

/* What is injected: a status at any operation, or running out of descriptors, at those that need one. */
struct injection {
    int status;
    bool sticky, wide, opens_only;
};

static void fail_one(uint64_t seed, uint64_t nth, const struct injection *injection, struct totals *totals)
{
    static struct model model;
    static struct run run;
    run.wide = injection->wide;
    struct os_sim *sim = os_sim_new(seed);
    assert_non_null(sim);
    struct failed failed = {.nth = nth, .opens_only = injection->opens_only};
    struct os_fault fault;
    os_fault_init(&fault, os_sim_os(sim));
    fault.fail_at = nth;
    fault.sticky = injection->sticky;
    fault.fail_status = injection->status;
    fault.partial = nth % 2 == 0;
    fault.select = watch;
    fault.select_ctx = &failed;
    (void)run_begin(&run, &fault.os, &model, seed);
    for (unsigned i = 0; i < STEPS && run.collection; i++) {
        run_step(&run, i);
        if (!run.collection || run.failed == 0 || i % 4) continue;
        struct reading reading;
        read_all(run.collection, &model, &reading);
        if (reading.verdict != ROWS_OLD || !reading.complete) {
            char text[400];
            (void)snprintf(text, sizeof text, "read in step %u after '%.100s': %s", i, run.err.text,
                           reading.text[0] ? reading.text : "not complete");
            fail_at(failed.text, seed, nth, &fault, text);
        }
    }
    run_close(&run);
    if (run.broken[0]) fail_at(failed.text, seed, nth, &fault, run.broken);
    if (run.failed && !is_reported(run.first_failure, injection->status))
        fail_at(failed.text, seed, nth, &fault, run.err.text);
    totals->runs++;
    totals->told += run.failed > 0;
    totals->unknown += run.unknown;
    struct heard heard = {0};
    struct reading reading;
    reopen_and_read(os_sim_os(sim), &model, &heard, &reading);
    if ((reading.verdict != ROWS_OLD && reading.verdict != ROWS_NEW) || !reading.complete)
        fail_at(failed.text, seed, nth, &fault, reading.text[0] ? reading.text : "not complete");
    if (heard.errors) fail_at(failed.text, seed, nth, &fault, heard.text);
    os_sim_free(sim);
}

static uint64_t operations_of(uint64_t seed, const struct injection *injection)
{
    static struct model model;
    static struct run run;
    run.wide = injection->wide;
    struct os_sim *sim = os_sim_new(seed);
    assert_non_null(sim);
    struct os_fault fault;
    struct failed failed = {.opens_only = injection->opens_only};
    os_fault_init(&fault, os_sim_os(sim));
    fault.select = watch;
    fault.select_ctx = &failed;
    assert_int_equal(run_begin(&run, &fault.os, &model, seed), 0);
    for (unsigned i = 0; i < STEPS; i++) run_step(&run, i);
    run_close(&run);
    if (run.failed) fail_msg("without a fault: %s", run.err.text);
    os_sim_free(sim);
    return os_fault_count(&fault);
}

static void fail_a_run(uint64_t seed, struct injection injection, uint64_t stride)
{
    const uint64_t operations = operations_of(seed, &injection);
    struct totals totals = {0};
    for (uint64_t nth = 1 + seed % stride; nth <= operations; nth += stride) {
        for (int kind = 0; kind < 4; kind++) {
            injection.status = kind & 1 && !injection.opens_only ? KITH_ENOSPC : KITH_EIO;
            injection.sticky = kind & 2;
            fail_one(seed, nth, &injection, &totals);
        }
    }
    print_message("seed %llu%s%s: %llu operations, %llu runs: %llu told the caller, %llu with an "
                  "unknown outcome\n", (unsigned long long)seed, injection.wide ? ", wide" : "",
                  injection.opens_only ? ", descriptors" : "", (unsigned long long)operations,
                  (unsigned long long)totals.runs, (unsigned long long)totals.told,
                  (unsigned long long)totals.unknown);
    assert_true(totals.told > totals.runs / 2);
}

static void io_errors(void **state)
{
    (void)state;
    const uint64_t seed = from_env("KITH_SEED", 1);
    for (uint64_t i = 0; i < from_env("KITH_FAULTS", 2); i++) {
        fail_a_run(seed + i, (struct injection){.wide = false}, 2);
        fail_a_run(seed + i, (struct injection){.wide = true}, 9);
        fail_a_run(seed + i, (struct injection){.opens_only = true}, 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(io_errors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
