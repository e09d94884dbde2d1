/*
 * The k rows with the largest sum over lists: what BM25 and sparse vectors have in common.
 *
 * A list is one term (or dimension) of the query: rows ascending, in blocks of 128, with a bound of
 * what a row of a block can contribute. The walk goes over windows of 4,096 rows. In a window, the
 * lists whose bounds together cannot reach the score to beat are not essential: a row that is in no
 * other list cannot win. The others are summed into an array, list by list; then each row that
 * was touched is looked up in the rest, from the largest bound down, as long as it can still win.
 *
 * (Turtle, Flood: Query evaluation: strategies and optimizations, 1995, MaxScore. Ding, Suel:
 * Faster top-k document retrieval using block-max indexes, 2011. Windows as in Lucene's
 * MaxScoreBulkScorer.)
 *
 * Only sums above zero are found: a row that shares nothing with the query is no answer.
 */
#ifndef KITH_INDEX_SPARSE_WALK_H
#define KITH_INDEX_SPARSE_WALK_H

#include "base/endian.h"
#include "index/index.h"

#define WALK_BLOCK_ROWS 128u

struct walk_list {
    const uint8_t *blocks; /* borrows, verified: entries of block_bytes, u32 last row first */
    size_t block_bytes;
    size_t block_count;
    double most;           /* no row contributes more */
    const void *term;      /* the kind's own */
    size_t number;
    const uint8_t *packed; /* the kind's own, of the loaded block: what values are made of */
    unsigned packed_width;
    /* The walk's place in it. rows and values hold `block` when loaded. */
    size_t block;
    size_t at, count;
    bool loaded;
    uint32_t rows[WALK_BLOCK_ROWS];
    uint32_t values[WALK_BLOCK_ROWS]; /* the kind's own: counts, bits of floats */
};

static inline uint32_t walk_last_row(const struct walk_list *list, size_t block)
{
    return le32_get(list->blocks + block * list->block_bytes);
}

struct walk_ops {
    /* Decodes list->block; count >= 1, rows ascend and the last is the block's. Values may wait
     * for `scores`. KITH_ECORRUPT. */
    int (*load)(void *ctx, struct walk_list *list);
    /* No row of the block contributes more. */
    double (*bound)(void *ctx, const struct walk_list *list, size_t block);
    /* What rows [from, from + count) of the loaded block contribute. */
    void (*scores)(void *ctx, struct walk_list *list, size_t from, size_t count,
                   double *out);
    /* nullable: the exact distance of a row whose sum is `score`; without, it is -score. */
    int (*exact)(void *ctx, uint32_t row, double score, float *distance);
};

struct walk_search {
    size_t first, end; /* rows to look at; first is a multiple of 64 */
    size_t k;
    float bound;       /* only distances below it matter */
    const struct bitset *allowed; /* nullable */
    struct index_ties *ties;      /* nullable */
    int (*poll)(void *ctx);       /* nullable */
    void *poll_ctx;
    struct index_stats *stats;    /* nullable */
};

/* hits has room for k: ascending by (distance, row). The lists are used up. KITH_ENOMEM,
 * KITH_ECORRUPT, what poll said. */
KITH_NODISCARD int sparse_walk(const struct walk_ops *ops, void *ctx, struct walk_list *lists,
                               size_t list_count, const struct walk_search *search,
                               struct hit *hits, size_t *count);

#endif
