/*
 * Rows of JSON: the value at a path, and equality of JSON lists with constants.
 *
 * The text was validated when it was written; text that is not JSON after all (a damaged file)
 * has no values and so compares as unknown. Strings without escapes are compared where they lie.
 */
#include "query/filter_internal.h"

static bool json_at_path(const struct operand *operand, struct kith_str text,
                         struct json_value *out)
{
    size_t used;
    if (text.len == 0) return false;
    if (operand->step_count == 0) return json_read(text.data, text.len, out, &used, NULL) == 0;
    return json_find(text.data, text.len, operand->steps, operand->step_count, out) == 0;
}

static bool json_length(const struct json_value *list, int64_t *length)
{
    struct json_iter iter;
    struct json_value item;
    int rc;
    if (list->kind != JSON_ARRAY) return false;
    *length = 0;
    json_iter_init(&iter, list);
    while ((rc = json_iter_next(&iter, NULL, &item)) == 1) (*length)++;
    return rc == 0;
}

static bool string_value(const struct json_value *json, struct buffer *unescaped,
                         struct literal *out)
{
    *out = (struct literal){ .kind = LITERAL_STRING, .s = { json->text + 1, json->len - 2 } };
    if (!json->has_escapes) return true;
    buffer_clear(unescaped);
    if (json_unescape(json, unescaped) != 0) return false;
    out->s = (struct kith_str){ (const char *)unescaped->data, unescaped->len };
    return true;
}

/* false: an object, a list or null, which are no single value. */
static bool scalar_value(const struct json_value *json, struct buffer *unescaped,
                         struct literal *out)
{
    switch (json->kind) {
    case JSON_BOOL:
        *out = (struct literal){ .kind = LITERAL_BOOL, .boolean = json->boolean };
        return true;
    case JSON_INT:
        *out = (struct literal){ .kind = LITERAL_INT, .integer = json->integer,
                                 .number = json->number };
        return true;
    case JSON_DOUBLE:
        *out = (struct literal){ .kind = LITERAL_FLOAT, .number = json->number };
        return true;
    case JSON_STRING: return string_value(json, unescaped, out);
    default: return false;
    }
}

void json_row_value(const struct operand *operand, struct kith_str text, struct buffer *unescaped,
                    struct row_value *out)
{
    int64_t length = 0;
    out->kind = VALUE_NONE;
    if (!json_at_path(operand, text, &out->json)) return;
    if (operand->length) {
        if (!json_length(&out->json, &length)) return;
        out->literal = (struct literal){ .kind = LITERAL_INT, .integer = length,
                                         .number = (double)length };
        out->kind = VALUE_LITERAL;
    } else if (out->json.kind == JSON_ARRAY) {
        out->kind = VALUE_JSON_LIST;
    } else if (scalar_value(&out->json, unescaped, &out->literal)) {
        out->kind = VALUE_LITERAL;
    }
}

bool json_row_present(const struct operand *operand, struct kith_str text)
{
    struct json_value value;
    return json_at_path(operand, text, &value) && value.kind != JSON_NULL;
}

static bool json_list_equals(const struct json_value *list, const struct literal *literal)
{
    struct json_iter iter;
    struct json_value item;
    size_t i = 0;
    int rc;
    if (list->kind != JSON_ARRAY) return false;
    json_iter_init(&iter, list);
    while ((rc = json_iter_next(&iter, NULL, &item)) == 1) {
        if (i == literal->count || !json_equals_literal(&item, &literal->items[i])) return false;
        i++;
    }
    return rc == 0 && i == literal->count;
}

bool json_equals_literal(const struct json_value *json, const struct literal *literal)
{
    struct literal scalar;
    int order;
    if (literal->kind == LITERAL_LIST) return json_list_equals(json, literal);
    if (literal->kind == LITERAL_STRING)
        return json->kind == JSON_STRING &&
               json_string_equals(json, literal->s.data, literal->s.len);
    if (json->kind == JSON_STRING || !scalar_value(json, NULL, &scalar)) return false;
    return literal_compare(&scalar, literal, &order) && order == 0;
}

bool json_list_has(const struct json_value *list, const struct literal *literal)
{
    struct json_iter iter;
    struct json_value item;
    json_iter_init(&iter, list);
    while (json_iter_next(&iter, NULL, &item) == 1)
        if (json_equals_literal(&item, literal)) return true;
    return false;
}
