/*
 * Column stores, and what a JSON value means to a column: its kind when kinds are inferred, and
 * its bytes when it is appended.
 *
 * Kinds of different rows combine as: int64 and double are double; vectors of one dimension stay;
 * anything else becomes JSON (JSON lines) or string (CSV). An array of numbers is a vector.
 */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "import/import_internal.h"

const char *import_kind_name(enum import_kind kind)
{
    static const char *const names[] = {"int64", "double", "bool", "string", "json", "f32 vector",
                                        "u8 vector", "i8 vector", "i32 vector"};
    return (size_t)kind < sizeof names / sizeof *names ? names[kind] : "unknown";
}

bool import_kind_is_text(enum import_kind kind)
{
    return kind == IMPORT_STRING || kind == IMPORT_JSON;
}

size_t import_kind_bytes(enum import_kind kind, uint32_t dim)
{
    switch (kind) {
    case IMPORT_I64: return sizeof(int64_t);
    case IMPORT_F64: return sizeof(double);
    case IMPORT_BOOL: return 1;
    case IMPORT_STRING:
    case IMPORT_JSON: return sizeof(struct import_span);
    case IMPORT_VECTOR_F32:
    case IMPORT_VECTOR_I32: return (size_t)dim * 4;
    case IMPORT_VECTOR_U8:
    case IMPORT_VECTOR_I8: return dim;
    }
    return 0;
}

void import_store_clear(struct import_store *store)
{
    buffer_clear(&store->values);
    buffer_clear(&store->nulls);
    buffer_clear(&store->bytes);
    buffer_clear(&store->texts);
    store->has_nulls = false;
}

void import_store_release(struct import_store *store)
{
    buffer_release(&store->values);
    buffer_release(&store->nulls);
    buffer_release(&store->bytes);
    buffer_release(&store->texts);
}

size_t import_store_bytes(const struct import_store *store)
{
    return store->values.len + store->bytes.len;
}

void import_store_null(struct import_store *store, const struct import_column *column)
{
    size_t bytes = import_kind_bytes(column->kind, column->dim);
    uint8_t *room = buffer_extend(&store->values, bytes);
    if (room) memset(room, 0, bytes);
    buffer_put_u8(&store->nulls, 1);
    store->has_nulls = true;
}

void import_store_text(struct import_store *store, const char *text, size_t len)
{
    struct import_span span = {store->bytes.len, len};
    buffer_put(&store->bytes, text, len);
    buffer_put(&store->values, &span, sizeof span);
    buffer_put_u8(&store->nulls, 0);
}

static int put_string(struct import_store *store, const struct json_value *value)
{
    struct import_span span = {store->bytes.len, 0};
    int rc = json_unescape(value, &store->bytes);
    if (rc) return rc;
    span.len = store->bytes.len - span.offset;
    buffer_put(&store->values, &span, sizeof span);
    buffer_put_u8(&store->nulls, 0);
    return 0;
}

static int put_vector(struct import_store *store, uint32_t dim, const struct json_value *array)
{
    struct json_iter iter;
    struct json_value item;
    uint32_t count = 0;
    int rc;
    if (array->kind != JSON_ARRAY) return KITH_EINVAL;
    json_iter_init(&iter, array);
    while ((rc = json_iter_next(&iter, NULL, &item)) == 1) {
        if (item.kind != JSON_INT && item.kind != JSON_DOUBLE) return KITH_EINVAL;
        if (count++ == dim || !isfinite((float)item.number)) return KITH_EINVAL;
        buffer_put_f32(&store->values, (float)item.number);
    }
    if (rc < 0 || count != dim) return KITH_EINVAL;
    buffer_put_u8(&store->nulls, 0);
    return 0;
}

int import_store_json(struct import_store *store, const struct import_column *column,
                      const struct json_value *value)
{
    bool number = value->kind == JSON_INT || value->kind == JSON_DOUBLE;
    uint8_t truth = value->boolean;
    if (value->kind == JSON_NULL) return import_store_null(store, column), 0;
    switch (column->kind) {
    case IMPORT_I64:
        if (value->kind != JSON_INT) return KITH_EINVAL;
        buffer_put(&store->values, &value->integer, sizeof value->integer);
        break;
    case IMPORT_F64:
        if (!number) return KITH_EINVAL;
        buffer_put(&store->values, &value->number, sizeof value->number);
        break;
    case IMPORT_BOOL:
        if (value->kind != JSON_BOOL) return KITH_EINVAL;
        buffer_put_u8(&store->values, truth);
        break;
    case IMPORT_STRING:
        return value->kind == JSON_STRING ? put_string(store, value) : KITH_EINVAL;
    case IMPORT_JSON:
        return import_store_text(store, value->text, value->len), 0;
    case IMPORT_VECTOR_F32:
        return put_vector(store, column->dim, value);
    default:
        return KITH_EINVAL; /* text has no other vectors */
    }
    buffer_put_u8(&store->nulls, 0);
    return 0;
}

static int finish_texts(struct import_store *store)
{
    size_t rows = store->values.len / sizeof(struct import_span);
    const char *bytes = store->bytes.data ? (const char *)store->bytes.data : "";
    for (size_t i = 0; i < rows; i++) {
        struct import_span span;
        memcpy(&span, store->values.data + i * sizeof span, sizeof span);
        struct import_text text = {bytes + span.offset, span.len};
        buffer_put(&store->texts, &text, sizeof text);
    }
    return buffer_failed(&store->texts) ? KITH_ENOMEM : 0;
}

int import_store_finish(struct import_store *store, const struct import_column *column,
                        struct import_values *out)
{
    if (buffer_failed(&store->values) || buffer_failed(&store->nulls) ||
        buffer_failed(&store->bytes)) {
        return KITH_ENOMEM;
    }
    bool text = import_kind_is_text(column->kind);
    int rc = text ? finish_texts(store) : 0;
    if (rc) return rc;
    out->values = text ? store->texts.data : store->values.data;
    out->nulls = store->has_nulls ? store->nulls.data : NULL;
    return 0;
}

static struct import_guess guess_array(const struct json_value *array)
{
    struct json_iter iter;
    struct json_value item;
    uint32_t count = 0;
    json_iter_init(&iter, array);
    while (json_iter_next(&iter, NULL, &item) == 1) {
        bool number = item.kind == JSON_INT || item.kind == JSON_DOUBLE;
        if (!number || count == IMPORT_DIM_MAX) return (struct import_guess){true, IMPORT_JSON, 0};
        count++;
    }
    if (count == 0) return (struct import_guess){true, IMPORT_JSON, 0};
    return (struct import_guess){true, IMPORT_VECTOR_F32, count};
}

struct import_guess import_guess_json(const struct json_value *value)
{
    switch (value->kind) {
    case JSON_NULL: return (struct import_guess){false, IMPORT_STRING, 0};
    case JSON_BOOL: return (struct import_guess){true, IMPORT_BOOL, 0};
    case JSON_INT: return (struct import_guess){true, IMPORT_I64, 0};
    case JSON_DOUBLE: return (struct import_guess){true, IMPORT_F64, 0};
    case JSON_STRING: return (struct import_guess){true, IMPORT_STRING, 0};
    case JSON_ARRAY: return guess_array(value);
    case JSON_OBJECT: break;
    }
    return (struct import_guess){true, IMPORT_JSON, 0};
}

struct import_guess import_guess_merge(struct import_guess a, struct import_guess b,
                                       enum import_kind other)
{
    if (!a.known) return b;
    if (!b.known || (a.kind == b.kind && a.dim == b.dim)) return a;
    bool numbers = (a.kind == IMPORT_I64 || a.kind == IMPORT_F64) &&
                   (b.kind == IMPORT_I64 || b.kind == IMPORT_F64);
    return (struct import_guess){true, numbers ? IMPORT_F64 : other, 0};
}
