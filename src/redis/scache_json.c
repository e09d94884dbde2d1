/*
 * JSON for the routes of the cache: see scache_json.h.
 *
 * A body's keys are a table for each command: the name, what it must be, and the word that stands
 * before its value. Unknown keys are refused, because a misspelled "threshold" that is passed over
 * gives wrong answers; of equal keys the last counts.
 */
#include "redis/scache_json.h"

#include <math.h>
#include <string.h>

#include "base/endian.h"
#include "base/json.h"

#define KEYS_MAX 6u
#define IDS_MAX 10000u
#define DIM_MAX 65536u

enum kind { KIND_NONE, KIND_TEXT, KIND_NUMBER, KIND_OBJECT, KIND_VECTOR, KIND_PAIRS, KIND_IDS,
            KIND_FLAG };

struct key {
    const char *name;
    enum kind kind;
    const char *word; /* before the value; NULL: the value stands alone, in this order */
    bool required;
};

static const struct key keys[SCACHE_VERBS][KEYS_MAX] = {
    [SCACHE_VERB_SET] = {{"prompt", KIND_TEXT, NULL, true}, {"response", KIND_TEXT, NULL, true},
                         {"vector", KIND_VECTOR, "FP32", false}, {"ttl", KIND_NUMBER, "TTL", false},
                         {"attr", KIND_OBJECT, "ATTR", false},
                         {"model", KIND_TEXT, "MODEL", false}},
    [SCACHE_VERB_GET] = {{"prompt", KIND_TEXT, NULL, true}, {"vector", KIND_VECTOR, "FP32", false},
                         {"threshold", KIND_NUMBER, "THRESHOLD", false},
                         {"filter", KIND_TEXT, "FILTER", false}, {"k", KIND_NUMBER, "K", false},
                         {"model", KIND_TEXT, "MODEL", false}},
    [SCACHE_VERB_DEL] = {{"falsehit", KIND_FLAG, "FALSEHIT", false},
                         {"entry", KIND_IDS, NULL, true}},
    [SCACHE_VERB_CALIBRATE] = {{"pairs", KIND_PAIRS, "PAIRS", true},
                               {"rate", KIND_NUMBER, "RATE", false},
                               {"model", KIND_TEXT, "MODEL", false}},
};

static const char *const commands[SCACHE_VERBS] = {
    "SCACHE.SET", "SCACHE.GET", "SCACHE.DEL", "SCACHE.CALIBRATE", "SCACHE.STATS",
};

struct reading {
    const struct key *keys; /* of the verb */
    struct json_value values[KEYS_MAX]; /* text NULL: not there */
    struct arena *arena;
    struct scache_words *out;
    const char **key;
    struct kith_error *err;
};

/* ---- a value ---- */

static int wrong(const struct reading *in, const struct key *key, const char *what)
{
    *in->key = key->name;
    return error_set(in->err, KITH_EINVAL, "\"%s\" %s", key->name, what);
}

static int no_memory(const struct reading *in)
{
    return error_set(in->err, KITH_ENOMEM, "no memory");
}

static void add(struct reading *in, struct kith_str word)
{
    in->out->argv[in->out->argc++] = word;
}

static void add_text(struct reading *in, const char *text)
{
    add(in, (struct kith_str){text, strlen(text)});
}

static int add_string(struct reading *in, const struct json_value *value)
{
    struct kith_str text = {value->text + 1, value->len - 2};
    if (value->has_escapes) {
        struct buffer plain;
        buffer_init(&plain);
        const int rc = json_unescape(value, &plain);
        const char *copy =
            rc ? NULL : arena_strndup(in->arena, plain.len ? (const char *)plain.data : "",
                                      plain.len);
        text = (struct kith_str){copy, plain.len};
        buffer_release(&plain);
        if (!copy) return no_memory(in);
    }
    add(in, text);
    return 0;
}

/* 0: *count members; KITH_EINVAL: it is no array, or has more than max. */
static int count_members(const struct json_value *array, size_t max, size_t *count)
{
    struct json_iter iter;
    struct json_value key, value;
    int more;
    *count = 0;
    if (array->kind != JSON_ARRAY) return KITH_EINVAL;
    json_iter_init(&iter, array);
    while ((more = json_iter_next(&iter, &key, &value)) == 1)
        if (++*count > max) return KITH_EINVAL;
    return more < 0 ? KITH_EINVAL : 0;
}

static int add_vector(struct reading *in, const struct key *key, const struct json_value *array)
{
    static const char shape[] = "is an array of 1 to 65,536 finite numbers";
    struct json_iter iter;
    struct json_value name, value;
    size_t dim, at = 0;
    if (count_members(array, DIM_MAX, &dim) || dim == 0) return wrong(in, key, shape);
    uint8_t *blob = arena_alloc_array(in->arena, dim, 4);
    if (!blob) return no_memory(in);
    json_iter_init(&iter, array);
    while (json_iter_next(&iter, &name, &value) == 1 && at < dim) {
        const bool number = value.kind == JSON_INT || value.kind == JSON_DOUBLE;
        const float f = number ? (float)value.number : NAN;
        if (!isfinite(f)) return wrong(in, key, shape);
        lef32_put(blob + 4 * at++, f);
    }
    add(in, (struct kith_str){(const char *)blob, 4 * dim});
    return 0;
}

static int add_ids(struct reading *in, const struct key *key, const struct json_value *value)
{
    static const char shape[] = "is an id, or an array of 1 to 10,000 ids";
    struct json_iter iter;
    struct json_value name, id;
    size_t count;
    if (value->kind == JSON_STRING) return add_string(in, value);
    if (count_members(value, IDS_MAX, &count) || count == 0) return wrong(in, key, shape);
    json_iter_init(&iter, value);
    while (json_iter_next(&iter, &name, &id) == 1) {
        if (id.kind != JSON_STRING) return wrong(in, key, shape);
        const int rc = add_string(in, &id);
        if (rc) return rc;
    }
    return 0;
}

static int add_number(struct reading *in, const struct key *key, const struct json_value *value)
{
    if (value->kind != JSON_INT && value->kind != JSON_DOUBLE)
        return wrong(in, key, "is a number");
    add(in, (struct kith_str){value->text, value->len});
    return 0;
}

static int add_raw(struct reading *in, const struct key *key, const struct json_value *value,
                   enum json_kind kind, const char *what)
{
    if (value->kind != kind) return wrong(in, key, what);
    add(in, (struct kith_str){value->text, value->len});
    return 0;
}

static int add_value(struct reading *in, const struct key *key, const struct json_value *value)
{
    switch (key->kind) {
    case KIND_TEXT:
        return value->kind == JSON_STRING ? add_string(in, value) : wrong(in, key, "is a text");
    case KIND_NUMBER: return add_number(in, key, value);
    case KIND_OBJECT: return add_raw(in, key, value, JSON_OBJECT, "is an object");
    case KIND_PAIRS: return add_raw(in, key, value, JSON_ARRAY, "is an array of pairs");
    case KIND_VECTOR: return add_vector(in, key, value);
    case KIND_IDS: return add_ids(in, key, value);
    case KIND_FLAG: return value->kind == JSON_BOOL ? 0 : wrong(in, key, "is true or false");
    case KIND_NONE: break;
    }
    return 0;
}

/* ---- a body ---- */

static int place_member(struct reading *in, const struct json_value *name,
                        const struct json_value *value)
{
    for (size_t i = 0; i < KEYS_MAX && in->keys[i].name; i++) {
        if (!json_string_equals(name, in->keys[i].name, strlen(in->keys[i].name))) continue;
        in->values[i] = *value;
        return 0;
    }
    const int len = (int)(name->len < 64 ? name->len : 64);
    return error_set(in->err, KITH_EINVAL, "no key of this route: %.*s", len, name->text);
}

static int read_body(struct reading *in, struct kith_str body)
{
    struct json_value object, name, value;
    struct json_iter iter;
    size_t used;
    int more;
    if (body.len == 0 || json_validate(body.data, body.len, NULL) ||
        json_read(body.data, body.len, &object, &used, NULL) || object.kind != JSON_OBJECT)
        return error_set(in->err, KITH_EINVAL, "the body is no JSON object");
    json_iter_init(&iter, &object);
    while ((more = json_iter_next(&iter, &name, &value)) == 1) {
        const int rc = value.kind == JSON_NULL ? 0 : place_member(in, &name, &value);
        if (rc) return rc;
    }
    return more < 0 ? error_set(in->err, KITH_EINVAL, "the body is no JSON object") : 0;
}

static int add_members(struct reading *in)
{
    for (size_t i = 0; i < KEYS_MAX && in->keys[i].name; i++) {
        const struct key *key = &in->keys[i];
        const struct json_value *value = &in->values[i];
        if (!value->text) {
            if (key->required) return wrong(in, key, "is missing");
            continue;
        }
        if (key->word && (key->kind != KIND_FLAG || value->boolean)) add_text(in, key->word);
        const int rc = add_value(in, key, value);
        if (rc) return rc;
    }
    return 0;
}

int scache_json_read(enum scache_verb verb, struct kith_str cache, struct kith_str body,
                     struct arena *arena, struct scache_words *out, const char **key,
                     struct kith_error *err)
{
    struct reading in = {.keys = keys[verb], .arena = arena, .out = out, .key = key, .err = err};
    int rc = verb == SCACHE_VERB_STATS ? 0 : read_body(&in, body);
    if (rc) return rc;
    out->argc = 0;
    const size_t most = 2 + 2 * KEYS_MAX + (verb == SCACHE_VERB_DEL ? IDS_MAX : 0);
    out->argv = arena_alloc_array(arena, most, sizeof *out->argv);
    if (!out->argv) return no_memory(&in);
    add_text(&in, commands[verb]);
    add(&in, cache);
    return add_members(&in);
}

/* ---- a reply ---- */

struct reply {
    const char *at, *end;
};

/* The line behind the kind; false: there is no end of it. */
static bool next_line(struct reply *in, char *kind, struct kith_str *line)
{
    const char *eol = in->at < in->end ? memchr(in->at, '\r', (size_t)(in->end - in->at)) : NULL;
    if (!eol || eol + 1 >= in->end || eol[1] != '\n') return false;
    *kind = *in->at;
    *line = (struct kith_str){in->at + 1, (size_t)(eol - in->at - 1)};
    in->at = eol + 2;
    return true;
}

static bool read_count(struct kith_str line, size_t *out)
{
    *out = 0;
    for (size_t i = 0; i < line.len; i++) {
        if (line.data[i] < '0' || line.data[i] > '9' || *out > SIZE_MAX / 16) return false;
        *out = *out * 10 + (size_t)(line.data[i] - '0');
    }
    return line.len > 0;
}

static bool write_bulk(struct reply *in, struct kith_str line, struct buffer *out)
{
    size_t len;
    if (!read_count(line, &len) || (size_t)(in->end - in->at) < 2 ||
        (size_t)(in->end - in->at) - 2 < len)
        return false;
    json_write_string(out, in->at, len);
    in->at += len + 2;
    return true;
}

/* A value that holds no others. */
static bool write_plain(struct reply *in, struct buffer *out)
{
    struct kith_str line;
    char kind;
    if (!next_line(in, &kind, &line)) return false;
    if (kind == '$') return write_bulk(in, line, out);
    if (kind == '_') buffer_put(out, "null", 4);
    else if (kind == ':' || kind == ',') buffer_put(out, line.data, line.len);
    else return false;
    return true;
}

static bool write_map(struct reply *in, struct buffer *out)
{
    struct kith_str line;
    size_t count;
    char kind;
    if (!next_line(in, &kind, &line) || kind != '%' || !read_count(line, &count)) return false;
    buffer_put_u8(out, '{');
    for (size_t i = 0; i < count; i++) {
        if (i) buffer_put_u8(out, ',');
        if (!write_plain(in, out)) return false;
        buffer_put_u8(out, ':');
        if (!write_plain(in, out)) return false;
    }
    buffer_put_u8(out, '}');
    return true;
}

int scache_json_write(struct kith_str reply, const char *name, struct buffer *out)
{
    struct reply in = {reply.data, reply.data + reply.len};
    bool good;
    if (reply.len > 0 && reply.data[0] == '%') {
        good = write_map(&in, out);
    } else {
        const bool null = reply.len > 0 && reply.data[0] == '_';
        buffer_put_u8(out, '{');
        json_write_string(out, null ? "response" : name, strlen(null ? "response" : name));
        buffer_put_u8(out, ':');
        good = write_plain(&in, out);
        buffer_put_u8(out, '}');
    }
    if (buffer_failed(out)) return KITH_ENOMEM;
    return good && in.at == in.end ? 0 : KITH_EINVAL;
}
