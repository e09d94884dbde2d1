/*
 * Hybrid searches against a naive merge of what kith_search finds: rows in growing and sealed
 * segments, filters of their own, every ranker, groups, offsets, refusals.
 */
#include <stdint.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kith/kith.h>

#include "base/rng.h"
#include "engine/engine_fixture.h"

enum { ROWS = 300, DIM = 4, QUERIES = 3, K = 12 };

static struct {
    char dir[64];
    struct kith_db *db;
    struct kith_collection *collection;
    float a[ROWS][DIM], b[ROWS][DIM];
    int64_t ids[ROWS], year[ROWS];
    float queries[2][QUERIES][DIM];
} t;

static void insert(size_t from, size_t count)
{
    const struct kith_column columns[] = { { .field = "id", .data = t.ids + from },
                                           { .field = "a", .data = t.a[from] },
                                           { .field = "b", .data = t.b[from] },
                                           { .field = "year", .data = t.year + from } };
    struct kith_batch batch = KITH_BATCH_INIT;
    batch.rows = count;
    batch.columns = columns;
    batch.column_count = 4;
    OK(kith_insert(t.collection, &batch, NULL, NULL, &why));
}

static int set_up(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 7);
    for (size_t i = 0; i < ROWS; i++) {
        t.ids[i] = (int64_t)((i * 7919) % 1000);
        t.year[i] = 2000 + (int64_t)rng_below(&rng, 20);
        for (size_t d = 0; d < DIM; d++) {
            t.a[i][d] = (float)rng_gauss(&rng);
            t.b[i][d] = (float)rng_gauss(&rng);
        }
    }
    for (size_t i = 0; i < 2 * QUERIES * DIM; i++) (&t.queries[0][0][0])[i] = (float)rng_gauss(&rng);
    if (dir_begin(t.dir, "hybrid")) return -1;
    struct kith_field fields[] = { KITH_FIELD_INIT, KITH_FIELD_INIT, KITH_FIELD_INIT,
                                   KITH_FIELD_INIT };
    fields[0] = key_field("id");
    fields[1].name = "a";
    fields[2].name = "b";
    fields[1].type = fields[2].type = KITH_FLOAT_VECTOR;
    fields[1].dim = fields[2].dim = DIM;
    fields[1].metric = KITH_L2;
    fields[2].metric = KITH_IP;
    fields[3] = plain_field("year", KITH_INT64);
    struct kith_schema schema = KITH_SCHEMA_INIT;
    schema.fields = fields;
    schema.field_count = 4;
    struct kith_open_opts opts = KITH_OPEN_OPTS_INIT;
    opts.sync = KITH_SYNC_NO;
    OK(kith_open(t.dir, &opts, &t.db, &why));
    OK(kith_collection_get_or_create(t.db, NULL, "c", &schema, &t.collection, &why));
    insert(0, ROWS / 2);
    OK(kith_flush(t.collection, NULL, &why));
    insert(ROWS / 2, ROWS - ROWS / 2);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kith_collection_release(t.collection);
    kith_close(t.db);
    return dir_end(t.dir);
}

static void two_searches(struct kith_search_opts out[2])
{
    for (int i = 0; i < 2; i++) {
        out[i] = (struct kith_search_opts)KITH_SEARCH_OPTS_INIT;
        out[i].field = i ? "b" : "a";
        out[i].queries = t.queries[i];
        out[i].query_count = QUERIES;
        out[i].k = 40;
        out[i].filter = i ? "year >= 2003" : NULL;
    }
}

/* ---- the naive merge ---- */

struct scored {
    int64_t id, year;
    double score;
    unsigned seen;
};

static int compare(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;
    const float p = (float)x->score, q = (float)y->score;
    if (p != q) return p > q ? -1 : 1;
    return x->id < y->id ? -1 : 1;
}

static int64_t year_of(int64_t id)
{
    for (size_t i = 0; i < ROWS; i++)
        if (t.ids[i] == id) return t.year[i];
    fail();
    return 0;
}

typedef double (*term)(size_t search, size_t rank, double distance);

static size_t merge(size_t query, term term_of, struct scored *out)
{
    struct kith_search_opts searches[2];
    two_searches(searches);
    size_t count = 0;
    for (size_t s = 0; s < 2; s++) {
        struct kith_result *result;
        OK(kith_search(t.collection, &searches[s], NULL, &result, &why));
        const int64_t *ids = result->columns[0].data;
        for (size_t i = result->offsets[query]; i < result->offsets[query + 1]; i++) {
            size_t at = 0;
            while (at < count && out[at].id != ids[i]) at++;
            if (at == count) out[count++] = (struct scored){ .id = ids[i], .year = year_of(ids[i]) };
            out[at].score +=
                term_of(s, i - result->offsets[query], (double)result->distances[i]);
            out[at].seen++;
        }
        kith_result_free(result);
    }
    qsort(out, count, sizeof *out, compare);
    return count;
}

static void expect(const struct kith_hybrid_opts *opts, term term_of)
{
    struct kith_result *result;
    OK(kith_hybrid_search(t.collection, opts, NULL, &result, &why));
    assert_int_equal(result->query_count, QUERIES);
    assert_true(result->complete);
    const int64_t *ids = result->columns[0].data, *years = result->columns[1].data;
    for (size_t q = 0; q < QUERIES; q++) {
        struct scored rows[2 * ROWS];
        const size_t count = merge(q, term_of, rows);
        const size_t from = (size_t)opts->offset;
        const size_t expected = count > from + opts->k ? (size_t)opts->k : count - from;
        assert_int_equal(result->offsets[q + 1] - result->offsets[q], expected);
        for (size_t i = 0; i < expected; i++) {
            const size_t at = result->offsets[q] + i;
            assert_int_equal(ids[at], rows[from + i].id);
            assert_int_equal(years[at], rows[from + i].year);
            assert_true(fabs((double)result->distances[at] - rows[from + i].score) < 1e-5);
        }
    }
    kith_result_free(result);
}

static double rrf(size_t search, size_t rank, double distance)
{
    (void)search;
    (void)distance;
    return 1 / (61.0 + (double)rank);
}
static double weighted(size_t search, size_t rank, double distance)
{
    (void)rank;
    return search ? 0.25 * (0.5 + atan(-distance) / M_PI) : 0.75 * (1 - 2 * atan(distance) / M_PI);
}

static void prepare(struct kith_hybrid_opts *opts, struct kith_search_opts searches[2])
{
    static const char *const output[] = { "year" };
    two_searches(searches);
    *opts = (struct kith_hybrid_opts)KITH_HYBRID_OPTS_INIT;
    opts->searches = searches;
    opts->search_count = 2;
    opts->k = K;
    opts->output = (struct kith_output){ output, 1 };
}

static void test_merges(void **state)
{
    (void)state;
    struct kith_search_opts searches[2];
    struct kith_hybrid_opts opts;
    prepare(&opts, searches);
    expect(&opts, rrf);
    opts.offset = 5;
    expect(&opts, rrf);
    const double weights[] = { 0.75, 0.25 };
    opts.ranker.kind = KITH_RANK_WEIGHTED;
    opts.ranker.weights = weights;
    opts.ranker.weight_count = 2;
    opts.ranker.normalise = true;
    expect(&opts, weighted);
}

static void test_decay_and_boost(void **state)
{
    (void)state;
    struct kith_search_opts searches[2];
    struct kith_hybrid_opts opts;
    prepare(&opts, searches);
    opts.ranker.kind = KITH_RANK_DECAY;
    opts.ranker.decay_field = "year";
    opts.ranker.origin = 2010;
    opts.ranker.scale = 0.001; /* everything but 2010 goes to 0 */
    opts.ranker.score_mode = KITH_SCORE_SUM;
    struct kith_result *result;
    OK(kith_hybrid_search(t.collection, &opts, NULL, &result, &why));
    const int64_t *years = result->columns[1].data;
    size_t hits = 0;
    for (size_t i = 0; i < result->rows; i++) {
        assert_true((years[i] == 2010) == (result->distances[i] > 0));
        hits += years[i] == 2010;
    }
    assert_true(hits > 0);
    kith_result_free(result);

    const struct kith_boost boosts[] = { { .filter = "year == {y}", .filter_params = "{\"y\": 2011}",
                                           .weight = 1000 } };
    opts.ranker = (struct kith_ranker)KITH_RANKER_INIT;
    opts.ranker.kind = KITH_RANK_BOOST;
    opts.ranker.boosts = boosts;
    opts.ranker.boost_count = 1;
    opts.searches = &searches[1]; /* inner product: larger is better */
    opts.search_count = 1;
    OK(kith_hybrid_search(t.collection, &opts, NULL, &result, &why));
    years = result->columns[1].data;
    for (size_t q = 0; q < QUERIES; q++) {
        bool others = false;
        for (size_t i = result->offsets[q]; i < result->offsets[q + 1]; i++) {
            if (result->distances[i] <= 0) break;
            assert_false(years[i] == 2011 && others);
            others = others || years[i] != 2011;
        }
    }
    kith_result_free(result);
}

static void test_groups(void **state)
{
    (void)state;
    struct kith_search_opts searches[2];
    struct kith_hybrid_opts opts;
    prepare(&opts, searches);
    opts.group_by = "year";
    opts.group_size = 2;
    opts.k = 4;
    struct kith_result *result;
    OK(kith_hybrid_search(t.collection, &opts, NULL, &result, &why));
    const int64_t *years = result->columns[1].data;
    for (size_t q = 0; q < QUERIES; q++) {
        size_t groups = 0;
        for (size_t i = result->offsets[q]; i < result->offsets[q + 1]; groups++) {
            const size_t first = i;
            for (size_t j = result->offsets[q]; j < first; j++) assert_true(years[j] != years[i]);
            while (i < result->offsets[q + 1] && years[i] == years[first]) i++;
            assert_true(i - first <= 2);
        }
        assert_int_equal(groups, 4);
    }
    kith_result_free(result);
}

static void test_refusals(void **state)
{
    (void)state;
    struct kith_search_opts searches[2];
    struct kith_hybrid_opts opts;
    struct kith_result *result;
    prepare(&opts, searches);
    searches[1].query_count = 1;
    assert_int_equal(kith_hybrid_search(t.collection, &opts, NULL, &result, &why), KITH_EINVAL);
    assert_string_equal(why.text, "sub search request nq should be the same");
    prepare(&opts, searches);
    opts.ranker.rrf_k = -1;
    assert_int_equal(kith_hybrid_search(t.collection, &opts, NULL, &result, &why), KITH_EINVAL);
    prepare(&opts, searches);
    searches[1].filter = "nothing ==";
    assert_int_equal(kith_hybrid_search(t.collection, &opts, NULL, &result, &why), KITH_EFILTER);
    prepare(&opts, searches);
    opts.ranker.kind = KITH_RANK_DECAY;
    opts.ranker.decay_field = "a";
    opts.ranker.scale = 1;
    assert_int_equal(kith_hybrid_search(t.collection, &opts, NULL, &result, &why), KITH_EINVAL);
    opts.search_count = 0;
    assert_int_equal(kith_hybrid_search(t.collection, &opts, NULL, &result, &why), KITH_EINVAL);
}

static void test_explain(void **state)
{
    (void)state;
    struct kith_search_opts searches[2];
    struct kith_hybrid_opts opts;
    struct kith_result *result;
    prepare(&opts, searches);
    opts.explain = true;
    OK(kith_hybrid_search(t.collection, &opts, NULL, &result, &why));
    assert_non_null(result->explain);
    assert_memory_equal(result->explain, "{\"searches\":[{", 14);
    assert_true(result->stats.exact_distances > 0);
    kith_result_free(result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merges),   cmocka_unit_test(test_decay_and_boost),
        cmocka_unit_test(test_groups),   cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_explain),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
