/*
 * Texts that are kept compressed (RFC 1951), if the settings ask for it and it makes them smaller.
 * Nobody but entry.c and cache_string.c sees that: entry_text() gives the bytes that were set.
 *
 * What is unpacked lies in one of a few rooms, used in turn. They are made large enough when a text
 * is packed, so reading one needs no memory and cannot fail.
 *
 * Guard: the keyspace lock.
 */
#ifndef KITH_CACHE_DEFLATE_H
#define KITH_CACHE_DEFLATE_H

#include <kith/types.h>

#include "cache/heap.h"

#define DEFLATE_TEXT_MAX ((size_t)1 << 20) /* longer texts stay as they are: packing is slow */
#define DEFLATE_ROOMS 4u                   /* so many unpacked texts may be in use at a time */

struct deflater;

struct deflated_text { /* one block of the heap */
    struct deflater *home; /* borrows */
    size_t len, packed_len;
    uint8_t packed[];
};

/* KITH_ENOMEM, KITH_EIO. */
KITH_NODISCARD int deflater_new(struct deflater **out);
void deflater_free(struct deflater *deflater); /* NULL is a no-op */
/* NULL: it would not be smaller, or there is no memory. level: 1 to 9. */
struct deflated_text *deflate_text(struct deflater *deflater, struct heap *heap, int level,
                                   struct kith_str text);
/* Good until DEFLATE_ROOMS more were asked for. */
struct kith_str inflated_text(const struct deflated_text *text);

#endif
