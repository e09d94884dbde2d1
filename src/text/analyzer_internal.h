/*
 * What the files of the analyzer share: the parsed form, and the state of one run.
 *
 * An analyzer is a tokenizer and a list of filters. A filter keeps a token, drops it, changes its
 * text in place or, only the decompounder, replaces it by several; so a run is a walk down the list
 * for every token that the tokenizer found.
 */
#ifndef KITH_TEXT_ANALYZER_INTERNAL_H
#define KITH_TEXT_ANALYZER_INTERNAL_H

#include <regex.h>

#include "base/buffer.h"
#include "base/json.h"
#include "base/map.h"
#include "text/analyzer.h"

#define ANALYZER_FILTERS_MAX 32
#define ANALYZER_JSON_MAX 262144u /* bytes: lists of words are in there */
#define ANALYZER_WORD_MAX 255     /* bytes of a word of a decompounder's list */
#define ANALYZER_REGEX_MAX 256    /* bytes of an expression */
#define ANALYZER_REPEATS_MAX 1000 /* product of the counts of x{m,n} in an expression */
#define TOKEN_BYTES_MAX 65535u    /* longer tokens are dropped */

enum tokenizer { TOKENIZER_STANDARD, TOKENIZER_WHITESPACE };

enum filter_kind {
    FILTER_LOWERCASE,
    FILTER_ASCII_FOLDING,
    FILTER_ALPHANUM_ONLY,
    FILTER_CN_ALPHANUM_ONLY,
    FILTER_CN_CHAR_ONLY,
    FILTER_REMOVE_PUNCT,
    FILTER_LENGTH,
    FILTER_STOP,
    FILTER_STEMMER,
    FILTER_DECOMPOUNDER,
    FILTER_REGEX
};

struct text_filter {
    enum filter_kind kind;
    uint64_t max;           /* LENGTH: bytes */
    struct map words;       /* STOP, DECOMPOUNDER */
    size_t longest;         /* DECOMPOUNDER: bytes of the longest word */
    char language[16];      /* STEMMER */
    regex_t regex;          /* REGEX */
    bool has_regex;
};

struct analyzer {
    enum tokenizer tokenizer;
    size_t filter_count;
    struct text_filter filters[ANALYZER_FILTERS_MAX];
};

struct sb_stemmer;
struct analyzer_scratch {
    struct sb_stemmer *stemmers[ANALYZER_FILTERS_MAX]; /* owns: one a stemmer filter */
    struct buffer text;  /* of the token */
    struct buffer other; /* a changed text, before it becomes `text` */
    struct buffer parts; /* what a decompounder cuts */
};

/* Fills *out from untrusted JSON; on error the caller releases it. */
KITH_NODISCARD int analyzer_parse(const char *json, size_t len, struct analyzer *out,
                                  struct kith_error *err);

/* ---- analyzer_filter.c: filters of one token; the text is in scratch->text */

/* 1: keep, 0: drop, KITH_ENOMEM. Not the decompounder. */
KITH_NODISCARD int text_filter_apply(const struct analyzer *analyzer, size_t number,
                                     struct analyzer_scratch *scratch);
/* The length of the part of a compound word that starts at text; 0: no word of the list does. */
size_t text_filter_part(const struct text_filter *filter, const char *text, size_t len);

/* ---- analyzer_fold.c */

/* One code point; malformed bytes are read as Latin-1, one by one. Returns the bytes used. */
size_t text_code_point(const char *text, size_t len, int32_t *out);
void text_put_code_point(struct buffer *out, int32_t code_point);
void text_fold_ascii(const char *text, size_t len, struct buffer *out);

/* ---- analyzer_words.c */

extern const char *const text_stop_english[];
/* Adds the words of "_english_"; KITH_EUNSUPPORTED for another list. */
KITH_NODISCARD int text_stop_list(const char *name, size_t len, struct map *out,
                                  struct kith_error *err);

#endif
