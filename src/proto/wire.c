/*
 * The protobuf wire format: see wire.h.
 */
#include "proto/wire.h"

#include <string.h>

#include "base/endian.h"

#define WIRE_FIELD_MAX ((1u << 29) - 1)

bool wire_varint(struct wire *wire, uint64_t *out)
{
    uint64_t value = 0;
    const uint8_t *pos = wire->pos;
    for (unsigned shift = 0; shift < 70 && pos < wire->end; shift += 7) {
        const uint8_t byte = *pos++;
        if (shift == 63 && byte > 1) return false;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            wire->pos = pos;
            *out = value;
            return true;
        }
    }
    return false;
}

size_t wire_varint_count(const uint8_t *data, size_t len)
{
    size_t count = 0;
    for (size_t i = 0; i < len; i++) count += data[i] < 0x80;
    return count;
}

static int take_fixed(struct wire *wire, struct wire_field *field, size_t size)
{
    if ((size_t)(wire->end - wire->pos) < size) return KITH_EINVAL;
    field->value = size == 8 ? le64_get(wire->pos) : le32_get(wire->pos);
    wire->pos += size;
    return 1;
}

static int take_bytes(struct wire *wire, struct wire_field *field)
{
    uint64_t len;
    if (!wire_varint(wire, &len) || len > (uint64_t)(wire->end - wire->pos)) return KITH_EINVAL;
    field->data = wire->pos;
    field->len = (size_t)len;
    wire->pos += len;
    return 1;
}

int wire_next(struct wire *wire, struct wire_field *field)
{
    if (wire->pos == wire->end) return 0;
    uint64_t tag;
    if (!wire_varint(wire, &tag) || tag >> 3 == 0 || tag >> 3 > WIRE_FIELD_MAX)
        return KITH_EINVAL;
    *field = (struct wire_field){ .number = (uint32_t)(tag >> 3) };
    switch (tag & 7) {
    case WIRE_VARINT:
        field->type = WIRE_VARINT;
        return wire_varint(wire, &field->value) ? 1 : KITH_EINVAL;
    case WIRE_FIXED64:
        field->type = WIRE_FIXED64;
        return take_fixed(wire, field, 8);
    case WIRE_FIXED32:
        field->type = WIRE_FIXED32;
        return take_fixed(wire, field, 4);
    case WIRE_BYTES:
        field->type = WIRE_BYTES;
        return take_bytes(wire, field);
    default: return KITH_EINVAL; /* groups: gone since proto3 */
    }
}

void wire_put_tag(struct buffer *out, uint32_t number, enum wire_type type)
{
    buffer_put_varint(out, (uint64_t)number << 3 | (uint64_t)type);
}

void wire_put_varint(struct buffer *out, uint32_t number, uint64_t value)
{
    if (value == 0) return;
    wire_put_tag(out, number, WIRE_VARINT);
    buffer_put_varint(out, value);
}

void wire_put_head(struct buffer *out, uint32_t number, size_t len)
{
    wire_put_tag(out, number, WIRE_BYTES);
    buffer_put_varint(out, len);
}

void wire_put_bytes(struct buffer *out, uint32_t number, const void *data, size_t len)
{
    wire_put_head(out, number, len);
    buffer_put(out, data, len);
}

void wire_put_text(struct buffer *out, uint32_t number, const char *text)
{
    if (text && *text) wire_put_bytes(out, number, text, strlen(text));
}
