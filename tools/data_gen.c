/*
 * The `gen` set: vectors that are as hard as real ones, for sizes that no download reaches.
 *
 * Uniform random vectors have no neighbours worth the name, and well separated clusters are
 * trivial. Real embeddings lie near a low-dimensional surface with clusters that overlap, so:
 *
 *     z = centre[c] + spread[c] * g          g ~ N(0, I), `latent` components
 *     x = A z + noise * h                    h ~ N(0, I), `dim` components
 *
 * with A a random dim x latent matrix of columns of about length 1, centres ~ N(0, I), spread per
 * cluster uniform in [1.0, 2.5] (clusters overlap and differ in density) and cluster weights that
 * fall as 1 / (1 + 4 c / clusters). The noise gives every vector full rank, as a real embedding.
 *
 * Each row has a random stream of its own, seeded by (seed, row): the first n rows of a set are
 * the same whatever N is, and the queries, which are the last rows, are of the same distribution.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "make_data.h"

#define NOISE 0.3

struct mixture {
    const struct gen_options *options; /* borrows */
    float *projection; /* owns; latent rows of dim */
    float *centres;    /* owns; clusters rows of latent */
    float *spread;     /* owns; one a cluster */
    double *weight;    /* owns; cumulative, the last is 1 */
};

static void mixture_init(struct mixture *m, const struct gen_options *options)
{
    struct rng rng;
    size_t projection = (size_t)options->latent * options->dim;
    size_t centres = (size_t)options->clusters * options->latent;
    rng_init(&rng, options->seed);
    m->options = options;
    m->projection = data_alloc(projection, sizeof *m->projection);
    m->centres = data_alloc(centres, sizeof *m->centres);
    m->spread = data_alloc(options->clusters, sizeof *m->spread);
    m->weight = data_alloc(options->clusters, sizeof *m->weight);
    double column = 1 / sqrt((double)options->dim), total = 0;
    for (size_t i = 0; i < projection; i++) m->projection[i] = (float)(rng_gauss(&rng) * column);
    for (size_t i = 0; i < centres; i++) m->centres[i] = (float)rng_gauss(&rng);
    for (uint32_t c = 0; c < options->clusters; c++) {
        m->spread[c] = (float)(1.0 + 1.5 * rng_f64(&rng));
        total += 1 / (1 + 4.0 * c / options->clusters);
        m->weight[c] = total;
    }
    for (uint32_t c = 0; c < options->clusters; c++) m->weight[c] /= total;
}

static void mixture_release(struct mixture *m)
{
    free(m->projection);
    free(m->centres);
    free(m->spread);
    free(m->weight);
}

static uint32_t pick_cluster(const struct mixture *m, double u)
{
    uint32_t low = 0, high = m->options->clusters - 1;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (m->weight[mid] < u) low = mid + 1;
        else high = mid;
    }
    return low;
}

static void normalise(float *x, uint32_t dim)
{
    double norm2 = 0;
    for (uint32_t d = 0; d < dim; d++) norm2 += (double)x[d] * x[d];
    double scale = norm2 > 0 ? 1 / sqrt(norm2) : 0;
    for (uint32_t d = 0; d < dim; d++) x[d] = (float)(x[d] * scale);
}

static void mixture_row(const struct mixture *m, uint64_t row, float *x)
{
    const struct gen_options *o = m->options;
    struct rng rng;
    rng_init(&rng, rng_mix(o->seed ^ rng_mix(row + 1)));
    uint32_t c = pick_cluster(m, rng_f64(&rng));
    double noise = NOISE * sqrt((double)o->latent / o->dim);
    for (uint32_t d = 0; d < o->dim; d++) x[d] = (float)(noise * rng_gauss(&rng));
    for (uint32_t l = 0; l < o->latent; l++) {
        float z = m->centres[(size_t)c * o->latent + l] + m->spread[c] * (float)rng_gauss(&rng);
        const float *a = m->projection + (size_t)l * o->dim;
        for (uint32_t d = 0; d < o->dim; d++) x[d] += z * a[d];
    }
    if (o->normalise) normalise(x, o->dim);
}

static void write_rows(const struct mixture *m, uint64_t from, uint64_t to, const char *dir,
                       const char *name)
{
    float *x = data_alloc(m->options->dim, sizeof *x);
    FILE *file = data_create(dir, name);
    for (uint64_t row = from; row < to; row++) {
        mixture_row(m, row, x);
        data_put_fvec(file, x, m->options->dim);
    }
    data_finish(file, name);
    free(x);
}

void make_gen(const struct gen_options *options, const char *dir)
{
    struct mixture m;
    uint64_t queries = options->rows / 10 < DATA_QUERIES ? options->rows / 10 : DATA_QUERIES;
    uint64_t base = options->rows - queries;
    mixture_init(&m, options);
    write_rows(&m, 0, base, dir, "base.fvecs");
    write_rows(&m, base, options->rows, dir, "query.fvecs");
    mixture_release(&m);
    printf("gen: %llu base, %llu queries, dim %u\n", (unsigned long long)base,
           (unsigned long long)queries, options->dim);
}
