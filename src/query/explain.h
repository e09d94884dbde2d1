/*
 * EXPLAIN: what a read did, as JSON. docs/explain.md is the contract of the names.
 */
#ifndef KITH_QUERY_EXPLAIN_H
#define KITH_QUERY_EXPLAIN_H

#include "base/buffer.h"
#include "query/execute.h"

struct explain_times { /* microseconds */
    int64_t filter;
    int64_t search;
    int64_t fetch;
    int64_t measure;
};

struct explain_call { /* what the executor does not know */
    const char *field;
    const char *filter;   /* nullable */
    size_t queries;
    size_t rows_out;
    struct explain_times times;
    const double *recall; /* nullable: one a query */
    bool complete;
};

void explain_search(const struct search_binding *binding, const struct explain_call *call,
                    struct buffer *out);
/* A read by filter alone. */
void explain_query(const struct view_rows *rows, const struct allowed *allowed,
                   const struct explain_call *call, struct buffer *out);

#endif
