/* What an FT.SEARCH says beside its query, as it was typed. It borrows the call. */
#ifndef KITH_REDIS_SEARCH_REQUEST_H
#define KITH_REDIS_SEARCH_REQUEST_H

#include "redis/cmd_search.h"
#include "redis/search_wording.h"

#define SEARCH_FILTERS_MAX 64u

struct search_return {
    struct kith_str name, as;
};
struct search_request {
    struct query_param params[SEARCH_PARAMS_MAX];
    size_t param_count;
    struct search_return returns[SEARCH_RETURNS_MAX];
    size_t return_count;
    struct query_filter filters[SEARCH_FILTERS_MAX]; /* FILTER, GEOFILTER */
    size_t filter_count;
    const struct kith_str *in_keys;
    size_t in_key_count;
    bool no_content, with_scores, with_sort_keys, with_payloads, explain_scores;
    bool has_returns, by_keys, sorted, descending;
    struct kith_str sort_by;
    bool has_timeout;
    int64_t timeout_ms; /* 0: none */
    int64_t offset, limit;
    struct search_wording wording;
};

/* The words of the call from argv[first] on; release request->wording in every case. False:
 * answered. */
bool search_request_read(struct redis_call *call, size_t first, struct search_request *request);

/* Hits in the order that SORTBY asks for. KITH_ENOMEM. */
KITH_NODISCARD int search_sort_hits(struct redis_call *call, const struct search_query *query,
                                    const struct search_request *request, struct search_hits *hits);

#endif
