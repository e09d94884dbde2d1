/*
 * A graph that takes up another one: rows added, rows gone, both, again and again. What comes must
 * be as good as a graph that was built of the same rows at once, and whole by the validator.
 */
#include "graph_help.h"

#include "os/os.h"

#define DIM 24
#define FIRST 3000u
#define ALL 6000u
#define QUERIES 60u

static const struct index_params params = {8, 60};

/* The rows of `kept` (ascending numbers into all) as vectors of their own. */
struct part {
    struct vectors vectors;
    float *rows;     /* owns */
    uint32_t *kept;  /* owns */
    struct opened o;
};

static void part_init(struct part *part, const float *all, const bool *take, uint32_t count)
{
    *part = (struct part){.rows = malloc(sizeof(float) * DIM * count + 1),
                          .kept = malloc(sizeof(uint32_t) * count + 1)};
    uint32_t rows = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!take[i]) continue;
        memcpy(part->rows + (size_t)rows * DIM, all + (size_t)i * DIM, DIM * sizeof(float));
        part->kept[rows++] = i;
    }
    part->vectors = vectors_over(part->rows, rows, DIM, KERNEL_F32, KERNEL_COSINE);
}

static void part_release(struct part *part)
{
    opened_release(&part->o);
    free(part->rows);
    free(part->kept);
}

/* Where the rows of `from` stand in `to`. */
static uint32_t *map_of(const struct part *from, const struct part *to)
{
    uint32_t *map = malloc(sizeof *map * from->vectors.count + 1);
    for (size_t i = 0, j = 0; i < from->vectors.count; i++) {
        while (j < to->vectors.count && to->kept[j] < from->kept[i]) j++;
        const bool there = j < to->vectors.count && to->kept[j] == from->kept[i];
        map[i] = there ? (uint32_t)j : INDEX_ROW_GONE;
    }
    return map;
}

static int extend(const struct part *from, struct part *to)
{
    uint32_t *map = map_of(from, to);
    const struct index_job job = {.os = os_real(), .threads = 1};
    const struct index_base base = {from->o.index, map};
    const int rc = index_extend(&base, &to->vectors, &params, &job, &to->o.image, NULL);
    free(map);
    return rc;
}

static void extend_and_open(const struct part *from, struct part *to)
{
    assert_int_equal(extend(from, to), 0);
    assert_int_equal(image_open(&to->o, &to->vectors), 0);
    assert_int_equal(to->o.index->ops->validate(to->o.index, NULL), 0);
}

static double recall_at(const struct part *part, const float *queries)
{
    const struct index_search search = {.k = 10, .ef = 40};
    return recall_of(part->o.index, &part->vectors, (const uint8_t *)queries, QUERIES, search);
}

static double recall_anew(const struct part *part, const float *queries)
{
    struct opened anew;
    opened_make(&anew, &part->vectors, params);
    const struct index_search search = {.k = 10, .ef = 40};
    const double recall =
        recall_of(anew.index, &part->vectors, (const uint8_t *)queries, QUERIES, search);
    opened_release(&anew);
    return recall;
}

static int ascending(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void first_half(struct part *part, const float *rows, bool *take)
{
    for (uint32_t i = 0; i < ALL; i++) take[i] = i < FIRST;
    part_init(part, rows, take, ALL);
    opened_make(&part->o, &part->vectors, params);
}

static void rows_come_and_go(void **state)
{
    (void)state;
    struct sample s = sample_make(ALL, QUERIES, DIM, KERNEL_COSINE, 71);
    const float *queries = s.rows + (size_t)ALL * DIM;
    bool take[ALL];
    struct part parts[5];
    first_half(&parts[0], s.rows, take);
    struct rng rng;
    rng_init(&rng, 72);
    for (unsigned step = 1; step < 5; step++) {
        for (uint32_t i = 0; i < ALL; i++) {
            if (i < FIRST + 700 * step) take[i] = take[i] || i >= FIRST + 700 * (step - 1);
            if (step % 2 == 0 && rng_below(&rng, 4) == 0) take[i] = false;
        }
        part_init(&parts[step], s.rows, take, ALL);
        extend_and_open(&parts[step - 1], &parts[step]);
        const double here = recall_at(&parts[step], queries);
        const double anew = recall_anew(&parts[step], queries);
        if (here < anew - 0.01) fail_msg("step %u: recall %.4f, anew %.4f", step, here, anew);
        assert_true(here > 0.95);
    }
    for (unsigned step = 0; step < 5; step++) part_release(&parts[step]);
    sample_free(&s);
}

/* A whole region goes: nearly all neighbours of what stays at its edge. */
static void a_region_goes(void **state)
{
    (void)state;
    struct sample s = sample_make(ALL, QUERIES, DIM, KERNEL_COSINE, 73);
    bool take[ALL];
    struct part all, rest;
    for (uint32_t i = 0; i < ALL; i++) take[i] = true;
    part_init(&all, s.rows, take, ALL);
    opened_make(&all.o, &all.vectors, params);
    for (uint32_t i = 0; i < ALL; i++) take[i] = s.rows[(size_t)i * DIM] > 0;
    part_init(&rest, s.rows, take, ALL);
    extend_and_open(&all, &rest);
    const float *queries = s.rows + (size_t)ALL * DIM;
    assert_true(recall_at(&rest, queries) >= recall_anew(&rest, queries) - 0.01);
    part_release(&rest);
    part_release(&all);
    sample_free(&s);
}

/* A base of 27 to 40 % of the rows, all from one end of a line: the levels know no others. */
static void a_region_comes(void **state)
{
    (void)state;
    struct sample s = sample_make(ALL, QUERIES, DIM, KERNEL_COSINE, 76);
    const float *queries = s.rows + (size_t)ALL * DIM;
    float sorted[ALL];
    for (uint32_t i = 0; i < ALL; i++) sorted[i] = s.rows[(size_t)i * DIM];
    qsort(sorted, ALL, sizeof *sorted, ascending);
    bool take[ALL];
    for (uint32_t share = 27; share <= 40; share += 13) {
        const float edge = sorted[ALL * share / 100];
        struct part base, all;
        for (uint32_t i = 0; i < ALL; i++) take[i] = s.rows[(size_t)i * DIM] < edge;
        part_init(&base, s.rows, take, ALL);
        opened_make(&base.o, &base.vectors, params);
        for (uint32_t i = 0; i < ALL; i++) take[i] = true;
        part_init(&all, s.rows, take, ALL);
        extend_and_open(&base, &all);
        const double here = recall_at(&all, queries), anew = recall_anew(&all, queries);
        if (here < anew - 0.01) fail_msg("share %u: recall %.4f, anew %.4f", share, here, anew);
        part_release(&all);
        part_release(&base);
    }
    sample_free(&s);
}

/* Rows that share a node, some of which go; a base of which too little is left; none at all. */
static void odd_bases(void **state)
{
    (void)state;
    struct sample s = sample_make(1200, QUERIES, DIM, KERNEL_COSINE, 74);
    for (size_t i = 600; i < 900; i++) memcpy(s.rows + i * DIM, s.rows, DIM * sizeof(float));
    static const unsigned keep_every[] = {1, 2, 3, 5, 1200};
    bool take[1200];
    for (size_t k = 0; k < sizeof keep_every / sizeof keep_every[0]; k++) {
        struct part from, to;
        for (uint32_t i = 0; i < 1200; i++) take[i] = i < 800;
        part_init(&from, s.rows, take, 1200);
        opened_make(&from.o, &from.vectors, params);
        for (uint32_t i = 0; i < 1200; i++) take[i] = i % keep_every[k] == 0;
        part_init(&to, s.rows, take, 1200);
        extend_and_open(&from, &to);
        struct hit hits[1200];
        const struct index_search search = {.query = s.rows + (size_t)1200 * DIM,
                                            .k = to.vectors.count, .bound = INFINITY};
        assert_int_equal(search_ids(to.o.index, &search, hits), to.vectors.count);
        part_release(&to);
        part_release(&from);
    }
    sample_free(&s);
}

static void a_bad_map_and_no_memory(void **state)
{
    (void)state;
    struct sample s = sample_make(700, 1, DIM, KERNEL_COSINE, 75);
    bool take[700];
    struct part from, to;
    for (uint32_t i = 0; i < 700; i++) take[i] = i < 500;
    part_init(&from, s.rows, take, 700);
    opened_make(&from.o, &from.vectors, params);
    for (uint32_t i = 0; i < 700; i++) take[i] = i >= 20;
    part_init(&to, s.rows, take, 700);
    uint32_t map[500] = {[3] = 680}; /* one past the last */
    const struct index_job job = {.os = os_real(), .threads = 1};
    const struct index_base base = {from.o.index, map};
    assert_int_equal(index_extend(&base, &to.vectors, &params, &job, &to.o.image, NULL),
                     KITH_EINVAL);
    const atomic_bool stop = true;
    const struct index_job stopped = {.os = os_real(), .threads = 1, .cancel = &stop};
    map[3] = 0;
    assert_int_equal(index_extend(&base, &to.vectors, &params, &stopped, &to.o.image, NULL),
                     KITH_ECANCELLED);
    int rc = KITH_ENOMEM;
    for (uint64_t nth = 1; rc == KITH_ENOMEM; nth++) {
        alloc_fault_arm(nth, false);
        rc = extend(&from, &to);
        alloc_fault_disarm();
        assert_true(rc == 0 || rc == KITH_ENOMEM);
        assert_true(nth < 1000);
    }
    part_release(&to);
    part_release(&from);
    sample_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_and_go),
        cmocka_unit_test(a_region_goes),
        cmocka_unit_test(a_region_comes),
        cmocka_unit_test(odd_bases),
        cmocka_unit_test(a_bad_map_and_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
