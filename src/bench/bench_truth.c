/*
 * Exact neighbours by exhaustive scan, certified in double precision.
 *
 * The scan runs in f32 kernels over tiles that stay in cache for a block of queries, and keeps more
 * rows than k. Those are measured again in double precision and sorted. That is exact when no row
 * that was not kept can belong to the k: when the worst kept f32 distance, less the most by which
 * f32 may be wrong (kernel.h), is beyond the k-th exact one. A query for which it is not (many
 * rows tie) is scanned again in double precision altogether.
 *
 * Threading: blocks of queries are independent; each writes its own part of the ids.
 */
#include "bench/bench_truth.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/topk.h"
#include "kernel/kernel.h"

#define BLOCK_QUERIES 16
#define TILE_BYTES ((size_t)256 << 10)
#define TILE_ROWS_MAX 512
#define SPARE_ROWS 64   /* kept beyond k */
#define TIE 1e-6        /* relative */
#define COSINE_NOISE 1e-12 /* 1 - cosine of equal directions is not exactly 0 in doubles */

void bench_truth_release(struct bench_truth *truth)
{
    mem_free(truth->ids);
    *truth = (struct bench_truth){0};
}

/* ---- distances ---- */

static double exact_l2(const float *a, const float *b, size_t dim)
{
    double sum = 0.0;
    for (size_t i = 0; i < dim; i++) {
        const double d = (double)a[i] - (double)b[i];
        sum += d * d;
    }
    return sum;
}

static double exact_dot(const float *a, const float *b, size_t dim)
{
    double sum = 0.0;
    for (size_t i = 0; i < dim; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

static double exact_cosine(const float *a, const float *b, size_t dim)
{
    const double norms = sqrt(exact_dot(a, a, dim)) * sqrt(exact_dot(b, b, dim));
    return norms > 0.0 ? 1.0 - exact_dot(a, b, dim) / norms : 1.0;
}

double bench_distance(const struct bench_problem *problem, size_t query, size_t row)
{
    const float *a = problem->queries + query * problem->dim;
    const float *b = problem->base + row * problem->dim;
    switch (problem->metric) {
    case KITH_IP: return -exact_dot(a, b, problem->dim);
    case KITH_COSINE: return exact_cosine(a, b, problem->dim);
    default: return exact_l2(a, b, problem->dim);
    }
}

/* ---- recall ---- */

double bench_truth_threshold(const struct bench_truth *truth, const struct bench_problem *problem,
                             size_t query, size_t k)
{
    double worst = -INFINITY;
    for (size_t i = 0; i < k; i++) { /* the greatest: a file's order is not relied on */
        const double d = bench_distance(problem, query, truth->ids[query * truth->k + i]);
        if (d > worst) worst = d;
    }
    return worst;
}

size_t bench_found(const struct bench_problem *problem, size_t query, double threshold,
                   const uint32_t *ids, size_t count, size_t k)
{
    const double noise = problem->metric == KITH_COSINE ? COSINE_NOISE : 0.0;
    const double most = threshold + TIE * fabs(threshold) + noise;
    size_t found = 0;
    for (size_t i = 0; i < count && found < k; i++) {
        bool again = false;
        for (size_t j = 0; j < i; j++) again |= ids[j] == ids[i];
        if (again || ids[i] >= problem->base_count) continue;
        found += bench_distance(problem, query, ids[i]) <= most;
    }
    return found;
}

/* ---- the scan ---- */

struct exact {
    double distance;
    uint32_t id;
};

struct scan {
    const struct bench_problem *problem;
    const struct kernel *kernel;
    size_t k;    /* asked for, at most the base */
    size_t keep; /* rows of the f32 scan, >= k */
    size_t tile_rows;
    double base_norm; /* the greatest length of a base vector; for IP only */
    uint32_t *ids;
    struct bench_progress progress;
};

static int by_distance(const void *a, const void *b)
{
    const struct exact *x = a;
    const struct exact *y = b;
    if (x->distance < y->distance) return -1;
    if (x->distance > y->distance) return 1;
    return (x->id > y->id) - (x->id < y->id);
}

static const struct kernel *kernel_of(enum kith_metric metric)
{
    const enum kernel_metric m = metric == KITH_IP       ? KERNEL_DOT
                                 : metric == KITH_COSINE ? KERNEL_COSINE
                                                         : KERNEL_L2;
    return kernel_get(m, KERNEL_F32);
}

/* The most by which the f32 distance `worst` may differ from the exact one, twice over. */
static double f32_error(const struct scan *s, size_t query, double worst)
{
    const struct bench_problem *p = s->problem;
    const float *q = p->queries + query * p->dim;
    if (p->metric == KITH_COSINE) return 4e-5;
    if (p->metric == KITH_IP) return 2e-5 * s->base_norm * sqrt(exact_dot(q, q, p->dim));
    return 2e-5 * worst;
}

static void store(const struct scan *s, size_t query, struct exact *rows, size_t count)
{
    qsort(rows, count, sizeof *rows, by_distance);
    for (size_t i = 0; i < s->k; i++) s->ids[query * s->k + i] = rows[i].id;
}

/* All rows in double precision. */
static int scan_exactly(const struct scan *s, size_t query)
{
    const size_t n = s->problem->base_count;
    struct exact *rows = mem_alloc_array(n, sizeof *rows);
    if (!rows) return KITH_ENOMEM;
    for (size_t i = 0; i < n; i++) {
        rows[i] = (struct exact){bench_distance(s->problem, query, i), (uint32_t)i};
    }
    store(s, query, rows, n);
    mem_free(rows);
    return 0;
}

static int certify(const struct scan *s, size_t query, const struct topk *top, struct exact *rows)
{
    const double worst = (double)topk_bound(top);
    for (size_t i = 0; i < top->count; i++) {
        const uint32_t id = top->hits[i].id;
        rows[i] = (struct exact){bench_distance(s->problem, query, id), id};
    }
    qsort(rows, top->count, sizeof *rows, by_distance);
    const bool all = top->count == s->problem->base_count;
    if (!all && !(rows[s->k - 1].distance < worst - f32_error(s, query, worst))) {
        return scan_exactly(s, query);
    }
    store(s, query, rows, top->count);
    return 0;
}

static void scan_tile(const struct scan *s, size_t query, size_t first, size_t count,
                      struct topk *top)
{
    const struct bench_problem *p = s->problem;
    float distances[TILE_ROWS_MAX];
    s->kernel->many(p->queries + query * p->dim, p->base + first * p->dim, p->dim * sizeof(float),
                    count, p->dim, distances);
    float bound = topk_bound(top);
    for (size_t i = 0; i < count; i++) {
        if (!(distances[i] < bound) && top->count == top->k) continue;
        topk_push(top, (struct hit){distances[i], (uint32_t)(first + i)});
        bound = topk_bound(top);
    }
}

static void scan_block(const struct scan *s, size_t first_query, size_t queries, struct topk *tops)
{
    const size_t n = s->problem->base_count;
    for (size_t row = 0; row < n; row += s->tile_rows) {
        const size_t count = n - row < s->tile_rows ? n - row : s->tile_rows;
        for (size_t q = 0; q < queries; q++) scan_tile(s, first_query + q, row, count, &tops[q]);
    }
}

static int block_task(void *ctx, size_t block)
{
    struct scan *s = ctx;
    const size_t first = block * BLOCK_QUERIES;
    const size_t left = s->problem->query_count - first;
    const size_t queries = left < BLOCK_QUERIES ? left : BLOCK_QUERIES;
    struct topk tops[BLOCK_QUERIES];
    struct hit *room = mem_alloc_array(BLOCK_QUERIES * s->keep, sizeof *room);
    struct exact *rows = mem_alloc_array(s->keep, sizeof *rows);
    int rc = room && rows ? 0 : KITH_ENOMEM;
    if (rc == 0) {
        for (size_t q = 0; q < queries; q++) topk_init(&tops[q], room + q * s->keep, s->keep);
        scan_block(s, first, queries, tops);
    }
    for (size_t q = 0; rc == 0 && q < queries; q++) rc = certify(s, first + q, &tops[q], rows);
    mem_free(room);
    mem_free(rows);
    atomic_fetch_add_explicit(&s->progress.done, queries, memory_order_relaxed);
    if (block % 4 == 0) bench_progress_at(&s->progress, s->progress.done, s->problem->query_count);
    return rc;
}

static double longest(const struct bench_problem *p)
{
    double most = 0.0;
    for (size_t i = 0; i < p->base_count; i++) {
        const float *row = p->base + i * p->dim;
        const double norm = exact_dot(row, row, p->dim);
        if (norm > most) most = norm;
    }
    return sqrt(most);
}

static void scan_init(struct scan *s, const struct bench_problem *problem, size_t k,
                      const struct os *os)
{
    const size_t n = problem->base_count;
    *s = (struct scan){.problem = problem, .kernel = kernel_of(problem->metric)};
    s->k = k < n ? k : n;
    s->keep = s->k + SPARE_ROWS < n ? s->k + SPARE_ROWS : n;
    s->tile_rows = TILE_BYTES / (problem->dim * sizeof(float));
    if (s->tile_rows < 1) s->tile_rows = 1;
    if (s->tile_rows > TILE_ROWS_MAX) s->tile_rows = TILE_ROWS_MAX;
    if (problem->metric == KITH_IP) s->base_norm = longest(problem);
    bench_progress_begin(&s->progress, os, "exact neighbours");
}

int bench_truth_compute(struct bench_truth *truth, const struct bench_problem *problem,
                        const struct os *os, unsigned threads, size_t k, struct kith_error *err)
{
    struct scan s;
    struct pool *pool = NULL;
    scan_init(&s, problem, k, os);
    size_t count;
    if (size_mul(problem->query_count, s.k, &count)) s.ids = mem_alloc_array(count, sizeof *s.ids);
    if (!s.ids) return error_set(err, KITH_ENOMEM, "no memory for exact neighbours");
    int rc = threads > 1 ? pool_new(os, "truth", threads - 1, 0, threads, &pool, err) : 0;
    if (rc == 0) {
        const size_t blocks = (problem->query_count + BLOCK_QUERIES - 1) / BLOCK_QUERIES;
        rc = pool_for(pool, threads, blocks, block_task, &s);
        if (rc) rc = error_set(err, rc, "no memory for exact neighbours");
    }
    pool_free(pool);
    bench_progress_end(&s.progress);
    if (rc) {
        mem_free(s.ids);
        return rc;
    }
    *truth = (struct bench_truth){s.ids, problem->query_count, s.k};
    return 0;
}
