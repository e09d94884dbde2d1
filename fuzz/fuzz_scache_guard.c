/*
 * The guard of the semantic cache over two texts, divided by the first NUL: it ends, is the same
 * from both sides, agrees with itself, and one more number, negation or unknown word is never
 * passed over.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "redis/scache_guard.h"

/* The text with a line more in front. */
static bool passes_over(const char *line, struct kith_str text)
{
    const size_t len = strlen(line);
    char *more = malloc(len + text.len);
    MUST(more);
    memcpy(more, line, len);
    if (text.len) memcpy(more + len, text.data, text.len);
    const struct kith_str longer = {more, len + text.len};
    const bool result = scache_guard_agrees(text, longer) || scache_guard_agrees(longer, text);
    free(more);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size ? memchr(data, 0, size) : NULL;
    const size_t a_len = end ? (size_t)(end - data) : size, b_len = end ? size - a_len - 1 : 0;
    char *a = malloc(a_len ? a_len : 1), *b = malloc(b_len ? b_len : 1);
    MUST(a && b);
    if (a_len) memcpy(a, data, a_len);
    if (b_len) memcpy(b, end + 1, b_len);
    const struct kith_str left = {a, a_len}, right = {b, b_len};
    MUST(scache_guard_agrees(left, left) && scache_guard_agrees(right, right));
    MUST(scache_guard_agrees(left, right) == scache_guard_agrees(right, left));
    MUST(!passes_over("7\n ", left) && !passes_over("not\n ", left) &&
         !passes_over("xyzzy\n ", left));
    free(a);
    free(b);
    return 0;
}
