/*
 * A recall target instead of `ef`: how wide a walk has to be is found by experiment, once, and
 * remembered.
 *
 * The experiment asks queries that came lately; and until enough did, rows of the collection as if
 * they were not in it: a sampled row is taken out of the graph for the length of its own search
 * (index_search.skip). True nearest are found by a scan of the allowed rows, and the width of the
 * walk is varied until the mean share of them that comes meets the target. Recall is that of whole
 * searches, over all segments, filter and deletes included.
 *
 * Remembered are the width and for what it holds: field, k, target, way, the filter (or, when many
 * filters come, its share), the large segments and how much of them is dead. When one of these
 * changes the experiment is made again. It costs about a second on some hundred thousand rows and
 * is made by the call that first needs it, on all search threads; calls that come meanwhile are
 * served by the planner's estimate.
 */
#ifndef KITH_QUERY_RECALL_H
#define KITH_QUERY_RECALL_H

#include "query/execute.h"

struct recall_book; /* what one collection remembers; thread-safe */

KITH_NODISCARD int recall_book_new(const struct os *os, struct recall_book **out);
void recall_book_free(struct recall_book *book); /* NULL is a no-op */

struct recall_found {
    uint32_t ef;      /* 0: nothing to vary: every segment is scanned */
    float recall;     /* measured at that ef; 0: an estimate served */
    size_t samples;
};
/* Queries in the field's layout that came with a recall target: the best samples there are. */
void recall_note_queries(struct recall_book *book, const struct search_binding *binding,
                         const uint8_t *queries, size_t count);
/* `binding` is bound with its recall target and no ef. filter: a hash of text and parameters, 0
 * without one. Errors are those of a search (a deadline that passes while it calibrates). */
KITH_NODISCARD int recall_calibrate(struct recall_book *book,
                                    const struct search_binding *binding, uint64_t filter,
                                    struct search_threads threads, struct recall_found *out,
                                    struct kith_error *err);

/* recall_truth.c: the distance of the k-th nearest allowed row of each sample, itself left out. */
struct recall_sample {
    struct search_query query; /* data borrows from the segment */
    uint32_t row;
    float kth;     /* out */
    size_t nearest; /* out: rows there are, at most k */
};
KITH_NODISCARD int recall_truth(const struct search_binding *binding,
                                struct recall_sample *samples, size_t count,
                                struct search_threads threads);

#endif
