/*
 * Exact neighbours: by hand, with ties, against a plain double-precision sort, from files, and
 * kept beside the base.
 */
#include "bench_help.h"

#include <math.h>

#include "base/alloc.h"
#include "bench/bench_truth.h"

#define BASE 700
#define QUERIES 37
#define DIM 19

static float base[BASE * DIM];
static float queries[QUERIES * DIM];

static int set_up(void **state)
{
    (void)state;
    fill_gauss(base, BASE * DIM, 1);
    fill_gauss(queries, QUERIES * DIM, 2);
    for (size_t j = 0; j < DIM; j++) base[3 * DIM + j] = 0.0f; /* without a direction */
    return 0;
}

static struct bench_problem problem_of(enum kith_metric metric)
{
    return (struct bench_problem){base, BASE, queries, QUERIES, DIM, metric};
}

static struct bench_truth compute(const struct bench_problem *p, unsigned threads, size_t k)
{
    struct bench_truth truth = {0};
    struct kith_error err = {0};
    assert_int_equal(bench_truth_compute(&truth, p, os_real(), threads, k, &err), 0);
    return truth;
}

/* ---- by hand ---- */

/* On a line: 0 1 2 2 4 -1 around a query at 1. */
static void by_hand(void **state)
{
    (void)state;
    const float line[] = {0, 1, 2, 2, 4, -1};
    const float query[] = {1};
    const struct bench_problem p = {line, 6, query, 1, 1, KITH_L2};
    struct bench_truth truth = compute(&p, 1, 4);
    const uint32_t nearest[] = {1, 0, 2, 3}; /* 0 2 3 tie; by number */
    assert_memory_equal(truth.ids, nearest, sizeof nearest);
    assert_true(bench_truth_threshold(&truth, &p, 0, 1) == 0.0);
    const double second = bench_truth_threshold(&truth, &p, 0, 2);
    assert_true(second == 1.0);
    const uint32_t other_ties[] = {1, 3};
    const uint32_t twice[] = {1, 1};
    const uint32_t wrong[] = {4, 5};
    const uint32_t outside[] = {6, UINT32_MAX, 1};
    assert_int_equal(bench_found(&p, 0, second, other_ties, 2, 2), 2);
    assert_int_equal(bench_found(&p, 0, second, twice, 2, 2), 1);
    assert_int_equal(bench_found(&p, 0, second, wrong, 2, 2), 0);
    assert_int_equal(bench_found(&p, 0, second, outside, 3, 2), 1);
    assert_int_equal(bench_found(&p, 0, second, nearest, 4, 2), 2); /* never above k */
    assert_int_equal(bench_found(&p, 0, second, NULL, 0, 2), 0);
    bench_truth_release(&truth);
}

/* A tie is relative 1e-6: a row just inside counts, one well outside does not. */
static void nearly_tied(void **state)
{
    (void)state;
    const float line[] = {1000.0f, 1000.0003f, 1000.01f};
    const float query[] = {0};
    const struct bench_problem p = {line, 3, query, 1, 1, KITH_L2};
    struct bench_truth truth = compute(&p, 1, 1);
    const double threshold = bench_truth_threshold(&truth, &p, 0, 1);
    const uint32_t ids[] = {1, 2};
    assert_int_equal(bench_found(&p, 0, threshold, ids, 1, 1), 1);
    assert_int_equal(bench_found(&p, 0, threshold, ids + 1, 1, 1), 0);
    bench_truth_release(&truth);
}

/* More rows tie than are kept by the scan in f32: the scan in doubles has to step in. */
static void many_ties(void **state)
{
    (void)state;
    float rows[400];
    for (size_t i = 0; i < 400; i++) rows[i] = i == 399 ? 0.5f : i % 2 ? 1.0f : -1.0f;
    const float query[] = {0};
    const struct bench_problem p = {rows, 400, query, 1, 1, KITH_L2};
    struct bench_truth truth = compute(&p, 1, 5);
    const uint32_t nearest[] = {399, 0, 1, 2, 3};
    assert_memory_equal(truth.ids, nearest, sizeof nearest);
    bench_truth_release(&truth);
}

/* Rows that f32 cannot tell apart but doubles can. */
static void closer_than_f32(void **state)
{
    (void)state;
    float rows[300 * 2];
    for (size_t i = 0; i < 300; i++) {
        rows[2 * i] = 1.0f;
        rows[2 * i + 1] = 1e-6f * (float)(300 - i); /* squared: far below the ulp of 1 */
    }
    const float query[] = {0, 0};
    const struct bench_problem p = {rows, 300, query, 1, 2, KITH_L2};
    struct bench_truth truth = compute(&p, 1, 3);
    const uint32_t nearest[] = {299, 298, 297};
    assert_memory_equal(truth.ids, nearest, sizeof nearest);
    bench_truth_release(&truth);
}

/* ---- against a sort ---- */

struct pair {
    double distance;
    uint32_t id;
};

static int by_distance(const void *a, const void *b)
{
    const struct pair *x = a;
    const struct pair *y = b;
    if (x->distance < y->distance) return -1;
    if (x->distance > y->distance) return 1;
    return (x->id > y->id) - (x->id < y->id);
}

static double plain(enum kith_metric metric, const float *a, const float *b)
{
    double dot = 0, aa = 0, bb = 0, l2 = 0;
    for (size_t j = 0; j < DIM; j++) {
        dot += (double)a[j] * b[j];
        aa += (double)a[j] * a[j];
        bb += (double)b[j] * b[j];
        l2 += ((double)a[j] - b[j]) * ((double)a[j] - b[j]);
    }
    if (metric == KITH_L2) return l2;
    if (metric == KITH_IP) return -dot;
    return aa > 0 && bb > 0 ? 1.0 - dot / (sqrt(aa) * sqrt(bb)) : 1.0;
}

static void against_a_sort(void **state)
{
    (void)state;
    static const size_t ks[] = {1, 10, 100, BASE - 1, BASE, BASE + 5};
    for (enum kith_metric metric = KITH_L2; metric <= KITH_COSINE; metric++) {
        const struct bench_problem p = problem_of(metric);
        for (size_t c = 0; c < sizeof ks / sizeof *ks; c++) {
            struct bench_truth truth = compute(&p, c % 2 ? 3 : 1, ks[c]);
            assert_int_equal(truth.k, ks[c] < BASE ? ks[c] : BASE);
            for (size_t q = 0; q < QUERIES; q++) {
                struct pair all[BASE];
                for (uint32_t i = 0; i < BASE; i++) {
                    all[i] = (struct pair){plain(metric, queries + q * DIM, base + i * DIM), i};
                }
                qsort(all, BASE, sizeof *all, by_distance);
                for (size_t i = 0; i < truth.k; i++) {
                    assert_int_equal(truth.ids[q * truth.k + i], all[i].id);
                }
            }
            bench_truth_release(&truth);
        }
    }
}

/* ---- files ---- */

static void from_files(void **state)
{
    (void)state;
    char path[128];
    name_file(path, sizeof path, "truth.ivecs");
    const struct bench_problem p = problem_of(KITH_L2);
    struct bench_truth truth = compute(&p, 1, 10);
    struct bench_truth read = {0};
    struct kith_error err = {0};
    write_vecs(path, truth.ids, QUERIES, 10);
    assert_int_equal(bench_truth_read(&read, &p, os_real(), path, NULL, &err), 0);
    assert_int_equal(read.k, 10);
    assert_memory_equal(read.ids, truth.ids, QUERIES * 10 * sizeof *truth.ids);
    bench_truth_release(&read);

    write_vecs(path, truth.ids, QUERIES - 1, 10);
    assert_int_equal(bench_truth_read(&read, &p, os_real(), path, NULL, &err), KITH_EINVAL);
    truth.ids[57] = BASE;
    write_vecs(path, truth.ids, QUERIES, 10);
    assert_int_equal(bench_truth_read(&read, &p, os_real(), path, NULL, &err), KITH_EINVAL);
    assert_int_equal(err.position, 5);
    truth.ids[57] = UINT32_MAX; /* -1 */
    write_vecs(path, truth.ids, QUERIES, 10);
    assert_int_equal(bench_truth_read(&read, &p, os_real(), path, NULL, &err), KITH_EINVAL);
    assert_null(read.ids);
    bench_truth_release(&truth);
    (void)remove(path);
}

struct listing {
    char names[8][256];
    size_t count;
};

static int note_truth_file(void *ctx, const char *name)
{
    struct listing *list = ctx;
    char prefix[64];
    name_file(prefix, sizeof prefix, "kept.");
    if (strncmp(name, prefix, strlen(prefix)) == 0 && strstr(name, ".truth") && list->count < 8) {
        snprintf(list->names[list->count++], sizeof list->names[0], "%s", name);
    }
    return 0;
}

static void read_kept(const struct bench_problem *p, const char *beside,
                      const struct bench_truth *expected)
{
    struct bench_truth truth = {0};
    struct kith_error err = {0};
    assert_int_equal(bench_truth_cached(&truth, p, os_real(), 1, beside, 20, &err), 0);
    assert_int_equal(truth.k, 20);
    assert_memory_equal(truth.ids, expected->ids, QUERIES * 20 * sizeof *truth.ids);
    bench_truth_release(&truth);
}

/* Kept once for each question; damage of any byte, or a cut, means computing anew. */
static void kept_beside_the_base(void **state)
{
    (void)state;
    char beside[128];
    name_file(beside, sizeof beside, "kept.fvecs");
    const struct bench_problem p = problem_of(KITH_COSINE);
    struct bench_truth expected = compute(&p, 1, 20);
    read_kept(&p, beside, &expected);
    struct listing list = {.count = 0};
    assert_int_equal(os_list(os_real(), ".", note_truth_file, &list, NULL), 0);
    assert_int_equal(list.count, 1);
    const size_t size = 40 + QUERIES * 20 * 4;
    for (size_t at = 0; at <= size; at += at < 40 ? 1 : 97) {
        struct os_file *file = NULL;
        uint8_t byte;
        size_t got;
        assert_int_equal(os_open(os_real(), list.names[0], OS_WRITE, &file, NULL), 0);
        assert_int_equal(os_pread(file, &byte, 1, at, &got, NULL), 0);
        byte ^= 0x10;
        if (got == 1) assert_int_equal(os_pwrite(file, &byte, 1, at, NULL), 0);
        if (at % 5 == 0 && at < size) assert_int_equal(os_truncate(file, at, NULL), 0);
        os_close(file);
        read_kept(&p, beside, &expected);
    }
    struct bench_problem other = p;
    other.metric = KITH_IP;
    struct bench_truth other_expected = compute(&other, 1, 20);
    read_kept(&other, beside, &other_expected);
    list.count = 0;
    assert_int_equal(os_list(os_real(), ".", note_truth_file, &list, NULL), 0);
    assert_int_equal(list.count, 2);
    for (size_t i = 0; i < list.count; i++) (void)remove(list.names[i]);
    bench_truth_release(&expected);
    bench_truth_release(&other_expected);
}

/* Every allocation fails once: an error, and nothing kept or leaked. */
static void out_of_memory(void **state)
{
    (void)state;
    const struct bench_problem p = problem_of(KITH_IP);
    for (uint64_t nth = 1;; nth++) {
        struct bench_truth truth = {0};
        alloc_fault_arm(nth, false);
        const int rc = bench_truth_compute(&truth, &p, os_real(), 1, 10, NULL);
        const uint64_t seen = alloc_fault_count();
        alloc_fault_disarm();
        bench_truth_release(&truth);
        if (seen < nth) {
            assert_int_equal(rc, 0);
            assert_true(nth > 3);
            return;
        }
        assert_int_equal(rc, KITH_ENOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand),        cmocka_unit_test(nearly_tied),
        cmocka_unit_test(many_ties),      cmocka_unit_test(closer_than_f32),
        cmocka_unit_test(against_a_sort), cmocka_unit_test(from_files),
        cmocka_unit_test(kept_beside_the_base), cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
