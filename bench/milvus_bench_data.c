/*
 * Rows, exact neighbours, and the messages that carry them. Messages look like those of the Python
 * client.
 *
 * "latent" rows lie near a subspace of 16 dimensions, as embeddings do: a search of them is quick,
 * so what the door adds weighs more. "uniform" rows fill all dimensions and are the hardest there
 * are.
 */
#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "milvus_bench.h"

#define LATENT 16

#define PB(name) Milvus__Proto__##name
#define MESSAGE(name) &milvus__proto__milvus__##name##__descriptor

/* ---- rows ---- */

static void latent_row(struct rng *rng, const float *mixing, size_t dim, float *out)
{
    float z[LATENT];
    for (size_t i = 0; i < LATENT; i++) z[i] = (float)rng_gauss(rng);
    for (size_t d = 0; d < dim; d++) {
        float sum = 0.05f * (float)rng_gauss(rng);
        for (size_t i = 0; i < LATENT; i++) sum += mixing[d * LATENT + i] * z[i];
        out[d] = sum;
    }
}

static float *make_rows(const struct options *options, const float *mixing, size_t count,
                        uint64_t seed)
{
    struct rng rng;
    float *rows = malloc(count * options->dim * sizeof *rows);
    if (!rows) die("no memory");
    rng_init(&rng, seed);
    for (size_t i = 0; i < count; i++) {
        float *row = rows + i * options->dim;
        if (options->uniform)
            for (size_t d = 0; d < options->dim; d++) row[d] = (float)rng_f64(&rng);
        else latent_row(&rng, mixing, options->dim, row);
    }
    return rows;
}

void data_make(const struct options *options, size_t rows, size_t queries, struct data *out)
{
    float *mixing = malloc(options->dim * LATENT * sizeof *mixing);
    struct rng rng;
    if (!mixing) die("no memory");
    rng_init(&rng, 7);
    for (size_t i = 0; i < options->dim * LATENT; i++) mixing[i] = (float)rng_gauss(&rng) / 4;
    *out = (struct data){ .rows = rows, .queries = queries, .dim = options->dim };
    out->base = make_rows(options, mixing, rows, 1);
    out->query = make_rows(options, mixing, queries, 2);
    free(mixing);
}

void data_release(struct data *data)
{
    free(data->base);
    free(data->query);
    free(data->truth);
}

static float distance(const float *a, const float *b, size_t dim)
{
    float sum[8] = { 0 };
    for (size_t d = 0; d + 8 <= dim; d += 8)
        for (size_t i = 0; i < 8; i++) sum[i] += (a[d + i] - b[d + i]) * (a[d + i] - b[d + i]);
    return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

static void nearest(const struct data *data, const float *query, int64_t *out)
{
    float best[K];
    size_t count = 0;
    for (size_t i = 0; i < data->rows; i++) {
        const float found = distance(query, data->base + i * data->dim, data->dim);
        if (count == K && found >= best[K - 1]) continue;
        size_t at = count < K ? count++ : K - 1;
        for (; at > 0 && best[at - 1] > found; at--) {
            best[at] = best[at - 1];
            out[at] = out[at - 1];
        }
        best[at] = found;
        out[at] = (int64_t)i;
    }
}

void data_truth(struct data *data)
{
    data->truth = malloc(data->queries * K * sizeof *data->truth);
    if (!data->truth) die("no memory");
    for (size_t q = 0; q < data->queries; q++)
        nearest(data, data->query + q * data->dim, data->truth + q * K);
}

size_t data_hits(const struct data *data, size_t query, const int64_t *ids, size_t count)
{
    const int64_t *truth = data->truth + query % data->queries * K;
    size_t hits = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < K; j++) hits += ids[i] == truth[j];
    return hits;
}

/* ---- a collection ---- */

static char *text_of(const char *text) { return (char *)(uintptr_t)text; }

static void check(const PB(Common__Status) * status, const char *what)
{
    if (status && status->code) die("%s: %s", what, status->reason);
}

static void call_for_status(uint16_t port, const char *rpc, const void *request)
{
    PB(Common__Status) *status =
        grpc_call(port, rpc, request, &milvus__proto__common__status__descriptor);
    check(status, rpc);
    milvus__proto__common__status__free_unpacked(status, NULL);
}

static void create_schema(const char *name, const char *dim, struct buffer *out)
{
    PB(Schema__FieldSchema) id = MILVUS__PROTO__SCHEMA__FIELD_SCHEMA__INIT, vector = id;
    PB(Schema__CollectionSchema) schema = MILVUS__PROTO__SCHEMA__COLLECTION_SCHEMA__INIT;
    PB(Common__KeyValuePair) pair = MILVUS__PROTO__COMMON__KEY_VALUE_PAIR__INIT, *pairs = &pair;
    PB(Schema__FieldSchema) *fields[] = { &id, &vector };
    pair.key = text_of("dim");
    pair.value = text_of(dim);
    id.name = text_of("id");
    id.is_primary_key = true;
    id.data_type = MILVUS__PROTO__SCHEMA__DATA_TYPE__Int64;
    vector.name = text_of(FIELD);
    vector.data_type = MILVUS__PROTO__SCHEMA__DATA_TYPE__FloatVector;
    vector.n_type_params = 1;
    vector.type_params = &pairs;
    schema.name = text_of(name);
    schema.n_fields = 2;
    schema.fields = fields;
    uint8_t *room =
        buffer_extend(out, milvus__proto__schema__collection_schema__get_packed_size(&schema));
    if (!room) die("no memory");
    (void)milvus__proto__schema__collection_schema__pack(&schema, room);
}

static void create_index(uint16_t port, const char *name)
{
    static const char *const texts[][2] = { { "index_type", "HNSW" }, { "metric_type", "L2" },
                                            { "params", "{\"M\":16,\"efConstruction\":200}" } };
    PB(Milvus__CreateIndexRequest) request = MILVUS__PROTO__MILVUS__CREATE_INDEX_REQUEST__INIT;
    PB(Common__KeyValuePair) pairs[3], *params[3];
    for (size_t i = 0; i < 3; i++) {
        pairs[i] = (PB(Common__KeyValuePair))MILVUS__PROTO__COMMON__KEY_VALUE_PAIR__INIT;
        pairs[i].key = text_of(texts[i][0]);
        pairs[i].value = text_of(texts[i][1]);
        params[i] = &pairs[i];
    }
    request.collection_name = text_of(name);
    request.field_name = text_of(FIELD);
    request.n_extra_params = 3;
    request.extra_params = params;
    call_for_status(port, "CreateIndex", &request);
}

void collection_create(uint16_t port, const struct options *options, const char *name, bool index)
{
    PB(Milvus__CreateCollectionRequest) create =
        MILVUS__PROTO__MILVUS__CREATE_COLLECTION_REQUEST__INIT;
    PB(Milvus__LoadCollectionRequest) load = MILVUS__PROTO__MILVUS__LOAD_COLLECTION_REQUEST__INIT;
    struct buffer schema = { 0 };
    char dim[24];
    (void)snprintf(dim, sizeof dim, "%zu", options->dim);
    create_schema(name, dim, &schema);
    create.collection_name = load.collection_name = text_of(name);
    create.schema.len = schema.len;
    create.schema.data = schema.data;
    create.shards_num = 1;
    call_for_status(port, "CreateCollection", &create);
    buffer_release(&schema);
    if (!index) return;
    create_index(port, name);
    call_for_status(port, "LoadCollection", &load);
}

void collection_flush(uint16_t port, const char *name)
{
    PB(Milvus__FlushRequest) request = MILVUS__PROTO__MILVUS__FLUSH_REQUEST__INIT;
    char *names[] = { text_of(name) };
    request.n_collection_names = 1;
    request.collection_names = names;
    PB(Milvus__FlushResponse) *reply =
        grpc_call(port, "Flush", (const void *)&request, MESSAGE(flush_response));
    check(reply->status, "Flush");
    milvus__proto__milvus__flush_response__free_unpacked(reply, NULL);
}

/* ---- rows in ---- */

static void put_insert(PB(Milvus__InsertRequest) * request, struct buffer *out)
{
    const size_t len = milvus__proto__milvus__insert_request__get_packed_size(request);
    uint8_t *room = buffer_extend(out, len);
    if (!room) die("no memory");
    (void)milvus__proto__milvus__insert_request__pack(request, room);
}

void insert_message(const struct data *data, const char *name, size_t first, size_t count,
                    struct buffer *out)
{
    PB(Schema__LongArray) longs = MILVUS__PROTO__SCHEMA__LONG_ARRAY__INIT;
    PB(Schema__FloatArray) floats = MILVUS__PROTO__SCHEMA__FLOAT_ARRAY__INIT;
    PB(Schema__ScalarField) scalars = MILVUS__PROTO__SCHEMA__SCALAR_FIELD__INIT;
    PB(Schema__VectorField) vectors = MILVUS__PROTO__SCHEMA__VECTOR_FIELD__INIT;
    PB(Schema__FieldData) id = MILVUS__PROTO__SCHEMA__FIELD_DATA__INIT, vector = id;
    PB(Schema__FieldData) *fields[] = { &id, &vector };
    PB(Milvus__InsertRequest) request = MILVUS__PROTO__MILVUS__INSERT_REQUEST__INIT;
    longs.n_data = count;
    longs.data = malloc(count * sizeof *longs.data);
    if (!longs.data) die("no memory");
    for (size_t i = 0; i < count; i++) longs.data[i] = (int64_t)(first + i);
    floats.n_data = count * data->dim;
    floats.data = data->base + first % data->rows * data->dim;
    scalars.data_case = MILVUS__PROTO__SCHEMA__SCALAR_FIELD__DATA_LONG_DATA;
    scalars.long_data = &longs;
    vectors.dim = (int64_t)data->dim;
    vectors.data_case = MILVUS__PROTO__SCHEMA__VECTOR_FIELD__DATA_FLOAT_VECTOR;
    vectors.float_vector = &floats;
    id.type = MILVUS__PROTO__SCHEMA__DATA_TYPE__Int64;
    id.field_name = text_of("id");
    id.field_case = MILVUS__PROTO__SCHEMA__FIELD_DATA__FIELD_SCALARS;
    id.scalars = &scalars;
    vector.type = MILVUS__PROTO__SCHEMA__DATA_TYPE__FloatVector;
    vector.field_name = text_of(FIELD);
    vector.field_case = MILVUS__PROTO__SCHEMA__FIELD_DATA__FIELD_VECTORS;
    vector.vectors = &vectors;
    request.collection_name = text_of(name);
    request.n_fields_data = 2;
    request.fields_data = fields;
    request.num_rows = (uint32_t)count;
    put_insert(&request, out);
    free(longs.data);
}

/* ---- searches ---- */

static void placeholder(const struct data *data, size_t query, struct buffer *out)
{
    PB(Common__PlaceholderValue) value = MILVUS__PROTO__COMMON__PLACEHOLDER_VALUE__INIT;
    PB(Common__PlaceholderGroup) group = MILVUS__PROTO__COMMON__PLACEHOLDER_GROUP__INIT;
    PB(Common__PlaceholderValue) *values[] = { &value };
    ProtobufCBinaryData bytes = { .len = data->dim * sizeof(float),
                                  .data = (uint8_t *)(data->query + query * data->dim) };
    value.tag = text_of("$0");
    value.type = MILVUS__PROTO__COMMON__PLACEHOLDER_TYPE__FloatVector;
    value.n_values = 1;
    value.values = &bytes;
    group.n_placeholders = 1;
    group.placeholders = values;
    uint8_t *room =
        buffer_extend(out, milvus__proto__common__placeholder_group__get_packed_size(&group));
    if (!room) die("no memory");
    (void)milvus__proto__common__placeholder_group__pack(&group, room);
}

void search_message(const struct data *data, size_t query, unsigned ef, struct buffer *out)
{
    char params[32];
    (void)snprintf(params, sizeof params, "{\"ef\":%u}", ef);
    const char *const texts[][2] = { { "topk", "10" },       { "params", params },
                                     { "round_decimal", "-1" }, { "offset", "0" },
                                     { "ignore_growing", "False" }, { "anns_field", FIELD },
                                     { "metric_type", "L2" } };
    enum { PAIRS = sizeof texts / sizeof texts[0] };
    PB(Milvus__SearchRequest) request = MILVUS__PROTO__MILVUS__SEARCH_REQUEST__INIT;
    PB(Common__KeyValuePair) pairs[PAIRS], *all[PAIRS];
    struct buffer group = { 0 };
    placeholder(data, query, &group);
    for (size_t i = 0; i < PAIRS; i++) {
        pairs[i] = (PB(Common__KeyValuePair))MILVUS__PROTO__COMMON__KEY_VALUE_PAIR__INIT;
        pairs[i].key = text_of(texts[i][0]);
        pairs[i].value = text_of(texts[i][1]);
        all[i] = &pairs[i];
    }
    request.collection_name = text_of(COLLECTION);
    request.dsl_type = MILVUS__PROTO__COMMON__DSL_TYPE__BoolExprV1;
    request.search_input_case =
        MILVUS__PROTO__MILVUS__SEARCH_REQUEST__SEARCH_INPUT_PLACEHOLDER_GROUP;
    request.placeholder_group.len = group.len;
    request.placeholder_group.data = group.data;
    request.n_search_params = PAIRS;
    request.search_params = all;
    request.nq = 1;
    request.use_default_consistency = true;
    uint8_t *room =
        buffer_extend(out, milvus__proto__milvus__search_request__get_packed_size(&request));
    if (!room) die("no memory");
    (void)milvus__proto__milvus__search_request__pack(&request, room);
    buffer_release(&group);
}

void search_json(const struct data *data, size_t query, unsigned ef, struct buffer *out)
{
    const float *vector = data->query + query * data->dim;
    buffer_printf(out, "{\"collectionName\":\"" COLLECTION "\",\"data\":[[");
    for (size_t d = 0; d < data->dim; d++)
        buffer_printf(out, "%s%.9g", d ? "," : "", (double)vector[d]);
    buffer_printf(out, "]],\"annsField\":\"" FIELD "\",\"limit\":10,"
                       "\"searchParams\":{\"metricType\":\"L2\",\"params\":{\"ef\":%u}}}", ef);
}

size_t search_ids(const uint8_t *reply, size_t len, int64_t ids[K])
{
    size_t count = 0;
    PB(Milvus__SearchResults) *results =
        milvus__proto__milvus__search_results__unpack(NULL, len, reply);
    if (!results) die("the reply of Search is no message of it");
    check(results->status, "Search");
    if (results->results && results->results->ids && results->results->ids->int_id) {
        const PB(Schema__LongArray) *found = results->results->ids->int_id;
        for (; count < found->n_data && count < K; count++) ids[count] = found->data[count];
    }
    milvus__proto__milvus__search_results__free_unpacked(results, NULL);
    return count;
}

size_t search_ids_json(const uint8_t *reply, size_t len, int64_t ids[K])
{
    size_t count = 0;
    char *text = strndup((const char *)reply, len);
    if (!text) die("no memory");
    for (char *at = text; count < K && (at = strstr(at, "\"id\":")); count++) {
        at += 5 + (at[5] == '"');
        ids[count] = strtoll(at, NULL, 10);
    }
    free(text);
    return count;
}
