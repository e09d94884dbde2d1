/*
 * The hash table against a flat model: random additions and removals with growing and shrinking,
 * the guarantee of scans, fair draws, and every allocation failing once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "cache/dict.h"

enum { KEYS = 60000 };

struct item {
    uint32_t number;
    bool in;
    uint32_t seen;
    uint32_t since; /* step of its last addition */
};

struct fixture {
    struct heap heap;
    struct dict dict;
    struct rng rng;
    struct item *items;
    size_t count;
};

static struct kith_str item_key(const void *element)
{
    const struct item *item = element;
    return (struct kith_str){(const char *)&item->number, sizeof item->number};
}

static void start(struct fixture *f, uint64_t seed)
{
    memset(f, 0, sizeof *f);
    rng_init(&f->rng, seed);
    dict_init(&f->dict, &f->heap, item_key, seed);
    f->items = mem_zalloc_array(KEYS, sizeof *f->items);
    assert_non_null(f->items);
    for (uint32_t i = 0; i < KEYS; i++) f->items[i].number = i;
}

static void stop(struct fixture *f)
{
    dict_release(&f->dict);
    assert_int_equal(heap_used(&f->heap), 0);
    mem_free(f->items);
}

static int toggle(struct fixture *f, struct item *item)
{
    struct kith_str key = item_key(item);
    uint64_t hash = dict_hash(&f->dict, key);
    void **place = dict_find(&f->dict, key, hash);
    assert_int_equal(place != NULL, item->in);
    if (place) {
        assert_ptr_equal(*place, item);
        assert_ptr_equal(dict_place(&f->dict, hash, item), place);
        dict_remove(&f->dict, hash, place);
    } else {
        int rc = dict_add(&f->dict, hash, item);
        if (rc) return rc;
    }
    item->in = !item->in;
    f->count += item->in ? 1 : (size_t)-1;
    assert_int_equal(dict_count(&f->dict), f->count);
    return 0;
}

static void check_all(struct fixture *f)
{
    size_t seen = 0;
    struct dict_iter it = {0};
    for (struct item *item; (item = dict_next(&f->dict, &it)) != NULL; seen++) {
        assert_true(item->in);
    }
    assert_int_equal(seen, f->count);
    for (size_t i = 0; i < KEYS; i++) {
        struct item *got = dict_get(&f->dict, item_key(&f->items[i]));
        assert_ptr_equal(got, f->items[i].in ? &f->items[i] : NULL);
    }
}

/* The probability of adding swings, so the table grows to thousands and shrinks to almost
 * nothing. */
static void random_operations_agree_with_a_model(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, 7);
    for (size_t round = 0; round < 12; round++) {
        size_t range = round % 2 ? KEYS : 1 + (size_t)rng_below(&f.rng, KEYS);
        for (size_t step = 0; step < 60000; step++) {
            struct item *item = &f.items[rng_below(&f.rng, range)];
            bool up = rng_below(&f.rng, 10) < (round % 3 == 2 ? 1u : 8u);
            if (item->in != up) assert_int_equal(toggle(&f, item), 0);
        }
        check_all(&f);
        if (f.count > 1000) assert_true(heap_used(&f.heap) < f.count * 26);
    }
    for (size_t i = 0; i < KEYS; i++) {
        if (f.items[i].in) assert_int_equal(toggle(&f, &f.items[i]), 0);
    }
    assert_true(heap_used(&f.heap) < 4096);
    stop(&f);
}

static void saw(void *ctx, void **place)
{
    struct fixture *f = ctx;
    struct item *item = *place;
    assert_true(item->in);
    item->seen = 1;
    (void)f;
}

static void a_scan_sees_what_is_there_all_the_time(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct fixture f;
        start(&f, seed);
        size_t stay = 1 + (size_t)rng_below(&f.rng, 300);
        size_t others = (size_t)rng_below(&f.rng, 4000) + 1;
        for (size_t i = 0; i < stay; i++) assert_int_equal(toggle(&f, &f.items[i]), 0);
        unsigned bias = (unsigned)rng_below(&f.rng, 3);
        for (size_t i = 0; bias == 0 && i < others; i++) {
            assert_int_equal(toggle(&f, &f.items[stay + i]), 0);
        }
        uint64_t cursor = 0;
        size_t steps = 0;
        do {
            uint64_t before = cursor;
            cursor = dict_scan(&f.dict, cursor, saw, &f);
            for (size_t i = 0; i < stay; i++) { /* what is scanned has been seen */
                uint64_t hash = dict_hash(&f.dict, item_key(&f.items[i]));
                if (cursor && dict_scanned(&f.dict, cursor, hash)) {
                    if (!f.items[i].seen) printf("seed %d\n", (int)seed);
                    assert_int_equal(f.items[i].seen, 1);
                }
            }
            (void)before;
            for (size_t i = rng_below(&f.rng, 60); i > 0; i--) {
                struct item *item = &f.items[stay + rng_below(&f.rng, others)];
                if (item->in == (bias == 0)) assert_int_equal(toggle(&f, item), 0);
            }
            assert_true(++steps < 100000);
        } while (cursor);
        for (size_t i = 0; i < stay; i++) {
            if (!f.items[i].seen) printf("seed %d\n", (int)seed);
            assert_int_equal(f.items[i].seen, 1);
        }
        stop(&f);
    }
}

static void draws_are_fair(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, 3);
    enum { MEMBERS = 1500, DRAWS = 150000 };
    assert_null(dict_random(&f.dict, &f.rng));
    for (size_t i = 0; i < MEMBERS; i++) assert_int_equal(toggle(&f, &f.items[i]), 0);
    for (size_t i = 0; i < DRAWS; i++) {
        struct item *item = dict_random(&f.dict, &f.rng);
        item->seen++;
    }
    double chi = 0;
    const double expected = (double)DRAWS / MEMBERS;
    for (size_t i = 0; i < MEMBERS; i++) {
        double off = f.items[i].seen - expected;
        chi += off * off / expected;
    }
    assert_true(chi < MEMBERS + 8 * 55); /* mean 1499, deviation 55 */
    stop(&f);
}

static void a_failed_allocation_changes_nothing(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, 5);
    for (uint64_t nth = 1; nth < 400; nth += 3) {
        alloc_fault_arm(nth % 7 + 1, nth % 2);
        for (size_t i = 0; i < 60; i++) {
            struct item *item = &f.items[rng_below(&f.rng, 3000)];
            int rc = toggle(&f, item);
            assert_true(rc == 0 || rc == KITH_ENOMEM);
        }
        alloc_fault_disarm();
    }
    check_all(&f);
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_operations_agree_with_a_model),
        cmocka_unit_test(a_scan_sees_what_is_there_all_the_time),
        cmocka_unit_test(draws_are_fair),
        cmocka_unit_test(a_failed_allocation_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
