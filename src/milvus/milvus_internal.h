/*
 * The inside of the Milvus door: its state, and the handlers that the table names.
 *
 * Locks, in this order: change_lock (one change of the registry at a time, held across the engine's
 * metadata write), names_lock (the map of names; held for a look-up).
 */
#ifndef KITH_MILVUS_MILVUS_INTERNAL_H
#define KITH_MILVUS_MILVUS_INTERNAL_H

#include "base/map.h"
#include "milvus/milvus.h"
#include "os/thread.h"

#define MILVUS_SERVICE "milvus.proto.milvus.MilvusService"
#define MILVUS_VERSION_TEXT "v2.6.0-kith"

struct milvus {
    struct milvus_opts opts;
    struct os_mutex change_lock;
    struct os_mutex names_lock;
    struct map names; /* "database\x01name" (also aliases) -> milvus_collection; guard: names_lock */
    struct milvus_collection **collections; /* owns a reference each; guard: names_lock */
    size_t collection_count;
    _Atomic uint64_t last_ts;
    _Atomic int64_t next_identifier;
};

/* registry.c */
KITH_NODISCARD int registry_open(struct milvus *milvus, struct kith_error *err);
void registry_close(struct milvus *milvus);
bool milvus_database_exists(struct milvus *milvus, const char *database);

/* milvus_call.c */
void milvus_call_init(struct milvus_call *out, struct milvus *milvus, struct exchange *exchange);
/* Memory of protobuf-c from the call's arena. */
ProtobufCAllocator milvus_allocator(struct arena *arena);
char *milvus_strdup(struct milvus_call *call, const char *text); /* "" without memory */
/* The value of a key among pairs, NULL: absent. */
const char *milvus_pair_get(MilvusPair *const *pairs, size_t count, const char *key);

/* milvus_grpc.c, rest.c */
void milvus_grpc(struct milvus *milvus, struct exchange *exchange);
void milvus_rest(struct milvus *milvus, struct exchange *exchange);
/* Checks credentials and privilege, runs the handler, counts and times it. false: *grpc_status and
 * *text say why the call may not run. For both transports. */
bool milvus_authenticate(struct milvus_call *call, struct exchange *exchange, bool http,
                         int *grpc_status, const char **text);
bool milvus_permit(struct milvus_call *call, const struct milvus_rpc *rpc, const char *collection,
                   const char **text);

/* handle_*.c: each `void handle_<Rpc>(struct milvus_call *call, const void *request, void *reply)` */
#define MILVUS_HANDLER(rpc) \
    void handle_##rpc(struct milvus_call *call, const void *request, void *reply)

/* handle_connect.c */
MILVUS_HANDLER(Connect);
MILVUS_HANDLER(GetVersion);
MILVUS_HANDLER(CheckHealth);
MILVUS_HANDLER(AllocTimestamp);
MILVUS_HANDLER(GetComponentStates);
MILVUS_HANDLER(GetMetrics);

#endif
