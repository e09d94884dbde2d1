/*
 * Binding a search to a view: rows without a vector are dropped, every segment gets its plan, and
 * the work is cut into units.
 *
 * A scan of many rows is cut into runs of UNIT_ROWS, so that several threads can share one query;
 * a walk is one unit. The cut depends on the rows alone, never on the threads.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "query/execute_internal.h"

#define UNIT_ROWS ((size_t)32768)

/* ------------------------------------------------------------------ rows without a vector */

/* A null vector is stored as zeros; its row can be no result. */
static int drop_piece(struct allowed *allowed, size_t number, size_t first, size_t count,
                      const uint64_t *valid)
{
    if (!allowed_rows(allowed, number)) return KITH_ENOMEM;
    uint64_t *words = allowed->sets[number].words + first / 64;
    for (size_t w = 0; w < BITSET_WORDS(count); w++) {
        uint64_t keep = valid_word_get(valid, w);
        if (count - w * 64 < 64) keep |= ~((1ull << (count - w * 64)) - 1);
        words[w] &= keep;
    }
    return 0;
}

/* A segment that is older than the field. */
static int drop_all(struct allowed *allowed, size_t number)
{
    if (!allowed_rows(allowed, number)) return KITH_ENOMEM;
    bitset_fill(&allowed->sets[number], false);
    allowed->counts[number] = 0;
    return 0;
}

static int drop_nulls(const struct search_binding *binding, size_t number)
{
    struct allowed *allowed = binding->allowed;
    const struct segment *segment = binding->rows->segments[number];
    const size_t bits = allowed->sets[number].bits;
    bool dropped = false;
    if (!(binding->search.schema_field->flags & KITH_FIELD_NULLABLE)) return 0;
    for (size_t piece = 0;; piece++) {
        struct vectors vectors;
        size_t first;
        const uint64_t *valid = NULL;
        int rc = segment_vectors(segment, binding->search.field, bits, piece, &vectors, &first,
                                 &valid);
        if (rc == KITH_ENOTFOUND && piece == 0 && bits) return drop_all(allowed, number);
        if (rc == KITH_ENOTFOUND) break;
        if (rc) return rc == KITH_ECORRUPT ? 0 : rc; /* whoever searches it reports it */
        if (valid) rc = drop_piece(allowed, number, first, vectors.count, valid);
        if (rc) return rc;
        dropped |= valid != NULL;
    }
    if (dropped) allowed->counts[number] = bitset_count(&allowed->sets[number]);
    return 0;
}

/* ------------------------------------------------------------------ plans */

static bool has_graph(const struct search_binding *binding, size_t number)
{
    const struct index *index =
        segment_index(binding->rows->segments[number], binding->search.field);
    return index && strcmp(index->ops->kind, "FLAT") != 0;
}

static void plan_segment(struct search_binding *binding, size_t number)
{
    const struct vector_search *search = &binding->search;
    const struct schema_field *field = search->schema_field;
    struct plan_input *input = &binding->inputs[number];
    const bool sparse = field->type == KITH_SPARSE_VECTOR;
    *input = (struct plan_input){
        .rows = binding->allowed->sets[number].bits,
        .allowed = binding->allowed->counts[number],
        .k = search->k,
        .ef = search->ef,
        .type = field->type,
        .dim = field->dim,
        .row_bytes = field->width,
        .graph = !sparse && has_graph(binding, number),
        .exact = search->exact,
        .filtered = binding->allowed->sets[number].words != NULL,
        .forced = search->plan,
        .recall = search->recall,
    };
    binding->choices[number] = plan_choose(input);
    if (!sparse || input->allowed == 0) return;
    binding->choices[number].way = SEARCH_SPARSE;
    binding->choices[number].why = "sparse vectors";
}

/* ------------------------------------------------------------------ units */

static size_t units_of(const struct search_binding *binding, size_t number)
{
    if (binding->choices[number].way == SEARCH_NONE) return 0;
    if (binding->choices[number].way != SEARCH_SCAN) return 1;
    return (binding->inputs[number].rows + UNIT_ROWS - 1) / UNIT_ROWS;
}

static void cut_units(struct search_binding *binding, size_t number)
{
    const size_t rows = binding->inputs[number].rows, count = units_of(binding, number);
    for (size_t i = 0; i < count; i++)
        binding->units[binding->unit_count++] = (struct search_unit){
            .segment = (uint32_t)number,
            .first = i * UNIT_ROWS,
            .end = i + 1 == count ? rows : (i + 1) * UNIT_ROWS,
        };
}

/* Most rows first: its k-th distance lets the rest of a serial search drop most of what it sees. */
static int compare_units(const void *a, const void *b, void *ctx)
{
    const struct search_unit *x = a, *y = b;
    const struct allowed *allowed = ctx;
    const size_t p = allowed->counts[x->segment], q = allowed->counts[y->segment];
    if (p != q) return p > q ? -1 : 1;
    if (x->segment != y->segment) return x->segment < y->segment ? -1 : 1;
    return x->first < y->first ? -1 : x->first > y->first;
}

static int make_units(struct search_binding *binding, struct kith_error *err)
{
    size_t count = 0;
    for (size_t i = 0; i < binding->rows->count; i++) count += units_of(binding, i);
    binding->units = mem_alloc_array(count + 1, sizeof *binding->units);
    if (!binding->units) return error_set(err, KITH_ENOMEM, "search: no memory for its plan");
    for (size_t i = 0; i < binding->rows->count; i++) cut_units(binding, i);
    qsort_r(binding->units, binding->unit_count, sizeof *binding->units, compare_units,
            binding->allowed);
    return 0;
}

/* ------------------------------------------------------------------ the binding */

void search_unbind(struct search_binding *binding)
{
    mem_free(binding->inputs);
    mem_free(binding->choices);
    mem_free(binding->tallies);
    mem_free(binding->units);
    memset(binding, 0, sizeof *binding);
}

static int bind_segment(struct search_binding *binding, size_t number)
{
    int rc = 0;
    /* Sparse rows are walked by their bitmap. */
    if (binding->search.schema_field->type == KITH_SPARSE_VECTOR) {
        if (!allowed_rows(binding->allowed, number)) rc = KITH_ENOMEM;
    } else {
        rc = drop_nulls(binding, number);
    }
    if (rc) return rc;
    plan_segment(binding, number);
    binding->total += binding->allowed->counts[number];
    binding->cost_ns += plan_cost(&binding->choices[number]);
    return 0;
}

int search_bind(struct search_binding *binding, const struct view_rows *rows,
                struct allowed *allowed, const struct vector_search *search,
                struct kith_error *err)
{
    *binding = (struct search_binding){ .rows = rows, .allowed = allowed, .search = *search };
    binding->inputs = mem_zalloc_array(rows->count + 1, sizeof *binding->inputs);
    binding->choices = mem_zalloc_array(rows->count + 1, sizeof *binding->choices);
    binding->tallies = mem_zalloc_array(rows->count + 1, sizeof *binding->tallies);
    int rc = binding->inputs && binding->choices && binding->tallies ? 0 : KITH_ENOMEM;
    for (size_t i = 0; rc == 0 && i < rows->count; i++) rc = bind_segment(binding, i);
    if (rc) error_set(err, rc, "search: no memory for its plan");
    if (rc == 0) rc = make_units(binding, err);
    if (rc) search_unbind(binding);
    return rc;
}

int search_replan(struct search_binding *binding, uint32_t ef, struct kith_error *err)
{
    binding->search.ef = ef;
    binding->cost_ns = 0;
    for (size_t i = 0; i < binding->rows->count; i++) {
        plan_segment(binding, i);
        binding->cost_ns += plan_cost(&binding->choices[i]);
    }
    mem_free(binding->units);
    binding->units = NULL;
    binding->unit_count = 0;
    return make_units(binding, err);
}
