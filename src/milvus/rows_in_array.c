/*
 * Array columns: a ScalarField a row becomes packed little-endian elements, as the engine keeps
 * them (texts: u32 length and bytes each).
 */
#include <string.h>

#include "base/endian.h"
#include "milvus/rows_in.h"

enum { BOOLS = 1, INTS, LONGS, FLOATS, DOUBLES, STRINGS };

static int integers_pack(struct kith_str run, size_t width, struct arena *arena,
                         struct kith_str *out)
{
    const size_t count = wire_varint_count((const uint8_t *)run.data, run.len);
    uint8_t *bytes = arena_alloc_array(arena, count + 1, width), *to = bytes;
    if (!bytes) return KITH_ENOMEM;
    struct wire wire;
    uint64_t value;
    wire_init(&wire, run.data, run.len);
    for (size_t i = 0; i < count; i++, to += width) {
        uint8_t whole[8];
        if (!wire_varint(&wire, &value)) return KITH_EINVAL;
        le64_put(whole, value);
        memcpy(to, whole, width);
        if (width < 8 && ((int64_t)value >= (INT64_C(1) << (8 * width - 1)) ||
                          (int64_t)value < -(INT64_C(1) << (8 * width - 1))))
            return KITH_ELIMIT;
    }
    *out = (struct kith_str){ (const char *)bytes, count * width };
    return wire.pos == wire.end ? 0 : KITH_EINVAL;
}

static int texts_pack(struct kith_str message, struct arena *arena, struct kith_str *out)
{
    struct kith_str *texts;
    size_t count, total = 0;
    const int rc = rows_slices(message, 1, arena, &texts, &count);
    if (rc) return rc;
    for (size_t i = 0; i < count; i++) total += 4 + texts[i].len;
    uint8_t *bytes = arena_alloc(arena, total + 1), *to = bytes;
    if (!bytes) return KITH_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        le32_put(to, (uint32_t)texts[i].len);
        if (texts[i].len) memcpy(to + 4, texts[i].data, texts[i].len);
        to += 4 + texts[i].len;
    }
    *out = (struct kith_str){ (const char *)bytes, total };
    return 0;
}

static uint32_t member_of(int element)
{
    switch (element) {
    case KITH_BOOL: return BOOLS;
    case KITH_INT8:
    case KITH_INT16:
    case KITH_INT32: return INTS;
    case KITH_INT64: return LONGS;
    case KITH_FLOAT: return FLOATS;
    case KITH_DOUBLE: return DOUBLES;
    default: return STRINGS;
    }
}

/* One row. KITH_EUNSUPPORTED: elements of another type. */
static int row_pack(struct kith_str scalar, int element, struct arena *arena, struct kith_str *out)
{
    uint32_t number;
    struct kith_str message, run;
    int rc = rows_member(scalar, &number, &message);
    *out = (struct kith_str){ "", 0 };
    if (rc || number == 0 || message.len == 0) return rc;
    if (number != member_of(element) && !(number == INTS && element == KITH_INT64))
        return KITH_EUNSUPPORTED;
    if (number == STRINGS) return texts_pack(message, arena, out);
    const bool varints = number < FLOATS;
    const size_t width = milvus_scalar_width((enum kith_type)element);
    rc = rows_run(message, 1,
                  varints            ? WIRE_VARINT
                  : number == FLOATS ? WIRE_FIXED32
                                     : WIRE_FIXED64,
                  arena, &run);
    if (rc) return rc;
    if (varints && element == KITH_BOOL) {
        *out = run; /* a byte each; the engine makes 0 or 1 of them */
        return wire_varint_count((const uint8_t *)run.data, run.len) == run.len ? 0 : KITH_EINVAL;
    }
    if (varints) return integers_pack(run, width, arena, out);
    *out = run;
    return run.len % width ? KITH_EINVAL : 0;
}

static MilvusStatus *refuse(const struct rows_in *in, int rc)
{
    if (rc == KITH_ENOMEM) return milvus_no_memory(in->call);
    if (rc == KITH_EUNSUPPORTED)
        return milvus_status(in->call, MILVUS_INVALID,
                             "the elements of array field (%.255s) do not have the element type of "
                             "the schema: invalid parameter",
                             in->name);
    if (rc == KITH_ELIMIT)
        return milvus_status(in->call, MILVUS_INVALID,
                             "an element of array field (%.255s) is out of range: invalid "
                             "parameter[expected=integer doesn't overflow][actual=out of range]",
                             in->name);
    return rows_in_malformed(in);
}

MilvusStatus *rows_in_arrays(struct rows_in *in, struct kith_str array_array)
{
    struct kith_str *rows;
    size_t count;
    int rc = rows_slices(array_array, 1, in->call->arena, &rows, &count);
    if (rc) return refuse(in, rc);
    MilvusStatus *refused = rows_in_count(in, count);
    if (refused) return refused;
    const int element = (int)in->field->element_type;
    struct kith_str *packed = arena_alloc_array(in->call->arena, count + 1, sizeof *packed);
    if (!packed) return milvus_no_memory(in->call);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = row_pack(rows[i], element, in->call->arena, &packed[i]);
    in->out->data = packed;
    return rc ? refuse(in, rc) : NULL;
}
