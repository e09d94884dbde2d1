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
#include "model/schema.h"
#include "storage/file_name.h"

struct manifest_index { /* of a collection: what the user asked for */
    uint32_t field;
    char kind[16]; /* "HNSW", "FLAT", "AUTO" */
    uint32_t metric;
    uint32_t m;
    uint32_t ef_construction;
};

struct manifest_segment {
    uint64_t id;
    uint64_t rows;
    uint64_t dead_file; /* number of the .del file; 0: none */
    uint32_t *index_fields; /* owns: fields with an index file */
    char (*index_kinds)[16]; /* owns */
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
    struct schema schema;
    struct manifest_partition *partitions; /* owns */
    uint32_t partition_count;
    uint32_t next_partition;
    struct manifest_index *indexes; /* owns */
    uint32_t index_count;
    struct manifest_segment *segments; /* owns; in order of insertion */
    uint32_t segment_count;
};

void manifest_release(struct manifest *manifest); /* accepts a zeroed struct */
void manifest_encode(const struct manifest *manifest, struct buffer *out);
/* Untrusted bytes. KITH_ECORRUPT with the offset, KITH_EVERSION. */
KITH_NODISCARD int manifest_decode(const void *data, size_t len, struct manifest *out,
                                   struct kith_error *err);
/* Adds a segment with room for its indexes; KITH_ENOMEM. */
KITH_NODISCARD int manifest_add_segment(struct manifest *manifest, uint64_t id, uint64_t rows,
                                        uint64_t dead_file, uint32_t index_count,
                                        struct manifest_segment **out);

/* Calls fn for each file that the manifest names; stops at a non-zero return. */
int manifest_files(const struct manifest *manifest,
                   int (*fn)(void *ctx, const struct file_name *name), void *ctx);

#endif
