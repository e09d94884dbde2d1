/*
 * text_match and phrase_match: words of the constant among the words of a row, both analysed by the
 * analyzer of the field.
 *
 * A match asks for `least` of the constant's distinct words, anywhere. A phrase asks for all of
 * them, in order and at most `slop` apart (text/phrase.h). Positions count words that the analyzer
 * dropped, on both sides.
 *
 * Indexes answer whole segments (model/probe.h); what is here analyses one row at a time, where
 * there is no index. A constant without words matches no row.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "query/filter_special.h"
#include "text/analyzer.h"
#include "text/phrase.h"

#define LEAST_MAX  1000
#define PHRASE_MAX 1024 /* words: bounds the work of a row */

/* ------------------------------------------------------------------ the constant */

struct collecting { /* words of the constant */
    struct checker *checker;
    struct match_term *terms; /* in the arena */
    size_t count, cap;
};

static int collect(void *ctx, const struct token *token)
{
    struct collecting *c = ctx;
    if (c->count == c->cap) {
        size_t cap = c->cap == 0 ? 8 : 2 * c->cap;
        struct match_term *grown = arena_alloc_array(c->checker->arena, cap, sizeof *grown);
        if (!grown) return KITH_ENOMEM;
        if (c->count > 0) memcpy(grown, c->terms, c->count * sizeof *grown);
        c->terms = grown;
        c->cap = cap;
    }
    char *text = arena_strndup(c->checker->arena, token->text.data, token->text.len);
    if (!text) return KITH_ENOMEM;
    c->terms[c->count++] = (struct match_term){ { text, token->text.len }, token->position };
    return 0;
}

static int text_order(struct kith_str a, struct kith_str b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len > 0 ? memcmp(a.data, b.data, len) : 0;
    return order != 0 ? order : a.len < b.len ? -1 : a.len > b.len;
}

static int term_order(const void *a, const void *b)
{
    return text_order(((const struct match_term *)a)->text, ((const struct match_term *)b)->text);
}

static size_t sort_distinct(struct match_term *terms, size_t count)
{
    size_t kept = 0;
    if (count > 1) qsort(terms, count, sizeof *terms, term_order);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || term_order(&terms[kept - 1], &terms[i]) != 0) terms[kept++] = terms[i];
    return kept;
}

static int analyse(struct checker *checker, const struct schema_field *field,
                   struct match_leaf *leaf)
{
    struct collecting c = { .checker = checker };
    struct analyzer *analyzer = NULL;
    struct analyzer_scratch *scratch = NULL;
    int rc = analyzer_new(field->analyzer, field->analyzer ? strlen(field->analyzer) : 0,
                          &analyzer, checker->err);
    if (rc != 0) return rc;
    rc = analyzer_scratch_new(analyzer, &scratch);
    if (rc == 0) rc = analyzer_run(analyzer, scratch, leaf->words, collect, &c);
    analyzer_scratch_free(scratch);
    analyzer_free(analyzer);
    if (rc != 0) return check_no_memory(checker);
    leaf->count = leaf->phrase ? c.count : sort_distinct(c.terms, c.count);
    leaf->terms = c.terms;
    leaf->analyzer = field->analyzer;
    return 0;
}

/* An integer of the third argument, low..high. */
static int check_number(struct checker *checker, const struct node *node, const char *name,
                        int64_t low, int64_t high, uint32_t *out)
{
    struct expr number = { 0 };
    int rc = filter_check_expr(checker, node, &number);
    if (rc != 0) return rc;
    if (number.class != EXPR_LITERAL || number.literal.kind != LITERAL_INT ||
        number.literal.integer < low || number.literal.integer > high)
        return filter_error(checker->err, node->at, "%s should be an integer in range [%lld, %lld]",
                            name, (long long)low, (long long)high);
    *out = (uint32_t)number.literal.integer;
    return 0;
}

static int check_option(struct checker *checker, const struct node *node, struct match_leaf *leaf)
{
    static const char least[] = "minimum_should_match", least_upper[] = "MINIMUM_SHOULD_MATCH";
    if (leaf->phrase)
        return check_number(checker, node, "slop", 0, UINT32_MAX, &leaf->slop);
    size_t len = sizeof least - 1;
    if (node->kind != NODE_NAMED || node->path.name.len != len ||
        (memcmp(node->path.name.data, least, len) != 0 &&
         memcmp(node->path.name.data, least_upper, len) != 0))
        return check_error(checker, node, "text_match takes a field, a text and "
                           "minimum_should_match=n, but got");
    return check_number(checker, node->children[0], least, 1, LEAST_MAX, &leaf->least);
}

static int match_field(struct checker *checker, const struct node *node, bool phrase,
                       struct operand *operand, const struct schema_field **field)
{
    if (node->kind != NODE_PATH) return check_error(checker, node, "a field expected, but got");
    int rc = filter_operand(checker, node, operand);
    if (rc != 0) return rc;
    if (operand->form != OPERAND_FIELD || operand->type != KITH_VARCHAR)
        return filter_error(checker->err, node->at, "%s match operation on non-string is "
                            "unsupported", phrase ? "phrase" : "text");
    *field = &checker->schema->fields[checker->fields[operand->slot]];
    if (!(*field)->enable_match)
        return filter_error(checker->err, node->at, "field \"%s\" does not enable match",
                            (*field)->name);
    return 0;
}

int check_match(struct checker *checker, const struct node *node, struct expr *out)
{
    bool phrase = node->call == CALL_PHRASE_MATCH;
    const struct schema_field *field = NULL;
    struct operand operand;
    if (node->count < 2 || node->count > 3)
        return check_error(checker, node, "two or three arguments expected");
    int rc = match_field(checker, node->children[0], phrase, &operand, &field);
    if (rc != 0) return rc;
    const struct node *words = node->children[1];
    if (words->kind != NODE_LITERAL || words->literal.kind != LITERAL_STRING)
        return check_error(checker, words, "a text in quotes expected, but got");
    struct match_leaf *leaf = arena_zalloc(checker->arena, sizeof *leaf);
    struct plan *plan = check_plan_new(checker, PLAN_MATCH, out);
    if (!leaf || !plan) return check_no_memory(checker);
    *leaf = (struct match_leaf){ .phrase = phrase, .words = words->literal.s, .least = 1 };
    if (node->count == 3) rc = check_option(checker, node->children[2], leaf);
    if (rc == 0) rc = analyse(checker, field, leaf);
    if (rc != 0) return rc;
    if (phrase && leaf->count > PHRASE_MAX)
        return filter_error(checker->err, words->at, "phrase of more than %d words", PHRASE_MAX);
    plan->left = operand;
    plan->match = leaf;
    plan->special = checker->special_count++;
    return 0;
}

/* ------------------------------------------------------------------ a row */

struct hit { /* a word of the row that the constant has too */
    uint32_t position, word;
};

struct match_state {
    struct analyzer *analyzer;         /* owns */
    struct analyzer_scratch *scratch;  /* owns */
    const struct match_leaf *leaf;
    struct match_term *words;          /* owns: the distinct ones, ascending */
    size_t word_count;
    size_t *counts;                    /* owns; by word: how often the row has it */
    size_t seen;                       /* words that the row has */
    /* phrase */
    uint32_t *sequence;                /* owns: which word each term is */
    struct phrase_list *lists;         /* owns; by term */
    struct buffer hits;                /* struct hit, by position */
    struct buffer positions;           /* uint32_t, by word and then ascending */
    struct buffer costs;
};

void match_state_free(struct match_state *state)
{
    if (!state) return;
    analyzer_scratch_free(state->scratch);
    analyzer_free(state->analyzer);
    mem_free(state->words);
    mem_free(state->counts);
    mem_free(state->sequence);
    mem_free(state->lists);
    buffer_release(&state->hits);
    buffer_release(&state->positions);
    buffer_release(&state->costs);
    mem_free(state);
}

static size_t find_word(const struct match_state *state, struct kith_str text)
{
    size_t from = 0, to = state->word_count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int order = text_order(text, state->words[middle].text);
        if (order == 0) return middle;
        if (order < 0) to = middle;
        else from = middle + 1;
    }
    return SIZE_MAX;
}

/* What a leaf needs that does not change from row to row. */
static int match_state_init(struct match_state *state)
{
    const struct match_leaf *leaf = state->leaf;
    buffer_init(&state->hits);
    buffer_init(&state->positions);
    buffer_init(&state->costs);
    state->words = mem_alloc_array(leaf->count + 1, sizeof *state->words);
    state->counts = mem_zalloc_array(leaf->count + 1, sizeof *state->counts);
    state->sequence = mem_alloc_array(leaf->count + 1, sizeof *state->sequence);
    state->lists = mem_alloc_array(leaf->count + 1, sizeof *state->lists);
    if (!state->words || !state->counts || !state->sequence || !state->lists) return KITH_ENOMEM;
    if (leaf->count > 0) memcpy(state->words, leaf->terms, leaf->count * sizeof *state->words);
    state->word_count = sort_distinct(state->words, leaf->count);
    for (size_t i = 0; i < leaf->count; i++)
        state->sequence[i] = (uint32_t)find_word(state, leaf->terms[i].text);
    int rc = analyzer_new(leaf->analyzer, leaf->analyzer ? strlen(leaf->analyzer) : 0,
                          &state->analyzer, NULL);
    return rc != 0 ? rc : analyzer_scratch_new(state->analyzer, &state->scratch);
}

/* 1 stops the run: enough words were seen. */
static int see(void *ctx, const struct token *token)
{
    struct match_state *state = ctx;
    size_t word = find_word(state, token->text);
    if (word == SIZE_MAX) return 0;
    state->seen += state->counts[word]++ == 0;
    if (!state->leaf->phrase) return state->seen >= state->leaf->least;
    const struct hit hit = { token->position, (uint32_t)word };
    buffer_put(&state->hits, &hit, sizeof hit);
    return buffer_failed(&state->hits) ? KITH_ENOMEM : 0;
}

/* The hits, word by word: counts[w] becomes where the positions of word w end. */
static int sort_positions(struct match_state *state)
{
    const struct hit *hits = (const struct hit *)(const void *)state->hits.data;
    size_t count = state->hits.len / sizeof *hits, start = 0;
    buffer_clear(&state->positions);
    uint32_t *positions = (uint32_t *)(void *)buffer_extend(&state->positions,
                                                            count * sizeof *positions);
    if (!positions) return KITH_ENOMEM;
    for (size_t w = 0; w < state->word_count; w++) {
        size_t of_word = state->counts[w];
        state->counts[w] = start;
        start += of_word;
    }
    for (size_t i = 0; i < count; i++)
        positions[state->counts[hits[i].word]++] = hits[i].position;
    for (size_t i = 0; i < state->leaf->count; i++) {
        size_t word = state->sequence[i], from = word > 0 ? state->counts[word - 1] : 0;
        state->lists[i] = (struct phrase_list){ positions + from, state->counts[word] - from,
                                                state->leaf->terms[i].position };
    }
    return 0;
}

static int test_phrase(struct match_state *state, int *result)
{
    if (state->seen < state->word_count) return 0;
    int rc = sort_positions(state);
    if (rc == 0)
        rc = phrase_matches(state->lists, state->leaf->count, state->leaf->slop, &state->costs);
    if (rc < 0) return rc;
    *result = rc;
    return 0;
}

int match_test(struct match_state **at, const struct match_leaf *leaf, struct kith_str text,
               int *result)
{
    struct match_state *state = *at;
    int rc = 0;
    if (!state) {
        state = *at = mem_zalloc(sizeof *state);
        if (!state) return KITH_ENOMEM;
        state->leaf = leaf;
        rc = match_state_init(state);
        if (rc != 0) return rc;
    }
    *result = 0;
    if (leaf->count == 0 || (!leaf->phrase && leaf->least > leaf->count)) return 0;
    memset(state->counts, 0, leaf->count * sizeof *state->counts);
    state->seen = 0;
    buffer_clear(&state->hits);
    rc = analyzer_run(state->analyzer, state->scratch, text, see, state);
    if (rc < 0) return rc;
    if (leaf->phrase) return test_phrase(state, result);
    *result = state->seen >= leaf->least;
    return 0;
}
