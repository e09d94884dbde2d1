/*
 * RESTful v2 of the Milvus door: what its files share. Contract with clients: docs/rest.md.
 *
 * A request is a path, a few headers and a JSON object. Routes (rest_routes.c) name the handler,
 * the privilege and the keys that must be there; the body is scanned once into slots, one for each
 * key that any route knows, and stays where it is: slots borrow from the exchange's body, no tree
 * is built. Handlers build the request message of an RPC and render its reply, so that meaning,
 * limits and texts are those of gRPC. Rows and searches are translated between JSON and the
 * message's bytes (rest_rows_in.c, rest_rows_out.c) without a structure between.
 *
 * The reply is written straight into the exchange. A failure is sticky: rest_fail() empties what
 * was written and writes the error, and nothing is added afterwards.
 *
 * Threads: a request runs on one worker from its beginning to its end; nothing here is shared.
 */
#ifndef KITH_MILVUS_REST_H
#define KITH_MILVUS_REST_H

#include "base/json.h"
#include "milvus/milvus_internal.h"
#include "proto/wire.h"

#define REST_BASE "/v2/vectordb/"

/* Every key of a body that some route reads, sorted by its name in lower case; and the field of a
 * request message that it fills wherever the message has one of that name and of type string. */
#define REST_KEYS(KEY)                                          \
    KEY(ALIAS_NAME, "aliasName", "alias")                       \
    KEY(ANALYZER_NAMES, "analyzerNames", "analyzer_names")      \
    KEY(ANALYZER_PARAMS, "analyzerParams", NULL)                \
    KEY(ANNS_FIELD, "annsField", NULL)                          \
    KEY(AUTO_ID, "autoID", NULL)                                \
    KEY(COLLECTION_NAME, "collectionName", "collection_name")   \
    KEY(CONFIG, "config", NULL)                                 \
    KEY(CONSISTENCY_LEVEL, "consistencyLevel", NULL)            \
    KEY(DATA, "data", NULL)                                     \
    KEY(DATA_TYPE, "dataType", NULL)                            \
    KEY(DB_NAME, "dbName", NULL)                                \
    KEY(DEFAULT_VALUE, "defaultValue", NULL)                    \
    KEY(DESCRIPTION, "description", "description")              \
    KEY(DIMENSION, "dimension", NULL)                           \
    KEY(ELEMENT_DATA_TYPE, "elementDataType", NULL)             \
    KEY(ELEMENT_TYPE_PARAMS, "elementTypeParams", NULL)         \
    KEY(ENABLE_DYNAMIC_FIELD, "enableDynamicField", NULL)       \
    KEY(EXPR_PARAMS, "exprParams", NULL)                        \
    KEY(FIELD_ID, "fieldId", NULL)                              \
    KEY(FIELD_NAME, "fieldName", "field_name")                  \
    KEY(FIELD_PARAMS, "fieldParams", NULL)                      \
    KEY(FIELDS, "fields", NULL)                                 \
    KEY(FILES, "files", NULL)                                   \
    KEY(FILTER, "filter", NULL)                                 \
    KEY(FUNCTION, "function", NULL)                             \
    KEY(FUNCTION_NAME, "functionName", "function_name")         \
    KEY(FUNCTIONS, "functions", NULL)                           \
    KEY(FUNCTION_SCORE, "functionScore", NULL)                  \
    KEY(GROUP_BY_FIELD, "groupByField", NULL)                   \
    KEY(GROUP_BY_FIELDS, "groupByFields", NULL)                 \
    KEY(GROUPING_FIELD, "groupingField", NULL)                  \
    KEY(GROUP_SIZE, "groupSize", NULL)                          \
    KEY(HIGHLIGHTER, "highlighter", NULL)                       \
    KEY(ID, "id", NULL)                                         \
    KEY(IDS, "ids", NULL)                                       \
    KEY(ID_TYPE, "idType", NULL)                                \
    KEY(INDEX_NAME, "indexName", "index_name")                  \
    KEY(INDEX_PARAMS, "indexParams", NULL)                      \
    KEY(INDEX_TYPE, "indexType", NULL)                          \
    KEY(INPUT_FIELD_NAMES, "inputFieldNames", NULL)             \
    KEY(IS_CLUSTERING, "isClustering", NULL)                    \
    KEY(IS_CLUSTERING_KEY, "isClusteringKey", NULL)             \
    KEY(IS_PARTITION_KEY, "isPartitionKey", NULL)               \
    KEY(IS_PRIMARY, "isPrimary", NULL)                          \
    KEY(JOB_ID, "jobId", NULL)                                  \
    KEY(LIMIT, "limit", NULL)                                   \
    KEY(METRIC_TYPE, "metricType", NULL)                        \
    KEY(NAME, "name", NULL)                                     \
    KEY(NEW_COLLECTION_NAME, "newCollectionName", "newName")    \
    KEY(NEW_DB_NAME, "newDbName", "newDBName")                  \
    KEY(NEW_PASSWORD, "newPassword", NULL)                      \
    KEY(NULLABLE, "nullable", NULL)                             \
    KEY(OBJECT_NAME, "objectName", NULL)                        \
    KEY(OBJECT_TYPE, "objectType", NULL)                        \
    KEY(OFFSET, "offset", NULL)                                 \
    KEY(OPTIONS, "options", NULL)                               \
    KEY(ORDER_BY_FIELDS, "orderByFields", NULL)                 \
    KEY(OUTPUT_FIELD_NAMES, "outputFieldNames", NULL)           \
    KEY(OUTPUT_FIELDS, "outputFields", NULL)                    \
    KEY(PARAMS, "params", NULL)                                 \
    KEY(PARTIAL_UPDATE, "partialUpdate", NULL)                  \
    KEY(PARTITION_NAME, "partitionName", "partition_name")      \
    KEY(PARTITION_NAMES, "partitionNames", "partition_names")   \
    KEY(PASSWORD, "password", NULL)                             \
    KEY(PRIMARY_FIELD_NAME, "primaryFieldName", NULL)           \
    KEY(PRIVILEGE, "privilege", NULL)                           \
    KEY(PRIVILEGE_GROUP_NAME, "privilegeGroupName", "group_name") \
    KEY(PRIVILEGES, "privileges", NULL)                         \
    KEY(PROPERTIES, "properties", NULL)                         \
    KEY(PROPERTY_KEYS, "propertyKeys", "delete_keys")           \
    KEY(REPLICA_NUM, "replicaNum", NULL)                        \
    KEY(RERANK, "rerank", NULL)                                 \
    KEY(RG_NAME, "rgName", "resource_group")                    \
    KEY(ROLE_NAME, "roleName", "role_name")                     \
    KEY(SCHEMA, "schema", NULL)                                 \
    KEY(SEARCH, "search", NULL)                                 \
    KEY(SEARCH_PARAMS, "searchParams", NULL)                    \
    KEY(SHARDS_NUM, "shardsNum", NULL)                          \
    KEY(SOURCE_RG_NAME, "sourceRgName", "source_resource_group") \
    KEY(STRICT_GROUP_SIZE, "strictGroupSize", NULL)             \
    KEY(TARGET_RG_NAME, "targetRgName", "target_resource_group") \
    KEY(TEXT, "text", NULL)                                     \
    KEY(TYPE, "type", NULL)                                     \
    KEY(USER_NAME, "userName", "username")                      \
    KEY(VECTOR_FIELD_NAME, "vectorFieldName", NULL)             \
    KEY(WITH_DETAIL, "withDetail", NULL)                        \
    KEY(WITH_HASH, "withHash", NULL)

enum rest_key {
#define REST_KEY_NUMBER(id, name, field) REST_##id,
    REST_KEYS(REST_KEY_NUMBER)
#undef REST_KEY_NUMBER
    REST_KEY_COUNT,
    REST_NONE = REST_KEY_COUNT
};

struct rest_object { /* members of a JSON object, by key; text NULL: absent (or null) */
    struct json_value at[REST_KEY_COUNT];
};

struct rest;
#define REST_REQUIRED_MAX 4
struct rest_route {
    const char *path; /* behind REST_BASE */
    void (*handle)(struct rest *rest);
    const char *rpc;       /* what it stands on; NULL: answered by the route itself */
    const char *privilege; /* NULL: everybody who is authenticated */
    enum auth_object object;
    uint8_t required[REST_REQUIRED_MAX]; /* keys that must be there, and not empty; + 1, 0 ends */
};
const struct rest_route *rest_route_find(struct kith_str path); /* whole path; NULL: unknown */
const struct rest_route *rest_route_at(size_t i);               /* NULL past the end; for tests */

struct rest {
    struct milvus_call call;
    struct kith_call limits; /* what call.call points at: has the default deadline */
    struct exchange *exchange;
    const struct rest_route *route;
    struct buffer *out; /* the reply */
    bool int64_text;    /* int64 go out as strings */
    bool failed;
    int code; /* of the failure */
    struct rest_object body;
};

/* ---- rest.c ---- */

/* The reply is an error now; the first one counts. HTTP 200 unless the code says otherwise. */
void rest_fail(struct rest *rest, int code, const char *fmt, ...) KITH_PRINTF(3, 4);
void rest_fail_status(struct rest *rest, int code, const char *text);
void rest_no_memory(struct rest *rest);
/* A failure with this code is none after all: the reply begins anew. false: another code. */
bool rest_forgive(struct rest *rest, int code);
/* A request message of the RPC in the arena, with database and all fields that keys of the body
 * name. NULL: failed, also when the RPC does not exist. */
void *rest_request(struct rest *rest, const char *rpc);
/* Runs the RPC; NULL: failed, and the reply says how. */
const void *rest_run(struct rest *rest, const char *rpc, const void *request);
/* Like it, for a request in bytes; reply (an initialised buffer) gets the reply message. */
KITH_NODISCARD int rest_run_bytes(struct rest *rest, const char *rpc, const struct buffer *request,
                                  struct buffer *reply);
/* Handler: request of route->rpc from the body, no data in the reply. */
void rest_plain(struct rest *rest);

/* ---- rest_body.c ---- */

extern const char *const rest_key_names[REST_KEY_COUNT];
extern const char *const rest_key_fields[REST_KEY_COUNT];
/* Members of an object by key, in any case; the last of equal ones counts. false: malformed. */
KITH_NODISCARD bool rest_scan(struct rest *rest, const char *text, size_t len,
                              struct rest_object *out);
/* A string that ends in NUL, in the arena. Anything but a string fails (1801); NULL then. */
char *rest_value_text(struct rest *rest, const struct json_value *value);
/* A value as text: strings decoded, everything else as it stands. */
char *rest_value_any(struct rest *rest, const struct json_value *value);
/* Numbers and strings of a number. false: neither. */
bool rest_value_int(const struct json_value *value, int64_t *out);
bool rest_value_double(const struct json_value *value, double *out);
bool rest_value_bool(const struct json_value *value, bool *out);
/* Strings of an array (or one string). NULL with *count 0: absent or failed. */
char **rest_value_texts(struct rest *rest, const struct json_value *value, size_t *count);
/* {"a": 1, "b": "c"} as pairs of texts. */
MilvusPair **rest_value_pairs(struct rest *rest, const struct json_value *value, size_t *count);
MilvusPair *rest_pair(struct rest *rest, const char *key, const char *value); /* copies value */
size_t rest_value_count(const struct json_value *array); /* elements of a valid array */

static inline bool rest_has(const struct rest_object *object, enum rest_key key)
{
    return object->at[key].text != NULL;
}
/* "" when absent */
char *rest_text(struct rest *rest, const struct rest_object *object, enum rest_key key);
int64_t rest_int(struct rest *rest, const struct rest_object *object, enum rest_key key,
                 int64_t otherwise);
bool rest_bool(struct rest *rest, const struct rest_object *object, enum rest_key key,
               bool otherwise);
/* -1 when absent */
int rest_consistency(struct rest *rest, const struct rest_object *object);

/* ---- rest_reply.c: JSON out. Members and elements bring the comma that they need. ---- */

void rest_raw(struct buffer *out, const char *json); /* as it stands, no comma */
void rest_comma(struct buffer *out);
void rest_key(struct buffer *out, const char *name); /* a literal name */
void rest_int64(struct buffer *out, int64_t value);  /* decimal digits */
void rest_add_text(struct buffer *out, const char *name, const char *value);
void rest_add_bool(struct buffer *out, const char *name, bool value);
void rest_add_int(struct buffer *out, const char *name, int64_t value);
/* A row's int64: text or number, as the client asked. */
void rest_add_id(const struct rest *rest, const char *name, int64_t value);
void rest_names(struct buffer *out, char *const *names, size_t count); /* ["a","b"] */
void rest_pairs(struct buffer *out, MilvusPair *const *pairs, size_t count); /* [{key,value}] */
void rest_base64(struct buffer *out, const uint8_t *data, size_t len);

/* ---- rest_schema.c ---- */

MilvusSchema *rest_schema_read(struct rest *rest, const struct json_value *schema);
MilvusField *rest_field_read(struct rest *rest, const struct json_value *field);
Milvus__Proto__Schema__FunctionSchema *rest_function_read(struct rest *rest,
                                                          const struct json_value *function);
void *rest_array(struct rest *rest, size_t count, size_t size); /* NULL: failed */

/* ---- rest_indexes.c: one element of indexParams -> CreateIndex ---- */

bool rest_index_create(struct rest *rest, const struct json_value *params);

/* ---- rest_rows_in.c, rest_vector_in.c ---- */

/* Column messages (fields_data, field `number` of the request) of rows of JSON. */
bool rest_rows_in(struct rest *rest, const struct milvus_collection *collection,
                  const struct json_value *data, bool partial, struct buffer *out, size_t *rows);
/* One vector in the layout of its type; dim 0: any. NULL, or what is wrong with it. */
const char *rest_vector_in(struct rest *rest, const struct json_value *value, int type, size_t dim,
                           struct buffer *out);
/* An array of numbers as f32; the count. NULL, or what is wrong. */
const char *rest_floats_in(const struct json_value *value, struct buffer *out, size_t *count);
/* Decodes the standard alphabet; false: it is none. */
bool rest_base64_in(const struct json_value *string, struct buffer *out);

/* ---- rest_templates.c: exprParams as a map of TemplateValue, field `number` ---- */

bool rest_templates(struct rest *rest, const struct json_value *params, uint32_t number,
                    struct buffer *out);

/* ---- rest_rows_out.c ---- */

struct rest_rows; /* columns of a reply, walked together */
KITH_NODISCARD int rest_rows_new(struct rest *rest, struct rest_rows **out);
/* A FieldData message; borrowed until the end. */
KITH_NODISCARD int rest_rows_add(struct rest_rows *rows, const uint8_t *data, size_t len);
size_t rest_rows_count(const struct rest_rows *rows); /* of the first column; 0 without one */
/* The members of the next row, each with its comma; `but` (nullable): a name to leave out. */
KITH_NODISCARD int rest_rows_put(struct rest_rows *rows, const char *but, struct buffer *out);

/* ---- rest_search.c: shared by search and hybrid search ---- */

/* One search of `body` as fields of a SearchRequest; sub: one of several, without a limit of its
 * own and without grouping. */
bool rest_search_request(struct rest *rest, const struct milvus_collection *collection,
                         const struct rest_object *body, bool sub, struct buffer *out);
void rest_search_render(struct rest *rest, const struct buffer *reply); /* rest_hits.c */
bool rest_function_score(struct rest *rest, const struct json_value *value, uint32_t number,
                         struct buffer *out);

/* ---- rest_highlight.c ---- */

#define REST_MARKS_MAX 16u /* fields of one search */

struct rest_mark { /* borrows from the reply */
    struct kith_str name;
    struct wire rows; /* what is left of the field's HighlightResult */
};
struct rest_marks {
    struct rest_mark at[REST_MARKS_MAX];
    size_t count;
};
/* A Highlighter message from a body's member; absent: nothing. */
bool rest_highlighter(struct rest *rest, const struct json_value *value, uint32_t number,
                      struct buffer *out);
KITH_NODISCARD int rest_marks_add(struct rest_marks *marks, const struct wire_field *result);
/* "highlight" of the next hit, with its comma; nothing when nobody asked. */
KITH_NODISCARD int rest_marks_put(struct rest_marks *marks, struct buffer *out);

void rest_wire_pair(struct buffer *out, uint32_t number, const char *key, const char *value);
void rest_wire_int_pair(struct buffer *out, uint32_t number, const char *key, int64_t value);
/* Names, or objects of "field" and "order", as a pair whose value is "a:asc,b"; absent: nothing. */
void rest_wire_list(struct rest *rest, const struct json_value *value, const char *key,
                    uint32_t number, struct buffer *out);
void rest_wire_consistency(struct buffer *out, uint32_t level, uint32_t use_default, int value);
/* The collection of the body, or NULL: failed with 100. Release it. */
struct milvus_collection *rest_collection(struct rest *rest);

/* ---- handlers ---- */

#define REST_HANDLER(name) void rest_##name(struct rest *rest)
REST_HANDLER(collections_list);
REST_HANDLER(collections_has);
REST_HANDLER(collections_describe);
REST_HANDLER(collections_stats);
REST_HANDLER(collections_load_state);
REST_HANDLER(collections_create);
REST_HANDLER(collections_rename);
REST_HANDLER(collections_refresh_load);
REST_HANDLER(collections_flush);
REST_HANDLER(collections_compact);
REST_HANDLER(collections_compaction_state);
REST_HANDLER(properties_alter);
REST_HANDLER(properties_drop);
REST_HANDLER(collections_add_function);
REST_HANDLER(fields_add);
REST_HANDLER(fields_drop);
REST_HANDLER(fields_alter);
REST_HANDLER(entities_insert);
REST_HANDLER(entities_upsert);
REST_HANDLER(entities_delete);
REST_HANDLER(entities_query);
REST_HANDLER(entities_get);
REST_HANDLER(entities_search);
REST_HANDLER(entities_hybrid_search);
REST_HANDLER(partitions_list);
REST_HANDLER(partitions_has);
REST_HANDLER(partitions_stats);
REST_HANDLER(indexes_list);
REST_HANDLER(indexes_describe);
REST_HANDLER(indexes_create);
REST_HANDLER(indexes_alter);
REST_HANDLER(aliases_list);
REST_HANDLER(aliases_describe);
REST_HANDLER(databases_list);
REST_HANDLER(databases_create);
REST_HANDLER(databases_describe);
REST_HANDLER(users_list);
REST_HANDLER(users_describe);
REST_HANDLER(users_create);
REST_HANDLER(users_password);
REST_HANDLER(users_grant);
REST_HANDLER(users_revoke);
REST_HANDLER(roles_list);
REST_HANDLER(roles_describe);
REST_HANDLER(roles_create);
REST_HANDLER(roles_grant);
REST_HANDLER(roles_revoke);
REST_HANDLER(roles_grant_v2);
REST_HANDLER(roles_revoke_v2);
REST_HANDLER(groups_list);
REST_HANDLER(groups_add);
REST_HANDLER(groups_remove);
REST_HANDLER(resources_list);
REST_HANDLER(resources_describe);
REST_HANDLER(resources_create);
REST_HANDLER(resources_alter);
REST_HANDLER(resources_transfer);
REST_HANDLER(segments_describe);
REST_HANDLER(run_analyzer);
REST_HANDLER(jobs_create);
REST_HANDLER(jobs_describe);
REST_HANDLER(jobs_list);
REST_HANDLER(later);

#endif
