/*
 * Leaves whose rows are tested with something that is made once an evaluation: an analyzer, a
 * prepared geometry. It belongs to one evaluation and so to one thread, is made when the first row
 * is asked for, and goes with the evaluation.
 */
#include "base/alloc.h"
#include "query/filter_special.h"

struct special { /* one leaf's; either one, or none */
    struct match_state *match;
    struct geometry_matcher *geometry;
};

struct special *specials_new(const struct filter *filter)
{
    return mem_zalloc_array(filter->special_count + 1, sizeof(struct special));
}

void specials_free(struct special *specials, size_t count)
{
    for (size_t i = 0; specials && i < count; i++) {
        match_state_free(specials[i].match);
        geometry_matcher_free(specials[i].geometry);
    }
    mem_free(specials);
}

int special_test(struct evaluation *ev, const struct plan *plan, const struct chunk *chunk,
                 size_t row)
{
    struct special *special = &ev->specials[plan->special];
    int result = -1;
    if (!chunk_valid(chunk, row) || ev->special_rc != 0) return -1;
    switch (plan->kind) {
    case PLAN_TIME: return time_test(plan, (int64_t)le64_get(chunk->data + row * chunk->width));
    case PLAN_MATCH:
        ev->special_rc = match_test(&special->match, plan->match, chunk_str(chunk, row), &result);
        break;
    case PLAN_GEOMETRY:
        ev->special_rc = geometry_test(&special->geometry, plan->geometry, chunk_str(chunk, row),
                                       &result);
        break;
    default: break;
    }
    return result;
}
