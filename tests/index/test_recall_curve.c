/*
 * The curve of recall against ef: it is what searches give, it is the same twice, it stops at its
 * target, and the ef read from it gives the recall that was asked for.
 */
#include "graph_help.h"

#define ROWS 6000
#define QUERIES 100
#define DIM 48
#define K 10

static struct sample sample;
static struct opened opened;
static struct hit truth[QUERIES * K];
static size_t truth_counts[QUERIES];

static int make(void **state)
{
    (void)state;
    sample = sample_make(ROWS, QUERIES, DIM, KERNEL_COSINE, 31);
    opened_make(&opened, &sample.vectors, (struct index_params){4, 12}); /* a poor graph */
    for (size_t q = 0; q < QUERIES; q++) {
        const struct index_search search = {.query = sample.rows + (ROWS + q) * DIM, .k = K,
                                            .bound = INFINITY};
        if (index_scan(&sample.vectors, &search, truth + q * K, &truth_counts[q], NULL)) return -1;
    }
    return 0;
}

static int drop(void **state)
{
    (void)state;
    opened_release(&opened);
    sample_free(&sample);
    return 0;
}

static struct index_recall_job job_to(double target)
{
    return (struct index_recall_job){.queries = (const uint8_t *)(sample.rows + ROWS * DIM),
                                     .stride_bytes = sample.vectors.stride_bytes,
                                     .query_count = QUERIES, .k = K, .truth = truth,
                                     .truth_counts = truth_counts, .target = target};
}

static void curve_is_what_searches_give(void **state)
{
    (void)state;
    struct index_recall_point points[INDEX_RECALL_POINTS];
    struct index_recall_point again[INDEX_RECALL_POINTS];
    size_t count = 0;
    size_t same = 0;
    const struct index_recall_job job = job_to(1.0);
    assert_int_equal(index_recall_curve(opened.index, &job, points, &count, NULL), 0);
    assert_int_equal(index_recall_curve(opened.index, &job, again, &same, NULL), 0);
    assert_int_equal(count, same);
    assert_true(count >= 4);
    assert_int_equal(points[0].ef, K);
    for (size_t i = 0; i < count; i++) {
        print_message("ef %u: recall %.4f, %u distances\n", points[i].ef, points[i].recall,
                      (unsigned)points[i].distances);
        assert_true(points[i].recall == again[i].recall);
        assert_int_equal(points[i].distances, again[i].distances);
        assert_true(i == 0 || points[i].ef > points[i - 1].ef);
        const struct index_search search = {.k = K, .ef = points[i].ef};
        assert_true(fabs(recall_of(opened.index, &sample.vectors, job.queries, QUERIES, search) -
                         points[i].recall) < 1e-3);
    }
    assert_true(points[count - 1].recall > 0.97);
}

static void the_ladder_ends_at_its_target(void **state)
{
    (void)state;
    struct index_recall_point points[INDEX_RECALL_POINTS];
    size_t count = 0;
    const struct index_recall_job job = job_to(0.9);
    assert_int_equal(index_recall_curve(opened.index, &job, points, &count, NULL), 0);
    assert_true(points[count - 1].recall >= 0.9);
    for (size_t i = 0; i + 1 < count; i++) assert_true(points[i].recall < 0.9);
    const uint32_t ef = index_recall_ef(points, count, 0.9);
    assert_true(ef > 0 && ef <= points[count - 1].ef);
    const struct index_search search = {.k = K, .ef = ef};
    const double recall =
        recall_of(opened.index, &sample.vectors, job.queries, QUERIES, search);
    print_message("ef %u for .9: recall %.4f\n", ef, recall);
    assert_true(recall >= 0.88);
}

static void an_ef_is_read_between_the_steps(void **state)
{
    (void)state;
    const struct index_recall_point points[] = {
        {10, 0.8, 0}, {20, 0.9, 0}, {40, 0.95, 0}, {80, 1, 0}};
    assert_int_equal(index_recall_ef(points, 4, 0.5), 10);
    assert_int_equal(index_recall_ef(points, 4, 0.8), 10);
    assert_int_equal(index_recall_ef(points, 4, 0.9), 20);
    const uint32_t between = index_recall_ef(points, 4, 0.85); /* misses halve as ef doubles */
    assert_true(between >= 13 && between <= 14);
    assert_int_equal(index_recall_ef(points, 4, 0.99), 80);
    assert_int_equal(index_recall_ef(points, 3, 0.96), 0);
    assert_int_equal(index_recall_ef(points, 0, 0.5), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(curve_is_what_searches_give),
        cmocka_unit_test(the_ladder_ends_at_its_target),
        cmocka_unit_test(an_ef_is_read_between_the_steps),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
