/*
 * The Milvus door: MilvusService over gRPC and RESTful v2, over the public API of the engine.
 *
 * Layers, so that both transports share everything that has a meaning:
 *   milvus_grpc.c / rest*.c      transport: bytes or JSON into a request, and back
 *   milvus_rpc.c (table)         name -> request type, handler, privilege; deny by default
 *   handlers (handle_*.c)        one function an RPC: request message in, reply message out
 *   registry.c                   what the door knows of a collection beyond what the engine keeps
 *
 * Requests and replies are protobuf-c structures in the call's arena, filled by handlers; REST
 * builds the same structures. Insert, Upsert, Search, HybridSearch and Query have a second entrance
 * that takes the message's bytes (rows are walked in place) and writes the reply's bytes.
 */
#ifndef KITH_MILVUS_MILVUS_H
#define KITH_MILVUS_MILVUS_H

#include <kith/kith.h>

#include <stdatomic.h>

#include "base/arena.h"
#include <door.pb-c.h>
#include <milvus.pb-c.h>
#include "net/net.h"
#include "server/auth.h"
#include "server/metrics.h"

/* protobuf-c's names are long; these are the ones used everywhere. */
typedef Milvus__Proto__Common__Status MilvusStatus;
typedef Milvus__Proto__Common__KeyValuePair MilvusPair;
typedef Milvus__Proto__Schema__CollectionSchema MilvusSchema;
typedef Milvus__Proto__Schema__FieldSchema MilvusField;

struct milvus_opts {
    const struct os *os;
    struct kith_db *db;      /* borrows */
    struct auth *auth;       /* borrows */
    struct metrics *metrics; /* borrows */
    bool rest_int64_numbers; /* proxy.http.acceptTypeAllowInt64 */
    unsigned slow_query_ms;  /* 0: no slow-query log */
    const char *import_dir;  /* files of imports; NULL or "": no imports. Outlives the door */
    void (*log)(void *ctx, int level, const char *text);
    void *log_ctx;
};
struct milvus;
KITH_NODISCARD int milvus_new(const struct milvus_opts *opts, struct milvus **out,
                              struct kith_error *err);
void milvus_free(struct milvus *milvus); /* when no exchange runs any more */
/* settle(ctx) brings derived collections up to date; it is called, from any thread, before one is
 * read. Set it before the nets start. */
void milvus_set_settle(struct milvus *milvus, void (*settle)(void *ctx), void *ctx);
/* changed(ctx): a collection was made, renamed or dropped; called from any thread, without a lock,
 * before the answer goes. Set it before the nets start. */
void milvus_set_changed(struct milvus *milvus, void (*changed)(void *ctx), void *ctx);
/* net_door.handle: both kinds of exchange. */
void milvus_handle(void *milvus, struct exchange *exchange);
bool milvus_admit(void *milvus, struct exchange *exchange); /* net_door.admit: credentials */

/* ---- one call ---- */

struct milvus_call {
    struct milvus *milvus;
    const struct kith_call *call; /* deadline and cancel */
    struct principal principal;
    const char *database; /* of message, header or "default"; in the arena */
    struct arena *arena;  /* everything that is made for the reply */
    const char *peer;
    const char *refusal; /* why a raw handler may not run (KITH_EUNSUPPORTED); in the arena */
    int64_t started_us;
};

/* Status codes of section 6 of the protocol. */
enum milvus_code {
    MILVUS_OK = 0,
    MILVUS_NOT_READY = 1,
    MILVUS_MEMORY_LIMIT = 3,
    MILVUS_BUSY = 4,
    MILVUS_INTERNAL = 5,
    MILVUS_DISK_LIMIT = 7,
    MILVUS_RATE_LIMIT = 8,
    MILVUS_QUOTA = 9,
    MILVUS_UNIMPLEMENTED = 10,
    MILVUS_COLLECTION_NOT_FOUND = 100,
    MILVUS_COLLECTION_NOT_LOADED = 101,
    MILVUS_COLLECTION_LOADED = 104,
    MILVUS_SCHEMA_MISMATCH = 109,
    MILVUS_PARTITION_NOT_FOUND = 200,
    MILVUS_PARTITION_NOT_LOADED = 201,
    MILVUS_INDEX_NOT_FOUND = 700,
    MILVUS_DATABASE_NOT_FOUND = 800,
    MILVUS_DATABASE_LIMIT = 801,
    MILVUS_DATABASE_NAME = 802,
    MILVUS_IO = 1001,
    MILVUS_INVALID = 1100,
    MILVUS_MISSING = 1101,
    MILVUS_TOO_LARGE = 1102,
    MILVUS_METRIC_NOT_FOUND = 1200,
    MILVUS_NOT_AUTHENTICATED = 1400,
    MILVUS_NOT_PERMITTED = 1401,
    MILVUS_ALIAS_NOT_FOUND = 1600,
    MILVUS_ALIAS_CONFLICT = 1601,
    MILVUS_ALIAS_EXISTS = 1602,
    MILVUS_FIELD_NOT_FOUND = 1700,
    MILVUS_FIELD_NAME = 1701,
    MILVUS_IMPORT = 2100,
    MILVUS_UNSUPPORTED = 3000,
    MILVUS_CANCELED = 10000,
    MILVUS_DEADLINE = 10001,
    MILVUS_PLAIN = 65535
};
/* status.c. A status in the arena; never NULL (a static "no memory" one at worst). The text is the
 * whole reason as section 6.1 shapes it; the legacy error_code and `retriable` follow from code. */
MilvusStatus *milvus_status(struct milvus_call *call, int code, const char *fmt, ...)
    KITH_PRINTF(3, 4);
MilvusStatus *milvus_success(struct milvus_call *call);
/* The engine's error as a status: KITH_EINVAL -> 1100 and so on. */
MilvusStatus *milvus_error(struct milvus_call *call, int rc, const struct kith_error *err);

/* ---- registry.c: collections as the door sees them ---- */

struct milvus_collection { /* counted, immutable: a change makes a new one (registry_change) */
    atomic_uint refs;
    uint64_t id;
    char *database, *name;            /* own */
    Kith__Door__CollectionRecord *record; /* owns: what is kept; schema with field ids filled */
    const MilvusField *primary;       /* of record->schema */
    bool derived; /* it shows what another door holds (server/owner.h): not written to */
    struct kith_collection *handle;   /* owns */
    char **names; /* own: keys of milvus->names; guard: names_lock, all else never changes */
    size_t name_count;
};
/* By name or alias. NULL with *status set: 100 in the form that the RPC needs (`describe`), 800
 * when the database is unknown. Release with milvus_collection_unref. */
struct milvus_collection *milvus_collection_get(struct milvus_call *call, const char *name,
                                                bool describe, MilvusStatus **status);
void milvus_collection_unref(struct milvus_collection *collection); /* NULL is a no-op */
/* Why nothing may be written to it through this door; NULL: it may. */
MilvusStatus *milvus_owned(struct milvus_call *call, const struct milvus_collection *collection);
/* handle_load.c: may searches read this partition? record->loaded says whether any. */
bool milvus_partition_loaded(const struct milvus_collection *collection, const char *partition);
/* By name, or by id when the name is empty and the id is not 0. */
struct milvus_collection *milvus_collection_either(struct milvus_call *call, const char *name,
                                                   int64_t id, MilvusStatus **status);
/* By the engine's id; NULL: unknown. */
struct milvus_collection *milvus_collection_by_id(struct milvus_call *call, uint64_t id);
const MilvusField *milvus_field_find(const struct milvus_collection *collection, const char *name);
const Kith__Door__IndexRecord *milvus_index_find(const struct milvus_collection *collection,
                                                 const char *field, const char *name);
/* A name that the engine knows as an alias in this database: of which collection? NULL: none. */
struct milvus_collection *milvus_alias_get(struct milvus_call *call, const char *alias);

/* Changes of what is kept, one at a time (registry lock). */
/* After kith_collection_create: takes a copy of the record, writes it, and publishes. */
KITH_NODISCARD int registry_add(struct milvus_call *call, const char *name,
                                const Kith__Door__CollectionRecord *record,
                                struct kith_error *err);
/* edit() changes a copy of the record (memory from `allocator`, which outlives the call) and
 * returns 0, or a status that stops; then the copy is written and published with a larger
 * updated_ts. */
typedef int registry_edit(void *ctx, Kith__Door__CollectionRecord *record,
                          ProtobufCAllocator *allocator);
KITH_NODISCARD int registry_change(struct milvus_call *call, uint64_t id, registry_edit *edit,
                                   void *ctx, struct kith_error *err);
/* The same for what is no change of the schema (indexes, load state): updated_ts stays, so that
 * clients keep what they know. */
KITH_NODISCARD int registry_change_quietly(struct milvus_call *call, uint64_t id,
                                           registry_edit *edit, void *ctx, struct kith_error *err);
/* After a drop, a rename or a change of aliases by the engine: the names of this collection are
 * read again. It costs the same however many others there are. */
KITH_NODISCARD int registry_refresh(struct milvus_call *call, uint64_t id, struct kith_error *err);
/* A timestamp of the engine's clock: (unix_ms << 18) | n, always ascending within the door. */
uint64_t milvus_timestamp(struct milvus *milvus);

/* ---- milvus_rpc.c: the table ---- */

struct milvus_rpc {
    const char *name; /* "CreateCollection" */
    const ProtobufCMessageDescriptor *request, *reply;
    /* Fills reply (initialised) from request; reports through the reply's status. */
    void (*handle)(struct milvus_call *call, const void *request, void *reply);
    /* Instead, from bytes to bytes; 0 or a status to end the RPC with a transport error. */
    int (*raw)(struct milvus_call *call, struct kith_str request, struct buffer *reply);
    const char *privilege; /* NULL: everybody who is authenticated */
    enum auth_object object;
};
const struct milvus_rpc *milvus_rpc_find(const char *name, size_t len); /* NULL: unknown */
const struct milvus_rpc *milvus_rpc_at(size_t i); /* NULL past the end */
size_t milvus_rpc_place(const struct milvus_rpc *rpc); /* its i */

#endif
