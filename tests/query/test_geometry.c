/*
 * Distances on the sphere against points tried one by one, and geometries from texts: what is read,
 * what is refused, failing allocations.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "query/geometry.h"
#include "query/geometry_sphere.h"

#define ROUNDS 300
#define TRIES  4000

static struct rng rng;

static double uniform(double low, double high) { return low + (high - low) * rng_f64(&rng); }

static struct place_at anywhere(void)
{
    return (struct place_at){ uniform(-180, 180), uniform(-90, 90) };
}

/* Near or far from `at`, on the map. */
static struct place_at beside(struct place_at at)
{
    double reach = pow(10, uniform(-4, 2));
    return (struct place_at){ fmax(-180, fmin(180, at.lon + uniform(-reach, reach))),
                              fmax(-90, fmin(90, at.lat + uniform(-reach, reach))) };
}

static void known_distances(void **state)
{
    (void)state;
    const struct place_at berlin = { 13.4, 52.5 }, paris = { 2.35, 48.86 };
    assert_true(fabs(sphere_distance(berlin, paris) - 876400) < 2000);
    assert_true(fabs(sphere_distance((struct place_at){ 0, 0 }, (struct place_at){ 180, 0 }) -
                     M_PI * 6371008.8) < 1);
    /* Over the date line the way is short. */
    assert_true(sphere_distance((struct place_at){ 179.9, 0 }, (struct place_at){ -179.9, 0 }) <
                22300);
    assert_true(sphere_distance(berlin, berlin) == 0);
    assert_false(sphere_holds((struct place_at){ 180.1, 0 }));
    assert_false(sphere_holds((struct place_at){ 0, NAN }));
}

/* A segment is within what one of its points is, and not within clearly less than any of them. */
static void segments(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct place_at centre = anywhere(), a = beside(centre), b = beside(a);
        double least = sphere_distance(centre, a), length = 0;
        struct place_at before = a;
        for (int i = 1; i <= TRIES; i++) {
            double t = (double)i / TRIES;
            struct place_at p = { a.lon + t * (b.lon - a.lon), a.lat + t * (b.lat - a.lat) };
            least = fmin(least, sphere_distance(centre, p));
            length = fmax(length, sphere_distance(before, p));
            before = p;
        }
        double less = least * (1 - 1e-9) - length;
        if (!sphere_segment_within(centre, a, b, least + 1e-6) ||
            (less > 0 && sphere_segment_within(centre, a, b, less)))
            fail_msg("(%.9g %.9g) to (%.9g %.9g)-(%.9g %.9g): about %.9g m", centre.lon, centre.lat,
                     a.lon, a.lat, b.lon, b.lat, least);
    }
}

/* What is within metres is in the box. */
static void boxes(void **state)
{
    (void)state;
    for (int round = 0; round < 200 * ROUNDS; round++) {
        struct place_at centre = anywhere(), p = beside(centre);
        double metres = sphere_distance(centre, p), box[4];
        sphere_box(centre, metres, box);
        if (p.lon < box[0] || p.lon > box[2] || p.lat < box[1] || p.lat > box[3])
            fail_msg("(%.12g %.12g) is not in the box of %.9g m around (%.12g %.12g)", p.lon, p.lat,
                     metres, centre.lon, centre.lat);
    }
}

static void texts(void **state)
{
    (void)state;
    static const char *const good[] = {
        "POINT(1 2)", "point z (1 2 3)", "POINT EMPTY", "MULTIPOINT((1 2), (3 4))",
        "LINESTRING(0 0, 1 1)", "POLYGON((0 0, 1 0, 1 1, 0 0), (.2 .1, .3 .1, .3 .2, .2 .1))",
        "GEOMETRYCOLLECTION(POINT(1 1), GEOMETRYCOLLECTION(POINT(2 2)))", " POINT ( 1e3 -2.5 ) " };
    static const char *const bad[] = {
        "", " ", "POINT", "POINT(1)", "POINT(1 2", "POINT(1 2) x", "CIRCLE(1 2)", "POINT(a b)",
        "LINESTRING(1 1)", "POLYGON((0 0, 1 1))", "POLYGON((0 0, 1 1, 1 0, 0 1))", "POINT(nan 1)",
        "POINT(1e999 1)", "GEOMETRYCOLLECTION(POINT EMPTY, POINT(1 1))",
        "MULTIPOINT((1 1), EMPTY)" };
    struct kith_error err = { 0 };
    if (!geometry_supported()) skip();
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (geometry_check(good[i], strlen(good[i]), &err) != 0)
            fail_msg("%s: %s", good[i], err.text);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (geometry_check(bad[i], strlen(bad[i]), &err) != KITH_EINVAL)
            fail_msg("'%s' was read", bad[i]);
    assert_int_equal(geometry_check("POINT(1 2)\0", 11, &err), KITH_EINVAL);
    char *deep = malloc(200001);
    assert_non_null(deep);
    for (size_t i = 0; i < 200000; i++) deep[i] = '(';
    assert_int_equal(geometry_check(deep, 200000, &err), KITH_EINVAL);
    assert_non_null(strstr(err.text, "nested too deep"));
    free(deep);
}

static void failing_allocations(void **state)
{
    (void)state;
    const struct geometry_constant constant = { .relation = GEOMETRY_WITHIN,
                                                .wkt = { "POLYGON((0 0, 3 0, 0 3, 0 0))", 29 } };
    int rc = KITH_ENOMEM;
    if (!geometry_supported()) skip();
    for (uint64_t n = 1; rc != 0; n++) {
        struct geometry_matcher *matcher = NULL;
        alloc_fault_arm(n, true);
        rc = geometry_matcher_new(&constant, &matcher, NULL);
        alloc_fault_disarm();
        assert_true(rc == 0 || rc == KITH_ENOMEM);
        if (rc == 0) assert_int_equal(geometry_matcher_test(
            matcher, (struct kith_str){ "POINT(1 1)", 10 }), 1);
        geometry_matcher_free(matcher);
    }
}

int main(void)
{
    const char *given = getenv("KITH_TEST_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : 20261121;
    rng_init(&rng, seed);
    print_message("seed %llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_distances), cmocka_unit_test(segments), cmocka_unit_test(boxes),
        cmocka_unit_test(texts),           cmocka_unit_test(failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
