/*
 * A text becomes five sums, one for each class of marks. Cues are added up: that is the same in any
 * order and counts repeats. All others are folded in one behind the other, because "from Rome to
 * Paris" is not "from Paris to Rome". So no mark is kept but the first names, because people write
 * them small. See scache_guard.h.
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

enum mark { MARK_NUMBER, MARK_CUE, MARK_QUOTE, MARK_NAME, MARK_CODE, MARK_KINDS };

#define NAMES_MAX 16u

struct marks {
    uint64_t sums[MARK_KINDS];
    struct kith_str names[NAMES_MAX];
    size_t name_count; /* NAMES_MAX + 1: too many */
};

static void add(struct marks *marks, enum mark kind, const char *text, size_t len)
{
    const uint64_t one = hash64(text, len, (uint64_t)kind + 1) | 1; /* never nothing */
    const bool ordered = kind != MARK_CUE;
    marks->sums[kind] = marks->sums[kind] * (ordered ? 0x9e3779b97f4a7c15u : 1u) + one;
}

static bool begins_capital(const char *text, size_t len)
{
    size_t bytes;
    return guard_is_capital(guard_point(text, len, &bytes));
}

/* Negations and numerals between signs that are written without blanks. */
static void add_dense(struct marks *marks, const char *text, size_t len)
{
    for (size_t at = 0, bytes; at < len; at += bytes) {
        bool number = false;
        if (!guard_is_dense(guard_point(text + at, len - at, &bytes))) continue;
        const size_t mark = guard_dense_mark(text + at, len - at, &number);
        if (!mark) continue;
        add(marks, number ? MARK_NUMBER : MARK_CUE, text + at, mark);
        bytes = mark;
    }
}

/* false: it is none. */
static bool add_cue(struct marks *marks, const char *text, size_t len)
{
    char word[GUARD_WORD_MAX];
    if (len > sizeof word) return false;
    guard_fold(text, len, word);
    bool number;
    const char *mark = guard_mark(word, len, &number);
    if (mark) add(marks, number ? MARK_NUMBER : MARK_CUE, mark, strlen(mark));
    return mark != NULL;
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
    if (len <= sizeof plain) add(marks, MARK_NUMBER, plain, out);
    else add(marks, MARK_NUMBER, text, len);
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
    add_number(marks, text, at);
    return add_cue(marks, unit, len - at);
}

/* "2FA" and "2fa" are one, "fooBar" and "FOO_BAR" are not. */
static void add_code(struct marks *marks, const char *text, size_t len)
{
    char folded[GUARD_WORD_MAX];
    bool fold = len <= sizeof folded;
    for (size_t i = 0; fold && i < len; i++) {
        fold = is_word(text[i]);
        folded[i] = is_upper(text[i]) ? (char)(text[i] + 32) : text[i];
    }
    add(marks, MARK_CODE, fold ? folded : text, len);
}

/* "I", "I'm", "I’ll" are no names. */
static bool is_pronoun(const char *text, size_t len)
{
    return text[0] == 'I' && (len == 1 || text[1] == '\'' || text[1] == '\xe2');
}

static void add_word(struct marks *marks, const char *text, size_t len, bool begins)
{
    if (len == 0 || add_cue(marks, text, len)) return; /* "Monday" and "mon" are one */
    const bool acronym = len > 1 && is_upper(text[0]) && is_upper(text[1]);
    if (!begins_capital(text, len) || (begins && !acronym) || is_pronoun(text, len)) return;
    if (len > 2 && memcmp(text + len - 2, "'s", 2) == 0) len -= 2;
    else if (len > 4 && memcmp(text + len - 4, "\xe2\x80\x99s", 4) == 0) len -= 4;
    add(marks, MARK_NAME, text, len);
    if (marks->name_count < NAMES_MAX)
        marks->names[marks->name_count] = (struct kith_str){text, len};
    if (marks->name_count <= NAMES_MAX) marks->name_count++;
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
        if (digit >= 0) out[to++] = (char)('0' + digit);
        else memcpy(out + to, text + at, bytes);
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

static void add_plain_chunk(struct marks *marks, const char *text, size_t len, bool begins)
{
    bool dense = false;
    const size_t run = is_ascii(text, len) ? len : run_length(text, len, &dense);
    if (dense || run < len) {
        for (size_t at = 0, more; at < len; at += more) {
            more = run_length(text + at, len - at, &dense);
            if (dense) add_dense(marks, text + at, more);
            else add_plain_chunk(marks, text + at, more, false);
        }
        return;
    }
    if (add_measure(marks, text, len)) return;
    if (is_number(text, len)) add_number(marks, text, len);
    else if (is_code(text, len)) add_code(marks, text, len);
    else add_words(marks, text, len, begins);
}

static void add_chunk(struct marks *marks, const char *text, size_t len, bool begins)
{
    char plain[GUARD_WORD_MAX];
    const size_t known = marks->name_count;
    while (len > 0 && strchr("([{,;:.!?'\"", text[0]) && text[0]) {
        if (text[0] == '.' && len > 1 && is_word(text[1])) break; /* ".5", ".bashrc" */
        text++;
        len--;
    }
    while (len > 0 && text[len - 1] && strchr(".,;:!?)]}'\"", text[len - 1])) len--;
    if (len == 0) return;
    const size_t more = is_ascii(text, len) || len > sizeof plain ? len
                                                                  : plain_digits(text, len, plain);
    add_plain_chunk(marks, more < len ? plain : text, more, begins);
    if (more < len && marks->name_count > known) marks->name_count = NAMES_MAX + 1; /* not kept */
}

/* ---- quotes ---- */

struct quote {
    const char *open, *close;
};

static const struct quote quotes[] = {
    {"\"", "\""}, {"`", "`"}, {"'", "'"}, {"\xe2\x80\x9c", "\xe2\x80\x9d"},
    {"\xe2\x80\x98", "\xe2\x80\x99"}, {"\xc2\xab", "\xc2\xbb"},
    {"\xe2\x80\x9e", "\xe2\x80\x9c"}, {"\xe3\x80\x8c", "\xe3\x80\x8d"}, /* „“ 「」 */
    {"\xe3\x80\x8e", "\xe3\x80\x8f"}, {"\xe2\x80\xb9", "\xe2\x80\xba"}, /* 『』 ‹› */
};

#define QUOTES COUNT_OF(quotes)

struct reader {
    const char *text;
    size_t len, at;
    bool unclosed[QUOTES]; /* nothing behind closes this kind: looked for once */
};

static bool stands(const struct reader *in, size_t at, const char *sign)
{
    const size_t len = strlen(sign);
    return in->len - at >= len && memcmp(in->text + at, sign, len) == 0;
}

/* An apostrophe between letters closes nothing. */
static bool find_close(struct reader *in, size_t kind, size_t from, size_t *end)
{
    const char *close = quotes[kind].close;
    const bool apostrophe = kind == 2 || kind == 4;
    for (size_t at = from; at < in->len && !in->unclosed[kind]; at++) {
        if (!stands(in, at, close)) continue;
        const size_t next = at + strlen(close);
        if (apostrophe && next < in->len && is_word(in->text[next])) continue;
        *end = at;
        return true;
    }
    in->unclosed[kind] = true;
    return false;
}

static bool read_quote(struct reader *in, struct marks *marks)
{
    for (size_t i = 0; i < QUOTES; i++) {
        if (!stands(in, in->at, quotes[i].open)) continue;
        const size_t from = in->at + strlen(quotes[i].open);
        size_t end;
        if (!find_close(in, i, from, &end)) return false;
        add(marks, MARK_QUOTE, in->text + from, end - from);
        in->at = end + strlen(quotes[i].close);
        return true;
    }
    return false;
}

/* ---- the whole text ---- */

static bool ends_chunk(char c) { return is_blank(c) || c == '"' || c == '`'; }

static bool ends_sentence(char c) { return c == '.' || c == '!' || c == '?'; }

static void read_marks(struct kith_str text, struct marks *marks)
{
    struct reader in = {.text = text.data, .len = text.len};
    bool begins = true;
    memset(marks->sums, 0, sizeof marks->sums);
    marks->name_count = 0;
    while (in.at < in.len) {
        const char c = in.text[in.at];
        if (is_blank(c)) {
            begins |= c == '\n';
            in.at++;
            continue;
        }
        if (read_quote(&in, marks)) {
            begins = false;
            continue;
        }
        const size_t from = in.at++;
        while (in.at < in.len && !ends_chunk(in.text[in.at])) in.at++;
        add_chunk(marks, in.text + from, in.at - from, begins);
        begins = ends_sentence(in.text[in.at - 1]);
    }
}

/* ---- names written small ---- */

static bool is_acronym(struct kith_str name) { return name.len > 1 && is_upper(name.data[1]); }

/* "france" is France, "us" is not US. */
static bool has_name(struct kith_str text, struct kith_str name)
{
    char mine[GUARD_WORD_MAX], theirs[GUARD_WORD_MAX];
    struct guard_text rest = {text.data, 0, text.len};
    struct guard_word at;
    if (name.len > sizeof mine) return false;
    guard_fold(name.data, name.len, mine);
    for (; guard_word_behind(&rest, &at); rest.from = at.at + at.len) {
        if (at.len != name.len) continue;
        guard_fold(text.data + at.at, at.len, theirs);
        if (memcmp(is_acronym(name) ? text.data + at.at : theirs,
                   is_acronym(name) ? name.data : mine, name.len) == 0)
            return true;
    }
    return false;
}

static bool has_names(struct kith_str text, const struct marks *marks)
{
    for (size_t i = 0; i < marks->name_count; i++)
        if (i == NAMES_MAX || !has_name(text, marks->names[i])) return false;
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
    read_marks(a, &left);
    read_marks(b, &right);
    for (int kind = 0; kind < MARK_KINDS; kind++)
        if (kind != MARK_NAME && left.sums[kind] != right.sums[kind]) return false;
    return names_agree(a, &left, b, &right) && !guard_differs_in_place(a, b) &&
           !guard_changes_places(a, b);
}
