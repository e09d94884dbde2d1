/*
 * kith_ann_*: one index over one array of vectors, without a database. This file checks what a
 * caller gives, builds, and searches; ann_save.c and ann_open.c are the file.
 *
 * A built index borrows the caller's vectors and owns the index's image; an opened one has both in
 * a mapped file. Searching is the same for both. An index may return fewer rows than there are (a
 * graph that was cut apart, a k beyond its pool); then the rows are scanned, so that a caller
 * always gets min(k, n) of them.
 *
 * Vectors with infinities or NaN are refused: no distance to them means anything, and what a graph
 * does with them depends on the order of comparisons.
 */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/endian.h"
#include "engine/ann_file.h"
#include "storage/vector_type.h"

#define DIM_MAX 65536u
#define BITS_MAX 262144u
#define THREADS_MAX 1024u
#define HITS_ON_STACK 128

/* ---- what goes together ---- */

static size_t vector_bytes(enum kernel_type type, uint32_t dim)
{
    switch (type) {
    case KERNEL_F32: return (size_t)dim * 4;
    case KERNEL_F16:
    case KERNEL_BF16: return (size_t)dim * 2;
    case KERNEL_BIT: return dim / 8;
    default: return dim;
    }
}

static int check_dim(const struct ann_spec *spec, struct kith_error *err)
{
    const bool bits = spec->type == KITH_BINARY_VECTOR;
    const uint32_t most = bits ? BITS_MAX : DIM_MAX;
    if (spec->dim < 1 || spec->dim > most) {
        return error_set(err, KITH_EINVAL, "dim is %u; set it to 1..%u", spec->dim, most);
    }
    if (bits && spec->dim % 8 != 0) {
        return error_set(err, KITH_EINVAL,
                         "dim of binary vectors counts bits and is %u; set a multiple of 8",
                         spec->dim);
    }
    return 0;
}

int ann_spec_check(struct ann_spec *spec, struct kith_error *err)
{
    enum kernel_type type;
    enum kernel_metric metric;
    if (!kernel_type_of(spec->type, &type)) {
        return error_set(err, KITH_EINVAL, "type %d is not one of dense or binary vectors",
                         (int)spec->type);
    }
    if (spec->metric == KITH_METRIC_DEFAULT) {
        spec->metric = type == KERNEL_BIT ? KITH_HAMMING : KITH_L2;
    }
    if (!kernel_metric_of(spec->metric, &metric) || !kernel_get(metric, type)) {
        return error_set(err, KITH_EINVAL, "metric %d does not exist for vectors of type %d",
                         (int)spec->metric, (int)spec->type);
    }
    if (!index_ops_find(spec->kind)) {
        return error_set(err, KITH_EINVAL, "no index kind '%s'; there are FLAT and HNSW",
                         spec->kind);
    }
    if (spec->n > UINT32_MAX) {
        return error_set(err, KITH_ELIMIT, "an index holds at most %u vectors", UINT32_MAX);
    }
    return check_dim(spec, err);
}

int ann_vectors_set(struct kith_ann *ann, struct section rows, struct kith_error *err)
{
    struct vectors v = {.count = (size_t)ann->spec.n, .dim = ann->spec.dim};
    if (!kernel_type_of(ann->spec.type, &v.type) ||
        !kernel_metric_of(ann->spec.metric, &v.metric)) {
        return error_set(err, KITH_EINVAL, "type or metric is unknown");
    }
    v.stride_bytes = vector_bytes(v.type, v.dim);
    if (!size_mul(v.count, v.stride_bytes, &rows.len)) {
        return error_set(err, KITH_ELIMIT, "the vectors do not fit in memory");
    }
    v.rows = rows;
    ann->vectors = v;
    return 0;
}

int ann_index_open(struct kith_ann *ann, struct kith_error *err)
{
    return index_ops_find(ann->spec.kind)
        ->open(ann->os, ann->views, ann->view_count, &ann->vectors, &ann->index, err);
}

/* ---- values ---- */

/* All bits of the exponent set: infinite or not a number. One OR over a row, so that it is free. */
static bool finite_f32(const uint8_t *row, size_t dim)
{
    uint32_t bad = 0;
    for (size_t i = 0; i < dim; i++) {
        bad |= (uint32_t)((le32_get(row + 4 * i) & 0x7f800000u) == 0x7f800000u);
    }
    return bad == 0;
}

static bool finite_16(const uint8_t *row, size_t dim, uint16_t exponent)
{
    uint32_t bad = 0;
    for (size_t i = 0; i < dim; i++) {
        bad |= (uint32_t)((le16_get(row + 2 * i) & exponent) == exponent);
    }
    return bad == 0;
}

static bool vector_is_finite(const struct vectors *v, const uint8_t *row)
{
    switch (v->type) {
    case KERNEL_F32: return finite_f32(row, v->dim);
    case KERNEL_F16: return finite_16(row, v->dim, 0x7c00);
    case KERNEL_BF16: return finite_16(row, v->dim, 0x7f80);
    default: return true;
    }
}

static int check_values(const struct vectors *v, struct kith_error *err)
{
    for (size_t i = 0; i < v->count; i++) {
        if (vector_is_finite(v, v->rows.data + i * v->stride_bytes)) continue;
        return error_set_at(err, KITH_EINVAL, i,
                            "vector %zu has an infinite component or NaN; remove it", i);
    }
    return 0;
}

/* ---- build ---- */

static int spec_of(const struct kith_ann_params *given, size_t n, struct ann_spec *spec,
                   struct kith_error *err)
{
    const char *kind = given->kind ? given->kind : "HNSW";
    if (strlen(kind) >= ANN_KIND_BYTES) {
        return error_set(err, KITH_EINVAL, "no such index kind; there are FLAT and HNSW");
    }
    *spec = (struct ann_spec){
        .type = (int)given->type == 0 ? KITH_FLOAT_VECTOR : given->type,
        .metric = given->metric,
        .dim = given->dim,
        .m = given->m,
        .ef_construction = given->ef_construction,
        .n = n,
    };
    memcpy(spec->kind, kind, strlen(kind) + 1);
    return ann_spec_check(spec, err);
}

static int build_image(struct kith_ann *ann, const struct kith_ann_params *params,
                       struct kith_error *err)
{
    struct pool *pool = NULL;
    unsigned threads = params->threads > 0 ? params->threads : 1;
    if (threads > THREADS_MAX) threads = THREADS_MAX;
    if (threads > 1) {
        const int rc = pool_new(ann->os, "kith-build", threads - 1, 0, threads, &pool, err);
        if (rc) return rc;
    }
    const struct index_params index_params = {params->m, params->ef_construction};
    const struct index_job job = {.os = ann->os, .pool = pool, .threads = threads,
                                  .progress = params->progress,
                                  .progress_ctx = params->progress_ctx};
    const int rc = index_ops_find(ann->spec.kind)
                       ->build(&ann->vectors, &index_params, &job, &ann->image, err);
    pool_free(pool);
    return rc;
}

static void views_from_image(struct kith_ann *ann)
{
    for (size_t i = 0; i < ann->image.count; i++) {
        const struct index_section *s = &ann->image.sections[i];
        ann->views[i] = (struct index_view_section){s->id, {s->data, s->len, NULL}};
        ann->hot[i] = s->hot;
    }
    ann->view_count = ann->image.count;
}

static int build(struct kith_ann *ann, const struct kith_ann_params *params, const void *vectors,
                 struct kith_error *err)
{
    int rc = ann_vectors_set(ann, (struct section){.data = vectors}, err);
    if (rc == 0) rc = check_values(&ann->vectors, err);
    if (rc == 0) rc = build_image(ann, params, err);
    if (rc) return rc;
    views_from_image(ann);
    return ann_index_open(ann, err);
}

int kith_ann_build(const struct kith_ann_params *params, const void *vectors, size_t n,
                   struct kith_ann **out, struct kith_error *err)
{
    struct kith_ann_params known = {0};
    if (!params || params->size < sizeof params->size || !out || (!vectors && n > 0)) {
        return error_set(err, KITH_EINVAL, "no parameters (with their size), vectors or result");
    }
    memcpy(&known, params, params->size < sizeof known ? params->size : sizeof known);
    struct ann_spec spec;
    int rc = spec_of(&known, n, &spec, err);
    if (rc) return rc;
    struct kith_ann *ann = mem_zalloc(sizeof *ann);
    if (!ann) return error_set(err, KITH_ENOMEM, "no memory for an index");
    ann->os = os_real();
    ann->spec = spec;
    rc = build(ann, &known, vectors, err);
    if (rc) {
        kith_ann_free(ann);
        return rc;
    }
    *out = ann;
    return 0;
}

/* ---- search ---- */

static int search_rows(const struct kith_ann *ann, struct index_search *search, struct hit *hits,
                       size_t *count, struct kith_error *err)
{
    const int rc = ann->index->ops->search(ann->index, search, hits, count, err);
    if (rc || *count >= search->k) return rc;
    return index_scan(&ann->vectors, search, hits, count, err);
}

static int search_into(const struct kith_ann *ann, struct index_search *search, struct hit *hits,
                       uint32_t *ids, float *distances, size_t *found, struct kith_error *err)
{
    size_t count = 0;
    const int rc = search_rows(ann, search, hits, &count, err);
    if (rc) return rc;
    for (size_t i = 0; i < count; i++) {
        if (ids) ids[i] = hits[i].id;
        if (distances) distances[i] = hits[i].distance;
    }
    *found = count;
    return 0;
}

int kith_ann_search(const struct kith_ann *ann, const void *query, size_t k, uint32_t ef,
                    uint32_t *ids, float *distances, size_t *found,
                    struct kith_search_stats *stats, struct kith_error *err)
{
    if (!ann || !query || !found) return error_set(err, KITH_EINVAL, "no index, query or result");
    if (k == 0) return error_set(err, KITH_EINVAL, "k is 0; set k >= 1");
    if (!vector_is_finite(&ann->vectors, query)) {
        return error_set(err, KITH_EINVAL, "the query has an infinite component or NaN");
    }
    struct index_stats counted = {0};
    struct index_search search = {.query = query, .ef = ef, .bound = INFINITY, .stats = &counted};
    search.k = k < ann->vectors.count ? k : ann->vectors.count;
    struct hit few[HITS_ON_STACK];
    struct hit *hits = search.k <= HITS_ON_STACK ? few : mem_alloc_array(search.k, sizeof *hits);
    if (!hits) return error_set(err, KITH_ENOMEM, "no memory for %zu results", search.k);
    int rc = 0;
    if (search.k == 0) *found = 0;
    else rc = search_into(ann, &search, hits, ids, distances, found, err);
    if (hits != few) mem_free(hits);
    if (rc == 0 && stats) {
        *stats = (struct kith_search_stats){.segments = 1, .nodes_visited = counted.nodes_visited,
                                            .distances = counted.distances,
                                            .exact_distances = counted.exact_distances,
                                            .matched_rows = ann->vectors.count};
    }
    return rc;
}

/* ---- the rest ---- */

uint64_t kith_ann_bytes(const struct kith_ann *ann)
{
    uint64_t bytes = 0;
    for (size_t i = 0; ann && i < ann->view_count; i++) bytes += ann->views[i].bytes.len;
    return bytes;
}

int kith_ann_save(const struct kith_ann *ann, const char *path, struct kith_error *err)
{
    if (!ann || !path) return error_set(err, KITH_EINVAL, "no index or path");
    return ann_save(ann, os_real(), path, err);
}

int kith_ann_open(const char *path, bool pin, struct kith_ann **out, struct kith_error *err)
{
    if (!path || !out) return error_set(err, KITH_EINVAL, "no path or result");
    return ann_open(os_real(), path, pin, out, err);
}

void kith_ann_free(struct kith_ann *ann)
{
    if (!ann) return;
    if (ann->index) ann->index->ops->close(ann->index);
    index_image_release(ann->os, &ann->image);
    for (size_t i = 0; i < ann->pinned_count; i++) {
        os_pages_free(ann->os, ann->pinned[i].data, ann->pinned[i].len);
    }
    page_guard_release(&ann->guard);
    if (ann->map) os_unmap(ann->os, ann->map, ann->map_len);
    mem_free(ann);
}
