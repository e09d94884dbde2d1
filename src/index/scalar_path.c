/*
 * A path in JSON (RFC 6901, "/a/b/0"): taken apart once, looked up in each row. "~0" is "~", "~1"
 * is "/". A step of digits without leading zeros is an index into an array and no key.
 */
#include <string.h>

#include "base/alloc.h"
#include "index/scalar_terms.h"

static bool is_index(const char *text, size_t len, size_t *index)
{
    size_t value = 0;
    if (len == 0 || len > 9 || (text[0] == '0' && len > 1)) return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') return false;
        value = 10 * value + (size_t)(text[i] - '0');
    }
    *index = value;
    return true;
}

/* Reads a step behind its '/' and writes its plain form to `key`; returns the bytes read. */
static size_t read_step(const char *text, size_t len, char *key, size_t *key_len)
{
    size_t i = 0, n = 0;
    for (; i < len && text[i] != '/'; i++) {
        char c = text[i];
        if (c == '~' && i + 1 < len && (text[i + 1] == '0' || text[i + 1] == '1'))
            c = text[++i] == '0' ? '~' : '/';
        key[n++] = c;
    }
    *key_len = n;
    return i;
}

int scalar_path_init(struct scalar_path *path, struct kith_str text)
{
    size_t count = 0, bytes;
    *path = (struct scalar_path){ 0 };
    if (text.len == 0) return 0;
    if (text.data[0] != '/') return KITH_EINVAL;
    for (size_t i = 0; i < text.len; i++) count += text.data[i] == '/';
    if (!size_mul(count, sizeof *path->steps, &bytes) || !size_add(bytes, text.len, &bytes))
        return KITH_ENOMEM;
    path->steps = mem_alloc(bytes);
    if (!path->steps) return KITH_ENOMEM;
    char *key = (char *)(path->steps + count);
    for (size_t at = 0; at < text.len;) {
        struct json_step *step = &path->steps[path->count++];
        *step = (struct json_step){ .key = key };
        at++;
        at += read_step(text.data + at, text.len - at, key, &step->key_len);
        if (is_index(key, step->key_len, &step->index)) step->key = NULL;
        key += step->key_len;
    }
    return 0;
}

void scalar_path_release(struct scalar_path *path)
{
    mem_free(path->steps);
    *path = (struct scalar_path){ 0 };
}

bool scalar_path_find(const struct scalar_path *path, struct kith_str json, struct json_value *out)
{
    size_t used;
    if (json.len == 0) return false;
    if (path->count == 0) return json_read(json.data, json.len, out, &used, NULL) == 0;
    return json_find(json.data, json.len, path->steps, path->count, out) == 0;
}
