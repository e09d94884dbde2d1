/*
 * The rule of the elastic pool: what grows it, what shrinks it, and its bounds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "line/line_scale.h"

static unsigned with(unsigned now, unsigned busy, unsigned queued, size_t pressed, uint64_t mean_us)
{
    struct line_sample samples[LINE_SCALE_SAMPLES] = { { 0, 0 } };
    for (size_t i = 0; i < pressed; i++) samples[i] = (struct line_sample){ busy, queued };
    return line_scale(200, now, samples, LINE_SCALE_SAMPLES, mean_us);
}

static void bounds(void **state)
{
    (void)state;
    assert_int_equal(line_scale_floor(200), 50);
    assert_int_equal(line_scale_ceiling(200), 400);
    assert_int_equal(line_scale_floor(1), 1);
    assert_int_equal(with(10, 0, 0, 10, 0), 50);
    assert_int_equal(with(500, 500, 900, 10, 0), 400);
    assert_int_equal(with(390, 390, 0, 10, 0), 400);
    assert_int_equal(with(52, 0, 0, 10, 0), 50);
}

static void growing(void **state)
{
    (void)state;
    assert_int_equal(with(100, 90, 0, 6, 0), 125);
    assert_int_equal(with(100, 89, 0, 10, 0), 100);
    assert_int_equal(with(100, 90, 0, 5, 0), 100); /* not at most of them */
    assert_int_equal(with(100, 0, 51, 6, 0), 125);
    assert_int_equal(with(100, 0, 50, 10, 0), 100);
}

static void shrinking(void **state)
{
    (void)state;
    assert_int_equal(with(100, 0, 0, 10, 999), 88);
    assert_int_equal(with(100, 0, 0, 10, 1000), 100); /* tasks take long */
    assert_int_equal(with(100, 49, 0, 10, 10), 88);
    assert_int_equal(with(100, 50, 0, 1, 10), 100); /* half were busy once */
    assert_int_equal(with(100, 0, 1, 1, 10), 100);  /* one waited */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds), cmocka_unit_test(growing), cmocka_unit_test(shrinking),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
