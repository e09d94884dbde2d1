/*
 * HTTP/1.1 requests: see http1.h.
 *
 * The head is gathered until its empty line and then parsed in place; the body goes through a small
 * machine of states, one line or run of bytes at a time.
 */
#include "proto/http1.h"

#include <ctype.h>
#include <string.h>

enum chunk_state { CHUNK_NONE, CHUNK_SIZE, CHUNK_DATA, CHUNK_DATA_END, CHUNK_TRAILER };
#define CHUNK_LINE_BYTES_MAX 1024u

void http1_init(struct http1 *http, size_t body_max)
{
    memset(http, 0, sizeof *http);
    http->body_max = body_max;
    buffer_init(&http->head);
    buffer_init(&http->body);
}

void http1_release(struct http1 *http)
{
    buffer_release(&http->head);
    buffer_release(&http->body);
}

void http1_next(struct http1 *http)
{
    struct buffer head = http->head, body = http->body;
    const size_t body_max = http->body_max;
    memset(http, 0, sizeof *http);
    buffer_clear(&head);
    buffer_clear(&body);
    http->head = head;
    http->body = body;
    http->body_max = body_max;
}

static void fail(struct http1 *http, int status)
{
    http->state = HTTP1_ERROR;
    http->status = status;
}

/* ---- the head ---- */

static bool is_token(unsigned char c)
{
    return isalnum(c) || (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool equals_nocase(struct kith_str a, const char *b)
{
    if (a.len != strlen(b)) return false;
    for (size_t i = 0; i < a.len; i++)
        if (tolower((unsigned char)a.data[i]) != b[i]) return false;
    return true;
}

/* Is `word` one of the comma-separated items? */
static bool has_item(struct kith_str list, const char *word)
{
    for (size_t at = 0; at < list.len;) {
        while (at < list.len && (list.data[at] == ' ' || list.data[at] == '\t' ||
                                 list.data[at] == ','))
            at++;
        size_t end = at;
        while (end < list.len && list.data[end] != ',') end++;
        size_t stop = end;
        while (stop > at && (list.data[stop - 1] == ' ' || list.data[stop - 1] == '\t')) stop--;
        if (equals_nocase((struct kith_str){ list.data + at, stop - at }, word)) return true;
        at = end;
    }
    return false;
}

struct kith_str http1_header_get(const struct http1 *http, const char *name)
{
    const size_t len = strlen(name);
    for (size_t i = 0; i < http->header_count; i++) {
        const struct http1_header *header = &http->headers[i];
        if (header->name.len == len && memcmp(header->name.data, name, len) == 0)
            return header->value;
    }
    return (struct kith_str){ "", 0 };
}

static int parse_request_line(struct http1 *http, char *line, size_t len)
{
    size_t at = 0;
    while (at < len && is_token((unsigned char)line[at])) at++;
    if (at == 0 || at >= len || line[at] != ' ') return 400;
    http->method = (struct kith_str){ line, at };
    const size_t target = ++at;
    while (at < len && (unsigned char)line[at] > ' ' && line[at] != 0x7f) at++;
    if (at == target || at >= len || line[at] != ' ') return 400;
    http->target = (struct kith_str){ line + target, at - target };
    const struct kith_str version = { line + at + 1, len - at - 1 };
    if (version.len != 8 || memcmp(version.data, "HTTP/", 5) != 0) return 400;
    if (memcmp(version.data + 5, "1.1", 3) == 0) {
        http->keep_alive = true;
        return 0;
    }
    return memcmp(version.data + 5, "1.0", 3) == 0 ? 0 : 505;
}

static int parse_header(struct http1 *http, char *line, size_t len)
{
    if (http->header_count == HTTP1_HEADERS_MAX) return 431;
    size_t at = 0;
    for (; at < len && is_token((unsigned char)line[at]); at++)
        line[at] = (char)tolower((unsigned char)line[at]);
    if (at == 0 || at >= len || line[at] != ':') return 400;
    struct http1_header *header = &http->headers[http->header_count++];
    header->name = (struct kith_str){ line, at };
    for (at++; at < len && (line[at] == ' ' || line[at] == '\t');) at++;
    while (len > at && (line[len - 1] == ' ' || line[len - 1] == '\t')) len--;
    for (size_t i = at; i < len; i++)
        if (((unsigned char)line[i] < ' ' && line[i] != '\t') || line[i] == 0x7f) return 400;
    header->value = (struct kith_str){ line + at, len - at };
    return 0;
}

static int parse_length(struct kith_str text, uint64_t *out)
{
    if (text.len == 0 || text.len > 18) return 400;
    *out = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (!isdigit((unsigned char)text.data[i])) return 400;
        *out = *out * 10 + (uint64_t)(text.data[i] - '0');
    }
    return 0;
}

/* How the body is delimited. A message with two answers is refused: that is how requests are
 * smuggled past a proxy (RFC 9112, 6.3). */
static int parse_framing(struct http1 *http)
{
    size_t lengths = 0, codings = 0;
    struct kith_str length = { NULL, 0 }, coding = { NULL, 0 };
    for (size_t i = 0; i < http->header_count; i++) {
        const struct http1_header *header = &http->headers[i];
        if (equals_nocase(header->name, "content-length")) {
            if (lengths++ && (length.len != header->value.len ||
                              memcmp(length.data, header->value.data, length.len) != 0))
                return 400;
            length = header->value;
        } else if (equals_nocase(header->name, "transfer-encoding")) {
            codings++;
            coding = header->value;
        }
    }
    if (codings && (lengths || codings > 1)) return 400;
    if (codings) {
        if (!equals_nocase(coding, "chunked")) return 501;
        http->chunk = CHUNK_SIZE;
    } else if (lengths) {
        const int status = parse_length(length, &http->body_left);
        if (status) return status;
        if (http->body_left > http->body_max) return 413;
    }
    const struct kith_str connection = http1_header_get(http, "connection");
    if (has_item(connection, "close")) http->keep_alive = false;
    else if (has_item(connection, "keep-alive")) http->keep_alive = true;
    http->expect_continue = equals_nocase(http1_header_get(http, "expect"), "100-continue");
    return 0;
}

/* Lines end with CR LF; a lone LF is taken too, a lone CR is not. */
static int parse_head(struct http1 *http)
{
    char *at = (char *)http->head.data, *end = at + http->head.len;
    for (size_t number = 0; at < end; number++) {
        char *line_end = memchr(at, '\n', (size_t)(end - at));
        size_t len = (size_t)(line_end - at);
        if (len > 0 && at[len - 1] == '\r') len--;
        if (memchr(at, '\r', len)) return 400;
        if (len == 0) break;
        const int status =
            number == 0 ? parse_request_line(http, at, len) : parse_header(http, at, len);
        if (status) return status;
        at = line_end + 1;
    }
    return parse_framing(http);
}

static void end_head(struct http1 *http)
{
    const int status = parse_head(http);
    if (status) fail(http, status);
    else if (http->chunk == CHUNK_NONE && http->body_left == 0) http->state = HTTP1_DONE;
    else http->state = HTTP1_BODY;
}

/* Takes one line into the head. Empty lines before the request line are skipped. */
static size_t feed_head(struct http1 *http, const uint8_t *data, size_t len)
{
    const uint8_t *lf = memchr(data, '\n', len);
    const size_t take = lf ? (size_t)(lf - data) + 1 : len;
    if (http->head.len + take > HTTP1_HEAD_BYTES_MAX) {
        fail(http, 431);
        return take;
    }
    const size_t line_start = http->head.len - http->line_len;
    buffer_put(&http->head, data, take);
    if (buffer_failed(&http->head)) return take;
    http->line_len += take;
    if (!lf) return take;
    const uint8_t *line = http->head.data + line_start;
    const bool empty = http->line_len == 1 || (http->line_len == 2 && line[0] == '\r');
    http->line_len = 0;
    if (empty && line_start == 0) buffer_clear(&http->head);
    else if (empty) end_head(http);
    return take;
}

/* ---- the body ---- */

static void feed_body(struct http1 *http, const uint8_t *data, size_t len)
{
    if (http->body.len + len > http->body_max) fail(http, 413);
    else buffer_put(&http->body, data, len);
}

static size_t feed_length(struct http1 *http, const uint8_t *data, size_t len)
{
    const size_t take = http->body_left < len ? (size_t)http->body_left : len;
    feed_body(http, data, take);
    http->body_left -= take;
    if (http->body_left == 0 && http->state == HTTP1_BODY) {
        if (http->chunk == CHUNK_NONE) http->state = HTTP1_DONE;
        else http->chunk = CHUNK_DATA_END;
    }
    return take;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* "1a;name=value" CR LF. Digits count in line_len until something else ends them. */
static void feed_chunk_size(struct http1 *http, uint8_t c)
{
    const bool in_digits = http->line_len < CHUNK_LINE_BYTES_MAX;
    const int digit = hex_digit(c);
    if (in_digits && digit >= 0) {
        http->chunk_size = http->chunk_size << 4 | (uint64_t)digit;
        if (++http->line_len > 15) fail(http, 413);
        return;
    }
    if (in_digits && http->line_len == 0) {
        fail(http, 400);
        return;
    }
    if (in_digits) {
        if (c != '\r' && c != ';' && c != '\n' && c != ' ' && c != '\t') fail(http, 400);
        http->line_len = CHUNK_LINE_BYTES_MAX;
    } else if (++http->line_len > 2 * CHUNK_LINE_BYTES_MAX) {
        fail(http, 400);
    }
    if (c != '\n' || http->state == HTTP1_ERROR) return;
    http->line_len = 0;
    http->body_left = http->chunk_size;
    http->chunk_size = 0;
    http->chunk = http->body_left ? CHUNK_DATA : CHUNK_TRAILER;
    if (http->body_left > http->body_max - http->body.len) fail(http, 413);
}

static void feed_data_end(struct http1 *http, uint8_t c)
{
    if (c == '\n') http->chunk = CHUNK_SIZE;
    else if (c != '\r') fail(http, 400);
}

/* Trailers are read over. line_len counts the line without its CR, chunk_size all of them. */
static void feed_trailer(struct http1 *http, uint8_t c)
{
    if (++http->chunk_size > HTTP1_HEAD_BYTES_MAX) fail(http, 431);
    else if (c == '\n' && http->line_len == 0) http->state = HTTP1_DONE;
    else if (c == '\n') http->line_len = 0;
    else if (c != '\r') http->line_len++;
}

static size_t feed_chunked(struct http1 *http, const uint8_t *data, size_t len)
{
    switch ((enum chunk_state)http->chunk) {
    case CHUNK_DATA: return feed_length(http, data, len);
    case CHUNK_SIZE: feed_chunk_size(http, *data); return 1;
    case CHUNK_DATA_END: feed_data_end(http, *data); return 1;
    case CHUNK_TRAILER: feed_trailer(http, *data); return 1;
    case CHUNK_NONE: break;
    }
    return feed_length(http, data, len);
}

int http1_feed(struct http1 *http, const uint8_t *data, size_t len, size_t *used)
{
    *used = 0;
    while (*used < len && (http->state == HTTP1_HEAD || http->state == HTTP1_BODY)) {
        const uint8_t *at = data + *used;
        *used += http->state == HTTP1_HEAD ? feed_head(http, at, len - *used)
                                           : feed_chunked(http, at, len - *used);
        if (buffer_failed(&http->head) || buffer_failed(&http->body)) return KITH_ENOMEM;
    }
    return 0;
}

const char *http1_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        { 100, "Continue" },          { 200, "OK" },
        { 204, "No Content" },        { 400, "Bad Request" },
        { 401, "Unauthorized" },      { 403, "Forbidden" },
        { 404, "Not Found" },         { 405, "Method Not Allowed" },
        { 408, "Request Timeout" },   { 413, "Content Too Large" },
        { 415, "Unsupported Media Type" }, { 429, "Too Many Requests" },
        { 431, "Request Header Fields Too Large" }, { 500, "Internal Server Error" },
        { 501, "Not Implemented" },   { 503, "Service Unavailable" },
        { 505, "HTTP Version Not Supported" },
    };
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (reasons[i].status == status) return reasons[i].reason;
    return "Unknown";
}
