/*
 * A pack: a sequence of short strings and integers in one allocation, readable from both ends.
 * Small lists, sets, hashes and sorted sets are one pack; a long list is a row of them.
 *
 *     OFFSET SIZE    MEANING (of one element)
 *     0      1       head: 0x00-0x7f the integer itself; 0x80-0xbf a string of (head & 63) bytes;
 *                    0xc1-0xc8 an integer of 1 to 8 bytes, little-endian; 0xd0-0xdf a string of
 *                    ((head & 15) << 8 | next byte) bytes; 0xe0 a string whose length is the next
 *                    u32; 0xf0 a double; 0xf1 a double that is exact as a float of 4 bytes
 *     ...    n       the bytes that the head announces
 *     ...    1 to 5  size of head and bytes in groups of 7 bits, most significant first seen from
 *                    the right: read backwards, a byte with its top bit set has more to its left
 *
 * The text of a canonical integer is always stored as an integer in its shortest form, so equal
 * texts have equal bytes and a search is a memcmp an element.
 *
 * Free room may be in front of the elements as well as behind them: a queue that is pushed at one
 * end and popped at the other moves nothing. A place is an offset; every change makes all places
 * void except the one it returns. Functions that add may move the pack.
 */
#ifndef KITH_CACHE_PACK_H
#define KITH_CACHE_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kith/types.h>

#include "base/buffer.h"
#include "cache/heap.h"

#define PACK_BYTES_MAX 0xf0000000u /* of all elements together */
#define PACK_TEXT_MAX 24u          /* room for an int64 or a double in digits */

struct pack {
    uint32_t cap;   /* bytes in data */
    uint32_t start; /* of the first element */
    uint32_t end;   /* behind the last */
    uint32_t count;
    uint8_t data[];
};

enum pack_kind { PACK_STRING, PACK_INTEGER, PACK_REAL };

struct pack_item { /* one element, or one to be */
    enum pack_kind kind;
    struct kith_str text; /* PACK_STRING: borrows */
    int64_t integer;
    double real;
    char scratch[PACK_TEXT_MAX];
};

/* text as it would be stored: an integer if it is the canonical text of one. */
struct pack_item pack_item_of(struct kith_str text);
struct pack_item pack_item_integer(int64_t value);
struct pack_item pack_item_real(double value); /* an integer where that says the same */
/* The bytes of an element; digits are printed into its scratch. Not for PACK_REAL. */
struct kith_str pack_item_text(struct pack_item *item);
double pack_item_number(const struct pack_item *item); /* of an integer or a real; else 0 */
size_t pack_item_bytes(const struct pack_item *item);  /* what it takes in a pack */
/* The canonical text of an int64. */
bool pack_canonical(struct kith_str text, int64_t *out);

KITH_NODISCARD struct pack *pack_new(struct heap *heap, size_t bytes); /* NULL: no memory */
static inline size_t pack_bytes(const struct pack *pack) { return pack->end - pack->start; }

/* ---- walking; a place equal to pack->end is behind the last element ---- */

static inline uint32_t pack_first(const struct pack *pack) { return pack->start; }
uint32_t pack_next(const struct pack *pack, uint32_t at);
uint32_t pack_previous(const struct pack *pack, uint32_t at); /* at > start; at may be end */
uint32_t pack_at(const struct pack *pack, uint32_t index);    /* index <= count */
void pack_get(const struct pack *pack, uint32_t at, struct pack_item *out);
/* pack_get and pack_item_text in one */
struct kith_str pack_text(const struct pack *pack, uint32_t at, struct pack_item *out);
/* The first element at `at`, at + stride elements, ... that equals item; pack->end: none. */
uint32_t pack_find(const struct pack *pack, uint32_t at, unsigned stride,
                   const struct pack_item *item);
bool pack_equals(const struct pack *pack, uint32_t at, const struct pack_item *item);

/* ---- changing ---- */

/* Puts items in front of `at`, the first of them first. *at becomes the place of the first new one.
 * KITH_ENOMEM changes nothing. */
KITH_NODISCARD int pack_insert(struct heap *heap, struct pack **pack, uint32_t *at,
                               const struct pack_item *items, size_t count);
KITH_NODISCARD int pack_append(struct heap *heap, struct pack **pack, const struct pack_item *items,
                               size_t count);
/* Puts item in place of the element at *at. */
KITH_NODISCARD int pack_replace(struct heap *heap, struct pack **pack, uint32_t *at,
                                const struct pack_item *item);
/* Removes `count` elements from *at on; *at becomes the place behind them. Never fails. */
void pack_remove(struct pack *pack, uint32_t *at, uint32_t count);
/* Gives back what is free. May leave it as it is. */
void pack_shrink(struct heap *heap, struct pack **pack);
/* The elements from `at` on move to a new pack; NULL: no memory, nothing changed. */
KITH_NODISCARD struct pack *pack_split(struct heap *heap, struct pack *pack, uint32_t at);
/* Elements of `from` are added behind those of *into. `from` stays. */
KITH_NODISCARD int pack_join(struct heap *heap, struct pack **into, const struct pack *from);

/* ---- bytes ---- */

/* varint count, varint length, the elements */
void pack_encode(const struct pack *pack, struct buffer *out);
/* Untrusted: every head, length and count is checked, and that integers are stored as such.
 * `reals`: whether doubles may occur. KITH_ECORRUPT, KITH_ENOMEM. */
KITH_NODISCARD int pack_decode(struct heap *heap, struct cursor *in, bool reals, struct pack **out);

#endif
