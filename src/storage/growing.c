/*
 * A growing segment: rows in memory, appended by one writer, read by anyone without a lock.
 *
 * Rows live in chunks of 4,096 that never move; the directory of chunks has its full size from the
 * start, so a reader needs only the row count (acquire) to reach everything below it. A chunk is
 * one block: insert timestamps, partitions, and a column per field (fixed values in place, variable
 * ones as struct kith_str into the segment's arena) with a bit a row for validity.
 *
 * Appending has two halves: everything that can fail (budget, chunks, key table, bytes of variable
 * values) comes first and leaves nothing behind that a reader could see; then values are copied
 * and the count is released.
 *
 * Budget: what rows really take is reserved under BUDGET_GROWING as they come. A chunk is allocated
 * whole, but pages that no row has touched cost no memory.
 *
 * Validity words are shared between rows of different appends: they are stored atomically, and a
 * reader looks only at bits of rows below its count.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/map.h"
#include "storage/key_table.h"
#include "storage/segment_internal.h"
#include "storage/vector_type.h"

#define COLUMN_ALIGN 64u

struct growing_column {
    uint8_t *data;            /* fixed types */
    struct kith_str *strs;    /* variable types */
    _Atomic uint64_t *valid;  /* one bit a row */
    atomic_bool has_null;     /* without: `valid` need not be looked at */
};

struct growing_chunk {
    uint64_t *ts;             /* all point into the block that this struct begins */
    uint32_t *partitions;
    struct growing_column columns[];
};

struct growing {
    struct segment segment; /* first */
    struct budget *budget;  /* borrows, nullable */
    size_t rows_max;
    atomic_size_t rows;     /* release: rows below it are written */
    _Atomic uint64_t bytes; /* reserved of the budget */
    struct growing_chunk **chunks; /* owns; entry written before the rows that need it */
    size_t chunk_count;
    struct key_table keys;
    uint64_t seed;          /* of the hashes in it */
    struct arena strings;   /* the writer's; readers follow pointers into it */
};

static const struct growing *growing_of(const struct segment *segment)
{
    return (const struct growing *)segment;
}

/* ---- chunks ---- */

/* Takes `len` bytes of the block, aligned; false on overflow. */
static bool place(size_t *at, size_t len, size_t *out)
{
    size_t aligned;
    if (!size_add(*at, COLUMN_ALIGN - 1, &aligned)) return false;
    aligned &= ~(size_t)(COLUMN_ALIGN - 1);
    *out = aligned;
    return size_add(aligned, len, at);
}

static size_t column_row_bytes(const struct schema_field *field)
{
    if (!schema_field_stored(field)) return 0;
    return field->width > 0 ? field->width : sizeof(struct kith_str);
}

static size_t chunk_capacity(const struct growing *g, size_t number)
{
    const size_t left = g->rows_max - number * GROWING_CHUNK_ROWS;
    return left < GROWING_CHUNK_ROWS ? left : GROWING_CHUNK_ROWS;
}

/* Lays out a chunk at `base` (NULL: only counts); the size, or 0 on overflow. */
static size_t chunk_layout(const struct schema *schema, size_t rows, uint8_t *base)
{
    struct growing_chunk *chunk = (struct growing_chunk *)(void *)base;
    size_t at = sizeof *chunk;
    size_t where;
    bool ok = size_add(at, schema->field_count * sizeof chunk->columns[0], &at);
    ok = ok && place(&at, rows * sizeof(uint64_t), &where);
    if (ok && chunk) chunk->ts = (uint64_t *)(void *)(base + where);
    ok = ok && place(&at, rows * sizeof(uint32_t), &where);
    if (ok && chunk) chunk->partitions = (uint32_t *)(void *)(base + where);
    for (size_t i = 0; ok && i < schema->field_count; i++) {
        const struct schema_field *field = &schema->fields[i];
        ok = place(&at, BITSET_WORDS(rows) * sizeof(uint64_t), &where);
        if (ok && chunk) chunk->columns[i].valid = (_Atomic uint64_t *)(void *)(base + where);
        size_t len = 0;
        ok = ok && size_mul(rows, column_row_bytes(field), &len) && place(&at, len, &where);
        if (!ok || !chunk) continue;
        if (!schema_field_stored(field)) continue; /* neither, as the block was zeroed */
        chunk->columns[i].data = field->width > 0 ? base + where : NULL;
        chunk->columns[i].strs =
            field->width > 0 ? NULL : (struct kith_str *)(void *)(base + where);
    }
    return ok ? at : 0;
}

static int chunk_make(struct growing *g, size_t number)
{
    if (g->chunks[number]) return 0;
    const struct schema *schema = g->segment.schema;
    const size_t rows = chunk_capacity(g, number);
    size_t bytes = chunk_layout(schema, rows, NULL);
    if (bytes == 0 || !size_add(bytes, COLUMN_ALIGN, &bytes)) return KITH_ENOMEM;
    uint8_t *base = mem_alloc_aligned(bytes, COLUMN_ALIGN);
    if (!base) return KITH_ENOMEM;
    memset(base, 0, sizeof(struct growing_chunk) +
                        schema->field_count * sizeof(struct growing_column));
    (void)chunk_layout(schema, rows, base);
    struct growing_chunk *chunk = (struct growing_chunk *)(void *)base;
    for (size_t i = 0; i < schema->field_count; i++) {
        for (size_t w = 0; w < BITSET_WORDS(rows); w++) atomic_init(&chunk->columns[i].valid[w], 0);
    }
    g->chunks[number] = chunk;
    return 0;
}

/* ---- reading ---- */

static size_t growing_rows(const struct segment *segment)
{
    return atomic_load_explicit(&growing_of(segment)->rows, memory_order_acquire);
}

static uint64_t row_ts(const struct growing *g, size_t row)
{
    return g->chunks[row / GROWING_CHUNK_ROWS]->ts[row % GROWING_CHUNK_ROWS];
}

static size_t growing_rows_at(const struct segment *segment, uint64_t ts)
{
    const struct growing *g = growing_of(segment);
    size_t low = 0;
    size_t high = growing_rows(segment);
    if (high == 0 || row_ts(g, high - 1) <= ts) return high;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (row_ts(g, middle) <= ts) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static size_t growing_expired(const struct segment *segment, uint64_t oldest_s)
{
    return growing_rows_at(segment, ((oldest_s * 1000) << 18) - 1);
}

static int growing_second(const struct segment *segment, size_t row, uint32_t *second, size_t *end)
{
    *second = (uint32_t)second_of_ts(row_ts(growing_of(segment), row));
    *end = row + 1;
    return 0;
}

static uint64_t growing_max_ts(const struct segment *segment)
{
    const size_t rows = growing_rows(segment);
    return rows > 0 ? row_ts(growing_of(segment), rows - 1) : 0;
}

static void growing_ts_range(const struct segment *segment, size_t rows, uint64_t *least,
                             uint64_t *greatest)
{
    *least = row_ts(growing_of(segment), 0);
    *greatest = row_ts(growing_of(segment), rows - 1);
}

static uint64_t growing_memory(const struct segment *segment)
{
    return atomic_load_explicit(&growing_of(segment)->bytes, memory_order_relaxed);
}

static uint64_t growing_disk(const struct segment *segment)
{
    (void)segment;
    return 0;
}

static uint32_t growing_partition(const struct segment *segment, size_t row)
{
    const struct growing *g = growing_of(segment);
    return g->chunks[row / GROWING_CHUNK_ROWS]->partitions[row % GROWING_CHUNK_ROWS];
}

static const uint64_t *valid_words(const struct growing_column *column)
{
    if (!atomic_load_explicit(&column->has_null, memory_order_acquire)) return NULL;
    return (const uint64_t *)(uintptr_t)column->valid;
}

static int growing_chunk_get(const struct segment *segment, size_t field, size_t number,
                             struct chunk *out)
{
    const struct growing *g = growing_of(segment);
    const size_t rows = growing_rows(segment);
    if (!segment_holds(segment, field) || number >= g->chunk_count ||
        number * GROWING_CHUNK_ROWS >= rows) {
        return KITH_ENOTFOUND;
    }
    const struct schema_field *f = &segment->schema->fields[field];
    const struct growing_column *column = &g->chunks[number]->columns[field];
    if (!column->data && !column->strs) return KITH_EUNSUPPORTED; /* nothing of it is stored */
    const size_t left = rows - number * GROWING_CHUNK_ROWS;
    *out = (struct chunk){
        .type = f->type,
        .rows = left < GROWING_CHUNK_ROWS ? left : GROWING_CHUNK_ROWS,
        .width = f->width,
        .data = column->data,
        .valid = valid_words(column),
        .strs = column->strs,
    };
    return 0;
}

static int growing_cell(const struct segment *segment, size_t field, size_t row,
                        struct chunk *chunk, size_t *at)
{
    *at = row % GROWING_CHUNK_ROWS;
    return growing_chunk_get(segment, field, row / GROWING_CHUNK_ROWS, chunk);
}

static int growing_vectors(const struct segment *segment, size_t field, size_t rows, size_t piece,
                           struct vectors *vectors, size_t *first, const uint64_t **valid)
{
    const struct growing *g = growing_of(segment);
    const size_t have = growing_rows(segment);
    if (rows > have) rows = have;
    if (piece >= g->chunk_count || piece * GROWING_CHUNK_ROWS >= rows) return KITH_ENOTFOUND;
    struct vectors made;
    const struct schema_field *f = &segment->schema->fields[field];
    if (!vectors_of_field(f, &made)) return KITH_EUNSUPPORTED;
    const struct growing_column *column = &g->chunks[piece]->columns[field];
    if (!column->data) return KITH_EUNSUPPORTED;
    const size_t left = rows - piece * GROWING_CHUNK_ROWS;
    made.count = left < GROWING_CHUNK_ROWS ? left : GROWING_CHUNK_ROWS;
    made.rows = (struct section){.data = column->data, .len = made.count * f->width};
    *vectors = made;
    *first = piece * GROWING_CHUNK_ROWS;
    if (valid) *valid = valid_words(column);
    return 0;
}

static int offer_row(void *ctx, uint32_t row) { return segment_find_offer(ctx, row); }

static int growing_find(const struct segment *segment, struct segment_find *find)
{
    const struct growing *g = growing_of(segment);
    return key_table_find(&g->keys, key_hash_seeded(find->key, g->seed), offer_row, find);
}

static void growing_free(struct segment *segment)
{
    struct growing *g = (struct growing *)segment;
    if (g->budget) budget_release(g->budget, BUDGET_GROWING, atomic_load(&g->bytes));
    key_table_release(&g->keys);
    arena_release(&g->strings);
    for (size_t i = 0; i < g->chunk_count; i++) mem_free(g->chunks[i]);
    mem_free(g->chunks);
    mem_free(g);
}

static const struct segment_ops growing_ops = {
    .growing = true,
    .chunk_rows = GROWING_CHUNK_ROWS,
    .rows = growing_rows,
    .rows_at = growing_rows_at,
    .max_ts = growing_max_ts,
    .ts_range = growing_ts_range,
    .expired = growing_expired,
    .second = growing_second,
    .memory_bytes = growing_memory,
    .disk_bytes = growing_disk,
    .partition = growing_partition,
    .chunk = growing_chunk_get,
    .cell = growing_cell,
    .vectors = growing_vectors,
    .probe = segment_texts_probe,
    .estimate = segment_texts_estimate,
    .find = growing_find,
    .free = growing_free,
};

/* ---- appending ---- */

int growing_new(const struct os *os, const struct schema *schema, struct budget *budget,
                uint64_t id, size_t rows_max, struct segment **out)
{
    if (rows_max == 0 || rows_max >= UINT32_MAX) return KITH_EINVAL;
    struct growing *g = mem_zalloc(sizeof *g);
    if (!g) return KITH_ENOMEM;
    g->seed = map_seed();
    g->chunk_count = (rows_max + GROWING_CHUNK_ROWS - 1) / GROWING_CHUNK_ROWS;
    g->chunks = mem_zalloc_array(g->chunk_count, sizeof(struct growing_chunk *));
    if (!g->chunks) {
        mem_free(g);
        return KITH_ENOMEM;
    }
    segment_init(&g->segment, &growing_ops, os, schema, id, rows_max);
    g->budget = budget;
    g->segment.budget = budget;
    g->rows_max = rows_max;
    arena_init(&g->strings);
    *out = &g->segment;
    return 0;
}

static bool row_is_null(const struct kith_column *column, size_t row)
{
    return column->valid && !column->valid[row];
}

/* Bytes of the variable values of a column; false on overflow. */
static bool add_string_bytes(const struct kith_column *column, size_t rows, size_t *bytes)
{
    const struct kith_str *strs = column->data;
    for (size_t i = 0; i < rows; i++) {
        if (!row_is_null(column, i) && !size_add(*bytes, strs[i].len, bytes)) return false;
    }
    return true;
}

/* What the rows take: their columns, keys, timestamps, and *strings of variable values. */
static bool batch_bytes(const struct schema *schema, const struct kith_batch *batch,
                        size_t *strings, size_t *all)
{
    size_t row_bytes = sizeof(uint64_t) + sizeof(uint32_t) + 2 * sizeof(uint64_t);
    *strings = 0;
    for (size_t i = 0; i < schema->field_count; i++) {
        if (!size_add(row_bytes, column_row_bytes(&schema->fields[i]), &row_bytes)) return false;
        if (schema->fields[i].width > 0 || !schema_field_stored(&schema->fields[i])) continue;
        if (!add_string_bytes(&batch->columns[i], batch->rows, strings)) return false;
    }
    return size_mul(row_bytes, batch->rows, all) && size_add(*all, *strings, all);
}

/* Chunks, key table and room for strings; nothing of it shows. */
static int prepare(struct growing *g, size_t first, size_t rows, size_t strings, char **room)
{
    const size_t last = (first + rows - 1) / GROWING_CHUNK_ROWS;
    for (size_t i = first / GROWING_CHUNK_ROWS; i <= last; i++) {
        const int rc = chunk_make(g, i);
        if (rc) return rc;
    }
    const int rc = key_table_reserve(&g->keys, rows);
    if (rc) return rc;
    if (strings == 0) return 0;
    *room = arena_alloc_aligned(&g->strings, strings, 1);
    return *room ? 0 : KITH_ENOMEM;
}

static void copy_strings(struct kith_str *to, const struct kith_column *column, size_t from,
                         size_t count, char **room)
{
    const struct kith_str *strs = column->data;
    for (size_t i = 0; i < count; i++) {
        const size_t len = row_is_null(column, from + i) ? 0 : strs[from + i].len;
        if (len > 0) memcpy(*room, strs[from + i].data, len);
        to[i] = (struct kith_str){len > 0 ? *room : "", len};
        *room += len;
    }
}

/* Null rows hold zeros whatever the batch has there, so that files do not depend on it. */
static void copy_fixed(uint8_t *to, const struct kith_column *column, size_t from, size_t count,
                       size_t width)
{
    if (!column->data) { /* a column of nulls */
        memset(to, 0, count * width);
        return;
    }
    memcpy(to, (const uint8_t *)column->data + from * width, count * width);
    for (size_t i = 0; column->valid && i < count; i++) {
        if (!column->valid[from + i]) memset(to + i * width, 0, width);
    }
}

static void copy_valid(struct growing_column *out, const struct kith_column *column, size_t from,
                       size_t at, size_t count)
{
    bool null = false;
    for (size_t i = 0; i < count; i++) {
        const uint64_t bit = UINT64_C(1) << ((at + i) % 64);
        _Atomic uint64_t *word = &out->valid[(at + i) / 64];
        const uint64_t old = atomic_load_explicit(word, memory_order_relaxed);
        const bool is_null = row_is_null(column, from + i);
        null = null || is_null;
        atomic_store_explicit(word, is_null ? old & ~bit : old | bit, memory_order_relaxed);
    }
    if (null) atomic_store_explicit(&out->has_null, true, memory_order_release);
}

/* Rows [from, from + count) of the batch into a chunk, at its row `at`. */
static void copy_rows(struct growing *g, const struct kith_batch *batch, size_t from, size_t first,
                      size_t count, char **room)
{
    const struct schema *schema = g->segment.schema;
    struct growing_chunk *chunk = g->chunks[first / GROWING_CHUNK_ROWS];
    const size_t at = first % GROWING_CHUNK_ROWS;
    for (size_t i = 0; i < schema->field_count; i++) {
        const struct kith_column *column = &batch->columns[i];
        struct growing_column *out = &chunk->columns[i];
        const size_t width = schema->fields[i].width;
        if (!schema_field_stored(&schema->fields[i])) continue;
        if (width > 0) {
            copy_fixed(out->data + at * width, column, from, count, width);
        } else {
            copy_strings(out->strs + at, column, from, count, room);
        }
        copy_valid(out, column, from, at, count);
    }
}

static void stamp_rows(struct growing *g, const uint32_t *partitions, uint64_t ts, size_t first,
                       size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct growing_chunk *chunk = g->chunks[(first + i) / GROWING_CHUNK_ROWS];
        chunk->ts[(first + i) % GROWING_CHUNK_ROWS] = ts;
        chunk->partitions[(first + i) % GROWING_CHUNK_ROWS] = partitions ? partitions[i] : 0;
    }
}

static void append_rows(struct growing *g, const struct kith_batch *batch,
                        const uint32_t *partitions, uint64_t ts, char *room)
{
    const size_t first = atomic_load_explicit(&g->rows, memory_order_relaxed);
    for (size_t done = 0; done < batch->rows;) {
        const size_t left = GROWING_CHUNK_ROWS - (first + done) % GROWING_CHUNK_ROWS;
        const size_t count = batch->rows - done < left ? batch->rows - done : left;
        copy_rows(g, batch, done, first + done, count, &room);
        done += count;
    }
    stamp_rows(g, partitions, ts, first, batch->rows);
    const struct kith_column *keys = &batch->columns[g->segment.schema->primary];
    for (size_t i = 0; i < batch->rows; i++) {
        key_table_put(&g->keys, key_hash_seeded(key_of_column(keys, i), g->seed),
                      (uint32_t)(first + i));
    }
    atomic_store_explicit(&g->rows, first + batch->rows, memory_order_release);
}

int growing_append(struct segment *segment, const struct kith_batch *batch,
                   const uint32_t *partitions, uint64_t ts, struct kith_error *err)
{
    struct growing *g = (struct growing *)segment;
    const size_t first = atomic_load_explicit(&g->rows, memory_order_relaxed);
    if (batch->rows == 0) return 0;
    if (batch->rows > g->rows_max - first || batch->column_count != segment->held) {
        return error_set(err, KITH_EINVAL, "%zu rows do not fit into segment %llu", batch->rows,
                         (unsigned long long)segment->id);
    }
    size_t strings;
    size_t bytes;
    if (!batch_bytes(segment->schema, batch, &strings, &bytes)) {
        return error_set(err, KITH_ENOMEM, "%zu rows are too large", batch->rows);
    }
    if (g->budget && !budget_reserve(g->budget, BUDGET_GROWING, bytes)) {
        return error_set(err, KITH_EBUSY, "the memory budget has no room for %zu bytes of rows",
                         bytes);
    }
    char *room = NULL;
    const int rc = prepare(g, first, batch->rows, strings, &room);
    if (rc) {
        if (g->budget) budget_release(g->budget, BUDGET_GROWING, bytes);
        return error_set(err, rc, "no memory for %zu rows", batch->rows);
    }
    atomic_fetch_add_explicit(&g->bytes, bytes, memory_order_relaxed);
    append_rows(g, batch, partitions, ts, room);
    return 0;
}

size_t growing_rows_max(const struct segment *segment)
{
    return ((const struct growing *)segment)->rows_max;
}

uint64_t growing_bytes(const struct segment *segment) { return growing_memory(segment); }

void growing_cut(struct segment *segment, uint64_t ts)
{
    struct growing *g = (struct growing *)segment;
    const size_t rows = growing_rows_at(segment, ts);
    tombstones_cut(&segment->dead, ts);
    segment_texts_cut(segment, rows);
    atomic_store_explicit(&g->rows, rows, memory_order_release);
}
