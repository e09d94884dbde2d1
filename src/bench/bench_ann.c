/*
 * `kith bench ann`: load, build, save and open, truth, then one point a knob value. And `gt`, which
 * is the truth alone. The engine is reached through kith.h only, as any user reaches it.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "bench/bench_measure.h"

struct session {
    const struct os *os;
    const struct bench_options *options;
    struct bench_input input;
    struct bench_truth truth;
    struct kith_ann *ann; /* owns */
    double *thresholds;   /* owns: one a query */
    struct bench_result result;
};

static void session_release(struct session *s)
{
    kith_ann_free(s->ann);
    mem_free(s->thresholds);
    bench_truth_release(&s->truth);
    bench_input_release(&s->input);
    mem_free(s);
}

/* ---- steps ---- */

static int load(struct session *s, struct kith_error *err)
{
    const int rc = bench_input_load(&s->input, s->os, s->options, err);
    if (rc) return rc;
    const struct bench_problem *p = &s->input.problem;
    size_t shared = 0;
    if (bench_count_shared(p, &shared)) {
        return error_set(err, KITH_ENOMEM, "no memory to compare queries with the base");
    }
    if (shared > 0) {
        fprintf(stderr, "warning: %zu of %zu queries are also rows of the base; recall will look "
                        "better than it is\n", shared, p->query_count);
    }
    struct bench_result *r = &s->result;
    r->options = s->options;
    r->metric = p->metric;
    r->n = p->base_count;
    r->queries = p->query_count;
    r->queries_in_base = shared;
    r->dim = p->dim;
    r->raw_bytes = (uint64_t)p->base_count * p->dim * sizeof(float);
    bench_machine_read(s->os, &r->machine);
    return 0;
}

static void build_progress(void *ctx, uint64_t done, uint64_t total)
{
    bench_progress_at(ctx, done, total);
}

static int build(struct session *s, struct kith_error *err)
{
    const struct bench_options *o = s->options;
    const struct bench_problem *p = &s->input.problem;
    struct bench_progress progress;
    bench_progress_begin(&progress, s->os, "building");
    struct kith_ann_params params = KITH_ANN_PARAMS_INIT;
    params.kind = o->kind;
    params.type = KITH_FLOAT_VECTOR;
    params.metric = p->metric;
    params.dim = p->dim;
    params.m = o->m;
    params.ef_construction = o->ef_construction;
    params.threads = o->build_threads;
    params.progress = build_progress;
    params.progress_ctx = &progress;
    const int64_t start = os_now_us(s->os);
    const int rc = kith_ann_build(&params, p->base, p->base_count, &s->ann, err);
    s->result.build_seconds = (double)(os_now_us(s->os) - start) * 1e-6;
    bench_progress_end(&progress);
    if (rc == 0) s->result.index_bytes = kith_ann_bytes(s->ann);
    return rc;
}

/* From the call of open to the first answer. The file was just written, so it is in the page
 * cache. */
static int time_load(const struct session *s, const char *path, double *ms, struct kith_error *err)
{
    struct kith_ann *ann = NULL;
    uint32_t ids[BENCH_K_MAX];
    float distances[BENCH_K_MAX];
    size_t found;
    const int64_t start = os_now_us(s->os);
    int rc = kith_ann_open(path, false, &ann, err);
    if (rc) return rc;
    rc = kith_ann_search(ann, s->input.problem.queries, s->options->k, 0, ids, distances, &found,
                         NULL, err);
    *ms = (double)(os_now_us(s->os) - start) * 1e-3;
    kith_ann_free(ann);
    return rc;
}

/* A disk that is full or read-only costs this one figure, not the measurement. */
static void measure_load(struct session *s)
{
    char path[OS_PATH_MAX];
    struct kith_error err = {0};
    s->result.load_ms = -1.0;
    const int len = snprintf(path, sizeof path, "%s.bench-%llu.ann", s->options->base_path,
                             (unsigned long long)os_process_id(s->os));
    int rc = len > 0 && (size_t)len < sizeof path ? 0 : KITH_EINVAL;
    if (rc == 0) rc = kith_ann_save(s->ann, path, &err);
    if (rc == 0) {
        rc = time_load(s, path, &s->result.load_ms, &err);
        const int ignored = os_unlink(s->os, path, NULL);
        (void)ignored; /* nothing to do about a file that cannot be removed */
    }
    if (rc) fprintf(stderr, "warning: loading is not measured: %s\n", err.text);
}

/* An HDF5 file of ann-benchmarks holds its truth, for its own queries and its own metric. */
static bool has_own_truth(const struct session *s)
{
    return s->input.base.hdf5 && !s->options->query_path &&
           s->input.base.metric == s->input.problem.metric;
}

static int find_truth(struct session *s, struct kith_error *err)
{
    const struct bench_options *o = s->options;
    const struct bench_problem *p = &s->input.problem;
    const size_t wanted = o->k < p->base_count ? o->k : p->base_count;
    if (o->truth_path || has_own_truth(s)) {
        const char *path = o->truth_path ? o->truth_path : o->base_path;
        const int rc = bench_truth_read(&s->truth, p, s->os, path, "neighbors", err);
        if (rc == 0 && s->truth.k >= wanted) return 0;
        if (o->truth_path) {
            return rc ? rc : error_set(err, KITH_EINVAL, "%s: %zu neighbours a query, not %zu",
                                       path, s->truth.k, wanted);
        }
        bench_truth_release(&s->truth);
    }
    const size_t k = o->k > BENCH_TRUTH_K ? o->k : BENCH_TRUTH_K;
    return bench_truth_cached(&s->truth, p, s->os, o->build_threads, o->base_path, k, err);
}

static int find_thresholds(struct session *s, struct kith_error *err)
{
    const struct bench_problem *p = &s->input.problem;
    const size_t k = s->options->k < p->base_count ? s->options->k : p->base_count;
    s->thresholds = mem_alloc_array(p->query_count, sizeof *s->thresholds);
    if (!s->thresholds) return error_set(err, KITH_ENOMEM, "no memory for exact neighbours");
    for (size_t q = 0; q < p->query_count; q++) {
        s->thresholds[q] = bench_truth_threshold(&s->truth, p, q, k);
    }
    return 0;
}

/* ---- the sweep ---- */

static bool table_is_shown(const struct bench_options *options)
{
    return !options->json_path || strcmp(options->json_path, "-") != 0;
}

static int sweep(struct session *s, struct pool *pool, struct kith_error *err)
{
    const struct bench_options *o = s->options;
    const struct bench_runner runner = {s->os, pool, o->threads, o->repeat, s->ann,
                                        &s->input.problem, o->k, s->thresholds};
    const bool flat = strcmp(o->kind, "FLAT") == 0; /* has no knob: one point */
    const size_t count = flat ? 1 : o->knob_count;
    for (size_t i = 0; i < count; i++) {
        struct bench_point *point = &s->result.points[i];
        const int rc = bench_measure(&runner, flat ? 0 : o->knobs[i], point, err);
        if (rc) return rc;
        s->result.point_count = i + 1;
        if (table_is_shown(o)) bench_report_point(point);
    }
    return 0;
}

static int run_sweep(struct session *s, struct kith_error *err)
{
    struct pool *pool = NULL;
    const unsigned threads = s->options->threads;
    int rc = threads > 1 ? pool_new(s->os, "search", threads - 1, 0, threads, &pool, err) : 0;
    if (rc == 0) rc = sweep(s, pool, err);
    pool_free(pool);
    return rc;
}

static int write_json(const struct session *s, struct kith_error *err)
{
    const char *path = s->options->json_path;
    if (!path) return 0;
    struct buffer out;
    int rc = 0;
    buffer_init(&out);
    bench_report_json(&s->result, &out);
    if (buffer_failed(&out)) rc = error_set(err, KITH_ENOMEM, "no memory to write the results");
    else if (strcmp(path, "-") == 0) fwrite(out.data, 1, out.len, stdout);
    else rc = bench_write(s->os, path, out.data, out.len, err);
    buffer_release(&out);
    return rc;
}

static int run_ann(struct session *s, struct kith_error *err)
{
    int rc = load(s, err);
    if (rc == 0) rc = build(s, err);
    if (rc) return rc;
    measure_load(s);
    rc = find_truth(s, err);
    if (rc == 0) rc = find_thresholds(s, err);
    if (rc) return rc;
    if (table_is_shown(s->options)) bench_report_head(&s->result);
    rc = run_sweep(s, err);
    return rc ? rc : write_json(s, err);
}

/* ---- verbs ---- */

static struct session *session_new(const struct bench_options *options, struct kith_error *err)
{
    struct session *s = mem_zalloc(sizeof *s);
    if (!s) {
        error_set(err, KITH_ENOMEM, "no memory");
        return NULL;
    }
    s->os = os_real();
    s->options = options;
    return s;
}

int bench_ann(const struct bench_options *options, struct kith_error *err)
{
    struct session *s = session_new(options, err);
    if (!s) return KITH_ENOMEM;
    const int rc = run_ann(s, err);
    session_release(s);
    return rc;
}

/* Rows of ivecs: u32 count, then the numbers. */
static int write_ivecs(const struct session *s, size_t k, struct kith_error *err)
{
    const struct bench_truth *t = &s->truth;
    struct buffer out;
    if (k > t->k) k = t->k;
    buffer_init(&out);
    for (size_t q = 0; q < t->query_count; q++) {
        buffer_put_u32(&out, (uint32_t)k);
        buffer_put(&out, t->ids + q * t->k, k * sizeof *t->ids);
    }
    const int rc = buffer_failed(&out)
                       ? error_set(err, KITH_ENOMEM, "no memory to write the neighbours")
                       : bench_write(s->os, s->options->out_path, out.data, out.len, err);
    buffer_release(&out);
    return rc;
}

static int run_gt(struct session *s, struct kith_error *err)
{
    const struct bench_options *o = s->options;
    int rc = load(s, err);
    if (rc) return rc;
    const size_t k = o->k > BENCH_TRUTH_K ? o->k : BENCH_TRUTH_K;
    rc = bench_truth_cached(&s->truth, &s->input.problem, s->os, o->build_threads, o->base_path, k,
                            err);
    if (rc == 0 && o->out_path) rc = write_ivecs(s, k, err);
    if (rc == 0) {
        printf("%zu exact neighbours of each of %zu queries, %s\n", s->truth.k,
               s->truth.query_count, bench_metric_name(s->result.metric));
    }
    return rc;
}

int bench_gt(const struct bench_options *options, struct kith_error *err)
{
    struct session *s = session_new(options, err);
    if (!s) return KITH_ENOMEM;
    const int rc = run_gt(s, err);
    session_release(s);
    return rc;
}
