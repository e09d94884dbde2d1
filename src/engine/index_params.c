/*
 * Parameters of scalar indexes: a JSON object, and JSON paths in it as users write them.
 *
 * A path is a pointer of RFC 6901 ("/a/b/0"), or what filters have: `field["a"]['b'][0]`, `a["b"]`
 * for a key of the dynamic field, or the bare name of the field or key. It is kept as a pointer.
 */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "engine/index_wish.h"

/* ---- paths ---- */

static void put_step(struct buffer *out, const char *key, size_t len)
{
    buffer_put_u8(out, '/');
    for (size_t i = 0; i < len; i++) {
        if (key[i] == '~') {
            buffer_put(out, "~0", 2);
        } else if (key[i] == '/') {
            buffer_put(out, "~1", 2);
        } else {
            buffer_put_u8(out, (uint8_t)key[i]);
        }
    }
}

/* One [..] at text; its length, or 0 when it is malformed. */
static size_t read_bracket(const char *text, size_t len, struct buffer *out)
{
    if (len < 3 || text[0] != '[') return 0;
    const char quote = text[1];
    if (quote == '"' || quote == '\'') {
        const char *const end = memchr(text + 2, quote, len - 2);
        if (!end || (size_t)(end - text) + 1 >= len || end[1] != ']') return 0;
        put_step(out, text + 2, (size_t)(end - text) - 2);
        return (size_t)(end - text) + 2;
    }
    size_t at = 1;
    while (at < len && text[at] >= '0' && text[at] <= '9') at++;
    if (at == 1 || at >= len || text[at] != ']') return 0;
    put_step(out, text + 1, at - 1);
    return at + 1;
}

static int bad_path(struct kith_str path, struct kith_error *err)
{
    return error_set(
        err, KITH_EINVAL,
        "json_path '%.*s' is neither a pointer (/a/b) nor a path (field[\"a\"][\"b\"])",
        (int)(path.len < 200 ? path.len : 200), path.data);
}

/* Escapes of a pointer: ~0 and ~1 only. */
static bool pointer_valid(struct kith_str path)
{
    for (size_t i = 0; i < path.len; i++) {
        if (path.data[i] != '~') continue;
        if (i + 1 >= path.len || (path.data[i + 1] != '0' && path.data[i + 1] != '1')) return false;
    }
    return true;
}

static int read_path(struct kith_str path, const struct schema_field *field, struct buffer *out,
                     struct kith_error *err)
{
    if (path.len > 0 && path.data[0] == '/') {
        if (!pointer_valid(path)) return bad_path(path, err);
        buffer_put(out, path.data, path.len);
        return 0;
    }
    size_t at = 0;
    while (at < path.len && path.data[at] != '[') at++;
    const bool is_field =
        strlen(field->name) == at && memcmp(field->name, path.data, at) == 0;
    if (at > 0 && !is_field) put_step(out, path.data, at);
    while (at < path.len) {
        const size_t used = read_bracket(path.data + at, path.len - at, out);
        if (used == 0) return bad_path(path, err);
        at += used;
    }
    return 0;
}

/* ---- members ---- */

struct cast_name {
    const char *name;
    enum kith_type type;
    bool array;
};

static const struct cast_name casts[] = {
    {"bool", KITH_BOOL, false},         {"double", KITH_DOUBLE, false},
    {"varchar", KITH_VARCHAR, false},   {"array_bool", KITH_BOOL, true},
    {"array_double", KITH_DOUBLE, true}, {"array_varchar", KITH_VARCHAR, true},
};

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

static bool same_name(const char *name, struct kith_str text)
{
    if (strlen(name) != text.len) return false;
    for (size_t i = 0; i < text.len; i++) {
        if (lower(text.data[i]) != name[i]) return false;
    }
    return true;
}

static int read_cast(struct kith_str text, struct scalar_index_params *out, struct kith_error *err)
{
    for (size_t i = 0; i < sizeof casts / sizeof *casts; i++) {
        if (!same_name(casts[i].name, text)) continue;
        out->cast = casts[i].type;
        out->cast_array = casts[i].array;
        return 0;
    }
    return error_set(err, KITH_EINVAL,
                     "json_cast_type is bool, double, varchar, array_bool, array_double or "
                     "array_varchar, not '%.*s'",
                     (int)(text.len < 40 ? text.len : 40), text.data);
}

static int read_gram(const char *name, const struct json_value *value, uint32_t *out,
                     struct kith_error *err)
{
    if (value->kind != JSON_INT || value->integer < 1 || value->integer > 255) {
        return error_set(err, KITH_EINVAL, "%s is a number from 1 to 255", name);
    }
    *out = (uint32_t)value->integer;
    return 0;
}

static int text_of(const char *name, const struct json_value *value, struct buffer *room,
                   struct kith_str *out, struct kith_error *err)
{
    if (value->kind != JSON_STRING) {
        return error_set(err, KITH_EINVAL, "%s is a text", name);
    }
    if (json_unescape(value, room)) return error_set(err, KITH_ENOMEM, "no memory for an index");
    *out = (struct kith_str){room->len > 0 ? (const char *)room->data : "", room->len};
    return 0;
}

struct reading {
    const struct schema_field *field;
    struct buffer *path;
    struct scalar_index_params *out;
};

static int read_member(const struct reading *reading, const struct json_value *key,
                       const struct json_value *value, struct kith_error *err)
{
    if (json_string_equals(key, "min_gram", 8)) {
        return read_gram("min_gram", value, &reading->out->min_gram, err);
    }
    if (json_string_equals(key, "max_gram", 8)) {
        return read_gram("max_gram", value, &reading->out->max_gram, err);
    }
    const bool path = json_string_equals(key, "json_path", 9);
    if (!path && !json_string_equals(key, "json_cast_type", 14)) {
        return error_set(err, KITH_EINVAL, "index parameter %.*s is not known",
                         (int)(key->len < 60 ? key->len : 60), key->text);
    }
    if (reading->field->type != KITH_JSON) {
        return error_set(err, KITH_EINVAL, "field '%s' is no JSON: it has no %s",
                         reading->field->name, path ? "json_path" : "json_cast_type");
    }
    struct buffer room;
    struct kith_str text = {"", 0};
    buffer_init(&room);
    int rc = text_of(path ? "json_path" : "json_cast_type", value, &room, &text, err);
    if (!rc) {
        rc = path ? read_path(text, reading->field, reading->path, err)
                  : read_cast(text, reading->out, err);
    }
    buffer_release(&room);
    return rc;
}

static int read_object(const char *text, struct json_value *out, struct kith_error *err)
{
    size_t used = 0;
    if (strlen(text) <= LIMIT_INDEX_PARAMS_BYTES && json_validate(text, strlen(text), NULL) == 0 &&
        json_read(text, strlen(text), out, &used, NULL) == 0 && out->kind == JSON_OBJECT) {
        return 0;
    }
    return error_set(err, KITH_EINVAL,
                     "the parameters of an index are a JSON object of at most %d bytes",
                     LIMIT_INDEX_PARAMS_BYTES);
}

int index_params_read(const char *text, const struct schema_field *field, struct buffer *path,
                      struct scalar_index_params *out, struct kith_error *err)
{
    *out = (struct scalar_index_params){.field = field, .path = {"", 0}};
    if (!text || !*text) return 0;
    struct json_value object, key, value;
    int rc = read_object(text, &object, err);
    if (rc) return rc;
    const struct reading reading = {field, path, out};
    struct json_iter iter;
    json_iter_init(&iter, &object);
    while (rc == 0 && json_iter_next(&iter, &key, &value) > 0) {
        rc = read_member(&reading, &key, &value, err);
    }
    if (rc == 0 && buffer_failed(path)) rc = error_set(err, KITH_ENOMEM, "no memory for an index");
    if (rc == 0 && path->len > 0) out->path = (struct kith_str){(char *)path->data, path->len};
    return rc;
}

int index_params_read_bm25(const char *text, double *k1, double *b, struct kith_error *err)
{
    *k1 = INDEX_BM25_K1;
    *b = INDEX_BM25_B;
    if (!text || !*text) return 0;
    struct json_value object, key, value;
    const int rc = read_object(text, &object, err);
    if (rc) return rc;
    struct json_iter iter;
    json_iter_init(&iter, &object);
    while (json_iter_next(&iter, &key, &value) > 0) {
        const bool is_k1 = json_string_equals(&key, "bm25_k1", 7);
        if (!is_k1 && !json_string_equals(&key, "bm25_b", 6)) {
            return error_set(err, KITH_EINVAL, "index parameter %.*s is not known",
                             (int)(key.len < 60 ? key.len : 60), key.text);
        }
        const bool number = value.kind == JSON_INT || value.kind == JSON_DOUBLE;
        if (!number || !(value.number >= 0 && value.number <= (is_k1 ? 3 : 1))) {
            return error_set(err, KITH_EINVAL, "%s is a number from 0 to %d",
                             is_k1 ? "bm25_k1" : "bm25_b", is_k1 ? 3 : 1);
        }
        *(is_k1 ? k1 : b) = value.number;
    }
    return 0;
}
