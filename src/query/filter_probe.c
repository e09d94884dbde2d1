/*
 * Questions to the indexes of a segment, once before its rows are walked.
 *
 * A leaf that an index may answer is put as a `struct probe` when the filter is compiled. When a
 * segment is evaluated, indexes first say about how many rows each question has; the children of a
 * run are ordered by that, and asked in that order as long as the answer costs less than reading
 * the rows that are still open. An exact answer replaces the leaf. An inexact one only says where
 * to look, which is of no use under a negation. A damaged index is not asked again: the rows are.
 */
#include <assert.h>
#include <stdlib.h>

#include "query/filter_leaf.h"

/* Of an answer, in nanoseconds: to begin with, a row of the segment, a row that matches. */
#define ANSWER_NS       100.0
#define ANSWER_ROW_NS   0.02
#define ANSWER_MATCH_NS 1.0

/* ------------------------------------------------------------------ questions */

static bool value_of_literal(const struct literal *from, struct kith_value *out)
{
    switch (from->kind) {
    case LITERAL_BOOL:
        *out = (struct kith_value){ .type = KITH_BOOL, .i = from->boolean };
        return true;
    case LITERAL_INT:
        *out = (struct kith_value){ .type = KITH_INT64, .i = from->integer };
        return true;
    case LITERAL_FLOAT:
        *out = (struct kith_value){ .type = KITH_DOUBLE, .d = from->number };
        return true;
    case LITERAL_STRING:
        *out = (struct kith_value){ .type = KITH_VARCHAR, .s = from->s };
        return true;
    default: return false;
    }
}

static int order_literals(const void *a, const void *b)
{
    int order = 0;
    (void)literal_compare(a, b, &order);
    return order;
}

/* Ascending and distinct; none when they are of several kinds: no one question. */
static int terms_of(const struct literal *from, size_t count, struct arena *arena,
                    struct leaf *leaf)
{
    struct literal *sorted = arena_alloc_array(arena, count + 1, sizeof *sorted);
    struct kith_value *terms = arena_alloc_array(arena, count + 1, sizeof *terms);
    size_t kept = 0;
    int order = 0;
    if (!sorted || !terms) return KITH_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        sorted[i] = from[i];
        if (!literal_compare(&from[0], &from[i], &order)) return 0;
    }
    qsort(sorted, count, sizeof *sorted, order_literals);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && order_literals(&sorted[i - 1], &sorted[i]) == 0) continue;
        if (!value_of_literal(&sorted[i], &terms[kept++])) return 0;
    }
    leaf->probe.terms = terms;
    leaf->probe.term_count = kept;
    leaf->probes = kept > 0;
    return 0;
}

static void range_of_column(const struct column_test *test, struct probe *probe)
{
    bool integer = type_is_integral(test->type);
    probe->low_inclusive = probe->high_inclusive = true;
    probe->has_low = probe->has_high = true;
    if (integer) {
        probe->low = (struct kith_value){ .type = KITH_INT64, .i = test->int_low };
        probe->high = (struct kith_value){ .type = KITH_INT64, .i = test->int_high };
    } else {
        probe->low = (struct kith_value){ .type = KITH_DOUBLE, .d = test->float_low };
        probe->high = (struct kith_value){ .type = KITH_DOUBLE, .d = test->float_high };
    }
}

static void range_of_constants(const struct plan *plan, struct leaf *leaf)
{
    struct probe *probe = &leaf->probe;
    probe->has_low = plan->low.given;
    probe->has_high = plan->high.given;
    probe->low_inclusive = plan->low.inclusive;
    probe->high_inclusive = plan->high.inclusive;
    leaf->probes = (!probe->has_low || value_of_literal(&plan->low.value, &probe->low)) &&
                   (!probe->has_high || value_of_literal(&plan->high.value, &probe->high));
    /* Truth values are asked for one by one. */
    if (probe->low.type == KITH_BOOL || probe->high.type == KITH_BOOL) leaf->probes = false;
}

static int probe_of_bounds(const struct plan *plan, struct leaf *leaf, struct arena *arena)
{
    bool column = plan->left.form == OPERAND_FIELD;
    leaf->probe.kind = PROBE_RANGE;
    if (plan->left.arith != TOKEN_END && leaf->test.loop != LOOP_RANGE) return 0;
    if (plan->equal && plan->left.arith == TOKEN_END) {
        leaf->probe.kind = PROBE_TERMS;
        return terms_of(&plan->low.value, 1, arena, leaf);
    }
    if (column && leaf->test.loop == LOOP_RANGE) {
        range_of_column(&leaf->test, &leaf->probe);
        leaf->probes = !leaf->test.partly || !leaf->needs_no;
    } else if (leaf->test.loop == LOOP_NONE || leaf->test.loop == LOOP_TEXT_RANGE) {
        range_of_constants(plan, leaf);
    }
    return 0;
}

static void probe_of_geometry(const struct plan *plan, struct leaf *leaf)
{
    leaf->probe.kind = PROBE_BOX;
    for (size_t i = 0; i < 4; i++) leaf->probe.box[i] = plan->geometry->box[i];
    leaf->probes = plan->geometry->boxed && !leaf->needs_no;
}

static void probe_of_match(const struct plan *plan, struct leaf *leaf)
{
    leaf->probe.kind = plan->match->phrase ? PROBE_PHRASE : PROBE_MATCH;
    leaf->probe.pattern = plan->match->words;
    leaf->probe.least = plan->match->least;
    leaf->probe.slop = plan->match->slop;
    leaf->probes = true;
}

static int probe_of_contains(const struct plan *plan, struct leaf *leaf, struct arena *arena)
{
    leaf->probe.kind = plan->all ? PROBE_CONTAINS_ALL : PROBE_CONTAINS_ANY;
    return plan->value_count > 0 ? terms_of(plan->values, plan->value_count, arena, leaf) : 0;
}

static void probe_of_like(const struct plan *plan, struct leaf *leaf)
{
    leaf->probe.kind = PROBE_LIKE;
    leaf->probe.like = plan->like.items;
    leaf->probe.like_count = plan->like.count;
    leaf->probes = true;
}
static_assert(LIKE_ONE == PROBE_LIKE_ONE && LIKE_RUN == PROBE_LIKE_RUN, "one set of signs");

int probe_of_leaf(const struct filter *filter, const struct plan *plan, struct leaf *leaf,
                  struct arena *arena)
{
    const struct operand *left = &plan->left;
    bool json = left->form == OPERAND_JSON;
    if (plan->kind == PLAN_SAMPLE || left->form == OPERAND_ELEMENT || left->length) return 0;
    if (json && (!leaf->fits_path || left->arith != TOKEN_END)) return 0;
    leaf->probe.field = filter->fields[left->slot];
    leaf->probe.path = json ? leaf->pointer : (struct kith_str){ "", 0 };
    switch (plan->kind) {
    case PLAN_BOUNDS:
        return left->type == KITH_ARRAY ? 0 : probe_of_bounds(plan, leaf, arena);
    case PLAN_TERMS:
        leaf->probe.kind = PROBE_TERMS;
        return left->type == KITH_ARRAY ? 0
                                        : terms_of(plan->values, plan->value_count, arena, leaf);
    case PLAN_CONTAINS: return probe_of_contains(plan, leaf, arena);
    case PLAN_LIKE: probe_of_like(plan, leaf); break;
    case PLAN_MATCH: probe_of_match(plan, leaf); break;
    case PLAN_GEOMETRY: probe_of_geometry(plan, leaf); break;
    case PLAN_EXISTS:
        leaf->probe.kind = PROBE_PRESENT;
        leaf->probes = json && left->step_count > 0;
        break;
    default: break;
    }
    return 0;
}

/* ------------------------------------------------------------------ estimates */

static double answer_cost(const struct evaluation *ev, double share)
{
    return ANSWER_NS + (double)ev->source->rows * (ANSWER_ROW_NS + ANSWER_MATCH_NS * share);
}

static void estimate_leaf(struct evaluation *ev, const struct plan *plan)
{
    struct leaf_state *state = &ev->leaves[plan->number];
    const struct leaf *leaf = plan->leaf;
    const struct chunk_source *source = ev->source;
    uint64_t rows = 0;
    state->cost = leaf->cost;
    state->share = leaf->share;
    /* A typed column of a path costs what a real one does. */
    if (source->typed && leaf->typed && leaf->fits_path) state->cost /= 20;
    if (!source->estimate || !leaf->probes || source->rows == 0) return;
    if (source->estimate(source->ctx, &leaf->probe, &rows) != 0) return;
    if (rows > source->rows) rows = source->rows;
    double share = (double)rows / (double)source->rows;
    double cost = answer_cost(ev, share) / (double)source->rows;
    state->estimated = true;
    state->share = plan->negated ? 1 - share : share;
    if (cost < state->cost) state->cost = cost;
}

void probes_estimate(struct evaluation *ev, const struct plan *plan)
{
    if (plan->leaf) estimate_leaf(ev, plan);
    for (size_t i = 0; !plan->leaf && i < plan->count; i++)
        probes_estimate(ev, plan->children[i]);
}

/* ------------------------------------------------------------------ answers */

#define COUNTED_WORDS 256

/* About how many rows: of a large set, by words spread evenly over it. */
static double rows_in(const struct bitset *set)
{
    size_t words = BITSET_WORDS(set->bits), counted = 0;
    if (words <= COUNTED_WORDS) return (double)bitset_count(set);
    for (size_t i = 0; i < COUNTED_WORDS; i++)
        counted += (size_t)__builtin_popcountll(set->words[i * words / COUNTED_WORDS]);
    return (double)counted * (double)set->bits / (64.0 * COUNTED_WORDS);
}

static int take_answer(struct evaluation *ev, const struct plan *plan, bool exact)
{
    struct leaf_state *state = &ev->leaves[plan->number];
    double rows = (double)ev->source->rows, yes = rows * state->share;
    if (plan->negated) yes = rows - yes;
    if (!state->estimated) yes = rows_in(&state->yes);
    if (!exact && plan->leaf->needs_no) return 0;
    state->answer = exact ? ANSWER_EXACT : ANSWER_NARROWED;
    state->share = plan->negated ? 1 - yes / rows : yes / rows;
    state->cost = exact ? 0.01 : 0.01 + plan->leaf->cost * yes / rows;
    return 0;
}

static int ask_leaf(struct evaluation *ev, const struct plan *plan, double wanted)
{
    struct leaf_state *state = &ev->leaves[plan->number];
    const struct leaf *leaf = plan->leaf;
    const struct chunk_source *source = ev->source;
    double share = plan->negated ? 1 - state->share : state->share;
    /* Loops read the 64 rows around every one that is open. */
    double read = leaf->test.loop == LOOP_NONE ? wanted : wanted * 64;
    if (read > (double)source->rows) read = (double)source->rows;
    if (!leaf->probes || answer_cost(ev, share) >= read * leaf->cost) return 0;
    bool present = leaf->needs_no && plan->kind != PLAN_EXISTS;
    int rc = bitset_init(&state->yes, source->rows, false);
    if (rc == 0 && present) rc = bitset_init(&state->present, source->rows, false);
    if (rc != 0) return rc;
    struct probe_answer answer = { .yes = &state->yes, .present = present ? &state->present
                                                                          : NULL };
    rc = source->probe(source->ctx, &leaf->probe, &answer);
    if (rc == KITH_ENOMEM) return rc;
    return rc == 0 ? take_answer(ev, plan, answer.exact) : 0;
}

/* `wanted` rows are still open, about. */
static int ask(struct evaluation *ev, const struct plan *plan, double wanted)
{
    if (plan->leaf) return ask_leaf(ev, plan, wanted);
    if (plan->kind == PLAN_NOT) return ask(ev, plan->children[0], wanted);
    for (size_t i = 0; i < plan->count; i++) {
        const struct plan *child = ev->order[plan->first_child + i].plan;
        int rc = ask(ev, child, wanted);
        if (rc != 0) return rc;
        double share = plan_share(ev, child);
        wanted *= plan->kind == PLAN_AND ? share : 1 - share;
    }
    return 0;
}

int probes_ask(struct evaluation *ev, const struct bitset *within)
{
    const struct plan *root = ev->filter->root;
    if (!ev->source->probe) return 0;
    double wanted = within ? rows_in(within) : (double)ev->source->rows;
    int rc = ask(ev, root, wanted);
    if (rc == 0) order_children(ev, root);
    return rc;
}
