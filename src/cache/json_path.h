/*
 * Paths into a JSON document: `$.a['b'][0][-1][*]..c.*` (JSONPath, RFC 9535, without slices,
 * filters and unions) and the legacy form `.a.b[0]` or `a.b`, which means one value.
 *
 * What a path selects comes in document order, a container before what is inside it, each node
 * once: so a caller that changes or removes the selected nodes from the last to the first never
 * touches what it already freed.
 */
#ifndef KITH_CACHE_JSON_PATH_H
#define KITH_CACHE_JSON_PATH_H

#include "cache/json_value.h"

#define JSON_PATH_STEPS_MAX 64u

enum json_step_kind { STEP_MEMBER, STEP_INDEX, STEP_ALL };
struct json_path_step {
    enum json_step_kind kind;
    bool descends; /* `..`: also of everything below */
    struct kith_str name; /* borrows from the path's text */
    int64_t index;
};
struct json_path {
    bool legacy;
    size_t count;
    struct json_path_step steps[JSON_PATH_STEPS_MAX];
};
/* NULL, or why the text is no path. */
const char *json_path_parse(struct kith_str text, struct json_path *out);

struct json_match {
    struct json_node *node;
    struct json_node *parent; /* NULL: the root */
    uint32_t index;           /* in parent */
    uint32_t depth;           /* of the node; the root has 0 */
};
struct json_matches {
    struct json_match *items; /* owns */
    size_t count, cap;
};
void json_matches_release(struct json_matches *matches);
/* The first `steps` steps of a path. KITH_ENOMEM. */
KITH_NODISCARD int json_path_select(struct json_node *root, const struct json_path *path,
                                    size_t steps, struct json_matches *out);

#endif
