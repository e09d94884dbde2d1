/*
 * Measuring: every thread takes the next query until none is left, notes how long it took, and
 * keeps what came back; recall is counted afterwards, outside the time. A point is measured several
 * times and the best pass counts, because what disturbs a measurement only ever slows it down; the
 * spread of the passes is reported beside it. Percentiles are of all samples of that pass, sorted.
 */
#include "bench/bench_measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

struct pass {
    const struct bench_runner *runner;
    uint32_t knob;
    uint32_t *ids;        /* k a query */
    size_t *found;        /* one a query */
    uint64_t *latency_ns; /* one a query */
    float *distances;     /* k a thread */
    atomic_size_t next;
};

static int worker(void *ctx, size_t thread)
{
    struct pass *pass = ctx;
    const struct bench_runner *r = pass->runner;
    const struct bench_problem *p = r->problem;
    for (;;) {
        const size_t q = atomic_fetch_add_explicit(&pass->next, 1, memory_order_relaxed);
        if (q >= p->query_count) return 0;
        const int64_t start = os_now_ns(r->os);
        const int rc = kith_ann_search(r->ann, p->queries + q * p->dim, r->k, pass->knob,
                                       pass->ids + q * r->k, pass->distances + thread * r->k,
                                       &pass->found[q], NULL, NULL);
        const int64_t took = os_now_ns(r->os) - start;
        if (rc) return rc;
        pass->latency_ns[q] = (uint64_t)took;
    }
}

static int by_value(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

uint64_t bench_percentile(const uint64_t *sorted, size_t count, double share)
{
    const size_t rank = (size_t)ceil(share * (double)count);
    return sorted[rank > 0 ? (rank <= count ? rank - 1 : count - 1) : 0];
}

/* One pass over all queries; the better of it and `best` becomes `best`. */
static int run_pass(struct pass *pass, struct bench_point *best, double *worst_qps,
                    struct kith_error *err)
{
    const struct bench_runner *r = pass->runner;
    const size_t count = r->problem->query_count;
    atomic_store_explicit(&pass->next, 0, memory_order_relaxed);
    const int64_t start = os_now_ns(r->os);
    const int rc = pool_for(r->pool, r->threads, r->threads, worker, pass);
    const int64_t took = os_now_ns(r->os) - start;
    if (rc) return error_set(err, rc, "a search failed: %s", error_name(rc));
    const double qps = (double)count * 1e9 / (double)(took > 0 ? took : 1);
    if (qps < *worst_qps) *worst_qps = qps;
    if (qps <= best->qps) return 0;
    qsort(pass->latency_ns, count, sizeof *pass->latency_ns, by_value);
    best->qps = qps;
    best->p50_us = (double)bench_percentile(pass->latency_ns, count, 0.50) * 1e-3;
    best->p99_us = (double)bench_percentile(pass->latency_ns, count, 0.99) * 1e-3;
    return 0;
}

static void count_recall(const struct pass *pass, struct bench_point *point)
{
    const struct bench_runner *r = pass->runner;
    const size_t wanted = r->k < r->problem->base_count ? r->k : r->problem->base_count;
    const size_t queries = r->problem->query_count;
    size_t found = 0;
    for (size_t q = 0; q < queries; q++) {
        found += bench_found(r->problem, q, r->thresholds[q], pass->ids + q * r->k, pass->found[q],
                             wanted);
        point->short_answers += pass->found[q] < wanted;
    }
    point->recall = (double)found / (double)(queries * wanted);
}

static int measure(struct pass *pass, struct bench_point *point, struct kith_error *err)
{
    double worst_qps = INFINITY;
    for (unsigned i = 0; i < pass->runner->repeat; i++) {
        const int rc = run_pass(pass, point, &worst_qps, err);
        if (rc) return rc;
    }
    point->spread = point->qps > 0 ? (point->qps - worst_qps) / point->qps : 0.0;
    count_recall(pass, point);
    return 0;
}

int bench_measure(const struct bench_runner *runner, uint32_t knob, struct bench_point *out,
                  struct kith_error *err)
{
    const size_t queries = runner->problem->query_count;
    struct bench_point point = {.knob = knob};
    struct pass pass = {.runner = runner, .knob = knob};
    size_t count;
    if (size_mul(queries, runner->k, &count)) pass.ids = mem_alloc_array(count, sizeof *pass.ids);
    pass.found = mem_alloc_array(queries, sizeof *pass.found);
    pass.latency_ns = mem_alloc_array(queries, sizeof *pass.latency_ns);
    pass.distances = mem_alloc_array(runner->threads * runner->k, sizeof *pass.distances);
    int rc = 0;
    if (!pass.ids || !pass.found || !pass.latency_ns || !pass.distances) {
        rc = error_set(err, KITH_ENOMEM, "no memory for the answers");
    }
    if (rc == 0) rc = measure(&pass, &point, err);
    mem_free(pass.ids);
    mem_free(pass.found);
    mem_free(pass.latency_ns);
    mem_free(pass.distances);
    if (rc == 0) *out = point;
    return rc;
}
