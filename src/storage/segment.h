/*
 * A segment: rows of one collection, either growing (in memory, appended to) or sealed (an
 * immutable file). Everything above reads both through this one interface.
 *
 * Rows are numbered 0..n-1 in order of insertion; numbers never leave the engine.
 *
 * Visibility at ts: a growing segment's rows carry ascending insert timestamps, so the visible ones
 * are a prefix; every row of a sealed segment is visible to every view that holds it. A row killed
 * at ts k is gone for views with ts >= k. Kills live in `struct tombstones` for both kinds: a
 * dense bitset of dead rows and a list of (ts, row) in ts order, so a view older than the
 * newest kills walks back over just those.
 *
 * Threading: appends and kills are made by one writer at a time (the collection's write lock); any
 * number of readers run beside it without a lock on rows (they see rows below the count they took
 * with acquire). References: segment_ref/unref from any thread; the last one releases memory,
 * mappings and, when segment_doom() was called, unlinks its files.
 */
#ifndef KITH_STORAGE_SEGMENT_H
#define KITH_STORAGE_SEGMENT_H

#include <kith/kith.h>

#include "base/bitset.h"
#include "base/budget.h"
#include "index/scalar_index.h"
#include "model/chunk.h"
#include "model/key.h"
#include "model/schema.h"
#include "os/os.h"

#define GROWING_CHUNK_ROWS 4096u
#define SEALED_CHUNK_ROWS 65536u

struct segment;
struct filled_column; /* segment_filled.c */
struct text_runs; /* index/text_growing.h */

void segment_ref(struct segment *segment);
void segment_unref(struct segment *segment); /* NULL is a no-op */
uint64_t segment_id(const struct segment *segment);
bool segment_is_growing(const struct segment *segment);
/* Rows that a reader may look at now (growing: appended so far, acquire). */
size_t segment_rows(const struct segment *segment);
/* Rows with insert timestamp <= ts: a prefix. Sealed: all. */
size_t segment_rows_at(const struct segment *segment, uint64_t ts);
size_t segment_dead(const struct segment *segment);   /* killed rows */
uint64_t segment_max_ts(const struct segment *segment); /* largest insert ts; 0 when empty */
uint64_t segment_memory_bytes(const struct segment *segment); /* anonymous memory held */
uint64_t segment_disk_bytes(const struct segment *segment);
/* A page of it failed its checksum: its answers are incomplete. */
bool segment_damaged(const struct segment *segment);
void segment_set_damaged(struct segment *segment);

/* Initialises `out` (owned by the caller) to the rows visible at ts: segment_rows_at() bits, less
 * the dead. */
KITH_NODISCARD int segment_visible(const struct segment *segment, uint64_t ts, struct bitset *out);
/* Rows that were inserted before this second since 1970: the first so many. 0 for second 0. */
size_t segment_expired(const struct segment *segment, uint64_t oldest_s);
bool segment_row_visible(const struct segment *segment, size_t row, uint64_t ts);
/* Clears the bits of rows that are in none of the partitions. */
KITH_NODISCARD int segment_keep_partitions(const struct segment *segment, const uint32_t *ids,
                                           size_t count, struct bitset *rows);
uint32_t segment_partition(const struct segment *segment, size_t row);

/* Chunks of the first `rows` rows. The source borrows the segment. A chunk of a growing segment may
 * hold rows past `rows` (appended since): readers go by out->rows, not by the last chunk's. */
void segment_source(const struct segment *segment, size_t rows, struct chunk_source *out);
/* The chunk that holds `row`, and the row's place in it. */
KITH_NODISCARD int segment_cell(const struct segment *segment, size_t field, size_t row,
                                struct chunk *chunk, size_t *at);
KITH_NODISCARD int segment_key(const struct segment *segment, size_t row, struct key *out);

/* Dense vector fields as contiguous pieces: piece p covers rows [first, first + vectors->count).
 * Sealed: one piece. Growing: one per chunk, cut at `rows`. KITH_ENOTFOUND past the last piece.
 * Rows with a null vector are in there as zeros; valid (nullable out) is their bitset or NULL. */
KITH_NODISCARD int segment_vectors(const struct segment *segment, size_t field, size_t rows,
                                   size_t piece, struct vectors *vectors, size_t *first,
                                   const uint64_t **valid);
/* The opened index of a field, or NULL. Borrows the segment. (It changes when segment_warm or
 * sealed_attach_index swapped it; what was returned before stays good as long as the segment.) */
const struct index *segment_index(const struct segment *segment, size_t field);

/* Indexes in memory of the words of a field with an analyzer, over at least its first `rows` rows:
 * for growing segments, and sealed ones without an index of texts. text_runs_drop() before the
 * segment goes. KITH_EBUSY: the memory budget is full. */
KITH_NODISCARD int segment_texts(const struct segment *segment, size_t field, size_t rows,
                                 struct text_runs **out, struct kith_error *err);

/* Rows with this key, newest first, visible at ts: up to `room`; returns how many (or < 0). */
int segment_find(const struct segment *segment, struct key key, uint64_t ts, uint32_t *rows,
                 size_t room);

/* Under the write lock: the schema got fields that this segment does not hold. What can fail first:
 * *out holds columns of them, which segment_widen takes with the schema, or filled_free. The schema
 * extends the segment's and outlives it. Whatever else reads the segment goes on. KITH_EBUSY: the
 * memory budget is full; must: it is counted and not asked. */
KITH_NODISCARD int segment_fill(const struct segment *segment, const struct schema *schema,
                                bool must, struct filled_column **out);
void segment_widen(struct segment *segment, const struct schema *schema,
                   struct filled_column *columns);
void filled_free(struct filled_column *columns);
/* The field's values are in the segment, not filled in. */
bool segment_holds(const struct segment *segment, size_t field);
/* It holds them and has bytes of them: no output of a function, not dropped before it was made. */
bool segment_stores(const struct segment *segment, size_t field);

/* Under the write lock. Marks the row dead at ts; a no-op when it is dead already. Timestamps
 * ascend once readers have the segment; before that (carrying over) any order is taken. */
KITH_NODISCARD int segment_kill(struct segment *segment, size_t row, uint64_t ts);
/* Takes back kills with a ts above `ts` (a write whose log record failed). Under the write lock. */
void segment_cut_kills(struct segment *segment, uint64_t ts);
/* Under the write lock. The next `more` kills will not fail. */
KITH_NODISCARD int segment_kill_reserve(struct segment *segment, size_t more);
/* Kills number `from` and later, in ts order: fn for each; to carry them over to a successor. */
size_t segment_kill_count(const struct segment *segment);
KITH_NODISCARD int segment_kills_since(const struct segment *segment, size_t from,
                                       int (*fn)(void *ctx, size_t row, uint64_t ts), void *ctx);

/* ---- growing ---- */

/* schema is borrowed for the segment's life. rows_max: it never takes more. */
KITH_NODISCARD int growing_new(const struct os *os, const struct schema *schema,
                               struct budget *budget, uint64_t id, size_t rows_max,
                               struct segment **out);
/* Under the write lock. `batch` is normalised, with keys; values are copied. partitions: one id a
 * row, NULL: all 0. All or nothing: KITH_ENOMEM / KITH_EBUSY (budget) leave it unchanged.
 * Rows become readable (count released) at return; visibility is by ts. */
KITH_NODISCARD int growing_append(struct segment *segment, const struct kith_batch *batch,
                                  const uint32_t *partitions, uint64_t ts, struct kith_error *err);
uint64_t growing_bytes(const struct segment *segment);
size_t growing_rows_max(const struct segment *segment); /* as given to growing_new */
/* Drops rows and kills with ts above `ts` (a failed write). Under the write lock. */
void growing_cut(struct segment *segment, uint64_t ts);

/* ---- sealed ---- */

struct seal_input {
    const struct os *os;
    const char *dir;
    uint64_t database_id;
    uint64_t id; /* of the new segment */
    const struct schema *schema;
    struct segment *const *segments; /* merged in order, dead rows at `ts` left out */
    size_t count;
    uint64_t ts;
    uint64_t oldest_s; /* rows inserted before this second are left out too; 0: none */
    const atomic_bool *cancel; /* nullable */
};
/* Writes <id>.seg (to a temporary name; synced, renamed, directory synced). row_maps[i] (nullable
 * array, mem_alloc'ed by the callee, owned by the caller) maps old rows of segments[i] to new ones,
 * UINT32_MAX for dropped. *rows: 0 when nothing is left (then no file is made). */
KITH_NODISCARD int sealed_write(const struct seal_input *input, uint32_t **row_maps, size_t *rows,
                                struct kith_error *err);

struct sealed_index_file { /* an index of this segment, as the manifest names it */
    size_t field;
    const char *kind;
    const struct scalar_index_params *params; /* NULL: it is over dense vectors */
    uint32_t number; /* in the file's name; with vectors the field's is taken */
};
struct sealed_opts {
    const struct os *os;
    const char *dir;
    uint64_t database_id;
    uint64_t id;
    const struct schema *schema; /* borrowed for the segment's life */
    struct budget *budget;
    bool pin;           /* copy hot sections into huge pages when the budget allows */
    uint64_t dead_file; /* number of the .del file, 0: none */
    const struct sealed_index_file *indexes;
    size_t index_count;
};
/* Maps and checks header, directory and sizes; pages are verified at first touch. An index that
 * does not open is left out (*index_missing counts them): it is derived data. */
KITH_NODISCARD int sealed_open(const struct sealed_opts *opts, struct segment **out,
                               size_t *index_missing, struct kith_error *err);
/* Builds the index of a vector `field` and writes <id>.<field>.idx; *built false when the segment
 * is below index_min_rows() or the field has nulls or a type that is scanned: then there is no
 * file. */
KITH_NODISCARD int sealed_build_index(const struct sealed_opts *opts, const struct segment *segment,
                                      size_t field, const char *kind,
                                      const struct index_params *params,
                                      const struct index_job *job, bool *built,
                                      struct kith_error *err);
/* Writes the kills up to ts as <id>.<number>.del. */
KITH_NODISCARD int sealed_write_dead(const struct sealed_opts *opts, const struct segment *segment,
                                     uint64_t ts, uint64_t number, struct kith_error *err);
/* Copies the hot sections of its indexes into huge pages (verified on the way) as far as the budget
 * allows, and swaps the index for one over the copies; the old one stays open until release. For a
 * background thread, one at a time. A no-op when growing, already warm or opened without `pin`. */
int segment_warm(struct segment *segment);
/* Opens the index file of `field` (made by sealed_build_index) into a segment that is open. */
KITH_NODISCARD int sealed_attach_index(const struct sealed_opts *opts, struct segment *segment,
                                       size_t field, const char *kind, struct kith_error *err);
/* The same for an index that is not over dense vectors; kind is not AUTO. The file is
 * <id>.<number>.idx. KITH_EUNSUPPORTED: the kind is unknown. */
KITH_NODISCARD int sealed_build_scalar(const struct sealed_opts *opts,
                                       const struct segment *segment,
                                       const struct sealed_index_file *file,
                                       const struct index_job *job, struct kith_error *err);
/* In the place of one with the same number. For one thread at a time, beside readers. */
KITH_NODISCARD int sealed_attach_scalar(const struct sealed_opts *opts, struct segment *segment,
                                        const struct sealed_index_file *file,
                                        struct kith_error *err);
/* The index of this number is not used any more. Its file stays: see segment_unlink_index. For one
 * background thread, beside readers. */
void segment_detach_index(struct segment *segment, uint32_t number);
/* Unlinks the file of an index that no manifest names any more. */
void segment_unlink_index(struct segment *segment, uint32_t number);

struct segment_index_entry {
    uint32_t number;
    size_t field;
    const char *kind; /* borrows the segment */
};
/* The indexes in use, by field and number, up to `room`; returns how many there are. */
size_t segment_indexes(const struct segment *segment, struct segment_index_entry *out,
                       size_t room);
bool segment_has_index(const struct segment *segment, uint32_t number);
/* An index of the field of this kind ("TEXT", "SPARSE_INVERTED_INDEX") that is not damaged, or
 * NULL. Borrows the segment. */
const struct scalar_index *segment_scalar_index(const struct segment *segment, size_t field,
                                                const char *kind);
/* A reader found it damaged: it is not asked again, and built anew. */
void segment_mark_index(const struct segment *segment, const struct scalar_index *index);

/* Its files (.seg, .idx, .del) are unlinked with the last reference. */
void segment_doom(struct segment *segment);

#endif
