/*
 * What filters ask of a text index: rows that hold enough of some words, rows that hold a phrase.
 *
 * Words: every row's count of distinct words found so far, one byte or two a row. A phrase: the
 * rows that hold all its words, by the shortest list; then the positions of each.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "index/text_format.h"
#include "index/text_internal.h"
#include "text/phrase.h"

static void fill_present(const struct text_index *index, struct bitset *present)
{
    if (!present) return;
    bitset_fill(present, true);
    if (!index->has[TEXT_VALID]) return;
    const uint8_t *valid = index->sections[TEXT_VALID].data;
    for (size_t w = 0; w < BITSET_WORDS(present->bits); w++)
        present->words[w] &= le64_get(valid + 8 * w);
}

/* ---- words ---- */

static int each_row(const struct text_index *index, const struct text_term *term,
                    void (*fn)(void *ctx, uint32_t row), void *ctx)
{
    uint32_t rows[WALK_BLOCK_ROWS], counts[WALK_BLOCK_ROWS];
    for (size_t i = 0; i < term->block_count; i++) {
        size_t count;
        if (text_block_load(index, term, i, rows, counts, &count)) return KITH_ECORRUPT;
        for (size_t j = 0; j < count; j++) fn(ctx, rows[j]);
    }
    return 0;
}

struct matching {
    struct bitset *yes;
    uint16_t *found; /* words a row; NULL: one is enough */
    uint32_t least;
};

static void match_row(void *ctx, uint32_t row)
{
    struct matching *matching = ctx;
    if (row >= matching->yes->bits) return;
    if (!matching->found || ++matching->found[row] == matching->least)
        bitset_set(matching->yes, row);
}

static int match_words(const struct text_index *index, const struct text_query *query,
                       uint32_t least, struct bitset *yes)
{
    struct matching matching = { yes, NULL, least };
    if (least > query->term_count) return 0;
    if (least > UINT16_MAX) return KITH_EUNSUPPORTED;
    if (least > 1) {
        matching.found = mem_zalloc_array(yes->bits + 1, sizeof *matching.found);
        if (!matching.found) return KITH_ENOMEM;
    }
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < query->term_count; i++) {
        struct text_term term;
        rc = text_term_find(index, query->terms[i].text, &term);
        if (rc == 0) rc = each_row(index, &term, match_row, &matching);
        if (rc == KITH_ENOTFOUND) rc = 0;
    }
    mem_free(matching.found);
    return rc;
}

/* ---- phrases ---- */

struct phrase_term { /* a word of the phrase, at a block and a row of it */
    struct text_term term;
    size_t block;
    size_t at, count;
    bool loaded;
    uint32_t rows[WALK_BLOCK_ROWS], counts[WALK_BLOCK_ROWS];
    const uint8_t *varints; /* behind the rows of the block passed so far */
    const uint8_t *end;
    size_t passed;          /* rows of the block whose positions lie behind */
    uint32_t *positions;    /* owns: of the current row */
    size_t position_room;
};

static int phrase_load(const struct text_index *index, struct phrase_term *t)
{
    if (text_block_load(index, &t->term, t->block, t->rows, t->counts, &t->count))
        return KITH_ECORRUPT;
    const struct section *offsets = &index->sections[TEXT_BLOCK_POSITIONS];
    const struct section *positions = &index->sections[TEXT_POSITIONS];
    const size_t number = (size_t)t->term.first_block + t->block;
    if (section_touch(offsets, number * 4, 4)) return KITH_ECORRUPT;
    const uint64_t at = t->term.positions + le32_get(offsets->data + number * 4);
    if (at < t->term.positions || at > positions->len) return KITH_ECORRUPT;
    t->varints = positions->data + at;
    t->end = positions->data + positions->len;
    t->loaded = true;
    t->at = t->passed = 0;
    return 0;
}

/* To the first row >= `row`; *out is UINT32_MAX when there is none. */
static int phrase_seek(const struct text_index *index, struct phrase_term *t, uint32_t row,
                       uint32_t *out)
{
    *out = UINT32_MAX;
    while (t->block < t->term.block_count) {
        if (le32_get(t->term.blocks + t->block * TEXT_BLOCK_BYTES) < row) {
            t->block++;
            t->loaded = false;
            continue;
        }
        if (!t->loaded && phrase_load(index, t)) return KITH_ECORRUPT;
        while (t->at < t->count && t->rows[t->at] < row) t->at++;
        if (t->at < t->count) {
            *out = t->rows[t->at];
            return 0;
        }
        t->block++;
        t->loaded = false;
    }
    return 0;
}

static bool next_varint(const struct text_index *index, struct phrase_term *t, uint32_t *out)
{
    const struct section *positions = &index->sections[TEXT_POSITIONS];
    uint32_t value = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
        const size_t at = (size_t)(t->varints - positions->data);
        if (t->varints >= t->end || section_touch(positions, at, 1)) return false;
        const uint8_t byte = *t->varints++;
        value |= (uint32_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *out = value;
            return true;
        }
    }
    return false;
}

/* Reads the positions of the current row. */
static int phrase_positions(const struct text_index *index, struct phrase_term *t,
                            struct phrase_list *out)
{
    uint32_t value;
    for (; t->passed < t->at; t->passed++) {
        for (uint32_t i = 0; i < t->counts[t->passed]; i++)
            if (!next_varint(index, t, &value)) return KITH_ECORRUPT;
    }
    const uint32_t count = t->counts[t->at];
    if (count > t->position_room) {
        mem_free(t->positions);
        t->position_room = 0;
        t->positions = mem_alloc_array(count, 2 * sizeof *t->positions);
        if (!t->positions) return KITH_ENOMEM;
        t->position_room = 2 * (size_t)count;
    }
    uint32_t position = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!next_varint(index, t, &value)) return KITH_ECORRUPT;
        if (value > UINT32_MAX - position) return KITH_ECORRUPT;
        t->positions[i] = position += value;
    }
    t->passed = t->at + 1;
    out->positions = t->positions;
    out->count = count;
    return 0;
}

struct phrase_search {
    const struct text_index *index;
    const struct text_query *query;
    uint32_t slop;
    struct phrase_term *terms; /* owns: one a term of the query */
    struct phrase_list *of_terms; /* owns: positions of the current row */
    struct phrase_list *lists;    /* owns: one a token */
    struct buffer scratch;
};

static int phrase_row(struct phrase_search *search, uint32_t row, struct bitset *yes)
{
    const struct text_query *query = search->query;
    for (size_t i = 0; i < query->term_count; i++) {
        const int rc =
            phrase_positions(search->index, &search->terms[i], &search->of_terms[i]);
        if (rc) return rc;
    }
    for (size_t i = 0; i < query->token_count; i++) {
        search->lists[i] = search->of_terms[query->tokens[i].term];
        search->lists[i].place = query->tokens[i].position;
    }
    const int found =
        phrase_matches(search->lists, query->token_count, search->slop, &search->scratch);
    if (found > 0 && row < yes->bits) bitset_set(yes, row);
    return found < 0 ? found : 0;
}

/* Rows that all terms hold, by leapfrog. */
static int phrase_rows(struct phrase_search *search, struct bitset *yes)
{
    const size_t terms = search->query->term_count;
    uint32_t row = 0;
    for (size_t agreed = 0, i = 0;; i = i + 1 == terms ? 0 : i + 1) {
        uint32_t found;
        int rc = phrase_seek(search->index, &search->terms[i], row, &found);
        if (rc || found >= yes->bits) return rc;
        if (agreed > 0 && found != row) agreed = 0;
        row = found;
        if (++agreed < terms) continue;
        rc = phrase_row(search, row, yes);
        if (rc) return rc;
        row++;
        agreed = 0;
    }
}

static int match_phrase(const struct text_index *index, const struct text_query *query,
                        uint32_t slop, struct bitset *yes)
{
    struct phrase_search search = { .index = index, .query = query, .slop = slop };
    if (query->term_count == 0) return 0;
    search.terms = mem_zalloc_array(query->term_count, sizeof *search.terms);
    search.of_terms = mem_zalloc_array(query->term_count, sizeof *search.of_terms);
    search.lists = mem_zalloc_array(query->token_count, sizeof *search.lists);
    int rc = search.terms && search.of_terms && search.lists ? 0 : KITH_ENOMEM;
    for (size_t i = 0; rc == 0 && i < query->term_count; i++)
        rc = text_term_find(index, query->terms[i].text, &search.terms[i].term);
    if (rc == 0) rc = phrase_rows(&search, yes);
    for (size_t i = 0; search.terms && i < query->term_count; i++)
        mem_free(search.terms[i].positions);
    mem_free(search.terms);
    mem_free(search.of_terms);
    mem_free(search.lists);
    buffer_release(&search.scratch);
    return rc == KITH_ENOTFOUND ? 0 : rc;
}

/* ---- the operations ---- */

int text_index_probe(const struct scalar_index *base, const struct probe *probe,
                     struct probe_answer *answer)
{
    const struct text_index *index = (const struct text_index *)base;
    if (probe->kind != PROBE_MATCH && probe->kind != PROBE_PHRASE) return KITH_EUNSUPPORTED;
    if (probe->kind == PROBE_PHRASE && !index->positions) return KITH_EUNSUPPORTED;
    if (answer->yes->bits > index->rows) return KITH_EUNSUPPORTED;
    const struct section *valid = &index->sections[TEXT_VALID];
    if (valid->len && section_touch(valid, 0, valid->len)) return KITH_ECORRUPT;
    struct text_query query;
    int rc = text_query_init(index->analyzer, probe->pattern, &query);
    if (rc) return rc;
    const uint32_t least = probe->least ? probe->least : 1;
    rc = probe->kind == PROBE_MATCH ? match_words(index, &query, least, answer->yes)
                                    : match_phrase(index, &query, probe->slop, answer->yes);
    text_query_release(&query);
    if (rc) return rc;
    fill_present(index, answer->present);
    answer->exact = true;
    return 0;
}

/* Words: the sum of their lists over `least`. A phrase: its rarest word, as an upper bound. */
int text_index_estimate(const struct scalar_index *base, const struct probe *probe, uint64_t *rows)
{
    const struct text_index *index = (const struct text_index *)base;
    if (probe->kind != PROBE_MATCH && probe->kind != PROBE_PHRASE) return KITH_EUNSUPPORTED;
    struct text_query query;
    int rc = text_query_init(index->analyzer, probe->pattern, &query);
    if (rc) return rc;
    uint64_t sum = 0, rarest = query.term_count ? index->texts : 0;
    for (size_t i = 0; i < query.term_count; i++) {
        struct text_term term = { .rows = 0 };
        rc = text_term_find(index, query.terms[i].text, &term);
        if (rc && rc != KITH_ENOTFOUND) break;
        rc = 0;
        sum += term.rows;
        if (term.rows < rarest) rarest = term.rows;
    }
    const uint32_t least = probe->least ? probe->least : 1;
    sum = least > query.term_count ? 0 : sum / least;
    text_query_release(&query);
    if (rc) return rc;
    *rows = probe->kind == PROBE_PHRASE ? rarest : sum < index->texts ? sum : index->texts;
    return 0;
}

int text_positions_check(const struct text_index *index, const struct text_term *term, size_t i,
                         const uint32_t *counts, size_t count)
{
    struct phrase_term t = { .term = *term, .block = i };
    if (phrase_load(index, &t)) return KITH_ECORRUPT;
    for (size_t j = 0; j < count; j++) {
        uint64_t position = 0;
        for (uint32_t p = 0; p < counts[j]; p++) {
            uint32_t value;
            if (!next_varint(index, &t, &value)) return KITH_ECORRUPT;
            position += value;
        }
        if (position > UINT32_MAX) return KITH_ECORRUPT;
    }
    return 0;
}
