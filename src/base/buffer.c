/*
 * Growable bytes. Capacity doubles, so that n bytes cost O(n) in all. The failure is sticky: an
 * encoder writes without looking and asks once at the end.
 *
 * A put must not be given bytes of the same buffer: growing may move them.
 */
#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/endian.h"

#define CAP_MIN ((size_t)64)

void buffer_init(struct buffer *buf) { *buf = (struct buffer){0}; }

void buffer_release(struct buffer *buf)
{
    mem_free(buf->data);
    buffer_init(buf);
}

void buffer_clear(struct buffer *buf)
{
    buf->len = 0;
    buf->failed = false;
}

static size_t grown_cap(size_t cap, size_t need)
{
    size_t twice = cap > SIZE_MAX / 2 ? SIZE_MAX : cap * 2;
    if (twice < CAP_MIN) twice = CAP_MIN;
    return need > twice ? need : twice;
}

int buffer_reserve(struct buffer *buf, size_t more)
{
    if (buf->failed) return KITH_ENOMEM;
    if (buf->data && more <= buf->cap - buf->len) return 0;
    size_t need;
    if (size_add(buf->len, more, &need)) {
        size_t cap = grown_cap(buf->cap, need);
        uint8_t *data = mem_realloc(buf->data, cap);
        if (data) {
            buf->data = data;
            buf->cap = cap;
            return 0;
        }
    }
    buf->failed = true;
    return KITH_ENOMEM;
}

void buffer_put(struct buffer *buf, const void *data, size_t len)
{
    if (len == 0) return;
    uint8_t *room = buffer_extend(buf, len);
    if (room) memcpy(room, data, len);
}

void buffer_put_u8(struct buffer *buf, uint8_t v)
{
    uint8_t *room = buffer_extend(buf, 1);
    if (room) *room = v;
}

void buffer_put_u16(struct buffer *buf, uint16_t v)
{
    uint8_t *room = buffer_extend(buf, sizeof v);
    if (room) le16_put(room, v);
}

void buffer_put_u32(struct buffer *buf, uint32_t v)
{
    uint8_t *room = buffer_extend(buf, sizeof v);
    if (room) le32_put(room, v);
}

void buffer_put_u64(struct buffer *buf, uint64_t v)
{
    uint8_t *room = buffer_extend(buf, sizeof v);
    if (room) le64_put(room, v);
}

void buffer_put_f32(struct buffer *buf, float v)
{
    uint8_t *room = buffer_extend(buf, sizeof v);
    if (room) lef32_put(room, v);
}

void buffer_put_f64(struct buffer *buf, double v)
{
    uint8_t *room = buffer_extend(buf, sizeof v);
    if (room) lef64_put(room, v);
}

void buffer_put_varint(struct buffer *buf, uint64_t v)
{
    uint8_t bytes[10];
    size_t len = 0;
    while (v >= 0x80) {
        bytes[len++] = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    bytes[len++] = (uint8_t)v;
    buffer_put(buf, bytes, len);
}

void buffer_put_bytes(struct buffer *buf, const void *data, size_t len)
{
    buffer_put_varint(buf, len);
    buffer_put(buf, data, len);
}

void buffer_put_cstr(struct buffer *buf, const char *text)
{
    buffer_put_bytes(buf, text, strlen(text));
}

/* Room for the text and its NUL is reserved by a first pass; the NUL is not counted. */
void buffer_printf(struct buffer *buf, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (len >= 0 && buffer_reserve(buf, (size_t)len + 1) == 0) {
        (void)vsnprintf((char *)(buf->data + buf->len), (size_t)len + 1, fmt, again);
        buf->len += (size_t)len;
    }
    va_end(again);
}
