/*
 * Numbers and patterns in the words of a command: the rules of Redis, without an answer.
 *
 * Matching walks the pattern and the text side by side and remembers only the last '*': when
 * something does not fit, that star takes one byte more. What an earlier star took never needs to
 * change, so the time is at most pattern * text, where a recursive matcher is exponential. That is
 * still too much for a pattern and a text of a megabyte each: when a comparison has gone back over
 * more than MATCH_STEPS_MAX bytes of the pattern it has failed.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "redis/command.h"

#define MATCH_STEPS_MAX (UINT64_C(1) << 22) /* some milliseconds */
#define DOUBLE_TEXT_MAX 512u /* longer numbers are read from a copy of their own */

bool text_integer(struct kith_str text, int64_t *out)
{
    const char *at = text.data, *end = text.data + text.len;
    if (text.len == 0 || text.len > 20) return false;
    const bool negative = *at == '-';
    if (negative && ++at == end) return false;
    if (*at == '0' && (negative || end - at > 1)) return false;
    uint64_t value = 0;
    for (; at < end; at++) {
        const unsigned digit = (unsigned)(unsigned char)*at - '0';
        if (digit > 9) return false;
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return false;
    }
    if (value > (uint64_t)INT64_MAX + negative) return false;
    *out = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

static bool read_double(const char *text, size_t len, double *out)
{
    char *end;
    errno = 0;
    const double value = strtod(text, &end);
    if ((size_t)(end - text) != len || isnan(value)) return false;
    if (errno == ERANGE && (isinf(value) || value == 0)) return false;
    *out = value;
    return true;
}

bool text_double(struct kith_str text, double *out)
{
    if (text.len == 0 || (unsigned char)text.data[0] <= ' ') return false;
    if (text.len < DOUBLE_TEXT_MAX) {
        char copy[DOUBLE_TEXT_MAX];
        memcpy(copy, text.data, text.len);
        copy[text.len] = 0;
        return read_double(copy, text.len, out);
    }
    char *copy = mem_strndup(text.data, text.len);
    const bool ok = copy && read_double(copy, text.len, out);
    mem_free(copy);
    return ok;
}

/* ---- patterns ---- */

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

static bool same(char a, char b, bool fold_case)
{
    return fold_case ? lower(a) == lower(b) : a == b;
}

/* One member of a class, from *at on: an escaped byte, a range or a byte. */
static bool member_fits(struct kith_str pattern, size_t *at, char c, bool fold_case)
{
    const char *p = pattern.data;
    const size_t i = *at, left = pattern.len - i;
    if (p[i] == '\\' && left >= 2) {
        *at = i + 2;
        return same(p[i + 1], c, fold_case);
    }
    if (left >= 3 && p[i + 1] == '-') {
        unsigned char low = (unsigned char)p[i], high = (unsigned char)p[i + 2];
        unsigned char x = (unsigned char)c;
        if (low > high) {
            const unsigned char swap = low;
            low = high;
            high = swap;
        }
        if (fold_case) {
            low = lower((char)low);
            high = lower((char)high);
            x = lower(c);
        }
        *at = i + 3;
        return x >= low && x <= high;
    }
    *at = i + 1;
    return same(p[i], c, fold_case);
}

/* A class behind its '['; *at ends behind its ']', or at the end of the pattern. */
static bool class_fits(struct kith_str pattern, size_t *at, char c, bool fold_case)
{
    size_t i = *at;
    bool fits = false;
    const bool inverted = i < pattern.len && pattern.data[i] == '^';
    if (inverted) i++;
    while (i < pattern.len && pattern.data[i] != ']')
        if (member_fits(pattern, &i, c, fold_case)) fits = true;
    *at = i < pattern.len ? i + 1 : i;
    return fits != inverted;
}

/* One element that is no star; *at moves behind it. */
static bool element_fits(struct kith_str pattern, size_t *at, char c, bool fold_case)
{
    const size_t i = (*at)++;
    switch (pattern.data[i]) {
    case '?': return true;
    case '[': return class_fits(pattern, at, c, fold_case);
    case '\\':
        if (*at < pattern.len) return same(pattern.data[(*at)++], c, fold_case);
        return c == '\\';
    default: return same(pattern.data[i], c, fold_case);
    }
}

bool text_matches(struct kith_str pattern, struct kith_str text, bool fold_case)
{
    size_t p = 0, t = 0, star = SIZE_MAX, taken = 0;
    uint64_t again = 0; /* bytes of the pattern that were looked at in vain */
    while (t < text.len) {
        if (p < pattern.len && pattern.data[p] == '*') {
            star = ++p;
            taken = t;
            if (star == pattern.len) return true;
            continue;
        }
        if (p < pattern.len && element_fits(pattern, &p, text.data[t], fold_case)) {
            t++;
            continue;
        }
        if (star == SIZE_MAX) return false;
        again += p - star - 1;
        if (again > MATCH_STEPS_MAX) return false;
        p = star;
        t = ++taken;
    }
    while (p < pattern.len && pattern.data[p] == '*') p++;
    return p == pattern.len;
}
