/*
 * The keyspace against a flat model: random strings, integers, edits, deadlines, moves and removals
 * over few keys in two databases, with time passing; what a scan and a random draw give; a round
 * trip through the portable form; hooks; and every allocation failing once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "cache/cache.h"

enum { NAMES = 300, TEXT_MAX = 3000, DATABASES = 2 };

struct model_key {
    bool in;
    size_t len;
    int64_t deadline;
    char text[TEXT_MAX];
};

struct fixture {
    struct cache *cache;
    struct rng rng;
    int64_t now;
    struct model_key (*keys)[NAMES]; /* a database each */
    uint64_t told, removed, expired;
};

static struct kith_str name_of(unsigned number, char out[400])
{
    /* Some names are long, one is empty. */
    size_t len = number == 0 ? 0 : number % 7 == 0 ? 300 : 1 + number % 30;
    for (size_t i = 0; i < len; i++) out[i] = (char)('a' + (number + i) % 26);
    if (len >= 4) memcpy(out, &number, sizeof number);
    if (len > 0 && len < 4) out[0] = (char)number;
    if (len > 1 && len < 4) out[1] = (char)(number >> 8);
    if (len == 3) out[2] = 'x';
    return (struct kith_str){out, len};
}

static void on_changing(void *ctx, unsigned db, struct entry *entry)
{
    struct fixture *f = ctx;
    (void)db;
    assert_true(entry_key(entry).len < 400);
    f->told++;
}

static void on_removed(void *ctx, unsigned db, const struct entry *entry, enum removal why)
{
    struct fixture *f = ctx;
    (void)db;
    char scratch[ENTRY_TEXT_MAX];
    if (entry_type(entry) == VALUE_STRING) (void)entry_text(entry, scratch);
    f->removed++;
    f->expired += why == REMOVED_EXPIRED;
}

static void start(struct fixture *f, uint64_t seed)
{
    memset(f, 0, sizeof *f);
    rng_init(&f->rng, seed);
    struct cache_opts opts = {.os = os_real(), .databases = DATABASES, .seed = seed};
    cache_settings_init(&opts.settings);
    assert_int_equal(cache_new(&opts, &f->cache, NULL), 0);
    struct cache_hooks hooks = {.changing = on_changing, .removed = on_removed, .ctx = f};
    cache_set_hooks(f->cache, &hooks);
    f->now = INT64_C(1700000000000);
    cache_set_now(f->cache, f->now);
    f->keys = mem_zalloc_array(DATABASES, sizeof *f->keys);
    assert_non_null(f->keys);
}

static void stop(struct fixture *f)
{
    for (unsigned db = 0; db < DATABASES; db++) cache_flush(f->cache, db, db == 0);
    cache_free(f->cache);
    mem_free(f->keys);
}

static struct model_key *model_of(struct fixture *f, unsigned db, unsigned number)
{
    struct model_key *key = &f->keys[db][number];
    if (key->in && key->deadline <= f->now) key->in = false;
    return key;
}

static void check_key(struct fixture *f, unsigned db, unsigned number)
{
    char name[400];
    char scratch[ENTRY_TEXT_MAX];
    struct model_key *key = model_of(f, db, number);
    struct entry *entry = cache_read(f->cache, db, name_of(number, name), 0);
    assert_int_equal(entry != NULL, key->in);
    if (!entry) return;
    struct kith_str text = entry_text(entry, scratch);
    assert_int_equal(text.len, key->len);
    assert_memory_equal(text.data, key->text, key->len);
    assert_int_equal(entry_deadline(entry), key->deadline);
    struct kith_str got = entry_key(entry);
    assert_int_equal(got.len, name_of(number, name).len);
    assert_memory_equal(got.data, name, got.len);
}

static size_t random_text(struct rng *rng, char *out)
{
    unsigned kind = (unsigned)rng_below(rng, 10);
    if (kind < 3) {
        int64_t value = (int64_t)rng_u64(rng) >> rng_below(rng, 64);
        return (size_t)snprintf(out, TEXT_MAX, "%lld", (long long)value);
    }
    static const char *const odd[] = {"", "0", "-0", "01", "-1", "+1", "9223372036854775807",
                                      "9223372036854775808", "-9223372036854775808", "1 "};
    if (kind == 3) {
        const char *text = odd[rng_below(rng, sizeof odd / sizeof odd[0])];
        memcpy(out, text, strlen(text));
        return strlen(text);
    }
    size_t len = (size_t)rng_below(rng, kind < 8 ? 100 : 900);
    for (size_t i = 0; i < len; i++) out[i] = (char)rng_u64(rng);
    return len;
}

static int64_t random_deadline(struct fixture *f)
{
    static const int64_t far[] = {1, 20, 1000, 70000, 5000000, INT64_C(400) << 32};
    int64_t within = far[rng_below(&f->rng, sizeof far / sizeof far[0])];
    if (rng_below(&f->rng, 40) == 0) return INT64_MAX - 1;
    return f->now + 1 + (int64_t)rng_below(&f->rng, (uint64_t)within);
}

static int do_set(struct fixture *f, unsigned db, unsigned number)
{
    char name[400];
    char text[TEXT_MAX];
    struct model_key *key = model_of(f, db, number);
    size_t len = random_text(&f->rng, text);
    int64_t deadline = CACHE_NO_DEADLINE;
    unsigned kind = (unsigned)rng_below(&f->rng, 3);
    if (kind == 1) deadline = random_deadline(f);
    if (kind == 2) deadline = CACHE_KEEP_DEADLINE;
    int rc = cache_set_string(f->cache, db, name_of(number, name), (struct kith_str){text, len},
                              deadline, rng_below(&f->rng, 4) == 0, NULL);
    if (rc) return rc;
    bool keep = kind == 2 && key->in;
    if (!keep) key->deadline = kind == 2 ? CACHE_NO_DEADLINE : deadline;
    key->in = true;
    key->len = len;
    memcpy(key->text, text, len);
    return 0;
}

static int do_edit(struct fixture *f, unsigned db, unsigned number)
{
    char name[400];
    struct model_key *key = model_of(f, db, number);
    struct entry *entry = cache_write(f->cache, db, name_of(number, name));
    assert_int_equal(entry != NULL, key->in);
    if (!entry) return 0;
    size_t len = key->len + (size_t)rng_below(&f->rng, 200);
    if (len > TEXT_MAX) return 0;
    char *bytes;
    int rc = cache_edit_string(f->cache, db, &entry, len, &bytes);
    if (rc) return rc;
    for (size_t i = key->len; i < len; i++) assert_int_equal(bytes[i], 0);
    memset(key->text + key->len, 0, len - key->len);
    if (len > 0) key->text[len / 2] = bytes[len / 2] = 'e';
    key->len = len;
    assert_true(len > 44 || strcmp(entry_encoding(f->cache, entry), "raw") == 0);
    return 0;
}

static int do_deadline(struct fixture *f, unsigned db, unsigned number)
{
    char name[400];
    struct model_key *key = model_of(f, db, number);
    struct entry *entry = cache_write(f->cache, db, name_of(number, name));
    if (!entry) return 0;
    bool drop = rng_below(&f->rng, 3) == 0;
    int64_t deadline = drop ? CACHE_NO_DEADLINE : random_deadline(f);
    int rc = cache_set_deadline(f->cache, db, &entry, deadline);
    if (rc) return rc;
    key->deadline = deadline;
    assert_int_equal(entry_deadline(entry), deadline);
    return 0;
}

static int do_move(struct fixture *f, unsigned db, unsigned number)
{
    char name[400];
    char to_name[400];
    struct model_key *key = model_of(f, db, number);
    struct entry *entry = cache_write(f->cache, db, name_of(number, name));
    if (!entry) return 0;
    unsigned to_db = (unsigned)rng_below(&f->rng, DATABASES);
    unsigned to = (unsigned)rng_below(&f->rng, NAMES);
    struct model_key *other = model_of(f, to_db, to);
    if (other == key) return 0;
    int rc = cache_move(f->cache, db, entry, to_db, name_of(to, to_name));
    if (rc) return rc;
    *other = *key;
    key->in = false;
    return 0;
}

static void do_remove(struct fixture *f, unsigned db, unsigned number)
{
    char name[400];
    struct entry *entry = cache_write(f->cache, db, name_of(number, name));
    if (entry) cache_remove(f->cache, db, entry, REMOVED_DELETED);
    model_of(f, db, number)->in = false;
}

static int step(struct fixture *f)
{
    unsigned db = (unsigned)rng_below(&f->rng, DATABASES);
    unsigned number = (unsigned)rng_below(&f->rng, NAMES);
    switch (rng_below(&f->rng, 10)) {
    case 0: case 1: case 2: return do_set(f, db, number);
    case 3: return do_edit(f, db, number);
    case 4: case 5: return do_deadline(f, db, number);
    case 6: return do_move(f, db, number);
    case 7: do_remove(f, db, number); return 0;
    default: check_key(f, db, number); return 0;
    }
}

static void pass_time(struct fixture *f)
{
    static const int64_t spans[] = {0, 5, 100, 3000, 200000, 9000000};
    f->now += spans[rng_below(&f->rng, sizeof spans / sizeof spans[0])];
    cache_set_now(f->cache, f->now);
    if (rng_below(&f->rng, 2)) (void)cache_turn(f->cache, 1000000);
}

static void count_entry(void *ctx, struct entry *entry)
{
    (void)entry;
    (*(size_t *)ctx)++;
}

/* After a turn nothing that is due is left, and the figures agree. The wheel ticks every 16 ms. */
static void check_figures(struct fixture *f)
{
    f->now = (f->now + 15) & ~INT64_C(15);
    cache_set_now(f->cache, f->now);
    int64_t wait = cache_turn(f->cache, 10000000);
    assert_true(wait > 0);
    for (unsigned db = 0; db < DATABASES; db++) {
        size_t in = 0;
        size_t deadlines = 0;
        for (unsigned i = 0; i < NAMES; i++) {
            struct model_key *key = model_of(f, db, i);
            in += key->in;
            deadlines += key->in && key->deadline != CACHE_NO_DEADLINE;
        }
        assert_int_equal(cache_count(f->cache, db), in);
        assert_int_equal(cache_deadline_count(f->cache, db), deadlines);
        size_t scanned = 0;
        uint64_t cursor = 0;
        do {
            cursor = cache_scan(f->cache, db, cursor, count_entry, &scanned);
        } while (cursor);
        assert_int_equal(scanned, in);
        assert_int_equal(cache_random(f->cache, db) != NULL, in > 0);
    }
}

static void random_commands_agree_with_a_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct fixture f;
        start(&f, seed);
        for (unsigned i = 0; i < 20000; i++) {
            assert_int_equal(step(&f), 0);
            if (i % 50 == 0) pass_time(&f);
            if (i % 1000 == 0) check_figures(&f);
        }
        for (unsigned i = 0; i < NAMES; i++) check_key(&f, i % DATABASES, i);
        struct cache_stats stats;
        cache_stats_get(f.cache, &stats);
        assert_true(stats.expired > 0 && stats.expired == f.expired && f.told > f.removed);
        assert_true(stats.expired_active > 0);
        stop(&f);
    }
}

static void a_failed_allocation_changes_nothing(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, 11);
    unsigned failures = 0;
    for (unsigned i = 0; i < 6000; i++) {
        alloc_fault_arm(1 + i % 5, i % 3 == 0);
        int rc = step(&f);
        alloc_fault_disarm();
        assert_true(rc == 0 || rc == KITH_ENOMEM);
        failures += rc != 0;
        if (i % 100 == 0) pass_time(&f);
    }
    assert_true(failures > 500);
    for (unsigned i = 0; i < NAMES; i++) {
        check_key(&f, 0, i);
        check_key(&f, 1, i);
    }
    stop(&f);
}

static void strings_survive_their_portable_form(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, 12);
    struct buffer bytes;
    buffer_init(&bytes);
    struct kith_str from = {"from", 4};
    struct kith_str to = {"to", 2};
    for (unsigned i = 0; i < 500; i++) {
        char text[TEXT_MAX];
        char scratch[ENTRY_TEXT_MAX];
        size_t len = random_text(&f.rng, text);
        struct entry *entry;
        assert_int_equal(cache_set_string(f.cache, 0, from, (struct kith_str){text, len},
                                          CACHE_NO_DEADLINE, i % 2, &entry), 0);
        const char *encoding = entry_encoding(f.cache, entry);
        buffer_clear(&bytes);
        entry_encode(entry, &bytes);
        struct cursor in;
        cursor_init(&in, bytes.data, bytes.len);
        assert_int_equal(cache_decode(f.cache, 1, to, &in, 5 + f.now, &entry), 0);
        assert_int_equal(cursor_left(&in), 0);
        struct kith_str got = entry_text(entry, scratch);
        assert_int_equal(got.len, len);
        assert_memory_equal(got.data, text, len);
        assert_string_equal(entry_encoding(f.cache, entry), encoding);
        for (size_t cut = 0; cut < bytes.len && cut < 12; cut++) {
            cursor_init(&in, bytes.data, cut);
            assert_int_equal(cache_decode(f.cache, 1, to, &in, 5, &entry), KITH_ECORRUPT);
        }
    }
    buffer_release(&bytes);
    stop(&f);
}

static void a_paused_keyspace_hides_and_keeps_what_is_due(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, 13);
    struct kith_str key = {"k", 1};
    assert_int_equal(cache_set_string(f.cache, 0, key, key, f.now + 10, false, NULL), 0);
    cache_set_paused(f.cache, true);
    cache_set_now(f.cache, f.now + 100);
    assert_true(cache_turn(f.cache, 1000) > 0);
    assert_null(cache_read(f.cache, 0, key, 0));
    assert_int_equal(cache_count(f.cache, 0), 1);
    cache_set_paused(f.cache, false);
    assert_int_equal(cache_turn(f.cache, 1000), INT64_MAX);
    assert_int_equal(cache_count(f.cache, 0), 0);
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_commands_agree_with_a_model),
        cmocka_unit_test(a_failed_allocation_changes_nothing),
        cmocka_unit_test(strings_survive_their_portable_form),
        cmocka_unit_test(a_paused_keyspace_hides_and_keeps_what_is_due),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
