/*
 * Opening and reading a sealed segment.
 *
 * Open costs the ends of the file and one page of meta, whatever its size: sections are taken from
 * the directory, and their lengths must be exactly what the schema and the number of rows say, so
 * that later only pages (and offsets of variable values) can be wrong. Whatever fails its checksum
 * answers KITH_ECORRUPT and marks the segment damaged.
 */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "storage/key_index.h"
#include "storage/sealed_internal.h"
#include "storage/sealed_zone.h"
#include "storage/vector_type.h"

static const struct sealed *sealed_of(const struct segment *segment)
{
    return (const struct sealed *)segment;
}

/* ---- reading ---- */

static size_t sealed_rows(const struct segment *segment) { return sealed_of(segment)->rows; }

static size_t sealed_rows_at(const struct segment *segment, uint64_t ts)
{
    (void)ts;
    return sealed_of(segment)->rows;
}

static uint64_t sealed_max_ts(const struct segment *segment)
{
    return sealed_of(segment)->max_ts;
}

static void sealed_ts_range(const struct segment *segment, size_t rows, uint64_t *least,
                            uint64_t *greatest)
{
    (void)rows;
    *least = sealed_of(segment)->min_ts;
    *greatest = sealed_of(segment)->max_ts;
}

static bool sealed_damaged(const struct segment *segment)
{
    return atomic_load_explicit(&sealed_of(segment)->file.guard.damaged, memory_order_relaxed);
}

static uint64_t sealed_memory(const struct segment *segment)
{
    return atomic_load_explicit(&sealed_of(segment)->hot_bytes, memory_order_relaxed);
}

static uint64_t sealed_disk(const struct segment *segment)
{
    return atomic_load_explicit(&sealed_of(segment)->disk_bytes, memory_order_relaxed);
}

static int corrupt(const struct section *section)
{
    if (section->guard) {
        atomic_store_explicit(&section->guard->damaged, true, memory_order_relaxed);
    }
    return KITH_ECORRUPT;
}

static uint32_t sealed_partition(const struct segment *segment, size_t row)
{
    const struct sealed *s = sealed_of(segment);
    if (!s->partitions.data) return s->partition;
    if (section_touch(&s->partitions, 4 * row, 4)) return UINT32_MAX;
    return le32_get(s->partitions.data + 4 * row);
}

/* Where the bytes of a group of a variable column begin, and how many they are. */
static int group_bytes(const struct sealed_column *c, size_t group, uint64_t *from, uint64_t *len)
{
    if (section_touch(&c->bases, 8 * group, 16)) return KITH_ECORRUPT;
    *from = le64_get(c->bases.data + 8 * group);
    const uint64_t end = le64_get(c->bases.data + 8 * group + 8);
    if (*from > end || end > c->bytes.len) return corrupt(&c->bases);
    *len = end - *from;
    return 0;
}

/* false: nothing is stored of it, or it was dropped before the file was written. */
static bool has_column(const struct sealed *s, size_t field)
{
    return s->columns[field].data.data || s->columns[field].offsets.data;
}

static size_t group_offsets_at(size_t group) { return 4 * group * (SEALED_CHUNK_ROWS + 1); }

/* Everything of a chunk but that its bytes were verified. */
static int describe(const struct sealed *s, size_t field, size_t group, struct chunk *out)
{
    const struct schema_field *f = &s->segment.schema->fields[field];
    const struct sealed_column *c = &s->columns[field];
    *out = (struct chunk){
        .type = f->type, .rows = sealed_group_rows(s->rows, group), .width = f->width};
    if (c->valid.data) {
        const uint8_t *words = c->valid.data + group * VALID_GROUP_BYTES;
        out->valid = (const uint64_t *)(const void *)words; /* sections align to 64 */
    }
    if (f->width > 0) {
        out->data = c->data.data + group * SEALED_CHUNK_ROWS * f->width;
        return 0;
    }
    uint64_t from;
    uint64_t len;
    if (group_bytes(c, group, &from, &len)) return KITH_ECORRUPT;
    out->offsets = c->offsets.data + group_offsets_at(group);
    out->bytes = c->bytes.data + from;
    out->bytes_len = (size_t)len;
    return 0;
}

static int touch_group(const struct sealed *s, size_t field, size_t group,
                       const struct chunk *chunk)
{
    const struct sealed_column *c = &s->columns[field];
    if (c->valid.data && section_touch(&c->valid, group * VALID_GROUP_BYTES,
                                       BITSET_WORDS(chunk->rows) * sizeof(uint64_t))) {
        return KITH_ECORRUPT;
    }
    if (chunk->width > 0) {
        return section_touch(&c->data, group * SEALED_CHUNK_ROWS * chunk->width,
                             chunk->rows * chunk->width);
    }
    if (section_touch(&c->offsets, group_offsets_at(group), 4 * (chunk->rows + 1))) {
        return KITH_ECORRUPT;
    }
    return section_touch(&c->bytes, (size_t)(chunk->bytes - c->bytes.data), chunk->bytes_len);
}

static int sealed_chunk(const struct segment *segment, size_t field, size_t number,
                        struct chunk *out)
{
    const struct sealed *s = sealed_of(segment);
    if (!segment_holds(segment, field) || number >= sealed_groups(s->rows)) {
        return KITH_ENOTFOUND;
    }
    if (!has_column(s, field)) return KITH_EUNSUPPORTED;
    struct chunk chunk;
    if (describe(s, field, number, &chunk) || touch_group(s, field, number, &chunk)) {
        return KITH_ECORRUPT;
    }
    *out = chunk;
    return 0;
}

/* The row's own bytes only: a cell of a large column must not verify 65,536 rows. */
static int touch_row(const struct sealed *s, size_t field, size_t row, const struct chunk *chunk)
{
    const struct sealed_column *c = &s->columns[field];
    const size_t at = row % SEALED_CHUNK_ROWS;
    if (c->valid.data && section_touch(&c->valid, row / 64 * 8, 8)) return KITH_ECORRUPT;
    if (chunk->width > 0) return section_touch(&c->data, row * chunk->width, chunk->width);
    const size_t offsets = group_offsets_at(row / SEALED_CHUNK_ROWS);
    if (section_touch(&c->offsets, offsets + 4 * at, 8)) return KITH_ECORRUPT;
    const uint32_t from = le32_get(chunk->offsets + 4 * at);
    const uint32_t end = le32_get(chunk->offsets + 4 * at + 4);
    if (from > end || end > chunk->bytes_len) return corrupt(&c->offsets);
    return section_touch(&c->bytes, (size_t)(chunk->bytes - c->bytes.data) + from, end - from);
}

static int sealed_cell(const struct segment *segment, size_t field, size_t row,
                       struct chunk *chunk, size_t *at)
{
    const struct sealed *s = sealed_of(segment);
    struct chunk made;
    if (!has_column(s, field)) return KITH_EUNSUPPORTED;
    if (describe(s, field, row / SEALED_CHUNK_ROWS, &made) || touch_row(s, field, row, &made)) {
        return KITH_ECORRUPT;
    }
    *chunk = made;
    *at = row % SEALED_CHUNK_ROWS;
    return 0;
}

static int sealed_vectors(const struct segment *segment, size_t field, size_t rows, size_t piece,
                          struct vectors *vectors, size_t *first, const uint64_t **valid)
{
    const struct sealed *s = sealed_of(segment);
    if (s->vectors[field].vectors.count == 0) return KITH_EUNSUPPORTED;
    if (piece > 0 || rows == 0) return KITH_ENOTFOUND;
    const struct section *bits = &s->columns[field].valid;
    if (bits->data && section_touch(bits, 0, bits->len)) return KITH_ECORRUPT;
    *vectors = s->vectors[field].vectors;
    if (rows < vectors->count) {
        vectors->count = rows;
        vectors->rows.len = rows * vectors->stride_bytes;
    }
    *first = 0;
    if (valid) *valid = (const uint64_t *)(const void *)bits->data;
    return 0;
}

static const struct index *sealed_index(const struct segment *segment, size_t field)
{
    const struct sealed_index *index =
        atomic_load_explicit(&sealed_of(segment)->vectors[field].index, memory_order_acquire);
    return index ? index->index : NULL;
}

#define FIND_FULL 1 /* rows come newest first, so a full room is enough */

static int offer_row(void *ctx, uint32_t row)
{
    struct segment_find *find = ctx;
    const int rc = segment_find_offer(find, row);
    if (rc) return rc;
    return find->count == find->room ? FIND_FULL : 0;
}

static int sealed_find(const struct segment *segment, struct segment_find *find)
{
    const struct sealed *s = sealed_of(segment);
    const int rc = key_index_find(&s->keys, &s->key_rows, s->rows, key_index_value(find->key),
                                  offer_row, find);
    return rc == FIND_FULL ? 0 : rc;
}

/* ---- releasing ---- */

struct doomed {
    uint64_t id;
    struct buffer names; /* each ends in NUL */
};

static int collect_name(void *ctx, const char *name)
{
    struct doomed *d = ctx;
    struct file_name parsed;
    if (file_name_parse(name, &parsed) && parsed.id == d->id) {
        buffer_put(&d->names, name, strlen(name) + 1);
    }
    return 0;
}

/* What cannot be unlinked now is unlinked at the next start, as no manifest names it. */
static void unlink_files(const struct sealed *s)
{
    struct doomed d = {.id = s->segment.id};
    buffer_init(&d.names);
    int rc = os_list(s->segment.os, s->dir, collect_name, &d, NULL);
    for (size_t at = 0; !rc && at < d.names.len; at += strlen((char *)d.names.data + at) + 1) {
        struct file_name name;
        char path[OS_PATH_MAX];
        if (!file_name_parse((char *)d.names.data + at, &name)) continue;
        rc = file_name_path(&name, s->dir, path, sizeof path);
        if (!rc) rc = os_unlink(s->segment.os, path, NULL);
    }
    buffer_release(&d.names);
}

static void sealed_free(struct segment *segment)
{
    struct sealed *s = (struct sealed *)segment;
    for (size_t i = 0; s->vectors && i < segment->held; i++) {
        sealed_index_free(s, atomic_load(&s->vectors[i].index));
        sealed_index_free(s, s->vectors[i].retired);
    }
    sealed_scalars_free(s);
    blockfile_close(&s->file);
    if (atomic_load(&segment->doomed)) unlink_files(s);
    mem_free(s->columns);
    mem_free(s->vectors);
    mem_free(s->dir);
    mem_free(s);
}

const struct segment_ops sealed_ops = {
    .growing = false,
    .chunk_rows = SEALED_CHUNK_ROWS,
    .rows = sealed_rows,
    .rows_at = sealed_rows_at,
    .max_ts = sealed_max_ts,
    .ts_range = sealed_ts_range,
    .expired = sealed_expired,
    .second = sealed_second,
    .damaged = sealed_damaged,
    .memory_bytes = sealed_memory,
    .disk_bytes = sealed_disk,
    .partition = sealed_partition,
    .chunk = sealed_chunk,
    .cell = sealed_cell,
    .vectors = sealed_vectors,
    .index = sealed_index,
    .probe = sealed_probe,
    .estimate = sealed_estimate,
    .zone = sealed_zone,
    .typed = sealed_typed,
    .find = sealed_find,
    .warm = sealed_warm,
    .free = sealed_free,
};

/* ---- opening ---- */

/* The file may be older than the last fields of the schema. */
static bool fields_fit(const struct schema *schema, size_t fields)
{
    if (fields == 0 || fields > schema->field_count) return false;
    for (size_t i = fields; i < schema->field_count; i++) {
        if (!schema_field_fillable(&schema->fields[i])) return false;
    }
    return true;
}

static int read_meta(struct sealed *s, struct kith_error *err)
{
    struct section meta;
    if (!blockfile_find(&s->file, SECTION_META, 0, &meta) || meta.len != META_BYTES ||
        section_touch(&meta, 0, META_BYTES)) {
        return error_set(err, KITH_ECORRUPT, "segment %" PRIu64 ": its meta section is damaged",
                         s->segment.id);
    }
    const uint64_t rows = le64_get(meta.data + META_AT_ROWS);
    const size_t fields = le32_get(meta.data + META_AT_FIELDS);
    uint64_t fingerprint = 0;
    int rc = fields_fit(s->segment.schema, fields) ? 0 : KITH_ECORRUPT;
    if (!rc) rc = sealed_fingerprint(s->segment.schema, fields, &fingerprint);
    if (rc == KITH_ENOMEM)
        return error_set(err, rc, "no memory to open segment %" PRIu64, s->segment.id);
    if (rc || rows == 0 || rows >= UINT32_MAX ||
        le64_get(meta.data + META_AT_FINGERPRINT) != fingerprint) {
        return error_set(err, KITH_ECORRUPT, "segment %" PRIu64 " belongs to another schema",
                         s->segment.id);
    }
    s->segment.held = fields;
    s->rows = (size_t)rows;
    s->min_ts = le64_get(meta.data + META_AT_MIN_TS);
    s->max_ts = le64_get(meta.data + META_AT_MAX_TS);
    s->partition = le32_get(meta.data + META_AT_PARTITION);
    return 0;
}

static struct section *slot_of(struct sealed *s, const struct blockfile_section *entry)
{
    if (entry->id == SECTION_KEYS) return &s->keys;
    if (entry->id == SECTION_KEY_ROWS) return &s->key_rows;
    if (entry->id == SECTION_PARTITIONS) return &s->partitions;
    if (entry->id == SECTION_PATHS) return &s->paths;
    if (entry->id == SECTION_TIMES) return &s->times;
    if (entry->id == SECTION_TYPED) return NULL; /* found when it is read */
    if (entry->field >= s->segment.held) return NULL;
    struct sealed_column *c = &s->columns[entry->field];
    switch (entry->id) {
    case SECTION_DATA: return &c->data;
    case SECTION_OFFSETS: return &c->offsets;
    case SECTION_BASES: return &c->bases;
    case SECTION_BYTES: return &c->bytes;
    case SECTION_VALID: return &c->valid;
    case SECTION_ZONES: return &c->zones;
    default: return NULL; /* of a later, compatible version */
    }
}

static bool has_len(const struct section *section, size_t count, size_t size)
{
    size_t len;
    return section->data && size_mul(count, size, &len) && section->len == len;
}

static bool column_holds(const struct sealed *s, size_t field)
{
    const struct sealed_column *c = &s->columns[field];
    const size_t width = s->segment.schema->fields[field].width;
    const struct schema_field *f = &s->segment.schema->fields[field];
    if (!schema_field_stored(f) && (!f->dropped || !has_column(s, field))) return true;
    const size_t groups = sealed_groups(s->rows);
    if (c->valid.data && !has_len(&c->valid, BITSET_WORDS(s->rows), sizeof(uint64_t))) return false;
    const size_t blocks = (s->rows + ZONE_BLOCK_ROWS - 1) / ZONE_BLOCK_ROWS;
    if (c->zones.data && !has_len(&c->zones, blocks, ZONE_BYTES)) return false;
    if (width > 0) return has_len(&c->data, s->rows, width);
    return c->bytes.data && has_len(&c->offsets, s->rows + groups, 4) &&
           has_len(&c->bases, groups + 1, 8);
}

static int take_sections(struct sealed *s, struct kith_error *err)
{
    for (size_t i = 0; i < s->file.count; i++) {
        const struct blockfile_section entry = blockfile_entry(&s->file, i);
        struct section *slot = slot_of(s, &entry);
        if (slot) *slot = blockfile_bytes(&s->file, &entry);
    }
    bool holds = has_len(&s->keys, s->rows, 8) && has_len(&s->key_rows, s->rows, 4);
    holds = holds && (!s->partitions.data || has_len(&s->partitions, s->rows, 4));
    holds = holds && (!s->times.data || (s->times.len % TIMES_BYTES == 0 && s->times.len > 0));
    for (size_t i = 0; holds && i < s->segment.held; i++) {
        holds = column_holds(s, i);
    }
    if (holds) return 0;
    return error_set(err, KITH_ECORRUPT, "segment %" PRIu64 ": sections do not fit %zu rows",
                     s->segment.id, s->rows);
}

static void take_vectors(struct sealed *s)
{
    for (size_t i = 0; i < s->segment.held; i++) {
        struct vectors *v = &s->vectors[i].vectors;
        if (!s->columns[i].data.data) continue;
        if (!vectors_of_field(&s->segment.schema->fields[i], v)) continue;
        v->rows = s->columns[i].data;
        v->count = s->rows;
    }
}

static int make(const struct sealed_opts *opts, struct sealed **out, struct kith_error *err)
{
    struct sealed *s = mem_zalloc(sizeof *s);
    if (!s) return error_set(err, KITH_ENOMEM, "no memory to open segment %" PRIu64, opts->id);
    segment_init(&s->segment, &sealed_ops, opts->os, opts->schema, opts->id, 0);
    s->budget = opts->budget;
    s->segment.budget = opts->budget;
    s->pin = opts->pin;
    s->dir = mem_strdup(opts->dir);
    s->columns = mem_zalloc_array(opts->schema->field_count, sizeof *s->columns);
    s->vectors = mem_zalloc_array(opts->schema->field_count, sizeof *s->vectors);
    *out = s;
    if (s->dir && s->columns && s->vectors) return 0;
    return error_set(err, KITH_ENOMEM, "no memory to open segment %" PRIu64, opts->id);
}

int sealed_open(const struct sealed_opts *opts, struct segment **out, size_t *index_missing,
                struct kith_error *err)
{
    struct sealed *s = NULL;
    const struct file_name name = {.kind = FILE_SEGMENT, .id = opts->id};
    int rc = make(opts, &s, err);
    if (!rc) rc = blockfile_open(&s->file, opts->os, opts->dir, &name, opts->database_id, err);
    if (!rc) rc = read_meta(s, err);
    if (!rc) rc = take_sections(s, err);
    if (!rc) {
        take_vectors(s);
        tombstones_init(&s->segment.dead, s->rows);
        atomic_store(&s->disk_bytes, s->file.len);
        struct filled_column *filled = NULL;
        rc = segment_fill(&s->segment, opts->schema, true, &filled);
        if (rc) (void)error_set(err, rc, "no memory to open segment %" PRIu64, opts->id);
        if (!rc) segment_widen(&s->segment, opts->schema, filled);
    }
    if (!rc && opts->dead_file) {
        rc = sealed_read_dead(s, opts->database_id, opts->dead_file, err);
    }
    if (rc) {
        if (s) segment_unref(&s->segment);
        return rc;
    }
    size_t missing = 0;
    for (size_t i = 0; i < opts->index_count; i++) {
        const struct sealed_index_file *file = &opts->indexes[i];
        missing += (file->params ? sealed_attach_scalar(opts, &s->segment, file, NULL)
                                 : sealed_attach_index(opts, &s->segment, file->field, file->kind,
                                                       NULL)) != 0;
    }
    if (index_missing) *index_missing = missing;
    *out = &s->segment;
    return 0;
}
