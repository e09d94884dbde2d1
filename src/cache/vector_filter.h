/*
 * The FILTER language of vector sets: `.year >= 1980 and "x" in .tags`.
 *
 * Compiled once a call into a program for a stack machine; evaluating allocates nothing. What is
 * odd about the language is Redis' and kept, because expressions are written against it: operators
 * are taken as the longest beginning of a run of letters and signs, a '-' before a digit belongs to
 * the number unless a value stands before it, `not` does not nest, both sides of `and` and `or` are
 * evaluated, and an attribute without one of the names makes the whole expression false.
 *
 *   level  operators (tightest first)
 *   7      ( )
 *   6      ! not
 *   5      **             right to left
 *   4      * / %
 *   3      + -
 *   2      > >= < <= == != in
 *   1      and &&
 *   0      or ||
 *
 * Threading: a compiled filter is read-only; each evaluating thread has a scratch of its own.
 */
#ifndef KITH_CACHE_VECTOR_FILTER_H
#define KITH_CACHE_VECTOR_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "cache/vector_attribute.h"

#define VECTOR_FILTER_BYTES_MAX 65536u /* LIMIT_FILTER_BYTES */

struct vector_filter;
struct filter_value;

/* KITH_EINVAL: *error_at is where in text the trouble is (what a message shows from there on).
 * KITH_ELIMIT: too long. KITH_ENOMEM. Copies the text. */
KITH_NODISCARD int vector_filter_compile(const char *text, size_t len, struct vector_filter **out,
                                         size_t *error_at);
void vector_filter_free(struct vector_filter *filter); /* NULL is a no-op */

/* mem_free() it. NULL: no memory. */
KITH_NODISCARD struct filter_value *vector_filter_scratch(const struct vector_filter *filter);
/* attribute: NULL is false. */
bool vector_filter_matches(const struct vector_filter *filter, struct filter_value *scratch,
                           const struct vector_attribute *attribute);

#endif
