/*
 * Full text over one run of rows: a scalar index of kind "TEXT" (scalar_index.h) that answers
 * PROBE_MATCH and PROBE_PHRASE exactly, and BM25 over it.
 *
 * A BM25 search has two halves, because the weight of a term depends on all segments: statistics
 * are added over every index of the collection, then each index is searched with the same scoring.
 *
 *   idf(t) = ln(1 + (N - n + 0.5) / (n + 0.5)), N rows with a text, n of them holding t
 *   score  = sum over the query's tokens of idf tf (k1 + 1) / (tf + k1 (1 - b + b dl / avgdl))
 *   avgdl  = max(1, tokens / N)
 *
 * (Robertson, Zaragoza: The probabilistic relevance framework: BM25 and beyond, 2009.) A part of a
 * score is rounded to a multiple of 2^-38, so that sums do not depend on their order; the distance
 * is the negated sum as a float.
 *
 * Everything is immutable once made; threads share it.
 */
#ifndef KITH_INDEX_TEXT_INDEX_H
#define KITH_INDEX_TEXT_INDEX_H

#include "index/scalar_index.h"
#include "index/sparse_walk.h"
#include "text/analyzer.h"

extern const struct scalar_index_ops text_index_ops;

/* The words of a query, analysed. */
struct text_query_term {
    struct kith_str text;
    uint32_t count; /* how often the query has it */
};
struct text_query_token { /* in order, for phrases */
    uint32_t term;
    uint32_t position;
};
struct text_query {
    struct text_query_term *terms; /* owns; distinct, ascending as bytes */
    size_t term_count;
    struct text_query_token *tokens; /* owns */
    size_t token_count;
    char *bytes; /* owns: of the terms */
};
KITH_NODISCARD int text_query_init(const struct analyzer *analyzer, struct kith_str text,
                                   struct text_query *out);
void text_query_release(struct text_query *query); /* accepts a zeroed struct */

struct text_statistics {
    uint64_t texts; /* rows with a text */
    uint64_t tokens;
    uint64_t *rows; /* owns: of each term of the query, how many hold it */
};
KITH_NODISCARD int text_statistics_init(const struct text_query *query,
                                        struct text_statistics *out);
void text_statistics_release(struct text_statistics *statistics);
/* Adds what this index has; nothing on error. KITH_ECORRUPT. */
KITH_NODISCARD int text_statistics_add(const struct scalar_index *index,
                                       const struct text_query *query,
                                       struct text_statistics *statistics);

struct text_scoring {
    double *weights; /* owns: count * idf * (k1 + 1) of each term */
    double norm, norm_dl; /* k1 (1 - b + b dl / avgdl) = norm + norm_dl * dl */
};
KITH_NODISCARD int text_scoring_init(const struct text_query *query,
                                     const struct text_statistics *statistics, double k1, double b,
                                     struct text_scoring *out);
void text_scoring_release(struct text_scoring *scoring);

/* The k best rows: hits as sparse_walk gives them. */
KITH_NODISCARD int text_index_search(const struct scalar_index *index,
                                     const struct text_query *query,
                                     const struct text_scoring *scoring,
                                     const struct walk_search *search, struct hit *hits,
                                     size_t *count);
size_t text_index_rows(const struct scalar_index *index);

#endif
