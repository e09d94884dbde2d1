/*
 * Analyzers: life, tokenizers, the walk of a token down the filters. See analyzer.h.
 *
 * Standard: a token is a maximal run of letters and numbers (Unicode categories L and N).
 * Whitespace: of code points that are no white space. Both know ASCII by a table and ask utf8proc
 * for the rest. What stands between tokens is nobody's.
 */
#include "text/analyzer.h"

#include <libstemmer.h>
#include <string.h>
#include <utf8proc.h>

#include "base/alloc.h"
#include "text/analyzer_internal.h"

/* ---- life ---- */

int analyzer_new(const char *json, size_t len, struct analyzer **out, struct kith_error *err)
{
    struct analyzer *analyzer = mem_zalloc(sizeof *analyzer);
    if (!analyzer) return error_set(err, KITH_ENOMEM, "analyzer: no memory");
    const int rc = analyzer_parse(json, len, analyzer, err);
    if (rc) {
        analyzer_free(analyzer);
        return rc;
    }
    *out = analyzer;
    return 0;
}

void analyzer_free(struct analyzer *analyzer)
{
    if (!analyzer) return;
    for (size_t i = 0; i < analyzer->filter_count; i++) {
        map_release(&analyzer->filters[i].words);
        if (analyzer->filters[i].has_regex) regfree(&analyzer->filters[i].regex);
    }
    mem_free(analyzer);
}

void analyzer_scratch_free(struct analyzer_scratch *scratch)
{
    if (!scratch) return;
    for (size_t i = 0; i < ANALYZER_FILTERS_MAX; i++) {
        if (scratch->stemmers[i]) sb_stemmer_delete(scratch->stemmers[i]);
    }
    buffer_release(&scratch->text);
    buffer_release(&scratch->other);
    buffer_release(&scratch->parts);
    mem_free(scratch);
}

int analyzer_scratch_new(const struct analyzer *analyzer, struct analyzer_scratch **out)
{
    struct analyzer_scratch *scratch = mem_zalloc(sizeof *scratch);
    if (!scratch) return KITH_ENOMEM;
    for (size_t i = 0; i < analyzer->filter_count; i++) {
        if (analyzer->filters[i].kind != FILTER_STEMMER) continue;
        scratch->stemmers[i] = sb_stemmer_new(analyzer->filters[i].language, "UTF_8");
        if (scratch->stemmers[i]) continue;
        analyzer_scratch_free(scratch);
        return KITH_ENOMEM;
    }
    *out = scratch;
    return 0;
}

/* ---- the walk down the filters ---- */

struct run { /* one analyzer_run */
    const struct analyzer *analyzer;
    struct analyzer_scratch *scratch;
    int (*fn)(void *ctx, const struct token *token);
    void *ctx;
};

static int filter_token(const struct run *run, struct token *token, size_t first);

/* true: the token is wholly made of words of the list. */
static bool is_compound(const struct text_filter *filter, const struct buffer *text)
{
    size_t at = 0;
    while (at < text->len) {
        const size_t part =
            text_filter_part(filter, (const char *)text->data + at, text->len - at);
        if (part == 0) return false;
        at += part;
    }
    return at > 0;
}

/* Each part goes on down the filters, with the place of the whole. A part is copied first, so that
 * a decompounder further down can use the same buffers: parts of this level stand below `base`. */
static int decompound(const struct run *run, struct token *token, size_t number)
{
    const struct text_filter *filter = &run->analyzer->filters[number];
    struct buffer *parts = &run->scratch->parts;
    if (!is_compound(filter, &run->scratch->text)) return filter_token(run, token, number + 1);
    const size_t base = parts->len;
    const size_t len = run->scratch->text.len;
    buffer_put(parts, run->scratch->text.data, len);
    if (buffer_failed(parts)) return KITH_ENOMEM;
    int rc = 0;
    for (size_t at = 0; rc == 0 && at < len;) {
        const size_t part =
            text_filter_part(filter, (const char *)parts->data + base + at, len - at);
        buffer_clear(&run->scratch->text);
        buffer_put(&run->scratch->text, parts->data + base + at, part);
        if (buffer_failed(&run->scratch->text)) return KITH_ENOMEM;
        rc = filter_token(run, token, number + 1);
        at += part;
    }
    parts->len = base;
    return rc;
}

/* The text is in scratch->text. Recursion is bounded by the number of filters. */
static int filter_token(const struct run *run, struct token *token, size_t first)
{
    const struct buffer *text = &run->scratch->text;
    for (size_t i = first; i < run->analyzer->filter_count; i++) {
        if (run->analyzer->filters[i].kind == FILTER_DECOMPOUNDER) return decompound(run, token, i);
        const int kept = text_filter_apply(run->analyzer, i, run->scratch);
        if (kept <= 0) return kept;
        if (text->len > TOKEN_BYTES_MAX) return 0;
    }
    if (text->len == 0) return 0;
    token->text = (struct kith_str){ (const char *)text->data, text->len };
    return run->fn(run->ctx, token);
}

/* Tokens are UTF-8 from here on: bytes that are not become the code points they are in Latin-1. */
static void put_latin(const char *text, size_t len, struct buffer *out)
{
    for (size_t at = 0; at < len;) {
        int32_t code_point;
        at += text_code_point(text + at, len - at, &code_point);
        text_put_code_point(out, code_point);
    }
}

static int emit(const struct run *run, const char *text, size_t start, size_t end,
                uint32_t position)
{
    if (end - start > TOKEN_BYTES_MAX) return 0;
    buffer_clear(&run->scratch->text);
    if (utf8_valid(text + start, end - start)) {
        buffer_put(&run->scratch->text, text + start, end - start);
    } else {
        put_latin(text + start, end - start, &run->scratch->text);
    }
    if (buffer_failed(&run->scratch->text)) return KITH_ENOMEM;
    struct token token = { .start = (uint32_t)start, .end = (uint32_t)end, .position = position };
    return filter_token(run, &token, 0);
}

/* ---- tokenizers ---- */

static bool is_letter_or_number(int32_t c)
{
    if (c < 0x80) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    }
    const utf8proc_category_t category = utf8proc_category(c);
    return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO) ||
           (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO);
}

static bool is_no_space(int32_t c)
{
    if (c < 0x80) return c != ' ' && !(c >= '\t' && c <= '\r');
    if (c == 0x85) return false;
    const utf8proc_category_t category = utf8proc_category(c);
    return category != UTF8PROC_CATEGORY_ZS && category != UTF8PROC_CATEGORY_ZL &&
           category != UTF8PROC_CATEGORY_ZP;
}

/* The first place at or after `at` where the kind of code points is `wanted`, or len. */
static size_t find_kind(const char *text, size_t len, size_t at, bool (*is)(int32_t), bool wanted)
{
    while (at < len) {
        int32_t code_point;
        const size_t used = text_code_point(text + at, len - at, &code_point);
        if (is(code_point) == wanted) break;
        at += used;
    }
    return at;
}

int analyzer_run(const struct analyzer *analyzer, struct analyzer_scratch *scratch,
                 struct kith_str text, int (*fn)(void *ctx, const struct token *token), void *ctx)
{
    const struct run run = { analyzer, scratch, fn, ctx };
    bool (*const inside)(int32_t) =
        analyzer->tokenizer == TOKENIZER_WHITESPACE ? is_no_space : is_letter_or_number;
    const size_t len = text.len < UINT32_MAX ? text.len : UINT32_MAX;
    buffer_clear(&scratch->parts);
    uint32_t position = 0;
    for (size_t at = find_kind(text.data, len, 0, inside, true); at < len;) {
        const size_t end = find_kind(text.data, len, at, inside, false);
        const int rc = emit(&run, text.data, at, end, position++);
        if (rc) return rc;
        at = find_kind(text.data, len, end, inside, true);
    }
    return 0;
}

/* ---- hash ---- */

static const uint32_t crc_nibbles[16] = { /* reflected polynomial 0xedb88320, four bits a step */
    0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
    0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
};

uint32_t token_hash(struct kith_str text)
{
    const size_t len = text.len < 100 ? text.len : 100;
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < len; i++) {
        crc ^= (uint8_t)text.data[i];
        crc = (crc >> 4) ^ crc_nibbles[crc & 15];
        crc = (crc >> 4) ^ crc_nibbles[crc & 15];
    }
    crc = ~crc;
    return crc == UINT32_MAX ? 0 : crc;
}
