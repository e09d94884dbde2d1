/*
 * Values of filter templates: from messages to the JSON object that the engine takes.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "milvus/milvus_data.h"

#define DEPTH_MAX 16

typedef Milvus__Proto__Schema__TemplateValue TemplateValue;
typedef Milvus__Proto__Schema__TemplateArrayValue TemplateArray;

static void put(struct buffer *out, const char *text) { buffer_put(out, text, strlen(text)); }

static void put_text(struct buffer *out, const char *text)
{
    json_write_string(out, text, strlen(text));
}

static void put_bool(struct buffer *out, bool value) { put(out, value ? "true" : "false"); }

static void put_int(struct buffer *out, int64_t value)
{
    buffer_printf(out, "%lld", (long long)value);
}

/* A whole number keeps its point: to an integer field it is another type. */
static void put_double(struct buffer *out, double value)
{
    if (!isfinite(value)) {
        put(out, "null");
        return;
    }
    const size_t from = out->len;
    json_write_double(out, value);
    if (buffer_failed(out)) return;
    for (size_t i = from; i < out->len; i++)
        if (strchr(".eE", out->data[i])) return;
    put(out, ".0");
}

static void put_comma(struct buffer *out, size_t i)
{
    if (i) put(out, ",");
}

static void put_json(struct buffer *out, const ProtobufCBinaryData *text)
{
    if (json_validate((const char *)text->data, text->len, NULL)) put(out, "null");
    else buffer_put(out, text->data, text->len);
}

static void put_array(struct buffer *out, const TemplateArray *array, unsigned depth);

static void put_elements(struct buffer *out, const TemplateArray *array, unsigned depth)
{
    switch (array->data_case) {
    case MILVUS__PROTO__SCHEMA__TEMPLATE_ARRAY_VALUE__DATA_BOOL_DATA:
        for (size_t i = 0; i < array->bool_data->n_data; i++) {
            put_comma(out, i);
            put_bool(out, array->bool_data->data[i] != 0);
        }
        break;
    case MILVUS__PROTO__SCHEMA__TEMPLATE_ARRAY_VALUE__DATA_LONG_DATA:
        for (size_t i = 0; i < array->long_data->n_data; i++) {
            put_comma(out, i);
            put_int(out, array->long_data->data[i]);
        }
        break;
    case MILVUS__PROTO__SCHEMA__TEMPLATE_ARRAY_VALUE__DATA_DOUBLE_DATA:
        for (size_t i = 0; i < array->double_data->n_data; i++) {
            put_comma(out, i);
            put_double(out, array->double_data->data[i]);
        }
        break;
    case MILVUS__PROTO__SCHEMA__TEMPLATE_ARRAY_VALUE__DATA_STRING_DATA:
        for (size_t i = 0; i < array->string_data->n_data; i++) {
            put_comma(out, i);
            put_text(out, array->string_data->data[i]);
        }
        break;
    case MILVUS__PROTO__SCHEMA__TEMPLATE_ARRAY_VALUE__DATA_ARRAY_DATA:
        for (size_t i = 0; i < array->array_data->n_data; i++) {
            put_comma(out, i);
            put_array(out, array->array_data->data[i], depth + 1);
        }
        break;
    case MILVUS__PROTO__SCHEMA__TEMPLATE_ARRAY_VALUE__DATA_JSON_DATA:
        for (size_t i = 0; i < array->json_data->n_data; i++) {
            put_comma(out, i);
            put_json(out, &array->json_data->data[i]);
        }
        break;
    default: break;
    }
}

static void put_array(struct buffer *out, const TemplateArray *array, unsigned depth)
{
    put(out, "[");
    if (array && depth < DEPTH_MAX) put_elements(out, array, depth);
    put(out, "]");
}

static void put_value(struct buffer *out, const TemplateValue *value)
{
    switch (value->val_case) {
    case MILVUS__PROTO__SCHEMA__TEMPLATE_VALUE__VAL_BOOL_VAL: put_bool(out, value->bool_val); break;
    case MILVUS__PROTO__SCHEMA__TEMPLATE_VALUE__VAL_INT64_VAL:
        put_int(out, value->int64_val);
        break;
    case MILVUS__PROTO__SCHEMA__TEMPLATE_VALUE__VAL_FLOAT_VAL:
        put_double(out, value->float_val);
        break;
    case MILVUS__PROTO__SCHEMA__TEMPLATE_VALUE__VAL_STRING_VAL:
        put_text(out, value->string_val);
        break;
    case MILVUS__PROTO__SCHEMA__TEMPLATE_VALUE__VAL_ARRAY_VAL:
        put_array(out, value->array_val, 0);
        break;
    case MILVUS__PROTO__SCHEMA__TEMPLATE_VALUE__VAL_BYTES_VAL:
        json_write_string(out, (const char *)value->bytes_val.data, value->bytes_val.len);
        break;
    default: put(out, "null"); break;
    }
}

MilvusStatus *milvus_templates_text(struct milvus_call *call,
                                    const struct milvus_template *templates, size_t count,
                                    const char **out)
{
    struct buffer text;
    *out = NULL;
    if (count == 0) return NULL;
    buffer_init(&text);
    put(&text, "{");
    for (size_t i = 0; templates && i < count; i++) {
        if (!templates[i].value) continue;
        if (text.len > 1) put(&text, ",");
        put_text(&text, templates[i].name);
        put(&text, ":");
        put_value(&text, templates[i].value);
    }
    put(&text, "}");
    if (templates && !buffer_failed(&text))
        *out = arena_strndup(call->arena, (const char *)text.data, text.len);
    buffer_release(&text);
    return *out ? NULL : milvus_no_memory(call);
}
