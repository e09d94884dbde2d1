/*
 * UTF-8 by the table of the Unicode standard (3-7): no overlong forms, no surrogates, nothing above
 * U+10FFFF. Runs of ASCII go eight bytes at a time.
 */
#include "base/json_internal.h"

#include <string.h>

static bool continues(uint8_t byte) { return (byte & 0xc0) == 0x80; }

/* The second byte carries the limits that forbid overlong, surrogate and too large forms. */
static bool second_byte_fits(uint8_t first, uint8_t second)
{
    if (first == 0xe0) return second >= 0xa0;
    if (first == 0xed) return second < 0xa0;
    if (first == 0xf0) return second >= 0x90;
    if (first == 0xf4) return second < 0x90;
    return true;
}

size_t utf8_sequence(const char *text, size_t left)
{
    if (left == 0) return 0;
    const uint8_t *at = (const uint8_t *)text;
    if (at[0] < 0x80) return 1;
    if (at[0] < 0xc2 || at[0] > 0xf4) return 0;
    size_t len = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    if (left < len || !second_byte_fits(at[0], at[1])) return 0;
    for (size_t i = 1; i < len; i++) {
        if (!continues(at[i])) return 0;
    }
    return len;
}

static bool eight_are_ascii(const char *text)
{
    uint64_t word;
    memcpy(&word, text, sizeof word);
    return (word & 0x8080808080808080ull) == 0;
}

size_t utf8_valid_prefix(const char *text, size_t len)
{
    size_t i = 0;
    while (i < len) {
        if (len - i >= 8 && eight_are_ascii(text + i)) {
            i += 8;
            continue;
        }
        size_t step = utf8_sequence(text + i, len - i);
        if (step == 0) break;
        i += step;
    }
    return i;
}

bool utf8_valid(const char *text, size_t len) { return utf8_valid_prefix(text, len) == len; }

size_t utf8_encode(uint32_t code_point, char out[4])
{
    if (code_point < 0x80) {
        out[0] = (char)code_point;
        return 1;
    }
    size_t len = code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code_point & 0x3f));
        code_point >>= 6;
    }
    out[0] = (char)((0xf00u >> len & 0xf0u) | code_point);
    return len;
}
