/*
 * Who does what to whom: words in small letters that change places. "alice owes bob" and "bob owes
 * alice" have the same words and no mark that differs, and lie as near to each other as vectors do.
 *
 * The words that both prompts begin and end with are taken off but for a few; each word of the one
 * rest is given its partner in the other. Then it is asked:
 *
 * - Two words that changed sides of a third (x z y, y z x) say another thing, unless the third
 *   joins them ("tea or coffee"). A block that only moved ("in python, how do I sort") has no such
 *   three. Within a frame the same words in another order are enough ("usd eur rate").
 * - Of two prompts one of which is passive ("was bought by"), the one who acts has to stand before
 *   the one who is acted upon in the other; then the other order is right, and the same is wrong.
 * - Behind the same small preposition, or behind a number, something else, of which the other
 *   prompt says nothing ("in paris", "in london"), is another name or unit, however differently the
 *   rest is worded.
 * - Names that changed places, words that are denied, and who is asked for: scache_guard_roles.c.
 *
 * Rests longer than ORDER_MAX words do not agree, unless one prompt only adds to the other.
 */
#include <string.h>

#include "redis/scache_guard_internal.h"

#define CONTEXT_MAX 8u /* words looked at that both begin with, and that both end with */

/* Without a table's word for it, or with a capital that does not begin the prompt. */
static bool is_name(const struct prompt_word *word, const char *text, bool begins)
{
    size_t bytes;
    if (word->number || is_digit(word->text[0]) || word->len < 2) return false;
    if (guard_is_capital(guard_point(text, word->len, &bytes)) && !begins && !word->mark)
        return true;
    return !word->mark && !word->sense && !word->filler && !word->loose && !word->join &&
           !guard_is_plain(word->text, word->len);
}

static void read_word(struct prompt_word *out, const char *text, size_t len, bool begins)
{
    guard_fold(text, len, out->text);
    out->len = len;
    out->partner = LONE;
    const struct guard_known known = guard_know(out->text, len);
    out->mark = known.mark;
    out->number = known.number;
    out->sense = known.sense;
    out->filler = known.kinds & GUARD_FILLER;
    out->loose = known.kinds & GUARD_LOOSE;
    out->join = known.kinds & GUARD_JOIN;
    out->own = false;
    out->name = is_name(out, text, begins);
}

/* What is shared at both sides, but for a few words next to the rest, is left out. */
static struct guard_text with_context(const struct guard_text *rest, size_t len)
{
    struct guard_text front = {rest->text, 0, rest->from}, back = {rest->text, rest->to, len};
    struct guard_word at;
    for (size_t i = 0; i < CONTEXT_MAX && guard_word_before(&front, &at); i++) front.to = at.at;
    for (size_t i = 0; i < CONTEXT_MAX && guard_word_behind(&back, &at); i++)
        back.from = at.at + at.len;
    return (struct guard_text){rest->text, front.to, back.from};
}

/* false: a word of it is too long, or there are too many. */
static bool read_prompt(struct prompt *out, const struct guard_text *rest, size_t len)
{
    struct guard_text in = with_context(rest, len);
    struct guard_word at;
    out->count = out->first = out->end = 0;
    for (; guard_word_behind(&in, &at); in.from = at.at + at.len) {
        if (out->count == ORDER_MAX || at.len > GUARD_WORD_MAX) return false;
        read_word(&out->words[out->count++], in.text + at.at, at.len, in.from == 0);
        if (at.at < rest->from) out->first = out->count;
        if (at.at < rest->to) out->end = out->count;
    }
    if (out->end < out->first) out->end = out->first;
    return true;
}

static bool equal(const struct prompt_word *a, const struct prompt_word *b)
{
    return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

static bool same_text(const char *a, const char *b)
{
    return a && b && (a == b || strcmp(a, b) == 0);
}

bool prompt_same_sense(const struct prompt_word *a, const struct prompt_word *b)
{
    return equal(a, b) || same_text(a->mark, b->mark) || same_text(a->sense, b->sense) ||
           guard_same_stem(a->text, a->len, b->text, b->len);
}

static void pair_up(struct prompt *a, struct prompt *b,
                    bool (*fits)(const struct prompt_word *a, const struct prompt_word *b))
{
    for (size_t i = a->first; i < a->end; i++) {
        for (size_t k = b->first; k < b->end && a->words[i].partner == LONE; k++) {
            if (b->words[k].partner != LONE || !fits(&a->words[i], &b->words[k])) continue;
            a->words[i].partner = k;
            b->words[k].partner = i;
        }
    }
}

/* ---- changed places ---- */

/* The words [at, middle) and (middle, end) of a stand in b the other way round. */
static bool turns_around(const struct prompt *a, const struct prompt *b, size_t at, size_t middle,
                         size_t end)
{
    const size_t behind = end - middle - 1;
    for (size_t i = 0; i < end - at; i++) {
        const size_t from = i < behind    ? middle + 1 + i
                            : i == behind ? middle
                                          : at + i - behind - 1;
        if (!equal(&b->words[at + i], &a->words[from])) return false;
    }
    return true;
}

/* "a private and a public company": what a word joins has changed places, and nothing else. Shared
 * words at both sides may belong to it. */
static bool joined_turn(const struct prompt *a, const struct prompt *b)
{
    if (a->count != b->count || a->first != b->first || a->end != b->end) return false;
    if (prompt_has(a, "respectively")) return false;
    for (size_t middle = 1; middle + 1 < a->count; middle++) {
        if (!a->words[middle].join) continue;
        for (size_t at = 0; at < middle && at <= a->first; at++)
            for (size_t end = a->count; end > middle + 1 && end >= a->end; end--)
                if (turns_around(a, b, at, middle, end)) return true;
    }
    return false;
}

static bool says_something(const struct prompt_word *word)
{
    return word->partner != LONE && !word->filler && !word->join && !word->loose;
}

/* x z y in a, y z x in b. */
static bool changes_sides(const struct prompt *a)
{
    for (size_t z = a->first; z < a->end; z++) {
        const struct prompt_word *word = &a->words[z];
        if (word->partner == LONE || word->join || word->loose) continue;
        bool left = false, right = false;
        for (size_t x = a->first; x < z && !left; x++)
            left = says_something(&a->words[x]) && a->words[x].partner > word->partner;
        for (size_t y = z + 1; y < a->end && !right; y++)
            right = says_something(&a->words[y]) && a->words[y].partner < word->partner;
        if (left && right) return true;
    }
    return false;
}

bool prompt_word_is(const struct prompt_word *word, const char *text)
{
    return strlen(text) == word->len && memcmp(word->text, text, word->len) == 0;
}

bool prompt_word_is_one_of(const struct prompt_word *word, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (prompt_word_is(word, texts[i])) return true;
    return false;
}

bool prompt_word_is_preposition(const struct prompt_word *word)
{
    static const char *const all[] = {"in",   "on", "at",     "to",    "from",   "with",  "for",
                                      "near", "of", "during", "after", "before", "until", "since"};
    return prompt_word_is_one_of(word, all, COUNT_OF(all));
}

/* One word that may stand before or behind a block: "pick (up) a package", "(5) March (5)". */
static bool moves_alone(const struct prompt *in, size_t at, size_t next)
{
    static const char *const particles[] = {"up", "down", "out",  "off", "on",
                                            "in", "back", "away", "over"};
    const struct prompt_word *word = &in->words[at], *other = &in->words[next];
    return prompt_word_is_one_of(word, particles, COUNT_OF(particles)) ||
           (is_digit(word->text[0]) && guard_is(other->text, other->len, GUARD_UNIT));
}

/* Two blocks have changed places that may: "from paris | to london", "does it rain | in may". */
static bool is_free_turn(const struct prompt *a, const struct prompt *b)
{
    const size_t first = a->first, end = a->end, middle = b->words[b->first].partner;
    if (end - first < 2 || middle == LONE || middle == first) return false;
    for (size_t i = first; i < end; i++) {
        const size_t turned = i < middle ? i + (end - middle) : i - (middle - first);
        if (a->words[i].partner != b->first + (turned - first)) return false;
    }
    const bool left = prompt_word_is_preposition(&a->words[first]),
               right = prompt_word_is_preposition(&a->words[middle]);
    return (left && right) || (first == 0 && (left || right)) ||
           (middle == first + 1 && moves_alone(a, first, middle)) ||
           (end == middle + 1 && moves_alone(a, middle, first));
}

/* The same words in another order, between words that both prompts have there. Not "now". */
static bool is_shuffled(const struct prompt *a, const struct prompt *b)
{
    if (is_free_turn(a, b)) return false;
    if (a->end - a->first != b->end - b->first || a->end - a->first == a->count) return false;
    size_t last[2] = {0, 0}; /* of words that stand fast, of those that are loose */
    bool shuffled = false;
    for (size_t i = a->first; i < a->end; i++) {
        const struct prompt_word *word = &a->words[i];
        if (word->partner == LONE || !equal(word, &b->words[word->partner])) return false;
        if (word->loose && word->len <= 2) continue; /* I'm, it's */
        shuffled |= word->partner < last[word->loose];
        last[word->loose] = word->partner;
    }
    return shuffled;
}

bool prompt_has(const struct prompt *in, const char *text)
{
    for (size_t i = 0; i < in->count; i++)
        if (prompt_word_is(&in->words[i], text)) return true;
    return false;
}

static bool asks_with_do(const struct prompt *in)
{
    return prompt_has(in, "do") || prompt_has(in, "does") || prompt_has(in, "did");
}

/* Of "what do cats eat" and "what eats cats" only one asks for what is eaten. */
static bool asks_otherwise(const struct prompt *a, const struct prompt *b)
{
    const bool asks = prompt_has(a, "who") || prompt_has(a, "whom") || prompt_has(a, "what") ||
                      prompt_has(a, "which");
    if (!asks || asks_with_do(a) == asks_with_do(b)) return false;
    size_t last = 0;
    bool turned = false;
    for (size_t i = a->first; i < a->end; i++) {
        const struct prompt_word *word = &a->words[i];
        if (word->filler || word->loose) continue;
        if (word->partner == LONE) return false;
        turned |= word->partner < last;
        last = word->partner;
    }
    return turned;
}

/* ---- active and passive ---- */

static bool is_participle(const struct prompt *in, size_t at)
{
    static const char *const be[] = {"is",   "are",   "was", "were", "be",
                                     "been", "being", "get", "gets", "got"};
    const struct prompt_word *word = &in->words[at];
    const bool ending = word->len > 4 && (memcmp(word->text + word->len - 2, "ed", 2) == 0 ||
                                          memcmp(word->text + word->len - 2, "en", 2) == 0);
    for (size_t back = 1; back <= 3 && back <= at && !ending; back++)
        if (prompt_word_is_one_of(&in->words[at - back], be, COUNT_OF(be))) return true;
    return ending;
}

/* "[x] was seen by [y]"; false: there is nothing of the kind. */
static bool find_passive(const struct prompt *in, const struct prompt_word **x,
                         const struct prompt_word **y)
{
    static const char *const who[] = {"who", "what", "which", "whom", "he", "she", "it", "they"};
    for (size_t by = 2; by + 1 < in->count; by++) {
        if (!prompt_word_is(&in->words[by], "by") || !is_participle(in, by - 1)) continue;
        *x = *y = NULL;
        for (size_t i = by + 1; i < in->count && !*y; i++)
            if (!in->words[i].filler) *y = &in->words[i];
        for (size_t i = by - 1; i > 0 && !*x; i--)
            if (!in->words[i - 1].filler) *x = &in->words[i - 1];
        for (size_t i = by - 1; i > 0 && !*x; i--)
            if (prompt_word_is_one_of(&in->words[i - 1], who, COUNT_OF(who)))
                *x = &in->words[i - 1];
        if (*x && *y) return true;
    }
    return false;
}

size_t prompt_place_of(const struct prompt *in, const struct prompt_word *word)
{
    for (size_t i = 0; i < in->count; i++)
        if (prompt_same_sense(&in->words[i], word)) return i;
    return LONE;
}

enum voice { VOICE_UNKNOWN, VOICE_SAME, VOICE_TURNED };

/* What an active prompt says of what a passive one says. */
static enum voice compare_voice(const struct prompt *passive, const struct prompt *active)
{
    const struct prompt_word *x, *y;
    if (prompt_has(active, "by") || !find_passive(passive, &x, &y)) return VOICE_UNKNOWN;
    const size_t acted_upon = prompt_place_of(active, x), acts = prompt_place_of(active, y);
    if (acted_upon == LONE || acts == LONE) return VOICE_UNKNOWN;
    for (size_t i = 0; i < acts; i++) /* "Alice sent Bob money", "money was sent to Alice by Bob" */
        if (active->words[i].name && !prompt_same_sense(&active->words[i], y)) return VOICE_TURNED;
    return acts < acted_upon ? VOICE_SAME : VOICE_TURNED;
}

/* ---- behind a preposition ---- */

static bool is_small(const struct prompt_word *word)
{
    static const char *const all[] = {"in",   "of", "from", "at", "near", "de", "di", "von", "aus",
                                      "nach", "en", "à",    "в",  "из",   "do", "z",  "w"};
    return prompt_word_is_one_of(word, all, COUNT_OF(all));
}

static bool is_number(const struct prompt_word *word)
{
    return word->number || is_digit(word->text[0]);
}

/* What stands behind a small preposition or a number and has no kin in the other prompt. */
static void find_own(struct prompt *in, const struct prompt *other)
{
    for (size_t i = 1; i < in->count; i++) {
        struct prompt_word *word = &in->words[i];
        if (word->filler || word->loose || word->mark || is_digit(word->text[0])) continue;
        word->own = (is_small(&in->words[i - 1]) || is_number(&in->words[i - 1])) &&
                    prompt_place_of(other, word) == LONE;
    }
}

static bool is_about(const struct prompt *a, const struct prompt *b)
{
    for (size_t i = 0; i < a->count; i++) {
        const struct prompt_word *word = &a->words[i];
        if (!word->filler && !word->loose && prompt_place_of(b, word) != LONE) return true;
    }
    return false;
}

static bool other_place(struct prompt *a, struct prompt *b)
{
    find_own(a, b);
    find_own(b, a);
    for (size_t i = 1; i < a->count; i++)
        for (size_t k = 1; k < b->count && a->words[i].own; k++)
            if (b->words[k].own && equal(&a->words[i - 1], &b->words[k - 1])) return is_about(a, b);
    return false;
}

/* Words are given to each other one by one, so the prompts come in an order of their own. */
static bool comes_first(struct kith_str a, struct kith_str b)
{
    if (a.len != b.len) return a.len < b.len;
    return a.len == 0 || memcmp(a.data, b.data, a.len) <= 0;
}

bool guard_is_short(struct kith_str text)
{
    struct guard_text rest = {text.data, 0, text.len};
    struct guard_word at;
    size_t count = 0;
    for (; guard_word_behind(&rest, &at); rest.from = at.at + at.len)
        if (++count > ORDER_MAX || at.len > GUARD_WORD_MAX) return false;
    return true;
}

static bool has_word(const struct guard_text *text)
{
    struct guard_word word;
    return guard_word_behind(text, &word);
}

bool guard_changes_places(struct kith_str a, struct kith_str b)
{
    if (!comes_first(a, b)) return guard_changes_places(b, a);
    struct guard_text left = {a.data, 0, a.len}, right = {b.data, 0, b.len};
    struct prompt mine, theirs;
    (void)guard_take_shared(&left, &right);
    if (!read_prompt(&mine, &left, a.len) || !read_prompt(&theirs, &right, b.len))
        return has_word(&left) && has_word(&right); /* or one only says more */
    if (other_place(&mine, &theirs) || guard_completes_names(&mine, &theirs)) return true;
    enum voice voice = compare_voice(&mine, &theirs);
    if (voice == VOICE_UNKNOWN) voice = compare_voice(&theirs, &mine);
    if (voice != VOICE_UNKNOWN) return voice == VOICE_TURNED;
    if (guard_denies_otherwise(&mine, &theirs) || guard_asks_for_other(&mine, &theirs)) return true;
    if (joined_turn(&mine, &theirs)) return false;
    pair_up(&mine, &theirs, equal);
    pair_up(&mine, &theirs, prompt_same_sense);
    if (guard_swaps_names(&mine, &theirs)) return true;
    return changes_sides(&mine) || is_shuffled(&mine, &theirs) || asks_otherwise(&mine, &theirs);
}
