/*
 * Rows in, rows out: what the data handlers of both transports share.
 *
 * A data RPC has three steps, and only the middle one is common:
 *   1. decode  the transport's request into the neutral structures below (gRPC: rows_in*.c,
 * handle_*.c)
 *   2. run     milvus_rows_write, milvus_delete_run, milvus_query_run, milvus_search_run,
 *              milvus_hybrid_run: checks with the protocol's texts, calls of the engine
 *   3. encode  the outcome (gRPC: rows_out*.c writes bytes straight into the reply)
 *
 * Every function that can refuse returns a MilvusStatus: NULL means that all is well. What outcomes
 * point to is in the call's arena or in a kith_result, which is released by the ..._release
 * function.
 */
#ifndef KITH_MILVUS_MILVUS_DATA_H
#define KITH_MILVUS_MILVUS_DATA_H

#include "milvus/milvus_internal.h"
#include "model/time_zone.h"

#define MILVUS_WINDOW_MAX 16384 /* offset + limit, queries of a search */

/* Entrances of gRPC: bytes of a request in, bytes of the reply out (struct milvus_rpc.raw). */
#define MILVUS_RAW(rpc) \
    int raw_##rpc(struct milvus_call *call, struct kith_str request, struct buffer *reply)
MILVUS_RAW(Insert);
MILVUS_RAW(Upsert);
MILVUS_RAW(Delete);
MILVUS_RAW(Query);
MILVUS_RAW(Search);
MILVUS_RAW(HybridSearch);

/* ---- small things (data_common.c) ---- */

MilvusStatus *milvus_no_memory(struct milvus_call *call);
/* An integer among the type params of a field; 0: absent. */
uint32_t milvus_field_number(const MilvusField *field, const char *key);
/* The output of a function: never sent, never read back. */
bool milvus_field_computed(const struct milvus_collection *collection, const MilvusField *field);
const MilvusField *milvus_partition_key(const struct milvus_collection *collection);
/* Bytes of a scalar in a column, or of an element in an array; 8 for what is no number. */
static inline size_t milvus_scalar_width(enum kith_type type)
{
    switch (type) {
    case KITH_BOOL:
    case KITH_INT8: return 1;
    case KITH_INT16: return 2;
    case KITH_INT32:
    case KITH_FLOAT: return 4;
    default: return 8;
    }
}
/* NULL: the result has no column of this name. */
const struct kith_column *milvus_column_find(const struct kith_result *result, const char *name);
bool milvus_double_parse(const char *text, double *out);
/* The engine's error about names of partitions, or of a filter, in the protocol's words. `plan` is
 * "query" or "delete". */
MilvusStatus *milvus_filter_error(struct milvus_call *call, int rc, const struct kith_error *err,
                                  const char *expr, const char *plan);
/* Refuses partitions beside a partition key, and names that do not exist. `query`: the code of it.
 */
MilvusStatus *milvus_partitions_check(struct milvus_call *call,
                                      const struct milvus_collection *collection,
                                      const char *const *names, size_t count, bool query);
/* What every read asks first: 101 unless the collection is loaded, then milvus_partitions_check,
 * then 201 for a partition that is not loaded. Without names, those that are loaded are read:
 * *names then borrows from the collection. `verb` is "search" or "query". */
MilvusStatus *milvus_read_check(struct milvus_call *call,
                                const struct milvus_collection *collection, const char *verb,
                                const char *const **names, size_t *count);
/* Waits until a timestamp that lies ahead is reached, at most some seconds. */
void milvus_wait_until(struct milvus_call *call, uint64_t guarantee);
/* Counts rows and the slow ones, with the explain text where there is one. */
void milvus_data_count(struct milvus_call *call, const char *metric, const char *help,
                       const struct milvus_collection *collection, double amount);
void milvus_slow_note(struct milvus_call *call, const char *what,
                      const struct milvus_collection *collection, const char *expr,
                      const char *explain);

/* ---- zone of time (data_zone.c) ---- */

/* By IANA name, or "+08:00". 1100: unknown. Borrows until the door closes. */
MilvusStatus *milvus_zone_find(struct milvus_call *call, const char *name,
                               const struct time_zone **out);
struct milvus_times { /* how a reply shows instants; from the request, nullable both */
    const char *zone;
    const char *parts; /* time_fields: numbers instead of texts */
};
/* Of the pairs of a request. */
struct milvus_times milvus_times_read(MilvusPair *const *pairs, size_t count);
/* Of the request, else of the collection's `timezone`, else of its database's, else UTC. */
MilvusStatus *milvus_zone(struct milvus_call *call, const struct milvus_collection *collection,
                          const char *requested, const struct time_zone **out);

/* The filter with its instants in UTC: those without an offset are of the zone as above.
 * expr_zone.c */
MilvusStatus *milvus_expr_zoned(struct milvus_call *call,
                                const struct milvus_collection *collection, const char *requested,
                                const char *expr, const char **out);

/* ---- templates of filters (templates.c) ---- */

struct milvus_template {
    const char *name;
    const Milvus__Proto__Schema__TemplateValue *value;
};
/* The values as the JSON object that the engine takes; *out is NULL when there are none. */
MilvusStatus *milvus_templates_text(struct milvus_call *call,
                                    const struct milvus_template *templates, size_t count,
                                    const char **out);
/* The entries of a protobuf-c map into an array of struct milvus_template in the arena. */
#define MILVUS_TEMPLATES(call, entries, count, out) \
    do { \
        (out) = arena_alloc_array((call)->arena, (count) + 1, sizeof *(out)); \
        for (size_t i_ = 0; (out) && i_ < (count); i_++) \
            (out)[i_] = (struct milvus_template){ (entries)[i_]->key, (entries)[i_]->value }; \
    } while (0)

/* ---- writing ---- */

enum milvus_op { MILVUS_OP_REPLACE = 0, MILVUS_OP_APPEND = 1, MILVUS_OP_REMOVE = 2 };
struct milvus_field_op {
    const char *field;
    enum milvus_op op;
};

struct milvus_rows { /* in the arena */
    const char *partition; /* NULL or "": the default one */
    size_t rows;
    struct kith_column
        *columns; /* `field` is a field of the schema, or "$meta"; type and dim unset */
    size_t column_count;
    bool upsert;
    bool partial; /* columns that are not given keep their value */
    uint64_t schema_timestamp; /* 0: unknown */
    const struct milvus_field_op *ops;
    size_t op_count;
};
struct milvus_mutation {
    struct kith_written written;
    struct kith_keys keys; /* of the rows, in order; borrows from written or from the request */
    uint64_t inserted, deleted, upserted;
};
/* written.* is released with kith_written_free, also after a refusal. */
MilvusStatus *milvus_rows_write(struct milvus_call *call,
                                const struct milvus_collection *collection,
                                const struct milvus_rows *rows, struct milvus_mutation *out);
/* Whether milvus_rows_write would refuse an insert before it asks the engine. */
MilvusStatus *milvus_rows_check(struct milvus_call *call,
                                const struct milvus_collection *collection,
                                const struct milvus_rows *rows);
/* Fills the columns that a partial upsert leaves out from the rows that are there. upsert_partial.c
 */
MilvusStatus *milvus_rows_complete(struct milvus_call *call,
                                   const struct milvus_collection *collection,
                                   const struct milvus_rows *given, struct milvus_rows *out,
                                   struct kith_result **held);

struct milvus_delete {
    const char *expr, *expr_params; /* params: JSON text or NULL */
    const char *partition;
};
MilvusStatus *milvus_delete_run(struct milvus_call *call,
                                const struct milvus_collection *collection,
                                const struct milvus_delete *request, struct milvus_mutation *out);

/* `pk in [1, 2]`, `pk == "a"`, `pk in {name}`: the keys that such a filter lists, in the arena.
 * false: the filter is another, or a literal of it is not of the key's type. key_list.c */
bool milvus_key_list(struct milvus_call *call, const struct milvus_collection *collection,
                     const char *expr, const char *expr_params, struct kith_keys *out);

/* ---- reading ---- */

struct milvus_output { /* resolved output fields; all in the arena */
    const char **names; /* echoed to the client */
    size_t name_count;
    const char **asked; /* for the engine */
    size_t asked_count;
    const MilvusField **fields; /* of the reply's columns, in order; without the dynamic ones */
    size_t field_count;
    bool meta;          /* whole $meta wanted */
    const char **keys;  /* keys of $meta wanted */
    size_t key_count;
};
/* Rules of section 9.3. with_key: the primary key is always among the columns. output_fields.c */
MilvusStatus *milvus_output_resolve(struct milvus_call *call,
                                    const struct milvus_collection *collection,
                                    char *const *names, size_t count, bool with_key,
                                    struct milvus_output *out);

struct milvus_column { /* one column of a reply */
    const char *name;
    int64_t id;
    enum kith_type type;    /* as sent: TIMESTAMPTZ columns hold texts here */
    enum kith_type element; /* ARRAY */
    uint32_t dim;
    bool dynamic;
    const void *data;     /* as in struct kith_column */
    const uint8_t *valid; /* NULL: all */
};
struct milvus_page { /* rows of a reply */
    struct milvus_column *columns;
    size_t column_count;
    const uint32_t *order; /* rows of the columns to send; NULL: 0..rows-1 */
    size_t rows;
};
/* Instants as texts of the zone into out->data; what is null is an empty one. page_make.c */
MilvusStatus *milvus_times_text(struct milvus_call *call, const struct time_zone *zone,
                                const int64_t *micros, size_t rows, struct milvus_column *out);
/* The same as arrays of Int64: the parts "year, month, ..." of each. time_parts.c */
MilvusStatus *milvus_times_parts(struct milvus_call *call, const struct time_zone *zone,
                                 const char *parts, const int64_t *micros, size_t rows,
                                 struct milvus_column *out);
/* The columns that `output` asks for, out of a result. page_make.c */
MilvusStatus *milvus_page_make(struct milvus_call *call, const struct milvus_collection *collection,
                               const struct milvus_output *output, const struct kith_result *result,
                               const struct milvus_times *times, struct milvus_page *out);

struct milvus_query {
    const char *expr, *expr_params;
    const char *zoned; /* expr for the engine: its instants are in UTC. milvus_query_run fills it */
    char *const *output;
    size_t output_count;
    const char *const *partitions;
    size_t partition_count;
    int64_t limit, offset;
    bool has_limit, has_offset;
    bool by_key; /* pages of an iterator: the smallest keys first, over all rows */
    const char *order_by; /* as it came; NULL: by key */
    const char *group_by; /* names of fields between commas; NULL: none */
    struct milvus_times times;
    uint64_t guarantee;
};
struct milvus_query_outcome {
    struct kith_result *result; /* owns */
    struct milvus_output output;
    struct milvus_page page;
};
/* Pairs of query_params into the query. query_params.c */
MilvusStatus *milvus_query_params(struct milvus_call *call, MilvusPair *const *pairs, size_t count,
                                  struct milvus_query *out);
MilvusStatus *milvus_query_run(struct milvus_call *call, const struct milvus_collection *collection,
                               const struct milvus_query *query, struct milvus_query_outcome *out);
void milvus_query_release(struct milvus_query_outcome *outcome);

struct milvus_order; /* order_by.h */
/* Of the rows that match, the keys behind the `offset` first, at most `limit`: by the order, whose
 * columns opts->output has, then by key; order NULL: by key alone. In the arena. key_pages.c */
KITH_NODISCARD int milvus_first_keys(struct milvus_call *call,
                                     const struct milvus_collection *collection,
                                     const struct kith_query_opts *opts,
                                     const struct milvus_order *order, size_t offset, size_t limit,
                                     struct kith_keys *out, struct kith_error *err);

struct milvus_vectors { /* queries as they came: one slice each */
    int type; /* of the placeholder; 21: texts */
    const struct kith_str *values;
    size_t count;
};
struct milvus_search {
    const char *field; /* anns_field; NULL: the only one */
    const char *expr, *expr_params;
    char *const *output;
    size_t output_count;
    const char *const *partitions;
    size_t partition_count;
    struct milvus_vectors vectors;
    const struct kith_keys *by_keys; /* instead of vectors: the vectors of these rows */
    int64_t topk, offset;
    bool has_topk;
    const char *metric; /* NULL: the index's */
    int round_decimal;  /* -1: none */
    uint32_t ef;
    float drop_ratio;
    bool has_radius, has_range_filter;
    double radius, range_filter;
    const char *group_by; /* a field, a key, or a path below one */
    const char *group_type; /* json_type: what values below a path are shown as; NULL: JSON */
    bool strict_cast;       /* refuse values that are not of group_type; else they are null */
    int64_t group_size;
    bool strict_group_size;
    const char *order_by; /* as it came; NULL: by score */
    const struct milvus_highlighter *highlighter; /* highlight.h; NULL: none */
    bool iterator;
    const char *iterator_id;
    int64_t iterator_batch;
    bool has_bound;
    double bound;
    struct milvus_times times;
    uint64_t guarantee;
};
struct milvus_hits { /* what a search found */
    struct kith_result *result; /* owns */
    struct milvus_output output;
    struct milvus_page page;
    size_t query_count;
    const size_t *counts; /* rows of each query, in order */
    float *scores;        /* as sent */
    int64_t topk;
    const struct milvus_column *groups; /* group_by_field_value, or NULL */
    const char *iterator_token;         /* NULL: no iterator */
    Milvus__Proto__Common__HighlightResult **highlights; /* one a field; NULL: none */
    size_t highlight_count;
    float iterator_bound;
};
MilvusStatus *milvus_search_params(struct milvus_call *call, MilvusPair *const *pairs, size_t count,
                                   struct milvus_search *out);
MilvusStatus *milvus_search_run(struct milvus_call *call,
                                const struct milvus_collection *collection,
                                const struct milvus_search *search, struct milvus_hits *out);
void milvus_hits_release(struct milvus_hits *hits);

enum milvus_metric_sign { MILVUS_DISTANCE, MILVUS_NEGATED, MILVUS_COSINE };
struct milvus_target { /* what a search goes to */
    const MilvusField *field;
    enum kith_metric metric;
    const char *metric_name; /* as the index was given it */
    enum milvus_metric_sign sign;
};
/* The vector field of a search and its metric; checks a metric that the client asked. */
MilvusStatus *milvus_target_find(struct milvus_call *call,
                                 const struct milvus_collection *collection, const char *field,
                                 const char *metric, struct milvus_target *out);
/* The engine's options of one search; queries are laid out in the arena. search_opts.c */
MilvusStatus *milvus_search_opts_make(struct milvus_call *call,
                                      const struct milvus_collection *collection,
                                      const struct milvus_search *search,
                                      const struct milvus_target *target,
                                      struct kith_search_opts *out);

struct milvus_hybrid {
    const struct milvus_search *searches;
    size_t search_count;
    struct kith_ranker ranker;
    int64_t limit, offset;
    int round_decimal;
    const char *group_by;
    int64_t group_size;
    bool strict_group_size;
    enum kith_score_mode group_scorer;
    const char *order_by; /* as it came; NULL: by score */
    char *const *output;
    size_t output_count;
    const char *const *partitions;
    size_t partition_count;
    struct milvus_times times;
    uint64_t guarantee;
};
MilvusStatus *milvus_hybrid_run(struct milvus_call *call,
                                const struct milvus_collection *collection,
                                const struct milvus_hybrid *hybrid, struct milvus_hits *out);
MilvusStatus *milvus_hybrid_params(struct milvus_call *call, MilvusPair *const *pairs, size_t count,
                                   struct milvus_hybrid *out);
/* A Rerank function (of function_score) into a ranker. rerank.c */
MilvusStatus *milvus_rerank_function(struct milvus_call *call,
                                     const Milvus__Proto__Schema__FunctionScore *score,
                                     struct kith_ranker *out);

#endif
