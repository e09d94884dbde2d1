/*
 * The executor: vector searches over the segments of a view.
 *
 * A call is planned once and bound per segment: rows visible at the view's instant, less other
 * partitions, less what the filter drops, give a bitmap (none when every row of a sealed segment is
 * allowed); the planner (plan.h) then chooses how every query of the call goes through that
 * segment. Queries of a call are independent and may run on any threads; one query over much work
 * is cut into units, a segment or a run of rows each. Every unit gives its own k nearest, and the
 * merge orders by (distance, key), so that the answer does not depend on the number of threads.
 *
 * Ties: an exact scan keeps every row as near as its k-th, in bounded memory, and the smallest keys
 * of those win. A graph keeps whichever of them it met.
 */
#ifndef KITH_QUERY_EXECUTE_H
#define KITH_QUERY_EXECUTE_H

#include <stdatomic.h>

#include "base/arena.h"
#include "os/pool.h"
#include "query/filter.h"
#include "query/plan.h"
#include "storage/segment.h"

struct place { /* a physical row of a view; never leaves the engine */
    uint32_t segment; /* number in the view */
    uint32_t row;
    float distance;
};

struct view_rows { /* what is read: segments as of one instant */
    struct segment *const *segments; /* borrows */
    size_t count;
    uint64_t ts;
    uint64_t oldest_s; /* rows inserted before this second are gone; 0: none */
    const struct filter *filter;   /* nullable */
    const uint32_t *partitions;    /* nullable: all */
    size_t partition_count;
    int (*poll)(void *ctx); /* nullable: deadline and cancel; from any thread */
    void *poll_ctx;
};

/* Per segment of the view, the allowed rows; made once and used by every query of a call. A sealed
 * segment of which every row is allowed has no bitmap until somebody asks: a walk needs none. */
struct allowed {
    struct bitset *sets;  /* one a segment; words == NULL: every row, not made yet */
    size_t *counts;
    size_t count;
};
KITH_NODISCARD int allowed_init(struct allowed *allowed, const struct view_rows *rows,
                                struct kith_search_stats *stats, bool *complete,
                                struct kith_error *err);
void allowed_release(struct allowed *allowed);
/* The bitmap of segment i, made now if need be; NULL: no memory. Not thread-safe. */
const struct bitset *allowed_rows(struct allowed *allowed, size_t i);

struct vector_search { /* what the queries of a call have in common */
    size_t field;
    const struct schema_field *schema_field;
    size_t k;
    uint32_t ef;      /* 0: adaptive */
    bool exact;
    enum kith_plan plan;
    float recall;     /* > 0: instead of ef */
    float drop_ratio; /* sparse */
    double bm25_k1, bm25_b;
    bool has_range;
    float range_inner, range_outer;
    const struct os *clock; /* nullable: times are taken */
};

struct search_query {
    const uint8_t *data; /* one vector in the field's layout; sparse: entries; BM25: the text */
    size_t len;          /* sparse, BM25: bytes */
    uint32_t skip_segment; /* with skip: of which segment, and index_search.skip */
    uint32_t skip;
};

struct segment_tally { /* what the queries of a call did in one segment; any thread adds */
    _Atomic uint64_t queries;
    _Atomic uint64_t nodes_visited;
    _Atomic uint64_t distances;
    _Atomic uint64_t exact_distances;
    _Atomic uint64_t found;
    _Atomic uint64_t rescans; /* walks that gave too few rows, or met damage */
    _Atomic uint64_t time_us; /* when timed */
};

struct search_unit { /* a piece of the work of a query; rows in multiples of 64 */
    uint32_t segment;
    size_t first, end;
};

struct search_binding { /* a search bound to a view: what all its queries share */
    const struct view_rows *rows; /* borrows */
    struct allowed *allowed;      /* borrows */
    struct vector_search search;
    struct plan_input *inputs;    /* owns: one a segment */
    struct plan_choice *choices;  /* owns: for search.k */
    struct segment_tally *tallies; /* owns */
    struct search_unit *units;    /* owns: most rows first */
    size_t unit_count;
    size_t total;   /* rows that may be returned */
    double cost_ns; /* of one query, by the planner */
};
/* Drops rows without a vector from `allowed` and plans every segment. */
KITH_NODISCARD int search_bind(struct search_binding *binding, const struct view_rows *rows,
                               struct allowed *allowed, const struct vector_search *search,
                               struct kith_error *err);
/* Plans every segment again, with this ef. */
KITH_NODISCARD int search_replan(struct search_binding *binding, uint32_t ef,
                                 struct kith_error *err);
void search_unbind(struct search_binding *binding); /* accepts a zeroed struct */

struct search_found {
    struct place *places; /* owns (mem_free): ascending by (distance, key) */
    size_t count;
    bool complete;        /* only ever set to false */
    struct kith_search_stats stats; /* added to */
};

#define EXECUTE_PARALLEL_NS 150e3 /* less work is not worth waking a thread for */
struct search_threads { /* who may help; the answer does not depend on it */
    struct pool *pool; /* nullable */
    unsigned count;
};

/* The k nearest allowed rows (k may differ from the binding's). Any number at once. */
KITH_NODISCARD int execute_search(const struct search_binding *binding,
                                  const struct search_query *query, size_t k,
                                  struct search_threads threads, struct search_found *found,
                                  struct kith_error *err);

/* (distance, key) ascending; for places of one view. */
void places_sort(const struct view_rows *rows, struct place *places, size_t count);

#endif
