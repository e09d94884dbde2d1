/*
 * A connection over libuv, with a loop of its own that runs while somebody waits: see client.h.
 */
#include "client/client.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "base/alloc.h"

#define READ_BYTES 65536u
#define PORT_BYTES 16u

struct client {
    uv_loop_t loop;
    uv_tcp_t tcp;
    uv_timer_t timer;
    unsigned timeout_ms; /* 0: none */
    bool has_tcp, done, timed_out;
    int status;         /* of what was waited for: a libuv error, or 0 */
    struct buffer *into; /* borrows, while something is received */
};

/* ---- waiting ---- */

static void end(struct client *client, int status)
{
    client->status = status;
    client->done = true;
}

static void on_timer(uv_timer_t *timer)
{
    struct client *client = timer->data;
    client->timed_out = true;
    end(client, UV_ETIMEDOUT);
}

static int wait_for(struct client *client)
{
    if (client->timeout_ms) (void)uv_timer_start(&client->timer, on_timer, client->timeout_ms, 0);
    while (!client->done) (void)uv_run(&client->loop, UV_RUN_ONCE);
    (void)uv_timer_stop(&client->timer);
    return client->status;
}

static void begin(struct client *client)
{
    client->done = client->timed_out = false;
    client->status = 0;
}

static int fail(int status, const char *what, struct kith_error *err)
{
    if (status == UV_EOF || status == UV_ECONNRESET)
        return error_set(err, KITH_ECLOSED, "the server closed the connection");
    if (status == UV_ETIMEDOUT)
        return error_set(err, KITH_ETIMEDOUT, "%s: no answer in time", what);
    if (status == UV_ECONNREFUSED)
        return error_set(err, KITH_EIO, "%s takes no connections; 'kith serve' and "
                         "'kith redis-server' start a server", what);
    if (status == UV_ENOMEM) return error_set(err, KITH_ENOMEM, "%s: no memory", what);
    return error_set(err, KITH_EIO, "%s: %s", what, uv_strerror(status));
}

/* ---- opening ---- */

static void on_closed(uv_handle_t *handle)
{
    struct client *client = handle->data;
    client->has_tcp = false;
}

static void drop_tcp(struct client *client)
{
    if (!client->has_tcp) return;
    uv_close((uv_handle_t *)&client->tcp, on_closed);
    while (client->has_tcp) (void)uv_run(&client->loop, UV_RUN_ONCE);
}

static void on_connect(uv_connect_t *connect, int status)
{
    end(connect->data, status);
}

static int dial(struct client *client, const struct sockaddr *address)
{
    uv_connect_t connect = { .data = client };
    int status = uv_tcp_init(&client->loop, &client->tcp);
    if (status) return status;
    client->tcp.data = client;
    client->has_tcp = true;
    begin(client);
    status = uv_tcp_connect(&connect, &client->tcp, address, on_connect);
    if (status == 0) status = wait_for(client);
    if (status == 0) (void)uv_tcp_nodelay(&client->tcp, 1);
    else drop_tcp(client); /* which also ends a connect that is under way */
    return status;
}

static int connect_to(struct client *client, const char *host, unsigned port,
                      struct kith_error *err)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    char digits[PORT_BYTES], what[256];
    uv_getaddrinfo_t names;
    (void)snprintf(digits, sizeof digits, "%u", port);
    (void)snprintf(what, sizeof what, "%.200s:%u", host, port);
    int status = uv_getaddrinfo(&client->loop, &names, NULL, host, digits, &hints);
    if (status) return fail(status, what, err);
    status = UV_ECONNREFUSED;
    for (const struct addrinfo *each = names.addrinfo; each && status; each = each->ai_next)
        status = dial(client, each->ai_addr);
    uv_freeaddrinfo(names.addrinfo);
    return status ? fail(status, what, err) : 0;
}

int client_open(const char *host, unsigned port, unsigned timeout_ms, struct client **out,
                struct kith_error *err)
{
    struct client *client = mem_zalloc(sizeof *client);
    if (!client) return error_set(err, KITH_ENOMEM, "no memory");
    client->timeout_ms = timeout_ms;
    const int status = uv_loop_init(&client->loop);
    if (status) {
        mem_free(client);
        return fail(status, "the event loop", err);
    }
    (void)uv_timer_init(&client->loop, &client->timer);
    client->timer.data = client;
    const int rc = connect_to(client, host, port, err);
    if (rc == 0) *out = client;
    else client_close(client);
    return rc;
}

void client_close(struct client *client)
{
    if (!client) return;
    drop_tcp(client);
    uv_close((uv_handle_t *)&client->timer, NULL);
    (void)uv_run(&client->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&client->loop);
    mem_free(client);
}

/* ---- bytes ---- */

static void on_sent(uv_write_t *write, int status)
{
    if (write->data) end(write->data, status);
}

int client_send(struct client *client, const void *data, size_t len, struct kith_error *err)
{
    uv_write_t write = { .data = client };
    while (len) {
        const size_t most = (size_t)1 << 30;
        const size_t part = len < most ? len : most;
        uv_buf_t bytes = uv_buf_init((char *)(uintptr_t)data, (unsigned)part);
        begin(client);
        int status = uv_write(&write, (uv_stream_t *)&client->tcp, &bytes, 1, on_sent);
        if (status == 0) status = wait_for(client);
        if (client->timed_out) { /* the write is still under way: it ends with the connection */
            write.data = NULL;
            drop_tcp(client);
        }
        if (status) return fail(status, "sending", err);
        data = (const char *)data + part;
        len -= part;
    }
    return 0;
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    struct client *client = handle->data;
    (void)suggested;
    const bool room = buffer_reserve(client->into, READ_BYTES) == 0;
    *out = uv_buf_init(room ? (char *)client->into->data + client->into->len : NULL,
                       room ? READ_BYTES : 0);
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *bytes)
{
    struct client *client = stream->data;
    (void)bytes;
    if (len == 0) return; /* nothing yet */
    if (len > 0) client->into->len += (size_t)len;
    (void)uv_read_stop(stream);
    end(client, len < 0 ? (int)len : 0);
}

int client_receive(struct client *client, struct buffer *in, struct kith_error *err)
{
    if (!client->has_tcp) return fail(UV_EOF, "receiving", err);
    begin(client);
    client->into = in;
    int status = uv_read_start((uv_stream_t *)&client->tcp, on_room, on_read);
    if (status == 0) status = wait_for(client);
    (void)uv_read_stop((uv_stream_t *)&client->tcp);
    if (status == UV_ENOBUFS) status = UV_ENOMEM;
    return status ? fail(status, "receiving", err) : 0;
}
