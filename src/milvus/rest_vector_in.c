/*
 * Vectors in JSON as the bytes of their type: arrays of numbers, base64, {"index": value} and
 * {"indices": [], "values": []}.
 *
 * Numbers are rounded to the nearest value of f32, then for f16 and bf16 to the nearest of those,
 * ties to even, as IEEE 754 has it. Sparse entries are sorted by index; whether indices repeat or
 * values are negative is seen where vectors are checked.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "milvus/rest.h"

const char *rest_floats_in(const struct json_value *value, struct buffer *out, size_t *count)
{
    struct json_iter iter;
    struct json_value element;
    int more;
    *count = 0;
    if (value->kind != JSON_ARRAY) return "an array of numbers is expected";
    /* Two bytes a number at least: one allocation, and no more than twice the text. */
    if (buffer_reserve(out, value->len / 2 * sizeof(float))) return "no memory";
    json_iter_init(&iter, value);
    while ((more = json_iter_next(&iter, NULL, &element)) == 1) {
        if (element.kind != JSON_INT && element.kind != JSON_DOUBLE)
            return "an array of numbers is expected";
        const float number = (float)element.number;
        if (!isfinite(number)) return "value is not a number or infinity";
        buffer_put(out, &number, sizeof number);
        (*count)++;
    }
    return more < 0 ? "an array of numbers is expected" : NULL;
}

static uint16_t to_f16(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint32_t sign = bits >> 16 & 0x8000u, mantissa = bits & 0x7fffffu;
    const int exponent = (int)(bits >> 23 & 255) - 112;
    if (exponent >= 31) return (uint16_t)(sign | 0x7c00u);
    if (exponent < -10) return (uint16_t)sign;
    const uint32_t full = exponent <= 0 ? mantissa | 0x800000u : mantissa;
    const uint32_t shift = exponent <= 0 ? (uint32_t)(14 - exponent) : 13;
    const uint32_t half = 1u << (shift - 1), rest = full & ((1u << shift) - 1);
    uint32_t result = (exponent <= 0 ? 0 : (uint32_t)exponent << 10) + (full >> shift);
    if (rest > half || (rest == half && (result & 1))) result++;
    return (uint16_t)(sign | result);
}

static uint16_t to_bf16(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
}

static const char *halves_in(const struct json_value *value, int type, struct buffer *out,
                             size_t *count)
{
    struct buffer floats;
    buffer_init(&floats);
    const char *problem = rest_floats_in(value, &floats, count);
    for (size_t i = 0; !problem && i < *count; i++) {
        float number;
        memcpy(&number, floats.data + i * sizeof number, sizeof number);
        const uint16_t half = type == KITH_FLOAT16_VECTOR ? to_f16(number) : to_bf16(number);
        if ((half & 0x7fff) >= (type == KITH_FLOAT16_VECTOR ? 0x7c00 : 0x7f80))
            problem = "value is not a number or infinity";
        else buffer_put_u16(out, half);
    }
    buffer_release(&floats);
    return problem;
}

static const char *bytes_in(const struct json_value *value, int low, int high, struct buffer *out,
                            size_t *count)
{
    struct json_iter iter;
    struct json_value element;
    int more;
    *count = 0;
    json_iter_init(&iter, value);
    while ((more = json_iter_next(&iter, NULL, &element)) == 1) {
        if (element.kind != JSON_INT || element.integer < low || element.integer > high)
            return "an array of whole numbers in range is expected";
        buffer_put_u8(out, (uint8_t)element.integer);
        (*count)++;
    }
    return more < 0 ? "an array of numbers is expected" : NULL;
}

/* ---- base64 ---- */

static int digit_of(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool rest_base64_in(const struct json_value *string, struct buffer *out)
{
    struct buffer decoded; /* "\/" is a legal way to write '/' */
    buffer_init(&decoded);
    const char *text = string->text + 1;
    size_t len = string->len - 2;
    bool good = true;
    if (string->has_escapes) {
        good = json_unescape(string, &decoded) == 0;
        text = (const char *)decoded.data;
        len = decoded.len;
    }
    if (good && len % 4 == 0)
        for (int i = 0; i < 2 && len && text[len - 1] == '='; i++) len--;
    uint32_t bits = 0;
    unsigned have = 0;
    for (size_t i = 0; good && i < len; i++) {
        const int digit = digit_of(text[i]);
        good = digit >= 0;
        bits = bits << 6 | (uint32_t)(digit & 63);
        have += 6;
        if (have >= 8) {
            have -= 8;
            buffer_put_u8(out, (uint8_t)(bits >> have));
        }
    }
    buffer_release(&decoded);
    return good && have != 6;
}

/* ---- sparse ---- */

struct entry {
    uint32_t index;
    float value;
};

static int by_index(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return x->index < y->index ? -1 : x->index > y->index;
}

static const char *put_entry(struct buffer *out, bool good, int64_t index, double value)
{
    if (!good) return "a sparse vector is {\"index\": value} or indices and values";
    if (index < 0 || index >= UINT32_MAX)
        return "invalid index in sparse float vector: must be less than 2^32-1";
    const struct entry entry = { (uint32_t)index, (float)value };
    if (!isfinite(entry.value)) return "value is not a number or infinity";
    buffer_put(out, &entry, sizeof entry);
    return NULL;
}

static const char *pairs_in(const struct json_value *indices, const struct json_value *values,
                            struct buffer *out)
{
    struct json_iter left, right;
    struct json_value index, value;
    const char *problem = NULL;
    json_iter_init(&left, indices);
    json_iter_init(&right, values);
    for (;;) {
        int64_t number = 0;
        const int more = json_iter_next(&left, NULL, &index);
        if (more != json_iter_next(&right, NULL, &value) || more < 0)
            return "indices and values of a sparse vector differ in length";
        if (more == 0) return NULL;
        const bool good = rest_value_int(&index, &number) &&
                          (value.kind == JSON_INT || value.kind == JSON_DOUBLE);
        if ((problem = put_entry(out, good, number, value.number))) return problem;
    }
}

static const char *sparse_members(const struct json_value *value, struct buffer *out)
{
    struct json_iter iter;
    struct json_value key, member, indices = { .text = NULL }, values = { .text = NULL };
    const char *problem = NULL;
    json_iter_init(&iter, value);
    while (!problem && json_iter_next(&iter, &key, &member) == 1) {
        int64_t index = 0;
        if (json_string_equals(&key, "indices", 7)) indices = member;
        else if (json_string_equals(&key, "values", 6)) values = member;
        else {
            const bool number = member.kind == JSON_INT || member.kind == JSON_DOUBLE;
            const bool good = rest_value_int(&key, &index) && number;
            problem = put_entry(out, good, index, member.number);
        }
    }
    if (problem || (!indices.text && !values.text)) return problem;
    if (indices.kind != JSON_ARRAY || values.kind != JSON_ARRAY || out->len)
        return "a sparse vector has both indices and values, and nothing else";
    return pairs_in(&indices, &values, out);
}

static const char *sparse_in(const struct json_value *value, struct buffer *out)
{
    struct buffer entries;
    if (value->kind != JSON_OBJECT) return "a sparse vector is an object";
    buffer_init(&entries);
    const char *problem = sparse_members(value, &entries);
    const size_t count = entries.len / sizeof(struct entry);
    if (!problem && count) qsort(entries.data, count, sizeof(struct entry), by_index);
    if (!problem) buffer_put(out, entries.data, entries.len);
    if (buffer_failed(&entries)) problem = "no memory";
    buffer_release(&entries);
    return problem;
}

/* ---- one vector ---- */

static size_t bytes_of(int type, size_t dim)
{
    switch (type) {
    case KITH_BINARY_VECTOR: return dim / 8;
    case KITH_INT8_VECTOR: return dim;
    case KITH_FLOAT_VECTOR: return dim * 4;
    default: return dim * 2;
    }
}

static const char *dense_in(const struct json_value *value, int type, struct buffer *out)
{
    size_t count;
    if (value->kind == JSON_STRING && type != KITH_FLOAT_VECTOR)
        return rest_base64_in(value, out) ? NULL : "the vector is no base64";
    if (value->kind != JSON_ARRAY) return "an array of numbers is expected";
    switch (type) {
    case KITH_FLOAT_VECTOR: return rest_floats_in(value, out, &count);
    case KITH_BINARY_VECTOR: return bytes_in(value, 0, 255, out, &count);
    case KITH_INT8_VECTOR: return bytes_in(value, -128, 127, out, &count);
    default: return halves_in(value, type, out, &count);
    }
}

const char *rest_vector_in(struct rest *rest, const struct json_value *value, int type, size_t dim,
                           struct buffer *out)
{
    struct json_value inner;
    size_t used;
    (void)rest;
    if (value->kind == JSON_STRING && !value->has_escapes && value->len > 2 &&
        (value->text[1] == '[') && /* an array that somebody quoted */
        json_read(value->text + 1, value->len - 2, &inner, &used, NULL) == 0)
        value = &inner;
    if (type == KITH_SPARSE_VECTOR) return sparse_in(value, out);
    const size_t before = out->len;
    const char *problem = dense_in(value, type, out);
    if (problem || dim == 0 || out->len - before == bytes_of(type, dim)) return problem;
    return buffer_failed(out) ? "no memory" : "the dimension is not that of the field";
}
