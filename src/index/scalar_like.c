/*
 * A LIKE pattern against a text: bytes, any one character of UTF-8, any run of bytes. Greedy with
 * one place to go back to, the last run; at most pattern times text steps. The same rules as the
 * filter's own matcher in the query room, which this room may not include: a stray byte is one
 * character, and a run goes on character by character.
 */
#include <string.h>

#include "index/scalar_terms.h"

static size_t character_bytes(struct kith_str text, size_t at)
{
    const unsigned char c = (unsigned char)text.data[at];
    const size_t want = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    size_t n = 1;
    while (n < want && at + n < text.len && ((unsigned char)text.data[at + n] & 0xc0) == 0x80) n++;
    return n;
}

/* The next place from which the run may be left: where the byte behind it stands. */
static bool run_leave(const uint16_t *items, size_t count, size_t item, struct kith_str text,
                      size_t *at)
{
    if (*at > text.len) return false;
    if (item == count || items[item] >= PROBE_LIKE_ONE || *at == text.len) return true;
    const char *found = memchr(text.data + *at, items[item], text.len - *at);
    if (!found) return false;
    *at = (size_t)(found - text.data);
    return true;
}

bool scalar_like_matches(const uint16_t *items, size_t count, struct kith_str text)
{
    size_t at = 0, item = 0, run_item = 0, run_at = 0;
    bool in_run = false;
    for (;;) {
        if (item < count && items[item] == PROBE_LIKE_RUN) {
            in_run = true;
            run_item = ++item;
            if (item == count) return true;
            if (!run_leave(items, count, item, text, &at)) return false;
            run_at = at;
        } else if (item < count && at < text.len && items[item] == PROBE_LIKE_ONE) {
            at += character_bytes(text, at);
            item++;
        } else if (item < count && at < text.len &&
                   items[item] == (unsigned char)text.data[at]) {
            at++;
            item++;
        } else if (item == count && at == text.len) {
            return true;
        } else {
            if (!in_run || run_at >= text.len) return false;
            run_at += character_bytes(text, run_at);
            if (!run_leave(items, count, run_item, text, &run_at)) return false;
            at = run_at;
            item = run_item;
        }
    }
}
