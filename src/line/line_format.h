/*
 * How values look in a reply of the line protocol.
 */
#ifndef KITH_LINE_LINE_FORMAT_H
#define KITH_LINE_LINE_FORMAT_H

#include "cache/cache.h"

/* A JSON string with its quotes. Escapes, exactly: " \ LF CR HT BS FF by letter, other bytes below
 * 0x20 and < > & U+2028 U+2029 as \u00xx in lower case, each byte that is no UTF-8 as \ufffd. */
void line_put_json(struct buffer *out, struct kith_str text);
/* The bytes; with `escapes` \n, \r and \\ for LF, CR and backslash. */
void line_put_text(struct buffer *out, struct kith_str text, bool escapes);
/* "[a b]"; a list. */
struct list;
void line_put_list(struct buffer *out, const struct list *list, bool escapes);
/* ["a","b"] */
void line_put_json_list(struct buffer *out, const struct list *list);
/* {"a":"1","b":"2"}, the keys in the order of their bytes. KITH_ENOMEM. */
struct hash;
KITH_NODISCARD int line_put_hash(struct buffer *out, const struct hash *hash);

#endif
