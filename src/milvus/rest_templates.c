/*
 * exprParams: values for the {names} of a filter, as a map of TemplateValue.
 *
 * Whole numbers are int64, others double. A list of one kind is a list of that kind, whole numbers
 * beside others are doubles, a list of lists is one of lists; what is mixed otherwise travels as
 * JSON texts, and its comparison is the filter's business.
 */
#include "milvus/rest.h"
#include "proto/wire.h"

enum { NESTING_MAX = 8 };

enum list_kind { LIST_BOOL = 1, LIST_LONG, LIST_DOUBLE, LIST_STRING, LIST_ARRAY, LIST_JSON };

static enum list_kind kind_of(const struct json_value *element)
{
    switch (element->kind) {
    case JSON_BOOL: return LIST_BOOL;
    case JSON_INT: return LIST_LONG;
    case JSON_DOUBLE: return LIST_DOUBLE;
    case JSON_STRING: return LIST_STRING;
    case JSON_ARRAY: return LIST_ARRAY;
    default: return LIST_JSON;
    }
}

static enum list_kind list_kind(const struct json_value *list)
{
    struct json_iter iter;
    struct json_value element;
    enum list_kind kind = 0;
    json_iter_init(&iter, list);
    while (json_iter_next(&iter, NULL, &element) == 1) {
        const enum list_kind next = kind_of(&element);
        const bool numbers = (kind == LIST_LONG && next == LIST_DOUBLE) ||
                             (kind == LIST_DOUBLE && next == LIST_LONG);
        if (kind == 0) kind = next;
        else if (numbers) kind = LIST_DOUBLE;
        else if (kind != next) kind = LIST_JSON;
    }
    return kind ? kind : LIST_LONG;
}

static void put_string(struct rest *rest, uint32_t number, const struct json_value *value,
                       struct buffer *out)
{
    if (!value->has_escapes) {
        wire_put_head(out, number, value->len - 2);
        buffer_put(out, value->text + 1, value->len - 2);
        return;
    }
    struct buffer text;
    buffer_init(&text);
    if (json_unescape(value, &text)) rest_no_memory(rest);
    wire_put_head(out, number, text.len);
    buffer_put(out, text.data, text.len);
    buffer_release(&text);
}

static bool put_list(struct rest *rest, const struct json_value *list, unsigned depth,
                     struct buffer *out);

static bool put_element(struct rest *rest, enum list_kind kind, const struct json_value *element,
                        unsigned depth, struct buffer *out)
{
    struct buffer inner;
    bool good;
    switch (kind) {
    case LIST_BOOL: buffer_put_u8(out, element->boolean); return true;
    case LIST_LONG: buffer_put_varint(out, (uint64_t)element->integer); return true;
    case LIST_DOUBLE: buffer_put_f64(out, element->number); return true;
    case LIST_STRING: put_string(rest, 1, element, out); return true;
    case LIST_JSON:
        wire_put_head(out, 1, element->len);
        buffer_put(out, element->text, element->len);
        return true;
    default: break;
    }
    buffer_init(&inner);
    good = put_list(rest, element, depth + 1, &inner);
    wire_put_head(out, 1, inner.len);
    buffer_put(out, inner.data, inner.len);
    buffer_release(&inner);
    return good;
}

/* A TemplateArrayValue. */
static bool put_list(struct rest *rest, const struct json_value *list, unsigned depth,
                     struct buffer *out)
{
    const enum list_kind kind = list_kind(list);
    struct buffer elements;
    struct json_iter iter;
    struct json_value element;
    bool good = depth < NESTING_MAX;
    buffer_init(&elements);
    json_iter_init(&iter, list);
    while (good && json_iter_next(&iter, NULL, &element) == 1)
        good = put_element(rest, kind, &element, depth, &elements);
    const bool packed = kind <= LIST_DOUBLE;
    wire_put_head(out, kind, packed ? wire_bytes_size(1, elements.len) : elements.len);
    if (packed) wire_put_head(out, 1, elements.len);
    buffer_put(out, elements.data, elements.len);
    good = good && !buffer_failed(&elements);
    buffer_release(&elements);
    return good;
}

/* A TemplateValue. Members of its oneof are written also when they are zero. */
static bool put_value(struct rest *rest, const struct json_value *value, struct buffer *out)
{
    struct buffer list;
    int64_t whole;
    bool good = true;
    switch (value->kind) {
    case JSON_BOOL:
        wire_put_tag(out, 1, WIRE_VARINT);
        buffer_put_u8(out, value->boolean);
        return true;
    case JSON_INT:
    case JSON_DOUBLE:
        if (rest_value_int(value, &whole)) {
            wire_put_tag(out, 2, WIRE_VARINT);
            buffer_put_varint(out, (uint64_t)whole);
        } else {
            wire_put_tag(out, 3, WIRE_FIXED64);
            buffer_put_f64(out, value->number);
        }
        return true;
    case JSON_STRING: put_string(rest, 4, value, out); return true;
    case JSON_ARRAY: break;
    default: return false;
    }
    buffer_init(&list);
    good = put_list(rest, value, 0, &list);
    wire_put_head(out, 5, list.len);
    buffer_put(out, list.data, list.len);
    buffer_release(&list);
    return good;
}

bool rest_templates(struct rest *rest, const struct json_value *params, uint32_t number,
                    struct buffer *out)
{
    struct json_iter iter;
    struct json_value key, value;
    struct buffer entry, inner;
    bool good = true;
    if (!params->text) return true;
    if (params->kind != JSON_OBJECT) {
        rest_fail(rest, MILVUS_INVALID, "exprParams is no object: invalid parameter");
        return false;
    }
    buffer_init(&entry);
    buffer_init(&inner);
    json_iter_init(&iter, params);
    while (good && json_iter_next(&iter, &key, &value) == 1) {
        buffer_clear(&entry);
        buffer_clear(&inner);
        put_string(rest, 1, &key, &entry);
        good = put_value(rest, &value, &inner);
        wire_put_head(&entry, 2, inner.len);
        buffer_put(&entry, inner.data, inner.len);
        wire_put_head(out, number, entry.len);
        buffer_put(out, entry.data, entry.len);
        good = good && !buffer_failed(&entry) && !buffer_failed(&inner);
    }
    buffer_release(&entry);
    buffer_release(&inner);
    if (!good)
        rest_fail(rest, MILVUS_INVALID, "exprParams: booleans, strings, numbers and lists of them: "
                  "invalid parameter");
    return !rest->failed;
}
