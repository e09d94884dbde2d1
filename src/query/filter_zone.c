/*
 * What the least and greatest value of some rows, and their number of nulls, decide about a leaf
 * without a look at the rows. Asked once a chunk and leaf, when a row of the chunk is wanted; where
 * that leaves both open, once a block.
 */
#include "query/filter_leaf.h"

static enum leaf_zone zone_of_integers(const struct column_test *test, const struct zone *zone)
{
    if (zone->int_low > zone->int_high) return ZONE_MIXED;
    if (test->partly && (zone->int_low < test->known_low || zone->int_high > test->known_high))
        return ZONE_MIXED;
    if (zone->int_high < test->int_low || zone->int_low > test->int_high) return ZONE_FALSE;
    if (test->loop == LOOP_INTEGERS) {
        if (zone->int_low != zone->int_high) return ZONE_MIXED;
        return integer_set_has(&test->integers, zone->int_low) ? ZONE_TRUE : ZONE_FALSE;
    }
    bool inside = zone->int_low >= test->int_low && zone->int_high <= test->int_high;
    return inside ? ZONE_TRUE : ZONE_MIXED;
}

static enum leaf_zone zone_of_floats(const struct column_test *test, const struct zone *zone)
{
    double low = test->loop == LOOP_FLOATS ? test->floats[0] : test->float_low;
    double high = test->loop == LOOP_FLOATS ? test->floats[test->count - 1] : test->float_high;
    if (!(zone->float_low <= zone->float_high)) return ZONE_MIXED;
    if (zone->float_high < low || zone->float_low > high) return ZONE_FALSE;
    if (test->loop == LOOP_FLOATS) return ZONE_MIXED;
    return zone->float_low >= low && zone->float_high <= high ? ZONE_TRUE : ZONE_MIXED;
}

static enum leaf_zone zone_of_values(const struct column_test *test, const struct zone *zone)
{
    switch (test->loop) {
    case LOOP_NEVER: return test->partly ? ZONE_MIXED : ZONE_FALSE;
    case LOOP_RANGE: case LOOP_INTEGERS:
        if (type_is_integral(test->type)) return zone_of_integers(test, zone);
        return zone_of_floats(test, zone);
    case LOOP_FLOATS: return zone_of_floats(test, zone);
    default: return ZONE_MIXED;
    }
}

static enum leaf_zone zone_of_nulls(const struct zone *zone)
{
    if (!zone->has_values) return ZONE_TRUE;
    return zone->nulls == 0 ? ZONE_FALSE : ZONE_MIXED;
}

/* With nulls among the rows, the false ones are only known when nobody needs to tell them from the
 * unknown, and the true ones are not known at all. */
static enum leaf_zone decide(const struct plan *plan, const struct zone *zone)
{
    if (plan->kind == PLAN_NULL) return zone_of_nulls(zone);
    if (!zone->has_values) return ZONE_UNKNOWN;
    enum leaf_zone verdict = zone_of_values(&plan->leaf->test, zone);
    if (zone->nulls == 0) return verdict;
    return verdict == ZONE_FALSE && !plan->leaf->needs_no ? ZONE_FALSE : ZONE_MIXED;
}

/* Of the chunk: found out once. */
static enum leaf_zone chunk_zone(struct evaluation *ev, const struct plan *plan)
{
    struct leaf_state *state = &ev->leaves[plan->number];
    const struct chunk_source *source = ev->source;
    struct zone zone = { 0 };
    if (state->zone != ZONE_UNASKED) return state->zone;
    state->zone = ZONE_MIXED;
    if (!source->zone) return state->zone;
    size_t field = ev->filter->fields[plan->left.slot];
    if (source->zone(source->ctx, field, ev->chunk_number, &zone) == 0)
        state->zone = decide(plan, &zone);
    return state->zone;
}

enum leaf_zone leaf_zone_of(struct evaluation *ev, const struct plan *plan)
{
    const struct chunk_source *source = ev->source;
    struct zone zone = { 0 };
    bool column = plan->left.form == OPERAND_FIELD &&
                  (plan->kind == PLAN_NULL || plan->leaf->test.loop != LOOP_NONE);
    if (!column) return ZONE_MIXED;
    enum leaf_zone whole = chunk_zone(ev, plan);
    if (whole != ZONE_MIXED || !source->rows_zone) return whole;
    size_t field = ev->filter->fields[plan->left.slot], left = ev->chunk_rows - ev->first;
    size_t first = ev->chunk_number * source->chunk_rows + ev->first;
    size_t rows = left < FILTER_BLOCK_ROWS ? left : FILTER_BLOCK_ROWS;
    if (source->rows_zone(source->ctx, field, first, rows, &zone) != 0) return ZONE_MIXED;
    return decide(plan, &zone);
}
