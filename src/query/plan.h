/*
 * The planner: which way one search goes through one segment.
 *
 * The ways
 *   scan        exact distances of every allowed row; a row costs its bytes
 *   plain walk  the graph, when every row is allowed
 *   walk        the graph over allowed rows only, stepping over the others; a hop costs more
 *   overfetch   the graph over all rows, of which only allowed ones are results; hops grow with
 *               the inverse of the share that is allowed
 *
 * The cost model is prose and numbers in plan.c. It is fed with what is known, not with guesses:
 * the filter is a bitmap by then, so the share is exact; what nobody knows is whether the allowed
 * rows lie near the query. A filter that leads away from it makes an overfetch deeper than its
 * estimate; the executor notices when fewer rows came than there are, and scans.
 *
 * Pure functions of their arguments: no state, thread-safe.
 */
#ifndef KITH_QUERY_PLAN_H
#define KITH_QUERY_PLAN_H

#include <kith/kith.h>

enum search_way {
    SEARCH_NONE,      /* no row is allowed */
    SEARCH_SCAN,
    SEARCH_PLAIN,
    SEARCH_WALK,
    SEARCH_OVERFETCH,
    SEARCH_SPARSE     /* sparse vectors and texts; their executor has its own ways */
};

struct plan_input {
    size_t rows;      /* of the segment */
    size_t allowed;   /* of those */
    size_t k;
    uint32_t ef;      /* 0: adaptive */
    enum kith_type type;
    uint32_t dim;
    size_t row_bytes;
    bool graph;       /* the segment has a graph of the field */
    bool exact;       /* asked for: no index */
    bool filtered;    /* a bitmap is to be looked at; false: every row is allowed */
    enum kith_plan forced;
    float recall;     /* > 0: instead of ef */
};

struct plan_choice {
    enum search_way way;
    uint32_t ef;      /* for the graph; 0: adaptive */
    /* Estimated time of each way, nanoseconds; below 0: not possible here. Of a plain walk, when
     * nothing is filtered, in walk_ns. */
    double scan_ns, walk_ns, overfetch_ns;
    const char *why;  /* a constant */
};

struct plan_choice plan_choose(const struct plan_input *input);
double plan_cost(const struct plan_choice *choice); /* of the chosen way, nanoseconds */
const char *plan_way_name(enum search_way way); /* "scan", "plain walk", ... */
/* ef that is expected to find the share `target` of the true k nearest; see plan.c. */
uint32_t plan_ef_for_recall(const struct plan_input *input, float target);

#endif
