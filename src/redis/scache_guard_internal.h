/* What the files of the guard share: letters, the words that it knows, prompts as words. */
#ifndef KITH_REDIS_SCACHE_GUARD_INTERNAL_H
#define KITH_REDIS_SCACHE_GUARD_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "redis/scache_guard.h"

#define GUARD_WORD_MAX 64u /* bytes; longer words are no cue */
#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

/* ---- letters: scache_guard_letters.c ---- */

static inline bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
static inline bool is_digit(char c) { return c >= '0' && c <= '9'; }
static inline bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
static inline bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
static inline bool is_letter(char c)
{
    return is_upper(c) || is_lower(c) || (unsigned char)c >= 0x80;
}
static inline bool is_word(char c) { return is_letter(c) || is_digit(c); }

/* The code point at the beginning of text (len > 0) and its bytes; a byte that begins none is one
 * of its own above all. */
uint32_t guard_point(const char *text, size_t len, size_t *bytes);
/* Where the code point before `at` begins (at > 0). */
size_t guard_point_before(const char *text, size_t at);
bool guard_is_capital(uint32_t point);
/* Written without blanks between words: Chinese, Japanese, Korean, Thai. */
bool guard_is_dense(uint32_t point);
/* 0 to 9, of any script that has its own; -1: it is no digit. */
int guard_digit(uint32_t point);
/* Small letters of ASCII, Latin-1, Greek and Cyrillic; out: len bytes, of the same length. */
void guard_fold(const char *text, size_t len, char *out);

/* ---- words, all folded: scache_guard_words.c, scache_guard_table.c ---- */

enum guard_kind {
    GUARD_WORD = 1,   /* a cue as it stands */
    GUARD_VERB = 2,   /* a cue with what grammar hangs on it */
    GUARD_UNIT = 4,   /* a cue with a plural */
    GUARD_NUMBER = 8, /* sense: its digits */
    GUARD_FILLER = 16,
    GUARD_SENSE = 32, /* no cue; words of one sense, for the frame */
    GUARD_LOOSE = 64, /* "now": it stands where it likes */
    GUARD_JOIN = 128  /* "and": its two sides may change places */
};
struct guard_entry {
    const char *word;  /* sorted by bytes, then by kind's name */
    const char *sense; /* NULL: the word itself */
    enum guard_kind kind;
};
extern const struct guard_entry guard_table[];
extern const size_t guard_table_count;

/* The name of the cue that a word is, NULL: it is none. Words of one sense have one name. */
const char *guard_cue(const char *word, size_t len);
/* The same, or the digits of a word for a number: "seven", "7". */
const char *guard_mark(const char *word, size_t len, bool *number);
/* All that the table has of a word, in one walk. */
struct guard_known {
    unsigned kinds;
    bool number;
    const char *mark, *sense; /* as guard_mark, guard_sense */
};
struct guard_known guard_know(const char *word, size_t len);
/* Of dense scripts: a negation (*number false) or a numeral stands here; how many bytes, or 0. */
size_t guard_dense_mark(const char *text, size_t len, bool *number);
/* The table has it as one of these kinds; GUARD_FILLER ("the", "please", "how"): a prompt may have
 * it or not. */
bool guard_is(const char *word, size_t len, unsigned kinds);
/* One word in two forms. */
bool guard_same_stem(const char *a, size_t a_len, const char *b, size_t b_len);
/* What words of one sense have in common, NULL: nothing is known. */
const char *guard_sense(const char *word, size_t len);
/* One word in two forms, or two of one sense. */
bool guard_same_sense(const char *a, size_t a_len, const char *b, size_t b_len);

/* A word that no prompt turns on alone, folded: scache_guard_plain.c. */
bool guard_is_plain(const char *word, size_t len);

/* ---- quotations: scache_guard_quotes.c ---- */

#define GUARD_QUOTES 18u

struct guard_reader {
    const char *text;
    size_t len, at;
    size_t closes[GUARD_QUOTES]; /* where each kind closes next, if not before `at`; len: nowhere */
};
/* A quotation begins at `at`: what is in it, and `at` stands behind it. Of the kinds that open with
 * one sign, the one that closes first. */
bool guard_read_quote(struct guard_reader *in, struct kith_str *out);
/* One may begin at `at`, within what stands between blanks: f('a b'). No apostrophe does. */
bool guard_opens_quote(const struct guard_reader *in);

/* ---- words of opposite sense: scache_guard_sides.c ---- */

#define GUARD_PAIRS 320u

struct guard_sides {
    uint64_t first[GUARD_PAIRS / 64], second[GUARD_PAIRS / 64]; /* a bit for each pair */
};
/* Notes on which sides a folded word is. */
void guard_take_sides(struct guard_sides *out, const char *word, size_t len);
/* Of some pair the one has only the first side, the other only the second. */
bool guard_sides_differ(const struct guard_sides *a, const struct guard_sides *b);

/* ---- scache_guard_frame.c ---- */

struct guard_word {
    size_t at, len;
};

struct guard_text {
    const char *text;
    size_t from, to; /* what is looked at */
};

/* A letter, digit or picture: no blank or punctuation, of ASCII or elsewhere. */
bool guard_is_word(uint32_t point);
/* The next word from `from` on; false: none. */
bool guard_word_behind(const struct guard_text *in, struct guard_word *out);
/* The last word before `to`. */
bool guard_word_before(const struct guard_text *in, struct guard_word *out);
/* How many words both begin and end with; they are taken off. */
size_t guard_take_shared(struct guard_text *a, struct guard_text *b);
/* Both prompts are one sentence with something else in one place. */
bool guard_differs_in_place(struct kith_str a, struct kith_str b);

/* ---- scache_guard_order.c, scache_guard_roles.c ---- */

#define ORDER_MAX 64u /* words looked at, of each prompt */
#define LONE SIZE_MAX

struct prompt_word {
    char text[GUARD_WORD_MAX]; /* folded */
    size_t len, partner;
    const char *mark, *sense; /* NULL: none */
    bool filler, loose, join, number;
    bool name; /* with a capital, or a word that nobody knows */
    bool own;  /* behind a small preposition or a number, and without kin in the other prompt */
};

struct prompt {
    struct prompt_word words[ORDER_MAX];
    size_t count, first, end; /* first to end: what is not shared */
};

bool prompt_same_sense(const struct prompt_word *a, const struct prompt_word *b);
bool prompt_word_is(const struct prompt_word *word, const char *text);
bool prompt_word_is_one_of(const struct prompt_word *word, const char *const *texts, size_t count);
bool prompt_word_is_preposition(const struct prompt_word *word);
bool prompt_has(const struct prompt *in, const char *text);
/* Where the first word of this sense is, LONE: nowhere. */
size_t prompt_place_of(const struct prompt *in, const struct prompt_word *word);

/* Two names have changed places, and nothing says that they may. Words have their partners. */
bool guard_swaps_names(const struct prompt *a, const struct prompt *b);
/* One name stands beside something else in each. */
bool guard_completes_names(const struct prompt *a, const struct prompt *b);
/* What one denies, the other says, and denies something else. */
bool guard_denies_otherwise(const struct prompt *a, const struct prompt *b);
/* Of "who shot X" and "who did X shoot" only one asks for the one who shot. */
bool guard_asks_for_other(const struct prompt *a, const struct prompt *b);

/* Both prompts have words that changed places, or something else in the place of a name. */
bool guard_changes_places(struct kith_str a, struct kith_str b);
/* So few words that guard_changes_places looks at all of them. */
bool guard_is_short(struct kith_str text);

#endif
