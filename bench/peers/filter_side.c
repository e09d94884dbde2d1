/*
 * See filter_side.h.
 */
#include "filter_side.h"

#include <stdio.h>

#include "base/alloc.h"
#include "bench/bench_filtered.h"

struct filter_side {
    struct bench_options options;
    struct filtered rows;
    char filter[64], plan[16];
    uint32_t *ids; /* owns: rows of the filter */
};

static int fail(const struct kith_error *err)
{
    fprintf(stderr, "kith: %s\n", err->text);
    return -1;
}

struct filter_side *filter_side_new(const char *base, const char *query, int cosine, size_t k,
                                    size_t queries_max)
{
    struct filter_side *side = mem_zalloc(sizeof *side);
    struct kith_error err = {0};
    if (!side) return NULL;
    side->options = (struct bench_options){.base_path = base, .query_path = query,
                                           .metric = cosine ? KITH_COSINE : KITH_L2,
                                           .index_text = "hnsw", .kind = "HNSW",
                                           .k = (uint32_t)k, .threads = 1, .build_threads = 1,
                                           .repeat = 1};
    if (filtered_open(&side->rows, &side->options, queries_max, &err) == 0) return side;
    (void)fail(&err);
    filter_side_free(side);
    return NULL;
}

void filter_side_free(struct filter_side *side)
{
    if (!side) return;
    filtered_close(&side->rows);
    mem_free(side->ids);
    mem_free(side);
}

size_t filter_side_queries(const struct filter_side *side) { return side->rows.queries; }

const uint32_t *filter_side_filter(struct filter_side *side, const char *kind, int share,
                                   size_t *count)
{
    static const char *const fields[] = {"id"};
    struct kith_query_opts opts = KITH_QUERY_OPTS_INIT;
    struct kith_result *result = NULL;
    struct kith_error err = {0};
    filtered_text(kind, share, side->filter, sizeof side->filter);
    opts.filter = side->filter;
    opts.output.fields = fields;
    opts.output.count = 1;
    if (kith_query(side->rows.collection, &opts, NULL, &result, &err)) {
        (void)fail(&err);
        return NULL;
    }
    mem_free(side->ids);
    side->ids = mem_alloc_array(result->rows + 1, sizeof *side->ids);
    const int64_t *ids = result->columns[0].data;
    for (size_t i = 0; side->ids && i < result->rows; i++) side->ids[i] = (uint32_t)ids[i];
    *count = result->rows;
    kith_result_free(result);
    return side->ids;
}

double filter_side_search(struct filter_side *side, float recall, uint32_t *ids, size_t *counts)
{
    struct kith_result *result = NULL;
    struct kith_error err = {0};
    struct kith_search_opts opts = filtered_opts(&side->rows, side->filter);
    opts.recall = recall;
    const int64_t start = os_now_us(side->rows.os);
    if (kith_search(side->rows.collection, &opts, NULL, &result, &err)) return fail(&err);
    const double seconds = (double)(os_now_us(side->rows.os) - start) * 1e-6;
    const int64_t *keys = result->columns[0].data;
    for (size_t q = 0; q < side->rows.queries; q++) {
        const size_t first = result->offsets[q];
        counts[q] = result->offsets[q + 1] - first;
        for (size_t i = 0; i < counts[q]; i++) ids[q * opts.k + i] = (uint32_t)keys[first + i];
    }
    kith_result_free(result);
    return seconds;
}

const char *filter_side_plan(struct filter_side *side)
{
    struct kith_result *result = NULL;
    struct kith_error err = {0};
    struct kith_search_opts opts = filtered_opts(&side->rows, side->filter);
    uint64_t ef;
    opts.query_count = 1;
    opts.explain = true;
    side->plan[0] = '\0';
    if (kith_search(side->rows.collection, &opts, NULL, &result, &err)) {
        (void)fail(&err);
        return side->plan;
    }
    filtered_plan(result, side->plan, sizeof side->plan, &ef);
    kith_result_free(result);
    return side->plan;
}
