/*
 * The load client: one thread, epoll, as many requests in flight as asked for. HTTP/2 by nghttp2
 * with many streams a connection, or HTTP/1.1 with one request a connection.
 *
 * Bodies are encoded before; a reply is looked at only when somebody asks for it. The client has a
 * core of its own, and what it costs there is not counted.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "milvus_bench.h"

#define READ_BYTES 65536
#define WINDOW_BYTES (16 << 20)

struct running;

struct link { /* a connection */
    struct running *run;
    int fd;
    bool wants_write;
    struct buffer out;
    size_t sent;
    nghttp2_session *h2;
    /* HTTP/1.1 */
    struct buffer in;
    size_t request;
    double began_s;
};

struct stream { /* a call over HTTP/2 */
    size_t request, sent; /* sent: of prefix and body */
    double began_s;
    uint8_t prefix[5];
    struct buffer reply;
    bool refused;
};

struct running {
    const struct load *load;
    struct link *links;
    int epoll;
    uint64_t begun, ended, bytes;
    double start_s, end_s;
    double *latencies;
    size_t latency_count, latency_cap;
};

/* ---- sockets ---- */

int connect_to(uint16_t port)
{
    const struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port),
                                         .sin_addr = { htonl(INADDR_LOOPBACK) } };
    const int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address))
        die("connecting to port %u: %s", port, strerror(errno));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static void watch(struct link *link, int op)
{
    struct epoll_event event = { .events = EPOLLIN | (link->wants_write ? EPOLLOUT : 0u),
                                 .data = { .ptr = link } };
    if (epoll_ctl(link->run->epoll, op, link->fd, &event)) die("epoll: %s", strerror(errno));
}

static void link_flush(struct link *link)
{
    while (link->sent < link->out.len) {
        const ssize_t n = write(link->fd, link->out.data + link->sent, link->out.len - link->sent);
        if (n < 0 && errno == EAGAIN) break;
        if (n <= 0) die("the server closed a connection: %s", strerror(errno));
        link->sent += (size_t)n;
    }
    const bool more = link->sent < link->out.len;
    if (!more) {
        buffer_clear(&link->out);
        link->sent = 0;
    }
    if (more == link->wants_write) return;
    link->wants_write = more;
    watch(link, EPOLL_CTL_MOD);
}

/* ---- what is measured ---- */

static bool may_begin(const struct running *run)
{
    if (run->load->requests) return run->begun < run->load->requests;
    return now_s() < run->start_s + run->load->seconds;
}

static void note(struct running *run, double began_s)
{
    if (run->latency_count == run->latency_cap) {
        run->latency_cap = run->latency_cap ? run->latency_cap * 2 : 65536;
        run->latencies = realloc(run->latencies, run->latency_cap * sizeof *run->latencies);
        if (!run->latencies) die("no memory");
    }
    run->end_s = now_s();
    run->latencies[run->latency_count++] = (run->end_s - began_s) * 1e6;
    run->ended++;
}

static const struct buffer *body_of(const struct running *run, size_t request)
{
    return &run->load->bodies[request % run->load->count];
}

/* ---- HTTP/2 ---- */

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *out, size_t room,
                         uint32_t *flags, nghttp2_data_source *source, void *user)
{
    (void)session;
    (void)id;
    const struct link *link = user;
    struct stream *stream = source->ptr;
    const struct buffer *body = body_of(link->run, stream->request);
    size_t len = 0;
    while (stream->sent < 5 && len < room) out[len++] = stream->prefix[stream->sent++];
    size_t more = body->len + 5 - stream->sent;
    if (more > room - len) more = room - len;
    if (more) memcpy(out + len, body->data + stream->sent - 5, more);
    stream->sent += more;
    if (stream->sent == body->len + 5) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)(len + more);
}

#define NV(name_, value_) \
    { (uint8_t *)(uintptr_t)(name_), (uint8_t *)(uintptr_t)(value_), strlen(name_), \
      strlen(value_), NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE }

static void h2_request(struct link *link)
{
    struct running *run = link->run;
    const nghttp2_nv headers[] = {
        NV(":method", "POST"), NV(":scheme", "http"), NV(":path", run->load->path),
        NV(":authority", "localhost"), NV("te", "trailers"),
        NV("content-type", "application/grpc"), NV("user-agent", "milvus-bench"),
    };
    struct stream *stream = calloc(1, sizeof *stream);
    if (!stream) die("no memory");
    stream->request = (size_t)run->begun++;
    stream->began_s = now_s();
    const size_t len = body_of(run, stream->request)->len;
    for (unsigned i = 0; i < 4; i++) stream->prefix[1 + i] = (uint8_t)(len >> (24 - 8 * i));
    run->bytes += len;
    const nghttp2_data_provider provider = { .source = { .ptr = stream },
                                             .read_callback = read_body };
    if (nghttp2_submit_request(link->h2, NULL, headers, 7, &provider, stream) < 0)
        die("a request was refused by the client's session");
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t len, void *user)
{
    (void)flags;
    (void)user;
    struct stream *stream = nghttp2_session_get_stream_user_data(session, id);
    if (stream) buffer_put(&stream->reply, data, len);
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user)
{
    (void)flags;
    (void)user;
    struct stream *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    const bool status = name_len == 11 && memcmp(name, "grpc-status", 11) == 0;
    if (stream && status && (value_len != 1 || value[0] != '0')) stream->refused = true;
    return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
    struct link *link = user;
    struct running *run = link->run;
    struct stream *stream = nghttp2_session_get_stream_user_data(session, id);
    if (!stream) return 0;
    if (code || stream->refused || stream->reply.len < 5)
        die("%s was refused: code %u, %zu bytes", run->load->path, code, stream->reply.len);
    note(run, stream->began_s);
    if (run->load->on_reply)
        run->load->on_reply(run->load->ctx, stream->request, stream->reply.data + 5,
                            stream->reply.len - 5);
    buffer_release(&stream->reply);
    free(stream);
    if (may_begin(run)) h2_request(link);
    return 0;
}

static void h2_pump(struct link *link)
{
    const uint8_t *data;
    ssize_t len;
    while ((len = nghttp2_session_mem_send(link->h2, &data)) > 0)
        buffer_put(&link->out, data, (size_t)len);
    if (len < 0 || buffer_failed(&link->out)) die("the client's session failed");
    link_flush(link);
}

static void h2_open(struct link *link)
{
    nghttp2_session_callbacks *callbacks;
    const nghttp2_settings_entry settings[] = {
        { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW_BYTES },
        { NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
    };
    if (nghttp2_session_callbacks_new(&callbacks)) die("no memory");
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    if (nghttp2_session_client_new(&link->h2, callbacks, link) ||
        nghttp2_submit_settings(link->h2, NGHTTP2_FLAG_NONE, settings, 2) ||
        nghttp2_session_set_local_window_size(link->h2, NGHTTP2_FLAG_NONE, 0, WINDOW_BYTES))
        die("no memory");
    nghttp2_session_callbacks_del(callbacks);
}

static void h2_input(struct link *link, const uint8_t *data, size_t len)
{
    if (nghttp2_session_mem_recv(link->h2, data, len) != (ssize_t)len)
        die("the server does not speak HTTP/2");
    h2_pump(link);
}

/* ---- HTTP/1.1 ---- */

static void h1_request(struct link *link)
{
    struct running *run = link->run;
    link->request = (size_t)run->begun++;
    link->began_s = now_s();
    const struct buffer *body = body_of(run, link->request);
    buffer_printf(&link->out,
                  "POST %s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: milvus-bench\r\n"
                  "Accept: application/json\r\nContent-Type: application/json\r\n"
                  "Content-Length: %zu\r\n\r\n",
                  run->load->path, body->len);
    buffer_put(&link->out, body->data, body->len);
    run->bytes += body->len;
    link_flush(link);
}

/* true: a whole reply was there; it is reported and removed. */
static bool h1_reply(struct link *link)
{
    struct buffer *in = &link->in;
    buffer_put_u8(in, 0); /* for the string functions */
    in->len--;
    const char *text = (const char *)in->data, *end = strstr(text, "\r\n\r\n");
    const char *length = end ? strcasestr(text, "\r\ncontent-length:") : NULL;
    if (!end) return false;
    if (!length || length > end) die("a reply has no length");
    const size_t head = (size_t)(end - text) + 4, len = strtoul(length + 17, NULL, 10);
    if (in->len < head + len) return false;
    if (strncmp(text, "HTTP/1.1 200", 12) != 0) die("HTTP says %.40s", text);
    if (strncmp(text + head, "{\"code\":0", 9) != 0) die("REST says %.200s", text + head);
    note(link->run, link->began_s);
    if (link->run->load->on_reply)
        link->run->load->on_reply(link->run->load->ctx, link->request, in->data + head, len);
    in->len = 0;
    return true;
}

static void h1_input(struct link *link, const uint8_t *data, size_t len)
{
    buffer_put(&link->in, data, len);
    if (h1_reply(link) && may_begin(link->run)) h1_request(link);
}

/* ---- a run ---- */

static void link_open(struct running *run, struct link *link, unsigned flight)
{
    *link = (struct link){ .run = run, .fd = connect_to(run->load->port) };
    (void)fcntl(link->fd, F_SETFL, O_NONBLOCK);
    watch(link, EPOLL_CTL_ADD);
    if (run->load->rest) {
        if (may_begin(run)) h1_request(link);
        return;
    }
    h2_open(link);
    for (unsigned i = 0; i < flight && may_begin(run); i++) h2_request(link);
    h2_pump(link);
}

static void link_close(struct link *link)
{
    nghttp2_session_del(link->h2);
    buffer_release(&link->out);
    buffer_release(&link->in);
    close(link->fd);
}

static void link_read(struct link *link)
{
    uint8_t bytes[READ_BYTES];
    const ssize_t len = read(link->fd, bytes, sizeof bytes);
    if (len < 0 && errno == EAGAIN) return;
    if (len <= 0) die("the server closed a connection");
    if (link->run->load->rest) h1_input(link, bytes, (size_t)len);
    else h2_input(link, bytes, (size_t)len);
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static void finish(struct running *run, struct load_result *out)
{
    const size_t n = run->latency_count;
    if (n == 0) die("no request was answered");
    qsort(run->latencies, n, sizeof *run->latencies, by_value);
    *out = (struct load_result){ .requests = run->ended,
                                 .bytes_sent = run->bytes,
                                 .seconds = run->end_s - run->start_s,
                                 .p50_us = run->latencies[n / 2],
                                 .p99_us = run->latencies[n * 99 / 100] };
    free(run->latencies);
}

void load_run(const struct load *load, struct load_result *out)
{
    const unsigned links = load->rest ? load->flight : load->connections;
    struct running run = { .load = load, .epoll = epoll_create1(EPOLL_CLOEXEC) };
    run.links = calloc(links, sizeof *run.links);
    if (run.epoll < 0 || !run.links) die("no memory");
    run.start_s = now_s();
    for (unsigned i = 0; i < links; i++)
        link_open(&run, &run.links[i], load->flight / links + (i < load->flight % links));
    while (run.ended < run.begun) {
        struct epoll_event events[64];
        const int n = epoll_wait(run.epoll, events, 64, 600000);
        if (n == 0) die("no reply within ten minutes");
        for (int i = 0; i < n; i++) {
            struct link *link = events[i].data.ptr;
            if (events[i].events & EPOLLOUT) link_flush(link);
            if (events[i].events & ~(uint32_t)EPOLLOUT) link_read(link);
        }
    }
    for (unsigned i = 0; i < links; i++) link_close(&run.links[i]);
    free(run.links);
    close(run.epoll);
    finish(&run, out);
}

/* ---- one RPC ---- */

struct asked {
    const ProtobufCMessageDescriptor *kind;
    void *reply;
};

static void take_reply(void *ctx, size_t request, const uint8_t *body, size_t len)
{
    struct asked *asked = ctx;
    (void)request;
    asked->reply = protobuf_c_message_unpack(asked->kind, NULL, len, body);
}

void *grpc_call(uint16_t port, const char *rpc, const ProtobufCMessage *request,
                const ProtobufCMessageDescriptor *reply)
{
    char path[128];
    struct buffer body = { 0 };
    struct asked asked = { .kind = reply };
    struct load_result result;
    const size_t len = protobuf_c_message_get_packed_size(request);
    (void)snprintf(path, sizeof path, "/milvus.proto.milvus.MilvusService/%s", rpc);
    uint8_t *room = buffer_extend(&body, len + 1);
    if (!room) die("no memory");
    body.len = protobuf_c_message_pack(request, room);
    const struct load load = { .port = port, .path = path, .bodies = &body, .count = 1,
                               .connections = 1, .flight = 1, .requests = 1,
                               .on_reply = take_reply, .ctx = &asked };
    load_run(&load, &result);
    buffer_release(&body);
    if (!asked.reply) die("the reply of %s is no message of it", rpc);
    return asked.reply;
}
