/*
 * Highlights of a search: fragments of texts with marks around the terms that were searched for.
 */
#ifndef KITH_MILVUS_HIGHLIGHT_H
#define KITH_MILVUS_HIGHLIGHT_H

#include "milvus/milvus_data.h"

#define HIGHLIGHT_TASKS_MAX 16   /* fields of one search */
#define HIGHLIGHT_QUERIES_MAX 64 /* texts beside the search's own */

typedef Milvus__Proto__Common__HighlightResult HighlightResult;

struct highlight_query {
    const char *field, *text;
};
struct milvus_highlighter { /* what the client asks for; in the arena */
    char **pre, **post; /* marks, in turn over the terms of a fragment */
    size_t pre_count, post_count;
    int64_t fragment_offset, fragment_size; /* in characters */
    int64_t fragment_count;                 /* 0: the whole text as one */
    bool search_text; /* terms of the query of a full-text search */
    struct highlight_query queries[HIGHLIGHT_QUERIES_MAX];
    size_t query_count;
};
/* highlight_params.c */
MilvusStatus *highlight_read(struct milvus_call *call,
                             const Milvus__Proto__Common__Highlighter *in,
                             const struct milvus_highlighter **out);

struct highlight_plan {
    const struct milvus_highlighter *how;
    const MilvusField *fields[HIGHLIGHT_TASKS_MAX];
    size_t field_count;
    const MilvusField *searched; /* of them: the one whose texts the search goes to; or NULL */
};
/* The fields that need reading. highlight.c */
MilvusStatus *highlight_plan_make(struct milvus_call *call,
                                  const struct milvus_collection *collection,
                                  const struct milvus_search *search,
                                  const struct milvus_target *target, struct highlight_plan *out);
/* `output` and the fields of the plan; in the arena. KITH_ENOMEM. */
KITH_NODISCARD int highlight_output(struct milvus_call *call, const struct highlight_plan *plan,
                                    const struct kith_output *output, struct kith_output *out);
/* out->highlights, one a field with one entry a row, in the order of the page. */
MilvusStatus *highlight_make(struct milvus_call *call, const struct highlight_plan *plan,
                             const struct milvus_search *search, struct milvus_hits *out);

#endif
