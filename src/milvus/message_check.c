/*
 * A look at a message's bytes before protobuf-c reads them. It recurses as deep as the bytes say,
 * and it takes texts as they come; the first could exhaust a worker's stack, the second would be
 * sent back to clients whose runtimes refuse text that is not UTF-8.
 *
 * Only the shape is walked: tags, lengths, submessages that the descriptor names. What is unknown
 * is skipped, as protobuf-c does.
 */
#include "milvus/milvus_internal.h"

#include "base/json.h"

#define DEPTH_MAX 100

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_LEN = 2, WIRE_32 = 5 };

static bool varint(struct kith_str *in, uint64_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70 && in->len > 0; shift += 7) {
        const uint8_t byte = (uint8_t)*in->data++;
        in->len--;
        if (shift < 64) value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte & 0x80) continue;
        *out = value;
        return true;
    }
    return false;
}

static bool take(struct kith_str *in, uint64_t len, struct kith_str *out)
{
    if (len > in->len) return false;
    *out = (struct kith_str){in->data, (size_t)len};
    in->data += len;
    in->len -= (size_t)len;
    return true;
}

static bool check(const ProtobufCMessageDescriptor *kind, struct kith_str in, unsigned depth);

static bool check_content(const ProtobufCMessageDescriptor *kind, uint64_t id,
                          struct kith_str content, unsigned depth)
{
    const ProtobufCFieldDescriptor *field =
        id <= UINT32_MAX ? protobuf_c_message_descriptor_get_field(kind, (unsigned)id) : NULL;
    if (!field) return true;
    if (field->type == PROTOBUF_C_TYPE_STRING) return utf8_valid(content.data, content.len);
    if (field->type != PROTOBUF_C_TYPE_MESSAGE) return true;
    return check(field->descriptor, content, depth + 1);
}

static bool check(const ProtobufCMessageDescriptor *kind, struct kith_str in, unsigned depth)
{
    struct kith_str content = {"", 0};
    uint64_t tag, number;
    if (depth > DEPTH_MAX) return false;
    while (in.len > 0) {
        if (!varint(&in, &tag)) return false;
        switch (tag & 7) {
        case WIRE_VARINT:
            if (!varint(&in, &number)) return false;
            break;
        case WIRE_64:
            if (!take(&in, 8, &content)) return false;
            break;
        case WIRE_32:
            if (!take(&in, 4, &content)) return false;
            break;
        case WIRE_LEN:
            if (!varint(&in, &number) || !take(&in, number, &content)) return false;
            if (!check_content(kind, tag >> 3, content, depth)) return false;
            break;
        default: return false;
        }
    }
    return true;
}

bool message_check(const ProtobufCMessageDescriptor *kind, struct kith_str bytes)
{
    return check(kind, bytes, 0);
}
