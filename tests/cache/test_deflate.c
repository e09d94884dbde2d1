/*
 * Compressed strings: nobody sees them but by the memory. Random writes, edits, moves and deadlines
 * on two keyspaces, one with compression and one without, give the same bytes; without memory a
 * text is kept as it is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "cache/cache.h"
#include "cache/entry.h"

#define KEYS 12u

static struct cache *open_cache(size_t from)
{
    struct cache *cache;
    struct kith_error err = { 0 };
    struct cache_opts opts = { .os = os_real(), .databases = 2, .seed = 7 };
    cache_settings_init(&opts.settings);
    opts.settings.deflate_from = from;
    if (cache_new(&opts, &cache, &err)) fail_msg("%s", err.text);
    return cache;
}

static struct kith_str key_of(unsigned number, char out[16])
{
    const int len = snprintf(out, 16, "key:%u", number);
    return (struct kith_str){ out, (size_t)len };
}

/* Repetitive, or not at all. */
static struct kith_str draw_text(struct rng *rng, char *out, size_t max)
{
    const size_t len = (size_t)rng_below(rng, rng_below(rng, 4) ? 3000 : max);
    const bool noise = rng_below(rng, 4) == 0;
    for (size_t i = 0; i < len; i++)
        out[i] = noise ? (char)rng_below(rng, 256) : "the same again, "[i % 16];
    return (struct kith_str){ out, len };
}

static bool is_deflated(const struct entry *entry)
{
    return entry_type_of(entry) == VALUE_STRING && entry_text_kind(entry) == TEXT_DEFLATED;
}

static void compare(struct cache *a, struct cache *b, unsigned db, struct kith_str key)
{
    char left[ENTRY_TEXT_MAX], right[ENTRY_TEXT_MAX];
    const struct entry *x = cache_read(a, db, key, 0), *y = cache_read(b, db, key, 0);
    assert_int_equal(x == NULL, y == NULL);
    if (!x) return;
    assert_false(is_deflated(y));
    const struct kith_str one = entry_text(x, left), two = entry_text(y, right);
    assert_int_equal(one.len, two.len);
    if (one.len) assert_memory_equal(one.data, two.data, one.len);
    assert_true(entry_deadline(x) == entry_deadline(y));
}

static void edit(struct cache *cache, struct kith_str key, size_t more)
{
    char scratch[ENTRY_TEXT_MAX], *bytes;
    struct entry *entry = cache_write(cache, 0, key);
    if (!entry) return;
    const size_t len = entry_text(entry, scratch).len;
    assert_int_equal(cache_edit_string(cache, 0, &entry, len + more, &bytes), 0);
    memset(bytes + len, 'e', more);
}

static void change(struct cache *cache, struct kith_str key, struct kith_str other, unsigned how)
{
    struct entry *entry = cache_write(cache, 0, key);
    if (!entry) return;
    const int64_t later = cache_now_ms(cache) + 100000 + how;
    if (how % 4 == 0) assert_int_equal(cache_set_deadline(cache, 0, &entry, later), 0);
    else if (how % 4 == 1) assert_int_equal(cache_move(cache, 0, entry, 1, key), 0);
    else if (how % 4 == 2) assert_int_equal(cache_move(cache, 0, entry, 0, other), 0);
    else cache_remove(cache, 0, entry, REMOVED_DELETED);
}

static void as_if_it_were_not(void **state)
{
    static char text[300000];
    struct cache *caches[2] = { open_cache(100), open_cache(0) };
    struct rng rng;
    const uint64_t seed = 20261121;
    unsigned deflated = 0;
    (void)state;
    print_message("seed %llu\n", (unsigned long long)seed);
    rng_init(&rng, seed);
    for (unsigned round = 0; round < 4000; round++) {
        char name[16], second[16];
        const struct kith_str key = key_of((unsigned)rng_below(&rng, KEYS), name);
        const struct kith_str other = key_of((unsigned)rng_below(&rng, KEYS), second);
        const struct kith_str value = draw_text(&rng, text, sizeof text);
        const unsigned what = (unsigned)rng_below(&rng, 4);
        const unsigned how = (unsigned)rng_below(&rng, 16);
        const size_t more = (size_t)rng_below(&rng, 900);
        for (unsigned i = 0; i < 2; i++) {
            cache_lock(caches[i]);
            cache_set_now(caches[i], 1000 + round);
            if (what < 2)
                assert_int_equal(cache_set_string(caches[i], 0, key, value, CACHE_NO_DEADLINE,
                                                  what == 1, NULL), 0);
            else if (what == 2) edit(caches[i], key, more);
            else change(caches[i], key, other, how);
        }
        for (unsigned k = 0; k < KEYS; k++) {
            const struct kith_str each = key_of(k, second);
            const struct entry *entry = cache_read(caches[0], 0, each, CACHE_NO_TOUCH);
            deflated += entry && is_deflated(entry);
            compare(caches[0], caches[1], 0, each);
            compare(caches[0], caches[1], 1, each);
        }
        for (unsigned i = 0; i < 2; i++) cache_unlock(caches[i]);
    }
    assert_true(deflated > 4000);
    for (unsigned i = 0; i < 2; i++) {
        struct cache_stats stats;
        cache_flush(caches[i], 0, false);
        cache_flush(caches[i], 1, false);
        cache_stats_get(caches[i], &stats);
        assert_true(stats.used < 100000); /* the tables */
        cache_free(caches[i]);
    }
}

/* 85,000 bytes of prose that repeats itself take a fiftieth; noise takes what it is. */
static void smaller(void **state)
{
    static char text[85000];
    struct cache *cache = open_cache(1024);
    struct rng rng;
    struct entry *entry;
    char scratch[ENTRY_TEXT_MAX];
    (void)state;
    rng_init(&rng, 3);
    for (size_t i = 0; i < sizeof text; i++) text[i] = "a line of prose that comes again. "[i % 34];
    cache_lock(cache);
    const struct kith_str key = { "k", 1 }, prose = { text, sizeof text };
    assert_int_equal(cache_set_string(cache, 0, key, prose, CACHE_NO_DEADLINE, false, &entry), 0);
    assert_true(is_deflated(entry));
    assert_true(entry_bytes(entry) * 50 < sizeof text);
    assert_string_equal(entry_encoding(cache, entry), "raw");
    assert_memory_equal(entry_text(entry, scratch).data, text, sizeof text);
    const struct kith_str brief = { text, 1023 };
    assert_int_equal(cache_set_string(cache, 0, key, brief, CACHE_NO_DEADLINE, false, &entry), 0);
    assert_false(is_deflated(entry));
    for (size_t i = 0; i < sizeof text; i++) text[i] = (char)rng_below(&rng, 256);
    assert_int_equal(cache_set_string(cache, 0, key, prose, CACHE_NO_DEADLINE, false, &entry), 0);
    assert_false(is_deflated(entry));
    cache_unlock(cache);
    cache_free(cache);
}

/* The n-th allocation fails: the text is there as it is, or nothing changed. */
static void without_memory(void **state)
{
    static char text[5000];
    char scratch[ENTRY_TEXT_MAX];
    (void)state;
    memset(text, 'a', sizeof text);
    for (uint64_t n = 1; n < 60; n++) {
        struct cache *cache = open_cache(100);
        struct entry *entry = NULL;
        const struct kith_str key = { "k", 1 }, value = { text, sizeof text };
        cache_lock(cache);
        alloc_fault_arm(n, false);
        const int rc = cache_set_string(cache, 0, key, value, CACHE_NO_DEADLINE, false, &entry);
        alloc_fault_disarm();
        assert_true(rc == 0 || rc == KITH_ENOMEM);
        entry = cache_read(cache, 0, key, 0);
        assert_int_equal(entry != NULL, rc == 0);
        if (entry) assert_memory_equal(entry_text(entry, scratch).data, text, sizeof text);
        const bool packed = entry && is_deflated(entry);
        cache_unlock(cache);
        cache_free(cache);
        if (packed && n > 20) return;
    }
    fail();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_if_it_were_not),
        cmocka_unit_test(smaller),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
