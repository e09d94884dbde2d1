/*
 * `kith bench filter`: recall and speed of a filtered search over selectivities, for the planner's
 * choice and for each plan forced, in one run. A cliff is a selectivity at which the choice is much
 * slower than the best of the forced ones, or finds less.
 *
 * The rows go into a database beside the base file (kept, and used again) with two numbers each, in
 * thousandths: `rand`, which has nothing to do with the vector, and `near`, the rank of the row by
 * distance to a pivot, so that a filter on it keeps one corner of the space. `far` is the corner
 * opposite. Truth is an exact search through the same door. Plans take turns, one call with all
 * queries each, and the best round of each counts: other load on the machine hits all alike. With
 * all queries in one call the filter is evaluated once, so what is compared is the searching.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "bench/bench_measure.h"
#include "kernel/kernel.h"

#define THOUSAND 1000
#define INSERT_ROWS ((size_t)20000)
#define PLANS 4 /* auto, scan, walk, overfetch: the numbers of enum kith_plan */
#define QUERIES_MAX 200

static const int shares[] = {1, 10, 100, 500, 900};
static const char *const kinds[] = {"rand", "near", "far"};
static const char *const plan_names[PLANS] = {"auto", "scan", "walk", "overfetch"};

struct plan_point {
    double recall, qps;
    size_t least_rows; /* of a query */
};

struct filter_point {
    const char *kind;
    int share;
    uint64_t matching;
    char chosen[16];
    struct plan_point plans[PLANS];
};

struct filter_bench {
    const struct os *os;
    const struct bench_options *options;
    struct bench_input input;
    struct kith_db *db;                 /* owns */
    struct kith_collection *collection; /* owns */
    size_t queries;
    float *truth; /* owns: the k-th exact distance of each query */
    size_t *due;  /* owns: rows each query has to give */
    struct buffer json;
};

/* ---- rows ---- */

struct ranked_row {
    float distance;
    uint32_t row;
};

static int compare_ranked(const void *a, const void *b)
{
    const struct ranked_row *x = a, *y = b;
    if (x->distance != y->distance) return x->distance < y->distance ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

static int rank_rows(const struct bench_problem *p, int32_t *near_of, struct kith_error *err)
{
    struct ranked_row *list = mem_alloc_array(p->base_count, sizeof *list);
    if (!list) return error_set(err, KITH_ENOMEM, "no memory to rank rows");
    const struct kernel *kernel = kernel_get(p->metric == KITH_L2   ? KERNEL_L2
                                             : p->metric == KITH_IP ? KERNEL_DOT
                                                                    : KERNEL_COSINE,
                                             KERNEL_F32);
    for (size_t i = 0; i < p->base_count; i++) {
        list[i].row = (uint32_t)i;
        list[i].distance = kernel->pair(p->base, p->base + i * p->dim, p->dim);
    }
    qsort(list, p->base_count, sizeof *list, compare_ranked);
    for (size_t i = 0; i < p->base_count; i++)
        near_of[list[i].row] = (int32_t)(i * THOUSAND / p->base_count);
    mem_free(list);
    return 0;
}

/* Every value of 0..999 as often as any other, in no order. */
static int32_t rand_of(size_t row)
{
    uint64_t x = row * UINT64_C(0x9e3779b97f4a7c15);
    x ^= x >> 29;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    return (int32_t)((x >> 32) % THOUSAND);
}

static int insert_part(struct filter_bench *b, const int32_t *near_of, size_t first, size_t rows,
                       struct kith_error *err)
{
    const struct bench_problem *p = &b->input.problem;
    int64_t *ids = mem_alloc_array(rows, sizeof *ids);
    int32_t *rands = mem_alloc_array(rows, sizeof *rands);
    int rc = ids && rands ? 0 : error_set(err, KITH_ENOMEM, "no memory to insert rows");
    for (size_t i = 0; rc == 0 && i < rows; i++) {
        ids[i] = (int64_t)(first + i);
        rands[i] = rand_of(first + i);
    }
    const struct kith_column columns[4] = {{.field = "id", .data = ids},
                                           {.field = "v", .data = p->base + first * p->dim},
                                           {.field = "rand", .data = rands},
                                           {.field = "near", .data = near_of + first}};
    struct kith_batch batch = KITH_BATCH_INIT;
    batch.rows = rows;
    batch.columns = columns;
    batch.column_count = 4;
    if (rc == 0) rc = kith_insert(b->collection, &batch, NULL, NULL, err);
    mem_free(ids);
    mem_free(rands);
    return rc;
}

static int fill(struct filter_bench *b, struct kith_error *err)
{
    const struct bench_problem *p = &b->input.problem;
    struct kith_index_params params = KITH_INDEX_PARAMS_INIT;
    params.kind = "HNSW";
    params.m = b->options->m;
    params.ef_construction = b->options->ef_construction;
    int32_t *near_of = mem_alloc_array(p->base_count, sizeof *near_of);
    if (!near_of) return error_set(err, KITH_ENOMEM, "no memory to rank rows");
    int rc = rank_rows(p, near_of, err);
    if (rc == 0) rc = kith_index_create(b->collection, "v", &params, err);
    for (size_t at = 0; rc == 0 && at < p->base_count; at += INSERT_ROWS) {
        const size_t left = p->base_count - at;
        rc = insert_part(b, near_of, at, left < INSERT_ROWS ? left : INSERT_ROWS, err);
    }
    mem_free(near_of);
    if (rc == 0) rc = kith_flush(b->collection, NULL, err);
    return rc ? rc : kith_compact(b->collection, NULL, err);
}

static int open_collection(struct filter_bench *b, struct kith_error *err)
{
    const struct bench_problem *p = &b->input.problem;
    struct kith_field fields[4] = {KITH_FIELD_INIT, KITH_FIELD_INIT, KITH_FIELD_INIT,
                                   KITH_FIELD_INIT};
    static const char *const names[4] = {"id", "v", "rand", "near"};
    for (size_t f = 0; f < 4; f++) {
        fields[f].name = names[f];
        fields[f].type = KITH_INT32;
    }
    fields[0].type = KITH_INT64;
    fields[0].flags = KITH_FIELD_PRIMARY;
    fields[1].type = KITH_FLOAT_VECTOR;
    fields[1].dim = p->dim;
    fields[1].metric = p->metric;
    struct kith_schema schema = KITH_SCHEMA_INIT;
    schema.fields = fields;
    schema.field_count = 4;
    return kith_collection_get_or_create(b->db, NULL, "bench", &schema, &b->collection, err);
}

static int open_database(struct filter_bench *b, struct kith_error *err)
{
    char path[OS_PATH_MAX];
    const int len = snprintf(path, sizeof path, "%s.filter-bench", b->options->base_path);
    if (len < 0 || (size_t)len >= sizeof path)
        return error_set(err, KITH_EINVAL, "%s: too long a path", b->options->base_path);
    struct kith_open_opts opts = KITH_OPEN_OPTS_INIT;
    opts.threads = b->options->threads;
    opts.sync = KITH_SYNC_NO;
    opts.seal_rows = b->input.problem.base_count + 1;
    opts.seal_bytes = UINT64_C(1) << 32;
    uint64_t rows = 0;
    int rc = kith_open(path, &opts, &b->db, err);
    if (rc == 0) rc = open_collection(b, err);
    if (rc == 0) rc = kith_count(b->collection, NULL, NULL, &rows, err);
    if (rc || rows == b->input.problem.base_count) return rc;
    if (rows != 0)
        return error_set(err, KITH_EINVAL, "%s holds something else; remove it", path);
    fprintf(stderr, "building %s ...\n", path);
    return fill(b, err);
}

/* ---- searching ---- */

static struct kith_search_opts search_opts(const struct filter_bench *b, const char *filter,
                                           size_t plan)
{
    struct kith_search_opts opts = KITH_SEARCH_OPTS_INIT;
    opts.field = "v";
    opts.queries = b->input.problem.queries;
    opts.query_count = b->queries;
    opts.k = b->options->k;
    opts.filter = filter;
    opts.plan = (enum kith_plan)plan;
    return opts;
}

/* The k-th exact distance of each query, and how many rows are due. */
static int find_truth(struct filter_bench *b, const char *filter, struct kith_error *err)
{
    struct kith_result *result = NULL;
    struct kith_search_opts opts = search_opts(b, filter, KITH_PLAN_AUTO);
    opts.exact = true;
    const int rc = kith_search(b->collection, &opts, NULL, &result, err);
    if (rc) return rc;
    for (size_t q = 0; q < b->queries; q++) {
        const size_t end = result->offsets[q + 1];
        b->due[q] = end - result->offsets[q];
        const float kth = b->due[q] ? result->distances[end - 1] : 0;
        b->truth[q] = kth + 1e-5f * fabsf(kth); /* codes that are lossless round otherwise */
    }
    kith_result_free(result);
    return 0;
}

static void score(const struct filter_bench *b, const struct kith_result *result,
                  struct plan_point *out)
{
    double sum = 0;
    out->least_rows = SIZE_MAX;
    for (size_t q = 0; q < b->queries; q++) {
        const size_t rows = result->offsets[q + 1] - result->offsets[q];
        size_t good = 0;
        for (size_t i = result->offsets[q]; i < result->offsets[q + 1]; i++)
            good += result->distances[i] <= b->truth[q];
        if (good > b->due[q]) good = b->due[q];
        sum += b->due[q] ? (double)good / (double)b->due[q] : 1.0;
        if (rows < out->least_rows) out->least_rows = rows;
    }
    out->recall = sum / (double)b->queries;
}

static int measure_plan(const struct filter_bench *b, const char *filter, size_t plan,
                        struct plan_point *out, struct kith_error *err)
{
    struct kith_result *result = NULL;
    const struct kith_search_opts opts = search_opts(b, filter, plan);
    const int64_t start = os_now_us(b->os);
    const int rc = kith_search(b->collection, &opts, NULL, &result, err);
    const double seconds = (double)(os_now_us(b->os) - start) * 1e-6;
    if (rc) return rc;
    const double qps = (double)b->queries / (seconds > 1e-9 ? seconds : 1e-9);
    if (qps > out->qps) out->qps = qps;
    score(b, result, out);
    kith_result_free(result);
    return 0;
}

/* What the planner chose for the largest segment, as EXPLAIN says. */
static int find_chosen(const struct filter_bench *b, struct filter_point *point,
                       const char *filter, struct kith_error *err)
{
    struct kith_result *result = NULL;
    struct kith_search_opts opts = search_opts(b, filter, KITH_PLAN_AUTO);
    opts.query_count = 1;
    opts.explain = true;
    const int rc = kith_search(b->collection, &opts, NULL, &result, err);
    if (rc) return rc;
    const struct json_step steps[3] = {{.key = "segments", .key_len = 8}, {.index = 0},
                                       {.key = "plan", .key_len = 4}};
    struct json_value plan;
    if (result->explain &&
        json_find(result->explain, strlen(result->explain), steps, 3, &plan) == 0 && plan.len > 2)
        (void)snprintf(point->chosen, sizeof point->chosen, "%.*s", (int)(plan.len - 2),
                       plan.text + 1);
    point->matching = result->stats.matched_rows;
    kith_result_free(result);
    return 0;
}

static int measure_point(struct filter_bench *b, struct filter_point *point,
                         struct kith_error *err)
{
    char filter[64];
    const bool far = strcmp(point->kind, "far") == 0;
    (void)snprintf(filter, sizeof filter, "%s %s %d", far ? "near" : point->kind,
                   far ? ">=" : "<", far ? THOUSAND - point->share : point->share);
    int rc = find_truth(b, filter, err);
    if (rc == 0) rc = find_chosen(b, point, filter, err);
    for (unsigned round = 0; rc == 0 && round < b->options->repeat; round++)
        for (size_t plan = 0; rc == 0 && plan < PLANS; plan++)
            rc = measure_plan(b, filter, plan, &point->plans[plan], err);
    return rc;
}

/* ---- reports ---- */

/* Speed of the choice as a share of the better of scan and overfetch that find no less. */
static double ratio_to_best(const struct filter_point *point)
{
    double best = point->plans[KITH_PLAN_SCAN].qps;
    const struct plan_point *over = &point->plans[KITH_PLAN_OVERFETCH];
    if (over->qps > best && over->recall + 0.005 >= fmin(point->plans[0].recall, 0.95))
        best = over->qps;
    return best > 0 ? point->plans[0].qps / best : 1.0;
}

static void report_point(struct filter_bench *b, const struct filter_point *point, bool first)
{
    printf("%-5s %5.3f %8llu %-10s", point->kind, point->share / (double)THOUSAND,
           (unsigned long long)point->matching, point->chosen);
    for (size_t plan = 0; plan < PLANS; plan++)
        printf(" %9.0f %.3f", point->plans[plan].qps, point->plans[plan].recall);
    printf("  %.2f\n", ratio_to_best(point));
    fflush(stdout);
    buffer_printf(&b->json, "%s\n{\"kind\":\"%s\",\"selectivity\":%g,\"matching\":%llu,"
                  "\"chosen\":\"%s\",\"ratio_to_best\":%.3f", first ? "" : ",", point->kind,
                  point->share / (double)THOUSAND, (unsigned long long)point->matching,
                  point->chosen, ratio_to_best(point));
    for (size_t plan = 0; plan < PLANS; plan++)
        buffer_printf(&b->json, ",\"%s\":{\"qps\":%.1f,\"recall\":%.4f,\"least_rows\":%zu}",
                      plan_names[plan], point->plans[plan].qps, point->plans[plan].recall,
                      point->plans[plan].least_rows);
    buffer_printf(&b->json, "}");
}

static void report_head(struct filter_bench *b)
{
    const struct bench_problem *p = &b->input.problem;
    printf("%s: %zu vectors of %u dimensions, %zu queries, k %u, %u threads, best of %u\n\n",
           bench_metric_name(p->metric), p->base_count, p->dim, b->queries, b->options->k,
           b->options->threads, b->options->repeat);
    printf("%-5s %5s %8s %-10s %9s %5s %9s %5s %9s %5s %9s %5s  %s\n", "rows", "share",
           "matching", "chosen", "auto", "rec.", "scan", "rec.", "walk", "rec.", "overfetch",
           "rec.", "of best");
    buffer_printf(&b->json, "{\"n\":%zu,\"dim\":%u,\"metric\":\"%s\",\"queries\":%zu,\"k\":%u,"
                  "\"threads\":%u,\"points\":[", p->base_count, p->dim,
                  bench_metric_name(p->metric), b->queries, b->options->k, b->options->threads);
}

static int write_report(struct filter_bench *b, struct kith_error *err)
{
    const char *path = b->options->json_path;
    buffer_printf(&b->json, "]}\n");
    if (!path) return 0;
    if (buffer_failed(&b->json)) return error_set(err, KITH_ENOMEM, "no memory for the results");
    return bench_write(b->os, path, b->json.data, b->json.len, err);
}

/* ---- the verb ---- */

static int run(struct filter_bench *b, struct kith_error *err)
{
    int rc = bench_input_load(&b->input, b->os, b->options, err);
    if (rc) return rc;
    b->queries = b->input.problem.query_count;
    if (b->queries > QUERIES_MAX) b->queries = QUERIES_MAX;
    b->truth = mem_alloc_array(b->queries, sizeof *b->truth);
    b->due = mem_alloc_array(b->queries, sizeof *b->due);
    if (!b->truth || !b->due) return error_set(err, KITH_ENOMEM, "no memory for exact neighbours");
    if ((rc = open_database(b, err))) return rc;
    report_head(b);
    bool first = true;
    for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
        for (size_t s = 0; s < sizeof shares / sizeof *shares; s++, first = false) {
            struct filter_point point = {.kind = kinds[kind], .share = shares[s]};
            if ((rc = measure_point(b, &point, err))) return rc;
            report_point(b, &point, first);
        }
    }
    return write_report(b, err);
}

int bench_filter(const struct bench_options *options, struct kith_error *err)
{
    struct filter_bench bench = {.os = os_real(), .options = options};
    buffer_init(&bench.json);
    const int rc = run(&bench, err);
    kith_collection_release(bench.collection);
    kith_close(bench.db);
    mem_free(bench.truth);
    mem_free(bench.due);
    buffer_release(&bench.json);
    bench_input_release(&bench.input);
    return rc;
}
