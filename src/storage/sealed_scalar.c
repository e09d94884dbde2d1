/*
 * Indexes of a sealed segment that are not over dense vectors: building, opening, asking.
 *
 * A segment may have several of one field. They hang in a list that grows at its head with release,
 * so that readers walk it without a lock; an index that was dropped, replaced or found damaged is
 * marked `gone`, skipped, and stays open until the segment goes, as readers may be inside. Probes
 * are answered by the first index that can: all of them give the same rows, or say that they give
 * more.
 *
 * Everything here is derived: damage costs speed, never rows.
 */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "storage/sealed_internal.h"

static bool is_gone(const struct sealed_scalar *x)
{
    return atomic_load_explicit(&x->gone, memory_order_relaxed) ||
           atomic_load_explicit(&x->file.guard.damaged, memory_order_relaxed);
}

static struct sealed_scalar *first_of(const struct sealed *s)
{
    return atomic_load_explicit(&s->scalars, memory_order_acquire);
}

/* ---- opening ---- */

static void scalar_free(struct sealed_scalar *x)
{
    if (x->index) x->index->ops->close(x->index);
    blockfile_close(&x->file);
    mem_free(x->path);
    mem_free(x);
}

void sealed_scalars_free(struct sealed *s)
{
    struct sealed_scalar *x = atomic_load(&s->scalars);
    while (x) {
        struct sealed_scalar *next = x->next;
        scalar_free(x);
        x = next;
    }
}

static int scalar_new(const struct sealed_index_file *file, const char *kind,
                      struct sealed_scalar **out)
{
    struct sealed_scalar *x = mem_zalloc(sizeof *x);
    if (!x) return KITH_ENOMEM;
    memcpy(x->kind, kind, strlen(kind)); /* fits: see ops_of */
    x->number = file->number;
    x->field = file->field;
    x->path = mem_strndup(file->params->path.len > 0 ? file->params->path.data : "",
                          file->params->path.len);
    if (!x->path) {
        mem_free(x);
        return KITH_ENOMEM;
    }
    *out = x;
    return 0;
}

static int scalar_open(struct sealed *s, const struct sealed_opts *opts,
                       const struct scalar_index_ops *ops, const struct sealed_index_file *file,
                       struct sealed_scalar *x, struct kith_error *err)
{
    const struct file_name name = {
        .kind = FILE_INDEX, .id = s->segment.id, .part = file->number};
    int rc = blockfile_open(&x->file, s->segment.os, s->dir, &name, opts->database_id, err);
    if (!rc) rc = sealed_index_check_kind(&x->file, ops->kind, s->rows, err);
    if (rc) return rc;
    x->count = sealed_index_sections(&x->file, x->sections, NULL);
    struct scalar_index_params params = *file->params;
    params.path.data = x->path; /* lives as long as the index */
    return ops->open(s->segment.os, x->sections, x->count, s->rows, &params, &x->index, err);
}

static const struct scalar_index_ops *ops_of(const struct sealed_index_file *file,
                                             struct kith_error *err)
{
    const struct scalar_index_ops *ops = file->kind ? scalar_index_ops_find(file->kind) : NULL;
    if (ops && strlen(file->kind) < INDEX_KIND_BYTES && strlen(ops->kind) < INDEX_KIND_BYTES) {
        return ops;
    }
    (void)error_set(err, KITH_EUNSUPPORTED, "unknown index '%s'", file->kind ? file->kind : "");
    return NULL;
}

static void mark_gone(const struct sealed *s, struct sealed_scalar *x)
{
    if (atomic_exchange_explicit(&x->gone, true, memory_order_relaxed)) return;
    struct sealed *owner = (struct sealed *)(uintptr_t)s;
    atomic_fetch_sub_explicit(&owner->disk_bytes, x->file.len, memory_order_relaxed);
}

int sealed_attach_scalar(const struct sealed_opts *opts, struct segment *segment,
                         const struct sealed_index_file *file, struct kith_error *err)
{
    struct sealed *s = (struct sealed *)segment;
    if (segment->ops->growing || !segment_has_field(segment, file->field) || !file->params) {
        return error_set(err, KITH_EINVAL, "field %zu takes no index", file->field);
    }
    const struct scalar_index_ops *ops = ops_of(file, err);
    if (!ops) return KITH_EUNSUPPORTED;
    struct sealed_scalar *x = NULL;
    int rc = scalar_new(file, ops->kind, &x);
    if (rc) return error_set(err, rc, "no memory to open an index");
    rc = scalar_open(s, opts, ops, file, x, err);
    if (rc) {
        scalar_free(x);
        return rc;
    }
    struct sealed_scalar *first = first_of(s);
    atomic_fetch_add_explicit(&s->disk_bytes, x->file.len, memory_order_relaxed);
    x->next = first;
    atomic_store_explicit(&s->scalars, x, memory_order_release);
    for (struct sealed_scalar *old = first; old; old = old->next) {
        if (old->number == x->number) mark_gone(s, old);
    }
    return 0;
}

/* ---- building ---- */

int sealed_build_scalar(const struct sealed_opts *opts, const struct segment *segment,
                        const struct sealed_index_file *file, const struct index_job *job,
                        struct kith_error *err)
{
    const struct scalar_index_ops *ops = ops_of(file, err);
    if (!ops) return KITH_EUNSUPPORTED;
    if (segment->ops->growing || !segment_has_field(segment, file->field) || !file->params) {
        return error_set(err, KITH_EINVAL, "field %zu takes no index", file->field);
    }
    struct chunk_source source;
    struct index_image image = {.count = 0};
    const size_t rows = segment_rows(segment);
    segment_source(segment, rows, &source);
    int rc = ops->build(&source, file->field, file->params, job, &image, err);
    if (rc) return rc;
    rc = sealed_index_write(opts, file->number, file->field, ops->kind, rows, &image, err);
    index_image_release(job->os, &image);
    return rc;
}

/* ---- asking ---- */

/* An index of a path answers for that path; one of the whole column says itself for which. */
static bool concerns(const struct sealed_scalar *x, const struct probe *probe)
{
    if (is_gone(x) || x->field != probe->field) return false;
    const size_t len = strlen(x->path);
    return len == 0 || (len == probe->path.len && memcmp(x->path, probe->path.data, len) == 0);
}

/* N-grams are made for patterns, and for nothing else. */
static bool is_preferred(const struct sealed_scalar *x, const struct probe *probe)
{
    return (strcmp(x->kind, "NGRAM") == 0) == (probe->kind == PROBE_LIKE);
}

typedef int ask_fn(const struct sealed_scalar *x, const struct probe *probe, void *answer);

static int ask_all(const struct sealed *s, const struct probe *probe, ask_fn *ask, void *answer)
{
    for (unsigned pass = 0; pass < 2; pass++) {
        for (struct sealed_scalar *x = first_of(s); x; x = x->next) {
            if (!concerns(x, probe) || is_preferred(x, probe) != (pass == 0)) continue;
            const int rc = ask(x, probe, answer);
            if (rc == KITH_ECORRUPT) mark_gone(s, x);
            if (rc != KITH_EUNSUPPORTED) return rc;
        }
    }
    return KITH_EUNSUPPORTED;
}

static int ask_probe(const struct sealed_scalar *x, const struct probe *probe, void *answer)
{
    return x->index->ops->probe(x->index, probe, answer);
}

int sealed_probe(const struct segment *segment, const struct probe *probe,
                 struct probe_answer *answer)
{
    const struct sealed *s = (const struct sealed *)segment;
    if (answer->yes->bits != s->rows) return KITH_EUNSUPPORTED;
    return ask_all(s, probe, ask_probe, answer);
}

static int ask_estimate(const struct sealed_scalar *x, const struct probe *probe, void *rows)
{
    return x->index->ops->estimate(x->index, probe, rows);
}

int sealed_estimate(const struct segment *segment, const struct probe *probe, uint64_t *rows)
{
    return ask_all((const struct sealed *)segment, probe, ask_estimate, rows);
}

/* ---- which there are ---- */

const struct scalar_index *segment_scalar_index(const struct segment *segment, size_t field,
                                                const char *kind)
{
    if (segment->ops->growing) return NULL;
    for (struct sealed_scalar *x = first_of((const struct sealed *)segment); x; x = x->next) {
        if (!is_gone(x) && x->field == field && strcmp(x->kind, kind) == 0) return x->index;
    }
    return NULL;
}

void segment_mark_index(const struct segment *segment, const struct scalar_index *index)
{
    if (segment->ops->growing) return;
    const struct sealed *s = (const struct sealed *)segment;
    for (struct sealed_scalar *x = first_of(s); x; x = x->next) {
        if (x->index == index) mark_gone(s, x);
    }
}

bool segment_has_index(const struct segment *segment, uint32_t number)
{
    if (segment->ops->growing) return false;
    if (segment_has_field(segment, number) && segment_index(segment, number)) return true;
    for (struct sealed_scalar *x = first_of((const struct sealed *)segment); x; x = x->next) {
        if (x->number == number && !is_gone(x)) return true;
    }
    return false;
}

/* The index in use with the least number above `after`, of the list. */
static const struct sealed_scalar *next_number(const struct sealed *s, int64_t after)
{
    const struct sealed_scalar *best = NULL;
    for (struct sealed_scalar *x = first_of(s); x; x = x->next) {
        if (is_gone(x) || (int64_t)x->number <= after) continue;
        if (!best || x->number < best->number) best = x;
    }
    return best;
}

size_t segment_indexes(const struct segment *segment, struct segment_index_entry *out, size_t room)
{
    size_t count = 0;
    if (segment->ops->growing) return 0;
    for (size_t field = 0; field < segment->held; field++) {
        const struct index *index = segment_index(segment, field);
        if (!index) continue;
        if (count < room) {
            out[count] = (struct segment_index_entry){(uint32_t)field, field, index->ops->kind};
        }
        count++;
    }
    const struct sealed *s = (const struct sealed *)segment;
    const struct sealed_scalar *x = next_number(s, -1);
    for (; x; x = next_number(s, x->number), count++) {
        if (count < room) out[count] = (struct segment_index_entry){x->number, x->field, x->kind};
    }
    return count;
}

/* ---- taking away ---- */

void segment_detach_index(struct segment *segment, uint32_t number)
{
    if (segment->ops->growing) return;
    struct sealed *s = (struct sealed *)segment;
    if (segment_holds(segment, number)) sealed_detach_vectors(s, number);
    for (struct sealed_scalar *x = first_of(s); x; x = x->next) {
        if (x->number == number) mark_gone(s, x);
    }
}

void segment_unlink_index(struct segment *segment, uint32_t number)
{
    if (segment->ops->growing) return;
    const struct sealed *s = (const struct sealed *)segment;
    const struct file_name name = {.kind = FILE_INDEX, .id = segment->id, .part = number};
    char path[OS_PATH_MAX];
    if (file_name_path(&name, s->dir, path, sizeof path)) return;
    (void)!os_unlink(segment->os, path, NULL); /* what stays goes at the next open */
}
