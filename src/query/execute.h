/*
 * The executor: one vector search over the segments of a view.
 *
 * A search is planned once and bound per segment: rows visible at the view's instant, less other
 * partitions, less what the filter drops, give a bitmap (none when every row of a sealed segment is
 * allowed); then the segment's index walks under that bitmap, or the rows are scanned. The largest
 * segment goes first, and the k-th distance so far bounds the next. The merge orders by (distance,
 * key).
 */
#ifndef KITH_QUERY_EXECUTE_H
#define KITH_QUERY_EXECUTE_H

#include "base/arena.h"
#include "query/filter.h"
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
    const struct filter *filter;   /* nullable */
    const uint32_t *partitions;    /* nullable: all */
    size_t partition_count;
    int (*poll)(void *ctx); /* nullable: deadline and cancel */
    void *poll_ctx;
};

struct vector_search {
    size_t field;
    const struct schema_field *schema_field;
    const uint8_t *query;   /* one vector in the field's layout; sparse: entries */
    size_t query_len;       /* sparse: bytes */
    size_t k;
    uint32_t ef;
    bool exact;
    bool has_range;
    float range_inner, range_outer;
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

/* The nearest of the allowed rows, ascending; places (in the arena) has *count. */
KITH_NODISCARD int execute_search(const struct view_rows *rows, struct allowed *allowed,
                                  const struct vector_search *search, struct arena *arena,
                                  struct place **places, size_t *count,
                                  struct kith_search_stats *stats, bool *complete,
                                  struct kith_error *err);

#endif
