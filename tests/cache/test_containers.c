/*
 * Lists, sets, sorted sets and hashes against naive models: random changes with small limits, so
 * that every form and conversion occurs; ranks and bounds against sorting; bytes there and back,
 * cut and flipped; every allocation failing once; limits and one past them.
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
#include "cache/cell.h"
#include "cache/hash.h"
#include "cache/list.h"
#include "cache/set.h"
#include "cache/zset.h"

enum { MEMBERS = 120, STEPS = 6000, TEXT = 100 };

struct fixture {
    struct heap heap;
    struct cache_settings settings;
    struct rng rng;
};

static struct fixture start(uint64_t seed)
{
    struct fixture f = { .heap = { .seed = seed },
                         .settings = { .pack_entries_hash = 20, .pack_value_hash = 64,
                                       .pack_entries_set = 20, .pack_value_set = 64,
                                       .pack_entries_zset = 20, .pack_value_zset = 64,
                                       .intset_entries = 30, .list_pack_size = 7 } };
    rng_init(&f.rng, seed);
    return f;
}

static struct kith_str str(const char *text) { return (struct kith_str){ text, strlen(text) }; }

static struct kith_str owned(const char *text, size_t len)
{
    return (struct kith_str){ text, len };
}

/* A member by its number: integers of all widths, short texts, long ones. */
static struct kith_str member(size_t number, char out[TEXT])
{
    int len;
    switch (number % 8) {
    case 0:
    case 1:
    case 2: len = snprintf(out, TEXT, "%zu", number); break;
    case 3: len = snprintf(out, TEXT, "-%zu", number * 1000003); break;
    case 4: len = snprintf(out, TEXT, "%zu000000000000", number); break;
    case 5: len = snprintf(out, TEXT, "0%zu", number); break;
    case 6: len = snprintf(out, TEXT, "member:%zu", number); break;
    default: len = snprintf(out, TEXT, "%080zu", number); break;
    }
    return owned(out, (size_t)len);
}

static void same_text(struct kith_str got, struct kith_str want)
{
    assert_int_equal(got.len, want.len);
    if (want.len) assert_memory_equal(got.data, want.data, want.len);
}

/* Bytes and back: the copy's bytes are those of the original (order of tables apart). */
static void *round_trip(struct fixture *f, const struct value_ops *ops, const void *value)
{
    struct buffer bytes;
    struct cursor in;
    void *copy = NULL;
    buffer_init(&bytes);
    ops->encode(value, &bytes);
    assert_false(buffer_failed(&bytes));
    cursor_init(&in, bytes.data, bytes.len);
    assert_int_equal(ops->decode(&f->heap, &f->settings, &in, &copy), 0);
    assert_int_equal(cursor_left(&in), 0);
    for (size_t cut = 0; cut < bytes.len; cut += 1 + bytes.len / 50) {
        void *part = NULL;
        cursor_init(&in, bytes.data, cut);
        assert_int_equal(ops->decode(&f->heap, &f->settings, &in, &part), KITH_ECORRUPT);
    }
    for (int i = 0; i < 60; i++) { /* any result but a crash or a leak */
        const size_t at = (size_t)rng_below(&f->rng, bytes.len);
        const uint8_t old = bytes.data[at];
        void *part = NULL;
        bytes.data[at] = (uint8_t)rng_u64(&f->rng);
        cursor_init(&in, bytes.data, bytes.len);
        if (ops->decode(&f->heap, &f->settings, &in, &part) == 0) ops->free(part);
        bytes.data[at] = old;
    }
    buffer_release(&bytes);
    return copy;
}

/* ---- lists ---- */

struct list_model {
    size_t at[4000];
    size_t count;
};

static void model_insert(struct list_model *model, size_t index, size_t number)
{
    memmove(model->at + index + 1, model->at + index, (model->count - index) * sizeof *model->at);
    model->at[index] = number;
    model->count++;
}

static void model_cut(struct list_model *model, size_t index, size_t count)
{
    if (count > model->count - index) count = model->count - index;
    model->count -= count;
    memmove(model->at + index, model->at + index + count,
            (model->count - index) * sizeof *model->at);
}

static uint64_t model_remove(struct list_model *model, size_t number, bool from_tail, size_t max)
{
    uint64_t removed = 0;
    for (size_t i = 0; i < model->count && (max == 0 || removed < max);) {
        const size_t index = from_tail ? model->count - 1 - i : i;
        if (model->at[index] != number) {
            i++;
            continue;
        }
        model_cut(model, index, 1);
        removed++;
    }
    return removed;
}

static void check_list(const struct list *list, const struct list_model *model)
{
    char text[TEXT];
    struct pack_item scratch;
    assert_int_equal(list_count(list), model->count);
    if (model->count == 0) return;
    struct list_place place = list_place(list, 0);
    for (size_t i = 0; i < model->count; i++) {
        same_text(list_text(list, place, &scratch), member(model->at[i], text));
        const struct list_place direct = list_place(list, i);
        assert_int_equal(direct.node, place.node);
        assert_int_equal(direct.at, place.at);
        if (i + 1 < model->count) list_forward(list, &place);
    }
    for (size_t i = model->count; i-- > 1;) list_back(list, &place);
    same_text(list_text(list, place, &scratch), member(model->at[0], text));
}

static void change_list(struct fixture *f, struct list *list, struct list_model *model)
{
    char text[TEXT];
    const size_t number = (size_t)rng_below(&f->rng, 40);
    const struct kith_str value = member(number, text);
    const size_t index = model->count ? (size_t)rng_below(&f->rng, model->count) : 0;
    const size_t choice = (size_t)rng_below(&f->rng, 20);
    if (model->count == 0 || (choice < 8 && model->count < 3000)) {
        const bool tail = choice % 2;
        assert_int_equal(list_push(list, &f->settings, tail, value), 0);
        model_insert(model, tail ? model->count : 0, number);
    } else if (choice < 11) {
        const bool behind = choice % 2;
        assert_int_equal(
            list_insert(list, &f->settings, list_place(list, index), behind, value), 0);
        model_insert(model, index + behind, number);
    } else if (choice < 14) {
        assert_int_equal(list_set(list, &f->settings, index, value), 0);
        model->at[index] = number;
    } else if (choice < 17) {
        const size_t count = (size_t)rng_below(&f->rng, rng_below(&f->rng, 20) ? 4 : 60);
        list_cut(list, index, count);
        model_cut(model, index, count);
    } else {
        const size_t max = (size_t)rng_below(&f->rng, 3);
        const bool from_tail = choice % 2;
        assert_int_equal(list_remove(list, value, from_tail, max),
                         model_remove(model, number, from_tail, max));
    }
    list_settle(list, &f->settings);
}

static void test_list(void **state)
{
    (void)state;
    static struct list_model model;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct fixture f = start(seed);
        f.settings.list_pack_size = seed == 4 ? -1 : (int64_t)seed * 4 - 3;
        struct list *list = list_new(&f.heap);
        model.count = 0;
        for (int i = 0; i < STEPS; i++) {
            change_list(&f, list, &model);
            if (i % 16 == 0) check_list(list, &model);
        }
        check_list(list, &model);
        if (model.count == 0) assert_int_equal(list_push(list, &f.settings, true, str("x")), 0);
        struct list *copy = round_trip(&f, &list_ops, list);
        if (model.count) check_list(copy, &model);
        list_free(copy);
        list_free(list);
        assert_int_equal(heap_used(&f.heap), 0);
    }
}

/* ---- sets ---- */

static void count_member(void *ctx, struct kith_str text)
{
    size_t *seen = ctx;
    char want[TEXT];
    for (size_t i = 0; i < MEMBERS; i++) {
        if (text_equals(member(i, want), text)) {
            seen[i]++;
            return;
        }
    }
    fail_msg("a member that nobody added: %.*s", (int)text.len, text.data);
}

static void check_set(const struct set *set, const bool *in)
{
    size_t seen[MEMBERS] = { 0 }, count = 0, walked[MEMBERS] = { 0 };
    char text[TEXT];
    uint64_t cursor = 0;
    do {
        cursor = set_scan(set, cursor, count_member, seen);
    } while (cursor);
    struct set_iter it = { 0 };
    struct kith_str got;
    while (set_next(set, &it, &got)) count_member(walked, got);
    for (size_t i = 0; i < MEMBERS; i++) {
        assert_int_equal(set_has(set, member(i, text)), in[i]);
        assert_int_equal(seen[i], in[i]);
        assert_int_equal(walked[i], in[i]);
        count += in[i];
    }
    assert_int_equal(set_count(set), count);
}

static void test_set(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct fixture f = start(seed);
        struct set *set = set_new(&f.heap);
        bool in[MEMBERS] = { false };
        const size_t span = seed % 4 == 0 ? MEMBERS : (size_t)seed * 9;
        for (int i = 0; i < STEPS / 6; i++) {
            char text[TEXT];
            size_t number = (size_t)rng_below(&f.rng, span);
            if (seed % 3 == 0) number -= number % 8 ? number % 8 : 0; /* integers only */
            bool added = false;
            if (rng_below(&f.rng, 3) > 0) {
                assert_int_equal(set_add(set, &f.settings, member(number, text), &added), 0);
                assert_int_equal(added, !in[number]);
                in[number] = true;
            } else {
                assert_int_equal(set_remove(set, member(number, text)), in[number]);
                in[number] = false;
            }
            if (i % 16 == 0) check_set(set, in);
        }
        if (set_count(set) > 0) {
            struct set *copy = round_trip(&f, &set_ops, set);
            check_set(copy, in);
            set_free(copy);
        }
        set_free(set);
        assert_int_equal(heap_used(&f.heap), 0);
    }
}

/* ---- sorted sets ---- */

struct scored {
    struct kith_str name;
    double score;
    size_t number;
    char text[TEXT];
};

static int scored_order(const void *left, const void *right)
{
    const struct scored *a = left, *b = right;
    if (a->score != b->score) return a->score < b->score ? -1 : 1;
    return text_compare(a->name, b->name);
}

static void check_bounds(const struct zset *zset, const struct scored *sorted, size_t count,
                         double score)
{
    size_t less = 0, upto = 0;
    for (size_t i = 0; i < count; i++) {
        less += sorted[i].score < score;
        upto += sorted[i].score <= score;
    }
    assert_int_equal(zset_below_score(zset, score, false), less);
    assert_int_equal(zset_below_score(zset, score, true), upto);
}

static void check_zset(const struct zset *zset, const double *scores, const bool *in)
{
    static struct scored sorted[MEMBERS];
    size_t count = 0;
    for (size_t i = 0; i < MEMBERS; i++) {
        if (!in[i]) continue;
        sorted[count] = (struct scored){ .score = scores[i], .number = i };
        count++;
    }
    for (size_t i = 0; i < count; i++) sorted[i].name = member(sorted[i].number, sorted[i].text);
    qsort(sorted, count, sizeof sorted[0], scored_order);
    for (size_t i = 0; i < count; i++) sorted[i].name = member(sorted[i].number, sorted[i].text);
    assert_int_equal(zset_count(zset), count);
    struct zset_walk up, down;
    struct zset_member got;
    zset_walk_from(&up, zset, 0, false);
    zset_walk_from(&down, zset, count - 1, true);
    for (size_t i = 0; i < count; i++) {
        uint64_t rank = UINT64_MAX;
        double score = -1;
        assert_true(zset_walk_next(&up, &got));
        same_text(got.name, sorted[i].name);
        assert_true(got.score == sorted[i].score);
        assert_true(zset_walk_next(&down, &got));
        same_text(got.name, sorted[count - 1 - i].name);
        assert_true(zset_rank(zset, sorted[i].name, &rank, &score));
        assert_int_equal(rank, i);
        assert_true(score == sorted[i].score);
    }
    assert_false(zset_walk_next(&up, &got));
    for (double score = -2; score < 12; score += 1.5) check_bounds(zset, sorted, count, score);
    if (zset->form == ZSET_TABLE) assert_true(order_is_valid(&zset->table->order));
}

static void test_zset(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct fixture f = start(seed);
        struct zset *zset = zset_new(&f.heap);
        bool in[MEMBERS] = { false };
        double scores[MEMBERS] = { 0 };
        const size_t span = seed % 2 ? 18 : MEMBERS;
        for (int i = 0; i < STEPS / 3; i++) {
            char text[TEXT];
            const size_t number = (size_t)rng_below(&f.rng, span);
            const struct kith_str name = member(number, text);
            if (rng_below(&f.rng, 3) > 0) {
                double score = (double)rng_below(&f.rng, 10);
                if (rng_below(&f.rng, 3) == 0) score += 0.25;
                assert_int_equal(zset_put(zset, &f.settings, name, score), 0);
                in[number] = true;
                scores[number] = score;
            } else {
                assert_int_equal(zset_remove(zset, name), in[number]);
                in[number] = false;
            }
            if (i % 16 == 0) check_zset(zset, scores, in);
        }
        if (zset_count(zset) > 0) {
            struct zset *copy = round_trip(&f, &zset_ops, zset);
            check_zset(copy, scores, in);
            zset_free(copy);
        }
        while (zset_count(zset) > 0) zset_cut(zset, zset_count(zset) / 2, 3);
        zset_free(zset);
        assert_int_equal(heap_used(&f.heap), 0);
    }
}

/* ---- a large order: several levels, all ways of splitting and merging ---- */

static int compare_numbers(const void *a, const void *b)
{
    return (uintptr_t)a < (uintptr_t)b ? -1 : (uintptr_t)a > (uintptr_t)b;
}

static bool below_limit(const void *ctx, const struct order_key *key)
{
    return key->score < *(const double *)ctx;
}

static void test_order(void **state)
{
    (void)state;
    enum { CELLS = 20000 };
    static char cells[CELLS];
    static double scores[CELLS];
    static bool in[CELLS];
    struct fixture f = start(99);
    struct order order;
    order_init(&order, &f.heap, compare_numbers);
    for (size_t i = 0; i < CELLS; i++) { /* ascending: leaves are filled well */
        scores[i] = (double)(i / 3);
        assert_int_equal(order_add(&order, scores[i], &cells[i]), 0);
        in[i] = true;
    }
    assert_true(order_is_valid(&order));
    assert_true(order_bytes(&order) < CELLS * 22);
    for (int i = 0; i < 200000; i++) {
        const size_t at = (size_t)rng_below(&f.rng, CELLS);
        const bool remove = in[at] && (i / 50000) % 2 == 0;
        if (remove) {
            order_remove(&order, scores[at], &cells[at]);
            in[at] = false;
        } else if (!in[at] && (i / 50000) % 2 == 1) {
            scores[at] = (double)rng_below(&f.rng, 5000);
            assert_int_equal(order_add(&order, scores[at], &cells[at]), 0);
            in[at] = true;
        }
        if (i % 20000 == 0) assert_true(order_is_valid(&order));
    }
    assert_true(order_is_valid(&order));
    for (size_t i = 0; i < CELLS; i += 7) {
        if (!in[i]) continue;
        const uint64_t rank = order_rank(&order, scores[i], &cells[i]);
        assert_ptr_equal(order_key(order_at(&order, rank))->cell, &cells[i]);
        assert_true(order_count_while(&order, below_limit, &scores[i]) <= rank);
    }
    for (size_t i = 0; i < CELLS; i++) {
        if (in[i]) order_remove(&order, scores[i], &cells[i]);
    }
    assert_int_equal(order.count, 0);
    assert_int_equal(heap_used(&f.heap), 0);
}

/* ---- hashes ---- */

struct field_model {
    bool in;
    size_t value;
    int64_t deadline;
};

static void check_hash(const struct hash *hash, const struct field_model *fields)
{
    size_t count = 0, walked = 0;
    int64_t next = CACHE_NO_DEADLINE;
    for (size_t i = 0; i < MEMBERS; i++) {
        char name[TEXT], value[TEXT];
        struct hash_field field;
        assert_int_equal(hash_get(hash, member(i, name), &field), fields[i].in);
        if (!fields[i].in) continue;
        count++;
        same_text(field.value, member(fields[i].value, value));
        assert_int_equal(field.deadline, fields[i].deadline);
        if (field.deadline < next) next = field.deadline;
    }
    struct hash_iter it = { 0 };
    struct hash_field field;
    while (hash_next(hash, &it, &field)) walked++;
    assert_int_equal(hash_count(hash), count);
    assert_int_equal(walked, count);
    assert_true(hash_next_deadline(hash) <= next);
    if (hash->form == HASH_TABLE) assert_int_equal(hash_next_deadline(hash), next);
}

static void change_hash(struct fixture *f, struct hash *hash, struct field_model *fields,
                        size_t span, bool timed)
{
    char name[TEXT], text[TEXT];
    struct field_model *field = &fields[rng_below(&f->rng, span)];
    const struct kith_str key = member((size_t)(field - fields), name);
    const size_t value = (size_t)rng_below(&f->rng, 60), choice = (size_t)rng_below(&f->rng, 8);
    const int64_t when = timed && choice % 2 ? 1 + (int64_t)rng_below(&f->rng, 1000)
                                             : CACHE_NO_DEADLINE;
    if (choice < 4) {
        bool added;
        const bool keep = choice == 2;
        assert_int_equal(hash_set(hash, &f->settings, key, member(value, text),
                                  keep ? CACHE_KEEP_DEADLINE : when, &added), 0);
        assert_int_equal(added, !field->in);
        if (!keep || added) field->deadline = keep ? CACHE_NO_DEADLINE : when;
        field->in = true;
        field->value = value;
    } else if (choice < 6 && field->in) {
        assert_int_equal(hash_set_deadline(hash, key, when), 0);
        field->deadline = when;
    } else {
        assert_int_equal(hash_remove(hash, key), field->in);
        field->in = false;
    }
}

static void test_hash(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct fixture f = start(seed);
        struct hash *hash = hash_new(&f.heap);
        struct field_model fields[MEMBERS] = { { 0 } };
        const size_t span = seed % 2 ? 15 : MEMBERS;
        for (int i = 0; i < STEPS / 2; i++) {
            change_hash(&f, hash, fields, span, seed > 2);
            if (i % 500 == 499) {
                const int64_t now = (int64_t)rng_below(&f.rng, 400);
                size_t due = 0;
                for (size_t j = 0; j < MEMBERS; j++) {
                    if (!fields[j].in || fields[j].deadline > now) continue;
                    fields[j].in = false;
                    due++;
                }
                assert_int_equal(hash_expire(hash, now, SIZE_MAX, NULL, NULL), due);
            }
            if (i % 16 == 0) check_hash(hash, fields);
        }
        if (hash_count(hash) > 0) {
            struct hash *copy = round_trip(&f, &hash_ops, hash);
            check_hash(copy, fields);
            hash_free(copy);
        }
        hash_free(hash);
        assert_int_equal(heap_used(&f.heap), 0);
    }
}

/* ---- limits ---- */

static void test_limits(void **state)
{
    (void)state;
    struct fixture f = start(5);
    struct set *ints = set_new(&f.heap), *set = set_new(&f.heap);
    struct zset *zset = zset_new(&f.heap);
    struct hash *hash = hash_new(&f.heap);
    char text[TEXT];
    bool added;
    for (size_t i = 0; i <= 30; i++) {
        const struct kith_str number = owned(text, (size_t)snprintf(text, TEXT, "%zu", i));
        assert_int_equal(set_add(ints, &f.settings, number, &added), 0);
        assert_int_equal(ints->form, i < 30 ? SET_INTS : SET_DICT);
        const struct kith_str name = owned(text, (size_t)snprintf(text, TEXT, "m%zu", i));
        assert_int_equal(set_add(set, &f.settings, name, &added), 0);
        assert_int_equal(set->form, i < 20 ? SET_PACK : SET_DICT);
        assert_int_equal(zset_put(zset, &f.settings, name, 1), 0);
        assert_int_equal(zset->form, i < 20 ? ZSET_PACK : ZSET_TABLE);
        assert_int_equal(hash_set(hash, &f.settings, name, name, CACHE_NO_DEADLINE, NULL), 0);
        assert_int_equal(hash->form, i < 20 ? HASH_PACK : HASH_TABLE);
    }
    set_free(ints);
    set_free(set);
    zset_free(zset);
    hash_free(hash);
    for (size_t len = 64; len <= 65; len++) { /* of one text */
        memset(text, 'x', len);
        set = set_new(&f.heap);
        zset = zset_new(&f.heap);
        hash = hash_new(&f.heap);
        assert_int_equal(set_add(set, &f.settings, owned(text, len), &added), 0);
        assert_int_equal(set->form, len == 64 ? SET_PACK : SET_DICT);
        assert_int_equal(zset_put(zset, &f.settings, owned(text, len), 1), 0);
        assert_int_equal(zset->form, len == 64 ? ZSET_PACK : ZSET_TABLE);
        assert_int_equal(
            hash_set(hash, &f.settings, str("a"), owned(text, len), CACHE_NO_DEADLINE, NULL), 0);
        assert_int_equal(hash->form, len == 64 ? HASH_PACK : HASH_TABLE);
        set_free(set);
        zset_free(zset);
        hash_free(hash);
    }
    struct list *list = list_new(&f.heap);
    for (size_t i = 0; i <= 7; i++) {
        assert_int_equal(list_push(list, &f.settings, true, str("x")), 0);
        assert_int_equal(list->quick, i == 7);
    }
    list_cut(list, 3, 100);
    list_settle(list, &f.settings);
    assert_false(list->quick);
    list_free(list);
    assert_int_equal(heap_used(&f.heap), 0);
}

/* ---- without memory ---- */

/* All four, with conversions; 0 when nothing failed. */
static int build_all(struct fixture *f)
{
    struct list *list = list_new(&f->heap);
    struct set *set = set_new(&f->heap);
    struct zset *zset = zset_new(&f->heap);
    struct hash *hash = hash_new(&f->heap);
    int rc = list && set && zset && hash ? 0 : KITH_ENOMEM;
    for (size_t i = 0; i < 90 && rc == 0; i++) {
        char text[TEXT];
        bool added;
        const struct kith_str name = member(i, text);
        rc = list_push(list, &f->settings, i % 2, name);
        if (rc == 0 && i == 40) {
            rc = list_insert(list, &f->settings, list_place(list, 20), true, name);
        }
        if (rc == 0) rc = set_add(set, &f->settings, name, &added);
        if (rc == 0) rc = zset_put(zset, &f->settings, name, (double)(i % 7) + 0.5);
        if (rc == 0) rc = hash_set(hash, &f->settings, name, name, (int64_t)i + 1, &added);
        if (rc == 0 && i % 3 == 0) rc = hash_set_deadline(hash, name, 5000 - (int64_t)i);
        assert_true(rc == 0 || rc == KITH_ENOMEM);
    }
    if (zset && zset->form == ZSET_TABLE) {
        assert_true(order_is_valid(&zset->table->order));
        assert_int_equal(zset->table->order.count, zset_count(zset));
    }
    list_free(list);
    set_free(set);
    zset_free(zset);
    hash_free(hash);
    return rc;
}

static void test_no_memory(void **state)
{
    (void)state;
    struct fixture f = start(7);
    int rc = KITH_ENOMEM;
    for (uint64_t nth = 1; rc != 0; nth++) {
        alloc_fault_arm(nth, false);
        rc = build_all(&f);
        alloc_fault_disarm();
        assert_int_equal(heap_used(&f.heap), 0);
        assert_true(nth < 5000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list),   cmocka_unit_test(test_set),
        cmocka_unit_test(test_zset),   cmocka_unit_test(test_order),
        cmocka_unit_test(test_hash),   cmocka_unit_test(test_limits),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
