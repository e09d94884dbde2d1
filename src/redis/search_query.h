/*
 * The query language of FT.SEARCH, dialect 2: a text becomes a tree over the fields of an index.
 *
 *     query  := union [ => [KNN k @field $blob options] ]
 *     union  := and { '|' and }            and := unary { unary }
 *     unary  := '-' unary | '~' unary | leaf [ => {$ATTRIBUTE: value; ...} ]
 *     leaf   := '(' union ')' | '*' | "phrase" | word | word* | *word | %word% | ismissing(@f)
 *             | w'pattern' of * and ? | @f:{tag|...} | @f:[lo hi] | @f:[lon lat r unit]
 *             | @f:[VECTOR_RANGE r $blob] | @f:leaf | @f|g:leaf | @f==n (!= < <= > >=)
 *
 * Stop words of the index are left out as if they were not there.
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
enum word_form {
    WORD_EXACT, WORD_PREFIX, WORD_SUFFIX, WORD_INFIX, WORD_FUZZY, WORD_PATTERN
};

struct query_fields { /* a set of fields, by place */
    uint64_t bits[SEARCH_FIELDS_MAX / 64];
};
struct query_word {
    struct kith_str text, stem; /* stem of no bytes: the word itself is asked for */
    enum word_form form;
    unsigned fuzz; /* edits */
};
struct query_node {
    enum query_kind kind;
    const struct search_field *field; /* NULL: every text field of `fields` */
    const struct query_fields *fields; /* NULL: all */
    double weight;                    /* of its score */
    int64_t slop;                     /* AND: words between the words; -1: any number */
    bool in_order;                    /* AND */
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
#define QUERY_NEAR_MAX 32u /* children of an AND with a slop or an order */

enum search_scorer {
    SCORER_BM25, SCORER_BM25_TANH, SCORER_BM25_NORM, SCORER_TFIDF, SCORER_TFIDF_DOCNORM,
    SCORER_DISMAX, SCORER_DOCSCORE, SCORER_COUNT
};
struct query_filter { /* of a call, beside the query: FILTER, GEOFILTER */
    struct kith_str name; /* of a field */
    bool geo, lo_open, hi_open;
    double lo, hi, radius; /* geo: longitude, latitude, metres */
};
/* What a call says of the whole query. */
struct query_options {
    bool verbatim;        /* no stems */
    bool keep_stop_words; /* they are asked for, and found nowhere */
    int64_t slop;         /* of every AND; -1: any */
    bool in_order;
    enum search_scorer scorer;
    double tanh_factor;
    const struct query_fields *fields; /* words are looked for there only; NULL: everywhere */
    struct search_stemmer *stemmer;    /* of another language; NULL: the index's */
    const struct query_filter *filters; /* all of them have to match, too */
    size_t filter_count;
};
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
    uint32_t ef; /* EF_RUNTIME; 0: not given */
    /* Distances that a hit carries, and what they are called; that of KNN is the first. A name of
     * no bytes is not shown. */
    struct kith_str names[QUERY_DISTANCES_MAX];
    size_t distance_count;
    enum search_scorer scorer;
    double tanh_factor;
    const struct os *os;
    int64_t deadline_ns; /* when it is given up; 0: never */
    uint64_t looked;     /* words that were looked at, so far; query_step */
    char error[256]; /* why parsing failed; empty: no memory */
};

/* Release in every case. KITH_EINVAL, KITH_ENOMEM. */
KITH_NODISCARD int search_query_parse(const struct search_index *index, struct kith_str text,
                                      const struct query_param *params, size_t param_count,
                                      struct search_query *out);
/* The same; options are nullable, and what they point to has to outlive the call only, but for the
 * fields, which the query borrows. */
KITH_NODISCARD int search_query_parse_with(const struct search_index *index, struct kith_str text,
                                           const struct query_param *params, size_t param_count,
                                           const struct query_options *options,
                                           struct search_query *out);
void search_query_release(struct search_query *query);
/* What EF_RUNTIME means to an engine of so many rows: a walk is never narrower than it would be by
 * itself. 0: it chooses. */
uint32_t search_query_ef(const struct search_query *query, uint64_t rows);

/* What the collection of an index found of a KNN query: candidates. */
struct search_found {
    const struct kith_str *keys; /* NULL: it is not to be used */
    size_t count;
    bool all;       /* nothing else matched */
    uint64_t since; /* documents with a later change were not known there */
};

/* As FT.EXPLAIN shows it: search_query_text.c. */
void search_query_describe(const struct search_query *query, struct buffer *out);

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
/* True after the deadline, and when the server stops. The clock is read at every 16th i, for that
 * is as dear as a small document. */
bool search_query_is_late(const struct search_query *query, size_t i);
struct search_accept { /* which documents may be looked at; called without the lock */
    bool (*fn)(void *ctx, const struct search_doc *doc);
    void *ctx;
};
/* Everything that matches; of a KNN query the k nearest, nearest first; otherwise by score, best
 * first, then by key. accept is nullable. In a turn (search_turn.h) the lock is free meanwhile:
 * KITH_ENOTFOUND when the index went. */
KITH_NODISCARD int search_query_run(struct search_query *query, const struct search_accept *accept,
                                    struct search_hits *out);
/* The same of a KNN query, by candidates in the index, under the lock: KITH_EBUSY when they are too
 * few. */
KITH_NODISCARD int search_query_run_found(struct search_query *query,
                                          const struct search_index *index,
                                          const struct search_found *found,
                                          struct search_hits *out);
void search_hits_release(struct search_hits *hits);

/* ---- shared by search_eval.c and search_score.c ---- */

/* Many words of a query, or of a document, make even one document long: steps are counted, and the
 * clock is read now and then. Who is late gives any answer soon; it is thrown away. */
struct query_pace {
    const struct search_query *query; /* borrows */
    size_t steps; /* since the clock was read */
    uint64_t looked;
    bool late;
};
bool query_step(struct query_pace *pace, size_t words); /* looked at; true: it is late */
/* How often the words of the node stand, in a row, in the document, each field by its weight. */
double query_count_text(struct query_pace *pace, const struct query_node *node,
                        const struct search_doc *doc);
bool query_is_text(const struct query_node *node); /* WORD, PHRASE, or an OR of such */
/* The first place in the field, from `from` on, where a text node stands; SIZE_MAX: none. */
size_t query_next_place(struct query_pace *pace, const struct query_node *node,
                        const struct search_doc *doc, size_t field, size_t from);
/* Fills the scores of the hits. KITH_ETIMEDOUT. */
KITH_NODISCARD int query_score(struct search_query *query, struct query_pace *pace,
                               struct search_hits *hits);
/* At most so many letters are added, left out or changed (Levenshtein). */
bool query_words_near(struct kith_str a, struct kith_str b, unsigned most);
/* A word of a text, stem nullable. */
bool query_word_matches(const struct query_word *word, struct kith_str text,
                        const struct kith_str *stem);
static inline bool query_has_field(const struct query_fields *fields, size_t place)
{
    return !fields || (fields->bits[place / 64] >> (place % 64) & 1);
}

#endif
