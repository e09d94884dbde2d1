/*
 * Rankers: several lists of rows with distances become one list with scores.
 *
 * The formulas are those of the Milvus rankers of the same names; docs/hybrid.md states them with
 * the few choices that are ours. Nothing here reads a segment: what a ranker must know of a row
 * (its key, the value of a field, whether a rule's filter holds) it asks through `rank_rows`.
 */
#ifndef KITH_QUERY_RANK_H
#define KITH_QUERY_RANK_H

#include "base/arena.h"
#include "model/key.h"
#include "query/execute.h"

struct rank_list { /* what one search found, nearest first */
    const struct place *places; /* borrows */
    size_t count;
    enum kith_metric metric;
};

struct ranked {
    struct place place; /* its distance is the score */
    struct key key;     /* borrows from the segment */
    uint64_t group;
};

struct rank_rows { /* callbacks return 0 or a status */
    void *ctx;
    int (*key)(void *ctx, const struct place *place, struct key *out);
    /* The decay field as a number; *present false: null. */
    int (*value)(void *ctx, const struct place *place, double *out, bool *present);
    /* Boost rule `rule`: does its filter hold? */
    int (*matches)(void *ctx, size_t rule, const struct place *place, bool *out);
    /* Boost rule `rule`: the number that makes the row's random score. */
    int (*number)(void *ctx, size_t rule, const struct place *place, uint64_t *out);
    /* Rows with equal values of the grouping field have equal numbers. */
    int (*group)(void *ctx, const struct place *place, uint64_t *out);
};

/* Whether the ranker is in order for that many searches; KITH_EINVAL with the texts of Milvus. */
KITH_NODISCARD int rank_check(const struct kith_ranker *ranker, size_t searches,
                              struct kith_error *err);

/* Best first, ties by key. A row that several lists hold comes once. `out` lies in the arena. */
KITH_NODISCARD int rank_fuse(const struct kith_ranker *ranker, const struct rank_list *lists,
                             size_t list_count, const struct rank_rows *rows, struct arena *arena,
                             struct ranked **out, size_t *count, struct kith_error *err);
/* Are smaller scores better under this ranker? Only for distances that nothing turned around. */
bool rank_ascending(const struct kith_ranker *ranker, const struct rank_list *lists,
                    size_t list_count);

struct rank_groups {
    uint32_t size; /* rows a group */
    bool strict;   /* groups with fewer are left out while full ones are enough */
    enum kith_score_mode scorer;
    size_t limit; /* groups */
    bool ascending;
};
/* Reorders `items` (as rank_fuse made them) into the best groups, the best rows of each together;
 * groups by their scorer, then the larger, then the one with the smaller first key. */
KITH_NODISCARD int rank_group(const struct rank_groups *groups, const struct rank_rows *rows,
                              struct arena *arena, struct ranked *items, size_t *count,
                              struct kith_error *err);

/* The score that a caller of Milvus sees for a distance of ours: cosine similarity for 1 - cosine,
 * the product for a negated one. */
double rank_score(enum kith_metric metric, double distance);
/* To 0..1, larger is better. */
double rank_normalise(enum kith_metric metric, double score);
/* floor(score * 10^digits + 0.5) / 10^digits */
double rank_round(double score, int digits);

#endif
