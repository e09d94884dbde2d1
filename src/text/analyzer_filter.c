/*
 * The filters, one token at a time. Names and meaning are Milvus':
 *
 *   lowercase        per code point
 *   asciifolding     see analyzer_fold.c
 *   alphanumonly     keeps tokens of ASCII letters and digits only
 *   cnalphanumonly   keeps tokens of ASCII letters, digits and Chinese characters only
 *   cncharonly       keeps tokens of Chinese characters only
 *   removepunct      drops tokens of punctuation only
 *   length           drops tokens of more than `max` bytes
 *   stop             drops the words of a list
 *   stemmer          Snowball
 *   regex            keeps tokens in which the expression matches somewhere
 *   decompounder     cuts a token that is wholly made of words of a list, greedily
 */
#include "text/analyzer_internal.h"

#include <libstemmer.h>
#include <string.h>
#include <utf8proc.h>

static bool is_ascii_alphanum(int32_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_chinese(int32_t c) /* CJK Unified Ideographs and their extension A */
{
    return (c >= 0x4e00 && c <= 0x9fff) || (c >= 0x3400 && c <= 0x4dbf);
}

static bool is_chinese_or_alphanum(int32_t c) { return is_chinese(c) || is_ascii_alphanum(c); }

static bool is_punct(int32_t c)
{
    const utf8proc_category_t category = utf8proc_category(c);
    return (category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO) ||
           (c < 0x80 && category >= UTF8PROC_CATEGORY_SM && category <= UTF8PROC_CATEGORY_SO);
}

static bool all_are(const struct buffer *text, bool (*is)(int32_t))
{
    for (size_t at = 0; at < text->len;) {
        int32_t code_point;
        at += text_code_point((const char *)text->data + at, text->len - at, &code_point);
        if (!is(code_point)) return false;
    }
    return true;
}

static void swap_texts(struct analyzer_scratch *scratch)
{
    const struct buffer old = scratch->text;
    scratch->text = scratch->other;
    scratch->other = old;
}

static int changed(struct analyzer_scratch *scratch)
{
    if (buffer_failed(&scratch->other)) return KITH_ENOMEM;
    swap_texts(scratch);
    return 1;
}

/* Letters of ASCII change where they stand; from the first other byte on, by code points. */
static int lowercase(struct analyzer_scratch *scratch)
{
    uint8_t *data = scratch->text.data;
    const size_t len = scratch->text.len;
    size_t at = 0;
    for (; at < len && data[at] < 0x80; at++) {
        if (data[at] >= 'A' && data[at] <= 'Z') data[at] = (uint8_t)(data[at] + ('a' - 'A'));
    }
    if (at == len) return 1;
    buffer_clear(&scratch->other);
    buffer_put(&scratch->other, data, at);
    while (at < len) {
        int32_t code_point;
        at += text_code_point((const char *)data + at, len - at, &code_point);
        text_put_code_point(&scratch->other, utf8proc_tolower(code_point));
    }
    return changed(scratch);
}

static int fold(struct analyzer_scratch *scratch)
{
    buffer_clear(&scratch->other);
    text_fold_ascii((const char *)scratch->text.data, scratch->text.len, &scratch->other);
    return changed(scratch);
}

static int stem(struct sb_stemmer *stemmer, struct analyzer_scratch *scratch)
{
    const sb_symbol *stemmed =
        sb_stemmer_stem(stemmer, scratch->text.data, (int)scratch->text.len);
    if (!stemmed) return KITH_ENOMEM;
    const size_t len = (size_t)sb_stemmer_length(stemmer);
    buffer_clear(&scratch->text);
    buffer_put(&scratch->text, stemmed, len);
    return buffer_failed(&scratch->text) ? KITH_ENOMEM : 1;
}

/* A zero is put behind the text: some tools that watch memory take it for a string. */
static int matches(const regex_t *regex, struct buffer *text)
{
    if (buffer_reserve(text, 1)) return KITH_ENOMEM;
    text->data[text->len] = 0;
    regmatch_t range = { .rm_so = 0, .rm_eo = (regoff_t)text->len };
    const int rc = regexec(regex, (const char *)text->data, 1, &range, REG_STARTEND);
    return rc == 0 ? 1 : rc == REG_ESPACE ? KITH_ENOMEM : 0;
}

int text_filter_apply(const struct analyzer *analyzer, size_t number,
                      struct analyzer_scratch *scratch)
{
    const struct text_filter *filter = &analyzer->filters[number];
    const struct buffer *text = &scratch->text;
    switch (filter->kind) {
    case FILTER_LOWERCASE: return lowercase(scratch);
    case FILTER_ASCII_FOLDING: return fold(scratch);
    case FILTER_ALPHANUM_ONLY: return all_are(text, is_ascii_alphanum);
    case FILTER_CN_ALPHANUM_ONLY: return all_are(text, is_chinese_or_alphanum);
    case FILTER_CN_CHAR_ONLY: return all_are(text, is_chinese);
    case FILTER_REMOVE_PUNCT: return !all_are(text, is_punct);
    case FILTER_LENGTH: return text->len <= filter->max;
    case FILTER_STOP: return !map_get(&filter->words, text->data, text->len, NULL);
    case FILTER_STEMMER: return stem(scratch->stemmers[number], scratch);
    case FILTER_REGEX: return matches(&filter->regex, &scratch->text);
    case FILTER_DECOMPOUNDER: break; /* the run's */
    }
    return 1;
}

size_t text_filter_part(const struct text_filter *filter, const char *text, size_t len)
{
    size_t part = len < filter->longest ? len : filter->longest;
    while (part > 0 && !map_get(&filter->words, text, part, NULL)) part--;
    return part;
}
