/*
 * Quotations: what stands between two signs that open and close, to the byte, whatever the signs.
 *
 * Where a kind closes next is kept, so that each byte is looked at once for each kind, however many
 * signs open. A kind that opens and never closes quotes nothing. An apostrophe between letters
 * neither opens nor closes.
 */
#include <string.h>

#include "redis/scache_guard_internal.h"

#define APOSTROPHE   2u
#define SINGLE_QUOTE 4u
#define ASCII_KINDS  3u

/* clang-format off */
static const struct {
    const char *open, *close;
} quotes[] = {
    {"\"", "\""}, {"`", "`"}, {"'", "'"},
    {"\xe2\x80\x9c", "\xe2\x80\x9d"}, {"\xe2\x80\x98", "\xe2\x80\x99"}, /* U+201C 201D, 2018 2019 */
    {"\xe2\x80\x9e", "\xe2\x80\x9c"}, {"\xe2\x80\x9e", "\xe2\x80\x9d"}, /* 201E 201C, 201E 201D */
    {"\xe2\x80\x9d", "\xe2\x80\x9d"}, {"\xe2\x80\x9a", "\xe2\x80\x98"}, /* 201D twice, 201A 2018 */
    {"\xc2\xab", "\xc2\xbb"}, {"\xc2\xbb", "\xc2\xab"},                 /* AB BB, BB AB */
    {"\xe2\x80\xb9", "\xe2\x80\xba"},                                 /* 2039 203A */
    {"\xe3\x80\x8a", "\xe3\x80\x8b"}, {"\xe3\x80\x88", "\xe3\x80\x89"}, /* 300A 300B, 3008 3009 */
    {"\xe3\x80\x8c", "\xe3\x80\x8d"}, {"\xe3\x80\x8e", "\xe3\x80\x8f"}, /* 300C 300D, 300E 300F */
    {"\xef\xbc\x82", "\xef\xbc\x82"}, {"\xef\xbc\x87", "\xef\xbc\x87"}, /* FF02 twice, FF07 twice */
};
/* clang-format on */

#define QUOTES COUNT_OF(quotes)

_Static_assert(QUOTES <= GUARD_QUOTES, "a place for each kind");

static bool stands(const struct guard_reader *in, size_t at, const char *sign)
{
    const size_t len = strlen(sign);
    return in->len - at >= len && memcmp(in->text + at, sign, len) == 0;
}

static bool find_close(struct guard_reader *in, size_t kind, size_t from, size_t *end)
{
    const char *close = quotes[kind].close;
    const bool apostrophe = kind == APOSTROPHE || kind == SINGLE_QUOTE;
    size_t at = from > in->closes[kind] ? from : in->closes[kind];
    for (; at < in->len; at++) {
        if (!stands(in, at, close)) continue;
        const size_t next = at + strlen(close);
        if (!apostrophe || next == in->len || !is_word(in->text[next])) break;
    }
    in->closes[kind] = *end = at;
    return at < in->len;
}

static bool may_open(char c)
{
    return c == '"' || c == '`' || c == '\'' || c == '\xc2' || c == '\xe2' || c == '\xe3' ||
           c == '\xef';
}

bool guard_read_quote(struct guard_reader *in, struct kith_str *out)
{
    if (!may_open(in->text[in->at])) return false;
    size_t from = 0, end = in->len, next = 0;
    for (size_t i = 0; i < QUOTES; i++) {
        size_t close;
        if (!stands(in, in->at, quotes[i].open)) continue;
        from = in->at + strlen(quotes[i].open);
        if (!find_close(in, i, from, &close) || close >= end) continue;
        end = close;
        next = end + strlen(quotes[i].close);
    }
    if (!next) return false;
    *out = (struct kith_str){in->text + from, end - from};
    in->at = next;
    return true;
}

bool guard_opens_quote(const struct guard_reader *in)
{
    const char c = in->text[in->at];
    if (c == '\'') return in->at > 0 && memchr("([{=:,<", in->text[in->at - 1], 7);
    if ((unsigned char)c < 0x80 || !may_open(c)) return false;
    for (size_t i = ASCII_KINDS; i < QUOTES; i++)
        if (i != SINGLE_QUOTE && stands(in, in->at, quotes[i].open)) return true;
    return false;
}
