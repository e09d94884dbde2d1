/*
 * Tokens of the filter language, one at a time. Numbers and strings are in filter_literal.
 *
 * Keywords exist in two spellings, all lower and all upper; anything else of a name's form is an
 * identifier. A path (`j["a"][0]`) is one token, because no blanks may stand inside it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "query/filter_internal.h"

#define PATH_STEPS_MAX 64

int filter_error(struct kith_error *err, size_t at, const char *fmt, ...)
{
    char what[KITH_ERROR_TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    return error_set_at(err, KITH_EFILTER, at, "%s", what);
}

/* Lines count from 1, columns from 0 and in characters. */
int lexer_error(const struct lexer *lexer, size_t at, const char *fmt, ...)
{
    char what[KITH_ERROR_TEXT_MAX];
    size_t line = 1, column = 0;
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    for (size_t i = 0; i < at && i < lexer->len; i++) {
        bool inside = ((unsigned char)lexer->text[i] & 0xc0) == 0x80; /* of a character */
        column = lexer->text[i] == '\n' ? 0 : column + !inside;
        line += lexer->text[i] == '\n';
    }
    return error_set_at(lexer->err, KITH_EFILTER, at, "line %zu:%zu %s", line, column, what);
}

int lexer_no_memory(const struct lexer *lexer)
{
    return error_set(lexer->err, KITH_ENOMEM, "no memory for the filter");
}

/* ------------------------------------------------------------------ strings */

static int string_token(struct lexer *lexer, size_t prefix, struct lexeme *out)
{
    bool raw = lexer_peek(lexer, 0) == 'r';
    out->kind = TOKEN_STRING;
    out->literal.kind = LITERAL_STRING;
    lexer->pos += prefix;
    return raw ? lexer_raw_quoted(lexer, &out->literal.s) : lexer_quoted(lexer, &out->literal.s);
}

/* The length of u8, u, U, L or r in front of a quote. */
static size_t string_prefix(const struct lexer *lexer)
{
    char c = lexer_peek(lexer, 0);
    size_t n = c == 'u' || c == 'U' || c == 'L' || c == 'r' ? 1 : 0;
    if (c == 'u' && lexer_peek(lexer, 1) == '8') n = 2;
    char quote = lexer_peek(lexer, n);
    return quote == '"' || quote == '\'' ? n : 0;
}

/* ------------------------------------------------------------------ words and paths */

struct word {
    const char *lower;
    enum filter_token kind;
    enum filter_call call;
};

#define CALL_OF(relation) ((enum filter_call)((int)CALL_GEOMETRY + (int)(relation)))

static const struct word WORDS[] = {
    { "and", TOKEN_AND, 0 },
    { "or", TOKEN_OR, 0 },
    { "not", TOKEN_NOT, 0 },
    { "in", TOKEN_IN, 0 },
    { "like", TOKEN_LIKE, 0 },
    { "exists", TOKEN_EXISTS, 0 },
    { "interval", TOKEN_INTERVAL, 0 },
    { "iso", TOKEN_ISO, 0 },
    { "json_contains", TOKEN_CALL, CALL_CONTAINS },
    { "array_contains", TOKEN_CALL, CALL_CONTAINS },
    { "json_contains_all", TOKEN_CALL, CALL_CONTAINS_ALL },
    { "array_contains_all", TOKEN_CALL, CALL_CONTAINS_ALL },
    { "json_contains_any", TOKEN_CALL, CALL_CONTAINS_ANY },
    { "array_contains_any", TOKEN_CALL, CALL_CONTAINS_ANY },
    { "array_length", TOKEN_CALL, CALL_LENGTH },
    { "text_match", TOKEN_CALL, CALL_TEXT_MATCH },
    { "phrase_match", TOKEN_CALL, CALL_PHRASE_MATCH },
    { "random_sample", TOKEN_CALL, CALL_SAMPLE },
    { "element_filter", TOKEN_CALL, CALL_REFUSED },
    { "match_all", TOKEN_CALL, CALL_REFUSED },
    { "match_any", TOKEN_CALL, CALL_REFUSED },
    { "match_least", TOKEN_CALL, CALL_REFUSED },
    { "match_most", TOKEN_CALL, CALL_REFUSED },
    { "match_exact", TOKEN_CALL, CALL_REFUSED },
    { "st_equals", TOKEN_CALL, CALL_OF(GEOMETRY_EQUALS) },
    { "st_touches", TOKEN_CALL, CALL_OF(GEOMETRY_TOUCHES) },
    { "st_overlaps", TOKEN_CALL, CALL_OF(GEOMETRY_OVERLAPS) },
    { "st_crosses", TOKEN_CALL, CALL_OF(GEOMETRY_CROSSES) },
    { "st_contains", TOKEN_CALL, CALL_OF(GEOMETRY_CONTAINS) },
    { "st_intersects", TOKEN_CALL, CALL_OF(GEOMETRY_INTERSECTS) },
    { "st_within", TOKEN_CALL, CALL_OF(GEOMETRY_WITHIN) },
    { "st_dwithin", TOKEN_CALL, CALL_OF(GEOMETRY_DWITHIN) },
    { "st_isvalid", TOKEN_CALL, CALL_OF(GEOMETRY_ISVALID) },
};

static bool all_upper_of(const char *text, const char *lower, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = lower[i];
        if (text[i] != (c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c)) return false;
    }
    return true;
}

static bool word_is(const char *text, size_t len, const char *lower)
{
    return strlen(lower) == len &&
           (memcmp(text, lower, len) == 0 || all_upper_of(text, lower, len));
}

static bool bool_word(const char *text, size_t len, bool *value)
{
    *value = word_is(text, len, "true") || (len == 4 && memcmp(text, "True", 4) == 0);
    return *value || word_is(text, len, "false") || (len == 5 && memcmp(text, "False", 5) == 0);
}

/* `is null` and `is not null`, with exactly one blank; otherwise `is` is an identifier. */
static bool null_test(struct lexer *lexer, struct lexeme *out)
{
    static const char *const forms[] = { "is null", "is not null" };
    for (size_t i = 0; i < 2; i++) {
        size_t len = strlen(forms[i]);
        if (lexer->len - lexer->pos < len || lexer_is_name(lexer_peek(lexer, len))) continue;
        if (!word_is(lexer->text + lexer->pos, len, forms[i])) continue;
        out->kind = i == 0 ? TOKEN_IS_NULL : TOKEN_IS_NOT_NULL;
        lexer->pos += len;
        return true;
    }
    return false;
}

/* Behind '['. */
static int path_step(struct lexer *lexer, struct json_step *step)
{
    size_t at = lexer->pos;
    char c = lexer_peek(lexer, 0);
    *step = (struct json_step){ 0 };
    if (c == '"' || c == '\'') {
        struct kith_str key;
        int rc = lexer_quoted(lexer, &key);
        if (rc != 0) return rc;
        step->key = key.data;
        step->key_len = key.len;
    } else if (lexer_is_digit(c)) {
        while (lexer_is_digit(lexer_peek(lexer, 0)) && step->index < UINT32_MAX)
            step->index = step->index * 10 + (size_t)(lexer->text[lexer->pos++] - '0');
    } else {
        size_t n = 0;
        while (lexer_is_name(lexer_peek(lexer, n))) n++;
        return filter_error(lexer->err, at, "json key must be enclosed in double quotes or single "
                            "quotes: \"%.*s\"", (int)(n < 64 ? n : 64), lexer->text + at);
    }
    if (lexer_peek(lexer, 0) != ']') return lexer_error(lexer, lexer->pos, "']' expected");
    lexer->pos++;
    return 0;
}

static int path_token(struct lexer *lexer, struct kith_str name, struct lexeme *out)
{
    struct json_step steps[PATH_STEPS_MAX], *kept = NULL;
    size_t count = 0;
    while (lexer_peek(lexer, 0) == '[') {
        if (count == PATH_STEPS_MAX)
            return filter_error(lexer->err, lexer->pos, "path of more than %d parts",
                                PATH_STEPS_MAX);
        lexer->pos++;
        int rc = path_step(lexer, &steps[count++]);
        if (rc != 0) return rc;
    }
    if (count > 0) {
        kept = arena_alloc_array(lexer->arena, count, sizeof *kept);
        if (!kept) return lexer_no_memory(lexer);
        memcpy(kept, steps, count * sizeof *kept);
    }
    out->kind = TOKEN_PATH;
    out->path = (struct path){ name, kept, count };
    return 0;
}

static int name_token(struct lexer *lexer, struct lexeme *out)
{
    if (null_test(lexer, out)) return 0;
    const char *text = lexer->text + lexer->pos;
    size_t len = 0;
    while (lexer_is_name(lexer_peek(lexer, len))) len++;
    lexer->pos += len;
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
        if (!word_is(text, len, WORDS[i].lower)) continue;
        out->kind = WORDS[i].kind;
        out->call = WORDS[i].call;
        return 0;
    }
    if (bool_word(text, len, &out->literal.boolean)) {
        out->kind = TOKEN_BOOL;
        out->literal.kind = LITERAL_BOOL;
        return 0;
    }
    return path_token(lexer, (struct kith_str){ text, len }, out);
}

/* `$meta`, or `$[name]`: an element of a struct array. */
static int dollar_token(struct lexer *lexer, struct lexeme *out)
{
    static const char meta[] = SCHEMA_META_FIELD;
    size_t len = sizeof meta - 1;
    if (lexer->len - lexer->pos >= len && memcmp(lexer->text + lexer->pos, meta, len) == 0 &&
        !lexer_is_name(lexer_peek(lexer, len))) {
        lexer->pos += len;
        return path_token(lexer, (struct kith_str){ meta, len }, out);
    }
    size_t n = 2;
    while (lexer_is_name(lexer_peek(lexer, n))) n++;
    if (lexer_peek(lexer, 1) != '[' || n == 2 || lexer_peek(lexer, n) != ']')
        return lexer_error(lexer, lexer->pos, "'$meta' or '$[name]' expected");
    lexer->pos += n + 1;
    out->kind = TOKEN_ELEMENT;
    return 0;
}

static int template_token(struct lexer *lexer, struct lexeme *out)
{
    size_t n = 1;
    while (lexer_is_name(lexer_peek(lexer, n))) n++;
    if (n == 1 || lexer_peek(lexer, n) != '}')
        return lexer_error(lexer, lexer->pos, "'{name}' expected");
    out->path.name = (struct kith_str){ lexer->text + lexer->pos + 1, n - 1 };
    if (lexer_is_digit(out->path.name.data[0]))
        return lexer_error(lexer, lexer->pos, "'{name}' expected");
    out->kind = TOKEN_TEMPLATE;
    lexer->pos += n + 1;
    return 0;
}

/* ------------------------------------------------------------------ signs */

struct sign {
    char text[3];
    enum filter_token kind;
};

static const struct sign SIGNS[] = {
    /* longer ones first */
    {"==", TOKEN_EQ},       {"!=", TOKEN_NE},        {"<=", TOKEN_LE},     {">=", TOKEN_GE},
    {"&&", TOKEN_AND},      {"||", TOKEN_OR},        {"**", TOKEN_POW},    {"<<", TOKEN_SHL},
    {">>", TOKEN_SHR},      {"<", TOKEN_LT},         {">", TOKEN_GT},      {"+", TOKEN_ADD},
    {"-", TOKEN_SUB},       {"*", TOKEN_MUL},        {"/", TOKEN_DIV},     {"%", TOKEN_MOD},
    {"&", TOKEN_BIT_AND},   {"|", TOKEN_BIT_OR},     {"^", TOKEN_BIT_XOR}, {"~", TOKEN_BIT_NOT},
    {"!", TOKEN_NOT},       {"=", TOKEN_ASSIGN},     {"(", TOKEN_OPEN},    {")", TOKEN_CLOSE},
    {"[", TOKEN_LIST_OPEN}, {"]", TOKEN_LIST_CLOSE}, {",", TOKEN_COMMA},
};

static int sign_token(struct lexer *lexer, struct lexeme *out)
{
    for (size_t i = 0; i < sizeof SIGNS / sizeof *SIGNS; i++) {
        size_t len = strlen(SIGNS[i].text);
        if (len > lexer->len - lexer->pos) continue;
        if (memcmp(lexer->text + lexer->pos, SIGNS[i].text, len) != 0) continue;
        out->kind = SIGNS[i].kind;
        lexer->pos += len;
        return 0;
    }
    char c = lexer_peek(lexer, 0);
    return lexer_error(lexer, lexer->pos, "token recognition error at: '%c'",
                       c >= ' ' && c < 127 ? c : '?');
}

static int any_token(struct lexer *lexer, struct lexeme *out)
{
    char c = lexer_peek(lexer, 0);
    size_t prefix = string_prefix(lexer);
    if (prefix > 0 || c == '"' || c == '\'') return string_token(lexer, prefix, out);
    if (lexer_is_digit(c) || (c == '.' && lexer_is_digit(lexer_peek(lexer, 1))))
        return lexer_number(lexer, out);
    if (lexer_is_name_start(c)) return name_token(lexer, out);
    if (c == '$') return dollar_token(lexer, out);
    if (c == '{') return template_token(lexer, out);
    return sign_token(lexer, out);
}

int lexer_next(struct lexer *lexer, struct lexeme *out)
{
    for (char c; (c = lexer_peek(lexer, 0)) == ' ' || c == '\t' || c == '\r' || c == '\n';)
        lexer->pos++;
    *out = (struct lexeme){ .kind = TOKEN_END, .at = lexer->pos, .end = lexer->pos };
    if (lexer->pos >= lexer->len) return 0;
    int rc = any_token(lexer, out);
    out->end = lexer->pos;
    return rc;
}
