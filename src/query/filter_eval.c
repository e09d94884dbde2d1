/*
 * A plan over the rows of a source, in blocks of at most 4,096 rows of one chunk.
 *
 * Each plan gives two sets of rows, true and false; a row in neither is unknown. `and` intersects
 * the true sets and unites the false ones, `or` the other way round, `not` exchanges them. A plan
 * is asked only about the rows that can still matter, and nothing is read for a block where none
 * can. Indexes are asked first, once for the whole source; leaves are filter_leaf's.
 */
#include <string.h>

#include "query/filter_leaf.h"

static int evaluate(struct evaluation *ev, const struct plan *plan, unsigned level,
                    const uint64_t *active, struct truth out);

static bool any_row(const uint64_t *words, size_t count)
{
    uint64_t all = 0;
    for (size_t w = 0; w < count; w++) all |= words[w];
    return all != 0;
}

/* ------------------------------------------------------------------ connectives */

/* With the sets exchanged `or` is `and`: a row is settled once a child puts it into `strong`. */
static int evaluate_run(struct evaluation *ev, const struct plan *plan, unsigned level,
                        const uint64_t *active, struct truth out)
{
    uint64_t *base = ev->scratch + (size_t)level * 3 * FILTER_BLOCK_WORDS;
    struct truth child = { base, base + FILTER_BLOCK_WORDS };
    uint64_t *open = base + (size_t)2 * FILTER_BLOCK_WORDS;
    bool conjunction = plan->kind == PLAN_AND;
    uint64_t *weak = conjunction ? out.yes : out.no, *strong = conjunction ? out.no : out.yes;
    const uint64_t *child_weak = conjunction ? child.yes : child.no;
    const uint64_t *child_strong = conjunction ? child.no : child.yes;
    memcpy(weak, active, ev->words * sizeof *weak);
    memset(strong, 0, ev->words * sizeof *strong);
    memcpy(open, active, ev->words * sizeof *open);
    for (size_t i = 0; i < plan->count && any_row(open, ev->words); i++) {
        const struct plan *next = ev->order[plan->first_child + i].plan;
        int rc = evaluate(ev, next, level + 1, open, child);
        if (rc != 0) return rc;
        for (size_t w = 0; w < ev->words; w++) {
            weak[w] &= child_weak[w];
            strong[w] |= child_strong[w];
            open[w] &= ~child_strong[w];
        }
    }
    return 0;
}

static int evaluate(struct evaluation *ev, const struct plan *plan, unsigned level,
                    const uint64_t *active, struct truth out)
{
    switch (plan->kind) {
    case PLAN_AND: case PLAN_OR: return evaluate_run(ev, plan, level, active, out);
    case PLAN_NOT:
        return evaluate(ev, plan->children[0], level, active, (struct truth){ out.no, out.yes });
    default: return leaf_evaluate(ev, plan, active, out);
    }
}

/* ------------------------------------------------------------------ blocks */

static int evaluate_block(struct evaluation *ev, const struct bitset *within, struct bitset *out)
{
    uint64_t active[FILTER_BLOCK_WORDS], no[FILTER_BLOCK_WORDS];
    size_t left = ev->chunk_rows - ev->first;
    size_t rows = left < FILTER_BLOCK_ROWS ? left : FILTER_BLOCK_ROWS;
    size_t at = (ev->chunk_number * ev->source->chunk_rows + ev->first) / 64;
    ev->words = BITSET_WORDS(rows);
    for (size_t w = 0; w < ev->words; w++)
        active[w] = within ? within->words[at + w] : UINT64_MAX;
    if (rows % 64 != 0) active[ev->words - 1] &= (1ull << (rows % 64)) - 1;
    if (!any_row(active, ev->words)) {
        memset(out->words + at, 0, ev->words * sizeof *out->words);
        return 0;
    }
    return evaluate(ev, ev->filter->root, 0, active, (struct truth){ out->words + at, no });
}

static void begin_chunk(struct evaluation *ev, size_t rows)
{
    ev->chunk_rows = rows;
    memset(ev->loaded, 0, ev->filter->field_count * sizeof *ev->loaded);
    for (size_t i = 0; i < ev->filter->node_count; i++) {
        ev->leaves[i].zone = ZONE_UNASKED;
        ev->leaves[i].typed_asked = false;
    }
}

static int evaluate_chunks(struct evaluation *ev, const struct bitset *within, struct bitset *out,
                           int (*poll)(void *ctx), void *poll_ctx)
{
    const struct chunk_source *source = ev->source;
    for (size_t start = 0; start < source->rows; start += ev->chunk_rows, ev->chunk_number++) {
        size_t left = source->rows - start;
        begin_chunk(ev, left < source->chunk_rows ? left : source->chunk_rows);
        for (ev->first = 0; ev->first < ev->chunk_rows; ev->first += FILTER_BLOCK_ROWS) {
            int rc = poll ? poll(poll_ctx) : 0;
            if (rc != 0) return error_set(ev->err, rc, "filter stopped: %s", error_name(rc));
            rc = evaluate_block(ev, within, out);
            if (rc != 0) return rc;
        }
    }
    return 0;
}

/* ------------------------------------------------------------------ answers alone */

static bool is_exact(const struct evaluation *ev, const struct plan *plan)
{
    return plan->leaf && ev->leaves[plan->number].answer == ANSWER_EXACT;
}

static void keep_answer(const struct evaluation *ev, const struct plan *plan, struct bitset *out)
{
    const struct leaf_state *state = &ev->leaves[plan->number];
    if (!plan->negated) bitset_and(out, &state->yes);
    else bitset_andnot(out, &state->yes);
    if (plan->negated && state->present.words) bitset_and(out, &state->present);
}

/* Indexes answer the whole filter, one leaf or a conjunction: no row is looked at. */
static bool answers_alone(const struct evaluation *ev, const struct bitset *within,
                          struct bitset *out)
{
    const struct plan *root = ev->filter->root;
    bool alone = is_exact(ev, root) || root->kind == PLAN_AND;
    for (size_t i = 0; root->kind == PLAN_AND && i < root->count; i++)
        alone = alone && is_exact(ev, root->children[i]);
    if (!alone) return false;
    if (!within) bitset_fill(out, true);
    else if (within != out) memcpy(out->words, within->words, BITSET_WORDS(out->bits) * 8);
    if (root->leaf) keep_answer(ev, root, out);
    for (size_t i = 0; root->kind == PLAN_AND && i < root->count; i++)
        keep_answer(ev, root->children[i], out);
    return true;
}

int filter_evaluate(const struct filter *filter, const struct chunk_source *source,
                    const struct bitset *within, struct bitset *out, int (*poll)(void *ctx),
                    void *poll_ctx, struct kith_error *err)
{
    struct evaluation ev;
    if (out->bits != source->rows || (within && within->bits != source->rows) ||
        source->chunk_rows == 0 || source->chunk_rows % 64 != 0)
        return error_set(err, KITH_EINVAL, "filter: rows of the source and of the sets differ");
    int rc = evaluation_init(&ev, filter, source, err);
    if (rc == 0) {
        rc = probes_ask(&ev, within);
        if (rc != 0) error_set(err, rc, "no memory to evaluate the filter");
    }
    if (rc == 0 && !answers_alone(&ev, within, out))
        rc = evaluate_chunks(&ev, within, out, poll, poll_ctx);
    evaluation_release(&ev);
    return rc;
}
