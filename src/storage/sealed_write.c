/*
 * Sealing and merging: live rows of one or more segments, in order, into one .seg file.
 *
 * The file is written as a stream, section by section, and each section is one pass over the
 * inputs: chunk by chunk, in runs of live rows, so that memory is a bit a row and what the key
 * index needs (24 bytes a row) while it is sorted. Inputs are read through the same verified chunks
 * as everybody else's reads: damage is an error here, not something to copy.
 */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/checksum.h"
#include "storage/key_index.h"
#include "storage/sealed_internal.h"
#include "storage/sealed_typed.h"
#include "storage/sealed_zone.h"

struct merge {
    const struct seal_input *in;
    struct blockfile_writer writer;
    struct bitset *live; /* owns: one an input */
    size_t rows;         /* live ones of all */
    uint64_t min_ts;
    uint64_t max_ts;
    uint32_t partition; /* the only one, when there is only one */
    bool one_partition;
    struct kith_error *err;
};

/* Called for each run of live rows [from, end) of a chunk, in order. */
typedef int run_fn(void *ctx, const struct chunk *chunk, size_t from, size_t end);

static int each_run(const struct bitset *live, size_t first, const struct chunk *chunk, run_fn *fn,
                    void *ctx)
{
    const size_t end = first + chunk->rows < live->bits ? first + chunk->rows : live->bits;
    size_t row = bitset_next(live, first);
    while (row < end) {
        size_t stop = row + 1;
        while (stop < end && bitset_get(live, stop)) stop++;
        const int rc = fn(ctx, chunk, row - first, stop - first);
        if (rc) return rc;
        row = bitset_next(live, stop);
    }
    return 0;
}

static bool cancelled(const struct merge *m)
{
    return m->in->cancel && atomic_load_explicit(m->in->cancel, memory_order_relaxed);
}

static int each_live(struct merge *m, size_t field, run_fn *fn, void *ctx)
{
    for (size_t s = 0; s < m->in->count; s++) {
        const struct segment *segment = m->in->segments[s];
        const size_t step = segment->ops->chunk_rows;
        for (size_t first = 0; first < m->live[s].bits; first += step) {
            if (cancelled(m)) return error_set(m->err, KITH_ECANCELLED, "sealing was cancelled");
            struct chunk chunk;
            int rc = segment_chunk(segment, field, first / step, &chunk);
            if (rc) {
                return error_set(m->err, rc, "segment %" PRIu64 ": field '%s' is damaged",
                                 segment->id, m->in->schema->fields[field].name);
            }
            rc = each_run(&m->live[s], first, &chunk, fn, ctx);
            if (rc) return rc;
        }
    }
    return 0;
}

static int each_live_of(void *ctx, size_t field, run_fn *fn, void *fn_ctx)
{
    return each_live(ctx, field, fn, fn_ctx);
}

/* ---- columns ---- */

/* Vectors that an input does not hold. */
static int put_zeros(struct merge *m, size_t len)
{
    static const uint8_t zeros[4096];
    int rc = 0;
    for (size_t done = 0; !rc && done < len; done += sizeof zeros) {
        const size_t left = len - done;
        rc = blockfile_put(&m->writer, zeros, left < sizeof zeros ? left : sizeof zeros, m->err);
    }
    return rc;
}

static int put_fixed(void *ctx, const struct chunk *chunk, size_t from, size_t end)
{
    struct merge *m = ctx;
    if (!chunk->data) return put_zeros(m, (end - from) * chunk->width);
    return blockfile_put(&m->writer, chunk->data + from * chunk->width,
                         (end - from) * chunk->width, m->err);
}

static int write_fixed(struct merge *m, size_t field)
{
    const uint64_t len = (uint64_t)m->rows * m->in->schema->fields[field].width;
    int rc = blockfile_begin(&m->writer, SECTION_DATA, field, 0, len, m->err);
    if (!rc) rc = each_live(m, field, put_fixed, m);
    if (!rc) rc = blockfile_end(&m->writer, m->err);
    return rc;
}

struct offsets { /* of a variable column, while they are written */
    struct merge *merge;
    size_t row;   /* next one */
    uint64_t end; /* of the group's bytes so far */
    uint64_t all; /* bytes of the groups before */
    struct buffer bases;
};

static int put_u32(struct merge *m, uint32_t value)
{
    uint8_t bytes[4];
    le32_put(bytes, value);
    return blockfile_put(&m->writer, bytes, sizeof bytes, m->err);
}

static int put_offsets(void *ctx, const struct chunk *chunk, size_t from, size_t end)
{
    struct offsets *o = ctx;
    for (size_t i = from; i < end; i++) {
        int rc = 0;
        if (o->row % SEALED_CHUNK_ROWS == 0) {
            o->all += o->end;
            o->end = 0;
            buffer_put_u64(&o->bases, o->all);
            rc = put_u32(o->merge, 0);
        }
        o->end += chunk_valid(chunk, i) ? chunk_str(chunk, i).len : 0;
        if (o->end > UINT32_MAX) {
            return error_set(o->merge->err, KITH_ELIMIT,
                             "values of %u rows are over 4 GiB; a segment cannot hold them",
                             SEALED_CHUNK_ROWS);
        }
        if (!rc) rc = put_u32(o->merge, (uint32_t)o->end);
        if (rc) return rc;
        o->row++;
    }
    return 0;
}

static int put_strings(void *ctx, const struct chunk *chunk, size_t from, size_t end)
{
    struct merge *m = ctx;
    for (size_t i = from; i < end; i++) {
        const struct kith_str s = chunk_valid(chunk, i) ? chunk_str(chunk, i)
                                                        : (struct kith_str){"", 0};
        const int rc = blockfile_put(&m->writer, s.data, s.len, m->err);
        if (rc) return rc;
    }
    return 0;
}

static int write_offsets(struct merge *m, size_t field, struct offsets *o)
{
    const uint64_t len = 4 * ((uint64_t)m->rows + sealed_groups(m->rows));
    int rc = blockfile_begin(&m->writer, SECTION_OFFSETS, field, 0, len, m->err);
    if (!rc) rc = each_live(m, field, put_offsets, o);
    if (!rc) rc = blockfile_end(&m->writer, m->err);
    o->all += o->end;
    buffer_put_u64(&o->bases, o->all);
    if (!rc && buffer_failed(&o->bases)) rc = error_set(m->err, KITH_ENOMEM, "no memory to seal");
    return rc;
}

static int write_variable(struct merge *m, size_t field)
{
    struct offsets o = {.merge = m};
    buffer_init(&o.bases);
    int rc = write_offsets(m, field, &o);
    if (!rc) {
        rc = blockfile_add(&m->writer, SECTION_BASES, field, 0, o.bases.data, o.bases.len, m->err);
    }
    if (!rc) rc = blockfile_begin(&m->writer, SECTION_BYTES, field, 0, o.all, m->err);
    if (!rc) rc = each_live(m, field, put_strings, m);
    if (!rc) rc = blockfile_end(&m->writer, m->err);
    buffer_release(&o.bases);
    return rc;
}

struct validity {
    struct bitset bits;
    size_t row;
    bool null;
};

static int gather_valid(void *ctx, const struct chunk *chunk, size_t from, size_t end)
{
    struct validity *v = ctx;
    for (size_t i = from; i < end; i++, v->row++) {
        if (chunk_valid(chunk, i)) continue;
        bitset_clear(&v->bits, v->row);
        v->null = true;
    }
    return 0;
}

static int write_valid(struct merge *m, size_t field)
{
    struct validity v = {.row = 0};
    int rc = bitset_init(&v.bits, m->rows, true);
    if (rc) return error_set(m->err, rc, "no memory to seal");
    rc = each_live(m, field, gather_valid, &v);
    if (!rc && v.null) {
        rc = blockfile_add(&m->writer, SECTION_VALID, field, 0, v.bits.words,
                           BITSET_WORDS(m->rows) * sizeof(uint64_t), m->err);
    }
    bitset_release(&v.bits);
    return rc;
}

static int write_zones(struct merge *m, size_t field)
{
    struct zone_builder b;
    zone_builder_init(&b, m->in->schema->fields[field].type);
    int rc = each_live(m, field, zone_builder_run, &b);
    if (!rc && zone_builder_end(&b)) rc = error_set(m->err, KITH_ENOMEM, "no memory to seal");
    if (!rc) {
        rc = blockfile_add(&m->writer, SECTION_ZONES, field, 0, b.bytes.data, b.bytes.len, m->err);
    }
    zone_builder_release(&b);
    return rc;
}

static int write_columns(struct merge *m)
{
    const struct schema *schema = m->in->schema;
    for (size_t i = 0; i < schema->field_count; i++) {
        if (!schema_field_stored(&schema->fields[i])) continue;
        int rc = schema->fields[i].width > 0 ? write_fixed(m, i) : write_variable(m, i);
        if (!rc && i != schema->primary) rc = write_valid(m, i);
        if (!rc && zone_has(&schema->fields[i])) rc = write_zones(m, i);
        if (rc) return rc;
    }
    return 0;
}

/* ---- keys, partitions, meta ---- */

struct keys {
    uint64_t *values; /* owns */
    uint32_t *rows;   /* owns */
    size_t count;
};

static int gather_keys(void *ctx, const struct chunk *chunk, size_t from, size_t end)
{
    struct keys *k = ctx;
    for (size_t i = from; i < end; i++) {
        const struct key key = chunk->type == KITH_INT64
                                   ? key_int((int64_t)le64_get(chunk->data + 8 * i))
                                   : key_text(chunk_str(chunk, i));
        k->values[k->count++] = key_index_value(key);
    }
    return 0;
}

static int write_keys(struct merge *m)
{
    struct keys k = {.values = mem_alloc_array(m->rows, sizeof *k.values),
                     .rows = mem_alloc_array(m->rows, sizeof *k.rows)};
    int rc = k.values && k.rows ? 0 : KITH_ENOMEM;
    if (!rc) rc = each_live(m, m->in->schema->primary, gather_keys, &k);
    if (!rc) rc = key_index_sort(k.values, k.rows, m->rows);
    if (rc == KITH_ENOMEM) rc = error_set(m->err, rc, "no memory to sort %zu keys", m->rows);
    const size_t field = m->in->schema->primary;
    if (!rc) {
        rc = blockfile_add(&m->writer, SECTION_KEYS, field, 0, k.values,
                           m->rows * sizeof *k.values, m->err);
    }
    if (!rc) {
        rc = blockfile_add(&m->writer, SECTION_KEY_ROWS, field, 0, k.rows,
                           m->rows * sizeof *k.rows, m->err);
    }
    mem_free(k.values);
    mem_free(k.rows);
    return rc;
}

/* fn for the partition of each live row. */
static int each_partition(struct merge *m, int (*fn)(struct merge *m, uint32_t id))
{
    for (size_t s = 0; s < m->in->count; s++) {
        const struct segment *segment = m->in->segments[s];
        const struct bitset *live = &m->live[s];
        for (size_t row = bitset_next(live, 0); row < live->bits;
             row = bitset_next(live, row + 1)) {
            const int rc = fn(m, segment->ops->partition(segment, row));
            if (rc) return rc;
        }
        if (segment_damaged(segment)) {
            return error_set(m->err, KITH_ECORRUPT, "segment %" PRIu64 " is damaged", segment->id);
        }
    }
    return 0;
}

static int compare_partition(struct merge *m, uint32_t id)
{
    if (m->one_partition && m->partition == UINT32_MAX) m->partition = id;
    if (id != m->partition) m->one_partition = false;
    return 0;
}

static int write_partitions(struct merge *m)
{
    m->one_partition = true;
    m->partition = UINT32_MAX; /* no partition has this id */
    int rc = each_partition(m, compare_partition);
    if (rc || m->one_partition) return rc;
    rc = blockfile_begin(&m->writer, SECTION_PARTITIONS, 0, 0, 4 * (uint64_t)m->rows, m->err);
    if (!rc) rc = each_partition(m, put_u32);
    if (!rc) rc = blockfile_end(&m->writer, m->err);
    return rc;
}

int sealed_fingerprint(const struct schema *schema, size_t fields, uint64_t *out)
{
    struct buffer text;
    buffer_init(&text);
    for (size_t i = 0; i < fields; i++) {
        const struct schema_field *f = &schema->fields[i];
        buffer_put_u32(&text, (uint32_t)f->type);
        buffer_put_u32(&text, (uint32_t)f->element_type);
        buffer_put_u32(&text, f->dim);
        buffer_put_u32(&text, i == schema->primary);
    }
    const int rc = buffer_failed(&text) ? KITH_ENOMEM : 0;
    if (!rc) *out = hash64(text.data, text.len, 0);
    buffer_release(&text);
    return rc;
}

/* Runs of rows that were inserted in one second; never falling, whatever a clock did. */
static int gather_times(struct merge *m, struct buffer *out)
{
    uint32_t last = 0;
    size_t made = 0;
    for (size_t s = 0; s < m->in->count; s++) {
        const struct segment *segment = m->in->segments[s];
        const struct bitset *live = &m->live[s];
        for (size_t row = bitset_next(live, 0); row < live->bits;) {
            uint32_t second;
            size_t end;
            const int rc = segment->ops->second(segment, row, &second, &end);
            if (rc) return rc;
            if (end > live->bits) end = live->bits;
            if (second > last || out->len == 0) {
                buffer_put_u32(out, (uint32_t)made);
                buffer_put_u32(out, second);
                last = second;
            }
            made += bitset_count_range(live, row, end);
            row = bitset_next(live, end);
        }
    }
    return buffer_failed(out) ? KITH_ENOMEM : 0;
}

static int write_times(struct merge *m)
{
    struct buffer runs;
    buffer_init(&runs);
    int rc = gather_times(m, &runs);
    if (rc) (void)error_set(m->err, rc, "the times of rows cannot be gathered");
    if (!rc && runs.len > 0)
        rc = blockfile_add(&m->writer, SECTION_TIMES, 0, 0, runs.data, runs.len, m->err);
    buffer_release(&runs);
    return rc;
}

static int write_meta(struct merge *m)
{
    uint64_t fingerprint = 0;
    const int rc = sealed_fingerprint(m->in->schema, m->in->schema->field_count, &fingerprint);
    if (rc) return error_set(m->err, rc, "no memory to seal");
    uint8_t meta[META_BYTES] = {0};
    le64_put(meta + META_AT_ROWS, m->rows);
    le64_put(meta + META_AT_MIN_TS, m->min_ts);
    le64_put(meta + META_AT_MAX_TS, m->max_ts);
    le64_put(meta + META_AT_FINGERPRINT, fingerprint);
    le32_put(meta + META_AT_FIELDS, (uint32_t)m->in->schema->field_count);
    le32_put(meta + META_AT_PARTITION, m->one_partition ? m->partition : 0);
    return blockfile_add(&m->writer, SECTION_META, 0, 0, meta, sizeof meta, m->err);
}

/* ---- the whole ---- */

/* Which rows live at ts, how many, and between which insert timestamps. */
static int choose_rows(struct merge *m)
{
    m->live = mem_zalloc_array(m->in->count + 1, sizeof *m->live);
    if (!m->live) return error_set(m->err, KITH_ENOMEM, "no memory to seal");
    m->min_ts = UINT64_MAX;
    for (size_t i = 0; i < m->in->count; i++) {
        const struct segment *segment = m->in->segments[i];
        const int rc = segment_visible(segment, m->in->ts, &m->live[i]);
        if (rc) return error_set(m->err, rc, "no memory to seal");
        bitset_clear_first(&m->live[i], segment_expired(segment, m->in->oldest_s));
        const size_t count = bitset_count(&m->live[i]);
        if (count == 0) continue;
        uint64_t least;
        uint64_t greatest;
        segment->ops->ts_range(segment, m->live[i].bits, &least, &greatest);
        if (least < m->min_ts) m->min_ts = least;
        if (greatest > m->max_ts) m->max_ts = greatest;
        m->rows += count;
    }
    if (m->rows < UINT32_MAX) return 0;
    return error_set(m->err, KITH_ELIMIT, "a segment cannot hold %zu rows", m->rows);
}

static int map_rows(const struct merge *m, uint32_t **maps)
{
    uint32_t next = 0;
    for (size_t i = 0; i < m->in->count; i++) {
        const size_t rows = segment_rows(m->in->segments[i]);
        maps[i] = mem_alloc_array(rows > 0 ? rows : 1, sizeof *maps[i]);
        if (!maps[i]) return error_set(m->err, KITH_ENOMEM, "no memory to seal");
        for (size_t row = 0; row < rows; row++) {
            const bool lives = row < m->live[i].bits && bitset_get(&m->live[i], row);
            maps[i][row] = lives ? next++ : UINT32_MAX;
        }
    }
    return 0;
}

static int write_file(struct merge *m)
{
    const struct file_name name = {.kind = FILE_SEGMENT, .id = m->in->id};
    int rc = blockfile_create(&m->writer, m->in->os, m->in->dir, &name, m->in->database_id,
                              m->err);
    if (rc) return rc;
    rc = write_columns(m);
    if (!rc) {
        rc = sealed_write_typed(&m->writer, m->in->schema, m->rows, each_live_of, m, m->err);
    }
    if (!rc) rc = write_keys(m);
    if (!rc) rc = write_partitions(m);
    if (!rc) rc = write_times(m);
    if (!rc) rc = write_meta(m);
    if (!rc) return blockfile_commit(&m->writer, m->err);
    blockfile_abort(&m->writer);
    return rc;
}

int sealed_write(const struct seal_input *input, uint32_t **row_maps, size_t *rows,
                 struct kith_error *err)
{
    struct merge m = {.in = input, .err = err};
    for (size_t i = 0; row_maps && i < input->count; i++) row_maps[i] = NULL;
    int rc = choose_rows(&m);
    if (!rc && row_maps) rc = map_rows(&m, row_maps);
    if (!rc && m.rows > 0) rc = write_file(&m);
    for (size_t i = 0; m.live && i < input->count; i++) bitset_release(&m.live[i]);
    mem_free(m.live);
    if (!rc) {
        *rows = m.rows;
        return 0;
    }
    for (size_t i = 0; row_maps && i < input->count; i++) {
        mem_free(row_maps[i]);
        row_maps[i] = NULL;
    }
    return rc;
}
