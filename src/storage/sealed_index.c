/*
 * Index files of a sealed segment: building, opening, warming.
 *
 * An index reads its sections through the file's guard until segment_warm() copied the hot ones
 * into huge pages, verified on the way, and opened a second index over the copies. The pointer is
 * swapped with release; the one before stays open, as readers may be inside, until the segment
 * goes. Everything here is derived: what does not open is left out and built again.
 */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "storage/sealed_internal.h"

/* ---- opening ---- */

size_t sealed_index_sections(struct blockfile *file, struct index_view_section *sections, bool *hot)
{
    size_t count = 0;
    for (size_t i = 0; i < file->count && count < INDEX_SECTIONS_MAX; i++) {
        const struct blockfile_section entry = blockfile_entry(file, i);
        if (entry.id < SECTION_INDEX_FIRST) continue;
        if (hot) hot[count] = (entry.flags & BLOCKFILE_HOT) != 0;
        sections[count].id = entry.id - SECTION_INDEX_FIRST;
        sections[count++].bytes = blockfile_bytes(file, &entry);
    }
    return count;
}

int sealed_index_check_kind(struct blockfile *file, const char *kind, size_t rows,
                            struct kith_error *err)
{
    struct section meta;
    char name[INDEX_KIND_BYTES] = {0};
    if (!blockfile_find(file, SECTION_INDEX_META, 0, &meta) ||
        (meta.len != INDEX_META_BYTES && meta.len != OLD_INDEX_META_BYTES) ||
        section_touch(&meta, 0, meta.len)) {
        return error_set(err, KITH_ECORRUPT, "an index file has no meta section");
    }
    if (strlen(kind) >= sizeof name) return error_set(err, KITH_EINVAL, "unknown index '%s'", kind);
    memcpy(name, kind, strlen(kind));
    const bool old = meta.len == OLD_INDEX_META_BYTES;
    const size_t at_rows = old ? (size_t)OLD_INDEX_META_AT_ROWS : (size_t)INDEX_META_AT_ROWS;
    if (memcmp(meta.data + INDEX_META_AT_KIND, name, old ? at_rows : sizeof name) != 0 ||
        le64_get(meta.data + at_rows) != rows) {
        return error_set(err, KITH_ECORRUPT, "an index file is not a %s of %zu rows", kind, rows);
    }
    return 0;
}

static void index_free(struct sealed *s, struct sealed_index *x)
{
    if (x->index) x->index->ops->close(x->index);
    if (x->copy) {
        os_pages_free(s->segment.os, x->copy, x->copy_len);
        if (s->budget) budget_release(s->budget, BUDGET_HOT, x->copy_len);
        atomic_fetch_sub_explicit(&s->hot_bytes, x->copy_len, memory_order_relaxed);
    }
    if (x->owns_file && x->file) {
        blockfile_close(x->file);
        mem_free(x->file);
    }
    mem_free(x);
}

void sealed_index_free(struct sealed *s, struct sealed_index *x)
{
    while (x) {
        struct sealed_index *older = x->older;
        index_free(s, x);
        x = older;
    }
}

int sealed_index_open(struct sealed *s, uint64_t database_id, size_t field, const char *kind,
                      struct sealed_index **out, struct kith_error *err)
{
    const struct index_ops *ops = kind ? index_ops_find(kind) : NULL;
    if (!ops) return error_set(err, KITH_EINVAL, "unknown index '%s'", kind ? kind : "");
    const struct file_name name = {.kind = FILE_INDEX, .id = s->segment.id, .part = field};
    struct sealed_index *x = mem_zalloc(sizeof *x);
    struct blockfile *file = mem_zalloc(sizeof *file);
    int rc = x && file ? 0 : error_set(err, KITH_ENOMEM, "no memory to open an index");
    if (!rc) rc = blockfile_open(file, s->segment.os, s->dir, &name, database_id, err);
    if (rc) {
        mem_free(x);
        mem_free(file);
        return rc;
    }
    x->file = file;
    x->owns_file = true;
    rc = sealed_index_check_kind(file, kind, s->rows, err);
    if (!rc) {
        x->count = sealed_index_sections(file, x->sections, x->hot);
        rc = ops->open(s->segment.os, x->sections, x->count, &s->vectors[field].vectors, &x->index,
                       err);
    }
    if (rc) {
        index_free(s, x);
        return rc;
    }
    *out = x;
    return 0;
}

int sealed_attach_index(const struct sealed_opts *opts, struct segment *segment, size_t field,
                        const char *kind, struct kith_error *err)
{
    struct sealed *s = (struct sealed *)segment;
    if (segment->ops->growing || !segment_holds(segment, field) ||
        s->vectors[field].vectors.count == 0) {
        return error_set(err, KITH_EINVAL, "field %zu takes no index", field);
    }
    struct sealed_index *x = NULL;
    const int rc = sealed_index_open(s, opts->database_id, field, kind, &x, err);
    if (rc) return rc;
    x->older = atomic_load_explicit(&s->vectors[field].index, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->disk_bytes, x->file->len, memory_order_relaxed);
    if (x->older) {
        atomic_fetch_sub_explicit(&s->disk_bytes, x->older->file->len, memory_order_relaxed);
    }
    atomic_store_explicit(&s->vectors[field].index, x, memory_order_release);
    return 0;
}

void sealed_detach_vectors(struct sealed *s, size_t field)
{
    struct sealed_vectors *v = &s->vectors[field];
    struct sealed_index *x =
        atomic_exchange_explicit(&v->index, NULL, memory_order_acq_rel);
    if (!x) return;
    atomic_fetch_sub_explicit(&s->disk_bytes, x->file->len, memory_order_relaxed);
    struct sealed_index *last = x;
    while (last->older) last = last->older;
    last->older = v->retired;
    v->retired = x;
}

/* ---- warming ---- */

#define COPY_ALIGN ((size_t)64)

static size_t hot_bytes(const struct sealed_index *x)
{
    size_t bytes = 0;
    for (size_t i = 0; i < x->count; i++) {
        if (!x->hot[i]) continue;
        bytes += (x->sections[i].bytes.len + COPY_ALIGN - 1) & ~(COPY_ALIGN - 1);
    }
    return bytes;
}

/* Copies what is hot, verified; to->sections point into the copy. */
static int copy_hot(const struct sealed_index *from, struct sealed_index *to)
{
    size_t at = 0;
    for (size_t i = 0; i < from->count; i++) {
        to->sections[i] = from->sections[i];
        to->hot[i] = from->hot[i];
        if (!from->hot[i]) continue;
        const struct section *section = &from->sections[i].bytes;
        if (section_touch(section, 0, section->len)) return KITH_ECORRUPT;
        if (section->len > 0) memcpy(to->copy + at, section->data, section->len);
        to->sections[i].bytes = (struct section){.data = to->copy + at, .len = section->len};
        at += (section->len + COPY_ALIGN - 1) & ~(COPY_ALIGN - 1);
    }
    to->count = from->count;
    return 0;
}

static int warm_copy(struct sealed *s, struct sealed_vectors *v, struct sealed_index *from,
                     struct sealed_index *to)
{
    int rc = copy_hot(from, to);
    if (rc) return rc;
    to->file = from->file;
    rc = from->index->ops->open(s->segment.os, to->sections, to->count, &v->vectors, &to->index,
                                NULL);
    if (rc) return rc;
    to->older = from;
    atomic_store_explicit(&v->index, to, memory_order_release);
    return 0;
}

static int warm_one(struct sealed *s, struct sealed_vectors *v)
{
    struct sealed_index *from = atomic_load_explicit(&v->index, memory_order_relaxed);
    const size_t len = from && !from->copy ? hot_bytes(from) : 0;
    if (len == 0) return 0;
    if (s->budget && !budget_reserve(s->budget, BUDGET_HOT, len)) return 0;
    struct sealed_index *to = mem_zalloc(sizeof *to);
    uint8_t *copy = to ? os_pages_alloc(s->segment.os, len) : NULL;
    if (!copy) {
        if (s->budget) budget_release(s->budget, BUDGET_HOT, len);
        mem_free(to);
        return KITH_ENOMEM;
    }
    to->copy = copy;
    to->copy_len = len;
    atomic_fetch_add_explicit(&s->hot_bytes, len, memory_order_relaxed);
    const int rc = warm_copy(s, v, from, to);
    if (rc) index_free(s, to);
    return rc;
}

int sealed_warm(struct segment *segment)
{
    struct sealed *s = (struct sealed *)segment;
    if (!s->pin) return 0;
    int rc = 0;
    for (size_t i = 0; i < segment->held; i++) {
        const int one = warm_one(s, &s->vectors[i]);
        if (!rc) rc = one;
    }
    return rc;
}

/* ---- building ---- */

static bool has_nulls(const uint64_t *valid, size_t rows)
{
    for (size_t row = 0; valid && row < rows; row++) {
        if (!((valid[row / 64] >> (row % 64)) & 1)) return true;
    }
    return false;
}

int sealed_index_write(const struct sealed_opts *opts, uint32_t number, size_t field,
                       const char *kind, size_t rows, const struct index_image *image,
                       struct kith_error *err)
{
    const struct file_name name = {.kind = FILE_INDEX, .id = opts->id, .part = number};
    struct blockfile_writer writer;
    int rc = blockfile_create(&writer, opts->os, opts->dir, &name, opts->database_id, err);
    if (rc) return rc;
    uint8_t meta[INDEX_META_BYTES] = {0};
    memcpy(meta + INDEX_META_AT_KIND, kind, strlen(kind));
    le64_put(meta + INDEX_META_AT_ROWS, rows);
    le32_put(meta + INDEX_META_AT_NUMBER, number);
    le32_put(meta + INDEX_META_AT_FIELD, (uint32_t)field);
    rc = blockfile_add(&writer, SECTION_INDEX_META, 0, 0, meta, sizeof meta, err);
    for (size_t i = 0; !rc && i < image->count; i++) {
        const struct index_section *section = &image->sections[i];
        rc = blockfile_add(&writer, SECTION_INDEX_FIRST + section->id, 0,
                           section->hot ? BLOCKFILE_HOT : 0, section->data, section->len, err);
    }
    if (!rc) return blockfile_commit(&writer, err);
    blockfile_abort(&writer);
    return rc;
}

int sealed_build_index(const struct sealed_opts *opts, const struct segment *segment, size_t field,
                       const char *kind, const struct index_params *params,
                       const struct index_job *job, bool *built, struct kith_error *err)
{
    const struct index_ops *ops = kind ? index_ops_find(kind) : NULL;
    if (!ops || strlen(kind) >= INDEX_KIND_BYTES) {
        return error_set(err, KITH_EINVAL, "unknown index '%s'", kind ? kind : "");
    }
    struct vectors vectors;
    size_t first;
    const uint64_t *valid = NULL;
    int rc = segment_vectors(segment, field, segment_rows(segment), 0, &vectors, &first, &valid);
    *built = false;
    if (rc == KITH_EUNSUPPORTED || rc == KITH_ENOTFOUND) return 0;
    if (rc) return error_set(err, rc, "segment %" PRIu64 " is damaged", segment->id);
    if (strcmp(kind, "FLAT") == 0 || segment->ops->growing ||
        vectors.count < index_min_rows(vectors.dim) || has_nulls(valid, vectors.count)) {
        return 0; /* scanned */
    }
    struct index_image image = {.count = 0};
    rc = ops->build(&vectors, params, job, &image, err);
    if (rc) return rc;
    rc = sealed_index_write(opts, (uint32_t)field, field, kind, vectors.count, &image, err);
    index_image_release(job->os, &image);
    if (!rc) *built = true;
    return rc;
}
