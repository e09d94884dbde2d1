/*
 * Scalar indexes when something is wrong: flipped and cut sections never lead further than a status
 * or rows within bounds; pages are verified at first touch; every failing allocation is a status;
 * and the same rows give the same bytes.
 */
#include "index/scalar_ask.h"

#include "base/checksum.h"

struct subject {
    const char *kind;
    struct column_opts opts;
};

static const struct subject subjects[] = {
    { "STL_SORT", { .type = KITH_INT64, .nulls = true, .rows = 700, .distinct = 200 } },
    { "STL_SORT", { .type = KITH_DOUBLE, .nulls = true, .rows = 700, .distinct = 5000 } },
    { "TRIE", { .type = KITH_VARCHAR, .nulls = true, .rows = 700, .distinct = 400 } },
    { "BITMAP", { .type = KITH_VARCHAR, .nulls = true, .rows = 700, .distinct = 20 } },
    { "BITMAP", { .type = KITH_ARRAY, .element = KITH_INT8, .rows = 700, .distinct = 9 } },
    { "INVERTED", { .type = KITH_ARRAY, .element = KITH_VARCHAR, .rows = 300, .distinct = 90 } },
    { "INVERTED", { .type = KITH_JSON, .cast = KITH_DOUBLE, .rows = 500, .distinct = 90 } },
    { "NGRAM", { .type = KITH_VARCHAR, .rows = 500, .distinct = 400 } },
    { "RTREE", { .type = KITH_GEOMETRY, .rows = 700 } },
};
#define SUBJECTS (sizeof subjects / sizeof *subjects)

static void subject_make(struct column *c, const struct subject *s, uint64_t seed)
{
    if (s->opts.type != KITH_GEOMETRY) {
        column_make(c, &s->opts, seed);
        return;
    }
    column_empty(c, &s->opts, seed);
    for (size_t row = 0; row < s->opts.rows; row++) {
        char text[100];
        const int len = snprintf(text, sizeof text, "POINT (%d %d)",
                                 (int)rng_below(&c->rng, 200) - 100,
                                 (int)rng_below(&c->rng, 200) - 100);
        column_cell(c, row, (struct cell){ .kind = CELL_TEXT, .s = keep(c, text, (size_t)len) });
    }
}

static void subject_ask(struct column *c, struct ask *ask)
{
    if (c->field.type != KITH_GEOMETRY) {
        ask_make(c, ask);
        return;
    }
    ask->probe = (struct probe){ .kind = rng_below(&c->rng, 4) ? PROBE_BOX : PROBE_PRESENT,
                                 .box = { -50, -50, (double)rng_below(&c->rng, 100), 50 } };
}

/* Any status but one of the machine; rows within bounds. */
static void ask_damaged(struct column *c, const struct scalar_index *index)
{
    struct bitset yes, present;
    struct ask ask;
    uint64_t estimate = 0;
    assert_int_equal(bitset_init(&yes, c->rows, false), 0);
    assert_int_equal(bitset_init(&present, c->rows, false), 0);
    for (int i = 0; i < 12; i++) {
        subject_ask(c, &ask);
        bitset_fill(&yes, false);
        struct probe_answer answer = { .yes = &yes, .present = &present };
        const int rc = index->ops->probe(index, &ask.probe, &answer);
        assert_true(rc == 0 || rc == KITH_ECORRUPT || rc == KITH_EUNSUPPORTED);
        const size_t last = BITSET_WORDS(c->rows) - 1;
        assert_int_equal(yes.words[last] >> (c->rows % 64), 0);
        assert_int_equal(present.words[last] >> (c->rows % 64), 0);
        const int guess = index->ops->estimate(index, &ask.probe, &estimate);
        assert_true(guess == 0 || guess == KITH_ECORRUPT || guess == KITH_EUNSUPPORTED);
        if (guess == 0) assert_true(estimate <= c->rows);
    }
    const int rc = index->ops->validate(index, NULL);
    assert_true(rc == 0 || rc == KITH_ECORRUPT);
    bitset_release(&yes);
    bitset_release(&present);
}

/* Copies to the byte, so that a sanitizer sees what is read behind a section; then harm. */
static void harm(struct column *c, const struct opened *o, struct index_view_section *views)
{
    for (size_t i = 0; i < o->image.count; i++) {
        const struct index_section *section = &o->image.sections[i];
        uint8_t *copy = malloc(section->len);
        assert_non_null(copy);
        memcpy(copy, section->data, section->len);
        views[i].id = section->id;
        views[i].bytes = (struct section){ .data = copy, .len = section->len };
    }
    const size_t hits = 1 + (size_t)rng_below(&c->rng, 4);
    for (size_t n = 0; n < hits; n++) {
        struct index_view_section *view = &views[rng_below(&c->rng, o->image.count)];
        const size_t at = (size_t)rng_below(&c->rng, view->bytes.len);
        uint8_t *bytes = NULL;
        memcpy(&bytes, &view->bytes.data, sizeof bytes);
        if (rng_below(&c->rng, 8) == 0) {
            uint8_t *cut = malloc(at + 1);
            memcpy(cut, bytes, at);
            free(bytes);
            view->bytes = (struct section){ .data = cut, .len = at };
            return;
        }
        if (rng_below(&c->rng, 2)) bytes[at] = (uint8_t)rng_u64(&c->rng);
        else bytes[at] = (uint8_t)(bytes[at] ^ 1u << rng_below(&c->rng, 8));
    }
}

static void random_damage(void **state)
{
    (void)state;
    for (size_t s = 0; s < SUBJECTS; s++) {
        struct column c;
        struct opened o;
        size_t opened = 0;
        subject_make(&c, &subjects[s], 70 + s);
        opened_make(&o, subjects[s].kind, &c);
        for (int round = 0; round < 250; round++) {
            struct index_view_section views[INDEX_SECTIONS_MAX];
            struct scalar_index *index = NULL;
            harm(&c, &o, views);
            const int rc = o.index->ops->open(os_real(), views, o.image.count, c.rows, &c.params,
                                              &index, NULL);
            assert_true(rc == 0 || rc == KITH_ECORRUPT || rc == KITH_EVERSION);
            if (rc == 0) {
                opened++;
                ask_damaged(&c, index);
                index->ops->close(index);
            }
            for (size_t i = 0; i < o.image.count; i++) {
                void *bytes = NULL;
                memcpy(&bytes, &views[i].bytes.data, sizeof bytes);
                free(bytes);
            }
        }
        assert_true(opened > 50);
        opened_release(&o);
        column_release(&c);
    }
}

/* A bad page is found when it is needed, not before. */
static void guarded(void **state)
{
    struct column c;
    struct opened o;
    (void)state;
    column_make(&c, &(struct column_opts){ .type = KITH_INT64, .rows = 9000, .distinct = 900000 },
                5);
    opened_make(&o, "STL_SORT", &c);
    for (size_t i = 0; i < o.image.count; i++) {
        const struct index_section *section = &o.image.sections[i];
        const size_t pages = (section->len + PAGE_BYTES - 1) / PAGE_BYTES;
        uint8_t *sums = malloc(4 * pages);
        for (size_t p = 0; p < pages; p++) {
            const size_t at = p * PAGE_BYTES, left = section->len - at;
            le32_put(sums + 4 * p, checksum32(section->data + at,
                                              left < PAGE_BYTES ? left : PAGE_BYTES,
                                              checksum_seed(1, 2, p)));
        }
        struct page_guard guard;
        struct index_view_section views[INDEX_SECTIONS_MAX];
        memcpy(views, o.views, sizeof views);
        assert_int_equal(page_guard_init(&guard, section->data, section->len, sums, 1, 2, 0), 0);
        views[i].bytes.guard = &guard;
        for (size_t p = 0; p < pages; p++) section->data[p * PAGE_BYTES] ^= 1;
        struct scalar_index *index = NULL;
        int rc = o.index->ops->open(os_real(), views, o.image.count, c.rows, &c.params, &index,
                                    NULL);
        struct bitset yes;
        assert_int_equal(bitset_init(&yes, c.rows, false), 0);
        struct probe_answer answer = { .yes = &yes };
        const struct probe p = { .kind = PROBE_RANGE, .has_low = true,
                                 .low = { .type = KITH_INT64, .i = 400000 } };
        if (rc == 0) {
            rc = index->ops->probe(index, &p, &answer);
            index->ops->close(index);
        }
        assert_int_equal(rc, KITH_ECORRUPT);
        for (size_t k = 0; k < pages; k++) section->data[k * PAGE_BYTES] ^= 1;
        bitset_release(&yes);
        page_guard_release(&guard);
        free(sums);
    }
    opened_release(&o);
    column_release(&c);
}

static void same_bytes(void **state)
{
    (void)state;
    for (size_t s = 0; s < SUBJECTS; s++) {
        struct column c;
        struct opened a, b;
        subject_make(&c, &subjects[s], 90 + s);
        opened_make(&a, subjects[s].kind, &c);
        c.source.chunk_rows = 64;
        opened_make(&b, subjects[s].kind, &c);
        assert_int_equal(a.image.count, b.image.count);
        for (size_t i = 0; i < a.image.count; i++) {
            assert_int_equal(a.image.sections[i].id, b.image.sections[i].id);
            assert_int_equal(a.image.sections[i].len, b.image.sections[i].len);
            assert_memory_equal(a.image.sections[i].data, b.image.sections[i].data,
                                a.image.sections[i].len);
        }
        opened_release(&a);
        opened_release(&b);
        column_release(&c);
    }
}

static int build_and_ask(struct column *c, const char *kind, const struct probe *probe)
{
    const struct scalar_index_ops *ops = scalar_index_ops_find(kind);
    const struct index_job job = { .os = os_real(), .threads = 1 };
    struct index_image image = { .count = 0 };
    struct scalar_index *index = NULL;
    struct index_view_section views[INDEX_SECTIONS_MAX];
    struct bitset yes = { 0 };
    int rc = ops->build(&c->source, 0, &c->params, &job, &image, NULL);
    for (size_t i = 0; !rc && i < image.count; i++)
        views[i] = (struct index_view_section){ image.sections[i].id,
                                                { image.sections[i].data, image.sections[i].len,
                                                  NULL } };
    if (!rc) rc = ops->open(os_real(), views, image.count, c->rows, &c->params, &index, NULL);
    if (!rc) rc = bitset_init(&yes, c->rows, false);
    struct probe_answer answer = { .yes = &yes };
    if (!rc) rc = ops->probe(index, probe, &answer);
    if (rc == KITH_EUNSUPPORTED) rc = 0;
    if (!rc) rc = ops->validate(index, NULL);
    if (index) ops->close(index);
    bitset_release(&yes);
    index_image_release(os_real(), &image);
    return rc;
}

static void every_allocation_fails(void **state)
{
    (void)state;
    for (size_t s = 0; s < SUBJECTS; s++) {
        struct column c;
        struct ask ask;
        struct subject subject = subjects[s];
        int rc = KITH_ENOMEM;
        subject.opts.rows = 120;
        subject_make(&c, &subject, 30 + s);
        subject_ask(&c, &ask);
        if (ask.probe.kind == PROBE_PRESENT && c.field.type != KITH_GEOMETRY)
            ask.probe.kind = PROBE_LIKE;
        for (uint64_t n = 1; rc != 0; n++) {
            alloc_fault_arm(n, false);
            rc = build_and_ask(&c, subject.kind, &ask.probe);
            alloc_fault_disarm();
            assert_true(rc == 0 || rc == KITH_ENOMEM);
            assert_true(n < 5000);
        }
        column_release(&c);
    }
}

/* A fired cancel and a full budget end a build; what was reserved is given back. */
static void stopped(void **state)
{
    (void)state;
    for (size_t s = 0; s < SUBJECTS; s++) {
        struct column c;
        struct index_image image = { .count = 0 };
        struct budget budget;
        atomic_bool cancel = true;
        struct index_job job = { .os = os_real(), .threads = 1, .cancel = &cancel };
        const struct scalar_index_ops *ops = scalar_index_ops_find(subjects[s].kind);
        subject_make(&c, &subjects[s], 200 + s);
        assert_int_equal(ops->build(&c.source, 0, &c.params, &job, &image, NULL), KITH_ECANCELLED);
        cancel = false;
        budget_init(&budget, 100);
        job.budget = &budget;
        assert_int_equal(ops->build(&c.source, 0, &c.params, &job, &image, NULL), KITH_EBUSY);
        budget_init(&budget, 1 << 30);
        assert_int_equal(ops->build(&c.source, 0, &c.params, &job, &image, NULL), 0);
        assert_true(budget_reserve(&budget, BUDGET_BUILD, 1 << 30));
        index_image_release(os_real(), &image);
        column_release(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_damage), cmocka_unit_test(guarded),
        cmocka_unit_test(same_bytes),    cmocka_unit_test(every_allocation_fails),
        cmocka_unit_test(stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
