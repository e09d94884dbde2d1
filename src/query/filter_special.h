/*
 * What special leaves offer to filter_special.c. A state is made by its first test.
 */
#ifndef KITH_QUERY_FILTER_SPECIAL_H
#define KITH_QUERY_FILTER_SPECIAL_H

#include "query/filter_internal.h"

struct match_state; /* filter_text.c */

void match_state_free(struct match_state *state); /* NULL is a no-op */

/* *result: 1 true, 0 false, -1 unknown. Return KITH_ENOMEM or 0. */
KITH_NODISCARD int match_test(struct match_state **state, const struct match_leaf *leaf,
                              struct kith_str text, int *result);
KITH_NODISCARD int geometry_test(struct geometry_matcher **state, const struct geometry_leaf *leaf,
                                 struct kith_str wkt, int *result);
int time_test(const struct plan *plan, int64_t micros); /* filter_time.c */

#endif
