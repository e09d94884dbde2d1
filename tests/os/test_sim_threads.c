/*
 * The simulated machine's threads: one seed is one interleaving, time is virtual, races show under
 * some seed, and a deadlock is reported instead of hanging.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "os/pool.h"
#include "os/sim.h"
#include "os/thread.h"

#define THREADS 3
#define STEPS 40

struct shared {
    const struct os *os;
    struct os_mutex lock;
    struct os_mutex other;
    struct os_cond changed;
    char order[THREADS * STEPS + 1];
    size_t count;
    int balance;
    int next_name;
};

static void shared_init(struct shared *shared, struct os_sim *sim)
{
    *shared = (struct shared){.os = os_sim_os(sim)};
    assert_int_equal(os_mutex_init(shared->os, &shared->lock), 0);
    assert_int_equal(os_mutex_init(shared->os, &shared->other), 0);
    assert_int_equal(os_cond_init(shared->os, &shared->changed), 0);
}

static void shared_release(struct shared *shared)
{
    os_cond_release(&shared->changed);
    os_mutex_release(&shared->other);
    os_mutex_release(&shared->lock);
}

static void run_threads(struct shared *shared, unsigned count, void (*fn)(void *))
{
    struct os_thread *threads[THREADS];
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(os_thread_start(shared->os, "t", 0, fn, shared, &threads[i], NULL), 0);
    for (unsigned i = 0; i < count; i++) os_thread_join(threads[i]);
}

static void write_name(void *arg)
{
    struct shared *shared = arg;
    os_mutex_lock(&shared->lock);
    char name = (char)('a' + shared->next_name++);
    os_mutex_unlock(&shared->lock);
    for (int i = 0; i < STEPS; i++) {
        os_mutex_lock(&shared->lock);
        shared->order[shared->count++] = name;
        os_mutex_unlock(&shared->lock);
    }
}

static uint64_t trace_of(uint64_t seed, char *order)
{
    struct os_sim *sim = os_sim_new(seed);
    struct shared shared;
    shared_init(&shared, sim);
    run_threads(&shared, THREADS, write_name);
    (void)strcpy(order, shared.order);
    uint64_t trace = os_sim_trace(sim);
    shared_release(&shared);
    os_sim_free(sim);
    return trace;
}

static void test_one_seed_is_one_interleaving(void **state)
{
    (void)state;
    char first[THREADS * STEPS + 1];
    char again[THREADS * STEPS + 1];
    unsigned different = 0;
    char before[THREADS * STEPS + 1] = "";
    for (uint64_t seed = 0; seed < 10; seed++) {
        uint64_t trace = trace_of(seed, first);
        assert_int_equal(trace, trace_of(seed, again));
        assert_string_equal(first, again);
        if (strcmp(first, before) != 0) different++;
        (void)strcpy(before, first);
    }
    assert_int_equal(different, 10);
}

/* Reads and writes back without holding the lock in between: a lost update, if scheduled so. */
static void add_badly(void *arg)
{
    struct shared *shared = arg;
    for (int i = 0; i < 5; i++) {
        os_mutex_lock(&shared->lock);
        int seen = shared->balance;
        os_mutex_unlock(&shared->lock);
        os_mutex_lock(&shared->lock);
        shared->balance = seen + 1;
        os_mutex_unlock(&shared->lock);
    }
}

static void test_some_seed_shows_a_race(void **state)
{
    (void)state;
    unsigned lost = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct os_sim *sim = os_sim_new(seed);
        struct shared shared;
        shared_init(&shared, sim);
        run_threads(&shared, 2, add_badly);
        if (shared.balance < 10) lost++;
        shared_release(&shared);
        os_sim_free(sim);
    }
    assert_true(lost > 0);
}

static void sleep_long(void *arg)
{
    struct shared *shared = arg;
    os_sleep_us(shared->os, (int64_t)3600 * 1000000);
}

static void test_time_is_virtual(void **state)
{
    (void)state;
    struct os_sim *sim = os_sim_new(1);
    struct shared shared;
    shared_init(&shared, sim);
    int64_t real_start = os_now_us(os_real());
    int64_t start = os_now_us(shared.os);
    int64_t wall = os_wall_ms(shared.os);
    run_threads(&shared, THREADS, sleep_long); /* an hour, side by side */
    int64_t slept = os_now_us(shared.os) - start;
    assert_in_range(slept, (int64_t)3600 * 1000000, (int64_t)3601 * 1000000);
    assert_in_range(os_wall_ms(shared.os) - wall, 3600 * 1000, 3601 * 1000);
    int64_t deadline = os_now_us(shared.os) + 60000000;
    int rc = 0;
    os_mutex_lock(&shared.lock);
    while (rc == 0) rc = os_cond_wait(&shared.changed, &shared.lock, deadline);
    os_mutex_unlock(&shared.lock);
    assert_int_equal(rc, KITH_ETIMEDOUT);
    assert_in_range(os_now_us(shared.os), deadline, deadline + 1000);
    assert_true(os_now_us(os_real()) - real_start < 30000000);
    shared_release(&shared);
    os_sim_free(sim);
}

static void signal_later(void *arg)
{
    struct shared *shared = arg;
    os_sleep_us(shared->os, 5000);
    os_mutex_lock(&shared->lock);
    shared->balance = 1;
    os_cond_signal(&shared->changed);
    os_mutex_unlock(&shared->lock);
}

static void test_signal_comes_before_the_deadline(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct os_sim *sim = os_sim_new(seed);
        struct shared shared;
        struct os_thread *thread;
        shared_init(&shared, sim);
        assert_int_equal(os_thread_start(shared.os, "s", 0, signal_later, &shared, &thread, NULL),
                         0);
        int64_t deadline = os_now_us(shared.os) + 1000000;
        int rc = 0;
        os_mutex_lock(&shared.lock);
        while (!shared.balance && rc == 0)
            rc = os_cond_wait(&shared.changed, &shared.lock, deadline);
        os_mutex_unlock(&shared.lock);
        assert_int_equal(rc, 0);
        os_thread_join(thread);
        shared_release(&shared);
        os_sim_free(sim);
    }
}

static int add_one(void *ctx, size_t i)
{
    (void)i;
    struct shared *shared = ctx;
    os_mutex_lock(&shared->lock);
    shared->balance++;
    os_mutex_unlock(&shared->lock);
    return 0;
}

struct loop {
    struct shared shared;
    struct pool *pool;
};

static void loop_inside(void *arg)
{
    struct loop *loop = arg;
    (void)!pool_for(loop->pool, 3, 5, add_one, &loop->shared);
}

static void test_the_pool_runs_under_every_seed(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct os_sim *sim = os_sim_new(seed);
        struct loop loop;
        shared_init(&loop.shared, sim);
        assert_int_equal(pool_new(loop.shared.os, "p", 2, 0, 4, &loop.pool, NULL), 0);
        assert_int_equal(pool_submit(loop.pool, loop_inside, &loop), 0);
        assert_int_equal(pool_submit(loop.pool, loop_inside, &loop), 0);
        assert_int_equal(pool_for(loop.pool, 3, 5, add_one, &loop.shared), 0);
        pool_free(loop.pool);
        assert_int_equal(loop.shared.balance, 15);
        shared_release(&loop.shared);
        os_sim_free(sim);
    }
}

/* ---- what the machine reports ---- */

static void wait_for_ever(struct shared *shared)
{
    os_mutex_lock(&shared->lock);
    for (;;) (void)os_cond_wait(&shared->changed, &shared->lock, OS_FOREVER);
}

static void lock_twice(struct shared *shared)
{
    os_mutex_lock(&shared->lock);
    os_mutex_lock(&shared->lock);
}

static void lock_one_way(void *arg)
{
    struct shared *shared = arg;
    os_mutex_lock(&shared->lock);
    os_mutex_lock(&shared->other);
    os_mutex_unlock(&shared->other);
    os_mutex_unlock(&shared->lock);
}

static void lock_other_way(struct shared *shared)
{
    struct os_thread *thread;
    for (;;) {
        (void)!os_thread_start(shared->os, "one way", 0, lock_one_way, shared, &thread, NULL);
        os_mutex_lock(&shared->other);
        os_mutex_lock(&shared->lock);
        os_mutex_unlock(&shared->lock);
        os_mutex_unlock(&shared->other);
        os_thread_join(thread);
    }
}

/* Runs fn in a child process; it must abort with `report` on stderr. */
static void check_report(void (*fn)(struct shared *), const char *report)
{
    int ends[2];
    char text[1024] = "";
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        struct shared shared;
        (void)dup2(ends[1], STDERR_FILENO);
        (void)signal(SIGABRT, SIG_DFL);
        shared_init(&shared, os_sim_new(9));
        fn(&shared);
        _exit(0);
    }
    (void)close(ends[1]);
    for (size_t len = 0; len < sizeof text - 1;) {
        ssize_t n = read(ends[0], text + len, sizeof text - 1 - len);
        if (n <= 0) break;
        len += (size_t)n;
    }
    (void)close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(text, report));
    assert_non_null(strstr(text, "seed 9"));
}

static void test_deadlocks_are_reported(void **state)
{
    (void)state;
    check_report(wait_for_ever, "deadlock");
    check_report(lock_twice, "locked twice");
    check_report(lock_other_way, "deadlock");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_seed_is_one_interleaving),
        cmocka_unit_test(test_some_seed_shows_a_race),
        cmocka_unit_test(test_time_is_virtual),
        cmocka_unit_test(test_signal_comes_before_the_deadline),
        cmocka_unit_test(test_the_pool_runs_under_every_seed),
        cmocka_unit_test(test_deadlocks_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
