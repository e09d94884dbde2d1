/*
 * The words of a query, what is known of them over a collection, and the weights that follow.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "index/text_format.h"

struct reading { /* tokens of the query as they come */
    struct buffer bytes;  /* texts, one behind the other */
    struct buffer tokens; /* struct raw_token */
};
struct raw_token {
    uint32_t at, len; /* in bytes */
    uint32_t position;
    uint32_t order;
};

static int take_token(void *ctx, const struct token *token)
{
    struct reading *reading = ctx;
    const size_t count = reading->tokens.len / sizeof(struct raw_token);
    if (reading->bytes.len + token->text.len > UINT32_MAX || count >= UINT32_MAX)
        return KITH_ELIMIT;
    const struct raw_token raw = { (uint32_t)reading->bytes.len, (uint32_t)token->text.len,
                                   token->position, (uint32_t)count };
    buffer_put(&reading->bytes, token->text.data, token->text.len);
    buffer_put(&reading->tokens, &raw, sizeof raw);
    return buffer_failed(&reading->bytes) || buffer_failed(&reading->tokens) ? KITH_ENOMEM : 0;
}

static int compare_raw(const void *a, const void *b, void *ctx)
{
    const struct raw_token *x = a, *y = b;
    const char *bytes = ctx;
    const int order = memcmp(bytes + x->at, bytes + y->at, x->len < y->len ? x->len : y->len);
    if (order) return order;
    if (x->len != y->len) return x->len < y->len ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* raw is sorted by text. */
static void fill_terms(struct text_query *query, const struct raw_token *raw, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct kith_str text = { query->bytes + raw[i].at, raw[i].len };
        struct text_query_term *last =
            query->term_count ? &query->terms[query->term_count - 1] : NULL;
        if (!last || last->text.len != text.len ||
            memcmp(last->text.data, text.data, text.len) != 0) {
            last = &query->terms[query->term_count++];
            *last = (struct text_query_term){ .text = text };
        }
        last->count++;
        query->tokens[raw[i].order] =
            (struct text_query_token){ (uint32_t)(query->term_count - 1), raw[i].position };
    }
    query->token_count = count;
}

int text_query_init(const struct analyzer *analyzer, struct kith_str text, struct text_query *out)
{
    struct reading reading = { .bytes = { 0 } };
    struct analyzer_scratch *scratch = NULL;
    struct text_query query = { .bytes = NULL };
    int rc = analyzer_scratch_new(analyzer, &scratch);
    if (rc == 0) rc = analyzer_run(analyzer, scratch, text, take_token, &reading);
    analyzer_scratch_free(scratch);
    const size_t count = reading.tokens.len / sizeof(struct raw_token);
    if (rc == 0) {
        query.terms = mem_alloc_array(count + 1, sizeof *query.terms);
        query.tokens = mem_alloc_array(count + 1, sizeof *query.tokens);
        if (!query.terms || !query.tokens) rc = KITH_ENOMEM;
    }
    if (rc == 0) {
        query.bytes = (char *)reading.bytes.data;
        reading.bytes = (struct buffer){ 0 };
        struct raw_token *raw = (struct raw_token *)(void *)reading.tokens.data;
        if (count) qsort_r(raw, count, sizeof *raw, compare_raw, query.bytes);
        fill_terms(&query, raw, count);
    }
    buffer_release(&reading.bytes);
    buffer_release(&reading.tokens);
    if (rc) {
        text_query_release(&query);
        return rc;
    }
    *out = query;
    return 0;
}

void text_query_release(struct text_query *query)
{
    mem_free(query->terms);
    mem_free(query->tokens);
    mem_free(query->bytes);
    *query = (struct text_query){ .bytes = NULL };
}

/* ---- statistics ---- */

int text_statistics_init(const struct text_query *query, struct text_statistics *out)
{
    /* Twice: what one index has is added when all of it was read. */
    uint64_t *rows = mem_zalloc_array(2 * query->term_count + 1, sizeof *rows);
    if (!rows) return KITH_ENOMEM;
    *out = (struct text_statistics){ .rows = rows };
    return 0;
}

void text_statistics_release(struct text_statistics *statistics)
{
    mem_free(statistics->rows);
    statistics->rows = NULL;
}

int text_statistics_add(const struct scalar_index *base, const struct text_query *query,
                        struct text_statistics *statistics)
{
    const struct text_index *index = (const struct text_index *)base;
    uint64_t *rows = statistics->rows + query->term_count;
    for (size_t i = 0; i < query->term_count; i++) {
        struct text_term term = { .rows = 0 };
        const int rc = text_term_find(index, query->terms[i].text, &term);
        if (rc && rc != KITH_ENOTFOUND) return rc;
        rows[i] = term.rows;
    }
    for (size_t i = 0; i < query->term_count; i++) statistics->rows[i] += rows[i];
    statistics->texts += index->texts;
    statistics->tokens += index->tokens;
    return 0;
}

/* ---- weights ---- */

int text_scoring_init(const struct text_query *query, const struct text_statistics *statistics,
                      double k1, double b, struct text_scoring *out)
{
    double *weights = mem_alloc_array(query->term_count + 1, sizeof *weights);
    if (!weights) return KITH_ENOMEM;
    const double total = (double)statistics->texts;
    for (size_t i = 0; i < query->term_count; i++) {
        const double rows = (double)statistics->rows[i];
        const double idf = log(1.0 + (total - rows + 0.5) / (rows + 0.5));
        weights[i] = (double)query->terms[i].count * idf * (k1 + 1.0);
    }
    double average = total > 0 ? (double)statistics->tokens / total : 1.0;
    if (average < 1.0) average = 1.0;
    *out = (struct text_scoring){ weights, k1 * (1.0 - b), k1 * b / average };
    return 0;
}

void text_scoring_release(struct text_scoring *scoring)
{
    mem_free(scoring->weights);
    scoring->weights = NULL;
}
