/*
 * The odd ones: no rows, one, two; k beyond n; thousands of equal rows; zero vectors; one dimension
 * and 65,536; cancelled builds, full budgets, and every allocation failing in turn.
 */
#include "graph_help.h"

#include "base/budget.h"

static void tiny(void **state)
{
    (void)state;
    struct sample s = sample_make(5, 1, 3, KERNEL_L2, 31);
    for (size_t n = 0; n <= 5; n++) {
        const struct vectors v = vectors_over(s.rows, n, 3, KERNEL_F32, KERNEL_L2);
        struct opened o;
        opened_make(&o, &v, (struct index_params){0});
        assert_int_equal(o.index->ops->validate(o.index, NULL), 0);
        struct hit hits[20];
        const struct index_search search = {.query = s.rows + 15, .k = 20, .bound = INFINITY};
        assert_int_equal(search_ids(o.index, &search, hits), n);
        opened_release(&o);
    }
    sample_free(&s);
}

static void more_than_there_are(void **state)
{
    (void)state;
    struct sample s = sample_make(900, 1, 8, KERNEL_COSINE, 32);
    struct opened o;
    opened_make(&o, &s.vectors, (struct index_params){4, 20});
    struct hit *hits = malloc(2000 * sizeof *hits);
    const struct index_search search = {.query = s.rows + 900 * 8, .k = 2000, .bound = INFINITY};
    assert_int_equal(search_ids(o.index, &search, hits), 900);
    free(hits);
    opened_release(&o);
    sample_free(&s);
}

/* 3,000 copies of one row amid 1,000 others: none of the others is lost, and the copies come back
 * in order of row. */
static void duplicates(void **state)
{
    (void)state;
    struct sample s = sample_make(4000, 40, 16, KERNEL_L2, 33);
    for (size_t i = 1000; i < 4000; i++) memcpy(s.rows + i * 16, s.rows, 16 * sizeof(float));
    struct opened o;
    opened_make(&o, &s.vectors, (struct index_params){8, 60});
    assert_int_equal(o.index->ops->validate(o.index, NULL), 0);
    const uint8_t *queries = (const uint8_t *)(s.rows + 4000 * 16);
    const struct index_search search = {.k = 10, .ef = 60};
    assert_true(recall_of(o.index, &s.vectors, queries, 40, search) >= 0.98);
    assert_true(recall_of(o.index, &s.vectors, (const uint8_t *)s.rows, 40, search) >= 0.98);
    struct hit hits[5];
    const struct index_search same = {.query = s.rows, .k = 5, .bound = INFINITY};
    assert_int_equal(search_ids(o.index, &same, hits), 5);
    for (uint32_t i = 0; i < 5; i++) assert_int_equal(hits[i].id, i == 0 ? 0 : 999 + i);
    opened_release(&o);
    sample_free(&s);
}

static void zero_vectors(void **state)
{
    (void)state;
    struct sample s = sample_make(500, 1, 10, KERNEL_COSINE, 34);
    for (size_t i = 0; i < 500; i += 2) memset(s.rows + i * 10, 0, 10 * sizeof(float));
    struct opened o;
    opened_make(&o, &s.vectors, (struct index_params){8, 60});
    struct hit hits[500];
    struct index_search search = {.query = s.rows + 500 * 10, .k = 500, .bound = INFINITY};
    assert_int_equal(search_ids(o.index, &search, hits), 500);
    search.query = s.rows; /* a zero query is at distance 1 from all */
    search.k = 10;
    assert_int_equal(search_ids(o.index, &search, hits), 10);
    assert_true(hits[0].distance == 1.0f);
    opened_release(&o);
    sample_free(&s);
}

static void dimensions(void **state)
{
    (void)state;
    static const uint32_t dims[] = {1, 2, 59, 60, 61, 65, 124, 125, 65536};
    for (size_t d = 0; d < sizeof dims / sizeof *dims; d++) {
        const size_t rows = dims[d] > 1000 ? 40 : 700;
        struct sample s = sample_make(rows, 10, dims[d], KERNEL_L2, 35 + d);
        for (int metric = KERNEL_L2; metric <= KERNEL_COSINE; metric++) {
            s.vectors.metric = (enum kernel_metric)metric;
            struct opened o;
            opened_make(&o, &s.vectors, (struct index_params){8, 50});
            const uint8_t *queries = (const uint8_t *)(s.rows + rows * dims[d]);
            const struct index_search search = {.k = 5, .ef = 100};
            const double recall = recall_of(o.index, &s.vectors, queries, 10, search);
            if (metric != KERNEL_DOT) assert_true(recall >= 0.9);
            opened_release(&o);
        }
        sample_free(&s);
    }
}

/* More than a million rows on few codes: long lists of rows, and bits cleared one by one. */
static void many_rows_few_codes(void **state)
{
    (void)state;
    const size_t rows = 1060000;
    uint8_t *data = malloc(2 * (rows + 10));
    struct rng rng;
    rng_init(&rng, 39);
    for (size_t i = 0; i < 2 * (rows + 10); i++) data[i] = (uint8_t)rng_below(&rng, 100);
    const struct vectors v = vectors_over(data, rows, 2, KERNEL_U8, KERNEL_L2);
    struct opened o;
    opened_make(&o, &v, (struct index_params){4, 10});
    assert_int_equal(o.index->ops->validate(o.index, NULL), 0);
    const struct index_search search = {.k = 20, .ef = 10};
    assert_true(recall_of(o.index, &v, data + 2 * rows, 10, search) >= 0.99);
    opened_release(&o);
    free(data);
}

static void cancel_at_half(void *ctx, uint64_t done, uint64_t total)
{
    if (2 * done >= total) atomic_store((atomic_bool *)ctx, true);
}

static void cancelled(void **state)
{
    (void)state;
    struct sample s = sample_make(3000, 0, 8, KERNEL_L2, 36);
    atomic_bool cancel = false;
    const struct index_job job = {.os = os_real(), .threads = 1, .cancel = &cancel,
                                  .progress = cancel_at_half, .progress_ctx = &cancel};
    const struct index_params params = {8, 40};
    struct index_image image = {0};
    assert_int_equal(index_ops_find("HNSW")->build(&s.vectors, &params, &job, &image, NULL),
                     KITH_ECANCELLED);
    assert_int_equal(image.count, 0);
    sample_free(&s);
}

static void full_budget(void **state)
{
    (void)state;
    struct sample s = sample_make(3000, 0, 8, KERNEL_L2, 37);
    struct budget budget;
    budget_init(&budget, 100000);
    const struct index_job job = {.os = os_real(), .threads = 1, .budget = &budget};
    const struct index_params params = {8, 40};
    struct index_image image = {0};
    assert_int_equal(index_ops_find("HNSW")->build(&s.vectors, &params, &job, &image, NULL),
                     KITH_EBUSY);
    assert_int_equal(atomic_load(&budget.used_bytes), 0);
    sample_free(&s);
}

/* Builds, opens and searches; the status of the first step that failed. */
static int whole_life(const struct vectors *vectors, const void *query)
{
    struct opened o = {0};
    int rc = build_image(vectors, (struct index_params){4, 20}, 1, &o.image);
    if (!rc) rc = image_open(&o, vectors);
    struct hit hits[5];
    size_t count;
    struct index_search search = {.query = query, .k = 5, .bound = INFINITY};
    if (!rc) rc = o.index->ops->search(o.index, &search, hits, &count, NULL);
    uint64_t words[BITSET_WORDS(1500)];
    memset(words, 0x55, sizeof words);
    const struct bitset allowed = {.words = words, .bits = 1500};
    search.allowed = &allowed;
    search.allowed_count = bitset_count(&allowed);
    for (search.mode = INDEX_FILTER_WALK; !rc && search.mode <= INDEX_FILTER_RESULT;
         search.mode++) {
        rc = o.index->ops->search(o.index, &search, hits, &count, NULL);
    }
    if (!rc) rc = o.index->ops->validate(o.index, NULL);
    opened_release(&o);
    return rc;
}

static void every_allocation_fails(void **state)
{
    (void)state;
    struct sample s = sample_make(1500, 1, 6, KERNEL_COSINE, 38);
    memcpy(s.rows, s.rows + 6, 6 * sizeof(float)); /* shared nodes */
    int rc = KITH_ENOMEM;
    uint64_t nth = 0;
    while (rc == KITH_ENOMEM) {
        alloc_fault_arm(++nth, false);
        rc = whole_life(&s.vectors, s.rows + 1500 * 6);
        alloc_fault_disarm();
        assert_true(rc == 0 || rc == KITH_ENOMEM);
        assert_true(nth < 1000);
    }
    assert_true(nth > 10);
    sample_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiny),
        cmocka_unit_test(more_than_there_are),
        cmocka_unit_test(duplicates),
        cmocka_unit_test(zero_vectors),
        cmocka_unit_test(dimensions),
        cmocka_unit_test(many_rows_few_codes),
        cmocka_unit_test(cancelled),
        cmocka_unit_test(full_budget),
        cmocka_unit_test(every_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
