/*
 * The query language of FT.SEARCH, dialect 2: a text becomes a tree over the fields of an index.
 *
 *     query  := union [ => [KNN k @field $blob options] ]
 *     union  := and { '|' and }            and := unary { unary }
 *     unary  := '-' unary | '~' unary | leaf [ => {$ATTRIBUTE: value; ...} ]
 *     leaf   := '(' union ')' | '*' | "phrase" | word | word* | *word | %word% | ismissing(@f)
 *             | @f:{tag|...} | @f:[lo hi] | @f:[lon lat r unit] | @f:[VECTOR_RANGE r $blob]
 *             | @f:leaf | @f==n (!= < <= > >=)
 *
 * Nesting is bounded by QUERY_DEPTH_MAX. Everything lives in the query's arena and borrows the
 * parameters; both go with the query. The text is untrusted.
 */
#ifndef KITH_REDIS_SEARCH_QUERY_H
#define KITH_REDIS_SEARCH_QUERY_H

#include "base/arena.h"
#include "redis/search_index.h"

#define QUERY_DEPTH_MAX 64u
#define QUERY_K_MAX 1000000

enum query_kind {
    QUERY_ALL, QUERY_AND, QUERY_OR, QUERY_NOT, QUERY_OPTIONAL, QUERY_TAG, QUERY_NUMBER, QUERY_GEO,
    QUERY_WORD, QUERY_PHRASE, QUERY_RANGE, QUERY_MISSING
};
enum word_form { WORD_EXACT, WORD_PREFIX, WORD_SUFFIX, WORD_INFIX, WORD_FUZZY };

struct query_word {
    struct kith_str text;
    enum word_form form;
    unsigned fuzz; /* edits */
};
struct query_node {
    enum query_kind kind;
    const struct search_field *field; /* NULL: every text field */
    struct query_node *first, *next;  /* children */
    struct query_word *words;         /* TAG: any of them; WORD: one; PHRASE: in a row */
    size_t word_count, word_cap;
    double lo, hi;                    /* NUMBER; GEO: place; RANGE: hi is the radius */
    bool lo_open, hi_open;
    double radius;                    /* GEO: metres */
    const float *vector;              /* RANGE */
    size_t slot;                      /* RANGE: of its distance */
    double documents;                 /* WORD, PHRASE: how many hold it; search_eval.c */
};

#define QUERY_DISTANCES_MAX 4u
struct query_param {
    struct kith_str name, value;
};
struct search_query {
    struct arena arena;
    const struct search_index *index;
    struct query_node *root;
    const struct search_field *knn; /* NULL: no KNN */
    const float *vector;
    int64_t k;
    /* Distances that a hit carries, and what they are called; that of KNN is the first. A name of
     * no bytes is not shown. */
    struct kith_str names[QUERY_DISTANCES_MAX];
    size_t distance_count;
    char error[256]; /* why parsing failed; empty: no memory */
};

/* Release in every case. KITH_EINVAL, KITH_ENOMEM. */
KITH_NODISCARD int search_query_parse(const struct search_index *index, struct kith_str text,
                                      const struct query_param *params, size_t param_count,
                                      struct search_query *out);
void search_query_release(struct search_query *query);

struct search_hit {
    const struct search_doc *doc;
    double score;
    double distances[QUERY_DISTANCES_MAX];
};
struct search_hits {
    struct search_hit *items; /* owns */
    size_t count;
    bool paged;     /* they are one page of `total`, in the order that was asked for */
    uint64_t total; /* paged only */
};
/* Everything that matches; of a KNN query the k nearest, nearest first; otherwise by score, best
 * first, then by key. accept is nullable. */
KITH_NODISCARD int search_query_run(struct search_query *query,
                              bool (*accept)(void *ctx, const struct search_doc *doc), void *ctx,
                              struct search_hits *out);
void search_hits_release(struct search_hits *hits);

#endif
