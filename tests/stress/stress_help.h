/*
 * What the stress tests share: a directory that goes away, a seed that is printed, numbers from the
 * environment, and checks that tell where they failed.
 *
 * KITH_SEED=n repeats a run's random choices. Each program includes this file once.
 */
#ifndef KITH_TESTS_STRESS_HELP_H
#define KITH_TESTS_STRESS_HELP_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <kith/kith.h>

#include "base/rng.h"

#define OK(call)                                                                                   \
    do {                                                                                           \
        struct kith_error why = { 0 };                                                             \
        int status_ = (call);                                                                      \
        if (status_) fail_msg("%s: %d %s", #call, status_, why.text);                              \
    } while (0)

static inline uint64_t stress_number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

/* From KITH_SEED or the clock; printed, so that a failure can be repeated. */
static inline uint64_t stress_seed(const char *test)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    uint64_t seed = rng_mix((uint64_t)now.tv_sec ^ ((uint64_t)now.tv_nsec << 20)) % 1000000000;
    seed = stress_number("KITH_SEED", seed);
    (void)printf("%s: KITH_SEED=%" PRIu64 "\n", test, seed);
    (void)fflush(stdout);
    return seed;
}

static inline int64_t stress_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A fresh directory; path has room for 64 bytes. */
static inline void stress_dir(char *path, const char *name)
{
    (void)snprintf(path, 64, "/tmp/kith-%s-XXXXXX", name);
    assert_non_null(mkdtemp(path));
}

static inline void stress_remove(const char *path)
{
    char command[160];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", path);
    assert_int_equal(system(command), 0);
}

static inline void stress_log(void *ctx, int level, const char *text)
{
    (void)ctx;
    if (level == 0) (void)fprintf(stderr, "log: %s\n", text);
}

static inline void stress_problem(void *ctx, const char *file, uint64_t offset, const char *text)
{
    (void)ctx;
    (void)fprintf(stderr, "problem: %s at %" PRIu64 ": %s\n", file, offset, text);
}

/* The files under `path` have no fault. */
static inline void stress_check(const char *path)
{
    struct kith_check_report report = { 0 };
    struct kith_error why = { 0 };
    int rc = kith_check(path, stress_problem, NULL, &report, &why);
    if (rc) fail_msg("kith_check: %d %s", rc, why.text);
    assert_int_equal(report.problems, 0);
    assert_true(report.files > 0);
}

#endif
