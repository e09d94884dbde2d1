/*
 * The guard of the semantic cache over two texts, divided by the first NUL: it ends, is the same
 * from both sides, agrees with itself, and one more number is never passed over.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "redis/scache_guard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size ? memchr(data, 0, size) : NULL;
    const size_t a_len = end ? (size_t)(end - data) : size, b_len = end ? size - a_len - 1 : 0;
    char *a = malloc(a_len + 1), *b = malloc(b_len + 1), *more = malloc(a_len + 4);
    MUST(a && b && more);
    if (a_len) memcpy(a, data, a_len);
    if (b_len) memcpy(b, end + 1, b_len);
    memcpy(more, "7\n ", 3);
    if (a_len) memcpy(more + 3, data, a_len);
    const struct kith_str left = {a, a_len}, right = {b, b_len}, numbered = {more, a_len + 3};
    MUST(scache_guard_agrees(left, left) && scache_guard_agrees(right, right));
    MUST(scache_guard_agrees(left, right) == scache_guard_agrees(right, left));
    MUST(!scache_guard_agrees(left, numbered));
    free(a);
    free(b);
    free(more);
    return 0;
}
