/*
 * Searches, builds and changes of one vector set at the same time, under one lock where the
 * contract asks for it and without it where it says so. Results are checked as far as they can be
 * while things change: in order, alive or gone, exact where TRUTH is asked for. Under the thread
 * sanitizer this is the test of views, bags, runs and the hand-over of graphs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "cache/vectors.h"
#include "os/thread.h"

#define DIM 8u
#define ROWS 5000u
#define CHANGES 3000u
#define SEARCHERS 2u

struct shared {
    struct heap heap;
    struct os_mutex lock; /* the keyspace's */
    struct vector_set *set;
    atomic_bool done;
    atomic_uint searches, builds;
};

static void draw(struct rng *rng, float *vector)
{
    for (uint32_t i = 0; i < DIM; i++) vector[i] = (float)rng_gauss(rng);
}

static struct kith_str name_of(unsigned i, char out[16])
{
    return (struct kith_str){out, (size_t)snprintf(out, 16, "n%u", i)};
}

static void put(struct shared *s, struct rng *rng, unsigned i)
{
    char name[16];
    float vector[DIM];
    bool added;
    draw(rng, vector);
    const struct vset_put one = {.name = name_of(i, name), .vector = vector, .ef = 20,
                                 .set_attribute = i % 2, .attribute = {"{\"n\":1}", 7}};
    assert_int_equal(vset_put(s->set, &one, &added), 0);
}

/* ---- who does what ---- */

static void change(struct shared *s, struct rng *rng)
{
    char name[16];
    const unsigned i = (unsigned)rng_below(rng, ROWS);
    struct vset_element *element = vset_find(s->set, name_of(i, name));
    const uint64_t what = rng_below(rng, 4);
    if (what == 0 && element) vset_remove(s->set, element);
    else if (what == 1 && element)
        assert_int_equal(vset_set_attribute(s->set, element, (struct kith_str){"{\"n\":2}", 7}), 0);
    else put(s, rng, i);
}

static void build(void *ctx)
{
    struct shared *s = ctx;
    while (!atomic_load(&s->done)) {
        os_mutex_lock(&s->lock);
        struct vset_job *done = vset_job_settle(s->set);
        struct vset_job *job = vset_job_take_rest(s->set);
        os_mutex_unlock(&s->lock);
        vset_job_free(done);
        if (job) {
            vset_job_run(job, os_real(), NULL);
            atomic_fetch_add(&s->builds, 1);
        } else {
            os_sleep_us(os_real(), 500);
        }
    }
}

static void check_hits(struct shared *s, const struct vset_view *view, const struct vset_hit *hits,
                       size_t found)
{
    os_mutex_lock(&s->lock);
    for (size_t i = 0; i < found; i++) {
        if (i > 0) assert_true(hits[i - 1].distance <= hits[i].distance);
        struct vset_element *element = vset_hit_element(view, &hits[i]);
        if (element) assert_true(vset_name(element).len > 1 && vset_name(element).data[0] == 'n');
    }
    os_mutex_unlock(&s->lock);
}

static void search(void *ctx)
{
    static atomic_uint seed = 100;
    struct shared *s = ctx;
    struct rng rng;
    struct vector_filter *filter;
    size_t at;
    rng_init(&rng, atomic_fetch_add(&seed, 1));
    assert_int_equal(vector_filter_compile(".n == 1", 7, &filter, &at), 0);
    while (!atomic_load(&s->done)) {
        float vector[DIM];
        struct vset_hit *hits;
        size_t found;
        draw(&rng, vector);
        const struct vset_search job = {.vector = vector, .count = 10,
                                        .filter = rng_below(&rng, 4) == 0 ? filter : NULL,
                                        .truth = rng_below(&rng, 8) == 0};
        os_mutex_lock(&s->lock);
        struct vset_view *view = vset_pin(s->set);
        os_mutex_unlock(&s->lock);
        assert_non_null(view);
        assert_int_equal(vset_search(view, &job, &hits, &found), 0);
        assert_int_equal(found, 10);
        check_hits(s, view, hits, found);
        mem_free(hits);
        os_mutex_lock(&s->lock);
        vset_unpin(view);
        os_mutex_unlock(&s->lock);
        atomic_fetch_add(&s->searches, 1);
    }
    vector_filter_free(filter);
}

/* ---- all of it ---- */

static void fill(struct shared *s, struct rng *rng)
{
    const struct vset_params params = {VSET_Q8, DIM, 0, 4};
    memset(s, 0, sizeof *s);
    s->heap.seed = 1;
    assert_int_equal(os_mutex_init(os_real(), &s->lock), 0);
    assert_int_equal(vset_new(&s->heap, &params, 7, &s->set), 0);
    for (unsigned i = 0; i < ROWS; i++) put(s, rng, i);
}

static void test_all_at_once(void **state)
{
    (void)state;
    struct shared s;
    struct rng rng;
    struct os_thread *threads[SEARCHERS + 1];
    struct kith_error err;
    rng_init(&rng, 11);
    fill(&s, &rng);
    for (unsigned i = 0; i <= SEARCHERS; i++)
        assert_int_equal(os_thread_start(os_real(), "vectors", 0, i ? search : build, &s,
                                         &threads[i], &err), 0);
    for (unsigned i = 0; i < CHANGES || s.builds < 2 || s.searches < 50; i++) {
        os_mutex_lock(&s.lock);
        if (i < CHANGES || s.builds < 2) change(&s, &rng);
        os_mutex_unlock(&s.lock);
        if (i % 16 == 0 || i >= CHANGES) os_sleep_us(os_real(), 200);
    }
    atomic_store(&s.done, true);
    for (unsigned i = 0; i <= SEARCHERS; i++) os_thread_join(threads[i]);
    vset_job_free(vset_job_settle(s.set));
    assert_true(vset_is_valid(s.set));
    vset_free(s.set);
    assert_int_equal(heap_used(&s.heap), 0);
    os_mutex_release(&s.lock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_at_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
