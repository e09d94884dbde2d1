/*
 * Fields that a segment does not hold: they were added to the schema when its rows were there
 * already. Such a field reads as one column of its default value, or of nulls, until compaction
 * writes it.
 *
 * A column is made once for a segment and field, as long as one chunk, and every chunk shows the
 * same rows of it. A column of nulls is one block of zeros, which takes no memory as long as nobody
 * writes to it: offsets of empty texts, fixed values and validity bits at once. Of vectors there is
 * only the validity: their values are not readable. A default takes up to 1 MiB, which is reserved
 * of the budget as BUDGET_FILLED: adding a field may be refused for it, opening what is there not.
 *
 * Columns are pushed on a list before the schema that names them is published (release), and go
 * with the segment; so a reader that found a field in the segment's schema finds its column.
 */
#include "storage/segment_filled.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "model/batch.h"
#include "storage/sealed_zone.h"

struct filled_column {
    struct filled_column *next;
    size_t field;
    struct chunk chunk; /* of as many rows as a chunk may have */
    struct zone zone;   /* of one row */
    void *block;        /* owns */
    struct budget *budget; /* borrows, nullable: of `reserved` */
    size_t reserved;
};

void filled_free(struct filled_column *list)
{
    while (list) {
        struct filled_column *next = list->next;
        mem_free(list->block);
        if (list->reserved) budget_release(list->budget, BUDGET_FILLED, list->reserved);
        mem_free(list);
        list = next;
    }
}

static int make_nulls(const struct schema_field *field, size_t rows, struct filled_column *out)
{
    uint8_t *zeros = mem_zalloc_array(rows + 1, sizeof(uint64_t));
    if (!zeros) return KITH_ENOMEM;
    out->block = zeros;
    out->chunk.valid = (const uint64_t *)(const void *)zeros;
    out->zone = (struct zone){.nulls = 1};
    if (field->width == 0) {
        out->chunk.offsets = zeros;
        out->chunk.bytes = zeros;
    } else if (field->width <= sizeof(uint64_t)) {
        out->chunk.data = zeros;
    }
    return 0;
}

static void set_zone(const struct schema_field *field, struct zone *out)
{
    const struct kith_value *value = &field->default_value;
    *out = (struct zone){.has_values = true};
    out->int_low = out->int_high = value->i;
    out->float_low = out->float_high = value->d;
}

static int reserve(struct filled_column *column, struct budget *budget, size_t bytes, bool must)
{
    if (!budget) return 0;
    if (must) budget_force(budget, BUDGET_FILLED, bytes);
    else if (!budget_reserve(budget, BUDGET_FILLED, bytes)) return KITH_EBUSY;
    column->budget = budget;
    column->reserved = bytes;
    return 0;
}

static int make_default(const struct schema *schema, size_t number, size_t rows,
                        struct filled_column *out)
{
    const struct schema_field *field = &schema->fields[number];
    const size_t cell = field->width > 0 ? field->width : sizeof(struct kith_str);
    struct kith_column one;
    struct arena arena;
    arena_init(&arena);
    int rc = batch_missing_column(schema, number, 1, &arena, &one, NULL);
    uint8_t *cells = rc ? NULL : mem_alloc_array(rows, cell);
    for (size_t row = 0; cells && row < rows; row++) memcpy(cells + row * cell, one.data, cell);
    arena_release(&arena);
    if (!cells) return KITH_ENOMEM;
    out->block = cells;
    if (field->width > 0) {
        out->chunk.data = cells;
    } else {
        out->chunk.strs = (const struct kith_str *)(const void *)cells;
    }
    set_zone(field, &out->zone);
    return 0;
}

static int make_one(const struct segment *segment, const struct schema *schema, size_t number,
                    bool must, struct filled_column **list)
{
    const struct schema_field *field = &schema->fields[number];
    const size_t room = segment->ops->chunk_rows;
    size_t rows = segment->ops->rows(segment);
    if (segment->ops->growing || rows > room) rows = room;
    struct filled_column *made = mem_zalloc(sizeof *made);
    if (!made) return KITH_ENOMEM;
    made->next = *list;
    made->field = number;
    *list = made;
    made->chunk = (struct chunk){.type = field->type, .rows = rows, .width = field->width};
    if (!field->default_value.type) return make_nulls(field, rows, made);
    const size_t cell = field->width > 0 ? field->width : sizeof(struct kith_str);
    const int rc = reserve(made, segment->budget, rows * cell, must);
    return rc ? rc : make_default(schema, number, rows, made);
}

static const struct filled_column *find(const struct segment *segment, size_t field)
{
    const struct filled_column *column =
        atomic_load_explicit(&segment->filled, memory_order_acquire);
    while (column && column->field != field) column = column->next;
    return column;
}

int segment_fill(const struct segment *segment, const struct schema *schema, bool must,
                 struct filled_column **out)
{
    struct filled_column *list = NULL;
    for (size_t i = segment->held; i < schema->field_count; i++) {
        const bool needed = !schema->fields[i].dropped && !find(segment, i);
        const int rc = !needed ? 0 : make_one(segment, schema, i, must, &list);
        if (rc == 0) continue;
        filled_free(list);
        return rc;
    }
    *out = list;
    return 0;
}

void segment_widen(struct segment *segment, const struct schema *schema,
                   struct filled_column *list)
{
    struct filled_column *last = list;
    while (last && last->next) last = last->next;
    if (last) {
        last->next = atomic_load_explicit(&segment->filled, memory_order_relaxed);
        atomic_store_explicit(&segment->filled, list, memory_order_release);
    }
    atomic_store_explicit(&segment->schema, schema, memory_order_release);
}

int filled_chunk(const struct segment *segment, size_t field, size_t number, struct chunk *out)
{
    const struct filled_column *column = find(segment, field);
    const size_t first = number * segment->ops->chunk_rows;
    const size_t rows = segment->ops->rows(segment);
    if (!column || first >= rows) return KITH_ENOTFOUND;
    *out = column->chunk;
    if (rows - first < out->rows) out->rows = rows - first;
    return 0;
}

int filled_zone(const struct segment *segment, size_t field, size_t rows, struct zone *out)
{
    const struct filled_column *column = find(segment, field);
    const struct schema *schema = segment->schema;
    if (!column || !zone_has(&schema->fields[field])) return KITH_EUNSUPPORTED;
    if (isnan(column->zone.float_low)) return KITH_EUNSUPPORTED;
    *out = column->zone;
    out->nulls *= rows;
    return 0;
}
