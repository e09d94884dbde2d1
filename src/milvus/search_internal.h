/*
 * Between the files of search: plain, by keys, iterators, hybrid.
 */
#ifndef KITH_MILVUS_SEARCH_INTERNAL_H
#define KITH_MILVUS_SEARCH_INTERNAL_H

#include "milvus/order_by.h"

MilvusStatus *search_check_window(struct milvus_call *call, const struct milvus_search *search);
MilvusStatus *search_check_queries(struct milvus_call *call, size_t count);
struct search_grouping {
    const char *by;   /* NULL: none */
    const char *type; /* json_type, or NULL */
    bool strict_cast;
};

/* Output fields, and the group's column among what the engine is asked for. */
MilvusStatus *search_resolve(struct milvus_call *call, const struct milvus_collection *collection,
                             char *const *names, size_t count, const char *group_by,
                             struct milvus_hits *out, struct kith_output *asked);

/* The column of group values (field 8 of the reply). search_groups.c */
MilvusStatus *search_groups(struct milvus_call *call, const struct milvus_collection *collection,
                            const struct search_grouping *group, struct milvus_hits *out);
struct search_ending;
/* Puts the rows of each query into the order, groups by their first row. search_groups.c */
MilvusStatus *search_sort(struct milvus_call *call, const struct search_ending *ending,
                          struct milvus_hits *out);

float search_score(enum milvus_metric_sign sign, float distance);
float search_round(float score, int decimals);

struct search_ending { /* how a result becomes hits */
    enum milvus_metric_sign sign; /* of result->distances */
    int round_decimal;
    struct milvus_times times;
    struct search_grouping group;
    const struct milvus_order *order; /* nullable: by score */
    int64_t topk;
};
/* Columns, counts and scores of out->result. */
MilvusStatus *search_finish(struct milvus_call *call, const struct milvus_collection *collection,
                            const struct search_ending *ending, struct milvus_hits *out);

/* One page of an iterator: rows strictly beyond the client's bound. search_pages.c */
MilvusStatus *search_next_page(struct milvus_call *call, const struct milvus_collection *collection,
                               const struct milvus_search *search,
                               const struct milvus_target *target, struct kith_search_opts *opts,
                               struct milvus_hits *out);

/* The vectors of rows that are there, as queries; *held is the result that they lie in. */
MilvusStatus *search_vectors_of_keys(struct milvus_call *call,
                                     const struct milvus_collection *collection,
                                     const struct milvus_search *search,
                                     struct milvus_vectors *out, struct kith_result **held);

#endif
