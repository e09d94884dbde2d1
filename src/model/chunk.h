/*
 * A run of rows of one field, as filters and output read it: the same view over growing chunks
 * (4,096 rows) and sealed row groups (65,536 rows).
 */
#ifndef KITH_MODEL_CHUNK_H
#define KITH_MODEL_CHUNK_H

#include <kith/kith.h>

#include "base/bitset.h"
#include "base/endian.h"
#include "model/probe.h"

struct chunk {
    enum kith_type type;
    size_t rows;
    size_t width;            /* bytes a row of fixed types, else 0 */
    const uint8_t *data;     /* fixed types: rows * width bytes, naturally aligned; BOOL one byte */
    const uint64_t *valid;   /* one bit a row; NULL: all valid */
    const struct kith_str *strs; /* variable types, growing: one a row */
    const uint8_t *offsets;  /* variable types, sealed: u32 LE x (rows + 1), into bytes */
    const uint8_t *bytes;
    size_t bytes_len;
};

/* Of a growing chunk a writer may set the bits of later rows in the same word at any time. */
static inline uint64_t valid_word_get(const uint64_t *valid, size_t w)
{
    return __atomic_load_n(&valid[w], __ATOMIC_RELAXED);
}

static inline bool chunk_valid(const struct chunk *chunk, size_t row)
{
    return !chunk->valid || ((valid_word_get(chunk->valid, row >> 6) >> (row & 63)) & 1);
}

/* The value of a variable-width row; damaged offsets give an empty value, never a wild pointer. */
static inline struct kith_str chunk_str(const struct chunk *chunk, size_t row)
{
    if (chunk->strs) return chunk->strs[row];
    uint32_t from = le32_get(chunk->offsets + 4 * row);
    uint32_t to = le32_get(chunk->offsets + 4 * row + 4);
    if (from > to || to > chunk->bytes_len) return (struct kith_str){ "", 0 };
    return (struct kith_str){ (const char *)chunk->bytes + from, to - from };
}

/* Where chunks come from. field numbers are the schema's. */
struct chunk_source {
    void *ctx;
    size_t rows;       /* rows of the whole source */
    size_t chunk_rows; /* a multiple of 64; every chunk but the last has as many */
    /* 0 or KITH_ECORRUPT */
    int (*get)(void *ctx, size_t field, size_t chunk_number, struct chunk *out);
    /* All below are nullable, and answer KITH_EUNSUPPORTED when they have nothing to say: the asker
     * reads the rows instead. KITH_ECORRUPT from `probe`: the index is damaged, the rows are not.
     * An index answers `probe` for all rows of the source. */
    int (*probe)(void *ctx, const struct probe *probe, struct probe_answer *answer);
    /* About how many rows match, without finding them. */
    int (*estimate)(void *ctx, const struct probe *probe, uint64_t *rows);
    int (*zone)(void *ctx, size_t field, size_t chunk_number, struct zone *out);
    /* The same for at least the rows [first, first + rows) of the source: finer than a chunk. */
    int (*rows_zone)(void *ctx, size_t field, size_t first, size_t rows, struct zone *out);
    /* A path of a JSON column stored apart: a chunk of INT64, DOUBLE, BOOL or VARCHAR, of which
     * every row that is valid had exactly that value there. When `rest` is false no other row has
     * any value at the path; when true, rows that are not valid must be looked up in the text. JSON
     * null is no value. */
    int (*typed)(void *ctx, size_t field, struct kith_str path, size_t chunk_number,
                 struct chunk *out, bool *rest);
};

#endif
