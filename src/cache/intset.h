/*
 * A sorted array of integers, all of 2, 4 or 8 bytes: small sets whose members are integers.
 * Finding is a binary search, adding a memmove; the first integer that does not fit widens all.
 */
#ifndef KITH_CACHE_INTSET_H
#define KITH_CACHE_INTSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "cache/heap.h"

struct intset {
    uint32_t count;
    uint32_t cap;   /* elements */
    uint32_t width; /* bytes of one: 2, 4 or 8 */
    uint32_t unused;
    uint8_t data[];
};

KITH_NODISCARD struct intset *intset_new(struct heap *heap); /* NULL: no memory */
int64_t intset_at(const struct intset *set, uint32_t index);
/* *index: where it is, or where it would stand. */
bool intset_find(const struct intset *set, int64_t value, uint32_t *index);
/* *added false: it was there. KITH_ENOMEM changes nothing. */
KITH_NODISCARD int intset_add(struct heap *heap, struct intset **set, int64_t value, bool *added);
bool intset_remove(struct intset *set, int64_t value);
void intset_encode(const struct intset *set, struct buffer *out);
/* Untrusted: KITH_ECORRUPT when not strictly ascending; KITH_ENOMEM. */
KITH_NODISCARD int intset_decode(struct heap *heap, struct cursor *in, struct intset **out);

#endif
