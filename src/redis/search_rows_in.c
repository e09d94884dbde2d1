/* See search_rows_in.h. */
#include "redis/search_rows_in.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/endian.h"
#include "base/json.h"
#include "cache/hash.h"
#include "model/limits.h"

/* ---- columns ---- */

static size_t rows_for(const struct search_index *index)
{
    size_t bytes = 1, rows;
    for (size_t i = 0; i < index->field_count; i++)
        if (index->fields[i].type == SEARCH_VECTOR) bytes += index->fields[i].dim * sizeof(float);
    rows = ROWS_IN_BYTES / bytes;
    return rows < 1 ? 1 : rows > ROWS_IN_MAX ? ROWS_IN_MAX : rows;
}

static size_t value_bytes(const struct search_field *field)
{
    if (field->type == SEARCH_NUMERIC) return sizeof(double);
    if (field->type == SEARCH_VECTOR) return field->dim * sizeof(float);
    return sizeof(struct kith_str);
}

static int make_columns(const struct search_index *index, size_t rows, struct rows_in *out)
{
    out->column_count = index->field_count + 1;
    out->columns = arena_alloc_array(&out->arena, out->column_count, sizeof *out->columns);
    if (!out->columns) return KITH_ENOMEM;
    for (size_t i = 0; i < out->column_count; i++) {
        const struct search_field *field = i ? &index->fields[i - 1] : NULL;
        uint8_t *valid = arena_alloc_array(&out->arena, rows, 1);
        void *data = arena_alloc_array(&out->arena, rows,
                                       field ? value_bytes(field) : sizeof(struct kith_str));
        char *name = field ? arena_strndup(&out->arena, field->name.data, field->name.len) : NULL;
        if (!valid || !data || (field && !name)) return KITH_ENOMEM;
        memset(data, 0, rows * (field ? value_bytes(field) : sizeof(struct kith_str)));
        out->columns[i] = (struct kith_column){.field = field ? name : SEARCH_KEY_FIELD,
                                               .data = data,
                                               .valid = field ? valid : NULL};
    }
    return 0;
}

/* The column's memory is the batch's own. */
static void *cell(const struct rows_in *out, size_t column, size_t row, size_t bytes)
{
    return (char *)(uintptr_t)out->columns[column].data + row * bytes;
}

static void set_valid(const struct rows_in *out, size_t column, size_t row, bool valid)
{
    ((uint8_t *)(uintptr_t)out->columns[column].valid)[row] = valid;
}

/* ---- values; KITH_EINVAL: a row cannot hold it ---- */

static bool fits_text(struct kith_str text)
{
    return text.len <= LIMIT_VARCHAR_BYTES && (!text.len || utf8_valid(text.data, text.len));
}

static int pack_tags(struct rows_in *out, const struct search_words *words, struct kith_str *to)
{
    size_t bytes = 0;
    if (words->count > LIMIT_ARRAY_ELEMENTS) return KITH_EINVAL;
    for (size_t i = 0; i < words->count; i++) {
        if (!fits_text(words->items[i])) return KITH_EINVAL;
        bytes += 4 + words->items[i].len;
    }
    char *packed = arena_alloc_array(&out->arena, bytes + 1, 1);
    if (!packed) return KITH_ENOMEM;
    *to = (struct kith_str){packed, bytes};
    for (size_t i = 0; i < words->count; i++) {
        le32_put(packed, (uint32_t)words->items[i].len);
        if (words->items[i].len) memcpy(packed + 4, words->items[i].data, words->items[i].len);
        packed += 4 + words->items[i].len;
    }
    return 0;
}

static int copy_text(struct rows_in *out, struct kith_str text, struct kith_str *to)
{
    if (!fits_text(text)) return KITH_EINVAL;
    const char *copy = arena_strndup(&out->arena, text.data ? text.data : "", text.len);
    if (!copy) return KITH_ENOMEM;
    *to = (struct kith_str){copy, text.len};
    return 0;
}

/* Strings of a document, with blanks between. */
static void join_node(const struct json_node *node, struct buffer *text)
{
    if (node->kind == JSON_STRING) {
        if (text->len) buffer_put_u8(text, ' ');
        buffer_put(text, node->text, node->count);
    } else if (node->kind == JSON_ARRAY) {
        for (uint32_t i = 0; i < node->count; i++)
            if (node->items[i].kind == JSON_STRING) join_node(&node->items[i], text);
    }
}

static int read_json_text(struct rows_in *out, const struct search_field *field,
                          struct json_tree *tree, struct kith_str *to)
{
    struct json_matches found = {0};
    struct buffer text;
    buffer_init(&text);
    int rc = json_path_select(&tree->root, field->path, field->path->count, &found);
    for (size_t i = 0; rc == 0 && i < found.count; i++) join_node(found.items[i].node, &text);
    if (rc == 0) rc = buffer_failed(&text) ? KITH_ENOMEM : 0;
    if (rc == 0) rc = copy_text(out, (struct kith_str){(const char *)text.data, text.len}, to);
    json_matches_release(&found);
    buffer_release(&text);
    return rc;
}

/* The index keeps words; the text as it stands is the key's. */
static int read_text(struct rows_in *out, const struct search_index *index,
                     const struct search_field *field, const struct entry *entry,
                     struct kith_str *to)
{
    struct hash_field found;
    if (!entry || entry_type(entry) != (index->json ? VALUE_JSON : VALUE_HASH)) return 0;
    if (index->json) return read_json_text(out, field, entry_value(entry), to);
    if (!hash_get(entry_value(entry), field->identifier, &found)) return 0;
    return copy_text(out, found.value, to);
}

static int put_point(struct rows_in *out, const struct search_value *value, struct kith_str *to)
{
    char text[80];
    (void)snprintf(text, sizeof text, "POINT (%.17g %.17g)", value->number, value->latitude);
    return copy_text(out, str_of(text), to);
}

static int put_value(struct rows_in *out, const struct search_index *index, size_t i,
                     const struct search_doc *doc, const struct entry *entry)
{
    const struct search_field *field = &index->fields[i];
    const struct search_value *value = &doc->values[i];
    void *to = cell(out, i + 1, out->rows, value_bytes(field));
    set_valid(out, i + 1, out->rows, value->there);
    if (!value->there) return 0;
    switch (field->type) {
    case SEARCH_TAG: return pack_tags(out, value->words, to);
    case SEARCH_TEXT: return read_text(out, index, field, entry, to);
    case SEARCH_GEO: return put_point(out, value, to);
    case SEARCH_NUMERIC:
        *(double *)to = value->number;
        return isfinite(value->number) ? 0 : KITH_EINVAL;
    case SEARCH_VECTOR: break;
    }
    for (uint32_t d = 0; d < field->dim; d++)
        if (!isfinite(value->vector[d])) return KITH_EINVAL;
    memcpy(to, value->vector, field->dim * sizeof(float));
    return 0;
}

static int put_row(struct redis *redis, struct rows_in *out, const struct search_index *index,
                   const struct search_doc *doc)
{
    const struct kith_str key = {doc->key, doc->key_len};
    const struct entry *entry = cache_read(redis->cache, 0, key, CACHE_NO_TOUCH | CACHE_NO_STATS);
    int rc = doc->key_len ? 0 : KITH_EINVAL;
    if (rc == 0) rc = copy_text(out, key, cell(out, 0, out->rows, sizeof(struct kith_str)));
    for (size_t i = 0; rc == 0 && i < index->field_count; i++)
        rc = put_value(out, index, i, doc, entry);
    return rc;
}

/* ---- a batch ---- */

static int add_gone(struct rows_in *out, struct kith_str key)
{
    /* A key that is no UTF-8 never became a row. */
    if (key.len == 0 || !fits_text(key)) return 0;
    const char *copy = arena_strndup(&out->arena, key.data, key.len);
    if (!copy) return KITH_ENOMEM;
    out->gone[out->gone_count++] = (struct kith_str){copy, key.len};
    return 0;
}

static int take_gone(struct search_derived *derived, struct rows_in *out)
{
    const void *data;
    size_t it = 0, len;
    uintptr_t value;
    int rc = 0;
    out->gone = arena_alloc_array(&out->arena, ROWS_GONE_MAX + ROWS_IN_MAX, sizeof *out->gone);
    if (!out->gone) return KITH_ENOMEM;
    while (rc == 0 && out->gone_count < ROWS_GONE_MAX &&
           map_next(&derived->gone, &it, &data, &len, &value))
        rc = add_gone(out, (struct kith_str){data, len});
    return rc;
}

int rows_in_take(struct redis *redis, struct search_index *index, struct rows_in *out)
{
    struct search_derived *derived = index->derived;
    const size_t most = rows_for(index);
    size_t looked = 0;
    *out = (struct rows_in){.derived = derived, .epoch = derived->epoch, .last = derived->synced,
                            .empty_first = derived->empty_first};
    arena_init(&out->arena);
    int rc = make_columns(index, most, out);
    if (rc == 0) rc = take_gone(derived, out);
    for (struct search_doc *doc = derived->newer; rc == 0 && doc && looked < most;
         doc = doc->after) {
        rc = put_row(redis, out, index, doc);
        out->rows += rc == 0;
        if (rc == KITH_EINVAL) {
            derived->misfits += !doc->misfit;
            doc->misfit = true;
            rc = add_gone(out, (struct kith_str){doc->key, doc->key_len});
        }
        out->last = doc->seq;
        looked++;
    }
    return rc;
}

int rows_in_write(struct rows_in *batch, struct kith_error *err)
{
    struct kith_collection *handle = batch->derived->handle;
    int rc = 0;
    if (batch->empty_first) rc = kith_collection_truncate(handle, NULL, err);
    if (rc == 0 && batch->gone_count) {
        const struct kith_keys keys = {.count = batch->gone_count, .strings = batch->gone};
        rc = kith_delete(handle, &keys, NULL, NULL, err);
    }
    if (rc || !batch->rows) return rc;
    struct kith_batch rows = KITH_BATCH_INIT;
    rows.rows = batch->rows;
    rows.columns = batch->columns;
    rows.column_count = batch->column_count;
    return kith_upsert(handle, &rows, NULL, NULL, err);
}

void rows_in_release(struct rows_in *batch) { arena_release(&batch->arena); }
