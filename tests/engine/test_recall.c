/*
 * Recall targets: what is measured afterwards lies near what was asked for, without and with a
 * filter, by rows and by queries that came; a higher target takes more; other threads are served
 * meanwhile; failing allocations change nothing.
 */
#include <stdint.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kith/kith.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "engine/engine_fixture.h"
#include "os/pool.h"

enum { ROWS = 20000, DIM = 24, QUERIES = 400, K = 10 };

static struct {
    char dir[64];
    struct kith_db *db;
    struct kith_collection *collection;
    float *rows, *queries;
} t;

static void make_rows(void)
{
    struct rng rng;
    rng_init(&rng, 11);
    t.rows = malloc(sizeof(float) * ROWS * DIM);
    t.queries = malloc(sizeof(float) * QUERIES * DIM);
    assert_true(t.rows && t.queries);
    for (size_t i = 0; i < (size_t)ROWS * DIM; i++) t.rows[i] = (float)rng_gauss(&rng);
    for (size_t i = 0; i < (size_t)QUERIES * DIM; i++) t.queries[i] = (float)rng_gauss(&rng);
}

static int set_up(void **state)
{
    (void)state;
    make_rows();
    if (dir_begin(t.dir, "recall")) return -1;
    struct kith_field fields[] = { KITH_FIELD_INIT, KITH_FIELD_INIT, KITH_FIELD_INIT };
    fields[0] = key_field("id");
    fields[1] = vector_field("v", DIM);
    fields[2] = plain_field("n", KITH_INT64);
    struct kith_schema schema = KITH_SCHEMA_INIT;
    schema.fields = fields;
    schema.field_count = 3;
    struct kith_open_opts opts = KITH_OPEN_OPTS_INIT;
    opts.sync = KITH_SYNC_NO;
    opts.threads = 2;
    OK(kith_open(t.dir, &opts, &t.db, &why));
    OK(kith_collection_get_or_create(t.db, NULL, "c", &schema, &t.collection, &why));
    int64_t *ids = malloc(sizeof(int64_t) * ROWS), *numbers = malloc(sizeof(int64_t) * ROWS);
    assert_true(ids && numbers);
    for (int64_t i = 0; i < ROWS; i++) {
        ids[i] = i;
        numbers[i] = (i * 7919) % 100;
    }
    const struct kith_column columns[] = { { .field = "id", .data = ids },
                                           { .field = "v", .data = t.rows },
                                           { .field = "n", .data = numbers } };
    struct kith_batch batch = KITH_BATCH_INIT;
    batch.rows = ROWS;
    batch.columns = columns;
    batch.column_count = 3;
    OK(kith_insert(t.collection, &batch, NULL, NULL, &why));
    struct kith_index_params params = KITH_INDEX_PARAMS_INIT;
    params.kind = "HNSW";
    params.m = 8;
    params.ef_construction = 60;
    OK(kith_index_create(t.collection, "v", &params, &why));
    OK(kith_flush(t.collection, NULL, &why));
    free(ids);
    free(numbers);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kith_collection_release(t.collection);
    kith_close(t.db);
    free(t.rows);
    free(t.queries);
    return dir_end(t.dir);
}

static struct kith_search_opts search_of(const char *filter, float recall, size_t count)
{
    struct kith_search_opts opts = KITH_SEARCH_OPTS_INIT;
    opts.queries = t.queries;
    opts.query_count = count;
    opts.k = K;
    opts.filter = filter;
    opts.recall = recall;
    return opts;
}

/* The share of the true nearest that a search of all queries finds; distances computed, in the mean. */
static double measure(const char *filter, float target, double *distances, bool *exact)
{
    struct kith_search_opts opts = search_of(filter, 0, QUERIES);
    struct kith_result *truth, *result;
    opts.exact = true;
    OK(kith_search(t.collection, &opts, NULL, &truth, &why));
    opts = search_of(filter, target, QUERIES);
    OK(kith_search(t.collection, &opts, NULL, &result, &why));
    size_t good = 0;
    for (size_t q = 0; q < QUERIES; q++) {
        const float kth = truth->distances[truth->offsets[q + 1] - 1];
        assert_int_equal(result->offsets[q + 1] - result->offsets[q], K);
        for (size_t i = result->offsets[q]; i < result->offsets[q + 1]; i++)
            good += result->distances[i] <= kth * 1.00001F;
    }
    *exact = result->stats.nodes_visited == 0;
    *distances = (double)result->stats.distances / QUERIES;
    kith_result_free(truth);
    kith_result_free(result);
    return (double)good / (QUERIES * K);
}

/* One query at a time: too few to go by, so rows are asked. */
static void test_by_rows(void **state)
{
    (void)state;
    struct kith_search_opts opts = search_of(NULL, 0.9F, 1);
    struct kith_result *result;
    OK(kith_search(t.collection, &opts, NULL, &result, &why));
    const uint64_t at_90 = result->stats.distances;
    kith_result_free(result);
    opts.recall = 0.99F;
    OK(kith_search(t.collection, &opts, NULL, &result, &why));
    assert_true(result->stats.distances > at_90);
    kith_result_free(result);
}

static void test_near_the_target(void **state)
{
    (void)state;
    static const char *const filters[] = { NULL, "n < 50" };
    static const float targets[] = { 0.9F, 0.97F };
    for (size_t f = 0; f < 2; f++) {
        double before = 0, distances;
        bool exact;
        for (size_t i = 0; i < 2; i++) {
            const double recall = measure(filters[f], targets[i], &distances, &exact);
            print_message("filter %s, target %.2f: %.4f\n", filters[f] ? filters[f] : "none",
                          (double)targets[i], recall);
            assert_true(recall >= (double)targets[i] - 0.015);
            if (exact) continue; /* the planner found a scan cheaper than such a walk */
            assert_true(recall <= (double)targets[i] + 0.02);
            assert_true(distances > before);
            before = distances;
        }
    }
}

static int search_once(void *ctx, size_t i)
{
    (void)ctx;
    struct kith_search_opts opts = search_of(i % 2 ? "n < 70" : "n >= 20", 0.93F, 1);
    struct kith_result *result;
    const int rc = kith_search(t.collection, &opts, NULL, &result, NULL);
    if (rc == 0) kith_result_free(result);
    return rc;
}

static void test_threads(void **state)
{
    (void)state;
    struct pool *pool;
    OK(pool_new(os_real(), "callers", 3, 0, 16, &pool, &why));
    assert_int_equal(pool_for(pool, 4, 24, search_once, NULL), 0);
    pool_free(pool);
}

static void test_refused(void **state)
{
    (void)state;
    struct kith_search_opts opts = search_of(NULL, 1.0F, 1);
    struct kith_result *result;
    assert_int_equal(kith_search(t.collection, &opts, NULL, &result, &why), KITH_EINVAL);
    opts.recall = NAN;
    assert_int_equal(kith_search(t.collection, &opts, NULL, &result, &why), KITH_EINVAL);
}

/* A handful of failures, spread over a calibration: its thousands of searches allocate alike. */
static void test_no_memory(void **state)
{
    (void)state;
    for (uint64_t nth = 1; nth < 40000; nth = nth * 3 / 2 + 1) {
        char filter[32];
        (void)snprintf(filter, sizeof filter, "n < %d", 60 + (int)(nth % 31));
        struct kith_search_opts opts = search_of(filter, 0.9F, 1);
        struct kith_result *result;
        alloc_fault_arm(nth, false);
        const int rc = kith_search(t.collection, &opts, NULL, &result, &why);
        alloc_fault_disarm();
        assert_true(rc == 0 || rc == KITH_ENOMEM);
        if (rc == 0) kith_result_free(result);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_rows), cmocka_unit_test(test_near_the_target),
        cmocka_unit_test(test_threads), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
