/*
 * Searches through kith.h: plans agree with each other and with a scan, ties come by key, threads
 * change nothing, groups, iterators, queries of another type, EXPLAIN.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <kith/kith.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/rng.h"
#include "engine/engine_fixture.h"

#define DIM 8

static char dir[64];

static int setup(void **state)
{
    (void)state;
    return dir_begin(dir, "search");
}

static int teardown(void **state)
{
    (void)state;
    return dir_end(dir);
}

static struct kith_db *open_db(unsigned threads, uint64_t seal_rows)
{
    struct kith_open_opts opts = KITH_OPEN_OPTS_INIT;
    opts.seal_rows = seal_rows;
    opts.sync = KITH_SYNC_NO;
    opts.threads = threads;
    struct kith_db *db = NULL;
    OK(kith_open(dir, &opts, &db, &why));
    return db;
}

static struct kith_collection *make(struct kith_db *db, enum kith_type type)
{
    struct kith_field fields[4] = { KITH_FIELD_INIT, KITH_FIELD_INIT, KITH_FIELD_INIT,
                                    KITH_FIELD_INIT };
    fields[0] = key_field("id");
    fields[1] = plain_field("v", type);
    fields[1].dim = DIM;
    fields[2] = plain_field("tag", KITH_VARCHAR);
    fields[3] = plain_field("n", KITH_INT32);
    fields[3].flags = KITH_FIELD_NULLABLE;
    struct kith_schema schema = KITH_SCHEMA_INIT;
    schema.fields = fields;
    schema.field_count = 4;
    schema.dynamic = true;
    struct kith_collection *collection = NULL;
    OK(kith_collection_get_or_create(db, NULL, "c", &schema, &collection, &why));
    return collection;
}

/* Ids are shuffled against the order of insertion; `levels` > 0 makes coordinates coarse. */
static int64_t id_of(size_t row) { return (int64_t)((row * 7919u) % 1000003u); }

static void vector_of(size_t row, int levels, float *out)
{
    struct rng rng;
    rng_init(&rng, row + 1);
    for (int i = 0; i < DIM; i++) {
        float x = (float)rng_gauss(&rng);
        out[i] = levels ? (float)((int)(x * 8) % levels) : x;
    }
}

static void put(struct kith_collection *collection, size_t rows, int levels, bool bytes)
{
    static const char *const words[3] = { "red", "green", "blue" };
    int64_t *ids = malloc(rows * sizeof *ids);
    float *vectors = malloc(rows * DIM * sizeof *vectors);
    int8_t *small = malloc(rows * DIM);
    struct kith_str *tags = malloc(rows * sizeof *tags), *meta = malloc(rows * sizeof *meta);
    char(*texts)[32] = malloc(rows * sizeof *texts);
    int32_t *ns = malloc(rows * sizeof *ns);
    uint8_t *valid = malloc(rows);
    for (size_t i = 0; i < rows; i++) {
        ids[i] = id_of(i);
        vector_of(i, levels, vectors + i * DIM);
        for (int d = 0; d < DIM; d++) small[i * DIM + (size_t)d] = (int8_t)vectors[i * DIM + (size_t)d];
        tags[i] = (struct kith_str){ words[i % 3], strlen(words[i % 3]) };
        int len = snprintf(texts[i], sizeof texts[i], "{\"g\":{\"h\":%zu}}", i % 5);
        meta[i] = (struct kith_str){ texts[i], (size_t)len };
        ns[i] = (int32_t)(i % 100);
        valid[i] = i % 11 != 0;
    }
    const struct kith_column columns[5] = { { .field = "id", .data = ids },
                                            { .field = "v", .data = bytes ? (void *)small : vectors },
                                            { .field = "tag", .data = tags },
                                            { .field = "n", .data = ns, .valid = valid },
                                            { .field = "$meta", .data = meta } };
    struct kith_batch batch = KITH_BATCH_INIT;
    batch.rows = rows;
    batch.columns = columns;
    batch.column_count = 5;
    OK(kith_insert(collection, &batch, NULL, NULL, &why));
    free(ids);
    free(vectors);
    free(small);
    free(tags);
    free(meta);
    free(texts);
    free(ns);
    free(valid);
}

static struct kith_search_opts opts_of(const float *queries, size_t count, uint64_t k)
{
    struct kith_search_opts opts = KITH_SEARCH_OPTS_INIT;
    opts.queries = queries;
    opts.query_count = count;
    opts.query_type = KITH_FLOAT_VECTOR;
    opts.k = k;
    return opts;
}

static struct kith_result *search(struct kith_collection *collection,
                                  const struct kith_search_opts *opts)
{
    struct kith_result *result = NULL;
    OK(kith_search(collection, opts, NULL, &result, &why));
    return result;
}

static const int64_t *keys(const struct kith_result *result) { return result->columns[0].data; }

static void assert_ordered(const struct kith_result *result)
{
    for (size_t q = 0; q < result->query_count; q++)
        for (size_t i = result->offsets[q] + 1; i < result->offsets[q + 1]; i++) {
            assert_true(result->distances[i - 1] <= result->distances[i]);
            if (result->distances[i - 1] == result->distances[i])
                assert_true(keys(result)[i - 1] < keys(result)[i]);
        }
}

static void assert_same(const struct kith_result *a, const struct kith_result *b)
{
    assert_int_equal(a->rows, b->rows);
    for (size_t i = 0; i < a->rows; i++) {
        assert_int_equal(keys(a)[i], keys(b)[i]);
        assert_true(a->distances[i] == b->distances[i]);
    }
}

static size_t shared_rows(const struct kith_result *a, const struct kith_result *b)
{
    size_t shared = 0;
    for (size_t i = 0; i < a->rows; i++)
        for (size_t j = 0; j < b->rows; j++) shared += keys(a)[i] == keys(b)[j];
    return shared;
}

/* ---- plans ---- */

static void plans_agree(void **state)
{
    (void)state;
    static const char *const filters[] = { NULL, "n < 1", "n < 10", "n < 50", "tag == 'red'",
                                           "n >= 0" };
    struct kith_db *db = open_db(2, 20000);
    struct kith_collection *collection = make(db, KITH_FLOAT_VECTOR);
    put(collection, 12000, 0, false);
    struct kith_index_params hnsw = KITH_INDEX_PARAMS_INIT;
    hnsw.kind = "HNSW";
    OK(kith_index_create(collection, "v", &hnsw, &why));
    OK(kith_flush(collection, NULL, &why));
    float query[DIM];
    for (size_t f = 0; f < sizeof filters / sizeof *filters; f++) {
        vector_of(1000000 + f, 0, query);
        struct kith_search_opts opts = opts_of(query, 1, 10);
        opts.filter = filters[f];
        opts.exact = true;
        struct kith_result *exact = search(collection, &opts);
        assert_int_equal(exact->rows, 10);
        opts.exact = false;
        for (int plan = KITH_PLAN_AUTO; plan <= KITH_PLAN_OVERFETCH; plan++) {
            opts.plan = (enum kith_plan)plan;
            struct kith_result *result = search(collection, &opts);
            assert_int_equal(result->rows, 10);
            assert_true(shared_rows(result, exact) >= 9);
            assert_ordered(result);
            kith_result_free(result);
        }
        kith_result_free(exact);
    }
    kith_collection_release(collection);
    kith_close(db);
}

/* min(k, matches) rows, whatever the plan, also for more than match. */
static void as_many_as_match(void **state)
{
    (void)state;
    struct kith_db *db = open_db(1, 20000);
    struct kith_collection *collection = make(db, KITH_FLOAT_VECTOR);
    put(collection, 12000, 0, false);
    OK(kith_flush(collection, NULL, &why));
    float query[DIM];
    vector_of(5, 0, query);
    for (int plan = KITH_PLAN_AUTO; plan <= KITH_PLAN_OVERFETCH; plan++) {
        struct kith_search_opts opts = opts_of(query, 1, 5000);
        opts.plan = (enum kith_plan)plan;
        opts.filter = "n == 3 and tag == 'blue'";
        uint64_t matches = 0;
        OK(kith_count(collection, opts.filter, NULL, &matches, &why));
        assert_in_range(matches, 20, 60);
        struct kith_result *result = search(collection, &opts);
        assert_int_equal(result->rows, matches);
        assert_true(result->complete);
        kith_result_free(result);
    }
    kith_collection_release(collection);
    kith_close(db);
}

/* ---- ties ---- */

struct pair { /* of the brute force */
    float distance;
    int64_t id;
};

static int compare_pairs(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    if (x->distance != y->distance) return x->distance < y->distance ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static void brute_force(const float *query, size_t rows, int levels, struct pair *out)
{
    for (size_t i = 0; i < rows; i++) {
        float v[DIM], sum = 0;
        vector_of(i, levels, v);
        for (int d = 0; d < DIM; d++) sum += (v[d] - query[d]) * (v[d] - query[d]);
        out[i] = (struct pair){ sum, id_of(i) };
    }
    qsort(out, rows, sizeof *out, compare_pairs);
}

/* Coordinates are -1, 0 and 1, so nearly every distance has hundreds of rows. */
static void ties_come_by_key(void **state)
{
    (void)state;
    enum { ROWS = 9000 };
    struct kith_db *db = open_db(2, 3000);
    struct kith_collection *collection = make(db, KITH_FLOAT_VECTOR);
    put(collection, ROWS, 2, false);
    struct pair *truth = malloc(ROWS * sizeof *truth);
    float query[DIM] = { 0 };
    brute_force(query, ROWS, 2, truth);
    for (uint64_t k = 1; k <= 3000; k = k * 3 + 1) {
        struct kith_search_opts opts = opts_of(query, 1, k);
        opts.exact = true;
        struct kith_result *result = search(collection, &opts);
        assert_int_equal(result->rows, k);
        for (size_t i = 0; i < k; i++) {
            assert_true(result->distances[i] == truth[i].distance);
            assert_int_equal(keys(result)[i], truth[i].id);
        }
        kith_result_free(result);
    }
    free(truth);
    kith_collection_release(collection);
    kith_close(db);
}

/* ---- threads ---- */

static void threads_change_nothing(void **state)
{
    (void)state;
    enum { QUERIES = 9 };
    float queries[QUERIES * DIM];
    struct kith_result *results[3][2];
    for (size_t q = 0; q < QUERIES; q++) vector_of(77 + q * 13, 3, queries + q * DIM);
    struct kith_db *db = open_db(1, 30000);
    struct kith_collection *collection = make(db, KITH_FLOAT_VECTOR);
    put(collection, 70000, 3, false);
    OK(kith_flush(collection, NULL, &why));
    static const unsigned threads[3] = { 1, 2, 5 };
    for (int t = 0; t < 3; t++) {
        kith_collection_release(collection);
        kith_close(db);
        db = open_db(threads[t], 30000);
        collection = make(db, KITH_FLOAT_VECTOR);
        for (int one = 0; one < 2; one++) {
            struct kith_search_opts opts = opts_of(queries, one ? 1 : QUERIES, 50);
            opts.filter = "n >= 20 or n is null";
            opts.exact = one;
            results[t][one] = search(collection, &opts);
            assert_ordered(results[t][one]);
        }
    }
    for (int t = 1; t < 3; t++)
        for (int one = 0; one < 2; one++) assert_same(results[0][one], results[t][one]);
    for (int t = 0; t < 3; t++)
        for (int one = 0; one < 2; one++) kith_result_free(results[t][one]);
    kith_collection_release(collection);
    kith_close(db);
}

/* ---- groups ---- */

static void check_groups(struct kith_collection *collection, const char *by, uint32_t size,
                         uint64_t k, size_t rows)
{
    float query[DIM];
    vector_of(123456, 0, query);
    struct kith_search_opts opts = opts_of(query, 1, k);
    opts.group_by = by;
    opts.group_size = size;
    opts.strict_group_size = true;
    struct kith_result *result = search(collection, &opts);
    assert_int_equal(result->rows, rows);
    assert_ordered(result);
    kith_result_free(result);
}

static void groups(void **state)
{
    (void)state;
    struct kith_db *db = open_db(2, 2000);
    struct kith_collection *collection = make(db, KITH_FLOAT_VECTOR);
    put(collection, 5000, 0, false);
    check_groups(collection, "tag", 1, 10, 3);
    check_groups(collection, "tag", 4, 2, 8);
    check_groups(collection, "n", 2, 200, 2 * 101); /* 100 values and null */
    check_groups(collection, "g[\"h\"]", 3, 10, 15);
    check_groups(collection, "$meta['g']['h']", 1, 2, 2);
    check_groups(collection, "absent", 2, 5, 2); /* every row is of the one group without */
    float query[DIM];
    vector_of(1, 0, query);
    struct kith_result *result = NULL;
    struct kith_search_opts opts = opts_of(query, 1, 5);
    opts.group_by = "v";
    assert_int_equal(kith_search(collection, &opts, NULL, &result, &why), KITH_EINVAL);
    opts.group_by = "tag";
    opts.has_range = true;
    opts.range_outer = 5;
    assert_int_equal(kith_search(collection, &opts, NULL, &result, &why), KITH_EINVAL);
    assert_string_equal(why.text, "Not allowed to do range-search when doing search-group-by");
    opts.has_range = false;
    opts.group_size = 11;
    assert_int_equal(kith_search(collection, &opts, NULL, &result, &why), KITH_EINVAL);
    kith_collection_release(collection);
    kith_close(db);
}

/* ---- iterators ---- */

/* Every matching row once, though rows are deleted meanwhile; in order when nothing is walked. */
static size_t iterate(struct kith_collection *collection, const struct kith_search_opts *opts,
                      size_t batch, bool ordered, uint8_t *seen)
{
    struct kith_iterator *iterator = NULL;
    OK(kith_search_iterator_open(collection, opts, batch, &iterator, &why));
    size_t total = 0;
    float last = -INFINITY;
    int64_t last_key = -1;
    for (;;) {
        struct kith_result *result = NULL;
        OK(kith_iterator_next(iterator, NULL, &result, &why));
        if (!result) break;
        assert_ordered(result);
        for (size_t i = 0; i < result->rows; i++) {
            assert_false(seen[keys(result)[i]]);
            seen[keys(result)[i]] = 1;
        }
        if (ordered) {
            assert_true(result->distances[0] > last ||
                        (result->distances[0] == last && keys(result)[0] > last_key));
            last = result->distances[result->rows - 1];
            last_key = keys(result)[result->rows - 1];
        }
        if (total == 0) {
            const int64_t victims[2] = { id_of(3), id_of(4) };
            const struct kith_keys doomed = { .count = 2, .ints = victims };
            OK(kith_delete(collection, &doomed, NULL, NULL, &why));
        }
        total += result->rows;
        kith_result_free(result);
    }
    kith_iterator_close(iterator);
    return total;
}

static void iterator_gives_all(void **state)
{
    (void)state;
    struct kith_db *db = open_db(2, 20000);
    struct kith_collection *collection = make(db, KITH_FLOAT_VECTOR);
    put(collection, 12000, 3, false);
    float query[DIM];
    vector_of(99, 3, query);
    uint8_t *seen = calloc(1000003, 1);
    struct kith_search_opts opts = opts_of(query, 1, 0);
    opts.filter = "tag == 'red'";
    assert_int_equal(iterate(collection, &opts, 333, true, seen), 4000);
    OK(kith_flush(collection, NULL, &why));
    memset(seen, 0, 1000003);
    opts.filter = NULL;
    assert_int_equal(iterate(collection, &opts, 100, false, seen), 12000 - 2);
    struct kith_iterator *iterator = NULL;
    opts.group_by = "tag";
    assert_int_equal(kith_search_iterator_open(collection, &opts, 10, &iterator, &why),
                     KITH_EINVAL);
    free(seen);
    kith_collection_release(collection);
    kith_close(db);
}

/* ---- types, explain ---- */

static void floats_for_bytes(void **state)
{
    (void)state;
    struct kith_db *db = open_db(1, 20000);
    struct kith_collection *collection = make(db, KITH_INT8_VECTOR);
    put(collection, 500, 4, true);
    float query[DIM];
    vector_of(42, 4, query);
    struct kith_search_opts opts = opts_of(query, 1, 1);
    struct kith_result *result = search(collection, &opts);
    assert_true(result->distances[0] == 0);
    kith_result_free(result);
    query[3] = 0.5f;
    assert_int_equal(kith_search(collection, &opts, NULL, &result, &why), KITH_EINVAL);
    kith_collection_release(collection);
    kith_close(db);
}

static double number_at(const char *text, const char *key)
{
    struct json_step step = { .key = key, .key_len = strlen(key) };
    struct json_value value;
    assert_int_equal(json_find(text, strlen(text), &step, 1, &value), 0);
    return value.number;
}

static void explains(void **state)
{
    (void)state;
    struct kith_db *db = open_db(2, 20000);
    struct kith_collection *collection = make(db, KITH_FLOAT_VECTOR);
    put(collection, 12000, 0, false);
    OK(kith_flush(collection, NULL, &why));
    float queries[2 * DIM];
    vector_of(1, 0, queries);
    vector_of(2, 0, queries + DIM);
    struct kith_search_opts opts = opts_of(queries, 2, 10);
    opts.filter = "n < 50";
    opts.explain = opts.measure = true;
    struct kith_result *result = search(collection, &opts);
    assert_non_null(result->explain);
    assert_int_equal(json_validate(result->explain, strlen(result->explain), &why), 0);
    assert_true(number_at(result->explain, "recall") >= 0.9);
    uint64_t matches = 0;
    OK(kith_count(collection, opts.filter, NULL, &matches, &why));
    assert_true(number_at(result->explain, "matched") == (double)matches);
    assert_true(number_at(result->explain, "returned") == 20);
    kith_result_free(result);
    opts.explain = false;
    result = search(collection, &opts);
    assert_null(result->explain);
    kith_result_free(result);
    kith_collection_release(collection);
    kith_close(db);
}

/* What a filter on the partition key leaves out changes no answer. */
static void partition_keys(void **state)
{
    (void)state;
    enum { ROWS = 3000 };
    struct kith_field fields[3] = { KITH_FIELD_INIT, KITH_FIELD_INIT, KITH_FIELD_INIT };
    fields[0] = key_field("id");
    fields[1] = vector_field("v", DIM);
    fields[2] = plain_field("user", KITH_INT64);
    fields[2].flags = KITH_FIELD_PARTITION_KEY;
    struct kith_schema schema = KITH_SCHEMA_INIT;
    schema.fields = fields;
    schema.field_count = 3;
    struct kith_db *db = open_db(1, 20000);
    struct kith_collection *collection = NULL;
    OK(kith_collection_get_or_create(db, NULL, "p", &schema, &collection, &why));
    int64_t *ids = malloc(ROWS * sizeof *ids), *users = malloc(ROWS * sizeof *users);
    float *vectors = malloc(ROWS * DIM * sizeof *vectors);
    for (size_t i = 0; i < ROWS; i++) {
        ids[i] = (int64_t)i;
        users[i] = (int64_t)(i % 50);
        vector_of(i, 0, vectors + i * DIM);
    }
    const struct kith_column columns[3] = { { .field = "id", .data = ids },
                                            { .field = "v", .data = vectors },
                                            { .field = "user", .data = users } };
    struct kith_batch batch = KITH_BATCH_INIT;
    batch.rows = ROWS;
    batch.columns = columns;
    batch.column_count = 3;
    OK(kith_insert(collection, &batch, NULL, NULL, &why));
    static const struct { const char *filter; uint64_t rows; } cases[] = {
        { "user == 7", 60 }, { "user in [1, 2, 3, 49]", 240 }, { "user == 7 and id < 100", 2 },
        { "user == 7 or user == 8", 120 }, { "not (user == 7)", 2940 }, { "user in [99]", 0 },
        { "user < 2", 120 }, { "id >= 0 and user in [5, 5, 6]", 120 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t matches = 0;
        OK(kith_count(collection, cases[i].filter, NULL, &matches, &why));
        assert_int_equal(matches, cases[i].rows);
        struct kith_search_opts opts = opts_of(vectors, 1, 5000);
        opts.filter = cases[i].filter;
        opts.output = (struct kith_output){ (const char *const[]){ "user" }, 1 };
        struct kith_result *result = search(collection, &opts);
        assert_int_equal(result->rows, cases[i].rows);
        kith_result_free(result);
    }
    struct kith_query_opts query = KITH_QUERY_OPTS_INIT;
    query.filter = "user == 7";
    query.explain = true;
    struct kith_result *result = NULL;
    OK(kith_query(collection, &query, NULL, &result, &why));
    assert_int_equal(json_validate(result->explain, strlen(result->explain), &why), 0);
    assert_true(number_at(result->explain, "partitions") == 1);
    assert_true(number_at(result->explain, "matched") == 60);
    kith_result_free(result);
    free(ids);
    free(users);
    free(vectors);
    kith_collection_release(collection);
    kith_close(db);
}

/* Whatever allocation fails: an error or the right answer, and nothing leaks (sanitizers). */
static void allocations_fail(void **state)
{
    (void)state;
    struct kith_db *db = open_db(2, 2000);
    struct kith_collection *collection = make(db, KITH_FLOAT_VECTOR);
    put(collection, 5000, 0, false);
    float query[DIM];
    vector_of(7, 0, query);
    struct kith_search_opts opts = opts_of(query, 1, 6);
    opts.filter = "n < 50";
    opts.explain = opts.measure = true;
    for (int grouped = 0; grouped < 2; grouped++) {
        opts.group_by = grouped ? "tag" : NULL;
        const size_t rows = grouped ? 3 : 6;
        bool failed = true;
        for (uint64_t n = 1; failed; n++) {
            struct kith_result *result = NULL;
            alloc_fault_arm(n, false);
            int rc = kith_search(collection, &opts, NULL, &result, &why);
            failed = alloc_fault_count() >= n;
            alloc_fault_disarm();
            if (rc) assert_int_equal(rc, KITH_ENOMEM);
            else assert_int_equal(result->rows, rows);
            kith_result_free(result);
        }
    }
    opts.group_by = NULL;
    opts.k = 0;
    bool failed = true;
    for (uint64_t n = 1; failed; n++) {
        struct kith_iterator *iterator = NULL;
        alloc_fault_arm(n, false);
        int rc = kith_search_iterator_open(collection, &opts, 700, &iterator, &why);
        size_t total = 0, errors = 0;
        for (bool ended = rc != 0; !ended;) {
            struct kith_result *result = NULL;
            rc = kith_iterator_next(iterator, NULL, &result, &why);
            ended = rc == 0 && !result;
            errors += rc != 0;
            assert_true(errors < 10);
            total += result ? result->rows : 0;
            kith_result_free(result);
        }
        failed = alloc_fault_count() >= n;
        alloc_fault_disarm();
        uint64_t matches = 0;
        OK(kith_count(collection, opts.filter, NULL, &matches, &why));
        if (iterator) assert_int_equal(total, matches);
        kith_iterator_close(iterator);
    }
    kith_collection_release(collection);
    kith_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(plans_agree, setup, teardown),
        cmocka_unit_test_setup_teardown(as_many_as_match, setup, teardown),
        cmocka_unit_test_setup_teardown(ties_come_by_key, setup, teardown),
        cmocka_unit_test_setup_teardown(threads_change_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(groups, setup, teardown),
        cmocka_unit_test_setup_teardown(iterator_gives_all, setup, teardown),
        cmocka_unit_test_setup_teardown(floats_for_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(explains, setup, teardown),
        cmocka_unit_test_setup_teardown(partition_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(allocations_fail, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
