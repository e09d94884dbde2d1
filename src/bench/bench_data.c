/*
 * Loading: the first vector column of a file, converted to f32 (whole numbers of 8 bits are exact
 * in it). And the check that the questions are not in the book: a query that is also a base row
 * makes recall look better than it is.
 */
#include "bench/bench_data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checksum.h"
#include "import/import.h"

#define BATCH_ROWS 4096

/* ---- rows ---- */

static bool is_vector(enum import_kind kind)
{
    return kind == IMPORT_VECTOR_F32 || kind == IMPORT_VECTOR_U8 || kind == IMPORT_VECTOR_I8;
}

static void append(float *out, const void *values, enum import_kind kind, size_t count)
{
    if (kind == IMPORT_VECTOR_F32) {
        memcpy(out, values, count * sizeof *out);
    } else if (kind == IMPORT_VECTOR_U8) {
        for (size_t i = 0; i < count; i++) out[i] = (float)((const uint8_t *)values)[i];
    } else {
        for (size_t i = 0; i < count; i++) out[i] = (float)((const int8_t *)values)[i];
    }
}

static int check_finite(const float *values, size_t rows, uint32_t dim, uint64_t first_row,
                        const char *path, struct kith_error *err)
{
    for (size_t i = 0; i < rows * dim; i++) {
        if (isfinite(values[i])) continue;
        const uint64_t row = first_row + i / dim;
        return error_set_at(err, KITH_EINVAL, row, "%s: vector %llu has an infinity or NaN", path,
                            (unsigned long long)row);
    }
    return 0;
}

static int load_batches(struct bench_vectors *v, struct import_reader *reader, size_t column,
                        const char *path, struct kith_error *err)
{
    const enum import_kind kind = import_describe(reader)->columns[column].kind;
    for (;;) {
        struct import_batch batch;
        int rc = import_next(reader, BATCH_ROWS, &batch, err);
        if (rc || batch.rows == 0) return rc;
        if (batch.columns[column].nulls) {
            return error_set(err, KITH_EINVAL, "%s: some rows have no vector", path);
        }
        const size_t values = batch.rows * v->dim;
        float *out = (float *)(void *)buffer_extend(&v->bytes, values * sizeof(float));
        if (!out) return error_set(err, KITH_ENOMEM, "%s: not enough memory for it", path);
        append(out, batch.columns[column].values, kind, values);
        rc = check_finite(out, batch.rows, v->dim, batch.first_row, path, err);
        if (rc) return rc;
        v->count += batch.rows;
    }
}

static enum kith_metric metric_of(const char *distance)
{
    if (strcmp(distance, "euclidean") == 0) return KITH_L2;
    if (strcmp(distance, "angular") == 0) return KITH_COSINE;
    if (strcmp(distance, "dot") == 0 || strcmp(distance, "ip") == 0) return KITH_IP;
    return KITH_METRIC_DEFAULT;
}

static int load_reader(struct bench_vectors *v, struct import_reader *reader, const char *path,
                       struct kith_error *err)
{
    const struct import_description *about = import_describe(reader);
    size_t column = 0;
    while (column < about->column_count && !is_vector(about->columns[column].kind)) column++;
    if (column == about->column_count) {
        return error_set(err, KITH_EINVAL, "%s: no column holds vectors", path);
    }
    v->dim = about->columns[column].dim;
    v->metric = metric_of(about->distance);
    v->hdf5 = about->format == IMPORT_HDF5;
    size_t bytes;
    if (about->rows != IMPORT_ROWS_UNKNOWN &&
        size_mul(about->rows, v->dim * sizeof(float), &bytes) && buffer_reserve(&v->bytes, bytes)) {
        return error_set(err, KITH_ENOMEM, "%s: not enough memory for %zu bytes", path, bytes);
    }
    return load_batches(v, reader, column, path, err);
}

int bench_vectors_load(struct bench_vectors *vectors, const struct os *os, const char *path,
                       const char *dataset, struct kith_error *err)
{
    const struct import_options options = {.dataset = dataset};
    struct import_reader *reader = NULL;
    struct bench_vectors v = {0};
    int rc = import_open(os, path, &options, &reader, err);
    if (rc) return rc;
    rc = load_reader(&v, reader, path, err);
    import_close(reader);
    if (rc == 0 && v.count == 0) rc = error_set(err, KITH_EINVAL, "%s: it is empty", path);
    if (rc) {
        bench_vectors_release(&v);
        return rc;
    }
    *vectors = v;
    return 0;
}

void bench_vectors_release(struct bench_vectors *vectors)
{
    buffer_release(&vectors->bytes);
    *vectors = (struct bench_vectors){0};
}

/* ---- both files ---- */

int bench_input_load(struct bench_input *input, const struct os *os,
                     const struct bench_options *options, struct kith_error *err)
{
    *input = (struct bench_input){0};
    int rc = bench_vectors_load(&input->base, os, options->base_path, "train", err);
    if (rc) return rc;
    if (!options->query_path && !input->base.hdf5) {
        return error_set(err, KITH_EINVAL, "--query is missing");
    }
    const char *query_path = options->query_path ? options->query_path : options->base_path;
    rc = bench_vectors_load(&input->queries, os, query_path, "test", err);
    if (rc) return rc;
    if (input->base.dim != input->queries.dim) {
        return error_set(err, KITH_EDIM, "base vectors have %u dimensions, queries %u",
                         input->base.dim, input->queries.dim);
    }
    enum kith_metric metric = options->metric ? options->metric : input->base.metric;
    if (metric == KITH_METRIC_DEFAULT) metric = KITH_L2;
    input->problem = (struct bench_problem){
        bench_vectors_rows(&input->base), input->base.count, bench_vectors_rows(&input->queries),
        input->queries.count, input->base.dim, metric};
    return 0;
}

void bench_input_release(struct bench_input *input)
{
    bench_vectors_release(&input->base);
    bench_vectors_release(&input->queries);
}

/* ---- queries in the base ---- */

struct fingerprint {
    uint64_t hash;
    size_t query;
};

static int by_hash(const void *a, const void *b)
{
    const uint64_t x = ((const struct fingerprint *)a)->hash;
    const uint64_t y = ((const struct fingerprint *)b)->hash;
    return (x > y) - (x < y);
}

/* Marks the queries that equal the row; prints are sorted. */
static void mark_equal(const struct bench_problem *p, const struct fingerprint *prints,
                       const float *row, uint8_t *marks)
{
    const size_t bytes = p->dim * sizeof *row;
    const uint64_t hash = hash64(row, bytes, 0);
    size_t low = 0;
    for (size_t high = p->query_count; low < high;) {
        const size_t mid = low + (high - low) / 2;
        if (prints[mid].hash < hash) low = mid + 1;
        else high = mid;
    }
    for (; low < p->query_count && prints[low].hash == hash; low++) {
        const size_t q = prints[low].query;
        if (memcmp(p->queries + q * p->dim, row, bytes) == 0) marks[q] = 1;
    }
}

int bench_count_shared(const struct bench_problem *problem, size_t *count)
{
    const struct bench_problem *p = problem;
    struct fingerprint *prints = mem_alloc_array(p->query_count, sizeof *prints);
    uint8_t *marks = mem_zalloc(p->query_count);
    const bool ready = prints && marks;
    for (size_t q = 0; ready && q < p->query_count; q++) {
        const float *query = p->queries + q * p->dim;
        prints[q] = (struct fingerprint){hash64(query, p->dim * sizeof *query, 0), q};
    }
    if (ready) {
        qsort(prints, p->query_count, sizeof *prints, by_hash);
        for (size_t i = 0; i < p->base_count; i++)
            mark_equal(p, prints, p->base + i * p->dim, marks);
        *count = 0;
        for (size_t q = 0; q < p->query_count; q++) *count += marks[q];
    }
    mem_free(prints);
    mem_free(marks);
    return ready ? 0 : KITH_ENOMEM;
}
