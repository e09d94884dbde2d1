/*
 * Small edits of records, whose memory belongs to protobuf-c's allocator: what free_unpacked will
 * free one day must have come from it piece by piece.
 */
#include <string.h>

#include "milvus/milvus_internal.h"

static void *take(ProtobufCAllocator *allocator, size_t size)
{
    return allocator->alloc(allocator->allocator_data, size);
}

static void give(ProtobufCAllocator *allocator, void *pointer)
{
    if (pointer && pointer != (const void *)protobuf_c_empty_string)
        allocator->free(allocator->allocator_data, pointer);
}

void *registry_own(ProtobufCAllocator *allocator, const ProtobufCMessage *message)
{
    const size_t len = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = take(allocator, len + 1);
    if (!bytes) return NULL;
    (void)protobuf_c_message_pack(message, bytes);
    void *copy = protobuf_c_message_unpack(message->descriptor, allocator, len, bytes);
    give(allocator, bytes);
    return copy;
}

int registry_edit_text(char **text, const char *fresh, ProtobufCAllocator *allocator)
{
    const size_t len = strlen(fresh) + 1;
    char *copy = take(allocator, len);
    if (!copy) return KITH_ENOMEM;
    memcpy(copy, fresh, len);
    give(allocator, *text);
    *text = copy;
    return 0;
}

static MilvusPair *find(MilvusPair *const *pairs, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(pairs[i]->key, key) == 0) return pairs[i];
    return NULL;
}

static int set_one(MilvusPair **pairs, size_t *count, const MilvusPair *given,
                   ProtobufCAllocator *allocator)
{
    MilvusPair *there = find(pairs, *count, given->key);
    if (there) return registry_edit_text(&there->value, given->value, allocator);
    MilvusPair *copy = registry_own(allocator, &given->base);
    if (!copy) return KITH_ENOMEM;
    pairs[(*count)++] = copy;
    return 0;
}

static void remove_one(MilvusPair **pairs, size_t *count, const char *key,
                       ProtobufCAllocator *allocator)
{
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        if (strcmp(pairs[i]->key, key) == 0)
            milvus__proto__common__key_value_pair__free_unpacked(pairs[i], allocator);
        else
            pairs[kept++] = pairs[i];
    }
    *count = kept;
}

int registry_edit_pairs(MilvusPair ***pairs, size_t *count, MilvusPair *const *set,
                        size_t set_count, char *const *gone, size_t gone_count,
                        ProtobufCAllocator *allocator)
{
    MilvusPair **grown = take(allocator, (*count + set_count + 1) * sizeof *grown);
    int rc = 0;
    if (!grown) return KITH_ENOMEM;
    if (*count) memcpy(grown, *pairs, *count * sizeof *grown);
    give(allocator, *pairs);
    *pairs = grown;
    for (size_t i = 0; i < gone_count; i++) remove_one(grown, count, gone[i], allocator);
    for (size_t i = 0; rc == 0 && i < set_count; i++) rc = set_one(grown, count, set[i], allocator);
    return rc;
}
