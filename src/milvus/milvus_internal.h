/*
 * The inside of the Milvus door: its state, and the handlers that the table names.
 *
 * Locks, in this order: ddl_lock (handlers whose change looks first and then writes twice),
 * change_lock (one change of the registry at a time, held across the engine's metadata write),
 * names_lock (the map of names; held for a look-up), zones_lock (zones of time).
 */
#ifndef KITH_MILVUS_MILVUS_INTERNAL_H
#define KITH_MILVUS_MILVUS_INTERNAL_H

#include "base/map.h"
#include "milvus/milvus.h"
#include "os/thread.h"

#define MILVUS_SERVICE "milvus.proto.milvus.MilvusService"
#define MILVUS_VERSION_TEXT "v2.6.0-kith"

struct metric;
struct milvus_rpc_series {
    _Atomic(struct metric *) succeeded, failed, latency; /* NULL: not looked for yet */
};

struct milvus {
    struct milvus_opts opts;
    struct os_mutex ddl_lock; /* for changes that look first and then change twice */
    struct os_mutex change_lock;
    struct os_mutex names_lock;
    /* "database\x01name" (also aliases) -> milvus_collection; guard: names_lock */
    struct map names;
    struct milvus_collection **collections; /* owns a reference each; guard: names_lock */
    size_t collection_count;
    struct map64 places; /* number of a collection -> index in collections; guard: names_lock */
    struct milvus_group *groups; /* owns: resource groups but the default one; guard: ddl_lock */
    struct os_mutex zones_lock; /* last in the order: held to find a zone of time */
    struct milvus_zones *zones; /* owns; guard: zones_lock */
    struct milvus_jobs *jobs;   /* owns; its own lock is a leaf: job.c */
    /* Three a row of the table of RPCs, found once: series live as long as their metrics. Owns. */
    struct milvus_rpc_series *series;
    void (*settle)(void *ctx); /* nullable; set before the nets start */
    void *settle_ctx;
    void (*changed)(void *ctx); /* nullable; likewise */
    void *changed_ctx;
    _Atomic uint64_t last_ts;
    _Atomic int64_t next_identifier;
};

/* registry.c */
void milvus_names_changed(struct milvus *milvus); /* collections came, went or are called anew */
KITH_NODISCARD int registry_open(struct milvus *milvus, struct kith_error *err);
void registry_close(struct milvus *milvus);
bool milvus_database_exists(struct milvus *milvus, const char *database);

/* registry_names.c: under names_lock. */
struct milvus_collection *registry_find(struct milvus *milvus, const char *database,
                                        const char *name); /* no reference */
struct milvus_collection *registry_at(struct milvus *milvus, uint64_t id);
/* A collection's own name and its aliases, as the engine has them. KITH_ENOMEM, KITH_ENOTFOUND. */
KITH_NODISCARD int registry_names_enter(struct milvus *milvus,
                                        struct milvus_collection *collection);
void registry_names_leave(struct milvus *milvus, struct milvus_collection *collection);
void registry_names_free(struct milvus_collection *collection);
/* Takes the collection, also on failure. */
KITH_NODISCARD int registry_append(struct milvus *milvus, struct milvus_collection *collection);
/* `fresh` (which may be `old`) takes the place of `old`, whose reference is left to the caller. */
KITH_NODISCARD int registry_exchange(struct milvus *milvus, struct milvus_collection *old,
                                     struct milvus_collection *fresh);
void registry_remove(struct milvus *milvus, struct milvus_collection *collection);

/* milvus_call.c */
void milvus_call_init(struct milvus_call *out, struct milvus *milvus, struct exchange *exchange);
/* Memory of protobuf-c from the call's arena. */
ProtobufCAllocator milvus_allocator(struct arena *arena);
extern ProtobufCAllocator milvus_heap; /* of records, which outlive a call */
char *milvus_strdup(struct milvus_call *call, const char *text); /* "" without memory */
/* The value of a key among pairs, NULL: absent. */
const char *milvus_pair_get(MilvusPair *const *pairs, size_t count, const char *key);

/* milvus_grpc.c, rest.c */
void milvus_grpc(struct milvus *milvus, struct exchange *exchange);
void milvus_rest(struct milvus *milvus, struct exchange *exchange);
/* A string field of a request by its protobuf name; NULL: it has none, or it is empty. */
const char *milvus_request_text(const ProtobufCMessage *request, const char *name);
const MilvusStatus *milvus_reply_status(const ProtobufCMessage *reply); /* NULL: it has none */
void milvus_count_call(struct milvus_call *call, const struct milvus_rpc *rpc, bool success);
/* Checks credentials and privilege, runs the handler, counts and times it. false: *grpc_status and
 * *text say why the call may not run. For both transports. */
bool milvus_authenticate(struct milvus_call *call, struct exchange *exchange, bool http,
                         int *grpc_status, const char **text);
bool milvus_permit(struct milvus_call *call, const struct milvus_rpc *rpc, const char *collection,
                   const char **text);

/* ---- pairs: values come as text ---- */

/* 10, -3, 0x1f, 0o17, 0b11 */
bool milvus_parse_int(const char *text, int64_t *out);
/* 1 t T TRUE true True and their opposites */
bool milvus_parse_bool(const char *text, bool *out);
/* An absent key leaves *out and is true; a value that does not read is false. */
bool milvus_pair_int(MilvusPair *const *pairs, size_t count, const char *key, int64_t *out);
bool milvus_pair_bool(MilvusPair *const *pairs, size_t count, const char *key, bool *out);

/* ---- for handlers ---- */

/* protobuf-c's strings are not const; packing only reads them. */
static inline char *milvus_text(const char *text) { return (char *)(uintptr_t)text; }
/* Into a reply that is a bare status; NULL: success. */
void milvus_finish(struct milvus_call *call, void *reply, const MilvusStatus *status);
/* A message of protobuf-c in the call's arena, initialised; NULL: no memory. */
void *milvus_message(struct milvus_call *call, const ProtobufCMessageDescriptor *kind);
/* A deep copy of a message in the call's arena; NULL: no memory. */
void *milvus_copy(struct milvus_call *call, const ProtobufCMessage *message);
#define WIRE(name) Milvus__Proto__Milvus__##name

/* message_check.c. Untrusted bytes before protobuf-c sees them: no deeper than 100 messages (it
 * recurses), texts in UTF-8. */
bool message_check(const ProtobufCMessageDescriptor *kind, struct kith_str bytes);

/* registry.c: the collections of the call's database, sorted by name, a reference each. */
KITH_NODISCARD int milvus_collection_list(struct milvus_call *call,
                                          struct milvus_collection ***out, size_t *count);

/* registry_edit.c: for edits of records, whose memory is the allocator's. */
/* A copy of a message; NULL: no memory. */
void *registry_own(ProtobufCAllocator *allocator, const ProtobufCMessage *message);
/* Sets the pairs that are given, removes the keys that are given. KITH_ENOMEM. */
KITH_NODISCARD int registry_edit_pairs(MilvusPair ***pairs, size_t *count, MilvusPair *const *set,
                                       size_t set_count, char *const *gone, size_t gone_count,
                                       ProtobufCAllocator *allocator);
KITH_NODISCARD int registry_edit_text(char **text, const char *fresh,
                                      ProtobufCAllocator *allocator);

/* registry_match.c. Takes a field out of a record, with its indexes. */
void registry_remove_field(Kith__Door__CollectionRecord *record, const char *name,
                           ProtobufCAllocator *allocator);
/* Adds a copy, with the next id, which `field` gets too. KITH_ENOMEM. */
KITH_NODISCARD int registry_append_field(Kith__Door__CollectionRecord *record, MilvusField *field,
                                         ProtobufCAllocator *allocator);
/* Makes the record's fields those of the engine. KITH_ENOMEM. */
KITH_NODISCARD int registry_match(Kith__Door__CollectionRecord *record,
                                  const struct kith_schema *engine, ProtobufCAllocator *allocator);
/* handle_field_drop.c */
#define MILVUS_DROP_FIELD_NAME                                                              \
    MILVUS__PROTO__MILVUS__ALTER_COLLECTION_SCHEMA_REQUEST__DROP_REQUEST__IDENTIFIER_FIELD_NAME
MilvusStatus *milvus_field_drop(struct milvus_call *call, const char *name, int64_t id,
                                const WIRE(AlterCollectionSchemaRequest__DropRequest) * in);

/* collection_properties.c: ttl, time zone and so on; keys that nobody knows pass. */
MilvusStatus *milvus_properties_check(struct milvus_call *call, const MilvusSchema *schema,
                                      MilvusPair *const *pairs, size_t count);
/* Makes the engine do what the kept properties say. */
KITH_NODISCARD int milvus_properties_apply(struct milvus_call *call, const char *collection,
                                           struct kith_error *err);

/* handle_resource_group.c */
struct milvus_group;
void milvus_groups_free(struct milvus_group *groups); /* NULL is a no-op */
/* data_zone.c */
struct milvus_zones;
void milvus_zones_free(struct milvus_zones *zones); /* NULL is a no-op */
/* handle_database.c: a property of a database, in the arena; NULL: it has none of that name. */
const char *milvus_database_property(struct milvus_call *call, const char *database,
                                     const char *key);
/* handle_user.c: a refusal of server/auth.h, whose text is ready to be sent. */
MilvusStatus *milvus_auth_error(struct milvus_call *call, int rc, const struct kith_error *err);
/* handle_grant.c. NULL: no memory. false: no such type of object. */
Milvus__Proto__Milvus__GrantEntity *milvus_grant_entity(struct milvus_call *call,
                                                        const struct grant *from);
bool milvus_grant_object(const char *name, enum auth_object *out);
/* handle_describe.c: the one pair of statistics; NULL: no memory. */
MilvusPair **milvus_row_count(struct milvus_call *call, uint64_t rows);
/* handle_database.c: 1 for "default", for others a number made of the name. */
int64_t milvus_database_id(const char *database);
/* handle_partition.c: a number made of both names. */
int64_t milvus_partition_id(const struct milvus_collection *collection, const char *partition);

/* name_rules.c: NULL, or the refusal of a name. */
MilvusStatus *milvus_check_collection_name(struct milvus_call *call, const char *name);
MilvusStatus *milvus_check_alias_name(struct milvus_call *call, const char *name);
MilvusStatus *milvus_check_field_name(struct milvus_call *call, const char *name);
MilvusStatus *milvus_check_partition_name(struct milvus_call *call, const char *name);
MilvusStatus *milvus_check_database_name(struct milvus_call *call, const char *name);
MilvusStatus *milvus_check_index_name(struct milvus_call *call, const char *name);

#include "milvus/milvus_handlers.h"

#endif
