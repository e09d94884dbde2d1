/*
 * Lines into words into requests: see line_parse.h.
 */
#include "line/line_parse.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/alloc.h"
#include "base/buffer.h"

/* ---- words ---- */

void line_words_free(struct line_words *words)
{
    if (words->at != words->few) mem_free(words->at);
    arena_release(&words->text);
}

static int grow(struct line_words *words)
{
    size_t bytes;
    if (!size_mul(words->cap, 2 * sizeof *words->at, &bytes)) return KITH_ENOMEM;
    struct kith_str *fresh = words->at == words->few ? mem_alloc(bytes)
                                                     : mem_realloc(words->at, bytes);
    if (!fresh) return KITH_ENOMEM;
    if (words->at == words->few) memcpy(fresh, words->few, sizeof words->few);
    words->at = fresh;
    words->cap *= 2;
    return 0;
}

static int add(struct line_words *words, const char *data, size_t len)
{
    if (words->count == words->cap && grow(words)) return KITH_ENOMEM;
    words->at[words->count++] = (struct kith_str){ data, len };
    return 0;
}

/* ---- blanks at the ends: those of Unicode, in UTF-8 ---- */

static size_t blank3(const uint8_t *at)
{
    const unsigned code = (at[0] & 0xfu) << 12 | (at[1] & 0x3fu) << 6 | (at[2] & 0x3fu);
    if ((at[0] & 0xf0) != 0xe0 || (at[1] & 0xc0) != 0x80 || (at[2] & 0xc0) != 0x80) return 0;
    const bool blank = code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 ||
                       code == 0x2029 || code == 0x202f || code == 0x205f || code == 0x3000;
    return blank ? 3 : 0;
}

static bool is_blank(uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static bool is_blank2(const uint8_t *at)
{
    return at[0] == 0xc2 && (at[1] == 0x85 || at[1] == 0xa0);
}

static size_t blank_in_front(const uint8_t *data, size_t len)
{
    if (len >= 1 && is_blank(data[0])) return 1;
    if (len >= 2 && is_blank2(data)) return 2;
    return len >= 3 ? blank3(data) : 0;
}

static size_t blank_behind(const uint8_t *data, size_t len)
{
    if (len >= 1 && is_blank(data[len - 1])) return 1;
    if (len >= 2 && is_blank2(data + len - 2)) return 2;
    return len >= 3 ? blank3(data + len - 3) : 0;
}

static bool is_printed(uint8_t c) { return c > ' ' && c < 0x7f; }

static void trim(const uint8_t **data, size_t *len)
{
    if (*len && is_printed((*data)[0]) && is_printed((*data)[*len - 1])) return;
    for (size_t n; (n = blank_in_front(*data, *len)) != 0; *len -= n) *data += n;
    for (size_t n; (n = blank_behind(*data, *len)) != 0;) *len -= n;
}

/* ---- tokens ---- */

static bool ends_token(uint8_t c) { return c == ' ' || c == '\t'; }
static bool is_quote(uint8_t c) { return c == '"' || c == '\''; }

#ifdef __SSE2__
/* A bit for each of sixteen bytes that is a blank or a quote. */
static unsigned stops(const uint8_t *data)
{
    const __m128i two = _mm_set1_epi8(2), quote = _mm_set1_epi8('"'); /* ' ' is '"' without it */
    const __m128i tab = _mm_set1_epi8('\t'), single = _mm_set1_epi8('\'');
    const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)data);
    const __m128i wide = _mm_cmpeq_epi8(_mm_or_si128(bytes, two), quote);
    const __m128i others =
        _mm_or_si128(_mm_cmpeq_epi8(bytes, tab), _mm_cmpeq_epi8(bytes, single));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(wide, others));
}
#endif

/* Where the first blank or quote is, from `at` on; sixteen bytes at a time where the processor can:
 * the last sixteen are looked at once more for what is left of them. */
static size_t bare_end(const uint8_t *data, size_t len, size_t at)
{
#ifdef __SSE2__
    for (; at + 16 <= len; at += 16) {
        const unsigned found = stops(data + at);
        if (found) return at + (size_t)__builtin_ctz(found);
    }
    if (len >= 16) {
        const unsigned found = at < len ? stops(data + len - 16) >> (16 - (len - at)) : 0;
        return found ? at + (size_t)__builtin_ctz(found) : len;
    }
#endif
    while (at < len && !ends_token(data[at]) && !is_quote(data[at])) at++;
    return at;
}

/* What a backslash and this byte mean inside quotes; -1: just themselves. */
static int escaped(uint8_t c)
{
    switch (c) {
    case 'n': return '\n';
    case 't': return '\t';
    case 'r': return '\r';
    case '\\': case '"': case '\'': return c;
    default: return -1;
    }
}

/* Past the token that begins here. */
static size_t token_end(const uint8_t *data, size_t len)
{
    uint8_t quote = 0;
    size_t i = 0;
    for (; i < len && (quote || !ends_token(data[i])); i++) {
        if (quote && data[i] == '\\' && i + 1 < len && escaped(data[i + 1]) >= 0) i++;
        else if (quote) quote = data[i] == quote ? 0 : quote;
        else if (is_quote(data[i])) quote = data[i];
    }
    return i;
}

static size_t unquote(const uint8_t *data, size_t len, char *out)
{
    uint8_t quote = 0;
    size_t used = 0;
    for (size_t i = 0; i < len; i++) {
        const int meant =
            quote && data[i] == '\\' && i + 1 < len ? escaped(data[i + 1]) : -1;
        if (meant >= 0) {
            out[used++] = (char)meant;
            i++;
        } else if (quote ? data[i] == quote : is_quote(data[i])) {
            quote = quote ? 0 : data[i];
        } else {
            out[used++] = (char)data[i];
        }
    }
    return used;
}

static int add_quoted(struct line_words *words, const uint8_t *data, size_t len)
{
    char *text = arena_alloc(&words->text, len);
    if (!text) return KITH_ENOMEM;
    const size_t used = unquote(data, len, text);
    return used ? add(words, text, used) : 0;
}

int line_split(struct line_words *words, const void *line, size_t len)
{
    const uint8_t *data = line;
    size_t at = 0;
    trim(&data, &len);
    while (at < len) {
        size_t end = bare_end(data, len, at);
        const bool bare = end == len || ends_token(data[end]);
        if (!bare) end = at + token_end(data + at, len - at);
        const int rc = bare ? add(words, (const char *)data + at, end - at)
                            : add_quoted(words, data + at, end - at);
        if (rc) return rc;
        at = end;
        while (at < len && ends_token(data[at])) at++;
    }
    return 0;
}

/* Bare neighbours with one blank between them lie in the line as they shall be joined. */
static bool is_joined(const struct kith_str *words, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        const char *gap = words[i - 1].data + words[i - 1].len;
        if (gap + 1 != words[i].data || *gap != ' ') return false;
    }
    return true;
}

struct kith_str line_join(struct line_words *words, size_t first, size_t count)
{
    const struct kith_str *from = words->at + first;
    size_t len = count - 1;
    for (size_t i = 0; i < count; i++) len += from[i].len;
    if (words->text.used_bytes == 0 && is_joined(from, count))
        return (struct kith_str){ from[0].data, len };
    char *out = arena_alloc(&words->text, len);
    if (!out) return (struct kith_str){ NULL, 0 };
    char *at = out;
    for (size_t i = 0; i < count; i++) {
        if (i) *at++ = ' ';
        memcpy(at, from[i].data, from[i].len);
        at += from[i].len;
    }
    return (struct kith_str){ out, len };
}

/* ---- TTL ---- */

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* All of them, as a number; false: it does not fit. */
static bool digits_value(const char *at, size_t len, int64_t *out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++) {
        const uint64_t digit = (uint64_t)(at[i] - '0');
        if (value > ((uint64_t)INT64_MAX - digit) / 10) return false;
        value = value * 10 + digit;
    }
    *out = (int64_t)value;
    return true;
}

static int64_t unit_seconds(char unit)
{
    switch (unit | 0x20) {
    case 's': return 1;
    case 'm': return 60;
    case 'h': return 3600;
    case 'd': return 86400;
    case 'y': return 365 * INT64_C(86400);
    default: return 0;
    }
}

enum line_ttl line_ttl_parse(struct kith_str text, int64_t *seconds, struct kith_str *digits)
{
    const bool signs = text.len && (*text.data == '-' || *text.data == '+');
    const size_t from = signs ? 1 : 0;
    size_t end = from;
    int64_t value, unit = 1;
    while (end < text.len && is_digit(text.data[end])) end++;
    if (end == from) return LINE_TTL_FORMAT;
    *digits = (struct kith_str){ text.data + from, end - from };
    if (end != text.len) {
        unit = signs || end + 1 != text.len ? 0 : unit_seconds(text.data[end]);
        if (!unit) return LINE_TTL_FORMAT;
        if (!digits_value(digits->data, digits->len, &value)) return LINE_TTL_NUMBER;
    } else if (!digits_value(digits->data, digits->len, &value)) {
        return LINE_TTL_FORMAT;
    }
    *seconds = 0;
    if (signs && *text.data == '-') return LINE_TTL_GOOD;
    if (value > LINE_TTL_SECONDS_MAX / unit) return LINE_TTL_FORMAT;
    *seconds = value * unit;
    return LINE_TTL_GOOD;
}

/* ---- requests ---- */

struct verb_name {
    const char *name;
    enum line_verb verb;
    bool only_new;
};
static const struct verb_name verb_names[] = {
    { "GET", LINE_GET, false },         { "SET", LINE_SET, false },
    { "DEL", LINE_DEL, false },         { "SETNX", LINE_SET, true },
    { "SETS", LINE_SETS, false },       { "SETX", LINE_SETX, false },
    { "SETSNX", LINE_SETS, true },      { "SETXNX", LINE_SETX, true },
    { "KEYS", LINE_KEYS, false },       { "AUTH", LINE_AUTH, false },
    { "FLUSHALL", LINE_FLUSHALL, false }, { "POST", LINE_HTTP, false },
    { "HOST:", LINE_HTTP, false },      { "TTL", LINE_TTL, false },
    { "EXPIRE", LINE_EXPIRE, false },   { "PERSIST", LINE_PERSIST, false },
    { "EXISTS", LINE_EXISTS, false },   { "INCR", LINE_INCR, false },
    { "MGET", LINE_MGET, false },       { "UNLOCK", LINE_UNLOCK, false },
    { "PING", LINE_PING, false },       { "STATS", LINE_STATS, false },
};

static bool is_extension(enum line_verb verb) { return verb >= LINE_TTL && verb <= LINE_STATS; }

/* ASCII case only. */
static bool is_word(struct kith_str text, const char *upper)
{
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.data[i];
        const char folded = c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
        if (!upper[i] || folded != upper[i]) return false;
    }
    return upper[text.len] == 0;
}

static void find_verb(struct kith_str name, bool extended, struct line_request *out)
{
    for (size_t i = 0; i < sizeof verb_names / sizeof verb_names[0]; i++) {
        if ((name.data[0] ^ verb_names[i].name[0]) & ~0x20 || !is_word(name, verb_names[i].name))
            continue;
        if (is_extension(verb_names[i].verb) && !extended) continue;
        out->verb = verb_names[i].verb;
        out->only_new = verb_names[i].only_new;
        return;
    }
    out->verb = LINE_UNKNOWN;
}

static bool takes_ttl(enum line_verb verb)
{
    return verb == LINE_SET || verb == LINE_SETS || verb == LINE_SETX || verb == LINE_UNKNOWN;
}

static enum line_fault read_ttl(struct kith_str text, struct line_request *out)
{
    const enum line_ttl got = line_ttl_parse(text, &out->ttl_s, &out->detail);
    if (got == LINE_TTL_NUMBER) return LINE_BAD_TTL_NUMBER;
    if (got == LINE_TTL_FORMAT) out->detail = text;
    return got == LINE_TTL_FORMAT ? LINE_BAD_TTL : LINE_FINE;
}

/* Takes "-t T" away: name and key move up to where the rest is. */
static enum line_fault take_ttl(struct kith_str *words, struct line_request *out)
{
    if (out->count < 4 || words[2].len != 2 || memcmp(words[2].data, "-t", 2) != 0)
        return LINE_FINE;
    const enum line_fault fault = read_ttl(words[3], out);
    if (fault != LINE_FINE) return fault;
    words[3] = words[1];
    words[2] = words[0];
    out->first += 2;
    out->count -= 2;
    return LINE_FINE;
}

static enum line_fault count_fault(const struct line_request *request)
{
    static const uint8_t least[] = { [LINE_GET] = 2,  [LINE_SET] = 3, [LINE_SETS] = 3,
                                     [LINE_SETX] = 4, [LINE_DEL] = 2, [LINE_KEYS] = 1,
                                     [LINE_FLUSHALL] = 1, [LINE_TTL] = 2,
                                     [LINE_EXPIRE] = 3,   [LINE_PERSIST] = 2,
                                     [LINE_EXISTS] = 2,   [LINE_INCR] = 2,
                                     [LINE_MGET] = 2,     [LINE_UNLOCK] = 3,
                                     [LINE_PING] = 1,     [LINE_STATS] = 1 };
    if (request->verb == LINE_UNKNOWN) return LINE_UNKNOWN_COMMAND;
    if (request->count < least[request->verb]) return LINE_TOO_FEW;
    return request->verb == LINE_SETX && request->count % 2 ? LINE_ODD : LINE_FINE;
}

int line_read(struct line_words *words, const void *line, size_t len, unsigned may,
              struct line_request *out)
{
    *out = (struct line_request){ .verb = LINE_UNKNOWN, .first = words->count, .times = 1 };
    const int rc = line_split(words, line, len);
    if (rc) return rc;
    out->count = words->count - out->first;
    struct kith_str *mine = words->at + out->first;
    if (out->count == 0) {
        out->fault = LINE_NO_TOKEN;
        return 0;
    }
    find_verb(mine[0], may & LINE_MAY_EXTEND, out);
    if (out->verb == LINE_AUTH || out->verb == LINE_HTTP) return 0;
    if (!(may & LINE_MAY_RUN)) out->fault = LINE_NOT_AUTHENTICATED;
    else if (takes_ttl(out->verb)) out->fault = take_ttl(mine, out);
    if (out->fault == LINE_FINE) out->fault = count_fault(out);
    if (out->fault == LINE_FINE && out->verb == LINE_EXPIRE) out->fault = read_ttl(mine[2], out);
    return 0;
}

static const char *too_few_text(enum line_verb verb)
{
    switch (verb) {
    case LINE_SET: return "requires key and value";
    case LINE_SETS: return "requires key and at least one array element";
    case LINE_SETX: return "requires key and at least one key-value pair";
    case LINE_EXPIRE: return "requires key and time";
    case LINE_UNLOCK: return "requires key and owner";
    default: return "requires key";
    }
}

static const char *verb_text(const struct line_request *request)
{
    for (size_t i = 0; i < sizeof verb_names / sizeof verb_names[0]; i++)
        if (verb_names[i].verb == request->verb && verb_names[i].only_new == request->only_new)
            return verb_names[i].name;
    return "";
}

bool line_fault_text(const struct line_request *request, struct buffer *out)
{
    const char *name = verb_text(request);
    switch (request->fault) {
    case LINE_FINE: return false;
    case LINE_NO_TOKEN: buffer_printf(out, "ERROR invalid command format"); break;
    case LINE_NOT_AUTHENTICATED: buffer_printf(out, "ERROR authentication required"); break;
    case LINE_BAD_TTL:
    case LINE_BAD_TTL_NUMBER:
        buffer_printf(out, "ERROR invalid ttl value: invalid %s: ",
                      request->fault == LINE_BAD_TTL ? "TTL format" : "number in TTL");
        buffer_put(out, request->detail.data, request->detail.len);
        break;
    case LINE_UNKNOWN_COMMAND: buffer_printf(out, "ERROR unknown command"); break;
    case LINE_TOO_FEW:
        buffer_printf(out, "ERROR %s %s", name, too_few_text(request->verb));
        break;
    case LINE_ODD:
        buffer_printf(out, "ERROR %s requires even number of arguments for key-value pairs", name);
        break;
    }
    buffer_put(out, "\n", 1);
    return true;
}

/* ---- finding lines ---- */

enum line_found line_find(const uint8_t *data, size_t len, size_t *line_len, size_t *used)
{
    const size_t most = LINE_BYTES_MAX + 1; /* with its LF */
    const uint8_t *lf = len ? memchr(data, '\n', len < most ? len : most) : NULL;
    if (!lf) return len >= most ? LINE_TOO_LONG : LINE_PARTIAL;
    *line_len = (size_t)(lf - data);
    *used = *line_len + 1;
    if (*line_len && lf[-1] == '\r') --*line_len;
    return LINE_WHOLE;
}
