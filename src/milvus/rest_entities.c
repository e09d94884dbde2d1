/*
 * entities/insert, upsert, delete, query and get. Searches are in rest_search.c.
 */
#include <string.h>
#include <strings.h>

#include "milvus/rest.h"
#include "proto/wire.h"

enum { QUERY_LIMIT_DEFAULT = 100 };

/* ---- what a write did ---- */

struct written { /* parts of MutationResult */
    struct wire int_ids, str_ids;
    int64_t inserted, deleted, upserted;
};

static void take_ids(struct written *to, const struct wire_field *ids)
{
    struct wire inner, packed;
    struct wire_field field;
    wire_enter(&inner, ids);
    if (wire_next(&inner, &field) != 1) return;
    if (field.number == 2) wire_enter(&to->str_ids, &field);
    if (field.number != 1) return;
    wire_enter(&packed, &field);
    if (wire_next(&packed, &field) == 1 && field.type == WIRE_BYTES)
        wire_enter(&to->int_ids, &field);
}

static void read_written(const struct buffer *reply, struct written *to)
{
    static const uint8_t nothing[1];
    struct wire wire;
    struct wire_field field;
    memset(to, 0, sizeof *to);
    wire_init(&to->int_ids, nothing, 0);
    to->str_ids = to->int_ids;
    wire_init(&wire, reply->len ? reply->data : nothing, reply->len);
    while (wire_next(&wire, &field) == 1) {
        if (field.number == 2 && field.type == WIRE_BYTES) take_ids(to, &field);
        if (field.number == 6) to->inserted = (int64_t)field.value;
        if (field.number == 7) to->deleted = (int64_t)field.value;
        if (field.number == 8) to->upserted = (int64_t)field.value;
    }
}

static void put_ids(const struct rest *rest, struct written *from, const char *name)
{
    struct buffer *out = rest->out;
    struct wire_field field;
    uint64_t id;
    const char *quote = rest->int64_text ? "\"" : "";
    rest_key(out, name);
    rest_raw(out, "[");
    while (wire_varint(&from->int_ids, &id)) {
        rest_comma(out);
        rest_raw(out, quote);
        rest_int64(out, (int64_t)id);
        rest_raw(out, quote);
    }
    while (wire_next(&from->str_ids, &field) == 1) {
        rest_comma(out);
        json_write_string(out, (const char *)field.data, field.len);
    }
    rest_raw(out, "]");
}

/* ---- insert and upsert ---- */

static void put_head(struct rest *rest, struct buffer *out)
{
    wire_put_text(out, 2, rest->call.database);
    wire_put_text(out, 3, rest_text(rest, &rest->body, REST_COLLECTION_NAME));
    wire_put_text(out, 4, rest_text(rest, &rest->body, REST_PARTITION_NAME));
}

static bool has_rows(struct rest *rest)
{
    const struct json_value *data = &rest->body.at[REST_DATA];
    const bool array = data->text && data->kind == JSON_ARRAY && data->len > 2;
    if (array || (data->text && data->kind == JSON_OBJECT)) return true;
    rest_fail(rest, 1804, "fail to deal the insert data, error: data is required");
    return false;
}

static void write_rows(struct rest *rest, bool upsert)
{
    struct buffer request, reply;
    struct written written;
    size_t rows = 0;
    const bool partial = upsert && rest_bool(rest, &rest->body, REST_PARTIAL_UPDATE, false);
    struct milvus_collection *collection = has_rows(rest) ? rest_collection(rest) : NULL;
    if (!collection) return;
    buffer_init(&request);
    buffer_init(&reply);
    put_head(rest, &request);
    if (rest_rows_in(rest, collection, &rest->body.at[REST_DATA], partial, &request, &rows)) {
        wire_put_varint(&request, 7, rows);
        if (partial) wire_put_varint(&request, 9, 1);
    }
    milvus_collection_unref(collection);
    if (!rest->failed &&
        rest_run_bytes(rest, upsert ? "Upsert" : "Insert", &request, &reply) == 0) {
        read_written(&reply, &written);
        rest_raw(rest->out, ",\"cost\":0,\"data\":{");
        rest_add_int(rest->out, upsert ? "upsertCount" : "insertCount",
                     upsert ? written.upserted : written.inserted);
        put_ids(rest, &written, upsert ? "upsertIds" : "insertIds");
        rest_raw(rest->out, "}");
    }
    buffer_release(&request);
    buffer_release(&reply);
}

REST_HANDLER(entities_insert) { write_rows(rest, false); }
REST_HANDLER(entities_upsert) { write_rows(rest, true); }

REST_HANDLER(entities_delete)
{
    struct buffer request, reply;
    struct written written;
    struct milvus_collection *collection = rest_collection(rest);
    if (!collection) return;
    milvus_collection_unref(collection);
    buffer_init(&request);
    buffer_init(&reply);
    put_head(rest, &request);
    wire_put_text(&request, 5, rest_text(rest, &rest->body, REST_FILTER));
    if (rest_templates(rest, &rest->body.at[REST_EXPR_PARAMS], 8, &request) &&
        rest_run_bytes(rest, "Delete", &request, &reply) == 0) {
        read_written(&reply, &written);
        rest_raw(rest->out, ",\"cost\":0,\"data\":{");
        rest_add_int(rest->out, "deleteCount", written.deleted);
        rest_raw(rest->out, "}");
    }
    buffer_release(&request);
    buffer_release(&reply);
}

/* ---- query and get ---- */

static int read_rows(const struct buffer *reply, struct rest_rows *rows)
{
    static const uint8_t nothing[1];
    struct wire wire;
    struct wire_field field;
    int more, rc = 0;
    wire_init(&wire, reply->len ? reply->data : nothing, reply->len);
    while (rc == 0 && (more = wire_next(&wire, &field)) == 1)
        if (field.number == 2 && field.type == WIRE_BYTES)
            rc = rest_rows_add(rows, field.data, field.len);
    return rc ? rc : more;
}

static void render(struct rest *rest, const struct buffer *reply)
{
    struct rest_rows *rows;
    int rc = rest_rows_new(rest, &rows);
    if (rc == 0) rc = read_rows(reply, rows);
    const size_t count = rc == 0 ? rest_rows_count(rows) : 0;
    rest_raw(rest->out, ",\"cost\":0,\"data\":[");
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rest_comma(rest->out);
        rest_raw(rest->out, "{");
        rc = rest_rows_put(rows, NULL, rest->out);
        rest_raw(rest->out, "}");
    }
    rest_raw(rest->out, "]");
    if (rc) rest_fail(rest, 1805, "fail to parse search result");
}

/* Output fields, "*" when none are named; true: it is a count. */
static bool put_output(struct rest *rest, struct buffer *out)
{
    size_t count;
    char **names = rest_value_texts(rest, &rest->body.at[REST_OUTPUT_FIELDS], &count);
    for (size_t i = 0; i < count; i++) wire_put_bytes(out, 5, names[i], strlen(names[i]));
    if (count == 0) wire_put_text(out, 5, "*");
    return count == 1 && strlen(names[0]) == 8 && strncasecmp(names[0], "count(*)", 8) == 0;
}

static void put_partitions(struct rest *rest, struct buffer *out)
{
    size_t count;
    char **names = rest_value_texts(rest, &rest->body.at[REST_PARTITION_NAMES], &count);
    for (size_t i = 0; i < count; i++) wire_put_bytes(out, 6, names[i], strlen(names[i]));
}

static void put_query(struct rest *rest, const char *filter, bool limited, struct buffer *out)
{
    wire_put_text(out, 2, rest->call.database);
    wire_put_text(out, 3, rest_text(rest, &rest->body, REST_COLLECTION_NAME));
    wire_put_text(out, 4, filter);
    const bool counts = put_output(rest, out);
    put_partitions(rest, out);
    if (limited && (!counts || rest_has(&rest->body, REST_LIMIT)))
        rest_wire_int_pair(out, 9, "limit",
                           rest_int(rest, &rest->body, REST_LIMIT, QUERY_LIMIT_DEFAULT));
    if (limited && rest_has(&rest->body, REST_OFFSET))
        rest_wire_int_pair(out, 9, "offset", rest_int(rest, &rest->body, REST_OFFSET, 0));
    rest_wire_list(rest, &rest->body.at[REST_GROUP_BY_FIELDS], "group_by_fields", 9, out);
    rest_wire_list(rest, &rest->body.at[REST_ORDER_BY_FIELDS], "order_by_fields", 9, out);
    rest_wire_consistency(out, 11, 12, rest_consistency(rest, &rest->body));
}

static void ask(struct rest *rest, const struct buffer *request)
{
    struct buffer reply;
    buffer_init(&reply);
    if (!rest->failed && rest_run_bytes(rest, "Query", request, &reply) == 0) render(rest, &reply);
    buffer_release(&reply);
}

REST_HANDLER(entities_query)
{
    struct buffer request;
    struct milvus_collection *collection = rest_collection(rest);
    if (!collection) return;
    milvus_collection_unref(collection);
    buffer_init(&request);
    put_query(rest, rest_text(rest, &rest->body, REST_FILTER), true, &request);
    (void)rest_templates(rest, &rest->body.at[REST_EXPR_PARAMS], 13, &request);
    ask(rest, &request);
    buffer_release(&request);
}

/* One key of the filter `key in [...]`. */
static bool put_key(struct rest *rest, const struct json_value *id, bool number, struct buffer *out)
{
    int64_t value;
    rest_comma(out);
    if (number) {
        if (!rest_value_int(id, &value)) {
            rest_fail(rest, 1801, "can only accept json format request, error: id is no int64");
            return false;
        }
        rest_int64(out, value);
        return true;
    }
    const char *text = rest_value_any(rest, id);
    if (text) json_write_string(out, text, strlen(text));
    return text != NULL;
}

static bool keys_filter(struct rest *rest, const MilvusField *primary, struct buffer *out)
{
    const struct json_value *ids = &rest->body.at[REST_ID];
    const bool number = primary->data_type == MILVUS__PROTO__SCHEMA__DATA_TYPE__Int64;
    struct json_iter iter;
    struct json_value id;
    rest_raw(out, primary->name);
    rest_raw(out, " in [");
    if (ids->kind != JSON_ARRAY) {
        if (!put_key(rest, ids, number, out)) return false;
    } else {
        json_iter_init(&iter, ids);
        while (json_iter_next(&iter, NULL, &id) == 1)
            if (!put_key(rest, &id, number, out)) return false;
    }
    rest_raw(out, "]");
    buffer_put_u8(out, 0);
    if (buffer_failed(out)) rest_no_memory(rest);
    return !rest->failed;
}

REST_HANDLER(entities_get)
{
    struct buffer request, filter;
    struct milvus_collection *collection = rest_collection(rest);
    if (!collection) return;
    buffer_init(&request);
    buffer_init(&filter);
    if (keys_filter(rest, collection->primary, &filter)) {
        put_query(rest, (const char *)filter.data, false, &request);
        ask(rest, &request);
    }
    milvus_collection_unref(collection);
    buffer_release(&filter);
    buffer_release(&request);
}
