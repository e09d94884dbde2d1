/*
 * Indexes as clients ask for them: names, parameters and metrics checked (section 14), and what the
 * engine makes of them. Every name of the protocol is accepted on the types that it is for; the
 * engine has its own structures for each class of types, and DescribeIndex shows what was asked.
 */
#ifndef KITH_MILVUS_INDEX_RULES_H
#define KITH_MILVUS_INDEX_RULES_H

#include "milvus/milvus.h"

struct index_ask {            /* in the call's arena */
    const MilvusField *field; /* NULL: a key of the dynamic field */
    const char *engine_field;
    MilvusPair **pairs; /* index_type and metric_type first, then what was given */
    size_t pair_count;
    const char *type;      /* "HNSW", "AUTOINDEX" */
    const char *json_path; /* NULL: none */
    struct kith_index_params engine;
};

/* Flattens, checks and maps; NULL, or the refusal. */
MilvusStatus *index_ask_read(struct milvus_call *call, const struct milvus_collection *collection,
                             const Milvus__Proto__Milvus__CreateIndexRequest *in,
                             struct index_ask *out);

#endif
