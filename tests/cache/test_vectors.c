/*
 * Vector sets as a value: random changes against a model, searches against distances computed one
 * by one, every quantization, runs that are merged and graphs that are built while things change,
 * the portable form, and every allocation that fails.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "cache/vectors_internal.h"

#define NAMES 600u
#define DIM_MAX 80u

static struct heap heap;
static struct rng rng;

static struct kith_str text_of(const char *text)
{
    return (struct kith_str){text, strlen(text)};
}

static struct kith_str name_of(unsigned i, char out[16])
{
    return (struct kith_str){out, (size_t)snprintf(out, 16, "n%u", i)};
}

static struct vector_set *make(enum vset_quant quant, uint32_t dim)
{
    struct vector_set *set;
    const struct vset_params params = {quant, dim, 0, 16};
    assert_int_equal(vset_new(&heap, &params, 7, &set), 0);
    return set;
}

static void draw(float *vector, uint32_t dim)
{
    for (uint32_t i = 0; i < dim; i++) vector[i] = (float)rng_gauss(&rng);
}

static bool put(struct vector_set *set, struct kith_str name, const float *vector)
{
    bool added;
    const struct vset_put one = {.name = name, .vector = vector};
    assert_int_equal(vset_put(set, &one, &added), 0);
    return added;
}

static void run_jobs(struct vector_set *set)
{
    struct vset_job *job;
    while ((job = vset_job_take(set)) != NULL) vset_job_run(job, os_real(), NULL);
}

/* ---- against a model ---- */

struct model {
    bool there[NAMES];
    float vectors[NAMES][DIM_MAX];
    char attributes[NAMES][24]; /* empty: none */
    size_t count, attribute_count;
};

static void check_against(const struct vector_set *set, const struct model *model)
{
    assert_true(vset_is_valid(set));
    assert_int_equal(vset_count(set), model->count);
    assert_int_equal(vset_attribute_count(set), model->attribute_count);
    for (unsigned i = 0; i < NAMES; i++) {
        char name[16];
        const struct vset_element *element = vset_find(set, name_of(i, name));
        assert_int_equal(element != NULL, model->there[i]);
        if (!element) continue;
        const struct kith_str attribute = vset_attribute(element);
        assert_int_equal(attribute.len, strlen(model->attributes[i]));
        assert_memory_equal(attribute.data ? attribute.data : "", model->attributes[i],
                            attribute.len);
    }
}

static float model_distance(const struct vset_params *params, const float *a, const float *b)
{
    double dot = 0, na = 0, nb = 0;
    unsigned differ = 0;
    for (uint32_t i = 0; i < params->dim; i++) {
        dot += (double)a[i] * (double)b[i];
        na += (double)a[i] * (double)a[i];
        nb += (double)b[i] * (double)b[i];
        differ += (a[i] > 0) != (b[i] > 0);
    }
    if (params->quant == VSET_BIN) return 2.0f * (float)differ / (float)params->dim;
    return (float)(1 - dot / sqrt(na * nb));
}

static void check_search(struct vector_set *set, const struct model *model)
{
    const struct vset_params *params = vset_params(set);
    float query[DIM_MAX];
    draw(query, params->dim);
    struct vset_view *view = vset_pin(set);
    const struct vset_search search = {.vector = query, .count = NAMES, .truth = true};
    struct vset_hit *hits;
    size_t found;
    assert_int_equal(vset_search(view, &search, &hits, &found), 0);
    assert_int_equal(found, model->count);
    for (size_t i = 0; i < found; i++) {
        const struct vset_element *element = vset_hit_element(view, &hits[i]);
        assert_non_null(element);
        const unsigned at = (unsigned)atoi(vset_name(element).data + 1);
        assert_true(i == 0 || hits[i - 1].distance <= hits[i].distance);
        const float expected = model_distance(params, query, model->vectors[at]);
        const float slack = params->quant == VSET_Q8 ? 0.02f : 1e-5f;
        assert_true(fabsf(expected - hits[i].distance) <= slack);
    }
    mem_free(hits);
    vset_unpin(view);
}

static void change(struct vector_set *set, struct model *model)
{
    const unsigned i = (unsigned)rng_below(&rng, NAMES);
    char name[16];
    struct vset_element *element = vset_find(set, name_of(i, name));
    const uint64_t what = rng_below(&rng, 10);
    if (what < 6) {
        draw(model->vectors[i], vset_params(set)->dim);
        assert_int_equal(put(set, name_of(i, name), model->vectors[i]), !model->there[i]);
        model->count += !model->there[i];
        model->there[i] = true;
    } else if (element && what < 8) {
        vset_remove(set, element);
        model->attribute_count -= model->attributes[i][0] != 0;
        model->attributes[i][0] = 0;
        model->there[i] = false;
        model->count--;
    } else if (element) {
        model->attribute_count -= model->attributes[i][0] != 0;
        (void)snprintf(model->attributes[i], sizeof model->attributes[i], what == 8 ? "" :
                       "{\"x\":%u}", i);
        model->attribute_count += model->attributes[i][0] != 0;
        assert_int_equal(vset_set_attribute(set, element, text_of(model->attributes[i])), 0);
    }
}

static void test_random_changes(void **state)
{
    (void)state;
    static const uint32_t dims[] = {1, 3, 64, 80};
    for (unsigned round = 0; round < 12; round++) {
        const uint64_t seed = 1000 + round;
        rng_init(&rng, seed);
        print_message("seed %llu\n", (unsigned long long)seed);
        struct model *model = mem_zalloc(sizeof *model);
        assert_non_null(model);
        struct vector_set *set = make((enum vset_quant)(round % 3), dims[round % 4]);
        struct vset_view *view = NULL; /* sometimes what goes has to wait */
        for (unsigned step = 0; step < 4000; step++) {
            change(set, model);
            if (rng_below(&rng, 50) == 0) {
                vset_unpin(view);
                view = rng_below(&rng, 2) ? vset_pin(set) : NULL;
            }
            if (step % 800 == 799) {
                check_against(set, model);
                check_search(set, model);
            }
        }
        vset_unpin(view);
        vset_free(set);
        mem_free(model);
        assert_int_equal(heap_used(&heap), 0);
    }
}

/* ---- graphs ---- */

#define ROWS 9000u
#define GRAPH_DIM 24u

static float *clustered(unsigned count)
{
    float *rows = mem_alloc_array(count, GRAPH_DIM * sizeof *rows);
    float centres[40][GRAPH_DIM];
    assert_non_null(rows);
    for (unsigned i = 0; i < 40; i++) draw(centres[i], GRAPH_DIM);
    for (unsigned i = 0; i < count; i++) {
        const unsigned centre = (unsigned)rng_below(&rng, 40);
        float *row = rows + i * GRAPH_DIM;
        draw(row, GRAPH_DIM);
        for (unsigned j = 0; j < GRAPH_DIM; j++) row[j] = 0.6f * row[j] + centres[centre][j];
    }
    return rows;
}

static double recall(struct vector_set *set, const struct vset_search *base, size_t *least)
{
    size_t same = 0, all = 0;
    *least = SIZE_MAX;
    for (unsigned q = 0; q < 50; q++) {
        float query[GRAPH_DIM];
        draw(query, GRAPH_DIM);
        struct vset_view *view = vset_pin(set);
        struct vset_hit *hits, *truth;
        size_t found, wanted;
        struct vset_search search = *base;
        search.vector = query;
        assert_int_equal(vset_search(view, &search, &hits, &found), 0);
        search.truth = true;
        assert_int_equal(vset_search(view, &search, &truth, &wanted), 0);
        if (found < *least) *least = found;
        for (size_t i = 0; i < found; i++) {
            assert_non_null(vset_hit_element(view, &hits[i]));
            same += wanted > 0 && hits[i].distance <= truth[wanted - 1].distance;
        }
        all += wanted;
        mem_free(hits);
        mem_free(truth);
        vset_unpin(view);
    }
    return (double)same / (double)all;
}

static void put_rows(struct vector_set *set, const float *rows, unsigned first, unsigned end)
{
    for (unsigned i = first; i < end; i++) {
        char name[16];
        put(set, name_of(i, name), rows + i * GRAPH_DIM);
        if (i % 10 != 0) continue;
        assert_int_equal(vset_set_attribute(set, vset_find(set, name_of(i, name)),
                                            text_of(i % 1000 ? "{\"t\":1}" : "{\"t\":2}")), 0);
    }
}

static struct vector_filter *compiled(const char *text)
{
    struct vector_filter *filter;
    size_t at;
    assert_int_equal(vector_filter_compile(text, strlen(text), &filter, &at), 0);
    return filter;
}

static void check_filters(struct vector_set *set)
{
    size_t least;
    struct vector_filter *some = compiled(".t > 0"), *few = compiled(".t == 2"),
                         *none = compiled(".t == 3");
    struct vset_search search = {.count = 10, .filter = some};
    assert_true(recall(set, &search, &least) > 0.95);
    assert_int_equal(least, 10);
    search.filter = few; /* 9 of 9,000 */
    assert_true(recall(set, &search, &least) == 1.0);
    assert_int_equal(least, ROWS / 1000);
    search.filter_ef = 1; /* one candidate a graph, and what is scanned anyway */
    recall(set, &search, &least);
    assert_true(least < ROWS / 1000);
    search.filter_ef = 200;
    recall(set, &search, &least);
    assert_true(least < ROWS / 1000);
    search.filter = none;
    search.filter_ef = 0;
    recall(set, &search, &least);
    assert_int_equal(least, 0);
    vector_filter_free(some);
    vector_filter_free(few);
    vector_filter_free(none);
}

static void test_graphs(void **state)
{
    (void)state;
    for (unsigned quant = VSET_F32; quant <= VSET_BIN; quant++) {
        rng_init(&rng, 77);
        float *rows = clustered(ROWS);
        struct vector_set *set = make((enum vset_quant)quant, GRAPH_DIM);
        put_rows(set, rows, 0, 4500);
        run_jobs(set);
        put_rows(set, rows, 4500, ROWS);
        run_jobs(set);
        struct vset_shape shape;
        vset_shape_get(set, &shape);
        assert_true(shape.graphs >= 1);
        assert_true(shape.graph_rows > 4000);
        assert_true(vset_is_valid(set));
        size_t least;
        const struct vset_search ten = {.count = 10}, many = {.count = 300};
        assert_true(recall(set, &ten, &least) > 0.97);
        assert_int_equal(least, 10);
        assert_true(recall(set, &many, &least) > 0.97);
        assert_int_equal(least, 300);
        check_filters(set);
        vset_free(set);
        mem_free(rows);
        assert_int_equal(heap_used(&heap), 0);
    }
}

static void test_changes_while_a_graph_is_built(void **state)
{
    (void)state;
    rng_init(&rng, 78);
    float *rows = clustered(ROWS);
    struct vector_set *set = make(VSET_Q8, GRAPH_DIM);
    put_rows(set, rows, 0, 6000);
    struct vset_job *job = vset_job_take(set);
    assert_non_null(job);
    assert_null(vset_job_take(set)); /* one at a time */
    char name[16];
    for (unsigned i = 0; i < 2000; i++) vset_remove(set, vset_find(set, name_of(i, name)));
    for (unsigned i = 2000; i < 3000; i++) put(set, name_of(i, name), rows + GRAPH_DIM);
    put_rows(set, rows, 6000, 7000);
    assert_true(vset_is_valid(set));
    vset_job_run(job, os_real(), NULL);
    job = vset_job_take(set); /* takes the result; a third of it is dead */
    assert_true(vset_is_valid(set));
    struct vset_shape shape;
    vset_shape_get(set, &shape);
    assert_int_equal(shape.graphs, 1);
    assert_non_null(job);
    vset_job_run(job, os_real(), NULL);
    run_jobs(set);
    assert_true(vset_is_valid(set));
    vset_shape_get(set, &shape);
    assert_int_equal(shape.rows - shape.dead, 5000);
    assert_true(shape.dead < 1000);
    size_t least;
    const struct vset_search ten = {.count = 10};
    assert_true(recall(set, &ten, &least) > 0.97);

    /* A set may go while a build and a search hold it. */
    put_rows(set, rows, 0, 2000);
    put_rows(set, rows, 7000, ROWS);
    job = vset_job_take(set);
    struct vset_view *view = vset_pin(set);
    vset_free(set);
    if (job) vset_job_run(job, os_real(), NULL);
    struct vset_hit *hits;
    size_t found;
    const struct vset_search last = {.vector = rows, .count = 5};
    assert_int_equal(vset_search(view, &last, &hits, &found), 0);
    assert_int_equal(found, 5);
    assert_non_null(vset_hit_element(view, &hits[0]));
    mem_free(hits);
    vset_unpin(view);
    mem_free(rows);
    assert_int_equal(heap_used(&heap), 0);
}

static void test_a_dropped_job_and_a_stopped_one(void **state)
{
    (void)state;
    rng_init(&rng, 79);
    float *rows = clustered(ROWS);
    struct vector_set *set = make(VSET_F32, GRAPH_DIM);
    put_rows(set, rows, 0, 5000);
    struct vset_job *job = vset_job_take(set);
    assert_non_null(job);
    vset_job_drop(job);
    assert_null(vset_job_take(set)); /* not at once again */
    put_rows(set, rows, 5000, ROWS);
    run_jobs(set);
    put(set, text_of("late"), rows);
    put_rows(set, rows, 0, ROWS);
    job = vset_job_take(set);
    assert_non_null(job);
    const atomic_bool stop = true;
    vset_job_run(job, os_real(), &stop);
    assert_null(vset_job_take(set));
    assert_true(vset_is_valid(set));
    struct vset_shape shape;
    vset_shape_get(set, &shape);
    assert_false(shape.busy);
    vset_free(set);
    mem_free(rows);
    assert_int_equal(heap_used(&heap), 0);
}

/* What a view found stays what it was, whoever has its number now. */
static void test_a_view_outlives_changes(void **state)
{
    (void)state;
    rng_init(&rng, 80);
    struct vector_set *set = make(VSET_Q8, 4);
    const float x[] = {1, 0, 0, 0}, y[] = {0, 1, 0, 0};
    put(set, text_of("a"), x);
    put(set, text_of("b"), y);
    struct vset_view *view = vset_pin(set);
    struct vset_hit *hits;
    size_t found;
    const struct vset_search search = {.vector = x, .count = 2};
    assert_int_equal(vset_search(view, &search, &hits, &found), 0);
    assert_int_equal(found, 2);
    vset_remove(set, vset_find(set, text_of("a")));
    put(set, text_of("c"), y); /* takes the number of a */
    put(set, text_of("b"), x); /* replaced: still b */
    assert_null(vset_hit_element(view, &hits[0]));
    assert_string_equal(vset_name(vset_hit_element(view, &hits[1])).data, "b");
    mem_free(hits);
    vset_unpin(view);
    vset_free(set);
    assert_int_equal(heap_used(&heap), 0);
}

static void test_replacing_does_not_grow(void **state)
{
    (void)state;
    rng_init(&rng, 81);
    struct vector_set *set = make(VSET_F32, 8);
    char name[16];
    float vector[8];
    size_t most = 0;
    for (unsigned i = 0; i < 20000; i++) {
        draw(vector, 8);
        put(set, name_of(i % 10, name), vector);
        if (heap_used(&heap) > most) most = heap_used(&heap);
    }
    assert_int_equal(vset_count(set), 10);
    assert_true(most < 40000);
    vset_free(set);
    assert_int_equal(heap_used(&heap), 0);
}

/* ---- order ---- */

struct listing {
    char text[256];
    size_t len;
};

static void list_name(void *ctx, struct vset_element *element)
{
    struct listing *listing = ctx;
    const struct kith_str name = vset_name(element);
    assert_true(listing->len + name.len + 1 < sizeof listing->text);
    memcpy(listing->text + listing->len, name.data, name.len);
    listing->len += name.len;
    listing->text[listing->len++] = ' ';
    listing->text[listing->len] = 0;
}

static void expect_range(const struct vector_set *set, const char *from, const char *to,
                         uint64_t count, const char *expected)
{
    struct listing listing = {.len = 0};
    const struct vset_bound low = {text_of(from + 1), *from == '[', *from == '-'};
    const struct vset_bound high = {text_of(to + 1), *to == '[', *to == '+'};
    vset_range(set, &low, &high, count, list_name, &listing);
    assert_string_equal(listing.text, expected);
}

static void test_ranges(void **state)
{
    (void)state;
    static const char *const names[] = {"b",        "a",        "abcdef",  "abcdefg",
                                        "abcdefga", "abcdefgb", "\xff", "aa"};
    const float x[] = {1, 2};
    struct vector_set *set = make(VSET_BIN, 2);
    for (size_t i = 0; i < 8; i++) put(set, text_of(names[i]), x);
    expect_range(set, "-", "+", UINT64_MAX,
                 "a aa abcdef abcdefg abcdefga abcdefgb b \xff ");
    expect_range(set, "(abcdefg", "[abcdefgb", UINT64_MAX, "abcdefga abcdefgb ");
    expect_range(set, "[abcdefg", "(abcdefgb", UINT64_MAX, "abcdefg abcdefga ");
    expect_range(set, "(a", "+", 2, "aa abcdef ");
    expect_range(set, "[b", "[a", UINT64_MAX, "");
    expect_range(set, "[c", "+", UINT64_MAX, "\xff ");
    expect_range(set, "-", "+", 0, "");
    vset_free(set);
}

/* ---- the portable form ---- */

static void encode(const struct vector_set *set, struct buffer *out)
{
    buffer_init(out);
    vset_ops.encode(set, out);
    assert_false(buffer_failed(out));
}

static void test_round_trip(void **state)
{
    (void)state;
    for (unsigned quant = VSET_F32; quant <= VSET_BIN; quant++) {
        rng_init(&rng, 82);
        struct vector_set *set = make((enum vset_quant)quant, 67);
        float vector[67];
        char name[16];
        for (unsigned i = 0; i < 300; i++) {
            draw(vector, 67);
            put(set, name_of(i % 200, name), vector);
        }
        assert_int_equal(
            vset_set_attribute(set, vset_find(set, text_of("n5")), text_of("{}")), 0);
        struct buffer first, second;
        encode(set, &first);
        struct cursor in;
        cursor_init(&in, first.data, first.len);
        void *copy;
        assert_int_equal(vset_ops.decode(&heap, NULL, &in, &copy), 0);
        assert_int_equal(cursor_left(&in), 0);
        assert_true(vset_is_valid(copy));
        encode(copy, &second);
        assert_int_equal(first.len, second.len);
        assert_memory_equal(first.data, second.data, first.len);
        for (size_t cut = 0; cut < first.len; cut += 1 + cut / 16) {
            void *broken;
            cursor_init(&in, first.data, cut);
            assert_int_equal(vset_ops.decode(&heap, NULL, &in, &broken), KITH_ECORRUPT);
        }
        assert_true(vset_ops.bytes(copy) > 200 * 10);
        vset_free(copy);
        vset_free(set);
        buffer_release(&first);
        buffer_release(&second);
        assert_int_equal(heap_used(&heap), 0);
    }
}

/* The hash table does not count its chained buckets. */
static void check_bytes(const struct vector_set *set)
{
    const size_t said = vset_ops.bytes(set), used = heap_used(&heap);
    assert_true(said <= used);
    assert_true(said + used / 50 >= used);
}

static void test_memory_is_what_was_taken(void **state)
{
    (void)state;
    rng_init(&rng, 83);
    float *rows = clustered(ROWS);
    struct vector_set *set = make(VSET_Q8, GRAPH_DIM);
    put_rows(set, rows, 0, ROWS);
    check_bytes(set);
    run_jobs(set);
    check_bytes(set);
    put_rows(set, rows, 0, 1000);
    check_bytes(set);
    vset_free(set);
    mem_free(rows);
}

/* ---- no memory ---- */

static void test_allocation_failures(void **state)
{
    (void)state;
    unsigned failed = 0;
    for (uint64_t nth = 1; nth < 400; nth++) {
        rng_init(&rng, 84);
        const struct vset_params params = {VSET_Q8, 6, 0, 16};
        struct vector_set *set = NULL;
        float vector[6];
        size_t count = 0;
        alloc_fault_arm(nth, false);
        if (vset_new(&heap, &params, 1, &set) == 0) {
            for (unsigned i = 0; i < 120; i++) {
                char name[16];
                bool added;
                draw(vector, 6);
                const struct vset_put one = {.name = name_of(i % 90, name), .vector = vector,
                                             .set_attribute = i % 3 == 0,
                                             .attribute = text_of("{\"a\":1}")};
                const int rc = vset_put(set, &one, &added);
                assert_true(rc == 0 || rc == KITH_ENOMEM);
                failed += rc != 0;
                count += rc == 0 && added;
            }
            assert_int_equal(vset_count(set), count);
            assert_true(vset_is_valid(set));
            struct vset_view *view = vset_pin(set);
            struct vset_hit *hits;
            size_t found;
            const struct vset_search search = {.vector = vector, .count = 5};
            if (view && vset_search(view, &search, &hits, &found) == 0) mem_free(hits);
            vset_unpin(view);
        }
        alloc_fault_disarm();
        vset_free(set);
        assert_int_equal(heap_used(&heap), 0);
    }
    assert_true(failed > 20);
}

static void test_failures_of_a_build(void **state)
{
    (void)state;
    rng_init(&rng, 85);
    float *rows = clustered(4200);
    for (uint64_t nth = 1; nth < 40; nth++) {
        struct vector_set *set = make(VSET_Q8, GRAPH_DIM);
        put_rows(set, rows, 0, 4200);
        alloc_fault_arm(nth, true);
        struct vset_job *job = vset_job_take(set);
        if (job) vset_job_run(job, os_real(), NULL);
        job = vset_job_take(set);
        alloc_fault_disarm();
        assert_null(job);
        assert_true(vset_is_valid(set));
        assert_int_equal(vset_count(set), 4200);
        vset_free(set);
        assert_int_equal(heap_used(&heap), 0);
    }
    mem_free(rows);
}

/* A graph takes up what is new and leaves out what is dead, and is as good as one built at once;
 * a set that is left alone is indexed whole. */
static void test_a_graph_grows(void **state)
{
    (void)state;
    rng_init(&rng, 87);
    float *rows = clustered(ROWS);
    struct vector_set *set = make(VSET_Q8, GRAPH_DIM);
    char name[16];
    put_rows(set, rows, 0, 4200);
    run_jobs(set);
    for (unsigned end = 4600; end <= 8400; end += 950) {
        put_rows(set, rows, end - 400, end + 550 < ROWS ? end + 550 : ROWS);
        for (unsigned i = 0; i < 300; i++) {
            struct vset_element *element = vset_find(set, name_of(end - 700 + i, name));
            if (element) vset_remove(set, element);
        }
        run_jobs(set);
        struct vset_job *job = vset_rest_is_due(set) ? vset_job_take_rest(set) : NULL;
        if (job) vset_job_run(job, os_real(), NULL);
        vset_job_free(vset_job_settle(set));
        assert_true(vset_is_valid(set));
        assert_false(vset_rest_is_due(set));
    }
    struct vset_shape shape;
    vset_shape_get(set, &shape);
    assert_int_equal(shape.graphs, 1);
    assert_true(shape.rows - shape.graph_rows < 1500);
    size_t least;
    const struct vset_search ten = {.count = 10};
    assert_true(recall(set, &ten, &least) > 0.97);
    vset_free(set);
    mem_free(rows);
    assert_int_equal(heap_used(&heap), 0);
}

static void test_failures_of_an_extension(void **state)
{
    (void)state;
    rng_init(&rng, 88);
    float *rows = clustered(5300);
    struct vector_set *set = make(VSET_Q8, GRAPH_DIM);
    put_rows(set, rows, 0, 4200);
    run_jobs(set);
    put_rows(set, rows, 4200, 5300);
    struct vset_shape shape = {0};
    unsigned failed = 0;
    for (uint64_t nth = 1; shape.graph_rows < 5000; nth++) {
        assert_true(nth < 300);
        set->retry_at = 0;
        alloc_fault_arm(nth, false);
        struct vset_job *job = vset_job_take_rest(set);
        if (job) vset_job_run(job, os_real(), NULL);
        vset_job_free(vset_job_settle(set));
        alloc_fault_disarm();
        assert_true(vset_is_valid(set));
        vset_shape_get(set, &shape);
        assert_int_equal(shape.graphs, 1);
        failed += shape.graph_rows < 5000;
    }
    assert_true(failed > 10);
    vset_free(set);
    mem_free(rows);
    assert_int_equal(heap_used(&heap), 0);
}

/* ---- numbers ---- */

static void test_extreme_vectors(void **state)
{
    (void)state;
    struct vector_set *set = make(VSET_Q8, 2);
    const float huge[] = {3e38f, 3e38f}, tiny[] = {1e-40f, 0}, zero[] = {0, 0};
    float back[2];
    put(set, text_of("huge"), huge);
    put(set, text_of("tiny"), tiny);
    put(set, text_of("zero"), zero);
    vset_read(set, vset_find(set, text_of("huge")), back);
    assert_true(isfinite(back[0]) && back[0] > 2e38f);
    vset_read(set, vset_find(set, text_of("tiny")), back);
    assert_true(back[0] > 0 && back[0] < 2e-40f);
    vset_read(set, vset_find(set, text_of("zero")), back);
    assert_true(back[0] == 0 && back[1] == 0);
    vset_free(set);
}

static void test_reduction(void **state)
{
    (void)state;
    rng_init(&rng, 86);
    float in[45], out[13];
    draw(in, 45);
    vset_reduce(in, 45, out, 13);
    for (uint32_t i = 0; i < 13; i++) {
        double sum = 0;
        for (uint32_t j = 0; j < 45; j++) {
            sum += __builtin_parity(i & j) ? -(double)in[j] : (double)in[j];
        }
        assert_true(fabs(sum / sqrt(45.0) - (double)out[i]) < 1e-5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_changes),
        cmocka_unit_test(test_graphs),
        cmocka_unit_test(test_changes_while_a_graph_is_built),
        cmocka_unit_test(test_a_dropped_job_and_a_stopped_one),
        cmocka_unit_test(test_a_view_outlives_changes),
        cmocka_unit_test(test_replacing_does_not_grow),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_memory_is_what_was_taken),
        cmocka_unit_test(test_allocation_failures),
        cmocka_unit_test(test_failures_of_a_build),
        cmocka_unit_test(test_a_graph_grows),
        cmocka_unit_test(test_failures_of_an_extension),
        cmocka_unit_test(test_extreme_vectors),
        cmocka_unit_test(test_reduction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
