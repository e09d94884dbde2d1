/* A JSON document as text, in one line or as the caller lays it out. */
#include <math.h>
#include <string.h>

#include "cache/json_value.h"

static void put_str(struct buffer *out, struct kith_str text)
{
    if (text.len) buffer_put(out, text.data, text.len);
}

/* A double that is whole keeps a point, so that it is read back as a double. */
static void write_double(struct buffer *out, double value)
{
    const size_t start = out->len;
    if (!isfinite(value)) {
        buffer_put(out, "null", 4);
        return;
    }
    json_write_double(out, value);
    for (size_t i = start; i < out->len; i++)
        if (strchr(".eE", out->data[i])) return;
    buffer_put(out, ".0", 2);
}

static void new_line(struct buffer *out, const struct json_style *style, unsigned depth)
{
    put_str(out, style->newline);
    for (unsigned i = 0; i < depth; i++) put_str(out, style->indent);
}

static void write_node(const struct json_node *node, const struct json_style *style,
                       unsigned depth, struct buffer *out);

static void write_children(const struct json_node *node, const struct json_style *style,
                           unsigned depth, struct buffer *out)
{
    const bool object = node->kind == JSON_OBJECT;
    buffer_put_u8(out, object ? '{' : '[');
    for (uint32_t i = 0; i < node->count && !buffer_failed(out); i++) {
        if (i) buffer_put_u8(out, ',');
        new_line(out, style, depth + 1);
        if (object) {
            json_write_string(out, node->members[i].name, node->members[i].name_len);
            buffer_put_u8(out, ':');
            put_str(out, style->space);
        }
        write_node(json_node_child(node, i), style, depth + 1, out);
    }
    if (node->count) new_line(out, style, depth);
    buffer_put_u8(out, object ? '}' : ']');
}

static void write_node(const struct json_node *node, const struct json_style *style,
                       unsigned depth, struct buffer *out)
{
    if (style->bytes_max && out->len > style->bytes_max) out->failed = true;
    if (buffer_failed(out)) return;
    switch ((enum json_kind)node->kind) {
    case JSON_NULL: buffer_put(out, "null", 4); break;
    case JSON_BOOL: buffer_printf(out, "%s", node->boolean ? "true" : "false"); break;
    case JSON_INT: buffer_printf(out, "%lld", (long long)node->integer); break;
    case JSON_DOUBLE: write_double(out, node->number); break;
    case JSON_STRING: json_write_string(out, node->text, node->count); break;
    case JSON_ARRAY:
    case JSON_OBJECT: write_children(node, style, depth, out); break;
    }
}

void json_node_write(const struct json_node *node, const struct json_style *style,
                     struct buffer *out)
{
    const struct json_style plain = {.bytes_max = 0};
    write_node(node, style ? style : &plain, 0, out);
}

const char *json_kind_name(const struct json_node *node)
{
    static const char *const names[] = {"null",   "boolean", "integer", "number",
                                        "string", "array",   "object"};
    return names[node->kind];
}
