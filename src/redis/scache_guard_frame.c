/*
 * One sentence with something else in one place: "weather in paris" and "weather in london". No
 * mark tells such prompts apart, and their vectors are as near as vectors come.
 *
 * Words that both begin with, and words that both end with, are taken off; what is left over in the
 * middle is compared. If most of both was taken off, and each middle says something that the other
 * does not, the prompts ask for different things. A word more on one side alone is not enough: that
 * is how people ask the same again.
 *
 * Words are runs of letters and digits; of scripts without blanks each sign is one. They are walked
 * from both ends, so nothing is kept but the few of the middles.
 */
#include <string.h>

#include "redis/scache_guard_internal.h"

#define MIDDLE_MAX 6u /* words of a middle; longer ones are other sentences */

bool guard_is_word(uint32_t p)
{
    if (p < 0x80) return is_word((char)p);
    return p >= 0xaa && !(p >= 0x2000 && p <= 0x206f) && !(p >= 0x3000 && p <= 0x3004) &&
           !(p >= 0x3008 && p <= 0x3020) && !(p >= 0xff00 && p <= 0xff0f) && p != 0xff1f &&
           p != 0xab && p != 0xbb && p != 0xbf;
}

bool guard_word_behind(const struct guard_text *in, struct guard_word *out)
{
    size_t at = in->from, bytes = 0;
    uint32_t p = 0;
    while (at < in->to) {
        p = guard_point(in->text + at, in->to - at, &bytes);
        if (guard_is_word(p)) break;
        at += bytes;
    }
    if (at >= in->to) return false;
    out->at = at;
    bool one = guard_is_dense(p);
    for (at += bytes; at < in->to && !one; at += bytes) {
        p = guard_point(in->text + at, in->to - at, &bytes);
        if (!guard_is_word(p) || guard_is_dense(p)) break;
    }
    out->len = at - out->at;
    return true;
}

bool guard_word_before(const struct guard_text *in, struct guard_word *out)
{
    size_t at = in->to, start = at, bytes = 0;
    uint32_t p = 0;
    bool found = false;
    while (at > in->from && !found) {
        start = guard_point_before(in->text, at);
        if (start < in->from) return false;
        p = guard_point(in->text + start, at - start, &bytes);
        found = guard_is_word(p);
        if (!found) at = start;
    }
    if (!found) return false;
    const size_t end = at;
    while (!guard_is_dense(p) && start > in->from) {
        const size_t before = guard_point_before(in->text, start);
        if (before < in->from) break;
        const uint32_t q = guard_point(in->text + before, start - before, &bytes);
        if (!guard_is_word(q) || guard_is_dense(q)) break;
        start = before;
    }
    *out = (struct guard_word){start, end - start};
    return true;
}

static bool fold(const struct guard_text *in, const struct guard_word *word,
                 char out[GUARD_WORD_MAX])
{
    if (word->len > GUARD_WORD_MAX) return false;
    guard_fold(in->text + word->at, word->len, out);
    return true;
}

static bool same_word(const struct guard_text *a, const struct guard_word *x,
                      const struct guard_text *b, const struct guard_word *y)
{
    char left[GUARD_WORD_MAX], right[GUARD_WORD_MAX];
    if (x->len != y->len) return false;
    if (memcmp(a->text + x->at, b->text + y->at, x->len) == 0) return true;
    return fold(a, x, left) && fold(b, y, right) && memcmp(left, right, x->len) == 0;
}

size_t guard_take_shared(struct guard_text *a, struct guard_text *b)
{
    struct guard_word x, y;
    size_t count = 0;
    while (guard_word_behind(a, &x) && guard_word_behind(b, &y) && same_word(a, &x, b, &y)) {
        a->from = x.at + x.len;
        b->from = y.at + y.len;
        count++;
    }
    while (guard_word_before(a, &x) && guard_word_before(b, &y) && same_word(a, &x, b, &y)) {
        a->to = x.at;
        b->to = y.at;
        count++;
    }
    return count;
}

/* false: there are more than the list holds. */
static bool list_words(struct guard_text in, struct guard_word words[MIDDLE_MAX], size_t *count)
{
    struct guard_word word;
    *count = 0;
    while (guard_word_behind(&in, &word)) {
        if (*count == MIDDLE_MAX) return false;
        words[(*count)++] = word;
        in.from = word.at + word.len;
    }
    return true;
}

/* Says something that the other middle does not. Numbers and cues are the marks' business. */
static bool says_more(const struct guard_text *a, const struct guard_word *words, size_t count,
                      const struct guard_text *b, const struct guard_word *others,
                      size_t other_count)
{
    char left[GUARD_WORD_MAX], right[GUARD_WORD_MAX];
    for (size_t i = 0; i < count; i++) {
        if (!fold(a, &words[i], left) || is_digit(left[0])) continue;
        bool number;
        bool known = guard_is(left, words[i].len, GUARD_FILLER) ||
                     guard_mark(left, words[i].len, &number) != NULL;
        for (size_t k = 0; k < other_count && !known; k++)
            known = fold(b, &others[k], right) &&
                    guard_same_sense(left, words[i].len, right, others[k].len);
        if (!known) return true;
    }
    return false;
}

bool guard_differs_in_place(struct kith_str a, struct kith_str b)
{
    struct guard_text left = {a.data, 0, a.len}, right = {b.data, 0, b.len};
    struct guard_word mine[MIDDLE_MAX], theirs[MIDDLE_MAX];
    size_t count, other_count;
    const size_t shared = guard_take_shared(&left, &right);
    if (!list_words(left, mine, &count) || !list_words(right, theirs, &other_count)) return false;
    if (shared < count || shared < other_count) return false;
    return says_more(&left, mine, count, &right, theirs, other_count) &&
           says_more(&right, theirs, other_count, &left, mine, count);
}
