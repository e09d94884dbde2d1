/*
 * Phrases against trying every choice of positions, on random lists.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/rng.h"
#include "text/phrase.h"

static int64_t best_from(const struct phrase_list *lists, size_t count, size_t i, uint32_t at)
{
    if (i + 1 >= count) return 0;
    const uint32_t d = lists[i + 1].place - lists[i].place;
    int64_t best = INT64_MAX;
    for (size_t j = 0; j < lists[i + 1].count; j++) {
        const uint32_t p = lists[i + 1].positions[j];
        if (p < at || (p == at && d > 0)) continue;
        const int64_t rest = best_from(lists, count, i + 1, p);
        if (rest == INT64_MAX) continue;
        const int64_t cost = rest + llabs((int64_t)(p - at) - (int64_t)d);
        if (cost < best) best = cost;
    }
    return best;
}

static void random_lists(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 77);
    struct buffer scratch = { 0 };
    size_t found = 0;
    for (int round = 0; round < 20000; round++) {
        uint32_t positions[4][6];
        struct phrase_list lists[4];
        const size_t count = 1 + rng_below(&rng, 4);
        uint32_t place = 0;
        for (size_t i = 0; i < count; i++) {
            lists[i] = (struct phrase_list){ positions[i], rng_below(&rng, 6), place };
            place += (uint32_t)rng_below(&rng, 4);
            uint32_t at = 0;
            for (size_t j = 0; j < lists[i].count; j++)
                positions[i][j] = at += 1 + (uint32_t)rng_below(&rng, 6);
        }
        int64_t best = INT64_MAX;
        for (size_t j = 0; j < lists[0].count; j++) {
            const int64_t cost = best_from(lists, count, 0, positions[0][j]);
            if (cost < best) best = cost;
        }
        const uint32_t slop = (uint32_t)rng_below(&rng, 5);
        const int expected = best <= (int64_t)slop;
        assert_int_equal(phrase_matches(lists, count, slop, &scratch), expected);
        found += (size_t)expected;
    }
    assert_in_range(found, 2000, 18000);
    buffer_release(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(random_lists) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
