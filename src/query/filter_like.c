/*
 * Patterns of `like`: `%` is any run, `_` any one character (of UTF-8), `\%` `\_` `\\` the signs.
 *
 * Matching is greedy with one place to go back to, the last run: at most length of the text times
 * length of the pattern steps, and linear for the usual "x%" and "%x%".
 */
#include <string.h>

#include "query/filter_internal.h"

int like_compile(struct arena *arena, struct kith_str pattern, struct like *out)
{
    uint16_t *items = arena_alloc_array(arena, pattern.len + 1, sizeof *items);
    if (!items) return KITH_ENOMEM;
    size_t n = 0;
    for (size_t i = 0; i < pattern.len; i++) {
        unsigned char c = (unsigned char)pattern.data[i];
        char after = i + 1 < pattern.len ? pattern.data[i + 1] : '\0';
        if (c == '\\' && (after == '%' || after == '_' || after == '\\'))
            items[n++] = (unsigned char)pattern.data[++i];
        else if (c == '_') items[n++] = LIKE_ONE;
        else if (c != '%') items[n++] = c;
        else if (n == 0 || items[n - 1] != LIKE_RUN) items[n++] = LIKE_RUN;
    }
    *out = (struct like){ .items = items, .count = n };
    return 0;
}

/* Bytes of the character at text: stray bytes count as one each. */
static size_t character_bytes(const char *text, size_t left)
{
    unsigned char c = (unsigned char)*text;
    size_t want = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4, n = 1;
    while (n < want && n < left && ((unsigned char)text[n] & 0xc0) == 0x80) n++;
    return n;
}

/* Where a run may go on: the next place at which the byte behind it stands. */
static size_t run_target(const struct like *like, size_t item, struct kith_str text, size_t from)
{
    if (item >= like->count || like->items[item] >= LIKE_ONE || from >= text.len) return from;
    const char *found = memchr(text.data + from, like->items[item], text.len - from);
    return found ? (size_t)(found - text.data) : text.len + 1;
}

bool like_matches(const struct like *like, struct kith_str text)
{
    size_t at = 0, item = 0, run_item = SIZE_MAX, run_at = 0;
    for (;;) {
        if (item < like->count && like->items[item] == LIKE_RUN) {
            run_item = ++item;
            if (item == like->count) return true;
            run_at = at = run_target(like, item, text, at);
            if (at > text.len) return false;
        } else if (item < like->count && at < text.len &&
                   (like->items[item] == LIKE_ONE ||
                    like->items[item] == (unsigned char)text.data[at])) {
            at += like->items[item] == LIKE_ONE ? character_bytes(text.data + at, text.len - at)
                                                : 1;
            item++;
        } else if (item == like->count && at == text.len) {
            return true;
        } else {
            if (run_item == SIZE_MAX || run_at >= text.len) return false;
            run_at = run_target(like, run_item, text, run_at + character_bytes(
                text.data + run_at, text.len - run_at));
            if (run_at > text.len) return false;
            at = run_at;
            item = run_item;
        }
    }
}
