/*
 * A text becomes six sums, one for each class of marks. Cues and words that nobody knows are added
 * up: that is the same in any order and counts repeats. All others are folded in one behind the
 * other, because "from Rome to Paris" is not "from Paris to Rome". So no mark is kept but the first
 * names, because people write them small. See scache_guard.h.
 *
 * The text is read once, in chunks between blanks, from which surrounding punctuation is taken. A
 * chunk with a digit and no letter is a number ("10:30", "1,000"), and a unit behind it is a cue
 * ("5kg", "20%"); one with letters and digits, signs of code or a capital in the middle is an
 * identifier; all others are words, parts of "-" apart. At last the two texts are laid beside each
 * other (scache_guard_frame.c, scache_guard_order.c).
 */
#include "redis/scache_guard.h"

#include <string.h>

#include "base/checksum.h"
#include "redis/scache_guard_internal.h"

enum mark { MARK_NUMBER, MARK_CUE, MARK_UNKNOWN, MARK_QUOTE, MARK_NAME, MARK_CODE, MARK_KINDS };

#define NAMES_MAX 16u
#define TEXT_MAX ((size_t)64 << 10) /* longer texts agree when they are equal: some ms each */

struct marks {
    uint64_t sums[MARK_KINDS];
    struct guard_sides sides;
    struct kith_str names[NAMES_MAX];
    size_t name_count; /* NAMES_MAX + 1: too many */
    bool small;        /* plain words begin small: a capital is meant */
};

static void add(struct marks *marks, enum mark kind, const char *text, size_t len)
{
    const uint64_t one = hash64(text, len, (uint64_t)kind + 1) | 1; /* never nothing */
    const bool ordered = kind != MARK_CUE && kind != MARK_UNKNOWN;
    marks->sums[kind] = marks->sums[kind] * (ordered ? 0x9e3779b97f4a7c15u : 1u) + one;
}

static bool begins_capital(const char *text, size_t len)
{
    size_t bytes;
    return guard_is_capital(guard_point(text, len, &bytes));
}

/* Signs that are written without blanks: negations, numerals, and all but particles. */
static void add_dense(struct marks *marks, const char *text, size_t len)
{
    for (size_t at = 0, bytes; at < len; at += bytes) {
        bool number = false;
        if (!guard_is_dense(guard_point(text + at, len - at, &bytes))) continue;
        const size_t mark = guard_dense_mark(text + at, len - at, &number);
        if (!mark && guard_is(text + at, bytes, GUARD_FILLER | GUARD_JOIN)) continue;
        if (mark) bytes = mark;
        add(marks, !mark ? MARK_UNKNOWN : number ? MARK_NUMBER : MARK_CUE, text + at, bytes);
    }
}

/* "Mb", "Gb": bits, not bytes. */
static bool counts_bits(const char *text, size_t len)
{
    return len == 2 && is_upper(text[0]) && text[1] == 'b';
}

/* false: it is none. The word is folded. */
static bool add_cue(struct marks *marks, const char *word, size_t len)
{
    bool number;
    const char *mark = guard_mark(word, len, &number);
    if (mark) add(marks, number ? MARK_NUMBER : MARK_CUE, mark, strlen(mark));
    return mark != NULL;
}

/* Where "'s", "'ll" begins, with either apostrophe; len: nowhere. */
static size_t without_ending(const char *word, size_t len)
{
    static const char *const endings[] = {"s", "m", "d", "ll", "ve", "re"};
    for (size_t i = 0; i < COUNT_OF(endings); i++) {
        const size_t size = strlen(endings[i]);
        if (len < size + 2 || memcmp(word + len - size, endings[i], size) != 0) continue;
        const size_t at = len - size;
        if (word[at - 1] == '\'') return at - 1;
        if (at > 3 && memcmp(word + at - 3, "\xe2\x80\x99", 3) == 0) return at - 3;
    }
    return len;
}

/* Known not to matter. A single letter does ("vitamin d"), but for "a" and "I". */
static bool is_plain(const char *word, size_t len, unsigned kinds)
{
    if (len == 1) return word[0] == 'a' || word[0] == 'i';
    return kinds & (GUARD_FILLER | GUARD_SENSE | GUARD_LOOSE | GUARD_JOIN) ||
           guard_is_plain(word, len);
}

/* Pictures at the end of a text are ornament. */
static bool is_picture(const char *text, size_t len)
{
    size_t bytes;
    const uint32_t point = guard_point(text, len, &bytes);
    return (point >= 0x1f000 && point <= 0x1ffff) || (point >= 0x2600 && point <= 0x27bf);
}

/* ---- chunks ---- */

/* "1,000" is 1000; "1,2" stays. */
static void add_number(struct marks *marks, const char *text, size_t len)
{
    char plain[GUARD_WORD_MAX];
    size_t out = 0;
    for (size_t i = 0; i < len && len <= sizeof plain; i++) {
        const bool group = text[i] == ',' && i + 3 < len && is_digit(text[i + 1]) &&
                           is_digit(text[i + 2]) && is_digit(text[i + 3]) &&
                           (i + 4 == len || !is_digit(text[i + 4]));
        if (!group) plain[out++] = text[i];
    }
    if (len <= sizeof plain)
        add(marks, MARK_NUMBER, plain, out);
    else
        add(marks, MARK_NUMBER, text, len);
}

/* "5kg" and "5 kg", "20%" and "20 percent" are one; false: it is no number with its unit. */
static bool add_measure(struct marks *marks, const char *text, size_t len)
{
    size_t at = 0;
    bool digit = false;
    for (; at < len && !is_letter(text[at]) && text[at] != '%'; at++) digit |= is_digit(text[at]);
    char unit[GUARD_WORD_MAX];
    if (!digit || at == len || len - at > sizeof unit) return false;
    guard_fold(text + at, len - at, unit);
    if (!guard_is(unit, len - at, GUARD_UNIT)) return false;
    guard_take_sides(&marks->sides, unit, len - at); /* am, pm */
    if (counts_bits(text + at, len - at)) add(marks, MARK_CUE, "bits", 4);
    add_number(marks, text, at);
    return add_cue(marks, unit, len - at);
}

/* "2FA" and "2fa" are one; "fooBar", "FooBar" and "foobar" are three. */
static void add_code(struct marks *marks, const char *text, size_t len)
{
    char folded[GUARD_WORD_MAX];
    bool fold = len <= sizeof folded, upper = false, lower = false;
    for (size_t i = 0; fold && i < len; i++) {
        upper |= is_upper(text[i]);
        lower |= is_lower(text[i]);
        fold = is_word(text[i]) && !(upper && lower);
        folded[i] = is_upper(text[i]) ? (char)(text[i] + 32) : text[i];
    }
    add(marks, MARK_CODE, fold ? folded : text, len);
}

/* "I", "I'm", "I’ll" are no names. */
static bool is_pronoun(const char *text, size_t len)
{
    return text[0] == 'I' && (len == 1 || text[1] == '\'' || text[1] == '\xe2');
}

static void add_name(struct marks *marks, const char *text, size_t len)
{
    add(marks, MARK_NAME, text, len);
    if (marks->name_count < NAMES_MAX)
        marks->names[marks->name_count] = (struct kith_str){text, len};
    if (marks->name_count <= NAMES_MAX) marks->name_count++;
}

/* "Monday" and "mon" are one. */
static void add_word(struct marks *marks, const char *text, size_t len, bool begins)
{
    char word[GUARD_WORD_MAX];
    const bool acronym = len > 1 && is_upper(text[0]) && is_upper(text[1]);
    if (len == 0) return;
    if (len <= sizeof word) {
        guard_fold(text, len, word);
        len = without_ending(word, len);
        guard_take_sides(&marks->sides, word, len);
        if (counts_bits(text, len)) add(marks, MARK_CUE, "bits", 4);
        const struct guard_known known = guard_know(word, len);
        if (known.mark) {
            add(marks, known.number ? MARK_NUMBER : MARK_CUE, known.mark, strlen(known.mark));
            return;
        }
        if (!is_plain(word, len, known.kinds))
            add(marks, MARK_UNKNOWN, word, len);
        else if (is_lower(text[0]) && !(known.kinds & GUARD_FILLER))
            marks->small = true;
    } else {
        add(marks, MARK_UNKNOWN, text, len);
    }
    if (!begins_capital(text, len) || (begins && !acronym) || is_pronoun(text, len)) return;
    add_name(marks, text, len);
}

static void add_words(struct marks *marks, const char *text, size_t len, bool begins)
{
    size_t from = 0;
    for (size_t i = 0; i <= len; i++) {
        if (i < len && text[i] != '-') continue;
        add_word(marks, text + from, i - from, begins && from == 0);
        from = i + 1;
    }
}

/* A sign of code, a point between letters, a capital behind a small letter. */
static bool is_code(const char *text, size_t len)
{
    bool letter = false, digit = false;
    for (size_t i = 0; i < len; i++) {
        const char c = text[i];
        if (c && strchr("_/\\@#$=<>{}()[]+*&|~^:", c)) return true;
        if (c == '.' && i > 0 && i + 1 < len) return true;
        if (i > 0 && is_upper(c) && is_lower(text[i - 1])) return true;
        letter |= is_letter(c);
        digit |= is_digit(c);
    }
    return (letter && digit) || (letter && len > 1 && text[0] == '-');
}

static bool is_number(const char *text, size_t len)
{
    bool digit = false;
    for (size_t i = 0; i < len; i++) {
        if (is_letter(text[i])) return false;
        digit |= is_digit(text[i]);
    }
    return digit;
}

static bool is_ascii(const char *text, size_t len)
{
    unsigned char all = 0;
    for (size_t i = 0; i < len; i++) all |= (unsigned char)text[i];
    return all < 0x80;
}

/* Digits of other scripts as ASCII; the chunk's new length. */
static size_t plain_digits(const char *text, size_t len, char out[GUARD_WORD_MAX])
{
    size_t to = 0;
    for (size_t at = 0, bytes; at < len; at += bytes) {
        const int digit = guard_digit(guard_point(text + at, len - at, &bytes));
        if (digit >= 0)
            out[to++] = (char)('0' + digit);
        else
            memcpy(out + to, text + at, bytes);
        to += digit >= 0 ? 0 : bytes;
    }
    return to;
}

/* What stands before the next dense sign, or the dense signs that come. */
static size_t run_length(const char *text, size_t len, bool *dense)
{
    size_t bytes, at;
    *dense = guard_is_dense(guard_point(text, len, &bytes));
    for (at = bytes; at < len; at += bytes)
        if (guard_is_dense(guard_point(text + at, len - at, &bytes)) != *dense) break;
    return at;
}

static bool is_other_sign(const char *text, size_t len)
{
    size_t bytes;
    const uint32_t point = guard_point(text, len, &bytes);
    return point >= 0x80 && !guard_is_word(point) && !(point >= 0xa2 && point <= 0xa9); /* £5 */
}

/* Without the punctuation around it. */
static struct kith_str trimmed(const char *text, size_t len)
{
    size_t bytes;
    while (len > 0 && text[0] && (strchr("([{,;:.!?'\"", text[0]) || is_other_sign(text, len))) {
        if (strchr(".!", text[0]) && len > 1 && is_word(text[1])) break; /* ".5", ".bashrc", "!x" */
        (void)guard_point(text, len, &bytes);
        text += bytes;
        len -= bytes;
    }
    while (len > 0) {
        const size_t at = guard_point_before(text, len);
        if (!text[at] || !(strchr(".,;:!?)]}'\"", text[at]) || is_other_sign(text + at, len - at)))
            break;
        len = at;
    }
    return (struct kith_str){text, len};
}

static void add_plain_chunk(struct marks *marks, const char *text, size_t len, bool begins);

/* What stands between signs that are written without blanks. */
static void add_run(struct marks *marks, struct kith_str run)
{
    if (run.len > 0) add_plain_chunk(marks, run.data, run.len, false);
}

static void add_plain_chunk(struct marks *marks, const char *text, size_t len, bool begins)
{
    bool dense = false;
    const size_t run = is_ascii(text, len) ? len : run_length(text, len, &dense);
    if (dense || run < len) {
        for (size_t at = 0, more; at < len; at += more) {
            more = run_length(text + at, len - at, &dense);
            if (dense)
                add_dense(marks, text + at, more);
            else
                add_run(marks, trimmed(text + at, more));
        }
        return;
    }
    if (add_measure(marks, text, len)) return;
    if (is_number(text, len))
        add_number(marks, text, len);
    else if (is_code(text, len))
        add_code(marks, text, len);
    else
        add_words(marks, text, len, begins);
}

/* Nothing but signs, and the text goes on behind them in small letters: "what does ; mean". */
static bool is_sign(const char *text, size_t len, const char *next)
{
    if (!next || begins_capital(next, 1) || !is_ascii(text, len)) return false;
    if (len == 1) return text[0] != ',' && text[0] != '-';
    return len != 3 || memcmp(text, "...", 3) != 0;
}

/* "it 's", "I 'm": what stands behind the apostrophe. */
static bool is_loose_ending(const char *text, size_t len)
{
    char word[4] = "x'";
    if (len == 0 || len > 2) return false;
    guard_fold(text, len, word + 2);
    return without_ending(word, len + 2) == 1;
}

/* next: what stands behind the chunk and blanks, NULL: nothing. */
static void add_chunk(struct marks *marks, const char *text, size_t len, bool begins,
                      const char *next)
{
    char plain[GUARD_WORD_MAX];
    const size_t known = marks->name_count;
    const struct kith_str all = {text, len}, bare = trimmed(text, len);
    text = bare.data;
    len = bare.len;
    if (len == 0 && is_sign(all.data, all.len, next)) add(marks, MARK_CODE, all.data, all.len);
    if (len == 0 || (!next && is_picture(text, len))) return;
    if (text > all.data && text[-1] == '\'' && is_loose_ending(text, len)) return;
    const size_t more = is_ascii(text, len) || len > sizeof plain ? len
                                                                  : plain_digits(text, len, plain);
    add_plain_chunk(marks, more < len ? plain : text, more, begins);
    if (more < len && marks->name_count > known) marks->name_count = NAMES_MAX + 1; /* not kept */
}

/* ---- the whole text ---- */

static bool ends_chunk(char c) { return is_blank(c) || c == '"' || c == '`'; }

static bool ends_sentence(char c) { return c == '.' || c == '!' || c == '?'; }

static void read_marks(struct kith_str text, struct marks *marks)
{
    struct guard_reader in = {.text = text.data, .len = text.len};
    struct kith_str quoted;
    bool begins = true;
    memset(marks->sums, 0, sizeof marks->sums);
    memset(&marks->sides, 0, sizeof marks->sides);
    marks->name_count = 0;
    marks->small = false;
    while (in.at < in.len) {
        const char c = in.text[in.at];
        if (is_blank(c)) {
            begins |= c == '\n';
            in.at++;
            continue;
        }
        if (guard_read_quote(&in, &quoted)) {
            add(marks, MARK_QUOTE, quoted.data, quoted.len);
            begins = false;
            continue;
        }
        const size_t from = in.at++;
        while (in.at < in.len && !ends_chunk(in.text[in.at]) && !guard_opens_quote(&in)) in.at++;
        size_t next = in.at;
        while (next < in.len && is_blank(in.text[next])) next++;
        add_chunk(marks, in.text + from, in.at - from, begins,
                  next < in.len ? in.text + next : NULL);
        begins = ends_sentence(in.text[in.at - 1]);
    }
}

/* ---- names written small ---- */

static bool is_acronym(struct kith_str name) { return name.len > 1 && is_upper(name.data[1]); }

/* "france" is France, "nato" is NATO; "us" is not US, and "string" is String only within a longer
 * name ("New York") and where all words begin with capitals. */
static bool has_name(struct kith_str text, struct kith_str name, bool meant)
{
    char mine[GUARD_WORD_MAX], theirs[GUARD_WORD_MAX];
    struct guard_text rest = {text.data, 0, text.len};
    struct guard_word at;
    if (name.len > sizeof mine) return false;
    guard_fold(name.data, name.len, mine);
    const bool exact = (is_acronym(name) || meant) &&
                       is_plain(mine, name.len, guard_know(mine, name.len).kinds);
    for (; guard_word_behind(&rest, &at); rest.from = at.at + at.len) {
        if (at.len != name.len) continue;
        guard_fold(text.data + at.at, at.len, theirs);
        if (memcmp(exact ? text.data + at.at : theirs, exact ? name.data : mine, name.len) == 0)
            return true;
    }
    return false;
}

/* "New York": a blank lies between. */
static bool are_neighbours(struct kith_str a, struct kith_str b)
{
    return a.data + a.len + 1 == b.data;
}

static bool has_names(struct kith_str text, const struct marks *marks)
{
    if (marks->name_count > NAMES_MAX) return false;
    for (size_t i = 0; i < marks->name_count; i++) {
        const bool alone =
            (i == 0 || !are_neighbours(marks->names[i - 1], marks->names[i])) &&
            (i + 1 == marks->name_count || !are_neighbours(marks->names[i], marks->names[i + 1]));
        if (!has_name(text, marks->names[i], alone && marks->small)) return false;
    }
    return true;
}

/* The same names, unless one text writes them small or has them in another order, which is for
 * guard_changes_places to judge: where it can. */
static bool names_agree(struct kith_str a, const struct marks *left, struct kith_str b,
                        const struct marks *right)
{
    if (left->sums[MARK_NAME] == right->sums[MARK_NAME]) return true;
    return guard_is_short(a) && guard_is_short(b) && has_names(b, left) && has_names(a, right);
}

bool scache_guard_agrees(struct kith_str a, struct kith_str b)
{
    struct marks left, right;
    if (a.len > TEXT_MAX || b.len > TEXT_MAX)
        return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
    read_marks(a, &left);
    read_marks(b, &right);
    for (int kind = 0; kind < MARK_KINDS; kind++)
        if (kind != MARK_NAME && left.sums[kind] != right.sums[kind]) return false;
    return !guard_sides_differ(&left.sides, &right.sides) && names_agree(a, &left, b, &right) &&
           !guard_differs_in_place(a, b) && !guard_changes_places(a, b);
}
