/*
 * See glob.h. The walk is that of text_matches (text_values.c): only the last star is remembered,
 * and a comparison that has gone back over too many elements has failed.
 */
#include "redis/glob.h"

#include <string.h>

enum { GLOB_ANY = 256, GLOB_STAR, GLOB_SET }; /* GLOB_SET + i: the i-th class */

#define STEPS_MAX (UINT64_C(1) << 22)

struct set {
    uint64_t bits[4];
};

static unsigned char lower(unsigned char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

/* ---- reading ---- */

static void add_range(struct set *set, unsigned low, unsigned high)
{
    for (unsigned word = low / 64; word <= high / 64; word++) {
        const unsigned from = word == low / 64 ? low % 64 : 0;
        const unsigned to = word == high / 64 ? high % 64 : 63;
        if (from <= to) set->bits[word] |= (UINT64_MAX << from) & (UINT64_MAX >> (63 - to));
    }
}

static bool has(const struct set *set, unsigned c) { return set->bits[c / 64] >> (c % 64) & 1; }

/* One member of a class, from *at on: an escaped byte, a range or a byte. */
static void read_member(const struct glob *glob, size_t *at, struct set *set)
{
    const unsigned char *p = (const unsigned char *)glob->pattern.data + *at;
    const size_t left = glob->pattern.len - *at;
    unsigned char low = *p, high = *p;
    if (*p == '\\' && left >= 2) {
        low = high = p[1];
        *at += 2;
    } else if (left >= 3 && p[1] == '-') {
        low = *p < p[2] ? *p : p[2];
        high = *p < p[2] ? p[2] : *p;
        *at += 3;
    } else {
        *at += 1;
    }
    if (glob->fold_case) {
        low = lower(low);
        high = lower(high);
    }
    if (low <= high) add_range(set, low, high);
}

/* A class behind its '['; *at ends behind its ']', or at the end of the pattern. */
static struct set read_set(const struct glob *glob, size_t *at)
{
    const struct kith_str pattern = glob->pattern;
    struct set set = {{0}};
    const bool inverted = *at < pattern.len && pattern.data[*at] == '^';
    if (inverted) ++*at;
    while (*at < pattern.len && pattern.data[*at] != ']') read_member(glob, at, &set);
    if (*at < pattern.len) ++*at;
    for (unsigned c = 'A'; glob->fold_case && c <= 'Z'; c++) { /* large letters as small ones */
        const uint64_t bit = UINT64_C(1) << (c % 64);
        set.bits[c / 64] = has(&set, c + 32) ? set.bits[c / 64] | bit : set.bits[c / 64] & ~bit;
    }
    for (size_t i = 0; inverted && i < 4; i++) set.bits[i] = ~set.bits[i];
    return set;
}

static void put_element(struct glob *glob, uint32_t element)
{
    buffer_put(&glob->elements, &element, sizeof element);
}

static void put_set(struct glob *glob, const struct set *set)
{
    const size_t count = glob->sets.len / sizeof *set;
    put_element(glob, GLOB_SET + (uint32_t)count);
    buffer_put(&glob->sets, set, sizeof *set);
}

static uint32_t literal(const struct glob *glob, char c)
{
    return glob->fold_case ? lower((unsigned char)c) : (unsigned char)c;
}

/* The element at *at; *at goes behind it. */
static void read_element(struct glob *glob, size_t *at)
{
    const struct kith_str pattern = glob->pattern;
    const char c = pattern.data[(*at)++];
    if (c == '*') {
        while (*at < pattern.len && pattern.data[*at] == '*') ++*at;
        if (glob->whole) put_element(glob, GLOB_STAR);
        return;
    }
    glob->whole = glob->whole && glob->needs < GLOB_ELEMENTS_MAX;
    glob->needs++;
    if (c == '[') {
        const struct set set = read_set(glob, at);
        if (glob->whole) put_set(glob, &set);
        return;
    }
    const bool escape = c == '\\' && *at < pattern.len;
    const char byte = escape ? pattern.data[(*at)++] : c;
    if (glob->whole) put_element(glob, c == '?' ? GLOB_ANY : literal(glob, byte));
}

int glob_init(struct glob *glob, struct kith_str pattern, bool fold_case)
{
    *glob = (struct glob){.pattern = pattern, .fold_case = fold_case, .whole = true};
    buffer_init(&glob->elements);
    buffer_init(&glob->sets);
    for (size_t at = 0; at < pattern.len;) read_element(glob, &at);
    return buffer_failed(&glob->elements) || buffer_failed(&glob->sets) ? KITH_ENOMEM : 0;
}

void glob_release(struct glob *glob)
{
    buffer_release(&glob->elements);
    buffer_release(&glob->sets);
}

/* ---- matching ---- */

static bool fits(const struct glob *glob, uint32_t element, char c)
{
    const unsigned char byte = (unsigned char)c;
    if (element >= GLOB_SET) {
        struct set set;
        memcpy(&set, glob->sets.data + (element - GLOB_SET) * sizeof set, sizeof set);
        return has(&set, byte);
    }
    return element == GLOB_ANY || element == (glob->fold_case ? lower(byte) : byte);
}

static bool walk(struct glob *glob, const uint32_t *elements, size_t count, struct kith_str text)
{
    size_t p = 0, t = 0, star = SIZE_MAX, taken = 0;
    uint64_t again = 0; /* elements that were looked at in vain */
    while (t < text.len) {
        glob->looked++;
        if (p < count && elements[p] == GLOB_STAR) {
            star = ++p;
            taken = t;
            if (star == count) return true;
        } else if (p < count && fits(glob, elements[p], text.data[t])) {
            p++;
            t++;
        } else {
            if (star == SIZE_MAX) return false;
            again += p - star;
            if (again > STEPS_MAX) return false;
            p = star;
            t = ++taken;
        }
    }
    return p == count || (p + 1 == count && elements[p] == GLOB_STAR);
}

bool glob_matches(struct glob *glob, struct kith_str text)
{
    if (text.len < glob->needs) return false;
    if (!glob->whole) return text_matches(glob->pattern, text, glob->fold_case);
    return walk(glob, (const uint32_t *)(const void *)glob->elements.data,
                glob->elements.len / sizeof(uint32_t), text);
}
