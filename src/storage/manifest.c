/*
 * Encoding and decoding of a collection's manifest.
 *
 *   u32 magic "KMAN" · u16 version · u16 0 · u64 id · i64 created_ms · u64 checkpoint_ts ·
 *   bytes database · bytes name · schema (model/schema.h) ·
 *   varint partitions x (u32 id · bytes name) · u32 next_partition ·
 *   varint indexes x (u32 field · bytes kind · u32 metric · u32 m · u32 ef_construction ·
 *     version 2: u32 number · bytes name · bytes params) · version 2: u32 next_index ·
 *   varint segments x (u64 id · u64 rows · u64 dead_file ·
 *     varint n x (u32 field · bytes kind · version 2: u32 number)) ·
 *   version 3: u64 ttl_s ·
 *   u32 checksum of all bytes before it
 *
 * "bytes" is a varint length and that many bytes. The journal's own checksum guards the value
 * too; the one here also catches a value under the wrong key. Version 1 knew one index a field: it
 * is read with the field's number and name.
 */
#include "storage/manifest.h"

#include <string.h>

#include "base/alloc.h"
#include "base/checksum.h"
#include "base/endian.h"
#include "model/limits.h"

#define MANIFEST_MAGIC 0x4e414d4bu
#define MANIFEST_VERSION 3
#define MANIFEST_SEGMENTS_MAX 65536

static void index_release(struct manifest_index *index)
{
    mem_free(index->name);
    mem_free(index->params);
}

void manifest_clear_segments(struct manifest *manifest)
{
    for (uint32_t i = 0; manifest->segments && i < manifest->segment_count; i++)
        mem_free(manifest->segments[i].indexes);
    manifest->segment_count = 0;
}

void manifest_release(struct manifest *manifest)
{
    mem_free(manifest->database);
    mem_free(manifest->name);
    schema_release(&manifest->schema);
    for (uint32_t i = 0; manifest->partitions && i < manifest->partition_count; i++)
        mem_free(manifest->partitions[i].name);
    mem_free(manifest->partitions);
    for (uint32_t i = 0; manifest->indexes && i < manifest->index_count; i++)
        index_release(&manifest->indexes[i]);
    mem_free(manifest->indexes);
    manifest_clear_segments(manifest);
    mem_free(manifest->segments);
    memset(manifest, 0, sizeof *manifest);
}

/* A new manifest has 0 there. */
static uint32_t next_index(const struct manifest *manifest)
{
    return manifest->next_index < LIMIT_FIELDS ? LIMIT_FIELDS : manifest->next_index;
}

static void encode_lists(const struct manifest *manifest, struct buffer *out)
{
    buffer_put_varint(out, manifest->partition_count);
    for (uint32_t i = 0; i < manifest->partition_count; i++) {
        buffer_put_u32(out, manifest->partitions[i].id);
        buffer_put_cstr(out, manifest->partitions[i].name);
    }
    buffer_put_u32(out, manifest->next_partition);
    buffer_put_varint(out, manifest->index_count);
    for (uint32_t i = 0; i < manifest->index_count; i++) {
        const struct manifest_index *index = &manifest->indexes[i];
        buffer_put_u32(out, index->field);
        buffer_put_cstr(out, index->kind);
        buffer_put_u32(out, index->metric);
        buffer_put_u32(out, index->m);
        buffer_put_u32(out, index->ef_construction);
        buffer_put_u32(out, index->number);
        buffer_put_cstr(out, index->name);
        buffer_put_cstr(out, index->params);
    }
    buffer_put_u32(out, next_index(manifest));
    buffer_put_varint(out, manifest->segment_count);
    for (uint32_t i = 0; i < manifest->segment_count; i++) {
        const struct manifest_segment *segment = &manifest->segments[i];
        buffer_put_u64(out, segment->id);
        buffer_put_u64(out, segment->rows);
        buffer_put_u64(out, segment->dead_file);
        buffer_put_varint(out, segment->index_count);
        for (uint32_t j = 0; j < segment->index_count; j++) {
            buffer_put_u32(out, segment->indexes[j].field);
            buffer_put_cstr(out, segment->indexes[j].kind);
            buffer_put_u32(out, segment->indexes[j].number);
        }
    }
}

void manifest_encode(const struct manifest *manifest, struct buffer *out)
{
    size_t start = out->len;
    buffer_put_u32(out, MANIFEST_MAGIC);
    buffer_put_u16(out, MANIFEST_VERSION);
    buffer_put_u16(out, 0);
    buffer_put_u64(out, manifest->id);
    buffer_put_u64(out, (uint64_t)manifest->created_ms);
    buffer_put_u64(out, manifest->checkpoint_ts);
    buffer_put_cstr(out, manifest->database);
    buffer_put_cstr(out, manifest->name);
    schema_encode(&manifest->schema, out);
    encode_lists(manifest, out);
    buffer_put_u64(out, manifest->ttl_s);
    if (!buffer_failed(out))
        buffer_put_u32(out, checksum32(out->data + start, out->len - start, manifest->id));
}

static char *take_name(struct cursor *cur, size_t max)
{
    size_t len = 0;
    const uint8_t *bytes = cursor_bytes(cur, &len);
    if (!bytes || len > max || memchr(bytes, 0, len)) {
        cur->failed = true;
        return NULL;
    }
    return mem_strndup((const char *)bytes, len);
}

static void take_kind(struct cursor *cur, char kind[MANIFEST_KIND_BYTES])
{
    size_t len = 0;
    const uint8_t *bytes = cursor_bytes(cur, &len);
    memset(kind, 0, MANIFEST_KIND_BYTES);
    if (!bytes || len > LIMIT_INDEX_KIND_BYTES)
        cur->failed = true;
    else
        memcpy(kind, bytes, len);
}

/* A count of elements that take at least `least` bytes each: no more than the bytes left. */
static uint32_t take_count(struct cursor *cur, size_t least, uint32_t max)
{
    uint64_t count = cursor_varint(cur);
    if (count > max || count > cursor_left(cur) / least) {
        cur->failed = true;
        return 0;
    }
    return (uint32_t)count;
}

static int decode_partitions(struct cursor *cur, struct manifest *out)
{
    uint32_t count = take_count(cur, 5, LIMIT_PARTITIONS);
    out->partitions = mem_zalloc_array(count + 1u, sizeof *out->partitions);
    if (!out->partitions) return KITH_ENOMEM;
    for (uint32_t i = 0; i < count && !cursor_failed(cur); i++) {
        out->partitions[i].id = cursor_u32(cur);
        out->partitions[i].name = take_name(cur, LIMIT_NAME_BYTES);
        out->partition_count = i + 1;
        if (!cursor_failed(cur) && !out->partitions[i].name) return KITH_ENOMEM;
    }
    out->next_partition = cursor_u32(cur);
    return 0;
}

static int decode_index(struct cursor *cur, const struct manifest *manifest, uint16_t version,
                        struct manifest_index *out)
{
    out->field = cursor_u32(cur);
    take_kind(cur, out->kind);
    out->metric = cursor_u32(cur);
    out->m = cursor_u32(cur);
    out->ef_construction = cursor_u32(cur);
    if (out->field >= manifest->schema.field_count) cur->failed = true;
    if (cursor_failed(cur)) return 0;
    if (version == 1) {
        out->number = out->field;
        out->name = mem_strdup(manifest->schema.fields[out->field].name);
        out->params = mem_strdup("");
    } else {
        out->number = cursor_u32(cur);
        out->name = take_name(cur, LIMIT_INDEX_NAME_BYTES);
        if (cursor_failed(cur)) return 0;
        out->params = take_name(cur, LIMIT_INDEX_PARAMS_BYTES);
    }
    if (out->number < LIMIT_FIELDS ? out->number != out->field : out->number > LIMIT_INDEX_NUMBER)
        cur->failed = true;
    return cursor_failed(cur) || (out->name && out->params) ? 0 : KITH_ENOMEM;
}

static int decode_indexes(struct cursor *cur, struct manifest *out, uint16_t version)
{
    uint32_t count = take_count(cur, 17, LIMIT_INDEXES + LIMIT_FIELDS);
    out->indexes = mem_zalloc_array(count + 1u, sizeof *out->indexes);
    if (!out->indexes) return KITH_ENOMEM;
    for (uint32_t i = 0; i < count && !cursor_failed(cur); i++) {
        out->index_count = i + 1;
        const int rc = decode_index(cur, out, version, &out->indexes[i]);
        if (rc) return rc;
    }
    out->next_index = version == 1 ? LIMIT_FIELDS : cursor_u32(cur);
    if (out->next_index < LIMIT_FIELDS) cur->failed = true;
    return 0;
}

const struct manifest_index *manifest_find_index(const struct manifest *manifest, uint32_t number)
{
    for (uint32_t i = 0; i < manifest->index_count; i++)
        if (manifest->indexes[i].number == number) return &manifest->indexes[i];
    return NULL;
}

int manifest_add_index(struct manifest *manifest, const struct manifest_index *index, bool own)
{
    uint32_t created = 0;
    for (uint32_t i = 0; i < manifest->index_count; i++)
        created += manifest->indexes[i].number >= LIMIT_FIELDS;
    if (!own && (created >= LIMIT_INDEXES || manifest->next_index > LIMIT_INDEX_NUMBER))
        return KITH_ELIMIT;
    struct manifest_index *grown = mem_realloc(
        manifest->indexes, (manifest->index_count + 1u) * sizeof *manifest->indexes);
    if (!grown) return KITH_ENOMEM;
    manifest->indexes = grown;
    struct manifest_index *slot = &grown[manifest->index_count];
    *slot = *index;
    slot->name = mem_strdup(index->name);
    slot->params = mem_strdup(index->params ? index->params : "");
    if (!slot->name || !slot->params) {
        index_release(slot);
        return KITH_ENOMEM;
    }
    slot->number = own ? index->field : next_index(manifest);
    if (!own) manifest->next_index = slot->number + 1;
    manifest->index_count++;
    return 0;
}

void manifest_remove_index(struct manifest *manifest, uint32_t at)
{
    index_release(&manifest->indexes[at]);
    manifest->index_count--;
    memmove(&manifest->indexes[at], &manifest->indexes[at + 1],
            (manifest->index_count - at) * sizeof *manifest->indexes);
}

int manifest_add_segment(struct manifest *manifest, uint64_t id, uint64_t rows, uint64_t dead_file,
                         uint32_t index_count, struct manifest_segment **out)
{
    struct manifest_segment *grown = mem_realloc(
        manifest->segments, (manifest->segment_count + 1u) * sizeof *manifest->segments);
    if (!grown) return KITH_ENOMEM;
    manifest->segments = grown;
    struct manifest_segment *segment = &grown[manifest->segment_count];
    *segment = (struct manifest_segment){ .id = id, .rows = rows, .dead_file = dead_file };
    segment->indexes = mem_zalloc_array(index_count + 1u, sizeof *segment->indexes);
    manifest->segment_count++;
    if (!segment->indexes) return KITH_ENOMEM;
    segment->index_count = index_count;
    *out = segment;
    return 0;
}

static void decode_file(struct cursor *cur, const struct manifest *manifest, uint16_t version,
                        struct manifest_file *out)
{
    out->field = cursor_u32(cur);
    take_kind(cur, out->kind);
    out->number = version == 1 ? out->field : cursor_u32(cur);
    if (out->field >= manifest->schema.field_count) cur->failed = true;
    if (out->number < LIMIT_FIELDS ? out->number != out->field : out->number > LIMIT_INDEX_NUMBER)
        cur->failed = true;
}

static int decode_segments(struct cursor *cur, struct manifest *out, uint16_t version)
{
    uint32_t count = take_count(cur, 25, MANIFEST_SEGMENTS_MAX);
    for (uint32_t i = 0; i < count && !cursor_failed(cur); i++) {
        uint64_t id = cursor_u64(cur);
        uint64_t rows = cursor_u64(cur);
        uint64_t dead_file = cursor_u64(cur);
        uint32_t indexes = take_count(cur, 5, LIMIT_INDEXES + LIMIT_FIELDS);
        struct manifest_segment *segment;
        int rc = manifest_add_segment(out, id, rows, dead_file, indexes, &segment);
        if (rc) return rc;
        for (uint32_t j = 0; j < indexes; j++)
            decode_file(cur, out, version, &segment->indexes[j]);
        if (rows > LIMIT_SEGMENT_ROWS) cur->failed = true;
    }
    return 0;
}

static int decode_body(struct cursor *cur, uint16_t version, struct manifest *out,
                       struct kith_error *err)
{
    out->id = cursor_u64(cur);
    out->created_ms = (int64_t)cursor_u64(cur);
    out->checkpoint_ts = cursor_u64(cur);
    out->database = take_name(cur, LIMIT_NAME_BYTES);
    out->name = take_name(cur, LIMIT_NAME_BYTES);
    if (cursor_failed(cur)) return 0;
    if (!out->database || !out->name) return KITH_ENOMEM;
    int rc = schema_decode(cur, &out->schema, err);
    if (rc) return rc;
    if ((rc = decode_partitions(cur, out))) return rc;
    if ((rc = decode_indexes(cur, out, version))) return rc;
    if ((rc = decode_segments(cur, out, version))) return rc;
    if (version >= 3) out->ttl_s = cursor_u64(cur);
    return 0;
}

int manifest_decode(const void *data, size_t len, struct manifest *out, struct kith_error *err)
{
    struct cursor cur;
    cursor_init(&cur, data, len);
    uint32_t magic = cursor_u32(&cur);
    uint16_t version = cursor_u16(&cur);
    (void)cursor_u16(&cur);
    if (cursor_failed(&cur) || magic != MANIFEST_MAGIC || len < 36)
        return error_set(err, KITH_ECORRUPT, "manifest: not one (%zu bytes)", len);
    if (version < 1 || version > MANIFEST_VERSION)
        return error_set(err, KITH_EVERSION,
                         "manifest: format version %u is not known to this release", version);
    uint32_t stated = le32_get((const uint8_t *)data + len - 4);
    if (stated != checksum32(data, len - 4, le64_get((const uint8_t *)data + 8)))
        return error_set(err, KITH_ECORRUPT, "manifest: checksum does not match");
    struct manifest made = { 0 };
    cur.len = len - 4;
    int rc = decode_body(&cur, version, &made, err);
    if (rc == 0 && (cursor_failed(&cur) || cursor_left(&cur) != 0))
        rc = error_set_at(err, KITH_ECORRUPT, cur.pos, "manifest: malformed at byte %zu", cur.pos);
    if (rc == KITH_ENOMEM) rc = error_set(err, rc, "manifest: no memory");
    if (rc) {
        manifest_release(&made);
        return rc;
    }
    *out = made;
    return 0;
}

int manifest_files(const struct manifest *manifest,
                   int (*fn)(void *ctx, const struct file_name *name), void *ctx)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < manifest->segment_count; i++) {
        const struct manifest_segment *segment = &manifest->segments[i];
        struct file_name name = { .kind = FILE_SEGMENT, .id = segment->id };
        rc = fn(ctx, &name);
        name.kind = FILE_INDEX;
        for (uint32_t j = 0; rc == 0 && j < segment->index_count; j++) {
            name.part = segment->indexes[j].number;
            rc = fn(ctx, &name);
        }
        if (rc || segment->dead_file == 0) continue;
        name.kind = FILE_DEAD;
        name.part = segment->dead_file;
        rc = fn(ctx, &name);
    }
    return rc;
}
