/*
 * The columns of a reply out of a result: fields as they are, instants as texts, keys of the
 * dynamic field as one column of objects.
 */
#include <string.h>

#include "base/json.h"
#include "milvus/milvus_data.h"
#include "model/timestamptz.h"

#define META_FIELD_ID 0

static const struct kith_column *column_named(const struct kith_result *result, const char *name)
{
    for (size_t i = 0; i < result->column_count; i++)
        if (strcmp(result->columns[i].field, name) == 0) return &result->columns[i];
    return NULL;
}

int milvus_times_text(struct milvus_call *call, const int64_t *micros, const uint8_t *valid,
                      size_t rows, int zone, struct milvus_column *out)
{
    struct kith_str *texts = arena_alloc_array(call->arena, rows + 1, sizeof *texts);
    if (!texts) return KITH_ENOMEM;
    for (size_t i = 0; i < rows; i++) {
        char text[TIMESTAMPTZ_TEXT_BYTES];
        texts[i] = (struct kith_str){ "", 0 };
        if (valid && !valid[i]) continue;
        const size_t len = timestamptz_format(micros[i], zone, text);
        texts[i] = (struct kith_str){ arena_strndup(call->arena, text, len), len };
        if (!texts[i].data) return KITH_ENOMEM;
    }
    out->data = texts;
    return 0;
}

static int field_column(struct milvus_call *call, const MilvusField *field,
                        const struct kith_result *result, int zone, struct milvus_column *out)
{
    const struct kith_column *from = column_named(result, field->name);
    if (!from) return KITH_EINVAL;
    *out = (struct milvus_column){
        .name = field->name,
        .id = field->fieldid,
        .type = (enum kith_type)field->data_type,
        .element = (enum kith_type)field->element_type,
        .dim = from->dim,
        .data = from->data,
        .valid = from->valid,
    };
    if (out->type != KITH_TIMESTAMPTZ) return 0;
    return milvus_times_text(call, from->data, from->valid, result->rows, zone, out);
}

static void put_key(struct buffer *text, const struct milvus_output *output, size_t key,
                    const struct kith_column *column, size_t row)
{
    const struct kith_str *value = &((const struct kith_str *)column->data)[row];
    if (column->valid && !column->valid[row]) return;
    if (text->len > 1) buffer_put(text, ",", 1);
    json_write_string(text, output->keys[key], strlen(output->keys[key]));
    buffer_put(text, ":", 1);
    buffer_put(text, value->data, value->len);
}

/* One object a row, with the keys that it has. */
static int keys_column(struct milvus_call *call, const struct milvus_output *output,
                       const struct kith_result *result, struct kith_str *objects)
{
    struct buffer text;
    int rc = 0;
    const struct kith_column **columns =
        arena_alloc_array(call->arena, output->key_count + 1, sizeof *columns);
    if (!columns) return KITH_ENOMEM;
    for (size_t k = 0; k < output->key_count; k++)
        if (!(columns[k] = column_named(result, output->keys[k]))) return KITH_EINVAL;
    buffer_init(&text);
    for (size_t row = 0; rc == 0 && row < result->rows; row++) {
        buffer_clear(&text);
        buffer_put(&text, "{", 1);
        for (size_t k = 0; k < output->key_count; k++) put_key(&text, output, k, columns[k], row);
        buffer_put(&text, "}", 1);
        char *copy = buffer_failed(&text)
                         ? NULL
                         : arena_strndup(call->arena, (const char *)text.data, text.len);
        objects[row] = (struct kith_str){ copy, text.len };
        if (!copy) rc = KITH_ENOMEM;
    }
    buffer_release(&text);
    return rc;
}

static int dynamic_column(struct milvus_call *call, const struct milvus_output *output,
                          const struct kith_result *result, struct milvus_column *out)
{
    *out = (struct milvus_column){
        .name = "$meta", .id = META_FIELD_ID, .type = KITH_JSON, .dynamic = true
    };
    if (output->meta) {
        const struct kith_column *from = column_named(result, "$meta");
        out->data = from ? from->data : NULL;
        return from ? 0 : KITH_EINVAL;
    }
    struct kith_str *objects = arena_alloc_array(call->arena, result->rows + 1, sizeof *objects);
    out->data = objects;
    return objects ? keys_column(call, output, result, objects) : KITH_ENOMEM;
}

MilvusStatus *milvus_page_make(struct milvus_call *call, const struct milvus_output *output,
                               const struct kith_result *result, int offset_minutes,
                               struct milvus_page *out)
{
    int rc = 0;
    *out = (struct milvus_page){ .rows = result->rows };
    out->columns = arena_alloc_array(call->arena, output->field_count + 2, sizeof *out->columns);
    if (!out->columns) return milvus_no_memory(call);
    for (size_t i = 0; rc == 0 && i < output->field_count; i++)
        rc = field_column(call, output->fields[i], result, offset_minutes,
                          &out->columns[out->column_count++]);
    if (rc == 0 && (output->meta || output->key_count))
        rc = dynamic_column(call, output, result, &out->columns[out->column_count++]);
    if (rc == KITH_ENOMEM) return milvus_no_memory(call);
    return rc ? milvus_status(call, MILVUS_INTERNAL, "service internal error: a column is missing")
              : NULL;
}
