/*
 * The bounds-checked reader over untrusted bytes. Every get either lies wholly inside the bytes or
 * marks the cursor as failed and leaves pos where the failing item starts, so that a parser reads
 * a whole header without looking and asks once, with the offset for its message at hand.
 */
#include "base/buffer.h"

#include "base/endian.h"

#define VARINT_BYTES_MAX 10

static const uint8_t EMPTY[1];

/* data is never NULL afterwards: an empty slice of nothing is not a failure. */
void cursor_init(struct cursor *cur, const void *data, size_t len)
{
    *cur = (struct cursor){.data = data ? data : EMPTY, .len = data ? len : 0};
}

const uint8_t *cursor_take(struct cursor *cur, size_t len)
{
    if (cur->failed || len > cur->len - cur->pos) {
        cur->failed = true;
        return NULL;
    }
    const uint8_t *at = cur->data + cur->pos;
    cur->pos += len;
    return at;
}

uint8_t cursor_u8(struct cursor *cur)
{
    const uint8_t *at = cursor_take(cur, 1);
    return at ? *at : 0;
}

uint16_t cursor_u16(struct cursor *cur)
{
    const uint8_t *at = cursor_take(cur, sizeof(uint16_t));
    return at ? le16_get(at) : 0;
}

uint32_t cursor_u32(struct cursor *cur)
{
    const uint8_t *at = cursor_take(cur, sizeof(uint32_t));
    return at ? le32_get(at) : 0;
}

uint64_t cursor_u64(struct cursor *cur)
{
    const uint8_t *at = cursor_take(cur, sizeof(uint64_t));
    return at ? le64_get(at) : 0;
}

float cursor_f32(struct cursor *cur)
{
    const uint8_t *at = cursor_take(cur, sizeof(float));
    return at ? lef32_get(at) : 0.0f;
}

double cursor_f64(struct cursor *cur)
{
    const uint8_t *at = cursor_take(cur, sizeof(double));
    return at ? lef64_get(at) : 0.0;
}

uint64_t cursor_varint(struct cursor *cur)
{
    if (cur->failed) return 0;
    const uint8_t *at = cur->data + cur->pos;
    size_t left = cursor_left(cur);
    uint64_t v = 0;
    for (size_t i = 0; i < left && i < VARINT_BYTES_MAX; i++) {
        if (i == VARINT_BYTES_MAX - 1 && at[i] > 1) break; /* bit 64 and beyond */
        v |= (uint64_t)(at[i] & 0x7f) << (7 * i);
        if (at[i] < 0x80) {
            cur->pos += i + 1;
            return v;
        }
    }
    cur->failed = true;
    return 0;
}

const uint8_t *cursor_bytes(struct cursor *cur, size_t *len)
{
    size_t start = cur->pos;
    *len = 0;
    uint64_t announced = cursor_varint(cur);
    if (cur->failed) return NULL;
    if (announced > cursor_left(cur)) {
        cur->pos = start;
        cur->failed = true;
        return NULL;
    }
    *len = (size_t)announced;
    return cursor_take(cur, *len);
}
