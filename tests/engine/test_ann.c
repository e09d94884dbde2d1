/*
 * The bare index: round trips through a file for every kind and type, FLAT against a brute force
 * written here, recall, and a file damaged in every way: cut at every boundary, a byte flipped in
 * every page. A damaged file may refuse to open or to search; it may never answer differently.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kith/kith.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "kernel/kernel.h"
#include "os/os.h"

#define N 600
#define DIM 24
#define K 10
#define QUERIES 20

static float rows[(N + QUERIES) * DIM]; /* the last are queries */
static char path[256];

static int set_up(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 20);
    for (size_t i = 0; i < N + QUERIES; i++) {
        const double centre = (double)rng_below(&rng, 8);
        for (size_t j = 0; j < DIM; j++) {
            rows[i * DIM + j] = (float)(rng_gauss(&rng) + (j % 8 == (size_t)centre ? 3.0 : 0.0));
        }
    }
    snprintf(path, sizeof path, "test_ann_%llu.ann",
             (unsigned long long)os_process_id(os_real()));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)remove(path);
    return 0;
}

static struct kith_ann *build(const char *kind, enum kith_metric metric)
{
    struct kith_ann_params params = KITH_ANN_PARAMS_INIT;
    params.kind = kind;
    params.metric = metric;
    params.dim = DIM;
    params.m = 8;
    params.ef_construction = 60;
    params.threads = 2;
    struct kith_ann *ann = NULL;
    struct kith_error err = {0};
    assert_int_equal(kith_ann_build(&params, rows, N, &ann, &err), 0);
    return ann;
}

struct answer {
    uint32_t ids[K];
    float distances[K];
    size_t found;
};

static int ask(const struct kith_ann *ann, size_t q, struct answer *a)
{
    memset(a, 0, sizeof *a);
    return kith_ann_search(ann, rows + (N + q) * DIM, K, 40, a->ids, a->distances, &a->found, NULL,
                           NULL);
}

/* ---- right answers ---- */

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double distance(enum kith_metric metric, const float *a, const float *b)
{
    double l2 = 0, dot = 0, aa = 0, bb = 0;
    for (size_t j = 0; j < DIM; j++) {
        l2 += ((double)a[j] - b[j]) * ((double)a[j] - b[j]);
        dot += (double)a[j] * b[j];
        aa += (double)a[j] * a[j];
        bb += (double)b[j] * b[j];
    }
    return metric == KITH_L2 ? l2 : metric == KITH_IP ? -dot : 1.0 - dot / sqrt(aa * bb);
}

/* Distances ascend, are those of their rows, and (share of them) are among the k smallest. */
static double share_right(const struct kith_ann *ann, enum kith_metric metric)
{
    size_t right = 0;
    for (size_t q = 0; q < QUERIES; q++) {
        double all[N];
        const float *query = rows + (N + q) * DIM;
        for (size_t i = 0; i < N; i++) all[i] = distance(metric, query, rows + i * DIM);
        struct answer a;
        assert_int_equal(ask(ann, q, &a), 0);
        assert_int_equal(a.found, K);
        for (size_t i = 0; i < K; i++) {
            assert_true(a.ids[i] < N);
            const double d = all[a.ids[i]];
            assert_true(fabs(d - (double)a.distances[i]) <= 1e-4 * (1 + fabs(d)));
            if (i > 0) assert_true(a.distances[i - 1] <= a.distances[i]);
        }
        double sorted[N];
        memcpy(sorted, all, sizeof all);
        qsort(sorted, N, sizeof *sorted, compare_doubles);
        for (size_t i = 0; i < K; i++) {
            right += all[a.ids[i]] <= sorted[K - 1] + 1e-6 * fabs(sorted[K - 1]);
        }
    }
    return (double)right / (QUERIES * K);
}

static void flat_is_exact(void **state)
{
    (void)state;
    for (enum kith_metric metric = KITH_L2; metric <= KITH_COSINE; metric++) {
        struct kith_ann *ann = build("FLAT", metric);
        assert_true(share_right(ann, metric) == 1.0);
        kith_ann_free(ann);
    }
}

static void graph_recall(void **state)
{
    (void)state;
    for (enum kith_metric metric = KITH_L2; metric <= KITH_COSINE; metric++) {
        struct kith_ann *ann = build("HNSW", metric);
        const double recall = share_right(ann, metric);
        print_message("metric %d: recall %.3f\n", (int)metric, recall);
        assert_true(recall >= 0.95);
        assert_true(kith_ann_bytes(ann) > 0);
        kith_ann_free(ann);
    }
}

static void asks_for_all_rows(void **state)
{
    (void)state;
    struct kith_ann *ann = build("HNSW", KITH_L2);
    uint32_t ids[N + 5];
    float distances[N + 5];
    size_t found = 0;
    struct kith_search_stats stats;
    assert_int_equal(kith_ann_search(ann, rows, N + 5, 0, ids, distances, &found, &stats, NULL), 0);
    assert_int_equal(found, N);
    assert_true(stats.distances + stats.exact_distances > 0);
    kith_ann_free(ann);
}

/* ---- files ---- */

static void round_trip(void **state)
{
    (void)state;
    static const char *const kinds[] = {"FLAT", "HNSW"};
    for (size_t i = 0; i < 4; i++) {
        struct kith_ann *built = build(kinds[i / 2], KITH_COSINE);
        struct kith_ann *opened = NULL;
        struct kith_error err = {0};
        assert_int_equal(kith_ann_save(built, path, &err), 0);
        assert_int_equal(kith_ann_open(path, i % 2 == 1, &opened, &err), 0);
        assert_int_equal(kith_ann_bytes(built), kith_ann_bytes(opened));
        assert_int_equal(kith_ann_save(opened, path, &err), 0); /* over what it has mapped */
        for (size_t q = 0; q < QUERIES; q++) {
            struct answer a, b;
            assert_int_equal(ask(built, q, &a), 0);
            assert_int_equal(ask(opened, q, &b), 0);
            assert_memory_equal(&a, &b, sizeof a);
        }
        kith_ann_free(opened);
        kith_ann_free(built);
    }
}

static void other_types(void **state)
{
    (void)state;
    static const struct {
        enum kith_type type;
        enum kith_metric metric;
    } cases[] = {{KITH_FLOAT16_VECTOR, KITH_L2},   {KITH_BFLOAT16_VECTOR, KITH_COSINE},
                 {KITH_INT8_VECTOR, KITH_IP},      {KITH_BINARY_VECTOR, KITH_METRIC_DEFAULT},
                 {KITH_BINARY_VECTOR, KITH_JACCARD}};
    uint16_t halves[N * DIM];
    int8_t bytes[N * DIM];
    for (size_t i = 0; i < N * DIM; i++) bytes[i] = (int8_t)(rows[i] * 10.0f);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct kith_ann_params params = KITH_ANN_PARAMS_INIT;
        params.kind = "HNSW";
        params.type = cases[i].type;
        params.metric = cases[i].metric;
        params.dim = DIM;
        const void *data = bytes;
        size_t stride = params.type == KITH_BINARY_VECTOR ? DIM / 8 : DIM;
        if (params.type == KITH_FLOAT16_VECTOR) kernel_f32_to_f16(rows, halves, N * DIM);
        if (params.type == KITH_BFLOAT16_VECTOR) kernel_f32_to_bf16(rows, halves, N * DIM);
        if (params.type == KITH_FLOAT16_VECTOR || params.type == KITH_BFLOAT16_VECTOR) {
            data = halves;
            stride = DIM * sizeof *halves;
        }
        struct kith_ann *built = NULL;
        struct kith_ann *opened = NULL;
        struct kith_error err = {0};
        assert_int_equal(kith_ann_build(&params, data, N, &built, &err), 0);
        assert_int_equal(kith_ann_save(built, path, &err), 0);
        assert_int_equal(kith_ann_open(path, false, &opened, &err), 0);
        uint32_t ids[2][K];
        float distances[2][K];
        size_t found = 0;
        const uint8_t *query = (const uint8_t *)data + 7 * stride;
        const struct kith_ann *both[] = {built, opened};
        for (size_t j = 0; j < 2; j++) {
            assert_int_equal(kith_ann_search(both[j], query, K, 50, ids[j], distances[j], &found,
                                             NULL, &err), 0);
            assert_int_equal(found, K);
        }
        assert_memory_equal(ids[0], ids[1], sizeof ids[0]);
        assert_memory_equal(distances[0], distances[1], sizeof distances[0]);
        if (params.metric != KITH_IP) assert_true(fabsf(distances[0][0]) < 1e-3f);
        kith_ann_free(opened);
        kith_ann_free(built);
    }
}

static void no_vectors(void **state)
{
    (void)state;
    static const char *const kinds[] = {"FLAT", "HNSW"};
    for (size_t i = 0; i < 2; i++) {
        struct kith_ann_params params = KITH_ANN_PARAMS_INIT;
        params.kind = kinds[i];
        params.dim = DIM;
        struct kith_ann *built = NULL;
        struct kith_ann *opened = NULL;
        struct kith_error err = {0};
        assert_int_equal(kith_ann_build(&params, NULL, 0, &built, &err), 0);
        assert_int_equal(kith_ann_save(built, path, &err), 0);
        assert_int_equal(kith_ann_open(path, true, &opened, &err), 0);
        struct answer a;
        assert_int_equal(ask(opened, 0, &a), 0);
        assert_int_equal(a.found, 0);
        kith_ann_free(opened);
        kith_ann_free(built);
    }
}

static void refused(void **state)
{
    (void)state;
    struct kith_ann_params params = KITH_ANN_PARAMS_INIT;
    struct kith_ann *ann = NULL;
    struct kith_error err = {0};
    assert_int_equal(kith_ann_build(&params, rows, N, &ann, &err), KITH_EINVAL); /* no dim */
    params.dim = DIM;
    params.kind = "IVF";
    assert_int_equal(kith_ann_build(&params, rows, N, &ann, &err), KITH_EINVAL);
    params.kind = "FLAT";
    params.metric = KITH_HAMMING;
    assert_int_equal(kith_ann_build(&params, rows, N, &ann, &err), KITH_EINVAL);
    params.metric = KITH_L2;
    float bad[2 * DIM] = {0};
    bad[DIM + 3] = NAN;
    assert_int_equal(kith_ann_build(&params, bad, 2, &ann, &err), KITH_EINVAL);
    assert_int_equal(err.position, 1);
    params.type = KITH_BINARY_VECTOR;
    params.metric = KITH_METRIC_DEFAULT;
    params.dim = 12;
    assert_int_equal(kith_ann_build(&params, bad, 2, &ann, &err), KITH_EINVAL);
    assert_null(ann);
    ann = build("FLAT", KITH_L2);
    size_t found = 99;
    assert_int_equal(kith_ann_search(ann, bad + DIM, 1, 0, NULL, NULL, &found, NULL, &err),
                     KITH_EINVAL);
    assert_int_equal(found, 99);
    kith_ann_free(ann);
    assert_int_equal(kith_ann_open("no such file", false, &ann, &err), KITH_ENOTFOUND);
}

/* ---- damage ---- */

static uint8_t *slurp(size_t *len)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    *len = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*len);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *len, file), *len);
    fclose(file);
    return bytes;
}

static void spit(const uint8_t *bytes, size_t len)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    fclose(file);
}

/* What a file answers: each search right or refused. True when something was refused. */
static bool opens_or_refuses(const struct answer *expected, bool pin)
{
    struct kith_ann *ann = NULL;
    struct kith_error err = {0};
    const int rc = kith_ann_open(path, pin, &ann, &err);
    if (rc) {
        assert_true(rc == KITH_ECORRUPT || rc == KITH_EVERSION);
        assert_true(err.text[0] != '\0');
        return true;
    }
    bool refused_one = false;
    for (size_t q = 0; q < QUERIES; q++) {
        struct answer a;
        const int got = ask(ann, q, &a);
        if (got) {
            assert_int_equal(got, KITH_ECORRUPT);
            refused_one = true;
        } else {
            assert_memory_equal(&a, &expected[q], sizeof a);
        }
    }
    kith_ann_free(ann);
    return refused_one;
}

static void damage(const char *kind)
{
    struct answer expected[QUERIES];
    struct kith_ann *ann = build(kind, KITH_L2);
    for (size_t q = 0; q < QUERIES; q++) assert_int_equal(ask(ann, q, &expected[q]), 0);
    assert_int_equal(kith_ann_save(ann, path, NULL), 0);
    kith_ann_free(ann);
    size_t len;
    uint8_t *bytes = slurp(&len);
    assert_false(opens_or_refuses(expected, false));

    for (size_t cut = 0; cut < len; cut += cut < 160 ? 1 : len - cut < 700 ? 7 : 1024) {
        spit(bytes, cut);
        assert_true(opens_or_refuses(expected, false));
    }
    spit(bytes, len);
    FILE *file = fopen(path, "ab");
    assert_non_null(file);
    assert_int_equal(fputc(0, file), 0);
    fclose(file);
    assert_true(opens_or_refuses(expected, false)); /* longer than it says */

    struct rng rng;
    rng_init(&rng, 3);
    /* Every byte of the header, a few of each page, every byte of the directory. */
    for (size_t at = 0, step = 1; at < len; at += step) {
        step = at < 140 || len - at < 200 ? 1 : 1 + rng_below(&rng, 2000);
        const uint8_t was = bytes[at];
        bytes[at] ^= (uint8_t)(1u << rng_below(&rng, 8));
        spit(bytes, len);
        const bool told = opens_or_refuses(expected, false);
        if (at < 4096 || len - at < 200) assert_true(told);
        assert_true(opens_or_refuses(expected, true)); /* pinning reads every page */
        bytes[at] = was;
    }
    free(bytes);
}

static void damaged_flat(void **state) { (void)state; damage("FLAT"); }
static void damaged_graph(void **state) { (void)state; damage("HNSW"); }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flat_is_exact),   cmocka_unit_test(graph_recall),
        cmocka_unit_test(asks_for_all_rows), cmocka_unit_test(round_trip),
        cmocka_unit_test(other_types),     cmocka_unit_test(no_vectors),
        cmocka_unit_test(refused),         cmocka_unit_test(damaged_flat),
        cmocka_unit_test(damaged_graph),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
