/*
 * The manifest of one collection: catalog entry and list of files in one value of the journal, so
 * that any change of either is one atomic, synced transaction. Format in docs/formats/manifest.md.
 *
 * checkpoint_ts: every insert and delete up to it is in the files named here, none after it; replay
 * of the log starts behind it.
 */
#ifndef KITH_STORAGE_MANIFEST_H
#define KITH_STORAGE_MANIFEST_H

#include "base/buffer.h"
#include "model/limits.h"
#include "model/schema.h"
#include "storage/file_name.h"

#define MANIFEST_KIND_BYTES (LIMIT_INDEX_KIND_BYTES + 1)

/*
 * Numbers of indexes, which are the `part` of their files' names. Below LIMIT_FIELDS: the index
 * that field of that number has of itself (a vector's graph, the words of a text), whether the
 * catalog names it or not. From LIMIT_FIELDS on: one that somebody created, never given twice.
 */
struct manifest_index { /* of a collection: what the user asked for */
    uint32_t number;
    uint32_t field;
    char kind[MANIFEST_KIND_BYTES]; /* "HNSW", "FLAT", "AUTO", "STL_SORT", ... */
    uint32_t metric;
    uint32_t m;
    uint32_t ef_construction;
    char *name;   /* owns; unique in the collection */
    char *params; /* owns: JSON text as given; "": none */
};

struct manifest_file { /* an index file of a segment */
    uint32_t number;
    uint32_t field;
    char kind[MANIFEST_KIND_BYTES]; /* what was built; never AUTO */
};

struct manifest_segment {
    uint64_t id;
    uint64_t rows;
    uint64_t dead_file; /* number of the .del file; 0: none */
    struct manifest_file *indexes; /* owns */
    uint32_t index_count;
};

struct manifest_partition {
    uint32_t id;
    char *name; /* owns */
};

struct manifest {
    uint64_t id;
    char *database; /* owns */
    char *name;     /* owns */
    int64_t created_ms;
    uint64_t checkpoint_ts;
    uint64_t ttl_s; /* rows older than so many seconds are gone; 0: never */
    struct schema schema;
    struct manifest_partition *partitions; /* owns */
    uint32_t partition_count;
    uint32_t next_partition;
    struct manifest_index *indexes; /* owns */
    uint32_t index_count;
    uint32_t next_index; /* number of the next that somebody creates; 0: the first */
    struct manifest_segment *segments; /* owns; in order of insertion */
    uint32_t segment_count;
};

void manifest_release(struct manifest *manifest); /* accepts a zeroed struct */
void manifest_encode(const struct manifest *manifest, struct buffer *out);
/* Untrusted bytes. KITH_ECORRUPT with the offset, KITH_EVERSION. */
KITH_NODISCARD int manifest_decode(const void *data, size_t len, struct manifest *out,
                                   struct kith_error *err);
/* Adds a copy with the next number, or with the number of the field when `own`. KITH_ENOMEM;
 * KITH_ELIMIT: too many, or too many ever. */
KITH_NODISCARD int manifest_add_index(struct manifest *manifest, const struct manifest_index *index,
                                      bool own);
void manifest_remove_index(struct manifest *manifest, uint32_t at);
/* NULL when there is none. */
const struct manifest_index *manifest_find_index(const struct manifest *manifest, uint32_t number);
/* Adds a segment with room for its indexes; KITH_ENOMEM. */
KITH_NODISCARD int manifest_add_segment(struct manifest *manifest, uint64_t id, uint64_t rows,
                                        uint64_t dead_file, uint32_t index_count,
                                        struct manifest_segment **out);
/* Takes the segments away. */
void manifest_clear_segments(struct manifest *manifest);

/* Calls fn for each file that the manifest names; stops at a non-zero return. */
int manifest_files(const struct manifest *manifest,
                   int (*fn)(void *ctx, const struct file_name *name), void *ctx);

#endif
