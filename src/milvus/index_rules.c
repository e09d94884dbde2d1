/*
 * What may be indexed how: see index_rules.h.
 */
#include "milvus/index_rules.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "milvus/milvus_internal.h"
#include "milvus/schema_map.h"

#define PAIRS_MAX 64
#define BAD_INDEX "invalid parameter[expected=valid index params][actual=invalid index params]"

enum class { DENSE = 1, BINARY = 2, SPARSE = 4, SCALAR = 8, VECTOR = 7 };

static const struct index_type {
    const char *name;
    unsigned classes;
    const char *engine; /* NULL: the engine chooses */
} types[] = {
    {"FLAT", DENSE, "FLAT"},
    {"IVF_FLAT", DENSE, "HNSW"},
    {"IVF_SQ8", DENSE, "HNSW"},
    {"IVF_PQ", DENSE, "HNSW"},
    {"IVF_RABITQ", DENSE, "HNSW"},
    {"SCANN", DENSE, "HNSW"},
    {"HNSW", DENSE, "HNSW"},
    {"HNSW_SQ", DENSE, "HNSW"},
    {"HNSW_PQ", DENSE, "HNSW"},
    {"HNSW_PRQ", DENSE, "HNSW"},
    {"DISKANN", DENSE, "HNSW"},
    {"AISAQ", DENSE, "HNSW"},
    {"GPU_BRUTE_FORCE", DENSE, "FLAT"},
    {"GPU_IVF_FLAT", DENSE, "HNSW"},
    {"GPU_IVF_PQ", DENSE, "HNSW"},
    {"GPU_CAGRA", DENSE, "HNSW"},
    {"BIN_FLAT", BINARY, "FLAT"},
    {"BIN_IVF_FLAT", BINARY, "HNSW"},
    {"MINHASH_LSH", BINARY, "HNSW"},
    {"SPARSE_INVERTED_INDEX", SPARSE, "SPARSE_INVERTED_INDEX"},
    {"SPARSE_WAND", SPARSE, "SPARSE_INVERTED_INDEX"},
    {"INVERTED", SCALAR, "INVERTED"},
    {"STL_SORT", SCALAR, "STL_SORT"},
    {"TRIE", SCALAR, "TRIE"},
    {"Trie", SCALAR, "TRIE"},
    {"BITMAP", SCALAR, "BITMAP"},
    {"NGRAM", SCALAR, "NGRAM"},
    {"RTREE", SCALAR, "RTREE"},
    {"AUTOINDEX", VECTOR | SCALAR, NULL},
};

static const struct index_type *find_type(const char *name)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(types[i].name, name) == 0) return &types[i];
    return NULL;
}

static unsigned class_of(const MilvusField *field)
{
    if (!field || !field_is_vector(field)) return SCALAR;
    if ((int)field->data_type == KITH_SPARSE_VECTOR) return SPARSE;
    return (int)field->data_type == KITH_BINARY_VECTOR ? BINARY : DENSE;
}

/* ---- parameters, flat ---- */

static MilvusStatus *put(struct milvus_call *call, struct index_ask *ask, const char *key,
                         const char *value)
{
    for (size_t i = 0; i < ask->pair_count; i++) {
        if (strcmp(ask->pairs[i]->key, key) != 0) continue;
        ask->pairs[i]->value = milvus_text(value); /* of the same meaning twice, the later */
        return NULL;
    }
    if (ask->pair_count == PAIRS_MAX)
        return milvus_status(call, MILVUS_INVALID, "too many index params: invalid parameter");
    MilvusPair *pair = milvus_message(call, &milvus__proto__common__key_value_pair__descriptor);
    if (!pair) return milvus_error(call, KITH_ENOMEM, NULL);
    pair->key = milvus_text(key);
    pair->value = milvus_text(value);
    ask->pairs[ask->pair_count++] = pair;
    return NULL;
}

static const char *text_of(struct milvus_call *call, const struct json_value *value)
{
    struct buffer text;
    if (value->kind != JSON_STRING) return arena_strndup(call->arena, value->text, value->len);
    buffer_init(&text);
    const char *out = json_unescape(value, &text)
                          ? NULL
                          : arena_strndup(call->arena, (const char *)text.data, text.len);
    buffer_release(&text);
    return out;
}

/* The members of the JSON object under "params". */
static MilvusStatus *put_json(struct milvus_call *call, struct index_ask *ask, const char *json)
{
    struct json_value object, key, value;
    struct json_iter iter;
    MilvusStatus *refusal = NULL;
    size_t used;
    if (!*json) return NULL;
    if (json_validate(json, strlen(json), NULL) ||
        json_read(json, strlen(json), &object, &used, NULL) || object.kind != JSON_OBJECT)
        return milvus_status(call, MILVUS_INVALID,
                             "the index params are no JSON object: invalid parameter");
    json_iter_init(&iter, &object);
    while (!refusal && json_iter_next(&iter, &key, &value) > 0) {
        const char *name = text_of(call, &key), *text = text_of(call, &value);
        refusal = name && text ? put(call, ask, name, text) : milvus_error(call, KITH_ENOMEM, NULL);
    }
    return refusal;
}

static MilvusStatus *flatten(struct milvus_call *call, const WIRE(CreateIndexRequest) * in,
                             struct index_ask *ask)
{
    MilvusStatus *refusal = NULL;
    for (size_t i = 0; i < in->n_extra_params; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(in->extra_params[i]->key, in->extra_params[j]->key) == 0)
                return milvus_status(call, MILVUS_INVALID,
                                     "duplicated index param (key=%.100s) (value=%.100s) found: "
                                     "invalid parameter",
                                     in->extra_params[i]->key, in->extra_params[i]->value);
    for (size_t i = 0; !refusal && i < in->n_extra_params; i++) {
        const MilvusPair *pair = in->extra_params[i];
        refusal = strcmp(pair->key, "params") == 0 ? put_json(call, ask, pair->value)
                                                   : put(call, ask, pair->key, pair->value);
    }
    return refusal;
}

static const char *get(const struct index_ask *ask, const char *key)
{
    return milvus_pair_get(ask->pairs, ask->pair_count, key);
}

/* ---- type ---- */

static MilvusStatus *bad(struct milvus_call *call, const char *why)
{
    return milvus_status(call, MILVUS_INVALID, "%s: " BAD_INDEX, why);
}

static MilvusStatus *check_auto(struct milvus_call *call, const struct index_ask *ask)
{
    static const char *const may[] = {
        "index_type",     "metric_type",        "mmap.enabled", "warmup", "json_path",
        "json_cast_type", "json_cast_function", "bm25_k1",      "bm25_b"};
    for (size_t i = 0; i < ask->pair_count; i++) {
        bool known = false;
        for (size_t j = 0; j < sizeof may / sizeof may[0]; j++)
            known = known || strcmp(ask->pairs[i]->key, may[j]) == 0;
        if (!known)
            return milvus_status(call, MILVUS_PLAIN,
                                 "only metric type can be passed when use AutoIndex");
    }
    return NULL;
}

static MilvusStatus *check_type(struct milvus_call *call, struct index_ask *ask)
{
    const char *name = get(ask, "index_type");
    if (!name || !*name) name = "AUTOINDEX";
    const struct index_type *type = find_type(name);
    char why[256];
    if (!type)
        return milvus_status(call, MILVUS_INVALID,
                             "invalid parameter[expected=valid index][actual=invalid index type: "
                             "%.100s]",
                             name);
    if (!(type->classes & class_of(ask->field))) {
        (void)snprintf(why, sizeof why, "data type %s can't build with this index %s",
                       ask->field ? field_type_name(ask->field) : "JSON", name);
        return bad(call, why);
    }
    ask->type = type->name;
    ask->engine.kind = type->engine;
    return strcmp(name, "AUTOINDEX") == 0 ? check_auto(call, ask) : NULL;
}

/* ---- metric ---- */

static const char *default_metric(const struct index_ask *ask, bool bm25)
{
    switch (class_of(ask->field)) {
    case SPARSE: return bm25 ? "BM25" : "IP";
    case BINARY: return "HAMMING";
    default: return "COSINE";
    }
}

static bool metric_fits(const struct index_ask *ask, enum kith_metric metric)
{
    switch (class_of(ask->field)) {
    case SPARSE: return metric == KITH_IP || metric == KITH_BM25;
    case BINARY: return metric == KITH_HAMMING || metric == KITH_JACCARD;
    default: return metric == KITH_L2 || metric == KITH_IP || metric == KITH_COSINE;
    }
}

static MilvusStatus *bad_metric(struct milvus_call *call, const struct index_ask *ask,
                                const char *name)
{
    char why[256];
    const char *what = (int)ask->field->data_type == KITH_INT8_VECTOR ? "int"
                       : class_of(ask->field) == BINARY               ? "binary"
                                                                      : "float";
    if (class_of(ask->field) == SPARSE)
        return bad(call, "only IP&BM25 is the supported metric type for sparse index");
    (void)snprintf(why, sizeof why, "%s vector index does not support metric type: %.100s", what,
                   name);
    return bad(call, why);
}

static MilvusStatus *check_metric(struct milvus_call *call, const MilvusSchema *schema,
                                  struct index_ask *ask)
{
    const bool bm25 = schema_bm25_of(schema, ask->field->name) != NULL;
    const char *name = get(ask, "metric_type");
    if (!name || !*name) {
        if (strcmp(ask->type, "AUTOINDEX") != 0)
            return bad(call, "metric type not set for vector index");
        name = default_metric(ask, bm25);
    }
    const enum kith_metric metric = metric_of_name(name);
    if (!metric_fits(ask, metric)) return bad_metric(call, ask, name);
    if (metric == KITH_BM25 && !bm25)
        return bad(call, "only BM25 Function output field support BM25 metric type");
    if (metric != KITH_BM25 && bm25) {
        char why[256];
        (void)snprintf(why, sizeof why,
                       "index metric type of BM25 function output field must be BM25, got %.100s",
                       name);
        return bad(call, why);
    }
    ask->engine.metric = metric;
    return put(call, ask, "metric_type", metric_to_name(metric));
}

/* ---- build parameters ---- */

static MilvusStatus *check_range(struct milvus_call *call, const struct index_ask *ask,
                                 const char *key, int64_t low, int64_t high, uint32_t *out)
{
    const char *text = get(ask, key);
    int64_t value = 0;
    char why[256];
    if (!text) return NULL;
    if (milvus_parse_int(text, &value) && value >= low && value <= high) {
        if (out) *out = (uint32_t)value;
        return NULL;
    }
    (void)snprintf(why, sizeof why,
                   "Out of range in json: param '%s' (%.60s) should be in range [%lld, %lld]", key,
                   text, (long long)low, (long long)high);
    return bad(call, why);
}

static MilvusStatus *check_pq(struct milvus_call *call, const struct index_ask *ask)
{
    uint32_t m = 0;
    int64_t dim = 0;
    MilvusStatus *refusal = check_range(call, ask, "m", 1, 65536, &m);
    if (refusal || m == 0 || strcmp(ask->type, "IVF_PQ") != 0) return refusal;
    (void)milvus_pair_int(ask->field->type_params, ask->field->n_type_params, "dim", &dim);
    return dim % m == 0 ? NULL
                        : bad(call, "The dimension of a vector (dim) should be a multiple of the "
                                    "number of subquantizers (m)");
}

static MilvusStatus *check_dense(struct milvus_call *call, struct index_ask *ask)
{
    uint32_t m = 0, ef = 0;
    MilvusStatus *refusal = check_range(call, ask, "nlist", 1, 65536, NULL);
    if (!refusal) refusal = check_range(call, ask, "M", 2, 2048, &m);
    if (!refusal) refusal = check_range(call, ask, "efConstruction", 1, INT32_MAX, &ef);
    if (!refusal) refusal = check_pq(call, ask);
    if (refusal || strncmp(ask->type, "HNSW", 4) != 0) return refusal;
    ask->engine.m = m > 512 ? 512 : m; /* more links than that do nothing here */
    ask->engine.ef_construction = ef;
    return NULL;
}

static void add_member(struct buffer *json, const char *key, const char *value)
{
    int64_t number;
    if (!value) return;
    buffer_put(json, json->len ? "," : "{", 1);
    json_write_string(json, key, strlen(key));
    buffer_put(json, ":", 1);
    struct json_value read;
    size_t used;
    const bool plain = milvus_parse_int(value, &number) ||
                       (json_read(value, strlen(value), &read, &used, NULL) == 0 &&
                        read.kind == JSON_DOUBLE && used == strlen(value));
    if (plain)
        buffer_put(json, value, strlen(value));
    else
        json_write_string(json, key[0] == 'j' ? value : value, strlen(value));
}

/* What the engine reads of the parameters, as its JSON text. */
static MilvusStatus *engine_params(struct milvus_call *call, struct index_ask *ask)
{
    static const char *const keys[] = {"json_path", "json_cast_type", "min_gram",
                                       "max_gram",  "bm25_k1",        "bm25_b"};
    struct buffer json;
    buffer_init(&json);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        add_member(&json, keys[i], get(ask, keys[i]));
    if (json.len) buffer_put(&json, "}", 1);
    const bool failed = buffer_failed(&json);
    if (!failed && json.len)
        ask->engine.params = arena_strndup(call->arena, (const char *)json.data, json.len);
    buffer_release(&json);
    return failed || (json.len && !ask->engine.params) ? milvus_error(call, KITH_ENOMEM, NULL)
                                                       : NULL;
}

static MilvusStatus *check_scalar(struct milvus_call *call, struct index_ask *ask)
{
    const int type = ask->field ? (int)ask->field->data_type : KITH_JSON;
    char why[256];
    const bool real = type == KITH_FLOAT || type == KITH_DOUBLE;
    const bool word = type == KITH_VARCHAR || type == KITH_TEXT;
    const char *name = ask->type;
    ask->json_path = get(ask, "json_path");
    if (type == KITH_JSON && !get(ask, "json_cast_type"))
        return milvus_status(call, MILVUS_MISSING,
                             "json index must specify cast type: missing parameter");
    if (type == KITH_JSON && ask->field && !ask->json_path) ask->json_path = ask->field->name;
    const bool number = type >= KITH_INT8 && type <= KITH_DOUBLE;
    const bool fits = strcmp(name, "BITMAP") == 0 ? !real && type != KITH_JSON &&
                                                        !(ask->field && ask->field->is_primary_key)
                      : strcasecmp(name, "TRIE") == 0 ? word
                      : strcmp(name, "STL_SORT") == 0 ? number || word || type == KITH_TIMESTAMPTZ
                      : strcmp(name, "NGRAM") == 0    ? word || type == KITH_JSON
                      : strcmp(name, "RTREE") == 0    ? type == KITH_GEOMETRY
                                                      : true;
    if (fits) return NULL;
    (void)snprintf(why, sizeof why, "data type %s can't build with this index %s",
                   ask->field ? field_type_name(ask->field) : "JSON", name);
    return bad(call, why);
}

MilvusStatus *index_ask_read(struct milvus_call *call, const struct milvus_collection *collection,
                             const WIRE(CreateIndexRequest) * in, struct index_ask *out)
{
    const MilvusSchema *schema = collection->record->schema;
    *out = (struct index_ask){.field = milvus_field_find(collection, in->field_name),
                              .engine_field = in->field_name,
                              .engine = KITH_INDEX_PARAMS_INIT};
    if (!out->field && !schema->enable_dynamic_field)
        return milvus_status(call, MILVUS_PLAIN, "cannot create index on non-exist field: %.300s",
                             in->field_name);
    out->pairs = arena_alloc_array(call->arena, PAIRS_MAX, sizeof *out->pairs);
    if (!out->pairs) return milvus_error(call, KITH_ENOMEM, NULL);
    MilvusStatus *refusal = flatten(call, in, out);
    if (!refusal && !out->field && !get(out, "json_path") && !get(out, "json_cast_type"))
        return milvus_status(call, MILVUS_PLAIN, "cannot create index on non-exist field: %.300s",
                             in->field_name);
    if (!refusal) refusal = check_type(call, out);
    if (!refusal) refusal = put(call, out, "index_type", out->type);
    const unsigned class = class_of(out->field);
    if (!refusal && (class & VECTOR)) refusal = check_metric(call, schema, out);
    if (!refusal && (class & (DENSE | BINARY))) refusal = check_dense(call, out);
    if (!refusal && class == SCALAR) refusal = check_scalar(call, out);
    return refusal ? refusal : engine_params(call, out);
}
