/*
 * What the tests of the index share: generated rows that are hard enough to mean something
 * (mixtures of Gaussians in a low latent dimension, plus noise), a built and opened index, recall
 * against the exact scan.
 */
#ifndef KITH_TESTS_INDEX_GRAPH_HELP_H
#define KITH_TESTS_INDEX_GRAPH_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "index/index.h"

#define LATENT 16
#define CLUSTERS 50

struct sample {
    struct vectors vectors;
    float *rows; /* owns */
};

static inline struct vectors vectors_over(const void *rows, size_t count, uint32_t dim,
                                          enum kernel_type type, enum kernel_metric metric)
{
    static const size_t width[] = {4, 2, 2, 1, 1};
    const size_t stride = type == KERNEL_BIT ? (dim + 7) / 8 : dim * width[type];
    return (struct vectors){.rows = {.data = rows, .len = count * stride}, .stride_bytes = stride,
                            .count = count, .dim = dim, .type = type, .metric = metric};
}

/* count rows, and `extra` more after them to use as queries. */
static inline struct sample sample_make(size_t count, size_t extra, uint32_t dim,
                                        enum kernel_metric metric, uint64_t seed)
{
    struct rng rng;
    rng_init(&rng, seed);
    float *map = malloc(sizeof(float) * LATENT * dim);
    float *centres = malloc(sizeof(float) * CLUSTERS * LATENT);
    struct sample s = {.rows = malloc(sizeof(float) * (count + extra) * dim)};
    for (size_t i = 0; i < (size_t)LATENT * dim; i++) map[i] = (float)rng_gauss(&rng);
    for (size_t i = 0; i < CLUSTERS * LATENT; i++) centres[i] = 1.5f * (float)rng_gauss(&rng);
    for (size_t i = 0; i < count + extra; i++) {
        const float *centre = centres + LATENT * rng_below(&rng, CLUSTERS);
        float latent[LATENT];
        for (size_t l = 0; l < LATENT; l++) latent[l] = centre[l] + (float)rng_gauss(&rng);
        for (size_t j = 0; j < dim; j++) {
            float x = 0.3f * (float)rng_gauss(&rng);
            for (size_t l = 0; l < LATENT; l++) x += latent[l] * map[l * dim + j];
            s.rows[i * dim + j] = x;
        }
    }
    free(map);
    free(centres);
    s.vectors = vectors_over(s.rows, count, dim, KERNEL_F32, metric);
    return s;
}

/* The signs of rows as bit vectors of the same dimension, which must be a multiple of 8. */
static inline uint8_t *signs_of(const float *rows, size_t count, uint32_t dim)
{
    uint8_t *bits = calloc(count, dim / 8);
    for (size_t i = 0; i < count * dim; i++) bits[i / 8] |= (uint8_t)((rows[i] > 0.0f) << i % 8);
    return bits;
}

static inline void sample_free(struct sample *s) { free(s->rows); }

static inline int build_image(const struct vectors *vectors, struct index_params params,
                              unsigned threads, struct index_image *image)
{
    struct pool *pool = NULL;
    struct kith_error err = {0};
    if (threads > 1) {
        assert_int_equal(pool_new(os_real(), "test", threads - 1, 0, 64, &pool, &err), 0);
    }
    const struct index_job job = {.os = os_real(), .pool = pool, .threads = threads};
    const int rc = index_ops_find("HNSW")->build(vectors, &params, &job, image, &err);
    pool_free(pool);
    return rc;
}

struct opened {
    struct index_image image; /* owns */
    struct index_view_section views[INDEX_SECTIONS_MAX];
    struct index *index;
};

static inline int image_open(struct opened *o, const struct vectors *vectors)
{
    for (size_t i = 0; i < o->image.count; i++) {
        const struct index_section *s = &o->image.sections[i];
        o->views[i] = (struct index_view_section){s->id, {s->data, s->len, NULL}};
    }
    return index_ops_find("HNSW")->open(os_real(), o->views, o->image.count, vectors, &o->index,
                                        NULL);
}

static inline void opened_make(struct opened *o, const struct vectors *vectors,
                               struct index_params params)
{
    *o = (struct opened){0};
    assert_int_equal(build_image(vectors, params, 1, &o->image), 0);
    assert_int_equal(image_open(o, vectors), 0);
}

static inline void opened_release(struct opened *o)
{
    if (o->index) o->index->ops->close(o->index);
    index_image_release(os_real(), &o->image);
}

static inline size_t search_ids(const struct index *index, const struct index_search *search,
                                struct hit *hits)
{
    size_t count = 0;
    struct kith_error err = {0};
    assert_int_equal(index->ops->search(index, search, hits, &count, &err), 0);
    for (size_t i = 1; i < count; i++) assert_true(hit_less(hits[i - 1], hits[i]));
    return count;
}

/* The share of the true k best (by distance, ties count) that searches find. */
static inline double recall_of(const struct index *index, const struct vectors *vectors,
                               const uint8_t *queries, size_t query_count,
                               struct index_search search)
{
    struct hit hits[64];
    struct hit truth[64];
    size_t found = 0;
    size_t wanted = 0;
    for (size_t q = 0; q < query_count; q++) {
        search.query = queries + q * vectors->stride_bytes;
        search.bound = INFINITY;
        size_t count;
        assert_int_equal(index_scan(vectors, &search, truth, &count, NULL), 0);
        const size_t got = search_ids(index, &search, hits);
        assert_int_equal(got, count);
        wanted += count;
        for (size_t i = 0; i < got; i++) {
            if (search.allowed) assert_true(bitset_get(search.allowed, hits[i].id));
            found += hits[i].distance <= truth[count - 1].distance + 1e-5f;
        }
    }
    return wanted > 0 ? (double)found / (double)wanted : 1.0;
}

#endif
