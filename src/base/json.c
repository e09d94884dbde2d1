/*
 * The JSON scanner (RFC 8259): one pass, no allocation, no recursion.
 *
 * Containers are walked with one bit a level (object or array) on a stack of JSON_DEPTH_MAX bits,
 * so a hostile text costs its length and nothing else. Strings are searched eight bytes at a time
 * for the three things that matter in them: a quote, a backslash, a control character. A number
 * outside the range of double is malformed: no value we could hand out would be true.
 *
 * Invariant: pos <= end, and nothing at or past end is read. On failure pos is the offending byte.
 */
#include "base/json.h"

#include <math.h>
#include <string.h>

#include "base/json_internal.h"

static bool fail(struct json_scan *scan, const char *problem)
{
    scan->problem = problem;
    return false;
}

static size_t left(const struct json_scan *scan) { return (size_t)(scan->end - scan->pos); }

/* The byte at pos, or 0 at the end; 0 is not part of any token. */
static char peek(const struct json_scan *scan) { return scan->pos < scan->end ? *scan->pos : 0; }

void json_skip_blanks(struct json_scan *scan)
{
    while (scan->pos < scan->end) {
        char c = *scan->pos;
        if (c != ' ' && c != '\n' && c != '\r' && c != '\t') break;
        scan->pos++;
    }
}

/* Mycroft's zero-byte test on the text xor each wanted byte; it may also flag the byte above a
 * match, never below it, and here any flag only means "look closer". */
static bool eight_are_plain(const char *text)
{
    const uint64_t ones = 0x0101010101010101ull;
    uint64_t word;
    memcpy(&word, text, sizeof word);
    uint64_t quote = word ^ (ones * '"');
    uint64_t slash = word ^ (ones * '\\');
    uint64_t hit = ((quote - ones) & ~quote) | ((slash - ones) & ~slash) |
                   ((word - ones * 0x20) & ~word);
    return (hit & (ones * 0x80)) == 0;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool scan_escape(struct json_scan *scan)
{
    scan->has_escapes = true;
    scan->pos++;
    char c = peek(scan);
    if (c == 0 || !strchr("\"\\/bfnrtu", c)) return fail(scan, "unknown escape");
    scan->pos++;
    if (c != 'u') return true;
    for (int i = 0; i < 4; i++, scan->pos++) {
        if (!is_hex(peek(scan))) return fail(scan, "\\u needs four hexadecimal digits");
    }
    return true;
}

bool json_scan_string(struct json_scan *scan)
{
    scan->has_escapes = false;
    if (peek(scan) != '"') return fail(scan, "a string is expected here");
    scan->pos++;
    for (;;) {
        while (left(scan) >= 8 && eight_are_plain(scan->pos)) scan->pos += 8;
        if (scan->pos == scan->end) return fail(scan, "the string has no end");
        uint8_t c = (uint8_t)*scan->pos;
        if (c == '"') break;
        if (c < 0x20) return fail(scan, "a control character must be escaped");
        if (c != '\\') {
            scan->pos++;
        } else if (!scan_escape(scan)) {
            return false;
        }
    }
    scan->pos++;
    return true;
}

static bool scan_word(struct json_scan *scan, const char *word, size_t len)
{
    if (left(scan) < len || memcmp(scan->pos, word, len) != 0) return fail(scan, "unknown word");
    scan->pos += len;
    return true;
}

/* Converting is left out when nobody wants the number and it cannot be out of range. */
static bool scan_number(struct json_scan *scan, struct json_value *value)
{
    struct decimal dec;
    size_t used = value ? 0 : decimal_skip(scan->pos, left(scan));
    if (used) {
        scan->pos += used;
        return true;
    }
    const char *problem = decimal_scan(scan->pos, left(scan), &dec, &used);
    const char *start = scan->pos;
    scan->pos += used;
    if (problem) return fail(scan, problem);
    if (!value && dec.exponent < 308 - DECIMAL_DIGITS_MAX) return true;
    int64_t integer = 0;
    bool exact = decimal_to_int(&dec, &integer);
    double number = decimal_to_double(&dec);
    if (isinf(number)) {
        scan->pos = start;
        return fail(scan, "the number is too large for a double");
    }
    if (!value) return true;
    value->kind = exact ? JSON_INT : JSON_DOUBLE;
    value->integer = integer;
    value->number = number;
    return true;
}

static bool scan_bool(struct json_scan *scan, struct json_value *value, bool boolean)
{
    if (value) {
        value->kind = JSON_BOOL;
        value->boolean = boolean;
    }
    return boolean ? scan_word(scan, "true", 4) : scan_word(scan, "false", 5);
}

static bool scan_scalar(struct json_scan *scan, struct json_value *value)
{
    char c = peek(scan);
    if (c == '"') {
        if (!json_scan_string(scan)) return false;
        if (value) {
            value->kind = JSON_STRING;
            value->has_escapes = scan->has_escapes;
        }
        return true;
    }
    if (c == '-' || (c >= '0' && c <= '9')) return scan_number(scan, value);
    if (c == 't' || c == 'f') return scan_bool(scan, value, c == 't');
    if (c == 'n') return scan_word(scan, "null", 4); /* a cleared value is null */
    return fail(scan, left(scan) ? "a value is expected here" : "the text ends before a value");
}

static bool in_object(const struct json_scan *scan)
{
    unsigned level = scan->depth - 1;
    return scan->object_bits[level / 64] >> (level % 64) & 1;
}

static bool push_level(struct json_scan *scan, bool object)
{
    if (scan->depth == JSON_DEPTH_MAX) return fail(scan, "nested too deeply");
    unsigned level = scan->depth++;
    uint64_t bit = 1ull << (level % 64);
    scan->object_bits[level / 64] &= ~bit;
    if (object) scan->object_bits[level / 64] |= bit;
    return true;
}

bool json_scan_key(struct json_scan *scan, const char **key, size_t *len)
{
    *key = scan->pos;
    if (!json_scan_string(scan)) return false;
    *len = (size_t)(scan->pos - *key);
    json_skip_blanks(scan);
    if (peek(scan) != ':') return fail(scan, "':' is expected after a key");
    scan->pos++;
    json_skip_blanks(scan);
    return true;
}

static bool skip_key(struct json_scan *scan)
{
    const char *key;
    size_t len;
    return json_scan_key(scan, &key, &len);
}

/* Enters a container; *empty when it was closed at once. */
static bool open_level(struct json_scan *scan, bool *empty)
{
    bool object = *scan->pos == '{';
    if (!push_level(scan, object)) return false;
    scan->pos++;
    json_skip_blanks(scan);
    *empty = peek(scan) == (object ? '}' : ']');
    if (*empty) {
        scan->pos++;
        scan->depth--;
        return true;
    }
    return !object || skip_key(scan);
}

/* After a member: closes as many levels as end here, or goes to the next member's value. */
static bool close_levels(struct json_scan *scan, unsigned floor)
{
    while (scan->depth > floor) {
        bool object = in_object(scan);
        json_skip_blanks(scan);
        char c = peek(scan);
        if (c == ',') {
            scan->pos++;
            json_skip_blanks(scan);
            return !object || skip_key(scan);
        }
        if (c != (object ? '}' : ']')) {
            return fail(scan, object ? "expected ',' or '}' here" : "expected ',' or ']' here");
        }
        scan->pos++;
        scan->depth--;
    }
    return true;
}

static bool skip_container(struct json_scan *scan)
{
    unsigned floor = scan->depth;
    do {
        char c = peek(scan);
        bool empty = true;
        if (c == '[' || c == '{') {
            if (!open_level(scan, &empty)) return false;
        } else if (!scan_scalar(scan, NULL)) {
            return false;
        }
        if (empty && !close_levels(scan, floor)) return false;
    } while (scan->depth > floor);
    return true;
}

bool json_scan_value(struct json_scan *scan, struct json_value *value)
{
    const char *start = scan->pos;
    char c = peek(scan);
    bool container = c == '[' || c == '{';
    if (value) *value = (struct json_value){.kind = JSON_NULL};
    if (!(container ? skip_container(scan) : scan_scalar(scan, value))) return false;
    if (!value) return true;
    if (container) value->kind = c == '{' ? JSON_OBJECT : JSON_ARRAY;
    value->text = start;
    value->len = (size_t)(scan->pos - start);
    return true;
}

static int malformed(struct kith_error *err, const char *text, const struct json_scan *scan)
{
    uint64_t offset = (uint64_t)(scan->pos - text);
    return error_set_at(err, KITH_EINVAL, offset, "malformed JSON at byte %llu: %s",
                        (unsigned long long)offset, scan->problem);
}

int json_read(const char *text, size_t len, struct json_value *value, size_t *used,
              struct kith_error *err)
{
    if (!text) text = "";
    struct json_scan scan = {.pos = text, .end = text + len};
    struct json_value found;
    json_skip_blanks(&scan);
    if (!json_scan_value(&scan, &found)) return malformed(err, text, &scan);
    *value = found;
    *used = (size_t)(scan.pos - text);
    return 0;
}

int json_validate(const char *text, size_t len, struct kith_error *err)
{
    if (!text) text = "";
    struct json_scan scan = {.pos = text, .end = text + len};
    json_skip_blanks(&scan);
    if (!json_scan_value(&scan, NULL)) return malformed(err, text, &scan);
    json_skip_blanks(&scan);
    if (scan.pos != scan.end) {
        scan.problem = "only one value is allowed; the text goes on after it";
        return malformed(err, text, &scan);
    }
    size_t valid = utf8_valid_prefix(text, len);
    if (valid == len) return 0;
    scan.pos = text + valid;
    scan.problem = "the text is not valid UTF-8";
    return malformed(err, text, &scan);
}
