/*
 * See kith_side.h. The image stays in the huge pages it was built in; a reloaded one is read into
 * huge pages as storage would copy a hot section.
 */
#include "kith_side.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "index/index.h"

struct kith_side {
    struct vectors vectors;
    struct index_image image;
    struct index_view_section views[INDEX_SECTIONS_MAX];
    struct index *index;
    struct index_stats stats;
};

double kith_side_now_s(void) { return (double)os_now_us(os_real()) * 1e-6; }

static void image_save(const struct index_image *image, const char *path)
{
    FILE *file = fopen(path, "wb");
    if (!file) return;
    for (size_t i = 0; i < image->count; i++) {
        const struct index_section *s = &image->sections[i];
        const uint64_t head[3] = {s->id, s->len, s->pages};
        if (fwrite(head, sizeof head, 1, file) != 1) break;
        if (fwrite(s->data, 1, s->len, file) != s->len) break;
    }
    fclose(file);
}

static int image_load(struct index_image *image, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) return 0;
    uint64_t head[3];
    while (image->count < INDEX_SECTIONS_MAX && fread(head, sizeof head, 1, file) == 1) {
        struct index_section *s = &image->sections[image->count++];
        *s = (struct index_section){.id = (uint32_t)head[0], .len = head[1], .pages = head[2] != 0};
        s->data = s->pages ? os_pages_alloc(os_real(), s->len) : mem_alloc(s->len);
        if (!s->data || fread(s->data, 1, s->len, file) != s->len) break;
    }
    fclose(file);
    return image->count > 0;
}

static int build(struct kith_side *side, const struct kith_side_spec *spec, double *build_s)
{
    struct kith_error err = {0};
    struct pool *pool = NULL;
    if (spec->threads > 1 &&
        pool_new(os_real(), "build", spec->threads - 1, 0, 64, &pool, &err)) {
        fprintf(stderr, "kith: %s\n", err.text);
        return -1;
    }
    const struct index_params params = {spec->m, spec->ef_construction};
    const struct index_job job = {.os = os_real(), .pool = pool, .threads = spec->threads};
    const double start = kith_side_now_s();
    const int rc = index_ops_find("HNSW")->build(&side->vectors, &params, &job, &side->image, &err);
    *build_s = kith_side_now_s() - start;
    pool_free(pool);
    if (rc) fprintf(stderr, "kith: %s\n", err.text);
    return rc;
}

struct kith_side *kith_side_new(const struct kith_side_spec *spec, double *build_s)
{
    struct kith_side *side = mem_zalloc(sizeof *side);
    if (!side) return NULL;
    const size_t stride = spec->dim * sizeof(float);
    side->vectors = (struct vectors){
        .rows = {.data = (const uint8_t *)spec->rows, .len = spec->count * stride},
        .stride_bytes = stride, .count = spec->count, .dim = spec->dim, .type = KERNEL_F32,
        .metric = spec->cosine ? KERNEL_COSINE : KERNEL_L2};
    *build_s = 0.0;
    if (!spec->cache || !image_load(&side->image, spec->cache)) {
        if (build(side, spec, build_s)) goto fail;
        if (spec->cache) image_save(&side->image, spec->cache);
    }
    for (size_t i = 0; i < side->image.count; i++) {
        const struct index_section *s = &side->image.sections[i];
        side->views[i] = (struct index_view_section){s->id, {s->data, s->len, NULL}};
    }
    struct kith_error err = {0};
    if (index_ops_find("HNSW")->open(os_real(), side->views, side->image.count, &side->vectors,
                                     &side->index, &err)) {
        fprintf(stderr, "kith: %s\n", err.text);
        goto fail;
    }
    return side;
fail:
    kith_side_free(side);
    return NULL;
}

void kith_side_free(struct kith_side *side)
{
    if (!side) return;
    if (side->index) side->index->ops->close(side->index);
    index_image_release(os_real(), &side->image);
    mem_free(side);
}

size_t kith_side_search(const struct kith_side *side, const float *query, size_t k, uint32_t ef,
                        uint32_t *ids)
{
    struct hit hits[256];
    size_t count = 0;
    const struct index_search search = {.query = query, .k = k < 256 ? k : 256, .ef = ef,
                                        .bound = INFINITY,
                                        .stats = (struct index_stats *)(uintptr_t)&side->stats};
    if (side->index->ops->search(side->index, &search, hits, &count, NULL)) return 0;
    for (size_t i = 0; i < count; i++) ids[i] = hits[i].id;
    return count;
}

void kith_side_stats(struct kith_side *side, struct kith_side_stats *out)
{
    *out = (struct kith_side_stats){side->stats.nodes_visited, side->stats.distances,
                                    side->stats.exact_distances};
    side->stats = (struct index_stats){0};
}

uint64_t kith_side_bytes(const struct kith_side *side)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < side->image.count; i++) sum += side->image.sections[i].len;
    return sum;
}
