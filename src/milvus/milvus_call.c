/*
 * One call: who, which database, and memory for what is made on the way.
 */
#include <string.h>

#include "milvus/milvus_internal.h"

static char *text_of(struct arena *arena, struct kith_str text)
{
    return arena_strndup(arena, text.data, text.len);
}

void milvus_call_init(struct milvus_call *out, struct milvus *milvus, struct exchange *exchange)
{
    struct arena *arena = exchange_arena(exchange);
    const struct kith_str database = exchange_header(exchange, "dbname");
    const struct kith_str named =
        database.len ? database : exchange_header(exchange, "db-name"); /* REST */
    *out = (struct milvus_call){ .milvus = milvus,
                                 .call = exchange_call(exchange),
                                 .arena = arena,
                                 .peer = exchange_peer(exchange),
                                 .started_us = os_now_us(milvus->opts.os) };
    out->database = named.len ? text_of(arena, named) : "default";
    if (!out->database) out->database = "default";
}

static void *take(void *arena, size_t size) { return arena_alloc(arena, size ? size : 1); }
static void give(void *arena, void *pointer)
{
    (void)arena;
    (void)pointer; /* goes with the arena */
}

ProtobufCAllocator milvus_allocator(struct arena *arena)
{
    return (ProtobufCAllocator){ .alloc = take, .free = give, .allocator_data = arena };
}

char *milvus_strdup(struct milvus_call *call, const char *text)
{
    char *copy = arena_strndup(call->arena, text, strlen(text));
    return copy ? copy : (char *)(uintptr_t)"";
}

const char *milvus_pair_get(MilvusPair *const *pairs, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(pairs[i]->key, key) == 0) return pairs[i]->value;
    return NULL;
}
