/*
 * Recall floors on generated sets, for each metric and element type, and what filters do to it.
 */
#include "graph_help.h"

#include "kernel/kernel.h"

#define ROWS 6000
#define QUERIES 60
#define DIM 48

static void floor_of(enum kernel_metric metric, uint32_t ef, double floor)
{
    struct sample s = sample_make(ROWS, QUERIES, DIM, metric, 11);
    struct opened o;
    opened_make(&o, &s.vectors, (struct index_params){16, 100});
    assert_int_equal(o.index->ops->validate(o.index, NULL), 0);
    const uint8_t *queries = (const uint8_t *)(s.rows + ROWS * DIM);
    const struct index_search search = {.k = 10, .ef = ef};
    const double recall = recall_of(o.index, &s.vectors, queries, QUERIES, search);
    print_message("metric %d ef %u: recall %.4f\n", (int)metric, ef, recall);
    assert_true(recall >= floor);
    opened_release(&o);
    sample_free(&s);
}

static void metrics(void **state)
{
    (void)state;
    floor_of(KERNEL_L2, 10, 0.85);
    floor_of(KERNEL_L2, 80, 0.99);
    floor_of(KERNEL_COSINE, 80, 0.99);
    floor_of(KERNEL_DOT, 120, 0.95);
}

struct rows {
    const void *data;
    enum kernel_type type;
    enum kernel_metric metric;
    uint32_t dim;
};

#define TYPE_ROWS 2000

static void type_floor(struct rows rows, double floor)
{
    const struct vectors v = vectors_over(rows.data, TYPE_ROWS, rows.dim, rows.type, rows.metric);
    struct index_stats stats = {0};
    struct opened o;
    opened_make(&o, &v, (struct index_params){16, 100});
    assert_int_equal(o.index->ops->validate(o.index, NULL), 0);
    const uint8_t *queries = (const uint8_t *)rows.data + TYPE_ROWS * v.stride_bytes;
    const struct index_search search = {.k = 10, .ef = 60, .stats = &stats};
    const double recall = recall_of(o.index, &v, queries, QUERIES, search);
    print_message("type %d metric %d: recall %.4f\n", (int)rows.type, (int)rows.metric, recall);
    assert_true(recall >= floor);
    assert_true(stats.nodes_visited > QUERIES); /* and not scanned, but for the truth */
    assert_true(stats.distances < 2 * (uint64_t)QUERIES * TYPE_ROWS);
    opened_release(&o);
}

/* The same rows in every element type and metric; bytes are lossless, so their distances come from
 * codes. */
static void types(void **state)
{
    (void)state;
    struct sample s = sample_make(TYPE_ROWS, QUERIES, DIM, KERNEL_L2, 12);
    const size_t values = (size_t)(TYPE_ROWS + QUERIES) * DIM;
    uint16_t *halves = malloc(values * sizeof *halves);
    int8_t *bytes = malloc(values);
    for (size_t i = 0; i < values; i++) {
        const float x = roundf(s.rows[i] * 4.0f);
        bytes[i] = (int8_t)(x < -100.0f ? -100.0f : x > 100.0f ? 100.0f : x);
    }
    for (int type = KERNEL_F32; type <= KERNEL_U8; type++) {
        const void *rows = type == KERNEL_F32 ? s.rows : NULL;
        if (type == KERNEL_F16) kernel_f32_to_f16(s.rows, halves, values);
        if (type == KERNEL_BF16) kernel_f32_to_bf16(s.rows, halves, values);
        if (type == KERNEL_F16 || type == KERNEL_BF16) rows = halves;
        if (type == KERNEL_I8 || type == KERNEL_U8) rows = bytes;
        for (size_t i = 0; type == KERNEL_U8 && i < values; i++) {
            bytes[i] = (int8_t)(bytes[i] + 100);
        }
        for (int metric = KERNEL_L2; metric <= KERNEL_COSINE; metric++) {
            type_floor((struct rows){rows, (enum kernel_type)type, (enum kernel_metric)metric, DIM},
                       metric == KERNEL_DOT ? 0.95 : 0.99);
        }
    }
    free(bytes);
    free(halves);
    sample_free(&s);
}

#define BITS 256

static void bits(void **state)
{
    (void)state;
    struct sample s = sample_make(TYPE_ROWS, QUERIES, BITS, KERNEL_L2, 16);
    uint8_t *rows = signs_of(s.rows, TYPE_ROWS + QUERIES, BITS);
    memset(rows, 0, BITS / 8); /* an empty set, under JACCARD */
    type_floor((struct rows){rows, KERNEL_BIT, KERNEL_HAMMING, BITS}, 0.98);
    type_floor((struct rows){rows, KERNEL_BIT, KERNEL_JACCARD, BITS}, 0.98);
    free(rows);
    sample_free(&s);
}

static void allow_share(struct bitset *allowed, double share, uint64_t seed)
{
    struct rng rng;
    rng_init(&rng, seed);
    bitset_fill(allowed, false);
    for (size_t i = 0; i < allowed->bits; i++) {
        if (rng_f64(&rng) < share) bitset_set(allowed, i);
    }
}

/* The rows nearest to some row: for most queries the allowed ones lie elsewhere. */
static void allow_region(struct bitset *allowed, const struct vectors *v, size_t row, size_t count)
{
    struct hit *hits = malloc(count * sizeof *hits);
    const struct index_search near = {.query = v->rows.data + row * v->stride_bytes, .k = count,
                                      .bound = INFINITY};
    size_t found = 0;
    assert_int_equal(index_scan(v, &near, hits, &found, NULL), 0);
    bitset_fill(allowed, false);
    for (size_t i = 0; i < found; i++) bitset_set(allowed, hits[i].id);
    free(hits);
}

struct filtered {
    struct sample sample;
    struct opened opened;
    struct bitset allowed;
};

static void filtered_floor(const struct filtered *f, enum index_filter_mode mode, double floor,
                           const char *what)
{
    struct index_stats stats = {0};
    const struct index_search search = {.k = 10, .ef = 40, .mode = mode, .allowed = &f->allowed,
                                        .allowed_count = bitset_count(&f->allowed),
                                        .stats = &stats};
    const uint8_t *queries = (const uint8_t *)(f->sample.rows + ROWS * DIM);
    const double recall = recall_of(f->opened.index, &f->sample.vectors, queries, QUERIES, search);
    print_message("%s mode %d, %zu rows: recall %.4f, %.0f hops, %.0f steps, %.0f distances\n",
                  what, (int)mode, search.allowed_count, recall,
                  (double)stats.nodes_visited / QUERIES, (double)stats.nodes_stepped / QUERIES,
                  (double)stats.distances / QUERIES);
    assert_true(recall >= floor);
}

static void filters(void **state)
{
    (void)state;
    struct filtered f = {.sample = sample_make(ROWS, QUERIES, DIM, KERNEL_L2, 13)};
    opened_make(&f.opened, &f.sample.vectors, (struct index_params){16, 100});
    assert_int_equal(bitset_init(&f.allowed, ROWS, false), 0);
    static const double shares[] = {0.0, 0.001, 0.01, 0.03, 0.1, 0.3, 0.6, 0.9, 1.0};
    for (int mode = INDEX_FILTER_AUTO; mode <= INDEX_FILTER_RESULT; mode++) {
        for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
            allow_share(&f.allowed, shares[i], i);
            filtered_floor(&f, (enum index_filter_mode)mode, 0.95, "random");
            allow_region(&f.allowed, &f.sample.vectors, i * 100, (size_t)(shares[i] * ROWS));
            filtered_floor(&f, (enum index_filter_mode)mode, 0.95, "region");
        }
    }
    bitset_release(&f.allowed);
    opened_release(&f.opened);
    sample_free(&f.sample);
}

/* A filter that only names rows with copies, in nodes that hold many rows. */
static void filters_and_copies(void **state)
{
    (void)state;
    struct sample s = sample_make(ROWS, QUERIES, DIM, KERNEL_L2, 15);
    for (size_t i = 1; i < ROWS; i += 2) {
        memcpy(s.rows + i * DIM, s.rows + (i - 1) * DIM, DIM * sizeof *s.rows);
    }
    struct opened o;
    struct bitset allowed;
    opened_make(&o, &s.vectors, (struct index_params){16, 100});
    assert_int_equal(bitset_init(&allowed, ROWS, false), 0);
    for (size_t i = 1; i < ROWS; i += 4) bitset_set(&allowed, i);
    const uint8_t *queries = (const uint8_t *)(s.rows + ROWS * DIM);
    for (int mode = INDEX_FILTER_AUTO; mode <= INDEX_FILTER_RESULT; mode++) {
        const struct index_search search = {.k = 10, .mode = (enum index_filter_mode)mode,
                                            .allowed = &allowed,
                                            .allowed_count = bitset_count(&allowed)};
        assert_true(recall_of(o.index, &s.vectors, queries, QUERIES, search) >= 0.98);
    }
    bitset_release(&allowed);
    opened_release(&o);
    sample_free(&s);
}

/* bound: only what is nearer comes back, and no scan is started for what is missing. */
static void bounded(void **state)
{
    (void)state;
    struct sample s = sample_make(ROWS, 1, DIM, KERNEL_L2, 14);
    struct opened o;
    opened_make(&o, &s.vectors, (struct index_params){16, 100});
    struct hit all[10];
    struct hit near[10];
    struct index_search search = {.query = s.rows + ROWS * DIM, .k = 10, .ef = 100,
                                  .bound = INFINITY};
    assert_int_equal(search_ids(o.index, &search, all), 10);
    search.bound = all[4].distance;
    assert_int_equal(search_ids(o.index, &search, near), 4);
    assert_memory_equal(all, near, 4 * sizeof *all);
    opened_release(&o);
    sample_free(&s);
}

/* bound and filter: that fewer than k came says nothing when the walk never left the bound. */
static void bounded_and_filtered(void **state)
{
    enum { K = 50, WITHIN = 20 };
    (void)state;
    struct sample s = sample_make(ROWS, QUERIES, DIM, KERNEL_L2, 17);
    struct opened o;
    struct bitset allowed;
    opened_make(&o, &s.vectors, (struct index_params){16, 100});
    assert_int_equal(bitset_init(&allowed, ROWS, false), 0);
    allow_region(&allowed, &s.vectors, 7, 400);
    for (int mode = INDEX_FILTER_AUTO; mode <= INDEX_FILTER_RESULT; mode++) {
        size_t found = 0;
        for (size_t q = 0; q < QUERIES; q++) {
            struct hit hits[K];
            size_t count = 0;
            struct index_search search = {.query = s.rows + (ROWS + q) * DIM, .k = K,
                                          .ef = 60, .mode = (enum index_filter_mode)mode,
                                          .bound = INFINITY, .allowed = &allowed,
                                          .allowed_count = bitset_count(&allowed)};
            assert_int_equal(index_scan(&s.vectors, &search, hits, &count, NULL), 0);
            assert_int_equal(count, K);
            search.bound = hits[WITHIN].distance;
            count = search_ids(o.index, &search, hits);
            assert_true(count <= WITHIN);
            found += count;
        }
        assert_true((double)found >= 0.95 * WITHIN * QUERIES);
    }
    bitset_release(&allowed);
    opened_release(&o);
    sample_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metrics),
        cmocka_unit_test(types),
        cmocka_unit_test(bits),
        cmocka_unit_test(filters),
        cmocka_unit_test(filters_and_copies),
        cmocka_unit_test(bounded),
        cmocka_unit_test(bounded_and_filtered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
