/*
 * One leaf over one block: the answer of an index, what is known of the chunk, a typed column of a
 * JSON path, a loop over the column, or the rows one by one, whichever is there first.
 */
#include <string.h>

#include "query/filter_leaf.h"

static size_t block_rows(const struct evaluation *ev)
{
    size_t left = ev->chunk_rows - ev->first;
    return left < FILTER_BLOCK_ROWS ? left : FILTER_BLOCK_ROWS;
}

static bool any_row(const uint64_t *words, size_t count)
{
    uint64_t all = 0;
    for (size_t w = 0; w < count; w++) all |= words[w];
    return all != 0;
}

/* ------------------------------------------------------------------ columns */

static bool chunk_is_usable(const struct evaluation *ev, const struct chunk *chunk,
                            enum kith_type type)
{
    size_t width = type_width(type, 0);
    if (chunk->type != type || chunk->rows < ev->chunk_rows) return false;
    if (type_is_vector(type)) return true; /* never read; only its nulls could be */
    if (width > 0) return chunk->data && chunk->width == width;
    return chunk->strs || (chunk->offsets && (chunk->bytes || chunk->bytes_len == 0));
}

static int load_column(struct evaluation *ev, size_t slot, const struct chunk **out)
{
    if (!ev->loaded[slot]) {
        size_t field = ev->filter->fields[slot];
        int rc = ev->source->get(ev->source->ctx, field, ev->chunk_number, &ev->chunks[slot]);
        if (rc != 0)
            return error_set(ev->err, rc, "filter cannot read rows from %zu of field number %zu",
                             ev->chunk_number * ev->source->chunk_rows, field);
        if (!chunk_is_usable(ev, &ev->chunks[slot], ev->filter->types[slot]))
            return error_set(ev->err, KITH_ECORRUPT,
                             "rows from %zu of field number %zu have another shape than the schema",
                             ev->chunk_number * ev->source->chunk_rows, field);
        ev->loaded[slot] = true;
    }
    *out = &ev->chunks[slot];
    return 0;
}

static uint64_t valid_word(const struct evaluation *ev, const struct chunk *chunk, size_t w)
{
    return chunk->valid ? valid_word_get(chunk->valid, ev->first / 64 + w) : UINT64_MAX;
}

/* ------------------------------------------------------------------ without reading rows */

static void fill(const struct evaluation *ev, enum leaf_zone zone, const uint64_t *active,
                 struct truth out)
{
    for (size_t w = 0; w < ev->words; w++) {
        out.yes[w] = zone == ZONE_TRUE ? active[w] : 0;
        out.no[w] = zone == ZONE_FALSE ? active[w] : 0;
    }
}

static size_t block_word(const struct evaluation *ev)
{
    return (ev->chunk_number * ev->source->chunk_rows + ev->first) / 64;
}

static void exact_leaf(const struct evaluation *ev, const struct leaf_state *state,
                       const uint64_t *active, struct truth out)
{
    const uint64_t *yes = state->yes.words + block_word(ev);
    for (size_t w = 0; w < ev->words; w++) {
        uint64_t hit = active[w] & yes[w];
        out.no[w] = active[w] & ~hit;
        out.yes[w] = hit;
    }
    if (!state->present.words) return;
    const uint64_t *present = state->present.words + block_word(ev);
    for (size_t w = 0; w < ev->words; w++) out.no[w] &= present[w];
}

/* ------------------------------------------------------------------ loops */

static void null_leaf(const struct evaluation *ev, const struct chunk *chunk,
                      const uint64_t *active, struct truth out)
{
    for (size_t w = 0; w < ev->words; w++) {
        uint64_t valid = valid_word(ev, chunk, w);
        out.yes[w] = active[w] & ~valid;
        out.no[w] = active[w] & valid;
    }
}

static void drop_unknown(const struct column_test *test, const struct chunk *chunk, size_t first,
                         size_t rows, uint64_t *known)
{
    struct column_test inside = { .loop = LOOP_RANGE, .type = test->type,
                                  .int_low = test->known_low, .int_high = test->known_high };
    uint64_t has_result[FILTER_BLOCK_WORDS];
    range_bits(&inside, chunk, first, rows, known, has_result);
    for (size_t w = 0; w < BITSET_WORDS(rows); w++) known[w] &= has_result[w];
}

void column_bits(const struct column_test *test, const struct chunk *chunk, size_t first,
                 size_t rows, uint64_t *known, uint64_t *yes)
{
    size_t words = BITSET_WORDS(rows);
    if (test->partly) drop_unknown(test, chunk, first, rows, known);
    switch (test->loop) {
    case LOOP_UNKNOWN: memset(known, 0, words * sizeof *known); /* fall through */
    case LOOP_NONE: case LOOP_NEVER: memset(yes, 0, words * sizeof *yes); return;
    case LOOP_RANGE: range_bits(test, chunk, first, rows, known, yes); break;
    case LOOP_MODULO: case LOOP_ARITHMETIC:
        arithmetic_bits(test, chunk, first, rows, known, yes);
        break;
    default: direct_bits(test, chunk, first, rows, known, yes); break;
    }
    for (size_t w = 0; w < words; w++) yes[w] &= known[w];
}

static void column_leaf(const struct evaluation *ev, const struct column_test *test,
                        const struct chunk *chunk, const uint64_t *active, struct truth out)
{
    uint64_t known[FILTER_BLOCK_WORDS];
    for (size_t w = 0; w < ev->words; w++) known[w] = active[w] & valid_word(ev, chunk, w);
    column_bits(test, chunk, ev->first, block_rows(ev), known, out.yes);
    for (size_t w = 0; w < ev->words; w++) out.no[w] = known[w] & ~out.yes[w];
}

static void columns_leaf(const struct evaluation *ev, const struct plan *plan,
                         const struct chunk *left, const struct chunk *right,
                         const uint64_t *active, struct truth out)
{
    uint64_t known[FILTER_BLOCK_WORDS];
    for (size_t w = 0; w < ev->words; w++)
        known[w] = active[w] & valid_word(ev, left, w) & valid_word(ev, right, w);
    columns_bits(plan, left, right, ev->first, block_rows(ev), known, out.yes);
    for (size_t w = 0; w < ev->words; w++) {
        out.yes[w] &= known[w];
        out.no[w] = known[w] & ~out.yes[w];
    }
}

/* ------------------------------------------------------------------ row by row */

static int row_test(struct evaluation *ev, const struct plan *plan, const struct chunk *left,
                    const struct chunk *right, size_t row)
{
    struct row_value a, b; /* large: filled in only as far as their kind says */
    if (plan_is_special(plan)) return special_test(ev, plan, left, row);
    if (plan->kind == PLAN_EXISTS) return row_is_present(&plan->left, left, row);
    row_value_get(&plan->left, left, row, &ev->unescaped, &a);
    if (right) row_value_get(&plan->right, right, row, &ev->unescaped_right, &b);
    return plan_test(plan, &a, &b);
}

static int row_leaf(struct evaluation *ev, const struct plan *plan, const struct chunk *left,
                    const struct chunk *right, const uint64_t *active, struct truth out)
{
    for (size_t w = 0; w < ev->words; w++) {
        out.yes[w] = out.no[w] = 0;
        for (uint64_t rest = active[w]; rest != 0; rest &= rest - 1) {
            unsigned bit = (unsigned)__builtin_ctzll(rest);
            int result = row_test(ev, plan, left, right, ev->first + 64 * w + bit);
            if (result > 0) out.yes[w] |= 1ull << bit;
            else if (result == 0) out.no[w] |= 1ull << bit;
        }
    }
    if (ev->special_rc != 0)
        return error_set(ev->err, ev->special_rc, "filter stopped: %s", error_name(ev->special_rc));
    if (ev->unescaped.failed || ev->unescaped_right.failed)
        return error_set(ev->err, KITH_ENOMEM, "no memory to evaluate the filter");
    return 0;
}

static int chunk_leaf(struct evaluation *ev, const struct plan *plan, const uint64_t *active,
                      struct truth out)
{
    const struct chunk *left = NULL, *right = NULL;
    int rc = load_column(ev, plan->left.slot, &left);
    if (rc == 0 && plan->kind == PLAN_COLUMNS) rc = load_column(ev, plan->right.slot, &right);
    if (rc != 0) return rc;
    if (plan->kind == PLAN_NULL) null_leaf(ev, left, active, out);
    else if (plan->leaf->test.loop != LOOP_NONE)
        column_leaf(ev, &plan->leaf->test, left, active, out);
    else if (plan->kind == PLAN_COLUMNS && columns_have_loop(plan))
        columns_leaf(ev, plan, left, right, active, out);
    else return row_leaf(ev, plan, left, right, active, out);
    return 0;
}

/* ------------------------------------------------------------------ typed paths */

/* Rows that the typed column says nothing of, from the text. */
static int typed_rest(struct evaluation *ev, const struct plan *plan, const uint64_t *others,
                      struct truth out)
{
    uint64_t yes[FILTER_BLOCK_WORDS], no[FILTER_BLOCK_WORDS];
    int rc = chunk_leaf(ev, plan, others, (struct truth){ yes, no });
    for (size_t w = 0; rc == 0 && w < ev->words; w++) {
        out.yes[w] |= yes[w];
        out.no[w] |= no[w];
    }
    return rc;
}

static int typed_leaf(struct evaluation *ev, const struct plan *plan, const struct chunk *typed,
                      const uint64_t *active, struct truth out)
{
    uint64_t others[FILTER_BLOCK_WORDS];
    for (size_t w = 0; w < ev->words; w++) others[w] = active[w] & ~valid_word(ev, typed, w);
    bool rest = ev->leaves[plan->number].typed_rest && any_row(others, ev->words);
    if (plan->kind == PLAN_EXISTS) {
        for (size_t w = 0; w < ev->words; w++) {
            out.yes[w] = active[w] & ~others[w];
            out.no[w] = rest ? 0 : others[w];
        }
    } else {
        column_leaf(ev, leaf_typed_test(plan->leaf, typed->type), typed, active, out);
    }
    return rest ? typed_rest(ev, plan, others, out) : 0;
}

/* ------------------------------------------------------------------ the leaf */

static int read_leaf(struct evaluation *ev, const struct plan *plan, const uint64_t *active,
                     struct truth out)
{
    enum leaf_zone zone = leaf_zone_of(ev, plan);
    const struct chunk *typed;
    if (zone != ZONE_MIXED) {
        fill(ev, zone, active, out);
        return 0;
    }
    typed = leaf_typed_chunk(ev, plan);
    return typed ? typed_leaf(ev, plan, typed, active, out) : chunk_leaf(ev, plan, active, out);
}

/* Only the rows that the index named are looked at; the others do not match. */
static int narrowed_leaf(struct evaluation *ev, const struct plan *plan,
                         const struct leaf_state *state, const uint64_t *active, struct truth out)
{
    uint64_t named[FILTER_BLOCK_WORDS];
    size_t at = block_word(ev);
    int rc = 0;
    for (size_t w = 0; w < ev->words; w++) named[w] = active[w] & state->yes.words[at + w];
    if (any_row(named, ev->words)) rc = read_leaf(ev, plan, named, out);
    else memset(out.yes, 0, ev->words * sizeof *out.yes);
    for (size_t w = 0; w < ev->words; w++) out.no[w] = active[w] & ~out.yes[w];
    return rc;
}

int leaf_evaluate(struct evaluation *ev, const struct plan *plan, const uint64_t *active,
                  struct truth out)
{
    const struct leaf_state *state = &ev->leaves[plan->number];
    if (plan->kind == PLAN_SAMPLE) {
        sample_bits(ev, plan, active, out);
        return 0;
    }
    if (plan->negated) out = (struct truth){ out.no, out.yes };
    if (state->answer == ANSWER_NARROWED) return narrowed_leaf(ev, plan, state, active, out);
    if (state->answer == ANSWER_ROWS) return read_leaf(ev, plan, active, out);
    exact_leaf(ev, state, active, out);
    return 0;
}
