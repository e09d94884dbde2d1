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

/* Digits of a base; nothing else may follow. */
static bool parse_digits(const char *text, unsigned base, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    if (!*text) return false;
    for (; *text; text++) {
        const char c = *text;
        const unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                               : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                               : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
                                                      : 99;
        if (digit >= base || value > (max - digit) / base) return false;
        value = value * base + digit;
    }
    *out = value;
    return true;
}

bool milvus_parse_int(const char *text, int64_t *out)
{
    const bool negative = *text == '-';
    const uint64_t max = (uint64_t)INT64_MAX + negative;
    unsigned base = 10;
    uint64_t value;
    if (*text == '-' || *text == '+') text++;
    if (text[0] == '0' && text[1]) {
        const char kind = (char)(text[1] | 0x20);
        base = kind == 'x' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : 10;
        if (base != 10) text += 2;
    }
    if (!parse_digits(text, base, max, &value)) return false;
    *out = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

bool milvus_parse_bool(const char *text, bool *out)
{
    static const char *const words[2][6] = { { "0", "f", "F", "FALSE", "false", "False" },
                                             { "1", "t", "T", "TRUE", "true", "True" } };
    for (int yes = 0; yes < 2; yes++) {
        for (int i = 0; i < 6; i++) {
            if (strcmp(text, words[yes][i]) != 0) continue;
            *out = yes;
            return true;
        }
    }
    return false;
}

bool milvus_pair_int(MilvusPair *const *pairs, size_t count, const char *key, int64_t *out)
{
    const char *value = milvus_pair_get(pairs, count, key);
    return !value || milvus_parse_int(value, out);
}

bool milvus_pair_bool(MilvusPair *const *pairs, size_t count, const char *key, bool *out)
{
    const char *value = milvus_pair_get(pairs, count, key);
    return !value || milvus_parse_bool(value, out);
}

void milvus_finish(struct milvus_call *call, void *reply, const MilvusStatus *status)
{
    if (!status) status = milvus_success(call);
    memcpy(reply, status, sizeof *status);
}

void *milvus_message(struct milvus_call *call, const ProtobufCMessageDescriptor *kind)
{
    ProtobufCMessage *message = arena_alloc(call->arena, kind->sizeof_message);
    if (message) protobuf_c_message_init(kind, message);
    return message;
}

void *milvus_copy(struct milvus_call *call, const ProtobufCMessage *message)
{
    ProtobufCAllocator allocator = milvus_allocator(call->arena);
    const size_t len = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = arena_alloc(call->arena, len + 1);
    if (!bytes) return NULL;
    (void)protobuf_c_message_pack(message, bytes);
    return protobuf_c_message_unpack(message->descriptor, &allocator, len, bytes);
}
