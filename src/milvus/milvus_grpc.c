/*
 * gRPC: the path names the RPC, the metadata say who calls, the body is the request message. All of
 * it runs on a worker; nothing blocks a loop.
 *
 * A status of gRPC other than 0 is for the transport only (unknown names, credentials, privileges,
 * deadlines): clients repeat most of them for minutes, so what the data has to say travels in the
 * reply's own status.
 */
#include <stdio.h>
#include <string.h>

#include "milvus/milvus_internal.h"
#include "proto/grpc.h"
#include "proto/wire.h"

static void fail(struct exchange *exchange, int grpc_status, const char *text)
{
    exchange_set_grpc_status(exchange, grpc_status, text);
    exchange_end(exchange);
}

/* "/<service>/<method>" */
static bool split_path(struct kith_str path, struct kith_str *service, struct kith_str *method)
{
    if (path.len < 2 || path.data[0] != '/') return false;
    const char *slash = memchr(path.data + 1, '/', path.len - 1);
    if (!slash) return false;
    *service = (struct kith_str){ path.data + 1, (size_t)(slash - path.data) - 1 };
    *method = (struct kith_str){ slash + 1, path.len - service->len - 2 };
    return true;
}

static bool is(struct kith_str text, const char *word)
{
    return text.len == strlen(word) && memcmp(text.data, word, text.len) == 0;
}

static void unknown(struct exchange *exchange, struct kith_str service, struct kith_str method)
{
    char text[256];
    const int a = service.len > 100 ? 100 : (int)service.len;
    const int b = method.len > 100 ? 100 : (int)method.len;
    if (is(service, MILVUS_SERVICE))
        (void)snprintf(text, sizeof text, "unknown method %.*s for service %s", b, method.data,
                       MILVUS_SERVICE);
    else (void)snprintf(text, sizeof text, "unknown service %.*s", a, service.data);
    fail(exchange, GRPC_UNIMPLEMENTED, text);
}

/* A string field of the request by its protobuf name; NULL: it has none, or it is empty. */
const char *milvus_request_text(const ProtobufCMessage *request, const char *name)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(request->descriptor, name);
    if (!field || field->type != PROTOBUF_C_TYPE_STRING ||
        field->label == PROTOBUF_C_LABEL_REPEATED)
        return NULL;
    const char *text;
    memcpy(&text, (const char *)request + field->offset, sizeof text);
    return text && *text ? text : NULL;
}

static void pack(const ProtobufCMessage *reply, struct buffer *out)
{
    const size_t len = protobuf_c_message_get_packed_size(reply);
    uint8_t *room = buffer_extend(out, len);
    if (room && len) (void)protobuf_c_message_pack(reply, room);
}

/* The reply's own status, when it is a field of it or the reply itself; NULL: it has none. */
const MilvusStatus *milvus_reply_status(const ProtobufCMessage *reply)
{
    if (reply->descriptor == &milvus__proto__common__status__descriptor)
        return (const MilvusStatus *)reply;
    const MilvusStatus *status = NULL;
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(reply->descriptor, "status");
    if (!field) /* of AlterCollectionSchema */
        field =
            protobuf_c_message_descriptor_get_field_by_name(reply->descriptor, "alter_status");
    if (field && field->type == PROTOBUF_C_TYPE_MESSAGE)
        memcpy(&status, (const char *)reply + field->offset, sizeof status);
    return status;
}

static bool succeeded(const ProtobufCMessage *reply)
{
    const MilvusStatus *status = milvus_reply_status(reply);
    return !status || status->code == 0;
}

/* Two calls that look at once find the same series. */
static struct metric *series_of(struct metrics *metrics, _Atomic(struct metric *) *found,
                                const struct milvus_rpc *rpc, const char *status)
{
    struct metric *metric = atomic_load_explicit(found, memory_order_acquire);
    char labels[128];
    if (metric) return metric;
    (void)snprintf(labels, sizeof labels, "function_name=\"%s\"%s%s%s", rpc->name,
                   status ? ",status=\"" : "", status ? status : "", status ? "\"" : "");
    metric = status ? metrics_get(metrics, METRIC_COUNTER, "milvus_proxy_req_count",
                                  "Calls by RPC and outcome.", labels)
                    : metrics_get(metrics, METRIC_HISTOGRAM, "milvus_proxy_req_latency",
                                  "Milliseconds of a call.", labels);
    atomic_store_explicit(found, metric, memory_order_release);
    return metric;
}

void milvus_count_call(struct milvus_call *call, const struct milvus_rpc *rpc, bool success)
{
    struct milvus_rpc_series *series = &call->milvus->series[milvus_rpc_place(rpc)];
    struct metrics *metrics = call->milvus->opts.metrics;
    metric_add(success ? series_of(metrics, &series->succeeded, rpc, "success")
                       : series_of(metrics, &series->failed, rpc, "fail"),
               1);
    const double ms = (double)(os_now_us(call->milvus->opts.os) - call->started_us) / 1000;
    metric_observe(series_of(metrics, &series->latency, rpc, NULL), ms);
}

/* What the request is about, by the names that its messages have for it. */
static const char *target_of(const ProtobufCMessage *request, enum auth_object object)
{
    static const char *const names[] = { "collection_name", "collectionName", "oldName" };
    if (object == AUTH_USER) return milvus_request_text(request, "username");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *text = milvus_request_text(request, names[i]);
        if (text) return text;
    }
    return NULL;
}

static void run_message(struct milvus_call *call, const struct milvus_rpc *rpc,
                        struct exchange *exchange)
{
    ProtobufCAllocator allocator = milvus_allocator(call->arena);
    const struct kith_str body = exchange_body(exchange);
    ProtobufCMessage *request =
        message_check(rpc->request, body)
            ? protobuf_c_message_unpack(rpc->request, &allocator, body.len,
                                        (const uint8_t *)body.data)
            : NULL;
    ProtobufCMessage *reply = arena_alloc(call->arena, rpc->reply->sizeof_message);
    if (!request || !reply) {
        fail(exchange, request ? GRPC_RESOURCE_EXHAUSTED : GRPC_INVALID_ARGUMENT,
             request ? "no memory for the reply" : "the request is no message of this RPC");
        return;
    }
    const char *database = milvus_request_text(request, "db_name");
    const char *text;
    if (!database) database = milvus_request_text(request, "dbName");
    if (database) call->database = database;
    if (!milvus_permit(call, rpc, target_of(request, rpc->object), &text)) {
        fail(exchange, GRPC_PERMISSION_DENIED, text);
        return;
    }
    protobuf_c_message_init(rpc->reply, reply);
    rpc->handle(call, request, reply);
    pack(reply, exchange_reply(exchange));
    milvus_count_call(call, rpc, succeeded(reply));
    exchange_end(exchange);
}

/* The same of bytes: the status is field 1 of every reply that has one, its code is field 3, and
 * the legacy code field 1. */
static bool succeeded_raw(const struct buffer *reply)
{
    struct wire wire;
    struct wire_field field;
    if (reply->len == 0) return true;
    wire_init(&wire, reply->data, reply->len);
    if (wire_next(&wire, &field) != 1 || field.number != 1 || field.type != WIRE_BYTES) return true;
    wire_init(&wire, field.data, field.len);
    while (wire_next(&wire, &field) == 1)
        if ((field.number == 1 || field.number == 3) && field.type == WIRE_VARINT && field.value)
            return false;
    return true;
}

static void run_raw(struct milvus_call *call, const struct milvus_rpc *rpc,
                    struct exchange *exchange)
{
    const int rc = rpc->raw(call, exchange_body(exchange), exchange_reply(exchange));
    milvus_count_call(call, rpc, rc == 0 && succeeded_raw(exchange_reply(exchange)));
    if (rc == KITH_EINVAL)
        fail(exchange, GRPC_INVALID_ARGUMENT, "the request is no message of this RPC");
    else if (rc == KITH_EUNSUPPORTED)
        fail(exchange, GRPC_PERMISSION_DENIED, call->refusal ? call->refusal : "permission deny");
    else if (rc) fail(exchange, GRPC_RESOURCE_EXHAUSTED, "no memory for the call");
    else exchange_end(exchange);
}

static void run(void *ctx, struct exchange *exchange)
{
    struct kith_str service = { "", 0 }, method = { "", 0 };
    struct milvus_call call;
    int grpc_status;
    const char *text;
    milvus_call_init(&call, ctx, exchange);
    (void)split_path(exchange_path(exchange), &service, &method);
    const struct milvus_rpc *rpc = milvus_rpc_find(method.data, method.len);
    if (!milvus_authenticate(&call, exchange, false, &grpc_status, &text))
        fail(exchange, grpc_status, text);
    else if (rpc->raw) run_raw(&call, rpc, exchange);
    else run_message(&call, rpc, exchange);
}

static void health(struct exchange *exchange)
{
    static const uint8_t serving[] = { 0x08, 0x01 }; /* HealthCheckResponse{status SERVING} */
    buffer_put(exchange_reply(exchange), serving, sizeof serving);
    exchange_end(exchange);
}

void milvus_grpc(struct milvus *milvus, struct exchange *exchange)
{
    struct kith_str service = { "", 0 }, method = { "", 0 };
    if (!split_path(exchange_path(exchange), &service, &method)) {
        fail(exchange, GRPC_UNIMPLEMENTED, "malformed method name");
        return;
    }
    if (is(service, "grpc.health.v1.Health") && is(method, "Check")) {
        health(exchange);
        return;
    }
    if (!is(service, MILVUS_SERVICE) || !milvus_rpc_find(method.data, method.len)) {
        unknown(exchange, service, method);
        return;
    }
    if (net_work(exchange, run, milvus))
        fail(exchange, GRPC_RESOURCE_EXHAUSTED, "too many calls are waiting; try again");
}
