/*
 * Order by keys of 64 bits: what SORT compares becomes a number first, so that a million members
 * are ordered by a few passes over 16 bytes each instead of twenty million comparisons. A radix
 * sort from the last byte on (Seward 1954; Knuth 5.2.5), which leaves out bytes that are the same
 * everywhere; few keys are put in by hand.
 */
#ifndef KITH_REDIS_SORT_PLACES_H
#define KITH_REDIS_SORT_PLACES_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "redis/command.h"

struct sort_place {
    uint64_t key;
    size_t item;
};

/* Ascending by key; equal ones keep their order. spare: as many. Gives how often a place was moved:
 * at most eight times each. */
uint64_t sort_places(struct sort_place *places, struct sort_place *spare, size_t count);
/* Ordered as the numbers are; -0 is 0. */
uint64_t sort_key_of_number(double number);
/* Eight bytes from `from` on: texts that are the same before have keys in order when they are, but
 * different ones may have the same. */
uint64_t sort_key_of_text(struct kith_str text, size_t from);

#endif
