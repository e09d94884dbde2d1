/*
 * A request's body: one pass over the top level, values stay where they are.
 *
 * Keys are matched in any case, the last of equal ones counts, unknown ones are passed over. A
 * value that is null counts as absent. What is inside of a value is read by whoever needs it, with
 * the same functions; json_iter has checked its syntax on the way over it.
 */
#include <math.h>
#include <string.h>

#include "milvus/rest.h"

#define KEY_BYTES_MAX 24 /* longer than any name in the table */

#define REST_KEY_NAME(id, name, field) name,
const char *const rest_key_names[REST_KEY_COUNT] = { REST_KEYS(REST_KEY_NAME) };
#define REST_KEY_FIELD(id, name, field) field,
const char *const rest_key_fields[REST_KEY_COUNT] = { REST_KEYS(REST_KEY_FIELD) };

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c; }

/* Both sides in lower case; the shorter one first among equal beginnings. */
static int compare(const char *text, size_t len, const char *name)
{
    for (size_t i = 0; i < len; i++) {
        const int order = (unsigned char)text[i] - (unsigned char)lower(name[i]);
        if (order || name[i] == 0) return order ? order : 1;
    }
    return name[len] ? -1 : 0;
}

static enum rest_key find_key(const char *text, size_t len)
{
    char name[KEY_BYTES_MAX];
    if (len > sizeof name) return REST_NONE;
    for (size_t i = 0; i < len; i++) name[i] = lower(text[i]);
    size_t low = 0, high = REST_KEY_COUNT;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        const int order = compare(name, len, rest_key_names[middle]);
        if (order == 0) return (enum rest_key)middle;
        if (order < 0) high = middle;
        else low = middle + 1;
    }
    return REST_NONE;
}

static bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

bool rest_scan(struct rest *rest, const char *text, size_t len, struct rest_object *out)
{
    (void)rest;
    memset(out, 0, sizeof *out);
    while (len && is_blank(text[len - 1])) len--;
    while (len && is_blank(*text)) text++, len--;
    if (len < 2 || text[0] != '{' || text[len - 1] != '}') return false;
    const struct json_value object = { .kind = JSON_OBJECT, .text = text, .len = len };
    struct json_iter iter;
    struct json_value key, value;
    int more;
    json_iter_init(&iter, &object);
    while ((more = json_iter_next(&iter, &key, &value)) == 1) {
        if (key.has_escapes) continue;
        const enum rest_key at = find_key(key.text + 1, key.len - 2);
        if (at == REST_NONE) continue;
        if (value.kind == JSON_NULL) value.text = NULL;
        out->at[at] = value;
    }
    return more == 0;
}

/* ---- single values ---- */

char *rest_value_any(struct rest *rest, const struct json_value *value)
{
    if (value->kind != JSON_STRING) {
        char *copy = arena_strndup(rest->call.arena, value->text, value->len);
        if (!copy) rest_no_memory(rest);
        return copy;
    }
    if (!value->has_escapes) {
        char *copy = arena_strndup(rest->call.arena, value->text + 1, value->len - 2);
        if (!copy) rest_no_memory(rest);
        return copy;
    }
    struct buffer decoded;
    buffer_init(&decoded);
    char *copy = NULL;
    if (json_unescape(value, &decoded) == 0)
        copy = arena_strndup(rest->call.arena, (const char *)decoded.data, decoded.len);
    if (!copy) {
        rest_no_memory(rest);
    } else if (memchr(copy, 0, decoded.len)) {
        rest_fail(rest, MILVUS_INVALID, "a text with a NUL in it: invalid parameter");
        copy = NULL;
    }
    buffer_release(&decoded);
    return copy;
}

char *rest_value_text(struct rest *rest, const struct json_value *value)
{
    if (value->kind == JSON_STRING) return rest_value_any(rest, value);
    rest_fail(rest, 1801,
              "can only accept json format request, error: a string is expected, not %.*s",
              value->len > 60 ? 60 : (int)value->len, value->text);
    return NULL;
}

/* The literal inside a string without escapes, as a number. */
static bool number_of(const struct json_value *value, struct json_value *number)
{
    if (value->kind == JSON_INT || value->kind == JSON_DOUBLE) {
        *number = *value;
        return true;
    }
    size_t used;
    if (value->kind != JSON_STRING || value->has_escapes || value->len < 3) return false;
    if (json_read(value->text + 1, value->len - 2, number, &used, NULL)) return false;
    return used == value->len - 2 && (number->kind == JSON_INT || number->kind == JSON_DOUBLE);
}

bool rest_value_int(const struct json_value *value, int64_t *out)
{
    struct json_value number;
    if (!number_of(value, &number)) return false;
    if (number.kind == JSON_INT) {
        *out = number.integer;
        return true;
    }
    if (number.number != floor(number.number) || fabs(number.number) > 9007199254740992.0)
        return false;
    *out = (int64_t)number.number; /* 1e3 */
    return true;
}

bool rest_value_double(const struct json_value *value, double *out)
{
    struct json_value number;
    if (!number_of(value, &number)) return false;
    *out = number.number;
    return true;
}

bool rest_value_bool(const struct json_value *value, bool *out)
{
    if (value->kind == JSON_BOOL) {
        *out = value->boolean;
        return true;
    }
    const bool yes = json_string_equals(value, "true", 4) || json_string_equals(value, "True", 4);
    if (!yes && !json_string_equals(value, "false", 5) && !json_string_equals(value, "False", 5))
        return false;
    *out = yes;
    return true;
}

/* ---- arrays and objects ---- */

size_t rest_value_count(const struct json_value *array)
{
    struct json_iter iter;
    struct json_value value;
    size_t count = 0;
    json_iter_init(&iter, array);
    while (json_iter_next(&iter, NULL, &value) == 1) count++;
    return count;
}

char **rest_value_texts(struct rest *rest, const struct json_value *value, size_t *count)
{
    *count = 0;
    if (!value->text) return NULL;
    const bool one = value->kind == JSON_STRING;
    char **texts = rest_array(rest, one ? 1 : rest_value_count(value), sizeof *texts);
    if (!texts) return NULL;
    struct json_iter iter;
    struct json_value element;
    json_iter_init(&iter, value);
    if (one) {
        texts[0] = rest_value_text(rest, value);
        *count = texts[0] ? 1 : 0;
    } else if (value->kind != JSON_ARRAY) {
        (void)rest_value_text(rest, value);
    } else {
        while (json_iter_next(&iter, NULL, &element) == 1) {
            if (!(texts[*count] = rest_value_text(rest, &element))) break;
            (*count)++;
        }
    }
    if (!rest->failed) return texts;
    *count = 0;
    return NULL;
}

MilvusPair *rest_pair(struct rest *rest, const char *key, const char *value)
{
    MilvusPair *pair = arena_alloc(rest->call.arena, sizeof *pair);
    if (!pair) {
        rest_no_memory(rest);
        return NULL;
    }
    milvus__proto__common__key_value_pair__init(pair);
    pair->key = milvus_strdup(&rest->call, key);
    pair->value = milvus_strdup(&rest->call, value);
    return pair;
}

MilvusPair **rest_value_pairs(struct rest *rest, const struct json_value *value, size_t *count)
{
    *count = 0;
    if (!value->text) return NULL;
    if (value->kind != JSON_OBJECT) {
        rest_fail(rest, 1801, "can only accept json format request, error: an object is expected");
        return NULL;
    }
    MilvusPair **pairs = rest_array(rest, rest_value_count(value), sizeof *pairs);
    struct json_iter iter;
    struct json_value key, member;
    json_iter_init(&iter, value);
    while (pairs && json_iter_next(&iter, &key, &member) == 1) {
        const char *name = rest_value_any(rest, &key);
        const char *text = rest_value_any(rest, &member);
        if (!name || !text || !(pairs[*count] = rest_pair(rest, name, text))) break;
        (*count)++;
    }
    if (!rest->failed) return pairs;
    *count = 0;
    return NULL;
}

/* ---- members of the body ---- */

char *rest_text(struct rest *rest, const struct rest_object *object, enum rest_key key)
{
    char *text = rest_has(object, key) ? rest_value_text(rest, &object->at[key]) : NULL;
    return text ? text : (char *)(uintptr_t)"";
}

static void wrong(struct rest *rest, enum rest_key key, const char *kind)
{
    rest_fail(rest, 1801, "can only accept json format request, error: %s is no %s",
              rest_key_names[key], kind);
}

int64_t rest_int(struct rest *rest, const struct rest_object *object, enum rest_key key,
                 int64_t otherwise)
{
    int64_t value = otherwise;
    if (rest_has(object, key) && !rest_value_int(&object->at[key], &value))
        wrong(rest, key, "integer");
    return value;
}

bool rest_bool(struct rest *rest, const struct rest_object *object, enum rest_key key,
               bool otherwise)
{
    bool value = otherwise;
    if (rest_has(object, key) && !rest_value_bool(&object->at[key], &value))
        wrong(rest, key, "boolean");
    return value;
}

int rest_consistency(struct rest *rest, const struct rest_object *object)
{
    static const char *const names[] = { "Strong", "Session", "Bounded", "Eventually",
                                         "Customized" };
    const struct json_value *value = &object->at[REST_CONSISTENCY_LEVEL];
    if (!value->text || value->len == 2) return -1; /* absent or "" */
    for (int i = 0; i < 5; i++)
        if (json_string_equals(value, names[i], strlen(names[i]))) return i;
    rest_fail(rest, MILVUS_INVALID,
              "consistencyLevel can only be [Strong, Session, Bounded, Eventually, Customized], "
              "default: Bounded: invalid parameter[expected=valid consistency level]"
              "[actual=%.*s]", value->len > 60 ? 60 : (int)value->len, value->text);
    return -1;
}
