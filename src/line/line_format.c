/*
 * Values as text: see line_format.h.
 */
#include "line/line_format.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "cache/hash.h"
#include "cache/list.h"

/* ---- JSON ---- */

/* Bytes of the well-formed UTF-8 character at the front (no overlong forms, no surrogates); 0. */
static size_t utf8_len(const uint8_t *at, size_t len)
{
    const uint8_t c = at[0];
    const size_t need = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : (c & 0xf0) == 0xe0 ? 3
                        : c >= 0xf0 && c < 0xf5 ? 4 : 0;
    if (need < 2) return need;
    if (len < need) return 0;
    for (size_t i = 1; i < need; i++)
        if ((at[i] & 0xc0) != 0x80) return 0;
    if (c == 0xe0 && at[1] < 0xa0) return 0;
    if (c == 0xed && at[1] > 0x9f) return 0;
    if (c == 0xf0 && at[1] < 0x90) return 0;
    return c == 0xf4 && at[1] > 0x8f ? 0 : need;
}

static bool is_line_separator(const uint8_t *at, size_t len)
{
    return len == 3 && at[0] == 0xe2 && at[1] == 0x80 && (at[2] == 0xa8 || at[2] == 0xa9);
}

static bool is_plain(uint8_t c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

static void put_escape(struct buffer *out, uint8_t c)
{
    static const char letters[] = "\"\"\\\\\nn\rr\tt\bb\ff"; /* the byte, then its letter */
    for (size_t i = 0; i + 1 < sizeof letters; i += 2) {
        if ((uint8_t)letters[i] != c) continue;
        buffer_put(out, "\\", 1);
        buffer_put(out, letters + i + 1, 1);
        return;
    }
    buffer_printf(out, "\\u%04x", (unsigned)c);
}

void line_put_json(struct buffer *out, struct kith_str text)
{
    const uint8_t *data = (const uint8_t *)text.data;
    buffer_put(out, "\"", 1);
    for (size_t at = 0; at < text.len;) {
        size_t run = at;
        while (run < text.len && is_plain(data[run])) run++;
        buffer_put(out, data + at, run - at);
        at = run;
        if (at == text.len) break;
        const size_t len = utf8_len(data + at, text.len - at);
        if (len == 0) buffer_put(out, "\\ufffd", 6);
        else if (len == 1) put_escape(out, data[at]);
        else if (is_line_separator(data + at, len))
            buffer_put(out, data[at + 2] == 0xa8 ? "\\u2028" : "\\u2029", 6);
        else buffer_put(out, data + at, len);
        at += len ? len : 1;
    }
    buffer_put(out, "\"", 1);
}

/* ---- values ---- */

void line_put_text(struct buffer *out, struct kith_str text, bool escapes)
{
    const char *at = text.data, *end = text.data + text.len;
    while (escapes && at < end) {
        const char *stop = at;
        while (stop < end && *stop != '\n' && *stop != '\r' && *stop != '\\') stop++;
        buffer_put(out, at, (size_t)(stop - at));
        if (stop == end) return;
        buffer_put(out, *stop == '\n' ? "\\n" : *stop == '\r' ? "\\r" : "\\\\", 2);
        at = stop + 1;
    }
    if (at < end) buffer_put(out, at, (size_t)(end - at));
}

enum list_form { LIST_PLAIN, LIST_ESCAPED, LIST_JSON };

static void put_list(struct buffer *out, const struct list *list, enum list_form form)
{
    struct pack_item scratch;
    struct list_place place = list_place(list, 0);
    buffer_put(out, "[", 1);
    for (uint64_t i = 0; i < list_count(list); i++) {
        if (i) {
            list_forward(list, &place);
            buffer_put(out, form == LIST_JSON ? "," : " ", 1);
        }
        const struct kith_str text = list_text(list, place, &scratch);
        if (form == LIST_JSON) line_put_json(out, text);
        else line_put_text(out, text, form == LIST_ESCAPED);
    }
    buffer_put(out, "]", 1);
}

void line_put_list(struct buffer *out, const struct list *list, bool escapes)
{
    put_list(out, list, escapes ? LIST_ESCAPED : LIST_PLAIN);
}

void line_put_json_list(struct buffer *out, const struct list *list)
{
    put_list(out, list, LIST_JSON);
}

static int compare_names(const void *a, const void *b)
{
    const struct hash_field *const *x = a, *const *y = b;
    const struct kith_str left = (*x)->name, right = (*y)->name;
    const size_t common = left.len < right.len ? left.len : right.len;
    const int order = common ? memcmp(left.data, right.data, common) : 0;
    if (order) return order;
    return left.len < right.len ? -1 : left.len > right.len;
}

int line_put_hash(struct buffer *out, const struct hash *hash)
{
    const size_t count = (size_t)hash_count(hash);
    struct hash_field *fields = mem_zalloc_array(count + 1, sizeof *fields);
    const struct hash_field **order = mem_zalloc_array(count + 1, sizeof *order);
    struct hash_iter it = { 0 };
    size_t have = 0;
    const int rc = fields && order ? 0 : KITH_ENOMEM;
    while (rc == 0 && have < count && hash_next(hash, &it, &fields[have])) {
        order[have] = &fields[have];
        have++;
    }
    if (have > 1) qsort(order, have, sizeof *order, compare_names);
    if (rc == 0) buffer_put(out, "{", 1);
    for (size_t i = 0; i < have; i++) {
        if (i) buffer_put(out, ",", 1);
        line_put_json(out, order[i]->name);
        buffer_put(out, ":", 1);
        line_put_json(out, order[i]->value);
    }
    if (rc == 0) buffer_put(out, "}", 1);
    mem_free(order);
    mem_free(fields);
    return rc;
}
