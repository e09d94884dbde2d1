/*
 * Describing and verifying sealed files without knowing their collection. Verification goes page by
 * page through everything, then by kind: order of keys, rows below the count, offsets that do not
 * go back; an index is opened and validated when the segment it belongs to lies beside it.
 */
#include "storage/dump.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/endian.h"
#include "storage/sealed_internal.h"

typedef void problem_fn(void *ctx, uint64_t offset, const char *text);

/* ---- dump ---- */

static const char *section_name(uint32_t id)
{
    switch (id) {
    case SECTION_META: return "meta";
    case SECTION_DATA: return "data";
    case SECTION_OFFSETS: return "offsets";
    case SECTION_BASES: return "bases";
    case SECTION_BYTES: return "bytes";
    case SECTION_VALID: return "valid";
    case SECTION_PARTITIONS: return "partitions";
    case SECTION_KEYS: return "keys";
    case SECTION_KEY_ROWS: return "key rows";
    case SECTION_ZONES: return "zones";
    case SECTION_PATHS: return "paths";
    case SECTION_TYPED: return "typed";
    case SECTION_INDEX_META: return "index meta";
    case SECTION_DEAD_ROWS: return "dead rows";
    case SECTION_DEAD_TIMES: return "dead times";
    default: return id >= SECTION_INDEX_FIRST ? "index" : "unknown";
    }
}

struct out {
    void (*line)(void *ctx, const char *text);
    void *ctx;
};

static void say(const struct out *out, const char *fmt, ...) KITH_PRINTF(2, 3);
static void say(const struct out *out, const char *fmt, ...)
{
    char text[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    out->line(out->ctx, text);
}

static void dump_index_meta(const struct out *out, const struct section *meta)
{
    if (section_touch(meta, 0, meta->len)) return;
    if (meta->len == INDEX_META_BYTES) {
        say(out, "index %.32s of %" PRIu64 " rows, field %" PRIu32, (const char *)meta->data,
            le64_get(meta->data + INDEX_META_AT_ROWS), le32_get(meta->data + INDEX_META_AT_FIELD));
    } else if (meta->len == OLD_INDEX_META_BYTES) {
        say(out, "index %.16s of %" PRIu64 " rows", (const char *)meta->data,
            le64_get(meta->data + OLD_INDEX_META_AT_ROWS));
    }
}

static void dump_meta(const struct out *out, struct blockfile *file)
{
    struct section meta;
    if (blockfile_find(file, SECTION_META, 0, &meta) && meta.len == META_BYTES &&
        !section_touch(&meta, 0, meta.len)) {
        say(out, "rows %" PRIu64 ", fields %" PRIu32 ", insert ts %" PRIu64 " to %" PRIu64,
            le64_get(meta.data + META_AT_ROWS), le32_get(meta.data + META_AT_FIELDS),
            le64_get(meta.data + META_AT_MIN_TS), le64_get(meta.data + META_AT_MAX_TS));
    }
    if (blockfile_find(file, SECTION_INDEX_META, 0, &meta)) dump_index_meta(out, &meta);
    if (blockfile_find(file, SECTION_DEAD_ROWS, 0, &meta)) {
        say(out, "dead rows %zu", meta.len / 4);
    }
}

static void dump_sections(const struct out *out, struct blockfile *file)
{
    for (size_t i = 0; i < file->count; i++) {
        const struct blockfile_section s = blockfile_entry(file, i);
        const struct section bytes = blockfile_bytes(file, &s);
        const char *state = section_touch(&bytes, 0, bytes.len) ? "  DAMAGED" : "";
        const char *hot = s.flags & BLOCKFILE_HOT ? "  hot" : "";
        const unsigned number = s.id >= SECTION_INDEX_FIRST ? s.id - SECTION_INDEX_FIRST : s.id;
        say(out, "section %-10s %3u  field %4u  offset %12" PRIu64 "  bytes %12" PRIu64 "%s%s",
            section_name(s.id), number, s.field, s.offset, s.len, hot, state);
    }
}

static const char *kind_name(enum file_kind kind)
{
    switch (kind) {
    case FILE_SEGMENT: return "segment";
    case FILE_INDEX: return "index";
    case FILE_DEAD: return "tombstones";
    }
    return "unknown";
}

int storage_dump(const char *path, void (*line)(void *ctx, const char *text), void *ctx,
                 struct kith_error *err)
{
    const struct out out = {line, ctx};
    struct blockfile file;
    struct kith_error local = {0};
    const int rc = blockfile_open_path(&file, os_real(), path, NULL, &local);
    if (rc == KITH_ECORRUPT || rc == KITH_EVERSION) {
        say(&out, "damaged: %s", local.text);
        return 0;
    }
    if (rc) {
        if (err) *err = local;
        return rc;
    }
    say(&out, "%s %" PRIu64 ", part %" PRIu64 ", database %016" PRIx64 ", %zu bytes, %zu sections",
        kind_name(file.name.kind), file.name.id, file.name.part, file.database_id, file.len,
        file.count);
    dump_meta(&out, &file);
    dump_sections(&out, &file);
    blockfile_close(&file);
    return 0;
}

/* ---- verify ---- */

struct check {
    struct blockfile *file;
    problem_fn *problem;
    void *ctx;
};

static void found(const struct check *c, const struct section *where, size_t offset,
                  const char *text)
{
    c->problem(c->ctx, (uint64_t)(where->data - c->file->map) + offset, text);
}

static bool check_pages(const struct check *c)
{
    bool intact = true;
    for (size_t page = 0; page * PAGE_BYTES < c->file->guard.len; page++) {
        if (page_guard_verify(&c->file->guard, page, 1) == 0) continue;
        c->problem(c->ctx, page * PAGE_BYTES, "a page does not match its checksum");
        intact = false;
    }
    return intact;
}

static void check_keys(const struct check *c, uint64_t rows)
{
    struct section keys = {0};
    struct section numbers = {0};
    for (size_t i = 0; i < c->file->count; i++) {
        const struct blockfile_section s = blockfile_entry(c->file, i);
        if (s.id == SECTION_KEYS) keys = blockfile_bytes(c->file, &s);
        if (s.id == SECTION_KEY_ROWS) numbers = blockfile_bytes(c->file, &s);
    }
    if (keys.len / 8 != rows || numbers.len / 4 != rows) {
        c->problem(c->ctx, 0, "the key index does not have one entry a row");
        return;
    }
    for (size_t i = 0; i < rows; i++) {
        const uint32_t row = le32_get(numbers.data + 4 * i);
        if (row >= rows) found(c, &numbers, 4 * i, "a key names a row that does not exist");
        if (i == 0) continue;
        const uint64_t before = le64_get(keys.data + 8 * (i - 1));
        const uint64_t key = le64_get(keys.data + 8 * i);
        if (before > key || (before == key && le32_get(numbers.data + 4 * (i - 1)) <= row)) {
            found(c, &keys, 8 * i, "keys are not in order");
        }
    }
}

/* Offsets of one variable column: from 0 up within each group, and as far as its bytes. */
static void check_offsets(const struct check *c, uint32_t field, const struct section *offsets,
                          size_t rows)
{
    struct section bases;
    struct section bytes;
    const size_t groups = sealed_groups(rows);
    if (!blockfile_find(c->file, SECTION_BASES, field, &bases) ||
        !blockfile_find(c->file, SECTION_BYTES, field, &bytes) ||
        bases.len / 8 != groups + 1 || offsets->len / 4 != rows + groups) {
        found(c, offsets, 0, "sections of a variable column do not fit each other");
        return;
    }
    size_t at = 0;
    for (size_t group = 0; group < groups; group++) {
        const uint64_t base = le64_get(bases.data + 8 * group);
        const uint64_t end = le64_get(bases.data + 8 * group + 8);
        uint32_t last = 0;
        for (size_t i = 0; i <= sealed_group_rows(rows, group); i++, at += 4) {
            const uint32_t offset = le32_get(offsets->data + at);
            if (offset < last || (i == 0 && offset != 0)) found(c, offsets, at, "offsets go back");
            last = offset;
        }
        if (end < base || end > bytes.len || end - base != last) {
            found(c, &bases, 8 * group, "a group's bytes are not as long as its offsets say");
        }
    }
}

static void check_segment(const struct check *c)
{
    struct section meta;
    if (!blockfile_find(c->file, SECTION_META, 0, &meta) || meta.len != META_BYTES) {
        c->problem(c->ctx, 0, "there is no meta section");
        return;
    }
    const uint64_t rows = le64_get(meta.data + META_AT_ROWS);
    if (rows == 0 || rows >= UINT32_MAX) {
        found(c, &meta, META_AT_ROWS, "the number of rows is out of range");
        return;
    }
    check_keys(c, rows);
    for (size_t i = 0; i < c->file->count; i++) {
        const struct blockfile_section s = blockfile_entry(c->file, i);
        if (s.id != SECTION_OFFSETS) continue;
        const struct section offsets = blockfile_bytes(c->file, &s);
        check_offsets(c, s.field, &offsets, (size_t)rows);
    }
}

static void check_dead(const struct check *c)
{
    struct section rows;
    struct section times;
    if (!blockfile_find(c->file, SECTION_DEAD_ROWS, 0, &rows) ||
        !blockfile_find(c->file, SECTION_DEAD_TIMES, 0, &times) || rows.len / 4 != times.len / 8) {
        c->problem(c->ctx, 0, "rows and times of kills do not fit each other");
        return;
    }
    for (size_t i = 1; i < times.len / 8; i++) {
        if (le64_get(times.data + 8 * i) >= le64_get(times.data + 8 * (i - 1))) continue;
        found(c, &times, 8 * i, "kills are not in order of time");
    }
}

void sealed_check(struct blockfile *file, problem_fn *problem, void *ctx)
{
    const struct check c = {file, problem, ctx};
    if (!check_pages(&c)) return; /* what is inside would only repeat it */
    if (file->name.kind == FILE_SEGMENT) check_segment(&c);
    if (file->name.kind == FILE_DEAD) check_dead(&c);
}

int storage_verify(const struct os *os, const char *path, uint64_t database_id,
                   void (*problem)(void *ctx, uint64_t offset, const char *text), void *ctx,
                   uint64_t *bytes, struct kith_error *err)
{
    struct blockfile file;
    struct kith_error local = {0};
    const int rc = blockfile_open_path(&file, os, path, &database_id, &local);
    if (rc == KITH_ECORRUPT || rc == KITH_EVERSION) {
        struct os_stat stat = {0};
        if (os_stat(os, path, &stat, NULL) == 0) *bytes = stat.size;
        problem(ctx, local.position, local.text);
        return 0;
    }
    if (rc) {
        if (err) *err = local;
        return rc;
    }
    *bytes = file.len;
    sealed_check(&file, problem, ctx);
    blockfile_close(&file);
    return 0;
}
