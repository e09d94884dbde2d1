/*
 * JSON (RFC 8259): a pull scanner that allocates nothing, path look-up in a text, and a writer.
 *
 * The scanner is the hot path of filters over JSON fields, which is why it is ours: it walks the
 * text once and hands out borrowed slices. Depth is bounded by JSON_DEPTH_MAX. Strings come out
 * escaped as they stand; json_unescape() decodes. Numbers: an integer literal that fits int64 is
 * exact (JSON_INT); every other number is a double (JSON_DOUBLE).
 */
#ifndef KITH_BASE_JSON_H
#define KITH_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

#define JSON_DEPTH_MAX 128

enum json_kind {
    JSON_NULL, JSON_BOOL, JSON_INT, JSON_DOUBLE, JSON_STRING, JSON_ARRAY, JSON_OBJECT
};

struct json_value {
    enum json_kind kind;
    const char *text; /* borrows: the value's whole text, with quotes or brackets */
    size_t len;
    bool boolean;
    int64_t integer;
    double number;     /* for JSON_INT too */
    bool has_escapes;  /* JSON_STRING only */
};

/* Reads one value that starts at text (after blanks) and sets *used to the bytes consumed.
 * Containers are skipped over and validated. KITH_EINVAL with the offset on malformed input. */
KITH_NODISCARD int json_read(const char *text, size_t len, struct json_value *value, size_t *used,
                             struct kith_error *err);
/* The text holds exactly one valid value and blanks, in valid UTF-8. */
KITH_NODISCARD int json_validate(const char *text, size_t len, struct kith_error *err);

/* Iteration over a container value from json_read. */
struct json_iter {
    const char *pos; /* borrows */
    const char *end;
    bool object;
    bool first;
};
void json_iter_init(struct json_iter *iter, const struct json_value *container);
/* 1: *value (and for objects *key, a JSON_STRING value) is the next member; 0: end; < 0:
 * malformed. */
int json_iter_next(struct json_iter *iter, struct json_value *key, struct json_value *value);

/* One step of a path: an object key (plain, unescaped) or an array index. */
struct json_step {
    const char *key; /* borrows; NULL: index */
    size_t key_len;
    size_t index;
};
/* Finds steps[0..count) below the root of text. KITH_ENOTFOUND when absent or of another shape. */
int json_find(const char *text, size_t len, const struct json_step *steps, size_t count,
              struct json_value *value);

/* Decodes a JSON_STRING value's escapes; appends UTF-8 to out. */
KITH_NODISCARD int json_unescape(const struct json_value *string, struct buffer *out);
/* String value equals bytes, decoding on the way; no allocation. */
bool json_string_equals(const struct json_value *string, const char *text, size_t len);

/* Appends text as a quoted, escaped JSON string. Invalid UTF-8 is replaced by U+FFFD. */
void json_write_string(struct buffer *out, const char *text, size_t len);
/* Appends the shortest text that reads back as the same double ("1e300", "0.1"); never NaN/Inf. */
void json_write_double(struct buffer *out, double value);
void json_write_float(struct buffer *out, float value);

/* UTF-8 check, shared by schema and import. */
bool utf8_valid(const char *text, size_t len);

#endif
