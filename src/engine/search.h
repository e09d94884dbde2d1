/*
 * A search without its result: what kith_search, hybrid searches and search iterators share.
 *
 *   search_open   checks the options, evaluates the filter once, plans every segment
 *   search_run    all queries, over the database's search threads; found[q] in the order of
 *                 (distance, key)
 *   search_close  accepts a zeroed struct
 *
 * A call belongs to one thread; its queries do not.
 */
#ifndef KITH_ENGINE_SEARCH_H
#define KITH_ENGINE_SEARCH_H

#include "engine/engine.h"
#include "query/explain.h"
#include "query/group.h"

struct search_call {
    struct kith_collection *collection; /* borrows */
    const struct view *view;            /* borrows */
    struct kith_search_opts opts;
    size_t field;
    const struct schema_field *schema_field;
    struct read_plan plan;
    struct allowed allowed;
    struct search_binding binding;
    struct group_by *group; /* in the plan's arena; NULL: rows are not grouped */
    const uint8_t *queries; /* in the field's layout, or struct kith_str */
    struct search_found *found; /* in the plan's arena, its lists on the heap: one a query */
    bool complete;
    bool opened;
    struct kith_search_stats stats;
    struct explain_times times;
};

/* Copies what the caller's struct has of the options. */
void search_options(const struct kith_search_opts *given, struct kith_search_opts *out);
KITH_NODISCARD int search_open(struct search_call *search, struct kith_collection *collection,
                               const struct view *view, const struct kith_search_opts *opts,
                               const struct kith_call *call, struct kith_error *err);
/* Leaves k places in found[q], after the offset. */
KITH_NODISCARD int search_run(struct search_call *search, struct kith_error *err);
void search_close(struct search_call *search);

/* Query q, in the form of the executor. */
struct search_query search_query_of(const struct search_call *search, size_t q);
/* The database's search threads; none when it is closing or has none. What was taken is given back
 * before the call ends. */
struct search_threads search_pool_take(struct kith_db *db);
void search_pool_return(struct kith_db *db, struct search_threads threads);
/* Builds the result of lists of places; distances and offsets included. */
KITH_NODISCARD int search_result(struct search_call *search, struct kith_result **out,
                                 struct kith_error *err);
/* Writes result->explain. */
KITH_NODISCARD int search_explain(struct search_call *search, struct result_builder *builder,
                                  struct kith_error *err);

#endif
