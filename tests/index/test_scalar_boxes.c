/*
 * RTREE: envelopes read from well-known text, and the boxes found against all boxes one by one.
 */
#include "index/scalar_help.h"

#include "index/scalar_boxes.h"

static void envelopes(void **state)
{
    static const struct { const char *text; double box[4]; } cases[] = {
        { "POINT (1 2)", { 1, 2, 1, 2 } },
        { "point(-1.5 +.5)", { -1.5, 0.5, -1.5, 0.5 } },
        { "POINT Z (1 2 99)", { 1, 2, 1, 2 } },
        { "LINESTRING (0 0, 10 5., 1e1 -7)", { 0, -7, 10, 5 } },
        { "POLYGON ((0 0, 4 0, 4 4, 0 0), (1 1, 2 1, 2 2, 1 1))", { 0, 0, 4, 4 } },
        { "MULTIPOINT ((3 4), (1 9))", { 1, 4, 3, 9 } },
        { "MULTIPOINT (3 4, 1 9)", { 1, 4, 3, 9 } },
        { "GEOMETRYCOLLECTION (POINT (7 8), POINT EMPTY, LINESTRING (1 1,2 2))", { 1, 1, 8, 8 } },
        { "SRID=4326;POINT(1 2)", { 1, 2, 1, 2 } },
        { "POINT(007 -00.25)", { 7, -0.25, 7, -0.25 } },
    };
    static const char *const unknown[] = { "POINT (nan 2)", "POINT (1)", "POINT (1 inf)", "", "(",
                                           "CIRCULARSTRING (0 0, 1 1, 2 0)", "POINT (1 2e999)",
                                           "LINESTRING (0 0, x)", "nonsense" };
    (void)state;
    double box[4];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(scalar_wkt_box(str_of(cases[i].text), box), WKT_BOX);
        const double *want = cases[i].box;
        const bool same = i == 7 ? box[0] == 1 && box[1] == 1 && box[2] == 7 && box[3] == 8
                                 : memcmp(box, want, sizeof box) == 0;
        if (!same) fail_msg("%s: %g %g %g %g", cases[i].text, box[0], box[1], box[2], box[3]);
    }
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        assert_int_equal(scalar_wkt_box(str_of(unknown[i]), box), WKT_BOX);
        if (!isinf(box[0]) || !isinf(box[3])) fail_msg("'%s' has a box", unknown[i]);
    }
    assert_int_equal(scalar_wkt_box(str_of("POLYGON EMPTY"), box), WKT_EMPTY);
    assert_int_equal(scalar_wkt_box(str_of("GEOMETRYCOLLECTION (POINT EMPTY)"), box), WKT_EMPTY);
}

struct truth { double box[4]; bool there; };

static void fill(struct column *c, struct truth *truth)
{
    for (size_t row = 0; row < c->rows; row++) {
        const double x = (double)rng_below(&c->rng, 1000) / 4 - 100;
        const double y = (double)rng_below(&c->rng, 1000) / 4 - 100;
        const double w = (double)rng_below(&c->rng, 9), h = (double)rng_below(&c->rng, 3);
        const uint64_t what = rng_below(&c->rng, 20);
        char text[200];
        truth[row].there = what > 1;
        const double box[4] = { x, y, x + w, y + h };
        memcpy(truth[row].box, box, sizeof box);
        for (size_t i = 0; what == 2 && i < 4; i++)
            truth[row].box[i] = i < 2 ? -(double)INFINITY : (double)INFINITY;
        if (what == 0) {
            column_cell(c, row, (struct cell){ .kind = CELL_NONE });
            continue;
        }
        const int len = what == 1   ? snprintf(text, sizeof text, "POINT EMPTY")
                        : what == 2 ? snprintf(text, sizeof text, "POINT (nan nan)")
                                    : snprintf(text, sizeof text,
                                               "LINESTRING (%.4f %.4f, %.4f %.4f)", x, y + h,
                                               x + w, y);
        column_cell(c, row, (struct cell){ .kind = CELL_TEXT, .s = keep(c, text, (size_t)len) });
    }
}

static void ask(struct column *c, struct opened *o, const struct truth *truth)
{
    struct probe p = { .kind = PROBE_BOX };
    struct bitset yes;
    uint64_t estimate, found = 0;
    p.box[0] = (double)rng_below(&c->rng, 300) - 150;
    p.box[1] = (double)rng_below(&c->rng, 300) - 150;
    p.box[2] = p.box[0] + (double)rng_below(&c->rng, 100);
    p.box[3] = p.box[1] + (double)rng_below(&c->rng, 100);
    assert_int_equal(bitset_init(&yes, c->rows, false), 0);
    struct probe_answer answer = { .yes = &yes, .exact = true };
    assert_int_equal(o->index->ops->probe(o->index, &p, &answer), 0);
    assert_false(answer.exact);
    for (size_t row = 0; row < c->rows; row++) {
        const double *b = truth[row].box;
        const bool meets = truth[row].there && b[0] <= p.box[2] && p.box[0] <= b[2] &&
                           b[1] <= p.box[3] && p.box[1] <= b[3];
        assert_int_equal(bitset_get(&yes, row), meets);
        found += meets;
    }
    assert_int_equal(o->index->ops->estimate(o->index, &p, &estimate), 0);
    if (c->rows > 1000) { /* a tenth of all rows and a factor of three */
        assert_true(estimate <= 3 * found + c->rows / 10);
        assert_true(found <= 3 * estimate + c->rows / 10);
    }
    bitset_release(&yes);
}

static void boxes(void **state)
{
    static const size_t rows[] = { 0, 1, 16, 17, 300, 5000 };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct column c;
        struct opened o;
        struct truth *truth = calloc(rows[i] + 1, sizeof *truth);
        column_empty(&c, &(struct column_opts){ .type = KITH_GEOMETRY, .rows = rows[i] }, 50 + i);
        fill(&c, truth);
        opened_make(&o, "RTREE", &c);
        assert_int_equal(o.index->ops->validate(o.index, NULL), 0);
        for (int k = 0; k < 40; k++) ask(&c, &o, truth);
        opened_release(&o);
        column_release(&c);
        free(truth);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(envelopes), cmocka_unit_test(boxes) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
