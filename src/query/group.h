/*
 * Grouping: the nearest rows of each value of a scalar field or of a path in JSON.
 *
 * Rows come in order of distance; a row opens the group of its value when fewer than `limit` are
 * open, joins it when it has room, and is passed over otherwise. The search is widened until
 * `limit` groups are open (strict: and full), or all rows were seen. So the groups are those of the
 * nearest rows, and which rows a group that is not full has depends, unless it is strict, on how
 * deep the search had to go for the last group. A null or absent value is a group like any other.
 */
#ifndef KITH_QUERY_GROUP_H
#define KITH_QUERY_GROUP_H

#include "base/buffer.h"
#include "base/json.h"
#include "query/execute.h"

#define GROUP_SIZE_MAX 10u

struct group_by {
    size_t field;
    const struct json_step *steps; /* JSON: below the column's root */
    size_t step_count;
    size_t limit;  /* groups */
    uint32_t size; /* rows of a group */
    bool strict;
};

/* "field", "field['key'][0]", or a key of the dynamic field. In the arena. KITH_EINVAL with the
 * texts of Milvus. limit, size and strict are left to the caller. */
KITH_NODISCARD int group_by_parse(const char *text, const struct schema *schema,
                                  struct arena *arena, struct group_by **out,
                                  struct kith_error *err);
/* Appends bytes that are equal for equal values. 0, KITH_ECORRUPT or KITH_ENOMEM. */
KITH_NODISCARD int group_value(const struct group_by *group, const struct segment *segment,
                               size_t row, struct buffer *out);
/* As execute_search, but for groups. The first `skip` groups are left out. */
KITH_NODISCARD int group_search(const struct search_binding *binding,
                                const struct search_query *query, const struct group_by *group,
                                size_t skip, struct search_threads threads,
                                struct search_found *found, struct kith_error *err);

#endif
