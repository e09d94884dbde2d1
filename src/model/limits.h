/*
 * Every maximum in one place. Each has a test at it and one past it.
 */
#ifndef KITH_MODEL_LIMITS_H
#define KITH_MODEL_LIMITS_H

#define LIMIT_NAME_BYTES 255          /* databases, collections, partitions, aliases, fields */
#define LIMIT_FIELDS 1024             /* fields of a schema */
#define LIMIT_VECTOR_FIELDS 10
#define LIMIT_DIM 65536               /* dense vectors */
#define LIMIT_DIM_BITS 262144         /* binary vectors, bits; a multiple of 8 */
#define LIMIT_VARCHAR_BYTES 65535     /* of a value */
#define LIMIT_JSON_BYTES 65536        /* of a value */
#define LIMIT_GEOMETRY_BYTES 65535    /* of a value, as text */
#define LIMIT_ANALYZER_BYTES 65536    /* of a field's analyzer, as JSON text */
#define LIMIT_INDEXES 256             /* in the catalog of a collection */
#define LIMIT_INDEX_KIND_BYTES 31
#define LIMIT_INDEX_NAME_BYTES 1023   /* a field's name and a path below it */
#define LIMIT_INDEX_PARAMS_BYTES 4096 /* as JSON text */
#define LIMIT_INDEX_NUMBER 1048575    /* of files: indexes that a collection may ever have had */
#define LIMIT_FUNCTIONS 10            /* each fills a vector field of its own */
#define LIMIT_ARRAY_ELEMENTS 4096
#define LIMIT_SPARSE_ENTRIES 65536    /* of one sparse vector */
#define LIMIT_PARTITIONS 1024
#define LIMIT_DATABASES 64
#define LIMIT_COLLECTIONS 65536
#define LIMIT_BATCH_ROWS 1000000
#define LIMIT_SEARCH_K 16384          /* offset + k */
#define LIMIT_SEARCH_QUERIES 16384
#define LIMIT_FILTER_BYTES 65536
#define LIMIT_FILTER_DEPTH 128
#define LIMIT_FILTER_NODES 16384
#define LIMIT_SEGMENT_ROWS 16777216   /* 16 M: the compaction cap */
#define LIMIT_SEGMENTS 64             /* sealed segments a collection before inserts wait */
#define LIMIT_META_KEY_BYTES 1000     /* of the application's metadata */
#define LIMIT_META_VALUE_BYTES 1048576
#define LIMIT_METRIC_SERIES 16384
#define LIMIT_TEXT_BYTES 4096         /* descriptions */

#endif
