/*
 * A set, in one of three forms that it takes as it grows: a sorted array of integers, a pack, a
 * hash table of cells (cell.h). Forms never go back. What OBJECT ENCODING says of them: intset,
 * listpack, hashtable.
 */
#ifndef KITH_CACHE_SET_H
#define KITH_CACHE_SET_H

#include "cache/cache.h"
#include "cache/dict.h"
#include "cache/intset.h"
#include "cache/pack.h"

enum set_form { SET_INTS, SET_PACK, SET_DICT };

struct set {
    struct heap *heap; /* borrows */
    enum set_form form;
    union { /* owns */
        struct intset *ints;
        struct pack *pack;
        struct dict *dict;
    };
};

extern const struct value_ops set_ops;

KITH_NODISCARD struct set *set_new(struct heap *heap); /* NULL: no memory */
void set_free(struct set *set);
uint64_t set_count(const struct set *set);
bool set_has(const struct set *set, struct kith_str member);
/* KITH_ENOMEM: the member is not in (the form may have changed). */
KITH_NODISCARD int set_add(struct set *set, const struct cache_settings *settings,
                           struct kith_str member, bool *added);
bool set_remove(struct set *set, struct kith_str member);

struct set_iter { /* zeroed at first; good while the set does not change */
    uint64_t index;
    uint32_t at;
    struct dict_iter dict;
    struct pack_item item;
};
/* false at the end. member is good until the next call. */
bool set_next(const struct set *set, struct set_iter *it, struct kith_str *member);
/* Drawn uniformly; the set is not empty. */
struct kith_str set_random(const struct set *set, struct rng *rng, struct pack_item *scratch);
/* As dict_scan; the small forms come whole, with cursor 0. fn may not write. */
uint64_t set_scan(const struct set *set, uint64_t cursor,
                  void (*fn)(void *ctx, struct kith_str member), void *ctx);

#endif
