/*
 * Labels in step with rows: random lines across the pieces that are read, every kind of line end,
 * and what is refused. Files live in the simulated machine.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/rng.h"
#include "cmd/labels.c"
#include "os/sim.h"

static struct os_sim *sim;

static struct labels *open_bytes(const void *bytes, size_t len)
{
    struct os_file *file;
    struct labels *labels = NULL;
    const struct os *os = os_sim_os(sim);
    assert_int_equal(os_open(os, "labels", OS_WRITE | OS_CREATE, &file, NULL), 0);
    assert_int_equal(os_truncate(file, 0, NULL), 0);
    if (len) assert_int_equal(os_pwrite(file, bytes, len, 0, NULL), 0);
    os_close(file);
    assert_int_equal(labels_open(os, "labels", &labels, NULL), 0);
    return labels;
}

static struct labels *open_text(const char *text)
{
    return open_bytes(text, strlen(text));
}

static void next_are(struct labels *labels, size_t count, const char *const *want)
{
    const struct kith_str *got;
    struct kith_error err = {0};
    if (labels_next(labels, count, &got, &err)) fail_msg("%s", err.text);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(got[i].len, strlen(want[i]));
        assert_memory_equal(got[i].data, want[i], got[i].len);
    }
}

static void next_fails(struct labels *labels, size_t count, int code, const char *part)
{
    const struct kith_str *got;
    struct kith_error err = {0};
    assert_int_equal(labels_next(labels, count, &got, &err), code);
    if (!strstr(err.text, part)) fail_msg("'%s' lacks '%s'", err.text, part);
}

static void test_line_ends(void **state)
{
    (void)state;
    static const char *const want[] = {"one", "", "three\rx", "four"};
    static const char *const texts[] = {"one\n\nthree\rx\nfour", "one\r\n\r\nthree\rx\r\nfour\r\n"};
    for (size_t i = 0; i < 2; i++) {
        struct labels *labels = open_text(texts[i]);
        next_are(labels, 1, want);
        next_are(labels, 2, want + 1);
        assert_int_equal(labels_left(labels, NULL), 1);
        next_are(labels, 1, want + 3);
        assert_int_equal(labels_left(labels, NULL), 0);
        next_fails(labels, 1, KITH_EINVAL, "has 4 lines");
        labels_close(labels);
    }
    struct labels *labels = open_text("");
    assert_int_equal(labels_left(labels, NULL), 0);
    next_fails(labels, 1, KITH_EINVAL, "has 0 lines");
    labels_close(labels);
}

static void test_refused(void **state)
{
    (void)state;
    struct buffer text;
    buffer_init(&text);
    buffer_put(&text, "a\n", 2);
    uint8_t *line = buffer_extend(&text, LIMIT_VARCHAR_BYTES + 1);
    assert_non_null(line);
    memset(line, 'x', LIMIT_VARCHAR_BYTES + 1);
    struct labels *labels = open_bytes(text.data, text.len); /* one past */
    next_fails(labels, 2, KITH_ELIMIT, "longer");
    labels_close(labels);
    labels = open_bytes(text.data, text.len - 1); /* at it */
    const struct kith_str *got;
    assert_int_equal(labels_next(labels, 2, &got, NULL), 0);
    assert_int_equal(got[1].len, LIMIT_VARCHAR_BYTES);
    labels_close(labels);
    for (int i = 0; i < 3; i++) { /* no line end for long */
        line = buffer_extend(&text, LIMIT_VARCHAR_BYTES);
        assert_non_null(line);
        memset(line, 'y', LIMIT_VARCHAR_BYTES);
    }
    labels = open_bytes(text.data, text.len);
    next_fails(labels, 2, KITH_ELIMIT, "longer");
    labels_close(labels);
    labels = open_text("a\nb\xff\n");
    next_fails(labels, 2, KITH_EINVAL, "line 2");
    labels_close(labels);
    buffer_release(&text);
}

/* Line i is its number, as often as its random length holds. */
static void test_random(void **state)
{
    (void)state;
    enum { LINES = 4000 };
    static size_t starts[LINES + 1];
    struct rng rng;
    struct buffer text;
    uint64_t seed = 20;
    printf("seed %llu\n", (unsigned long long)seed);
    rng_init(&rng, seed);
    buffer_init(&text);
    for (size_t i = 0; i < LINES; i++) {
        starts[i] = text.len;
        for (uint64_t n = rng_below(&rng, i % 100 ? 20 : 9000); n; n--) {
            buffer_printf(&text, "%zu", i);
        }
        buffer_put(&text, "\n", 1);
    }
    starts[LINES] = text.len;
    struct labels *labels = open_bytes(text.data, text.len);
    for (size_t i = 0; i < LINES;) {
        const struct kith_str *got = NULL;
        size_t count = (size_t)rng_below(&rng, 300) + 1;
        if (count > LINES - i) count = LINES - i;
        assert_int_equal(labels_next(labels, count, &got, NULL), 0);
        for (size_t j = 0; j < count; j++, i++) {
            assert_int_equal(got[j].len, starts[i + 1] - starts[i] - 1);
            if (got[j].len) assert_memory_equal(got[j].data, text.data + starts[i], got[j].len);
        }
    }
    assert_int_equal(labels_left(labels, NULL), 0);
    labels_close(labels);
    buffer_release(&text);
}

static int set_up(void **state)
{
    (void)state;
    sim = os_sim_new(1);
    return sim ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    os_sim_free(sim);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line_ends),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
