/*
 * Building an index over sparse vectors: one pass counts the entries of each dimension, a second
 * one puts them in their places, and dimension after dimension becomes blocks. Entries of weight
 * zero contribute nothing and are left out.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/map.h"
#include "index/sparse_format.h"
#include "index/text_format.h"

struct entry {
    uint32_t row;
    float weight;
};

struct build {
    const struct chunk_source *source;
    const struct index_job *job;
    size_t field;
    struct map64 dims;   /* dimension -> count, then -> place of its next entry */
    uint32_t *order;     /* owns: dimensions, ascending */
    size_t *ends;        /* owns: where the entries of order[i] end */
    struct entry *entries; /* owns */
    size_t entry_count;
    uint64_t reserved;
    struct buffer dim_bytes, lists, blocks, postings;
};

typedef int entry_fn(struct build *build, uint32_t dim, struct entry entry);

static int each_of_row(struct build *build, struct kith_str vector, uint32_t row, entry_fn *fn)
{
    const uint8_t *bytes = (const uint8_t *)vector.data;
    for (size_t at = 0; at + 8 <= vector.len; at += 8) {
        const struct entry entry = { row, lef32_get(bytes + at + 4) };
        if (at > 0 && le32_get(bytes + at) <= le32_get(bytes + at - 8)) return KITH_ECORRUPT;
        if (!isfinite(entry.weight) || entry.weight == 0) continue;
        const int rc = fn(build, le32_get(bytes + at), entry);
        if (rc) return rc;
    }
    return 0;
}

static int each_entry(struct build *build, entry_fn *fn)
{
    const struct chunk_source *source = build->source;
    for (size_t first = 0; first < source->rows; first += source->chunk_rows) {
        struct chunk chunk;
        int rc = source->get(source->ctx, build->field, first / source->chunk_rows, &chunk);
        if (rc) return rc;
        const size_t left = source->rows - first;
        const size_t count = left < source->chunk_rows ? left : source->chunk_rows;
        if (chunk.type != KITH_SPARSE_VECTOR) return KITH_EINVAL;
        if (chunk.rows < count) return KITH_ECORRUPT;
        for (size_t i = 0; rc == 0 && i < count; i++) {
            if (!chunk_valid(&chunk, i)) continue;
            rc = each_of_row(build, chunk_str(&chunk, i), (uint32_t)(first + i), fn);
        }
        if (rc) return rc;
        if (build->job->cancel && atomic_load(build->job->cancel)) return KITH_ECANCELLED;
    }
    return 0;
}

static int count_entry(struct build *build, uint32_t dim, struct entry entry)
{
    (void)entry;
    uint64_t count = 0;
    (void)map64_get(&build->dims, dim, &count);
    build->entry_count++;
    return map64_put(&build->dims, dim, count + 1);
}

static int place_entry(struct build *build, uint32_t dim, struct entry entry)
{
    uint64_t at;
    if (!map64_get(&build->dims, dim, &at) || at >= build->entry_count) return KITH_ECORRUPT;
    build->entries[at] = entry;
    return map64_put(&build->dims, dim, at + 1);
}

static int by_number(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* From counts to places. */
static int lay_out(struct build *build)
{
    const size_t dims = build->dims.count;
    build->order = mem_alloc_array(dims + 1, sizeof *build->order);
    build->ends = mem_alloc_array(dims + 1, sizeof *build->ends);
    const uint64_t bytes = (uint64_t)build->entry_count * sizeof *build->entries;
    if (build->job->budget && !budget_reserve(build->job->budget, BUDGET_BUILD, bytes))
        return KITH_EBUSY;
    build->reserved = build->job->budget ? bytes : 0;
    build->entries = mem_alloc_array(build->entry_count + 1, sizeof *build->entries);
    if (!build->order || !build->ends || !build->entries) return KITH_ENOMEM;
    size_t n = 0, at = 0;
    for (size_t i = 0; i < build->dims.cap; i++)
        if (build->dims.used[i]) build->order[n++] = (uint32_t)build->dims.keys[i];
    if (n) qsort(build->order, n, sizeof *build->order, by_number);
    for (size_t i = 0; i < n; i++) {
        uint64_t count = 0;
        (void)map64_get(&build->dims, build->order[i], &count);
        const int rc = map64_put(&build->dims, build->order[i], at);
        if (rc) return rc;
        at += (size_t)count;
        build->ends[i] = at;
    }
    return 0;
}

/* ---- writing ---- */

static void put_range(struct buffer *out, const struct entry *entries, size_t count)
{
    float most = entries[0].weight, least = entries[0].weight;
    for (size_t i = 1; i < count; i++) {
        most = fmaxf(most, entries[i].weight);
        least = fminf(least, entries[i].weight);
    }
    buffer_put_f32(out, most);
    buffer_put_f32(out, least);
}

static int write_block(struct build *build, const struct entry *entries, size_t count,
                       uint32_t before, size_t list_at)
{
    uint32_t gaps[WALK_BLOCK_ROWS], most = 0;
    for (size_t i = 0; i < count; i++) {
        gaps[i] = entries[i].row - before - 1;
        before = entries[i].row;
        if (gaps[i] > most) most = gaps[i];
    }
    const size_t at = build->postings.len - list_at;
    if (at > UINT32_MAX) return KITH_ELIMIT;
    buffer_put_u32(&build->blocks, before);
    buffer_put_u32(&build->blocks, (uint32_t)at);
    put_range(&build->blocks, entries, count);
    const unsigned bits = pack_width(most);
    buffer_put_u8(&build->postings, (uint8_t)bits);
    pack_numbers(gaps, count, bits, &build->postings);
    for (size_t i = 0; i < count; i++) buffer_put_f32(&build->postings, entries[i].weight);
    return 0;
}

static int write_list(struct build *build, uint32_t dim, const struct entry *entries, size_t count)
{
    const size_t at = build->postings.len, block = build->blocks.len / SPARSE_BLOCK_BYTES;
    if (block > UINT32_MAX) return KITH_ELIMIT;
    buffer_put_u32(&build->dim_bytes, dim);
    buffer_put_u32(&build->lists, (uint32_t)count);
    buffer_put_u32(&build->lists, (uint32_t)block);
    buffer_put_u64(&build->lists, at);
    put_range(&build->lists, entries, count);
    uint32_t before = UINT32_MAX;
    for (size_t i = 0; i < count; i += WALK_BLOCK_ROWS) {
        const size_t n = count - i < WALK_BLOCK_ROWS ? count - i : WALK_BLOCK_ROWS;
        const int rc = write_block(build, entries + i, n, before, at);
        if (rc) return rc;
        before = entries[i + n - 1].row;
    }
    return 0;
}

static int give(struct index_image *image, uint32_t id, struct buffer *bytes)
{
    if (buffer_failed(bytes) || (!bytes->data && buffer_reserve(bytes, 1))) return KITH_ENOMEM;
    image->sections[image->count++] =
        (struct index_section){ .id = id, .data = bytes->data, .len = bytes->len, .hot = true };
    *bytes = (struct buffer){ 0 };
    return 0;
}

static int write_all(struct build *build, struct index_image *image)
{
    size_t from = 0;
    for (size_t i = 0; i < build->dims.count; i++) {
        const int rc =
            write_list(build, build->order[i], build->entries + from, build->ends[i] - from);
        if (rc) return rc;
        from = build->ends[i];
    }
    const uint8_t zeros[TEXT_PADDING] = { 0 };
    buffer_put(&build->postings, zeros, sizeof zeros);
    struct buffer header = { 0 };
    buffer_put_u64(&header, SPARSE_VERSION);
    buffer_put_u64(&header, build->source->rows);
    buffer_put_u64(&header, build->dims.count);
    buffer_put_u64(&header, build->blocks.len / SPARSE_BLOCK_BYTES);
    while (header.len < SPARSE_HEADER_BYTES && !buffer_failed(&header)) buffer_put_u64(&header, 0);
    int rc = give(image, SPARSE_HEADER, &header);
    if (rc) buffer_release(&header);
    if (rc == 0) rc = give(image, SPARSE_DIMS, &build->dim_bytes);
    if (rc == 0) rc = give(image, SPARSE_LISTS, &build->lists);
    if (rc == 0) rc = give(image, SPARSE_BLOCKS, &build->blocks);
    if (rc == 0) rc = give(image, SPARSE_POSTINGS, &build->postings);
    return rc;
}

int sparse_index_build(const struct chunk_source *source, size_t field,
                       const struct scalar_index_params *params, const struct index_job *job,
                       struct index_image *out, struct kith_error *err)
{
    (void)params;
    struct build build = { .source = source, .job = job, .field = field };
    struct index_image image = { .count = 0 };
    if (source->rows > UINT32_MAX / 64)
        return error_set(err, KITH_ELIMIT, "sparse index: too many rows");
    map64_init(&build.dims);
    int rc = each_entry(&build, count_entry);
    if (rc == 0) rc = lay_out(&build);
    if (rc == 0) rc = each_entry(&build, place_entry);
    if (rc == 0) rc = write_all(&build, &image);
    if (build.reserved) budget_release(job->budget, BUDGET_BUILD, build.reserved);
    map64_release(&build.dims);
    mem_free(build.order);
    mem_free(build.ends);
    mem_free(build.entries);
    buffer_release(&build.dim_bytes);
    buffer_release(&build.lists);
    buffer_release(&build.blocks);
    buffer_release(&build.postings);
    if (rc) {
        index_image_release(job->os, &image);
        return error_set(err, rc, "sparse index: %s", error_name(rc));
    }
    *out = image;
    return 0;
}
