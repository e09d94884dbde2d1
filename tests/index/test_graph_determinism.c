/*
 * The same bytes for any number of threads and any instruction set.
 */
#include "graph_help.h"

#include "kernel/kernel.h"

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

static void same_everywhere(const struct vectors *v)
{
    const struct index_params params = {12, 60};
    struct index_image first = {0};
    assert_int_equal(build_image(v, params, 1, &first), 0);
    static const unsigned threads[] = {2, 3, 8};
    for (size_t i = 0; i < 3; i++) {
        struct index_image other = {0};
        assert_int_equal(build_image(v, params, threads[i], &other), 0);
        assert_same(&first, &other);
        index_image_release(os_real(), &other);
    }
    const char *before = kernel_isa();
    static const char *const isas[] = {"serial", "avx2", "avx512", "neon"};
    for (size_t i = 0; i < 4; i++) {
        if (!kernel_select(isas[i])) continue;
        struct index_image other = {0};
        assert_int_equal(build_image(v, params, 2, &other), 0);
        assert_same(&first, &other);
        index_image_release(os_real(), &other);
    }
    assert_true(kernel_select(before));
    index_image_release(os_real(), &first);
}

static void threads_and_isas(void **state)
{
    (void)state;
    struct sample s = sample_make(ROWS, 0, DIM, KERNEL_COSINE, 21);
    same_everywhere(&s.vectors);
    sample_free(&s);
}

static void bit_vectors(void **state)
{
    (void)state;
    struct sample s = sample_make(ROWS / 2, 0, 200, KERNEL_L2, 22);
    uint8_t *rows = signs_of(s.rows, ROWS / 2, 200);
    for (int metric = KERNEL_HAMMING; metric <= KERNEL_JACCARD; metric++) {
        const struct vectors v =
            vectors_over(rows, ROWS / 2, 200, KERNEL_BIT, (enum kernel_metric)metric);
        same_everywhere(&v);
    }
    free(rows);
    sample_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_and_isas),
        cmocka_unit_test(bit_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
