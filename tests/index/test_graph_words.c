/*
 * Recall on real embeddings (tests/data/words-sample.bin: 20,000 words, 100 dimensions, as hard as
 * text gets), as a curve over ef, filtered, and searched from many threads at once.
 */
#include "graph_help.h"

#include <stdio.h>

#include "base/endian.h"

#define ROWS 12000
#define QUERIES 200
#define DIM 100

static float *rows;
static struct vectors vectors;
static struct opened opened;

/* Every fifth word is skipped over to spread the queries; the rows are the first ROWS others. */
static int load(void **state)
{
    (void)state;
    const char *source = getenv("KITH_SOURCE_DIR");
    char path[4096];
    snprintf(path, sizeof path, "%s/tests/data/words-sample.bin", source ? source : ".");
    FILE *file = fopen(path, "rb");
    if (!file) return -1;
    const size_t count = 20000;
    uint8_t *bytes = malloc(32 + count * (4 + DIM));
    const size_t got = fread(bytes, 1, 32 + count * (4 + DIM), file);
    fclose(file);
    if (got != 32 + count * (4 + DIM) || le32_get(bytes + 8) != count) return -1;
    rows = malloc((ROWS + QUERIES) * DIM * sizeof *rows);
    for (size_t i = 0; i < ROWS + QUERIES; i++) {
        const size_t word = (i * 7919) % count; /* a prime: each word at most once */
        const float scale = lef32_get(bytes + 32 + 4 * word);
        const uint8_t *code = bytes + 32 + 4 * count + word * DIM;
        for (size_t j = 0; j < DIM; j++) rows[i * DIM + j] = scale * (float)(int8_t)code[j];
    }
    free(bytes);
    vectors = vectors_over(rows, ROWS, DIM, KERNEL_F32, KERNEL_COSINE);
    opened_make(&opened, &vectors, (struct index_params){16, 200});
    return 0;
}

static int unload(void **state)
{
    (void)state;
    opened_release(&opened);
    free(rows);
    return 0;
}

static double recall_at(uint32_t ef, const struct bitset *allowed)
{
    const struct index_search search = {.k = 10, .ef = ef, .allowed = allowed,
                                        .allowed_count = allowed ? bitset_count(allowed) : 0};
    return recall_of(opened.index, &vectors, (const uint8_t *)(rows + ROWS * DIM), QUERIES, search);
}

static void curve(void **state)
{
    (void)state;
    static const struct {
        uint32_t ef;
        double floor;
    } points[] = {{10, 0.93}, {20, 0.975}, {40, 0.99}, {80, 0.995}, {160, 0.998}, {0, 0.995}};
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        const double recall = recall_at(points[i].ef, NULL);
        print_message("ef %u: recall %.4f\n", points[i].ef, recall);
        assert_true(recall >= points[i].floor);
    }
}

static void filtered(void **state)
{
    (void)state;
    static const double shares[] = {0.001, 0.01, 0.1, 0.3, 0.5, 0.9};
    struct bitset allowed;
    assert_int_equal(bitset_init(&allowed, ROWS, false), 0);
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        struct rng rng;
        rng_init(&rng, i);
        bitset_fill(&allowed, false);
        for (size_t row = 0; row < ROWS; row++) {
            if (rng_f64(&rng) < shares[i]) bitset_set(&allowed, row);
        }
        const double recall = recall_at(0, &allowed);
        print_message("share %.3f: recall %.4f\n", shares[i], recall);
        assert_true(recall >= 0.95);
    }
    bitset_release(&allowed);
}

static int search_task(void *ctx, size_t q)
{
    struct hit(*all)[10] = ctx;
    size_t count;
    const struct index_search search = {.query = rows + (ROWS + q % QUERIES) * DIM, .k = 10,
                                        .ef = 20 + (uint32_t)(q % QUERIES), .bound = INFINITY};
    const int rc = opened.index->ops->search(opened.index, &search, all[q], &count, NULL);
    return rc ? rc : count == 10 ? 0 : KITH_EINVAL;
}

/* The same answers from eight threads as from one. */
static void threads(void **state)
{
    (void)state;
    static struct hit one[QUERIES][10];
    static struct hit many[4 * QUERIES][10];
    for (size_t q = 0; q < QUERIES; q++) assert_int_equal(search_task(one, q), 0);
    struct pool *pool;
    assert_int_equal(pool_new(os_real(), "test", 7, 0, 64, &pool, NULL), 0);
    assert_int_equal(pool_for(pool, 8, 4 * QUERIES, search_task, many), 0);
    pool_free(pool);
    for (size_t q = 0; q < 4 * QUERIES; q++) {
        assert_memory_equal(many[q], one[q % QUERIES], sizeof one[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(curve),
        cmocka_unit_test(filtered),
        cmocka_unit_test(threads),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
