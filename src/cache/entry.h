/*
 * An entry: a key with its value, in as few bytes as can be. One allocation without padding:
 *
 *     OFFSET SIZE     MEANING
 *     0      1        type (3 bits), how a string is kept (2), size of the deadline (2), is it live
 *     1      1        bytes of the key's length (2 bits), of the string's (1), of the integer (2),
 *                     "raw" (1), seen by the snapshot (1; cache_mark)
 *     2      3        the access mark: time or frequency (evict.h)
 *     5      1|2|4    length of the key
 *            1|2      length of the string, if it stands in the entry
 *            0|6|8    deadline, Unix ms
 *            6        of hashes: when the wheel will look at its fields
 *            n        the key
 *            m        the string; or its integer in 1, 2, 4 or 8 bytes, little-endian; or the
 *                     address of a value, of a long string or of a compressed one (deflate.h)
 *
 * 16 bytes of key and 32 of value are 55, with a deadline 61: one block of 64.
 *
 * The deadline's bytes have two lives. While it is live it is the key's deadline. When a key loses
 * its deadline the bytes stay, because the wheel still has a record for that time: a new deadline
 * that is not earlier needs no second record (wheel.c). ENTRY_UNFILED: the wheel has none.
 *
 * The size of an entry may differ from what its form needs: it is never less.
 */
#ifndef KITH_CACHE_ENTRY_H
#define KITH_CACHE_ENTRY_H

#include <string.h>

#include "cache/cache.h"

enum text_kind { TEXT_INLINE, TEXT_INTEGER, TEXT_LONG, TEXT_DEFLATED };
enum deadline_form { DEADLINE_NONE, DEADLINE_SHORT, DEADLINE_WIDE };

#define ENTRY_INLINE_MAX 512u /* longer strings have a block of their own */
#define ENTRY_UNFILED ((INT64_C(1) << 48) - 1)
#define ENTRY_MARK_MAX ((1u << 24) - 1)

struct entry {
    uint8_t kind;
    uint8_t form;
    uint8_t mark[3];
    uint8_t rest[];
};

struct long_text { /* a string outside of its entry */
    size_t len;
    char data[]; /* room: heap_room - sizeof */
};

/* All that an entry says, taken apart. */
struct entry_parts {
    enum value_type type;
    struct kith_str key;
    int64_t filed;         /* the deadline, live or not; ENTRY_UNFILED: none */
    bool live;
    int64_t fields_filed;  /* of hashes; ENTRY_UNFILED: none */
    uint32_t mark;
    bool raw;              /* strings from here on */
    enum text_kind text_kind;
    struct kith_str text;  /* TEXT_INLINE */
    int64_t integer;       /* TEXT_INTEGER */
    void *value;           /* other types, TEXT_LONG (struct long_text), TEXT_DEFLATED */
};

static inline enum value_type entry_type_of(const struct entry *entry)
{
    return (enum value_type)(entry->kind & 7);
}
static inline enum text_kind entry_text_kind(const struct entry *entry)
{
    return (enum text_kind)(entry->kind >> 3 & 3);
}
/* Whether the bytes of a string are in a block of their own. */
static inline bool text_kind_is_block(enum text_kind kind)
{
    return kind == TEXT_LONG || kind == TEXT_DEFLATED;
}
static inline enum deadline_form entry_deadline_form(const struct entry *entry)
{
    return (enum deadline_form)(entry->kind >> 5 & 3);
}
static inline bool entry_is_live(const struct entry *entry) /* has a deadline */
{
    return entry->kind >> 7;
}
static inline bool entry_is_raw(const struct entry *entry)
{
    return entry->form >> 5 & 1;
}
static inline bool entry_epoch(const struct entry *entry)
{
    return entry->form >> 6 & 1;
}
static inline void entry_set_epoch(struct entry *entry, bool epoch)
{
    entry->form = (uint8_t)((entry->form & ~0x40u) | (unsigned)epoch << 6);
}
static inline size_t entry_key_width(const struct entry *entry)
{
    return (size_t)1 << (entry->form & 3);
}
static inline size_t entry_text_width(const struct entry *entry)
{
    bool inside = entry_type_of(entry) == VALUE_STRING && entry_text_kind(entry) == TEXT_INLINE;
    return inside ? (size_t)1 + (entry->form >> 2 & 1) : 0;
}
static inline size_t entry_deadline_at(const struct entry *entry) /* an offset into rest */
{
    return entry_key_width(entry) + entry_text_width(entry);
}
static inline size_t entry_deadline_width(const struct entry *entry)
{
    return 0x00080600u >> (8 * entry_deadline_form(entry)) & 0xff;
}
static inline size_t entry_key_at(const struct entry *entry)
{
    if (entry->kind == 0) /* as most: a string that stands in it, and nothing else */
        return entry_key_width(entry) + 1 + (entry->form >> 2 & 1);
    size_t fields = entry_type_of(entry) == VALUE_HASH ? 6 : 0;
    return entry_deadline_at(entry) + entry_deadline_width(entry) + fields;
}
static inline uint64_t bytes_get(const uint8_t *from, size_t width) /* little-endian */
{
    uint64_t value = 0;
    memcpy(&value, from, width);
    return value;
}
static inline void bytes_put(uint8_t *to, uint64_t value, size_t width)
{
    memcpy(to, &value, width);
}
static inline struct kith_str entry_key_of(const struct entry *entry)
{
    size_t width = entry_key_width(entry);
    size_t len = width == 1 ? entry->rest[0] : (size_t)bytes_get(entry->rest, width);
    return (struct kith_str){(const char *)entry->rest + entry_key_at(entry), len};
}
/* For dict_find_by. */
static inline struct kith_str entry_key_in_dict(const void *element)
{
    return entry_key_of(element);
}
static inline uint32_t entry_mark(const struct entry *entry)
{
    return entry->mark[0] | (uint32_t)entry->mark[1] << 8 | (uint32_t)entry->mark[2] << 16;
}
static inline void entry_set_mark(struct entry *entry, uint32_t mark)
{
    entry->mark[0] = (uint8_t)mark;
    entry->mark[1] = (uint8_t)(mark >> 8);
    entry->mark[2] = (uint8_t)(mark >> 16);
}

int64_t entry_filed(const struct entry *entry); /* ENTRY_UNFILED: none */
int64_t entry_fields_filed(const struct entry *entry);
void entry_set_fields_filed(struct entry *entry, int64_t unix_ms);
/* Writes the deadline where there is room for it. */
bool entry_put_deadline(struct entry *entry, int64_t unix_ms, bool live);
void entry_set_value(struct entry *entry, void *value); /* of the same kind as before */
void entry_set_raw(struct entry *entry);
/* Another text for an entry that holds one, where it stands: as many bytes of length and no block
 * that is much too large. Nothing but the text changes. */
bool entry_put_text(struct entry *entry, struct kith_str text, bool raw);
char *entry_inline_bytes(struct entry *entry);
void entry_parts_get(const struct entry *entry, struct entry_parts *out);
/* Bytes that the parts need. */
size_t entry_parts_bytes(const struct entry_parts *parts);
/* NULL: no memory. The address in parts.value is taken over by the entry, its bytes are not
 * touched. */
struct entry *entry_make(struct heap *heap, const struct entry_parts *parts);
/* Rewrites an entry in its own block, if what changes is behind the key and the block has room; the
 * parts' key must be the entry's own, its text may not be. */
bool entry_remake(struct entry *entry, const struct entry_parts *parts);
/* The new text of a string: kind, text, integer and value of the parts. A long text is
 * allocated. */
KITH_NODISCARD int entry_parts_text(struct heap *heap, struct entry_parts *parts,
                                    struct kith_str text);
struct long_text *long_text_new(struct heap *heap, size_t len, size_t room);
/* The canonical text of an int64: no '+', no leading zero, no "-0". */
bool text_is_integer(struct kith_str text, int64_t *out);
size_t text_of_integer(int64_t value, char out[ENTRY_TEXT_MAX]); /* its length */

#endif
