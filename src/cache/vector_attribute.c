/*
 * From a text to the places of its top-level keys. Two passes over the object: one counts, one
 * fills; the text was validated by the scanner before.
 */
#include "cache/vector_attribute.h"

#include <string.h>

#include "base/alloc.h"
#include "base/json.h"

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/* The text as one JSON object and blanks; false: anything else. */
static bool read_object(const char *text, size_t len, struct json_value *object)
{
    size_t used;
    if (json_read(text, len, object, &used, NULL) || object->kind != JSON_OBJECT) return false;
    while (used < len && is_blank(text[used])) used++;
    return used == len;
}

static bool is_tuple(const struct json_value *array)
{
    struct json_iter iter;
    struct json_value item;
    int rc;
    json_iter_init(&iter, array);
    while ((rc = json_iter_next(&iter, NULL, &item)) > 0) {
        if (item.kind == JSON_ARRAY || item.kind == JSON_OBJECT) return false;
    }
    return rc == 0;
}

static enum attribute_kind kind_of(const struct json_value *value)
{
    switch (value->kind) {
    case JSON_INT:
    case JSON_DOUBLE: return ATTRIBUTE_NUMBER;
    case JSON_STRING: return ATTRIBUTE_STRING;
    case JSON_BOOL: return value->boolean ? ATTRIBUTE_TRUE : ATTRIBUTE_FALSE;
    case JSON_NULL: return ATTRIBUTE_NULL;
    case JSON_ARRAY: return is_tuple(value) ? ATTRIBUTE_TUPLE : ATTRIBUTE_OTHER;
    case JSON_OBJECT: break;
    }
    return ATTRIBUTE_OTHER;
}

size_t attribute_decode(const char *text, size_t len, char *out)
{
    size_t written = 0;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == '\\' && i + 1 < len) {
            c = text[++i];
            c = c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c;
        }
        out[written++] = c;
    }
    return written;
}

struct shape {
    size_t keys;
    size_t decoded; /* bytes that decoded strings may take */
};

static struct shape count_keys(const struct json_value *object)
{
    struct json_iter iter;
    struct json_value key, value;
    struct shape shape = {0};
    json_iter_init(&iter, object);
    while (json_iter_next(&iter, &key, &value) > 0) {
        shape.keys++;
        if (value.kind == JSON_STRING && value.has_escapes) shape.decoded += value.len;
    }
    return shape;
}

/* Sets where the value is; one that has escapes is decoded to `spare` behind the text. */
static void fill_value(struct attribute_entry *entry, const struct json_value *value,
                       const char *text, char *own, uint32_t *spare)
{
    const unsigned quote = value->kind == JSON_STRING;
    size_t len = value->len - 2 * quote;
    entry->value_at = (uint32_t)(value->text + quote - text);
    entry->kind = (unsigned)kind_of(value) & 7;
    if (quote && value->has_escapes) {
        entry->value_at = *spare;
        len = attribute_decode(value->text + 1, len, own + *spare);
        *spare += (uint32_t)len;
    }
    entry->value_len = (uint32_t)len & ATTRIBUTE_BYTES_MAX;
}

static void fill(struct vector_attribute *attribute, const struct json_value *object,
                 const char *text)
{
    struct json_iter iter;
    struct json_value key, value;
    struct attribute_entry *entry = attribute->entries;
    char *own = (char *)(attribute->entries + attribute->entry_count);
    uint32_t spare = attribute->len;
    json_iter_init(&iter, object);
    while (json_iter_next(&iter, &key, &value) > 0) {
        entry->key_at = (uint32_t)(key.text + 1 - text);
        entry->key_len = (uint32_t)(key.len - 2);
        fill_value(entry++, &value, text, own, &spare);
    }
}

int vector_attribute_new(struct heap *heap, const char *text, size_t len,
                         struct vector_attribute **out)
{
    if (len > ATTRIBUTE_BYTES_MAX) return KITH_ELIMIT;
    struct json_value object;
    const bool valid = read_object(text, len, &object);
    const struct shape shape = valid ? count_keys(&object) : (struct shape){0};
    const size_t keys = shape.keys;
    size_t size;
    if (!size_mul(keys, sizeof(struct attribute_entry), &size) ||
        !size_add(size, sizeof(struct vector_attribute) + len + shape.decoded, &size)) {
        return KITH_ENOMEM;
    }
    struct vector_attribute *attribute = heap_alloc(heap, size);
    if (!attribute) return KITH_ENOMEM;
    attribute->len = (uint32_t)len;
    attribute->entry_count = (uint32_t)keys;
    if (len > 0) memcpy(attribute->entries + keys, text, len);
    if (valid) fill(attribute, &object, text);
    *out = attribute;
    return 0;
}

const struct attribute_entry *attribute_find(const struct vector_attribute *attribute,
                                             const char *name, size_t len)
{
    const char *text = attribute_text(attribute);
    for (uint32_t i = 0; i < attribute->entry_count; i++) {
        const struct attribute_entry *entry = &attribute->entries[i];
        if (entry->key_len == len && memcmp(text + entry->key_at, name, len) == 0) return entry;
    }
    return NULL;
}
