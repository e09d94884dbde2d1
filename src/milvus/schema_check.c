/*
 * The rules of section 8 for a schema that a client sends. Each rule is one function that returns
 * NULL or the refusal; what the engine would refuse besides is left to it.
 */
#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "milvus/milvus_internal.h"
#include "milvus/schema_map.h"

#define FIELDS_MAX     64
#define VECTORS_MAX    10
#define DIM_MAX        32768
#define DIM_BITS_MAX   262144
#define VARCHAR_MAX    65535
#define CAPACITY_MAX   4096
#define PARTITIONS_MAX 1024

#define PLAIN(...) milvus_status(call, MILVUS_PLAIN, __VA_ARGS__)

static bool is_key_type(const MilvusField *field)
{
    return (int)field->data_type == KITH_INT64 || (int)field->data_type == KITH_VARCHAR;
}

static MilvusStatus *check_type(struct milvus_call *call, const MilvusField *field)
{
    switch ((int)field->data_type) {
    case KITH_BOOL:
    case KITH_INT8:
    case KITH_INT16:
    case KITH_INT32:
    case KITH_INT64:
    case KITH_FLOAT:
    case KITH_DOUBLE:
    case KITH_VARCHAR:
    case KITH_ARRAY:
    case KITH_JSON:
    case KITH_GEOMETRY:
    case KITH_TEXT:
    case KITH_TIMESTAMPTZ: return NULL;
    case 20: return PLAIN("string data type not supported yet, please use VarChar type instead");
    default: break;
    }
    if (field_is_vector(field)) return NULL;
    return milvus_status(call, MILVUS_INVALID,
                         "field data type: %d is not supported: invalid parameter",
                         (int)field->data_type);
}

static MilvusStatus *check_dim(struct milvus_call *call, const MilvusField *field)
{
    const char *text = milvus_pair_get(field->type_params, field->n_type_params, "dim");
    int64_t dim;
    if ((int)field->data_type == KITH_SPARSE_VECTOR)
        return text ? PLAIN("dim should not be specified for sparse vector field %s(%lld)",
                            field->name, (long long)field->fieldid)
                    : NULL;
    if (!text)
        return PLAIN("dimension is not defined in field type params of field %s, check type param "
                     "`dim` for vector field",
                     field->name);
    if (!milvus_parse_int(text, &dim))
        return PLAIN("invalid dimension: %.100s of field %s. dimension should be an integer", text,
                     field->name);
    if (dim < 2)
        return PLAIN("invalid dimension: %lld. should be in range 2 ~ %d", (long long)dim, DIM_MAX);
    if ((int)field->data_type != KITH_BINARY_VECTOR)
        return dim <= DIM_MAX ? NULL
                              : PLAIN("invalid dimension: %lld of field %s. float vector dimension "
                                      "should be in range 2 ~ %d",
                                      (long long)dim, field->name, DIM_MAX);
    if (dim % 8)
        return PLAIN("invalid dimension: %lld of field %s. binary vector dimension should be "
                     "multiple of 8. ",
                     (long long)dim, field->name);
    return dim <= DIM_BITS_MAX ? NULL
                               : PLAIN("invalid dimension: %lld of field %s. binary vector "
                                       "dimension should be in range 2 ~ %d",
                                       (long long)dim, field->name, DIM_BITS_MAX);
}

static MilvusStatus *check_length(struct milvus_call *call, const MilvusField *field,
                                  const char *collection)
{
    const char *text = milvus_pair_get(field->type_params, field->n_type_params, "max_length");
    int64_t length;
    if (!text)
        return PLAIN(
            "type param(max_length) should be specified for the field(%s) of collection %s",
            field->name, collection);
    if (!milvus_parse_int(text, &length))
        return PLAIN("the value for max_length of field %s must be an integer", field->name);
    if (length >= 1 && length <= VARCHAR_MAX) return NULL;
    return PLAIN(
        "the maximum length specified for the field(%s) should be in (0, %d], but got %lld "
        "instead",
        field->name, VARCHAR_MAX, (long long)length);
}

static MilvusStatus *check_array(struct milvus_call *call, const MilvusField *field,
                                 const char *collection)
{
    const char *text = milvus_pair_get(field->type_params, field->n_type_params, "max_capacity");
    int64_t capacity;
    const int element = (int)field->element_type;
    const bool number = element >= KITH_BOOL && element <= KITH_INT64;
    if (!number && element != KITH_FLOAT && element != KITH_DOUBLE && element != KITH_VARCHAR)
        return PLAIN("element type %s is not supported", element == 0           ? "None"
                                                         : element == KITH_JSON ? "JSON"
                                                                                : "of this number");
    if (!text)
        return PLAIN("type param(max_capacity) should be specified for array field %s",
                     field->name);
    if (!milvus_parse_int(text, &capacity))
        return PLAIN("the value for max_capacity of field %s must be an integer", field->name);
    if (capacity < 1 || capacity > CAPACITY_MAX)
        return PLAIN("the maximum capacity specified for a Array should be in (0, %d]",
                     CAPACITY_MAX);
    return element == KITH_VARCHAR ? check_length(call, field, collection) : NULL;
}

/* Booleans among the parameters read as such. */
static MilvusStatus *check_switches(struct milvus_call *call, const MilvusField *field)
{
    static const char *const keys[] = {"mmap.enabled", "enable_analyzer", "enable_match",
                                       "field.skipLoad"};
    bool value;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (!milvus_pair_bool(field->type_params, field->n_type_params, keys[i], &value))
            return milvus_status(call, MILVUS_INVALID,
                                 "invalid %s value of field %s, it is a boolean: invalid parameter",
                                 keys[i], field->name);
    return NULL;
}

static MilvusStatus *check_key_flags(struct milvus_call *call, const MilvusField *field)
{
    if (field->is_primary_key && !is_key_type(field))
        return PLAIN("the data type of primary key should be Int64 or VarChar");
    if (field->is_primary_key && field->nullable)
        return milvus_status(call, MILVUS_INVALID,
                             "primary field not support null: invalid parameter");
    if (field->is_primary_key && field->default_value)
        return milvus_status(call, MILVUS_INVALID,
                             "primary field not support default_value: invalid parameter");
    if (field->autoid && !field->is_primary_key)
        return PLAIN("only primary field can speficy AutoID with true, field name = %s",
                     field->name);
    if (!field->is_partition_key) return NULL;
    if (!is_key_type(field))
        return PLAIN("the data type of partition key should be Int64 or VarChar");
    if (field->is_primary_key) return PLAIN("the partition key field must not be primary field");
    if (field->nullable)
        return milvus_status(call, MILVUS_INVALID,
                             "partition key field not support nullable: invalid parameter");
    return NULL;
}

MilvusStatus *schema_check_field(struct milvus_call *call, const MilvusField *field,
                                 const char *collection)
{
    MilvusStatus *refusal = milvus_check_field_name(call, field->name);
    if (!refusal) refusal = check_type(call, field);
    if (!refusal) refusal = check_key_flags(call, field);
    if (!refusal) refusal = check_switches(call, field);
    if (refusal) return refusal;
    if (field_is_vector(field)) return check_dim(call, field);
    if ((int)field->data_type == KITH_VARCHAR) return check_length(call, field, collection);
    if ((int)field->data_type == KITH_ARRAY) return check_array(call, field, collection);
    return NULL;
}

static MilvusStatus *check_counts(struct milvus_call *call, const MilvusSchema *schema)
{
    size_t vectors = 0;
    for (size_t i = 0; i < schema->n_fields; i++) vectors += field_is_vector(schema->fields[i]);
    if (schema->n_struct_array_fields)
        return milvus_status(call, MILVUS_UNIMPLEMENTED,
                             "service unimplemented: struct array fields");
    if (schema->n_fields > FIELDS_MAX)
        return PLAIN("maximum field's number should be limited to %d", FIELDS_MAX);
    if (vectors > VECTORS_MAX)
        return PLAIN("maximum vector field's number should be limited to %d", VECTORS_MAX);
    return vectors ? NULL : PLAIN("schema does not contain vector field");
}

static MilvusStatus *check_unique(struct milvus_call *call, const MilvusSchema *schema)
{
    for (size_t i = 0; i < schema->n_fields; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(schema->fields[i]->name, schema->fields[j]->name) == 0)
                return PLAIN("duplicated field name");
    return NULL;
}

/* One primary key, at most one partition key, at most one clustering key. */
static MilvusStatus *check_keys(struct milvus_call *call, const MilvusSchema *schema,
                                int64_t partitions)
{
    const MilvusField *primary = NULL, *partition = NULL, *clustering = NULL;
    for (size_t i = 0; i < schema->n_fields; i++) {
        const MilvusField *field = schema->fields[i];
        if (field->is_primary_key && primary)
            return PLAIN("there are more than one primary key, field name = %s, %s", primary->name,
                         field->name);
        if (field->is_partition_key && partition)
            return PLAIN("there are more than one partition key, field name = %s, %s",
                         partition->name, field->name);
        if (field->is_clustering_key && clustering)
            return PLAIN("there are more than one clustering key, field name = %s, %s",
                         clustering->name, field->name);
        if (field->is_clustering_key && field_is_vector(field))
            return milvus_status(call, 107, "vector clustering key not allowed[field=%s]",
                                 field->name);
        if (field->is_primary_key) primary = field;
        if (field->is_partition_key) partition = field;
        if (field->is_clustering_key) clustering = field;
    }
    if (!primary) return PLAIN("primary key is not specified");
    if (partitions < 0 || (partition && partitions > PARTITIONS_MAX))
        return PLAIN("partition number (%lld) exceeds max configuration (%d)",
                     (long long)partitions, PARTITIONS_MAX);
    if (partitions > 0 && !partition)
        return PLAIN("num_partitions should only be specified with partition key field enabled");
    return NULL;
}

static const MilvusField *named(const MilvusSchema *schema, const char *name)
{
    for (size_t i = 0; i < schema->n_fields; i++)
        if (strcmp(schema->fields[i]->name, name) == 0) return schema->fields[i];
    return NULL;
}

static MilvusStatus *check_bm25(struct milvus_call *call, const MilvusSchema *schema,
                                const Milvus__Proto__Schema__FunctionSchema *function)
{
    bool analyzed = false;
    if (function->n_input_field_names != 1 || function->n_output_field_names != 1)
        return PLAIN("BM25 function should have exactly one input field and one output field");
    const MilvusField *input = named(schema, function->input_field_names[0]);
    const MilvusField *output = named(schema, function->output_field_names[0]);
    if (!input)
        return PLAIN("function input field not found: %.300s", function->input_field_names[0]);
    if (!output)
        return PLAIN("function output field not found: %.300s", function->output_field_names[0]);
    (void)milvus_pair_bool(input->type_params, input->n_type_params, "enable_analyzer", &analyzed);
    if (field_engine_type(input) != KITH_VARCHAR || !analyzed)
        return PLAIN(
            "BM25 function input field must be a VARCHAR/TEXT field with analyzer enabled");
    if ((int)output->data_type != KITH_SPARSE_VECTOR)
        return PLAIN("BM25 function output field must be a SparseFloatVector field, but got %s",
                     field_type_name(output));
    if (output->nullable)
        return PLAIN("function output field cannot be nullable: function %s, field %s",
                     function->name, output->name);
    return NULL;
}

static MilvusStatus *check_functions(struct milvus_call *call, const MilvusSchema *schema)
{
    for (size_t i = 0; i < schema->n_functions; i++) {
        const Milvus__Proto__Schema__FunctionSchema *function = schema->functions[i];
        if (!*function->name) return PLAIN("function name cannot be empty");
        for (size_t j = 0; j < i; j++)
            if (strcmp(function->name, schema->functions[j]->name) == 0)
                return PLAIN("duplicate function name: %.300s", function->name);
        if ((int)function->type != KITH_FUNCTION_BM25)
            return milvus_status(call, MILVUS_UNIMPLEMENTED,
                                 "service unimplemented: functions of type %d",
                                 (int)function->type);
        MilvusStatus *refusal = check_bm25(call, schema, function);
        if (refusal) return refusal;
    }
    return NULL;
}

MilvusStatus *schema_check(struct milvus_call *call, const MilvusSchema *schema, int64_t partitions)
{
    MilvusStatus *refusal = check_counts(call, schema);
    for (size_t i = 0; !refusal && i < schema->n_fields; i++)
        refusal = schema_check_field(call, schema->fields[i], schema->name);
    if (!refusal) refusal = check_unique(call, schema);
    if (!refusal) refusal = check_keys(call, schema, partitions);
    if (!refusal) refusal = check_functions(call, schema);
    return refusal;
}
