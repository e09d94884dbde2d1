/*
 * The protobuf wire format, walked and written in place.
 *
 * Generated code copies every array to the heap; for rows in and results out (up to 64 MB) that is
 * the cost of the whole call. Here a message is a run of bytes: wire_next() gives one field after
 * another, length-delimited ones as borrowed slices; the wire_put functions append to a buffer.
 * Sizes of nested messages are computed before they are written, so nothing is moved afterwards.
 *
 * Untrusted input: every length is checked against the end of the enclosing message, a varint has
 * at most 10 bytes, groups are refused, unknown fields are the caller's to skip. Encoding:
 * protobuf.dev/programming-guides/encoding.
 */
#ifndef KITH_PROTO_WIRE_H
#define KITH_PROTO_WIRE_H

#include "base/buffer.h"

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

struct wire { /* what is left of a message; borrows */
    const uint8_t *pos, *end;
};

struct wire_field {
    uint32_t number;
    enum wire_type type;
    uint64_t value;      /* VARINT, FIXED64, FIXED32 (zero-extended) */
    const uint8_t *data; /* BYTES: borrows */
    size_t len;
};

static inline void wire_init(struct wire *wire, const void *data, size_t len)
{
    wire->pos = data;
    wire->end = len ? wire->pos + len : data; /* an empty one may have no address */
}
static inline void wire_enter(struct wire *wire, const struct wire_field *field)
{
    wire_init(wire, field->data, field->len);
}
/* 1: *field is the next one; 0: the end; KITH_EINVAL: malformed. */
KITH_NODISCARD int wire_next(struct wire *wire, struct wire_field *field);
/* One varint out of a packed run. false: malformed or at the end. */
bool wire_varint(struct wire *wire, uint64_t *out);
/* How many varints a packed run holds: bytes without the continuation bit. */
size_t wire_varint_count(const uint8_t *data, size_t len);

static inline size_t wire_varint_size(uint64_t v)
{
    return v == 0 ? 1 : (size_t)(63 - __builtin_clzll(v)) / 7 + 1;
}
static inline size_t wire_tag_size(uint32_t number) { return wire_varint_size(number << 3); }
/* Bytes of a field that holds `len` bytes. */
static inline size_t wire_bytes_size(uint32_t number, size_t len)
{
    return wire_tag_size(number) + wire_varint_size(len) + len;
}

void wire_put_tag(struct buffer *out, uint32_t number, enum wire_type type);
/* Scalars that are zero are left out, as proto3 has it. */
void wire_put_varint(struct buffer *out, uint32_t number, uint64_t value);
void wire_put_bytes(struct buffer *out, uint32_t number, const void *data, size_t len);
void wire_put_text(struct buffer *out, uint32_t number, const char *text); /* NULL, "": nothing */
/* The head of a nested message or packed run of `len` bytes that the caller puts next. */
void wire_put_head(struct buffer *out, uint32_t number, size_t len);

#endif
