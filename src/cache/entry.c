/*
 * Reading and writing the bytes of an entry (entry.h has their order).
 *
 * Whatever changes the form of an entry takes it apart, changes the parts and makes a new one; a
 * write that leaves the key where it is and fits the block is done in place.
 */
#include "cache/entry.h"

#include "base/alloc.h"
#include "cache/cache_internal.h"
#include "cache/deflate.h"

static void *pointer_get(const uint8_t *from)
{
    void *value;
    memcpy(&value, from, sizeof value);
    return value;
}

static const uint8_t *value_place(const struct entry *entry)
{
    struct kith_str key = entry_key_of(entry);
    return (const uint8_t *)key.data + key.len;
}

static size_t integer_width(const struct entry *entry)
{
    return (size_t)1 << (entry->form >> 3 & 3);
}

static int64_t integer_get(const struct entry *entry)
{
    unsigned unused = 64 - 8 * (unsigned)integer_width(entry);
    uint64_t bits = bytes_get(value_place(entry), integer_width(entry));
    return (int64_t)(bits << unused) >> unused;
}

/* ---- reading ---- */

enum value_type entry_type(const struct entry *entry)
{
    return entry_type_of(entry);
}

struct kith_str entry_key(const struct entry *entry)
{
    return entry_key_of(entry);
}

int64_t entry_filed(const struct entry *entry)
{
    size_t width = entry_deadline_width(entry);
    if (width == 0) return ENTRY_UNFILED;
    return (int64_t)bytes_get(entry->rest + entry_deadline_at(entry), width);
}

int64_t entry_deadline(const struct entry *entry)
{
    return entry_is_live(entry) ? entry_filed(entry) : CACHE_NO_DEADLINE;
}

static size_t fields_at(const struct entry *entry)
{
    return entry_deadline_at(entry) + entry_deadline_width(entry);
}

int64_t entry_fields_filed(const struct entry *entry)
{
    if (entry_type_of(entry) != VALUE_HASH) return ENTRY_UNFILED;
    return (int64_t)bytes_get(entry->rest + fields_at(entry), 6);
}

void entry_set_fields_filed(struct entry *entry, int64_t unix_ms)
{
    bytes_put(entry->rest + fields_at(entry), (uint64_t)unix_ms, 6);
}

void *entry_value(const struct entry *entry)
{
    return pointer_get(value_place(entry));
}

void entry_set_value(struct entry *entry, void *value)
{
    uint8_t *place = entry->rest + entry_key_at(entry) + entry_key_of(entry).len;
    memcpy(place, &value, sizeof value);
}

void entry_set_raw(struct entry *entry)
{
    entry->form |= 1 << 5;
}

char *entry_inline_bytes(struct entry *entry)
{
    return (char *)entry->rest + entry_key_at(entry) + entry_key_of(entry).len;
}

static struct kith_str inline_text(const struct entry *entry)
{
    const uint8_t *at = entry->rest + entry_key_width(entry);
    const size_t len = entry_text_width(entry) == 1 ? *at : (size_t)bytes_get(at, 2);
    return (struct kith_str){(const char *)value_place(entry), len};
}

size_t text_of_integer(int64_t value, char out[ENTRY_TEXT_MAX])
{
    char digits[ENTRY_TEXT_MAX];
    size_t count = 0;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        digits[count++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    size_t len = 0;
    if (value < 0) out[len++] = '-';
    while (count) out[len++] = digits[--count];
    return len;
}

struct kith_str entry_text(const struct entry *entry, char scratch[ENTRY_TEXT_MAX])
{
    if (entry_text_kind(entry) == TEXT_INLINE) return inline_text(entry);
    if (entry_text_kind(entry) == TEXT_INTEGER)
        return (struct kith_str){scratch, text_of_integer(integer_get(entry), scratch)};
    if (entry_text_kind(entry) == TEXT_DEFLATED) return inflated_text(entry_value(entry));
    const struct long_text *text = entry_value(entry);
    return (struct kith_str){text->data, text->len};
}

bool text_is_integer(struct kith_str text, int64_t *out)
{
    bool negative = text.len > 0 && text.data[0] == '-';
    size_t at = negative;
    if (text.len == at || text.len - at > 19) return false;
    if (text.data[at] == '0' && (text.len > 1)) return false;
    uint64_t value = 0;
    for (; at < text.len; at++) {
        if (text.data[at] < '0' || text.data[at] > '9') return false;
        value = value * 10 + (uint64_t)(text.data[at] - '0');
    }
    if (value > (uint64_t)INT64_MAX + negative) return false;
    *out = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

bool entry_integer(const struct entry *entry, int64_t *out)
{
    if (entry_text_kind(entry) == TEXT_INTEGER) {
        *out = integer_get(entry);
        return true;
    }
    if (entry_text_kind(entry) == TEXT_DEFLATED) return false; /* too long */
    char scratch[ENTRY_TEXT_MAX];
    return text_is_integer(entry_text(entry, scratch), out);
}

const char *entry_encoding(const struct cache *cache, const struct entry *entry)
{
    if (entry_type_of(entry) != VALUE_STRING) {
        return value_of_type(entry_type_of(entry))
            ->encoding(&cache->settings, entry_value(entry));
    }
    if (entry_text_kind(entry) == TEXT_INTEGER) return "int";
    if (entry_text_kind(entry) == TEXT_DEFLATED) return "raw";
    char scratch[ENTRY_TEXT_MAX];
    bool brief = entry_text(entry, scratch).len <= 44;
    return brief && !entry_is_raw(entry) ? "embstr" : "raw";
}

size_t entry_bytes(const struct entry *entry)
{
    const size_t table_share = 14;
    size_t bytes = heap_size(entry) + table_share;
    if (entry_is_live(entry)) bytes += sizeof(uint32_t);
    if (entry_type_of(entry) != VALUE_STRING)
        return bytes + value_of_type(entry_type_of(entry))->bytes(entry_value(entry));
    const bool block = text_kind_is_block(entry_text_kind(entry));
    return block ? bytes + heap_size(entry_value(entry)) : bytes;
}

/* ---- making ---- */

void entry_parts_get(const struct entry *entry, struct entry_parts *out)
{
    memset(out, 0, sizeof *out);
    out->type = entry_type_of(entry);
    out->key = entry_key_of(entry);
    out->filed = entry_filed(entry);
    out->live = entry_is_live(entry);
    out->fields_filed = entry_fields_filed(entry);
    out->mark = entry_mark(entry);
    out->raw = entry_is_raw(entry);
    out->text_kind = entry_text_kind(entry);
    if (out->type != VALUE_STRING || text_kind_is_block(out->text_kind)) {
        out->value = entry_value(entry);
    } else if (out->text_kind == TEXT_INLINE) {
        out->text = inline_text(entry);
    } else {
        out->integer = integer_get(entry);
    }
}

static unsigned integer_width_log2(int64_t value)
{
    if (value == (int8_t)value) return 0;
    if (value == (int16_t)value) return 1;
    return value == (int32_t)value ? 2 : 3;
}

static enum deadline_form deadline_form_of(const struct entry_parts *parts)
{
    if (!parts->live && parts->filed == ENTRY_UNFILED) return DEADLINE_NONE;
    return parts->filed >= 0 && parts->filed < ENTRY_UNFILED ? DEADLINE_SHORT : DEADLINE_WIDE;
}

/* The two bytes that say how long all the others are. */
static void put_form(struct entry *entry, const struct entry_parts *parts)
{
    bool string = parts->type == VALUE_STRING;
    unsigned key = parts->key.len <= 0xff ? 0 : parts->key.len <= 0xffff ? 1 : 2;
    unsigned wide_text = string && parts->text_kind == TEXT_INLINE && parts->text.len > 0xff;
    unsigned integer = string && parts->text_kind == TEXT_INTEGER
                           ? integer_width_log2(parts->integer)
                           : 0;
    unsigned kind = string ? (unsigned)parts->text_kind : 0;
    entry->kind = (uint8_t)((unsigned)parts->type | kind << 3 |
                            (unsigned)deadline_form_of(parts) << 5 | (unsigned)parts->live << 7);
    entry->form = (uint8_t)(key | wide_text << 2 | integer << 3 | (unsigned)parts->raw << 5);
}

static size_t value_bytes(const struct entry *entry, const struct entry_parts *parts)
{
    if (parts->type != VALUE_STRING || text_kind_is_block(parts->text_kind))
        return sizeof(void *);
    return parts->text_kind == TEXT_INLINE ? parts->text.len : integer_width(entry);
}

static size_t formed_bytes(const struct entry *form, const struct entry_parts *parts)
{
    return sizeof(struct entry) + entry_key_at(form) + parts->key.len + value_bytes(form, parts);
}

size_t entry_parts_bytes(const struct entry_parts *parts)
{
    struct entry form;
    put_form(&form, parts);
    return formed_bytes(&form, parts);
}

static void put_value(struct entry *entry, const struct entry_parts *parts)
{
    uint8_t *place = entry->rest + entry_key_at(entry) + parts->key.len;
    if (parts->type != VALUE_STRING || text_kind_is_block(parts->text_kind)) {
        memcpy(place, &parts->value, sizeof parts->value);
    } else if (parts->text_kind == TEXT_INTEGER) {
        bytes_put(place, (uint64_t)parts->integer, integer_width(entry));
    } else if (parts->text.len > 0) {
        memmove(place, parts->text.data, parts->text.len);
    }
}

static void put_lengths(struct entry *entry, const struct entry_parts *parts)
{
    entry_set_mark(entry, parts->mark);
    bytes_put(entry->rest, parts->key.len, entry_key_width(entry));
    bytes_put(entry->rest + entry_key_width(entry), parts->text.len, entry_text_width(entry));
    bytes_put(entry->rest + entry_deadline_at(entry), (uint64_t)parts->filed,
              entry_deadline_width(entry));
    if (parts->type == VALUE_HASH) entry_set_fields_filed(entry, parts->fields_filed);
}

struct entry *entry_make(struct heap *heap, const struct entry_parts *parts)
{
    struct entry form;
    put_form(&form, parts);
    struct entry *entry = heap_alloc(heap, formed_bytes(&form, parts));
    if (!entry) return NULL;
    entry->kind = form.kind;
    entry->form = form.form;
    put_lengths(entry, parts);
    if (parts->key.len > 0)
        memcpy(entry->rest + entry_key_at(entry), parts->key.data, parts->key.len);
    put_value(entry, parts);
    return entry;
}

bool entry_remake(struct entry *entry, const struct entry_parts *parts)
{
    struct entry form;
    put_form(&form, parts);
    size_t bytes = formed_bytes(&form, parts);
    size_t room = heap_room(entry);
    if (entry_key_at(&form) != entry_key_at(entry) || bytes > room) return false;
    if (room > 64 && bytes < room / 2) return false; /* let the rest of the block go */
    entry->kind = form.kind;
    entry->form = (uint8_t)(form.form | (entry->form & 0x40u));
    put_lengths(entry, parts);
    put_value(entry, parts);
    return true;
}

bool entry_put_text(struct entry *entry, struct kith_str text, bool raw)
{
    const size_t width = entry_text_width(entry);
    if (width != (text.len < 256 ? 1u : 2u) || text.len > ENTRY_INLINE_MAX) return false;
    uint8_t *len = entry->rest + entry_key_width(entry);
    char *place = entry_inline_bytes(entry);
    if (bytes_get(len, width) != text.len) {
        const size_t bytes = (size_t)(place - (char *)entry) + text.len;
        const size_t room = heap_room(entry);
        if (bytes > room || (room > 64 && bytes < room / 2)) return false;
        bytes_put(len, text.len, width);
    }
    if (text.len) memcpy(place, text.data, text.len);
    entry->form = (uint8_t)((entry->form & ~0x20u) | (unsigned)raw << 5);
    return true;
}

bool entry_put_deadline(struct entry *entry, int64_t unix_ms, bool live)
{
    size_t width = entry_deadline_width(entry);
    bool fits = width == 8 || (width == 6 && unix_ms >= 0 && unix_ms <= ENTRY_UNFILED);
    if (!fits) return false;
    bytes_put(entry->rest + entry_deadline_at(entry), (uint64_t)unix_ms, width);
    entry->kind = (uint8_t)((entry->kind & 0x7f) | (unsigned)live << 7);
    return true;
}

struct long_text *long_text_new(struct heap *heap, size_t len, size_t room)
{
    size_t bytes;
    if (!size_add(room, sizeof(struct long_text), &bytes)) return NULL;
    struct long_text *text = heap_alloc(heap, bytes);
    if (text) text->len = len;
    return text;
}

int entry_parts_text(struct heap *heap, struct entry_parts *parts, struct kith_str text)
{
    parts->type = VALUE_STRING;
    parts->text = (struct kith_str){0};
    if (text.len <= ENTRY_INLINE_MAX) {
        parts->text_kind = TEXT_INLINE;
        parts->text = text;
        return 0;
    }
    struct long_text *block = long_text_new(heap, text.len, text.len);
    if (!block) return KITH_ENOMEM;
    memcpy(block->data, text.data, text.len);
    parts->text_kind = TEXT_LONG;
    parts->value = block;
    return 0;
}
