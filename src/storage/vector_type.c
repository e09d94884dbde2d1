/*
 * Public element types and metrics to those of the kernels: see vector_type.h.
 */
#include "storage/vector_type.h"

bool kernel_type_of(enum kith_type type, enum kernel_type *out)
{
    switch (type) {
    case KITH_FLOAT_VECTOR: *out = KERNEL_F32; return true;
    case KITH_FLOAT16_VECTOR: *out = KERNEL_F16; return true;
    case KITH_BFLOAT16_VECTOR: *out = KERNEL_BF16; return true;
    case KITH_INT8_VECTOR: *out = KERNEL_I8; return true;
    case KITH_BINARY_VECTOR: *out = KERNEL_BIT; return true;
    default: return false;
    }
}

bool kernel_metric_of(enum kith_metric metric, enum kernel_metric *out)
{
    switch (metric) {
    case KITH_L2: *out = KERNEL_L2; return true;
    case KITH_IP: *out = KERNEL_DOT; return true;
    case KITH_COSINE: *out = KERNEL_COSINE; return true;
    case KITH_HAMMING: *out = KERNEL_HAMMING; return true;
    case KITH_JACCARD: *out = KERNEL_JACCARD; return true;
    default: return false;
    }
}

bool vectors_of_field(const struct schema_field *field, struct vectors *out)
{
    struct vectors made = {.stride_bytes = field->width, .dim = field->dim};
    if (field->width == 0 || !kernel_type_of(field->type, &made.type) ||
        !kernel_metric_of(field->metric, &made.metric)) {
        return false;
    }
    *out = made;
    return true;
}
