/*
 * A keyspace with its files on a simulated machine, for the tests of keep: a workload of numbered
 * units, and which of them are found. The units append to strings, so that a change applied twice,
 * or not at all, shows.
 */
#ifndef KITH_TESTS_REDIS_KEEP_PLACE_H
#define KITH_TESTS_REDIS_KEEP_PLACE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "os/sim.h"
#include "redis/keep.h"

#define KEYS 40u
#define DIR "keyspace"

static inline struct kith_str str(const char *text)
{
    return (struct kith_str){ text, strlen(text) };
}

/* ---- commands of the log: APPEND key text, FLUSH ---- */

static inline int append(struct cache *cache, unsigned db, struct kith_str key,
                         struct kith_str text)
{
    struct entry *entry = cache_write(cache, db, key);
    char *bytes, scratch[ENTRY_TEXT_MAX];
    if (!entry)
        return cache_set_string(cache, db, key, text, CACHE_NO_DEADLINE, true, NULL);
    const size_t before = entry_text(entry, scratch).len;
    const int rc = cache_edit_string(cache, db, &entry, before + text.len, &bytes);
    if (rc == 0) memcpy(bytes + before, text.data, text.len);
    return rc;
}

static inline int replay(void *ctx, unsigned db, const struct kith_str *argv, size_t argc)
{
    struct cache *cache = *(struct cache **)ctx;
    if (argc == 1) cache_flush(cache, db, false);
    return argc == 1 ? 0 : append(cache, db, argv[1], argv[2]);
}

/* ---- a keyspace with its files ---- */

struct place {
    const struct os *os;
    struct cache *cache;
    struct keep *keep;
    char heard[512]; /* the last thing that was said at level 0 */
    bool recover;
    bool starved; /* no memory for the log */
};

static inline void hear(void *ctx, int level, const char *text)
{
    struct place *place = ctx;
    if (level == 0) (void)snprintf(place->heard, sizeof place->heard, "%s", text);
}

static inline int open_place(struct place *place, const struct os *os, struct kith_error *err)
{
    struct cache_opts opts = { .os = os, .databases = 2, .seed = 1 };
    cache_settings_init(&opts.settings);
    *place = (struct place){ .os = os, .recover = place->recover };
    assert_int_equal(cache_new(&opts, &place->cache, err), 0);
    const struct keep_opts keep = { .os = os, .dir = DIR, .cache = place->cache, .replay = replay,
                                    .log = hear, .ctx = &place->cache, .log_ctx = place,
                                    .recover = place->recover };
    const int rc = keep_open(&keep, &place->keep, err);
    if (rc) return rc;
    const struct cache_hooks hooks = { .changing = keep_changing, .flushing = keep_flushing,
                                       .keeping = keep_keeping,
                                       .ctx = place->keep };
    cache_set_hooks(place->cache, &hooks);
    return 0;
}

static inline void close_place(struct place *place)
{
    keep_close(place->keep);
    cache_free(place->cache);
    place->keep = NULL;
}

/* ---- the workload: unit n appends "n," to the key n % KEYS of both databases ---- */

struct model {
    unsigned submitted, acked, flushed; /* units; `flushed`: everything below it is gone */
    unsigned flushing; /* a flush that is under way came after so many; 0: none */
    unsigned flushes[64], flush_count; /* all of them, the first at 0 */
};

static inline void put_unit(struct place *place, struct model *model)
{
    char key[16], text[16];
    const unsigned n = model->submitted;
    (void)snprintf(key, sizeof key, "k%u", n % KEYS);
    (void)snprintf(text, sizeof text, "%u,", n);
    const struct kith_str argv[3] = { str("APPEND"), str(key), str(text) };
    const struct keep_command commands[2] = { { 0, argv, 3 }, { 1, argv, 3 } };
    cache_lock(place->cache);
    cache_begin(place->cache);
    assert_int_equal(append(place->cache, 0, argv[1], argv[2]), 0);
    assert_int_equal(append(place->cache, 1, argv[1], argv[2]), 0);
    if (place->starved) alloc_fault_arm(1, true);
    keep_append(place->keep, commands, 2);
    alloc_fault_disarm();
    model->submitted++;
    cache_unlock(place->cache);
}

static inline void acknowledge(struct place *place, struct model *model)
{
    if (keep_wait(place->keep, keep_ticket(place->keep)) == 0) model->acked = model->submitted;
}

static inline void flush_all(struct place *place, struct model *model)
{
    const struct kith_str argv[1] = { str("FLUSH") };
    const struct keep_command commands[2] = { { 0, argv, 1 }, { 1, argv, 1 } };
    acknowledge(place, model);
    cache_lock(place->cache);
    cache_flush(place->cache, 0, false);
    cache_flush(place->cache, 1, false);
    model->flushing = model->submitted;
    keep_append(place->keep, commands, 2);
    cache_unlock(place->cache);
    acknowledge(place, model);
    model->flushed = model->flushing;
    model->flushes[++model->flush_count] = model->flushing;
    model->flushing = 0;
}

/* ---- what is found ---- */

/* Units of a key, which must be the model's in order; how many there are in all is counted. */
static inline bool read_key(struct cache *cache, unsigned db, unsigned key, unsigned flushed,
                            unsigned *count, unsigned *last)
{
    char name[16], scratch[ENTRY_TEXT_MAX];
    (void)snprintf(name, sizeof name, "k%u", key);
    struct entry *entry = cache_read(cache, db, str(name), 0);
    if (!entry) return true;
    const struct kith_str text = entry_text(entry, scratch);
    unsigned next = flushed + (KEYS + key - flushed % KEYS) % KEYS;
    for (size_t at = 0; at < text.len; next += KEYS) {
        char want[16];
        const int len = snprintf(want, sizeof want, "%u,", next);
        if (text.len - at < (size_t)len || memcmp(text.data + at, want, (size_t)len)) return false;
        at += (size_t)len;
        ++*count;
        if (next + 1 > *last) *last = next + 1;
    }
    return true;
}

/* Up to which unit everything since the flush is there, in both databases; UINT32_MAX: something
 * else is. */
static inline unsigned found_since(struct cache *cache, unsigned flushed)
{
    unsigned counts[2] = { 0, 0 }, last[2] = { flushed, flushed };
    cache_lock(cache);
    for (unsigned db = 0; db < 2; db++)
        for (unsigned key = 0; key < KEYS; key++)
            if (!read_key(cache, db, key, flushed, &counts[db], &last[db])) counts[db] = UINT32_MAX;
    cache_unlock(cache);
    const bool whole = counts[0] == counts[1] && last[0] == last[1] &&
                       counts[0] == last[0] - flushed;
    return whole ? last[0] : UINT32_MAX;
}

/* The state after any unit at all. */
static inline bool is_past(struct cache *cache, const struct model *model)
{
    for (unsigned i = 0; i <= model->flush_count; i++) {
        const unsigned end = i < model->flush_count ? model->flushes[i + 1] : model->submitted;
        if (found_since(cache, model->flushes[i]) <= end) return true;
    }
    return false;
}

static inline bool is_right(struct cache *cache, const struct model *model, unsigned least)
{
    const unsigned found = found_since(cache, model->flushed);
    if (found >= least && found <= model->submitted) return true;
    return model->flushing && found_since(cache, model->flushing) == model->flushing;
}

/* What a kill now would leave. */
static inline void check_image(struct os_sim *sim, const struct model *model, uint64_t seed)
{
    struct os_sim *image = os_sim_crash(sim, OS_SIM_KEEP_ALL, seed);
    struct place place = { 0 };
    struct kith_error err = { 0 };
    assert_non_null(image);
    if (open_place(&place, os_sim_os(image), &err)) fail_msg("%s", err.text);
    assert_true(is_right(place.cache, model, model->acked));
    close_place(&place);
    os_sim_free(image);
}

/* Everything that was submitted is found after a close; the end of place and machine. */
static inline void check_and_end(struct place *place, struct os_sim *sim,
                                 const struct model *model)
{
    struct kith_error err = { 0 };
    close_place(place);
    if (open_place(place, os_sim_os(sim), &err)) fail_msg("%s", err.text);
    assert_true(is_right(place->cache, model, model->submitted));
    close_place(place);
    os_sim_free(sim);
}

/* ---- cutting the power ---- */

struct cutting {
    struct os_sim *sim;
    struct model model;
    bool always, active;
    uint64_t seed, states, operations, every;
};

static inline void check_state(struct cutting *cutting, enum os_sim_loss loss,
                               const char *operation, const char *path)
{
    const uint64_t seed = rng_mix(cutting->seed * 7919 + cutting->states++);
    struct os_sim *image = os_sim_crash(cutting->sim, loss, seed);
    struct place place = { 0 };
    struct kith_error err = { 0 };
    const bool kept = cutting->always || loss == OS_SIM_KEEP_ALL;
    assert_non_null(image);
    const int rc = open_place(&place, os_sim_os(image), &err);
    const struct model *model = &cutting->model;
    const bool right = rc == 0 && (kept ? is_right(place.cache, model, model->acked)
                                        : is_past(place.cache, model));
    if (!right)
        fail_msg("seed %llu, operation %llu (%s %s), loss %d: rc %d %s; found %d, acked %u of %u",
                 (unsigned long long)cutting->seed, (unsigned long long)cutting->operations,
                 operation, path, (int)loss, rc, err.text,
                 (int)found_since(place.cache, cutting->model.flushed), cutting->model.acked,
                 cutting->model.submitted);
    close_place(&place);
    os_sim_free(image);
}

static inline void cut(void *ctx, const char *operation, const char *path)
{
    struct cutting *cutting = ctx;
    if (!cutting->active || cutting->operations++ % cutting->every) return;
    cutting->active = false;
    check_state(cutting, OS_SIM_KEEP_SYNCED, operation, path);
    check_state(cutting, OS_SIM_KEEP_ALL, operation, path);
    check_state(cutting, OS_SIM_RANDOM, operation, path);
    cutting->active = true;
}

#endif
