/*
 * A text inside a cell, which is one allocation of a member of a large value: a length and the
 * bytes.
 *
 *     OFFSET SIZE MEANING
 *     0      1    length below 255, or 255: the length is in the next 4 bytes
 *     1      4    u32 length, only then
 *     ...    n    the bytes
 *
 * A cell is memory of our own, never bytes from outside.
 */
#ifndef KITH_CACHE_CELL_H
#define KITH_CACHE_CELL_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <kith/types.h>

#include "base/endian.h"

#define CELL_TEXT_MAX 0xf0000000u

static inline size_t cell_text_size(size_t len) { return len + (len < 255 ? 1 : 5); }

static inline uint8_t *cell_text_put(uint8_t *to, struct kith_str text)
{
    *to++ = (uint8_t)(text.len < 255 ? text.len : 255);
    if (text.len >= 255) {
        le32_put(to, (uint32_t)text.len);
        to += 4;
    }
    if (text.len) memcpy(to, text.data, text.len);
    return to + text.len;
}

static inline struct kith_str cell_text(const uint8_t *from)
{
    if (from[0] < 255) return (struct kith_str){ (const char *)from + 1, from[0] };
    return (struct kith_str){ (const char *)from + 5, le32_get(from + 1) };
}

/* memcmp of the common part, then the shorter first. */
static inline int text_compare(struct kith_str a, struct kith_str b)
{
    const size_t common = a.len < b.len ? a.len : b.len;
    const int order = common ? memcmp(a.data, b.data, common) : 0;
    if (order != 0) return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

static inline int text_equals(struct kith_str a, struct kith_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

#endif
