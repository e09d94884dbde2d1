/* Sorted arrays of integers: see intset.h. Bytes of one: varint count, u8 width, the integers. */
#include "cache/intset.h"

#include <string.h>

#include "base/endian.h"

struct intset *intset_new(struct heap *heap)
{
    struct intset *set = heap_alloc(heap, sizeof *set);
    if (set) *set = (struct intset){ .width = 2 };
    return set;
}

static int64_t get(const struct intset *set, uint32_t index, uint32_t width)
{
    const uint8_t *at = set->data + (size_t)index * width;
    if (width == 2) return (int16_t)le16_get(at);
    if (width == 4) return (int32_t)le32_get(at);
    return (int64_t)le64_get(at);
}

static void put(struct intset *set, uint32_t index, int64_t value)
{
    uint8_t *at = set->data + (size_t)index * set->width;
    if (set->width == 2) le16_put(at, (uint16_t)value);
    else if (set->width == 4) le32_put(at, (uint32_t)value);
    else le64_put(at, (uint64_t)value);
}

int64_t intset_at(const struct intset *set, uint32_t index) { return get(set, index, set->width); }

bool intset_find(const struct intset *set, int64_t value, uint32_t *index)
{
    uint32_t low = 0, count = set->count;
    while (count > 0) {
        const uint32_t half = count / 2;
        if (intset_at(set, low + half) < value) {
            low += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    *index = low;
    return low < set->count && intset_at(set, low) == value;
}

static uint32_t width_of(int64_t value)
{
    if (value >= INT16_MIN && value <= INT16_MAX) return 2;
    return value >= INT32_MIN && value <= INT32_MAX ? 4 : 8;
}

/* Room for one more of this width; all are rewritten if it is wider. */
static int make_room(struct heap *heap, struct intset **where, uint32_t width)
{
    struct intset *set = *where;
    if (width < set->width) width = set->width;
    if (set->count < set->cap && width == set->width) return 0;
    if (set->count >= UINT32_MAX / 2) return KITH_ENOMEM;
    const uint32_t cap = set->count < set->cap ? set->cap : set->count + set->count / 4 + 2;
    struct intset *new = heap_realloc(heap, set, sizeof *set + (size_t)cap * width);
    if (!new) return KITH_ENOMEM;
    const uint32_t old = new->width;
    new->cap = cap;
    new->width = width;
    if (old != width) {
        for (uint32_t i = new->count; i-- > 0;) put(new, i, get(new, i, old));
    }
    *where = new;
    return 0;
}

int intset_add(struct heap *heap, struct intset **where, int64_t value, bool *added)
{
    uint32_t index;
    *added = false;
    if (intset_find(*where, value, &index)) return 0;
    const int rc = make_room(heap, where, width_of(value));
    if (rc != 0) return rc;
    struct intset *set = *where;
    uint8_t *at = set->data + (size_t)index * set->width;
    memmove(at + set->width, at, (size_t)(set->count - index) * set->width);
    set->count++;
    put(set, index, value);
    *added = true;
    return 0;
}

bool intset_remove(struct intset *set, int64_t value)
{
    uint32_t index;
    if (!intset_find(set, value, &index)) return false;
    uint8_t *at = set->data + (size_t)index * set->width;
    set->count--;
    memmove(at, at + set->width, (size_t)(set->count - index) * set->width);
    return true;
}

void intset_encode(const struct intset *set, struct buffer *out)
{
    buffer_put_varint(out, set->count);
    buffer_put_u8(out, (uint8_t)set->width);
    buffer_put(out, set->data, (size_t)set->count * set->width);
}

int intset_decode(struct heap *heap, struct cursor *in, struct intset **out)
{
    const uint64_t count = cursor_varint(in);
    const uint8_t width = cursor_u8(in);
    if (cursor_failed(in) || (width != 2 && width != 4 && width != 8)) return KITH_ECORRUPT;
    if (count > cursor_left(in) / width || count > UINT32_MAX / 2) return KITH_ECORRUPT;
    const uint8_t *bytes = cursor_take(in, (size_t)count * width);
    if (!bytes && count > 0) return KITH_ECORRUPT;
    struct intset *set = heap_alloc(heap, sizeof *set + (size_t)count * width);
    if (!set) return KITH_ENOMEM;
    *set = (struct intset){ .count = (uint32_t)count, .cap = (uint32_t)count, .width = width };
    if (count > 0) memcpy(set->data, bytes, (size_t)count * width);
    for (uint32_t i = 1; i < set->count; i++) {
        if (intset_at(set, i - 1) < intset_at(set, i)) continue;
        heap_free(heap, set);
        return KITH_ECORRUPT;
    }
    *out = set;
    return 0;
}
