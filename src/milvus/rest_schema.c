/*
 * A schema in JSON as the schema messages of the protocol: fields, default values, functions. What
 * a schema may hold is decided where collections are created; here only shape and names of types
 * are.
 */
#include <math.h>
#include <string.h>

#include "milvus/rest.h"

typedef Milvus__Proto__Schema__FunctionSchema MilvusFunction;
typedef Milvus__Proto__Schema__ValueField MilvusValue;

void *rest_array(struct rest *rest, size_t count, size_t size)
{
    void *array = arena_alloc_array(rest->call.arena, count + 1, size);
    if (!array) rest_no_memory(rest);
    return array;
}

static void *message(struct rest *rest, const ProtobufCMessageDescriptor *type)
{
    ProtobufCMessage *made = arena_alloc(rest->call.arena, type->sizeof_message);
    if (made) protobuf_c_message_init(type, made);
    else rest_no_memory(rest);
    return made;
}

static bool scan(struct rest *rest, const struct json_value *value, struct rest_object *out)
{
    if (value->kind == JSON_OBJECT && rest_scan(rest, value->text, value->len, out)) return true;
    rest_fail(rest, 1801, "can only accept json format request, error: an object is expected");
    return false;
}

static int data_type(struct rest *rest, const char *name)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value_by_name(
        &milvus__proto__schema__data_type__descriptor, name);
    if (!value)
        rest_fail(rest, MILVUS_INVALID,
                  "data type %.100s is invalid(case sensitive).: invalid parameter", name);
    return value ? value->value : 0;
}

/* ---- default values ---- */

static bool default_int(const struct json_value *from, MilvusValue *to, bool wide)
{
    int64_t value;
    if (!rest_value_int(from, &value)) return false;
    if (wide) {
        to->data_case = MILVUS__PROTO__SCHEMA__VALUE_FIELD__DATA_LONG_DATA;
        to->long_data = value;
        return true;
    }
    if (value < INT32_MIN || value > INT32_MAX) return false;
    to->data_case = MILVUS__PROTO__SCHEMA__VALUE_FIELD__DATA_INT_DATA;
    to->int_data = (int32_t)value;
    return true;
}

static bool default_real(const struct json_value *from, MilvusValue *to, bool wide)
{
    double value;
    if (!rest_value_double(from, &value)) return false;
    to->data_case = wide ? MILVUS__PROTO__SCHEMA__VALUE_FIELD__DATA_DOUBLE_DATA
                         : MILVUS__PROTO__SCHEMA__VALUE_FIELD__DATA_FLOAT_DATA;
    if (wide) to->double_data = value;
    else to->float_data = (float)value;
    return true;
}

static bool default_text(struct rest *rest, const struct json_value *from, MilvusValue *to,
                         bool json)
{
    char *text = rest_value_any(rest, from);
    if (!text) return false;
    if (json) {
        to->data_case = MILVUS__PROTO__SCHEMA__VALUE_FIELD__DATA_BYTES_DATA;
        to->bytes_data.data = (uint8_t *)text;
        to->bytes_data.len = strlen(text);
        return true;
    }
    to->data_case = MILVUS__PROTO__SCHEMA__VALUE_FIELD__DATA_STRING_DATA;
    to->string_data = text;
    return from->kind == JSON_STRING;
}

static bool default_bool(const struct json_value *from, MilvusValue *to)
{
    bool value = false;
    to->data_case = MILVUS__PROTO__SCHEMA__VALUE_FIELD__DATA_BOOL_DATA;
    if (!rest_value_bool(from, &value)) return false;
    to->bool_data = value;
    return true;
}

static MilvusValue *default_read(struct rest *rest, int type, const char *field,
                                 const struct json_value *from)
{
    MilvusValue *to = message(rest, &milvus__proto__schema__value_field__descriptor);
    if (!to) return NULL;
    bool good;
    switch (type) {
    case KITH_BOOL: good = default_bool(from, to); break;
    case KITH_INT8:
    case KITH_INT16:
    case KITH_INT32:
    case KITH_INT64: good = default_int(from, to, type == KITH_INT64); break;
    case KITH_FLOAT:
    case KITH_DOUBLE: good = default_real(from, to, type == KITH_DOUBLE); break;
    default: good = default_text(rest, from, to, type == KITH_JSON); break;
    }
    if (!good)
        rest_fail(rest, MILVUS_INVALID, "convert defaultValue fail of field %.100s, value %.*s: "
                  "invalid parameter", field, from->len > 60 ? 60 : (int)from->len, from->text);
    return to;
}

/* ---- fields ---- */

static void read_flags(struct rest *rest, const struct rest_object *from, MilvusField *field)
{
    field->is_primary_key = rest_bool(rest, from, REST_IS_PRIMARY, false);
    field->is_partition_key = rest_bool(rest, from, REST_IS_PARTITION_KEY, false);
    field->is_clustering_key = rest_bool(rest, from, REST_IS_CLUSTERING_KEY, false);
    field->nullable = rest_bool(rest, from, REST_NULLABLE, false);
    field->autoid = rest_bool(rest, from, REST_AUTO_ID, false);
}

MilvusField *rest_field_read(struct rest *rest, const struct json_value *value)
{
    struct rest_object from;
    MilvusField *field = message(rest, &milvus__proto__schema__field_schema__descriptor);
    if (!field || !scan(rest, value, &from)) return NULL;
    field->name = rest_text(rest, &from, REST_FIELD_NAME);
    field->description = rest_text(rest, &from, REST_DESCRIPTION);
    field->data_type =
        (Milvus__Proto__Schema__DataType)data_type(rest, rest_text(rest, &from, REST_DATA_TYPE));
    if (field->data_type == MILVUS__PROTO__SCHEMA__DATA_TYPE__Array)
        field->element_type = (Milvus__Proto__Schema__DataType)data_type(
            rest, rest_text(rest, &from, REST_ELEMENT_DATA_TYPE));
    read_flags(rest, &from, field);
    field->type_params =
        rest_value_pairs(rest, &from.at[REST_ELEMENT_TYPE_PARAMS], &field->n_type_params);
    if (rest_has(&from, REST_DEFAULT_VALUE))
        field->default_value = default_read(rest, (int)field->data_type, field->name,
                                            &from.at[REST_DEFAULT_VALUE]);
    return rest->failed ? NULL : field;
}

/* ---- functions ---- */

MilvusFunction *rest_function_read(struct rest *rest, const struct json_value *value)
{
    struct rest_object from;
    MilvusFunction *function = message(rest, &milvus__proto__schema__function_schema__descriptor);
    if (!function || !scan(rest, value, &from)) return NULL;
    const char *type = rest_text(rest, &from, REST_TYPE);
    const ProtobufCEnumValue *known = protobuf_c_enum_descriptor_get_value_by_name(
        &milvus__proto__schema__function_type__descriptor, type);
    if (!known) {
        rest_fail(rest, MILVUS_INVALID, "actual function type: %.100s: invalid parameter[expected="
                  "BM25, TextEmbedding, Rerank, MinHash]", type);
        return NULL;
    }
    function->type = (Milvus__Proto__Schema__FunctionType)known->value;
    function->name = rest_text(rest, &from, REST_NAME);
    function->description = rest_text(rest, &from, REST_DESCRIPTION);
    function->input_field_names = rest_value_texts(rest, &from.at[REST_INPUT_FIELD_NAMES],
                                                   &function->n_input_field_names);
    function->output_field_names = rest_value_texts(rest, &from.at[REST_OUTPUT_FIELD_NAMES],
                                                    &function->n_output_field_names);
    function->params = rest_value_pairs(rest, &from.at[REST_PARAMS], &function->n_params);
    return rest->failed ? NULL : function;
}

/* ---- a whole schema ---- */

static bool read_fields(struct rest *rest, const struct json_value *value, MilvusSchema *schema)
{
    schema->fields = rest_array(rest, rest_value_count(value), sizeof *schema->fields);
    struct json_iter iter;
    struct json_value element;
    json_iter_init(&iter, value);
    while (!rest->failed && json_iter_next(&iter, NULL, &element) == 1) {
        MilvusField *field = rest_field_read(rest, &element);
        if (!field) return false;
        if (field->is_primary_key && schema->autoid) field->autoid = true;
        if (field->is_primary_key && field->autoid) schema->autoid = true;
        schema->fields[schema->n_fields++] = field;
    }
    return !rest->failed;
}

static bool read_functions(struct rest *rest, const struct json_value *value, MilvusSchema *schema)
{
    if (!value->text) return true;
    schema->functions = rest_array(rest, rest_value_count(value), sizeof *schema->functions);
    struct json_iter iter;
    struct json_value element;
    json_iter_init(&iter, value);
    while (!rest->failed && json_iter_next(&iter, NULL, &element) == 1) {
        MilvusFunction *function = rest_function_read(rest, &element);
        if (!function) return false;
        schema->functions[schema->n_functions++] = function;
    }
    return !rest->failed;
}

static void mark_outputs(MilvusSchema *schema)
{
    for (size_t i = 0; i < schema->n_functions; i++)
        for (size_t j = 0; j < schema->functions[i]->n_output_field_names; j++)
            for (size_t k = 0; k < schema->n_fields; k++)
                if (strcmp(schema->fields[k]->name, schema->functions[i]->output_field_names[j]) ==
                    0)
                    schema->fields[k]->is_function_output = true;
}

MilvusSchema *rest_schema_read(struct rest *rest, const struct json_value *value)
{
    struct rest_object from;
    MilvusSchema *schema = message(rest, &milvus__proto__schema__collection_schema__descriptor);
    if (!schema || !scan(rest, value, &from)) return NULL;
    schema->autoid = rest_bool(rest, &from, REST_AUTO_ID, false);
    schema->description = rest_text(rest, &from, REST_DESCRIPTION);
    schema->enable_dynamic_field = rest_bool(rest, &from, REST_ENABLE_DYNAMIC_FIELD, false);
    if (from.at[REST_FIELDS].kind != JSON_ARRAY || rest_value_count(&from.at[REST_FIELDS]) == 0) {
        rest_fail(rest, 1802, "missing required parameters, error: Key: 'Request.Schema.Fields' "
                  "Error:Field validation for 'Fields' failed on the 'required' tag");
        return NULL;
    }
    if (!read_fields(rest, &from.at[REST_FIELDS], schema) ||
        !read_functions(rest, &from.at[REST_FUNCTIONS], schema))
        return NULL;
    mark_outputs(schema);
    return schema;
}
