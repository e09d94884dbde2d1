/*
 * collections/create: the quick form (a dimension) and the custom one (a schema).
 *
 * One call may be several RPCs: CreateCollection, then CreateIndex for each of indexParams (the
 * quick form: an AUTOINDEX on its vector field), then LoadCollection. What can be seen to be wrong
 * before is refused before anything is made.
 */
#include <stdio.h>
#include <string.h>

#include "milvus/rest.h"

typedef Milvus__Proto__Milvus__CreateCollectionRequest Create;

struct create_params { /* of "params" */
    int64_t shards, partitions;
    int dynamic; /* -1: not said */
    const char *max_length;
};

static char *copy_text(struct rest *rest, const char *text)
{
    return milvus_strdup(&rest->call, text);
}

static bool is(const struct json_value *key, const char *name)
{
    return json_string_equals(key, name, strlen(name));
}

/* Keys that become properties, and as which. */
static const char *property_of(const struct json_value *key)
{
    static const char *const names[][2] = {
        { "ttlSeconds", "collection.ttl.seconds" },   { "ttlField", "ttl_field" },
        { "partitionKeyIsolation", "partitionkey.isolation" },
        { "mmap.enabled", "mmap.enabled" },           { "timezone", "timezone" },
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (is(key, names[i][0])) return names[i][1];
    return NULL;
}

static void add_property(struct rest *rest, const struct json_value *key,
                         const struct json_value *value, Create *to)
{
    const char *name = property_of(key);
    if (!name && key->len > 8 && memcmp(key->text, "\"warmup.", 8) == 0)
        name = rest_value_any(rest, key);
    const char *text = name ? rest_value_any(rest, value) : NULL;
    MilvusPair *pair = text ? rest_pair(rest, name, text) : NULL;
    if (pair) to->properties[to->n_properties++] = pair;
}

static void read_level(struct rest *rest, const struct json_value *value, Create *to)
{
    struct rest_object one;
    memset(&one, 0, sizeof one);
    one.at[REST_CONSISTENCY_LEVEL] = *value;
    const int level = rest_consistency(rest, &one);
    if (level >= 0) to->consistency_level = (Milvus__Proto__Common__ConsistencyLevel)level;
}

static bool read_params(struct rest *rest, Create *to, struct create_params *params)
{
    const struct json_value *from = &rest->body.at[REST_PARAMS];
    struct json_iter iter;
    struct json_value key, value;
    bool dynamic, good = true;
    if (!from->text) return true;
    if (from->kind != JSON_OBJECT) {
        rest_fail(rest, 1801, "can only accept json format request, error: params is no object");
        return false;
    }
    to->properties = rest_array(rest, rest_value_count(from), sizeof *to->properties);
    json_iter_init(&iter, from);
    while (good && !rest->failed && json_iter_next(&iter, &key, &value) == 1) {
        if (value.kind == JSON_NULL) continue;
        if (is(&key, "shardsNum")) good = rest_value_int(&value, &params->shards);
        else if (is(&key, "partitionsNum")) good = rest_value_int(&value, &params->partitions);
        else if (is(&key, "enableDynamicField")) {
            good = rest_value_bool(&value, &dynamic);
            params->dynamic = good && dynamic;
        } else if (is(&key, "max_length")) params->max_length = rest_value_any(rest, &value);
        else if (is(&key, "consistencyLevel")) read_level(rest, &value, to);
        else add_property(rest, &key, &value, to);
    }
    if (!good) rest_fail(rest, 1801, "can only accept json format request, error: params.%.*s",
                         key.len > 60 ? 60 : (int)key.len, key.text);
    return !rest->failed;
}

/* ---- the quick form ---- */

static MilvusField *quick_field(struct rest *rest, enum rest_key name, const char *otherwise,
                                int type)
{
    MilvusField *field = rest_array(rest, 1, sizeof *field);
    if (!field) return NULL;
    milvus__proto__schema__field_schema__init(field);
    field->name = rest_has(&rest->body, name) ? rest_text(rest, &rest->body, name)
                                              : copy_text(rest, otherwise);
    field->data_type = (Milvus__Proto__Schema__DataType)type;
    field->type_params = rest_array(rest, 1, sizeof *field->type_params);
    return field->type_params ? field : NULL;
}

static int quick_id_type(struct rest *rest)
{
    const char *type = rest_text(rest, &rest->body, REST_ID_TYPE);
    if (!*type || !strcmp(type, "Int64") || !strcmp(type, "int64")) return KITH_INT64;
    if (!strcmp(type, "VarChar") || !strcmp(type, "Varchar")) return KITH_VARCHAR;
    rest_fail(rest, 1801, "can only accept json format request, error: idType can only be "
              "[Int64, VarChar], default: Int64");
    return 0;
}

static MilvusSchema *quick_schema(struct rest *rest, const struct create_params *params)
{
    char dimension[24];
    MilvusSchema *schema = rest_array(rest, 1, sizeof *schema);
    MilvusField **fields = rest_array(rest, 2, sizeof *fields);
    const int id_type = quick_id_type(rest);
    if (rest->failed || !schema || !fields) return NULL;
    milvus__proto__schema__collection_schema__init(schema);
    fields[0] = quick_field(rest, REST_PRIMARY_FIELD_NAME, "id", id_type);
    fields[1] = quick_field(rest, REST_VECTOR_FIELD_NAME, "vector", KITH_FLOAT_VECTOR);
    if (!fields[0] || !fields[1]) return NULL;
    (void)snprintf(dimension, sizeof dimension, "%lld",
                   (long long)rest_int(rest, &rest->body, REST_DIMENSION, 0));
    fields[1]->type_params[fields[1]->n_type_params++] = rest_pair(rest, "dim", dimension);
    if (id_type == KITH_VARCHAR)
        fields[0]->type_params[fields[0]->n_type_params++] =
            rest_pair(rest, "max_length", params->max_length ? params->max_length : "65535");
    fields[0]->is_primary_key = true;
    fields[0]->autoid = schema->autoid = rest_bool(rest, &rest->body, REST_AUTO_ID, false);
    schema->fields = fields;
    schema->n_fields = 2;
    schema->description = rest_text(rest, &rest->body, REST_DESCRIPTION);
    schema->enable_dynamic_field =
        params->dynamic >= 0 ? params->dynamic
                             : rest_bool(rest, &rest->body, REST_ENABLE_DYNAMIC_FIELD, true);
    return rest->failed ? NULL : schema;
}

static bool quick_index(struct rest *rest, const MilvusSchema *schema)
{
    Milvus__Proto__Milvus__CreateIndexRequest *index = rest_request(rest, "CreateIndex");
    MilvusPair **pairs = rest_array(rest, 2, sizeof *pairs);
    if (!index || !pairs) return false;
    const char *metric = rest_text(rest, &rest->body, REST_METRIC_TYPE);
    pairs[0] = rest_pair(rest, "metric_type", *metric ? metric : "COSINE");
    pairs[1] = rest_pair(rest, "index_type", "AUTOINDEX");
    index->field_name = index->index_name = schema->fields[1]->name;
    index->extra_params = pairs;
    index->n_extra_params = 2;
    return rest_run(rest, "CreateIndex", index) != NULL;
}

/* ---- both ---- */

static bool fields_exist(struct rest *rest, const MilvusSchema *schema)
{
    const struct json_value *params = &rest->body.at[REST_INDEX_PARAMS];
    struct json_iter iter;
    struct json_value element;
    struct rest_object one;
    json_iter_init(&iter, params);
    while (params->text && json_iter_next(&iter, NULL, &element) == 1) {
        if (element.kind != JSON_OBJECT || !rest_scan(rest, element.text, element.len, &one))
            continue;
        const char *name = rest_text(rest, &one, REST_FIELD_NAME);
        bool found = false;
        for (size_t i = 0; i < schema->n_fields; i++)
            found = found || strcmp(schema->fields[i]->name, name) == 0;
        if (found) continue;
        rest_fail(rest, 1802,
                  "missing required parameters, error: `%.200s` hasn't defined in schema", name);
        return false;
    }
    return !rest->failed;
}

static bool run_create(struct rest *rest, Create *create, const MilvusSchema *schema)
{
    create->schema.len = milvus__proto__schema__collection_schema__get_packed_size(schema);
    create->schema.data = rest_array(rest, create->schema.len, 1);
    if (!create->schema.data) return false;
    (void)milvus__proto__schema__collection_schema__pack(schema, create->schema.data);
    return rest_run(rest, "CreateCollection", create) != NULL;
}

static void load(struct rest *rest)
{
    (void)rest_run(rest, "LoadCollection", rest_request(rest, "LoadCollection"));
}

static void create_indexes(struct rest *rest)
{
    const struct json_value *params = &rest->body.at[REST_INDEX_PARAMS];
    struct json_iter iter;
    struct json_value element;
    json_iter_init(&iter, params);
    while (json_iter_next(&iter, NULL, &element) == 1)
        if (!rest_index_create(rest, &element)) return;
    load(rest);
}

REST_HANDLER(collections_create)
{
    Create *create = rest_request(rest, "CreateCollection");
    struct create_params params = { .shards = 1, .dynamic = -1 };
    if (!create) return;
    create->consistency_level = MILVUS__PROTO__COMMON__CONSISTENCY_LEVEL__Bounded;
    if (rest_has(&rest->body, REST_CONSISTENCY_LEVEL))
        read_level(rest, &rest->body.at[REST_CONSISTENCY_LEVEL], create);
    if (!read_params(rest, create, &params)) return;
    const bool quick = !rest_has(&rest->body, REST_SCHEMA);
    if (quick && !rest_has(&rest->body, REST_DIMENSION)) {
        rest_fail(rest, 1802,
                  "missing required parameters, error: dimension is required for quickly "
                  "create collection(default metric type: COSINE)");
        return;
    }
    const MilvusSchema *schema = quick ? quick_schema(rest, &params)
                                       : rest_schema_read(rest, &rest->body.at[REST_SCHEMA]);
    if (!schema || (!quick && !fields_exist(rest, schema))) return;
    create->shards_num = (int32_t)params.shards;
    create->num_partitions = params.partitions;
    if (!run_create(rest, create, schema)) return;
    if (!quick) {
        if (rest_has(&rest->body, REST_INDEX_PARAMS)) create_indexes(rest);
    } else if (quick_index(rest, schema)) {
        load(rest);
    }
}
