/*
 * Replies: JSON written straight into the exchange's buffer. Whether a comma is due is seen from
 * the byte before, which is one of { [ : only where none is.
 */
#include <string.h>

#include "milvus/rest.h"

void rest_raw(struct buffer *out, const char *json) { buffer_put(out, json, strlen(json)); }

void rest_comma(struct buffer *out)
{
    if (out->len == 0) return;
    const uint8_t last = out->data[out->len - 1];
    if (last != '{' && last != '[' && last != ':') buffer_put_u8(out, ',');
}

void rest_key(struct buffer *out, const char *name)
{
    const size_t len = strlen(name);
    rest_comma(out);
    uint8_t *to = buffer_extend(out, len + 3);
    if (!to) return;
    to[0] = '"';
    memcpy(to + 1, name, len);
    to[len + 1] = '"';
    to[len + 2] = ':';
}

void rest_int64(struct buffer *out, int64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do digits[--at] = (char)('0' + left % 10);
    while (left /= 10);
    if (value < 0) buffer_put_u8(out, '-');
    buffer_put(out, digits + at, sizeof digits - at);
}

void rest_add_text(struct buffer *out, const char *name, const char *value)
{
    rest_key(out, name);
    json_write_string(out, value, strlen(value));
}

void rest_add_bool(struct buffer *out, const char *name, bool value)
{
    rest_key(out, name);
    rest_raw(out, value ? "true" : "false");
}

void rest_add_int(struct buffer *out, const char *name, int64_t value)
{
    rest_key(out, name);
    rest_int64(out, value);
}

void rest_add_id(const struct rest *rest, const char *name, int64_t value)
{
    rest_key(rest->out, name);
    if (rest->int64_text) buffer_put_u8(rest->out, '"');
    rest_int64(rest->out, value);
    if (rest->int64_text) buffer_put_u8(rest->out, '"');
}

void rest_names(struct buffer *out, char *const *names, size_t count)
{
    rest_raw(out, "[");
    for (size_t i = 0; i < count; i++) {
        rest_comma(out);
        json_write_string(out, names[i], strlen(names[i]));
    }
    rest_raw(out, "]");
}

void rest_pairs(struct buffer *out, MilvusPair *const *pairs, size_t count)
{
    rest_raw(out, "[");
    for (size_t i = 0; i < count; i++) {
        rest_comma(out);
        rest_raw(out, "{");
        rest_add_text(out, "key", pairs[i]->key);
        rest_add_text(out, "value", pairs[i]->value);
        rest_raw(out, "}");
    }
    rest_raw(out, "]");
}

void rest_base64(struct buffer *out, const uint8_t *data, size_t len)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t *to = buffer_extend(out, (len + 2) / 3 * 4 + 2);
    if (!to) return;
    *to++ = '"';
    for (size_t i = 0; i < len; i += 3) {
        const size_t have = len - i < 3 ? len - i : 3;
        uint32_t bits = (uint32_t)data[i] << 16;
        if (have > 1) bits |= (uint32_t)data[i + 1] << 8;
        if (have > 2) bits |= data[i + 2];
        to[0] = (uint8_t)alphabet[bits >> 18];
        to[1] = (uint8_t)alphabet[bits >> 12 & 63];
        to[2] = have > 1 ? (uint8_t)alphabet[bits >> 6 & 63] : '=';
        to[3] = have > 2 ? (uint8_t)alphabet[bits & 63] : '=';
        to += 4;
    }
    *to = '"';
}
