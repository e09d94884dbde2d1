/*
 * What the two kinds of segment share: the head of `struct growing` and of `struct sealed`, and the
 * operations in which they differ. Contracts are those of segment.h.
 */
#ifndef KITH_STORAGE_SEGMENT_INTERNAL_H
#define KITH_STORAGE_SEGMENT_INTERNAL_H

#include "storage/segment.h"
#include "storage/tombstones.h"

/* Collects rows with one key: newest first, visible at ts, really equal. */
struct segment_find {
    const struct segment *segment;
    struct key key;
    uint64_t ts;
    uint32_t *rows; /* borrows */
    size_t room;
    size_t count;
    size_t row_end; /* rows below it are visible by their insert ts */
};
/* 0, or an error of reading the row's key. */
KITH_NODISCARD int segment_find_offer(struct segment_find *find, size_t row);

struct segment_ops {
    bool growing;
    size_t chunk_rows;
    size_t (*rows)(const struct segment *segment);
    size_t (*rows_at)(const struct segment *segment, uint64_t ts);
    uint64_t (*max_ts)(const struct segment *segment);
    /* Least and greatest insert ts of the first `rows` rows; rows > 0. */
    void (*ts_range)(const struct segment *segment, size_t rows, uint64_t *least,
                     uint64_t *greatest);
    /* Rows inserted before a second: a prefix. */
    size_t (*expired)(const struct segment *segment, uint64_t oldest_s);
    /* The second in which a row was inserted, and the first row after it with another one. */
    KITH_NODISCARD int (*second)(const struct segment *segment, size_t row, uint32_t *second,
                                 size_t *end);
    bool (*damaged)(const struct segment *segment); /* nullable */
    uint64_t (*memory_bytes)(const struct segment *segment);
    uint64_t (*disk_bytes)(const struct segment *segment);
    uint32_t (*partition)(const struct segment *segment, size_t row);
    KITH_NODISCARD int (*chunk)(const struct segment *segment, size_t field, size_t number,
                                struct chunk *out);
    KITH_NODISCARD int (*cell)(const struct segment *segment, size_t field, size_t row,
                               struct chunk *chunk, size_t *at);
    KITH_NODISCARD int (*vectors)(const struct segment *segment, size_t field, size_t rows,
                                  size_t piece, struct vectors *vectors, size_t *first,
                                  const uint64_t **valid);
    const struct index *(*index)(const struct segment *segment, size_t field); /* nullable */
    /* As in struct chunk_source; nullable. */
    int (*probe)(const struct segment *segment, const struct probe *probe,
                 struct probe_answer *answer);
    int (*estimate)(const struct segment *segment, const struct probe *probe, uint64_t *rows);
    int (*zone)(const struct segment *segment, size_t field, size_t first, size_t rows,
                struct zone *out); /* nullable */
    int (*typed)(const struct segment *segment, size_t field, struct kith_str path, size_t number,
                 struct chunk *out, bool *rest); /* nullable */
    /* Offers every row that may have find->key, the newest first where that is cheap. */
    KITH_NODISCARD int (*find)(const struct segment *segment, struct segment_find *find);
    int (*warm)(struct segment *segment); /* nullable */
    void (*free)(struct segment *segment);
};

struct segment {
    const struct segment_ops *ops;
    const struct os *os;         /* borrows */
    _Atomic(const struct schema *) schema; /* borrows; replaced by one that extends it */
    size_t held; /* fields that it has values of: the first ones */
    _Atomic(struct filled_column *) filled; /* owns: the others */
    uint64_t id;
    atomic_size_t references;
    atomic_bool damaged;
    atomic_bool doomed;
    struct tombstones dead;
    struct budget *budget; /* borrows, nullable: of `texts` and `filled` */
    _Atomic(struct segment_texts *) texts; /* owns; made by the first reader by words */
};

void segment_init(struct segment *segment, const struct segment_ops *ops, const struct os *os,
                  const struct schema *schema, uint64_t id, size_t rows_max);
/* ---- segment_texts.c */
void segment_texts_free(struct segment *segment);
void segment_texts_cut(struct segment *segment, size_t rows); /* rows from there on are no more */
int segment_texts_probe(const struct segment *segment, const struct probe *probe,
                        struct probe_answer *answer);
int segment_texts_estimate(const struct segment *segment, const struct probe *probe,
                           uint64_t *rows);

/* A chunk of any field. */
KITH_NODISCARD int segment_chunk(const struct segment *segment, size_t field, size_t number,
                                 struct chunk *out);

/* Timestamps are (unix_ms << 18) | n. */
static inline uint64_t second_of_ts(uint64_t ts) { return (ts >> 18) / 1000; }

static inline bool segment_has_field(const struct segment *segment, size_t field)
{
    return field < segment->schema->field_count;
}

#endif
