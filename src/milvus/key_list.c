/*
 * Filters that are nothing but a list of keys: `pk in [1, 2]`, `pk == "a"`, `pk in {ids}`. Clients
 * send them for get and delete by ids; the engine answers keys without looking at rows, and a
 * delete has to count them. What does not match this form to the letter goes the way of filters.
 */
#include <string.h>

#include "base/json.h"
#include "milvus/milvus_data.h"

struct scan {
    const char *pos;
    struct milvus_call *call;
    bool texts; /* keys are VARCHAR */
    struct kith_str *strings;
    int64_t *ints;
    size_t count, cap;
};

static void blanks(struct scan *scan)
{
    while (*scan->pos && strchr(" \t\r\n", *scan->pos)) scan->pos++;
}

static bool accept(struct scan *scan, const char *word)
{
    const size_t len = strlen(word);
    if (strncmp(scan->pos, word, len)) return false;
    scan->pos += len;
    blanks(scan);
    return true;
}

static bool add_room(struct scan *scan)
{
    if (scan->count < scan->cap) return true;
    const size_t cap = scan->cap ? 2 * scan->cap : 16;
    const size_t width = scan->texts ? sizeof *scan->strings : sizeof *scan->ints;
    void *grown = arena_alloc_array(scan->call->arena, cap, width);
    if (!grown) return false;
    const void *old = scan->texts ? (const void *)scan->strings : (const void *)scan->ints;
    if (scan->count) memcpy(grown, old, scan->count * width);
    if (scan->texts) scan->strings = grown;
    else scan->ints = grown;
    scan->cap = cap;
    return true;
}

static bool number(struct scan *scan)
{
    const char *pos = scan->pos;
    const bool negative = *pos == '-';
    uint64_t value = 0;
    if (negative) pos++;
    if (*pos == '0' && pos[1] >= '0' && pos[1] <= '9') return false; /* octal: the filter's */
    const char *digits = pos;
    for (; *pos >= '0' && *pos <= '9'; pos++) value = value * 10 + (uint64_t)(*pos - '0');
    if (pos == digits || pos - digits > 18 || (*pos && !strchr(" \t\r\n,]", *pos))) return false;
    if (!add_room(scan)) return false;
    scan->ints[scan->count++] = negative ? -(int64_t)value : (int64_t)value;
    scan->pos = pos;
    blanks(scan);
    return true;
}

static bool text(struct scan *scan)
{
    const char quote = *scan->pos;
    if (quote != '"' && quote != '\'') return false;
    const char *from = scan->pos + 1, *pos = from;
    while (*pos && *pos != quote && *pos != '\\' && *pos != '\n') pos++;
    if (*pos != quote || !add_room(scan)) return false; /* escapes are the filter's */
    scan->strings[scan->count++] = (struct kith_str){ from, (size_t)(pos - from) };
    scan->pos = pos + 1;
    blanks(scan);
    return true;
}

static bool literal(struct scan *scan) { return scan->texts ? text(scan) : number(scan); }

static bool list(struct scan *scan)
{
    if (accept(scan, "]")) return true;
    while (literal(scan)) {
        if (accept(scan, "]")) return true;
        if (!accept(scan, ",")) return false;
        if (accept(scan, "]")) return true; /* a comma may trail */
    }
    return false;
}

static bool add_json(struct scan *scan, const struct json_value *value)
{
    if (value->kind != (scan->texts ? JSON_STRING : JSON_INT) || !add_room(scan)) return false;
    if (!scan->texts) {
        scan->ints[scan->count++] = value->integer;
        return true;
    }
    struct buffer plain;
    buffer_init(&plain);
    const int rc = json_unescape(value, &plain);
    char *copy = rc ? NULL
                    : arena_strndup(scan->call->arena, plain.data ? (const char *)plain.data : "",
                                    plain.len);
    scan->strings[scan->count++] = (struct kith_str){ copy, plain.len };
    buffer_release(&plain);
    return copy != NULL;
}

/* {name}: an array of the templates, or with `one` a value. */
static bool template(struct scan *scan, const char *params, bool one)
{
    const char *name = scan->pos;
    while (*scan->pos && *scan->pos != '}' && *scan->pos != ' ') scan->pos++;
    const struct json_step step = { .key = name, .key_len = (size_t)(scan->pos - name) };
    struct json_value value, element, key;
    blanks(scan);
    if (!accept(scan, "}") || !params) return false;
    if (json_find(params, strlen(params), &step, 1, &value)) return false;
    if (one) return add_json(scan, &value);
    if (value.kind != JSON_ARRAY) return false;
    struct json_iter iter;
    int rc;
    json_iter_init(&iter, &value);
    while ((rc = json_iter_next(&iter, &key, &element)) > 0)
        if (!add_json(scan, &element)) return false;
    return rc == 0;
}

static bool keys(struct scan *scan, const char *params)
{
    if (accept(scan, "==")) return accept(scan, "{") ? template(scan, params, true) : literal(scan);
    if (strncmp(scan->pos, "in", 2) && strncmp(scan->pos, "IN", 2)) return false;
    scan->pos += 2;
    if (*scan->pos && !strchr(" \t\r\n[{", *scan->pos)) return false;
    blanks(scan);
    if (accept(scan, "[")) return list(scan);
    return accept(scan, "{") && template(scan, params, false);
}

bool milvus_key_list(struct milvus_call *call, const struct milvus_collection *collection,
                     const char *expr, const char *expr_params, struct kith_keys *out)
{
    struct scan scan = {
        .pos = expr,
        .call = call,
        .texts = collection->primary->data_type != MILVUS__PROTO__SCHEMA__DATA_TYPE__Int64,
    };
    const size_t len = strlen(collection->primary->name);
    blanks(&scan);
    if (strncmp(scan.pos, collection->primary->name, len)) return false;
    scan.pos += len;
    if (!strchr(" \t\r\n=", *scan.pos)) return false;
    blanks(&scan);
    if (!keys(&scan, expr_params) || *scan.pos) return false;
    *out = (struct kith_keys){ .count = scan.count, .ints = scan.ints, .strings = scan.strings };
    static const int64_t none = 0;
    static const struct kith_str nothing = { "", 0 };
    if (scan.count == 0 && scan.texts) out->strings = &nothing;
    if (scan.count == 0 && !scan.texts) out->ints = &none;
    return true;
}
