/*
 * A database in a folder of its own behind the Milvus door, and RPCs run on it as the transports
 * do, without a network. Include after cmocka.h.
 */
#ifndef KITH_TESTS_DDL_FIXTURE_H
#define KITH_TESTS_DDL_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "milvus/milvus_internal.h"
#include "milvus/schema_map.h"

#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

struct door {
    char dir[64], path[80];
    struct kith_db *db;
    struct auth *auth;
    struct metrics *metrics;
    struct milvus *milvus;
    struct arena arena;
    struct milvus_call call;
    const char *import_dir; /* of the next door_reopen */
};

static inline void door_reopen(struct door *door)
{
    struct kith_open_opts opts = KITH_OPEN_OPTS_INIT;
    struct kith_error err = {0};
    opts.no_threads = true;
    opts.sync = KITH_SYNC_NO;
    assert_int_equal(kith_open(door->path, &opts, &door->db, &err), 0);
    assert_int_equal(auth_open(door->db, os_real(), false, &door->auth, &err), 0);
    assert_int_equal(metrics_new(os_real(), &door->metrics), 0);
    const struct milvus_opts milvus = {
        .os = os_real(), .db = door->db, .auth = door->auth, .metrics = door->metrics,
        .import_dir = door->import_dir};
    assert_int_equal(milvus_new(&milvus, &door->milvus, &err), 0);
    arena_init(&door->arena);
    door->call = (struct milvus_call){
        .milvus = door->milvus, .arena = &door->arena, .database = "default", .peer = "test"};
    auth_anonymous(&door->call.principal);
}

static inline void door_close(struct door *door)
{
    arena_release(&door->arena);
    milvus_free(door->milvus);
    auth_close(door->auth);
    metrics_free(door->metrics);
    kith_close(door->db);
}

static inline int setup(void **state)
{
    struct door *door = calloc(1, sizeof *door);
    (void)snprintf(door->dir, sizeof door->dir, "/tmp/kith-ddl-XXXXXX");
    assert_non_null(mkdtemp(door->dir));
    (void)snprintf(door->path, sizeof door->path, "%s/db", door->dir);
    door_reopen(door);
    *state = door;
    return 0;
}

static inline int teardown(void **state)
{
    struct door *door = *state;
    char command[128];
    door_close(door);
    (void)snprintf(command, sizeof command, "rm -rf %s", door->dir);
    (void)!system(command);
    free(door);
    return 0;
}

/* Runs an RPC as the transports do: by the table, over packed bytes. */
static inline void *run(struct door *door, const char *rpc, const void *request)
{
    const struct milvus_rpc *entry = milvus_rpc_find(rpc, strlen(rpc));
    assert_non_null(entry);
    ProtobufCMessage *copy = milvus_copy(&door->call, request);
    void *reply = milvus_message(&door->call, entry->reply);
    assert_non_null(copy);
    assert_ptr_equal(copy->descriptor, entry->request);
    const char *database = milvus_request_text(copy, "db_name");
    door->call.database = database ? database : "default";
    entry->handle(&door->call, copy, reply);
    ProtobufCMessage *sent = milvus_copy(&door->call, reply); /* it packs */
    assert_non_null(sent);
    return sent;
}

static inline void expect_status(const MilvusStatus *status, int code, const char *reason)
{
    assert_non_null(status);
    if (status->code != code || strcmp(status->reason, reason) != 0)
        print_error("got %d: %s\n", status->code, status->reason);
    assert_int_equal(status->code, code);
    assert_string_equal(status->reason, reason);
    if (code) assert_int_not_equal(status->error_code, 0);
}

#define EXPECT(rpc, code, reason, type, ...)                                       \
    do {                                                                           \
        WIRE(type) in_ = {PROTOBUF_C_MESSAGE_INIT(NULL)};                          \
        protobuf_c_message_init(milvus_rpc_find(rpc, strlen(rpc))->request, &in_); \
        const WIRE(type) given_ = {__VA_ARGS__};                                   \
        take_given(&in_.base, &given_, sizeof given_);                             \
        expect_status(milvus_reply_status(run(door, rpc, &in_)), code, reason);    \
    } while (0)

/* What was named; what was not keeps its default (texts may not be NULL). */
static inline void take_given(ProtobufCMessage *into, const void *given, size_t size)
{
    const ProtobufCMessage base = *into;
    const size_t pointer = sizeof(void *);
    char *from = malloc(size);
    memcpy(from, given, size);
    for (unsigned i = 0; i < base.descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &base.descriptor->fields[i];
        char *text;
        if (field->type != PROTOBUF_C_TYPE_STRING || field->label == PROTOBUF_C_LABEL_REPEATED)
            continue;
        memcpy(&text, from + field->offset, sizeof text);
        if (!text && !(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
            memcpy(from + field->offset, (char *)into + field->offset, pointer);
    }
    memcpy(into, from, size);
    *into = base;
    free(from);
}

static inline MilvusPair pair(const char *key, const char *value)
{
    MilvusPair out = MILVUS__PROTO__COMMON__KEY_VALUE_PAIR__INIT;
    out.key = milvus_text(key);
    out.value = milvus_text(value);
    return out;
}

#endif
