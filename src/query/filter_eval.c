/*
 * A plan over the rows of a source, in blocks of at most 4,096 rows of one chunk.
 *
 * Each plan gives two sets of rows, true and false; a row in neither is unknown. `and` intersects
 * the true sets and unites the false ones, `or` the other way round, `not` exchanges them. A plan
 * is asked only about the rows that can still matter, and nothing is read for a block where none
 * can. A column's chunk is fetched when a leaf first needs it.
 */
#include <string.h>

#include "base/alloc.h"
#include "query/filter_internal.h"

static int evaluate(struct evaluation *ev, const struct plan *plan, unsigned level,
                    const uint64_t *active, struct truth out);

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
    return chunk->valid ? chunk->valid[ev->first / 64 + w] : UINT64_MAX;
}

/* ------------------------------------------------------------------ leaves */

static void null_leaf(const struct evaluation *ev, const struct chunk *chunk,
                      const uint64_t *active, struct truth out)
{
    for (size_t w = 0; w < ev->words; w++) {
        uint64_t valid = valid_word(ev, chunk, w);
        out.yes[w] = active[w] & ~valid;
        out.no[w] = active[w] & valid;
    }
}

static void column_leaf(const struct evaluation *ev, const struct plan *plan,
                        const struct chunk *chunk, const uint64_t *active, struct truth out)
{
    uint64_t known[FILTER_BLOCK_WORDS];
    for (size_t w = 0; w < ev->words; w++) known[w] = active[w] & valid_word(ev, chunk, w);
    if (plan->ranged) range_bits(plan, chunk, ev->first, block_rows(ev), known, out.yes);
    else direct_bits(plan, chunk, ev->first, block_rows(ev), known, out.yes);
    for (size_t w = 0; w < ev->words; w++) {
        out.yes[w] &= known[w];
        out.no[w] = known[w] & ~out.yes[w];
    }
}

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

static void row_leaf(struct evaluation *ev, const struct plan *plan, const struct chunk *left,
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
}

static int evaluate_leaf(struct evaluation *ev, const struct plan *plan, const uint64_t *active,
                         struct truth out)
{
    const struct chunk *left = NULL, *right = NULL;
    if (plan->kind == PLAN_SAMPLE) {
        sample_bits(ev, plan, active, out);
        return 0;
    }
    int rc = load_column(ev, plan->left.slot, &left);
    if (rc == 0 && plan->kind == PLAN_COLUMNS) rc = load_column(ev, plan->right.slot, &right);
    if (rc != 0) return rc;
    if (plan->negated) out = (struct truth){ out.no, out.yes };
    if (plan->kind == PLAN_NULL) null_leaf(ev, left, active, out);
    else if (plan->ranged || plan->direct) column_leaf(ev, plan, left, active, out);
    else row_leaf(ev, plan, left, right, active, out);
    if (ev->special_rc != 0)
        return error_set(ev->err, ev->special_rc, "filter stopped: %s", error_name(ev->special_rc));
    if (ev->unescaped.failed || ev->unescaped_right.failed)
        return error_set(ev->err, KITH_ENOMEM, "no memory to evaluate the filter");
    return 0;
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
        int rc = evaluate(ev, plan->children[i], level + 1, open, child);
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
    default: return evaluate_leaf(ev, plan, active, out);
    }
}

/* ------------------------------------------------------------------ blocks */

static int evaluate_block(struct evaluation *ev, const struct bitset *within, struct bitset *out)
{
    uint64_t active[FILTER_BLOCK_WORDS], no[FILTER_BLOCK_WORDS];
    size_t rows = block_rows(ev);
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

static int evaluate_chunks(struct evaluation *ev, const struct bitset *within, struct bitset *out,
                           int (*poll)(void *ctx), void *poll_ctx)
{
    const struct chunk_source *source = ev->source;
    for (size_t start = 0; start < source->rows; start += ev->chunk_rows, ev->chunk_number++) {
        size_t left = source->rows - start;
        ev->chunk_rows = left < source->chunk_rows ? left : source->chunk_rows;
        memset(ev->loaded, 0, ev->filter->field_count * sizeof *ev->loaded);
        for (ev->first = 0; ev->first < ev->chunk_rows; ev->first += FILTER_BLOCK_ROWS) {
            int rc = poll ? poll(poll_ctx) : 0;
            if (rc != 0) return error_set(ev->err, rc, "filter stopped: %s", error_name(rc));
            rc = evaluate_block(ev, within, out);
            if (rc != 0) return rc;
        }
    }
    return 0;
}

int filter_evaluate(const struct filter *filter, const struct chunk_source *source,
                    const struct bitset *within, struct bitset *out, int (*poll)(void *ctx),
                    void *poll_ctx, struct kith_error *err)
{
    struct evaluation ev = { .filter = filter, .source = source, .err = err };
    int rc = KITH_ENOMEM;
    if (out->bits != source->rows || (within && within->bits != source->rows) ||
        source->chunk_rows == 0 || source->chunk_rows % 64 != 0)
        return error_set(err, KITH_EINVAL, "filter: rows of the source and of the sets differ");
    buffer_init(&ev.unescaped);
    buffer_init(&ev.unescaped_right);
    ev.chunks = mem_zalloc_array(filter->field_count + 1, sizeof *ev.chunks);
    ev.loaded = mem_zalloc_array(filter->field_count + 1, sizeof *ev.loaded);
    ev.specials = specials_new(filter);
    ev.scratch = mem_alloc_array((size_t)filter->root->depth * 3 * FILTER_BLOCK_WORDS,
                                 sizeof *ev.scratch);
    if (ev.chunks && ev.loaded && ev.scratch && ev.specials)
        rc = evaluate_chunks(&ev, within, out, poll, poll_ctx);
    else rc = error_set(err, rc, "no memory to evaluate the filter");
    mem_free(ev.chunks);
    mem_free(ev.loaded);
    mem_free(ev.scratch);
    specials_free(ev.specials, filter->special_count);
    buffer_release(&ev.unescaped);
    buffer_release(&ev.unescaped_right);
    return rc;
}
