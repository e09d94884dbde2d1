/*
 * Walking into a JSON text: members of a container, and look-up by path.
 *
 * json_find descends while it scans: what stands before the wanted member is passed over once, and
 * what stands behind it is not looked at. Of equal keys the first counts. Keys of the text may have
 * escapes; those of the path are plain.
 */
#include "base/json.h"

#include <string.h>

#include "base/json_internal.h"

void json_iter_init(struct json_iter *iter, const struct json_value *container)
{
    *iter = (struct json_iter){.first = true, .object = container->kind == JSON_OBJECT};
    if (container->kind != JSON_OBJECT && container->kind != JSON_ARRAY) return;
    if (container->len < 2) return;
    iter->pos = container->text + 1;
    iter->end = container->text + container->len - 1;
}

static struct json_value key_value(const char *text, size_t len, bool has_escapes)
{
    return (struct json_value){
        .kind = JSON_STRING, .text = text, .len = len, .has_escapes = has_escapes};
}

/* Past the comma, if one is due. 1: a member follows; 0: the end; < 0: malformed. */
static int step_to_member(struct json_scan *scan, bool first)
{
    json_skip_blanks(scan);
    if (scan->pos == scan->end) return 0;
    if (first) return 1;
    if (*scan->pos != ',') return KITH_EINVAL;
    scan->pos++;
    json_skip_blanks(scan);
    return 1;
}

int json_iter_next(struct json_iter *iter, struct json_value *key, struct json_value *value)
{
    if (iter->pos == iter->end) return 0;
    struct json_scan scan = {.pos = iter->pos, .end = iter->end};
    int rc = step_to_member(&scan, iter->first);
    if (rc <= 0) return rc;
    if (iter->object) {
        const char *text;
        size_t len;
        if (!json_scan_key(&scan, &text, &len)) return KITH_EINVAL;
        if (key) *key = key_value(text, len, scan.has_escapes);
    }
    if (!json_scan_value(&scan, value)) return KITH_EINVAL;
    iter->pos = scan.pos;
    iter->first = false;
    return 1;
}

/* Reads the member's key, when there are keys. 1: this is the wanted member; 0: another. */
static int member_matches(struct json_scan *scan, const struct json_step *step, size_t index)
{
    if (!step->key) return index == step->index;
    const char *text;
    size_t len;
    if (!json_scan_key(scan, &text, &len)) return KITH_EINVAL;
    struct json_value key = key_value(text, len, scan->has_escapes);
    return json_string_equals(&key, step->key, step->key_len);
}

/* From the first byte of a value to that of the member the step names. */
static int descend(struct json_scan *scan, const struct json_step *step)
{
    char open = step->key ? '{' : '[';
    char close = step->key ? '}' : ']';
    if (scan->pos == scan->end) return KITH_EINVAL;
    if (*scan->pos != open) return KITH_ENOTFOUND;
    scan->pos++;
    for (size_t index = 0;; index++) {
        json_skip_blanks(scan);
        if (scan->pos == scan->end) return KITH_EINVAL;
        if (*scan->pos == close) return KITH_ENOTFOUND;
        if (step_to_member(scan, index == 0) != 1) return KITH_EINVAL;
        int rc = member_matches(scan, step, index);
        if (rc != 0) return rc < 0 ? rc : 0;
        if (!json_scan_value(scan, NULL)) return KITH_EINVAL;
    }
}

int json_find(const char *text, size_t len, const struct json_step *steps, size_t count,
              struct json_value *value)
{
    if (!text) text = "";
    struct json_scan scan = {.pos = text, .end = text + len};
    struct json_value found;
    json_skip_blanks(&scan);
    for (size_t i = 0; i < count; i++) {
        int rc = descend(&scan, &steps[i]);
        if (rc != 0) return rc;
    }
    if (!json_scan_value(&scan, &found)) return KITH_EINVAL;
    *value = found;
    return 0;
}
