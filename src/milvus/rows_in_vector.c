/*
 * Vector columns of a FieldData: see rows_in.h. Dense ones are used where they lie when aligned; a
 * copy otherwise is one memcpy of the column.
 */
#include <math.h>
#include <string.h>

#include "base/endian.h"
#include "milvus/rows_in.h"

/* Members of VectorField's oneof. */
enum { FLOATS = 2, BITS, HALVES, BRAINS, SPARSE, BYTES };

static MilvusStatus *failed(const struct rows_in *in, int rc)
{
    return rc == KITH_ENOMEM ? milvus_no_memory(in->call) : rows_in_malformed(in);
}

struct dense { /* how a type's vectors lie in the message */
    uint32_t member;
    size_t align;
    size_t bits; /* of one dimension */
};

static struct dense dense_of(int type)
{
    switch (type) {
    case KITH_BINARY_VECTOR: return (struct dense){ BITS, 1, 1 };
    case KITH_FLOAT16_VECTOR: return (struct dense){ HALVES, 2, 16 };
    case KITH_BFLOAT16_VECTOR: return (struct dense){ BRAINS, 2, 16 };
    case KITH_INT8_VECTOR: return (struct dense){ BYTES, 1, 8 };
    default: return (struct dense){ FLOATS, 4, 32 };
    }
}

static MilvusStatus *check_dim(const struct rows_in *in, uint64_t given, uint32_t dim)
{
    if (given == dim || given == 0) return NULL;
    return milvus_status(in->call, MILVUS_INVALID,
                         "the dim (%llu) of field data(%.255s) is not equal to schema dim (%u): "
                         "invalid parameter[expected=%u][actual=%llu]",
                         (unsigned long long)given, in->name, dim, dim, (unsigned long long)given);
}

static MilvusStatus *dense_in(struct rows_in *in, const struct dense *of, struct kith_str bytes)
{
    const uint32_t dim = milvus_field_number(in->field, "dim");
    const size_t width = (size_t)dim * of->bits / 8;
    if (width == 0 || bytes.len % width)
        return milvus_status(in->call, MILVUS_INVALID,
                             "the length (%zu) of float data should divide the dim(%u): invalid "
                             "parameter",
                             bytes.len * 8 / of->bits, dim);
    MilvusStatus *refused = rows_in_count(in, bytes.len / width);
    if (refused) return refused;
    in->out->data = bytes.data;
    if ((uintptr_t)bytes.data % of->align == 0) return NULL;
    void *moved = arena_alloc(in->call->arena, bytes.len + 1);
    if (!moved) return milvus_no_memory(in->call);
    memcpy(moved, bytes.data, bytes.len);
    in->out->data = moved;
    return NULL;
}

static const char *sparse_problem(struct kith_str row)
{
    const uint8_t *pair = (const uint8_t *)row.data;
    for (size_t i = 0; i < row.len / 8; i++, pair += 8) {
        const uint32_t index = le32_get(pair);
        const float value = lef32_get(pair + 4);
        if (index == UINT32_MAX)
            return "invalid index in sparse float vector: must be less than 2^32-1";
        if (i && index <= le32_get(pair - 8))
            return "unsorted or same indices in sparse float vector";
        if (!isfinite(value)) return "NaN or Inf value in sparse float vector";
        if (value < 0) return "negative value in sparse float vector";
    }
    return NULL;
}

static MilvusStatus *sparse_in(struct rows_in *in, struct kith_str message)
{
    struct kith_str *rows;
    size_t count;
    const int rc = rows_slices(message, 1, in->call->arena, &rows, &count);
    if (rc) return failed(in, rc);
    for (size_t i = 0; i < count; i++) {
        if (rows[i].len % 8)
            return milvus_status(in->call, MILVUS_PLAIN,
                                 "invalid data length in sparse float vector: %zu", rows[i].len);
        const char *problem = sparse_problem(rows[i]);
        if (problem) return milvus_status(in->call, MILVUS_PLAIN, "%s", problem);
    }
    in->out->data = rows;
    return rows_in_count(in, count);
}

MilvusStatus *rows_in_vectors(struct rows_in *in, int type)
{
    struct wire wire;
    struct wire_field field;
    struct kith_str inner = { "", 0 };
    uint32_t member = 0;
    uint64_t dim = 0;
    int rc;
    wire_init(&wire, in->head->vectors.data, in->head->vectors.len);
    while ((rc = wire_next(&wire, &field)) > 0) {
        if (field.number == 1 && field.type == WIRE_VARINT) dim = field.value;
        if (field.type != WIRE_BYTES || field.number == 9) continue;
        member = field.number;
        inner = (struct kith_str){ (const char *)field.data, field.len };
    }
    if (rc) return rows_in_malformed(in);
    const struct dense of = dense_of(type);
    const bool sparse = type == KITH_SPARSE_VECTOR;
    in->out->data = "";
    if (member == 0 && in->wanted == 0) return NULL;
    if (member != (sparse ? (uint32_t)SPARSE : of.member))
        return milvus_status(in->call, MILVUS_INVALID,
                             "the data of field (%.255s) does not have the type of the schema: "
                             "invalid parameter",
                             in->name);
    if (sparse) return sparse_in(in, inner);
    MilvusStatus *refused = check_dim(in, dim, milvus_field_number(in->field, "dim"));
    if (refused) return refused;
    if (of.member == FLOATS && (rc = rows_run(inner, 1, WIRE_FIXED32, in->call->arena, &inner)))
        return failed(in, rc);
    return dense_in(in, &of, inner);
}
