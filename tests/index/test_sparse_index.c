/*
 * The inverted index over sparse vectors against a loop over all rows: order and distances, allowed
 * rows, weights of both signs, ties, damage, failing allocations; and which entries a query drops.
 */
#include "text_help.h"

#include "base/endian.h"
#include "index/sparse_index.h"

#define K 12
#define ENTRIES 24

static uint64_t seed(void)
{
    const char *given = getenv("KITH_TEST_SEED");
    return given ? strtoull(given, NULL, 0) : 31;
}

static size_t make_vector(struct rng *rng, uint32_t step, uint8_t *out)
{
    const size_t count = rng_below(rng, ENTRIES);
    uint32_t dim = 0;
    for (size_t i = 0; i < count; i++) {
        dim += 1 + (uint32_t)rng_below(rng, step);
        le32_put(out + 8 * i, dim);
        /* coarse weights: many ties */
        lef32_put(out + 8 * i + 4, (float)((double)rng_below(rng, 9) / 4 - 0.5));
    }
    return count;
}

static struct texts vectors_random(struct rng *rng, size_t rows, uint32_t step)
{
    struct texts texts = { calloc(rows + 1, sizeof(struct kith_str)), calloc(rows / 64 + 1, 8),
                           rows };
    for (size_t i = 0; i < rows; i++) {
        uint8_t *bytes = malloc(8 * ENTRIES);
        texts.strs[i] = (struct kith_str){ (char *)bytes, 8 * make_vector(rng, step, bytes) };
        if (rng_below(rng, 10)) texts.valid[i / 64] |= UINT64_C(1) << (i % 64);
    }
    return texts;
}

static int vectors_chunk(void *ctx, size_t field, size_t number, struct chunk *out)
{
    const int rc = texts_chunk(ctx, field, number, out);
    out->type = KITH_SPARSE_VECTOR;
    return rc;
}

static float product(const uint8_t *query, size_t count, struct kith_str row)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j + 8 <= row.len; j += 8)
            if (le32_get(query + 8 * i) == le32_get(row.data + j))
                sum += (double)lef32_get(query + 8 * i + 4) * (double)lef32_get(row.data + j + 4);
    return (float)-sum;
}

struct asking {
    const struct texts *vectors;
    const uint8_t *query;
    size_t count;
};

static int exact(void *ctx, uint32_t row, float *distance)
{
    const struct asking *asking = ctx;
    *distance = product(asking->query, asking->count, asking->vectors->strs[row]);
    return 0;
}

static int build(struct texts *vectors, struct index_image *image)
{
    const struct schema_field field = { .name = text_field_name, .type = KITH_SPARSE_VECTOR };
    const struct scalar_index_params params = { .field = &field };
    const struct index_job job = { .os = os_real(), .threads = 1 };
    struct chunk_source source = texts_source(vectors);
    source.get = vectors_chunk;
    return sparse_index_ops.build(&source, 0, &params, &job, image, NULL);
}

static int open_image(const struct index_image *image, size_t rows, struct scalar_index **out)
{
    struct index_view_section views[INDEX_SECTIONS_MAX];
    for (size_t i = 0; i < image->count; i++) {
        views[i] = (struct index_view_section){
            image->sections[i].id, { image->sections[i].data, image->sections[i].len, NULL }
        };
    }
    return sparse_index_ops.open(os_real(), views, image->count, rows, NULL, out, NULL);
}

static void expect(const struct scalar_index *index, struct asking *asking,
                   const struct bitset *allowed, size_t first, size_t end)
{
    struct hit hits[K], expected[K];
    struct topk top;
    topk_init(&top, expected, K);
    for (size_t i = first; i < end; i++) {
        if (!texts_valid(asking->vectors, i) || (allowed && !bitset_get(allowed, i))) continue;
        const float distance =
            product(asking->query, asking->count, asking->vectors->strs[i]);
        if (distance < 0) topk_push(&top, (struct hit){ distance, (uint32_t)i });
    }
    topk_sort(&top);
    const struct sparse_query query = { asking->query, asking->count, exact, asking };
    const struct walk_search search = { .first = first, .end = end, .k = K, .bound = INFINITY,
                                        .allowed = allowed };
    size_t count;
    assert_int_equal(sparse_index_search(index, &query, &search, hits, &count), 0);
    assert_int_equal(count, top.count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(hits[i].id, expected[i].id);
        assert_true(hits[i].distance == expected[i].distance);
    }
}

static void searches(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, seed());
    struct texts vectors = vectors_random(&rng, 9500, 6);
    struct index_image image = { .count = 0 };
    struct scalar_index *index;
    assert_int_equal(build(&vectors, &image), 0);
    assert_int_equal(open_image(&image, vectors.rows, &index), 0);
    assert_int_equal(sparse_index_ops.validate(index, NULL), 0);
    struct bitset allowed;
    assert_int_equal(bitset_init(&allowed, vectors.rows, false), 0);
    for (size_t i = 0; i < vectors.rows; i++)
        if (rng_below(&rng, 4) == 0) bitset_set(&allowed, i);
    for (int round = 0; round < 60; round++) {
        uint8_t query[8 * ENTRIES];
        struct asking asking = { &vectors, query, 0 };
        asking.count = make_vector(&rng, round % 3 ? 6 : 60, query);
        expect(index, &asking, round % 2 ? &allowed : NULL, 0, vectors.rows);
        expect(index, &asking, NULL, 4160, 4160 + 64 * (size_t)round);
    }
    bitset_release(&allowed);
    index->ops->close(index);
    index_image_release(os_real(), &image);
    texts_free(&vectors);
}

static void drops(void **state)
{
    (void)state;
    const float weights[5] = { 0.5f, -0.1f, 0.3f, 0.1f, 2 };
    uint8_t entries[40], out[40];
    for (uint32_t i = 0; i < 5; i++) {
        le32_put(entries + 8 * i, 10 * i);
        lef32_put(entries + 8 * i + 4, weights[i]);
    }
    assert_int_equal(sparse_query_drop(entries, 5, 0.19f, out), 5);
    assert_memory_equal(out, entries, 40);
    assert_int_equal(sparse_query_drop(entries, 5, 0.2f, out), 4);
    assert_int_equal(le32_get(out + 16), 20); /* of the two least the later one, 30, went */
    assert_int_equal(le32_get(out + 24), 40);
    assert_int_equal(sparse_query_drop(entries, 5, 0.99f, out), 1);
    assert_int_equal(le32_get(out), 40);
    assert_int_equal(sparse_query_drop(entries, 0, 0.5f, out), 0);
}

static void damaged(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, seed() + 1);
    struct texts vectors = vectors_random(&rng, 500, 3);
    struct index_image image = { .count = 0 };
    assert_int_equal(build(&vectors, &image), 0);
    uint8_t entries[8 * ENTRIES];
    struct asking asking = { &vectors, entries, 0 };
    while (asking.count < 8) asking.count = make_vector(&rng, 3, entries);
    for (int round = 0; round < 4000; round++) {
        struct index_section *section = &image.sections[rng_below(&rng, image.count)];
        const size_t at = rng_below(&rng, section->len);
        const uint8_t old = section->data[at];
        struct scalar_index *index;
        section->data[at] = (uint8_t)rng_u64(&rng);
        if (open_image(&image, vectors.rows, &index) == 0) {
            struct hit hits[K];
            size_t count = 0;
            const struct sparse_query query = { entries, asking.count, exact, &asking };
            const struct walk_search search = { .end = vectors.rows, .k = K, .bound = INFINITY };
            if (sparse_index_search(index, &query, &search, hits, &count) == 0)
                for (size_t i = 0; i < count; i++) assert_true(hits[i].id < vectors.rows);
            (void)!sparse_index_ops.validate(index, NULL);
            index->ops->close(index);
        }
        section->data[at] = old;
    }
    index_image_release(os_real(), &image);
    texts_free(&vectors);
}

static void allocations_fail(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 5);
    struct texts vectors = vectors_random(&rng, 80, 3);
    uint8_t entries[8 * ENTRIES];
    struct asking asking = { &vectors, entries, make_vector(&rng, 3, entries) };
    for (uint64_t nth = 1;; nth++) {
        struct index_image image = { .count = 0 };
        struct scalar_index *index = NULL;
        struct hit hits[K];
        size_t count;
        const struct sparse_query query = { entries, asking.count, exact, &asking };
        const struct walk_search search = { .end = vectors.rows, .k = K, .bound = INFINITY };
        alloc_fault_arm(nth, false);
        int rc = build(&vectors, &image);
        if (rc == 0) rc = open_image(&image, vectors.rows, &index);
        if (rc == 0) rc = sparse_index_search(index, &query, &search, hits, &count);
        const uint64_t seen = alloc_fault_count();
        alloc_fault_disarm();
        if (index) index->ops->close(index);
        index_image_release(os_real(), &image);
        assert_int_equal(rc, seen < nth ? 0 : KITH_ENOMEM);
        if (seen < nth) break;
    }
    texts_free(&vectors);
}

int main(void)
{
    print_message("seed %llu\n", (unsigned long long)seed());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(searches),
        cmocka_unit_test(drops),
        cmocka_unit_test(damaged),
        cmocka_unit_test(allocations_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
