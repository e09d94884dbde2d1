/*
 * How a graph meets filters: recall, hops, distances and time of each mode, by share and by where
 * the allowed rows lie.
 *
 *     filter_bench BASE.fvecs QUERY.fvecs l2|cosine [EF [IMAGE]]
 *
 * Two kinds of filters: `random`, each row alone; `region`, the rows nearest to some row, another
 * one for each filter, so that most queries lie far from all of them. IMAGE keeps the built index
 * between runs. `scans`: queries for which the walk gave up and the allowed rows were scanned.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "index/index.h"
#include "os/os.h"

#define K 10
#define REGIONS 5

struct rows {
    float *data; /* owns */
    size_t count;
    uint32_t dim;
};

struct bench {
    struct rows base;
    struct rows queries;
    struct vectors vectors;
    struct index_image image;
    struct index *index;
    struct bitset allowed;
    struct hit *sorted; /* owns: room for all rows */
    struct hit *truth;  /* owns: K a query */
    uint32_t ef;
};

static int rows_load(const char *path, struct rows *rows)
{
    FILE *file = fopen(path, "rb");
    if (!file || fread(&rows->dim, 4, 1, file) != 1 || rows->dim == 0) return -1;
    fseek(file, 0, SEEK_END);
    rows->count = (size_t)ftell(file) / (4 + 4 * (size_t)rows->dim);
    rewind(file);
    rows->data = malloc(rows->count * rows->dim * sizeof *rows->data);
    uint32_t dim;
    for (size_t i = 0; rows->data && i < rows->count; i++) {
        float *row = rows->data + i * rows->dim;
        if (fread(&dim, 4, 1, file) != 1 || fread(row, 4, rows->dim, file) != rows->dim) return -1;
    }
    return fclose(file);
}

static int image_save(const struct index_image *image, const char *path)
{
    FILE *file = fopen(path, "wb");
    for (size_t i = 0; file && i < image->count; i++) {
        const struct index_section *s = &image->sections[i];
        const uint64_t head[2] = {s->id, s->len};
        if (fwrite(head, sizeof head, 1, file) != 1 || fwrite(s->data, 1, s->len, file) != s->len) {
            return -1;
        }
    }
    return file ? fclose(file) : -1;
}

static int image_load(struct index_image *image, const char *path)
{
    FILE *file = path ? fopen(path, "rb") : NULL;
    uint64_t head[2];
    while (file && image->count < INDEX_SECTIONS_MAX && fread(head, sizeof head, 1, file) == 1) {
        struct index_section *s = &image->sections[image->count++];
        *s = (struct index_section){.id = (uint32_t)head[0], .len = head[1], .pages = true};
        s->data = os_pages_alloc(os_real(), s->len);
        if (!s->data || fread(s->data, 1, s->len, file) != s->len) return -1;
    }
    return file ? fclose(file) : -1;
}

static int index_make(struct bench *b, const char *cache)
{
    const struct index_params params = {16, 200};
    const struct index_job job = {.os = os_real(), .threads = 1};
    const struct index_ops *ops = index_ops_find("HNSW");
    struct kith_error err = {0};
    if (image_load(&b->image, cache)) {
        if (ops->build(&b->vectors, &params, &job, &b->image, &err)) return -1;
        if (cache && image_save(&b->image, cache)) return -1;
    }
    struct index_view_section views[INDEX_SECTIONS_MAX];
    for (size_t i = 0; i < b->image.count; i++) {
        const struct index_section *s = &b->image.sections[i];
        views[i] = (struct index_view_section){s->id, {s->data, s->len, NULL}};
    }
    return ops->open(os_real(), views, b->image.count, &b->vectors, &b->index, &err);
}

static void allow_random(struct bench *b, double share, struct rng *rng)
{
    bitset_fill(&b->allowed, false);
    for (size_t i = 0; i < b->base.count; i++) {
        if (rng_f64(rng) < share) bitset_set(&b->allowed, i);
    }
}

static void allow_region(struct bench *b, double share, struct rng *rng)
{
    const size_t row = (size_t)rng_below(rng, b->base.count);
    const size_t want = (size_t)(share * (double)b->base.count);
    const struct index_search all = {.query = b->base.data + row * b->base.dim, .k = want,
                                     .bound = INFINITY};
    size_t count = 0;
    bitset_fill(&b->allowed, false);
    if (index_scan(&b->vectors, &all, b->sorted, &count, NULL)) exit(1);
    for (size_t i = 0; i < count; i++) bitset_set(&b->allowed, b->sorted[i].id);
}

struct figures {
    double recall, seconds;
    struct index_stats stats;
    size_t scans, queries;
};

static void run(struct bench *b, struct index_search search, struct figures *out)
{
    struct hit hits[K];
    for (size_t q = 0; q < b->queries.count; q++) {
        const struct hit *truth = b->truth + q * K;
        const uint64_t before = out->stats.exact_distances;
        size_t count = 0;
        search.query = b->queries.data + q * b->queries.dim;
        search.stats = &out->stats;
        const int64_t start = (int64_t)os_now_us(os_real());
        if (b->index->ops->search(b->index, &search, hits, &count, NULL)) exit(1);
        out->seconds += (double)((int64_t)os_now_us(os_real()) - start) * 1e-6;
        for (size_t i = 0; i < count; i++) {
            out->recall += hits[i].distance <= truth[K - 1].distance + 1e-6f;
        }
        out->scans += out->stats.exact_distances - before >= search.allowed_count;
        out->queries++;
    }
}

static void truth_make(struct bench *b, struct index_search search)
{
    for (size_t q = 0; q < b->queries.count; q++) {
        size_t count = 0;
        search.query = b->queries.data + q * b->queries.dim;
        if (index_scan(&b->vectors, &search, b->truth + q * K, &count, NULL)) exit(1);
    }
}

static void filter_one(struct bench *b, const char *kind, double share, size_t filters)
{
    static const char *const modes[] = {"auto", "walk", "result"};
    struct figures figures[3] = {0};
    struct rng rng;
    rng_init(&rng, (uint64_t)(share * 1e6));
    for (size_t f = 0; f < filters; f++) {
        if (filters > 1) allow_region(b, share, &rng);
        else allow_random(b, share, &rng);
        struct index_search search = {.k = K, .ef = b->ef, .bound = INFINITY,
                                      .allowed = &b->allowed,
                                      .allowed_count = bitset_count(&b->allowed)};
        truth_make(b, search);
        for (unsigned m = 0; m < 3; m++) {
            search.mode = (enum index_filter_mode)m;
            run(b, search, &figures[m]);
        }
    }
    for (unsigned m = 0; m < 3; m++) {
        const struct figures *f = &figures[m];
        const double n = (double)f->queries;
        printf("%-7s %.3f %-7s recall %.4f  hops %6.0f  distances %7.0f  exact %6.0f  %7.1f us"
               "  scans %zu/%zu\n", kind, share, modes[m], f->recall / n / K,
               (double)f->stats.nodes_visited / n, (double)f->stats.distances / n,
               (double)f->stats.exact_distances / n, f->seconds / n * 1e6, f->scans, f->queries);
    }
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct bench b = {0};
    if (argc < 4 || rows_load(argv[1], &b.base) || rows_load(argv[2], &b.queries)) {
        fprintf(stderr, "usage: filter_bench BASE.fvecs QUERY.fvecs l2|cosine [EF [IMAGE]]\n");
        return 2;
    }
    if (b.queries.count > 100) b.queries.count = 100;
    b.ef = argc > 4 ? (uint32_t)atoi(argv[4]) : 0;
    const size_t stride = b.base.dim * sizeof(float);
    b.vectors = (struct vectors){
        .rows = {.data = (const uint8_t *)b.base.data, .len = b.base.count * stride},
        .stride_bytes = stride, .count = b.base.count, .dim = b.base.dim,
        .metric = strcmp(argv[3], "l2") == 0 ? KERNEL_L2 : KERNEL_COSINE};
    b.sorted = malloc(b.base.count * sizeof *b.sorted);
    b.truth = malloc(b.queries.count * K * sizeof *b.truth);
    if (index_make(&b, argc > 5 ? argv[5] : NULL) || !b.sorted || !b.truth ||
        bitset_init(&b.allowed, b.base.count, false)) {
        return 1;
    }
    static const double shares[] = {0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.5, 0.7, 0.9};
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        filter_one(&b, "random", shares[i], 1);
        filter_one(&b, "region", shares[i], REGIONS);
    }
    return 0;
}
