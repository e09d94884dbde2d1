/*
 * libkith: collections of typed rows with vectors, in files, inside your process.
 *
 * Conventions, everywhere below:
 *  - A function returns 0 (KITH_OK) or a negative enum kith_status. Results come through out
 *    parameters, untouched on error. `err` is always last and may be NULL.
 *  - Option structs start with `size`: set it to sizeof the struct you compiled with (the
 *    KITH_..._INIT macros do); fields that your version does not know are taken as zero. Zero is
 *    the default.
 *  - Handles are opaque and thread-safe: any thread may call, any number may search beside writers.
 *  - Memory you pass in is borrowed for the call only. What comes out is owned by you and released
 *    by the matching ..._free.
 *  - `call` (nullable) carries a deadline and a cancel token; it is honoured at bounded intervals.
 *  - Metrics are distances, smaller is better: squared L2; negated inner product; 1 - cosine (1.0
 *    when either vector is zero); Hamming count; 1 - Jaccard. Ties are ordered by primary key;
 *    which of the rows as near as the k-th come is decided by key in exact scans, and is whichever
 *    it met first in a graph.
 *  - `database` names a name space inside the files; NULL means "default".
 *  - A write is acknowledged when it is as durable as the `sync` policy says and visible to every
 *    later read: nobody reads what a crash takes back.
 */
#ifndef KITH_H
#define KITH_H

#include <stddef.h>
#include <stdint.h>

#include <kith/status.h>
#include <kith/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define KITH_API __attribute__((visibility("default")))
#define KITH_MUST_CHECK __attribute__((warn_unused_result))
#else
#define KITH_API
#define KITH_MUST_CHECK
#endif

#define KITH_VERSION_TEXT "0.1.0"

struct kith_db;
struct kith_collection;
struct kith_cancel;
struct kith_iterator;
struct kith_ann;

/* ------------------------------------------------------------------ calls */

struct kith_call {
    size_t size;
    uint32_t timeout_ms; /* 0: none */
    const struct kith_cancel *cancel;
};

KITH_API KITH_MUST_CHECK int kith_cancel_new(struct kith_cancel **out);
/* from any thread, also a signal handler */
KITH_API void kith_cancel_fire(struct kith_cancel *cancel);
KITH_API void kith_cancel_free(struct kith_cancel *cancel);

/* --------------------------------------------------------------- database */

struct kith_open_opts {
    size_t size;
    bool read_only;         /* beside one writing process, or alone */
    bool must_exist;        /* do not create */
    enum kith_sync sync;
    uint32_t threads;       /* search and background threads each; 0: CPUs; see no_threads */
    bool no_threads;        /* start none: writers do due background work in bounded steps */
    uint64_t memory_bytes;  /* budget of this database; 0: half of the machine's memory */
    bool no_pin;            /* do not copy hot sections into memory; serve from mapped files */
    uint64_t seal_rows;     /* a growing segment is sealed at this; 0: 65,536 */
    uint64_t seal_bytes;    /* ... or at this; 0: 256 MiB */
    /* level 0 error, 1 warning, 2 info; called with locks held, so it must not call Kith */
    void (*log)(void *ctx, int level, const char *text);
    void *log_ctx;
};
#define KITH_OPEN_OPTS_INIT { .size = sizeof(struct kith_open_opts) }

/* Opens or creates the directory `path`. KITH_ELOCKED when another process writes to it.
 * Costs milliseconds at any size: maps, verifies the manifest, replays a bounded log tail. */
KITH_API KITH_MUST_CHECK int kith_open(const char *path, const struct kith_open_opts *opts,
                                       struct kith_db **out, struct kith_error *err);
/* Waits for running background work; never loses an acknowledged write. NULL is a no-op. Collection
 * handles stay valid to release but answer KITH_ECLOSED. */
KITH_API void kith_close(struct kith_db *db);

KITH_API KITH_MUST_CHECK int kith_database_create(struct kith_db *db, const char *database,
                                                  struct kith_error *err);
KITH_API KITH_MUST_CHECK int kith_database_drop(struct kith_db *db, const char *database,
                                                struct kith_error *err); /* must be empty */
struct kith_names {
    size_t count;
    char **names; /* sorted */
};
KITH_API KITH_MUST_CHECK int kith_database_list(struct kith_db *db, struct kith_names *out,
                                                struct kith_error *err);
KITH_API void kith_names_free(struct kith_names *names); /* frees the content */

/* Makes everything up to now part of the files and trims the log. Never needed for durability. */
KITH_API KITH_MUST_CHECK int kith_checkpoint(struct kith_db *db, const struct kith_call *call,
                                             struct kith_error *err);
/* A consistent copy of the whole database in the new directory `path`; opens as a database. */
KITH_API KITH_MUST_CHECK int kith_snapshot(struct kith_db *db, const char *path,
                                           const struct kith_call *call, struct kith_error *err);

/* ------------------------------------------------------------ collections */

KITH_API KITH_MUST_CHECK int kith_collection_create(struct kith_db *db, const char *database,
                                                    const char *name,
                                                    const struct kith_schema *schema,
                                                    struct kith_error *err);
/* Name or alias. The handle counts as a use: it stays readable after a rename, and answers
 * KITH_ECLOSED after a drop. */
KITH_API KITH_MUST_CHECK int kith_collection_open(struct kith_db *db, const char *database,
                                                  const char *name, struct kith_collection **out,
                                                  struct kith_error *err);
/* Opens it, or creates it with the schema first. KITH_EEXISTS when it is there with another
 * schema. */
KITH_API KITH_MUST_CHECK int kith_collection_get_or_create(struct kith_db *db, const char *database,
                                                           const char *name,
                                                           const struct kith_schema *schema,
                                                           struct kith_collection **out,
                                                           struct kith_error *err);
KITH_API void kith_collection_release(struct kith_collection *collection); /* NULL is a no-op */
KITH_API KITH_MUST_CHECK int kith_collection_list(struct kith_db *db, const char *database,
                                                  struct kith_names *out, struct kith_error *err);
KITH_API KITH_MUST_CHECK int kith_collection_rename(struct kith_db *db, const char *database,
                                                    const char *name, const char *new_name,
                                                    struct kith_error *err);
KITH_API KITH_MUST_CHECK int kith_collection_drop(struct kith_db *db, const char *database,
                                                  const char *name, struct kith_error *err);

struct kith_index_params {
    size_t size;
    /* Vectors: "FLAT", "HNSW", or NULL for AUTO: HNSW where it pays. Sparse vectors and BM25:
     * "SPARSE_INVERTED_INDEX". Scalars: "STL_SORT", "INVERTED", "BITMAP", "TRIE", "NGRAM",
     * "RTREE", or NULL for AUTO, which chooses by type and number of distinct values. */
    const char *kind;
    enum kith_metric metric;  /* 0: the field's */
    /* HNSW: 2..512 links a node on upper layers, 2M at the bottom; 0: adaptive */
    uint32_t m;
    uint32_t ef_construction; /* HNSW: 0: adaptive */
    const char *name; /* NULL: the field's name; below a JSON path, field name + path */
    /* Other parameters as a JSON object, nullable: json_path, json_cast_type (bool, double,
     * varchar, array_bool, array_double, array_varchar); min_gram, max_gram; of BM25's output
     * field bm25_k1 (0 to 3; 1.2) and bm25_b (0 to 1; 0.75), at once and without a build. */
    const char *params;
};
#define KITH_INDEX_PARAMS_INIT { .size = sizeof(struct kith_index_params) }

struct kith_index_info {
    char *field;
    char *kind;
    enum kith_metric metric;
    uint32_t m; /* 0: adaptive */
    uint32_t ef_construction;
    uint64_t indexed_rows; /* rows in segments that have this index built */
    uint64_t total_rows;
    char *name;
    char *params; /* as given, or NULL */
};

struct kith_collection_info {
    char *name;
    char *database;
    char *description;
    struct kith_schema schema; /* fields owned by this struct */
    char **partitions;
    size_t partition_count;
    char **aliases;
    size_t alias_count;
    struct kith_index_info *indexes;
    size_t index_count;
    uint64_t rows; /* live */
    uint64_t id;
    int64_t created_ms;
};
KITH_API KITH_MUST_CHECK int kith_collection_describe(struct kith_collection *collection,
                                                      struct kith_collection_info **out,
                                                      struct kith_error *err);
KITH_API void kith_collection_info_free(struct kith_collection_info *info);

KITH_API KITH_MUST_CHECK int kith_partition_create(struct kith_collection *collection,
                                                   const char *partition, struct kith_error *err);
/* With its rows, at one instant. Not "_default", and none of a partition key. */
KITH_API KITH_MUST_CHECK int kith_partition_drop(struct kith_collection *collection,
                                                 const char *partition, struct kith_error *err);
KITH_API KITH_MUST_CHECK int kith_alias_set(struct kith_db *db, const char *database,
                                            const char *alias, const char *name,
                                            struct kith_error *err); /* creates or moves */
KITH_API KITH_MUST_CHECK int kith_alias_drop(struct kith_db *db, const char *database,
                                             const char *alias, struct kith_error *err);

/* Adds a field to a collection that has rows: it is nullable or has a default value, which rows
 * written before show. Not a key, not auto id; a vector field has to be nullable. */
KITH_API KITH_MUST_CHECK int kith_field_add(struct kith_collection *collection,
                                            const struct kith_field *field,
                                            struct kith_error *err);
/* The field is gone for every read and write that begins after; its indexes go with it. Files keep
 * its values until compaction writes them anew. Its name may be given to another field, which is a
 * new one; of its number nothing is used again, and fields that were ever there count towards the
 * limit of a schema. KITH_EINVAL: a key, the dynamic field, or one that a function reads or fills;
 * KITH_ENOTFOUND. */
KITH_API KITH_MUST_CHECK int kith_field_drop(struct kith_collection *collection, const char *field,
                                             struct kith_error *err);
/* Removes all rows and keeps schema, partitions, indexes and aliases. */
KITH_API KITH_MUST_CHECK int kith_collection_truncate(struct kith_collection *collection,
                                                      const struct kith_call *call,
                                                      struct kith_error *err);
/* Rows older than this many seconds are gone for every read; compaction removes them. 0: never. */
KITH_API KITH_MUST_CHECK int kith_collection_set_ttl(struct kith_collection *collection,
                                                     uint64_t seconds, struct kith_error *err);
/* As kith_collection_rename, also into another database. */
KITH_API KITH_MUST_CHECK int kith_collection_move(struct kith_db *db, const char *database,
                                                  const char *name, const char *new_database,
                                                  const char *new_name, struct kith_error *err);

/* ------------------------------------- names and values of the application */

/* Small things that belong with the data: settings, users, what a program knows of a collection.
 * In the same files, in snapshots too. Keys of 1..1,000 bytes of UTF-8, values to 1 MiB. */
struct kith_meta_change {
    const char *key;
    const void *value; /* NULL: remove */
    size_t len;
};
/* All or nothing, durable when it returns. */
KITH_API KITH_MUST_CHECK int kith_meta_write(struct kith_db *db,
                                             const struct kith_meta_change *changes, size_t count,
                                             struct kith_error *err);
/* *value is owned by the caller, kith_meta_free; KITH_ENOTFOUND. */
KITH_API KITH_MUST_CHECK int kith_meta_get(struct kith_db *db, const char *key, void **value,
                                           size_t *len, struct kith_error *err);
KITH_API void kith_meta_free(void *value);
/* Keys that begin with prefix, sorted. */
KITH_API KITH_MUST_CHECK int kith_meta_list(struct kith_db *db, const char *prefix,
                                            struct kith_names *out, struct kith_error *err);

/* ----------------------------------------------------------------- writes */

struct kith_written {
    uint64_t inserted; /* rows written */
    uint64_t ignored;  /* KITH_DUPLICATE_IGNORE: rows that were there already */
    uint64_t deleted;  /* rows that an upsert or a delete removed */
    uint64_t timestamp; /* commit timestamp: (unix_ms << 18) | n */
    int64_t *int_ids;   /* auto id: `inserted` keys, in order; owned, see kith_written_free */
    struct kith_str *str_ids; /* likewise, of a VARCHAR key: decimal numbers; texts in one block */
};
/* frees the content; zeroed is fine */
KITH_API void kith_written_free(struct kith_written *written);

/* All or nothing in one log record. `out` is nullable. */
KITH_API KITH_MUST_CHECK int kith_insert(struct kith_collection *collection,
                                         const struct kith_batch *batch,
                                         const struct kith_call *call, struct kith_written *out,
                                         struct kith_error *err);
/* Delete and insert with one timestamp, visible at once. With automatic keys the key column is
 * given (it names the rows to replace, each once) and the rows get new keys. */
KITH_API KITH_MUST_CHECK int kith_upsert(struct kith_collection *collection,
                                         const struct kith_batch *batch,
                                         const struct kith_call *call, struct kith_written *out,
                                         struct kith_error *err);
/* Missing keys are skipped; out->deleted counts. */
KITH_API KITH_MUST_CHECK int kith_delete(struct kith_collection *collection,
                                         const struct kith_keys *keys, const struct kith_call *call,
                                         struct kith_written *out, struct kith_error *err);
KITH_API KITH_MUST_CHECK int kith_delete_where(struct kith_collection *collection,
                                               const char *filter, const struct kith_call *call,
                                               struct kith_written *out, struct kith_error *err);
struct kith_query_opts;
/* The same with templates and partitions: filter, filter_params and partitions of opts are read. */
KITH_API KITH_MUST_CHECK int kith_delete_matching(struct kith_collection *collection,
                                                  const struct kith_query_opts *opts,
                                                  const struct kith_call *call,
                                                  struct kith_written *out,
                                                  struct kith_error *err);

/* ------------------------------------------------------------------ reads */

struct kith_search_stats {
    uint64_t segments;
    uint64_t nodes_visited;      /* graph nodes expanded */
    uint64_t distances;          /* of navigation codes and exact ones */
    uint64_t exact_distances;
    uint64_t filter_rows;        /* rows the filter was evaluated on */
    uint64_t matched_rows;       /* rows that pass it */
};

/*
 * Rows that a read returned. columns[0] is the primary key. For a search, query q has rows
 * [offsets[q], offsets[q + 1]) in ascending distance; for get and query there is one "query".
 */
struct kith_result {
    size_t query_count;
    const size_t *offsets; /* query_count + 1 */
    size_t rows;
    const float *distances; /* searches only, else NULL */
    const uint8_t *found;   /* kith_get only: one byte per key asked; rows are in the order asked */
    const struct kith_column *columns;
    size_t column_count;
    bool complete; /* false: a damaged segment or a limit kept rows out */
    struct kith_search_stats stats;
    const char *explain; /* JSON text when asked for, else NULL: docs/explain.md */
};
KITH_API void kith_result_free(struct kith_result *result); /* NULL is a no-op */

/* Output fields: names, "*" for all scalar fields, or any dynamic key ("$meta" whole). count 0:
 * only the primary key. */
struct kith_output {
    const char *const *fields;
    size_t count;
};

KITH_API KITH_MUST_CHECK int kith_get(struct kith_collection *collection,
                                      const struct kith_keys *keys,
                                      const struct kith_output *output,
                                      const struct kith_call *call, struct kith_result **out,
                                      struct kith_error *err);

struct kith_query_opts {
    size_t size;
    const char *filter; /* NULL or "": every row */
    const char *const *partitions; /* NULL: all */
    size_t partition_count;
    struct kith_output output;
    uint64_t offset;
    uint64_t limit; /* 0: no limit */
    const char *filter_params; /* values of {name} templates: a JSON object, nullable */
    bool explain;
};
#define KITH_QUERY_OPTS_INIT { .size = sizeof(struct kith_query_opts) }

/* Rows in the order of insertion (an update moves a row to the end); offset and limit count in
 * it. */
KITH_API KITH_MUST_CHECK int kith_query(struct kith_collection *collection,
                                        const struct kith_query_opts *opts,
                                        const struct kith_call *call, struct kith_result **out,
                                        struct kith_error *err);
KITH_API KITH_MUST_CHECK int kith_count(struct kith_collection *collection, const char *filter,
                                        const struct kith_call *call, uint64_t *out,
                                        struct kith_error *err);
/* The same with templates and partitions: filter, filter_params and partitions of opts are read. */
KITH_API KITH_MUST_CHECK int kith_count_matching(struct kith_collection *collection,
                                                 const struct kith_query_opts *opts,
                                                 const struct kith_call *call, uint64_t *out,
                                                 struct kith_error *err);

enum kith_plan { /* how a filtered search goes; the planner chooses unless told */
    KITH_PLAN_AUTO = 0,
    KITH_PLAN_SCAN = 1,      /* exact distances of every row that matches */
    KITH_PLAN_WALK = 2,      /* the graph, returning only rows that match */
    KITH_PLAN_OVERFETCH = 3  /* the graph without the filter, deeper until k rows match */
};

struct kith_search_opts {
    size_t size;
    const char *field;   /* NULL: the only vector field */
    const void *queries; /* query_count vectors in the field's layout (see struct kith_column) */
    size_t query_count;
    /* 0: the field's; FLOAT_VECTOR is converted to f16, bf16 and int8 fields (the latter when it is
     * exact); VARCHAR: struct kith_str texts, for the output field of a BM25 function. */
    enum kith_type query_type;
    uint64_t k;
    uint64_t offset; /* skips that many nearest rows; offset + k <= 16,384 */
    uint32_t ef;     /* 0: adaptive */
    bool exact;      /* scan everything, no index */
    const char *filter;
    const char *const *partitions;
    size_t partition_count;
    struct kith_output output;
    bool has_range; /* keep range_inner <= distance < range_outer */
    float range_inner;
    float range_outer;
    const char *filter_params; /* values of {name} templates: a JSON object, nullable */
    float recall;     /* instead of ef: expected share of the true k nearest, below 1; 0: none */
    enum kith_plan plan;
    float drop_ratio; /* sparse: share of the query's smallest weights left out, 0..<1 */
    /* The nearest group_size rows of each value of this scalar field or JSON path (field['key'][0],
     * or a key of the dynamic field), k groups; offset skips groups. Null is a value. The search
     * goes deeper until k groups are open, so one may have fewer rows than exist. Not with a range,
     * not over binary vectors. */
    const char *group_by;
    uint32_t group_size; /* 0 means 1; at most 10 */
    bool strict_group_size; /* look on until every group has group_size rows, where they exist */
    bool explain;
    bool measure; /* with explain: recall against an exact shadow scan */
};
#define KITH_SEARCH_OPTS_INIT { .size = sizeof(struct kith_search_opts) }

/* The k nearest rows of each query, nearest first; always min(k, rows that match). */
KITH_API KITH_MUST_CHECK int kith_search(struct kith_collection *collection,
                                         const struct kith_search_opts *opts,
                                         const struct kith_call *call, struct kith_result **out,
                                         struct kith_error *err);

enum kith_ranker_kind {
    KITH_RANK_RRF = 0,      /* sum of 1 / (k + rank) */
    KITH_RANK_WEIGHTED = 1, /* sum of weight * score */
    KITH_RANK_DECAY = 2,    /* merged score times a decay of the distance of a field to origin */
    KITH_RANK_BOOST = 3     /* scores of rows that match a filter are multiplied by a weight */
};
enum kith_decay { KITH_DECAY_GAUSS = 0, KITH_DECAY_EXP = 1, KITH_DECAY_LINEAR = 2 };
enum kith_score_mode { KITH_SCORE_MAX = 0, KITH_SCORE_SUM = 1, KITH_SCORE_AVG = 2 };
enum kith_combine { KITH_COMBINE_MULTIPLY = 0, KITH_COMBINE_SUM = 1 };

struct kith_boost { /* one rule of a boost ranker */
    const char *filter; /* NULL: every row */
    const char *filter_params;
    double weight;
    bool random;               /* times a random score in [0, 1) of seed and row */
    uint64_t random_seed;
    const char *random_field;  /* INT64: the number that makes a row's score; NULL: the key */
};

/* Formulas: shared with the Milvus rankers of the same names; docs/hybrid.md. */
struct kith_ranker {
    size_t size;
    enum kith_ranker_kind kind;
    double rrf_k;          /* (0, 16,384); 0 means 60 */
    const double *weights; /* WEIGHTED: one a search, [0, 1] */
    size_t weight_count;
    bool normalise;        /* WEIGHTED, DECAY: scores to 0..1 first */
    enum kith_decay decay; /* DECAY from here */
    const char *decay_field; /* a number or TIMESTAMPTZ */
    double origin, scale, decay_offset;
    double decay_value; /* (0, 1); 0 means 0.5 */
    enum kith_score_mode score_mode;
    const struct kith_boost *boosts; /* BOOST from here */
    size_t boost_count;
    enum kith_combine boost_mode;    /* of a rule's weight with the score */
    enum kith_combine function_mode; /* of the rules among each other */
};
#define KITH_RANKER_INIT { .size = sizeof(struct kith_ranker) }

struct kith_hybrid_opts {
    size_t size;
    const struct kith_search_opts *searches; /* 1..1,024, equal query_count; output is not read */
    size_t search_count;
    struct kith_ranker ranker;
    uint64_t k;
    uint64_t offset;
    struct kith_output output;
    const char *group_by; /* over the merged rows */
    uint32_t group_size;
    bool strict_group_size;
    enum kith_score_mode group_scorer;
    bool explain;
};
#define KITH_HYBRID_OPTS_INIT { .size = sizeof(struct kith_hybrid_opts) }

/* Several searches, merged by a ranker, best first, ties by key. `distances` of the result holds
 * final scores: larger is better, except for weighted sums of distances alone (not normalised). */
KITH_API KITH_MUST_CHECK int kith_hybrid_search(struct kith_collection *collection,
                                                const struct kith_hybrid_opts *opts,
                                                const struct kith_call *call,
                                                struct kith_result **out, struct kith_error *err);

/* Walks a search of one query beyond any k: each batch holds the next nearest rows, none twice, as
 * of the instant of opening; kith_iterator_next and _close as below. It ends when every row that
 * matches was given; what a graph finds late comes late. opts->k, offset and explain are not
 * read. */
KITH_API KITH_MUST_CHECK int kith_search_iterator_open(struct kith_collection *collection,
                                                       const struct kith_search_opts *opts,
                                                       size_t batch_rows,
                                                       struct kith_iterator **out,
                                                       struct kith_error *err);

struct kith_token { /* offsets in bytes of the text */
    struct kith_str text;
    uint32_t start, end;
    uint32_t position;
    uint32_t hash; /* crc32 of the first 100 bytes, modulo 2^32 - 1 */
};
struct kith_tokens {
    size_t count;
    struct kith_token *tokens;
};
/* What an analyzer (JSON text as in struct kith_field) makes of a text. */
KITH_API KITH_MUST_CHECK int kith_analyze(const char *analyzer, struct kith_str text,
                                          struct kith_tokens *out, struct kith_error *err);
KITH_API void kith_tokens_free(struct kith_tokens *tokens); /* frees the content */

/* Walks what kith_query would return as of one instant, batch_rows at a time. The instant stays
 * readable while the iterator is open. kith_iterator_next: *out is NULL at the end. */
KITH_API KITH_MUST_CHECK int kith_iterator_open(struct kith_collection *collection,
                                                const struct kith_query_opts *opts,
                                                size_t batch_rows, struct kith_iterator **out,
                                                struct kith_error *err);
KITH_API KITH_MUST_CHECK int kith_iterator_next(struct kith_iterator *iterator,
                                                const struct kith_call *call,
                                                struct kith_result **out, struct kith_error *err);
KITH_API void kith_iterator_close(struct kith_iterator *iterator);

/* ---------------------------------------------------- indexes, maintenance */

/* Registers the index and builds it in the background; kith_flush waits for it. */
KITH_API KITH_MUST_CHECK int kith_index_create(struct kith_collection *collection,
                                               const char *field,
                                               const struct kith_index_params *params,
                                               struct kith_error *err);
/* By its name, or by the field's name when that field has one index. */
KITH_API KITH_MUST_CHECK int kith_index_drop(struct kith_collection *collection, const char *name,
                                             struct kith_error *err);

/* Seals the growing segment, builds due indexes and waits until both are in the files. Beside
 * running writers it waits for the rows written before; indexes follow in the background. */
KITH_API KITH_MUST_CHECK int kith_flush(struct kith_collection *collection,
                                        const struct kith_call *call, struct kith_error *err);
/* Merges all segments into one, without dead rows, and indexes it; waits. */
KITH_API KITH_MUST_CHECK int kith_compact(struct kith_collection *collection,
                                          const struct kith_call *call, struct kith_error *err);

struct kith_stats {
    size_t size;
    uint64_t rows;            /* live */
    uint64_t deleted_rows;    /* dead, not yet compacted */
    uint64_t growing_rows;
    uint64_t sealed_segments;
    uint64_t indexed_segments;
    uint64_t damaged_segments; /* quarantined */
    uint64_t disk_bytes;       /* segment, index and tombstone files */
    uint64_t log_bytes;
    uint64_t growing_bytes; /* anonymous memory */
    uint64_t hot_bytes;     /* anonymous copies of hot sections */
    int64_t updated_ms;
};
KITH_API KITH_MUST_CHECK int kith_collection_stats(struct kith_collection *collection,
                                                   struct kith_stats *out, struct kith_error *err);

/* -------------------------------------------------------- checking a database */

struct kith_check_report {
    uint64_t files;
    uint64_t bytes;
    uint64_t problems;
};
/* Verifies every checksum and invariant under `path` without opening it for writing. `problem` is
 * called with file, byte offset and text for each finding. 0 also when problems were found. */
KITH_API KITH_MUST_CHECK int kith_check(const char *path,
                                        void (*problem)(void *ctx, const char *file,
                                                        uint64_t offset, const char *text),
                                        void *ctx, struct kith_check_report *out,
                                        struct kith_error *err);

/* -------------------------------------------------- a bare index, no database */

struct kith_ann_params {
    size_t size;
    const char *kind; /* "FLAT" or "HNSW" */
    enum kith_type type; /* FLOAT_VECTOR (default), FLOAT16_, BFLOAT16_, INT8_, BINARY_VECTOR */
    enum kith_metric metric;
    uint32_t dim;
    uint32_t m;
    uint32_t ef_construction;
    uint32_t threads; /* of the build; the result does not depend on it. 0: 1 */
    void (*progress)(void *ctx, uint64_t done, uint64_t total); /* nullable */
    void *progress_ctx;
};
#define KITH_ANN_PARAMS_INIT { .size = sizeof(struct kith_ann_params) }

/* Builds over n vectors (borrowed until kith_ann_free, and not changed). Ids are 0..n-1. */
KITH_API KITH_MUST_CHECK int kith_ann_build(const struct kith_ann_params *params,
                                            const void *vectors, size_t n, struct kith_ann **out,
                                            struct kith_error *err);
/* ids and distances have room for k each; *found says how many were written. stats is nullable. */
KITH_API KITH_MUST_CHECK int kith_ann_search(const struct kith_ann *ann, const void *query,
                                             size_t k, uint32_t ef, uint32_t *ids, float *distances,
                                             size_t *found, struct kith_search_stats *stats,
                                             struct kith_error *err);
KITH_API uint64_t kith_ann_bytes(const struct kith_ann *ann); /* index without the raw vectors */
/* One checksummed file that holds index and vectors; opened by mapping, without a load step. */
KITH_API KITH_MUST_CHECK int kith_ann_save(const struct kith_ann *ann, const char *path,
                                           struct kith_error *err);
KITH_API KITH_MUST_CHECK int kith_ann_open(const char *path, bool pin, struct kith_ann **out,
                                           struct kith_error *err);
KITH_API void kith_ann_free(struct kith_ann *ann);

/* ------------------------------------------------------------------ others */

KITH_API const char *kith_version(void);
/* Space-separated: instruction set in use, optional parts of this build. */
KITH_API const char *kith_features(void);
/* The name of a status in words. */
KITH_API const char *kith_status_text(int status);

#ifdef __cplusplus
}
#endif
#endif
