/*
 * The columns of a reply out of a result: fields as they are, instants as texts, keys of the
 * dynamic field as one column of objects.
 */
#include <string.h>

#include "base/json.h"
#include "milvus/milvus_data.h"
#include "model/timestamptz.h"

#define META_FIELD_ID 0

MilvusStatus *milvus_times_text(struct milvus_call *call, const struct time_zone *zone,
                                const int64_t *micros, size_t rows, struct milvus_column *out)
{
    struct kith_str *texts = arena_alloc_array(call->arena, rows + 1, sizeof *texts);
    if (!texts) return milvus_no_memory(call);
    for (size_t i = 0; i < rows; i++) {
        char text[TIMESTAMPTZ_TEXT_BYTES];
        texts[i] = (struct kith_str){ "", 0 };
        if (out->valid && !out->valid[i]) continue;
        const size_t len = time_zone_format(zone, micros[i], text);
        texts[i] = (struct kith_str){ arena_strndup(call->arena, text, len), len };
        if (!texts[i].data) return milvus_no_memory(call);
    }
    out->data = texts;
    return NULL;
}

static MilvusStatus *missing(struct milvus_call *call)
{
    return milvus_status(call, MILVUS_INTERNAL, "service internal error: a column is missing");
}

static MilvusStatus *field_column(struct milvus_call *call,
                                  const struct milvus_collection *collection,
                                  const MilvusField *field, const struct kith_result *result,
                                  const struct milvus_times *times, struct milvus_column *out)
{
    const struct kith_column *from = milvus_column_find(result, field->name);
    const struct time_zone *zone;
    if (!from) return missing(call);
    *out = (struct milvus_column){
        .name = field->name,
        .id = field->fieldid,
        .type = (enum kith_type)field->data_type,
        .element = (enum kith_type)field->element_type,
        .dim = from->dim,
        .data = from->data,
        .valid = from->valid,
    };
    if (out->type != KITH_TIMESTAMPTZ) return NULL;
    MilvusStatus *refused = milvus_zone(call, collection, times->zone, &zone);
    if (refused || !times->parts)
        return refused ? refused : milvus_times_text(call, zone, from->data, result->rows, out);
    return milvus_times_parts(call, zone, times->parts, from->data, result->rows, out);
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
        if (!(columns[k] = milvus_column_find(result, output->keys[k]))) return KITH_EINVAL;
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
        const struct kith_column *from = milvus_column_find(result, "$meta");
        out->data = from ? from->data : NULL;
        return from ? 0 : KITH_EINVAL;
    }
    struct kith_str *objects = arena_alloc_array(call->arena, result->rows + 1, sizeof *objects);
    out->data = objects;
    return objects ? keys_column(call, output, result, objects) : KITH_ENOMEM;
}

MilvusStatus *milvus_page_make(struct milvus_call *call, const struct milvus_collection *collection,
                               const struct milvus_output *output, const struct kith_result *result,
                               const struct milvus_times *times, struct milvus_page *out)
{
    MilvusStatus *refused = NULL;
    int rc = 0;
    *out = (struct milvus_page){ .rows = result->rows };
    out->columns = arena_alloc_array(call->arena, output->field_count + 2, sizeof *out->columns);
    if (!out->columns) return milvus_no_memory(call);
    for (size_t i = 0; !refused && i < output->field_count; i++)
        refused = field_column(call, collection, output->fields[i], result, times,
                               &out->columns[out->column_count++]);
    if (!refused && (output->meta || output->key_count))
        rc = dynamic_column(call, output, result, &out->columns[out->column_count++]);
    if (refused || rc == 0) return refused;
    return rc == KITH_ENOMEM ? milvus_no_memory(call) : missing(call);
}
