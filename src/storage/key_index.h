/*
 * The key index of a sealed segment: two arrays, keys ascending and the row of each. A key is an
 * int64 in an order-preserving u64, or the hash of a text; equal keys have their newest row first.
 * Searched in place by bisection: log2(rows) probes, each verified at first touch.
 */
#ifndef KITH_STORAGE_KEY_INDEX_H
#define KITH_STORAGE_KEY_INDEX_H

#include "base/pages.h"
#include "model/key.h"

uint64_t key_index_value(struct key key);
/* Sorts n keys that come in row order 0..n-1 and makes their rows. LSD radix: O(n), 12 bytes of
 * scratch a key. */
KITH_NODISCARD int key_index_sort(uint64_t *keys, uint32_t *rows, size_t n);
/* fn for each row with this value, newest first; stops when it is not 0. KITH_ECORRUPT. */
KITH_NODISCARD int key_index_find(const struct section *keys, const struct section *rows, size_t n,
                                  uint64_t value, int (*fn)(void *ctx, uint32_t row), void *ctx);

#endif
