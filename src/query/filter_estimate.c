/*
 * About which share of a segment's rows passes a filter, for the planner.
 *
 * A sample of sixteen runs of 64 rows, spread evenly: runs, because the evaluation reads 64 rows a
 * step. The rows are the same at every call, so plans do not flicker. A sample knows how leaves go
 * together but nothing of rare rows; indexes know shares of single leaves exactly. So with few hits
 * in the sample the indexes' bound is taken where it is lower, and when every leaf is known and the
 * sample saw next to nothing, the product of the shares.
 */
#include "query/filter_leaf.h"

#define SAMPLE_RUNS 16
#define HITS_ENOUGH 32

static size_t sample_rows(struct bitset *sample)
{
    size_t words = BITSET_WORDS(sample->bits), runs = words < SAMPLE_RUNS ? words : SAMPLE_RUNS;
    for (size_t i = 0; i < runs; i++) sample->words[i * words / runs] = UINT64_MAX;
    if (sample->bits % 64 != 0) sample->words[words - 1] &= (1ull << (sample->bits % 64)) - 1;
    return bitset_count(sample);
}

static bool all_known(const struct evaluation *ev, const struct plan *plan)
{
    if (plan->leaf) return ev->leaves[plan->number].estimated || plan->kind == PLAN_SAMPLE;
    for (size_t i = 0; i < plan->count; i++)
        if (!all_known(ev, plan->children[i])) return false;
    return true;
}

/* No more than this, by the leaves that an index knows. */
static double known_bound(const struct evaluation *ev, const struct plan *plan)
{
    const struct leaf_state *state = &ev->leaves[plan->number];
    double bound = plan->kind == PLAN_AND ? 1 : 0;
    if (plan->leaf) return state->estimated ? state->share : 1;
    if (plan->kind == PLAN_NOT) return 1;
    for (size_t i = 0; i < plan->count; i++) {
        double one = known_bound(ev, plan->children[i]);
        if (plan->kind == PLAN_OR) bound += one;
        else if (one < bound) bound = one;
    }
    return bound < 1 ? bound : 1;
}

static int sample_hits(const struct filter *filter, const struct chunk_source *source,
                       size_t *rows, size_t *hits, struct kith_error *err)
{
    struct bitset sample = { 0 }, passed = { 0 };
    int rc = bitset_init(&sample, source->rows, false);
    if (rc == 0) rc = bitset_init(&passed, source->rows, false);
    if (rc != 0) error_set(err, rc, "no memory to estimate the filter");
    *rows = rc == 0 ? sample_rows(&sample) : 0;
    if (*rows > 0) rc = filter_evaluate(filter, source, &sample, &passed, NULL, NULL, err);
    *hits = rc == 0 && *rows > 0 ? bitset_count(&passed) : 0;
    bitset_release(&sample);
    bitset_release(&passed);
    return rc;
}

static double combined(const struct evaluation *ev, size_t rows, size_t hits)
{
    const struct plan *root = ev->filter->root;
    double seen = (double)hits / (double)rows, bound = known_bound(ev, root);
    if (hits >= HITS_ENOUGH) return seen < bound ? seen : bound;
    if (all_known(ev, root)) return plan_share(ev, root);
    return seen < bound ? seen : bound;
}

int filter_estimate(const struct filter *filter, const struct chunk_source *source,
                    double *share, struct kith_error *err)
{
    struct evaluation ev;
    size_t rows = 0, hits = 0;
    if (source->rows == 0) {
        *share = 0;
        return 0;
    }
    int rc = evaluation_init(&ev, filter, source, err);
    bool single = rc == 0 && filter->root->leaf && all_known(&ev, filter->root);
    if (rc == 0 && !single) rc = sample_hits(filter, source, &rows, &hits, err);
    if (rc == 0) *share = single ? plan_share(&ev, filter->root) : combined(&ev, rows, hits);
    evaluation_release(&ev);
    return rc;
}
