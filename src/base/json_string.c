/*
 * JSON strings: decoding escapes, comparing without decoding into memory, writing.
 *
 * \u escapes of a surrogate pair become one code point; a surrogate alone, which UTF-8 cannot
 * carry, becomes U+FFFD. The input may be a value that nobody validated: a broken escape ends the
 * decoding with KITH_EINVAL.
 */
#include "base/json.h"

#include <string.h>

#include "base/json_internal.h"

#define REPLACEMENT 0xfffdu

/* The bytes between the quotes; empty for anything that is not a quoted string. */
static void inside(const struct json_value *string, const char **text, const char **end)
{
    bool quoted = string->kind == JSON_STRING && string->len >= 2;
    *text = quoted ? string->text + 1 : "";
    *end = quoted ? string->text + string->len - 1 : *text;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The \uXXXX at text; false when there is none. */
static bool unit_at(const char *text, const char *end, uint32_t *unit)
{
    if (end - text < 6 || text[0] != '\\' || text[1] != 'u') return false;
    uint32_t value = 0;
    for (int i = 2; i < 6; i++) {
        int digit = hex_digit(text[i]);
        if (digit < 0) return false;
        value = value << 4 | (uint32_t)digit;
    }
    *unit = value;
    return true;
}

/* Decodes the \u escape, or the pair of them, at *text. */
static bool decode_unit(const char **text, const char *end, uint32_t *code_point)
{
    uint32_t high, low;
    if (!unit_at(*text, end, &high)) return false;
    *text += 6;
    *code_point = high;
    if (high < 0xd800 || high > 0xdfff) return true;
    *code_point = REPLACEMENT;
    if (high > 0xdbff || !unit_at(*text, end, &low)) return true;
    if (low < 0xdc00 || low > 0xdfff) return true;
    *text += 6;
    *code_point = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    return true;
}

/* Decodes the escape at *text, a backslash, and moves behind it. Bytes in out; 0: broken. */
static size_t decode_escape(const char **text, const char *end, char out[4])
{
    static const char NAMES[] = "\"\\/bfnrt";
    static const char BYTES[] = "\"\\/\b\f\n\r\t";
    if (end - *text < 2) return 0;
    char name = (*text)[1];
    const char *at = memchr(NAMES, name, sizeof NAMES - 1);
    if (at) {
        out[0] = BYTES[at - NAMES];
        *text += 2;
        return 1;
    }
    uint32_t code_point;
    return decode_unit(text, end, &code_point) ? utf8_encode(code_point, out) : 0;
}

static size_t plain_run(const char *text, const char *end)
{
    const char *slash = text < end ? memchr(text, '\\', (size_t)(end - text)) : NULL;
    return (size_t)((slash ? slash : end) - text);
}

int json_unescape(const struct json_value *string, struct buffer *out)
{
    const char *text, *end;
    inside(string, &text, &end);
    while (text < end) {
        size_t run = plain_run(text, end);
        buffer_put(out, text, run);
        text += run;
        if (text == end) break;
        char bytes[4];
        size_t len = decode_escape(&text, end, bytes);
        if (len == 0) return KITH_EINVAL;
        buffer_put(out, bytes, len);
    }
    return buffer_failed(out) ? KITH_ENOMEM : 0;
}

static bool take_equal(const char **text, size_t *len, const char *bytes, size_t count)
{
    if (count > *len || (count > 0 && memcmp(*text, bytes, count) != 0)) return false;
    if (count > 0) *text += count;
    *len -= count;
    return true;
}

bool json_string_equals(const struct json_value *string, const char *text, size_t len)
{
    if (string->kind != JSON_STRING) return false;
    const char *at, *end;
    inside(string, &at, &end);
    while (at < end) {
        size_t run = string->has_escapes ? plain_run(at, end) : (size_t)(end - at);
        if (!take_equal(&text, &len, at, run)) return false;
        at += run;
        if (at == end) break;
        char bytes[4];
        size_t count = decode_escape(&at, end, bytes);
        if (count == 0 || !take_equal(&text, &len, bytes, count)) return false;
    }
    return len == 0;
}

static void write_escaped(struct buffer *out, uint8_t c)
{
    static const char NAMES[] = "\"\\bfnrt";
    static const char BYTES[] = "\"\\\b\f\n\r\t";
    const char *at = memchr(BYTES, c, sizeof BYTES - 1);
    if (at) {
        buffer_put_u8(out, '\\');
        buffer_put_u8(out, (uint8_t)NAMES[at - BYTES]);
    } else {
        static const char HEX[] = "0123456789abcdef";
        buffer_put(out, "\\u00", 4);
        buffer_put_u8(out, (uint8_t)HEX[c >> 4]);
        buffer_put_u8(out, (uint8_t)HEX[c & 15]);
    }
}

/* Bytes from text on that can be copied as they are. */
static size_t writable_run(const char *text, size_t len)
{
    size_t i = 0;
    while (i < len) {
        uint8_t c = (uint8_t)text[i];
        if (c < 0x20 || c == '"' || c == '\\') break;
        size_t step = c < 0x80 ? 1 : utf8_sequence(text + i, len - i);
        if (step == 0) break;
        i += step;
    }
    return i;
}

void json_write_string(struct buffer *out, const char *text, size_t len)
{
    buffer_put_u8(out, '"');
    for (size_t i = 0; i < len;) {
        size_t run = writable_run(text + i, len - i);
        buffer_put(out, text + i, run);
        i += run;
        if (i == len) break;
        if ((uint8_t)text[i] >= 0x80) {
            buffer_put(out, "\xef\xbf\xbd", 3);
        } else {
            write_escaped(out, (uint8_t)text[i]);
        }
        i++;
    }
    buffer_put_u8(out, '"');
}
