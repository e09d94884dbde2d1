/*
 * `kith bench filter`: recall and speed of a filtered search over selectivities, for the planner's
 * choice and for each plan forced, in one run, over the database of bench_filtered.h. A cliff is a
 * selectivity at which the choice is much slower than the best of the forced ones, or finds less.
 *
 * Plans take turns, one call with all queries each, and the best round of each counts: other load
 * on the machine hits all alike. With all queries in one call the filter is evaluated once, so what
 * is compared is the searching.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bench/bench_filtered.h"

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
    struct filtered rows;
    const struct bench_options *options;
    struct buffer json;
};

static int measure_plan(const struct filter_bench *b, const char *filter, size_t plan,
                        struct plan_point *out, struct kith_error *err)
{
    struct kith_result *result = NULL;
    struct kith_search_opts opts = filtered_opts(&b->rows, filter);
    opts.plan = (enum kith_plan)plan;
    const int64_t start = os_now_us(b->rows.os);
    const int rc = kith_search(b->rows.collection, &opts, NULL, &result, err);
    const double seconds = (double)(os_now_us(b->rows.os) - start) * 1e-6;
    if (rc) return rc;
    const double qps = (double)b->rows.queries / (seconds > 1e-9 ? seconds : 1e-9);
    if (qps > out->qps) out->qps = qps;
    out->recall = filtered_recall(&b->rows, result, &out->least_rows);
    kith_result_free(result);
    return 0;
}

/* What the planner chose for the largest segment, as EXPLAIN says. */
static int find_chosen(const struct filter_bench *b, struct filter_point *point,
                       const char *filter, struct kith_error *err)
{
    struct kith_result *result = NULL;
    struct kith_search_opts opts = filtered_opts(&b->rows, filter);
    opts.query_count = 1;
    opts.explain = true;
    const int rc = kith_search(b->rows.collection, &opts, NULL, &result, err);
    if (rc) return rc;
    uint64_t ef;
    filtered_plan(result, point->chosen, sizeof point->chosen, &ef);
    point->matching = result->stats.matched_rows;
    kith_result_free(result);
    return 0;
}

static int measure_point(struct filter_bench *b, struct filter_point *point,
                         struct kith_error *err)
{
    char filter[64];
    filtered_text(point->kind, point->share, filter, sizeof filter);
    int rc = filtered_truth(&b->rows, filter, err);
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
    printf("%-5s %5.3f %8llu %-10s", point->kind, point->share / (double)FILTERED_THOUSAND,
           (unsigned long long)point->matching, point->chosen);
    for (size_t plan = 0; plan < PLANS; plan++)
        printf(" %9.0f %.3f", point->plans[plan].qps, point->plans[plan].recall);
    printf("  %.2f\n", ratio_to_best(point));
    fflush(stdout);
    buffer_printf(&b->json, "%s\n{\"kind\":\"%s\",\"selectivity\":%g,\"matching\":%llu,"
                  "\"chosen\":\"%s\",\"ratio_to_best\":%.3f", first ? "" : ",", point->kind,
                  point->share / (double)FILTERED_THOUSAND, (unsigned long long)point->matching,
                  point->chosen, ratio_to_best(point));
    for (size_t plan = 0; plan < PLANS; plan++)
        buffer_printf(&b->json, ",\"%s\":{\"qps\":%.1f,\"recall\":%.4f,\"least_rows\":%zu}",
                      plan_names[plan], point->plans[plan].qps, point->plans[plan].recall,
                      point->plans[plan].least_rows);
    buffer_printf(&b->json, "}");
}

static void report_head(struct filter_bench *b)
{
    const struct bench_problem *p = &b->rows.input.problem;
    printf("%s: %zu vectors of %u dimensions, %zu queries, k %u, %u threads, best of %u\n\n",
           bench_metric_name(p->metric), p->base_count, p->dim, b->rows.queries, b->options->k,
           b->options->threads, b->options->repeat);
    printf("%-5s %5s %8s %-10s %9s %5s %9s %5s %9s %5s %9s %5s  %s\n", "rows", "share",
           "matching", "chosen", "auto", "rec.", "scan", "rec.", "walk", "rec.", "overfetch",
           "rec.", "of best");
    buffer_printf(&b->json, "{\"n\":%zu,\"dim\":%u,\"metric\":\"%s\",\"queries\":%zu,\"k\":%u,"
                  "\"threads\":%u,\"points\":[", p->base_count, p->dim,
                  bench_metric_name(p->metric), b->rows.queries, b->options->k,
                  b->options->threads);
}

static int write_report(struct filter_bench *b, struct kith_error *err)
{
    const char *path = b->options->json_path;
    buffer_printf(&b->json, "]}\n");
    if (!path) return 0;
    if (buffer_failed(&b->json)) return error_set(err, KITH_ENOMEM, "no memory for the results");
    return bench_write(b->rows.os, path, b->json.data, b->json.len, err);
}

/* ---- the verb ---- */

static int run(struct filter_bench *b, struct kith_error *err)
{
    int rc = filtered_open(&b->rows, b->options, QUERIES_MAX, err);
    if (rc) return rc;
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
    struct filter_bench bench = {.options = options};
    buffer_init(&bench.json);
    const int rc = run(&bench, err);
    filtered_close(&bench.rows);
    buffer_release(&bench.json);
    return rc;
}
