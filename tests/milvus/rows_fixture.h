/*
 * A door over a fresh database, and RPCs called without a network: messages of protobuf-c in, bytes
 * through the table's entrance, messages out.
 */
#ifndef KITH_TESTS_MILVUS_ROWS_FIXTURE_H
#define KITH_TESTS_MILVUS_ROWS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "milvus/milvus_data.h"

#define MESSAGE(name) milvus__proto__milvus__##name

struct door {
    char dir[64];
    struct kith_db *db;
    struct auth *auth;
    struct metrics *metrics;
    struct milvus *milvus;
    struct arena arena;
    struct milvus_call call;
};

static inline void door_open(struct door *door)
{
    struct kith_open_opts opts = KITH_OPEN_OPTS_INIT;
    struct kith_error err = { 0 };
    opts.sync = KITH_SYNC_NO;
    opts.threads = 1;
    memset(door, 0, sizeof *door);
    strcpy(door->dir, "/tmp/kith-milvus-XXXXXX");
    assert_non_null(mkdtemp(door->dir));
    if (kith_open(door->dir, &opts, &door->db, &err)) fail_msg("%s", err.text);
    assert_int_equal(auth_open(door->db, os_real(), false, &door->auth, &err), 0);
    assert_int_equal(metrics_new(os_real(), &door->metrics), 0);
    const struct milvus_opts milvus = { .os = os_real(), .db = door->db, .auth = door->auth,
                                        .metrics = door->metrics };
    if (milvus_new(&milvus, &door->milvus, &err)) fail_msg("%s", err.text);
    arena_init(&door->arena);
    door->call = (struct milvus_call){ .milvus = door->milvus, .database = "default",
                                       .arena = &door->arena, .peer = "test" };
    auth_anonymous(&door->call.principal);
}

static inline void door_close(struct door *door)
{
    char command[128];
    arena_release(&door->arena);
    milvus_free(door->milvus);
    metrics_free(door->metrics);
    auth_close(door->auth);
    kith_close(door->db);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", door->dir);
    assert_int_equal(system(command), 0);
}

/* Bytes through the entrance; the reply is in the arena, NULL when the transport would fail. */
static inline void *door_bytes(struct door *door, const char *name, struct kith_str request)
{
    const struct milvus_rpc *rpc = milvus_rpc_find(name, strlen(name));
    ProtobufCAllocator allocator = milvus_allocator(&door->arena);
    struct buffer out;
    assert_non_null(rpc);
    buffer_init(&out);
    void *reply = NULL;
    if (rpc->raw(&door->call, request, &out) == 0)
        reply = protobuf_c_message_unpack(rpc->reply, &allocator, out.len, out.data);
    buffer_release(&out);
    return reply;
}

static inline void *door_rpc(struct door *door, const char *name, const void *request)
{
    const struct milvus_rpc *rpc = milvus_rpc_find(name, strlen(name));
    assert_non_null(rpc);
    if (rpc->handle) {
        void *reply = arena_zalloc(&door->arena, rpc->reply->sizeof_message);
        protobuf_c_message_init(rpc->reply, reply);
        rpc->handle(&door->call, request, reply);
        return reply;
    }
    const size_t len = protobuf_c_message_get_packed_size(request);
    uint8_t *bytes = arena_alloc(&door->arena, len + 1);
    assert_non_null(bytes);
    (void)protobuf_c_message_pack(request, bytes);
    void *reply = door_bytes(door, name, (struct kith_str){ (const char *)bytes, len });
    assert_non_null(reply);
    return reply;
}

static inline void *door_new(struct door *door, const ProtobufCMessageDescriptor *kind)
{
    void *message = arena_zalloc(&door->arena, kind->sizeof_message);
    assert_non_null(message);
    protobuf_c_message_init(kind, message);
    return message;
}

static inline MilvusPair *door_pair(struct door *door, const char *key, const char *value)
{
    MilvusPair *pair = door_new(door, &milvus__proto__common__key_value_pair__descriptor);
    pair->key = (char *)(uintptr_t)key;
    pair->value = (char *)(uintptr_t)value;
    return pair;
}

/* Pairs from "key", "value", ..., NULL. */
static inline MilvusPair **door_pairs(struct door *door, size_t *count, ...)
{
    MilvusPair **pairs = arena_zalloc(&door->arena, 32 * sizeof *pairs);
    va_list args;
    *count = 0;
    va_start(args, count);
    for (const char *key; (key = va_arg(args, const char *)) != NULL;)
        pairs[(*count)++] = door_pair(door, key, va_arg(args, const char *));
    va_end(args);
    return pairs;
}

#endif
