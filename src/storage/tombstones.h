/*
 * The dead rows of one segment: a dense bitset ("is it dead?") and a list of (ts, row) in ts order
 * ("since when?"), so that a view older than the newest kills walks back over just those.
 *
 * Threading: one writer at a time (the collection's write lock), any number of readers, no locks.
 * tombstones_kill publishes the list entry before the bit, and readers load bits before the length
 * of the list: whoever sees a row dead also sees since when. Blocks of the list and the bitset
 * never move. Cutting (a failed write) is rare and makes readers try again (a sequence number).
 */
#ifndef KITH_STORAGE_TOMBSTONES_H
#define KITH_STORAGE_TOMBSTONES_H

#include <stdatomic.h>

#include "base/bitset.h"

#define TOMBSTONE_BLOCKS 16u       /* block b has TOMBSTONE_BLOCK_ROWS << b entries */
#define TOMBSTONE_BLOCK_ROWS 1024u /* so there is room for 64 Mi kills */

struct tombstone {
    uint64_t ts;
    uint32_t row;
};

struct tombstones {
    size_t rows;                      /* constant: rows are below it */
    _Atomic(_Atomic uint64_t *) dead; /* owns; NULL until the first kill */
    _Atomic(struct tombstone *) blocks[TOMBSTONE_BLOCKS]; /* owns */
    atomic_size_t count;              /* release: entries below it are written */
    atomic_uint sequence;             /* odd while entries are being taken back */
};

void tombstones_init(struct tombstones *dead, size_t rows);
void tombstones_release(struct tombstones *dead); /* accepts a zeroed struct */
/* Marks the row dead at ts; a no-op when it is dead. A ts below the newest one is put in its
 * place, which is allowed only while there are no readers. KITH_EINVAL: no such row. */
KITH_NODISCARD int tombstones_kill(struct tombstones *dead, size_t row, uint64_t ts);
/* Room for `more` further kills, so that they cannot fail for want of memory. */
KITH_NODISCARD int tombstones_reserve(struct tombstones *dead, size_t more);
/* Takes back all kills with a ts above `ts`. */
void tombstones_cut(struct tombstones *dead, uint64_t ts);
size_t tombstones_count(const struct tombstones *dead);
struct tombstone tombstones_at(const struct tombstones *dead, size_t number); /* number < count */
bool tombstones_is_dead(const struct tombstones *dead, size_t row, uint64_t ts);
/* Sets the bits of rows that are not dead at ts, clears the others; rows->bits <= the segment's. */
void tombstones_subtract(const struct tombstones *dead, uint64_t ts, struct bitset *rows);
uint64_t tombstones_bytes(const struct tombstones *dead);

#endif
