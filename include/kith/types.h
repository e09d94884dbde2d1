/*
 * What a collection is made of: types, metrics, fields, schemas, columns, batches, keys. Included
 * by kith.h, whose conventions hold here too.
 */
#ifndef KITH_TYPES_H
#define KITH_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Numbers are those of the Milvus protocol, so that no door has to translate. */
enum kith_type {
    KITH_BOOL = 1,
    KITH_INT8 = 2,
    KITH_INT16 = 3,
    KITH_INT32 = 4,
    KITH_INT64 = 5,
    KITH_FLOAT = 10,
    KITH_DOUBLE = 11,
    KITH_VARCHAR = 21,
    KITH_ARRAY = 22,
    KITH_JSON = 23,
    KITH_GEOMETRY = 24,    /* WKT text in and out */
    KITH_TEXT = 25,        /* reserved */
    KITH_TIMESTAMPTZ = 26, /* int64: microseconds since 1970-01-01T00:00:00Z */
    KITH_BINARY_VECTOR = 100,
    KITH_FLOAT_VECTOR = 101,
    KITH_FLOAT16_VECTOR = 102,
    KITH_BFLOAT16_VECTOR = 103,
    KITH_SPARSE_VECTOR = 104,
    KITH_INT8_VECTOR = 105
};

enum kith_metric {
    KITH_METRIC_DEFAULT = 0, /* L2 for dense, IP for sparse, Hamming for binary vectors */
    KITH_L2 = 1,
    KITH_IP = 2,
    KITH_COSINE = 3,
    KITH_HAMMING = 4,
    KITH_JACCARD = 5,
    KITH_BM25 = 6 /* output fields of a BM25 function: the negated score */
};

enum kith_duplicate { /* what an insert of an existing primary key does */
    KITH_DUPLICATE_DEFAULT = 0, /* error */
    KITH_DUPLICATE_ERROR = 1,   /* refuse the whole batch: KITH_EEXISTS */
    KITH_DUPLICATE_IGNORE = 2,  /* the first wins; reported in the count */
    KITH_DUPLICATE_REPLACE = 3, /* becomes an upsert */
    KITH_DUPLICATE_ALLOW = 4    /* both rows exist; get returns the newest, delete removes all */
};

enum kith_sync { /* what an acknowledgement promises */
    KITH_SYNC_DEFAULT = 0,  /* always */
    KITH_SYNC_ALWAYS = 1,   /* fsync before the reply */
    KITH_SYNC_EVERYSEC = 2, /* written before the reply, fsync within a second */
    KITH_SYNC_NO = 3        /* written before the reply; the system syncs when it likes */
};

struct kith_str { /* borrowed bytes; need not end in NUL */
    const char *data;
    size_t len;
};

enum kith_field_flag {
    KITH_FIELD_PRIMARY = 1,       /* exactly one: INT64 or VARCHAR */
    KITH_FIELD_AUTO_ID = 2,       /* with PRIMARY: the engine makes the key */
    KITH_FIELD_NULLABLE = 4,      /* not the primary key */
    KITH_FIELD_PARTITION_KEY = 8, /* at most one: INT64 or VARCHAR */
    KITH_FIELD_DYNAMIC = 16       /* out only: the hidden JSON field "$meta" */
};

struct kith_value { /* one scalar; for defaults and keys */
    /* BOOL, INT8..INT64 (in i), FLOAT/DOUBLE (in d), VARCHAR/JSON (in s); 0: none */
    enum kith_type type;
    int64_t i;           /* BOOL: 0 or 1 */
    double d;
    struct kith_str s;
};

struct kith_field {
    size_t size;
    const char *name; /* 1..255 bytes of UTF-8, no control characters */
    enum kith_type type;
    unsigned flags;        /* enum kith_field_flag */
    /* vectors but sparse: 1..65,536 (bits of binary: multiple of 8, to 262,144) */
    uint32_t dim;
    uint32_t max_length;   /* VARCHAR: bytes, 1..65,535; 0 means 65,535 */
    uint32_t max_capacity; /* ARRAY: 1..4,096 */
    enum kith_type element_type;  /* ARRAY: BOOL, INT*, FLOAT, DOUBLE, VARCHAR */
    enum kith_metric metric;      /* vectors; 0: an index may set it */
    struct kith_value default_value; /* type 0: none */
    /* VARCHAR: the analyzer, as JSON text ({"type": "english"}); "{}" is the standard one; NULL:
     * the field has none. Needed by text_match, phrase_match and BM25. */
    const char *analyzer;
    bool enable_match; /* VARCHAR with an analyzer: text_match and phrase_match are allowed */
};
#define KITH_FIELD_INIT { .size = sizeof(struct kith_field) }

enum kith_function_kind { /* numbers of the Milvus protocol */
    KITH_FUNCTION_BM25 = 1 /* VARCHAR with an analyzer -> SPARSE_VECTOR, which no batch carries */
};
struct kith_function { /* a field that the engine fills from another */
    size_t size;
    const char *name; /* unique in the collection */
    enum kith_function_kind kind;
    const char *input; /* fields of the schema */
    const char *output;
};
#define KITH_FUNCTION_INIT { .size = sizeof(struct kith_function) }

struct kith_schema {
    size_t size;
    const struct kith_field *fields;
    size_t field_count;
    const char *description; /* nullable */
    bool dynamic;            /* rows may carry other keys, in the JSON field "$meta" */
    enum kith_duplicate on_duplicate;
    uint32_t key_partitions; /* with a partition key: 1..1,024, 0 means 16 */
    const struct kith_function *functions;
    size_t function_count;
};
#define KITH_SCHEMA_INIT { .size = sizeof(struct kith_schema) }

/*
 * One column of a batch or a result. `data` by type, with `rows` elements:
 *   BOOL uint8_t (0/1) · INT8..INT64 · FLOAT float · DOUBLE double · VARCHAR,
 *   JSON struct kith_str ·
 *   FLOAT_VECTOR float[dim] · FLOAT16/BFLOAT16 uint16_t[dim] · INT8_VECTOR int8_t[dim] ·
 *   BINARY_VECTOR uint8_t[dim / 8] ·
 *   ARRAY struct kith_str, packed little-endian elements (VARCHAR elements: u32 length + bytes
 *   each) ·
 *   SPARSE_VECTOR struct kith_str, (u32 index, f32 value) pairs, indices strictly ascending.
 * Alignment: natural for the type.
 */
struct kith_column {
    const char *field;
    enum kith_type type;  /* in batches 0 means: as the schema says */
    uint32_t dim;         /* in batches 0 means: as the schema says */
    const void *data;
    const uint8_t *valid; /* one byte a row, 0 = null; NULL: all valid */
    bool compact;         /* with valid: data holds only the valid rows, in order */
};

struct kith_batch {
    size_t size;
    size_t rows;
    const struct kith_column *columns;
    size_t column_count;
    const char *partition; /* NULL: "_default"; must be NULL with a partition key */
    /* kith_insert with automatic keys: a key column that is given is kept instead of refused. No
     * key is made that was made before, but one that was given may come again. */
    bool keep_keys;
};
#define KITH_BATCH_INIT { .size = sizeof(struct kith_batch) }

/* Primary keys: exactly one of the two arrays. */
struct kith_keys {
    size_t count;
    const int64_t *ints;
    const struct kith_str *strings;
};

#ifdef __cplusplus
}
#endif
#endif
