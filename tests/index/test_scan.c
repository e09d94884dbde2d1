/*
 * The exact scan against a plain loop, over filters of every shape of words, and FLAT over it.
 */
#include "graph_help.h"

#define ROWS 1500
#define DIM 9

static void expect(const struct vectors *v, const struct index_search *search)
{
    struct hit hits[40];
    struct hit expected[40];
    struct topk top;
    topk_init(&top, expected, search->k);
    const struct kernel *kernel = kernel_get(v->metric, v->type);
    for (uint32_t i = 0; i < v->count; i++) {
        if (search->allowed && !bitset_get(search->allowed, i)) continue;
        const float d = kernel->pair(search->query, v->rows.data + i * v->stride_bytes, v->dim);
        if (d < search->bound) topk_push(&top, (struct hit){d, i});
    }
    topk_sort(&top);
    size_t count;
    assert_int_equal(index_scan(v, search, hits, &count, NULL), 0);
    assert_int_equal(count, top.count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(hits[i].id, expected[i].id);
        assert_true(hits[i].distance == expected[i].distance);
    }
}

static void shapes(void **state)
{
    (void)state;
    struct sample s = sample_make(ROWS, 1, DIM, KERNEL_L2, 51);
    struct index_search search = {.query = s.rows + ROWS * DIM, .k = 40, .bound = INFINITY};
    expect(&s.vectors, &search);
    struct rng rng;
    rng_init(&rng, 52);
    struct bitset allowed;
    for (int round = 0; round < 60; round++) {
        s.vectors.count = 1 + rng_below(&rng, ROWS);
        assert_int_equal(bitset_init(&allowed, s.vectors.count, false), 0);
        for (size_t w = 0; w < BITSET_WORDS(allowed.bits); w++) {
            const uint64_t kind = rng_below(&rng, 4);
            allowed.words[w] = kind < 2 ? UINT64_MAX : kind == 2 ? 0 : rng_u64(&rng);
        }
        if (allowed.bits % 64) {
            allowed.words[allowed.bits / 64] &= (UINT64_C(1) << (allowed.bits % 64)) - 1;
        }
        search.allowed = &allowed;
        search.allowed_count = bitset_count(&allowed);
        search.bound = round % 2 ? INFINITY : 60.0f;
        expect(&s.vectors, &search);
        bitset_release(&allowed);
    }
    sample_free(&s);
}

static int stop(void *ctx)
{
    (*(int *)ctx)++;
    return KITH_ETIMEDOUT;
}

static void polled(void **state)
{
    (void)state;
    struct sample s = sample_make(10000, 1, 2, KERNEL_L2, 53);
    int calls = 0;
    struct hit hits[1];
    size_t count;
    const struct index_search search = {.query = s.rows, .k = 1, .bound = INFINITY, .poll = stop,
                                        .poll_ctx = &calls};
    assert_int_equal(index_scan(&s.vectors, &search, hits, &count, NULL), KITH_ETIMEDOUT);
    assert_int_equal(calls, 1);
    sample_free(&s);
}

static void flat(void **state)
{
    (void)state;
    struct sample s = sample_make(ROWS, 1, DIM, KERNEL_COSINE, 54);
    const struct index_ops *ops = index_ops_find("FLAT");
    const struct index_params params = {0};
    const struct index_job job = {.os = os_real(), .threads = 1};
    struct index_image image = {0};
    assert_int_equal(ops->build(&s.vectors, &params, &job, &image, NULL), 0);
    struct index_view_section view = {image.sections[0].id,
                                      {image.sections[0].data, image.sections[0].len, NULL}};
    struct index *index;
    assert_int_equal(ops->open(os_real(), &view, 1, &s.vectors, &index, NULL), 0);
    const struct index_search search = {.k = 10};
    const uint8_t *query = (const uint8_t *)(s.rows + ROWS * DIM);
    assert_true(recall_of(index, &s.vectors, query, 1, search) == 1.0);
    ops->close(index);
    s.vectors.count--;
    assert_int_equal(ops->open(os_real(), &view, 1, &s.vectors, &index, NULL), KITH_ECORRUPT);
    index_image_release(os_real(), &image);
    sample_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes),
        cmocka_unit_test(polled),
        cmocka_unit_test(flat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
