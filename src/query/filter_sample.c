/*
 * random_sample(x): each row passes with probability x, by a hash of the query's seed and the row.
 *
 * Two evaluations of one filter give the same rows, so a sample does not change between the steps
 * of one query; the next query has another seed. Rows are drawn apart from each other: the share is
 * x on average, not exactly, and the order in which a plan asks for rows does not matter.
 */
#include "base/rng.h"
#include "query/filter_internal.h"

#define MARGIN      1e-10 /* of x to 0 and to 1 */
#define TWO_64      18446744073709551616.0

int check_sample(struct checker *checker, const struct node *node, struct expr *out)
{
    struct expr share = { 0 };
    if (node->count != 1) return check_error(checker, node, "one argument expected");
    int rc = filter_check_expr(checker, node->children[0], &share);
    if (rc != 0) return rc;
    double x = share.literal.number;
    if (share.class != EXPR_LITERAL || !literal_is_number(&share.literal) || !(x > MARGIN) ||
        !(x < 1 - MARGIN))
        return check_error(checker, node->children[0],
                           "the sample factor should be between 0 and 1 and not too close to 0 or "
                           "1(the difference should be larger than 1e-10), but got");
    struct plan *plan = check_plan_new(checker, PLAN_SAMPLE, out);
    if (!plan) return check_no_memory(checker);
    plan->sampled = true;
    plan->share = (uint64_t)(x * TWO_64);
    return 0;
}

int check_sample_place(const struct checker *checker, const struct node *node,
                       const struct plan *child, bool allowed)
{
    if (!child->sampled || allowed) return 0;
    return filter_error(checker->err, node->at, "random sample expression can only be the last "
                        "expression in the logical and expression");
}

static uint64_t row_hash(const struct evaluation *ev, uint64_t row)
{
    return rng_mix(rng_mix(ev->filter->seed ^ rng_mix(ev->source->rows)) + row);
}

void sample_bits(const struct evaluation *ev, const struct plan *plan, const uint64_t *active,
                 struct truth out)
{
    uint64_t base = (uint64_t)ev->chunk_number * ev->source->chunk_rows + ev->first;
    for (size_t w = 0; w < ev->words; w++) {
        out.yes[w] = 0;
        for (uint64_t rest = active[w]; rest != 0; rest &= rest - 1) {
            unsigned bit = (unsigned)__builtin_ctzll(rest);
            bool hit = row_hash(ev, base + 64 * w + bit) < plan->share;
            out.yes[w] |= (uint64_t)hit << bit;
        }
        out.no[w] = active[w] & ~out.yes[w];
    }
}
