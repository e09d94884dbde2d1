/*
 * A pull scanner over a JSON file of any size in constant memory. The caller knows the shape and
 * walks it: expect, accept, number, string, skip. Anything else ends the program with the byte
 * offset. Only what the two npm packages contain is supported; the library's JSON is base/json.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "make_data.h"

struct scan *scan_open(const char *path)
{
    struct scan *scan = data_alloc(1, sizeof *scan);
    scan->path = path;
    scan->file = fopen(path, "rb");
    if (!scan->file) data_die("cannot open %s: %s", path, strerror(errno));
    return scan;
}

void scan_close(struct scan *scan)
{
    fclose(scan->file);
    free(scan);
}

static _Noreturn void scan_fail(const struct scan *scan, const char *what)
{
    data_die("%s: %s at byte %llu", scan->path, what,
             (unsigned long long)(scan->offset + scan->pos));
}

static int scan_byte_peek(struct scan *scan)
{
    if (scan->pos == scan->len) {
        scan->offset += scan->len;
        scan->pos = 0;
        scan->len = fread(scan->buf, 1, sizeof scan->buf, scan->file);
        if (scan->len == 0) return EOF;
    }
    return (unsigned char)scan->buf[scan->pos];
}

static int scan_byte(struct scan *scan)
{
    int c = scan_byte_peek(scan);
    if (c == EOF) scan_fail(scan, "unexpected end");
    scan->pos++;
    return c;
}

int scan_peek(struct scan *scan)
{
    int c = scan_byte_peek(scan);
    while (c == ' ' || c == '\n' || c == '\r' || c == '\t') {
        scan->pos++;
        c = scan_byte_peek(scan);
    }
    return c;
}

bool scan_accept(struct scan *scan, char c)
{
    if (scan_peek(scan) != c) return false;
    scan->pos++;
    return true;
}

void scan_expect(struct scan *scan, char c)
{
    char text[] = "expected '?'";
    text[10] = c;
    if (!scan_accept(scan, c)) scan_fail(scan, text);
}

double scan_number(struct scan *scan)
{
    char text[64];
    size_t len = 0;
    for (int c = scan_peek(scan); c != EOF && strchr("+-.0123456789eE", c);
         c = scan_byte_peek(scan)) {
        if (len + 1 == sizeof text) scan_fail(scan, "number too long");
        text[len++] = (char)c;
        scan->pos++;
    }
    text[len] = 0;
    char *end;
    double value = strtod(text, &end);
    if (len == 0 || *end) scan_fail(scan, "bad number");
    return value;
}

static unsigned scan_hex4(struct scan *scan)
{
    unsigned value = 0;
    for (int i = 0; i < 4; i++) {
        const char *digits = "0123456789abcdef";
        const char *at = strchr(digits, scan_byte(scan) | 0x20);
        if (!at) scan_fail(scan, "bad \\u escape");
        value = value * 16 + (unsigned)(at - digits);
    }
    return value;
}

static size_t put_utf8(unsigned point, char out[4])
{
    if (point < 0x80) return out[0] = (char)point, 1;
    if (point < 0x800) {
        out[0] = (char)(0xC0 | point >> 6);
        out[1] = (char)(0x80 | (point & 63));
        return 2;
    }
    out[0] = (char)(0xE0 | point >> 12);
    out[1] = (char)(0x80 | (point >> 6 & 63));
    out[2] = (char)(0x80 | (point & 63));
    return 3;
}

static size_t scan_escape(struct scan *scan, char out[4])
{
    int c = scan_byte(scan);
    const char *from = "\"\\/bfnrt", *to = "\"\\/\b\f\n\r\t";
    const char *at = strchr(from, c);
    if (at && *at) return out[0] = to[at - from], 1;
    if (c != 'u') scan_fail(scan, "bad escape");
    unsigned point = scan_hex4(scan);
    if (point >= 0xD800 && point < 0xE000) scan_fail(scan, "surrogate escape not supported");
    return put_utf8(point, out);
}

size_t scan_string(struct scan *scan, char *out, size_t cap)
{
    size_t len = 0;
    scan_expect(scan, '"');
    for (int c; (c = scan_byte(scan)) != '"';) {
        char piece[4] = {(char)c};
        size_t n = c == '\\' ? scan_escape(scan, piece) : 1;
        if (len + n >= cap) scan_fail(scan, "string too long");
        memcpy(out + len, piece, n);
        len += n;
    }
    out[len] = 0;
    return len;
}

static void skip_string(struct scan *scan)
{
    scan_expect(scan, '"');
    for (int c; (c = scan_byte(scan)) != '"';) {
        if (c == '\\') scan_byte(scan);
    }
}

void scan_skip(struct scan *scan)
{
    size_t depth = 0;
    do {
        int c = scan_peek(scan);
        if (c == EOF) scan_fail(scan, "unexpected end");
        if (c == '"') {
            skip_string(scan);
        } else {
            scan->pos++;
            if (c == '[' || c == '{') depth++;
            if ((c == ']' || c == '}') && depth > 0) depth--;
            /* A bare literal at depth 0 ends before the next punctuation. */
            while (depth == 0 && c != ']' && c != '}') {
                c = scan_peek(scan);
                if (c == ',' || c == ']' || c == '}' || c == EOF) break;
                scan->pos++;
            }
        }
    } while (depth > 0);
}
