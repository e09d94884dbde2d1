/*
 * Numbers and strings of the filter language.
 *
 * Decimal numbers are brought into the form that the JSON scanner reads, which rounds correctly and
 * knows no locale. String escapes are decoded here, but `\%` and `\_` stay: `like` reads them.
 */
#include <math.h>
#include <string.h>

#include "query/filter_internal.h"

#define UNICODE_MAX 0x10ffff

static int hex_value(char c)
{
    if (lexer_is_digit(c)) return c - '0';
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
    for (; n < digits; n++, lexer->pos++) {
        int d = hex_value(lexer_peek(lexer, 0));
        if (d < 0 || (unsigned)d >= base) break;
        v = v * base + (unsigned)d;
    }
    if (n == 0 || (exact && n < digits) || v > UNICODE_MAX || (v >= 0xd800 && v < 0xe000))
        return lexer_error(lexer, at, "invalid escape in a string");
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
        return lexer_error(lexer, lexer->pos - 1, "unknown escape in a string");
    }
    return 0;
}

/* Behind the backslash. Every escape is at least as long as what it stands for. */
static int escape(struct lexer *lexer, char *out, size_t *len)
{
    uint32_t value = 0;
    int rc;
    char c = lexer_peek(lexer, 0);
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
    while (n < lexer->len - lexer->pos) {
        char c = lexer_peek(lexer, n);
        if (c == quote || c == '\n') break;
        n += c == '\\' ? 2 : 1;
    }
    return n;
}

/* At the opening quote; leaves pos behind the closing one. */
int lexer_quoted(struct lexer *lexer, struct kith_str *out)
{
    size_t open = lexer->pos, len = 0;
    char quote = lexer_peek(lexer, 0);
    lexer->pos++;
    char *bytes = arena_alloc(lexer->arena, quoted_length(lexer, quote) + 1);
    if (!bytes) return lexer_no_memory(lexer);
    for (;;) {
        char c = lexer_peek(lexer, 0);
        if (lexer->pos >= lexer->len || c == '\n' || c == '\r')
            return lexer_error(lexer, open, "string without its closing quote");
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

int lexer_raw_quoted(struct lexer *lexer, struct kith_str *out)
{
    size_t open = lexer->pos++, len = 0;
    char quote = lexer->text[open], c;
    while ((c = lexer_peek(lexer, len)) != quote) {
        if (lexer->pos + len >= lexer->len || c == '\n' || c == '\r')
            return lexer_error(lexer, open, "string without its closing quote");
        len++;
    }
    *out = (struct kith_str){ lexer->text + lexer->pos, len };
    lexer->pos += len + 1;
    return 0;
}

/* ------------------------------------------------------------------ numbers */

static int integer_token(struct lexer *lexer, size_t skip, unsigned base, size_t end,
                         struct lexeme *out)
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
        return lexer_error(lexer, out->at, "invalid integer: %.*s", (int)(end - out->at),
                           lexer->text + out->at);
    out->kind = TOKEN_INT;
    out->overflow = v > INT64_MAX;
    out->literal = (struct literal){ .kind = LITERAL_INT,
                                     .integer = out->overflow ? INT64_MIN : (int64_t)v,
                                     .number = out->overflow ? -(double)v : (double)v };
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
        if (!lexer_is_digit(text[i])) return false;
        if (exponent < 100000) exponent = exponent * 10 + text[i] - '0';
    }
    *out = ldexp((double)bits, sign * exponent + shift);
    return true;
}

/* Brings .5 and 5. and 00.5 into the form that the JSON scanner reads, correctly rounded. */
static bool decimal_float(char *form, const char *text, size_t len, double *out)
{
    size_t n = 0, i = 0, used;
    while (i + 1 < len && text[i] == '0' && lexer_is_digit(text[i + 1])) i++;
    if (text[i] == '.') form[n++] = '0';
    for (; i < len; i++) {
        form[n++] = text[i];
        if (text[i] == '.' && (i + 1 == len || !lexer_is_digit(text[i + 1]))) form[n++] = '0';
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
        char c = lexer_peek(lexer, n), before = n > 0 ? lexer_peek(lexer, n - 1) : '0';
        bool exponent = hex ? before == 'p' || before == 'P' : before == 'e' || before == 'E';
        if (!lexer_is_name(c) && c != '.' && !((c == '+' || c == '-') && exponent)) break;
    }
    return lexer->pos + n;
}

int lexer_number(struct lexer *lexer, struct lexeme *out)
{
    char second = lexer_peek(lexer, 1);
    bool zero = lexer_peek(lexer, 0) == '0';
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
    char *form = arena_alloc(lexer->arena, 2 * len + 1); /* every point may bring a digit */
    if (!form) return lexer_no_memory(lexer);
    if (hex ? !hex_float(text, len, &value) : !decimal_float(form, text, len, &value))
        return lexer_error(lexer, out->at, "invalid number: %.*s", (int)(len < 64 ? len : 64),
                           text);
    out->kind = TOKEN_FLOAT;
    out->literal = (struct literal){ .kind = LITERAL_FLOAT, .number = value };
    lexer->pos = end;
    return 0;
}
