/*
 * Zone maps of a sealed segment: made when it is written, merged over the blocks asked for when
 * they are read. A NaN makes the zones that it lies in unknown: it is in no order with the others.
 */
#include "storage/sealed_zone.h"

#include <math.h>
#include <string.h>

#include "base/endian.h"

static bool is_float(enum kith_type type) { return type == KITH_FLOAT || type == KITH_DOUBLE; }

bool zone_has(const struct schema_field *field)
{
    return field->width > 0 && !type_is_vector(field->type);
}

/* ---- writing ---- */

static void begin_block(struct zone_builder *b)
{
    b->rows = 0;
    b->nan = false;
    b->zone = (struct zone){.int_low = INT64_MAX,
                            .int_high = INT64_MIN,
                            .float_low = (double)INFINITY,
                            .float_high = -(double)INFINITY};
}

void zone_builder_init(struct zone_builder *b, enum kith_type type)
{
    b->type = type;
    buffer_init(&b->bytes);
    begin_block(b);
}

void zone_builder_release(struct zone_builder *b) { buffer_release(&b->bytes); }

static void end_block(struct zone_builder *b)
{
    const struct zone *z = &b->zone;
    if (b->rows == 0) return;
    const bool values = z->has_values;
    if (is_float(b->type)) {
        buffer_put_f64(&b->bytes, values ? z->float_low : 0);
        buffer_put_f64(&b->bytes, values ? z->float_high : 0);
    } else {
        buffer_put_u64(&b->bytes, values ? (uint64_t)z->int_low : 0);
        buffer_put_u64(&b->bytes, values ? (uint64_t)z->int_high : 0);
    }
    buffer_put_u32(&b->bytes, (uint32_t)z->nulls);
    buffer_put_u32(&b->bytes, (values ? (uint32_t)ZONE_HAS_VALUES : 0) |
                                  (b->nan ? (uint32_t)ZONE_HAS_NAN : 0));
    begin_block(b);
}

static int64_t integer_at(const struct chunk *chunk, size_t row)
{
    const uint8_t *at = chunk->data + row * chunk->width;
    switch (chunk->type) {
    case KITH_BOOL: return *at;
    case KITH_INT8: return (int8_t)*at;
    case KITH_INT16: return (int16_t)le16_get(at);
    case KITH_INT32: return (int32_t)le32_get(at);
    default: return (int64_t)le64_get(at);
    }
}

static void add_float(struct zone_builder *b, double value)
{
    if (isnan(value)) {
        b->nan = true;
        return;
    }
    if (value < b->zone.float_low) b->zone.float_low = value;
    if (value > b->zone.float_high) b->zone.float_high = value;
}

static void add_row(struct zone_builder *b, const struct chunk *chunk, size_t row)
{
    if (!chunk_valid(chunk, row)) {
        b->zone.nulls++;
        return;
    }
    b->zone.has_values = true;
    if (is_float(b->type)) {
        const uint8_t *at = chunk->data + row * chunk->width;
        add_float(b, b->type == KITH_FLOAT ? (double)lef32_get(at) : lef64_get(at));
        return;
    }
    const int64_t value = integer_at(chunk, row);
    if (value < b->zone.int_low) b->zone.int_low = value;
    if (value > b->zone.int_high) b->zone.int_high = value;
}

int zone_builder_run(void *ctx, const struct chunk *chunk, size_t from, size_t end)
{
    struct zone_builder *b = ctx;
    for (size_t row = from; row < end; row++) {
        add_row(b, chunk, row);
        if (++b->rows == ZONE_BLOCK_ROWS) end_block(b);
    }
    return 0;
}

int zone_builder_end(struct zone_builder *b)
{
    end_block(b);
    return buffer_failed(&b->bytes) ? KITH_ENOMEM : 0;
}

/* ---- reading ---- */

static void merge_block(const uint8_t *at, bool floats, struct zone *out)
{
    const bool first = !out->has_values;
    out->nulls += le32_get(at + ZONE_AT_NULLS);
    if (!(le32_get(at + ZONE_AT_FLAGS) & ZONE_HAS_VALUES)) return;
    out->has_values = true;
    if (floats) {
        const double low = lef64_get(at + ZONE_AT_LOW);
        const double high = lef64_get(at + ZONE_AT_HIGH);
        if (first || low < out->float_low) out->float_low = low;
        if (first || high > out->float_high) out->float_high = high;
        return;
    }
    const int64_t low = (int64_t)le64_get(at + ZONE_AT_LOW);
    const int64_t high = (int64_t)le64_get(at + ZONE_AT_HIGH);
    if (first || low < out->int_low) out->int_low = low;
    if (first || high > out->int_high) out->int_high = high;
}

int sealed_zone(const struct segment *segment, size_t field, size_t first, size_t rows,
                struct zone *out)
{
    const struct sealed *s = (const struct sealed *)segment;
    if (!segment_holds(segment, field) || rows == 0 || first >= s->rows) {
        return KITH_EUNSUPPORTED;
    }
    const struct section *zones = &s->columns[field].zones;
    if (!zones->data) return KITH_EUNSUPPORTED;
    if (rows > s->rows - first) rows = s->rows - first;
    const size_t block = first / ZONE_BLOCK_ROWS;
    const size_t end = (first + rows - 1) / ZONE_BLOCK_ROWS + 1;
    if (section_touch(zones, block * ZONE_BYTES, (end - block) * ZONE_BYTES)) return KITH_ECORRUPT;
    const bool floats = is_float(segment->schema->fields[field].type);
    struct zone made = {.has_values = false};
    for (size_t i = block; i < end; i++) {
        const uint8_t *at = zones->data + i * ZONE_BYTES;
        if (le32_get(at + ZONE_AT_FLAGS) & ZONE_HAS_NAN) return KITH_EUNSUPPORTED;
        merge_block(at, floats, &made);
    }
    *out = made;
    return 0;
}
