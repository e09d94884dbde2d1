/*
 * The same bytes for any number of threads and any instruction set, and codes whose integer
 * distances agree between instruction sets.
 */
#include "graph_help.h"

#include "kernel/walk.h"

#define ROWS 5000
#define DIM 70

static void assert_same(const struct index_image *a, const struct index_image *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        assert_int_equal(a->sections[i].id, b->sections[i].id);
        assert_int_equal(a->sections[i].len, b->sections[i].len);
        assert_memory_equal(a->sections[i].data, b->sections[i].data, a->sections[i].len);
    }
}

static void threads_and_isas(void **state)
{
    (void)state;
    struct sample s = sample_make(ROWS, 0, DIM, KERNEL_COSINE, 21);
    const struct index_params params = {12, 60};
    struct index_image first = {0};
    assert_int_equal(build_image(&s.vectors, params, 1, &first), 0);
    static const unsigned threads[] = {2, 3, 8};
    for (size_t i = 0; i < 3; i++) {
        struct index_image other = {0};
        assert_int_equal(build_image(&s.vectors, params, threads[i], &other), 0);
        assert_same(&first, &other);
        index_image_release(os_real(), &other);
    }
    const char *before = kernel_isa();
    static const char *const isas[] = {"serial", "avx2", "avx512"};
    for (size_t i = 0; i < 3; i++) {
        if (!kernel_select(isas[i])) continue;
        struct index_image other = {0};
        assert_int_equal(build_image(&s.vectors, params, 2, &other), 0);
        assert_same(&first, &other);
        index_image_release(os_real(), &other);
    }
    assert_true(kernel_select(before));
    index_image_release(os_real(), &first);
    sample_free(&s);
}

/* Extreme codes, every number of chunks and of rows that takes another path. */
static void walk_kernels(void **state)
{
    (void)state;
    const char *before = kernel_isa();
    struct rng rng;
    rng_init(&rng, 22);
    static uint8_t codes[40 * 13 * WALK_CHUNK];
    static _Alignas(64) int8_t query[13 * WALK_CHUNK];
    for (size_t chunks = 1; chunks <= 13; chunks += chunks < 3 ? 1 : 5) {
        for (size_t i = 0; i < sizeof codes; i++) codes[i] = rng_below(&rng, 3) ? (uint8_t)rng_u64(&rng) : 255;
        for (size_t i = 0; i < sizeof query; i++) query[i] = rng_below(&rng, 3) ? (int8_t)rng_u64(&rng) : -128;
        const struct walk_codes rows = {codes, chunks * WALK_CHUNK, chunks};
        const struct walk_query q = {query, -77};
        uint32_t ids[40];
        int32_t expected[40];
        for (uint32_t i = 0; i < 40; i++) ids[i] = (i * 7) % 40;
        walk_kernel_serial.distances(&rows, &q, ids, 40, expected);
        static const char *const isas[] = {"avx2", "avx512"};
        for (size_t k = 0; k < 2; k++) {
            if (!kernel_select(isas[k])) continue;
            for (size_t count = 0; count <= 40; count++) {
                int32_t out[40] = {0};
                walk_kernel_get()->distances(&rows, &q, ids, count, out);
                assert_memory_equal(out, expected, count * sizeof *out);
            }
        }
    }
    assert_true(kernel_select(before));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_and_isas),
        cmocka_unit_test(walk_kernels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
