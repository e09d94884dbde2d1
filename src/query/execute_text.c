/*
 * BM25 searches: the output field of a function is searched by a text, over the words of the
 * function's input field.
 *
 * What a term weighs depends on all rows of the collection, so the first unit of a pass asks every
 * segment of the view for its statistics (dead rows count until they are compacted away; filters
 * and partitions do not matter). A segment answers from its index of texts, or from words in memory
 * when it is growing, or its index is not built yet or damaged. Both give the same scores.
 */
#include <string.h>

#include "base/alloc.h"
#include "index/text_growing.h"
#include "query/execute_internal.h"

struct text_part { /* of a segment: one of the two, or neither when it is damaged */
    const struct scalar_index *index; /* borrows the segment */
    struct text_runs *runs;           /* owns a reference */
};

struct text_pass {
    struct analyzer *analyzer;
    struct text_query query;
    struct text_statistics statistics;
    struct text_scoring scoring;
    struct text_part *parts; /* owns: one a segment */
    size_t count;
};

void text_pass_free(struct text_pass *text)
{
    if (!text) return;
    for (size_t i = 0; text->parts && i < text->count; i++) text_runs_drop(text->parts[i].runs);
    mem_free(text->parts);
    text_scoring_release(&text->scoring);
    text_statistics_release(&text->statistics);
    text_query_release(&text->query);
    analyzer_free(text->analyzer);
    mem_free(text);
}

/* The schema's fields are an array. */
static const struct schema_field *input_field(const struct search_binding *binding)
{
    const struct schema_field *output = binding->search.schema_field;
    return output - binding->search.field + output->bm25_of;
}

/* ---- who answers for a segment, and its statistics ---- */

static int take_runs(const struct pass *pass, struct text_pass *text, size_t number,
                     struct kith_error *err)
{
    const struct search_binding *binding = pass->binding;
    const size_t rows = segment_rows_at(binding->rows->segments[number], binding->rows->ts);
    struct text_part *part = &text->parts[number];
    int rc = segment_texts(binding->rows->segments[number],
                           binding->search.schema_field->bm25_of, rows, &part->runs, err);
    for (size_t i = 0; rc == 0 && i < part->runs->count; i++)
        rc = text_statistics_add(part->runs->runs[i].index, &text->query, &text->statistics);
    return rc;
}

static int take_part(struct pass *pass, struct text_pass *text, size_t number,
                     struct kith_error *err)
{
    const struct search_binding *binding = pass->binding;
    struct segment *segment = binding->rows->segments[number];
    if (segment_damaged(segment)) return 0;
    const struct scalar_index *index =
        segment_scalar_index(segment, binding->search.schema_field->bm25_of, "TEXT");
    int rc = KITH_ENOTFOUND;
    if (index) {
        rc = text_statistics_add(index, &text->query, &text->statistics);
        if (rc == 0) text->parts[number].index = index;
        if (rc == KITH_ECORRUPT) segment_mark_index(segment, index);
    }
    if (rc == KITH_ENOTFOUND || rc == KITH_ECORRUPT) rc = take_runs(pass, text, number, err);
    if (rc != KITH_ECORRUPT) return rc;
    segment_set_damaged(segment);
    pass->complete = false;
    return 0;
}

static int text_pass_new(struct pass *pass, struct text_pass **out, struct kith_error *err)
{
    const struct search_binding *binding = pass->binding;
    struct text_pass *text = mem_zalloc(sizeof *text);
    if (!text) return error_set(err, KITH_ENOMEM, "search: no memory");
    text->count = binding->rows->count;
    text->parts = mem_zalloc_array(text->count + 1, sizeof *text->parts);
    const char *json = input_field(binding)->analyzer;
    int rc = text->parts ? analyzer_new(json, strlen(json), &text->analyzer, err) : KITH_ENOMEM;
    const struct kith_str words = { (const char *)pass->query->data, pass->query->len };
    if (rc == 0) rc = text_query_init(text->analyzer, words, &text->query);
    if (rc == 0) rc = text_statistics_init(&text->query, &text->statistics);
    for (size_t i = 0; rc == 0 && i < text->count; i++) rc = take_part(pass, text, i, err);
    if (rc == 0)
        rc = text_scoring_init(&text->query, &text->statistics, binding->search.bm25_k1,
                               binding->search.bm25_b, &text->scoring);
    if (rc) {
        text_pass_free(text);
        return rc == KITH_ENOMEM ? error_set(err, rc, "search: no memory") : rc;
    }
    *out = text;
    return 0;
}

/* ---- a unit ---- */

/* Bits [first, first + rows) of `from`, in words of their own. */
static int cut_bits(const struct bitset *from, size_t first, size_t rows, struct bitset *out)
{
    const int rc = bitset_init(out, rows, false);
    if (rc) return rc;
    for (size_t w = 0; w < BITSET_WORDS(rows); w++) {
        const size_t at = first + w * 64, word = at / 64, shift = at % 64;
        uint64_t bits = from->words[word] >> shift;
        if (shift && word + 1 < BITSET_WORDS(from->bits))
            bits |= from->words[word + 1] << (64 - shift);
        if (rows - w * 64 < 64) bits &= (UINT64_C(1) << (rows - w * 64)) - 1;
        out->words[w] = bits;
    }
    return 0;
}

/* One index, whose row 0 is row `first` of the segment. */
static int search_part(struct pass *pass, uint32_t number, const struct scalar_index *index,
                       size_t first)
{
    const struct bitset *set = &pass->binding->allowed->sets[number];
    if (first >= set->bits) return 0;
    struct bitset cut = { 0 };
    size_t rows = text_index_rows(index);
    if (rows > set->bits - first) rows = set->bits - first;
    if (set->words && first > 0 && cut_bits(set, first, rows, &cut)) return KITH_ENOMEM;
    struct pass_tied tied = { pass->binding->rows->segments[number], first, pass->k };
    struct index_ties ties = { pass->hits + pass->k, pass->ties_room, 0, pass_shrink_ties, &tied };
    const struct walk_search search = { .end = rows,
                                        .k = pass->k,
                                        .bound = pass_bound(pass),
                                        .allowed = cut.words    ? &cut
                                                   : set->words ? set
                                                                : NULL,
                                        .ties = &ties,
                                        .poll = pass_poll,
                                        .poll_ctx = pass,
                                        .stats = &pass->stats };
    size_t count = 0;
    int rc = text_index_search(index, &pass->text->query, &pass->text->scoring, &search, pass->hits,
                               &count);
    bitset_release(&cut);
    if (rc == 0) rc = pass_add(pass, number, (uint32_t)first, pass->hits, count);
    if (rc == 0) rc = pass_add(pass, number, (uint32_t)first, ties.hits, ties.count);
    return rc;
}

static int search_runs(struct pass *pass, uint32_t number)
{
    const struct text_runs *runs = pass->text->parts[number].runs;
    int rc = 0;
    for (size_t i = 0; rc == 0 && runs && i < runs->count; i++)
        rc = search_part(pass, number, runs->runs[i].index, runs->runs[i].first);
    return rc;
}

int pass_text(struct pass *pass, const struct search_unit *unit, struct kith_error *err)
{
    struct segment *segment = pass->binding->rows->segments[unit->segment];
    int rc = pass->text ? 0 : text_pass_new(pass, &pass->text, err);
    if (rc) return rc;
    struct text_part *part = &pass->text->parts[unit->segment];
    if (!part->index) return search_runs(pass, unit->segment);
    const size_t count = pass->count;
    rc = search_part(pass, unit->segment, part->index, 0);
    if (rc != KITH_ECORRUPT) return rc;
    /* The index is derived data: its words are read again from the rows. */
    segment_mark_index(segment, part->index);
    part->index = NULL;
    pass->count = count;
    const size_t rows = segment_rows(segment);
    const size_t input = pass->binding->search.schema_field->bm25_of;
    rc = segment_texts(segment, input, rows, &part->runs, err);
    return rc ? rc : search_runs(pass, unit->segment);
}
