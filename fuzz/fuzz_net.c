/*
 * Bytes into a connection: HTTP/1.1 or HTTP/2 as the bytes say, with an echo behind it. The
 * connection is a real one of a loop that runs in this thread; its socket is one end of a pair that
 * nobody listens to, and input is handed over as if it had been read, in the pieces that the first
 * byte chooses. Its lowest bit: put the preface of HTTP/2 and SETTINGS first, so that frames need
 * not be found by chance.
 *
 * Oracle: no report of a sanitizer; when the connection is closed, nothing is counted any more: no
 * connection, no exchange, no bytes of input or output.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "net/net_internal.h"

static struct net *net;
static struct net_door door;

static void echo(void *ctx, struct exchange *exchange)
{
    (void)ctx;
    const struct kith_str body = exchange_body(exchange), path = exchange_path(exchange);
    (void)exchange_call(exchange);
    if (path.len > 1 && path.data[1] == 't') exchange_trust(exchange);
    if (path.len > 1 && path.data[1] == 'f') exchange_set_grpc_status(exchange, 7, "no");
    if (path.len > 1 && path.data[1] == 'b') /* a larger one */
        (void)buffer_extend(exchange_reply(exchange), 0);
    buffer_put(exchange_reply(exchange), body.data, body.len);
    exchange_end(exchange);
}

/* Nothing is unpacked here: that is a worker's, and gunzip has a target of its own. */
static bool admit(void *ctx, struct exchange *exchange)
{
    (void)ctx;
    exchange_set_grpc_status(exchange, 16, "nobody");
    return false;
}

static void prepare(void)
{
    struct kith_error err = { 0 };
    door = (struct net_door){ .name = "fuzz", .bind = "127.0.0.1", .fd = -1, .grpc = true,
                              .body_bytes_max = 1 << 16, .handle = echo, .admit = admit };
    const struct net_opts opts = { .os = os_real(), .doors = &door, .door_count = 1,
                                   .limits = { .loops = 1, .workers = 1,
                                               .output_bytes_max = 1 << 16,
                                               .output_bytes_all = 1 << 17,
                                               .input_bytes_all = 1 << 17 } };
    MUST(net_new(&opts, &net, &err) == 0);
    MUST(pool_new(os_real(), "worker", 1, 0, 64, &net->pool, &err) == 0);
    MUST(loop_init(&net->loops[0], net, &err) == 0); /* net_start would give it a thread */
    net->loop_count = 1;
}

static void feed(struct conn *conn, const uint8_t *data, size_t len)
{
    if (len == 0 || conn->closing || conn->close_after_write) return;
    conn_input(conn, data, len);
    if (!conn->closing) conn_flush(conn);
}

static void run_loop(struct loop *loop)
{
    ready_turn(loop, false);
    for (int i = 0; net->exchanges > 0 && i < 100000; i++) { /* a refused unpacking is a worker's */
        ready_turn(loop, false);
        if (net->exchanges > 0 && i > 10) os_sleep_us(os_real(), 20);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
    int pair[2];
    if (len < 2) return 0;
    if (!net) prepare();
    struct loop *loop = &net->loops[0];
    const bool h2 = data[0] & 1;
    size_t piece = data[0] >> 1;
    if (piece == 0) piece = len;
    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
    struct conn *conn = conn_new(loop, 0);
    MUST(conn && uv_tcp_open(&conn->tcp, pair[0]) == 0);
    conn_begin(conn, 0);
    if (h2 && !conn->closing) feed(conn, preface, sizeof preface - 1);
    for (size_t at = 1; at < len && !conn->closing; at += piece) {
        feed(conn, data + at, len - at < piece ? len - at : piece);
        if (at % 3 == 0) { /* replies between the pieces, or all at the end */
            const uint64_t before = net->connections;
            run_loop(loop);
            if (net->connections < before) { /* closed, and freed */
                conn = NULL;
                break;
            }
        }
    }
    run_loop(loop);
    if (net->connections > 0 && conn) conn_close(conn);
    for (int i = 0; i < 10 && net->connections > 0; i++) run_loop(loop);
    (void)close(pair[1]);
    MUST(net->connections == 0 && net->exchanges == 0);
    MUST(net->input_bytes == 0 && net->output_bytes == 0 && net->unpacked_bytes == 0);
    return 0;
}
