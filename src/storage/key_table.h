/*
 * Key hash to row, of a growing segment: open addressing, a slot is u32 hash (high) and u32 row + 1
 * (low), 0 when free; load <= 3/4. Several rows may have one hash; the caller compares keys.
 *
 * One writer, readers without a lock: a slot is one atomic word that is written once. Growing
 * copies into a table of twice the size and publishes it; the old ones stay for readers that are
 * inside until release (together less than the newest). A row is put before the segment's row
 * count covers it, so readers leave out rows at or above their count.
 */
#ifndef KITH_STORAGE_KEY_TABLE_H
#define KITH_STORAGE_KEY_TABLE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct key_slots;
struct key_table {
    _Atomic(struct key_slots *) slots; /* owns; newest first */
    size_t count;                      /* the writer's */
};

void key_table_release(struct key_table *table); /* accepts a zeroed struct */
/* Room for `more` rows, so that puts cannot fail. */
KITH_NODISCARD int key_table_reserve(struct key_table *table, size_t more);
void key_table_put(struct key_table *table, uint64_t hash, uint32_t row);
/* fn for each row with this hash, in no order, and possibly twice; stops when it is not 0. */
KITH_NODISCARD int key_table_find(const struct key_table *table, uint64_t hash,
                                  int (*fn)(void *ctx, uint32_t row), void *ctx);

#endif
