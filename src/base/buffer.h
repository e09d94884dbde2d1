/*
 * `struct buffer`: growable bytes, for writing formats. `struct cursor`: a bounds-checked reader
 * over borrowed bytes, for parsing untrusted ones.
 *
 * The buffer keeps a sticky failure: after a failed growth every put is a no-op and buffer_failed()
 * says so; encoders check once at the end. The cursor has the same: after a short read every get
 * returns 0/empty and cursor_failed() is true; `pos` stays at the first failing offset.
 */
#ifndef KITH_BASE_BUFFER_H
#define KITH_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct buffer {
    uint8_t *data; /* owns */
    size_t len;
    size_t cap;
    bool failed;
};

void buffer_init(struct buffer *buf);
void buffer_release(struct buffer *buf); /* accepts a zeroed struct */
void buffer_clear(struct buffer *buf);   /* len = 0, keeps memory and clears the failure */
static inline bool buffer_failed(const struct buffer *buf) { return buf->failed; }
KITH_NODISCARD int buffer_reserve(struct buffer *buf, size_t more); /* 0 or KITH_ENOMEM */
/* Uninitialised room; NULL when failed. Here, because a short reply is little more than this. */
static inline uint8_t *buffer_extend(struct buffer *buf, size_t more)
{
    const bool fits = buf->data && !buf->failed && more <= buf->cap - buf->len;
    if (!fits && buffer_reserve(buf, more) != 0) return NULL;
    uint8_t *room = buf->data + buf->len;
    buf->len += more;
    return room;
}
void buffer_put(struct buffer *buf, const void *data, size_t len);
void buffer_put_u8(struct buffer *buf, uint8_t v);
void buffer_put_u16(struct buffer *buf, uint16_t v);
void buffer_put_u32(struct buffer *buf, uint32_t v);
void buffer_put_u64(struct buffer *buf, uint64_t v);
void buffer_put_f32(struct buffer *buf, float v);
void buffer_put_f64(struct buffer *buf, double v);
void buffer_put_varint(struct buffer *buf, uint64_t v);          /* LEB128 */
void buffer_put_bytes(struct buffer *buf, const void *data, size_t len); /* varint len + bytes */
void buffer_put_cstr(struct buffer *buf, const char *text);      /* as buffer_put_bytes */
void buffer_printf(struct buffer *buf, const char *fmt, ...) KITH_PRINTF(2, 3); /* no NUL */

struct cursor {
    const uint8_t *data; /* borrows */
    size_t len;
    size_t pos;
    bool failed;
};

void cursor_init(struct cursor *cur, const void *data, size_t len);
static inline bool cursor_failed(const struct cursor *cur) { return cur->failed; }
static inline size_t cursor_left(const struct cursor *cur) { return cur->len - cur->pos; }
const uint8_t *cursor_take(struct cursor *cur, size_t len); /* borrowed bytes; NULL when short */
uint8_t cursor_u8(struct cursor *cur);
uint16_t cursor_u16(struct cursor *cur);
uint32_t cursor_u32(struct cursor *cur);
uint64_t cursor_u64(struct cursor *cur);
float cursor_f32(struct cursor *cur);
double cursor_f64(struct cursor *cur);
uint64_t cursor_varint(struct cursor *cur); /* fails on > 10 bytes or overflow */
/* varint len + bytes; NULL when short */
const uint8_t *cursor_bytes(struct cursor *cur, size_t *len);

#endif
