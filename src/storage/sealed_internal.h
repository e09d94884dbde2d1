/*
 * The inside of a sealed segment, and the sections of its files. Byte tables:
 * docs/formats/segment.md.
 */
#ifndef KITH_STORAGE_SEALED_INTERNAL_H
#define KITH_STORAGE_SEALED_INTERNAL_H

#include "index/scalar_index.h"
#include "storage/blockfile.h"
#include "storage/segment_internal.h"

enum sealed_section { /* of .seg, .idx and .del files; never renumbered */
    SECTION_META = 1,
    SECTION_DATA = 2,       /* fixed types: rows x width */
    SECTION_OFFSETS = 3,    /* variable types: u32 x (rows of the group + 1), group after group */
    SECTION_BASES = 4,      /* variable types: u64 x (groups + 1): where a group's bytes begin */
    SECTION_BYTES = 5,
    SECTION_VALID = 6,      /* one bit a row; absent: no nulls */
    SECTION_PARTITIONS = 7, /* u32 x rows; absent: all rows in the one that meta names */
    SECTION_KEYS = 8,       /* u64 x rows, ascending */
    SECTION_KEY_ROWS = 9,   /* u32 x rows: the row of each key; equal keys: newest first */
    SECTION_ZONES = 10,     /* scalars of fixed width: 24 bytes a block of 4,096 rows */
    SECTION_PATHS = 11,     /* typed columns of JSON paths: which there are */
    SECTION_TYPED = 12,     /* their rows; `field` is the group of 65,536 */
    SECTION_TIMES = 13,     /* u32 first row, u32 second of insertion: a run of rows each */
    SECTION_INDEX_META = 16,
    SECTION_DEAD_ROWS = 24,  /* u32 x kills */
    SECTION_DEAD_TIMES = 25, /* u64 x kills, ascending */
    SECTION_INDEX_FIRST = 32 /* an index's section i is 32 + i */
};

enum meta_offset {
    META_AT_ROWS = 0,
    META_AT_MIN_TS = 8,
    META_AT_MAX_TS = 16,
    META_AT_FINGERPRINT = 24,
    META_AT_FIELDS = 32,
    META_AT_PARTITION = 36,
    META_BYTES = 64
};
enum index_meta_offset {
    INDEX_META_AT_KIND = 0, /* INDEX_KIND_BYTES, filled with zeros */
    INDEX_META_AT_ROWS = 32,
    INDEX_META_AT_NUMBER = 40,
    INDEX_META_AT_FIELD = 44,
    INDEX_META_BYTES = 64,
    OLD_INDEX_META_AT_ROWS = 16, /* as it was before kinds had longer names */
    OLD_INDEX_META_BYTES = 32
};
#define INDEX_KIND_BYTES 32u
#define TIMES_BYTES 8u /* a run */
#define VALID_GROUP_BYTES (SEALED_CHUNK_ROWS / 8)

struct sealed_column {
    struct section data;
    struct section offsets;
    struct section bases;
    struct section bytes;
    struct section valid; /* data NULL: no nulls */
    struct section zones; /* data NULL: none */
};

struct sealed_index { /* an opened index; the sections it borrows */
    struct blockfile *file; /* owns, when `owns_file`: a warm copy shares its predecessor's */
    bool owns_file;
    struct index *index;    /* owns */
    struct index_view_section sections[INDEX_SECTIONS_MAX];
    bool hot[INDEX_SECTIONS_MAX];
    size_t count;
    uint8_t *copy; /* owns: hot sections in huge pages; NULL: served from the mapping */
    size_t copy_len;
    struct sealed_index *older; /* owns: those that readers may still be in */
};

struct sealed_vectors { /* of one field */
    struct vectors vectors; /* borrowed by its indexes; type is set when count > 0 */
    _Atomic(struct sealed_index *) index; /* owns; NULL: none */
    struct sealed_index *retired; /* owns: detached ones, which readers may still be in */
};

/* An opened index that is not over dense vectors. Attached ones are a list that only grows at its
 * head (release); what is not to be asked any more is marked and stays until the segment goes. */
struct sealed_scalar {
    struct blockfile file;
    struct scalar_index *index; /* owns */
    char kind[INDEX_KIND_BYTES];
    uint32_t number;
    size_t field;
    char *path; /* owns: of a JSON column; "" is the column */
    struct index_view_section sections[INDEX_SECTIONS_MAX];
    size_t count;
    atomic_bool gone; /* detached, or damaged */
    struct sealed_scalar *next;
};

struct sealed {
    struct segment segment; /* first */
    struct blockfile file;
    struct budget *budget; /* borrows, nullable */
    char *dir;             /* owns */
    bool pin;
    size_t rows;
    uint64_t min_ts;
    uint64_t max_ts;
    uint32_t partition; /* of all rows, without a section of them */
    struct section partitions;
    struct section keys;
    struct section key_rows;
    struct section times; /* data NULL: all rows count as inserted at max_ts */
    struct section paths; /* of typed columns; data NULL: none */
    struct sealed_column *columns;  /* owns: one a field */
    struct sealed_vectors *vectors; /* owns: one a field */
    _Atomic(struct sealed_scalar *) scalars; /* owns; acquire */
    _Atomic uint64_t hot_bytes;
    _Atomic uint64_t disk_bytes;
};

static inline size_t sealed_groups(size_t rows)
{
    return (rows + SEALED_CHUNK_ROWS - 1) / SEALED_CHUNK_ROWS;
}
static inline size_t sealed_group_rows(size_t rows, size_t group)
{
    const size_t left = rows - group * SEALED_CHUNK_ROWS;
    return left < SEALED_CHUNK_ROWS ? left : SEALED_CHUNK_ROWS;
}

/* A hash of what decides the layout of a segment: types and dims of the first so many fields. */
KITH_NODISCARD int sealed_fingerprint(const struct schema *schema, size_t fields, uint64_t *out);

extern const struct segment_ops sealed_ops;
int sealed_warm(struct segment *segment);
/* Opens <id>.<field>.idx over sealed->vectors[field]. */
KITH_NODISCARD int sealed_index_open(struct sealed *sealed, uint64_t database_id, size_t field,
                                     const char *kind, struct sealed_index **out,
                                     struct kith_error *err);
void sealed_index_free(struct sealed *sealed, struct sealed_index *index); /* with older ones */
/* The kind in `file` is `kind`, over so many rows; else KITH_ECORRUPT. */
KITH_NODISCARD int sealed_index_check_kind(struct blockfile *file, const char *kind, size_t rows,
                                           struct kith_error *err);
/* Up to INDEX_SECTIONS_MAX sections; hot is nullable. Returns how many. */
size_t sealed_index_sections(struct blockfile *file, struct index_view_section *sections,
                             bool *hot);
/* Writes a built index as <id>.<number>.idx. */
KITH_NODISCARD int sealed_index_write(const struct sealed_opts *opts, uint32_t number,
                                      size_t field, const char *kind, size_t rows,
                                      const struct index_image *image, struct kith_error *err);
/* Takes a vector index out of use; it stays open until the segment goes. */
void sealed_detach_vectors(struct sealed *sealed, size_t field);
/* What the blocks that hold rows [first, first + rows) say. */
int sealed_zone(const struct segment *segment, size_t field, size_t first, size_t rows,
                struct zone *out);
int sealed_typed(const struct segment *segment, size_t field, struct kith_str path, size_t number,
                 struct chunk *out, bool *rest);
size_t sealed_expired(const struct segment *segment, uint64_t oldest_s);
int sealed_second(const struct segment *segment, size_t row, uint32_t *second, size_t *end);
void sealed_scalars_free(struct sealed *sealed);
int sealed_probe(const struct segment *segment, const struct probe *probe,
                 struct probe_answer *answer);
int sealed_estimate(const struct segment *segment, const struct probe *probe, uint64_t *rows);
/* Reads <id>.<number>.del into the segment's tombstones. */
KITH_NODISCARD int sealed_read_dead(struct sealed *sealed, uint64_t database_id, uint64_t number,
                                    struct kith_error *err);
/* Every page and the structure inside; `problem` for each finding. For storage_verify. */
void sealed_check(struct blockfile *file,
                  void (*problem)(void *ctx, uint64_t offset, const char *text), void *ctx);

#endif
