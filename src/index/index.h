/*
 * The one vtable behind which every vector index lives.
 *
 * An index is built over the vectors of one sealed segment (rows 0..n-1 of one field) into a set of
 * named sections, which storage writes into `<segment>.<field>.idx` with page checksums; it is
 * opened over those same sections, mapped or copied hot, without a load step. What it reads is
 * untrusted until section_touch() passed; ids are compared with n before they are followed.
 *
 * Ids that go in and come out are row numbers of the segment. Distances are those of kernel.h,
 * always exact (reranked against the raw vectors).
 *
 * Building is deterministic: same rows, order, parameters and format version give the same bytes
 * for any number of threads and any instruction set.
 */
#ifndef KITH_INDEX_INDEX_H
#define KITH_INDEX_INDEX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bitset.h"
#include "base/budget.h"
#include "base/error.h"
#include "base/pages.h"
#include "base/topk.h"
#include "kernel/kernel.h"
#include "os/pool.h"

#define INDEX_SECTIONS_MAX 16

/* The raw vectors an index is over: dense, fixed stride, row i at data + i * stride. */
struct vectors {
    struct section rows; /* verified lazily when it has a guard */
    size_t stride_bytes;
    size_t count;
    uint32_t dim;
    enum kernel_type type;
    enum kernel_metric metric;
};

/* 0 when rows [first, first + count) are inside and verified, to the last byte of the last row (the
 * last row of all may be shorter than the stride). */
static inline int vectors_touch(const struct vectors *vectors, size_t first, size_t count)
{
    const size_t at = first * vectors->stride_bytes;
    size_t len = count * vectors->stride_bytes;
    if (at < vectors->rows.len && len > vectors->rows.len - at) len = vectors->rows.len - at;
    return section_touch(&vectors->rows, at, len);
}

struct index_params {
    uint32_t m;               /* 0: adaptive */
    uint32_t ef_construction; /* 0: adaptive */
};

struct index_job { /* what a build may use */
    const struct os *os;
    struct pool *pool;  /* nullable */
    unsigned threads;   /* >= 1 */
    struct budget *budget; /* nullable */
    const atomic_bool *cancel; /* nullable; polled */
    void (*progress)(void *ctx, uint64_t done, uint64_t total); /* nullable */
    void *progress_ctx;
};

struct index_section {
    uint32_t id;     /* meaning is the index kind's */
    uint8_t *data;   /* owns (mem_alloc, or os_pages when `pages`) */
    size_t len;
    bool pages;
    bool hot;        /* storage should copy it into huge pages when the budget allows */
};

struct index_image { /* a built index, before it is written */
    struct index_section sections[INDEX_SECTIONS_MAX];
    size_t count;
};
void index_image_release(const struct os *os, struct index_image *image);

struct index_view_section {
    uint32_t id;
    struct section bytes;
};

struct index_stats {
    uint64_t nodes_visited;
    uint64_t nodes_stepped; /* INDEX_FILTER_WALK: lists of rows not allowed, looked through */
    uint64_t distances;
    uint64_t exact_distances;
};

/* Rows as near as the k-th of an exact scan that found no room among the k: whoever orders ties by
 * something else than the row picks from them. Filled by index_scan() only. */
struct index_ties {
    struct hit *hits; /* borrows: room for `room` */
    size_t room;
    size_t count;
    void (*shrink)(void *ctx, struct hit *hits, size_t *count); /* full: drops what cannot win */
    void *ctx;
};

/* How a graph meets `allowed`; which is best at which share is in the README. */
enum index_filter_mode {
    INDEX_FILTER_AUTO,   /* the index chooses, a scan included */
    INDEX_FILTER_WALK,   /* only allowed rows are candidates; others are stepped over, two hops */
    INDEX_FILTER_RESULT, /* all rows are walked; only allowed ones are results and end the walk */
};

struct index_search {
    const void *query;  /* one vector, same type and dim as the rows */
    size_t k;
    uint32_t ef;        /* 0: adaptive to k and n */
    const struct bitset *allowed; /* nullable: rows that may be returned */
    size_t allowed_count;         /* with allowed: its population */
    enum index_filter_mode mode;  /* with allowed; a kind without a graph scans in every mode */
    float bound;        /* only distances < bound matter (+inf: all) */
    int (*poll)(void *ctx);  /* nullable; every 64 hops or 4,096 rows; non-zero stops the search */
    void *poll_ctx;
    struct index_stats *stats; /* nullable; added to */
    struct index_ties *ties;   /* nullable */
    /* Leave one out: what index_sample() gave. That row takes no part in a walk, not even as a way
     * to others, as if it had never been inserted (but for the links that were chosen in its
     * presence). 0: none. Scans do not look at it. */
    uint32_t skip;
};

struct index; /* opened; the kind's own struct starts with its ops */

struct index_ops {
    const char *kind; /* "FLAT", "HNSW" */
    KITH_NODISCARD int (*build)(const struct vectors *vectors, const struct index_params *params,
                                const struct index_job *job, struct index_image *out,
                                struct kith_error *err);
    /* Borrows sections and vectors until close. Checks headers and sizes, not the graph. */
    KITH_NODISCARD int (*open)(const struct os *os, const struct index_view_section *sections,
                               size_t count, const struct vectors *vectors, struct index **out,
                               struct kith_error *err);
    /* hits has room for k; ascending by (distance, row). Returns min(k, allowed rows) of them
     * whenever the graph can reach as many; the caller falls back to a scan when fewer came.
     * KITH_ECORRUPT when a page or an id is bad. Thread-safe. */
    KITH_NODISCARD int (*search)(const struct index *index, const struct index_search *search,
                                 struct hit *hits, size_t *count, struct kith_error *err);
    /* Slow whole-structure validator for `kith check` and tests. */
    KITH_NODISCARD int (*validate)(const struct index *index, struct kith_error *err);
    void (*close)(struct index *index);
};
struct index {
    const struct index_ops *ops;
};

#define INDEX_ROW_GONE UINT32_MAX
struct index_base { /* borrows both */
    const struct index *index;
    const uint32_t *rows; /* row i of the index is row rows[i] of the vectors, or gone */
};
/* build() that takes up an index of rows which are mostly the same: rows of it keep their
 * neighbours, others are inserted. Costs as many insertions, a sixteenth of all, and a pass over
 * everything. The same bytes for the same base, rows and parameters. KITH_EINVAL: a row without a
 * place. */
KITH_NODISCARD int index_extend(const struct index_base *base, const struct vectors *vectors,
                                const struct index_params *params, const struct index_job *job,
                                struct index_image *out, struct kith_error *err);

/* NULL when the kind is unknown. */
const struct index_ops *index_ops_find(const char *kind);

/* Exact scan of `allowed` (NULL: all) rows; FLAT, the growing segment and the fallback all use
 * it. */
KITH_NODISCARD int index_scan(const struct vectors *vectors, const struct index_search *search,
                              struct hit *hits, size_t *count, struct kith_error *err);

/* The adaptive rules, one table: parameters for n rows of dim, ef for a query. */
struct index_params index_params_adapt(struct index_params given, size_t n, uint32_t dim);
uint32_t index_ef_adapt(uint32_t ef, size_t k, size_t n);
/* Below this many rows a segment is scanned and no graph is built. */
size_t index_min_rows(uint32_t dim);

/* Rows of a graph as queries that it has not seen: of nodes 0..index_nodes() - 1 those with exactly
 * one row (others: false). Kinds without a graph have no nodes. */
uint32_t index_nodes(const struct index *index);
bool index_sample(const struct index *index, uint32_t node, uint32_t *row, uint32_t *skip);

/* ---- recall against ef ---- */

#define INDEX_RECALL_POINTS 24

struct index_recall_point {
    uint32_t ef;
    double recall;      /* the share of the true k nearest that came, ties counted */
    uint64_t distances; /* a query, in the mean */
};

struct index_recall_job {
    const uint8_t *queries; /* borrows: vectors like the rows, stride_bytes apart */
    size_t stride_bytes;
    size_t query_count;
    size_t k;
    const struct hit *truth;    /* borrows: k a query, ascending, of index_scan */
    const size_t *truth_counts; /* borrows; NULL: k of them each */
    double target;   /* the ladder ends at the first recall that is no less; 1: all of it */
    uint32_t ef_max; /* 0: no limit but that of INDEX_RECALL_POINTS */
    int (*poll)(void *ctx); /* nullable; as in index_search */
    void *poll_ctx;
};

/* Searches at a ladder of ef, from k on by halves, and says what recall each gives; ascending. The
 * same for the same index and job. Rows of the index as queries find themselves and look easier
 * than others: held-out ones are better, or k + 1 of which the first is not counted. */
KITH_NODISCARD int index_recall_curve(const struct index *index, const struct index_recall_job *job,
                                      struct index_recall_point points[INDEX_RECALL_POINTS],
                                      size_t *count, struct kith_error *err);
/* The least ef whose recall is expected to be `target`; 0 when the curve does not reach it. */
uint32_t index_recall_ef(const struct index_recall_point *points, size_t count, double target);

#endif
