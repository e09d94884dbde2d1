/*
 * The attribute of an element of a vector set: a text that VGETATTR gives back as it came, with
 * the places of its top-level keys beside it, so that a filter looks at a key without parsing the
 * text.
 *
 * One allocation: header, entries, text, and strings that had to be decoded. \n, \r and \t are
 * decoded and every other escape loses its backslash, as in Redis (so "\u00e9" is u00e9); keys
 * stay as they stand. A text that is no JSON object (VSETATTR does not ask) has no entries and
 * every filter is false for it. Immutable: VSETATTR makes a new one, and the old one goes when no
 * search can look at it any more (vectors.c).
 */
#ifndef KITH_CACHE_VECTOR_ATTRIBUTE_H
#define KITH_CACHE_VECTOR_ATTRIBUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kith/types.h>

#include "cache/heap.h"

enum attribute_kind { /* of a top-level value */
    ATTRIBUTE_NUMBER,
    ATTRIBUTE_STRING,
    ATTRIBUTE_TRUE,
    ATTRIBUTE_FALSE,
    ATTRIBUTE_NULL,
    ATTRIBUTE_TUPLE, /* an array of the kinds above */
    ATTRIBUTE_OTHER  /* an object, an array of anything else */
};

struct attribute_entry {
    uint32_t key_at, key_len;  /* within the quotes, escapes as they stand */
    uint32_t value_at;         /* a string: within the quotes, or decoded behind the text */
    uint32_t value_len : 29;
    uint32_t kind : 3;
};

struct vector_attribute {
    struct vector_attribute *next; /* of those that wait to be freed (vectors.c) */
    uint32_t len;
    uint32_t entry_count;
    struct attribute_entry entries[]; /* then the text, then decoded strings */
};

#define ATTRIBUTE_BYTES_MAX ((UINT32_C(1) << 29) - 1)

/* KITH_ENOMEM; KITH_ELIMIT past ATTRIBUTE_BYTES_MAX. */
KITH_NODISCARD int vector_attribute_new(struct heap *heap, const char *text, size_t len,
                                        struct vector_attribute **out);

static inline const char *attribute_text(const struct vector_attribute *attribute)
{
    return (const char *)(attribute->entries + attribute->entry_count);
}

/* Decodes the inside of a JSON string; out has room for len bytes and may be the text itself.
 * Returns the length. */
size_t attribute_decode(const char *text, size_t len, char *out);

/* The first entry of this name; NULL: none. */
const struct attribute_entry *attribute_find(const struct vector_attribute *attribute,
                                             const char *name, size_t len);

#endif
