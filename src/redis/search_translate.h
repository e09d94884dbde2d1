/*
 * From a parsed query to a filter of the engine: one text with templates for every value, so that
 * what a client typed never becomes part of the filter's language.
 *
 * Two targets:
 *   a collection of another door   fields are asked by their columns' types (TAG: equality, IN,
 *                                  LIKE, array_contains_any; NUMERIC: comparisons; TEXT:
 *                                  text_match, phrase_match where the field allows them)
 *   the collection of an FT index  only what means the same as the scan in search_eval.c: whole
 *                                  tags, numbers, missing fields, connectives
 * A leaf on an absent value is false, never unknown: every leaf says "is not null" first.
 */
#ifndef KITH_REDIS_SEARCH_TRANSLATE_H
#define KITH_REDIS_SEARCH_TRANSLATE_H

#include "redis/search_query.h"

struct search_filter {
    struct buffer text, params;     /* both end in NUL after a success; empty text: every row */
    unsigned count;                 /* of templates */
    bool nothing;                   /* no row can match */
    const struct query_node *range; /* VECTOR_RANGE of the whole query; NULL: none */
    char error[192];                /* KITH_EUNSUPPORTED: what, with the field's name */
};

/* KITH_EUNSUPPORTED, KITH_ENOMEM. Release in every case. */
KITH_NODISCARD int search_translate(const struct search_query *query, struct search_filter *out);
void search_filter_release(struct search_filter *filter); /* accepts a zeroed struct */
/* and `name` in these texts, or in these integers as decimal texts. */
void search_filter_in(struct search_filter *filter, struct kith_str name,
                      const struct kith_str *texts, size_t count, bool integers);

#endif
