/*
 * Scalar columns of a FieldData: see rows_in.h.
 */
#include <string.h>

#include "milvus/rows_in.h"

/* Members of ScalarField's oneof. */
enum { BOOLS = 1, INTS, LONGS, FLOATS, DOUBLES, STRINGS, BYTES, ARRAYS, JSONS, WKBS, TIMES, WKTS };

static MilvusStatus *wrong_type(const struct rows_in *in)
{
    return milvus_status(in->call, MILVUS_INVALID,
                         "the data of field (%.255s) does not have the type of the schema: invalid "
                         "parameter",
                         in->name);
}

static MilvusStatus *failed(const struct rows_in *in, int rc)
{
    return rc == KITH_ENOMEM ? milvus_no_memory(in->call) : rows_in_malformed(in);
}

/* Floats and doubles: in place, or moved to where they are aligned. */
static MilvusStatus *fixed_in(struct rows_in *in, struct kith_str message, size_t width)
{
    struct kith_str run;
    const int rc = rows_run(message, 1, width == 4 ? WIRE_FIXED32 : WIRE_FIXED64, in->call->arena,
                            &run);
    if (rc) return failed(in, rc);
    if (run.len % width) return rows_in_malformed(in);
    MilvusStatus *refused = rows_in_count(in, run.len / width);
    if (refused) return refused;
    in->out->data = run.data;
    if ((uintptr_t)run.data % width == 0) return NULL;
    void *moved = arena_alloc(in->call->arena, run.len + 1);
    if (!moved) return milvus_no_memory(in->call);
    memcpy(moved, run.data, run.len);
    in->out->data = moved;
    return NULL;
}

struct integers { /* what a column's integers have to fit */
    size_t width;
    int64_t low, high;
};

static struct integers integers_of(int type)
{
    switch (type) {
    case KITH_BOOL: return (struct integers){ 1, INT64_MIN, INT64_MAX };
    case KITH_INT8: return (struct integers){ 1, INT8_MIN, INT8_MAX };
    case KITH_INT16: return (struct integers){ 2, INT16_MIN, INT16_MAX };
    case KITH_INT32: return (struct integers){ 4, INT32_MIN, INT32_MAX };
    default: return (struct integers){ 8, INT64_MIN, INT64_MAX };
    }
}

static void put_integer(uint8_t *to, size_t width, int64_t value)
{
    switch (width) {
    case 1: *to = (uint8_t)value; break;
    case 2: memcpy(to, &(uint16_t){ (uint16_t)value }, 2); break;
    case 4: memcpy(to, &(uint32_t){ (uint32_t)value }, 4); break;
    default: memcpy(to, &value, 8); break;
    }
}

static MilvusStatus *out_of_range(const struct rows_in *in, size_t i, int64_t value,
                                  const struct integers *of)
{
    return milvus_status(in->call, MILVUS_INVALID,
                         "the %zuth element (%lld) out of range: [%lld, %lld]: invalid "
                         "parameter[expected=integer doesn't overflow][actual=out of range]",
                         i, (long long)value, (long long)of->low, (long long)of->high);
}

static MilvusStatus *varints_in(struct rows_in *in, struct kith_str message, int type)
{
    struct kith_str run;
    const struct integers of = integers_of(type);
    const int rc = rows_run(message, 1, WIRE_VARINT, in->call->arena, &run);
    if (rc) return failed(in, rc);
    const size_t count = wire_varint_count((const uint8_t *)run.data, run.len);
    MilvusStatus *refused = rows_in_count(in, count);
    if (refused) return refused;
    uint8_t *data = arena_alloc_array(in->call->arena, count + 1, of.width), *to = data;
    if (!data) return milvus_no_memory(in->call);
    struct wire wire;
    uint64_t raw;
    wire_init(&wire, run.data, run.len);
    for (size_t i = 0; i < count; i++, to += of.width) {
        if (!wire_varint(&wire, &raw)) return rows_in_malformed(in);
        const int64_t value = type == KITH_BOOL ? raw != 0 : (int64_t)raw;
        if (value < of.low || value > of.high) return out_of_range(in, i, value, &of);
        put_integer(to, of.width, value);
    }
    if (wire.pos != wire.end) return rows_in_malformed(in);
    in->out->data = data;
    return NULL;
}

static MilvusStatus *texts_in(struct rows_in *in, struct kith_str message)
{
    struct kith_str *texts;
    size_t count;
    const int rc = rows_slices(message, 1, in->call->arena, &texts, &count);
    if (rc) return failed(in, rc);
    in->out->data = texts;
    return rows_in_count(in, count);
}

static MilvusStatus *wkb_in(struct rows_in *in, struct kith_str message)
{
    MilvusStatus *refused = texts_in(in, message);
    if (refused) return refused;
    struct kith_str *texts = arena_alloc_array(in->call->arena, in->wanted + 1, sizeof *texts);
    if (!texts) return milvus_no_memory(in->call);
    struct buffer wkt;
    buffer_init(&wkt);
    const struct kith_str *given = in->out->data;
    for (size_t i = 0; !refused && i < in->wanted; i++) {
        buffer_clear(&wkt);
        const int rc = wkb_to_wkt(given[i], &wkt);
        char *text = rc ? NULL : arena_strndup(in->call->arena, (const char *)wkt.data, wkt.len);
        texts[i] = (struct kith_str){ text, wkt.len };
        if (!text) refused = failed(in, rc ? rc : KITH_ENOMEM);
    }
    buffer_release(&wkt);
    in->out->data = texts;
    return refused;
}

/* ISO texts; without an offset they are read in the collection's zone. */
static MilvusStatus *times_in(struct rows_in *in, struct kith_str message)
{
    MilvusStatus *refused = texts_in(in, message);
    if (refused) return refused;
    const struct time_zone *zone;
    refused = milvus_zone(in->call, in->collection, NULL, &zone);
    if (refused) return refused;
    const struct kith_str *texts = in->out->data;
    int64_t *micros = arena_alloc_array(in->call->arena, in->wanted + 1, sizeof *micros);
    if (!micros) return milvus_no_memory(in->call);
    for (size_t i = 0; i < in->wanted; i++)
        if (!time_zone_parse(zone, texts[i], &micros[i]))
            return milvus_status(in->call, MILVUS_INVALID,
                                 "got invalid timestamptz string '%.*s': invalid parameter",
                                 texts[i].len > 100 ? 100 : (int)texts[i].len, texts[i].data);
    in->out->data = micros;
    return NULL;
}

/* A member that a client may have left out because there is no valid row. */
static bool none_needed(const struct rows_in *in, uint32_t number)
{
    return number == 0 && in->wanted == 0;
}

static MilvusStatus *variable_in(struct rows_in *in, int type, uint32_t number,
                                 struct kith_str message)
{
    switch (type) {
    case KITH_VARCHAR:
    case KITH_TEXT: return number == STRINGS ? texts_in(in, message) : wrong_type(in);
    case KITH_JSON:
        return number == JSONS || number == BYTES || number == STRINGS ? texts_in(in, message)
                                                                       : wrong_type(in);
    case KITH_GEOMETRY:
        if (number == WKBS) return wkb_in(in, message);
        return number == WKTS || number == STRINGS ? texts_in(in, message) : wrong_type(in);
    case KITH_TIMESTAMPTZ:
        if (number == STRINGS) return times_in(in, message);
        return number == TIMES || number == LONGS ? varints_in(in, message, KITH_INT64)
                                                  : wrong_type(in);
    case KITH_ARRAY: return number == ARRAYS ? rows_in_arrays(in, message) : wrong_type(in);
    default: return wrong_type(in);
    }
}

MilvusStatus *rows_in_scalars(struct rows_in *in, int type)
{
    uint32_t number;
    struct kith_str message;
    if (rows_member(in->head->scalars, &number, &message)) return rows_in_malformed(in);
    if (none_needed(in, number)) {
        in->out->data = "";
        return NULL;
    }
    switch (type) {
    case KITH_BOOL: return number == BOOLS ? varints_in(in, message, type) : wrong_type(in);
    case KITH_INT8:
    case KITH_INT16:
    case KITH_INT32:
        return number == INTS || number == LONGS ? varints_in(in, message, type) : wrong_type(in);
    case KITH_INT64:
        return number == LONGS || number == INTS ? varints_in(in, message, type) : wrong_type(in);
    case KITH_FLOAT: return number == FLOATS ? fixed_in(in, message, 4) : wrong_type(in);
    case KITH_DOUBLE: return number == DOUBLES ? fixed_in(in, message, 8) : wrong_type(in);
    default: return variable_in(in, type, number, message);
    }
}
