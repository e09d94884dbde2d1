/*
 * Tokens of the filter language, one at a time.
 *
 * Keywords exist in two spellings, all lower and all upper; anything else of a name's form is an
 * identifier. A path (`j["a"][0]`) is one token, because no blanks may stand inside it. String
 * escapes are decoded here, but `\%` and `\_` stay as they stand: `like` reads them.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "query/filter_internal.h"

#define PATH_STEPS_MAX 64
#define UNICODE_MAX    0x10ffff

int filter_error(struct kith_error *err, size_t at, const char *fmt, ...)
{
    char what[KITH_ERROR_TEXT_MAX - 64];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    return error_set_at(err, KITH_EFILTER, at, "%s, at byte %zu of the filter", what, at);
}

static int no_memory(struct lexer *lexer)
{
    return error_set(lexer->err, KITH_ENOMEM, "no memory for the filter");
}

/* The character at pos + ahead; NUL behind the end. */
static char peek(const struct lexer *lexer, size_t ahead)
{
    return ahead < lexer->len - lexer->pos ? lexer->text[lexer->pos + ahead] : '\0';
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
static bool is_name(char c) { return is_name_start(c) || is_digit(c); }

static int hex_value(char c)
{
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* ------------------------------------------------------------------ strings */

static size_t utf8_put(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint32_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    for (size_t i = n - 1; i > 0; i--, c >>= 6) out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(lead[n] | c);
    return n;
}

/* \xHH, \ooo, \uXXXX and \UXXXXXXXX: up to `digits` digits of a base. */
static int numeric_escape(struct lexer *lexer, unsigned base, size_t digits, bool exact,
                          uint32_t *value)
{
    size_t at = lexer->pos, n = 0;
    uint64_t v = 0;
    for (int d; n < digits && (d = hex_value(peek(lexer, 0))) >= 0 && (unsigned)d < base; n++) {
        v = v * base + (unsigned)d;
        lexer->pos++;
    }
    if (n == 0 || (exact && n < digits) || v > UNICODE_MAX || (v >= 0xd800 && v < 0xe000))
        return filter_error(lexer->err, at, "invalid escape in a string");
    *value = (uint32_t)v;
    return 0;
}

static int named_escape(struct lexer *lexer, char c, char *out, size_t *len)
{
    static const char names[] = "abfnrtv\\\"'?", values[] = "\a\b\f\n\r\t\v\\\"'?";
    const char *found = c ? strchr(names, c) : NULL;
    if (c == '%' || c == '_') {
        out[(*len)++] = '\\';
        out[(*len)++] = c;
    } else if (found) {
        out[(*len)++] = values[found - names];
    } else {
        return filter_error(lexer->err, lexer->pos - 1, "unknown escape in a string");
    }
    return 0;
}

/* Behind the backslash. Every escape is at least as long as what it stands for. */
static int escape(struct lexer *lexer, char *out, size_t *len)
{
    uint32_t value = 0;
    int rc;
    char c = peek(lexer, 0);
    bool bytes = c == 'x' || (c >= '0' && c <= '7');
    if (c == 'u' || c == 'U' || c == 'x') lexer->pos++;
    if (c == 'u') rc = numeric_escape(lexer, 16, 4, true, &value);
    else if (c == 'U') rc = numeric_escape(lexer, 16, 8, true, &value);
    else if (c == 'x') rc = numeric_escape(lexer, 16, 2, false, &value);
    else if (bytes) rc = numeric_escape(lexer, 8, 3, false, &value);
    else {
        lexer->pos++;
        return named_escape(lexer, c, out, len);
    }
    if (rc != 0) return rc;
    if (bytes) out[(*len)++] = (char)value;
    else *len += utf8_put(out + *len, value);
    return 0;
}

static size_t quoted_length(const struct lexer *lexer, char quote)
{
    size_t n = 0;
    while (n < lexer->len - lexer->pos && peek(lexer, n) != quote && peek(lexer, n) != '\n')
        n += peek(lexer, n) == '\\' ? 2 : 1;
    return n;
}

/* At the opening quote; leaves pos behind the closing one. */
static int quoted(struct lexer *lexer, struct kith_str *out)
{
    size_t open = lexer->pos, len = 0;
    char quote = peek(lexer, 0);
    lexer->pos++;
    char *bytes = arena_alloc(lexer->arena, quoted_length(lexer, quote) + 1);
    if (!bytes) return no_memory(lexer);
    for (;;) {
        char c = peek(lexer, 0);
        if (lexer->pos >= lexer->len || c == '\n' || c == '\r')
            return filter_error(lexer->err, open, "string without its closing quote");
        lexer->pos++;
        if (c == quote) break;
        if (c != '\\') {
            bytes[len++] = c;
            continue;
        }
        int rc = escape(lexer, bytes, &len);
        if (rc != 0) return rc;
    }
    bytes[len] = '\0';
    *out = (struct kith_str){ bytes, len };
    return 0;
}

static int string_token(struct lexer *lexer, struct token *out)
{
    out->kind = TOKEN_STRING;
    out->literal.kind = LITERAL_STRING;
    return quoted(lexer, &out->literal.s);
}

/* The length of u8, u, U or L in front of a quote. */
static size_t string_prefix(const struct lexer *lexer)
{
    char c = peek(lexer, 0);
    size_t n = c == 'u' && peek(lexer, 1) == '8' ? 2 : c == 'u' || c == 'U' || c == 'L' ? 1 : 0;
    return n > 0 && (peek(lexer, n) == '"' || peek(lexer, n) == '\'') ? n : 0;
}

/* ------------------------------------------------------------------ numbers */

static int integer_token(struct lexer *lexer, size_t skip, unsigned base, size_t end,
                         struct token *out)
{
    uint64_t v = 0;
    size_t from = out->at + skip;
    bool bad = from == end;
    for (size_t i = from; i < end; i++) {
        int d = hex_value(lexer->text[i]);
        bad |= d < 0 || (unsigned)d >= base || __builtin_mul_overflow(v, base, &v) ||
               __builtin_add_overflow(v, (uint64_t)(d < 0 ? 0 : d), &v);
        if (bad) break;
    }
    if (bad || v > (uint64_t)INT64_MAX + 1)
        return filter_error(lexer->err, out->at, "invalid integer: %.*s", (int)(end - out->at),
                            lexer->text + out->at);
    out->kind = TOKEN_INT;
    out->overflow = v > INT64_MAX;
    out->literal = (struct literal){ .kind = LITERAL_INT,
                                     .integer = out->overflow ? INT64_MIN : (int64_t)v,
                                     .number = (double)v };
    lexer->pos = end;
    return 0;
}

/* 0x1.8p3: at most 15 significant digits are kept exactly, as a double has 53 bits. */
static bool hex_float(const char *text, size_t len, double *out)
{
    uint64_t bits = 0;
    int exponent = 0, shift = 0, sign = 1;
    size_t i = 2, digits = 0;
    bool point = false;
    for (; i < len && (text[i] == '.' || hex_value(text[i]) >= 0); i++) {
        if (text[i] == '.') {
            if (point) return false;
            point = true;
            continue;
        }
        digits++;
        if (bits >> 56 == 0) bits = bits << 4 | (unsigned)hex_value(text[i]);
        else if (shift < 1 << 20) shift += 4;
        if (point && shift > -(1 << 20)) shift -= 4;
    }
    if (digits == 0 || i >= len || (text[i] != 'p' && text[i] != 'P')) return false;
    i++;
    if (i < len && (text[i] == '-' || text[i] == '+')) sign = text[i++] == '-' ? -1 : 1;
    if (i >= len) return false;
    for (; i < len; i++) {
        if (!is_digit(text[i])) return false;
        if (exponent < 100000) exponent = exponent * 10 + text[i] - '0';
    }
    *out = ldexp((double)bits, sign * exponent + shift);
    return true;
}

/* Brings .5 and 5. and 00.5 into the form that the JSON scanner reads, correctly rounded. */
static bool decimal_float(struct arena *arena, const char *text, size_t len, double *out)
{
    char *form = arena_alloc(arena, len + 3);
    size_t n = 0, i = 0, used;
    if (!form) return false;
    while (i + 1 < len && text[i] == '0' && is_digit(text[i + 1])) i++;
    if (text[i] == '.') form[n++] = '0';
    for (; i < len; i++) {
        form[n++] = text[i];
        if (text[i] == '.' && (i + 1 == len || !is_digit(text[i + 1]))) form[n++] = '0';
    }
    struct json_value value;
    if (json_read(form, n, &value, &used, NULL) != 0 || used != n) return false;
    *out = value.number;
    return isfinite(*out);
}

/* The end of what looks like a number: digits, letters, points, and a sign behind an exponent. */
static size_t number_end(const struct lexer *lexer, bool hex)
{
    size_t n = 0;
    for (;; n++) {
        char c = peek(lexer, n), before = n > 0 ? peek(lexer, n - 1) : '0';
        bool exponent = hex ? before == 'p' || before == 'P' : before == 'e' || before == 'E';
        if (!is_name(c) && c != '.' && !((c == '+' || c == '-') && exponent)) break;
    }
    return lexer->pos + n;
}

static int number_token(struct lexer *lexer, struct token *out)
{
    char second = peek(lexer, 1);
    bool zero = peek(lexer, 0) == '0';
    bool hex = zero && (second == 'x' || second == 'X');
    size_t end = number_end(lexer, hex), len = end - lexer->pos;
    const char *text = lexer->text + lexer->pos;
    bool real = memchr(text, '.', len) != NULL;
    if (hex) real |= memchr(text, 'p', len) || memchr(text, 'P', len);
    else real |= memchr(text, 'e', len) || memchr(text, 'E', len);
    if (!real) {
        if (hex) return integer_token(lexer, 2, 16, end, out);
        if (zero && (second == 'b' || second == 'B')) return integer_token(lexer, 2, 2, end, out);
        return integer_token(lexer, 0, zero ? 8 : 10, end, out);
    }
    double value = 0;
    if (hex ? !hex_float(text, len, &value) : !decimal_float(lexer->arena, text, len, &value))
        return filter_error(lexer->err, out->at, "invalid number: %.*s", (int)(len < 64 ? len : 64),
                            text);
    out->kind = TOKEN_FLOAT;
    out->literal = (struct literal){ .kind = LITERAL_FLOAT, .number = value };
    lexer->pos = end;
    return 0;
}

/* ------------------------------------------------------------------ words and paths */

struct word {
    const char *lower;
    enum filter_token kind;
    enum filter_call call;
};

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
    { "text_match", TOKEN_CALL, CALL_REFUSED },
    { "phrase_match", TOKEN_CALL, CALL_REFUSED },
    { "random_sample", TOKEN_CALL, CALL_REFUSED },
    { "element_filter", TOKEN_CALL, CALL_REFUSED },
    { "match_all", TOKEN_CALL, CALL_REFUSED },
    { "match_any", TOKEN_CALL, CALL_REFUSED },
    { "match_least", TOKEN_CALL, CALL_REFUSED },
    { "match_most", TOKEN_CALL, CALL_REFUSED },
    { "match_exact", TOKEN_CALL, CALL_REFUSED },
    { "st_equals", TOKEN_CALL, CALL_REFUSED },
    { "st_touches", TOKEN_CALL, CALL_REFUSED },
    { "st_overlaps", TOKEN_CALL, CALL_REFUSED },
    { "st_crosses", TOKEN_CALL, CALL_REFUSED },
    { "st_contains", TOKEN_CALL, CALL_REFUSED },
    { "st_intersects", TOKEN_CALL, CALL_REFUSED },
    { "st_within", TOKEN_CALL, CALL_REFUSED },
    { "st_dwithin", TOKEN_CALL, CALL_REFUSED },
    { "st_isvalid", TOKEN_CALL, CALL_REFUSED },
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
static bool null_test(struct lexer *lexer, struct token *out)
{
    static const char *const forms[] = { "is null", "is not null" };
    for (size_t i = 0; i < 2; i++) {
        size_t len = strlen(forms[i]);
        if (lexer->len - lexer->pos < len || is_name(peek(lexer, len))) continue;
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
    char c = peek(lexer, 0);
    *step = (struct json_step){ 0 };
    if (c == '"' || c == '\'') {
        struct kith_str key;
        int rc = quoted(lexer, &key);
        if (rc != 0) return rc;
        step->key = key.data;
        step->key_len = key.len;
    } else if (is_digit(c)) {
        while (is_digit(peek(lexer, 0)) && step->index < UINT32_MAX)
            step->index = step->index * 10 + (size_t)(lexer->text[lexer->pos++] - '0');
    } else {
        size_t n = 0;
        while (is_name(peek(lexer, n))) n++;
        return filter_error(lexer->err, at, "json key must be enclosed in double quotes or single "
                            "quotes: \"%.*s\"", (int)(n < 64 ? n : 64), lexer->text + at);
    }
    if (peek(lexer, 0) != ']') return filter_error(lexer->err, lexer->pos, "']' expected");
    lexer->pos++;
    return 0;
}

static int path_token(struct lexer *lexer, struct kith_str name, struct token *out)
{
    struct json_step steps[PATH_STEPS_MAX], *kept = NULL;
    size_t count = 0;
    while (peek(lexer, 0) == '[') {
        if (count == PATH_STEPS_MAX)
            return filter_error(lexer->err, lexer->pos, "path of more than %d parts",
                                PATH_STEPS_MAX);
        lexer->pos++;
        int rc = path_step(lexer, &steps[count++]);
        if (rc != 0) return rc;
    }
    if (count > 0) {
        kept = arena_alloc_array(lexer->arena, count, sizeof *kept);
        if (!kept) return no_memory(lexer);
        memcpy(kept, steps, count * sizeof *kept);
    }
    out->kind = TOKEN_PATH;
    out->path = (struct path){ name, kept, count };
    return 0;
}

static int name_token(struct lexer *lexer, struct token *out)
{
    if (null_test(lexer, out)) return 0;
    const char *text = lexer->text + lexer->pos;
    size_t len = 0;
    while (is_name(peek(lexer, len))) len++;
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
static int dollar_token(struct lexer *lexer, struct token *out)
{
    static const char meta[] = SCHEMA_META_FIELD;
    size_t len = sizeof meta - 1;
    if (lexer->len - lexer->pos >= len && memcmp(lexer->text + lexer->pos, meta, len) == 0 &&
        !is_name(peek(lexer, len))) {
        lexer->pos += len;
        return path_token(lexer, (struct kith_str){ meta, len }, out);
    }
    size_t n = 2;
    while (is_name(peek(lexer, n))) n++;
    if (peek(lexer, 1) != '[' || n == 2 || peek(lexer, n) != ']')
        return filter_error(lexer->err, lexer->pos, "'$meta' or '$[name]' expected");
    lexer->pos += n + 1;
    out->kind = TOKEN_ELEMENT;
    return 0;
}

static int template_token(struct lexer *lexer, struct token *out)
{
    size_t n = 1;
    while (is_name(peek(lexer, n))) n++;
    if (n == 1 || peek(lexer, n) != '}')
        return filter_error(lexer->err, lexer->pos, "'{name}' expected");
    out->path.name = (struct kith_str){ lexer->text + lexer->pos + 1, n - 1 };
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

static int sign_token(struct lexer *lexer, struct token *out)
{
    for (size_t i = 0; i < sizeof SIGNS / sizeof *SIGNS; i++) {
        size_t len = strlen(SIGNS[i].text);
        if (len > lexer->len - lexer->pos) continue;
        if (memcmp(lexer->text + lexer->pos, SIGNS[i].text, len) != 0) continue;
        out->kind = SIGNS[i].kind;
        lexer->pos += len;
        return 0;
    }
    return filter_error(lexer->err, lexer->pos, "unexpected character '%c'",
                        peek(lexer, 0) >= ' ' && peek(lexer, 0) < 127 ? peek(lexer, 0) : '?');
}

static int any_token(struct lexer *lexer, struct token *out)
{
    char c = peek(lexer, 0);
    size_t prefix = string_prefix(lexer);
    if (prefix > 0 || c == '"' || c == '\'') {
        lexer->pos += prefix;
        return string_token(lexer, out);
    }
    if (is_digit(c) || (c == '.' && is_digit(peek(lexer, 1)))) return number_token(lexer, out);
    if (is_name_start(c)) return name_token(lexer, out);
    if (c == '$') return dollar_token(lexer, out);
    if (c == '{') return template_token(lexer, out);
    return sign_token(lexer, out);
}

int lexer_next(struct lexer *lexer, struct token *out)
{
    for (char c; (c = peek(lexer, 0)) == ' ' || c == '\t' || c == '\r' || c == '\n';) lexer->pos++;
    *out = (struct token){ .kind = TOKEN_END, .at = lexer->pos, .end = lexer->pos };
    if (lexer->pos >= lexer->len) return 0;
    int rc = any_token(lexer, out);
    out->end = lexer->pos;
    return rc;
}
