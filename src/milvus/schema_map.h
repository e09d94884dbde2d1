/*
 * Schemas of the protocol and of the engine: checked, completed, translated both ways.
 *
 * What a client sent is kept as it was sent (with ids filled in), so that it comes back the same;
 * the engine gets its own form. Text fields are VarChar there; everything else has the same number.
 */
#ifndef KITH_MILVUS_SCHEMA_MAP_H
#define KITH_MILVUS_SCHEMA_MAP_H

#include "milvus/milvus.h"

#define SCHEMA_FIRST_FIELD_ID 100
#define SCHEMA_KEY_PARTITIONS 16 /* of a partition key, when nobody says */

/* schema_check.c: NULL, or the first rule that a client's schema breaks (section 8). */
MilvusStatus *schema_check(struct milvus_call *call, const MilvusSchema *schema,
                           int64_t partitions);
/* One field by itself; `collection` is for texts. */
MilvusStatus *schema_check_field(struct milvus_call *call, const MilvusField *field,
                                 const char *collection);

/* Ids of fields and functions, marks of function outputs, the flag of an automatic key on both
 * levels. Pointers that it sets live in the call's arena. false: no memory. */
bool schema_complete(struct milvus_call *call, MilvusSchema *schema);

/* In the call's arena, borrowing the schema's texts. NULL, or why not. */
MilvusStatus *schema_to_engine(struct milvus_call *call, const MilvusSchema *schema,
                               int64_t partitions, struct kith_schema *out);
MilvusStatus *field_to_engine(struct milvus_call *call, const MilvusField *field,
                              struct kith_field *out);
/* A schema of the engine as the protocol has it, borrowing its texts. KITH_ENOMEM. */
KITH_NODISCARD int schema_from_engine(struct arena *arena, const struct kith_schema *from,
                                      MilvusSchema *out);

/* The engine's type of a field: its number, but VarChar for Text. */
enum kith_type field_engine_type(const MilvusField *field);
bool field_is_vector(const MilvusField *field);
const MilvusField *schema_partition_key(const MilvusSchema *schema); /* NULL: none */
/* The BM25 function that fills the field; NULL: none does. */
const Milvus__Proto__Schema__FunctionSchema *schema_bm25_of(const MilvusSchema *schema,
                                                            const char *field);
const char *field_type_name(const MilvusField *field); /* "FloatVector" */

/* "L2", "cosine" -> KITH_L2, KITH_COSINE; KITH_METRIC_DEFAULT: none of the engine's. */
enum kith_metric metric_of_name(const char *name);
const char *metric_to_name(enum kith_metric metric); /* "" for the default */

#endif
