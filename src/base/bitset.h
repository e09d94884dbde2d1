/*
 * A dense set of bits in u64 words: the form in which filters are evaluated and walked.
 * (Durable sets of dead rows are Roaring bitmaps; see storage.) Bits past `bits` in the last word
 * are always zero.
 */
#ifndef KITH_BASE_BITSET_H
#define KITH_BASE_BITSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct bitset {
    uint64_t *words; /* owns when made by bitset_init; borrows when placed by bitset_wrap */
    size_t bits;
    bool owned;
};

#define BITSET_WORDS(bits) (((bits) + 63) / 64)

KITH_NODISCARD int bitset_init(struct bitset *set, size_t bits, bool value);
void bitset_wrap(struct bitset *set, uint64_t *words, size_t bits); /* borrows words */
void bitset_release(struct bitset *set);                            /* accepts a zeroed struct */
void bitset_fill(struct bitset *set, bool value);
void bitset_and(struct bitset *set, const struct bitset *other); /* same size */
void bitset_or(struct bitset *set, const struct bitset *other);
void bitset_andnot(struct bitset *set, const struct bitset *other);
void bitset_not(struct bitset *set);
void bitset_clear_first(struct bitset *set, size_t count); /* clears [0, count) */
size_t bitset_count(const struct bitset *set);
size_t bitset_count_range(const struct bitset *set, size_t first, size_t end);
size_t bitset_next(const struct bitset *set, size_t from); /* first set bit >= from, or bits */

static inline bool bitset_get(const struct bitset *set, size_t i)
{
    return (set->words[i >> 6] >> (i & 63)) & 1;
}
static inline void bitset_set(struct bitset *set, size_t i)
{
    set->words[i >> 6] |= 1ull << (i & 63);
}
static inline void bitset_clear(struct bitset *set, size_t i)
{
    set->words[i >> 6] &= ~(1ull << (i & 63));
}

#endif
