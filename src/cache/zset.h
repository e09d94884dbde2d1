/*
 * A sorted set: members with scores, ordered by score and then bytewise. Small ones are a pack of
 * (member, score) in order; large ones a hash table of cells, and an order (order.h) of the same
 * cells. Forms never go back. OBJECT ENCODING says listpack and skiplist.
 *
 * Ranks count from 0 at the lowest score. A score is never NaN and never -0.
 */
#ifndef KITH_CACHE_ZSET_H
#define KITH_CACHE_ZSET_H

#include "cache/cache.h"
#include "cache/dict.h"
#include "cache/order.h"
#include "cache/pack.h"

enum zset_form { ZSET_PACK, ZSET_TABLE };

struct zset_table {
    struct dict dict;
    struct order order;
};

struct zset {
    struct heap *heap; /* borrows */
    enum zset_form form;
    union { /* owns */
        struct pack *pack;
        struct zset_table *table;
    };
};

extern const struct value_ops zset_ops;

struct zset_member { /* borrows from the set, or from its own scratch */
    struct kith_str name;
    double score;
    struct pack_item scratch;
};

KITH_NODISCARD struct zset *zset_new(struct heap *heap); /* NULL: no memory */
void zset_free(struct zset *zset);
uint64_t zset_count(const struct zset *zset);
bool zset_score(const struct zset *zset, struct kith_str name, double *score);
/* Adds it, or moves it to another score. KITH_ENOMEM: it is as it was. */
KITH_NODISCARD int zset_put(struct zset *zset, const struct cache_settings *settings,
                            struct kith_str name, double score);
bool zset_remove(struct zset *zset, struct kith_str name);
/* Removes those of ranks first ... first + count - 1. */
void zset_cut(struct zset *zset, uint64_t first, uint64_t count);
bool zset_rank(const struct zset *zset, struct kith_str name, uint64_t *rank, double *score);

/* A bound of a range, and how many members lie below it: the rank of the first that does not. With
 * `past`, members equal to the bound lie below it too. By text, all scores are taken as equal. */
uint64_t zset_below_score(const struct zset *zset, double score, bool past);
uint64_t zset_below_text(const struct zset *zset, struct kith_str text, bool past);

struct zset_walk { /* good while the set does not change */
    const struct zset *zset;
    bool backwards;
    bool over;
    uint32_t at; /* in the pack */
    struct order_place place;
};
/* From a rank on, forwards or backwards. rank >= count: nothing comes. */
void zset_walk_from(struct zset_walk *walk, const struct zset *zset, uint64_t rank,
                    bool backwards);
bool zset_walk_next(struct zset_walk *walk, struct zset_member *out);

/* Drawn uniformly; the set is not empty. */
void zset_random(const struct zset *zset, struct rng *rng, struct zset_member *out);
/* As dict_scan; a pack comes whole, with cursor 0. fn may not write. */
uint64_t zset_scan(const struct zset *zset, uint64_t cursor,
                   void (*fn)(void *ctx, const struct zset_member *member), void *ctx);

#endif
