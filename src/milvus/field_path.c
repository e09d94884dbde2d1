/*
 * Names with a path: user['score'], meta["a"][0]. The head is a field or a key of the dynamic
 * field; keys stand in single or double quotes, with a backslash before a quote that is meant.
 */
#include <string.h>

#include "milvus/field_path.h"

/* From the quote on; past the closing one, or NULL. */
static const char *read_key(const char *at, struct arena *arena, struct json_step *out)
{
    const char quote = *at++;
    char *key = arena_alloc(arena, strlen(at) + 1);
    size_t len = 0;
    if (!key) return NULL;
    for (; *at && *at != quote; at++) {
        if (*at == '\\' && at[1]) at++;
        key[len++] = *at;
    }
    key[len] = 0;
    *out = (struct json_step){ .key = key, .key_len = len };
    return *at == quote ? at + 1 : NULL;
}

static const char *read_index(const char *at, struct json_step *out)
{
    size_t index = 0;
    if (*at < '0' || *at > '9') return NULL;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (index > FIELD_PATH_INDEX_MAX) return NULL;
        index = index * 10 + (size_t)(*at - '0');
    }
    *out = (struct json_step){ .index = index };
    return at;
}

static const char *read_step(const char *at, struct arena *arena, struct json_step *out)
{
    at++; /* the bracket */
    at = *at == '"' || *at == '\'' ? read_key(at, arena, out) : read_index(at, out);
    return at && *at == ']' ? at + 1 : NULL;
}

bool field_path_parse(const char *text, struct arena *arena, struct field_path *out)
{
    const size_t head = strcspn(text, "[");
    *out = (struct field_path){ .head = arena_strndup(arena, text, head) };
    out->steps = arena_alloc_array(arena, FIELD_PATH_STEPS_MAX, sizeof *out->steps);
    if (!out->head || !out->steps || head == 0) return false;
    for (const char *at = text + head; *at;) {
        if (*at != '[' || out->count == FIELD_PATH_STEPS_MAX) return false;
        at = read_step(at, arena, &out->steps[out->count++]);
        if (!at) return false;
    }
    if (strcmp(out->head, "$meta") != 0 || out->count == 0) return true;
    /* $meta["k"] is the key k */
    if (!out->steps[0].key) return false;
    out->head = out->steps[0].key;
    out->steps++;
    out->count--;
    return true;
}
