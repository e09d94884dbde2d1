/*
 * Bytes of InsertRequest, UpsertRequest and SearchRequest against a small collection of every type:
 * the walkers over columns, the placeholders, the parameters. The first byte chooses the RPC.
 * Oracle: no report of a sanitizer, and a reply whose length is what its messages say (it parses).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "milvus/milvus_data.h"

static struct milvus *milvus;

static void die(const char *why)
{
    (void)fprintf(stderr, "%s\n", why);
    abort();
}

static void create(struct kith_db *db)
{
    static const enum kith_type types[] = {
        KITH_INT64, KITH_BOOL, KITH_INT8, KITH_INT16, KITH_INT32, KITH_FLOAT, KITH_DOUBLE,
        KITH_VARCHAR, KITH_JSON, KITH_TIMESTAMPTZ, KITH_GEOMETRY, KITH_ARRAY, KITH_FLOAT_VECTOR,
        KITH_SPARSE_VECTOR, KITH_BINARY_VECTOR, KITH_FLOAT16_VECTOR, KITH_INT8_VECTOR
    };
    enum { COUNT = sizeof types / sizeof types[0] };
    struct kith_field fields[COUNT];
    char names[COUNT][4];
    struct kith_schema schema = KITH_SCHEMA_INIT;
    struct kith_error err = { 0 };
    for (size_t i = 0; i < COUNT; i++) {
        fields[i] = (struct kith_field)KITH_FIELD_INIT;
        (void)snprintf(names[i], sizeof names[i], "%c", (char)('a' + (int)i));
        fields[i].name = names[i];
        fields[i].type = types[i];
        fields[i].flags = i ? KITH_FIELD_NULLABLE : KITH_FIELD_PRIMARY;
        if (types[i] == KITH_ARRAY) fields[i].element_type = KITH_VARCHAR;
        if (types[i] == KITH_ARRAY) fields[i].max_capacity = 16;
        if (types[i] >= KITH_BINARY_VECTOR && types[i] != KITH_SPARSE_VECTOR) fields[i].dim = 8;
    }
    schema.fields = fields;
    schema.field_count = COUNT;
    schema.dynamic = true;
    schema.on_duplicate = KITH_DUPLICATE_ALLOW;
    if (kith_collection_create(db, NULL, "c", &schema, &err)) die(err.text);
}

static void prepare(void)
{
    static char dir[] = "/tmp/kith-fuzz-XXXXXX";
    struct kith_open_opts opts = KITH_OPEN_OPTS_INIT;
    struct kith_db *db;
    struct auth *auth;
    struct metrics *metrics;
    struct kith_error err = { 0 };
    opts.sync = KITH_SYNC_NO;
    opts.no_threads = true;
    if (!mkdtemp(dir) || kith_open(dir, &opts, &db, &err)) die(err.text);
    create(db);
    if (auth_open(db, os_real(), false, &auth, &err) || metrics_new(os_real(), &metrics))
        die("no door");
    const struct milvus_opts door = { .os = os_real(), .db = db, .auth = auth,
                                      .metrics = metrics };
    if (milvus_new(&door, &milvus, &err)) die(err.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char *const names[] = { "Insert", "Upsert", "Search", "Query", "Delete" };
    struct arena arena;
    struct buffer reply;
    if (len < 1) return 0;
    if (!milvus) prepare();
    arena_init(&arena);
    buffer_init(&reply);
    struct milvus_call call = { .milvus = milvus, .database = "default", .arena = &arena,
                                .peer = "fuzz" };
    auth_anonymous(&call.principal);
    const char *name = names[data[0] % 5];
    const struct milvus_rpc *rpc = milvus_rpc_find(name, strlen(name));
    const struct kith_str request = { (const char *)data + 1, len - 1 };
    if (rpc->raw(&call, request, &reply) == 0) {
        ProtobufCMessage *out = protobuf_c_message_unpack(rpc->reply, NULL, reply.len, reply.data);
        if (!out) die("the reply does not parse");
        protobuf_c_message_free_unpacked(out, NULL);
    }
    buffer_release(&reply);
    arena_release(&arena);
    return 0;
}
