/*
 * One request and its reply: see net.h for the handler's side, net_internal.h for the states.
 */
#include <string.h>

#include "base/alloc.h"
#include "net/net_internal.h"

/* Most requests say so little that their exchange is the only block: a call that waits for a worker
 * is then cheap to hold. */
void *exchange_alloc(struct exchange *exchange, size_t size)
{
    const size_t from = (exchange->room_used + 15) & ~(size_t)15;
    if (from > NET_EXCHANGE_ROOM || size > NET_EXCHANGE_ROOM - from)
        return arena_alloc(&exchange->arena, size);
    exchange->room_used = from + size;
    return exchange->room + from;
}

/* Packed, and with a NUL behind it. */
struct kith_str exchange_str(struct exchange *exchange, const void *data, size_t len)
{
    char *copy;
    if (len < NET_EXCHANGE_ROOM - exchange->room_used) {
        copy = (char *)exchange->room + exchange->room_used;
        exchange->room_used += len + 1;
        if (len) memcpy(copy, data, len);
        copy[len] = 0;
    } else {
        copy = arena_strndup(&exchange->arena, data, len);
    }
    return copy ? (struct kith_str){ copy, len } : (struct kith_str){ NULL, 0 };
}

struct exchange *exchange_new(struct conn *conn, enum exchange_kind kind)
{
    struct exchange *exchange = mem_alloc(sizeof *exchange);
    if (!exchange) return NULL;
    memset(exchange, 0, offsetof(struct exchange, room));
    if (kith_cancel_new(&exchange->cancel)) {
        mem_free(exchange);
        return NULL;
    }
    exchange->loop = conn->loop;
    exchange->net = conn->loop->net;
    exchange->conn = conn;
    exchange->door = conn->door;
    exchange->kind = kind;
    exchange->connection = conn->number;
    memcpy(exchange->peer, conn->peer, sizeof exchange->peer);
    exchange->http_status = 200;
    exchange->deadline_us = OS_FOREVER;
    exchange->started_us = os_now_us(exchange->net->opts.os);
    exchange->call = (struct kith_call){ .size = sizeof exchange->call };
    exchange->call.cancel = exchange->cancel;
    arena_init(&exchange->arena);
    buffer_init(&exchange->reply);
    buffer_init(&exchange->body);
    exchange->next = conn->exchanges;
    if (conn->exchanges) conn->exchanges->prev = exchange;
    conn->exchanges = exchange;
    return exchange;
}

void exchange_detach(struct exchange *exchange)
{
    struct conn *conn = exchange->conn;
    if (!conn) return;
    if (exchange->prev) exchange->prev->next = exchange->next;
    else conn->exchanges = exchange->next;
    if (exchange->next) exchange->next->prev = exchange->prev;
    exchange->prev = exchange->next = NULL;
    exchange->conn = NULL;
    exchange->gone = true;
    conn->held_bytes -= exchange->held_bytes;
    conn->header_bytes -= exchange->header_bytes;
    conn->input_bytes -= exchange->input_bytes;
    kith_cancel_fire(exchange->cancel);
}

void exchange_free(struct exchange *exchange)
{
    exchange_detach(exchange);
    exchange->net->output_bytes -= exchange->reply_bytes;
    exchange->net->unpacked_bytes -= exchange->unpacked_bytes;
    budget_give(NULL, exchange->net, &exchange->input_bytes);
    kith_cancel_free(exchange->cancel);
    grpc_message_release(&exchange->message);
    buffer_release(&exchange->body);
    buffer_release(&exchange->reply);
    arena_release(&exchange->arena);
    mem_free(exchange);
}

/* Grows as headers come: with few, a waiting call keeps to its own room. */
static int make_room(struct exchange *exchange)
{
    const size_t room = exchange->header_room;
    if (exchange->header_count < room) return 0;
    size_t more = room ? room * 2 : NET_HEADERS_FIRST;
    if (more > NET_HEADERS_MAX) more = NET_HEADERS_MAX;
    struct http1_header *grown = exchange_alloc(exchange, more * sizeof *grown);
    if (!grown) return KITH_ENOMEM;
    if (room) memcpy(grown, exchange->headers, room * sizeof *grown);
    exchange->headers = grown;
    exchange->header_room = more;
    return 0;
}

int exchange_put_header(struct exchange *exchange, struct kith_str name, struct kith_str value)
{
    if (exchange->header_count == NET_HEADERS_MAX ||
        !budget_headers(exchange->conn, exchange, name.len + value.len + 32))
        return KITH_ELIMIT;
    if (make_room(exchange)) return KITH_ENOMEM;
    struct http1_header *header = &exchange->headers[exchange->header_count];
    header->name = exchange_str(exchange, name.data, name.len);
    header->value = exchange_str(exchange, value.data, value.len);
    if (!header->name.data || !header->value.data) return KITH_ENOMEM;
    exchange->header_count++;
    return 0;
}

void exchange_set_target(struct exchange *exchange, struct kith_str target)
{
    const char *mark = memchr(target.data, '?', target.len);
    const size_t path = mark ? (size_t)(mark - target.data) : target.len;
    exchange->path = exchange_str(exchange, target.data, path);
    exchange->query = mark ? exchange_str(exchange, mark + 1, target.len - path - 1)
                           : (struct kith_str){ "", 0 };
}

static void take_deadline(struct exchange *exchange)
{
    int64_t us = -1;
    struct kith_str text = exchange_header(exchange, "grpc-timeout");
    if (exchange->kind == EXCHANGE_HTTP) {
        text = exchange_header(exchange, "request-timeout");
        us = 0;
        for (size_t i = 0; i < text.len && i < 6; i++) {
            if (text.data[i] < '0' || text.data[i] > '9') break;
            us = us * 10 + (text.data[i] - '0');
        }
        us *= 1000000;
        if (us == 0) return;
    } else if (!grpc_timeout_parse(text.data, text.len, &us)) {
        return;
    }
    exchange->deadline_us = os_now_us(exchange->net->opts.os) + us;
}

void exchange_start(struct exchange *exchange)
{
    take_deadline(exchange);
    exchange->started_us = os_now_us(exchange->net->opts.os);
    exchange->state = EXCHANGE_RUNNING;
    exchange->net->exchanges++;
    if (exchange->message.compressed) net_unpack_and_handle(exchange);
    else exchange->door->handle(exchange->door->ctx, exchange);
}

/* ---- the handler's side ---- */

enum exchange_kind exchange_kind(const struct exchange *exchange) { return exchange->kind; }
struct kith_str exchange_method(const struct exchange *exchange) { return exchange->method; }
struct kith_str exchange_path(const struct exchange *exchange) { return exchange->path; }
struct kith_str exchange_query(const struct exchange *exchange) { return exchange->query; }
const char *exchange_peer(const struct exchange *exchange) { return exchange->peer; }
uint64_t exchange_connection(const struct exchange *exchange) { return exchange->connection; }
struct arena *exchange_arena(struct exchange *exchange) { return &exchange->arena; }
struct buffer *exchange_reply(struct exchange *exchange) { return &exchange->reply; }

struct kith_str exchange_body(const struct exchange *exchange)
{
    const struct buffer *body =
        exchange->kind == EXCHANGE_GRPC ? &exchange->message.body : &exchange->body;
    return (struct kith_str){ body->len ? (const char *)body->data : "", body->len };
}

struct kith_str exchange_header(const struct exchange *exchange, const char *name)
{
    const size_t len = strlen(name);
    for (size_t i = 0; i < exchange->header_count; i++) {
        const struct http1_header *header = &exchange->headers[i];
        if (header->name.len == len && memcmp(header->name.data, name, len) == 0)
            return header->value;
    }
    return (struct kith_str){ "", 0 };
}

const struct kith_call *exchange_call(const struct exchange *exchange)
{
    struct kith_call *call = &((struct exchange *)(uintptr_t)exchange)->call;
    call->timeout_ms = 0;
    if (exchange->deadline_us == OS_FOREVER) return call;
    const int64_t left = exchange->deadline_us - os_now_us(exchange->net->opts.os);
    call->timeout_ms = left < 1000 ? 1 : left / 1000 > UINT32_MAX ? UINT32_MAX
                                                                  : (uint32_t)(left / 1000);
    return call;
}

static void run_work(void *arg)
{
    struct exchange *exchange = arg;
    exchange->net->queued--;
    if (exchange->gone) { /* nobody waits for it */
        exchange_set_grpc_status(exchange, GRPC_CANCELLED, "the client went away");
        exchange_end(exchange);
    } else if (budget_wait(exchange->net)) {
        exchange->work(exchange->work_ctx, exchange);
    } else {
        exchange_set_status(exchange, 503);
        exchange_add_header(exchange, "Retry-After", "1");
        exchange_set_grpc_status(exchange, GRPC_UNAVAILABLE,
                                 "the server holds too many replies; try again");
        exchange_end(exchange);
    }
}

int net_work(struct exchange *exchange, void (*fn)(void *ctx, struct exchange *exchange), void *ctx)
{
    exchange->work = fn;
    exchange->work_ctx = ctx;
    exchange->net->queued++;
    const int rc = pool_submit(exchange->net->pool, run_work, exchange);
    if (rc) exchange->net->queued--;
    return rc;
}

void exchange_set_status(struct exchange *exchange, int http_status)
{
    exchange->http_status = http_status;
}

void exchange_set_grpc_status(struct exchange *exchange, int grpc_status, const char *text)
{
    exchange->grpc_status = grpc_status;
    struct buffer encoded;
    buffer_init(&encoded);
    grpc_text_encode(&encoded, text);
    exchange->grpc_text =
        buffer_failed(&encoded)
            ? NULL
            : arena_strndup(&exchange->arena, (const char *)encoded.data, encoded.len);
    buffer_release(&encoded);
}

void exchange_add_header(struct exchange *exchange, const char *name, const char *value)
{
    struct reply_header *header = arena_alloc(&exchange->arena, sizeof *header);
    if (!header) return;
    header->name = arena_strndup(&exchange->arena, name, strlen(name));
    header->value = arena_strndup(&exchange->arena, value, strlen(value));
    if (!header->name || !header->value || strpbrk(value, "\r\n")) {
        net_log(exchange->net, 1, "a reply header '%s' was dropped", name);
        return;
    }
    header->next = exchange->reply_headers;
    exchange->reply_headers = header;
}

void exchange_trust(struct exchange *exchange) { exchange->trusted = true; }

void exchange_delay(struct exchange *exchange, unsigned ms)
{
    exchange->delay_ms = ms < NET_DELAY_MS_MAX ? ms : NET_DELAY_MS_MAX;
}

void exchange_end(struct exchange *exchange)
{
    budget_reply(exchange);
    loop_post(exchange->loop, exchange);
}
