/*
 * What is fixed about each type and metric: its name in texts and its width a row. The numbers are
 * those of enum kith_type; a number that is not listed is no type, has no width and is called
 * "unknown", so any u8 from a file may be asked.
 */
#include "model/schema.h"

bool type_is_vector(enum kith_type type)
{
    return type >= KITH_BINARY_VECTOR && type <= KITH_INT8_VECTOR;
}

bool type_is_fixed(enum kith_type type)
{
    return type_width(type, 8) > 0; /* any dim does: only whether there is a width is asked */
}

size_t type_width(enum kith_type type, uint32_t dim)
{
    switch (type) {
    case KITH_BOOL: return 1;
    case KITH_INT8: return 1;
    case KITH_INT16: return 2;
    case KITH_INT32: return 4;
    case KITH_INT64:
    case KITH_TIMESTAMPTZ: return 8;
    case KITH_FLOAT: return 4;
    case KITH_DOUBLE: return 8;
    case KITH_BINARY_VECTOR: return dim / 8;
    case KITH_FLOAT_VECTOR: return (size_t)dim * 4;
    case KITH_FLOAT16_VECTOR: return (size_t)dim * 2;
    case KITH_BFLOAT16_VECTOR: return (size_t)dim * 2;
    case KITH_INT8_VECTOR: return dim;
    case KITH_VARCHAR:
    case KITH_ARRAY:
    case KITH_JSON:
    case KITH_GEOMETRY:
    case KITH_TEXT:
    case KITH_SPARSE_VECTOR: break;
    }
    return 0;
}

const char *type_name(enum kith_type type)
{
    switch (type) {
    case KITH_BOOL: return "Bool";
    case KITH_INT8: return "Int8";
    case KITH_INT16: return "Int16";
    case KITH_INT32: return "Int32";
    case KITH_INT64: return "Int64";
    case KITH_FLOAT: return "Float";
    case KITH_DOUBLE: return "Double";
    case KITH_VARCHAR: return "VarChar";
    case KITH_ARRAY: return "Array";
    case KITH_JSON: return "JSON";
    case KITH_GEOMETRY: return "Geometry";
    case KITH_TEXT: return "Text";
    case KITH_TIMESTAMPTZ: return "Timestamptz";
    case KITH_BINARY_VECTOR: return "BinaryVector";
    case KITH_FLOAT_VECTOR: return "FloatVector";
    case KITH_FLOAT16_VECTOR: return "Float16Vector";
    case KITH_BFLOAT16_VECTOR: return "BFloat16Vector";
    case KITH_SPARSE_VECTOR: return "SparseFloatVector";
    case KITH_INT8_VECTOR: return "Int8Vector";
    }
    return "unknown";
}

const char *metric_name(enum kith_metric metric)
{
    switch (metric) {
    case KITH_METRIC_DEFAULT: return "DEFAULT";
    case KITH_L2: return "L2";
    case KITH_IP: return "IP";
    case KITH_COSINE: return "COSINE";
    case KITH_HAMMING: return "HAMMING";
    case KITH_JACCARD: return "JACCARD";
    case KITH_BM25: return "BM25";
    }
    return "unknown";
}
