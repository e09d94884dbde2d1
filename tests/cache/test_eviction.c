/*
 * Eviction: each policy keeps the limit and takes only what it may; and hit rates on skewed traces,
 * beside those of the method of Redis with 10 samples, simulated here.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "cache/cache.h"

static const int64_t START = INT64_C(1700000000000);

struct watcher {
    uint64_t evicted, without_deadline;
};

static void on_removed(void *ctx, unsigned db, const struct entry *entry, enum removal why)
{
    struct watcher *watcher = ctx;
    (void)db;
    if (why != REMOVED_EVICTED) return;
    watcher->evicted++;
    watcher->without_deadline += entry_deadline(entry) == CACHE_NO_DEADLINE;
}

static struct cache *start(enum eviction policy, struct watcher *watcher)
{
    struct cache_opts opts = {.os = os_real(), .databases = 3, .seed = 5};
    struct cache *cache = NULL;
    cache_settings_init(&opts.settings);
    opts.settings.policy = policy;
    opts.settings.tenacity = 100;
    assert_int_equal(cache_new(&opts, &cache, NULL), 0);
    cache_set_now(cache, START);
    memset(watcher, 0, sizeof *watcher);
    struct cache_hooks hooks = {.removed = on_removed, .ctx = watcher};
    cache_set_hooks(cache, &hooks);
    return cache;
}

static struct kith_str name_of(uint32_t number, uint32_t *bytes)
{
    *bytes = number;
    return (struct kith_str){(const char *)bytes, sizeof *bytes};
}

static void set(struct cache *cache, unsigned db, uint32_t number, int64_t deadline)
{
    uint32_t bytes;
    static const char value[100];
    assert_int_equal(cache_set_string(cache, db, name_of(number, &bytes),
                                      (struct kith_str){value, sizeof value}, deadline, true,
                                      NULL), 0);
}

static size_t used(const struct cache *cache)
{
    struct cache_stats stats;
    cache_stats_get(cache, &stats);
    return stats.used;
}

static void the_limit_holds_under(enum eviction policy, unsigned one_in)
{
    struct watcher watcher;
    struct cache *cache = start(policy, &watcher);
    bool volatile_only = policy >= EVICT_VOLATILE_LRU;
    cache_settings(cache)->memory_max = 2 << 20;
    uint64_t refused = 0;
    for (uint32_t i = 0; i < 60000; i++) {
        if (i % 100 == 0) cache_set_now(cache, START + i);
        if (!cache_make_room(cache)) {
            refused++;
            continue;
        }
        assert_true(used(cache) <= cache_settings(cache)->memory_max);
        int64_t deadline = i % one_in == 0 ? START + 1000000 + i : CACHE_NO_DEADLINE;
        set(cache, i % 3, i, deadline);
        assert_true(used(cache) <= cache_settings(cache)->memory_max * 105 / 100);
    }
    assert_true(watcher.evicted > 100);
    if (volatile_only) assert_int_equal(watcher.without_deadline, 0);
    size_t left = 0;
    for (unsigned db = 0; db < 3; db++) left += cache_deadline_count(cache, db);
    /* No write is refused while there is a candidate. */
    if (refused > 0) assert_true(volatile_only && one_in > 1 && left == 0);
    if (one_in == 1 || !volatile_only) assert_int_equal(refused, 0);
    cache_free(cache);
}

static void each_policy_keeps_the_limit(void **state)
{
    (void)state;
    for (int policy = EVICT_ALL_LRU; policy <= EVICT_VOLATILE_TTL; policy++) {
        the_limit_holds_under((enum eviction)policy, 1);
        the_limit_holds_under((enum eviction)policy, 2);
        the_limit_holds_under((enum eviction)policy, 50);
    }
}

static void nothing_goes_without_a_policy(void **state)
{
    (void)state;
    struct watcher watcher;
    struct cache *cache = start(EVICT_NEVER, &watcher);
    for (uint32_t i = 0; i < 1000; i++) set(cache, 0, i, CACHE_NO_DEADLINE);
    assert_true(cache_make_room(cache));
    cache_settings(cache)->memory_max = 1000;
    assert_false(cache_make_room(cache));
    assert_int_equal(cache_count(cache, 0), 1000);
    cache_settings(cache)->policy = EVICT_ALL_RANDOM; /* the background goes on until it holds */
    while (cache_turn(cache, 100) == 0) continue;
    assert_true(cache_count(cache, 0) < 20);
    cache_free(cache);
}

static void the_nearest_deadline_goes_first(void **state)
{
    (void)state;
    struct watcher watcher;
    enum { KEYS = 5000 };
    struct cache *cache = start(EVICT_VOLATILE_TTL, &watcher);
    for (uint32_t i = 0; i < KEYS; i++) set(cache, 0, i, START + 10000 + 1000 * (int64_t)i);
    cache_settings(cache)->memory_max = used(cache) / 2;
    assert_true(cache_make_room(cache));
    uint32_t kept = (uint32_t)cache_count(cache, 0);
    unsigned wrong = 0; /* of those that should be gone */
    for (uint32_t i = 0; i < KEYS - kept; i++) {
        uint32_t bytes;
        wrong += cache_read(cache, 0, name_of(i, &bytes), 0) != NULL;
    }
    assert_true(wrong < KEYS / 100);
    cache_free(cache);
}

/* ---- hit rates ---- */

enum { OBJECTS = 40000, REQUESTS = 300000, ROOM = 4000 };

struct trace {
    double *cumulative; /* owns; of Zipf with exponent .9 */
    struct rng rng;
};

static void trace_start(struct trace *trace, uint64_t seed)
{
    rng_init(&trace->rng, seed);
    trace->cumulative = mem_alloc_array(OBJECTS, sizeof *trace->cumulative);
    assert_non_null(trace->cumulative);
    double sum = 0;
    for (size_t i = 0; i < OBJECTS; i++)
        trace->cumulative[i] = sum += pow((double)(i + 1), -.9);
}

static uint32_t trace_next(struct trace *trace)
{
    double at = rng_f64(&trace->rng) * trace->cumulative[OBJECTS - 1];
    size_t low = 0, high = OBJECTS - 1;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (trace->cumulative[middle] < at) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return (uint32_t)low;
}

/* What is in a simulated cache, in any order, and when each was used. */
struct simulated {
    uint32_t in[ROOM];
    uint32_t place[OBJECTS]; /* + 1; 0: not in */
    int64_t used_ms[OBJECTS];
    uint8_t count[OBJECTS]; /* LFU */
    size_t size;
    struct { uint32_t object; int64_t score; } pool[16];
    size_t pooled;
    struct rng rng;
    bool lfu;
};

static int64_t simulated_score(const struct simulated *s, uint32_t object, int64_t now)
{
    /* Redis: seconds since the last use; or 255 - frequency, without decay */
    return s->lfu ? 255 - s->count[object] : now / 1000 - s->used_ms[object] / 1000;
}

static void simulated_offer(struct simulated *s, uint32_t object, int64_t score)
{
    for (size_t i = 0; i < s->pooled; i++) {
        if (s->pool[i].object == object) return;
    }
    if (s->pooled == 16) {
        if (score <= s->pool[0].score) return;
        memmove(&s->pool[0], &s->pool[1], 15 * sizeof s->pool[0]);
        s->pooled--;
    }
    size_t at = s->pooled++;
    for (; at > 0 && s->pool[at - 1].score > score; at--) s->pool[at] = s->pool[at - 1];
    s->pool[at].object = object;
    s->pool[at].score = score;
}

/* evictionPoolPopulate and the choice from it, with 10 samples */
static void simulated_evict(struct simulated *s, int64_t now)
{
    for (;;) {
        for (unsigned i = 0; i < 10; i++) {
            uint32_t object = s->in[rng_below(&s->rng, s->size)];
            simulated_offer(s, object, simulated_score(s, object, now));
        }
        while (s->pooled > 0) {
            uint32_t object = s->pool[--s->pooled].object;
            uint32_t place = s->place[object];
            if (!place) continue;
            uint32_t last = s->in[--s->size];
            s->in[place - 1] = last;
            s->place[last] = place;
            s->place[object] = 0;
            return;
        }
    }
}

static bool simulated_request(struct simulated *s, uint32_t object, int64_t now)
{
    bool hit = s->place[object] != 0;
    if (!hit) {
        if (s->size == ROOM) simulated_evict(s, now);
        s->in[s->size++] = object;
        s->place[object] = (uint32_t)s->size;
        s->count[object] = 5;
    } else {
        double base = s->count[object] > 5 ? s->count[object] - 5 : 0;
        bool up = rng_f64(&s->rng) < 1 / (base * 10 + 1);
        if (up && s->count[object] < 255) s->count[object]++;
    }
    s->used_ms[object] = now;
    return hit;
}

static bool our_request(struct cache *cache, uint32_t object, int64_t now)
{
    uint32_t bytes;
    cache_set_now(cache, now);
    if (cache_read(cache, 0, name_of(object, &bytes), 0)) return true;
    /* The limit is moved, so that it is one of keys. */
    while (cache_count(cache, 0) >= ROOM) {
        cache_settings(cache)->memory_max = used(cache) - 1;
        assert_true(cache_make_room(cache));
    }
    cache_settings(cache)->memory_max = 0;
    set(cache, 0, object, CACHE_NO_DEADLINE);
    return false;
}

static void compare(enum eviction policy, const char *name)
{
    struct watcher watcher;
    struct trace trace;
    struct cache *cache = start(policy, &watcher);
    struct simulated *s = mem_zalloc(sizeof *s);
    assert_non_null(s);
    s->lfu = policy == EVICT_ALL_LFU;
    cache_settings(cache)->lfu_decay_minutes = 0; /* as simulated */
    rng_init(&s->rng, 77);
    trace_start(&trace, 6);
    size_t ours = 0, theirs = 0;
    for (size_t i = 0; i < REQUESTS; i++) {
        uint32_t object = trace_next(&trace);
        int64_t now = START + (int64_t)i; /* 1,000 requests a second */
        ours += our_request(cache, object, now);
        theirs += simulated_request(s, object, now);
    }
    printf("%s: %.4f of the requests hit; Redis with 10 samples %.4f\n", name,
           (double)ours / REQUESTS, (double)theirs / REQUESTS);
    assert_true((double)ours >= (double)theirs * .997); /* the noise of one trace */
    mem_free(trace.cumulative);
    mem_free(s);
    cache_free(cache);
}

static void hit_rates_are_no_worse_than_with_10_samples(void **state)
{
    (void)state;
    compare(EVICT_ALL_LRU, "LRU");
    compare(EVICT_ALL_LFU, "LFU");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_policy_keeps_the_limit),
        cmocka_unit_test(nothing_goes_without_a_policy),
        cmocka_unit_test(the_nearest_deadline_goes_first),
        cmocka_unit_test(hit_rates_are_no_worse_than_with_10_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
