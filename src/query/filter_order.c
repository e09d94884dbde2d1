/*
 * The order in which the children of `and` and `or` are asked: first those that settle the most
 * rows for their price. With children that are independent of each other, ascending
 * cost / (share settled) is the cheapest order; `and` settles what is false, `or` what is true.
 * The result is the same in every order.
 */
#include "query/filter_leaf.h"

#define SHARE_FLOOR 0.01 /* of rows settled: shares are guesses */

static bool is_run(const struct plan *plan)
{
    return plan->kind == PLAN_AND || plan->kind == PLAN_OR;
}

double plan_share(const struct evaluation *ev, const struct plan *plan)
{
    if (plan->kind == PLAN_NOT) return 1 - plan_share(ev, plan->children[0]);
    if (!is_run(plan)) return ev->leaves[plan->number].share;
    double share = 1;
    for (size_t i = 0; i < plan->count; i++) {
        double one = plan_share(ev, plan->children[i]);
        share *= plan->kind == PLAN_AND ? one : 1 - one;
    }
    return plan->kind == PLAN_AND ? share : 1 - share;
}

static double plan_cost(const struct evaluation *ev, const struct plan *plan)
{
    if (plan->leaf) return ev->leaves[plan->number].cost;
    double cost = 0;
    for (size_t i = 0; i < plan->count; i++) cost += plan_cost(ev, plan->children[i]);
    return cost;
}

static double rank_of(const struct evaluation *ev, const struct plan *run,
                      const struct plan *child)
{
    double share = plan_share(ev, child);
    return plan_cost(ev, child) / (SHARE_FLOOR + (run->kind == PLAN_AND ? 1 - share : share));
}

/* Insertion sort: stable, and runs are short or already in order. */
static void order_run(struct evaluation *ev, const struct plan *run)
{
    struct ordered *order = ev->order + run->first_child;
    for (size_t i = 0; i < run->count; i++) {
        struct ordered one = { run->children[i], rank_of(ev, run, run->children[i]) };
        size_t at = i;
        for (; at > 0 && order[at - 1].rank > one.rank; at--) order[at] = order[at - 1];
        order[at] = one;
    }
}

void order_children(struct evaluation *ev, const struct plan *plan)
{
    for (size_t i = 0; i < plan->count && !plan->leaf; i++) order_children(ev, plan->children[i]);
    if (is_run(plan)) order_run(ev, plan);
}
