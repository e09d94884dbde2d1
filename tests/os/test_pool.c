/*
 * The pool and its parallel loop on real threads: every index once, nesting without deadlock,
 * refusal when full, errors stop the loop.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <cmocka.h>

#include "os/pool.h"
#include "os/thread.h"

#define COUNT 1000

struct marks {
    atomic_int seen[COUNT];
};

static int mark(void *ctx, size_t i)
{
    struct marks *marks = ctx;
    atomic_fetch_add(&marks->seen[i], 1);
    return 0;
}

static void check_marks(struct pool *pool, unsigned threads)
{
    struct marks marks = {0};
    assert_int_equal(pool_for(pool, threads, COUNT, mark, &marks), 0);
    for (size_t i = 0; i < COUNT; i++) assert_int_equal(marks.seen[i], 1);
}

static struct pool *new_pool(unsigned threads, unsigned queue_max)
{
    struct pool *pool = NULL;
    struct kith_error err;
    assert_int_equal(pool_new(os_real(), "test", threads, 5, queue_max, &pool, &err), 0);
    return pool;
}

static void test_for_calls_each_index_once(void **state)
{
    (void)state;
    check_marks(NULL, 4);
    for (unsigned threads = 0; threads < 4; threads++) {
        struct pool *pool = new_pool(threads, 8);
        assert_int_equal(pool_threads(pool), threads);
        for (int round = 0; round < 20; round++) check_marks(pool, 1 + (unsigned)round % 5);
        pool_free(pool);
    }
}

struct nest {
    struct pool *pool;
    atomic_int leaves;
};

static int leaf(void *ctx, size_t i)
{
    (void)i;
    atomic_fetch_add(&((struct nest *)ctx)->leaves, 1);
    return 0;
}

static int inner_loop(void *ctx, size_t i)
{
    (void)i;
    return pool_for(((struct nest *)ctx)->pool, 8, 8, leaf, ctx);
}

static void outer_task(void *arg)
{
    struct nest *nest = arg;
    (void)!pool_for(nest->pool, 8, 8, inner_loop, nest);
}

static void test_loops_nest_inside_tasks(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct nest nest = {.pool = new_pool(2, 64)};
        for (int i = 0; i < 6; i++)
            assert_int_equal(pool_submit(nest.pool, outer_task, &nest), 0);
        pool_free(nest.pool); /* runs what is queued */
        assert_int_equal(nest.leaves, 6 * 8 * 8);
    }
}

static int fail_at_7(void *ctx, size_t i)
{
    atomic_fetch_add((atomic_int *)ctx, 1);
    return i == 7 ? KITH_EIO : 0;
}

static void test_first_error_stops_the_loop(void **state)
{
    (void)state;
    struct pool *pool = new_pool(3, 8);
    atomic_int calls = 0;
    assert_int_equal(pool_for(NULL, 4, COUNT, fail_at_7, &calls), KITH_EIO);
    assert_int_equal(calls, 8);
    assert_int_equal(pool_for(pool, 4, 1000000, fail_at_7, &calls), KITH_EIO);
    assert_true(calls < 1000000);
    pool_free(pool);
}

struct gate {
    struct os_mutex lock;
    struct os_cond changed;
    bool entered;
    bool open;
    atomic_int ran;
};

static void wait_at_gate(void *arg)
{
    struct gate *gate = arg;
    os_mutex_lock(&gate->lock);
    gate->entered = true;
    os_cond_broadcast(&gate->changed);
    while (!gate->open) (void)os_cond_wait(&gate->changed, &gate->lock, OS_FOREVER);
    os_mutex_unlock(&gate->lock);
    atomic_fetch_add(&gate->ran, 1);
}

static void test_full_queue_refuses(void **state)
{
    (void)state;
    struct gate gate = {0};
    assert_int_equal(os_mutex_init(os_real(), &gate.lock), 0);
    assert_int_equal(os_cond_init(os_real(), &gate.changed), 0);
    struct pool *pool = new_pool(1, 2);
    assert_int_equal(pool_submit(pool, wait_at_gate, &gate), 0);
    os_mutex_lock(&gate.lock);
    while (!gate.entered) (void)os_cond_wait(&gate.changed, &gate.lock, OS_FOREVER);
    os_mutex_unlock(&gate.lock);
    assert_int_equal(pool_submit(pool, wait_at_gate, &gate), 0);
    assert_int_equal(pool_submit(pool, wait_at_gate, &gate), 0);
    assert_int_equal(pool_submit(pool, wait_at_gate, &gate), KITH_EBUSY);
    check_marks(pool, 4); /* the loop goes on although no helper can be queued */
    os_mutex_lock(&gate.lock);
    gate.open = true;
    os_cond_broadcast(&gate.changed);
    os_mutex_unlock(&gate.lock);
    pool_free(pool);
    assert_int_equal(gate.ran, 3);
    os_cond_release(&gate.changed);
    os_mutex_release(&gate.lock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_for_calls_each_index_once),
        cmocka_unit_test(test_loops_nest_inside_tasks),
        cmocka_unit_test(test_first_error_stops_the_loop),
        cmocka_unit_test(test_full_queue_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
