/*
 * "Did you mean": which of the names there are is the one that was meant.
 */
#ifndef KITH_BASE_SUGGEST_H
#define KITH_BASE_SUGGEST_H

#include <stddef.h>

/* The candidate nearest to `word` by edit distance (a swap of neighbours counts one), when it is
 * near enough to be what was meant; else NULL. `names` borrows. */
const char *suggest_name(const char *word, const char *const *names, size_t count);

#endif
