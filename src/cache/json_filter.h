/*
 * Filters of JSON paths: `[?(@.price < 10 && @.tags[0] == "new")]`.
 *
 *     or := and { "||" and }      and := not { "&&" not }      not := "!" not | "(" or ")" | test
 *     test := operand [ ("==" | "!=" | "<" | "<=" | ">" | ">=") operand ]
 *     operand := number | 'text' | "text" | true | false | null | @ steps | $ steps
 *
 * An operand that is a path stands for what it selects: alone, it asks whether there is something;
 * in a comparison one of the values has to fit. Values of different kinds are not equal and have no
 * order. A filter is checked once and read anew for every value that is tested: nothing of it is
 * kept. Nesting, of filters in paths of filters and of parentheses, is bounded; the text is
 * untrusted.
 */
#ifndef KITH_CACHE_JSON_FILTER_H
#define KITH_CACHE_JSON_FILTER_H

#include "cache/json_path.h"

#define JSON_FILTER_DEPTH_MAX 16u /* of parentheses and `!` */

/* The filter at *at, which goes behind it; NULL, or why it is none. */
const char *json_filter_check(const char **at, const char *end, unsigned nesting);
/* 1, 0, KITH_ENOMEM or KITH_ELIMIT (json_path.h). The text was checked. */
int json_filter_test(struct kith_str text, struct json_node *root, struct json_node *node,
                     uint64_t *left);

#endif
