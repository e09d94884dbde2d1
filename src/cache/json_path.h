/*
 * Paths into a JSON document: `$.a['b'][0][-1][*]..c.*[1:3][0,'x'][?@.n > 1]` (JSONPath, RFC 9535,
 * filters in json_filter.h) and the legacy form `.a.b[0]` or `a.b`, which means one value.
 *
 * What a path selects comes in document order, a container before what is inside it, each node
 * once: so a caller that changes or removes the selected nodes from the last to the first never
 * touches what it already freed. So a slice goes forwards, and the values of a union come in the
 * order of the document, too.
 */
#ifndef KITH_CACHE_JSON_PATH_H
#define KITH_CACHE_JSON_PATH_H

#include "cache/json_value.h"

#define JSON_PATH_STEPS_MAX 64u

#define JSON_PATH_NESTING_MAX 2u /* paths in filters of paths */

enum json_step_kind { STEP_MEMBER, STEP_INDEX, STEP_ALL, STEP_SLICE, STEP_UNION, STEP_FILTER };
struct json_path_step {
    enum json_step_kind kind;
    bool descends; /* `..`: also of everything below */
    struct kith_str name; /* borrows from the path's text; UNION, FILTER: what stands inside */
    int64_t index;        /* SLICE: where it begins */
    int64_t end, stride;  /* SLICE; end INT64_MAX: open */
};
struct json_path {
    bool legacy;
    size_t count;
    struct json_path_step steps[JSON_PATH_STEPS_MAX];
};
/* NULL, or why the text is no path. */
const char *json_path_parse(struct kith_str text, struct json_path *out);
/* The steps behind the `@` or `$` of a filter, up to an operator; *at goes behind them. */
const char *json_path_parse_inner(const char **at, const char *end, unsigned nesting,
                                  struct json_path *out);

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
#define JSON_PATH_WORK 5000000u /* values that one selection looks at: some tenths of a second */

/* The first `steps` steps of a path. KITH_ENOMEM; KITH_ELIMIT: it looks at too many values. */
KITH_NODISCARD int json_path_select(struct json_node *root, const struct json_path *path,
                                    size_t steps, struct json_matches *out);
/* All of a path, where several share what may be looked at (JSON_PATH_WORK at first). */
KITH_NODISCARD int json_path_select_within(struct json_node *root, const struct json_path *path,
                                           uint64_t *left, struct json_matches *out);

/* The same below a node of a document: `$` in a filter is the root. *left: values that may be
 * looked at. */
KITH_NODISCARD int json_path_select_below(struct json_node *root, struct json_node *node,
                                          const struct json_path *path, uint64_t *left,
                                          struct json_matches *out);

#endif
