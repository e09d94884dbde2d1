/*
 * As much of cmocka as the tests of kernels use, in one header: they are also built for machines
 * for which no cmocka is installed, and run there by an emulator (scripts/test-neon.sh). A failed
 * assertion prints its line and ends the program.
 */
#ifndef KITH_TESTS_CROSS_CMOCKA_H
#define KITH_TESTS_CROSS_CMOCKA_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*run)(void **state);
};

#define cmocka_unit_test(function) {#function, function}

static inline void cross_check(int holds, const char *what, const char *file, int line)
{
    if (holds) return;
    fprintf(stderr, "%s:%d: failed: %s\n", file, line, what);
    exit(1);
}

#define assert_true(x) cross_check((x) ? 1 : 0, #x, __FILE__, __LINE__)
#define assert_false(x) cross_check((x) ? 0 : 1, "not " #x, __FILE__, __LINE__)
#define assert_int_equal(a, b)                                                                     \
    cross_check((uintmax_t)(a) == (uintmax_t)(b), #a " == " #b, __FILE__, __LINE__)
#define assert_string_equal(a, b)                                                                  \
    cross_check(strcmp(a, b) == 0, #a " equals " #b, __FILE__, __LINE__)
#define assert_memory_equal(a, b, size)                                                            \
    cross_check(memcmp(a, b, size) == 0, #a " equals " #b, __FILE__, __LINE__)

static inline int cross_run(const struct CMUnitTest *tests, size_t count, int (*setup)(void **))
{
    void *state = NULL;
    if (setup) cross_check(setup(&state) == 0, "setup", __FILE__, __LINE__);
    for (size_t i = 0; i < count; i++) {
        tests[i].run(&state);
        printf("ok %s\n", tests[i].name);
    }
    return 0;
}

/* No teardown: the program ends. */
#define cmocka_run_group_tests(tests, setup, teardown)                                             \
    cross_run(tests, sizeof(tests) / sizeof *(tests), setup)

#endif
