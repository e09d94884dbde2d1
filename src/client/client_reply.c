/*
 * Replies of RESP2 and RESP3: where one ends, and how people see it.
 *
 *     + - : , ( #   a line: status, error, integer, double, big number, boolean
 *     _             null; $-1 and *-1, too
 *     $ = !         length, bytes
 *     * ~ > %       count, elements (a map has twice as many)
 *
 * The bytes come from a server, which need not be ours: depth is bounded, and nothing is believed
 * that has not come.
 */
#include <string.h>

#include "client/client.h"

#define DEPTH_MAX 64u

struct item {
    char kind;
    const char *line; /* behind the kind, without CR LF */
    size_t line_len;
    long long count;  /* of bytes or elements; < 0: null */
    size_t bytes;     /* of the header */
};

static bool is_in(char kind, const char *kinds) { return kind && strchr(kinds, kind) != NULL; }

static bool read_count(struct item *item)
{
    const bool minus = item->line_len && *item->line == '-';
    long long value = 0;
    if (item->line_len == (size_t)minus || item->line_len > 12) return false;
    for (size_t i = minus; i < item->line_len; i++) {
        if (item->line[i] < '0' || item->line[i] > '9') return false;
        value = value * 10 + (item->line[i] - '0');
    }
    item->count = minus ? -value : value;
    return true;
}

/* 1; 0: more is needed; -1: nonsense. */
static int read_header(const uint8_t *data, size_t len, struct item *out)
{
    const uint8_t *lf = len ? memchr(data, '\n', len) : NULL;
    if (!lf) return 0;
    if (lf - data < 2 || lf[-1] != '\r') return -1;
    *out = (struct item){ .kind = (char)data[0],
                          .line = (const char *)data + 1,
                          .line_len = (size_t)(lf - data) - 2,
                          .bytes = (size_t)(lf - data) + 1 };
    if (is_in(out->kind, "+-:,(#_")) return 1;
    if (!is_in(out->kind, "$=!*~>%") || !read_count(out)) return -1;
    if (out->kind == '%') out->count *= 2;
    return 1;
}

static size_t reply_bytes(const uint8_t *data, size_t len, unsigned depth)
{
    struct item item;
    const int got = read_header(data, len, &item);
    if (got <= 0) return got ? SIZE_MAX : 0;
    if (is_in(item.kind, "+-:,(#_") || item.count < 0) return item.bytes;
    if (is_in(item.kind, "$=!")) {
        const size_t all = item.bytes + (size_t)item.count + 2;
        return all <= len ? all : 0;
    }
    if (depth == DEPTH_MAX) return SIZE_MAX;
    size_t at = item.bytes;
    for (long long i = 0; i < item.count; i++) {
        const size_t more = at < len ? reply_bytes(data + at, len - at, depth + 1) : 0;
        if (more == 0 || more == SIZE_MAX) return more;
        at += more;
    }
    return at;
}

size_t client_reply_bytes(const uint8_t *data, size_t len) { return reply_bytes(data, len, 0); }

/* ---- printing ---- */

static void put_quoted(struct buffer *out, const char *text, size_t len)
{
    buffer_put(out, "\"", 1);
    for (size_t i = 0; i < len; i++) {
        const uint8_t c = (uint8_t)text[i];
        if (c == '"' || c == '\\') buffer_printf(out, "\\%c", c);
        else if (c == '\n') buffer_put(out, "\\n", 2);
        else if (c == '\r') buffer_put(out, "\\r", 2);
        else if (c == '\t') buffer_put(out, "\\t", 2);
        else if (c < 0x20 || c > 0x7e) buffer_printf(out, "\\x%02x", (unsigned)c);
        else buffer_put_u8(out, c);
    }
    buffer_put(out, "\"", 1);
}

static void put_line(struct buffer *out, const struct item *item, bool raw)
{
    const int len = (int)item->line_len;
    if (item->kind == '_') buffer_printf(out, raw ? "" : "(nil)");
    else if (raw || item->kind == '+') buffer_printf(out, "%.*s", len, item->line);
    else if (item->kind == '-') buffer_printf(out, "(error) %.*s", len, item->line);
    else if (item->kind == ':') buffer_printf(out, "(integer) %.*s", len, item->line);
    else if (item->kind == '#') buffer_printf(out, "(%s)", *item->line == 't' ? "true" : "false");
    else buffer_printf(out, "(double) %.*s", len, item->line);
    buffer_put(out, "\n", 1);
}

/* Returns the bytes it took. `indent`: of the lines behind the first. */
static size_t print(const uint8_t *data, size_t len, bool raw, size_t indent, struct buffer *out)
{
    struct item item;
    if (read_header(data, len, &item) <= 0) return len;
    if (is_in(item.kind, "+-:,(#_")) {
        put_line(out, &item, raw);
        return item.bytes;
    }
    if (item.count < 0) {
        buffer_printf(out, raw ? "\n" : "(nil)\n");
        return item.bytes;
    }
    if (is_in(item.kind, "$=!")) {
        const char *text = (const char *)data + item.bytes;
        if (raw) buffer_put(out, text, (size_t)item.count);
        else put_quoted(out, text, (size_t)item.count);
        buffer_put(out, "\n", 1);
        return item.bytes + (size_t)item.count + 2;
    }
    size_t at = item.bytes;
    if (item.count == 0 && !raw) buffer_printf(out, "(empty array)\n");
    for (long long i = 0; i < item.count; i++) {
        if (!raw && i) buffer_printf(out, "%*s", (int)indent, "");
        if (!raw) buffer_printf(out, "%lld) ", i + 1);
        at += print(data + at, len - at, raw, indent + 3, out);
    }
    return at;
}

void client_print_reply(const uint8_t *data, size_t len, bool raw, struct buffer *out)
{
    (void)print(data, len, raw, 0, out);
}
