/*
 * A phrase among positions: dynamic programming over the lists, in order. cost[j] is the least sum
 * of gaps of a way that ends at the j-th position of the current list. With d the wanted distance,
 * a step from p' to p costs p - d - p' when p' <= p - d, so the least over all such p' is a running
 * minimum of cost - p'; positions closer than d are few and looked at one by one.
 */
#include "text/phrase.h"

#include <string.h>

#define COST_NONE INT64_MAX

struct step { /* from one list to the next */
    const struct phrase_list *from, *to;
    const int64_t *before; /* costs of `from` */
    int64_t *after;
    uint32_t distance;
};

static void step_costs(const struct step *step)
{
    const uint32_t *p = step->from->positions;
    const int64_t d = step->distance;
    int64_t least = COST_NONE; /* of cost - position, over positions at most p - d */
    size_t passed = 0;
    for (size_t j = 0; j < step->to->count; j++) {
        const int64_t at = step->to->positions[j];
        for (; passed < step->from->count && p[passed] <= at - d; passed++) {
            if (step->before[passed] == COST_NONE) continue;
            const int64_t cost = step->before[passed] - (int64_t)p[passed];
            if (cost < least) least = cost;
        }
        int64_t best = least == COST_NONE ? COST_NONE : least + at - d;
        for (size_t i = passed; i < step->from->count && p[i] < at; i++) {
            if (step->before[i] == COST_NONE) continue;
            const int64_t cost = step->before[i] + d - (at - (int64_t)p[i]);
            if (cost < best) best = cost;
        }
        step->after[j] = best;
    }
}

int phrase_matches(const struct phrase_list *lists, size_t count, uint32_t slop,
                   struct buffer *scratch)
{
    size_t longest = 0;
    for (size_t i = 0; i < count; i++) {
        if (lists[i].count == 0) return 0;
        if (lists[i].count > longest) longest = lists[i].count;
    }
    if (count <= 1) return count == 1;
    buffer_clear(scratch);
    int64_t *costs = (int64_t *)(void *)buffer_extend(scratch, 2 * longest * sizeof *costs);
    if (!costs) return KITH_ENOMEM;
    int64_t *before = costs, *after = costs + longest;
    memset(before, 0, lists[0].count * sizeof *before);
    for (size_t i = 1; i < count; i++) {
        const struct step step = { &lists[i - 1], &lists[i], before, after,
                                   lists[i].place - lists[i - 1].place };
        step_costs(&step);
        int64_t *swap = before;
        before = after;
        after = swap;
    }
    for (size_t j = 0; j < lists[count - 1].count; j++) {
        if (before[j] <= (int64_t)slop) return 1;
    }
    return 0;
}
