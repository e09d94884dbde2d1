/*
 * Reading RESP commands: see resp.h.
 *
 * An array is read argument by argument; `pos` stands behind the last whole one, so nothing is read
 * twice but the header of the argument under way. `looked` does the same for a line that has not
 * ended. While bytes may still move, arguments are offsets; they become pointers when the last is
 * there.
 */
#include "proto/resp.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"

#define ARGS_MIN 16u
#define HEADER_DIGITS_MAX 20u

void resp_parser_init(struct resp_parser *parser) { *parser = (struct resp_parser){ 0 }; }

void resp_parser_release(struct resp_parser *parser)
{
    mem_free(parser->args);
    mem_free(parser->offsets);
    buffer_release(&parser->words);
    resp_parser_init(parser);
}

static enum resp_result fail(struct resp_parser *parser, const char *text)
{
    (void)snprintf(parser->error, sizeof parser->error, "ERR Protocol error: %s", text);
    return RESP_ERROR;
}

/* The next command begins at the first byte that was not used. */
static void start_over(struct resp_parser *parser)
{
    parser->args_due = parser->pos = parser->looked = 0;
}

static bool grow_args(struct resp_parser *parser)
{
    size_t cap = parser->arg_cap ? parser->arg_cap * 2 : ARGS_MIN, bytes;
    if (!size_mul(cap, sizeof *parser->args, &bytes)) return false;
    struct kith_str *args = mem_realloc(parser->args, bytes);
    if (args) parser->args = args;
    size_t *offsets = mem_realloc(parser->offsets, cap * sizeof *offsets);
    if (offsets) parser->offsets = offsets;
    if (!args || !offsets) return false;
    parser->arg_cap = cap;
    return true;
}

static inline bool add_arg(struct resp_parser *parser, size_t offset, size_t len)
{
    if (parser->arg_count == parser->arg_cap && !grow_args(parser)) return false;
    parser->offsets[parser->arg_count] = offset;
    parser->args[parser->arg_count++].len = len;
    return true;
}

static void point_args(struct resp_parser *parser, const void *base)
{
    const char *text = base;
    for (size_t i = 0; i < parser->arg_count; i++)
        parser->args[i].data = text + parser->offsets[i];
}

/* ---- arrays ---- */

/* Optional '-', digits, no leading zeros; false for anything else. At most 18 digits: enough for
 * every length that is accepted. */
static inline bool read_length(const uint8_t *text, size_t len, int64_t *out)
{
    const bool negative = len && text[0] == '-';
    size_t i = negative;
    int64_t value = 0;
    if (len == i || len > HEADER_DIGITS_MAX - 2) return false;
    if (text[i] == '0' && (len > i + 1 || negative)) return false;
    for (; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') return false;
        value = value * 10 + (text[i] - '0');
    }
    *out = negative ? -value : value;
    return true;
}

struct header {
    size_t end; /* of the line, behind CR LF */
    int64_t value;
    bool is_number;
};

/* The number behind data[pos]. RESP_COMMAND when the line is whole; `too_big` is the error of one
 * that does not end. */
static inline enum resp_result read_header(struct resp_parser *parser, const uint8_t *data,
                                           size_t len, size_t pos, const char *too_big,
                                           struct header *out)
{
    const size_t from = parser->looked > pos ? parser->looked : pos + 1;
    const uint8_t *end = from < len ? memchr(data + from, '\r', len - from) : NULL;
    if (!end || (size_t)(end - data) + 1 == len) {
        if (len - pos > RESP_INLINE_BYTES_MAX) return fail(parser, too_big);
        parser->looked = end ? (size_t)(end - data) : len;
        return RESP_MORE;
    }
    const size_t digits = (size_t)(end - data) - pos - 1;
    out->end = (size_t)(end - data) + 2;
    out->is_number = read_length(data + pos + 1, digits, &out->value);
    parser->looked = 0;
    return RESP_COMMAND;
}

static enum resp_result begin_array(struct resp_parser *parser, const struct resp_limits *limits,
                                    const uint8_t *data, size_t len, size_t *used)
{
    struct header header = { 0 };
    const enum resp_result got =
        read_header(parser, data, len, 0, "too big mbulk count string", &header);
    if (got != RESP_COMMAND) return got;
    if (!header.is_number || header.value > INT32_MAX)
        return fail(parser, "invalid multibulk length");
    if (header.value > 0 && (uint64_t)header.value > limits->args_max)
        return fail(parser, limits->authenticated ? "invalid multibulk length"
                                                  : "unauthenticated multibulk length");
    parser->arg_count = 0;
    if (header.value <= 0) {
        *used = header.end;
        return RESP_COMMAND;
    }
    parser->args_due = (size_t)header.value;
    parser->pos = header.end;
    return RESP_MORE;
}

/* "$5\r\nhello\r\n" at pos. */
static inline enum resp_result read_bulk(struct resp_parser *parser,
                                         const struct resp_limits *limits, const uint8_t *data,
                                         size_t len)
{
    const size_t pos = parser->pos;
    struct header header = { 0 };
    if (pos >= len) return RESP_MORE;
    if (data[pos] != '$') {
        char text[40];
        (void)snprintf(text, sizeof text, "expected '$', got '%c'",
                       data[pos] >= ' ' && data[pos] < 127 ? data[pos] : '?');
        return fail(parser, text);
    }
    const enum resp_result got =
        read_header(parser, data, len, pos, "too big bulk count string", &header);
    if (got != RESP_COMMAND) return got;
    if (!header.is_number || header.value < 0) return fail(parser, "invalid bulk length");
    if ((uint64_t)header.value > limits->bulk_bytes_max)
        return fail(parser,
                    limits->authenticated ? "invalid bulk length" : "unauthenticated bulk length");
    const size_t bytes = (size_t)header.value;
    if (len < header.end || len - header.end < bytes + 2) return RESP_MORE;
    if (!add_arg(parser, header.end, bytes)) return RESP_ENOMEM;
    parser->pos = header.end + bytes + 2;
    return RESP_COMMAND;
}

static enum resp_result read_array(struct resp_parser *parser, const struct resp_limits *limits,
                                   const uint8_t *data, size_t len, size_t *used)
{
    if (parser->args_due == 0) {
        const enum resp_result begun = begin_array(parser, limits, data, len, used);
        if (parser->args_due == 0) return begun;
    }
    while (parser->arg_count < parser->args_due) {
        const enum resp_result got = read_bulk(parser, limits, data, len);
        if (got != RESP_COMMAND) return got;
    }
    point_args(parser, data);
    *used = parser->pos;
    return RESP_COMMAND;
}

/* ---- short commands ---- */

/* CR LF at `at`, behind which two bytes can be read; the place behind it. */
static inline const uint8_t *behind_line(const uint8_t *at)
{
    return at[0] == '\r' && at[1] == '\n' ? at + 2 : NULL;
}

/* Up to three digits and CR LF; returns the place behind them, NULL for anything else. Spelt out:
 * one or two digits are nearly all there are. */
static inline const uint8_t *read_short(const uint8_t *at, const uint8_t *end, size_t *value)
{
    if (end - at < 5) return NULL; /* what it announces is not there either */
    const unsigned first = at[0] - '0', second = at[1] - '0', third = at[2] - '0';
    *value = first;
    if (first > 9) return NULL;
    if (second > 9) return behind_line(at + 1);
    *value = first * 10 + second;
    if (first == 0) return NULL;
    if (third > 9) return behind_line(at + 2);
    *value = *value * 10 + third;
    return behind_line(at + 3);
}

#define HEAD_MIN 8u
#define HEAD_MAX 24u

static inline uint64_t eight_bytes(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

static inline size_t middle_of(size_t head_len) { return head_len < 16 ? head_len - 8 : 8; }

static inline bool begins_with(const uint8_t *data, size_t len, const struct resp_head *head)
{
    return head->len && len >= head->len && eight_bytes(data) == head->first &&
           eight_bytes(data + middle_of(head->len)) == head->middle &&
           eight_bytes(data + head->len - 8) == head->last;
}

/* Of a command that was read, with at least two words. */
static inline void read_head(const uint8_t *data, struct kith_str name, struct resp_head *head)
{
    const size_t name_at = (size_t)((const uint8_t *)name.data - data);
    const size_t len = name_at + name.len + 3;
    if (len < HEAD_MIN || len > HEAD_MAX) return;
    head->first = eight_bytes(data);
    head->middle = eight_bytes(data + middle_of(len));
    head->last = eight_bytes(data + len - 8);
    head->len = (uint8_t)len;
    head->name_at = (uint8_t)name_at;
    head->name_len = (uint8_t)name.len;
}

size_t resp_parse_short(const struct resp_limits *limits, const uint8_t *data, size_t len,
                        struct resp_head *head, struct kith_str *out, size_t max)
{
    const uint8_t *const end = data + len, *at;
    size_t due, i = 0;
    if (len == 0 || data[0] != '*') return 0;
    const bool alike = begins_with(data, len, head);
    if (alike) {
        out[i++] = (struct kith_str){ (const char *)data + head->name_at, head->name_len };
        due = head->words;
        at = data + head->len - 1;
    } else {
        at = read_short(data + 1, end, &due);
        if (!at || due == 0 || due > max || due > limits->args_max) return 0;
    }
    for (; i < due; i++) {
        size_t bytes;
        if (at == end || *at != '$') return 0;
        at = read_short(at + 1, end, &bytes);
        if (!at || (size_t)(end - at) < bytes + 2 || bytes > limits->bulk_bytes_max) return 0;
        out[i] = (struct kith_str){ (const char *)at, bytes };
        at += bytes + 2;
    }
    head->alike = alike;
    head->words = (uint32_t)due;
    if (!alike) {
        head->len = 0;
        if (due > 1 && at < end) read_head(data, out[0], head);
    }
    return (size_t)(at - data);
}

bool resp_peek_key(const uint8_t *data, size_t len, struct kith_str *key)
{
    const uint8_t *const end = data + len, *at = data;
    size_t words, bytes = 0;
    if (len == 0 || *at != '*') return false;
    at = read_short(at + 1, end, &words);
    if (!at || words < 2) return false;
    for (unsigned i = 0; i < 2; i++) {
        if (i) at += bytes + 2;
        if (at == end || *at != '$') return false;
        at = read_short(at + 1, end, &bytes);
        if (!at || (size_t)(end - at) < bytes + 2) return false;
    }
    *key = (struct kith_str){ (const char *)at, bytes };
    return true;
}

/* ---- inline commands ---- */

static inline bool is_blank(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* What stands behind a backslash in double quotes; returns how many bytes that were. */
static size_t unescape(const uint8_t *text, size_t len, struct buffer *out)
{
    static const char letters[] = "nrtba", values[] = "\n\r\t\b\a";
    if (len >= 3 && text[0] == 'x' && hex_digit(text[1]) >= 0 && hex_digit(text[2]) >= 0) {
        buffer_put_u8(out, (uint8_t)(hex_digit(text[1]) * 16 + hex_digit(text[2])));
        return 3;
    }
    const char *letter = text[0] ? strchr(letters, text[0]) : NULL;
    buffer_put_u8(out, letter ? (uint8_t)values[letter - letters] : text[0]);
    return 1;
}

/* The inside of quotes that were opened before text[i]. Returns the place behind the closing one;
 * 0: there is none, or something stands right behind it. */
static size_t unquote(const uint8_t *text, size_t len, size_t i, uint8_t quote, struct buffer *out)
{
    while (i < len && text[i] != quote) {
        if (text[i] == '\\' && i + 1 < len && quote == '"') {
            i += 1 + unescape(text + i + 1, len - i - 1, out);
        } else if (text[i] == '\\' && i + 1 < len && text[i + 1] == '\'') {
            buffer_put_u8(out, '\'');
            i += 2;
        } else {
            buffer_put_u8(out, text[i++]);
        }
    }
    if (i == len || (i + 1 < len && !is_blank(text[i + 1]))) return 0;
    return i + 1;
}

/* One word from text[i]; returns the place behind it, 0 for unbalanced quotes. */
static size_t read_word(const uint8_t *text, size_t len, size_t i, struct buffer *out)
{
    while (i < len && !is_blank(text[i])) {
        if (text[i] == '"' || text[i] == '\'') {
            i = unquote(text, len, i + 1, text[i], out);
            return i;
        }
        buffer_put_u8(out, text[i++]);
    }
    return i;
}

enum resp_result resp_split(struct resp_parser *parser, const char *line, size_t len)
{
    const uint8_t *text = (const uint8_t *)line;
    parser->arg_count = 0;
    buffer_clear(&parser->words);
    for (size_t i = 0;;) {
        while (i < len && is_blank(text[i])) i++;
        if (i == len) break;
        const size_t begin = parser->words.len;
        i = read_word(text, len, i, &parser->words);
        if (i == 0) return fail(parser, "unbalanced quotes in request");
        if (buffer_failed(&parser->words) || !add_arg(parser, begin, parser->words.len - begin))
            return RESP_ENOMEM;
    }
    if (parser->arg_count && !parser->words.data && buffer_reserve(&parser->words, 1))
        return RESP_ENOMEM; /* only empty words: they point somewhere too */
    point_args(parser, parser->words.data);
    return RESP_COMMAND;
}

static bool speaks_http(const struct resp_parser *parser)
{
    const struct kith_str *word = parser->args;
    return parser->arg_count && ((word->len == 4 && strncasecmp(word->data, "POST", 4) == 0) ||
                                 (word->len == 5 && strncasecmp(word->data, "Host:", 5) == 0));
}

static enum resp_result read_inline(struct resp_parser *parser, const uint8_t *data, size_t len,
                                    size_t *used)
{
    const size_t from = parser->looked;
    const uint8_t *end = memchr(data + from, '\n', len - from);
    if (!end) {
        parser->looked = len;
        return len > RESP_INLINE_BYTES_MAX ? fail(parser, "too big inline request") : RESP_MORE;
    }
    const enum resp_result got = resp_split(parser, (const char *)data, (size_t)(end - data));
    *used = (size_t)(end - data) + 1;
    return got == RESP_COMMAND && speaks_http(parser) ? RESP_HTTP : got;
}

enum resp_result resp_parse(struct resp_parser *parser, const struct resp_limits *limits,
                            const uint8_t *data, size_t len, size_t *used)
{
    if (len == 0) return RESP_MORE;
    const enum resp_result got = data[0] == '*' ? read_array(parser, limits, data, len, used)
                                                : read_inline(parser, data, len, used);
    if (got != RESP_MORE) start_over(parser);
    return got;
}
