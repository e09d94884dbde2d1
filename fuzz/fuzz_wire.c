/*
 * Protobuf: the walker, the check that stands before protobuf-c, and protobuf-c itself, for the
 * request of every RPC of the table. The first byte chooses the RPC.
 *
 * Oracle: the walker ends, and every field lies inside its message; what the check refuses never
 * reaches protobuf-c; what is unpacked can be packed again, in the size that is announced.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "fuzz.h"
#include "milvus/milvus_internal.h"
#include "proto/wire.h"

static void walk(const uint8_t *data, size_t len, unsigned depth)
{
    struct wire wire;
    struct wire_field field;
    size_t fields = 0;
    wire_init(&wire, data, len);
    while (wire_next(&wire, &field) == 1) {
        MUST(++fields <= len);
        if (field.type != WIRE_BYTES) continue;
        MUST(field.data >= data && field.len <= (size_t)(data + len - field.data));
        MUST(wire_varint_count(field.data, field.len) <= field.len);
        if (depth < 8) walk(field.data, field.len, depth + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static size_t count;
    if (len < 1) return 0;
    while (milvus_rpc_at(count)) count++;
    const struct milvus_rpc *rpc = milvus_rpc_at(data[0] % count);
    const struct kith_str bytes = { (const char *)data + 1, len - 1 };
    struct arena arena;
    walk(data + 1, len - 1, 0);
    if (!message_check(rpc->request, bytes)) return 0;
    arena_init(&arena);
    ProtobufCAllocator allocator = milvus_allocator(&arena);
    const ProtobufCMessage *message =
        protobuf_c_message_unpack(rpc->request, &allocator, bytes.len, data + 1);
    if (message) {
        const size_t size = protobuf_c_message_get_packed_size(message);
        uint8_t *out = mem_alloc(size + 1);
        if (out) MUST(protobuf_c_message_pack(message, out) == size);
        mem_free(out);
    }
    arena_release(&arena);
    return 0;
}
