/*
 * A text becomes five sums, one for each class of marks: the sum of the hashes of its marks is the
 * same in any order and counts repeats, so a multiset is compared without being kept. See
 * scache_guard.h.
 *
 * The text is read once, in chunks between blanks, from which surrounding punctuation is taken. A
 * chunk with a digit and no letter is a number ("10:30", "1,000", "5%"); one with letters and
 * digits, signs of code or a capital in the middle is an identifier; all others are words, parts
 * of "-" apart.
 */
#include "redis/scache_guard.h"

#include <string.h>

#include "base/checksum.h"

#define WORD_BYTES_MAX 64u /* longer words are no cue; longer numbers are taken as they stand */

enum mark { MARK_NUMBER, MARK_CUE, MARK_QUOTE, MARK_NAME, MARK_CODE, MARK_KINDS };

struct marks {
    uint64_t sums[MARK_KINDS];
};

static void add(struct marks *marks, enum mark kind, const char *text, size_t len)
{
    marks->sums[kind] += hash64(text, len, (uint64_t)kind + 1) | 1; /* never nothing */
}

/* ---- letters ---- */

static bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
static bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
static char lower(char c) { return is_upper(c) ? (char)(c + 32) : c; }
static bool is_letter(char c) { return is_upper(c) || is_lower(c) || (unsigned char)c >= 0x80; }
static bool is_word(char c) { return is_letter(c) || is_digit(c); }

/* A capital of ASCII, Latin-1, Greek or Cyrillic. */
static bool is_capital(const char *text, size_t len)
{
    if (is_upper(text[0])) return true;
    if (len < 2) return false;
    const unsigned char a = (unsigned char)text[0], b = (unsigned char)text[1];
    if (a == 0xc3) return b >= 0x80 && b <= 0x9e && b != 0x97;
    if (a == 0xce) return b >= 0x91 && b <= 0xa9;
    return a == 0xd0 && b >= 0x80 && b <= 0xaf;
}

/* ---- cues ---- */

static const char *const negations[] = {
    "not", "no", "never", "none", "nothing", "nobody", "nowhere", "neither", "nor", "without",
    "cannot", "cant", "dont", "wont", "doesnt", "didnt", "isnt", "non", "off", "except", "unless",
};

/* Verbs of one sense or the opposite one, with what grammar hangs on them. */
static const char *const verbs[] = {
    "enable", "disable", "activate", "deactivate", "allow", "deny", "forbid", "prevent", "block",
    "unblock", "increase", "decrease", "add", "remove", "delete", "install", "uninstall", "start",
    "stop", "open", "close", "buy", "sell", "include", "exclude", "upgrade", "downgrade", "import",
    "export", "encrypt", "decrypt", "lock", "unlock", "subscribe", "unsubscribe", "connect",
    "disconnect", "accept", "reject", "mute", "unmute", "hide", "show", "raise", "lower",
};

static const char *const poles[] = {
    "before", "after", "more", "less", "most", "least", "minimum", "maximum", "first", "last",
    "above", "below", "best", "worst", "legal", "illegal", "safe", "unsafe", "true", "false",
    "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "twelve", "hundred",
    "thousand", "million", "billion", "half", "twice",
};

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

static bool same(const char *word, size_t len, const char *text)
{
    return strlen(text) == len && memcmp(word, text, len) == 0;
}

/* "stop": stops, stopped, stopping; "enable": enables, enabled, enabling */
static bool has_stem(const char *word, size_t len, const char *stem)
{
    static const char *const ends[] = {"", "s", "es", "d", "ed", "ing"};
    size_t at = strlen(stem);
    if (len == at + 2 && stem[at - 1] == 'e' && memcmp(word, stem, at - 1) == 0 &&
        memcmp(word + at - 1, "ing", 3) == 0) {
        return true;
    }
    if (len < at || memcmp(word, stem, at) != 0) return false;
    if (len > at + 1 && word[at] == stem[at - 1]) at++;
    for (size_t i = 0; i < COUNT_OF(ends); i++)
        if (same(word + at, len - at, ends[i])) return true;
    return false;
}

/* n't, with either apostrophe */
static bool ends_in_not(const char *word, size_t len)
{
    return (len > 3 && memcmp(word + len - 3, "n't", 3) == 0) ||
           (len > 5 && memcmp(word + len - 5, "n\xe2\x80\x99t", 5) == 0);
}

static void add_cue(struct marks *marks, const char *text, size_t len)
{
    char word[WORD_BYTES_MAX];
    if (len > sizeof word) return;
    for (size_t i = 0; i < len; i++) word[i] = lower(text[i]);
    if (ends_in_not(word, len) || same(word, len, "cannot")) {
        add(marks, MARK_CUE, "not", 3);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(negations); i++)
        if (same(word, len, negations[i])) add(marks, MARK_CUE, word, len);
    for (size_t i = 0; i < COUNT_OF(poles); i++)
        if (same(word, len, poles[i])) add(marks, MARK_CUE, word, len);
    for (size_t i = 0; i < COUNT_OF(verbs); i++)
        if (has_stem(word, len, verbs[i])) add(marks, MARK_CUE, verbs[i], strlen(verbs[i]));
}

/* ---- chunks ---- */

/* "1,000" is 1000; "1,2" stays. */
static void add_number(struct marks *marks, const char *text, size_t len)
{
    char plain[WORD_BYTES_MAX];
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

/* "2FA" and "2fa" are one, "fooBar" and "FOO_BAR" are not. */
static void add_code(struct marks *marks, const char *text, size_t len)
{
    char folded[WORD_BYTES_MAX];
    bool fold = len <= sizeof folded;
    for (size_t i = 0; fold && i < len; i++) {
        fold = is_word(text[i]);
        folded[i] = lower(text[i]);
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
    if (len == 0) return;
    add_cue(marks, text, len);
    const bool acronym = len > 1 && is_upper(text[0]) && is_upper(text[1]);
    if (!is_capital(text, len) || (begins && !acronym) || is_pronoun(text, len)) return;
    if (len > 2 && memcmp(text + len - 2, "'s", 2) == 0) len -= 2;
    add(marks, MARK_NAME, text, len);
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

static void add_chunk(struct marks *marks, const char *text, size_t len, bool begins)
{
    while (len > 0 && strchr("([{,;:.!?'\"", text[0]) && text[0]) {
        if (text[0] == '.' && len > 1 && is_word(text[1])) break; /* ".5", ".bashrc" */
        text++;
        len--;
    }
    while (len > 0 && text[len - 1] && strchr(".,;:!?)]}'\"", text[len - 1])) len--;
    if (len == 0) return;
    if (is_number(text, len)) add_number(marks, text, len);
    else if (is_code(text, len)) add_code(marks, text, len);
    else add_words(marks, text, len, begins);
}

/* ---- quotes ---- */

struct quote {
    const char *open, *close;
};

static const struct quote quotes[] = {
    {"\"", "\""}, {"`", "`"}, {"'", "'"}, {"\xe2\x80\x9c", "\xe2\x80\x9d"},
    {"\xe2\x80\x98", "\xe2\x80\x99"}, {"\xc2\xab", "\xc2\xbb"},
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

bool scache_guard_agrees(struct kith_str a, struct kith_str b)
{
    struct marks left = {{0}}, right = {{0}};
    read_marks(a, &left);
    read_marks(b, &right);
    return memcmp(&left, &right, sizeof left) == 0;
}
