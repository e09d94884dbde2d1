/*
 * Writing RESP replies: see resp.h.
 *
 * Everything ends in one memcpy into a reserved place: a short reply is one bounds check.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/decimal.h"
#include "proto/resp.h"

#define INTEGER_MAX 20u /* characters of an int64 */
#define HEADER_MAX (INTEGER_MAX + 3u)

static size_t digits_of(uint64_t value)
{
    size_t count = 1;
    for (; value >= 10; value /= 10) count++;
    return count;
}

static size_t print_integer(int64_t value, char *out)
{
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    const size_t sign = value < 0, len = digits_of(rest) + sign;
    if (sign) out[0] = '-';
    for (size_t i = len; i > sign; rest /= 10) out[--i] = (char)('0' + rest % 10);
    return len;
}

/* "<kind><value>\r\n"; nearly all values have one or two digits */
static inline size_t print_header(char kind, int64_t value, char *out)
{
    size_t len = 1;
    out[0] = kind;
    if (value < 0 || value > 99) {
        len += print_integer(value, out + 1);
    } else {
        if (value > 9) out[len++] = (char)('0' + value / 10);
        out[len++] = (char)('0' + value % 10);
    }
    memcpy(out + len, "\r\n", 2);
    return len + 2;
}

static void put_header(struct resp *resp, char kind, int64_t value)
{
    char text[HEADER_MAX];
    buffer_put(resp->out, text, print_header(kind, value, text));
}

static void put_text(struct resp *resp, const char *text)
{
    buffer_put(resp->out, text, strlen(text));
}

void resp_ok(struct resp *resp)
{
    uint8_t *room = buffer_extend(resp->out, 5);
    if (room) memcpy(room, "+OK\r\n", 5);
}

/* A line that begins with kind and holds neither CR nor LF. */
static void put_line(struct resp *resp, char kind, const char *text)
{
    const size_t len = strlen(text);
    uint8_t *room = buffer_extend(resp->out, len + 3);
    if (!room) return;
    room[0] = (uint8_t)kind;
    for (size_t i = 0; i < len; i++)
        room[1 + i] = text[i] == '\r' || text[i] == '\n' ? ' ' : (uint8_t)text[i];
    memcpy(room + 1 + len, "\r\n", 2);
}

void resp_status(struct resp *resp, const char *text) { put_line(resp, '+', text); }

void resp_error(struct resp *resp, const char *text) { put_line(resp, '-', text); }

void resp_errorf(struct resp *resp, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    resp_error(resp, text);
}

void resp_integer(struct resp *resp, int64_t value) { put_header(resp, ':', value); }

void resp_bulk(struct resp *resp, const void *data, size_t len)
{
    if (resp->out->len > RESP_OUTPUT_BYTES_MAX) resp->out->failed = true;
    uint8_t *room = buffer_extend(resp->out, HEADER_MAX + len + 2);
    if (!room) return;
    const size_t header = print_header('$', (int64_t)len, (char *)room);
    if (len) memcpy(room + header, data, len);
    memcpy(room + header + len, "\r\n", 2);
    resp->out->len -= HEADER_MAX - header;
}

void resp_str(struct resp *resp, struct kith_str text) { resp_bulk(resp, text.data, text.len); }

void resp_cstr(struct resp *resp, const char *text) { resp_bulk(resp, text, strlen(text)); }

void resp_printf(struct resp *resp, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    const int len = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    const size_t most = sizeof text - 1;
    resp_bulk(resp, text, len < 0 ? 0 : (size_t)len < most ? (size_t)len : most);
}

void resp_bulk_integer(struct resp *resp, int64_t value)
{
    char text[INTEGER_MAX];
    resp_bulk(resp, text, print_integer(value, text));
}

void resp_null(struct resp *resp) { put_text(resp, resp->version >= 3 ? "_\r\n" : "$-1\r\n"); }

void resp_null_array(struct resp *resp)
{
    put_text(resp, resp->version >= 3 ? "_\r\n" : "*-1\r\n");
}

void resp_bool(struct resp *resp, bool value)
{
    if (resp->version >= 3) put_text(resp, value ? "#t\r\n" : "#f\r\n");
    else resp_integer(resp, value);
}

void resp_verbatim(struct resp *resp, const void *data, size_t len)
{
    if (resp->version < 3) {
        resp_bulk(resp, data, len);
        return;
    }
    put_header(resp, '=', (int64_t)len + 4);
    buffer_put(resp->out, "txt:", 4);
    buffer_put(resp->out, data, len);
    buffer_put(resp->out, "\r\n", 2);
}

void resp_array(struct resp *resp, size_t count) { put_header(resp, '*', (int64_t)count); }

void resp_map(struct resp *resp, size_t pairs)
{
    if (resp->version >= 3) put_header(resp, '%', (int64_t)pairs);
    else resp_array(resp, pairs * 2);
}

void resp_set(struct resp *resp, size_t count)
{
    put_header(resp, resp->version >= 3 ? '~' : '*', (int64_t)count);
}

void resp_push(struct resp *resp, size_t count)
{
    put_header(resp, resp->version >= 3 ? '>' : '*', (int64_t)count);
}

size_t resp_open(struct resp *resp)
{
    (void)buffer_extend(resp->out, HEADER_MAX);
    return resp->out->len;
}

void resp_close(struct resp *resp, size_t place, char kind, size_t count)
{
    char text[HEADER_MAX];
    if (buffer_failed(resp->out)) return;
    if (resp->version < 3 && kind == '%') count *= 2;
    const size_t len = print_header(resp->version < 3 ? '*' : kind, (int64_t)count, text);
    uint8_t *header = resp->out->data + place - HEADER_MAX;
    memcpy(header, text, len);
    memmove(header + len, header + HEADER_MAX, resp->out->len - place);
    resp->out->len -= HEADER_MAX - len;
}

/* ---- doubles ---- */

/* "1.5e+300": as Grisu's plain layout puts it, exponents beyond what reads well. */
static size_t put_exponent(char *out, const char *digits, size_t count, int exponent)
{
    size_t len = 0;
    out[len++] = digits[0];
    if (count > 1) {
        out[len++] = '.';
        memcpy(out + len, digits + 1, count - 1);
        len += count - 1;
    }
    out[len++] = 'e';
    out[len++] = exponent < 0 ? '-' : '+';
    return len + print_integer(exponent < 0 ? -exponent : exponent, out + len);
}

/* digits with a point `before` places from the first; before may be 0 or less. */
static size_t put_pointed(char *out, const char *digits, size_t count, int before)
{
    size_t len = 0;
    if (before > 0) {
        memcpy(out, digits, (size_t)before);
        len = (size_t)before;
        out[len++] = '.';
        memcpy(out + len, digits + before, count - (size_t)before);
        return len + count - (size_t)before;
    }
    memcpy(out, "0.", 2);
    len = 2;
    memset(out + len, '0', (size_t)-before);
    len += (size_t)-before;
    memcpy(out + len, digits, count);
    return len + count;
}

static size_t put_finite(double value, char *out)
{
    char digits[DECIMAL_SHORTEST_MAX];
    int exponent;
    const size_t count = decimal_shortest(value, digits, &exponent);
    const int point = (int)count + exponent, size = point > 0 ? point - 1 : 1 - point;
    if (exponent >= 0 && size < (int)count + 7) {
        memcpy(out, digits, count);
        memset(out + count, '0', (size_t)exponent);
        return count + (size_t)exponent;
    }
    if (exponent < 0 && (exponent > -7 || size < 4)) return put_pointed(out, digits, count, point);
    return put_exponent(out, digits, count, point - 1);
}

size_t resp_double_text(double value, char out[RESP_DOUBLE_TEXT_MAX])
{
    const char *word = isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
    if (!isfinite(value)) {
        memcpy(out, word, strlen(word));
        return strlen(word);
    }
    if (fabs(value) < 4503599627370496.0 && value == (double)(int64_t)value) {
        if (value == 0 && signbit(value)) {
            memcpy(out, "-0", 2);
            return 2;
        }
        return print_integer((int64_t)value, out);
    }
    if (value > 0) return put_finite(value, out);
    out[0] = '-';
    return 1 + put_finite(-value, out + 1);
}

void resp_double(struct resp *resp, double value)
{
    char text[RESP_DOUBLE_TEXT_MAX];
    const size_t len = resp_double_text(value, text);
    if (resp->version < 3) {
        resp_bulk(resp, text, len);
        return;
    }
    buffer_put_u8(resp->out, ',');
    buffer_put(resp->out, text, len);
    buffer_put(resp->out, "\r\n", 2);
}
