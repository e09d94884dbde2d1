/*
 * RESTful v2: from an exchange to a handler and back. See rest.h; docs/rest.md is for clients.
 *
 * HTTP/1.1, always POST, a JSON object in and out. Errors of the data are HTTP 200 with a code in
 * the body, as clients expect; the status says only what concerns HTTP: 401 who are you, 403 you
 * may not, 404 no such path, 408 too late, 500 no memory. What costs nothing (preflight requests,
 * unknown paths) is answered on the loop's thread, everything else on a worker.
 */
#include "milvus/rest.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proto/wire.h"

#define TIMEOUT_MS 30000 /* without a Request-Timeout */

static void add_headers(struct exchange *exchange)
{
    exchange_add_header(exchange, "Access-Control-Allow-Origin", "*");
    exchange_add_header(exchange, "Access-Control-Allow-Credentials", "true");
    exchange_add_header(exchange, "Access-Control-Allow-Headers",
                        "Content-Type, Content-Length, Authorization, Accept, DB-Name, "
                        "Request-Timeout, Accept-Type-Allow-Int64");
    exchange_add_header(exchange, "Access-Control-Allow-Methods", "POST, OPTIONS");
    exchange_add_header(exchange, "X-Content-Type-Options", "nosniff");
    exchange_add_header(exchange, "Content-Type", "application/json; charset=utf-8");
}

/* ---- failures ---- */

void rest_fail_status(struct rest *rest, int code, const char *text)
{
    if (rest->failed) return;
    rest->failed = true;
    rest->code = code;
    if (code == MILVUS_DEADLINE) {
        exchange_set_status(rest->exchange, 408);
        text = "request timeout";
    }
    buffer_clear(rest->out);
    rest_raw(rest->out, "{");
    rest_add_int(rest->out, "code", code);
    rest_add_text(rest->out, "message", text);
}

void rest_fail(struct rest *rest, int code, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    rest_fail_status(rest, code, text);
}

void rest_no_memory(struct rest *rest)
{
    rest_fail(rest, MILVUS_MEMORY_LIMIT, "memory limit exceeded");
}

bool rest_forgive(struct rest *rest, int code)
{
    if (!rest->failed || rest->code != code) return false;
    rest->failed = false;
    buffer_clear(rest->out);
    rest_raw(rest->out, "{\"code\":0");
    return true;
}

static void fail_unpermitted(struct rest *rest, const char *text)
{
    exchange_set_status(rest->exchange, 403);
    rest_fail_status(rest, MILVUS_NOT_PERMITTED, text);
}

/* ---- RPCs ---- */

static const struct milvus_rpc *find_rpc(struct rest *rest, const char *name)
{
    const struct milvus_rpc *rpc = milvus_rpc_find(name, strlen(name));
    if (!rpc) rest_fail(rest, MILVUS_UNIMPLEMENTED, "service unimplemented: %s", name);
    return rpc;
}

static bool permit(struct rest *rest, const struct milvus_rpc *rpc, const char *collection)
{
    const char *text = "permission deny";
    if (milvus_permit(&rest->call, rpc, collection, &text)) return true;
    fail_unpermitted(rest, text);
    return false;
}

/* Whose or what a privilege is asked for. */
static const char *object_of(struct rest *rest, enum auth_object object, const char *collection)
{
    if (object == AUTH_USER) return rest_text(rest, &rest->body, REST_USER_NAME);
    return object == AUTH_COLLECTION ? collection : NULL;
}

/* Sets a field from a key of the body; other types than text are the handler's. */
static void fill(struct rest *rest, enum rest_key key, const ProtobufCFieldDescriptor *field,
                 char *request)
{
    if (field->type != PROTOBUF_C_TYPE_STRING || (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
        return;
    if (field->label != PROTOBUF_C_LABEL_REPEATED) {
        char *text = rest_text(rest, &rest->body, key);
        memcpy(request + field->offset, &text, sizeof text);
        return;
    }
    size_t count;
    char **texts = rest_value_texts(rest, &rest->body.at[key], &count);
    memcpy(request + field->offset, &texts, sizeof texts);
    memcpy(request + field->quantifier_offset, &count, sizeof count);
}

static void fill_all(struct rest *rest, const ProtobufCMessageDescriptor *type, char *request)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(type, "db_name");
    if (field)
        memcpy(request + field->offset, (const void *)&rest->call.database,
               sizeof rest->call.database);
    for (size_t i = 0; i < REST_KEY_COUNT; i++) {
        if (!rest_has(&rest->body, (enum rest_key)i) || !rest_key_fields[i]) continue;
        field = protobuf_c_message_descriptor_get_field_by_name(type, rest_key_fields[i]);
        if (field) fill(rest, (enum rest_key)i, field, request);
    }
}

void *rest_request(struct rest *rest, const char *name)
{
    const struct milvus_rpc *rpc = rest->failed ? NULL : find_rpc(rest, name);
    if (!rpc) return NULL;
    ProtobufCMessage *request = arena_alloc(rest->call.arena, rpc->request->sizeof_message);
    if (!request) {
        rest_no_memory(rest);
        return NULL;
    }
    protobuf_c_message_init(rpc->request, request);
    fill_all(rest, rpc->request, (char *)request);
    return rest->failed ? NULL : request;
}

static bool check_status(struct rest *rest, const MilvusStatus *status)
{
    if (!status || (status->code == 0 && status->error_code == 0)) return true;
    rest_fail_status(rest, status->code ? status->code : MILVUS_PLAIN, status->reason);
    return false;
}

static int unpacked(struct rest *rest, const struct milvus_rpc *rpc,
                    const ProtobufCMessage *request, ProtobufCMessage **out)
{
    ProtobufCMessage *reply = arena_alloc(rest->call.arena, rpc->reply->sizeof_message);
    if (!reply) return KITH_ENOMEM;
    protobuf_c_message_init(rpc->reply, reply);
    rpc->handle(&rest->call, request, reply);
    *out = reply;
    return 0;
}

const void *rest_run(struct rest *rest, const char *name, const void *request)
{
    const struct milvus_rpc *rpc = rest->failed || !request ? NULL : find_rpc(rest, name);
    if (!rpc) return NULL;
    const char *collection = milvus_request_text(request, "collection_name");
    ProtobufCMessage *reply;
    if (!permit(rest, rpc, object_of(rest, rpc->object, collection))) return NULL;
    if (!rpc->handle) {
        rest_fail(rest, MILVUS_INTERNAL, "service internal error: %s has no structure", name);
        return NULL;
    }
    if (unpacked(rest, rpc, request, &reply)) {
        rest_no_memory(rest);
        return NULL;
    }
    const MilvusStatus *status = milvus_reply_status(reply);
    milvus_count_call(&rest->call, rpc, !status || status->code == 0);
    return check_status(rest, status) ? reply : NULL;
}

static int run_unpacked(struct rest *rest, const struct milvus_rpc *rpc, struct kith_str bytes,
                        struct buffer *out)
{
    ProtobufCAllocator allocator = milvus_allocator(rest->call.arena);
    ProtobufCMessage *reply, *request = protobuf_c_message_unpack(
                                 rpc->request, &allocator, bytes.len, (const uint8_t *)bytes.data);
    if (!request) return KITH_EINVAL;
    const int rc = unpacked(rest, rpc, request, &reply);
    if (rc) return rc;
    const size_t len = protobuf_c_message_get_packed_size(reply);
    uint8_t *room = buffer_extend(out, len);
    if (!room && len) return KITH_ENOMEM;
    if (len) (void)protobuf_c_message_pack(reply, room);
    return 0;
}

/* The status is field 1 of every reply that has one. */
static bool check_reply(struct rest *rest, const struct buffer *reply)
{
    struct wire wire;
    struct wire_field field;
    if (reply->len == 0) return true;
    wire_init(&wire, reply->data, reply->len);
    if (wire_next(&wire, &field) != 1 || field.number != 1 ||
        field.type != WIRE_BYTES || field.len == 0)
        return true;
    ProtobufCAllocator allocator = milvus_allocator(rest->call.arena);
    const MilvusStatus *status =
        milvus__proto__common__status__unpack(&allocator, field.len, field.data);
    if (!status) rest_no_memory(rest);
    return status && check_status(rest, status);
}

int rest_run_bytes(struct rest *rest, const char *name, const struct buffer *request,
                   struct buffer *reply)
{
    if (buffer_failed(request)) rest_no_memory(rest);
    const struct milvus_rpc *rpc = rest->failed ? NULL : find_rpc(rest, name);
    if (!rpc || !permit(rest, rpc, rest_text(rest, &rest->body, REST_COLLECTION_NAME)))
        return KITH_EINVAL;
    const struct kith_str bytes = { request->len ? (const char *)request->data : "", request->len };
    const int rc = rpc->raw ? rpc->raw(&rest->call, bytes, reply)
                            : run_unpacked(rest, rpc, bytes, reply);
    if (rc == KITH_EUNSUPPORTED)
        fail_unpermitted(rest, rest->call.refusal ? rest->call.refusal : "permission deny");
    else if (rc == KITH_EINVAL)
        rest_fail(rest, MILVUS_INVALID, "the request is no message of this RPC");
    else if (rc || buffer_failed(reply)) rest_no_memory(rest);
    const bool good = !rest->failed && check_reply(rest, reply);
    milvus_count_call(&rest->call, rpc, good);
    return good ? 0 : KITH_EINVAL;
}

void rest_plain(struct rest *rest)
{
    (void)rest_run(rest, rest->route->rpc, rest_request(rest, rest->route->rpc));
}

REST_HANDLER(later)
{
    rest_fail(rest, MILVUS_UNIMPLEMENTED, "service unimplemented: %s", rest->route->path);
}

/* ---- one request ---- */

static bool is_empty(const struct json_value *value)
{
    return !value->text || (value->kind == JSON_STRING && value->len == 2) ||
           (value->kind == JSON_ARRAY && rest_value_count(value) == 0);
}

static bool check_required(struct rest *rest)
{
    for (size_t i = 0; i < REST_REQUIRED_MAX && rest->route->required[i]; i++) {
        const size_t key = rest->route->required[i] - 1u;
        if (!is_empty(&rest->body.at[key])) continue;
        char name[32];
        (void)snprintf(name, sizeof name, "%s", rest_key_names[key]);
        if (name[0] >= 'a') name[0] = (char)(name[0] - 'a' + 'A');
        rest_fail(rest, 1802,
                  "missing required parameters, error: Key: 'Request.%s' Error:Field validation "
                  "for '%s' failed on the 'required' tag", name, name);
        return false;
    }
    return true;
}

static bool read_body(struct rest *rest)
{
    const struct kith_str body = exchange_body(rest->exchange);
    if (body.len == 0) {
        rest_fail(rest, 1801, "can only accept json format request, the request body should be "
                              "nil, however {} is valid");
        return false;
    }
    if (!utf8_valid(body.data, body.len) || !rest_scan(rest, body.data, body.len, &rest->body)) {
        struct kith_error err = { .text = "the body is no JSON object" };
        (void)!json_validate(body.data, body.len, &err);
        rest_fail(rest, 1801, "can only accept json format request, error: %s", err.text);
        return false;
    }
    const char *database = rest_text(rest, &rest->body, REST_DB_NAME);
    if (*database) rest->call.database = database;
    return !rest->failed && check_required(rest);
}

static bool may_call(struct rest *rest)
{
    const struct milvus_rpc rule = { .privilege = rest->route->privilege,
                                     .object = rest->route->object };
    const char *collection = rest_text(rest, &rest->body, REST_COLLECTION_NAME);
    return permit(rest, &rule, object_of(rest, rest->route->object, collection));
}

/* Whether int64 go out as text: the header decides, then the server's option. */
static bool int64_as_text(struct exchange *exchange, const struct milvus *milvus)
{
    const struct kith_str header = exchange_header(exchange, "accept-type-allow-int64");
    if (header.len == 0) return !milvus->opts.rest_int64_numbers;
    return header.data[0] == 'f' || header.data[0] == 'F' || header.data[0] == '0';
}

static void rest_init(struct rest *rest, struct milvus *milvus, struct exchange *exchange)
{
    rest->failed = false;
    rest->exchange = exchange;
    rest->out = exchange_reply(exchange);
    rest->route = rest_route_find(exchange_path(exchange));
    rest->int64_text = int64_as_text(exchange, milvus);
    milvus_call_init(&rest->call, milvus, exchange);
    rest->limits = *rest->call.call;
    if (rest->limits.timeout_ms == 0) rest->limits.timeout_ms = TIMEOUT_MS;
    rest->call.call = &rest->limits;
}

static void answer(struct rest *rest)
{
    int grpc_status;
    const char *text;
    if (!milvus_authenticate(&rest->call, rest->exchange, true, &grpc_status, &text)) {
        exchange_set_status(rest->exchange, 401);
        rest_fail_status(rest, 1800, "user hasn't authenticated");
        return;
    }
    if (!read_body(rest) || !may_call(rest)) return;
    rest_raw(rest->out, "{\"code\":0");
    const size_t empty = rest->out->len;
    rest->route->handle(rest);
    if (!rest->failed && rest->out->len == empty) rest_raw(rest->out, ",\"data\":{}");
}

static void run(void *ctx, struct exchange *exchange)
{
    struct rest rest;
    rest_init(&rest, ctx, exchange);
    answer(&rest);
    rest_raw(rest.out, "}");
    add_headers(exchange);
    if (buffer_failed(rest.out)) {
        buffer_clear(rest.out);
        exchange_set_status(exchange, 500);
        rest_raw(rest.out, "{\"code\":500}");
    }
    exchange_end(exchange);
}

static void refuse(struct exchange *exchange, int http_status, const char *json)
{
    exchange_set_status(exchange, http_status);
    rest_raw(exchange_reply(exchange), json);
    add_headers(exchange);
    exchange_end(exchange);
}

static bool is(struct kith_str text, const char *word)
{
    return text.len == strlen(word) && memcmp(text.data, word, text.len) == 0;
}

void milvus_rest(struct milvus *milvus, struct exchange *exchange)
{
    if (is(exchange_method(exchange), "OPTIONS"))
        refuse(exchange, 204, "");
    else if (!is(exchange_method(exchange), "POST") || !rest_route_find(exchange_path(exchange)))
        refuse(exchange, 404, "{\"code\":404,\"message\":\"404 page not found\"}");
    else if (net_work(exchange, run, milvus))
        refuse(exchange, 200, "{\"code\":4,\"message\":\"too many concurrent requests, queue is "
                              "full\"}");
}
