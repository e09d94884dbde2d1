/*
 * What is the same for growing and sealed segments: references, visibility, kills, keys.
 *
 * Visibility is two tests. Insertion: rows below rows_at(ts). Deletion: `struct tombstones`. Both
 * are free of locks; see tombstones.h for why a reader never sees a death without its time.
 */
#include "storage/segment.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "storage/segment_filled.h"

void segment_init(struct segment *segment, const struct segment_ops *ops, const struct os *os,
                  const struct schema *schema, uint64_t id, size_t rows_max)
{
    *segment = (struct segment){
        .ops = ops, .os = os, .schema = schema, .held = schema->field_count, .id = id};
    atomic_init(&segment->references, 1);
    tombstones_init(&segment->dead, rows_max);
}

void segment_ref(struct segment *segment)
{
    atomic_fetch_add_explicit(&segment->references, 1, memory_order_relaxed);
}

void segment_unref(struct segment *segment)
{
    if (!segment) return;
    if (atomic_fetch_sub_explicit(&segment->references, 1, memory_order_acq_rel) > 1) return;
    tombstones_release(&segment->dead);
    segment_texts_free(segment);
    filled_free(segment->filled);
    segment->ops->free(segment);
}

uint64_t segment_id(const struct segment *segment) { return segment->id; }
bool segment_is_growing(const struct segment *segment) { return segment->ops->growing; }
size_t segment_rows(const struct segment *segment) { return segment->ops->rows(segment); }

size_t segment_rows_at(const struct segment *segment, uint64_t ts)
{
    return segment->ops->rows_at(segment, ts);
}

size_t segment_dead(const struct segment *segment) { return tombstones_count(&segment->dead); }
uint64_t segment_max_ts(const struct segment *segment) { return segment->ops->max_ts(segment); }

uint64_t segment_memory_bytes(const struct segment *segment)
{
    return segment->ops->memory_bytes(segment) + tombstones_bytes(&segment->dead);
}

uint64_t segment_disk_bytes(const struct segment *segment)
{
    return segment->ops->disk_bytes(segment);
}

bool segment_damaged(const struct segment *segment)
{
    if (atomic_load_explicit(&segment->damaged, memory_order_relaxed)) return true;
    return segment->ops->damaged && segment->ops->damaged(segment);
}

void segment_set_damaged(struct segment *segment)
{
    atomic_store_explicit(&segment->damaged, true, memory_order_relaxed);
}

void segment_doom(struct segment *segment)
{
    atomic_store_explicit(&segment->doomed, true, memory_order_relaxed);
}

int segment_warm(struct segment *segment)
{
    return segment->ops->warm ? segment->ops->warm(segment) : 0;
}

int segment_visible(const struct segment *segment, uint64_t ts, struct bitset *out)
{
    const size_t rows = segment->ops->rows_at(segment, ts);
    const int rc = bitset_init(out, rows, true);
    if (rc == 0) tombstones_subtract(&segment->dead, ts, out);
    return rc;
}

size_t segment_expired(const struct segment *segment, uint64_t oldest_s)
{
    return oldest_s ? segment->ops->expired(segment, oldest_s) : 0;
}

bool segment_row_visible(const struct segment *segment, size_t row, uint64_t ts)
{
    return row < segment->ops->rows_at(segment, ts) &&
           !tombstones_is_dead(&segment->dead, row, ts);
}

static int compare_ids(const void *a, const void *b)
{
    const uint32_t x = le32_get(a);
    const uint32_t y = le32_get(b);
    return (x > y) - (x < y);
}

int segment_keep_partitions(const struct segment *segment, const uint32_t *ids, size_t count,
                            struct bitset *rows)
{
    if (count == 0) {
        bitset_fill(rows, false);
        return 0;
    }
    uint32_t *sorted = mem_alloc_array(count, sizeof *sorted);
    if (!sorted) return KITH_ENOMEM;
    memcpy(sorted, ids, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_ids);
    uint32_t last = sorted[0]; /* neighbours are mostly of one partition */
    bool keep = true;
    for (size_t row = bitset_next(rows, 0); row < rows->bits; row = bitset_next(rows, row + 1)) {
        const uint32_t id = segment->ops->partition(segment, row);
        if (id != last) {
            keep = bsearch(&id, sorted, count, sizeof *sorted, compare_ids) != NULL;
            last = id;
        }
        if (!keep) bitset_clear(rows, row);
    }
    mem_free(sorted);
    return segment_damaged(segment) ? KITH_ECORRUPT : 0;
}

uint32_t segment_partition(const struct segment *segment, size_t row)
{
    return segment->ops->partition(segment, row);
}

bool segment_holds(const struct segment *segment, size_t field) { return field < segment->held; }

bool segment_stores(const struct segment *segment, size_t field)
{
    struct chunk chunk;
    return segment_holds(segment, field) && segment->ops->chunk(segment, field, 0, &chunk) == 0;
}

int segment_chunk(const struct segment *segment, size_t field, size_t number, struct chunk *out)
{
    return segment_holds(segment, field) ? segment->ops->chunk(segment, field, number, out)
                                         : filled_chunk(segment, field, number, out);
}

static int source_get(void *ctx, size_t field, size_t chunk_number, struct chunk *out)
{
    return segment_chunk(ctx, field, chunk_number, out);
}

static int source_probe(void *ctx, const struct probe *probe, struct probe_answer *answer)
{
    const struct segment *segment = ctx;
    return segment->ops->probe(segment, probe, answer);
}

static int source_estimate(void *ctx, const struct probe *probe, uint64_t *rows)
{
    const struct segment *segment = ctx;
    return segment->ops->estimate(segment, probe, rows);
}

static int source_rows_zone(void *ctx, size_t field, size_t first, size_t rows, struct zone *out)
{
    const struct segment *segment = ctx;
    const size_t all = segment->ops->rows(segment);
    if (segment_holds(segment, field)) return segment->ops->zone(segment, field, first, rows, out);
    if (rows == 0 || first >= all) return KITH_EUNSUPPORTED;
    return filled_zone(segment, field, rows < all - first ? rows : all - first, out);
}

static int source_zone(void *ctx, size_t field, size_t chunk_number, struct zone *out)
{
    const struct segment *segment = ctx;
    const size_t rows = segment->ops->chunk_rows;
    return source_rows_zone(ctx, field, chunk_number * rows, rows, out);
}

static int source_typed(void *ctx, size_t field, struct kith_str path, size_t chunk_number,
                        struct chunk *out, bool *rest)
{
    const struct segment *segment = ctx;
    if (!segment_holds(segment, field)) return KITH_EUNSUPPORTED;
    return segment->ops->typed(segment, field, path, chunk_number, out, rest);
}

void segment_source(const struct segment *segment, size_t rows, struct chunk_source *out)
{
    *out = (struct chunk_source){
        .ctx = (void *)(uintptr_t)segment, /* source_get makes it const again */
        .rows = rows,
        .chunk_rows = segment->ops->chunk_rows,
        .get = source_get,
        .probe = segment->ops->probe ? source_probe : NULL,
        .estimate = segment->ops->estimate ? source_estimate : NULL,
        .zone = segment->ops->zone ? source_zone : NULL,
        .rows_zone = segment->ops->zone ? source_rows_zone : NULL,
        .typed = segment->ops->typed ? source_typed : NULL,
    };
}

int segment_cell(const struct segment *segment, size_t field, size_t row, struct chunk *chunk,
                 size_t *at)
{
    if (!segment_has_field(segment, field) || row >= segment->ops->rows(segment)) {
        return KITH_ENOTFOUND;
    }
    if (segment_holds(segment, field)) return segment->ops->cell(segment, field, row, chunk, at);
    *at = row % segment->ops->chunk_rows;
    return filled_chunk(segment, field, row / segment->ops->chunk_rows, chunk);
}

int segment_key(const struct segment *segment, size_t row, struct key *out)
{
    struct chunk chunk;
    size_t at;
    const int rc = segment_cell(segment, segment->schema->primary, row, &chunk, &at);
    if (rc) return rc;
    if (chunk.type == KITH_INT64) {
        *out = key_int((int64_t)le64_get(chunk.data + 8 * at));
    } else {
        *out = key_text(chunk_str(&chunk, at));
    }
    return 0;
}

int segment_vectors(const struct segment *segment, size_t field, size_t rows, size_t piece,
                    struct vectors *vectors, size_t *first, const uint64_t **valid)
{
    if (!segment_has_field(segment, field)) return KITH_ENOTFOUND;
    const struct schema *schema = segment->schema;
    const struct schema_field *f = &schema->fields[field];
    if (!type_is_vector(f->type) || f->width == 0) return KITH_EUNSUPPORTED;
    if (!segment_holds(segment, field)) return KITH_ENOTFOUND; /* all are null */
    return segment->ops->vectors(segment, field, rows, piece, vectors, first, valid);
}

const struct index *segment_index(const struct segment *segment, size_t field)
{
    if (!segment_holds(segment, field) || !segment->ops->index) return NULL;
    return segment->ops->index(segment, field);
}

/* Keeps find->rows descending and of the newest ones; the same row may be offered twice. */
static void keep_newest(struct segment_find *find, uint32_t row)
{
    size_t at = 0;
    while (at < find->count && find->rows[at] > row) at++;
    if (at == find->room || (at < find->count && find->rows[at] == row)) return;
    if (find->count < find->room) find->count++;
    memmove(find->rows + at + 1, find->rows + at, (find->count - at - 1) * sizeof *find->rows);
    find->rows[at] = row;
}

int segment_find_offer(struct segment_find *find, size_t row)
{
    const struct segment *segment = find->segment;
    if (row >= find->row_end || tombstones_is_dead(&segment->dead, row, find->ts)) return 0;
    struct key key;
    const int rc = segment_key(segment, row, &key);
    if (rc) return rc;
    if (key_equal(key, find->key)) keep_newest(find, (uint32_t)row);
    return 0;
}

int segment_find(const struct segment *segment, struct key key, uint64_t ts, uint32_t *rows,
                 size_t room)
{
    if (key.text != (schema_primary(segment->schema)->type != KITH_INT64) || room == 0) return 0;
    struct segment_find find = {
        .segment = segment,
        .key = key,
        .ts = ts,
        .rows = rows,
        .room = room,
        .row_end = segment->ops->rows_at(segment, ts),
    };
    const int rc = segment->ops->find(segment, &find);
    return rc ? rc : (int)find.count;
}

int segment_kill(struct segment *segment, size_t row, uint64_t ts)
{
    if (row >= segment->ops->rows(segment)) return KITH_EINVAL;
    return tombstones_kill(&segment->dead, row, ts);
}

int segment_kill_reserve(struct segment *segment, size_t more)
{
    return tombstones_reserve(&segment->dead, more);
}

void segment_cut_kills(struct segment *segment, uint64_t ts)
{
    tombstones_cut(&segment->dead, ts);
}

size_t segment_kill_count(const struct segment *segment)
{
    return tombstones_count(&segment->dead);
}

int segment_kills_since(const struct segment *segment, size_t from,
                        int (*fn)(void *ctx, size_t row, uint64_t ts), void *ctx)
{
    const size_t count = tombstones_count(&segment->dead);
    for (size_t i = from; i < count; i++) {
        const struct tombstone t = tombstones_at(&segment->dead, i);
        const int rc = fn(ctx, t.row, t.ts);
        if (rc) return rc;
    }
    return 0;
}
