/*
 * Partitions that a filter on the partition key leaves.
 */
#ifndef KITH_QUERY_PLAN_PARTITIONS_H
#define KITH_QUERY_PLAN_PARTITIONS_H

#include "query/filter.h"

/* *out is NULL when the filter says nothing; else *count numbers, in the arena. 0 or
 * KITH_ENOMEM. */
KITH_NODISCARD int plan_partitions_of(const struct filter *filter, const struct schema *schema,
                                      struct arena *arena, const uint32_t **out, size_t *count);

#endif
