/*
 * The envelope of a geometry in well-known text: every coordinate's first two numbers. A coordinate
 * stands behind '(' or ','; what begins there with a letter is another part's name, or EMPTY. What
 * cannot be read (a NaN, an arc, whose points do not bound it) has an envelope that meets all.
 */
#include <math.h>
#include <string.h>

#include "index/scalar_boxes.h"

#define NUMBER_BYTES 64

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static bool is_number(char c)
{
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

static size_t skip_blanks(struct kith_str text, size_t at)
{
    while (at < text.len && is_blank(text.data[at])) at++;
    return at;
}

/* A number in the forms of WKT (".5", "5.", "+5") as one of JSON. */
static bool parse_number(const char *text, size_t len, double *out)
{
    char plain[NUMBER_BYTES + 4];
    struct json_value value;
    size_t n = 0, used;
    if (len == 0 || len > NUMBER_BYTES) return false;
    size_t at = text[0] == '+' || text[0] == '-';
    if (text[0] == '-') plain[n++] = '-';
    while (at + 1 < len && text[at] == '0' && text[at + 1] >= '0' && text[at + 1] <= '9') at++;
    if (at < len && text[at] == '.') plain[n++] = '0';
    for (; at < len; at++) {
        plain[n++] = text[at];
        const bool digit = at + 1 < len && text[at + 1] >= '0' && text[at + 1] <= '9';
        if (text[at] == '.' && !digit) plain[n++] = '0';
        if (n > NUMBER_BYTES) return false;
    }
    if (json_read(plain, n, &value, &used, NULL) != 0 || used != n) return false;
    if (value.kind != JSON_INT && value.kind != JSON_DOUBLE) return false;
    *out = value.number;
    return true;
}

static bool read_number(struct kith_str text, size_t *at, double *out)
{
    const size_t from = skip_blanks(text, *at);
    size_t to = from;
    while (to < text.len && is_number(text.data[to])) to++;
    *at = to;
    return parse_number(text.data + from, to - from, out);
}

static void extend(double box[4], double x, double y)
{
    if (x < box[0]) box[0] = x;
    if (y < box[1]) box[1] = y;
    if (x > box[2]) box[2] = x;
    if (y > box[3]) box[3] = y;
}

/* Names of parts, and EMPTY: anything but "nan", "inf" and arcs. */
static bool is_name(char c)
{
    return c != '\0' && strchr("EPLMGTeplmgt", c) != NULL;
}

static bool has_empty(struct kith_str text)
{
    for (size_t i = 0; i + 5 <= text.len; i++) {
        size_t n = 0;
        while (n < 5 && (text.data[i + n] | 0x20) == "empty"[n]) n++;
        if (n == 5) return true;
    }
    return false;
}

/* 1: one more; 0: a name or another bracket stands there; -1: what is there cannot be read. */
static int read_coordinate(struct kith_str text, size_t *at, double box[4])
{
    double x, y;
    *at = skip_blanks(text, *at);
    if (*at == text.len || text.data[*at] == '(') return 0;
    if (is_name(text.data[*at])) return 0;
    if (!read_number(text, at, &x) || !read_number(text, at, &y)) return -1;
    extend(box, x, y);
    return 1;
}

enum wkt_box scalar_wkt_box(struct kith_str text, double box[4])
{
    const double inf = (double)INFINITY;
    const double none[4] = { inf, inf, -inf, -inf }, all[4] = { -inf, -inf, inf, inf };
    bool found = false;
    const size_t start = skip_blanks(text, 0);
    bool readable = start < text.len && (text.data[start] | 0x20) != 'c';
    memcpy(box, none, sizeof none);
    for (size_t at = start; readable && at < text.len;) {
        const char c = text.data[at++];
        if (c != '(' && c != ',') continue;
        const int one = read_coordinate(text, &at, box);
        readable = one >= 0;
        found |= one == 1;
    }
    if (readable && found) return WKT_BOX;
    if (readable && has_empty(text)) return WKT_EMPTY;
    memcpy(box, all, sizeof all);
    return WKT_BOX;
}
