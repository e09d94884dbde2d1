/*
 * Allocation and what stands on it: every n-th allocation failing in each user, and the structures
 * unchanged or sticky-failed afterwards.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/bitset.h"
#include "base/buffer.h"
#include "base/checksum.h"
#include "base/map.h"
#include "base/pages.h"
#include "base/rng.h"

static int use_buffer(void)
{
    struct buffer buf;
    buffer_init(&buf);
    for (uint32_t i = 0; i < 200; i++) {
        buffer_put_u32(&buf, i);
        buffer_printf(&buf, "%u,", i);
    }
    int rc = buffer_failed(&buf) ? KITH_ENOMEM : 0;
    if (rc != 0) { /* sticky until cleared */
        size_t len = buf.len;
        buffer_put_u8(&buf, 1);
        assert_int_equal(buf.len, len);
    }
    buffer_release(&buf);
    return rc;
}

static int use_map(void)
{
    struct map map;
    map_init(&map);
    int rc = 0;
    for (int i = 0; i < 100 && rc == 0; i++) {
        size_t before = map.count;
        rc = map_put(&map, &i, sizeof i, (uintptr_t)i);
        assert_int_equal(map.count, before + (rc == 0));
    }
    for (size_t i = 0; i < map.count; i++) {
        int key = (int)i;
        uintptr_t value;
        assert_true(map_get(&map, &key, sizeof key, &value));
        assert_int_equal(value, i);
    }
    map_release(&map);
    return rc;
}

static int use_map64(void)
{
    struct map64 map;
    map64_init(&map);
    int rc = 0;
    for (uint64_t i = 0; i < 100 && rc == 0; i++) rc = map64_put(&map, i * i, i);
    for (uint64_t i = 0; i < map.count; i++) assert_true(map64_get(&map, i * i, NULL));
    map64_release(&map);
    return rc;
}

static int use_arena(void)
{
    struct arena arena;
    arena_init(&arena);
    int rc = 0;
    for (size_t size = 1; size < 3000000 && rc == 0; size = size * 3 + 1) {
        char *text = arena_alloc_aligned(&arena, size, 64);
        if (!text) rc = KITH_ENOMEM;
        else assert_int_equal((uintptr_t)text % 64, 0);
    }
    arena_release(&arena);
    return rc;
}

static int use_sets(void)
{
    struct bitset set = {0};
    struct page_guard guard = {0};
    uint8_t byte = 0;
    int rc = bitset_init(&set, 1000, true);
    if (rc == 0) rc = page_guard_init(&guard, &byte, 0, &byte, 1, 2, 3);
    page_guard_release(&guard);
    bitset_release(&set);
    return rc;
}

static void test_every_allocation_fails(void **state)
{
    (void)state;
    int (*const users[])(void) = {use_buffer, use_map, use_map64, use_arena, use_sets};
    for (size_t u = 0; u < sizeof users / sizeof users[0]; u++) {
        uint64_t n = 1;
        for (;; n++) {
            alloc_fault_arm(n, n % 2 == 0);
            int rc = users[u]();
            uint64_t seen = alloc_fault_count();
            alloc_fault_disarm();
            if (seen < n) {
                assert_int_equal(rc, 0);
                break;
            }
            assert_int_equal(rc, KITH_ENOMEM);
        }
        assert_true(n > 2);
    }
}

static void test_sizes_that_overflow(void **state)
{
    (void)state;
    assert_null(mem_alloc_array(SIZE_MAX / 2, 3));
    assert_null(mem_strndup("x", SIZE_MAX));
    struct arena arena;
    arena_init(&arena);
    assert_null(arena_alloc(&arena, SIZE_MAX - 4));
    assert_null(arena_alloc_array(&arena, SIZE_MAX / 2, 3));
    arena_release(&arena);
}

static void test_arena_reset_keeps_one_block(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    for (int i = 0; i < 1000; i++) assert_non_null(arena_zalloc(&arena, 100));
    assert_true(arena.used_bytes >= 100000);
    arena_reset(&arena);
    assert_int_equal(arena.used_bytes, 0);
    alloc_fault_arm(1, true); /* what is kept suffices */
    assert_non_null(arena_alloc(&arena, 10000));
    alloc_fault_disarm();
    assert_string_equal(arena_strndup(&arena, "nearest", 4), "near");
    arena_release(&arena);
}

/* Random puts and removals of few keys, against a plain array. */
static void test_maps_follow_a_model(void **state)
{
    (void)state;
    enum { KEYS = 300 };
    const uint64_t seed = 41;
    print_message("seed %llu\n", (unsigned long long)seed);
    struct rng rng;
    rng_init(&rng, seed);
    struct map map;
    struct map64 map64;
    map_init(&map);
    map64_init(&map64);
    uint64_t model[KEYS] = {0}; /* 0: absent */
    for (int step = 0; step < 30000; step++) {
        uint64_t key = rng_below(&rng, KEYS);
        bool remove = rng_below(&rng, 100) < (step / 5000 % 2 ? 70 : 30);
        if (remove) {
            assert_int_equal(map_remove(&map, &key, sizeof key), model[key] != 0);
            assert_int_equal(map64_remove(&map64, key), model[key] != 0);
            model[key] = 0;
        } else {
            model[key] = rng_u64(&rng) | 1;
            assert_int_equal(map_put(&map, &key, sizeof key, (uintptr_t)model[key]), 0);
            assert_int_equal(map64_put(&map64, key, model[key]), 0);
        }
        uint64_t probe = rng_below(&rng, KEYS);
        uintptr_t value = 0;
        uint64_t value64 = 0;
        assert_int_equal(map_get(&map, &probe, sizeof probe, &value), model[probe] != 0);
        assert_int_equal(map64_get(&map64, probe, &value64), model[probe] != 0);
        assert_true(value == model[probe]);
        assert_true(value64 == model[probe]);
    }
    size_t it = 0, seen = 0, len;
    const void *key;
    uintptr_t value;
    while (map_next(&map, &it, &key, &len, &value)) {
        uint64_t id;
        assert_int_equal(len, sizeof id);
        memcpy(&id, key, sizeof id);
        assert_true(model[id] == value);
        seen++;
    }
    assert_int_equal(seen, map.count);
    assert_int_equal(seen, map64.count);
    map_release(&map);
    map64_release(&map64);
}

/* ---- seeds ---- */

enum { CHOSEN = 1000, CHOSEN_BITS = 12 };

/* Keys that all begin at one slot in a table of 2^CHOSEN_BITS when the seed is known. */
static void choose_keys(uint64_t seed, uint64_t keys[CHOSEN])
{
    uint64_t key = 0;
    for (size_t i = 0; i < CHOSEN; key++)
        if ((hash64(&key, sizeof key, seed) & ((1u << CHOSEN_BITS) - 1)) == 0) keys[i++] = key;
}

/* How many of the first ones that map_next gives are in the order in which they came: in one run of
 * slots all are. */
static size_t in_order(uint64_t seed, const uint64_t keys[CHOSEN])
{
    struct map map;
    map_set_seed(seed);
    map_init(&map);
    for (size_t i = 0; i < CHOSEN; i++) assert_int_equal(map_put(&map, &keys[i], 8, i), 0);
    map_set_seed(~seed); /* what is there keeps its own */
    for (size_t i = 0; i < CHOSEN; i++) assert_true(map_get(&map, &keys[i], 8, NULL));
    size_t it = 0, len, ascending = 0;
    const void *key;
    uintptr_t value, last = 0;
    while (map_next(&map, &it, &key, &len, &value)) {
        ascending += value > last;
        last = value;
    }
    map_release(&map);
    map_set_seed(0);
    return ascending;
}

static void test_chosen_keys_meet_only_where_the_seed_is_known(void **state)
{
    (void)state;
    static uint64_t keys[CHOSEN];
    choose_keys(0, keys);
    assert_int_equal(in_order(0, keys), CHOSEN - 1);
    const size_t ascending = in_order(UINT64_C(0x9e3779b97f4a7c15), keys);
    assert_true(ascending > CHOSEN / 4 && ascending < 3 * CHOSEN / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_allocation_fails),
        cmocka_unit_test(test_sizes_that_overflow),
        cmocka_unit_test(test_arena_reset_keeps_one_block),
        cmocka_unit_test(test_maps_follow_a_model),
        cmocka_unit_test(test_chosen_keys_meet_only_where_the_seed_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
