/*
 * Rankers by hand-computed scores: RRF, weights with and without normalisation, mixed metrics,
 * decay, boost, groups; ties by key; every failing allocation.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "query/rank.h"

/* Row r has key 100 - r, decay value 10 * r (null for row 9), and is in group r % 3. */
static int row_key(void *ctx, const struct place *place, struct key *out)
{
    (void)ctx;
    *out = key_int(100 - (int64_t)place->row);
    return 0;
}
static int row_value(void *ctx, const struct place *place, double *out, bool *present)
{
    (void)ctx;
    *out = 10.0 * place->row;
    *present = place->row != 9;
    return 0;
}
static int row_matches(void *ctx, size_t rule, const struct place *place, bool *out)
{
    (void)ctx;
    *out = rule == 0 ? place->row % 2 == 0 : place->row == 4;
    return 0;
}
static int row_number(void *ctx, size_t rule, const struct place *place, uint64_t *out)
{
    (void)ctx;
    (void)rule;
    *out = place->row;
    return 0;
}
static int row_group(void *ctx, const struct place *place, uint64_t *out)
{
    (void)ctx;
    *out = place->row % 3;
    return 0;
}
static const struct rank_rows rows = { .key = row_key,
                                       .value = row_value,
                                       .matches = row_matches,
                                       .number = row_number,
                                       .group = row_group };

static const struct place near_l2[] = { { 0, 1, 0.5F }, { 0, 2, 1.0F }, { 0, 4, 3.0F } };
static const struct place near_ip[] = { { 0, 2, -8.0F }, { 0, 3, -4.0F }, { 0, 1, -2.0F } };

struct fused {
    struct arena arena;
    struct ranked *items;
    size_t count;
};

static void fuse(struct fused *fused, const struct kith_ranker *ranker,
                 const struct rank_list *lists, size_t count)
{
    arena_init(&fused->arena);
    struct kith_error err;
    assert_int_equal(rank_check(ranker, count, &err), 0);
    assert_int_equal(rank_fuse(ranker, lists, count, &rows, &fused->arena, &fused->items,
                               &fused->count, &err),
                     0);
}

static void expect(struct fused *fused, const uint32_t *ids, const double *scores, size_t count)
{
    assert_int_equal(fused->count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(fused->items[i].place.row, ids[i]);
        assert_true(fabs((double)fused->items[i].place.distance - scores[i]) < 1e-6);
    }
    arena_release(&fused->arena);
}

static void test_rrf(void **state)
{
    (void)state;
    const struct rank_list lists[] = { { near_l2, 3, KITH_L2 }, { near_ip, 3, KITH_IP } };
    struct kith_ranker ranker = KITH_RANKER_INIT;
    struct fused fused;
    fuse(&fused, &ranker, lists, 2);
    /* 1: ranks 1 and 3; 2: 2 and 1; 3: 2; 4: 3 */
    expect(&fused, (const uint32_t[]){ 2, 1, 3, 4 },
           (const double[]){ 1 / 62.0 + 1 / 61.0, 1 / 61.0 + 1 / 63.0, 1 / 62.0, 1 / 63.0 }, 4);
    ranker.rrf_k = 1;
    fuse(&fused, &ranker, lists, 2);
    expect(&fused, (const uint32_t[]){ 2, 1, 3, 4 },
           (const double[]){ 1 / 3.0 + 1 / 2.0, 1 / 2.0 + 1 / 4.0, 1 / 3.0, 1 / 4.0 }, 4);
}

static void test_ties_by_key(void **state)
{
    (void)state;
    const struct place a[] = { { 0, 1, 1 } }, b[] = { { 0, 7, 1 } };
    const struct rank_list lists[] = { { a, 1, KITH_L2 }, { b, 1, KITH_L2 } };
    const struct kith_ranker ranker = KITH_RANKER_INIT;
    struct fused fused;
    fuse(&fused, &ranker, lists, 2);
    expect(&fused, (const uint32_t[]){ 7, 1 }, (const double[]){ 1 / 61.0, 1 / 61.0 }, 2);
}

static void test_weighted(void **state)
{
    (void)state;
    const struct rank_list same[] = { { near_l2, 3, KITH_L2 }, { near_l2, 2, KITH_L2 } };
    const double weights[] = { 1, 0.5 };
    struct kith_ranker ranker = KITH_RANKER_INIT;
    ranker.kind = KITH_RANK_WEIGHTED;
    ranker.weights = weights;
    ranker.weight_count = 2;
    struct fused fused;
    assert_true(rank_ascending(&ranker, same, 2));
    fuse(&fused, &ranker, same, 2);
    expect(&fused, (const uint32_t[]){ 1, 2, 4 }, (const double[]){ 0.75, 1.5, 3 }, 3);

    const struct rank_list mixed[] = { { near_l2, 3, KITH_L2 }, { near_ip, 3, KITH_IP } };
    assert_false(rank_ascending(&ranker, mixed, 2));
    fuse(&fused, &ranker, mixed, 2);
    expect(&fused, (const uint32_t[]){ 2, 3, 1, 4 },
           (const double[]){ 1 - 2 * atan(1) / M_PI + 4, 2, 1 - 2 * atan(0.5) / M_PI + 1,
                             1 - 2 * atan(3) / M_PI },
           4);
    ranker.normalise = true;
    fuse(&fused, &ranker, mixed, 2);
    const double ip8 = 0.5 + atan(8) / M_PI, ip4 = 0.5 + atan(4) / M_PI;
    const double ip2 = 0.5 + atan(2) / M_PI;
    expect(&fused, (const uint32_t[]){ 1, 2, 3, 4 },
           (const double[]){ 1 - 2 * atan(0.5) / M_PI + ip2 / 2, 0.5 + ip8 / 2, ip4 / 2,
                             1 - 2 * atan(3) / M_PI },
           4);
}

static void test_decay(void **state)
{
    (void)state;
    const struct place found[] = { { 0, 1, -1 }, { 0, 2, -1 }, { 0, 4, -1 }, { 0, 9, -1 } };
    const struct rank_list lists[] = { { found, 4, KITH_IP } };
    struct kith_ranker ranker = KITH_RANKER_INIT;
    ranker.kind = KITH_RANK_DECAY;
    ranker.decay_field = "x";
    ranker.origin = 20;
    ranker.scale = 10;
    ranker.decay_offset = 5;
    struct fused fused;
    fuse(&fused, &ranker, lists, 1); /* gauss; x = 5, 0, 15, infinite */
    expect(&fused, (const uint32_t[]){ 2, 1, 4, 9 },
           (const double[]){ 1, exp(0.25 * log(0.5)), exp(2.25 * log(0.5)), 0 }, 4);
    ranker.decay = KITH_DECAY_EXP;
    fuse(&fused, &ranker, lists, 1);
    expect(&fused, (const uint32_t[]){ 2, 1, 4, 9 },
           (const double[]){ 1, exp(0.5 * log(0.5)), exp(1.5 * log(0.5)), 0 }, 4);
    ranker.decay = KITH_DECAY_LINEAR;
    ranker.decay_value = 0.2;
    fuse(&fused, &ranker, lists, 1); /* 9 and 4 meet at the floor: the smaller key first */
    expect(&fused, (const uint32_t[]){ 2, 1, 9, 4 }, (const double[]){ 1, 0.6, 0.2, 0.2 }, 4);
}

static void test_boost(void **state)
{
    (void)state;
    const struct rank_list lists[] = { { near_l2, 3, KITH_L2 } };
    const struct kith_boost boosts[] = { { .filter = "even", .weight = 0.1 },
                                         { .filter = "four", .weight = 0.5 } };
    struct kith_ranker ranker = KITH_RANKER_INIT;
    ranker.kind = KITH_RANK_BOOST;
    ranker.boosts = boosts;
    ranker.boost_count = 2;
    struct fused fused;
    fuse(&fused, &ranker, lists, 1);
    expect(&fused, (const uint32_t[]){ 2, 4, 1 }, (const double[]){ 0.1, 0.15, 0.5 }, 3);
    ranker.function_mode = ranker.boost_mode = KITH_COMBINE_SUM;
    fuse(&fused, &ranker, lists, 1);
    expect(&fused, (const uint32_t[]){ 1, 2, 4 }, (const double[]){ 0.5, 1.1, 3.6 }, 3);
}

static void test_refusals(void **state)
{
    (void)state;
    struct kith_error err;
    struct kith_ranker ranker = KITH_RANKER_INIT;
    ranker.rrf_k = 16384;
    assert_int_equal(rank_check(&ranker, 1, &err), KITH_EINVAL);
    assert_string_equal(err.text, "The rank params k should be in range (0, 16384)");
    ranker.kind = KITH_RANK_WEIGHTED;
    assert_int_equal(rank_check(&ranker, 1, &err), KITH_EINVAL);
    const double weights[] = { 1.5 };
    ranker.weights = weights;
    ranker.weight_count = 1;
    assert_int_equal(rank_check(&ranker, 1, &err), KITH_EINVAL);
    assert_string_equal(err.text, "rank param weight should be in range [0, 1]");
    ranker.kind = KITH_RANK_DECAY;
    ranker.decay_field = "x";
    ranker.scale = -1;
    assert_int_equal(rank_check(&ranker, 1, &err), KITH_EINVAL);
    assert_string_equal(err.text, "Decay function param: scale must > 0, but got -1");
    ranker.kind = KITH_RANK_BOOST;
    assert_int_equal(rank_check(&ranker, 1, &err), KITH_EINVAL);
}

/* Rows 0..8, scores 9..1: groups 0 (rows 0 3 6), 1 (1 4 7), 2 (2 5 8). */
static void group_rows(struct arena *arena, const struct rank_groups *groups, size_t n,
                       const uint32_t *expected, size_t count)
{
    struct ranked items[9];
    for (uint32_t i = 0; i < n; i++)
        items[i] = (struct ranked){ .place = { 0, i, (float)(9 - i) }, .key = key_int(i) };
    size_t kept = n;
    assert_int_equal(rank_group(groups, &rows, arena, items, &kept, NULL), 0);
    assert_int_equal(kept, count);
    for (size_t i = 0; i < count; i++) assert_int_equal(items[i].place.row, expected[i]);
}

static void test_groups(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    struct rank_groups groups = { .size = 2, .scorer = KITH_SCORE_MAX, .limit = 2 };
    group_rows(&arena, &groups, 9, (const uint32_t[]){ 0, 3, 1, 4 }, 4);
    groups.scorer = KITH_SCORE_SUM;
    groups.limit = 10;
    group_rows(&arena, &groups, 4, (const uint32_t[]){ 0, 3, 1, 2 }, 4);
    groups.scorer = KITH_SCORE_AVG; /* 7.5 against 8 and 7 */
    group_rows(&arena, &groups, 4, (const uint32_t[]){ 1, 0, 3, 2 }, 4);
    groups.strict = true;
    groups.limit = 1;
    group_rows(&arena, &groups, 4, (const uint32_t[]){ 0, 3 }, 2);
    arena_release(&arena);
}

static void test_no_memory(void **state)
{
    (void)state;
    const struct rank_list lists[] = { { near_l2, 3, KITH_L2 }, { near_ip, 3, KITH_IP } };
    const struct kith_ranker ranker = KITH_RANKER_INIT;
    int rc = KITH_ENOMEM;
    for (uint64_t n = 1; rc != 0; n++) {
        struct arena arena;
        arena_init(&arena);
        struct ranked *items;
        size_t count;
        alloc_fault_arm(n, false);
        rc = rank_fuse(&ranker, lists, 2, &rows, &arena, &items, &count, NULL);
        alloc_fault_disarm();
        arena_release(&arena);
        assert_true(rc == 0 || rc == KITH_ENOMEM);
        assert_true(n < 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rrf),      cmocka_unit_test(test_ties_by_key),
        cmocka_unit_test(test_weighted), cmocka_unit_test(test_decay),
        cmocka_unit_test(test_boost),    cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_groups),   cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
