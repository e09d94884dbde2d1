/*
 * Damage: ids out of range are found in the hop, damaged pages at first touch, headers at open; and
 * random damage never leads further than a status.
 */
#include "graph_help.h"

#include "base/checksum.h"
#include "base/endian.h"
#include "index/graph_format.h"

#define ROWS 3000
#define DIM 20

static struct index_section *section_of(struct index_image *image, uint32_t id)
{
    for (size_t i = 0; i < image->count; i++) {
        if (image->sections[i].id == id) return &image->sections[i];
    }
    return NULL;
}

static int search_once(const struct opened *o, const void *query, const struct bitset *allowed,
                       enum index_filter_mode mode)
{
    struct hit hits[10];
    size_t count;
    const struct index_search search = {.query = query, .k = 10, .ef = 60, .bound = INFINITY,
                                        .allowed = allowed, .mode = mode,
                                        .allowed_count = allowed ? bitset_count(allowed) : 0};
    return o->index->ops->search(o->index, &search, hits, &count, NULL);
}

static void bad_ids(void **state)
{
    (void)state;
    struct sample s = sample_make(ROWS, 1, DIM, KERNEL_L2, 41);
    struct opened o;
    opened_make(&o, &s.vectors, (struct index_params){8, 40});
    const struct index_section *blocks = section_of(&o.image, GRAPH_SECTION_BLOCKS);
    const size_t block = graph_block_bytes(&(struct scalar_quantizer){.dim = DIM}, 16);
    for (size_t i = 0; i < ROWS; i++) le32_put(blocks->data + i * block + WALK_CHUNK + 4, ROWS);
    assert_int_equal(search_once(&o, s.rows + ROWS * DIM, NULL, INDEX_FILTER_AUTO), KITH_ECORRUPT);
    assert_int_equal(o.index->ops->validate(o.index, NULL), KITH_ECORRUPT);
    opened_release(&o);

    opened_make(&o, &s.vectors, (struct index_params){8, 40});
    const struct index_section *rows = section_of(&o.image, GRAPH_SECTION_ROWS);
    memset(rows->data, 0xff, rows->len);
    assert_int_equal(search_once(&o, s.rows + ROWS * DIM, NULL, INDEX_FILTER_AUTO), KITH_ECORRUPT);
    assert_int_equal(o.index->ops->validate(o.index, NULL), KITH_ECORRUPT);
    opened_release(&o);
    sample_free(&s);
}

static void bad_headers(void **state)
{
    (void)state;
    struct sample s = sample_make(ROWS, 1, DIM, KERNEL_L2, 42);
    struct opened o;
    opened_make(&o, &s.vectors, (struct index_params){8, 40});
    uint8_t *header = section_of(&o.image, GRAPH_SECTION_HEADER)->data;
    static const uint8_t places[] = {0, 4, 8, 12, 16, 20, 21, 22, 28, 36, 51, 55, 56, 60};
    for (size_t i = 0; i < sizeof places; i++) {
        struct index *index = NULL;
        header[places[i]] ^= 0xff;
        assert_int_not_equal(index_ops_find("HNSW")->open(os_real(), o.views, o.image.count,
                                                          &s.vectors, &index, NULL), 0);
        header[places[i]] ^= 0xff;
    }
    opened_release(&o);
    sample_free(&s);
}

/* A guard over the blocks: searches verify what they touch, and a flipped bit is found. */
static void guarded(void **state)
{
    (void)state;
    struct sample s = sample_make(ROWS, 1, DIM, KERNEL_L2, 43);
    struct opened o;
    opened_make(&o, &s.vectors, (struct index_params){8, 40});
    const struct index_section *blocks = section_of(&o.image, GRAPH_SECTION_BLOCKS);
    const size_t pages = (blocks->len + PAGE_BYTES - 1) / PAGE_BYTES;
    uint8_t *sums = malloc(pages * 4);
    struct bitset allowed;
    assert_int_equal(bitset_init(&allowed, ROWS, false), 0);
    for (size_t i = 0; i < ROWS; i += 3) bitset_set(&allowed, i);
    for (size_t p = 0; p < pages; p++) {
        const size_t at = p * PAGE_BYTES;
        const size_t len = blocks->len - at < PAGE_BYTES ? blocks->len - at : PAGE_BYTES;
        le32_put(sums + 4 * p, checksum32(blocks->data + at, len, checksum_seed(1, 2, 3 + p)));
    }
    for (int damage = 0; damage < 2; damage++) {
        struct page_guard guard;
        assert_int_equal(page_guard_init(&guard, blocks->data, blocks->len, sums, 1, 2, 3), 0);
        o.index->ops->close(o.index);
        for (size_t i = 0; i < o.image.count; i++) {
            if (o.views[i].id == GRAPH_SECTION_BLOCKS) o.views[i].bytes.guard = &guard;
        }
        assert_int_equal(index_ops_find("HNSW")->open(os_real(), o.views, o.image.count,
                                                      &s.vectors, &o.index, NULL), 0);
        for (size_t p = 0; damage && p < pages; p++) blocks->data[p * PAGE_BYTES + 1] ^= 1;
        const int expected = damage ? KITH_ECORRUPT : 0;
        const void *query = s.rows + ROWS * DIM;
        assert_int_equal(search_once(&o, query, NULL, INDEX_FILTER_AUTO), expected);
        for (int mode = INDEX_FILTER_WALK; mode <= INDEX_FILTER_RESULT; mode++) {
            assert_int_equal(search_once(&o, query, &allowed, (enum index_filter_mode)mode),
                             expected);
        }
        page_guard_release(&guard);
    }
    bitset_release(&allowed);
    free(sums);
    opened_release(&o);
    sample_free(&s);
}

static void random_damage(void **state)
{
    (void)state;
    struct sample s = sample_make(ROWS, 1, DIM, KERNEL_COSINE, 44);
    memcpy(s.rows, s.rows + DIM, DIM * sizeof(float)); /* shared nodes */
    struct opened o;
    opened_make(&o, &s.vectors, (struct index_params){8, 40});
    struct bitset allowed;
    assert_int_equal(bitset_init(&allowed, ROWS, false), 0);
    for (size_t i = 0; i < ROWS; i += 2) bitset_set(&allowed, i);
    struct rng rng;
    rng_init(&rng, 45);
    for (int round = 0; round < 300; round++) {
        const struct index_section *section =
            &o.image.sections[1 + rng_below(&rng, o.image.count - 1)];
        for (int i = 0; i < 20; i++) {
            section->data[rng_below(&rng, section->len)] = (uint8_t)rng_u64(&rng);
        }
        const int a = search_once(&o, s.rows + ROWS * DIM, NULL, INDEX_FILTER_AUTO);
        assert_true(a == 0 || a == KITH_ECORRUPT);
        for (int mode = INDEX_FILTER_AUTO; mode <= INDEX_FILTER_RESULT; mode++) {
            const int b = search_once(&o, s.rows + ROWS * DIM, &allowed,
                                      (enum index_filter_mode)mode);
            assert_true(b == 0 || b == KITH_ECORRUPT);
        }
        const int c = o.index->ops->validate(o.index, NULL);
        assert_true(c == 0 || c == KITH_ECORRUPT);
    }
    bitset_release(&allowed);
    opened_release(&o);
    sample_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_ids),
        cmocka_unit_test(bad_headers),
        cmocka_unit_test(guarded),
        cmocka_unit_test(random_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
