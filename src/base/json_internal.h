/*
 * What the JSON files share among themselves: the scanner, decimal numbers and UTF-8 steps.
 */
#ifndef KITH_BASE_JSON_INTERNAL_H
#define KITH_BASE_JSON_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"

/* A number's literal, taken apart: (-1)^negative * digits * 10^exponent, where `digits` holds the
 * first 19 significant ones and `truncated` says that a later one is not zero. */
struct decimal {
    const char *text; /* borrows: the literal */
    size_t len;
    uint64_t digits;
    int64_t exponent;
    int64_t literal_exponent; /* what stands behind the 'e' */
    bool negative;
    bool integer; /* neither point nor 'e' */
    bool truncated;
};

#define DECIMAL_DIGITS_MAX 19 /* 10^19 - 1 fits 64 bits */

/* Reads the literal at text. NULL, or what is wrong; *used is then the offset of the wrong byte. */
const char *decimal_scan(const char *text, size_t len, struct decimal *out, size_t *used);
/* The end of the literal without its value, when that is certainly a finite double: no exponent, up
 * to 300 digits. 0: decimal_scan has to look. */
size_t decimal_skip(const char *text, size_t len);
/* The nearest double, ties to even; infinite when too large. */
double decimal_to_double(const struct decimal *dec);
bool decimal_to_int(const struct decimal *dec, int64_t *out); /* false: not an int64 */

/* 10^k for k in [MIN, MAX] as 128 bits {high, low}, top bit set, rounded up:
 * 10^k <= g * 2^(floor(log2 10^k) - 127), and equal for 0 <= k <= 55. */
#define DECIMAL_POWER_MIN (-342)
#define DECIMAL_POWER_MAX 324
extern const uint64_t DECIMAL_POWERS[DECIMAL_POWER_MAX - DECIMAL_POWER_MIN + 1][2];

/* floor(log2(10^k)) for |k| <= 1233. */
static inline int decimal_log2_power(int k) { return (k * 1741647) >> 19; }

/* The scanner: a position in a text and what is wrong there, if anything. */
struct json_scan {
    const char *pos; /* borrows */
    const char *end;
    const char *problem; /* static text; NULL while all is well */
    bool has_escapes;    /* of the last string */
    unsigned depth;
    uint64_t object_bits[JSON_DEPTH_MAX / 64]; /* bit d: level d is an object */
};

void json_skip_blanks(struct json_scan *scan);
bool json_scan_string(struct json_scan *scan); /* from quote to behind the closing quote */
/* through ':' and blanks */
bool json_scan_key(struct json_scan *scan, const char **key, size_t *len);
/* value may be NULL: skip */
bool json_scan_value(struct json_scan *scan, struct json_value *value);

/* Bytes of the valid UTF-8 sequence at text (1 to 4), 0 when there is none. */
size_t utf8_sequence(const char *text, size_t left);
size_t utf8_valid_prefix(const char *text, size_t len); /* len when all is valid */
size_t utf8_encode(uint32_t code_point, char out[4]);

#endif
