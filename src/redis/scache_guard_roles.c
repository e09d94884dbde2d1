/*
 * Who does it, to whom, and which of it is denied: questions about two prompts whose words have
 * been given to each other (scache_guard_order.c).
 *
 * Names that stand in the other order say another thing ("did Alice beat Bob", "has Bob defeated
 * Alice"), whatever stands between them, but for two cases: a word joins them in both prompts
 * ("Rome and Paris"), or each stands behind the same preposition in both ("from Rome to Paris").
 *
 * A negation denies the next words that say something. If the other prompt has one of them, one of
 * its negations must deny it.
 */
#include <string.h>

#include "redis/scache_guard_internal.h"

/* ---- names ---- */

/* The preposition that a name stands behind, over "the", "my"; NULL: none. */
static const struct prompt_word *preposition_of(const struct prompt *in, size_t at)
{
    for (size_t back = 1; back <= 3 && back <= at; back++) {
        const struct prompt_word *word = &in->words[at - back];
        if (prompt_word_is_preposition(word)) return word;
        if (!word->filler && !word->name) return NULL;
    }
    return NULL;
}

static bool same_preposition(const struct prompt_word *a, const struct prompt_word *b)
{
    return a == b || (a && b && a->len == b->len && memcmp(a->text, b->text, a->len) == 0);
}

/* Names, fillers and at least one joining word are all that stands between. */
static bool are_joined(const struct prompt *in, size_t from, size_t to)
{
    bool joined = false;
    for (size_t i = from + 1; i < to; i++) {
        const struct prompt_word *word = &in->words[i];
        if (!word->join && !word->name && !word->filler) return false;
        if (word->filler && !word->join && i > from + 1 && !joined) return false;
        joined |= word->join;
    }
    return joined && !prompt_has(in, "respectively");
}

/* "the CEO of Rome", "Rome's CEO": what stands behind "of" in one owns the other in the other. */
static bool is_owned(const struct prompt *a, size_t owner, const struct prompt *b, size_t same)
{
    const struct prompt_word *word = preposition_of(a, owner);
    return word && prompt_word_is(word, "of") && same + 1 < b->count &&
           prompt_word_is(&b->words[same + 1], "s");
}

static bool may_swap(const struct prompt *a, size_t i, size_t k, const struct prompt *b)
{
    const size_t x = a->words[i].partner, y = a->words[k].partner; /* y stands before x */
    if (are_joined(a, i, k) && are_joined(b, y, x)) return true;
    if (is_owned(a, k, b, y) || is_owned(b, x, a, i)) return true;
    const struct prompt_word *one = preposition_of(a, i), *other = preposition_of(a, k);
    return same_preposition(one, preposition_of(b, x)) &&
           same_preposition(other, preposition_of(b, y)) && !same_preposition(one, other);
}

bool guard_swaps_names(const struct prompt *a, const struct prompt *b)
{
    for (size_t k = a->first; k < a->end; k++) {
        if (!a->words[k].name || a->words[k].partner == LONE) continue;
        for (size_t i = a->first; i < k; i++) {
            const struct prompt_word *word = &a->words[i];
            if (!word->name || word->partner == LONE || word->partner < a->words[k].partner)
                continue;
            if (!may_swap(a, i, k, b)) return true;
        }
    }
    return false;
}

static bool says_own(const struct prompt_word *word, const struct prompt *other)
{
    return !word->filler && !word->loose && !word->join && !word->mark &&
           !is_digit(word->text[0]) && !prompt_word_is_preposition(word) &&
           prompt_place_of(other, word) == LONE;
}

/* Beside these names stands something else: "steve jobs", "steve cook". */
static bool differ_beside(const struct prompt *a, size_t i, const struct prompt *b, size_t k)
{
    return (i > 0 && k > 0 && says_own(&a->words[i - 1], b) && says_own(&b->words[k - 1], a)) ||
           (i + 1 < a->count && k + 1 < b->count && says_own(&a->words[i + 1], b) &&
            says_own(&b->words[k + 1], a));
}

bool guard_completes_names(const struct prompt *a, const struct prompt *b)
{
    for (size_t i = 0; i < a->count; i++) {
        const size_t k = a->words[i].name ? prompt_place_of(b, &a->words[i]) : LONE;
        if (k != LONE && differ_beside(a, i, b, k)) return true;
    }
    return false;
}

/* ---- negations ---- */

#define SCOPE_MAX 2u /* words that "n't" denies, which may stand before the subject; others: one \
                      */

/* "far from easy", "anything but easy": the word that ends the phrase. */
static bool ends_phrase(const struct prompt *in, size_t at)
{
    if (at > 1 && prompt_word_is(&in->words[at - 2], "how")) return false;
    const struct prompt_word *before = at > 0 ? &in->words[at - 1] : NULL;
    return before &&
           ((prompt_word_is(&in->words[at], "from") && prompt_word_is(before, "far")) ||
            (prompt_word_is(&in->words[at], "but") && prompt_word_is(before, "anything")));
}

static bool is_negation(const struct prompt *in, size_t at)
{
    static const char *const all[] = {"not", "no", "never", "without", "nor", "neither", "except"};
    const struct prompt_word *word = &in->words[at];
    if (at > 0 && prompt_word_is(word, "t")) { /* don't */
        const struct prompt_word *before = &in->words[at - 1];
        return before->text[before->len - 1] == 'n';
    }
    for (size_t i = 0; word->mark && i < COUNT_OF(all); i++)
        if (strcmp(word->mark, all[i]) == 0) return true;
    return ends_phrase(in, at);
}

/* What the negation at `at` denies; how many words. */
static size_t scope_of(const struct prompt *in, size_t at,
                       const struct prompt_word *scope[SCOPE_MAX])
{
    const size_t most = prompt_word_is(&in->words[at], "t") ? SCOPE_MAX : 1;
    size_t count = 0;
    for (size_t i = at + 1; i < in->count && i <= at + 6 && count < most; i++) {
        const struct prompt_word *word = &in->words[i];
        if (is_negation(in, i) || (word->join && count > 0)) break;
        if (word->filler || word->loose || word->join || prompt_word_is_preposition(word)) continue;
        scope[count++] = word;
    }
    return count;
}

static bool denies(const struct prompt *in, const struct prompt_word *word)
{
    const struct prompt_word *scope[SCOPE_MAX];
    for (size_t at = 0; at < in->count; at++) {
        const size_t count = is_negation(in, at) ? scope_of(in, at, scope) : 0;
        for (size_t i = 0; i < count; i++)
            if (prompt_same_sense(scope[i], word)) return true;
    }
    return false;
}

static bool denies_more(const struct prompt *a, const struct prompt *b)
{
    const struct prompt_word *scope[SCOPE_MAX];
    for (size_t at = 0; at < a->count; at++) {
        const size_t count = is_negation(a, at) ? scope_of(a, at, scope) : 0;
        bool said = false, denied = false;
        for (size_t i = 0; i < count; i++) {
            said |= prompt_place_of(b, scope[i]) != LONE;
            denied |= denies(b, scope[i]);
        }
        if (said && !denied) return true;
    }
    return false;
}

bool guard_denies_otherwise(const struct prompt *a, const struct prompt *b)
{
    return denies_more(a, b) || denies_more(b, a);
}

/* ---- questions ---- */

static bool asks_who(const struct prompt_word *word)
{
    static const char *const all[] = {"who", "whom", "what"};
    return prompt_word_is_one_of(word, all, COUNT_OF(all));
}

/* "who did": asks for the one who is acted upon; "who shot": for the one who acts. */
static bool asks(const struct prompt *in, bool acted_upon)
{
    for (size_t i = 0; i + 1 < in->count; i++) {
        const struct prompt_word *next = &in->words[i + 1];
        if (!asks_who(&in->words[i])) continue;
        const bool with_do = prompt_word_is(next, "do") || prompt_word_is(next, "does") ||
                             prompt_word_is(next, "did");
        const bool acts = !next->filler && !next->loose && !next->join && !next->name;
        if (acted_upon ? with_do : acts) return true;
    }
    return false;
}

bool guard_asks_for_other(const struct prompt *a, const struct prompt *b)
{
    if (asks(a, true)) return asks(b, false) && !asks(b, true);
    return asks(b, true) && asks(a, false);
}
