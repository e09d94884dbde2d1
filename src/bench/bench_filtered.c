/*
 * A database of vectors with two numbers a row, and what a filter's answer is compared with: see
 * bench_filtered.h.
 */
#include "bench/bench_filtered.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "kernel/kernel.h"

#define THOUSAND FILTERED_THOUSAND
#define INSERT_ROWS ((size_t)20000)

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

static int insert_part(struct filtered *b, const int32_t *near_of, size_t first, size_t rows,
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

static int fill(struct filtered *b, struct kith_error *err)
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

static int open_collection(struct filtered *b, struct kith_error *err)
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

static int open_database(struct filtered *b, struct kith_error *err)
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

/* ---- truth ---- */

struct kith_search_opts filtered_opts(const struct filtered *b, const char *filter)
{
    struct kith_search_opts opts = KITH_SEARCH_OPTS_INIT;
    opts.field = "v";
    opts.queries = b->input.problem.queries;
    opts.query_count = b->queries;
    opts.k = b->options->k;
    opts.filter = filter;
    return opts;
}

int filtered_truth(struct filtered *b, const char *filter, struct kith_error *err)
{
    struct kith_result *result = NULL;
    struct kith_search_opts opts = filtered_opts(b, filter);
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

double filtered_recall(const struct filtered *b, const struct kith_result *result, size_t *least)
{
    double sum = 0;
    *least = SIZE_MAX;
    for (size_t q = 0; q < b->queries; q++) {
        const size_t rows = result->offsets[q + 1] - result->offsets[q];
        size_t good = 0;
        for (size_t i = result->offsets[q]; i < result->offsets[q + 1]; i++)
            good += result->distances[i] <= b->truth[q];
        if (good > b->due[q]) good = b->due[q];
        sum += b->due[q] ? (double)good / (double)b->due[q] : 1.0;
        if (rows < *least) *least = rows;
    }
    return sum / (double)b->queries;
}

void filtered_plan(const struct kith_result *result, char *plan, size_t size, uint64_t *ef)
{
    struct json_step steps[3] = {{.key = "segments", .key_len = 8}, {.index = 0},
                                 {.key = "plan", .key_len = 4}};
    struct json_value value;
    const size_t len = result->explain ? strlen(result->explain) : 0;
    *ef = 0;
    *plan = '\0';
    if (len && json_find(result->explain, len, steps, 3, &value) == 0 && value.len > 2)
        (void)snprintf(plan, size, "%.*s", (int)(value.len - 2), value.text + 1);
    steps[2] = (struct json_step){.key = "ef", .key_len = 2};
    if (len && json_find(result->explain, len, steps, 3, &value) == 0 && value.kind == JSON_INT)
        *ef = (uint64_t)value.integer;
}

void filtered_text(const char *kind, int share, char *out, size_t size)
{
    const bool far = strcmp(kind, "far") == 0;
    (void)snprintf(out, size, "%s %s %d", far ? "near" : kind, far ? ">=" : "<",
                   far ? THOUSAND - share : share);
}

/* ---- from open to close ---- */

int filtered_open(struct filtered *b, const struct bench_options *options, size_t queries_max,
                  struct kith_error *err)
{
    *b = (struct filtered){.os = os_real(), .options = options};
    int rc = bench_input_load(&b->input, b->os, options, err);
    if (rc) return rc;
    b->queries = b->input.problem.query_count;
    if (b->queries > queries_max) b->queries = queries_max;
    b->truth = mem_alloc_array(b->queries, sizeof *b->truth);
    b->due = mem_alloc_array(b->queries, sizeof *b->due);
    if (!b->truth || !b->due) return error_set(err, KITH_ENOMEM, "no memory for exact neighbours");
    return open_database(b, err);
}

int filtered_reopen(struct filtered *b, struct kith_error *err)
{
    kith_collection_release(b->collection);
    b->collection = NULL;
    kith_close(b->db);
    b->db = NULL;
    return open_database(b, err);
}

void filtered_close(struct filtered *b)
{
    kith_collection_release(b->collection);
    kith_close(b->db);
    mem_free(b->truth);
    mem_free(b->due);
    bench_input_release(&b->input);
}
