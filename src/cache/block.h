/*
 * Memory of 4 to 128 KiB a piece, for long strings and packs. The allocator of the system cuts the
 * place of a large string that has gone into small ones, and the next large one finds none: values
 * of all sizes that came and went for 20 s made a process of 1.3 times what was counted. Here a
 * place is used again by its own size only.
 *
 * Sizes are 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, ... KiB: a fifth is wasted at most and a tenth on
 * average, which is counted. Spans of 256 KiB hold pieces of one size; one without any goes back to
 * the system, and so do the pages of a piece while other free ones hold much. All spans lie in one
 * range of addresses that is reserved at the first call and costs nothing, so an address says
 * whether it is one of ours.
 *
 * Threading: any thread; a lock that is held for some instructions.
 */
#ifndef KITH_CACHE_BLOCK_H
#define KITH_CACHE_BLOCK_H

#include <stdbool.h>
#include <stddef.h>

#define BLOCK_BYTES_MIN ((size_t)4 << 10)
#define BLOCK_BYTES_MAX ((size_t)128 << 10)

/* NULL: no such size, no room, no addresses; ask the system then. */
void *block_alloc(size_t size);
bool block_is_one(const void *ptr);
size_t block_size(const void *ptr); /* of one that was given: as much may be used */
void block_free(void *ptr);
size_t block_given(void); /* bytes of all that are given */

#endif
