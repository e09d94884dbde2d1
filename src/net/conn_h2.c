/*
 * HTTP/2 on a connection, by nghttp2: each stream is one exchange.
 *
 * A request is refused before its body is kept: wrong method or content type (415), too many header
 * bytes (the stream is reset), a message above the limit (grpc-status 8). Replies are framed only
 * as far as NET_OUTPUT_SLICE ahead of the socket, so that a client that asks much and reads little
 * holds one copy of its replies and not two.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "net/net_internal.h"

static nghttp2_nv pair(const char *name, const char *value)
{
    return (nghttp2_nv){ .name = (uint8_t *)(uintptr_t)name,
                         .namelen = strlen(name),
                         .value = (uint8_t *)(uintptr_t)value,
                         .valuelen = strlen(value) };
}

/* ---- replies ---- */

static int submit_plain(struct conn *conn, struct exchange *exchange, int status)
{
    char text[16];
    (void)snprintf(text, sizeof text, "%d", status);
    const nghttp2_nv headers[] = { pair(":status", text) };
    return nghttp2_submit_response(conn->h2, exchange->stream, headers, 1, NULL);
}

/* One HEADERS frame that says it all. */
static int submit_status(struct conn *conn, struct exchange *exchange)
{
    char code[16];
    (void)snprintf(code, sizeof code, "%d", exchange->grpc_status);
    const nghttp2_nv headers[] = {
        pair(":status", "200"), pair("content-type", "application/grpc"),
        pair("grpc-status", code),
        pair("grpc-message", exchange->grpc_text ? exchange->grpc_text : ""),
    };
    return nghttp2_submit_response(conn->h2, exchange->stream, headers, 4, NULL);
}

/* The prefix, the message, then trailers. */
static ssize_t read_reply(nghttp2_session *session, int32_t stream, uint8_t *out, size_t room,
                          uint32_t *flags, nghttp2_data_source *source, void *user)
{
    (void)user;
    struct exchange *exchange = source->ptr;
    size_t len = 0;
    while (exchange->prefix_sent < GRPC_PREFIX_BYTES && len < room)
        out[len++] = exchange->prefix[exchange->prefix_sent++];
    size_t more = exchange->reply.len - exchange->reply_sent;
    if (more > room - len) more = room - len;
    if (more) memcpy(out + len, exchange->reply.data + exchange->reply_sent, more);
    exchange->reply_sent += more;
    exchange->progress_us = os_now_us(exchange->net->opts.os);
    len += more;
    if (exchange->reply_sent == exchange->reply.len) {
        const nghttp2_nv trailers[] = { pair("grpc-status", "0") };
        *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        if (nghttp2_submit_trailer(session, stream, trailers, 1))
            return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    return (ssize_t)len;
}

static int submit_message(struct conn *conn, struct exchange *exchange)
{
    const size_t len = exchange->reply.len;
    exchange->prefix[0] = 0;
    for (unsigned i = 0; i < 4; i++) exchange->prefix[1 + i] = (uint8_t)(len >> (24 - 8 * i));
    const nghttp2_nv headers[] = { pair(":status", "200"),
                                   pair("content-type", "application/grpc") };
    const nghttp2_data_provider provider = { .source = { .ptr = exchange },
                                             .read_callback = read_reply };
    return nghttp2_submit_response(conn->h2, exchange->stream, headers, 2, &provider);
}

void h2_send(struct conn *conn, struct exchange *exchange)
{
    if (exchange->grpc_status == 0 && exchange->reply.len > GRPC_REPLY_BYTES_MAX)
        exchange_set_grpc_status(exchange, GRPC_RESOURCE_EXHAUSTED,
                                 "the reply is larger than 256 MiB");
    if (buffer_failed(&exchange->reply))
        exchange_set_grpc_status(exchange, GRPC_RESOURCE_EXHAUSTED, "no memory for the reply");
    const int rc = exchange->grpc_status ? submit_status(conn, exchange)
                                         : submit_message(conn, exchange);
    if (rc) {
        conn_close(conn);
        return;
    }
    if (!conn_hold(conn, exchange)) return;
    conn_watch_soon(conn);
    h2_pump(conn);
}

/* Requests that do not come to their end, and replies whose reader gives no window for them. */
int64_t h2_sweep(struct conn *conn, int64_t now_us)
{
    const int64_t patience = (int64_t)conn->loop->net->limits.request_timeout_s * 1000000;
    int64_t next_us = OS_FOREVER;
    for (const struct exchange *exchange = conn->exchanges; exchange; exchange = exchange->next) {
        if (exchange->state == EXCHANGE_RUNNING) continue;
        const bool reading = exchange->state == EXCHANGE_READING;
        const int64_t due_us =
            (reading ? exchange->started_us : exchange->progress_us) + patience;
        if (due_us <= now_us)
            (void)nghttp2_submit_rst_stream(conn->h2, NGHTTP2_FLAG_NONE, exchange->stream,
                                            NGHTTP2_CANCEL);
        else if (due_us < next_us) next_us = due_us;
    }
    return next_us;
}

void h2_pump(struct conn *conn)
{
    while (!conn->closing && conn_unsent(conn) < NET_OUTPUT_SLICE) {
        const uint8_t *data;
        const ssize_t len = nghttp2_session_mem_send(conn->h2, &data);
        if (len < 0) conn_close(conn);
        if (len <= 0) return;
        conn_put(conn, data, (size_t)len);
    }
}

/* ---- requests ---- */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct conn *conn = user;
    if (conn->closing) return 0;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    struct exchange *exchange = exchange_new(conn, EXCHANGE_GRPC);
    if (!exchange) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    exchange->stream = frame->hd.stream_id;
    if (!budget_take(conn, &exchange->input_bytes, NET_EXCHANGE_BYTES)) {
        exchange_free(exchange);
        return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                         NGHTTP2_REFUSED_STREAM);
    }
    conn_watch_soon(conn);
    return nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, exchange);
}

static bool is(struct kith_str text, const char *word)
{
    return text.len == strlen(word) && memcmp(text.data, word, text.len) == 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user)
{
    (void)flags;
    struct conn *conn = user;
    if (conn->closing) return 0;
    struct exchange *exchange =
        nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (!exchange || exchange->headers_done) return 0; /* trailers of a request say nothing */
    const struct kith_str key = { (const char *)name, name_len };
    const struct kith_str text = { (const char *)value, value_len };
    const bool path = is(key, ":path"), method = is(key, ":method");
    if ((path || method) && !budget_headers(conn, exchange, value_len))
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (path) exchange_set_target(exchange, text);
    else if (method) exchange->method = exchange_str(exchange, text.data, text.len);
    else if (name_len > 0 && name[0] != ':' && exchange_put_header(exchange, key, text))
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    return 0;
}

static int check_headers(const struct exchange *exchange)
{
    if (!exchange->path.data || !exchange->method.data) return 400;
    const struct kith_str type = exchange_header(exchange, "content-type");
    const size_t grpc = strlen("application/grpc");
    if (!is(exchange->method, "POST")) return 405;
    if (type.len < grpc || memcmp(type.data, "application/grpc", grpc) != 0 ||
        (type.len > grpc && type.data[grpc] != '+' && type.data[grpc] != ';'))
        return 415;
    return 0;
}

static void refuse(struct conn *conn, struct exchange *exchange, int grpc_status, const char *text)
{
    exchange->state = EXCHANGE_ENDED;
    exchange->progress_us = os_now_us(exchange->net->opts.os);
    grpc_message_release(&exchange->message);
    budget_give(conn, conn->loop->net, &exchange->input_bytes);
    exchange_set_grpc_status(exchange, grpc_status, text);
    if (submit_status(conn, exchange)) conn_close(conn);
}

static void end_request(struct conn *conn, struct exchange *exchange)
{
    if (exchange->state != EXCHANGE_READING) return;
    if (exchange->refuse_status) {
        exchange->state = EXCHANGE_ENDED;
        exchange->progress_us = os_now_us(exchange->net->opts.os);
        (void)submit_plain(conn, exchange, exchange->refuse_status);
    } else if (!grpc_message_whole(&exchange->message)) {
        refuse(conn, exchange, GRPC_INTERNAL, "the request ended before its message did");
    } else {
        exchange_start(exchange);
    }
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct conn *conn = user;
    if (conn->closing) return 0;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    struct exchange *exchange =
        nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (!exchange) return 0;
    if (frame->hd.type == NGHTTP2_HEADERS && !exchange->headers_done) {
        exchange->headers_done = true;
        exchange->refuse_status = check_headers(exchange);
    }
    if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) end_request(conn, exchange);
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data,
                   size_t len, void *user)
{
    (void)flags;
    struct conn *conn = user;
    if (conn->closing) return 0;
    struct exchange *exchange = nghttp2_session_get_stream_user_data(session, stream);
    if (!exchange || exchange->state != EXCHANGE_READING || exchange->refuse_status) return 0;
    if (!budget_take(conn, &exchange->input_bytes, len)) {
        refuse(conn, exchange, GRPC_UNAVAILABLE,
               "the server holds too many requests; try again");
        return 0;
    }
    const int rc = grpc_message_feed(&exchange->message, data, len);
    if (rc == 0) return 0;
    char text[128];
    if (rc == KITH_ELIMIT) {
        (void)snprintf(text, sizeof text, "grpc: received message larger than max (%u vs. %u)",
                       exchange->message.len, GRPC_REQUEST_BYTES_MAX);
        refuse(conn, exchange, GRPC_RESOURCE_EXHAUSTED, text);
    } else if (rc == KITH_ENOMEM) {
        refuse(conn, exchange, GRPC_RESOURCE_EXHAUSTED, "no memory for the request");
    } else {
        refuse(conn, exchange, GRPC_INTERNAL, "the message frame is malformed");
    }
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream, uint32_t code, void *user)
{
    (void)code;
    const struct conn *conn = user;
    if (conn->closing) return 0;
    struct exchange *exchange = nghttp2_session_get_stream_user_data(session, stream);
    if (!exchange) return 0;
    if (exchange->state == EXCHANGE_RUNNING) exchange_detach(exchange); /* its client went away */
    else exchange_free(exchange);
    return 0;
}

void h2_input(struct conn *conn, const uint8_t *data, size_t len)
{
    const ssize_t used = nghttp2_session_mem_recv(conn->h2, data, len);
    if (used < 0 || (size_t)used != len) {
        h2_pump(conn); /* a GOAWAY says why */
        conn->close_after_write = true;
        return;
    }
    h2_pump(conn);
}

void h2_goaway(struct conn *conn)
{
    if (conn->h2_goaway) return;
    conn->h2_goaway = true;
    (void)nghttp2_submit_goaway(conn->h2, NGHTTP2_FLAG_NONE,
                                nghttp2_session_get_last_proc_stream_id(conn->h2),
                                NGHTTP2_NO_ERROR, NULL, 0);
    h2_pump(conn);
}

void h2_know(struct conn *conn)
{
    const nghttp2_settings_entry more[] = {
        { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, NET_STREAMS_MAX },
    };
    (void)nghttp2_submit_settings(conn->h2, NGHTTP2_FLAG_NONE, more, 1);
}

/* ---- memory of nghttp2 ---- */

static void *h2_malloc(size_t size, void *user)
{
    (void)user;
    return mem_alloc(size);
}
static void h2_free(void *ptr, void *user)
{
    (void)user;
    mem_free(ptr);
}
static void *h2_calloc(size_t count, size_t size, void *user)
{
    (void)user;
    return mem_zalloc_array(count, size);
}
static void *h2_realloc(void *ptr, size_t size, void *user)
{
    (void)user;
    return mem_realloc(ptr, size);
}

static int make_session(struct conn *conn)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    nghttp2_mem mem = { NULL, h2_malloc, h2_free, h2_calloc, h2_realloc };
    if (nghttp2_session_callbacks_new(&callbacks)) return KITH_ENOMEM;
    if (nghttp2_option_new(&option)) {
        nghttp2_session_callbacks_del(callbacks);
        return KITH_ENOMEM;
    }
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_option_set_no_closed_streams(option, 1);
    const int rc = nghttp2_session_server_new3(&conn->h2, callbacks, conn, option, &mem);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    return rc ? KITH_ENOMEM : 0;
}

int h2_begin(struct conn *conn)
{
    const int rc = make_session(conn);
    if (rc) return rc;
    const nghttp2_settings_entry settings[] = {
        { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, NET_STREAMS_STRANGER },
        { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, NET_WINDOW_BYTES },
        { NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, NET_HEADER_BYTES_MAX },
    };
    conn_timer(conn, 0);
    if (nghttp2_submit_settings(conn->h2, NGHTTP2_FLAG_NONE, settings, 3) ||
        nghttp2_session_set_local_window_size(conn->h2, NGHTTP2_FLAG_NONE, 0, NET_WINDOW_BYTES))
        return KITH_ENOMEM;
    h2_pump(conn);
    return 0;
}
