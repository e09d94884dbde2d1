/*
 * A value that is written in pieces while it changes comes back as it was at the instant: random
 * changes of every kind between small pieces, for every type that has pieces. And what pieces take
 * is bounded, and no memory is left behind.
 *
 * The seed is printed with a failure.
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
#include "cache/frozen.h"
#include "cache/hash.h"
#include "cache/list.h"
#include "cache/set.h"
#include "cache/vectors_internal.h"
#include "cache/zset.h"

static struct cache *make_cache(void)
{
    struct cache *cache;
    struct cache_opts opts = {.os = os_real(), .databases = 1, .seed = 7};
    struct kith_error err;
    cache_settings_init(&opts.settings);
    opts.settings.list_pack_size = 5;
    opts.settings.pack_entries_set = opts.settings.pack_entries_hash = 4;
    opts.settings.pack_entries_zset = 4;
    opts.settings.intset_entries = 4;
    opts.settings.piece_members = 16;
    assert_int_equal(cache_new(&opts, &cache, &err), 0);
    return cache;
}

static struct kith_str name_of(struct rng *rng, char text[32], unsigned below)
{
    const int len = snprintf(text, 32, "member-%u", (unsigned)rng_below(rng, below));
    return (struct kith_str){text, (size_t)len};
}

/* One random change; the value never becomes empty (its key would go). */
static void change(struct cache *cache, enum value_type type, void *value, struct rng *rng)
{
    const struct cache_settings *settings = cache_settings(cache);
    char text[32];
    const struct kith_str name = name_of(rng, text, 400);
    const unsigned what = (unsigned)rng_below(rng, 8);
    bool added;
    if (type == VALUE_SET) {
        if (what < 4) assert_int_equal(set_add(value, settings, name, &added), 0);
        else if (set_count(value) > 20) (void)set_remove(value, name);
    } else if (type == VALUE_HASH) {
        const int64_t due = what == 0 ? 1000 + (int64_t)rng_below(rng, 50) : CACHE_NO_DEADLINE;
        const struct kith_str content = {"abcdefgh", 1 + rng_below(rng, 8)};
        if (what < 4) assert_int_equal(hash_set(value, settings, name, content, due, &added), 0);
        else if (what == 4 && hash_count(value) > 20) (void)hash_expire(value, 1020, 3, NULL, NULL);
        else if (hash_count(value) > 20) (void)hash_remove(value, name);
    } else if (type == VALUE_ZSET) {
        const double score = (double)rng_below(rng, 50);
        if (what < 5) assert_int_equal(zset_put(value, settings, name, score), 0);
        else if (what == 5 && zset_count(value) > 30) zset_cut(value, rng_below(rng, 20), 3);
        else if (zset_count(value) > 20) (void)zset_remove(value, name);
    } else if (type == VALUE_VECTORS) {
        const float vector[2] = {(float)rng_below(rng, 9) + 1, 1};
        struct vset_put put = {.name = name, .vector = vector, .set_attribute = what == 0,
                               .attribute = {"{\"a\":1}", 7}};
        struct vset_element *element = vset_find(value, name);
        if (what < 5) assert_int_equal(vset_put(value, &put, &added), 0);
        else if (what == 5 && element)
            assert_int_equal(vset_set_attribute(value, element, (struct kith_str){"{}", 2}), 0);
        else if (element && vset_count(value) > 20) vset_remove(value, element);
    } else {
        struct list *list = value;
        const uint64_t at = rng_below(rng, list_count(list));
        if (what < 2) assert_int_equal(list_push(list, settings, what, name), 0);
        else if (what == 2) assert_int_equal(list_set(list, settings, at, name), 0);
        else if (what == 3)
            assert_int_equal(list_insert(list, settings, list_place(list, at), at & 1, name), 0);
        else if (what == 4) (void)list_remove(list, name, at & 1, 2);
        else if (list_count(list) > 60) list_cut(list, what == 5 ? at : what == 6 ? 0 : at / 2, 20);
        if (rng_below(rng, 30) == 0) list_settle(list, settings);
        if (list_count(list) < 30) assert_int_equal(list_push(list, settings, true, name), 0);
    }
}

static void *make_value(struct cache *cache, enum value_type type)
{
    struct heap *heap = cache_heap(cache);
    struct vector_set *vectors = NULL;
    const struct vset_params params = {VSET_F32, 2, 0, 16};
    if (type == VALUE_SET) return set_new(heap);
    if (type == VALUE_HASH) return hash_new(heap);
    if (type == VALUE_ZSET) return zset_new(heap);
    if (type == VALUE_LIST) {
        struct list *list = list_new(heap);
        const struct kith_str first = {"x", 1};
        assert_int_equal(list_push(list, cache_settings(cache), true, first), 0);
        return list;
    }
    assert_int_equal(vset_new(heap, &params, 5, &vectors), 0);
    return vectors;
}

/* ---- what a value holds, in an order of its own ---- */

static int by_text(const void *a, const void *b) { return strcmp(a, b); }

struct lines {
    char (*text)[64];
    size_t count;
};

static void put_line(struct lines *lines, struct kith_str name, struct kith_str more, double number)
{
    lines->text = realloc(lines->text, (lines->count + 1) * 64);
    assert_non_null(lines->text);
    (void)snprintf(lines->text[lines->count++], 64, "%.*s %.*s %g", (int)name.len, name.data,
                   (int)more.len, more.data ? more.data : "", number);
}

static void take_lines(enum value_type type, const void *value, struct lines *lines)
{
    const struct kith_str none = {"", 0};
    struct pack_item scratch;
    *lines = (struct lines){0};
    if (type == VALUE_LIST) {
        const struct list *list = value;
        struct list_place place = list_place(list, 0);
        for (uint64_t i = 0; i < list_count(list); i++) {
            put_line(lines, list_text(list, place, &scratch), none, (double)i);
            if (i + 1 < list_count(list)) list_forward(list, &place);
        }
        return;
    }
    struct set_iter set = {0};
    struct hash_iter hash = {0};
    struct zset_walk walk;
    struct kith_str member;
    struct hash_field field;
    struct zset_member scored;
    if (type == VALUE_SET)
        while (set_next(value, &set, &member)) put_line(lines, member, none, 0);
    if (type == VALUE_HASH)
        while (hash_next(value, &hash, &field))
            put_line(lines, field.name, field.value, (double)field.deadline);
    if (type == VALUE_ZSET) {
        zset_walk_from(&walk, value, 0, false);
        while (zset_walk_next(&walk, &scored)) put_line(lines, scored.name, none, scored.score);
    }
    if (type == VALUE_VECTORS) {
        struct order_place place = order_at(&((const struct vector_set *)value)->order, 0);
        for (; order_key(place); place = order_next(place)) {
            const struct vset_element *element = order_key(place)->cell;
            float vector[2];
            vset_read(value, element, vector);
            put_line(lines, vset_name(element), vset_attribute(element), (double)vector[0]);
        }
    }
    qsort(lines->text, lines->count, 64, by_text);
}

static void compare(const struct lines *want, const struct lines *got, uint64_t seed, int type)
{
    if (want->count != got->count)
        fail_msg("seed %llu, type %d: %zu members, not %zu", (unsigned long long)seed, type,
                 got->count, want->count);
    for (size_t i = 0; i < want->count; i++)
        if (strcmp(want->text[i], got->text[i]))
            fail_msg("seed %llu, type %d: '%s', not '%s'", (unsigned long long)seed, type,
                     got->text[i], want->text[i]);
}

/* ---- tests ---- */

static void one_run(uint64_t seed, enum value_type type)
{
    struct cache *cache = make_cache();
    struct rng rng;
    struct frozen *frozen;
    struct buffer bytes, head;
    struct lines want, got;
    rng_init(&rng, seed);
    void *value = make_value(cache, type), *again = NULL;
    const unsigned grow = 300 + (unsigned)rng_below(&rng, 1500);
    for (unsigned i = 0; i < grow || !value_is_large(cache_settings(cache), type, value); i++)
        change(cache, type, value, &rng);
    take_lines(type, value, &want);
    assert_int_equal(frozen_begin(type, value, &frozen), 0);
    buffer_init(&bytes);
    buffer_init(&head);
    frozen_head(frozen, &head);
    const unsigned often = (unsigned)rng_below(&rng, 40);
    uint64_t members = 0;
    uint32_t count;
    for (int more = 1; more;) {
        for (unsigned i = 0; i < often; i++) change(cache, type, value, &rng);
        more = frozen_next(frozen, 1 + rng_below(&rng, 400), &bytes, &count);
        if (more < 0) fail_msg("seed %llu, type %d", (unsigned long long)seed, (int)type);
        members += count;
    }
    assert_int_equal(members, frozen_count(frozen));
    frozen_end(frozen);
    for (unsigned i = 0; i < 50; i++) change(cache, type, value, &rng);

    struct cursor in;
    cursor_init(&in, head.data, head.len);
    assert_int_equal(pieces_read_head(cache, type, &in, &again), 0);
    cursor_init(&in, bytes.data, bytes.len);
    for (uint64_t i = 0; i < members; i++)
        assert_int_equal(pieces_read_member(cache, type, again, &in), 0);
    assert_int_equal(cursor_left(&in), 0);
    take_lines(type, again, &got);
    compare(&want, &got, seed, (int)type);
    value_of_type(type)->free(again);
    value_of_type(type)->free(value);
    assert_int_equal(heap_used(cache_heap(cache)), 0);
    free(want.text);
    free(got.text);
    buffer_release(&bytes);
    buffer_release(&head);
    cache_free(cache);
}

static void test_changing(void **state)
{
    (void)state;
    static const enum value_type types[] = {VALUE_SET, VALUE_HASH, VALUE_ZSET, VALUE_LIST,
                                            VALUE_VECTORS};
    for (uint64_t seed = 1; seed <= 60; seed++)
        for (size_t i = 0; i < sizeof types / sizeof *types; i++) one_run(seed, types[i]);
}

/* What is not asked for to the end leaves the value as it is. */
static void test_given_up(void **state)
{
    (void)state;
    struct cache *cache = make_cache();
    struct rng rng;
    rng_init(&rng, 1);
    for (int type = VALUE_LIST; type <= VALUE_VECTORS; type++) {
        void *value = make_value(cache, (enum value_type)type);
        struct frozen *frozen;
        struct buffer bytes;
        uint32_t count;
        buffer_init(&bytes);
        for (int i = 0; i < 800; i++) change(cache, (enum value_type)type, value, &rng);
        for (int round = 0; round < 3; round++) {
            assert_int_equal(frozen_begin((enum value_type)type, value, &frozen), 0);
            assert_int_equal(frozen_next(frozen, 100, &bytes, &count), 1);
            assert_true(bytes.len >= 100 && bytes.len < 1500);
            for (int i = 0; i < 300; i++) change(cache, (enum value_type)type, value, &rng);
            frozen_end(frozen);
            buffer_clear(&bytes);
            for (int i = 0; i < 300; i++) change(cache, (enum value_type)type, value, &rng);
        }
        value_of_type((enum value_type)type)->free(value);
        buffer_release(&bytes);
    }
    assert_int_equal(heap_used(cache_heap(cache)), 0);
    cache_free(cache);
}

/* Bytes that are cut or changed are refused or read; nothing is left behind. */
static void test_untrusted(void **state)
{
    (void)state;
    struct cache *cache = make_cache();
    struct rng rng;
    rng_init(&rng, 3);
    for (int round = 0; round < 2000; round++) {
        const enum value_type type = (enum value_type)(1 + rng_below(&rng, VALUE_TYPES));
        uint8_t bytes[200];
        for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)rng_below(&rng, 12);
        bytes[0] = 1;
        struct cursor in;
        void *value = NULL;
        cursor_init(&in, bytes, sizeof bytes);
        int rc = pieces_read_head(cache, type, &in, &value);
        const bool made = rc == 0;
        while (rc == 0 && cursor_left(&in)) rc = pieces_read_member(cache, type, value, &in);
        assert_true(rc == 0 || rc == KITH_ECORRUPT);
        if (made) value_of_type(type)->free(value);
    }
    assert_int_equal(heap_used(cache_heap(cache)), 0);
    cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changing),
        cmocka_unit_test(test_given_up),
        cmocka_unit_test(test_untrusted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
