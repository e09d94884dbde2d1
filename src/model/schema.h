/*
 * The schema of a collection: owned, validated, encoded. Field order is the caller's; a dynamic
 * schema has one more field, "$meta" (JSON, KITH_FIELD_DYNAMIC), after those it was created with.
 * Fields that are added later come behind all of these, so that numbers never change. Immutable
 * once made, so it is shared between threads without a lock.
 */
#ifndef KITH_MODEL_SCHEMA_H
#define KITH_MODEL_SCHEMA_H

#include <kith/kith.h>

#include "base/buffer.h"
#include "base/error.h"

#define SCHEMA_META_FIELD "$meta"

struct schema_field {
    char *name; /* owns */
    enum kith_type type;
    unsigned flags; /* enum kith_field_flag */
    uint32_t dim;
    uint32_t max_length;
    uint32_t max_capacity;
    enum kith_type element_type;
    enum kith_metric metric;         /* resolved: never DEFAULT for vectors */
    bool metric_open; /* nobody named it: an index may, and so change it */
    struct kith_value default_value; /* s.data owned */
    size_t width; /* bytes a row of a fixed-width type; 0: variable (VARCHAR JSON ARRAY SPARSE) */
    char *analyzer;    /* owns: a JSON object as text; NULL: none */
    bool enable_match;
    /* Output of a BM25 function: nothing is stored in it, SIZE_MAX: no; else the input field. */
    size_t bm25_of;
    /* It was dropped: it keeps its number and type, which older files and log records have, and
     * nothing else. No name finds it, nobody is shown it, and nothing is stored in it any more. */
    bool dropped;
};

struct schema_function {
    char *name; /* owns */
    enum kith_function_kind kind;
    size_t input, output; /* field numbers */
};

struct schema {
    struct schema_field *fields; /* owns */
    size_t field_count;
    size_t primary; /* field numbers */
    size_t meta;    /* SIZE_MAX: not dynamic */
    size_t partition_key; /* SIZE_MAX: none */
    char *description; /* owns */
    enum kith_duplicate on_duplicate; /* resolved */
    uint32_t key_partitions;
    struct schema_function *functions; /* owns */
    size_t function_count;
};

/* Validates and copies. KITH_EINVAL with the field's name and the rule that it breaks; KITH_ELIMIT:
 * too many fields, vector fields or partitions, or too long a description; KITH_EUNSUPPORTED: a
 * reserved type. "$meta" as schema_to_public shows it may stand last in a dynamic schema. */
KITH_NODISCARD int schema_from_public(const struct kith_schema *given, struct schema *out,
                                      struct kith_error *err);
void schema_release(struct schema *schema); /* accepts a zeroed struct */
void schema_encode(const struct schema *schema, struct buffer *out);
/* Untrusted bytes; validates as schema_from_public does. KITH_ECORRUPT when they break a rule,
 * KITH_EVERSION when they are of another version. Bytes after the schema are left in the cursor. */
KITH_NODISCARD int schema_decode(struct cursor *cur, struct schema *out, struct kith_error *err);
/* Wherever the hidden field stands: what somebody who knows the names would call the same. */
bool schema_equal(const struct schema *a, const struct schema *b);
/* Whether `wider` is `schema`, or `schema` with fields added or dropped, or with metrics that were
 * open. */
bool schema_extends(const struct schema *wider, const struct schema *schema);
/* A copy with one more field, its last. KITH_EEXISTS: there is one of this name; KITH_EINVAL: rows
 * that lack it would have no value, or it is a key; else as schema_from_public. */
KITH_NODISCARD int schema_add_field(const struct schema *schema, const struct kith_field *field,
                                    struct schema *out, struct kith_error *err);
/* A copy in which this field is dropped. KITH_EINVAL: a key, the hidden field, or one that a
 * function reads or fills. */
KITH_NODISCARD int schema_drop_field(const struct schema *schema, size_t field, struct schema *out,
                                     struct kith_error *err);
/* A copy in which a vector field whose metric is open has this one. KITH_EINVAL: it has its own. */
KITH_NODISCARD int schema_set_metric(const struct schema *schema, size_t field,
                                     enum kith_metric metric, struct schema *out,
                                     struct kith_error *err);
/* Rows that were written without this field have a value: null or its default. */
bool schema_field_fillable(const struct schema_field *field);
/* A copy in the public form; free with schema_public_release. */
KITH_NODISCARD int schema_to_public(const struct schema *schema, struct kith_schema *out);
/* The same with the fields that were dropped, so that numbers stay. */
KITH_NODISCARD int schema_to_public_whole(const struct schema *schema, struct kith_schema *out);
void schema_public_release(struct kith_schema *schema);

/* SIZE_MAX when there is none, or none any more. */
size_t schema_find(const struct schema *schema, const char *name, size_t len);
static inline const struct schema_field *schema_primary(const struct schema *schema)
{
    return &schema->fields[schema->primary];
}

/* false: dropped, or the output of a function: batches and segments from now on hold nothing of
 * it. */
static inline bool schema_field_stored(const struct schema_field *field)
{
    return !field->dropped && field->metric != KITH_BM25;
}

bool type_is_vector(enum kith_type type);
bool type_is_fixed(enum kith_type type);    /* fixed width a row, given the dim */
size_t type_width(enum kith_type type, uint32_t dim); /* bytes a row; 0: variable */
const char *type_name(enum kith_type type); /* "Int64", "FloatVector" */
const char *metric_name(enum kith_metric metric); /* "L2", "COSINE" */
bool name_valid(const char *name); /* 1..255 bytes of UTF-8, no control characters */

#endif
