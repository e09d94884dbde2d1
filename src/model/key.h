/*
 * A primary key as a value: int64 or bytes. Borrowed, never owned.
 */
#ifndef KITH_MODEL_KEY_H
#define KITH_MODEL_KEY_H

#include <kith/kith.h>

#include "base/checksum.h"

struct key {
    bool text;
    int64_t i;
    struct kith_str s;
};

static inline struct key key_int(int64_t i) { return (struct key){ .i = i }; }
static inline struct key key_text(struct kith_str s) { return (struct key){.text = true, .s = s}; }
uint64_t key_hash(struct key key); /* the same everywhere: it chooses partitions */
/* For tables in memory: with map_seed(), nobody can choose keys that meet. */
uint64_t key_hash_seeded(struct key key, uint64_t seed);
bool key_equal(struct key a, struct key b);
int key_compare(struct key a, struct key b); /* ascending: integers by value, text by bytes */
/* The key in row `row` of a normalised primary column. */
struct key key_of_column(const struct kith_column *column, size_t row);

#endif
