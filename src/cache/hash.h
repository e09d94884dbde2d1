/*
 * A hash: fields with values, and a deadline on some of the fields. Small ones are a pack of
 * (field, value) or, once a field had a deadline, of (field, value, deadline); large ones a hash
 * table of cells and an order of those that have a deadline. Forms never go back. OBJECT ENCODING
 * says listpack, listpackex, hashtable.
 *
 * Nothing here looks at a clock: a field whose deadline has come is there until hash_expire. The
 * keyspace calls that before anybody sees the hash.
 */
#ifndef KITH_CACHE_HASH_H
#define KITH_CACHE_HASH_H

#include "cache/cache.h"
#include "cache/dict.h"
#include "cache/order.h"
#include "cache/pack.h"

enum hash_form { HASH_PACK, HASH_TIMED_PACK, HASH_TABLE };

struct hash_table {
    struct dict dict;
    struct order deadlines; /* of the cells that have one */
};

struct hash {
    struct heap *heap; /* borrows */
    enum hash_form form;
    union { /* owns */
        struct pack *pack;
        struct hash_table *table;
    };
    int64_t next; /* HASH_TIMED_PACK: no deadline is before this */
};

extern const struct value_ops hash_ops;

struct hash_field { /* borrows from the hash, or from its own scratch */
    struct kith_str name, value;
    int64_t deadline; /* Unix ms; CACHE_NO_DEADLINE */
    struct pack_item name_scratch, value_scratch;
};

KITH_NODISCARD struct hash *hash_new(struct heap *heap); /* NULL: no memory */
void hash_free(struct hash *hash);
uint64_t hash_count(const struct hash *hash);
bool hash_get(const struct hash *hash, struct kith_str name, struct hash_field *out);
/* deadline: Unix ms, CACHE_NO_DEADLINE or CACHE_KEEP_DEADLINE. name and value do not lie in the
 * hash. KITH_ENOMEM: the field is as it was. added: nullable. */
KITH_NODISCARD int hash_set(struct hash *hash, const struct cache_settings *settings,
                            struct kith_str name, struct kith_str value, int64_t deadline,
                            bool *added);
/* The field is there. deadline: Unix ms or CACHE_NO_DEADLINE. */
KITH_NODISCARD int hash_set_deadline(struct hash *hash, struct kith_str name, int64_t deadline);
bool hash_remove(struct hash *hash, struct kith_str name);

/* No field has an earlier deadline; CACHE_NO_DEADLINE: none has one. O(1) */
int64_t hash_next_deadline(const struct hash *hash);
/* Removes at most max fields whose deadline is not after now; each is told first (gone: nullable).
 * Returns how many. */
size_t hash_expire(struct hash *hash, int64_t now_ms, size_t max,
                   void (*gone)(void *ctx, struct kith_str name), void *ctx);

struct hash_iter { /* zeroed at first; good while the hash does not change */
    uint32_t at;
    bool begun;
    struct dict_iter dict;
};
bool hash_next(const struct hash *hash, struct hash_iter *it, struct hash_field *out);
/* Drawn uniformly; the hash is not empty. */
void hash_random(const struct hash *hash, struct rng *rng, struct hash_field *out);
/* As dict_scan; the small forms come whole, with cursor 0. fn may not write. */
uint64_t hash_scan(const struct hash *hash, uint64_t cursor,
                   void (*fn)(void *ctx, const struct hash_field *field), void *ctx);

#endif
