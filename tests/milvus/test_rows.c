/*
 * Rows through the Milvus door: what is inserted comes back the same in every type, null and
 * default included; searches, filters, counts, deletes, upserts, pages; and the texts of refusals.
 */
#include "milvus/rows_fixture.h"

#include <math.h>
#include <stdio.h>

typedef Milvus__Proto__Schema__FieldData FieldData;
typedef Milvus__Proto__Schema__ScalarField ScalarField;
typedef Milvus__Proto__Schema__VectorField VectorField;
typedef Milvus__Proto__Milvus__MutationResult MutationResult;
typedef Milvus__Proto__Milvus__QueryResults QueryResults;
typedef Milvus__Proto__Milvus__SearchResults SearchResults;

#define SCHEMA(name) milvus__proto__schema__##name
#define ROWS 20
#define DIM 4

static struct door door;

static void *make(const ProtobufCMessageDescriptor *kind) { return door_new(&door, kind); }
static void *room(size_t bytes) { return arena_zalloc(&door.arena, bytes); }

/* ---- a collection ---- */

static MilvusField *add_field(MilvusSchema *schema, const char *name, int type)
{
    MilvusField *field = make(&SCHEMA(field_schema__descriptor));
    field->name = (char *)(uintptr_t)name;
    field->data_type = (Milvus__Proto__Schema__DataType)type;
    schema->fields[schema->n_fields++] = field;
    return field;
}

static void set_param(MilvusField *field, const char *key, const char *value)
{
    if (!field->type_params) field->type_params = room(8 * sizeof(void *));
    field->type_params[field->n_type_params++] = door_pair(&door, key, value);
}

static void check_status(const MilvusStatus *status)
{
    if (status && status->code) fail_msg("%d %s", status->code, status->reason);
}

static void create_index(const char *collection, const char *field, const char *metric)
{
    Milvus__Proto__Milvus__CreateIndexRequest *in =
        make(&MESSAGE(create_index_request__descriptor));
    in->collection_name = (char *)(uintptr_t)collection;
    in->field_name = (char *)(uintptr_t)field;
    in->extra_params = door_pairs(&door, &in->n_extra_params, "index_type", "AUTOINDEX",
                                  "metric_type", metric, (char *)NULL);
    check_status(door_rpc(&door, "CreateIndex", in));
}

static void load(const char *collection)
{
    Milvus__Proto__Milvus__LoadCollectionRequest *in =
        make(&MESSAGE(load_collection_request__descriptor));
    in->collection_name = (char *)(uintptr_t)collection;
    check_status(door_rpc(&door, "LoadCollection", in));
}

static void create(const char *name, MilvusSchema *schema)
{
    Milvus__Proto__Milvus__CreateCollectionRequest *in =
        make(&MESSAGE(create_collection_request__descriptor));
    const size_t len = SCHEMA(collection_schema__get_packed_size)(schema);
    in->collection_name = schema->name = (char *)(uintptr_t)name;
    in->schema.data = room(len + 64);
    in->schema.len = SCHEMA(collection_schema__pack)(schema, in->schema.data);
    check_status(door_rpc(&door, "CreateCollection", in));
}

static void make_collection(void)
{
    MilvusSchema *schema = make(&SCHEMA(collection_schema__descriptor));
    schema->fields = room(16 * sizeof(void *));
    schema->enable_dynamic_field = true;
    add_field(schema, "id", KITH_INT64)->is_primary_key = true;
    set_param(add_field(schema, "v", KITH_FLOAT_VECTOR), "dim", "4");
    MilvusField *text = add_field(schema, "s", KITH_VARCHAR);
    set_param(text, "max_length", "20");
    text->nullable = true;
    add_field(schema, "n", KITH_INT16);
    add_field(schema, "d", KITH_DOUBLE)->nullable = true;
    add_field(schema, "when", KITH_TIMESTAMPTZ)->nullable = true;
    MilvusField *array = add_field(schema, "a", KITH_ARRAY);
    array->element_type = MILVUS__PROTO__SCHEMA__DATA_TYPE__Int32;
    set_param(array, "max_capacity", "8");
    create("c", schema);
    create_index("c", "v", "COSINE");
    load("c");
}

/* ---- columns ---- */

static FieldData *column(const char *name, int type)
{
    FieldData *data = make(&SCHEMA(field_data__descriptor));
    data->field_name = (char *)(uintptr_t)name;
    data->type = (Milvus__Proto__Schema__DataType)type;
    return data;
}

static ScalarField *scalars(FieldData *data)
{
    data->field_case = MILVUS__PROTO__SCHEMA__FIELD_DATA__FIELD_SCALARS;
    data->scalars = make(&SCHEMA(scalar_field__descriptor));
    return data->scalars;
}

static FieldData *longs(const char *name, const int64_t *values, size_t count)
{
    FieldData *data = column(name, KITH_INT64);
    ScalarField *field = scalars(data);
    field->data_case = MILVUS__PROTO__SCHEMA__SCALAR_FIELD__DATA_LONG_DATA;
    field->long_data = make(&SCHEMA(long_array__descriptor));
    field->long_data->data = room((count + 1) * 8);
    memcpy(field->long_data->data, values, count * 8);
    field->long_data->n_data = count;
    return data;
}

static FieldData *ints(const char *name, int type, const int32_t *values, size_t count)
{
    FieldData *data = column(name, type);
    ScalarField *field = scalars(data);
    field->data_case = MILVUS__PROTO__SCHEMA__SCALAR_FIELD__DATA_INT_DATA;
    field->int_data = make(&SCHEMA(int_array__descriptor));
    field->int_data->data = room((count + 1) * 4);
    memcpy(field->int_data->data, values, count * 4);
    field->int_data->n_data = count;
    return data;
}

static FieldData *texts(const char *name, int type, char **values, size_t count)
{
    FieldData *data = column(name, type);
    ScalarField *field = scalars(data);
    field->data_case = MILVUS__PROTO__SCHEMA__SCALAR_FIELD__DATA_STRING_DATA;
    field->string_data = make(&SCHEMA(string_array__descriptor));
    field->string_data->data = values;
    field->string_data->n_data = count;
    return data;
}

static FieldData *floats(const char *name, float *values, size_t count, int64_t dim)
{
    FieldData *data = column(name, KITH_FLOAT_VECTOR);
    data->field_case = MILVUS__PROTO__SCHEMA__FIELD_DATA__FIELD_VECTORS;
    data->vectors = make(&SCHEMA(vector_field__descriptor));
    data->vectors->dim = dim;
    data->vectors->data_case = MILVUS__PROTO__SCHEMA__VECTOR_FIELD__DATA_FLOAT_VECTOR;
    data->vectors->float_vector = make(&SCHEMA(float_array__descriptor));
    data->vectors->float_vector->data = values;
    data->vectors->float_vector->n_data = count;
    return data;
}

static FieldData *metas(char **values, size_t count)
{
    FieldData *data = column("$meta", KITH_JSON);
    ScalarField *field = scalars(data);
    data->is_dynamic = true;
    field->data_case = MILVUS__PROTO__SCHEMA__SCALAR_FIELD__DATA_JSON_DATA;
    field->json_data = make(&SCHEMA(jsonarray__descriptor));
    field->json_data->data = room(count * sizeof(ProtobufCBinaryData));
    field->json_data->n_data = count;
    for (size_t i = 0; i < count; i++)
        field->json_data->data[i] =
            (ProtobufCBinaryData){ strlen(values[i]), (uint8_t *)values[i] };
    return data;
}

static FieldData *arrays(size_t count)
{
    FieldData *data = column("a", KITH_ARRAY);
    ScalarField *field = scalars(data);
    field->data_case = MILVUS__PROTO__SCHEMA__SCALAR_FIELD__DATA_ARRAY_DATA;
    field->array_data = make(&SCHEMA(array_array__descriptor));
    field->array_data->data = room(count * sizeof(void *));
    field->array_data->n_data = count;
    for (size_t i = 0; i < count; i++) {
        const int32_t values[3] = { (int32_t)i, -(int32_t)i, 70000 };
        field->array_data->data[i] = ints("", KITH_INT32, values, i % 4)->scalars;
    }
    return data;
}

static float vector_of(size_t row, size_t d) { return (float)((row * 7 + d * 3) % 11) - 5; }

static char *text_of(const char *format, ...) KITH_PRINTF(1, 2);
static char *text_of(const char *format, ...)
{
    char *text = room(64);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, 64, format, args);
    va_end(args);
    return text;
}

static MutationResult *write_rows(const char *rpc, FieldData **columns, size_t count, uint32_t rows)
{
    if (strcmp(rpc, "Insert") == 0) {
        Milvus__Proto__Milvus__InsertRequest *in = make(&MESSAGE(insert_request__descriptor));
        in->collection_name = (char *)(uintptr_t)"c";
        in->fields_data = columns;
        in->n_fields_data = count;
        in->num_rows = rows;
        return door_rpc(&door, rpc, in);
    }
    Milvus__Proto__Milvus__UpsertRequest *in = make(&MESSAGE(upsert_request__descriptor));
    in->collection_name = (char *)(uintptr_t)"c";
    in->fields_data = columns;
    in->n_fields_data = count;
    in->num_rows = rows;
    in->partial_update = strcmp(rpc, "Upsert") == 0 && count < 4;
    return door_rpc(&door, rpc, in);
}

/* Rows 0..ROWS-1: s is null in every third, d in every second; metas {"k": i}. */
static size_t all_columns(FieldData **out)
{
    int64_t ids[ROWS];
    int32_t numbers[ROWS];
    char **names = room(ROWS * sizeof(char *)), **meta = room(ROWS * sizeof(char *));
    char **times = room(ROWS * sizeof(char *));
    float *vectors = room(ROWS * DIM * 4);
    size_t named = 0;
    for (size_t i = 0; i < ROWS; i++) {
        ids[i] = (int64_t)i - 5;
        numbers[i] = (int32_t)i * -100;
        if (i % 3) names[named++] = text_of("text %zu", i);
        meta[i] = text_of("{\"k\":%zu}", i);
        times[i] = text_of("2025-03-01T10:00:%02zu+02:00", i);
        for (size_t d = 0; d < DIM; d++) vectors[i * DIM + d] = vector_of(i, d);
    }
    size_t n = 0;
    out[n++] = metas(meta, ROWS);
    out[n++] = longs("id", ids, ROWS);
    out[n++] = floats("v", vectors, ROWS * DIM, DIM);
    out[n] = texts("s", KITH_VARCHAR, names, named);
    out[n]->valid_data = room(ROWS * sizeof(protobuf_c_boolean));
    out[n]->n_valid_data = ROWS;
    for (size_t i = 0; i < ROWS; i++) out[n]->valid_data[i] = i % 3 != 0;
    n++;
    out[n++] = ints("n", KITH_INT16, numbers, ROWS);
    out[n++] = arrays(ROWS);
    out[n++] = texts("when", KITH_TIMESTAMPTZ, times, ROWS);
    return n; /* d is left out: null */
}

static int setup(void **state)
{
    (void)state;
    door_open(&door);
    make_collection();
    FieldData *columns[12];
    MutationResult *done = write_rows("Insert", columns, all_columns(columns), ROWS);
    check_status(done->status);
    assert_int_equal(done->insert_cnt, ROWS);
    assert_int_equal(done->ids->int_id->n_data, ROWS);
    assert_int_equal(done->ids->int_id->data[0], -5);
    assert_int_equal(done->n_succ_index, ROWS);
    assert_true(done->timestamp > 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    door_close(&door);
    return 0;
}

/* ---- reading ---- */

static QueryResults *query(const char *expr, const char *limit, const char *output)
{
    Milvus__Proto__Milvus__QueryRequest *in = make(&MESSAGE(query_request__descriptor));
    in->collection_name = (char *)(uintptr_t)"c";
    in->expr = (char *)(uintptr_t)expr;
    in->output_fields = room(sizeof(char *));
    in->output_fields[0] = (char *)(uintptr_t)output;
    in->n_output_fields = output ? 1 : 0;
    if (limit)
        in->query_params = door_pairs(&door, &in->n_query_params, "limit", limit, (char *)NULL);
    return door_rpc(&door, "Query", in);
}

static const FieldData *named(FieldData **columns, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(columns[i]->field_name, name) == 0) return columns[i];
    fail_msg("no column %s", name);
    return NULL;
}

static int64_t count_rows(void)
{
    QueryResults *out = query("", NULL, "count(*)");
    check_status(out->status);
    assert_int_equal(out->n_fields_data, 1);
    assert_string_equal(out->fields_data[0]->field_name, "count(*)");
    return out->fields_data[0]->scalars->long_data->data[0];
}

static void check_row(QueryResults *out, size_t at, size_t i)
{
    FieldData **columns = out->fields_data;
    const size_t count = out->n_fields_data;
    assert_int_equal(named(columns, count, "id")->scalars->long_data->data[at], (int64_t)i - 5);
    assert_int_equal(named(columns, count, "n")->scalars->int_data->data[at], (int64_t)i * -100);
    const FieldData *s = named(columns, count, "s"), *d = named(columns, count, "d");
    assert_int_equal(s->valid_data[at], i % 3 != 0);
    if (i % 3) assert_string_equal(s->scalars->string_data->data[at], text_of("text %zu", i));
    assert_int_equal(d->valid_data[at], 0);
    const VectorField *v = named(columns, count, "v")->vectors;
    for (size_t k = 0; k < DIM; k++)
        assert_true(v->float_vector->data[at * DIM + k] == vector_of(i, k));
    const ScalarField *a = named(columns, count, "a")->scalars->array_data->data[at];
    assert_int_equal(a->int_data ? a->int_data->n_data : 0, i % 4);
    if (i % 4 == 3) assert_int_equal(a->int_data->data[1], -(int64_t)i);
    assert_string_equal(named(columns, count, "when")->scalars->string_data->data[at],
                        text_of("2025-03-01T08:00:%02zuZ", i));
    const ProtobufCBinaryData *meta =
        &named(columns, count, "$meta")->scalars->json_data->data[at];
    const char *wanted = text_of("{\"k\":%zu}", i);
    assert_int_equal(meta->len, strlen(wanted));
    assert_memory_equal(meta->data, wanted, meta->len);
}

static void test_round_trip(void **state)
{
    (void)state;
    QueryResults *out = query("id >= -5", NULL, "*");
    check_status(out->status);
    assert_int_equal(out->n_fields_data, 8);
    assert_string_equal(out->primary_field_name, "id");
    for (size_t i = 0; i < ROWS; i++) check_row(out, i, i);
    out = query("id in [3, -5, 999, 3]", NULL, "*");
    assert_int_equal(named(out->fields_data, out->n_fields_data, "id")->scalars->long_data->n_data,
                     2);
    check_row(out, 0, 0);
    check_row(out, 1, 8);
    out = query("id == 777", NULL, "s"); /* nothing: typed and empty */
    check_status(out->status);
    assert_int_equal(out->n_fields_data, 2);
    assert_int_equal(out->fields_data[0]->type, KITH_VARCHAR);
    assert_int_equal(out->fields_data[0]->scalars->data_case,
                     MILVUS__PROTO__SCHEMA__SCALAR_FIELD__DATA_STRING_DATA);
    assert_int_equal(count_rows(), ROWS);
}

static void test_dynamic_keys(void **state)
{
    (void)state;
    QueryResults *out = query("k > 17", NULL, "k");
    check_status(out->status);
    assert_string_equal(out->output_fields[0], "k");
    const FieldData *meta = named(out->fields_data, out->n_fields_data, "$meta");
    assert_true(meta->is_dynamic);
    assert_int_equal(meta->scalars->json_data->n_data, 2);
    assert_memory_equal(meta->scalars->json_data->data[0].data, "{\"k\":18}", 8);
}

static SearchResults *search(const float *queries, size_t count, size_t pairs_count,
                             MilvusPair **pairs)
{
    Milvus__Proto__Common__PlaceholderValue *value =
        make(&milvus__proto__common__placeholder_value__descriptor);
    Milvus__Proto__Common__PlaceholderGroup *group =
        make(&milvus__proto__common__placeholder_group__descriptor);
    value->tag = (char *)(uintptr_t)"$0";
    value->type = MILVUS__PROTO__COMMON__PLACEHOLDER_TYPE__FloatVector;
    value->values = room(count * sizeof *value->values);
    value->n_values = count;
    for (size_t i = 0; i < count; i++)
        value->values[i] =
            (ProtobufCBinaryData){DIM * 4, (uint8_t *)(uintptr_t)(queries + i * DIM)};
    group->placeholders = &value;
    group->n_placeholders = 1;
    Milvus__Proto__Milvus__SearchRequest *in = make(&MESSAGE(search_request__descriptor));
    in->collection_name = (char *)(uintptr_t)"c";
    in->search_input_case = MILVUS__PROTO__MILVUS__SEARCH_REQUEST__SEARCH_INPUT_PLACEHOLDER_GROUP;
    in->placeholder_group.data = room(4096);
    in->placeholder_group.len = milvus__proto__common__placeholder_group__pack(
        group, in->placeholder_group.data);
    in->search_params = pairs;
    in->n_search_params = pairs_count;
    in->output_fields = room(sizeof(char *));
    in->output_fields[0] = (char *)(uintptr_t)"n";
    in->n_output_fields = 1;
    return door_rpc(&door, "Search", in);
}

static double cosine(const float *query, size_t row)
{
    double dot = 0, a = 0, b = 0;
    for (size_t d = 0; d < DIM; d++) {
        const double v = (double)vector_of(row, d), q = (double)query[d];
        dot += q * v;
        a += q * q;
        b += v * v;
    }
    return dot / sqrt(a * b);
}

static void test_search(void **state)
{
    (void)state;
    const float queries[2 * DIM] = { 1, 2, 3, 4, -4, 0, 2, 1 };
    size_t n;
    MilvusPair **pairs = door_pairs(&door, &n, "topk", "5", "metric_type", "cosine", "params", "{}",
                                    "anns_field", "v", (char *)NULL);
    SearchResults *out = search(queries, 2, n, pairs);
    check_status(out->status);
    const Milvus__Proto__Schema__SearchResultData *data = out->results;
    assert_int_equal(data->num_queries, 2);
    assert_int_equal(data->n_topks, 2);
    assert_int_equal(data->n_scores, 10);
    assert_string_equal(data->primary_field_name, "id");
    for (size_t i = 0; i < 10; i++) {
        const size_t row = (size_t)(data->ids->int_id->data[i] + 5);
        assert_float_equal(data->scores[i], cosine(queries + (i / 5) * DIM, row), 1e-5);
        assert_true(i % 5 == 0 || data->scores[i] <= data->scores[i - 1]);
        assert_int_equal(data->fields_data[0]->scalars->int_data->data[i], (int64_t)row * -100);
    }
}

/* Values of groups come beside the hits: of a key as JSON, or as the type that is asked. */
static void test_groups(void **state)
{
    (void)state;
    const float query_vector[DIM] = { 1, 2, 3, 4 };
    size_t n;
    MilvusPair **pairs = door_pairs(&door, &n, "topk", "3", "anns_field", "v", "group_by_field",
                                    "$meta[\"k\"]", (char *)NULL);
    SearchResults *out = search(query_vector, 1, n, pairs);
    check_status(out->status);
    const FieldData *groups = out->results->group_by_field_value;
    assert_int_equal(groups->type, KITH_JSON);
    assert_int_equal(groups->scalars->json_data->n_data, 3);
    for (size_t i = 0; i < 3; i++) {
        const ProtobufCBinaryData *value = &groups->scalars->json_data->data[i];
        const char *wanted = text_of("%d", (int)out->results->ids->int_id->data[i] + 5);
        assert_int_equal(value->len, strlen(wanted));
        assert_memory_equal(value->data, wanted, value->len);
    }
    pairs = door_pairs(&door, &n, "topk", "3", "anns_field", "v", "group_by_field", "k",
                       "json_type", "INT64", (char *)NULL);
    out = search(query_vector, 1, n, pairs);
    check_status(out->status);
    assert_int_equal(out->results->group_by_field_value->type, KITH_INT64);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(out->results->group_by_field_value->scalars->long_data->data[i],
                         out->results->ids->int_id->data[i] + 5);
    pairs = door_pairs(&door, &n, "topk", "3", "anns_field", "v", "group_by_field", "k",
                       "json_type", "bool", (char *)NULL);
    out = search(query_vector, 1, n, pairs);
    check_status(out->status);
    assert_int_equal(out->results->group_by_field_value->valid_data[0], 0);
    pairs = door_pairs(&door, &n, "topk", "3", "anns_field", "v", "group_by_field", "k",
                       "json_type", "bool", "strict_cast", "true", (char *)NULL);
    out = search(query_vector, 1, n, pairs);
    assert_non_null(strstr(out->status->reason, "is not of json_type bool"));
}

/* Pages of an iterator hold every row once, although many scores are equal. */
static void test_search_iterator(void **state)
{
    (void)state;
    const float query_vector[DIM] = { 1, 2, 3, 4 };
    bool seen[ROWS] = { false };
    size_t rows = 0;
    char *bound = NULL, *token = NULL;
    for (int page = 0; page < ROWS + 1; page++) {
        size_t n;
        MilvusPair **pairs = door_pairs(
            &door, &n, "topk", "3", "anns_field", "v", "iterator", "True", "search_iter_v2", "True",
            "search_iter_batch_size", "3", bound ? "search_iter_last_bound" : "x",
            bound ? bound : "", token ? "search_iter_id" : "y", token ? token : "", (char *)NULL);
        SearchResults *out = search(query_vector, 1, n, pairs);
        check_status(out->status);
        const Milvus__Proto__Schema__SearchResultData *data = out->results;
        if (data->n_scores == 0) break;
        for (size_t i = 0; i < data->n_scores; i++) {
            const size_t row = (size_t)(data->ids->int_id->data[i] + 5);
            assert_false(seen[row]);
            seen[row] = true;
            rows++;
        }
        assert_non_null(data->search_iterator_v2_results);
        token = data->search_iterator_v2_results->token;
        assert_int_equal(strlen(token), 36);
        bound = room(32);
        (void)snprintf(bound, 32, "%.9g", (double)data->search_iterator_v2_results->last_bound);
    }
    assert_int_equal(rows, ROWS);
}

static MutationResult *delete_rows(const char *expr)
{
    Milvus__Proto__Milvus__DeleteRequest *in = make(&MESSAGE(delete_request__descriptor));
    in->collection_name = (char *)(uintptr_t)"c";
    in->expr = (char *)(uintptr_t)expr;
    return door_rpc(&door, "Delete", in);
}

static void test_delete(void **state)
{
    (void)state;
    MutationResult *done = delete_rows("id in [1, 2, 777]");
    check_status(done->status);
    assert_int_equal(done->delete_cnt, 3); /* as listed, there or not */
    assert_int_equal(count_rows(), ROWS - 2);
    assert_int_equal(delete_rows("k >= 18")->delete_cnt, 2);
    assert_int_equal(delete_rows("id == 3")->delete_cnt, 1);
    assert_int_equal(count_rows(), ROWS - 5);
    assert_int_equal(delete_rows(" ")->status->code, MILVUS_INVALID);
    const MilvusStatus *status = delete_rows("id in")->status;
    assert_int_equal(status->code, MILVUS_INVALID);
    assert_ptr_equal(
        strstr(status->reason,
               "failed to create delete plan: cannot parse expression: id in, error: "),
        status->reason);
}

static void test_partial_upsert(void **state)
{
    (void)state;
    const int64_t ids[2] = { 4, -1 };
    const int32_t numbers[2] = { 11, 12 };
    char *meta[2] = { text_of("{\"k\":\"x\",\"m\":%d}", 1), text_of("{\"m\":%d}", 2) };
    FieldData *columns[3] = { longs("id", ids, 2), ints("n", KITH_INT16, numbers, 2),
                              metas(meta, 2) };
    MutationResult *done = write_rows("Upsert", columns, 3, 2);
    check_status(done->status);
    assert_int_equal(done->upsert_cnt, 2);
    assert_int_equal(count_rows(), ROWS);
    QueryResults *out = query("id in [4, -1]", NULL, "*");
    FieldData **got = out->fields_data;
    assert_int_equal(named(got, out->n_fields_data, "n")->scalars->int_data->data[0], 12);
    assert_int_equal(named(got, out->n_fields_data, "n")->scalars->int_data->data[1], 11);
    assert_string_equal(named(got, out->n_fields_data, "s")->scalars->string_data->data[0],
                        "text 4");
    const ScalarField *dynamic = named(got, out->n_fields_data, "$meta")->scalars;
    assert_memory_equal(dynamic->json_data->data[0].data, "{\"k\":4,\"m\":2}", 13);
    assert_memory_equal(dynamic->json_data->data[1].data, "{\"k\":\"x\",\"m\":1}", 15);
    /* A key that is not there needs a whole row. */
    const int64_t absent = 1000;
    columns[0] = longs("id", &absent, 1);
    columns[1] = ints("n", KITH_INT16, numbers, 1);
    assert_int_equal(write_rows("Upsert", columns, 2, 1)->status->code, MILVUS_INVALID);
    /* The same key twice. */
    const int64_t twice[2] = { 4, 4 };
    columns[0] = longs("id", twice, 2);
    columns[1] = ints("n", KITH_INT16, numbers, 2);
    assert_non_null(strstr(write_rows("Upsert", columns, 2, 2)->status->reason,
                           "duplicate primary keys are not allowed in the same batch"));
}

/* The second row that is written is the newest and goes to the end; pages stay in order of keys. */
static void test_pages(void **state)
{
    (void)state;
    FieldData *columns[12];
    check_status(write_rows("Insert", columns, all_columns(columns), ROWS)->status);
    assert_int_equal(count_rows(), 2 * ROWS); /* keys may repeat */
    int64_t last = INT64_MIN + 1;
    size_t rows = 0;
    for (;;) {
        char expr[64];
        (void)snprintf(expr, sizeof expr, "(n < 1) and id > %lld", (long long)last);
        QueryResults *out = query(expr, "3", "n");
        check_status(out->status);
        const FieldData *ids = named(out->fields_data, out->n_fields_data, "id");
        const size_t count = ids->scalars->long_data->n_data;
        if (count == 0) break;
        for (size_t i = 0; i < count; i++, rows++) {
            assert_true(ids->scalars->long_data->data[i] > last);
            last = ids->scalars->long_data->data[i];
        }
    }
    assert_int_equal(rows, ROWS); /* each key once */
}

static void expect(const MilvusStatus *status, int code, const char *text)
{
    assert_non_null(status);
    if (status->code != code || !strstr(status->reason, text))
        fail_msg("%d '%s', not %d '%s'", status->code, status->reason, code, text);
}

static void test_refusals(void **state)
{
    (void)state;
    const float vector[DIM] = { 1, 2, 3, 4 };
    FieldData *columns[12];
    size_t n;
    size_t count = all_columns(columns);
    expect(write_rows("Insert", columns + 3, count - 3, ROWS - 1)->status, MILVUS_INVALID,
           "valid_data");
    expect(write_rows("Insert", columns + 1, 2, ROWS - 1)->status, MILVUS_INVALID,
           "the num_rows (20) of field (id) is not equal to passed num_rows (19)");
    expect(write_rows("Insert", columns, 2, ROWS)->status, MILVUS_INVALID,
           "fieldSchema(v) has no corresponding fieldData pass in: invalid parameter");
    columns[2]->vectors->dim = 8;
    expect(write_rows("Insert", columns, count, ROWS)->status, MILVUS_INVALID,
           "the dim (8) of field data(v) is not equal to schema dim (4)");
    const int32_t wide[1] = { 40000 };
    columns[0] = ints("n", KITH_INT16, wide, 1);
    expect(write_rows("Insert", columns, 1, 1)->status, MILVUS_INVALID,
           "the 0th element (40000) out of range: [-32768, 32767]");
    expect(query("", NULL, "id")->status, MILVUS_INVALID,
           "empty expression should be used with limit");
    expect(query("id > 0", "20000", "id")->status, MILVUS_INVALID, "(offset+limit)");
    expect(query("id > 0", "5", "count(*)")->status, MILVUS_INVALID,
           "count entities with pagination is not allowed");
    MilvusPair **pairs = door_pairs(&door, &n, "topk", "16385", (char *)NULL);
    expect(search(vector, 1, n, pairs)->status, MILVUS_INVALID,
           "topk [16385] is invalid, it should be in range [1, 16384], but got 16385");
    pairs = door_pairs(&door, &n, "topk", "3", "metric_type", "L2", (char *)NULL);
    expect(search(vector, 1, n, pairs)->status, MILVUS_INVALID,
           "metric type not match: invalid parameter[expected=COSINE][actual=L2]");
    pairs = door_pairs(&door, &n, "topk", "3", "round_decimal", "7", (char *)NULL);
    expect(search(vector, 1, n, pairs)->status, MILVUS_INVALID, "round_decimal [7] is invalid");
    pairs = door_pairs(&door, &n, "topk", "3", "group_by_field", "n", "group_size", "11",
                       (char *)NULL);
    expect(search(vector, 1, n, pairs)->status, MILVUS_INVALID,
           "input group size:11 exceeds configured max group size:10");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dynamic_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(test_search, setup, teardown),
        cmocka_unit_test_setup_teardown(test_groups, setup, teardown),
        cmocka_unit_test_setup_teardown(test_search_iterator, setup, teardown),
        cmocka_unit_test_setup_teardown(test_delete, setup, teardown),
        cmocka_unit_test_setup_teardown(test_partial_upsert, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
