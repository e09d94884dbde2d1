/*
 * Kith's side of ab_filter, as plain C that C++ can include: the database of `kith bench filter`,
 * searched through kith.h under its filters. One thread.
 */
#ifndef KITH_BENCH_FILTER_SIDE_H
#define KITH_BENCH_FILTER_SIDE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct filter_side;

/* NULL on failure, with a text on stderr. The database is built when it is not there. */
struct filter_side *filter_side_new(const char *base, const char *query, int cosine, size_t k,
                                    size_t queries_max);
void filter_side_free(struct filter_side *side);
size_t filter_side_queries(const struct filter_side *side);

/* From here on: the rows of a kind ("rand", "near", "far"), so many thousandths of all. They are
 * returned: *count numbers, ascending, borrowed until the next call. NULL on failure. */
const uint32_t *filter_side_filter(struct filter_side *side, const char *kind, int share,
                                   size_t *count);
/* All queries in one call, with a recall target, or 0: the default effort. ids: k a query, counts:
 * how many of them there are. Seconds, or < 0. */
double filter_side_search(struct filter_side *side, float recall, uint32_t *ids, size_t *counts);
const char *filter_side_plan(struct filter_side *side); /* that the planner chooses */

#ifdef __cplusplus
}
#endif
#endif
