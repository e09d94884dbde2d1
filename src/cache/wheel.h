/*
 * When keys of one database are due: a wheel of times that holds four bytes a deadline. The essay
 * is in wheel.c.
 */
#ifndef KITH_CACHE_WHEEL_H
#define KITH_CACHE_WHEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "cache/heap.h"

enum { WHEEL_LEVELS = 7, WHEEL_SLOTS = 64, WHEEL_TICK_MS_LOG2 = 4, WHEEL_CHUNK = 125 };

struct wheel_chunk {
    struct wheel_chunk *next; /* owns */
    uint32_t count;
    uint32_t records[WHEEL_CHUNK]; /* top byte: tag; 24 bits of the bucket */
};
_Static_assert(sizeof(struct wheel_chunk) == 512, "a chunk fills its block");

struct wheel_slot {
    struct wheel_chunk *first, *last; /* owns; new records go into the first */
    size_t count;
};

struct wheel {
    struct heap *heap; /* borrows */
    int64_t tick;      /* everything before is done */
    size_t count;      /* records */
    uint64_t occupied[WHEEL_LEVELS];
    struct wheel_slot slots[WHEEL_LEVELS][WHEEL_SLOTS];
    struct wheel_chunk *spare; /* owns; one free chunk */
    /* Of expiry.c, while it looks through all slots: */
    struct wheel_chunk *lifted; /* owns */
    unsigned sift_at;           /* the next slot; past the last: none is under way */
    size_t sift_left;           /* records that the last time left */
};

struct wheel *wheel_new(struct heap *heap, int64_t now_ms); /* NULL: no memory */
void wheel_free(struct wheel *wheel); /* NULL is a no-op */

static inline uint32_t wheel_record(uint64_t hash)
{
    return (uint32_t)(hash >> 56) << 24 | (uint32_t)(hash & 0xffffff);
}
/* `again`: the record was there before; an equal one among the newest of its slot will do. */
KITH_NODISCARD int wheel_file(struct wheel *wheel, int64_t unix_ms, uint32_t record, bool again);
/* When there is work next, Unix ms; INT64_MAX: never. */
int64_t wheel_next(const struct wheel *wheel);

struct wheel_due {
    struct wheel_chunk *chunk; /* NULL: nothing is due; the caller's, until wheel_return */
    int64_t first_ms, last_ms; /* the times its slot stands for */
};
/* Takes a chunk of records whose time has come, or comes within the slot that is now spread over
 * finer ones. The caller looks each record's keys up and files again those that are not due. */
struct wheel_due wheel_take(struct wheel *wheel, int64_t now_ms);
void wheel_return(struct wheel *wheel, struct wheel_chunk *chunk);
/* Takes a whole slot's chunks out ahead of time, to be looked through as above. */
struct wheel_chunk *wheel_lift(struct wheel *wheel, unsigned level, unsigned slot);
/* Up to max records of a slot drawn in proportion to what it holds; others at the next call. */
size_t wheel_sample(struct wheel *wheel, struct rng *rng, uint32_t *out, size_t max);
/* A chunk of the slot of a level that is due first, whenever that is; as wheel_take. NULL: the
 * level is empty. The nearest deadline of all is in the first slot of some level. */
struct wheel_chunk *wheel_soonest(struct wheel *wheel, unsigned level);
/* Records for times up to here are in the first slot of their level. */
int64_t wheel_horizon(const struct wheel *wheel);

#endif
