/*
 * Files of Ant-Cache, read: snapshots (ATD, already unpacked from gzip) and append logs (ACL). Both
 * are untrusted; nothing is written in these formats.
 *
 * ATD, big-endian:
 *   header  "ANTC" | u8 version = 1 | i64 Unix seconds of the save
 *   item    01 | u16 key length | key | value | i64 expiry (Unix nanoseconds, 0: none)
 *   value   01 | u32 length | bytes                              a string
 *           02 | u16 n | n of (u16 length | bytes)               an array
 *           03 | u16 n | n of (u16 length | key | u16 length | value)   an object
 *   end     FF
 *
 * ACL, text: "unixnano|TYPE|key|value|ttl_ns\n". Keys and values may hold '|': the first two fields
 * and the last are found by their place, and a middle with more than one '|' is ambiguous.
 */
#ifndef KITH_LINE_ANT_FILES_H
#define KITH_LINE_ANT_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kith/types.h>

#include "base/error.h"

enum ant_kind_of_value { ANT_STRING = 1, ANT_ARRAY, ANT_OBJECT };

struct ant_item { /* borrows from the file, for the call */
    enum ant_kind_of_value kind;
    struct kith_str key;
    const struct kith_str *words; /* one of a string; name and value in turn of an object */
    size_t count;
    int64_t expiry_ns; /* Unix; 0: none */
};
struct ant_sink {
    int (*item)(void *ctx, const struct ant_item *item); /* negative: stops, and is returned */
    void *ctx;
};
/* Gives all items. KITH_ECORRUPT names the offset: a missing end means a file that was cut off, and
 * the items before were given. */
KITH_NODISCARD int ant_atd_read(const void *data, size_t len, const struct ant_sink *sink,
                                int64_t *saved_s, struct kith_error *err);

enum ant_change_kind { ANT_PUT, ANT_PUT_NEW, ANT_REMOVE };
struct ant_change { /* borrows from the line */
    enum ant_change_kind kind;
    enum ant_kind_of_value value_kind;
    int64_t unix_ns, ttl_ns;
    struct kith_str key, value; /* the value without its brackets */
};
enum ant_line { ANT_LINE_GOOD, ANT_LINE_AMBIGUOUS, ANT_LINE_BAD };
/* A line without its LF. first_bar: an ambiguous one is split at the first '|' of its middle. */
enum ant_line ant_acl_line(const char *line, size_t len, bool first_bar, struct ant_change *out);

#endif
