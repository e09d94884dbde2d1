/*
 * Values of the cache are never trusted when they come from bytes (a snapshot, a log, RESTORE):
 * input is a type (first byte, modulo the types) and what its decode reads. What it accepts is
 * walked, changed, written and read again: the second reading must succeed and end at the last
 * byte.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cache/hash.h"
#include "cache/list.h"
#include "cache/set.h"
#include "cache/zset.h"
#include "fuzz.h"

static struct cache_settings settings = {
    .pack_entries_hash = 32, .pack_value_hash = 64, .pack_entries_set = 32, .pack_value_set = 64,
    .pack_entries_zset = 32, .pack_value_zset = 64, .intset_entries = 64, .list_pack_size = -2,
};
static struct heap heap;
static volatile size_t sink; /* so that reads are not left out */

static void see(struct kith_str text)
{
    for (size_t i = 0; i < text.len; i++) sink += (unsigned char)text.data[i];
}

static void check(int ok)
{
    if (!ok) abort();
}

static void use_list(struct list *list)
{
    struct pack_item scratch;
    struct list_place place = list_place(list, 0);
    for (uint64_t left = list_count(list); left > 0; left--) {
        see(list_text(list, place, &scratch));
        if (left > 1) list_forward(list, &place);
    }
    const uint64_t middle = list_count(list) / 2;
    check(list_set(list, &settings, middle, (struct kith_str){ "changed", 7 }) == 0);
    check(list_push(list, &settings, false, (struct kith_str){ "12", 2 }) == 0);
    list_cut(list, middle / 2, 1);
}

static void use_set(struct set *set)
{
    struct set_iter it = { 0 };
    struct kith_str member;
    uint64_t walked = 0;
    bool added;
    for (; set_next(set, &it, &member); walked++) {
        see(member);
        check(set_has(set, member));
    }
    check(walked == set_count(set));
    check(set_add(set, &settings, (struct kith_str){ "new", 3 }, &added) == 0);
    check(set_has(set, (struct kith_str){ "new", 3 }));
}

static void use_zset(struct zset *zset)
{
    struct zset_walk walk;
    struct zset_member member;
    uint64_t walked = 0;
    double last = -1.0 / 0.0;
    zset_walk_from(&walk, zset, 0, false);
    for (; zset_walk_next(&walk, &member); walked++) {
        uint64_t rank;
        double score;
        see(member.name);
        check(member.score >= last);
        last = member.score;
        check(zset_rank(zset, member.name, &rank, &score) && rank == walked);
    }
    check(walked == zset_count(zset));
    check(zset_put(zset, &settings, (struct kith_str){ "new", 3 }, 1.5) == 0);
    zset_cut(zset, 0, 1);
}

static void use_hash(struct hash *hash)
{
    struct hash_iter it = { 0 };
    struct hash_field field, again;
    uint64_t walked = 0;
    for (; hash_next(hash, &it, &field); walked++) {
        see(field.name);
        see(field.value);
        check(hash_get(hash, field.name, &again));
    }
    check(walked == hash_count(hash));
    check(hash_set(hash, &settings, (struct kith_str){ "new", 3 }, (struct kith_str){ "v", 1 }, 99,
                   NULL) == 0);
    (void)hash_expire(hash, 98, 5, NULL, NULL);
    check(hash_next_deadline(hash) <= 99);
}

static void use(enum value_type type, void *value)
{
    if (type == VALUE_LIST) use_list(value);
    else if (type == VALUE_SET) use_set(value);
    else if (type == VALUE_ZSET) use_zset(value);
    else use_hash(value);
}

static bool is_empty(enum value_type type, const void *value)
{
    if (type == VALUE_LIST) return list_count(value) == 0;
    return type == VALUE_ZSET && zset_count(value) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct value_ops *const types[] = { &list_ops, &set_ops, &zset_ops, &hash_ops };
    struct cursor in;
    void *value = NULL, *again = NULL;
    if (size == 0) return 0;
    const enum value_type type = (enum value_type)(VALUE_LIST + data[0] % 4);
    const struct value_ops *ops = types[data[0] % 4];
    cursor_init(&in, data + 1, size - 1);
    if (ops->decode(&heap, &settings, &in, &value) != 0) {
        check(heap_used(&heap) == 0);
        return 0;
    }
    use(type, value);
    if (!is_empty(type, value)) {
        struct buffer bytes;
        buffer_init(&bytes);
        ops->encode(value, &bytes);
        cursor_init(&in, bytes.data, bytes.len);
        check(ops->decode(&heap, &settings, &in, &again) == 0 && cursor_left(&in) == 0);
        buffer_release(&bytes);
        ops->free(again);
    }
    ops->free(value);
    check(heap_used(&heap) == 0);
    return 0;
}
