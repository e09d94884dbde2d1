/*
 * What FT.SEARCH and FT.AGGREGATE say of the words of a query, beside the query: VERBATIM,
 * NOSTOPWORDS, INFIELDS, SLOP, INORDER, LANGUAGE, SCORER; and how texts are shown: HIGHLIGHT and
 * SUMMARIZE. Over a collection of another door only the last two make sense.
 */
#ifndef KITH_REDIS_SEARCH_WORDING_H
#define KITH_REDIS_SEARCH_WORDING_H

#include "redis/search_query.h"

struct search_names {
    const struct kith_str *items; /* borrows the call */
    size_t count;
};
struct search_wording {
    bool asked;          /* of words, not of how they are shown */
    bool by_fields, summarize, highlight;
    struct search_names fields, summarized, highlighted;
    struct kith_str language, open, close, separator;
    int64_t fragments, length; /* of SUMMARIZE: at most so many, of so many words */
    struct query_options options;
    struct query_fields set;
    struct search_stemmer *stemmer; /* owns */
};

void search_wording_init(struct search_wording *wording);
void search_wording_release(struct search_wording *wording);
/* The option at argv[*at], if it is one; *at goes behind it. 1; 0: it is none; -1: answered. */
int search_wording_read(struct redis_call *call, size_t *at, struct search_wording *wording);
/* Makes the options ready for queries over this index. False: answered. */
bool search_wording_settle(struct redis_call *call, const struct search_index *index,
                           struct search_wording *wording);

/* Is the text of this field shown in another form? */
bool search_is_decorated(const struct search_wording *wording, const struct search_field *field);
/* The text as it is shown. KITH_ENOMEM. */
KITH_NODISCARD int search_decorate(const struct search_wording *wording,
                                   const struct search_query *query,
                                   const struct search_field *field, struct kith_str text,
                                   struct buffer *out);

#endif
