/*
 * The planner as a function: what it chooses at the ends of the range, that its choice is the
 * cheapest of its own estimates, that costs grow with the work, and that what is asked for is done.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "query/plan.h"

static struct plan_input words(size_t allowed)
{
    return (struct plan_input){ .rows = 331479,
                                .allowed = allowed,
                                .k = 10,
                                .type = KITH_FLOAT_VECTOR,
                                .dim = 100,
                                .row_bytes = 400,
                                .graph = true,
                                .filtered = allowed < 331479 };
}

static enum search_way way(const struct plan_input *input) { return plan_choose(input).way; }

static void ends_of_the_range(void **state)
{
    (void)state;
    struct plan_input in = words(0);
    assert_int_equal(way(&in), SEARCH_NONE);
    in = words(5);
    assert_int_equal(way(&in), SEARCH_SCAN);
    in = words(331);
    assert_int_equal(way(&in), SEARCH_SCAN);
    in = words(331479);
    assert_int_equal(way(&in), SEARCH_PLAIN);
    in = words(330000);
    assert_int_equal(way(&in), SEARCH_OVERFETCH);
    in.graph = false;
    assert_int_equal(way(&in), SEARCH_SCAN);
}

/* From tight to loose the ways come in one order, each at most once. */
static void one_crossing_each(void **state)
{
    (void)state;
    int stage = 0;
    static const enum search_way order[] = { SEARCH_SCAN, SEARCH_WALK, SEARCH_OVERFETCH };
    for (size_t allowed = 100; allowed < 331479; allowed += 331) {
        struct plan_input in = words(allowed);
        struct plan_choice choice = plan_choose(&in);
        while (stage < 3 && order[stage] != choice.way) stage++;
        assert_true(stage < 3);
        assert_true(plan_cost(&choice) <= choice.scan_ns);
    }
    assert_int_equal(stage, 2);
}

static void costs_grow(void **state)
{
    (void)state;
    double scan = 0;
    for (size_t allowed = 10; allowed < 200000; allowed *= 2) {
        struct plan_input in = words(allowed);
        struct plan_choice choice = plan_choose(&in);
        assert_true(choice.scan_ns > scan);
        scan = choice.scan_ns;
        in.ef = 400;
        if (choice.walk_ns >= 0) assert_true(plan_choose(&in).walk_ns > choice.walk_ns);
        assert_true(plan_choose(&in).overfetch_ns >= choice.overfetch_ns);
    }
}

static void asked_is_done(void **state)
{
    (void)state;
    struct plan_input in = words(3000);
    in.forced = KITH_PLAN_WALK;
    assert_int_equal(way(&in), SEARCH_WALK);
    in.forced = KITH_PLAN_OVERFETCH;
    assert_int_equal(way(&in), SEARCH_OVERFETCH);
    in.forced = KITH_PLAN_SCAN;
    assert_int_equal(way(&in), SEARCH_SCAN);
    in.forced = KITH_PLAN_AUTO;
    in.exact = true;
    assert_int_equal(way(&in), SEARCH_SCAN);
    in = words(331479);
    in.forced = KITH_PLAN_WALK;
    assert_int_equal(way(&in), SEARCH_PLAIN);
}

/* Every allowed row is due: no walk can be cheaper than looking at them. */
static void all_rows_are_scanned(void **state)
{
    (void)state;
    struct plan_input in = words(8000);
    in.k = 8000;
    assert_int_equal(way(&in), SEARCH_SCAN);
}

static void recall_raises_ef(void **state)
{
    (void)state;
    uint32_t last = 0;
    static const float targets[] = { 0.5f, 0.9f, 0.95f, 0.99f, 0.999f, 0.99999f };
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        struct plan_input in = words(331479);
        in.recall = targets[i];
        struct plan_choice choice = plan_choose(&in);
        assert_true(choice.ef >= last && choice.ef >= in.k && choice.ef <= 65536);
        last = choice.ef;
        in.ef = 77; /* given: the target is not looked at */
        assert_int_equal(plan_choose(&in).ef, 77);
    }
    assert_true(last > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_of_the_range), cmocka_unit_test(one_crossing_each),
        cmocka_unit_test(costs_grow),        cmocka_unit_test(asked_is_done),
        cmocka_unit_test(all_rows_are_scanned), cmocka_unit_test(recall_raises_ef),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
