/*
 * `kith bench recall`: whether a recall target is met when nobody sets ef, over the database of
 * bench_filtered.h: without a filter, and under filters that keep .01 to .9 of the rows, without
 * regard to their vectors (rand), in one corner of the space (near) and in the one opposite (far).
 *
 * For each target the database is opened anew, and three things happen. A first call with one
 * query: it finds the width of the walk by rows of the collection, since no queries came yet
 * (`first`: its time and width, and the recall of all queries at that width). A call with all
 * queries: now it goes by them. A third call is what is measured. So that recall is of queries that
 * the target was set by, as in a service that is asked one kind of question all day; the first one
 * is of strangers.
 *
 * Verdicts: `ok` within .01 of the target; `low` below it; above it, `exact` when the rows are
 * scanned, `least` when the walk is no wider than k, and `high` else.
 */
#include <stdio.h>
#include <string.h>

#include "bench/bench_filtered.h"

#define QUERIES_MAX 1000
#define LEEWAY 0.01

static const float targets[] = {0.90f, 0.95f, 0.99f};
static const int shares[] = {10, 100, 500, 900};
static const char *const kinds[] = {"none", "rand", "near", "far"};

struct recall_point {
    const char *kind;
    int share; /* thousandths; 1,000 without a filter */
    double target;
    double first_s, first_recall;
    uint64_t first_ef;
    double recall, qps;
    uint64_t ef;
    char plan[16];
    size_t least_rows; /* of a query */
};

struct recall_bench {
    struct filtered rows;
    const struct bench_options *options;
    struct buffer json;
    size_t points, missed, first_missed;
};

/* ---- searching ---- */

struct asked {
    double seconds, recall;
    size_t least_rows;
    char plan[16];
    uint64_t ef;
};

static int ask(const struct recall_bench *b, const struct kith_search_opts *opts,
               struct asked *out, struct kith_error *err)
{
    struct kith_result *result = NULL;
    const int64_t start = os_now_us(b->rows.os);
    const int rc = kith_search(b->rows.collection, opts, NULL, &result, err);
    if (rc) return rc;
    out->seconds = (double)(os_now_us(b->rows.os) - start) * 1e-6;
    if (opts->query_count == b->rows.queries)
        out->recall = filtered_recall(&b->rows, result, &out->least_rows);
    if (opts->explain) filtered_plan(result, out->plan, sizeof out->plan, &out->ef);
    kith_result_free(result);
    return 0;
}

/* The width that rows of the collection lead to, and what it gives. */
static int measure_first(const struct recall_bench *b, struct kith_search_opts opts,
                         struct recall_point *point, struct kith_error *err)
{
    struct asked first = {0}, all = {0};
    opts.query_count = 1;
    opts.explain = true;
    int rc = ask(b, &opts, &first, err);
    point->first_s = first.seconds;
    point->first_ef = first.ef;
    opts.query_count = b->rows.queries;
    opts.explain = false;
    opts.recall = 0;
    opts.ef = (uint32_t)first.ef;
    if (rc == 0) rc = ask(b, &opts, &all, err);
    point->first_recall = all.recall;
    return rc;
}

static int measure(struct recall_bench *b, const char *filter, struct recall_point *point,
                   struct kith_error *err)
{
    struct kith_search_opts opts = filtered_opts(&b->rows, filter);
    struct asked plan = {0}, all = {0};
    opts.recall = (float)point->target;
    int rc = filtered_reopen(&b->rows, err);
    if (rc == 0) rc = measure_first(b, opts, point, err);
    if (rc == 0) rc = ask(b, &opts, &all, err);
    for (unsigned round = 0; rc == 0 && round < b->options->repeat; round++) {
        rc = ask(b, &opts, &all, err);
        const double qps = (double)b->rows.queries / (all.seconds > 1e-9 ? all.seconds : 1e-9);
        if (qps > point->qps) point->qps = qps;
    }
    opts.query_count = 1;
    opts.explain = true;
    if (rc == 0) rc = ask(b, &opts, &plan, err);
    point->recall = all.recall;
    point->least_rows = all.least_rows;
    point->ef = plan.ef;
    memcpy(point->plan, plan.plan, sizeof point->plan);
    return rc;
}

/* ---- reports ---- */

static const char *verdict(const struct recall_bench *b, const struct recall_point *point,
                           double recall, uint64_t ef)
{
    if (recall < point->target - LEEWAY) return "low";
    if (recall <= point->target + LEEWAY) return "ok";
    if (strcmp(point->plan, "scan") == 0) return "exact";
    return ef <= b->options->k ? "least" : "high";
}

static bool is_miss(const char *verdict)
{
    return strcmp(verdict, "low") == 0 || strcmp(verdict, "high") == 0;
}

static void report_head(struct recall_bench *b)
{
    const struct bench_problem *p = &b->rows.input.problem;
    printf("%s: %zu vectors of %u dimensions, %zu queries, k %u, %u threads\n\n",
           bench_metric_name(p->metric), p->base_count, p->dim, b->rows.queries, b->options->k,
           b->options->threads);
    printf("%-5s %5s %6s  %6s %5s %-10s %9s %-7s  first: %7s %6s %5s %s\n", "rows", "share",
           "target", "recall", "ef", "plan", "qps", "verdict", "seconds", "recall", "ef",
           "verdict");
    buffer_printf(&b->json, "{\"n\":%zu,\"dim\":%u,\"metric\":\"%s\",\"queries\":%zu,\"k\":%u,"
                  "\"threads\":%u,\"points\":[", p->base_count, p->dim,
                  bench_metric_name(p->metric), b->rows.queries, b->options->k,
                  b->options->threads);
}

static void report_point(struct recall_bench *b, const struct recall_point *point)
{
    const char *said = verdict(b, point, point->recall, point->ef);
    const char *first = verdict(b, point, point->first_recall, point->first_ef);
    const double share = point->share / (double)FILTERED_THOUSAND;
    printf("%-5s %5.3f %6.2f  %6.4f %5llu %-10s %9.0f %-7s         %7.2f %6.4f %5llu %s\n",
           point->kind, share, point->target, point->recall, (unsigned long long)point->ef,
           point->plan, point->qps, said, point->first_s, point->first_recall,
           (unsigned long long)point->first_ef, first);
    fflush(stdout);
    buffer_printf(&b->json, "%s\n{\"kind\":\"%s\",\"selectivity\":%g,\"target\":%g,"
                  "\"recall\":%.4f,\"ef\":%llu,\"plan\":\"%s\",\"qps\":%.1f,\"least_rows\":%zu,"
                  "\"verdict\":\"%s\",\"first_seconds\":%.3f,\"first_recall\":%.4f,"
                  "\"first_ef\":%llu,\"first_verdict\":\"%s\"}",
                  b->points ? "," : "", point->kind, share, point->target, point->recall,
                  (unsigned long long)point->ef, point->plan, point->qps,
                  point->least_rows, said, point->first_s, point->first_recall,
                  (unsigned long long)point->first_ef, first);
    b->points++;
    b->missed += is_miss(said);
    b->first_missed += is_miss(first);
}

static int write_report(struct recall_bench *b, struct kith_error *err)
{
    const char *path = b->options->json_path;
    printf("\n%zu of %zu points miss their target, %zu before queries came\n", b->missed, b->points,
           b->first_missed);
    buffer_printf(&b->json, "],\"missed\":%zu,\"first_missed\":%zu}\n", b->missed,
                  b->first_missed);
    if (!path) return 0;
    if (buffer_failed(&b->json)) return error_set(err, KITH_ENOMEM, "no memory for the results");
    return bench_write(b->rows.os, path, b->json.data, b->json.len, err);
}

/* ---- the verb ---- */

static int measure_share(struct recall_bench *b, const char *kind, int share,
                         struct kith_error *err)
{
    char text[64];
    const char *filter = NULL;
    if (share < FILTERED_THOUSAND) {
        filtered_text(kind, share, text, sizeof text);
        filter = text;
    }
    int rc = filtered_truth(&b->rows, filter, err);
    for (size_t t = 0; rc == 0 && t < sizeof targets / sizeof *targets; t++) {
        struct recall_point point = {.kind = kind, .share = share, .target = (double)targets[t]};
        rc = measure(b, filter, &point, err);
        if (rc == 0) report_point(b, &point);
    }
    return rc;
}

static int run(struct recall_bench *b, struct kith_error *err)
{
    int rc = filtered_open(&b->rows, b->options, QUERIES_MAX, err);
    if (rc) return rc;
    report_head(b);
    rc = measure_share(b, kinds[0], FILTERED_THOUSAND, err);
    for (size_t kind = 1; kind < sizeof kinds / sizeof *kinds; kind++)
        for (size_t s = 0; rc == 0 && s < sizeof shares / sizeof *shares; s++)
            rc = measure_share(b, kinds[kind], shares[s], err);
    return rc ? rc : write_report(b, err);
}

int bench_recall(const struct bench_options *options, struct kith_error *err)
{
    struct recall_bench bench = {.options = options};
    buffer_init(&bench.json);
    const int rc = run(&bench, err);
    filtered_close(&bench.rows);
    buffer_release(&bench.json);
    return rc;
}
