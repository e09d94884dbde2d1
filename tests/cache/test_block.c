/*
 * Pieces of 4 to 128 KiB: random ones are given, filled, kept apart and given back by two threads;
 * sizes are as announced; what is empty is used for other sizes again; free pieces between given
 * ones do not keep the system's memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/rng.h"
#include "cache/block.h"
#include "cache/heap.h"
#include "os/os.h"
#include "os/thread.h"

enum { HELD = 200, ROUNDS = 20000 };

struct held {
    uint8_t *bytes;
    size_t size;
    uint8_t mark;
};

static int wrong; /* cmocka's assertions are the main thread's */

static void give_back(struct held *held)
{
    if (!held->bytes) return;
    const uint8_t *last = held->bytes + held->size - 1;
    wrong += held->bytes[8] != held->mark || *last != held->mark || !block_is_one(held->bytes);
    block_free(held->bytes);
    held->bytes = NULL;
}

static void churn(void *arg)
{
    struct held held[HELD] = {{0}};
    struct rng rng;
    rng_init(&rng, (uint64_t)(uintptr_t)arg);
    for (int i = 0; i < ROUNDS; i++) {
        struct held *one = &held[rng_below(&rng, HELD)];
        give_back(one);
        one->size = BLOCK_BYTES_MIN + rng_below(&rng, BLOCK_BYTES_MAX >> rng_below(&rng, 6));
        if (one->size > BLOCK_BYTES_MAX) one->size = BLOCK_BYTES_MAX;
        one->bytes = block_alloc(one->size);
        one->mark = (uint8_t)i;
        if (!one->bytes || block_size(one->bytes) < one->size ||
            block_size(one->bytes) > one->size + one->size / 4 + 1) {
            wrong++;
            break;
        }
        one->bytes[8] = one->bytes[one->size - 1] = one->mark;
    }
    for (int i = 0; i < HELD; i++) give_back(&held[i]);
}

static void test_churn(void **state)
{
    (void)state;
    struct os_thread *thread;
    struct kith_error err;
    union { uintptr_t number; void *arg; } one = {.number = 1}, two = {.number = 2};
    assert_int_equal(os_thread_start(os_real(), "churn", 0, churn, one.arg, &thread, &err), 0);
    churn(two.arg);
    os_thread_join(thread);
    assert_int_equal(wrong, 0);
}

static void test_sizes(void **state)
{
    (void)state;
    int local = 0;
    assert_null(block_alloc(BLOCK_BYTES_MIN - 1));
    assert_null(block_alloc(BLOCK_BYTES_MAX + 1));
    assert_false(block_is_one(&local));
    for (size_t size = BLOCK_BYTES_MIN; size <= BLOCK_BYTES_MAX; size += 509) {
        void *piece = block_alloc(size);
        assert_non_null(piece);
        assert_true(block_size(piece) >= size && block_size(piece) <= size + size / 4);
        assert_int_equal((uintptr_t)piece % 1024, 0);
        block_free(piece);
    }
}

static uint64_t anonymous(void)
{
    struct os_usage usage;
    os_usage(&usage);
    return usage.anonymous_bytes;
}

/* One piece of each span stays, so none is empty. */
static void test_idle(void **state)
{
    (void)state;
    enum { PIECES = 1024, BYTES = 32 << 10, KEPT = 8 };
    static uint8_t *pieces[PIECES];
    const uint64_t least = anonymous();
    if (least == 0) skip();
    for (int i = 0; i < PIECES; i++) {
        assert_non_null(pieces[i] = block_alloc(BYTES));
        memset(pieces[i], i | 1, BYTES);
    }
    const uint64_t most = anonymous();
    assert_true(most > least + (uint64_t)PIECES * BYTES / 10 * 9);
    assert_true(block_given() >= (size_t)PIECES * BYTES);
    for (int i = 0; i < PIECES; i++)
        if (i % KEPT) block_free(pieces[i]);
    assert_true(anonymous() < most - (uint64_t)PIECES * BYTES / 3 * 2);
    for (int i = 0; i < PIECES; i += KEPT) {
        assert_int_equal(pieces[i][BYTES - 1], (uint8_t)(i | 1));
        block_free(pieces[i]);
    }
    assert_int_equal(block_given(), 0);
}

/* The heap counts what it was given, wherever that is from, through every change of size. */
static void test_heap(void **state)
{
    (void)state;
    struct heap heap = {0};
    struct rng rng;
    rng_init(&rng, 5);
    uint8_t *bytes = heap_alloc(&heap, 100);
    assert_non_null(bytes);
    memset(bytes, 7, 100);
    for (int i = 0; i < 2000; i++) {
        const size_t size = 100 + rng_below(&rng, (size_t)1 << (7 + rng_below(&rng, 12)));
        bytes = heap_realloc(&heap, bytes, size);
        assert_non_null(bytes);
        assert_true(heap_room(bytes) >= size);
        assert_int_equal(heap_used(&heap), heap_size(bytes));
        for (size_t k = 0; k < 100; k += 11) assert_int_equal(bytes[k], 7);
        bytes[size - 1] = 7;
    }
    heap_free(&heap, bytes);
    assert_int_equal(heap_used(&heap), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_churn),
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_heap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
