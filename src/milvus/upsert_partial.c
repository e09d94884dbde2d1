/*
 * Partial upserts: what the request leaves out is read from the rows that are there, and the whole
 * rows are written. A key that is not there is inserted when the request has all that a row needs.
 * Of the dynamic field, keys that are given replace those of the row; the others stay.
 *
 * Two partial upserts of one row at the same time may both read before either writes; the later
 * write wins whole, as between two whole upserts.
 */
#include <string.h>

#include "base/endian.h"
#include "base/json.h"
#include "milvus/milvus_data.h"

struct filling {
    struct milvus_call *call;
    const struct milvus_collection *collection;
    const struct milvus_rows *given;
    const struct kith_result *old;
    const size_t *old_row; /* of each given row; SIZE_MAX: not there */
};

static const struct kith_column *column_of(const struct milvus_rows *rows, const char *name)
{
    for (size_t i = 0; i < rows->column_count; i++)
        if (strcmp(rows->columns[i].field, name) == 0) return &rows->columns[i];
    return NULL;
}

static const struct kith_column *old_column(const struct filling *f, const char *name)
{
    for (size_t i = 0; i < f->old->column_count; i++)
        if (strcmp(f->old->columns[i].field, name) == 0) return &f->old->columns[i];
    return NULL;
}

static size_t cell_bytes(const struct kith_column *column)
{
    switch (column->type) {
    case KITH_BOOL:
    case KITH_INT8: return 1;
    case KITH_INT16: return 2;
    case KITH_INT32:
    case KITH_FLOAT: return 4;
    case KITH_INT64:
    case KITH_DOUBLE:
    case KITH_TIMESTAMPTZ: return 8;
    case KITH_BINARY_VECTOR: return column->dim / 8;
    case KITH_INT8_VECTOR: return column->dim;
    case KITH_FLOAT16_VECTOR:
    case KITH_BFLOAT16_VECTOR: return (size_t)column->dim * 2;
    case KITH_FLOAT_VECTOR: return (size_t)column->dim * 4;
    default: return sizeof(struct kith_str);
    }
}

/* A column of the old rows; rows that are not there are null, if the field can be. */
static MilvusStatus *fill_column(const struct filling *f, const char *name, bool optional,
                                 struct kith_column *out)
{
    const struct kith_column *from = old_column(f, name);
    if (!from) return milvus_no_memory(f->call);
    const size_t bytes = cell_bytes(from), rows = f->given->rows;
    uint8_t *data = arena_zalloc(f->call->arena, rows * bytes + 1);
    uint8_t *valid = arena_alloc(f->call->arena, rows + 1);
    if (!data || !valid) return milvus_no_memory(f->call);
    bool null = false;
    for (size_t i = 0; i < rows; i++) {
        const size_t row = f->old_row[i];
        valid[i] = row != SIZE_MAX && (!from->valid || from->valid[row]);
        null = null || !valid[i];
        if (row == SIZE_MAX && !optional)
            return milvus_status(f->call, MILVUS_INVALID,
                                 "fieldSchema(%.255s) has no corresponding fieldData pass in: "
                                 "invalid parameter",
                                 name);
        if (valid[i])
            memcpy(data + i * bytes, (const uint8_t *)from->data + row * bytes, bytes);
    }
    *out = (struct kith_column){ .field = name, .data = data, .valid = null ? valid : NULL };
    return NULL;
}

/* ---- the dynamic field ---- */

static bool has_key(struct kith_str object, const struct json_value *key)
{
    struct buffer plain;
    struct json_value value;
    buffer_init(&plain);
    bool found = json_unescape(key, &plain) == 0;
    const struct json_step step = { .key = plain.data ? (const char *)plain.data : "",
                                    .key_len = plain.len };
    found = found && json_find(object.data, object.len, &step, 1, &value) == 0;
    buffer_release(&plain);
    return found;
}

static void put_members(struct buffer *out, struct kith_str object, const struct kith_str *except)
{
    struct json_value whole, key, value;
    struct json_iter iter;
    size_t used;
    if (json_read(object.data, object.len, &whole, &used, NULL) || whole.kind != JSON_OBJECT)
        return;
    json_iter_init(&iter, &whole);
    while (json_iter_next(&iter, &key, &value) > 0) {
        if (except && has_key(*except, &key)) continue;
        if (out->len > 1) buffer_put(out, ",", 1);
        buffer_put(out, key.text, key.len);
        buffer_put(out, ":", 1);
        buffer_put(out, value.text, value.len);
    }
}

static MilvusStatus *merge_meta(const struct filling *f, struct kith_column *column)
{
    const struct kith_column *from = old_column(f, "$meta");
    const struct kith_str *given = column->data;
    struct kith_str *merged = arena_alloc_array(f->call->arena, f->given->rows + 1, sizeof *merged);
    if (!merged || !from || column->valid) return column->valid ? NULL : milvus_no_memory(f->call);
    struct buffer text;
    buffer_init(&text);
    for (size_t i = 0; i < f->given->rows; i++) {
        merged[i] = given[i];
        /* What is no object goes on as it is, for the engine to refuse. */
        if (f->old_row[i] == SIZE_MAX || json_validate(given[i].data, given[i].len, NULL)) continue;
        buffer_clear(&text);
        buffer_put(&text, "{", 1);
        put_members(&text, ((const struct kith_str *)from->data)[f->old_row[i]], &given[i]);
        put_members(&text, given[i], NULL);
        buffer_put(&text, "}", 1);
        char *copy = buffer_failed(&text) ? NULL
                                          : arena_strndup(f->call->arena, (const char *)text.data,
                                                          text.len);
        merged[i] = (struct kith_str){ copy, copy ? text.len : 0 };
        if (!copy) break;
    }
    const bool failed = buffer_failed(&text);
    buffer_release(&text);
    column->data = merged;
    return failed ? milvus_no_memory(f->call) : NULL;
}

/* ---- operations on arrays ---- */

static size_t element_bytes(const MilvusField *field, struct kith_str array, size_t at)
{
    switch ((int)field->element_type) {
    case KITH_BOOL:
    case KITH_INT8: return 1;
    case KITH_INT16: return 2;
    case KITH_INT32:
    case KITH_FLOAT: return 4;
    case KITH_VARCHAR: return at + 4 <= array.len ? 4 + (size_t)le32_get(array.data + at) : 4;
    default: return 8;
    }
}

static bool contains(const MilvusField *field, struct kith_str array, struct kith_str element)
{
    for (size_t at = 0; at < array.len;) {
        const size_t len = element_bytes(field, array, at);
        if (len == element.len && at + len <= array.len &&
            memcmp(array.data + at, element.data, len) == 0)
            return true;
        at += len;
    }
    return false;
}

static struct kith_str apply_op(const struct filling *f, const MilvusField *field,
                                enum milvus_op op, struct kith_str old, struct kith_str given)
{
    char *bytes = arena_alloc(f->call->arena, old.len + given.len + 1);
    struct kith_str out = { bytes, 0 };
    if (!bytes) return out;
    for (size_t at = 0; at < old.len;) {
        const struct kith_str element = { old.data + at, element_bytes(field, old, at) };
        at += element.len;
        if (at > old.len || (op == MILVUS_OP_REMOVE && contains(field, given, element))) continue;
        memcpy(bytes + out.len, element.data, element.len);
        out.len += element.len;
    }
    if (op == MILVUS_OP_APPEND && given.len) {
        memcpy(bytes + out.len, given.data, given.len);
        out.len += given.len;
    }
    return out;
}

static MilvusStatus *run_op(const struct filling *f, const struct milvus_field_op *op,
                            struct kith_column *column)
{
    const MilvusField *field = milvus_field_find(f->collection, op->field);
    const struct kith_column *from = old_column(f, op->field);
    if (!field || (int)field->data_type != KITH_ARRAY)
        return milvus_status(f->call, MILVUS_INVALID,
                             "field %.255s is no array: invalid parameter", op->field);
    if (!from || column->valid) return NULL;
    const struct kith_str *given = column->data;
    struct kith_str *made = arena_alloc_array(f->call->arena, f->given->rows + 1, sizeof *made);
    if (!made) return milvus_no_memory(f->call);
    for (size_t i = 0; i < f->given->rows; i++) {
        const size_t row = f->old_row[i];
        const bool there = row != SIZE_MAX && (!from->valid || from->valid[row]);
        const struct kith_str old =
            there ? ((const struct kith_str *)from->data)[row] : (struct kith_str){ "", 0 };
        made[i] = apply_op(f, field, op->op, old, given[i]);
        if (!made[i].data) return milvus_no_memory(f->call);
    }
    column->data = made;
    return NULL;
}

/* ---- the whole ---- */

static bool is_given_as_op(const struct milvus_rows *rows, const char *name)
{
    for (size_t i = 0; i < rows->op_count; i++)
        if (rows->ops[i].op != MILVUS_OP_REPLACE && strcmp(rows->ops[i].field, name) == 0)
            return true;
    return false;
}

/* Fields that are read: those that are not given, and those that are merged with what is there. */
static MilvusStatus *read_old(struct filling *f, struct kith_result **held)
{
    const MilvusSchema *schema = f->collection->record->schema;
    const struct kith_column *key = column_of(f->given, f->collection->primary->name);
    const char **names = arena_alloc_array(f->call->arena, schema->n_fields + 2, sizeof *names);
    struct kith_output output = { .fields = names };
    struct kith_error err = { 0 };
    if (!names) return milvus_no_memory(f->call);
    for (size_t i = 0; i < schema->n_fields; i++) {
        const MilvusField *field = schema->fields[i];
        if (milvus_field_computed(f->collection, field)) continue;
        if (!column_of(f->given, field->name) || is_given_as_op(f->given, field->name))
            names[output.count++] = field->name;
    }
    if (schema->enable_dynamic_field) names[output.count++] = "$meta";
    const bool ints = f->collection->primary->data_type == MILVUS__PROTO__SCHEMA__DATA_TYPE__Int64;
    const struct kith_keys keys = { .count = f->given->rows, .ints = ints ? key->data : NULL,
                                    .strings = ints ? NULL : key->data };
    const int rc =
        kith_get(f->collection->handle, &keys, &output, f->call->call, held, &err);
    if (rc) return milvus_error(f->call, rc, &err);
    f->old = *held;
    size_t *old_row = arena_alloc_array(f->call->arena, f->given->rows + 1, sizeof *old_row);
    if (!old_row) return milvus_no_memory(f->call);
    for (size_t i = 0, next = 0; i < f->given->rows; i++)
        old_row[i] = (*held)->found[i] ? next++ : SIZE_MAX;
    f->old_row = old_row;
    return NULL;
}

static MilvusStatus *fill_missing(const struct filling *f, struct milvus_rows *out)
{
    const MilvusSchema *schema = f->collection->record->schema;
    MilvusStatus *refused = NULL;
    for (size_t i = 0; !refused && i < schema->n_fields; i++) {
        const MilvusField *field = schema->fields[i];
        if (milvus_field_computed(f->collection, field) || column_of(out, field->name)) continue;
        const bool optional = field->nullable || field->default_value;
        refused = fill_column(f, field->name, optional, &out->columns[out->column_count]);
        out->column_count++;
    }
    if (refused || !schema->enable_dynamic_field) return refused;
    for (size_t i = 0; i < out->column_count; i++)
        if (strcmp(out->columns[i].field, "$meta") == 0) return merge_meta(f, &out->columns[i]);
    refused = fill_column(f, "$meta", true, &out->columns[out->column_count]);
    out->column_count++;
    return refused;
}

MilvusStatus *milvus_rows_complete(struct milvus_call *call,
                                   const struct milvus_collection *collection,
                                   const struct milvus_rows *given, struct milvus_rows *out,
                                   struct kith_result **held)
{
    struct filling f = { .call = call, .collection = collection, .given = given };
    const size_t room = given->column_count + collection->record->schema->n_fields + 2;
    *out = *given;
    out->columns = arena_zalloc(call->arena, room * sizeof *out->columns);
    if (!out->columns) return milvus_no_memory(call);
    memcpy(out->columns, given->columns, given->column_count * sizeof *out->columns);
    MilvusStatus *refused = read_old(&f, held);
    for (size_t i = 0; !refused && i < given->op_count; i++)
        for (size_t c = 0; !refused && c < given->column_count; c++)
            if (given->ops[i].op != MILVUS_OP_REPLACE &&
                strcmp(given->ops[i].field, out->columns[c].field) == 0)
                refused = run_op(&f, &given->ops[i], &out->columns[c]);
    return refused ? refused : fill_missing(&f, out);
}
