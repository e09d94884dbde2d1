/*
 * entities/search and entities/hybrid_search: JSON into a SearchRequest's bytes, and back
 * (rest_hits.c).
 *
 * A query vector is read once, from its digits into the placeholder. Search parameters may stand in
 * searchParams or in its "params"; all but the few that have a place of their own go to "params" as
 * they stand, where they are read for both transports. What the values may be is decided there too.
 */
#include <string.h>

#include "milvus/rest.h"
#include "proto/wire.h"

enum { /* fields of SearchRequest and HybridSearchRequest */
    SEARCH_DB = 2, SEARCH_COLLECTION = 3, SEARCH_PARTITIONS = 4, SEARCH_DSL = 5,
    SEARCH_PLACEHOLDER = 6, SEARCH_DSL_TYPE = 7, SEARCH_OUTPUT = 8, SEARCH_PARAMS = 9,
    SEARCH_NQ = 12, SEARCH_LEVEL = 14, SEARCH_DEFAULT_LEVEL = 15, SEARCH_TEMPLATES = 18,
    SEARCH_FUNCTION_SCORE = 19, SEARCH_HIGHLIGHTER = 21, SEARCH_IDS = 22,
    HYBRID_REQUESTS = 5, HYBRID_RANK = 6, HYBRID_OUTPUT = 10, HYBRID_LEVEL = 11,
    HYBRID_DEFAULT_LEVEL = 12, HYBRID_FUNCTION_SCORE = 13,
    LIMIT_DEFAULT = 100
};

/* ---- small parts ---- */

void rest_wire_pair(struct buffer *out, uint32_t number, const char *key, const char *value)
{
    const size_t key_len = strlen(key), len = strlen(value);
    wire_put_head(out, number, wire_bytes_size(1, key_len) + (len ? wire_bytes_size(2, len) : 0));
    wire_put_bytes(out, 1, key, key_len);
    wire_put_text(out, 2, value);
}

void rest_wire_int_pair(struct buffer *out, uint32_t number, const char *key, int64_t value)
{
    char text[24];
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    size_t at = sizeof text - 1;
    text[at] = 0;
    do text[--at] = (char)('0' + left % 10);
    while (left /= 10);
    if (value < 0) text[--at] = '-';
    rest_wire_pair(out, number, key, text + at);
}

void rest_wire_consistency(struct buffer *out, uint32_t level, uint32_t use_default, int value)
{
    if (value >= 0) wire_put_varint(out, level, (uint64_t)value);
    else wire_put_varint(out, use_default, 1);
}

/* "price", or {"field": "price", "order": "desc"}. */
static void put_name(struct rest *rest, const struct json_value *value, struct buffer *out)
{
    static const struct json_step steps[] = { { "field", 5, 0 }, { "order", 5, 0 } };
    struct json_value part;
    for (size_t i = 0; i < 2; i++) {
        if (value->kind != JSON_OBJECT) part = *value;
        else if (json_find(value->text, value->len, &steps[i], 1, &part)) continue;
        const char *text = rest_value_text(rest, &part);
        if (!text) return;
        if (i) buffer_put_u8(out, ':');
        buffer_put(out, text, strlen(text));
        if (value->kind != JSON_OBJECT) return;
    }
}

void rest_wire_list(struct rest *rest, const struct json_value *value, const char *key,
                    uint32_t number, struct buffer *out)
{
    struct buffer list;
    struct json_iter iter;
    struct json_value element;
    if (!value->text) return;
    buffer_init(&list);
    json_iter_init(&iter, value);
    if (value->kind != JSON_ARRAY) put_name(rest, value, &list);
    while (value->kind == JSON_ARRAY && json_iter_next(&iter, NULL, &element) == 1) {
        if (list.len) buffer_put_u8(&list, ',');
        put_name(rest, &element, &list);
    }
    buffer_put_u8(&list, 0);
    if (buffer_failed(&list)) rest_no_memory(rest);
    else if (list.len > 1) rest_wire_pair(out, number, key, (const char *)list.data);
    buffer_release(&list);
}

static void put_texts(struct rest *rest, const struct rest_object *body, enum rest_key key,
                      uint32_t number, struct buffer *out)
{
    size_t count;
    char **texts = rest_value_texts(rest, &body->at[key], &count);
    for (size_t i = 0; i < count; i++) wire_put_bytes(out, number, texts[i], strlen(texts[i]));
}

struct milvus_collection *rest_collection(struct rest *rest)
{
    MilvusStatus *status = NULL;
    struct milvus_collection *collection = milvus_collection_get(
        &rest->call, rest_text(rest, &rest->body, REST_COLLECTION_NAME), true, &status);
    if (!collection) rest_fail_status(rest, status->code, status->reason);
    return collection;
}

/* ---- query vectors ---- */

static const MilvusField *target_field(struct rest *rest,
                                       const struct milvus_collection *collection, const char *name)
{
    const MilvusSchema *schema = collection->record->schema;
    const MilvusField *only = NULL;
    if (*name) {
        const MilvusField *field = milvus_field_find(collection, name);
        if (!field) rest_fail(rest, MILVUS_INVALID, "cannot find a vector field named: %.200s: "
                              "invalid parameter", name);
        return field;
    }
    for (size_t i = 0; i < schema->n_fields; i++) {
        if (schema->fields[i]->data_type < MILVUS__PROTO__SCHEMA__DATA_TYPE__BinaryVector) continue;
        if (only) {
            rest_fail(rest, MILVUS_PLAIN, "multiple anns_fields exist, please specify a anns_field "
                      "in search_params");
            return NULL;
        }
        only = schema->fields[i];
    }
    if (!only) rest_fail(rest, MILVUS_PLAIN, "schema does not contain vector field");
    return only;
}

/* Numbers for f16 and bf16 fields are converted by whoever searches; texts are for BM25. */
static int query_type(const MilvusField *field, const struct json_value *first)
{
    const int type = (int)field->data_type;
    const bool text = first->kind == JSON_STRING;
    if (text && (type == KITH_SPARSE_VECTOR || type == KITH_FLOAT_VECTOR)) return KITH_VARCHAR;
    if (!text && (type == KITH_FLOAT16_VECTOR || type == KITH_BFLOAT16_VECTOR))
        return KITH_FLOAT_VECTOR;
    return type;
}

static const char *put_query(struct rest *rest, const struct json_value *value, int type,
                             struct buffer *scratch, struct buffer *out)
{
    const char *problem = NULL;
    buffer_clear(scratch);
    if (type != KITH_VARCHAR) problem = rest_vector_in(rest, value, type, 0, scratch);
    else if (value->kind != JSON_STRING) problem = "a text is expected";
    else if (json_unescape(value, scratch)) problem = "no memory";
    wire_put_bytes(out, 3, scratch->data, scratch->len);
    return buffer_failed(scratch) ? "no memory" : problem;
}

/* PlaceholderValue{tag, type, values[]}; the count of queries. */
static size_t put_queries(struct rest *rest, const MilvusField *field,
                          const struct json_value *data, struct buffer *out)
{
    struct buffer scratch;
    struct json_iter iter;
    struct json_value value;
    const char *problem = data->kind == JSON_ARRAY ? NULL : "an array of vectors is expected";
    size_t count = 0;
    int type = 0;
    buffer_init(&scratch);
    wire_put_text(out, 1, "$0");
    json_iter_init(&iter, data);
    while (!problem && json_iter_next(&iter, NULL, &value) == 1) {
        if (count++ == 0) {
            type = query_type(field, &value);
            wire_put_varint(out, 2, (uint64_t)type);
        }
        problem = put_query(rest, &value, type, &scratch, out);
    }
    buffer_release(&scratch);
    if (problem)
        rest_fail(rest, 1801, "can only accept json format request, error: %s: query %zu", problem,
                  count);
    return count;
}

static bool put_placeholder(struct rest *rest, const MilvusField *field,
                            const struct json_value *data, struct buffer *out)
{
    struct buffer value;
    buffer_init(&value);
    const size_t count = put_queries(rest, field, data, &value);
    wire_put_head(out, SEARCH_PLACEHOLDER, wire_bytes_size(1, value.len));
    wire_put_head(out, 1, value.len);
    buffer_put(out, value.data, value.len);
    wire_put_varint(out, SEARCH_NQ, count);
    if (buffer_failed(&value)) out->failed = true;
    buffer_release(&value);
    return !rest->failed;
}

/* IDs{int_id{data} | str_id{data}} */
static bool put_ids(struct rest *rest, const MilvusField *primary, const struct json_value *ids,
                    struct buffer *out)
{
    struct buffer keys;
    struct json_iter iter;
    struct json_value id;
    const bool numbers = primary->data_type == MILVUS__PROTO__SCHEMA__DATA_TYPE__Int64;
    bool good = true;
    size_t count = 0;
    buffer_init(&keys);
    json_iter_init(&iter, ids);
    while (good && json_iter_next(&iter, NULL, &id) == 1) {
        int64_t number;
        count++;
        if (!numbers) {
            const char *text = rest_value_any(rest, &id);
            good = text != NULL;
            if (good) wire_put_bytes(&keys, 1, text, strlen(text));
        } else if ((good = rest_value_int(&id, &number))) {
            buffer_put_varint(&keys, (uint64_t)number);
        }
    }
    if (!good)
        rest_fail(rest, 1801, "can only accept json format request, error: ids are not of the type "
                  "of the primary key");
    const size_t inner = numbers ? wire_bytes_size(1, keys.len) : keys.len;
    wire_put_head(out, SEARCH_IDS, wire_bytes_size(numbers ? 1 : 2, inner));
    wire_put_head(out, numbers ? 1 : 2, inner);
    if (numbers) wire_put_head(out, 1, keys.len);
    buffer_put(out, keys.data, keys.len);
    wire_put_varint(out, SEARCH_NQ, count);
    if (buffer_failed(&keys)) out->failed = true;
    buffer_release(&keys);
    return good && !rest->failed;
}

/* ---- search parameters ---- */

/* Keys with a place of their own beside "params". */
static const char *own_place(const struct json_value *key)
{
    static const char *const names[][2] = {
        { "metricType", "metric_type" },     { "metric_type", "metric_type" },
        { "ignoreGrowing", "ignore_growing" }, { "ignore_growing", "ignore_growing" },
        { "roundDecimal", "round_decimal" }, { "round_decimal", "round_decimal" },
        { "hints", "hints" },                { "analyzerName", "analyzer_name" },
        { "analyzer_name", "analyzer_name" }, { "timezone", "timezone" },
        { "time_fields", "time_fields" },
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (json_string_equals(key, names[i][0], strlen(names[i][0]))) return names[i][1];
    return NULL;
}

static bool same_value(const struct json_value *a, const struct json_value *b)
{
    return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

/* The key on the other level, with another value: nobody can tell which is meant. */
static bool ambiguous(struct rest *rest, const struct json_value *params,
                      const struct json_value *key, const struct json_value *value)
{
    struct json_iter iter;
    struct json_value name, other;
    json_iter_init(&iter, params);
    while (params->text && json_iter_next(&iter, &name, &other) == 1) {
        if (!same_value(&name, key) || same_value(&other, value)) continue;
        rest_fail(rest, MILVUS_INVALID, "ambiguous parameter: %.*s: invalid parameter",
                  (int)(key->len > 100 ? 100 : key->len), key->text);
        return true;
    }
    return false;
}

static void put_param(struct rest *rest, const struct json_value *key,
                      const struct json_value *value, struct buffer *params, struct buffer *out)
{
    const char *place = own_place(key);
    if (place) {
        const char *text = rest_value_any(rest, value);
        if (text) rest_wire_pair(out, SEARCH_PARAMS, place, text);
        return;
    }
    rest_comma(params);
    buffer_put(params, key->text, key->len);
    buffer_put_u8(params, ':');
    buffer_put(params, value->text, value->len);
}

static void put_level(struct rest *rest, const struct json_value *level,
                      const struct json_value *other, struct buffer *params, struct buffer *out)
{
    struct json_iter iter;
    struct json_value key, value;
    json_iter_init(&iter, level);
    while (level->text && !rest->failed && json_iter_next(&iter, &key, &value) == 1) {
        const bool nested = value.kind == JSON_OBJECT && json_string_equals(&key, "params", 6);
        if (nested || value.kind == JSON_NULL) continue;
        if (other && ambiguous(rest, other, &key, &value)) return;
        put_param(rest, &key, &value, params, out);
    }
}

/* The "params" of hybrid sub-requests stand in the body itself. */
static bool put_search_params(struct rest *rest, const struct rest_object *body, struct buffer *out)
{
    static const struct json_step inside = { "params", 6, 0 };
    const struct json_value *outer = &body->at[REST_SEARCH_PARAMS];
    struct json_value inner = body->at[REST_PARAMS];
    struct buffer params;
    if (outer->text) {
        inner.text = NULL;
        if (json_find(outer->text, outer->len, &inside, 1, &inner)) inner.text = NULL;
    }
    if ((outer->text && outer->kind != JSON_OBJECT) || (inner.text && inner.kind != JSON_OBJECT)) {
        rest_fail(rest, 1801, "can only accept json format request, error: search parameters are "
                  "no object");
        return false;
    }
    buffer_init(&params);
    rest_raw(&params, "{");
    if (outer->text) put_level(rest, outer, &inner, &params, out);
    put_level(rest, &inner, NULL, &params, out);
    rest_raw(&params, "}");
    wire_put_head(out, SEARCH_PARAMS, wire_bytes_size(1, 6) + wire_bytes_size(2, params.len));
    wire_put_text(out, 1, "params");
    wire_put_bytes(out, 2, params.data, params.len);
    if (buffer_failed(&params)) out->failed = true;
    buffer_release(&params);
    return !rest->failed;
}

static void put_grouping(struct rest *rest, const struct rest_object *body, uint32_t number,
                         struct buffer *out)
{
    const enum rest_key key =
        rest_has(body, REST_GROUPING_FIELD) ? REST_GROUPING_FIELD : REST_GROUP_BY_FIELD;
    const char *field = rest_text(rest, body, key);
    if (*field) rest_wire_pair(out, number, "group_by_field", field);
    if (rest_has(body, REST_GROUP_SIZE))
        rest_wire_int_pair(out, number, "group_size", rest_int(rest, body, REST_GROUP_SIZE, 1));
    if (rest_has(body, REST_STRICT_GROUP_SIZE))
        rest_wire_pair(out, number, "strict_group_size",
                       rest_bool(rest, body, REST_STRICT_GROUP_SIZE, false) ? "true" : "false");
}

bool rest_function_score(struct rest *rest, const struct json_value *value, uint32_t number,
                         struct buffer *out)
{
    Milvus__Proto__Schema__FunctionScore score = MILVUS__PROTO__SCHEMA__FUNCTION_SCORE__INIT;
    struct rest_object from;
    struct json_iter iter;
    struct json_value element;
    if (!value->text) return true;
    if (value->kind != JSON_OBJECT || !rest_scan(rest, value->text, value->len, &from)) {
        rest_fail(rest, 1801, "can only accept json format request, error: functionScore");
        return false;
    }
    score.functions = rest_array(rest, rest_value_count(&from.at[REST_FUNCTIONS]),
                                 sizeof *score.functions);
    json_iter_init(&iter, &from.at[REST_FUNCTIONS]);
    while (!rest->failed && json_iter_next(&iter, NULL, &element) == 1)
        if (!(score.functions[score.n_functions++] = rest_function_read(rest, &element)))
            return false;
    score.params = rest_value_pairs(rest, &from.at[REST_PARAMS], &score.n_params);
    if (rest->failed) return false;
    const size_t len = milvus__proto__schema__function_score__get_packed_size(&score);
    wire_put_head(out, number, len);
    uint8_t *room = buffer_extend(out, len);
    if (room && len) (void)milvus__proto__schema__function_score__pack(&score, room);
    return true;
}

/* ---- one search ---- */

static bool put_input(struct rest *rest, const struct milvus_collection *collection,
                      const struct rest_object *body, const MilvusField *field, struct buffer *out)
{
    const bool data = rest_has(body, REST_DATA), ids = rest_has(body, REST_IDS);
    if (data && ids)
        rest_fail(rest, MILVUS_INVALID, "'ids' and 'data' cannot be provided together: invalid "
                  "parameter");
    else if (!data && !ids)
        rest_fail(rest, 1802, "missing required parameters, error: either 'ids' (for primary key "
                  "search) or 'data' (for vector search) must be provided");
    else if (ids) return put_ids(rest, collection->primary, &body->at[REST_IDS], out);
    else return put_placeholder(rest, field, &body->at[REST_DATA], out);
    return false;
}

bool rest_search_request(struct rest *rest, const struct milvus_collection *collection,
                         const struct rest_object *body, bool sub, struct buffer *out)
{
    const char *name = rest_text(rest, body, REST_ANNS_FIELD);
    const MilvusField *field = rest->failed ? NULL : target_field(rest, collection, name);
    if (!field) return false;
    wire_put_text(out, SEARCH_DB, rest->call.database);
    wire_put_text(out, SEARCH_COLLECTION, rest_text(rest, &rest->body, REST_COLLECTION_NAME));
    wire_put_text(out, SEARCH_DSL, rest_text(rest, body, REST_FILTER));
    wire_put_varint(out, SEARCH_DSL_TYPE, 1);
    if (!put_input(rest, collection, body, field, out)) return false;
    rest_wire_pair(out, SEARCH_PARAMS, "anns_field", field->name);
    if (!sub || rest_has(body, REST_LIMIT))
        rest_wire_int_pair(out, SEARCH_PARAMS, "topk",
                           rest_int(rest, body, REST_LIMIT, LIMIT_DEFAULT));
    if (rest_has(body, REST_OFFSET))
        rest_wire_int_pair(out, SEARCH_PARAMS, "offset", rest_int(rest, body, REST_OFFSET, 0));
    const char *metric = rest_text(rest, body, REST_METRIC_TYPE);
    if (*metric) rest_wire_pair(out, SEARCH_PARAMS, "metric_type", metric);
    if (!sub) put_grouping(rest, body, SEARCH_PARAMS, out);
    if (!sub)
        rest_wire_list(rest, &body->at[REST_ORDER_BY_FIELDS], "order_by_fields", SEARCH_PARAMS,
                       out);
    return put_search_params(rest, body, out) &&
           rest_templates(rest, &body->at[REST_EXPR_PARAMS], SEARCH_TEMPLATES, out);
}

/* ---- the routes ---- */

static void ask(struct rest *rest, const char *rpc, const struct buffer *request)
{
    struct buffer reply;
    buffer_init(&reply);
    if (!rest->failed && rest_run_bytes(rest, rpc, request, &reply) == 0)
        rest_search_render(rest, &reply);
    buffer_release(&reply);
}

REST_HANDLER(entities_search)
{
    struct buffer request;
    struct milvus_collection *collection = rest_collection(rest);
    if (!collection) return;
    buffer_init(&request);
    if (rest_search_request(rest, collection, &rest->body, false, &request)) {
        put_texts(rest, &rest->body, REST_PARTITION_NAMES, SEARCH_PARTITIONS, &request);
        put_texts(rest, &rest->body, REST_OUTPUT_FIELDS, SEARCH_OUTPUT, &request);
        rest_wire_consistency(&request, SEARCH_LEVEL, SEARCH_DEFAULT_LEVEL,
                              rest_consistency(rest, &rest->body));
        (void)rest_function_score(rest, &rest->body.at[REST_FUNCTION_SCORE], SEARCH_FUNCTION_SCORE,
                                  &request);
        (void)rest_highlighter(rest, &rest->body.at[REST_HIGHLIGHTER], SEARCH_HIGHLIGHTER,
                               &request);
    }
    milvus_collection_unref(collection);
    ask(rest, "Search", &request);
    buffer_release(&request);
}

static bool put_searches(struct rest *rest, const struct milvus_collection *collection,
                         struct buffer *out)
{
    const struct json_value *searches = &rest->body.at[REST_SEARCH];
    struct rest_object *body = arena_alloc(rest->call.arena, sizeof *body);
    struct buffer one;
    struct json_iter iter;
    struct json_value element;
    if (!body) rest_no_memory(rest);
    buffer_init(&one);
    json_iter_init(&iter, searches);
    while (!rest->failed && json_iter_next(&iter, NULL, &element) == 1) {
        buffer_clear(&one);
        if (element.kind != JSON_OBJECT || !rest_scan(rest, element.text, element.len, body))
            rest_fail(rest, 1801,
                      "can only accept json format request, error: search is no list of "
                      "objects");
        else if (rest_search_request(rest, collection, body, true, &one))
            wire_put_bytes(out, HYBRID_REQUESTS, one.data, one.len);
        if (buffer_failed(&one)) out->failed = true;
    }
    buffer_release(&one);
    return !rest->failed;
}

static void put_rank(struct rest *rest, struct buffer *out)
{
    const struct json_value *rerank = &rest->body.at[REST_RERANK];
    static const struct json_step strategy_step = { "strategy", 8, 0 };
    static const struct json_step params_step = { "params", 6, 0 };
    struct json_value strategy, params;
    rest_wire_int_pair(out, HYBRID_RANK, "limit",
                       rest_int(rest, &rest->body, REST_LIMIT, LIMIT_DEFAULT));
    rest_wire_int_pair(out, HYBRID_RANK, "offset", rest_int(rest, &rest->body, REST_OFFSET, 0));
    rest_wire_pair(out, HYBRID_RANK, "round_decimal", "-1");
    put_grouping(rest, &rest->body, HYBRID_RANK, out);
    rest_wire_list(rest, &rest->body.at[REST_ORDER_BY_FIELDS], "order_by_fields", HYBRID_RANK, out);
    if (!rerank->text) return;
    if (json_find(rerank->text, rerank->len, &strategy_step, 1, &strategy) == 0) {
        const char *text = rest_value_any(rest, &strategy);
        if (text) rest_wire_pair(out, HYBRID_RANK, "strategy", text);
    }
    const bool given = json_find(rerank->text, rerank->len, &params_step, 1, &params) == 0;
    const char *text = given ? rest_value_any(rest, &params) : "{}";
    if (text) rest_wire_pair(out, HYBRID_RANK, "params", text);
}

REST_HANDLER(entities_hybrid_search)
{
    struct buffer request;
    if (rest_has(&rest->body, REST_HIGHLIGHTER)) {
        rest_fail(rest, MILVUS_UNIMPLEMENTED,
                  "service unimplemented: highlighters of a hybrid search");
        return;
    }
    struct milvus_collection *collection = rest_collection(rest);
    if (!collection) return;
    buffer_init(&request);
    wire_put_text(&request, SEARCH_DB, rest->call.database);
    wire_put_text(&request, SEARCH_COLLECTION, rest_text(rest, &rest->body, REST_COLLECTION_NAME));
    if (put_searches(rest, collection, &request)) {
        put_rank(rest, &request);
        put_texts(rest, &rest->body, REST_PARTITION_NAMES, SEARCH_PARTITIONS, &request);
        put_texts(rest, &rest->body, REST_OUTPUT_FIELDS, HYBRID_OUTPUT, &request);
        rest_wire_consistency(&request, HYBRID_LEVEL, HYBRID_DEFAULT_LEVEL,
                              rest_consistency(rest, &rest->body));
        (void)rest_function_score(rest, &rest->body.at[REST_FUNCTION_SCORE], HYBRID_FUNCTION_SCORE,
                                  &request);
    }
    milvus_collection_unref(collection);
    ask(rest, "HybridSearch", &request);
    buffer_release(&request);
}
