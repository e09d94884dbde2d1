/*
 * Schemas translated: see schema_map.h.
 */
#include "milvus/schema_map.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "milvus/milvus_internal.h"
#include "model/timestamptz.h"

typedef Milvus__Proto__Schema__FunctionSchema Function;

/* ---- questions ---- */

enum kith_type field_engine_type(const MilvusField *field)
{
    const int type = (int)field->data_type;
    return type == KITH_TEXT ? KITH_VARCHAR : (enum kith_type)type;
}

bool field_is_vector(const MilvusField *field)
{
    return (int)field->data_type >= KITH_BINARY_VECTOR && (int)field->data_type <= KITH_INT8_VECTOR;
}

const char *field_type_name(const MilvusField *field)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(
        &milvus__proto__schema__data_type__descriptor, (int)field->data_type);
    return value ? value->name : "Unknown";
}

const MilvusField *schema_partition_key(const MilvusSchema *schema)
{
    for (size_t i = 0; i < schema->n_fields; i++)
        if (schema->fields[i]->is_partition_key) return schema->fields[i];
    return NULL;
}

const Function *schema_bm25_of(const MilvusSchema *schema, const char *field)
{
    for (size_t i = 0; i < schema->n_functions; i++) {
        const Function *function = schema->functions[i];
        if ((int)function->type == KITH_FUNCTION_BM25 && function->n_output_field_names == 1 &&
            strcmp(function->output_field_names[0], field) == 0)
            return function;
    }
    return NULL;
}

static const struct {
    const char *name;
    enum kith_metric metric;
} metrics[] = {
    {"L2", KITH_L2},           {"IP", KITH_IP},           {"COSINE", KITH_COSINE},
    {"HAMMING", KITH_HAMMING}, {"JACCARD", KITH_JACCARD}, {"BM25", KITH_BM25},
};

enum kith_metric metric_of_name(const char *name)
{
    for (size_t i = 0; i < sizeof metrics / sizeof metrics[0]; i++)
        if (strcasecmp(metrics[i].name, name) == 0) return metrics[i].metric;
    return KITH_METRIC_DEFAULT;
}

const char *metric_to_name(enum kith_metric metric)
{
    for (size_t i = 0; i < sizeof metrics / sizeof metrics[0]; i++)
        if (metrics[i].metric == metric) return metrics[i].name;
    return "";
}

/* ---- completing what a client sent ---- */

static MilvusField *field_named(const MilvusSchema *schema, const char *name)
{
    for (size_t i = 0; i < schema->n_fields; i++)
        if (strcmp(schema->fields[i]->name, name) == 0) return schema->fields[i];
    return NULL;
}

static bool complete_function(struct milvus_call *call, MilvusSchema *schema, Function *function)
{
    const size_t in = function->n_input_field_names, out = function->n_output_field_names;
    function->input_field_ids = arena_alloc_array(call->arena, in + 1, sizeof(int64_t));
    function->output_field_ids = arena_alloc_array(call->arena, out + 1, sizeof(int64_t));
    if (!function->input_field_ids || !function->output_field_ids) return false;
    for (size_t i = 0; i < in; i++) {
        const MilvusField *field = field_named(schema, function->input_field_names[i]);
        function->input_field_ids[i] = field ? field->fieldid : 0;
    }
    for (size_t i = 0; i < out; i++) {
        MilvusField *field = field_named(schema, function->output_field_names[i]);
        function->output_field_ids[i] = field ? field->fieldid : 0;
        if (field) field->is_function_output = true;
    }
    function->n_input_field_ids = in;
    function->n_output_field_ids = out;
    return true;
}

bool schema_complete(struct milvus_call *call, MilvusSchema *schema)
{
    for (size_t i = 0; i < schema->n_fields; i++) {
        MilvusField *field = schema->fields[i];
        field->fieldid = SCHEMA_FIRST_FIELD_ID + (int64_t)i;
        field->state = MILVUS__PROTO__SCHEMA__FIELD_STATE__FieldCreated;
        if (!field->is_primary_key) continue;
        field->autoid = field->autoid || schema->autoid;
        schema->autoid = field->autoid;
    }
    for (size_t i = 0; i < schema->n_functions; i++) {
        schema->functions[i]->id = SCHEMA_FIRST_FIELD_ID + (int64_t)i;
        if (!complete_function(call, schema, schema->functions[i])) return false;
    }
    return true;
}

/* ---- to the engine ---- */

static MilvusStatus *bad_default(struct milvus_call *call, const MilvusField *field)
{
    return milvus_status(call, MILVUS_INVALID,
                         "type (%s) of field (%s) is not equal to the type of its default_value: "
                         "invalid parameter",
                         field_type_name(field), field->name);
}

/* Which member of the oneof a type's default stands in. */
static int default_case(const MilvusField *field)
{
    switch ((int)field->data_type) {
    case KITH_BOOL: return MILVUS__PROTO__SCHEMA__VALUE_FIELD__DATA_BOOL_DATA;
    case KITH_INT8:
    case KITH_INT16:
    case KITH_INT32: return MILVUS__PROTO__SCHEMA__VALUE_FIELD__DATA_INT_DATA;
    case KITH_INT64: return MILVUS__PROTO__SCHEMA__VALUE_FIELD__DATA_LONG_DATA;
    case KITH_FLOAT: return MILVUS__PROTO__SCHEMA__VALUE_FIELD__DATA_FLOAT_DATA;
    case KITH_DOUBLE: return MILVUS__PROTO__SCHEMA__VALUE_FIELD__DATA_DOUBLE_DATA;
    case KITH_VARCHAR:
    case KITH_GEOMETRY:
    case KITH_TIMESTAMPTZ: return MILVUS__PROTO__SCHEMA__VALUE_FIELD__DATA_STRING_DATA;
    case KITH_JSON: return MILVUS__PROTO__SCHEMA__VALUE_FIELD__DATA_BYTES_DATA;
    default: return -1;
    }
}

static MilvusStatus *to_default(struct milvus_call *call, const MilvusField *field,
                                struct kith_value *out)
{
    const Milvus__Proto__Schema__ValueField *value = field->default_value;
    if (!value || value->data_case == MILVUS__PROTO__SCHEMA__VALUE_FIELD__DATA__NOT_SET)
        return NULL;
    out->type = field_engine_type(field);
    if ((int)field->data_type == KITH_TIMESTAMPTZ &&
        value->data_case == MILVUS__PROTO__SCHEMA__VALUE_FIELD__DATA_TIMESTAMPTZ_DATA) {
        out->i = value->timestamptz_data;
        return NULL;
    }
    if ((int)value->data_case != default_case(field)) return bad_default(call, field);
    switch ((int)value->data_case) {
    case MILVUS__PROTO__SCHEMA__VALUE_FIELD__DATA_BOOL_DATA: out->i = value->bool_data != 0; break;
    case MILVUS__PROTO__SCHEMA__VALUE_FIELD__DATA_INT_DATA: out->i = value->int_data; break;
    case MILVUS__PROTO__SCHEMA__VALUE_FIELD__DATA_LONG_DATA: out->i = value->long_data; break;
    case MILVUS__PROTO__SCHEMA__VALUE_FIELD__DATA_FLOAT_DATA:
        out->d = (double)value->float_data;
        break;
    case MILVUS__PROTO__SCHEMA__VALUE_FIELD__DATA_DOUBLE_DATA: out->d = value->double_data; break;
    case MILVUS__PROTO__SCHEMA__VALUE_FIELD__DATA_BYTES_DATA:
        out->s = (struct kith_str){(const char *)value->bytes_data.data, value->bytes_data.len};
        break;
    default: out->s = (struct kith_str){value->string_data, strlen(value->string_data)}; break;
    }
    if (out->type == KITH_TIMESTAMPTZ && !timestamptz_parse(out->s, 0, &out->i))
        return bad_default(call, field);
    return NULL;
}

static uint32_t param_u32(const MilvusField *field, const char *key)
{
    int64_t value = 0;
    if (!milvus_pair_int(field->type_params, field->n_type_params, key, &value)) return 0;
    return value > 0 && value <= UINT32_MAX ? (uint32_t)value : 0;
}

static void to_analyzer(const MilvusField *field, struct kith_field *out)
{
    bool analyzed = false, matched = false;
    (void)milvus_pair_bool(field->type_params, field->n_type_params, "enable_analyzer", &analyzed);
    (void)milvus_pair_bool(field->type_params, field->n_type_params, "enable_match", &matched);
    if (out->type != KITH_VARCHAR || !(analyzed || matched)) return;
    const char *params =
        milvus_pair_get(field->type_params, field->n_type_params, "analyzer_params");
    out->analyzer = params && *params ? params : "{}";
    out->enable_match = matched;
}

MilvusStatus *field_to_engine(struct milvus_call *call, const MilvusField *field,
                              struct kith_field *out)
{
    *out = (struct kith_field)KITH_FIELD_INIT;
    out->name = field->name;
    out->type = field_engine_type(field);
    out->flags = (field->is_primary_key ? (unsigned)KITH_FIELD_PRIMARY : 0) |
                 (field->is_primary_key && field->autoid ? (unsigned)KITH_FIELD_AUTO_ID : 0) |
                 (field->nullable ? (unsigned)KITH_FIELD_NULLABLE : 0) |
                 (field->is_partition_key ? (unsigned)KITH_FIELD_PARTITION_KEY : 0);
    const bool array = out->type == KITH_ARRAY;
    if (field_is_vector(field) && out->type != KITH_SPARSE_VECTOR)
        out->dim = param_u32(field, "dim");
    if (array) out->max_capacity = param_u32(field, "max_capacity");
    if (array) out->element_type = (enum kith_type)field->element_type;
    if ((int)field->data_type == KITH_VARCHAR || (array && out->element_type == KITH_VARCHAR))
        out->max_length = param_u32(field, "max_length");
    to_analyzer(field, out);
    return to_default(call, field, &out->default_value);
}

static MilvusStatus *to_functions(struct milvus_call *call, const MilvusSchema *schema,
                                  struct kith_schema *out)
{
    struct kith_function *functions =
        arena_alloc_array(call->arena, schema->n_functions + 1, sizeof *functions);
    if (!functions) return milvus_error(call, KITH_ENOMEM, NULL);
    for (size_t i = 0; i < schema->n_functions; i++) {
        functions[i] = (struct kith_function)KITH_FUNCTION_INIT;
        functions[i].name = schema->functions[i]->name;
        functions[i].kind = (enum kith_function_kind)schema->functions[i]->type;
        functions[i].input = schema->functions[i]->input_field_names[0];
        functions[i].output = schema->functions[i]->output_field_names[0];
    }
    out->functions = functions;
    out->function_count = schema->n_functions;
    return NULL;
}

MilvusStatus *schema_to_engine(struct milvus_call *call, const MilvusSchema *schema,
                               int64_t partitions, struct kith_schema *out)
{
    struct kith_field *fields =
        arena_alloc_array(call->arena, schema->n_fields + 1, sizeof *fields);
    if (!fields) return milvus_error(call, KITH_ENOMEM, NULL);
    *out = (struct kith_schema)KITH_SCHEMA_INIT;
    for (size_t i = 0; i < schema->n_fields; i++) {
        MilvusStatus *refusal = field_to_engine(call, schema->fields[i], &fields[i]);
        if (refusal) return refusal;
    }
    out->fields = fields;
    out->field_count = schema->n_fields;
    out->description = schema->description;
    out->dynamic = schema->enable_dynamic_field;
    out->on_duplicate = KITH_DUPLICATE_ALLOW; /* an insert of the protocol checks no keys */
    if (schema_partition_key(schema))
        out->key_partitions = partitions > 0 ? (uint32_t)partitions : SCHEMA_KEY_PARTITIONS;
    return to_functions(call, schema, out);
}

/* ---- from the engine ---- */

static int add_param(struct arena *arena, MilvusField *field, const char *key, const char *value)
{
    MilvusPair *pair = arena_alloc(arena, sizeof *pair);
    if (!pair) return KITH_ENOMEM;
    milvus__proto__common__key_value_pair__init(pair);
    pair->key = milvus_text(key);
    pair->value = arena_strndup(arena, value, strlen(value));
    if (!pair->value) return KITH_ENOMEM;
    field->type_params[field->n_type_params++] = pair;
    return 0;
}

static int add_number(struct arena *arena, MilvusField *field, const char *key, uint32_t number)
{
    char text[16];
    if (number == 0) return 0;
    (void)snprintf(text, sizeof text, "%u", number);
    return add_param(arena, field, key, text);
}

static int from_params(struct arena *arena, const struct kith_field *from, MilvusField *field)
{
    field->type_params = arena_alloc_array(arena, 8, sizeof(MilvusPair *));
    if (!field->type_params) return KITH_ENOMEM;
    int rc = add_number(arena, field, "dim", from->dim);
    if (rc == 0) rc = add_number(arena, field, "max_length", from->max_length);
    if (rc == 0) rc = add_number(arena, field, "max_capacity", from->max_capacity);
    if (rc == 0 && from->analyzer) rc = add_param(arena, field, "enable_analyzer", "true");
    if (rc == 0 && from->analyzer) rc = add_param(arena, field, "analyzer_params", from->analyzer);
    if (rc == 0 && from->enable_match) rc = add_param(arena, field, "enable_match", "true");
    return rc;
}

static void from_value(const struct kith_field *from, Milvus__Proto__Schema__ValueField *out)
{
    const struct kith_value *value = &from->default_value;
    MilvusField as = {.data_type = (Milvus__Proto__Schema__DataType)from->type};
    out->data_case = (Milvus__Proto__Schema__ValueField__DataCase)default_case(&as);
    switch ((int)from->type) {
    case KITH_BOOL: out->bool_data = value->i != 0; break;
    case KITH_INT8:
    case KITH_INT16:
    case KITH_INT32: out->int_data = (int32_t)value->i; break;
    case KITH_INT64: out->long_data = value->i; break;
    case KITH_FLOAT: out->float_data = (float)value->d; break;
    case KITH_DOUBLE: out->double_data = value->d; break;
    case KITH_TIMESTAMPTZ:
        out->data_case = MILVUS__PROTO__SCHEMA__VALUE_FIELD__DATA_TIMESTAMPTZ_DATA;
        out->timestamptz_data = value->i;
        break;
    case KITH_JSON:
        memcpy(&out->bytes_data.data, &value->s.data, sizeof out->bytes_data.data);
        out->bytes_data.len = value->s.len;
        break;
    default: break; /* texts: from_default */
    }
}

static int from_default(struct arena *arena, const struct kith_field *from, MilvusField *field)
{
    if (from->default_value.type == 0) return 0;
    Milvus__Proto__Schema__ValueField *value = arena_alloc(arena, sizeof *value);
    if (!value) return KITH_ENOMEM;
    milvus__proto__schema__value_field__init(value);
    from_value(from, value);
    if (value->data_case == MILVUS__PROTO__SCHEMA__VALUE_FIELD__DATA_STRING_DATA) {
        value->string_data =
            arena_strndup(arena, from->default_value.s.data, from->default_value.s.len);
        if (!value->string_data) return KITH_ENOMEM;
    }
    field->default_value = value;
    return 0;
}

static MilvusField *from_field(struct arena *arena, const struct kith_field *from, int64_t id)
{
    MilvusField *field = arena_alloc(arena, sizeof *field);
    if (!field) return NULL;
    milvus__proto__schema__field_schema__init(field);
    field->fieldid = id;
    field->name = milvus_text(from->name);
    field->data_type = (Milvus__Proto__Schema__DataType)from->type;
    field->element_type = (Milvus__Proto__Schema__DataType)from->element_type;
    field->is_primary_key = (from->flags & KITH_FIELD_PRIMARY) != 0;
    field->autoid = (from->flags & KITH_FIELD_AUTO_ID) != 0;
    field->nullable = (from->flags & KITH_FIELD_NULLABLE) != 0;
    field->is_partition_key = (from->flags & KITH_FIELD_PARTITION_KEY) != 0;
    if (from_params(arena, from, field)) return NULL;
    return from_default(arena, from, field) ? NULL : field;
}

static int from_functions(struct arena *arena, const struct kith_schema *from, MilvusSchema *out)
{
    out->functions = arena_alloc_array(arena, from->function_count + 1, sizeof *out->functions);
    char **names = arena_alloc_array(arena, 2 * from->function_count + 1, sizeof *names);
    if (!out->functions || !names) return KITH_ENOMEM;
    for (size_t i = 0; i < from->function_count; i++, names += 2) {
        const struct kith_function *given = &from->functions[i];
        Function *function = arena_alloc(arena, sizeof *function);
        if (!function) return KITH_ENOMEM;
        milvus__proto__schema__function_schema__init(function);
        function->name = milvus_text(given->name);
        function->id = SCHEMA_FIRST_FIELD_ID + (int64_t)i;
        function->type = (Milvus__Proto__Schema__FunctionType)given->kind;
        names[0] = milvus_text(given->input);
        names[1] = milvus_text(given->output);
        function->input_field_names = &names[0];
        function->output_field_names = &names[1];
        function->n_input_field_names = function->n_output_field_names = 1;
        MilvusField *output = field_named(out, given->output);
        if (output) output->is_function_output = true;
        out->functions[out->n_functions++] = function;
    }
    return 0;
}

int schema_from_engine(struct arena *arena, const struct kith_schema *from, MilvusSchema *out)
{
    out->description = milvus_text(from->description ? from->description : "");
    out->enable_dynamic_field = from->dynamic;
    out->fields = arena_alloc_array(arena, from->field_count + 1, sizeof *out->fields);
    if (!out->fields) return KITH_ENOMEM;
    for (size_t i = 0; i < from->field_count; i++) {
        if (from->fields[i].flags & KITH_FIELD_DYNAMIC) continue;
        MilvusField *field =
            from_field(arena, &from->fields[i], SCHEMA_FIRST_FIELD_ID + (int64_t)out->n_fields);
        if (!field) return KITH_ENOMEM;
        out->fields[out->n_fields++] = field;
        if (field->is_primary_key && field->autoid) out->autoid = true;
    }
    return from_functions(arena, from, out);
}
