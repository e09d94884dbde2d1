/*
 * "Did you mean": the optimal string alignment distance (Damerau 1964, without overlapping swaps)
 * over three rows. Words are short, so quadratic is nothing.
 */
#include "base/suggest.h"

#include <string.h>

#define WORD_MAX 48

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t rows[3][WORD_MAX + 1];
    for (size_t j = 0; j <= b_len; j++) rows[0][j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t best = least(above[j], row[j - 1]) + 1;
            best = least(best, above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                best = least(best, above2[j - 2] + 1);
            }
            row[j] = best;
        }
    }
    return rows[a_len % 3][b_len];
}

/* A third of the letters may be wrong, one at least; a beginning of the name is near, too. */
const char *suggest_name(const char *word, const char *const *names, size_t count)
{
    size_t len = strlen(word);
    size_t best = len < 6 ? 2 : len / 3 + 1; /* exclusive */
    const char *near = NULL;
    if (len < 2 || len > WORD_MAX) return NULL;
    for (size_t i = 0; i < count; i++) {
        size_t name_len = strlen(names[i]);
        if (name_len > WORD_MAX) continue;
        size_t d = distance(word, len, names[i], name_len);
        if (d >= best) continue;
        best = d;
        near = names[i];
    }
    for (size_t i = 0; i < count && !near; i++) {
        if (strncmp(word, names[i], len) == 0) near = names[i];
    }
    return near;
}
