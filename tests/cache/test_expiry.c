/*
 * Deadlines: a million equal ones in bounded steps, how few stay unfreed under steady load, and
 * that the wheel's records stay in proportion whatever is done with deadlines.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "cache/cache_internal.h"
#include "cache/hash.h"

static const int64_t START = INT64_C(1700000000000);

static struct cache *start(void)
{
    struct cache_opts opts = {.os = os_real(), .databases = 2, .seed = 9};
    struct cache *cache = NULL;
    cache_settings_init(&opts.settings);
    assert_int_equal(cache_new(&opts, &cache, NULL), 0);
    cache_set_now(cache, START);
    return cache;
}

static struct kith_str name_of(uint64_t number, uint64_t *bytes)
{
    *bytes = rng_mix(number);
    return (struct kith_str){(const char *)bytes, sizeof *bytes};
}

static void set(struct cache *cache, uint64_t number, int64_t deadline)
{
    uint64_t bytes;
    assert_int_equal(cache_set_string(cache, 0, name_of(number, &bytes),
                                      (struct kith_str){"value", 5}, deadline, false, NULL), 0);
}

static void equal_deadlines_go_in_small_steps(void **state)
{
    (void)state;
    enum { KEYS = 300000 };
    struct cache *cache = start();
    for (uint64_t i = 0; i < KEYS; i++) set(cache, i, START + 10000);
    cache_set_now(cache, START + 9000);
    while (cache_turn(cache, 1000) == 0) continue; /* spreads coarse slots ahead of time */
    assert_int_equal(cache_count(cache, 0), KEYS);
    cache_set_now(cache, START + 10016);
    size_t steps = 0;
    for (size_t before = KEYS; before > 0; steps++) {
        int64_t wait = cache_turn(cache, 0); /* the least that a turn does */
        size_t now = cache_count(cache, 0);
        assert_true(before - now <= WHEEL_CHUNK + 4); /* a few keys share their 32 bits */
        if (now > 0) assert_int_equal(wait, 0);
        before = now;
    }
    assert_true(steps >= KEYS / WHEEL_CHUNK);
    assert_int_equal(cache_turn(cache, 1000), INT64_MAX);
    cache_free(cache);
}

/* 20,000 keys a second that live 1 to 20 seconds; a turn whenever it is wanted, or after 100 ms. */
static void few_stay_unfreed_under_steady_load(void **state)
{
    (void)state;
    struct cache *cache = start();
    struct rng rng;
    rng_init(&rng, 4);
    int64_t now = START;
    int64_t due = now;
    uint64_t number = 0;
    size_t live_at[40 * 1000] = {0}; /* deadlines a ms, from START */
    size_t alive = 0;
    double worst = 0;
    for (int64_t ms = 0; ms < 20000; ms++, now++) {
        cache_set_now(cache, now);
        for (unsigned i = 0; i < 10; i++) {
            int64_t life = 1000 + (int64_t)rng_below(&rng, 15000);
            set(cache, number++, now + life);
            live_at[ms + life]++;
            alive++;
        }
        alive -= live_at[ms];
        if (now >= due) {
            int64_t wait = cache_turn(cache, 1000000);
            due = now + (wait < 100 ? wait : 100);
        }
        double unfreed = (double)(cache_count(cache, 0) - alive) / (double)(alive + 1);
        if (ms > 5000 && unfreed > worst) worst = unfreed;
    }
    if (worst > .01) printf("unfreed: %.4f\n", worst);
    assert_true(worst <= .01);
    cache_free(cache);
}

static size_t records(const struct cache *cache)
{
    return cache->databases[0].wheel ? cache->databases[0].wheel->count : 0;
}

static void turn(struct cache *cache, int64_t now)
{
    cache_set_now(cache, now);
    while (cache_turn(cache, 1000000) == 0) continue;
}

/* A lock that is taken and given back, a key that is set and expired again and again, deadlines
 * that move to and fro: none of it may leave more records than there are keys, times two, and 64
 * K. */
static void records_stay_in_proportion(void **state)
{
    (void)state;
    enum { ROUNDS = 300000, KEYS = 100 };
    struct cache *cache = start();
    uint64_t bytes;
    for (uint64_t i = 0; i < ROUNDS; i++) {
        int64_t now = START + (int64_t)(i / 100);
        set(cache, i % KEYS, now + 3600000);
        struct entry *entry = cache_write(cache, 0, name_of(i % KEYS, &bytes));
        assert_non_null(entry);
        if (i % 3 == 0) {
            cache_remove(cache, 0, entry, REMOVED_DELETED);
        } else if (i % 3 == 1) {
            assert_int_equal(cache_set_deadline(cache, 0, &entry, now + 1000), 0);
        } else {
            assert_int_equal(cache_set_deadline(cache, 0, &entry, CACHE_NO_DEADLINE), 0);
        }
        if (i % 1000 == 0) {
            turn(cache, now);
            assert_true(records(cache) <= 70000);
        }
    }
    turn(cache, START + 2 * 3600000);
    turn(cache, START + 100 * INT64_C(3600000));
    assert_int_equal(records(cache), 0);
    cache_free(cache);
}

/* A deadline that only moves later has one record. */
static void moving_later_files_nothing(void **state)
{
    (void)state;
    struct cache *cache = start();
    uint64_t bytes;
    set(cache, 1, START + 1000);
    for (int64_t i = 0; i < 10000; i++) {
        struct entry *entry = cache_write(cache, 0, name_of(1, &bytes));
        assert_int_equal(cache_set_deadline(cache, 0, &entry, START + 1000 + i), 0);
        if (i % 2) set(cache, 1, CACHE_NO_DEADLINE); /* and the bytes of the old one serve again */
        assert_int_equal(records(cache), 1);
    }
    struct entry *entry = cache_write(cache, 0, name_of(1, &bytes));
    assert_int_equal(cache_set_deadline(cache, 0, &entry, START + 20000), 0);
    turn(cache, START + 19999);
    assert_int_equal(cache_count(cache, 0), 1);
    turn(cache, START + 20016);
    assert_int_equal(cache_count(cache, 0), 0);
    cache_free(cache);
}

static void far_deadlines_come_in_time(void **state)
{
    (void)state;
    struct cache *cache = start();
    struct rng rng;
    rng_init(&rng, 8);
    for (unsigned round = 0; round < 300; round++) {
        int64_t life = 1 + (int64_t)(rng_u64(&rng) >> (20 + rng_below(&rng, 40)));
        int64_t now = START + (int64_t)rng_below(&rng, 1u << 30);
        if (now < cache_now_ms(cache)) now = cache_now_ms(cache);
        if (life > INT64_C(1) << 42) life = INT64_C(1) << 42; /* 139 years */
        cache_set_now(cache, now);
        set(cache, round, now + life);
        if (cache_turn(cache, 1000) == INT64_MAX) fail();
        cache_set_now(cache, now + life - 1);
        while (cache_turn(cache, 100000) == 0) continue;
        assert_int_equal(cache_count(cache, 0), 1);
        turn(cache, now + life + 16);
        assert_int_equal(cache_count(cache, 0), 0);
        if (now + life > START + (INT64_C(1) << 40)) {
            cache_free(cache);
            cache = start();
        }
    }
    cache_free(cache);
}

static void count_field(void *ctx, unsigned db, const struct entry *entry, struct kith_str field)
{
    (void)db;
    (void)entry;
    assert_int_equal(field.len, 1);
    (*(unsigned *)ctx)++;
}

static void fields_of_hashes_go_with_the_wheel(void **state)
{
    (void)state;
    struct cache *cache = start();
    unsigned gone = 0;
    struct cache_hooks hooks = {.field_expired = count_field, .ctx = &gone};
    cache_set_hooks(cache, &hooks);
    struct hash *hash = hash_new(cache_heap(cache));
    assert_non_null(hash);
    for (char c = 'a'; c <= 'd'; c++) {
        struct kith_str name = {&c, 1};
        assert_int_equal(hash_set(hash, cache_settings(cache), name, name,
                                  START + 1000 * (c - 'a' + 1), NULL), 0);
    }
    struct kith_str key = {"h", 1};
    struct entry *entry = NULL;
    assert_int_equal(cache_add(cache, 0, key, VALUE_HASH, hash, START + 3500, &entry), 0);
    assert_int_equal(cache_watch_fields(cache, 0, entry, START + 1000), 0);
    turn(cache, START + 1016);
    assert_int_equal(gone, 1);
    cache_set_now(cache, START + 2000); /* and before anybody looks */
    entry = cache_read(cache, 0, key, 0);
    assert_int_equal(hash_count(entry_value(entry)), 2);
    assert_int_equal(cache_move(cache, 0, entry, 1, key), 0);
    turn(cache, START + 3016);
    assert_int_equal(gone, 3);
    assert_int_equal(cache_count(cache, 1), 1);
    turn(cache, START + 3520); /* the key's own deadline is before the last field's */
    assert_int_equal(cache_count(cache, 1), 0);
    assert_int_equal(gone, 3);
    cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_deadlines_go_in_small_steps),
        cmocka_unit_test(few_stay_unfreed_under_steady_load),
        cmocka_unit_test(records_stay_in_proportion),
        cmocka_unit_test(moving_later_files_nothing),
        cmocka_unit_test(far_deadlines_come_in_time),
        cmocka_unit_test(fields_of_hashes_go_with_the_wheel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
