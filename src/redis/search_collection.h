/*
 * Collections of other doors under the FT commands: a collection of database `default` shows as an
 * index of its name, with the documents `<collection>:<key>`.
 *
 * Its description becomes a struct search_index without documents, so that the parser of queries,
 * the replies and the aggregations are the same code; the query becomes a filter of the engine
 * (search_translate.h) and a search or a query, and the rows that come back become the documents.
 * Everything here but search_rows_hits, _text and _each calls the engine: without the keyspace
 * lock.
 *
 * Types: VARCHAR and BOOL are TAG (VARCHAR with enable_match is TEXT, too), ARRAY of VARCHAR is
 * TAG, numbers are NUMERIC, GEOMETRY is GEO, float vectors are VECTOR with blobs of FLOAT32; other
 * fields are shown and not searched. Texts of values: numbers as decimal text, arrays as JSON.
 */
#ifndef KITH_REDIS_SEARCH_COLLECTION_H
#define KITH_REDIS_SEARCH_COLLECTION_H

#include "redis/search_query.h"

#define SEARCH_ROWS_MAX 1000000u /* that one call sorts or aggregates */
#define SEARCH_OUTPUTS_MAX 1024u

struct search_rows { /* what one call holds of a collection; of one thread at a time */
    struct kith_collection *handle;    /* owns */
    struct kith_collection_info *info; /* owns */
    struct search_index index;         /* fields, the one prefix "<collection>:", documents */
    struct kith_str prefix;
    struct arena arena;
    struct kith_result *result; /* owns; NULL: no rows */
    size_t slot;                /* which distance of a hit the result's distances are */
    double shift;               /* between the engine's distance and Redis's: 1 for IP */
    uint64_t total;             /* rows that match; the documents are one page of them */
    char error[384];            /* what the client did wrong */
};

struct search_wish { /* borrows everything */
    struct kith_str query;
    const struct query_param *params;
    size_t param_count;
    const struct kith_str *outputs; /* names; unknown ones are passed over */
    size_t output_count;
    bool all_outputs;
    const struct kith_str *mentions; /* words in which names of fields may stand, as "@name" too */
    size_t mention_count;
    struct kith_str sort_by;
    bool sorted, descending;
    uint64_t offset, limit;
    const struct kith_str *keys; /* by_keys: of these documents only */
    size_t key_count;
    bool by_keys;
};

/* KITH_ENOTFOUND: there is none of this name or alias. */
KITH_NODISCARD int search_rows_open(struct kith_db *db, struct kith_str name,
                                    struct search_rows **out, struct kith_error *err);
/* KITH_EINVAL: rows->error says why. Once. */
KITH_NODISCARD int search_rows_fetch(struct search_rows *rows, const struct search_wish *wish,
                                     struct kith_error *err);
void search_rows_free(struct search_rows *rows); /* NULL is a no-op */

/* The documents as hits. */
KITH_NODISCARD int search_rows_hits(const struct search_query *query, struct search_hits *out);
/* The text of a field of a document; false: it has none. */
bool search_rows_text(const struct search_rows *rows, const struct search_doc *doc,
                      struct kith_str name, struct buffer *out);
KITH_NODISCARD int search_rows_each(const struct search_rows *rows, const struct search_doc *doc,
                                    void (*fn)(void *ctx, struct kith_str name,
                                               struct kith_str value),
                                    void *ctx);

#endif
