/*
 * What the files of the executor share: one pass of one query over some units.
 *
 * A pass belongs to one thread. What it found is a plain list that grows; every unit appends the
 * nearest rows of its own, so the list is complete as soon as it holds those of every unit.
 */
#ifndef KITH_QUERY_EXECUTE_INTERNAL_H
#define KITH_QUERY_EXECUTE_INTERNAL_H

#include "query/execute.h"

#define PASS_TIES 1024u /* room for ties of the k-th, beside k */

struct pass {
    const struct search_binding *binding;
    const struct search_query *query;
    size_t k;
    float outer;         /* only smaller distances matter */
    struct place *found; /* owns: room for room */
    size_t count;
    size_t room;
    struct hit *hits; /* owns: room for k, and behind it for the ties */
    size_t ties_room;
    struct index_stats stats;
    bool complete;
    int poll_status; /* what stopped it */
    struct text_pass *text; /* owns, execute_text.c: what a query of words needs; NULL: not yet */
};

int pass_poll(void *pass);
/* Appends hits of one unit, whose row 0 is row `first` of the segment. 0 or KITH_ENOMEM. */
KITH_NODISCARD int pass_add(struct pass *pass, uint32_t segment, uint32_t first,
                            const struct hit *hits, size_t count);
/* Only distances below it can be among the k nearest, or tie with the k-th, after what was found.
 * Cuts the list down to those. */
float pass_bound(struct pass *pass);

struct pass_tied { /* who is asked when ties fill their room */
    const struct segment *segment;
    size_t first; /* the segment's row of hit row 0 */
    size_t keep;
};
/* shrink() of struct index_ties; ctx is a struct pass_tied. */
void pass_shrink_ties(void *ctx, struct hit *hits, size_t *count);

/* Each searches one unit and appends. KITH_ECORRUPT: a page of the segment is damaged. */
KITH_NODISCARD int pass_scan(struct pass *pass, const struct search_unit *unit,
                             struct kith_error *err); /* execute_scan.c */
KITH_NODISCARD int pass_walk(struct pass *pass, const struct search_unit *unit,
                             const struct plan_choice *choice,
                             struct kith_error *err); /* execute_walk.c */
KITH_NODISCARD int pass_sparse(struct pass *pass, const struct search_unit *unit,
                               struct kith_error *err); /* execute_sparse.c */
KITH_NODISCARD int pass_text(struct pass *pass, const struct search_unit *unit,
                             struct kith_error *err); /* execute_text.c */
void text_pass_free(struct text_pass *text); /* NULL is a no-op */

#endif
