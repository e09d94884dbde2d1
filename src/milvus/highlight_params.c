/*
 * A Highlighter's pairs. Lists and objects among them are JSON.
 */
#include <string.h>

#include "base/json.h"
#include "milvus/highlight.h"

struct reading {
    struct milvus_call *call;
    MilvusPair *const *pairs;
    size_t count;
    struct milvus_highlighter *out;
};

static const char *pair(const struct reading *in, const char *key)
{
    return milvus_pair_get(in->pairs, in->count, key);
}

static char *text_of(struct milvus_call *call, const struct json_value *value)
{
    struct buffer plain;
    char *copy = NULL;
    buffer_init(&plain);
    if (json_unescape(value, &plain) == 0)
        copy = arena_strndup(call->arena, plain.len ? (const char *)plain.data : "", plain.len);
    buffer_release(&plain);
    return copy;
}

static bool read_list(const char *text, struct json_value *out)
{
    size_t used;
    const size_t len = strlen(text);
    return json_validate(text, len, NULL) == 0 && json_read(text, len, out, &used, NULL) == 0 &&
           out->kind == JSON_ARRAY;
}

/* ["<em>"] */
static MilvusStatus *read_tags(const struct reading *in, const char *key, const char *otherwise,
                               char ***tags, size_t *count)
{
    const char *text = pair(in, key);
    struct json_value list, tag;
    struct json_iter iter;
    *count = 0;
    *tags = arena_alloc_array(in->call->arena, (text ? strlen(text) / 2 : 0) + 2, sizeof **tags);
    if (!*tags) return milvus_no_memory(in->call);
    if (!text) {
        (*tags)[(*count)++] = milvus_text(otherwise);
        return NULL;
    }
    bool good = read_list(text, &list);
    json_iter_init(&iter, &list);
    while (good && json_iter_next(&iter, NULL, &tag) == 1) {
        good = tag.kind == JSON_STRING;
        if (good && !((*tags)[(*count)++] = text_of(in->call, &tag)))
            return milvus_no_memory(in->call);
    }
    if (good && *count) return NULL;
    return milvus_status(in->call, MILVUS_INVALID,
                         good ? "%s cannot be empty list: invalid parameter"
                              : "unmarshal %s as string array failed: invalid parameter",
                         key);
}

static MilvusStatus *read_number(const struct reading *in, const char *key, int64_t least,
                                 int64_t *out)
{
    const char *text = pair(in, key);
    if (!text || (milvus_parse_int(text, out) && *out >= least && *out <= INT32_MAX)) return NULL;
    return milvus_status(in->call, MILVUS_INVALID, "invalid %s: %.100s: invalid parameter", key,
                         text);
}

static MilvusStatus *bad_query(const struct reading *in, const char *why)
{
    return milvus_status(in->call, MILVUS_INVALID,
                         "unmarshal highlight queries failed: %s: invalid parameter", why);
}

/* {"type": "TextMatch", "field": "f", "text": "words"} */
static MilvusStatus *read_query(const struct reading *in, const struct json_value *object)
{
    static const struct json_step steps[] = { { "text", 4, 0 }, { "type", 4, 0 },
                                              { "field", 5, 0 } };
    static const char *const missing[] = { "must set `text` in query", "must set `type` in query",
                                           "must set `field` in query" };
    char *parts[3];
    struct json_value value;
    if (object->kind != JSON_OBJECT) return bad_query(in, "item in array is not json object");
    for (size_t i = 0; i < 3; i++) {
        if (json_find(object->text, object->len, &steps[i], 1, &value) ||
            value.kind != JSON_STRING)
            return bad_query(in, missing[i]);
        if (!(parts[i] = text_of(in->call, &value))) return milvus_no_memory(in->call);
    }
    if (strcmp(parts[1], "TextMatch") != 0)
        return bad_query(in, "the only highlight query type is TextMatch");
    if (in->out->query_count == HIGHLIGHT_QUERIES_MAX) return bad_query(in, "too many queries");
    in->out->queries[in->out->query_count++] =
        (struct highlight_query){ .field = parts[2], .text = parts[0] };
    return NULL;
}

static MilvusStatus *read_queries(const struct reading *in)
{
    const char *text = pair(in, "highlight_query");
    struct json_value list, object;
    struct json_iter iter;
    MilvusStatus *refused = NULL;
    if (!text) return NULL;
    if (!read_list(text, &list)) return bad_query(in, "no JSON array");
    json_iter_init(&iter, &list);
    while (!refused && json_iter_next(&iter, NULL, &object) == 1)
        refused = read_query(in, &object);
    return refused;
}

MilvusStatus *highlight_read(struct milvus_call *call,
                             const Milvus__Proto__Common__Highlighter *from,
                             const struct milvus_highlighter **out)
{
    struct milvus_highlighter *how = arena_zalloc(call->arena, sizeof *how);
    const struct reading in = { call, from->params, from->n_params, how };
    if (!how) return milvus_no_memory(call);
    if (from->type != MILVUS__PROTO__COMMON__HIGHLIGHT_TYPE__Lexical)
        return milvus_status(call, MILVUS_UNIMPLEMENTED,
                             "semantic highlighters of a search: service unimplemented");
    how->fragment_size = 100;
    how->fragment_count = 5;
    MilvusStatus *refused = read_tags(&in, "pre_tags", "<em>", &how->pre, &how->pre_count);
    if (!refused) refused = read_tags(&in, "post_tags", "</em>", &how->post, &how->post_count);
    if (!refused) refused = read_number(&in, "fragment_size", 1, &how->fragment_size);
    if (!refused) refused = read_number(&in, "num_of_fragments", 0, &how->fragment_count);
    if (!refused) refused = read_number(&in, "fragment_offset", 0, &how->fragment_offset);
    if (!refused && !milvus_pair_bool(in.pairs, in.count, "highlight_search_text",
                                      &how->search_text))
        refused = milvus_status(call, MILVUS_INVALID,
                                "unmarshal highlight_search_text as bool failed: invalid "
                                "parameter");
    if (!refused) refused = read_queries(&in);
    *out = how;
    return refused;
}
